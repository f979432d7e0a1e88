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
import pyarrow as pa

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Found, Request, System, Vendor, Want, Write
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books, controls, copy, ledger, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import deliver, plan, points, verify
from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines.sandbox.app import Sandbox
from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.outbox.matrix import alerting, wire
from cogent_pipelines_tests.outbox.matrix import scene as scenes
from cogent_pipelines_tests.outbox.matrix import world as worlds
from cogent_pipelines_tests.outbox.matrix.scene import Task
from cogent_pipelines_tests.outbox.matrix.store import Store, lose
from cogent_pipelines_tests.outbox.matrix.world import Place, Ready
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS

MARK = b"x-matrix-write"
"""The header by which the other side knows a write's call. It goes no further."""
AFTERMATH = timedelta(minutes=15)
"""What is still under way in a system when we are done has happened by then."""
SPEED = 100.0
"""Our waits between tries take a hundredth; a lease outlasts a case's longest run on the wall."""
TICK = timedelta(seconds=20)
MOST_TICKS = 40


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong. ``hits`` is at which passing of the point the process dies."""

    vendor: str
    """Whose write it is; "" for alerts, which go to an inbox."""
    task: Task
    point: str
    answer: str
    step: str = ""
    """Which of the task's writes, by its action, is answered so; "" is the first."""
    manner: str = ""
    """In which the vendor's account is set up, where there are several."""
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

    @property
    def place(self) -> Place:
        """The world it is played in."""
        return worlds.place_of(self.vendor, self.manner)

    @property
    def writes(self) -> tuple[Write, ...]:
        """What its task takes."""
        return VENDORS[self.vendor].writes[self.task]


@dataclass(frozen=True, slots=True)
class Result:
    """What the truth says afterwards."""

    case: Case
    was_hit: bool = False
    was_struck: bool = True
    """Whether the answer it is about was given."""
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
        return self.was_struck and not (self.error or self.lost or self.doubled or self.stale or self.silent)


# --- the other side -----------------------------------------------------------------------------------


def run(case: Case, store: Store) -> Result:
    """Run one case in a forked copy of its world, which itself is not touched."""
    ready = worlds.ready(case.place) if case.vendor else None
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _guarded(lambda: wire.send(theirs, _other_side(case, ready, store)), partial(wire.send, theirs), case)
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


def _other_side(case: Case, ready: Ready | None, store: Store) -> Result:
    began = time.perf_counter()
    if ready is None:
        return _alerts(case, store)
    sandbox = ready.sandbox
    clock.use(clock.Clock(sandbox.world.now, time.time(), SPEED))
    sandbox.kit.lags[_target(case)] = case.lag
    faults = sandbox.kit.faults
    if case.rates:
        faults.seed = case.seed
        faults.set(case.rates)
    url = store.fresh()
    readings, strike = Readings(case, ready), Strike(case, sandbox)
    crashes = [(case.point, case.hits), *case.more]
    was_hit = False
    for number, (point, hits) in enumerate(crashes):
        if point:
            ours = partial(_ours, case, ready, url, (point, hits), 2 + number)
            killed, _ = _process(case, ours, sandbox, readings, strike)
            was_hit = was_hit or killed
    if case.loses_ledger:
        lose(url)
    _, done = _process(case, partial(_ours, case, ready, url, ("", 0), MOST_TICKS), sandbox, readings, strike)
    if done is None:
        return Result(case, error="the clean run ended without a word")
    if isinstance(done, Result):
        return done
    wire.move_to(sandbox, sandbox.world.now + AFTERMATH)
    told = scenes.judge(sandbox.world, case.task, readings.rows)
    states: Counter[str] = Counter(done["states"])
    flagged = sum(n for state, n in states.items() if state.split()[0] in ("rejected", "dead", "sent"))
    wrong = told["lost"] + told["stale"]
    return Result(
        case,
        was_hit=was_hit,
        was_struck=strike.has_struck,
        lost=max(told["lost"] - flagged, 0),
        doubled=told["doubled"],
        stale=max(told["stale"] - flagged, 0),
        flagged=flagged,
        silent=max(wrong - flagged, 0),
        ticks=done["ticks"],
        seconds=time.perf_counter() - began,
        states=dict(states),
    )


def _target(case: Case) -> str:
    return SHOP if SYNCS[case.task[0]].target_role == "channel" else WMS


