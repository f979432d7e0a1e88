"""Veeqo's records in our words: the quirks of its answers, and every status with every sign of work done."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.staging_kit import Staging
from cogent_pipelines_tests.vendors.test_veeqo_cancellations import EVIDENCE, PAST, STATUSES, expected
from cogent_pipelines_tests.vendors.veeqo_kit import allocation, line, order, shipment


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("veeqo", "wms_uk")


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_the_view_and_the_guard_agree_on_the_point_of_no_return(staging: Staging, evidence: str) -> None:
    """R81: what SQL says of an order is what the guard says when it asks the warehouse itself."""
    for number, status in enumerate(STATUSES):
        staging.load("orders", order(id=number, status=status, **EVIDENCE[evidence]))
    for row in staging.rows("warehouse_orders"):
        assert row["is_past_no_return"] is (expected(row["status_raw"], evidence) == PAST), row["status_raw"]


@pytest.mark.parametrize(
    ("status", "change", "code"),
    [
        ("awaiting_payment", {}, "awaiting_payment"),
        ("awaiting_stock", {}, "awaiting_stock"),
        ("awaiting_fulfillment", {}, "released"),
        ("awaiting_fulfillment", {"allocations": [allocation()]}, "released"),
        ("awaiting_fulfillment", EVIDENCE["picked on the line"], "picking"),
        ("awaiting_fulfillment", EVIDENCE["picked on the allocation"], "picking"),
        ("awaiting_fulfillment", EVIDENCE["picked completely"], "picking"),
        ("awaiting_stock", EVIDENCE["picked on the line"], "picking"),
        ("awaiting_stock", EVIDENCE["one parcel gone"], "awaiting_stock"),
        ("on_hold", EVIDENCE["picked on the line"], "on_hold"),
        ("shipped", EVIDENCE["one parcel gone"], "shipped"),
        ("cancelled", {"cancelled_at": "2026-11-02T09:00:00.000Z"}, "cancelled"),
        ("refunded", {}, "refunded"),
        ("shipped", EVIDENCE["merged"], "merged"),
        ("a_status_of_next_year", {}, "unknown"),
        (None, {}, "unknown"),
    ],
)
def test_a_status_is_put_into_our_words(
    staging: Staging, status: str, change: dict[str, Any], code: str
) -> None:
    """A closed list; picking and merged are derived; another word is unknown and stands beside it."""
    staging.load("orders", order(status=status, **change))
    row = one(staging.rows("warehouse_orders"))
    assert (row["status_code"], row["status_raw"]) == (code, status)


def test_an_order_is_put_into_our_words(staging: Staging) -> None:
    """Keys, reference, address, money and links of one order."""
    staging.load("orders", order(number=" #1042 ", merged_to_id=90010))
    row = one(staging.rows("warehouse_orders"))
    shown = {
        name: row[name]
        for name in ("warehouse_order_key", "reference", "merged_to_key", "url", "total_amount")
    }
    assert shown == {
        "warehouse_order_key": "wms_uk:90011",
        "reference": "#1042",
        "merged_to_key": "wms_uk:90010",
        "url": "https://admin.example.test/orders/90011",
        "total_amount": Decimal("51.9500"),
    }
    assert (row["ship_to_name"], row["ship_to_line2"], row["delivery_method_id"]) == ("Ann Lee", None, "11")
    assert row["updated_at"] == datetime(2026, 11, 2, 8, 10, 2, tzinfo=UTC)


def test_an_old_record_takes_its_currency_from_its_store(staging: Staging) -> None:
    """currency_code is missing on old orders."""
    old = order()
    del old["currency_code"]
    staging.load("orders", old)
    assert one(staging.rows("warehouse_orders"))["currency"] == "GBP"


def test_a_part_shipped_order_has_its_parcel(staging: Staging) -> None:
    """Awaiting stock, and yet one allocation has gone: its parcel and the line's shipped units are there."""
    lines = [line(71, qty=3, price_per_unit=20.0)]
    gone, waiting = allocation(shipment=shipment()), allocation(6102, line_items=[line(2, qty=1)])
    staging.load("orders", order(status="awaiting_stock", line_items=lines, allocations=[gone, waiting]))
    parcel = one(staging.rows("shipments"))
    assert (parcel["shipment_key"], parcel["allocation_id"], parcel["facility_id"]) == (
        "wms_uk:4401",
        "6101",
        "41",
    )
    assert (parcel["carrier"], parcel["service"], parcel["tracking_number"]) == (
        "DPD",
        "Next Day",
        "15501234",
    )
    assert one(staging.rows("shipment_lines"))["qty"] == 2
    whole = one(staging.rows("warehouse_order_lines"))
    assert (whole["qty"], whole["allocated_qty"], whole["shipped_qty"]) == (3, 3, 2)
    assert [row["is_shipped"] for row in staging.rows("allocations")] == [True, False]


