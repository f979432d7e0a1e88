"""What a warehouse system does by its own rules when it is asked: the one door to orders, parcels, stock.

Belongs here: a WMS's orders, allocations and parcels, whoever asks (its own staff, or the API).
Does not belong here: when anybody picks or counts (``people``), a vendor's words (``vendors``).

Every act is a function of (world, warehouse, ...) that changes the warehouse at ``world.now`` or raises
``Refused`` and changes nothing. Stock, returns and items stand in ``stocking``, look-ups in ``reading``;
both are reached through this file. Physical stock changes only through ``move_stock``, which keeps the
movements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cogent_pipelines.sandbox.world.model import (
    Address,
    Allocation,
    Parcel,
    Warehouse,
    WarehouseCustomer,
    WarehouseLine,
    WarehouseOrder,
)
from cogent_pipelines.sandbox.world.reading import (
    CARRIERS,
    NOTHING,
    allocated_units,
    can_ship,
    find_orders,
    find_parcel,
    get_allocation,
    get_order,
    is_allocated,
    is_open,
    is_picking,
    ordered_units,
    records_of,
    shipped_units,
    status,
    total,
    touch,
    unallocated_units,
)
from cogent_pipelines.sandbox.world.stocking import (
    add_sellable,
    count_stock,
    create_return,
    delete_sellable,
    facility_by_code,
    get_entry,
    move_stock,
    receive_goods,
    receive_return,
    rename_sku,
    reserve,
    touch_item,
)
from cogent_pipelines.sandbox.world.world import Flaw, Refused, World

__all__ = [
    "CARRIERS", "NewWarehouseLine", "add_note", "add_sellable", "allocate", "allocated_units",
    "can_ship", "cancel_order", "cancel_pick", "close_short", "count_stock", "create_order",
    "create_return", "deallocate", "delete_order", "delete_sellable", "facility_by_code",
    "find_or_make_customer", "find_orders", "find_parcel", "get_allocation", "get_entry", "get_order",
    "is_allocated", "is_open", "is_picking", "merge_orders", "move_stock", "ordered_units",
    "receive_goods", "receive_return", "records_of", "rename_sku", "scan_parcel", "set_hold",
    "ship_allocation",
    "shipped_units", "split_allocation", "start_pick", "status", "total", "touch", "touch_item",
    "unallocated_units", "undo_shipment", "update_order",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewWarehouseLine:
    """One line of an order as it is sent in."""

    sellable_id: int
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal = NOTHING
    remote_id: str = ""


# --- orders -------------------------------------------------------------------------------------------


def create_order(
    world: World,
    warehouse: Warehouse,
    *,
    number: str,
    channel_id: int,
    email: str,
    address: Address,
    lines: Sequence[NewWarehouseLine],
    delivery_method_id: int | None = None,
    currency: str = "GBP",
    delivery_price: Decimal = NOTHING,
    discount: Decimal = NOTHING,
    is_paid: bool = True,
    due_on: str = "",
    payment_reference: str = "",
    customer_note: str = "",
    notes: Sequence[str] = (),
    customer_id: int | None = None,
    sent_by: str = "api",
) -> WarehouseOrder:
    """Take an order in. Its number is the sender's and need not be unique; nothing is allocated yet."""
    if channel_id not in warehouse.channels:
        raise Refused("not_found", "Channel not found")
    if delivery_method_id is not None and delivery_method_id not in warehouse.delivery_methods:
        raise Refused("not_found", "Delivery method not found")
    if not lines:
        raise Refused("invalid", "Line items can't be blank")
    for line in lines:
        _check_line(warehouse, line.sellable_id, line.quantity)
    flaw = _flaw_of_creation(world, warehouse, number, sent_by)
    customer = find_or_make_customer(world, warehouse, email, address, customer_id)
    order = WarehouseOrder(
        id=world.new_id(f"{warehouse.system}/order", 90_001),
        number=number,
        created_at=world.now,
        updated_at=world.now,
        channel_id=channel_id,
        email=email,
        address=replace(address),
        delivery_method_id=delivery_method_id,
        currency=currency,
        lines=[_new_line(world, warehouse, line) for line in lines],
        delivery_price=delivery_price,
        discount=discount,
        is_paid=is_paid,
        due_on=due_on,
        payment_reference=payment_reference,
        customer_note=customer_note,
        customer_id=customer.id,
        sent_by=sent_by,
    )
    if world.mood == "stores_nothing" or (flaw is not None and flaw.effect == "nothing"):
        return order
    order.notes = [(world.new_id(f"{warehouse.system}/note", 501), world.now, text) for text in notes]
    if world.mood == "stores_truncated":
        order.address.line1 = order.address.line1[:12]
    if flaw is not None:
        _spoil(warehouse, order, flaw.effect, flaw.value)
    _store(world, warehouse, order)
    if world.mood == "stores_twice":
        _store(world, warehouse, replace(order, id=world.new_id(f"{warehouse.system}/order", 90_001)))
    return order


