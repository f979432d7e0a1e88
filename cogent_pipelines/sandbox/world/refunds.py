"""Giving back: refunds of lines, delivery and goodwill, and returns.

Belongs here: money and units that go the other way. Does not belong here: cancelling (``shop``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world.fulfilling import take_from_fulfilment_orders
from cogent_pipelines.sandbox.world.model import (
    Refund,
    RefundLine,
    Shop,
    ShopLine,
    ShopOrder,
    ShopReturn,
    Transaction,
)
from cogent_pipelines.sandbox.world.money import NOTHING, line_amount, tax_in, totals, transact
from cogent_pipelines.sandbox.world.records import get_line, get_order, mail, touch
from cogent_pipelines.sandbox.world.world import Refused, World


def pay_back(world: World, shop: Shop, order: ShopOrder, amount: Decimal) -> Transaction:
    parent = next(t for t in order.transactions if t.kind in ("sale", "capture") and t.status == "success")
    return transact(world, shop, order, "refund", amount, gateway=parent.gateway, parent_id=parent.id)


def refund(
    world: World,
    shop: Shop,
    order_id: int,
    *,
    lines: Sequence[tuple[int, int, str]] = (),
    shipping: Decimal = NOTHING,
    adjustment: Decimal = NOTHING,
    amount: Decimal | None = None,
    location_id: int | None = None,
    note: str = "",
    return_id: int | None = None,
    notify: bool = False,
    is_forced: bool = False,
) -> Refund:
    """Refund lines, given as (line id, units, no_restock | cancel | return), delivery, and goodwill.

    ``amount`` None pays back what it all comes to; Decimal(0) records and restocks only. ``is_forced``: somebody paid it
    back at the provider, where nobody asks what was taken.
    """
    order = get_order(shop, order_id)
    rows = []
    for line_id, units, restock in lines:
        line = get_line(order, line_id)
        if units <= 0 or units > line.quantity - line.refunded_quantity:
            raise Refused("quantity", "Quantity cannot refund more items than were purchased")
        away = line.fulfilled_quantity - line.returned_quantity
        if restock == "cancel" and units > line.unfulfilled_quantity and line.requires_shipping:
            raise Refused("quantity", "Quantity to cancel is more than is unfulfilled")
        if restock == "return" and units > away:
            raise Refused("quantity", "Quantity to return is more than is fulfilled")
        # what goes back and what is left come to what was there, to the penny
        held = max(line.current_quantity, units)
        value = line_amount(line, held) - line_amount(line, held - units)
        rows.append(
            (line, RefundLine(line_id, units, restock, None, value, tax_in(shop, value, line.tax_rate)))
        )
    extra = NOTHING if shop.taxes_included else sum((row.tax for _, row in rows), NOTHING)
    worth = sum((row.subtotal for _, row in rows), NOTHING) + shipping + adjustment + extra
    money = worth if amount is None else amount
    sums = totals(shop, order)
    if money > sums.captured - sums.refunded and not is_forced:
        left = sums.captured - sums.refunded
        raise Refused("amount", f"Refund amount {money} is greater than net payment received {left}")
    record = Refund(
        id=world.new_id(f"{shop.system}/refund", 4_000_001),
        at=world.now,
        note=note,
        lines=[row for _, row in rows],
        shipping=shipping,
        adjustment=adjustment,
        return_id=return_id,
    )
    for line, row in rows:
        _take_back(world, shop, order, line, row, location_id=location_id)
    if money > 0:
        record.transaction_ids.append(pay_back(world, shop, order, money).id)
    order.refunds.append(record)
    touch(world, shop, order)
    if notify:
        mail(world, shop, order, "refunded")
    return record


def _take_back(
    world: World,
    shop: Shop,
    order: ShopOrder,
    line: ShopLine,
    row: RefundLine,
    *,
    location_id: int | None,
) -> None:
    shipped = line.fulfilled_quantity - line.returned_quantity
    unshipped = line.unfulfilled_quantity
    from_shipped = 0 if row.restock == "cancel" else min(shipped, row.quantity)
    from_unshipped = min(unshipped, row.quantity - from_shipped)
    home = location_id or next(
        (f.location_id for f in order.fulfilment_orders for p in f.lines if p.line_id == line.id), None
    )
    if from_unshipped:
        take_from_fulfilment_orders(
            world, shop, order, line, from_unshipped, restock=row.restock != "no_restock"
        )
    if from_shipped:
        line.returned_quantity += from_shipped
        if row.restock == "return" and home is not None:
            levels.move(world, shop, line, home, available=from_shipped)
    row.location_id = home if row.restock != "no_restock" else None
    line.refunded_quantity += row.quantity
    line.current_quantity = max(0, line.current_quantity - row.quantity)


def open_return(world: World, shop: Shop, order_id: int, lines: Sequence[tuple[int, int]]) -> ShopReturn:
    """Agree a return of shipped units, given as (line id, units)."""
    order = get_order(shop, order_id)
    for line_id, units in lines:
        line = get_line(order, line_id)
        asked = sum(q for r in order.returns if r.status == "open" for i, q in r.lines if i == line_id)
        if units <= 0 or units > line.fulfilled_quantity - line.returned_quantity - asked:
            raise Refused("return_quantity", "Quantity is not available for return.")
    record = ShopReturn(world.new_id(f"{shop.system}/return", 1_000_001), world.now, "open", list(lines))
    order.returns.append(record)
    touch(world, shop, order)
    return record


def close_return(world: World, shop: Shop, order_id: int, return_id: int) -> ShopReturn:
    """Close a return: the goods came back, or never will."""
    order = get_order(shop, order_id)
    for record in order.returns:
        if record.id == return_id:
            record.status = "closed"
            touch(world, shop, order)
            return record
    raise Refused("return_not_found", "Return does not exist.")
