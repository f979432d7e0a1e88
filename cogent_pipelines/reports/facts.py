"""What is known of one order: found by any of its names, collected from every table and from the ledger.

Belongs here: finding what a person means by a name, and reading it; two short looks, no judgement.
Does not belong here: telling it (``trace``), or what would move it on (``remedy``).

No personal data: names and addresses are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from cogent_pipelines.estate import Place
from cogent_pipelines.ledger import books, controls
from cogent_pipelines.ledger.books import Hop
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import exceptions
from cogent_pipelines.reports import stores

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is meant: an order, or a warehouse's records that no order is known for."""

    order_key: str
    warehouse_orders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one subject; a table that has nothing of it is empty."""

    subject: Subject
    order: Row | None = None
    lines: tuple[Row, ...] = ()
    payments: tuple[Row, ...] = ()
    refunds: tuple[Row, ...] = ()
    releases: tuple[Row, ...] = ()
    warehouse_orders: tuple[Row, ...] = ()
    allocations: tuple[Row, ...] = ()
    shipments: tuple[Row, ...] = ()
    fulfilments: tuple[Row, ...] = ()
    returns: tuple[Row, ...] = ()
    methods: tuple[Row, ...] = ()
    """Delivery methods of the warehouses, for mending a mapping."""
    facilities: tuple[Row, ...] = ()
    """Our facilities, for the same."""
    modes: Mapping[str, str] = field(default_factory=dict)
    """Sync -> its mode."""
    mappings: Mapping[str, str] = field(default_factory=dict)
    """Mapping -> the file it was read from."""
    hops: tuple[Hop, ...] = ()
    adoptions: tuple[Row, ...] = ()
    exceptions: tuple[Row, ...] = ()
    stops: tuple[Row, ...] = ()
    """Pauses and halts that stand."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a name means; ``close`` are names like it when it means nothing."""

    facts: tuple[Facts, ...]
    more: int = 0
    """Further orders of the same name."""
    close: tuple[str, ...] = ()
    is_built: bool = True


def about(place: Place, ledger: Ledger, wanted: str, *, most: int = 3) -> Known:
    """All that is known of what ``wanted`` means: at most ``most`` orders."""
    with stores.tables(place, ledger) as connection:
        if connection is None:
            subjects = [Subject(key) for key in _known_to(ledger, wanted)]
            found = [Facts(subject) for subject in subjects[:most]]
            close: tuple[str, ...] = ()
        else:
            subjects = _find(connection, wanted)
            found = [_facts(connection, subject) for subject in subjects[:most]]
            close = () if subjects else _near(connection, wanted)
    told = tuple(_with_ledger(facts, ledger) for facts in found)
    return Known(told, max(len(subjects) - most, 0), close, is_built=connection is not None)


def _with_ledger(facts: Facts, ledger: Ledger) -> Facts:
    """Add what the ledger knows: promises, adoptions, exceptions, and what stands in the way."""
    key = facts.subject.order_key
    found = books.trace(ledger, key) if key else books.Trace((), ())
    with ledger.read() as connection:
        rows = connection.execute(
            sa.select(exceptions).where(_mentions(facts, found)).order_by(exceptions.c.exception_id)
        )
        named = tuple(dict(row) for row in rows.mappings())
    return replace(
        facts,
        hops=found.hops,
        adoptions=found.adoptions,
        exceptions=named,
        stops=tuple(controls.standing(ledger)),
    )


def _mentions(facts: Facts, found: books.Trace) -> sa.ColumnElement[bool]:
    """Exceptions that name the order, one of its parts, records, parcels, refunds or promises."""
    key = facts.subject.order_key
    names = {row["warehouse_order_key"] for row in facts.warehouse_orders}
    names |= {row["shipment_key"] for row in facts.shipments}
    names |= {row["fulfilment_key"] for row in facts.fulfilments}
    names |= {row["business_key"] for row in facts.releases}
    for hop in found.hops:
        promise = hop.promise
        names |= {promise.business_key, f"{promise.sync}:{promise.system}:{promise.business_key}"}
    about: list[sa.ColumnElement[bool]] = [
        exceptions.c.entity_key.in_(names),
        exceptions.c.exception_key.in_(names),
    ]
    if key:
        about += [
            exceptions.c.entity_key == key,
            exceptions.c.exception_key == key,
            exceptions.c.exception_key.startswith(f"{key}@", autoescape=True),
            exceptions.c.exception_key.startswith(f"{key}+", autoescape=True),
            exceptions.c.exception_key.endswith(f"+{key}", autoescape=True),
        ]
    return sa.or_(*about)