def _flaw_of_creation(world: World, warehouse: Warehouse, number: str, sent_by: str) -> Flaw | None:
    """Give the flaw an integration's order meets; one that refuses is raised."""
    if not world.flaws or sent_by not in ("api", "old_integration"):
        return None
    codes = {facility.code for facility in warehouse.facilities.values()}
    name, slash, place = number.rpartition("/")
    flaw = world.flaw(warehouse.system, "create_order", name if slash and place in codes else number)
    if flaw is not None and flaw.effect == "refuse":
        raise Refused("invalid", str(flaw.value or "Order is invalid"))
    if flaw is not None and flaw.effect == "break":
        raise Refused("broken", "Internal Server Error")
    return flaw


def _store(world: World, warehouse: Warehouse, order: WarehouseOrder) -> None:
    warehouse.orders[order.id] = order
    warehouse.by_number.setdefault(order.number, []).append(order.id)
    touch(world, warehouse, order)
    if world.people is not None:
        world.people.order_arrived(warehouse, order)


def _check_line(warehouse: Warehouse, sellable_id: int, quantity: int) -> None:
    sellable = warehouse.sellables.get(sellable_id)
    if sellable is None or sellable.deleted_at is not None:
        raise Refused("not_found", "Sellable must exist")
    if quantity <= 0:
        raise Refused("invalid", "Quantity must be greater than 0")


def _new_line(world: World, warehouse: Warehouse, line: NewWarehouseLine) -> WarehouseLine:
    return WarehouseLine(
        id=world.new_id(f"{warehouse.system}/line", 71_001),
        sellable_id=line.sellable_id,
        quantity=line.quantity,
        unit_price=line.unit_price,
        tax_rate=line.tax_rate,
        remote_id=line.remote_id,
    )


def _spoil(warehouse: Warehouse, order: WarehouseOrder, effect: str, value: object) -> None:
    """Store an order otherwise than it was sent."""
    if effect == "truncate_address":
        order.address.line1 = order.address.line1[:10]
    elif effect == "drop_postcode":
        order.address.postcode = ""
    elif effect == "shorten_postcode":
        first, blank, _ = order.address.postcode.partition(" ")
        order.address.postcode = first if blank else first[:-1]
    elif effect == "quantity":
        order.lines[0].quantity += int(str(value))
    elif effect == "drop_line" and len(order.lines) > 1:
        order.lines.pop()
    elif effect == "other_method":
        others = [i for i in warehouse.delivery_methods if i != order.delivery_method_id]
        order.delivery_method_id = others[0]
    elif effect == "price":
        order.lines[0].unit_price += Decimal(str(value))


