"""Carrying claimed promises through look, intent, send, receipt and read-back at one system.

Belongs here: the order of those steps, and what each leaves in the ledger.
Does not belong here: which promises (``deliver``, ``verify``), what an answer means (``job``, ``entries``), where what a
bridge was given is (``follow``).

    look -> judge -+-> close
                   +-> intents, synced -> send -> receipts -> look again (the read-back)

Everything a crash could lose is in the ledger before the step that could not be repeated. Ledger writes of
one step share a transaction: all intents of a handful of sends are on disk before the first of them goes out.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cogent_pipelines import clock
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.reading import together
from cogent_pipelines.errors import Halt, Reject
from cogent_pipelines.ledger import controls, promises
from cogent_pipelines.ledger.ledger import Ledger, Writing
from cogent_pipelines.ledger.promises import Intent, Move, Promise
from cogent_pipelines.ledger.promises import Outcome as Answered
from cogent_pipelines.outbox import follow, personal, points, send
from cogent_pipelines.outbox.entries import LEASE, MOST_ATTEMPTS, UNFULFILLED, Entries
from cogent_pipelines.outbox.follow import Carrier, UnderWay
from cogent_pipelines.outbox.job import FAULTS_OF_DATA, Job, Looked, Tally, Verdict, judge
from cogent_pipelines.outbox.look import Looker, Result, found_in
from cogent_pipelines.outbox.send import Batch, Outcome

FAILURES = 5
"""So many sends in a row without an answer, and the system is left alone until the next run."""
ROUND = 250
"""Requests' worth of promises taken through all steps together.

Each step of a round is looked at in one go, so a small one costs looks; in a large one the last send goes out long
after its look. What falls due meanwhile waits for the run, whose size is the caller's, and not for the round.
"""
LOOPS = 12
OUTAGE = timedelta(hours=1)
"""A send without an answer is no fault of its own when within so long most others had none either.

