"""A small target in this process: orders are taken in two steps, levels in batches.

Belongs here: a vendor's declarations for it, a client without a network, and its truth.
Does not belong here: any test, or a real vendor's habits (the sandbox has those).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import duckdb
import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import Page
from cogent_pipelines.connect.spec import (
    Answer,
    Found,
    Json,
    Listing,
    Lookup,
    Receipt,
    Request,
    Stream,
    System,
    Vendor,
    Want,
    Window,
    Write,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.estate import Estate
from cogent_pipelines.outbox.deliver import Clients

SETTLE = timedelta(seconds=60)


# --- the vendor's declarations ----------------------------------------------------------------------------


def _create(wants: Sequence[Want], system: System, key: str) -> Request:
    (want,) = wants
    if not want.fields["lines"]:
        raise Reject("an order without lines", code="no_lines")
    body = {
        "number": want.reference,
        "name": want.fields["ship_to_name"],
        "lines": want.fields["lines"],
        "maker": want.key,
    }
    return Request("POST", "/orders", body=body, is_write=True)


def _allocate(wants: Sequence[Want], system: System, key: str) -> Request:
    (want,) = wants
    body = {"order": want.refs["create"], "facility": want.fields["facility"]}
    return Request("POST", "/allocations", body=body, is_write=True)


def _cancel(wants: Sequence[Want], system: System, key: str) -> Request:
    (want,) = wants
    return Request("POST", "/cancellations", body={"number": want.reference}, is_write=True)


def _set(wants: Sequence[Want], system: System, key: str) -> Request:
    rows = [{"key": w.key, "to": w.fields["quantity"], "from": w.fields["change_from"]} for w in wants]
    return Request("POST", "/levels", body={"rows": rows, "key": key}, is_write=True)


def _receipt(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    return [Receipt(ref=str(answer["id"]))]


def _level_receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    refused = answer["refused"]
    if not refused:
        return [Receipt(ref=answer["id"]) for _ in wants]
    return [
        Receipt(
            refused=refused[w.key],
            code="stale" if refused[w.key] == "stale" else "bad",
            again=refused[w.key] == "stale",
        )
        if w.key in refused
        else Receipt(refused="a neighbour was refused", code="batch", again=True)
        for w in wants
    ]


def _by_number(wants: Sequence[Want], system: System) -> Sequence[Request]:
    return [Request("GET", "/orders", (("number", want.reference),)) for want in wants]


def _found_order(want: Want, answers: Sequence[Json]) -> Found | None:
    orders = [
        o for a in answers for o in (a if isinstance(a, list) else [a]) if o["number"] == want.reference
    ]
    if not orders:
        return None
    order = orders[0]
    fields = {
        "ship_to_name": order["name"],
        "facility": order["facility"],
        "status": order["status"],
        "lines": order["lines"],
        "is_unfinished": order.get("maker") == want.key and order["facility"] is None,
    }
    return Found(order["id"], fields, count=len(orders))


def _levels(wants: Sequence[Want], system: System) -> Sequence[Request]:
    return [Request("GET", "/levels", tuple(("key", want.key) for want in wants))]


def _found_level(want: Want, answers: Sequence[Json]) -> Found | None:
    level = answers[0].get(want.key)
    refused = answers[0].get("refused", {}).get(want.key, "")
    return None if level is None else Found(want.key, {"quantity": level}, refused=refused)


def _may_cancel(want: Want, found: Found | None) -> None:
    if found is None:
        raise Reject("no such order", code="not_found")
    if found.fields["status"] == "shipped":
        raise Reject("shipped already", code="past_no_return")


class _NoPaging:
    def first(self, request: Request) -> Request:
        return request

    def next(
        self, request: Request, answer: Answer, count: int, envelope: Mapping[str, Any]
    ) -> Request | None:
        return None


class _Open:
    async def headers(self, system: System, send: Any, *, renew: bool = False) -> Mapping[str, str]:
        return {}


ORDERS = Stream("orders", lambda window, system: Request("GET", "/orders"), "", _NoPaging(), entity="orders")
LEVELS = Stream("levels", lambda window, system: Request("GET", "/levels"), "", _NoPaging(), entity="stock")
LISTING = Listing(ORDERS, reference=lambda order: str(order["number"]))
CREATE = Write(
    "create",
    _create,
    _receipt,
    Lookup(_by_number, _found_order, listing=LISTING),
    compare=("ship_to_name", "lines"),
    settle=SETTLE,
)
ALLOCATE = Write(
    "allocate",
    _allocate,
    _receipt,
    Lookup(_by_number, _found_order, listing=LISTING),
    done=lambda want, found: found.fields["facility"] == want.fields["facility"],
    compare=("facility",),
    settle=SETTLE,
)
CANCEL = Write(
    "cancel",
    _cancel,
    _receipt,
    Lookup(_by_number, _found_order),
    done=lambda want, found: found.fields["status"] == "cancelled",
    guard=_may_cancel,
    settle=SETTLE,
)
SET = Write(
    "set",
    _set,
    _level_receipts,
    Lookup(_levels, _found_level, batch=250),
    done=lambda want, found: bool(found.fields["quantity"] == want.fields["quantity"]),
    compare=("quantity",),
    batch=250,
    has_idempotency=True,
    settle=SETTLE,
)
VENDOR = Vendor(
    slug="plain",
    title="Plain",
    roles=frozenset({"warehouse", "channel"}),
    hosts=("127.0.0.1",),
    secrets=(),
    auth=_Open(),
    limit=LeakyBucket(capacity=100, per_second=50, concurrent=4),
    streams=(ORDERS, LEVELS),
    writes={
        ("orders_to_wms", "create"): (CREATE, ALLOCATE),
        ("cancellations_to_wms", "cancel"): (CANCEL,),
        ("stock_to_channel", "set"): (SET,),
    },
    probe=lambda system: Request("GET", "/me"),
)


# --- the target itself ------------------------------------------------------------------------------------

Answering = Callable[[Request], Any]


@dataclass
class Target:
    """What the other side holds, and what it will do wrong next."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, Json]] = field(default_factory=dict)
    calls: list[Request] = field(default_factory=list)
    wrongs: list[tuple[str, str]] = field(default_factory=list)
    """(path, what goes wrong): each strikes once. See ``_play``."""
    always: dict[str, str] = field(default_factory=dict)
    """Reference or level key -> what always goes wrong with it."""
    late: dict[str, str] = field(default_factory=dict)
    """Level key -> the words with which it is refused once it was accepted; shown at every reading."""
    before_send: Callable[[Request], None] = lambda request: None
    is_up: bool = True
    is_mute: bool = False
    """Whether it answers no reading."""
    lags: bool = False
    """Whether lists show nothing new."""

    def count(self, method: str, path: str) -> int:
        return sum(call.method == method and call.path == path for call in self.calls)

    def effects(self) -> Counter[str]:
        return Counter(order["number"] for order in self.orders)

    def answer(self, request: Request) -> Json:
        self.calls.append(request)
        if not self.is_up:
            raise Halt("the key is wrong")
        if not request.is_write:
            self._speak()
            return self._read(request)
        self.before_send(request)
        wrong = next((w for w in self.wrongs if w[0] == request.path), None)
        if wrong:
            self.wrongs.remove(wrong)
            return self._play(request, wrong[1])
        for subject, what in self.always.items():
            if subject in json.dumps(request.body, default=str):
                return self._play(request, what)
        return self._do(request)

    def _speak(self) -> None:
        if self.is_mute:
            raise Retry("answered with a page of HTML")

    def _play(self, request: Request, what: str) -> Json:
        match what:
            case "throttled":
                raise Retry("too fast", after=2.0)
            case "down":
                raise Retry("connection refused")
            case "lost":
                raise Retry("timed out", effect="unknown")
            case "lost_after":
                self._do(request)
                raise Retry("reset", effect="unknown")
            case "rejected":
                raise Reject("Jane Doe is not welcome", code="unwelcome")
            case "halt":
                raise Halt("the key is wrong")
            case "stores_nothing":
                return {"id": "9999", "refused": {}}
            case "truncated":
                request = replace(request, body={**request.body, "name": str(request.body["name"])[:3]})
                return self._do(request)
            case "odd":
                self._do(request)
                return ["nothing like what was declared"]
        raise AssertionError(what)

    def _do(self, request: Request) -> Json:
        body = request.body
        match request.path:
            case "/orders":
                order = {
                    "id": str(len(self.orders) + 1),
                    "number": body["number"],
                    "name": body["name"],
                    "lines": msgspec.to_builtins(body["lines"]),
                    "maker": body["maker"],
                    "facility": None,
                    "status": "open",
                }
                self.orders.append(order)
                return {"id": order["id"]}
            case "/allocations":
                order = next(o for o in self.orders if o["id"] == body["order"])
                order["facility"] = body["facility"]
                return {"id": order["id"]}
            case "/cancellations":
                for order in self.orders:
                    if order["number"] == body["number"]:
                        order["status"] = "cancelled"
                return {"id": "1"}
            case "/levels":
                return self._set_levels(body)
        raise AssertionError(request.path)

    def _set_levels(self, body: Json) -> Json:
        key, rows = body["key"], json.dumps(body["rows"])
        if key in self.keys:
            before, answer = self.keys[key]
            if before != rows:
                raise Reject("the key was used for something else", code="key_mismatch")
            return answer
        refused = {r["key"]: "stale" for r in body["rows"] if self.levels.get(r["key"]) != r["from"]}
        refused |= {r["key"]: "bad" for r in body["rows"] if r["to"] < 0}
        if not refused:
            self.levels |= {row["key"]: row["to"] for row in body["rows"] if row["key"] not in self.late}
        answer = {"id": f"group-{len(self.keys)}", "refused": refused}
        self.keys[key] = (rows, answer)
        return answer

    def _read(self, request: Request) -> Json:
        wanted = [value for _, value in request.params]
        if request.path == "/orders":
            return [o for o in self.orders if o["number"] in wanted]
        if request.path == "/levels":
            return {"refused": self.late} | {key: self.levels[key] for key in wanted if key in self.levels}
        return {}


