"""A small Shopify account for tests: a handful of items and orders, and an app with a good token."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import DROP, Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors import shopify
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.model import Address, Payout, ShopOrder, Variant
from cogent_pipelines.sandbox.world.world import new_world

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

SYSTEM = "web_uk"
START = datetime(2026, 11, 2, 6, tzinfo=UTC)
ADDRESS = Address("Ann", "Lee", "1 High St", "Leeds", "LS1 1AA", "GB", phone="0113")
GRAPHQL = "/admin/api/2026-07/graphql.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``is_cut`` when the connection was dropped before the end."""

    status: int
    headers: dict[str, str]
    content: bytes = field(repr=False)
    is_cut: bool = False

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def data(self) -> Any:
        """The data of an answer without errors."""
        body = self.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    @property
    def errors(self) -> Any:
        return self.json()["errors"]

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.errors[0]["extensions"]["code"])

    @property
    def cost(self) -> Any:
        return self.json()["extensions"]["cost"]


async def ask(app: Any, method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> Answer:
    """One request to an ASGI application, with nothing in between."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "server": ("127.0.0.1", 8700),
        "path": path,
        "root_path": "",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start = next((m for m in messages if m["type"] == "http.response.start"), {"status": 0, "headers": []})
    content = b"".join(m.get("body", b"") for m in messages if m["type"] == "http.response.body")
    is_cut = messages[-1]["type"] == DROP
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, content, is_cut)


class Account:
    """One account in a world that stands still until it is advanced."""

    def __init__(self, *, items: int = 4, stock: int = 100, lag: float = 0.0) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.shop = self.world.shops[SYSTEM] = catalogue.empty_shop(SYSTEM)
        self.items: list[Variant] = []
        for number in range(1, items + 1):
            item = catalogue.add_variant(
                self.world,
                self.shop,
                sku=f"SKU-{number:04d}",
                title=f"Item {number}",
                price=Decimal("12.50"),
                barcode=catalogue.gtin(number),
                weight_grams=100,
                origin_country="GB",
            )
            self.items.append(item)
            for location in self.shop.locations:
                catalogue.stock_level(self.world, self.shop, item, location, stock)
        self.kit = Kit(self.world)
        self.kit.lags[SYSTEM] = lag
        self.edge = shopify.Edge(SYSTEM, self.world, self.kit)
        self.app = Starlette(routes=[Mount(f"/{SYSTEM}", routes=self.edge.routes())])
        self.token = self.kit.tokens.issue(SYSTEM, self.world.now, None, prefix="shpat_")
        self.advance(60)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def order(
        self, lines: Sequence[tuple[int, int]] = ((0, 1),), *, paid: bool = True, **details: Any
    ) -> ShopOrder:
        """Place an order of (item index, quantity) lines, all of it from Leeds."""
        placed = shops.place_order(
            self.world,
            self.shop,
            lines=[shops.NewLine(self.items[i].sku, n, self.items[i].price) for i, n in lines],
            email="ann@example.com",
            address=ADDRESS,
            customer_id=details.pop("customer_id", 5),
            delivery_price=Decimal("3.95"),
            **details,
        )
        if paid:
            shops.pay(self.world, self.shop, placed.id)
        return placed

    def call(
        self,
        text: str,
        variables: dict[str, Any] | None = None,
        *,
        path: str = GRAPHQL,
        token: str | None = None,
        **more: Any,
    ) -> Answer:
        """Send one GraphQL document; further arguments are its variables."""
        body = json.dumps({"query": text, "variables": {**(variables or {}), **more}}).encode()
        headers = {
            "content-type": "application/json",
            "x-shopify-access-token": self.token if token is None else token,
        }
        return asyncio.run(ask(self.app, "POST", f"/{SYSTEM}{path}", headers=headers, body=body))

    def log_in(self, **changed: str) -> Answer:
        """Ask for a token with the app's own secrets, or with ``changed`` ones."""
        given = {
            "grant_type": "client_credentials",
            "client_id": f"sandbox-{SYSTEM}-client_id",
            "client_secret": f"sandbox-{SYSTEM}-client_secret",
            **changed,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        path = f"/{SYSTEM}/admin/oauth/access_token"
        return asyncio.run(ask(self.app, "POST", path, headers=headers, body=urlencode(given).encode()))

    def get(self, url: str) -> Answer:
        """Fetch a file from the account's own host."""
        path = url.removeprefix("http://127.0.0.1:8700")
        return asyncio.run(ask(self.app, "GET", path, headers={}))

    def item_gid(self, index: int) -> str:
        return f"gid://shopify/InventoryItem/{self.items[index].inventory_item_id}"

    def order_gid(self, order: ShopOrder) -> str:
        return f"gid://shopify/Order/{order.id}"

    def fulfil(self, order: ShopOrder, *numbers: str, **more: Any) -> Any:
        """Ship all that is left of an order's first fulfilment order."""
        given = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{order.fulfilment_orders[0].id}"}
            ],
            "trackingInfo": {"company": "Royal Mail", "numbers": list(numbers)},
            **more,
        }
        return self.call(FULFIL, given=given).data["fulfillmentCreate"]


FULFIL = """mutation($given: FulfillmentInput!) { fulfillmentCreate(fulfillment: $given) {
  fulfillment { id status displayStatus trackingInfo { company number url } fulfillmentLineItems(first: 10) {
    nodes { quantity lineItem { id } } } }
  userErrors { field message } } }"""


def busy_account() -> Account:
    """An account in which everything has happened at least once."""
    account = Account(items=6)
    world, shop = account.world, account.shop
    waiting = account.order([(0, 2), (1, 1)], paid=False, note="Ring the bell", tags=["gift"])
    shops.authorise(world, shop, waiting.id)
    account.advance(600)
    abroad = account.order([(2, 3)], presentment=("EUR", Decimal("1.17")))
    account.fulfil(abroad, "RM1", "RM2", notifyCustomer=True)
    account.advance(600)
    shops.add_scan(world, shop, abroad.fulfilments[0].id, "delivered")
    back = shops.open_return(world, shop, abroad.id, [(abroad.lines[0].id, 1)])
    shops.refund(
        world,
        shop,
        abroad.id,
        lines=[(abroad.lines[0].id, 1, "return")],
        shipping=Decimal("1.00"),
        adjustment=Decimal("2.00"),
        note="broken",
        return_id=back.id,
    )
    shops.close_return(world, shop, abroad.id, back.id)
    gone = account.order([(3, 1)])
    shops.cancel_order(world, shop, gone.id, notify=True)
    held = account.order([(4, 1)])
    shops.set_hold(world, shop, held.fulfilment_orders[0].id, held=True)
    shops.book_entry(world, shop, "adjustment", Decimal("-1.50"), reason="chargeback lost")
    entries = [shop.entries[number] for number in shop.unpaid_out]
    payout = Payout(1, world.now, "paid", sum((e.amount - e.fee for e in entries), Decimal(0)), "GBP")
    shop.payouts[payout.id] = payout
    for entry in entries[:-1]:
        entry.payout_id = payout.id
    del shop.unpaid_out[:-1]
    account.advance(600)
    return account