def test_two_lines_of_one_item_share_its_allocated_units(staging: Staging) -> None:
    """Allocations name the item only: units fill the lines in their order and are never counted twice."""
    lines = [line(71, qty=2), line(72, qty=3), line(73, item=8802, sku="CAP", qty=1)]
    parts = [
        allocation(line_items=[line(1, qty=3, picked_quantity=3)], shipment=shipment()),
        allocation(6102, line_items=[line(2, qty=1, picked_quantity=0)]),
    ]
    staging.load("orders", order(line_items=lines, allocations=parts))
    shares = [
        (r["allocated_qty"], r["shipped_qty"], r["picked_qty"]) for r in staging.rows("warehouse_order_lines")
    ]
    assert shares == [(2, 2, 2), (2, 1, 1), (0, 0, 0)]


def test_an_allocation_line_may_name_its_item_by_its_sellable_only(staging: Staging) -> None:
    """sellable_id is null where sellable.id is not, and the other way about."""
    staging.load(
        "orders",
        order(
            allocations=[
                allocation(line_items=[line(1, qty=1, sellable_id=None)]),
                allocation(6102, line_items=[{"id": 2, "quantity": 1, "sellable_id": 8801}]),
            ]
        ),
    )
    assert [row["item_id"] for row in staging.rows("allocation_lines")] == ["8801", "8801"]
    assert one(staging.rows("warehouse_order_lines"))["allocated_qty"] == 2


def test_an_order_read_between_two_allocations_keeps_what_it_is(staging: Staging) -> None:
    """A read may show no allocations for a moment: a shipped order stays past the point of no return."""
    staging.load("orders", order(status="shipped", shipped_at="2026-11-02T14:10:01.000Z", allocations=[]))
    row = one(staging.rows("warehouse_orders"))
    assert (row["status_code"], row["is_past_no_return"]) == ("shipped", True)
    assert staging.rows("shipments") == []


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ({"id": 9, "tracking_number": " 155 "}, "155"),
        ({"id": 9, "tracking_number": ""}, None),
        ({"id": 9, "tracking_number": None}, None),
        (None, None),
    ],
)
def test_a_tracking_number_is_an_object(staging: Staging, number: Any, shown: str | None) -> None:
    """A parcel without a number is still a parcel: the rule about numbers must see it."""
    staging.load("orders", order(allocations=[allocation(shipment=shipment(tracking_number=number))]))
    assert one(staging.rows("shipments"))["tracking_number"] == shown


@pytest.mark.parametrize(
    ("times", "first", "delivered"),
    [
        ({}, None, None),
        ({"in_transit_at": "2026-11-03T06:00:00Z"}, 6, None),
        ({"in_transit_at": "2026-11-03T06:00:00Z", "collected_at": "2026-11-03T05:00:00Z"}, 5, None),
        ({"delivered_at": "2026-11-03T11:00:00Z"}, 11, 11),
    ],
)
def test_the_first_scan_is_the_carriers_first_sight(
    staging: Staging, times: dict[str, str], first: int | None, delivered: int | None
) -> None:
    """A parcel delivered without a scan on its way was seen when it was delivered."""
    number = {"id": 9, "tracking_number": "155", **times}
    staging.load("orders", order(allocations=[allocation(shipment=shipment(tracking_number=number))]))
    row = one(staging.rows("shipments"))
    hours = [moment and moment.hour for moment in (row["first_scan_at"], row["delivered_at"])]
    assert hours == [first, delivered]


def test_a_carrier_without_a_name_is_known_by_its_number(staging: Staging) -> None:
    """The carrier's numbers are a published list."""
    staging.load("orders", order(allocations=[allocation(shipment=shipment(carrier=None, carrier_id=1))]))
    assert one(staging.rows("shipments"))["carrier"] == "Royal Mail"


@pytest.mark.parametrize(
    ("status", "code"), [("returning", "expected"), ("returned", "received"), ("lost", "unknown")]
)
def test_a_return_is_put_into_our_words(staging: Staging, status: str, code: str) -> None:
    """Returns stand in their order; there is no list of them."""
    item = {"id": 3, "sku_code": "TEE-M", "sellable_id": 8801, "quantity": 2, "received_quantity": 1}
    back = {
        "id": 21,
        "number": "RN-21",
        "status": status,
        "created_at": "2026-11-09T10:00:00.000Z",
        "line_items": [item],
    }
    staging.load("orders", order(returns=[back]))
    assert (
        one(staging.rows("warehouse_returns"))["return_key"],
        one(staging.rows("warehouse_returns"))["status_code"],
    ) == ("wms_uk:21", code)
    assert one(staging.rows("warehouse_return_lines")) == {
        "return_key": "wms_uk:21",
        "sku": "TEE-M",
        "qty": 2,
        "received_qty": 1,
    }


