"""What is delivered to the sandbox's BigCommerce is there as it was meant, once, by the sandbox's truth.

Through planner, ledger and delivery, whatever the store answers. Rows of ``wanted`` are made from the sandbox's state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.bigcommerce_kit import level_row, parcel_row
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.world_rows import row

SHIP, SET = "POST /v2/orders/{id}/shipments", "PUT /v3/inventory/adjustments/absolute"
SETTLED = 100.0
"""Seconds after which the store shows what it was sent; levels take longer to be given up."""
LATE = 330.0
FAULTS = [
    "conflict",
    "rate_limited",
    "unavailable",
    "bad_gateway_burst",
    "half_body",
    "html_with_200",
    "stores_nothing",
]
"""Answers of which the pair's story (``test_pairs``) has none."""


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A BigCommerce store and a warehouse without customers or pickers."""
    with sandbox_kit.standing_still():
        yield Retailer(tmp_path, {SHOP: "bigcommerce", WMS: "veeqo"})


# --- parcels ------------------------------------------------------------------------------------------


def sale(r: Retailer, quantity: int = 2) -> ShopOrder:
    """An order of the store, paid."""
    lines = [{"sku": "SKU-0001", "quantity": quantity, "price": "19.99"}]
    return r.shop.orders[r.do(SHOP, "place_order", lines=lines, location=1001)["id"]]


def tell(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver parcels."""
    return list(r.deliver("shipments_to_channel", *rows, ticks=ticks, pause=SETTLED).values())


def told(r: Retailer, order: ShopOrder) -> list[tuple[str, ...]]:
    """The numbers of the order's despatches, by the shop's truth."""
    return [tuple(f.numbers) for f in order.fulfilments if f.status == "success"]


def messages(r: Retailer, order: ShopOrder) -> int:
    """How often the customer was told that something is on its way."""
    return sum(mail.kind == "shipped" and mail.order_id == order.id for mail in r.shop.mails)


def test_a_parcel_is_told_and_its_customer_with_it(r: Retailer) -> None:
    """Once, and found again by our reference."""
    order = sale(r)
    assert tell(r, parcel_row(order)) == ["verified"]
    assert (told(r, order), messages(r, order)) == ([("AB1",)], 1)
    assert tell(r, parcel_row(order), ticks=2) == ["verified"]
    assert (told(r, order), messages(r, order)) == ([("AB1",)], 1)


def test_two_parcels_of_an_order_are_two_shipments(r: Retailer) -> None:
    """Of one line, one unit each."""
    order = sale(r)
    assert tell(r, parcel_row(order, "AB1", 1), parcel_row(order, "AB2", 1)) == ["verified", "verified"]
    assert sorted(told(r, order)) == [("AB1",), ("AB2",)]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_parcel_is_told_once_whatever_the_answer(r: Retailer, kind: str) -> None:
    """Refused for the moment, done without a word, or called done and not done."""
    order = sale(r, quantity=4)
    r.strike(SHOP, SHIP, kind)
    assert tell(r, parcel_row(order), ticks=6) == ["verified"]
    assert (told(r, order), messages(r, order)) == ([("AB1",)], 1)


def test_a_parcel_that_was_stored_twice_is_seen(r: Retailer) -> None:
    """By the look that follows: it is said, and nothing more is sent."""
    order = sale(r, quantity=4)
    r.strike(SHOP, SHIP, "stores_twice")
    states = tell(r, parcel_row(order), ticks=3)
    assert told(r, order) == [("AB1",), ("AB1",)]
    assert states == ["verified"]


def test_a_parcel_a_person_told_of_is_adopted(r: Retailer) -> None:
    """The same number and lines, without our reference."""
    order = sale(r, quantity=4)
    (asked,) = order.fulfilment_orders
    shops.fulfil(
        r.world,
        r.shop,
        order.id,
        [(asked.id, [(asked.lines[0].id, 2)])],
        carrier="royalmail",
        numbers=["ab 1"],
    )
    assert tell(r, parcel_row(order), ticks=2) == ["adopted already_there"]
    assert len(told(r, order)) == 1


def test_a_parcel_of_more_than_is_left_is_told_to_a_person(r: Retailer) -> None:
    """Nothing is sent."""
    order = sale(r)
    assert tell(r, parcel_row(order, qty=3), ticks=2) == ["rejected nothing_left"]
    assert told(r, order) == []


def test_a_parcel_of_a_cancelled_order_is_told_to_a_person(r: Retailer) -> None:
    """Nothing is sent."""
    order = sale(r)
    shops.cancel_order(r.world, r.shop, order.id)
    assert tell(r, parcel_row(order)) == ["rejected order_cancelled"]


