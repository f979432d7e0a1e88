"""Planted faults of stock and items: levels that differ, items and bundles oversold, unlisted, incomplete.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).
"""

from __future__ import annotations

from cogent_pipelines.sandbox.world import catalogue, levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Level, Variant
from cogent_pipelines.sandbox.world.plant import REPAIRED, Plant, Script
from cogent_pipelines.sandbox.world.plants_orders import (
    CARRIED_OUT,
    LEVEL,
    LISTED,
    OVERSOLD,
    REACHED,
    RELEASABLE,
    SHIPS,
)
from cogent_pipelines.sandbox.world.world import Flaw

SOLD = "every_warehouse_sku_is_sold_somewhere"
STORED = "every_change_was_stored_as_sent"
BUNDLE = "no_bundle_outsells_its_components"


def _level(p: Plant, variant: Variant, location_id: int | None = None) -> Level:
    return p.shop.levels[(variant.inventory_item_id, location_id or p.home)]


def _write(p: Plant, variant: Variant, location_id: int, available: int) -> None:
    """Have somebody type a level into the shop."""
    level = _level(p, variant, location_id)
    level.available = available
    levels.touch_level(p.world, p.shop, level)


def _keys(variant: Variant, location_id: int) -> dict[str, object]:
    return {"sku": variant.sku, "location": location_id}


def _swallow(p: Plant, variant: Variant) -> None:
    p.world.arm(Flaw(p.shop.system, "set_levels", variant.sku, "nothing"))


# --- channel_stock_equals_what_is_available -----------------------------------------------------------


def typed_too_high(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(90)
    _write(p, variant, p.home, _level(p, variant).available + p.rng.randint(5, 30))
    p.record(_keys(variant, p.home), repair=REPAIRED, also=(OVERSOLD,))


def typed_too_low(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(90)
    _write(
        p,
        variant,
        p.locations[-1],
        max(0, _level(p, variant, p.locations[-1]).available - p.rng.randint(5, 30)),
    )
    p.record(_keys(variant, p.locations[-1]), repair=REPAIRED)


def count_the_shop_never_takes(p: Plant) -> Script:
    variant, sellable = p.own_item()
    _swallow(p, variant)
    yield p.minutes(60)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, p.rng.randint(5, 40))
    p.record(_keys(variant, p.home), also=(CARRIED_OUT, STORED, OVERSOLD))


def shop_stores_another_figure(p: Plant) -> Script:
    variant, sellable = p.own_item()
    p.world.arm(Flaw(p.shop.system, "set_levels", variant.sku, "off_by", 7))
    yield p.minutes(60)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, p.rng.randint(10, 40))
    p.record(_keys(variant, p.home), also=(CARRIED_OUT, STORED, OVERSOLD))


def pushed_by_the_old_integration(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(45)
    order = p.place([(variant.sku, 4)], payment="authorised")
    _write(p, variant, p.home, 50)  # what lies there, forgetting what is ordered
    p.record(_keys(variant, p.home), repair=REPAIRED, also=(OVERSOLD,))
    yield p.well_past(180)
    shops.cancel_order(p.world, p.shop, order.id)


def typed_as_it_was(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(60)
    _write(p, variant, p.home, _level(p, variant).available)
    p.record(_keys(variant, p.home))


def counted_and_found_right(p: Plant) -> Script:
    variant, sellable = p.own_item()
    yield p.minutes(60)
    entry = wms.get_entry(p.warehouse, sellable.id, p.facility)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, entry.physical)
    p.record(_keys(variant, p.home))


def differs_and_is_not_tracked(p: Plant) -> Script:
    variant, _ = p.own_item()
    variant.is_tracked = False
    catalogue.touch_variant(p.world, p.shop, variant)
    _write(p, variant, p.home, 0)
    p.record(_keys(variant, p.home))
    yield p.minutes(1)


def ordered_and_not_yet_released(p: Plant) -> Script:
    variant, _ = p.own_item()
    order = p.place([(variant.sku, 3)], payment="authorised")
    p.record(_keys(variant, p.home) | {"order": order.name})
    yield p.minutes(120)
    shops.cancel_order(p.world, p.shop, order.id)


# --- no_sku_is_oversold -------------------------------------------------------------------------------


def recalled_below_what_is_allocated(p: Plant) -> Script:
    variant, sellable = p.own_item()
    order = p.place([(variant.sku, 10)])
    p.plan(order, picks=False)
    yield p.released(order)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, 4, why="recalled")
    p.record({"sku": variant.sku, "location": p.home, "facility": p.code}, also=(SHIPS, LEVEL, RELEASABLE))


