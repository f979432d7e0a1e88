"""Deposco's records in our words: every status, packs and units, and the quirks of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.vendors import deposco_writes as writes
from cogent_pipelines_tests.vendors.deposco_kit import (
    cancellation,
    container,
    line,
    lines,
    order,
    reference,
    shipment,
)
from cogent_pipelines_tests.vendors.staging_kit import Staging

CODES = {
    "Draft": "on_hold",
    "New": "released",
    "Hold": "on_hold",
    "Ready for Fulfillment": "released",
    "Wave Built": "released",
    "Back Ordered": "awaiting_stock",
    "Partially Released": "picking",
    "Released": "picking",
    "Picking": "picking",
    "Pick Complete": "picking",
    "Partially Staged": "picking",
    "Staged": "picking",
    "Partially Loaded": "picking",
    "Loaded": "picking",
    "Partially Shipped": "released",
    "Ship Complete": "shipped",
    "Canceled": "cancelled",
    "Review": "unknown",
    None: "unknown",
}
"""Every status the vendor lists, and two it does not."""


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("deposco", "wms_us")


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


@pytest.mark.parametrize("field", ["orderStatus", "status"])
@pytest.mark.parametrize(("status", "code"), CODES.items())
def test_a_status_is_put_into_our_words(staging: Staging, status: str | None, code: str, field: str) -> None:
    """A closed list, whichever of its two names the answer uses; another word is unknown and stands beside it."""
    staging.load("orders", order(**{"orderStatus": None, field: status}))
    row = one(staging.rows("warehouse_orders"))
    assert (row["status_code"], row["status_raw"]) == (code, status)


@pytest.mark.parametrize("work", [{}, {"pickedPackQuantity": 1}, {"shippedPackQuantity": 1}])
@pytest.mark.parametrize("status", CODES)
def test_the_view_and_the_guard_agree_on_the_point_of_no_return(
    staging: Staging, status: str | None, work: dict[str, int]
) -> None:
    """What SQL says of an order is what the guard says when it asks the warehouse itself."""
    record = order(orderStatus=status, orderLines=lines(line(**work)))
    staging.load("orders", record)
    seen = writes.find_by_id(cancellation(), [record])
    assert seen is not None
    row = one(staging.rows("warehouse_orders"))
    assert row["is_past_no_return"] is seen.fields["is_past_no_return"]
    assert row["is_past_no_return"] is bool(
        work or CODES[status] in ("picking", "shipped") or status == "Partially Shipped"
    )


def test_an_order_is_put_into_our_words(staging: Staging) -> None:
    """Keys, reference, address and money of one order."""
    staging.load("orders", order(number=" #1042 "))
    row = one(staging.rows("warehouse_orders"))
    assert (row["warehouse_order_key"], row["warehouse_order_id"]) == ("wms_us:810031", "810031")
    assert (row["reference"], row["total_amount"]) == ("#1042", Decimal("43.9500"))
    assert (row["ship_to_name"], row["ship_to_line2"], row["delivery_method_id"]) == (
        "Ann Lee",
        None,
        "UPS Ground",
    )
    assert row["updated_at"] == datetime(2026, 11, 2, 8, 10, 2, tzinfo=UTC)


def test_a_sales_order_of_a_customer_order_has_the_senders_number(staging: Staging) -> None:
    """Its own number is the warehouse's."""
    staging.load("orders", order(number="SO-9", customerOrderNumber="#1042"))
    assert one(staging.rows("warehouse_orders"))["reference"] == "#1042"


def test_quantities_are_packs_and_levels_are_units(staging: Staging) -> None:
    """packQuantity is how many are in one, not how many were ordered."""
    pack = {"businessKey": {"item.number": "TEE-M", "quantity": 6}}
    staging.load(
        "orders",
        order(
            orderStatus="Partially Shipped",
            orderLines=lines(
                line(packs=3, pack=pack, allocatedQuantity=12, pickedPackQuantity=2, shippedPackQuantity=1)
            ),
        ),
    )
    row = one(staging.rows("warehouse_order_lines"))
    assert [row[n] for n in ("qty", "allocated_qty", "picked_qty", "shipped_qty")] == [18, 12, 12, 6]
    assert one(staging.rows("allocation_lines"))["qty"] == 12


@pytest.mark.parametrize(
    ("status", "qty"), [("New", 1), ("Picking", 1), ("Ship Complete", 3), ("Canceled", 3)]
)
def test_what_was_cancelled_of_an_ended_order_is_seen_as_unsent(
    staging: Staging, status: str, qty: int
) -> None:
    """The channel must hear of it; of a live order it is wanted no more."""
    staging.load("orders", order(orderStatus=status, orderLines=lines(line(packs=3, canceledPackQuantity=2))))
    assert one(staging.rows("warehouse_order_lines"))["qty"] == qty


