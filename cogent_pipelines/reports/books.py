"""The books: what came in, where every one of it stands, and that the two agree.

Belongs here: reading the counts of the ledger and the warehouse at one instant, the equations, showing them.
Does not belong here: the class an order is in (``reports.books`` in dbt), what a state means (``ledger``).

Every equation has two sides that are counted apart. No personal data: keys, counts and money only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines import estate as estates
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books as ledger_books
from cogent_pipelines.ledger import controls, exceptions
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import messages
from cogent_pipelines.reports import lines, stores

CLASSES = ("verified", "waiting", "held", "cancelled", "rejected", "dead", "withdrawn", "out_of_scope")
"""Where an ingested order can stand; each stands in exactly one."""


@dataclass(frozen=True, slots=True)
class Equation:
    """Two counts that must be the same."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Orders:
    """Every order of every channel, each in one class."""

    ingested: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    """Class -> orders; every class is named."""
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Class -> why -> orders, for the classes that have reasons."""
    unexplained: int = 0
    """In no class: a fault of the books themselves."""
    each: tuple[tuple[str, str, str], ...] | None = None
    """(order key, class, reason) of every order, when asked for."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Where the keys of one sync stand at one target."""

    sync: str
    system: str
    mode: str
    keys: int
    """Counted apart from the states."""
    verified: int = 0
    waiting: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0
    withdrawn: int = 0
    superseded: int = 0
    adopted: Mapping[str, int] = field(default_factory=dict)

    @property
    def states(self) -> int:
        """All states together."""
        single = self.verified + self.waiting + self.dead + self.withdrawn + self.superseded
        return single + sum(sum(part.values()) for part in (self.held, self.rejected, self.adopted))

    @property
    def braked(self) -> Mapping[str, int]:
        """Brake -> keys it holds until somebody releases them."""
        return {
            why.removeprefix(controls.BRAKE): n
            for why, n in self.held.items()
            if why.startswith(controls.BRAKE)
        }


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of every row one stream of one system has sent."""

    system: str
    stream: str
    standing: int
    """Rows in the raw table now, counted there."""
    complete_at: datetime | None
    pulls: int
    rows_in: int
    new: int
    changed: int
    same: int
    older: int
    set_aside: int
    listed: int
    """Of the new ones those only a sweep's list named: an id no pull had brought. The next pull brings the record."""

    @property
    def kept(self) -> int:
        """Rows that reached the raw table, or were there already."""
        return self.new + self.changed + self.same + self.older


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows of one thing at a system that shares its account with another brand; each number is counted apart."""

    system: str
    entity: str
    read: int
    ours: int
    foreign: int


@dataclass(frozen=True, slots=True)
class Owner:
    """What one owner has before them."""

    owner: str
    open: int
    """Standing and not accepted; acknowledged ones are among them."""
    acknowledged: int
    accepted: int
    needs_you: int
    repairs_itself: int
    oldest_at: datetime | None
    money: Mapping[str, Decimal]
    """Currency -> amount at risk; an order that breaks two rules counts once."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A pause or halt that stands."""

    kind: str
    scope: str
    by: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Books:
    """Everything the books say at ``at``."""

    estate: str
    at: datetime
    is_built: bool
    """False before the models were first built: then there is nothing to count orders with."""
    orders: Orders
    syncs: tuple[Sync, ...]
    landed: tuple[Landed, ...]
    shared: tuple[Shared, ...]
    """Of the systems with a scope only."""
    exceptions: tuple[Owner, ...]
    money: Mapping[str, Decimal]
    """Currency -> amount at risk over all owners, each order once."""
    stops: tuple[Stop, ...]
    messages: Mapping[str, Mapping[str, int]]
    """State -> kind -> messages."""

    @property
    def foreign_orders(self) -> int:
        """Orders of other brands that came in with ours."""
        return sum(row.foreign for row in self.shared if row.entity == "orders")

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Every pair of counts that must agree."""
        found = [
            Equation(
                "orders ingested = sum of their classes and of foreign ones",
                self.orders.ingested,
                sum(self.orders.classes.values()) + self.foreign_orders,
            )
        ]
        found += [
            Equation(
                f"{row.system} {row.entity}: rows read = ours + foreign", row.read, row.ours + row.foreign
            )
            for row in self.shared
        ]
        found += [
            Equation(f"{s.sync} to {s.system}: keys = sum of their states", s.keys, s.states)
            for s in self.syncs
        ]
        found += [
            Equation(
                f"{row.system} {row.stream}: rows in = kept + set aside",
                row.rows_in,
                row.kept + row.set_aside,
            )
            for row in self.landed
        ]
        found += [
            Equation(
                f"{row.system} {row.stream}: new rows = rows that stand", row.new - row.listed, row.standing
            )
            for row in self.landed
        ]
        return tuple(found)

    @property
    def balanced(self) -> bool:
        """Whether every equation holds and no order is unexplained."""
        return not self.orders.unexplained and all(equation.holds for equation in self.equations)


def read(state: Path, estate_file: Path | str, *, each: bool = False) -> Books:
    """The books of the estate kept in ``state``, as they stand. ``each`` lists every order with its class."""
    estate = estates.load(estate_file)
    place = stores.place(state)
    with stores.ledger(place) as ledger:
        with stores.tables(place, ledger) as connection:
            # Keys are only ever added by a plan, and no plan runs while the warehouse is open here.
            syncs = _syncs(connection, ledger, estate)
            landed = _landed(connection) if connection else ()
            shared = _shared(connection) if connection else ()
            orders = _orders(connection, each=each) if connection else Orders()
        standing = exceptions.standing(ledger)
        return Books(
            estate=estate.name,
            at=clock.now(),
            is_built=connection is not None,
            orders=orders,
            syncs=syncs,
            landed=landed,
            shared=shared,
            exceptions=_owners(standing, stores.repairs_themselves(place)),
            money=_money(
                [row for rows in standing.values() for row in rows.values() if row["state"] != "accepted"]
            ),
            stops=tuple(
                Stop(row["kind"], row["scope"], row["by"], row["reason"], row["at"])
                for row in controls.standing(ledger)
            ),
            messages=_messages(ledger),
        )


# --- counting ---------------------------------------------------------------------------------------------


_INGESTED = """
SELECT coalesce(sum(p.rows_new), 0)::BIGINT
FROM ops.pulls AS p
INNER JOIN estate.systems AS s USING (system)
WHERE s.role = 'channel' AND p.stream = 'orders' AND p.kind <> 'sweep'
"""
"""Counted where they came in, and nowhere near the models that class them. A sweep brings in ids only: what it finds
missing comes in with the next reading."""


def _orders(connection: duckdb.DuckDBPyConnection, *, each: bool) -> Orders:
    """Every order in its one class, by the view ``reports.books``."""
    row = connection.execute(_INGESTED).fetchone()
    what = (
        "order_key, order_class, coalesce(reason, '')"
        if each
        else "order_class, coalesce(reason, ''), count(*)"
    )
    found = connection.execute(f"SELECT {what} FROM reports.books GROUP BY ALL ORDER BY ALL").fetchall()
    counted = [(name, why, 1) for _, name, why in found] if each else found
    classes = dict.fromkeys(CLASSES, 0)
    reasons: dict[str, dict[str, int]] = {}
    unexplained = 0
    for name, why, number in counted:
        if name not in classes:
            unexplained += number
            continue
        classes[name] += number
        if why:
            of = reasons.setdefault(name, {})
            of[why] = of.get(why, 0) + number
    listed = tuple((key, name, why) for key, name, why in found) if each else None
    return Orders(int(row[0]) if row else 0, classes, reasons, unexplained, listed)


def _syncs(connection: duckdb.DuckDBPyConnection | None, ledger: Ledger, estate: Estate) -> tuple[Sync, ...]:
    """One row per sync and target the ledger knows, and one for each sync of the estate that did nothing."""
    keys = _keys(connection) if connection else {}
    found = []
    for book in ledger_books.books(ledger):
        part = estate.syncs.get(book.sync)
        states = {
            f.name: getattr(book, f.name) for f in fields(book) if f.name not in ("sync", "system", "keys")
        }
        counted = keys.get((book.sync, book.system), 0) if connection else book.keys
        found.append(Sync(book.sync, book.system, part.mode if part else "shadow", counted, **states))
    idle = [name for name in estate.syncs if name not in {row.sync for row in found}]
    found += [Sync(name, "", estate.syncs[name].mode, 0) for name in idle]
    places = {name: place for place, name in enumerate(estate.syncs)}
    return tuple(sorted(found, key=lambda row: (places.get(row.sync, len(places)), row.system)))


def _keys(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        "SELECT sync, system, count(DISTINCT business_key) FROM "
        "(SELECT sync, system, business_key FROM ops.operations UNION ALL "
        "SELECT sync, system, business_key FROM ops.adoptions) GROUP BY ALL"
    ).fetchall()
    return {(row[0], row[1]): int(row[2]) for row in rows}


_LANDED = """
SELECT
    system, stream, any_value(vendor), count(*), sum(rows_in)::BIGINT, sum(rows_new)::BIGINT,
    sum(rows_changed)::BIGINT, sum(rows_same)::BIGINT, sum(rows_older)::BIGINT, sum(rows_set_aside)::BIGINT,
    coalesce(sum(rows_new) FILTER (WHERE kind = 'sweep'), 0)::BIGINT,
    max(finished_at) FILTER (WHERE is_complete)
