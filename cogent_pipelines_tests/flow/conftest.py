"""A small retailer on a socket, and Dagster's real jobs on it; dbt is built once for all flow tests.

Belongs here: starting both, and moving their clock.
Does not belong here: what is expected of them (the tests).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import clock, demo
from cogent_pipelines import estate as estates
from cogent_pipelines.estate import Place
from cogent_pipelines_tests.flow.built import Built

EVERY = timedelta(hours=3)


@dataclass(slots=True)
class Shop:
    """A running retailer and what runs its jobs."""

    place: Place
    estate_file: Path
    runner: demo.Runner
    sandbox: demo.Sandbox

    def look(self, times: int = 1) -> list[demo.Tick]:
        """Let some hours pass and look, so many times."""
        ticks = []
        for _ in range(times):
            self.sandbox.advance(clock.now() + EVERY)
            ticks.append(self.runner.tick())
        return ticks

    def books(self) -> Any:
        """The books as ``cogent report`` reads them."""
        from cogent_pipelines.reports import books

        return books.read(self.place.root, self.estate_file)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Forty orders in a quarter of a day, no planted fault; looked at until the parcels have left."""
    root = tmp_path_factory.mktemp("flow")
    before = dict(os.environ)
    options = demo.Options(
        estate=demo.ROOT / "estates" / "demo.yaml",
        state=root,
        seed=11,
        orders="40",
        days=0.25,
        faults="none",
        every="3h",
        defects=0,
        ui=False,
    )
    place = Place(root)
    with ExitStack() as stack:
        stack.callback(clock.use_wall)
        stack.callback(os.environ.update, before)
        stack.callback(os.environ.clear)
        estate_file = demo.timelapse(options.estate, EVERY, root)
        estate = estates.load(estate_file)
        port = demo.connect(estate)
        sandbox = stack.enter_context(demo.sandbox(place, estate, port, demo.asked(options, {})))
        sandbox.advance()
        runner = Built.of(tmp_path_factory).prepare(root, estate_file)
        yield Shop(place, estate_file, runner, sandbox)
