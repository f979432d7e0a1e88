"""Shopify's search: its query language, the index that runs behind the writes, and Relay paging over both.

Belongs here: reading a ``query:`` text, keeping an index of one kind of record, cutting pages and making
cursors.
Does not belong here: which fields of a record can be searched (the resolvers' files say so).

A search never looks at the records themselves but at what was indexed of them, some seconds ago; the records
it finds are then shown as they are now.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal

Doc = Mapping[str, Any]
Test = Callable[[Doc], bool]
LARGEST_PAGE = 250


# --- the query language -------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<not>-(?=\S))?(?:(?P<field>[A-Za-z_][\w.]*):)?(?P<op>>=|<=|>|<)?\s*
    (?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s()]+))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """``field:op value``; a term without a field searches the text fields."""

    field: str
    op: str
    value: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search text, read: a test for one indexed record, and what the test says about ranges."""

    test: Test
    floors: Mapping[str, datetime]  # records below these instants cannot match
    unknown: tuple[str, ...]  # fields that cannot be searched


@dataclass(slots=True)
class _Parser:
    tokens: list[tuple[str, Any]]
    at: int = 0

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self) -> tuple[str, Any]:
        self.at += 1
        return self.tokens[self.at - 1]

    def any_of(self) -> tuple[str, Any]:
        parts = [self.all_of()]
        while self.peek() == "or":
            self.next()
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else ("or", parts)

    def all_of(self) -> tuple[str, Any]:
        parts = [self.one()]
        while self.peek() not in ("", "or", "close"):
            if self.peek() == "and":
                self.next()
                continue
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else ("and", parts)

    def one(self) -> tuple[str, Any]:
        kind = self.peek()
        if kind == "not":
            self.next()
            return ("not", self.one())
        if kind == "open":
            self.next()
            inner = self.any_of()
            if self.peek() == "close":
                self.next()
            return inner
        if kind == "term":
            return self.next()
        if kind:
            self.next()
        return ("and", [])


def _tokens(text: str) -> Iterator[tuple[str, Any]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return
        position = match.end()
        if match["open"] or match["close"]:
            yield ("open" if match["open"] else "close", None)
            continue
        value = match["value"]
        bare = not match["field"] and not match["op"]
        if bare and value in ("AND", "OR", "NOT"):
            yield (value.lower(), None)
            continue
        if match["not"]:
            yield ("not", None)
        is_quoted = value[0] in "'\"" and len(value) > 1
        inner = re.sub(r"\\(.)", r"\1", value[1:-1]) if is_quoted else value
        yield ("term", Term(match["field"] or "", match["op"] or "", inner, is_quoted))


def _moment(field_name: str, text: str, now: datetime) -> tuple[datetime, timedelta]:
    """An instant and how long the text means by it: a whole second, a day, a year."""
    if text == "now":
        return now, timedelta(seconds=1)
    try:
        if re.fullmatch(r"\d{4}", text):
            return datetime(int(text), 1, 1, tzinfo=UTC), timedelta(days=365)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC), timedelta(days=1)
        read = datetime.fromisoformat(text)
    except ValueError:
        raise refusal(f"Invalid timestamp for query filter `{field_name}`.", "BAD_REQUEST") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)), timedelta(seconds=1)


def _time_test(term: Term, moment: datetime, span: timedelta, *, by_day: bool) -> Test:
    name, op = term.field, term.op
    if by_day:
        moment, span = (
            datetime.combine(moment.astimezone(UTC).date(), datetime.min.time(), UTC),
            timedelta(days=1),
        )

    def test(doc: Doc) -> bool:
        value = doc.get(name)
        if value is None:
            return False
        if op in (">", ">="):  # the vendor's `>` behaves like `>=`
            return bool(value >= moment)
        if op == "<":
            return bool(value < moment)
        if op == "<=":
            return bool(value < moment + span)
        return bool(moment <= value < moment + span)

    return test


def _number_test(term: Term) -> Test:
    name, op = term.field, term.op
    try:
        wanted = Decimal(term.value)
    except ArithmeticError:
        return lambda _doc: False
    compare: Mapping[str, Callable[[Any], bool]] = {
        "": lambda value: value == wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
    }
    check = compare[op]
    return lambda doc: doc.get(name) is not None and check(doc[name])


def _text_test(term: Term) -> Test:
    """A text matches whole, in any case, or by its beginning before a ``*`` (INFERRED)."""
    name = term.field
    wanted = [term.value] if term.is_quoted else term.value.split(",")
    wanted = [each.casefold().lstrip("#") for each in wanted]

    def matches(value: object) -> bool:
        text = str(value).casefold().lstrip("#")
        return any(text == each or (each.endswith("*") and text.startswith(each[:-1])) for each in wanted)

    def test(doc: Doc) -> bool:
        value = doc.get(name)
        if isinstance(value, (list, tuple)):
            return any(matches(each) for each in value)
        return value is not None and matches(value)

    return test


