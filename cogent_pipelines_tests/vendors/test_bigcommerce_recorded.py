"""Recorded and documented answers become the right rows or the right error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.answers import refusal
from cogent_pipelines.connect.limits import HeaderQuota
from cogent_pipelines.connect.spec import Answer, Request, Window
from cogent_pipelines.errors import Reject
from cogent_pipelines.landing import shapes
from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import STATUSES
from cogent_pipelines.vendors.bigcommerce import PARTS, VENDOR
from cogent_pipelines_tests.vendors.bigcommerce_kit import (
    SYSTEM,
    answer,
    consignment,
    consignments,
    fixture,
    order,
    parcel,
    parcel_line,
    stock,
)
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging

SHAPE = shapes.shape("bigcommerce", "orders", "id", None)


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("bigcommerce", "web_us")


def recorded(name: str, method: str = "get") -> tuple[Any, dict[str, str]]:
    """(body, headers) of the first call in a recording."""
    calls = fixture(name)["api"][method]
    (call,) = calls.values()
    return call["response"], call["headers"]


def row_of(rows: list[dict[str, Any]], **where: Any) -> dict[str, Any]:
    """The only row of which ``where`` is true."""
    (row,) = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return row


def test_the_recorded_orders_become_rows(staging: Staging) -> None:
    """Nine orders made through the API: money as text, no date as an empty text, no payment status."""
    orders, _ = recorded("orders.recorded.json")
    for record in orders:
        # as recorded without what may be included, and so without parts; the link is what ``check`` refuses
        staging.load("orders", {**record, "consignments": consignments(), "coupons": []})
    rows = staging.rows("orders")
    assert len(rows) == 9
    first = row_of(rows, order_id="101")
    assert (first["total_amount"], first["currency"], first["source_name"]) == (
        Decimal(109),
        "KES",
        "external",
    )
    assert first["placed_at"] == datetime(2026, 6, 18, 14, 12, 20, tzinfo=UTC)
    assert (first["payment_code"], first["paid_at"], first["fulfilment_code"]) == (
        "pending",
        None,
        "unfulfilled",
    )
    assert {row["customer_key"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("name", "method"), [("orders.recorded.json", "get"), ("update-order.recorded.json", "put")]
)
def test_recorded_orders_pass_the_check_of_landing(name: str, method: str) -> None:
    """Strictly typed as they are; what is not kept is left out on purpose."""
    body, _ = recorded(name, method)
    stream = next(s for s in VENDOR.streams if s.name == "orders")
    looking = shapes.News(SHAPE.names, stream.left_out)
    for record in body if isinstance(body, list) else [body]:
        whole = {**record, "consignments": consignments(consignment()), **{part.path: [] for part in PARTS}}
        assert SHAPE.check(json.dumps(whole).encode())[0] == record["id"]
        assert sorted(looking.paths(json.dumps(whole).encode())) == []


def test_a_recorded_order_without_what_was_asked_for_is_refused() -> None:
    """Its consignments are a link."""
    body, _ = recorded("orders.recorded.json")
    request = next(s for s in VENDOR.streams if s.name == "orders").request
    from_list = Answer(200, {}, json.dumps(body).encode(), READ_AT)
    with pytest.raises(Reject, match="link in place"):
        VENDOR.check(request(Window(None, READ_AT), SYSTEM), from_list)
    VENDOR.check(Request("GET", "/v2/orders"), from_list)


def test_the_recorded_quota_is_learnt() -> None:
    """Beside the headers of the proxy it was recorded through, which are not the vendor's."""
    _, headers = recorded("get-order-shipping-addresses.recorded.json")
    assert headers["x-ratelimit-limit"] == "5000"
    assert isinstance(VENDOR.limit, HeaderQuota)
    seen = VENDOR.limit.learn(Answer(200, headers, b"", READ_AT))
    assert seen is not None
    assert (seen.available, seen.capacity, seen.per_second, seen.after) == (148, 150, 5, None)


def test_the_recorded_address_is_where_an_order_goes(staging: Staging) -> None:
    """A consignment has the fields of the address's own list."""
    ((address,), _) = recorded("get-order-shipping-addresses.recorded.json")
    staging.load("orders", order(consignments=consignments({**address, "line_items": []})))
    row = row_of(staging.rows("orders"))
    assert (row["ship_to_name"], row["ship_to_line2"], row["ship_to_region"]) == ("Test User", None, "TX")
    assert row_of(staging.rows("fulfilment_orders"))["fulfilment_order_id"] == "1"


