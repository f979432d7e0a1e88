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
    definitions = dict(
        connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'steps'").fetchall()
    )
    if not definitions:
        return []
    digest = _digest(connection, definitions)
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps (digest VARCHAR)")
    if connection.execute("SELECT digest FROM ops.steps").fetchall() == [(digest,)]:
        return []
    names = order(definitions)
    connection.execute("BEGIN")
    try:
        for name in names:
            connection.execute(f"CREATE OR REPLACE TABLE marts.{name} AS SELECT * FROM steps.{name}")
        connection.execute("DELETE FROM ops.steps")
        connection.execute("INSERT INTO ops.steps VALUES ($1)", [digest])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return names


def order(definitions: dict[str, str]) -> list[str]:
    """The steps so that each comes after those its definition names."""
    graph = {
        name: {other for other in definitions if other != name and re.search(rf"\bmarts\.{other}\b", sql)}
        for name, sql in definitions.items()
    }
    return list(TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)}).static_order())


def _digest(connection: duckdb.DuckDBPyConnection, definitions: dict[str, str]) -> str:
    """What the steps rest on: readings that changed a row, the ledger, the estate, the mappings, the minute."""
    parts = [repr(sorted(definitions.items()))]
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
