"""Klarna as it is read: payouts by their date, lines by payout, pages by offset; against the sandbox's book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import System, Window
from cogent_pipelines.vendors import klarna
from cogent_pipelines_tests.vendors import payouts_kit
from cogent_pipelines_tests.vendors.payouts_kit import DAY, Books, net_of_payouts, number
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

SYSTEM = "klarna"
ACCOUNT = System("klarna", "klarna", "https://api.klarna.com", {})
(STREAM,) = klarna.STREAMS
LINES = "GET /settlements/v1/transactions"


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


def test_payouts_are_asked_for_by_instants_and_a_little_ahead() -> None:
    """Never by days, of which one from itself to itself is empty."""
    assert STREAM.paging is not None
    request = STREAM.paging.first(STREAM.request(Window(READ_AT - timedelta(days=14), READ_AT), ACCOUNT))
    assert dict(request.params) == {
        "start_date": "2026-10-19T09:00:00Z", "end_date": "2026-11-05T09:00:00Z", "size": "20", "offset": "0",
    }  # fmt: skip


def test_a_first_reading_goes_back_three_years_or_as_the_account_says() -> None:
    """By an option."""
    system = System("klarna", "klarna", "https://api.klarna.com", {}, {"history_days": 10})
    asked = [dict(STREAM.request(Window(None, READ_AT), s).params)["start_date"] for s in (ACCOUNT, system)]
    assert asked == ["2023-11-03T09:00:00Z", "2026-10-23T09:00:00Z"]


def about(entry: Any) -> int:
    """The capture or the refund an entry is shown under."""
    return entry.id if entry.kind == "refund" else entry.original_id or entry.id


def test_every_movement_is_the_providers(lived: Books) -> None:
    """To the minor unit, by the capture or refund: fees are lines of their own."""
    told: dict[int, Decimal] = {}
    for e in lived.account(SYSTEM).entries.values():
        if e.kind != "transfer":
            told[about(e)] = told.get(about(e), Decimal(0)) + e.amount - e.fee
    shown: dict[int, Decimal] = {}
    for row in lived.entries(SYSTEM):
        key = number(row["transaction_id"])
        shown[key] = shown.get(key, Decimal(0)) + row["net_amount"]
    assert shown == told


def test_every_payout_is_its_entries(lived: Books) -> None:
    """And what the provider says it settled."""
    payouts = {r["payout_id"]: r["net_amount"] for r in lived.mart("payouts", SYSTEM)}
    assert payouts == net_of_payouts(lived, SYSTEM)
    assert sorted(payouts.values()) == sorted(p.net for p in lived.account(SYSTEM).payouts.values())


def test_orders_and_originals_are_named(lived: Books) -> None:
    """Each line carries the order's number; a return its capture."""
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


def test_every_page_is_read_once(books: Books) -> None:
    """More than a page of 500 lines in one payout; the same line twice is two lines."""
    for n in range(200):
        books.sell(SYSTEM, f"#{n}", "6.05")
    books.move_on(DAY)
    (report,) = books.read(SYSTEM).values()
    assert (report.rows_new, report.is_complete, len(books.entries(SYSTEM))) == (1, True, 600)
    (payout,) = books.mart("payouts", SYSTEM)
    assert net_of_payouts(books, SYSTEM) == {payout["payout_id"]: payout["net_amount"]}


def test_a_payout_that_is_listed_after_its_date_is_not_missed(books: Books) -> None:
    """It is dated before the last reading, and read by the next."""
    books.sell(SYSTEM, "#A")
    books.move_on(2.5 * 3600)
    assert books.read(SYSTEM)["payouts"].rows_new == 0
    books.move_on(3 * 3600)
    reports = books.read(SYSTEM)
    assert {report.kind for report in reports.values()} == {"increment"}
    assert (reports["payouts"].rows_new, len(books.entries(SYSTEM))) == (1, 3)
    books.move_on(60)
    again = books.read(SYSTEM)["payouts"]
    assert (again.rows_same, again.rows_new, again.rows_changed) == (1, 0, 0)


def test_a_passing_fault_is_sat_out(books: Books) -> None:
    """While the lines of a payout are read."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY)
    for kind in ("error_500", "rate_limited", "unavailable", "half_body", "html_with_200"):
        books.strike(SYSTEM, LINES, kind)
    assert all(report.is_complete for report in books.read(SYSTEM).values())
    assert len(books.entries(SYSTEM)) == 3


def test_fewer_payouts_than_the_vendor_counts_are_not_all(books: Books) -> None:
    """It is read again, and then noted."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY)
    for _ in range(2):
        books.strike(SYSTEM, "GET /settlements/v1/payouts", "record_missing_from_list", 2)
    assert not all(report.is_complete for report in books.read(SYSTEM).values())
