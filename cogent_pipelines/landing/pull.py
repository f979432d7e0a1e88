"""One pull: from the vendor's pages to files, and from the files into the warehouse.

Belongs here: what window is read, whether the read was complete, and the order of the two halves.
Does not belong here: sending (``connect``), what a file is (``files``), which version wins (``merge``).

    open warehouse: cursors -> close
    fetch every stream of the system at once, into files; no connection is open meanwhile
    open warehouse: merge what was fetched -> close

An incomplete pull is kept and merged, as its records are real, but it moves no cursor and takes nothing for
gone. Incomplete means: an error ended it; the list began to repeat itself; fewer records than the vendor
counts, twice; or nothing at all where there was something, unless a second read and the vendor's own count
agree.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.paging import Page
from cogent_pipelines.connect.redact import clean
from cogent_pipelines.connect.spec import Stream, Window
from cogent_pipelines.errors import CogentError, Reject
from cogent_pipelines.estate import Estate, span
from cogent_pipelines.landing import files, merge, shapes, tables
from cogent_pipelines.landing.files import Manifest, Writer
from cogent_pipelines.landing.merge import Crash, nothing
from cogent_pipelines.landing.shapes import Misfit

SKEW = timedelta(minutes=5)
"""How far the vendor's clock may be from ours."""
SAMPLE_ALL, SAMPLE_EVERY, SAMPLE_MOST = 500, 50, 3000
"""Undeclared fields are looked for in the first so many records, then in every nth, and never in more."""
MEMORY = "300MB"
"""What DuckDB may hold while it merges; a pull of ten times the rows takes longer, not more."""
BATCH = 500
"""Records of an export that are checked at once, as if they were a page."""


@dataclass(frozen=True, slots=True)
class PullReport:
    """What one pull did: its row in ops.pulls, and the error that ended it, if one did."""

    pull_id: str
    system: str
    vendor: str
    stream: str
    kind: str
    window_from: datetime | None
    window_to: datetime
    started_at: datetime
    finished_at: datetime
    is_complete: bool
    note: str
    pages: int
    rows_in: int
    rows_new: int
    rows_changed: int
    rows_same: int
    rows_older: int
    rows_set_aside: int
    vendor_total: int | None
    rows_gone: int = 0
    undeclared: int = 0
    """Paths in the records that are not declared."""
    error: CogentError | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a stream before it is read."""

    stream: Stream
    cursor_at: datetime | None = None
    has_rows: bool = False
    operations: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    """Chunk -> (operation id, state, started) of an export under way."""
    known: tuple[dict[str, Any], ...] = ()
    """What the stream may ask about."""


async def pull(
    estate: Estate,
    system_name: str,
    stream: Stream | str,
    *,
    state: Path,
    warehouse_path: Path | str,
    client: Client,
    full: bool = False,
    crash: Crash = nothing,
) -> PullReport:
    """Pull one stream of one system. See ``pull_system``."""
    reports = await pull_system(
        estate,
        system_name,
        [stream],
        state=state,
        warehouse_path=warehouse_path,
        client=client,
        full=full,
        crash=crash,
    )
    return reports[-1]


async def pull_system(
    estate: Estate,
    system_name: str,
    streams: Sequence[Stream | str],
    *,
    state: Path,
    warehouse_path: Path | str,
    client: Client,
    full: bool = False,
    crash: Crash = nothing,
) -> list[PullReport]:
    """Pull several streams of one system at the same time; gives one report for each, in their order.

    ``full`` reads everything whatever the cursors say. A stream that has an export is read by it when it is
    read whole, unless the system's option ``first_load`` says ``pages``, or the vendor refuses the export. An
    error that ends a stream's read is in its report and does not touch the other streams.
    """
    chosen = [_stream(client, stream) for stream in streams]
    plans = await asyncio.to_thread(_plans, state, warehouse_path, client, system_name, chosen, full=full)
    by_export = client.system.options.get("first_load") != "pages"
    reports: dict[str, PullReport] = {}
    paged: list[_Plan] = []
    for plan in plans:
        if by_export and plan.stream.bulk is not None and (full or plan.cursor_at is None):
            parts = await _export(plan, state, warehouse_path, client, crash)
            reports[plan.stream.name] = _summed(parts)
            if not parts or not isinstance(parts[-1].error, Reject):
                continue
        paged.append(plan)
    fetched = await asyncio.gather(
        *(_fetch(estate, plan, state, client, full=full, crash=crash) for plan in paged)
    )
    crash("after_manifest")
    for report in await asyncio.to_thread(merge_all, state, warehouse_path, fetched, crash):
        reports[report.stream] = report
    return [reports[stream.name] for stream in chosen]


def _summed(parts: Sequence[PullReport]) -> PullReport:
    """The parts of an export as one report."""
    first, last = parts[0], parts[-1]
    names = (
        "pages",
        "rows_in",
        "rows_new",
        "rows_changed",
        "rows_same",
        "rows_older",
        "rows_set_aside",
        "undeclared",
    )
    sums = {name: sum(getattr(part, name) for part in parts) for name in names}
    return replace(last, window_from=first.window_from, started_at=first.started_at, **sums)


def _stream(client: Client, stream: Stream | str) -> Stream:
    if isinstance(stream, Stream):
        return stream
    for known in client.vendor.streams:
        if known.name == stream:
            return known
    raise Reject(f"{client.vendor.slug} has no stream {stream!r}", code="no_stream")


# --- the warehouse's half -------------------------------------------------------------------------------

_turn = threading.Lock()


@contextmanager
def opened(path: Path | str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, for one thread of this process at a time."""
    with _turn, warehouse.open(path, memory_limit=MEMORY) as connection:
        yield connection


