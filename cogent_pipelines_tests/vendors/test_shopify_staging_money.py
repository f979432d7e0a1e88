"""Shopify's money, levels and items in our words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.shopify_kit import (
    DAY,
    entry,
    gid,
    level,
    money,
    nodes,
    order,
    payout,
    refund,
    transaction,
)
from cogent_pipelines_tests.vendors.staging_kit import Staging


@pytest.fixture
def staging() -> Staging:
    """The views over empty tables."""
    return Staging("shopify", "web_uk")


def one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The only row."""
    (row,) = rows
    return row


# --- money back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "included", "expected"),
    [
        (refund((9001, 1, "22.5"), total="22.5"), True, "0"),
        (refund((9001, 1, "22.5"), total="26.25"), False, "0"),
        (refund(total="10.0"), True, "10"),
        (refund((9001, 1, "22.5"), total="27.5"), True, "5"),
        (refund((9001, 1, "22.5"), total="20.0"), True, "-2.5"),
    ],
    ids=["lines", "tax_on_top", "goodwill", "lines_and_goodwill", "withheld"],
)
def test_goodwill_is_what_no_line_accounts_for(
    staging: Staging, given: Any, included: bool, expected: str
) -> None:
    """By arithmetic, whichever sign the vendor gives its own adjustments."""
    staging.load("orders", order(refunds=[given], taxesIncluded=included))
    row = one(staging.rows("refunds"))
    assert row["adjustment_amount"] == Decimal(expected)


def test_refunded_shipping_is_no_goodwill(staging: Staging) -> None:
    """It has a line of its own."""
    shipping = nodes(
        {"id": gid("RefundShippingLine", 1), "subtotalAmountSet": money("9.0"), "taxAmountSet": money("1.5")}
    )
    staging.load(
        "orders",
        order(
            refunds=[
                refund(total="9.0", refundShippingLines=shipping, **{"return": {"id": gid("Return", 12)}})
            ]
        ),
    )
    row = one(staging.rows("refunds"))
    assert (row["adjustment_amount"], row["amount"], row["return_id"]) == (Decimal(0), Decimal(9), "12")


def test_a_fee_in_another_currency_is_not_added(staging: Staging) -> None:
    """It is in the payout's entries, in its own currency."""
    fees = [
        {"type": "a", "amount": {"amount": "1.2", "currencyCode": "GBP"}},
        {"type": "b", "amount": {"amount": "7", "currencyCode": "SEK"}},
    ]
    staging.load("orders", order(transactions=[transaction(fees=fees, processedAt=None)]))
    row = one(staging.rows("payments"))
    assert (row["fee_amount"], row["currency"], row["processed_at"]) == (
        Decimal("1.2"),
        "GBP",
        datetime(2026, 11, 2, 9, 1, tzinfo=UTC),
    )


# --- payouts ------------------------------------------------------------------------------------------


def test_a_payout_is_its_net(staging: Staging) -> None:
    """A withdrawal takes money out of the bank, whichever sign it comes with."""
    staging.load(
        "payouts", payout(), payout(id=gid("ShopifyPaymentsPayout", 902), transactionType="WITHDRAWAL")
    )
    assert [(r["payout_id"], r["net_amount"], r["currency"]) for r in staging.rows("payouts")] == [
        ("901", Decimal("100.5"), "GBP"),
        ("902", Decimal("-100.5"), "GBP"),
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CHARGE", "charge"),
        ("REFUND", "refund"),
        ("ADJUSTMENT", "adjustment"),
        ("CHARGEBACK_FEE", "fee"),
        ("DISPUTE_WITHDRAWAL", "chargeback"),
        ("DISPUTE_REVERSAL", "chargeback_reversed"),
        ("RESERVED_FUNDS", "reserve_released"),
        ("STRIPE_FEE", "fee"),
        ("TRANSFER", "payout"),
        ("TRANSFER_FAILURE", "adjustment"),
        ("SHIPPING_LABEL", "adjustment"),
        ("BRAND_NEW", "unknown"),
    ],
)
def test_a_payouts_entry_has_its_kind(staging: Staging, kind: str, expected: str) -> None:
    """Families of the vendor's 113 types."""
    staging.load("balance_transactions", entry(kind=kind))
    row = one(staging.rows("payout_entries"))
    assert (row["kind_code"], row["payout_id"], row["order_key"]) == (expected, "901", "web_uk:5500001")
    assert row["gross_amount"] - row["fee_amount"] == row["net_amount"]
    assert row["kind_raw"] == kind


def test_an_entry_may_have_no_order_and_no_payout_yet(staging: Staging) -> None:
    """And a test entry is no money."""
    staging.load(
        "balance_transactions",
        entry(associatedOrder=None, associatedPayout={"id": None, "status": "PENDING"}),
        entry(2, test=True),
    )
    row = one(staging.rows("payout_entries"))
    assert (row["order_key"], row["payout_id"]) == (None, None)


