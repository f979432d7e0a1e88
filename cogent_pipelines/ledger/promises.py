"""Promises: what is to be true at a target, who is working on it, and what became of it.

Belongs here: reading, claiming and moving promises, their attempts, and adoptions.
Does not belong here: why a promise is made or how it is kept (``outbox``).

A claim is a lease: it pushes ``due_at`` on and raises the row's fence. Whoever writes later under an older
fence (a process that slept through its lease) is refused, and told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.ledger import moves
from cogent_pipelines.ledger.ledger import Ledger, Writing, records
from cogent_pipelines.ledger.tables import ACTIVE, OPEN, SETTLED, adoptions, attempts, promises

ROWS_PER_QUERY = 400
"""SQLite takes a bounded number of parameters in one statement."""
_CLOSED = frozenset({*SETTLED, "rejected", "dead"})
_HELD_BY_A_WORKER = frozenset({"claimed", "sent"})


@dataclass(frozen=True, slots=True)
class Promise:
    """One row of the promises table."""

    promise_id: int
    sync: str
    system: str
    source_system: str
    business_key: str
    act: str
    generation: int
    is_once: bool
    state: str
    reason: str
    message: str
    reference: str
    order_key: str | None
    priority: int
    digest: str
    amount: Decimal | None
    currency: str | None
    since_at: datetime | None
    planned_at: datetime
    due_at: datetime
    first_sent_at: datetime | None
    sent_at: datetime | None
    closed_at: datetime | None
    step: int
    effect: str
    is_accepted: bool
    looks: int
    attempts: int
    tries: int
    refs: Mapping[str, str]
    target_ref: str
    idempotency_key: str
    sent: Mapping[str, Any] | None
    found: Mapping[str, Any] | None
    worker: str
    lease_until: datetime | None
    fence: int


_COLUMNS = [promises.c[f.name] for f in fields(Promise)]
_LIGHT = [sa.null().label(c.name) if c.name in ("sent", "found", "message") else c for c in _COLUMNS]
"""Without what is long and only a worker needs."""


def _promise(row: sa.Row[Any]) -> Promise:
    values: tuple[Any, ...] = tuple(row)
    return Promise(*values)


@dataclass(frozen=True, slots=True)
class New:
    """A generation to be made. ``attempts`` is carried over when the same wanting failed before."""

    sync: str
    system: str
    source_system: str
    business_key: str
    act: str
    generation: int
    is_once: bool
    state: str
    reason: str
    reference: str
    order_key: str | None
    priority: int
    digest: str
    amount: Decimal | None
    currency: str | None
    since_at: datetime | None
    due_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one promise. Without a ``fence`` it is the planner's, and yields to any worker."""

    promise: Promise
    after: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_fenced: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """How many promises of one sync at one system are due: to be sent, and to be looked at."""

    sync: str
    system: str
    to_send: int
    to_look_at: int


# --- reading ----------------------------------------------------------------------------------------------


# Grouped by what no index is sorted by: SQLite would walk every promise ever made to spare a small sort.
_SYNC, _SYSTEM = promises.c.sync.concat(""), promises.c.system.concat("")
_DUE = (
    sa.select(_SYNC, _SYSTEM, sa.func.count(), sa.func.sum(sa.case((promises.c.state == "sent", 1), else_=0)))
    .where(ACTIVE, promises.c.due_at <= sa.bindparam("at", type_=promises.c.due_at.type))
    .group_by(_SYNC, _SYSTEM)
    .order_by(_SYNC, _SYSTEM)
)


def due(ledger: Ledger, at: datetime) -> list[Due]:
    """What is due, by sync and system. Empty when there is nothing to do, which a hot tick asks first."""
    with ledger.read() as connection:
        rows = connection.execute(_DUE, {"at": at}).all()
    return [Due(r[0], r[1], int(r[2]) - int(r[3]), int(r[3])) for r in rows]


def next_due_at(ledger: Ledger) -> datetime | None:
    """When the next promise falls due; None when none is active."""
    query = sa.select(sa.func.min(promises.c.due_at)).where(ACTIVE)
    with ledger.read() as connection:
        moment: datetime | None = connection.execute(query).scalar_one()
        return moment


