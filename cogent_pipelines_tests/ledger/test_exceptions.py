"""The life of an exception, a message and a pause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cogent_pipelines import clock
from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import controls, exceptions, messages
from cogent_pipelines.ledger.exceptions import Change, Finding, Found
from cogent_pipelines.ledger.ledger import Ledger

MoveOn = Callable[[timedelta | float], None]
RULE = "every_paid_order_reached_a_warehouse"


def look(book: Ledger, *keys: str, state: str = "fail", **fields: object) -> Change:
    """One evaluation that returns these keys."""
    rows = [Found(key, "lost", **fields) for key in keys]  # type: ignore[arg-type]
    found = exceptions.apply(book, [Finding(RULE, state, "operations", "error", rows)])  # type: ignore[arg-type]
    return found.get(RULE, Change())


def test_a_row_opens_one_exception_and_its_absence_closes_it(book: Ledger, at: MoveOn) -> None:
    """However often it is seen; first and last seen are kept."""
    began = clock.now()
    assert look(book, "a", "b").opened == ("a", "b")
    at(60)
    assert look(book, "a", "b") == Change(standing=2)
    at(60)
    assert look(book, "b").closed == ("a",)
    (row,) = exceptions.history(book, RULE, "a")
    assert (row["opened_at"], row["last_seen_at"], row["closed_at"]) == (
        began,
        began + timedelta(seconds=60),
        began + timedelta(seconds=120),
    )
    assert row["closed_by"] == "evidence"


def test_an_evaluation_that_finds_the_same_changes_no_exception(book: Ledger, at: MoveOn) -> None:
    """Not even its last-seen."""
    look(book, "a")
    (before,) = exceptions.history(book, RULE)
    at(60)
    look(book, "a")
    assert exceptions.history(book, RULE) == [before]


def test_unknown_opens_nothing_and_closes_nothing(book: Ledger) -> None:
    """An input was stale: its silence says nothing."""
    look(book, "a")
    assert look(book, "b", state="unknown") == Change()
    assert list(exceptions.standing(book)[RULE]) == ["a"]
    assert exceptions.evaluated(book)[RULE]["state"] == "unknown"


def test_a_fault_that_comes_back_is_another_exception(book: Ledger) -> None:
    """With its own beginning."""
    look(book, "a")
    look(book)
    look(book, "a")
    assert [row["state"] for row in exceptions.history(book, RULE, "a")] == ["closed", "open"]


def test_what_is_said_of_a_standing_exception_is_kept_up_to_date(book: Ledger) -> None:
    """A cause or an amount that changes is written; the exception stays the same one."""
    look(book, "a", detail="awaiting stock")
    assert look(book, "a", detail="on hold").standing == 1
    (row,) = exceptions.history(book, RULE)
    assert row["detail"] == "on hold"


def test_a_fault_that_came_and_went_between_two_looks_is_recorded_once(book: Ledger) -> None:
    """Opened and closed; seen again at the next look, it is the same."""
    ended = clock.now() - timedelta(minutes=5)
    assert look(book, "a", ended_at=ended).ended == ("a",)
    assert look(book, "a", ended_at=ended).ended == ()
    (row,) = exceptions.history(book, RULE)
    assert (row["state"], row["closed_by"], row["closed_at"]) == ("closed", "ended", ended)


def test_accepted_it_stands_quietly_until_the_day_given(book: Ledger, at: MoveOn) -> None:
    """Then it is open again, if it is still so."""
    look(book, "a")
    until = clock.now() + timedelta(days=2)
    exceptions.accept(book, RULE, "a", by="kim", reason="the customer knows", until=until)
    look(book, "a")
    row = exceptions.standing(book)[RULE]["a"]
    assert (row["state"], row["decided_by"], row["accepted_until"]) == ("accepted", "kim", until)
    at(timedelta(days=2))
    look(book, "a")
    assert exceptions.standing(book)[RULE]["a"]["state"] == "open"


def test_acknowledged_it_still_closes_by_evidence_only(book: Ledger) -> None:
    """Saying so mends nothing."""
    look(book, "a")
    exceptions.acknowledge(book, RULE, "a", by="kim")
    assert exceptions.standing(book)[RULE]["a"]["state"] == "acknowledged"
    assert look(book).closed == ("a",)


def test_deciding_about_nothing_is_a_clear_error(book: Ledger) -> None:
    """And so is a decision without a name, a reason, or a future."""
    soon = clock.now() + timedelta(days=1)
    with pytest.raises(BadInput, match="an exception that stands"):
        exceptions.acknowledge(book, RULE, "a", by="kim")
    look(book, "a")
    with pytest.raises(BadInput, match="--reason"):
        exceptions.accept(book, RULE, "a", by="kim", reason=" ", until=soon)
    with pytest.raises(BadInput, match="--until"):
        exceptions.accept(book, RULE, "a", by="kim", reason="so be it", until=clock.now())


def test_a_rule_not_evaluated_is_not_touched(book: Ledger) -> None:
    """Its exceptions neither open nor close."""
    look(book, "a")
    exceptions.apply(book, [Finding("another_rule", "pass", "operations", "error")])
    assert list(exceptions.standing(book)[RULE]) == ["a"]


# --- messages -----------------------------------------------------------------------------------------


def message(key: str = "m") -> messages.Message:
    """One to be sent at once."""
    return messages.Message(key, RULE, "lost", "opened", "operations", "error", {"count": 3})


def test_a_message_is_queued_once_and_sent_once(book: Ledger) -> None:
    """By its dedupe key."""
    for expected in (True, False):
        with book.write() as writing:
            assert messages.queue(writing, message()) is expected
    (row,) = messages.claim(book)
    assert messages.claim(book) == []
    assert messages.sent(book, row["message_id"], row["fence"])
    assert messages.due(book, clock.now()) == 0
    assert [m["state"] for m in messages.about(book, RULE)] == ["sent"]


def test_a_message_whose_sender_died_is_handed_out_again(book: Ledger, at: MoveOn) -> None:
    """After its lease; the dead one's late word is refused."""
    with book.write() as writing:
        messages.queue(writing, message())
    (first,) = messages.claim(book)
    at(121)
    (second,) = messages.claim(book)
    assert not messages.sent(book, first["message_id"], first["fence"])
    assert messages.sent(book, second["message_id"], second["fence"])


