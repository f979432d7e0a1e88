"""One account of any vendor's in a sandbox, read and written to as its declarations say, with every call on record.

Belongs here: the account, its readings, and a write carried through its steps without planner or ledger.
Does not belong here: a vendor's words (``<slug>_kit``), or what is expected (``test_contract_suite``).
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import uvicorn

from cogent_pipelines import warehouse
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import Seen
from cogent_pipelines.connect.spec import Found, Request, Want, Window, Write
from cogent_pipelines.errors import Reject
from cogent_pipelines.landing.pull import PullReport
from cogent_pipelines.landing.tables import at
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import vendor_kit
from cogent_pipelines_tests.vendors.sandbox_kit import LATENCY, SHOP, THIRD, TIME, WMS, Retailer, Transport
from cogent_pipelines_tests.vendors.vendor_kit import Exchange

TURNS_AWAY = 1.5
"""So many times the limit's capacity, asked for at once, is more than any account may have."""
MOST_CALLS = 300
AT_ONCE = 8
"""Requests under way while the limit is tried."""


class NoLimits:
    """A limiter that lets everything pass: what would happen without one."""

    async def take(self, account: str, cost: float, capacity: float, per_second: float) -> float:
        return 1.0

    async def learn(self, account: str, reserved: float, seen: Seen | None) -> None:
        """Nothing is learnt."""


class _Wire(httpx.AsyncBaseTransport):
    """A real connection to the sandbox, which listens in the same loop.

    One request at a time, as in process: time passes by requests, so eight at once would each take eight times as long.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._inner = httpx.AsyncHTTPTransport()
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._server is None:
            config = uvicorn.Config(
                self._account.sandbox, log_level="critical", lifespan="off", timeout_keep_alive=1
            )
            self._server = uvicorn.Server(config)
            assert self._account.listening is not None
            served = self._server.serve(sockets=[self._account.listening.dup()])
            self._serving = asyncio.create_task(served)
        async with self._turn:
            TIME.block(self._account.latency)
            self._account.catch_up()
            TIME.under_way += 1
            try:
                response = await self._inner.handle_async_request(request)
                await response.aread()
            finally:
                TIME.under_way -= 1
            return response

    async def aclose(self) -> None:
        await self._inner.aclose()
        if self._server is not None and self._serving is not None:
            for each in self._server.servers:
                each.close()
            self._serving.cancel()  # its own way out waits for the next tenth of a second
            with suppress(asyncio.CancelledError):
                await self._serving


class _Recorder(httpx.AsyncBaseTransport):
    """Keeps what goes through."""

    def __init__(self, inner: httpx.AsyncBaseTransport, exchanges: list[Exchange], base: str) -> None:
        self._inner, self._exchanges, self._base = inner, exchanges, base

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        path = request.url.path.removeprefix(httpx.URL(self._base).path)
        params = tuple(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        made = (_json(request.content), response.status_code, _json(response.content))
        self._exchanges.append(Exchange(request.method, path, params, *made))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _json(content: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(content)
    return None


@dataclass(frozen=True, slots=True)
class Hurry:
    """How a rush went."""

    spent: float
    """In the limit's own units."""
    seconds: float
    """Of the sandbox's time."""
    turned_away: int
    """Calls, by the sandbox's count."""