def find_or_make_customer(
    world: World, warehouse: Warehouse, email: str, address: Address, customer_id: int | None = None
) -> WarehouseCustomer:
    """Give the customer of an id, else of an e-mail (whatever its case), else a new one."""
    if customer_id is not None:
        if customer_id not in warehouse.customers:
            raise Refused("not_found", "Customer not found")
        return warehouse.customers[customer_id]
    known = warehouse.by_email.get(email.lower())
    if known is not None and email:
        return warehouse.customers[known]
    customer = WarehouseCustomer(
        world.new_id(f"{warehouse.system}/customer", 5_501), email, replace(address), world.now
    )
    warehouse.customers[customer.id] = customer
    if email:
        warehouse.by_email[email.lower()] = customer.id
    return customer


def update_order(
    world: World,
    warehouse: Warehouse,
    order_id: int,
    *,
    address: Address | None = None,
    delivery_method_id: int | None = None,
    quantities: dict[int, int] | None = None,
    add: Sequence[NewWarehouseLine] = (),
    customer_note: str | None = None,
    is_paid: bool | None = None,
    due_on: str | None = None,
) -> WarehouseOrder:
    """Change an order that has not left: address, method, units per line id (0 removes), further lines."""
    order = get_order(warehouse, order_id)
    if order.cancelled_at is not None or order.shipped_at is not None:
        raise Refused("invalid", "Order cannot be changed any more")
    for new in add:
        _check_line(warehouse, new.sellable_id, new.quantity)
    if delivery_method_id is not None and delivery_method_id not in warehouse.delivery_methods:
        raise Refused("not_found", "Delivery method not found")
    _check_against_shipped(order, quantities or {})
    order.address = replace(address) if address is not None else order.address
    order.delivery_method_id = delivery_method_id or order.delivery_method_id
    order.customer_note = order.customer_note if customer_note is None else customer_note
    order.is_paid = order.is_paid if is_paid is None else is_paid
    order.due_on = order.due_on if due_on is None else due_on
    for line in list(order.lines):
        quantity = (quantities or {}).get(line.id, line.quantity)
        if quantity <= 0:
            order.lines.remove(line)
        line.quantity = max(quantity, 0)
    order.lines.extend(_new_line(world, warehouse, new) for new in add)
    _trim_allocations(world, warehouse, order)
    _note_if_shipped(world, order)
    touch(world, warehouse, order)
    return order


def _note_if_shipped(world: World, order: WarehouseOrder) -> None:
    shipped = shipped_units(order)
    if shipped and all(shipped.get(s, 0) >= quantity for s, quantity in ordered_units(order).items()):
        order.shipped_at = world.now


def _check_against_shipped(order: WarehouseOrder, quantities: dict[int, int]) -> None:
    left: dict[int, int] = {}
    for line in order.lines:
        units = max(0, quantities.get(line.id, line.quantity))
        left[line.sellable_id] = left.get(line.sellable_id, 0) + units
    for sellable_id, shipped in shipped_units(order).items():
        if left.get(sellable_id, 0) < shipped:
            raise Refused("invalid", "Quantity cannot be lower than what was shipped")


def _trim_allocations(world: World, warehouse: Warehouse, order: WarehouseOrder) -> None:
    """Give back what is allocated beyond what is ordered."""
    ordered, allocated = ordered_units(order), allocated_units(order)
    for allocation in order.allocations:
        if allocation.parcel is not None:
            continue
        kept = []
        for line_id, sellable_id, quantity in allocation.lines:
            surplus = min(quantity, max(0, allocated[sellable_id] - ordered.get(sellable_id, 0)))
            allocated[sellable_id] -= surplus
            reserve(world, warehouse, sellable_id, allocation.facility_id, -surplus)
            if quantity > surplus:
                kept.append((line_id, sellable_id, quantity - surplus))
        allocation.lines = kept
    order.allocations = [a for a in order.allocations if a.lines]


