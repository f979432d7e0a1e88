"""Adyen as it is read: every file once, in the order of the batches; columns by name; against the sandbox's book."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from cogent_pipelines.connect.spec import System, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.vendors import adyen as edge
from cogent_pipelines.vendors import adyen
from cogent_pipelines_tests.sandbox.provider_account import Provider
from cogent_pipelines_tests.vendors import payouts_kit
from cogent_pipelines_tests.vendors.payouts_kit import DAY, Books, fixture, net_of_payouts, number
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

SYSTEM = "adyen"
HEAD = ",".join(adyen.NEEDED)
OPERATION = "GET /reports/download"


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


def account(**options: Any) -> System:
    """The system with its options."""
    return System("adyen", "adyen", "https://ca-live.adyen.com", {}, options)


def cut(text: str, batch: int = 41) -> list[dict[str, Any]]:
    """A file's rows."""
    return adyen.details({"batch": batch}, adyen.table(text.encode("utf-8")))


def row(**more: str) -> str:
    """A line of the needed columns."""
    plain = dict.fromkeys(adyen.NEEDED, "") | {
        "Creation Date": "2026-11-02 09:14:05", "TimeZone": "CET", "Type": "Settled", "Net Currency": "GBP",
    }  # fmt: skip
    return ",".join((plain | more).values())


# --- requests and the contract --------------------------------------------------------------------------


def test_the_file_after_the_last_that_landed_is_asked_for() -> None:
    """At first the account's first one, which must be there; the name may be the account's own."""
    window = Window(None, READ_AT, ({"batch": 42},))
    (first,) = adyen.ask_next(window, account(merchant_account="AcmeUK"))
    expected = "/reports/download/MerchantAccount/AcmeUK/settlement_detail_report_batch_43.csv"
    assert (first.request.path, first.about["must_exist"]) == (expected, False)
    options = {"merchant_account": "AcmeUK", "first_batch": 7, "report_name": "settled_{number}.csv"}
    (begun,) = adyen.ask_next(Window(None, READ_AT, ({"batch": None},)), account(**options))
    assert (begun.request.path.rsplit("/", 1)[-1], begun.about["must_exist"]) == ("settled_7.csv", True)
    with pytest.raises(Halt, match="merchant_account"):
        adyen.ask_next(window, account())


def test_the_address_a_notification_gives_is_the_one_that_is_asked() -> None:
    """And the notification is one the vendor's contract knows."""
    contract = fixture("vendors", "specs", "payouts_adyen_report_webhook.json")
    made = Provider(SYSTEM)
    made.sell("#A")
    made.advance(DAY)
    posted = edge.Edge(SYSTEM, made.world, Kit(made.world)).notification(41)
    root = {
        "$ref": "#/components/schemas/ReportAvailableNotificationRequest",
        "components": contract["components"],
    }
    jsonschema.validate(posted, root)
    item = posted["notificationItems"][0]["NotificationRequestItem"]
    system = account(merchant_account=item["merchantAccountCode"], first_batch=41)
    asked = adyen.ask_next(Window(None, READ_AT), system)[0].request
    assert f"{system.base_url}{asked.path}" == item["reason"]
    assert urlsplit(item["reason"]).hostname in adyen.VENDOR.hosts
    assert item["pspReference"] == asked.path.rsplit("/", 1)[-1]


# --- a file -----------------------------------------------------------------------------------------------


def test_the_sample_row_of_the_documents_is_read() -> None:
    """Interchange++ in euro, settled in pounds."""
    text = ",".join(edge.COLUMNS) + "\n" + (
        "Acme,AcmeUK,8814000000000001,1001,visa,2026-11-02 09:14:05,CET,Settled,8814000000000002,EUR,,60.00,0.8600,GBP,,"
        "50.90,,0.10,0.20,0.40,visaclassic,,41,,,,,,,\n"
    )  # fmt: skip
    (read,) = cut(text)
    assert (read["key"], read["batch"], read["created_at"]) == ("41/1", 41, "2026-11-02T08:14:05Z")
    assert (read["Net Credit (NC)"], read["Net Debit (NC)"], read["Exchange Rate"]) == (
        "50.90",
        None,
        "0.8600",
    )


