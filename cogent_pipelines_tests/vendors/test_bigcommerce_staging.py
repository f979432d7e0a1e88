"""BigCommerce's words put into ours: one view per mart, over the raw tables as landing leaves them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.bigcommerce_kit import (
    LOCATIONS,
    STORE,
    consignment,
    consignments,
    level,
    line,
    order,
    product,
    refund,
    shipment,
    transaction,
    variant,
)
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging


@pytest.fixture
def staging() -> Staging:
    """The views over a store of two locations and nothing else."""
    views = Staging("bigcommerce", "web_us")
    views.load("locations", *LOCATIONS)
    views.load("store", STORE)
    return views


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some columns of a row."""
    return tuple(row[name] for name in names)


# --- orders -------------------------------------------------------------------------------------------


def test_an_order_becomes_a_row(staging: Staging) -> None:
    """Dates from RFC 2822, money from text, the currency that was paid in, prices without tax."""
    staging.load("orders", order())
    row = one(staging.rows("orders"))
    assert shown(row, "order_key", "order_name", "placed_at", "updated_at") == (
        "web_us:218",
        "218",
        datetime(2026, 11, 2, 9, 14, 5, tzinfo=UTC),
        datetime(2026, 11, 2, 9, 15, 40, tzinfo=UTC),
    )
    assert shown(
        row, "currency", "is_tax_included", "total_amount", "subtotal_amount", "shipping_amount"
    ) == (
        "GBP",
        False,
        Decimal(60),
        Decimal(45),
        Decimal(5),
    )
    assert shown(row, "tax_amount", "captured_amount", "paid_at", "customer_key", "customer_email") == (
        Decimal(10),
        Decimal(60),
        datetime(2026, 11, 2, 9, 14, 30, tzinfo=UTC),
        "web_us:11",
        "ann@example.test",
    )
    assert shown(row, "ship_to_name", "ship_to_company", "ship_to_postcode", "ship_to_country_code") == (
        "Ann Lee",
        None,
        "LS1 1AA",
        "GB",
    )
    assert shown(row, "delivery_option", "cancelled_at", "gone_at", "note") == (
        "Standard Delivery",
        None,
        None,
        None,
    )
    assert row["url"] == "https://admin.example.test/manage/orders/218"


@pytest.mark.parametrize("inside", [False, True])
def test_the_parts_of_an_order_add_up_to_its_total(staging: Staging, inside: bool) -> None:
    """Handling and wrapping are charged beside the goods, as delivery is; coupons are discounts."""
    staging.load(
        "orders",
        order(
            is_tax_inclusive_pricing=inside,
            handling_cost_ex_tax="1.0000",
            handling_cost_inc_tax="1.2000",
            wrapping_cost_ex_tax="2.0000",
            wrapping_cost_inc_tax="2.4000",
            discount_amount="1.0000",
            coupon_discount="0.5000",
            total_tax="10.6000" if not inside else "10.3500",
            total_inc_tax="62.1000",
        ),
    )
    row = one(staging.rows("orders"))
    parts = row["subtotal_amount"] + row["shipping_amount"] - row["discount_amount"]
    assert parts + (0 if inside else row["tax_amount"]) == row["total_amount"]


PAYMENTS = {
    "": "pending", "pending": "pending", "declined": "pending", "held for review": "pending",
    "authorized": "authorised", "capture pending": "authorised", "captured": "captured", "paid": "captured",
    "partially refunded": "part_refunded", "refunded": "refunded", "void": "voided", "void pending": "voided",
    "settled elsewhere": "unknown",
}  # fmt: skip


def test_every_payment_status_has_its_word(staging: Staging) -> None:
    """A closed list, with the raw word beside; the status of the order says nothing of money."""
    for number, word in enumerate(PAYMENTS):
        staging.load("orders", order(id=number + 1, payment_status=word, status_id=11))
    found = {row["payment_status_raw"]: row["payment_code"] for row in staging.rows("orders")}
    assert found == PAYMENTS


