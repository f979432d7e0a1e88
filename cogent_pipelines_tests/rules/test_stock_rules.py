"""The rules about stock and about the things that are stocked."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary

LEVEL = f"{SHOP}:inv-A:1001"


def drifted(channel: int, *, seen: Any = ago(hours=1), available: int = 10, **level: Any) -> World:
    """Leeds has ten A, the shop shows ``channel``, and the difference was first seen ``seen``."""
    world = World("channel_stock_equals_what_is_available")
    world.item("A")
    world.stock("A", available)
    world.level("A", channel, **level)
    world.put("ops.first_seen", relation="level_differences", row_key=LEVEL, since_at=seen)
    return world


def change(world: World, available: int, at: Any) -> None:
    """A reading of the warehouse's available stock that was another than before."""
    world.put("ops.stock_changes", system=WMS, facility_ref="41", sku="A", available=available, changed_at=at)


def verified(world: World, quantity: int, at: Any) -> None:
    """We set the level, and saw it stand."""
    world.promise("stock_to_channel", LEVEL, act="set", sent={"quantity": quantity}, closed_at=at)


# --- channel_stock_equals_what_is_available -----------------------------------------------------------------


def test_equal_levels_are_right() -> None:
    """Whatever they are made of."""
    world = drifted(7)
    world.order("1", ("A", 3))
    assert world.found() == {}


def test_a_difference_is_shown_after_half_an_hour_with_its_sum() -> None:
    """From when it was first seen, with the money in it."""
    world = drifted(14, seen=ago(minutes=20))
    boundary(world, NOW + timedelta(minutes=10), {LEVEL: "delay"})
    row = world.row()
    assert row["detail"].startswith(
        "A at LEEDS: physical 10 - allocated 0 - ordered 0 - buffer 0 = 10, channel shows 14"
    )
    assert row["amount"] == Decimal(40)


@pytest.mark.parametrize(("sold_elsewhere", "cause"), [(4, "delay"), (0, "foreign_edit")])
def test_what_we_put_right_in_between_is_a_new_difference(sold_elsewhere: int, cause: str) -> None:
    """Seen at every look, and each time another. Somebody who undoes ours again and again is one difference."""
    world = drifted(10 if sold_elsewhere else 12, seen=ago(hours=3), available=10 - sold_elsewhere)
    verified(world, 10, ago(minutes=20))
    change(world, 10, ago(hours=4))
    if sold_elsewhere:
        change(world, 6, ago(minutes=10))
        world.warehouse_order("91", None, ("A", 4), reference="PHONE-1", created_at=ago(minutes=10))
        world.allocation("91", {"A": 4}, created_at=ago(minutes=10))
        boundary(world, NOW + timedelta(minutes=10), {LEVEL: cause})
    else:
        assert world.found() == {LEVEL: cause}


def test_a_difference_nobody_has_seen_before_is_not_due() -> None:
    """It is remembered by the evaluation, and not by the view."""
    world = drifted(14)
    world.connection.execute("DELETE FROM ops.first_seen")
    assert world.found() == {}


def test_orders_on_their_way_are_no_difference() -> None:
    """Placed after the level was read, or counted by the shop and not yet shown by its search."""
    world = drifted(10, read_at=ago(minutes=5))
    world.order("1", ("A", 3), placed_at=ago(minutes=2))
    assert world.found() == {}
    world = drifted(8, committed_qty=2)
    assert world.found() == {}


def test_a_level_somebody_else_changed_is_a_foreign_edit() -> None:
    """We saw 10 stand; three were sold since, and it shows 9."""
    world = drifted(9)
    verified(world, 10, ago(hours=3))
    change(world, 10, ago(hours=4))
    world.order("1", ("A", 3), placed_at=ago(hours=2))
    assert world.found() == {LEVEL: "foreign_edit"}


def test_a_warehouse_that_tells_only_what_is_available_is_judged_and_explained() -> None:
    """Some do not say what lies there in all."""
    world = drifted(14)
    world.change("marts.stock", "true", physical_qty=None, allocated_qty=None)
    assert world.row()["detail"].startswith(
        "A at LEEDS: physical not told - ordered 0 - buffer 0 = 10, channel shows 14"
    )