def test_columns_are_read_by_name() -> None:
    """Another order, more of them, a mark before the first, quotes and line ends inside a field."""
    names = [*reversed(adyen.NEEDED), "Booking Date"]
    values = dict(zip(adyen.NEEDED, row(**{"Merchant Reference": "A"}).split(","), strict=True))
    values["Merchant Reference"] = '"A, ""B""\nC"'
    text = "\ufeff" + ",".join(names) + "\r\n" + ",".join(values.get(n, "2026-11-02") for n in names) + "\r\n"
    (read,) = cut(text)
    assert (read["Merchant Reference"], read["Booking Date"]) == ('A, "B"\nC', "2026-11-02")


def test_an_account_that_left_a_column_out_is_told_which() -> None:
    """Money that is not known is not nought."""
    with pytest.raises(Reject, match="Markup") as refused:
        cut(HEAD.replace("Markup (NC),", "") + "\n")
    assert refused.value.code == "columns"
    with pytest.raises(Reject):
        cut("")


def test_half_a_file_is_no_file() -> None:
    """A row that breaks off is asked for again."""
    with pytest.raises(Retry):
        cut(f"{HEAD}\n{row()}\n{row()[:40]}")


def test_the_same_row_twice_is_two_rows() -> None:
    """Two fees of one day may be alike to the letter."""
    assert [read["key"] for read in cut(f"{HEAD}\n{row()}\n{row()}\n", 9)] == ["9/1", "9/2"]


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-11-02 09:14:05", "CET", "2026-11-02T08:14:05Z"),
        ("2026-07-02 09:14:05", "CEST", "2026-07-02T07:14:05Z"),
        ("2026-10-25 02:30:00", "CEST", "2026-10-25T00:30:00Z"),
        ("2026-10-25 02:30:00", "CET", "2026-10-25T01:30:00Z"),
        ("2026-07-02 09:14:05", "Europe/Amsterdam", "2026-07-02T07:14:05Z"),
        ("2026-07-02 09:14:05", "PDT", "2026-07-02T16:14:05Z"),
        ("2026-07-02 09:14:05", "Nowhere", None),
        ("", "CET", None),
    ],
)
def test_an_instant_is_put_into_utc_by_the_rows_zone(local: str, zone: str, utc: str | None) -> None:
    """The hour that comes twice is told apart by the zone's text; what is not known is not guessed."""
    assert adyen.instant(local, zone) == utc


# --- against the book -------------------------------------------------------------------------------------


def test_every_movement_is_the_providers(lived: Books) -> None:
    """To the minor unit, once each."""
    told = {
        e.id: (e.amount, e.fee, e.amount - e.fee)
        for e in lived.account(SYSTEM).entries.values()
        if e.kind != "transfer"
    }
    shown = {
        number(r["transaction_id"]): (r["gross_amount"], r["fee_amount"], r["net_amount"])
        for r in lived.entries(SYSTEM)
    }
    assert shown == told


def test_every_payout_is_its_entries(lived: Books) -> None:
    """Of a batch that had one."""
    payouts = {r["payout_id"]: r["net_amount"] for r in lived.mart("payouts", SYSTEM)}
    assert payouts == net_of_payouts(lived, SYSTEM)
    assert sorted(payouts.values()) == sorted(p.net for p in lived.account(SYSTEM).payouts.values())


def test_orders_originals_instants_and_rates_are_told(lived: Books) -> None:
    """Each row names its order and its authorisation."""
    rows = {(r["kind_code"], r["order_reference"]): r for r in lived.entries(SYSTEM)}
    assert rows["refund", "A"]["original_transaction_id"] == rows["charge", "A"]["transaction_id"]
    assert {kind for kind, order in rows if order == "C"} == {"charge", "chargeback", "chargeback_reversed"}
    charge = lived.account(SYSTEM).entries[number(rows["charge", "A"]["transaction_id"])]
    assert rows["charge", "A"]["occurred_at"] == charge.at.replace(microsecond=0)
    euro = rows["charge", "B"]
    paid = next(e.paid for e in lived.account(SYSTEM).entries.values() if e.paid)
    assert (euro["currency"], euro["settlement_currency"]) == ("EUR", "GBP")
    assert (paid[1] * euro["settlement_rate"]).quantize(Decimal("0.01")) == euro["gross_amount"]


