"""Patchworks at its HTTP edge: hosts, key, limit, lists, filters and errors, as its documents describe them.

Belongs here: what a caller of its hosts meets before and around the records, and the calls that start or retry a run.
Does not belong here: the records' JSON (``patchworks_shapes``), what flows do (``world/bridge``).

The account's own address is the core host's, with its ``/api/v1``; below it ``/start`` stands for the start host and its
``/api/v1``, ``/app`` for the application's and its ``/fabric/api``. Webhook and callback addresses are not served: their
signed URLs are the flows' own.

INFERRED, because no document says it: the bodies of 401, 422 and 429 and the rate headers (the framework's own); a fixed
minute for the limit; 404 for a start on the core host; 410 never, 404 for the download of a payload that was deleted;
``dropped`` for such a one; the key of the run's id in the answer to a start; a queued row's status; the shape of tracked
data, which is that of a de-dupe row; that a page past the end is empty.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Fault, Kit
from cogent_pipelines.sandbox.vendors import patchworks_shapes as shapes
from cogent_pipelines.sandbox.world import bridge as rules

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.bridge import Bridge, BridgeFlow, FlowRun
    from cogent_pipelines.sandbox.world.world import World

CORE, START, APP = "", "/start", "/app"
PER_MINUTE = 240
LOGIN_SECONDS = 86_400
DEFAULT_PAGE, MAXIMUM_PAGE = 15, 250
LARGEST = 8 * 2**20
UNAUTHENTICATED = {"message": "Unauthenticated."}
TOO_MANY = {"message": "Too Many Attempts."}

Handler = Callable[[Request, bytes, Fault | None], Response]


TRAITS = Traits(
    role="bridge",
    feeds=(("flows", "GET /flows"), ("flow_runs", "GET /flow-runs")),
    status_field="status",
    typed_field="created_at",
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Patchworks answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


class Refusal(Exception):
    """An answer other than the one asked for."""

    def __init__(self, code: int, body: Any) -> None:
        super().__init__(code)
        self.code, self.body = code, body


def reply(body: Any, code: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body), code, media_type="application/json")


class Edge:
    """One Patchworks account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.minute, self.calls = datetime.min.replace(tzinfo=UTC), 0
        self.allowance = kit.allow(system, Allowance(PER_MINUTE, PER_MINUTE / 60, window=60))

    @property
    def bridge(self) -> Bridge:
        return self.world.bridges[self.system]

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", f"{CORE}/flows", self.list_flows),
            ("GET", f"{CORE}/flow-runs", self.list_runs),
            ("GET", f"{CORE}/flow-runs/{{id:int}}", self.show_run),
            ("GET", f"{CORE}/flow-runs/{{id:int}}/flow-run-logs", self.list_logs),
            ("POST", f"{CORE}/flow-runs/{{id:int}}/retry", self.retry),
            ("GET", f"{CORE}/payload-metadata", self.list_payloads),
            ("GET", f"{CORE}/payload-metadata/{{id:int}}/download", self.download),
            ("GET", f"{CORE}/scheduled-flows", self.list_waiting),
            ("DELETE", f"{CORE}/scheduled-flows/{{id:int}}", self.remove_waiting),
            ("GET", f"{CORE}/data-pool", self.list_pools),
            ("GET", f"{CORE}/data-pool/{{id:int}}/deduped-data", self.list_deduped),
            ("POST", f"{START}/flows/{{id:int}}/start/raw", self.start_raw),
            ("POST", f"{START}/flows/{{id:int}}/start", self.start_wrapped),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(method, path, handler), methods=[method])
            for method, path, handler in table
        ]
        made.append(Route(f"{APP}/login", self._login, methods=["POST"]))
        nothing = self._endpoint("", "(no route)", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(self, method: str, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        template = path.removeprefix(CORE).removeprefix(START).replace(":int", "")
        operation = f"{method} {template}".strip()
        is_list = method == "GET" and "{" not in path

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            refusal = self._gate(request)

            def act(fault: Fault | None) -> Response:
                try:
                    return handler(request, content, fault)
                except Refusal as error:
                    return reply(error.body, error.code)

            answer = refusal or await self.kit.serve(
                request,
                self.system,
                operation,
                act,
                self._refusal,
                is_write=method in {"POST", "DELETE"},
                is_list=is_list,
                subject=request.url.path,
            )
            answer.headers["X-RateLimit-Limit"] = str(self._quota())
            answer.headers["X-RateLimit-Remaining"] = str(max(0, self._quota() - self.calls))
            return answer

        return endpoint

    def _gate(self, request: Request) -> Response | None:
        """The key, then the minute: 401 or 429, or None."""
        now = self.kit.now()
        if not self._is_let_in(request.headers.get("authorization", ""), now):
            self.kit.counters.refused_logins[self.system] += 1
            return reply(UNAUTHENTICATED, 401)
        minute = now.replace(second=0, microsecond=0)
        if minute != self.minute:
            self.minute, self.calls = minute, 0
        if self.calls >= self._quota():
            self.kit.throttle(self.system)
            return self._too_many(now)
        self.calls += 1
        return None

    def _quota(self) -> int:
        return int(PER_MINUTE * self.allowance.share)

    def _is_let_in(self, given: str, now: datetime) -> bool:
        """An API key as it is, or a login's token behind Bearer; neither the other way."""
        if self.kit.tokens.is_locked_out(self.system, now):
            return False
        kind, _, token = given.partition(" ")
        if token:
            return kind == "Bearer" and self.kit.tokens.is_good(self.system, token, now)
        return given == self.kit.secret(self.system, "api_key")

    def _too_many(self, now: datetime) -> Response:
        answer = reply(TOO_MANY, 429)
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        answer.headers["Retry-After"] = str(max(1, int((end - now).total_seconds()) + 1))
        answer.headers["X-RateLimit-Reset"] = str(int(end.timestamp()))
        return answer

    async def _login(self, request: Request) -> Response:
        """A token for a day. The password is the account's secret of that name."""
        now = self.kit.now()
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = {}
        name = body.get("username") if isinstance(body, dict) else None
        is_good = bool(name) and body.get("password") == self.kit.secret(self.system, "password")
        if not is_good or self.kit.tokens.is_locked_out(self.system, now):
            self.kit.counters.refused_logins[self.system] += 1
            return reply(UNAUTHENTICATED, 401)
        self.kit.counters.logins[self.system] += 1
        token = self.kit.tokens.issue(self.system, now, LOGIN_SECONDS, prefix="eyJ")
        said = "You have successfully logged in."
        return reply({"message": said, "token": token, "expires_in": LOGIN_SECONDS})

    def _refusal(self, fault: Fault) -> Response:
        """A planted refusal in the framework's words."""
        match fault.kind:
            case "rate_limited":
                return self._too_many(self.world.now)
            case "unavailable":
                return reply({"message": "Service Unavailable"}, 503)
            case "bad_gateway_burst":
                return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
            case "token_expired" | "token_revoked":
                return reply(UNAUTHENTICATED, 401)
            case "forbidden":
                return reply({"message": "This action is unauthorized."}, 403)
            case "not_found_yet":
                return reply(shapes.NOT_FOUND, 404)
            case "conflict" | "refused":
                return reply(_invalid("payload", "The payload field is invalid."), 422)
            case _:
                return reply({"message": "Server Error"}, 500)

    def _no_route(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del request, content, fault
        return reply(shapes.NOT_FOUND, 404)

    # --- lists ----------------------------------------------------------------------------------------

    def _page(
        self, request: Request, found: list[Any], render: Callable[[Any], Any], fault: Fault | None
    ) -> Response:
        """One page of ``found`` in the framework's envelope."""
        kind = fault.kind if fault else ""
        size = min(max(_whole(request, "per_page", DEFAULT_PAGE), 1), MAXIMUM_PAGE)
        number = max(_whole(request, "page", 1), 1)
        start = (number - 1) * size
        start -= bool(kind == "page_drift" and start)
        chosen, total = found[start : start + size], len(found)
        if kind == "empty_list":
            chosen, total = [], 0
        elif kind == "record_missing_from_list":
            chosen = chosen[:-1]
        elif kind == "duplicate_across_pages" and start:
            chosen = [found[start - 1], *chosen[:-1]]
        elif kind == "count_disagrees":
            total += 3
        rows = [render(each) for each in chosen]
        if rows and kind in shapes.STRANGE:
            rows[0] = rows[0] | shapes.STRANGE[kind]
        return reply(shapes.envelope(rows, number, size, total, request.url.path))

    def list_flows(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content
        return self._page(request, list(self.bridge.flows.values()), shapes.flow, fault)

    def list_runs(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """Filters by flow, status, trigger, retry and by when a run began, in milliseconds; sorted by that alone."""
        del content
        found = [run for run in self.bridge.runs.values() if self._is_wanted(run, request)]
        if request.query_params.get("sort") == "-started_at":
            found.reverse()
        included = frozenset(request.query_params.get("include", "").split(","))
        return self._page(request, found, lambda run: self._shown(run, included), fault)

    def _shown(self, run: FlowRun, included: frozenset[str]) -> dict[str, Any]:
        has_forgotten = self.world.now - run.started_at > rules.TRACKED_KEPT
        return shapes.run(run, self.bridge, included, has_forgotten=has_forgotten)

    def _is_wanted(self, run: FlowRun, request: Request) -> bool:
        asked = {
            name[7:-1]: value
            for name, value in request.query_params.items()
            if name.startswith("filter[") and value
        }
        at = (
            run.started_at.timestamp() * 1000
        )  # a time in seconds is a day in 1970: it matches everything or nothing
        tests: dict[str, Callable[[str], bool]] = {
            "flow_id": lambda v: str(run.flow_id) in v.split(","),
            "flow_version_id": lambda v: str(run.version_id) in v.split(","),
            "status": lambda v: str(run.status) in v.split(","),
            "trigger": lambda v: run.trigger in v.split(","),
            "retried": lambda v: v != "true" or run.retry_of is not None,
            "has_warnings": lambda v: v != "true" or run.has_warnings,
            "search": lambda v: any(v.lower() in reference.lower() for reference in run.references),
            "started_after": lambda v: at >= _number(v),
            "started_before": lambda v: at < _number(v),
        }
        return all(tests[name](value) for name, value in asked.items() if name in tests)

    def _run(self, request: Request) -> FlowRun:
        run = self.bridge.runs.get(int(request.path_params["id"]))
        if run is None:
            raise Refusal(404, shapes.NOT_FOUND)
        return run

    def show_run(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content, fault
        included = frozenset(request.query_params.get("include", "").split(","))
        return reply({"data": self._shown(self._run(request), included)})

    def list_logs(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """The log of a run. It names payloads only for who asks it to, and is gone after a week."""
        del content
        run = self._run(request)
        kept = [log for log in self.bridge.logs.get(run.id, ()) if self.world.now - log.at <= rules.LOGS_KEPT]
        names_payloads = request.query_params.get("load_payload_ids") == "true"
        return self._page(request, kept, lambda log: shapes.log(log, names_payload=names_payloads), fault)

    def list_payloads(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content
        asked = request.query_params
        ids, runs = asked.get("filter[id]", ""), asked.get("filter[flow_run_id]", "")
        found = [
            payload
            for payload in self.bridge.payloads.values()
            if (not ids or str(payload.id) in ids.split(","))
            and (not runs or str(payload.run_id) in runs.split(","))
        ]
        return self._page(
            request, found, lambda p: shapes.payload(p, is_dropped=rules.is_deleted(self.world, p)), fault
        )

    def download(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """The payload as it is, without an envelope."""
        del content, fault
        payload = self.bridge.payloads.get(int(request.path_params["id"]))
        if payload is None or rules.is_deleted(self.world, payload):
            raise Refusal(404, shapes.NOT_FOUND)
        return Response(payload.content, media_type="application/octet-stream")

    def list_waiting(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content
        included = request.query_params.get("include", "").split(",")
        return self._page(
            request,
            list(self.bridge.waiting.values()),
            lambda each: shapes.waiting(
                each, self.bridge.flows[each.flow_id] if "flow" in included else None
            ),
            fault,
        )

    def remove_waiting(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content, fault
        if self.bridge.waiting.pop(int(request.path_params["id"]), None) is None:
            raise Refusal(404, shapes.NOT_FOUND)
        return reply({"message": "Deleted."})

    def list_pools(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        del content
        return self._page(request, [shapes.POOL], lambda pool: pool, fault)

    def list_deduped(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """Every order a run moved, as the pool has seen it."""
        del content
        pairs = ((run, name) for run in self.bridge.runs.values() for name in run.references)
        seen = [(number, *pair) for number, pair in enumerate(pairs, 1)]
        return self._page(request, seen, lambda row: shapes.deduped(*row), fault)

    # --- starting and retrying ------------------------------------------------------------------------

    def _flow(self, request: Request) -> BridgeFlow:
        flow = self.bridge.flows.get(int(request.path_params["id"]))
        if flow is None:
            raise Refusal(404, shapes.NOT_FOUND)
        if flow.status != "Deployed":
            raise Refusal(422, _invalid("flow", "The flow has no deployed version."))
        return flow

    def start_raw(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """Put a bare payload into a flow. There is no idempotency key: a repeated call is a second run."""
        del fault
        return self._started(request, content)

    def start_wrapped(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """The older form: the payload is a text of JSON inside ``payload``."""
        del fault
        try:
            payload = json.loads(content).get("payload")
        except (ValueError, AttributeError):
            payload = None
        if not isinstance(payload, str) or not payload:
            raise Refusal(422, _invalid("payload", "The payload field is required."))
        return self._started(request, payload.encode())

    def _started(self, request: Request, content: bytes) -> Response:
        flow = self._flow(request)
        if len(content) > LARGEST:
            raise Refusal(413, {"message": "Payload Too Large"})
        if flow.calls:
            number = rules.give(self.world, self.bridge, flow, content)
            return reply({"message": "Flow initialised.", "flow_run_id": number})
        if flow.is_stalled or not flow.is_enabled:
            rules.wait(self.world, self.bridge, flow, content)
            return reply({"message": "Flow initialised."}, 201)
        reference = _reference(content)
        run = rules.start(
            self.world, self.bridge, flow, [(reference, None)] if reference else [], trigger="API"
        )
        return reply({"message": "Flow initialised.", "flow_run_id": run.id})

    def retry(self, request: Request, content: bytes, fault: Fault | None) -> Response:
        """Run a run again in its own version, as a new one. The flow must be switched on."""
        del content, fault
        run = self._run(request)
        if not self.bridge.flows[run.flow_id].is_enabled:
            raise Refusal(422, _invalid("flow", "The flow is not enabled."))
        again = rules.retry(self.world, self.bridge, run)
        return reply({"data": self._shown(again, frozenset())})


def _invalid(field: str, message: str) -> dict[str, Any]:
    return {"message": message, "errors": {field: [message]}}


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdigit() else default


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal(422, _invalid("filter", "The filter is invalid.")) from None


def _reference(content: bytes) -> str:
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    return str(body.get("order_ref", "")) if isinstance(body, dict) else ""