A shorter outage kills nothing: the waits between a promise's attempts add up to more.
"""
HALT_OWNER = "data"


@dataclass(slots=True)
class Engine:
    """One worker at one system."""

    ledger: Ledger
    client: Client
    looker: Looker
    worker: str
    by: str
    code: str
    mapping: str
    carriers: Mapping[str, Carrier] = field(default_factory=dict)
    """Sync -> the bridge that carries it."""
    tally: Tally = field(default_factory=Tally)
    entries: Entries = field(init=False)
    failures: int = 0
    numbered: int = 0

    def __post_init__(self) -> None:
        self.entries = Entries(self.ledger.hmac_key, self.worker)

    @property
    def system(self) -> str:
        return self.client.system.name

    async def run(self, jobs: Sequence[Job]) -> None:
        """Take every job as far as it goes now; what cannot be finished is given back with a time."""
        self.tally.claimed += len(jobs)
        left = list(jobs)
        renewing = asyncio.create_task(self._keep_lease([job.promise for job in jobs]))
        try:
            while left and not self.tally.stopped:
                part, left = _round(left)
                await self._take_through(part)
        finally:
            renewing.cancel()
            self._give_back(left)

    async def _take_through(self, jobs: list[Job]) -> None:
        active = jobs
        for _ in range(LOOPS):
            if not active or self.tally.stopped:
                break
            try:
                results = await self.looker.look(active)
            except Halt as error:
                self._halt(error)
                break
            except BaseException:
                self._give_back(active)
                raise
            if self.carriers:
                results = await follow.followed(results, self.carriers, self._halt)
            if any(job.phase != "fresh" for job in active):
                points.reach(points.READ_BACK)
            to_send, active = self._judge(results)
            points.reach(points.CLOSED)
            if len(results) > 1 and not self.looker.answered and not to_send:
                self.tally.stopped = "look-ups are not answered"
            active += await self._send_all(to_send)
        self._give_back(active)

    # --- judging ------------------------------------------------------------------------------------------

    def _judge(self, results: Sequence[tuple[Job, Result]]) -> tuple[list[Job], list[Job]]:
        """Close what is finished, put off what must wait: (to be sent now, to be looked at again now)."""
        to_send: list[Job] = []
        again: list[Job] = []
        moves: list[Move] = []
        adopted: list[dict[str, Any]] = []
        read_backs: dict[int, str] = {}
        now = clock.now()
        self._excuse([job for job, _ in results])
        for job, result in results:
            if isinstance(result, UnderWay):
                moves.append(self.entries.under_way(job, result, now))
                continue
            if not isinstance(result, Looked):
                moves.append(self.entries.look_failed(job, result, now, is_up=self.looker.answered > 0))
                continue
            was_sent = job.phase != "fresh"
            before = job.step
            try:
                verdict, looked, values = self._walk(job, result)
            except FAULTS_OF_DATA as error:
                # A vendor file's fault about this one record: its neighbours go on.
                unreadable = Reject(
                    f"what was found cannot be judged ({type(error).__name__})", code="payload"
                )
                moves.append(self.entries.look_failed(job, unreadable, now, is_up=True))
                continue
            if was_sent:
                read_backs[job.promise.promise_id] = _said(verdict.kind, has_advanced=job.step > before)
            if verdict.kind == "send" and job.may_send and job.attempts < MOST_ATTEMPTS:
                to_send.append(job)
            elif verdict.kind == "again":
                again.append(job)
            else:
                move = self.entries.settle(job, verdict, looked, now)
                if move is None:
                    to_send.append(job)
                    continue
                values |= move.values
                moves.append(Move(job.promise, move.after, values))
                if move.after == "adopted":
                    adopted.append(_adoption(job))
                continue
            if values:
                moves.append(Move(job.promise, "sent", values))
        if moves or read_backs:
            with self.ledger.write() as writing:
                late = promises.move(writing, moves)
                promises.write_read_backs(
                    writing, {pid: said for pid, said in read_backs.items() if pid not in late}
                )
                promises.adopt(writing, [row for row in adopted if row.pop("promise_id") not in late])
                self._count(moves, late)
            to_send = [job for job in to_send if job.promise.promise_id not in late]
            again = [job for job in again if job.promise.promise_id not in late]
        return to_send, again

    def _excuse(self, jobs: Sequence[Job]) -> None:
        """Before a promise is given up, take off what it suffered while hardly anybody was answered."""
        worn = [job for job in jobs if job.attempts >= MOST_ATTEMPTS]
        if worn:
            with self.ledger.read() as reading:
                for job in worn:
                    job.attempts -= promises.in_outages(reading, job.promise.promise_id, job.attempts, OUTAGE)

    def _walk(self, job: Job, looked: Looked) -> tuple[Verdict, Looked, dict[str, Any]]:
        """Judge, and go on to the next step of a promise as far as this one look reaches."""
        values: dict[str, Any] = {}
        while True:
            verdict = judge(job, looked.found, self.ledger.hmac_key)
            if verdict.kind != "done" or job.step + 1 >= len(job.writes):
                return verdict, looked, values
            found = looked.found
            if found is not None and found.ref:
                job.refs[job.write.action] = found.ref
            job.step, job.phase, job.key, job.repeats = job.step + 1, "fresh", "", 0
            values = self.entries.kept() | {
                "step": job.step,
                "effect": "some",
                "refs": dict(job.refs),
                "is_accepted": False,
                "looks": 0,
                "tries": 0,
                "reason": "",
                "message": "",
                "idempotency_key": "",
                **self.entries.first_entry(job),
            }
            lookup = job.write.lookup
            if looked.listing is None or lookup.listing is not looked.listing:
                return Verdict("again"), looked, values
            result = found_in(lookup, job, looked.records)
            if not isinstance(result, Looked):
                return Verdict("again"), looked, values
            looked = Looked(result.found, looked.listing, looked.records)

    # --- sending --------------------------------------------------------------------------------------

    async def _send_all(self, jobs: Sequence[Job]) -> list[Job]:
        """Send ``jobs``; those to be looked at again at once: accepted ones, and ones that may go again."""
        groups: dict[int, list[Job]] = {}
        for job in jobs:
            groups.setdefault(id(job.write), []).append(job)
        batches: list[Batch] = []
        bad: list[Outcome] = []
        for group in groups.values():
            doubtful = [job for job in group if job.phase == "doubt"]
            fresh = [job for job in group if job.phase != "doubt"]
            made, left = send.as_before(doubtful, self.client.system, self.ledger.hmac_key)
            batches += made
            self._let_settle(left)
            fresh, unready = await self._prepare(fresh)
            bad += unready
            if fresh:
                made, worse = send.batches(fresh, self.client.system, self._new_key, self.ledger.hmac_key)
                batches += made
                bad += worse
        if batches:
            points.reach(points.LOOKED)
        batches.sort(key=lambda batch: batch.jobs[0].promise.priority)
        width = max(self.client.vendor.limit.concurrent, 1)
        again: list[Job] = []
        outcomes = bad
        rest = batches
        try:
            while rest and not self.tally.stopped:
                number = _together(rest, width)
                part, rest = rest[:number], rest[number:]
                ready, goes_on = self._write_down(outcomes, part)
                again += goes_on
                points.reach(points.INTENT)
                sent = await asyncio.gather(
                    *(self._send_one(batch, number) for number, batch in enumerate(ready))
                )
                outcomes = [outcome for some in sent for outcome in some]
        finally:  # stopped, or interrupted: no intent was written of these
            self._give_back([job for batch in rest for job in batch.jobs])
        if outcomes:
            again += self._write_down(outcomes, [])[1]
            points.reach(points.RECEIPT)
        return again

    async def _prepare(self, jobs: list[Job]) -> tuple[list[Job], list[Outcome]]:
        """What may be sent now, and the outcome of what may not: few at a time, as it goes out soon after."""
        if not jobs or jobs[0].write.prepare is None:
            return jobs, []
        ready: list[Job] = []
        unready: list[Outcome] = []
        width = max(self.client.vendor.limit.concurrent, 1)
        for start in range(0, len(jobs), width):
            part = jobs[start : start + width]
            try:
                said = await together([send.prepare(self.client, job) for job in part])
            except Halt as error:
                self._halt(error)
                self._give_back([*ready, *jobs[start:]])
                return [], unready
            except BaseException:
                self._give_back([*ready, *jobs[start:]])
                raise
            unready += [outcome for outcome in said if outcome is not None]
            ready += [job for job, outcome in zip(part, said, strict=True) if outcome is None]
        return ready, unready

    def _let_settle(self, jobs: Sequence[Job]) -> None:
        if jobs:
            now = clock.now()
            moves = [self.entries.let_settle(job, now) for job in jobs]
            with self.ledger.write() as writing:
                late = promises.move(writing, moves)
            self._count(moves, late)

    def _new_key(self, job: Job) -> str:
        """A key never used before, not even by an earlier ledger of this estate."""
        self.numbered += 1
        name = f"{job.promise.promise_id}:{job.promise.fence}:{job.step}:{job.attempts}:{self.numbered}"
        return str(uuid.uuid5(self.ledger.ledger_id, name))

    def _write_down(
        self, outcomes: Sequence[Outcome], batches: Sequence[Batch]
    ) -> tuple[list[Batch], list[Job]]:
        """Put what was answered, and what is to be sent next, on disk in one flush.

        Gives the batches that may be sent now, and the jobs of ``outcomes`` that go on in this run.
        """
        stops = controls.stops(self.ledger)
        is_stopped = {id(b): self._is_stopped(stops, b.jobs[0].sync.name) for b in batches}
        ready = [batch for batch in batches if not is_stopped[id(batch)]]
        if outcomes or ready:
            with self.ledger.write() as writing:
                goes_on = self._write_outcomes(writing, outcomes)
                ready = self._write_intents(writing, ready)
        else:
            goes_on = []
        self._give_back([job for batch in batches if is_stopped[id(batch)] for job in batch.jobs])
        return ready, goes_on

    def _is_stopped(self, stops: controls.Stops, sync: str) -> bool:
        """Whether the sync may not act on the system now, or not through the bridge that carries it."""
        carrier = self.carriers.get(sync)
        return stops.stop(sync, self.system) or (carrier is not None and stops.stop(sync, carrier.system))

    def _write_intents(self, writing: Writing, batches: Sequence[Batch]) -> list[Batch]:
        moves = [
            self._intent_move(writing, batch, place) for batch in batches for place in range(len(batch.jobs))
        ]
        late = promises.move(writing, moves)
        spoilt = [b for b in batches if any(job.promise.promise_id in late for job in b.jobs)]
        ready = [batch for batch in batches if batch not in spoilt]
        undone = [
            Move(job.promise, "waiting", self.entries.as_fresh(job) | {"due_at": writing.at})
            for batch in spoilt
            for job in batch.jobs
            if job.promise.promise_id not in late
        ]
        promises.move(writing, undone)
        promises.write_intents(
            writing,
            [
                Intent(
                    job.promise.promise_id,
                    job.step,
                    batch.write.action,
                    batch.intent,
                    batch.key,
                    batch.digest,
                    self.by,
                    self.code,
                )
                for batch in ready
                for job in batch.jobs
            ],
        )
        for batch in ready:
            for job in batch.jobs:
                job.attempts += 1
                job.sent_at = writing.at
                job.key = batch.key
                job.intent = batch.intent
                job.is_sent = True
        self._count([], late)
        return ready

    def _intent_move(self, writing: Writing, batch: Batch, place: int) -> Move:
        job = batch.jobs[place]
        until = writing.at + LEASE
        sent = {
            **job.sealed,
            "_key": batch.key,
            "_digest": batch.digest,
            "_place": place,
            "_action": batch.write.action,
            "_by": self.by,
            "_code": self.code,
            "_mapping": self.mapping,
        }
        values = {
            "effect": "unknown",
            "sent": sent,
            "first_sent_at": job.promise.first_sent_at or writing.at,
            "sent_at": writing.at,
            "attempts": job.attempts + 1,
            "idempotency_key": batch.key,
            "is_accepted": False,
            "looks": 0,
            "step": job.step,
            "refs": dict(job.refs),
            # What was accepted and not stored before is said of it until it is stored.
            "reason": job.promise.reason if job.promise.reason in UNFULFILLED else "",
            "message": "",
            "worker": self.worker,
            "lease_until": until,
            "due_at": until,
        }
        return Move(job.promise, "sent", values)

    async def _send_one(self, batch: Batch, number: int) -> list[Outcome]:
        first = batch.jobs[0]
        is_late = first.sent_at is not None and clock.now() >= first.sent_at + LEASE
        if is_late or self.tally.stopped or self._is_stopped(controls.stops(self.ledger), first.sync.name):
            return [Outcome(job, "not_sent", code="stopped") for job in batch.jobs]
        if number:
            points.reach(points.BETWEEN)
        self.tally.requests += 1
        self.tally.sends += len(batch.jobs)
        carrier = self.carriers.get(first.sync.name)
        client = self.client if carrier is None else carrier.client
        try:
            outcomes = await send.send(client, batch)
        except Halt as error:
            self._halt(error, client.system.name)
            outcomes = send.halted(batch, error)
        self._note_failure(outcomes)
        points.reach(points.SENT)
        return outcomes

    def _write_outcomes(self, writing: Writing, outcomes: Sequence[Outcome]) -> list[Job]:
        again: list[Job] = []
        moves: list[Move] = []
        intents = {o.job.promise.promise_id: o.job.intent for o in outcomes}
        for outcome in outcomes:
            move, goes_on = self.entries.answered(outcome, writing.at)
            moves.append(move)
            if goes_on:
                again.append(outcome.job)
        late = promises.move(writing, moves)
        promises.write_outcomes(
            writing,
            [
                Answered(
                    o.job.promise.promise_id,
                    intents[o.job.promise.promise_id],
                    _OUTCOMES[o.said],
                    o.ref,
                    personal.scrub(o.message, o.job.fields, o.job.sync.personal),
                )
                for o in outcomes
                if o.job.promise.promise_id not in late
            ],
        )
        self._count(moves, late)
        return [job for job in again if job.promise.promise_id not in late]

    def _note_failure(self, outcomes: Sequence[Outcome]) -> None:
        """Leave a system alone that does not answer one send after another."""
        self.failures = self.failures + 1 if outcomes[0].said in ("retry", "unknown") else 0
        if self.failures >= FAILURES and not self.tally.stopped:
            self.tally.stopped = f"{self.failures} sends in a row without an answer"

    # --- the worker's hold ----------------------------------------------------------------------------

    async def _keep_lease(self, held: Sequence[Promise]) -> None:
        """Push the lease on while this process is alive and awake."""
        while True:
            await clock.sleep(LEASE.total_seconds() / 3)
            with self.ledger.write() as writing:
                promises.renew(writing, self.worker, held, LEASE)

    def _give_back(self, jobs: Sequence[Job]) -> None:
        """Let others have what was not finished; nothing of it is outstanding but what the ledger says is."""
        if not jobs:
            return
        now = clock.now()
        moves: list[Move] = []
        for job in jobs:
            if job.phase == "fresh":
                values = self.entries.as_fresh(job) | {"due_at": now, "reason": job.promise.reason}
                moves.append(Move(job.promise, "waiting", values))
            else:
                due = max(now, job.settles_at() or now) if job.phase == "doubt" else now
                moves.append(Move(job.promise, "sent", {"due_at": due, "lease_until": None}))
        with self.ledger.write() as writing:
            late = promises.move(writing, moves)
        self._count(moves, late)

    def _halt(self, error: Halt, system: str = "") -> None:
        if not self.tally.stopped.startswith("halted"):
            self.tally.stopped = f"halted: {error.reason}"
            with self.ledger.write() as writing:
                controls.halt(
                    writing, system or self.system, reason=error.reason, code=error.code, owner=HALT_OWNER
                )

    def _count(self, moves: Sequence[Move], late: set[int]) -> None:
        self.tally.refused_as_late += len(late)
        for move in moves:
            if move.promise.promise_id in late:
                continue
            match move.after:
                case "verified":
                    self.tally.verified += 1
                case "adopted":
                    self.tally.adopted += 1
                case "rejected":
                    self.tally.rejected += 1
                case "dead":
                    self.tally.dead += 1
                case "superseded":
                    self.tally.superseded += 1
                case "waiting":
                    self.tally.waiting += 1
                case "sent" if move.values.get("lease_until", True) is None:
                    self.tally.in_doubt += 1
                    self.tally.differing += move.values.get("reason") == "mismatch"
            if reason := move.values.get("reason"):
                self.tally.reasons[reason] = self.tally.reasons.get(reason, 0) + 1


_OUTCOMES = {
    "accepted": "accepted",
    "again": "refused",
    "split": "refused",
    "rejected": "refused",
    "retry": "retry",
    "unknown": "unknown",
    "not_sent": "not_sent",
    "halt": "refused",
}


def _together(batches: Sequence[Batch], width: int) -> int:
    """How many of the first batches may be sent side by side: one whose write is alone goes by itself."""
    alone = next((n for n, batch in enumerate(batches[:width]) if batch.write.is_alone), width)
    return max(alone, 1)


def _said(kind: str, *, has_advanced: bool) -> str:
    if has_advanced or kind in ("done", "adopt", "already"):
        return "equal"
    return "differs" if kind in ("differs", "moved_on") else "absent"


def _adoption(job: Job) -> dict[str, Any]:
    p = job.promise
    return {
        "promise_id": p.promise_id,
        "sync": p.sync,
        "system": p.system,
        "business_key": p.business_key,
        "reason": "already_there",
        "reference": p.reference,
        "order_key": p.order_key,
    }


def _round(jobs: list[Job]) -> tuple[list[Job], list[Job]]:
    """The first so many jobs as make a round's worth of requests, and the rest."""
    weight = 0.0
    for number, job in enumerate(jobs):
        weight += 1 / max(job.write.batch, 1)
        if weight > ROUND:
            return jobs[:number], jobs[number:]
    return jobs, []
