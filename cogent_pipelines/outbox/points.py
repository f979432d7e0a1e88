"""Named places in the delivery of a promise where a process may die, for tests that kill it there.

Belongs here: the names and the one hook.
Does not belong here: anything that acts on them; in production ``reach`` calls nothing.

Of the crash points listed in docs/reliability, landing's, the login's and the alert's are in their own
modules; ``during schema migration`` is passed to ``ledger.open``.
"""

from __future__ import annotations

from collections.abc import Callable

PLANNED = "after planning, before it is written"
CLAIMED = "after claim, before look-up"
LOOKED = "after look-up, before intent"
INTENT = "after intent, before send"
BETWEEN = "between two members of a batch"
SENT = "after send, before receipt"
RECEIPT = "after receipt, before read-back"
READ_BACK = "after read-back, before close"
CLOSED = "after close"

POINTS = (PLANNED, CLAIMED, LOOKED, INTENT, BETWEEN, SENT, RECEIPT, READ_BACK, CLOSED)

_hook: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that the process stands at ``point``."""
    if _hook is not None:
        _hook(point)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` at every point from now on, in this process; None disarms."""
    global _hook  # noqa: PLW0603  one hook per process is the point
    _hook = hook
