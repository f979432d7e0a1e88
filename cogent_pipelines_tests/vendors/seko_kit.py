"""What the Seko tests share: documented answers, a loaded order, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Seko.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import warehouse
from cogent_pipelines.connect.spec import System, Want
from cogent_pipelines.landing import tables
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.ledger import ledger
from cogent_pipelines.vendors import seko_answers, seko_writes
from cogent_pipelines_tests.vendors import staging_kit
from cogent_pipelines_tests.vendors.sandbox_kit import WMS, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Case, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import cancellation as stop_row
from cogent_pipelines_tests.vendors.world_rows import creating, row, there
from cogent_pipelines_tests.vendors.world_rows import want as to_want

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT.parent / "shared" / "fixtures" / "seko"
STAGING = ROOT / "dbt_project" / "models" / "staging" / "seko"
BASE = "https://ihub.supplystream.com:8081/api"
SECRETS = {"api_key": "SEKO_KEY", "token": "SEKO_TOKEN"}
SYSTEM = System("wms_3pl", "seko", BASE, SECRETS, {"hub_url": "https://hub.supplystream.com/hub/api"})
GUID = seko_writes.guid("#1042")
OK = {"Success": True, "Code": 0, "Message": ""}


def fixture(name: str) -> Any:
    """A documented answer, decoded; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of documented answers is not beside the project")
    return json.loads(path.read_text(encoding="utf-8"))


def failure(words: str) -> dict[str, Any]:
    """A refusal with status 200."""
    return {"CallStatus": {"Success": False, "Code": 100, "Message": words}, "GUID": None}


def v1(**more: Any) -> dict[str, Any]:
    """An answer of the older hub."""
    return {"Response": {"CallStatus": {"Code": 0, "Message": {}, "Success": True}, **more}}


def line(sku: str = "TEE-M", qty: int = 2, price: str = "20.0000", **more: Any) -> dict[str, Any]:
    """A line of a want."""
    amount = Decimal(price)
    plain = {"line_ref": "l", "sku": sku, "item_id": None, "qty": qty, "unit_price_amount": amount}
    return {**plain, "tax_rate": 0.2, **more}


def want(**more: Any) -> Want:
    """A row of ``wanted.orders_to_wms``: order #1042, 2 tees, from DCLEE01."""
    fields = {
        "facility": "LEEDS",
        "facility_id": "DCLEE01",
        "delivery_option": "Standard Delivery",
        "delivery_method_id": "DPD",
        "service_code": "STD",
        "order_name": "#1042",
        "placed_at": datetime(2026, 11, 2, 8, tzinfo=UTC),
        "currency": "GBP",
        "total_amount": Decimal("51.9500"),
        "shipping_amount": Decimal("3.9500"),
        "discount_amount": Decimal(0),
        "tax_amount": Decimal("8.0000"),
        "is_tax_included": False,
        "customer_email": "ann@example.test",
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
        "lines": [line()],
    }
    reference = more.pop("reference", "#1042")
    return Want("orders_to_wms", "create", "web_uk:1@LEEDS", reference, {**fields, **more})


def cancellation(**more: Any) -> Want:
    """A row of ``wanted.cancellations_to_wms``."""
    fields = {"warehouse_order_id": GUID, "cancel_reason": "Cancelled in the shop", **more}
    return Want("cancellations_to_wms", "cancel", "web_uk:1@cancel", "#1042", fields)


def order(status: str | None = "To Be Picked", reference: str = "#1042", **more: Any) -> dict[str, Any]:
    """A row of ``seko.orders``."""
    plain = {
        "GUID": seko_writes.guid(reference),
        "Status": status,
        "SalesOrderNumber": seko_writes.number(reference),
        "SalesOrderReference": reference,
        "DCCode": "DCLEE01",
        "CourierName": "DPD",
        "CourierService": "STD",
        "CurrencyCode": "GBP",
        "Total": "51.95",
        "LoadedAt": "2026-11-02T08:05:00Z",
        "Lines": [{"LineNumber": 1, "SKU": "TEE-M", "ProductCode": "TEEM", "Quantity": 2, "UnitPrice": "20"}],
    }
    return {**plain, **more}


