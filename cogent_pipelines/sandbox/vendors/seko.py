"""Seko at its HTTP edge, both hubs at one address: routes, keys, envelopes and reads, as its documents say.

Belongs here: what a caller of ``ihub`` and ``hub.supplystream.com`` meets before and around the records.
Does not belong here: bodies of writes (``seko_writes``), codes and statuses (``seko_shapes``), pushed messages
(``seko_pushes``), the warehouse's own rules (``world/warehouse``).

INFERRED, because no document says it: 401 and the words for a bad key; 414 for too long a query; the words for
a missing ``dc`` and for a GUID or code nobody knows; that ``stock/v1/dc`` answers 500 (it was reported broken);
what a product's status answers beside the envelope; the service number of tracking details.
"""

# ruff: noqa: ARG002  every handler is called with the same three things

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.vendors.seko_pushes import Pusher
from cogent_pipelines.sandbox.vendors.seko_shapes import (
    Json,
    Names,
    dc_code,
    envelope,
    guid,
    guid_of,
    legacy,
    product_code,
    stamp,
    status,
)
from cogent_pipelines.sandbox.vendors.seko_writes import Refusal, Writes

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.kit import Fault, Kit
    from cogent_pipelines.sandbox.world.model import WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

LONGEST_QUERY = 2048
LAG = timedelta(minutes=5)
"""A loaded order reduces free stock about so much later."""
NOTHING = "No results found for search criteria"
BAD_KEY = "Invalid api_key"

Handler = Callable[[Request, Json, "Fault | None"], Json]


TRAITS = Traits(
    role="warehouse",
    goes_by=guid_of,
    feeds=(("stock", "GET /stock/v3/quantity"), ("orders", "GET /salesorders/v1/{guid}/status.json")),
    status_field="Status",
    typed_field="Status",
    untold=frozenset(
        {
            "others",
            "renumbering",
            "items",
            "content",
            "edits",
            "shortage",
            "merges",
            "allocation",
            "reasons",
            "spelling",
            "parcels",
            "weight",
            "barcode",
            "origin",
        }
    ),
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Seko answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, media_type="application/json; charset=utf-8")


def xml(body: Json) -> Response:
    """The same as XML, which is what who does not ask for JSON gets."""

    def write(name: str, value: Any) -> str:
        if isinstance(value, list):
            return "".join(write(name, part) for part in value)
        inner = (
            "".join(write(n, v) for n, v in value.items()) if isinstance(value, dict) else escape(str(value))
        )
        return f"<{name}>{inner}</{name}>"

    return Response(write("Response", body), media_type="application/xml; charset=utf-8")


