"""Delivering: what is due goes out, is read back, and is closed when the target says so.

Belongs here: taking what is due, rebuilding it from ``wanted``, running a worker per system.
Does not belong here: what may act (``due``), the steps of one promise (``engine``), what is wanted (dbt),
schedules (``defs``).

The warehouse is open only while the claimed rows are read. Bodies are built from what is wanted now: a
promise whose wanting has gone is withdrawn, and one whose wanting has changed goes back to the planner, whose
brakes have not seen the change yet.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Write
from cogent_pipelines.errors import CogentError
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import controls, copy, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.promises import Move, Promise
from cogent_pipelines.outbox import bridges, due, inputs, personal, points, wanted
from cogent_pipelines.outbox.bridges import Via
from cogent_pipelines.outbox.engine import Engine
from cogent_pipelines.outbox.entries import LEASE
from cogent_pipelines.outbox.follow import Carrier
from cogent_pipelines.outbox.job import Job, Tally, job_of
from cogent_pipelines.outbox.look import Looker
from cogent_pipelines.outbox.syncs import SYNCS, Sync
from cogent_pipelines.outbox.wanted import Row

RECONSIDER = timedelta(seconds=60)
"""When a promise whose wanting has changed is looked at again, should no plan have replaced it by then."""
BATCHES = 8
"""A sync that goes in batches may take so many of them in one run, whatever the limit."""


@dataclass(frozen=True, slots=True)
class DeliverReport:
    """What one run did, by system; empty when nothing was due."""

    systems: Mapping[str, Tally] = field(default_factory=dict)
    not_sent: Mapping[str, str] = field(default_factory=dict)
    """``sync -> system`` that was due but may not act, and why."""
    is_more_due: bool = False
    """Whether another run at once would find work, at systems that answer."""

    def total(self, name: str) -> int:
        """The sum of one of the tallies' numbers over all systems."""
        return sum(getattr(tally, name) for tally in self.systems.values())


@dataclass(frozen=True, slots=True)
class Worker:
    """Who is working: as the ledger's rows name it."""

    name: str
    by: str


def worker(by: str) -> Worker:
    """A worker of this process, different from every other."""
    return Worker(f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}", by)


@cache
def code_version() -> str:
    """The version of this code, as intents name it."""
    try:
        return version("cogent-pipelines")
    except PackageNotFoundError:
        return "source"


Clients = Mapping[str, Callable[[], Client]]
"""System -> what makes a client for it. A client serves one run: it belongs to that run's event loop."""
Refresh = Callable[[duckdb.DuckDBPyConnection], object]
"""Brings what ``wanted`` rests on up to date with what was read since the plan; the ledger's copy is by then."""


def deliver(
    ledger: Ledger,
    estate: Estate,
    warehouse_path: Path | str,
    clients: Clients,
    *,
    limit: int = 250,
    by: str = "deliver",
    refresh: Refresh | None = None,
) -> DeliverReport:
    """Send what is due, of live syncs, to systems there is a client for; at most ``limit`` single sends each.

    ``refresh`` is called only when something is to be sent that was not before. A tick with nothing due asks the
    ledger two questions, which systems to probe and what is due, and returns.
    """
    if to_probe := due.to_probe(ledger, clients):
        asyncio.run(probe(ledger, clients, to_probe))
    allowed = due.to_send(ledger, estate, clients)
    if not allowed.due:
        return DeliverReport(not_sent=allowed.refused)
    opened = {name: clients[name]() for name, _ in allowed.pairs}
    limits = {(name, sync): max(limit, BATCHES * _batch(opened[name], sync)) for name, sync in allowed.pairs}
    me = worker(by)
    taken = promises.claim(ledger, me.name, states=("waiting", "claimed"), limits=limits, lease=LEASE)
    if not taken:
        return DeliverReport(not_sent=allowed.refused)
    points.reach(points.CLAIMED)
    tallies = {name: Tally() for name in {p.system for p in taken}}
    carried = bridges.vias(estate, clients)
    try:
        read = _read(warehouse_path, ledger, estate, taken, refresh)
        jobs = _jobs(ledger, opened, taken, read, tallies, carried=carried)
    except BaseException:
        _give_back(ledger, taken)
        raise
    asyncio.run(
        work(ledger, opened, jobs, me, tallies, vias=carried, read_at=read.read_at, mapping=read.mapping)
    )
    # A system that left us without answers is left alone until somebody looks again.
    going = {pair for pair in limits if pair[0] not in tallies or not tallies[pair[0]].stopped}
    is_more = any(d.to_send for d in promises.due(ledger, clock.now()) if (d.system, d.sync) in going)
    return DeliverReport(tallies, allowed.refused, is_more)


