"""Now, sleep and the as-of: the only place in the project that reads the time.

Belongs here: turning wall time into the estate's time, and waiting in it.
Does not belong here: windows, deadlines and opening hours (``estate`` holds them, models apply them).

A live estate runs on the wall clock (speed 1). A sandbox estate shares ``at`` and ``speed`` with the
sandbox process, so limits, token lives, waits and windows all pass in the same time.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ENVIRONMENT = "COGENT_CLOCK"


@dataclass(frozen=True, slots=True)
class Clock:
    """Time that read ``at`` when the wall read ``wall`` (epoch seconds) and has run at ``speed`` since."""

    at: datetime
    wall: float
    speed: float = 1.0

    def now(self) -> datetime:
        """The instant it is now, in UTC."""
        return self.at + timedelta(seconds=(time.time() - self.wall) * self.speed)


def _from_environment() -> Clock:
    text = os.environ.get(ENVIRONMENT)
    if not text:
        return Clock(datetime.fromtimestamp(0, UTC), 0.0)
    at, wall, speed = text.split("|")
    return Clock(datetime.fromisoformat(at), float(wall), float(speed))


_clock = _from_environment()


def use(clock: Clock) -> None:
    """Make ``clock`` this process's time, and that of the processes it starts."""
    global _clock  # noqa: PLW0603  one clock per process is the point
    _clock = clock
    os.environ[ENVIRONMENT] = f"{clock.at.isoformat()}|{clock.wall!r}|{clock.speed!r}"


def use_wall() -> None:
    """Go back to the wall clock."""
    global _clock  # noqa: PLW0603
    os.environ.pop(ENVIRONMENT, None)
    _clock = _from_environment()


def now() -> datetime:
    """The instant it is now, in UTC."""
    return _clock.now()


def speed() -> float:
    """How many seconds pass here while one passes on the wall."""
    return _clock.speed


async def sleep(seconds: float) -> None:
    """Wait ``seconds`` of this clock's time."""
    await asyncio.sleep(max(seconds, 0.0) / _clock.speed)


def block(seconds: float) -> None:
    """Wait ``seconds`` of this clock's time in a thread that has no event loop."""
    time.sleep(max(seconds, 0.0) / _clock.speed)
