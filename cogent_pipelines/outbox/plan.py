"""Wanted minus promised: which promises are made, replaced, held, let go or withdrawn.

Belongs here: the decision for every key, as a pure function, and writing it down in one transaction.
Does not belong here: what is wanted (dbt), how a promise is kept (``deliver``).

    wanted row | its open promise      -> what happens
    new        | none                  -> a first or next generation, waiting or held
    new        | none, done before     -> nothing: a once-key is never done twice
    changed    | not sent              -> a newer generation takes its place
    any        | sent or in doubt      -> nothing: it waits behind it and is wanted again afterwards
    held       | not sent              -> held, with the reason: its own, or its sync's (``bridges``)
    gone       | not sent              -> withdrawn
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.estate import Brake, Estate
from cogent_pipelines.ledger import controls, copy, exceptions, promises
from cogent_pipelines.ledger.ledger import Ledger, Writing
from cogent_pipelines.ledger.promises import Move, New, Promise
from cogent_pipelines.ledger.tables import UNSETTLED
from cogent_pipelines.outbox import brakes, bridges, inputs, points, wanted
from cogent_pipelines.outbox.entries import UNFULFILLED
from cogent_pipelines.outbox.inputs import Inputs
from cogent_pipelines.outbox.syncs import SYNCS, Sync
from cogent_pipelines.outbox.wanted import Row

SAMPLES = 20


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What one plan saw and did. Counts are of keys."""

    sync: str
    mode: str
    wanted: int = 0
    planned: int = 0
    """New generations that may go."""
    replaced: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    """Held after this plan, by reason."""
    let_go: int = 0
    """Held before, waiting now."""
    withdrawn: int = 0
    adopted: int = 0
    behind: int = 0
    """Wanted, but waiting behind something sent or in doubt."""
    done_before: int = 0
    """Wanted although done: the source has not been read again yet, or the target lost it."""
    stale: Mapping[str, str] = field(default_factory=dict)
    skipped: int = 0
    """Rows not considered because a feed is stale or incomplete."""
    brakes: Mapping[str, str] = field(default_factory=dict)
    samples: tuple[tuple[str, str, str], ...] = ()
    """(act, business key, state) of some of what was planned."""


@dataclass(slots=True)
class Decision:
    """What is to be written for one sync. Nothing in it has happened yet."""

    fresh: list[tuple[Row, Promise | None]] = field(default_factory=list)
    """Rows that would wait to be sent, with the promise each follows or replaces."""
    held: list[tuple[Row, Promise | None]] = field(default_factory=list)
    """New generations that begin held."""
    let_go: list[tuple[Row, Promise]] = field(default_factory=list)
    hold: list[tuple[Promise, str]] = field(default_factory=list)
    withdraw: list[Promise] = field(default_factory=list)
    adopt: list[Row] = field(default_factory=list)
    standing: list[tuple[Row, Promise]] = field(default_factory=list)
    """Waiting already, and still wanted as they are."""
    braked: list[tuple[Row, Promise]] = field(default_factory=list)
    """Held by a brake already, and still wanted as they are."""
    behind: int = 0
    done_before: int = 0
    skipped: int = 0

    def is_nothing(self) -> bool:
        """Whether the ledger says all this already."""
        return not (self.fresh or self.held or self.let_go or self.hold or self.withdraw or self.adopt)


@dataclass(frozen=True, slots=True)
class Ground:
    """What one plan stands on."""

    known: Inputs
    since: datetime | None
    """The estate's ``from``: what is older is somebody else's."""
    now: datetime


@dataclass(frozen=True, slots=True)
class Promised:
    """What the ledger says about the keys of one plan."""

    open: Mapping[tuple[str, str], Promise]
    settled: Mapping[tuple[str, str], Promise]
    """The last generation of keys that have no open one."""
    adopted: AbstractSet[tuple[str, str]]

    def find(self, row: Row) -> Promise | None:
        """The open promise of a row. A key whose target was not known, or no longer is, is still that key."""
        return _by_key(self.open, row)

    def before(self, row: Row) -> Promise | None:
        """The last settled promise of a row that has no open one."""
        return _by_key(self.settled, row)


