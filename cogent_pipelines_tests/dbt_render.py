"""The dbt project's SQL without dbt, so that a model runs in an in-memory DuckDB in milliseconds.

Belongs here: the few names dbt gives a template (``ref``, ``source``, ``var``, ``model``, our macros) and making empty
tables from the columns a contract declares.
Does not belong here: rows of a test (``cogent_pipelines_tests/rules/rows.py``) or anything the product runs.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

from cogent_pipelines.vendors.registry import VENDORS

ROOT = Path(__file__).parents[1] / "dbt_project"
_READS = re.compile(r"ref\('(\w+)'\)")
OPS_SQL = Path(__file__).parents[1] / "cogent_pipelines" / "landing" / "ops.sql"


@dataclass(frozen=True, slots=True)
class Model:
    """One model or seed: where it stands, its text and what its YAML says."""

    name: str
    schema: str
    table: str
    text: str
    columns: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    is_seed: bool = False
    is_step: bool = False
    """A table that is filled from its definition (``models/marts/steps``)."""
    is_of_steps: bool = False
    """A mart over steps, and so a view beside them."""
    vendor: str = ""
    """Whose words it puts into ours, if it does."""

    @property
    def relation(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def grows(self) -> str:
        """How a step grows, in the words its view's comment holds; empty of a step that is filled anew."""
        grows = self.meta.get("grows")
        return " ".join(["grows", *grows.values()]) if grows else ""

    @property
    def is_union(self) -> bool:
        """A mart gathers staging views: tests make it a table and put rows in. A step, and what is made of steps, is none."""
        return self.schema == "marts" and not self.is_step and not self.is_of_steps


@cache
def project() -> dict[str, Any]:
    """``dbt_project.yml``, as it stands."""
    return yaml.safe_load((ROOT / "dbt_project.yml").read_text())


@cache
def _declared() -> list[dict[str, Any]]:
    """What each YAML file beside models and seeds says. Read by libyaml, in a tenth of the time."""
    files = [*ROOT.glob("models/**/*.yml"), *ROOT.glob("seeds/**/*.yml")]
    return [yaml.load(file.read_bytes(), yaml.CSafeLoader) or {} for file in files]


@cache
def _properties() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for content in _declared():
        for part in [*content.get("models", []), *content.get("seeds", [])]:
            found[part["name"]] = part
    return found


@cache
def models() -> dict[str, Model]:
    """Every model and seed by name."""
    found = {}
    steps = {file.stem for file in ROOT.glob("models/marts/steps/*.sql")}
    for file in ROOT.glob("models/**/*.sql"):
        properties = _properties().get(file.stem, {})
        config = properties.get("config", {})
        schema, folder, *_ = file.relative_to(ROOT / "models").parts
        found[file.stem] = Model(
            name=file.stem,
            schema=schema,
            vendor=folder if schema == "staging" else "",
            table=config.get("alias", file.stem),
            text=file.read_text(),
            columns={c["name"]: c.get("data_type", "varchar") for c in properties.get("columns", [])},
            meta=config.get("meta", {}),
            is_step=file.parent.name == "steps",
            is_of_steps=file.parent.name != "steps" and bool(steps & set(_READS.findall(file.read_text()))),
        )
    for file in ROOT.glob("seeds/**/*.csv"):
        properties = _properties().get(file.stem, {})
        types = properties.get("config", {}).get("column_types", {})
        with file.open() as lines:
            header = next(csv.reader(lines))
        columns = {name: types.get(name, "varchar") for name in header}
        found[file.stem] = Model(file.stem, "mappings", file.stem, "", columns, {}, is_seed=True)
    return found


@cache
def sources() -> dict[tuple[str, str], dict[str, str]]:
    """Declared sources with the columns they declare (empty for most)."""
    found = {}
    for content in _declared():
        for source in content.get("sources", []):
            for table in source.get("tables", []):
                columns = {c["name"]: c.get("data_type", "varchar") for c in table.get("columns", [])}
                found[(source["name"], table["name"])] = columns
    return found


class _Config(dict):
    """``model.config``: attribute access, as in dbt."""

    __getattr__ = dict.get


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)


