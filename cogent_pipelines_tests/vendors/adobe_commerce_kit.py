"""What the Adobe Commerce tests share: documented answers, and records to vary.

Belongs here: builders and loading.
Does not belong here: an assertion about Adobe Commerce.
"""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Answer, Request, Stream, System, Want, Window
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors.adobe_commerce import VENDOR
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT.parent / "shared" / "fixtures" / "magento"
SYSTEM = System("web_uk", "adobe_commerce", "https://shop.example.com", {"access_token": "X"})
STREAMS: dict[str, Stream] = {stream.name: stream for stream in VENDOR.streams}


def first(name: str, window: Window, system: System = SYSTEM) -> Request:
    """The request for a stream's first page."""
    stream = STREAMS[name]
    request = stream.request(window, system)
    return stream.paging.first(request) if stream.paging is not None else request


def fixture(name: str) -> list[Any]:
    """A documentation page's JSON blocks; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of documented answers is not beside the project")
    return list(json.loads(path.read_text(encoding="utf-8"))["blocks"])


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """An answer of the shop's."""
    return Answer(status, headers, json.dumps(body).encode(), READ_AT)


def listed(*items: Any, total: int | None = None) -> dict[str, Any]:
    """A search's answer."""
    return {
        "items": list(items),
        "search_criteria": {},
        "total_count": len(items) if total is None else total,
    }


def item(item_id: int = 901, sku: str = "TEE-M", qty: float = 2, **more: Any) -> dict[str, Any]:
    """A simple item at 20 before 20 % tax."""
    plain = {
        "item_id": item_id,
        "order_id": 381,
        "product_id": 55,
        "product_type": "simple",
        "sku": sku,
        "name": "Tee M",
        "is_virtual": 0,
        "qty_ordered": qty,
        "qty_shipped": 0,
        "qty_canceled": 0,
        "qty_refunded": 0,
        "qty_invoiced": qty,
        "base_price": 20,
        "price": 23.4,
        "base_row_total": 20 * qty,
        "base_tax_amount": 4 * qty,
        "tax_percent": 20,
        "base_discount_amount": 0,
    }
    return {**plain, **more}


def configurable(item_id: int = 901, sku: str = "TEE-RED-M", **more: Any) -> list[dict[str, Any]]:
    """A configurable's two items: parent and child."""
    noughts = {"base_price": 0, "base_row_total": 0, "base_tax_amount": 0, "tax_percent": 0}
    child = item(item_id + 1, sku, 2, parent_item_id=item_id, product_id=77, **noughts)
    return [item(item_id, sku, product_type="configurable", product_id=70, **more), child]


def order(*items: Any, **more: Any) -> dict[str, Any]:
    """A paid order of two tees and delivery; ``more`` replaces its fields."""
    plain = {
        "entity_id": 381,
        "increment_id": "000000381",
        "state": "processing",
        "status": "processing",
        "created_at": "2026-11-02 09:14:05",
        "updated_at": "2026-11-02 09:15:40",
        "store_id": 1,
        "store_name": "Main Website\nMain Website Store\nDefault Store View",
        "base_currency_code": "GBP",
        "order_currency_code": "EUR",
        "base_to_order_rate": 1.17,
        "base_grand_total": 54,
        "grand_total": 63.18,
        "base_subtotal": 40,
        "base_shipping_amount": 5,
        "base_tax_amount": 9,
        "base_discount_amount": 0,
        "base_total_paid": 54,
        "customer_email": "Ann@Example.com ",
        "customer_is_guest": 1,
        "shipping_description": "Royal Mail - Tracked 48",
        "payment": {"method": "stripe_payments", "last_trans_id": "ch_abc", "base_amount_paid": 54},
        "items": list(items) or [item()],
        "status_histories": [],
        "extension_attributes": {
            "shipping_assignments": [
                {
                    "shipping": {
                        "method": "flatrate_flatrate",
                        "address": {
                            "firstname": "Ann",
                            "lastname": "Lee",
                            "street": ["1 High St", "Flat 2", "Rear"],
                            "city": "Leeds",
                            "postcode": "LS1 1AA",
                            "country_id": "GB",
                            "telephone": "0113",
                        },
                    }
                }
            ]
        },
    }
    return {**copy.deepcopy(plain), **more}


