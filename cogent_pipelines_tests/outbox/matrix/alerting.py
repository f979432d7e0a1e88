"""The alert as one more outbound operation of the matrix: exceptions that stand, and an inbox.

Belongs here: our process telling owners, the inbox, and its judge.
Does not belong here: the alert's words or routes (their own tests have those), crashes of the other syncs.

An inbox cannot be asked what it has. So one repeat is allowed where a process died, or an answer was lost,
between sending and recording; it is counted as flagged. A loss, or any other repeat, is a fault.
"""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from cogent_pipelines import clock
from cogent_pipelines.alerts import send, sinks
from cogent_pipelines.alerts.groups import Outcome, Text
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import exceptions, messages
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines_tests.outbox.matrix import wire

POINTS = ("alert queued, not claimed", "alert claimed, not sent", "alert sent, not recorded")
ANSWERS = ("ok", "rate_limited", "unavailable", "reset_before_send", "reset_after_effect", "half_body")
WITH_EFFECT = frozenset({"ok", "reset_after_effect", "half_body"})
THINGS = 3
TICK = timedelta(hours=3)
ESTATE: dict[str, Any] = {
    "name": "matrix",
    "sandbox": True,
    "time_zone": "Europe/London",
    "systems": {},
    "truth": {},
    "facilities": {},
    "cadence": {},
    "owners": {"operations": {"destinations": ["MATRIX_INBOX"]}},
}


@dataclass(frozen=True, slots=True)
class Words:
    """What the catalogue would say of a rule."""

    when_broken: str
    first_step: str = "Look at it"

    def repair_of(self, cause: str) -> str:
        """A person's, whatever the cause."""
        del cause
        return "person"


WORDS = {f"rule_{n}": Words(f"Matrix fault {n}") for n in range(THINGS)}


def estate() -> Estate:
    """An estate of one owner with one inbox, and no systems."""
    return msgspec.convert(ESTATE, Estate)


def tick(book: Ledger, retailer: Estate, line: socket.socket, crash: Any) -> bool:
    """Three faults stand; tell their owner. True when nothing is left to be sent."""

    def through_the_wire(variable: str, text: Text, **more: object) -> Outcome:
        is_sent = wire.ask(line, "alert", variable, text.title)
        return Outcome(True) if is_sent else Outcome(False, "it could not be reached", "not_delivered")

    sinks.deliver = through_the_wire  # type: ignore[assignment]
    found = [
        exceptions.Finding(f"rule_{n}", "fail", "operations", "error", [exceptions.Found("k", "cause")])
        for n in range(THINGS)
    ]
    exceptions.apply(book, found)
    send.send_due(book, retailer, WORDS, now=clock.now(), remind_after=None, crash=crash)
    return messages.due(book, clock.now() + timedelta(days=2)) == 0


class Inbox:
    """What arrived. Its first answer goes wrong as the case says."""

    def __init__(self, answer: str) -> None:
        self.arrived: Counter[str] = Counter()
        self._answer = answer

    def take(self, title: str) -> bool:
        """Take one message; whether the sender hears that it was taken."""
        answer, self._answer = self._answer, "ok"
        if answer in WITH_EFFECT:
            self.arrived[title.removesuffix(" (perhaps a repeat)")] += 1
        return answer == "ok"

    def judge(self, *, may_repeat: bool) -> dict[str, int]:
        """What is lost and doubled, and the repeats that no protocol can prevent."""
        own = {title: n for title, n in self.arrived.items() if "Matrix fault" in title}
        repeats = sum(n - 1 for n in own.values())
        lost = THINGS - len(own)
        return {
            "lost": lost,
            "doubled": max(repeats - (1 if may_repeat else 0), 0),
            "flagged": min(repeats, 1) if may_repeat else 0,
        }
