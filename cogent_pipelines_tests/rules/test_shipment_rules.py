"""The rules about parcels, money and returns."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary


def sent(model: str, **parcel: Any) -> World:
    """Order 1 of one A, in the warehouse, its parcel gone half an hour ago, the shop not told."""
    world = World(model)
    world.order("1", ("A", 1))
    world.warehouse_order("90", "1", ("A", 1), status_code="shipped", shipped=[1])
    world.parcel("p1", "90", "1", {"A": 1}, **parcel)
    return world


# --- every_shipment_has_an_order ------------------------------------------------------------------------


def test_a_parcel_of_a_known_order_has_one() -> None:
    """The ordinary case."""
    assert sent("every_shipment_has_an_order").found() == {}


def test_a_parcel_no_channel_has_an_order_for_is_shown() -> None:
    """After the time a new order may take to be read."""
    world = World("every_shipment_has_an_order")
    world.warehouse_order("90", None, ("A", 1), reference="PHONE-7", total_amount=Decimal(12))
    world.parcel("p1", "90", None, {"A": 1})
    boundary(world, ago(minutes=15), {f"{WMS}:p1": "no_channel_order"})
    assert world.row()["detail"] == "parcel p1 of PHONE-7"


# --- every_shipment_reached_the_channel -------------------------------------------------------------------


def test_a_parcel_the_shop_does_not_know_is_shown_after_the_window() -> None:
    """A quarter of an hour."""
    boundary(sent("every_shipment_reached_the_channel"), ago(minutes=15), {f"{WMS}:p1": "not_at_channel"})


def test_a_parcel_whose_number_the_shop_shows_has_reached_it() -> None:
    """However it is written, and in whichever fulfilment."""
    world = sent("every_shipment_reached_the_channel")
    world.fulfilment("1", "f1", {1: 1}, ["other", " tp1"])
    assert world.found() == {}
    world.change("marts.fulfilments", "true", status_code="cancelled")
    assert world.found() == {f"{WMS}:p1": "not_at_channel"}


def test_an_order_fulfilled_without_the_number_is_shown_as_that() -> None:
    """The customer cannot follow it."""
    world = sent("every_shipment_reached_the_channel")
    world.fulfilment("1", "f1", {1: 1}, [])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    assert world.found() == {f"{WMS}:p1": "number_not_at_channel"}


def test_a_parcel_we_told_and_the_shop_lost_has_vanished() -> None:
    """Somebody undid the fulfilment."""
    world = sent("every_shipment_reached_the_channel")
    world.promise(
        "shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": True}, closed_at=ago(minutes=20)
    )
    boundary(world, ago(minutes=20), {f"{WMS}:p1": "vanished_from_target"})


def test_a_parcel_we_told_after_the_order_was_read_has_not_vanished() -> None:
    """A record that changes while its list is read is in the next one: until then nobody knows."""
    world = sent("every_shipment_reached_the_channel")
    world.promise(
        "shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": True}, closed_at=ago(minutes=5)
    )
    world.change("marts.orders", "true", read_at=ago(minutes=5))
    boundary(world, NOW + timedelta(minutes=10), {f"{WMS}:p1": "not_at_channel"})


@pytest.mark.parametrize(
    "parcel", [{"tracking_number": None}, {"carrier": "Pigeon"}, {"despatched_at": None}]
)
def test_a_parcel_that_cannot_be_told_is_another_rule_s(parcel: dict) -> None:
    """One fault, one rule."""
    assert sent("every_shipment_reached_the_channel", **parcel).found() == {}


def test_a_cancelled_order_s_parcel_is_another_rule_s() -> None:
    """no_cancelled_order_is_being_picked speaks of it."""
    world = sent("every_shipment_reached_the_channel")
    world.change("marts.orders", "true", cancelled_at=NOW)
    assert world.found() == {}


def test_half_a_bundle_waits_for_the_other_half() -> None:
    """Its number comes with the parcel that completes it."""
    world = World("every_shipment_reached_the_channel")
    world.bundle("KIT", A=1, B=1)
    world.order("1", ("KIT", 1))
    world.parcel("p1", "90", "1", {"A": 1})
    assert world.found() == {}
    world.parcel("p2", "90", "1", {"B": 1}, despatched_at=ago(minutes=20))
    assert world.found() == {f"{WMS}:p2": "not_at_channel"}
    world.fulfilment("1", "f1", {1: 1}, ["Tp2"])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    assert world.found() == {f"{WMS}:p1": "number_not_at_channel"}


def test_who_is_told_at_the_first_scan_must_be_told_then() -> None:
    """And a parcel nobody ever scans is a fault of its own."""
    world = sent("every_shipment_reached_the_channel", despatched_at=ago(hours=47), first_scan_at=None)
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    world.fulfilment("1", "f1", {1: 1}, ["Tp1"])
    world.promise("shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": False})
    boundary(world, NOW + timedelta(hours=1), {f"{WMS}:p1": "never_scanned"})
    world.change("marts.shipments", "true", first_scan_at=ago(minutes=10))
    boundary(world, NOW + timedelta(minutes=5), {f"{WMS}:p1": "customer_not_told"})
    world.promise("shipments_to_channel", f"{WMS}:p1:scan", act="notify")
    assert world.found() == {}


def test_a_shop_that_tells_with_every_shipment_is_told_after_the_scan() -> None:
    """Until then the parcel is rightly not there, and one nobody ever scans is a fault of its own."""
    world = sent("every_shipment_reached_the_channel", despatched_at=ago(hours=47), first_scan_at=None)
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    world.change("estate.systems", "role = 'channel'", tells_customers=True)
    boundary(world, NOW + timedelta(hours=1), {f"{WMS}:p1": "never_scanned"})
    world.change("marts.shipments", "true", first_scan_at=ago(minutes=10))
    boundary(world, NOW + timedelta(minutes=5), {f"{WMS}:p1": "not_at_channel"})


# --- every_parcel_has_carrier_and_tracking ------------------------------------------------------------------


def test_a_parcel_with_a_number_and_a_known_carrier_is_right() -> None:
    """The ordinary case."""
    assert sent("every_parcel_has_carrier_and_tracking").found() == {}


@pytest.mark.parametrize(
    ("cause", "parcel", "minutes"),
    [
        ("no_tracking", {"tracking_number": " "}, 15),
        ("no_carrier", {"carrier": None}, 15),
        ("unmapped_carrier", {"carrier": "Pigeon"}, 30),
    ],
)
def test_a_parcel_nobody_can_follow_is_shown(cause: str, parcel: dict, minutes: int) -> None:
    """A missing mapping at once, a missing number after the time it may take."""
    boundary(
        sent("every_parcel_has_carrier_and_tracking", **parcel), ago(minutes=minutes), {f"{WMS}:p1": cause}
    )


@pytest.mark.parametrize(
    ("cause", "numbers", "carrier"), [("number_removed", [], "DPD UK"), ("carrier_removed", ["Tp1"], None)]
)
def test_what_we_told_and_somebody_took_away_in_the_shop_is_shown(
    cause: str, numbers: list[str], carrier: str | None
) -> None:
    """Counted from when it was changed there; a fulfilment of somebody else's may never have had either."""
    world = sent("every_parcel_has_carrier_and_tracking")
    world.fulfilment("1", "f1", {1: 1}, numbers, carrier=carrier, updated_at=ago(minutes=20))
    assert world.found() == {}
    world.promise("shipments_to_channel", f"{WMS}:p1", act="fulfil", target_ref="f1")
    boundary(world, ago(minutes=5), {f"{WMS}:p1@f1": cause})
    world.change("marts.fulfilments", "true", tracking_numbers=["Tp1"], carrier="DPD UK")
    assert world.found() == {}