def written_off_after_the_sale(p: Plant) -> Script:
    variant, sellable = p.own_item()
    order = p.place([(variant.sku, 12)], payment="authorised")
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, 5, why="written_off")
    shops.capture(p.world, p.shop, order.id)
    p.plan(order, picks=False)
    p.record(
        {"sku": variant.sku, "location": p.home, "facility": p.code}, also=(SHIPS, LEVEL, RELEASABLE, REACHED)
    )
    yield p.minutes(1)


def sold_from_a_level_left_high(p: Plant) -> Script:
    variant, sellable = p.own_item(stock=6)
    _swallow(p, variant)
    _write(p, variant, p.home, 30)
    yield p.minutes(30)
    order = p.place([(variant.sku, 14)])
    p.plan(order, picks=False)
    p.record(
        {"sku": variant.sku, "location": p.home, "facility": p.code},
        also=(SHIPS, LEVEL, RELEASABLE, REACHED, CARRIED_OUT, STORED),
    )
    del sellable


def sold_to_the_last_unit(p: Plant) -> Script:
    variant, _ = p.own_item(stock=5)
    order = p.place([(variant.sku, 5)])
    p.record({"sku": variant.sku, "order": order.name, "location": p.home})
    yield p.minutes(1)


def allocated_is_all_there_is(p: Plant) -> Script:
    variant, sellable = p.own_item()
    order = p.place([(variant.sku, 10)])
    p.plan(order, pick_minutes=600)
    yield p.released(order)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, 10)
    p.record({"sku": variant.sku, "location": p.home})


def short_and_received_at_once(p: Plant) -> Script:
    variant, sellable = p.own_item(stock=8)
    order = p.place([(variant.sku, 8)], payment="authorised")
    wms.receive_goods(p.world, p.warehouse, sellable.id, p.facility, 20, reference="purchase order")
    shops.capture(p.world, p.shop, order.id)
    p.record({"sku": variant.sku, "location": p.home})
    yield p.minutes(1)


# --- no_bundle_outsells_its_components ----------------------------------------------------------------


