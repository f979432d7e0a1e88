"""A small Seko account for tests: four items, two DCs, and a caller with the right keys."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors import seko
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.world import new_world
from cogent_pipelines_tests.sandbox.veeqo_account import START, Answer, ask

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from cogent_pipelines.sandbox.world.model import WarehouseOrder

SYSTEM = "wms_3pl"
GUID = "8a0f2d8e-3a3d-4a53-9a5c-6f4f6b0b1d01"


class Account:
    """One account in a world that stands still until it is advanced."""

    def __init__(self, *, price: Decimal | int = 0, drop: Path | None = None) -> None:
        self.world = new_world(Settings(speed=0.0, drop=drop), START)
        self.warehouse = catalogue.empty_warehouse(self.world, SYSTEM)
        self.world.warehouses[SYSTEM] = self.warehouse
        self.sellables = [
            rules.add_sellable(self.world, self.warehouse, sku=sku, title=sku, price=price)  # type: ignore[arg-type]
            for sku in ("SKU-0001", "SKU-0002", "000123", "SKU-0004")
        ]
        for sellable in self.sellables[:3]:
            rules.count_stock(self.world, self.warehouse, sellable.id, 41, 10)
        self.kit = Kit(self.world)
        self.app = Starlette(routes=[Mount(f"/{SYSTEM}", routes=seko.routes(SYSTEM, self.world, self.kit))])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str = "application/json",
        key: str = "",
        **params: Any,
    ) -> Answer:
        """Call one of the hubs with its key."""
        name = "token" if path.endswith(".json") else "api_key"
        query = {**params, name: key or f"sandbox-{SYSTEM}-{name}"}
        headers = {"host": "127.0.0.1", "accept": accept}
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            headers["content-type"] = "application/json"
        full = f"/{SYSTEM}{path}"
        return asyncio.run(ask(self.app, method, full, headers=headers, body=content, query=urlencode(query)))

    def get(self, path: str, **params: Any) -> Any:
        """Read with status 200."""
        answer = self.call("GET", path, **params)
        assert answer.status == 200, answer.content
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def load(self, **changes: Any) -> Any:
        """The answer to the brief's order, two units of the first item; ``changes`` by part."""
        body = {
            "WebSalesOrder": {"SalesOrderNumber": "WEB-10017", "SalesOrderReference": "#10017", "CurrencyCode": "GBP",
                              "CourierName": "DPD", "CourierService": "NXD", "GUID": GUID, "ShippingTotal": 4.5},
            "DeliveryDetails": {"FirstName": "Ada", "LastName": "Moss", "Line1": "1 Mill Lane", "City": "York",
                                "PostcodeZip": "YO1 1AA", "CountryCode": "GB", "EmailAddress": "ada@example.test"},
            "SalesOrderHeader": {"DCCode": "DCLEE01"},
            "List": {"SalesOrderLineItem": [{"LineNumber": 1, "ProductCode": "SKU0001", "Quantity": 2, "UnitPrice": 20,
                                             "VAT": 4, "CurrencyCode": "GBP"}]},
        }  # fmt: skip
        for part, change in changes.items():
            body[part] = {**body[part], **change}
        answer = self.call("POST", "/salesorders/v4/websubmit", body)
        assert answer.status == 200
        return answer.json()

    @property
    def order(self) -> WarehouseOrder:
        """The only order."""
        (order,) = self.warehouse.orders.values()
        return order

    def ship(self) -> None:
        """Send the only order off."""
        rules.ship_allocation(
            self.world,
            self.warehouse,
            self.order.id,
            self.order.allocations[0].id,
            carrier_id=4,
            tracking_number="155",
        )
