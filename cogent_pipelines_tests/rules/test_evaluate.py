"""Evaluation: what a rule can know, for which instant it speaks, and what becomes of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cogent_pipelines import clock, estate
from cogent_pipelines.ledger import exceptions
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.rules import catalogue, evaluate
from cogent_pipelines.rules.evaluate import Verdict
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago

ROOT = Path(__file__).parents[2]
MISSING = "every_paid_order_reached_a_warehouse"


class Retailer:
    """A world in which one rule is evaluated for real: its own database, a ledger on disk, the demo's estate."""

    def __init__(self, rule: str, folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(json.dumps(dbt_render.manifest()))
        self.rule = catalogue.load(file)[rule]
        self.estate = estate.load(ROOT / "estates" / "demo.yaml")
        self.world = World.alone(rule, "estate.feeds", "ops.pulls", "ops.first_seen")
        self.ledger: Ledger = open_ledger(f"sqlite:///{folder}/ledger.db", state=folder)
        self.feed()

    def feed(self, started_at: datetime = NOW, **where: str) -> None:
        """Every feed (or those of one system and stream) read whole at ``started_at``."""
        feeds = [("orders", "orders", 60), ("fulfillment_orders", "orders", 60), ("stock", "stock", 120)]
        self.world.clear("estate.feeds")
        for system, vendor in ((SHOP, "shopify"), (WMS, "veeqo")):
            for stream, entity, seconds in [*feeds, ("products", "products", 3600)]:
                self.world.put(
                    "estate.feeds",
                    system=system,
                    vendor=vendor,
                    stream=stream,
                    entity=entity,
                    seconds=seconds,
                )
                if where.get("system", system) == system and where.get("stream", stream) == stream:
                    self.world.put(
                        "ops.pulls", system=system, stream=stream, kind="increment", started_at=started_at,
                        finished_at=started_at, is_complete=True, rows_changed=1,
                    )  # fmt: skip

    def ask(self, now: datetime = NOW) -> Verdict:
        """Evaluate the rule at ``now``."""
        clock.use(clock.Clock(now, 0.0, 1e-12))
        self.world.at(now)
        self.world.connection.execute("DROP TABLE IF EXISTS ops.steps")
        (verdict,) = evaluate.evaluate(
            self.world.connection, self.ledger, self.estate, {self.rule.name: self.rule}
        )
        return verdict

    def history(self) -> list[tuple[str, str, str]]:
        """(key, state, closed by) of everything the rule ever had."""
        rows = exceptions.history(self.ledger, self.rule.name)
        return [(row["exception_key"], row["state"], row["closed_by"]) for row in rows]


@pytest.fixture
def missing(tmp_path: Path) -> Iterator[Retailer]:
    """An order that could have gone an hour ago and is not in its warehouse."""
    retailer = Retailer(MISSING, tmp_path)
    retailer.world.item("A")
    retailer.world.stock("A", 5)
    retailer.world.order("1", ("A", 1))
    yield retailer
    retailer.ledger.close()
    clock.use_wall()


KEY = f"{SHOP}:1@LEEDS"


def test_a_broken_rule_opens_an_exception_once_and_closes_it_by_evidence(missing: Retailer) -> None:
    """Seen again it is left as it is; gone, it is closed."""
    first = missing.ask()
    assert (first.state, first.total, first.opened, first.causes) == ("fail", 1, 1, {"not_in_warehouse": 1})
    assert (first.money, first.oldest_at) == ({"GBP": Decimal(10)}, ago(hours=1))
    assert [row.exception_key for row in first.samples] == [KEY]
    again = missing.ask()
    assert (again.opened, again.closed, again.total) == (0, 0, 1)
    missing.world.warehouse_order("90", "1", ("A", 1))
    last = missing.ask()
    assert (last.state, last.closed) == ("pass", 1)
    assert missing.history() == [(KEY, "closed", "evidence")]


@pytest.mark.parametrize(
    ("system", "stream"), [(SHOP, "orders"), (WMS, "orders"), (WMS, "stock"), (WMS, "products")]
)
def test_a_rule_with_a_late_feed_is_unknown(missing: Retailer, system: str, stream: str) -> None:
    """It opens nothing, and of what stands it closes nothing."""
    missing.ask()
    missing.world.warehouse_order("90", "1", ("A", 1))
    missing.world.clear("ops.pulls")
    missing.feed(NOW)
    missing.world.change("ops.pulls", f"system = '{system}' and stream = '{stream}'", started_at=ago(hours=3))
    verdict = missing.ask()
    assert (verdict.state, verdict.total, verdict.closed) == ("unknown", 0, 0)
    assert verdict.reason == f"{system} {stream}: last read whole 180 minutes ago"
    assert missing.history() == [(KEY, "open", "")]


def test_a_reading_that_broke_off_does_not_make_a_feed_good(missing: Retailer) -> None:
    """Only whole ones count."""
    missing.world.change("ops.pulls", f"system = '{WMS}' and stream = 'orders'", is_complete=False)
    verdict = missing.ask()
    assert (verdict.state, verdict.reason) == ("unknown", f"{WMS} orders: never read whole")
    assert verdict.inputs[f"{WMS} orders"] is None


def test_a_feed_that_was_tried_in_vain_since_is_behind_its_neighbours(missing: Retailer) -> None:
    """What they say of a later moment is not held against it by a rule that compares; read again, it is known again."""
    missing.world.clear("ops.pulls")
    missing.feed(ago(seconds=50))
    assert missing.ask().state == "fail"
    missing.world.pulls(ago(seconds=30), system=SHOP, stream="orders", is_complete=False)
    assert missing.ask().state == "fail"
    missing.rule = replace(missing.rule, compares_feeds=True)
    verdict = missing.ask()
    assert verdict.state == "unknown"
    assert verdict.reason.startswith(f"{SHOP} orders: last read whole")
    assert "tried in vain at" in verdict.reason
    missing.world.pulls(ago(seconds=10), system=SHOP, stream="orders")
    assert missing.ask().state == "fail"


def test_a_feed_the_rule_does_not_rest_on_may_be_late(missing: Retailer) -> None:
    """Lineage decides, not the calendar."""
    missing.world.put(
        "estate.feeds", system=SHOP, vendor="shopify", stream="payouts", entity="payouts", seconds=60
    )
    assert missing.ask().state == "fail"


def test_a_rule_speaks_for_the_least_of_its_watermarks(missing: Retailer) -> None:
    """Due since 11:15, but the warehouse was last read at 11:14:59: nobody has looked since."""
    at = ago(minutes=45)
    missing.world.clear("ops.pulls")
    missing.feed(at)
    missing.world.change(
        "ops.pulls", f"system = '{WMS}' and stream = 'orders'", started_at=at - timedelta(seconds=1)
    )
    early = missing.ask(at + timedelta(seconds=30))
    assert (early.state, early.as_of) == ("pass", at - timedelta(seconds=1))
    missing.world.change("ops.pulls", "true", started_at=at)
    assert missing.ask(at + timedelta(seconds=30)).state == "fail"


def test_reference_data_does_not_hold_a_rule_s_clock_back(missing: Retailer) -> None:
    """Products are read every hour; the orders' minute is what it speaks for."""
    missing.world.change("ops.pulls", "stream = 'products'", started_at=ago(minutes=50))
    assert missing.ask().as_of == NOW


def test_the_connection_s_as_of_is_the_clock_s_again_afterwards(missing: Retailer) -> None:
    """Whoever plans next on it plans for now."""
    missing.world.change("ops.pulls", f"system = '{WMS}'", started_at=ago(seconds=30))
    missing.ask()
    row = missing.world.connection.execute("SELECT getvariable('as_of')::timestamptz").fetchone()
    assert row == (NOW,)


def test_severity_is_the_estate_s_word_before_the_rule_s(missing: Retailer) -> None:
    """And twenty rows are enough to look at."""
    for number in range(2, 40):
        missing.world.order(str(number), ("A", 1), delivery_option="Standard Delivery")
    missing.world.change("marts.stock", "true", available_qty=1000)
    windows = {MISSING: estate.Window(severity="info")}
    missing.estate = estate.msgspec.structs.replace(missing.estate, windows=windows)
    verdict = missing.ask()
    assert (verdict.total, len(verdict.samples)) == (39, 20)
    standing = exceptions.standing(missing.ledger)[MISSING]
    assert {row["severity"] for row in standing.values()} == {"info"}


# --- faults that end by themselves --------------------------------------------------------------------


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Retailer]:
    """Two orders of the same basket."""
    retailer = Retailer("no_two_orders_are_the_same_basket", tmp_path)
    for number in ("1", "2"):
        retailer.world.order(number, ("A", 1), basket_fingerprint="f", placed_at=ago(hours=3 - int(number)))
    yield retailer
    retailer.ledger.close()
    clock.use_wall()


