"""What the Shopify tests share: recorded answers, records to vary, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Shopify.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import graphql
import pytest
from graphql.execution.values import get_variable_values

from cogent_pipelines.connect.spec import Answer, System, Want
from cogent_pipelines.sandbox.vendors.shopify_roots import REFUSED
from cogent_pipelines.sandbox.vendors.shopify_state import level_gid
from cogent_pipelines.sandbox.world.model import Shop, ShopOrder
from cogent_pipelines_tests.vendors.payouts_kit import Provider
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.staging_kit import READ_AT
from cogent_pipelines_tests.vendors.vendor_kit import Case, Contract, Exchange, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import releasing, row, sold, times_told, want

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FIXTURES = SHARED / "fixtures" / "shopify"
SPECS = SHARED / "vendors" / "specs"
SYSTEM = System("web_uk", "shopify", "https://web-uk.myshopify.com", {"client_id": "X", "client_secret": "Y"})
DAY = "2026-11-02"


def fixture(name: str) -> Any:
    """A recorded answer, decoded; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of recorded answers is not beside the project")
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def schema() -> graphql.GraphQLSchema:
    """The vendor's own schema; skips where the shared folder is absent."""
    path = SPECS / "shopify.graphql"
    if not path.exists():
        pytest.skip("no shopify.graphql: the shared folder of vendors' schemas is not beside the project")
    return graphql.build_schema(path.read_text(encoding="utf-8"))


def answer(body: Any, **headers: str) -> Answer:
    """``body`` as an answer with status 200."""
    return Answer(200, headers, json.dumps(body).encode(), READ_AT)


def gid(kind: str, number: Any) -> str:
    """An id as the vendor writes it."""
    return f"gid://shopify/{kind}/{number}"


def money(amount: str, currency: str = "GBP") -> dict[str, Any]:
    """An amount in the shop's currency."""
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


def nodes(*records: Any) -> dict[str, Any]:
    """A connection that ends here."""
    return {"nodes": list(records), "pageInfo": {"hasNextPage": False, "endCursor": None}}


def line(
    number: int = 9001, sku: str | None = "TEE-M", qty: int = 2, price: str = "22.5", **more: Any
) -> dict[str, Any]:
    """A line of an order."""
    return {
        "id": gid("LineItem", number),
        "sku": sku,
        "name": "Tee - M",
        "quantity": qty,
        "currentQuantity": qty,
        "requiresShipping": True,
        "isGiftCard": False,
        "originalUnitPriceSet": money(price),
        "discountAllocations": [],
        "taxLines": [{"title": "GB VAT", "rate": 0.2, "priceSet": money("7.5")}],
        "variant": {"id": gid("ProductVariant", 501)},
        **more,
    }


