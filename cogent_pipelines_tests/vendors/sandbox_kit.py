"""A sandbox that stands still, our own clients for it, and a warehouse that is pulled into and planned from.

Belongs here: building, pulling, delivering rows of ``wanted`` and showing views.
Does not belong here: an assertion, or knowledge of what an edge does.

The sandbox was written from the vendors' documents by other hands than the connectors: what it holds is the
truth that the connectors are held against.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import httpx
import msgspec
import pyarrow as pa
import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect import limits
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.estate import Estate
from cogent_pipelines.landing import merge, pull
from cogent_pipelines.landing.pull import PullReport
from cogent_pipelines.ledger import books, ledger
from cogent_pipelines.outbox import deliver, plan, verify
from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import acts
from cogent_pipelines.sandbox.world.model import Shop, Warehouse
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors import vendor_kit

SHOP, WMS = "web_uk", "wms_uk"
START = datetime(2026, 7, 6, 6, tzinfo=UTC)
"""A Monday in summer: London is an hour ahead of UTC, so that an hour lost shows."""
SLUGS = {SHOP: "shopify", WMS: "veeqo"}
THIRD = "third_uk"
"""A system that is neither of the two."""
NAMES = (SHOP, WMS, THIRD)
ESTATE: dict[str, Any] = {
    "name": "truth",
    "sandbox": True,
    "time_zone": "Europe/London",
    "truth": {},
    "facilities": {"LEEDS": WMS, "YORK": WMS},
    "cadence": {"orders": "1m", "shipments": "2m", "stock": "2m", "flows": "2m", "flow_failures": "1h"},
    "owners": {},
    "syncs": {
        name: {"mode": "live", "from": "2026-01-01T00:00:00Z"}
        for name in (
            "orders_to_wms",
            "shipments_to_channel",
            "stock_to_channel",
            "cancellations_to_wms",
            "cancellations_to_channel",
        )
    },
}


def _systems(
    port: int,
    slugs: Mapping[str, str],
    options: Mapping[str, Mapping[str, Any]],
    drop: Path,
    scopes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Both systems, at an address of their own: tokens are kept by it, and a sandbox knows its own only."""
    made = {}
    for name, slug in slugs.items():
        account = vendor_kit.kit(slug)
        own = {**account.options, **options.get(name, {})}
        url = f"http://127.0.0.1:{port}/{name}"
        made[name] = {
            "role": account.role,
            "vendor": slug,
            "url": url,
            "secrets": {secret: _variable(name, secret) for secret in VENDORS[slug].secrets},
            "options": {key: _filled(value, drop / name, url) for key, value in own.items()},
            "scope": scopes.get(name),
        }
    return made


def _filled(value: Any, drop: Path, url: str) -> Any:
    return value.replace("{drop}", str(drop)).replace("{url}", url) if isinstance(value, str) else value


def _variable(system: str, secret: str) -> str:
    return f"TRUTH_{system}_{secret}".upper()


@cache
def environment() -> dict[str, str]:
    """The environment of an account of every vendor, under each of the names."""
    known = sorted({secret for vendor in VENDORS.values() for secret in vendor.secrets})
    made = {_variable(name, secret): f"sandbox-{name}-{secret}" for name in NAMES for secret in known}
    return made | {"COGENT_HMAC_KEY": "a key for these tests, long enough to be one"}


