"""What people read: the books, in which every order stands once, and an order's trace."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.rules.rows import SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A SKU A in stock, and the sync since a day ago."""
    world = World("books")
    world.item("A")
    world.stock("A", 50)
    world.change("estate.syncs", "true", from_at=ago(days=1))
    return world


def entry(world: World) -> tuple[str, str | None]:
    """Class and reason of the one order."""
    row = world.row()
    return row["order_class"], row["reason"]


def promised(world: World, state: str, reason: str = "", generation: int = 1) -> None:
    """A promise for order 1."""
    world.promise(
        "orders_to_wms", f"{SHOP}:1@LEEDS", state, reason=reason, order_key=f"{SHOP}:1", generation=generation
    )


@pytest.mark.parametrize(
    ("order", "prepare", "expected"),
    [
        ({}, None, ("waiting", "not_planned_yet")),
        ({}, lambda w: promised(w, "waiting"), ("waiting", None)),
        ({}, lambda w: promised(w, "sent"), ("waiting", None)),
        ({}, lambda w: promised(w, "verified"), ("verified", None)),
        ({}, lambda w: promised(w, "dead", "attempts"), ("dead", None)),
        ({}, lambda w: promised(w, "rejected", "invalid"), ("rejected", "invalid")),
        ({}, lambda w: promised(w, "held", "unknown_sku"), ("held", "unknown_sku")),
        ({"delivery_option": "?"}, None, ("held", "unmapped_delivery_option")),
        ({"payment_code": "authorised", "paid_at": None}, None, ("held", "awaiting_payment")),
        ({"cancelled_at": ago(minutes=1)}, None, ("cancelled", None)),
        ({"is_test": True}, None, ("out_of_scope", "test")),
        ({"placed_at": ago(days=2)}, None, ("out_of_scope", "before_from")),
        ({}, lambda w: w.warehouse_order("90", "1", ("A", 1)), ("out_of_scope", "sent_by_others")),
        ({}, lambda w: promised(w, "adopted"), ("out_of_scope", "already_there")),
        ({"gone_at": ago(minutes=1)}, None, ("out_of_scope", "gone")),
        ({"fulfilment_code": "fulfilled"}, lambda w: w.clear("marts.fulfilment_order_lines"), ("out_of_scope", "nothing_to_ship")),
        ({}, lambda w: w.clear("marts.fulfilment_orders"), ("held", "no_fulfilment_order")),
        ({"fulfilment_code": "unknown"}, lambda w: w.clear("marts.fulfilment_orders"), ("unexplained", None)),
    ],
)  # fmt: skip
def test_an_order_stands_in_the_books_once(
    world: World, order: dict, prepare: Any, expected: tuple[str, str | None]
) -> None:
    """By the furthest it has come, with the reason where there is one."""
    world.order("1", ("A", 1), **order)
    if prepare:
        prepare(world)
    assert entry(world) == expected


def test_the_latest_generation_of_a_promise_counts(world: World) -> None:
    """What was superseded is history."""
    world.order("1", ("A", 1))
    promised(world, "superseded")
    promised(world, "verified", generation=2)
    assert entry(world) == ("verified", None)


def test_of_an_order_in_parts_the_worst_part_counts(world: World) -> None:
    """Half an order in the warehouse is not an order in the warehouse."""
    world.order("1", ("A", 1))
    promised(world, "verified")
    world.promise("orders_to_wms", f"{SHOP}:1@YORK", "held", reason="no_free_stock", order_key=f"{SHOP}:1")
    assert entry(world) == ("held", "no_free_stock")


def test_the_books_balance_unless_an_order_is_unexplained() -> None:
    """Ingested is counted by itself."""
    world = World("books_summary")
    for number in range(5):
        world.order(str(number), ("A", 1), is_test=number == 0)
    row = world.row()
    assert (row["ingested"], row["out_of_scope"], row["held"], row["is_balanced"]) == (5, 1, 4, True)
    world.change("marts.orders", f"order_key = '{SHOP}:1'", fulfilment_code="unknown")
    world.clear("marts.fulfilment_orders")
    row = world.row()
    assert (row["unexplained"], row["is_balanced"]) == (1, False)


def test_an_order_s_trace_tells_every_hop_in_time() -> None:
    """From the shop to the parcel."""
    world = World("trace")
    world.order("1", ("A", 1), placed_at=ago(hours=2), paid_at=ago(minutes=90))
    world.promise(
        "orders_to_wms",
        f"{SHOP}:1@LEEDS",
        order_key=f"{SHOP}:1",
        planned_at=ago(minutes=55),
        closed_at=ago(minutes=52),
    )
    world.put(
        "ops.attempts",
        attempt_id=1,
        promise_id=1,
        action="create_order",
        intent_at=ago(minutes=54),
        outcome="accepted",
    )
    world.warehouse_order("90", "1", ("A", 1), created_at=ago(minutes=53))
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=30))
    dbt_render.refresh(world.connection)
    rows = dbt_render.fetch(
        world.connection,
        f"SELECT hop, system FROM reports.trace WHERE order_key = '{SHOP}:1' ORDER BY happened_at",
    )
    assert [row["hop"] for row in rows] == [
        "placed", "paid", "read", "planned", "sent", "in the warehouse", "verified", "despatched",
    ]  # fmt: skip
    assert rows[5]["system"] == WMS