def test_nobody_is_told_before_they_may_be(r: Retailer) -> None:
    """A shipment tells its customer when it is made: where that waits for the first scan, so does the shipment."""
    order = sale(r)
    assert tell(r, parcel_row(order, notify=False)) == ["rejected would_notify"]
    assert (told(r, order), messages(r, order)) == ([], 0)


def _message(r: Retailer) -> str:
    with sqlite3.connect(r.folder / "ledger.sqlite") as connection:
        (found,) = connection.execute("SELECT message FROM promises").fetchone()
    return str(found)


# --- units that will not be sent ------------------------------------------------------------------------


def release(order: ShopOrder, units: int = 0, **more: Any) -> dict[str, Any]:
    """The row that wants the order's line left with so many units."""
    line = order.lines[0]
    lines = [
        {
            "order_line_key": f"{SHOP}:{line.id}",
            "line_id": str(line.id),
            "sku": line.sku,
            "change_from": line.current_quantity,
            "quantity": units,
        }
    ]
    own = {"order_id": str(order.id), "lines": lines}
    return row("release", f"{SHOP}:{order.id}@release/{units}", order.name, to=SHOP, **{**own, **more})


def free(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver releases."""
    return list(r.deliver("cancellations_to_channel", *rows, ticks=ticks, pause=SETTLED).values())


@pytest.mark.parametrize("kind", ["", *FAULTS, "reset_after_effect"])
def test_a_whole_order_is_cancelled_once_and_no_money_moves(r: Retailer, kind: str) -> None:
    """Its stock is free again; what the customer paid is still theirs to be given back."""
    order = sale(r)
    held = sum(level.committed for level in r.shop.levels.values())
    if kind:
        r.strike(SHOP, "PUT /v2/orders/{id}", kind)
    assert free(r, release(order), ticks=6) == ["verified"]
    assert order.cancelled_at is not None
    assert held - sum(level.committed for level in r.shop.levels.values()) == 2
    assert not [t for t in order.transactions if t.kind in ("refund", "void")]


def test_a_part_of_an_order_is_a_persons_to_release(r: Retailer) -> None:
    """Taking units off a line would clear its discounts: the customer would pay otherwise for the rest."""
    order = sale(r)
    assert free(r, release(order, units=1), ticks=2) == ["rejected part_of_an_order"]
    assert order.cancelled_at is None
    assert order.lines[0].current_quantity == 2


def test_an_order_of_which_some_left_is_not_cancelled(r: Retailer) -> None:
    """The rest of it is for the customer all the same."""
    order = sale(r)
    want = release(order)
    tell(r, parcel_row(order, qty=1))
    assert free(r, want, ticks=2) == ["rejected part_of_an_order"]
    assert order.cancelled_at is None


# --- levels -------------------------------------------------------------------------------------------


def push(r: Retailer, *rows: dict[str, Any], ticks: int = 3, pause: float = 8.0) -> list[str]:
    """Deliver levels, and look again until they are to be seen: states in the order of the rows.

    The rows stay the same, so a level that is verified is planned once more and found to be there.
    """
    states = r.deliver("stock_to_channel", *rows, ticks=ticks, pause=pause)
    return [states[row["business_key"]].removesuffix(" already_there") for row in rows]


def available(r: Retailer, sku: str = "SKU-0001", location: int = 1001) -> int:
    """The level by the shop's truth."""
    variant = r.shop.variants[r.shop.by_sku[sku]]
    return r.shop.levels[variant.inventory_item_id, location].available


def test_levels_are_verified_when_they_are_to_be_seen(r: Retailer) -> None:
    """The vendor says yes at once and does it some seconds later."""
    rows = [level_row(r, 7), level_row(r, 9, sku="SKU-0002"), level_row(r, 4, location=1002)]
    assert push(r, *rows) == ["verified"] * 3
    assert (available(r), available(r, "SKU-0002"), available(r, location=1002)) == (7, 9, 4)
    assert r.sandbox.kit.counters.calls[SHOP, SET] == 1


def test_a_level_that_was_answered_and_not_stored_is_sent_again(r: Retailer) -> None:
    """Once it should have been seen long since."""
    want = level_row(r, 7)
    r.strike(SHOP, SET, "stores_nothing")
    assert push(r, want, ticks=8, pause=LATE / 2) == ["verified"]
    assert available(r) == 7


@pytest.mark.parametrize("kind", FAULTS)
def test_a_level_ends_as_it_was_meant_whatever_the_answer(r: Retailer, kind: str) -> None:
    """Set absolutely, it may be set twice."""
    want = level_row(r, 7)
    r.strike(SHOP, SET, kind)
    assert push(r, want, ticks=8, pause=LATE / 2) == ["verified"]
    assert available(r) == 7


def test_half_a_batch_is_sent_again(r: Retailer) -> None:
    """Nobody says which rows were left out."""
    wants = [level_row(r, 7), level_row(r, 9, sku="SKU-0002")]
    r.strike(SHOP, SET, "partial_success")
    assert push(r, *wants, ticks=8, pause=LATE / 2) == ["verified", "verified"]
    assert (available(r), available(r, "SKU-0002")) == (7, 9)


def test_a_bad_row_does_not_hold_up_its_neighbours(r: Retailer) -> None:
    """The vendor refuses the batch whole; halved and halved again, only the bad row is left."""
    variant = r.shop.variants[r.shop.by_sku["SKU-0003"]]
    bad = level_row(r, 5, sku="SKU-0003", inventory_item_id=f"variant_id={variant.id}")
    good = [level_row(r, 7), level_row(r, 9, sku="SKU-0002")]
    assert push(r, *good, bad, ticks=4) == ["verified", "verified", "rejected invalid"]
    assert "tracked by product" in _last_words(r)
    assert (available(r), available(r, "SKU-0002")) == (7, 9)


def _last_words(r: Retailer) -> str:
    with sqlite3.connect(r.folder / "ledger.sqlite") as connection:
        found = connection.execute("SELECT message FROM promises WHERE state = 'rejected'").fetchone()
    return str(found[0])


def test_a_level_that_moved_since_it_was_read_is_not_overwritten(r: Retailer) -> None:
    """Somebody bought one in between: the next plan knows what is right now."""
    want = level_row(r, 7)
    r.do(SHOP, "place_order", name="#1", lines=[{"sku": "SKU-0001", "quantity": 1}], location=1001)
    before = available(r)
    push(r, want)
    assert available(r) == before


def test_an_item_is_stocked_where_it_was_not_by_setting_it(r: Retailer) -> None:
    """Absolutely, as any other level."""
    variant = r.shop.variants[r.shop.by_sku["SKU-0001"]]
    del r.shop.levels[variant.inventory_item_id, 1002]
    want = level_row(r, 6, location=1002, act="activate")
    assert push(r, want, ticks=4) == ["verified"]
    assert available(r, location=1002) == 6


def test_levels_go_in_one_call_at_a_time(r: Retailer) -> None:
    """Two at once may end in either value: no call is under way when the next one begins."""
    writes = r.client(SHOP).vendor.writes
    assert {
        write.is_alone for (sync, _), steps in writes.items() for write in steps if sync == "stock_to_channel"
    } == {True}


# --- what was delivered is read back into our words ----------------------------------------------------


def test_what_is_pulled_is_the_stores_truth(r: Retailer) -> None:
    """Orders, units left, shipments and levels, through landing and staging."""
    first, second = sale(r), sale(r, 3)
    of_a_bundle = parcel_row(first) | {"tracking_numbers": ["AB1", "AB0", "AA9"]}
    tell(r, of_a_bundle, parcel_row(second, "AB2", 1))
    assert all(report.is_complete for report in r.pull())
    with r.staged() as staged:
        left = staged.table(
            "stg_bigcommerce__fulfilment_order_lines", "order_key", "total_qty", "remaining_qty"
        )
        assert left == {f"{SHOP}:{first.id}": (2, 0), f"{SHOP}:{second.id}": (3, 2)}
        states = staged.table("stg_bigcommerce__orders", "order_id", "payment_code", "fulfilment_code")
        assert states == {
            str(first.id): ("captured", "fulfilled"),
            str(second.id): ("captured", "part_fulfilled"),
        }
        sent = staged.rows("stg_bigcommerce__fulfilments", "order_key", "carrier", "tracking_numbers")
        assert sent == [
            (f"{SHOP}:{first.id}", "royalmail", ["AB1", "AB0", "AA9"]),
            (f"{SHOP}:{second.id}", "royalmail", ["AB2"]),
        ]
        shown = staged.table("stg_bigcommerce__channel_stock", "channel_stock_key", "available_qty", "sku")
        truth = {
            f"{SHOP}:product_id={variant.product_id}:{place}": (held.available, variant.sku)
            for (item, place), held in r.shop.levels.items()
            for variant in [r.shop.variants[r.shop.by_item[item]]]
        }
        assert shown == truth
        items = staged.table("stg_bigcommerce__items", "sku", "inventory_item_id", "is_tracked")
        assert {name for name, _ in items.values()} == {key.split(":")[1] for key in truth}
