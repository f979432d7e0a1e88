"""Seko's rows in our words: statuses, dispatches told twice, returns, and stock that is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors import seko, seko_writes
from cogent_pipelines_tests.vendors.seko_kit import (
    GUID,
    Staging,
    cancellation,
    dispatch,
    grn,
    order,
)
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

STATUSES = {
    "To Be Picked": ("released", False),
    "To Cancel": ("on_hold", False),
    "Being Picked": ("picking", True),
    "Pick Complete": ("picking", True),
    "To Dispatch": ("picking", True),
    "Dispatched": ("shipped", True),
    "Cancelled": ("cancelled", False),
    "A status of next year": ("unknown", False),
}


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging()


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_put_into_our_words(staging: Staging, status: str) -> None:
    """A closed list; another word is unknown and stands beside it."""
    staging.load("orders", order(status))
    row = one(staging.rows("warehouse_orders"))
    assert (row["status_code"], row["is_past_no_return"], row["status_raw"]) == (*STATUSES[status], status)
    assert (row["reference"], row["warehouse_order_id"]) == ("#1042", GUID)


@pytest.mark.parametrize("status", STATUSES)
def test_the_view_and_the_guard_agree_on_the_point_of_no_return(status: str) -> None:
    """What SQL says of an order is what the guard says when it asks the warehouse itself."""
    about, found = cancellation(), Found(GUID, {"status": status})
    code, is_past = STATUSES[status]
    if is_past or code == "unknown":
        with pytest.raises(Reject) as refusal:
            seko_writes.may_cancel(about, found)
        assert (refusal.value.code == "past_no_return") is is_past
    elif status == "To Cancel":
        with pytest.raises(Retry):
            seko_writes.may_cancel(about, found)
    else:
        seko_writes.may_cancel(about, found)


def test_an_order_holds_stock_at_its_dc_until_it_is_cancelled(staging: Staging) -> None:
    """Loading an order allocates all of it; a cancelled one has no allocation."""
    staging.load("orders", order(), order("Cancelled", "#1043"))
    assert one(staging.rows("allocations"))["facility_id"] == "DCLEE01"
    assert one(staging.rows("allocation_lines"))["qty"] == 2
    held, freed = sorted(staging.rows("warehouse_order_lines"), key=lambda r: -r["allocated_qty"])
    assert (held["sku"], held["allocated_qty"], freed["allocated_qty"]) == ("TEE-M", 2, 0)


def test_an_allocation_counts_from_when_free_stock_shows_it(staging: Staging) -> None:
    """Five minutes after loading; a level read before that has not been reduced by it."""
    staging.load("orders", order(LoadedAt="2026-11-02T08:05:00Z"))
    assert one(staging.rows("allocations"))["created_at"] == datetime(2026, 11, 2, 8, 10, tzinfo=UTC)


def test_a_cancellation_is_dated_when_it_was_first_seen(staging: Staging) -> None:
    """Seko tells no time of it."""
    staging.load("orders", order("Cancelled"))
    assert one(staging.rows("warehouse_orders"))["cancelled_at"] == READ_AT


def test_a_dispatch_that_was_polled_is_a_parcel_with_all_that_was_loaded(staging: Staging) -> None:
    """The push may be lost for good after three tries; asking by GUID finds it all the same."""
    staging.load("orders", order("Dispatched"))
    staging.load("tracking", {"GUID": GUID, "Courier": "DPD", "TrackingNumber": "1550"})
    parcel = one(staging.rows("shipments"))
    assert (parcel["shipment_id"], parcel["carrier"], parcel["tracking_number"]) == (GUID, "DPD", "1550")
    assert (parcel["facility_id"], parcel["service"], parcel["despatched_at"]) == ("DCLEE01", "STD", READ_AT)
    assert one(staging.rows("shipment_lines"))["qty"] == 2


def test_a_dispatch_told_twice_is_one_parcel(staging: Staging) -> None:
    """By message and by status, and the message itself delivered again: one row under the order's GUID."""
    staging.load("orders", order("Dispatched"))
    staging.load("tracking", {"GUID": GUID, "Courier": None, "TrackingNumber": None})
    staging.push("dispatches", dispatch())
    staging.push("tracking_details", {"Responses": {"Response": {"TrackingDetails": {
        "InterfaceRecordId": "t1", "SalesOrderNumber": "1042", "Courier": "DPD", "TrackingNumber": "1551",
    }}}})  # fmt: skip
    parcel = one(staging.rows("shipments"))
    assert (parcel["shipment_id"], parcel["carrier"], parcel["tracking_number"]) == (GUID, "DPD", "1551")
    assert parcel["despatched_at"] == datetime(2026, 11, 2, 10, 30, tzinfo=UTC)
    assert one(staging.rows("shipment_lines"))["sku"] == "TEE-M"


