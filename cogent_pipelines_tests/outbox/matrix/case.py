"""One case: a scene, an answer class, a crash point; killed there, run clean, judged by the truth.

Belongs here: the three processes of a case and what each does.
Does not belong here: which cases there are (``cases``), or printing them.

    warm parent --fork--> the other side (sandbox, judge) --fork--> our process: killed at the crash point
                                                          --fork--> our process: runs until all is quiet
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Found, Vendor, Want, Write
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books, controls, copy, ledger, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import deliver, plan, points, verify
from cogent_pipelines.sandbox.app import Sandbox
from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.outbox.matrix import alerting, wire
from cogent_pipelines_tests.outbox.matrix import scene as scenes
from cogent_pipelines_tests.outbox.matrix.store import Store, lose

SPEED = 100.0
"""Our waits between tries take a hundredth; a lease outlasts a case's longest run on the wall."""
TICK = timedelta(seconds=20)
MOST_TICKS = 40
ESTATE: dict[str, Any] = {
    "name": "matrix",
    "sandbox": True,
    "time_zone": "Europe/London",
    "systems": {
        scenes.SHOP: {
            "vendor": "shopify",
            "role": "channel",
            "url": f"http://127.0.0.1:1/{scenes.SHOP}",
            "secrets": {"client_id": "MATRIX_SHOP_ID", "client_secret": "MATRIX_SHOP_SECRET"},
        },
        scenes.WMS: {
            "vendor": "veeqo",
            "role": "warehouse",
            "url": f"http://127.0.0.1:1/{scenes.WMS}",
            "secrets": {"api_key": "MATRIX_WMS_KEY"},
            "options": {"channel_id": 771},
        },
    },
    "truth": {},
    "facilities": {"LEEDS": scenes.WMS},
    "cadence": {"orders": "1m", "shipments": "2m", "stock": "2m"},
    "owners": {},
    "syncs": {
        name: {"mode": "live", "from": "2026-11-01T00:00:00Z"}
        for name in ("orders_to_wms", "shipments_to_channel", "stock_to_channel", "cancellations_to_wms")
    },
}
SECRETS = {
    "MATRIX_SHOP_ID": f"sandbox-{scenes.SHOP}-client_id",
    "MATRIX_SHOP_SECRET": f"sandbox-{scenes.SHOP}-client_secret",
    "MATRIX_WMS_KEY": f"sandbox-{scenes.WMS}-api_key",
    "COGENT_HMAC_KEY": "a key for the matrix, long enough to be one",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong. ``hits`` is at which passing of the point the process dies."""

    scene: str
    point: str
    answer: str
    operation: str = ""
    hits: int = 1
    lookup: bool = True
    read_back: bool = True
    seed: int = 0
    lag: float = 0.0
    is_slow: bool = False
    """Whether for a while our readings go on showing both systems as they were at first."""
    rates: str = ""
    """Chances of faults on every call, as ``--faults`` of the sandbox takes them."""
    loses_ledger: bool = False
    """Whether the ledger is gone before the clean run. Of SQLite's file only."""
    more: tuple[tuple[str, int], ...] = ()
    """Further crashes, one after another: (point, hits)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the truth says afterwards."""

    case: Case
    was_hit: bool = False
    lost: int = 0
    doubled: int = 0
    stale: int = 0
    flagged: int = 0
    """Things our books call rejected, dead or stored otherwise than sent: not done, and said so."""
    silent: int = 0
    """Things our books call done and the truth does not: the one thing that must never be."""
    ticks: int = 0
    seconds: float = 0.0
    error: str = ""
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        return not (self.error or self.lost or self.doubled or self.stale or self.silent)


def estate() -> Estate:
    """The estate of every case."""
    return msgspec.convert(ESTATE, Estate)


# --- the other side -----------------------------------------------------------------------------------


def run(case: Case, sandbox: Sandbox, store: Store) -> Result:
    """Run one case in a forked copy of the world. ``sandbox`` itself is not touched."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _guarded(
            lambda: wire.send(theirs, _other_side(case, sandbox, store)), partial(wire.send, theirs), case
        )
    theirs.close()
    try:
        result: Result = wire.receive(ours)
    except EOFError:
        result = Result(case, error="the other side died")
    finally:
        ours.close()
        os.waitpid(child, 0)
    return result


def _guarded(act: Callable[[], None], tell: Callable[[Result], object], case: Case) -> None:
    """Run ``act`` in a forked child and leave it without any of the parent's tidying up; tell what it died of."""
    code = 0
    try:
        act()
    except BaseException:  # noqa: BLE001  a child must never return into the parent's stack
        code = 1
        with suppress(OSError):
            tell(Result(case, error=traceback.format_exc()))
    finally:
        os._exit(code)


def _other_side(case: Case, sandbox: Sandbox, store: Store) -> Result:
    began = time.perf_counter()
    clock.use(clock.Clock(sandbox.world.now, time.time(), SPEED))
    if case.scene == "alerts":
        return _alerts(case, sandbox, store)
    scenes.SCENES[case.scene](sandbox.world)
    system, operations = scenes.OPERATIONS[case.scene]
    sandbox.kit.lags[system] = case.lag
    faults = sandbox.kit.faults
    if case.rates:
        faults.seed = case.seed
        faults.set(case.rates)
    if case.answer != "ok":
        operation = case.operation or operations[0]
        now = sandbox.world.now
        faults.outages.append(
            Outage(system, operation, case.answer, since=now, until=now + timedelta(days=1), left=1)
        )
    url = store.fresh()
    readings = Readings(case, sandbox)
    crashes = [(case.point, case.hits), *case.more]
    was_hit = False
    for number, (point, hits) in enumerate(crashes):
        if point:
            killed, _ = _process(
                case, sandbox, partial(_ours, case, url, (point, hits), 2 + number), readings
            )
            was_hit = was_hit or killed
    if case.loses_ledger:
        lose(url)
    _, done = _process(case, sandbox, partial(_ours, case, url, ("", 0), MOST_TICKS), readings)
    if done is None:
        return Result(case, error="the clean run ended without a word")
    if isinstance(done, Result):
        return done
    told = scenes.judge(sandbox.world, case.scene)
    states: Counter[str] = Counter(done["states"])
    flagged = sum(n for state, n in states.items() if state.split()[0] in ("rejected", "dead", "sent"))
    wrong = told["lost"] + told["stale"]
    return Result(
        case,
        was_hit=was_hit,
        lost=max(told["lost"] - flagged, 0),
        doubled=told["doubled"],
        stale=max(told["stale"] - flagged, 0),
        flagged=flagged,
        silent=max(wrong - flagged, 0),
        ticks=done["ticks"],
        seconds=time.perf_counter() - began,
        states=dict(states),
    )


class Readings:
    """What our pulls show. Slow ones show the beginning for some ticks more: the effect is there, unseen."""

    SLOW_TICKS = 8

    def __init__(self, case: Case, sandbox: Sandbox) -> None:
        self._case, self._sandbox = case, sandbox
        self._first: list[scenes.Row] | None = None
        self._left = self.SLOW_TICKS if case.is_slow else 0

    def wanted(self) -> list[scenes.Row]:
        if self._left:
            self._left -= 1
            if self._first is None:
                self._first = scenes.wanted(self._sandbox.world, self._case.scene)
            return self._first
        return scenes.wanted(self._sandbox.world, self._case.scene)


def _alerts(case: Case, sandbox: Sandbox, store: Store) -> Result:
    url, inbox = store.fresh(), alerting.Inbox(case.answer)
    was_hit = False
    if case.point:
        was_hit, _ = _process(case, sandbox, partial(_our_alerts, url, case.point, case.hits, 2), None, inbox)
    _, done = _process(case, sandbox, partial(_our_alerts, url, "", 0, MOST_TICKS), None, inbox)
    if not isinstance(done, dict):
        return done or Result(case, error="the clean run ended without a word")
    may_repeat = case.answer in alerting.WITH_EFFECT - {"ok"} or case.point == alerting.POINTS[-1]
    told = inbox.judge(may_repeat=may_repeat)
    return Result(case, was_hit=was_hit, ticks=done["ticks"], **told)


def _process(
    case: Case,
    sandbox: Sandbox,
    act: Callable[[socket.socket], None],
    readings: Readings | None = None,
    inbox: alerting.Inbox | None = None,
) -> tuple[bool, dict[str, Any] | Result | None]:
    """Fork our process and serve it until it is gone: (was it killed, its last word)."""
    ours, theirs = socket.socketpair()
    clock.use(clock.Clock(sandbox.world.now, time.time(), SPEED))
    child = os.fork()
    if child == 0:
        theirs.close()
        _guarded(lambda: act(ours), partial(wire.ask, ours, "done"), case)
    ours.close()
    last: list[dict[str, Any] | Result] = []

    def asked(name: str, args: tuple[Any, ...]) -> Any:
        if name == "wanted":
            return readings.wanted() if readings is not None else []
        if name == "done":
            last.append(args[0])
        if name == "alert" and inbox is not None:
            return inbox.take(args[1])
        return None

    wire.serve(theirs, sandbox, asked)
    theirs.close()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return killed, last[0] if last else None


# --- our side -----------------------------------------------------------------------------------------


def _ours(case: Case, url: str, crash: tuple[str, int], most_ticks: int, line: socket.socket) -> None:
    """Tick until all is quiet, or until the armed point is reached: then die on the spot."""
    os.environ.update(SECRETS)
    random.seed(case.seed)
    point, hits = crash
    passed = 0

    def kill_here(name: str) -> None:
        nonlocal passed
        if name == point:
            passed += 1
            if passed == hits:
                os.kill(os.getpid(), signal.SIGKILL)

    points.arm(kill_here)
    book = ledger.open(url)
    makers = {name: partial(_client, case, name, line) for name in (scenes.SHOP, scenes.WMS)}
    wanted, retailer = Wanted(case), estate()
    has_redriven = False
    quiet = 0
    ticks = 0
    while ticks < most_ticks and quiet < 2:
        ticks += 1
        wanted.fill(wire.ask(line, "wanted"))
        with warehouse.open("") as connection:
            plan.plan(connection, book, retailer, scenes.SYNC_OF[case.scene])
        verify.verify(book, retailer, makers)
        deliver.deliver(book, retailer, "", makers)
        states = _states(book, case)
        is_idle = not any(
            s.split()[0] in ("waiting", "claimed", "sent") and s != "sent mismatch" for s in states
        )
        quiet = quiet + 1 if is_idle else 0
        if quiet == 2 and not has_redriven and not point:
            has_redriven = True  # a person has mended what was refused, and says: again
            if _redrive(book):
                quiet = 0
        due = promises.next_due_at(book)
        clock.use(clock.Clock(max(clock.now() + TICK, due or clock.now()), time.time(), SPEED))
    wire.ask(line, "done", {"states": _states(book, case), "ticks": ticks})
    book.close()


def _our_alerts(url: str, point: str, hits: int, most_ticks: int, line: socket.socket) -> None:
    """Tell owners until nothing is left to be told, or die at the point."""
    os.environ.update(SECRETS)
    book = ledger.open(url)
    retailer = alerting.estate(ESTATE)
    passed: Counter[str] = Counter()

    def crash(name: str) -> None:
        passed[name] += 1
        if (name, passed[name]) == (point, hits):
            os.kill(os.getpid(), signal.SIGKILL)

    ticks = 0
    while ticks < most_ticks:
        ticks += 1
        if alerting.tick(book, retailer, line, crash):
            break
        clock.use(clock.Clock(clock.now() + alerting.TICK, time.time(), SPEED))
    wire.ask(line, "done", {"states": {}, "ticks": ticks})
    book.close()


def _redrive(book: Ledger) -> bool:
    with book.read() as connection:
        bad = [p for sync in scenes.SYNC_OF.values() for p in promises.unsettled(connection, sync).values()]
    keys = {p.business_key for p in bad if p.state in ("rejected", "dead")}
    for key in keys:
        controls.redrive(book, key, by="matrix")
    return bool(keys)


def _states(book: Ledger, case: Case) -> dict[str, int]:
    return dict(
        Counter(
            f"{state} {reason}".strip()
            for state, reason in books.states(book, scenes.SYNC_OF[case.scene]).values()
        )
    )


def _client(case: Case, name: str, line: socket.socket) -> Client:
    system = accounts.system(estate(), name)
    vendor = altered(_in_small_batches(VENDORS[system.vendor]), case)
    return Client(system, vendor, limits=MemoryLimits(), transport=wire.Transport(line))


def _in_small_batches(vendor: Vendor) -> Vendor:
    """Batches of two, so that a scene of few things has several of them."""
    writes = {
        key: tuple(replace(write, batch=min(write.batch, 2)) for write in some)
        for key, some in vendor.writes.items()
    }
    return replace(vendor, writes=writes)


def altered(vendor: Vendor, case: Case) -> Vendor:
    """The vendor's declarations, blinded where the case asks for it: a control that must show harm.

    Without look-up nothing is ever found before a send; without read-back every yes is believed.
    """
    if case.lookup and case.read_back:
        return vendor
    writes = {key: tuple(_altered(write, case) for write in some) for key, some in vendor.writes.items()}
    return replace(vendor, writes=writes)


def _altered(write: Write, case: Case) -> Write:
    """Once its send was accepted, a want carries the target's id: from then on a look is a read-back."""

    def is_accepted(want: Want) -> bool:
        return write.action in want.refs

    def found(want: Want, answers: Sequence[Any]) -> Found | None:
        if is_accepted(want) and not case.read_back:
            return Found(want.refs[write.action], {})
        if not is_accepted(want) and not case.lookup:
            return None
        return write.lookup.found(want, answers)

    def done(want: Want, seen: Found) -> bool:
        return (is_accepted(want) and not case.read_back) or write.done(want, seen)

    return replace(
        write,
        lookup=replace(write.lookup, found=found, listing=None),
        done=done,
        guard=write.guard if case.lookup else (lambda want, found: None),
        compare=write.compare if case.read_back else (),
    )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory, of one thread, so that a warm parent can make it and a forked child use it."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute(
        "SET TimeZone = 'UTC'; CREATE SCHEMA wanted; CREATE SCHEMA ops; CREATE SCHEMA marts; "
        "CREATE TABLE marts.channel_stock AS SELECT 'web_uk' AS system, 1 AS available_qty"
    )
    copy.prepare(connection)
    return connection


