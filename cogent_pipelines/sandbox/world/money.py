"""An order's money: what it comes to, what was paid, and the acts of paying.

Belongs here: totals, both statuses that follow from an order, transactions, the payments account.
Does not belong here: orders and edits (``shop``), giving money back (``refunds``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from cogent_pipelines.sandbox.world.model import (
    Account,
    PayoutEntry,
    Shop,
    ShopLine,
    ShopOrder,
    Transaction,
)
from cogent_pipelines.sandbox.world.records import OPEN, get_order, touch
from cogent_pipelines.sandbox.world.world import Refused, World

PENNY = Decimal("0.01")
NOTHING = Decimal(0)
FEE_RATE, FEE_FLAT = Decimal("0.015"), Decimal("0.20")
PAYMENTS = (
    "shopify_payments"  # the shop's own provider; another gateway is an account's name, or settled elsewhere
)
SHARE = 0.15  # of orders that are paid through each account
WHOLE = frozenset({"JPY", "KRW"})  # currencies without minor units


@dataclass(frozen=True, slots=True)
class Totals:
    """An order's money: as ordered, and (``current_``) as it stands after edits and refunds."""

    subtotal: Decimal
    delivery: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    current_subtotal: Decimal
    current_tax: Decimal
    current_total: Decimal
    authorised: Decimal
    captured: Decimal
    refunded: Decimal

    @property
    def outstanding(self) -> Decimal:
        return max(NOTHING, self.current_total - (self.captured - self.refunded))


def round_money(amount: Decimal) -> Decimal:
    """Round to the penny, half up."""
    return amount.quantize(PENNY, ROUND_HALF_UP)


def tax_in(shop: Shop, amount: Decimal, rate: Decimal) -> Decimal:
    """Give the tax contained in (or due on) an amount."""
    return round_money(amount - amount / (1 + rate) if shop.taxes_included else amount * rate)


def line_amount(line: ShopLine, quantity: int) -> Decimal:
    """Give what ``quantity`` units of a line cost after its discount."""
    amount = line.unit_price * quantity
    if line.discount and line.quantity:
        amount -= round_money(line.discount * quantity / line.quantity)
    return amount


def totals(shop: Shop, order: ShopOrder) -> Totals:
    """Add an order up."""
    subtotal = tax = current = current_tax = discount = NOTHING
    for line in order.lines:
        amount = line_amount(line, line.quantity)
        subtotal += amount
        discount += line.discount
        tax += tax_in(shop, amount, line.tax_rate)
        if line.current_quantity == line.quantity:
            current += amount
            current_tax += tax_in(shop, amount, line.tax_rate)
        elif line.current_quantity:
            left = line_amount(line, line.current_quantity)
            current += left
            current_tax += tax_in(shop, left, line.tax_rate)
    delivery_rate = order.lines[0].tax_rate if order.lines else NOTHING
    delivery_tax = tax_in(shop, order.delivery_price, delivery_rate)
    delivery_back = sum((refund.shipping for refund in order.refunds), NOTHING)
    current_delivery = NOTHING if order.cancelled_at else order.delivery_price - delivery_back
    current_delivery_tax = tax_in(shop, current_delivery, delivery_rate)
    extra, current_extra = (
        (NOTHING, NOTHING)
        if shop.taxes_included
        else (tax + delivery_tax, current_tax + current_delivery_tax)
    )
    captured = refunded = authorised = NOTHING
    for transaction in order.transactions:
        if transaction.status != "success":
            continue
        if transaction.kind in ("sale", "capture"):
            captured += transaction.amount
        elif transaction.kind == "refund":
            refunded += transaction.amount
        elif transaction.kind == "authorization":
            authorised += transaction.amount
    return Totals(
        subtotal=subtotal,
        delivery=order.delivery_price,
        discount=discount,
        tax=tax + delivery_tax,
        total=subtotal + order.delivery_price + extra,
        current_subtotal=current,
        current_tax=current_tax + current_delivery_tax,
        current_total=current + current_delivery + current_extra,
        authorised=authorised,
        captured=captured,
        refunded=refunded,
    )


def financial_status(shop: Shop, order: ShopOrder) -> str:
    """Give pending, authorized, expired, partially_paid, paid, partially_refunded, refunded or voided."""
    sums = totals(shop, order)
    kinds = {t.kind for t in order.transactions if t.status == "success"}
    if sums.refunded > 0:
        return "refunded" if sums.refunded >= sums.captured else "partially_refunded"
    if sums.captured > 0:
        due = min(sums.total, sums.current_total) if order.cancelled_at is None else NOTHING
        return "paid" if sums.captured >= due else "partially_paid"
    if "void" in kinds or order.cancelled_at is not None:
        return "voided"
    if "expired" in {t.status for t in order.transactions}:
        return "expired"
    if sums.authorised > 0:
        return "authorized"
    if sums.total == 0:
        return "paid"
    return "pending"


def fulfilment_status(order: ShopOrder) -> str:
    """Give unfulfilled, partially_fulfilled, fulfilled, in_progress, on_hold, scheduled or restocked."""
    shipped = sum(line.fulfilled_quantity for line in order.lines if line.requires_shipping)
    left = sum(line.unfulfilled_quantity for line in order.lines if line.requires_shipping)
    if shipped:
        return "partially_fulfilled" if left else "fulfilled"
    if not left:
        return "restocked" if order.refunds else "unfulfilled"
    statuses = {f.status for f in order.fulfilment_orders if f.status in OPEN}
    for status in ("on_hold", "scheduled", "in_progress"):
        if statuses == {status}:
            return status
    return "unfulfilled"


