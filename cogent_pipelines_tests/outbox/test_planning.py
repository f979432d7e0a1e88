"""What becomes of what is wanted before anything is sent: brakes, holds, adoption, incomplete readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import books, controls, exceptions
from cogent_pipelines_tests.ledger.fixtures import START
from cogent_pipelines_tests.outbox.loop import Loop
from cogent_pipelines_tests.outbox.target import Target, estate

BRAKES = controls.BRAKES_RULE


def numbers(count: int, first: int = 1000) -> list[str]:
    """So many order numbers."""
    return [str(number) for number in range(first, first + count)]


# --- completeness -------------------------------------------------------------------------------------


def test_nothing_is_planned_before_every_feed_was_read(loop: Loop) -> None:
    """A warehouse that was never read would seem to have no orders at all."""
    loop.wanted.want_orders("1001")
    report = loop.plan()
    assert (report.planned, report.skipped) == (0, 1)
    assert set(report.stale) == {"shop", "wms"}


def test_an_incomplete_pull_is_never_a_wish(loop: Loop) -> None:
    """The last pull of a feed counts, even when the one before it was whole."""
    loop.wanted.pulled()
    loop.move_on(30)
    loop.wanted.pulled(is_complete=False)
    loop.wanted.want_orders("1001")
    report = loop.plan()
    assert report.planned == 0
    assert "not read to its end" in report.stale["wms"]
    loop.move_on(30)
    loop.wanted.pulled()
    assert loop.plan().planned == 1


def test_a_feed_nobody_reads_any_more_stops_the_planning(loop: Loop) -> None:
    """Older than several of its cadences."""
    loop.wanted.pulled()
    loop.move_on(timedelta(minutes=10))
    loop.wanted.want_orders("1001")
    report = loop.plan()
    assert report.planned == 0
    assert "minutes ago" in report.stale["wms"]


def test_an_incomplete_pull_withdraws_nothing(loop: Loop) -> None:
    """What is missing from a broken reading is not unwanted."""
    loop.wanted.want_orders("1001")
    loop.wanted.pulled()
    loop.plan()
    loop.move_on(30)
    loop.wanted.pulled(is_complete=False)
    loop.wanted.unwant("orders_to_wms", "1001")
    assert loop.plan().withdrawn == 0
    assert loop.states() == {"1001": "waiting"}


# --- brakes -------------------------------------------------------------------------------------------


def test_past_its_brake_the_whole_plan_is_held_with_one_exception(loop: Loop) -> None:
    """However often it is planned; nothing goes out."""
    loop.estate = estate(orders_to_wms={"brake": {"orders_per_tick": 5}})
    loop.wanted.want_orders(*numbers(6))
    loop.until_quiet(3)
    assert set(loop.states().values()) == {"held brake:orders_per_tick"}
    assert loop.wms.calls == []
    (row,) = exceptions.standing(loop.ledger)[BRAKES].values()
    assert (row["severity"], row["exception_key"], row["cause"]) == (
        "critical",
        "orders_to_wms",
        "orders_per_tick",
    )
    assert row["detail"] == "wms: orders_per_tick: 6, at most 5"
    assert len(exceptions.history(loop.ledger, BRAKES)) == 1


def test_release_lets_go_what_is_held_and_nothing_more(loop: Loop) -> None:
    """Who and why are kept; the next plan is measured anew."""
    loop.estate = estate(orders_to_wms={"brake": {"orders_per_tick": 5}})
    loop.wanted.want_orders(*numbers(6))
    loop.tick()
    assert controls.release(loop.ledger, "orders_to_wms", by="kim", reason="a sale") == 6
    assert not exceptions.standing(loop.ledger)
    loop.wanted.want_orders(*numbers(6, first=2000))
    loop.until_quiet(2)
    states = loop.states()
    assert {states[number] for number in numbers(6)} == {"verified"}
    assert {states[number] for number in numbers(6, first=2000)} == {"held brake:orders_per_tick"}
    (closed, _) = exceptions.history(loop.ledger, BRAKES)
    assert closed["closed_by"] == "released by kim: a sale"


def test_what_is_held_by_a_brake_cannot_slip_out_piece_by_piece(loop: Loop) -> None:
    """An edited order is still one of too many."""
    loop.estate = estate(orders_to_wms={"brake": {"orders_per_tick": 5}})
    loop.wanted.want_orders(*numbers(6))
    loop.tick()
    loop.wanted.want_orders("1000", name="Jane Smith")
    loop.tick()
    assert set(loop.states().values()) == {"held brake:orders_per_tick"}


def test_a_wrong_reading_put_right_takes_the_exception_with_it(loop: Loop) -> None:
    """Nothing is wanted any more of what was held: closed by evidence, and nothing was sent."""
    loop.estate = estate(stock_to_channel={"brake": {"share_falling_to_zero": 0.2}})
    loop.shop.levels = {f"k{number}": 5 for number in range(20)}
    loop.wanted.want_levels(loop.shop, **dict.fromkeys(loop.shop.levels, 0))
    loop.tick()
    assert set(loop.states("stock_to_channel").values()) == {"held brake:share_falling_to_zero"}
    loop.wanted.want_levels(loop.shop, k1=4)
    loop.tick()
    assert not exceptions.standing(loop.ledger)
    assert loop.shop.levels["k1"] == 4
    assert sum(loop.shop.levels.values()) == 99


def test_what_waited_from_an_earlier_plan_is_held_with_the_rest(loop: Loop) -> None:
    """Past the brake the whole plan is held, not only its newest part."""
    loop.estate = estate(orders_to_wms={"brake": {"orders_per_tick": 5}})
    loop.wanted.want_orders(*numbers(3))
    loop.wanted.pulled()
    loop.plan()
    loop.wanted.want_orders(*numbers(6, first=2000))
    loop.plan()
    assert set(loop.states().values()) == {"held brake:orders_per_tick"}


@pytest.mark.parametrize(
    ("brake", "tripped"),
    [({"cancellations_per_tick": 2}, True), ({"cancellations_per_tick": 3}, False), ({}, False)],
)
def test_cancellations_have_a_brake_of_their_own(loop: Loop, brake: dict[str, int], tripped: bool) -> None:
    """Three of them, against two or three allowed."""
    loop.estate = estate(cancellations_to_wms={"brake": brake})
    loop.wanted.want_cancelled("1", "2", "3")
    loop.wanted.pulled()
    report = loop.plan("cancellations_to_wms")
    assert bool(report.brakes) is tripped
    assert report.planned == (0 if tripped else 3)


def test_a_share_of_few_is_not_measured(loop: Loop) -> None:
    """Two of four SKUs at nought is a Tuesday."""
    loop.estate = estate(
        stock_to_channel={"brake": {"share_falling_to_zero": 0.2, "share_of_skus_changed": 0.2}}
    )
    loop.shop.levels = {"a": 5, "b": 5, "c": 5, "d": 5}
    loop.wanted.want_levels(loop.shop, a=0, b=0)
    loop.tick()
    assert loop.shop.levels["a"] == 0


def test_release_of_nothing_is_a_clear_error(loop: Loop) -> None:
    """And so is one without a name or a reason."""
    with pytest.raises(BadInput, match="held by a brake"):
        controls.release(loop.ledger, "orders_to_wms", by="kim", reason="a sale")
    with pytest.raises(BadInput, match="--by"):
        controls.release(loop.ledger, "orders_to_wms", by=" ", reason="a sale")


# --- holds --------------------------------------------------------------------------------------------


def test_a_held_order_is_kept_with_its_reason_and_let_go_when_that_is_mended(loop: Loop) -> None:
    """Mending the mapping releases it by itself."""
    loop.wanted.want_orders("1001", held_by="unmapped_delivery_option")
    loop.until_quiet(2)
    assert loop.states() == {"1001": "held unmapped_delivery_option"}
    loop.wanted.want_orders("1001", held_by="bad_address")
    loop.tick()
    assert loop.states() == {"1001": "held bad_address"}
    loop.wanted.want_orders("1001")
    loop.tick()
    assert loop.states() == {"1001": "verified"}


def test_an_order_that_names_no_warehouse_is_held_and_stops_nobody(loop: Loop) -> None:
    """When its facility is mapped it is the same promise's next generation: counted once, and sent once."""
    loop.wanted.want_unmapped("1001")
    loop.wanted.want_orders("1002")
    loop.until_quiet(2)
    assert loop.states() == {"1001": "held unmapped_facility", "1002": "verified"}
    loop.wanted.want_orders("1001")
    loop.tick()
    assert loop.states() == {"1001": "verified", "1002": "verified"}
    loop.wanted.want_unmapped("1001")
    loop.tick()
    assert loop.states() == {"1001": "verified", "1002": "verified"}
    (book,) = books.books(loop.ledger)
    assert (book.system, book.keys, book.verified) == ("wms", 2, 2)
    assert loop.wms.effects() == {"1001": 1, "1002": 1}


