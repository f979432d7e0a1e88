"""Deposco at its HTTP edge: tokens, limit, lists and their links, filters and errors, as its documents describe them.

Belongs here: what a caller of ``api.deposco.com`` and ``auth.deposco.com`` meets before and around the records.
Does not belong here: the records' JSON (``deposco_shapes``), bodies of writes (``deposco_writes``), the
warehouse's own rules (``world/warehouse``).

INFERRED, because no document says it: the words of a 401 and of the login's refusal; four calls a second with a
burst of four, shared by both APIs, and no Retry-After; what a search's id looks like, and that it is kept for as
long as the sandbox lives; 100 as the largest page; that dates filter from the instant named on; 404 for the lines
of a customer order under every name; an order's number alone, and no id, in a shipment's headers.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Bucket, Fault, Kit
from cogent_pipelines.sandbox.vendors.deposco_shapes import UNIT, CustomerOrder, Json, Shapes
from cogent_pipelines.sandbox.vendors.deposco_writes import Refusal, Writes

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.model import Allocation, Parcel, WarehouseOrder, WarehouseReturn
    from cogent_pipelines.sandbox.world.world import World

PER_SECOND, BURST = 4.0, 4.0
TOKEN_SECONDS = 3600
PAGE, LINES_PAGE, LARGEST = 50, 25, 100
DEFAULT_PAGES = {"salesOrders": 25, "customerOrders": 25, "customerReturns": 25, "orderLines": LINES_PAGE}
SEARCHES = 10_000
"""Searches that are remembered."""
UNAUTHORISED = "Unauthorized"
ADJUSTMENTS = ("counted", "written_off", "recalled", "edited")

Handler = Callable[[Request, Json, Fault | None], Response]
Row = tuple[int, Callable[[], Json]]
"""A record's id, and what makes its JSON."""


TRAITS = Traits(
    role="warehouse",
    feeds=(("orders", "GET /latest/orders/salesOrders"), ("items", "GET /latest/items")),
    status_field="orderStatus",
    typed_field="orderTotal",
    untold=frozenset({"merges", "allocation", "origin"}),
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Deposco answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, media_type="application/json")


def error(code: int, message: str) -> Response:
    """The one form of every error."""
    return reply({"errors": [{"errorMessage": message}]}, code)


