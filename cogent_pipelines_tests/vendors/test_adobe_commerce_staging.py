"""Adobe Commerce's records in our words: orders, documents, products, stock."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.adobe_commerce_kit import (
    Views,
    configurable,
    invoice,
    item,
    order,
    shipment,
    shown,
)
from cogent_pipelines_tests.vendors.staging_kit import ADMIN_URL, READ_AT


@pytest.fixture
def s() -> Views:
    """The views over an empty shop."""
    return Views()


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of the day."""
    return datetime(2026, 11, 2, hour, minute, second, tzinfo=UTC)


def places(s: Views) -> None:
    """Two enabled sources, Leeds first, and one that is off and would come before both."""
    s.load(
        "sources",
        {"source_code": "leeds_dc", "name": "Leeds", "enabled": True},
        {"source_code": "york_dc", "name": "York", "enabled": True},
        {"source_code": "closed", "name": "Closed", "enabled": False},
    )
    s.load(
        "stock_source_links",
        {"stock_id": 1, "source_code": "york_dc", "priority": 10},
        {"stock_id": 1, "source_code": "leeds_dc", "priority": 2},
        {"stock_id": 1, "source_code": "closed", "priority": 1},
    )


# --- orders -----------------------------------------------------------------------------------------------


def test_an_order_is_paid_when_its_invoice_is_there(s: Views) -> None:
    """Read a moment after the invoices were it says that it is; it would go on without its payment."""
    s.load("orders", order(updated_at="2026-11-02 23:59:59"))
    s.load("invoices", invoice(entity_id=9, order_id=999, created_at="2026-11-01 08:00:00"))
    assert shown(s.one("orders"), "payment_code", "paid_at") == ("pending", None)
    s.load("invoices", invoice())
    assert shown(s.one("orders"), "payment_code", "paid_at") == ("captured", at(9, 15))


@pytest.mark.parametrize(
    ("updated", "first"),
    [("2026-11-02 08:59:59", "2026-11-01 08:00:00"), ("2026-11-02 23:59:59", "2026-11-02 09:15:00")],
)
def test_an_order_whose_invoice_may_be_older_than_what_we_read_is_paid_as_it_says(
    s: Views, updated: str, first: str
) -> None:
    """It was not changed since the invoices were read, or is older than the first of them."""
    s.load("orders", order(updated_at=updated))
    s.load("invoices", invoice(entity_id=9, order_id=999, created_at=first))
    assert shown(s.one("orders"), "payment_code") == ("captured",)


def test_an_order_becomes_a_row(s: Views) -> None:
    """In the website's currency, whatever the customer paid in; instants are UTC."""
    s.load("orders", order())
    s.load("invoices", invoice())
    row = s.one("orders")
    assert shown(row, "order_key", "order_id", "order_name", "currency", "is_tax_included") == (
        "web_uk:381", "381", "000000381", "GBP", False,
    )  # fmt: skip
    assert shown(row, "placed_at", "updated_at", "paid_at") == (at(9, 14, 5), at(9, 15, 40), at(9, 15))
    assert shown(row, "total_amount", "subtotal_amount", "shipping_amount", "tax_amount", "captured_amount") == (
        Decimal(54), Decimal(40), Decimal(5), Decimal(9), Decimal(54),
    )  # fmt: skip
    assert shown(row, "payment_code", "fulfilment_code", "payment_status_raw") == (
        "captured", "unfulfilled", "processing/processing",
    )  # fmt: skip
    assert shown(row, "ship_to_name", "ship_to_line1", "ship_to_line2", "ship_to_postcode", "ship_to_region") == (
        "Ann Lee", "1 High St", "Flat 2, Rear", "LS1 1AA", None,
    )  # fmt: skip
    assert shown(row, "delivery_option", "source_name", "url", "cancelled_at") == (
        "Royal Mail - Tracked 48",
        "Default Store View",
        f"{ADMIN_URL}/sales/order/view/order_id/381",
        None,
    )


