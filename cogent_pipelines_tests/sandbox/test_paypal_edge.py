"""The sandbox's PayPal behaves at its edge as the vendor's documents say: login, spans, late rows, shared ids."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import secret
from cogent_pipelines.sandbox.vendors import paypal as edge
from cogent_pipelines_tests.sandbox.provider_account import START, Provider

PATH = "/v1/reporting/transactions"
HOUR = 3600


def account() -> Provider:
    """An account and a caller that has logged in."""
    made = Provider("paypal")
    made.bearer(login(made).json()["access_token"])
    return made


def login(made: Provider, password: str | None = None) -> Any:
    """A login with the account's secrets, or with another password."""
    pair = f"{secret('paypal', 'client_id')}:{password or secret('paypal', 'client_secret')}"
    key = "Basic " + base64.b64encode(pair.encode()).decode()
    return made.form("/v1/oauth2/token", key, grant_type="client_credentials")


def span(made: Provider, days: float = 1, **more: Any) -> dict[str, Any]:
    """A search's ends: so many days up to now."""
    now = made.world.now
    return {"start_date": edge.stamp(now - timedelta(days=days)), "end_date": edge.stamp(now), **more}


def infos(made: Provider, **asked: Any) -> list[dict[str, Any]]:
    """What a search finds."""
    body = made.call(PATH, **span(made, **asked)).json()
    return [each["transaction_info"] for each in body.get("transaction_details", [])]


def test_a_login_is_basic_and_its_token_lives_nine_hours() -> None:
    """A wrong secret is 401; a token that ended or never was is refused in the vendor's words."""
    made = Provider("paypal")
    assert (login(made).json()["expires_in"], login(made).json()["token_type"]) == (32400, "Bearer")
    assert edge.SCOPE.split()[0] in login(made).json()["scope"]
    assert login(made, "wrong").status == 401
    refused = made.call(PATH, key="Bearer nonsense", **span(made))
    assert (refused.status, refused.json()["name"]) == (401, "AUTHENTICATION_FAILURE")
    made.bearer(login(made).json()["access_token"])
    assert made.call(PATH, **span(made)).status == 200
    made.advance(32_400)
    assert made.call(PATH, **span(made)).status == 401


def test_an_empty_span_has_no_list_at_all() -> None:
    """Only a count of nothing."""
    made = account()
    body = made.call(PATH, **span(made)).json()
    assert "transaction_details" not in body
    assert (body["total_items"], body["total_pages"], body["page"]) == (0, 0, 1)


def test_a_span_is_31_days_at_most_and_three_years_back() -> None:
    """And not newer than what the vendor has got."""
    made = account()
    assert made.call(PATH, **span(made, days=31)).status == 200
    refused = made.call(PATH, **span(made, days=32))
    assert (refused.status, refused.json()["name"]) == (400, "INVALID_REQUEST")
    for at in (datetime(2023, 10, 1, tzinfo=UTC), made.world.now - timedelta(minutes=2)):
        ends = {"start_date": edge.stamp(at), "end_date": edge.stamp(at + timedelta(days=1))}
        refused = made.call(PATH, **ends)
        assert refused.json()["message"] == "Data for the given start date is not available."


@pytest.mark.parametrize(
    "asked", [{"start_date": ""}, {"end_date": "2026-11-02"}, {"page": 0}, {"page_size": 501}, {"page": "x"}]
)
def test_a_bad_parameter_is_refused_by_name(asked: dict[str, Any]) -> None:
    """With the field, its value and where it stood."""
    made = account()
    refused = made.call(PATH, **{**span(made), **asked}).json()
    assert refused["name"] == "INVALID_REQUEST"
    assert refused["details"][0]["location"] == "query"


