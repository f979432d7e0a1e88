"""The rules about this project's own work, and the arithmetic of windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary

# --- every_feed_is_up_to_date ---------------------------------------------------------------------------


def fed(started_at: datetime = ago(minutes=1), **values: Any) -> World:
    """Four streams read every two minutes, all just read but the shop's orders."""
    world = World("every_feed_is_up_to_date")
    world.pulls(ago(minutes=1))
    world.connection.execute(f"DELETE FROM ops.pulls WHERE system = '{SHOP}' AND stream = 'orders'")
    world.put(
        "ops.pulls",
        **(
            {
                "system": SHOP,
                "stream": "orders",
                "kind": "increment",
                "started_at": started_at,
                "is_complete": True,
            }
            | values
        ),
    )
    return world


def test_a_feed_is_late_after_twice_its_interval() -> None:
    """Four minutes to the second."""
    world = fed(ago(minutes=3))
    world.change("ops.pulls", "stream = 'stock' or system = 'wms_uk'", started_at=NOW + timedelta(minutes=5))
    boundary(world, NOW + timedelta(minutes=1), {f"{SHOP}:orders": "late"})


def test_a_feed_that_is_read_every_few_seconds_is_not_late_before_three_minutes() -> None:
    """Its runs have to start, and others are at work."""
    world = fed(ago(minutes=2))
    world.change("estate.feeds", "true", seconds=30)
    boundary(world, NOW + timedelta(minutes=1), {f"{SHOP}:orders": "late"})


def test_a_reading_that_broke_off_is_no_reading() -> None:
    """The last whole one counts, and the note says why."""
    world = fed(ago(minutes=30))
    world.put(
        "ops.pulls", system=SHOP, stream="orders", kind="increment", started_at=ago(minutes=1), is_complete=False,
        note="500 on page 3",
    )  # fmt: skip
    row = world.row()
    assert (row["cause"], row["detail"]) == (
        "incomplete",
        "orders of web_uk, last read whole 04 Nov 11:30: 500 on page 3",
    )


@pytest.mark.parametrize("kind", ["sweep", "replay"])
def test_a_sweep_of_ids_reads_no_rows(kind: str) -> None:
    """It says what is gone, and nothing of what changed."""
    assert set(fed(kind=kind).found()) == set()  # the project began a minute ago: it has its time
    world = fed(kind=kind)
    world.at(NOW + timedelta(minutes=4))
    assert world.found()[f"{SHOP}:orders"] == "never_read"


def test_an_estate_that_was_never_read_says_so() -> None:
    """At once: there is nothing to wait for."""
    world = World("every_feed_is_up_to_date")
    assert set(world.found().values()) == {"never_read"}
    assert len(world.rows()) == 4


# --- every_credential_is_valid ----------------------------------------------------------------------------


def test_a_system_that_refuses_us_is_shown_once() -> None:
    """Whether reading or sending found it out."""
    world = World("every_credential_is_valid")
    assert world.found() == {}
    world.put(
        "ops.controls", kind="halt", scope=SHOP, code="scope", reason="no read_orders", at=ago(minutes=3)
    )
    world.put("ops.controls", kind="halt", scope=WMS, code="odd", at=ago(minutes=9), ended_at=ago(minutes=8))
    world.put("ops.controls", kind="pause", scope=WMS, code="", at=ago(minutes=9))
    assert world.found() == {SHOP: "scope"}


def test_a_key_that_ends_is_said_two_weeks_ahead() -> None:
    """As the estate says; once it is refused, that is said instead."""
    world = World("every_credential_is_valid")
    world.change("estate.systems", f"system = '{WMS}'", expires_on=(NOW + timedelta(days=15)).date())
    assert world.found() == {}
    world.at(NOW + timedelta(days=1))
    assert world.found() == {WMS: "expires_soon"}
    world.put("ops.controls", kind="halt", scope=WMS, code="credentials", reason="401", at=NOW)
    assert world.found() == {WMS: "credentials"}


