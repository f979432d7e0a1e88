"""The rules about orders: one world that keeps each, and worlds that break it just after its window."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago

SECOND = timedelta(seconds=1)


def ready(model: str) -> World:
    """A shop with SKUs A and B in stock."""
    world = World(model)
    for sku in ("A", "B"):
        world.item(sku)
        world.stock(sku, 50)
    return world


def boundary(world: World, due: Any, found: dict[str, str]) -> None:
    """Nothing a second before ``due``, exactly ``found`` at it."""
    world.at(due - SECOND)
    assert world.found() == {}
    world.at(due)
    assert world.found() == found
    assert {row["due_at"] for row in world.rows()} == {due}


# --- every_paid_order_reached_a_warehouse ---------------------------------------------------------------


def test_an_order_in_its_warehouse_has_reached_it() -> None:
    """By its reference."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1))
    world.warehouse_order("90", "1", ("A", 1))
    assert world.found() == {}


def test_a_ready_order_that_is_not_there_is_missing_after_the_window() -> None:
    """A quarter of an hour from when it could go."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1), paid_at=ago(minutes=40))
    boundary(world, ago(minutes=25), {f"{SHOP}:1@LEEDS": "not_in_warehouse"})
    row = world.row()
    assert (row["amount"], row["currency"], row["entity_key"]) == (Decimal("10.0000"), "GBP", f"{SHOP}:1")


@pytest.mark.parametrize(
    ("sync", "cause"),
    [
        ({"mode": "live", "from_at": ago(hours=1)}, "not_in_warehouse"),
        ({"mode": "live", "from_at": ago(minutes=30)}, "not_ours_to_send"),
        ({"mode": "shadow"}, "not_ours_to_send"),
        ({"sync": "another"}, "not_ours_to_send"),
    ],
    ids=["live", "placed before it begins", "in shadow", "not in the estate"],
)
def test_who_sends_a_missing_order_is_said(sync: dict, cause: str) -> None:
    """Nobody is told that it goes by itself when nothing here will send it."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.change("estate.syncs", "true", **sync)
    world.order("1", ("A", 1), placed_at=ago(minutes=50), paid_at=ago(minutes=40))
    assert world.found() == {f"{SHOP}:1@LEEDS": cause}


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("previous_writer_enabled", "not_ours_to_send"), ("brake:orders_per_tick", "not_in_warehouse")],
)
def test_what_is_held_beside_a_previous_writer_is_not_ours_to_send(reason: str, cause: str) -> None:
    """A person switches the other off."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1), paid_at=ago(minutes=40))
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", "held", reason=reason)
    assert world.found() == {f"{SHOP}:1@LEEDS": cause}


def test_the_estate_s_window_takes_the_place_of_the_rule_s() -> None:
    """Every threshold is configuration."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.put("estate.windows", rule="every_paid_order_reached_a_warehouse", kind="hours", seconds=7200)
    world.order("1", ("A", 1))
    boundary(world, NOW + timedelta(hours=1), {f"{SHOP}:1@LEEDS": "not_in_warehouse"})


@pytest.mark.parametrize(
    "values",
    [
        {"payment_code": "authorised", "paid_at": None},
        {"cancelled_at": NOW},
        {"is_test": True},
        {"delivery_option": "?"},
    ],
)
def test_an_order_that_may_not_go_is_not_missing(values: dict) -> None:
    """Held orders have a rule of their own."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1), **values)
    assert world.found() == {}


def test_a_paid_order_no_location_was_asked_to_send_is_missing() -> None:
    """Without a fulfilment order nobody would ever want it."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1))
    for table in ("fulfilment_orders", "fulfilment_order_lines"):
        world.connection.execute(f"DELETE FROM marts.{table}")
    assert world.found() == {f"{SHOP}:1": "no_fulfilment_order"}
    world.change("marts.order_lines", "true", requires_shipping=False)
    assert world.found() == {}