def test_a_count_in_the_warehouse_is_physical() -> None:
    """We saw 10 stand; two were sold and allocated; the warehouse has four fewer than that explains."""
    world = drifted(8, available=4)
    verified(world, 10, ago(hours=3))
    change(world, 10, ago(hours=4))
    change(world, 4, ago(hours=1))
    world.order("1", ("A", 2), placed_at=ago(hours=2))
    world.warehouse_order("90", "1", ("A", 2), created_at=ago(hours=2))
    world.allocation("90", {"A": 2}, created_at=ago(hours=2))
    assert world.found() == {LEVEL: "physical"}


def test_a_sale_elsewhere_that_has_not_reached_the_shop_is_a_delay() -> None:
    """Everything is explained; only our change has not arrived."""
    world = drifted(10, available=6)
    verified(world, 10, ago(hours=3))
    change(world, 10, ago(hours=4))
    change(world, 6, ago(hours=1))
    world.warehouse_order("91", None, ("A", 4), reference="PHONE-1", created_at=ago(hours=1))
    world.allocation("91", {"A": 4}, created_at=ago(hours=1))
    assert world.found() == {LEVEL: "delay"}


def test_without_a_verified_level_the_side_that_moved_last_is_named() -> None:
    """The shop after the warehouse: an edit; the warehouse by a count: physical."""
    world = drifted(12, updated_at=ago(hours=2))
    assert world.found() == {LEVEL: "delay"}  # nobody was looking then
    world.pulls(ago(hours=6))
    change(world, 10, ago(hours=5))
    assert world.found() == {LEVEL: "foreign_edit"}
    world = drifted(12, updated_at=ago(hours=5))
    change(world, 12, ago(hours=6))
    change(world, 10, ago(hours=2))
    assert world.found() == {LEVEL: "physical"}


@pytest.mark.parametrize("planted", ["count", "sale elsewhere"])
@settings(max_examples=15, deadline=None)
@given(before=st.integers(20, 60), by=st.integers(1, 9), sold=st.integers(0, 5), restocked=st.booleans())
def test_a_count_and_a_sale_on_its_way_are_never_taken_for_each_other(
    planted, before, by, sold, restocked
) -> None:
    """Whatever else was sold, given back and allocated meanwhile."""
    world = drifted(before - sold + restocked, available=before - sold - by)
    verified(world, before, ago(hours=3))
    change(world, before, ago(hours=4))
    change(world, before - sold - by, ago(minutes=40))
    if sold:
        world.order("1", ("A", sold), placed_at=ago(hours=2))
        world.warehouse_order("90", "1", ("A", sold), created_at=ago(hours=2))
        world.allocation("90", {"A": sold}, created_at=ago(hours=2))
    if restocked:
        world.refund("1", "r1", "10", [(1, "A", 1, "cancel")], refunded_at=ago(hours=1))
    if planted == "sale elsewhere":
        world.warehouse_order("91", None, ("A", by), reference="PHONE-1", created_at=ago(hours=1))
        world.allocation("91", {"A": by}, created_at=ago(hours=1))
    assert world.found() == {LEVEL: "physical" if planted == "count" else "delay"}


def test_held_levels_unknown_skus_and_overstated_bundles_are_not_this_rule_s() -> None:
    """A hold is a person's word; the others have rules of their own."""
    world = drifted(14)
    world.put("estate.stock_holds", sku="A", channel=SHOP, reason="launch", until=NOW + timedelta(days=1))
    assert world.found() == {}
    world = drifted(14)
    world.change("marts.stock", "true", sku="a")
    assert world.found() == {}
    world = drifted(14)
    world.bundle("A", B=1)
    world.stock("B", 2)
    assert world.found() == {}
    world.change("marts.channel_stock", "true", available_qty=1)
    assert set(world.found()) == {LEVEL}


# --- no_bundle_outsells_its_components ------------------------------------------------------------------------


def test_a_bundle_that_shows_more_than_its_components_make_is_shown() -> None:
    """Seven B make three kits of two."""
    world = World("no_bundle_outsells_its_components")
    world.item("KIT", where=(SHOP,))
    world.bundle("KIT", A=1, B=2)
    for sku, qty in (("A", 10), ("B", 7)):
        world.item(sku, where=(WMS,))
        world.stock(sku, qty)
    world.level("KIT", 3)
    key = f"{SHOP}:inv-KIT:1001"
    world.put("ops.first_seen", relation="level_differences", row_key=key, since_at=ago(minutes=20))
    assert world.found() == {}
    world.change("marts.channel_stock", "true", available_qty=4)
    boundary(world, NOW + timedelta(minutes=10), {key: "stale_parent"})
    assert (world.row()["detail"], world.row()["amount"]) == ("KIT at LEEDS: shows 4, B makes 3", Decimal(10))
    world.change("marts.channel_stock", "true", available_qty=2)
    assert world.found() == {}


