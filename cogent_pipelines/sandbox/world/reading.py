"""Reading a warehouse's orders: finding them, their units, and the status that follows from all of it.

Belongs here: look-ups that refuse, sums, the roll-up. Does not belong here: any act (``warehouse``,
``stocking``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world.model import Allocation, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

NOTHING = Decimal(0)
CARRIERS = {
    1: "Royal Mail", 2: "FedEx", 3: "Other", 4: "DPD", 5: "UPS", 6: "CityLink", 7: "USPS",
    8: "Interlink", 9: "DHL", 10: "MyHermes", 11: "Australia Post", 12: "Parcelforce", 13: "TNT",
    14: "Yodel", 15: "APC", 16: "DX", 17: "UK Mail", 18: "Israel Post", 19: "Canada Post",
    23: "Hermes World", 24: "Deutsche Post",
}  # fmt: skip


def get_order(warehouse: Warehouse, order_id: int) -> WarehouseOrder:
    """Give an order or refuse."""
    order = warehouse.orders.get(order_id)
    if order is None:
        raise Refused("not_found", "Order not found")
    return order


def find_orders(warehouse: Warehouse, number: str) -> list[WarehouseOrder]:
    """Give the orders with exactly this number, cancelled ones too, oldest first."""
    return [warehouse.orders[i] for i in warehouse.by_number.get(number, ()) if i in warehouse.orders]


def records_of(warehouse: Warehouse, name: str) -> list[WarehouseOrder]:
    """Give every record of a shop's order, whole or by facility (#1001/LEEDS), deleted ones too."""
    numbers = [name, *(f"{name}/{facility.code}" for facility in warehouse.facilities.values())]
    return [
        warehouse.orders.get(order_id) or warehouse.deleted_orders[order_id]
        for number in numbers
        for order_id in warehouse.by_number.get(number, ())
    ]


def get_allocation(order: WarehouseOrder, allocation_id: int) -> Allocation:
    """Give an allocation of an order or refuse."""
    for allocation in order.allocations:
        if allocation.id == allocation_id:
            return allocation
    raise Refused("not_found", "Allocation not found")


def allocated_units(order: WarehouseOrder) -> dict[int, int]:
    """Give units allocated per sellable, shipped ones too."""
    units: dict[int, int] = {}
    for allocation in order.allocations:
        for _, sellable_id, quantity in allocation.lines:
            units[sellable_id] = units.get(sellable_id, 0) + quantity
    return units


def shipped_units(order: WarehouseOrder) -> dict[int, int]:
    """Give units despatched per sellable."""
    units: dict[int, int] = {}
    for allocation in order.allocations:
        if allocation.parcel is not None:
            for _, sellable_id, quantity in allocation.lines:
                units[sellable_id] = units.get(sellable_id, 0) + quantity
    return units


def ordered_units(order: WarehouseOrder) -> dict[int, int]:
    """Give units ordered per sellable."""
    units: dict[int, int] = {}
    for line in order.lines:
        units[line.sellable_id] = units.get(line.sellable_id, 0) + line.quantity
    return units


def unallocated_units(order: WarehouseOrder) -> dict[int, int]:
    """Give units per sellable that no allocation has yet."""
    allocated = allocated_units(order)
    left = {s: quantity - allocated.get(s, 0) for s, quantity in ordered_units(order).items()}
    return {sellable_id: quantity for sellable_id, quantity in left.items() if quantity > 0}


def is_allocated(order: WarehouseOrder) -> bool:
    """Say whether allocations cover the order."""
    return bool(order.lines) and not unallocated_units(order)


def status(order: WarehouseOrder) -> str:
    """Roll an order up into one word.

    cancelled, refunded, on_hold, awaiting_payment, shipped, awaiting_fulfillment or awaiting_stock. It
    follows the whole order: one whose first parcel left reads awaiting_stock while a line has no stock.
    """
    if order.cancelled_at is not None:
        return "cancelled"
    if order.is_refunded:
        return "refunded"
    if order.shipped_at is not None:
        return "shipped"
    if order.is_on_hold:
        return "on_hold"
    if not order.is_paid:
        return "awaiting_payment"
    return "awaiting_fulfillment" if is_allocated(order) else "awaiting_stock"


def is_open(order: WarehouseOrder) -> bool:
    """Say whether anything may still leave for this order."""
    return order.cancelled_at is None and order.shipped_at is None and order.merged_to_id is None


def is_picking(order: WarehouseOrder) -> bool:
    """Say whether somebody picks for this order, or has picked."""
    return any(a.picking_since is not None and a.parcel is None for a in order.allocations)


def total(order: WarehouseOrder) -> Decimal:
    """Add an order up as the warehouse system does: prices are before tax there."""
    lines = sum((line.unit_price * line.quantity * (1 + line.tax_rate) for line in order.lines), NOTHING)
    return lines + order.delivery_price - order.discount


def touch(world: World, warehouse: Warehouse, order: WarehouseOrder) -> None:
    """Note that an order changed now."""
    order.updated_at = world.now
    warehouse.order_log.add(world.now, order.id)


def can_ship(warehouse: Warehouse, allocation: Allocation) -> bool:
    """Say whether the goods of an allocation lie there."""
    return all(
        warehouse.stock[(sellable_id, allocation.facility_id)].physical >= quantity
        for _, sellable_id, quantity in allocation.lines
    )


def find_parcel(warehouse: Warehouse, parcel_id: int) -> tuple[WarehouseOrder, Allocation] | None:
    """Find a parcel by its id, newest orders first."""
    for order in reversed(warehouse.orders.values()):
        for allocation in order.allocations:
            if allocation.parcel is not None and allocation.parcel.id == parcel_id:
                return order, allocation
    return None