@pytest.mark.parametrize("is_deleted", [True, False])
def test_what_we_saw_there_and_is_gone_has_vanished(is_deleted: bool) -> None:
    """Deleted by a sweep's word, or not in any reading at all. A person decides; it is not sent again."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1))
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", order_key=f"{SHOP}:1", reference="#1")
    world.warehouse_order("90", "1", ("A", 1))
    assert world.found() == {}
    if is_deleted:
        world.change("marts.warehouse_orders", "true", gone_at=ago(minutes=5))
    else:
        world.clear("marts.warehouse_orders", "marts.warehouse_records")
    assert world.found() == {f"{SHOP}:1@LEEDS": "vanished_from_target"}


@pytest.mark.parametrize("state", ["sent", "dead", "adopted"])
def test_what_a_reading_held_and_is_gone_has_vanished_however_far_our_sending_had_come(state: str) -> None:
    """Between two steps of ours, or sent by somebody else; what no reading held may still come."""
    world = ready("every_paid_order_reached_a_warehouse")
    world.order("1", ("A", 1))
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", state, order_key=f"{SHOP}:1", reference="#1")
    world.warehouse_order("90", "1", ("A", 1))
    assert world.found() == {}
    world.change("marts.warehouse_orders", "true", gone_at=ago(minutes=5))
    assert world.found() == {f"{SHOP}:1@LEEDS": "vanished_from_target"}
    world.clear("marts.warehouse_orders", "marts.warehouse_records")
    assert world.found() == {f"{SHOP}:1@LEEDS": "not_in_warehouse"}


# --- every_paid_order_can_be_released ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "values"),
    [
        ("unmapped_delivery_option", {"delivery_option": "By pigeon"}),
        ("bad_address", {"ship_to_postcode": ""}),
        ("currency", {"currency": "??"}),
    ],
)
def test_a_held_order_is_shown_with_its_cause_at_once(cause: str, values: dict) -> None:
    """From the moment it could have gone."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("A", 1), paid_at=ago(minutes=40), **values)
    boundary(world, ago(minutes=40), {f"{SHOP}:1@LEEDS": cause})


def test_other_held_causes_are_shown_too() -> None:
    """A SKU, a location, a quantity."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("C", 1))
    world.order("2", ("A", 1), location="1009")
    world.order("3", ("A", 20_000))
    assert world.found() == {
        f"{SHOP}:1@LEEDS": "unknown_sku", f"{SHOP}:2@location 1009": "unmapped_facility", f"{SHOP}:3@LEEDS": "quantity",
    }  # fmt: skip


def test_an_order_of_an_item_the_warehouse_may_have_got_since_is_shown_once_its_catalogue_was_read_again() -> (
    None
):
    """It waits, and goes by itself if the item is there. What is held for another cause is shown at once."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("C", 1))
    world.order("2", ("A", 20_000))
    world.catalogue_read(WMS, ago(hours=2))
    assert world.found() == {f"{SHOP}:2@LEEDS": "quantity"}
    world.catalogue_read(WMS, ago(minutes=50))
    assert world.found() == {f"{SHOP}:1@LEEDS": "unknown_sku", f"{SHOP}:2@LEEDS": "quantity"}


def test_an_order_we_saw_in_the_warehouse_is_not_held_though_its_list_was_not_read_since() -> None:
    """Its own units are gone from the free stock."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("A", 20_000))
    assert world.found() == {f"{SHOP}:1@LEEDS": "quantity"}
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", "sent")
    assert world.found() == {f"{SHOP}:1@LEEDS": "quantity"}
    world.change("ops.operations", "true", state="verified")
    assert world.found() == {}


def test_an_order_that_can_go_or_has_gone_is_not_held() -> None:
    """Nothing is wrong with either."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("A", 1))
    world.order("2", ("A", 1), delivery_option="By pigeon")
    world.warehouse_order("90", "2", ("A", 1))
    assert world.found() == {}