# --- no_sku_is_oversold -----------------------------------------------------------------------------------------


def test_a_sku_is_oversold_when_more_is_ordered_than_there_is() -> None:
    """To the unit, bundles included."""
    world = World("no_sku_is_oversold")
    world.item("A")
    world.stock("A", 5)
    world.bundle("KIT", A=2)
    world.order("1", ("A", 3))
    world.order("2", ("KIT", 1))
    assert world.found() == {}
    world.order("3", ("A", 1))
    row = world.row()
    assert (row["exception_key"], row["cause"], row["amount"]) == ("LEEDS:A", "oversold", Decimal(10))
    assert row["detail"] == "A at LEEDS: available 5, ordered and not allocated 6, short 1"


def test_a_sku_the_warehouse_does_not_keep_is_not_oversold() -> None:
    """Its orders are held as unknown."""
    world = World("no_sku_is_oversold")
    world.order("1", ("C", 3))
    assert world.found() == {}


# --- every_channel_sku_exists_in_the_warehouse --------------------------------------------------------------------


def listed(*skus: str | None, kept: tuple[str, ...] = ("A",)) -> World:
    """What the shop sells, and what the warehouse keeps."""
    world = World("every_channel_sku_exists_in_the_warehouse")
    for place, sku in enumerate(skus):
        world.item(sku or "", where=(SHOP,), item_key=f"{SHOP}:{place}", **({} if sku else {"sku": None}))
    for sku in kept:
        world.item(sku, where=(WMS,))
    return world


def test_a_sku_on_both_sides_exists() -> None:
    """By exactly that name."""
    assert listed("A").found() == {}


@pytest.mark.parametrize(
    ("sku", "cause", "detail"),
    [
        ("TEE-RED-M", "near_match", "TEE-RED-M; nearest is tee-red-m"),
        ("TEE RED L", "near_match", "TEE RED L; nearest is TEE-RED-L"),
        ("TEE-GREEN-9", "missing", "TEE-GREEN-9"),
        ("ZZZ", "missing", "ZZZ"),
        (None, "blank_sku", "a variant without a SKU"),
    ],
)
def test_a_sku_the_warehouse_does_not_know_is_shown_with_the_nearest(
    sku: str | None, cause: str, detail: str
) -> None:
    """As a hint to a person."""
    row = listed(sku, kept=("tee-red-m", "TEE-RED-L", "MUG")).row()
    assert row["cause"] == cause
    assert row["detail"].startswith(detail)


def test_doubles_in_the_warehouse_and_missing_components_are_shown_too() -> None:
    """Each by its cause. A SKU that is listed twice exists."""
    world = listed("A", "A", "B", "KIT", kept=("A", "B"))
    world.item("B", where=(WMS,), item_key="other", item_id="w-B2")
    world.bundle("KIT", A=1, X=1)
    assert world.found() == {f"{SHOP}:2": "kept_twice", f"{SHOP}:3": "missing_component"}


def test_a_changed_sku_and_what_is_not_stocked_are_right() -> None:
    """The map counts; a gift card has no shelf; what is switched off is not on sale."""
    world = listed("OLD", kept=("NEW",))
    world.put("mappings.sku_changes", system=WMS, old_sku="OLD", new_sku="NEW", from_on=NOW.date())
    assert world.found() == {}
    world = listed("GIFT")
    world.change("marts.items", f"system = '{SHOP}'", is_tracked=False)
    assert world.found() == {}
    world.change("marts.items", f"system = '{SHOP}'", is_tracked=True, is_active=False)
    assert world.found() == {}


def test_what_was_listed_since_the_warehouse_was_read_is_missing_once_it_was_read_again() -> None:
    """An item may come into both within one hour. Whatever is changed of it afterwards, it stays missing."""
    world = listed("NEW")
    world.change("marts.items", "sku = 'NEW'", updated_at=ago(minutes=30))
    world.catalogue_read(WMS, ago(minutes=40))
    assert world.found() == {}
    world.catalogue_read(WMS, ago(minutes=20))
    assert world.found() == {f"{SHOP}:0": "missing"}
    world.change("marts.items", "sku = 'NEW'", updated_at=ago(minutes=10))
    assert world.found() == {}
    world.put(
        "ops.exceptions", rule=world.model, exception_key=f"{SHOP}:0", state="open", since_at=ago(minutes=30)
    )
    assert world.found() == {f"{SHOP}:0": "missing"}


