"""Reading a stream to its end: by pages, by the vendor's export, by many requests, or from a folder.

Belongs here: following pages, completing nested lists, putting parts, documents and exported children into their
records, asking about what we know, and taking up the messages a vendor drops.
Does not belong here: sending (``client``), where pages are (``paging``), checking records (``landing``).

The next page is asked for while the present one is worked on. Memory holds two pages, one exported record and its
children, or what a few requests are answered, however long the list is.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect.paging import Page, Repetition, splitter
from cogent_pipelines.connect.spec import (
    Answer,
    Ask,
    Bulk,
    Document,
    Inner,
    Paging,
    Part,
    Request,
    Stream,
    System,
    Window,
)
from cogent_pipelines.errors import Reject, Retry

if TYPE_CHECKING:
    from cogent_pipelines.connect.client import Client

POLL_FIRST, POLL_LAST, POLL_PATIENCE = 1.0, 30.0, 24 * 3600.0
"""Seconds between two looks at an export, at first and at last, and how long it may run in all."""
TOGETHER = 16
"""Requests whose answers make one page; as many of them are under way as the vendor's limit allows."""
UNFINISHED = timedelta(minutes=1)
"""So long a dropped file that is not whole JSON may still be under way to us."""
GOES_ON = re.compile(rb'"hasNextPage"\s*:\s*true')
CHILD = b'"__parentId"'

_exact = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

T = TypeVar("T")
Split = tuple[Answer, list[bytes], Mapping[str, Any]]


def decode(record: bytes) -> Any:
    """A record with its numbers exact."""
    return _exact.decode(record)