class FakeClient:
    """What ``connect.client.Client`` is to the outbox, without a network."""

    def __init__(self, system: System, target: Target) -> None:
        self.system = system
        self.vendor = VENDOR
        self.target = target

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        return None

    async def call(self, request: Request, *, intent: str | None = None) -> Answer:
        assert intent or not request.is_write, "a write without an intent"
        answer = self.target.answer(request)
        await asyncio.sleep(0)
        return Answer(200, {}, msgspec.json.encode(answer), clock.now())

    async def fetch(self, request: Request, read: Callable[[Answer], Any]) -> Any:
        return read(await self.call(request))

    async def pages(self, stream: Stream, window: Window) -> AsyncIterator[Page]:
        self.target.calls.append(Request("LIST", f"/{stream.name}"))
        self.target._speak()
        orders = [] if self.target.lags else self.target.orders
        records = [msgspec.json.encode(order) for order in orders]
        yield Page(records, 1, clock.now(), len(records), is_last=True)


# --- around it --------------------------------------------------------------------------------------------


def clients(targets: Mapping[str, Target]) -> Clients:
    """Makers of clients for the named systems."""

    def make(name: str, target: Target) -> Callable[[], Any]:
        system = System(name, "plain", "http://127.0.0.1", {}, loopback_only=True)
        return lambda: FakeClient(system, target)

    return {name: make(name, target) for name, target in targets.items()}


