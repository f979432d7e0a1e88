"""Bringing one file of a pull into DuckDB, line by line if it must be.

Belongs here: reading a file into the temporary table ``incoming``, and finding the lines DuckDB refuses.
Does not belong here: what becomes of the rows (``merge``), or our own check of records (``shapes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from cogent_pipelines.landing import files, shapes
from cogent_pipelines.landing.files import Manifest, Part
from cogent_pipelines.landing.tables import quoted

LEAST_BUFFER = 1 << 20
"""DuckDB sets aside twice the longest line it is told of for every thread; its own 16 MiB are too much."""
LONG = 4 << 20
"""A line longer than this needs more memory than landing gives DuckDB."""
MISFITS = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)
"""What DuckDB raises for a line; anything else (memory, disk) says nothing about the lines."""


class UnloadableError(Exception):
    """DuckDB refused a file that our own check let through."""

    def __init__(self, part: Part) -> None:
        super().__init__(part.name)
        self.part = part


def load(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest, part: Part) -> None:
    """One file as the temporary table ``incoming``, its rows in the order of the lines."""
    columns = table.columns if manifest.kind != "sweep" else _key_only(table, manifest.key)
    hashed = [quoted(column) for column in columns if column != manifest.version] or ["NULL"]
    connection.execute("DROP TABLE IF EXISTS temp.incoming")
    sql = (
        f"CREATE TEMP TABLE incoming AS SELECT *, hash({', '.join(hashed)}) AS _hash "
        "FROM read_json($file, format = 'newline_delimited', compression = 'zstd', columns = $columns, "
        "maximum_object_size = $longest)"
    )
    path = str(Path(manifest.directory) / part.name)
    try:
        connection.execute(sql, {"file": path, "columns": dict(columns), "longest": buffer(part.longest)})
    except MISFITS as error:
        raise UnloadableError(part) from error
    loaded = connection.execute("SELECT count(*) FROM temp.incoming").fetchone()
    if loaded != (part.rows,):
        raise AssertionError(
            f"{manifest.directory}/{part.name} holds {loaded} rows, its manifest says {part.rows}"
        )


def buffer(longest: int) -> int:
    """What DuckDB must be told is the longest line."""
    return max(LEAST_BUFFER, longest + 1024)


def make_room(connection: duckdb.DuckDBPyConnection, longest: int) -> None:
    """Let DuckDB have the buffers that a very long line takes, over what it may have otherwise."""
    if longest > LONG:
        connection.execute("SET memory_limit = $1", [f"{300 + 8 * (longest >> 20)}MB"])


def _key_only(table: shapes.Table, key: str) -> Mapping[str, str]:
    top = key.split(".", maxsplit=1)[0]
    return {top: table.columns[top]}


def isolate(connection: duckdb.DuckDBPyConnection, manifest: Manifest, part: Part) -> Manifest:
    """Move the lines of ``part`` that DuckDB refuses to the set-aside lines; gives the pull as it then is."""
    directory = Path(manifest.directory)
    table = shapes.table(manifest.vendor, manifest.stream)
    columns = table.columns if manifest.kind != "sweep" else _key_only(table, manifest.key)
    lines = list(files.lines(directory / part.name))
    bad = _find(connection, columns, directory / "probe.jsonl", lines, 0)
    connection.execute("DROP TABLE IF EXISTS temp.probe")
    (directory / "probe.jsonl").unlink(missing_ok=True)
    if not bad:
        raise AssertionError(f"{directory}/{part.name} cannot be loaded, although each of its lines can")
    key_of = shapes.key_reader(manifest.key)
    aside: list[dict[str, Any]] = [
        {
            "line_no": part.first + i,
            "record_key": key_of(lines[i]),
            "reason": reason,
            "line": lines[i].decode("utf-8", "replace"),
        }
        for i, reason in bad.items()
    ]
    kept = [line for i, line in enumerate(lines) if i not in bad]
    # new files and then a manifest that names them, so that a crash in between changes nothing
    loadable = msgspec.structs.replace(part, name=f"loadable-{part.name}", rows=len(kept))
    aside_name = f"set_aside-{part.name}"
    files.write_lines(directory / aside_name, [msgspec.json.encode(entry) for entry in aside])
    files.write_lines(directory / loadable.name, kept)
    changed = msgspec.structs.replace(
        manifest,
        files=tuple(loadable if p.name == part.name else p for p in manifest.files),
        aside=(*manifest.aside, aside_name),
        rows_set_aside=manifest.rows_set_aside + len(bad),
        longest_aside=max(manifest.longest_aside, *(len(entry["line"]) * 6 + 1024 for entry in aside)),
    )
    files.write_manifest(directory, changed)
    return changed


def _find(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
    probe: Path,
    lines: Sequence[bytes],
    first: int,
) -> dict[int, str]:
    """Index -> reason for the lines that cannot be loaded, found by halving."""
    if not lines:
        return {}
    probe.write_bytes(b"\n".join(lines) + b"\n")
    longest = buffer(max(map(len, lines)))
    try:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE probe AS SELECT * FROM read_json($file, "
            "format = 'newline_delimited', columns = $columns, maximum_object_size = $longest)",
            {"file": str(probe), "columns": dict(columns), "longest": longest},
        )
    except MISFITS as error:
        reason = " ".join(str(error).splitlines()[0].split())
    else:
        if connection.execute("SELECT count(*) FROM temp.probe").fetchone() == (len(lines),):
            return {}
        reason = "the line does not hold one record"
    if len(lines) == 1:
        return {first: reason}
    middle = len(lines) // 2
    found = _find(connection, columns, probe, lines[:middle], first)
    return found | _find(connection, columns, probe, lines[middle:], first + middle)