# --- no_order_is_fulfilled_before_its_last_parcel -------------------------------------------------------------


def told(*units: int, shipped: int = 1) -> World:
    """Order 1 of three A, of which one parcel with ``shipped`` has left; the shop told of ``units``."""
    world = World("no_order_is_fulfilled_before_its_last_parcel")
    world.order("1", ("A", 3))
    world.warehouse_order("90", "1", ("A", 3), shipped=[shipped])
    world.parcel("p1", "90", "1", {"A": shipped})
    for place, qty in enumerate(units):
        world.fulfilment("1", f"f{place}", {1: qty}, [f"T{place}"], created_at=ago(minutes=10 - place))
    return world


def test_what_left_may_be_told() -> None:
    """And no more."""
    assert told(1).found() == {}


def test_telling_more_than_left_is_too_early() -> None:
    """From the fulfilment that told it."""
    world = told(1, 2)
    boundary(world, ago(minutes=9), {f"{SHOP}:1": "part_fulfilled_early"})
    assert world.row()["detail"] == "#1: A told 3, sent 1"
    world.change("marts.orders", "true", fulfilment_code="fulfilled")
    assert world.found() == {f"{SHOP}:1": "fulfilled_early"}


def test_a_bundle_told_before_its_last_component_left_is_too_early() -> None:
    """Its components are what is sent."""
    world = World("no_order_is_fulfilled_before_its_last_parcel")
    world.bundle("KIT", A=1, B=1)
    world.order("1", ("KIT", 1))
    world.warehouse_order("90", "1", ("A", 1), ("B", 1), shipped=[1, 0])
    world.parcel("p1", "90", "1", {"A": 1})
    world.fulfilment("1", "f1", {1: 1}, ["T"])
    assert world.found() == {f"{SHOP}:1": "part_fulfilled_early"}


