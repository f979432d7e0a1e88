"""Patchworks' records as JSON: flat rows, and the framework's envelope of a list.

Belongs here: one function per kind of record.
Does not belong here: which records a caller gets (``patchworks``).

INFERRED: the timestamps' format; a queued row's status; tracked data and counts of operations as fields of a run.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.bridge import Bridge, BridgeFlow, FlowRun, Payload, RunLog, Waiting

NOT_FOUND = {"message": "Not Found"}
ORDER = 37  # the entity type of an order
STRANGE: dict[str, dict[str, Any]] = {
    "unknown_status": {"status": 9},
    "unknown_field": {"shiny_new_field": "x"},
    "wrong_type": {"created_at": "yesterday"},
}
POOL = {"id": 11, "name": "Orders seen", "description": "", "created_at": "2024-04-01T08:00:00Z"}


def when(at: datetime | None) -> str | None:
    """An instant to the second, or null."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def envelope(rows: list[Any], number: int, size: int, total: int, path: str) -> dict[str, Any]:
    """A page with what the framework says of it."""
    last = max(1, -(-total // size))
    first = (number - 1) * size

    def link(page: int) -> str | None:
        return f"{path}?page={page}" if 1 <= page <= last else None

    meta = {
        "current_page": number,
        "from": first + 1 if rows else None,
        "last_page": last,
        "path": path,
        "per_page": size,
        "to": first + len(rows) if rows else None,
        "total": total,
    }
    links = {"first": link(1), "last": link(last), "prev": link(number - 1), "next": link(number + 1)}
    return {"data": rows, "links": links, "meta": meta}


def flow(each: BridgeFlow) -> dict[str, Any]:
    """A flow."""
    return {
        "id": each.id,
        "name": each.name,
        "status": each.status,
        "is_enabled": each.is_enabled,
        "enabled_at": when(each.updated_at) if each.is_enabled else None,
        "deployed_at": when(each.created_at),
        "format": "json",
        "created_at": when(each.created_at),
        "updated_at": when(each.updated_at),
    }


def run(each: FlowRun, bridge: Bridge, included: frozenset[str], *, has_forgotten: bool) -> dict[str, Any]:
    """A run; what was not asked to be included is not there."""
    took = (each.finished_at - each.started_at).total_seconds() if each.finished_at else 0
    shown: dict[str, Any] = {
        "id": each.id,
        "name": bridge.flows[each.flow_id].name,
        "status": each.status,
        "flow_id": each.flow_id,
        "flow_version_id": each.version_id,
        "user_id": None,
        "trigger": each.trigger,
        "summary": each.summary,
        "started_at": when(each.started_at),
        "finished_at": when(each.finished_at),
        "duration": took,
        "retry_flow_run_id": each.retry_of,
        "has_warnings": each.has_warnings,
        "created_at": when(each.started_at),
        "updated_at": when(each.finished_at or each.started_at),
    }
    if "trackedData" in included:
        seen = [] if has_forgotten or each.finished_at is None else each.references
        shown["tracked_data"] = [{"entity_type_id": ORDER, "value": name} for name in seen]
    if "operationsSent" in included:
        shown["operations_sent"] = len(each.references)
    if "operationsReceived" in included:
        shown["operations_received"] = len(each.references)
    return shown


def log(each: RunLog, *, names_payload: bool) -> dict[str, Any]:
    """A line of a run's log. The run is not named in it."""
    return {
        "id": each.id,
        "created_at": when(each.at),
        "log_level": each.level,
        "log_message": each.message,
        "flow_step_id": 41,
        "payload_metadata_id": each.payload_id if names_payload else None,
    }


def payload(each: Payload, *, is_dropped: bool) -> dict[str, Any]:
    """What is known of a payload without the payload."""
    return {
        "id": each.id,
        "flow_run_id": each.run_id,
        "flow_step_id": 41,
        "flow_version_id": each.version_id,
        "payload_store_reference": hashlib.blake2b(str(each.id).encode(), digest_size=6).hexdigest(),
        "payload_size": len(each.content),
        "dropped": is_dropped,
        "created_at": when(each.at),
        "updated_at": when(each.at),
    }


def waiting(each: Waiting, of: BridgeFlow | None) -> dict[str, Any]:
    """A run that waits."""
    shown: dict[str, Any] = {
        "id": each.id,
        "flow_version_id": each.version_id,
        "virtual_environment_version_id": None,
        "payload_metadata_id": None,
        "trigger": each.trigger,
        "status": "queued",
        "created_at": when(each.at),
        "updated_at": when(each.at),
    }
    return shown if of is None else shown | {"flow": {"id": of.id, "name": of.name}}


def deduped(number: int, of: FlowRun, value: str) -> dict[str, Any]:
    """A key a pool has seen."""
    return {"id": number, "value": value, "entity_type_id": ORDER, "created_at": when(of.started_at)}
