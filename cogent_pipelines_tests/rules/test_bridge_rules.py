"""The rules about a bridge: what its flows did, lost, left waiting and said to have done."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import BRIDGE, NOW, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary

FLOW = f"{BRIDGE}:88"
LONDON = ZoneInfo("Europe/London")


def bridge(model: str, **flow: object) -> World:
    """One flow, and nothing it did."""
    world = World(model)
    world.flow(**flow)
    return world


# --- no_flow_is_failing ---------------------------------------------------------------------------------


def test_a_flow_whose_last_run_succeeded_is_well() -> None:
    """Whatever it did before."""
    world = bridge("no_flow_is_failing")
    world.flow_run("1", "failed", started_at=ago(hours=9))
    world.flow_run("2", "failed", started_at=ago(hours=8))
    world.flow_run("3", started_at=ago(hours=7))
    assert world.found() == {}


def test_a_flow_whose_last_runs_failed_is_shown_since_the_first_of_them() -> None:
    """At once, with how many and what the last one said."""
    world = bridge("no_flow_is_failing")
    world.flow_run("1", started_at=ago(hours=9))
    world.flow_run("2", "failed", started_at=ago(hours=8))
    world.flow_run("3", "failed", started_at=ago(hours=7), summary="the warehouse answered 500")
    assert world.found() == {FLOW: "keeps_failing"}
    row = world.row()
    assert row["since_at"] == row["due_at"] == ago(hours=8) + timedelta(minutes=1)
    assert row["detail"] == (
        "orders to the warehouse: 2 runs have failed since its last success; the warehouse answered 500"
    )
    assert row["url"] == "https://bridge/flow-run-logs/3"


def test_one_failed_run_may_be_followed_by_a_good_one() -> None:
    """Four hours long."""
    world = bridge("no_flow_is_failing")
    world.flow_run("1", "failed", started_at=ago(hours=5))
    boundary(world, ago(hours=1) + timedelta(minutes=1), {FLOW: "last_run_failed"})


@pytest.mark.parametrize("status", ["partly_failed", "cancelled", "running", "unknown"])
def test_only_a_success_ends_a_series_of_failures(status: str) -> None:
    """A part of a success is none, and one that was stopped or goes on says nothing."""
    world = bridge("no_flow_is_failing")
    for number, each in enumerate(["failed", status, "failed"]):
        world.flow_run(str(number), each, started_at=ago(hours=9 - number))
    assert world.found() == {FLOW: "keeps_failing"}


@pytest.mark.parametrize("flow", [{"is_enabled": False}, {"gone_at": ago(hours=1)}])
def test_a_flow_that_is_switched_off_or_gone_does_not_fail(flow: dict) -> None:
    """Somebody has seen to it."""
    world = bridge("no_flow_is_failing", **flow)
    for number in range(3):
        world.flow_run(str(number), "failed")
    assert world.found() == {}


# --- no_flow_run_is_partly_lost -------------------------------------------------------------------------


def test_a_run_that_lost_a_part_is_shown_after_the_window() -> None:
    """Half an hour after its end, with what it lost."""
    world = bridge("no_flow_run_is_partly_lost")
    run = world.flow_run("1", "partly_failed", started_at=ago(hours=2))
    world.flow_failure("11", "1", "#1001")
    world.flow_failure("12", "1", "#1002")
    boundary(world, ago(hours=1.5) + timedelta(minutes=1), {run: "payloads_lost"})
    assert world.row()["detail"] == (
        "orders to the warehouse, run 1: 2 of its failures are open; sku TEE-M unknown"
    )


def test_a_run_whose_log_names_no_failure_is_shown_as_that() -> None:
    """Its log may have been deleted before it was read."""
    world = bridge("no_flow_run_is_partly_lost")
    assert world.flow_run("1", "partly_failed") in world.found()
    assert world.row()["cause"] == "not_told_which"


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "running"])
def test_a_run_of_another_end_lost_no_part(status: str) -> None:
    """All or nothing is another rule's."""
    world = bridge("no_flow_run_is_partly_lost")
    world.flow_run("1", status)
    world.flow_failure("11", "1")
    assert world.found() == {}


def test_a_part_that_all_came_through_later_is_lost_no_more() -> None:
    """Payload by payload; one left open keeps it."""
    world = bridge("no_flow_run_is_partly_lost")
    run = world.flow_run("1", "partly_failed", started_at=ago(hours=2))
    world.flow_failure("11", "1", "#1001", failed_at=ago(hours=2))
    world.flow_failure("12", "1", "#1002", failed_at=ago(hours=2))
    world.flow_run("2", order_references=["#1001"])
    assert world.found() == {run: "payloads_lost"}
    world.flow_run("3", order_references=["#1002"])
    assert world.found() == {}