class Wanted:
    """A DuckDB in memory with a sync's wanted rows in it, in place of the warehouse's file."""

    def __init__(self, case: Case) -> None:
        self._name = scenes.SYNC_OF[case.scene]
        self._connection = _database()
        warehouse.open = self._open  # type: ignore[assignment]

    @contextmanager
    def _open(self, *args: object, **options: object) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self._connection

    def fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Want these rows and no others; every feed was read just now."""
        self._connection.execute(f"DROP TABLE IF EXISTS wanted.{self._name}")
        self._store(f"wanted.{self._name}", rows)
        self._store("ops.pulls", [pull | {"started_at": clock.now()} for pull in PULLS])

    def _store(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.register("rows", pa.Table.from_pylist(list(rows)))
            self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM rows")
            self._connection.unregister("rows")


PULLS = [
    {"system": name, "stream": stream.name, "kind": "increment", "is_complete": True, "note": ""}
    for name, vendor in ((scenes.SHOP, "shopify"), (scenes.WMS, "veeqo"))
    for stream in VENDORS[vendor].streams
]


def warm(store: Store) -> None:
    """Load and compile in the parent what every child would otherwise load for itself."""
    book = ledger.open(store.fresh())
    real = warehouse.open
    Wanted(Case("levels", "", "ok")).fill([{"system": "nowhere", "business_key": "", "reference": ""}])
    with warehouse.open("") as connection:
        plan.plan(connection, book, estate(), "orders_to_wms")
    verify.verify(book, estate(), {})
    deliver.deliver(book, estate(), "", {})
    warehouse.open = real
    for sync in scenes.SYNC_OF.values():
        books.states(book, sync)
    book.close()