def render(name: str, in_use: frozenset[str] | None = None, scopes: str = "{}") -> str:
    """The SQL of model ``name`` where these vendors are in use (None: all of them), with these scopes as JSON."""
    return _render(name, in_use, scopes)[0]


def needs(name: str, in_use: frozenset[str] | None = None, scopes: str = "{}") -> list[str]:
    """The models and seeds ``name`` reads."""
    return [n for kind, n in _render(name, in_use, scopes)[1] if kind == "ref"]


@cache
def _macros() -> Any:
    """All macros as one compiled template: they see each other and the model's names, as in dbt."""
    return _environment().compile("\n".join(f.read_text() for f in sorted(ROOT.glob("macros/*.sql"))))


def _filled(text: str, names: dict[str, Any]) -> str:
    """A template that may call the macros and ``names``."""
    environment = _environment()
    macros = jinja2.Template.from_code(environment, _macros(), {**environment.globals, **names})
    return environment.from_string(text, {**names, **vars(macros.module)}).render().strip()


@cache
def _render(
    name: str, in_use: frozenset[str] | None = None, scopes: str = "{}"
) -> tuple[str, list[tuple[str, str]]]:
    model = models()[name]
    used: list[tuple[str, str]] = []

    def ref(other: str) -> str:
        if ("ref", other) not in used:
            used.append(("ref", other))
        # Staging may be absent while a mart is tested: its view's name is fixed.
        return models()[other].relation if other in models() else f"staging.{other}"

    def source(schema: str, table: str) -> str:
        used.append(("source", f"{schema}.{table}"))
        return f"{schema}.{table}"

    def var(key: str, default: Any = None) -> Any:
        given: dict[str, Any] = {"scopes": json.loads(scopes)}
        if in_use is not None:
            given["vendors_in_use"] = {slug: VENDORS[slug].roles for slug in in_use}
        return (project()["vars"] | given).get(key, default)

    names = {
        "ref": ref,
        "source": source,
        "var": var,
        "config": lambda **_: "",
        "execute": True,
        "model": _Config(
            name=name,
            columns={column: {"data_type": kind} for column, kind in model.columns.items()},
            config=_Config(meta=model.meta),
            alias=model.table,
        ),
        "target": _Config(schema="main", type="duckdb"),
        "this": model.relation,
    }
    return _filled(model.text, names), used


# --- putting models into a database -------------------------------------------------------------------


