"""Whether it still lives: one line for each thing that is wrong, for cron.

Belongs here: heartbeats, feeds, halts, overdue promises, undelivered alerts, room on the disk.
Does not belong here: what is wrong with orders and stock (``exceptions``), or telling anybody (``alerts``).

It needs neither Dagster nor its daemon: that they are dead is what it has to notice. Intervals of Dagster are
the wall's, so a heartbeat's age is measured in wall time also where the estate's clock runs faster.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines import estate as estates
from cogent_pipelines.errors import Busy
from cogent_pipelines.estate import Estate, Place
from cogent_pipelines.ledger import beats, controls, exceptions
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import messages, promises
from cogent_pipelines.reports import lines, stores
from cogent_pipelines.reports.lines import number, printable
from cogent_pipelines.rules import feeds

BEATS = {"outbox_due": timedelta(minutes=5), "alerts_unsent": timedelta(minutes=5)}
"""Sensor -> how long it may be silent on the wall. They run every 15 and 30 seconds."""
OVERDUE = timedelta(minutes=15)
"""How long past its time a promise may wait for a worker."""
UNJUDGED = timedelta(hours=1)
"""How old the rules' last evaluation may be, or twice the slowest hot cadence."""
LEAST_FREE = 500 * 2**20
PATIENCE = 10.0
"""Wall seconds to wait for the warehouse; whoever has it is alive."""
HOT = ("orders", "shipments", "stock")


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong, and what is worth knowing although it is not."""

    at: datetime
    wrong: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def check(state: Path, estate_file: Path | str) -> Health:
    """Look at everything that must go on by itself."""
    estate = estates.load(estate_file)
    place = stores.place(state)
    now = clock.now()
    wrong = list(_room(place))
    notes: list[str] = []
    with stores.ledger(place) as ledger:
        wrong += _beats(ledger, now)
        wrong += _judged(ledger, estate, now)
        wrong += _halts(ledger, now)
        wrong += _overdue(ledger, estate, now)
        wrong += _unsent(ledger, now)
        notes += _pauses(ledger, now)
        try:
            with stores.tables(place, ledger, wait=PATIENCE) as connection:
                wrong += _feeds(connection, now)
        except Busy:
            # Somebody works on it right now, which is a sign of life; the next look will see the feeds.
            notes.append("the warehouse is in use; feeds were not looked at")
    return Health(now, tuple(wrong), tuple(notes))


def text(health: Health) -> str:
    """One line for each thing, wrong ones first."""
    title = (
        f"well at {lines.minute(health.at)} UTC"
        if health.is_well
        else f"NOT WELL at {lines.minute(health.at)} UTC"
    )
    return "\n".join(
        [title, *(f"  wrong: {line}" for line in health.wrong), *(f"  note: {line}" for line in health.notes)]
    )


def _beats(ledger: Ledger, now: datetime) -> Iterator[str]:
    """Sensors that have gone silent: their daemon is dead, stopped, or was never started."""
    last = {row["name"]: row["at"] for row in beats.beats(ledger)}
    for name, patience in BEATS.items():
        if name not in last:
            yield f"sensor {name} has never run: start the daemon (cogent dev) and switch it on"
        elif now - last[name] > patience * max(clock.speed(), 1.0):
            yield f"sensor {name} has been silent for {lines.age(last[name], now)}: is the daemon dead?"


def _judged(ledger: Ledger, estate: Estate, now: datetime) -> Iterator[str]:
    """Rules that nobody has evaluated lately, or that cannot know."""
    evaluated = exceptions.evaluated(ledger)
    if not evaluated:
        yield "no rule was ever evaluated"
        return
    last = max(row["evaluated_at"] for row in evaluated.values())
    slowest = max(
        (estates.span(estate.cadence[name]) for name in HOT if name in estate.cadence), default=timedelta(0)
    )
    if now - last > max(UNJUDGED, 2 * slowest):
        yield f"no rule was evaluated for {lines.age(last, now)}"
    unknown = sorted(name for name, row in evaluated.items() if row["state"] == "unknown")
    if unknown:
        known = [evaluated[name]["known_at"] for name in unknown if evaluated[name]["known_at"]]
        since = f" for up to {lines.age(min(known), now)}" if known else ""
        yield f"{number(len(unknown))} rules cannot know{since}, for want of a feed: {_some(unknown)}"


def _halts(ledger: Ledger, now: datetime) -> Iterator[str]:
    for row in controls.standing(ledger):
        if row["kind"] == "halt":
            yield f"{row['scope']} is halted for {lines.age(row['at'], now)}: {printable(row['reason'], 120)}"


def _pauses(ledger: Ledger, now: datetime) -> Iterator[str]:
    for row in controls.standing(ledger):
        if row["kind"] == "pause":
            by = printable(row["by"], 40)
            since = lines.age(row["at"], now)
            yield f"{row['scope']} is paused for {since} by {by}: {printable(row['reason'], 100)}"


def _overdue(ledger: Ledger, estate: Estate, now: datetime) -> Iterator[str]:
    """Promises whose time came and went without a worker, where nothing stands in their way."""
    stops = controls.stops(ledger)
    late = promises.c.due_at < now - OVERDUE * max(clock.speed(), 1.0)
    by = (promises.c.sync, promises.c.system)
    query = (
        sa.select(*by, sa.func.count().label("number"), sa.func.min(promises.c.due_at).label("since"))
        .where(promises.c.state.in_(("waiting", "claimed", "sent")), late)
        .group_by(*by)
        .order_by(*by)
    )
    with ledger.read() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        part = estate.syncs.get(row.sync)
        if part is not None and part.mode == "live" and not stops.stop(row.sync, row.system):
            since = lines.age(row.since, now)
            count = number(row.number)
            yield f"{count} changes of {row.sync} wait for {row.system}, the oldest due {since} ago"


def _unsent(ledger: Ledger, now: datetime) -> Iterator[str]:
    """Alerts that were given up, or that nobody has tried to send."""
    overdue = now - OVERDUE * max(clock.speed(), 1.0)
    queries = (
        (messages.c.state == "dead", "alerts could not be delivered"),
        (
            sa.and_(messages.c.state.in_(("waiting", "sending")), messages.c.due_at < overdue),
            "alerts wait unsent",
        ),
    )
    with ledger.read() as connection:
        for which, words in queries:
            query = sa.select(
                sa.func.count().label("number"), sa.func.max(messages.c.last_error).label("error")
            ).where(which)
            row = connection.execute(query).one()
            if row.number:
                error = f": {printable(row.error, 120)}" if row.error else ""
                yield f"{number(row.number)} {words}{error}"


def _feeds(connection: duckdb.DuckDBPyConnection | None, now: datetime) -> Iterator[str]:
    """Feeds whose last whole reading is too old to know from; those of one system together when all are."""
    if connection is None:
        yield "nothing was read yet, or the models were not built: run cogent tick"
        return
    every = feeds.read(connection)
    late = [feed for feed in every if feed.is_late(now)]
    for system in dict.fromkeys(feed.system for feed in late):
        own = [feed for feed in late if feed.system == system]
        if len(own) > 1 and len(own) == sum(feed.system == system for feed in every):
            newest = max((feed.read_at for feed in own if feed.read_at), default=None)
            yield f"no feed of {system} is up to date; " + _read(newest, now)
        else:
            for feed in own:
                yield f"{feed} is not up to date (every {lines.span(feed.cadence)}); " + _read(
                    feed.read_at, now
                )


def _read(at: datetime | None, now: datetime) -> str:
    return f"last read whole {lines.age(at, now)} ago" if at else "never read whole"


def _room(place: Place) -> Iterator[str]:
    free = shutil.disk_usage(place.root).free
    if free < LEAST_FREE:
        yield f"{free // 2**20} MB are left on the disk of {place.root}"


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