def read(text: str, fields: Mapping[str, str], now: datetime) -> Query:
    """Read a search text. ``fields``: name -> time, day, number, text, or flag (true or false).

    A field that cannot be searched is left out of the search, not refused, and the answer's extensions name
    it (INFERRED: the vendor's documents are silent).
    """
    return _read(
        text, tuple(sorted(fields.items())), now if "now" in text else datetime.min.replace(tzinfo=UTC)
    )


@lru_cache(maxsize=512)
def _read(text: str, items: tuple[tuple[str, str], ...], now: datetime) -> Query:
    fields = dict(items)
    parser = _Parser(list(_tokens(text)))
    tree = parser.any_of() if parser.tokens else ("and", [])
    floors: dict[str, datetime] = {}
    unknown: list[str] = []

    def build(node: tuple[str, Any], *, is_sure: bool) -> Test:
        kind, content = node
        if kind == "term":
            return leaf(content, is_sure=is_sure)
        if kind == "not":
            inner = build(content, is_sure=False)
            return lambda doc: not inner(doc)
        tests = [build(each, is_sure=is_sure and kind == "and") for each in content]
        if kind == "or":
            return lambda doc: any(test(doc) for test in tests)
        return lambda doc: all(test(doc) for test in tests)

    def leaf(term: Term, *, is_sure: bool) -> Test:
        if not term.field:
            wanted = term.value.casefold().rstrip("*")
            return lambda doc: wanted in str(doc.get("default", "")).casefold()
        name = "tag" if term.field == "tag_not" else term.field
        kind = fields.get(name)
        if kind is None:
            unknown.append(term.field)
            return lambda _doc: True
        if kind in ("time", "day"):
            moment, span = _moment(term.field, term.value, now)
            if is_sure and term.op in (">", ">=") and kind == "time":
                floors[term.field] = max(moment, floors.get(term.field, moment))
            return _time_test(term, moment, span, by_day=kind == "day")
        if kind == "number":
            return _number_test(term)
        if kind == "flag":
            return lambda doc: bool(doc.get(term.field)) == (term.value.casefold() == "true")
        inner = _text_test(Term(name, term.op, term.value, term.is_quoted))
        return (lambda doc: not inner(doc)) if term.field == "tag_not" else inner

    return Query(build(tree, is_sure=True), floors, tuple(unknown))


# --- pages --------------------------------------------------------------------------------------------


class Page(NamedTuple):
    """A connection's content: ``(cursor, node)`` pairs and what lies around them."""

    edges: Sequence[tuple[str, Any]]
    has_next: bool
    has_previous: bool


def cursor_of(identity: Any, value: Any) -> str:
    """The vendor's kind of cursor: where the list stood, not how far it was."""
    place = {"last_id": identity, "last_value": str(value)}
    return base64.b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def _place(cursor: str) -> tuple[str, Any]:
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
        identity = place["last_id"]
        return str(place["last_value"]), tuple(identity) if isinstance(identity, list) else identity
    except (ValueError, KeyError, TypeError):
        raise refusal("Invalid cursor for current pagination sort.", "BAD_REQUEST") from None


def bounds(first: int | None, last: int | None) -> int:
    """How many nodes are asked for; refuses what the vendor refuses."""
    if first is None and last is None:
        raise refusal("you must provide one of first or last", "BAD_REQUEST")
    if first is not None and last is not None:
        raise refusal("providing both first and last is not supported", "BAD_REQUEST")
    number = first if first is not None else last
    if number is None or not 0 <= number <= LARGEST_PAGE:
        # the words for a page too large have no recording (INFERRED)
        raise refusal(f"first and last must be between 0 and {LARGEST_PAGE}", "BAD_REQUEST")
    return number