def connect(as_of: str = "2026-11-04T12:00:00Z") -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with every schema, UTC, and an as-of."""
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    # Of a few rows' query, planning is the cost: the tests take half the time without the optimizer.
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1; PRAGMA disable_optimizer")
    for schema in ("staging", "marts", "rules", "wanted", "reports", "mappings", "ops", "estate", "steps"):
        connection.execute(f"CREATE SCHEMA {schema}")
    set_as_of(connection, as_of)
    return connection


def set_as_of(connection: duckdb.DuckDBPyConnection, as_of: str) -> None:
    """Make ``as_of`` the instant the models take for now."""
    connection.execute(f"SET VARIABLE as_of = TIMESTAMPTZ '{as_of}'")


def create(connection: duckdb.DuckDBPyConnection, *names: str, deep: bool = False) -> None:
    """Create ``names`` and all they read: unions of vendors and seeds as empty tables, steps as the tables and
    definitions they are, the rest as views.

    With ``deep`` the named models are views even if they are unions of vendors, over empty staging tables.
    """
    rows = connection.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
    ).fetchall()
    made = {row[0] for row in rows}
    for name in names:
        _create(connection, name, made, deep)


def create_whole(
    connection: duckdb.DuckDBPyConnection, in_use: Iterable[str], scopes: Mapping[str, Any] | None = None
) -> None:
    """Create every model over these vendors' raw tables, mappings and tables of ours that are there: as dbt would."""
    chosen, parts = frozenset(in_use), json.dumps(scopes or {})
    for schema in ("staging", "marts", "rules", "wanted", "reports", "steps"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    models_ = {
        name: model
        for name, model in models().items()
        if not model.is_seed and (not model.vendor or model.vendor in chosen)
    }
    reads = {name: [other for other in needs(name, chosen, parts) if other in models_] for name in models_}
    for name in TopologicalSorter(reads).static_order():
        view = f"steps.{name}" if models_[name].is_step else models_[name].relation
        connection.execute(f"CREATE VIEW {view} AS {render(name, chosen, parts)}")
        if models_[name].is_step:
            connection.execute(f"COMMENT ON VIEW {view} IS 'one {models_[name].grows}'")
            connection.execute(f"CREATE TABLE {models_[name].relation} AS SELECT * FROM {view} LIMIT 0")


def create_sources(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Create tables of ours that no model of a test reads, for what reads them beside the models."""
    for name in names:
        schema, table = name.split(".")
        if (schema, table) not in sources():
            raise KeyError(name)
        there = connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [schema, table]
        ).fetchone()
        if there == (0,):
            _table(connection, name, sources()[schema, table])


def refresh(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the steps from their definitions, in the order in which they were created."""
    rows = connection.execute(
        "SELECT view_name FROM duckdb_views() WHERE schema_name = 'steps' ORDER BY view_oid"
    )
    for (name,) in rows.fetchall():
        connection.execute(f"DELETE FROM marts.{name}")
        connection.execute(f"INSERT INTO marts.{name} SELECT * FROM steps.{name}")


def _create(connection: duckdb.DuckDBPyConnection, name: str, made: set[str], deep: bool) -> None:
    model = models()[name]
    if model.relation in made:
        return
    made.add(model.relation)
    if model.is_seed or (model.is_union and not deep):
        _table(connection, model.relation, model.columns)
        return
    sql, used = _render(name)
    for kind, other in used:
        if kind == "ref" and other in models() and not (deep and other.startswith("stg_")):
            _create(connection, other, made, deep=False)
        elif kind == "ref" and f"staging.{other}" not in made:
            made.add(f"staging.{other}")
            _table(connection, f"staging.{other}", model.columns)
        elif kind == "source" and other not in made:
            made.add(other)
            schema, table = other.split(".")
            _table(connection, other, sources()[(schema, table)])
    if model.is_step:
        connection.execute(f"CREATE VIEW steps.{name} AS {sql}")
        connection.execute(f"CREATE TABLE {model.relation} AS SELECT * FROM steps.{name} LIMIT 0")
    else:
        connection.execute(f"CREATE VIEW {model.relation} AS {sql}")


def _table(connection: duckdb.DuckDBPyConnection, relation: str, columns: dict[str, str]) -> None:
    if not columns:
        raise ValueError(f"{relation} declares no columns")
    body = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {relation} ({body})")


def manifest() -> dict[str, Any]:
    """What dbt's manifest says of the models, as far as the product reads it."""
    nodes, parents = {}, {}
    for name, model in models().items():
        kind = "seed" if model.is_seed else "model"
        nodes[f"{kind}.cogent.{name}"] = {
            "unique_id": f"{kind}.cogent.{name}",
            "name": name,
            "resource_type": kind,
            "schema": model.schema,
            "config": {"meta": model.meta},
        }
        if not model.is_seed:
            parents[f"model.cogent.{name}"] = [_node(kind, other) for kind, other in _render(name)[1]]
    found = {
        f"source.cogent.{schema}.{table}": {
            "unique_id": f"source.cogent.{schema}.{table}",
            "name": table,
            "resource_type": "source",
            "schema": schema,
            "source_name": schema,
        }
        for schema, table in sources()
    }
    return {"nodes": nodes, "sources": found, "parent_map": parents}


def _node(kind: str, name: str) -> str:
    if kind == "source":
        return f"source.cogent.{name}"
    return f"{'seed' if models()[name].is_seed else 'model'}.cogent.{name}"


def insert(connection: duckdb.DuckDBPyConnection, relation: str, *rows: dict[str, Any]) -> None:
    """Put ``rows`` into a table; columns left out are null."""
    for names, some in groupby(rows, key=tuple):
        alike = list(some)
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join([f"({', '.join('?' * len(names))})"] * len(alike))
        values = [value for row in alike for value in row.values()]
        connection.execute(f"INSERT INTO {relation} ({columns}) VALUES {marks}", values)


def fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """Rows of ``sql`` as dicts."""
    cursor = connection.execute(sql)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@cache
def expression(call: str) -> str:
    """The SQL a macro's call comes to, for example ``is_gtin('code')``."""
    return _filled("{{ " + call + " }}", {})