def _batch(client: Client, sync: str) -> int:
    sizes = [
        write.batch for (name, _), writes in client.vendor.writes.items() if name == sync for write in writes
    ]
    largest = max(sizes, default=1)
    return largest if largest > 1 else 0


# --- what is wanted now -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """What the warehouse said about the claimed promises."""

    rows: Mapping[tuple[str, str, str], Row]
    holds: Mapping[str, str]
    """Sync -> why nothing of it may be sent now, or ""."""
    read_at: Mapping[str, Mapping[str, datetime]]
    mapping: str


def _read(
    path: Path | str, ledger: Ledger, estate: Estate, taken: Sequence[Promise], refresh: Refresh | None
) -> _Read:
    """The wanted rows of ``taken``, in one short opening. What was sent before is known from the ledger."""
    keys: dict[str, list[str]] = {}
    for promise in taken:
        if promise.effect == "none":
            keys.setdefault(promise.sync, []).append(promise.business_key)
    rows: dict[tuple[str, str, str], Row] = {}
    with warehouse.open(path) as connection:
        if keys and refresh is not None:
            copy.copy(connection, ledger)
            refresh(connection)
        now = clock.now()
        holds = {name: bridges.hold(connection, estate, name, now) for name in {p.sync for p in taken}}
        for name, some in keys.items():
            for row in wanted.read(connection, SYNCS[name], ledger.hmac_key, some, hold=holds[name]):
                rows.setdefault((name, *row.key), row)
        read_at = {name: inputs.last_read(connection, name) for name in {p.system for p in taken}}
        return _Read(rows, holds, read_at, _mapping_version(connection))


def _mapping_version(connection: duckdb.DuckDBPyConnection) -> str:
    """A short name for the state of all mapping tables together."""
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mappings' ORDER BY table_name"
    ).fetchall()
    if not tables:
        return ""
    parts = ", ".join(f'(SELECT bit_xor(hash(t)) FROM mappings."{name}" AS t)' for (name,) in tables)
    row = connection.execute(f"SELECT to_hex(hash([{parts}]::UBIGINT[]))").fetchone()
    return str(row[0]).lower() if row else ""


def _jobs(
    ledger: Ledger,
    clients: Mapping[str, Client],
    taken: Sequence[Promise],
    read: _Read,
    tallies: Mapping[str, Tally],
    *,
    carried: Mapping[str, Via],
) -> dict[str, list[Job]]:
    """Jobs by system, in order of priority; what is not to be sent after all is put away at once."""
    jobs: dict[str, list[Job]] = {name: [] for name in tallies}
    moves: list[Move] = []
    now = clock.now()
    for promise in taken:
        row = read.rows.get((promise.sync, promise.system, promise.business_key))
        made: Job | Move
        if promise.effect != "none" and read.holds[promise.sync]:
            # Half done, or in doubt: it is ours to finish, and not beside another writer.
            made = Move(promise, "waiting", {"due_at": now + RECONSIDER})
        else:
            via = carried.get(promise.sync)
            made = _job(ledger, clients[promise.system], promise, row, now, via=via)
        if isinstance(made, Job):
            jobs[promise.system].append(made)
        else:
            moves.append(made)
            _note(tallies[promise.system], made)
    if moves:
        with ledger.write() as writing:
            promises.move(writing, moves)
    return jobs