def test_an_order_nobody_pays_for_is_shown_after_a_day() -> None:
    """By when it was placed. A voided one will never be paid and is nobody's work."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("A", 1), payment_code="authorised", paid_at=None, placed_at=ago(hours=24))
    world.order("2", ("A", 1), payment_code="voided", paid_at=None, placed_at=ago(hours=30))
    boundary(world, NOW, {f"{SHOP}:1@LEEDS": "unpaid_past_window"})


def test_an_order_short_of_stock_is_shown_when_it_stays_so() -> None:
    """A cause may have a window of its own, and the estate may change that one alone."""
    world = ready("every_paid_order_can_be_released")
    world.order("1", ("A", 51), paid_at=ago(minutes=40))
    boundary(world, ago(minutes=25), {f"{SHOP}:1@LEEDS": "no_free_stock"})
    world.put("estate.windows", rule="every_paid_order_can_be_released", kind="hours", seconds=0)
    boundary(world, ago(minutes=25), {f"{SHOP}:1@LEEDS": "no_free_stock"})
    world.put(
        "estate.windows", rule="every_paid_order_can_be_released.no_free_stock", kind="hours", seconds=3600
    )
    boundary(world, NOW + timedelta(minutes=20), {f"{SHOP}:1@LEEDS": "no_free_stock"})


def test_a_promise_is_broken_when_its_day_has_ended_where_the_retailer_trades() -> None:
    """In summer time the day ends at 23:00 UTC."""
    world = ready("every_paid_order_can_be_released")
    noon = NOW.replace(month=7, day=1)
    world.order("1", ("A", 1), placed_at=noon, paid_at=noon, promised_on=noon.date())
    boundary(world, noon.replace(hour=23), {f"{SHOP}:1@LEEDS": "promised_day_passed"})


# --- no_order_is_in_the_warehouse_twice ---------------------------------------------------------------------


def twice() -> World:
    """Order 1 is in the warehouse, once."""
    world = World("no_order_is_in_the_warehouse_twice")
    world.warehouse_order("90", "1", ("A", 1), created_at=ago(minutes=50))
    return world


@pytest.mark.parametrize("reference", ["#1", "1", "#1/LEEDS"])
def test_a_second_order_under_the_same_number_is_a_double(reference: str) -> None:
    """With or without its #, or a part beside the whole. The later one's money is at risk."""
    world = twice()
    world.warehouse_order(
        "91", "1" if "/" in reference else None, ("A", 1), reference=reference, created_at=ago(minutes=30),
        total_amount=Decimal(7),
    )  # fmt: skip
    row = world.row()
    assert (row["exception_key"], row["cause"], row["since_at"]) == ("1", "same_reference", ago(minutes=30))
    assert (row["amount"], row["detail"]) == (Decimal(7), "1 is there as 90, 91")


@pytest.mark.parametrize(
    "values",
    [
        {"status_code": "cancelled"},
        {"status_code": "merged"},
        {"gone_at": NOW},
        {"reference": "#11"},
        {"reference": "#1-R"},
    ],
)
def test_what_ships_nothing_or_is_another_order_is_no_double(values: dict) -> None:
    """Cancelled, merged, deleted, or a number that only begins alike."""
    world = twice()
    world.warehouse_order("91", "1", ("A", 1), **({"has_known_order": False, "order_key": None} | values))
    assert world.found() == {}


def test_the_parts_of_a_split_order_are_not_doubles() -> None:
    """One per facility."""
    world = World("no_order_is_in_the_warehouse_twice")
    world.order("1", ("A", 2))
    for name, facility in (("90", "LEEDS"), ("91", "YORK")):
        world.warehouse_order(name, "1", ("A", 1), reference=f"#1/{facility}")
    assert world.found() == {}
    world.warehouse_order("92", "1", ("A", 1), reference="#1/YORK")
    assert world.found() == {"1": "same_reference"}


def test_an_order_somebody_split_under_one_number_is_no_double() -> None:
    """As long as no more units are there than were ordered: bundles in their components, SKUs by either name."""
    world = World("no_order_is_in_the_warehouse_twice")
    world.put("mappings.bundles", parent_sku="SET", component_sku="B", qty=2)
    world.put("mappings.sku_changes", system=WMS, old_sku="A", new_sku="A2", from_on=ago(days=9).date())
    world.order("1", ("A", 2), ("SET", 1))
    world.warehouse_order("90", "1", ("A2", 1), ("B", 1))
    world.warehouse_order("91", "1", ("A2", 1), ("B", 1))
    assert world.found() == {}
    world.warehouse_order("92", "1", ("B", 1))
    assert world.found() == {"1": "same_reference"}


def test_records_of_one_number_with_an_item_nobody_ordered_are_a_double() -> None:
    """What the shop does not know of is beyond the order."""
    world = World("no_order_is_in_the_warehouse_twice")
    world.order("1", ("A", 2))
    world.warehouse_order("90", "1", ("A", 1))
    world.warehouse_order("91", "1", ("B", 1))
    assert world.row()["entity_key"] == f"{SHOP}:1"


# --- no_two_orders_are_the_same_basket ----------------------------------------------------------------------


