"""What was lost costs nothing: an empty stock pull, a reset cursor, a deleted ledger, a deleted DuckDB.

Belongs here: a retailer with a history that somebody else sent, our stores taken away one after the other, and
what the sandbox's truth says of it. ``python -m cogent_pipelines_tests.flow.test_losses --history 10000`` is the
same with a real shop's history, and prints its figures.
Does not belong here: the loop on a shop's day (``test_flow``), or crashes within one delivery (``outbox/matrix``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cogent_pipelines import clock, demo, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.defs import transform
from cogent_pipelines.estate import Place
from cogent_pipelines_tests.flow.built import Built, by_dbt

pytestmark = [pytest.mark.flow, pytest.mark.losses]

HISTORY = 200
START = datetime(2026, 10, 31, 8, tzinfo=UTC)
"""A Saturday: no picker, no count and no receipt until Monday, so that whatever changes is our doing."""
EVERY = timedelta(hours=1)
OWN_ORDERS, OWN_PARCELS = 12, 6


@dataclass(slots=True)
class Retailer:
    """A running retailer whose past somebody else looked after, and what runs our jobs."""

    place: Place
    estate_file: Path
    runner: demo.Runner
    sandbox: demo.Sandbox
    build: Callable[[demo.Runner], None]
    """How tables and models come back when they are gone."""

    def look(self, times: int = 1) -> None:
        """Let an hour pass and look, so many times; every step succeeds."""
        for _ in range(times):
            # Each test begins with the wall's clock: the retailer's is asked for.
            self.sandbox.advance(self.sandbox.advance() + EVERY)
            tick = self.runner.tick()
            assert tick.succeeded, tick.failed

    def do(self, system: str, verb: str, **args: Any) -> Any:
        """Let somebody at the retailer do something."""
        return self.sandbox.ask("do", {"system": system, "verb": verb, "args": args})["result"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What we have done to the retailer's systems, by the sandbox's truth and its count of calls."""

    doubled: int
    lost: int
    orders: int
    """Records in warehouses that came by the API."""
    fulfilments: int
    mails: int
    wrong_levels: int
    writes: int
    """Calls that were to change something."""
    opened: int
    """Messages that say that something is wrong."""


def effects(retailer: Retailer) -> Effects:
    """Ask the sandbox."""
    truth = retailer.sandbox.ask("truth?parts=orders,parcels,lost,doubled,stale")
    told = retailer.sandbox.ask("counters")["calls"]
    inbox = retailer.sandbox.ask("inbox")
    return Effects(
        doubled=len(truth["doubled"]),
        lost=len(truth["lost"]),
        orders=sum(one["sent_by"].count("api") for one in truth["orders"].values()),
        fulfilments=sum(one["fulfilments"] for one in truth["orders"].values()),
        mails=sum(len(mails) for mails in inbox["customers"].values()),
        wrong_levels=len(truth["stale"]),
        writes=sum(one["count"] for one in told if _is_write(one["operation"])),
        opened=len(messages(retailer)),
    )


def _is_write(operation: str) -> bool:
    return operation.startswith(("POST ", "PUT ", "DELETE ")) or operation in {
        "fulfillmentCreate",
        "fulfillmentTrackingInfoUpdate",
        "inventoryActivate",
        "inventorySetQuantities",
    }


def messages(retailer: Retailer) -> list[str]:
    """The messages that were received, but for those that say that something is over."""
    texts = [
        str(one["message"].get("text", one["message"])) for one in retailer.sandbox.ask("inbox")["slack"]
    ]
    return [text for text in texts if "(cleared)" not in text.splitlines()[0]]


def about(text: str) -> str:
    """The cause and the rule a message names."""
    return next(line for line in text.splitlines() if line.startswith("Cause ")).partition("; owner")[0]


