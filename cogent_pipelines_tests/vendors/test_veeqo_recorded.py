"""Veeqo's recorded and documented answers become the right rows, receipts or requests.

Every file of the shared folder is in one of the two tables below; a new file fails until it is put in one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, Want
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.blueprint_kit import dotted
from cogent_pipelines_tests.vendors.staging_kit import Staging
from cogent_pipelines_tests.vendors.test_veeqo_cancellations import STATUSES
from cogent_pipelines_tests.vendors.veeqo_kit import SYSTEM, allocation, fixture, order, want


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("veeqo", "wms_uk")


def one(rows: list[dict[str, Any]], **where: Any) -> dict[str, Any]:
    """The only row of which ``where`` is true."""
    (row,) = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return row


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some columns of a row."""
    return tuple(row[name] for name in names)


def test_every_documented_status_is_in_the_table_of_the_point_of_no_return() -> None:
    """R81 over the vendor's own list of statuses."""
    assert set(fixture("references_order_statuses.json")) < set(STATUSES)


@pytest.mark.parametrize("name", ["requests_orders_create_full.json", "requests_orders_create_minimum.json"])
def test_what_is_sent_has_the_types_of_the_vendors_own_sample(name: str) -> None:
    """Attribute by attribute; a quantity goes as the number its data structure says."""
    sample, ours = fixture(name)["order"], veeqo.CREATE.request([want(note="x")], SYSTEM, "").body["order"]
    kinds = {key: type(value) for key, value in sample.items() if key in ours}
    assert kinds == {key: type(ours[key]) for key in kinds}
    (line,) = ours["line_items_attributes"]
    for part in sample["line_items_attributes"]:
        assert {k: type(v) for k, v in part.items() if k in line and k != "quantity"} == {
            k: type(v) for k, v in line.items() if k in part and k != "quantity"
        }
    assert {"channel_id", "delivery_method_id", "line_items_attributes", "payment_attributes"} <= set(ours)


def test_the_documented_order_becomes_rows(staging: Staging) -> None:
    """One item allocated of two; money, currency, address and delivery method as documented."""
    staging.load("orders", fixture("responses_orders_show.json"))
    row = one(staging.rows("warehouse_orders"))
    assert shown(row, "warehouse_order_key", "reference", "status_code", "is_past_no_return", "currency") == (
        "wms_uk:13359622",
        "rdr1234",
        "awaiting_stock",
        False,
        "GBP",
    )
    assert shown(row, "total_amount", "delivery_method_id", "ship_to_postcode") == (
        Decimal("213.04"),
        "171784",
        "SH1 1BG",
    )
    assert row["updated_at"] == datetime(2018, 1, 19, 18, 11, 7, 98000, tzinfo=UTC)
    lines = staging.rows("warehouse_order_lines")
    assert [
        shown(line, "sku", "qty", "allocated_qty", "shipped_qty", "unit_price_amount") for line in lines
    ] == [
        ("M2IEG-B", 1, 1, 0, Decimal(75)),
        ("g-dog-2", 1, 0, 0, Decimal(150)),
    ]
    assert shown(one(staging.rows("allocations")), "facility_id", "is_shipped") == ("12345", False)
    assert staging.rows("shipments") == []


def test_the_documented_order_answers_a_look_up() -> None:
    """By its exact number, in our words; prices are before tax, so the parts add up to the total."""
    answer = fixture("responses_orders_show.json")
    about = Want("orders_to_wms", "create", "web_uk:1@LEEDS", "rdr1234", {})
    seen = veeqo.CREATE.lookup.found(about, [[answer], []])
    assert isinstance(seen, Found)
    fields = seen.fields
    assert (seen.ref, seen.count, fields["facility_id"], fields["is_allocated"]) == (
        "13359622",
        1,
        "12345",
        False,
    )
    assert (fields["ship_to_first_name"], fields["ship_to_region"]) == ("Samwise", "Middle Earth")
    assert (fields["customer_email"], fields["payment_reference"]) == ("baggins@ringbearers.org", "PPP1234")
    goods = sum(line["qty"] * line["unit_price_amount"] for line in fields["lines"])
    assert (
        goods - fields["discount_amount"] + fields["tax_amount"] + fields["shipping_amount"]
        == fields["total_amount"]
    )


