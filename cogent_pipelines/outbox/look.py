"""Asking a target what it holds for a set of jobs, in as few requests as its vendor allows.

Belongs here: batching look-ups, reading a list that answers for many, telling a failed look from an absence.
Does not belong here: what an answer means (``job.judge``), or writing anything.

A look that failed says nothing: its job is put off, never taken for absent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.reading import together
from cogent_pipelines.connect.spec import Json, Listing, Lookup, Request, System, Want, Window
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.outbox.job import FAULTS_OF_DATA, Job, Looked

LIST_FROM = 4
"""From so many jobs on, a list is read instead of asking for each."""
OVERLAP = timedelta(minutes=10)
"""A list is read from so much earlier: the target's clock may be off by some minutes."""
PATIENCE = 45.0
"""Seconds of the clock one job may keep its neighbours waiting for a look-up."""
CALLS_EACH = 4
LEAST_RATE = 0.1
SCOUTS = 2
"""Look-ups that go ahead. By lot, so that one record a target stumbles over does not speak for all for ever."""
LEAST_PATIENCE = 1.0
"""The same on the wall, however fast the clock runs."""

Result = Looked | Retry | Reject


@dataclass(slots=True)
class Looker:
    """Looks at one system."""

    client: Client
    read_at: Mapping[str, datetime] = field(default_factory=dict)
    """Stream -> up to when ``wanted`` knows it."""
    answered: int = 0
    """Requests of the last look that were answered: whether the system is there at all."""
    patience: float = PATIENCE

    async def look(self, jobs: Sequence[Job]) -> list[tuple[Job, Result]]:
        """One result per job. Raises Halt."""
        self.answered = 0
        # Many look-ups wait for one another at the limit; that is no fault of theirs.
        self.patience = PATIENCE + CALLS_EACH * len(jobs) / max(
            self.client.vendor.limit.per_second, LEAST_RATE
        )
        groups: dict[int, list[Job]] = {}
        for job in jobs:
            groups.setdefault(id(job.write.lookup), []).append(job)
        found: list[tuple[Job, Result]] = []
        for group in groups.values():
            lookup = group[0].write.lookup
            left = list(group)
            if lookup.listing is not None:
                listed = await self._from_list(lookup, lookup.listing, group)
                found += listed
                done = {id(job) for job, _ in listed}
                left = [job for job in group if id(job) not in done]
            size = max(lookup.batch, 1)
            chunks = [left[start : start + size] for start in range(0, len(left), size)]
            found += await self._ask_all(lookup, chunks)
        return found

    async def _ask_all(self, lookup: Lookup, chunks: Sequence[list[Job]]) -> list[tuple[Job, Result]]:
        """Ask for each chunk, side by side; when two of them drawn by lot get no answer, the others need not try."""
        rest = list(chunks)
        random.shuffle(rest)
        first, rest = rest[:SCOUTS], rest[SCOUTS:]
        found = await self._ask_each(lookup, first)
        failures = [result for _, result in found if isinstance(result, Retry)]
        if rest and not self.answered and len(failures) == len(found):
            return found + [(job, failures[0]) for chunk in rest for job in chunk]
        return found + await self._ask_each(lookup, rest)

    async def _ask_each(self, lookup: Lookup, chunks: Sequence[Sequence[Job]]) -> list[tuple[Job, Result]]:
        parts = await together(self._ask(lookup, chunk) for chunk in chunks)
        return [result for part in parts for result in part]

    async def _ask(self, lookup: Lookup, jobs: Sequence[Job]) -> list[tuple[Job, Result]]:
        wants = [job.want for job in jobs]
        try:
            answers = await self._answers(lookup, wants)
        except (Retry, Reject) as error:
            if len(jobs) == 1:
                return [(jobs[0], error)]
            # One of them may be what the target stumbles over; ask for each half alone.
            half = len(jobs) // 2
            return await self._ask_each(lookup, [jobs[:half], jobs[half:]])
        return [(job, found_in(lookup, job, answers)) for job in jobs]

    async def _answers(self, lookup: Lookup, wants: Sequence[Want]) -> list[Json]:
        try:
            requests = lookup.requests(wants, self.client.system)
        except FAULTS_OF_DATA as error:
            raise Reject(f"the look-up cannot be built ({type(error).__name__})", code="payload") from error
        try:
            async with asyncio.timeout(max(self.patience / clock.speed(), LEAST_PATIENCE)):
                found = await self._call_all(requests)
                while more := _further(lookup, wants, found, self.client.system):
                    found += await self._call_all(more)
        except TimeoutError as error:
            raise Retry("the look-up took too long") from error
        return found

    async def _call_all(self, requests: Sequence[Request]) -> list[Json]:
        answers = await together(self.client.call(request) for request in requests)
        self.answered += len(answers)
        return [answer.json() for answer in answers]

    async def _from_list(
        self, lookup: Lookup, listing: Listing, jobs: Sequence[Job]
    ) -> list[tuple[Job, Result]]:
        """What a list says: everything about what was never sent; of what was sent, only what is there."""
        asked = [job for job in jobs if job.phase != "doubt"]
        starts = [start for job in asked if (start := self._start(listing, job)) is not None]
        if len(asked) < LIST_FROM or len(starts) < len(asked):
            return []
        window = Window(min(starts) - OVERLAP, clock.now())
        # Only an absence needs the whole list: what was sent is sought until it is found. Lists that begin with
        # the newest end early so.
        is_sought = all(job.phase != "fresh" or job.step for job in asked)
        sought = {job.promise.reference for job in asked} if is_sought else None
        try:
            records = await self._read(listing, window, sought, most=2 * len(asked) + LIST_FROM)
        except (Retry, Reject):
            return []
        if records is None:
            return []
        results: list[tuple[Job, Result]] = []
        for job in asked:
            own = tuple(records.get(job.promise.reference, ()))
            result = found_in(lookup, job, own)
            is_there = isinstance(result, Looked) and result.found is not None
            if is_there or (job.phase == "fresh" and isinstance(result, Looked)):
                found = result.found if isinstance(result, Looked) else None
                results.append((job, Looked(found, listing, own)))
        return results

    def _start(self, listing: Listing, job: Job) -> datetime | None:
        if job.phase == "fresh" and job.promise.effect == "none" and job.step == 0:
            return self.read_at.get(listing.stream.name)
        return job.promise.first_sent_at or job.sent_at

    async def _read(
        self, listing: Listing, window: Window, sought: AbstractSet[str] | None, most: int
    ) -> dict[str, list[Json]] | None:
        """Reference -> records; None when the list is longer than asking one by one would be.

        It is read to its end, or until everything ``sought`` was seen.
        """
        records: dict[str, list[Json]] = {}
        pages = 0
        async with aclosing(self.client.pages(listing.stream, window)) as read:
            async for page in read:
                pages += 1
                if pages > most:
                    return None
                for line in page.records:
                    record = msgspec.json.decode(line)
                    records.setdefault(listing.reference(record), []).append(record)
                if sought is not None and sought <= records.keys():
                    break
        self.answered += pages
        return records


def _further(
    lookup: Lookup, wants: Sequence[Want], answers: Sequence[Json], system: System
) -> Sequence[Request]:
    """What must be asked as well."""
    if lookup.further is None:
        return ()
    try:
        return lookup.further(wants, answers, system)
    except FAULTS_OF_DATA as error:
        raise Reject(f"the look-up cannot go on ({type(error).__name__})", code="payload") from error


def found_in(lookup: Lookup, job: Job, answers: Iterable[Json]) -> Result:
    """What the answers say of one job."""
    try:
        return Looked(lookup.found(job.want, list(answers)))
    except (Retry, Reject) as error:
        return error
    except FAULTS_OF_DATA as error:
        return Reject(f"the look-up's answer cannot be read ({type(error).__name__})", code="payload")
