"""What the retailer sells: invented items and bundles, or the items a file of orders names.

Belongs here: shops, warehouses and their items as they stand when the world begins.
Does not belong here: any change after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, TypedDict

from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import (
    DeliveryMethod,
    Facility,
    Level,
    Location,
    Shop,
    Variant,
    Warehouse,
)

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

LOCATIONS = {1001: "Leeds", 1002: "York"}
FACILITIES = {41: ("LEEDS", "Leeds"), 42: ("YORK", "York")}
FACILITY_OF = {1001: 41, 1002: 42}
DELIVERY_METHODS = {11: "Standard", 12: "Next Day", 13: "Tracked 48", 14: "Collect"}
CHANNEL = 771
NOUNS = (
    "Mug", "Tea Towel", "Cushion", "Lantern", "Candle", "Bowl", "Notebook", "Tote Bag", "Apron", "Vase",
    "Clock", "Coaster", "Frame", "Blanket", "Teapot", "Doormat", "Bunting", "Hook", "Basket", "Tin",
)  # fmt: skip
ADJECTIVES = (
    "Red", "Blue", "Sage", "Oat", "Spotted", "Striped", "Vintage", "Enamel", "Woven", "Glass",
    "Ceramic", "Felt", "Oak", "Zinc", "Linen", "Retro", "Small", "Large", "Painted", "Plain", "Quilted",
    "Ribbed", "Smoked", "Waxed", "Folding",
)  # fmt: skip
ORIGINS = ("GB", "GB", "GB", "PT", "IN", "CN", "CN", "IT", "PL", "TR")
HS_CODES = ("691200", "630260", "940490", "940550", "340600", "482010", "420292", "392410")


def location_of(facility_id: int) -> int | None:
    """Give the shop's location that a facility stands behind."""
    return next((location for location, facility in FACILITY_OF.items() if facility == facility_id), None)


