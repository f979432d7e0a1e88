"""A small Fulfil account for tests: four products, two warehouses, and a caller with the right token."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors import fulfil
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import DeliveryMethod, Facility, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import new_world
from cogent_pipelines_tests.sandbox.veeqo_account import ADDRESS, START, Answer, ask

KEY = "sandbox-erp_uk-api_key"


class Account:
    """One account in a world that stands still until it is advanced."""

    def __init__(self, *, items: int = 4, stock: int = 100) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.warehouse = Warehouse("erp_uk")
        self.world.warehouses["erp_uk"] = self.warehouse
        for key, code, name in ((41, "LEEDS", "Leeds"), (42, "YORK", "York")):
            self.warehouse.facilities[key] = Facility(key, code, name)
        self.warehouse.channels[4] = "Webshop"
        for key, name in ((11, "Standard"), (12, "Next Day")):
            self.warehouse.delivery_methods[key] = DeliveryMethod(key, name, Decimal("3.95"), START, START)
        self.sellables = [
            rules.add_sellable(
                self.world, self.warehouse, sku=f"SKU-{n:04d}", title=f"Item {n}", price=Decimal("24.00")
            ).id
            for n in range(1, items + 1)
        ]
        for sellable in self.sellables:
            rules.count_stock(self.world, self.warehouse, sellable, 41, stock)
        self.kit = Kit(self.world)
        self.app = Starlette(routes=[Mount("/erp_uk", routes=fulfil.routes("erp_uk", self.world, self.kit))])

    def call(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        waits: float = 0.2,
        **params: Any,
    ) -> Answer:
        """Call the account; between calls so much time passes that only who wants to meets the limit."""
        self.advance(waits)
        headers = {"host": "127.0.0.1", "content-type": "application/json"}
        if key is not None:
            headers["x-api-key"] = key
        content = b"" if body is None else json.dumps(body).encode()
        asked = ask(
            self.app,
            verb,
            f"/erp_uk/api/v2/model/{path}",
            headers=headers,
            body=content,
            query=urlencode(params, doseq=True),
        )
        return asyncio.run(asked)

    def put(self, path: str, body: Any = None, **params: Any) -> Any:
        """Call a method that is answered."""
        answer = self.call("PUT", path, body, **params)
        assert answer.status == 200, answer.content
        return answer.json()

    def search(self, model: str, *clauses: Any, fields: Any = ("id",), **more: Any) -> Any:
        """Records of a model."""
        return self.put(f"{model}/search_read", {"filters": list(clauses), "fields": list(fields), **more})

    def refused(self, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """Status and body of a call that is refused."""
        answer = self.call("PUT", path, body, **params)
        assert answer.status >= 400, answer.content
        return answer.status, answer.json()

    def advance(self, seconds: float) -> None:
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def place(self, number: str, *, units: int = 2, **more: Any) -> WarehouseOrder:
        """An order as the world makes it, without HTTP."""
        return rules.create_order(
            self.world,
            self.warehouse,
            number=number,
            channel_id=4,
            email="ann@example.test",
            address=ADDRESS,
            delivery_method_id=11,
            lines=[rules.NewWarehouseLine(self.sellables[0], units, Decimal("20.00"), Decimal("0.2"))],
            **more,
        )

    @staticmethod
    def body(number: str = "WEB-1042", **changes: Any) -> list[Any]:
        """The body that the vendor's brief shows; a change to None leaves a key out."""
        address = {
            "name": "Ann Lee",
            "address1": "1 High St",
            "city": "Leeds",
            "zip": "LS1 1AA",
            "country_code": "GB",
        }
        order: dict[str, Any] = {
            "channel_identifier": number,
            "reference": number,
            "confirmed_at": "2026-11-02T05:59:00Z",
            "status": "pending",
            "financial_status": "paid",
            "fulfillment_status": "unshipped",
            "currency_code": "GBP",
            "customer": {"name": "Ann Lee", "contacts": [["email", "ann@example.test"]]},
            "billing_address": address,
            "shipping_address": address,
            "sale_lines": [
                {
                    "channel_identifier": "L1",
                    "sku": "SKU-0001",
                    "quantity": 2,
                    "unit_price": "20.00",
                    "amount": "40.00",
                    "tax_lines": [{"name": "VAT", "rate": "0.20", "amount": "8.00"}],
                }
            ],
            "shipping_lines": [
                {
                    "channel_identifier": "S1",
                    "carrier_service_code": "Standard",
                    "description": "Standard",
                    "amount": "3.95",
                }
            ],
            "payments": [
                {"amount": "51.95", "provider_reference": "pay_1", "method": "card", "state": "success"}
            ],
            "amount": "51.95",
        }
        return [4, {k: v for k, v in (order | changes).items() if v is not None}]

    def post(self, number: str = "WEB-1042", **changes: Any) -> dict[str, Any]:
        """An order sent in over HTTP, as answered."""
        found: dict[str, Any] = self.put("sale.channel/create_order", self.body(number, **changes))
        return found

    def ship(self, order_id: int, number: str = "1Z9") -> None:
        """Somebody sends everything that is set aside."""
        order = self.warehouse.orders[order_id]
        for each in list(order.allocations):
            rules.ship_allocation(
                self.world, self.warehouse, order_id, each.id, carrier_id=4, tracking_number=number
            )
