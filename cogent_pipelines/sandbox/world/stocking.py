"""A warehouse's stock, returns and items: what lies there and how it changes.

Belongs here: physical stock and its movements, reservations, counts, returned goods, the items themselves.
Does not belong here: orders and allocations (``warehouse``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cogent_pipelines.sandbox.world.model import (
    Facility,
    Movement,
    Sellable,
    StockEntry,
    Warehouse,
    WarehouseReturn,
)
from cogent_pipelines.sandbox.world.reading import get_order, shipped_units, touch
from cogent_pipelines.sandbox.world.world import Refused, World


def get_entry(warehouse: Warehouse, sellable_id: int, facility_id: int) -> StockEntry:
    """Give a stock entry or refuse."""
    entry = warehouse.stock.get((sellable_id, facility_id))
    if entry is None:
        raise Refused("not_found", "Stock entry not found")
    return entry


def entry_of(world: World, warehouse: Warehouse, sellable_id: int, facility_id: int) -> StockEntry:
    key = (sellable_id, facility_id)
    if key not in warehouse.stock:
        warehouse.stock[key] = StockEntry(sellable_id, facility_id, 0, 0, world.now)
    return warehouse.stock[key]


def reserve(world: World, warehouse: Warehouse, sellable_id: int, facility_id: int, quantity: int) -> None:
    if quantity:
        entry = entry_of(world, warehouse, sellable_id, facility_id)
        entry.allocated += quantity
        entry.updated_at = world.now


def move_stock(
    world: World,
    warehouse: Warehouse,
    sellable_id: int,
    facility_id: int,
    quantity: int,
    *,
    why: str,
    reference: str = "",
) -> StockEntry:
    """Change physical stock: the one place that does."""
    entry = entry_of(world, warehouse, sellable_id, facility_id)
    entry.physical += quantity
    entry.updated_at = world.now
    warehouse.movements.append(Movement(sellable_id, facility_id, quantity, world.now, why, reference))
    return entry


def count_stock(
    world: World,
    warehouse: Warehouse,
    sellable_id: int,
    facility_id: int,
    physical: int,
    *,
    why: str = "counted",
    reference: str = "",
    bin_name: str | None = None,
) -> StockEntry:
    """Set physical stock to what was counted."""
    if sellable_id not in warehouse.sellables or facility_id not in warehouse.facilities:
        raise Refused("not_found", "Stock entry not found")
    entry = entry_of(world, warehouse, sellable_id, facility_id)
    if bin_name is not None:
        entry.bin = bin_name
    if physical != entry.physical:
        move_stock(
            world,
            warehouse,
            sellable_id,
            facility_id,
            physical - entry.physical,
            why=why,
            reference=reference,
        )
    return entry


def receive_goods(
    world: World,
    warehouse: Warehouse,
    sellable_id: int,
    facility_id: int,
    quantity: int,
    *,
    reference: str = "",
) -> StockEntry:
    """Take goods in from a supplier."""
    return move_stock(
        world, warehouse, sellable_id, facility_id, quantity, why="received", reference=reference
    )


# --- returns ------------------------------------------------------------------------------------------


def create_return(
    world: World,
    warehouse: Warehouse,
    order_id: int,
    lines: Sequence[tuple[int, int]],
    *,
    facility_id: int | None = None,
    reason: str = "",
) -> WarehouseReturn:
    """Expect goods back, given as (sellable id, units)."""
    order = get_order(warehouse, order_id)
    shipped = shipped_units(order)
    for sellable_id, quantity in lines:
        if quantity <= 0 or quantity > shipped.get(sellable_id, 0):
            raise Refused("invalid", "Quantity is more than was shipped")
    home = facility_id or next((a.facility_id for a in order.allocations), next(iter(warehouse.facilities)))
    record = WarehouseReturn(
        id=world.new_id(f"{warehouse.system}/return", 21),
        order_id=order_id,
        created_at=world.now,
        status="returning",
        reason=reason,
        facility_id=home,
        lines=[
            (world.new_id(f"{warehouse.system}/return_line", 3_001), sellable_id, quantity, 0)
            for sellable_id, quantity in lines
        ],
    )
    order.returns.append(record)
    touch(world, warehouse, order)
    return record


def receive_return(
    world: World,
    warehouse: Warehouse,
    order_id: int,
    return_id: int,
    received: dict[int, int] | None = None,
    *,
    sellable: bool = True,
) -> WarehouseReturn:
    """Take returned goods in, all or units per sellable; good ones go back to stock."""
    order = get_order(warehouse, order_id)
    record = next((r for r in order.returns if r.id == return_id), None)
    if record is None:
        raise Refused("not_found", "Return not found")
    lines = []
    for line_id, sellable_id, quantity, _ in record.lines:
        units = quantity if received is None else min(quantity, received.get(sellable_id, 0))
        lines.append((line_id, sellable_id, quantity, units))
        if units and sellable:
            move_stock(
                world,
                warehouse,
                sellable_id,
                record.facility_id,
                units,
                why="returned",
                reference=order.number,
            )
    record.lines = lines
    record.status = "returned"
    touch(world, warehouse, order)
    return record


# --- items --------------------------------------------------------------------------------------------


def touch_item(world: World, warehouse: Warehouse, sellable: Sellable) -> None:
    """Note that an item's own data changed now."""
    sellable.updated_at = world.now
    warehouse.product_log.add(world.now, sellable.product_id)


def add_sellable(
    world: World,
    warehouse: Warehouse,
    *,
    sku: str,
    title: str,
    price: Decimal,
    product_id: int | None = None,
    barcode: str = "",
    weight_grams: int | None = None,
    origin_country: str = "",
    hs_code: str = "",
) -> Sellable:
    """Create an item with an empty stock entry at each facility."""
    product = product_id or world.new_id(f"{warehouse.system}/product", 501)
    sellable = Sellable(
        id=world.new_id(f"{warehouse.system}/sellable", 8_801),
        product_id=product,
        sku=sku,
        title=title,
        price=price,
        created_at=world.now,
        updated_at=world.now,
        barcode=barcode,
        weight_grams=weight_grams,
        origin_country=origin_country,
        hs_code=hs_code,
    )
    warehouse.sellables[sellable.id] = sellable
    warehouse.by_sku[sku] = sellable.id
    warehouse.by_product.setdefault(product, []).append(sellable.id)
    for facility in warehouse.facilities.values():
        entry_of(world, warehouse, sellable.id, facility.id)
    touch_item(world, warehouse, sellable)
    return sellable


def rename_sku(world: World, warehouse: Warehouse, sellable_id: int, sku: str) -> Sellable:
    """Give an item another SKU."""
    sellable = warehouse.sellables[sellable_id]
    if warehouse.by_sku.get(sellable.sku) == sellable_id:
        del warehouse.by_sku[sellable.sku]
    sellable.sku = sku
    warehouse.by_sku[sku] = sellable_id
    touch_item(world, warehouse, sellable)
    return sellable


def delete_sellable(world: World, warehouse: Warehouse, sellable_id: int) -> Sellable:
    """Withdraw an item."""
    sellable = warehouse.sellables[sellable_id]
    sellable.deleted_at = world.now
    warehouse.by_sku.pop(sellable.sku, None)
    touch_item(world, warehouse, sellable)
    return sellable


def facility_by_code(warehouse: Warehouse, code: str) -> Facility:
    """Give the facility of a code."""
    for facility in warehouse.facilities.values():
        if facility.code == code:
            return facility
    raise Refused("not_found", "Warehouse not found")