# --- every_failed_payload_was_recovered -----------------------------------------------------------------


def lost(**failure: object) -> World:
    """A run that failed three hours ago on the payload of an order."""
    world = bridge("every_failed_payload_was_recovered")
    world.flow_run("1", "failed", started_at=ago(hours=3))
    world.flow_failure("11", "1", "#1001", **{"failed_at": ago(hours=3), **failure})
    return world


PAYLOAD = f"{BRIDGE}:711"


def test_a_failed_payload_nobody_sent_again_is_shown_after_the_window() -> None:
    """Two hours; with its size and what it is for."""
    boundary(lost(), ago(hours=1), {PAYLOAD: "not_sent_again"})
    assert lost().row()["detail"] == (
        "orders to the warehouse, payload 711 of 812 bytes for #1001: sku TEE-M unknown"
    )


@pytest.mark.parametrize("copy_code", ["expired", "too_large"])
def test_a_payload_we_could_not_copy_is_shown_as_that(copy_code: str) -> None:
    """Nobody can send it again from here."""
    assert lost(copy_code=copy_code).found() == {PAYLOAD: "not_copied"}


def test_an_error_that_is_about_no_payload_loses_none() -> None:
    """A flow that could not log in."""
    assert lost(payload_id=None, copy_code="no_payload").found() == {}


def test_a_retry_that_succeeds_recovers_it_also_at_the_second_try() -> None:
    """The retry of a failed retry is one of the first run."""
    world = lost()
    world.flow_run("2", "failed", retry_of="1", started_at=ago(hours=2))
    assert world.found() == {PAYLOAD: "not_sent_again"}
    world.flow_run("3", retry_of="2")
    assert world.found() == {}


@pytest.mark.parametrize("status", ["running", "partly_failed", "failed", "cancelled", "unknown"])
def test_a_retry_that_did_not_succeed_recovers_nothing(status: str) -> None:
    """Least of all one that lost a part."""
    world = lost()
    world.flow_run("2", status, retry_of="1")
    assert world.found() == {PAYLOAD: "not_sent_again"}


@pytest.mark.parametrize(
    ("run", "recovers"),
    [
        ({}, True),
        ({"flow": "89"}, False),
        ({"started_at": ago(hours=4)}, False),
        ({"order_references": ["#1002"]}, False),
        ({"status": "partly_failed"}, False),
    ],
)
def test_a_later_success_of_the_same_key_recovers_it(run: dict, recovers: bool) -> None:
    """Of the same flow, and after the failure."""
    world = lost()
    world.flow(name="89")
    world.flow_run("2", **{"order_references": ["#1001"], **run})
    assert (world.found() == {}) is recovers


def test_a_payload_of_several_orders_is_recovered_with_the_last_of_them() -> None:
    """Not with the first."""
    world = lost(payload_references=["#1001", "#1002"])
    world.flow_run("2", order_references=["#1001"])
    assert world.found() == {PAYLOAD: "not_sent_again"}
    world.flow_run("3", order_references=["#1002", "#1003"])
    assert world.found() == {}


@given(st.lists(st.sampled_from(["failed", "partly_failed", "cancelled", "succeeded"]), max_size=6))
@settings(max_examples=20, deadline=None)
def test_a_chain_of_retries_recovers_exactly_when_one_succeeded(statuses: list[str]) -> None:
    """However long it is, and wherever in it."""
    world = lost()
    for number, status in enumerate(statuses, start=2):
        world.flow_run(str(number), status, retry_of=str(number - 1), started_at=ago(minutes=100 - number))
    assert (world.found() == {}) is ("succeeded" in statuses)


# --- no_queue_is_stalled --------------------------------------------------------------------------------


def test_what_waits_and_is_not_taken_up_is_shown() -> None:
    """Half an hour after it came, or after the last run, whichever is later."""
    world = bridge("no_queue_is_stalled", waiting_count=12, oldest_waiting_at=ago(hours=3))
    boundary(world, ago(hours=2.5), {f"{FLOW}:queue": "waiting"})
    world.flow_run("1", started_at=ago(hours=1))
    boundary(world, ago(hours=0.5), {f"{FLOW}:queue": "waiting"})
    assert world.row()["detail"] == (
        "orders to the warehouse: 12 waiting since 04 Nov 09:00, last run 04 Nov 11:00"
    )


