"""every_line_closed_short_has_a_decision: what a warehouse gave up, and what was done about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.rules.rows import SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A shop with a bundle KIT of one A and two B."""
    world = World("every_line_closed_short_has_a_decision")
    world.bundle("KIT", A=1, B=2)
    return world


def closed(world: World, *lines: tuple[str, int], name: str = "90", **values: Any) -> str:
    """A warehouse order that was cancelled five hours ago."""
    given = {"status_code": "cancelled", "cancelled_at": ago(hours=5), "updated_at": ago(hours=5)} | values
    return world.warehouse_order(name, "1", *lines, **given)


def edited(world: World, place: int, qty: int, total: str) -> None:
    """The order's line holds fewer units, and the order comes to less."""
    world.change("marts.order_lines", f"line_id = '1-{place}'", current_qty=qty)
    world.change("marts.orders", "true", current_total_amount=Decimal(total))


def test_an_order_the_warehouse_cancelled_waits_for_a_decision(world: World) -> None:
    """One row per warehouse order, with the units of its lines."""
    world.order("1", ("A", 2), ("C", 1))
    key = closed(world, ("A", 2), ("C", 1))
    row = world.row()
    assert (row["exception_key"], row["cause"], row["system"]) == (key, "no_decision", SHOP)
    assert (row["entity_key"], row["detail"]) == (f"{SHOP}:1", "#1: 2 x A, 1 x C")
    assert row["since_at"] == ago(hours=5)


def test_of_an_order_closed_short_only_what_was_not_sent_waits(world: World) -> None:
    """One of the three."""
    world.order("1", ("A", 3), ("C", 1))
    closed(world, ("A", 3), ("C", 1), status_code="shipped", shipped_at=ago(hours=5), shipped=(2, 1))
    assert world.row()["detail"] == "#1: 1 x A"


def test_releasing_the_stock_is_no_decision(world: World) -> None:
    """The edit took the units off; what the customer paid for them was not given back."""
    world.order("1", ("A", 2), ("C", 1))
    closed(world, ("A", 2), ("C", 1), status_code="shipped", shipped_at=ago(hours=5), shipped=(1, 1))
    edited(world, 1, 1, "20.00")
    row = world.row()
    assert (row["cause"], row["amount"], row["currency"]) == ("owed", Decimal("10.0000"), "GBP")


def test_money_given_back_after_an_edit_is_a_decision(world: World) -> None:
    """To the penny, and not a penny less."""
    world.order("1", ("A", 2), ("C", 1))
    closed(world, ("A", 2), ("C", 1), status_code="shipped", shipped_at=ago(hours=5), shipped=(1, 1))
    edited(world, 1, 1, "20.00")
    world.change("marts.orders", "true", refunded_amount=Decimal("9.99"))
    assert world.row()["amount"] == Decimal("0.0100")
    world.change("marts.orders", "true", refunded_amount=Decimal("10.00"))
    assert world.rows() == []


@pytest.mark.parametrize(("qty", "restock", "is_decided"), [(2, "cancel", True), (2, "none", True),
                                                            (1, "cancel", False), (2, "return", False)])  # fmt: skip
def test_a_refund_of_the_units_is_a_decision(world: World, qty: int, restock: str, is_decided: bool) -> None:
    """Of all of them; and not of goods that came back."""
    world.order("1", ("A", 2))
    closed(world, ("A", 2))
    world.refund("1", "r1", "20.00", [(1, "A", qty, restock)])
    assert (world.rows() == []) is is_decided


def test_an_order_cancelled_in_the_shop_is_decided_when_its_money_is_back(world: World) -> None:
    """A shop whose cancellation refunds nothing leaves that to a person."""
    world.order("1", ("A", 2), cancelled_at=ago(hours=4))
    closed(world, ("A", 2))
    assert (world.row()["cause"], world.row()["amount"]) == ("owed", Decimal("20.0000"))
    world.change("marts.orders", "true", refunded_amount=Decimal("20.00"))
    assert world.rows() == []


