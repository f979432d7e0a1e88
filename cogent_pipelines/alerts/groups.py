"""What an alert is about: all open exceptions of one cause of one rule, and what was said of it before.

Belongs here: the frozen records that the other files of this folder hand each other.
Does not belong here: when to speak (``decide``), in which words (``render``), to whom (``routing``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

Kind = Literal["opened", "escalated", "reminder", "cleared"]
Severity = Literal["info", "warning", "error", "critical"]

KEYS_SHOWN = 10
"""How many keys a message names; the asset's page has the rest."""


@dataclass(frozen=True, slots=True)
class Group:
    """The exceptions of one (rule, cause) as they stand. ``keys`` are ids of ours, never a person's data."""

    rule: str
    cause: str
    severity: str
    owner: str
    count: int
    """Standing rows; 0 when all have closed."""
    oldest_at: datetime | None
    """When the oldest standing row was opened."""
    money: tuple[tuple[str, Decimal], ...] = ()
    """(currency, amount) of the standing rows, one per currency."""
    keys: tuple[str, ...] = ()
    when_broken: str = ""
    first_step: str = ""
    repair: str = "person"
    """``automatic`` or ``person``."""
    url: str = ""
    """The page of the rule's asset in the Dagster UI, where there is one."""
    closed_at: datetime | None = None
    """When the last row closed, if none stands."""
    is_taken: bool = False
    """Every standing row was acknowledged by somebody: no reminder, no escalation."""
    accepted: int = 0
    """Rows that somebody decided to live with for a while; they are not standing."""
    accepted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """One message of the same (rule, cause), as it was decided: whether it arrived is another question."""

    kind: str
    at: datetime
    incident: int


@dataclass(frozen=True, slots=True)
class Say:
    """A message to be made: the kind, and which incident of its (rule, cause) it belongs to."""

    kind: Kind
    incident: int
    number: int = 0
    """Tells the reminders of one incident apart."""


@dataclass(frozen=True, slots=True)
class Text:
    """One message in the three ways sinks need it."""

    title: str
    plain: str
    slack: str
    markdown: str
    html: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message to one destination in this call."""

    rule: str
    cause: str
    kind: str
    owner: str
    destination: str
    """The environment variable that holds the address; the address itself is a secret."""
    state: Literal["sent", "waiting", "dead"]
    reason: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a destination made of one message. ``reason`` never holds a part of the address."""

    is_sent: bool
    reason: str = ""
    cause: Literal["", "address_missing", "address_unusable", "not_delivered"] = ""
    is_refused: bool = False
    """It answered, and did not want this text (rather than: could not be reached, or asked us to wait)."""
