"""The demo's last page: what we did, judged by what really happened in the sandbox.

Belongs here: holding the books and the exceptions against the sandbox's truth, and one page about it.
Does not belong here: the truth itself (the sandbox tells it), driving the days (``demo``).

What counts as lost: an order or parcel that by the truth is not where it should be, and that our books hold
for done or do not know. What waits or is held by the books, or an open exception names, somebody knows of.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from cogent_pipelines import estate as estates
from cogent_pipelines.estate import Estate, Place, span
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import evaluations, exceptions
from cogent_pipelines.reports import books, defects, facts, lines, names, remedy, stores
from cogent_pipelines.reports.books import Books
from cogent_pipelines.reports.defects import Matched
from cogent_pipelines.reports.facts import Facts
from cogent_pipelines.reports.lines import number, printable, words
from cogent_pipelines.reports.names import plain

Ask = Callable[[str], Any]
"""Asks the sandbox's control for a path: truth, defects, counters, intake, inbox."""
Row = Mapping[str, Any]

MOST_LINES = 39
SHOWN = 4
UNDER_WAY = ("waiting", "held", "rejected", "dead")
"""Classes of orders the books know not to be done."""
TELLING = ("unmapped_delivery_option", "unmapped_facility", "unknown_sku", "bad_address", "no_free_stock")
"""Causes in the order in which a held order makes a good example."""


