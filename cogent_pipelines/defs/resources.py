"""What the assets are handed: the estate, the place it keeps things, and the stores opened for one step.

Belongs here: Dagster resources as thin wrappers that build plain objects.
Does not belong here: anything an asset does with them.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource
from dagster_dbt.compat import DBT_PYTHON_VERSION
from dagster_duckdb import DuckDBResource

from cogent_pipelines import estate as estates
from cogent_pipelines.connect.client import Client
from cogent_pipelines.estate import Estate, Place
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.ledger.limits import SharedLimits
from cogent_pipelines.vendors import accounts

ESTATE = "COGENT_ESTATE"
STATE = "COGENT_STATE"
ROOT = Path(__file__).resolve().parents[2]
DBT = ROOT / "dbt_project"


class Retailer(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The estate and its place. ``warehouse`` carries DuckDB's path and settings; ``warehouse.open`` opens it."""

    estate_file: str
    state: str
    warehouse: DuckDBResource

    def estate(self) -> Estate:
        """The estate as its file stands now: a mode or a brake changed there holds from the next step on."""
        return estates.load(self.estate_file)

    def place(self) -> Place:
        """Where this estate keeps everything."""
        return Place(Path(self.state))

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, opened for this step and given back after it."""
        place = self.place()
        with closing(open_ledger(place.ledger_url, state=place.root)) as ledger:
            yield ledger

    @contextmanager
    def clients(self, ledger: Ledger, *names: str) -> Iterator[dict[str, Callable[[], Client]]]:
        """System -> what makes a client for it; all share the limiter state in the ledger."""
        estate = self.estate()
        with closing(SharedLimits(ledger)) as limits:
            yield {name: partial(accounts.client, estate, name, limits) for name in names or estate.systems}


def estate_file() -> str:
    """The estate file in force: ``COGENT_ESTATE``, else the demo's."""
    return os.environ.get(ESTATE) or str(ROOT / "estates" / "demo.yaml")


def state() -> str:
    """The estate's folder: ``COGENT_STATE``, else ``state`` beside the project."""
    return os.environ.get(STATE) or str(ROOT / "state" / "default")


class Dbt(DbtCliResource):
    """dbt of this environment. Its version is that of the installed package: asking the program takes four seconds."""

    @cached_property
    def _cli_version(self) -> Any:
        return DBT_PYTHON_VERSION


def dbt() -> Dbt:
    """dbt of this environment, on this project. Every call says the estate's own folder as its target."""
    return Dbt(
        project_dir=str(DBT),
        profiles_dir=str(DBT),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )


def build(estate: str, folder: Path) -> dict[str, object]:
    """Every resource of the code location."""
    place = Place(folder)
    return {
        "retailer": Retailer(
            estate_file=estate, state=str(folder), warehouse=DuckDBResource(database=str(place.warehouse))
        ),
        "dbt": dbt(),
    }
