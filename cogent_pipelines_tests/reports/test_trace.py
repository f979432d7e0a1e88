"""A trace tells every hop in order, where the order is stuck, and what would move it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from cogent_pipelines.ledger import controls
from cogent_pipelines.reports import trace
from cogent_pipelines_tests.reports.fixtures import NOW, Kept, at, row, stop_clock

RECORD = {
    "warehouse_order_key": "wms_uk:900",
    "system": "wms_uk",
    "warehouse_order_id": "900",
    "reference": "#1",
    "status_code": "shipped",
    "created_at": at("04 09:00"),
    "updated_at": at("04 10:00"),
    "first_seen_at": at("04 09:05"),
    "order_key": "web_uk:1",
}
PARCEL = {
    "shipment_key": "wms_uk:44",
    "system": "wms_uk",
    "shipment_id": "44",
    "warehouse_order_key": "wms_uk:900",
    "carrier": "Royal Mail",
    "tracking_number": "RM1GB",
    "despatched_at": at("04 10:00"),
    "order_key": "web_uk:1",
    "facility": "LEEDS",
}


def told(kept: Kept, order: str = "#1") -> str:
    """The trace of an order."""
    return trace.text(kept.root, order)


@pytest.fixture
def whole(kept: Kept) -> Kept:
    """One order that has gone all the way to its customer."""
    kept.order("1", fulfilment_code="fulfilled")
    sent = kept.promise("web_uk:1", "verified", target_ref="900")
    kept.attempt(sent, ref="900")
    kept.put("marts.warehouse_orders", RECORD)
    allocation = {"allocation_key": "wms_uk:6", "warehouse_order_key": "wms_uk:900", "system": "wms_uk"}
    kept.put("marts.allocations", allocation | {"facility": "LEEDS", "created_at": at("04 09:01")})
    kept.put("marts.shipments", PARCEL | {"first_scan_at": at("04 11:00"), "delivered_at": at("04 11:30")})
    kept.put("marts.shipment_lines", {"shipment_key": "wms_uk:44", "sku": "SKU-1", "qty": 2})
    fulfil = {
        "sync": "shipments_to_channel",
        "system": "web_uk",
        "business_key": "wms_uk:44",
        "act": "fulfil",
    }
    parcel = kept.promise("web_uk:1", "verified", **fulfil, sent={"notify": True}, target_ref="2000")
    kept.attempt(parcel, ref="2000")
    kept.put(
        "marts.fulfilments",
        {
            "fulfilment_key": "web_uk:2000",
            "system": "web_uk",
            "fulfilment_id": "2000",
            "order_key": "web_uk:1",
            "status_code": "success",
            "created_at": at("04 10:05"),
            "tracking_numbers": ["RM1GB"],
        },
    )
    return kept


def test_every_hop_is_told_with_its_time(whole: Kept) -> None:
    """From the click to the door, each with the system it happened in."""
    text = told(whole)
    hops = (
        "2026-11-04 08:00:00  web_uk      placed: 1 line, 2 units, Standard Delivery",
        "2026-11-04 08:01:00  web_uk      paid",
        "2026-11-04 08:05:00  cogent      read for the first time",
        "cogent      planned: orders_to_wms web_uk:1@LEEDS (create)",
        "cogent      intent: create_order at wms_uk, body b0d1b0d1b0d1, by a test",
        "wms_uk      receipt: create_order accepted, is 900",
        "wms_uk      read back: equal",
        "cogent      verified: orders_to_wms at wms_uk as 900",
        "2026-11-04 09:00:00  wms_uk      in the warehouse as 900 (#1)",
        "2026-11-04 09:01:00  wms_uk      allocated at LEEDS: 0 units",
        "2026-11-04 10:00:00  wms_uk      despatched from LEEDS: parcel 44, Royal Mail RM1GB, 2 units",
        "2026-11-04 10:05:00  web_uk      the shop has parcel RM1GB as 2000, 0 units",
        "web_uk      the shop was asked to mail the customer about parcel 44",
        "2026-11-04 11:00:00  Royal Mail  parcel 44: first scan",
        "2026-11-04 11:30:00  Royal Mail  parcel 44: delivered",
    )
    for hop in hops:
        assert hop in text
    assert "now    delivered (for 30 min)" in text


@pytest.mark.parametrize(
    "name", ["#1", "1", "web_uk:1", "900", "wms_uk:900", "RM1GB", "wms_uk:44", "44", "web_uk:1@LEEDS", "2000"]
)
def test_any_of_its_names_means_the_order(whole: Kept, name: str) -> None:
    """Ours, the shop's, the warehouse's, the carrier's."""
    assert told(whole, name).startswith("#1  web_uk:1  20.00 GBP")


