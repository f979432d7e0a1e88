"""Adyen's rows in our words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.vendors.staging_kit import Staging


@pytest.fixture
def views() -> Staging:
    """An empty raw table and the views over it."""
    return Staging("adyen", "adyen")


def row(place: int = 1, kind: str = "Settled", credit: str | None = "50.90", **more: Any) -> dict[str, Any]:
    """A row of batch 41; names of more that are no identifiers come as a dict under ``cells``."""
    cells = more.pop("cells", {})
    return {
        "key": f"41/{place}", "batch": 41, "created_at": "2026-11-02T08:14:05Z", "Type": kind, "Net Currency": "GBP",
        "Psp Reference": "8814000000000001", "Modification Reference": "8814000000000002", "Merchant Reference": "1001",
        "Net Credit (NC)": credit, **more, **cells,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "credit", "code"),
    [
        ("Settled", "1", "charge"), ("Refunded", None, "refund"), ("RefundedReversed", "1", "refund"),
        ("Chargeback", None, "chargeback"), ("SecondChargeback", None, "chargeback"),
        ("ChargebackReversed", "1", "chargeback_reversed"), ("Fee", None, "fee"), ("MiscCosts", None, "fee"),
        ("PaymentCost", None, "fee"), ("InvoiceDeduction", None, "fee"), ("DepositCorrection", None, "reserve_held"),
        ("DepositCorrection", "1", "reserve_released"), ("MerchantPayout", None, "payout"),
        ("Balancetransfer", "1", "adjustment"), ("BankInstructionReturned", "1", "adjustment"),
        ("ManualCorrected", "1", "adjustment"), ("MatchedStatement", "1", "adjustment"), ("PaidOut", None, "adjustment"),
        ("PaidOutReversed", "1", "adjustment"), ("EpaPaid", None, "adjustment"), ("BrandNew", "1", "unknown"),
    ],
)  # fmt: skip
def test_a_type_has_its_word(views: Staging, kind: str, credit: str | None, code: str) -> None:
    """Every type the documents name, and one they do not, with the vendor's own beside it."""
    views.load(
        "settlement_details", row(kind=kind, credit=credit, cells={"Net Debit (NC)": None if credit else "1"})
    )
    (entry,) = views.rows("payout_entries")
    assert (entry["kind_code"], entry["kind_raw"], entry["net_amount"]) == (code, kind, 1 if credit else -1)


@pytest.mark.parametrize(
    ("fees", "fee"),
    [({"Commission (NC)": "0.70"}, "0.7"), ({"Markup (NC)": "0.10", "Scheme Fees (NC)": "0.20", "Interchange (NC)": "0.40"}, "0.7"),
     ({}, "0")],
)  # fmt: skip
def test_blended_or_not_net_is_gross_less_the_fee(views: Staging, fees: dict[str, str], fee: str) -> None:
    """One commission, or three parts, or none."""
    views.load("settlement_details", row(cells=fees))
    (entry,) = views.rows("payout_entries")
    assert (entry["net_amount"], entry["fee_amount"]) == (Decimal("50.9"), Decimal(fee))
    assert entry["gross_amount"] - entry["fee_amount"] == entry["net_amount"]


def test_gross_is_in_the_currency_of_the_balance(views: Staging) -> None:
    """60 euro at 0.86, as the documents' sample has it."""
    cells = {
        "Gross Currency": "EUR",
        "Gross Credit (GC)": "60.00",
        "Exchange Rate": "0.86",
        "Commission (NC)": "0.70",
    }
    views.load("settlement_details", row(cells=cells))
    (entry,) = views.rows("payout_entries")
    assert (entry["gross_amount"], entry["currency"], entry["settlement_currency"]) == (
        Decimal("51.6"),
        "EUR",
        "GBP",
    )
    assert entry["settlement_rate"] * 60 == entry["gross_amount"]


def test_a_batch_pays_each_currency_by_itself(views: Staging) -> None:
    """Two payouts of one batch, each of its own rows."""
    for place, currency in ((1, "GBP"), (3, "EUR")):
        cells = {"Net Currency": currency}
        views.load("settlement_details", row(place, cells=cells))
        views.load(
            "settlement_details",
            row(place + 1, "MerchantPayout", None, cells={**cells, "Net Debit (NC)": "50.90"}),
        )
    assert [p["payout_id"] for p in views.rows("payouts")] == ["41/EUR", "41/GBP"]
    assert [(e["payout_id"], e["settlement_currency"]) for e in views.rows("payout_entries") if e["kind_code"] == "charge"] == [
        ("41/GBP", "GBP"), ("41/EUR", "EUR"),
    ]  # fmt: skip


def test_a_batch_without_a_payout_has_rows_that_wait(views: Staging) -> None:
    """They have no payout."""
    views.load("settlement_details", row())
    (entry,) = views.rows("payout_entries")
    assert (entry["payout_id"], views.rows("payouts")) == (None, [])