def transaction(
    kind: str = "SALE", amount: str = "54.0", at: str = f"{DAY}T09:01:00Z", **more: Any
) -> dict[str, Any]:
    """A successful movement of money."""
    return {
        "id": gid("OrderTransaction", 7001),
        "kind": kind,
        "status": "SUCCESS",
        "gateway": "shopify_payments",
        "paymentId": "pay_1",
        "test": False,
        "createdAt": at,
        "processedAt": at,
        "settlementCurrency": "GBP",
        "settlementCurrencyRate": None,
        "amountSet": money(amount),
        "fees": [],
        "parentTransaction": None,
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """A paid order of 2 tees as Shopify answers, nothing sent; ``more`` replaces its fields."""
    plain = {
        "id": gid("Order", 5500001),
        "name": "#1001",
        "createdAt": f"{DAY}T09:00:00Z",
        "processedAt": f"{DAY}T09:00:00Z",
        "updatedAt": f"{DAY}T09:14:05Z",
        "closedAt": None,
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "sourceName": "web",
        "note": None,
        "tags": ["vip"],
        "email": "ann@example.test",
        "currencyCode": "GBP",
        "presentmentCurrencyCode": "EUR",
        "taxesIncluded": True,
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "returnStatus": "NO_RETURN",
        "totalPriceSet": {**money("54.0"), "presentmentMoney": {"amount": "63.2", "currencyCode": "EUR"}},
        "currentTotalPriceSet": money("54.0"),
        "subtotalPriceSet": money("45.0"),
        "totalTaxSet": money("9.0"),
        "totalShippingPriceSet": money("9.0"),
        "totalDiscountsSet": money("0.0"),
        "totalRefundedSet": money("0.0"),
        "totalOutstandingSet": money("0.0"),
        "customAttributes": [],
        "customer": {"id": gid("Customer", 31)},
        "shippingAddress": {
            "name": "Ann Lee",
            "firstName": "Ann",
            "lastName": "Lee",
            "company": "",
            "address1": "1 High St",
            "address2": None,
            "city": "Leeds",
            "province": "England",
            "zip": "LS1 1AA",
            "countryCodeV2": "GB",
            "phone": "0113",
        },
        "shippingLines": nodes(
            {
                "id": gid("ShippingLine", 41),
                "title": "Standard Delivery",
                "code": "STD",
                "source": "shopify",
                "originalPriceSet": money("9.0"),
                "discountedPriceSet": money("9.0"),
                "taxLines": [],
            }
        ),
        "lineItems": nodes(line()),
        "transactions": [transaction()],
        "refunds": [],
        "fulfillments": [],
    }
    return {**copy.deepcopy(plain), **more}


def fulfilment(
    number: int = 3001, *lines: tuple[int, int], numbers: tuple[str, ...] = ("AB1",), **more: Any
) -> dict[str, Any]:
    """A fulfilment of (order line, units); of the tees above if none are given."""
    items = lines or ((9001, 2),)
    return {
        "id": gid("Fulfillment", number),
        "name": "#1001-F1",
        "status": "SUCCESS",
        "displayStatus": "FULFILLED",
        "createdAt": f"{DAY}T15:00:00Z",
        "updatedAt": f"{DAY}T15:00:00Z",
        "inTransitAt": None,
        "deliveredAt": None,
        "totalQuantity": sum(units for _, units in items),
        "trackingInfo": [
            {"company": "DPD", "number": n, "url": f"https://t.example.test/{n}"} for n in numbers
        ],
        "location": {"id": gid("Location", 1001)},
        "fulfillmentLineItems": nodes(
            *(
                {
                    "id": gid("FulfillmentLineItem", number * 10 + i),
                    "quantity": units,
                    "lineItem": {"id": gid("LineItem", item), "sku": "TEE-M"},
                }
                for i, (item, units) in enumerate(items)
            )
        ),
        **more,
    }


def refund(*lines: tuple[int, int, str], total: str = "22.5", **more: Any) -> dict[str, Any]:
    """A refund of (order line, units, subtotal)."""
    return {
        "id": gid("Refund", 8001),
        "createdAt": f"{DAY}T18:00:00Z",
        "processedAt": f"{DAY}T18:00:00Z",
        "updatedAt": f"{DAY}T18:00:00Z",
        "note": None,
        "totalRefundedSet": money(total),
        "return": None,
        "refundLineItems": nodes(
            *(
                {
                    "id": gid("RefundLineItem", 81 + i),
                    "quantity": units,
                    "restockType": "RETURN",
                    "subtotalSet": money(subtotal),
                    "totalTaxSet": money("3.75"),
                    "location": {"id": gid("Location", 1001)},
                    "lineItem": {"id": gid("LineItem", item), "sku": "TEE-M"},
                }
                for i, (item, units, subtotal) in enumerate(lines)
            )
        ),
        "orderAdjustments": nodes(),
        "refundShippingLines": nodes(),
        **more,
    }


def fulfilment_order(
    number: int = 6001, *lines: tuple[int, int, int], status: str = "OPEN", **more: Any
) -> dict[str, Any]:
    """A fulfilment order of (its line, order line, units left)."""
    return {
        "id": gid("FulfillmentOrder", number),
        "orderId": gid("Order", 5500001),
        "orderName": "#1001",
        "status": status,
        "requestStatus": "UNSUBMITTED",
        "createdAt": f"{DAY}T09:00:01Z",
        "updatedAt": f"{DAY}T09:00:01Z",
        "fulfillAt": None,
        "fulfillBy": None,
        "assignedLocation": {"name": "Leeds", "location": {"id": gid("Location", 1001)}},
        "fulfillmentHolds": [],
        "lineItems": nodes(
            *(
                {
                    "id": gid("FulfillmentOrderLineItem", own),
                    "sku": "TEE-M",
                    "totalQuantity": 2,
                    "remainingQuantity": left,
                    "inventoryItemId": gid("InventoryItem", 48),
                    "lineItem": {"id": gid("LineItem", item)},
                }
                for own, item, left in (lines or ((6101, 9001, 2),))
            )
        ),
        **more,
    }


def level(available: int = 7, location: int = 1001, item: int = 48, **more: Any) -> dict[str, Any]:
    """A level of the tees."""
    return {
        "id": gid("InventoryLevel", f"{location}9?inventory_item_id={item}"),
        "isActive": True,
        "createdAt": f"{DAY}T08:00:00Z",
        "updatedAt": f"{DAY}T08:30:00Z",
        "quantities": [
            {"name": "available", "quantity": available, "updatedAt": f"{DAY}T08:30:00Z"},
            {"name": "on_hand", "quantity": available + 2, "updatedAt": None},
            {"name": "committed", "quantity": 2, "updatedAt": None},
            {"name": "incoming", "quantity": 0, "updatedAt": None},
            {"name": "reserved", "quantity": 0, "updatedAt": None},
        ],
        "item": {"id": gid("InventoryItem", item), "sku": "TEE-M"},
        "location": {"id": gid("Location", location)},
        **more,
    }


def parcel(**more: Any) -> Want:
    """A row of ``wanted.shipments_to_channel`` for the order above; ``more`` replaces its fields."""
    fields = {
        "shipment_id": "4401",
        "order_id": "5500001",
        "location_id": "1001",
        "carrier": "DPD",
        "tracking_numbers": ["AB1"],
        "tracking_urls": ["https://t.example.test/AB1"],
        "notify": True,
        "despatched_at": datetime(2026, 11, 2, 14, tzinfo=UTC),
        "fulfilment_id": None,
        "part": 1,
        "lines": [fo_line()],
    }
    act = more.pop("act", "fulfil")
    return Want("shipments_to_channel", act, "wms_uk:4401", "#1001", {**fields, **more})


def fo_line(
    number: int = 6101, item: int = 9001, qty: int = 2, order: int = 6001, sku: str = "TEE-M"
) -> dict[str, Any]:
    """A line of a parcel."""
    return {
        "fulfilment_order_id": str(order),
        "fulfilment_order_line_id": str(number),
        "order_line_key": f"web_uk:{item}",
        "sku": sku,
        "qty": qty,
    }


def stock(
    quantity: int = 5,
    first: int | None = 7,
    location: int = 1001,
    item: int = 48,
    act: str = "set",
    **more: Any,
) -> Want:
    """A row of ``wanted.stock_to_channel`` for the level above."""
    fields = {
        "location_id": str(location),
        "inventory_item_id": str(item),
        "sku": "TEE-M",
        "quantity": quantity,
        "change_from": first,
        **more,
    }
    return Want("stock_to_channel", act, f"web_uk:{location}9?inventory_item_id={item}", "TEE-M", fields)


def release(*lines: tuple[int, int, int], **more: Any) -> Want:
    """A row of ``wanted.cancellations_to_channel`` for the order above; lines are (number, units before, after)."""
    fields = {
        "order_id": "5500001",
        "lines": [
            {
                "order_line_key": f"web_uk:{number}",
                "line_id": str(number),
                "sku": "TEE-M",
                "change_from": before,
                "quantity": after,
            }
            for number, before, after in lines or ((9001, 2, 1),)
        ],
    }
    act = more.pop("act", "release")
    key = more.pop("key", "web_uk:5500001@release/1")
    return Want("cancellations_to_channel", act, key, "#1001", {**fields, **more})


def edit(*lines: tuple[int, int], errors: Sequence[Any] = ()) -> dict[str, Any]:
    """What an opened edit answers; lines are (number, units that may go)."""
    rows = [{"id": gid("CalculatedLineItem", n), "editableQuantity": units} for n, units in lines]
    order = {"id": gid("CalculatedOrder", 77), "lineItems": {"nodes": rows}}
    payload = {"calculatedOrder": None if errors else order, "userErrors": list(errors)}
    return {"data": {"orderEditBegin": payload}}


def payout(**more: Any) -> dict[str, Any]:
    """A deposit."""
    return {
        "id": gid("ShopifyPaymentsPayout", 901),
        "status": "PAID",
        "transactionType": "DEPOSIT",
        "issuedAt": f"{DAY}T00:00:00Z",
        "externalTraceId": "T1",
        "net": {"amount": "100.5", "currencyCode": "GBP"},
        "summary": {"chargesGross": {"amount": "103.0", "currencyCode": "GBP"}},
        **more,
    }


def entry(number: int = 1, kind: str = "CHARGE", **more: Any) -> dict[str, Any]:
    """A movement of the balance."""

    def pounds(amount: str) -> dict[str, str]:
        return {"amount": amount, "currencyCode": "GBP"}

    return {
        "id": gid("ShopifyPaymentsBalanceTransaction", number),
        "type": kind,
        "test": False,
        "transactionDate": f"{DAY}T09:01:00Z",
        "sourceType": "CHARGE",
        "sourceId": "98765432109",
        "sourceOrderTransactionId": "7001",
        "adjustmentReason": None,
        "amount": pounds("54.0"),
        "fee": pounds("1.2"),
        "net": pounds("52.8"),
        "associatedOrder": {"id": gid("Order", 5500001), "name": "#1001"},
        "associatedPayout": {"id": gid("ShopifyPaymentsPayout", 901), "status": "PAID"},
        **more,
    }


# --- rows and cases of the sandbox's ------------------------------------------------------------------


def parcel_row(
    r: Retailer, order: ShopOrder, key: str = f"{WMS}:1", number: str = "RM1GB", units: int = 9, **more: Any
) -> dict[str, Any]:
    """The row that wants the shop told of a parcel with at most ``units`` of each line."""
    lines = [
        {
            "fulfilment_order_id": str(f.id),
            "fulfilment_order_line_id": str(part.id),
            "order_line_key": f"{SHOP}:{part.line_id}",
            "sku": "",
            "qty": min(part.remaining, units),
        }
        for f in order.fulfilment_orders
        for part in f.lines
        if part.remaining
    ]
    own = {
        "shipment_id": key,
        "location_id": "1001",
        "carrier": "Royal Mail",
        "tracking_numbers": [number],
        "tracking_urls": [f"https://track.example.test/{number}"],
        "notify": True,
        "despatched_at": r.world.now,
        "fulfilment_id": None,
        "order_id": str(order.id),
        "lines": lines,
        "part": 1,
    }
    return row("fulfil", key, number, to=SHOP, priority=40, **{**own, **more})


def level_row(
    r: Retailer, quantity: int, first: int | None = None, sku: str = "SKU-0001", act: str = "set"
) -> dict[str, Any]:
    """The row that wants a level of the shop's to be ``quantity``."""
    item = r.shop.variants[r.shop.by_sku[sku]].inventory_item_id
    now = r.shop.levels[item, 1001].available
    own = {"location_id": "1001", "inventory_item_id": str(item), "sku": sku, "quantity": quantity}
    key = f"{SHOP}:{level_gid(r.shop.levels[item, 1001]).rpartition('/')[2]}"
    return row(
        act,
        key,
        sku,
        to=SHOP,
        priority=10,
        change_from=now if first is None else first,
        is_decrease=quantity < now,
        **own,
    )


def _told(r: Retailer) -> Want:
    order = sold(r)
    return want("shipments_to_channel", parcel_row(r, order, f"{WMS}:{order.id}", f"RM{order.id}GB"))


def _scanned(r: Retailer) -> Want:
    """A parcel that was told without a word to the customer, and has met its first scan."""
    order = sold(r)
    number = f"RM{order.id}GB"
    parcel = parcel_row(r, order, f"{WMS}:{order.id}:scan", number)
    r.do(SHOP, "fulfil", order=order.name, numbers=[number])
    r.move_on(60)
    about = {"act": "notify", "since_at": r.world.now, "fulfilment_id": str(order.fulfilments[0].id)}
    return want("shipments_to_channel", parcel | about)


def _mails(r: Retailer, about: Want) -> int:
    return sum(
        mail.order_id == int(about.fields["order_id"]) and mail.kind in ("shipped", "shipping_updated")
        for mail in r.shop.mails
    )


def _level(act: str) -> Callable[[Retailer], Want]:
    """Another number than there is; an item that is to be stocked is not yet."""

    def made(r: Retailer) -> Want:
        item = r.shop.variants[r.shop.by_sku["SKU-0003"]].inventory_item_id
        held = r.shop.levels[item, 1001]
        held.is_active = act == "set"
        return want("stock_to_channel", level_row(r, held.available + 7, sku="SKU-0003", act=act))

    return made


def _is_level(r: Retailer, about: Want) -> int:
    held = r.shop.levels[int(about.fields["inventory_item_id"]), 1001]
    return int(held.is_active and held.available == about.fields["quantity"])


def _gids(kind: str, records: Callable[[Shop], Iterable[Any]]) -> Holds:
    return Holds(lambda r: records(r.shop), lambda record: gid(kind, getattr(record, "id", record)))


def answered_wrongly(
    data: Any, kind: Any, selected: graphql.SelectionSetNode | None, parts: Any
) -> list[str]:
    """Where an answer's data departs from the schema's type, by what was selected."""
    if isinstance(kind, graphql.GraphQLNonNull):
        if data is None:
            return [f"null where {kind} is declared"]
        kind = kind.of_type
    if data is None:
        return []
    if isinstance(kind, graphql.GraphQLList):
        if not isinstance(data, list):
            return [f"no list where {kind} is declared"]
        return [wrong for one in data for wrong in answered_wrongly(one, kind.of_type, selected, parts)]
    if isinstance(kind, graphql.GraphQLScalarType | graphql.GraphQLEnumType):
        try:
            kind.parse_value(data)
        except graphql.GraphQLError as error:
            return [error.message]
        return []
    if not isinstance(data, dict) or selected is None:
        return [f"no object where {kind} is declared"]
    wrong: list[str] = []
    for part in selected.selections:
        if isinstance(part, graphql.FieldNode):
            name = part.alias.value if part.alias else part.name.value
            if name not in data:
                wrong.append(f"{kind}.{name} is not answered")
            elif part.name.value != "__typename":
                declared = kind.fields[part.name.value].type
                wrong += answered_wrongly(data[name], declared, part.selection_set, parts)
        elif isinstance(part, graphql.FragmentSpreadNode):
            inner = parts[part.name.value]
            if _fits(inner.type_condition, kind, data):
                wrong += answered_wrongly(data, _of(inner.type_condition, kind), inner.selection_set, parts)
        elif isinstance(part, graphql.InlineFragmentNode) and _fits(part.type_condition, kind, data):
            wrong += answered_wrongly(data, _of(part.type_condition, kind), part.selection_set, parts)
    return wrong


def _of(condition: Any, kind: Any) -> Any:
    return schema().type_map[condition.name.value] if condition else kind


def _fits(condition: Any, kind: Any, data: Any) -> bool:
    """Whether a fragment is of this object; of an interface's or union's only the answer's own word tells."""
    name = condition.name.value if condition else kind.name
    return name == kind.name or data.get("__typename") == name


@cache
def _document(query: str) -> tuple[graphql.DocumentNode, tuple[str, ...]]:
    document = graphql.parse(query)
    return document, tuple(error.message for error in graphql.validate(schema(), document))


def _errors(exchange: Exchange) -> list[str]:
    """By the vendor's own schema: the document, its variables, and the data of its answer."""
    if not exchange.path.endswith("graphql.json"):
        return []
    document, faults = _document(exchange.body["query"])
    wrong = list(faults)
    (operation,) = [d for d in document.definitions if isinstance(d, graphql.OperationDefinitionNode)]
    given = exchange.body.get("variables") or {}
    values = get_variable_values(schema(), list(operation.variable_definitions), given)
    wrong += [error.message for error in values] if isinstance(values, list) else []
    answer = exchange.answer or {}
    if wrong or answer.get("errors") or answer.get("data") is None:
        return wrong
    root = schema().mutation_type if operation.operation.value == "mutation" else schema().query_type
    parts = {d.name.value: d for d in document.definitions if isinstance(d, graphql.FragmentDefinitionNode)}
    return answered_wrongly(answer["data"], root, operation.selection_set, parts)


COVERED = {
    "bc_BulkOperationCompletedResult.json": "orders export: one that ended without rows",
    "bc_FulfillmentCreateResult.json": "fulfil receipt",
    "bc_FulfillmentFailedResult.json": "fulfil refusal",
    "bc_FulfillmentOrderResult.json": "what the limiter learns; the ids of an order's fulfilment orders",
    "bc_OrderTransactionResult.json": "orders stream: a transaction",
    "get-order-by-identifier.recorded.json": "a look-up that finds nothing",
    "get-return.recorded.json": "ACCESS_DENIED for protected data with status 200",
    "inventory-levels.recorded.json": "inventory_levels stream, 12 calls; an old version answered by a newer",
    "list-products.recorded.json": "products stream",
    "locations.recorded.json": "locations stream",
    "set-inventory-quantities.recorded.json": "set receipt",
}
REST = "the REST Admin answer of a stream that is read by GraphQL: other names, other ids, no stream reads it"
NOT_COVERED = {
    "adjust-inventory-quantities.recorded.json": "deltas are never written, levels are set",
    "bc_FulfillmentOrderAcceptResponse.json": "the handshake of a 3PL is no write of ours",
    "bc_StagedUploadFailedResult.json": "bulk mutations are no write of ours",
    "cancel-order.recorded.json": "no sync cancels in the shop",
    "create-refund.recorded.json": "no sync moves money",
    "events.recorded.json": "the shop's event log is no stream of ours",
    "hold-fulfillment-order.recorded.json": "no sync holds a fulfilment order",
    "move-inventory-quantities.recorded.json": "no sync moves stock between states",
    "sdk_balance.json": "the balance itself is no stream of ours",
    "sdk_customer.json": REST,
    "sdk_disputes.json": "disputes are no stream of ours yet",
    "sdk_draft_order.json": "draft orders are no stream of ours",
    "sdk_events.json": "the shop's event log is no stream of ours",
    "sdk_fulfillment.json": REST,
    "sdk_fulfillment_event.json": REST,
    "sdk_inventory_items.json": REST,
    "sdk_inventory_levels.json": REST,
    "sdk_location_inventory_levels.json": REST,
    "sdk_locations.json": REST,
    "sdk_order.json": REST,
    "sdk_order_risks.json": "risks are no stream of ours",
    "sdk_orders.json": REST,
    "sdk_payout.json": REST,
    "sdk_payouts.json": REST,
    "sdk_payouts_transactions.json": REST,
    "sdk_products.json": REST,
    "sdk_refund.json": REST,
    "sdk_shipping_zones.json": "shipping zones are no stream of ours",
    "sdk_tender_transactions.json": "transactions are read with their orders",
    "sdk_transactions.json": REST,
    "sdk_variants.json": REST,
}
KIT = Kit(
    role="channel",
    refused=("the login was refused (401)",),
    holds={
        "orders": _gids("Order", lambda shop: shop.orders.values()),
        "fulfillment_orders": _gids("FulfillmentOrder", lambda shop: shop.fulfilment_orders.values()),
        "products": _gids("Product", lambda shop: {v.product_id for v in shop.variants.values()}),
        "variants": _gids("ProductVariant", lambda shop: shop.variants.values()),
        "locations": _gids("Location", lambda shop: shop.locations.values()),
        "inventory_levels": Holds(lambda r: r.shop.levels.values(), level_gid),
        "payouts": _gids("ShopifyPaymentsPayout", lambda shop: shop.payouts.values()),
        "balance_transactions": _gids(
            "ShopifyPaymentsBalanceTransaction",
            lambda shop: (e for e in shop.entries.values() if e.kind != "transfer"),
        ),
    },
    cases={
        ("shipments_to_channel", "fulfil"): Case(_told, times_told, "fulfillmentCreate", REFUSED),
        ("shipments_to_channel", "notify"): Case(_scanned, _mails, "fulfillmentTrackingInfoUpdate", REFUSED),
        ("cancellations_to_channel", "release"): releasing("orderEditCommit", REFUSED),
        ("stock_to_channel", "set"): Case(_level("set"), _is_level, "inventorySetQuantities", REFUSED),
        ("stock_to_channel", "activate"): Case(_level("activate"), _is_level, "inventoryActivate", REFUSED),
    },
    contract=Contract("shopify.graphql", _errors),
    recorded=Recorded("shopify", COVERED, NOT_COVERED),
)

PROVIDER = Provider("payout_entries", "balanceTransactions", number="entry_id")
