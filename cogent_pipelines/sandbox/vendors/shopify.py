"""Shopify at its HTTP edge: token, versions, throttling and error bodies, as its documents describe them.

Belongs here: what a caller of ``{shop}.myshopify.com`` meets before and around GraphQL.
Does not belong here: fields and mutations (``shopify_roots`` and below it), the shop's own rules
(``world/shop``).

INFERRED, because no document says it: the answer to a wrong secret, to a body that is no JSON and to a
document of more than 1,000 points; the bucket of any plan but Standard; that a list runs ``kit.lags``
seconds behind the writes whether it is searched or not; that a nested list and a record read by its id never
do.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from graphql import GraphQLError, OperationDefinitionNode, OperationType
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, CostBucket, Fault, Kit
from cogent_pipelines.sandbox.vendors import shopify_cost as cost
from cogent_pipelines.sandbox.vendors import shopify_faults, shopify_graphql, shopify_roots
from cogent_pipelines.sandbox.vendors.shopify_state import Context, Store

if TYPE_CHECKING:
    from starlette.requests import Request

    from cogent_pipelines.sandbox.world.world import World

TOKEN_SECONDS = 86_399
MAXIMUM, RESTORE = 2000.0, 100.0  # the Standard plan's bucket and points a second, both recorded
LAG_SECONDS = 3.0  # how far a search runs behind the writes, unless the kit says otherwise
UNWELCOME = "[API] Invalid API key or access token (unrecognized login or wrong password)"
HELP_RATE = "https://shopify.dev/api/usage/rate-limits"


TRAITS = Traits(
    role="shop",
    feeds=(("orders", "orders"), ("fulfilment_orders", "fulfillmentOrders")),
    record="gid://shopify/Order/{}",
    status_field="displayFinancialStatus",
    typed_field="createdAt",
    has_provider=True,
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Shopify answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), code, headers, media_type="application/json; charset=utf-8")


@dataclass(slots=True)
class Call:
    """One GraphQL request, read as far as it can be."""

    request: Request
    text: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    operation: OperationDefinitionNode | None = None
    document: Any = None
    problem: Response | None = None
    name: str = "graphql"  # of its first root field
    is_write: bool = False
    is_list: bool = False
    points: int = 0


class Edge:
    """One Shopify account and the one app that calls it."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.store = Store(system, world.shops[system], world, kit)
        shopify_roots.open_indexes(self.store)
        self.schema = shopify_roots.schema()
        self.bucket = CostBucket(MAXIMUM, RESTORE)
        self.allowance = kit.allow(system, Allowance(MAXIMUM, RESTORE))
        self.scopes = frozenset(shopify_roots.SCOPES)
        self.served = 0
        self.limited = 0
        kit.lags.setdefault(system, LAG_SECONDS)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/admin/oauth/access_token", self.log_in, methods=["POST"]),
            Route("/admin/api/{version}/graphql.json", self.answer, methods=["POST"]),
            Route("/bulk/{key}.jsonl", self.download, methods=["GET"]),
        ]

    # --- tokens -----------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        """Client credentials grant, form-encoded or JSON."""
        given = _form(await request.body(), request.headers.get("content-type", ""))

        def act(_fault: Fault | None) -> Response:
            now, tokens = self.world.now, self.kit.tokens
            if given.get("grant_type") != "client_credentials":
                return reply({"error": "unsupported_grant_type"}, 400)
            is_known = all(
                given.get(name) == self.kit.secret(self.system, name)
                for name in ("client_id", "client_secret")
            )
            if not is_known or tokens.is_locked_out(self.system, now):
                self.kit.counters.refused_logins[self.system] += 1
                text = "The client credentials are invalid."
                return reply({"error": "invalid_client", "error_description": text}, 401)
            self.kit.counters.logins[self.system] += 1
            token = tokens.issue(self.system, now, TOKEN_SECONDS, prefix="shpat_")
            scope = ",".join(sorted(self.scopes))
            return reply({"access_token": token, "scope": scope, "expires_in": TOKEN_SECONDS})

        return await self.kit.serve(request, self.system, "access_token", act, self._shape_login, points=0)

    def _shape_login(self, fault: Fault) -> Response:
        if fault.kind in ("token_revoked", "forbidden", "token_expired"):
            self.kit.counters.refused_logins[self.system] += 1
            return reply(
                {"error": "invalid_client", "error_description": "The client credentials are invalid."}, 401
            )
        if fault.kind == "rate_limited":
            return reply({"errors": "Exceeded call limit"}, 429, {"Retry-After": "2.0"})
        return _gateway(fault)

    # --- GraphQL ----------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """One GraphQL request."""
        body = await request.body()
        call = self._read(request, body)

        def act(fault: Fault | None) -> Response:
            return self._play(call, fault)

        def shape(fault: Fault) -> Response:
            return self._shape(call, fault)

        return await self.kit.serve(
            request,
            self.system,
            call.name,
            act,
            shape,
            is_write=call.is_write,
            is_list=call.is_list,
            subject=body.decode("utf-8", "replace"),
            points=0,
        )

    def _read(self, request: Request, body: bytes) -> Call:
        call = Call(request)
        try:
            given = json.loads(body)
            text, variables = given["query"], given.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            call.problem = reply({"errors": {"query": "Required parameter missing or invalid"}}, 400)
            return call
        if not isinstance(text, str) or not isinstance(variables, dict):
            call.problem = reply({"errors": {"query": "Required parameter missing or invalid"}}, 400)
            return call
        call.text, call.variables, call.operation_name = text, variables, given.get("operationName")
        try:
            call.document = shopify_graphql.parsed(text)
        except GraphQLError as error:
            call.problem = self._finish(call, {"errors": [shopify_graphql.unreadable(error)]})
            return call
        operations = [d for d in call.document.definitions if isinstance(d, OperationDefinitionNode)]
        named = [d for d in operations if d.name is not None and d.name.value == call.operation_name]
        chosen = named if call.operation_name else operations
        if len(chosen) != 1:
            message = "An operation name is required" if len(chosen) > 1 else "No operation found"
            call.problem = self._finish(call, {"errors": [{"message": message}]})
            return call
        call.operation = chosen[0]
        call.is_write = chosen[0].operation is OperationType.MUTATION
        root = self.schema.mutation_type if call.is_write else self.schema.query_type
        first = next((x for x in chosen[0].selection_set.selections if x.kind == "field"), None)
        call.name = first.name.value if first is not None else "graphql"  # type: ignore[attr-defined]
        found = root.fields.get(call.name) if root else None
        call.is_list = found is not None and str(found.type).endswith("Connection!")
        return call

    def _version(self, call: Call) -> str:
        asked = call.request.path_params["version"]
        return asked if asked in shopify_roots.VERSIONS else shopify_roots.VERSIONS[0]

    def _finish(self, call: Call, body: dict[str, Any], code: int = 200) -> Response:
        self.served += 1
        trace = hashlib.blake2b(f"{self.system}/{self.served}".encode(), digest_size=16).hexdigest()
        return reply(body, code, {"X-Shopify-API-Version": self._version(call), "X-Request-Id": trace})

    def _costs(self, requested: int, actual: int | None) -> dict[str, Any]:
        return {
            "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": {
                    "maximumAvailable": int(self.bucket.maximum),
                    "currentlyAvailable": math.floor(self.bucket.available),
                    "restoreRate": int(self.bucket.restore),
                },
            }
        }

    def _unwelcome(self, call: Call) -> Response | None:
        token = call.request.headers.get("x-shopify-access-token", "")
        if self.kit.tokens.is_good(self.system, token, self.world.now):
            return None
        return reply(
            {"errors": UNWELCOME},
            401,
            {"www-authenticate": 'Basic Realm="Shopify API Authentication"'},
        )

    def _play(self, call: Call, fault: Fault | None) -> Response:
        refused = self._unwelcome(call) or call.problem
        if refused is not None or call.operation is None:
            return refused or self._finish(call, {"errors": []})
        wrong = shopify_graphql.complaints(self.schema, call.text, call.document)
        wrong = wrong or shopify_graphql.variable_problems(self.schema, call.operation, call.variables)
        if wrong:
            return self._finish(call, {"errors": wrong})
        parts = cost.read(self.schema, call.document, call.operation, call.variables)
        requested = cost.requested(parts)
        if requested > cost.MAXIMUM:
            return self._finish(call, _too_dear(requested))
        share = self.allowance.share
        self.bucket.maximum, self.bucket.restore = MAXIMUM * share, RESTORE * share
        if not self.bucket.take(self.world.now, requested):
            self.kit.throttle(self.system)
            return self._throttled(call, requested)
        kind = fault.kind if fault is not None else ""
        context = Context(
            store=self.store,
            shop=self.store.shop,
            now=self.world.now,
            scopes=frozenset() if kind == "forbidden" else self.scopes,
            version=self._version(call),
            host=_address(call.request),
            fault=kind,
        )
        self.world.mood = kind
        try:
            result = shopify_graphql.run(
                self.schema, call.document, context, call.variables, call.operation_name
            )
        finally:
            self.world.mood = ""
        used = cost.actual(parts, result.data)
        self.bucket.give_back(requested - used)
        self.kit.counters.points[self.system] += used
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [shopify_graphql.rendered(error) for error in result.errors]
        body["data"] = shopify_faults.distorted(result.data, kind, self.system, self.world.odd)
        body["extensions"] = self._costs(requested, used)
        if context.warnings:
            body["extensions"]["search"] = context.warnings
        return self._finish(call, body)

    def _throttled(self, call: Call, requested: int) -> Response:
        error = {
            "message": "Throttled",
            "extensions": {"code": "THROTTLED", "documentation": HELP_RATE},
        }
        return self._finish(call, {"errors": [error], "extensions": self._costs(requested, None)})

    def _shape(self, call: Call, fault: Fault) -> Response:
        """A planted refusal, in the vendor's words; nothing is done."""
        if fault.kind in ("token_expired", "token_revoked"):
            return self._unwelcome(call) or self._play(call, fault)
        if fault.kind in ("refused", "conflict", "not_found_yet", "forbidden"):
            return self._play(call, fault)
        if fault.kind == "rate_limited":
            refused = self._unwelcome(call) or call.problem
            self.limited += 1
            if refused is not None or call.operation is None or self.limited % 4 == 0:
                return refused or _gateway(
                    fault
                )  # now and then the network in front of the shop limits, by 429
            parts = cost.read(self.schema, call.document, call.operation, call.variables)
            self.bucket.look(self.world.now)
            self.bucket.available = 0.0  # as if another of the app's processes had spent it
            return self._throttled(call, cost.requested(parts))
        if fault.kind == "error_500" and not call.is_write:
            self.served += 1
            trace = hashlib.blake2b(f"{self.system}/{self.served}".encode(), digest_size=16).hexdigest()
            message = (
                "Internal error. Looks like something went wrong on our end.\n"
                f"Request ID: {trace} (include this in support requests)."
            )
            error = {"message": message, "extensions": {"requestId": trace, "code": "INTERNAL_SERVER_ERROR"}}
            return self._finish(call, {"errors": [error]})
        return _gateway(fault)

    # --- files ------------------------------------------------------------------------------------

    async def download(self, request: Request) -> Response:
        """The file of a finished bulk operation; its address is all one needs."""
        key = request.path_params["key"]

        def act(_fault: Fault | None) -> Response:
            bulk = next(
                (b for b in self.store.bulks.values() if b.key == key and b.status == "COMPLETED"), None
            )
            if bulk is None:
                return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
            return Response(bulk.file, media_type="application/jsonl")

        return await self.kit.serve(request, self.system, "GET /bulk", act, _gateway, points=0)


