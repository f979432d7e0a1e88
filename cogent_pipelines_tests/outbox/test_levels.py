"""Stock levels: batches, compare-and-set, idempotency keys, and what is right now."""

from __future__ import annotations

import pytest

from cogent_pipelines.ledger import books
from cogent_pipelines_tests.outbox.loop import Loop

SYNC = "stock_to_channel"


def want(loop: Loop, **levels: int) -> None:
    """Want levels from what the shop has now, as a fresh reading of it would."""
    loop.wanted.want_levels(loop.shop, **levels)


def test_levels_go_in_batches_as_large_as_the_vendor_takes(loop: Loop) -> None:
    """600 changes: three calls, and looks at the largest read batch."""
    loop.shop.levels = {f"k{number}": 5 for number in range(600)}
    want(loop, **{f"k{number}": 3 for number in range(600)})
    loop.tick()
    assert set(loop.shop.levels.values()) == {3}
    assert loop.shop.count("POST", "/levels") == 3
    assert loop.shop.count("GET", "/levels") == 6
    assert set(loop.states(SYNC).values()) == {"verified"}


def test_one_bad_row_is_taken_out_and_the_rest_goes_again_under_a_new_key(loop: Loop) -> None:
    """The vendor refuses the whole batch for it; nobody else waits for it."""
    loop.shop.levels = {"a": 5, "b": 5, "c": 5}
    want(loop, a=3, b=-1, c=4)
    loop.tick()
    assert loop.shop.levels == {"a": 3, "b": 5, "c": 4}
    assert loop.states(SYNC) == {"a": "verified", "b": "rejected bad", "c": "verified"}
    assert len(loop.shop.keys) == 2


def test_a_batch_refused_whole_is_halved_until_the_poison_stands_alone(loop: Loop) -> None:
    """A refusal that names no row."""
    loop.shop.levels = {f"k{number}": 5 for number in range(9)}
    loop.shop.always['"k4"'] = "rejected"
    want(loop, **{f"k{number}": 3 for number in range(9)})
    loop.tick()
    states = loop.states(SYNC)
    assert states.pop("k4") == "rejected unwelcome"
    assert set(states.values()) == {"verified"}


def test_a_level_somebody_else_changed_is_left_to_the_next_plan(loop: Loop) -> None:
    """A sale between our reading and our sending: the older wish must not overwrite it."""
    loop.shop.levels = {"a": 9, "b": 9}
    want(loop, a=7, b=7)
    loop.wanted.pulled()
    loop.plan(SYNC)
    loop.shop.levels["a"] = 8
    loop.deliver()
    assert loop.shop.levels == {"a": 8, "b": 7}
    assert loop.states(SYNC)["a"] == "superseded moved_on"
    loop.move_on(60)
    want(loop, a=6, b=7)
    loop.tick()
    assert loop.shop.levels == {"a": 6, "b": 7}


def test_a_level_changed_between_look_and_send_is_refused_by_the_vendor_and_left_too(loop: Loop) -> None:
    """Compare-and-set catches what the look could not."""
    loop.shop.levels = {"a": 9, "b": 9}
    want(loop, a=7, b=7)
    loop.shop.before_send = lambda request: (
        loop.shop.levels.__setitem__("a", 8) if len(loop.shop.keys) == 0 else None
    )
    loop.tick()
    assert loop.shop.levels == {"a": 8, "b": 7}
    assert loop.states(SYNC) == {"a": "superseded moved_on", "b": "verified"}


def test_the_same_wish_is_not_planned_again_from_a_reading_older_than_its_sending(loop: Loop) -> None:
    """``wanted`` still shows the difference until the shop is read again."""
    loop.shop.levels = {"a": 9}
    want(loop, a=7)
    loop.tick()
    loop.wanted.run("DELETE FROM ops.pulls")
    loop.wanted.pulled(at=None)
    loop.wanted.run("UPDATE ops.pulls SET started_at = started_at - INTERVAL 90 SECOND")
    report = loop.plan(SYNC)
    assert (report.wanted, report.planned, report.done_before) == (1, 0, 1)


def test_a_level_that_drifts_is_set_again_and_again(loop: Loop) -> None:
    """``whenever_different``: a verified level is no reason not to mend it tomorrow."""
    loop.shop.levels = {"a": 9}
    for seen in (9, 2, 30):
        loop.shop.levels["a"] = seen
        want(loop, a=7)
        loop.tick()
        assert loop.shop.levels == {"a": 7}
    assert [hop.promise.generation for hop in books.trace(loop.ledger, "a").hops] == [1, 2, 3]


def test_a_newer_wish_takes_the_place_of_one_not_sent(loop: Loop) -> None:
    """Two plans before a delivery: only the newer level is sent."""
    loop.shop.levels = {"a": 9}
    want(loop, a=7)
    loop.wanted.pulled()
    loop.plan(SYNC)
    want(loop, a=2)
    loop.plan(SYNC)
    loop.deliver()
    assert [call.body["rows"][0]["to"] for call in loop.shop.calls if call.is_write] == [2]
    assert [h.promise.state for h in books.trace(loop.ledger, "a").hops] == ["superseded", "verified"]