def estate(**syncs: Mapping[str, Any]) -> Estate:
    """A retailer with one shop and one warehouse, both of them this target."""
    defaults: dict[str, Any] = {
        name: {"mode": "live", "from": datetime(2026, 11, 1, tzinfo=UTC)}
        for name in ("orders_to_wms", "cancellations_to_wms", "stock_to_channel")
    }
    data = {
        "name": "test",
        "time_zone": "Europe/London",
        "sandbox": True,
        "systems": {
            "shop": {"vendor": "plain", "role": "channel", "url": "http://127.0.0.1"},
            "wms": {"vendor": "plain", "role": "warehouse", "url": "http://127.0.0.1"},
        },
        "truth": {},
        "facilities": {"LEEDS": "wms"},
        "cadence": {"orders": "1m", "stock": "2m"},
        "owners": {},
        "syncs": defaults | {name: {**defaults.get(name, {}), **more} for name, more in syncs.items()},
    }
    return msgspec.convert(data, Estate)


COMMON = (
    "system VARCHAR, source_system VARCHAR, act VARCHAR, business_key VARCHAR, reference VARCHAR, "
    "order_key VARCHAR, since_at TIMESTAMPTZ, held_by VARCHAR, priority INTEGER, "
    "amount DECIMAL(18,4), currency VARCHAR"
)


