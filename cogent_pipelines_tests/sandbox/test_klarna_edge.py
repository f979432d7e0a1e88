"""The sandbox's Klarna behaves at its edge as the vendor's documents say: credentials, dates, pages, lines, totals."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.sandbox.vendors import klarna as edge
from cogent_pipelines_tests.sandbox.provider_account import Provider

PAYOUTS, LINES = "/settlements/v1/payouts", "/settlements/v1/transactions"
HOUR, DAY = 3600, 86_400


def account() -> Provider:
    """An account and a caller with its credentials."""
    made = Provider("klarna")
    made.basic("username", "password")
    return made


def paid(made: Provider) -> dict[str, Any]:
    """The newest payout."""
    made.advance(DAY)
    found: dict[str, Any] = made.call(PAYOUTS).json()["payouts"][0]
    return found


def test_wrong_credentials_are_401() -> None:
    """With a code, messages and an id to ask about."""
    refused = account().call(PAYOUTS, key="Basic bm90OnRoaXM=")
    assert refused.status == 401
    assert set(refused.json()) == {"error_code", "error_messages", "correlation_id"}


def test_a_date_without_a_time_is_midnight() -> None:
    """So a day from itself to itself is empty, and the end does not count."""
    made = account()
    made.sell("#A")
    made.advance(DAY)
    assert made.call(PAYOUTS, start_date="2026-11-02", end_date="2026-11-02").json()["payouts"] == []
    assert len(made.call(PAYOUTS, start_date="2026-11-02", end_date="2026-11-03").json()["payouts"]) == 1
    assert made.call(PAYOUTS, start_date="2026-11-02T00:00:01Z").json()["payouts"] == []
    assert made.call(PAYOUTS, start_date="soon").json()["error_code"] == "BAD_VALUE"


def test_a_payout_is_listed_after_it_was_made_and_dated_before() -> None:
    """Whoever asks from the last look on by its date misses it."""
    made = account()
    made.sell("#A")
    made.do("pay_out")
    made.advance(HOUR)
    assert made.call(PAYOUTS).json()["payouts"] == []
    made.advance(HOUR)
    (payout,) = made.call(PAYOUTS).json()["payouts"]
    assert payout["payout_date"] == "2026-11-02T00:00:00Z"


def test_lists_are_paged_by_size_and_offset() -> None:
    """Twenty at a time unless asked for up to 500, with the next page's address."""
    made = account()
    for n in range(23):
        made.sell(f"#{n}")
        made.do("pay_out")
    made.advance(DAY)
    first = made.call(PAYOUTS, currency_code="GBP").json()
    assert len(first["payouts"]) == 20
    assert {k: first["pagination"][k] for k in ("count", "total", "offset")} == {
        "count": 20,
        "total": 23,
        "offset": 0,
    }
    assert first["pagination"]["next"].endswith("?currency_code=GBP&size=20&offset=20")
    rest = made.call(PAYOUTS, size=20, offset=20).json()
    assert (len(rest["payouts"]), "next" in rest["pagination"], "prev" in rest["pagination"]) == (
        3,
        False,
        True,
    )
    assert made.call(PAYOUTS, size=501).status == 400
    assert made.call(PAYOUTS, offset="x").status == 400


def test_a_sale_is_three_lines_of_one_capture() -> None:
    """Without a sign; totals and lines come to the same."""
    made = account()
    made.sell("#A")
    payout = paid(made)
    lines = made.call(LINES, payment_reference=payout["payment_reference"]).json()["transactions"]
    assert [(line["type"], line["amount"]) for line in lines] == [("SALE", 10000), ("FEE", 142), ("TAX", 28)]
    assert len({line["capture_id"] for line in lines}) == 1
    assert {line["merchant_reference1"] for line in lines} == {"A"}
    totals = payout["totals"]
    assert (totals["sale_amount"], totals["fee_amount"], totals["tax_amount"]) == (10000, 142, 28)
    assert totals["settlement_amount"] == 9830


def test_everything_else_is_a_type_too() -> None:
    """And amounts stay without a sign."""
    made = account()
    made.sell("#A")
    for verb, args in (("dispute", {}), ("win", {}), ("reserve", {"amount": "5"}), ("release", {})):
        made.do(verb, order="#A", **args)
    payout = paid(made)
    lines = made.call(LINES, payment_reference=payout["payment_reference"]).json()["transactions"]
    assert [line["type"] for line in lines[3:]] == [
        "REVERSAL", "CHARGE", "REVERSAL_MERCHANT_PROTECTION", "HOLDBACK", "RELEASE",
    ]  # fmt: skip
    assert min(line["amount"] for line in lines) > 0
    signed = sum(-line["amount"] if line["type"] in edge.REDUCING else line["amount"] for line in lines)
    assert payout["totals"]["settlement_amount"] == signed == 8330


def test_single_payouts_and_the_lines_of_one_order_are_shown() -> None:
    """What is not there is 404."""
    made = account()
    made.sell("#A")
    made.sell("#B")
    payout = paid(made)
    name = payout["payment_reference"]
    assert made.call(f"{PAYOUTS}/{name}").json()["totals"] == payout["totals"]
    order = made.call(LINES, payment_reference=name).json()["transactions"][0]["order_id"]
    assert len(made.call(LINES, order_id=order).json()["transactions"]) == 3
    assert made.call(f"{PAYOUTS}/nobody").status == made.call(LINES, payment_reference="nobody").status == 404
    assert made.call("/nowhere").status == 404


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
def test_planted_refusals_are_in_the_vendors_shape(kind: str, status: int) -> None:
    """A code and a list of messages."""
    made = account()
    made.kit.faults.set(f"{kind}=1")
    refused = made.call(PAYOUTS)
    assert (refused.status, len(refused.json()["error_messages"])) == (status, 1)