# --- finding ----------------------------------------------------------------------------------------------

_FIND = """
WITH wanted AS (SELECT unnest([$1, $2, $3]) AS name),
found AS (
    SELECT 1 AS rank, order_key, NULL AS warehouse_order_key
    FROM marts.orders WHERE order_key = $1 OR order_name IN (FROM wanted)
    UNION ALL
    SELECT 2, order_key, warehouse_order_key
    FROM marts.warehouse_orders WHERE warehouse_order_key = $1 OR reference IN (FROM wanted)
    UNION ALL
    SELECT 3, order_key, warehouse_order_key
    FROM marts.shipments WHERE tracking_number = $1 OR shipment_key = $1
    UNION ALL
    SELECT 3, order_key, NULL
    FROM marts.fulfilments WHERE list_contains(tracking_numbers, $1) OR fulfilment_key = $1
    UNION ALL
    SELECT 4, order_key, warehouse_order_key FROM marts.warehouse_orders WHERE warehouse_order_id = $1
    UNION ALL
    SELECT 5, order_key, NULL FROM marts.orders WHERE order_id = $1
    UNION ALL
    SELECT 6, order_key, NULL FROM ops.operations
    WHERE (business_key = $1 OR reference IN (FROM wanted) OR target_ref = $1) AND order_key IS NOT NULL
    UNION ALL
    SELECT 6, order_key, NULL FROM ops.adoptions
    WHERE (business_key = $1 OR reference IN (FROM wanted)) AND order_key IS NOT NULL
    UNION ALL
    SELECT 7, order_key, warehouse_order_key FROM marts.shipments WHERE shipment_id = $1
)
SELECT
    coalesce(order_key, ''),
    list(DISTINCT warehouse_order_key) FILTER (WHERE warehouse_order_key IS NOT NULL)
FROM found
WHERE rank = (SELECT min(rank) FROM found)
GROUP BY 1
ORDER BY 1
"""
"""The surest kind of name first; only the names of the surest kind that means anything count."""

_NEAR = """
WITH names AS (
    SELECT order_name AS name FROM marts.orders
    UNION SELECT order_key FROM marts.orders
    UNION SELECT tracking_number FROM marts.shipments
    UNION SELECT reference FROM marts.warehouse_orders
),
measured AS (
    SELECT name, damerau_levenshtein(lower(name), lower($1)) AS distance FROM names WHERE name IS NOT NULL
)
SELECT name FROM measured WHERE distance <= greatest(1, length($1) // 3) ORDER BY distance, name LIMIT 3
"""
_LONGEST_NAME = 80


def _find(connection: duckdb.DuckDBPyConnection, wanted: str) -> list[Subject]:
    plain = wanted.lstrip("#")
    found = []
    for order_key, keys in connection.execute(_FIND, [wanted, plain, f"#{plain}"]).fetchall():
        if order_key:
            found.append(Subject(order_key))
        else:
            found += [Subject("", (key,)) for key in sorted(keys or ())]
    return found


def _near(connection: duckdb.DuckDBPyConnection, wanted: str) -> tuple[str, ...]:
    """Names like ``wanted``: of orders, references and tracking numbers."""
    if not wanted:
        return ()
    return tuple(row[0] for row in connection.execute(_NEAR, [wanted[:_LONGEST_NAME]]).fetchall())


def _known_to(ledger: Ledger, wanted: str) -> list[str]:
    """Order keys the ledger knows by a name, for when there is no warehouse."""
    plain = wanted.lstrip("#")
    keys: dict[str, None] = {}
    for name in dict.fromkeys((wanted, plain, f"#{plain}")):
        found = books.trace(ledger, name)
        keys.update({hop.promise.order_key: None for hop in found.hops if hop.promise.order_key})
        keys.update({row["order_key"]: None for row in found.adoptions if row["order_key"]})
    return list(keys)


# --- collecting -------------------------------------------------------------------------------------------

