"""Stripe's records in our words, and its sample objects and recorded answers as rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.answers import said
from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.vendors import stripe as edge
from cogent_pipelines_tests.sandbox.provider_account import Provider
from cogent_pipelines_tests.vendors.payouts_kit import fixture
from cogent_pipelines_tests.vendors.staging_kit import Staging


@pytest.fixture
def views() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("stripe", "stripe")


def line(**more: Any) -> dict[str, Any]:
    """A charge of 54.00 pounds."""
    return {
        "id": "txn_1", "type": "charge", "reporting_category": "charge", "amount": 5400, "fee": 101, "net": 5299,
        "currency": "gbp", "exchange_rate": None, "created": 1793700845, "available_on": 1793923200,
        "source": {"id": "ch_1", "object": "charge", "currency": "gbp", "metadata": {"order_id": "1001"}}, **more,
    }  # fmt: skip


def payout(**more: Any) -> dict[str, Any]:
    """A payout that has arrived."""
    return {
        "id": "po_1", "amount": 5299, "currency": "gbp", "status": "paid", "automatic": True, "created": 1793700845,
        "arrival_date": 1793923200, "reconciliation_status": "completed", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("gbp", "54"),
        ("jpy", "5400"),
        ("krw", "5400"),
        ("kwd", "5.4"),
        ("ugx", "54"),
        ("isk", "54"),
        ("mga", "5400"),
    ],
)
def test_minor_units_are_those_of_the_currency(views: Staging, currency: str, shown: str) -> None:
    """None, two or three decimals; and where the vendor departs from the standard."""
    views.load("balance_transactions", line(currency=currency, fee=0, net=5400))
    views.load("payouts", payout(currency=currency, amount=5400))
    (entry,), (paid,) = views.rows("payout_entries"), views.rows("payouts")
    assert entry["gross_amount"] == entry["net_amount"] == paid["net_amount"] == Decimal(shown)
    assert entry["settlement_currency"] == paid["currency"] == currency.upper()


@pytest.mark.parametrize(
    ("kind", "category", "amount", "code"),
    [
        ("charge", "charge", 1, "charge"),
        ("payment", "charge", 1, "charge"),
        ("refund", "refund", -1, "refund"),
        ("payment_refund", "refund", -1, "refund"),
        ("refund_failure", "refund_failure", 1, "refund"),
        ("adjustment", "dispute", -1, "chargeback"),
        ("adjustment", "dispute_reversal", 1, "chargeback_reversed"),
        ("adjustment", "other_adjustment", 1, "adjustment"),
        ("stripe_fee", "fee", -1, "fee"),
        ("tax_fee", "tax", -1, "fee"),
        ("application_fee", "platform_earning", 1, "fee"),
        ("reserved_funds", "risk_reserved_funds", -1, "reserve_held"),
        ("reserved_funds", "risk_reserved_funds", 1, "reserve_released"),
        ("payout", "payout", -1, "payout"),
        ("payout_failure", "payout_reversal", 1, "adjustment"),
        ("transfer", "transfer", -1, "adjustment"),
        ("brand_new", "brand_new", 1, "unknown"),
    ],
)
def test_a_type_has_its_word(views: Staging, kind: str, category: str, amount: int, code: str) -> None:
    """A closed list with the vendor's own beside it."""
    views.load(
        "balance_transactions", line(type=kind, reporting_category=category, amount=amount, fee=0, net=amount)
    )
    (row,) = views.rows("payout_entries")
    assert (row["kind_code"], row["kind_raw"].split("/")[0]) == (code, kind)


@pytest.mark.parametrize(
    ("status", "code"),
    [("pending", "scheduled"), ("in_transit", "scheduled"), ("paid", "paid"), ("failed", "failed"),
     ("canceled", "cancelled"), ("brand_new", "unknown")],
)  # fmt: skip
def test_a_payouts_status_has_its_word(views: Staging, status: str, code: str) -> None:
    """A closed list with the vendor's own beside it."""
    views.load("payouts", payout(status=status))
    (row,) = views.rows("payouts")
    assert (row["status_code"], row["status_raw"]) == (code, status)


