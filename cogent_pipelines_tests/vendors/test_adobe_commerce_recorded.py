"""Adobe Commerce's documented answers become the right rows, receipts or requests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.vendors.adobe_commerce import VENDOR
from cogent_pipelines_tests.vendors.adobe_commerce_kit import (
    SYSTEM,
    Views,
    fixture,
    level,
    listed,
    order,
    parcel,
    shown,
    stock,
)

(SHIP,) = VENDOR.writes["shipments_to_channel", "fulfil"]
(SET,) = VENDOR.writes["stock_to_channel", "set"]


@pytest.fixture
def s() -> Views:
    """Empty raw tables and the views over them."""
    return Views()


def kinds(value: Any) -> Any:
    """The names and kinds a body consists of."""
    if isinstance(value, dict):
        return {name: kinds(part) for name, part in value.items()}
    return [kinds(part) for part in value[:1]] if isinstance(value, list) else type(value)


def test_a_shipment_is_sent_as_documented() -> None:
    """Attribute by attribute."""
    ours = SHIP.request([parcel()], SYSTEM, "").body
    (sample,) = fixture("order_create_shipment.json")
    for name, value in sample.items():
        assert kinds(ours[name]) == kinds(value)
    for sample in fixture("create_shipment.json"):
        assert kinds(ours["arguments"]) == kinds(sample["arguments"])
        assert set(sample["comment"]) <= set(ours["comment"])


def test_source_items_are_set_as_documented() -> None:
    """And found as they are listed."""
    _, sample, found = fixture("manage_source_items.json")
    ours = SET.request([level()], SYSTEM, "").body
    assert kinds(ours) == kinds(sample)
    want = level("new_product2", 500, 0, location_id="central")
    seen = SET.lookup.found(want, [found, listed(), listed(), listed()])
    assert seen is not None
    assert (seen.fields["quantity"], SET.done(want, seen)) == (500, True)


def test_documented_source_items_become_levels(s: Views) -> None:
    """One for each source."""
    found = fixture("manage_source_items.json")[2]
    s.load("source_items", *found["items"])
    rows = s.rows("channel_stock")
    assert [shown(row, "channel_stock_key", "available_qty", "is_active") for row in rows] == [
        ("web_uk:new_product2:central", 500, True),
        ("web_uk:new_product2:east", 250, True),
    ]


def test_documented_sources_become_locations(s: Views) -> None:
    """Pick-up places too."""
    found = next(block for block in fixture("manage_sources.json") if "items" in block)
    s.load("sources", *found["items"])
    rows = s.rows("locations")
    assert len(rows) == found["total_count"] == len(found["items"])
    assert shown(rows[0], "location_id", "name", "is_active") == ("central", "Central Shipping Center", True)


def test_documented_stocks_become_rows(s: Views) -> None:
    """With the websites they sell on."""
    found = next(block for block in fixture("manage_stocks.json") if "items" in block)
    one = fixture("check_salable_quantity.json")[2]
    s.load("stocks", *found["items"], one)
    rows = s.connection.execute(
        "SELECT stock_id, extension_attributes.sales_channels[1].code FROM adobe_commerce.stocks ORDER BY 1"
    ).fetchall()
    assert rows == [(1, "base"), (2, "na_site"), (4, "test_site")]


def test_the_documented_invoice_pays_its_order(s: Views) -> None:
    """At its instant, by its amount; it names no transaction, so its own number stands for one."""
    paid = fixture("order_create_invoice.json")[1]
    s.load("orders", order(entity_id=3, base_grand_total=165, base_total_paid=165, base_currency_code="USD"))
    s.load("invoices", paid)
    row = s.one("payments")
    assert shown(row, "kind_code", "status_code", "amount", "currency", "payment_id") == (
        "capture", "success", Decimal(165), "USD", "000000003",
    )  # fmt: skip
    assert s.one("orders")["paid_at"] == row["processed_at"]
    assert row["processed_at"].isoformat() == "2017-08-21T22:36:02+00:00"


@pytest.mark.parametrize("name", ["asynchronous_web_endpoints.json", "bulk_endpoints.json"])
def test_what_the_queue_is_documented_to_answer_is_a_receipt_for_each(name: str) -> None:
    """By the uuid and the place."""
    answer = next(block for block in fixture(name) if isinstance(block, dict) and "bulk_uuid" in block)
    wants = [level(f"SKU-{item['id']}") for item in answer["request_items"]]
    receipts = SET.receipts(wants, answer)
    assert [receipt.ref for receipt in receipts] == [
        f"bulk:{answer['bulk_uuid']}/{item['id']}" for item in answer["request_items"]
    ]


def test_a_documented_failure_in_the_queue_gives_its_message() -> None:
    """Status 3: not to be tried again as it is."""
    (found,) = fixture("operation_status_search.json")
    failed = next(each for each in found["items"] if each["status"] == 3)
    want = level(refs={"set": f"bulk:{failed['bulk_uuid']}/{failed['id']}"})
    status = {"bulk_id": failed["bulk_uuid"], "operations_list": found["items"]}
    found_level = SET.lookup.found(want, [*stock(), status])
    assert found_level is not None
    assert found_level.refused == failed["result_message"]