def _plans(
    state: Path, path: Path | str, client: Client, system: str, streams: Sequence[Stream], *, full: bool
) -> list[_Plan]:
    slug = client.vendor.slug
    with opened(path) as connection:
        tables.prepare(connection, slug)
        for manifest in files.pending(state, system):  # fetched by a run that died before its merge
            merge.merge(connection, manifest)
            files.merged(state, manifest.pull_id)
        cursors = dict(
            connection.execute(
                "SELECT stream, cursor_at FROM ops.cursors WHERE system = $1", [system]
            ).fetchall()
        )
        plans = []
        for stream in streams:
            shapes.table(slug, stream.name)
            is_whole = full or stream.cursor is None or stream.name not in cursors
            has_rows = is_whole and connection.execute(
                f'SELECT EXISTS (FROM "{slug}"."{stream.name}" WHERE system = $1 AND _gone_at IS NULL)',
                [system],
            ).fetchone() == (True,)
            operations = {}
            if stream.bulk is not None and stream.name not in cursors:
                rows = connection.execute(
                    "SELECT chunk, operation_id, state, started_at FROM ops.bulk_operations "
                    "WHERE system = $1 AND stream = $2 ORDER BY started_at",
                    [system, stream.name],
                ).fetchall()
                operations = {chunk: (operation, what, at) for chunk, operation, what, at in rows}
            known = _known(connection, stream, system)
            plans.append(_Plan(stream, cursors.get(stream.name), has_rows, operations, known))
    return plans


def _known(connection: duckdb.DuckDBPyConnection, stream: Stream, system: str) -> tuple[dict[str, Any], ...]:
    """What ``stream.known`` selects; nothing while a table it reads has not been made."""
    if not stream.known:
        return ()
    try:
        found = connection.execute(stream.known, {"system": system})
    except duckdb.CatalogException:
        return ()
    names = [column[0] for column in found.description]
    return tuple(dict(zip(names, row, strict=True)) for row in found.fetchall())


def merge_all(
    state: Path,
    path: Path | str,
    fetched: Sequence[tuple[Manifest, CogentError | None]],
    crash: Crash = nothing,
) -> list[PullReport]:
    """Merge fetched pulls in one open of the warehouse."""
    reports = []
    with opened(path) as connection:
        counted = merge.merge_all(connection, [manifest for manifest, _ in fetched], crash)
        for (manifest, error), counts in zip(fetched, counted, strict=True):
            files.merged(state, manifest.pull_id)
            reports.append(report_of(manifest, counts, error))
    return reports


def report_of(manifest: Manifest, counts: merge.Counts, error: CogentError | None) -> PullReport:
    """The report of a merged pull."""
    names = ("pull_id", "system", "vendor", "stream", "kind", "window_from", "window_to", "started_at",
             "finished_at", "is_complete", "note", "pages", "vendor_total")  # fmt: skip
    plain = {name: getattr(manifest, name) for name in names}
    figures = {name: getattr(counts, name) for name in counts.__slots__}
    return PullReport(**plain, **figures, undeclared=len(manifest.unseen), error=error)


# --- the network's half ---------------------------------------------------------------------------------