FULFILMENT = {
    1: ("unfulfilled", "on_hold"), 2: ("fulfilled", "closed"), 3: ("part_fulfilled", "in_progress"),
    4: ("unfulfilled", "incomplete"), 5: ("unfulfilled", "cancelled"), 6: ("unfulfilled", "cancelled"),
    7: ("unfulfilled", "on_hold"), 8: ("unfulfilled", "on_hold"), 9: ("unfulfilled", "open"),
    10: ("fulfilled", "closed"), 11: ("unfulfilled", "open"), 12: ("on_hold", "on_hold"), 13: ("on_hold", "on_hold"),
    14: ("unfulfilled", "incomplete"), 15: ("unknown", "unknown"),
}  # fmt: skip


def test_every_status_has_its_words(staging: Staging) -> None:
    """What awaits it is shipped, and what a refund left; a number nobody documents is unknown."""
    for number in FULFILMENT:
        staging.load("orders", order(id=number, status_id=number))
    orders = {int(row["order_id"]): row["fulfilment_code"] for row in staging.rows("orders")}
    asked = {int(r["order_key"].split(":")[1]): r["status_code"] for r in staging.rows("fulfilment_orders")}
    assert {number: (orders[number], asked[number]) for number in FULFILMENT} == FULFILMENT


@pytest.mark.parametrize(("shipped", "code"), [(0, "unfulfilled"), (1, "part_fulfilled"), (2, "fulfilled")])
@pytest.mark.parametrize("status", [4, 5, 6, 14])
def test_where_the_status_tells_of_money_the_counts_tell_of_goods(
    staging: Staging, status: int, shipped: int, code: str
) -> None:
    """Refunded, cancelled, declined."""
    staging.load("orders", order(status_id=status, items_shipped=shipped))
    assert one(staging.rows("orders"))["fulfilment_code"] == code


@pytest.mark.parametrize(("status", "is_cancelled"), [(5, True), (6, True), (4, False), (11, False)])
def test_a_cancelled_order_was_so_by_its_last_change(
    staging: Staging, status: int, is_cancelled: bool
) -> None:
    """Nothing says when; declined is cancelled too."""
    staging.load("orders", order(status_id=status))
    at = datetime(2026, 11, 2, 9, 15, 40, tzinfo=UTC) if is_cancelled else None
    assert one(staging.rows("orders"))["cancelled_at"] == at


def test_a_checkout_nobody_finished_is_no_order(staging: Staging) -> None:
    """Status 0 is in no view."""
    staging.load("orders", order(status_id=0, shipments=[shipment()]))
    for mart in (
        "orders",
        "order_lines",
        "fulfilment_orders",
        "fulfilment_order_lines",
        "fulfilments",
        "payments",
    ):
        assert staging.rows(mart) == []


def test_an_archived_order_is_gone(staging: Staging) -> None:
    """Its list shows it no more."""
    staging.load("orders", order(is_deleted=True))
    assert one(staging.rows("orders"))["gone_at"] == READ_AT


def test_a_guest_is_no_customer(staging: Staging) -> None:
    """0 is nobody's number."""
    staging.load("orders", order(customer_id=0))
    assert one(staging.rows("orders"))["customer_key"] is None


def test_an_order_of_several_addresses_shows_none(staging: Staging) -> None:
    """It would all go to the first: a person must look."""
    second = consignment(line(195, "CAP", order_address_id=132), number=132, city="York")
    staging.load("orders", order(consignments=consignments(consignment(), second)))
    row = one(staging.rows("orders"))
    assert {row[name] for name in row if name.startswith("ship_to_")} == {None}
    assert [r["fulfilment_order_id"] for r in staging.rows("fulfilment_orders")] == ["131", "132"]
    assert [shown(r, "fulfilment_order_id", "sku") for r in staging.rows("fulfilment_order_lines")] == [
        ("131", "TEE-M"),
        ("132", "CAP"),
    ]