def entry(**more: Any) -> dict[str, Any]:
    """A level of the tee at Leeds, oversold by two."""
    return {
        "sellable_id": 8801,
        "warehouse_id": 41,
        "infinite": False,
        "physical_stock_level": 10,
        "allocated_stock_level": 12,
        "available_stock_level": -2,
        "updated_at": "2026-11-02T00:00:00.000Z",
        **more,
    }


def product(**more: Any) -> dict[str, Any]:
    """A product with the tee as its only sellable."""
    item = {"id": 8801, "title": "M", "sku_code": "TEE-M", "upc_code": "", "price": 24.0, "weight_grams": 0.0}
    return {
        "id": 501,
        "title": "Tee",
        "deleted_at": None,
        "sellables": [{**item, "stock_entries": [entry()]}],
        **more,
    }


def test_a_level_may_be_negative(staging: Staging) -> None:
    """More can be allocated than there is; the shortfall is not hidden."""
    staging.load("stock", product())
    row = one(staging.rows("stock"))
    assert (row["stock_key"], row["facility_id"], row["sku"]) == ("wms_uk:8801:41", "41", "TEE-M")
    assert (row["physical_qty"], row["allocated_qty"], row["available_qty"]) == (10, 12, -2)


def test_an_infinite_level_is_not_known(staging: Staging) -> None:
    """Its figures mean nothing: it is neither zero nor to be written anywhere."""
    staging.load(
        "stock",
        product(sellables=[{"id": 8801, "sku_code": "TEE-M", "stock_entries": [entry(infinite=True)]}]),
    )
    assert one(staging.rows("stock"))["available_qty"] is None


def test_what_is_not_filled_in_is_missing(staging: Staging) -> None:
    """Weight 0 and an empty barcode are blanks, so that the rule about them sees them."""
    staging.load("products", product(origin_country="", hs_tariff_number=None))
    row = one(staging.rows("items"))
    assert [row[name] for name in ("weight_grams", "barcode", "origin_country_code", "hs_code")] == [None] * 4
    assert (row["title"], row["is_active"], row["url"]) == (
        "Tee M",
        True,
        "https://admin.example.test/products/501",
    )


@pytest.mark.parametrize(
    ("product_title", "title", "shown"),
    [("Tee", "M", "Tee M"), ("Tee", "Tee", "Tee"), ("Tee", "", "Tee"), (None, "M", "M")],
)
def test_an_item_is_called_by_both_titles(
    staging: Staging, product_title: str | None, title: str, shown: str
) -> None:
    """A product of one item often has the item's own title, which is said once."""
    staging.load("products", product(title=product_title, sellables=[{"id": 8801, "title": title}]))
    assert one(staging.rows("items"))["title"] == shown


def test_what_was_deleted_is_not_active(staging: Staging) -> None:
    """By the vendor's own mark, or gone from its list; a level of a product that is gone is no level."""
    staging.load(
        "products", product(), product(id=502, deleted_at="2026-11-01T00:00:00.000Z", sellables=[{"id": 9}])
    )
    staging.load("stock", product())
    for table in ("products", "stock"):
        staging.connection.execute(f"UPDATE veeqo.{table} SET _gone_at = _read_at WHERE id = 501")
    assert [row["is_active"] for row in staging.rows("items")] == [False, False]
    assert staging.rows("stock") == []


def test_an_order_without_parts_has_no_rows_of_them(staging: Staging) -> None:
    """Null lists, as half an answer may have them, give no rows and no error."""
    staging.load("orders", order(line_items=None, allocations=None, returns=None))
    assert one(staging.rows("warehouse_orders"))["is_past_no_return"] is False
    for mart in (
        "warehouse_order_lines",
        "allocations",
        "allocation_lines",
        "shipments",
        "warehouse_returns",
    ):
        assert staging.rows(mart) == []


def test_facilities_and_delivery_methods_are_named(staging: Staging) -> None:
    """A closed facility stays known and is not active; a delivery method's cost comes as text."""
    staging.load(
        "warehouses",
        {"id": 41, "name": "Leeds"},
        {"id": 42, "name": "York", "deleted_at": "2026-11-01T00:00:00Z"},
    )
    staging.load("delivery_methods", {"id": 11, "name": "Standard", "cost": "0.0"})
    assert [(row["facility_id"], row["is_active"]) for row in staging.rows("facilities")] == [
        ("41", True),
        ("42", False),
    ]
    assert staging.rows("delivery_methods") == [
        {"system": "wms_uk", "delivery_method_id": "11", "name": "Standard"}
    ]
