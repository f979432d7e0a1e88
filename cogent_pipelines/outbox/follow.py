"""Where what a bridge was given is, while its target lacks it: still under way, failed, or not known there.

Belongs here: asking an open bridge about what it carries, and what its answer makes of a look.
Does not belong here: whether a flow may carry anything (``bridges``), a bridge's words (``vendors``), what is written down
of it (``engine``, ``entries``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Json, Route, Window
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.outbox.job import FAULTS_OF_DATA, RUN, Job, Looked
from cogent_pipelines.outbox.look import Result

BEFORE = timedelta(minutes=10)
"""The bridge is asked about so much more than since the send: its clock may be off by some minutes."""


class UnderWay(Retry):
    """What was given to a bridge may still arrive."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """An open bridge that carries a sync."""

    client: Client
    flow: str
    route: Route

    @property
    def system(self) -> str:
        return self.client.system.name

    async def read(self, jobs: Sequence[Job]) -> Mapping[str, Sequence[Json]]:
        """All the bridge tells since the first of ``jobs`` was sent: stream -> records. Raises what a reading raises."""
        window = Window(min(_since(job) for job in jobs) - BEFORE, clock.now())
        # One after the other: what has left the first by then is in the next.
        return {name: await self._all(name, window) for name in self.route.asked}

    async def where(self, job: Job, records: Mapping[str, Sequence[Json]]) -> str:
        """Why the run of something failed that its target lacks; "" where the bridge has it no more. Raises ``UnderWay``."""
        run = job.refs.get(RUN + job.write.action, "")
        where = self.route.carried(self.flow, job.promise.reference, run, _since(job), records)
        if where.is_under_way:
            raise UnderWay(f"it may still be under way in {self.system}")
        if not where.failed_run:
            return ""
        answer = await self.client.call(self.route.log(where.failed_run))
        return f"run {where.failed_run} of {self.system}: {self.route.reason(answer.json())}"

    async def _all(self, name: str, window: Window) -> list[Json]:
        """Every record of a stream since then. Raises ``Retry`` where the list is not whole."""
        stream = next(one for one in self.client.vendor.streams if one.name == name)
        found: list[Json] = []
        total: int | None = None
        async with aclosing(self.client.pages(stream, window)) as pages:
            async for page in pages:
                if page.note:
                    raise Retry(page.note)
                found += [msgspec.json.decode(line) for line in page.records]
                total = page.total
        if total is not None and len({str(each.get(stream.key)) for each in found}) < total:
            raise Retry(f"{name} was not read to its end")
        return found


def _since(job: Job) -> datetime:
    return job.sent_at or clock.now()


async def followed(
    results: Sequence[tuple[Job, Result]],
    carriers: Mapping[str, Carrier],
    halt: Callable[[Halt, str], None],
) -> list[tuple[Job, Result]]:
    """What a look says, where what the target lacks may still be in the bridge that was given it.

    ``carriers``: sync -> the bridge that carries it. ``halt`` is told of a bridge that refuses us.
    """
    asked: dict[str, list[Job]] = {}
    for job, result in results:
        if job.sync.name in carriers and job.phase != "fresh" and _lacks(job, result):
            asked.setdefault(job.sync.name, []).append(job)
    said: dict[int, Retry] = {}
    for sync, jobs in asked.items():
        said |= await _follow(carriers[sync], jobs, halt)
    return [(job, said.get(id(job), result)) for job, result in results]


async def _follow(
    carrier: Carrier, jobs: Sequence[Job], halt: Callable[[Halt, str], None]
) -> dict[int, Retry]:
    """What keeps jobs from being judged: they may still arrive, or the bridge does not tell.

    Of the others it is noted whether they failed.
    """
    said: dict[int, Retry] = {}
    left = list(jobs)
    try:
        records = await carrier.read(jobs)
        while left:
            try:
                left[0].failed = await carrier.where(left[0], records)
            except UnderWay as error:
                said[id(left[0])] = error
            left.pop(0)
    except (Retry, Reject, Halt, *FAULTS_OF_DATA) as error:
        if isinstance(error, Halt):
            halt(error, carrier.system)
        why = error.reason if isinstance(error, CogentError) else type(error).__name__
        said |= {id(job): Retry(f"{carrier.system} does not tell: {why}") for job in left}
    return said


def _lacks(job: Job, result: Result) -> bool:
    """Whether the target was seen not to have what was sent."""
    return isinstance(result, Looked) and (result.found is None or not job.write.done(job.want, result.found))
