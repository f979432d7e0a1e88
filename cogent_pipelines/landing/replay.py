"""Building the raw tables again from the landed files, without the network.

Belongs here: emptying what landing wrote and merging every finished pull again, in its order.
Does not belong here: the ledger (a store of its own) and dbt's views (they hold nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from cogent_pipelines.landing import files, merge, shapes, tables
from cogent_pipelines.landing.pull import opened

TABLES = ("pulls", "cursors", "set_aside", "unseen", "stock_changes", "bulk_operations")


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What was rebuilt."""

    systems: tuple[str, ...]
    pulls: int
    rows_in: int


def replay(state: Path, warehouse_path: Path | str) -> ReplayReport:
    """Rebuild raw tables, cursors and the pulls' bookkeeping from the files under ``state``.

    Systems that have no files are left alone. The result is the same, row for row, as when they were merged.
    """
    manifests = files.finished(state)
    systems = sorted({manifest.system for manifest in manifests})
    with opened(warehouse_path) as connection:
        for slug in sorted({manifest.vendor for manifest in manifests}):
            tables.prepare(connection, slug)
            _empty(connection, slug, systems)
        rows = 0
        for manifest in manifests:
            rows += merge.merge(connection, manifest).rows_in
            files.merged(state, manifest.pull_id)
    return ReplayReport(tuple(systems), len(manifests), rows)


def _empty(connection: duckdb.DuckDBPyConnection, slug: str, systems: list[str]) -> None:
    names = [f'"{slug}"."{table}"' for table in shapes.declaration(slug).tables]
    connection.execute("BEGIN")
    try:
        for name in (*names, *(f"ops.{table}" for table in TABLES)):
            connection.execute(
                f"DELETE FROM {name} WHERE list_contains($systems, system)", {"systems": systems}
            )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