def test_every_recorded_status_is_known() -> None:
    """By number and name; the sandbox's are the same."""
    (body, _) = recorded("list-order-statuses.recorded.json")
    assert {status["id"]: status["name"] for status in body} == dict(enumerate(STATUSES))


def test_the_documented_lines_become_rows(staging: Staging) -> None:
    """A line with a discount, and a part of it that costs nothing and is sent as well."""
    lines = fixture("docs_order_products.json")
    held = {**order(), "consignments": consignments(consignment(*lines, number=51))}
    assert SHAPE.check(json.dumps(held).encode())[0] == 218
    staging.load("orders", held)
    towel, brewer = staging.rows("order_lines")
    assert (towel["sku"], towel["unit_price_amount"], towel["discount_amount"], towel["tax_amount"]) == (
        "S-ORAN",
        Decimal("55.99"),
        Decimal("1.59"),
        Decimal("9.24"),
    )
    assert (brewer["sku"], brewer["unit_price_amount"], brewer["tax_rate"]) == ("ABS", Decimal(0), 0.0)
    assert towel["requires_shipping"]
    assert brewer["requires_shipping"]


def test_the_documented_parts_become_rows(staging: Staging) -> None:
    """Shipments and taxes as their own lists show them."""
    shipments, taxes = fixture("docs_order_shipments.json"), fixture("docs_order_taxes.json")
    whole = order(shipments=shipments, taxes=taxes)
    assert SHAPE.check(json.dumps(whole).encode())[0] == 218
    staging.load("orders", whole)
    row = row_of(staging.rows("fulfilments"), fulfilment_id="6")
    assert (row["carrier"], row["tracking_numbers"]) == ("usps", ["EJ958083578US"])
    assert row["created_at"] == datetime(2019, 3, 11, 17, 22, 8, tzinfo=UTC)
    # without details a tax line names no line of the order: the rate follows from the prices
    assert row_of(staging.rows("order_lines"))["tax_rate"] == 0.2


def test_the_documented_answer_to_a_shipment_is_its_receipt_and_is_found_again() -> None:
    """By number and lines, as it carries no reference of ours."""
    made = fixture("docs_order_shipment_create.json")
    (write,) = VENDOR.writes["shipments_to_channel", "fulfil"]
    want = parcel(
        order_id="228",
        carrier="usps",
        tracking_numbers=["EJ958083578US"],
        lines=[parcel_line(194, 1), parcel_line(195, 1)],
    )
    assert write.receipts([want], made)[0].ref == "11"
    found = write.lookup.found(want, [[made], order(id=228)])
    assert found is not None
    assert (found.ref, found.count) == ("11", 1)
    assert all(found.fields[name] == want.fields[name] for name in write.compare)


def test_the_documented_refund_becomes_rows(staging: Staging) -> None:
    """Its line names no amount."""
    body = fixture("docs_refund.json")["data"]
    shape = shapes.shape("bigcommerce", "refunds", "id", None)
    assert shape.check(json.dumps(body).encode())[0] == 12
    staging.load("refunds", body)
    row = row_of(staging.rows("refunds"))
    assert (row["refund_key"], row["amount"], row["note"]) == (
        "web_us:12",
        Decimal(50),
        "Customer requires a refund.",
    )
    assert (row_of(staging.rows("refund_lines"))["qty"], row["adjustment_amount"]) == (1, Decimal(0))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("docs_inventory_absolute_422.json", "is tracked by product, please update stock by product id"),
        ("docs_refund_422.json", "Unable to provide store credit for a guest customer."),
    ],
)
def test_a_documented_refusal_keeps_its_words(name: str, words: str) -> None:
    """Wherever in the body they are."""
    write = Request("PUT", "/v3/inventory/adjustments/absolute", body={}, is_write=True)
    error = refusal(write, answer(fixture(name), 422))
    assert isinstance(error, Reject)
    assert error.code == "invalid"
    assert words in error.reason


def test_levels_are_sent_as_the_documented_sample_shows() -> None:
    """The same names and types, row by row."""
    sample = fixture("docs_inventory_absolute_request.json")
    (write,) = VENDOR.writes["stock_to_channel", "set"]
    ours = write.request([stock(), stock(item="product_id=184")], SYSTEM, "key").body
    assert set(ours) == set(sample)
    kinds = {frozenset((k, type(v)) for k, v in item.items()) for item in sample["items"]}
    assert {frozenset((k, type(v)) for k, v in item.items()) for item in ours["items"]} <= kinds