class Reading:
    """One pull while it is read: its files, the count of different records, the news in the records."""

    def __init__(
        self,
        state: Path,
        client: Client,
        stream: Stream,
        kind: str,
        crash: Crash = nothing,
        *,
        cursor_before: datetime | None = None,
    ) -> None:
        only = frozenset({stream.key.split(".", 1)[0]}) if kind == "sweep" else None
        version = None if only else stream.version
        self.shape = shapes.shape(client.vendor.slug, stream.name, stream.key, version, only)
        self.started_at = clock.now()
        self.pull_id = files.new_pull_id(self.started_at)
        self.writer = Writer(state, client.system.name, stream.name, self.pull_id)
        self.stream, self.client, self.kind = stream, client, kind
        self.cursor_before = cursor_before
        self.pages = 0
        self.notes: list[str] = []
        self.total: int | None = None
        self.unseen: dict[str, tuple[str, int]] = {}
        self._news = shapes.News(self.shape.names, stream.left_out)
        self._marks = array("q")
        self._sampled = 0
        self._key = shapes.key_reader(stream.key)
        self._crash = crash

    @property
    def different(self) -> int:
        """How many different records were read."""
        marks = pa.Array.from_buffers(pa.int64(), len(self._marks), [None, pa.py_buffer(self._marks)])
        return len(marks.unique())

    async def read(self, pages: AsyncGenerator[Page, None]) -> None:
        """Take in every page."""
        async with aclosing(pages) as reading:
            async for page in reading:
                self.pages += 1
                self.total = page.total
                if page.note:
                    self.notes.append(page.note)
                self.take(page.records)
                for part, words in page.refused:
                    self.writer.set_aside(f"{merge.PART}{part}", words, b"{}")
                    self._marks.append(hash(part))
                self._crash("after_page")

    def take(self, records: Sequence[bytes]) -> None:
        """Check records; keep those that fit, set aside the others."""
        shape = self.shape
        kept: list[bytes] = []
        joined = b"\n".join(records)
        doubtful = shape.doubtful(joined)
        # one record per line: a vendor that prints its JSON prettily has line ends inside the records
        folded = joined.count(b"\n") >= len(records) or b"\r" in joined
        for record in records:
            try:
                line = msgspec.json.format(record, indent=-1) if folded else record
                key, line = shape.check(line, doubtful=doubtful)
            except (Misfit, msgspec.DecodeError) as error:
                self.writer.keep(kept)
                kept = []
                self.writer.set_aside(self._key(record), str(error), record)
                self._marks.append(hash(record))
                continue
            kept.append(line)
            self._marks.append(hash(key))
        self.writer.keep(kept)
        self._sample(records)

    def _sample(self, records: Sequence[bytes]) -> None:
        if self.kind == "sweep":
            return
        before = self.writer.rows - len(records)
        for i, record in enumerate(records, before):
            if (i < SAMPLE_ALL or i % SAMPLE_EVERY == 0) and self._sampled < SAMPLE_MOST:
                self._sampled += 1
                for path, kind in self._news.paths(record).items():
                    self.unseen[path] = (kind, self.unseen.get(path, ("", 0))[1] + 1)

    def finish(self, window: Window, *, cursor_at: datetime | None, error: CogentError | None) -> Manifest:
        """Write the manifest."""
        if error is not None:
            self.notes.insert(0, f"{type(error).__name__}: {error}")
        is_complete = not self.notes
        return self.writer.finish(
            Manifest(
                pull_id=self.pull_id,
                system=self.client.system.name,
                vendor=self.client.vendor.slug,
                stream=self.stream.name,
                kind=self.kind,
                key=self.stream.key,
                version=self.stream.version,
                levels=self.stream.levels,
                window_from=window.start,
                window_to=window.end,
                started_at=self.started_at,
                finished_at=clock.now(),
                is_complete=is_complete,
                note=clean("; ".join(self.notes), 1000),
                pages=self.pages,
                rows_in=0,
                rows_set_aside=0,
                vendor_total=self.total,
                cursor_at=cursor_at if is_complete else None,
                cursor_before=self.cursor_before,
                unseen=self.unseen,
            )
        )


def overlap(estate: Estate, stream: Stream) -> timedelta:
    """How far an increment looks back: twice the interval and the clocks' difference, or more."""
    least = stream.cursor.overlap if stream.cursor else timedelta(0)
    cadence = estate.cadence.get(stream.entity)
    return max(least, 2 * span(cadence) + SKEW if cadence else SKEW)


async def _fetch(
    estate: Estate, plan: _Plan, state: Path, client: Client, *, full: bool, crash: Crash
) -> tuple[Manifest, CogentError | None]:
    """Read one stream by pages, into files."""
    stream = plan.stream
    is_whole = not stream.keeps and (full or stream.cursor is None or plan.cursor_at is None)
    kind = "full" if is_whole else "increment"
    reading = Reading(state, client, stream, kind, crash, cursor_before=plan.cursor_at)
    is_all = full or is_whole or plan.cursor_at is None
    start = None if is_all or plan.cursor_at is None else plan.cursor_at - overlap(estate, stream)
    window = Window(start, reading.started_at, plan.known)
    error: CogentError | None = None
    try:
        await read_until_complete(
            reading, lambda: client.pages(stream, window), must_hold=is_whole and plan.has_rows
        )
        crash("after_last_page")
    except CogentError as caught:
        error = caught
    except BaseException:
        reading.writer.abandon()
        raise
    cursor_at = window.end if stream.cursor is not None else None
    return reading.finish(window, cursor_at=cursor_at, error=error), error