class Edge:
    """One Deposco account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.warehouse = world.warehouses[system]
        self.shapes: Shapes = world.edges.setdefault(system, Shapes(world, self.warehouse))
        self.writes = Writes(self.shapes)
        self.bucket = Bucket(BURST, PER_SECOND)
        self.allowance = kit.allow(system, Allowance(BURST, PER_SECOND))
        self.searches: dict[str, tuple[list[Row], int]] = {}
        self.number = 0

    def routes(self) -> list[BaseRoute]:
        orders, returns = "/latest/orders/salesOrders", "/latest/orders/customerReturns"
        customer_orders, shipments = "/latest/orders/customerOrders", "/latest/shipments/outboundShipments"
        table: list[tuple[str, str, Handler]] = [
            ("GET", orders, self.list_orders),
            ("POST", orders, self.store_order),
            ("GET", f"{orders}/{{id:int}}", self.show_order),
            ("GET", f"{orders}/{{id:int}}/status", self.show_status),
            ("POST", f"{orders}/{{id:int}}/status", self.set_status),
            ("GET", f"{orders}/{{id:int}}/orderLines", self.list_order_lines),
            ("POST", f"{orders}/{{id:int}}/cancellations", self.cancel_order),
            ("GET", customer_orders, self.list_customer_orders),
            ("POST", customer_orders, self.accept_customer_order),
            ("GET", f"{customer_orders}/{{id:int}}", self.show_customer_order),
            ("PATCH", f"{customer_orders}/{{id:int}}", self.not_allowed),
            ("GET", shipments, self.list_shipments),
            ("GET", f"{shipments}/{{id:int}}", self.show_shipment),
            ("GET", f"{shipments}/{{id:int}}/shipmentLines", self.list_shipment_lines),
            ("GET", returns, self.list_returns),
            ("GET", f"{returns}/{{id:int}}", self.show_return),
            ("GET", f"{returns}/{{id:int}}/orderLines", self.list_return_lines),
            ("GET", "/latest/receipts", self.list_receipts),
            ("GET", "/latest/inventory/inventoryAdjustments", self.list_adjustments),
            ("GET", "/latest/items", self.list_items),
            ("GET", "/latest/items/{id:int}", self.show_item),
            ("GET", "/latest/facilities", self.list_facilities),
            ("GET", "/integration/{code}/inventory/full", self.full_inventory),
        ]
        made: list[BaseRoute] = [Route("/oauth2/token", self.log_in, methods=["POST"])]
        made += [
            Route(path, self._endpoint(method, path, handler), methods=[method])
            for method, path, handler in table
        ]
        nothing = self._endpoint("", "(no route)", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
        return made

    # --- tokens ---------------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        """A private app's client credentials by HTTP Basic, or a partner app's refresh token in the form."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        basic = request.headers.get("authorization", "")

        def act(_fault: Fault | None) -> Response:
            now, tokens = self.world.now, self.kit.tokens
            names = ("client_id", "client_secret")
            given = (
                _pair(basic)
                if form.get("grant_type") == "client_credentials"
                else tuple(form.get(name, "") for name in names)
            )
            secrets = tuple(self.kit.secret(self.system, name) for name in names)
            is_known = given == secrets
            if form.get("grant_type") == "refresh_token":
                is_known = is_known and form.get("refresh_token") == self.kit.secret(
                    self.system, "refresh_token"
                )
            elif form.get("grant_type") != "client_credentials":
                return reply({"error": "unsupported_grant_type"}, 400)
            if not is_known or tokens.is_locked_out(self.system, now):
                self.kit.counters.refused_logins[self.system] += 1
                return reply({"error": "invalid_client"}, 401)
            if "businessUnitId" in form:
                return error(400, "Invalid business unit id")
            self.kit.counters.logins[self.system] += 1
            token = tokens.issue(self.system, now, TOKEN_SECONDS, prefix="dep_")
            return reply({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

        return await self.kit.serve(
            request, self.system, "POST /oauth2/token", act, self._refuse_login, points=0
        )

    def _refuse_login(self, fault: Fault) -> Response:
        if fault.kind in ("token_revoked", "forbidden", "token_expired"):
            self.kit.counters.refused_logins[self.system] += 1
            return reply({"error": "invalid_client"}, 401)
        return self._refusal(fault)

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(self, method: str, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        operation = f"{method} {re.sub(r':int', '', path)}".strip()
        is_write = method in {"POST", "PUT", "PATCH", "DELETE"}
        is_list = method == "GET" and "{id" not in path
        is_old = path.startswith("/integration/")

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            refusal = self._gate(request, is_old=is_old)
            body: Any = {}
            if refusal is None and is_write and content:
                try:
                    body = msgspec.json.decode(content)
                except msgspec.DecodeError:
                    body = None
                if not isinstance(body, dict):
                    body, refusal = {}, error(400, "JSON parse error")

            def act(fault: Fault | None) -> Response:
                self.shapes.base = str(request.base_url).rstrip("/")
                try:
                    return refusal or handler(request, body, fault)
                except Refusal as said:
                    return error(said.code, said.message)

            if refusal is not None and refusal.status_code in {401, 429}:
                return refusal
            return await self.kit.serve(
                request,
                self.system,
                operation,
                act,
                self._refusal,
                is_write=is_write,
                is_list=is_list,
                subject=f"{body.get('number', '')} {request.url.path} {request.url.query}",
            )

        return endpoint

    def _gate(self, request: Request, *, is_old: bool) -> Response | None:
        """The credentials, then the bucket that both APIs share: 401 or 429, or None."""
        now = self.kit.now()
        given = request.headers.get("authorization", "")
        if is_old:
            names = ("integration_user", "integration_password")
            is_good = _pair(given) == tuple(self.kit.secret(self.system, name) for name in names)
            is_good = is_good and not self.kit.tokens.is_locked_out(self.system, now)
        else:
            is_good = given.startswith("Bearer ") and self.kit.tokens.is_good(self.system, given[7:], now)
        if not is_good:
            return error(401, UNAUTHORISED)
        if self.bucket.take(now, share=self.allowance.share) > 0:
            self.kit.throttle(self.system)
            return Response(status_code=429)
        return None

    @staticmethod
    def _refusal(fault: Fault) -> Response:
        """A planted refusal in Deposco's words."""
        conflict = (
            "The resource was updated by a concurrent request. Please retry when the resource is not in use."
        )
        match fault.kind:
            case "rate_limited":
                return Response(status_code=429)
            case "unavailable":
                return Response(status_code=503)
            case "bad_gateway_burst":
                return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
            case "token_expired" | "token_revoked":
                return error(401, UNAUTHORISED)
            case "forbidden":
                return error(403, "Forbidden")
            case "not_found_yet":
                return error(404, "Not Found")
            case "conflict":
                return error(409, conflict)
            case "refused":
                return error(400, "salesOrder.shipToAddress.country size must be between 2 and 2")
            case _:
                return error(500, "Internal Server Error")

    def _no_route(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request, body, fault
        return error(404, "Not Found")

    def not_allowed(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request, body, fault
        return error(405, "Method Not Allowed")

    # --- lists ----------------------------------------------------------------------------------------

    def _page(self, request: Request, find: Callable[[], Sequence[Row]], fault: Fault | None) -> Response:
        """One page, newest record first. A search's id overrides all else in the query, and there is no page number."""
        kind = fault.kind if fault else ""
        asked = request.query_params
        search, _, place = asked.get("searchId", "").partition("-")
        name = request.url.path.rstrip("/").rsplit("/", 1)[-1]
        if search:
            if search not in self.searches or not place.isdigit():
                raise Refusal(400, "Invalid searchId")
            (rows, size), start = self.searches[search], int(place)
        else:
            size = asked.get("pageSize", "")  # type: ignore[assignment]
            size = min(int(size) or 1, LARGEST) if str(size).isdigit() else DEFAULT_PAGES.get(name, PAGE)
            rows, start = list(find()), 0
        if kind == "page_drift" and start:
            start -= 1
        chosen = rows[start : start + size]
        total = len(rows)
        if kind == "empty_list":
            chosen, total = [], 0
        elif kind == "record_missing_from_list":
            chosen = chosen[:-1]
        elif kind == "duplicate_across_pages" and start:
            chosen = [rows[start - 1], *chosen[:-1]]
        is_complete = start + size >= total
        links = []
        if not is_complete:
            if not search:
                self.number += 1
                search = f"s{self.number}"
                self.searches[search] = (list(rows), size)
                self.searches.pop(f"s{self.number - SEARCHES}", None)
            address = str(request.url.replace(query=f"searchId={search}-{start + size}"))
            links = [{"rel": "next", "href": address}]
        data = [make() for _, make in chosen]
        if data and kind in {"unknown_status", "unknown_field", "wrong_type"}:
            data[0] = _strange(data[0], kind)
        pages = math.ceil(total / size) + (3 if kind == "count_disagrees" else 0)
        return reply({"data": data, "links": links, "complete": is_complete, "pages": pages})

    def _since(self, request: Request, name: str) -> datetime | None:
        text = request.query_params.get(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal(400, f"{name} is not a valid date") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    def _keeps(self, request: Request, created: datetime | None, updated: datetime) -> bool:
        """Whether a record is within the dates and the unit asked for, and its list knows it yet."""
        asked = request.query_params
        since, made = self._since(request, "updatedAfter"), self._since(request, "createdAfter")
        return (
            (since is None or updated >= since)
            and (made is None or created is None or created >= made)
            and asked.get("businessUnit", UNIT) == UNIT
            and self.kit.is_listed(self.system, updated)
        )

    @staticmethod
    def _newest(rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: row[0], reverse=True)

    def list_orders(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params

        def find() -> list[Row]:
            found = [
                order
                for order in self.warehouse.orders.values()
                if self._keeps(request, order.created_at, self.shapes.changed_at(order))
                and asked.get("number", self.shapes.order_number(order)) == self.shapes.order_number(order)
                and ("orderStatus" not in asked or asked["orderStatus"] == self.shapes.status(order))
            ]
            return self._newest([(order.id, self._shown(order)) for order in found])

        return self._page(request, find, fault)

    def _shown(self, order: WarehouseOrder) -> Callable[[], Json]:
        """An order, with whatever its vendor was made to show strangely of it."""

        def show() -> Json:
            answer = self.shapes.order(order)
            for odd in self.world.odd:
                if odd.system == self.system and odd.record == str(order.id):
                    _put(answer, odd.field.split("."), odd.value)
            return answer

        return show

    def list_order_lines(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        return self._rows(request, self.shapes.lines(self._order(request)), fault)

    def _rows(self, request: Request, rows: list[Json], fault: Fault | None) -> Response:
        """A list of lines, in their own order."""

        def made(row: Json) -> Callable[[], Json]:
            return lambda: row

        return self._page(request, lambda: [(n, made(row)) for n, row in enumerate(rows)], fault)

    def list_customer_orders(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params

        def made(record: CustomerOrder) -> Callable[[], Json]:
            return lambda: self.shapes.customer_order(record)

        def find() -> list[Row]:
            found = [
                record
                for record in self.shapes.customer_orders.values()
                if self._keeps(request, record.created_at, record.created_at)
                and asked.get("externalOrderNumber", record.external) == record.external
            ]
            return self._newest([(record.id, made(record)) for record in found])

        return self._page(request, find, fault)

    def _parcels(self) -> list[tuple[WarehouseOrder, Allocation, Parcel]]:
        return [
            (order, allocation, allocation.parcel)
            for order in self.warehouse.orders.values()
            for allocation in order.allocations
            if allocation.parcel is not None
        ]

    def list_shipments(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params
        shipped = self._since(request, "shippedAfter")

        def made(row: tuple[WarehouseOrder, Allocation, Parcel]) -> Callable[[], Json]:
            return lambda: self.shapes.shipment(*row)

        def find() -> list[Row]:
            found = []
            for row in self._parcels():
                order, _, parcel = row
                own = {
                    "shipmentNumber": f"SHP-{parcel.id}",
                    "orderNumber": self.shapes.order_number(order),
                    "customerOrderNumber": self.shapes.extra_of(order).customer_order,
                    "shipmentStatus": "Shipped",
                }
                if (
                    self._keeps(request, parcel.created_at, parcel.numbered_at or parcel.created_at)
                    and (shipped is None or parcel.created_at >= shipped)
                    and all(asked.get(name, value) == value for name, value in own.items())
                ):
                    found.append((parcel.id, made(row)))
            return self._newest(found)

        return self._page(request, find, fault)

    def list_shipment_lines(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        return self._rows(request, self.shapes.shipment_lines(self._parcel(request)[1]), fault)

    def _returns(self) -> list[tuple[WarehouseOrder, WarehouseReturn]]:
        return [(order, each) for order in self.warehouse.orders.values() for each in order.returns]

    def list_returns(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body

        def made(row: tuple[WarehouseOrder, WarehouseReturn]) -> Callable[[], Json]:
            return lambda: self.shapes.customer_return(*row)

        def find() -> list[Row]:
            found = [
                row for row in self._returns() if self._keeps(request, row[1].created_at, row[0].updated_at)
            ]
            return self._newest([(row[1].id, made(row)) for row in found])

        return self._page(request, find, fault)

    def list_return_lines(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        return self._rows(request, self.shapes.return_lines(self._return(request)[1]), fault)

    def list_receipts(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body

        def made(order: WarehouseOrder, place: int, row: tuple[int, int, int, int]) -> Callable[[], Json]:
            return lambda: self.shapes.receipt(order, place, row)

        def find() -> list[Row]:
            found = [
                (row[0], made(order, place, row))
                for order, each in self._returns()
                if each.status == "returned" and self._keeps(request, each.created_at, order.updated_at)
                for place, row in enumerate(each.lines, 1)
                if row[3]
            ]
            return self._newest(found)

        return self._page(request, find, fault)

    def list_adjustments(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params
        since = self._since(request, "createdAfter")

        def made(key: int) -> Callable[[], Json]:
            return lambda: self.shapes.adjustment(key, self.warehouse.movements[key])

        def find() -> list[Row]:
            found = []
            for key, movement in enumerate(self.warehouse.movements):
                home = self.warehouse.facilities[movement.facility_id].code
                sku = self.warehouse.sellables[movement.sellable_id].sku
                if (
                    movement.why in ADJUSTMENTS
                    and (since is None or movement.at >= since)
                    and asked.get("facilityNumber", home) == home
                    and asked.get("itemNumber", sku) == sku
                ):
                    found.append((key, made(key)))
            return self._newest(found)

        return self._page(request, find, fault)

    def list_items(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params

        def made(key: int) -> Callable[[], Json]:
            return lambda: self.shapes.item(self.warehouse.sellables[key])

        def find() -> list[Row]:
            found = [
                (item.id, made(item.id))
                for item in self.warehouse.sellables.values()
                if item.deleted_at is None
                and self._keeps(request, item.created_at, item.updated_at)
                and asked.get("number", item.sku) == item.sku
                and asked.get("name", item.title) == item.title
            ]
            return self._newest(found)

        return self._page(request, find, fault)

    def list_facilities(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body

        def made(key: int) -> Callable[[], Json]:
            return lambda: self.shapes.facility(self.warehouse.facilities[key])

        homes = [each for each in self.warehouse.facilities.values() if each.deleted_at is None]
        return self._page(request, lambda: self._newest([(each.id, made(each.id)) for each in homes]), fault)

    def full_inventory(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        if request.path_params["code"] != UNIT:
            return error(404, "Not Found")
        if "json" not in request.headers.get("accept", ""):
            return Response("<inventory/>", media_type="application/xml")
        rows = [] if fault is not None and fault.kind == "empty_list" else self.shapes.levels()
        return reply({"itemInventory": rows})

    # --- one record -----------------------------------------------------------------------------------

    def _order(self, request: Request) -> WarehouseOrder:
        order = self.warehouse.orders.get(request.path_params["id"])
        if order is None:
            raise Refusal(404, f"Sales Order with id = [{request.path_params['id']}]")
        return order

    def _parcel(self, request: Request) -> tuple[WarehouseOrder, Allocation, Parcel]:
        for row in self._parcels():
            if row[2].id == request.path_params["id"]:
                return row
        raise Refusal(404, f"Outbound Shipment with id = [{request.path_params['id']}]")

    def _return(self, request: Request) -> tuple[WarehouseOrder, WarehouseReturn]:
        for row in self._returns():
            if row[1].id == request.path_params["id"]:
                return row
        raise Refusal(404, f"Customer Return with id = [{request.path_params['id']}]")

    def show_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self._shown(self._order(request))())

    def show_status(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply({"orderStatus": self.shapes.status(self._order(request))})

    def show_customer_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        record = self.shapes.customer_orders.get(request.path_params["id"])
        if record is None:
            return error(404, f"Customer Order with id = [{request.path_params['id']}]")
        return reply({"customerOrder": self.shapes.customer_order(record)})

    def show_shipment(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.shapes.shipment(*self._parcel(request)))

    def show_return(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.shapes.customer_return(*self._return(request)))

    def show_item(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        item = self.warehouse.sellables.get(request.path_params["id"])
        return reply(self.shapes.item(item)) if item else error(404, "Not Found")

    # --- writes ---------------------------------------------------------------------------------------

    def store_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request
        order, is_new = self.writes.store(body, fault)
        return reply(self._shown(order)(), 201 if is_new else 200)

    def cancel_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        order = self._order(request)
        self.writes.cancel(order, body, fault)
        return reply(self._shown(order)())

    def set_status(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del fault
        order = self._order(request)
        self.writes.set_status(order, body)
        return reply({"orderStatus": self.shapes.status(order)})

    def accept_customer_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request
        return reply({"id": str(self.writes.accept(body, fault))}, 202)


def _pair(header: str) -> tuple[str, ...]:
    """User and password of an HTTP Basic header; () of anything else."""
    scheme, _, text = header.partition(" ")
    if scheme != "Basic":
        return ()
    try:
        return tuple(base64.b64decode(text, validate=True).decode().split(":", 1))
    except ValueError:
        return ()


def _strange(record: Json, kind: str) -> Json:
    """A record as no document describes it: a planted fault."""
    changed = dict(record)
    if kind == "unknown_field":
        changed["sustainabilityScore"] = 3
    elif kind == "unknown_status":
        changed["orderStatus" if "orderStatus" in changed else "status"] = "In Quarantine"
    else:
        changed["self"] = {"id": "not a number"}
    return changed


def _put(record: Any, path: Sequence[str], value: Any) -> None:
    """Make a field of a record, named by its path, read ``value``."""
    step: Any = int(path[0]) if isinstance(record, list) else path[0]
    if len(path) == 1:
        record[step] = value
    else:
        _put(record[step], path[1:], value)
