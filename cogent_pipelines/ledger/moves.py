"""Which change of a promise's state is legal; anything else is a fault of ours and raises.

Belongs here: the table of states and the check against it.
Does not belong here: who asks for a move and why (``outbox``).

    waiting     to be delivered when due
    held        wanted, but something must be mended first
    claimed     one worker has it, nothing sent yet
    sent        an intent is written: perhaps it is at the target
    rejected    the target said never
    dead        tried as often as is sensible
    verified    the target, read back, says so
    adopted     there, or older than ``from``, before we ever sent
    withdrawn   no longer wanted and not there
    superseded  a newer wanting took its place
"""

from __future__ import annotations

LEGAL: dict[str, frozenset[str]] = {
    "waiting": frozenset({"claimed", "held", "withdrawn", "superseded"}),
    "held": frozenset({"waiting", "withdrawn", "superseded"}),
    "claimed": frozenset(
        {
            "claimed",
            "sent",
            "waiting",
            "held",
            "withdrawn",
            "superseded",
            "rejected",
            "dead",
            "adopted",
            "verified",
        }
    ),
    "sent": frozenset({"sent", "waiting", "verified", "rejected", "dead", "withdrawn", "superseded"}),
    "rejected": frozenset({"waiting", "held", "withdrawn", "superseded"}),
    "dead": frozenset({"waiting", "withdrawn", "superseded"}),
    "verified": frozenset(),
    "withdrawn": frozenset(),
    "adopted": frozenset(),
    "superseded": frozenset(),
}
"""From -> to. The last four are final."""

FIRST = frozenset({"waiting", "held"})
"""States a new generation may begin in."""


class IllegalMoveError(AssertionError):
    """A promise was about to change in a way that no reading of the design allows."""


def check(before: str, after: str, *, effect: str = "none") -> None:
    """Raise ``IllegalMoveError`` unless a promise may go from ``before`` to ``after``.

    ``effect`` is what the target may hold of it: what is perhaps there is neither replaced nor adopted.
    """
    if after not in LEGAL.get(before, frozenset()):
        raise IllegalMoveError(f"a promise cannot go from {before} to {after}")
    if after == "adopted" and effect != "none":
        raise IllegalMoveError("what we may have sent ourselves cannot be adopted")
    if after in ("superseded", "withdrawn") and effect != "none" and before not in ("sent", "claimed"):
        raise IllegalMoveError(f"a {before} promise that may be at the target cannot be {after} unseen")
    if after == "held" and effect != "none":
        raise IllegalMoveError("what may be at the target cannot be held back any more")


def check_first(state: str) -> None:
    """Raise ``IllegalMoveError`` unless a new generation may begin as ``state``."""
    if state not in FIRST:
        raise IllegalMoveError(f"a promise cannot begin as {state}")
