"""From a pull's files into the vendor's raw table, in one transaction.

Belongs here: deciding which version of a record wins, and the bookkeeping that must move with it.
Does not belong here: the network, checking records (``shapes``), reading files (``loading``), opening DuckDB.

Within one transaction: rows, cursor, set-aside lines, undeclared paths, stock levels that moved, and the pull
itself; and the books of the pull must balance (rows in = new + changed + same + older + set aside).

Which version wins, per (system, key):
  1. the greater version; for a stream without one, and between equal versions, the later read;
  2. within one pull the later line, so a record seen twice in a pull ends as its newest version.
``_hash`` covers every declared column but the version. A newer version with the same content counts as the
same: the version is noted (or an older one could still overwrite it), ``_changed_at`` stays.

``_read_at`` is when the pull began, so a row is never younger than it claims; ``_first_seen_at`` and
``_changed_at`` are when the pull was done, as only then did we have it. ``_pull_id`` is the last pull that
listed the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import duckdb

from cogent_pipelines.landing import shapes
from cogent_pipelines.landing.files import Manifest
from cogent_pipelines.landing.loading import UnloadableError, buffer, isolate, load, make_room
from cogent_pipelines.landing.tables import at, prepare, qualified, quoted

__all__ = ["Counts", "Crash", "merge", "merge_all", "nothing", "prepare"]

PART = "part "
"""What the key of a refused part begins with among the lines set aside."""
Crash = Callable[[str], None]


def nothing(point: str) -> None:
    """What happens at a crash point outside a crash test."""


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


# --- merging --------------------------------------------------------------------------------------------


def merge_all(
    connection: duckdb.DuckDBPyConnection, manifests: Sequence[Manifest], crash: Crash = nothing
) -> list[Counts]:
    """Merge several finished pulls. Those that hold nothing, as most do, share a transaction."""
    for slug in {manifest.vendor for manifest in manifests}:
        prepare(connection, slug)
    quiet = [m for m in manifests if m.kind == "increment" and not m.rows_in]
    if quiet:
        connection.execute("BEGIN")
        try:
            for manifest in quiet:
                if _known(connection, manifest.pull_id) is None:
                    _cursor(connection, manifest)
                    _record(connection, manifest, Counts())
            crash("before_commit")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        crash("after_commit")
    return [Counts() if m in quiet else _merged(connection, m, crash) for m in manifests]


def merge(connection: duckdb.DuckDBPyConnection, manifest: Manifest, crash: Crash = nothing) -> Counts:
    """Merge a finished pull. Merging it again changes nothing and gives the same counts.

    A line that DuckDB cannot load although it passed the check is moved to the set-aside lines of the pull,
    and the merge is done again without it.
    """
    prepare(connection, manifest.vendor)
    return _merged(connection, manifest, crash)


def _merged(connection: duckdb.DuckDBPyConnection, manifest: Manifest, crash: Crash) -> Counts:
    done = _known(connection, manifest.pull_id)
    make_room(connection, max([manifest.longest_aside, *(part.longest for part in manifest.files)]))
    while done is None:
        connection.execute("BEGIN")
        try:
            counts = _merge(connection, manifest)
            crash("before_commit")
            connection.execute("COMMIT")
            done = counts
        except UnloadableError as error:
            connection.execute("ROLLBACK")
            manifest = isolate(connection, manifest, error.part)
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
        load(connection, table, manifest, part)
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
    if manifest.is_complete:
        _close_parts(connection, manifest)
    _unseen(connection, manifest)
    _cursor(connection, manifest)
    if not counts.balances():
        raise AssertionError(f"the books of pull {manifest.pull_id} do not balance: {counts}")
    _record(connection, manifest, counts)
    return counts


def _plus(counts: Counts, more: Mapping[str, int]) -> Counts:
    return Counts(**{f.name: getattr(counts, f.name) + more.get(f.name, 0) for f in fields(Counts)})


def _upsert(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> dict[str, int]:
    """Bring ``incoming`` into the raw table. Gives the counts by class."""
    name, key, version = qualified(table.schema, table.name), manifest.key, manifest.version
    older = _only_newest(connection, key, version)
    newer, equal = (
        (f"{at('t', version)} < {at('i', version)}", f"{at('t', version)} = {at('i', version)}")
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
        LEFT JOIN {name} t ON t.system = $system AND {at("t", key)} = {at("i", key)}
        """,
        facts,
    )
    found = dict(connection.execute("SELECT class, count(*) FROM temp.verdict GROUP BY class").fetchall())
    stamp = {**facts, "pull_id": manifest.pull_id, "at": manifest.finished_at}
    own = [quoted(column) for column in table.columns]
    joined = "FROM temp.incoming i JOIN temp.verdict v ON v.i = i.rowid WHERE o.rowid = v.t AND v.class"
    if found.get("changed"):
        sets = ", ".join(f"{column} = i.{column}" for column in [*own, "_hash"])
        connection.execute(
            f"UPDATE {name} o SET {sets}, _pull_id = $pull_id, _changed_at = $at, _read_at = $read_at, "
            f"_gone_at = NULL "
            f"{joined} = 'changed'",
            {k: stamp[k] for k in ("pull_id", "at", "read_at")},
        )
    if found.get("same"):
        top = version.split(".")[0] if version else ""
        moved = f"{quoted(top)} = i.{quoted(top)}, " if top else ""
        connection.execute(
            f"UPDATE {name} o SET {moved}_pull_id = $pull_id, _read_at = $read_at, _gone_at = NULL "
            f"{joined} = 'same'",
            {k: stamp[k] for k in ("pull_id", "read_at")},
        )
    if found.get("older"):  # listed, so not gone, but what we hold is newer
        connection.execute(
            f"UPDATE {name} o SET _pull_id = $pull_id {joined} = 'older'", {"pull_id": manifest.pull_id}
        )
    if found.get("new"):
        connection.execute(
            f"INSERT INTO {name} "
            f"(system, _hash, _pull_id, _first_seen_at, _changed_at, _read_at, {', '.join(own)}) "
            f"SELECT $system, i._hash, $pull_id, $at, $at, $read_at, {', '.join(f'i.{c}' for c in own)} "
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
        f"SELECT count(*) - count(DISTINCT {at('i', key)}) FROM temp.incoming i"
    ).fetchone()
    extra = int(row[0]) if row else 0
    if extra:
        order = f"({at('i', version)}, i.rowid)" if version else "i.rowid"
        connection.execute(
            f"""
            DELETE FROM temp.incoming WHERE rowid NOT IN
                (SELECT arg_max(i.rowid, {order}) FROM temp.incoming i GROUP BY {at("i", key)})
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
            "UPDATE ops.set_aside SET is_open = false "
            "WHERE is_open AND system = $system AND stream = $stream "
            f"AND record_key IN (SELECT {at('i', manifest.key)}::VARCHAR FROM temp.incoming i)",
            where,
        )


# --- what is no longer there ----------------------------------------------------------------------------


def _swept(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> dict[str, int]:
    """Stamp the rows whose keys a sweep has listed. A key we never had counts as new: it was missed."""
    key, name = manifest.key, qualified(table.schema, table.name)
    facts = {"system": manifest.system}
    total = connection.execute("SELECT count(*) FROM temp.incoming").fetchone()
    matched = connection.execute(
        f"SELECT count(*) FROM temp.incoming i SEMI JOIN {name} t ON t.system = $system "
        f"AND {at('t', key)} = {at('i', key)}",
        facts,
    ).fetchone()
    connection.execute(
        f"UPDATE {name} o SET _pull_id = $pull_id, _gone_at = NULL FROM temp.incoming i "
        f"WHERE o.system = $system AND {at('o', key)} = {at('i', key)}",
        {**facts, "pull_id": manifest.pull_id},
    )
    all_rows, known = (total or (0,))[0], (matched or (0,))[0]
    return {"rows_same": known, "rows_new": all_rows - known}


def _mark_gone(connection: duckdb.DuckDBPyConnection, table: shapes.Table, manifest: Manifest) -> int:
    """Set ``_gone_at`` on what a complete listing did not list and nothing has read since it began.

    A record that was listed and set aside is there, whatever it looks like: what we hold of it stands.
    """
    aside, facts = _keys_aside(manifest)
    spared = f" AND {at('t', manifest.key)}::VARCHAR NOT IN ({aside})" if aside else ""
    row = connection.execute(
        f"UPDATE {qualified(table.schema, table.name)} t SET _gone_at = $at "
        "WHERE system = $system AND _gone_at IS NULL AND _pull_id <> $pull_id AND _read_at < $started_at"
        + spared,
        facts
        | {
            "at": manifest.finished_at,
            "system": manifest.system,
            "pull_id": manifest.pull_id,
            "started_at": manifest.started_at,
        },
    ).fetchone()
    return int(row[0]) if row else 0


def _keys_aside(manifest: Manifest) -> tuple[str, dict[str, Any]]:
    """The SELECT for the keys of what the pull set aside, and what it needs; "" where it set nothing aside."""
    if not manifest.rows_set_aside:
        return "", {}
    return (
        "SELECT record_key FROM read_json($file, format = 'newline_delimited', compression = 'zstd', "
        "columns = {record_key: 'VARCHAR'}, maximum_object_size = $longest)",
        {
            "file": [str(Path(manifest.directory) / name) for name in manifest.aside],
            "longest": buffer(manifest.longest_aside),
        },
    )


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
        "INSERT INTO ops.set_aside SELECT $system, $vendor, $stream, $pull_id, s.line_no, s.record_key, "
        f"s.reason, s.line, $at, true FROM {source} s "
        "ANTI JOIN ops.set_aside o ON o.is_open AND o.system = $system "
        "AND o.stream = $stream AND o.record_key = s.record_key AND o.reason = s.reason AND o.line = s.line",
        {
            "system": manifest.system,
            "vendor": manifest.vendor,
            "stream": manifest.stream,
            "pull_id": manifest.pull_id,
            "at": manifest.finished_at,
            "file": path,
            "columns": kinds,
            "longest": buffer(manifest.longest_aside),
        },
    )
    # of a record that came again and still does not fit, only the last line is open
    connection.execute(
        "UPDATE ops.set_aside o SET is_open = false "
        "WHERE o.is_open AND o.system = $system AND o.stream = $stream AND o.record_key <> '' AND EXISTS ("
        "FROM ops.set_aside n WHERE n.system = o.system AND n.stream = o.stream "
        "AND n.record_key = o.record_key AND n.pull_id = $pull_id "
        "AND (n.line_no > o.line_no OR n.pull_id <> o.pull_id))",
        {"system": manifest.system, "stream": manifest.stream, "pull_id": manifest.pull_id},
    )


def _close_parts(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Close the refusal of every part of a stream that a complete read was no longer refused."""
    still, facts = _keys_aside(manifest)
    connection.execute(
        "UPDATE ops.set_aside SET is_open = false WHERE is_open AND system = $system AND stream = $stream "
        f"AND starts_with(record_key, '{PART}')" + (f" AND record_key NOT IN ({still})" if still else ""),
        facts | {"system": manifest.system, "stream": manifest.stream},
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
        "INSERT INTO ops.unseen "
        "SELECT $system, $vendor, $stream, r.path, 'field', r.example, $at, $at, r.seen "
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
        "pull_id", "system", "vendor", "stream", "kind", "window_from", "window_to", "started_at",
        "finished_at", "is_complete", "note", "pages", "vendor_total", "cursor_before",
    )  # fmt: skip
    values = {name: getattr(manifest, name) for name in names}
    values |= {field.name: getattr(counts, field.name) for field in fields(Counts)}
    slots = ", ".join(f"${name}" for name in values)
    connection.execute(f"INSERT INTO ops.pulls ({', '.join(values)}) VALUES ({slots})", values)
