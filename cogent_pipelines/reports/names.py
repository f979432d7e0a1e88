"""What an exception is about, in every name the vendors have for it.

Belongs here: from our keys to order numbers, warehouse ids, parcels, tracking numbers, SKUs and refunds.
Does not belong here: who may be right about it (``verdict``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

_WORD = re.compile(r"[^\s,;:=+()]+")

_NAMES = """
WITH asked AS (SELECT unnest($1::VARCHAR[]) AS key),
names AS (
    SELECT order_key AS key, [order_name, order_id] AS names FROM marts.orders
    UNION ALL
    SELECT w.warehouse_order_key, [w.warehouse_order_id, w.reference, o.order_name]
    FROM marts.warehouse_orders AS w
    LEFT JOIN marts.orders AS o USING (order_key)
    UNION ALL
    SELECT s.shipment_key, [s.shipment_id, s.tracking_number, w.warehouse_order_id, w.reference, o.order_name]
    FROM marts.shipments AS s
    LEFT JOIN marts.warehouse_orders AS w USING (warehouse_order_key)
    LEFT JOIN marts.orders AS o ON o.order_key = s.order_key
    UNION ALL
    SELECT f.fulfilment_key, list_concat([f.fulfilment_id, o.order_name], f.tracking_numbers)
    FROM marts.fulfilments AS f
    LEFT JOIN marts.orders AS o USING (order_key)
    UNION ALL
    SELECT r.refund_key, [r.refund_id, o.order_name]
    FROM marts.refunds AS r
    LEFT JOIN marts.orders AS o USING (order_key)
    UNION ALL
    SELECT item_key, [sku, item_id] FROM marts.items
    UNION ALL
    SELECT channel_stock_key, [sku] FROM marts.channel_stock
)
SELECT asked.key, list_distinct(flatten(list(names.names)))
FROM asked INNER JOIN names USING (key)
GROUP BY asked.key
"""

_FAILED = """
SELECT r.flow_key, f.failed_at, f.payload_references
FROM marts.flow_failures AS f
INNER JOIN marts.flow_runs AS r USING (flow_run_key)
WHERE list_contains($1::VARCHAR[], r.flow_key) AND f.payload_references IS NOT NULL
"""
"""What a flow failed on: an exception about the flow goes by the orders of it."""


def of(
    connection: duckdb.DuckDBPyConnection | None, rows: Sequence[Mapping[str, Any]], systems: Iterable[str]
) -> dict[int, frozenset[str]]:
    """Exception id -> its names: words of its key, entity and detail, and what its keys mean elsewhere."""
    ours = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(systems)))}):[^\s:@+/]+")
    keys = {
        row["exception_id"]: set(ours.findall(f"{row['exception_key']} {row['entity_key'] or ''}"))
        for row in rows
    }
    known: dict[str, list[str]] = {}
    carried: dict[str, list[tuple[datetime, list[str]]]] = {}
    if connection is not None:
        asked = sorted(set().union(*keys.values()))
        known = dict(connection.execute(_NAMES, [asked]).fetchall())
        flows = [row["exception_key"] for row in rows]
        for key, at, references in connection.execute(_FAILED, [flows]).fetchall():
            carried.setdefault(key, []).append((at, references))
    found: dict[int, frozenset[str]] = {}
    for row in rows:
        text = f"{row['exception_key']} {row['entity_key'] or ''} {row['detail'] or ''}"
        own = set(_WORD.findall(text)) | {row["exception_key"], row["entity_key"] or ""}
        for key in keys[row["exception_id"]]:
            own.update(known.get(key, ()))
        for at, references in carried.get(row["exception_key"], ()):
            if at <= row["opened_at"]:
                own.update(references)
        found[row["exception_id"]] = frozenset(plain(name) for name in own if name)
    return found


def plain(name: str) -> str:
    """A name without what two systems write differently: blanks round it, and case."""
    return name.strip().casefold()
