"""The steps that rules and wantings share, filled again when something they rest on has changed.

Belongs here: noticing the change, the order of the steps, and filling each table from the definition beside it.
Does not belong here: what a step computes (``dbt_project/models/marts/steps``).

dbt makes each step a table in ``marts`` and keeps its definition as a view of the same name in ``steps``. Whoever reads
``rules`` or ``wanted`` calls ``refresh`` first, on the same connection and after the ledger was copied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

import duckdb

READ = (
    "SELECT count(*), max(finished_at) FROM ops.pulls "
    "WHERE coalesce(rows_new, 0) + coalesce(rows_changed, 0) + coalesce(rows_gone, 0) > 0",
    "SELECT digest FROM estate.written",
    "SELECT name, digest FROM mappings.loaded ORDER BY name",
)
"""What steps rest on: readings that changed a row, the estate, the mappings."""
REST = (
    "SELECT ledger_id, revision FROM ops.carried WHERE table_name = 'operations'",
    "SELECT date_trunc('minute', getvariable('as_of')::timestamptz)",
)
"""And what the ledger promised, and the minute."""
BESIDE = (
    "SELECT system, admin_url FROM estate.systems ORDER BY system",
    "SELECT digest FROM mappings.loaded WHERE name = 'facilities'",
)
"""What steps that grow rest on beside the records they are made of: the addresses of the systems' own pages, and the
facilities a reference may end in. When one of these changes they are made whole."""


def refresh_if_read(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Fill the steps anew if anything was read, or a mapping or the estate changed, since they were last filled.

    For who acts on what was planned a moment ago: what only the ledger or the hour changed was planned with.
    """
    try:
        known = connection.execute("SELECT read FROM ops.steps_read").fetchall()
    except duckdb.CatalogException:
        known = []
    return [] if known == [(_digest(connection, READ),)] else refresh(connection)


def refresh(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Fill the steps anew if need be; the names of those filled, in order."""
    found = connection.execute(
        "SELECT view_name, sql, coalesce(comment, '') FROM duckdb_views() WHERE schema_name = 'steps'"
    ).fetchall()
    if not found:
        return []
    definitions = {name: sql for name, sql, _ in found}
    views = dict(
        connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'marts'").fetchall()
    )
    comments = {name: comment.split() for name, _, comment in found}
    grows = {name: words[2:] for name, words in comments.items() if words[1:2] == ["grows"]}
    made_of = _digest(connection, BESIDE, repr(sorted(comments.items())))
    digest, read = _digest(connection, READ + REST, made_of), _digest(connection, READ)
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps (digest VARCHAR)")
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps_read (read VARCHAR)")
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps_made (made_of VARCHAR)")
    if connection.execute("SELECT digest FROM ops.steps").fetchall() == [(digest,)]:
        return []
    is_same = connection.execute("SELECT made_of FROM ops.steps_made").fetchall() == [(made_of,)]
    names = order(definitions, grows, views)
    connection.execute("BEGIN")
    try:
        for name in names:
            if name in grows and is_same:
                _grow(connection, name, *grows[name])
            else:
                connection.execute(f"CREATE OR REPLACE TABLE marts.{name} AS SELECT * FROM steps.{name}")
        for table, value in (("steps", digest), ("steps_made", made_of), ("steps_read", read)):
            connection.execute(f"DELETE FROM ops.{table}")
            connection.execute(f"INSERT INTO ops.{table} VALUES ($1)", [value])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return names


def _grow(connection: duckdb.DuckDBPyConnection, name: str, key: str, stamp: str, parent: str = "") -> None:
    """Make again the rows whose stamp is another than the one they were made under; drop those that are gone.

    Finding them reads two narrow columns. Making them reads only what was stamped since the oldest of them. A step with a
    ``parent`` holds the parts of the parent's records: made again where the parent's row was, which was grown just before;
    each part carries its record's ``stamp``.
    """
    changed = f"changed_{parent or name}"
    if not parent:
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE {changed} AS
            SELECT coalesce(d.{key}, m.{key}) AS {key}, d.{stamp}, d.{key} IS NULL AS is_gone
            FROM (SELECT {key}, {stamp} FROM steps.{name}) AS d
            FULL JOIN marts.{name} AS m ON m.{key} = d.{key}
            WHERE d.{key} IS NULL OR m.{key} IS NULL OR d.{stamp} IS DISTINCT FROM m.{stamp}
        """)
    of_changed = f"{key} IN (SELECT {key} FROM {changed})"
    stamps = f"marts.{parent} WHERE {of_changed}" if parent else f"{changed} WHERE NOT is_gone"
    oldest, unstamped, number = connection.execute(
        f"SELECT min({stamp}), count(*) - count({stamp}), (SELECT count(*) FROM {changed}) FROM {stamps}"
    ).fetchall()[0]
    if number == 0:
        return
    connection.execute(f"DELETE FROM marts.{name} WHERE {of_changed}")
    made = f"INSERT INTO marts.{name} SELECT d.* FROM steps.{name} AS d WHERE d.{of_changed}"
    if oldest is None or unstamped:
        connection.execute(made)
    else:
        connection.execute(f"{made} AND d.{stamp} >= $1", [oldest])


def order(
    definitions: Mapping[str, str],
    grows: Mapping[str, Sequence[str]] | None = None,
    views: Mapping[str, str] | None = None,
) -> list[str]:
    """The steps so that each comes after those its definition names, itself or through the marts' ``views``.

    And after the one it grows with.
    """
    nodes = {**(views or {}), **definitions}
    graph = {
        name: set(re.findall(r"\bmarts\.(\w+)", sql)) & (nodes.keys() - {name}) for name, sql in nodes.items()
    }
    for name, (_, _, *parents) in (grows or {}).items():
        graph[name].update(parents)
    ordered = TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)}).static_order()
    return [name for name in ordered if name in definitions]


def _digest(connection: duckdb.DuckDBPyConnection, queries: Sequence[str], *parts: str) -> str:
    """The state of what ``queries`` ask for, in one word."""
    found = list(parts)
    for query in queries:
        try:
            found.append(repr(connection.execute(query).fetchall()))
        except duckdb.CatalogException:
            found.append("absent")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
