"""wanted.cancellations_to_channel: what a warehouse gave up and the channel still holds stock for."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines_tests.rules.rows import SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A shop with a bundle KIT of one A and two B."""
    world = World("cancellations_to_channel")
    world.bundle("KIT", A=1, B=2)
    return world


def left(row: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Order line -> units before and after."""
    return {
        line["line_id"].rpartition("-")[2]: (line["change_from"], line["quantity"]) for line in row["lines"]
    }


def closed(world: World, *lines: tuple[str, int], name: str = "90", **values: Any) -> None:
    """A warehouse order that was cancelled an hour ago."""
    world.warehouse_order(
        name, "1", *lines, **({"status_code": "cancelled", "cancelled_at": ago(hours=1)} | values)
    )


def test_an_order_the_warehouse_cancelled_is_released_whole(world: World) -> None:
    """Line by line, down to nothing."""
    world.order("1", ("A", 2), ("C", 1))
    closed(world, ("A", 2), ("C", 1))
    row = world.row()
    assert (row["system"], row["source_system"], row["act"]) == (SHOP, WMS, "release")
    assert (row["business_key"], row["order_id"]) == (f"{SHOP}:1@release/0", "1")
    assert (row["held_by"], row["since_at"]) == (None, ago(hours=1))
    assert left(row) == {"1": (2, 0), "2": (1, 0)}


def test_of_an_order_closed_short_only_what_was_not_sent_is_released(world: World) -> None:
    """Two of three left; the shop knows of them."""
    world.order("1", ("A", 3), ("C", 1), remaining=[1, 0])
    closed(world, ("A", 3), ("C", 1), status_code="shipped", shipped_at=ago(hours=2), shipped=(2, 1))
    row = world.row()
    assert left(row) == {"1": (3, 2)}
    assert row["business_key"] == f"{SHOP}:1@release/2"


def test_units_on_their_way_to_the_channel_are_not_released(world: World) -> None:
    """The parcel has left and the shop has not been told of it yet."""
    world.order("1", ("A", 3))
    closed(world, ("A", 3), status_code="shipped", shipped_at=ago(hours=1), shipped=(2,))
    world.parcel("p1", "90", "1", {"A": 2})
    assert left(world.row()) == {"1": (3, 2)}


def test_more_open_than_the_warehouse_gave_up_is_held(world: World) -> None:
    """Its parcel is not read yet: what of the three is short nobody can say."""
    world.order("1", ("A", 2), ("A", 1))
    closed(world, ("A", 3), status_code="shipped", shipped_at=ago(hours=1), shipped=(2,))
    assert world.row()["held_by"] == "units_unclear"


def test_a_bundle_that_lacks_one_component_is_released_whole(world: World) -> None:
    """One of its two Bs was not found."""
    world.order("1", ("KIT", 2))
    closed(world, ("A", 2), ("B", 4), status_code="shipped", shipped_at=ago(hours=1), shipped=(2, 3))
    world.parcel("p1", "90", "1", {"A": 2, "B": 3})
    assert left(world.row()) == {"1": (2, 1)}


def test_a_line_the_warehouse_never_had_is_not_released(world: World) -> None:
    """It was added after the order was sent."""
    world.order("1", ("A", 1), ("D", 1))
    closed(world, ("A", 1))
    assert left(world.row()) == {"1": (1, 0)}


@pytest.mark.parametrize("status", ["awaiting_stock", "released", "picking", "merged", "unknown"])
def test_while_anything_of_the_order_is_under_way_nothing_is_released(world: World, status: str) -> None:
    """It was sent again by hand."""
    world.order("1", ("A", 1))
    closed(world, ("A", 1))
    world.warehouse_order("91", "1", ("A", 1), status_code=status)
    assert world.rows() == []


def test_what_was_sent_again_and_left_is_not_released(world: World) -> None:
    """The second record's parcel is on its way to the channel."""
    world.order("1", ("A", 2))
    closed(world, ("A", 2))
    world.warehouse_order(
        "91", "1", ("A", 2), status_code="shipped", shipped_at=ago(minutes=30), shipped=(2,)
    )
    assert world.rows() == []


def test_a_part_no_warehouse_had_yet_is_not_released(world: World) -> None:
    """YORK's unit of the same item waits for stock; LEEDS gave its own up."""
    world.order("1", ("A", 1), remaining=[1])
    world.line("1", 2, "A", 1)
    world.fulfilment_order("1", {2: 1}, location="1002", name="b")
    closed(world, ("A", 1), reference="#1/LEEDS")
    row = world.row()
    assert (left(row), row["held_by"]) == ({"1": (1, 0)}, None)


def test_a_closing_counts_after_the_waiting_interval(world: World) -> None:
    """Ten minutes: what is picked again at once stays promised."""
    world.order("1", ("A", 1))
    closed(world, ("A", 1), cancelled_at=ago(minutes=9))
    assert world.rows() == []
    world.change("marts.warehouse_orders", "true", cancelled_at=ago(minutes=10))
    assert len(world.rows()) == 1


@pytest.mark.parametrize("gone", [{"cancelled_at": ago(minutes=5)}, {"gone_at": ago(minutes=5)}])
def test_what_the_channel_gave_up_needs_no_release(world: World, gone: dict[str, Any]) -> None:
    """There is nothing to release."""
    world.order("1", ("A", 1), **gone)
    closed(world, ("A", 1))
    assert world.rows() == []


def test_what_was_released_is_wanted_no_more(world: World) -> None:
    """The edit is read back: the line's order has nothing left to send."""
    world.order("1", ("A", 1), remaining=[0])
    world.change("marts.order_lines", "true", current_qty=0)
    closed(world, ("A", 1))
    assert world.rows() == []


def test_a_later_closing_is_another_release(world: World) -> None:
    """Under a key of its own, or the ledger would call it done."""
    world.order("1", ("A", 3), remaining=[3])
    closed(world, ("A", 3), status_code="shipped", shipped_at=ago(hours=1), shipped=(2,))
    world.parcel("p1", "90", "1", {"A": 2})
    first = world.row()["business_key"]
    world.change("marts.order_lines", "true", current_qty=2)
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=2)
    world.change("marts.warehouse_order_lines", "true", shipped_qty=1)
    world.change("marts.shipment_lines", "true", qty=1)
    assert world.row()["business_key"] != first
