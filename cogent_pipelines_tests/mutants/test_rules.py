"""What mutants of the models asked for and no test said: rows at the edges that only a fault would cross."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from cogent_pipelines_tests.rules.rows import World, ago

SUMMER_NIGHT = datetime(2026, 7, 8, 23, 30, tzinfo=UTC)
"""Half past midnight on the ninth in London."""


def test_units_told_and_units_left_of_one_order_are_reckoned_apart() -> None:
    """Two of four have gone and been told: the other two are promised and nowhere allocated."""
    world = World("stock_to_channel")
    world.item("A")
    world.stock("A", 8, read_at=ago(minutes=1))
    world.pulls()
    world.order("2", ("A", 4), remaining=[2])
    world.fulfilment("2", "f1", {1: 2}, ["RM1"])
    world.warehouse_order("90", "2", ("A", 4), shipped=[2])
    world.allocation("90", {"A": 2}, is_shipped=True)
    world.level("A", 8)
    assert [(row["change_from"], row["quantity"]) for row in world.rows()] == [(8, 6)]


@pytest.mark.parametrize(
    ("promised", "cause"), [(date(2026, 7, 8), "promised_day_passed"), (date(2026, 7, 9), None)]
)
def test_a_day_ends_where_the_retailer_trades(promised: date, cause: str | None) -> None:
    """In summer an hour before it ends in UTC."""
    world = World("orders_to_wms")
    world.item("A")
    world.stock("A", 10)
    world.at(SUMMER_NIGHT)
    placed = SUMMER_NIGHT - timedelta(hours=2)
    world.order("1", ("A", 1), promised_on=promised, placed_at=placed, paid_at=placed)
    assert world.row()["held_by"] == cause