def gtin(number: int) -> str:
    """Make a 13-digit barcode with its check digit."""
    body = f"50{number:010d}"
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """Give the check digit of a barcode's other digits (GTIN: weights 3 and 1 from the right)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def components(index: int) -> dict[str, int]:
    """Give the components of bundle ``index`` (from 1): always the same, whatever the seed."""
    parts = {f"SKU-{3 * index - 2:04d}": 1, f"SKU-{3 * index - 1:04d}": 2}
    if index % 5 == 0:
        parts[f"SKU-{3 * index:04d}"] = 1
    return parts


def empty_shop(system: str) -> Shop:
    """Open a shop with its two locations."""
    return Shop(system, "GBP", locations={i: Location(i, name) for i, name in LOCATIONS.items()})


def warehouse_of(world: World, facility_id: int) -> Warehouse | None:
    """Give the warehouse that runs a facility."""
    return next((w for w in world.warehouses.values() if facility_id in w.facilities), None)


def empty_warehouse(world: World, system: str) -> Warehouse:
    """Open a warehouse system with the facilities it runs."""
    runs = world.settings.facilities
    return Warehouse(
        system,
        facilities={
            i: Facility(i, code, name)
            for i, (code, name) in FACILITIES.items()
            if runs.get(code, system) == system
        },
        delivery_methods={
            i: DeliveryMethod(i, name, Decimal("3.95"), world.now, world.now)
            for i, name in DELIVERY_METHODS.items()
        },
        channels={CHANNEL: "API store"},
    )


def add_variant(
    world: World,
    shop: Shop,
    *,
    sku: str,
    title: str,
    price: Decimal,
    barcode: str = "",
    weight_grams: int | None = None,
    origin_country: str = "",
    hs_code: str = "",
    is_bundle: bool = False,
    status: str = "active",
) -> Variant:
    """List an item in a shop, not stocked anywhere yet."""
    number = world.new_id(f"{shop.system}/variant", 1)
    variant = Variant(
        id=4_200_000_000 + number,
        product_id=8_100_000_000 + number,
        inventory_item_id=4_600_000_000 + number,
        sku=sku,
        title=title,
        price=price,
        created_at=world.now,
        updated_at=world.now,
        barcode=barcode,
        weight_grams=weight_grams,
        origin_country=origin_country,
        hs_code=hs_code,
        is_bundle=is_bundle,
        status=status,
    )
    shop.variants[variant.id] = variant
    shop.by_sku[sku] = variant.id
    shop.by_item[variant.inventory_item_id] = variant.id
    touch_variant(world, shop, variant)
    return variant


def touch_variant(world: World, shop: Shop, variant: Variant) -> None:
    """Note that an item of a shop changed now."""
    variant.updated_at = world.now
    shop.variant_log.add(world.now, variant.id)


def rename_variant(world: World, shop: Shop, variant: Variant, sku: str) -> None:
    """Give an item of a shop another SKU; orders placed before keep the old one."""
    if shop.by_sku.get(variant.sku) == variant.id:
        del shop.by_sku[variant.sku]
    variant.sku = sku
    shop.by_sku[sku] = variant.id
    touch_variant(world, shop, variant)


def stock_level(world: World, shop: Shop, variant: Variant, location_id: int, available: int) -> Level:
    """Stock an item at a location with a first level."""
    level = Level(variant.inventory_item_id, location_id, available, 0, world.now)
    shop.levels[(variant.inventory_item_id, location_id)] = level
    shop.level_log.add(world.now, (variant.inventory_item_id, location_id))
    return level


def open_stock(world: World, warehouse: Warehouse, sku: str, facility_id: int, quantity: int) -> None:
    """Put the first stock of an item into a facility."""
    wms.move_stock(world, warehouse, warehouse.by_sku[sku], facility_id, quantity, why="opening")


def invent(world: World, *, skus: int, bundles: int, orders: int) -> None:
    """Invent the catalogue and its opening stock, ample for that many orders."""
    rng = world.rng("catalogue")
    for number in range(1, skus + 1):
        item = _item(rng, number)
        for keeper in (*world.warehouses.values(), *world.erps.values()):
            wms.add_sellable(world, keeper, **item)
        for shop in world.shops.values():
            add_variant(world, shop, **item)
        each = max(60, 6 * orders // max(skus, 1))
        for location_id, facility_id in FACILITY_OF.items():
            quantity = rng.randint(each, 3 * each)
            for warehouse in world.warehouses.values():
                if facility_id in warehouse.facilities:
                    open_stock(world, warehouse, item["sku"], facility_id, quantity)
            for shop in world.shops.values():
                stock_level(world, shop, shop.variants[shop.by_sku[item["sku"]]], location_id, quantity)
    for index in range(1, min(bundles, skus // 3) + 1):
        for shop in world.shops.values():
            _bundle(world, shop, index)


class _Item(TypedDict):
    sku: str
    title: str
    price: Decimal
    barcode: str
    weight_grams: int
    origin_country: str
    hs_code: str


def _item(rng: Random, number: int) -> _Item:
    name = f"{ADJECTIVES[(number * 7) % len(ADJECTIVES)]} {NOUNS[number % len(NOUNS)]}"
    return {
        "sku": f"SKU-{number:04d}",
        "title": f"{name} No. {number}",
        "price": Decimal(rng.randint(4, 60)) - Decimal("0.05"),
        "barcode": gtin(number),
        "weight_grams": rng.randint(40, 2500),
        "origin_country": rng.choice(ORIGINS),
        "hs_code": rng.choice(HS_CODES),
    }


def _bundle(world: World, shop: Shop, index: int) -> None:
    members = [(shop.variants[shop.by_sku[sku]], units) for sku, units in components(index).items()]
    price = sum((variant.price * units for variant, units in members), Decimal(0)) * Decimal("0.9")
    bundle = add_variant(
        world,
        shop,
        sku=f"BUNDLE-{index:03d}",
        title=f"Gift set No. {index}",
        price=price.quantize(Decimal("0.01")),
        barcode=gtin(900_000 + index),
        weight_grams=sum((variant.weight_grams or 0) * units for variant, units in members),
        origin_country="GB",
        hs_code="630790",
        is_bundle=True,
    )
    for location_id in FACILITY_OF:
        able = min(shop.levels[(v.inventory_item_id, location_id)].available // units for v, units in members)
        stock_level(world, shop, bundle, location_id, able)


def from_file(
    world: World,
    items: Mapping[str, tuple[str, Decimal]],
    opening: Mapping[tuple[str, int], int],
) -> None:
    """List the items a file of orders names; everything but SKU, title and price is derived."""
    for number, (sku, (title, price)) in enumerate(items.items(), 1):
        rng = world.rng("item", sku)
        item: _Item = {
            "sku": sku,
            "title": title,
            "price": price,
            "barcode": gtin(100_000 + number),
            "weight_grams": rng.randint(40, 2500),
            "origin_country": rng.choice(ORIGINS),
            "hs_code": rng.choice(HS_CODES),
        }
        for keeper in (*world.warehouses.values(), *world.erps.values()):
            wms.add_sellable(world, keeper, **item)
        for shop in world.shops.values():
            add_variant(world, shop, **item)
        for location_id, facility_id in FACILITY_OF.items():
            quantity = opening.get((sku, location_id), 0)
            for warehouse in world.warehouses.values():
                if quantity and facility_id in warehouse.facilities:
                    open_stock(world, warehouse, sku, facility_id, quantity)
            for shop in world.shops.values():
                stock_level(world, shop, shop.variants[shop.by_sku[sku]], location_id, quantity)
