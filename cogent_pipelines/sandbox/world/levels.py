"""Stock levels of a shop: what is available and committed at each location, and how both move.

Belongs here: levels, routing of lines to locations, and what the API may set.
Does not belong here: physical stock (``warehouse``), orders (``shop``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world.model import Level, Shop, ShopLine
from cogent_pipelines.sandbox.world.world import Refused, RefusedRows

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

HIGHEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StockChange:
    """A wish to set one level. ``change_from`` None means: without comparing."""

    inventory_item_id: int
    location_id: int
    quantity: int
    change_from: int | None = None


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level that was set: both figures are of the name that was asked for."""

    level: Level
    before: int
    after: int


def touch_level(world: World, shop: Shop, level: Level) -> None:
    """Note that a level changed now."""
    level.updated_at = world.now
    shop.level_log.add(world.now, (level.inventory_item_id, level.location_id))


def move(
    world: World, shop: Shop, line: ShopLine, location_id: int, *, available: int = 0, committed: int = 0
) -> None:
    """Move a line's stock at a location; what is not stocked there has no level to move."""
    variant = shop.variants.get(line.variant_id) if line.variant_id is not None else None
    if variant is None or not variant.is_tracked:
        return
    level = shop.levels.get((variant.inventory_item_id, location_id))
    if level is not None and level.is_active:
        level.available += available
        level.committed += committed
        touch_level(world, shop, level)


def level_of(shop: Shop, line: ShopLine, location_id: int) -> Level | None:
    """Give the level a line draws on at a location."""
    variant = shop.variants.get(line.variant_id) if line.variant_id is not None else None
    return shop.levels.get((variant.inventory_item_id, location_id)) if variant else None


def route(
    shop: Shop,
    lines: Sequence[ShopLine],
    prefer: Sequence[int],
    *,
    units: int | None = None,
    homes: Sequence[int] = (),
) -> dict[int, list[tuple[ShopLine, int]]]:
    """Choose locations: one that can ship it all, else the best per line, else the first."""
    shippable = [
        (line, line.quantity if units is None else units) for line in lines if line.requires_shipping
    ]
    if not shippable:
        return {}
    chosen: dict[int, list[tuple[ShopLine, int]]] = {}
    if shop.has_one_home:
        return {shop.homes[0]: shippable}
    if homes:
        for line, home in zip(lines, homes, strict=True):
            if line.requires_shipping:
                chosen.setdefault(home, []).append((line, line.quantity))
        return chosen
    order = [
        *prefer,
        *(i for i, location in shop.locations.items() if location.is_active and i not in prefer),
    ]

    def has(line: ShopLine, quantity: int, location_id: int) -> bool:
        level = level_of(shop, line, location_id)
        return level is not None and level.is_active and level.available >= quantity

    for location_id in order:
        if all(has(line, quantity, location_id) for line, quantity in shippable):
            return {location_id: shippable}
    for line, quantity in shippable:
        home = next((i for i in order if has(line, quantity, i)), order[0])
        chosen.setdefault(home, []).append((line, quantity))
    return chosen


def set_levels(
    world: World, shop: Shop, changes: Sequence[StockChange], *, name: str = "available"
) -> list[LevelChange]:
    """Set ``available`` or ``on_hand`` of levels: all of them, or none and ``RefusedRows``."""
    if name not in ("available", "on_hand"):
        raise Refused("INVALID_NAME", "The specified quantity name is invalid.")
    refused: list[tuple[int, Refused]] = []
    seen: set[tuple[int, int]] = set()
    found: list[tuple[Level, StockChange]] = []
    for index, change in enumerate(changes):
        key = (change.inventory_item_id, change.location_id)
        code = _fault_of(shop, change, seen, name) or _refusal(world, shop, change)
        seen.add(key)
        if code is None:
            found.append((shop.levels[key], change))
        else:
            refused.append((index, Refused(*code)))
    if refused:
        raise RefusedRows(refused)
    done = []
    for level, change in found:
        before = level.available if name == "available" else level.on_hand
        done.append(LevelChange(level, before, change.quantity))
        if world.mood == "stores_nothing" or _is_flawed(world, shop, level):
            continue
        if before != change.quantity:
            level.available += change.quantity - before
            touch_level(world, shop, level)
    return done