def encode(record: Any) -> bytes:
    """A record as bytes, its numbers as they came."""
    return _encoder.encode(record)


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """What each comes to, side by side.

    When one fails, the others are called off and over before its error is told: none goes on with a closed client.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise


# --- pages ----------------------------------------------------------------------------------------------


async def pages(client: Client, stream: Stream, window: Window) -> AsyncGenerator[Page, None]:
    """Every page of every pass of ``stream``. A list that begins to repeat itself ends there, with a note."""
    if stream.folder or stream.asks is not None:
        others = _dropped(client, stream, window) if stream.folder else _answers(client, stream, window)
        async with aclosing(others) as found:
            async for page in found:
                yield page
        return
    number, before = 0, 0
    has_total = stream.total is not None
    passes = (stream.request, *stream.also)
    for turn, make in enumerate(passes, 1):
        total: int | None = None
        count = 0
        async with aclosing(_one_pass(client, stream, make(window, client.system))) as answers:
            async for answer, records, is_last, repeats in answers:
                number += 1
                count += len(records)
                if stream.total is not None and (total is None or (is_last and not _drifts(stream))):
                    total = stream.total(answer)
                    has_total = has_total and total is not None
                note = ""
                if repeats and total is not None and count < total:
                    note = f"the list began to repeat itself after {count} of {total}"
                whole = await completed(client, stream.inner, records)
                whole = await with_parts(client, stream.parts, whole)
                yield Page(
                    records=await with_documents(client, stream.document, whole),
                    number=number,
                    read_at=answer.read_at,
                    total=before + (total or 0) if has_total else None,
                    is_last=is_last and turn == len(passes),
                    note=note,
                )
        before += total or 0


def _drifts(stream: Stream) -> bool:
    """Whether records move between the pages while they are read, so that only the first count binds."""
    return bool(getattr(stream.paging, "drifts", False))


async def _one_pass(
    client: Client, stream: Stream, request: Request
) -> AsyncGenerator[tuple[Answer, list[bytes], bool, bool], None]:
    """(answer, records, is the last, repeats an earlier page) for each page, the next already under way."""
    paging = stream.paging
    cut = _cutter(stream.records, paging, _rows(stream, None), stream.decode)
    repetition = Repetition(stream.key)
    request = paging.first(request) if paging is not None else request
    task = asyncio.create_task(client.fetch(request, cut))
    following: Request | None = request
    try:
        while following is not None:
            request = following
            answer, records, envelope = await task
            following = paging.next(request, answer, len(records), envelope) if paging is not None else None
            repeats = repetition.repeats(records, by_key=_drifts(stream))
            if repeats:
                records, following = [], None
            if following is not None:
                task = asyncio.create_task(client.fetch(following, cut))
            yield answer, records, following is None, repeats
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _cutter(
    path: str,
    paging: Paging | None,
    rows: Callable[[Any], Sequence[Any]] | None = None,
    decoded: Callable[[bytes], Any] | None = None,
) -> Callable[[Answer], Split]:
    """A function that cuts an answer into the records at ``path``, or those ``rows`` makes, and what stands beside."""
    names: tuple[str, ...] = getattr(paging, "beside", ())
    split = splitter(path, names)

    def cut(answer: Answer) -> Split:
        if not answer.content:  # 204: some vendors end a list so
            if answer.status == 204:  # noqa: PLR2004
                return answer, [], {}
            raise Retry("the page is empty")
        if rows is not None:
            body = decode(_json(answer)) if decoded is None else decoded(answer.content)
            beside = {name: body.get(name) for name in names} if isinstance(body, Mapping) else {}
            return answer, [encode(record) for record in rows(body)], beside
        records, envelope = split(answer.content)
        return answer, records, envelope

    return cut


def _rows(stream: Stream, about: Any) -> Callable[[Any], Sequence[Any]] | None:
    return None if stream.rows is None else partial(stream.rows, about)


async def _whole(
    client: Client, request: Request, paging: Paging | None, cut: Callable[[Answer], Split]
) -> list[bytes]:
    """Every record of a short list. Raises ``Retry`` for one that repeats itself."""
    seen: set[int] = set()
    found: list[bytes] = []
    following = paging.first(request) if paging is not None else request
    while True:
        answer, records, envelope = await client.fetch(following, cut)
        mark = hash(tuple(records))
        if records and mark in seen:
            raise Retry("a list repeats itself")
        seen.add(mark)
        found += records
        after = paging.next(following, answer, len(records), envelope) if paging is not None else None
        if after is None:
            return found
        following = after


# --- many requests in place of a list -------------------------------------------------------------------


async def _answers(client: Client, stream: Stream, window: Window) -> AsyncGenerator[Page, None]:
    """Pages of the answers to every request of ``stream``, a few requests each.

    A refused one ends its part, which the page names. When all parts are refused, the first refusal is raised.
    """
    waiting = deque(stream.asks(window, client.system) if stream.asks is not None else ())
    parts = {ask.part for ask in waiting}
    refused: dict[str, Reject] = {}
    number = 0
    while True:
        number += 1
        first = [waiting.popleft() for _ in range(min(TOGETHER, len(waiting)))]
        chunk = [ask for ask in first if ask.part not in refused]
        answers = await together(_answer(client, stream, ask) for ask in chunk)
        records: list[bytes] = []
        news: list[tuple[str, str]] = []
        for ask, (found, further) in zip(chunk, answers, strict=True):
            waiting.extend(further)
            parts |= {one.part for one in further}
            if not isinstance(found, Reject):
                records += found
            elif ask.part not in refused:
                refused[ask.part] = found
                news.append((ask.part, found.reason))
        if parts and refused.keys() == parts:
            raise next(iter(refused.values()))
        records = await with_documents(client, stream.document, records)
        yield Page(records, number, clock.now(), is_last=not waiting, refused=tuple(news))
        if not waiting:
            return


async def _answer(client: Client, stream: Stream, ask: Ask) -> tuple[list[bytes] | Reject, Sequence[Ask]]:
    """What an ask was answered, or its refusal, and what is to be asked as well."""
    cut = _cutter(stream.records, stream.paging, _rows(stream, ask.about), stream.decode)
    try:
        try:
            found = await _whole(client, ask.request, stream.paging, cut)
        except Reject as error:
            if stream.further is None:
                raise
            return [], stream.further(ask, error, client.system)
        return found, stream.further(ask, len(found), client.system) if stream.further is not None else ()
    except Reject as error:
        return error, ()


# --- a folder in place of a list ------------------------------------------------------------------------


async def _dropped(client: Client, stream: Stream, window: Window) -> AsyncGenerator[Page, None]:
    """A page for each file of the folder that is not older than the window, in the order of their names.

    A file that is not JSON is one record, which landing sets aside; a young one may be half written and waits.
    """
    name = client.system.options.get(stream.folder)
    if not name:  # the estate has no such folder: nothing is dropped
        yield Page([], 1, clock.now(), total=0, is_last=True)
        return
    folder = Path(str(name))
    try:
        paths = await asyncio.to_thread(lambda: sorted(p for p in folder.iterdir() if p.suffix == ".json"))
    except OSError as error:
        raise Reject(
            f"the folder of {stream.folder} cannot be read ({error.strerror})", code="folder"
        ) from None
    number = 0
    for path in paths:
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if window.start is not None and at < window.start:
            continue
        content = await asyncio.to_thread(path.read_bytes)
        try:
            message = decode(content)
            rows = stream.rows(path.name, message) if stream.rows is not None else [message]
            records = [encode(row) for row in rows]
        except (msgspec.DecodeError, UnicodeDecodeError, Retry):
            if clock.now() - at < UNFINISHED:
                continue
            records = [content]
        number += 1
        yield Page(records, number, clock.now())
    yield Page([], number + 1, clock.now(), total=None if number else 0, is_last=True)


# --- parts with an address of their own -----------------------------------------------------------------


async def with_parts(client: Client, parts: Sequence[Part], records: list[bytes]) -> list[bytes]:
    """``records`` with every part of each read to its end and put in; one that fails fails them all."""
    if not parts:
        return records
    return await together(_with_parts(client, parts, record) for record in records)


async def _with_parts(client: Client, parts: Sequence[Part], line: bytes) -> bytes:
    record = decode(line)
    if not isinstance(record, dict):
        return line
    asked = [
        (part, request) for part in parts if (request := _asked(part, record, client.system)) is not None
    ]
    for part in parts:
        *steps, last = part.path.split(".")
        holder = _at(record, ".".join(steps)) if steps else record
        if isinstance(holder, dict) and not isinstance(holder.get(last), list):
            holder[last] = []  # nothing there, or a link in its place
    lists = await together(
        _whole(client, request, part.paging, _cutter(part.records, part.paging)) for part, request in asked
    )
    for (part, _), rows in zip(asked, lists, strict=True):
        held = _list_at(record, part.path)
        if len(rows) < len(held):
            raise Retry(
                f"the list for {part.path} holds {len(rows)} rows, fewer than the {len(held)} in the record"
            )
        held[:] = [decode(row) for row in rows]
    return encode(record)


def _asked(part: Part, record: Mapping[str, Any], system: System) -> Request | None:
    """The request for a part. A record of another shape has none: landing sets it aside."""
    try:
        return part.request(record, system)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


# --- documents ------------------------------------------------------------------------------------------


async def with_documents(client: Client, document: Document | None, records: list[bytes]) -> list[bytes]:
    """``records`` with what is made of each one's document put on it."""
    if document is None:
        return records
    return await together(_with_document(client, document, record) for record in records)


