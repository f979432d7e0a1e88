"""Veeqo's lists: which orders a query string asks for, and what planted faults make of a record.

Belongs here: reading filters, and choosing orders by them.
Does not belong here: paging and answering (``veeqo``), JSON (``veeqo_shapes``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cogent_pipelines.sandbox.vendors.veeqo_writes import Refusal
from cogent_pipelines.sandbox.world.warehouse import status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.datastructures import QueryParams

    from cogent_pipelines.sandbox.vendors.veeqo_index import Index
    from cogent_pipelines.sandbox.world.model import WarehouseOrder


def filtered(index: Index, asked: QueryParams, horizon: datetime | None) -> Iterable[WarehouseOrder]:
    """The orders a query asks for, newest first; a list knows nothing later than ``horizon``."""
    query = asked.get("query", "").strip()
    orders: Iterable[WarehouseOrder] = index.search(query) if query else index.newest_first()
    wanted = asked.get("status")
    if wanted == "cancelled":
        orders = (order for order in orders if order.cancelled_at is not None)
    else:  # cancelled orders are in no list that does not ask for them
        orders = (order for order in orders if order.cancelled_at is None)
        if wanted:
            orders = (order for order in orders if status(order) == wanted)
    if (since := instant(asked.get("updated_at_min"))) is not None:
        orders = (order for order in orders if order.updated_at >= since)
        if horizon is not None:
            orders = (order for order in orders if order.updated_at <= horizon)
    for name, is_after in (("created_at_min", True), ("created[after]", True), ("created[before]", False)):
        if (limit := instant(asked.get(name))) is not None:
            orders = _created(orders, limit, is_after=is_after)
    for name, is_after in (("due[after]", True), ("due[before]", False)):
        if (limit := instant(asked.get(name))) is not None:
            orders = _due(orders, limit.date().isoformat(), is_after=is_after)
    if since_id := whole(asked.get("since_id"), 0):
        orders = (order for order in orders if order.id > since_id)
    if channels := {whole(each, 0) for each in asked.getlist("channel_ids[]")}:
        orders = (order for order in orders if order.channel_id in channels)
    if facility := whole(asked.get("allocated_at"), 0):
        orders = (o for o in orders if any(each.facility_id == facility for each in o.allocations))
    if asked.get("tags"):
        return ()  # this retailer tags nothing
    if horizon is not None:
        orders = (order for order in orders if order.created_at <= horizon)
    return orders


def whole(text: str | None, default: int) -> int:
    """A whole number of a query string; anything else counts as not given."""
    return int(text) if text and text.strip().isdigit() else default


def instant(text: str | None) -> datetime | None:
    """``2026-11-02 06:00:00`` (or ISO 8601) as UTC; None when not given."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refusal(400, {"error_messages": f"{text} is not a valid date"}) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _created(
    orders: Iterable[WarehouseOrder], limit: datetime, *, is_after: bool
) -> Iterable[WarehouseOrder]:
    """Orders made since, or before, an instant."""
    return (order for order in orders if (order.created_at >= limit) == is_after)


def _due(orders: Iterable[WarehouseOrder], day: str, *, is_after: bool) -> Iterable[WarehouseOrder]:
    """Orders due since, or before, a day."""
    return (order for order in orders if order.due_on and (order.due_on >= day) == is_after)


def strange(record: Any, kind: str) -> Any:
    """A record as no document describes it: a planted fault."""
    changed = msgspec.json.decode(msgspec.json.encode(record))
    if kind == "unknown_field":
        changed["sustainability_score"] = 3
    elif kind == "unknown_status" and "status" in changed:
        changed["status"] = "awaiting_inspection"
    elif kind == "wrong_type":
        changed["id" if "number" not in changed else "created_at"] = {"value": changed["id"]}
    return changed


def put(record: Any, path: Sequence[str], value: Any) -> None:
    """Make a field of a record, named by its path, read ``value``."""
    step: Any = int(path[0]) if isinstance(record, list) else path[0]
    if len(path) == 1:
        record[step] = value
        return
    if isinstance(record[step], msgspec.Raw):
        record[step] = msgspec.json.decode(record[step])
    put(record[step], path[1:], value)
