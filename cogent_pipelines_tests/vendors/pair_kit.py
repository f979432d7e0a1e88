"""A channel and a warehouse of any two vendors with all of ours between them, but for dbt and Dagster.

Belongs here: the tables and models of such a pair, and looks at it.
Does not belong here: a vendor's words, or what is expected (``test_pairs``).

What a pair is told goes through the sandbox's edges only, and what it did is judged by the sandbox's truth: so the
same tests hold for every vendor that plays the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.landing import merge
from cogent_pipelines.landing.pull import PullReport
from cogent_pipelines.ledger import books, copy, ledger
from cogent_pipelines.outbox import deliver, personal, plan, verify
from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines.rules import estate_tables, mappings, steps
from cogent_pipelines.sandbox.world import truth
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, START, WMS, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import kit

SEEDS = dbt_render.ROOT / "seeds"
LOOK = 150.0
"""Seconds between two looks: longer than a write takes to settle."""


class Pair(Retailer):
    """One such pair. ``book`` is its ledger.

    A warehouse without a list of orders tells of those only that it is asked about (``has_list``): what others sent there
    before us is never known, so such a pair's syncs begin after that (``from``).
    """

    def __init__(
        self,
        folder: Path,
        channel: str,
        warehouse_: str,
        others: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """``others`` are systems beside the two: name -> vendor."""
        self.has_list = not any(
            stream.asks for stream in VENDORS[warehouse_].streams if stream.entity == "orders"
        )
        since = None if self.has_list else START
        slugs = {SHOP: channel, WMS: warehouse_, **(others or {})}
        super().__init__(folder, slugs, since=since, **settings)
        self.book = ledger.open(self.ledger_url)
        with warehouse.open(self.path) as connection:
            for slug in self.slugs.values():
                merge.prepare(connection, slug)
            copy.copy(connection, self.book)
            estate_tables.write(connection, self.estate, clock.now())
            mappings.load(connection, SEEDS)
            for column, names in kit(warehouse_).called.items():
                table, name = column.split(".")
                for veeqos, its in names.items():
                    connection.execute(
                        f"UPDATE mappings.{table} SET {name} = $1 WHERE {name} = $2", [its, veeqos]
                    )
            personal.prepare(connection, self.book.hmac_key)
            dbt_render.create_whole(connection, self.slugs.values(), self.estate.scopes())

    def look(self, times: int = 1) -> None:
        """Let time pass, read and plan everything, and carry it out, so many times."""
        for _ in range(times):
            self.read()
            self.carry_out()

    def read(self) -> list[PullReport]:
        """Let time pass, read everything and plan every sync; nothing is sent."""
        self.move_on(LOOK)
        reports = self.pull()
        with warehouse.open(self.path) as connection:
            copy.copy(connection, self.book)
            steps.refresh(connection)
            for sync in SYNCS:
                plan.plan(connection, self.book, self.estate, sync)
        return reports

    def carry_out(self, times: int = 1) -> None:
        """Look up and deliver what is promised, so many times with time between: no reading tells what arrived."""
        clients = {name: partial(self.client, name) for name in self.slugs}
        for _ in range(times):
            verify.verify(self.book, self.estate, clients)
            deliver.deliver(self.book, self.estate, self.path, clients, refresh=steps.refresh_if_read)
            self.move_on(LOOK)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query of the models gives now."""
        with warehouse.open(self.path) as connection:
            return connection.execute(sql).fetchall()

    def grown_wrongly(self) -> list[str]:
        """Steps that grow and do not hold what they would if they were filled anew."""
        growing = [name for name, model in dbt_render.models().items() if model.is_step and model.grows]
        with warehouse.open(self.path) as connection:
            steps.refresh(connection)
            return [
                name
                for name in growing
                if connection.execute(
                    f"(FROM steps.{name} EXCEPT ALL FROM marts.{name}) UNION ALL "
                    f"(FROM marts.{name} EXCEPT ALL FROM steps.{name})"
                ).fetchall()
            ]

    def states(self) -> set[str]:
        """The states of what was promised, by the ledger itself."""
        return {state for sync in SYNCS for state, _ in books.states(self.book, sync).values()}

    def free(self, sku: str, facility: str) -> int:
        """How many of an item lie in a facility and are nobody's yet."""
        (place,) = [each.id for each in self.wms.facilities.values() if each.code == facility]
        entry = self.wms.stock[self.wms.by_sku[sku], place]
        return entry.physical - entry.allocated

    def truth(self) -> dict[str, Any]:
        """What is so, by the world itself."""
        return truth.truth(self.world)


@contextmanager
def opened(folder: Path, channel: str, warehouse_: str, **settings: Any) -> Iterator[Pair]:
    """A pair whose DuckDB stays open. No opening of it has the optimizer: planning is what a query of few rows costs."""
    with pytest.MonkeyPatch.context() as patch, warehouse.open(folder / "warehouse.duckdb"):
        patch.setattr(warehouse, "open", partial(_without_optimizer, warehouse.open))
        pair = Pair(folder, channel, warehouse_, **settings)
        with closing(pair.book):
            yield pair


@contextmanager
def _without_optimizer(usual: Any, *place: Any, **settings: Any) -> Iterator[Any]:
    """An opening without it; the switch holds for one connection only."""
    with usual(*place, **settings) as connection:
        connection.execute("PRAGMA disable_optimizer")
        yield connection
