"""When to speak: from how a cause stands and what was said of it, whether a message is due.

Belongs here: one pure function and the few spans it works with.
Does not belong here: reading the ledger, words, addresses, sending.

An *incident* begins with ``opened`` and ends with ``cleared``; between them there is at most one
``escalated``, and a ``reminder`` each interval. A cause that comes back before it has been quiet for a
while is the same incident still. The while doubles with each incident of the last day, so that a cause
that flaps all day says fifteen things and not a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cogent_pipelines.alerts.groups import Group, Past, Say

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = timedelta(days=1)
MOST_DOUBLINGS = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """The estate's spans: how long quiet means cleared, when to escalate, how often to remind."""

    quiet: timedelta = timedelta(minutes=15)
    escalate_after: timedelta | None = None
    remind_after: timedelta | None = timedelta(days=1)


def decide(group: Group, past: Sequence[Past], patience: Patience, now: datetime) -> Say | None:
    """Give the message due now about ``group``, or None.

    ``past`` holds the last day's messages at least, and the whole of an incident that has not been cleared;
    their order does not matter.
    """
    said = sorted(past, key=lambda p: (p.incident, p.at))
    latest = said[-1].incident if said else 0
    if not is_open(said):
        return Say("opened", latest + 1) if group.count else None
    incident = [p for p in said if p.incident == latest]
    if not group.count:
        since = group.closed_at or max(p.at for p in incident)
        return Say("cleared", latest) if now - since >= _hold(said, patience, now) else None
    if group.is_taken or group.severity == "info":
        return None
    opened_at = min(p.at for p in incident)
    oldest = group.oldest_at or opened_at
    is_escalated = any(p.kind == "escalated" for p in incident)
    # A row older than the incident was known to us in an earlier one: its owner has had no time since then.
    waited = now - max(oldest, opened_at)
    if patience.escalate_after is not None and not is_escalated and waited >= patience.escalate_after:
        return Say("escalated", latest)
    spoke_at = max(p.at for p in incident)
    if patience.remind_after is not None and now - spoke_at >= patience.remind_after:
        return Say("reminder", latest, 1 + sum(p.kind == "reminder" for p in incident))
    return None


def is_open(past: Sequence[Past]) -> bool:
    """Whether the latest incident has not been declared over."""
    latest = max((p.incident for p in past), default=0)
    return latest > 0 and all(p.kind != "cleared" for p in past if p.incident == latest)


def _hold(said: Sequence[Past], patience: Patience, now: datetime) -> timedelta:
    """How long a cause must have been quiet before it counts as cleared."""
    earlier = sum(1 for p in said if p.kind == "cleared" and now - p.at < DAY)
    return patience.quiet * (1 << min(earlier, MOST_DOUBLINGS))