class Warehouse:
    """A DuckDB with ``wanted`` as plain tables. In memory: opening a file costs more than the test."""

    def __init__(self) -> None:
        self.path = ":memory:"
        self._lock = threading.RLock()
        self._connection = duckdb.connect(self.path)
        self._connection.execute("SET TimeZone = 'UTC'")
        with self.open() as connection:
            connection.execute("CREATE SCHEMA wanted; CREATE SCHEMA ops; CREATE SCHEMA marts")
            connection.execute(
                f"CREATE TABLE wanted.orders_to_wms ({COMMON}, facility VARCHAR, ship_to_name VARCHAR, "
                "lines STRUCT(sku VARCHAR, qty BIGINT, unit_price_amount DECIMAL(18,4))[])"
            )
            connection.execute(f"CREATE TABLE wanted.cancellations_to_wms ({COMMON})")
            connection.execute(
                f"CREATE TABLE wanted.stock_to_channel ({COMMON}, quantity BIGINT, change_from BIGINT, "
                "is_decrease BOOLEAN)"
            )
            connection.execute("CREATE TABLE marts.channel_stock (system VARCHAR, available_qty BIGINT)")
            connection.execute(
                "CREATE TABLE ops.pulls (system VARCHAR, stream VARCHAR, kind VARCHAR, "
                "started_at TIMESTAMPTZ, is_complete BOOLEAN, note VARCHAR)"
            )

    @contextmanager
    def open(self, *args: object, **options: object) -> Iterator[duckdb.DuckDBPyConnection]:
        """Stands in for ``warehouse.open`` too: one at a time, as with a file."""
        with self._lock:
            yield self._connection

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with self.open() as connection:
            connection.execute(sql, list(parameters))

    def pulled(self, *, is_complete: bool = True, at: datetime | None = None) -> None:
        """Say that every feed was just read."""
        moment = at or clock.now()
        rows = ", ".join(
            f"('{s}', '{t}', 'increment', $1, $2, '')" for s in ("shop", "wms") for t in ("orders", "levels")
        )
        self.run(f"INSERT INTO ops.pulls VALUES {rows}", [moment, is_complete])

    def want_orders(
        self, *numbers: str, held_by: str | None = None, name: str = "Jane Doe", priority: int = 30
    ) -> None:
        """Want these orders in the warehouse, in place of what was wanted before of them."""
        with self.open() as connection:
            for number in numbers:
                connection.execute("DELETE FROM wanted.orders_to_wms WHERE reference = $1", [number])
                connection.execute(
                    "INSERT INTO wanted.orders_to_wms VALUES "
                    "('wms', 'shop', 'create', $1, $2, $3, $4, $5, $6, 12.50, 'GBP', "
                    "'LEEDS', $7, [{sku: 'SKU-1', qty: 2, unit_price_amount: 6.25}])",
                    [f"shop:{number}@LEEDS", number, f"shop:{number}", clock.now(), held_by, priority, name],
                )

    def want_unmapped(self, *numbers: str) -> None:
        """Want these orders in no warehouse anybody could name: their facility is not mapped."""
        self.want_orders(*numbers, held_by="unmapped_facility")
        self.run(
            "UPDATE wanted.orders_to_wms SET system = NULL, facility = NULL "
            "WHERE reference IN (SELECT unnest($1::VARCHAR[]))",
            [list(numbers)],
        )

    def want_cancelled(self, *numbers: str) -> None:
        """Want these orders cancelled in the warehouse."""
        with self.open() as connection:
            for number in numbers:
                connection.execute(
                    "INSERT INTO wanted.cancellations_to_wms VALUES "
                    "('wms', 'shop', 'cancel', $1, $2, $3, $4, NULL, 20, NULL, 'GBP')",
                    [f"shop:{number}@cancel", number, f"shop:{number}", clock.now()],
                )

    def want_levels(self, target: Target, **levels: int) -> None:
        """Want these levels at the shop, from what ``target`` has now; those equal are not wanted."""
        with self.open() as connection:
            connection.execute("DELETE FROM wanted.stock_to_channel")
            connection.execute("DELETE FROM marts.channel_stock")
            for available in target.levels.values():
                connection.execute("INSERT INTO marts.channel_stock VALUES ('shop', $1)", [available])
            for key, quantity in levels.items():
                first = target.levels[key]
                if first != quantity:
                    connection.execute(
                        "INSERT INTO wanted.stock_to_channel VALUES "
                        "('shop', 'wms', 'set', $1, $1, NULL, $2, NULL, $3, NULL, 'GBP', $4, $5, $6)",
                        [key, clock.now(), 10 if quantity < first else 50, quantity, first, quantity < first],
                    )

    def unwant(self, sync: str, *references: str) -> None:
        """Nobody wants these any more."""
        with self.open() as connection:
            connection.execute(
                f"DELETE FROM wanted.{sync} WHERE reference IN (SELECT unnest($1::VARCHAR[]))",
                [list(references)],
            )
