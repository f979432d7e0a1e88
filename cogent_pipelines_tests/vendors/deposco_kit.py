"""What the Deposco tests share: records to vary, wants, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Deposco.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cogent_pipelines.connect.spec import Found, System, Want
from cogent_pipelines_tests.vendors.vendor_kit import Holds, Kit
from cogent_pipelines_tests.vendors.world_rows import cancelling, creating

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
STAGING = ROOT / "dbt_project" / "models" / "staging" / "deposco"
SECRETS = {
    "client_id": "DEPOSCO_ID",
    "client_secret": "DEPOSCO_SECRET",
    "integration_user": "DEPOSCO_USER",
    "integration_password": "DEPOSCO_PASSWORD",
}
SYSTEM = System(
    "wms_us", "deposco", "https://api.deposco.com", SECRETS, {"business_unit": "ACME", "company": "ACME"}
)
WITH_OM = System(
    "wms_us",
    "deposco",
    "https://api.deposco.com",
    SECRETS,
    {"business_unit": "ACME", "orders": "customer", "trading_partner": "WEB", "sales_channel": "Shop"},
)


def reference(number: str, key: int | None = None, **more: Any) -> dict[str, Any]:
    """Another record as theirs refer to it."""
    named = {} if key is None else {"id": key}
    return {**named, "businessKey": {"number": number, **more}}


def line(number: int = 1, sku: str = "TEE-M", packs: float = 2, **more: Any) -> dict[str, Any]:
    """An order's line."""
    return {
        "self": {"id": 90 + number},
        "lineNumber": str(number),
        "item": reference(sku, 412),
        "pack": {"businessKey": {"item.number": sku, "quantity": 1}},
        "orderPackQuantity": packs,
        "unitPrice": 20,
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """A sales order of 2 tees as Deposco answers; ``more`` replaces its fields."""
    plain = {
        "self": {"id": 810031, "href": "https://api.deposco.com/latest/orders/salesOrders/810031"},
        "businessUnit": {"businessKey": {"code": "ACME"}},
        "number": "#1042",
        "orderStatus": "New",
        "importReference": "cogent web_uk:1@DC1",
        "placedDate": "2026-11-02T07:59:00Z",
        "createdDate": "2026-11-02T08:00:00Z",
        "updatedDate": "2026-11-02T08:10:02Z",
        "orderTotal": 43.95,
        "shipVia": "UPS Ground",
        "shipFromFacility": reference("DC1", 41),
        "shipToContact": {"firstName": "Ann", "lastName": "Lee", "phone": "0113"},
        "shipToAddress": {"line1": "1 High St", "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB"},
        "orderLines": {"data": [line()]},
    }
    return {**copy.deepcopy(plain), **more}


def lines(*rows: dict[str, Any]) -> dict[str, Any]:
    """Rows as they are nested."""
    return {"data": list(rows)}


def shipment(**more: Any) -> dict[str, Any]:
    """A shipment of the order above."""
    plain = {
        "self": {"id": 77120},
        "number": "SHP-77120",
        "status": "Shipped",
        "trackingNumber": "1Z1",
        "trackingUrl": "https://t.example/1Z1",
        "shipVendor": "UPS",
        "shipVia": "UPS Ground",
        "updatedDate": "2026-11-02T15:20:00Z",
        "shipmentDates": {"actualShipDate": "2026-11-02T15:10:00Z"},
        "orderHeaders": lines(reference("#1042")),
        "shipmentLines": lines(
            {"number": "1", "item": reference("TEE-M"), "orderPackQuantity": 2, "shippedPackQuantity": 2}
        ),
        "shippedContainers": lines(container("1Z1")),
    }
    return {**copy.deepcopy(plain), **more}


def container(number: str | None) -> dict[str, Any]:
    """A box."""
    return {"number": "C1", "lpnNumber": "LPN1", "trackingNumber": number, "ssccLpnNumber": None}


def listed(*rows: Any, complete: bool = True, link: str = "") -> dict[str, Any]:
    """A page of a list."""
    links = [{"rel": "next", "href": link}] if link else []
    return {"data": list(rows), "links": links, "complete": complete, "pages": 1}


def want(**more: Any) -> Want:
    """A row of ``wanted.orders_to_wms`` for the order above; ``more`` replaces its fields."""
    fields = {
        "facility": "DC1",
        "facility_id": "DC1",
        "delivery_method_id": "UPS Ground",
        "placed_at": datetime(2026, 11, 2, 7, 59, tzinfo=UTC),
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
        "due_on": None,
        "lines": [wanted_line()],
    }
    return Want("orders_to_wms", "create", "web_uk:1@DC1", "#1042", {**fields, **more})


def wanted_line(sku: str = "TEE-M", qty: int = 2, price: str = "20.0000", ref: str = "1") -> dict[str, Any]:
    """A line of it."""
    return {
        "line_ref": ref,
        "sku": sku,
        "item_id": sku,
        "qty": qty,
        "unit_price_amount": Decimal(price),
        "tax_rate": 0.2,
    }


def cancellation(**more: Any) -> Want:
    """A row of ``wanted.cancellations_to_wms`` for the order above."""
    fields = {"warehouse_order_id": "810031", "cancel_reason": "CUSTOMER", **more}
    return Want("cancellations_to_wms", "cancel", "web_uk:1@cancel", "#1042", fields)


def found(write: Any, about: Want, *answers: Any) -> Found:
    """What a write's look-up makes of the answers; fails when it finds nothing."""
    seen = write.lookup.found(about, list(answers))
    assert seen is not None
    return seen


_SALES_ORDERS, _SAID = "/latest/orders/salesOrders", "country size must be between 2 and 2"
KIT = Kit(
    role="warehouse",
    refused=("the login was refused (401)", "credentials refused Unauthorized"),
    options={"business_unit": "ACME", "company": "ACME"},
    called={
        "facilities.warehouse_facility_id": {"41": "LEEDS", "42": "YORK"},
        "delivery_options.delivery_method_id": {
            "11": "Standard",
            "12": "Next Day",
            "13": "Tracked 48",
            "14": "Collect",
        },
    },
    item_id=lambda r, sku: sku,
    manners={
        "customer_orders": {"orders": "customer", "trading_partner": "WEB", "sales_channel": "Shop"},
    },
    holds={
        "orders": Holds(lambda r: r.wms.orders.values()),
        "shipments": Holds(
            lambda r: [a.parcel for o in r.wms.orders.values() for a in o.allocations if a.parcel]
        ),
        "customer_returns": Holds(lambda r: [each for o in r.wms.orders.values() for each in o.returns]),
        "receipts": Holds(
            lambda r: [
                row[0] for o in r.wms.orders.values() for each in o.returns for row in each.lines if row[3]
            ],
            str,
        ),
        "items": Holds(lambda r: r.wms.sellables.values()),
        "facilities": Holds(lambda r: r.wms.facilities.values()),
        "stock": Holds(lambda r: r.wms.sellables.values(), lambda s: s.sku),
    },
    cases={
        ("orders_to_wms", "create"): creating(f"POST {_SALES_ORDERS}", _SAID),
        ("cancellations_to_wms", "cancel"): cancelling(f"POST {_SALES_ORDERS}/{{id}}/cancellations", _SAID),
    },
    allows_at_once=4,
)
