"""What is due and may be acted on now, and what is due and may not, with the reason.

Belongs here: the estate's modes, pauses and halts laid beside what the ledger says is due.
Does not belong here: the work itself (``deliver``, ``verify``), or brakes, which hold before anything is due (``plan``).

Whoever starts a run asks here first: a run for what is paused would be a run for nothing, every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from cogent_pipelines import clock
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import controls, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.promises import Due


@dataclass(frozen=True, slots=True)
class Allowed:
    """Of what is due: what may be acted on, and ``sync -> system`` with why not for the rest."""

    due: Sequence[Due] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(system, sync) of what is allowed."""
        return [(one.system, one.sync) for one in self.due]


WhyNot = Callable[[Due, controls.Stops], str]
"""Why something due may not be acted on; empty when it may."""


def to_send(ledger: Ledger, estate: Estate, systems: Container[str]) -> Allowed:
    """What may be sent now to ``systems``: of syncs that are live, and neither paused nor halted."""

    def why_not(one: Due, stops: controls.Stops) -> str:
        part = estate.syncs.get(one.sync)
        if part is None or part.mode != "live":
            return f"mode {part.mode}" if part else "not named in the estate"
        needed = [one.system, *([part.route[0]] if part.via else [])]
        for system in needed:
            if stops.stop(one.sync, system):
                return "halted" if system in stops.halted else "paused"
        return "" if all(system in systems for system in needed) else "no client"

    return _judged(ledger, [one for one in promises.due(ledger, clock.now()) if one.to_send], why_not)


def to_look_at(ledger: Ledger, estate: Estate, systems: Container[str]) -> Allowed:
    """What may be looked at now. Also in mode ``shadow``, ``off`` or paused: what was sent must be settled."""

    def why_not(one: Due, stops: controls.Stops) -> str:
        if one.system not in estate.systems:
            return "not in the estate"
        if one.system in stops.halted:
            return "halted"
        part = estate.syncs.get(one.sync)
        needed = [one.system, *([part.route[0]] if part is not None and part.via else [])]
        return "" if all(system in systems for system in needed) else "no client"

    return _judged(ledger, [one for one in promises.due(ledger, clock.now()) if one.to_look_at], why_not)


def to_probe(ledger: Ledger, systems: Container[str]) -> list[str]:
    """Halted systems whose time has come to be tried again."""
    return [name for name in controls.to_probe(ledger, clock.now()) if name in systems]


def count(ledger: Ledger, estate: Estate) -> int:
    """How many things a run started now would have to do: sends, looks and probes."""
    systems = estate.systems
    sends = sum(one.to_send for one in to_send(ledger, estate, systems).due)
    looks = sum(one.to_look_at for one in to_look_at(ledger, estate, systems).due)
    return sends + looks + len(to_probe(ledger, systems))


def _judged(ledger: Ledger, found: Sequence[Due], why_not: WhyNot) -> Allowed:
    """What is due, judged one by one. The ledger is asked for its stops only when something is due."""
    if not found:
        return Allowed()
    stops = controls.stops(ledger)
    reasons = [why_not(one, stops) for one in found]
    return Allowed(
        [one for one, reason in zip(found, reasons, strict=True) if not reason],
        {f"{one.sync} -> {one.system}": reason for one, reason in zip(found, reasons, strict=True) if reason},
    )
