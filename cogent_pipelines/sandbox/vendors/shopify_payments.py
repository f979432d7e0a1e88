"""The fields of payouts, balance transactions and tender transactions, as Shopify shows them.

Belongs here: one resolver per field of ``shopifyPaymentsAccount`` and what hangs below it.
Does not belong here: an order's own transactions (``shopify_refunds``).
"""

# ruff: noqa: N803  arguments are named as the vendor names them

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_orders import Fields, Resolvers, always
from cogent_pipelines.sandbox.vendors.shopify_state import Context, Money, Sum, gid

if TYPE_CHECKING:
    from collections.abc import Callable

    from cogent_pipelines.sandbox.world import model

# the world's word -> type of the entry, its source's type
KINDS = {
    "charge": ("CHARGE", "CHARGE"),
    "refund": ("REFUND", "REFUND"),
    "adjustment": ("ADJUSTMENT", "ADJUSTMENT"),
    "chargeback": ("DISPUTE_WITHDRAWAL", "DISPUTE"),
    "chargeback_fee": ("CHARGEBACK_FEE", "DISPUTE"),
    "reserve": ("RESERVED_FUNDS", "ADJUSTMENT"),
    "transfer": ("TRANSFER", "TRANSFER"),
}
STATES = {"scheduled": "SCHEDULED", "paid": "PAID", "failed": "FAILED", "cancelled": "CANCELED"}

# summary field pairs -> the kinds of entries they add up
GROSS = {
    "chargesGross": ("charge",),
    "refundsFeeGross": ("refund",),  # the vendor's name for what was refunded, before fees
    "adjustmentsGross": ("adjustment", "chargeback", "chargeback_fee"),
    "reservedFundsGross": ("reserve",),
    "retriedPayoutsGross": (),
    "advanceGross": (),
    "usdcRebateCreditAmount": (),
}
FEES = {
    "chargesFee": ("charge",),
    "refundsFee": ("refund",),
    "adjustmentsFee": ("adjustment", "chargeback", "chargeback_fee"),
    "reservedFundsFee": ("reserve",),
    "retriedPayoutsFee": (),
    "advanceFees": (),
}


def _summed(kinds: tuple[str, ...], part: Callable[[model.PayoutEntry], Decimal]) -> Callable[..., Sum]:
    def resolve(payout: model.Payout, context: Context) -> Sum:
        entries = context.store.entries(payout.id)
        return Sum(sum((part(e) for e in entries if e.kind in kinds), Decimal(0)), payout.currency)

    return resolve


SUMMARY: Fields = {
    **{name: _summed(kinds, lambda e: e.amount) for name, kinds in GROSS.items()},
    **{name: _summed(kinds, lambda e: e.fee) for name, kinds in FEES.items()},
}

PAYOUT: Fields = {
    "externalTraceId": lambda p, _: f"T{p.id:012d}" if p.status == "paid" else None,
    "id": lambda p, _: gid("ShopifyPaymentsPayout", p.id),
    "issuedAt": lambda p, _: p.issued_at,
    "legacyResourceId": lambda p, _: p.id,
    "net": lambda p, _: Sum(p.net, p.currency),
    "status": lambda p, _: STATES[p.status],
    "summary": lambda p, _: p,
    "transactionType": lambda p, _: "WITHDRAWAL" if p.net < 0 else "DEPOSIT",
}


def _order_of(entry: model.PayoutEntry, context: Context) -> model.ShopOrder | None:
    return None if entry.order_id is None else context.shop.orders.get(entry.order_id)


def _payout_state(entry: model.PayoutEntry, context: Context) -> str:
    payout = context.shop.payouts.get(entry.payout_id or 0)
    return "PENDING" if payout is None else STATES[payout.status]


def _is_test(entry: model.PayoutEntry, context: Context) -> bool:
    order = _order_of(entry, context)
    return order is not None and order.is_test


ENTRY: Fields = {
    "adjustmentReason": lambda e, _: e.reason or None if e.kind in ("adjustment", "reserve") else None,
    "amount": lambda e, c: Sum(e.amount, c.shop.currency),
    "associatedOrder": _order_of,
    "associatedPayout": lambda e, _: e,
    "fee": lambda e, c: Sum(e.fee, c.shop.currency),
    "id": lambda e, _: gid("ShopifyPaymentsBalanceTransaction", e.id),
    "net": lambda e, c: Sum(e.amount - e.fee, c.shop.currency),
    "sourceId": lambda e, _: e.transaction_id or e.payout_id or e.id,
    "sourceOrderTransactionId": lambda e, _: e.transaction_id,
    "sourceType": lambda e, _: KINDS[e.kind][1],
    "test": _is_test,
    "transactionDate": lambda e, _: e.at,
    "type": lambda e, _: KINDS[e.kind][0],
}

PAYOUT_FIELDS = {
    "id": "number",
    "issued_at": "time",
    "status": "text",
    "currency": "text",
    "amount": "number",
}
ENTRY_FIELDS = {
    "id": "number", "processed_at": "time", "payments_transfer_id": "number", "payout_date": "time",
    "transaction_type": "text", "payout_status": "text", "currency": "text",
}  # fmt: skip
PAYOUT_SORT = {"ID": "id", "STATUS": "status"}
ENTRY_SORT = {"ID": "id", "PAYOUT_DATE": "payout_date", "TRANSACTION_TYPE": "transaction_type"}


