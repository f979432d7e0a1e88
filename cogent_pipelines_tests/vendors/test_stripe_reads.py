"""Stripe as it is read: every page once, what changes late, what is refused; against the sandbox's book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cogent_pipelines.connect.spec import Answer, Request, System, Window
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors import stripe
from cogent_pipelines_tests.vendors import payouts_kit
from cogent_pipelines_tests.vendors.payouts_kit import DAY, Books, net_of_payouts, number
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

SYSTEM = "stripe"
STREAMS = {stream.name: stream for stream in stripe.VENDOR.streams}


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


def test_requests_are_of_the_pinned_version_and_of_the_connected_account() -> None:
    """A window is asked for by its start, in seconds; lists in the largest pages."""
    system = System("s", "stripe", "https://api.stripe.com", {}, {"account": "acct_1"})
    for stream in stripe.VENDOR.streams:
        request = stream.paging.first(stream.request(Window(READ_AT, READ_AT + timedelta(days=1)), system))
        assert request.headers == {"Stripe-Version": "2026-07-29.dahlia", "Stripe-Account": "acct_1"}
        assert dict(request.params)["created[gte]"] == str(int(READ_AT.timestamp()))
        assert dict(request.params)["limit"] == {"payouts": "20"}.get(stream.name, "100")
        assert not request.is_write


@pytest.mark.parametrize(
    ("automatic", "state", "is_asked"),
    [(True, "completed", True), (True, "in_progress", False), (False, "not_applicable", False)],
)
def test_lines_are_asked_of_reconciled_automatic_payouts(
    *, automatic: bool, state: str, is_asked: bool
) -> None:
    """Another one would refuse, or add to them later."""
    (lines,) = STREAMS["payouts"].parts
    payout = {"id": "po_1", "automatic": automatic, "reconciliation_status": state}
    asked = lines.request(payout, System("s", "stripe", "", {}))
    assert (asked is not None) is is_asked
    assert asked is None or dict(asked.params) == {"payout": "po_1"}


def test_every_movement_is_the_providers(lived: Books) -> None:
    """To the minor unit, once each."""
    told = {
        e.id: (e.amount, e.fee, e.amount - e.fee, e.payout_id or 0)
        for e in lived.account(SYSTEM).entries.values()
    }
    shown = {
        number(r["entry_id"]): (r["gross_amount"], r["fee_amount"], r["net_amount"], number(r["payout_id"]))
        for r in lived.mart("payout_entries", SYSTEM)
    }
    assert shown == told


def test_every_payout_is_its_entries(lived: Books) -> None:
    """The payout's own line left out."""
    payouts = {r["payout_id"]: r["net_amount"] for r in lived.mart("payouts", SYSTEM) if r["is_itemised"]}
    assert payouts == net_of_payouts(lived, SYSTEM)
    assert len(payouts) == 3


def test_orders_and_charges_are_named(lived: Books) -> None:
    """Refunds and disputes by way of their charge; what was paid in euro says so, with its rate."""
    rows = {(r["kind_code"], r["order_reference"]): r for r in lived.entries(SYSTEM) if r["order_reference"]}
    charge = rows["charge", "A"]["transaction_id"]
    assert rows["refund", "A"]["original_transaction_id"] == charge
    assert {kind for kind, order in rows if order == "C"} == {"charge", "chargeback", "chargeback_reversed"}
    euro = rows["charge", "B"]
    assert (euro["currency"], euro["settlement_currency"]) == ("EUR", "GBP")
    paid = next(e.paid for e in lived.account(SYSTEM).entries.values() if e.paid)
    assert (paid[1] * euro["settlement_rate"]).quantize(Decimal("0.01")) == euro["gross_amount"]


def test_nothing_undeclared_and_nobody_is_kept(lived: Books) -> None:
    """The charge's bill names a person: it is left out on purpose."""
    with lived.staged() as staged:
        assert staged.connection.execute("SELECT * FROM ops.unseen").fetchall() == []
        kept = staged.connection.execute("SELECT * FROM stripe.balance_transactions").fetchall()
    assert "customer@example.test" not in str(kept)