def test_a_message_before_the_order_was_asked_for_is_a_parcel(staging: Staging) -> None:
    """The push comes first; the status follows at the next look."""
    staging.load("orders", order("To Be Picked"))
    staging.push("dispatches", dispatch())
    assert one(staging.rows("shipments"))["warehouse_order_key"] == f"wms_3pl:{GUID}"


def test_a_dispatch_of_no_order_of_ours_stands_alone(staging: Staging) -> None:
    """Keyed by hand at the warehouse: there is no list, and what others sent is known once it leaves."""
    staging.push("dispatches", dispatch("r9", SalesOrderNumber="MANUAL-1", SalesOrderReference=None))
    parcel, record = one(staging.rows("shipments")), one(staging.rows("warehouse_orders"))
    assert (parcel["shipment_id"], parcel["warehouse_order_key"]) == ("r9", "wms_3pl:r9")
    assert (record["warehouse_order_key"], record["reference"]) == ("wms_3pl:r9", "MANUAL-1")
    assert (record["status_code"], record["gone_at"]) == ("shipped", None)
    line = one(staging.rows("warehouse_order_lines"))
    assert (line["sku"], line["qty"], line["shipped_qty"], line["allocated_qty"]) == ("TEEM", 2, 2, 0)
    assert one(staging.rows("shipment_lines"))["warehouse_order_key"] == "wms_3pl:r9"


def test_what_others_sent_is_in_our_skus(staging: Staging) -> None:
    """The account has codes of letters and digits; a parcel in these would be of nothing the shop sold."""
    staging.load(
        "products",
        {"OurSKU": "TEE-M", "ProductCode": "TEEM", "IsKnown": True, "Status": "Active", "Clashes": None},
    )
    staging.push("dispatches", dispatch("r9", SalesOrderNumber="MANUAL-1", SalesOrderReference=None))
    assert one(staging.rows("shipment_lines"))["sku"] == "TEE-M"
    assert one(staging.rows("warehouse_order_lines"))["sku"] == "TEE-M"


def test_another_s_record_of_a_number_of_ours_is_a_second_one(staging: Staging) -> None:
    """An older integration sent the same order under its own number: its dispatch names the order it is for."""
    staging.load("orders", order())
    staging.push("dispatches", dispatch("r9", SalesOrderNumber="OLD-7", SalesOrderReference="#1042"))
    references = {row["warehouse_order_id"]: row["reference"] for row in staging.rows("warehouse_orders")}
    assert references == {GUID: "#1042", "r9": "#1042"}


def test_what_stood_for_an_order_of_ours_before_it_was_asked_about_is_gone(staging: Staging) -> None:
    """The message was read a look before the order's own row."""
    staging.push("dispatches", dispatch("r9"))
    assert one(staging.rows("warehouse_orders"))["gone_at"] is None
    staging.load("orders", order("Dispatched"))
    staging.connection.execute(
        "UPDATE seko.dispatches SET _first_seen_at = _first_seen_at - INTERVAL 1 MINUTE"
    )
    gone = {row["warehouse_order_id"]: row["gone_at"] for row in staging.rows("warehouse_orders")}
    assert gone == {GUID: None, "r9": READ_AT}
    assert one(staging.rows("shipments"))["shipment_id"] == GUID


