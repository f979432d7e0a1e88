"""Adobe Commerce at its HTTP edge: signatures, searches, errors, as its documents describe them.

Belongs here: what a caller of ``https://{shop}/rest/{store}/V1`` meets before and around the records.
Does not belong here: records' JSON (``adobe_commerce_orders``, ``_documents``, ``_catalogue``), searching
(``adobe_commerce_search``), bodies of writes (``adobe_commerce_writes``).

A page after the last one is the last one again. There is no limit of calls and no header that speaks of one;
what turns a caller away with 429 stands in front of the shop and answers HTML.

INFERRED, because no document says it: the form in which OAuth's text names come; that a nonce is refused a
second time for any age of it, and an instant ten minutes in the future; the answer where there is no route.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Fault, Kit
from cogent_pipelines.sandbox.vendors import adobe_commerce_search as search
from cogent_pipelines.sandbox.vendors.adobe_commerce_catalogue import Catalogue
from cogent_pipelines.sandbox.vendors.adobe_commerce_documents import Documents
from cogent_pipelines.sandbox.vendors.adobe_commerce_orders import Orders
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import STOCK, Store
from cogent_pipelines.sandbox.vendors.adobe_commerce_writes import MISSING, Refusal, Writes

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

FUTURE = timedelta(minutes=10)
UNWELCOME = "The consumer isn't authorized to access %resources."
RESOURCES = {
    "orders": "Magento_Sales::actions_view",
    "shipments": "Magento_Sales::shipment",
    "invoices": "Magento_Sales::sales_invoice",
    "creditmemos": "Magento_Sales::sales_creditmemo",
    "transactions": "Magento_Sales::transactions_fetch",
    "products": "Magento_Catalog::products",
}

TRAITS = Traits(
    role="shop",
    feeds=(("orders", "GET /V1/orders"), ("products", "GET /V1/products")),
    status_field="state",
    typed_field="created_at",
    untold=frozenset({"locations", "taxes"}),
)

Handler = Callable[[Request, Any, Fault | None], Response]


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything the shop answers to, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, media_type="application/json; charset=utf-8")


class Edge:
    """One shop and the one integration that calls it."""

    takes_bearer = False
    """Whether the token alone is let in: off in current releases unless the shop's configuration allows it."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.shop = world.shops[system]
        self.store: Store = world.edges.setdefault(system, Store())
        self.orders = Orders(self.shop)
        self.catalogue = Catalogue(self.shop, self.store)
        self.writes = Writes(system, world, self.store)
        documents = Documents(self.shop, self.store)
        self.tables = {**self.orders.tables(), **documents.tables(), **self.catalogue.tables()}

    def routes(self) -> list[BaseRoute]:
        made: list[BaseRoute] = [self._route("GET", name, self._list(name)) for name in self.tables]
        made += [
            self._route("GET", "orders/{id:int}", self.show_order),
            self._route("POST", "orders/{id:int}/cancel", self.cancel),
            self._route("POST", "order/{id:int}/ship", self.ship),
            self._route("GET", "store/storeConfigs", self.store_configs),
            self._route("GET", "inventory/get-product-salable-quantity/{sku}/{stock:int}", self.salable),
            self._route("POST", "inventory/source-items", self.set_source_items),
            self._route("GET", "bulk/{uuid}/status", self.bulk_status),
            self._route("POST", "inventory/source-items", self.enqueue, prefix="/async/bulk"),
        ]
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        made.append(
            Route("/{rest:path}", self._endpoint("(no route)", self._no_route, is_write=False), methods=every)
        )
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _route(self, method: str, path: str, handler: Handler, *, prefix: str = "") -> Route:
        template = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        operation = f"{method} {prefix}/V1/{template}"
        endpoint = self._endpoint(
            operation, handler, is_write=method != "GET", is_list=method == "GET" and path in self.tables
        )
        return Route(f"/rest/{{store}}{prefix}/V1/{path}", endpoint, methods=[method])

    def _endpoint(
        self, operation: str, handler: Handler, *, is_write: bool, is_list: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            content = await request.body()
            self.kit.now()
            refusal = self._gate(request)
            body, unread = self._body(content, is_write=is_write)

            def act(fault: Fault | None) -> Response:
                self.world.mood = fault.kind if fault else ""
                try:
                    return unread or handler(request, body, fault)
                except Refusal as no:
                    return reply(no.body, no.code)
                except search.Unsearchable as no:
                    return reply({"message": no.message, "parameters": no.parameters}, 400)
                finally:
                    self.world.mood = ""

            def shape(fault: Fault) -> Response:
                return self._refusal(fault, request)

            if refusal is not None:
                return refusal
            return await self.kit.serve(
                request,
                self.system,
                operation,
                act,
                shape,
                is_write=is_write,
                is_list=is_list,
                subject=f"{request.url.path} {unquote(request.url.query)} {content.decode('utf-8', 'replace')}",
            )

        return endpoint

    @staticmethod
    def _body(content: bytes, *, is_write: bool) -> tuple[Any, Response | None]:
        if not is_write or not content:
            return {}, None
        try:
            return msgspec.json.decode(content), None
        except msgspec.DecodeError:
            return {}, reply({"message": "Decoding error: \nSyntax error"}, 400)

    # --- who is let in --------------------------------------------------------------------------------

    def _gate(self, request: Request) -> Response | None:
        """The integration's signature or, where that is on, its bare token: 401 or 400, or None."""
        now = self.world.now
        given = request.headers.get("authorization", "")
        if self.kit.tokens.is_locked_out(self.system, now):
            return self._turned_away(self._oauth("token_rejected"))
        if given.startswith("Bearer "):
            is_good = given.removeprefix("Bearer ") == self.kit.secret(self.system, "access_token")
            return None if is_good and self.takes_bearer else self._turned_away(self._unwelcome(request))
        if not given.startswith("OAuth "):
            return self._turned_away(self._unwelcome(request))
        fault = self._signed(request, _fields(given))
        return None if fault is None else self._turned_away(fault)

    def _turned_away(self, answer: Response) -> Response:
        self.kit.counters.refused_logins[self.system] += 1
        return answer

    def _unwelcome(self, request: Request) -> Response:
        name = request.url.path.rpartition("/V1/")[2].partition("/")[0]
        resources = {"resources": RESOURCES.get(name, "Magento_Backend::admin")}
        return reply({"message": UNWELCOME, "parameters": resources}, 401)

    @staticmethod
    def _oauth(name: str) -> Response:
        code = {"timestamp_refused": 400, "permission_denied": 403}.get(name, 401)
        return reply({"message": f"oauth_problem={name}"}, code)

    def _signed(self, request: Request, given: dict[str, str]) -> Response | None:
        if given.get("oauth_consumer_key") != self.kit.secret(self.system, "consumer_key"):
            return self._oauth("consumer_key_rejected")
        if given.get("oauth_token") != self.kit.secret(self.system, "access_token"):
            return self._oauth("token_rejected")
        at = given.get("oauth_timestamp", "")
        if not at.isdigit() or int(at) > (self.world.now + FUTURE).timestamp():
            return self._oauth("timestamp_refused")
        nonce = f"{at}/{given.get('oauth_nonce', '')}"
        if nonce in self.store.nonces:
            return self._oauth("nonce_used")
        if given.get("oauth_signature_method") != "HMAC-SHA256":
            return self._oauth("signature_invalid")
        wanted = self._signature(request, given)
        if not hmac.compare_digest(wanted.encode(), given.get("oauth_signature", "").encode()):
            return self._oauth("signature_invalid")
        self.store.nonces.add(nonce)
        return None

    def _signature(self, request: Request, given: dict[str, str]) -> str:
        """By the standard: method, address and sorted parameters, each encoded, under both secrets."""
        url = request.url
        parameters = [(k, v) for k, v in given.items() if k not in ("oauth_signature", "realm")]
        parameters += parse_qsl(url.query, keep_blank_values=True)
        pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters)
        text = "&".join(f"{name}={value}" for name, value in pairs)
        plain = f"{url.scheme}://{url.netloc.lower()}{url.path}"
        base = "&".join(_encoded(part) for part in (request.method.upper(), plain, text))
        secrets = ("consumer_secret", "access_token_secret")
        key = "&".join(_encoded(self.kit.secret(self.system, name)) for name in secrets)
        return base64.b64encode(hmac.new(key.encode(), base.encode(), "sha256").digest()).decode()

    # --- planted refusals -----------------------------------------------------------------------------

    def _refusal(self, fault: Fault, request: Request) -> Response:
        """A planted refusal, by the shop or by what stands in front of it."""
        match fault.kind:
            case "rate_limited":
                return HTMLResponse("<html><h1>429 Too Many Requests</h1></html>", 429)
            case "unavailable":
                return HTMLResponse(
                    "<html><h1>503 Service Unavailable</h1></html>", 503, {"Retry-After": "10"}
                )
            case "bad_gateway_burst":
                return HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", 502)
            case "token_expired" | "token_revoked":
                return self._oauth("token_rejected")
            case "forbidden":
                return self._unwelcome(request)
            case "not_found_yet":
                return reply({"message": MISSING}, 404)
            case "conflict":
                return reply({"message": "Could not save a shipment, see error log for details"}, 400)
            case "refused":
                return reply({"message": "The order does not allow a shipment to be created."}, 400)
            case _:
                text = "Internal Error. Details are available in Magento log file. Report ID: webapi-65f0c1a2"
                return reply({"message": text}, 500)

    def _no_route(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del request, body, fault
        return reply({"message": "Request does not match any route.", "trace": None}, 404)

    # --- reads ----------------------------------------------------------------------------------------

    def _list(self, name: str) -> Handler:
        def handler(request: Request, body: Any, fault: Fault | None) -> Response:
            del body
            return self._page(request, name, fault)

        return handler

    def _page(self, request: Request, name: str, fault: Fault | None) -> Response:
        asked = request.query_params.multi_items()
        criteria = search.read(asked)
        if not criteria.is_given:
            missing = {"fieldName": "searchCriteria"}
            return reply({"message": "%fieldName is a required field.", "parameters": missing}, 400)
        table = self.tables[name]
        found = search.choose(table, criteria)
        lag = self.kit.lags.get(self.system, 0.0)
        if lag > 0 and "updated_at" in table.columns:
            found = [
                row for row in found if self.kit.is_listed(self.system, table.columns["updated_at"](row))
            ]
        kind = fault.kind if fault else ""
        total = len(found)
        chosen, start = search.page(found, criteria)
        if kind == "empty_list":
            chosen, total = [], 0
        elif kind == "record_missing_from_list" and chosen:
            chosen = chosen[:-1]
        elif kind in ("page_drift", "duplicate_across_pages") and start:
            chosen = [found[start - 1], *chosen[:-1]]
        elif kind == "count_disagrees":
            total += 3
        items = [self._shown(record) for row in chosen if (record := table.show(row)) is not None]
        if items and kind in ("unknown_status", "unknown_field", "wrong_type"):
            items[0] = _strange(items[0], kind)
        answer = {
            "items": items,
            "search_criteria": {
                "filter_groups": [
                    {
                        "filters": [
                            {
                                "field": each.get("field", ""),
                                "value": each.get("value", ""),
                                "condition_type": each.get("conditiontype", "eq"),
                            }
                            for each in group.values()
                        ]
                    }
                    for group in criteria.groups.values()
                ],
                **({"page_size": criteria.size} if criteria.size else {}),
                "current_page": criteria.page,
            },
            "total_count": total,
        }
        return reply(search.trimmed(answer, request.query_params.get("fields", "")))

    def _shown(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record, with whatever its vendor was made to show strangely of it."""
        for odd in self.world.odd:
            if odd.system == self.system and odd.record == str(record.get("entity_id")):
                _put(record, odd.field.split("."), odd.value)
        return record

    def show_order(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del body, fault
        return reply(self._shown(self.orders.order(self.writes.order(int(request.path_params["id"])))))

    def store_configs(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del request, body, fault
        return reply(self.catalogue.store_configs())

    def salable(self, request: Request, body: Any, fault: Fault | None) -> Response:
        """A bare number."""
        del body, fault
        shop = self.shop
        sku, stock = request.path_params["sku"], request.path_params["stock"]
        if sku not in shop.by_sku or stock != STOCK:
            raise Refusal(404, MISSING)
        return reply(self.catalogue.salable(shop.variants[shop.by_sku[sku]]))

    def bulk_status(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.writes.bulk_status(request.path_params["uuid"]))

    # --- writes ---------------------------------------------------------------------------------------

    def ship(self, request: Request, body: Any, fault: Fault | None) -> Response:
        """The bare id of the shipment."""
        del fault
        return reply(self.writes.ship(int(request.path_params["id"]), body))

    def cancel(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.writes.cancel(int(request.path_params["id"])))

    def set_source_items(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del request, fault
        return reply(self.writes.set_source_items(body))

    def enqueue(self, request: Request, body: Any, fault: Fault | None) -> Response:
        del request, fault
        if not isinstance(body, list):
            raise Refusal(400, "Bulk requests take a list of bodies.")  # words INFERRED
        return reply(self.writes.enqueue(body), 202)


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _fields(header: str) -> dict[str, str]:
    """The parts of an ``Authorization: OAuth`` header."""
    parts = (part.strip().partition("=") for part in header.removeprefix("OAuth ").split(","))
    return {name: unquote(value.strip('"')) for name, _, value in parts}


def _strange(record: dict[str, Any], kind: str) -> dict[str, Any]:
    """A record as no document describes it: a planted fault."""
    if kind == "unknown_field":
        return {**record, "sustainability_score": 3}
    if kind == "unknown_status":
        return {**record, **({"state": "awaiting_inspection"} if "state" in record else {})}
    name = "created_at" if "created_at" in record else next(iter(record))
    return {**record, name: {"value": record[name]}}


def _put(record: Any, path: list[str], value: Any) -> None:
    """Make a field of a record, named by its path, read ``value``."""
    step: Any = int(path[0]) if isinstance(record, list) else path[0]
    if len(path) == 1:
        record[step] = value
    else:
        _put(record[step], path[1:], value)
