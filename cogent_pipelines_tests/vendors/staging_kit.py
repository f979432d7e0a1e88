"""One vendor's raw tables and staging views, in memory: records in, rows in our words out.

Belongs here: what every vendor's tests of its staging share.
Does not belong here: any vendor's records (its own kit).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from cogent_pipelines.connect.reading import encode
from cogent_pipelines.landing import tables
from cogent_pipelines_tests import dbt_render

READ_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
ADMIN_URL = "https://admin.example.test"


@cache
def _made(slug: str, system: str) -> duckdb.DuckDBPyConnection:
    """The vendor's tables and views, empty: made once, in some fifty statements."""
    connection = dbt_render.connect()
    connection.execute(f"CREATE SCHEMA {slug}")
    connection.execute(
        f"CREATE TABLE estate.systems AS SELECT '{system}' system, '' vendor, '' role, '{ADMIN_URL}' admin_url"
    )
    connection.execute(files("cogent_pipelines.vendors").joinpath(f"{slug}.sql").read_text(encoding="utf-8"))
    names = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{slug}'"
    for (table,) in connection.execute(names).fetchall():
        for column, kind in ({"system": "VARCHAR"} | tables.OWN).items():
            connection.execute(f"ALTER TABLE {slug}.{table} ADD COLUMN {column} {kind}")
    for name in dbt_render.models():
        if name.startswith(f"stg_{slug}__"):
            connection.execute(f"CREATE VIEW staging.{name} AS {dbt_render.render(name)}")
    return connection


@cache
def _shape(slug: str, system: str, table: str) -> Any:
    described = _made(slug, system).execute(f"SELECT column_name, column_type FROM (DESCRIBE {slug}.{table})")
    own = {name: kind for name, kind in described.fetchall() if name != "system" and not name.startswith("_")}
    return duckdb.struct_type({name: duckdb.sqltype(kind) for name, kind in own.items()})


class Staging:
    """A vendor's tables, empty at first. ``load`` puts records in; rows come out as dicts.

    All of a vendor share one database, one after the other: each is a transaction nobody commits, ended by the next.
    """

    def __init__(self, slug: str, system: str) -> None:
        self._slug, self._system = slug, system
        self.connection = _made(slug, system)
        self.clear()

    def clear(self) -> None:
        """Take every record out."""
        with suppress(duckdb.TransactionException):
            self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN")

    def load(
        self,
        table: str,
        *records: Any,
        system: str | None = None,
        gone_at: datetime | None = None,
        read_at: datetime = READ_AT,
    ) -> None:
        """Put records into a raw table as landing would, with what the table does not declare left out."""
        shape = self.shape(table)
        for record in records:
            self.connection.execute(
                f"INSERT INTO {self._slug}.{table} BY NAME "
                f"SELECT $1 AS system, UNNEST(CAST($2::JSON AS {shape})), "
                "$3 AS _first_seen_at, $3 AS _changed_at, $3 AS _read_at, $4 AS _gone_at",
                [system or self._system, encode(_pruned(record, shape)).decode(), read_at, gone_at],
            )

    def shape(self, table: str) -> Any:
        """A raw table's own columns as one struct type."""
        return _shape(self._slug, self._system, table)

    def rows(self, mart: str) -> list[dict[str, Any]]:
        """Every row of a staging view, in order."""
        view = f"staging.stg_{self._slug}__{mart}"
        return dbt_render.fetch(self.connection, f"SELECT * FROM {view} ORDER BY ALL")

    def columns(self, mart: str) -> dict[str, str]:
        """Name and type of every column of a staging view."""
        view = f"staging.stg_{self._slug}__{mart}"
        return dict(
            self.connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {view})").fetchall()
        )


def _pruned(value: Any, kind: Any) -> Any:
    """``value`` without the keys its declared type does not name."""
    if value is None or str(kind) == "JSON":
        return value
    if kind.id == "list":
        return [_pruned(part, kind.children[0][1]) for part in value]
    if kind.id == "struct":
        return {name: _pruned(value.get(name), child) for name, child in kind.children}
    return value
