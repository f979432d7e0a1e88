"""Every request built for Adobe Commerce is one its own Swagger file documents, down to its attributes."""

from __future__ import annotations

import re

import pytest

from cogent_pipelines.connect.spec import Request, Window
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors.adobe_commerce import DOCUMENTS, VENDOR
from cogent_pipelines_tests.sandbox.adobe_commerce_account import (
    contract,
    misfits,
    operation,
    request_misfits,
)
from cogent_pipelines_tests.vendors.adobe_commerce_kit import (
    READ_AT,
    STREAMS,
    SYSTEM,
    answer,
    level,
    listed,
    order,
    parcel,
)

TRIMMING = {"fields"}
"""Understood by every list, and a parameter of none in the file."""


def built() -> list[Request]:
    """One of every request this vendor file can build."""
    window = Window(READ_AT, READ_AT)
    reads = []
    for stream in STREAMS.values():
        for build in (stream.request, *stream.also, *([stream.ids] if stream.ids else ())):
            asked = build(window, SYSTEM)
            if stream.paging is not None:
                asked = stream.paging.first(asked)
                page = answer(listed(*({stream.key: n} for n in range(1, DOCUMENTS + 1)), total=999))
                following = stream.paging.next(asked, page, DOCUMENTS, {"total_count": 999})
                assert following is not None
                reads.append(following)
            reads.append(asked)
    many = [level(f"SKU-{number}") for number in range(30)]
    wants = {"ship": [parcel()], "set": [level()]}
    writes = [w.request(wants[w.action], SYSTEM, "") for some in VENDOR.writes.values() for w in some]
    writes += [VENDOR.writes["stock_to_channel", "set"][0].request(many, SYSTEM, "")]
    looks = [
        request
        for some in VENDOR.writes.values()
        for write in some
        for request in write.lookup.requests(
            [*wants[write.action], level(refs={"set": "bulk:u-1/0"}, order_id="1")], SYSTEM
        )
    ]
    assert VENDOR.probe is not None
    return [*reads, *writes, *looks, VENDOR.probe(SYSTEM)]


def name_of(request: Request) -> tuple[str, bool]:
    """(the address behind /V1/, whether it goes through the queue)."""
    match = re.fullmatch(r"/rest/default(/async/bulk)?/V1/(.*)", request.path)
    assert match is not None
    return match[2], bool(match[1])


@pytest.mark.parametrize("request_", built(), ids=lambda r: f"{r.method} {r.path}")
def test_a_request_is_one_the_vendor_documents(request_: Request) -> None:
    """Method and path exist, the list knows every parameter, the body is of its kinds."""
    name, is_queued = name_of(request_)
    found = operation(request_.method, name)
    assert found is not None
    parameters = (
        {p["name"] for p in found["parameters"] if p["in"] == "query"} if "parameters" in found else set()
    )
    plain = {re.sub(r"\[\d+\]", "[0]", key) for key, _ in request_.params} - TRIMMING
    assert plain <= parameters
    for body in request_.body if is_queued else [request_.body] if request_.is_write else []:
        assert request_misfits(request_.method, name, body) == []


@pytest.mark.parametrize("name", [n for n, s in STREAMS.items() if s.paging is not None])
def test_a_list_answers_what_is_looked_for(name: str) -> None:
    """``items`` beside ``total_count``; what a record consists of is held against the tables below."""
    found = operation("GET", name_of(STREAMS[name].request(Window(None, READ_AT), SYSTEM))[0])
    assert found is not None
    schema = contract()["definitions"][found["responses"]["200"]["schema"]["$ref"].rpartition("/")[2]]
    assert {"items", "total_count"} <= set(schema["properties"])


RECORDS = {
    "orders": "sales-data-order-interface",
    "invoices": "sales-data-invoice-interface",
    "shipments": "sales-data-shipment-interface",
    "creditmemos": "sales-data-creditmemo-interface",
    "transactions": "sales-data-transaction-interface",
    "products": "catalog-data-product-interface",
    "sources": "inventory-api-data-source-interface",
    "stocks": "inventory-api-data-stock-interface",
    "stock_source_links": "inventory-api-data-stock-source-link-interface",
    "source_items": "inventory-api-data-source-item-interface",
    "store_configs": "store-data-store-config-interface",
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_raw_tables_columns_are_fields_of_the_vendors_records(name: str) -> None:
    """By their own names, but for a key that is made of several."""
    known = set(contract()["definitions"][RECORDS[name]]["properties"])
    columns = set(shapes.table("adobe_commerce", name).columns)
    assert columns - known <= ({"key"} if STREAMS[name].rows is not None else set())


def test_the_comparison_sees_what_a_reader_sees() -> None:
    """So that the tests above cannot pass on nothing."""
    wrong = {"sourceItems": [{"sku": 7, "source_code": "a", "amount": 1}]}
    assert request_misfits("POST", "inventory/source-items", wrong) == [
        "$.sourceItems[0].sku: 7 for string",
        "$.sourceItems[0]: amount is unknown",
    ]
    found = list(misfits(order(increment_id=7), {"$ref": "#/definitions/sales-data-order-interface"}))
    assert "$.increment_id: 7 for string" in found
    assert "$.payment: account_status is missing" in found