def unsettled(connection: sa.Connection, sync: str) -> dict[tuple[str, str], Promise]:
    """The open generation of every key of a sync: (system, business key) -> promise."""
    query = sa.select(*_LIGHT).where(promises.c.sync == sync, OPEN)
    found = (_promise(row) for row in connection.execute(query))
    return {(p.system, p.business_key): p for p in found}


def latest_settled(
    connection: sa.Connection, sync: str, business_keys: Iterable[str]
) -> dict[tuple[str, str], Promise]:
    """The last settled generation of each key at each system it was ever promised to."""
    found: dict[tuple[str, str], Promise] = {}
    for _, part in _by_system(("", key) for key in business_keys):
        query = sa.select(*_LIGHT).where(
            promises.c.business_key.in_(part), promises.c.sync == sync, promises.c.state.in_(SETTLED)
        )
        for row in connection.execute(query.order_by(promises.c.generation)):
            promise = _promise(row)
            found[promise.system, promise.business_key] = promise
    return found


def adopted(connection: sa.Connection, sync: str, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of ``keys`` that were adopted."""
    found: set[tuple[str, str]] = set()
    for system, part in _by_system(keys):
        query = sa.select(adoptions.c.business_key).where(
            adoptions.c.sync == sync, adoptions.c.system == system, adoptions.c.business_key.in_(part)
        )
        found.update((system, row.business_key) for row in connection.execute(query))
    return found


def _by_system(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Keys of one system at a time, as many as one query may name."""
    systems: dict[str, list[str]] = {}
    for system, key in keys:
        systems.setdefault(system, []).append(key)
    for system, some in systems.items():
        for start in range(0, len(some), ROWS_PER_QUERY):
            yield system, some[start : start + ROWS_PER_QUERY]


def get(connection: sa.Connection, promise_ids: Sequence[int], *, is_light: bool = False) -> list[Promise]:
    """Promises by id; without what is long (sent, found, message) when ``is_light``."""
    found: list[Promise] = []
    columns = _LIGHT if is_light else _COLUMNS
    for start in range(0, len(promise_ids), ROWS_PER_QUERY):
        query = sa.select(*columns).where(
            promises.c.promise_id.in_(promise_ids[start : start + ROWS_PER_QUERY])
        )
        found += [_promise(row) for row in connection.execute(query.order_by(promises.c.promise_id))]
    return found


# --- claiming ---------------------------------------------------------------------------------------------


def claim(
    ledger: Ledger,
    worker: str,
    *,
    states: Sequence[str],
    limits: Mapping[tuple[str, str], int],
    lease: timedelta,
) -> list[Promise]:
    """Take due promises in ``states`` for (system, sync) pairs, at most so many of each, by priority.

    A promise that waited becomes ``claimed``; one that may be at the target stays ``sent``. Both get a lease
    and a higher fence. Nothing is written when nothing is due.
    """
    with ledger.read() as connection:
        at_least_one = any(_due_of(connection, states, pair, 1, None) for pair in limits)
    if not at_least_one:
        return []
    with ledger.write() as writing:
        rows: list[Promise] = []
        for pair, most in limits.items():
            rows += _due_of(writing.connection, states, pair, most, writing.at)
        if not rows:
            return []
        until = writing.at + lease
        for row in rows:
            after = "sent" if row.state == "sent" else "claimed"
            moves.check(row.state, after, effect=row.effect)
        statement = (
            sa.update(promises)
            .where(promises.c.promise_id == sa.bindparam("b_id"))
            .values(
                state=sa.case((promises.c.state == "sent", "sent"), else_="claimed"),
                worker=worker,
                lease_until=until,
                due_at=until,
                fence=promises.c.fence + 1,
                revision=writing.revision,
            )
        )
        writing.connection.execute(statement, [{"b_id": row.promise_id} for row in rows])
        taken = get(writing.connection, [row.promise_id for row in rows])
    return sorted(taken, key=lambda p: (p.priority, p.since_at or p.planned_at, p.promise_id))


def _due_of(
    connection: sa.Connection, states: Sequence[str], pair: tuple[str, str], most: int, at: datetime | None
) -> list[Promise]:
    system, sync = pair
    query = (
        sa.select(*_LIGHT)
        .where(
            ACTIVE,
            promises.c.state.in_(states),
            promises.c.due_at <= (at or clock.now()),
            promises.c.system == system,
            promises.c.sync == sync,
        )
        .order_by(promises.c.priority, promises.c.since_at, promises.c.promise_id)
        .limit(most)
    )
    return [_promise(row) for row in connection.execute(query)]


def renew(writing: Writing, worker: str, held: Sequence[Promise], lease: timedelta) -> None:
    """Push on the lease of what ``worker`` still holds."""
    until = writing.at + lease
    ids = [p.promise_id for p in held]
    for start in range(0, len(ids), ROWS_PER_QUERY):
        writing.connection.execute(
            sa.update(promises)
            .where(
                promises.c.promise_id.in_(ids[start : start + ROWS_PER_QUERY]),
                promises.c.worker == worker,
                promises.c.state.in_(tuple(_HELD_BY_A_WORKER)),
            )
            .values(lease_until=until, due_at=until, revision=writing.revision)
        )


# --- moving -----------------------------------------------------------------------------------------------


def make(writing: Writing, new: Sequence[New]) -> None:
    """Insert generations. The database refuses a second open one of a key, and a once-key that is done."""
    if not new:
        return
    for one in new:
        moves.check_first(one.state)
    shared = {"planned_at": writing.at, "refs": {}, "revision": writing.revision}
    rows = [{f.name: getattr(one, f.name) for f in fields(New)} | shared for one in new]
    writing.connection.execute(sa.insert(promises), rows)


def move(writing: Writing, changes: Sequence[Move]) -> set[int]:
    """Carry out ``changes``; the ids of those refused because the row is no longer as its owner left it.

    A worker's change needs the fence it claimed under, a planner's the state it saw. An illegal move raises.
    """
    if not changes:
        return set()
    ids = [change.promise.promise_id for change in changes]
    now = {p.promise_id: p for p in get(writing.connection, ids, is_light=True)}
    refused: set[int] = set()
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        before, row = change.promise, now.get(change.promise.promise_id)
        if row is None or row.fence != before.fence or (not change.is_fenced and row.state != before.state):
            refused.add(before.promise_id)
            continue
        if change.after != row.state or change.is_fenced:
            moves.check(row.state, change.after, effect=row.effect)
        values = _values(writing, change, row)
        groups.setdefault(tuple(sorted(values)), []).append(values | {"b_id": before.promise_id})
    for names, rows in groups.items():
        statement = (
            sa.update(promises)
            .where(promises.c.promise_id == sa.bindparam("b_id"))
            .values({name: sa.bindparam(name, type_=promises.c[name].type) for name in names})
        )
        writing.connection.execute(statement, rows)
    return refused


def _values(writing: Writing, change: Move, row: Promise) -> dict[str, Any]:
    values: dict[str, Any] = {"state": change.after, "revision": writing.revision, **change.values}
    if change.after in _CLOSED:
        values.setdefault("closed_at", writing.at)
    elif row.closed_at is not None:
        values["closed_at"] = None
    if change.after not in _HELD_BY_A_WORKER or "lease_until" in change.values:
        values.setdefault("lease_until", None)
        values.setdefault("worker", "")
    return values


def adopt(writing: Writing, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember keys never to be sent: ``sync, system, business_key, reason, reference, order_key``."""
    there: set[tuple[str, str, str]] = set()
    for sync in {row["sync"] for row in rows}:
        keys = [(row["system"], row["business_key"]) for row in rows if row["sync"] == sync]
        there.update((sync, *key) for key in adopted(writing.connection, sync, keys))
    fresh: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["sync"], row["system"], row["business_key"])
        if key not in there:
            fresh[key] = row
    if fresh:
        writing.connection.execute(
            sa.insert(adoptions),
            [{**row, "adopted_at": writing.at, "revision": writing.revision} for row in fresh.values()],
        )


# --- attempts ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Intent:
    """That one promise is about to be sent, in one request, under one key."""

    promise_id: int
    step: int
    action: str
    intent: str
    idempotency_key: str
    body_digest: str
    by: str
    code_version: str


def write_intents(writing: Writing, rows: Sequence[Intent]) -> None:
    """Record intents; the caller sends only after its transaction is on disk."""
    if rows:
        shared = {"intent_at": writing.at, "outcome": "open", "revision": writing.revision}
        writing.connection.execute(
            sa.insert(attempts),
            [{f.name: getattr(row, f.name) for f in fields(Intent)} | shared for row in rows],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answer to one intent was for one promise."""

    promise_id: int
    intent: str
    outcome: str
    ref: str = ""
    message: str = ""


def write_outcomes(writing: Writing, rows: Sequence[Outcome]) -> None:
    """Record answers on their attempts."""
    if rows:
        statement = (
            sa.update(attempts)
            .where(
                attempts.c.intent == sa.bindparam("b_intent"), attempts.c.promise_id == sa.bindparam("b_id")
            )
            .values(
                outcome=sa.bindparam("b_outcome"),
                ref=sa.bindparam("b_ref"),
                message=sa.bindparam("b_message"),
                receipt_at=writing.at,
                revision=writing.revision,
            )
        )
        writing.connection.execute(
            statement,
            [
                {
                    "b_intent": r.intent,
                    "b_id": r.promise_id,
                    "b_outcome": r.outcome,
                    "b_ref": r.ref,
                    "b_message": r.message,
                }
                for r in rows
            ],
        )


def write_read_backs(writing: Writing, rows: Mapping[int, str]) -> None:
    """Record, on each promise's last attempt, what the read-back said: equal, differs or absent."""
    ids = list(rows)
    last: dict[int, int] = {}
    for start in range(0, len(ids), ROWS_PER_QUERY):
        query = (
            sa.select(attempts.c.promise_id, sa.func.max(attempts.c.attempt_id))
            .where(attempts.c.promise_id.in_(ids[start : start + ROWS_PER_QUERY]))
            .group_by(attempts.c.promise_id)
        )
        last.update((int(row[0]), int(row[1])) for row in writing.connection.execute(query))
    if last:
        statement = (
            sa.update(attempts)
            .where(attempts.c.attempt_id == sa.bindparam("b_id"))
            .values(read_back=sa.bindparam("b_said"), read_back_at=writing.at, revision=writing.revision)
        )
        writing.connection.execute(statement, [{"b_id": last[pid], "b_said": rows[pid]} for pid in last])


_UNANSWERED = ("unknown", "open", "retry")
_COUNTED = ("unknown", "open", "accepted")
_NEIGHBOURS = 1000
"""Attempts written before and after one, among which its neighbours in time are looked for."""


def in_outages(connection: sa.Connection, promise_id: int, last: int, near: timedelta) -> int:
    """How many of a promise's ``last`` attempts went unanswered while most others of their action did as well.

    Others are those at the same system within ``near``. An attempt without any is not one of them.
    """
    query = (
        sa.select(
            attempts.c.attempt_id,
            attempts.c.action,
            attempts.c.intent_at,
            attempts.c.outcome,
            promises.c.system,
        )
        .join(promises, promises.c.promise_id == attempts.c.promise_id)
        .where(attempts.c.promise_id == promise_id, attempts.c.outcome.in_(_COUNTED))
        .order_by(attempts.c.attempt_id.desc())
        .limit(last)
    )
    unanswered = [row for row in records(connection, query) if row["outcome"] != "accepted"]
    return sum(_is_in_outage(connection, promise_id, row, near) for row in unanswered)


def _is_in_outage(
    connection: sa.Connection, promise_id: int, own: Mapping[str, Any], near: timedelta
) -> bool:
    place, moment = own["attempt_id"], own["intent_at"]
    query = (
        sa.select(
            sa.func.count(sa.case((attempts.c.outcome.in_(_UNANSWERED), 1))),
            sa.func.count(sa.case((attempts.c.outcome.in_(("accepted", "refused")), 1))),
        )
        .join(promises, promises.c.promise_id == attempts.c.promise_id)
        .where(
            attempts.c.attempt_id.between(place - _NEIGHBOURS, place + _NEIGHBOURS),
            attempts.c.intent_at.between(moment - near, moment + near),
            attempts.c.promise_id != promise_id,
            attempts.c.action == own["action"],
            promises.c.system == own["system"],
        )
    )
    unanswered, answered = connection.execute(query).one()
    return bool(unanswered > answered)


def attempts_of(connection: sa.Connection, promise_ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """Every attempt of the given promises, oldest first."""
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(promise_ids), ROWS_PER_QUERY):
        query = sa.select(attempts).where(
            attempts.c.promise_id.in_(promise_ids[start : start + ROWS_PER_QUERY])
        )
        found += records(connection, query.order_by(attempts.c.attempt_id))
    return found
