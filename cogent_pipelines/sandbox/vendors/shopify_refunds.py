"""The fields of money moved and goods sent back, as Shopify shows them.

Belongs here: one resolver per field of OrderTransaction, Refund and Return and of their lines.
Does not belong here: the order itself (``shopify_orders``), making a refund (``shopify_writes``).
"""

from __future__ import annotations

from decimal import Decimal

from cogent_pipelines.sandbox.vendors.shopify_orders import (
    Fields,
    Resolvers,
    always,
    capturable,
    connection,
    delivery_rate,
    nothing,
)
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Adjusted,
    Bag,
    Context,
    Line,
    Money,
    Refunded,
    RefundedLine,
    Returned,
    ReturnedLine,
    ShippedLine,
    Shipping,
    Sum,
    gid,
)
from cogent_pipelines.sandbox.world import shop as shops

# --- money moved --------------------------------------------------------------------------------------


def _parent(t: Money, _context: Context) -> Money | None:
    found = (each for each in t.order.transactions if each.id == t.transaction.parent_id)
    parent = next(found, None)
    return None if parent is None else Money(t.order, parent)


TRANSACTION: Fields = {
    "amountSet": lambda t, _: Bag(t.transaction.amount, t.order),
    "createdAt": lambda t, _: t.transaction.at,
    "errorCode": lambda t, _: "GENERIC_ERROR" if t.transaction.status == "failure" else None,
    "fees": lambda t, _: [t] if t.transaction.fee else [],
    "formattedGateway": lambda t, _: t.transaction.gateway.replace("_", " ").title(),
    "gateway": lambda t, _: t.transaction.gateway,
    "id": lambda t, _: gid("OrderTransaction", t.transaction.id),
    "kind": lambda t, _: t.transaction.kind.upper(),
    "manualPaymentGateway": lambda t, _: t.transaction.gateway in ("manual", "bank_deposit"),
    "order": lambda t, _: t.order,
    "parentTransaction": _parent,
    "paymentId": lambda t, _: f"{t.order.name.lstrip('#')}.{t.transaction.parent_id or t.transaction.id}",
    "processedAt": lambda t, _: t.transaction.at,
    "settlementCurrency": lambda t, _: t.order.currency,
    "settlementCurrencyRate": always(Decimal(1)),
    # an authorisation that ran out was granted once: only its order says it expired (INFERRED)
    "status": lambda t, _: "SUCCESS" if t.transaction.status == "expired" else t.transaction.status.upper(),
    "test": lambda t, _: t.order.is_test,
    "totalUnsettledSet": lambda t, c: Bag(
        capturable(t.order, c) if t.transaction.kind == "authorization" else Decimal(0), t.order
    ),
}

FEE: Fields = {
    "amount": lambda t, _: Sum(t.transaction.fee, t.order.currency),
    "flatFee": lambda t, _: Sum(Decimal(0), t.order.currency),
    "id": lambda t, _: gid("TransactionFee", t.transaction.id),
    "rate": lambda t, _: (
        (t.transaction.fee / t.transaction.amount).quantize(Decimal("0.0001"))
        if t.transaction.amount
        else Decimal(0)
    ),
    "rateName": nothing,
    "taxAmount": lambda t, _: Sum(Decimal(0), t.order.currency),
    "type": always("processing_fee"),
}


def _refund_lines(r: Refunded, _context: Context) -> list[RefundedLine]:
    return [RefundedLine(r.order, r.refund, line, n) for n, line in enumerate(r.refund.lines)]


def _refund_transactions(r: Refunded, _context: Context) -> list[Money]:
    wanted = set(r.refund.transaction_ids)
    return [Money(r.order, t) for t in r.order.transactions if t.id in wanted]


def _given_back(r: Refunded) -> Decimal:
    wanted = set(r.refund.transaction_ids)
    return sum(
        (t.amount for t in r.order.transactions if t.id in wanted and t.status == "success"), Decimal(0)
    )


def _return_of(r: Refunded, _context: Context) -> Returned | None:
    found = next((each for each in r.order.returns if each.id == r.refund.return_id), None)
    return None if found is None else Returned(r.order, found)


REFUND: Fields = {
    "createdAt": lambda r, _: r.refund.at,
    "id": lambda r, _: gid("Refund", r.refund.id),
    "legacyResourceId": lambda r, _: r.refund.id,
    "note": lambda r, _: r.refund.note or None,
    "order": lambda r, _: r.order,
    "orderAdjustments": connection(
        lambda r, _: [Adjusted(r.order, r.refund)] if r.refund.adjustment else [], lambda a: a.refund.id
    ),
    "processedAt": lambda r, _: r.refund.at,
    "refundLineItems": connection(_refund_lines, lambda x: x.number),
    "refundShippingLines": connection(
        lambda r, _: [Adjusted(r.order, r.refund)] if r.refund.shipping else [], lambda a: a.refund.id
    ),
    "return": _return_of,
    "totalRefundedSet": lambda r, _: Bag(_given_back(r), r.order),
    "transactions": connection(_refund_transactions, lambda t: t.transaction.id),
    "updatedAt": lambda r, _: r.refund.at,
}


