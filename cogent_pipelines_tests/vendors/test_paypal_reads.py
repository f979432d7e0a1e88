"""PayPal as it is read: spans, halves, late rows, shared ids, refusals; against the sandbox's book and the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cogent_pipelines.connect.spec import Answer, Ask, Request, System, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.sandbox.vendors import paypal as edge
from cogent_pipelines.vendors import paypal
from cogent_pipelines_tests.sandbox.provider_account import Provider
from cogent_pipelines_tests.sandbox.test_paypal_edge import login, span
from cogent_pipelines_tests.vendors import payouts_kit
from cogent_pipelines_tests.vendors.payouts_kit import DAY, Books, fixture, net_of_payouts, number
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

SYSTEM = "paypal"
(STREAM,) = paypal.STREAMS
HOUR = 3600


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """A retailer with an account."""
    with payouts_kit.opened(tmp_path, SYSTEM) as made:
        yield made


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """The same after some days in which everything befell it, read once."""
    with payouts_kit.opened(tmp_path_factory.mktemp(SYSTEM), SYSTEM) as made:
        made.live(SYSTEM)
        assert all(report.is_complete for report in made.read(SYSTEM).values())
        yield made


def asked(window: Window, **options: Any) -> list[Ask]:
    """The spans of a window."""
    return paypal.ask_spans(window, System("paypal", "paypal", "https://api-m.paypal.com", {}, options))


def first(window: Window, **options: Any) -> Request:
    """A window's first request."""
    assert STREAM.paging is not None
    return STREAM.paging.first(asked(window, **options)[0].request)


# --- requests and the contract --------------------------------------------------------------------------


def test_nothing_is_asked_for_that_takes_the_balance_away() -> None:
    """Only the span and the page: any filter would empty ending_balance."""
    params = dict(first(Window(READ_AT - timedelta(days=14), READ_AT)).params)
    assert params == {
        "start_date": "2026-10-19T09:00:00Z", "end_date": "2026-11-02T09:00:00Z", "page": "1", "page_size": "500",
    }  # fmt: skip


def test_a_first_reading_goes_back_as_far_as_the_vendor_does() -> None:
    """Less some days; an account's option shortens it."""
    start = datetime.fromisoformat(dict(first(Window(None, READ_AT)).params)["start_date"])
    assert timedelta(days=1080) < READ_AT - start < timedelta(days=3 * 365)
    short = dict(first(Window(None, READ_AT), history_days=10).params)
    assert short["start_date"] == "2026-10-23T09:00:00Z"


def test_a_long_time_is_asked_for_in_equal_spans_that_touch() -> None:
    """None is longer than the vendor allows, and the last is no sliver of what it has not got yet."""
    ends = [
        (dict(ask.request.params)["start_date"], dict(ask.request.params)["end_date"])
        for ask in asked(Window(READ_AT - timedelta(days=63), READ_AT + timedelta(microseconds=5)))
    ]
    assert ends == [
        ("2026-08-31T09:00:00Z", "2026-09-21T09:00:00Z"),
        ("2026-09-21T09:00:00Z", "2026-10-12T09:00:00Z"),
        ("2026-10-12T09:00:00Z", "2026-11-02T09:00:00Z"),
    ]


def spec() -> dict[str, Any]:
    """The vendor's own contract."""
    found: dict[str, Any] = fixture("vendors", "specs", "payouts_paypal.json")
    return found


def schema(name: str) -> dict[str, Any]:
    """A schema of the contract that can be validated by itself."""
    return {"$ref": f"#/components/schemas/{name}", "components": spec()["components"]}


def test_a_request_is_one_the_contract_knows() -> None:
    """The path once, every parameter by name and within its bounds; what is required is there."""
    request = first(Window(None, READ_AT))
    operation = spec()["paths"][request.path]["get"]
    known = {p["name"]: p for p in spec()["components"]["parameters"].values()}
    listed = {p["$ref"].rsplit("/", 1)[-1] for p in operation["parameters"]}
    assert request.path == "/v1/reporting/transactions"
    assert {name for name, _ in request.params} <= listed
    assert {name for name in listed if known[name].get("required")} <= {name for name, _ in request.params}
    for name, value in request.params:
        kind = known[name]["schema"]
        jsonschema.validate(int(value) if kind["type"] == "integer" else value, kind)


