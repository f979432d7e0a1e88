"""A small BigCommerce store for tests: four items, one or two locations, and a caller with the right token.

Belongs here: building, calling, placing orders.
Does not belong here: an assertion about BigCommerce.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import Kit, Outage
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors.bigcommerce import Edge
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.model import Address, Location, Shop, ShopOrder
from cogent_pipelines.sandbox.world.world import new_world
from cogent_pipelines_tests.sandbox.veeqo_account import Answer, ask

NAME = "web_us"
TOKEN = f"sandbox-{NAME}-access_token"
START = datetime(2026, 11, 2, 6, tzinfo=UTC)
ADDRESS = Address("Ann", "Lee", "1 High St", "Leeds", "LS1 1AA", "GB", phone="0113", region="England")


class Account:
    """One store in a world that stands still until it is advanced."""

    def __init__(self, *, items: int = 4, stock: int = 100, locations: int = 1) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.shop = Shop(NAME, "GBP")
        for key in range(1, locations + 1):
            self.shop.locations[key] = Location(key, f"Location {key}")
        self.world.shops[NAME] = self.shop
        self.variants = [
            catalogue.add_variant(
                self.world, self.shop, sku=f"SKU-{n:04d}", title=f"Item {n}", price=Decimal("24.00")
            )
            for n in range(1, items + 1)
        ]
        if items > 1:  # the first two are one product
            self.variants[1].product_id = self.variants[0].product_id
        for variant in self.variants:
            catalogue.stock_level(self.world, self.shop, variant, 1, stock)
        self.kit = Kit(self.world)
        self.edge = Edge(NAME, self.world, self.kit)
        self.app = Starlette(routes=[Mount(f"/{NAME}", routes=self.edge.routes())])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        waits: float = 0.25,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Answer:
        """Call the store; between calls so much time passes that only who wants to meets the quota."""
        self.advance(waits)
        sent = {"host": "127.0.0.1", "accept": "application/json", **(headers or {})}
        if token is not None:
            sent["x-auth-token"] = token
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        asked = ask(
            self.app,
            method,
            f"/{NAME}{path}",
            headers=sent,
            body=content,
            query=urlencode({name.replace("__", ":"): value for name, value in params.items()}),
        )
        return asyncio.run(asked)

    def get(self, path: str, **params: Any) -> Any:
        """Read something that is there."""
        answer = self.call("GET", path, **params)
        assert answer.status == 200, (answer.status, answer.content)
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def strike(self, operation: str, kind: str, times: int = 1) -> None:
        """Have the next calls of an operation meet a fault."""
        until = self.world.now + timedelta(days=30)
        self.kit.faults.outages.append(Outage(NAME, operation, kind, self.world.now, until, left=times))

    def place(
        self, *, units: int = 2, item: int = 0, is_paid: bool = True, lines: Any = None, **more: Any
    ) -> ShopOrder:
        """An order as the world makes it, without HTTP."""
        sold = self.variants[item]
        plain = [shops.NewLine(sold.sku, units, Decimal("24.00"), sold.id, sold.title)]
        order = shops.place_order(
            self.world,
            self.shop,
            lines=plain if lines is None else lines,
            email="ann@example.test",
            address=ADDRESS,
            customer_id=31,
            delivery_price=Decimal("6.00"),
            **more,
        )
        if is_paid:
            shops.pay(self.world, self.shop, order.id)
        return order

    def shipment(self, order: ShopOrder, units: int = 2, **more: Any) -> dict[str, Any]:
        """The body of a shipment of the order's first line."""
        return {
            "order_address_id": 30_000_000 + order.id,
            "items": [{"order_product_id": order.lines[0].id, "quantity": units}],
            "tracking_number": "EJ958083578GB",
            "shipping_provider": "royalmail",
            "comments": "our ref SHP-77",
            **more,
        }