@dataclass(frozen=True, slots=True)
class Messages:
    """What people were told."""

    received: int
    """In the sandbox's inbox, whatever the ledger thinks."""
    causes: int
    """(rule, cause) pairs that were ever announced."""
    repeated: int
    """The same words to the same people twice."""
    silent: tuple[str, ...]
    """Causes with a standing exception nobody was told of."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the sandbox's truth makes of our days."""

    at: datetime
    seed: int
    root: Path
    lost: tuple[Row, ...]
    doubled: tuple[Row, ...]
    stale: tuple[Row, ...]
    """Levels that differ and that nobody knows of."""
    known_stale: int
    oversold: tuple[Row, ...]
    """Sales of what another channel had sold, so long before that the level should have been set by then."""
    in_flight: int
    """The same within the time a decrease takes to reach a channel."""
    known: Mapping[str, int]
    """Class of the books -> orders and parcels that are not there and known not to be."""
    by_others: int
    """Doubles that somebody else made, on purpose of the planter's or beside us."""
    systems: Mapping[str, Row]
    calls: int
    faults: Mapping[str, int]
    defects: Matched
    messages: Messages
    intake: Mapping[str, int]
    books: Books
    example: Facts | None
    stands: tuple[remedy.Stand, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether the books balance, and nothing was lost, doubled or oversold by the sandbox's truth."""
        return self.books.balanced and not self.lost and not self.doubled and not self.oversold


def judge(place: Place, estate_file: Path | str, ask: Ask) -> Judged:
    """Hold everything we know against everything that is so."""
    estate = estates.load(estate_file)
    truth, counters, inbox = ask("truth"), ask("counters"), ask("inbox")
    listing, intake = ask("defects"), ask("intake")
    at = datetime.fromisoformat(truth["at"])
    read = books.read(place.root, estate_file, each=True)
    with stores.ledger(place) as ledger:
        rows = _every_exception(ledger)
        with stores.tables(place, ledger) as connection:
            named = names.of(connection, rows, estate.systems)
            orders = _orders(connection, read)
            seen = _seen(connection)
            troubled = _troubled(connection)
            mended = _mended(connection)
            readings = _readings(connection)
            levels = _levels(connection)
        standing = [row for row in rows if row["state"] != "closed"]
        known_names = {name for row in standing for name in named[row["exception_id"]]}
        lost, known = _lost(truth["lost"], truth.get("parcels", {}), orders, known_names, seen)
        evidence = defects.Evidence(
            named,
            troubled,
            mended,
            readings,
            at,
            _looked_at(ledger) or at,
            has_faults=bool(counters["faults"]),
        )
        matched = defects.match(listing, rows, evidence)
        doubled = [one for one in truth["doubled"] if not _is_of_others(one, matched)]
        stale = [row for row in truth["stale"] if not row["planted"] and _level(row) not in levels]
        window = _in_flight(estate)
        sold = [row for row in truth.get("oversold", ()) if not row["planted"]]
        oversold = [row for row in sold if row["seconds"] > window]
        example = _example(place, ledger, standing)
        told = _messages(inbox, ledger, standing)
    return Judged(
        at=at,
        seed=int(truth["seed"]),
        root=place.root,
        lost=tuple(lost),
        doubled=tuple(doubled),
        stale=tuple(stale),
        known_stale=len(truth["stale"]) - len(stale),
        oversold=tuple(oversold),
        in_flight=len(sold) - len(oversold),
        known=known,
        by_others=len(truth["doubled"]) - len(doubled),
        systems=truth.get("systems", {}),
        calls=sum(int(row["count"]) for row in counters["calls"]),
        faults=_faulty(counters),
        defects=matched,
        messages=told,
        intake=dict(intake.get("counts", {})),
        books=read,
        example=example,
        stands=remedy.stands(example, stores.rules(place), place.root) if example else (),
    )


def _every_exception(ledger: Ledger) -> list[Row]:
    with ledger.read() as connection:
        rows = connection.execute(sa.select(exceptions).order_by(exceptions.c.exception_id))
        return [dict(row) for row in rows.mappings()]


def _looked_at(ledger: Ledger) -> datetime | None:
    """When the rules were last judged; None where they never were."""
    with ledger.read() as connection:
        found: datetime | None = connection.scalar(sa.select(sa.func.max(evaluations.c.evaluated_at)))
    return found


def _faulty(counters: Row) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in counters["faults"]:
        found[row["kind"]] += int(row["count"])
    return dict(found)


# --- lost, doubled, stale ---------------------------------------------------------------------------------


def _orders(connection: duckdb.DuckDBPyConnection | None, read: Books) -> dict[str, str]:
    """An order's number -> its class in the books."""
    if connection is None:
        return {}
    classes = {key: name for key, name, _ in read.orders.each or ()}
    rows = connection.execute("SELECT order_key, order_name FROM marts.orders").fetchall()
    return {plain(row[1]): classes[row[0]] for row in rows if row[1] and row[0] in classes}


@dataclass(frozen=True, slots=True)
class _Seen:
    """Up to when we have read, and which parcels we have not told of but know."""

    orders_at: datetime | None = None
    parcels_at: datetime | None = None
    untold: frozenset[str] = frozenset()


_READ = """
SELECT s.role, min(p.read_at)
FROM (
    SELECT system, max(started_at) AS read_at
    FROM ops.pulls WHERE stream = 'orders' AND is_complete GROUP BY system
) AS p
INNER JOIN estate.systems AS s USING (system)
GROUP BY s.role
"""
_UNTOLD = """
SELECT DISTINCT o.order_name
FROM ops.operations AS p
INNER JOIN marts.orders AS o USING (order_key)
WHERE
    p.sync = 'shipments_to_channel' AND o.order_name IS NOT NULL
    AND p.state IN ('waiting', 'held', 'claimed', 'sent', 'rejected', 'dead')
"""


def _seen(connection: duckdb.DuckDBPyConnection | None) -> _Seen:
    if connection is None:
        return _Seen()
    read = dict(connection.execute(_READ).fetchall())
    untold = frozenset(plain(row[0]) for row in connection.execute(_UNTOLD).fetchall())
    return _Seen(read.get("channel"), read.get("warehouse"), untold)


def _lost(
    said: Iterable[Row],
    parcels: Mapping[str, Row],
    orders: Mapping[str, str],
    known_names: set[str],
    seen: _Seen,
) -> tuple[list[Row], dict[str, int]]:
    """What is not where it should be: lost, and (by class) known."""
    left: dict[str, list[datetime]] = {}
    for row in parcels.values():
        left.setdefault(row["order"], []).append(datetime.fromisoformat(row["despatched_at"]))
    lost: list[Row] = []
    known: Counter[str] = Counter()
    for one in said:
        name = plain(one["reference"])
        standing = orders.get(name, "")
        if one["thing"] == "shipment":
            latest = max(left.get(one["reference"], []), default=None)
            is_new = latest is not None and seen.parcels_at is not None and latest >= seen.parcels_at
            why = "not read yet" if is_new else "parcel on its way to the shop" if name in seen.untold else ""
        else:
            is_new = not standing and _is_newer(one.get("placed_at"), seen.orders_at)
            why = standing if standing in UNDER_WAY else "not read yet" if is_new else ""
        if not why and name in known_names:
            why = "open exception"
        if why:
            known[why] += 1
        else:
            lost.append(one)
    return lost, dict(known)


def _is_newer(at: str | None, read_at: datetime | None) -> bool:
    return at is not None and (read_at is None or datetime.fromisoformat(at) >= read_at)


def _is_of_others(one: Row, matched: Matched) -> bool:
    """Whether a double is somebody else's doing: planted for us to find, or made after ours."""
    if one.get("planted") and plain(str(one.get("order", one["reference"]))) in matched.planted_names:
        return True
    senders = one.get("sent_by") or []
    return bool(senders) and "api" in senders and senders[-1] != "api"


def _levels(connection: duckdb.DuckDBPyConnection | None) -> set[tuple[str, str, str]]:
    """(system, SKU, location) of levels we know to differ: wanted, waiting, or too new to be raised."""
    if connection is None:
        return set()
    rows = connection.execute(
        "SELECT system, sku, location_id FROM marts.channel_levels "
        "WHERE expected_qty IS DISTINCT FROM channel_qty AND sku IS NOT NULL"
    ).fetchall()
    return {(row[0], plain(row[1]), str(row[2])) for row in rows}


def _level(row: Row) -> tuple[str, str, str]:
    return row["system"], plain(row["sku"]), str(row["location"])


_TROUBLED = """
SELECT name, min(met_at) FROM (
    SELECT
        unnest([
            p.business_key, p.order_key, p.reference, p.sync || ':' || p.system || ':' || p.business_key
        ]) AS name,
        a.intent_at AS met_at
    FROM ops.attempts AS a
    INNER JOIN ops.operations AS p USING (promise_id)
    WHERE a.outcome IN ('retry', 'unknown')
    UNION ALL
    SELECT system || ':' || stream, started_at FROM ops.pulls WHERE NOT is_complete
)
WHERE name IS NOT NULL
GROUP BY name
ORDER BY 2 DESC
"""


def _troubled(connection: duckdb.DuckDBPyConnection | None) -> dict[str, datetime]:
    """Name of what met a fault -> when: calls that did not come through (a refusal did), feeds that broke off."""
    if connection is None:
        return {}
    return {plain(name): at for name, at in connection.execute(_TROUBLED).fetchall()}


def _mended(connection: duckdb.DuckDBPyConnection | None) -> dict[str, datetime]:
    """SKU, or an order's name -> when we last set a level of it, or released what was given up of it."""
    if connection is None:
        return {}
    rows = connection.execute(
        "SELECT c.sku, max(p.closed_at) FROM ops.operations AS p "
        "INNER JOIN marts.channel_stock AS c ON c.channel_stock_key = p.business_key "
        "WHERE p.sync = 'stock_to_channel' AND p.state = 'verified' AND c.sku IS NOT NULL GROUP BY c.sku "
        "UNION ALL SELECT o.order_name, max(p.closed_at) FROM ops.operations AS p "
        "INNER JOIN marts.orders AS o ON o.order_key = p.order_key "
        "WHERE p.sync = 'cancellations_to_channel' AND p.state = 'verified' GROUP BY o.order_name"
    ).fetchall()
    return {plain(row[0]): row[1] for row in rows}


def _readings(connection: duckdb.DuckDBPyConnection | None) -> dict[str, list[datetime]]:
    """System -> when the feed of it that is read most often was read whole, oldest first."""
    if connection is None:
        return {}
    rows = connection.execute(
        "SELECT system, list(started_at ORDER BY started_at) FROM ops.pulls "
        "WHERE is_complete AND kind IN ('full', 'increment') GROUP BY system, stream"
    ).fetchall()
    found: dict[str, list[datetime]] = {}
    for system, at in rows:
        found[system] = max(found.get(system, []), at, key=len)
    return found


# --- messages and the example -----------------------------------------------------------------------------


def _messages(inbox: Row, ledger: Ledger, standing: Sequence[Row]) -> Messages:
    """What arrived in the inbox, held against what stands open."""
    arrived = [(row["channel"], json.dumps(row["message"], sort_keys=True)) for row in inbox["slack"]]
    announced = defects.announced(ledger)
    open_ = {
        (row["rule"], row["cause"])
        for row in standing
        if row["state"] == "open" and row["severity"] != "info"
    }
    silent = sorted(f"{rule} ({words(cause)})" for rule, cause in open_ - announced)
    return Messages(len(arrived), len(announced), len(arrived) - len(set(arrived)), tuple(silent))


def _example(place: Place, ledger: Ledger, standing: Sequence[Row]) -> Facts | None:
    """One held order that shows best how a person lets it go."""

    def rank(row: Row) -> tuple[int, str]:
        return (
            TELLING.index(row["cause"]) if row["cause"] in TELLING else len(TELLING),
            row["exception_key"],
        )

    held = sorted(
        (row for row in standing if row["rule"] == remedy.RELEASABLE and row["entity_key"]), key=rank
    )
    other = [row for row in standing if row["rule"] == remedy.CARRIED_OUT and row["entity_key"]]
    for row in [*held[:3], *other[:1]]:
        known = facts.about(place, ledger, row["entity_key"], most=1)
        if known.facts:
            return known.facts[0]
    return None


# --- the page ---------------------------------------------------------------------------------------------

_TAB = 20
"""Where the second column of the page begins."""


def page(judged: Judged, *, days: float, ticks: int, failed: int, wall: float, peak: int = 0) -> str:
    """The last page, under 40 lines of 100 columns. ``wall`` in seconds; ``peak``, in bytes, is our process's memory."""
    read = judged.books
    looks = f"{number(ticks)} looks" + (f", {number(failed)} FAILED" if failed else "")
    title = f"{days:g} days of trade until {lines.minute(judged.at)} UTC, seed {judged.seed}"
    pace = f", time at {number(round(days * 86_400 / wall))} times the wall's" if wall > 0 else ""
    memory = f", at most {number(peak // 10**6)} MB of memory" if peak else ""
    found = ["", *lines.wrapped("", f"{title}: {looks} in {_wall(wall)}{pace}{memory}")]
    found += _what_happened(judged)
    found += ["", *_part("money at risk", lines.amounts(read.money) or "none"), *_owners(read)]
    found += ["", *_part("the books", "balance" if read.balanced else "DO NOT BALANCE")]
    found += books.orders_lines(read)
    by_sync = itertools.groupby(read.syncs, key=lambda row: row.sync)
    found += [f"  {name}: {_sync(list(rows))}" for name, rows in by_sync]
    rows, aside = sum(row.rows_in for row in read.landed), sum(row.set_aside for row in read.landed)
    found.append(f"  {number(rows)} rows read = {number(rows - aside)} merged + {number(aside)} set aside")
    example = _example_lines(judged)
    room = MOST_LINES - len(example)
    return "\n".join([*(lines.fitted(line) for line in found[:room]), *example])


def _in_flight(estate: Estate) -> float:
    """Seconds a sale may be unknown to the other channels: two readings of orders and stock, or the shortest window."""
    reads = [span(estate.cadence[name]) for name in ("orders", "stock") if name in estate.cadence]
    return max(2 * max(reads, default=timedelta(0)), span(estate.shortest_window)).total_seconds()


def _sold(judged: Judged) -> str:
    flying = f" ({judged.in_flight} while a level was on its way)" if judged.in_flight else ""
    return f"oversold {len(judged.oversold)}{flying}"


def _wall(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _part(name: str, text: str) -> list[str]:
    return lines.wrapped(f"  {name}".ljust(_TAB), text)


def _what_happened(judged: Judged) -> list[str]:
    """Faults, effects, defects and messages."""
    total = f"{number(sum(judged.faults.values()))} in {number(judged.calls)} calls"
    found = _part("faults injected", f"{total}: {lines.counts(judged.faults)}" if judged.faults else total)
    effects = f"lost {len(judged.lost)} and doubled {len(judged.doubled)} by the sandbox's truth"
    found += _part("effects", f"{effects}, {_sold(judged)}, {len(judged.stale)} levels stale")
    if judged.known:
        found += _part("", f"not there, and known not to be: {lines.counts(judged.known)}")
    for word, rows in (("LOST", judged.lost), ("DOUBLED", judged.doubled)):
        if rows:
            shown = [f"{row['thing']} {printable(str(row['reference']), 30)}" for row in rows[:SHOWN]]
            more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
            found += _part(word, ", ".join(shown) + more)
    matched = judged.defects
    if matched.planted:
        said = f"{number(len(matched.found))} of {number(len(matched.due))} found"
        said += f", {number(len(matched.repaired))} repaired before they were due" if matched.repaired else ""
        said += f", {number(len(matched.early))} not due yet" if matched.early else ""
        said += (
            f", {number(len(matched.false))} false alarms beside {number(matched.near_misses)} near-misses"
        )
        found += _part("planted defects", said)
    told = judged.messages
    said = f"{number(told.received)} received, {number(told.causes)} causes, {number(told.repeated)} repeated"
    said += f"; NOT TOLD: {', '.join(told.silent[:SHOWN])}" if told.silent else ""
    return [*found, *_part("messages", said)]


def _owners(read: Books) -> list[str]:
    if not read.exceptions:
        return ["  no exception is open"]
    head = ("open with", "needs you", "repairs itself", "oldest", "money at risk")
    rows = [
        (
            printable(row.owner, 20),
            number(row.needs_you),
            number(row.repairs_itself),
            lines.age(row.oldest_at, read.at),
            lines.amounts(row.money) or "-",
        )
        for row in read.exceptions[:6]
    ]
    return lines.columns([head, *rows], right=(1, 2))


def _sync(targets: Sequence[books.Sync]) -> str:
    """One sync over all its targets; what is held for want of one has none yet."""
    parts: Counter[str] = Counter()
    for row in targets:
        parts["verified"] += row.verified
        parts["waiting"] += row.waiting
        parts["held"] += sum(row.held.values())
        parts["refused"] += sum(row.rejected.values())
        parts["dead"] += row.dead
        parts["let go"] += row.withdrawn + row.superseded
        parts["adopted"] += sum(row.adopted.values())
    shown = " + ".join(f"{number(count)} {name}" for name, count in parts.items() if count)
    return f"{number(sum(row.keys for row in targets))} keys = {shown or '0'}"


def _example_lines(judged: Judged) -> list[str]:
    """One held order and the commands that let it go."""
    one = judged.example
    if one is None or one.order is None or not judged.stands:
        return []
    stand = judged.stands[0]
    name = printable(one.order["order_name"] or one.order["order_key"], 40)
    total: Decimal | None = one.order["total_amount"]
    money = f", {lines.money(total, one.order['currency'] or '')}" if total is not None else ""
    since = f", for {lines.age(stand.since, judged.at)}" if stand.since else ""
    look = remedy.command(judged.root, "trace", remedy.quoted(name))
    found = ["", f"  {name}{money}{since}", *lines.wrapped("  ", stand.what)[:2]]
    found += [lines.fitted(f"    {step}") for step in stand.steps[:2]]
    return [*found, *(f"    $ {line}" for line in (look, *stand.commands))]


def write(judged: Judged, root: Path) -> None:
    """Leave ``books.json`` and ``defects.json`` in the state folder."""
    (root / "books.json").write_text(books.as_json(judged.books) + "\n", encoding="utf-8")
    told = {
        "at": judged.at.isoformat(),
        "seed": judged.seed,
        "lost": list(judged.lost),
        "doubled": list(judged.doubled),
        "stale": list(judged.stale),
        "oversold": list(judged.oversold),
        "known": judged.known,
        "faults": judged.faults,
        "messages": asdict(judged.messages),
        "intake": judged.intake,
        **defects.as_dict(judged.defects),
    }
    (root / "defects.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


__all__ = ["Ask", "Judged", "Messages", "judge", "page", "write"]
