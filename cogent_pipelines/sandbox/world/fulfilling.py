"""Fulfilling: fulfilment orders as the shop makes and remakes them, fulfilments, tracking, scans.

Belongs here: units on their way to the customer. Does not belong here: their money (``money``, ``refunds``).
"""

from __future__ import annotations

from collections.abc import Sequence

from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world.model import (
    Fulfilment,
    FulfilmentOrder,
    FulfilmentOrderLine,
    Shop,
    ShopLine,
    ShopOrder,
)
from cogent_pipelines.sandbox.world.records import OPEN, get_line, mail, touch, touch_fulfilment_order
from cogent_pipelines.sandbox.world.world import Flaw, Refused, World


def add_to_fulfilment_order(
    world: World,
    shop: Shop,
    order: ShopOrder,
    location_id: int,
    parts: Sequence[tuple[ShopLine, int]],
    *,
    anew: bool = False,
) -> FulfilmentOrder:
    found = None
    if not anew:
        for candidate in order.fulfilment_orders:
            if candidate.location_id == location_id and candidate.status in OPEN:
                found = candidate
    if found is None:
        found = FulfilmentOrder(
            id=world.new_id(f"{shop.system}/fulfilment_order", 7_000_001),
            order_id=order.id,
            location_id=location_id,
            status="open",
            created_at=world.now,
            updated_at=world.now,
            lines=[],
        )
        order.fulfilment_orders.append(found)
        shop.fulfilment_orders[found.id] = found
    for line, quantity in parts:
        for part in found.lines:
            if part.line_id == line.id:
                part.total += quantity
                part.remaining += quantity
                break
        else:
            part_id = world.new_id(f"{shop.system}/fulfilment_order_line", 8_000_001)
            found.lines.append(FulfilmentOrderLine(part_id, line.id, quantity, quantity))
    touch_fulfilment_order(world, shop, found)
    return found


def take_from_fulfilment_orders(
    world: World, shop: Shop, order: ShopOrder, line: ShopLine, quantity: int, *, restock: bool
) -> int:
    """Take unfulfilled units of a line out of the order; give how many were there to take."""
    taken = 0
    for fulfilment_order in order.fulfilment_orders:
        if fulfilment_order.status not in OPEN:
            continue
        for part in fulfilment_order.lines:
            if part.line_id != line.id or not part.remaining or taken == quantity:
                continue
            units = min(part.remaining, quantity - taken)
            part.remaining -= units
            part.total -= units
            taken += units
            levels.move(
                world,
                shop,
                line,
                fulfilment_order.location_id,
                available=units if restock else 0,
                committed=-units,
            )
            touch_fulfilment_order(world, shop, fulfilment_order)
        if not any(part.remaining for part in fulfilment_order.lines):
            fulfilment_order.status = "closed"
    return taken


def fulfil(
    world: World,
    shop: Shop,
    order_id: int | None,
    groups: Sequence[tuple[int, Sequence[tuple[int, int]] | None]],
    *,
    carrier: str = "",
    numbers: Sequence[str] = (),
    urls: Sequence[str] = (),
    notify: bool = False,
) -> Fulfilment:
    """Fulfil parts of fulfilment orders.

    ``groups`` are (fulfilment order id, [(its line id, units)] or None for all that is left).
    ``order_id`` None takes the order of the first fulfilment order.
    """
    order, location_id, parts = _fulfilment_parts(shop, order_id, groups)
    flaw = world.flaw(shop.system, "fulfil", order.name)
    if flaw is not None and flaw.effect == "refuse":
        raise Refused(
            "unfulfillable", str(flaw.value or "The fulfillment could not be created."), ("fulfillment",)
        )
    fulfilment = Fulfilment(
        id=world.new_id(f"{shop.system}/fulfilment", 2_000_001),
        order_id=order.id,
        location_id=location_id,
        status="success",
        created_at=world.now,
        updated_at=world.now,
        carrier=carrier,
        numbers=list(numbers),
        urls=list(urls),
        lines=[],
        fulfilment_order_ids=[fulfilment_order.id for fulfilment_order, _ in parts],
    )
    if world.mood == "stores_nothing" or (flaw is not None and flaw.effect == "nothing"):
        return fulfilment
    _store_tracking(world, fulfilment, flaw)
    units: dict[int, int] = {}
    for fulfilment_order, chosen in parts:
        for part, quantity in chosen:
            part.remaining -= quantity
            units[part.line_id] = units.get(part.line_id, 0) + quantity
        is_done = not any(part.remaining for part in fulfilment_order.lines)
        fulfilment_order.status = "closed" if is_done else "in_progress"
        touch_fulfilment_order(world, shop, fulfilment_order)
    for line_id, quantity in units.items():
        line = get_line(order, line_id)
        line.fulfilled_quantity += quantity
        fulfilment.lines.append((line_id, quantity))
        levels.move(world, shop, line, location_id, committed=-quantity)
    order.fulfilments.append(fulfilment)
    shop.fulfilments[fulfilment.id] = fulfilment
    touch(world, shop, order)
    if notify:
        fulfilment.is_notified = True
        mail(world, shop, order, "shipped", fulfilment)
    return fulfilment


