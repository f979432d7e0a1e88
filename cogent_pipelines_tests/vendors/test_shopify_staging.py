"""Shopify's records in our words: the quirks of its answers, and every status it has."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors.shopify_kit import (
    DAY,
    fulfilment,
    fulfilment_order,
    gid,
    line,
    money,
    nodes,
    order,
    payout,
    refund,
    schema,
    transaction,
)
from cogent_pipelines_tests.vendors.staging_kit import Staging

"""Columns the mart adds itself."""
"""Marts whose model is not named as the mart."""


@pytest.fixture
def staging() -> Staging:
    """The views over empty tables."""
    return Staging("shopify", "web_uk")


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


# --- orders -------------------------------------------------------------------------------------------


def test_an_order_is_read_whole(staging: Staging) -> None:
    """In the shop's currency: what the customer saw is not ours to add up."""
    staging.load("orders", order())
    row = one(staging.rows("orders"))
    expected = {
        "order_key": "web_uk:5500001",
        "order_id": "5500001",
        "order_name": "#1001",
        "placed_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "is_test": False,
        "currency": "GBP",
        "is_tax_included": True,
        "total_amount": Decimal("54.0000"),
        "shipping_amount": Decimal("9.0000"),
        "captured_amount": Decimal("54.0000"),
        "payment_code": "captured",
        "payment_status_raw": "PAID",
        "paid_at": datetime(2026, 11, 2, 9, 1, tzinfo=UTC),
        "fulfilment_code": "unfulfilled",
        "customer_key": "web_uk:31",
        "ship_to_company": None,
        "ship_to_line2": None,
        "ship_to_country_code": "GB",
        "delivery_option": "Standard Delivery",
        "tags": ["vip"],
        "url": "https://admin.example.test/orders/5500001",
        "gone_at": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_an_order_without_people_is_an_order(staging: Staging) -> None:
    """A guest, a draft without an address, nothing to ship: nulls, not a lost row."""
    bare = order(
        customer=None,
        shippingAddress=None,
        email=None,
        shippingLines=nodes(),
        lineItems=nodes(),
        transactions=[],
        displayFinancialStatus=None,
        tags=[],
        note=" ",
    )
    staging.load("orders", bare)
    row = one(staging.rows("orders"))
    assert (row["customer_key"], row["ship_to_name"], row["delivery_option"], row["note"]) == (
        None,
        None,
        None,
        None,
    )
    assert (row["payment_code"], row["paid_at"], row["captured_amount"]) == (
        "unknown",
        None,
        Decimal("0.0000"),
    )


MAPPED = {
    ("orders", "payment_code", "displayFinancialStatus"): {
        "PENDING": "pending",
        "AUTHORIZED": "authorised",
        "PARTIALLY_PAID": "part_captured",
        "PAID": "captured",
        "PARTIALLY_REFUNDED": "part_refunded",
        "REFUNDED": "refunded",
        "VOIDED": "voided",
        "EXPIRED": "expired",
    },
    ("orders", "fulfilment_code", "displayFulfillmentStatus"): {
        "UNFULFILLED": "unfulfilled",
        "OPEN": "unfulfilled",
        "RESTOCKED": "unfulfilled",
        "IN_PROGRESS": "unfulfilled",
        "PENDING_FULFILLMENT": "unfulfilled",
        "REQUEST_DECLINED": "unfulfilled",
        "PARTIALLY_FULFILLED": "part_fulfilled",
        "FULFILLED": "fulfilled",
        "ON_HOLD": "on_hold",
        "SCHEDULED": "scheduled",
    },
    ("fulfilment_orders", "status_code", "status"): {
        "OPEN": "open",
        "IN_PROGRESS": "in_progress",
        "SCHEDULED": "scheduled",
        "ON_HOLD": "on_hold",
        "INCOMPLETE": "incomplete",
        "CLOSED": "closed",
        "CANCELLED": "cancelled",
    },
    ("fulfilments", "status_code", "status"): {
        "SUCCESS": "success",
        "CANCELLED": "cancelled",
        "ERROR": "failed",
        "FAILURE": "failed",
        "OPEN": "pending",
        "PENDING": "pending",
    },
    ("payments", "kind_code", "kind"): {
        "AUTHORIZATION": "authorisation",
        "EMV_AUTHORIZATION": "authorisation",
        "SALE": "sale",
        "CAPTURE": "capture",
        "REFUND": "refund",
        "VOID": "void",
        "CHANGE": "other",
        "SUGGESTED_REFUND": "other",
    },
    ("payments", "status_code", "status"): {
        "SUCCESS": "success",
        "PENDING": "pending",
        "AWAITING_RESPONSE": "pending",
        "FAILURE": "failed",
        "ERROR": "failed",
        "UNKNOWN": "unknown",
    },
    ("refund_lines", "restock_code", "restockType"): {
        "NO_RESTOCK": "none",
        "CANCEL": "cancel",
        "RETURN": "return",
        "LEGACY_RESTOCK": "legacy",
    },
    ("payouts", "status_code", "status"): {
        "SCHEDULED": "scheduled",
        "IN_TRANSIT": "scheduled",
        "PAID": "paid",
        "FAILED": "failed",
        "CANCELED": "cancelled",
    },
}
ENUMS = {
    ("orders", "payment_code"): "OrderDisplayFinancialStatus",
    ("orders", "fulfilment_code"): "OrderDisplayFulfillmentStatus",
    ("fulfilment_orders", "status_code"): "FulfillmentOrderStatus",
    ("fulfilments", "status_code"): "FulfillmentStatus",
    ("payments", "kind_code"): "OrderTransactionKind",
    ("payments", "status_code"): "OrderTransactionStatus",
    ("refund_lines", "restock_code"): "RefundLineItemRestockType",
    ("payouts", "status_code"): "ShopifyPaymentsPayoutStatus",
}


def load_with(staging: Staging, mart: str, field: str, value: str) -> None:
    """A record whose ``field`` says ``value``."""
    match mart:
        case "orders":
            staging.load("orders", order(**{field: value}))
        case "fulfilment_orders":
            staging.load("fulfillment_orders", fulfilment_order(**{field: value}))
        case "fulfilments":
            staging.load("orders", order(fulfillments=[fulfilment(**{field: value})]))
        case "payments":
            staging.load("orders", order(transactions=[transaction(**{field: value})]))
        case "refund_lines":
            given = refund((9001, 1, "22.5"))
            given["refundLineItems"]["nodes"][0][field] = value
            staging.load("orders", order(refunds=[given]))
        case "payouts":
            staging.load("payouts", payout(**{field: value}))


@pytest.mark.parametrize(("mart", "column", "field"), MAPPED, ids=str)
def test_every_status_has_its_word(staging: Staging, mart: str, column: str, field: str) -> None:
    """A closed list: what the vendor adds is unknown (a movement of money: other) until we read of it."""
    for value, expected in MAPPED[mart, column, field].items():
        staging.clear()
        load_with(staging, mart, field, value)
        assert one(staging.rows(mart))[column] == expected, value
    staging.clear()
    load_with(staging, mart, field, "SOMETHING_NEW")
    assert one(staging.rows(mart))[column] == ("other" if column == "kind_code" else "unknown")


@pytest.mark.parametrize(("mart", "column", "field"), MAPPED, ids=str)
def test_no_status_of_the_vendor_is_forgotten(mart: str, column: str, field: str) -> None:
    """Every value of its schema is mapped on purpose."""
    kind: Any = schema().get_type(ENUMS[mart, column])
    assert set(kind.values) == set(MAPPED[mart, column, field])


def test_no_type_of_payout_entry_is_forgotten() -> None:
    """113 of them."""
    kind: Any = schema().get_type("ShopifyPaymentsTransactionType")
    named = set(re.findall(r"'([A-Z][A-Z_]+)'", dbt_render.render("stg_shopify__payout_entries")))
    assert set(kind.values) == named


@pytest.mark.parametrize(
    ("total", "status", "movements", "expected"),
    [
        ("54.0", "PAID", [("SALE", "54.0", 1, "SUCCESS")], 1),
        ("54.0", "PAID", [("AUTHORIZATION", "54.0", 1, "SUCCESS"), ("CAPTURE", "54.0", 5, "SUCCESS")], 5),
        ("54.0", "PAID", [("CAPTURE", "30.0", 7, "SUCCESS"), ("CAPTURE", "24.0", 3, "SUCCESS")], 7),
        (
            "54.0",
            "PARTIALLY_PAID",
            [("CAPTURE", "30.0", 3, "SUCCESS"), ("CAPTURE", "24.0", 7, "FAILURE")],
            None,
        ),
        ("54.0", "AUTHORIZED", [("AUTHORIZATION", "54.0", 1, "SUCCESS")], None),
        ("54.0", "PENDING", [("SALE", "54.0", 1, "PENDING")], None),
        ("54.0", "REFUNDED", [("SALE", "54.0", 1, "SUCCESS"), ("REFUND", "54.0", 9, "SUCCESS")], 1),
        ("54.0", "PAID", [("SALE", "40.0", 2, "SUCCESS")], 2),
        ("54.0", "PAID", [], 0),
        ("0.0", "PAID", [], 0),
    ],
    ids=[
        "sale",
        "capture",
        "parts_in_any_order",
        "part",
        "authorised",
        "pending",
        "refunded",
        "edited_down",
        "no_trace",
        "free",
    ],
)
def test_an_order_is_paid_when_its_captures_reach_its_total(
    staging: Staging, total: str, status: str, movements: list[Any], expected: int | None
) -> None:
    """An authorisation is no payment, and a refund does not make an order unpaid."""
    given = [
        transaction(kind, amount, f"{DAY}T09:0{minute}:00Z", status=state)
        for kind, amount, minute, state in movements
    ]
    staging.load(
        "orders", order(totalPriceSet=money(total), displayFinancialStatus=status, transactions=given)
    )
    paid_at = one(staging.rows("orders"))["paid_at"]
    assert paid_at == (None if expected is None else datetime(2026, 11, 2, 9, expected, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("Delivery-Date", "2026-11-05", date(2026, 11, 5)),
        ("delivery_date", "2026-11-05", date(2026, 11, 5)),
        ("Promised on", "2026-11-05", date(2026, 11, 5)),
        ("delivery_date", "next Tuesday", None),
        ("gift_message", "2026-11-05", None),
    ],
)
def test_a_promised_day_is_an_attribute_of_the_order(
    staging: Staging, key: str, value: str, expected: date | None
) -> None:
    """Under one of the usual names; what is no date is none."""
    staging.load("orders", order(customAttributes=[{"key": "x", "value": "1"}, {"key": key, "value": value}]))
    assert one(staging.rows("orders"))["promised_on"] == expected


def test_equal_baskets_have_equal_fingerprints(staging: Staging) -> None:
    """In any order of lines; another quantity, price or SKU is another. Removed lines count as ordered."""
    a, b = line(1, "A", 2, "3.0"), line(2, "B'\"=cmd", 1, "4.50")
    baskets = [
        [a, b],
        [b, a],
        [{**a, "currentQuantity": 0}, b],
        [a, b, line(3, "C", 0, "1.0")],
        [line(1, "A", 3, "3.0"), b],
        [line(1, "A", 2, "3.01"), b],
        [line(1, "Z", 2, "3.0"), b],
        [a],
    ]
    for number, lines in enumerate(baskets):
        staging.load("orders", order(id=gid("Order", number), lineItems=nodes(*lines)))
    prints = {row["order_id"]: row["basket_fingerprint"] for row in staging.rows("orders")}
    assert prints["0"] == prints["1"] == prints["2"] == prints["3"]
    assert len({prints[str(n)] for n in (0, 4, 5, 6, 7)}) == 5


# --- lines --------------------------------------------------------------------------------------------


def test_a_removed_line_keeps_what_was_ordered(staging: Staging) -> None:
    """Quantity counts removed and refunded units; current_qty is what there is to ship."""
    staging.load(
        "orders", order(lineItems=nodes(line(1, qty=3, currentQuantity=1), line(2, qty=2, currentQuantity=0)))
    )
    assert [(r["line_id"], r["ordered_qty"], r["current_qty"]) for r in staging.rows("order_lines")] == [
        ("1", 3, 1),
        ("2", 2, 0),
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"requiresShipping": False}, False),
        ({"isGiftCard": True}, False),
        ({"requiresShipping": False, "sku": None, "variant": None, "name": "Tip"}, False),
    ],
    ids=["goods", "service", "gift_card", "tip"],
)
def test_only_goods_are_shipped(staging: Staging, more: dict[str, Any], expected: bool) -> None:
    """A gift card is mailed by the shop, a tip is not a thing."""
    staging.load("orders", order(lineItems=nodes(line(**more))))
    assert one(staging.rows("order_lines"))["requires_shipping"] is expected


