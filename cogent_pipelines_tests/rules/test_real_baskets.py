"""The duplicate rule on a year of real trade: the retailer's invoices as orders, its credit notes as refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cogent_pipelines_tests.rules.rows import SHOP, World

DATA = Path(__file__).parents[3] / "shared" / "data" / "online_retail.parquet"

ORDERS = f"""
    INSERT INTO marts.orders BY NAME
    SELECT
        '{SHOP}:' || InvoiceNo AS order_key, '{SHOP}' AS system, InvoiceNo AS order_name, min(InvoiceDate) AS placed_at,
        false AS is_test, 'GBP' AS currency, sum(Quantity * UnitPrice) AS total_amount, total_amount AS subtotal_amount,
        '{SHOP}:' || any_value(CustomerID) AS customer_key, min(InvoiceDate) AS read_at,
        md5(string_agg(
            StockCode || ':' || Quantity || ':' || UnitPrice, ',' ORDER BY StockCode, Quantity, UnitPrice
        )) AS basket_fingerprint
    FROM '{DATA}'
    WHERE NOT starts_with(InvoiceNo, 'C') AND Quantity > 0
    GROUP BY InvoiceNo
"""
REFUNDS = f"""
    INSERT INTO marts.refunds BY NAME
    WITH credits AS (
        SELECT InvoiceNo, '{SHOP}:' || any_value(CustomerID) AS customer_key, min(InvoiceDate) AS refunded_at,
            -sum(Quantity * UnitPrice) AS amount
        FROM '{DATA}' WHERE starts_with(InvoiceNo, 'C') GROUP BY InvoiceNo
    )
    SELECT '{SHOP}:' || c.InvoiceNo AS refund_key, '{SHOP}' AS system, min(o.order_key) AS order_key, c.refunded_at,
        c.amount, 'GBP' AS currency
    FROM credits AS c JOIN marts.orders AS o USING (customer_key) GROUP BY ALL
"""


@pytest.mark.skipif(not DATA.exists(), reason="the real orders are not beside this checkout")
def test_of_the_year_s_twins_fourteen_stay_open_three_end_and_seven_never_were() -> None:
    """24 pairs within the hour; ten were credited, seven of them before the second was keyed."""
    world = World("no_two_orders_are_the_same_basket")
    world.connection.execute(ORDERS)
    world.connection.execute(REFUNDS)
    world.at(datetime(2011, 12, 31, tzinfo=UTC))
    rows = world.rows()
    assert sum(row["ended_at"] is None for row in rows) == 14
    assert sum(row["ended_at"] is not None for row in rows) == 3
    assert f"{SHOP}:570180+{SHOP}:570192" in {row["exception_key"] for row in rows}
    world.clear("marts.refunds")
    assert len(world.rows()) == 24
