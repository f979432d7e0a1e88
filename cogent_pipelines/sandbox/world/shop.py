"""What a shop does by its own rules when it is asked: the one door to orders, payments, fulfilments, refunds.

Belongs here: orders placed, edited and cancelled, whoever asks (a customer, staff, or the API).
Does not belong here: stock levels (``levels``), why anybody asks (``people``), a vendor's words
(``vendors``). The rest of an order's life stands beside this file and is reached through it: ``money``,
``fulfilling``, ``refunds``, ``records``.

Every act is a function of (world, shop, ...) that changes the shop at ``world.now`` or raises ``Refused`` and
changes nothing. Each bumps ``updated_at`` of what it changes and the shop's change logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world.fulfilling import (
    add_scan,
    add_to_fulfilment_order,
    cancel_fulfilment,
    fulfil,
    get_fulfilment,
    move_fulfilment_order,
    set_hold,
    take_from_fulfilment_orders,
    update_tracking,
)
from cogent_pipelines.sandbox.world.model import Address, Refund, RefundLine, Shop, ShopLine, ShopOrder
from cogent_pipelines.sandbox.world.money import (
    NOTHING,
    PAYMENTS,
    PENNY,
    Totals,
    authorise,
    await_payment,
    book_entry,
    capture,
    financial_status,
    fulfilment_status,
    line_amount,
    pay,
    round_money,
    tax_in,
    totals,
    void,
)
from cogent_pipelines.sandbox.world.records import (
    OPEN,
    find_orders,
    get_line,
    get_order,
    mail,
    touch,
    touch_fulfilment_order,
)
from cogent_pipelines.sandbox.world.refunds import close_return, open_return, pay_back, refund
from cogent_pipelines.sandbox.world.world import Refused, World

__all__ = [
    "NOTHING", "OPEN", "PAYMENTS", "PENNY", "NewLine", "Totals", "add_line", "add_scan", "authorise",
    "await_payment", "book_entry", "cancel_fulfilment", "cancel_order", "capture", "change_address",
    "change_delivery", "change_note", "close_return", "financial_status", "find_orders", "fulfil",
    "fulfilment_status", "get_fulfilment", "get_line", "get_order", "line_amount", "mail",
    "move_fulfilment_order", "open_return", "pay", "place_order", "refund", "round_money", "set_hold",
    "set_quantity", "tax_in", "totals", "touch", "touch_fulfilment_order", "update_tracking", "void",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line of an order as it is placed or added."""

    sku: str
    quantity: int
    unit_price: Decimal
    variant_id: int | None = None
    title: str = ""
    tax_rate: Decimal = Decimal("0.2")
    discount: Decimal = NOTHING
    requires_shipping: bool = True


def place_order(
    world: World,
    shop: Shop,
    *,
    lines: Sequence[NewLine],
    email: str,
    address: Address,
    customer_id: int | None = None,
    delivery_option: str = "Standard Delivery",
    delivery_price: Decimal = NOTHING,
    name: str | None = None,
    source: str = "web",
    channel_id: int = 1,
    note: str = "",
    tags: Sequence[str] = (),
    is_test: bool = False,
    presentment: tuple[str, Decimal] | None = None,
    prefer: Sequence[int] = (),
    homes: Sequence[int] = (),
) -> ShopOrder:
    """Take an order: commit its stock and route it to locations (``prefer`` first). Nothing is paid yet.

    ``homes`` gives each line its location outright, in the lines' order. A shop that shows ids heeds no ``name``.
    """
    order_id = world.new_id(f"{shop.system}/order", 5_500_001)
    currency, rate = presentment or (shop.currency, Decimal(1))
    order = ShopOrder(
        id=order_id,
        name=str(order_id) if shop.shows_ids else name or _next_name(world, shop),
        created_at=world.now,
        updated_at=world.now,
        email=email,
        customer_id=customer_id,
        address=address,
        delivery_option=delivery_option,
        delivery_price=delivery_price,
        currency=shop.currency,
        lines=[_new_line(world, shop, line) for line in lines],
        source=source,
        channel_id=channel_id,
        processed_at=world.now,
        note=note,
        tags=list(tags),
        is_test=is_test,
        presentment_currency=currency,
        presentment_rate=rate,
    )
    shop.orders[order_id] = order
    shop.by_name.setdefault(order.name, []).append(order_id)
    for location_id, parts in levels.route(shop, order.lines, prefer, homes=homes).items():
        add_to_fulfilment_order(world, shop, order, location_id, parts)
        for line, quantity in parts:
            levels.move(world, shop, line, location_id, available=-quantity, committed=quantity)
    touch(world, shop, order)
    mail(world, shop, order, "order_confirmed")
    return order


def _next_name(world: World, shop: Shop) -> str:
    """Number an order; shops after the first put their name before it, as one warehouse serves them all."""
    first = next(iter(world.shops), shop.system)
    prefix = "#" if shop.system == first else f"#{shop.system.upper()}-"
    return f"{prefix}{world.new_id(f'{shop.system}/name', 1001)}"