def twins(**second: Any) -> World:
    """Two orders of one customer with one basket, an hour apart to the second, worth 10 each."""
    world = World("no_two_orders_are_the_same_basket")
    world.order("1", ("A", 1), basket_fingerprint="f", placed_at=ago(hours=2))
    world.order("2", ("A", 1), **({"basket_fingerprint": "f", "placed_at": ago(hours=1)} | second))
    return world


def test_the_same_basket_within_the_hour_is_a_duplicate() -> None:
    """The second order is the one to look at."""
    row = twins().row()
    assert (row["exception_key"], row["cause"]) == (f"{SHOP}:1+{SHOP}:2", "same_basket")
    assert (row["entity_key"], row["since_at"], row["ended_at"]) == (f"{SHOP}:2", ago(hours=1), None)


@pytest.mark.parametrize(
    "second",
    [
        {"placed_at": ago(hours=1) + SECOND},
        {"basket_fingerprint": "g"},
        {"customer_key": f"{SHOP}:c2"},
        {"customer_key": None},
        {"is_test": True},
    ],
)
def test_another_basket_customer_or_hour_is_none(second: dict) -> None:
    """A second past the window, another basket, somebody else, nobody known."""
    assert twins(**second).found() == {}


def test_two_unknown_customers_are_not_one() -> None:
    """Null equals nothing."""
    world = twins(customer_key=None)
    world.change("marts.orders", "true", customer_key=None)
    assert world.found() == {}


@pytest.mark.parametrize(("minutes", "ended"), [(60, "never"), (61, "never"), (59, "after"), (1, "after")])
def test_a_credit_at_or_before_the_second_order_means_there_never_was_a_fault(
    minutes: int, ended: str
) -> None:
    """One after it means the fault ended then."""
    world = twins()
    world.refund("1", "r1", "10.00", refunded_at=ago(minutes=minutes))
    assert [row["ended_at"] for row in world.rows()] == ([] if ended == "never" else [ago(minutes=minutes)])


def test_a_credit_on_any_order_of_the_customer_counts() -> None:
    """A credit note does not name the order it is for."""
    world = twins()
    world.order("3", ("B", 1), basket_fingerprint="h", placed_at=ago(days=9))
    world.refund("3", "r1", "10.00", refunded_at=ago(minutes=5))
    assert world.row()["ended_at"] == ago(minutes=5)


@pytest.mark.parametrize(
    "spoil",
    [
        {"amount": "9.99"},
        {"currency": "EUR"},
        {"refunded_at": ago(hours=2) - SECOND},
        {"refunded_at": ago(hours=1) + timedelta(days=3) + SECOND},
    ],
)
def test_a_credit_of_another_amount_or_time_does_not_count(spoil: dict) -> None:
    """To the penny, from the first order to three days after the second."""
    world = twins()
    values = {"amount": "10.00", "refunded_at": ago(minutes=5)} | spoil
    world.refund("1", "r1", values.pop("amount"), **values)
    world.at(NOW + timedelta(days=9))
    assert world.row()["ended_at"] is None


def test_another_customer_s_credit_does_not_count() -> None:
    """The same amount is a coincidence."""
    world = twins()
    world.order("3", ("A", 1), customer_key=f"{SHOP}:c2")
    world.refund("3", "r1", "10.00")
    assert world.row()["ended_at"] is None


def test_cancelling_either_puts_the_pair_right() -> None:
    """Cancelled after the second was placed, the fault ended then."""
    world = twins(cancelled_at=ago(minutes=30))
    assert world.row()["ended_at"] == ago(minutes=30)


# --- no_order_was_released_before_payment --------------------------------------------------------------------


def released(**order: Any) -> World:
    """An order in the warehouse since 50 minutes ago."""
    world = World("no_order_was_released_before_payment")
    world.order("1", ("A", 1), **order)
    world.warehouse_order("90", "1", ("A", 1))
    return world


@pytest.mark.parametrize("code", ["pending", "authorised", "part_captured", "voided", "expired"])
def test_an_order_in_the_warehouse_that_is_not_paid_was_released_too_early(code: str) -> None:
    """Whatever kind of not paid."""
    row = released(payment_code=code, paid_at=None).row()
    assert (row["exception_key"], row["cause"], row["since_at"]) == (f"{WMS}:90", "not_paid", ago(minutes=50))