@contextmanager
def opened(root: Path, history: int, built: Built | None = None) -> Iterator[Retailer]:
    """Start the retailer and prepare our side: every sync live, ``from`` at now."""
    before = dict(os.environ)
    place = Place(root)
    lapsed = demo.timelapse(demo.ROOT / "estates" / "demo.yaml", EVERY, root)
    port = demo.connect(estates.load(lapsed))
    log = (root / "sandbox.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "cogent_pipelines.sandbox", "--port", str(port), "--seed", "5", "--days", "1",
            "--orders", "0", "--history", str(history), "--start", START.isoformat(), "--faults", "none",
            "--speed", "0",
        ],
        stdout=log, stderr=subprocess.STDOUT, cwd=demo.ROOT,
    )  # fmt: skip
    sandbox = demo.Sandbox(port, process)
    try:
        _await(sandbox)
        sandbox.advance()
        data = yaml.safe_load(lapsed.read_text(encoding="utf-8"))
        for part in data["syncs"].values():
            part |= {"mode": "live", "from": clock.now()}
        lapsed.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        if built is None:
            runner = demo.prepare(root, lapsed)
            by_dbt(runner)
        else:
            runner = built.prepare(root, lapsed)
        yield Retailer(place, lapsed, runner, sandbox, by_dbt if built is None else built.again)
    finally:
        process.terminate()
        process.wait()
        log.close()
        os.environ.clear()
        os.environ.update(before)
        clock.use_wall()


def _await(sandbox: demo.Sandbox) -> None:
    for _ in range(6000):
        if sandbox.process.poll() is not None:
            raise RuntimeError("the sandbox ended")
        try:
            sandbox.ask("clock")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the sandbox did not start")


# --- what is taken away ---------------------------------------------------------------------------------------


def trade(retailer: Retailer) -> None:
    """Some orders of our own time go out, and some of their parcels are told: there is something to double."""
    names = [
        retailer.do(
            "web_uk", "place_order", payment="paid", lines=[{"sku": f"SKU-{300 + i:04d}", "quantity": 1}],
            email=f"own-{i}@example.com", address={"line1": f"{i + 1} High Street"}, location=1001,
        )["order"]
        for i in range(OWN_ORDERS)
    ]  # fmt: skip
    retailer.look()
    for name in names[:OWN_PARCELS]:
        retailer.do("wms_uk", "ship", order=name)
    retailer.look()


def empty_stock(retailer: Retailer) -> None:
    """The warehouse says, twice in one pull, that it has no product at all. After a look it does so no more."""
    retailer.sandbox.ask(
        "faults",
        {"outages": [{"system": "wms_uk", "operation": "GET /products", "kind": "empty_list"}]},
    )


def reset_cursor(retailer: Retailer) -> None:
    """Nobody knows any more how far the shop's orders were read: they are read from the beginning."""
    with warehouse.open(retailer.place.warehouse) as connection:
        connection.execute("DELETE FROM ops.cursors WHERE system = 'web_uk' AND stream = 'orders'")


def delete_ledger(retailer: Retailer) -> None:
    """What was promised, sent and said is gone."""
    for file in retailer.place.root.glob("ledger.db*"):
        file.unlink()


def delete_warehouse(retailer: Retailer) -> None:
    """Everything that was read is gone; it is read from the vendors again, not replayed from files."""
    for file in retailer.place.root.glob("warehouse.duckdb*"):
        file.unlink()
    transform.lay_out(retailer.place, estates.load(retailer.estate_file))
    retailer.build(retailer.runner)


LOSSES: Mapping[str, Callable[[Retailer], None]] = {
    "an empty stock pull": empty_stock,
    "a reset cursor": reset_cursor,
    "a deleted ledger": delete_ledger,
    "a deleted DuckDB": delete_warehouse,
}
CAUSES: Mapping[str, str] = {
    "an empty stock pull": "emptied",
    "a reset cursor": "read_again",
    "a deleted ledger": "ledger_gone",
    "a deleted DuckDB": "tables_gone",
}