OF_54 = [
    ({}, "54"),
    ({"state": "canceled", "base_total_paid": None, "base_total_canceled": 54}, "0"),
    ({"base_total_canceled": 24}, "30"),
    ({"base_total_refunded": 24}, "30"),
    ({"base_total_refunded": 26, "base_adjustment_positive": 2}, "30"),
    ({"base_total_refunded": 20, "base_adjustment_negative": 4}, "30"),
]


@pytest.mark.parametrize(("more", "amount"), OF_54)
def test_an_order_is_worth_what_was_neither_cancelled_nor_refunded(
    s: Views, more: dict[str, Any], amount: str
) -> None:
    """Goodwill takes nothing off it, and what was kept of a refunded price leaves nothing of it."""
    s.load("orders", order(**more))
    assert shown(s.one("orders"), "total_amount", "current_total_amount") == (Decimal(54), Decimal(amount))


STATES = [
    ("new", {"base_total_paid": None}, "pending", "unfulfilled"),
    ("pending_payment", {"base_total_paid": None}, "pending", "unfulfilled"),
    (
        "processing",
        {"base_total_paid": None, "payment": {"method": "x", "base_amount_authorized": 54}},
        "authorised",
        "unfulfilled",
    ),
    ("processing", {}, "captured", "unfulfilled"),
    ("processing", {"base_total_paid": 20}, "part_captured", "unfulfilled"),
    ("processing", {"base_total_refunded": 10}, "part_refunded", "unfulfilled"),
    ("processing", {"items": [item(qty_shipped=1)]}, "captured", "part_fulfilled"),
    ("complete", {"items": [item(qty_shipped=2)]}, "captured", "fulfilled"),
    ("closed", {"base_total_refunded": 54, "items": [item(qty_refunded=2)]}, "refunded", "unfulfilled"),
    ("canceled", {"base_total_paid": None, "base_total_canceled": 54}, "voided", "unfulfilled"),
    ("holded", {}, "captured", "on_hold"),
    ("payment_review", {"base_total_paid": None}, "pending", "on_hold"),
    ("awaiting_inspection", {}, "unknown", "unknown"),
]


@pytest.mark.parametrize(("state", "more", "payment", "fulfilment"), STATES)
def test_a_state_goes_through_a_closed_list(
    s: Views, state: str, more: dict[str, Any], payment: str, fulfilment: str
) -> None:
    """The status is the shop's own word and only stands beside it."""
    s.load("orders", order(state=state, status="our_word", **more))
    row = s.one("orders")
    assert shown(row, "payment_code", "fulfilment_code") == (payment, fulfilment)
    assert row["fulfilment_status_raw"] == f"{state}/our_word"


def test_nothing_to_pay_is_paid(s: Views) -> None:
    """From the moment it was placed."""
    s.load("orders", order(base_grand_total=0, base_total_paid=None))
    assert shown(s.one("orders"), "payment_code", "paid_at") == ("captured", at(9, 14, 5))


def test_an_order_is_paid_with_the_invoice_that_reaches_its_total(s: Views) -> None:
    """Open and cancelled ones do not count."""
    s.load("orders", order())
    first = {"base_grand_total": 30, "created_at": "2026-11-02 10:00:00"}
    s.load(
        "invoices",
        invoice(entity_id=1, state=1, created_at="2026-11-02 09:00:00"),
        invoice(entity_id=2, state=3, created_at="2026-11-02 09:00:00"),
        invoice(entity_id=3, **first),
        invoice(entity_id=4, base_grand_total=24, created_at="2026-11-02 11:00:00"),
    )
    assert s.one("orders")["paid_at"] == at(11)


@pytest.mark.parametrize("gone", [False, True])
def test_an_order_its_lines_and_payments_were_read_when_the_last_of_its_invoices_was(
    s: Views, gone: bool
) -> None:
    """It says when they were paid, so what is made of an order is made again; one that vanished says so too."""
    s.load("orders", order(), order(item(905), entity_id=382))
    s.load("creditmemos", memo(), memo(entity_id=52, order_id=382))
    s.load("invoices", invoice(), **{"gone_at" if gone else "read_at": at(12)})
    for mart in ("orders", "order_lines", "payments"):
        assert {row["order_key"]: row["read_at"] for row in s.rows(mart)} == {
            "web_uk:381": at(12),
            "web_uk:382": READ_AT,
        }