set_available = set_levels


def _sku(shop: Shop, inventory_item_id: int) -> str:
    variant = shop.variants.get(shop.by_item.get(inventory_item_id, -1))
    return variant.sku if variant else ""


def _refusal(world: World, shop: Shop, change: StockChange) -> tuple[str, str, tuple[str, ...]] | None:
    key = (shop.system, "set_levels", _sku(shop, change.inventory_item_id)) if world.flaws else None
    if key is None or key not in world.flaws or world.flaws[key].effect != "refuse":
        return None
    if world.flaw(*key) is None:
        return None
    return "NON_MUTABLE_INVENTORY_ITEM", "The specified inventory item is not allowed to be adjusted.", ()


def _is_flawed(world: World, shop: Shop, level: Level) -> bool:
    if not world.flaws:
        return False
    flaw = world.flaw(shop.system, "set_levels", _sku(shop, level.inventory_item_id))
    if flaw is not None and flaw.effect == "off_by":
        level.available += int(str(flaw.value))
        touch_level(world, shop, level)
    return flaw is not None


def _fault_of(
    shop: Shop, change: StockChange, seen: set[tuple[int, int]], name: str
) -> tuple[str, str, tuple[str, ...]] | None:
    key = (change.inventory_item_id, change.location_id)
    location = shop.locations.get(change.location_id)
    level = shop.levels.get(key)
    if change.inventory_item_id not in shop.by_item:
        return (
            "INVALID_INVENTORY_ITEM",
            "The specified inventory item could not be found.",
            ("inventoryItemId",),
        )
    if location is None or not location.is_active:
        return "INVALID_LOCATION", "The specified location could not be found.", ("locationId",)
    if change.quantity < 0:
        return "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative.", ("quantity",)
    if change.quantity > HIGHEST:
        return "INVALID_QUANTITY_TOO_HIGH", "The quantity can't be higher than 1,000,000,000.", ("quantity",)
    if key in seen:
        message = "The combination of inventoryItemId and locationId must be unique."
        return "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, ("locationId",)
    if level is None or not level.is_active:
        message = "The specified inventory item is not stocked at the location."
        return "ITEM_NOT_STOCKED_AT_LOCATION", message, ("locationId",)
    persisted = level.available if name == "available" else level.on_hand
    if change.change_from is not None and change.change_from != persisted:
        message = "The changeFromQuantity value does not match persisted value."
        return "CHANGE_FROM_QUANTITY_STALE", message, ("changeFromQuantity",)
    return None


def adjust(world: World, shop: Shop, inventory_item_id: int, location_id: int, delta: int) -> LevelChange:
    """Add to (or take from) what is available."""
    level = shop.levels.get((inventory_item_id, location_id))
    if level is None or not level.is_active:
        raise Refused("ITEM_NOT_STOCKED_AT_LOCATION", "The inventory item is not stocked at the location.")
    before = level.available
    level.available += delta
    touch_level(world, shop, level)
    return LevelChange(level, before, level.available)


def activate(world: World, shop: Shop, inventory_item_id: int, location_id: int, available: int = 0) -> Level:
    """Stock an item at a location; one that is stocked already is left as it is."""
    if inventory_item_id not in shop.by_item:
        raise Refused("INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.")
    location = shop.locations.get(location_id)
    if location is None or not location.is_active:
        raise Refused("INVALID_LOCATION", "The specified location could not be found.")
    level = shop.levels.get((inventory_item_id, location_id))
    if level is not None and level.is_active:
        return level
    if world.mood == "stores_nothing":
        return Level(inventory_item_id, location_id, available, 0, world.now)
    if level is None:
        level = Level(inventory_item_id, location_id, available, 0, world.now)
        shop.levels[(inventory_item_id, location_id)] = level
    level.is_active, level.available = True, available
    touch_level(world, shop, level)
    return level


def deactivate(world: World, shop: Shop, inventory_item_id: int, location_id: int) -> Level:
    """Stop stocking an item at a location."""
    level = shop.levels.get((inventory_item_id, location_id))
    if level is None:
        raise Refused("ITEM_NOT_STOCKED_AT_LOCATION", "The inventory item is not stocked at the location.")
    level.is_active = False
    level.available = 0
    touch_level(world, shop, level)
    return level
