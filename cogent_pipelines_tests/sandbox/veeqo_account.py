"""A small Veeqo account for tests: four items, two facilities, and a caller with the right key."""

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
from cogent_pipelines.sandbox.vendors import veeqo
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import Address, DeliveryMethod, Facility, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import new_world

if TYPE_CHECKING:
    from collections.abc import MutableMapping

KEY = "sandbox-wms_uk-api_key"
START = datetime(2026, 11, 2, 6, tzinfo=UTC)
ADDRESS = Address("Ann", "Lee", "1 High St", "Leeds", "LS1 1AA", "GB", phone="0113")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``is_cut`` when the connection was dropped before the end."""

    status: int
    headers: dict[str, str]
    content: bytes = field(repr=False)
    is_cut: bool = False

    def json(self) -> Any:
        return json.loads(self.content)


async def ask(
    app: Any, method: str, path: str, *, headers: dict[str, str], body: bytes = b"", query: str = ""
) -> Answer:
    """One request to an ASGI application, with nothing in between."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": path,
        "root_path": "",
        "raw_path": path.encode(),
        "query_string": query.encode(),
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

    def __init__(self, *, items: int = 4, stock: int = 100) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.warehouse = Warehouse("wms_uk")
        self.world.warehouses["wms_uk"] = self.warehouse
        for key, code, name in ((41, "LEEDS", "Leeds"), (42, "YORK", "York")):
            self.warehouse.facilities[key] = Facility(key, code, name)
        self.warehouse.channels[771] = "API store"
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
        self.app = Starlette(routes=[Mount("/wms_uk", routes=veeqo.routes("wms_uk", self.world, self.kit))])

    def call(
        self,
        method: str,
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
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        asked = ask(
            self.app,
            method,
            f"/wms_uk{path}",
            headers=headers,
            body=content,
            query=urlencode(params, doseq=True),
        )
        return asyncio.run(asked)

    def get(self, path: str, **params: Any) -> Any:
        """Read something that is there."""
        answer = self.call("GET", path, **params)
        assert answer.status == 200, answer.content
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def place(
        self, number: str, *, email: str = "ann@example.test", units: int = 2, **more: Any
    ) -> WarehouseOrder:
        """An order as the world makes it, without HTTP."""
        return rules.create_order(
            self.world,
            self.warehouse,
            number=number,
            channel_id=771,
            email=email,
            address=ADDRESS,
            delivery_method_id=11,
            lines=[rules.NewWarehouseLine(self.sellables[0], units, Decimal("20.00"), Decimal("0.2"))],
            **more,
        )

    def body(self, number: str = "WEB-1042", **changes: Any) -> dict[str, Any]:
        """The body of ``POST /orders`` that the vendor's brief shows; a change to None leaves a key out."""
        order: dict[str, Any] = {
            "channel_id": 771,
            "customer_attributes": {"email": "ann@example.test", "phone": "0113"},
            "delivery_method_id": 12,
            "number": number,
            "due_date": "03/11/2026",
            "deliver_to_attributes": {
                "first_name": "Ann",
                "last_name": "Lee",
                "address1": "1 High St",
                "city": "Leeds",
                "zip": "LS1 1AA",
                "country": "GB",
            },
            "delivery_cost": 3.95,
            "total_discounts": 0,
            "line_items_attributes": [
                {"sellable_id": self.sellables[0], "quantity": 2, "price_per_unit": "20.000", "tax_rate": 0.2}
            ],
            "payment_attributes": {"payment_type": "bank_transfer", "reference_number": "pay_1"},
            "customer_note_attributes": {"text": "Leave at door"},
            "employee_notes_attributes": [{"text": "source=web"}],
        }
        return {"order": {k: v for k, v in (order | changes).items() if v is not None}}

    def post(self, number: str = "WEB-1042", **changes: Any) -> dict[str, Any]:
        """An order sent in over HTTP, as answered."""
        answer = self.call("POST", "/orders", self.body(number, **changes))
        assert answer.status == 201, answer.content
        found: dict[str, Any] = answer.json()
        return found
