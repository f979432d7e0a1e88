"""What people and brakes have said may not, or may again, act: pauses, halts, releases, redrives.

Belongs here: writing those down with who and why, and reading them quickly before every send.
Does not belong here: when a brake trips (``outbox.brakes``), what a halt means to a run (``outbox.engine``).

A scope is a sync, a system, or ``all``. A pause ends when somebody ends it; a halt (credentials, scope of an
account) also ends when its probe succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import exceptions
from cogent_pipelines.ledger.ledger import Ledger, Writing, records
from cogent_pipelines.ledger.promises import Move, Promise, get, move
from cogent_pipelines.ledger.tables import STANDS, controls, promises

ALL = "all"
BRAKE = "brake:"
"""How the reason of a promise held by a brake begins; the brake's name follows."""
RELEASED = "released"
"""The reason of a promise a person let go: no brake holds it a second time."""
BRAKES_RULE = "every_plan_is_within_its_brakes"
CREDENTIALS_RULE = "every_credential_is_valid"
FIRST_PROBE = timedelta(seconds=60)
LONGEST_PROBE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Stops:
    """Every pause and halt that stands."""

    paused: frozenset[str]
    halted: frozenset[str]

    def stop(self, sync: str, system: str) -> bool:
        """Whether ``sync`` may not act on ``system`` now."""
        return bool(self.paused & {ALL, sync, system}) or system in self.halted


def stops(ledger: Ledger) -> Stops:
    """What stands now. Read before every send, so it is one small query."""
    with ledger.read() as connection:
        rows = connection.execute(_STANDING).all()
    return Stops(
        frozenset(r.scope for r in rows if r.kind == "pause"),
        frozenset(r.scope for r in rows if r.kind == "halt"),
    )


_STANDING = sa.select(controls.c.kind, controls.c.scope).where(STANDS)


def standing(ledger: Ledger) -> list[Mapping[str, Any]]:
    """Pauses and halts that stand, with who, why and since when."""
    query = sa.select(controls).where(STANDS)
    with ledger.read() as connection:
        return list(records(connection, query.order_by(controls.c.control_id)))


def pause(ledger: Ledger, scope: str, *, by: str, reason: str) -> bool:
    """Stop a sync, a system or ``all`` before the next send. False when it is paused already."""
    _say_who(by, reason)
    with ledger.write() as writing:
        return _begin(writing, "pause", scope, by, reason)


def unpause(ledger: Ledger, scope: str, *, by: str) -> bool:
    """Let ``scope`` act again. False when it was not paused."""
    _say_who(by, "-")
    with ledger.write() as writing:
        return _end(writing, "pause", scope, by)


def _begin(writing: Writing, kind: str, scope: str, by: str, reason: str, **values: Any) -> bool:
    query = sa.select(controls.c.control_id).where(
        controls.c.kind == kind, controls.c.scope == scope, controls.c.ended_at.is_(None)
    )
    if writing.connection.execute(query).first() is not None:
        return False
    _write(writing, kind, scope, by, reason, **values)
    return True


def _write(writing: Writing, kind: str, scope: str, by: str, reason: str, **values: Any) -> None:
    writing.connection.execute(
        sa.insert(controls).values(
            kind=kind, scope=scope, by=by, reason=reason, at=writing.at, revision=writing.revision, **values
        )
    )


def _end(writing: Writing, kind: str, scope: str, by: str) -> bool:
    done = writing.connection.execute(
        sa.update(controls)
        .where(controls.c.kind == kind, controls.c.scope == scope, controls.c.ended_at.is_(None))
        .values(ended_at=writing.at, ended_by=by, revision=writing.revision)
    )
    return done.rowcount > 0


def _say_who(by: str, reason: str) -> None:
    for name, text in (("--by", by), ("--reason", reason)):
        if not text.strip():
            raise BadInput("command line", name, text, "a few words")


# --- halts ------------------------------------------------------------------------------------------------


