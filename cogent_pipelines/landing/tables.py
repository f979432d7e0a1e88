"""Making the raw tables and the ops tables, and bringing older ones up to date.

Belongs here: DDL, and the quoting of declared names.
Does not belong here: what a vendor declares (``shapes`` reads it), or rows (``merge``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as resources

import duckdb

from cogent_pipelines import warehouse
from cogent_pipelines.landing import shapes

OWN = {
    "_pull_id": "VARCHAR",
    "_first_seen_at": "TIMESTAMPTZ",
    "_changed_at": "TIMESTAMPTZ",
    "_read_at": "TIMESTAMPTZ",
    "_gone_at": "TIMESTAMPTZ",
    "_hash": "UBIGINT",
}
"""What landing adds to every raw table, behind ``system`` and the vendor's own columns."""
RULES = "1"
"""Changes when the way raw tables are made does, so that they are looked at again."""


def prepare(connection: duckdb.DuckDBPyConnection, slug: str) -> None:
    """Make or extend the ops tables and the vendor's raw tables. Costs one look when nothing has changed."""
    ops = resources("cogent_pipelines.landing").joinpath("ops.sql").read_text(encoding="utf-8")
    declared = shapes.declaration(slug)
    digest = hashlib.sha256(f"{RULES}\0{ops}\0{declared.text}".encode()).hexdigest()
    if _is_known(connection, slug, digest):
        return
    connection.execute("BEGIN")
    try:
        connection.execute(ops)
        for name, columns in _ops_columns(ops).items():
            _match(connection, "ops", name, columns)
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{slug}"')
        for table in declared.tables.values():
            _make(connection, table)
        for statement in declared.others:
            connection.execute(statement)
        connection.execute("DELETE FROM ops.declarations WHERE vendor = $1", [slug])
        connection.execute("INSERT INTO ops.declarations VALUES ($1, $2)", [slug, digest])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_known(connection: duckdb.DuckDBPyConnection, slug: str, digest: str) -> bool:
    """Whether the tables stand as declared. Asking the catalogue first would cost more than the answer."""
    try:
        rows = connection.execute("SELECT digest FROM ops.declarations WHERE vendor = $1", [slug]).fetchall()
    except duckdb.CatalogException:
        return False
    return rows == [(digest,)]


def _make(connection: duckdb.DuckDBPyConnection, table: shapes.Table) -> None:
    """Create a raw table, or bring an older one up to its declaration. A dropped column stays, unfilled."""
    wanted = {"system": "VARCHAR", **table.columns, **OWN}
    columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in wanted.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table.schema, table.name)} ({columns})")
    _match(connection, table.schema, table.name, wanted)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = $1", [schema]
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


@cache
def _ops_columns(text: str) -> dict[str, dict[str, str]]:
    """Table -> column -> type, as ``ops.sql`` makes them in an empty warehouse."""
    with warehouse.open(":memory:") as connection:
        connection.execute(text)
        return _columns(connection, "ops")


def _match(connection: duckdb.DuckDBPyConnection, schema: str, table: str, wanted: Mapping[str, str]) -> None:
    """Bring a table's columns to what is wanted."""
    name, present = qualified(schema, table), _columns(connection, schema)[table]
    for column, kind in wanted.items():
        if column not in present:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(column)} {kind}")
        elif present[column] != kind:
            # structs are converted by their fields' names: a new field is null, a removed one is dropped
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} SET DATA TYPE {kind}")


def quoted(name: str) -> str:
    """``name`` as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, table: str) -> str:
    """A table by its schema."""
    return f"{quoted(schema)}.{quoted(table)}"


def at(alias: str, path: str) -> str:
    """SQL for a dotted path below ``alias``."""
    return ".".join([alias, *(quoted(step) for step in path.split("."))])
