"""What the Adobe Commerce tests share: documented answers, records to vary, rows of a sandbox's, the contract.

Belongs here: builders and loading.
Does not belong here: an assertion about Adobe Commerce.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Answer, Request, Stream, System, Want, Window
from cogent_pipelines.landing import shapes
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import STOCK, STORE, is_configurable
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines.vendors.adobe_commerce import VENDOR
from cogent_pipelines_tests.sandbox import adobe_commerce_account as documented
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, START, WMS, Retailer
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging
from cogent_pipelines_tests.vendors.vendor_kit import Case, Contract, Exchange, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import row, sold, times_told, want

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


# --- what is written, in the sandbox's world ------------------------------------------------------------------


def parcel_row(order: ShopOrder, number: str = "JD0001", **more: Any) -> dict[str, Any]:
    """The row that wants a parcel told that holds all of an order."""
    lines = [
        {
            "fulfilment_order_id": str(order.id),
            "fulfilment_order_line_id": str(line.id),
            "order_line_key": f"{SHOP}:{line.id}",
            "sku": line.sku,
            "qty": line.quantity,
        }
        for line in order.lines
    ]
    plain = {
        "order_id": str(order.id),
        "location_id": "1001",
        "from_location_id": "1001",
        "carrier": "Royal Mail",
        "tracking_numbers": [number],
        "tracking_urls": [""],
        "notify": True,
        "despatched_at": START,
        "shipment_id": "5",
        "fulfilment_id": None,
        "lines": lines,
        "part": 1,
    }
    return row("fulfil", f"{WMS}:{number}", number, to=SHOP, priority=40, **(plain | more))


def level_row(r: Retailer, sku: str, quantity: int, act: str = "set", **more: Any) -> dict[str, Any]:
    """The row that wants a level of the first source's; an item that is to be assigned to it has none."""
    held = r.shop.levels.get((r.shop.variants[r.shop.by_sku[sku]].inventory_item_id, 1001))
    is_there = held is not None and held.is_active
    plain = {
        "location_id": "1001",
        "inventory_item_id": sku,
        "sku": sku,
        "quantity": quantity,
        "change_from": held.available if held and is_there else None,
        "committed_qty": held.committed if held and is_there else 0,
        "physical_qty": quantity,
        "allocated_qty": 0,
        "ordered_unallocated_qty": 0,
        "buffer_qty": 0,
        "is_decrease": is_there,
    }
    return row(act, f"{SHOP}:{sku}:1001", sku, to=SHOP, priority=10, **(plain | more))


def _told(r: Retailer) -> Want:
    made = sold(r)
    return want("shipments_to_channel", parcel_row(made, f"JD{made.id}"))


def _level(act: str) -> Callable[[Retailer], Want]:
    """Another number than there is; an item that is to be stocked is not yet."""

    def made(r: Retailer) -> Want:
        held = r.shop.levels[r.shop.variants[r.shop.by_sku["SKU-0003"]].inventory_item_id, 1001]
        quantity = held.available + 7
        held.is_active = act == "set"
        return want("stock_to_channel", level_row(r, "SKU-0003", quantity, act))

    return made


def _is_level(r: Retailer, about: Want) -> int:
    held = r.shop.levels[r.shop.variants[r.shop.by_sku[about.fields["sku"]]].inventory_item_id, 1001]
    return int(held.is_active and held.available == about.fields["quantity"])


def _products(r: Retailer) -> list[int]:
    """Every item, and the configurables above some of them."""
    variants = r.shop.variants.values()
    return [v.id for v in variants] + [v.product_id for v in variants if is_configurable(v)]


def _salable(r: Retailer) -> list[str]:
    """What some source has, and the configurables above some items."""
    variants = r.shop.variants.values()
    stocked = {item for (item, _), held in r.shop.levels.items() if held.is_active}
    return [v.sku for v in variants if v.inventory_item_id in stocked] + [
        f"{v.sku}-ANY" for v in variants if is_configurable(v)
    ]


def _source_items(r: Retailer) -> list[str]:
    return [
        f"{held.location_id}:{r.shop.variants[r.shop.by_item[held.inventory_item_id]].sku}"
        for held in r.shop.levels.values()
        if held.is_active
    ]


def _moved(*kinds: str) -> Callable[[Retailer], list[Any]]:
    """Movements of money that came about."""

    def made(r: Retailer) -> list[Any]:
        every = [t for order in r.shop.orders.values() for t in order.transactions if t.status == "success"]
        return [t for t in every if t.kind in kinds]

    return made


def _credited(r: Retailer) -> list[Any]:
    """What was given back of money that was taken."""
    paid = {"sale", "capture"}
    return [
        back
        for order in r.shop.orders.values()
        if any(t.status == "success" and t.kind in paid for t in order.transactions)
        for back in order.refunds
    ]


