"""Shopify's root fields, and the schema put together from every file of resolvers.

Belongs here: QueryRoot and Mutation, reading a record by its id, the indexes, and faults that change what a
list shows.
Does not belong here: the fields of any record (its own file), HTTP (``shopify``).
"""

# ruff: noqa: A002, N803  arguments are named as the vendor names them

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphql import GraphQLEnumType, GraphQLError, GraphQLSchema, get_named_type

from cogent_pipelines.sandbox.vendors import (
    shopify_bulk,
    shopify_edits,
    shopify_fulfilments,
    shopify_orders,
    shopify_payments,
    shopify_refunds,
    shopify_stock,
    shopify_stock_writes,
    shopify_writes,
)
from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_graphql import read_schema, refusal, schema_types
from cogent_pipelines.sandbox.vendors.shopify_orders import Resolvers, always, gated
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Context,
    Customer,
    Item,
    Job,
    Refunded,
    Returned,
    Store,
    Tally,
    UserError,
    gid,
    level_key,
    number_of,
    split_gid,
    typename,
)
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# oldest supported first; that 2026-10 is stable by now is INFERRED
VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10", "unstable")
# what the app was granted; which scope each field needs is INFERRED but for those with a recorded refusal
SCOPES = (
    "read_orders", "read_all_orders", "write_orders", "write_order_edits", "read_products", "read_inventory",
    "write_inventory", "read_locations", "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders", "write_third_party_fulfillment_orders", "write_fulfillments",
    "read_returns", "read_shopify_payments", "read_shopify_payments_payouts", "read_customers",
)  # fmt: skip
LARGEST_ARRAY = 250
LONGER_ARRAYS = {"fulfillmentOrderLineItems": shopify_writes.MOST_LINES}
RECENT = timedelta(days=60)  # all that is seen of orders without read_all_orders


# --- orders and customers, searched -------------------------------------------------------------------

ORDER_FIELDS = {
    "id": "number", "created_at": "time", "updated_at": "time", "processed_at": "time", "name": "text",
    "status": "text", "financial_status": "text", "fulfillment_status": "text", "return_status": "text",
    "tag": "text", "email": "text", "sku": "text", "source_name": "text", "test": "flag",
    "customer_id": "number",
    "gateway": "text", "po_number": "text", "source_identifier": "text",
}  # fmt: skip
ORDER_SORT = {
    "UPDATED_AT": "updated_at", "CREATED_AT": "created_at", "PROCESSED_AT": "processed_at", "ID": "id",
    "ORDER_NUMBER": "id",
}  # fmt: skip
FULFILMENT_WORDS = {
    "unfulfilled": ["unfulfilled", "unshipped"],
    "partially_fulfilled": ["partial"],
    "fulfilled": ["fulfilled", "shipped"],
}


def _states(order: model.ShopOrder) -> list[str]:
    if order.cancelled_at is not None:
        return ["cancelled", "closed"] if order.closed_at else ["cancelled", "not_closed"]
    return ["closed"] if order.closed_at else ["open", "not_closed"]


def describe_order(shop: model.Shop, order: model.ShopOrder) -> dict[str, Any]:
    """What a search can find an order by."""
    shipped = shops.fulfilment_status(order)
    return {
        "id": order.id,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "processed_at": order.processed_at or order.created_at,
        "name": order.name,
        "status": _states(order),
        "financial_status": shops.financial_status(shop, order),
        "fulfillment_status": FULFILMENT_WORDS.get(shipped, [shipped]),
        "return_status": shopify_orders.return_status(order).lower(),
        "tag": tuple(order.tags),
        "email": order.email,
        "sku": [line.sku for line in order.lines],
        "source_name": order.source,
        "test": order.is_test,
        "customer_id": order.customer_id,
        "gateway": [t.gateway for t in order.transactions],
        "default": f"{order.name} {order.email} {order.address.first_name} {order.address.last_name}",
    }


def _find_orders(
    _root: Any,
    context: Context,
    *,
    query: str | None = None,
    sortKey: str | None = "PROCESSED_AT",
    **arguments: Any,
) -> search.Page:
    read = search.read(query or "", ORDER_FIELDS, context.now)
    context.note_unknown("orders", query, read)
    index = context.store.index("orders")
    sort = ORDER_SORT.get(sortKey or "", "id")
    return index.search(read, sort, only=_seen(context), is_whole=context.is_bulk, **search.places(arguments))


