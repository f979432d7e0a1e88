"""When the warehouse works: opening hours by facility, and arithmetic in working minutes.

Belongs here: hours and days. Does not belong here: what is done in them (``pickers``).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
HOURS = {"LEEDS": (7, 19), "YORK": (8, 18)}  # Monday to Friday, local time
OTHER_HOURS = (8, 18)
WEEKEND = 5


def opening(code: str, at: datetime) -> tuple[datetime, datetime] | None:
    """Give the opening and closing instants of the local day of ``at``; None at weekends."""
    local = at.astimezone(LONDON)
    if local.weekday() >= WEEKEND:
        return None
    opens, closes = HOURS.get(code, OTHER_HOURS)
    day = local.date()
    return (
        datetime.combine(day, time(opens), LONDON).astimezone(UTC),
        datetime.combine(day, time(closes), LONDON).astimezone(UTC),
    )


def is_open(code: str, at: datetime) -> bool:
    """Say whether a facility works at an instant."""
    hours = opening(code, at)
    return hours is not None and hours[0] <= at < hours[1]


def next_open(code: str, at: datetime) -> datetime:
    """Give ``at`` if the facility works then, else when it next opens."""
    for _ in range(10):
        hours = opening(code, at)
        if hours is not None and at < hours[1]:
            return max(at, hours[0])
        local = at.astimezone(LONDON)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(0), LONDON)
        at = midnight.astimezone(UTC)
    raise AssertionError("a week always has working days")


def working_after(code: str, at: datetime, minutes: float) -> datetime:
    """Give the instant when the facility has worked ``minutes`` more."""
    left = timedelta(minutes=minutes)
    at = next_open(code, at)
    while True:
        hours = opening(code, at)
        if hours is not None and at + left < hours[1]:
            return at + left
        if hours is not None:
            left -= hours[1] - at
            at = hours[1]
        at = next_open(code, at)