# --- the vendor's contract ------------------------------------------------------------------------------------


def name_of(path: str) -> tuple[str, bool]:
    """(the address behind /V1/, whether it goes through the queue)."""
    match = re.fullmatch(r"/rest/default(/async/bulk)?/V1/(.*)", path)
    assert match is not None, path
    return match[2], bool(match[1])


def _errors(exchange: Exchange) -> Sequence[str]:
    """By the vendor's own Swagger file: the call, its parameters, its body and what is answered.

    The file knows the first filter of the first group only, for all of them. What the queue takes is a list of bodies. An
    answer that was trimmed to some fields lacks the others.
    """
    name, is_queued = name_of(exchange.path)
    found = documented.operation(exchange.method, name)
    if found is None:
        return [f"{exchange.method} {name} is not documented"]
    known = {p["name"] for p in found.get("parameters", ()) if p["in"] == "query"}
    given = {re.sub(r"\[\d+\]", "[0]", parameter) for parameter, _ in exchange.params}
    wrong = [f"the parameter {parameter} is not documented" for parameter in sorted(given - known)]
    if exchange.body is not None:
        for body in exchange.body if is_queued else [exchange.body]:
            wrong += documented.request_misfits(exchange.method, name, body)
    answers = found["responses"]
    said = answers.get(str(exchange.status)) or (answers["default"] if exchange.status >= 400 else None)
    if said is None:
        return [*wrong, f"the status {exchange.status} is not documented"]
    shown = documented.misfits(exchange.answer, said.get("schema") or {})
    is_trimmed = any(parameter == "fields" for parameter, _ in exchange.params)
    return [*wrong, *(each for each in shown if not (is_trimmed and each.endswith(" is missing")))]


# --- the vendor, for the suites -------------------------------------------------------------------------------

COVERED = {
    "asynchronous_web_endpoints.json": "set receipt",
    "bulk_endpoints.json": "set receipt",
    "check_salable_quantity.json": "stocks stream: the stock of a website",
    "create_shipment.json": "ship request: two sources",
    "manage_source_items.json": "set request; source_items stream",
    "manage_sources.json": "sources stream",
    "manage_stocks.json": "stocks stream",
    "operation_status_search.json": "look-up of a queued level: a failed operation",
    "order_create_invoice.json": "invoices stream",
    "order_create_shipment.json": "ship request",
}
NOT_COVERED = {
    "order_create_order.json": "placing orders is the shop's own business",
    "order_issue_refund.json": "no sync refunds in a channel",
    "performing_searches.json": "records cut down to two fields by the example's own filter",
    "run_ssa.json": "the shop's proposals of sources are not asked for: the warehouse says where goods left from",
    "stock_sources.csv": "an import file for people",
}
SAID = "The order does not allow a shipment to be created."
_LEVELS = "POST /V1/inventory/source-items"
KIT = Kit(
    role="channel",
    refused=("401: oauth_problem=token_rejected",),
    holds={
        "orders": Holds(lambda r: r.shop.orders.values()),
        "shipments": Holds(
            lambda r: [f for o in r.shop.orders.values() for f in o.fulfilments if f.status == "success"]
        ),
        "invoices": Holds(_moved("sale", "capture")),
        "creditmemos": Holds(_credited),
        "transactions": Holds(_moved("authorization", "sale", "capture", "void", "refund")),
        "products": Holds(_products, str),
        "store_configs": Holds(lambda r: [STORE], str),
        "sources": Holds(lambda r: r.shop.locations.values()),
        "stocks": Holds(lambda r: [STOCK], str),
        "stock_source_links": Holds(lambda r: r.shop.locations.values(), lambda place: f"{STOCK}:{place.id}"),
        "source_items": Holds(_source_items, str),
        "salable": Holds(_salable, str),
    },
    cases={
        ("shipments_to_channel", "fulfil"): Case(_told, times_told, "POST /V1/order/{id}/ship", SAID),
        ("stock_to_channel", "set"): Case(_level("set"), _is_level, _LEVELS, SAID),
        ("stock_to_channel", "activate"): Case(_level("activate"), _is_level, _LEVELS, SAID),
    },
    publishes_no_limit=True,
    contract=Contract(
        "adobe_commerce.json",
        _errors,
        wrong={
            r"^GET \S+: the parameter fields is not documented$": "the brief, Pagination: answers are trimmed by fields=",
            r"^POST /rest/default/V1/inventory/source-items: the status 200 is not documented$": "the brief, Set stock: "
            "the answer is []",
        },
    ),
    recorded=Recorded("magento", COVERED, NOT_COVERED),
)
