"""The steps that rules and wantings share, filled again when something they rest on has changed.

Belongs here: noticing the change, the order of the steps, and filling each table from the definition beside it.
Does not belong here: what a step computes (``dbt_project/models/marts/steps``).

dbt makes each step a table in ``marts`` and keeps its definition as a view of the same name in ``steps``. Whoever reads
``rules`` or ``wanted`` calls ``refresh`` first, on the same connection and after the ledger was copied.
"""

from __future__ import annotations

import hashlib
import re
from graphlib import TopologicalSorter

import duckdb


def refresh(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Fill the steps anew if need be; the names of those filled, in order."""
    found = connection.execute(
        "SELECT view_name, sql, coalesce(comment, '') FROM duckdb_views() WHERE schema_name = 'steps'"
    ).fetchall()
    if not found:
        return []
    definitions = {name: sql for name, sql, _ in found}
    grows = {name: comment.split()[1:] for name, _, comment in found if comment.startswith("grows ")}
    made_of = hashlib.sha256(repr(sorted(definitions.items())).encode()).hexdigest()
    digest = _digest(connection, made_of)
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps (digest VARCHAR)")
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps_made (made_of VARCHAR)")
    if connection.execute("SELECT digest FROM ops.steps").fetchall() == [(digest,)]:
        return []
    is_same = connection.execute("SELECT made_of FROM ops.steps_made").fetchall() == [(made_of,)]
    names = order(definitions)
    connection.execute("BEGIN")
    try:
        for name in names:
            if name in grows and is_same:
                _grow(connection, name, *grows[name])
            else:
                connection.execute(f"CREATE OR REPLACE TABLE marts.{name} AS SELECT * FROM steps.{name}")
        for table, value in (("steps", digest), ("steps_made", made_of)):
            connection.execute(f"DELETE FROM ops.{table}")
            connection.execute(f"INSERT INTO ops.{table} VALUES ($1)", [value])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return names


def _grow(connection: duckdb.DuckDBPyConnection, name: str, key: str, stamp: str) -> None:
    """Make again the rows whose stamp is another than the one they were made under; drop those that are gone.

    Finding them reads two narrow columns. Making them reads only what was stamped since the oldest of them.
    """
    changed = f"""
        SELECT d.{key}, d.{stamp}
        FROM steps.{name} AS d
        LEFT JOIN marts.{name} AS m ON m.{key} = d.{key} AND m.{stamp} IS NOT DISTINCT FROM d.{stamp}
        WHERE m.{key} IS NULL
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE steps_changed AS {changed}")
    row = connection.execute(f"SELECT count(*), min({stamp}), count({stamp}) FROM steps_changed").fetchone()
    number, oldest, stamped = row or (0, None, 0)
    connection.execute(f"DELETE FROM marts.{name} WHERE {key} NOT IN (SELECT {key} FROM steps.{name})")
    if number == 0:
        return
    connection.execute(f"DELETE FROM marts.{name} WHERE {key} IN (SELECT {key} FROM steps_changed)")
    since = f"d.{stamp} >= $1" if stamped == number else "($1::TIMESTAMPTZ IS NULL OR true)"
    connection.execute(
        f"INSERT INTO marts.{name} SELECT d.* FROM steps.{name} AS d "
        f"WHERE {since} AND d.{key} IN (SELECT {key} FROM steps_changed)",
        [oldest],
    )


def order(definitions: dict[str, str]) -> list[str]:
    """The steps so that each comes after those its definition names."""
    graph = {
        name: {other for other in definitions if other != name and re.search(rf"\bmarts\.{other}\b", sql)}
        for name, sql in definitions.items()
    }
    return list(TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)}).static_order())


def _digest(connection: duckdb.DuckDBPyConnection, made_of: str) -> str:
    """What the steps rest on: readings that changed a row, the ledger, the estate, the mappings, the minute."""
    parts = [made_of]
    for query in (
        "SELECT count(*), max(finished_at) FROM ops.pulls "
        "WHERE coalesce(rows_new, 0) + coalesce(rows_changed, 0) + coalesce(rows_gone, 0) > 0",
        "SELECT ledger_id, revision FROM ops.copied",
        "SELECT digest FROM estate.written",
        "SELECT name, digest FROM mappings.loaded ORDER BY name",
        "SELECT date_trunc('minute', getvariable('as_of')::timestamptz)",
    ):
        try:
            parts.append(repr(connection.execute(query).fetchall()))
        except duckdb.CatalogException:
            parts.append("absent")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