def test_too_many_rows_are_refused_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the span has half of them."""
    monkeypatch.setattr(edge, "MOST", 3)
    made = account()
    for n in range(4):
        made.sell(f"#{n}")
    made.bearer(_again(made, 12))
    refused = made.call(PATH, **span(made))
    assert (refused.status, refused.json()["name"]) == (400, "RESULTSET_TOO_LARGE")


def _again(made: Provider, hours: float) -> str:
    made.advance(hours * HOUR)
    return login(made).json()["access_token"]


def test_a_row_appears_up_to_three_hours_late() -> None:
    """It was always at its instant, once it is there."""
    made = account()
    for n in range(20):
        made.sell(f"#{n}")
    now = len(infos(made))
    made.advance(3 * HOUR)
    rows = [i for i in infos(made) if i["transaction_event_code"] == "T0006"]
    assert now < len(rows) == 20
    assert {row["transaction_initiation_date"] for row in rows} == {edge.stamp(START)}


def test_pages_are_counted_from_one() -> None:
    """With the number of pages and a link to the next."""
    made = account()
    for n in range(5):
        made.sell(f"#{n}")
    made.advance(6.5 * HOUR)
    first = made.call(PATH, **span(made, page_size=2)).json()
    assert (first["total_items"], first["total_pages"]) == (6, 3)
    assert [link["rel"] for link in first["links"]] == ["self", "next"]
    seen = {r["transaction_id"] for page in (1, 2, 3) for r in infos(made, page_size=2, page=page)}
    assert len(seen) == 6


def test_a_payment_in_another_currency_is_converted_in_two_rows_of_one_id() -> None:
    """They empty its own balance and fill the home one; fees are negative, and absent where there are none."""
    made = account()
    made.sell("#E", "20.00", presentment=["EUR", "1.17"])
    made.advance(3.2 * HOUR)
    charge, euro, pound = infos(made)[:3]
    assert (charge["transaction_amount"], charge["fee_amount"]) == (
        {"currency_code": "EUR", "value": "28.02"},
        {"currency_code": "EUR", "value": "-0.66"},
    )
    assert euro["transaction_id"] == pound["transaction_id"]
    assert (euro["transaction_amount"]["value"], pound["transaction_amount"]["value"]) == ("-27.36", "23.39")
    assert (euro["ending_balance"]["value"], pound["ending_balance"]["value"]) == ("0.00", "23.39")
    assert "fee_amount" not in euro


def test_the_balance_is_told_only_where_no_filter_is_asked_for() -> None:
    """Any optional parameter but the page takes it away."""
    made = account()
    made.sell("#A")
    made.advance(3.2 * HOUR)
    assert "ending_balance" in infos(made, page_size=5)[0]
    assert "ending_balance" not in infos(made, balance_affecting_records_only="Y")[0]


def test_a_withdrawal_is_pending_until_it_arrives() -> None:
    """There is no payout but it; one that failed comes back in a row of its own."""
    made = account()
    made.advance(3.1 * HOUR)
    made.sell("#A")
    paid = made.do("pay_out")
    made.bearer(_again(made, 4))
    (row,) = [i for i in infos(made) if i["transaction_event_code"] == "T0400"]
    assert (row["transaction_status"], row["transaction_amount"]["value"]) == ("P", "-98.30")
    made.do("fail_payout", id=paid["id"])
    made.bearer(_again(made, 4))
    kinds = {i["transaction_event_code"]: i["transaction_status"] for i in infos(made)}
    assert kinds == {"T0006": "S", "T0400": "V", "T1101": "S"}


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [("error_500", 500, "INTERNAL_SERVER_ERROR"), ("rate_limited", 429, "RATE_LIMIT_REACHED"),
     ("forbidden", 403, "NOT_AUTHORIZED"), ("token_expired", 401, "AUTHENTICATION_FAILURE")],
)  # fmt: skip
def test_planted_refusals_are_in_the_vendors_shape(kind: str, status: int, name: str) -> None:
    """A name, a message and a debug id."""
    made = account()
    made.kit.faults.set(f"{kind}=1")
    refused = made.call(PATH, **span(made))
    assert (refused.status, refused.json()["name"]) == (status, name)
    assert refused.json()["debug_id"]


def test_fifty_calls_a_minute_are_answered() -> None:
    """The next is 429."""
    made = account()
    statuses = [made.call(PATH, waits=0, **span(made)).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]
