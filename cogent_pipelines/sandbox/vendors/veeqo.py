"""Veeqo at its HTTP edge: routes, key, limit, lists, filters and errors, as its documents describe them.

Belongs here: what a caller of ``api.veeqo.com`` meets before and around the records.
Does not belong here: the records' JSON (``veeqo_shapes``), bodies of writes (``veeqo_writes``), the
warehouse's own rules (``world/warehouse``).

INFERRED, because no document says it: the bodies of 401 and 429; an empty array past the last page; UTC
for the date filters and 400 for one that cannot be read; what ``/health``, ``/ping`` and ``/current_user``
answer; that a search and a filtered list run ``kit.lags`` seconds behind while a detail never does; how
long an order that is being allocated anew shows no allocations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Bucket, Fault, Kit
from cogent_pipelines.sandbox.vendors.veeqo_index import Index
from cogent_pipelines.sandbox.vendors.veeqo_lists import filtered, instant, put, strange, whole
from cogent_pipelines.sandbox.vendors.veeqo_shapes import Shapes
from cogent_pipelines.sandbox.vendors.veeqo_writes import Refusal, Writes

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.model import WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

CAPACITY = 100
PER_SECOND = 5
MAXIMUM_PAGE = 100
PAGE_SIZES = {"warehouses": 10, "delivery_methods": 1}
DEFAULT_PAGE = 12
CUSTOMER_PAGES = 100
"""Known anomaly: with pages of 100, the pages after this one repeat it."""
REALLOCATING = timedelta(seconds=2)
NOT_FOUND = {"status": "404", "error": "Not Found"}

Handler = Callable[[Request, dict[str, Any], Fault | None], Response]


def posted(world: World, system: str, method: str, path: str, body: Any) -> tuple[int, Any]:
    """What the account answers to a bridge of the world: an order that is made, or allocated."""
    warehouse = world.warehouses[system]
    index = Index(warehouse)
    currency = next((shop.currency for shop in world.shops.values()), "GBP")
    shapes = Shapes(warehouse, index, currency, world.settings.start or world.now)
    writes = Writes(system, world, index, shapes)
    named = re.fullmatch(r"/orders/(\d+)/allocations", path)
    order = warehouse.orders.get(int(named[1])) if named else None
    try:
        if (method, path) == ("POST", "/orders"):
            return 201, {"id": writes.create_order(body, None).id}
        if method == "POST" and order is not None:
            writes.allocate(order, body, None)
            return 201, {"id": order.id}
    except Refusal as refusal:
        return refusal.code, refusal.body
    return 404, NOT_FOUND


TRAITS = Traits(
    role="warehouse",
    feeds=(("orders", "GET /orders"), ("products", "GET /products")),
    status_field="status",
    typed_field="total_price",
    posted=posted,
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Veeqo answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, headers, media_type="application/json; charset=utf-8")


class Edge:
    """One Veeqo account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.warehouse = world.warehouses[system]
        self.index = Index(self.warehouse)
        currency = next((shop.currency for shop in world.shops.values()), "GBP")
        self.shapes = Shapes(self.warehouse, self.index, currency, world.settings.start or world.now)
        self.writes = Writes(system, world, self.index, self.shapes)
        self.bucket = Bucket(CAPACITY, PER_SECOND)
        self.allowance = kit.allow(system, Allowance(CAPACITY, PER_SECOND))
        self.calls = 0

    def routes(self) -> list[BaseRoute]:
        orders = "/orders"
        table: list[tuple[str, str, Handler]] = [
            ("GET", orders, self.list_orders),
            ("POST", orders, self.create_order),
            ("GET", "/orders/{id:int}", self.show_order),
            ("PUT", "/orders/{id:int}", self.update_order),
            ("PUT", "/orders/{id:int}/cancel", self.cancel_order),
            ("POST", "/orders/{id:int}/notes", self.add_note),
            ("GET", "/orders/{id:int}/returns", self.list_returns),
            ("POST", "/orders/{id:int}/allocations", self.allocate),
            ("PUT", "/orders/{id:int}/allocations/{allocation:int}", self.update_allocation),
            ("DELETE", "/orders/{id:int}/allocations/{allocation:int}", self.clear_allocations),
            ("POST", "/shipments", self.ship),
            ("DELETE", "/shipments/{id:int}", self.unship),
            ("GET", "/products", self.list_products),
            ("GET", "/products/{id:int}", self.show_product),
            ("GET", "/sellables", self.list_sellables),
            ("GET", "/sellables/{id:int}/warehouses/{warehouse:int}/stock_entry", self.show_stock),
            ("PUT", "/sellables/{id:int}/warehouses/{warehouse:int}/stock_entry", self.set_stock),
            ("GET", "/customers", self.list_customers),
            ("POST", "/customers", self.create_customer),
            ("GET", "/customers/{id:int}", self.show_customer),
            ("GET", "/warehouses", self.list_warehouses),
            ("GET", "/warehouses/{id:int}", self.show_warehouse),
            ("GET", "/channels", self.list_channels),
            ("GET", "/channels/{id:int}", self.show_channel),
            ("GET", "/delivery_methods", self.list_delivery_methods),
            ("GET", "/delivery_methods/{id:int}", self.show_delivery_method),
            ("GET", "/current_company", self.current_company),
            ("GET", "/current_user", self.current_user),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(method, path, handler), methods=[method])
            for method, path, handler in table
        ]
        made += [Route("/health", self._alive), Route("/ping", self._alive)]
        # What is no route (GET /shipments, /returns, /inventory_levels, /payments) is a 404 of its own.
        nothing = self._endpoint("", "(no route)", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(self, method: str, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        template = re.sub(r"\{(\w+):\w+\}", r"{\1}", path).replace("{allocation}", "{allocation_id}")
        operation = f"{method} {template.replace('{warehouse}', '{warehouse_id}')}".strip()
        is_write = method in {"POST", "PUT", "DELETE"}
        is_list = method == "GET" and path.count("/") == 1 and not path.startswith("/current_")

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            refusal = self._gate(request)
            if refusal is None:
                body, refusal = self._body(content, is_write=is_write and method != "DELETE")

            def act(fault: Fault | None) -> Response:
                try:
                    return refusal or handler(request, body, fault)
                except Refusal as error:
                    return reply(error.body, error.code)

            if refusal is not None and refusal.status_code in {401, 429}:
                answer = refusal
            else:
                answer = await self.kit.serve(
                    request,
                    self.system,
                    operation,
                    act,
                    self._refusal,
                    is_write=is_write,
                    is_list=is_list,
                    subject=self._subject(request, body),
                )
            self.calls += 1
            answer.headers["X-Request-Id"] = f"{self.calls:032x}"
            answer.headers["X-Runtime"] = "0.012300"
            return answer

        return endpoint

    def _gate(self, request: Request) -> Response | None:
        """The key, then the bucket: 401 or 429, or None."""
        now = self.kit.now()
        key = request.headers.get("x-api-key", "")
        is_good = key == self.kit.secret(self.system, "api_key")
        if not is_good or self.kit.tokens.is_locked_out(self.system, now):
            self.kit.counters.refused_logins[self.system] += 1
            return reply({"error_messages": ["Unauthorized"]}, 401)
        if self.bucket.take(now, share=self.allowance.share) > 0:
            self.kit.throttle(self.system)
            return Response("Retry later\n", 429, media_type="text/plain")  # no Retry-After, no rate headers
        return None

    @staticmethod
    def _body(content: bytes, *, is_write: bool) -> tuple[dict[str, Any], Response | None]:
        if not is_write or not content:
            return {}, None
        try:
            body = msgspec.json.decode(content)
        except msgspec.DecodeError:
            return {}, reply({"status": "400", "error": "Bad Request"}, 400)
        return (
            (body, None)
            if isinstance(body, dict)
            else ({}, reply({"status": "400", "error": "Bad Request"}, 400))
        )

    @staticmethod
    def _subject(request: Request, body: dict[str, Any]) -> str:
        """What a planted fault may aim at: the order's number where the call carries one, and the path."""
        order = body.get("order")
        number = order.get("number", "") if isinstance(order, dict) else ""
        return f"{number} {request.url.path} {request.query_params.get('query', '')}"

    @staticmethod
    def _refusal(fault: Fault) -> Response:
        """A planted refusal in Veeqo's words: three shapes of body, picked by type of error."""
        match fault.kind:
            case "rate_limited":
                return Response("Retry later\n", 429, media_type="text/plain")
            case "unavailable":
                return reply({"status": "503", "error": "Service Unavailable"}, 503)
            case "bad_gateway_burst":
                return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
            case "token_expired" | "token_revoked":
                return reply({"error_messages": ["Unauthorized"]}, 401)
            case "forbidden":
                return reply({"error_messages": "Your plan does not include this"}, 403)
            case "not_found_yet":
                return reply(NOT_FOUND, 404)
            case "conflict":
                return reply({"error_messages": "Order is being updated by another process"}, 409)
            case "refused":
                return reply({"error_messages": ["Line items sellable must exist"]}, 422)
            case _:
                return reply({"status": "500", "error": "Internal Server Error"}, 500)

    async def _alive(self, request: Request) -> Response:
        del request
        return Response("OK", media_type="text/plain")

    def _no_route(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del request, body, fault
        return reply(NOT_FOUND, 404)

    # --- lists ----------------------------------------------------------------------------------------

    def _page(
        self,
        request: Request,
        found: list[Any],
        render: Callable[[Any], Any],
        fault: Fault | None,
        *,
        size: int = DEFAULT_PAGE,
        size_name: str = "page_size",
        has_pages_count: bool = True,
        repeats_after: int | None = None,
    ) -> Response:
        """One page of ``found`` as a bare array, its totals in headers."""
        kind = fault.kind if fault else ""
        per_page = min(whole(request.query_params.get(size_name), size) or size, MAXIMUM_PAGE)
        page = whole(request.query_params.get("page"), 1) or 1
        if repeats_after and per_page == MAXIMUM_PAGE:
            page = min(page, repeats_after)
        start = (page - 1) * per_page
        if kind == "page_drift" and start:
            start -= 1  # a newer record pushed the list down between two pages
        chosen = found[start : start + per_page]
        total = len(found)
        if kind == "empty_list":
            chosen, total = [], 0
        elif kind == "record_missing_from_list" and chosen:
            chosen = chosen[:-1]
        elif kind == "duplicate_across_pages" and start:
            chosen = [found[start - 1], *chosen[:-1]]
        elif kind == "count_disagrees":
            total += 3
        answer = [render(each) for each in chosen]
        if answer and kind in {"unknown_status", "unknown_field", "wrong_type"}:
            answer[0] = strange(answer[0], kind)
        headers = {"X-Total-Count": str(total), "X-Page-Index": str(page), "X-Per-Page": str(per_page)}
        if has_pages_count:
            headers["X-Total-Pages-Count"] = str(math.ceil(total / per_page))
        return reply(answer, headers=headers)

    def list_orders(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        lag = self.kit.lags.get(self.system, 0.0)
        horizon = self.world.now - timedelta(seconds=lag) if lag > 0 else None
        found = list(filtered(self.index, request.query_params, horizon))
        return self._page(request, found, self._listed, fault)

    def _listed(self, order: WarehouseOrder) -> dict[str, Any]:
        """An order in a list: while it is being allocated anew, with no allocations at all."""
        recent = self.world.now - REALLOCATING
        is_busy = self.writes.reallocated.get(order.id, recent) > recent or (
            len(order.allocations) > 1
            and any(a.parcel is None and a.created_at > recent for a in order.allocations)
        )
        return self._shown(order, shows_allocations=not is_busy)

    def _shown(self, order: WarehouseOrder, *, shows_allocations: bool = True) -> dict[str, Any]:
        """An order, with whatever its vendor was made to show strangely of it."""
        answer = self.shapes.order(order, shows_allocations=shows_allocations)
        for odd in self.world.odd:
            if odd.system == self.system and odd.record == str(order.id):
                put(answer, odd.field.split("."), odd.value)
        return answer

    def list_returns(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        order = self._order(request)
        return reply([self.shapes.returned(order, each) for each in order.returns])

    def list_products(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        asked = request.query_params
        sellables = self.warehouse.sellables
        found = [[sellables[key] for key in keys] for keys in self.warehouse.by_product.values()]
        if query := asked.get("query", "").strip().lower():
            found = [p for p in found if any(query in s.sku.lower() or query in s.title.lower() for s in p)]
        if (since := instant(asked.get("updated_at_min"))) is not None:
            found = [p for p in found if any(s.updated_at >= since for s in p)]
        if (since := instant(asked.get("created_at_min"))) is not None:
            found = [p for p in found if any(s.created_at >= since for s in p)]
        if since_id := whole(asked.get("since_id"), 0):
            found = [p for p in found if p[0].product_id > since_id]
        if facility := whole(asked.get("warehouse_id"), 0):
            found = [p for p in found if any((s.id, facility) in self.warehouse.stock for s in p)]
        found = [p for p in found if any(s.deleted_at is None for s in p)]
        return self._page(request, found, self.shapes.product, fault, has_pages_count=False)

    def list_sellables(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        found = [s for s in self.warehouse.sellables.values() if s.deleted_at is None]
        if query := request.query_params.get("query", "").strip().lower():
            found = [s for s in found if query in s.sku.lower()]
        return self._page(request, found, self.shapes.sellable, fault, size_name="per_page")

    def list_customers(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        self.index.catch_up()
        found = list(self.warehouse.customers.values())
        if query := request.query_params.get("query", "").strip().lower():
            found = [c for c in found if query in c.email.lower() or query in c.address.phone]
        return self._page(request, found, self.shapes.customer, fault, repeats_after=CUSTOMER_PAGES)

    def list_warehouses(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        found = list(self.warehouse.facilities.values())
        return self._page(request, found, self.shapes.warehouse_record, fault, size=PAGE_SIZES["warehouses"])

    def list_channels(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        return self._page(
            request, list(self.warehouse.channels), self.shapes.channel, fault, has_pages_count=False
        )

    def list_delivery_methods(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        found = list(self.warehouse.delivery_methods.values())
        return self._page(
            request, found, self.shapes.delivery_method, fault, size=PAGE_SIZES["delivery_methods"]
        )

    # --- one record -----------------------------------------------------------------------------------

    def _order(self, request: Request) -> WarehouseOrder:
        order = self.warehouse.orders.get(request.path_params["id"])
        if order is None:
            raise Refusal(404, NOT_FOUND)
        return order

    def show_order(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        return reply(self._shown(self._order(request)))

    def show_product(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        keys = self.warehouse.by_product.get(request.path_params["id"])
        if not keys:
            return reply(NOT_FOUND, 404)
        return reply(self.shapes.product([self.warehouse.sellables[key] for key in keys]))

    def show_stock(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        entry = self.warehouse.stock.get((request.path_params["id"], request.path_params["warehouse"]))
        return reply(self.shapes.stock_entry(entry)) if entry else reply(NOT_FOUND, 404)

    def show_customer(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        self.index.catch_up()
        found = self.warehouse.customers.get(request.path_params["id"])
        return reply(self.shapes.customer(found)) if found else reply(NOT_FOUND, 404)

    def show_warehouse(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        found = self.warehouse.facilities.get(request.path_params["id"])
        return reply(self.shapes.warehouse_record(found)) if found else reply(NOT_FOUND, 404)

    def show_channel(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        key = request.path_params["id"]
        return reply(self.shapes.channel(key)) if key in self.warehouse.channels else reply(NOT_FOUND, 404)

    def show_delivery_method(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body, fault
        found = self.warehouse.delivery_methods.get(request.path_params["id"])
        return reply(self.shapes.delivery_method(found)) if found else reply(NOT_FOUND, 404)

    def current_company(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del request, body, fault
        return reply(self.shapes.company())

    def current_user(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del request, body, fault
        return reply(self.shapes.user())

    # --- writes ---------------------------------------------------------------------------------------

    def create_order(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self.writes.create_order(body, fault)
        location = f"{str(request.url).split('?')[0].rstrip('/')}/{order.id}"
        return reply(self._shown(order), 201, {"Location": location})

    def update_order(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self._order(request)
        self.writes.update_order(order, body, fault)
        return reply(self._shown(order))

    def cancel_order(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self._order(request)
        self.writes.cancel_order(order, body, fault)
        return reply(self._shown(order))

    def add_note(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self._order(request)
        return reply(self.shapes.note(order.id, *self.writes.add_note(order, body, fault)), 201)

    def allocate(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self._order(request)
        self.writes.allocate(order, body, fault)
        location = str(request.url).split("/allocations", maxsplit=1)[0]
        return reply(self._shown(order), 201, {"Location": location})

    def update_allocation(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        order = self._order(request)
        return reply(
            self.shapes.allocation(
                self.writes.update_allocation(order, request.path_params["allocation"], body, fault)
            )
        )

    def clear_allocations(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        order = self._order(request)
        self.writes.clear_allocations(order, request.path_params["allocation"], fault)
        return reply(self._shown(order))

    def ship(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del request
        return reply(self.shapes.shipment(self.writes.ship(body, fault)), 201)

    def unship(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del body
        self.writes.unship(request.path_params["id"], fault)
        return Response(status_code=204)

    def set_stock(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        key = (request.path_params["id"], request.path_params["warehouse"])
        return reply(self.shapes.stock_entry(self.writes.set_stock(*key, body, fault)))

    def create_customer(self, request: Request, body: dict[str, Any], fault: Fault | None) -> Response:
        del request
        return reply(self.shapes.customer(self.writes.create_customer(body, fault)), 201)
