"""What the BigCommerce tests share: recorded answers, records to vary, the contract, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about BigCommerce.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Answer, System, Want
from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import ADDRESS_IDS
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines_tests.vendors.openapi_kit import OpenApi
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, START, WMS, Retailer
from cogent_pipelines_tests.vendors.staging_kit import READ_AT
from cogent_pipelines_tests.vendors.vendor_kit import Case, Contract, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import releasing, row, sold, times_told, want

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FIXTURES = SHARED / "fixtures" / "bigcommerce"
SPEC = SHARED / "vendors" / "specs" / "bigcommerce.json"
SYSTEM = System("web_us", "bigcommerce", "https://api.bigcommerce.com/stores/abc123", {"access_token": "X"})


def fixture(name: str) -> Any:
    """A recorded answer, decoded; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of recorded answers is not beside the project")
    return json.loads(path.read_text(encoding="utf-8"))


NULL_ALL_THE_SAME = frozenset({"cart_id", "payment_provider_id", "staff_notes", "requested_amount"})
"""The contract allows them no null, the vendor's recorded answers and its own samples hold one."""


@cache
def contract() -> OpenApi:
    """The vendor's own contract; skips where the shared folder is absent."""
    if not SPEC.exists():
        pytest.skip("no bigcommerce.json: the shared folder of vendors' contracts is not beside the project")
    return OpenApi(json.loads(SPEC.read_text(encoding="utf-8")), NULL_ALL_THE_SAME)


def answer(body: Any = None, status: int = 200, **headers: str) -> Answer:
    """``body`` as an answer."""
    return Answer(status, headers, b"" if body is None else json.dumps(body).encode(), READ_AT)


def line(number: int = 194, sku: str = "TEE-M", qty: int = 2, **more: Any) -> dict[str, Any]:
    """A line of an order."""
    return {
        "id": number,
        "order_id": 218,
        "product_id": 184,
        "variant_id": 501,
        "order_address_id": 131,
        "name": "Tee",
        "sku": sku,
        "type": "physical",
        "quantity": qty,
        "quantity_shipped": 0,
        "quantity_refunded": 0,
        "base_price": "22.5000",
        "price_ex_tax": "22.5000",
        "price_inc_tax": "27.0000",
        "total_ex_tax": "45.0000",
        "total_inc_tax": "54.0000",
        "total_tax": "9.0000",
        "discounted_total_inc_tax": "54.0000",
        "parent_order_product_id": None,
        "applied_discounts": [],
        **more,
    }


def consignment(*lines: Any, number: int = 131, **more: Any) -> dict[str, Any]:
    """What goes to one address."""
    return {
        "id": number,
        "first_name": "Ann",
        "last_name": "Lee",
        "company": "",
        "street_1": "1 High St",
        "street_2": "",
        "city": "Leeds",
        "state": "England",
        "zip": "LS1 1AA",
        "country": "United Kingdom",
        "country_iso2": "GB",
        "phone": "0113",
        "email": "ann@example.test",
        "shipping_method": "Standard Delivery",
        "line_items": list(lines) or [line()],
        **more,
    }


def consignments(*shipping: Any, **more: Any) -> dict[str, Any]:
    """All an order's consignments."""
    plain = {"pickups": [], "downloads": [], "email": {"gift_certificates": []}}
    return {**plain, "shipping": list(shipping), **more}


def transaction(event: str = "purchase", amount: float = 60.0, **more: Any) -> dict[str, Any]:
    """Money that moved."""
    return {
        "id": 71,
        "order_id": "218",
        "event": event,
        "method": "credit_card",
        "amount": amount,
        "currency": "GBP",
        "gateway": "stripe",
        "gateway_transaction_id": "ch_abc",
        "status": "ok",
        "test": False,
        "reference_transaction_id": None,
        "date_created": "2026-11-02T09:14:30+00:00",
        **more,
    }


