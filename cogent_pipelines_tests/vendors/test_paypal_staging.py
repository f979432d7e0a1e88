"""PayPal's records in our words, and its recorded answers as rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.vendors import paypal
from cogent_pipelines_tests.vendors.payouts_kit import fixture
from cogent_pipelines_tests.vendors.staging_kit import Staging


@pytest.fixture
def views() -> Staging:
    """An empty raw table and the views over it."""
    return Staging("paypal", "paypal")


def row(
    number: int = 1, code: str = "T0006", amount: str = "60.00", balance: str | None = None, **more: Any
) -> Any:
    """A movement, of the minute of its number."""
    info = {
        "transaction_id": f"{number:016d}P", "transaction_event_code": code, "transaction_status": "S",
        "transaction_initiation_date": f"2026-11-02T09:{number:02d}:00Z",
        "transaction_amount": {"currency_code": "GBP", "value": amount}, **more,
    }  # fmt: skip
    if balance is not None:
        info["ending_balance"] = {"currency_code": "GBP", "value": balance}
    return {"key": paypal.key(info), "transaction_info": info}


def sums(views: Staging) -> dict[str | None, Decimal]:
    """Payout -> the sum of its entries."""
    found: dict[str | None, Decimal] = {}
    for entry in views.rows("payout_entries"):
        if entry["kind_code"] != "payout":
            found[entry["payout_id"]] = found.get(entry["payout_id"], Decimal(0)) + entry["net_amount"]
    return found


@pytest.mark.parametrize(
    ("code", "amount", "kind"),
    [
        ("T0006", "1", "charge"), ("T0003", "-1", "adjustment"), ("T1107", "-1", "refund"), ("T1106", "-1", "chargeback"),
        ("T1201", "-1", "chargeback"), ("T1202", "1", "chargeback_reversed"), ("T0106", "-1", "fee"),
        ("T1108", "1", "fee"), ("T1110", "-1", "reserve_held"), ("T1111", "1", "reserve_released"),
        ("T2103", "-1", "reserve_held"), ("T2104", "1", "reserve_released"), ("T0200", "1", "conversion"),
        ("T0400", "-1", "payout"), ("T0300", "1", "adjustment"), ("T1900", "1", "adjustment"), ("T9999", "1", "unknown"),
    ],
)  # fmt: skip
def test_an_event_code_has_its_word(views: Staging, code: str, amount: str, kind: str) -> None:
    """A closed list of families with the vendor's own code beside it."""
    views.load("transactions", row(code=code, amount=amount))
    (entry,) = views.rows("payout_entries")
    assert (entry["kind_code"], entry["kind_raw"]) == (kind, code)


def test_net_is_gross_and_the_negative_fee(views: Staging) -> None:
    """A fee that comes back with a refund is a negative one."""
    fee = {"currency_code": "GBP", "value": "-2.04"}
    back = {"currency_code": "GBP", "value": "0.50"}
    views.load("transactions", row(fee_amount=fee), row(2, "T1107", "-10.00", fee_amount=back))
    shown = [(e["gross_amount"], e["fee_amount"], e["net_amount"]) for e in views.rows("payout_entries")]
    assert shown == [
        (Decimal(60), Decimal("2.04"), Decimal("57.96")),
        (Decimal(-10), Decimal("-0.5"), Decimal("-9.5")),
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [("P", "scheduled"), ("S", "paid"), ("V", "failed"), ("D", "failed"), ("X", "unknown")],
)
def test_a_withdrawals_status_has_its_word(views: Staging, status: str, code: str) -> None:
    """A closed list with the vendor's own beside it."""
    views.load("transactions", row(code="T0400", amount="-60.00", transaction_status=status))
    (payout,) = views.rows("payouts")
    assert (payout["status_code"], payout["status_raw"], payout["net_amount"]) == (code, status, Decimal(60))


def test_what_is_pending_or_denied_has_not_moved(views: Staging) -> None:
    """One that was reversed has, and so has its reversal."""
    for number, status in enumerate("PDVS", 1):
        views.load("transactions", row(number, transaction_status=status))
    assert [e["transaction_id"][:16] for e in views.rows("payout_entries")] == [f"{n:016d}" for n in (3, 4)]