def test_a_message_that_cannot_be_sent_ends_with_the_dead(book: Ledger, at: MoveOn) -> None:
    """Tried as often as is sensible, later and later."""
    with book.write() as writing:
        messages.queue(writing, message())
    for _ in range(messages.MOST_ATTEMPTS):
        (row,) = messages.claim(book)
        messages.failed(book, row["message_id"], row["fence"], "503", after=timedelta(minutes=1))
        assert messages.claim(book) == []
        at(61)
    assert [m["state"] for m in messages.about(book, RULE)] == ["dead"]


# --- pauses -------------------------------------------------------------------------------------------


def test_a_pause_stops_what_it_names(book: Ledger) -> None:
    """A sync, a system, or all; once each."""
    assert controls.pause(book, "orders_to_wms", by="kim", reason="stock-take")
    assert not controls.pause(book, "orders_to_wms", by="kim", reason="stock-take")
    stops = controls.stops(book)
    assert stops.stop("orders_to_wms", "wms")
    assert not stops.stop("stock_to_channel", "shop")
    controls.pause(book, "all", by="kim", reason="fire drill")
    assert controls.stops(book).stop("stock_to_channel", "shop")
    assert controls.unpause(book, "all", by="kim")
    assert controls.unpause(book, "orders_to_wms", by="kim")
    assert not controls.unpause(book, "orders_to_wms", by="kim")
    assert controls.standing(book) == []


def test_a_halt_is_probed_later_and_later_and_ends_when_the_system_answers(book: Ledger, at: MoveOn) -> None:
    """With its one exception."""
    for expected in (True, False):
        with book.write() as writing:
            assert controls.halt(writing, "wms", reason="401", code="credentials", owner="data") is expected
    assert controls.to_probe(book, clock.now()) == []
    at(61)
    assert controls.to_probe(book, clock.now()) == ["wms"]
    controls.probed(book, "wms", is_well=False)
    at(61)
    assert controls.to_probe(book, clock.now()) == []
    at(60)
    controls.probed(book, "wms", is_well=True)
    assert not controls.stops(book).halted
    (row,) = exceptions.history(book, controls.CREDENTIALS_RULE)
    assert row["closed_by"] == "probe"


def test_redriving_nothing_is_a_clear_error(book: Ledger) -> None:
    """It names where to look."""
    with pytest.raises(BadInput, match="cogent trace"):
        controls.redrive(book, "1001", by="kim")
