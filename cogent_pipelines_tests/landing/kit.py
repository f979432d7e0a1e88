"""A small vendor with rows that can be changed, and pulls of it into a throw-away warehouse.

Belongs here: what the tests of ``landing`` share.
Does not belong here: any real vendor.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.spec import Stream
from cogent_pipelines.estate import Estate
from cogent_pipelines.landing import files, merge, pull, shapes, tables
from cogent_pipelines.landing.files import Manifest, Writer
from cogent_pipelines_tests.connect.kit import START, THINGS, client, system

TABLES = """
-- a comment with a ; in it
CREATE TABLE IF NOT EXISTS fake.things (
    id VARCHAR, updated_at TIMESTAMPTZ, name VARCHAR, amount DECIMAL(28,10), qty BIGINT, rate DOUBLE,
    ok BOOLEAN, day DATE, anything JSON, parts STRUCT(sku VARCHAR, qty INTEGER, price DECIMAL(28,10))[],
    address STRUCT(line VARCHAR, city VARCHAR)
);
CREATE TABLE IF NOT EXISTS fake.plain (id BIGINT, name VARCHAR);
CREATE TABLE IF NOT EXISTS fake.stock (
    id BIGINT, updated_at TIMESTAMPTZ, levels STRUCT(facility BIGINT, sku VARCHAR, available BIGINT)[]
);
CREATE OR REPLACE VIEW fake.open_things AS SELECT id, _read_at FROM fake.things WHERE _gone_at IS NULL;
"""
PLAIN = replace(THINGS, name="plain", version=None, cursor=None, entity="stock", total=PageNumber().total)
STOCK = replace(
    THINGS,
    name="stock",
    cursor=None,
    entity="stock",
    levels="SELECT l.facility AS facility_ref, l.sku, sum(l.available) AS available "
    "FROM (SELECT unnest(levels) AS l FROM {rows} r) GROUP BY ALL",
)
COUNTED = replace(THINGS, total=PageNumber().total)


def declare(text: str = TABLES) -> None:
    """Give the test vendor its tables."""
    shapes.declare("fake", text)


def estate() -> Estate:
    """An estate with nothing but cadences."""
    data = {
        "name": "test",
        "time_zone": "Europe/London",
        "systems": {},
        "truth": {},
        "facilities": {},
        "cadence": {"orders": "1m", "stock": "2m"},
        "owners": {},
    }
    return msgspec.convert(data, Estate)


def at(seconds: float) -> datetime:
    """An instant after the start."""
    return START + timedelta(seconds=seconds)


def iso(seconds: float) -> str:
    """The same as a vendor writes it."""
    return at(seconds).isoformat().replace("+00:00", "Z")


@dataclass
class Vendor:
    """Rows behind HTTP: filters by ``since``, pages, counts; and can misbehave."""

    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)
    counts: bool = True
    lies: int | None = None
    """A count other than the truth."""
    empty: int = 0
    """So many answers are empty although there are rows."""
    fails_on: int | None = None
    """The request (counted from 1) from which on it answers 400."""
    lines: Sequence[bytes] | None = None
    """The page's records as raw bytes, instead of the rows."""
    asked: list[httpx.URL] = field(default_factory=list)

    def put(self, key: Any, seconds: float, **fields: Any) -> None:
        """Add or change a row."""
        self.rows[key] = {"id": key, "updated_at": iso(seconds), **fields}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if self.fails_on is not None and len(self.asked) >= self.fails_on:
            return httpx.Response(400, json={"message": "no"})
        if self.lines is not None:
            return httpx.Response(200, content=b"[" + b",".join(self.lines) + b"]")
        since = request.url.params.get("since", "")
        page, size = int(request.url.params.get("page", 1)), int(request.url.params.get("page_size", 100))
        rows = [
            r
            for r in self.rows.values()
            if not since or datetime.fromisoformat(r["updated_at"]) >= datetime.fromisoformat(since)
        ]
        if self.empty:
            self.empty -= 1
            rows = []
        total = self.lies if self.lies is not None else len(rows)
        headers = {"x-total-count": str(total)} if self.counts else {}
        return httpx.Response(
            200, content=json.dumps(rows[(page - 1) * size : page * size]).encode(), headers=headers
        )