def test_a_parcel_whose_customer_waits_for_the_first_scan_says_so(kept: Kept) -> None:
    """What the customer was not told is told too."""
    kept.order("1")
    kept.put("marts.warehouse_orders", RECORD)
    kept.put("marts.shipments", PARCEL)
    fulfil = {
        "sync": "shipments_to_channel",
        "system": "web_uk",
        "business_key": "wms_uk:44",
        "act": "fulfil",
    }
    kept.attempt(kept.promise("web_uk:1", "verified", **fulfil, sent={"notify": False}))
    assert "the customer was not mailed about parcel 44 yet" in told(kept)


def test_a_near_name_is_suggested(whole: Kept) -> None:
    """A slip of the finger is met with what was probably meant."""
    whole.order("1001")
    assert told(whole, "#1011") == "Nothing is known of '#1011'. Did you mean #1001?"
    assert "RM1GB" in told(whole, "RM1BG")
    assert "will do" in told(whole, "zzzzzzzz")


@pytest.mark.parametrize(
    "hostile",
    ["'; DROP TABLE marts.orders; --", "%", "_", "\x1b[31m", "#", "", "=cmd|' /C calc'!A0", "x" * 5000],
)
def test_hostile_names_find_nothing_and_break_nothing(whole: Kept, hostile: str) -> None:
    """Quotes, wildcards and escape sequences are text."""
    text = told(whole, hostile)
    assert "Nothing is known of" in text
    assert "\x1b" not in text
    assert len(text) < 300
    assert "delivered" in told(whole)


def test_what_a_vendor_wrote_does_not_reach_the_terminal_raw(kept: Kept) -> None:
    """A message with an escape sequence is printed without it."""
    refused = kept.promise(
        kept.order("1", delivery_option="\x1b]0;gotcha\x07Next\nDay"), "rejected", reason="invalid"
    )
    kept.attempt(refused, "refused", message="bad\x1b[2J name")
    text = told(kept)
    assert "refused: bad [2J name" in text
    assert "]0;gotcha Next Day" in text
    assert "\x1b" not in text


def test_a_refused_order_names_the_redrive(kept: Kept) -> None:
    """What the vendor said, and the command that sends it again."""
    kept.promise(kept.order("1"), "rejected", reason="invalid", message="postcode is not valid")
    text = told(kept)
    assert "STUCK  orders_to_wms web_uk:1@LEEDS: refused by wms_uk: postcode is not valid" in text
    assert (
        "$ cogent redrive orders_to_wms web_uk:1@LEEDS --by \"$USER\" --reason 'mended the cause' --state"
        in text
    )


def test_an_order_behind_a_brake_names_the_release(kept: Kept) -> None:
    """Its whole plan is held, and one command lets it go."""
    kept.promise(kept.order("1"), "held", reason="brake:orders_per_tick")
    assert "$ cogent release orders_to_wms --by" in told(kept)


def test_a_paused_sync_names_who_paused_it_and_the_resume(kept: Kept) -> None:
    """The order waits because somebody said so."""
    kept.promise(kept.order("1"), "waiting")
    with kept.ledger() as ledger:
        controls.pause(ledger, "all", by="kim", reason="stock take")
    text = told(kept)
    assert "all was paused by kim: stock take" in text
    assert '$ cogent resume all --by "$USER"' in text


def test_an_unmapped_delivery_option_names_the_row_to_add(kept: Kept) -> None:
    """The command that adds the mapping is quoted for the shell and for the CSV file."""
    kept.order("1", delivery_option='Same Day, "Bike"; rm -rf')
    kept.put("marts.delivery_methods", {"system": "wms_uk", "delivery_method_id": "11", "name": "Standard"})
    release = {
        "business_key": "web_uk:1@LEEDS",
        "order_key": "web_uk:1",
        "place": "LEEDS",
        "facility": "LEEDS",
        "warehouse_system": "wms_uk",
        "ready_at": at("04 08:01"),
        "held_by": "unmapped_delivery_option",
        "held_detail": 'Same Day, "Bike"; rm -rf',
    }
    kept.put("marts.releases", release)
    text = told(kept)
    assert "unmapped delivery option" in text
    assert "choose the delivery method at wms_uk: 11 Standard" in text
    line = next(each for each in text.splitlines() if "printf" in each)
    assert """'web_uk,"Same Day, ""Bike""; rm -rf",LEEDS,wms_uk,11,'""" in line
    assert "delivery_options.csv" in line