@dataclass(frozen=True, slots=True)
class Lost:
    """What one loss came to."""

    before: Effects
    after: Effects
    new: list[str]
    """Messages about what nobody had been told of."""
    again: int
    """Messages about what somebody had been told of before: escalated, or said again after the ledger was lost."""


def lose(retailer: Retailer, what: str, *, then: int = 1) -> Lost:
    """Take one thing away and look: once at the loss, and so many times at what came of it."""
    before, known = effects(retailer), messages(retailer)
    LOSSES[what](retailer)
    retailer.look()
    retailer.sandbox.ask("faults", {"clear": True})
    retailer.look(then)
    causes = {about(text) for text in known}
    said = list((Counter(messages(retailer)) - Counter(known)).elements())
    new = [text for text in said if about(text) not in causes]
    return Lost(before, effects(retailer), new, len(said) - len(new))


# --- in small ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    """Two hundred orders of history, looked at for the first time."""
    with opened(tmp_path_factory.mktemp("losses"), HISTORY, Built.of(tmp_path_factory)) as running:
        running.look()
        yield running


@pytest.fixture(scope="module")
def first(retailer: Retailer) -> Effects:
    """What the first look did."""
    return effects(retailer)


@pytest.fixture(scope="module")
def trading(retailer: Retailer, first: Effects) -> Retailer:
    """The same retailer once some orders of our own time have gone out."""
    assert first.writes == 0
    trade(retailer)
    return retailer


def test_a_history_that_somebody_else_sent_is_never_sent(first: Effects) -> None:
    """Every sync is live: not one write."""
    assert (first.doubled, first.orders, first.writes) == (0, 0, 0)


def test_what_is_of_our_own_time_goes_out(trading: Retailer, first: Effects) -> None:
    """That and no more, or the losses below would have nothing to double."""
    found = effects(trading)
    assert (found.orders, found.doubled, found.lost) == (OWN_ORDERS, 0, 0)
    assert found.fulfilments - first.fulfilments == OWN_PARCELS


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_doubles_nothing_and_is_told_once(trading: Retailer, what: str) -> None:
    """No second effect, no write at all, and one message about it. What comes of a loss later, the next would show."""
    lost = lose(trading, what, then=int(what == list(LOSSES)[-1]))
    before, after = lost.before, lost.after
    assert (after.doubled, after.lost, after.wrong_levels) == (0, 0, before.wrong_levels)
    assert (after.orders, after.fulfilments, after.mails) == (before.orders, before.fulfilments, before.mails)
    assert after.writes == before.writes
    assert [about(text) for text in lost.new] == [f"Cause {CAUSES[what]}; rule no_store_or_reading_was_lost"]


# --- at a real shop's size ----------------------------------------------------------------------------------------


def main() -> None:
    """Run it all with a long history and print what happened."""
    reading = argparse.ArgumentParser(description=main.__doc__)
    reading.add_argument("--history", type=int, default=10_000)
    reading.add_argument("--state", default="")
    given = reading.parse_args()
    root = Path(given.state or tempfile.mkdtemp(prefix="cogent-losses-")).resolve()
    root.mkdir(parents=True, exist_ok=True)
    demo.quiet(root)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    with opened(root, given.history) as running:
        say(f"{given.history:,} orders of history, sent by somebody else; every sync live, from now")
        running.look(2)
        say(f"two looks: {effects(running)}")
        for text in messages(running):
            say(f"  said: {text.splitlines()[0]} {about(text)}")
        trade(running)
        say(f"{OWN_ORDERS} orders and {OWN_PARCELS} parcels of our own time: {effects(running)}")
        for what in LOSSES:
            lost = lose(running, what)
            before, after = lost.before, lost.after
            say(
                f"{what}: writes {after.writes - before.writes}, doubled {after.doubled}, lost {after.lost}, "
                f"wrong levels {after.wrong_levels}, alerts {len(lost.new)}, said again {lost.again}"
            )
            for text in lost.new:
                say(f"  said: {text.splitlines()[0]} {about(text)}")


if __name__ == "__main__":
    main()