@pytest.mark.parametrize("wrong", ["lost", "lost_after", "odd"])
def test_in_doubt_the_same_body_goes_again_under_the_same_key_without_waiting_to_settle(
    loop: Loop, wrong: str
) -> None:
    """The vendor's own idempotency makes it one effect; a stock decrease does not wait a minute."""
    loop.shop.levels = {"a": 9, "b": 9}
    loop.shop.wrongs.append(("/levels", wrong))
    want(loop, a=7, b=3)
    loop.wanted.pulled()
    loop.move_on(0.001)
    loop.plan(SYNC)
    loop.deliver()
    assert set(loop.states(SYNC).values()) == {"sent"}
    loop.move_on(12)
    loop.verify()
    loop.deliver()
    assert loop.shop.levels == {"a": 7, "b": 3}
    assert set(loop.states(SYNC).values()) == {"verified"}
    assert len(loop.shop.keys) == 1


@pytest.mark.parametrize("answer", ["throttled", "rejected"])
def test_a_repeat_that_is_refused_leaves_the_first_send_in_doubt(loop: Loop, answer: str) -> None:
    """The refusal is about the repeat; what the first one did is still not known."""
    loop.shop.levels = {"a": 9}
    loop.shop.wrongs += [("/levels", "lost"), ("/levels", answer)]
    want(loop, a=7)
    loop.wanted.pulled()
    loop.move_on(0.001)
    loop.plan(SYNC)
    loop.deliver()
    loop.move_on(12)
    loop.verify()
    loop.deliver()
    assert loop.states(SYNC) == {"a": "sent no_same_key"}
    for _ in range(5):
        loop.move_on(30)
        loop.wanted.pulled()
        loop.verify()
        loop.deliver()
    assert loop.shop.levels == {"a": 7}


def test_a_batch_in_doubt_that_cannot_be_repeated_whole_waits_to_settle(loop: Loop) -> None:
    """One of it turned out to be there: the body would be another one, so the key is not used again."""
    loop.shop.levels = {"a": 9, "b": 9}
    loop.shop.wrongs.append(("/levels", "lost"))
    want(loop, a=7, b=3)
    loop.wanted.pulled()
    loop.move_on(0.001)
    loop.plan(SYNC)
    loop.deliver()
    loop.shop.levels["a"] = 7
    loop.move_on(12)
    loop.verify()
    loop.deliver()
    states = loop.states(SYNC)
    assert states == {"a": "verified", "b": "sent no_same_key"}
    for _ in range(4):
        loop.move_on(30)
        loop.wanted.pulled()
        loop.verify()
        loop.deliver()
    assert loop.shop.levels == {"a": 7, "b": 3}
    assert loop.states(SYNC)["b"] == "verified"


def test_a_yes_that_becomes_a_no_is_rejected_with_the_targets_words(loop: Loop) -> None:
    """Once, at the first look that tells; what a target said before anything was sent is no answer to it."""
    loop.shop.levels = {"a": 5, "b": 5}
    loop.shop.late["a"] = "the queue cannot set it"
    want(loop, a=3, b=3)
    loop.tick()
    assert loop.states(SYNC) == {"a": "rejected rejected", "b": "verified"}
    assert loop.shop.count("POST", "/levels") == 1
    (hop,) = books.trace(loop.ledger, "a").hops
    assert (hop.promise.message, hop.promise.attempts) == ("the queue cannot set it", 1)


def test_a_yes_that_stores_nothing_is_sent_again_under_another_key(loop: Loop) -> None:
    """The same key would only bring the same empty yes."""
    loop.shop.levels = {"a": 9}
    loop.shop.wrongs.append(("/levels", "stores_nothing"))
    for _ in range(5):
        want(loop, a=7)
        loop.tick()
    assert loop.shop.levels == {"a": 7}
    assert loop.states(SYNC) == {"a": "verified"}


def test_a_decrease_goes_before_an_increase(loop: Loop) -> None:
    """Overselling is worse than underselling."""
    loop.shop.levels = {"a": 9, "b": 9}
    want(loop, a=10, b=1)
    loop.tick()
    (rows,) = [call.body["rows"] for call in loop.shop.calls if call.is_write]
    assert [row["key"] for row in rows] == ["b", "a"]


def test_a_level_that_is_right_already_needs_no_send(loop: Loop) -> None:
    """Somebody mended it by hand since it was read."""
    loop.shop.levels = {"a": 9}
    want(loop, a=7)
    loop.wanted.pulled()
    loop.plan(SYNC)
    loop.shop.levels["a"] = 7
    loop.deliver()
    assert loop.states(SYNC) == {"a": "verified already_there"}
    assert loop.shop.count("POST", "/levels") == 0
