"""The retailer's mapping tables, read from their CSV files when one has changed: schema ``mappings``.

Belongs here: noticing a changed file, refusing one that contradicts itself, and loading it without dbt.
Does not belong here: what a mapping means (dbt's models), or which there are (``models/mappings.yml`` says so).

Every estate has a folder of its own (``mappings`` in its file), with a file for each mapping, empty or not.

An order held for want of a mapping is let go at the first plan after the row is added.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from cogent_pipelines.errors import BadInput

DECLARED = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "mappings.yml"
_TYPES: Mapping[str, pa.DataType] = {"varchar": pa.string(), "bigint": pa.int64(), "date": pa.date32()}


@dataclass(frozen=True, slots=True)
class Seed:
    """What is declared of one mapping."""

    name: str
    types: Mapping[str, str]
    key: tuple[str, ...]
    """Columns that together stand once."""
    filled: frozenset[str] = field(default_factory=frozenset)
    """Columns that may not be blank."""
    alone: frozenset[str] = field(default_factory=frozenset)
    """Columns that stand once each."""


def load(connection: duckdb.DuckDBPyConnection, folder: Path | str) -> list[str]:
    """Load every mapping whose file has changed since it was last loaded; their names. Raises ``BadInput``.

    ``mappings.loaded`` says which file each came from.
    """
    connection.execute("CREATE SCHEMA IF NOT EXISTS mappings")
    connection.execute("CREATE TABLE IF NOT EXISTS mappings.loaded (name VARCHAR, digest VARCHAR)")
    connection.execute("ALTER TABLE mappings.loaded ADD COLUMN IF NOT EXISTS file VARCHAR")
    known = {
        name: found
        for name, *found in connection.execute("SELECT name, digest, file FROM mappings.loaded").fetchall()
    }
    there = {row[0] for row in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mappings'"
    ).fetchall()}  # fmt: skip
    changed: list[tuple[Seed, str, Path, pa.Table]] = []
    for seed in declared():
        file = Path(folder) / f"{seed.name}.csv"
        content = _read(file)
        digest = hashlib.sha256(content).hexdigest()
        if known.get(seed.name) != [digest, str(file)] or seed.name not in there:
            changed.append((seed, digest, file, read(seed, str(file), content.decode("utf-8-sig"))))
    if not changed:
        return []
    connection.execute("BEGIN")
    try:
        for seed, digest, file, rows in changed:
            connection.register("mapping_rows", rows)
            connection.execute(f"CREATE OR REPLACE TABLE mappings.{seed.name} AS SELECT * FROM mapping_rows")
            connection.unregister("mapping_rows")
            connection.execute("DELETE FROM mappings.loaded WHERE name = $1", [seed.name])
            connection.execute(
                "INSERT INTO mappings.loaded VALUES ($1, $2, $3)", [seed.name, digest, str(file)]
            )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return [seed.name for seed, *_ in changed]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(str(file), "(file)", error.strerror, "a readable CSV file") from error


def read(seed: Seed, file: str, text: str) -> pa.Table:
    """The rows of a mapping, typed. Raises ``BadInput`` for a wrong header, a blank target or a key that stands twice."""
    lines = list(csv.reader(text.splitlines()))
    header = lines[0] if lines else []
    if header != list(seed.types):
        raise BadInput(file, "line 1", ",".join(header), ",".join(seed.types))
    seen: dict[tuple[str, ...], int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in header}
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            raise BadInput(file, f"line {number}", ",".join(line), f"{len(header)} values")
        row = {name: cell.strip() or None for name, cell in zip(header, line, strict=True)}
        _check(seed, file, number, row, seen)
        for name, value in row.items():
            columns[name].append(_typed(file, number, name, seed.types[name], value))
    arrays = [pa.array(values, type=_TYPES[seed.types[name]]) for name, values in columns.items()]
    return pa.Table.from_arrays(arrays, names=header)


def _check(
    seed: Seed, file: str, number: int, row: Mapping[str, str | None], seen: dict[tuple[str, ...], int]
) -> None:
    for name in seed.filled:
        if row[name] is None:
            raise BadInput(file, f"line {number}: {name}", "", "a value")
    for key in [seed.key, *((name,) for name in seed.alone)]:
        values = (",".join(key), *(row[name] or "" for name in key))
        if values in seen:
            found = ", ".join(values[1:])
            raise BadInput(
                file,
                f"line {number}: {values[0]}",
                found,
                f"a key that is not on line {seen[values]} already",
            )
        seen[values] = number


def _typed(file: str, number: int, name: str, kind: str, value: str | None) -> Any:
    if value is None or kind == "varchar":
        return value
    try:
        return int(value) if kind == "bigint" else date.fromisoformat(value)
    except ValueError as error:
        expected = "a whole number" if kind == "bigint" else "a day such as 2026-11-02"
        raise BadInput(file, f"line {number}: {name}", value, expected) from error


@cache
def declared() -> tuple[Seed, ...]:
    """Every mapping there is."""
    found: list[Seed] = []
    for part in yaml.safe_load(DECLARED.read_text(encoding="utf-8"))["seeds"]:
        tests = {c["name"]: _names(c.get("data_tests", [])) for c in part.get("columns", [])}
        found.append(
            Seed(
                name=part["name"],
                types=part["config"]["column_types"],
                key=_key(part.get("data_tests", [])),
                filled=frozenset(name for name, names in tests.items() if "not_null" in names),
                alone=frozenset(name for name, names in tests.items() if "unique" in names),
            )
        )
    return tuple(found)


def _names(tests: Sequence[Any]) -> set[str]:
    return {test if isinstance(test, str) else next(iter(test)) for test in tests}


def _key(tests: Sequence[Any]) -> tuple[str, ...]:
    for test in tests:
        if isinstance(test, dict) and "mapping_key" in test:
            return tuple(test["mapping_key"]["arguments"]["columns"])
    return ()
