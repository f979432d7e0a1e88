"""The fields of an order and of what hangs below it, as Shopify shows them.

Belongs here: one resolver per field of Order, LineItem, ShippingLine, MailingAddress and Customer, and the
small shapes that all records share.
Does not belong here: how an order adds up (``world/shop``), transactions, refunds and returns
(``shopify_refunds``), fulfilments (``shopify_fulfilments``), writes (``shopify_writes``).
"""

# ruff: noqa: N803  arguments are named as the vendor names them

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Bag,
    Context,
    Customer,
    Grams,
    Line,
    Money,
    Place,
    Refunded,
    Returned,
    Shipping,
    Sum,
    Tally,
    Tax,
    gid,
)
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops

Fields = dict[str, Callable[..., Any]]
Resolvers = dict[str, Fields]

CANCEL_REASONS = frozenset({"CUSTOMER", "DECLINED", "FRAUD", "INVENTORY", "OTHER", "STAFF"})
COUNTRIES = {"GB": "United Kingdom", "IE": "Ireland", "FR": "France", "DE": "Germany", "US": "United States"}


def connection(
    items: Callable[[Any, Context], Sequence[Any]], identify: Callable[[Any], Any]
) -> Callable[..., Any]:
    """A resolver for a connection over a short list below one record."""

    def resolve(source: Any, context: Context, **arguments: Any) -> search.Page:
        rows = items(source, context)
        if context.is_bulk:
            return search.Page([("", row) for row in rows], has_next=False, has_previous=False)
        arguments.pop("query", None)
        arguments.pop("sortKey", None)
        return search.page_of(rows, identify, **arguments)

    return resolve


def nothing(_source: Any, _context: Context, **_arguments: Any) -> None:
    """A field the sandbox's retailer never fills."""


def empty(_source: Any, _context: Context, **_arguments: Any) -> list[Any]:
    """A list the sandbox's retailer never fills."""
    return []


def always(value: Any) -> Callable[..., Any]:
    """A field that says the same of every record."""
    return lambda _source, _context, **_arguments: value


