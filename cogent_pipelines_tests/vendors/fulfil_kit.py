"""What the Fulfil tests share: recorded answers, an order to vary, an account, and a DuckDB with the staging views.

Belongs here: builders and loading.
Does not belong here: an assertion about Fulfil.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from cogent_pipelines import clock
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Found, System, Want
from cogent_pipelines.landing import shapes
from cogent_pipelines.sandbox.app import Sandbox
from cogent_pipelines.sandbox.vendors.fulfil_models import DELIVERY_PRODUCT, RETURN_SALES
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.vendors import fulfil
from cogent_pipelines_tests.connect import kit
from cogent_pipelines_tests.connect.kit import START, LoopClock
from cogent_pipelines_tests.sandbox.fulfil_account import KEY, Account
from cogent_pipelines_tests.vendors import staging_kit
from cogent_pipelines_tests.vendors.sandbox_kit import WMS, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Case, Holds, Kit, Recorded
from cogent_pipelines_tests.vendors.world_rows import LINES, cancelling, creating, row, there
from cogent_pipelines_tests.vendors.world_rows import want as to_want

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FIXTURES = SHARED / "fixtures" / "fulfil"
STAGING = ROOT / "dbt_project" / "models" / "staging" / "fulfil"
SYSTEM = System(
    "erp_uk",
    "fulfil",
    "http://127.0.0.1:9/erp_uk",
    {"api_key": "FULFIL_TEST_KEY"},
    {"channel_id": 4, "locations": [41, 42]},
    loopback_only=True,
)


def fixture(name: str) -> Any:
    """A recorded answer, decoded; skips where the shared folder is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"no {name}: the shared folder of recorded answers is not beside the project")
    return json.loads(path.read_text(encoding="utf-8"))


# --- records ------------------------------------------------------------------------------------------


def money(amount: str) -> dict[str, str]:
    """A decimal as they write it."""
    return {"__class__": "Decimal", "decimal": amount}


def instant(text: str) -> dict[str, Any]:
    """A datetime as they write it, as far as we read it."""
    return {"__class__": "datetime", "year": int(text[:4]), "iso_string": text}


def day(text: str) -> dict[str, Any]:
    """A date as they write it."""
    return {"__class__": "date", "year": int(text[:4]), "iso_string": text}


def order(**more: Any) -> dict[str, Any]:
    """A sale of 2 tees, processed; ``more`` replaces its fields (``currency_code`` is no field, dots are)."""
    plain = {
        "id": 1201,
        "number": "SO1201",
        "reference": "#1042",
        "channel": 4,
        "channel_identifier": "#1042",
        "origin": None,
        "party": 77,
        "state": "processing",
        "carrier_service": 11,
        "shipment_state": "waiting",
        "has_channel_exception": False,
        "currency": 149,
        "currency.code": "GBP",
        "total_quantity": 2,
        "total_amount": money("51.95"),
        "tax_amount": money("8.00"),
        "payment_total": money("51.95"),
        "warehouse": 41,
        "lines": [3001],
        "shipments": [810],
        "shipment_returns": [],
        "shipment_address.name": "Ann Lee",
        "shipment_address.street": "1 High St",
        "shipment_address.street_bis": None,
        "shipment_address.city": "Leeds",
        "shipment_address.zip": "LS1 1AA",
        "shipment_address.country.code": "GB",
        "create_date": instant("2026-11-02T08:00:11.5"),
        "write_date": None,
    }
    return {**copy.deepcopy(plain), **more}


def line(**more: Any) -> dict[str, Any]:
    """Its line."""
    plain = {"id": 3001, "sale": 1201, "product": 55, "product.code": "TEE-M", "product.type": "goods"}
    return {**plain, "quantity": 2.0, "unit_price": money("20.00"), "amount": money("40.00"), **more}