@pytest.mark.parametrize("values", [{"status_code": "cancelled"}, {"reference": None}])
def test_an_order_the_warehouse_does_not_send_is_not_compared(values: dict) -> None:
    """Somebody else may have sent it."""
    world = told(3)
    world.change("marts.warehouse_orders", "true", **values)
    assert world.found() == {}


# --- every_despatch_was_captured --------------------------------------------------------------------------------


def test_a_paid_despatch_is_right() -> None:
    """Captured, or given back since."""
    world = sent("every_despatch_was_captured")
    assert world.found() == {}
    world.change("marts.orders", "true", payment_code="refunded")
    assert world.found() == {}


@pytest.mark.parametrize(
    ("code", "captured", "cause"),
    [
        ("authorised", "0", "not_captured"), ("pending", None, "not_captured"), ("part_captured", "4", "part_captured"),
        ("voided", "0", "payment_lost"), ("expired", "0", "payment_lost"),
    ],
)  # fmt: skip
def test_a_despatch_whose_money_was_not_taken_is_shown_with_what_is_missing(
    code: str, captured: str | None, cause: str
) -> None:
    """After four hours from the first parcel."""
    world = sent("every_despatch_was_captured")
    amount = Decimal(captured) if captured else None
    world.change("marts.orders", "true", payment_code=code, captured_amount=amount)
    boundary(world, NOW + timedelta(hours=3.5), {f"{SHOP}:1": cause})
    assert world.row()["amount"] == 10 - (amount or 0)


# --- every_refund_has_its_return ----------------------------------------------------------------------------------


def refunded(restock: str = "return", qty: int = 2, **refund: Any) -> World:
    """Three A were sent a week ago; ``qty`` were refunded 20 minutes ago."""
    world = World("every_refund_has_its_return")
    world.order("1", ("A", 3))
    world.fulfilment("1", "f1", {1: 3}, ["T1"], created_at=ago(days=7))
    world.refund("1", "r1", "20.00", [(1, "A", qty, restock)], **refund)
    return world


def came_back(world: World, name: str, qty: int) -> None:
    """The warehouse received ``qty`` A."""
    world.put(
        "marts.warehouse_returns", return_key=name, system=WMS, warehouse_order_key=f"{WMS}:90", status_code="received",
        order_key=f"{SHOP}:1",
    )  # fmt: skip
    world.put("marts.warehouse_return_lines", return_key=name, sku="A", qty=qty, received_qty=qty)


def test_goods_that_did_not_come_back_are_shown_after_a_day() -> None:
    """A part is not the whole."""
    world = refunded()
    came_back(world, "b1", 1)
    boundary(world, NOW + timedelta(hours=24, minutes=-20), {f"{SHOP}:r1:{SHOP}:1-1": "not_received"})
    assert world.row()["detail"] == "#1: A due 2, back 1"
    came_back(world, "b2", 1)
    assert world.found() == {}


@pytest.mark.parametrize(
    ("cause", "restock", "refund"),
    [("return_overdue", "none", {"return_id": "9"}), ("nothing_came_back", "none", {})],
)
def test_goods_refunded_in_other_ways_must_come_back_too(cause: str, restock: str, refund: dict) -> None:
    """Against an agreed return, or against none."""
    due = NOW + timedelta(hours=24, minutes=-20)
    boundary(refunded(restock, **refund), due, {f"{SHOP}:r1:{SHOP}:1-1": cause})


def test_goodwill_is_no_fault() -> None:
    """Money for no line: nobody asked for anything back."""
    world = refunded(qty=0)
    world.clear("marts.refund_lines")
    world.refund("1", "r2", "3.00", adjustment_amount=Decimal(3))
    world.at(NOW + timedelta(days=60))
    assert world.found() == {}


def test_units_that_never_left_are_refunded_first() -> None:
    """Three ordered, one sent: two of three refunded units were still on the shelf."""
    world = refunded("none", qty=2)
    world.change("marts.fulfilment_lines", "true", qty=1)
    world.at(NOW + timedelta(days=60))
    assert world.found() == {}
    world.change("marts.refund_lines", "true", qty=3)
    assert world.row()["detail"] == "#1: A due 1, back 0"
    world.change("marts.refund_lines", "true", restock_code="cancel")
    assert world.found() == {}


def test_a_refund_before_the_goods_left_is_no_fault() -> None:
    """What was never sent cannot come back."""
    world = refunded(refunded_at=ago(days=8))
    world.at(NOW + timedelta(days=60))
    assert world.found() == {}


def test_what_came_back_counts_for_the_earliest_refund_first() -> None:
    """Two refunds of one, one item back: the later one is open."""
    world = refunded(qty=1, refunded_at=ago(days=3))
    world.refund("1", "r2", "10.00", [(1, "A", 1, "return")], refunded_at=ago(days=2))
    came_back(world, "b1", 1)
    assert world.found() == {f"{SHOP}:r2:{SHOP}:1-1": "not_received"}
