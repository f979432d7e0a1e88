"""What the Shopify tests share: recorded answers, records to vary, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Shopify.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import graphql
import pytest

from cogent_pipelines.connect.spec import Answer, System, Want
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

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