def test_an_order_is_paid_with_the_capture_that_completes_it(staging: Staging) -> None:
    """An authorisation pays nothing, nor does what failed; a test payment makes a test order."""
    moved = [
        transaction("authorization", 60.0, id=1),
        transaction("capture", 20.0, id=2, date_created="2026-11-02T10:00:00+00:00"),
        transaction("capture", 40.0, id=3, status="error", date_created="2026-11-02T10:30:00+00:00"),
        transaction("capture", 40.0, id=4, date_created="2026-11-02T11:00:00+00:00"),
    ]
    staging.load("orders", order(transactions=moved), order(id=219, transactions=[transaction(test=True)]))
    first, second = staging.rows("orders")
    assert shown(first, "captured_amount", "paid_at", "is_test") == (
        Decimal(60),
        datetime(2026, 11, 2, 11, tzinfo=UTC),
        False,
    )
    assert second["is_test"]


def test_an_order_of_nothing_is_paid_when_it_is_placed(staging: Staging) -> None:
    """No gateway has to do with it."""
    staging.load("orders", order(total_inc_tax="0.0000", payment_status="", transactions=[]))
    row = one(staging.rows("orders"))
    assert shown(row, "payment_code", "paid_at") == ("captured", row["placed_at"])


def test_baskets_that_are_alike_have_one_fingerprint(staging: Staging) -> None:
    """SKUs, quantities and prices, in whatever order."""
    a, b = line(1), line(2, "CAP")
    staging.load("orders", order(id=1, consignments=consignments(consignment(a, b))))
    staging.load(
        "orders", order(id=2, consignments=consignments(consignment({**b, "id": 3}, {**a, "id": 4})))
    )
    staging.load(
        "orders", order(id=3, consignments=consignments(consignment({**a, "id": 5, "quantity": 1}, b)))
    )
    first, second, third = (row["basket_fingerprint"] for row in staging.rows("orders"))
    assert first == second != third


# --- lines, and what is sent --------------------------------------------------------------------------


def test_lines_come_whichever_way_they_go(staging: Staging) -> None:
    """Only what goes to an address is shipped."""
    pickup = {
        "id": 9,
        "pickup_method_display_name": "Collect",
        "line_items": [line(2, "CAP", order_address_id=0)],
    }
    download = {"line_items": [line(3, "SONG", type="digital", order_address_id=0)]}
    gift = {"gift_certificates": [{"line_items": [line(4, "", type="giftcertificate", order_address_id=0)]}]}
    held = consignments(consignment(line(1)), pickups=[pickup], downloads=[download], email=gift)
    staging.load("orders", order(consignments=held))
    assert [shown(r, "line_id", "sku", "requires_shipping") for r in staging.rows("order_lines")] == [
        ("1", "TEE-M", True),
        ("2", "CAP", False),
        ("3", "SONG", False),
        ("4", None, False),
    ]
    assert [r["fulfilment_order_line_id"] for r in staging.rows("fulfilment_order_lines")] == ["1"]


@pytest.mark.parametrize(("inside", "price"), [(False, Decimal("22.5")), (True, Decimal(27))])
def test_a_price_holds_the_tax_as_the_order_says(staging: Staging, inside: bool, price: Decimal) -> None:
    """The rate follows from the prices where no tax line names the order's line."""
    discounts = [{"id": "x", "amount": "1.5900", "name": "x", "code": None, "target": "order"}]
    held = consignments(consignment(line(applied_discounts=discounts)))
    staging.load("orders", order(is_tax_inclusive_pricing=inside, consignments=held))
    row = one(staging.rows("order_lines"))
    assert shown(row, "unit_price_amount", "discount_amount", "tax_amount", "tax_rate", "tax_code") == (
        price,
        Decimal("1.59"),
        Decimal(9),
        0.2,
        None,
    )


def test_a_line_has_its_own_tax_lines(staging: Staging) -> None:
    """Two of them add up; another line's and the delivery's are not its own."""
    rows = [
        ("State", "5.0000", "194", "item"),
        ("City", "2.5000", 194, "item"),
        ("State", "9.0000", "195", "item"),
    ]
    taxes = [
        {"id": n, "name": name, "rate": rate, "order_product_id": of, "line_item_type": kind}
        for n, (name, rate, of, kind) in enumerate([*rows, ("State", "5.0000", "", "shipping")])
    ]
    staging.load("orders", order(taxes=taxes))
    assert shown(one(staging.rows("order_lines")), "tax_rate", "tax_code") == (0.075, "State + City")