def gated(scopes: Iterable[str], name: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    """A resolver that needs one of some access scopes."""
    wanted = list(scopes)
    words = " or the ".join(f"`{scope}`" for scope in wanted)
    needed = f"{'the ' if len(wanted) > 1 else ''}{words} access scope."

    def check(source: Any, context: Context, **arguments: Any) -> Any:
        if context.scopes.isdisjoint(wanted):
            raise refusal(
                f"Access denied for {name} field. Required access: {needed}",
                "ACCESS_DENIED",
                documentation="https://shopify.dev/api/usage/access-scopes",
                requiredAccess=needed,
            )
        return resolve(source, context, **arguments)

    return check


def truncated(rows: Sequence[Any], first: int | None) -> Sequence[Any]:
    """A plain list field: cut short, with no cursor to go on from."""
    return rows if first is None else rows[:first]


# --- orders -------------------------------------------------------------------------------------------


def sums(order: model.ShopOrder, context: Context) -> shops.Totals:
    """An order's money, added up once per call."""
    found = context.totals.get(order.id)
    if found is None:
        found = context.totals[order.id] = shops.totals(context.shop, order)
    return found


def _bag(amount: Callable[[shops.Totals], Decimal]) -> Callable[..., Bag]:
    return lambda order, context: Bag(amount(sums(order, context)), order)


def delivery_rate(order: model.ShopOrder) -> Decimal:
    """The tax rate of the delivery: its first line's, as the retailer's shop reckons it."""
    return order.lines[0].tax_rate if order.lines else Decimal(0)


def delivery_refunded(order: model.ShopOrder) -> Decimal:
    """Delivery money given back."""
    return sum((refund.shipping for refund in order.refunds), Decimal(0))


def capturable(order: model.ShopOrder, context: Context) -> Decimal:
    """Money authorised and neither taken nor given up."""
    money = sums(order, context)
    is_void = any(t.kind == "void" and t.status == "success" for t in order.transactions)
    return Decimal(0) if is_void else max(Decimal(0), money.authorised - money.captured)


def return_status(order: model.ShopOrder) -> str:
    """The vendor's ``returnStatus``."""
    states = {each.status for each in order.returns}
    if not states:
        return "NO_RETURN"
    if "requested" in states:
        return "RETURN_REQUESTED"
    return "IN_PROGRESS" if "open" in states else "RETURNED"


def _gateways(order: model.ShopOrder, _context: Context) -> list[str]:
    return list(dict.fromkeys(t.gateway for t in order.transactions))


def _lines(order: model.ShopOrder, _context: Context) -> list[Line]:
    return [Line(order, line) for line in order.lines]


def _shipping(order: model.ShopOrder, _context: Context) -> list[Shipping]:
    return [Shipping(order)] if order.delivery_option else []


def _transactions(order: model.ShopOrder, _context: Context, first: int | None = None) -> list[Money]:
    return [Money(order, t) for t in truncated(order.transactions, first)]


def _refunds(order: model.ShopOrder, _context: Context, first: int | None = None) -> list[Refunded]:
    return [Refunded(order, refund) for refund in truncated(order.refunds, first)]


def _customer(order: model.ShopOrder, context: Context) -> Customer | None:
    return None if order.customer_id is None else context.store.customers().get(order.customer_id)


def _tax_lines(order: model.ShopOrder, context: Context) -> list[Tax]:
    rates: dict[Decimal, Decimal] = {}
    for line in order.lines:
        amount = shops.tax_in(context.shop, shops.line_amount(line, line.quantity), line.tax_rate)
        rates[line.tax_rate] = rates.get(line.tax_rate, Decimal(0)) + amount
    return [Tax(amount, rate, order) for rate, amount in rates.items()]


def _cancel_reason(order: model.ShopOrder, _context: Context) -> str | None:
    reason = order.cancel_reason.upper()
    return None if order.cancelled_at is None else reason if reason in CANCEL_REASONS else "OTHER"


def _number(order: model.ShopOrder, _context: Context) -> int:
    digits = "".join(c for c in order.name if c.isdigit())
    return int(digits) if digits and int(digits) < 2**31 else order.id % 2**31


def _status(order: model.ShopOrder, context: Context) -> str:
    return shops.financial_status(context.shop, order).upper()


def _fulfilments(
    order: model.ShopOrder, context: Context, first: int | None = None, query: str | None = None
) -> Sequence[model.Fulfilment]:
    rows: Sequence[model.Fulfilment] = order.fulfilments
    if query:
        test = search.read(query, {"created_at": "time", "updated_at": "time"}, context.now).test
        rows = [f for f in rows if test({"created_at": f.created_at, "updated_at": f.updated_at})]
    return truncated(rows, first)


ORDER: Fields = {
    "app": always({"id": gid("App", 580111), "name": "Online Store"}),
    "billingAddress": lambda o, _: Place(o, "billing"),
    "shippingAddress": lambda o, _: Place(o, "shipping"),
    "cancelReason": _cancel_reason,
    "cancelledAt": lambda o, _: o.cancelled_at,
    "closed": lambda o, _: o.closed_at is not None,
    "closedAt": lambda o, _: o.closed_at,
    "confirmed": always(True),
    "createdAt": lambda o, _: o.created_at,
    "currencyCode": lambda o, _: o.currency,
    "presentmentCurrencyCode": lambda o, _: o.presentment_currency or o.currency,
    "currentShippingPriceSet": lambda o, _: Bag(o.delivery_price - delivery_refunded(o), o),
    "currentSubtotalLineItemsQuantity": lambda o, _: sum(line.current_quantity for line in o.lines),
    "currentSubtotalPriceSet": _bag(lambda m: m.current_subtotal),
    "currentTotalDiscountsSet": _bag(lambda m: m.discount),
    "currentTotalPriceSet": _bag(lambda m: m.current_total),
    "currentTotalTaxSet": _bag(lambda m: m.current_tax),
    "customAttributes": empty,
    "customer": gated(["read_customers"], "customer", _customer),
    "discountCodes": empty,
    "displayFinancialStatus": _status,
    "displayFulfillmentStatus": lambda o, _: shops.fulfilment_status(o).upper(),
    "edited": lambda o, _: any(
        line.quantity - line.refunded_quantity != line.current_quantity for line in o.lines
    ),
    "email": lambda o, _: o.email or None,
    "fulfillable": lambda o, _: any(
        f.status in ("open", "in_progress") and any(x.remaining for x in f.lines) for f in o.fulfilment_orders
    ),
    "fulfillmentOrders": connection(lambda o, _: o.fulfilment_orders, lambda f: f.id),
    "fulfillments": _fulfilments,
    "fulfillmentsCount": lambda o, _: Tally(len(o.fulfilments)),
    "fullyPaid": lambda o, c: _status(o, c) == "PAID",
    "id": lambda o, _: gid("Order", o.id),
    "legacyResourceId": lambda o, _: o.id,
    "lineItems": connection(_lines, lambda x: x.line.id),
    "name": lambda o, _: o.name,
    "netPaymentSet": _bag(lambda m: m.captured - m.refunded),
    "note": lambda o, _: o.note or None,
    "number": _number,
    "originalTotalPriceSet": _bag(lambda m: m.total),
    "paymentGatewayNames": _gateways,
    "phone": lambda o, _: o.address.phone or None,
    "poNumber": nothing,
    "processedAt": lambda o, _: o.processed_at or o.created_at,
    "refundable": lambda o, c: sums(o, c).captured > sums(o, c).refunded,
    "refunds": _refunds,
    "requiresShipping": lambda o, _: any(line.requires_shipping for line in o.lines),
    "returnStatus": lambda o, _: return_status(o),
    "returns": gated(
        ["read_returns"],
        "returns",
        connection(lambda o, _: [Returned(o, each) for each in o.returns], lambda r: r.back.id),
    ),
    "shippingLine": lambda o, _: Shipping(o) if o.delivery_option else None,
    "shippingLines": connection(_shipping, lambda s: s.order.id),
    "sourceIdentifier": nothing,
    "sourceName": lambda o, _: o.source,
    "subtotalLineItemsQuantity": lambda o, _: sum(line.quantity for line in o.lines),
    "subtotalPriceSet": _bag(lambda m: m.subtotal),
    "tags": lambda o, _: o.tags,
    "taxLines": _tax_lines,
    "taxesIncluded": lambda _, c: c.shop.taxes_included,
    "test": lambda o, _: o.is_test,
    "totalCapturableSet": lambda o, c: Bag(capturable(o, c), o),
    "totalDiscountsSet": _bag(lambda m: m.discount),
    "totalOutstandingSet": _bag(lambda m: m.outstanding),
    "totalPriceSet": _bag(lambda m: m.total),
    "totalReceivedSet": _bag(lambda m: m.captured),
    "totalRefundedSet": _bag(lambda m: m.refunded),
    "totalRefundedShippingSet": lambda o, _: Bag(delivery_refunded(o), o),
    "totalShippingPriceSet": lambda o, _: Bag(o.delivery_price, o),
    "totalTaxSet": _bag(lambda m: m.tax),
    "transactions": _transactions,
    "transactionsCount": lambda o, _: Tally(len(o.transactions)),
    "unpaid": lambda o, c: _status(o, c) not in ("PAID", "PARTIALLY_REFUNDED", "REFUNDED", "VOIDED"),
    "updatedAt": lambda o, _: o.updated_at,
}


# --- lines --------------------------------------------------------------------------------------------


def _per_unit(x: Line) -> Decimal:
    return shops.line_amount(x.line, x.line.quantity) / (x.line.quantity or 1)


def _variant(x: Line, context: Context) -> model.Variant | None:
    return None if x.line.variant_id is None else context.shop.variants.get(x.line.variant_id)


def _product(x: Line, context: Context) -> Any:
    variant = _variant(x, context)
    return None if variant is None else context.store.products().get(variant.product_id)


def _line_tax(x: Line, context: Context, first: int | None = None) -> Sequence[Tax]:
    amount = shops.tax_in(context.shop, shops.line_amount(x.line, x.line.quantity), x.line.tax_rate)
    return truncated([Tax(amount, x.line.tax_rate, x.order, x.line.tax_name)], first)


def _weight(x: Line, context: Context) -> Grams | None:
    variant = _variant(x, context)
    return None if variant is None or variant.weight_grams is None else Grams(variant.weight_grams)


LINE: Fields = {
    "currentQuantity": lambda x, _: x.line.current_quantity,
    "customAttributes": empty,
    "discountAllocations": lambda x, _: [Bag(x.line.discount, x.order)] if x.line.discount else [],
    "discountedTotalSet": lambda x, _: Bag(shops.line_amount(x.line, x.line.quantity), x.order),
    "discountedUnitPriceAfterAllDiscountsSet": lambda x, _: Bag(_per_unit(x), x.order),
    "discountedUnitPriceSet": lambda x, _: Bag(_per_unit(x), x.order),
    "id": lambda x, _: gid("LineItem", x.line.id),
    "isGiftCard": always(False),
    "name": lambda x, _: x.line.title,
    "nonFulfillableQuantity": lambda x, _: 0 if x.line.requires_shipping else x.line.current_quantity,
    "originalTotalSet": lambda x, _: Bag(x.line.unit_price * x.line.quantity, x.order),
    "originalUnitPriceSet": lambda x, _: Bag(x.line.unit_price, x.order),
    "product": _product,
    "quantity": lambda x, _: x.line.quantity,
    "refundableQuantity": lambda x, _: x.line.current_quantity,
    "requiresShipping": lambda x, _: x.line.requires_shipping,
    "restockable": lambda x, c: _variant(x, c) is not None,
    "sku": lambda x, _: x.line.sku or None,
    "taxLines": _line_tax,
    "taxable": lambda x, _: x.line.tax_rate > 0,
    "title": lambda x, _: x.line.title,
    "totalDiscountSet": lambda x, _: Bag(x.line.discount, x.order),
    "unfulfilledDiscountedTotalSet": lambda x, _: Bag(
        shops.line_amount(x.line, x.line.unfulfilled_quantity), x.order
    ),
    "unfulfilledOriginalTotalSet": lambda x, _: Bag(x.line.unit_price * x.line.unfulfilled_quantity, x.order),
    "unfulfilledQuantity": lambda x, _: x.line.unfulfilled_quantity,
    "variant": _variant,
    "variantTitle": nothing,
    "vendor": always("Cogent"),
    "weight": _weight,
}


def _shipping_tax(s: Shipping, context: Context) -> list[Tax]:
    rate = delivery_rate(s.order)
    amount = shops.tax_in(context.shop, s.order.delivery_price, rate)
    return [Tax(amount, rate, s.order)]


SHIPPING: Fields = {
    "code": lambda s, _: s.order.delivery_option,
    "currentDiscountedPriceSet": lambda s, _: Bag(
        s.order.delivery_price - delivery_refunded(s.order), s.order
    ),
    "custom": always(False),
    "discountAllocations": empty,
    "discountedPriceSet": lambda s, _: Bag(s.order.delivery_price, s.order),
    "id": lambda s, _: gid("ShippingLine", s.order.id),
    "isRemoved": always(False),
    "originalPriceSet": lambda s, _: Bag(s.order.delivery_price, s.order),
    "source": always("shopify"),
    "taxLines": _shipping_tax,
    "title": lambda s, _: s.order.delivery_option,
}


def _formatted(p: Place, _context: Context, withCompany: bool = True, withName: bool = False) -> list[str]:
    a = p.order.address
    name = f"{a.first_name} {a.last_name}".strip() if withName else ""
    lines = [name, a.company if withCompany else "", a.line1, a.line2, f"{a.city} {a.postcode}".strip()]
    return [line for line in [*lines, COUNTRIES.get(a.country_code, a.country_code)] if line]


ADDRESS: Fields = {
    "address1": lambda p, _: p.order.address.line1 or None,
    "address2": lambda p, _: p.order.address.line2 or None,
    "city": lambda p, _: p.order.address.city or None,
    "company": lambda p, _: p.order.address.company or None,
    "country": lambda p, _: COUNTRIES.get(p.order.address.country_code, p.order.address.country_code),
    "countryCodeV2": lambda p, _: p.order.address.country_code or None,
    "firstName": lambda p, _: p.order.address.first_name or None,
    "formatted": _formatted,
    "id": lambda p, _: f"{gid('MailingAddress', p.order.id)}?model_name=Address",
    "lastName": lambda p, _: p.order.address.last_name or None,
    "name": lambda p, _: f"{p.order.address.first_name} {p.order.address.last_name}".strip() or None,
    "phone": lambda p, _: p.order.address.phone or None,
    "province": lambda p, _: p.order.address.region or None,
    "provinceCode": nothing,
    "zip": lambda p, _: p.order.address.postcode or None,
}

CUSTOMER: Fields = {
    "createdAt": lambda u, _: u.orders[0].created_at,
    "defaultEmailAddress": lambda u, _: u.orders[-1].email or None,
    "displayName": lambda u, _: f"{u.orders[-1].address.first_name} {u.orders[-1].address.last_name}".strip(),
    "firstName": lambda u, _: u.orders[-1].address.first_name or None,
    "id": lambda u, _: gid("Customer", u.id),
    "lastName": lambda u, _: u.orders[-1].address.last_name or None,
    "legacyResourceId": lambda u, _: u.id,
    "locale": always("en-GB"),
    "note": nothing,
    "numberOfOrders": lambda u, _: len(u.orders),
    "state": always("DISABLED"),
    "tags": empty,
    "taxExempt": always(False),
    "updatedAt": lambda u, _: u.orders[-1].created_at,
    "verifiedEmail": always(True),
}


# --- small shared shapes ------------------------------------------------------------------------------


def _presented(b: Bag, _context: Context) -> Sum:
    order = b.order
    if not order.presentment_currency or order.presentment_currency == order.currency:
        return Sum(b.amount, order.currency)
    return Sum((b.amount * order.presentment_rate).quantize(Decimal("0.01")), order.presentment_currency)


RESOLVERS: Resolvers = {
    "Order": ORDER,
    "OrderApp": {"id": lambda a, _: a["id"], "name": lambda a, _: a["name"]},
    "LineItem": LINE,
    "ShippingLine": SHIPPING,
    "MailingAddress": ADDRESS,
    "Customer": CUSTOMER,
    "CustomerEmailAddress": {"emailAddress": lambda e, _: e, "validFormat": lambda e, _: "@" in e},
    "MoneyBag": {
        "shopMoney": lambda b, _: Sum(b.amount, b.order.currency),
        "presentmentMoney": _presented,
    },
    "MoneyV2": {"amount": lambda s, _: s.amount, "currencyCode": lambda s, _: s.currency},
    "TaxLine": {
        "channelLiable": always(False),
        "priceSet": lambda t, _: Bag(t.amount, t.order),
        "rate": lambda t, _: float(t.rate),
        "ratePercentage": lambda t, _: float(t.rate * 100),
        "source": always("shopify"),
        "title": lambda t, _: t.name or ("VAT" if t.rate else "Zero rate"),
    },
    "DiscountAllocation": {"allocatedAmountSet": lambda b, _: b},
    "Attribute": {"key": lambda a, _: a[0], "value": lambda a, _: a[1]},
    "Count": {
        "count": lambda n, _: n.number,
        "precision": lambda n, _: "EXACT" if n.is_exact else "AT_LEAST",
    },
    "PageInfo": {
        "endCursor": lambda p, _: p.edges[-1][0] if p.edges else None,
        "hasNextPage": lambda p, _: p.has_next,
        "hasPreviousPage": lambda p, _: p.has_previous,
        "startCursor": lambda p, _: p.edges[0][0] if p.edges else None,
    },
    "UserError": {"field": lambda e, _: e.field, "message": lambda e, _: e.message},
}
