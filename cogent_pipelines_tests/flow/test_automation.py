"""When runs are started: cadences as cron lines, and the sensor that asks the ledger what is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster_duckdb import DuckDBResource

from cogent_pipelines import clock, demo, estate
from cogent_pipelines.defs import automation
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import controls
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines_tests.ledger import builders
from cogent_pipelines_tests.outbox import target


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def deliver_due() -> None:
    """Stands for the job the sensor starts."""
    nothing()


@dg.job
def flow_orders() -> None:
    """Stands for a flow."""
    nothing()


@dg.job
def flow_stock() -> None:
    """Stands for another."""
    nothing()


class Asked(Retailer):
    """A retailer with nothing but a ledger and one live sync."""

    mode: str = "live"

    def estate(self) -> Estate:
        """The sandbox of the outbox's tests."""
        return target.estate(orders_to_wms={"mode": self.mode})

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger in its folder."""
        with closing(open_ledger(f"sqlite:///{self.state}/ledger.db", state=Path(self.state))) as ledger:
            yield ledger


def folder(path: Path, **settings: str) -> Asked:
    """The retailer in this folder."""
    warehouse = DuckDBResource(database=":memory:")
    return Asked(estate_file="", state=str(path), warehouse=warehouse, **settings)


@pytest.fixture
def retailer(tmp_path: Path) -> Asked:
    """One order is due."""
    made = folder(tmp_path)
    with made.ledger() as ledger:
        builders.make(ledger, "k")
    return made


def asks(retailer: Asked, instance: dg.DagsterInstance) -> list[str]:
    """Evaluate the sensor; what the runs it asks for are told is due."""
    with dg.build_sensor_context(instance=instance, resources={"retailer": retailer}) as context:
        told = automation.outbox_sensor({"deliver": deliver_due})(context)
    runs = told.run_requests if isinstance(told, dg.SensorResult) else None
    return [one.tags["cogent/due"] for one in runs or ()]


def test_one_run_is_asked_for_what_is_due(retailer: Asked) -> None:
    """And none when nothing is."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert asks(retailer, instance) == ["1"]
        with retailer.ledger() as ledger:
            (promise,) = builders.claim(ledger)
            builders.move(ledger, promise, "verified", closed_at=clock.now())
        assert asks(retailer, instance) == []


def test_no_run_is_asked_for_what_may_not_be_sent(retailer: Asked) -> None:
    """What waits behind a pause or a halt, or is not live, would be a run for nothing every quarter of a minute."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert asks(folder(Path(retailer.state), mode="shadow"), instance) == []
        with retailer.ledger() as ledger:
            controls.pause(ledger, "orders_to_wms", by="operations", reason="stocktaking")
            assert asks(retailer, instance) == []
            controls.unpause(ledger, "orders_to_wms", by="operations")
            assert asks(retailer, instance) == ["1"]
            with ledger.write() as writing:
                controls.halt(writing, "wms", reason="the key was refused", code="401", owner="data")
            assert asks(retailer, instance) == []
            assert [one["kind"] for one in controls.standing(ledger)] == ["halt"]
            clock.use(clock.Clock(clock.now() + timedelta(days=1), time.time(), 1.0))
            assert asks(retailer, instance) == ["1"]  # its time has come to be tried again


def test_the_demo_counts_by_the_estate_as_it_stands_now(retailer: Asked) -> None:
    """As the sensor does: a mode changed since it began holds from the next run on."""
    runner = demo.Runner(retailer.estate(), retailer.place(), None, None, retailer)
    assert runner.due() == 1
    runner.retailer = folder(Path(retailer.state), mode="shadow")
    assert runner.due() == 0


def test_a_run_that_was_killed_with_its_machine_does_not_stop_deliveries(
    retailer: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says started for an hour; after ten minutes nobody waits for it."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(deliver_due, status=dg.DagsterRunStatus.STARTED)
        assert run.status == dg.DagsterRunStatus.STARTED
        assert asks(retailer, instance) == []
        now = time.time()
        monkeypatch.setattr("cogent_pipelines.defs.automation.time.time", lambda: now + 601)
        assert asks(retailer, instance) == ["1"]


def test_a_flow_that_is_still_under_way_is_not_started_beside_itself() -> None:
    """The next minute, or half minute, comes; another flow does not wait for it."""
    demo = estate.load(Path(__file__).parents[2] / "estates" / "demo.yaml")
    made = {"orders": flow_orders, "stock": flow_stock, "build": deliver_due}
    hot = {one.job_name: one for one in automation.schedules(demo, made)}
    (quick,) = automation.quick_sensors(demo, made)
    assert "flow_stock" not in hot
    assert (quick.job_name, quick.minimum_interval_seconds) == ("flow_stock", 30)
    at = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def started(job: str) -> int:
        if job == quick.job_name:
            with dg.build_sensor_context(instance=instance) as asking:
                return len(quick.evaluate_tick(asking).run_requests or [])
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
            return len(hot[job].evaluate_tick(context).run_requests or [])

    with dg.instance_for_test() as instance:
        assert (started("flow_orders"), started("flow_stock")) == (1, 1)
        instance.create_run_for_job(flow_orders, status=dg.DagsterRunStatus.STARTING)
        assert (started("flow_orders"), started("flow_stock")) == (0, 1)
        instance.create_run_for_job(flow_stock, status=dg.DagsterRunStatus.STARTED)
        assert (started("flow_orders"), started("flow_stock")) == (0, 0)


@pytest.mark.parametrize(
    ("seconds", "place", "line"),
    [
        (60, 3, "*/1 * * * *"),
        (120, 0, "*/2 * * * *"),
        (120, 1, "1-59/2 * * * *"),
        (120, 2, "*/2 * * * *"),
        (900, 3, "3-59/15 * * * *"),
        (3600, 4, "7 */1 * * *"),
        (86_400, 5, "23 3 * * *"),
    ],
)
def test_a_cadence_is_a_cron_line_and_neighbours_start_apart(seconds: float, place: int, line: str) -> None:
    """No flow more often than each minute, and two of the same cadence not in the same one."""
    assert automation._cron(seconds, place) == line
