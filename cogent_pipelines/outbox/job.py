"""One promise in the hands of a worker, and what the target's answer means for it.

Belongs here: the job, and the judgement of what was found, as pure functions.
Does not belong here: asking the target (``look``), sending (``send``), the ledger's rows (``engine``).

A job is at one step of its promise (an order is created, then allocated). In that step it is

    fresh      nothing of this step was sent, or what was sent is known to have had no effect
    doubt      an intent was written and no answer is known: it may be there
    accepted   the target answered yes; whether it did what it said is not known yet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from cogent_pipelines import clock
from cogent_pipelines.connect.spec import Found, Json, Listing, Want, Write
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.estate import Scope
from cogent_pipelines.ledger.promises import Promise
from cogent_pipelines.outbox import personal
from cogent_pipelines.outbox.syncs import Sync

Phase = Literal["fresh", "doubt", "accepted"]

RUN = "run of "
"""How the names of a bridge's runs begin among the refs of a promise; the write's action follows."""
LOOKS = 2
"""How often something must be found absent, after its time to settle, before it is sent again."""
LEAST_SETTLE = timedelta(seconds=3)
"""On the wall: where the clock runs fast, a request still takes the time that machines take."""
FAULTS_OF_DATA = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a pure function of a vendor file raises when a record is not as declared: that record's fault."""


MOST_RUNS = 3
"""How many runs of a bridge may fail before a person is asked."""


@dataclass(slots=True)
class Job:
    """A claimed promise being worked on. Only its worker changes it."""

    promise: Promise
    sync: Sync
    writes: tuple[Write, ...]
    fields: Mapping[str, Any]
    sealed: Mapping[str, Any]
    """The fields as the ledger keeps them; what a read-back is compared with."""
    step: int
    phase: Phase
    refs: dict[str, str]
    attempts: int
    sent_at: datetime | None
    key: str = ""
    """The idempotency key this step last went under."""
    intent: str = ""
    """The intent that is on disk for it in this run and not answered yet."""
    is_sent: bool = False
    """Whether the ledger says ``sent`` of it by now."""
    is_gone: bool = False
    """Nobody wants it any more, but it was sent once: looked at a last time before it is withdrawn."""
    may_send: bool = True
    most: int = 1_000_000
    """How many may share its next request; lowered when a batch was refused whole."""
    failed: str = ""
    """Why the bridge that was to carry it did not, by its own word; the target lacks it."""
    repeats: int = 0
    """How often it was sent again within this run."""
    scope: Scope | None = None
    """What of the target's account is ours."""
    prepared: tuple[Json, ...] = ()
    """What the target answered to the write's ``prepare``, just before a send."""

    @property
    def write(self) -> Write:
        return self.writes[self.step]

    @property
    def want(self) -> Want:
        p = self.promise
        return Want(
            p.sync, p.act, p.business_key, p.reference, self.fields, self.refs, self.prepared, self.scope
        )

    @property
    def effect(self) -> str:
        """What the target holds of the promise when nothing of the present step is outstanding."""
        return "some" if self.step else "none"

    def settles_at(self) -> datetime | None:
        """When the target must show what was sent, if it was carried out at all."""
        if self.sent_at is None:
            return None
        return self.sent_at + max(self.write.settle, LEAST_SETTLE * clock.speed())


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found for a job. ``records`` came from a list and serve the next step too."""

    found: Found | None
    listing: Listing | None = None
    records: tuple[Json, ...] = ()


def job_of(
    promise: Promise,
    sync: Sync,
    writes: tuple[Write, ...],
    fields: Mapping[str, Any],
    sealed: Mapping[str, Any],
    *,
    may_send: bool,
    scope: Scope | None,
) -> Job:
    """A claimed promise as a job, in the phase the ledger left it in."""
    phase: Phase = "fresh"
    if promise.effect == "unknown":
        phase = "accepted" if promise.is_accepted else "doubt"
    return Job(
        promise=promise,
        sync=sync,
        writes=writes,
        fields=fields,
        sealed=sealed,
        step=promise.step,
        phase=phase,
        refs=dict(promise.refs),
        attempts=promise.attempts,
        sent_at=promise.sent_at,
        key=promise.idempotency_key,
        is_sent=promise.state == "sent",
        may_send=may_send,
        scope=scope,
    )


Kind = Literal[
    "send", "again", "adopt", "already", "done", "differs", "absent", "wait", "moved_on", "rejected"
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a job after a look."""

    kind: Kind
    reason: str = ""
    message: str = ""
    after: timedelta | None = None