def test_a_refund_of_a_charge_before_our_time_has_no_order(views: Staging) -> None:
    """Nothing is guessed; its own reference counts before the charge's."""
    source = {"id": "re_1", "object": "refund", "charge": "ch_0", "currency": "gbp", "metadata": {}}
    views.load("balance_transactions", line(type="refund", source=source))
    (row,) = views.rows("payout_entries")
    assert (row["order_reference"], row["original_transaction_id"]) == (None, "ch_0")


def test_a_charge_captured_in_parts_names_its_order_once(views: Staging) -> None:
    """Two movements of one charge do not double its refund."""
    refund = {"id": "re_1", "charge": "ch_1", "currency": "gbp", "metadata": {}}
    views.load(
        "balance_transactions", line(), line(id="txn_2"), line(id="txn_3", type="refund", source=refund)
    )
    assert [row["order_reference"] for row in views.rows("payout_entries")] == ["1001"] * 3


# --- the vendor's own samples and recordings --------------------------------------------------------------


def test_the_sample_movement_and_payout_become_rows(views: Staging) -> None:
    """As the vendor's own mock gives them."""
    sample = fixture("fixtures", "stripe", "fixture_balance_transaction.json")
    charge = fixture("fixtures", "stripe", "fixture_charge.json")
    views.load("balance_transactions", {**sample, "source": charge})
    views.load("payouts", fixture("fixtures", "stripe", "fixture_payout.json"))
    (row,), (paid,) = views.rows("payout_entries"), views.rows("payouts")
    assert (row["net_amount"], row["settlement_currency"], row["kind_code"]) == (Decimal(1), "USD", "charge")
    assert row["transaction_id"] == charge["id"]
    assert row["occurred_at"] == datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)
    assert (paid["net_amount"], paid["status_code"], paid["is_itemised"]) == (Decimal(11), "scheduled", True)


@pytest.mark.parametrize(
    "name",
    ["fixture_refund.json", "get-refund.recorded.json", "fixture_dispute.json", "fixture_transfer.json"],
)
def test_a_recorded_source_leads_to_its_charge(views: Staging, name: str) -> None:
    """Whatever else it holds."""
    sample = fixture("fixtures", "stripe", name)
    source = sample.get("output", sample)
    views.load("balance_transactions", line(type="refund", source=source))
    (row,) = views.rows("payout_entries")
    assert (row["transaction_id"], row["original_transaction_id"]) == (source["id"], source.get("charge"))


def alike(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where our object has another shape than the vendor's sample; null goes for anything."""
    if ours is None or theirs is None:
        return []
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [p for k in ours.keys() & theirs.keys() for p in alike(ours[k], theirs[k], f"{where}.{k}")]
    numbers = isinstance(ours, int | float) and isinstance(theirs, int | float)
    return [] if type(ours) is type(theirs) or numbers else [where]


@pytest.mark.parametrize("name", ["payout", "balance_transaction"])
def test_the_sandbox_gives_objects_of_the_vendors_shape(name: str) -> None:
    """Exactly the sample's fields, each of its type."""
    sample = fixture("vendors", "specs", "payouts_stripe_fixtures.json")["resources"][name]
    made = Provider("stripe")
    made.sell("#A")
    made.do("pay_out")
    shown = edge.Edge("stripe", made.world, Kit(made.world))
    (payout_,), (charge, _) = made.account.payouts.values(), made.account.entries.values()
    ours = shown.payout(payout_) if name == "payout" else shown.line(charge, is_whole=False)
    assert set(ours) == set(sample)
    assert alike(ours, sample) == []


def test_an_errors_message_is_found_in_its_body() -> None:
    """The vendor nests it."""
    body = {"error": {"code": "api_key_expired", "message": "Expired API Key provided: rk_test_***"}}
    assert said(body) == "Expired API Key provided: rk_test_***"