def test_a_cancelled_order_is_cancelled_when_it_came_into_its_status(s: Views) -> None:
    """The vendor keeps no such instant; without a history it is the last change."""
    history = [
        {"entity_id": 2, "status": "canceled", "created_at": "2026-11-02 12:00:00"},
        {"entity_id": 1, "status": "pending", "created_at": "2026-11-02 09:14:05"},
    ]
    s.load("orders", order(state="canceled", status="canceled", status_histories=history))
    s.load("orders", order(entity_id=382, state="canceled", status="canceled"))
    assert [row["cancelled_at"] for row in s.rows("orders")] == [at(12), at(9, 15, 40)]


def test_a_paid_order_is_cancelled_by_crediting_it_before_anything_left(s: Views) -> None:
    """What was sent and came back is not cancelled."""
    back = {"state": "closed", "status": "closed", "base_total_refunded": 54}
    s.load("orders", order(item(qty_refunded=2), **back))
    s.load("orders", order(item(qty_refunded=2, qty_shipped=2), entity_id=382, **back))
    assert [row["cancelled_at"] is not None for row in s.rows("orders")] == [True, False]


def test_a_discount_is_before_tax_and_delivery_has_its_own(s: Views) -> None:
    """Total = subtotal + delivery + tax, each after its discount."""
    s.load(
        "orders",
        order(
            item(base_discount_amount=6, base_discount_tax_compensation_amount=1),
            base_discount_amount=-9,
            base_discount_tax_compensation_amount=1,
            base_shipping_discount_amount=3,
            base_shipping_discount_tax_compensation_amnt=0.5,
            base_tax_amount=7.5,
            base_grand_total=45,
        ),
    )
    row = s.one("orders")
    assert shown(row, "discount_amount", "subtotal_amount", "shipping_amount") == (
        Decimal(5), Decimal(35), Decimal("2.5"),
    )  # fmt: skip
    assert row["subtotal_amount"] + row["shipping_amount"] + row["tax_amount"] == row["total_amount"]
    assert s.one("order_lines")["discount_amount"] == Decimal(5)


def test_a_guest_is_known_by_the_address_and_not_shown_by_it(s: Views) -> None:
    """Case and blanks make no other customer; a customer has an id."""
    s.load(
        "orders",
        order(),
        order(entity_id=382, customer_email="ann@example.com"),
        order(entity_id=383, customer_id=9),
    )
    keys = [row["customer_key"] for row in s.rows("orders")]
    assert keys[0] == keys[1] != keys[2] == "web_uk:9"
    assert "ann" not in keys[0]


def test_the_same_basket_has_the_same_fingerprint(s: Views) -> None:
    """Whatever the order of its lines."""
    lines = [item(1, "A"), item(2, "B")]
    s.load(
        "orders", order(*lines), order(*reversed(lines), entity_id=382), order(item(3, "A"), entity_id=383)
    )
    marks = [row["basket_fingerprint"] for row in s.rows("orders")]
    assert marks[0] == marks[1] != marks[2]


# --- lines ------------------------------------------------------------------------------------------------


def test_a_configurable_is_one_line_with_the_childs_item(s: Views) -> None:
    """Its parent has the price and the id it is shipped by."""
    s.load("orders", order(*configurable(sku="TEE-RED-M")))
    row = s.one("order_lines")
    assert shown(row, "line_id", "sku", "item_id", "ordered_qty", "unit_price_amount", "tax_rate") == (
        "901", "TEE-RED-M", "77", 2, Decimal(20), 0.2,
    )  # fmt: skip
    assert shown(s.one("fulfilment_order_lines"), "fulfilment_order_line_id", "sku", "remaining_qty") == (
        "901", "TEE-RED-M", 2,
    )  # fmt: skip


