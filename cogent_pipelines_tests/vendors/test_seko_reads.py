"""How Seko is asked, and what its answers and messages become, one quirk at a time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest

from cogent_pipelines.connect.spec import Answer, Request, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors import seko, seko_answers
from cogent_pipelines_tests.vendors.seko_kit import (
    OK,
    SYSTEM,
    Staging,
    dispatch,
    failure,
    fixture,
    grn,
    order,
    v1,
)
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

ABOUT = {"dc": "DCLEE01", "skus": {"TEEM": "TEE-M", "00123": "00-123"}}


def known(*rows: Any) -> Window:
    """A window with what there is to ask about."""
    return Window(None, READ_AT, tuple(rows))


def levels(answer: Any, about: Any = ABOUT) -> dict[str, int]:
    """SKU -> available stock."""
    rows = seko_answers.stock_rows(about, answer)
    return {r["OurSKU"]: r["Quantity"] for r in rows if r["LocationType"] == "Available Stock"}


def stock(*rows: Any, words: str = "") -> Any:
    """An answer of the stock service."""
    return {"CallStatus": {**OK, "Message": words}, "List": {"StockQuantityLineItem": list(rows)}}


def row(code: Any = "TEEM", **more: Any) -> dict[str, Any]:
    """A row of stock."""
    return {
        "ProductCode": code,
        "DCCode": "DCLEE01",
        "LocationType": "Available Stock",
        "Quantity": 7,
        **more,
    }


# --- stock --------------------------------------------------------------------------------------------


def test_every_query_is_within_its_limit_and_every_sku_is_asked_about_once() -> None:
    """2048 bytes with the key, commas encoded; one chunk belongs to one DC."""
    skus = [f"LONG-SKU-{n:06d}" for n in range(1000)]
    asks = seko.ask_stock(
        known(*({"sku": s, "dc": dc} for dc in ("DCLEE01", "DCYOR01") for s in skus)), SYSTEM
    )
    for ask in asks:
        assert len(urlencode(ask.request.params)) + len("&api_key=") + 100 <= 2048
        assert ask.part == dict(ask.request.params)["dc"] == ask.about["dc"]
    asked = [(ask.part, sku) for ask in asks for sku in ask.about["skus"].values()]
    assert sorted(asked) == sorted((dc, sku) for dc in ("DCLEE01", "DCYOR01") for sku in skus)


def test_skus_of_one_code_are_asked_about_by_none() -> None:
    """Neither may have the other's level."""
    asks = seko.ask_stock(known(*({"sku": s, "dc": "DCLEE01"} for s in ("AB-1", "AB1", "CAP"))), SYSTEM)
    assert [ask.about["skus"] for ask in asks] == [{"CAP": "CAP"}]


def test_a_missing_row_is_zero() -> None:
    """Nothing and less than nothing is left out of the answer."""
    assert levels(stock(row())) == {"TEE-M": 7, "00-123": 0}
    assert levels(stock(words="No results found for search criteria")) == {"TEE-M": 0, "00-123": 0}


def test_an_empty_answer_that_does_not_say_so_is_no_zero() -> None:
    """A whole shop would be sold out by a hiccup."""
    for answer in (stock(), {"CallStatus": OK}, {}, {"Response": {}}):
        with pytest.raises(Retry):
            levels(answer)


def test_only_what_is_available_at_the_dc_counts() -> None:
    """Quarantine is another kind; another DC's row is none of this one's."""
    assert levels(stock(row(LocationType="Quarantine"), row(DCCode="DCYOR01"), row(Quantity=2))) == {
        "TEE-M": 2, "00-123": 0,
    }  # fmt: skip


def test_a_code_of_digits_is_known_without_its_noughts() -> None:
    """The older hub writes it as a number."""
    assert levels(stock(row(123))) == {"TEE-M": 0, "00-123": 7}


def test_a_list_of_one_may_come_as_its_element_and_nothing_as_an_object() -> None:
    """Both are put right before anything is read."""
    one = {"Response": {"List": {"StockQuantityLineItem": {**row(), "EAN": {}, "DCCode": {}}}}}
    assert levels(one) == {"TEE-M": 7, "00-123": 0}
    assert seko_answers.tidy({"a": {}, "b": [{}], "c": {"d": {}}}) == {
        "a": None,
        "b": [None],
        "c": {"d": None},
    }


# --- orders and products ------------------------------------------------------------------------------


def test_an_order_that_is_not_there_has_no_row() -> None:
    """It was refused, or is not there yet; a status that is missing is neither."""
    about = {k: v for k, v in order().items() if k != "Status"}
    assert seko_answers.order_rows(about, v1(Status="Dispatched")) == [{**about, "Status": "Dispatched"}]
    assert seko_answers.order_rows(about, None) == []
    assert seko_answers.order_rows(about, {"Response": failure("No results found for search criteria")}) == []
    with pytest.raises(Retry):
        seko_answers.order_rows(about, v1(Status={}))


