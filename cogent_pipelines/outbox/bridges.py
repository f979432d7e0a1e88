"""What the flows of a bridge mean to a sync: what did its work before must be off, what carries it must be on.

Belongs here: judging the flows an estate names beside a sync by what was read of them; carrying a target's writes through
one.
Does not belong here: where what a flow was given is (``follow``), reading flows (``landing``), writing down what is held
(``plan``), a bridge's words (``vendors``).

Two writers of one thing make it twice, and neither knows of the other. So what is not known counts as switched on:
a bridge that cannot be read, a flow that is not there, one that does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import duckdb

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Json, Receipt, Request, Route, System, Want, Write
from cogent_pipelines.estate import Estate
from cogent_pipelines.outbox import inputs
from cogent_pipelines.vendors.registry import VENDORS

FLOWS = "flows"
"""The entity of the estate's cadence that tells of flows."""
ENABLED, UNKNOWN = "previous_writer_enabled", "previous_writer_unknown"
CLOSED, UNKNOWN_ROUTE = "route_closed", "route_unknown"
"""Why everything of a sync is held."""
STANDS = timedelta(minutes=30)
"""A flow for which something has waited so long carries nothing now."""


def hold(connection: duckdb.DuckDBPyConnection, estate: Estate, sync: str, now: datetime) -> str:
    """Why nothing of ``sync`` may be sent now, whatever is wanted; "" when it may."""
    part = estate.syncs.get(sync)
    if part is None:
        return ""
    before = _beside(connection, estate, *part.before, now) if part.was else ""
    return before or (_closed(connection, estate, *part.route, now) if part.via else "")


def _beside(
    connection: duckdb.DuckDBPyConnection, estate: Estate, system: str, flow: str, now: datetime
) -> str:
    """Why the flow that did the work before is in the way; "" when it is known to be off."""
    if inputs.why_stale(connection, estate, system, FLOWS, now):
        return UNKNOWN
    # One that was deleted since runs no more. Of several that have its name none may be on.
    states = [False if each.is_gone else each.is_enabled for each in _flows(connection, system, flow)]
    if True in states:
        return ENABLED
    return UNKNOWN if not states or None in states else ""


def _closed(
    connection: duckdb.DuckDBPyConnection, estate: Estate, system: str, flow: str, now: datetime
) -> str:
    """Why the flow that carries the sync would not; "" when it is known to be open."""
    if inputs.why_stale(connection, estate, system, FLOWS, now):
        return UNKNOWN_ROUTE
    found = [each for each in _flows(connection, system, flow) if each.flow_id == flow]
    if len(found) != 1 or found[0].is_enabled is None:
        return UNKNOWN_ROUTE
    (one,) = found
    stands = one.waits_since is not None and one.waits_since < now - STANDS
    return "" if one.is_enabled and one.is_deployed and not one.is_gone and not stands else CLOSED


@dataclass(frozen=True, slots=True)
class _Flow:
    flow_id: str
    is_enabled: bool | None
    is_deployed: bool
    is_gone: bool
    waits_since: datetime | None


def _flows(connection: duckdb.DuckDBPyConnection, system: str, flow: str) -> list[_Flow]:
    """The flows of that id or name."""
    try:
        rows = connection.execute(
            "SELECT flow_id, is_enabled, status_code = 'deployed', gone_at IS NOT NULL, oldest_waiting_at "
            "FROM marts.flows WHERE system = $1 AND $2 IN (flow_id, name)",
            [system, flow],
        ).fetchall()
    except duckdb.CatalogException:
        return []  # dbt has not built the mart yet
    return [_Flow(*row) for row in rows]


# --- carrying -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Via:
    """What carries a sync: a flow of a bridge, and what makes a client for it."""

    system: str
    flow: str
    route: Route
    make: Callable[[], Client]
    _made: dict[int, tuple[Write, ...]] = field(default_factory=dict)

    def writes(self, writes: tuple[Write, ...]) -> tuple[Write, ...]:
        """A target's writes as they go through the flow: one at a time, and believed when the target shows them.

        The same objects for the same writes: what shares a write shares requests and look-ups.
        """
        return self._made.setdefault(id(writes), tuple(self._carried(write) for write in writes))

    def _carried(self, write: Write) -> Write:
        def request(wants: Sequence[Want], system: System, key: str) -> Request:
            return self.route.request(self.flow, wants[0].reference, write.request(wants, system, key))

        def receipts(wants: Sequence[Want], body: Json) -> Sequence[Receipt]:
            return [Receipt(run=self.route.run(body)) for _ in wants]

        settle = write.settle + self.route.settle
        return replace(
            write, request=request, receipts=receipts, settle=settle, batch=1, has_idempotency=False
        )


def vias(estate: Estate, clients: Mapping[str, Callable[[], Client]]) -> dict[str, Via]:
    """Sync -> what carries it, of those that a bridge carries for which there is a client."""
    found = {}
    for name, part in estate.syncs.items():
        system, flow = part.route
        if system in clients:
            route = VENDORS[estate.systems[system].vendor].route
            if route is not None:
                found[name] = Via(system, flow, route, clients[system])
    return found