def judge(job: Job, found: Found | None, key: bytes) -> Verdict:
    """What the target's state means for the job at its present step. Pure."""
    want, write = job.want, job.write
    if found is not None and found.refused and job.phase == "accepted":
        return Verdict("rejected", "rejected", found.refused)
    if found is not None and write.done(want, found):
        if _is_of_others(job, found):
            return Verdict("adopt" if job.sync.is_once else "already")
        unlike = personal.differing(job.sealed, found.fields, write.compare, job.sync.personal, key)
        return Verdict("differs", "mismatch", ", ".join(unlike)) if unlike else Verdict("done")
    if _has_moved(job, found):
        # Somebody else changed the level since it was read. What is right now, the next plan knows.
        return Verdict("moved_on", "mismatch" if job.phase == "accepted" else "moved_on")
    if job.phase != "fresh":
        return Verdict("rejected", "run_failed", job.failed) if _has_failed(job) else Verdict("absent")
    try:
        write.guard(want, found)
    except Retry as error:
        return Verdict("wait", "target_not_ready", error.reason, timedelta(seconds=error.after or 0))
    except Reject as error:
        return Verdict("rejected", error.code, error.reason)
    return Verdict("send")


def _has_failed(job: Job) -> bool:
    """Whether a bridge's run of it failed as often as it is worth: the first may have met the target's bad moment."""
    return bool(job.failed) and job.attempts >= MOST_RUNS


def _is_of_others(job: Job, found: Found) -> bool:
    """Whether what is there was not made by this promise, nor by us under a ledger that was lost since.

    A vendor's look-up says by ``is_unfinished`` that we made a record and did not come to its next write.
    """
    is_never_sent = job.promise.first_sent_at is None and job.sent_at is None
    return is_never_sent and job.step == 0 and not found.fields.get("is_unfinished")


def _has_moved(job: Job, found: Found | None) -> bool:
    level = job.sync.level
    if level is None or found is None:
        return False
    now, first = found.fields.get(level.value), job.fields.get(level.first)
    return now is not None and first is not None and now != first


def sealed_found(job: Job, found: Found, key: bytes) -> dict[str, Any]:
    """What was found, as the ledger may keep it: the fields that were sent, personal ones as fingerprints."""
    names = set(job.sealed) & set(found.fields)
    kept = personal.seal({name: found.fields[name] for name in names}, job.sync.personal, key)
    return kept | {"_ref": found.ref, "_count": found.count}


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before trying again, by how often it was in vain."""

    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(minutes=15)

    def wait(self, tries: int, jitter: float) -> timedelta:
        """Twice as long each time, and between half and all of that by ``jitter`` in [0, 1)."""
        whole: timedelta = min(self.first * 2 ** min(tries, 20), self.longest)
        return whole * (0.5 + jitter / 2)


@dataclass(slots=True)
class Tally:
    """What one run did at one system."""

    claimed: int = 0
    verified: int = 0
    adopted: int = 0
    withdrawn: int = 0
    held: int = 0
    rejected: int = 0
    dead: int = 0
    differing: int = 0
    superseded: int = 0
    waiting: int = 0
    """Given back to be tried later."""
    in_doubt: int = 0
    refused_as_late: int = 0
    """Writes of ours the ledger refused, because another worker had taken over."""
    sends: int = 0
    requests: int = 0
    stopped: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