def cancel_order(
    world: World, warehouse: Warehouse, order_id: int, *, reason: str = "", by: str = "api"
) -> WarehouseOrder:
    """Cancel an order: what has not left is released. One that is cancelled or gone is refused."""
    order = get_order(warehouse, order_id)
    if order.cancelled_at is not None:
        raise Refused("invalid", "Order is already cancelled")
    if order.shipped_at is not None:
        raise Refused("invalid", "Order is already shipped")
    is_integration = by in ("api", "old_integration")
    flaw = world.flaw(warehouse.system, "cancel_order", order.order_name) if is_integration else None
    if flaw is not None and flaw.effect == "refuse":
        raise Refused("invalid", str(flaw.value or "Order cannot be cancelled"))
    if world.mood == "stores_nothing" or (flaw is not None and flaw.effect == "nothing"):
        return order
    _release_all(world, warehouse, order)
    order.cancelled_at = world.now
    order.cancel_reason = reason
    touch(world, warehouse, order)
    world.note(f"{by} cancelled in {warehouse.system}", order.number)
    return order


def delete_order(world: World, warehouse: Warehouse, order_id: int) -> WarehouseOrder:
    """Remove an order as if it had never been there; the API knows it no longer."""
    order = get_order(warehouse, order_id)
    _release_all(world, warehouse, order)
    del warehouse.orders[order_id]
    warehouse.deleted_orders[order_id] = order
    warehouse.order_log.drop(order_id)
    return order


def merge_orders(world: World, warehouse: Warehouse, child_id: int, parent_id: int) -> WarehouseOrder:
    """Put a child's lines into a parent going to the same address; the child does not ship by itself."""
    child, parent = get_order(warehouse, child_id), get_order(warehouse, parent_id)
    if not (is_open(child) and is_open(parent)) or child_id == parent_id:
        raise Refused("invalid", "Orders cannot be merged")
    facilities = [allocation.facility_id for allocation in child.allocations]
    _release_all(world, warehouse, child)
    parent.lines.extend(
        replace(line, id=world.new_id(f"{warehouse.system}/line", 71_001)) for line in child.lines
    )
    child.merged_to_id = parent_id
    touch(world, warehouse, child)
    touch(world, warehouse, parent)
    if facilities and unallocated_units(parent):
        allocate(world, warehouse, parent_id, facilities[0])
    return parent


def add_note(world: World, warehouse: Warehouse, order_id: int, text: str) -> tuple[int, str]:
    """Write a note on an order."""
    order = get_order(warehouse, order_id)
    note_id = world.new_id(f"{warehouse.system}/note", 501)
    if world.mood != "stores_nothing":
        order.notes.append((note_id, world.now, text))
        touch(world, warehouse, order)
    return note_id, text


def set_hold(world: World, warehouse: Warehouse, order_id: int, *, held: bool) -> WarehouseOrder:
    """Put an order on hold, or let it go on."""
    order = get_order(warehouse, order_id)
    order.is_on_hold = held
    touch(world, warehouse, order)
    return order


def close_short(world: World, warehouse: Warehouse, order_id: int) -> WarehouseOrder:
    """Call an order done although not all of it left; the rest is released."""
    order = get_order(warehouse, order_id)
    _release_all(world, warehouse, order)
    order.closed_short = True
    order.shipped_at = world.now
    touch(world, warehouse, order)
    return order


# --- allocation ---------------------------------------------------------------------------------------