# --- every_change_was_carried_out -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "cause", "minutes"),
    [
        ("waiting", "stuck", 30),
        ("claimed", "stuck", 30),
        ("sent", "unknown_outcome", 30),
        ("dead", "dead", 0),
        ("rejected", "rejected", 0),
    ],
)
def test_a_change_that_is_not_carried_out_is_shown(state: str, cause: str, minutes: int) -> None:
    """What was given up at once, what waits after half an hour."""
    world = World("every_change_was_carried_out")
    world.promise(
        "orders_to_wms", "k", state, planned_at=ago(minutes=10), sent_at=ago(minutes=10), closed_at=None
    )
    boundary(world, ago(minutes=10) + timedelta(minutes=minutes), {f"orders_to_wms:{WMS}:k": cause})


@pytest.mark.parametrize(
    "values",
    [
        {"state": "verified"}, {"state": "withdrawn"}, {"state": "held", "reason": "unknown_sku"},
        {"state": "dead", "reason": "mismatch"}, {"state": "rejected", "reason": "past_no_return"},
        {"state": "rejected", "reason": "merged_at_target"},
    ],
)  # fmt: skip
def test_what_is_done_or_another_rule_s_is_not_shown(values: dict) -> None:
    """One fault, one rule."""
    world = World("every_change_was_carried_out")
    world.promise("orders_to_wms", "k", planned_at=ago(days=1), **values)
    assert world.found() == {}


def test_an_order_both_sides_cancelled_is_no_change_any_more() -> None:
    """The shop's order still stands: somebody has to say what becomes of it."""
    world = World("every_change_was_carried_out")
    key = world.order("1")
    world.promise(
        "orders_to_wms", "k", "rejected", reason="cancelled_at_target", order_key=key, planned_at=ago(days=1)
    )
    assert world.found() == {f"orders_to_wms:{WMS}:k": "rejected"}
    world.change("marts.orders", f"order_key = '{key}'", cancelled_at=ago(hours=1), read_at=NOW)
    assert world.found() == {}


def test_a_pause_is_a_person_s_word_for_four_hours() -> None:
    """Then somebody has forgotten it. A halted system is the credentials rule's."""
    world = World("every_change_was_carried_out")
    world.promise("orders_to_wms", "k", "waiting", planned_at=ago(hours=1), closed_at=None)
    world.put("ops.controls", kind="pause", scope="orders_to_wms", by="ann", at=ago(hours=1))
    boundary(world, NOW + timedelta(hours=3), {f"orders_to_wms:{WMS}:k": "paused"})
    world.put("ops.controls", kind="halt", scope=WMS, code="credentials", at=ago(hours=1))
    assert world.found() == {}


# --- every_change_was_stored_as_sent ------------------------------------------------------------------------


def test_what_is_stored_otherwise_is_shown_with_its_fields() -> None:
    """After the time a read-back may lag."""
    world = World("every_change_was_stored_as_sent")
    world.promise("orders_to_wms", "ok", "verified")
    world.promise("orders_to_wms", "k", "sent", reason="mismatch", message="stored otherwise than sent: ship_to_line1",
                  reference="#1", first_sent_at=ago(minutes=10))  # fmt: skip
    world.promise("orders_to_wms", "n", "waiting", reason="not_stored", first_sent_at=ago(minutes=10))
    boundary(
        world,
        NOW + timedelta(minutes=5),
        {f"orders_to_wms:{WMS}:k": "mismatch", f"orders_to_wms:{WMS}:n": "not_stored"},
    )
    assert "#1: stored otherwise than sent: ship_to_line1" in {row["detail"] for row in world.rows()}


# --- every_plan_is_within_its_brakes --------------------------------------------------------------------------


def test_a_plan_held_by_its_brake_is_one_exception() -> None:
    """However many changes it holds."""
    world = World("every_plan_is_within_its_brakes")
    for key in ("a", "b"):
        world.promise("stock_to_channel", key, "held", reason="brake:share_of_skus_changed")
    world.promise("orders_to_wms", "c", "held", reason="unknown_sku")
    assert world.found() == {"stock_to_channel": "share_of_skus_changed"}


