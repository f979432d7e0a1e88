"""What a record must look like to be let in, made from the types its raw table declares.

Belongs here: reading a vendor's table declarations, and checking one record's bytes against them, strictly.
Does not belong here: loading (``merge``), or what a value means (dbt).

DuckDB's own typed JSON reader is not a check: it turns 2.7 into 3 and an object into text. So every record is
decoded by msgspec against a struct built from the DuckDB types; the result is thrown away but for its key,
and the bytes go to the file as they came. Decimals need a second look, as no type says how many digits they
may have: a cheap search finds the few records where that can matter.

| declared | accepted JSON |
| --- | --- |
| VARCHAR | string |
| TINYINT .. UBIGINT | integer in range |
| DOUBLE, FLOAT | number |
| DECIMAL(p,s) | string or number, no digit lost |
| BOOLEAN, DATE, TIME | true or false; ISO date; ISO time |
| TIMESTAMPTZ, TIMESTAMP | RFC 3339 with, without a zone |
| JSON | anything |
| STRUCT, T[], MAP | object, array, object |

All may be null or left out, except the key, the version, and a number or a time that is all an object holds, which may
be null. Names not declared are let through (``unseen``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import Annotated, Any, cast

import duckdb
import msgspec
from duckdb.sqltypes import DuckDBPyType

from cogent_pipelines import warehouse
from cogent_pipelines.connect.paging import keys
from cogent_pipelines.connect.reading import decode as decode_exactly
from cogent_pipelines.connect.reading import encode as encode_exactly
from cogent_pipelines.errors import BadInput

INTEGERS = {
    "tinyint": (-(2**7), 2**7 - 1),
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
    "utinyint": (0, 2**8 - 1),
    "usmallint": (0, 2**16 - 1),
    "uinteger": (0, 2**32 - 1),
    "ubigint": (0, 2**64 - 1),
}
WRAPPED = frozenset({"decimal", "date", "timestamp", "timestamp with time zone", "double"})
"""An object of one field that is such a value stands for the value: one without it is of another shape."""
PLAIN: Mapping[str, Any] = {
    "varchar": str,
    "boolean": bool,
    "double": float,
    "float": float,
    "decimal": Decimal,
    "date": date,
    "time": Annotated[time, msgspec.Meta(tz=False)],
    "timestamp with time zone": Annotated[datetime, msgspec.Meta(tz=True)],
    "timestamp": Annotated[datetime, msgspec.Meta(tz=False)],
}
EXACT_DIGITS = 5
"""A JSON number with more digits than this before its point goes through binary on its way into a DECIMAL and
comes out changed in the last of its ten decimals; such a one is turned into a string first."""

Tree = Any
"""Where decimals are: None (none here), (digits, scale), {name: Tree}, or [Tree]."""


class Misfit(Exception):
    """A record that does not fit its table; ``reason`` says where and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Table:
    """One declared raw table."""

    schema: str
    name: str
    columns: Mapping[str, str]
    """Column -> DuckDB type, as declared, without what landing adds."""
    types: Mapping[str, DuckDBPyType]


@dataclass(frozen=True, slots=True)
class Declaration:
    """All a vendor's SQL file declares."""

    tables: Mapping[str, Table]
    others: tuple[str, ...]
    """Its other statements (views), run after the tables have landing's own columns."""
    text: str


_declared: dict[str, str] = {}


def declare(slug: str, text: str) -> None:
    """Give the table declarations of a vendor that has no file among ours."""
    _declared[slug] = text
    declaration.cache_clear()
    shape.cache_clear()


@cache
def declaration(slug: str) -> Declaration:
    """What ``vendors/<slug>.sql`` declares. Raises ``BadInput`` when there is no such file or it is wrong."""
    file = f"vendors/{slug}.sql"
    text = _declared.get(slug)
    if text is None:
        source = files("cogent_pipelines.vendors").joinpath(f"{slug}.sql")
        if not source.is_file():
            raise BadInput(file, "(file)", "nothing", "the vendor's table declarations")
        text = source.read_text(encoding="utf-8")
    tables: dict[str, Table] = {}
    others: list[str] = []
    with warehouse.open(":memory:") as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{slug}"')
        try:
            for statement in connection.extract_statements(text):
                if re.match(r"(?is)^(\s|--[^\n]*\n)*create\s+table\b", statement.query):
                    connection.execute(statement)
                else:
                    others.append(statement.query)
        except duckdb.Error as error:
            raise BadInput(file, "(sql)", str(error).splitlines()[0], "CREATE TABLE statements") from error
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = $1", [slug]
        ).fetchall()
        for (name,) in sorted(names):
            relation = connection.table(f'"{slug}"."{name}"')
            types = dict(zip(relation.columns, relation.types, strict=True))
            if taken := sorted(column for column in types if column == "system" or column.startswith("_")):
                raise BadInput(file, f"{slug}.{name}", taken[0], "columns other than landing's own")
            tables[name] = Table(slug, name, {column: str(kind) for column, kind in types.items()}, types)
    return Declaration(tables, tuple(others), text)


