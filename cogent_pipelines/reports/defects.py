"""Planted defects held against the exceptions in the ledger: found, missed, false.

Belongs here: matching what the planter says it did with what the rules said, by names.
Does not belong here: what is lost or doubled (``verdict``), what a rule means (dbt).

A planted defect is found when its rule ever opened an exception that goes by one of its names. An exception
is explained by a defect of its rule (or of a rule the planter names beside it), or by an injected fault it
met. One that is not is false, and so is one that only a near-miss explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import messages
from cogent_pipelines.reports.names import plain

Row = Mapping[str, Any]

BY_NAME = (
    "order",
    "other",
    "shipment",
    "tracking",
    "warehouse_order",
    "number",
    "sku",
    "was",
    "component",
    "refund",
    "record",
    "value",
    "flow",
)
"""Keys of the planter that name one thing."""
REPAIRED = "repaired"
"""What the planter says of a thing that a working integration puts right by itself."""
SLACK = timedelta(hours=3)
"""How long after a thing is over an exception about its whole system may still open."""
LONG = 6
"""Names so long are also looked for inside an exception's key."""
NEVER = frozenset({"no_store_or_reading_was_lost"})
"""What nobody plants: any exception of it is false."""
OUTAGES = frozenset({"every_feed_is_up_to_date", "every_credential_is_valid"})
"""Families that take a whole system away; what its orders and parcels then suffer follows from it."""
OWN_FAULTS = frozenset(
    {"every_change_was_carried_out", "every_feed_is_up_to_date", "every_credential_is_valid"}
)
"""Rules about our own work: an injected fault is what they are for."""
ANSWERED = frozenset({"rejected"})
"""Causes that are a system's answer: no fault on the way explains them."""
LASTING = frozenset({"every_change_was_carried_out", "no_cancelled_order_is_being_picked"})
"""Rules about what stays as it became while a system was away: a parcel that left, a promise that was given up."""
CATCHING_UP = 2
"""After so many whole readings of a system that was away, what its absence held up is right again."""
SLOWED = frozenset(
    {
        "every_warehouse_cancellation_reached_the_channel",
        "every_paid_order_reached_a_warehouse",
        "every_shipment_reached_the_channel",
        "every_change_was_stored_as_sent",
        "channel_stock_equals_what_is_available",
        "no_bundle_outsells_its_components",
        "no_sku_is_oversold",
        "no_cancelled_order_is_being_picked",
    }
)
"""Rules that a fault on the way can break for a while."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One family's numbers."""

    planted: int = 0
    found: int = 0
    repaired: int = 0
    missed: int = 0
    early: int = 0
    near_misses: int = 0
    false: int = 0
    exceptions: int = 0

    @property
    def recall(self) -> float | None:
        """Found of those due; None when none was due."""
        return self.found / (self.found + self.missed) if self.found + self.missed else None

    @property
    def precision(self) -> float | None:
        """Explained of all exceptions; None when there was none."""
        return (self.exceptions - self.false) / self.exceptions if self.exceptions else None


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of everything that was planted, and of every exception."""

    planted: tuple[Row, ...] = ()
    found: tuple[Row, ...] = ()
    repaired: tuple[Row, ...] = ()
    """Put right by us before it was due to be found: what a working integration does with it."""
    missed: tuple[Row, ...] = ()
    early: tuple[Row, ...] = ()
    """Not found, and not due either before the end."""
    false: tuple[Row, ...] = ()
    near_misses: int = 0
    waiting: int = 0
    abandoned: int = 0
    families: Mapping[str, Tally] = field(default_factory=dict)
    planted_names: frozenset[str] = frozenset()

    @property
    def due(self) -> tuple[Row, ...]:
        """What had to be found."""
        return (*self.found, *self.missed)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the exceptions are held against."""

    named: Mapping[int, frozenset[str]]
    """Exception id -> the names it goes by."""
    troubled: Mapping[str, datetime]
    """Name of what met a fault on its way -> when it first did."""
    mended: Mapping[str, datetime]
    """SKU -> when we last put one of its levels right, and saw it."""
    readings: Mapping[str, Sequence[datetime]]
    """System -> when the feed of it that is read most often was read whole, oldest first."""
    at: datetime
    """When the days ended."""
    looked_at: datetime
    """When the rules were last judged: a look takes its time, and what is due after the last one nobody could find."""
    has_faults: bool


def match(listing: Row, rows: Sequence[Row], known: Evidence) -> Matched:
    """Match the sandbox's listing with every exception there ever was."""
    every: list[Row] = list(listing.get("defects", ()))
    planted = [one for one in every if not one["is_near_miss"]]
    near = [one for one in every if one["is_near_miss"]]
    by_rule: dict[str, list[Row]] = {}
    for row in rows:
        by_rule.setdefault(row["rule"], []).append(row)
    found, repaired, missed, early = [], [], [], []
    for one in planted:
        hits = [row for row in by_rule.get(one["family"], ()) if _is_about(one, row, known)]
        told = _told(one) | {"exceptions": [row["exception_key"] for row in hits[:5]]}
        if hits:
            found.append(told)
        elif one["repair"] == REPAIRED and _is_mended(one, known):
            repaired.append(told)
        elif datetime.fromisoformat(one["expected_by"]) > known.looked_at:
            early.append(told)
        else:
            missed.append(told)
    false = []
    families = {*listing.get("families", {}), *(one["family"] for one in every)}
    judged = families | NEVER | set(listing.get("nowhere", ()))
    for row in rows:
        if row["rule"] not in judged:
            continue
        why = _why(row, planted, known) or _beside(row, near, known)
        if not why:
            miss = next(
                (one for one in near if one["family"] == row["rule"] and _is_about(one, row, known)), None
            )
            false.append(_false(row, miss))
    matched = Matched(
        planted=tuple(_told(one) for one in planted),
        found=tuple(found),
        repaired=tuple(repaired),
        missed=tuple(missed),
        early=tuple(early),
        false=tuple(false),
        near_misses=len(near),
        waiting=len(listing.get("waiting", ())),
        abandoned=len(listing.get("abandoned", ())),
        planted_names=frozenset(plain(str(value)) for one in planted for value in one["keys"].values()),
    )
    tallies = {name: _tally(name, matched, near, len(by_rule.get(name, ()))) for name in sorted(families)}
    return replace(matched, families=tallies)


