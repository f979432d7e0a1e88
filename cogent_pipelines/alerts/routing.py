"""To whom: which of the estate's owners hear a message, and who hears that one of them cannot be reached.

Belongs here: owners, escalation, and the names of the environment variables that hold their addresses.
Does not belong here: addresses and what they are sent with (``sinks``), when to speak (``decide``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogent_pipelines.estate import Estate


def destinations(estate: Estate, owner: str) -> tuple[str, ...]:
    """The environment variables with an owner's addresses; an owner nobody declared has none."""
    part = estate.owners.get(owner)
    return part.destinations if part is not None else ()


def listeners(estate: Estate, owner: str, kind: str, *, was_escalated: bool = False) -> tuple[str, ...]:
    """Where a message goes: an escalation up, everything else to the owner, the all-clear to both."""
    part = estate.owners.get(owner)
    above = destinations(estate, part.escalate_to) if part is not None and part.escalate_to else ()
    if kind == "escalated":
        return above
    own = destinations(estate, owner)
    if not own:
        own = destinations(estate, stand_in(estate, owner, ()))
    return tuple(dict.fromkeys((*own, *above))) if kind == "cleared" and was_escalated else own


def stand_in(estate: Estate, owner: str, dead: tuple[str, ...]) -> str:
    """Who hears that an owner cannot be reached: those above, else anybody with another address; or ""."""
    seen = {owner}
    part = estate.owners.get(owner)
    while part is not None and part.escalate_to and part.escalate_to not in seen:
        name = part.escalate_to
        if any(each not in dead for each in destinations(estate, name)):
            return name
        seen.add(name)
        part = estate.owners.get(name)
    for name, each in estate.owners.items():
        if name not in seen and any(d not in dead for d in each.destinations):
            return name
    return ""
