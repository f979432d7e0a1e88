"""Verifying: what was sent and not seen yet is looked at until the target says yes or no.

Belongs here: taking what is due a look and settling it. Nothing is ever sent from here.
Does not belong here: first sends and their immediate read-back (``deliver``), steps of a look (``engine``).

Works from the ledger alone: what was sent is known there, so neither DuckDB nor the wanted row is needed.
"""

from __future__ import annotations

import asyncio

from cogent_pipelines import clock
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import controls, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import personal, points
from cogent_pipelines.outbox.deliver import Clients, DeliverReport, work, worker
from cogent_pipelines.outbox.entries import LEASE
from cogent_pipelines.outbox.job import Job, Tally, job_of
from cogent_pipelines.outbox.syncs import SYNCS


def verify(
    ledger: Ledger, estate: Estate, clients: Clients, *, limit: int = 2000, by: str = "verify"
) -> DeliverReport:
    """Look up what is due. Also in mode ``shadow``, ``off`` or paused: what was sent must be settled."""
    due = [d for d in promises.due(ledger, clock.now()) if d.to_look_at]
    if not due:
        return DeliverReport()
    opened = {name: clients[name]() for name in {d.system for d in due} if name in clients}
    stops = controls.stops(ledger)
    limits: dict[tuple[str, str], int] = {}
    not_seen: dict[str, str] = {}
    for one in due:
        if one.system not in estate.systems:
            not_seen[f"{one.sync} -> {one.system}"] = "not in the estate"
        elif one.system in stops.halted:
            not_seen[f"{one.sync} -> {one.system}"] = "halted"
        elif one.system not in opened:
            not_seen[f"{one.sync} -> {one.system}"] = "no client"
        else:
            limits[one.system, one.sync] = limit
    me = worker(by)
    taken = promises.claim(ledger, me.name, states=("sent",), limits=limits, lease=LEASE)
    if not taken:
        return DeliverReport(not_sent=not_seen)
    points.reach(points.CLAIMED)
    jobs: dict[str, list[Job]] = {}
    for promise in taken:
        sealed = dict(promise.sent or {})
        writes = opened[promise.system].vendor.writes[promise.sync, promise.act]
        fields = personal.unseal(sealed)
        job = job_of(promise, SYNCS[promise.sync], writes, fields, sealed, may_send=False)
        jobs.setdefault(promise.system, []).append(job)
    tallies = {name: Tally() for name in jobs}
    asyncio.run(work(ledger, opened, jobs, me, tallies, read_at={}, mapping=""))
    is_more = any(d.to_look_at for d in promises.due(ledger, clock.now()) if (d.system, d.sync) in limits)
    return DeliverReport(tallies, not_seen, is_more)