@pytest.mark.parametrize(
    ("shipped", "refunded", "current", "left"),
    [(0, 0, 3, 3), (1, 0, 3, 2), (0, 1, 2, 2), (1, 1, 2, 1), (3, 1, 2, 0)],
)
def test_what_is_left_to_send_is_neither_shipped_nor_refunded(
    staging: Staging, shipped: int, refunded: int, current: int, left: int
) -> None:
    """Refunded units stay in the line's quantity."""
    one_line = line(qty=3, quantity_shipped=shipped, quantity_refunded=refunded)
    staging.load("orders", order(consignments=consignments(consignment(one_line))))
    assert shown(one(staging.rows("order_lines")), "ordered_qty", "current_qty") == (3, current)
    row = one(staging.rows("fulfilment_order_lines"))
    assert shown(row, "total_qty", "remaining_qty", "order_line_key") == (3, left, "web_us:194")


def test_an_order_is_sent_from_the_stores_first_open_location(staging: Staging) -> None:
    """It names none."""
    staging.load("orders", order(shipments=[shipment()]))
    for mart in ("fulfilment_orders", "fulfilment_order_lines", "fulfilments"):
        assert one(staging.rows(mart))["location_id"] == "1"
    staging.connection.execute("UPDATE bigcommerce.locations SET enabled = false WHERE id = 1")
    assert one(staging.rows("fulfilment_orders"))["location_id"] == "2"


def test_a_shipment_becomes_a_fulfilment(staging: Staging) -> None:
    """With its number, its units and the carrier's name from whichever field has it."""
    other = shipment(12, (194, 1), shipping_provider="", tracking_carrier="dpd-uk", tracking_number=" ")
    staging.load("orders", order(shipments=[shipment(11, (194, 1)), other]))
    first, second = staging.rows("fulfilments")
    assert shown(first, "fulfilment_key", "status_code", "carrier", "tracking_numbers", "created_at") == (
        "web_us:11",
        "success",
        "royalmail",
        ["AB1"],
        datetime(2026, 11, 3, 16, 35, 37, tzinfo=UTC),
    )
    assert shown(second, "carrier", "tracking_numbers") == ("dpd-uk", [])
    assert [
        shown(r, "fulfilment_key", "order_line_key", "sku", "qty") for r in staging.rows("fulfilment_lines")
    ] == [
        ("web_us:11", "web_us:194", "TEE-M", 1),
        ("web_us:12", "web_us:194", "TEE-M", 1),
    ]


# --- money --------------------------------------------------------------------------------------------


def test_every_event_has_its_word(staging: Staging) -> None:
    """A closed list."""
    events = ["authorization", "purchase", "capture", "refund", "void", "pending", "settled"]
    moved = [transaction(event, id=n) for n, event in enumerate(events)]
    failed = transaction("capture", id=90, status="error")
    staging.load("orders", order(transactions=[*moved, failed, transaction("capture", id=91, status="odd")]))
    found = {row["payment_id"]: shown(row, "kind_code", "status_code") for row in staging.rows("payments")}
    assert found == {
        "0": ("authorisation", "success"),
        "1": ("sale", "success"),
        "2": ("capture", "success"),
        "3": ("refund", "success"),
        "4": ("void", "success"),
        "5": ("other", "pending"),
        "6": ("other", "success"),
        "90": ("capture", "failed"),
        "91": ("capture", "unknown"),
    }


def test_a_refund_becomes_rows(staging: Staging) -> None:
    """A line without an amount is refunded at its price; an amount of the whole order is goodwill."""
    items = [
        {"item_type": "PRODUCT", "item_id": 194, "quantity": 1, "requested_amount": None},
        {"item_type": "SHIPPING", "item_id": 131, "quantity": 1, "requested_amount": 5.0},
        {"item_type": "ORDER", "item_id": 218, "quantity": 1, "requested_amount": 2.5},
    ]
    staging.load("orders", order())
    staging.load("refunds", refund(*items, total_amount=34.5))
    row = one(staging.rows("refunds"))
    assert shown(row, "refund_key", "order_key", "amount", "currency", "adjustment_amount", "note") == (
        "web_us:8001",
        "web_us:218",
        Decimal("34.5"),
        "GBP",
        Decimal("2.5"),
        "too small",
    )
    assert row["refunded_at"] == datetime(2026, 11, 3, 10, tzinfo=UTC)
    found = one(staging.rows("refund_lines"))
    assert shown(found, "order_line_key", "sku", "qty", "restock_code", "amount") == (
        "web_us:194",
        "TEE-M",
        1,
        "none",
        Decimal(27),
    )