def _bundle(p: Plant) -> tuple[Variant, int, dict[str, int]]:
    """Choose one of the bundles that are kept for the planter, and a location."""
    kept = [v for v in p.people.shelf(p.shop)[1] if v.sku in p.people.reserved_skus]
    variant = kept[p.serial % len(kept)]
    location_id = p.locations[(p.serial // len(kept)) % len(p.locations)]
    return variant, location_id, p.people.bundles[variant.sku]


def _able(p: Plant, parts: dict[str, int], location_id: int) -> int:
    facility_id = catalogue.FACILITY_OF[location_id]
    free = []
    for sku, need in parts.items():
        entry = wms.get_entry(p.warehouse, p.warehouse.by_sku[sku], facility_id)
        free.append((entry.physical - entry.allocated) // need)
    return min(free)


def bundle_typed_too_high(p: Plant) -> Script:
    variant, location_id, parts = _bundle(p)
    _write(p, variant, location_id, _able(p, parts, location_id) + 25)
    p.record(_keys(variant, location_id), repair=REPAIRED, also=(LEVEL,))
    yield p.minutes(1)


def component_gone_and_bundle_stays(p: Plant) -> Script:
    variant, location_id, parts = _bundle(p)
    _swallow(p, variant)
    component = p.rng.choice(list(parts))
    facility_id = catalogue.FACILITY_OF[location_id]
    sellable_id = p.warehouse.by_sku[component]
    entry = wms.get_entry(p.warehouse, sellable_id, facility_id)
    wms.count_stock(p.world, p.warehouse, sellable_id, facility_id, entry.allocated + 1, why="recalled")
    if _level(p, variant, location_id).available <= _able(p, parts, location_id):
        _write(p, variant, location_id, _able(p, parts, location_id) + 9)
    p.record(
        _keys(variant, location_id) | {"component": component}, also=(LEVEL, CARRIED_OUT, STORED, OVERSOLD)
    )
    yield p.minutes(1)


def bundle_level_kept_by_hand(p: Plant) -> Script:
    variant, location_id, parts = _bundle(p)
    wanted = _able(p, parts, location_id) + 12
    _write(p, variant, location_id, wanted)
    p.record(_keys(variant, location_id), repair=REPAIRED, also=(LEVEL,))
    for _ in range(6):  # whoever corrects it finds it typed over again
        yield p.minutes(30)
        _write(p, variant, location_id, wanted)


def bundle_exactly_as_able(p: Plant) -> Script:
    yield from _quiet_bundle(p, 0)


def bundle_below_its_components(p: Plant) -> Script:
    yield from _quiet_bundle(p, -1)


def _quiet_bundle(p: Plant, difference: int) -> Script:
    """Take a bundle nobody tampered with; a level below what is able is a difference, no oversale."""
    plain = [v for v in p.people.shelf(p.shop)[1] if v.sku not in p.people.reserved_skus]
    variant = plain[p.serial % len(plain)]
    level = _level(p, variant, p.home)
    if difference:
        _write(p, variant, p.home, max(0, level.available + difference))
    p.record(_keys(variant, p.home), also=(LEVEL,) if difference else ())
    yield p.minutes(1)


def bundle_ordered_and_parts_follow(p: Plant) -> Script:
    plain = [v for v in p.people.shelf(p.shop)[1] if v.sku not in p.people.reserved_skus]
    variant = plain[(p.serial + 1) % len(plain)]
    order = p.place([(variant.sku, 1)])
    p.record(_keys(variant, p.home) | {"order": order.name})
    yield p.minutes(1)


# --- every_channel_sku_exists_in_the_warehouse --------------------------------------------------------

UNLISTED = (SOLD, LEVEL, OVERSOLD)


def case_changed_in_the_shop(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(30)
    was = variant.sku
    catalogue.rename_variant(p.world, p.shop, variant, was.lower())
    p.people.reserved_skus.add(variant.sku)
    p.record({"sku": variant.sku, "was": was}, also=UNLISTED)


def renamed_in_the_shop(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(30)
    was = variant.sku
    catalogue.rename_variant(p.world, p.shop, variant, f"{was}-V2")
    p.people.reserved_skus.add(variant.sku)
    p.record({"sku": variant.sku, "was": was}, also=UNLISTED)


def listed_before_it_exists(p: Plant) -> Script:
    variant = p.listing()
    p.record({"sku": variant.sku}, also=UNLISTED)
    yield p.minutes(1)


def withdrawn_by_the_warehouse(p: Plant) -> Script:
    variant, sellable = p.own_item(stock=0)
    yield p.minutes(30)
    wms.delete_sellable(p.world, p.warehouse, sellable.id)
    p.record({"sku": variant.sku}, also=UNLISTED)


def blank_after_the_sku(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(30)
    catalogue.rename_variant(p.world, p.shop, variant, f"{variant.sku} ")
    p.people.reserved_skus.add(variant.sku)
    p.record({"sku": variant.sku}, also=UNLISTED)


def draft_not_yet_there(p: Plant) -> Script:
    variant = p.listing(status="draft")
    p.record({"sku": variant.sku})
    yield p.minutes(1)


def archived_and_gone(p: Plant) -> Script:
    variant, sellable = p.own_item(stock=0)
    variant.status = "archived"
    catalogue.touch_variant(p.world, p.shop, variant)
    wms.delete_sellable(p.world, p.warehouse, sellable.id)
    p.record({"sku": variant.sku})
    yield p.minutes(1)


def lower_case_in_both(p: Plant) -> Script:
    number = p.world.new_id("planter/item", 9001)
    variant, _ = p.own_item(sku=f"sku-{number}x")
    p.record({"sku": variant.sku})
    yield p.minutes(1)


# --- every_warehouse_sku_is_sold_somewhere ------------------------------------------------------------


def never_listed(p: Plant) -> Script:
    number = p.world.new_id("planter/item", 9001)
    sku = f"SKU-{number}"
    p.people.reserved_skus.add(sku)
    sellable = wms.add_sellable(
        p.world,
        p.warehouse,
        sku=sku,
        title="Item nobody listed",
        price=p.shop.variants[next(iter(p.shop.variants))].price,
        barcode=catalogue.gtin(700_000 + number),
        weight_grams=120,
        origin_country="GB",
        hs_code="691200",
    )
    wms.receive_goods(p.world, p.warehouse, sellable.id, p.facility, 30, reference="purchase order")
    p.record({"sku": sku}, system=p.warehouse.system)
    yield p.minutes(1)


def archived_with_stock_left(p: Plant) -> Script:
    variant, _ = p.own_item()
    yield p.minutes(30)
    variant.status = "archived"
    catalogue.touch_variant(p.world, p.shop, variant)
    p.record({"sku": variant.sku}, system=p.warehouse.system)


def renamed_in_the_warehouse(p: Plant) -> Script:
    variant, sellable = p.own_item()
    yield p.minutes(30)
    wms.rename_sku(p.world, p.warehouse, sellable.id, f"{variant.sku}-W")
    p.people.reserved_skus.add(sellable.sku)
    p.record(
        {"sku": sellable.sku, "was": variant.sku}, system=p.warehouse.system, also=(LISTED, LEVEL, OVERSOLD)
    )


def withdrawn_in_both(p: Plant) -> Script:
    yield from archived_and_gone(p)


def listed_and_sold_out(p: Plant) -> Script:
    variant, _ = p.own_item(stock=0)
    p.record({"sku": variant.sku}, system=p.warehouse.system)
    yield p.minutes(1)


def listed_twice(p: Plant) -> Script:
    variant, _ = p.own_item()
    twin = p.listing(barcode=variant.barcode)
    catalogue.rename_variant(p.world, p.shop, twin, variant.sku)
    for location_id in catalogue.LOCATIONS:
        levels.deactivate(p.world, p.shop, twin.inventory_item_id, location_id)
    p.shop.by_sku[variant.sku] = variant.id
    p.record({"sku": variant.sku}, system=p.warehouse.system, also=(LEVEL,))
    yield p.minutes(1)


# --- every_item_has_weight_barcode_and_origin ---------------------------------------------------------


def _incomplete(p: Plant, **facts: object) -> Script:
    variant, sellable = p.own_item()
    yield p.minutes(15)
    for name, value in facts.items():
        setattr(variant, name, value)
        setattr(sellable, name, value)
    catalogue.touch_variant(p.world, p.shop, variant)
    wms.touch_item(p.world, p.warehouse, sellable)
    p.record({"sku": variant.sku, "field": next(iter(facts))})


def no_weight(p: Plant) -> Script:
    yield from _incomplete(p, weight_grams=None)


def weighs_nothing(p: Plant) -> Script:
    yield from _incomplete(p, weight_grams=0)


def no_barcode(p: Plant) -> Script:
    yield from _incomplete(p, barcode="")


def wrong_check_digit(p: Plant) -> Script:
    good = catalogue.gtin(800_000 + p.serial)
    yield from _incomplete(p, barcode=good[:-1] + str((int(good[-1]) + 3) % 10))


def no_origin(p: Plant) -> Script:
    yield from _incomplete(p, origin_country="")


def eight_digit_barcode(p: Plant) -> Script:
    body = f"96{p.serial % 100_000:05d}"
    yield from _incomplete(p, barcode=body + catalogue.check_digit(body))


def twelve_digit_barcode(p: Plant) -> Script:
    body = f"01234{p.serial % 1_000_000:06d}"
    yield from _incomplete(p, barcode=body + catalogue.check_digit(body))


def weighs_a_gram(p: Plant) -> Script:
    yield from _incomplete(p, weight_grams=1)