def test_a_queue_that_moves_is_well_however_long_it_is() -> None:
    """A run a minute ago."""
    world = bridge("no_queue_is_stalled", waiting_count=900, oldest_waiting_at=ago(hours=3))
    world.flow_run("1", "running", started_at=ago(minutes=1))
    assert world.found() == {}


def test_what_waits_for_a_flow_that_is_switched_off_is_shown_as_that() -> None:
    """It takes payloads and runs nothing."""
    world = bridge("no_queue_is_stalled", is_enabled=False, waiting_count=1, oldest_waiting_at=ago(hours=3))
    world.flow_run("1", trigger_code="manual", started_at=ago(minutes=1))
    assert world.found() == {f"{FLOW}:queue": "switched_off"}


def every(world: World, pause: timedelta, until: datetime, runs: int = 20, **values: object) -> None:
    """Runs by a schedule, the last at ``until``."""
    for number in range(runs):
        world.flow_run(f"{runs - number}", started_at=until - number * pause, **values)


def test_a_schedule_that_is_kept_is_well() -> None:
    """The next run is not due yet."""
    world = bridge("no_queue_is_stalled")
    every(world, timedelta(minutes=15), ago(minutes=10))
    assert world.found() == {}


def test_a_schedule_that_was_missed_is_shown() -> None:
    """Twice the usual pause and the window after the last run."""
    world = bridge("no_queue_is_stalled")
    every(world, timedelta(minutes=15), ago(hours=3))
    boundary(world, ago(hours=2), {f"{FLOW}:schedule": "schedule_missed"})
    assert world.row()["detail"].endswith("last run by its schedule 04 Nov 09:00, expected within 15 minutes")


@pytest.mark.parametrize(
    "flow",
    [
        {"is_enabled": False},
        {"status_code": "inactive"},
        {"gone_at": ago(hours=1)},
        {"enabled_at": ago(minutes=5)},
    ],
)
def test_a_flow_that_should_not_run_misses_nothing(flow: dict) -> None:
    """Switched off, withdrawn, gone, or switched on again just now."""
    world = bridge("no_queue_is_stalled", **flow)
    every(world, timedelta(minutes=15), ago(hours=3))
    assert world.found() == {}


def test_a_flow_that_others_start_has_no_schedule() -> None:
    """A webhook may be silent for days."""
    world = bridge("no_queue_is_stalled")
    every(world, timedelta(minutes=15), ago(hours=3), trigger_code="webhook")
    assert world.found() == {}


def test_three_runs_are_no_schedule_yet() -> None:
    """Four may be one."""
    world = bridge("no_queue_is_stalled")
    every(world, timedelta(minutes=15), ago(hours=3), runs=3)
    assert world.found() == {}


