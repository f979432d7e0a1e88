"""What can be read out of the ledger at a glance: the books of each sync, and the trace of one thing.

Belongs here: counting and collecting; nothing here changes a row.
Does not belong here: what was ingested (DuckDB knows), or how it is printed (``cli``, ``reports``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger, records
from cogent_pipelines.ledger.promises import Promise, attempts_of, get
from cogent_pipelines.ledger.tables import adoptions, controls, promises


@dataclass(frozen=True, slots=True)
class Book:
    """Where every key of one sync at one system stands, by its latest generation. They add up to ``keys``.

    The system is "" for keys that are held because nothing says where they are to go.
    """

    sync: str
    system: str
    keys: int
    verified: int
    waiting: int
    """Also what is claimed, or sent and not read back yet."""
    held: Mapping[str, int]
    """By reason."""
    rejected: Mapping[str, int]
    """By the reason's code."""
    dead: int
    withdrawn: int
    superseded: int
    """Done as far as it went; what the target should hold now is measured afresh (levels)."""
    adopted: Mapping[str, int]
    """By reason: ``before_from``, ``already_there``."""


def books(ledger: Ledger) -> list[Book]:
    """One ``Book`` per sync and target system."""
    nth = (
        sa.func.row_number()
        .over(
            partition_by=(promises.c.sync, promises.c.business_key),
            order_by=(promises.c.generation.desc(), promises.c.promise_id.desc()),
        )
        .label("nth")
    )
    reason = sa.case((promises.c.state.in_(("held", "rejected", "superseded")), promises.c.reason), else_="")
    each = sa.select(
        promises.c.sync, promises.c.system, promises.c.state, reason.label("why"), nth
    ).subquery()
    counted = (
        sa.select(each.c.sync, each.c.system, each.c.state, each.c.why, sa.func.count())
        .where(each.c.nth == 1)
        .group_by(each.c.sync, each.c.system, each.c.state, each.c.why)
    )
    # A key found at the target has a promise and an adoption; it is counted once, as what it was adopted for.
    adopted = sa.select(adoptions.c.sync, adoptions.c.system, adoptions.c.reason, sa.func.count()).group_by(
        adoptions.c.sync, adoptions.c.system, adoptions.c.reason
    )
    counts: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    with ledger.read() as connection:
        for row in connection.execute(counted):
            if row[2] != "adopted":
                counts.setdefault((row[0], row[1]), {})[row[2], row[3]] = int(row[4])
        for row in connection.execute(adopted):
            counts.setdefault((row[0], row[1]), {})["adopted", row[2]] = int(row[3])
    return [_book(*pair, counts[pair]) for pair in sorted(counts)]


def _book(sync: str, system: str, counts: Mapping[tuple[str, str], int]) -> Book:
    def total(*states: str) -> int:
        return sum(n for (state, _), n in counts.items() if state in states)

    def by_reason(wanted: str) -> dict[str, int]:
        return {why: n for (state, why), n in sorted(counts.items()) if state == wanted}

    return Book(
        sync=sync,
        system=system,
        keys=sum(counts.values()),
        verified=total("verified"),
        waiting=total("waiting", "claimed", "sent"),
        held=by_reason("held"),
        rejected=by_reason("rejected"),
        dead=total("dead"),
        withdrawn=total("withdrawn"),
        superseded=total("superseded"),
        adopted=by_reason("adopted"),
    )


def states(ledger: Ledger, sync: str) -> dict[tuple[str, str], tuple[str, str]]:
    """(system, business key) -> (state, reason) of its latest generation; adoptions included."""
    query = (
        sa.select(promises.c.system, promises.c.business_key, promises.c.state, promises.c.reason)
        .where(promises.c.sync == sync)
        .order_by(promises.c.generation)
    )
    adopted = sa.select(adoptions.c.system, adoptions.c.business_key, adoptions.c.reason).where(
        adoptions.c.sync == sync
    )
    with ledger.read() as connection:
        found = {(r[0], r[1]): ("adopted", r[2]) for r in connection.execute(adopted)}
        found |= {(r[0], r[1]): (r[2], r[3]) for r in connection.execute(query)}
    return found


@dataclass(frozen=True, slots=True)
class Hop:
    """One promise about a thing, with everything that was tried for it and decided about it."""

    promise: Promise
    attempts: tuple[Mapping[str, Any], ...]
    decisions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """All the ledger knows of one order, parcel or level."""

    hops: tuple[Hop, ...]
    adoptions: tuple[Mapping[str, Any], ...]


def trace(ledger: Ledger, key: str) -> Trace:
    """What happened about ``key``: an order key, a business key, our reference, or a target's own id."""
    about = sa.or_(
        promises.c.order_key == key,
        promises.c.business_key == key,
        promises.c.reference == key,
        sa.and_(promises.c.target_ref == key, promises.c.target_ref != ""),
    )
    adopted = sa.or_(
        adoptions.c.order_key == key, adoptions.c.business_key == key, adoptions.c.reference == key
    )
    with ledger.read() as connection:
        ids: list[int] = list(connection.execute(sa.select(promises.c.promise_id).where(about)).scalars())
        found = get(connection, ids)
        tried = attempts_of(connection, ids)
        decisions = records(
            connection,
            sa.select(controls).where(
                controls.c.kind == "redrive", controls.c.scope.in_([str(i) for i in ids])
            ),
        )
        adoption_rows = tuple(records(connection, sa.select(adoptions).where(adopted)))
    return Trace(
        tuple(
            Hop(
                p,
                tuple(a for a in tried if a["promise_id"] == p.promise_id),
                tuple(d for d in decisions if d["scope"] == str(p.promise_id)),
            )
            for p in sorted(found, key=lambda p: (p.planned_at, p.promise_id))
        ),
        adoption_rows,
    )