def _store_tracking(world: World, fulfilment: Fulfilment, flaw: Flaw | None) -> None:
    if world.mood == "stores_truncated" or (flaw and flaw.effect == "truncate_number"):
        fulfilment.numbers = [number[:8] for number in fulfilment.numbers]
    if flaw and flaw.effect == "drop_number":
        fulfilment.numbers, fulfilment.urls = [], []
    if flaw and flaw.effect == "other_carrier":
        fulfilment.carrier = str(flaw.value)


_Parts = list[tuple[FulfilmentOrder, list[tuple[FulfilmentOrderLine, int]]]]


def _fulfilment_parts(
    shop: Shop, order_id: int | None, groups: Sequence[tuple[int, Sequence[tuple[int, int]] | None]]
) -> tuple[ShopOrder, int, _Parts]:
    parts: _Parts = []
    orders, locations = set(), set()
    for fulfilment_order_id, wanted in groups:
        found = shop.fulfilment_orders.get(fulfilment_order_id)
        if found is None:
            raise Refused("fulfilment_order_not_found", "Fulfillment order does not exist.", ("fulfillment",))
        if found.status not in ("open", "in_progress"):
            message = f"Fulfillment order {found.id} has an unfulfillable status= {found.status}."
            raise Refused("unfulfillable", message, ("fulfillment",))
        orders.add(found.order_id)
        locations.add(found.location_id)
        by_id = {part.id: part for part in found.lines}
        if wanted is None:
            parts.append((found, [(part, part.remaining) for part in found.lines if part.remaining]))
            continue
        chosen: dict[int, int] = {}
        for part_id, quantity in wanted:
            if part_id not in by_id:
                raise Refused(
                    "fulfilment_order_line_not_found",
                    "Fulfillment order line item does not exist.",
                    ("fulfillment",),
                )
            if quantity <= 0:
                raise Refused("zero", "Quantity must be greater than 0", ("fulfillment",))
            chosen[part_id] = chosen.get(part_id, 0) + quantity
        for part_id, quantity in chosen.items():
            if quantity > by_id[part_id].remaining:
                message = "Invalid fulfillment order line item quantity requested."
                raise Refused("quantity", message, ("fulfillment",))
        parts.append((found, [(by_id[part_id], quantity) for part_id, quantity in chosen.items()]))
    if not parts:
        raise Refused("empty", "Nothing to fulfil.", ("fulfillment",))
    if len(orders) > 1 or (order_id is not None and orders != {order_id}):
        raise Refused("orders", "All fulfillment orders must belong to the same order.", ("fulfillment",))
    if len(locations) > 1:
        message = (
            "All fulfillment orders must be assigned to a single location. "
            f"Multiple locations with ids {sorted(locations)} were found."
        )
        raise Refused("locations", message, ("fulfillment",))
    return shop.orders[orders.pop()], locations.pop(), parts


def get_fulfilment(shop: Shop, fulfilment_id: int) -> Fulfilment:
    """Give a fulfilment or refuse."""
    found = shop.fulfilments.get(fulfilment_id)
    if found is None:
        raise Refused("fulfilment_not_found", "Fulfillment does not exist.", ("fulfillmentId",))
    return found