def shipment(number: int = 11, *lines: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A shipment of (order line, units); of the tees above if none are given."""
    return {
        "id": number,
        "order_id": 218,
        "customer_id": 11,
        "order_address_id": 131,
        "date_created": "Tue, 03 Nov 2026 16:35:37 +0000",
        "tracking_number": "AB1",
        "merchant_shipping_cost": "0.0000",
        "shipping_method": "",
        "comments": "our ref wms_uk:4401",
        "shipping_provider": "royalmail",
        "tracking_carrier": "",
        "tracking_link": "",
        "items": [
            {"order_product_id": item, "product_id": 184, "quantity": units}
            for item, units in lines or ((194, 2),)
        ],
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """A paid order of 2 tees as it is read, with its parts; ``more`` replaces its fields."""
    plain = {
        "id": 218,
        "status_id": 11,
        "status": "Awaiting Fulfillment",
        "date_created": "Mon, 02 Nov 2026 09:14:05 +0000",
        "date_modified": "Mon, 02 Nov 2026 09:15:40 +0000",
        "date_shipped": "",
        "customer_id": 11,
        "channel_id": 1,
        "is_deleted": False,
        "external_id": None,
        "external_order_id": "",
        "external_source": None,
        "order_source": "www",
        "payment_method": "Credit Card",
        "payment_status": "captured",
        "currency_code": "EUR",
        "default_currency_code": "GBP",
        "store_default_currency_code": "GBP",
        "currency_exchange_rate": "1.1700000000",
        "is_tax_inclusive_pricing": False,
        "subtotal_ex_tax": "45.0000",
        "subtotal_inc_tax": "54.0000",
        "shipping_cost_ex_tax": "5.0000",
        "shipping_cost_inc_tax": "6.0000",
        "handling_cost_ex_tax": "0.0000",
        "handling_cost_inc_tax": "0.0000",
        "wrapping_cost_ex_tax": "0.0000",
        "wrapping_cost_inc_tax": "0.0000",
        "discount_amount": "0.0000",
        "coupon_discount": "0.0000",
        "total_ex_tax": "50.0000",
        "total_inc_tax": "60.0000",
        "total_tax": "10.0000",
        "refunded_amount": "0.0000",
        "items_total": 2,
        "items_shipped": 0,
        "customer_message": "",
        "billing_address": {"email": "ann@example.test"},
        "consignments": consignments(consignment()),
        "shipments": [],
        "transactions": [transaction()],
        "coupons": [],
        "taxes": [],
    }
    return {**copy.deepcopy(plain), **more}


def refund(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A refund; of one tee if no items are given."""
    one = {"item_type": "PRODUCT", "item_id": 194, "quantity": 1, "requested_amount": None, "reason": ""}
    payment = {"id": 13, "provider_id": "stripe", "amount": 27.0, "offline": False, "is_declined": False}
    return {
        "id": 8001,
        "order_id": 218,
        "created": "2026-11-03T10:00:00+00:00",
        "reason": "too small",
        "total_amount": 27.0,
        "total_tax": 4.5,
        "items": list(items) or [one],
        "payments": [payment],
        **more,
    }


def level(
    on_hand: int = 7,
    *,
    location: int = 1,
    variant: int = 501,
    product: int = 184,
    safety: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """The tees' level at one location."""
    place = {
        "location_id": location,
        "location_code": "BC-LOCATION-1",
        "available_to_sell": on_hand - safety,
        "total_inventory_onhand": on_hand,
        "location_enabled": True,
        "settings": {"safety_stock": safety, "is_in_stock": on_hand > 0, "warning_level": 0},
        **more,
    }
    return {
        "identity": {"sku": "TEE-M", "variant_id": variant, "product_id": product},
        "locations": [place],
    }


def product(tracking: str = "variant", number: int = 184, **more: Any) -> dict[str, Any]:
    """The tees' product."""
    return {
        "id": number,
        "name": "Tee",
        "type": "physical",
        "sku": "TEE",
        "weight": 8,
        "price": 22.5,
        "inventory_tracking": tracking,
        "is_visible": True,
        "availability": "available",
        "date_created": "2026-10-01T08:00:00+00:00",
        "date_modified": "2026-11-01T08:00:00+00:00",
        "base_variant_id": None,
        **more,
    }


def variant(number: int = 501, sku: str = "TEE-M", product_id: int = 184, **more: Any) -> dict[str, Any]:
    """The tees."""
    return {
        "id": number,
        "product_id": product_id,
        "sku": sku,
        "upc": "5012345678900",
        "price": None,
        "calculated_price": 22.5,
        "weight": None,
        "purchasing_disabled": False,
        "option_values": [{"id": 1, "label": "M", "option_id": 2, "option_display_name": "Size"}],
        **more,
    }


STORE = {
    "id": "abc123",
    "name": "Tees",
    "currency": "GBP",
    "weight_units": "Ounces",
    "plan_level": "Standard",
}
LOCATIONS = (
    {"id": 1, "code": "BC-LOCATION-1", "label": "Default location", "type_id": "PHYSICAL", "enabled": True},
    {"id": 2, "code": "YORK", "label": "York", "type_id": "PHYSICAL", "enabled": True},
)


def parcel(**more: Any) -> Want:
    """A row of ``wanted.shipments_to_channel`` for the order above; ``more`` replaces its fields."""
    fields = {
        "shipment_id": "4401",
        "order_id": "218",
        "location_id": "1",
        "carrier": "royalmail",
        "tracking_numbers": ["AB1"],
        "tracking_urls": ["https://t.example.test/AB1"],
        "notify": True,
        "despatched_at": datetime(2026, 11, 3, 14, tzinfo=UTC),
        "fulfilment_id": None,
        "part": 1,
        "lines": [parcel_line()],
    }
    key, act = more.pop("key", "wms_uk:4401"), more.pop("act", "fulfil")
    return Want("shipments_to_channel", act, key, "AB1", {**fields, **more})


def parcel_line(number: int = 194, qty: int = 2, address: int = 131, sku: str = "TEE-M") -> dict[str, Any]:
    """A line of a parcel."""
    return {
        "fulfilment_order_id": str(address),
        "fulfilment_order_line_id": str(number),
        "order_line_key": f"web_us:{number}",
        "sku": sku,
        "qty": qty,
    }


def release(*lines: tuple[int, int, int], **more: Any) -> Want:
    """A row of ``wanted.cancellations_to_channel`` for the order above; lines are (number, units before, after)."""
    fields = {
        "order_id": "218",
        "lines": [
            {
                "order_line_key": f"web_us:{number}",
                "line_id": str(number),
                "sku": "TEE-M",
                "change_from": before,
                "quantity": after,
            }
            for number, before, after in lines or ((194, 2, 0),)
        ],
    }
    return Want("cancellations_to_channel", "release", "web_us:218@release/0", "218", {**fields, **more})


def stock(
    quantity: int = 5,
    first: int | None = 7,
    *,
    location: int = 1,
    item: str = "variant_id=501",
    act: str = "set",
    **more: Any,
) -> Want:
    """A row of ``wanted.stock_to_channel`` for the level above."""
    fields = {
        "location_id": str(location),
        "inventory_item_id": item,
        "sku": "TEE-M",
        "quantity": quantity,
        "change_from": first,
        **more,
    }
    return Want("stock_to_channel", act, f"web_us:{item}:{location}", "TEE-M", fields)


# --- rows and cases of the sandbox's ------------------------------------------------------------------


def parcel_row(order: ShopOrder, number: str = "AB1", qty: int = 2, **more: Any) -> dict[str, Any]:
    """The row that wants a parcel told."""
    line = order.lines[0]
    lines = [
        {
            "fulfilment_order_id": str(ADDRESS_IDS + order.id),
            "fulfilment_order_line_id": str(line.id),
            "order_line_key": f"{SHOP}:{line.id}",
            "sku": line.sku,
            "qty": qty,
        }
    ]
    plain = {
        "shipment_id": number,
        "order_id": str(order.id),
        "location_id": "1001",
        "carrier": "royalmail",
        "tracking_numbers": [number],
        "tracking_urls": [f"https://t.example.test/{number}"],
        "notify": True,
        "despatched_at": START,
        "fulfilment_id": None,
        "part": 1,
        "lines": lines,
    }
    act = more.pop("act", "fulfil")
    return row(act, f"{WMS}:{number}", number, to=SHOP, **{**plain, **more})


def level_row(
    r: Retailer, quantity: int, *, sku: str = "SKU-0001", location: int = 1001, **more: Any
) -> dict[str, Any]:
    """The row that wants a level; a product of one variant is named by its product."""
    variant = r.shop.variants[r.shop.by_sku[sku]]
    item = f"product_id={variant.product_id}"
    held = r.shop.levels.get((variant.inventory_item_id, location))
    plain = {
        "location_id": str(location),
        "inventory_item_id": item,
        "sku": sku,
        "quantity": quantity,
        "change_from": held.available if held else None,
    }
    act = more.pop("act", "set")
    return row(act, f"{SHOP}:{item}:{location}", sku, to=SHOP, **{**plain, **more})


def _told(r: Retailer) -> Want:
    order = sold(r)
    return want("shipments_to_channel", parcel_row(order, f"AB{order.id}"))


def _numbered(r: Retailer) -> Want:
    """A despatch that is told already, whose number becomes another."""
    order = sold(r)
    parcel = parcel_row(order, f"AB{order.id}", act="track")
    r.do(SHOP, "fulfil", order=order.name, carrier="royalmail", numbers=["OLD"])
    return want("shipments_to_channel", parcel | {"fulfilment_id": str(order.fulfilments[0].id)})


def _level(act: str) -> Callable[[Retailer], Want]:
    """Another number than there is; an item that is to be stocked is not yet."""

    def made(r: Retailer) -> Want:
        item = r.shop.variants[r.shop.by_sku["SKU-0003"]].inventory_item_id
        held = r.shop.levels[item, 1002]
        if act == "activate":
            del r.shop.levels[item, 1002]
        return want(
            "stock_to_channel", level_row(r, held.available + 7, sku="SKU-0003", location=1002, act=act)
        )

    return made


def _is_level(r: Retailer, about: Want) -> int:
    item = r.shop.variants[r.shop.by_sku[about.fields["sku"]]].inventory_item_id
    held = r.shop.levels.get((item, int(about.fields["location_id"])))
    return int(held is not None and held.available == about.fields["quantity"])


SAID_2, SAID_3 = "The field 'quantity' is invalid.", "JSON data is missing or invalid"
_SHIPMENT, _LEVELS = "/v2/orders/{id}/shipments", "PUT /v3/inventory/adjustments/absolute"
COVERED = {
    "docs_inventory_absolute_422.json": "set: the refusal of a batch",
    "docs_inventory_absolute_request.json": "set: the body",
    "docs_order_products.json": "orders stream: the lines inside a consignment",
    "docs_order_shipment_create.json": "fulfil: receipt and read-back",
    "docs_order_shipments.json": "orders stream: the part shipments; look-ups",
    "docs_order_taxes.json": "orders stream: the part taxes",
    "docs_refund.json": "refunds stream",
    "docs_refund_422.json": "the words of a problem inside data",
    "get-order-shipping-addresses.recorded.json": "orders stream: the address of a consignment; the quota's headers",
    "list-order-statuses.recorded.json": "every status is known to staging",
    "orders.recorded.json": "orders stream",
    "update-order.recorded.json": "orders stream: an order as a write answers it",
}
NOT_COVERED = {
    "channels.recorded.json": "one store front: channels are no entity of this project",
    "customers.recorded.json": "customers are known by their orders; their list is not read",
    "docs_webhook.json": "polling is the truth; there are no webhooks here",
}
KIT = Kit(
    role="channel",
    refused=("401: Unauthorized",),
    holds={
        "orders": Holds(lambda r: r.shop.orders.values()),
        "refunds": Holds(lambda r: [refund for order in r.shop.orders.values() for refund in order.refunds]),
        "products": Holds(lambda r: {v.product_id for v in r.shop.variants.values()}, str),
        "variants": Holds(lambda r: r.shop.variants.values()),
        "locations": Holds(lambda r: r.shop.locations.values()),
        "stock": Holds(lambda r: r.shop.variants.values()),
        "store": "the one record is the store itself",
    },
    cases={
        ("shipments_to_channel", "fulfil"): Case(_told, times_told, f"POST {_SHIPMENT}", SAID_2),
        ("shipments_to_channel", "track"): Case(
            _numbered, times_told, f"PUT {_SHIPMENT}/{{shipment}}", SAID_2
        ),
        ("cancellations_to_channel", "release"): releasing("PUT /v2/orders/{id}", SAID_2),
        ("stock_to_channel", "set"): Case(_level("set"), _is_level, _LEVELS, SAID_3),
        ("stock_to_channel", "activate"): Case(_level("activate"), _is_level, _LEVELS, SAID_3),
    },
    contract=Contract(
        "bigcommerce.json",
        lambda exchange: contract().errors(exchange),
        wrong={
            r"^GET /v2/\S+: the status 204 is not documented$": "the brief, Paging: V2 ends with 204 and no body",
            r"^GET /v3/orders/\d+/transactions: the parameter (limit|page) is not documented$": "the brief, Paging: V3 lists take page "
            "and limit",
        },
    ),
    recorded=Recorded("bigcommerce", COVERED, NOT_COVERED),
)