class Edge:
    """One Seko account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.warehouse = world.warehouses[system]
        self.names = Names(world, self.warehouse)
        self.writes = Writes(system, world, self.names)
        if world.settings.drop is not None and system not in world.edges:
            world.edges[system] = Pusher(system, world, self.names, world.settings.drop)
            world.edges[system].begin()

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/echo/v1/{words}.json", self.echo),
            ("GET", "/stock/v3/quantity", self.stock),
            ("GET", "/stock/v1/all.json", self.all_stock),
            ("GET", "/stock/v1/dc/{code}.json", self.stock_of_dc),
            ("GET", "/stock/v1/product/{code}.json", self.all_stock),
            ("POST", "/salesorders/v4/websubmit", self.submit_order),
            ("POST", "/salesorders/v3/{number}/cancel", self.cancel_order),
            ("GET", "/salesorders/v1/{guid}/status.json", self.order_status),
            ("GET", "/salesorders/v1/{guid}/tracking.json", self.order_tracking),
            ("GET", "/dispatches/v1/status/{since}/{until}.json", self.dispatches),
            ("GET", "/grns/v1/{guid}.json", self.goods_received),
            ("POST", "/products/v4/submit", self.submit_product),
            ("POST", "/products/v4/update", self.update_product),
            ("GET", "/products/v1/{code}/status.json", self.product_status),
            ("GET", "/products/v1/{code}/eans.json", self.product_eans),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(method, path, handler), methods=[method])
            for method, path, handler in table
        ]
        nothing = self._endpoint("", "(no route)", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "DELETE"]))
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(self, method: str, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        operation = f"{method} {path}".strip()
        is_old = path.endswith(".json")
        is_write = method == "POST"
        is_list = path.startswith(("/stock", "/dispatches"))

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            if (refusal := self._gate(request, is_old=is_old)) is not None:
                return refusal

            def act(fault: Fault | None) -> Response:
                try:
                    body = self._body(request, content) if is_write else {}
                    found = handler(request, body, fault)
                except Refusal as error:
                    found = envelope(error.words, GUID=None)
                    return self._answer(request, found, error.code, is_old=is_old)
                return self._answer(request, found, is_old=is_old)

            return await self.kit.serve(
                request,
                self.system,
                operation,
                act,
                self._refusal,
                is_write=is_write,
                is_list=is_list,
                subject=f"{request.url.path} {content[:200].decode('utf-8', 'replace')}",
            )

        return endpoint

    def _gate(self, request: Request, *, is_old: bool) -> Response | None:
        """The query's length, then the key: 414 or 401, or None. Each hub has its own parameter."""
        now = self.kit.now()
        if len(request.url.query.encode()) > LONGEST_QUERY:
            return Response("The query string is too long.", 414, media_type="text/plain")
        name = "token" if is_old else "api_key"
        is_good = request.query_params.get(name, "") == self.kit.secret(self.system, name)
        if not is_good or self.kit.tokens.is_locked_out(self.system, now):
            self.kit.counters.refused_logins[self.system] += 1
            return self._answer(request, envelope(BAD_KEY), 401, is_old=is_old)
        return None

    @staticmethod
    def _answer(request: Request, found: Json, code: int = 200, *, is_old: bool) -> Response:
        if is_old:
            return reply({"Response": legacy(found)}, code)
        kinds = request.headers.get("accept", "") + request.headers.get("content-type", "")
        return reply(found, code) if "json" in kinds else xml(found)

    @staticmethod
    def _body(request: Request, content: bytes) -> Json:
        if "json" not in request.headers.get("content-type", ""):
            raise Refusal("The Content-Type is not supported.", 415)
        try:
            body = msgspec.json.decode(content)
        except msgspec.DecodeError:
            raise Refusal("The request is invalid.", 400) from None
        if not isinstance(body, dict):
            raise Refusal("The request is invalid.", 400)
        return body

    @staticmethod
    def _refusal(fault: Fault) -> Response:
        """A planted refusal in Seko's words."""
        match fault.kind:
            case "token_expired" | "token_revoked":
                return reply(envelope(BAD_KEY), 401)
            case "rate_limited":
                return Response("Too many requests", 429, media_type="text/plain")
            case "unavailable" | "bad_gateway_burst":
                return Response("<html><h1>503 Service Unavailable</h1></html>", 503, media_type="text/html")
            case "forbidden":
                return reply(envelope("Access denied"), 403)
            case "not_found_yet":
                return reply({"Response": legacy(envelope(NOTHING))})
            case "conflict" | "refused":
                return reply(envelope("Error. The request could not be processed.", GUID=None))
            case _:
                return reply(envelope("An error has occurred."), 500)

    def _no_route(self, request: Request, body: Json, fault: Fault | None) -> Json:
        raise Refusal(f"No HTTP resource was found that matches {request.url.path}", 404)

    # --- reads ----------------------------------------------------------------------------------------

    def echo(self, request: Request, body: Json, fault: Fault | None) -> Json:
        return envelope(Echo=request.path_params["words"])

    def stock(self, request: Request, body: Json, fault: Fault | None) -> Json:
        """Of the products asked about, those of which there is any: nothing and less than nothing is left out."""
        asked = [code for code in request.query_params.get("productCodes", "").split(",") if code]
        code = request.query_params.get("dc", "")
        if not code and len(self.warehouse.facilities) > 1:
            raise Refusal("The dc field is required.")
        facility = self.names.facility(code) if code else next(iter(self.warehouse.facilities.values()))
        if facility is None:
            raise Refusal("Error. Invalid Mapping - DC")
        rows = []
        by_code = {product_code(s): s for s in self.warehouse.sellables.values() if s.deleted_at is None}
        for product in asked:
            sellable = by_code.get(product)
            free = self.names.free(sellable.id, facility.id, LAG) if sellable is not None else 0
            if free > 0:
                rows.append(
                    {
                        "ProductCode": product,
                        "DCCode": dc_code(facility),
                        "LocationType": "Available Stock",
                        "Quantity": free,
                    }
                )
        if fault is not None and fault.kind in ("empty_list", "record_missing_from_list"):
            rows = [] if fault.kind == "empty_list" else rows[:-1]
        if fault is not None and fault.kind == "unknown_field" and rows:
            rows[0]["BinCode"] = "A1"
        found = envelope(List={"StockQuantityLineItem": rows})
        found["CallStatus"]["Message"] = "" if rows else NOTHING
        return found

    def all_stock(self, request: Request, body: Json, fault: Fault | None) -> Json:
        only = request.path_params.get("code")
        rows = [
            {
                "DCCode": dc_code(facility),
                "EAN": sellable.barcode,
                "FreeQuantity": free,
                "LocationType": "Available",
                "ProductCode": product_code(sellable),
            }
            for sellable in self.warehouse.sellables.values()
            if sellable.deleted_at is None and only in (None, product_code(sellable))
            for facility in self.warehouse.facilities.values()
            if (free := self.names.free(sellable.id, facility.id, LAG)) > 0
        ]
        return {"List": {"StockQuantityLineItem": rows}}

    def stock_of_dc(self, request: Request, body: Json, fault: Fault | None) -> Json:
        raise Refusal("An error has occurred.", 500)

    def _order(self, request: Request) -> WarehouseOrder:
        order = self.names.order(guid=request.path_params["guid"])
        if order is None:
            raise Refusal(NOTHING)
        return order

    def order_status(self, request: Request, body: Json, fault: Fault | None) -> Json:
        order = self._order(request)
        told: Any = status(order)
        for odd in self.world.odd:
            if odd.system == self.system and odd.record == str(order.id) and odd.field == "Status":
                told = odd.value
        return envelope(GUID=self.names.names(order)[1], Status=told)

    def order_tracking(self, request: Request, body: Json, fault: Fault | None) -> Json:
        order = self._order(request)
        parcel = next((a.parcel for a in order.allocations if a.parcel is not None), None)
        return envelope(
            Courier=parcel.carrier_name if parcel else None,
            GUID=self.names.names(order)[1],
            TrackingNumber=parcel.tracking_number if parcel else None,
        )

    def dispatches(self, request: Request, body: Json, fault: Fault | None) -> Json:
        """Dispatches of a window, whole: the DC and a GUID of each."""
        since, until = (_instant(request.path_params[name]) for name in ("since", "until"))
        only = request.query_params.get("dc")
        rows = [
            {"DCCode": code, "GUID": guid("parcel", allocation.parcel.id)}
            for order in self.warehouse.orders.values()
            for allocation in order.allocations
            if allocation.parcel is not None and since <= allocation.parcel.created_at <= until
            for code in [dc_code(self.warehouse.facilities[allocation.facility_id])]
            if only in (None, "", code)
        ]
        return envelope(List={"DispatchLineItem": rows})

    def goods_received(self, request: Request, body: Json, fault: Fault | None) -> Json:
        asked = request.path_params["guid"]
        for order in self.warehouse.orders.values():
            for back in order.returns:
                if guid("grn", back.id) == asked:
                    rows = [
                        {
                            "ArrivalTimestamp": stamp(order.updated_at),
                            "ConfirmedTimestamp": stamp(order.updated_at),
                            "CurrentStatus": "Confirmed" if back.status == "returned" else "Create",
                            "DCCode": dc_code(self.warehouse.facilities[back.facility_id]),
                            "GRNQuantity": received,
                            "GUID": asked,
                            "HBRef": self.names.names(order)[0],
                            "LineItemGUID": guid("grn line", line),
                            "LineItemNumber": place,
                            "ProductCode": product_code(self.warehouse.sellables[sellable]),
                        }
                        for place, (line, sellable, _, received) in enumerate(back.lines, 1)
                    ]
                    return envelope(List={"GRNResponseItem": rows})
        raise Refusal(NOTHING)

    def product_status(self, request: Request, body: Json, fault: Fault | None) -> Json:
        sellable = self.names.sellable(request.path_params["code"])
        if sellable is None:
            raise Refusal(NOTHING)
        return envelope(ProductCode=product_code(sellable), Status="Active")

    def product_eans(self, request: Request, body: Json, fault: Fault | None) -> Json:
        sellable = self.names.sellable(request.path_params["code"])
        if sellable is None:
            raise Refusal(NOTHING)
        return envelope(List={"EAN": [sellable.barcode] if sellable.barcode else []})

    # --- writes ---------------------------------------------------------------------------------------

    def submit_order(self, request: Request, body: Json, fault: Fault | None) -> Json:
        return envelope(GUID=self.writes.submit_order(body, fault))

    def cancel_order(self, request: Request, body: Json, fault: Fault | None) -> Json:
        reason = request.query_params.get("reasonCode", "")
        self.writes.cancel_order(request.path_params["number"], reason, fault)
        return envelope(GUID=None)

    def submit_product(self, request: Request, body: Json, fault: Fault | None) -> Json:
        self.writes.submit_product(body, fault, is_new=True)
        return envelope(GUID=None)

    def update_product(self, request: Request, body: Json, fault: Fault | None) -> Json:
        self.writes.submit_product(body, fault, is_new=False)
        return envelope(GUID=None)


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("The request is invalid.", 400) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
