"""What the queue is given, which the suite does not use, is documented in Adobe Commerce's Swagger file; so is what we keep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cogent_pipelines.connect.spec import Request
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors.adobe_commerce import VENDOR
from cogent_pipelines_tests.sandbox.adobe_commerce_account import contract, misfits, request_misfits
from cogent_pipelines_tests.vendors.adobe_commerce_kit import KIT, STREAMS, SYSTEM, level, order
from cogent_pipelines_tests.vendors.vendor_kit import Exchange

(SET,) = VENDOR.writes["stock_to_channel", "set"]


def errors(request: Request, status: int) -> list[str]:
    """Where a call departs from the contract, whatever is answered."""
    assert KIT.contract is not None
    contract()
    called = (request.method, request.path, request.params, request.body)
    return list(KIT.contract.errors(Exchange(*called, status, None)))


def test_what_goes_into_the_queue_is_documented() -> None:
    """Every body of it, by the call it stands for; that it is taken is documented of no queue."""
    many = SET.request([level(f"SKU-{number}") for number in range(30)], SYSTEM, "")
    assert "/async/bulk/" in many.path
    assert len(many.body) == 30
    assert errors(many, 202) == ["the status 202 is not documented"]


def test_what_became_of_it_is_asked_for_as_documented() -> None:
    """By the address of its status."""
    *_, asked = SET.lookup.requests([level(refs={"set": "bulk:u-1/0"})], SYSTEM)
    assert asked.path.endswith("/bulk/u-1/status")
    assert errors(asked, 200) == []
    assert errors(replace(asked, method="PUT"), 200) == ["PUT bulk/u-1/status is not documented"]


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
