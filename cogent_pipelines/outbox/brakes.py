"""How much one plan may do before a person must look: the blast-radius brakes.

Belongs here: measuring a plan against the estate's brakes, as pure functions.
Does not belong here: holding and releasing (``plan``, ``ledger.controls``).

A share is only taken of ten rows or more: half of a shop of four SKUs is not a disaster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cogent_pipelines.estate import Brake, span
from cogent_pipelines.outbox.wanted import Row

LEAST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Tripped:
    """One brake that a plan is past."""

    name: str
    measured: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.name}: {self.measured}, at most {self.allowed}"


@dataclass(frozen=True, slots=True)
class Levels:
    """What a channel has: SKUs with a level, and those of them above zero."""

    skus: int
    above_zero: int


def measure(
    brake: Brake, rows: Sequence[Row], levels: Mapping[str, Levels], now: datetime
) -> dict[str, Tripped]:
    """Target system -> the first brake that sending ``rows`` there would be past."""
    systems: dict[str, list[Row]] = {}
    for row in rows:
        systems.setdefault(row.system, []).append(row)
    tripped = {
        system: _measure(brake, part, levels.get(system, Levels(0, 0)), now)
        for system, part in systems.items()
    }
    return {system: found for system, found in tripped.items() if found}


def _measure(brake: Brake, rows: Sequence[Row], levels: Levels, now: datetime) -> Tripped | None:
    for act, name, most in (
        ("create", "orders_per_tick", brake.orders_per_tick),
        ("cancel", "cancellations_per_tick", brake.cancellations_per_tick),
    ):
        number = sum(row.act == act for row in rows)
        if most is not None and number > most:
            return Tripped(name, str(number), str(most))
    changes = [row for row in rows if row.act in ("set", "activate")]
    falling = [row for row in changes if _is_falling_to_zero(row)]
    for name, number, total, share in (
        ("share_of_skus_changed", len(changes), levels.skus, brake.share_of_skus_changed),
        ("share_falling_to_zero", len(falling), levels.above_zero, brake.share_falling_to_zero),
    ):
        if share is not None and number >= LEAST_ROWS and number > share * max(total, number):
            return Tripped(name, f"{number} of {max(total, number)}", f"{share:.0%}")
    if brake.oldest_parcel_to_notify is not None:
        oldest = now - span(brake.oldest_parcel_to_notify)
        late = sum(1 for row in rows if _would_notify(row) and _despatched(row, now) < oldest)
        if late:
            return Tripped(
                "oldest_parcel_to_notify", f"{late} parcels are older", brake.oldest_parcel_to_notify
            )
    return None


def _is_falling_to_zero(row: Row) -> bool:
    first = row.fields.get("change_from")
    return int(row.fields.get("quantity") or 0) <= 0 and (first is None or int(first) > 0)


def _would_notify(row: Row) -> bool:
    return row.act == "notify" or bool(row.fields.get("notify"))


def _despatched(row: Row, now: datetime) -> datetime:
    at: datetime | None = row.fields.get("despatched_at") or row.since_at
    return at or now