_ORDER = """
SELECT
    order_key, system, order_name, placed_at, paid_at, cancelled_at, gone_at, first_seen_at, is_test,
    currency, total_amount, payment_code, fulfilment_code, delivery_option, promised_on, url
FROM marts.orders WHERE order_key = $1
"""
_WAREHOUSE_ORDERS = """
SELECT
    w.warehouse_order_key, w.system, w.warehouse_order_id, w.reference, w.status_code, w.created_at,
    w.updated_at, w.cancelled_at, w.first_seen_at, w.gone_at,
    sum(l.qty)::BIGINT AS units, sum(l.picked_qty)::BIGINT AS picked
FROM marts.warehouse_orders AS w
LEFT JOIN marts.warehouse_order_lines AS l USING (warehouse_order_key)
WHERE (w.order_key = $1 AND $1 <> '') OR list_contains($2::VARCHAR[], w.warehouse_order_key)
GROUP BY ALL ORDER BY w.created_at
"""
_RELEASES = """
SELECT business_key, facility, place, warehouse_system, ready_at, is_payable, held_by, held_detail
FROM marts.releases WHERE order_key = $1 ORDER BY business_key
"""
_OF_THE_ORDER = {
    "lines": "SELECT sku, ordered_qty, current_qty FROM marts.order_lines WHERE order_key = $1",
    "payments": """
        SELECT system, kind_code, status_code, amount, currency, processed_at
        FROM marts.payments WHERE order_key = $1 AND processed_at IS NOT NULL
    """,
    "refunds": """
        SELECT system, refund_id, refunded_at, amount, currency, return_id
        FROM marts.refunds WHERE order_key = $1 AND refunded_at IS NOT NULL
    """,
    "fulfilments": """
        SELECT
            f.fulfilment_key, f.system, f.fulfilment_id, f.status_code, f.created_at, f.tracking_numbers,
            sum(l.qty)::BIGINT AS units
        FROM marts.fulfilments AS f LEFT JOIN marts.fulfilment_lines AS l USING (fulfilment_key)
        WHERE f.order_key = $1 GROUP BY ALL ORDER BY f.created_at
    """,
}
_AT_THE_WAREHOUSE = {
    "allocations": """
        SELECT a.system, a.facility, a.facility_id, a.created_at, sum(l.qty)::BIGINT AS units
        FROM marts.allocations AS a LEFT JOIN marts.allocation_lines AS l USING (allocation_key)
        WHERE list_contains($1::VARCHAR[], a.warehouse_order_key) AND a.created_at IS NOT NULL GROUP BY ALL
    """,
    "shipments": """
        SELECT
            s.shipment_key, s.system, s.shipment_id, s.facility, s.carrier, s.tracking_number,
            s.despatched_at, s.first_scan_at, s.delivered_at, sum(l.qty)::BIGINT AS units
        FROM marts.shipments AS s LEFT JOIN marts.shipment_lines AS l USING (shipment_key)
        WHERE list_contains($1::VARCHAR[], s.warehouse_order_key) GROUP BY ALL ORDER BY s.despatched_at
    """,
    "returns": """
        SELECT system, return_id, status_code, created_at
        FROM marts.warehouse_returns
        WHERE list_contains($1::VARCHAR[], warehouse_order_key) AND created_at IS NOT NULL
    """,
}


def _facts(connection: duckdb.DuckDBPyConnection, subject: Subject) -> Facts:
    key = subject.order_key
    orders = _rows(connection, _ORDER, key)
    warehouse_orders = _rows(connection, _WAREHOUSE_ORDERS, key, list(subject.warehouse_orders))
    records = [row["warehouse_order_key"] for row in warehouse_orders]
    parts = {name: _rows(connection, query, key) for name, query in _OF_THE_ORDER.items()}
    parts |= {name: _rows(connection, query, records) for name, query in _AT_THE_WAREHOUSE.items()}
    methods = "SELECT system, delivery_method_id, name FROM marts.delivery_methods ORDER BY ALL"
    return Facts(
        subject=subject,
        order=orders[0] if orders else None,
        releases=() if _is_over(orders) else _rows(connection, _RELEASES, key),
        warehouse_orders=warehouse_orders,
        methods=_rows(connection, methods),
        facilities=_rows(
            connection, "SELECT facility, warehouse_system FROM mappings.facilities ORDER BY ALL"
        ),
        mappings=dict(connection.execute("SELECT name, file FROM mappings.loaded").fetchall()),
        modes=dict(connection.execute("SELECT sync, mode FROM estate.syncs").fetchall()),
        lines=parts["lines"],
        payments=parts["payments"],
        refunds=parts["refunds"],
        fulfilments=parts["fulfilments"],
        allocations=parts["allocations"],
        shipments=parts["shipments"],
        returns=parts["returns"],
    )


def _is_over(orders: tuple[Row, ...]) -> bool:
    """Whether nothing of it can wait to be released; that view looks at all stock, which takes its time."""
    if not orders:
        return True
    order = orders[0]
    return bool(order["cancelled_at"] or order["is_test"] or order["fulfilment_code"] == "fulfilled")


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> tuple[Row, ...]:
    cursor = connection.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, map(_utc, row), strict=True)) for row in cursor.fetchall())


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
