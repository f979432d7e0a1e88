"""What the Veeqo tests share: documented answers, an order to vary, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Veeqo.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, System, Want
from cogent_pipelines_tests.vendors.blueprint_kit import Blueprint
from cogent_pipelines_tests.vendors.vendor_kit import Contract, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import cancelling, creating

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FIXTURES = SHARED / "fixtures" / "veeqo"
APIB = SHARED / "vendors" / "specs" / "veeqo.apib"
STAGING = ROOT / "dbt_project" / "models" / "staging" / "veeqo"
SYSTEM = System("wms_uk", "veeqo", "https://api.veeqo.com", {"api_key": "X"}, {"channel_id": 771})


def fixture(name: str) -> Any:
    """A documented answer, decoded; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of documented answers is not beside the project")
    return json.loads(path.read_text(encoding="utf-8"))


def line(
    line_id: int = 71, item: int = 8801, sku: str = "TEE-M", qty: int = 2, **more: Any
) -> dict[str, Any]:
    """An order's or an allocation's line."""
    return {
        "id": line_id,
        "quantity": qty,
        "sellable": {"id": item, "sku_code": sku, "tax_rate": 20.0},
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """An order of 2 tees as Veeqo answers, not allocated; ``more`` replaces its fields."""
    plain = {
        "id": 90011,
        "number": "#1042",
        "status": "awaiting_fulfillment",
        "created_at": "2026-11-02T08:00:11.000Z",
        "updated_at": "2026-11-02T08:10:02.000Z",
        "shipped_at": None,
        "cancelled_at": None,
        "currency_code": "GBP",
        "subtotal_price": 40.0,
        "delivery_cost": 3.95,
        "total_tax": 8.0,
        "total_discounts": 0.0,
        "total_price": 51.95,
        "merged_to_id": None,
        "delivery_method": {"id": 11, "name": "Standard", "cost": 3.95},
        "deliver_to": {
            "id": 31,
            "first_name": "Ann",
            "last_name": "Lee",
            "company": "",
            "address1": "1 High St",
            "address2": None,
            "city": "Leeds",
            "zip": "LS1 1AA",
            "country": "GB",
            "phone": "0113",
        },
        "channel": {"id": 771, "type_code": "direct", "name": "API store", "currency_code": "GBP"},
        "customer": {"id": 5501, "email": "ann@example.test"},
        "line_items": [line(price_per_unit=20.0, tax_rate=0.2)],
        "allocations": [],
        "employee_notes": [{"id": 1, "text": "[cogent order web_uk:1@LEEDS]"}],
        "returns": [],
        "allocated_completely": False,
        "picked_completely": False,
    }
    return {**copy.deepcopy(plain), **more}


def allocation(allocation_id: int = 6101, warehouse: int = 41, **more: Any) -> dict[str, Any]:
    """An allocation of 2 tees, not shipped."""
    return {
        "id": allocation_id,
        "order_id": 90011,
        "created_at": "2026-11-02T08:01:00.000Z",
        "warehouse": {"id": warehouse, "name": "Leeds"},
        "line_items": [line(1)],
        "shipment": None,
        **more,
    }


def shipment(**more: Any) -> dict[str, Any]:
    """A parcel of the allocation above."""
    return {
        "id": 4401,
        "created_at": "2026-11-02T14:10:01.000Z",
        "allocation_id": 6101,
        "carrier_id": 4,
        "carrier": {"id": 4, "name": "DPD", "slug": "dpd"},
        "service_name": "Next Day",
        "tracking_number": {"id": 9, "tracking_number": "15501234", "status": "created"},
        "tracking_url": "https://track.example.test/15501234",
        **more,
    }


def want(**more: Any) -> Want:
    """A row of ``wanted.orders_to_wms`` for the order above; ``more`` replaces its fields."""
    fields = {
        "facility": "LEEDS",
        "facility_id": "41",
        "delivery_method_id": "11",
        "order_name": "#1042",
        "placed_at": datetime(2026, 11, 2, 7, 59, tzinfo=UTC),
        "currency": "GBP",
        "total_amount": Decimal("51.9500"),
        "shipping_amount": Decimal("3.9500"),
        "discount_amount": Decimal(0),
        "tax_amount": Decimal("8.0000"),
        "customer_email": "ann@example.test",
        "ship_to_name": "Ann Lee",
        "ship_to_first_name": "Ann",
        "ship_to_last_name": "Lee",
        "ship_to_company": None,
        "ship_to_line1": "1 High St",
        "ship_to_line2": None,
        "ship_to_city": "Leeds",
        "ship_to_region": None,
        "ship_to_postcode": "LS1 1AA",
        "ship_to_country_code": "GB",
        "ship_to_phone": "0113",
        "note": None,
        "payment_reference": "pay_1",
        "due_on": None,
        "lines": [
            {
                "line_ref": "web_uk:1",
                "sku": "TEE-M",
                "item_id": "8801",
                "qty": 2,
                "unit_price_amount": Decimal("20.0000"),
                "tax_rate": 0.2,
            }
        ],
    }
    refs = more.pop("refs", {})
    return Want("orders_to_wms", "create", "web_uk:1@LEEDS", "#1042", {**fields, **more}, refs)


def cancellation(**more: Any) -> Want:
    """A row of ``wanted.cancellations_to_wms`` for the order above."""
    fields = {"warehouse_order_id": "90011", "cancel_reason": "CUSTOMER", **more}
    return Want("cancellations_to_wms", "cancel", "web_uk:1@cancel", "#1042", fields)


def found(write: Any, about: Want, *answers: Any) -> Found:
    """What a write's look-up makes of the answers; fails when it finds nothing."""
    seen = write.lookup.found(about, list(answers))
    assert seen is not None
    return seen


@cache
def blueprint() -> Blueprint:
    """The vendor's contract, read once; skips where the shared folder is absent."""
    if not APIB.exists():
        pytest.skip("the vendor's API Blueprint is not beside the project")
    return Blueprint(APIB.read_text(encoding="utf-8"))


COVERED = {
    "references_order_statuses.json": "statuses",
    "requests_orders_create_full.json": "create_order request",
    "requests_orders_create_minimum.json": "create_order request",
    "responses_allocations_create.json": "allocate_order receipt and read-back; orders stream",
    "responses_allocations_delete.json": "orders stream: an order whose allocations are gone",
    "responses_customers_show.json": "customers stream",
    "responses_orders_show.json": "orders stream, look-ups",
    "responses_products_index.json": "products and stock streams",
    "responses_products_show.json": "products and stock streams",
    "responses_returns_show.json": "orders stream: returns",
    "responses_stock_entries_show.json": "stock stream: the entry inside a sellable",
    "ruby_allocation_created.json": "allocate_order receipt and read-back",
    "ruby_order_created.json": "create_order receipt and read-back",
    "ruby_product_created.json": "products and stock streams: an item without a level",
    "responses_allocations_update.json": "orders stream: the allocation inside an order",
    "ruby_shipment_created.json": "orders stream: the parcel inside an allocation",
}
NOT_COVERED = {"ruby_purchase_orders.json": "purchase orders are no entity of this project yet"}
KIT = Kit(
    role="warehouse",
    refused=("401: Unauthorized",),
    options={"channel_id": 771},
    holds={
        "orders": Holds(lambda r: r.wms.orders.values()),
        "products": Holds(lambda r: {s.product_id for s in r.wms.sellables.values()}, str),
        "stock": Holds(lambda r: {s.product_id for s in r.wms.sellables.values()}, str),
        "warehouses": Holds(lambda r: r.wms.facilities.values()),
        "delivery_methods": Holds(lambda r: r.wms.delivery_methods.values()),
        "customers": Holds(lambda r: r.wms.customers.values()),
    },
    cases={
        ("orders_to_wms", "create"): creating("POST /orders", "Line items sellable must exist"),
        ("cancellations_to_wms", "cancel"): cancelling(
            "PUT /orders/{id}/cancel", "Line items sellable must exist"
        ),
        ("cancellations_to_wms", "note"): cancelling(
            "POST /orders/{id}/notes", "Line items sellable must exist", act="note"
        ),
    },
    contract=Contract(
        "veeqo.apib",
        lambda exchange: blueprint().errors(exchange),
        wrong={
            r"^PUT /orders/\d+/cancel: .* is not documented$": "the brief, Cancel order: PUT /orders/{id}/cancel, on "
            "the developer site (cancel-an-order) since the Blueprint was published",
        },
    ),
    recorded=Recorded("veeqo", COVERED, NOT_COVERED),
)