class Account(Retailer):
    """A retailer in whose sandbox one system is the vendor's."""

    def __init__(self, folder: Path, slug: str, *, wire: bool = False, **settings: Any) -> None:
        self.slug, self.vendor, self.kit = slug, VENDORS[slug], vendor_kit.kit(slug)
        places = {"channel": SHOP, "warehouse": WMS}
        self.name = places.get(self.kit.role, THIRD)
        slugs = {SHOP: "shopify", WMS: "veeqo", self.name: slug}
        self.exchanges: list[Exchange] = []
        self.listening: socket.socket | None = None
        if wire:
            self.listening = socket.socket(
                proto=socket.IPPROTO_TCP
            )  # else each answer waits for an acknowledgement
            self.listening.bind(("127.0.0.1", 0))
            self.listening.listen()
        port = self.listening.getsockname()[1] if self.listening else None
        pages = {self.name: {"first_load": "pages"}}
        super().__init__(folder, slugs, pages, port=port, **settings)

    def close(self) -> None:
        """Listen no more."""
        if self.listening is not None:
            self.listening.close()

    def transport(self) -> httpx.AsyncBaseTransport:
        inner = _Wire(self) if self.listening else Transport(self)
        return _Recorder(inner, self.exchanges, self.estate.systems[self.name].base_url)

    # --- reading --------------------------------------------------------------------------------------

    def read(self) -> dict[str, PullReport]:
        """Pull every stream, in one turn or the kit's: stream -> report."""
        self.kit.prepare(self)
        turns = self.kit.turns or ((),)
        return {report.stream: report for turn in turns for report in self.pull_of(self.name, *turn)}

    def landed(self) -> dict[str, list[str]]:
        """Stream -> the keys of its raw table, one for each row that is not gone."""
        with warehouse.open(self.path) as connection:
            return {
                stream.name: [
                    str(key)
                    for (key,) in connection.execute(
                        f"SELECT {at('t', stream.key)} FROM {at(self.slug, stream.name)} AS t "
                        "WHERE system = $1 AND _gone_at IS NULL",
                        [self.name],
                    ).fetchall()
                ]
                for stream in self.vendor.streams
            }

    def read_at(self, stream: str, key: str) -> datetime:
        """When the row of a key was read last."""
        (known,) = (s for s in self.vendor.streams if s.name == stream)
        with warehouse.open(self.path) as connection:
            ((moment,),) = connection.execute(
                f"SELECT _read_at FROM {at(self.slug, stream)} AS t WHERE {at('t', known.key)}::VARCHAR = $1",
                [key],
            ).fetchall()
        return moment.astimezone(UTC)  # type: ignore[no-any-return]

    # --- the limit ------------------------------------------------------------------------------------

    def hurry(self, *, limited: bool) -> Hurry:
        """Ask for more than the account may have at once, as fast as the limiter lets us, if it is asked."""
        throttled = self.sandbox.kit.counters.throttled
        before, began = throttled[self.name], TIME.at
        self.latency = LATENCY / AT_ONCE
        limits: Any = self.limits if limited else NoLimits()

        async def all_at_once() -> float:
            transport = self.transport()
            async with accounts.client(self.estate, self.name, limits, transport=transport) as client:
                requests = cycle(reads(client))
                capacity = max(self.vendor.limit.capacity, self.kit.allows_at_once)
                most = TURNS_AWAY * capacity + AT_ONCE

                async def hurry() -> None:
                    while client.stats.points < most:
                        await client.fetch(next(requests), lambda _: None)

                await asyncio.gather(*(hurry() for _ in range(AT_ONCE)))
                return client.stats.points

        spent = asyncio.run(all_at_once())
        seconds = (TIME.at - began).total_seconds()
        self.latency = LATENCY
        self.catch_up()
        return Hurry(spent, seconds, throttled[self.name] - before)

    # --- writing --------------------------------------------------------------------------------------

    def steps(self, want: Want) -> tuple[Write, ...]:
        """The writes that carry a want out."""
        return self.vendor.writes[want.sync, want.act]

    def put(self, want: Want) -> int:
        """Carry a want out as delivery does: look, write what is not there, go on. Gives how often it wrote.

        Raises what a refused or lost write raises.
        """
        calls = 0
        refs: dict[str, str] = {}
        for write in self.steps(want):
            about = replace(want, refs=dict(refs))
            found = self.look(write, about)
            if found is not None and write.done(about, found):
                refs[write.action] = found.ref
                continue
            write.guard(about, found)
            calls += 1
            refs[write.action] = self._send(write, about)
            self.move_on(write.settle.total_seconds())
        return calls

    def send_again(self, want: Want) -> None:
        """The first write of a want once more, under the same key, without a look."""
        self._send(self.steps(want)[0], want)

    def _send(self, write: Write, want: Want) -> str:
        async def one() -> str:
            async with self.client(self.name) as client:
                about = replace(want, prepared=await _prepared(client, write, want))
                request = write.request([about], client.system, f"{want.key} {hash(repr(want.fields))}")
                answer = await client.call(request, intent="an intent of these tests")
                (receipt,) = write.receipts([about], answer.json() if answer.content else None)
                if receipt.refused:
                    raise Reject(receipt.refused, code=receipt.code)
                return receipt.ref

        return asyncio.run(one())

    def look(self, write: Write, want: Want) -> Found | None:
        """What the target holds for a want, by a write's own look-up."""

        async def one() -> Found | None:
            async with self.client(self.name) as client:
                answers: list[Any] = []
                asked = list(write.lookup.requests([want], client.system))
                while asked:
                    answers += [(await client.call(request)).json() for request in asked]
                    further = write.lookup.further
                    asked = list(further([want], answers, client.system)) if further else []
                return write.lookup.found(want, answers)

        found = asyncio.run(one())
        self.catch_up()
        return found


async def _prepared(client: Client, write: Write, want: Want) -> tuple[Any, ...]:
    """The answers to what a write asks before it is sent."""
    answers: tuple[Any, ...] = ()
    while write.prepare and (request := write.prepare(replace(want, prepared=answers), client.system)):
        answers = (*answers, (await client.call(request)).json())
    return answers


def reads(client: Client) -> list[Request]:
    """Reads to hurry with: the probe, or the first pages of lists where a probe costs next to nothing."""
    window = Window(None, TIME.at)
    lists = [
        stream.paging.first(stream.request(window, client.system)) if stream.paging else None
        for stream in client.vendor.streams
        if stream.asks is None and not stream.folder
    ]
    probe = [client.vendor.probe(client.system)] if client.vendor.probe else []
    if probe and probe[0].cost * MOST_CALLS > client.vendor.limit.capacity:
        return probe
    return [request for request in lists if request is not None]