def test_a_short_line_is_not_in_the_parcel(staging: Staging) -> None:
    """One dispatch per order: short lines show as 0 and nothing follows."""
    lines = order()["Lines"] + [{**order()["Lines"][0], "LineNumber": 2, "SKU": "CAP", "ProductCode": "CAP"}]
    staging.load("orders", order("Dispatched", Lines=lines))
    told = [{"LineNo": n, "ProductCode": c, "PackedQty": q} for n, c, q in ((1, "TEEM", 2), (2, "CAP", 0))]
    staging.push("dispatches", dispatch(List={"DispatchLineItem": told}))
    assert [row["sku"] for row in staging.rows("shipment_lines")] == ["TEE-M"]
    assert [row["shipped_qty"] for row in staging.rows("warehouse_order_lines")] == [2, 0]


def test_goods_that_come_back_are_a_return_of_their_order(staging: Staging) -> None:
    """By the order's number, as the DC raises it, or by our own reference."""
    staging.load("orders", order("Dispatched"))
    staging.push("grns", grn())
    staging.push("grns", grn(InterfaceRecordId="g2", HBRef="1042-R1"))
    assert {row["warehouse_order_key"] for row in staging.rows("warehouse_returns")} == {f"wms_3pl:{GUID}"}
    assert [(r["sku"], r["received_qty"]) for r in staging.rows("warehouse_return_lines")] == [
        ("TEE-M", 1)
    ] * 2


@pytest.mark.parametrize(
    "change", [{"DeliveryNumber": "SS Cancellation - Dispatch 88121"}, {"HBRef": "PO-77"}, {"HBRef": None}]
)
def test_goods_put_back_or_bought_are_no_return(staging: Staging, change: dict[str, Any]) -> None:
    """A cancellation after picking makes the DC raise a receipt nobody announced."""
    staging.load("orders", order("Cancelled"))
    staging.push("grns", grn(**change))
    assert staging.rows("warehouse_returns") == staging.rows("warehouse_return_lines") == []


def test_only_available_stock_may_be_sold(staging: Staging) -> None:
    """Quarantine, query and QC are told apart; levels noted at a change are the view's."""
    for kind, quantity in (("Available Stock", 0), ("Quarantine", 5)):
        staging.load("stock", {"StockKey": f"TEEM|DCLEE01|{kind}", "OurSKU": "TEE-M", "ProductCode": "TEEM",
                               "DCCode": "DCLEE01", "LocationType": kind, "Quantity": quantity})  # fmt: skip
    row = one(staging.rows("stock"))
    assert (row["facility_id"], row["sku"], row["available_qty"]) == ("DCLEE01", "TEE-M", 0)
    levels = next(stream.levels for stream in seko.STREAMS if stream.name == "stock")
    noted = staging.connection.execute(levels.format(rows="seko.stock")).fetchall()
    assert noted == [("DCLEE01", "TEE-M", 0)]


def test_skus_of_one_code_are_no_active_items(staging: Staging) -> None:
    """So the orders that hold either are held back before anything is sent."""
    plain = {"ProductCode": "AB1", "IsKnown": True, "Clashes": "AB-1, AB1"}
    staging.load("products", {"OurSKU": "AB-1", **plain}, {"OurSKU": "AB1", **plain})
    staging.load("products", {"OurSKU": "CAP", "ProductCode": "CAP", "IsKnown": True})
    staging.load("products", {"OurSKU": "NEW", "ProductCode": "NEW", "IsKnown": False})
    assert {row["sku"]: row["is_active"] for row in staging.rows("items")} == {
        "AB-1": False, "AB1": False, "CAP": True,
    }  # fmt: skip