def shipment(**more: Any) -> dict[str, Any]:
    """Its shipment, for which the goods are set aside."""
    plain = {
        "id": 810,
        "number": "CS810",
        "state": "assigned",
        "customer": 77,
        "warehouse": 41,
        "on_hold": False,
    }
    made = {"create_date": instant("2026-11-02T08:00:12"), "write_date": None}
    return {
        **plain,
        **made,
        "tracking_number": None,
        "picking_status": None,
        "outgoing_moves": [9001],
        **more,
    }


SENT = {
    "state": "done",
    "effective_date": day("2026-11-03"),
    "write_date": instant("2026-11-03T14:10:01"),
    "tracking_number": "1Z9",
    "carrier": 6,
    "carrier.rec_name": "DPD",
}
"""What makes a shipment a parcel."""


def move(**more: Any) -> dict[str, Any]:
    """What leaves the building with it."""
    plain = {"id": 9001, "product": 55, "product.code": "TEE-M", "quantity": 2.0, "from_location": 2041}
    return {**plain, "to_location": 9, "state": "assigned", "shipment": "stock.shipment.out,810", **more}


def want(**more: Any) -> Want:
    """A row of ``wanted.orders_to_wms`` for the order above; ``more`` replaces its fields."""
    fields = {
        "facility": "LEEDS",
        "facility_id": "41",
        "delivery_option": "Standard",
        "delivery_method_id": "11",
        "service_code": None,
        "placed_at": datetime(2026, 11, 2, 7, 59, tzinfo=UTC),
        "currency": "GBP",
        "total_amount": Decimal("51.9500"),
        "shipping_amount": Decimal("3.9500"),
        "discount_amount": Decimal(0),
        "tax_amount": Decimal("8.0000"),
        "is_tax_included": False,
        "customer_email": "Ann@example.test",
        "ship_to_name": "Ann Lee",
        "ship_to_company": None,
        "ship_to_line1": "1 High St",
        "ship_to_line2": None,
        "ship_to_city": "Leeds",
        "ship_to_region": None,
        "ship_to_postcode": "LS1 1AA",
        "ship_to_country_code": "GB",
        "ship_to_phone": "0113",
        "payment_reference": "pay_1",
        "payments": [paid()],
        "lines": [sold()],
    }
    reference = more.pop("reference", "#1042")
    return Want("orders_to_wms", "create", "web_uk:1@LEEDS", reference, {**fields, **more})


def paid(**more: Any) -> dict[str, Any]:
    """A payment of the row above."""
    plain = {
        "payment_id": "pay_1",
        "method": "card",
        "amount": Decimal("51.9500"),
        "fee_amount": Decimal("0.9800"),
    }
    return {**plain, "currency": "GBP", **more}


def sold(**more: Any) -> dict[str, Any]:
    """A line of the row above."""
    plain = {"line_ref": "L1", "sku": "TEE-M", "item_id": "55", "qty": 2}
    return {**plain, "unit_price_amount": Decimal("20.0000"), "tax_rate": 0.2, **more}


def found(write: Any, about: Want, *answers: Any) -> Found:
    """What a write's look-up makes of the answers; fails when it finds nothing."""
    seen = write.lookup.found(about, list(answers))
    assert seen is not None
    return seen


# --- an account of the sandbox's ----------------------------------------------------------------------


@contextmanager
def connected(monkeypatch: pytest.MonkeyPatch, account: Account) -> Iterator[Callable[[Any], Any]]:
    """A function that runs ``act(client)`` against the account, in time that passes only when somebody waits."""
    monkeypatch.setenv("FULFIL_TEST_KEY", KEY)
    kept: Any = SimpleNamespace(world=account.world, kit=account.kit)
    inner = httpx.ASGITransport(Sandbox(account.app, kept, httpx.ReadError))

    class Through(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.05)
            account.world.advance(max(clock.now(), account.world.now))
            return await inner.handle_async_request(request)

    def run(act: Any) -> Any:
        began = account.world.now

        class Time(LoopClock):
            def now(self) -> datetime:
                return super().now() + (began - START)

        async def main() -> Any:
            clock._clock = Time(asyncio.get_running_loop())  # type: ignore[assignment, arg-type]
            client = Client(SYSTEM, fulfil.VENDOR, limits=MemoryLimits(), transport=Through())
            async with client:
                return await act(client)

        return kit.run(main)

    yield run