def test_one_that_was_paid_afterwards_is_a_fault_that_ended() -> None:
    """Beyond what two clocks may differ by."""
    assert released(paid_at=ago(minutes=50) + 5 * SECOND).found() == {}
    row = released(paid_at=ago(minutes=50) + 6 * SECOND).row()
    assert (row["cause"], row["ended_at"]) == ("paid_afterwards", ago(minutes=50) + 6 * SECOND)


@pytest.mark.parametrize(("released_for", "is_fault"), [("10.00", False), ("10.01", True)])
def test_what_was_added_and_paid_after_the_release_was_not_released_before(
    released_for: str, is_fault: bool
) -> None:
    """What was sent then had been paid for then."""
    world = released(paid_at=ago(minutes=20), total_amount=Decimal(15))
    for name, amount, at in (("t1", 10, ago(minutes=55)), ("t2", 5, ago(minutes=20))):
        world.put(
            "marts.payments",
            payment_key=f"{SHOP}:{name}",
            system=SHOP,
            order_key=f"{SHOP}:1",
            kind_code="sale",
            status_code="success",
            amount=Decimal(amount),
            processed_at=at,
        )
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", order_key=f"{SHOP}:1", amount=Decimal(released_for))
    assert bool(world.found()) is is_fault


@pytest.mark.parametrize("status", ["awaiting_payment", "cancelled", "merged"])
def test_what_the_warehouse_will_not_pick_was_not_released(status: str) -> None:
    """It may wait there for its money."""
    world = released(payment_code="authorised", paid_at=None)
    world.change("marts.warehouse_orders", "true", status_code=status)
    assert world.found() == {}


def test_a_channel_that_releases_on_order_is_no_fault() -> None:
    """The policy says so."""
    world = released(payment_code="authorised", paid_at=None)
    world.change("estate.channels", "true", release_policy="on_order")
    assert world.found() == {}


# --- no_cancelled_order_is_being_picked -----------------------------------------------------------------------


def cancelled(**warehouse: Any) -> World:
    """An order cancelled 20 minutes ago and still in the warehouse."""
    world = World("no_cancelled_order_is_being_picked")
    world.order("1", ("A", 1), cancelled_at=ago(minutes=20))
    world.warehouse_order("90", "1", ("A", 1), **warehouse)
    return world


def test_a_cancelled_order_that_stays_in_the_warehouse_is_shown_after_the_window() -> None:
    """Our own cancellation has that long."""
    boundary(cancelled(), ago(minutes=5), {f"{WMS}:90": "not_cancelled_in_warehouse"})


def test_past_the_point_of_no_return_it_is_shown_at_once() -> None:
    """Somebody may still catch it."""
    boundary(
        cancelled(status_code="picking", is_past_no_return=True),
        ago(minutes=20),
        {f"{WMS}:90": "past_no_return"},
    )


def test_one_that_left_afterwards_is_shown_until_it_is_back() -> None:
    """One that had left before is not this rule's."""
    world = cancelled(status_code="shipped", is_past_no_return=True)
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=21))
    assert world.found() == {}
    world.change("marts.shipments", "true", despatched_at=ago(minutes=10))
    assert world.found() == {f"{WMS}:90": "shipped_after_cancel"}
    world.put(
        "marts.warehouse_returns", return_key="r", warehouse_order_key=f"{WMS}:90", status_code="received"
    )
    assert world.found() == {}


@pytest.mark.parametrize("status", ["cancelled", "merged", "refunded"])
def test_one_the_warehouse_dropped_is_right(status: str) -> None:
    """Nothing will be picked."""
    assert cancelled(status_code=status).found() == {}


# --- every_released_order_ships_in_time -----------------------------------------------------------------------


def waiting(**values: Any) -> World:
    """One line of two in the warehouse since Tuesday 14:00, when five open hours were left; today it opened at 7."""
    world = World("every_released_order_ships_in_time")
    world.order("1", ("A", 2))
    world.warehouse_order("90", "1", ("A", 2), **({"created_at": ago(hours=22)} | values))
    world.allocation("90", {"A": 2})
    return world


def test_a_line_is_late_after_ten_open_hours_not_ten_hours() -> None:
    """Five on Tuesday and five on Wednesday: noon."""
    boundary(waiting(), NOW, {f"{WMS}:90-1": "not_picked"})