def test_a_bundle_is_its_parents_line(s: Views) -> None:
    """Under its own SKU: what it is made of is in our mapping."""
    child = item(902, "TEE-M", 2, parent_item_id=901, base_price=0)
    s.load("orders", order(item(901, "GIFT-SET", 1, product_type="bundle"), child))
    assert shown(s.one("order_lines"), "sku", "ordered_qty", "requires_shipping") == ("GIFT-SET", 1, True)


def apart(price: float = 0, **parts: Any) -> list[Any]:
    """Two gift sets at 20, each of two mugs and a tee, whose parts travel apart."""
    noughts = {"base_price": price, "base_tax_amount": 0, "base_row_total": 0, "parent_item_id": 901}
    mug = item(902, "MUG", 4, product_id=77, **noughts, **parts)
    return [
        item(901, "GIFT-SET", product_type="bundle", product_id=70, base_tax_amount=8),
        mug,
        item(903, "TEE", product_id=78, **noughts),
    ]


SET = {"id": 70, "sku": "GIFT-SET", "type_id": "bundle", "updated_at": "2026-11-01 00:00:00"}


def travels(s: Views, how: str) -> None:
    """How the gift set's product says its parts travel."""
    s.load("products", {**SET, "custom_attributes": [{"attribute_code": "shipment_type", "value": how}]})


@pytest.mark.parametrize("how", ["0", "1"])
def test_parts_of_a_bundle_that_travel_apart_are_what_is_shipped(s: Views, how: str) -> None:
    """The bundle has the money and nothing to ship; where it goes as one it is the line."""
    travels(s, how)
    s.load("orders", order(*apart()))
    lines = {
        row["sku"]: shown(row, "line_id", "current_qty", "requires_shipping") for row in s.rows("order_lines")
    }
    asked = {
        row["sku"]: shown(row, "fulfilment_order_line_id", "remaining_qty")
        for row in s.rows("fulfilment_order_lines")
    }
    if how == "0":
        assert lines == {"GIFT-SET": ("901", 2, True)}
        assert asked == {"GIFT-SET": ("901", 2)}
        return
    assert lines == {"GIFT-SET": ("901", 2, False), "MUG": ("902", 4, True), "TEE": ("903", 2, True)}
    assert asked == {"MUG": ("902", 4), "TEE": ("903", 2)}
    assert {line["order_line_key"] for line in s.rows("fulfilment_order_lines")} == {
        "web_uk:902",
        "web_uk:903",
    }


@pytest.mark.parametrize(("price", "left"), [(0, 20), (6, 2), (9, 0)])
def test_a_bundle_keeps_what_its_parts_do_not_cost(s: Views, price: int, left: int) -> None:
    """Its lines come to what was charged: where the parts have prices, the bundle's is not counted twice."""
    travels(s, "1")
    s.load("orders", order(*apart(price)))
    prices = {row["sku"]: row["unit_price_amount"] for row in s.rows("order_lines")}
    assert prices == {"GIFT-SET": left, "MUG": price, "TEE": price}


def test_what_became_of_a_bundle_became_of_its_parts(s: Views) -> None:
    """One of two sets was refunded: half of each part is still to be sent, less what was."""
    travels(s, "1")
    set_, mug, tee = apart()
    s.load("orders", order({**set_, "qty_refunded": 1}, {**mug, "qty_shipped": 3}, tee))
    asked = {row["sku"]: shown(row, "total_qty", "remaining_qty") for row in s.rows("fulfilment_order_lines")}
    assert asked == {"MUG": (4, 1), "TEE": (2, 1)}
    assert {row["sku"]: row["current_qty"] for row in s.rows("order_lines")} == {
        "GIFT-SET": 1,
        "MUG": 2,
        "TEE": 1,
    }
    assert s.one("orders")["fulfilment_code"] == "part_fulfilled"
    assert s.one("fulfilment_orders")["status_code"] == "in_progress"
    s.load("shipments", shipment(items=[{"order_item_id": n, "sku": "X", "qty": 1} for n in (901, 902)]))
    assert [row["order_line_key"] for row in s.rows("fulfilment_lines")] == ["web_uk:902"]
    row = {"entity_id": 5, "order_item_id": 901, "sku": "GIFT-SET", "qty": 1, "base_row_total": 20}
    s.load("creditmemos", memo(items=[row]))
    assert shown(s.one("refund_lines"), "order_line_key", "restock_code") == ("web_uk:901", "return")


