"""Whether what a sync plans from was read, wholly and lately: the completeness brake.

Belongs here: judging ``ops.pulls`` against the estate's cadence.
Does not belong here: what is wanted, or the rules' own as-of (``rules``).

An answer that was empty where there were rows is not complete (landing says so), and the last pull of a feed
counts, not the last good one: an empty or broken pull is never a wish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

from cogent_pipelines.estate import Estate, span
from cogent_pipelines.outbox.syncs import Sync
from cogent_pipelines.vendors.registry import VENDORS

MISSED = 4
"""A feed is too old to plan from when so many of its readings in a row have failed to happen."""
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known of the feeds of one sync."""

    stale: Mapping[str, str] = field(default_factory=dict)
    """System -> why nothing may be planned from it or for it now."""
    read_at: Mapping[str, datetime] = field(default_factory=dict)
    """System -> when the oldest of its feeds began to be read: what came later is not in ``wanted``."""
    reads_all: bool = False

    def why_not(self, *systems: str) -> str:
        """The reason a row between ``systems`` cannot be trusted; "" when it can."""
        asked = self.stale if self.reads_all else [s for s in systems if s in self.stale]
        return "; ".join(f"{name}: {self.stale[name]}" for name in asked)

    def since(self, *systems: str) -> datetime | None:
        """The instant up to which ``wanted`` knows those systems."""
        asked = list(self.read_at) if self.reads_all else systems
        known = [self.read_at[name] for name in asked if name in self.read_at]
        return min(known, default=None)


def look(connection: duckdb.DuckDBPyConnection, estate: Estate, sync: Sync, now: datetime) -> Inputs:
    """Judge every feed ``sync`` needs."""
    pulls = _last_pulls(connection)
    stale: dict[str, str] = {}
    read_at: dict[str, datetime] = {}
    for name, part in estate.systems.items():
        for entity in sync.needs.get(part.role, ()):
            reason, since = _judged(pulls, estate, name, entity, now)
            if reason:
                stale.setdefault(name, reason)
            if since is not None:
                read_at[name] = min(read_at.get(name, since), since)
    return Inputs(stale, read_at, sync.reads_all)


def why_stale(
    connection: duckdb.DuckDBPyConnection, estate: Estate, system: str, entity: str, now: datetime
) -> str:
    """Why nothing may be concluded from what was read of an entity of a system; "" when it may."""
    wrong, since = _judged(_last_pulls(connection), estate, system, entity, now)
    return wrong or ("is not read" if since is None else "")


def _judged(
    pulls: Mapping[tuple[str, str], _Pull], estate: Estate, system: str, entity: str, now: datetime
) -> tuple[str, datetime | None]:
    """(what is wrong with the first feed that is not good, since when those that are good were read)."""
    wrong = ""
    since: datetime | None = None
    part = estate.systems[system]
    for stream in VENDORS[part.vendor].streams_of(part.role):
        if stream.entity != entity:
            continue
        pull = pulls.get((system, stream.name))
        reason = _why_stale(pull, span(estate.cadence.get(entity, "1h")), now)
        if reason:
            wrong = wrong or f"{stream.name} {reason}"
        elif pull is not None:
            since = min(since or pull.started_at, pull.started_at)
    return wrong, since


@dataclass(frozen=True, slots=True)
class _Pull:
    started_at: datetime
    is_complete: bool
    note: str


def _last_pulls(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], _Pull]:
    try:
        rows = connection.execute(
            "SELECT system, stream, max(started_at), arg_max(is_complete, started_at), "
            "arg_max(note, started_at) FROM ops.pulls WHERE kind IN ('full', 'increment') "
            "GROUP BY system, stream"
        ).fetchall()
    except duckdb.CatalogException:
        return {}  # nothing has ever been pulled
    return {(r[0], r[1]): _Pull(r[2], bool(r[3]), r[4] or "") for r in rows}


def _why_stale(pull: _Pull | None, cadence: timedelta, now: datetime) -> str:
    if pull is None:
        return "has never been read"
    if not pull.is_complete:
        return f"was not read to its end: {pull.note}" if pull.note else "was not read to its end"
    age = now - pull.started_at
    if age > cadence * MISSED + GRACE:
        return f"was last read {int(age.total_seconds() // 60)} minutes ago"
    return ""


def last_read(connection: duckdb.DuckDBPyConnection, system: str) -> dict[str, datetime]:
    """Stream -> when its last complete pull from ``system`` began."""
    return {
        stream: pull.started_at
        for (name, stream), pull in _last_pulls(connection).items()
        if name == system and pull.is_complete
    }
