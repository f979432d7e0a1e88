"""The sandbox's Adyen behaves at its edge as the vendor's documents say: credentials, batches, files, notifications."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.vendors import adyen as edge
from cogent_pipelines_tests.sandbox.provider_account import Provider

FOLDER = f"/reports/download/MerchantAccount/{edge.MERCHANT}"
HOUR, DAY = 3600, 86_400


def account() -> Provider:
    """An account and a caller with its report user."""
    made = Provider("adyen")
    made.basic("user", "password")
    return made


def rows(made: Provider, number: int) -> list[dict[str, str]]:
    """A batch's file by column name."""
    found = made.call(f"{FOLDER}/{edge.file_name(number)}")
    assert (found.status, found.headers["content-type"].split(";")[0]) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(found.content.decode())))


def net(row: dict[str, str]) -> Decimal:
    """A row's credit less its debit."""
    return Decimal(row["Net Credit (NC)"] or 0) - Decimal(row["Net Debit (NC)"] or 0)


def test_a_wrong_password_is_401_and_asks_for_basic() -> None:
    """Nothing is told of what there is."""
    refused = account().call(f"{FOLDER}/{edge.file_name(41)}", key="Basic bm90OnRoaXM=")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="Adyen reports"')


def test_a_file_is_there_an_hour_after_its_batch_closed() -> None:
    """Before that, and in another account, it is 404."""
    made = account()
    made.sell("#A")
    made.advance(3.5 * HOUR)
    assert made.call(f"{FOLDER}/{edge.file_name(41)}").status == 404
    made.advance(HOUR)
    assert len(rows(made, 41)) == 2
    assert made.call(f"/reports/download/MerchantAccount/Other/{edge.file_name(41)}").status == 404
    assert made.call("/nowhere").status == 404


def test_the_head_is_the_standard_columns() -> None:
    """In their order."""
    made = account()
    made.sell("#A")
    made.advance(DAY)
    assert tuple(rows(made, 41)[0]) == edge.COLUMNS
    assert len(edge.COLUMNS) == 30


def test_debit_and_credit_are_columns_and_a_batch_comes_to_nothing() -> None:
    """The payout is a row like any other, on the other side."""
    made = account()
    made.sell("#A")
    made.sell("#B")
    made.do("reserve", order="#A", amount="5")
    made.advance(DAY)
    found = rows(made, 41)
    assert [row["Type"] for row in found] == ["Settled", "Settled", "DepositCorrection", "MerchantPayout"]
    assert sum(map(net, found)) == 0
    assert {bool(row["Net Credit (NC)"]) + bool(row["Net Debit (NC)"]) for row in found} == {1}


def test_fees_are_a_commission_or_the_three_others() -> None:
    """Never both; a dispute's fee is the row's commission."""
    made = account()
    for n in range(4):
        made.sell(f"#{n}")
    made.do("dispute", order="#1")
    made.advance(DAY)
    kinds = set()
    for row in rows(made, 41)[:5]:
        three = [row[f"{name} (NC)"] for name in ("Markup", "Scheme Fees", "Interchange")]
        assert bool(row["Commission (NC)"]) is not any(three)
        fee = sum(Decimal(part or 0) for part in (row["Commission (NC)"], *three))
        gross = Decimal(row["Gross Credit (GC)"] or 0) - Decimal(row["Gross Debit (GC)"] or 0)
        assert net(row) == gross - fee
        kinds.add((row["Type"], bool(row["Commission (NC)"])))
    assert kinds == {("Settled", True), ("Settled", False), ("Chargeback", True)}


def test_instants_are_the_accounts_with_the_zones_text_beside() -> None:
    """Winter is CET, summer CEST."""
    made = account()
    made.sell("#A")
    made.advance(DAY)
    row = rows(made, 41)[0]
    assert (row["Creation Date"], row["TimeZone"]) == ("2026-11-02 07:00:00", "CET")


def test_gross_is_what_was_paid_and_net_what_is_settled() -> None:
    """With a rate between them."""
    made = account()
    made.sell("#E", presentment=["EUR", "1.17"])
    made.advance(DAY)
    row = rows(made, 41)[0]
    assert (row["Gross Currency"], row["Gross Credit (GC)"], row["Net Currency"]) == ("EUR", "117.00", "GBP")
    assert (Decimal(117) * Decimal(row["Exchange Rate"])).quantize(Decimal("0.01")) == 100


def test_what_is_owed_is_carried_into_the_next_batch() -> None:
    """A batch may close without a payout."""
    made = account()
    made.sell("#A")
    made.advance(DAY)
    made.do("dispute", order="#A")
    made.advance(DAY)
    made.sell("#B", "296.05")
    made.advance(DAY)
    assert [row["Type"] for row in rows(made, 42)] == ["Chargeback", "Balancetransfer"]
    assert [row["Type"] for row in rows(made, 43)] == ["Balancetransfer", "Settled", "MerchantPayout"]
    assert sum(map(net, rows(made, 42))) == sum(map(net, rows(made, 43))) == 0


def test_a_payout_the_bank_sends_back_is_a_row_of_a_later_batch() -> None:
    """And is paid with it."""
    made = account()
    made.sell("#A")
    paid = made.do("pay_out")
    made.advance(60)
    made.do("fail_payout", id=paid["id"])
    made.advance(DAY)
    assert [row["Type"] for row in rows(made, 42)] == ["BankInstructionReturned", "MerchantPayout"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("error_500", 500),
        ("rate_limited", 429),
        ("unavailable", 503),
        ("forbidden", 403),
        ("token_expired", 401),
    ],
)
def test_planted_refusals_are_plain(kind: str, status: int) -> None:
    """No JSON: it is a file server."""
    made = account()
    made.kit.faults.set(f"{kind}=1")
    refused: Any = made.call(f"{FOLDER}/{edge.file_name(41)}")
    assert (refused.status, refused.headers["content-type"].split(";")[0]) == (status, "text/plain")