def test_a_weekend_does_not_count() -> None:
    """Friday 17:00 and two hours, closed till Monday, and eight more."""
    friday = NOW + timedelta(days=2, hours=5)
    boundary(
        waiting(created_at=friday),
        friday + timedelta(days=3) - timedelta(hours=2),
        {f"{WMS}:90-1": "not_picked"},
    )


@pytest.mark.parametrize(
    ("cause", "order", "line"),
    [
        ("awaiting_payment", {"status_code": "awaiting_payment"}, {}),
        ("on_hold", {"status_code": "on_hold"}, {"picked_qty": 2}),
        ("picked_not_despatched", {"status_code": "picking"}, {"picked_qty": 2}),
        ("awaiting_stock", {"status_code": "awaiting_stock"}, {"allocated_qty": 1}),
        ("not_picked", {"status_code": "awaiting_stock"}, {}),
    ],
)
def test_each_line_says_where_it_is_stuck(cause: str, order: dict, line: dict) -> None:
    """One cause per line."""
    world = waiting(created_at=ago(days=4), **order)
    if line:
        world.change("marts.warehouse_order_lines", "true", **line)
    row = world.row()
    assert (row["cause"], row["detail"]) == (cause, "#1: A, 2 of 2 not sent")


def test_the_rest_of_a_part_shipment_counts_from_the_last_parcel() -> None:
    """Ten open hours from when that left, picked or not."""
    world = waiting(created_at=ago(days=6))
    world.change("marts.warehouse_order_lines", "true", shipped_qty=1, picked_qty=1)
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(days=1))
    boundary(world, ago(hours=24) + timedelta(hours=22), {f"{WMS}:90-1": "rest_of_part_shipment"})
    world.change("marts.warehouse_order_lines", "true", picked_qty=2)
    assert world.found() == {f"{WMS}:90-1": "rest_of_part_shipment"}
    assert world.row()["amount"] == Decimal(10)


@pytest.mark.parametrize("status", ["shipped", "cancelled", "merged"])
def test_what_is_over_is_not_late(status: str) -> None:
    """Nor is an order the customer cancelled."""
    assert waiting(created_at=ago(days=9), status_code=status).found() == {}
    world = waiting(created_at=ago(days=9))
    world.change("marts.orders", "true", cancelled_at=NOW)
    assert world.found() == {}


# --- every_warehouse_cancellation_reached_the_channel ---------------------------------------------------------


def dropped(**values: Any) -> World:
    """An order the warehouse cancelled two hours ago and the shop still promises."""
    world = World("every_warehouse_cancellation_reached_the_channel")
    world.order("1", ("A", 2))
    world.warehouse_order(
        "90", "1", ("A", 2), **({"status_code": "cancelled", "cancelled_at": ago(hours=2)} | values)
    )
    return world


def test_an_order_the_warehouse_cancelled_is_shown_after_an_hour() -> None:
    """With the order's whole money."""
    boundary(dropped(), ago(hours=1), {f"{WMS}:90": "cancelled_in_warehouse"})


def test_an_order_closed_short_is_shown_with_what_is_missing() -> None:
    """What shipped and is on its way to the shop is not missing."""
    world = dropped(status_code="shipped", cancelled_at=None, shipped_at=ago(hours=2))
    world.change("marts.warehouse_order_lines", "true", shipped_qty=2)
    assert world.found() == {}
    world.change("marts.warehouse_order_lines", "true", shipped_qty=1)
    row = world.row()
    assert (row["cause"], row["detail"]) == ("closed_short", "#1: A")


@pytest.mark.parametrize(
    "mend",
    [
        lambda w: w.change("marts.orders", "true", cancelled_at=NOW),
        lambda w: w.change("marts.fulfilment_order_lines", "true", remaining_qty=0),
        lambda w: w.warehouse_order("91", "1", ("A", 2)),
        lambda w: w.warehouse_order("91", "1", ("A", 2), status_code="shipped", shipped=[2]),
    ],
    ids=["cancelled in the shop", "refunded in the shop", "sent again", "sent again and shipped"],
)
def test_it_is_right_when_the_shop_promises_no_more_or_somebody_sends_it(mend: Any) -> None:
    """Either end may mend it."""
    world = dropped()
    mend(world)
    assert world.found() == {}
