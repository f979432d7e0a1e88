"""The ledger as DuckDB sees it: ``ops.operations, attempts, exceptions, adoptions, controls``.

Belongs here: carrying rows over, by Arrow, before rules and plans are evaluated.
Does not belong here: SQL that reads them (``dbt_project``).

Only rows written since the last copy are carried (by ``revision``); a copy of another ledger, or of none, is
made whole. DuckDB may be deleted at any time: nothing is read back from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import (
    adoptions,
    attempts,
    controls,
    evaluations,
    exceptions,
    meta,
    promises,
)

_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "DECIMAL(18,4)": pa.decimal128(18, 4),
}
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class _Copied:
    """One ledger table and the table of ``ops`` it becomes: (name there, DuckDB type, column here)."""

    name: str
    source: sa.Table
    key: str
    columns: tuple[tuple[str, str, sa.ColumnElement[Any]], ...]


def _plain(table: sa.Table, types: str) -> tuple[tuple[str, str, sa.ColumnElement[Any]], ...]:
    pairs = [item.split(":") for item in types.split()]
    return tuple((name, kind, table.c[name]) for name, kind in pairs)


_TABLES = (
    _Copied(
        "operations",
        promises,
        "promise_id",
        _plain(
            promises,
            "promise_id:BIGINT sync:VARCHAR system:VARCHAR source_system:VARCHAR business_key:VARCHAR "
            "act:VARCHAR generation:INTEGER state:VARCHAR reason:VARCHAR message:VARCHAR reference:VARCHAR "
            "order_key:VARCHAR sent:JSON found:JSON since_at:TIMESTAMPTZ planned_at:TIMESTAMPTZ "
            "first_sent_at:TIMESTAMPTZ sent_at:TIMESTAMPTZ closed_at:TIMESTAMPTZ due_at:TIMESTAMPTZ "
            "attempts:INTEGER effect:VARCHAR target_ref:VARCHAR amount:DECIMAL(18,4) currency:VARCHAR",
        ),
    ),
    _Copied(
        "attempts",
        attempts,
        "attempt_id",
        _plain(
            attempts,
            "attempt_id:BIGINT promise_id:BIGINT action:VARCHAR intent_at:TIMESTAMPTZ receipt_at:TIMESTAMPTZ "
            "outcome:VARCHAR message:VARCHAR ref:VARCHAR read_back_at:TIMESTAMPTZ read_back:VARCHAR",
        ),
    ),
    _Copied(
        "exceptions",
        exceptions,
        "exception_id",
        _plain(
            exceptions,
            "exception_id:BIGINT rule:VARCHAR exception_key:VARCHAR cause:VARCHAR state:VARCHAR "
            "system:VARCHAR entity_key:VARCHAR since_at:TIMESTAMPTZ due_at:TIMESTAMPTZ opened_at:TIMESTAMPTZ "
            "last_seen_at:TIMESTAMPTZ closed_at:TIMESTAMPTZ closed_by:VARCHAR owner:VARCHAR severity:VARCHAR "
            "amount:DECIMAL(18,4) currency:VARCHAR detail:VARCHAR url:VARCHAR decided_by:VARCHAR "
            "accepted_until:TIMESTAMPTZ",
        ),
    ),
    _Copied(
        "adoptions",
        adoptions,
        "adoption_key",
        (
            (
                "adoption_key",
                "VARCHAR",
                (adoptions.c.sync + "|" + adoptions.c.system + "|" + adoptions.c.business_key).label(
                    "adoption_key"
                ),
            ),
            *_plain(
                adoptions,
                "sync:VARCHAR system:VARCHAR business_key:VARCHAR reason:VARCHAR reference:VARCHAR "
                "order_key:VARCHAR adopted_at:TIMESTAMPTZ",
            ),
        ),
    ),
    _Copied(
        "controls",
        controls,
        "control_id",
        _plain(
            controls,
            "control_id:BIGINT kind:VARCHAR scope:VARCHAR by:VARCHAR reason:VARCHAR code:VARCHAR "
            "at:TIMESTAMPTZ ended_at:TIMESTAMPTZ ended_by:VARCHAR",
        ),
    ),
)


_CARRIED = "table_name VARCHAR, ledger_id VARCHAR, revision BIGINT"
"""Up to which revision each table was last changed: who rests on one table need not mind the others."""
_SHAPE = hashlib.sha256(
    repr([_CARRIED, *((table.name, [column[:2] for column in table.columns]) for table in _TABLES)]).encode()
).hexdigest()[:16]


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables, empty, so that views over them can be built before anything was ever copied."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS ops.copied (ledger_id VARCHAR, revision BIGINT, shape VARCHAR)"
    )
    connection.execute(f"CREATE TABLE IF NOT EXISTS ops.carried ({_CARRIED})")
    there = connection.execute(
        "SELECT table_name, string_agg(column_name || ' ' || data_type, ',' ORDER BY column_index) "
        "FROM duckdb_columns() WHERE schema_name = 'ops' GROUP BY ALL"
    ).fetchall()
    found = dict(there)
    for table in _TABLES:
        declared = ",".join(f"{name} {_long(kind)}" for name, kind, _ in table.columns)
        if found.get(table.name) != declared:
            columns = ", ".join(f'"{name}" {kind}' for name, kind, _ in table.columns)
            connection.execute(f"CREATE OR REPLACE TABLE ops.{table.name} ({columns})")
            connection.execute("DELETE FROM ops.copied")


def _long(kind: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMPTZ" else kind


def copy(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> int:
    """Bring ``ops`` up to date with the ledger. The number of rows carried."""
    known = _known(connection)
    carried = 0
    with ledger.read() as reading:
        latest, name = _latest(reading)
        since = known[1] if known and known[0] == name else None
        if since == latest:
            return 0
        if since is not None and since > latest:
            since = None  # an older ledger was put back: what was copied after it never happened
        parts = [(table, _rows(reading, table, since)) for table in _TABLES]
        seen = _seen(reading)
    connection.execute("BEGIN")
    try:
        for table, part in parts:
            carried += part.num_rows
            _store(connection, table, part, is_whole=since is None)
            if part.num_rows or since is None:
                connection.execute("DELETE FROM ops.carried WHERE table_name = $1", [table.name])
                connection.execute("INSERT INTO ops.carried VALUES ($1, $2, $3)", [table.name, name, latest])
        _store_seen(connection, seen)
        connection.execute("DELETE FROM ops.copied")
        connection.execute("INSERT INTO ops.copied VALUES ($1, $2, $3)", [name, latest, _SHAPE])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return carried


def _known(connection: duckdb.DuckDBPyConnection) -> tuple[str, int] | None:
    """What was copied last, if the tables are as this code makes them."""
    query = "SELECT ledger_id, revision, shape FROM ops.copied"
    try:
        row = connection.execute(query).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        row = None
    if row and row[2] == _SHAPE:
        return str(row[0]), int(row[1])
    prepare(connection)
    return None


def _latest(reading: sa.Connection) -> tuple[int, str]:
    """The last revision, and the name of what it counts: this ledger since it was last pruned."""
    rows = {row.name: row for row in reading.execute(sa.select(meta))}
    return int(rows["revision"].number), f"{rows['ledger_id'].value}/{rows['ledger_id'].number}"


def _rows(reading: sa.Connection, table: _Copied, since: int | None) -> pa.Table:
    query, parameters = _QUERIES[table.name], {"since": -1 if since is None else since}
    rows: Sequence[Any] = reading.execute(query, parameters).all()
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in table.columns]
    arrays = [
        pa.array([_CONVERT.get(kind, _same)(value) for value in values], type=_ARROW[kind])
        for (_, kind, _), values in zip(table.columns, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=[name for name, _, _ in table.columns])


def _as_text(query: sa.Select[Any]) -> sa.Select[Any]:
    """JSON is carried as the text it is stored as, undecoded."""
    return query.with_only_columns(
        *(
            sa.type_coerce(column, sa.Text) if column.key in ("sent", "found") else column
            for column in query.selected_columns
        )
    )


_QUERIES: Mapping[str, sa.Select[Any]] = {
    table.name: _as_text(
        sa.select(*(column for _, _, column in table.columns)).where(
            table.source.c.revision > sa.bindparam("since", type_=sa.BigInteger)
        )
    )
    for table in _TABLES
}
"""What changed after a revision; revisions begin at nought. Built once: that takes longer than asking."""


def _same(value: Any) -> Any:
    return value


def _money(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_PLACES)


_CONVERT: dict[str, Callable[[Any], Any]] = {"DECIMAL(18,4)": _money}


def _store(connection: duckdb.DuckDBPyConnection, table: _Copied, part: pa.Table, *, is_whole: bool) -> None:
    if is_whole:
        connection.execute(f"DELETE FROM ops.{table.name}")
    if part.num_rows == 0:
        return
    connection.register("carried", part)
    try:
        if not is_whole:
            connection.execute(
                f"DELETE FROM ops.{table.name} WHERE {table.key} IN (SELECT {table.key} FROM carried)"
            )
        connection.execute(f"INSERT INTO ops.{table.name} SELECT * FROM carried")
    finally:
        connection.unregister("carried")


def _seen(reading: sa.Connection) -> list[tuple[str, datetime]]:
    rows = reading.execute(sa.select(evaluations.c.rule, evaluations.c.known_at))
    return [(row.rule, row.known_at) for row in rows if row.known_at is not None]


def _store_seen(connection: duckdb.DuckDBPyConnection, seen: Sequence[tuple[str, datetime]]) -> None:
    """A standing exception was last seen when its rule last knew."""
    if not seen:
        return
    table = pa.table(
        {
            "rule": pa.array([rule for rule, _ in seen], pa.string()),
            "known_at": pa.array([at for _, at in seen], _ARROW["TIMESTAMPTZ"]),
        }
    )
    connection.register("seen", table)
    try:
        connection.execute(
            "UPDATE ops.exceptions AS e SET last_seen_at = greatest(s.known_at, e.opened_at) FROM seen AS s "
            "WHERE e.rule = s.rule AND e.state <> 'closed'"
        )
    finally:
        connection.unregister("seen")
