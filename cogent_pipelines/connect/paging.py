"""Where the next page is, and cutting a page into records without decoding them.

Belongs here: the ways of paging a vendor file can declare, the page splitter, the guard against repetition.
Does not belong here: sending (``client``), or what a record means (``landing`` checks it, dbt reads it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urljoin

import msgspec

from cogent_pipelines.connect.spec import Answer, Json, Request
from cogent_pipelines.errors import Retry

Raws = list[msgspec.Raw]
Beside = Mapping[str, Any]
"""What stood beside the records in the body."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer's records, each still as the bytes it came in."""

    records: list[bytes]
    number: int
    read_at: datetime
    total: int | None = None
    """The vendor's own count of the whole list, where it gives one."""
    is_last: bool = False
    note: str = ""
    """Why the list ended otherwise than it should; such a read is not complete."""
    refused: tuple[tuple[str, str], ...] = ()
    """(part, the vendor's words) of parts that were refused and left out (``Ask.part``)."""


# --- ways of paging -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GraphqlCursor:
    """Relay cursors: ``pageInfo`` at ``path`` in the body; its end goes into the next ``variable``."""

    path: str
    variable: str = "after"
    beside: tuple[str, ...] = ("pageInfo",)

    def first(self, request: Request) -> Request:
        return request

    def next(self, request: Request, answer: Answer, count: int, envelope: Beside) -> Request | None:
        info = envelope.get("pageInfo") or _dig(answer.json(), self.path)
        if info is None:
            if count:
                raise Retry(f"the page holds records but no {self.path}")
            return None
        if not info.get("hasNextPage"):
            return None
        after = info.get("endCursor")
        if not isinstance(after, str) or after == request.body["variables"].get(self.variable):
            raise Retry("the list says it goes on but gives no new cursor")
        return _variables(request, {self.variable: after})


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages counted from one. Ends at the count of pages or records, else at a short page, or when the list repeats itself.

    What is counted need not be shown: a page before the last may be empty.
    """

    size: int = 100
    page: str = "page"
    page_size: str = "page_size"
    total_header: str = "x-total-count"
    pages_header: str = "x-total-pages-count"
    total_path: str = ""
    """Dotted path of the count of records, where it stands beside the records in the body and not in a header."""
    pages_path: str = ""
    """The same of the count of pages."""
    start: int = 1
    full: int | None = None
    """Where nothing is counted, a page of fewer records is the last; None: than ``size`` (see ``Keyset.full``)."""
    drifts: bool = True
    """Records move between pages while others come and go, so a count taken at the start must be reached."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What of the body is looked at."""
        return tuple(dict.fromkeys(p.split(".")[0] for p in (self.total_path, self.pages_path) if p))

    def first(self, request: Request) -> Request:
        return with_params(request, {self.page_size: str(self.size), self.page: str(self.start)})

    def next(self, request: Request, answer: Answer, count: int, envelope: Beside) -> Request | None:
        number = int(dict(request.params)[self.page])
        pages = _count(answer, self.pages_header, envelope, self.pages_path)
        total = _count(answer, self.total_header, envelope, self.total_path)
        if pages is None and total is not None:
            pages = -(-total // self.size)
        if pages is not None:
            if number - self.start + 1 >= pages:
                return None
        elif not count or count < (self.size if self.full is None else self.full):
            return None
        return with_params(request, {self.page: str(number + 1)})

    def total(self, answer: Answer) -> int | None:
        """The vendor's count of the list; fit as ``Stream.total``."""
        return _count(answer, self.total_header, answer.json() if self.total_path else {}, self.total_path)


@dataclass(frozen=True, slots=True)
class Keyset:
    """Records in order of a key; each page begins behind the last key of the one before.

    What changes, comes or goes while the list is read moves no other record from page to page. A list that is not in
    order, or begins again, is an error: half of it must never pass for the whole. Keys are whole numbers and rise; where
    ``more`` says how it goes on, they are any text, in the vendor's own order.
    """

    behind: Callable[[Request, Any], Request]
    """(request, last key: a number, or text with ``more``; None before the first page) -> the request for the page behind
    that key."""
    full: int = 1
    """A page of fewer records is the last. Where a vendor may give less than it was asked for without a word, the
    least it does give: its default size, or 1, when only an empty page is the end."""
    key: str = "id"
    """Dotted path of the key in a record."""
    records: str = ""
    """Dotted path of the list in the answer, as ``Stream.records``."""
    total_path: str = ""
    """Dotted path, beside the records, of the count of what is behind the key, where the vendor counts it at each page:
    a page that holds so many is the last, and no other."""
    more: str = ""
    """Name of the flag beside the records that says whether more follow, where there is one."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What of the body is looked at."""
        return tuple(name for name in (self.total_path.split(".")[0], self.more) if name)

    def first(self, request: Request) -> Request:
        return self.behind(request, None)

    def next(self, request: Request, answer: Answer, count: int, envelope: Beside) -> Request | None:
        left = _count(answer, "", envelope, self.total_path) if self.total_path else None
        if left and not count:
            raise Retry(f"the list counts {left} more records and shows none")
        if self.more:
            is_last = not envelope.get(self.more)
        else:
            is_last = not count or (count < self.full if left is None else count >= left)
        if is_last:
            return None
        found = keys(self.key)(splitter(self.records)(answer.content)[0])
        if self.more:
            if not (found and found[-1]):
                raise Retry("the list says it goes on but gives no key to go on behind")
            return self._new(request, found[-1])
        if not all(text.isdigit() for text in found) or sorted(found, key=int) != found:
            raise Retry(f"the list is not in order of its {self.key}")
        return self._new(request, int(found[-1]))

    def _new(self, request: Request, last: int | str) -> Request:
        following = self.behind(request, last)
        if following == request:
            raise Retry("the list begins again where it should go on")
        return following


@dataclass(frozen=True, slots=True)
class Offset:
    """``offset`` and ``limit`` parameters; ends at a short page."""

    size: int = 100
    offset: str = "offset"
    limit: str = "limit"
    beside: tuple[str, ...] = ()
    drifts: bool = True

    def first(self, request: Request) -> Request:
        return with_params(request, {self.limit: str(self.size), self.offset: "0"})

    def next(self, request: Request, answer: Answer, count: int, envelope: Beside) -> Request | None:  # noqa: ARG002
        if count < self.size:
            return None
        return with_params(request, {self.offset: str(int(dict(request.params)[self.offset]) + count)})


@dataclass(frozen=True, slots=True)
class Link:
    """The answer names the next page's address, in its ``Link`` header or beside the records.

    The client refuses an address on another host. The address carries all parameters: those of the first request go
    with that one only.
    """

    path: str = ""
    """Dotted path, beside the records, of the address or of a list of links (see ``next_link``); "" reads the
    ``Link`` header."""
    complete: str = ""
    """Name of the flag beside the records that says whether the list is whole, where there is one: it counts more than
    the links do. A list that calls itself incomplete and leads nowhere is an error, no end."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What of the body is looked at."""
        return tuple(name for name in (self.path.split(".")[0], self.complete) if name)

    def first(self, request: Request) -> Request:
        return request

    def next(self, request: Request, answer: Answer, count: int, envelope: Beside) -> Request | None:  # noqa: ARG002
        is_complete = envelope.get(self.complete) if self.complete else None
        if is_complete is True:
            return None
        found = _dig(envelope, self.path) if self.path else _next_link(answer.headers.get("link", ""))
        address = next_link(found) if isinstance(found, list) else found
        if not isinstance(address, str) or not address:
            if is_complete is False:
                raise Retry("the list says it goes on but gives no next link")
            return None
        return replace(request, path=urljoin(request.path, address), params=())


def next_link(links: Json) -> str:
    """Where the link whose ``rel`` is ``next`` leads, of a list of links with ``rel`` and ``href``; "" where none does."""
    found = [link for link in links or () if isinstance(link, Mapping) and link.get("rel") == "next"]
    return str(found[0].get("href") or "") if found else ""


def _next_link(header: str) -> str:
    for part in header.split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest or "rel=next" in rest:
            return address.strip().strip("<>")
    return ""


def _dig(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _count(answer: Answer, header: str, beside: Beside, path: str) -> int | None:
    """A count in the body where ``path`` says one is, else in a header; None where there is none."""
    text = str(_dig(beside, path)) if path else answer.headers.get(header, "")
    return int(text) if text.isdigit() else None


def with_params(request: Request, changes: Mapping[str, str]) -> Request:
    """``request`` with ``changes`` among its parameters."""
    kept = tuple((k, v) for k, v in request.params if k not in changes)
    return replace(request, params=(*kept, *changes.items()))


def _variables(request: Request, changes: Mapping[str, Json]) -> Request:
    return replace(
        request, body={**request.body, "variables": {**(request.body.get("variables") or {}), **changes}}
    )


# --- cutting a page -------------------------------------------------------------------------------------


@cache
def splitter(
    path: str, beside: tuple[str, ...] = ()
) -> Callable[[bytes], tuple[list[bytes], dict[str, Any]]]:
    """A function that cuts a body into the records at ``path`` and what stands ``beside`` them.

    The records are skipped over, not decoded. The path may lead through lists, whose records are then joined.
    A null on the way means there are none; a missing step is an error, because an answer of another shape
    must never pass for an empty list. Raises ``Retry``.
    """
    steps = path.split(".") if path else []
    decoder = msgspec.json.Decoder(_envelope(steps, beside) if steps else Raws)

    def split(content: bytes) -> tuple[list[bytes], dict[str, Any]]:
        try:
            level: list[Any] = [decoder.decode(content)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            begins = content[:60].decode("utf-8", "replace")
            raise Retry(f"the page is not the JSON expected ({error}); it begins {begins!r}") from None
        parents: list[Any] = []
        for _ in steps:
            parents, found = level, [parent.records for parent in level]
            if any(value is msgspec.UNSET for value in found):
                raise Retry(f"the page holds no {path}")
            level = [part for value in found for part in _parts(value)]
        envelope = (
            {name: getattr(parents[-1], f"beside{i}") for i, name in enumerate(beside)} if parents else {}
        )
        records = level if steps else level[0]
        return [bytes(record) for record in records], envelope

    return split


def _parts(value: Any) -> Sequence[Any]:
    return () if value is None else value if isinstance(value, list) else (value,)


def _envelope(steps: Sequence[str], beside: tuple[str, ...]) -> Any:
    """A struct type for the objects on the way to the records, the innermost with what stands beside them."""
    kind: Any = Raws | None | msgspec.UnsetType
    for depth, step in enumerate(reversed(steps)):
        fields: list[tuple[str, Any, Any]] = [("records", kind, msgspec.UNSET)]
        names = {"records": step}
        if depth == 0:
            fields += [(f"beside{i}", Any, None) for i in range(len(beside))]
            names |= {f"beside{i}": name for i, name in enumerate(beside)}
        struct = msgspec.defstruct("Envelope", fields, rename=names, gc=False)
        kind = struct | list[struct] | None | msgspec.UnsetType  # type: ignore[valid-type]
    return struct


@cache
def keys(path: str) -> Callable[[Sequence[bytes]], list[str]]:
    """A function that reads the key at ``path`` of each record, as text ("" where there is none)."""
    kind: Any = msgspec.Raw | msgspec.UnsetType
    for step in reversed(path.split(".")):
        kind = msgspec.defstruct("Keyed", [("key", kind, msgspec.UNSET)], rename={"key": step}, gc=False)
    decoder = msgspec.json.Decoder(kind)
    depth = range(len(path.split(".")))

    def read(records: Sequence[bytes]) -> list[str]:
        found = []
        for record in records:
            try:
                value: Any = decoder.decode(record)
                for _ in depth:
                    value = getattr(value, "key", msgspec.UNSET)
            except (msgspec.DecodeError, UnicodeDecodeError):
                value = msgspec.UNSET
            found.append("" if value is msgspec.UNSET else bytes(value).decode("utf-8", "replace").strip('"'))
        return found

    return read


class Repetition:
    """Notices a page that was there before: byte for byte at any time, or by its ids right after itself."""

    def __init__(self, key: str) -> None:
        self._keys = keys(key)
        self._seen: set[int] = set()
        self._previous: list[str] = []

    def repeats(self, records: Sequence[bytes], *, by_key: bool) -> bool:
        """Whether this page repeats; remembers it."""
        if not records:
            return False
        mark = hash(tuple(hash(record) for record in records))
        known = mark in self._seen
        self._seen.add(mark)
        if by_key:
            ids = self._keys(records)
            known = known or ids == self._previous
            self._previous = ids
        return known
