"""How Fulfil is asked and answers, whatever the model: domains, dotted fields, order, tagged values.

Belongs here: reading a search's body, choosing and sorting records by it, and the objects that name their class.
Does not belong here: what records there are (``fulfil_models``), routes and limits (``fulfil``).

A record is a mapping of plain Python values: money ``Decimal``, days ``date``, instants naive UTC ``datetime``,
many2one an id, x2many a list of ids.

INFERRED, as the brief does not show them: the words and the status (400) with which a field or an operator that
there is not, a path through a list and a value of the wrong class are refused; that an unknown key of a body is
overlooked; that records withdrawn are listed only when ``active`` is asked about.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Record = Mapping[str, Any]

MAXIMUM = 500


class Late(Mapping[str, Any]):
    """A record of which only the fields that searches ask about are made at once, the others when one is asked for."""

    def __init__(self, head: Record, whole: Callable[[], Record]) -> None:
        self._fields: Record = head
        self._whole: Callable[[], Record] | None = whole

    def _all(self) -> Record:
        if self._whole is not None:
            self._fields = {**self._fields, **self._whole()}
            self._whole = None
        return self._fields

    def __getitem__(self, name: str) -> Any:
        return (self._fields if name in self._fields else self._all())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, code: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.code = code
        self.body = body
        self.headers = dict(headers or {})


def http_error(code: int, name: str, description: str) -> Refusal:
    """An error of the HTTP level."""
    return Refusal(code, {"code": code, "name": name, "description": description})


def user_error(message: str, code: str = "E1000") -> Refusal:
    """A rule of the business says no."""
    return Refusal(400, {"type": "UserError", "code": code, "message": message, "description": ""})


def bad(description: str) -> Refusal:
    """A request that makes no sense."""
    return http_error(400, "Bad Request", description)


def missing() -> Refusal:
    """No such record, or no such model."""
    return http_error(404, "Not Found", "Record does not exist")


# --- tagged values ------------------------------------------------------------------------------------


def naive(moment: datetime) -> datetime:
    """An instant as they keep it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment


def encoded(value: Any) -> Any:
    """A value as it goes into JSON."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        day = {"year": value.year, "month": value.month, "day": value.day}
        hour = {"hour": value.hour, "minute": value.minute, "second": value.second}
        text = naive(value).isoformat()
        return {"__class__": "datetime", **day, **hour, "microsecond": value.microsecond, "iso_string": text}
    if isinstance(value, date):
        day = {"year": value.year, "month": value.month, "day": value.day}
        return {"__class__": "date", **day, "iso_string": value.isoformat()}
    if isinstance(value, bytes):
        return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
    return value


def decoded(value: Any) -> Any:
    """A value as it comes out of JSON."""
    if isinstance(value, list):
        return [decoded(part) for part in value]
    if not isinstance(value, dict) or "__class__" not in value:
        return value
    try:
        match value["__class__"]:
            case "Decimal":
                return Decimal(str(value["decimal"]))
            case "datetime":
                return naive(datetime.fromisoformat(value["iso_string"]))
            case "date":
                return date.fromisoformat(value["iso_string"])
    except (KeyError, ValueError, ArithmeticError):
        pass
    raise bad(f"{value.get('__class__')} cannot be read")


# --- domains ------------------------------------------------------------------------------------------

Reader = Callable[[Record, str], Any]
"""(record, perhaps dotted field) -> its value. Raises ``Refusal`` for a field there is not."""


def _like(found: Any, pattern: str, *, folds: bool) -> bool:
    text = str(found or "")
    if folds:
        text, pattern = text.lower(), pattern.lower()
    parts = pattern.split("%")
    if len(parts) == 1:
        return text == pattern
    if not text.startswith(parts[0]) or not text[len(parts[0]) :].endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return at <= len(text) - len(parts[-1])


def _compares(found: Any, operator: str, value: Any) -> bool:
    if found is None or value is None:  # as in SQL: what is not known is neither more nor less
        return False
    try:
        match operator:
            case "<":
                return bool(found < value)
            case "<=":
                return bool(found <= value)
            case ">":
                return bool(found > value)
            case _:
                return bool(found >= value)
    except TypeError:
        raise bad(f"{value!r} cannot be compared with {found!r}") from None


Holds = Callable[[Record, Reader], bool]
"""Whether a domain, or a clause of it, holds for a record."""


def _clause(clause: Sequence[Any]) -> Holds:
    if len(clause) < 3 or not isinstance(clause[1], str):
        raise bad(f"{list(clause)!r} is not a clause")
    field, operator, value = clause[0], clause[1], decoded(clause[2])
    match operator:
        case "=" | "child_of":
            return lambda record, read: bool(read(record, field) == value)
        case "!=":
            return lambda record, read: bool(read(record, field) != value)
        case "in" | "not in":
            if not isinstance(value, list):
                raise bad(f"{operator} needs a list")
            return lambda record, read: (read(record, field) in value) is (operator == "in")
        case "<" | "<=" | ">" | ">=":
            return lambda record, read: _compares(read(record, field), operator, value)
        case "like" | "ilike":
            folds = operator == "ilike"
            return lambda record, read: _like(read(record, field), str(value), folds=folds)
    raise bad(f"{operator!r} is not an operator")


def compiled(domain: Any) -> Holds:
    """What tells whether a domain holds: clauses joined by AND, or by OR where the list begins so.

    Raises ``Refusal`` for a domain that makes no sense; what it makes does so for a field there is not.
    """
    if not isinstance(domain, list):
        raise bad("a domain is a list")
    if domain and isinstance(domain[0], str) and domain[0] not in ("OR", "AND"):
        return _clause(domain)
    parts = [compiled(part) for part in (domain[1:] if domain and isinstance(domain[0], str) else domain)]
    if len(parts) == 1:
        return parts[0]
    if domain and domain[0] == "OR":
        return lambda record, read: any(holds(record, read) for holds in parts)
    return lambda record, read: all(holds(record, read) for holds in parts)


def mentions(domain: Any, field: str) -> bool:
    """Whether a domain speaks of a field."""
    if not isinstance(domain, list) or not domain:
        return False
    return domain[0] == field or any(mentions(part, field) for part in domain)


def through(domain: Any, field: str) -> Any:
    """The same domain about the record that ``field`` leads to; None where it speaks of anything else."""
    if not isinstance(domain, list) or not domain:
        return None
    if isinstance(domain[0], str) and domain[0] not in ("OR", "AND"):
        begins = domain[0].startswith(f"{field}.")
        return [domain[0].removeprefix(f"{field}."), *domain[1:]] if begins else None
    joint = domain[:1] if isinstance(domain[0], str) else []
    parts = [through(part, field) for part in domain[len(joint) :]]
    return None if None in parts or not parts else [*joint, *parts]


# --- searches -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """What a search's body asks for."""

    domain: list[Any]
    offset: int = 0
    limit: int = MAXIMUM
    order: tuple[tuple[str, bool], ...] = ()
    """(field, whether descending)."""
    fields: tuple[str, ...] = ("id", "rec_name")


def read_search(body: Any) -> Search:
    """Either of the two bodies: an object whose key is ``filters``, or domain, offset, limit, order, fields."""
    if isinstance(body, list):
        names = ("filters", "offset", "limit", "order", "fields")
        body = dict(zip(names, body, strict=False))
    if not isinstance(body, dict):
        raise bad("a search is an object or a list")
    limit, offset = body.get("limit"), body.get("offset")
    limit = MAXIMUM if limit is None else limit
    offset = 0 if offset is None else offset
    if not isinstance(limit, int) or not isinstance(offset, int) or limit < 0 or offset < 0:
        raise bad("limit and offset are whole numbers")
    if limit > MAXIMUM:  # a validation, and yet a 429
        raise http_error(429, "Too Many Requests", f"Page size cannot exceed {MAXIMUM}")
    return Search(
        body.get("filters") or [],
        offset,
        limit,
        tuple(_orderings(body.get("order"))),
        tuple(body.get("fields") or ("id", "rec_name")),
    )


def _orderings(order: Any) -> list[tuple[str, bool]]:
    found = []
    for part in order or ():
        name, way = (part, "ASC") if isinstance(part, str) else part
        if str(way).upper() not in ("ASC", "DESC"):
            raise bad(f"{way!r} is not an order")
        found.append((str(name), str(way).upper() == "DESC"))
    return found


def sort(records: Sequence[Record], order: Sequence[tuple[str, bool]], read: Reader) -> list[Record]:
    """Records in order; what has no value comes last."""
    found = sorted(records, key=lambda record: record["id"])
    for field, descends in reversed(order):
        known = [r for r in found if read(r, field) is not None]
        unknown = [r for r in found if read(r, field) is None]
        known.sort(key=lambda record: read(record, field), reverse=descends)
        found = known + unknown
    return found