async def read_until_complete(
    reading: Reading, pages: Callable[[], AsyncGenerator[Page, None]], *, must_hold: bool
) -> None:
    """Read; read again when records are missing or everything is. What stays doubtful is noted."""
    await reading.read(pages())
    if _is_short(reading) or (must_hold and reading.different == 0):
        reading.notes.clear()
        await reading.read(pages())
        if _is_short(reading):
            reading.notes.append(
                f"{reading.different} different records, but the vendor counts {reading.total}"
            )
        elif must_hold and reading.different == 0 and reading.total != 0:
            reading.notes.append(
                "an empty answer where there were rows, and no count of the vendor's that says so"
            )


def _is_short(reading: Reading) -> bool:
    return reading.total is not None and reading.different < reading.total


# --- exports --------------------------------------------------------------------------------------------


def chunks(now: datetime, started_at: datetime, months: int) -> list[tuple[str, Window]]:
    """The whole past in parts: everything before the first month, then month by month up to the start."""
    first = started_at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    edges = [first]
    for _ in range(months - 1):
        edges.insert(0, (edges[0] - timedelta(days=1)).replace(day=1))
    parts = [("before", Window(None, edges[0]))]
    for i, edge in enumerate(edges):
        end = edges[i + 1] if i + 1 < len(edges) else max(now, started_at)
        parts.append((f"{edge:%Y-%m}", Window(edge, end)))
    return parts


async def _export(
    plan: _Plan, state: Path, path: Path | str, client: Client, crash: Crash
) -> list[PullReport]:
    """Read the whole stream by exports, part by part; each part is merged before the next begins.

    What was started is noted in ops.bulk_operations, so that a restarted process goes on with it. The cursor
    is set by the last part, to when the first one began.
    """
    stream, system = plan.stream, client.system.name
    began = min((at for _, _, at in plan.operations.values()), default=clock.now())
    months = int(client.system.options.get("export_months", 12))
    parts = chunks(clock.now(), began, months)
    reports: list[PullReport] = []
    for i, (chunk, window) in enumerate(parts):
        operation, what, _ = plan.operations.get(chunk, ("", "", began))
        if what == "done":
            continue
        reading = Reading(state, client, stream, "bulk", crash, cursor_before=plan.cursor_at)

        def note(started: str, chunk: str = chunk) -> None:
            _note_operation(path, system, stream.name, chunk, operation=started, what="running")

        error: CogentError | None = None
        try:
            await _take_export(
                reading, client.bulk(stream, window, resume=operation or None, on_started=note)
            )
        except CogentError as caught:
            error = caught
        except BaseException:
            reading.writer.abandon()
            raise
        is_last = i == len(parts) - 1
        manifest = reading.finish(window, cursor_at=began if is_last and stream.cursor else None, error=error)
        crash("after_manifest")
        reports += await asyncio.to_thread(merge_all, state, path, [(manifest, error)], crash)
        if error is not None:
            if isinstance(error, Reject):  # the operation itself is spoilt; the next pull starts it anew
                failed = partial(_note_operation, operation="", what="failed")
                await asyncio.to_thread(failed, path, system, stream.name, chunk)
            break
        done = partial(_note_operation, operation=operation, what="done", finish=is_last)
        await asyncio.to_thread(done, path, system, stream.name, chunk)
    return reports


async def _take_export(reading: Reading, lines: AsyncGenerator[bytes, None]) -> None:
    batch: list[bytes] = []
    async with aclosing(lines) as export:
        async for line in export:
            batch.append(line)
            if len(batch) == BATCH:
                reading.take(batch)
                batch = []
    reading.take(batch)
    reading.pages += 1


def _note_operation(
    path: Path | str, system: str, stream: str, chunk: str, *, operation: str, what: str, finish: bool = False
) -> None:
    """Note how far an export is; once the last part is in, forget them all."""
    with opened(path) as connection:
        where: list[Any] = [system, stream]
        if finish:
            connection.execute("DELETE FROM ops.bulk_operations WHERE system = $1 AND stream = $2", where)
            return
        row = connection.execute(
            "SELECT operation_id, started_at FROM ops.bulk_operations "
            "WHERE system = $1 AND stream = $2 AND chunk = $3",
            [*where, chunk],
        ).fetchone()
        known, started_at = row or ("", clock.now())
        connection.execute(
            "DELETE FROM ops.bulk_operations WHERE system = $1 AND stream = $2 AND chunk = $3",
            [*where, chunk],
        )
        connection.execute(
            "INSERT INTO ops.bulk_operations VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [*where, chunk, operation or (known if what != "failed" else ""), what, started_at,
             None if what == "running" else clock.now()],
        )  # fmt: skip
