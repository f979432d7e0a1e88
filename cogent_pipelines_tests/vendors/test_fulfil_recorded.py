"""Fulfil's recorded answers become the right rows; a new file fails until it is put in one of the tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors import fulfil
from cogent_pipelines.vendors.fulfil_writes import ORDER_FIELDS, ORDER_TAGGED
from cogent_pipelines_tests.vendors.fulfil_kit import Staging, fixture, found, want


def test_the_recorded_order_becomes_a_row() -> None:
    """Done and sent; money and instants out of their tags; what needs a dotted field was not asked for."""
    record = fixture("sale_sale.json")
    staging = Staging()
    staging.load("orders", record)
    (row,) = staging.rows("warehouse_orders")
    names = (
        "warehouse_order_id",
        "reference",
        "status_code",
        "is_past_no_return",
        "total_amount",
        "currency",
    )
    assert [row[name] for name in names] == [
        "213112", "R230530021", "shipped", True, Decimal("60.0000"), None,
    ]  # fmt: skip
    assert row["created_at"] == datetime(2018, 4, 18, 20, 20, 13, 862_082, tzinfo=UTC)
    assert row["updated_at"] == datetime(2018, 4, 19, 20, 59, 47, 355_847, tzinfo=UTC)


def test_every_plain_field_we_ask_for_is_in_the_recorded_order() -> None:
    """And what we take for tagged is."""
    record = fixture("sale_sale.json")
    assert {field for field in (*ORDER_FIELDS, *ORDER_TAGGED) if "." not in field} <= set(record)
    assert all("__class__" in record[field] for field in ORDER_TAGGED)


def test_what_the_tags_say_beside_the_value_is_no_news() -> None:
    """Of the fields we ask for, nothing is left that no table keeps."""
    record = {k: v for k, v in fixture("sale_sale.json").items() if k in (*ORDER_FIELDS, *ORDER_TAGGED)}
    stream = fulfil.VENDOR.streams[0]
    news = shapes.News(shapes.shape("fulfil", "orders", "id", None).names, stream.left_out)
    assert news.paths(json.dumps(record).encode()) == {}


def test_the_recorded_order_is_a_receipt_and_is_found() -> None:
    """By its identifier, with its exact total."""
    record = fixture("sale_sale.json")
    about = want(reference="R230530021")
    assert fulfil.CREATE.receipts([about], record)[0].ref == "213112"
    seen = found(fulfil.CREATE, about, [record], [])
    assert (seen.fields["total_amount"], seen.fields["reference"]) == (Decimal("60.00"), "R230530021")
