"""When runs are started: cadences as cron lines, and the sensor that asks the ledger what is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster_duckdb import DuckDBResource

from cogent_pipelines import clock
from cogent_pipelines.defs import automation
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines_tests.ledger import builders


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def deliver_due() -> None:
    """Stands for the job the sensor starts."""
    nothing()


class Asked(Retailer):
    """A retailer with nothing but a ledger."""

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger in its folder."""
        with closing(open_ledger(f"sqlite:///{self.state}/ledger.db", state=Path(self.state))) as ledger:
            yield ledger


@pytest.fixture
def retailer(tmp_path: Path) -> Asked:
    """One order is due."""
    made = Asked(estate_file="", state=str(tmp_path), warehouse=DuckDBResource(database=":memory:"))
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


@pytest.mark.parametrize(
    ("seconds", "place", "line"),
    [
        (20, 0, "*/1 * * * *"),
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