def test_nothing_is_undeclared(lived: Books) -> None:
    """Every column is kept or left out on purpose."""
    with lived.staged() as staged:
        assert staged.connection.execute("SELECT * FROM ops.unseen").fetchall() == []


def fetched(books: Books) -> int:
    """How many files were asked for."""
    return books.sandbox.kit.counters.calls[SYSTEM, OPERATION]


def test_every_file_is_fetched_once(books: Books) -> None:
    """The next reading begins after the last that landed, and asks for one that is not there."""
    for n in range(5):
        books.sell(SYSTEM, f"#{n}")
        books.move_on(DAY)
    assert books.read(SYSTEM)["settlement_details"].rows_new == 10
    assert fetched(books) == 6
    books.move_on(300)
    again = books.read(SYSTEM)["settlement_details"]
    assert (again.is_complete, again.rows_in) == (True, 0)
    assert fetched(books) == 7
    books.sell(SYSTEM, "#late")
    books.move_on(DAY)
    assert books.read(SYSTEM)["settlement_details"].rows_new == 2
    assert fetched(books) == 9
    assert len(books.mart("payouts", SYSTEM)) == 6


def test_a_file_that_could_not_be_read_is_read_the_next_time(books: Books) -> None:
    """What came before it stays; nothing is skipped."""
    for n in range(3):
        books.sell(SYSTEM, f"#{n}")
        books.move_on(DAY)
    books.strike(SYSTEM, OPERATION, "wrong_type")
    first = books.read(SYSTEM)["settlement_details"]
    assert (first.rows_set_aside, first.rows_new) == (1, 5)
    books.sell(SYSTEM, "#late")
    books.move_on(DAY)
    books.strike(SYSTEM, OPERATION, "forbidden")
    assert not books.read(SYSTEM)["settlement_details"].is_complete
    assert books.read(SYSTEM)["settlement_details"].rows_new == 2


def test_a_first_file_that_is_not_there_is_no_empty_book(books: Books) -> None:
    """A wrong account's files never come."""
    (refused,) = books.read(SYSTEM).values()
    assert isinstance(refused.error, Reject)
    assert not refused.is_complete


def test_what_is_owed_is_carried_over(books: Books) -> None:
    """The rows of a batch without a payout have none; the next one's sum holds with what was brought on."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY)
    books.do(SYSTEM, "dispute", order="#A")
    books.do(SHOP, "refund", order="#A", adjustment="1.00")
    books.move_on(DAY)
    books.sell(SYSTEM, "#B", "296.05")
    books.move_on(DAY)
    books.read(SYSTEM)
    payouts = {r["payout_id"]: r["net_amount"] for r in books.mart("payouts", SYSTEM)}
    assert list(payouts) == ["41/GBP", "43/GBP"]
    assert net_of_payouts(books, SYSTEM) == payouts
    carried = [r for r in books.entries(SYSTEM) if r["kind_raw"] == "Balancetransfer"]
    assert sum(r["net_amount"] for r in carried) == 0


def test_a_payout_the_bank_sends_back_goes_out_with_the_next(books: Books) -> None:
    """Both are the sum of their entries."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY / 8)
    (issued,) = books.account(SYSTEM).payouts.values()
    books.do(SYSTEM, "fail_payout", id=issued.id)
    books.move_on(2 * DAY)
    books.read(SYSTEM)
    payouts = {r["payout_id"]: r["net_amount"] for r in books.mart("payouts", SYSTEM)}
    assert list(payouts.values()) == [Decimal("98.30")] * 2
    assert net_of_payouts(books, SYSTEM) == payouts


def test_a_passing_fault_is_sat_out(books: Books) -> None:
    """A page of another's among them."""
    books.sell(SYSTEM, "#A")
    books.move_on(DAY)
    for kind in ("error_500", "rate_limited", "unavailable", "half_body", "html_with_200"):
        books.strike(SYSTEM, OPERATION, kind)
    (report,) = books.read(SYSTEM).values()
    assert (report.is_complete, report.rows_new) == (True, 2)
