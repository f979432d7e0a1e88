"""wanted.stock_to_channel: what can still be promised, at once when it falls, after its interval when it rises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A SKU A of which Leeds holds ten, on sale in the shop, everything just read."""
    world = World("stock_to_channel")
    world.item("A")
    world.stock("A", 10)
    world.pulls()
    return world


def only(world: World) -> tuple[Any, ...] | None:
    """(act, from, to) of the one wanted level."""
    rows = world.rows()
    assert len(rows) <= 1
    return (rows[0]["act"], rows[0]["change_from"], rows[0]["quantity"]) if rows else None


def test_a_level_that_is_right_is_left_alone(world: World) -> None:
    """Nothing differs, nothing is written."""
    world.level("A", 10)
    assert only(world) is None


def test_a_level_that_is_too_high_falls_at_once(world: World) -> None:
    """With the figures it was made from, and what it must still be for the change to hold."""
    world.level("A", 12, updated_at=NOW)
    world.put("ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=10, changed_at=NOW)
    row = world.row()
    assert (row["system"], row["source_system"], row["business_key"]) == (SHOP, WMS, f"{SHOP}:inv-A:1001")
    assert (row["act"], row["change_from"], row["quantity"], row["is_decrease"], row["priority"]) == (
        "set",
        12,
        10,
        True,
        10,
    )
    assert (row["physical_qty"], row["allocated_qty"], row["ordered_unallocated_qty"], row["buffer_qty"]) == (
        10,
        0,
        0,
        0,
    )


def test_units_ordered_and_not_allocated_are_taken_off(world: World) -> None:
    """In the warehouse or not, an unallocated unit is still in its available figure."""
    world.order("1", ("A", 3))
    world.order("2", ("A", 2))
    world.warehouse_order("90", "2", ("A", 2))
    world.level("A", 10, read_at=NOW)
    assert only(world) == ("set", 10, 5)
    world.allocation("90", {"A": 2}, created_at=ago(minutes=2))
    world.change("marts.stock", "true", available_qty=8, allocated_qty=2)
    assert only(world) == ("set", 10, 5)


def test_an_allocation_younger_than_the_stock_figure_is_not_in_it_yet(world: World) -> None:
    """The figure was read before: the units are taken off by us."""
    world.order("2", ("A", 2))
    world.warehouse_order("90", "2", ("A", 2))
    world.allocation("90", {"A": 2}, created_at=ago(seconds=30))
    world.level("A", 10, read_at=NOW)
    assert only(world) == ("set", 10, 8)


def test_a_parcel_on_its_way_to_the_shop_is_not_taken_off_twice(world: World) -> None:
    """Shipped in the warehouse, unfulfilled in the shop: the shelf has already lost it."""
    world.order("2", ("A", 2))
    world.warehouse_order("90", "2", ("A", 2), shipped=[2], status_code="shipped")
    world.allocation("90", {"A": 2}, is_shipped=True)
    world.change("marts.stock", "true", available_qty=8, physical_qty=8)
    world.level("A", 8)
    assert only(world) is None


def test_an_order_the_warehouse_cancelled_holds_no_stock(world: World) -> None:
    """Its units are free again, whatever the shop still says."""
    world.order("2", ("A", 2))
    world.warehouse_order("90", "2", ("A", 2), status_code="cancelled")
    world.level("A", 10)
    assert only(world) is None


def test_an_order_placed_after_the_level_was_read_is_no_reason_to_lower_it(world: World) -> None:
    """The shop has taken it off by itself."""
    world.order("1", ("A", 3), placed_at=ago(minutes=1))
    world.level("A", 10, read_at=ago(minutes=2))
    assert only(world) is None
    world.change("marts.stock", "true", available_qty=9)
    assert only(world) == ("set", 10, 6)


def test_the_buffer_is_kept_back_and_nothing_goes_below_nothing(world: World) -> None:
    """Available 10, buffer 4: six are shown; buffer 12: none."""
    world.level("A", 10)
    world.change("estate.channels", "true", buffer=4)
    assert only(world) == ("set", 10, 6)
    world.change("estate.channels", "true", buffer=12)
    assert only(world) == ("set", 10, 0)


def test_an_oversold_sku_shows_nothing(world: World) -> None:
    """Available may be negative in the warehouse, never in the shop."""
    world.change("marts.stock", "true", available_qty=-3)
    world.level("A", 2)
    assert only(world) == ("set", 2, 0)


def rise(world: World, minutes: float) -> None:
    """Stock rose from 4 to 10 that long ago."""
    world.put(
        "ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=4, changed_at=ago(days=1)
    )
    world.put(
        "ops.stock_changes",
        system=WMS,
        facility_ref="41",
        sku="A",
        available=10,
        changed_at=ago(minutes=minutes),
    )


def test_an_increase_waits_for_its_interval(world: World) -> None:
    """Ten minutes to the second."""
    world.level("A", 4)
    rise(world, 10 - 1 / 60)
    assert only(world) is None
    world.at(NOW + timedelta(seconds=1))
    assert only(world) == ("set", 4, 10)


def test_an_increase_goes_as_far_as_the_lowest_reading_of_the_interval(world: World) -> None:
    """A busy SKU rises too, and no further than it has stood."""
    world.level("A", 4)
    rise(world, 30)
    world.put(
        "ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=7, changed_at=ago(minutes=5)
    )
    world.put(
        "ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=10, changed_at=ago(minutes=3)
    )
    assert only(world) == ("set", 4, 7)


@pytest.mark.parametrize(
    "broken",
    [
        {"started_at": ago(minutes=11)},
        {"is_complete": False},
        {"kind": "sweep"},
    ],
)
@pytest.mark.parametrize(
    ("system", "stream"), [(SHOP, "orders"), (SHOP, "stock"), (WMS, "orders"), (WMS, "stock")]
)
def test_an_increase_needs_a_later_whole_reading_of_every_side(
    world: World, system: str, stream: str, broken: dict
) -> None:
    """One stream unread and nothing rises; falling needs no second look."""
    world.level("A", 4)
    rise(world, 30)
    world.change("ops.pulls", f"system = '{system}' and stream = '{stream}'", **broken)
    assert only(world) is None
    world.change("marts.channel_stock", "true", available_qty=12)
    assert only(world) == ("set", 12, 10)


def test_nothing_rises_over_orders_the_shop_counts_and_does_not_show(world: World) -> None:
    """Committed units we know no order of belong to orders its search has not listed yet."""
    world.level("A", 4, committed_qty=2)
    assert only(world) == ("set", 4, 8)
    world.order("1", ("A", 2), placed_at=ago(minutes=5))
    assert only(world) == ("set", 4, 8)  # now known: it counts as ordered, and no longer as unseen


def test_units_the_shop_counts_for_a_test_order_take_nothing_off(world: World) -> None:
    """It never leaves: known, and no reason to show fewer."""
    world.order("1", ("A", 2), is_test=True, placed_at=ago(minutes=5))
    world.level("A", 10, committed_qty=2)
    assert only(world) is None


def test_what_we_verified_since_the_level_was_read_counts(world: World) -> None:
    """The last reading is older than our own change."""
    world.level("A", 12)
    world.promise("stock_to_channel", f"{SHOP}:inv-A:1001", sent={"quantity": 10}, closed_at=ago(minutes=1))
    assert only(world) is None
    world.change("marts.channel_stock", "true", read_at=NOW)
    assert only(world) == ("set", 12, 10)


def test_a_missing_level_is_activated_when_there_is_something_to_sell(world: World) -> None:
    """Where nothing can be sold nothing is made."""
    assert only(world) == ("activate", None, 10)
    world.change("marts.stock", "true", available_qty=0)
    assert only(world) is None


def test_a_level_somebody_switched_off_stays_off(world: World) -> None:
    """It was stocked there once; that it is not any more is a person's word."""
    world.level("A", 0, is_active=False)
    assert only(world) is None


def test_a_sku_that_is_listed_twice_has_two_levels_off_one_shelf(world: World) -> None:
    """Each listing is its own."""
    world.item("A", where=(SHOP,), item_key="twin", inventory_item_id="inv-twin")
    world.level("A", 12)
    world.level("A", 3, channel_stock_key="twin-level", item_id="inv-twin")
    assert {r["inventory_item_id"]: r["quantity"] for r in world.rows()} == {"inv-A": 10, "inv-twin": 10}


def test_a_bundle_is_what_its_scarcest_component_makes(world: World) -> None:
    """Ten A and seven B make three kits of one A and two B."""
    world.item("KIT", where=(SHOP,))
    world.bundle("KIT", A=1, B=2)
    world.item("B", where=(WMS,))
    world.stock("B", 7)
    world.level("A", 10)
    world.level("KIT", 5)
    row = world.row()
    assert (row["sku"], row["quantity"], row["physical_qty"]) == ("KIT", 3, 7)
    world.order("1", ("KIT", 1))
    assert {r["sku"]: r["quantity"] for r in world.rows()} == {"A": 9, "KIT": 2}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w.change("marts.stock", "true", sku="a"),
        lambda w: w.stock("A", 5, stock_key="other", item_id="w-A2"),
        lambda w: w.change("marts.stock", "true", available_qty=None),
    ],
    ids=["stock in other case", "two entries", "infinite"],
)
def test_only_an_exact_and_single_sku_is_written(world: World, spoil: Any) -> None:
    """A near match is never written to, nor one of two."""
    world.level("A", 99)
    spoil(world)
    assert world.rows() == []