def test_an_order_that_waits_for_its_money_needs_nobody(kept: Kept) -> None:
    """It goes by itself when the shop says it is paid."""
    kept.order("1", payment_code="authorised", paid_at=None)
    release = {"business_key": "web_uk:1@LEEDS", "order_key": "web_uk:1", "place": "LEEDS"}
    kept.put("marts.releases", release | {"ready_at": at("04 08:00"), "held_by": "awaiting_payment"})
    text = told(kept)
    assert "now    for LEEDS: held: awaiting payment (still not paid) (for 4 h 00 min)" in text
    assert "STUCK" not in text


def test_an_open_exception_about_it_is_where_it_stands(kept: Kept) -> None:
    """Also one about its parcel; with the rule's first step and who may say that they are on it."""
    kept.order("1", fulfilment_code="fulfilled")
    kept.put("marts.warehouse_orders", RECORD)
    kept.put("marts.shipments", PARCEL)
    kept.found(
        "every_parcel_has_carrier_and_tracking", row("wms_uk:44", "no_tracking", exception_key="wms_uk:44")
    )
    text = told(kept)
    assert "STUCK  " in text
    assert "$ cogent ack every_parcel_has_carrier_and_tracking wms_uk:44" in text
    assert "exception opened: every_parcel_has_carrier_and_tracking (no tracking), with operations" in text


def test_a_closed_exception_stays_in_the_story(kept: Kept) -> None:
    """Opened and closed, each with its time."""
    kept.order("1")
    kept.found("every_paid_order_reached_a_warehouse", row("web_uk:1", "not_in_warehouse"))
    stop_clock(NOW + timedelta(minutes=5))
    kept.found("every_paid_order_reached_a_warehouse")
    text = told(kept)
    name = "every_paid_order_reached_a_warehouse (not in warehouse)"
    assert f"2026-11-04 12:05:00  cogent  exception closed: {name}, by evidence" in text
    assert "STUCK" not in text


def test_an_exception_of_another_order_is_not_told(kept: Kept) -> None:
    """A key that begins alike is another order's."""
    kept.order("1")
    kept.order("11")
    kept.found("every_paid_order_can_be_released", row("web_uk:11"))
    assert "exception" not in told(kept, "#1")
    assert "exception" in told(kept, "#11")


def test_a_warehouse_record_nobody_ordered_is_told_as_that(kept: Kept) -> None:
    """A stranger's record has a story too."""
    kept.put(
        "marts.warehouse_orders", RECORD | {"order_key": None, "reference": "X-7", "status_code": "released"}
    )
    text = told(kept, "X-7")
    assert text.startswith("X-7: no order of a channel is known for it")
    assert "in wms_uk as 900: released" in text


def test_two_orders_of_one_name_are_both_told(kept: Kept) -> None:
    """A number two shops use means both."""
    kept.order("1")
    kept.order("2", order_name="#1", total_amount=Decimal(5))
    text = told(kept)
    assert "web_uk:1" in text
    assert "web_uk:2  5.00 GBP" in text


def test_without_the_warehouse_file_the_ledger_still_tells(kept: Kept) -> None:
    """DuckDB may be deleted at any time; what was sent is known."""
    kept.attempt(kept.promise(kept.order("1"), "verified"), ref="900")
    kept.place.warehouse.unlink()
    text = told(kept)
    assert "known to the ledger only" in text
    assert "receipt: create_order accepted, is 900" in text
    assert "nothing was read yet" in told(kept, "#77")


def test_names_and_addresses_are_nowhere(whole: Kept) -> None:
    """Personal fields are in the marts, and are never read."""
    with whole.tables() as connection:
        connection.execute(
            "UPDATE marts.orders SET customer_email = 'jo@example.test', ship_to_name = 'Jo Doe'"
        )
    text = told(whole)
    assert "Jo" not in text
    assert "@example" not in text