def test_a_balance_in_another_currency_has_its_rate(staging: Staging) -> None:
    """As the order's transaction tells it; and a refund names its capture."""
    euros = {
        name: {"amount": amount, "currencyCode": "EUR"}
        for name, amount in (("amount", "63.0"), ("fee", "0.0"), ("net", "63.0"))
    }
    given = transaction(
        id=gid("OrderTransaction", 7002),
        kind="REFUND",
        settlementCurrency="EUR",
        settlementCurrencyRate="1.1666666667",
        parentTransaction={"id": gid("OrderTransaction", 7001)},
    )
    staging.load("orders", order(transactions=[transaction(), given]))
    staging.load("balance_transactions", entry(kind="REFUND", sourceOrderTransactionId="7002", **euros))
    row = one(staging.rows("payout_entries"))
    assert (row["currency"], row["settlement_currency"]) == ("GBP", "EUR")
    assert row["settlement_rate"] == Decimal("1.1666666667")
    assert (row["transaction_id"], row["original_transaction_id"]) == ("7002", "7001")


# --- stock and items ----------------------------------------------------------------------------------


def test_a_level_is_kept_by_its_names(staging: Staging) -> None:
    """Available is on hand less what is committed: the two are never mistaken for each other."""
    staging.load("inventory_levels", level(7), level(0, location=1002, isActive=False, quantities=[]))
    first, second = staging.rows("channel_stock")
    assert first["channel_stock_key"] == "web_uk:10019?inventory_item_id=48"
    assert (first["available_qty"], first["committed_qty"], first["on_hand_qty"], first["item_id"]) == (
        7,
        2,
        9,
        "48",
    )
    assert (second["available_qty"], second["is_active"]) == (None, False)


def variant(**more: Any) -> dict[str, Any]:
    """A variant of an active product."""
    return {
        "id": gid("ProductVariant", 501),
        "sku": "TEE-M",
        "title": "M",
        "displayName": "Tee - M",
        "barcode": " ",
        "price": "22.5",
        "inventoryPolicy": "DENY",
        "createdAt": f"{DAY}T08:00:00Z",
        "updatedAt": f"{DAY}T08:00:00Z",
        "product": {"id": gid("Product", 401), "status": "ACTIVE"},
        "inventoryItem": {
            "id": gid("InventoryItem", 48),
            "tracked": True,
            "requiresShipping": True,
            "countryCodeOfOrigin": "PT",
            "harmonizedSystemCode": "610910",
            "measurement": {"weight": {"unit": "KILOGRAMS", "value": 0.25}},
        },
        **more,
    }


def test_an_item_is_a_variant_with_its_products_title_and_state(staging: Staging) -> None:
    """Those change without the variant's updatedAt."""
    product = {
        "id": gid("Product", 401),
        "title": "Shirt",
        "status": "ARCHIVED",
        "updatedAt": f"{DAY}T12:00:00Z",
    }
    staging.load("variants", variant())
    row = one(staging.rows("items"))
    assert (row["item_id"], row["inventory_item_id"], row["product_id"], row["sku"]) == (
        "501",
        "48",
        "401",
        "TEE-M",
    )
    assert (row["title"], row["is_active"], row["barcode"], row["price_amount"], row["currency"]) == (
        "Tee - M",
        True,
        None,
        Decimal("22.5"),
        None,
    )
    staging.load("products", product)
    staging.load("orders", order())
    row = one(staging.rows("items"))
    assert (row["title"], row["is_active"], row["currency"]) == ("Shirt - M", False, "GBP")
    assert row["updated_at"] == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert row["url"] == "https://admin.example.test/products/401/variants/501"


@pytest.mark.parametrize(
    ("unit", "value", "grams"),
    [
        ("GRAMS", 250.0, 250),
        ("KILOGRAMS", 0.25, 250),
        ("OUNCES", 8.0, 227),
        ("POUNDS", 1.0, 454),
        ("GRAMS", 0.0, None),
        ("STONES", 1.0, None),
    ],
)
def test_a_weight_is_grams(staging: Staging, unit: str, value: float, grams: int | None) -> None:
    """None is filled in where it is 0."""
    given = variant()
    given["inventoryItem"]["measurement"]["weight"] = {"unit": unit, "value": value}
    staging.load("variants", given)
    assert one(staging.rows("items"))["weight_grams"] == grams


def test_an_item_without_a_measurement_is_an_item(staging: Staging) -> None:
    """Its single variant is named as its product."""
    given = variant(title="Default Title", sku=None)
    given["inventoryItem"]["measurement"] = {"weight": None}
    staging.load("variants", given)
    staging.load("products", {"id": gid("Product", 401), "title": "Mug", "status": "DRAFT"})
    row = one(staging.rows("items"))
    assert (row["title"], row["sku"], row["weight_grams"], row["is_active"]) == ("Mug", None, None, False)


def test_a_location_that_is_gone_is_not_active(staging: Staging) -> None:
    """Deactivated or deleted."""
    staging.load("locations", {"id": gid("Location", 1001), "name": "Leeds", "isActive": True})
    staging.load("locations", {"id": gid("Location", 1002), "name": "York", "isActive": False})
    staging.load(
        "locations",
        {"id": gid("Location", 1003), "name": "Hull", "isActive": True},
        gone_at=datetime(2026, 11, 3, tzinfo=UTC),
    )
    assert [(r["location_id"], r["is_active"]) for r in staging.rows("locations")] == [
        ("1001", True),
        ("1002", False),
        ("1003", False),
    ]
