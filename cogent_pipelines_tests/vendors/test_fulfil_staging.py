"""Fulfil's records in our words: every state with every sign of work done, and the quirks of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.fulfil_kit import (
    SENT,
    Staging,
    day,
    instant,
    line,
    money,
    move,
    shipment,
)
from cogent_pipelines_tests.vendors.fulfil_kit import order as sale
from cogent_pipelines_tests.vendors.test_veeqo_staging import one


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging()


@pytest.mark.parametrize(
    ("changes", "parts", "code", "is_past"),
    [
        ({}, [{}], "released", False),
        ({}, [{"state": "waiting"}], "awaiting_stock", False),
        ({"shipments": []}, [], "awaiting_stock", False),
        ({"state": "confirmed", "shipments": []}, [], "awaiting_stock", False),
        ({}, [{"state": "packed"}], "picking", True),
        ({}, [{"picking_status": "In-Progress"}], "picking", True),
        ({}, [{"on_hold": True}], "on_hold", False),
        ({}, [SENT, {"id": 811}], "released", True),
        ({}, [SENT, {"id": 811, "state": "waiting"}], "awaiting_stock", True),
        ({}, [SENT], "shipped", True),
        ({}, [{"state": "cancel"}, {"id": 811}], "released", False),
        ({"shipment_state": "sent"}, [], "shipped", True),
        ({"state": "done"}, [SENT], "shipped", True),
        ({"state": "cancel"}, [{"state": "cancel"}], "cancelled", False),
        ({"state": "quotation"}, [], "on_hold", False),
        ({"state": "draft"}, [], "on_hold", False),
        ({"state": "quotation", "payment_total": money("0")}, [], "awaiting_payment", False),
        ({"has_channel_exception": True}, [], "on_hold", False),
        ({"has_channel_exception": True, "state": "quotation"}, [], "on_hold", False),
        ({"state": "a_state_of_next_year"}, [{}], "unknown", False),
        ({"state": None}, [{}], "unknown", False),
    ],
)
def test_a_state_is_put_into_our_words(
    staging: Staging, changes: dict[str, Any], parts: list[dict[str, Any]], code: str, is_past: bool
) -> None:
    """A closed list, by the sale and its shipments; another word is unknown and stands beside it."""
    staging.load("orders", sale(**{"shipments": [810, 811], **changes}))
    staging.load("shipments", *(shipment(**part) for part in parts))
    row = one(staging.rows("warehouse_orders"))
    raw = changes.get("state", "processing")
    assert (row["status_code"], row["status_raw"], row["is_past_no_return"]) == (code, raw, is_past)


def test_an_order_is_put_into_our_words(staging: Staging) -> None:
    """Keys, reference, address, exact money, and instants that were UTC without saying so."""
    staging.load("orders", sale(reference=" #1042 "))
    row = one(staging.rows("warehouse_orders"))
    names = ("warehouse_order_key", "reference", "currency", "total_amount", "ship_to_name", "ship_to_line2")
    assert [row[name] for name in names] == [
        "erp_uk:1201", "#1042", "GBP", Decimal("51.9500"), "Ann Lee", None,
    ]  # fmt: skip
    made = datetime(2026, 11, 2, 8, 0, 11, 500_000, tzinfo=UTC)
    assert (row["created_at"], row["updated_at"], row["cancelled_at"]) == (made, made, None)


def test_an_edited_order_was_changed_when_it_was_written(staging: Staging) -> None:
    """And one that is cancelled was so at its last writing."""
    staging.load("orders", sale(state="cancel", write_date=instant("2026-11-02T09:30:00")))
    row = one(staging.rows("warehouse_orders"))
    assert row["updated_at"] == row["cancelled_at"] == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "reference"),
    [
        ({"reference": "#1", "channel_identifier": "gid-1"}, "#1"),
        ({"reference": None, "channel_identifier": "#1"}, "#1"),
        ({"reference": " ", "channel_identifier": "#1"}, "#1"),
        ({"reference": None, "channel_identifier": None}, None),
    ],
)
def test_the_reference_is_the_order_number(
    staging: Staging, fields: dict[str, Any], reference: str | None
) -> None:
    """Another integration's identifier is the shop's own id; the number stands in the reference."""
    staging.load("orders", sale(**fields))
    assert one(staging.rows("warehouse_orders"))["reference"] == reference


def test_the_sale_that_a_return_is_is_no_order(staging: Staging) -> None:
    """It has fewer than no units."""
    staging.load("orders", sale(), sale(id=1310, total_quantity=-1, origin="sale.sale,1201"))
    staging.load("order_lines", line(), line(id=3100, sale=1310, quantity=-1.0))
    assert len(staging.rows("warehouse_orders")) == len(staging.rows("warehouse_order_lines")) == 1


@pytest.mark.parametrize("delivery", [{"product.type": "service"}, {"product": None, "product.code": None}])
def test_delivery_is_no_goods(staging: Staging, delivery: dict[str, Any]) -> None:
    """It is a line too: of a service, or of nothing."""
    staging.load("orders", sale())
    staging.load(
        "order_lines",
        line(),
        line(id=3002, product=1, quantity=1.0, **{"product.code": "SHIPPING"}) | delivery,
    )
    assert one(staging.rows("warehouse_order_lines"))["sku"] == "TEE-M"


def test_units_fill_the_lines_in_their_order(staging: Staging) -> None:
    """Shipments name the product and not the line; moves to the bench are the same goods and not counted."""
    staging.load("orders", sale(shipments=[810, 811]))
    staging.load("order_lines", line(quantity=2.0), line(id=3002, quantity=3.0))
    staging.load("shipments", shipment(**SENT), shipment(id=811, outgoing_moves=[9002]))
    bench = move(id=9901, from_location=1041, to_location=2041)
    staging.load("moves", move(quantity=3.0, state="done"), move(id=9002, quantity=1.0), bench)
    rows = staging.rows("warehouse_order_lines")
    assert [(r["qty"], r["allocated_qty"], r["shipped_qty"]) for r in rows] == [(2, 2, 2), (3, 2, 1)]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1Z9", "1Z9"),
        (" 1Z9 ", "1Z9"),
        ("", None),
        (None, None),
        (4711, None),
        ("shipment.tracking,4711", None),
        ({"id": 4711, "rec_name": "1Z9"}, "1Z9"),
    ],
)
def test_a_tracking_number_is_text_or_none(staging: Staging, number: Any, shown: str | None) -> None:
    """What points to a record is no number that anybody can track."""
    staging.load("orders", sale())
    staging.load("shipments", shipment(**SENT | {"tracking_number": number}))
    assert one(staging.rows("shipments"))["tracking_number"] == shown


@pytest.mark.parametrize(
    ("written", "despatched"),
    [
        ("2026-11-03T14:10:01", datetime(2026, 11, 3, 14, 10, 1, tzinfo=UTC)),
        ("2026-11-09T10:00:00", datetime(2026, 11, 4, tzinfo=UTC)),
        ("2026-11-02T23:50:00", datetime(2026, 11, 3, tzinfo=UTC)),
    ],
)
def test_a_parcel_left_on_its_day(staging: Staging, written: str, despatched: datetime) -> None:
    """By the last writing where that was on the day; a later edit does not move it to another."""
    staging.load("orders", sale())
    staging.load("shipments", shipment(**SENT | {"write_date": instant(written)}))
    assert one(staging.rows("shipments"))["despatched_at"] == despatched


def test_a_parcel_is_a_shipment_that_is_done(staging: Staging) -> None:
    """One that waits is an allocation once its goods are set aside; one that is cancelled is neither."""
    staging.load("orders", sale(shipments=[810, 811, 812, 813]))
    others = [shipment(id=811), shipment(id=812, state="waiting"), shipment(id=813, state="cancel")]
    staging.load("shipments", shipment(**SENT), *others)
    staging.load(
        "moves", move(), *(move(id=9000 + n, shipment=f"stock.shipment.out,{810 + n}") for n in (2, 3))
    )
    parcel = one(staging.rows("shipments"))
    assert (parcel["shipment_key"], parcel["carrier"], parcel["facility_id"]) == ("erp_uk:810", "DPD", "41")
    assert [(a["allocation_key"], a["is_shipped"]) for a in staging.rows("allocations")] == [
        ("erp_uk:810", True),
        ("erp_uk:811", False),
    ]
    assert one(staging.rows("shipment_lines"))["qty"] == 2


@pytest.mark.parametrize(
    ("state", "code", "received"),
    [
        ("draft", "expected", 0),
        ("received", "received", 1),
        ("done", "received", 1),
        ("mystery", "unknown", 0),
    ],
)
def test_a_return_is_put_into_our_words(staging: Staging, state: str, code: str, received: int) -> None:
    """Its order is found through the sale that it is; goods that go to the dock and on are counted once."""
    staging.load("orders", sale(), sale(id=1310, total_quantity=-1, origin="sale.sale,1201"))
    back = {"id": 77, "number": "CR77", "warehouse": 41, "create_date": instant("2026-11-05T08:00:00")}
    staging.load("returns", back | {"state": state, "origin": "sale.sale,1310", "moves": [9100, 9101]})
    dock, shelf = {"from_location": 9, "to_location": 5}, {"from_location": 5, "to_location": 1041}
    moved = [move(id=9100, quantity=1.0, **dock), move(id=9101, quantity=1.0, **shelf)]
    staging.load("moves", *moved)
    row = one(staging.rows("warehouse_returns"))
    assert (row["warehouse_order_key"], row["status_code"]) == ("erp_uk:1201", code)
    held = one(staging.rows("warehouse_return_lines"))
    assert (held["sku"], held["qty"], held["received_qty"]) == ("TEE-M", 1, received)


def test_a_return_that_comes_from_its_order_at_once(staging: Staging) -> None:
    """Where no sale of its own lies between."""
    staging.load("orders", sale())
    staging.load("returns", {"id": 77, "state": "draft", "origin": "sale.sale,1201", "moves": []})
    assert one(staging.rows("warehouse_returns"))["warehouse_order_key"] == "erp_uk:1201"


def test_a_level_is_of_one_location(staging: Staging) -> None:
    """On hand, promised to others, and what may still be promised, which may be less than nothing."""
    level = {"id": 55, "code": "TEE-M", "quantity_on_hand": 30.0, "quantity_available": -2.5}
    staging.load("stock", *({"key": f"55@{place}", "location": place, **level} for place in (41, 42)))
    rows = staging.rows("stock")
    assert [(r["stock_key"], r["facility_id"]) for r in rows] == [
        ("erp_uk:55@41", "41"),
        ("erp_uk:55@42", "42"),
    ]
    assert {(r["physical_qty"], r["allocated_qty"], r["available_qty"]) for r in rows} == {(30, 33, -3)}


def test_a_withdrawn_variant_is_an_item_that_is_not_active(staging: Staging) -> None:
    """Its price is in a currency it does not say, so none is passed on."""
    plain = {"id": 55, "code": " TEE-M ", "variant_name": "M", "template": 5, "template.name": "Tee"}
    staging.load(
        "products",
        plain
        | {"active": False, "list_price": money("20.00"), "create_date": instant("2026-01-01T00:00:00")},
    )
    row = one(staging.rows("items"))
    assert (row["sku"], row["title"], row["product_id"], row["is_active"], row["price_amount"]) == (
        "TEE-M", "Tee M", "5", False, None,
    )  # fmt: skip


def test_only_locations_of_the_type_warehouse_are_facilities(staging: Staging) -> None:
    """Zones and bins are locations too."""
    staging.load(
        "locations", {"id": 41, "name": "Leeds", "type": "warehouse"}, {"id": 1041, "type": "storage"}
    )
    assert one(staging.rows("facilities"))["facility_id"] == "41"


def test_a_customer_is_a_party_that_orders_were_made_for(staging: Staging) -> None:
    """A supplier is none; mails are compared in lower case, and only mails."""
    staging.load("orders", sale(party=77))
    staging.load("customers", {"id": 77, "code": "77"}, {"id": 78, "code": "78"})
    staging.load(
        "contacts",
        {"id": 1, "party": 77, "type": "email", "value": " Ann@Example.test"},
        {"id": 2, "party": 77, "type": "email", "value": "ann@example.test"},
        {"id": 3, "party": 77, "type": "email", "value": " "},
        {"id": 4, "party": 77, "type": "phone", "value": "0113"},
        {"id": 5, "party": 78, "type": "email", "value": "mill@example.test"},
    )
    row = one(staging.rows("customers"))
    assert (row["customer_key"], row["customer_id"], row["emails"], row["gone_at"]) == (
        "erp_uk:77",
        "77",
        ["ann@example.test"],
        None,
    )


def test_what_is_gone_is_gone(staging: Staging) -> None:
    """A shipment that no sweep found any more is no allocation."""
    staging.load("orders", sale())
    staging.load("shipments", shipment(effective_date=day("2026-11-03")))
    staging.connection.execute("UPDATE fulfil.shipments SET _gone_at = now()")
    assert staging.rows("allocations") == []