def test_a_short_pick_is_ordered_and_not_shipped(staging: Staging) -> None:
    """Ship Complete with a shortage: the difference is what the channel still promises."""
    short = line(packs=3, shippedPackQuantity=2, shortagePackQuantity=1)
    staging.load("orders", order(orderStatus="Ship Complete", orderLines=lines(short)))
    row = one(staging.rows("warehouse_order_lines"))
    assert (row["qty"], row["shipped_qty"]) == (3, 2)


def test_a_cancelled_pick_sets_nothing_aside(staging: Staging) -> None:
    """Its stock is free again."""
    staging.load("orders", order(orderStatus="Canceled", orderLines=lines(line(allocatedQuantity=2))))
    assert staging.rows("allocations") == staging.rows("allocation_lines") == []


@pytest.mark.parametrize(("shipped", "is_shipped"), [(0, False), (1, False), (2, True)])
def test_an_allocation_stays_one_when_it_ships(staging: Staging, shipped: int, is_shipped: bool) -> None:
    """Whether the vendor's figure falls to nothing then is not known."""
    allocated = 0 if is_shipped else 2
    row = line(allocatedQuantity=allocated, shippedPackQuantity=shipped)
    staging.load("orders", order(orderLines=lines(row)))
    got = one(staging.rows("allocations"))
    assert (got["allocation_key"], got["facility_id"], got["is_shipped"]) == (
        "wms_us:810031",
        "DC1",
        is_shipped,
    )
    assert one(staging.rows("allocation_lines"))["qty"] == 2


def test_a_shipment_is_a_parcel(staging: Staging) -> None:
    """Carrier, number, when it left, whose order it is, and from where: the last two by the order's number."""
    staging.load("orders", order())
    staging.load("shipments", shipment())
    row = one(staging.rows("shipments"))
    assert (row["shipment_key"], row["warehouse_order_key"], row["facility_id"]) == (
        "wms_us:77120",
        "wms_us:810031",
        "DC1",
    )
    assert (row["carrier"], row["tracking_number"], row["tracking_url"]) == (
        "UPS",
        "1Z1",
        "https://t.example/1Z1",
    )
    assert row["despatched_at"] == datetime(2026, 11, 2, 15, 10, tzinfo=UTC)
    assert one(staging.rows("shipment_lines"))["qty"] == 2


def test_the_live_order_of_a_number_is_meant(staging: Staging) -> None:
    """Cancelled copies come first in their lists, and are not whose parcel it is."""
    staging.load("orders", order(), order(self={"id": 900000}, orderStatus="Canceled"))
    staging.load("shipments", shipment())
    assert one(staging.rows("shipments"))["warehouse_order_key"] == "wms_us:810031"
    assert one(staging.rows("shipment_lines"))["warehouse_order_key"] == "wms_us:810031"


def test_a_headers_own_id_is_believed_before_its_number(staging: Staging) -> None:
    """References have an id where they have one."""
    staging.load("shipments", shipment(orderHeaders=lines(reference("#1042", 5))))
    assert one(staging.rows("shipments"))["warehouse_order_key"] == "wms_us:5"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "New"},
        {"status": "Shipping"},
        {"shipmentLines": lines({"number": "1", "shippedPackQuantity": 0})},
    ],
)
def test_a_label_is_no_despatch(staging: Staging, change: dict[str, Any]) -> None:
    """A tracking number stands there before a unit has left."""
    staging.load("shipments", shipment(**change))
    assert one(staging.rows("shipments"))["despatched_at"] is None


def test_a_shipment_that_was_rolled_back_is_no_parcel(staging: Staging) -> None:
    """It never left."""
    staging.load("shipments", shipment(status="Rolled Back"))
    assert staging.rows("shipments") == staging.rows("shipment_lines") == []


def test_each_container_with_a_number_of_its_own_is_a_parcel(staging: Staging) -> None:
    """Lines stand at the shipment: the first parcel is taken to hold them, and none counts twice."""
    boxes = lines(container("1Z2"), container("1Z1"), container("1Z1"), container(None))
    staging.load("shipments", shipment(shippedContainers=boxes))
    keys = {row["shipment_key"]: row["tracking_number"] for row in staging.rows("shipments")}
    assert keys == {"wms_us:77120:1Z1": "1Z1", "wms_us:77120:1Z2": "1Z2"}
    assert one(staging.rows("shipment_lines"))["shipment_key"] == "wms_us:77120:1Z1"


@pytest.mark.parametrize("boxes", [None, lines(), lines(container(None)), lines(container(" "))])
@pytest.mark.parametrize(("number", "shown"), [("1Z9", "1Z9"), ("", None), (None, None)])
def test_a_shipment_without_numbered_containers_has_its_own_number(
    staging: Staging, boxes: Any, number: str | None, shown: str | None
) -> None:
    """A parcel without a number is still a parcel: the rule about numbers must see it."""
    staging.load("shipments", shipment(shippedContainers=boxes, trackingNumber=number))
    assert one(staging.rows("shipments"))["tracking_number"] == shown