def test_a_row_without_target_or_reason_is_held_all_the_same(loop: Loop) -> None:
    """And one without a key is no row."""
    loop.wanted.want_unmapped("1001", "1002")
    loop.wanted.run(
        "UPDATE wanted.orders_to_wms SET held_by = NULL, priority = NULL WHERE reference = '1001'"
    )
    loop.wanted.run("UPDATE wanted.orders_to_wms SET business_key = NULL WHERE reference = '1002'")
    loop.tick()
    assert loop.states() == {"1001": "held no_target"}


def test_an_order_whose_mapping_is_taken_away_before_it_is_sent_is_held(loop: Loop) -> None:
    """It keeps being one key."""
    loop.wanted.want_orders("1001")
    loop.wanted.pulled()
    loop.plan()
    loop.wanted.want_unmapped("1001")
    loop.until_quiet(2)
    assert loop.states() == {"1001": "held unmapped_facility"}
    assert sum(book.keys for book in books.books(loop.ledger)) == 1


def test_an_order_held_between_plan_and_delivery_is_not_sent(loop: Loop) -> None:
    """The delivery looks at the row itself: one bad order holds itself and not its neighbours."""
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.pulled()
    loop.plan()
    loop.wanted.want_orders("1001", held_by="bad_address")
    loop.deliver()
    assert loop.states() == {"1001": "held bad_address", "1002": "verified"}