@pytest.mark.parametrize(
    ("status", "is_asked"),
    [
        (None, True),
        ("To Be Picked", True),
        ("To Dispatch", True),
        ("Dispatched", False),
        ("Cancelled", False),
    ],
)
def test_an_order_is_asked_about_until_it_is_at_its_end(status: str | None, is_asked: bool) -> None:
    """What is packed and has not left may still be cancelled there; what was never read is asked about too."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            """
            CREATE SCHEMA ops; CREATE SCHEMA seko;
            CREATE TABLE ops.operations AS SELECT
                1 AS promise_id, 'orders_to_wms' AS sync, 'create' AS act, 'wms_uk' AS system, '#1042' AS reference,
                now() AS first_sent_at, NULL::VARCHAR AS target_ref, NULL::VARCHAR AS sent, 'verified' AS state;
            CREATE TABLE seko.orders (system VARCHAR, SalesOrderReference VARCHAR, Status VARCHAR)
            """
        )
        if status:
            connection.execute("INSERT INTO seko.orders VALUES ('wms_uk', '#1042', $1)", [status])
        found = connection.execute(seko.KNOWN_ORDERS, {"system": "wms_uk"}).fetchall()
    assert [row[0] for row in found] == (["#1042"] if is_asked else [])


def test_a_product_is_asked_about_while_unknown_and_when_its_code_becomes_anothers() -> None:
    """One that is known and alone is left in peace."""
    rows = [
        {"sku": "CAP", "is_known": True, "clashes": None},
        {"sku": "NEW", "is_known": False, "clashes": None},
        {"sku": "AB-1", "is_known": True, "clashes": None},
        {"sku": "AB1", "is_known": True, "clashes": None},
    ]
    asks = {ask.part: ask.about["skus"] for ask in seko.ask_products(known(*rows), SYSTEM)}
    assert asks == {"NEW": ["NEW"], "AB1": ["AB-1", "AB1"]}
    told = seko_answers.product_rows({"code": "AB1", "skus": ["AB-1", "AB1"]}, v1(Status="Active"))
    assert [(r["OurSKU"], r["IsKnown"], r["Clashes"]) for r in told] == [
        ("AB-1", True, "AB-1, AB1"), ("AB1", True, "AB-1, AB1"),
    ]  # fmt: skip


# --- messages -----------------------------------------------------------------------------------------


def test_times_of_messages_are_utc() -> None:
    """With or without saying so."""
    for given in ("2026-11-02T10:30:00", "2026-11-02T10:30:00Z"):
        (made,) = seko_answers.dispatch_rows("f", dispatch(DispatchDate=given))
        assert made["DispatchDate"] == "2026-11-02T10:30:00Z"


def test_a_file_holds_messages_of_any_service() -> None:
    """Each stream takes its own; what holds no messages is for a person."""
    assert seko_answers.dispatch_rows("f", grn()) == []
    assert len(seko_answers.grn_rows("f", grn())) == 1
    with pytest.raises(Retry):
        seko_answers.dispatch_rows("f", {"hello": 1})


# --- errors -------------------------------------------------------------------------------------------


def check(words: str, *, is_write: bool = False, status: int = 200) -> None:
    """The vendor's check of a failure."""
    content = b'{"CallStatus":{"Success":false,"Code":100,"Message":"%s"}}' % words.encode()
    seko.check(
        Request("POST" if is_write else "GET", "/x", is_write=is_write), Answer(status, {}, content, READ_AT)
    )


def test_a_failure_with_status_200_is_told_by_its_words() -> None:
    """A key halts, a read is refused, a write's refusal is its receipt's, and nothing found is no failure."""
    with pytest.raises(Halt):
        check("Invalid api_key")
    with pytest.raises(Reject, match="Invalid Mapping - DC"):
        check("Error. Invalid Mapping - DC")
    check("Error. Invalid Mapping - DC", is_write=True)
    check("No results found for search criteria")


def test_a_server_error_in_the_envelope_is_no_refusal() -> None:
    """Its status says that it may be tried again; a refusal by status is one in their words, and 401 halts."""
    check("An error has occurred.", status=500)
    check("An error has occurred.", is_write=True, status=503)
    with pytest.raises(Reject, match="not supported"):
        check("The Content-Type is not supported.", is_write=True, status=415)
    with pytest.raises(Halt):
        check("no", status=401)


# --- recorded answers ---------------------------------------------------------------------------------


def test_the_recorded_stock_becomes_levels() -> None:
    """Codes are numbers, DC and EAN are empty objects, and a row of 0 is there for once."""
    about = {"dc": "DCLEE01", "skus": {"100014": "A", "100015": "B", "100016": "C", "X": "D"}}
    assert levels(fixture("stock.json"), about) == {"A": 0, "B": 10, "C": 20, "D": 0}


def test_the_recorded_status_and_tracking_become_rows() -> None:
    """Empty objects are what is not known yet."""
    (made,) = seko_answers.order_rows({"GUID": "g"}, fixture("order_status.json"))
    assert made["Status"] == "To Be Picked"
    assert seko_answers.tracking_rows("g", fixture("order_tracking.json")) == [
        {"GUID": "g", "Courier": None, "TrackingNumber": None}
    ]


def test_the_recorded_receipt_becomes_rows_and_no_return() -> None:
    """It names no order, so it is a supplier's delivery."""
    rows = seko_answers.grn_rows("f", fixture("grn.json"))
    assert [(r["LineItemNumber"], r["GRNQuantity"], r["CurrentStatus"]) for r in rows] == [
        (1, 10, "Confirmed"), (2, 10, "Confirmed"),
    ]  # fmt: skip
    staging = Staging()
    staging.load("grns", *rows)
    staging.load("orders", order("Dispatched"))
    assert staging.rows("warehouse_returns") == []


def test_what_is_sent_has_the_names_of_the_recorded_order() -> None:
    """Part by part; the newer hub has no wrapper."""
    from cogent_pipelines_tests.vendors.seko_kit import want

    sample = fixture("order_websubmit.json")["Request"]
    ours = seko.CREATE.request([want(ship_to_line2="Flat 2")], SYSTEM, "key").body
    for part in ("WebSalesOrder", "DeliveryDetails", "SalesOrderHeader"):
        assert set(sample[part]) <= set(ours[part])
    assert set(sample["List"]["SalesOrderLineItem"][0]) <= set(ours["List"]["SalesOrderLineItem"][0])