@pytest.mark.parametrize(
    "name", ["responses_allocations_create.json", "ruby_allocation_created.json", "ruby_order_created.json"]
)
def test_an_answer_to_a_create_or_an_allocation_is_the_order(staging: Staging, name: str) -> None:
    """Both answer with the whole order, allocated at warehouse 1784; it lands as any order does."""
    answer = fixture(name)
    assert veeqo.CREATE.receipts([want()], answer)[0].ref == "447452"
    about = want(refs={"create_order": "447452"}, facility_id="1784")
    seen = veeqo.ALLOCATE.lookup.found(about, [answer])
    assert isinstance(seen, Found)
    assert veeqo.ALLOCATE.done(about, seen)
    staging.load("orders", answer)
    assert shown(one(staging.rows("warehouse_orders")), "reference", "status_code", "currency") == (
        "#P-447452",
        "released",
        None,
    )
    assert shown(one(staging.rows("allocation_lines")), "sku", "item_id", "qty") == ("SUP-007", "1226615", 1)
    assert one(staging.rows("warehouse_order_lines"))["allocated_qty"] == 1


def test_an_order_whose_allocation_was_deleted_has_none(staging: Staging) -> None:
    """The order stays with all its units unallocated."""
    answer = fixture("responses_allocations_delete.json")
    staging.load("orders", answer)
    assert staging.rows("allocations") == []
    assert [line["allocated_qty"] for line in staging.rows("warehouse_order_lines")] == [0] * len(
        answer["line_items"]
    )


def test_the_documented_allocation_becomes_rows(staging: Staging) -> None:
    """An allocation of two items as the allocations' own answer has it, inside its order."""
    part = fixture("responses_allocations_update.json")
    staging.load("orders", order(id=part["order_id"], allocations=[part]))
    assert one(staging.rows("allocations"))["allocation_key"] == "wms_uk:8741741"
    assert ("b-hat-1", "14504036", 1) in [
        shown(r, "sku", "item_id", "qty") for r in staging.rows("allocation_lines")
    ]


def test_the_recorded_parcel_becomes_a_row(staging: Staging) -> None:
    """Its number is an object and has a blank in front; it has no service and no link."""
    parcel = fixture("ruby_shipment_created.json")
    staging.load("orders", order(allocations=[allocation(1, shipment=parcel)]))
    row = one(staging.rows("shipments"))
    assert shown(
        row, "shipment_key", "allocation_id", "carrier", "tracking_number", "service", "tracking_url"
    ) == (
        "wms_uk:3",
        "1",
        "Other",
        "12345679ABC",
        None,
        None,
    )
    assert row["despatched_at"] == datetime(2016, 11, 14, 15, 5, 35, 709000, tzinfo=UTC)


def test_the_documented_return_becomes_rows(staging: Staging) -> None:
    """Still on its way, though its units are counted as received already."""
    staging.load("orders", order(returns=[fixture("responses_returns_show.json")]))
    assert shown(one(staging.rows("warehouse_returns")), "return_key", "status_code") == (
        "wms_uk:12345",
        "expected",
    )
    assert shown(one(staging.rows("warehouse_return_lines")), "sku", "qty", "received_qty") == ("osp02", 4, 4)


def test_the_documented_products_become_items_and_levels(staging: Staging) -> None:
    """Six products, one row per sellable and one per sellable and facility, the negative level included."""
    products = fixture("responses_products_index.json")
    staging.load("products", *products)
    staging.load("stock", *products)
    sellables = [item for product in products for item in product["sellables"]]
    entries = [entry for item in sellables for entry in item["stock_entries"]]
    assert len(staging.rows("items")) == len(sellables)
    assert len({row["stock_key"] for row in staging.rows("stock")}) == len(entries)
    assert shown(
        one(staging.rows("stock"), sku="SUP-009"), "physical_qty", "allocated_qty", "available_qty"
    ) == (3, 4, -1)
    headphones = one(staging.rows("items"), sku="M2IEG-B")
    assert shown(headphones, "barcode", "weight_grams", "origin_country_code") == (
        "4044155094916",
        None,
        None,
    )


def test_the_documented_product_becomes_items(staging: Staging) -> None:
    """The detail of a product has the shape of its list."""
    answer = fixture("responses_products_show.json")
    staging.load("products", answer)
    staging.load("stock", answer)
    assert {row["sku"] for row in staging.rows("items")} == {item["sku_code"] for item in answer["sellables"]}
    assert len(staging.rows("stock")) == sum(len(item["stock_entries"]) for item in answer["sellables"])