@pytest.mark.parametrize(
    ("status", "code"),
    [("New", "expected"), ("Hold", "expected"), ("Receiving", "expected"), ("Partial Receipt", "expected"),
     ("Received", "received"), ("Lost", "unknown")],
)  # fmt: skip
def test_a_return_is_put_into_our_words(staging: Staging, status: str, code: str) -> None:
    """What is expected, and what has come."""
    rows = lines(line(packs=2, receivedPackQuantity=1))
    record = order(
        self={"id": 21}, orderStatus=status, parentOrder=reference("#1042", 810031), orderLines=rows
    )
    staging.load("customer_returns", record)
    row = one(staging.rows("warehouse_returns"))
    assert (row["return_key"], row["warehouse_order_key"], row["status_code"]) == (
        "wms_us:21",
        "wms_us:810031",
        code,
    )
    assert one(staging.rows("warehouse_return_lines")) == {
        "return_key": "wms_us:21",
        "sku": "TEE-M",
        "qty": 2,
        "received_qty": 1,
    }


def test_a_return_that_was_called_off_is_none(staging: Staging) -> None:
    """Nothing comes back."""
    staging.load("customer_returns", order(orderStatus="Canceled"))
    assert staging.rows("warehouse_returns") == staging.rows("warehouse_return_lines") == []


def entry(facility: str = "DC1", **more: Any) -> dict[str, Any]:
    """A level."""
    figures = {"total": 10, "availableToPromise": 5, "unallocated": 7, "allocated": 3}
    return {"facility": facility, "inventory": {**figures, **more}}


def test_what_no_order_has_is_available(staging: Staging) -> None:
    """The vendor's own promise has open orders taken off already, which our arithmetic does itself."""
    staging.load(
        "stock", {"itemNumber": "TEE-M", "facilityInventory": [entry(), entry("DC2", unallocated="-2")]}
    )
    first, second = staging.rows("stock")
    assert (first["stock_key"], first["facility_id"]) == ("wms_us:TEE-M:DC1", "DC1")
    assert (first["physical_qty"], first["allocated_qty"], first["available_qty"]) == (10, 3, 7)
    assert second["available_qty"] == -2


@pytest.mark.parametrize(
    ("inventory", "levels"),
    [
        (entry(), [7]),
        (entry(unallocated={"@nil": "true"}), [None]),
        ({"@nil": "true"}, []),
        (None, []),
        ([], []),
    ],
)
def test_one_facility_may_come_as_an_object_and_nothing_as_a_nil(
    staging: Staging, inventory: Any, levels: list[int | None]
) -> None:
    """It was XML once. A level that is not known is neither zero nor written anywhere."""
    staging.load("stock", {"itemNumber": "TEE-M", "facilityInventory": inventory})
    assert [row["available_qty"] for row in staging.rows("stock")] == levels


@pytest.mark.parametrize(
    ("weight", "units", "grams"),
    [(1, "lb", 454), (2.5, "KG", 2500), (16, "oz", 454), (7, "g", 7), (7, "stone", None), (0, "lb", None)],
)
def test_weights_are_objects_with_units(
    staging: Staging, weight: float, units: str, grams: int | None
) -> None:
    """Units that nobody knows weigh nothing known."""
    packs = [
        {"type": "Case", "quantity": 12, "weight": {"weight": 99, "units": "lb"}},
        {"type": "Each", "quantity": 1, "weight": {"weight": weight, "units": units}},
    ]
    upcs = lines({"value": ""}, {"value": "0000000000017"})
    staging.load(
        "items", {"self": {"id": 412}, "number": "TEE-M", "name": "Tee", "packs": packs, "upcs": upcs}
    )
    row = one(staging.rows("items"))
    assert (row["item_key"], row["item_id"], row["sku"], row["barcode"]) == (
        "wms_us:412",
        "TEE-M",
        "TEE-M",
        "0000000000017",
    )
    assert row["weight_grams"] == grams


def test_a_facility_is_known_by_its_number(staging: Staging) -> None:
    """As orders and levels name it."""
    staging.load("facilities", {"self": {"id": 41}, "number": "DC1", "name": "Leeds"})
    row = one(staging.rows("facilities"))
    assert (row["facility_id"], row["name"], row["is_active"]) == ("DC1", "Leeds", True)


def test_records_without_parts_have_no_rows_of_them(staging: Staging) -> None:
    """Null lists, as half an answer may have them, give no rows and no error."""
    staging.load("orders", order(orderLines=None), order(self={"id": 1}, orderLines={"data": None}))
    staging.load("shipments", shipment(shipmentLines=None, orderHeaders=None))
    assert [row["is_past_no_return"] for row in staging.rows("warehouse_orders")] == [False, False]
    assert len(staging.rows("shipments")) == 1
    for mart in ("warehouse_order_lines", "allocations", "allocation_lines", "shipment_lines"):
        assert staging.rows(mart) == []