def _by_key(found: Mapping[tuple[str, str], Promise], row: Row) -> Promise | None:
    if row.system:
        return found.get(row.key) or found.get(("", row.business_key))
    alike = (promise for (_, key), promise in found.items() if key == row.business_key)
    return max(alike, key=lambda promise: promise.generation, default=None)


def promise_key(promise: Promise) -> tuple[str, str]:
    """System and business key."""
    return promise.system, promise.business_key


def plan(connection: duckdb.DuckDBPyConnection, ledger: Ledger, estate: Estate, sync: str) -> PlanReport:
    """Plan one sync. In mode ``shadow`` (or when the estate does not name it) nothing is written."""
    facts = SYNCS[sync]
    part = estate.syncs.get(sync)
    mode = part.mode if part else "shadow"
    if mode == "off":
        return PlanReport(sync, mode)
    now = clock.now()
    copy.copy(connection, ledger)
    ground = Ground(inputs.look(connection, estate, facts, now), part.since if part else None, now)
    hold = bridges.hold(connection, estate, sync, now)
    rows = wanted.read(connection, facts, ledger.hmac_key, hold=hold)
    levels = _levels(connection) if facts.level else {}
    with ledger.read() as reading:
        decision = decide_in(reading, facts, rows, ground)
    brake = part.brake if part else Brake()
    tripped = brake_of(brake, decision, levels, now)
    if mode == "live" and (not decision.is_nothing() or _is_news(ledger, facts, tripped)):
        points.reach(points.PLANNED)
        with ledger.write() as writing:
            # Looked at again under the lock: a worker may have taken something since.
            decision = decide_in(writing.connection, facts, rows, ground)
            tripped = brake_of(brake, decision, levels, now)
            write(writing, facts, decision, tripped)
    return _report(PlanReport(sync, mode), rows, decision, tripped, ground.known)


def decide_in(connection: sa.Connection, facts: Sync, rows: Sequence[Row], ground: Ground) -> Decision:
    """``decide``, by what the ledger says through ``connection``."""
    open_ = promises.unsettled(connection, facts.name)
    missing = [row.key for row in rows if row.key not in open_]
    settled = promises.latest_settled(connection, facts.name, [key for _, key in missing])
    adopted = promises.adopted(connection, facts.name, missing) if facts.is_once else set()
    return decide(facts, rows, Promised(open_, settled, adopted), ground)


def decide(facts: Sync, rows: Sequence[Row], promised: Promised, ground: Ground) -> Decision:
    """What is to be done about every row and every open promise. Pure."""
    decision = Decision()
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if row.key in seen:
            continue  # a wanted view with two rows of one key: the first counts, dbt's tests complain
        promise = promised.find(row)
        seen |= {row.key, promise_key(promise)} if promise else {row.key}
        if ground.known.why_not(row.source_system, row.system):
            decision.skipped += 1
        elif promise is not None:
            _again(decision, row, promise)
        else:
            _first(decision, facts, row, promised, ground)
    for key, promise in promised.open.items():
        is_trusted = not ground.known.why_not(promise.source_system, promise.system)
        # What was sent once is looked at a last time by the delivery: perhaps it is gone because it arrived.
        is_to_be_seen = promise.state == "waiting" and promise.first_sent_at is not None
        if key not in seen and is_trusted and _is_unsent(promise) and not is_to_be_seen:
            decision.withdraw.append(promise)
    return decision


def _is_unsent(promise: Promise) -> bool:
    return promise.effect == "none" and promise.state in ("waiting", "held", "rejected", "dead")


def _first(decision: Decision, facts: Sync, row: Row, promised: Promised, ground: Ground) -> None:
    """A row whose key has no open promise."""
    before = promised.before(row)
    since = ground.since
    if facts.is_once:
        if row.key in promised.adopted or (before is not None and before.state in ("verified", "adopted")):
            decision.done_before += 1
            return
        if since is not None and row.since_at is not None and row.since_at < since:
            decision.adopt.append(row)
            return
    elif since is not None and ground.now < since:
        decision.skipped += 1
        return
    elif before is not None and _is_from_before(before, row, ground.known):
        decision.done_before += 1
        return
    if row.held_by:
        decision.held.append((row, before))
    else:
        decision.fresh.append((row, before))


