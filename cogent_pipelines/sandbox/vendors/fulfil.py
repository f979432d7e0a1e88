"""Fulfil at its HTTP edge: routes, token, limit, searches and errors, as its documents describe them.

Belongs here: what a caller of ``{merchant}.fulfil.io/api/v2`` meets before and around the records.
Does not belong here: domains and tagged values (``fulfil_domain``), records (``fulfil_models``), bodies of writes
(``fulfil_writes``), the warehouse's own rules (``world/warehouse``).

INFERRED, because no document says it: the body of 401 and 403; a fixed window of one second; the whole text of the
429 that refuses a page too large (its beginning is known); what ``get_preferences`` holds; that a search runs
``kit.lags`` seconds behind; that a model or a method there is not answers 404; that ``search_read`` takes a context
as ``read`` does (the vendor's own client sends one with every call).
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Fault, Kit
from cogent_pipelines.sandbox.vendors import fulfil_domain as domains
from cogent_pipelines.sandbox.vendors.fulfil_books import Books
from cogent_pipelines.sandbox.vendors.fulfil_domain import Record, Refusal, bad, http_error, missing
from cogent_pipelines.sandbox.vendors.fulfil_models import RELATIONS, Models
from cogent_pipelines.sandbox.vendors.fulfil_writes import Writes

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

PER_SECOND = 10
TOO_FAST = "This user has exceeded an allotted request count. Try again later."
BASE = "/api/v2"

Method = Callable[["Call"], Any]


TRAITS = Traits(
    role="warehouse",
    feeds=(
        ("orders", "PUT /model/sale.sale/search_read"),
        ("stock", "PUT /model/product.product/search_read"),
    ),
    keeps_books=True,
    status_field="state",
    typed_field="total_amount",
    untold=frozenset({"merges", "allocation", "reasons", "renumbering", "weight", "barcode", "origin"}),
    parcel_of=lambda allocation: str(allocation.id),
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Fulfil answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, headers, media_type="application/json")


class Call:
    """One call: the model it is about, its body, and the records as of now."""

    def __init__(self, model: str, key: int, body: Any, models: Models, fault: Fault | None) -> None:
        self.model, self.key, self.body, self.models, self.fault = model, key, body, models, fault
        self._led: dict[tuple[str, str, Any], Any] = {}

    def read(self, record: Record, path: str, model: str = "") -> Any:
        """The value of a field, perhaps of a record it leads to; a path through a list leads nowhere."""
        model = model or self.model
        name, dot, rest = path.partition(".")
        if name not in record:
            if name != "rec_name":
                raise bad(f"{name!r} is not a field of {model}")
            return ""
        value = record[name]
        if not dot:
            return value
        target = RELATIONS.get(model, {}).get(name)
        if target is None:
            raise bad(f"{path!r} of {model} leads through a field that is not one record")
        led = (model, path, value)  # a search asks for the same of every line of an order
        if led not in self._led:
            found = self.models.one(target, value) if value is not None else None
            self._led[led] = None if found is None else self.read(found, rest, target)
        return self._led[led]


class Edge:
    """One Fulfil account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.warehouse = world.keeper(system)
        self.books: Books = world.edges.setdefault(system, Books())
        self.writes = Writes(system, world, self.books)
        self.second, self.spent = 0, 0
        self.allowance = kit.allow(system, Allowance(PER_SECOND, PER_SECOND, window=1))

    def routes(self) -> list[BaseRoute]:
        model = f"{BASE}/model/{{model}}"
        table: list[tuple[str, str, Callable[[Request, Any, Fault | None], Any]]] = [
            ("GET", model, self.get_list),
            ("GET", model + "/{id:int}", self.get_one),
            ("PUT", model + "/{id:int}/{method}", self.put),
            ("PUT", model + "/{method}", self.put),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(verb, handler), methods=[verb]) for verb, path, handler in table
        ]
        nothing = self._endpoint("", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(
        self, verb: str, handler: Callable[[Request, Any, Fault | None], Any]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            content = await request.body()
            refusal = self._gate(request)
            if refusal is not None:
                return self._with_limit(refusal)
            asked = request.path_params
            model, method = str(asked.get("model", "")), str(asked.get("method", ""))
            key = "/{id}" if "id" in asked else ""
            operation = (
                f"{verb} /model/{model}{key}{'/' + method if method else ''}" if model else "(no route)"
            )
            is_write = method in WRITES

            def act(fault: Fault | None) -> Response:
                try:
                    return reply(handler(request, _json(content), fault))
                except Refusal as error:
                    return reply(error.body, error.code, error.headers)

            answer = await self.kit.serve(
                request,
                self.system,
                operation,
                act,
                self._refusal,
                is_write=is_write,
                is_list=method == "search_read",
                subject=f"{request.url.path} {content[:2000].decode('utf-8', 'replace') if is_write else ''}",
            )
            return self._with_limit(answer)

        return endpoint

    def _gate(self, request: Request) -> Response | None:
        """The token, then the quota: 401 or 429, or None."""
        now = self.kit.now()
        sent = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix(
            "Bearer "
        )
        is_good = sent == self.kit.secret(self.system, "api_key")
        if not is_good or self.kit.tokens.is_locked_out(self.system, now):
            self.kit.counters.refused_logins[self.system] += 1
            return _refused(http_error(401, "Unauthorized", "The access token is not valid"))
        second = math.floor(now.timestamp())
        if second != self.second:
            self.second, self.spent = second, 0
        if self.spent >= self._quota():
            self.kit.throttle(self.system)
            return _refused(http_error(429, "Too Many Requests", TOO_FAST), {"Retry-After": "1"})
        self.spent += 1
        return None

    def _quota(self) -> int:
        return int(PER_SECOND * self.allowance.share)

    def _with_limit(self, answer: Response) -> Response:
        answer.headers["X-RateLimit-Limit"] = str(self._quota())
        answer.headers["X-RateLimit-Remaining"] = str(max(self._quota() - self.spent, 0))
        answer.headers["X-RateLimit-Reset"] = str(self.second + 1)
        return answer

    @staticmethod
    def _refusal(fault: Fault) -> Response:
        """A planted refusal in Fulfil's words."""
        match fault.kind:
            case "rate_limited":
                return _refused(http_error(429, "Too Many Requests", TOO_FAST), {"Retry-After": "1"})
            case "token_expired" | "token_revoked":
                return _refused(http_error(401, "Unauthorized", "The access token is not valid"))
            case "forbidden":
                return _refused(http_error(403, "Forbidden", "You are not allowed to access this model"))
            case "not_found_yet":
                return _refused(missing())
            case "conflict":
                return reply({"error": "The record was modified by another user"}, 409)
            case "refused":
                return _refused(domains.user_error("The record does not satisfy a rule", "E1001"))
            case "unavailable":
                return PlainTextResponse("Service Unavailable", 503)
            case "bad_gateway_burst":
                return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
            case _:
                return PlainTextResponse("Internal Server Error", 500, {"X-Sentry-ID": "0" * 32})

    def _no_route(self, request: Request, body: Any, fault: Fault | None) -> Any:
        del request, body, fault
        raise missing()

    def _call(self, request: Request, body: Any, fault: Fault | None) -> Call:
        models = Models(self.world, self.warehouse, self.books, _locations(request))
        models.meet_shipments()
        return Call(
            str(request.path_params["model"]), int(request.path_params.get("id", 0)), body, models, fault
        )

    # --- reading --------------------------------------------------------------------------------------

    def put(self, request: Request, body: Any, fault: Fault | None) -> Any:
        """A method of a model, or of one record of it."""
        call = self._call(request, body, fault)
        method = str(request.path_params["method"])
        name = f"{call.model}/{method}"
        if name == "res.user/get_preferences":
            return {"language": "en", "timezone": "UTC", "company": 1}
        if method in WRITES:
            return self._write(name, call)
        known: dict[str, Method] = {
            "search_read": self.search_read,
            "search_count": self.search_count,
            "search": self.search,
            "read": self.read,
        }
        if name == "product.product/get_product_inventory":
            return self.inventory(call)
        if method not in known or call.model not in Models.NAMES:
            raise missing()
        return known[method](call)

    def _matching(self, call: Call, search: domains.Search) -> list[Record]:
        lag = self.kit.lags.get(self.system, 0.0)
        horizon = domains.naive(self.world.now - timedelta(seconds=lag))
        holds = domains.compiled(search.domain)
        found = [
            record
            for record in self._records(call, search.domain)
            if holds(record, call.read) and (lag <= 0 or record["create_date"] <= horizon)
        ]
        if call.model in Models.WITHDRAWN and not domains.mentions(search.domain, "active"):
            found = [record for record in found if record.get("active", True)]
        return domains.sort(found, search.order, call.read)

    def _records(self, call: Call, domain: Any) -> Iterable[Record]:
        """What a search looks through: of lines that are sought by their sale, those of the sales that answer to it."""
        led = domains.through(domain, "sale") if call.model == "sale.line" else None
        if led is None:
            return call.models.all(call.model).values()
        holds = domains.compiled(led)
        sales = call.models.all("sale.sale").items()
        return call.models.lines_of(
            {
                key
                for key, sale in sales
                if holds(sale, lambda record, path: call.read(record, path, "sale.sale"))
            }
        )

    def search_read(self, call: Call) -> list[Any]:
        search = domains.read_search(call.body)
        found = self._matching(call, search)
        kind = call.fault.kind if call.fault else ""
        start = search.offset - (1 if kind == "page_drift" and search.offset else 0)
        chosen = found[start : start + search.limit]
        if kind == "empty_list":
            chosen = []
        elif kind == "record_missing_from_list":
            chosen = chosen[:-1]
        elif kind == "duplicate_across_pages" and len(chosen) > 1:
            chosen = [chosen[0], *chosen[:-1]]
        answer = [self.shown(call, record, search.fields) for record in chosen]
        if answer and kind in ("unknown_status", "unknown_field", "wrong_type"):
            answer[0] = _strange(answer[0], kind)
        return answer

    def shown(self, call: Call, record: Record, fields: Sequence[str]) -> dict[str, Any]:
        """The fields asked for, and the id; a dotted one under its whole name."""
        answer = {name: domains.encoded(call.read(record, name)) for name in dict.fromkeys(("id", *fields))}
        for odd in self.world.odd if call.model == "sale.sale" else ():
            if odd.system == self.system and odd.record == str(record["id"]) and odd.field in answer:
                answer[odd.field] = odd.value
        return answer

    def search_count(self, call: Call) -> int:
        body = call.body
        domain = body.get("filters") or [] if isinstance(body, dict) else body[0] if body else []
        return len(self._matching(call, domains.Search(domain)))

    def search(self, call: Call) -> list[int]:
        search = domains.read_search(call.body)
        return [r["id"] for r in self._matching(call, search)[search.offset : search.offset + search.limit]]

    def read(self, call: Call) -> list[Any]:
        if not isinstance(call.body, list) or not call.body or not isinstance(call.body[0], list):
            raise bad("read takes ids and fields")
        ids, fields = call.body[0], call.body[1] if len(call.body) > 1 else ("id", "rec_name")
        records = call.models.all(call.model)
        if any(key not in records for key in ids):
            raise missing()
        return [self.shown(call, records[key], fields) for key in ids]

    def inventory(self, call: Call) -> dict[str, Any]:
        """Levels by product and location, both named by text."""
        if not isinstance(call.body, list) or len(call.body) != 2:
            raise bad("get_product_inventory takes products and locations")
        products, places = call.body
        answer: dict[str, Any] = {str(product): {} for product in products}
        for place in places:
            there = Models(self.world, self.warehouse, self.books, (place,)).all("product.product")
            for product in products:
                if product not in there:
                    raise missing()
                names = ("quantity_on_hand", "quantity_available")
                answer[str(product)][str(place)] = {name: there[product][name] for name in names}
        return answer

    def get_list(self, request: Request, body: Any, fault: Fault | None) -> list[Any]:
        """``?filter=`` (not ``filters``) with pages, or ``?ids=`` with ``fields``."""
        call, asked = self._call(request, body, fault), request.query_params
        if asked.get("ids"):
            call.body = [
                [int(key) for key in asked["ids"].split(",")],
                asked.get("fields", "id,rec_name").split(","),
            ]
            return self.read(call)
        domain = _json((asked.get("filter") or "[]").encode())
        page, size = int(asked.get("page", "1")), int(asked.get("per_page", "10"))
        fields = asked.getlist("field") or ["id", "rec_name"]
        found = self._matching(call, domains.Search(domain))
        return [self.shown(call, record, fields) for record in found[(page - 1) * size : page * size]]

    def get_one(self, request: Request, body: Any, fault: Fault | None) -> dict[str, Any]:
        """The whole record."""
        call = self._call(request, body, fault)
        record = call.models.all(call.model).get(call.key)
        if record is None:
            raise missing()
        return self.shown(call, record, list(record))

    # --- writing --------------------------------------------------------------------------------------

    def _write(self, name: str, call: Call) -> Any:
        match name:
            case "sale.channel/create_order":
                order = self.writes.create_order(call.body, call.fault)
                fresh = Models(self.world, self.warehouse, self.books)
                return {name: domains.encoded(value) for name, value in fresh.sale(order).items()}
            case "sale.sale/cancel":
                return self.writes.cancel(call.key, call.fault)
            case "sale.sale/return_order":
                made = self.writes.return_order(call.key, call.body, call.fault)
                record = (
                    Models(self.world, self.warehouse, self.books).all("sale.sale").get(made, {"id": made})
                )
                return {name: domains.encoded(value) for name, value in record.items()}
            case "stock.shipment.out/hold" | "stock.shipment.out/unhold":
                return self.writes.hold(call.body, held=name.endswith("/hold"))
        raise missing()


WRITES = frozenset({"create_order", "cancel", "return_order", "hold", "unhold"})


def _refused(error: Refusal, headers: dict[str, str] | None = None) -> Response:
    return reply(error.body, error.code, headers)


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise bad("the body is not JSON") from None


def _locations(request: Request) -> tuple[int, ...]:
    """The locations the call's context names."""
    try:
        context = json.loads(request.query_params.get("context") or "{}")
        return tuple(int(place) for place in context.get("locations") or ())
    except (ValueError, TypeError, AttributeError):
        raise bad("the context cannot be read") from None


def _strange(record: dict[str, Any], kind: str) -> dict[str, Any]:
    """A record as no document describes it: a planted fault."""
    if kind == "unknown_field":
        return {**record, "sustainability_score": 3}
    if kind == "unknown_status":
        return {**record, "state": "inspection"} if "state" in record else record
    return {**record, "id": {"value": record["id"]}}