FROM ops.pulls GROUP BY system, stream ORDER BY system, stream
"""


def _landed(connection: duckdb.DuckDBPyConnection) -> tuple[Landed, ...]:
    rows = connection.execute(_LANDED).fetchall()
    tables = sorted(
        {
            (vendor, stream)
            for _, stream, vendor, *_ in rows
            if stores.exists(connection, f"{vendor}.{stream}")
        }
    )
    standing: dict[tuple[str, str], int] = {}
    for vendor, stream in tables:
        query = f'SELECT system, count(*) FROM "{vendor}"."{stream}" GROUP BY system'
        standing |= {(system, stream): int(number) for system, number in connection.execute(query).fetchall()}
    found = []
    for system, stream, _, *counts, at in rows:
        found.append(Landed(system, stream, standing.get((system, stream), 0), _utc(at), *map(int, counts)))
    return tuple(found)


def _shared(connection: duckdb.DuckDBPyConnection) -> tuple[Shared, ...]:
    """What was read beside ours where brands share an account, by the view ``reports.foreign_rows``."""
    rows = connection.execute(
        "SELECT system, entity, rows_read, rows_ours, rows_foreign FROM reports.foreign_rows ORDER BY ALL"
    ).fetchall()
    return tuple(Shared(*row) for row in rows)


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None


Rows = Sequence[Mapping[str, Any]]


def _owners(
    standing: Mapping[str, Mapping[str, Mapping[str, Any]]], automatic: set[tuple[str, str]]
) -> tuple[Owner, ...]:
    """Standing exceptions by owner, the most urgent first."""
    by_owner: dict[str, list[Mapping[str, Any]]] = {}
    for rows in standing.values():
        for row in rows.values():
            by_owner.setdefault(row["owner"], []).append(row)
    found = []
    for owner, rows_ in by_owner.items():
        open_ = [row for row in rows_ if row["state"] != "accepted"]
        itself = sum((row["rule"], row["cause"]) in automatic for row in open_)
        found.append(
            Owner(
                owner=owner,
                open=len(open_),
                acknowledged=sum(row["state"] == "acknowledged" for row in open_),
                accepted=len(rows_) - len(open_),
                needs_you=len(open_) - itself,
                repairs_itself=itself,
                oldest_at=min((row["since_at"] or row["opened_at"] for row in open_), default=None),
                money=_money(open_),
            )
        )
    return tuple(sorted(found, key=lambda row: (-row.needs_you, -row.open, row.owner)))


def _money(rows: Rows) -> dict[str, Decimal]:
    """Currency -> amount at risk. A thing that breaks several rules counts once, with its largest amount."""
    largest: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if row["amount"] is not None and row["currency"]:
            key = (row["currency"], row["entity_key"] or f"{row['rule']} {row['exception_key']}")
            largest[key] = max(largest.get(key, Decimal(0)), row["amount"])
    sums: dict[str, Decimal] = {}
    for (currency, _), amount in sorted(largest.items()):
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return {currency: amount for currency, amount in sums.items() if amount}


def _messages(ledger: Ledger) -> dict[str, dict[str, int]]:
    by = (messages.c.state, messages.c.kind)
    found: dict[str, dict[str, int]] = {}
    with ledger.read() as connection:
        for row in connection.execute(sa.select(*by, sa.func.count().label("n")).group_by(*by).order_by(*by)):
            kinds = found.setdefault("waiting" if row.state == "sending" else row.state, {})
            kinds[row.kind] = kinds.get(row.kind, 0) + int(row.n)
    return found


# --- showing ----------------------------------------------------------------------------------------------

_SYNC_HEAD = (
    "sync", "to", "mode", "keys", "verified", "waiting", "held", "refused", "dead", "let go", "adopted"
)  # fmt: skip
_OWNER_HEAD = ("needs you", "repairs itself", "accepted", "oldest", "money at risk")
_LANDED_FIELDS = ("system", "stream", "rows_in", "new", "changed", "same", "older", "set_aside", "standing")


def as_json(books: Books) -> str:
    """The books as JSON with stable keys; money as text, instants in UTC."""
    orders: dict[str, Any] = {
        "ingested": books.orders.ingested,
        **books.orders.classes,
        "unexplained": books.orders.unexplained,
        "reasons": books.orders.reasons,
    }
    if books.orders.each is not None:
        orders["each"] = {key: {"class": name, "reason": why} for key, name, why in books.orders.each}
    told = {
        "estate": books.estate,
        "at": books.at,
        "balanced": books.balanced,
        "built": books.is_built,
        "orders": orders,
        "syncs": [asdict(row) | {"states": row.states} for row in books.syncs],
        "landing": [asdict(row) | {"kept": row.kept} for row in books.landed],
        "shared": [asdict(row) for row in books.shared],
        "exceptions": [asdict(row) for row in books.exceptions],
        "money": books.money,
        "stops": [asdict(row) for row in books.stops],
        "messages": books.messages,
        "equations": [asdict(equation) | {"holds": equation.holds} for equation in books.equations],
    }
    return json.dumps(told, indent=2, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def as_text(books: Books) -> str:
    """The books for a terminal, in fewer than 25 lines."""
    word = "they balance" if books.balanced else "THEY DO NOT BALANCE"
    found = [f"Books of {books.estate} at {lines.minute(books.at)} UTC: {word}", *orders_lines(books)]
    found += _wrong(books)
    found += lines.columns([_SYNC_HEAD, *(_sync_cells(row) for row in books.syncs[:5])], right=range(3, 11))
    if books.landed:
        found.append(_landed_line(books))
    if books.shared:
        found.append(_shared_line(books))
    if books.exceptions:
        rows = [_owner_cells(row, books.at) for row in books.exceptions[:6]]
        found += lines.columns([("open with", *_OWNER_HEAD), *rows], right=(1, 2, 3))
    else:
        found.append("  no exception is open")
    found.append(_messages_line(books))
    found += _stop_lines(books)
    return "\n".join(lines.fitted(line) for line in found[:24])


def orders_lines(books: Books) -> list[str]:
    """The equation of the orders, and why those stand where they stand."""
    if not books.is_built:
        return ["  nothing was read yet, or the models were not built: run cogent tick"]
    orders = books.orders
    parts = [
        f"{lines.number(orders.classes[name])} {lines.words(name)}"
        for name in CLASSES
        if orders.classes.get(name)
    ]
    if books.foreign_orders:
        parts.append(f"{lines.number(books.foreign_orders)} foreign")
    found = [f"  {lines.number(orders.ingested)} orders ingested = {' + '.join(parts) or '0'}"]
    found += [
        f"    {lines.words(name)}: {lines.counts(orders.reasons[name])}"
        for name in ("held", "rejected", "waiting", "out_of_scope")
        if name in orders.reasons
    ]
    return found


def _wrong(books: Books) -> list[str]:
    """What does not add up, in words."""
    found = [
        f"  WRONG: {e.name}: {lines.number(e.left)} and {lines.number(e.right)}"
        for e in books.equations
        if not e.holds
    ]
    if books.orders.unexplained:
        found.append(f"  WRONG: {lines.number(books.orders.unexplained)} orders are in no class")
    return found[:4]


def _sync_cells(row: Sync) -> tuple[str, ...]:
    numbers = (
        row.keys, row.verified, row.waiting, sum(row.held.values()), sum(row.rejected.values()), row.dead,
        row.withdrawn + row.superseded, sum(row.adopted.values()),
    )  # fmt: skip
    return (row.sync, row.system or "-", row.mode, *(lines.number(n) for n in numbers))


def _landed_line(books: Books) -> str:
    rows = books.landed
    total = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("rows_in", "new", "changed", "same", "older", "set_aside")
    }
    parts = " + ".join(f"{lines.number(total[name])} {lines.words(name)}" for name in list(total)[1:])
    return f"  {len(rows)} feeds: {lines.number(total['rows_in'])} rows in = {parts}"


def _shared_line(books: Books) -> str:
    parts: dict[str, int] = {}
    for row in books.shared:
        parts[row.entity] = parts.get(row.entity, 0) + row.foreign
    return (
        f"  foreign rows, left alone: {lines.counts({name: n for name, n in parts.items() if n}) or 'none'}"
    )


def _owner_cells(row: Owner, now: datetime) -> tuple[str, ...]:
    oldest, money = lines.age(row.oldest_at, now), lines.amounts(row.money)
    numbers = (row.needs_you, row.repairs_itself, row.accepted)
    return (lines.printable(row.owner, 20), *(lines.number(n) for n in numbers), oldest, money or "-")


def _messages_line(books: Books) -> str:
    sent = books.messages.get("sent", {})
    text = f"  {lines.number(sum(sent.values()))} messages sent"
    if sent:
        text += f" ({lines.counts(sent)})"
    for state, word in (("waiting", "waiting"), ("dead", "UNDELIVERED")):
        if number := sum(books.messages.get(state, {}).values()):
            text += f", {lines.number(number)} {word}"
    return text


def _stop_lines(books: Books) -> list[str]:
    found = [
        f"  {stop.scope} is {'paused' if stop.kind == 'pause' else 'halted'} "
        f"since {lines.minute(stop.since)} by {lines.printable(stop.by, 30)}: {lines.printable(stop.reason)}"
        for stop in books.stops[:3]
    ]
    found += [
        f"  {row.sync}: {lines.number(number)} held by the brake {lines.words(brake)}; "
        f"cogent release {row.sync}"
        for row in books.syncs
        for brake, number in row.braked.items()
    ]
    return found or ["  nothing is paused or halted, no brake holds"]


def as_markdown(books: Books) -> str:
    """The day on one page, for the Dagster UI."""
    word = "balance" if books.balanced else "**do not balance**"
    parts = [f"Books of **{_cell(books.estate)}** at {lines.minute(books.at)} UTC: they {word}.", ""]
    if not books.is_built:
        return "\n".join([*parts, "The models have not been built yet."])
    orders = books.orders
    rows = [
        (lines.words(name), orders.classes.get(name, 0), lines.counts(orders.reasons.get(name, {})))
        for name in CLASSES
    ]
    parts += [
        f"### {lines.number(orders.ingested)} orders ingested",
        *_table(("class", "orders", "why"), rows),
    ]
    parts += [_cell(line.strip()) for line in _wrong(books)]
    parts += ["", "### Syncs", *_table(_SYNC_HEAD, [_sync_cells(row) for row in books.syncs])]
    owners = [_owner_cells(row, books.at) for row in books.exceptions]
    parts += ["", "### Open exceptions", *(_table(("owner", *_OWNER_HEAD), owners) if owners else ["None."])]
    landed = [
        (*(getattr(row, name) for name in _LANDED_FIELDS), lines.minute(row.complete_at))
        for row in books.landed
    ]
    if books.shared:
        shared = [tuple(asdict(row).values()) for row in books.shared]
        parts += ["", "### Foreign rows", *_table(("system", "of", "read", "ours", "foreign"), shared)]
    head = (*(lines.words(name) for name in _LANDED_FIELDS), "last read whole")
    parts += ["", "### Landed", *_table(head, landed)]
    parts += ["", *(_cell(line.strip()) for line in (_messages_line(books), *_stop_lines(books)))]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    body = ["| " + " | ".join(_cell(str(value)) for value in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *body]


def _cell(text: str) -> str:
    """Text that Markdown shows as it is."""
    return lines.printable(text, 300).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