def _seen(context: Context) -> Callable[[search.Doc], bool] | None:
    if "read_all_orders" in context.scopes:
        return None
    since = context.now - RECENT
    return lambda doc: bool(doc["created_at"] >= since)


MOST_COUNTED = 25_001


def _count_orders(
    _root: Any, context: Context, query: str | None = None, limit: int | None = 10_000
) -> Tally:
    read = search.read(query or "", ORDER_FIELDS, context.now)
    context.note_unknown("ordersCount", query, read)
    found = context.store.index("orders").count(read) + (context.fault == "count_disagrees")
    most = min(MOST_COUNTED, limit if limit is not None else MOST_COUNTED)
    return Tally(min(found, most), is_exact=found <= most and found < MOST_COUNTED)


CUSTOMER_FIELDS = {"id": "number", "updated_at": "day", "created_at": "day", "email": "text", "tag": "text"}
CUSTOMER_SORT = {"UPDATED_AT": "updated_at", "CREATED_AT": "created_at", "NAME": "name"}


def describe_customer(customer: Customer) -> dict[str, Any]:
    """What a search can find a customer by."""
    last = customer.orders[-1]
    name = f"{last.address.last_name}, {last.address.first_name}"
    return {
        "id": customer.id,
        "updated_at": last.created_at,
        "created_at": customer.orders[0].created_at,
        "email": last.email,
        "name": name,
        "default": f"{name} {last.email}",
    }


def _find_customers(
    _root: Any, context: Context, *, query: str | None = None, sortKey: str | None = None, **arguments: Any
) -> search.Page:
    read = search.read(query or "", CUSTOMER_FIELDS, context.now)
    context.note_unknown("customers", query, read)
    sort = CUSTOMER_SORT.get(sortKey or "", "id")
    return context.store.index("customers").search(
        read, sort, is_whole=context.is_bulk, **search.places(arguments)
    )


def open_indexes(store: Store) -> None:
    """Give an account its indexes; each is filled when first asked."""
    shop = store.shop

    def entry_moved(entry: model.PayoutEntry) -> datetime:
        payout = shop.payouts.get(entry.payout_id or 0)
        return payout.issued_at if payout else entry.at

    def entry_state(entry: model.PayoutEntry) -> object:
        payout = shop.payouts.get(entry.payout_id or 0)
        return (entry.payout_id, payout.status if payout else None)

    store.indexes = {
        "orders": search.Index(
            lambda: shop.orders,
            lambda o: o.updated_at,
            lambda o: describe_order(shop, o),
            shop.order_log.since,
            born=lambda o: o.created_at,
        ),
        "fulfilment_orders": search.Index(
            lambda: shop.fulfilment_orders,
            lambda f: f.updated_at,
            shopify_fulfilments.describe_fulfilment_order,
            shop.fulfilment_order_log.since,
            born=lambda f: f.created_at,
        ),
        "levels": search.Index(
            lambda: shop.levels, lambda x: x.updated_at, shopify_stock.describe_level, shop.level_log.since
        ),
        "variants": search.Index(
            lambda: shop.variants,
            lambda v: v.updated_at,
            shopify_stock.describe_variant,
            shop.variant_log.since,
        ),
        "items": search.Index(
            lambda: shop.variants,
            lambda v: v.updated_at,
            lambda v: {**shopify_stock.describe_variant(v), "id": v.inventory_item_id},
            shop.variant_log.since,
        ),
        "products": search.Index(
            store.products, lambda p: max(v.updated_at for v in p.variants), shopify_stock.describe_product
        ),
        "customers": search.Index(store.customers, lambda u: u.orders[-1].created_at, describe_customer),
        "payouts": search.Index(
            lambda: shop.payouts,
            lambda p: p.issued_at,
            shopify_payments.describe_payout,
            state=lambda p: (p.status, p.net),
        ),
        "entries": search.Index(
            lambda: {number: entry for number, entry in shop.entries.items() if entry.is_listed},
            entry_moved,
            lambda e: shopify_payments.describe_entry(e, shop.payouts.get(e.payout_id or 0), shop.currency),
            state=entry_state,
        ),
    }


# --- records by id ------------------------------------------------------------------------------------


def _refund(shop: model.Shop, number: int) -> Refunded | None:
    found = ((o, r) for o in shop.orders.values() for r in o.refunds if r.id == number)
    return next((Refunded(o, r) for o, r in found), None)