def test_a_warehouse_that_is_asked_by_name_is_asked_after_the_shop_was_read() -> None:
    """Before we know of an item we cannot ask for it: its absence says nothing."""
    world = listed("NEW")
    world.change("marts.items", "sku = 'NEW'", updated_at=ago(minutes=30))
    world.catalogue_read(SHOP, ago(minutes=50))
    world.catalogue_read(WMS, ago(minutes=20), by_name=True)
    world.catalogue_read(SHOP, ago(minutes=20))
    assert world.found() == {}
    world.catalogue_read(WMS, ago(minutes=10), by_name=True)
    assert world.found() == {f"{SHOP}:0": "missing"}


# --- every_warehouse_sku_is_sold_somewhere ------------------------------------------------------------------------


def test_stock_nobody_can_buy_is_shown() -> None:
    """Not listed, or switched off; without stock nothing is stranded."""
    world = World("every_warehouse_sku_is_sold_somewhere")
    world.item("A")
    world.item("B", where=(WMS,))
    world.bundle("KIT", B=1)
    for sku in ("A", "B"):
        world.stock(sku, 3)
    assert world.found() == {f"{WMS}:B": "not_listed"}
    world.item("KIT", where=(SHOP,))
    assert world.found() == {}
    world.change("marts.items", f"system = '{SHOP}' and sku = 'A'", is_active=False)
    assert world.found() == {f"{WMS}:A": "listing_inactive"}
    world.change("marts.stock", "true", available_qty=0)
    assert world.found() == {}


# --- every_item_has_weight_barcode_and_origin ---------------------------------------------------------------------


def faults(**values: Any) -> set[str]:
    """What is wrong with one item of the catalogue's owner."""
    world = World("every_item_has_weight_barcode_and_origin")
    world.item("A", where=(SHOP,), **values)
    world.item("B", where=(WMS,), weight_grams=None, barcode=None)  # not the owner: not judged
    return set(world.found().values())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, set()),
        ({"weight_grams": 0}, {"no_weight"}),
        ({"weight_grams": None, "barcode": " "}, {"no_weight", "no_barcode"}),
        ({"barcode": "5012345678901"}, {"bad_barcode"}),
        ({"barcode": "501234567891"}, {"bad_barcode"}),
        ({"barcode": "ABC"}, {"bad_barcode"}),
        ({"barcode": "96385074"}, set()),
        ({"barcode": "036000291452"}, set()),
        ({"origin_country_code": None}, {"no_origin"}),
        ({"origin_country_code": "gb"}, {"no_origin"}),
        ({"is_active": False, "barcode": None}, set()),
        ({"is_tracked": False, "barcode": None}, set()),
    ],
)
def test_an_item_lacks_what_it_lacks(values: dict, expected: set[str]) -> None:
    """One row per field."""
    assert faults(**values) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (["barcode", "origin", "weight"], {"no_weight", "no_barcode", "no_origin"}),
        (["barcode", "weight"], {"no_weight", "no_barcode"}),
        ([], set()),
    ],
)
def test_an_item_does_not_lack_what_its_vendor_has_no_field_for(
    details: list[str], expected: set[str]
) -> None:
    """Nobody could fill it in."""
    world = World("every_item_has_weight_barcode_and_origin")
    world.change("estate.systems", f"system = '{SHOP}'", item_details=details)
    world.item("A", where=(SHOP,), weight_grams=None, barcode=None, origin_country_code=None)
    assert set(world.found().values()) == expected


def test_a_bundle_needs_none_of_it() -> None:
    """It is made up of items that do."""
    world = World("every_item_has_weight_barcode_and_origin")
    world.bundle("KIT", A=1)
    world.item("KIT", where=(SHOP,), barcode=None, weight_grams=None)
    assert world.found() == {}


GTINS = dbt_render.connect()
IS_GTIN = "SELECT " + dbt_render.expression("is_gtin('code')") + " FROM (SELECT ? AS code)"


@settings(deadline=None)
@given(
    st.text("0123456789", min_size=7, max_size=13).filter(lambda t: len(t) in (7, 11, 12, 13)),
    st.integers(0, 9),
)
def test_a_gtin_is_told_by_its_check_digit(body: str, last: int) -> None:
    """Weights three and one from the right, all lengths."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    is_right = (total + last) % 10 == 0
    row = GTINS.execute(IS_GTIN, [f"{body}{last}"]).fetchone()
    assert row == (is_right,)