def test_an_answer_of_the_sandbox_is_one_the_contract_knows() -> None:
    """A page of every kind of row, an empty one, and every error's body."""
    made = Provider(SYSTEM)
    made.sell("#A")
    made.sell("#B", presentment=["EUR", "1.17"])
    for verb, args in (("dispute", {}), ("win", {}), ("reserve", {"amount": "5"}), ("release", {})):
        made.do(verb, order="#A", **args)
    made.do("pay_out")
    made.advance(4 * HOUR)
    made.bearer(login(made).json()["access_token"])
    page = made.call(paypal.PATH, **span(made)).json()
    assert len({d["transaction_info"]["transaction_event_code"] for d in page["transaction_details"]}) == 8
    jsonschema.validate(page, schema("search_response"))
    jsonschema.validate(made.call(paypal.PATH, **span(made, page=9)).json(), schema("search_response"))
    jsonschema.validate(made.call(paypal.PATH, key="Bearer x", **span(made)).json(), schema("error_401"))
    jsonschema.validate(made.call(paypal.PATH, **span(made, page=0)).json(), schema("error_400"))
    for kind, name in (("forbidden", "error_403"), ("error_500", "error_500"), ("unavailable", "error_503")):
        made.kit.faults.set(f"{kind}=1")
        jsonschema.validate(made.call(paypal.PATH, **span(made)).json(), schema(name))


# --- against the book -------------------------------------------------------------------------------------


def test_every_movement_is_the_providers(lived: Books) -> None:
    """To the minor unit at home, by the movement: a fee or a conversion may stand on a row of its own."""
    told = {e.id: e.amount - e.fee for e in lived.account(SYSTEM).entries.values() if e.kind != "transfer"}
    shown: dict[int, Decimal] = {}
    for row in lived.entries(SYSTEM):
        if row["settlement_currency"] == "GBP":
            about = number(row["transaction_id"])
            shown[about] = shown.get(about, Decimal(0)) + row["net_amount"]
    assert shown == told


def test_every_payout_is_its_entries(lived: Books) -> None:
    """There is nothing but withdrawals."""
    payouts = {r["payout_id"]: r["net_amount"] for r in lived.mart("payouts", SYSTEM)}
    assert payouts == net_of_payouts(lived, SYSTEM)
    assert sorted(payouts.values()) == sorted(p.net for p in lived.account(SYSTEM).payouts.values())


def test_both_halves_of_a_conversion_are_kept(lived: Books) -> None:
    """They share id, code and instant; what was paid in euro leaves nothing in euro."""
    rows = [r for r in lived.entries(SYSTEM) if r["kind_code"] == "conversion"]
    assert len({row["transaction_id"] for row in rows}) == 1
    assert sorted(row["settlement_currency"] for row in rows) == ["EUR", "GBP"]
    assert sum(r["net_amount"] for r in lived.entries(SYSTEM) if r["settlement_currency"] == "EUR") == 0


def test_orders_and_originals_are_named(lived: Books) -> None:
    """A refund and a dispute by way of what they refer to."""
    rows = {(r["kind_code"], r["order_reference"]): r for r in lived.entries(SYSTEM)}
    assert rows["refund", "A"]["original_transaction_id"] == rows["charge", "A"]["transaction_id"]
    assert {kind for kind, order in rows if order == "C"} == {
        "charge",
        "chargeback",
        "chargeback_reversed",
        "fee",
    }


def test_nothing_is_undeclared(lived: Books) -> None:
    """Every field is kept or left out on purpose."""
    with lived.staged() as staged:
        assert staged.connection.execute("SELECT * FROM ops.unseen").fetchall() == []


def test_every_page_of_every_span_is_read_once(books: Books) -> None:
    """Sixty days are two spans; more than a page of 500 in one of them."""
    for n in range(520):
        books.sell(SYSTEM, f"#{n}", "6.05")
    books.move_on(35 * DAY)
    books.sell(SYSTEM, "#last")
    books.move_on(DAY)
    (report,) = books.read(SYSTEM).values()
    assert (report.is_complete, report.rows_new, report.rows_set_aside) == (True, 522, 0)
    assert books.sandbox.kit.counters.calls[SYSTEM, "GET /v1/reporting/transactions"] == 3
    assert net_of_payouts(books, SYSTEM) == {
        r["payout_id"]: r["net_amount"] for r in books.mart("payouts", SYSTEM)
    }


