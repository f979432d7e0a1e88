"""An account or a pair of the tests in time that leaps: requests take their time side by side, and nobody waits for it.

Belongs here: the loop, the way into the sandbox, and the series of what its edges let through and turned away.
Does not belong here: what is done in that time (``p5``), or a vendor's name.

The tests' own time passes one request after the other; here as many are under way as the client sends. What happens
depends on no machine: the same run gives the same figures.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from common import ROOT

sys.path.insert(0, str(ROOT))

from cogent_pipelines import clock
from cogent_pipelines.connect import limits
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import START, TIME, Retailer

LATENCY = 0.2
"""Seconds that a request takes, half of them on its way in; each half is drawn from half to once and a half of it."""
LEAST = 1e-6
"""What the tests' time can tell apart: a leap is never shorter."""


class _Selector(selectors.DefaultSelector):
    """Does not wait for time to pass: moves it on. While a thread works, time stands still and it is waited for."""

    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None and not self.threads else None if timeout != 0 else 0)
        if not ready and timeout:
            TIME.block(max(timeout, LEAST))
        return ready


class Leaping(asyncio.SelectorEventLoop):
    """An event loop in the tests' time, which goes on from one loop to the next."""

    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return (TIME.at - START).total_seconds()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self.selector.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, future: object) -> None:
        del future
        self.selector.threads -= 1


class _Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return Leaping()


async def _asleep(seconds: float) -> None:
    await asyncio.sleep(max(seconds, 0.0))


@contextmanager
def leaping() -> Iterator[None]:
    """The tests' time, passing as the loop leaps; the limiter waits as it does in use."""
    wait = limits._either  # noqa: SLF001  it is the tests that wait otherwise
    with sandbox_kit.standing_still(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "sleep", _asleep)
        patch.setattr(limits, "_either", wait)
        asyncio.set_event_loop_policy(_Policy())
        try:
            yield
        finally:
            asyncio.set_event_loop_policy(None)


@dataclass(slots=True)
class Series:
    """What the sandbox had counted of one system after each answer."""

    retailer: Retailer
    system: str
    at: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    """In the limit's own units, since it was begun."""
    asked: int = 0
    refused: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    """By operation; those that were turned away are not among them."""
    _before: tuple[float, int, Counter[str]] = (0.0, 0, Counter())

    def begin(self) -> None:
        """Count from here."""
        self.at, self.spent, self.asked, self.refused = [], [], 0, 0
        self._before = self._counted()

    def note(self) -> None:
        """After an answer."""
        self.asked += 1
        points, refused, calls = self._counted()
        self.at.append(TIME.at.timestamp())
        self.spent.append(points - self._before[0])
        self.refused = refused - self._before[1]
        self.calls = calls - self._before[2]

    def _counted(self) -> tuple[float, int, Counter[str]]:
        counters = self.retailer.sandbox.kit.counters
        calls = Counter({op: n for (system, op), n in counters.calls.items() if system == self.system})
        return float(counters.points[self.system]), counters.throttled[self.system], calls


class Wire(httpx.AsyncBaseTransport):
    """Into the sandbox, as many at once as are sent."""

    def __init__(self, retailer: Retailer, series: Series, latency: float) -> None:
        self._retailer, self._series, self._latency = retailer, series, latency
        self._inner = httpx.ASGITransport(retailer.sandbox)
        self._chance = random.Random(11)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._pass_half()
        self._retailer.catch_up()
        response = await self._inner.handle_async_request(request)
        if request.url.path.startswith(f"/{self._series.system}/"):
            self._series.note()  # not what downloads or other hosts would be asked
        await self._pass_half()
        return response

    async def _pass_half(self) -> None:
        await asyncio.sleep(self._latency / 2 * self._chance.uniform(0.5, 1.5))