@pytest.mark.parametrize("kind", [{"is_virtual": 1}, {"product_type": "downloadable"}])
def test_what_cannot_be_shipped_is_not_asked_for(s: Views, kind: dict[str, Any]) -> None:
    """A line that needs no shipping, and no fulfilment order."""
    s.load("orders", order(item(**kind)))
    assert s.one("order_lines")["requires_shipping"] is False
    assert s.rows("fulfilment_orders") == s.rows("fulfilment_order_lines") == []


@pytest.mark.parametrize(
    ("quantities", "left", "current"),
    [
        ({}, 3, 3),
        ({"qty_shipped": 1}, 2, 3),
        ({"qty_canceled": 1}, 2, 2),
        ({"qty_refunded": 1}, 2, 2),
        ({"qty_shipped": 1, "qty_refunded": 1}, 2, 2),
        ({"qty_shipped": 3, "qty_refunded": 3}, 0, 0),
    ],
)
def test_what_waits_is_what_the_shop_would_ship(
    s: Views, quantities: dict[str, int], left: int, current: int
) -> None:
    """Refunded units were either sent or never will be."""
    s.load("orders", order(item(qty=3, **quantities)))
    assert s.one("fulfilment_order_lines")["remaining_qty"] == left
    assert s.one("order_lines")["current_qty"] == current


# --- fulfilment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "items", "code"),
    [
        ("new", [item()], "open"),
        ("processing", [item()], "open"),
        ("processing", [item(qty_shipped=1)], "in_progress"),
        ("processing", [item(qty_shipped=2)], "closed"),
        ("complete", [item(qty_shipped=2)], "closed"),
        ("closed", [item(qty_refunded=2)], "closed"),
        ("canceled", [item()], "cancelled"),
        ("holded", [item()], "on_hold"),
        ("payment_review", [item()], "on_hold"),
        ("odd", [item()], "unknown"),
    ],
)
def test_an_order_asks_its_first_enabled_source(s: Views, state: str, items: list[Any], code: str) -> None:
    """By priority, as the shop assigns none before it ships."""
    places(s)
    s.load("orders", order(*items, state=state))
    row = s.one("fulfilment_orders")
    assert shown(row, "fulfilment_order_id", "location_id", "status_code") == ("381", "leeds_dc", code)
    assert s.one("fulfilment_order_lines")["location_id"] == "leeds_dc"


def test_an_order_to_be_picked_up_asks_where_it_is_picked_up(s: Views) -> None:
    """The shop says so."""
    places(s)
    picked = order()
    picked["extension_attributes"]["pickup_location_code"] = "york_dc"
    s.load("orders", picked)
    assert s.one("fulfilment_orders")["location_id"] == "york_dc"
    assert s.one("fulfilment_order_lines")["location_id"] == "york_dc"


def test_a_shipment_is_a_fulfilment_from_its_source(s: Views) -> None:
    """A child that stands beside its parent counts no units twice."""
    s.load("orders", order(*configurable()))
    lines = [
        {"entity_id": 1, "order_item_id": 901, "sku": "TEE-RED-M", "qty": 2},
        {"entity_id": 2, "order_item_id": 902, "sku": "TEE-RED-M", "qty": 2},
    ]
    s.load("shipments", shipment(items=lines), shipment(4, number=""))
    row, bare = s.rows("fulfilments")
    assert shown(row, "fulfilment_id", "location_id", "status_code", "carrier", "tracking_numbers") == (
        "3", "leeds_dc", "success", "UPS", ["1Z999"],
    )  # fmt: skip
    assert shown(bare, "carrier", "tracking_numbers") == (None, [])
    assert [row["qty"] for row in s.rows("fulfilment_lines")] == [2, 2]


# --- money ------------------------------------------------------------------------------------------------