def describe_payout(p: model.Payout) -> dict[str, Any]:
    """What a search can find a payout by."""
    return {
        "id": p.id,
        "issued_at": p.issued_at,
        "status": STATES[p.status],
        "currency": p.currency,
        "amount": p.net,
        "is_withdrawal": p.net < 0,
    }


def describe_entry(e: model.PayoutEntry, payout: model.Payout | None, currency: str) -> dict[str, Any]:
    """What a search can find a balance transaction by."""
    return {
        "id": e.id,
        "processed_at": e.at,
        "payments_transfer_id": e.payout_id,
        "payout_date": payout.issued_at if payout else None,
        "transaction_type": KINDS[e.kind][0],
        "payout_status": STATES[payout.status] if payout else "PENDING",
        "currency": currency,
    }


def _find_payouts(
    _account: Any,
    context: Context,
    *,
    query: str | None = None,
    sortKey: str | None = "ISSUED_AT",
    transactionType: str | None = None,
    **arguments: Any,
) -> search.Page:
    read = search.read(query or "", PAYOUT_FIELDS, context.now)
    context.note_unknown("payouts", query, read)
    wanted = transactionType == "WITHDRAWAL"
    only = None if transactionType is None else (lambda doc: doc["is_withdrawal"] == wanted)
    sort = PAYOUT_SORT.get(sortKey or "", "issued_at")
    index = context.store.index("payouts")
    return index.search(read, sort, only=only, is_whole=context.is_bulk, **search.places(arguments))


def _find_entries(
    _account: Any,
    context: Context,
    *,
    query: str | None = None,
    hideTransfers: bool = False,
    sortKey: str | None = "PROCESSED_AT",
    **arguments: Any,
) -> search.Page:
    read = search.read(query or "", ENTRY_FIELDS, context.now)
    context.note_unknown("balanceTransactions", query, read)
    only = (lambda doc: doc["transaction_type"] != "TRANSFER") if hideTransfers else None
    sort = ENTRY_SORT.get(sortKey or "", "processed_at")
    index = context.store.index("entries")
    return index.search(read, sort, only=only, is_whole=context.is_bulk, **search.places(arguments))


def _balance(_account: Any, context: Context) -> list[Sum]:
    waiting = [context.shop.entries[number] for number in context.shop.unpaid_out]
    return [Sum(sum((e.amount - e.fee for e in waiting), Decimal(0)), context.shop.currency)]


TENDER_FIELDS = {"id": "number", "processed_at": "time", "test": "flag"}


def find_tenders(_root: Any, context: Context, *, query: str | None = None, **arguments: Any) -> search.Page:
    """``tenderTransactions``: money that moved, across all orders."""
    read = search.read(query or "", TENDER_FIELDS, context.now)
    context.note_unknown("tenderTransactions", query, read)
    rows = [
        Money(order, t)
        for order in context.shop.orders.values()
        for t in order.transactions
        if t.status == "success"
        and t.kind in ("sale", "capture", "refund")
        and read.test({"id": t.id, "processed_at": t.at, "test": order.is_test})
    ]
    rows.sort(key=lambda m: m.transaction.id)
    if context.is_bulk:
        return search.Page([("", row) for row in rows], has_next=False, has_previous=False)
    return search.page_of(rows, lambda m: m.transaction.id, **arguments)


def _tendered(m: Money, _context: Context) -> Sum:
    amount = m.transaction.amount
    return Sum(-amount if m.transaction.kind == "refund" else amount, m.order.currency)


RESOLVERS: Resolvers = {
    "ShopifyPaymentsAccount": {
        "activated": always(True),
        "balance": _balance,
        "balanceTransactions": _find_entries,
        "country": always("GB"),
        "defaultCurrency": lambda _, c: c.shop.currency,
        "id": always(gid("ShopifyPaymentsAccount", 1)),
        "payouts": _find_payouts,
    },
    "ShopifyPaymentsPayout": PAYOUT,
    "ShopifyPaymentsPayoutSummary": SUMMARY,
    "ShopifyPaymentsBalanceTransaction": ENTRY,
    "ShopifyPaymentsAssociatedOrder": {"id": lambda o, _: gid("Order", o.id), "name": lambda o, _: o.name},
    "ShopifyPaymentsBalanceTransactionAssociatedPayout": {
        "id": lambda e, _: None if e.payout_id is None else gid("ShopifyPaymentsPayout", e.payout_id),
        "status": _payout_state,
    },
    "TenderTransaction": {
        "amount": _tendered,
        "id": lambda m, _: gid("TenderTransaction", m.transaction.id),
        "order": lambda m, _: m.order,
        "paymentMethod": always("credit_card"),
        "processedAt": lambda m, _: m.transaction.at,
        "remoteReference": lambda m, _: f"{m.order.name.lstrip('#')}.{m.transaction.id}",
        "test": lambda m, _: m.order.is_test,
    },
}
