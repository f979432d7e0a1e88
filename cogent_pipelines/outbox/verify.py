"""Verifying: what was sent and not seen yet is looked at until the target says yes or no.

Belongs here: taking what is due a look and settling it. Nothing is ever sent from here.
Does not belong here: first sends and their immediate read-back (``deliver``), steps of a look (``engine``).

Works from the ledger alone: what was sent is known there, so neither DuckDB nor the wanted row is needed.
"""

from __future__ import annotations

import asyncio

from cogent_pipelines import clock
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import bridges, due, personal, points
from cogent_pipelines.outbox.deliver import Clients, DeliverReport, work, worker
from cogent_pipelines.outbox.entries import LEASE
from cogent_pipelines.outbox.job import Job, Tally, job_of
from cogent_pipelines.outbox.syncs import SYNCS


def verify(
    ledger: Ledger, estate: Estate, clients: Clients, *, limit: int = 2000, by: str = "verify"
) -> DeliverReport:
    """Look up what is due. Also in mode ``shadow``, ``off`` or paused: what was sent must be settled."""
    allowed = due.to_look_at(ledger, estate, clients)
    if not allowed.due:
        return DeliverReport(not_sent=allowed.refused)
    opened = {name: clients[name]() for name, _ in allowed.pairs}
    limits = dict.fromkeys(allowed.pairs, limit)
    me = worker(by)
    taken = promises.claim(ledger, me.name, states=("sent",), limits=limits, lease=LEASE)
    if not taken:
        return DeliverReport(not_sent=allowed.refused)
    points.reach(points.CLAIMED)
    carried = bridges.vias(estate, clients)
    jobs: dict[str, list[Job]] = {}
    for promise in taken:
        sealed = dict(promise.sent or {})
        writes = opened[promise.system].vendor.writes[promise.sync, promise.act]
        if promise.sync in carried:
            writes = carried[promise.sync].writes(writes)
        fields = personal.unseal(sealed)
        scope = opened[promise.system].system.scope
        job = job_of(promise, SYNCS[promise.sync], writes, fields, sealed, may_send=False, scope=scope)
        jobs.setdefault(promise.system, []).append(job)
    tallies = {name: Tally() for name in jobs}
    asyncio.run(work(ledger, opened, jobs, me, tallies, vias=carried, read_at={}, mapping=""))
    is_more = any(d.to_look_at for d in promises.due(ledger, clock.now()) if (d.system, d.sync) in limits)
    return DeliverReport(tallies, allowed.refused, is_more)