# --- paying ------------------------------------------------------------------------------------------


def transact(
    world: World,
    shop: Shop,
    order: ShopOrder,
    kind: str,
    amount: Decimal,
    *,
    gateway: str,
    status: str = "success",
    parent_id: int | None = None,
) -> Transaction:
    transaction = Transaction(
        id=world.new_id(f"{shop.system}/transaction", 6_000_001),
        kind=kind,
        status=status,
        amount=amount,
        gateway=gateway,
        at=world.now,
        parent_id=parent_id,
    )
    order.transactions.append(transaction)
    holder = shop if gateway == PAYMENTS else world.accounts.get(gateway)
    if holder is not None and status == "success" and kind in ("sale", "capture", "refund"):
        sign = -1 if kind == "refund" else 1
        if sign > 0:
            transaction.fee = round_money(amount * FEE_RATE + FEE_FLAT)
        entry = book_entry(
            world,
            holder,
            "refund" if sign < 0 else "charge",
            sign * amount,
            transaction.fee,
            order_id=order.id,
            transaction_id=transaction.id,
        )
        if isinstance(holder, Account):
            entry.order_name = order.name
            entry.paid = _as_paid(order, entry.amount)
            entry.original_id = next(
                (e.id for e in holder.entries.values() if sign < 0 and e.transaction_id == parent_id), None
            )
            if sign > 0 and world.people is not None:
                world.people.charged(holder, entry)
    touch(world, shop, order)
    return transaction


def _as_paid(order: ShopOrder, amount: Decimal) -> tuple[str, Decimal] | None:
    """What the customer paid, where it was in another currency than the shop's."""
    if order.presentment_currency in ("", order.currency):
        return None
    unit = Decimal(1) if order.presentment_currency in WHOLE else PENNY
    return order.presentment_currency, (amount * order.presentment_rate).quantize(unit, ROUND_HALF_UP)


def gateway_of(world: World, shop: Shop, order: ShopOrder) -> str:
    """The gateway a customer picks: one of the accounts, by share, or the shop's own provider."""
    if not world.accounts:
        return PAYMENTS
    names = list(world.accounts)
    place = int(world.rng(shop.system, "gateway", order.name).random() / SHARE)
    return names[place] if place < len(names) else PAYMENTS


def authorise(world: World, shop: Shop, order_id: int, gateway: str | None = None) -> Transaction:
    """Reserve the order's total with the customer's provider."""
    order = get_order(shop, order_id)
    through = gateway or gateway_of(world, shop, order)
    return transact(world, shop, order, "authorization", totals(shop, order).total, gateway=through)


def capture(world: World, shop: Shop, order_id: int, amount: Decimal | None = None) -> Transaction:
    """Take authorised money (what is outstanding, unless an amount is given)."""
    order = get_order(shop, order_id)
    parent = next(
        (t for t in order.transactions if t.kind == "authorization" and t.status == "success"), None
    )
    if parent is None:
        raise Refused("no_authorisation", "Capture is only possible for authorized transactions")
    sums = totals(shop, order)
    left = parent.amount - sums.captured
    wanted = amount if amount is not None else min(left, sums.outstanding)
    if wanted > left or wanted < 0:
        raise Refused("capture_amount", f"Cannot capture more than {left}")
    return transact(world, shop, order, "capture", wanted, gateway=parent.gateway, parent_id=parent.id)


def pay(world: World, shop: Shop, order_id: int, gateway: str | None = None) -> Transaction:
    """Take what is outstanding at once; a pending payment of that gateway succeeds."""
    order = get_order(shop, order_id)
    pending = next((t for t in order.transactions if t.status == "pending"), None)
    return transact(
        world,
        shop,
        order,
        "sale",
        totals(shop, order).outstanding,
        gateway=gateway or gateway_of(world, shop, order),
        parent_id=pending.id if pending else None,
    )


def await_payment(world: World, shop: Shop, order_id: int, gateway: str = "bank_transfer") -> Transaction:
    """Note a payment that has still to arrive."""
    order = get_order(shop, order_id)
    return transact(world, shop, order, "sale", totals(shop, order).total, gateway=gateway, status="pending")


def void(world: World, shop: Shop, order_id: int) -> Transaction | None:
    """Give an authorisation up; nothing to do without one or after a capture."""
    order = get_order(shop, order_id)
    parent = next(
        (t for t in order.transactions if t.kind == "authorization" and t.status == "success"), None
    )
    if parent is None or totals(shop, order).captured > 0:
        return None
    return transact(world, shop, order, "void", parent.amount, gateway=parent.gateway, parent_id=parent.id)


def book_entry(
    world: World,
    shop: Shop | Account,
    kind: str,
    amount: Decimal,
    fee: Decimal = NOTHING,
    *,
    order_id: int | None = None,
    transaction_id: int | None = None,
    reason: str = "",
) -> PayoutEntry:
    """Write a line into the payments account; the next payout takes it."""
    entry = PayoutEntry(
        id=world.new_id(f"{shop.system}/entry", 3_000_001),
        kind=kind,
        at=world.now,
        amount=amount,
        fee=fee,
        order_id=order_id,
        transaction_id=transaction_id,
        reason=reason,
    )
    shop.entries[entry.id] = entry
    shop.unpaid_out.append(entry.id)
    return entry