def test_a_lines_money_is_its_unit_price_and_all_its_discounts(staging: Staging) -> None:
    """Never price times quantity times quantity; a discount on the whole order is in its allocations."""
    taxes = [
        {"title": "State Tax", "rate": 0.06, "priceSet": money("2.7")},
        {"title": "City Tax", "rate": 0.01, "priceSet": money("0.45")},
    ]
    discounts = [{"allocatedAmountSet": money("1.5")}, {"allocatedAmountSet": money("0.3333333333")}]
    given = line(1, "A\"1'; =cmd", 2, "22.5", taxLines=taxes, discountAllocations=discounts)
    staging.load("orders", order(lineItems=nodes(given, line(2, taxLines=[]))))
    first, second = staging.rows("order_lines")
    assert (first["sku"], first["unit_price_amount"], first["discount_amount"]) == (
        "A\"1'; =cmd",
        Decimal("22.5"),
        Decimal("1.8333"),
    )
    assert (first["tax_amount"], round(first["tax_rate"], 9), first["tax_code"]) == (
        Decimal("3.15"),
        0.07,
        "State Tax + City Tax",
    )
    assert (second["tax_amount"], second["tax_rate"], second["tax_code"]) == (Decimal(0), 0.0, None)
    assert first["item_id"] == "501"