def test_a_withdrawal_of_a_part_is_the_sum_of_its_entries(views: Staging) -> None:
    """By the balances the provider tells: what lay there before our first row, what was left, what was brought on."""
    views.load(
        "transactions",
        row(1, balance="160.00"),  # there were 100 before
        row(2, "T0400", "-90.00", "70.00", fee_amount={"currency_code": "GBP", "value": "0.00"}),
        row(3, balance="130.00"),
        row(4, "T0400", "-130.00", "0.00"),
        row(5, balance="60.00"),
    )
    payouts = {p["payout_id"]: p["net_amount"] for p in views.rows("payouts")}
    found = sums(views)
    assert found.pop(None) == 60
    assert found == payouts
    assert {e["kind_raw"] for e in views.rows("payout_entries")} >= {
        "balance brought forward",
        "balance carried forward",
    }


def test_a_movement_of_the_withdrawals_own_second_went_with_it(views: Staging) -> None:
    """The balance afterwards says so."""
    views.load("transactions", row(2, balance="60.00"), row(2, "T0400", "-60.00", "0.00"))
    assert sums(views) == {p["payout_id"]: p["net_amount"] for p in views.rows("payouts")}
    assert list(sums(views).values()) == [Decimal(60)]


def test_a_withdrawals_own_fee_is_an_entry_of_it(views: Staging) -> None:
    """It is taken from the balance beside what goes to the bank."""
    fee = {"currency_code": "GBP", "value": "-0.60"}
    views.load("transactions", row(1, balance="60.00"), row(2, "T0400", "-59.40", "0.00", fee_amount=fee))
    assert sums(views) == {p["payout_id"]: p["net_amount"] for p in views.rows("payouts")}
    assert Decimal("-0.6") in {
        e["gross_amount"] for e in views.rows("payout_entries") if e["kind_code"] == "fee"
    }


def test_a_withdrawal_without_balances_is_not_itemised(views: Staging) -> None:
    """Then it is not known whether it took all there was."""
    views.load("transactions", row(1), row(2, "T0400", "-50.00"))
    (payout,) = views.rows("payouts")
    assert payout["is_itemised"] is False


def test_withdrawals_are_by_currency(views: Staging) -> None:
    """Pounds do not go out with dollars."""
    dollars = {"transaction_amount": {"currency_code": "USD", "value": "-5.00"}}
    views.load("transactions", row(1, balance="60.00"), row(2, "T0400", **dollars))
    (charge,) = [e for e in views.rows("payout_entries") if e["kind_code"] == "charge"]
    assert charge["payout_id"] is None


def test_the_same_id_on_several_rows_is_several_movements() -> None:
    """Code, instant and currency tell them apart."""
    one = row()["transaction_info"]
    others = [
        {**one, "transaction_event_code": "T0106"},
        {**one, "transaction_initiation_date": "2026-11-03T09:01:00Z"},
        {**one, "transaction_amount": {"currency_code": "EUR", "value": "1"}},
    ]
    assert len({paypal.key(each) for each in (one, *others)}) == 4
    assert paypal.key(
        {**one, "transaction_status": "V", "transaction_updated_date": "2026-11-09T09:00:00Z"}
    ) == paypal.key(one)


# --- recordings -------------------------------------------------------------------------------------------


def test_the_recorded_spans_become_one_row(views: Staging) -> None:
    """Three spans of 31 days at most, of which two lack the list."""
    calls = fixture("fixtures", "paypal", "transactions.recorded.json")["api"]["get"][paypal.PATH]
    records = [row for call in calls for row in paypal.movements(None, call["response"])]
    views.load("transactions", *records)
    (entry,) = views.rows("payout_entries")
    assert (entry["kind_code"], entry["kind_raw"], entry["net_amount"]) == (
        "adjustment",
        "T1900",
        Decimal(5000),
    )
    assert (entry["settlement_currency"], entry["transaction_id"]) == ("USD", "20V28231T91572413")
    assert entry["occurred_at"] == datetime(2026, 4, 30, 16, 45, 54, tzinfo=UTC)
    spans = [
        datetime.fromisoformat(c["request"]["params"][n]) for c in calls for n in ("start_date", "end_date")
    ]
    assert all(end - start <= paypal.LONGEST for start, end in zip(spans[::2], spans[1::2], strict=True))
