"""The daily look at every id: what is gone at the vendor, and what we were never given.

Belongs here: listing ids and merging that list; clearing away files nobody needs.
Does not belong here: pulls by increments (``pull``), or what a gone record means (rules).

    list the vendor's ids into files
    pull the increments, so that what was made meanwhile is no surprise
    finish and merge the list: unlisted rows get _gone_at, unknown ids take the cursor away

A stream that is read whole each time needs no sweep. One whose vendor file declares no cheaper list of ids is
read whole instead, once. Of one that keeps what a read does not hold nothing is ever found gone: it is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Stream, Window
from cogent_pipelines.errors import CogentError
from cogent_pipelines.estate import Estate
from cogent_pipelines.landing import files
from cogent_pipelines.landing.pull import PullReport, Reading, merge_all, pull_system, read_until_complete

KEEP = timedelta(days=7)
"""How long the files of whole reads are kept once a later one has replaced them."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What ``clear`` removed."""

    unfinished: int
    replaced: int


async def sweep(
    estate: Estate,
    system_name: str,
    streams: Sequence[Stream],
    *,
    state: Path,
    warehouse_path: Path | str,
    client: Client,
) -> list[PullReport]:
    """Sweep the incremental ones among ``streams``; gives one report for each of these."""
    incremental = [stream for stream in streams if stream.cursor is not None and not stream.keeps]
    listed = [stream for stream in incremental if stream.ids is not None]
    whole = [stream for stream in incremental if stream.ids is None]
    reports: list[PullReport] = []
    if whole:
        by_pages = [replace(stream, bulk=None) for stream in whole]
        reports += await pull_system(
            estate,
            system_name,
            by_pages,
            state=state,
            warehouse_path=warehouse_path,
            client=client,
            full=True,
        )
    if not listed:
        return reports
    lists = [_list(stream, state, client) for stream in listed]
    errors = await asyncio.gather(*(_read(reading, window) for reading, window in lists))
    beside = await pull_system(
        estate, system_name, listed, state=state, warehouse_path=warehouse_path, client=client
    )
    for (reading, _), increment in zip(lists, beside, strict=True):
        if not increment.is_complete:
            reading.notes.append("the increments beside it are not complete")
    finished = [
        (reading.finish(window, cursor_at=None, error=error), error)
        for (reading, window), error in zip(lists, errors, strict=True)
    ]
    return reports + await asyncio.to_thread(merge_all, state, warehouse_path, finished)


def _list(stream: Stream, state: Path, client: Client) -> tuple[Reading, Window]:
    ids = stream.ids or stream.request
    only = replace(stream, request=ids, also=(), inner=(), parts=(), bulk=None, levels="")
    reading = Reading(state, client, only, "sweep")
    return reading, Window(None, reading.started_at)


async def _read(reading: Reading, window: Window) -> CogentError | None:
    try:
        await read_until_complete(
            reading, lambda: reading.client.pages(reading.stream, window), must_hold=True
        )
    except CogentError as error:
        return error
    return None


def clear(state: Path, *, keep: timedelta = KEEP) -> Cleared:
    """Remove unfinished pulls and replaced whole reads."""
    return Cleared(len(files.sweep(state)), len(files.prune(state, keep=keep)))
