"""From a pull's files into the vendor's raw table, in one transaction.

Belongs here: making raw tables, deciding which version of a record wins, and the bookkeeping that must move with it.
Does not belong here: the network, checking records (``shapes``), opening DuckDB (``warehouse``).

Within one transaction: rows, cursor, set-aside lines, undeclared paths, stock levels that moved, and the pull
itself; and the books of the pull must balance (rows in = new + changed + same + older + set aside).

Which version wins, per (system, key):
  1. the greater version; for a stream without one, and between equal versions, the later read;
  2. within one pull the later line, so a record seen twice in a pull ends as its newest version.
``_hash`` covers every declared column but the version. A newer version with the same content counts as the same: the
version is noted (or an older one could still overwrite it), ``_changed_at`` stays.

``_read_at`` is when the pull began, so a row is never younger than it claims; ``_first_seen_at`` and
``_changed_at`` are when the pull was done, as only then did we have it. ``_pull_id`` is the last pull that
listed the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from cogent_pipelines.landing import files, shapes
from cogent_pipelines.landing.files import Manifest, Part

OWN = {
    "_pull_id": "VARCHAR",
    "_first_seen_at": "TIMESTAMPTZ",
    "_changed_at": "TIMESTAMPTZ",
    "_read_at": "TIMESTAMPTZ",
    "_gone_at": "TIMESTAMPTZ",
    "_hash": "UBIGINT",
}
"""What landing adds to every raw table, behind ``system`` and the vendor's own columns."""
LEAST_BUFFER = 1 << 20
"""DuckDB sets aside twice the longest line it is told of for every thread; its own 16 MiB are far too much here."""
LONG = 4 << 20
"""A line longer than this needs more memory than landing gives DuckDB."""
MISFITS = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)
"""What DuckDB raises for a line; anything else (memory, disk) says nothing about the lines."""
RULES = "1"
"""Changes when the way raw tables are made does, so that they are looked at again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a pull's rows."""

    rows_in: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_same: int = 0
    rows_older: int = 0
    rows_set_aside: int = 0
    rows_gone: int = 0

    def balances(self) -> bool:
        """Whether every row that came in is accounted for."""
        kept = self.rows_new + self.rows_changed + self.rows_same + self.rows_older
        return self.rows_in == kept + self.rows_set_aside


class _Unloadable(Exception):
    """DuckDB refused a file that our own check let through."""

    def __init__(self, part: Part) -> None:
        super().__init__(part.name)
        self.part = part


# --- tables ---------------------------------------------------------------------------------------------


def prepare(connection: duckdb.DuckDBPyConnection, slug: str) -> None:
    """Make or extend the ops tables and the vendor's raw tables. Costs one look when nothing has changed."""
    ops = resources("cogent_pipelines.landing").joinpath("ops.sql").read_text(encoding="utf-8")
    declared = shapes.declaration(slug)
    digest = hashlib.sha256(f"{RULES}\0{ops}\0{declared.text}".encode()).hexdigest()
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'declarations'"
    ).fetchone()
    if known == (1,) and connection.execute(
        "SELECT count(*) FROM ops.declarations WHERE vendor = $1 AND digest = $2", [slug, digest]
    ).fetchone() == (1,):
        return
    connection.execute("BEGIN")
    try:
        connection.execute(ops)
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


def _make(connection: duckdb.DuckDBPyConnection, table: shapes.Table) -> None:
    """Create a raw table, or bring an older one to the present declaration. A dropped column stays, unfilled."""
    name = _name(table.schema, table.name)
    wanted = {"system": "VARCHAR", **table.columns, **OWN}
    columns = ", ".join(f"{_quoted(column)} {kind}" for column, kind in wanted.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
    present = dict(
        connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = $1 AND table_name = $2",
            [table.schema, table.name],
        ).fetchall()
    )
    for column, kind in wanted.items():
        if column not in present:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {_quoted(column)} {kind}")
        elif present[column] != kind:
            # structs are converted by the names of their fields: a new field is null, a removed one is dropped
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN {_quoted(column)} SET DATA TYPE {kind}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _name(schema: str, table: str) -> str:
    return f"{_quoted(schema)}.{_quoted(table)}"