def test_a_new_product_has_no_level(staging: Staging) -> None:
    """No stock entry is not a level of zero; a missing weight_grams is a missing weight."""
    answer = fixture("ruby_product_created.json")
    staging.load("products", answer)
    staging.load("stock", answer)
    assert [shown(row, "sku", "weight_grams") for row in staging.rows("items")] == [
        ("t-shirt-large", None),
        ("t-shirt-small", None),
    ]
    assert staging.rows("stock") == []


def test_the_documented_stock_entry_is_a_level(staging: Staging) -> None:
    """The entry's own answer has the shape it has inside a product."""
    entry = fixture("responses_stock_entries_show.json")
    staging.load(
        "stock",
        {"id": 1, "sellables": [{"id": entry["sellable_id"], "sku_code": "X", "stock_entries": [entry]}]},
    )
    assert shown(one(staging.rows("stock")), "stock_key", "available_qty") == ("wms_uk:14504036:22668", 0)


def test_the_documented_customer_is_kept_without_name_and_address(staging: Staging) -> None:
    """Only what a rule could need is stored."""
    staging.load("customers", fixture("responses_customers_show.json"))
    ((kept,),) = staging.connection.execute(
        "SELECT struct_pack(id, email, customer_type) FROM veeqo.customers"
    ).fetchall()
    assert list(kept.values()) == [123, "Phil+API@veeqo.com", None]


RECORDS = {
    "orders": (
        "responses_orders_show.json",
        "responses_allocations_create.json",
        "responses_allocations_delete.json",
        "ruby_order_created.json",
    ),
    "products": (
        "responses_products_index.json",
        "responses_products_show.json",
        "ruby_product_created.json",
    ),
    "customers": ("responses_customers_show.json",),
}


def documented(stream: str) -> list[Any]:
    """Every documented record of a stream; of orders, one more with each documented part inside it."""
    answers = [fixture(name) for name in RECORDS["products" if stream == "stock" else stream]]
    records = [record for answer in answers for record in (answer if isinstance(answer, list) else [answer])]
    if stream == "orders":
        parcel = allocation(1, shipment=fixture("ruby_shipment_created.json"))
        parts = [fixture("responses_allocations_update.json"), parcel]
        records.append(order(allocations=parts, returns=[fixture("responses_returns_show.json")]))
    return records


@pytest.mark.parametrize("stream", ["orders", "products", "stock", "customers"])
def test_documented_records_pass_the_check_of_landing(stream: str) -> None:
    """Strictly typed as they are, none of them is set aside."""
    found = next(s for s in veeqo.VENDOR.streams if s.name == stream)
    shape = shapes.Shape(shapes.table("veeqo", stream), found.key, found.version)
    for record in documented(stream):
        assert shape.check(json.dumps(record).encode())[0] == record["id"]


@pytest.mark.parametrize("stream", ["orders", "products", "stock", "customers"])
def test_every_documented_field_is_kept_or_left_out_on_purpose(stream: str) -> None:
    """What is neither declared nor named as left out would be news."""
    found = next(s for s in veeqo.VENDOR.streams if s.name == stream)
    shape = shapes.Shape(shapes.table("veeqo", stream), found.key, found.version)
    looking = shapes.News(shape.names, found.left_out)
    news = {path for record in documented(stream) for path in looking.paths(json.dumps(record).encode())}
    assert sorted(news) == []


def test_the_raw_tables_declare_only_fields_an_answer_has() -> None:
    """A misspelt field would be NULL for ever: each name is in a documented answer or in the brief."""
    brief = {
        *("merged_to_id", "remote_id", "sellable_id", "service_name", "service_carrier_name", "tracking_url"),
        *("slug", "status", "collected_at", "in_transit_at", "out_for_delivery_at", "delivered_at"),
        *("refund_quantity", "refund_amount", "customer_type", "cached_time_zone", "currency_code"),
        *("picked_quantity", "cost", "name"),
    }
    known = {
        name.rpartition(".")[2]
        for stream in RECORDS
        for record in documented(stream)
        for name in dotted(record)
    }
    warehouse = fixture("responses_stock_entries_show.json")["warehouse"]
    declared = {
        name
        for table in shapes.declaration("veeqo").tables.values()
        for column, kind in table.types.items()
        for name in (column, *_names(kind))
    }
    assert declared - known - brief - set(warehouse) == set()


def _names(kind: Any) -> Iterator[str]:
    """Every field's name below a type."""
    if kind.id == "list":
        yield from _names(kind.children[0][1])
    elif kind.id == "struct":
        for name, child in kind.children:
            yield name
            yield from _names(child)
