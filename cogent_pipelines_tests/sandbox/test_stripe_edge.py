"""The sandbox's Stripe behaves at its edge as the vendor's documents say: key, limits, lists, filters, faults."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines_tests.sandbox.provider_account import START, Provider

KEY = "sandbox-stripe-api_key"
HOUR = 3600


def account() -> Provider:
    """An account and a caller with its key."""
    made = Provider("stripe")
    made.bearer(KEY)
    return made


def error(answer: Any) -> dict[str, Any]:
    """What an error's body says."""
    return answer.json()["error"]


def test_a_wrong_key_is_401_in_the_vendors_words() -> None:
    """And no key at all; nothing is shown of either."""
    made = account()
    refused = made.call("/v1/payouts", key="Bearer rk_live_wrong1234")
    assert (refused.status, error(refused)["type"]) == (401, "invalid_request_error")
    assert error(refused)["message"] == "Invalid API Key provided: rk_live_****1234"
    assert made.call("/v1/payouts", key=" ").status == 401


def test_the_key_may_come_as_the_user_of_basic() -> None:
    """With an empty password."""
    pair = base64.b64encode(f"{KEY}:".encode()).decode()
    assert account().call("/v1/payouts", key=f"Basic {pair}").status == 200


def test_an_expired_key_says_so() -> None:
    """With a code of its own."""
    made = account()
    made.kit.faults.set("token_expired=1")
    assert error(made.call("/v1/payouts"))["code"] == "api_key_expired"


def test_the_26th_call_of_a_second_at_one_endpoint_is_429() -> None:
    """And may be repeated; another endpoint still answers."""
    made = account()
    assert {made.call("/v1/payouts", waits=0).status for _ in range(25)} == {200}
    refused = made.call("/v1/payouts", waits=0)
    assert (refused.status, error(refused)["code"]) == (429, "rate_limit")
    assert refused.headers["stripe-should-retry"] == "true"
    assert made.call("/v1/balance_transactions", waits=0).status == 200
    assert made.call("/v1/payouts", waits=1).status == 200


def test_lists_come_newest_first_and_go_on_after_an_id() -> None:
    """Ten at a time unless asked for up to a hundred."""
    made = account()
    for n in range(12):
        made.sell(f"#{n}")
        made.advance(60)
    first = made.call("/v1/balance_transactions").json()
    assert (first["object"], first["url"], first["has_more"]) == ("list", "/v1/balance_transactions", True)
    assert len(first["data"]) == 10
    assert [d["created"] for d in first["data"]] == sorted(
        (d["created"] for d in first["data"]), reverse=True
    )
    rest = made.call("/v1/balance_transactions", starting_after=first["data"][-1]["id"]).json()
    assert (len(rest["data"]), rest["has_more"]) == (2, False)
    assert made.call("/v1/balance_transactions", limit=101).status == 400
    assert made.call("/v1/balance_transactions", starting_after="txn_nobody").status == 400
    assert error(made.call("/v1/balance_transactions", page=2))["code"] == "parameter_unknown"


def test_amounts_are_minor_units_and_yen_have_none() -> None:
    """Gross, fee and net in the currency of the balance; what was paid stands on the charge."""
    made = account()
    made.sell("#A", presentment=["JPY", "187.31"])
    (line,) = made.call("/v1/balance_transactions", **{"expand[]": "data.source"}).json()["data"]
    assert (line["amount"], line["fee"], line["net"], line["currency"]) == (10000, 170, 9830, "gbp")
    assert (line["source"]["amount"], line["source"]["currency"]) == (18731, "jpy")
    assert line["exchange_rate"] == pytest.approx(100 / 18731, abs=1e-6)
    assert line["source"]["metadata"] == {"order_id": "A"}