def _at(alias: str, path: str) -> str:
    """SQL for a dotted path below ``alias``."""
    return ".".join([alias, *(_quoted(step) for step in path.split("."))])


# --- merging --------------------------------------------------------------------------------------------


def merge(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, crash: Any = lambda point: None
) -> Counts:
    """Merge a finished pull. Merging it again changes nothing and gives the same counts.

    A line that DuckDB cannot load although it passed the check is moved to the set-aside lines of the pull,
    and the merge is done again without it.
    """
    prepare(connection, manifest.vendor)
    done = _known(connection, manifest.pull_id)
    _make_room(connection, max([manifest.longest_aside, *(part.longest for part in manifest.files)]))
    while done is None:
        connection.execute("BEGIN")
        try:
            counts = _merge(connection, manifest)
            crash("before_commit")
            connection.execute("COMMIT")
            done = counts
        except _Unloadable as error:
            connection.execute("ROLLBACK")
            manifest = _isolate(connection, manifest, error.part)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    crash("after_commit")
    return done


def _known(connection: duckdb.DuckDBPyConnection, pull_id: str) -> Counts | None:
    names = [field.name for field in fields(Counts)]
    row = connection.execute(
        f"SELECT {', '.join(names)} FROM ops.pulls WHERE pull_id = $1", [pull_id]
    ).fetchone()
    return Counts(**dict(zip(names, row, strict=True))) if row else None


