"""What was read between a plan and its delivery: bodies and wantings are of the later reading.

On the project's own views: ``wanted`` rests on steps that are tables, filled by whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb
import msgspec
import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.defs import delivery
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books, copy
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import deliver, plan
from cogent_pipelines.rules import steps
from cogent_pipelines.vendors import registry
from cogent_pipelines_tests.outbox.target import VENDOR, Target, clients
from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World

RETAILER = {
    "name": "test",
    "time_zone": "Europe/London",
    "sandbox": True,
    "systems": {
        SHOP: {"vendor": "plain", "role": "channel", "url": "http://127.0.0.1"},
        WMS: {"vendor": "plain", "role": "warehouse", "url": "http://127.0.0.1"},
    },
    "truth": {},
    "facilities": {"LEEDS": WMS},
    "cadence": {"orders": "1m"},
    "owners": {},
    "syncs": {"orders_to_wms": {"mode": "live", "from": "2026-11-01T00:00:00Z"}},
}


@dataclass
class Flow:
    """Two paid orders, planned; what is read after that is a test's own."""

    ledger: Ledger
    world: World
    wms: Target
    move_on: Callable[[timedelta | float], None]
    estate: Estate

    def read(self) -> None:
        """Say that both systems were just read, and that something had changed."""
        self.move_on(10)
        self.world.pulls(clock.now(), rows_new=1)

    def plan(self) -> None:
        with warehouse.open("") as connection:
            copy.copy(connection, self.ledger)
            steps.refresh(connection)
            plan.plan(connection, self.ledger, self.estate, "orders_to_wms")

    def deliver(self, **options: Any) -> None:
        self.move_on(10)
        deliver.deliver(self.ledger, self.estate, "", clients({WMS: self.wms}), **options)

    def states(self) -> dict[str, str]:
        found = books.states(self.ledger, "orders_to_wms")
        return {
            key.removeprefix(f"{SHOP}:").partition("@")[0]: f"{state} {reason}".strip()
            for (_, key), (state, reason) in found.items()
        }


@pytest.fixture
def flow(
    book: Ledger, at: Callable[[timedelta | float], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flow]:
    """Two orders of the shop that wait to be sent."""
    monkeypatch.setitem(registry.VENDORS, "plain", VENDOR)  # type: ignore[arg-type]
    at(NOW - clock.now())
    world = World.alone("orders_to_wms", "ops.pulls")

    @contextmanager
    def opened(*args: object, **options: object) -> Iterator[duckdb.DuckDBPyConnection]:
        world.at(clock.now())
        yield world.connection

    monkeypatch.setattr(warehouse, "open", opened)
    world.item("A")
    world.stock("A", 10)
    for number in ("1", "2"):
        world.order(number, ("A", 1))
    made = Flow(book, world, Target(), at, msgspec.convert(RETAILER, Estate))
    made.read()
    made.plan()
    assert made.states() == {"1": "waiting", "2": "waiting"}
    yield made
    world.connection.close()


def cancelled(world: World) -> None:
    """The customer wants it no more."""
    world.change("marts.orders", "order_id = '1'", cancelled_at=clock.now())


def put_on_hold(world: World) -> None:
    """The shop asks nobody to send it now."""
    world.change("marts.fulfilment_orders", f"order_key = '{SHOP}:1'", status_code="on_hold")


def taken_by_another(world: World) -> None:
    """The warehouse has it from somebody else."""
    world.warehouse_order("w1", "1", ("A", 1))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (cancelled, "withdrawn no_longer_wanted"),
        (put_on_hold, "held on_hold"),
        (taken_by_another, "withdrawn no_longer_wanted"),
    ],
)
def test_what_was_read_after_the_plan_is_heeded(
    flow: Flow, change: Callable[[World], None], state: str
) -> None:
    """Cancelled, held or sent by somebody else meanwhile: it is not sent. The other one is."""
    flow.read()
    change(flow.world)
    flow.deliver(refresh=steps.refresh_if_read)
    assert flow.states() == {"1": state, "2": "verified"}
    assert flow.wms.effects() == {"#2": 1}


def test_without_a_refresh_an_older_reading_would_be_sent(flow: Flow) -> None:
    """The control: the steps are what the plan left."""
    flow.read()
    put_on_hold(flow.world)
    flow.deliver()
    assert flow.wms.effects() == {"#1": 1, "#2": 1}


def test_nothing_is_refreshed_when_nothing_new_is_to_be_sent(flow: Flow) -> None:
    """A tick that only finishes what was sent before leaves the warehouse's tables alone."""
    filled: list[object] = []
    flow.wms.wrongs = [("/allocations", "down"), ("/allocations", "down")]
    flow.deliver(refresh=lambda connection: filled.append(steps.refresh(connection)))
    assert len(filled) == 1
    assert set(flow.states().values()) == {"waiting retry"}
    flow.move_on(3600)
    flow.deliver(refresh=lambda connection: filled.append(steps.refresh(connection)))
    assert set(flow.states().values()) == {"verified"}
    assert len(filled) == 1


def test_a_steps_later_runs_go_by_the_readings_its_first_one_saw() -> None:
    """One refresh for all of them; one that failed was none; another step has its own."""
    answers = iter([duckdb.IOException("the disk is full"), None, None])
    filled: list[object] = []

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        if error := next(answers):
            raise error
        filled.append(connection)

    with duckdb.connect() as first, duckdb.connect() as second:
        refresh = delivery.once(fill)
        with pytest.raises(duckdb.IOException):
            refresh(first)
        refresh(first)
        refresh(second)
        assert filled == [first]
        delivery.once(fill)(second)
        assert filled == [first, second]