def test_a_movement_names_its_source_and_shows_it_when_asked() -> None:
    """A refund and a dispute name their charge; none names its payout."""
    made = account()
    charge = made.sell("#A")
    made.do("dispute", order="#A")
    plain = made.call("/v1/balance_transactions").json()["data"]
    assert {line["source"][:3] for line in plain} == {"ch_", "dp_"}
    assert not any("payout" in line for line in plain)
    dispute = made.call("/v1/balance_transactions", type="adjustment", **{"expand[]": "data.source"}).json()[
        "data"
    ][0]
    assert (dispute["reporting_category"], dispute["amount"], dispute["fee"]) == ("dispute", -10000, 1500)
    assert dispute["source"]["charge"] == f"ch_{charge.id:024d}"


def test_a_payout_shows_its_lines_whole_once_it_is_reconciled() -> None:
    """Its own line among them, which takes the sum to nothing."""
    made = account()
    made.sell("#A")
    made.sell("#B")
    made.advance(4 * HOUR)
    (payout,) = made.call("/v1/payouts").json()["data"]
    assert (payout["status"], payout["reconciliation_status"]) == ("in_transit", "in_progress")
    early = made.call("/v1/balance_transactions", payout=payout["id"]).json()["data"]
    made.advance(24 * HOUR)
    (payout,) = made.call("/v1/payouts").json()["data"]
    assert (payout["status"], payout["reconciliation_status"]) == ("paid", "completed")
    lines = made.call("/v1/balance_transactions", payout=payout["id"]).json()["data"]
    assert (len(early), len(lines)) == (2, 3)
    assert sum(line["net"] for line in lines) == 0
    assert payout["amount"] == 2 * 9830


def test_a_manual_payout_cannot_be_asked_for_its_lines() -> None:
    """It is refused, not empty."""
    made = account()
    made.sell("#A")
    made.do("pay_out", manual=True)
    (payout,) = made.call("/v1/payouts").json()["data"]
    assert (payout["automatic"], payout["reconciliation_status"]) == (False, "not_applicable")
    assert made.call("/v1/balance_transactions", payout=payout["id"]).status == 400
    assert made.call("/v1/balance_transactions", payout="po_nobody").status == 404


def test_a_failed_payout_comes_back_as_a_movement() -> None:
    """And names it."""
    made = account()
    made.sell("#A")
    paid = made.do("pay_out")
    made.do("fail_payout", id=paid["id"])
    (payout,) = made.call("/v1/payouts", status="failed").json()["data"]
    (back,) = made.call("/v1/balance_transactions", type="payout_failure").json()["data"]
    assert (payout["failure_balance_transaction"], back["amount"]) == (back["id"], payout["amount"])


def test_lists_are_filtered_by_when_their_records_were_made() -> None:
    """From an instant on, in seconds."""
    made = account()
    made.sell("#A")
    made.advance(HOUR)
    made.sell("#B")
    since = int(START.timestamp()) + HOUR - 60
    assert len(made.call("/v1/balance_transactions", **{"created[gte]": since}).json()["data"]) == 1
    assert made.call("/v1/balance_transactions", **{"created[gte]": "yesterday"}).status == 400


def test_single_records_are_shown_by_id() -> None:
    """What is not there is 404, and so is a path that is none."""
    made = account()
    charge = made.sell("#A")
    assert made.call(f"/v1/balance_transactions/txn_{charge.id:024d}").json()["amount"] == 10000
    assert made.call("/v1/balance_transactions/txn_x").status == 404
    assert made.call("/v1/payouts/po_x").status == 404
    assert made.call("/v1/nowhere").status == 404


@pytest.mark.parametrize(
    ("kind", "status"), [("error_500", 500), ("unavailable", 503), ("conflict", 429), ("forbidden", 403)]
)
def test_planted_refusals_are_in_the_vendors_shape(kind: str, status: int) -> None:
    """An error object, and a header that says whether to try again."""
    made = account()
    until = START.replace(hour=23)
    made.kit.faults.outages.append(Outage("stripe", "", kind, since=START, until=until, left=1))
    refused = made.call("/v1/payouts")
    assert (refused.status, set(error(refused)) >= {"message", "type"}) == (status, True)
    assert refused.headers["stripe-should-retry"] in {"true", "false"}