def _merge(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Counts:
    table = shapes.table(manifest.vendor, manifest.stream)
    counts = Counts(rows_in=manifest.rows_in, rows_set_aside=manifest.rows_set_aside)
    is_sweep = manifest.kind == "sweep"
    for part in manifest.files:
        _load(connection, table, manifest, part)
        counts = _plus(
            counts, _swept(connection, table, manifest) if is_sweep else _upsert(connection, table, manifest)
        )
    if manifest.is_complete and manifest.kind in ("full", "sweep"):
        counts = _plus(counts, {"rows_gone": _mark_gone(connection, table, manifest)})
    if is_sweep and counts.rows_new:  # records we were never given: the next pull reads everything
        connection.execute(
            "DELETE FROM ops.cursors WHERE system = $1 AND stream = $2", [manifest.system, manifest.stream]
        )
    _set_aside(connection, manifest)
    _unseen(connection, manifest)
    _cursor(connection, manifest)
    if not counts.balances():
        raise AssertionError(f"the books of pull {manifest.pull_id} do not balance: {counts}")
    _record(connection, manifest, counts)
    return counts


def _plus(counts: Counts, more: Mapping[str, int]) -> Counts:
    return Counts(**{f.name: getattr(counts, f.name) + more.get(f.name, 0) for f in fields(Counts)})


def _load(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest, part: Part) -> None:
    """One file as the temporary table ``incoming``, its rows in the order of the lines."""
    columns = table.columns if manifest.kind != "sweep" else _key_only(table, manifest.key)
    hashed = [_quoted(column) for column in columns if column != manifest.version] or ["NULL"]
    connection.execute("DROP TABLE IF EXISTS temp.incoming")
    sql = (
        f"CREATE TEMP TABLE incoming AS SELECT *, hash({', '.join(hashed)}) AS _hash "
        "FROM read_json($file, format = 'newline_delimited', compression = 'zstd', columns = $columns, "
        "maximum_object_size = $longest)"
    )
    path = str(Path(manifest.directory) / part.name)
    try:
        connection.execute(sql, {"file": path, "columns": dict(columns), "longest": _buffer(part.longest)})
    except MISFITS as error:
        raise _Unloadable(part) from error
    loaded = connection.execute("SELECT count(*) FROM temp.incoming").fetchone()
    if loaded != (part.rows,):
        raise AssertionError(
            f"{manifest.directory}/{part.name} holds {loaded} rows, its manifest says {part.rows}"
        )


def _buffer(longest: int) -> int:
    return max(LEAST_BUFFER, longest + 1024)


def _make_room(connection: duckdb.DuckDBPyConnection, longest: int) -> None:
    """Let DuckDB have the buffers that a very long line takes, over what it may have otherwise."""
    if longest > LONG:
        connection.execute("SET memory_limit = $1", [f"{300 + 8 * (longest >> 20)}MB"])


def _key_only(table: shapes.Table, key: str) -> Mapping[str, str]:
    top = key.split(".")[0]
    return {top: table.columns[top]}


def _upsert(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> dict[str, int]:
    """Bring ``incoming`` into the raw table. Gives the counts by class."""
    name, key, version = _name(table.schema, table.name), manifest.key, manifest.version
    older = _only_newest(connection, key, version)
    newer, equal = (
        (f"{_at('t', version)} < {_at('i', version)}", f"{_at('t', version)} = {_at('i', version)}")
        if version
        else ("false", "true")
    )
    facts = {"system": manifest.system, "read_at": manifest.started_at}
    connection.execute("DROP TABLE IF EXISTS temp.verdict")
    connection.execute(
        f"""
        CREATE TEMP TABLE verdict AS
        SELECT i.rowid AS i, t.rowid AS t,
            CASE
                WHEN t.rowid IS NULL THEN 'new'
                WHEN NOT coalesce({newer}, true) AND NOT ({equal} AND t._read_at <= $read_at) THEN 'older'
                WHEN t._hash = i._hash THEN 'same'
                ELSE 'changed'
            END AS class
        FROM temp.incoming i
        LEFT JOIN {name} t ON t.system = $system AND {_at("t", key)} = {_at("i", key)}
        """,
        facts,
    )
    found = dict(connection.execute("SELECT class, count(*) FROM temp.verdict GROUP BY class").fetchall())
    stamp = {**facts, "pull_id": manifest.pull_id, "at": manifest.finished_at}
    own = [_quoted(column) for column in table.columns]
    joined = "FROM temp.incoming i JOIN temp.verdict v ON v.i = i.rowid WHERE o.rowid = v.t AND v.class"
    if found.get("changed"):
        sets = ", ".join(f"{column} = i.{column}" for column in [*own, "_hash"])
        connection.execute(
            f"UPDATE {name} o SET {sets}, _pull_id = $pull_id, _changed_at = $at, _read_at = $read_at, _gone_at = NULL "
            f"{joined} = 'changed'",
            {k: stamp[k] for k in ("pull_id", "at", "read_at")},
        )
    if found.get("same"):
        top = version.split(".")[0] if version else ""
        moved = f"{_quoted(top)} = i.{_quoted(top)}, " if top else ""
        connection.execute(
            f"UPDATE {name} o SET {moved}_pull_id = $pull_id, _read_at = $read_at, _gone_at = NULL {joined} = 'same'",
            {k: stamp[k] for k in ("pull_id", "read_at")},
        )
    if found.get("older"):  # listed, so not gone, but what we hold is newer
        connection.execute(
            f"UPDATE {name} o SET _pull_id = $pull_id {joined} = 'older'", {"pull_id": manifest.pull_id}
        )
    if found.get("new"):
        connection.execute(
            f"INSERT INTO {name} (system, {', '.join(own)}, _hash, _pull_id, _first_seen_at, _changed_at, _read_at) "
            f"SELECT $system, {', '.join(f'i.{column}' for column in own)}, i._hash, $pull_id, $at, $at, $read_at "
            "FROM temp.incoming i JOIN temp.verdict v ON v.i = i.rowid WHERE v.class = 'new'",
            stamp,
        )
    if manifest.levels and (found.get("new") or found.get("changed")):
        _levels(connection, manifest)
    _settle(connection, manifest)
    return {"rows_older": older + found.pop("older", 0)} | {f"rows_{k}": n for k, n in found.items()}


def _only_newest(connection: duckdb.DuckDBPyConnection, key: str, version: str | None) -> int:
    """Leave in ``incoming`` the newest version of each record; gives how many rows that took away."""
    row = connection.execute(
        f"SELECT count(*) - count(DISTINCT {_at('i', key)}) FROM temp.incoming i"
    ).fetchone()
    extra = int(row[0]) if row else 0
    if extra:
        order = f"({_at('i', version)}, i.rowid)" if version else "i.rowid"
        connection.execute(
            f"""
            DELETE FROM temp.incoming WHERE rowid NOT IN
                (SELECT arg_max(i.rowid, {order}) FROM temp.incoming i GROUP BY {_at("i", key)})
            """
        )
    return extra


def _levels(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Note the stock levels of new and changed rows where they differ from the last one noted."""
    rows = (
        "(SELECT $system AS system, i.* FROM temp.incoming i JOIN temp.verdict v ON v.i = i.rowid "
        "WHERE v.class IN ('new', 'changed'))"
    )
    connection.execute(
        f"""
        INSERT INTO ops.stock_changes
        WITH found AS ({manifest.levels.replace("{rows}", rows)}),
        noted AS (
            SELECT facility_ref, sku, arg_max(available, (changed_at, rowid)) AS available
            FROM ops.stock_changes WHERE system = $system GROUP BY ALL
        )
        SELECT $system, f.facility_ref::VARCHAR, f.sku, f.available, $at, $pull_id
        FROM found f LEFT JOIN noted n ON n.facility_ref = f.facility_ref::VARCHAR AND n.sku = f.sku
        WHERE f.sku IS NOT NULL AND f.available IS NOT NULL AND f.available IS DISTINCT FROM n.available
        """,
        {"system": manifest.system, "at": manifest.finished_at, "pull_id": manifest.pull_id},
    )


def _settle(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Close set-aside lines whose record has come through since."""
    where = {"system": manifest.system, "stream": manifest.stream}
    is_open = connection.execute(
        "SELECT count(*) FROM ops.set_aside WHERE is_open AND system = $system AND stream = $stream", where
    ).fetchone()
    if is_open != (0,):
        connection.execute(
            "UPDATE ops.set_aside SET is_open = false WHERE is_open AND system = $system AND stream = $stream "
            f"AND record_key IN (SELECT {_at('i', manifest.key)}::VARCHAR FROM temp.incoming i)",
            where,
        )


# --- what is no longer there ----------------------------------------------------------------------------


def _swept(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> dict[str, int]:
    """Stamp the rows whose keys a sweep has listed. A key we never had counts as new: it was missed."""
    key, name = manifest.key, _name(table.schema, table.name)
    facts = {"system": manifest.system}
    total = connection.execute("SELECT count(*) FROM temp.incoming").fetchone()
    matched = connection.execute(
        f"SELECT count(*) FROM temp.incoming i SEMI JOIN {name} t ON t.system = $system "
        f"AND {_at('t', key)} = {_at('i', key)}",
        facts,
    ).fetchone()
    connection.execute(
        f"UPDATE {name} o SET _pull_id = $pull_id, _gone_at = NULL FROM temp.incoming i "
        f"WHERE o.system = $system AND {_at('o', key)} = {_at('i', key)}",
        {**facts, "pull_id": manifest.pull_id},
    )
    all_rows, known = (total or (0,))[0], (matched or (0,))[0]
    return {"rows_same": known, "rows_new": all_rows - known}


def _mark_gone(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> int:
    """Set ``_gone_at`` on what a complete listing did not list and nothing has read since it began."""
    row = connection.execute(
        f"UPDATE {_name(table.schema, table.name)} SET _gone_at = $at "
        "WHERE system = $system AND _gone_at IS NULL AND _pull_id <> $pull_id AND _read_at < $started_at",
        {
            "at": manifest.finished_at,
            "system": manifest.system,
            "pull_id": manifest.pull_id,
            "started_at": manifest.started_at,
        },
    ).fetchone()
    return int(row[0]) if row else 0


# --- bookkeeping ----------------------------------------------------------------------------------------


def _set_aside(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    if not manifest.rows_set_aside:
        return
    path = [str(Path(manifest.directory) / name) for name in manifest.aside]
    kinds = {"line_no": "BIGINT", "record_key": "VARCHAR", "reason": "VARCHAR", "line": "VARCHAR"}
    source = (
        "read_json($file, format = 'newline_delimited', compression = 'zstd', columns = $columns, "
        "maximum_object_size = $longest)"
    )
    # a line that still does not fit, word for word, is not noted again for every pull that reads it
    connection.execute(
        "INSERT INTO ops.set_aside SELECT $system, $vendor, $stream, $pull_id, s.line_no, s.record_key, s.reason, "
        f"s.line, $at, true FROM {source} s ANTI JOIN ops.set_aside o ON o.is_open AND o.system = $system "
        "AND o.stream = $stream AND o.record_key = s.record_key AND o.reason = s.reason AND o.line = s.line",
        {
            "system": manifest.system,
            "vendor": manifest.vendor,
            "stream": manifest.stream,
            "pull_id": manifest.pull_id,
            "at": manifest.finished_at,
            "file": path,
            "columns": kinds,
            "longest": _buffer(manifest.longest_aside),
        },
    )
    # of a record that came again and still does not fit, only the last line is open
    connection.execute(
        "UPDATE ops.set_aside o SET is_open = false WHERE o.is_open AND o.system = $system AND o.stream = $stream "
        "AND o.record_key <> '' AND EXISTS (FROM ops.set_aside n WHERE n.system = o.system AND n.stream = o.stream "
        "AND n.record_key = o.record_key AND n.pull_id = $pull_id AND (n.line_no > o.line_no OR n.pull_id <> o.pull_id))",
        {"system": manifest.system, "stream": manifest.stream, "pull_id": manifest.pull_id},
    )


def _unseen(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    if not manifest.unseen:
        return
    where = {"system": manifest.system, "stream": manifest.stream}
    entries = [{"path": p, "example": example, "seen": n} for p, (example, n) in manifest.unseen.items()]
    rows = "SELECT unnest($rows::STRUCT(path VARCHAR, example VARCHAR, seen BIGINT)[], recursive := true)"
    at = {"at": manifest.finished_at}
    connection.execute(
        f"UPDATE ops.unseen u SET last_seen_at = $at, seen = u.seen + r.seen FROM ({rows}) r "
        "WHERE u.system = $system AND u.stream = $stream AND u.path = r.path AND u.kind = 'field'",
        {**where, **at, "rows": entries},
    )
    connection.execute(
        f"INSERT INTO ops.unseen SELECT $system, $vendor, $stream, r.path, 'field', r.example, $at, $at, r.seen "
        f"FROM ({rows}) r ANTI JOIN ops.unseen u "
        "ON u.system = $system AND u.stream = $stream AND u.path = r.path AND u.kind = 'field'",
        {**where, **at, "vendor": manifest.vendor, "rows": entries},
    )


def _cursor(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Move the stream's cursor forward, and only by a complete pull."""
    where = [manifest.system, manifest.stream]
    if manifest.cursor_at is None or not manifest.is_complete:
        return
    row = connection.execute(
        "SELECT cursor_at FROM ops.cursors WHERE system = $1 AND stream = $2", where
    ).fetchone()
    if row and row[0] is not None and row[0] >= manifest.cursor_at:
        return
    connection.execute("DELETE FROM ops.cursors WHERE system = $1 AND stream = $2", where)
    connection.execute(
        "INSERT INTO ops.cursors VALUES ($1, $2, $3, $4)", [*where, manifest.cursor_at, manifest.pull_id]
    )


def _record(connection: duckdb.DuckDBPyConnection, manifest: Manifest, counts: Counts) -> None:
    names = (
        "pull_id", "system", "vendor", "stream", "kind", "window_from", "window_to", "started_at", "finished_at",
        "is_complete", "note", "pages", "vendor_total",
    )  # fmt: skip
    values = {name: getattr(manifest, name) for name in names}
    values |= {field.name: getattr(counts, field.name) for field in fields(Counts)}
    slots = ", ".join(f"${name}" for name in values)
    connection.execute(f"INSERT INTO ops.pulls ({', '.join(values)}) VALUES ({slots})", values)


# --- lines DuckDB cannot load ---------------------------------------------------------------------------


def _isolate(connection: duckdb.DuckDBPyConnection, manifest: Manifest, part: Part) -> Manifest:
    """Move the lines of ``part`` that DuckDB cannot load to the set-aside lines; gives the pull as it then is."""
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
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str], probe: Path, lines: Sequence[bytes], first: int
) -> dict[int, str]:
    """Index -> reason for the lines that cannot be loaded, found by halving."""
    if not lines:
        return {}
    probe.write_bytes(b"\n".join(lines) + b"\n")
    longest = _buffer(max(map(len, lines)))
    try:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE probe AS SELECT * FROM read_json($file, format = 'newline_delimited', "
            "columns = $columns, maximum_object_size = $longest)",
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