def _is_from_before(before: Promise, row: Row, known: Inputs) -> bool:
    """Whether the row may have been computed from a reading older than what we last did about its key."""
    if before.first_sent_at is None and before.state != "verified" and before.reason != "moved_on":
        return False
    read_at = known.since(row.source_system, row.system)
    return before.closed_at is not None and (read_at is None or read_at <= before.closed_at)


def _again(decision: Decision, row: Row, promise: Promise) -> None:
    """A row whose key has an open promise."""
    if not _is_unsent(promise):
        decision.behind += 1
        return
    is_same = row.digest == promise.digest and row.key == promise_key(promise)
    is_braked = promise.state == "held" and promise.reason.startswith(controls.BRAKE)
    if row.held_by:
        if not is_same:
            decision.held.append((row, promise))
        elif promise.state != "dead" and (promise.state, promise.reason) != ("held", row.held_by):
            decision.hold.append((promise, row.held_by))
    elif not is_same:
        decision.fresh.append((row, promise))
    elif is_braked:
        decision.braked.append((row, promise))
    elif promise.state == "held":
        decision.let_go.append((row, promise))
    elif promise.state == "waiting" and promise.reason != controls.RELEASED:
        decision.standing.append((row, promise))


def brake_of(
    brake: Brake, decision: Decision, levels: Mapping[str, brakes.Levels], now: datetime
) -> dict[str, brakes.Tripped]:
    """Measure what is new in this plan, and what a brake holds already. What was released is not new."""
    counted = [row for row, _ in (*decision.fresh, *decision.let_go, *decision.braked)]
    return brakes.measure(brake, counted, levels, now)


def _is_news(ledger: Ledger, facts: Sync, tripped: Mapping[str, brakes.Tripped]) -> bool:
    """Whether the brakes' exception has to be opened or closed although no promise changes."""
    stands = facts.name in exceptions.standing(ledger, [controls.BRAKES_RULE]).get(controls.BRAKES_RULE, {})
    if not stands or tripped:
        return bool(tripped) and not stands
    with ledger.read() as reading:
        return not controls.held_by_brakes(reading, facts.name)


def write(writing: Writing, facts: Sync, decision: Decision, tripped: Mapping[str, brakes.Tripped]) -> None:
    """Carry out a decision, holding what would go to a system whose brake tripped."""
    made: list[New] = []
    moves: list[Move] = []

    def begin(row: Row, before: Promise | None, state: str, reason: str) -> None:
        if before is not None and before.state in UNSETTLED:
            moves.append(Move(before, "superseded", {"reason": "replaced"}, is_fenced=False))
        made.append(_new(facts, row, before, state=state, reason=reason, at=writing.at))

    for row, before in decision.fresh:
        stop = tripped.get(row.system)
        begin(row, before, "held" if stop else "waiting", controls.BRAKE + stop.name if stop else "")
    for row, before in decision.held:
        begin(row, before, "held", str(row.held_by))
    for row, promise in decision.let_go:
        stop = tripped.get(row.system)
        after = "held" if stop else "waiting"
        values = {"reason": controls.BRAKE + stop.name if stop else "", "due_at": writing.at}
        moves.append(Move(promise, after, values, is_fenced=False))
    for row, promise in decision.standing:
        if stop := tripped.get(row.system):
            moves.append(Move(promise, "held", {"reason": controls.BRAKE + stop.name}, is_fenced=False))
    moves += [Move(p, "held", {"reason": reason}, is_fenced=False) for p, reason in decision.hold]
    moves += [
        Move(p, "withdrawn", {"reason": "no_longer_wanted"}, is_fenced=False) for p in decision.withdraw
    ]
    refused = promises.move(writing, moves)
    taken = {(m.promise.system, m.promise.business_key) for m in moves if m.promise.promise_id in refused}
    promises.make(writing, [new for new in made if (new.system, new.business_key) not in taken])
    promises.adopt(
        writing,
        [
            {
                "sync": facts.name,
                "system": row.system,
                "business_key": row.business_key,
                "reason": "before_from",
                "reference": row.reference,
                "order_key": row.order_key,
            }
            for row in decision.adopt
        ],
    )
    _say(writing, facts, tripped)