async def _with_document(client: Client, document: Document, line: bytes) -> bytes:
    record = decode(line)
    asked = document.request(record, client.system)
    content: bytes | None = None
    if asked is not None:
        request = asked

        def read(answer: Answer) -> bytes | None:
            return None if answer.status in request.absent else answer.content

        content = await client.fetch(request, read)
    return encode(record | dict(document.fields(record, content, client.system)))


# --- nested lists ---------------------------------------------------------------------------------------


async def completed(client: Client, inner: Sequence[Inner], records: list[bytes]) -> list[bytes]:
    """``records`` with every nested list that a page cut off read to its end."""
    cut = [i for i, record in enumerate(records) if inner and GOES_ON.search(record)]
    if not cut:
        return records
    whole = await together(_complete(client, inner, records[i]) for i in cut)
    records = list(records)
    for i, record in zip(cut, whole, strict=True):
        records[i] = record
    return records


async def _complete(client: Client, inner: Sequence[Inner], line: bytes) -> bytes:
    record = decode(line)
    for part in inner:
        for holder, connection in _connections(record, record, part.path.split(".")):
            await _read_on(client, part, holder, connection)
    return encode(record)


def _connections(holder: Any, value: Any, steps: Sequence[str]) -> list[tuple[Any, dict[str, Any]]]:
    """(holder, connection) for every connection at the path; an element of a list on the way is a holder."""
    if isinstance(value, list):
        return [found for element in value for found in _connections(element, element, steps)]
    if not isinstance(value, dict):
        return []
    if not steps:
        return [(holder, value)]
    return _connections(holder, value.get(steps[0]), steps[1:])


async def _read_on(
    client: Client, part: Inner, holder: Mapping[str, Any], connection: dict[str, Any]
) -> None:
    seen: set[str] = set()
    while (info := connection.get("pageInfo")) and info.get("hasNextPage"):
        after = info.get("endCursor")
        if not isinstance(after, str) or after in seen:
            raise Retry(f"the nested list {part.path} says it goes on but gives no new cursor")
        seen.add(after)
        more: Any = await client.fetch(part.request(holder, after), lambda answer: decode(_json(answer)))
        for step in part.answer.split("."):
            more = more.get(step) if isinstance(more, dict) else None
        if not isinstance(more, dict):
            raise Retry(f"the rest of the nested list {part.path} was not in the answer")
        for name in ("nodes", "edges"):
            if name in connection or name in more:
                connection[name] = [*(connection.get(name) or ()), *(more.get(name) or ())]
        connection["pageInfo"] = more.get("pageInfo") or {"hasNextPage": False}