def _refunded_from(x: RefundedLine, _context: Context) -> Line:
    return Line(x.order, next(line for line in x.order.lines if line.id == x.line.line_id))


REFUND_LINE: Fields = {
    "id": lambda x, _: gid("RefundLineItem", x.refund.id * 1000 + x.number),
    "lineItem": _refunded_from,
    "location": lambda x, c: None if x.line.location_id is None else c.shop.locations.get(x.line.location_id),
    "priceSet": lambda x, c: Bag(_refunded_from(x, c).line.unit_price, x.order),
    "quantity": lambda x, _: x.line.quantity,
    "restockType": lambda x, _: x.line.restock.upper(),
    "restocked": lambda x, _: x.line.restock != "no_restock",
    "subtotalSet": lambda x, _: Bag(x.line.subtotal, x.order),
    "totalTaxSet": lambda x, _: Bag(x.line.tax, x.order),
}

ADJUSTMENT: Fields = {
    "amountSet": lambda a, _: Bag(
        -a.refund.adjustment, a.order
    ),  # negative: in the customer's favour (INFERRED)
    "id": lambda a, _: gid("OrderAdjustment", a.refund.id),
    "reason": always("REFUND_DISCREPANCY"),
    "taxAmountSet": lambda a, _: Bag(Decimal(0), a.order),
}

REFUND_SHIPPING: Fields = {
    "id": lambda a, _: gid("RefundShippingLine", a.refund.id),
    "shippingLine": lambda a, _: Shipping(a.order),
    "subtotalAmountSet": lambda a, _: Bag(a.refund.shipping, a.order),
    "taxAmountSet": lambda a, c: Bag(
        shops.tax_in(c.shop, a.refund.shipping, delivery_rate(a.order)), a.order
    ),
}


# --- goods sent back ----------------------------------------------------------------------------------


def _return_lines(r: Returned, _context: Context) -> list[ReturnedLine]:
    return [
        ReturnedLine(r.order, r.back, line, quantity, n) for n, (line, quantity) in enumerate(r.back.lines)
    ]


def _return_refunds(r: Returned, _context: Context) -> list[Refunded]:
    return [Refunded(r.order, refund) for refund in r.order.refunds if refund.return_id == r.back.id]


def _refunded_of(x: ReturnedLine) -> int:
    refunds = [refund for refund in x.order.refunds if refund.return_id == x.back.id]
    return sum(line.quantity for refund in refunds for line in refund.lines if line.line_id == x.line_id)


def _shipped_as(x: ReturnedLine, _context: Context) -> ShippedLine:
    for fulfilment in x.order.fulfilments:
        for number, (line_id, quantity) in enumerate(fulfilment.lines):
            if line_id == x.line_id:
                return ShippedLine(fulfilment, line_id, quantity, number)
    raise LookupError(f"line {x.line_id} came back and was never sent")


RETURN: Fields = {
    "closedAt": lambda r, _: r.back.at if r.back.status == "closed" else None,
    "createdAt": lambda r, _: r.back.at,
    "id": lambda r, _: gid("Return", r.back.id),
    "name": lambda r, _: f"{r.order.name}-R{1 + [each.id for each in r.order.returns].index(r.back.id)}",
    "order": lambda r, _: r.order,
    "refunds": connection(_return_refunds, lambda x: x.refund.id),
    "requestApprovedAt": lambda r, _: None if r.back.status == "requested" else r.back.at,
    "returnLineItems": connection(_return_lines, lambda x: x.number),
    "status": lambda r, _: r.back.status.upper(),
    "totalQuantity": lambda r, _: sum(quantity for _, quantity in r.back.lines),
}

RETURN_LINE: Fields = {
    "customerNote": nothing,
    "fulfillmentLineItem": _shipped_as,
    "id": lambda x, _: gid("ReturnLineItem", x.back.id * 1000 + x.number),
    "processableQuantity": lambda x, _: x.quantity - _refunded_of(x),
    "processedQuantity": lambda x, _: _refunded_of(x),
    "quantity": lambda x, _: x.quantity,
    "refundableQuantity": lambda x, _: x.quantity - _refunded_of(x),
    "refundedQuantity": lambda x, _: _refunded_of(x),
    "returnReasonNote": always(""),
    "unprocessedQuantity": lambda x, _: x.quantity - _refunded_of(x),
}


RESOLVERS: Resolvers = {
    "OrderTransaction": TRANSACTION,
    "TransactionFee": FEE,
    "Refund": REFUND,
    "RefundLineItem": REFUND_LINE,
    "OrderAdjustment": ADJUSTMENT,
    "RefundShippingLine": REFUND_SHIPPING,
    "Return": RETURN,
    "ReturnLineItem": RETURN_LINE,
}