def test_every_page_is_read_once(books: Books) -> None:
    """More than two pages of a hundred, also of one payout's lines."""
    for n in range(230):
        books.sell(SYSTEM, f"#{n}", "6.05")
    books.move_on(2 * DAY)
    reports = books.read(SYSTEM)
    assert (reports["balance_transactions"].pages, reports["balance_transactions"].rows_new) == (3, 231)
    assert net_of_payouts(books, SYSTEM) == {
        r["payout_id"]: r["net_amount"] for r in books.mart("payouts", SYSTEM)
    }


def test_what_changes_late_comes_back(books: Books) -> None:
    """A payout on its way is scheduled and not itemised; two days later it is paid and whole."""
    books.sell(SYSTEM, "#A")
    books.sell(SYSTEM, "#B")
    books.move_on(3 * 3600)
    books.read(SYSTEM)
    (before,) = books.mart("payouts", SYSTEM)
    assert (before["status_code"], before["is_itemised"]) == ("scheduled", False)
    assert net_of_payouts(books, SYSTEM) == {}
    books.move_on(2 * DAY)
    books.sell(SYSTEM, "#C")
    reports = books.read(SYSTEM)
    assert {report.kind for report in reports.values()} == {"increment"}
    assert (reports["payouts"].rows_changed, reports["balance_transactions"].rows_new) == (1, 1)
    (after,) = books.mart("payouts", SYSTEM)
    assert (after["status_code"], after["is_itemised"], after["trace_id"]) == ("paid", True, "T000009100001")
    assert net_of_payouts(books, SYSTEM) == {after["payout_id"]: after["net_amount"]}


def test_a_payout_that_failed_comes_back_with_the_next(books: Books) -> None:
    """Both are the sum of their entries."""
    books.sell(SYSTEM, "#A")
    books.move_on(3 * 3600)
    (issued,) = books.account(SYSTEM).payouts.values()
    books.do(SYSTEM, "fail_payout", id=issued.id)
    books.move_on(2 * DAY)
    books.read(SYSTEM)
    payouts = {r["payout_id"]: r for r in books.mart("payouts", SYSTEM)}
    assert [r["status_code"] for r in payouts.values()] == ["failed", "paid"]
    assert net_of_payouts(books, SYSTEM) == {key: row["net_amount"] for key, row in payouts.items()}


def test_a_manual_payout_is_not_itemised(books: Books) -> None:
    """Nobody says which movements it took: none is guessed."""
    books.sell(SYSTEM, "#A")
    books.do(SYSTEM, "pay_out", manual=True)
    books.move_on(2 * DAY)
    assert all(report.is_complete for report in books.read(SYSTEM).values())
    (payout,) = books.mart("payouts", SYSTEM)
    assert (payout["status_code"], payout["is_itemised"]) == ("paid", False)
    assert [row["payout_id"] for row in books.entries(SYSTEM)] == [None]


def test_a_passing_fault_is_sat_out(books: Books) -> None:
    """Also where the vendor says to try again."""
    books.sell(SYSTEM, "#A")
    books.do(SYSTEM, "pay_out")
    books.move_on(2 * DAY)
    for kind in ("error_500", "rate_limited", "unavailable", "half_body", "html_with_200"):
        books.strike(SYSTEM, "GET /v1/balance_transactions", kind)
    assert all(report.is_complete for report in books.read(SYSTEM).values())
    assert len(books.mart("payouts", SYSTEM)) == 1


@pytest.mark.parametrize(
    ("status", "again", "error"),
    [(409, "true", Retry), (500, "false", Reject), (400, "false", None), (200, "", None)],
)
def test_the_vendor_says_what_may_be_repeated(status: int, again: str, error: type[Exception] | None) -> None:
    """By a header; without a word the status decides."""
    answer = Answer(status, {"stripe-should-retry": again}, b'{"error": {"message": "no"}}', READ_AT)
    if error is None:
        stripe.check(Request("GET", "/v1/payouts"), answer)
        return
    with pytest.raises(error, match="no"):
        stripe.check(Request("GET", "/v1/payouts"), answer)