def _note(tally: Tally, move: Move) -> None:
    tally.claimed += 1
    match move.after:
        case "withdrawn":
            tally.withdrawn += 1
        case "held":
            tally.held += 1
        case "rejected":
            tally.rejected += 1
        case _:
            tally.waiting += 1


def _job(
    ledger: Ledger, client: Client, promise: Promise, row: Row | None, now: datetime, *, via: Via | None
) -> Job | Move:
    """The promise as a job, or what is to become of it instead."""
    writes = client.vendor.writes.get((promise.sync, promise.act))
    if writes is None:
        return Move(
            promise,
            "rejected",
            {"reason": "no_write", "message": f"{client.vendor.title} cannot {promise.act}"},
        )
    if via is not None:
        writes = via.writes(writes)
    sync = SYNCS[promise.sync]
    if promise.effect == "none":
        if row is None:
            return _gone(client, promise, sync, writes)
        if row.held_by:
            return Move(promise, "held", {"reason": row.held_by})
        if row.digest != promise.digest:
            return Move(promise, "waiting", {"reason": "changed", "due_at": now + RECONSIDER})
        write = writes[0]
        first = ledger.made_at + write.settle
        if sync.is_once and not write.has_idempotency and now < first:
            # A ledger that was lost may have sent this a moment ago, and lists lag.
            return Move(promise, "waiting", {"reason": "new_ledger", "due_at": first})
        fields = row.fields
        sealed = personal.seal(row.fields, sync.personal, ledger.hmac_key)
    else:
        sealed = dict(promise.sent or {})
        fields = personal.unseal(sealed)
    return job_of(promise, sync, writes, fields, sealed, may_send=True, scope=client.system.scope)


def _gone(client: Client, promise: Promise, sync: Sync, writes: tuple[Write, ...]) -> Job | Move:
    """Nobody wants it any more. If it was ever sent, perhaps that is why: the target may have it."""
    if promise.first_sent_at is None:
        return Move(promise, "withdrawn", {"reason": "no_longer_wanted"})
    sealed = dict(promise.sent or {})
    fields, scope = personal.unseal(sealed), client.system.scope
    job = job_of(promise, sync, writes, fields, sealed, may_send=False, scope=scope)
    job.phase, job.is_gone = "doubt", True
    return job


async def work(
    ledger: Ledger,
    clients: Mapping[str, Client],
    jobs: Mapping[str, Sequence[Job]],
    me: Worker,
    tallies: Mapping[str, Tally],
    *,
    vias: Mapping[str, Via],
    read_at: Mapping[str, Mapping[str, datetime]],
    mapping: str,
) -> None:
    """One worker per system, side by side: a slow system delays itself alone."""

    async def one(name: str) -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(clients[name])
            carriers = {}
            for sync in {job.sync.name for job in jobs[name]} & vias.keys():
                via = vias[sync]
                carriers[sync] = Carrier(await stack.enter_async_context(via.make()), via.flow, via.route)
            looker = Looker(client, read_at.get(name, {}))
            engine = Engine(
                ledger, client, looker, me.name, me.by, code_version(), mapping, carriers, tallies[name]
            )
            await engine.run(jobs[name])

    ended = await asyncio.gather(*(one(name) for name in jobs if jobs[name]), return_exceptions=True)
    for error in ended:  # only when every other system is done with its work
        if isinstance(error, BaseException):
            raise error


async def probe(ledger: Ledger, clients: Clients, systems: Sequence[str]) -> None:
    """Try halted systems with their cheapest request; those that answer may act again."""
    for name in systems:
        async with clients[name]() as client:
            request = client.vendor.probe
            is_well = True
            if request is not None:
                try:
                    await client.fetch(request(client.system), lambda answer: None)  # noqa: ARG005
                except CogentError:
                    is_well = False
            controls.probed(ledger, name, is_well=is_well)


def _give_back(ledger: Ledger, taken: Sequence[Promise]) -> None:
    if taken:
        with ledger.write() as writing:
            values = {"due_at": writing.at}
            promises.move(writing, [Move(p, "waiting", values) for p in taken if p.state == "claimed"])