def test_a_held_order_nobody_wants_any_more_is_withdrawn(loop: Loop) -> None:
    """Cancelled before its cause was mended."""
    loop.wanted.want_orders("1001", held_by="bad_address")
    loop.tick()
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.tick()
    assert loop.states() == {"1001": "withdrawn no_longer_wanted"}


# --- once, adoption, and stores that were lost --------------------------------------------------------


def test_what_is_older_than_from_is_adopted_and_never_sent(loop: Loop) -> None:
    """Ten thousand orders somebody else sent: none goes out, and they are not asked about again."""
    loop.estate = estate(orders_to_wms={"from": START + timedelta(hours=1)})
    loop.wanted.want_orders("1001", "1002")
    loop.until_quiet(2)
    assert set(loop.states().values()) == {"adopted before_from"}
    assert loop.wms.calls == []
    (book,) = books.books(loop.ledger)
    assert (book.keys, dict(book.adopted)) == (2, {"before_from": 2})


def test_a_once_key_done_is_never_planned_again_though_the_target_lost_it(loop: Loop) -> None:
    """Somebody deleted it there on purpose, for all we know; that is an exception, not a resurrection."""
    loop.wanted.want_orders("1001")
    loop.tick()
    loop.wms.orders.clear()
    loop.until_quiet(3)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.count("POST", "/orders") == 1
    loop.wanted.pulled()
    assert loop.plan().done_before == 1


def test_a_new_ledger_waits_until_lists_must_show_what_a_lost_one_sent(loop: Loop) -> None:
    """It was made this minute: the last orders of the ledger before it may not be in any list yet."""
    loop.wms.lags = True
    loop.wms.orders.append(
        {"id": "7", "number": "1001", "name": "Jane Doe", "lines": [], "facility": "LEEDS", "status": "open"}
    )
    loop.ledger = replace(loop.ledger, made_at=START)
    loop.wanted.want_orders(*numbers(5), "1001")
    loop.tick(30)
    assert set(loop.states().values()) == {"waiting new_ledger"}
    loop.wms.lags = False
    loop.move_on(31)
    loop.tick()
    assert loop.states()["1001"] == "adopted already_there"
    assert loop.wms.effects()["1001"] == 1


def test_a_withdrawn_key_may_be_wanted_again(loop: Loop) -> None:
    """Held off by the customer's cancelling, then put back: it was never sent."""
    loop.wanted.want_orders("1001", held_by="bad_address")
    loop.tick()
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.tick()
    loop.wanted.want_orders("1001")
    loop.tick()
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.effects() == {"1001": 1}


def test_a_row_twice_in_a_view_is_one_promise(loop: Loop) -> None:
    """A wanted view gone wrong must not double anything."""
    loop.wanted.want_orders("1001")
    loop.wanted.run("INSERT INTO wanted.orders_to_wms SELECT * FROM wanted.orders_to_wms")
    loop.tick()
    assert loop.wms.effects() == {"1001": 1}


def test_books_add_up_to_the_keys_ever_wanted(loop: Loop) -> None:
    """Every key is in one place."""
    loop.wms.always["1002"] = "rejected"
    loop.wms.wrongs.append(("/orders", "truncated"))
    loop.wms.orders.append(
        {"id": "9", "number": "1004", "name": "", "lines": [], "facility": "", "status": "open"}
    )
    loop.wanted.want_orders("1001", "1002", "1004", "1005")
    loop.wanted.want_orders("1003", held_by="bad_address")
    loop.tick()
    loop.wanted.unwant("orders_to_wms", "1003")
    loop.tick()
    (book,) = books.books(loop.ledger)
    parts = (
        book.verified + book.waiting + sum(book.held.values()) + sum(book.rejected.values()) + book.dead
        + book.withdrawn + book.superseded + sum(book.adopted.values())
    )  # fmt: skip
    assert parts == book.keys == 5
    assert dict(book.rejected) == {"unwelcome": 1}
    assert dict(book.adopted) == {"already_there": 1}


def test_two_systems_do_not_hold_each_other_up(loop: Loop) -> None:
    """A feed of the shop is broken; nothing of the shop's is planned, and the fake keeps quiet."""
    assert isinstance(loop.shop, Target)
    loop.wanted.pulled()
    loop.wanted.run("UPDATE ops.pulls SET is_complete = false WHERE system = 'shop'")
    loop.wanted.want_orders("1001")
    assert loop.plan().skipped == 1
