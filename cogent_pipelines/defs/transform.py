"""Staging, marts, rules, wanted, reports and mappings: dbt's models as assets, built by dbt with their tests.

Belongs here: turning dbt's project into assets.
Does not belong here: evaluating a rule on the hot path (``checks``), which never starts dbt.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from cogent_pipelines import clock, warehouse
from cogent_pipelines.defs.flows import vendors
from cogent_pipelines.defs.resources import DBT, Retailer, dbt
from cogent_pipelines.estate import Estate, Place
from cogent_pipelines.landing import merge
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.rules import estate_tables, mappings
from cogent_pipelines.vendors.registry import VENDORS


class _Translator(DagsterDbtTranslator):
    """dbt's names are ours already: source ``shopify.orders`` is the asset [shopify, orders]."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        kind = dbt_resource_props["resource_type"]
        if kind == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["config"].get("schema") or "main", dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["config"].get("schema") or "main")


def in_use(estate: Estate) -> list[str]:
    """dbt's argument for this estate: marts gather its vendors' views, by the roles they play, and what its scopes leave."""
    roles = {
        slug: sorted({part.role for part in estate.systems.values() if part.vendor == slug})
        for slug in sorted(vendors(estate))
    }
    given: dict[str, Any] = {"vendors_in_use": roles}
    if scopes := estate.scopes():
        given["scopes"] = scopes
    return ["--vars", json.dumps(given)]


def not_in_use(estate: Estate) -> list[str]:
    """What dbt leaves out for this estate: views and raw tables of vendors it has not. Their tables are not there."""
    others = sorted(set(VENDORS) - set(vendors(estate)))
    return [selector for slug in others for selector in (f"fqn:cogent.staging.{slug}", f"source:{slug}")]


def name_files(place: Place, estate: Estate) -> None:
    """dbt is another process and opens DuckDB by itself: it learns from here where that is, and this estate's mappings.

    Reading and building name the same files: dbt reads its whole project again when one of them is another.
    """
    os.environ["COGENT_MAPPINGS"] = os.path.relpath(estate.mappings, DBT)
    os.environ["COGENT_WAREHOUSE"] = str(place.warehouse)


def manifest(place: Place, estate: Estate) -> Path:
    """dbt's manifest for this place, made by ``dbt parse`` when it is not this estate's.

    A model or mapping is newer than it, or it was made for other vendors or another folder of mappings.
    """
    name_files(place, estate)
    files = [*DBT.rglob("*"), *Path(estate.mappings).glob("*.csv")]
    newest = max(file.stat().st_mtime for file in files if file.suffix in {".sql", ".yml", ".csv"})
    ours, note = " ".join([*in_use(estate), estate.mappings]), place.manifest.with_name("made_for")
    made_for = note.read_text(encoding="utf-8") if note.exists() else ""
    if made_for != ours or not place.manifest.exists() or place.manifest.stat().st_mtime < newest:
        place.manifest.parent.mkdir(parents=True, exist_ok=True)
        dbt().cli(["parse", "--quiet", *in_use(estate)], target_path=place.manifest.parent).wait()
        note.write_text(ours, encoding="utf-8")
    return place.manifest


def lay_out(place: Place, estate: Estate) -> None:
    """Make every table the models read, empty where nothing was landed yet."""
    place.root.mkdir(parents=True, exist_ok=True)
    with (
        closing(open_ledger(place.ledger_url, state=place.root)) as ledger,
        warehouse.open(place.warehouse) as connection,
    ):
        for slug in vendors(estate):
            merge.prepare(connection, slug)
        ledger_copy.copy(connection, ledger)
        make_ready(connection, estate)


def make_ready(connection: duckdb.DuckDBPyConnection, estate: Estate) -> None:
    """Bring in what people may have changed since the last look: the estate's file and the mappings."""
    estate_tables.write(connection, estate, clock.now())
    mappings.load(connection, estate.mappings)


def models(manifest: Path, estate: Estate) -> dg.AssetsDefinition:
    """Every dbt model and seed that the estate has use for as one asset each, built in one step."""

    @dbt_assets(
        manifest=manifest,
        exclude=" ".join(not_in_use(estate)),
        dagster_dbt_translator=_Translator(),
        name="dbt_build",
        pool="dbt",
    )
    def dbt_build(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, retailer: Retailer
    ) -> Iterator[Any]:
        place, estate = retailer.place(), retailer.estate()
        lay_out(place, estate)
        name_files(place, estate)
        os.environ["COGENT_AS_OF"] = clock.now().isoformat()
        build = dbt.cli(["build", *in_use(estate)], context=context, target_path=place.manifest.parent)
        yield from build.stream()

    return dbt_build