def _json(answer: Answer) -> bytes:
    try:
        msgspec.json.decode(answer.content, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise Retry(f"the answer is not whole JSON ({error})") from None
    return answer.content


# --- exports --------------------------------------------------------------------------------------------


async def bulk(
    client: Client, stream: Stream, window: Window, *, resume: str | None, on_started: Callable[[str], None]
) -> AsyncGenerator[bytes, None]:
    """Every record of the export, whole. Raises Reject when the stream has none or the export failed."""
    export = stream.bulk
    if export is None:
        raise Reject(f"{stream.name} has no export", code="no_bulk")
    operation = resume
    if operation is None:
        operation = await client.fetch(
            export.start(window, client.system), lambda answer: _started(export, answer)
        )
        on_started(operation)
        client.crash("bulk_started")
    url = await _finished(client, export, operation)
    if not url:
        return
    partial: list[str] = []
    async with (
        aclosing(client.lines(url)) as lines,
        aclosing(_reassembled(export, stream.key, lines)) as records,
    ):
        async for record in records:
            if export.is_partial is None or export.again is None or not export.is_partial(decode(record)):
                yield record
                continue
            partial.append(str(_at(decode(record), stream.key)))
            if len(partial) == export.again_batch:
                for whole in await _again(client, stream, export, partial):
                    yield whole
                partial = []
    if partial:
        for whole in await _again(client, stream, export, partial):
            yield whole


def _started(export: Bulk, answer: Answer) -> str:
    return export.started(answer.json())


async def _finished(client: Client, export: Bulk, operation: str) -> str:
    """The address of the export's file, "" when it holds nothing, once it is ready."""
    began, pause = clock.now(), POLL_FIRST
    while True:
        request = export.poll(operation, client.system)
        url: str | None = await client.fetch(request, lambda answer: export.finished(answer.json()))
        if url is not None:
            return url
        if (clock.now() - began).total_seconds() > POLL_PATIENCE:
            raise Retry(f"the export {operation} does not finish")
        await clock.sleep(pause)
        pause = min(pause * 1.5, POLL_LAST)


async def _again(client: Client, stream: Stream, export: Bulk, ids: Sequence[str]) -> list[bytes]:
    """The whole records of ``ids``; one that is gone meanwhile is left out, as a later read would."""
    if export.again is None:
        return []
    split = splitter(export.again_records)
    records = await client.fetch(export.again(ids), lambda answer: split(answer.content)[0])
    return await completed(client, stream.inner, [record for record in records if record != b"null"])


async def _reassembled(export: Bulk, key: str, lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Parents with their children put back. A parent goes out when the next one begins."""
    family: dict[str, dict[str, Any]] = {}
    root: dict[str, Any] | None = None
    async for line in lines:
        if CHILD in line:
            child = decode(line)
            parent = family.get(str(child.pop("__parentId", "")))
            if parent is None or root is None:
                raise Reject("the export is not grouped: a child came without its parent", code="bulk_order")
            kind = _kind(child.get("id"))
            path = export.children.get(kind)
            if path is None:
                raise Reject(f"the export holds children of an undeclared kind {kind!r}", code="bulk_kind")
            _list_at(parent, path).append(child)
            if child.get("id") is not None:
                family[str(child["id"])] = child
            continue
        if root is not None:
            yield encode(root)
        root = decode(line)
        if not isinstance(root, dict):
            raise Reject("a line of the export is no object", code="bulk_line")
        for path in export.children.values():
            _list_at(
                root, path
            )  # a parent without children has the list all the same, as a page would give it
        family = {str(_at(root, key)): root}
    if root is not None:
        yield encode(root)


def _kind(gid: Any) -> str:
    """``LineItem`` of ``gid://shopify/LineItem/1?x=y``."""
    parts = str(gid).split("/")
    return parts[-2] if len(parts) > 1 else ""


def _at(record: Any, path: str) -> Any:
    for step in path.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return record


def _list_at(record: dict[str, Any], path: str) -> list[Any]:
    """The list at ``path``, made when it is not there."""
    *steps, last = path.split(".")
    for step in steps:
        if not isinstance(record.get(step), dict):
            record[step] = {}
        record = record[step]
    if not isinstance(record.get(last), list):
        record[last] = []
    found: list[Any] = record[last]
    return found