def memo(**more: Any) -> dict[str, Any]:
    """A credit memo of one unit, refunded."""
    plain = {
        "entity_id": 51,
        "increment_id": "000000051",
        "order_id": 381,
        "state": 2,
        "created_at": "2026-11-02 16:00:00",
        "updated_at": "2026-11-02 16:00:00",
        "base_currency_code": "GBP",
        "base_grand_total": 26,
        "base_adjustment_positive": 2,
        "base_adjustment_negative": 0,
        "transaction_id": "re_1",
        "items": [
            {
                "entity_id": 1,
                "order_item_id": 901,
                "sku": "TEE-RED-M",
                "qty": 1,
                "base_row_total": 20,
                "base_tax_amount": 4,
            },
            {"entity_id": 2, "order_item_id": 902, "sku": "TEE-RED-M", "qty": 1, "base_row_total": 0},
        ],
        "comments": [{"comment": "RMA-55"}],
    }
    return {**plain, **more}


def test_a_credit_memo_is_a_refund_with_its_goodwill_apart(s: Views) -> None:
    """Its lines are the parents' only."""
    s.load("orders", order(*configurable(qty_shipped=2)))
    s.load("creditmemos", memo())
    row = s.one("refunds")
    assert shown(row, "refund_key", "amount", "adjustment_amount", "note", "refunded_at") == (
        "web_uk:51", Decimal(26), Decimal(2), "RMA-55", at(16),
    )  # fmt: skip
    line = s.one("refund_lines")
    assert shown(line, "order_line_key", "qty", "amount", "restock_code") == (
        "web_uk:901",
        1,
        Decimal(24),
        "return",
    )


def test_units_of_a_line_that_never_left_are_cancelled(s: Views) -> None:
    """Nothing of them can come back."""
    s.load("orders", order(*configurable()))
    s.load("creditmemos", memo())
    assert s.one("refund_lines")["restock_code"] == "cancel"


@pytest.mark.parametrize("state", [1, 3])
def test_an_open_or_cancelled_credit_memo_is_no_refund(s: Views, state: int) -> None:
    """But it is a movement that is pending or failed."""
    s.load("orders", order(*configurable()))
    s.load("creditmemos", memo(state=state))
    assert s.rows("refunds") == s.rows("refund_lines") == []
    assert s.one("payments")["status_code"] == {1: "pending", 3: "failed"}[state]


def test_money_moves_by_invoices_and_credit_memos_and_is_authorised_by_transactions(s: Views) -> None:
    """Each with the provider's own id; a capture is not counted twice."""
    s.load("orders", order(payment={"method": "stripe_payments", "base_amount_authorized": 54}))
    s.load("invoices", invoice())
    s.load("creditmemos", memo())
    kinds = ("authorization", "capture", "refund", "void", "order")
    s.load(
        "transactions",
        *(
            {
                "transaction_id": n,
                "order_id": 381,
                "txn_id": f"t{n}",
                "txn_type": kind,
                "created_at": "2026-11-02 09:00:00",
            }
            for n, kind in enumerate(kinds)
        ),
    )
    rows = sorted(shown(row, "kind_code", "payment_id", "amount", "gateway") for row in s.rows("payments"))
    assert rows == [
        ("authorisation", "t0", Decimal(54), "stripe_payments"),
        ("capture", "ch_abc", Decimal(54), "stripe_payments"),
        ("other", "t4", None, "stripe_payments"),
        ("refund", "re_1", Decimal(26), "stripe_payments"),
        ("void", "t3", None, "stripe_payments"),
    ]


# --- items and stock --------------------------------------------------------------------------------------


def product(**more: Any) -> dict[str, Any]:
    """A simple product of 250 g."""
    plain = {
        "id": 55,
        "sku": "TEE-M",
        "name": "Tee M",
        "type_id": "simple",
        "status": 1,
        "price": 24,
        "weight": 0.25,
        "created_at": "2026-11-01 09:00:00",
        "updated_at": "2026-11-02 09:00:00",
        "custom_attributes": [
            {"attribute_code": "category_ids", "value": ["2", "3"]},
            {"attribute_code": "country_of_manufacture", "value": "PT"},
            {"attribute_code": "ean", "value": "5012345678900"},
        ],
    }
    return {**plain, **more}