def allocate(
    world: World,
    warehouse: Warehouse,
    order_id: int,
    facility_id: int,
    lines: Sequence[tuple[int, int]] | None = None,
) -> Allocation:
    """Reserve units, given as (sellable id, units) or None for all that is not allocated, at a facility.

    A facility without the stock reserves it all the same: its available level turns negative.
    """
    order = get_order(warehouse, order_id)
    facility = warehouse.facilities.get(facility_id)
    if facility is None or facility.deleted_at is not None:
        raise Refused("not_found", "Warehouse not found")
    if order.cancelled_at is not None or order.shipped_at is not None:
        raise Refused("invalid", "Order cannot be allocated")
    left = unallocated_units(order)
    wanted = list(left.items()) if lines is None else _merged(lines)
    if not wanted:
        raise Refused("invalid", "There is nothing to allocate")
    for sellable_id, quantity in wanted:
        if sellable_id not in warehouse.sellables:
            raise Refused("not_found", "Sellable must exist")
        if quantity <= 0 or quantity > left.get(sellable_id, 0):
            raise Refused("invalid", "Quantity is more than is left to allocate")
    allocation = Allocation(
        id=world.new_id(f"{warehouse.system}/allocation", 6_101),
        order_id=order_id,
        facility_id=facility_id,
        created_at=world.now,
        lines=[
            (world.new_id(f"{warehouse.system}/allocation_line", 31_001), sellable_id, quantity)
            for sellable_id, quantity in wanted
        ],
    )
    if world.mood == "stores_nothing":
        return allocation
    flaw = world.flaw(warehouse.system, "allocate", order.order_name)
    if flaw is not None and flaw.effect == "refuse":
        raise Refused("invalid", str(flaw.value or "Allocation is invalid"))
    if flaw is not None and flaw.effect == "other_facility":
        allocation.facility_id = next(i for i in warehouse.facilities if i != facility_id)
    for _, sellable_id, quantity in allocation.lines:
        reserve(world, warehouse, sellable_id, allocation.facility_id, quantity)
    order.allocations.append(allocation)
    touch(world, warehouse, order)
    if world.people is not None:
        world.people.order_allocated(warehouse, order, allocation)
    return allocation


