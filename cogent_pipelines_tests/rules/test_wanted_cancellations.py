"""wanted.cancellations_to_wms: what the customer no longer wants and a warehouse still has."""

from __future__ import annotations

import pytest

from cogent_pipelines_tests.rules.rows import SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """One cancelled order."""
    world = World("cancellations_to_wms")
    world.order("1", ("A", 1), cancelled_at=ago(minutes=5))
    return world


def test_a_cancelled_order_is_to_be_cancelled_in_its_warehouse(world: World) -> None:
    """By the warehouse's own id."""
    world.warehouse_order("90", "1", ("A", 1))
    row = world.row()
    assert (row["system"], row["act"], row["business_key"]) == (WMS, "cancel", f"{SHOP}:1@cancel")
    assert (row["warehouse_order_id"], row["held_by"], row["since_at"]) == ("90", None, ago(minutes=5))


def test_past_the_point_of_no_return_a_person_decides(world: World) -> None:
    """Held, and nothing is touched."""
    world.warehouse_order("90", "1", ("A", 1), status_code="picking", is_past_no_return=True)
    assert world.row()["held_by"] == "past_no_return"


@pytest.mark.parametrize("status", ["cancelled", "shipped", "merged", "refunded"])
def test_what_is_over_is_left_alone(world: World, status: str) -> None:
    """There is nothing to cancel."""
    world.warehouse_order("90", "1", ("A", 1), status_code=status)
    assert world.rows() == []


def test_an_order_that_stands_is_not_cancelled(world: World) -> None:
    """Only the shop's cancellation counts."""
    world.change("marts.orders", "true", cancelled_at=None)
    world.warehouse_order("90", "1", ("A", 1))
    assert world.rows() == []


def test_a_doubled_order_is_cancelled_twice_under_two_keys(world: World) -> None:
    """And the second keeps its key when the first is done."""
    world.warehouse_order("90", "1", ("A", 1), created_at=ago(minutes=50))
    world.warehouse_order("91", "1", ("A", 1), created_at=ago(minutes=40))
    assert {r["business_key"] for r in world.rows()} == {f"{SHOP}:1@cancel", f"{SHOP}:1@cancel/91"}
    world.change("marts.warehouse_orders", "warehouse_order_id = '90'", status_code="cancelled")
    assert world.row()["business_key"] == f"{SHOP}:1@cancel/91"