def invoice(**more: Any) -> dict[str, Any]:
    """The order's invoice, paid."""
    plain = {
        "entity_id": 71,
        "increment_id": "000000071",
        "order_id": 381,
        "state": 2,
        "created_at": "2026-11-02 09:15:00",
        "updated_at": "2026-11-02 09:15:00",
        "base_currency_code": "GBP",
        "base_grand_total": 54,
        "transaction_id": "ch_abc",
    }
    return {**plain, **more}


def shipment(shipment_id: int = 3, qty: int = 2, number: str = "1Z999", **more: Any) -> dict[str, Any]:
    """A shipment of the order's item, not made by us."""
    plain = {
        "entity_id": shipment_id,
        "increment_id": f"{shipment_id:09d}",
        "order_id": 381,
        "created_at": "2026-11-02 14:00:00",
        "updated_at": "2026-11-02 14:00:00",
        "items": [{"entity_id": 1, "order_item_id": 901, "sku": "TEE-M", "qty": qty}],
        "tracks": [{"track_number": number, "title": "UPS", "carrier_code": "ups"}] if number else [],
        "comments": [],
        "extension_attributes": {"source_code": "leeds_dc"},
    }
    return {**plain, **more}


def parcel(**more: Any) -> Want:
    """A row of ``wanted.shipments_to_channel`` for the order above."""
    fields = {
        "order_id": "381",
        "location_id": "leeds_dc",
        "from_location_id": "york_dc",
        "carrier": "UPS",
        "tracking_numbers": ["1Z999"],
        "tracking_urls": [""],
        "notify": True,
        "lines": [
            {
                "fulfilment_order_id": "381",
                "fulfilment_order_line_id": "901",
                "order_line_key": "web_uk:901",
                "sku": "TEE-M",
                "qty": 2,
            }
        ],
        "part": 1,
    }
    refs = more.pop("refs", {})
    return Want(
        "shipments_to_channel", "fulfil", more.pop("key", "wms_uk:77"), "1Z999", {**fields, **more}, refs
    )


def level(sku: str = "TEE-M", quantity: int = 7, committed: int = 2, **more: Any) -> Want:
    """A row of ``wanted.stock_to_channel``."""
    fields = {
        "sku": sku,
        "inventory_item_id": sku,
        "location_id": "leeds_dc",
        "quantity": quantity,
        "change_from": 9,
        "committed_qty": committed,
    }
    refs = more.pop("refs", {})
    return Want("stock_to_channel", "set", f"web_uk:{sku}:leeds_dc", sku, {**fields, **more}, refs)


def stock(
    quantity: float = 11, salable: float = 9, sku: str = "TEE-M", *, other: float = 0, **more: Any
) -> list[Any]:
    """What the look-ups of a level answer: two sources, of which Leeds is the first."""
    rows = [
        {"sku": sku, "source_code": "leeds_dc", "quantity": quantity, "status": 1, **more},
        {"sku": sku, "source_code": "york_dc", "quantity": other, "status": int(other > 0)},
    ]
    links = [
        {"stock_id": 1, "source_code": "york_dc", "priority": 2},
        {"stock_id": 1, "source_code": "leeds_dc", "priority": 1},
    ]
    sources = [{"source_code": code, "name": code, "enabled": True} for code in ("leeds_dc", "york_dc")]
    export = [{"sku": sku, "qty": salable, "is_salable": salable > 0}]
    return [listed(*rows), listed(*export), listed(*links), listed(*sources)]


class Views(Staging):
    """The staging views, and their raw tables with what landing checks and adds."""

    def __init__(self) -> None:
        super().__init__("adobe_commerce", "web_uk")

    def load(self, table: str, *records: Any, **more: Any) -> None:
        """Put records into a raw table as landing would: with their key, and checked."""
        stream = STREAMS[table]
        shape = shapes.shape("adobe_commerce", table, stream.key, stream.version)
        made = stream.rows(None, listed(*records)) if stream.rows is not None else records
        for record in made:
            shape.check(json.dumps(record).encode())
        super().load(table, *made, **more)

    def one(self, mart: str) -> dict[str, Any]:
        """A view's only row."""
        (row,) = self.rows(mart)
        return row


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some columns of a row."""
    return tuple(row[name] for name in names)


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)