def dispatch(record: str = "r1", **more: Any) -> dict[str, Any]:
    """A dispatch confirmation as pushed."""
    plain = {
        "IntegrationId": "12",
        "MessagePart": 1,
        "MessageTotal": 1,
        "MessageGroupId": "5510",
        "SequenceNumber": 7,
        "InterfaceRecordId": record,
        "SalesOrderNumber": "1042",
        "SalesOrderReference": "#1042",
        "DispatchId": "D-88121",
        "DispatchDate": "2026-11-02T10:30:00",
        "CourierService": "STD",
        "Weight": 1.2,
        "WeightUOM": "KG",
        "TrackingUrl": "https://track.example/155",
        "List": {"DispatchLineItem": [{"LineNo": 1, "ProductCode": "TEEM", "PackedQty": 2}]},
        **more,
    }
    return {"Responses": [{"Response": {"Dispatch": plain}}]}


def grn(**more: Any) -> dict[str, Any]:
    """A goods-received confirmation as pushed, for one tee of order 1042 come back."""
    plain = {
        "InterfaceRecordId": "g1",
        "DeliveryNumber": "77",
        "HBRef": "1042",
        "RMA": "1042.77",
        "ArrivedDate": "2026-11-05T10:00:00Z",
        "DCCode": "DCLEE01",
        "List": {"GRNLineItem": [{"LineItemNumber": 1, "ProductCode": "TEEM", "GRNQuantity": 1}]},
        **more,
    }
    return {"Responses": [{"Response": {"GRN": plain}}]}


class Staging(staging_kit.Staging):
    """Its raw tables and staging views, which pushed messages fill too."""

    def __init__(self) -> None:
        super().__init__("seko", "wms_3pl")

    def push(self, table: str, message: Any) -> None:
        """Put the rows of a pushed message into their table."""
        rows = {
            "dispatches": seko_answers.dispatch_rows,
            "tracking_details": seko_answers.tracking_detail_rows,
            "grns": seko_answers.grn_rows,
        }
        self.load(table, *rows[table]("file.json", message))


# --- the sandbox's ------------------------------------------------------------------------------------


def prepare(r: Retailer) -> None:
    """What its streams ask about: items, places, and the orders that we sent by the ledger's word."""
    skus = ", ".join(f"('{s.sku}')" for s in r.wms.sellables.values())
    with warehouse.open(r.path) as connection:
        for slug in r.slugs.values():
            tables.prepare(connection, slug)
        connection.execute(
            "CREATE SCHEMA IF NOT EXISTS marts; CREATE SCHEMA IF NOT EXISTS mappings;"
            f"CREATE OR REPLACE TABLE marts.items AS SELECT sku, 'channel' AS role FROM (VALUES {skus}) t (sku);"
            "CREATE TABLE IF NOT EXISTS mappings.bundles "
            "(parent_sku VARCHAR, component_sku VARCHAR, qty BIGINT);"
            "CREATE TABLE IF NOT EXISTS mappings.sku_changes (system VARCHAR, old_sku VARCHAR, new_sku VARCHAR);"
            f"CREATE TABLE IF NOT EXISTS mappings.facilities AS SELECT '{WMS}' AS warehouse_system, "
            "dc AS warehouse_facility_id FROM (VALUES ('DCLEE01'), ('DCYOR01')) AS t (dc)"
        )
        book = ledger.open(r.ledger_url)
        ledger_copy.copy(connection, book)
        book.close()