PAIR = f"{SHOP}:1+{SHOP}:2"


def test_a_fault_that_came_and_went_between_two_looks_is_recorded_once(twins: Retailer) -> None:
    """Opened and closed, and the rule holds."""
    twins.world.refund("1", "r1", "10.00", refunded_at=ago(minutes=20))
    verdict = twins.ask()
    assert (verdict.state, verdict.total, verdict.ended) == ("pass", 0, 1)
    assert twins.ask().ended == 0
    assert twins.history() == [(PAIR, "closed", "ended")]


def test_a_fault_seen_open_that_ends_is_one_exception(twins: Retailer) -> None:
    """Not one that closed and another that came and went."""
    assert twins.ask().opened == 1
    twins.world.refund("1", "r1", "10.00", refunded_at=ago(minutes=20))
    assert twins.ask().closed == 1
    twins.ask()
    assert twins.history() == [(PAIR, "closed", "evidence")]


# --- what is remembered ---------------------------------------------------------------------------------


def test_since_when_a_level_differs_is_remembered_and_forgotten(tmp_path: Path) -> None:
    """The window runs from the first look that saw it, and anew when it comes back."""
    retailer = Retailer("channel_stock_equals_what_is_available", tmp_path)
    with closing(retailer.ledger):
        world = retailer.world
        world.item("A")
        world.stock("A", 5)
        world.level("A", 9)

        def look(minutes: int) -> str:
            at = NOW + timedelta(minutes=minutes)
            world.clear("ops.pulls")
            retailer.feed(at)
            return retailer.ask(at).state

        assert [look(0), look(29), look(30)] == ["pass", "pass", "fail"]
        world.change("marts.channel_stock", "true", available_qty=5)
        assert look(31) == "pass"
        world.change("marts.channel_stock", "true", available_qty=9)
        assert [look(40), look(69), look(70)] == ["pass", "pass", "fail"]
    clock.use_wall()


def test_a_rule_about_our_own_work_is_always_known(tmp_path: Path) -> None:
    """It is the one that speaks when nothing is read."""
    retailer = Retailer("every_feed_is_up_to_date", tmp_path)
    with closing(retailer.ledger):
        retailer.world.clear("ops.pulls")
        verdict = retailer.ask()
        assert (verdict.state, verdict.causes) == ("fail", {"never_read": 8})
    clock.use_wall()
