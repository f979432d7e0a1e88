"""The same retailer, shown by Adobe Commerce and by Shopify, comes to the same rows in our words.

Two edges and two connectors, of which neither knows the other: a misreading of one shows as a difference.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.vendors import adobe_commerce, shopify
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer

SAME = {
    "orders": "SELECT order_name, total_amount, current_total_amount, captured_amount, refunded_amount, payment_code, fulfilment_code, "
    "cancelled_at IS NULL, currency, ship_to_name, ship_to_line1, ship_to_postcode, delivery_option, "
    "date_trunc('second', placed_at), date_trunc('second', paid_at) FROM staging.stg_{v}__orders",
    "order_lines": "SELECT order_name, sku, ordered_qty, current_qty, requires_shipping, l.tax_amount "
    "FROM staging.stg_{v}__order_lines AS l JOIN staging.stg_{v}__orders USING (order_key)",
    "left to send": "SELECT order_name, sku, sum(remaining_qty) FROM staging.stg_{v}__fulfilment_order_lines "
    "JOIN staging.stg_{v}__orders USING (order_key) GROUP BY ALL HAVING sum(remaining_qty) > 0",
    "fulfilments": "SELECT order_name, status_code, carrier, tracking_numbers, location_id "
    "FROM staging.stg_{v}__fulfilments JOIN staging.stg_{v}__orders USING (order_key)",
    "fulfilment_lines": "SELECT order_name, sku, qty "
    "FROM staging.stg_{v}__fulfilment_lines JOIN staging.stg_{v}__orders USING (order_key)",
    "stock": "SELECT sku, sum(available_qty), sum(committed_qty), sum(on_hand_qty) "
    "FROM staging.stg_{v}__channel_stock GROUP BY ALL",
    "items": "SELECT sku, title, barcode, weight_grams, origin_country_code, hs_code, price_amount, is_active "
    "FROM staging.stg_{v}__items",
    # Money that never came has no invoice, and an order nobody paid for no credit memo: neither is a movement.
    "payments": "SELECT order_name, replace(kind_code, 'sale', 'capture'), p.amount FROM staging.stg_{v}__payments AS p "
    "JOIN staging.stg_{v}__orders USING (order_key) WHERE status_code = 'success' AND kind_code <> 'void'",
    "refunds": "SELECT order_name, r.amount, adjustment_amount FROM staging.stg_{v}__refunds AS r "
    "JOIN staging.stg_{v}__orders USING (order_key) WHERE captured_amount > 0",
    "refund_lines": "SELECT order_name, sku, qty, r.amount FROM staging.stg_{v}__refund_lines AS r "
    "JOIN staging.stg_{v}__orders USING (order_key) WHERE captured_amount > 0",
}

LAG = 10.0
"""Seconds by which one of the two shows its changes late."""


def lived(folder: Path, vendor: str) -> dict[str, list[Any]]:
    """Every question's answer after a history, a day of customers, and some orders of our own."""
    retailer = Retailer(
        folder, {SHOP: vendor, WMS: "veeqo"}, history=90, orders=60, skus=20, bundles=2, days=1
    )
    for payment in ("pending", "authorised", "captured"):
        line = {"sku": "SKU-0001", "quantity": 4}
        for name in (payment, f"{payment} and cancelled"):
            retailer.do(SHOP, "place_order", name=name, lines=[line], location=1001, payment=payment)
        retailer.do(SHOP, "cancel_order", order=name)
    back = [{"sku": "SKU-0001", "quantity": 1, "restock": "cancel"}]
    retailer.do(SHOP, "refund", order="captured", lines=back, adjustment="1.50", note="sorry")
    for _ in range(18):
        retailer.move_on(7200)
    retailer.world._heap.clear()  # nobody does anything while it is read
    retailer.move_on(LAG)
    assert all(report.is_complete for report in retailer.pull_of(SHOP))
    with retailer.staged() as staged:
        return {
            name: sorted(staged.connection.execute(query.format(v=vendor)).fetchall(), key=repr)
            for name, query in SAME.items()
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Any]]]:
    """The same seed, twice."""
    with sandbox_kit.standing_still():
        ours = lived(tmp_path_factory.mktemp("adobe_commerce"), "adobe_commerce")
    with sandbox_kit.standing_still(), pytest.MonkeyPatch.context() as patch:
        # What one leaves untold does not happen in its world: from which source an order is taken.
        patch.setattr(shopify, "TRAITS", replace(shopify.TRAITS, untold=adobe_commerce.TRAITS.untold))
        return [ours, lived(tmp_path_factory.mktemp("shopify"), "shopify")]


@pytest.mark.parametrize("name", SAME)
def test_one_retailer_is_the_same_by_either_vendor(both: list[dict[str, list[Any]]], name: str) -> None:
    """Row by row."""
    ours, theirs = both
    assert ours[name] == theirs[name]
    assert ours[name]
