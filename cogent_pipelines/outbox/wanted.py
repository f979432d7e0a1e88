"""Rows of a ``wanted`` view as plain objects.

Belongs here: reading them in one short query and giving each its digest.
Does not belong here: what is wanted (dbt), what has been promised (``ledger``), or sending (``deliver``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb

from cogent_pipelines.outbox import personal
from cogent_pipelines.outbox.syncs import Sync

NO_TARGET = "no_target"
"""Why a row is held that names no system to go to, should its view not say why."""
LAST = 50
_ENGINE = frozenset({"system", "act", "business_key", "held_by", "priority"})
"""Columns that steer the engine and are not part of what is sent."""
_NO_WANTING = frozenset({"since_at", "amount", "currency", "source_system", "order_key"})
"""Columns that describe a row for people; a change of theirs is not another wanting."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that should be so at ``system`` and is not."""

    system: str
    """The target; "" while nothing says which one it is (a facility that is not mapped): such a row is held."""
    source_system: str
    act: str
    business_key: str
    reference: str
    order_key: str | None
    since_at: datetime | None
    held_by: str | None
    priority: int
    amount: Decimal | None
    currency: str | None
    fields: Mapping[str, Any]
    digest: str

    @property
    def key(self) -> tuple[str, str]:
        """System and business key."""
        return self.system, self.business_key


def read(
    connection: duckdb.DuckDBPyConnection,
    sync: Sync,
    key: bytes,
    keys: Sequence[str] | None = None,
    *,
    hold: str = "",
) -> list[Row]:
    """What ``sync`` wants now, or of it only the given business keys. ``hold`` keeps back what nothing else does.

    Keys that were adopted are left out by the query: there can be very many, and they are never sent.
    """
    parameters: list[object] = []
    if keys is None and sync.is_once:
        query = (
            f"SELECT w.* FROM {sync.model} AS w WHERE NOT EXISTS (SELECT 1 FROM ops.adoptions AS a "
            "WHERE a.sync = $1 AND a.system = w.system AND a.business_key = w.business_key)"
        )
        parameters = [sync.name]
    elif keys is None:
        query = f"SELECT * FROM {sync.model}"
    else:
        query = f"SELECT * FROM {sync.model} WHERE business_key IN (SELECT unnest($1::VARCHAR[]))"
        parameters = [list(keys)]
    try:
        cursor = connection.execute(query, parameters)
    except duckdb.CatalogException as error:
        if sync.name not in str(error):
            raise
        return []  # dbt has not built the view yet
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return [_row(sync, key, row, hold) for row in rows if row["business_key"]]


def _row(sync: Sync, key: bytes, values: dict[str, Any], hold: str) -> Row:
    fields = {name: _utc(value) for name, value in values.items() if name not in _ENGINE}
    wanting = {
        name: value for name, value in fields.items() if name not in sync.volatile and name not in _NO_WANTING
    }
    system = values["system"] or ""
    return Row(
        system=system,
        source_system=values["source_system"] or "",
        act=values["act"] or "",
        business_key=values["business_key"],
        reference=values["reference"] or "",
        order_key=values["order_key"],
        since_at=fields["since_at"],
        held_by=values["held_by"] or hold or (None if system else NO_TARGET),
        priority=LAST if values["priority"] is None else int(values["priority"]),
        amount=values["amount"],
        currency=values["currency"],
        fields=fields,
        digest=personal.digest(key, [values["act"], system, wanting]),
    )


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