# --- every_record_received_was_understood ---------------------------------------------------------------------


def test_what_could_not_be_taken_in_is_shown() -> None:
    """Records, values and states; a field nobody declared breaks nothing."""
    world = World("every_record_received_was_understood")
    world.order("1", ("A", 1))
    world.put(
        "ops.set_aside",
        system=SHOP,
        stream="orders",
        record_key="5",
        reason="no id",
        set_aside_at=NOW,
        is_open=False,
    )
    world.put("ops.unseen", system=SHOP, stream="orders", path="x", kind="field", first_seen_at=NOW)
    assert world.found() == {}
    world.put(
        "ops.set_aside",
        system=SHOP,
        stream="orders",
        record_key="7",
        reason="total is text",
        set_aside_at=NOW,
        is_open=True,
    )
    world.put(
        "ops.set_aside",
        system=SHOP,
        stream="orders",
        pull_id="p",
        line_no=3,
        reason="half a line",
        set_aside_at=NOW,
        is_open=True,
    )
    world.put(
        "ops.unseen",
        system=SHOP,
        stream="orders",
        path="status",
        kind="value",
        example="LOST",
        first_seen_at=NOW,
    )
    world.order("2", ("A", 1), payment_code="unknown", payment_status_raw="PONDERING")
    world.warehouse_order("90", "2", ("A", 1), status_code="unknown", status_raw="asleep")
    world.put("marts.erp_records", warehouse_order_key="erp_uk:7", system="erp_uk", status_code="unknown",
              status_raw="adrift", first_seen_at=ago(minutes=9))  # fmt: skip
    assert world.found() == {
        f"set_aside:{SHOP}:orders:7": "set_aside",
        f"set_aside:{SHOP}:orders:p#3": "set_aside",
        f"unseen:{SHOP}:orders:status:LOST": "unseen_value",
        f"unknown:{SHOP}:orders:payment_code:PONDERING": "unknown_status",
        f"unknown:{WMS}:warehouse_orders:status_code:asleep": "unknown_status",
        "unknown:erp_uk:erp_records:status_code:adrift": "unknown_status",
    }


# --- windows of warehouse hours -------------------------------------------------------------------------------


def by_hand(since: datetime, seconds: int, opens: int, closes: int) -> datetime:
    """Walk the opening hours second by second, in strides."""
    left, at = seconds, since
    while True:
        start, end = at.replace(hour=opens, minute=0, second=0), at.replace(hour=closes, minute=0, second=0)
        if at.weekday() < 5 and at < end:
            at = max(at, start)
            if left <= (end - at).total_seconds():
                return at + timedelta(seconds=left)
            left -= int((end - at).total_seconds())
        at = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0)


@settings(max_examples=12, deadline=None)
@given(
    since=st.integers(0, 7 * 86_400),
    seconds=st.integers(1, 25 * 3_600),  # at an hour a day, as far as the world's hours reach
    opens=st.integers(0, 11),
    closes=st.integers(12, 23),
)
def test_a_window_runs_only_while_the_facility_is_open(
    since: int, seconds: int, opens: int, closes: int
) -> None:
    """The due instant is the one a person with a calendar finds."""
    world = World("every_released_order_ships_in_time")
    world.connection.execute("DELETE FROM estate.open_hours WHERE facility = 'LEEDS'")
    world.hours("LEEDS", opens, closes)
    world.put(
        "estate.windows", rule="every_released_order_ships_in_time", kind="warehouse_hours", seconds=seconds
    )
    began = datetime(2026, 10, 26, tzinfo=UTC) + timedelta(seconds=since)
    world.warehouse_order("90", "1", ("A", 1), created_at=began)
    world.allocation("90", {"A": 1})
    due = by_hand(began, seconds, opens, closes)
    boundary(world, due, {f"{WMS}:90-1": "not_picked"})