def _is_mended(one: Row, known: Evidence) -> bool:
    """Whether we put the thing right after it was planted."""
    begun = datetime.fromisoformat(one["since_at"])
    names = [plain(str(value)) for value in one["keys"].values()]
    return any(known.mended[name] >= begun for name in names if name in known.mended)


def _is_about(one: Row, row: Row, known: Evidence) -> bool:
    """Whether an exception goes by one of a planted thing's names; of a whole system's, also by its time."""
    keys: Mapping[str, str] = one["keys"]
    wanted = [plain(str(keys[name])) for name in BY_NAME if keys.get(name)]
    if wanted:
        text, names = plain(row["exception_key"]), known.named[row["exception_id"]]
        return any(name in names or (len(name) >= LONG and name in text) for name in wanted)
    return keys.get("system", one["system"]) == row["system"] and _opened_by(one, row)


def _opened_by(one: Row, row: Row) -> bool:
    """Whether an exception opened while a planted thing stood, or soon after it."""
    begun = datetime.fromisoformat(one["since_at"])
    ended = datetime.fromisoformat(one.get("expected_by") or one["since_at"])
    return bool(begun <= row["opened_at"] <= ended + SLACK)


def _why(row: Row, causes: Sequence[Row], known: Evidence) -> str:
    """What explains an exception; "" when nothing does."""
    for one in causes:
        if row["rule"] in (one["family"], *one.get("also", ())) and _is_about(one, row, known):
            return str(one["mechanism"])
    if row["rule"] in OWN_FAULTS | SLOWED and row["cause"] not in ANSWERED:
        if any(_followed(one, row, known) for one in causes if one["family"] in OUTAGES):
            return "a planted outage"
        names = (known.named[row["exception_id"]] | {plain(row["exception_key"])}) & set(known.troubled)
        if known.has_faults and any(known.troubled[name] <= row["opened_at"] for name in names):
            return "an injected fault"
    return ""


def _followed(outage: Row, row: Row, known: Evidence) -> bool:
    """Whether an exception is what a system's absence left behind: opened from its beginning on, and right again since.

    What it held up goes with the first whole reading after it, or where the world moved meanwhile with the second.
    """
    begun, ended = (datetime.fromisoformat(outage[name]) for name in ("since_at", "until_at"))
    readings = [at for at in known.readings.get(outage["system"], ()) if at > ended]
    over = readings[CATCHING_UP] if len(readings) > CATCHING_UP else known.at
    is_over = row["state"] == "closed" or row["rule"] in LASTING
    return bool(is_over and begun <= row["opened_at"] <= over)


def _beside(row: Row, near: Sequence[Row], known: Evidence) -> str:
    """A thing that is no fault by one rule may be one by another, which the planter then names."""
    for one in near:
        if row["rule"] in one.get("also", ()) and _is_about(one, row, known):
            return str(one["mechanism"])
    return ""


def _told(one: Row) -> dict[str, Any]:
    return {
        name: one[name]
        for name in ("id", "family", "mechanism", "system", "keys", "planted_at", "expected_by")
    }


def _false(row: Row, miss: Row | None) -> dict[str, Any]:
    told = {name: row[name] for name in ("rule", "exception_key", "cause", "state", "detail")}
    opened = row["opened_at"].isoformat()
    return told | {"opened_at": opened, "near_miss": f"{miss['id']} {miss['mechanism']}" if miss else ""}


def _tally(name: str, matched: Matched, near: Sequence[Row], exceptions: int) -> Tally:
    def of(rows: Sequence[Row], key: str = "family") -> int:
        return sum(row[key] == name for row in rows)

    return Tally(
        planted=of(matched.planted),
        found=of(matched.found),
        repaired=of(matched.repaired),
        missed=of(matched.missed),
        early=of(matched.early),
        near_misses=of(near),
        false=of(matched.false, "rule"),
        exceptions=exceptions,
    )


def as_dict(matched: Matched) -> dict[str, Any]:
    """The lists and the numbers, for ``defects.json``."""
    return {
        "planted": list(matched.planted),
        "found": list(matched.found),
        "repaired": list(matched.repaired),
        "missed": list(matched.missed),
        "false": list(matched.false),
        "early": list(matched.early),
        "waiting": matched.waiting,
        "abandoned": matched.abandoned,
        "near_misses": matched.near_misses,
        "families": {
            name: asdict(tally) | {"recall": tally.recall, "precision": tally.precision}
            for name, tally in matched.families.items()
        },
    }


def announced(ledger: Ledger) -> set[tuple[str, str]]:
    """(rule, cause) pairs that an ``opened`` message was queued for."""
    query = sa.select(messages.c.rule, messages.c.cause).where(messages.c.kind == "opened").distinct()
    with ledger.read() as connection:
        return {(row.rule, row.cause) for row in connection.execute(query)}