def config(**more: Any) -> dict[str, Any]:
    """A store view's settings."""
    return {
        "id": 1,
        "code": "default",
        "website_id": 1,
        "base_currency_code": "GBP",
        "weight_unit": "kgs",
        **more,
    }


def test_a_product_is_an_item_stocked_under_its_sku(s: Views) -> None:
    """Attributes of the shop's own are a list, whose values may be lists too."""
    s.load("store_configs", config())
    s.load("products", product())
    row = s.one("items")
    assert shown(row, "item_key", "inventory_item_id", "sku", "weight_grams", "price_amount", "currency") == (
        "web_uk:55", "TEE-M", "TEE-M", 250, Decimal(24), "GBP",
    )  # fmt: skip
    assert shown(row, "barcode", "origin_country_code", "hs_code", "is_active", "is_tracked") == (
        "5012345678900", "PT", None, True, True,
    )  # fmt: skip


def test_weights_of_store_views_that_differ_are_not_guessed(s: Views) -> None:
    """Nor is a currency."""
    s.load("store_configs", config(), config(id=2, weight_unit="lbs", base_currency_code="USD"))
    s.load("products", product())
    assert shown(s.one("items"), "weight_grams", "currency") == (None, None)


@pytest.mark.parametrize("kind", ["configurable", "bundle", "grouped"])
def test_what_has_no_stock_of_its_own_is_no_item(s: Views, kind: str) -> None:
    """Its parts are."""
    s.load("products", product(type_id=kind))
    assert s.rows("items") == []


def test_a_disabled_product_is_not_active(s: Views) -> None:
    """And a virtual one is not tracked."""
    s.load("products", product(status=2, type_id="virtual"))
    assert shown(s.one("items"), "is_active", "is_tracked") == (False, False)


def source_item(source: str, quantity: float, status: int = 1) -> dict[str, Any]:
    """What lies in a source."""
    return {"sku": "TEE-M", "source_code": source, "quantity": quantity, "status": status}


def levels(s: Views) -> dict[str, tuple[Any, ...]]:
    """Source -> (available, committed, on hand, is active)."""
    names = ("available_qty", "committed_qty", "on_hand_qty", "is_active")
    return {row["location_id"]: shown(row, *names) for row in s.rows("channel_stock")}


def test_available_is_what_lies_there_less_what_is_reserved(s: Views) -> None:
    """Reservations belong to the stock: they are counted once, at its first source."""
    places(s)
    s.load("source_items", source_item("leeds_dc", 10), source_item("york_dc", 4))
    s.load("salable", {"sku": "TEE-M", "qty": 11, "is_salable": True})
    assert levels(s) == {"leeds_dc": (7, 3, 10, True), "york_dc": (4, 0, 4, True)}
    row = s.rows("channel_stock")[0]
    assert shown(row, "channel_stock_key", "item_id") == ("web_uk:TEE-M:leeds_dc", "TEE-M")


def test_what_lies_out_of_stock_or_elsewhere_is_not_sold(s: Views) -> None:
    """It was set out of stock by hand where something lies there, by the shop itself where nothing does."""
    places(s)
    s.load(
        "source_items", source_item("leeds_dc", 10, 0), source_item("york_dc", 0, 0), source_item("closed", 5)
    )
    s.load("salable", {"sku": "TEE-M", "qty": -3, "is_salable": False})
    assert levels(s) == {"leeds_dc": (7, 3, 10, False), "york_dc": (0, 0, 0, True), "closed": (5, 0, 5, True)}


def test_without_a_word_on_what_can_be_sold_nothing_is_taken_for_reserved(s: Views) -> None:
    """A product that is on no website."""
    places(s)
    s.load("source_items", source_item("leeds_dc", 10))
    assert levels(s) == {"leeds_dc": (10, 0, 10, True)}


def test_sources_are_locations(s: Views) -> None:
    """Those that are off too."""
    places(s)
    assert [shown(row, "location_id", "name", "is_active") for row in s.rows("locations")] == [
        ("closed", "Closed", False),
        ("leeds_dc", "Leeds", True),
        ("york_dc", "York", True),
    ]