def test_a_span_that_is_too_large_is_halved_and_nothing_is_lost(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader once took the refusal for an empty list."""
    monkeypatch.setattr(edge, "MOST", 7)
    for n in range(24):
        books.sell(SYSTEM, f"#{n}")
        books.move_on(3 * HOUR)
    books.move_on(DAY)
    (report,) = books.read(SYSTEM).values()
    assert report.is_complete
    charges = [row for row in books.entries(SYSTEM) if row["kind_code"] == "charge"]
    assert len(charges) == 24


def test_what_appears_or_changes_late_comes_back(books: Books) -> None:
    """Rows of this hour, and a withdrawal that arrives tomorrow."""
    for n in range(12):
        books.sell(SYSTEM, f"#{n}")
    books.move_on(2.6 * HOUR)
    (first_,) = books.read(SYSTEM).values()
    assert 0 < first_.rows_new < 13
    books.move_on(DAY)
    (second,) = books.read(SYSTEM).values()
    assert (second.kind, first_.rows_new + second.rows_new) == ("increment", 13)
    (payout,) = books.mart("payouts", SYSTEM)
    assert payout["status_code"] == "paid"
    assert net_of_payouts(books, SYSTEM) == {payout["payout_id"]: payout["net_amount"]}


def test_a_withdrawal_that_failed_comes_back_with_the_next(books: Books) -> None:
    """Both are the sum of their entries."""
    books.sell(SYSTEM, "#A")
    books.move_on(3 * HOUR)
    (issued,) = books.account(SYSTEM).payouts.values()
    books.do(SYSTEM, "fail_payout", id=issued.id)
    books.move_on(3 * DAY)
    books.read(SYSTEM)
    payouts = {r["payout_id"]: r for r in books.mart("payouts", SYSTEM)}
    assert [r["status_code"] for r in payouts.values()] == ["failed", "paid"]
    assert net_of_payouts(books, SYSTEM) == {key: row["net_amount"] for key, row in payouts.items()}


def test_an_ended_token_is_renewed(books: Books) -> None:
    """Before its time is over."""
    books.sell(SYSTEM, "#A")
    books.read(SYSTEM)
    books.sandbox.kit.tokens.expire_all(SYSTEM)
    assert all(report.is_complete for report in books.read(SYSTEM).values())


def test_a_missing_right_halts_with_the_vendors_words(books: Books) -> None:
    """It is not retried."""
    books.strike(SYSTEM, "GET /v1/reporting/transactions", "forbidden")
    (refused,) = books.read(SYSTEM).values()
    assert isinstance(refused.error, Halt)
    assert "Authorization failed due to insufficient permissions." in refused.note


def test_a_passing_fault_is_sat_out(books: Books) -> None:
    """Nothing is left out by it."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY)
    for kind in ("error_500", "rate_limited", "unavailable", "half_body"):
        books.strike(SYSTEM, "GET /v1/reporting/transactions", kind)
    (report,) = books.read(SYSTEM).values()
    assert (report.is_complete, report.rows_new) == (True, 2)


# --- answers ----------------------------------------------------------------------------------------------


def answered(status: int, body: Any) -> Answer:
    """An answer of the vendor's."""
    return Answer(status, {}, json.dumps(body).encode(), READ_AT)


@pytest.mark.parametrize(
    ("body", "code"),
    [({"name": "RESULTSET_TOO_LARGE", "message": "Result set size is greater than the maximum limit."}, "too_large"),
     ({"name": "INVALID_REQUEST", "message": "Data for the given start date is not available."}, "not_ready"),
     ({"name": "INVALID_REQUEST", "message": "Request is not well-formed."}, None)],
)  # fmt: skip
def test_the_refusals_that_mean_ask_otherwise_are_told_from_the_others(body: Any, code: str | None) -> None:
    """The last one is an error like any other."""
    if code is None:
        paypal.check(Request("GET", paypal.PATH), answered(400, body))
        return
    with pytest.raises(Reject) as refused:
        paypal.check(Request("GET", paypal.PATH), answered(400, body))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "body", [{"total_items": 3}, {}, [], {"transaction_details": [{}], "total_items": 1}]
)
def test_an_answer_of_another_shape_is_not_taken_for_an_empty_list(body: Any) -> None:
    """Only where the vendor counts none may the list be left out."""
    with pytest.raises(Retry):
        paypal.movements(None, body)
    assert paypal.movements(None, {"total_items": 0}) == []


def test_the_end_of_the_vendors_knowledge_is_the_end_of_the_list() -> None:
    """A later span would be refused. Of the first one, and by any other refusal, nothing at all was read."""
    first_, *_, last = asked(Window(READ_AT - timedelta(days=90), READ_AT))
    system = System("paypal", "paypal", "https://api-m.paypal.com", {})
    early = Reject("not there yet", code="not_ready")
    assert paypal.otherwise(last, early, system) == ()
    for ask, refusal in ((first_, early), (last, Reject("no", code="rejected"))):
        with pytest.raises(Reject):
            paypal.otherwise(ask, refusal, system)


def test_halves_touch_and_a_second_is_not_halved() -> None:
    """Nothing is left out between them, and rows are not dropped in silence."""
    (ask,) = asked(Window(READ_AT - timedelta(seconds=3), READ_AT))
    system = System("paypal", "paypal", "https://api-m.paypal.com", {})
    large = Reject("too many", code="too_large")
    left, right = paypal.otherwise(ask, large, system)
    edges = [(half.about["start"], half.about["end"], half.about["is_first"]) for half in (left, right)]
    middle = READ_AT - timedelta(seconds=1)
    assert edges == [(READ_AT - timedelta(seconds=3), middle, True), (middle, READ_AT, False)]
    with pytest.raises(Reject):
        paypal.otherwise(right, large, system)