class Time:
    """Time that passes only when somebody waits, so that a run is the same on any machine."""

    def __init__(self) -> None:
        self.at = START
        self.under_way = 0
        """Requests on a real wire: while there are any, nothing is waited for but their answers."""

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Pass at once, but for who waits so long beside the work that the work ends first."""
        if seconds >= BESIDE:
            await asyncio.Event().wait()
        self.block(seconds)
        await asyncio.sleep(0)

    async def either(self, settled: asyncio.Event, seconds: float) -> None:
        """Wait for the limit: until something is given back, else the time passes at once."""
        await asyncio.sleep(0)
        if self.under_way:
            await settled.wait()
        if not settled.is_set():
            self.block(seconds)

    def block(self, seconds: float) -> None:
        self.at += timedelta(seconds=max(seconds, 0.0))

    def move_to(self, at: datetime) -> None:
        self.at = max(self.at, at)


BESIDE = 60.0
"""A worker pushes its lease on so often; nothing else sleeps so long."""
TIME = Time()
PORTS = count(1)
NEW = 120
"""Seconds for which a new ledger sends nothing that an older one may have sent just before it was lost."""
LATENCY = 0.05
"""Seconds that a request takes."""


class Transport(httpx.AsyncBaseTransport):
    """Into the sandbox, whose world first catches up with our clock."""

    def __init__(self, retailer: Retailer) -> None:
        self._retailer = retailer
        self._inner = httpx.ASGITransport(retailer.sandbox)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        TIME.block(self._retailer.latency)
        self._retailer.catch_up()
        return await self._inner.handle_async_request(request)


class Retailer:
    """A shop and a warehouse in a sandbox, and ours beside them in ``folder``."""

    def __init__(
        self,
        folder: Path,
        slugs: Mapping[str, str] = SLUGS,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        since: datetime | None = None,
        port: int | None = None,
        syncs: Mapping[str, Mapping[str, Any]] | None = None,
        scopes: Mapping[str, Mapping[str, Any]] | None = None,
        beside: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """``options`` are further ones of a system, ``scopes`` what of its account is ours, ``beside`` further systems by the
        one whose account they share.

        ``syncs`` is what is said besides of a sync; ``since`` is the syncs' ``from`` where it is not long ago; ``port`` is
        the one that is listened to, where there is one.
        """
        drop = folder / "drop"
        defaults = {
            "drop": drop,
            "seed": 7,
            "days": 1,
            "orders": 0,
            "skus": 12,
            "bundles": 0,
            "start": START,
            "speed": 0,
        }
        given = {"systems": dict(slugs), **defaults, **settings}
        self.sandbox = create_app(Settings(**given), disconnect=httpx.ReadError)
        self.slugs = {**slugs, **{name: slugs[of] for name, of in (beside or {}).items()}}
        self.limits = MemoryLimits()
        self.latency = LATENCY
        self.world = self.sandbox.world
        self.folder = folder
        self.path = folder / "warehouse.duckdb"
        systems = _systems(port or next(PORTS), slugs, options or {}, drop, scopes or {})
        for name, of in (beside or {}).items():
            systems[of]["account"] = of
            systems[name] = {**systems[of], "scope": (scopes or {}).get(name)}
        estate = {**ESTATE, "systems": systems}
        begins = {} if since is None else {"from": since.isoformat()}
        estate["syncs"] = {
            name: {**part, **begins, **(syncs or {}).get(name, {})} for name, part in ESTATE["syncs"].items()
        }
        self.estate = msgspec.convert(estate, Estate)
        self.ledger_url = f"sqlite:///{folder / 'ledger.sqlite'}"
        ledger.open(self.ledger_url).close()
        self.move_on(NEW)

    @property
    def shop(self) -> Shop:
        return self.world.shops[SHOP]

    @property
    def wms(self) -> Warehouse:
        return self.world.warehouses[WMS]

    def strike(self, system: str, operation: str, kind: str, times: int = 1) -> None:
        """Have the next calls of an operation meet a fault."""
        until = self.world.now + timedelta(days=30)
        outage = Outage(system, operation, kind, since=self.world.now, until=until, left=times)
        self.sandbox.kit.faults.outages.append(outage)

    def do(self, system: str, verb: str, **args: Any) -> Any:
        """One act of the world."""
        return acts.do(self.world, system, verb, args)

    def move_on(self, seconds: float) -> None:
        """Let time pass, for the world and for us."""
        TIME.move_to(self.world.now)
        TIME.block(seconds)
        self.catch_up()

    def catch_up(self) -> None:
        """Let the world's time be ours."""
        if TIME.at > self.world.now:
            self.world.advance(TIME.at)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way to the sandbox, for one run."""
        return Transport(self)

    def client(self, name: str) -> Client:
        """A client for one run, which may wait and be throttled as any other; all share what is left of the limit."""
        return accounts.client(self.estate, name, self.limits, transport=self.transport())

    # --- in ---------------------------------------------------------------------------------------------

    def pull(self) -> list[PullReport]:
        """Pull every stream of every system, one system after the other."""
        return [report for name in self.slugs for report in self.pull_of(name)]

    def pull_of(self, name: str, *streams: str) -> list[PullReport]:
        """Pull streams of one system side by side: these, or every one."""

        async def one() -> list[PullReport]:
            async with self.client(name) as client:
                return await pull.pull_system(
                    self.estate,
                    name,
                    streams or list(client.vendor.streams),
                    state=self.folder,
                    warehouse_path=self.path,
                    client=client,
                )

        reports = asyncio.run(one())
        self.catch_up()
        return reports

    @contextmanager
    def staged(self) -> Iterator[Staged]:
        """The staging views over what was pulled."""
        with warehouse.open(self.path) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS estate; CREATE SCHEMA IF NOT EXISTS staging")
            connection.execute(
                "CREATE OR REPLACE TABLE estate.systems AS SELECT system, '' AS admin_url "
                f"FROM (VALUES ('{SHOP}'), ('{WMS}')) AS s (system)"
            )
            for slug in self.slugs.values():
                merge.prepare(connection, slug)
            for name, model in dbt_render.models().items():
                if model.vendor in self.slugs.values():
                    connection.execute(f"CREATE OR REPLACE VIEW staging.{name} AS {dbt_render.render(name)}")
            yield Staged(connection)

    # --- out --------------------------------------------------------------------------------------------

    def deliver(
        self, sync: str, *rows: Mapping[str, Any], ticks: int = 1, pause: float = 0
    ) -> dict[str, str]:
        """Plan, look and deliver ``rows`` of a sync so many times: business key -> state and reason."""
        book = ledger.open(self.ledger_url)
        clients = {name: partial(self.client, name) for name in (SHOP, WMS)}
        with _wanted(sync, rows, self.slugs) as connection:
            for tick in range(ticks):
                if tick:
                    self.move_on(pause)
                _read_just_now(connection)
                plan.plan(connection, book, self.estate, sync)
                verify.verify(book, self.estate, clients)
                deliver.deliver(book, self.estate, "", clients)
                self.catch_up()
        states = {
            key: f"{state} {reason}".strip() for (_, key), (state, reason) in books.states(book, sync).items()
        }
        book.close()
        return states


class Staged:
    """An open warehouse with staging views."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def table(self, view: str, key: str, *columns: str) -> dict[Any, tuple[Any, ...]]:
        """``columns`` of a view by its ``key``."""
        found = self.connection.execute(f"SELECT {key}, {', '.join(columns)} FROM staging.{view}").fetchall()
        return {row[0]: row[1:] for row in found}

    def rows(self, view: str, *columns: str) -> list[tuple[Any, ...]]:
        """``columns`` of a view, in order."""
        found: list[tuple[Any, ...]] = self.connection.execute(
            f"SELECT {', '.join(columns)} FROM staging.{view}"
        ).fetchall()
        return sorted(found, key=repr)