def _address(request: Request) -> str:
    """Where the caller found this account: its own links lead back there."""
    url = request.url
    return f"{url.scheme}://{url.netloc}{request.scope.get('root_path', '')}"


def _form(body: bytes, content_type: str) -> dict[str, Any]:
    if "json" in content_type:
        try:
            given = json.loads(body)
        except ValueError:
            return {}
        return given if isinstance(given, dict) else {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _too_dear(requested: int) -> dict[str, Any]:
    message = f"Query cost is {requested}, which exceeds the single query max cost limit ({cost.MAXIMUM})."
    more = {"cost": requested, "maxCost": cost.MAXIMUM, "documentation": HELP_RATE}
    return {"errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", **more}}]}


def _gateway(fault: Fault) -> Response:
    """A refusal from in front of the shop: no GraphQL, no version, sometimes no JSON."""
    if fault.kind == "bad_gateway_burst":
        return HTMLResponse("<html><head><title>502 Bad Gateway</title></head></html>", 502)
    if fault.kind == "unavailable":
        return HTMLResponse("<html><h1>503 Service Unavailable</h1></html>", 503, {"Retry-After": "10"})
    if fault.kind == "rate_limited":
        return reply({"errors": "Exceeded call limit"}, 429, {"Retry-After": "2.0"})
    return reply({"errors": "Internal Server Error"}, 500)