def _new_line(world: World, shop: Shop, line: NewLine) -> ShopLine:
    variant_id = line.variant_id if line.variant_id is not None else shop.by_sku.get(line.sku)
    variant = shop.variants.get(variant_id) if variant_id is not None else None
    return ShopLine(
        id=world.new_id(f"{shop.system}/line", 9_000_001),
        variant_id=variant_id if variant else None,
        sku=line.sku,
        title=line.title or (variant.title if variant else line.sku),
        quantity=line.quantity,
        current_quantity=line.quantity,
        unit_price=line.unit_price,
        tax_rate=line.tax_rate,
        discount=line.discount,
        requires_shipping=line.requires_shipping,
    )


# --- edits and cancellation ---------------------------------------------------------------------------


def _editable(shop: Shop, order_id: int) -> ShopOrder:
    order = get_order(shop, order_id)
    if order.cancelled_at is not None:
        raise Refused("not_editable", "The order cannot be edited.")
    return order


def set_quantity(
    world: World, shop: Shop, order_id: int, line_id: int, quantity: int, *, restock: bool = True
) -> ShopOrder:
    """Edit a line's units; only unfulfilled ones can go."""
    order = _editable(shop, order_id)
    line = get_line(order, line_id)
    shipped = line.current_quantity - line.unfulfilled_quantity
    if quantity < shipped or quantity < 0:
        raise Refused("quantity", "The quantity cannot be lower than what is fulfilled.")
    change = quantity - line.current_quantity
    if change < 0:
        take_from_fulfilment_orders(world, shop, order, line, -change, restock=restock)
    elif change > 0:
        line.quantity += change  # what is added counts as ordered
        location_id = next(iter(levels.route(shop, [line], (), units=change)), None)
        if location_id is not None:
            add_to_fulfilment_order(world, shop, order, location_id, [(line, change)])
            levels.move(world, shop, line, location_id, available=-change, committed=change)
    line.current_quantity = quantity
    touch(world, shop, order)
    return order


def add_line(world: World, shop: Shop, order_id: int, new: NewLine) -> ShopLine:
    """Add a line to an order."""
    order = _editable(shop, order_id)
    line = _new_line(world, shop, new)
    order.lines.append(line)
    for location_id, parts in levels.route(shop, [line], ()).items():
        add_to_fulfilment_order(world, shop, order, location_id, parts)
        for part, units in parts:
            levels.move(world, shop, part, location_id, available=-units, committed=units)
    touch(world, shop, order)
    return line


def change_address(world: World, shop: Shop, order_id: int, address: Address) -> ShopOrder:
    """Send the order somewhere else."""
    order = _editable(shop, order_id)
    order.address = address
    touch(world, shop, order)
    return order


def change_note(
    world: World, shop: Shop, order_id: int, *, note: str | None = None, tags: Sequence[str] | None = None
) -> ShopOrder:
    """Change an order's note or tags."""
    order = get_order(shop, order_id)
    order.note = order.note if note is None else note
    order.tags = order.tags if tags is None else list(tags)
    touch(world, shop, order)
    return order


def change_delivery(world: World, shop: Shop, order_id: int, option: str) -> ShopOrder:
    """Change how the order travels, at the same price."""
    order = _editable(shop, order_id)
    order.delivery_option = option
    touch(world, shop, order)
    return order


def cancel_order(
    world: World,
    shop: Shop,
    order_id: int,
    *,
    reason: str = "customer",
    restock: bool = True,
    refund: bool = True,
    notify: bool = False,
    note: str = "",
) -> ShopOrder:
    """Cancel an order nothing of which is fulfilled: stock released, money back or authorisation voided."""
    order = get_order(shop, order_id)
    if order.cancelled_at is not None:
        raise Refused("already_cancelled", "Cannot cancel an order that has already been canceled")
    if any(f.status == "success" for f in order.fulfilments):
        raise Refused("has_fulfilments", "Cannot cancel an order that has outstanding fulfillments")
    if order.returns:
        raise Refused("has_returns", "Cannot cancel an order that has returns")
    if world.mood == "stores_nothing":
        return order
    sums = totals(shop, order)
    lines = []
    for line in order.lines:
        units = line.current_quantity
        if not units:
            continue
        amount = line_amount(line, units)
        location_id = next(
            (f.location_id for f in order.fulfilment_orders for p in f.lines if p.line_id == line.id), None
        )
        lines.append(
            RefundLine(
                line.id,
                units,
                "cancel" if restock and line.requires_shipping else "no_restock",
                location_id if restock else None,
                amount,
                tax_in(shop, amount, line.tax_rate),
            )
        )
        take_from_fulfilment_orders(world, shop, order, line, units, restock=restock)
        line.current_quantity = 0
        line.refunded_quantity += units
    for fulfilment_order in order.fulfilment_orders:
        if fulfilment_order.status in (*OPEN, "closed"):
            fulfilment_order.status = "cancelled"
            touch_fulfilment_order(world, shop, fulfilment_order)
    left = sums.captured - sums.refunded
    delivery = order.delivery_price if refund and left else NOTHING
    record = Refund(
        world.new_id(f"{shop.system}/refund", 4_000_001), world.now, note, lines, shipping=delivery
    )
    if refund and left > 0:
        record.transaction_ids.append(pay_back(world, shop, order, left).id)
    elif sums.captured == 0:
        void(world, shop, order_id)
    if lines:
        order.refunds.append(record)
    order.cancelled_at = order.closed_at = world.now
    order.cancel_reason = reason
    touch(world, shop, order)
    if notify:
        mail(world, shop, order, "cancelled")
    return order
