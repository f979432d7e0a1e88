"""Where an order stands by Adobe Commerce's rules, and what its lines and refunds come to.

Belongs here: quantities, states and amounts that the vendor works out from what it keeps.
Does not belong here: JSON (``adobe_commerce_orders``, ``adobe_commerce_documents``), the shop's own rules (``world/shop``).

INFERRED: which state an order is in whose money is only authorised (processing).
"""

from __future__ import annotations

from decimal import Decimal

from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops


def captured(shop: model.Shop, order: model.ShopOrder) -> Decimal:
    """Money taken."""
    return shops.totals(shop, order).captured


def quantities(shop: model.Shop, order: model.ShopOrder, line: model.ShopLine) -> tuple[int, int, int]:
    """(shipped, refunded, cancelled) of a line, so that what they leave is what the shop still ships.

    What waits is ordered less the greater of shipped and refunded, less cancelled. Units taken out of an
    order are cancelled ones here, as the vendor lets nobody edit a line.
    """
    shipped = line.fulfilled_quantity
    if order.cancelled_at is not None and not captured(shop, order):
        return shipped, 0, line.quantity
    refunded = line.refunded_quantity
    edited = max(line.quantity - refunded - line.current_quantity, 0)
    both = shipped + refunded - line.returned_quantity - max(shipped, refunded)
    return shipped, refunded, edited + max(both, 0)


def left(shop: model.Shop, order: model.ShopOrder, line: model.ShopLine) -> int:
    """Units of a line that can still be shipped."""
    shipped, refunded, cancelled = quantities(shop, order, line)
    return max(line.quantity - max(shipped, refunded) - cancelled, 0) if line.requires_shipping else 0


def state(shop: model.Shop, order: model.ShopOrder) -> str:
    """Where the order stands, by the vendor's states."""
    money = shops.totals(shop, order)
    if order.cancelled_at is not None:
        return "closed" if money.captured else "canceled"
    waiting = sum(left(shop, order, line) for line in order.lines)
    if money.captured and money.refunded >= money.captured and not waiting:
        return "closed"  # INFERRED: money given back for no goods leaves them to be sent
    if any(f.status == "on_hold" for f in order.fulfilment_orders):
        return "holded"
    is_paid = money.captured >= money.total - cancelled_amount(shop, order)
    if is_paid and not waiting:
        return "complete"
    if money.captured or money.authorised or order.fulfilments:
        return "processing"
    return "new"


def cancelled_amount(shop: model.Shop, order: model.ShopOrder) -> Decimal:
    """What the cancelled units came to."""
    money = shops.totals(shop, order)
    if order.cancelled_at is not None and not money.captured:
        return money.total
    amount = Decimal(0)
    for line in order.lines:
        edited = max(line.quantity - line.refunded_quantity - line.current_quantity, 0)
        if edited:
            whole = shops.line_amount(line, line.quantity)
            amount += whole - shops.line_amount(line, line.quantity - edited)
    return amount


def before_tax(shop: model.Shop, amount: Decimal, rate: Decimal) -> Decimal:
    """An amount of the shop's, which may hold its tax, without it."""
    return amount / (1 + rate) if shop.taxes_included else amount


def line_money(shop: model.Shop, line: model.ShopLine, quantity: int) -> dict[str, Decimal]:
    """A line's amounts before tax, for so many units. A discount stands before tax too."""
    rate = line.tax_rate
    discount = line.discount * quantity / line.quantity if line.quantity else Decimal(0)
    row = before_tax(shop, line.unit_price * quantity, rate)
    off = before_tax(shop, discount, rate)
    return {
        "price": before_tax(shop, line.unit_price, rate),
        "price_incl_tax": line.unit_price if shop.taxes_included else line.unit_price * (1 + rate),
        "row_total": row,
        "row_total_incl_tax": row * (1 + rate),
        "discount_amount": off,
        "discount_tax_compensation_amount": Decimal(0),
        "tax_amount": shops.round_money((row - off) * rate),
    }


def credited(shop: model.Shop, order: model.ShopOrder) -> list[tuple[model.ShopOrder, model.Refund]]:
    """What was given back of money that was taken."""
    return [(order, back) for back in order.refunds if captured(shop, order)]


def adjustment(shop: model.Shop, order: model.ShopOrder, back: model.Refund) -> Decimal:
    """What was given back beside lines and delivery; less than nothing where some of their price was kept."""
    extra = Decimal(0) if shop.taxes_included else sum((each.tax for each in back.lines), Decimal(0))
    worth = sum((each.subtotal for each in back.lines), Decimal(0)) + extra + back.shipping
    return paid_back(order, back) - worth


def paid_back(order: model.ShopOrder, back: model.Refund) -> Decimal:
    """What moved of a refund."""
    return sum((t.amount for t in order.transactions if t.id in back.transaction_ids), Decimal(0))