class Strike:
    """The first call of the case's write meets the case's answer."""

    def __init__(self, case: Case, sandbox: Sandbox) -> None:
        self._sandbox, self._system = sandbox, _target(case) if case.vendor else ""
        self._answer = case.answer
        self._step = case.step or case.writes[0].action
        self.has_struck = case.answer == "ok"

    def before(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Lay the fault before the call that is named, and take the name off it."""
        own = [value.decode() for name, value in headers if name == MARK]
        if own == [self._step] and not self.has_struck:
            now = self._sandbox.world.now
            outage = Outage(self._system, "", self._answer, since=now, until=now + timedelta(days=1), left=1)
            self._sandbox.kit.faults.outages[:] = [outage]
        return [(name, value) for name, value in headers if name != MARK]

    def after(self) -> None:
        """A call that was turned away before it could meet its fault leaves it for the next one."""
        faults = self._sandbox.kit.faults
        self.has_struck = self.has_struck or any(outage.struck for outage in faults.outages)
        faults.outages.clear()


class Readings:
    """What our pulls show. Slow ones show the beginning for some ticks more: the effect is there, unseen."""

    SLOW_TICKS = 8

    def __init__(self, case: Case, ready: Ready) -> None:
        self._world = ready.sandbox.world
        self._scene = scenes.SCENES[case.task]
        self._table = ready.wanted[case.task]
        self.rows: list[scenes.Row] = self._table.to_pylist()
        self._left = self.SLOW_TICKS if case.is_slow else 0

    def wanted(self) -> pa.Table:
        """The rows that a reading of both systems would leave wanted now."""
        if self._left:
            self._left -= 1
            return self._table
        rest = self._table.filter(pa.array([not self._scene.is_done(self._world, row) for row in self.rows]))
        if self._scene.is_level and rest.num_rows:
            shown = [scenes.shown_now(self._world, row) for row in rest.to_pylist()]
            place = rest.schema.get_field_index("change_from")
            field = rest.schema.field(place)
            rest = rest.set_column(place, field, pa.array(shown, field.type))
        return rest


def _alerts(case: Case, store: Store) -> Result:
    clock.use(clock.Clock(worlds.START, time.time(), SPEED))
    url, inbox = store.fresh(), alerting.Inbox(case.answer)
    was_hit = False
    if case.point:
        was_hit, _ = _process(case, partial(_our_alerts, url, case.point, case.hits, 2), inbox=inbox)
    _, done = _process(case, partial(_our_alerts, url, "", 0, MOST_TICKS), inbox=inbox)
    if not isinstance(done, dict):
        return done or Result(case, error="the clean run ended without a word")
    may_repeat = case.answer in alerting.WITH_EFFECT - {"ok"} or case.point == alerting.POINTS[-1]
    told = inbox.judge(may_repeat=may_repeat)
    return Result(case, was_hit=was_hit, ticks=done["ticks"], **told)


def _process(
    case: Case,
    act: Callable[[socket.socket], None],
    sandbox: Sandbox | None = None,
    readings: Readings | None = None,
    strike: Strike | None = None,
    inbox: alerting.Inbox | None = None,
) -> tuple[bool, dict[str, Any] | Result | None]:
    """Fork our process and serve it until it is gone: (was it killed, its last word)."""
    ours, theirs = socket.socketpair()
    clock.use(clock.Clock(sandbox.world.now if sandbox else clock.now(), time.time(), SPEED))
    child = os.fork()
    if child == 0:
        theirs.close()
        _guarded(lambda: act(ours), partial(wire.ask, ours, "done"), case)
    ours.close()
    last: list[dict[str, Any] | Result] = []

    def asked(name: str, args: tuple[Any, ...]) -> Any:
        if name == "wanted":
            return readings.wanted() if readings is not None else None
        if name == "done":
            last.append(args[0])
        if name == "alert" and inbox is not None:
            return inbox.take(args[1])
        return None

    wire.serve(theirs, sandbox, asked, strike)
    theirs.close()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return killed, last[0] if last else None


# --- our side -----------------------------------------------------------------------------------------


def _ours(
    case: Case, ready: Ready, url: str, crash: tuple[str, int], most_ticks: int, line: socket.socket
) -> None:
    """Tick until all is quiet, or until the armed point is reached: then die on the spot."""
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
    makers = {name: partial(_client, case, ready, name, line) for name in ready.estate.systems}
    sync, retailer = case.task[0], ready.estate
    wanted = Wanted(sync, worlds.systems_of(case.place))
    has_redriven = False
    quiet = 0
    ticks = 0
    while ticks < most_ticks and quiet < 2:
        ticks += 1
        wanted.fill(wire.ask(line, "wanted"))
        with warehouse.open("") as connection:
            plan.plan(connection, book, retailer, sync)
        verify.verify(book, retailer, makers)
        deliver.deliver(book, retailer, "", makers)
        states = _states(book, case)
        is_idle = not any(
            s.split()[0] in ("waiting", "claimed", "sent") and s != "sent mismatch" for s in states
        )
        quiet = quiet + 1 if is_idle else 0
        if quiet == 2 and not has_redriven and not point:
            has_redriven = True  # a person has mended what was refused, and says: again
            if _redrive(book, sync):
                quiet = 0
        due = promises.next_due_at(book)
        clock.use(clock.Clock(max(clock.now() + TICK, due or clock.now()), time.time(), SPEED))
    wire.ask(line, "done", {"states": _states(book, case), "ticks": ticks})
    book.close()


def _our_alerts(url: str, point: str, hits: int, most_ticks: int, line: socket.socket) -> None:
    """Tell owners until nothing is left to be told, or die at the point."""
    book = ledger.open(url)
    retailer = alerting.estate()
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


def _redrive(book: Ledger, sync: str) -> bool:
    with book.read() as connection:
        bad = promises.unsettled(connection, sync).values()
    keys = {p.business_key for p in bad if p.state in ("rejected", "dead")}
    for key in keys:
        controls.redrive(book, key, by="matrix")
    return bool(keys)


def _states(book: Ledger, case: Case) -> dict[str, int]:
    return dict(
        Counter(f"{state} {reason}".strip() for state, reason in books.states(book, case.task[0]).values())
    )


def _client(case: Case, ready: Ready, name: str, line: socket.socket) -> Client:
    system = accounts.system(ready.estate, name)
    vendor = altered(_marked(_in_small_batches(VENDORS[system.vendor])), case)
    return Client(system, vendor, limits=MemoryLimits(), transport=wire.Transport(line))


def _marked(vendor: Vendor) -> Vendor:
    """Each request of a write carries its action, so that the other side knows which call to strike."""

    def marked(write: Write) -> Write:
        def request(wants: Sequence[Want], system: System, key: str) -> Request:
            made = write.request(wants, system, key)
            return replace(made, headers={**made.headers, MARK.decode(): write.action})

        return replace(write, request=request)

    writes = {task: tuple(marked(write) for write in some) for task, some in vendor.writes.items()}
    return replace(vendor, writes=writes)


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

    def __init__(self, sync: str, systems: Mapping[str, str]) -> None:
        self._name = f"wanted.{sync}"
        self._connection = _database()
        self._rows: pa.Table | None = None
        pulls = [
            {"system": name, "stream": stream.name, "kind": "increment", "is_complete": True, "note": ""}
            for name, vendor in systems.items()
            for stream in VENDORS[vendor].streams
        ]
        self._store("ops.pulls", pa.Table.from_pylist([pull | {"started_at": clock.now()} for pull in pulls]))
        warehouse.open = self._open  # type: ignore[assignment]

    @contextmanager
    def _open(self, *args: object, **options: object) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self._connection

    def fill(self, rows: pa.Table) -> None:
        """Want these rows and no others; every feed was read just now."""
        self._connection.execute("UPDATE ops.pulls SET started_at = $1", [clock.now()])
        if self._rows is None or not self._rows.equals(rows):
            self._store(self._name, rows)
            self._rows = rows

    def _store(self, name: str, rows: pa.Table) -> None:
        self._connection.register("rows", rows)
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM rows")
        self._connection.unregister("rows")


def warm(store: Store, retailer: Estate) -> None:
    """Load and compile in the parent what every child would otherwise load for itself."""
    book = ledger.open(store.fresh())
    real = warehouse.open
    nothing = [{"system": "nowhere", "business_key": "", "reference": ""}]
    Wanted("orders_to_wms", {"nowhere": next(iter(VENDORS))}).fill(pa.Table.from_pylist(nothing))
    with warehouse.open("") as connection:
        plan.plan(connection, book, retailer, "orders_to_wms")
    verify.verify(book, retailer, {})
    deliver.deliver(book, retailer, "", {})
    warehouse.open = real
    for sync in SYNCS:
        books.states(book, sync)
    book.close()