def _sent(r: Retailer) -> str:
    """An order of ours that nobody works on for a long time: its reference."""
    made = creating("", "").want(r)
    r.do(WMS, "plan", order=made.reference, pick_minutes=30 * 24 * 60)
    row = {name: value for name, value in made.fields.items() if name != "due_on"}
    states = r.deliver("orders_to_wms", row, ticks=3, pause=400)
    assert states[made.key] == "verified", states
    return made.reference


def _begin(r: Retailer) -> None:
    prepare(r)
    _sent(r)


def _stopped(r: Retailer) -> Want:
    reference = _sent(r)
    stop = stop_row(r, name=reference, there=seko_writes.guid(reference))
    return to_want("cancellations_to_wms", stop)


def _is_stopped(r: Retailer, about: Want) -> int:
    return int(there(r, about.reference).cancelled_at is not None)


def _item(r: Retailer) -> Want:
    """One the account does not know yet."""
    sku = f"NEW{len(r.wms.sellables)}"
    own = {"sku": sku, "title": "A new tee", "weight_grams": 180, "barcode": "5012345678900"}
    return to_want("products_to_wms", row("create", sku, sku, to=WMS, origin_country_code="PT", **own))


def _change(r: Retailer) -> tuple[str, str]:
    """An order that we sent is cancelled there."""
    (reference,) = (o.number for o in r.wms.orders.values() if o.sent_by == "api")
    r.do(WMS, "cancel_order", order=reference)
    return "orders", seko_writes.guid(reference)


_SAID = "Error. The request could not be processed."
_ASKED = Holds(lambda r: [o.number for o in r.wms.orders.values() if o.sent_by == "api"], seko_writes.guid)
_PUSHED = "pushed to a folder when it happens: there is no list to hold it against"
COVERED = {
    "grn.json": "grns stream: an answer kept as a file",
    "order_status.json": "orders stream and look-ups",
    "order_tracking.json": "tracking stream",
    "order_websubmit.json": "create_order request",
    "stock.json": "stock stream",
}
NOT_COVERED = {
    "company_submit.json": "ship-to companies belong to wholesale orders, which no sync sends",
    "dispatch_statuses.json": "names dispatches by a GUID that nothing documented joins to an order",
    "order_submit.json": "wholesale orders, which no sync sends",
    "product_submit.json": "has neither weight, barcode nor origin: such a product is refused before it is sent",
    "receipt_submit.json": "announced receipts are sent by no sync",
    "stock_adjustment.json": "a placeholder without rows; the 3PL owns stock",
    "stock_movement.json": "a placeholder without rows; the 3PL owns stock",
}
KIT = Kit(
    role="warehouse",
    refused=("the key was refused: Invalid api_key",),
    options={"pushes": "{drop}"},
    called={
        "facilities.warehouse_facility_id": {"41": "DCLEE01", "42": "DCYOR01"},
        "delivery_options.delivery_method_id": {
            "11": "Royal Mail",
            "12": "DPD",
            "13": "Royal Mail",
            "14": "Other",
        },
    },
    holds={
        "orders": _ASKED,
        "tracking": "told of orders that are dispatched",
        "dispatches": _PUSHED,
        "tracking_details": _PUSHED,
        "grns": _PUSHED,
        "stock": "a row for each kind of stock, of which the world has one",
        "products": Holds(lambda r: r.wms.sellables.values(), lambda s: s.sku),
    },
    cases={
        ("orders_to_wms", "create"): creating("POST /salesorders/v4/websubmit", _SAID),
        ("cancellations_to_wms", "cancel"): Case(
            _stopped, _is_stopped, "POST /salesorders/v3/{number}/cancel", _SAID
        ),
        ("products_to_wms", "create"): Case(
            _item, lambda r, about: int(about.reference in r.wms.by_sku), "POST /products/v4/submit", _SAID
        ),
    },
    publishes_no_limit=True,
    begin=_begin,
    change=_change,
    prepare=prepare,
    recorded=Recorded("seko", COVERED, NOT_COVERED),
)
