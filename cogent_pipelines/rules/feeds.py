"""How far what a rule rests on was read: the watermarks, and so the instant a rule may speak for.

Belongs here: judging ``ops.pulls`` against the cadences, per system and stream.
Does not belong here: the completeness of a sync's inputs (``outbox``), or complaining about a late feed (a rule does).

A rule speaks for the least of the clock and its feeds' watermarks: at 10:16, with the warehouse read at 10:14, an order
due at 10:15 is not missing, because nobody has looked since. Reference data (products, customers) is read seldom and
changes slowly; it makes a rule unknown when it is too old, and sets its instant only where a rule has nothing else.

A feed whose last reading failed is behind its neighbours. A rule that holds one against the other does not know until it
is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

PATIENCE = 2
"""A feed is too old to know from after so many of its intervals,"""
LEAST = timedelta(minutes=3)
"""and not before this: a run has to start, and others are at work."""
REFERENCE = frozenset({"products", "customers"})


@dataclass(frozen=True, slots=True)
class Feed:
    """One stream of one system, and up to when it was read whole."""

    system: str
    vendor: str
    stream: str
    entity: str
    cadence: timedelta
    read_at: datetime | None
    failed_at: datetime | None = None
    """When it was last tried in vain, since it was last read whole."""

    def age(self, now: datetime) -> timedelta | None:
        """How old its last whole reading is."""
        return None if self.read_at is None else max(now - self.read_at, timedelta(0))

    def is_late(self, now: datetime) -> bool:
        """Whether it is too old to know from."""
        age = self.age(now)
        return age is None or age > max(self.cadence * PATIENCE, LEAST)

    @property
    def is_behind(self) -> bool:
        """Whether it was tried in vain since: its neighbours may speak of a later moment."""
        return self.failed_at is not None and self.entity not in REFERENCE

    def __str__(self) -> str:
        return f"{self.system} {self.stream}"


def read(connection: duckdb.DuckDBPyConnection) -> list[Feed]:
    """Every feed of the estate."""
    rows = connection.execute(
        """
        SELECT
            f.system, f.vendor, f.stream, f.entity, f.seconds,
            max(least(p.started_at, p.window_to)) FILTER (WHERE p.is_complete) AS read_at,
            CASE WHEN NOT arg_max(p.is_complete, p.started_at) THEN max(p.started_at) END AS failed_at
        FROM estate.feeds AS f
        LEFT JOIN ops.pulls AS p
            ON p.system = f.system AND p.stream = f.stream AND p.kind IN ('full', 'increment', 'bulk')
        GROUP BY ALL
        ORDER BY f.system, f.stream
        """
    ).fetchall()
    return [Feed(r[0], r[1], r[2], r[3], timedelta(seconds=r[4]), r[5], r[6]) for r in rows]


def of(feeds: Iterable[Feed], inputs: Iterable[tuple[str, str]]) -> list[Feed]:
    """The feeds among ``feeds`` that carry any of the (vendor, stream) ``inputs``."""
    wanted = frozenset(inputs)
    return [feed for feed in feeds if (feed.vendor, feed.stream) in wanted]


def as_of(feeds: Iterable[Feed], now: datetime) -> datetime:
    """The instant that can be spoken for from ``feeds``."""
    read = [(feed.entity in REFERENCE, feed.read_at) for feed in feeds if feed.read_at is not None]
    hot = [at for is_reference, at in read if not is_reference]
    return min([now, *(hot or [at for _, at in read])])


def ages(feeds: Iterable[Feed], now: datetime) -> Mapping[str, timedelta | None]:
    """Feed -> its age, for people."""
    return {str(feed): feed.age(now) for feed in feeds}