# --- fulfilment ---------------------------------------------------------------------------------------


def test_a_fulfilment_orders_line_is_not_the_orders_line(staging: Staging) -> None:
    """Both ids are kept, and what is left to send."""
    staging.load("fulfillment_orders", fulfilment_order(6001, (6101, 9001, 1)))
    row = one(staging.rows("fulfilment_order_lines"))
    assert (row["fulfilment_order_line_id"], row["order_line_key"], row["location_id"]) == (
        "6101",
        "web_uk:9001",
        "1001",
    )
    assert (row["total_qty"], row["remaining_qty"]) == (2, 1)


def test_a_fulfilment_order_that_is_gone_asks_for_nothing(staging: Staging) -> None:
    """Merged into another, or of a deleted order."""
    staging.load("fulfillment_orders", fulfilment_order(), gone_at=datetime(2026, 11, 3, tzinfo=UTC))
    assert staging.rows("fulfilment_orders") == staging.rows("fulfilment_order_lines") == []


def test_a_fulfilment_has_every_number(staging: Staging) -> None:
    """And none is an empty list, so that a parcel untold and a parcel without a number are two things."""
    two = fulfilment(
        3001, (9001, 1), (9002, 4), numbers=("A", "B"), inTransitAt=f"{DAY}T20:00:00Z", deliveredAt=None
    )
    bare = fulfilment(3002, trackingInfo=[{"company": "", "number": None, "url": None}])
    staging.load("orders", order(fulfillments=[two, bare]))
    first, second = staging.rows("fulfilments")
    assert (first["carrier"], first["tracking_numbers"], first["location_id"]) == ("DPD", ["A", "B"], "1001")
    assert first["first_scan_at"] == datetime(2026, 11, 2, 20, tzinfo=UTC)
    assert (second["carrier"], second["tracking_numbers"]) == (None, [])
    lines = [(r["fulfilment_key"], r["order_line_key"], r["qty"]) for r in staging.rows("fulfilment_lines")]
    assert lines == [
        ("web_uk:3001", "web_uk:9001", 1),
        ("web_uk:3001", "web_uk:9002", 4),
        ("web_uk:3002", "web_uk:9001", 2),
    ]