# --- staging ------------------------------------------------------------------------------------------


class Staging(staging_kit.Staging):
    """Its raw tables and staging views; records are checked as landing checks them."""

    def __init__(self) -> None:
        super().__init__("fulfil", "erp_uk")

    def load(self, table: str, *records: Any, **more: Any) -> None:
        """Put records into a raw table, if landing would."""
        stream = next(s for s in fulfil.VENDOR.streams if s.name == table)
        shape = shapes.shape("fulfil", table, stream.key, stream.version)
        for record in records:
            shape.check(json.dumps(record).encode())
        super().load(table, *records, **more)


# --- rows and cases of the sandbox's ------------------------------------------------------------------


def _sent_back(r: Retailer) -> Want:
    """A return of one unit of an order that was sent."""
    name = f"#{9000 + len(r.wms.orders)}"
    r.do(WMS, "create_order", order=name, lines=LINES[:1])
    order = there(r, name)
    wms.ship_allocation(
        r.world, r.wms, order.id, order.allocations[0].id, carrier_id=4, tracking_number=f"1Z{order.id}"
    )
    line = {"warehouse_order_line_id": str(order.lines[0].id), "sku": "SKU-0001", "qty": 1, "reason": "small"}
    own = {"warehouse_order_id": str(order.id), "lines": [line]}
    return to_want("returns_to_wms", row("create", f"{name}@return", f"ret-{order.id}", to=WMS, **own))


def _returns(r: Retailer, about: Want) -> int:
    return len(r.wms.orders[int(about.fields["warehouse_order_id"])].returns)


_SAID = "The record does not satisfy a rule"
_OF_MODELS = (
    "one record of the world is several of theirs, and some of theirs are of none (delivery, returns)"
)
COVERED = {"sale_sale.json": "orders stream; create_order receipt and read-back"}
NOT_COVERED = {"sale_sale_read.json": "a GET list of ids and names, which no stream or look-up asks for"}
KIT = Kit(
    role="warehouse",
    refused=("401: The access token is not valid",),
    options={"channel_id": 771, "locations": [41, 42]},
    called={
        "delivery_options.service_code": {
            "STD": "Standard",
            "NXD": "Next Day",
            "TRK48": "Tracked 48",
            "COL": "Collect",
        },
    },
    holds={
        "orders": Holds(
            lambda r: [
                *r.wms.orders,
                *(RETURN_SALES + back.id for o in r.wms.orders.values() for back in o.returns),
            ],
            str,
        ),
        "order_lines": _OF_MODELS,
        "shipments": Holds(lambda r: [a for o in r.wms.orders.values() for a in o.allocations]),
        "moves": _OF_MODELS,
        "returns": Holds(lambda r: [each for o in r.wms.orders.values() for each in o.returns]),
        "invoices": _OF_MODELS,
        "products": Holds(lambda r: [DELIVERY_PRODUCT, *r.wms.sellables], str),
        "stock": Holds(
            lambda r: [f"{s}@{f}" for s in (DELIVERY_PRODUCT, *r.wms.sellables) for f in r.wms.facilities],
            str,
        ),
        "customers": Holds(lambda r: r.wms.customers.values()),
        "contacts": Holds(lambda r: [each for each in r.wms.customers.values() if each.email]),
        "locations": _OF_MODELS,
    },
    cases={
        ("orders_to_wms", "create"): creating("PUT /model/sale.channel/create_order", _SAID),
        ("cancellations_to_wms", "cancel"): cancelling("PUT /model/sale.sale/{id}/cancel", _SAID),
        ("returns_to_wms", "create"): Case(
            _sent_back, _returns, "PUT /model/sale.sale/{id}/return_order", _SAID
        ),
    },
    allows_at_once=10,
    history=160,
    recorded=Recorded("fulfil", COVERED, NOT_COVERED),
)