def _return(shop: model.Shop, number: int) -> Returned | None:
    found = ((o, r) for o in shop.orders.values() for r in o.returns if r.id == number)
    return next((Returned(o, r) for o, r in found), None)


def _item(context: Context, number: int) -> Item | None:
    variant = context.store.variant_of_item(number)
    return None if variant is None else Item(variant)


READ: Mapping[str, Callable[[Context, int], Any]] = {
    "Order": lambda c, n: c.shop.orders.get(n),
    "FulfillmentOrder": lambda c, n: c.shop.fulfilment_orders.get(n),
    "Fulfillment": lambda c, n: c.shop.fulfilments.get(n),
    "Product": lambda c, n: c.store.products().get(n),
    "ProductVariant": lambda c, n: c.shop.variants.get(n),
    "InventoryItem": _item,
    "Location": lambda c, n: c.shop.locations.get(n),
    "Customer": lambda c, n: c.store.customers().get(n),
    "Refund": lambda c, n: _refund(c.shop, n),
    "Return": lambda c, n: _return(c.shop, n),
    "ShopifyPaymentsPayout": lambda c, n: c.shop.payouts.get(n),
    "ShopifyPaymentsBalanceTransaction": lambda c, n: c.shop.entries.get(n),
    "BulkOperation": lambda c, n: c.store.bulks.get(n),
    "InventoryAdjustmentGroup": lambda c, n: c.store.groups.get(n),
}
ORDERS = ["read_orders"]
NEEDED: Mapping[str, list[str]] = {
    "Order": ORDERS, "Fulfillment": ORDERS, "Refund": ORDERS, "Return": ["read_returns"],
    "FulfillmentOrder": list(shopify_fulfilments.READ_SCOPES), "Product": ["read_products"],
    "ProductVariant": ["read_products"], "InventoryItem": ["read_inventory"],
    "InventoryLevel": ["read_inventory"],
    "Location": ["read_locations"], "Customer": ["read_customers"],
    "ShopifyPaymentsPayout": ["read_shopify_payments", "read_shopify_payments_accounts"],
    "ShopifyPaymentsBalanceTransaction": ["read_shopify_payments", "read_shopify_payments_accounts"],
}  # fmt: skip


