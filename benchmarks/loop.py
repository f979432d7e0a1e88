"""The whole loop against the sandbox in plain Python: land, plan, deliver, verify; and what the sandbox counted.

Belongs here: starting the sandbox in a process of its own, and the steps of a tick without Dagster.
Does not belong here: what is counted for which target (``p5``, ``p9``).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import models
from common import ROOT, folder

from cogent_pipelines import clock, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.connect.client import Client
from cogent_pipelines.defs import flows
from cogent_pipelines.landing import merge
from cogent_pipelines.landing.pull import pull_system
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.ledger.limits import SharedLimits
from cogent_pipelines.outbox.deliver import DeliverReport, deliver
from cogent_pipelines.outbox.plan import PlanReport, plan
from cogent_pipelines.outbox.verify import verify
from cogent_pipelines.rules import estate_tables, mappings, steps
from cogent_pipelines.vendors import accounts

Calls = dict[tuple[str, str], int]


@dataclass(slots=True)
class Sandbox:
    """The emulated retailer, seen through its control."""

    port: int

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def advance(self, seconds: float, speed: float) -> None:
        """Play so many seconds of the retailer's life, then run at ``speed``, our clock with it."""
        told = self.ask("advance", {"seconds": seconds, "speed": speed})
        clock.use(
            clock.Clock(datetime.fromisoformat(told["at"]), time.time(), max(float(told["speed"]), 1e-9))
        )

    def do(self, system: str, verb: str, **args: Any) -> Any:
        return self.ask("do", {"system": system, "verb": verb, "args": args})["result"]

    def calls(self) -> Calls:
        return {(row["system"], row["operation"]): row["count"] for row in self.ask("counters")["calls"]}


@contextmanager
def sandbox(*options: str) -> Iterator[Sandbox]:
    """A sandbox that stands still, on a free port, its secrets in this process's environment."""
    command = [sys.executable, "-m", "cogent_pipelines.sandbox", "--port", "0", "--speed", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise SystemExit("the sandbox did not start")
        port = int(said.split("http://127.0.0.1:")[1].split(":")[0])
        estate = estates.load(ROOT / "estates" / "demo.yaml")
        os.environ[estates.SANDBOX_PORT] = str(port)
        for name, part in estate.systems.items():
            for secret, variable in part.secrets.items():
                os.environ[variable] = f"sandbox-{name}-{secret}"
        started = Sandbox(port)
        for _ in range(600):  # it names its port before it listens
            try:
                started.ask("clock")
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        yield started
    finally:
        process.terminate()
        process.wait()


@dataclass(slots=True)
class Loop:
    """One estate on one sandbox."""

    emulated: Sandbox
    estate: estates.Estate
    place: estates.Place
    ledger: Ledger
    clients: Mapping[str, Callable[[], Client]]

    def land(self) -> None:
        """Every stream of every system."""

        async def read(name: str) -> None:
            async with self.clients[name]() as client:
                reports = await pull_system(
                    self.estate, name, list(client.vendor.streams), state=self.place.root,
                    warehouse_path=self.place.warehouse, client=client,
                )  # fmt: skip
            if bad := [r for r in reports if not r.is_complete]:
                raise SystemExit(f"not read: {bad}")

        for name in self.estate.systems:
            asyncio.run(read(name))

    def build(self) -> None:
        """Every table and view."""
        with warehouse.open(self.place.warehouse) as connection:
            for slug in flows.vendors(self.estate):
                merge.prepare(connection, slug)
            ledger_copy.copy(connection, self.ledger)
            estate_tables.write(connection, self.estate, clock.now())
            mappings.load(connection, models.DBT / "seeds")
        models.build(self.place, self.estate, clock.now())

    def plan(self, sync: str) -> PlanReport:
        with warehouse.open(self.place.warehouse) as connection:
            estate_tables.write(connection, self.estate, clock.now())
            ledger_copy.copy(connection, self.ledger)
            steps.refresh(connection)
            return plan(connection, self.ledger, self.estate, sync)

    def drain(self, limit: int = 500) -> list[DeliverReport]:
        """Deliver until nothing more is due, then verify once. The plan's steps are filled again once, as in a run."""
        reports: list[DeliverReport] = []
        while True:
            refresh = None if reports else steps.refresh
            report = deliver(
                self.ledger, self.estate, self.place.warehouse, self.clients, limit=limit, refresh=refresh
            )
            reports.append(report)
            if not report.is_more_due:
                break
        reports.append(verify(self.ledger, self.estate, self.clients))
        return reports


@contextmanager
def loop(emulated: Sandbox) -> Iterator[Loop]:
    estate = estates.load(ROOT / "estates" / "demo.yaml")
    with folder() as path:
        place = estates.Place(path)
        with (
            closing(open_ledger(place.ledger_url, state=place.root)) as ledger,
            closing(SharedLimits(ledger)) as limits,
        ):
            clients = {name: partial(accounts.client, estate, name, limits) for name in estate.systems}
            yield Loop(emulated, estate, place, ledger, clients)


def between(before: Calls, after: Calls, system: str) -> Counter[str]:
    """Operation -> calls made in between."""
    return Counter(
        {name: n - before.get((where, name), 0) for (where, name), n in after.items()
         if where == system and n > before.get((where, name), 0)}
    )  # fmt: skip