def _new(facts: Sync, row: Row, before: Promise | None, *, state: str, reason: str, at: datetime) -> New:
    carries = before is not None and before.digest == row.digest and before.reason in UNFULFILLED
    return New(
        sync=facts.name,
        system=row.system,
        source_system=row.source_system,
        business_key=row.business_key,
        act=row.act,
        generation=before.generation + 1 if before else 1,
        is_once=facts.is_once,
        state=state,
        reason=reason or (before.reason if before is not None and carries else ""),
        reference=row.reference,
        order_key=row.order_key,
        priority=row.priority,
        digest=row.digest,
        amount=row.amount,
        currency=row.currency,
        since_at=row.since_at,
        due_at=at,
        attempts=before.attempts if before is not None and carries else 0,
    )


def _say(writing: Writing, facts: Sync, tripped: Mapping[str, brakes.Tripped]) -> None:
    """One critical exception while anything of the sync is held by a brake."""
    if tripped:
        system, first = next(iter(tripped.items()))
        found = exceptions.Found(
            exception_key=facts.name,
            cause=first.name,
            system=system,
            entity_key=facts.name,
            since_at=writing.at,
            due_at=writing.at,
            detail="; ".join(f"{name}: {one}" for name, one in tripped.items()),
        )
        exceptions.open_one(writing, controls.BRAKES_RULE, found, owner=facts.owner, severity="critical")
    elif not controls.held_by_brakes(writing.connection, facts.name):
        exceptions.close_one(writing, controls.BRAKES_RULE, facts.name, by="a plan within its brakes")


def _levels(connection: duckdb.DuckDBPyConnection) -> dict[str, brakes.Levels]:
    rows = connection.execute(
        "SELECT system, count(*), count(*) FILTER (WHERE available_qty > 0) "
        "FROM marts.channel_stock GROUP BY system"
    ).fetchall()
    return {row[0]: brakes.Levels(int(row[1]), int(row[2])) for row in rows}


def _report(
    empty: PlanReport,
    rows: Sequence[Row],
    decision: Decision,
    tripped: Mapping[str, brakes.Tripped],
    known: Inputs,
) -> PlanReport:
    held: dict[str, int] = {}
    for row in rows:
        if row.held_by:
            held[row.held_by] = held.get(row.held_by, 0) + 1
    for row, _ in (*decision.fresh, *decision.let_go, *decision.standing):
        if stop := tripped.get(row.system):
            reason = controls.BRAKE + stop.name
            held[reason] = held.get(reason, 0) + 1
    for _, promise in decision.braked:
        held[promise.reason] = held.get(promise.reason, 0) + 1
    going = [row for row, _ in (*decision.fresh, *decision.let_go) if row.system not in tripped]
    samples = [(row.act, row.business_key, "waiting") for row in going]
    samples += [(row.act, row.business_key, f"held: {row.held_by}") for row, _ in decision.held]
    return replace(
        empty,
        wanted=len(rows),
        planned=sum(1 for row, _ in decision.fresh if row.system not in tripped),
        replaced=sum(
            1 for _, before in (*decision.fresh, *decision.held) if before is not None and _is_unsent(before)
        ),
        held=held,
        let_go=sum(1 for row, _ in decision.let_go if row.system not in tripped),
        withdrawn=len(decision.withdraw),
        adopted=len(decision.adopt),
        behind=decision.behind,
        done_before=decision.done_before,
        stale=dict(known.stale),
        skipped=decision.skipped,
        brakes={system: str(one) for system, one in tripped.items()},
        samples=tuple(samples[:SAMPLES]),
    )
