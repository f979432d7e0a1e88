"""The estate file as tables, so that SQL sees the retailer's decisions: schema ``estate``.

Belongs here: turning an ``Estate`` into rows, and opening hours into instants with a running count of open seconds.
Does not belong here: reading or checking the file (``estate``), or what the models do with the rows (dbt).

Written again only when the estate or the trading day has changed: a tick that changes nothing writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import pyarrow as pa

from cogent_pipelines.estate import Estate, Hours, opening, span
from cogent_pipelines.vendors.registry import VENDORS

DAYS_BACK = 400
DAYS_AHEAD = 60
EVERYWHERE = ""
"""The facility that stands for the whole retailer: open while any facility is."""
UNNAMED_CADENCE = "1h"
"""How often a stream is read whose entity the estate gives no cadence."""

_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TEXT, _NUMBER, _INSTANT, _DAY = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC"), pa.date32()
_VERSION = "4"

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Table:
    columns: tuple[tuple[str, pa.DataType], ...]
    rows: Sequence[Sequence[Any]]


def write(connection: duckdb.DuckDBPyConnection, estate: Estate, as_of: datetime) -> bool:
    """Bring schema ``estate`` up to date. True when anything was written."""
    today = as_of.astimezone(ZoneInfo(estate.time_zone)).date()
    digest = _digest(estate, today)
    connection.execute("CREATE SCHEMA IF NOT EXISTS estate")
    connection.execute("CREATE TABLE IF NOT EXISTS estate.written (digest VARCHAR)")
    if connection.execute("SELECT digest FROM estate.written").fetchall() == [(digest,)]:
        return False
    connection.execute("BEGIN")
    try:
        for name, table in _tables(estate, today).items():
            _store(connection, name, table)
        connection.execute("DELETE FROM estate.written")
        connection.execute("INSERT INTO estate.written VALUES ($1)", [digest])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return True


def _digest(estate: Estate, today: date) -> str:
    content = msgspec.json.encode(estate, order="deterministic")
    vendors = [
        (
            slug,
            [(s.name, s.entity, sorted(s.roles)) for s in vendor.streams],
            vendor.tells_customers,
            sorted(vendor.item_details),
        )
        for slug, vendor in sorted(VENDORS.items())
    ]
    return hashlib.sha256(content + repr((_VERSION, today, vendors)).encode()).hexdigest()


def _store(connection: duckdb.DuckDBPyConnection, name: str, table: _Table) -> None:
    columns = list(zip(*table.rows, strict=True)) if table.rows else [() for _ in table.columns]
    arrays = [pa.array(values, type=kind) for values, (_, kind) in zip(columns, table.columns, strict=True)]
    connection.register("estate_rows", pa.Table.from_arrays(arrays, names=[n for n, _ in table.columns]))
    try:
        connection.execute(f"CREATE OR REPLACE TABLE estate.{name} AS SELECT * FROM estate_rows")
    finally:
        connection.unregister("estate_rows")


def _tables(estate: Estate, today: date) -> dict[str, _Table]:
    hours = open_intervals(estate, today)
    channels = [
        (name, p.release, p.notify, p.capture, p.buffer, p.route)
        for name in estate.channels()
        for p in (estate.policy(name),)
    ]
    return {
        "systems": _table(
            "system vendor role admin_url account expires_on:d tells_customers:b item_details:l",
            list(_systems(estate)),
        ),
        "channels": _table("system release_policy notify_policy capture_policy buffer:n route", channels),
        "facilities": _table("facility system", list(estate.facilities.items())),
        "truth": _table("entity facility system", list(_truth(estate))),
        "cadences": _table("entity seconds:n", [(e, _seconds(c)) for e, c in estate.cadence.items()]),
        "feeds": _table("system vendor stream entity seconds:n is_asked_by_name:b", list(_feeds(estate))),
        "windows": _table("rule kind seconds:n severity escalate_seconds:n", list(_windows(estate))),
        "open_hours": _table(
            "facility opens_at:t closes_at:t open_before_s:n",
            [row for facility, intervals in hours.items() for row in _running(facility, intervals)],
        ),
        "cut_offs": _table("facility cut_off_at:t day_on:d", list(_cut_offs(estate, today))),
        "stock_holds": _table(
            "sku channel reason until:t",
            [(h.sku, h.channel, h.reason, h.until) for h in estate.policies.stock_holds],
        ),
        "syncs": _table(
            "sync mode from_at:t was_system was_flow via_system via_flow",
            [
                (n, s.mode, s.since, *(part or None for part in (*s.before, *s.route)))
                for n, s in estate.syncs.items()
            ],
        ),
        "settings": _table(
            "name value",
            [
                ("time_zone", estate.time_zone),
                ("duplicate_window_s", str(_seconds(estate.policies.duplicate_window))),
                ("shortest_window_s", str(_seconds(estate.shortest_window))),
                ("stock_increase_interval_s", str(_seconds(estate.policies.stock_increase_interval))),
            ],
        ),
    }


def _table(columns: str, rows: Sequence[Sequence[Any]]) -> _Table:
    kinds = {"": _TEXT, "n": _NUMBER, "t": _INSTANT, "d": _DAY, "b": pa.bool_(), "l": pa.list_(_TEXT)}
    named = (column.partition(":") for column in columns.split())
    return _Table(tuple((name, kinds[kind]) for name, _, kind in named), rows)


def _seconds(text: str) -> int:
    return int(span(text).total_seconds())


def _systems(estate: Estate) -> Iterable[tuple[Any, ...]]:
    for name, part in estate.systems.items():
        vendor = VENDORS.get(part.vendor)
        tells, details = (vendor.tells_customers, sorted(vendor.item_details)) if vendor else (False, [])
        account, admin_url = part.account or name, part.admin_url.rstrip("/")
        yield name, part.vendor, part.role, admin_url, account, part.expires_on, tells, details


def _truth(estate: Estate) -> Iterable[tuple[str, str, str]]:
    for entity, owner in estate.truth.items():
        if isinstance(owner, str):
            yield entity, EVERYWHERE, owner
        else:
            yield from ((entity, facility, system) for facility, system in owner.items())


def _feeds(estate: Estate) -> Iterable[tuple[str, str, str, str, int, bool]]:
    for name, part in estate.systems.items():
        if (vendor := VENDORS.get(part.vendor)) is None:
            continue
        for stream in vendor.streams_of(part.role):
            cadence = estate.cadence.get(stream.entity, UNNAMED_CADENCE)
            yield name, part.vendor, stream.name, stream.entity, _seconds(cadence), bool(stream.known)


def _windows(estate: Estate) -> Iterable[tuple[str, str | None, int | None, str | None, int | None]]:
    for rule, window in estate.windows.items():
        kind = (
            "warehouse_hours"
            if window.warehouse_hours is not None
            else "hours"
            if window.hours is not None
            else None
        )
        hours = window.warehouse_hours if window.hours is None else window.hours
        yield (
            rule,
            kind,
            None if hours is None else round(hours * 3600),
            window.severity,
            None if window.escalate_hours is None else round(window.escalate_hours * 3600),
        )


# --- when facilities work ------------------------------------------------------------------------------


def open_intervals(estate: Estate, today: date) -> dict[str, list[Interval]]:
    """Facility -> its opening times as instants, in order; ``EVERYWHERE`` -> those of all together.

    A facility without hours in the estate is always open.
    """
    zone = ZoneInfo(estate.time_zone)
    days = [today + timedelta(days=n) for n in range(-DAYS_BACK, DAYS_AHEAD + 1)]
    always = [(_instant(days[0], time(), zone), _instant(days[-1] + timedelta(days=1), time(), zone))]
    found: dict[str, list[Interval]] = {}
    for facility in estate.facilities:
        hours = estate.hours.get(facility)
        found[facility] = always if hours is None else [i for day in days for i in _on(hours, day, zone)]
    found[EVERYWHERE] = union(found.values()) if found else always
    return found


def _on(hours: Hours, day: date, zone: ZoneInfo) -> Iterable[Interval]:
    text = hours.week.get(_DAY_NAMES[day.weekday()])  # type: ignore[call-overload]
    if text is None or day in hours.holidays:
        return
    opens, closes = opening("estate", "hours", text)
    last = (
        _instant(day + timedelta(days=1), time(), zone) if closes == time.max else _instant(day, closes, zone)
    )
    yield _instant(day, opens, zone), last


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def union(parts: Iterable[Sequence[Interval]]) -> list[Interval]:
    """The instants at which at least one is open."""
    merged: list[Interval] = []
    for start, end in sorted(interval for part in parts for interval in part):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _running(facility: str, intervals: Sequence[Interval]) -> Iterable[tuple[str, datetime, datetime, int]]:
    before = 0
    for start, end in intervals:
        yield facility, start, end, before
        before += int((end - start).total_seconds())


def _cut_offs(estate: Estate, today: date) -> Iterable[tuple[str, datetime, date]]:
    """A facility without hours has no cut-off: what it gets, it sends when it can."""
    zone = ZoneInfo(estate.time_zone)
    for facility, hours in estate.hours.items():
        last = time.fromisoformat(hours.cut_off)
        for day in (today + timedelta(days=n) for n in range(-DAYS_BACK, DAYS_AHEAD + 1)):
            if any(True for _ in _on(hours, day, zone)):
                yield facility, _instant(day, last, zone), day