def table(slug: str, stream: str) -> Table:
    """The raw table of a stream. Raises ``BadInput`` when it is not declared."""
    tables = declaration(slug).tables
    if stream not in tables:
        raise BadInput(f"vendors/{slug}.sql", f"{slug}.{stream}", "nothing", "a CREATE TABLE for the stream")
    return tables[stream]


class Shape:
    """Checks the records of one stream."""

    def __init__(
        self, declared: Table, key: str, version: str | None, *, only: frozenset[str] | None = None
    ) -> None:
        """``only`` names the columns that are looked at, where a list holds no more than these."""
        self.table = declared
        where = f"{declared.schema}.{declared.name}"
        self._needed = {tuple(path.split(".")) for path in (key, version) if path}
        fields = {name: kind for name, kind in declared.types.items() if only is None or name in only}
        struct, way = _struct(where, fields, (), self._needed, tuple(key.split(".")))
        self._key = attrgetter(".".join(way))
        self._decoder = msgspec.json.Decoder(struct)
        self._decimals: dict[str, Tree] = {
            n: t for n, kind in fields.items() if (t := _decimals(kind)) is not None
        }
        self._searches = _searches(self._decimals)
        self.names = {name: _names(kind) for name, kind in fields.items()}

    def doubtful(self, content: bytes) -> bool:
        """Whether any decimal in ``content`` (a record, or many) may need the second look."""
        return any(search.search(content) for search in self._searches)

    def check(self, record: bytes, *, doubtful: bool = True) -> tuple[Any, bytes]:
        """(key, the bytes to keep). Raises ``Misfit``.

        ``doubtful`` False skips the second look, when the page the record came in had nothing to look at.
        """
        try:
            key = self._key(self._decoder.decode(record))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Misfit(str(error)) from None
        if doubtful and self.doubtful(record):
            record = self._exact(record)
        return key, record

    def _exact(self, record: bytes) -> bytes:
        try:
            value = decode_exactly(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Misfit(str(error)) from None
        if not _make_exact(value, self._decimals, "$"):
            return record
        return encode_exactly(value)


@cache
def shape(slug: str, stream: str, key: str, version: str | None, only: frozenset[str] | None = None) -> Shape:
    """The shape of a stream's records; making one costs more than reading a short page."""
    return Shape(table(slug, stream), key, version, only=only)


def _struct(
    where: str,
    fields: Mapping[str, DuckDBPyType],
    path: tuple[str, ...],
    needed: set[tuple[str, ...]],
    key: tuple[str, ...],
    *,
    is_inner: bool = False,
) -> tuple[type[msgspec.Struct], list[str]]:
    """A struct type for an object, and the attribute names that lead to the key."""
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    way: list[str] = []
    for i, (name, kind) in enumerate(fields.items()):
        attribute, here = f"f{i}", (*path, name)
        rename[attribute] = name
        leads = [p for p in needed if p[: len(here)] == here]
        rest: list[str] = []
        if leads and _id(kind) == "struct":
            inner, rest = _struct(where, dict(_children(kind)), here, needed, key)
            found: Any = inner
        else:
            found = _type(where, kind)
        if leads:
            if here == key and found is str:
                found = Annotated[str, msgspec.Meta(min_length=1)]
            required.append((attribute, found))
        elif is_inner and len(fields) == 1 and _id(kind) in WRAPPED:
            required.append((attribute, _nullable(found)))
        else:
            optional.append((attribute, _nullable(found), None))
        if key[: len(here)] == here:
            way = [attribute, *rest]
    missing = [p for p in needed if len(p) == len(path) + 1 and p[:-1] == path and p[-1] not in fields]
    if missing:
        raise BadInput(
            f"vendors ({where})", ".".join(missing[0]), "no such column", "the stream's key or version"
        )
    struct = msgspec.defstruct("Record", [*required, *optional], rename=rename, gc=False, kw_only=True)
    return struct, way


def _id(kind: DuckDBPyType) -> str:
    return "json" if str(kind) == "JSON" else str(kind.id)


def _children(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return cast("list[tuple[str, DuckDBPyType]]", kind.children)


def _type(where: str, kind: DuckDBPyType) -> Any:
    name = _id(kind)
    if name in PLAIN:
        return PLAIN[name]
    if name in INTEGERS:
        low, high = INTEGERS[name]
        # msgspec's bounds are signed 64 bit themselves, where they add nothing
        return Annotated[int, msgspec.Meta(ge=low, le=min(high, 2**63 - 1))]
    if name == "json":
        return msgspec.Raw
    if name == "struct":
        return _struct(where, dict(_children(kind)), (), set(), (), is_inner=True)[0]
    if name == "list":
        return list[_nullable(_type(where, _children(kind)[0][1]))]  # type: ignore[misc]
    if name == "map":
        return dict[str, _nullable(_type(where, _children(kind)[1][1]))]  # type: ignore[misc]
    raise BadInput(f"vendors ({where})", str(kind), name, "one of the types landing can check")


def _nullable(kind: Any) -> Any:
    return kind if kind is msgspec.Raw else kind | None  # anything includes null


def _names(kind: DuckDBPyType) -> Any:
    """Declared names below a value, for finding others: {name: ...}, or None where anything may be."""
    name = _id(kind)
    if name == "struct":
        return {child: _names(inner) for child, inner in _children(kind)}
    if name == "list":
        return _names(_children(kind)[0][1])
    return None


# --- decimals -------------------------------------------------------------------------------------------


def _decimals(kind: DuckDBPyType) -> Tree:
    name = _id(kind)
    if name == "decimal":
        facts = dict(kind.children)
        precision, scale = cast("int", facts["precision"]), cast("int", facts["scale"])
        return (precision - scale, scale)
    if name == "struct":
        found = {child: tree for child, inner in _children(kind) if (tree := _decimals(inner)) is not None}
        return found or None
    if name == "list":
        tree = _decimals(_children(kind)[0][1])
        return None if tree is None else [tree]
    return None


def _leaves(tree: Tree) -> list[tuple[int, int]]:
    if isinstance(tree, tuple):
        return [tree]
    return [leaf for inner in (tree.values() if isinstance(tree, dict) else tree) for leaf in _leaves(inner)]


def _searches(tree: Mapping[str, Tree]) -> tuple[re.Pattern[bytes], ...]:
    """Searches for what may lose a digit.

    Each begins with a fixed letter, which makes it some ten times faster. Too large a number is not searched
    for, as DuckDB itself refuses that one.
    """
    leaves = _leaves(dict(tree))
    if not leaves:
        return ()
    scale = min(scale for _, scale in leaves)
    patterns = (rf"\.\d{{{scale + 1}}}", rf"\.(?<=\d{{{EXACT_DIGITS + 1}}}\.)\d", r"e-\d", r"E-\d")
    return tuple(re.compile(pattern.encode()) for pattern in patterns)


def _make_exact(value: Any, tree: Tree, where: str) -> bool:
    """Check every decimal below ``value``; make strings of those that binary would change."""
    changed = False
    if isinstance(tree, list):
        for i, element in enumerate(value if isinstance(value, list) else ()):
            if isinstance(tree[0], tuple):
                exact = _exact_number(element, tree[0], f"{where}[{i}]")
                if exact is not element:
                    value[i], changed = exact, True
            else:
                changed |= _make_exact(element, tree[0], f"{where}[{i}]")
    elif isinstance(tree, dict) and isinstance(value, dict):
        for name, inner in tree.items():
            element = value.get(name)
            if isinstance(inner, tuple):
                exact = _exact_number(element, inner, f"{where}.{name}")
                if exact is not element:
                    value[name], changed = exact, True
            elif element is not None:
                changed |= _make_exact(element, inner, f"{where}.{name}")
    return changed


def _exact_number(value: Any, limits: tuple[int, int], where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    number = Decimal(value) if isinstance(value, str | int) else value
    digits, scale = limits
    if not number.is_finite():
        raise Misfit(f"{value} is not an amount - at `{where}`")
    if number and _decimals_of(number) > scale:
        raise Misfit(f"{value} has more than {scale} decimals - at `{where}`")
    if number.adjusted() >= digits and number:
        raise Misfit(f"{value} has more than {digits} digits before the point - at `{where}`")
    return f"{number:f}" if isinstance(value, Decimal) else value


def _decimals_of(number: Decimal) -> int:
    """How many decimals a number has but for noughts at its end; ``normalize`` would round to 28 digits first."""
    _, digits, exponent = number.as_tuple()
    written = "".join(map(str, digits))
    return -int(exponent) - (len(written) - len(written.rstrip("0")))


# --- fields nobody declared -----------------------------------------------------------------------------


class News:
    """Finds what is in a stream's records and neither declared nor left out on purpose."""

    def __init__(self, names: Mapping[str, Any], left_out: Sequence[str] = ()) -> None:
        self._names = names
        self._known = frozenset(path for path in left_out if not path.endswith("*"))
        self._begin = tuple(path[:-1] for path in left_out if path.endswith("*"))

    def paths(self, record: bytes) -> dict[str, str]:
        """Path -> kind of value. Values are not shown."""
        found: dict[str, str] = {}
        try:
            self._look(msgspec.json.decode(record), self._names, "", found)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found

    def _look(self, value: Any, names: Any, where: str, found: dict[str, str]) -> None:
        if names is None:
            return
        if isinstance(value, list):
            for element in value:
                self._look(element, names, f"{where}[]", found)
        elif isinstance(value, dict):
            for name, element in value.items():
                path = f"{where}.{name}" if where else name
                if name in names:
                    self._look(element, names[name], path, found)
                elif path not in self._known and not path.startswith(self._begin):
                    found.setdefault(path[:200], _kind(element))


def _kind(value: Any) -> str:
    kinds: Sequence[tuple[Any, str]] = (
        (bool, "boolean"),
        (int | float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def key_reader(path: str) -> Callable[[bytes], str]:
    """A function that reads the key of one record as text, "" where there is none to be read."""
    read = keys(path)
    return lambda record: read([record])[0][:500]