@contextmanager
def _wanted(
    sync: str, rows: Sequence[Mapping[str, Any]], slugs: Mapping[str, str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in memory in which ``sync`` wants ``rows`` and every feed was read; whoever opens one gets it."""
    real = warehouse.open
    with real(":memory:") as connection:
        connection.execute("CREATE SCHEMA wanted; CREATE SCHEMA ops; CREATE SCHEMA marts")
        if rows:
            connection.register("rows_", pa.Table.from_pylist(list(rows)))
            connection.execute(f"CREATE TABLE wanted.{sync} AS SELECT * FROM rows_")
        connection.execute(
            f"CREATE TABLE marts.channel_stock AS SELECT '{SHOP}' AS system, 1 AS available_qty"
        )
        pulls = [
            {"system": system, "stream": stream.name, "kind": "increment", "is_complete": True, "note": ""}
            for system, slug in slugs.items()
            for stream in VENDORS[slug].streams
        ]
        connection.register("pulls_", pa.Table.from_pylist(pulls))
        connection.execute("CREATE TABLE ops.pulls AS SELECT *, NULL::TIMESTAMPTZ AS started_at FROM pulls_")

        @contextmanager
        def opened(*_: object, **__: object) -> Iterator[Any]:
            yield connection

        warehouse.open = opened  # type: ignore[assignment]
        try:
            yield connection
        finally:
            warehouse.open = real  # type: ignore[assignment]


def _read_just_now(connection: duckdb.DuckDBPyConnection) -> None:
    """Every feed, and the warehouse was opened just now."""
    now = clock.now().isoformat()
    connection.execute(f"SET VARIABLE as_of = TIMESTAMPTZ '{now}'")
    connection.execute("UPDATE ops.pulls SET started_at = $1::timestamptz", [now])


_standing = count()
_patches: dict[int, pytest.MonkeyPatch] = {}


@contextmanager
def standing_still() -> Iterator[None]:
    """The sandbox's secrets in the environment, and a clock that moves only when somebody waits.

    Accounts may stand still together and end in any order: who ends last gives the clock back.
    """
    mine = next(_standing)
    patch = _patches[mine] = next(iter(_patches.values()), None) or _stood()
    TIME.at = START
    try:
        yield
    finally:
        del _patches[mine]
        if not _patches:
            patch.undo()


def _stood() -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    for name, value in environment().items():
        patch.setenv(name, value)
    patch.setattr(clock, "now", TIME.now)
    patch.setattr(clock, "sleep", TIME.sleep)
    patch.setattr(clock, "block", TIME.block)
    patch.setattr(limits, "_either", TIME.either)
    patch.setattr(clock, "speed", lambda: 1.0)
    return patch