def halt(writing: Writing, system: str, *, reason: str, code: str, owner: str) -> bool:
    """Stop everything that goes to ``system`` and open its one exception. False when it is halted already."""
    is_new = _begin(
        writing, "halt", system, "cogent", reason, code=code, probe_at=writing.at + FIRST_PROBE, probes=0
    )
    if is_new:
        found = exceptions.Found(
            system, code, system=system, entity_key=system, since_at=writing.at, detail=reason
        )
        exceptions.open_one(writing, CREDENTIALS_RULE, found, owner=owner, severity="critical")
    return is_new


def to_probe(ledger: Ledger, at: datetime) -> list[str]:
    """Halted systems whose time has come to be tried again."""
    with ledger.read() as connection:
        return list(connection.execute(_TO_PROBE, {"at": at}).scalars())


_TO_PROBE = sa.select(controls.c.scope).where(
    controls.c.kind == "halt",
    controls.c.ended_at.is_(None),
    controls.c.probe_at <= sa.bindparam("at", type_=controls.c.probe_at.type),
)


def probed(ledger: Ledger, system: str, *, is_well: bool) -> None:
    """End the halt of a system that answered its probe; else put the next probe off, longer each time."""
    with ledger.write() as writing:
        if is_well:
            _end(writing, "halt", system, "probe")
            exceptions.close_one(writing, CREDENTIALS_RULE, system, by="probe")
            return
        query = sa.select(controls.c.control_id, controls.c.probes).where(
            controls.c.kind == "halt", controls.c.scope == system, controls.c.ended_at.is_(None)
        )
        for row in writing.connection.execute(query).all():
            wait = min(FIRST_PROBE * 2 ** min(row.probes + 1, 10), LONGEST_PROBE)
            writing.connection.execute(
                sa.update(controls)
                .where(controls.c.control_id == row.control_id)
                .values(probes=row.probes + 1, probe_at=writing.at + wait, revision=writing.revision)
            )


# --- brakes and dead letters --------------------------------------------------------------------------


def release(ledger: Ledger, sync: str, *, by: str, reason: str) -> int:
    """Let go exactly what a brake holds of ``sync`` now, and close its exception. The number let go.

    What the next plan wants beyond that is measured against the brake again.
    """
    _say_who(by, reason)
    with ledger.write() as writing:
        held = held_by_brakes(writing.connection, sync)
        if not held:
            raise BadInput(
                "command line", "SYNC", sync, "a sync with promises held by a brake (see: cogent report)"
            )
        values = {"reason": RELEASED, "due_at": writing.at}
        refused = move(writing, [Move(p, "waiting", values, is_fenced=False) for p in held])
        _write(writing, "release", sync, by, reason, ended_at=writing.at, ended_by=by)
        exceptions.close_one(writing, BRAKES_RULE, sync, by=f"released by {by}: {reason}"[:120])
        return len(held) - len(refused)


def held_by_brakes(connection: sa.Connection, sync: str) -> list[Promise]:
    """Promises of ``sync`` that a brake holds."""
    query = sa.select(promises.c.promise_id).where(
        promises.c.sync == sync, promises.c.state == "held", promises.c.reason.like(f"{BRAKE}%")
    )
    return get(connection, list(connection.execute(query).scalars()))


def redrive(ledger: Ledger, key: str, *, by: str, reason: str = "") -> int:
    """Try rejected and dead promises again: by promise id, business key, order key or reference. How many."""
    _say_who(by, "-")
    with ledger.write() as writing:
        matches = (
            (promises.c.business_key == key) | (promises.c.order_key == key) | (promises.c.reference == key)
        )
        if key.isdigit():
            matches = matches | (promises.c.promise_id == int(key))
        query = sa.select(promises.c.promise_id).where(matches, promises.c.state.in_(("rejected", "dead")))
        found = get(writing.connection, list(writing.connection.execute(query).scalars()))
        if not found:
            raise BadInput("command line", "KEY", key, "a rejected or dead promise (see: cogent trace)")
        values = {"reason": "", "message": "", "attempts": 0, "tries": 0, "looks": 0, "due_at": writing.at}
        refused = move(writing, [Move(p, "waiting", values, is_fenced=False) for p in found])
        for promise in found:
            _write(writing, "redrive", str(promise.promise_id), by, reason, ended_at=writing.at, ended_by=by)
        return len(found) - len(refused)
