"""From jobs to requests, and from answers to what each job's outcome is.

Belongs here: batches, their keys and digests, sending one, splitting one that was refused whole.
Does not belong here: the ledger's rows (``engine``), or looking at the target (``look``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Receipt, Request, System, Write
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.outbox import personal
from cogent_pipelines.outbox.job import FAULTS_OF_DATA, Job

Said = Literal["accepted", "again", "split", "rejected", "retry", "unknown", "not_sent", "halt"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that go out in one request under one key."""

    jobs: tuple[Job, ...]
    write: Write
    request: Request
    key: str
    digest: str
    intent: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job's send."""

    job: Job
    said: Said
    ref: str = ""
    run: str = ""
    """The bridge's run that is to carry it."""
    code: str = ""
    message: str = ""
    after: float | None = None


def batches(
    jobs: Sequence[Job], system: System, new_key: Callable[[Job], str], hmac_key: bytes
) -> tuple[list[Batch], list[Outcome]]:
    """Group jobs of one write into requests under new keys; those that cannot be built are rejected alone."""
    write = jobs[0].write
    made: list[Batch] = []
    bad: list[Outcome] = []
    size = max(min(write.batch, *(job.most for job in jobs)), 1)
    for start in range(0, len(jobs), size):
        more, worse = _build(jobs[start : start + size], system, new_key, hmac_key)
        made += more
        bad += worse
    return made, bad


def as_before(jobs: Sequence[Job], system: System, hmac_key: bytes) -> tuple[list[Batch], list[Job]]:
    """Requests that went out before, again under their own keys; and the jobs for which that cannot be.

    Only when all that went out together makes the very same body: a key is never used for another one.
    """
    made: list[Batch] = []
    left: list[Job] = []
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.key, []).append(job)
    for key, group in groups.items():
        before = {str((job.promise.sent or {}).get("_digest", "")) for job in group}
        batch = None
        if key and len(before) == 1:
            # In the order in which they stood then: the body must be the same to the byte.
            group.sort(key=lambda job: int((job.promise.sent or {}).get("_place", 0)))
            try:
                request = group[0].write.request([job.want for job in group], system, key)
            except (Reject, Retry, *FAULTS_OF_DATA):
                request = None
            if request is not None and personal.digest(hmac_key, request.body) in before:
                batch = Batch(tuple(group), group[0].write, request, key, before.pop())
        if batch is not None:
            made.append(batch)
        else:
            left += group
    return made, left


def _build(
    jobs: Sequence[Job], system: System, new_key: Callable[[Job], str], hmac_key: bytes
) -> tuple[list[Batch], list[Outcome]]:
    write = jobs[0].write
    key = new_key(jobs[0])
    problem: Outcome
    try:
        request = write.request([job.want for job in jobs], system, key)
    except Reject as error:
        problem = Outcome(jobs[0], "rejected", code=error.code, message=error.reason)
    except Retry as error:
        problem = Outcome(
            jobs[0], "not_sent", code="target_not_ready", message=error.reason, after=error.after
        )
    except FAULTS_OF_DATA as error:
        message = (
            f"the request cannot be built ({type(error).__name__}: a field is missing or of another kind)"
        )
        problem = Outcome(jobs[0], "rejected", code="payload", message=message)
    else:
        return [Batch(tuple(jobs), write, request, key, personal.digest(hmac_key, request.body))], []
    if len(jobs) == 1:
        return [], [problem]
    half = len(jobs) // 2
    first, bad = _build(jobs[:half], system, new_key, hmac_key)
    second, worse = _build(jobs[half:], system, new_key, hmac_key)
    return [*first, *second], [*bad, *worse]


async def prepare(client: Client, job: Job) -> Outcome | None:
    """Ask the target what the job's write needs answered before it is sent. None when it may be sent. Raises Halt."""
    ask = job.write.prepare
    job.prepared = ()
    if ask is None:
        return None
    try:
        while (request := ask(job.want, client.system)) is not None:
            answer = await client.call(request)
            job.prepared = (*job.prepared, answer.json())
    except Reject as error:
        return Outcome(job, "rejected", code=error.code, message=error.reason)
    except Retry as error:
        return Outcome(job, "not_sent", code="target_not_ready", message=error.reason, after=error.after)
    except FAULTS_OF_DATA as error:
        message = f"what goes before the send cannot be asked ({type(error).__name__})"
        return Outcome(job, "rejected", code="payload", message=message)
    return None


async def send(client: Client, batch: Batch) -> list[Outcome]:
    """Send one batch whose intent is on disk; one outcome per job. Raises Halt."""
    wants = [job.want for job in batch.jobs]
    try:
        answer = await client.call(batch.request, intent=batch.intent)
        receipts = batch.write.receipts(wants, answer.json() if answer.content else None)
    except Retry as error:
        said: Said = "unknown" if error.effect == "unknown" else "retry"
        return [Outcome(job, said, message=error.reason, after=error.after) for job in batch.jobs]
    except Reject as error:
        if len(batch.jobs) > 1:
            return [Outcome(job, "split", message=error.reason) for job in batch.jobs]
        return [Outcome(batch.jobs[0], "rejected", code=error.code, message=error.reason)]
    except FAULTS_OF_DATA as error:
        message = f"the answer is not of the declared form ({type(error).__name__})"
        return [Outcome(job, "unknown", message=message) for job in batch.jobs]
    if len(receipts) != len(batch.jobs):
        message = f"{len(receipts)} receipts for {len(batch.jobs)} records"
        return [Outcome(job, "unknown", message=message) for job in batch.jobs]
    return [_outcome(job, receipt) for job, receipt in zip(batch.jobs, receipts, strict=True)]


def _outcome(job: Job, receipt: Receipt) -> Outcome:
    if not receipt.refused:
        return Outcome(job, "accepted", ref=receipt.ref, run=receipt.run)
    return Outcome(job, "again" if receipt.again else "rejected", code=receipt.code, message=receipt.refused)


def halted(batch: Batch, error: Halt) -> list[Outcome]:
    """The outcome of every job of a batch that met a halt."""
    return [Outcome(job, "halt", code=error.code, message=error.reason) for job in batch.jobs]