def test_what_a_gateway_declined_was_not_given_back(staging: Staging) -> None:
    """It says so some time after the refund was made."""
    paid = {"id": 1, "provider_id": "stripe", "amount": 20.0, "is_declined": False}
    declined = {"id": 2, "provider_id": "giftcard", "amount": 7.0, "is_declined": True}
    staging.load("refunds", refund(payments=[paid, declined]))
    assert one(staging.rows("refunds"))["amount"] == Decimal(20)


# --- catalogue and levels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tracking", "variants", "item", "is_tracked"),
    [
        ("variant", 1, "variant_id=501", True),
        ("variant", 2, "variant_id=501", True),
        ("product", 1, "product_id=184", True),
        ("product", 2, None, True),
        ("none", 1, "variant_id=501", False),
    ],
)
def test_an_item_is_named_as_its_stock_is_tracked(
    staging: Staging, tracking: str, variants: int, item: str | None, is_tracked: bool
) -> None:
    """By its variant, or by a product of one variant; a level that several share is no item's."""
    staging.load("products", product(tracking))
    staging.load("variants", *(variant(501 + n, f"TEE-{n}") for n in range(variants)))
    staging.load("stock", level())
    row = staging.rows("items")[0]
    assert shown(row, "inventory_item_id", "is_tracked") == (item, is_tracked)
    found = one(staging.rows("channel_stock"))
    assert found["item_id"] == (item or "shared=501")
    assert found["channel_stock_key"] == f"web_us:{found['item_id']}:1"


def test_a_variant_becomes_an_item(staging: Staging) -> None:
    """Title and weight come from its product where it has none; ounces become grams."""
    staging.load("products", product())
    staging.load("variants", variant())
    row = one(staging.rows("items"))
    assert shown(row, "sku", "title", "barcode", "weight_grams", "price_amount", "currency", "is_active") == (
        "TEE-M",
        "Tee - M",
        "5012345678900",
        227,
        Decimal("22.5"),
        "GBP",
        True,
    )


@pytest.mark.parametrize(
    ("of_product", "of_variant"),
    [
        ({"is_visible": False}, {}),
        ({"availability": "disabled"}, {}),
        ({}, {"purchasing_disabled": True}),
    ],
)
def test_what_cannot_be_bought_is_not_active(
    staging: Staging, of_product: dict[str, Any], of_variant: dict[str, Any]
) -> None:
    """Hidden, disabled, or not for sale."""
    staging.load("products", product(**of_product))
    staging.load("variants", variant(**of_variant))
    assert one(staging.rows("items"))["is_active"] is False


def test_a_level_is_what_can_be_set(staging: Staging) -> None:
    """On hand, of which the shop takes its safety stock off by itself; a closed location is not stocked."""
    staging.load("products", product())
    staging.load("stock", level(7, safety=2), level(3, location=2, variant=502, location_enabled=False))
    rows = staging.rows("channel_stock")
    assert [
        shown(r, "location_id", "available_qty", "on_hand_qty", "committed_qty", "is_active") for r in rows
    ] == [
        ("1", 7, 7, None, True),
        ("2", 3, 3, None, False),
    ]


def test_locations_have_names(staging: Staging) -> None:
    """And are active or not."""
    staging.load("locations", {"id": 3, "code": "C3", "label": " ", "enabled": False})
    assert [shown(r, "location_id", "name", "is_active") for r in staging.rows("locations")] == [
        ("1", "Default location", True),
        ("2", "York", True),
        ("3", "C3", False),
    ]