def places(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The paging arguments among a field's arguments."""
    return {
        "first": arguments.get("first"),
        "after": arguments.get("after"),
        "last": arguments.get("last"),
        "before": arguments.get("before"),
        "reverse": bool(arguments.get("reverse")),
    }


def page_of(
    items: Sequence[Any],
    identify: Callable[[Any], Any],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    reverse: bool = False,
) -> Page:
    """A page of a short list that hangs below one record, in the list's own order."""
    number = bounds(first, last)
    rows = list(reversed(items)) if reverse else items
    start, stop = 0, len(rows)
    if after is not None or before is not None:
        places = {str(identify(row)): index for index, row in enumerate(rows)}
        if after is not None:
            start = places.get(str(_place(after)[1]), -1) + 1
        if before is not None:
            stop = places.get(str(_place(before)[1]), len(rows))
    low, high = (start, min(stop, start + number)) if first is not None else (max(start, stop - number), stop)
    edges = []
    for row in rows[low:high]:
        key = identify(row)
        edges.append((cursor_of(key, key), row))
    return Page(edges, high < len(rows), low > 0)


# --- the index ----------------------------------------------------------------------------------------

SWEEP = timedelta(hours=6)  # how often every record is looked at, whatever the change log says
OVERLAP = timedelta(hours=1)  # how far back the change log is read again


def _sortable(doc: Doc, name: str) -> Any:
    value = doc.get(name)
    if isinstance(value, datetime):
        return _written(value)
    return value if isinstance(value, int) else str(value or "")


def _written(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")[:26]


@dataclass(slots=True)
class Index:
    """What has been indexed of one kind of record, in every order anybody has asked for.

    ``describe`` gives the searchable fields of a record; ``stamp`` when it last changed; ``rows`` all records
    by key; ``changed`` the keys of those changed since an instant.
    """

    rows: Callable[[], Mapping[Any, Any]]
    stamp: Callable[[Any], datetime]
    describe: Callable[[Any], dict[str, Any]]
    changed: Callable[[datetime], Iterable[Any]] | None = None
    state: Callable[[Any], Any] | None = None  # what else makes a record another one than was indexed
    born: Callable[[Any], datetime] | None = None  # when a record came to be
    docs: dict[Any, dict[str, Any]] = field(default_factory=dict)
    _seen: dict[Any, Any] = field(default_factory=dict)
    _waiting: dict[Any, datetime] = field(default_factory=dict)
    _orders: dict[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    _swept_at: datetime | None = None
    _looked_at: datetime | None = None

    def refresh(self, now: datetime, lag: float) -> None:
        """Index what changed at least ``lag`` seconds ago."""
        horizon = now - timedelta(seconds=lag)
        rows = self.rows()
        is_sweep = self._swept_at is None or self.changed is None or now - self._swept_at > SWEEP
        if is_sweep:
            keys: Iterable[Any] = rows
            self._swept_at = now
            for key in [key for key in self._seen if key not in rows]:
                self._forget(key)
        else:
            keys = self.changed((self._looked_at or now) - OVERLAP)  # type: ignore[misc]
        self._looked_at = now
        seen, waiting, stamp, state = self._seen, self._waiting, self.stamp, self.state
        for key in keys:
            row = rows.get(key)
            if row is None:
                continue
            at = stamp(row)
            mark = at if state is None else (at, state(row))
            if seen.get(key) == mark:
                continue
            if key not in seen and at > horizon and self.born is not None and self.born(row) <= horizon:
                # nobody looked since it came to be: it is found as it was then, as far as that is known
                self._put(key, {**self.describe(row), "updated_at": self.born(row)})
            seen[key] = mark
            waiting[key] = at
        for key in [key for key, at in waiting.items() if at <= horizon]:
            del waiting[key]
            row = rows.get(key)
            if row is not None:
                self._put(key, self.describe(row))

    def _put(self, key: Any, doc: dict[str, Any]) -> None:
        old = self.docs.get(key)
        self.docs[key] = doc
        for name, order in self._orders.items():
            if old is not None:
                place = bisect_left(order, (_sortable(old, name), key))
                if place < len(order) and order[place][1] == key:
                    del order[place]
            insort(order, (_sortable(doc, name), key))

    def _forget(self, key: Any) -> None:
        old = self.docs.pop(key, None)
        self._seen.pop(key, None)
        self._waiting.pop(key, None)
        for name, order in self._orders.items():
            if old is not None:
                place = bisect_left(order, (_sortable(old, name), key))
                if place < len(order) and order[place][1] == key:
                    del order[place]

    def order(self, name: str) -> list[tuple[Any, Any]]:
        """All indexed records as ``(value, key)``, by one of their fields."""
        if name not in self._orders:
            self._orders[name] = sorted((_sortable(doc, name), key) for key, doc in self.docs.items())
        return self._orders[name]

    def count(self, query: Query) -> int:
        """How many indexed records a search finds."""
        return sum(1 for doc in self.docs.values() if query.test(doc))

    def search(
        self,
        query: Query,
        sort: str,
        *,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
        reverse: bool,
        only: Test | None = None,
        is_whole: bool = False,
    ) -> Page:
        """One page of what a search finds, as it stands now: what changed since the last page has moved."""
        number = len(self.docs) if is_whole else bounds(first, last)
        first = number if is_whole else first
        order = self.order(sort)
        is_descending = reverse
        low, high = 0, len(order)
        if sort in query.floors:
            low = bisect_left(order, (_written(query.floors[sort]),), key=lambda pair: (pair[0],))
        start, stop = (before, after) if is_descending else (after, before)
        if start is not None:
            low = max(low, bisect_right(order, _position(start, order)))
        if stop is not None:
            high = min(high, bisect_left(order, _position(stop, order)))
        walk: Iterable[int] = range(low, high)
        is_from_end = (first is None) != is_descending
        if is_from_end:
            walk = range(high - 1, low - 1, -1)
        rows, docs, test, edges = self.rows(), self.docs, query.test, list[tuple[str, Any]]()
        has_more = False
        for index in walk:
            value, key = order[index]
            doc = docs[key]
            if not test(doc) or (only is not None and not only(doc)):
                continue
            row = rows.get(key)
            if row is None:
                continue
            if len(edges) == number:
                has_more = True
                break
            edges.append((cursor_of(key, value), row))
        if first is None:
            edges.reverse()
        around = after is not None if first is not None else before is not None
        has_next, has_previous = (has_more, around) if first is not None else (around, has_more)
        return Page(edges, has_next, has_previous)


def _position(cursor: str, order: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    value, key = _place(cursor)
    if order and isinstance(order[0][0], int):
        return (int(value) if re.fullmatch(r"-?\d+", value) else 0), key
    return value, key