@dataclass
class Store:
    """A throw-away state directory and warehouse."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "warehouse.duckdb"

    def pull(
        self,
        handler: Callable[[httpx.Request], Any],
        *streams: Stream,
        full: bool = False,
        crash: Callable[[str], None] = lambda point: None,
        options: dict[str, Any] | None = None,
    ) -> list[pull.PullReport]:
        """Pull ``streams`` once."""

        async def main() -> list[pull.PullReport]:
            async with client(handler, of=system(options=options or {}), streams=streams) as c:
                return await pull.pull_system(
                    estate(),
                    "shop",
                    streams,
                    state=self.root,
                    warehouse_path=self.path,
                    client=c,
                    full=full,
                    crash=crash,
                )

        return asyncio.run(main())

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with warehouse.open(self.path) as connection:
            return connection.execute(text, list(values)).fetchall()

    def one(self, text: str, *values: Any) -> Any:
        """The one value of a query."""
        ((value,),) = self.sql(text, *values)
        return value

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row landing wrote, sorted: for comparing two warehouses."""
        ours = ("pulls", "cursors", "set_aside", "unseen", "stock_changes")
        names = ["fake.things", "fake.plain", "fake.stock", *(f"ops.{name}" for name in ours)]
        return {name: sorted(self.sql(f"SELECT * FROM {name}"), key=repr) for name in names}


def make_template(path: Path) -> None:
    """A warehouse with the tables made, for copying: making them takes most of a small test."""
    declare()
    with warehouse.open(path) as connection:
        tables.prepare(connection, "fake")


def new_store(root: Path, template: Path) -> Store:
    """A state directory with an empty warehouse."""
    root.mkdir(exist_ok=True)
    store = Store(root)
    shutil.copy(template, store.path)
    return store


_numbers = itertools.count(1)


def landed(
    store: Store,
    lines: Iterable[bytes],
    *,
    stream: Stream = THINGS,
    kind: str = "increment",
    started: float = 0.0,
    split: int = 10**9,
    is_complete: bool = True,
    cursor_at: datetime | None = None,
) -> Manifest:
    """A finished pull of ``lines``, ``split`` to a file, that began ``started`` seconds after the start."""
    pull_id = f"p{next(_numbers):06}"
    writer = Writer(store.root, "shop", stream.name, pull_id)
    for i, line in enumerate(lines):
        writer.keep([line])
        if (i + 1) % split == 0:
            writer._flush()
            writer._close()
    return writer.finish(
        Manifest(
            pull_id=pull_id,
            system="shop",
            vendor="fake",
            stream=stream.name,
            kind=kind,
            key=stream.key,
            version=stream.version,
            levels=stream.levels,
            window_from=None,
            window_to=at(started),
            started_at=at(started),
            finished_at=at(started + 1),
            is_complete=is_complete,
            pages=1,
            rows_in=0,
            rows_set_aside=0,
            cursor_at=cursor_at,
        )
    )


def merged(store: Store, *manifests: Manifest) -> list[merge.Counts]:
    """Merge them in one open of the warehouse."""
    with warehouse.open(store.path) as connection:
        found = [merge.merge(connection, manifest) for manifest in manifests]
    for manifest in manifests:
        files.merged(store.root, manifest.pull_id)
    return found


def line(key: Any, seconds: float, **fields: Any) -> bytes:
    """One record as a line."""
    return json.dumps({"id": key, "updated_at": iso(seconds), **fields}).encode()


def tick() -> None:
    """Let the clock stand at a later moment: ten minutes on."""
    clock.use(clock.Clock(clock.now() + timedelta(minutes=10), time.time(), 100.0))
