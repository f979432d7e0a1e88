"""Health notices what has stopped, in one line each, and is quiet about what merely takes its time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.errors import Busy
from cogent_pipelines.ledger import beats, controls, messages
from cogent_pipelines.ledger.exceptions import Finding, apply
from cogent_pipelines.reports import health
from cogent_pipelines.reports.health import Health
from cogent_pipelines_tests.reports.fixtures import NOW, Kept, stop_clock


def look(kept: Kept) -> Health:
    """What health says now."""
    return health.check(kept.root, kept.estate_file)


@pytest.fixture
def well(kept: Kept) -> Kept:
    """An estate on which everything has just run."""
    with kept.ledger() as ledger:
        beats.beat(ledger, "outbox_due")
        beats.beat(ledger, "alerts_unsent")
        apply(ledger, [Finding("no_sku_is_oversold", "pass", "ecommerce", "error")])
    with kept.tables() as connection:
        feeds = connection.execute("SELECT system, vendor, stream FROM estate.feeds").fetchall()
        rows = [(f"p-{stream}", system, vendor, stream, NOW, NOW) for system, vendor, stream in feeds]
        for each in rows:
            connection.execute(
                "INSERT INTO ops.pulls (pull_id, system, vendor, stream, started_at, window_to, kind, "
                "is_complete) VALUES (?, ?, ?, ?, ?, ?, 'full', true)",
                each,
            )
    return kept


def test_a_living_estate_is_well(well: Kept) -> None:
    """One line, and nothing wrong."""
    found = look(well)
    assert found.is_well, found.wrong
    assert health.text(found) == "well at 2026-11-04 12:00 UTC"


def test_a_daemon_that_fell_silent_is_noticed(well: Kept) -> None:
    """The ledger's heartbeats tell; a minute is nothing, ten are."""
    stop_clock(NOW + timedelta(minutes=1))
    assert not any("silent" in line for line in look(well).wrong)
    stop_clock(NOW + timedelta(minutes=10))
    wrong = look(well).wrong
    assert "sensor outbox_due has been silent for 10 min: is the daemon dead?" in wrong
    assert "sensor alerts_unsent has been silent for 10 min: is the daemon dead?" in wrong


def test_where_time_runs_faster_a_heartbeat_is_still_measured_on_the_wall(
    well: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 times the wall's pace ten minutes are ten seconds."""
    stop_clock(NOW + timedelta(minutes=10))
    monkeypatch.setattr(clock, "speed", lambda: 60.0)
    assert not any("silent" in line for line in look(well).wrong)


def test_a_daemon_that_never_ran_is_noticed(kept: Kept) -> None:
    """A new estate is not well until somebody starts it."""
    assert (
        "sensor alerts_unsent has never run: start the daemon (cogent dev) and switch it on"
        in look(kept).wrong
    )
    assert "no rule was ever evaluated" in look(kept).wrong


def test_late_feeds_are_named_one_by_one_and_a_dead_system_once(well: Kept) -> None:
    """Every feed of a system late is one line about the system."""
    with well.tables() as connection:
        connection.execute("DELETE FROM ops.pulls WHERE system = 'wms_uk'")
        connection.execute("DELETE FROM ops.pulls WHERE system = 'web_uk' AND stream = 'payouts'")
    wrong = look(well).wrong
    assert "no feed of wms_uk is up to date; never read whole" in wrong
    assert any(line.startswith("web_uk payouts is not up to date (every 6 h 00 min)") for line in wrong)
    assert sum("wms_uk" in line for line in wrong) == 1


def test_a_halted_system_is_wrong_and_a_pause_is_a_note(well: Kept) -> None:
    """Somebody decided the one; nobody the other."""
    with well.ledger() as ledger:
        with ledger.write() as writing:
            controls.halt(
                writing, "wms_uk", reason="401 key refused\x1b[2J", code="credentials", owner="data"
            )
        controls.pause(ledger, "stock_to_channel", by="kim", reason="stock take")
    found = look(well)
    assert found.wrong == ("wms_uk is halted for 0 s: 401 key refused [2J",)
    assert found.notes == ("stock_to_channel is paused for 0 s by kim: stock take",)


def test_changes_nobody_delivers_are_noticed_unless_they_may_not_act(well: Kept) -> None:
    """Due for long, of a live sync, with nothing in the way."""
    well.promise("web_uk:1")
    stop_clock(NOW + timedelta(minutes=40))
    assert "1 changes of orders_to_wms wait for wms_uk, the oldest due 40 min ago" in look(well).wrong
    with well.ledger() as ledger:
        controls.pause(ledger, "orders_to_wms", by="kim", reason="stock take")
    assert not any("wait for wms_uk" in line for line in look(well).wrong)


def test_alerts_that_do_not_arrive_are_noticed(well: Kept) -> None:
    """Given up, or waiting with nobody to send them."""
    with well.ledger() as ledger:
        with ledger.write() as writing:
            for key in ("a", "b"):
                messages.queue(writing, messages.Message(key, "r", "c", "opened", "cx", "error", {}))
        claimed = messages.claim(ledger, limit=1)[0]
        messages.failed(
            ledger, claimed["message_id"], claimed["fence"], "no route", after=timedelta(0), is_final=True
        )
    stop_clock(NOW + timedelta(minutes=20))
    wrong = look(well).wrong
    assert "1 alerts could not be delivered: no route" in wrong
    assert "1 alerts wait unsent" in wrong


def test_rules_that_cannot_know_are_counted(well: Kept) -> None:
    """With since when, and the first of them."""
    with well.ledger() as ledger:
        apply(ledger, [Finding("no_sku_is_oversold", "unknown", "ecommerce", "error")])
    assert "1 rules cannot know for up to 0 s, for want of a feed: no_sku_is_oversold" in look(well).wrong


def test_a_warehouse_in_use_is_no_fault(well: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it is alive."""

    def busy(*_: object, **__: object) -> None:
        raise Busy("held")

    monkeypatch.setattr(warehouse, "open", busy)
    found = look(well)
    assert found.is_well
    assert found.notes == ("the warehouse is in use; feeds were not looked at",)