def _merged(lines: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    units: dict[int, int] = {}
    for sellable_id, quantity in lines:
        units[sellable_id] = units.get(sellable_id, 0) + quantity
    return list(units.items())


def deallocate(world: World, warehouse: Warehouse, order_id: int, allocation_id: int) -> WarehouseOrder:
    """Give an allocation back that has not left."""
    order = get_order(warehouse, order_id)
    allocation = get_allocation(order, allocation_id)
    if allocation.parcel is not None:
        raise Refused("invalid", "This allocation is already shipped")
    for _, sellable_id, quantity in allocation.lines:
        reserve(world, warehouse, sellable_id, allocation.facility_id, -quantity)
    order.allocations.remove(allocation)
    touch(world, warehouse, order)
    return order


def split_allocation(
    world: World, warehouse: Warehouse, order_id: int, allocation_id: int, keep: dict[int, int]
) -> Allocation | None:
    """Keep units per sellable in an allocation, move the rest into a new one: one allocation, one parcel."""
    order = get_order(warehouse, order_id)
    allocation = get_allocation(order, allocation_id)
    if allocation.parcel is not None:
        raise Refused("invalid", "This allocation is already shipped")
    kept, rest = [], []
    for line_id, sellable_id, quantity in allocation.lines:
        here = min(quantity, keep.get(sellable_id, 0))
        if here:
            kept.append((line_id, sellable_id, here))
        if quantity > here:
            new_id = world.new_id(f"{warehouse.system}/allocation_line", 31_001)
            rest.append((new_id, sellable_id, quantity - here))
    if not kept or not rest:
        return None
    allocation.lines = kept
    other = Allocation(
        world.new_id(f"{warehouse.system}/allocation", 6_101),
        order_id,
        allocation.facility_id,
        world.now,
        rest,
    )
    order.allocations.append(other)
    touch(world, warehouse, order)
    return other


def _release_all(world: World, warehouse: Warehouse, order: WarehouseOrder) -> None:
    for allocation in list(order.allocations):
        if allocation.parcel is None:
            for _, sellable_id, quantity in allocation.lines:
                reserve(world, warehouse, sellable_id, allocation.facility_id, -quantity)
            order.allocations.remove(allocation)


# --- picking and shipping -----------------------------------------------------------------------------


def start_pick(world: World, warehouse: Warehouse, order_id: int, allocation_id: int) -> Allocation:
    """Somebody goes and picks: the point of no return."""
    order = get_order(warehouse, order_id)
    allocation = get_allocation(order, allocation_id)
    if allocation.picking_since is None:
        allocation.picking_since = world.now
        picked: dict[int, int] = {}
        for _, sellable_id, quantity in allocation.lines:
            picked[sellable_id] = picked.get(sellable_id, 0) + quantity
        for line in order.lines:
            units = min(line.quantity - line.picked_quantity, picked.get(line.sellable_id, 0))
            line.picked_quantity += units
            if units:
                picked[line.sellable_id] -= units
        touch(world, warehouse, order)
    return allocation


def cancel_pick(world: World, warehouse: Warehouse, order_id: int, allocation_id: int) -> WarehouseOrder:
    """Put picked goods back and release them; the order waits unallocated."""
    order = get_order(warehouse, order_id)
    for line in order.lines:
        line.picked_quantity = 0
    return deallocate(world, warehouse, order_id, allocation_id)


def ship_allocation(
    world: World,
    warehouse: Warehouse,
    order_id: int,
    allocation_id: int,
    *,
    carrier_id: int,
    tracking_number: str,
    service: str = "",
    tracking_url: str = "",
    weight_grams: int | None = None,
) -> Parcel:
    """Send an allocation off as one parcel: its goods leave the stock."""
    order = get_order(warehouse, order_id)
    allocation = get_allocation(order, allocation_id)
    if allocation.parcel is not None:
        raise Refused("invalid", "This allocation is already shipped")
    if order.cancelled_at is not None:
        raise Refused("invalid", "Order is cancelled")
    if carrier_id not in CARRIERS:
        raise Refused("not_found", "Carrier not found")
    start_pick(world, warehouse, order_id, allocation_id)
    parcel = Parcel(
        id=world.new_id(f"{warehouse.system}/shipment", 4_401),
        allocation_id=allocation_id,
        order_id=order_id,
        created_at=world.now,
        carrier_id=carrier_id,
        carrier_name=CARRIERS[carrier_id],
        service_name=service,
        tracking_number=tracking_number,
        tracking_url=tracking_url,
        weight_grams=weight_grams,
    )
    for _, sellable_id, quantity in allocation.lines:
        reserve(world, warehouse, sellable_id, allocation.facility_id, -quantity)
        move_stock(
            world,
            warehouse,
            sellable_id,
            allocation.facility_id,
            -quantity,
            why="shipped",
            reference=order.number,
        )
    allocation.parcel = parcel
    _note_if_shipped(world, order)
    touch(world, warehouse, order)
    return parcel


def undo_shipment(world: World, warehouse: Warehouse, order_id: int, allocation_id: int) -> WarehouseOrder:
    """Take a parcel back: its goods are in stock and allocated again."""
    order = get_order(warehouse, order_id)
    allocation = get_allocation(order, allocation_id)
    if allocation.parcel is None:
        raise Refused("not_found", "Shipment not found")
    for _, sellable_id, quantity in allocation.lines:
        move_stock(
            world,
            warehouse,
            sellable_id,
            allocation.facility_id,
            quantity,
            why="shipment_undone",
            reference=order.number,
        )
        reserve(world, warehouse, sellable_id, allocation.facility_id, quantity)
    allocation.parcel = None
    order.shipped_at = None
    touch(world, warehouse, order)
    return order


def scan_parcel(world: World, warehouse: Warehouse, order_id: int, allocation_id: int, event: str) -> Parcel:
    """Note a carrier's scan: in_transit or delivered."""
    order = get_order(warehouse, order_id)
    parcel = get_allocation(order, allocation_id).parcel
    if parcel is None:
        raise Refused("not_found", "Shipment not found")
    parcel.status = event
    parcel.in_transit_at = parcel.in_transit_at or world.now
    if event == "delivered":
        parcel.delivered_at = parcel.delivered_at or world.now
    touch(world, warehouse, order)
    return parcel