def test_units_taken_off_by_a_refund_of_nothing_are_owed(world: World) -> None:
    """A cancellation writes a refund though no money moved; a free line costs none."""
    world.order("1", ("A", 2), cancelled_at=ago(hours=4))
    closed(world, ("A", 2))
    edited(world, 1, 0, "0.00")
    world.refund("1", "r1", "0.00", [(1, "A", 2, "cancel")], adjustment_amount=Decimal("-20.00"))
    assert world.rows() == []
    world.change("marts.refund_lines", "true", amount=Decimal("20.00"))
    assert (world.row()["cause"], world.row()["amount"]) == ("owed", Decimal("20.0000"))
    world.change("marts.refunds", "true", amount=Decimal("20.00"))
    assert world.rows() == []


def test_a_line_that_an_edit_took_away_whole_is_owed_until_its_money_is_back(world: World) -> None:
    """Some shops show nothing of it any more; what was taken and is for nothing the order holds says it."""
    world.order("1", ("A", 2), ("C", 1))
    closed(world, ("A", 2), ("C", 1), status_code="shipped", shipped_at=ago(hours=5), shipped=(2, 0))
    world.connection.execute("DELETE FROM marts.order_lines WHERE line_id = '1-2'")
    world.change("marts.orders", "true", current_total_amount=Decimal("20.00"), total_amount=Decimal("20.00"))
    row = world.row()
    assert (row["cause"], row["detail"], row["amount"]) == ("owed", "#1: 1 x C", Decimal("10.0000"))
    world.change("marts.orders", "true", refunded_amount=Decimal("10.00"))
    assert world.rows() == []


def test_an_order_nobody_paid_for_needs_no_money_back(world: World) -> None:
    """Cancelled before it was captured."""
    world.order("1", ("A", 2), cancelled_at=ago(hours=4), captured_amount=Decimal(0), payment_code="voided")
    closed(world, ("A", 2))
    assert world.rows() == []


@pytest.mark.parametrize("status", ["awaiting_stock", "released", "picking", "merged"])
def test_units_that_are_being_sent_again_are_decided(world: World, status: str) -> None:
    """A record of the order is under way."""
    world.order("1", ("A", 2))
    closed(world, ("A", 2))
    world.warehouse_order("91", "1", ("A", 2), status_code=status)
    assert world.rows() == []


def test_units_that_were_sent_again_are_decided_and_no_others(world: World) -> None:
    """The second record brought one of the two."""
    world.order("1", ("A", 2))
    closed(world, ("A", 2))
    world.warehouse_order("91", "1", ("A", 1), status_code="shipped", shipped_at=ago(hours=4), shipped=(1,))
    assert world.row()["detail"] == "#1: 1 x A"
    world.change("marts.warehouse_order_lines", f"warehouse_order_key = '{WMS}:91'", qty=2, shipped_qty=2)
    assert world.rows() == []


def test_a_part_of_a_split_order_is_not_answered_by_the_other(world: World) -> None:
    """LEEDS gave up, YORK sent its own."""
    world.order("1", ("A", 1), ("C", 1))
    closed(world, ("A", 1), reference="#1/LEEDS")
    world.warehouse_order("91", "1", ("C", 1), reference="#1/YORK", status_code="shipped",
                          shipped_at=ago(hours=4), shipped=(1,))  # fmt: skip
    assert world.row()["detail"] == "#1: 1 x A"


def test_a_bundle_is_short_by_its_components(world: World) -> None:
    """As the warehouse has it."""
    world.order("1", ("KIT", 1))
    closed(world, ("A", 1), ("B", 2), status_code="shipped", shipped_at=ago(hours=5), shipped=(1, 1))
    assert world.row()["detail"] == "#1: 1 x B"
    world.refund("1", "r1", "10.00", [(1, "KIT", 1, "cancel")])
    assert world.rows() == []


@pytest.mark.parametrize(("hours", "expected"), [(3.99, 0), (4, 1)])
def test_a_decision_is_due_after_four_hours(world: World, hours: float, expected: int) -> None:
    """At the second."""
    world.order("1", ("A", 1))
    closed(world, ("A", 1), cancelled_at=ago(hours=hours))
    assert len(world.rows()) == expected


def test_a_test_order_needs_no_decision(world: World) -> None:
    """Nobody waits for it."""
    world.order("1", ("A", 1), is_test=True)
    closed(world, ("A", 1))
    assert world.rows() == []