@given(opens=st.integers(6, 9), closes=st.integers(16, 20), pause=st.sampled_from([10, 15, 30, 60]))
@settings(max_examples=15, deadline=None)
def test_a_schedule_with_a_night_is_not_missed_at_night(opens: int, closes: int, pause: int) -> None:
    """Through a whole night nothing is said, and in the morning what does not come is."""
    world = bridge("no_queue_is_stalled")
    rows = 0
    for day in range(7):
        at = (NOW - timedelta(days=7 - day)).astimezone(LONDON).replace(hour=opens, minute=0)
        while at.hour < closes:
            rows += 1
            world.flow_run(str(rows), started_at=at)
            at += timedelta(minutes=pause)
    last = at - timedelta(minutes=pause)
    night = timedelta(hours=24 - closes + opens, minutes=pause)
    for hours in range(int(night.total_seconds() // 3600) + 1):
        world.at(last + timedelta(hours=hours))
        assert world.found() == {}
    world.at(last + 2 * night + timedelta(minutes=30))
    assert world.found() == {f"{FLOW}:schedule": "schedule_missed"}


# --- flow_success_matches_the_target --------------------------------------------------------------------


def said(reference: str = "#1", *, was: str | None = "88", **run: object) -> World:
    """The flow the estate names said two hours ago that it moved an order."""
    world = bridge("flow_success_matches_the_target")
    world.change("estate.syncs", "sync = 'orders_to_wms'", was_system=was and BRIDGE, was_flow=was)
    world.order("1", ("A", 1))
    world.flow_run("1", **{"started_at": ago(hours=2), "order_references": [reference], **run})
    return world


def test_an_order_a_flow_moved_is_in_the_warehouse() -> None:
    """By the order's number, or by the number and a facility."""
    for number in ("#1", "#1/LEEDS"):
        world = said()
        world.warehouse_order("90", "1", ("A", 1), reference=number)
        assert world.found() == {}


@pytest.mark.parametrize("was", ["88", "orders to the warehouse"])
def test_an_order_a_flow_says_it_moved_and_the_warehouse_lacks_is_shown(was: str) -> None:
    """Half an hour after the run, with what the order is worth; the flow is named by its id or its name."""
    boundary(said(was=was), ago(hours=1.5) + timedelta(minutes=1), {f"{FLOW}:1": "not_at_target"})
    row = said(was=was).row()
    assert (row["amount"], row["currency"]) == (10, "GBP")
    assert row["detail"] == ("orders to the warehouse says it moved #1, and the warehouse has no such order")


def test_a_record_that_is_gone_from_the_warehouse_is_not_there() -> None:
    """It was deleted after the run."""
    world = said()
    world.warehouse_order("90", "1", ("A", 1), gone_at=ago(hours=1))
    assert world.found() == {f"{FLOW}:1": "not_at_target"}


@pytest.mark.parametrize("status", ["failed", "partly_failed", "running", "cancelled"])
def test_a_run_that_did_not_succeed_said_nothing(status: str) -> None:
    """Status 5 is not success."""
    assert said(status=status).found() == {}


def test_a_flow_the_estate_does_not_name_may_move_orders_elsewhere() -> None:
    """To a mailing list, for all we know."""
    assert said(was=None).found() == {}
    assert said(was="89").found() == {}


def test_an_order_that_was_cancelled_may_be_missing() -> None:
    """Nobody waits for it."""
    world = said()
    world.change("marts.orders", "true", cancelled_at=ago(hours=1))
    assert world.found() == {}


def test_a_flow_that_carries_the_sync_now_is_held_against_the_warehouse_as_well() -> None:
    """Named by its id."""
    world = said(was=None)
    world.change("estate.syncs", "sync = 'orders_to_wms'", via_system=BRIDGE, via_flow="88")
    assert world.found() == {f"{FLOW}:1": "not_at_target"}


# --- no_sync_runs_beside_its_previous_writer -----------------------------------------------------------------


def beside(was_flow: str = "88", mode: str = "live", **flow: object) -> World:
    """A sync whose work a flow of the bridge did before."""
    world = World("no_sync_runs_beside_its_previous_writer")
    world.flow(**flow)
    world.change("estate.syncs", "true", mode=mode, was_system=BRIDGE, was_flow=was_flow, from_at=ago(days=2))
    return world


@pytest.mark.parametrize("flow", [{"is_enabled": False}, {"gone_at": ago(hours=1)}])
@pytest.mark.parametrize("was_flow", ["88", "orders to the warehouse"])
def test_a_previous_writer_that_is_off_or_gone_is_none(was_flow: str, flow: dict) -> None:
    """Named by its id or its name."""
    assert beside(was_flow, **flow).found() == {}


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_sync_that_sends_nothing_may_have_a_writer_beside_it(mode: str) -> None:
    """That is how one begins."""
    assert beside(mode=mode).found() == {}


def test_a_live_sync_beside_its_previous_writer_is_shown_with_what_it_holds() -> None:
    """At once, since both were on."""
    world = beside(enabled_at=ago(hours=3))
    world.promise("orders_to_wms", "1", "held", reason="previous_writer_enabled")
    world.promise("orders_to_wms", "2", "held", reason="unknown_sku")
    assert world.found() == {"orders_to_wms": "previous_writer_enabled"}
    row = world.row()
    assert (row["since_at"], row["due_at"], row["system"]) == (ago(hours=3), ago(hours=3), BRIDGE)
    assert row["detail"] == "orders_to_wms: orders to the warehouse of bridge is switched on; 1 held"


def test_of_two_flows_of_a_name_one_that_is_on_counts() -> None:
    """However many are off."""
    world = beside("orders to the warehouse", is_enabled=False)
    world.flow("89")
    assert world.found() == {"orders_to_wms": "previous_writer_enabled"}


@pytest.mark.parametrize(("was_flow", "flow"), [("99", {}), ("88", {"is_enabled": None})])
def test_a_previous_writer_nobody_can_see_is_not_known_to_be_off(was_flow: str, flow: dict) -> None:
    """A name that is misspelt must not let both write."""
    assert beside(was_flow, **flow).found() == {"orders_to_wms": "previous_writer_unknown"}
