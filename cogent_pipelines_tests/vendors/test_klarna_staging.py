"""Klarna's records in our words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.staging_kit import Staging

TOTALS = {"sale_amount": 6000, "fee_amount": 250, "tax_amount": 50, "settlement_amount": 5700}
"""Of the documents' sample."""


@pytest.fixture
def views() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("klarna", "klarna")


def payout(*lines: dict[str, Any], kind: str = "NET", **totals: int) -> dict[str, Any]:
    """The documents' sample with its lines."""
    return {
        "payment_reference": "XISA93DJ", "payout_date": "2026-11-05T00:00:00Z", "currency_code": "GBP",
        "merchant_settlement_type": kind, "totals": {**TOTALS, **totals}, "transactions": lines,
    }  # fmt: skip


def line(kind: str = "SALE", amount: int = 6000, **more: Any) -> dict[str, Any]:
    """A line of it."""
    return {
        "payment_reference": "XISA93DJ", "type": kind, "detailed_type": kind, "amount": amount,
        "currency_code": "GBP", "order_id": "o1", "capture_id": "c1", "merchant_reference1": "1001",
        "sale_date": "2026-11-01T09:00:00Z", "capture_date": "2026-11-02T09:00:00Z", **more,
    }  # fmt: skip


SAMPLE = (line(), line("FEE", 250), line("TAX", 50))


def test_two_lines_alike_to_the_letter_are_two(views: Staging) -> None:
    """They have no id: their place tells them apart."""
    views.load("payouts", payout(line(), line()))
    assert [row["entry_id"] for row in views.rows("payout_entries")] == ["XISA93DJ/0", "XISA93DJ/1"]


def paid(views: Staging) -> Decimal:
    """What the payout's entries come to."""
    return sum((e["net_amount"] for e in views.rows("payout_entries") if e["payout_id"]), Decimal(0))


@pytest.mark.parametrize(
    ("kind", "sign", "code"),
    [
        ("SALE", 1, "charge"), ("RETURN", -1, "refund"), ("REVERSAL", -1, "chargeback"),
        ("REVERSAL_MERCHANT_PROTECTION", 1, "chargeback_reversed"), ("FEE", -1, "fee"), ("TAX", -1, "fee"),
        ("COMMISSION", -1, "fee"), ("CHARGE", -1, "fee"), ("FEE_REFUND", 1, "fee"), ("HOLDBACK", -1, "reserve_held"),
        ("RELEASE", 1, "reserve_released"), ("CORRECTION", 1, "adjustment"), ("CREDIT", 1, "adjustment"),
        ("BRAND_NEW", 1, "unknown"),
    ],
)  # fmt: skip
def test_a_type_has_its_word_and_its_sign(views: Staging, kind: str, sign: int, code: str) -> None:
    """Every type the documents name, and one they do not, with the vendor's own beside it."""
    views.load("payouts", payout(line(kind, 150)))
    (entry,) = views.rows("payout_entries")
    assert (entry["kind_code"], entry["kind_raw"], entry["net_amount"]) == (code, kind, sign * Decimal("1.5"))
    assert entry["gross_amount"] - entry["fee_amount"] == entry["net_amount"]


def test_the_sample_payout_is_its_lines(views: Staging) -> None:
    """A sale, its fee and the tax on it."""
    views.load("payouts", payout(*SAMPLE))
    (row,) = views.rows("payouts")
    assert row["net_amount"] == paid(views) == Decimal(57)
    assert (row["trace_id"], row["currency"], row["status_code"]) == ("XISA93DJ", "GBP", "paid")


def test_a_gross_merchant_is_invoiced_for_fees(views: Staging) -> None:
    """They are known, and no part of the payout."""
    views.load("payouts", payout(*SAMPLE, kind="GROSS", settlement_amount=6000))
    assert paid(views) == views.rows("payouts")[0]["net_amount"] == Decimal(60)
    assert [e["payout_id"] for e in views.rows("payout_entries") if e["kind_code"] == "fee"] == [None, None]


def test_what_was_owed_before_and_after_is_an_entry(views: Staging) -> None:
    """It stands in the totals and in no line."""
    views.load(
        "payouts",
        payout(
            *SAMPLE, opening_debt_balance_amount=1000, closing_debt_balance_amount=300, settlement_amount=5000
        ),
    )
    assert paid(views) == views.rows("payouts")[0]["net_amount"] == Decimal(50)


def test_yen_have_no_minor_unit(views: Staging) -> None:
    """6000 are 6000."""
    views.load("payouts", payout(line(currency_code="JPY")))
    assert views.rows("payout_entries")[0]["net_amount"] == Decimal(6000)


def test_an_order_sent_in_parts_has_several_captures(views: Staging) -> None:
    """Each is a charge of its own; what counts is when it was captured."""
    views.load("payouts", payout(line(), line(capture_id="c2", capture_date="2026-11-04T09:00:00Z")))
    rows = views.rows("payout_entries")
    assert [(row["transaction_id"], row["order_reference"]) for row in rows] == [
        ("c1", "1001"),
        ("c2", "1001"),
    ]
    assert [row["occurred_at"].day for row in rows] == [2, 4]