def update_tracking(
    world: World,
    shop: Shop,
    fulfilment_id: int,
    *,
    carrier: str | None = None,
    numbers: Sequence[str] | None = None,
    urls: Sequence[str] | None = None,
    notify: bool = False,
) -> Fulfilment:
    """Change a fulfilment's tracking; with ``notify`` the customer gets one more message."""
    fulfilment = get_fulfilment(shop, fulfilment_id)
    if fulfilment.status == "cancelled":
        raise Refused("cancelled", "Fulfillment is cancelled.", ("fulfillmentId",))
    if world.mood == "stores_nothing":
        return fulfilment
    order = shop.orders[fulfilment.order_id]
    fulfilment.carrier = fulfilment.carrier if carrier is None else carrier
    fulfilment.numbers = fulfilment.numbers if numbers is None else list(numbers)
    fulfilment.urls = fulfilment.urls if urls is None else list(urls)
    fulfilment.updated_at = world.now
    touch(world, shop, order)
    if notify:
        mail(world, shop, order, "shipping_updated" if fulfilment.is_notified else "shipped", fulfilment)
        fulfilment.is_notified = True
    return fulfilment


def cancel_fulfilment(world: World, shop: Shop, fulfilment_id: int) -> Fulfilment:
    """Undo a fulfilment: its units wait again, in a new fulfilment order when the old one is closed."""
    fulfilment = get_fulfilment(shop, fulfilment_id)
    if fulfilment.status == "cancelled":
        return fulfilment
    order = shop.orders[fulfilment.order_id]
    fulfilment.status = "cancelled"
    fulfilment.updated_at = world.now
    parts = []
    for line_id, quantity in fulfilment.lines:
        line = get_line(order, line_id)
        waited = line.unfulfilled_quantity
        line.fulfilled_quantity -= quantity
        line.returned_quantity = min(line.returned_quantity, line.fulfilled_quantity)
        again = line.unfulfilled_quantity - waited  # what was refunded since does not wait again
        if again > 0:
            levels.move(world, shop, line, fulfilment.location_id, committed=again)
            parts.append((line, again))
    if parts:
        add_to_fulfilment_order(world, shop, order, fulfilment.location_id, parts)
    touch(world, shop, order)
    return fulfilment


def add_scan(world: World, shop: Shop, fulfilment_id: int, status: str) -> Fulfilment:
    """Note a carrier's event: in_transit or delivered."""
    fulfilment = get_fulfilment(shop, fulfilment_id)
    if status == "delivered":
        fulfilment.delivered_at = fulfilment.delivered_at or world.now
    fulfilment.in_transit_at = fulfilment.in_transit_at or world.now
    fulfilment.updated_at = world.now
    touch(world, shop, shop.orders[fulfilment.order_id])
    return fulfilment


def move_fulfilment_order(
    world: World, shop: Shop, fulfilment_order_id: int, location_id: int
) -> FulfilmentOrder:
    """Send what is left of a fulfilment order to another location: a new fulfilment order."""
    old = shop.fulfilment_orders.get(fulfilment_order_id)
    if old is None or old.status not in OPEN:
        raise Refused("fulfilment_order_not_found", "Fulfillment order does not exist.")
    if location_id not in shop.locations or not shop.locations[location_id].is_active:
        raise Refused("location_not_found", "The specified location could not be found.")
    order = shop.orders[old.order_id]
    parts = []
    for part in old.lines:
        units, part.remaining = part.remaining, 0
        part.total -= units
        if units:
            line = get_line(order, part.line_id)
            levels.move(world, shop, line, old.location_id, available=units, committed=-units)
            levels.move(world, shop, line, location_id, available=-units, committed=units)
            parts.append((line, units))
    old.status = "closed"
    touch_fulfilment_order(world, shop, old)
    return add_to_fulfilment_order(world, shop, order, location_id, parts, anew=True)


def set_hold(world: World, shop: Shop, fulfilment_order_id: int, *, held: bool) -> FulfilmentOrder:
    """Hold a fulfilment order, or let it go on."""
    found = shop.fulfilment_orders.get(fulfilment_order_id)
    if found is None or found.status not in OPEN:
        raise Refused("fulfilment_order_not_found", "Fulfillment order does not exist.")
    found.status = "on_hold" if held else "open"
    touch_fulfilment_order(world, shop, found)
    return found
