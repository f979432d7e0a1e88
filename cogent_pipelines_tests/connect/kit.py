"""A vendor made for tests, time that passes only when everybody waits, and answers by the line.

Belongs here: what the tests of ``connect`` and ``landing`` share.
Does not belong here: any real vendor.
"""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from cogent_pipelines import clock
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import LeakyBucket, MemoryLimits
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.spec import Cursor, Request, Stream, System, Vendor

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
BASE = "http://127.0.0.1:9/shop"
SECRET = "a-secret-nobody-may-see"
T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Does not wait for time to pass: moves it on."""

    loop: Warp

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.loop.moved += timeout
        return ready


class Warp(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until every task waits, and then leaps."""

    def __init__(self) -> None:
        self.moved = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.moved


class LoopClock:
    """The loop's time as the project's clock."""

    speed = 1.0
    at = START
    wall = 0.0

    def __init__(self, loop: Warp) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.moved)


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``main`` in time that costs nothing."""
    loop = Warp()
    kept = clock._clock
    clock._clock = LoopClock(loop)  # type: ignore[assignment]
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        clock._clock = kept
        loop.close()


def system(**changes: Any) -> System:
    """A sandboxed system of the test vendor."""
    secrets = {"api_key": "TEST_KEY", "client_id": "TEST_ID", "client_secret": "TEST_SECRET"}
    return replace(System("shop", "fake", BASE, secrets, loopback_only=True), **changes)


def things(window: Any, system: System) -> Request:
    """The request for the test vendor's list."""
    since = (("since", window.start.isoformat()),) if window.start else ()
    return Request("GET", "/things", params=since)


THINGS = Stream(
    "things",
    things,
    records="",
    paging=PageNumber(size=100),
    version="updated_at",
    cursor=Cursor("updated_at"),
    entity="orders",
)


def vendor(**changes: Any) -> Vendor:
    """A vendor with one list, an API key and a roomy limit."""
    plain = Vendor(
        slug="fake",
        title="Fake",
        roles=frozenset({"channel"}),
        hosts=("*.fake.example",),
        secrets=(),
        auth=StaticHeader("x-api-key", "api_key"),
        limit=LeakyBucket(1000, 1000),
        streams=(THINGS,),
        writes={},
    )
    return replace(plain, **changes)


def client(handler: Callable[[httpx.Request], Any], *, of: System | None = None, **changes: Any) -> Client:
    """A client of the test vendor whose requests ``handler`` answers."""
    options = {name: changes.pop(name) for name in ("limits", "timeout", "crash") if name in changes}
    transport = changes.pop("transport", None) or httpx.MockTransport(handler)
    options.setdefault("limits", MemoryLimits())
    return Client(of or system(), vendor(**changes), transport=transport, **options)


def answer(body: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; underscores in header names stand for hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body, headers=names)


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces and may end in an error."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.given += len(piece)
            yield piece
        if self.error is not None:
            raise self.error


def raw(stream: httpx.AsyncByteStream, status: int = 200, **headers: str) -> httpx.Response:
    """An answer whose body comes over the wire as ``stream`` gives it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, stream=stream, headers={"content-type": "application/json", **names})


def thing(i: int, **fields: Any) -> dict[str, Any]:
    """One record of the test vendor."""
    return {"id": f"t{i}", "updated_at": "2026-11-01T00:00:00Z", **fields}


def dumps(value: Any) -> bytes:
    """JSON as the vendor would send it."""
    return json.dumps(value, separators=(",", ":")).encode()