def test_levels_a_person_holds_are_held(world: World) -> None:
    """Until the hold ends."""
    world.level("A", 99)
    world.put("estate.stock_holds", sku="A", channel=SHOP, reason="launch", until=NOW + timedelta(hours=1))
    assert world.row()["held_by"] == "stock_hold"
    world.at(NOW + timedelta(hours=1))
    assert world.row()["held_by"] is None


def test_each_location_has_its_own_level(world: World) -> None:
    """Levels are never summed over locations."""
    world.stock("A", 3, facility="YORK")
    world.level("A", 11)
    world.level("A", 11, location="1002")
    assert {r["location_id"]: r["quantity"] for r in world.rows()} == {"1001": 10, "1002": 3}


@settings(max_examples=20, deadline=None)
@given(
    held=st.dictionaries(st.sampled_from("ABC"), st.integers(-3, 20), min_size=1),
    each=st.dictionaries(st.sampled_from("ABC"), st.integers(1, 4), min_size=1),
    ordered=st.integers(0, 4),
    buffer=st.integers(0, 3),
)
def test_a_bundle_never_promises_more_than_any_component_allows(held, each, ordered, buffer) -> None:
    """shown = max(0, min over components of floor((available - ordered) / units) - buffer), for any figures."""
    world = World("stock_to_channel")
    world.pulls()
    world.change("estate.channels", "true", buffer=buffer)
    world.item("KIT", where=(SHOP,))
    world.bundle("KIT", **each)
    world.level("KIT", 1000)
    for sku, qty in held.items():
        world.item(sku, where=(WMS,))
        world.stock(sku, qty)
    if ordered:
        world.order("1", ("KIT", ordered), placed_at=ago(hours=3))
    got = only(world)
    if set(each) <= set(held):
        makes = min((held[sku] - ordered * units) // units for sku, units in each.items())
        assert got == ("set", 1000, max(0, makes - buffer))
    else:
        assert got is None


@pytest.mark.parametrize(("shown", "told"), [(3, 3), (None, 0)])
def test_a_row_says_what_the_channel_holds_back(world: World, shown: int | None, told: int) -> None:
    """For a channel that is told what lies on the shelf and not what can be sold."""
    world.level("A", 12, committed_qty=shown, updated_at=NOW)
    world.put("ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=10, changed_at=NOW)
    assert (world.row()["quantity"], world.row()["committed_qty"]) == (10, told)