def read_record(context: Context, text: str) -> Any:
    """A record by its global id, whatever its kind; absent ones are null, unknown kinds refused."""
    kind, number = split_gid(text)
    if kind == "InventoryLevel":
        return context.shop.levels.get(level_key(text))
    if kind not in READ or not number.isdigit():
        raise refusal(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    return READ[kind](context, int(number))


def _node(_root: Any, context: Context, id: str) -> Any:
    needed = NEEDED.get(split_gid(id)[0])
    if needed and context.scopes.isdisjoint(needed):
        return gated(needed, "node", always(None))(_root, context)
    return read_record(context, id)


def _nodes(_root: Any, context: Context, ids: list[str]) -> list[Any]:
    check_sizes(context, ids, ["nodes", "ids"])
    return [_node(_root, context, each) for each in ids]


def _one(kind: str, name: str) -> Callable[..., Any]:
    def read(_root: Any, context: Context, id: str) -> Any:
        if context.fault == "not_found_yet":
            return None
        return READ[kind](context, number_of(kind, id))

    return gated(NEEDED[kind], name, read) if kind in NEEDED else read


def _level(_root: Any, context: Context, id: str) -> model.Level | None:
    return context.shop.levels.get(level_key(id))


def _location(_root: Any, context: Context, id: str | None = None) -> model.Location | None:
    if id is None:
        return next(iter(context.shop.locations.values()), None)
    return context.shop.locations.get(number_of("Location", id))


def _job(_root: Any, context: Context, id: str) -> Job | None:
    return context.store.jobs.get(id)


# --- lists, as a bad day shows them -------------------------------------------------------------------


def listed(find: Callable[..., Any]) -> Callable[..., Any]:
    """A root list on which the faults of a list can be played."""

    def resolve(root: Any, context: Context, **arguments: Any) -> Any:
        page: search.Page = find(root, context, **arguments)
        edges = list(page.edges)
        if context.fault == "empty_list":
            return search.Page([], has_next=False, has_previous=False)
        if context.fault == "record_missing_from_list" and len(edges) > 1:
            del edges[len(edges) // 2]
        if context.fault in ("duplicate_across_pages", "page_drift") and page.has_next and len(edges) > 1:
            edges[-1] = (edges[-2][0], edges[-1][1])  # the next page begins with this page's last record
        return page._replace(edges=edges)

    return resolve


QUERIES: dict[str, Callable[..., Any]] = {
    "bulkOperation": _one("BulkOperation", "bulkOperation"),
    "bulkOperations": listed(shopify_bulk.find_bulks),
    "currentAppInstallation": always({"id": gid("AppInstallation", 1)}),
    "customer": _one("Customer", "customer"),
    "customers": gated(["read_customers"], "customers", listed(_find_customers)),
    "fulfillment": _one("Fulfillment", "fulfillment"),
    "fulfillmentOrder": _one("FulfillmentOrder", "fulfillmentOrder"),
    "fulfillmentOrders": listed(shopify_fulfilments.FIND),
    "inventoryItem": _one("InventoryItem", "inventoryItem"),
    "inventoryItems": gated(
        ["read_inventory"], "inventoryItems", listed(shopify_stock.FIND["inventoryItems"])
    ),
    "inventoryLevel": gated(["read_inventory"], "inventoryLevel", _level),
    "job": _job,
    "location": gated(["read_locations"], "location", _location),
    "locations": gated(["read_locations"], "locations", listed(shopify_stock.find_locations)),
    "node": _node,
    "nodes": _nodes,
    "order": _one("Order", "order"),
    "orders": gated(ORDERS, "orders", listed(_find_orders)),
    "ordersCount": gated(ORDERS, "ordersCount", _count_orders),
    "product": _one("Product", "product"),
    "products": gated(["read_products"], "products", listed(shopify_stock.FIND["products"])),
    "productVariant": _one("ProductVariant", "productVariant"),
    "productVariants": gated(
        ["read_products"], "productVariants", listed(shopify_stock.FIND["productVariants"])
    ),
    "publicApiVersions": always(VERSIONS),
    "refund": _one("Refund", "refund"),
    "return": _one("Return", "return"),
    "shop": lambda _root, context: context.shop,
    "shopifyPaymentsAccount": gated(
        ["read_shopify_payments", "read_shopify_payments_accounts"],
        "shopifyPaymentsAccount",
        lambda _root, context: context.shop,
    ),
    "tenderTransactions": gated(ORDERS, "tenderTransactions", listed(shopify_payments.find_tenders)),
}

REFUND = shopify_stock_writes.idempotent("refundCreate", "refund", shopify_writes.create_refund)
MUTATIONS: dict[str, Callable[..., Any]] = {
    **shopify_writes.MUTATIONS,
    **shopify_edits.MUTATIONS,
    **shopify_stock_writes.MUTATIONS,
    **shopify_bulk.MUTATIONS,
    "refundCreate": gated(["write_orders"], "refundCreate", REFUND),
}
REFUSED = "This operation can't be completed right now."  # what a planted refusal says
SUBJECTS = {"orderCancel": "orderCancelUserErrors"}


def check_sizes(context: Context, given: Any, path: list[str]) -> None:
    """Refuse a list longer than the vendor takes."""
    if isinstance(given, list):
        most = LONGER_ARRAYS.get(path[-1], LARGEST_ARRAY)
        if len(given) > most:
            message = f"The input array size of {len(given)} is greater than the maximum allowed of {most}."
            raise GraphQLError(
                message,
                nodes=context.info.field_nodes if context.info else None,
                path=path,
                extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"},
            )
        for each in given:
            check_sizes(context, each, path)
    elif isinstance(given, dict):
        for name, value in given.items():
            check_sizes(context, value, [*path, name])


def _written(name: str, mutate: Callable[..., Any]) -> Callable[..., Any]:
    """A mutation on which a planted refusal can be played."""

    def resolve(root: Any, context: Context, **arguments: Any) -> Any:
        context.totals.clear()
        check_sizes(context, arguments, [name])
        if context.fault == "refused":
            return _refused(context, SUBJECTS.get(name, "userErrors"))
        return mutate(root, context, **arguments)

    return resolve


def _refused(context: Context, subject: str) -> dict[str, Any]:
    """A planted refusal; its code is one that the mutation's own errors know."""
    payload: Any = get_named_type(context.info.return_type) if context.info else None
    if payload is None:
        raise GraphQLError(REFUSED)
    error: Any = get_named_type(payload.fields[subject].type)
    code = get_named_type(error.fields["code"].type) if "code" in error.fields else None
    is_known = isinstance(code, GraphQLEnumType) and "INVALID" in code.values
    return {subject: [UserError(None, REFUSED, "INVALID" if is_known else None)]}


SMALL: Resolvers = {
    "Shop": {
        "contactEmail": always("shop@example.com"),
        "createdAt": lambda s, c: min((v.created_at for v in s.variants.values()), default=c.now),
        "currencyCode": lambda s, _: s.currency,
        "email": always("shop@example.com"),
        "ianaTimezone": always("Europe/London"),
        "id": always(gid("Shop", 1)),
        "myshopifyDomain": lambda s, _: f"{s.system.replace('_', '-')}.myshopify.com",
        "name": lambda s, _: s.system,
        "plan": always({"partnerDevelopment": False, "publicDisplayName": "Basic", "shopifyPlus": False}),
        "taxShipping": always(True),
        "taxesIncluded": lambda s, _: s.taxes_included,
        "updatedAt": lambda _, c: c.now,
        "url": lambda _, c: c.host,
        "weightUnit": always("GRAMS"),
    },
    "ShopPlan": {
        name: (lambda plan, _, name=name: plan[name])
        for name in ("partnerDevelopment", "publicDisplayName", "shopifyPlus")
    },
    "AppInstallation": {"accessScopes": lambda _, c: sorted(c.scopes), "id": lambda a, _: a["id"]},
    "AccessScope": {"description": lambda s, _: s.replace("_", " "), "handle": lambda s, _: s},
    "ApiVersion": {"displayName": lambda v, _: v, "handle": lambda v, _: v, "supported": always(True)},
    "Job": {"done": lambda j, _: j.is_done, "id": lambda j, _: j.id},
    "InventoryAdjustmentGroup": {
        "changes": lambda g, _, **wanted: [change for change in g.changes if _is_wanted(change, wanted)],
        "createdAt": lambda g, _: g.at,
        "id": lambda g, _: gid("InventoryAdjustmentGroup", g.id),
        "reason": lambda g, _: g.reason,
        "referenceDocumentUri": lambda g, _: g.document,
    },
    "InventoryChange": {
        "delta": lambda x, _: x.delta,
        "item": lambda x, c: _item(c, x.level.inventory_item_id),
        "ledgerDocumentUri": lambda x, _: x.document,
        "location": lambda x, c: c.shop.locations.get(x.level.location_id),
        "name": lambda x, _: x.name,
        "quantityAfterChange": always(None),  # as recorded
    },
}


def _is_wanted(change: Any, wanted: dict[str, Any]) -> bool:
    items, places, names = (wanted.get(key) for key in ("inventoryItemIds", "locationIds", "quantityNames"))
    return (
        (not items or gid("InventoryItem", change.level.inventory_item_id) in items)
        and (not places or gid("Location", change.level.location_id) in places)
        and (not names or change.name in names)
    )


def _by_shape(name: str, fields: list[str]) -> dict[str, Callable[..., Any]]:
    """Resolvers for the vendor's regular shapes: connections, edges, payloads and their errors."""
    if name.endswith("Connection"):
        return {
            "nodes": lambda page, _: [node for _, node in page.edges],
            "edges": lambda page, _: page.edges,
            "pageInfo": lambda page, _: page,
        }
    if name.endswith("Edge"):
        return {"cursor": lambda edge, _: edge[0], "node": lambda edge, _: edge[1]}
    if name.endswith("Payload"):
        return {field: _payload_field(field) for field in fields}
    if name.endswith("UserError"):
        return {
            "field": lambda error, _: error.field,
            "message": lambda error, _: error.message,
            "code": lambda error, _: error.code,
        }
    return {}


def _payload_field(name: str) -> Callable[..., Any]:
    default: Any = [] if name.lower().endswith("usererrors") else None
    return lambda payload, _: payload.get(name, default)


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The schema every account of the sandbox serves."""
    resolvers: Resolvers = {
        "QueryRoot": QUERIES,
        "Mutation": {name: _written(name, mutate) for name, mutate in MUTATIONS.items()},
        **SMALL,
    }
    for part in (
        shopify_orders,
        shopify_refunds,
        shopify_fulfilments,
        shopify_stock,
        shopify_payments,
        shopify_bulk,
        shopify_edits,
    ):
        resolvers.update(part.RESOLVERS)
    for name, fields in schema_types().items():
        shaped = _by_shape(name, fields)
        if shaped:
            resolvers[name] = shaped
    return read_schema(resolvers, typename)
