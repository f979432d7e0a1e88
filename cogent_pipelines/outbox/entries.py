"""What the ledger shall say of a job after a look or an answer.

Belongs here: turning verdicts and outcomes into moves of promises, with their times and reasons.
Does not belong here: writing them (``engine``), or judging what was found (``job``).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cogent_pipelines import clock
from cogent_pipelines.connect.spec import Found
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.ledger.promises import Move
from cogent_pipelines.outbox import personal
from cogent_pipelines.outbox.job import LOOKS, RUN, Backoff, Job, Looked, Verdict, sealed_found
from cogent_pipelines.outbox.send import Outcome

LEASE = timedelta(seconds=180)
"""Longer than a look-up and a request may take together; renewed as the work goes on."""
MOST_ATTEMPTS = 10
MOST_REPEATS = 3
"""How often a record refused for its neighbours' or the moment's sake goes again within one run."""
SOON = Backoff(timedelta(seconds=5), timedelta(minutes=15))
UNLIKE = Backoff(timedelta(seconds=30), timedelta(hours=1))
AT_ONCE = 2
"""So often what was sent and is not there goes again at once; then ever later, so that it outlasts an outage."""
UNFULFILLED = frozenset({"mismatch", "not_stored"})
"""Reasons of what a target accepted and then held otherwise, or not at all."""
SAME_KEY = "same_key"
NO_SAME_KEY = "no_same_key"


@dataclass(frozen=True, slots=True)
class Entries:
    """Makes one worker's entries."""

    hmac_key: bytes
    worker: str
    chance: random.Random = field(default_factory=random.Random)

    # --- after a look -------------------------------------------------------------------------------------

    def settle(self, job: Job, verdict: Verdict, looked: Looked, now: datetime) -> Move | None:
        """What the ledger shall say of a job that is not sent now; None: it may be sent after all."""
        found = looked.found
        kept = {"found": sealed_found(job, found, self.hmac_key)} if found is not None else {}
        match verdict.kind:
            case "done" | "adopt" | "already":
                return self._finished(job, verdict, found, kept)
            case "moved_on":
                return Move(job.promise, "superseded", {**kept, "reason": verdict.reason})
            case "rejected":
                return self._rejected(job, verdict.reason, verdict.message)
            case "wait":
                return self._later(job, now, verdict.reason, verdict.message, after=verdict.after)
            case "differs":
                return self._differs(job, verdict, kept, now)
            case "absent":
                return self._absent(job, now)
            case _:
                if job.attempts >= MOST_ATTEMPTS:
                    message = job.promise.message or "it was sent as often as is sensible before"
                    return self._dead(job, job.promise.reason or "attempts", message, job.effect)
                return Move(
                    job.promise,
                    "waiting",
                    self.as_fresh(job) | {"due_at": now, "reason": job.promise.reason},
                )

    def _finished(self, job: Job, verdict: Verdict, found: Found | None, kept: dict[str, Any]) -> Move:
        if found is not None and found.ref:
            job.refs[job.write.action] = found.ref
        after = "adopted" if verdict.kind == "adopt" else "verified"
        ref = next((ref for name, ref in job.refs.items() if not name.startswith(RUN)), "")
        reason = {"adopt": "already_there", "already": "already_there"}.get(verdict.kind, "")
        return Move(
            job.promise,
            after,
            {
                **kept,
                "effect": "none" if after == "adopted" else "some",
                "refs": dict(job.refs),
                "target_ref": ref,
                "reason": reason,
                "message": "",
            },
        )

    def _differs(self, job: Job, verdict: Verdict, kept: dict[str, Any], now: datetime) -> Move:
        """There, but otherwise than it was sent: it is looked at again, and never sent a second time."""
        message = f"stored otherwise than sent: {verdict.message}"
        if not job.sync.is_once:
            return Move(job.promise, "superseded", {**kept, "reason": "mismatch", "message": message})
        tries = job.promise.tries + 1
        if tries >= MOST_ATTEMPTS:
            move = self._dead(job, "mismatch", message, "unknown")
            return Move(job.promise, move.after, {**kept, **move.values})
        values = {
            **kept,
            "reason": "mismatch",
            "message": message,
            "effect": "unknown",
            "is_accepted": True,
            "tries": tries,
            "due_at": now + UNLIKE.wait(tries, self.chance.random()),
            "lease_until": None,
        }
        if not job.is_sent:  # it was found before anything of this step was sent
            return Move(job.promise, "waiting", values | self.first_entry(job))
        return Move(job.promise, "sent", values)

    def _absent(self, job: Job, now: datetime) -> Move | None:
        """Sent, perhaps, and not there: not yet, or never."""
        if job.is_gone:
            return Move(job.promise, "withdrawn", {"reason": "no_longer_wanted", "effect": job.effect})
        settles = job.settles_at()
        if settles is not None and now < settles:
            if job.phase == "doubt" and job.write.has_idempotency and job.promise.reason != NO_SAME_KEY:
                if job.may_send:
                    return None  # the same body under the same key: the vendor makes it one effect
                values = {"reason": SAME_KEY, "due_at": now, "effect": "unknown"}
                return Move(job.promise, "waiting", values)
            tries = job.promise.tries + 1
            soon = settles
            if job.phase == "accepted":
                soon = min(settles, now + SOON.wait(tries, self.chance.random()))
            return Move(job.promise, "sent", {"due_at": soon, "tries": tries, "lease_until": None})
        looks = job.promise.looks + 1
        if looks < LOOKS:
            gap = min(max(job.write.settle / 4, timedelta(seconds=2)), timedelta(seconds=60))
            return Move(job.promise, "sent", {"looks": looks, "due_at": now + gap, "lease_until": None})
        reason = "not_stored" if job.phase == "accepted" else "not_there"
        if job.attempts >= MOST_ATTEMPTS:
            return self._dead(job, reason, "it was sent as often as is sensible and is not there", job.effect)
        wait = timedelta(0)
        if job.attempts > AT_ONCE:
            wait = UNLIKE.wait(job.attempts - 1, self.chance.random())
        return Move(job.promise, "waiting", self.as_fresh(job) | {"due_at": now + wait, "reason": reason})

    def first_entry(self, job: Job) -> dict[str, Any]:
        """What later looks go by, of a promise that was found under way before this ledger sent anything of it."""
        return {} if job.promise.sent else {"sent": dict(job.sealed)}

    def as_fresh(self, job: Job) -> dict[str, Any]:
        """Nothing of the present step is at the target."""
        return {
            "effect": job.effect,
            "is_accepted": False,
            "looks": 0,
            "idempotency_key": "",
            "attempts": job.attempts,
            "tries": 0,
        }

    def look_failed(self, job: Job, error: Retry | Reject, now: datetime, *, is_up: bool) -> Move:
        """A look that failed says nothing, however often. One that is refused while others are answered counts.

        What cannot be looked at for long is said by the rule that every change was carried out; to give it up
        would leave what was sent half done when the target answers again.
        """
        if is_up and isinstance(error, Reject):
            job.attempts += 1
        message = personal.scrub(error.reason, job.fields, job.sync.personal)
        if job.attempts >= MOST_ATTEMPTS:
            return self._dead(job, "look_up", message, job.effect if job.phase == "fresh" else "unknown")
        after = error.after if isinstance(error, Retry) and error.after else 0
        move = self._later(job, now, "look_up", message, after=timedelta(seconds=after))
        return Move(job.promise, move.after, {**move.values, "attempts": job.attempts})

    def under_way(self, job: Job, error: Retry, now: datetime) -> Move:
        """It may still arrive by the bridge that was given it: looked at again, as often as that takes."""
        gap = min(max(job.write.settle / 4, timedelta(seconds=2)), timedelta(seconds=60))
        return Move(job.promise, "sent", {"due_at": now + gap, "message": error.reason, "lease_until": None})

    def _later(
        self, job: Job, now: datetime, reason: str, message: str, *, after: timedelta | None = None
    ) -> Move:
        tries = job.promise.tries + 1
        wait = max(SOON.wait(tries, self.chance.random()), after or timedelta(0))
        values: dict[str, Any] = {
            "tries": tries,
            "due_at": now + wait,
            "message": personal.scrub(message, job.fields, job.sync.personal),
            "lease_until": None,
        }
        if job.phase != "fresh":
            return Move(job.promise, "sent", values)
        return Move(job.promise, "waiting", values | {"reason": reason, "effect": job.effect})

    def _rejected(self, job: Job, code: str, message: str) -> Move:
        said = personal.scrub(message, job.fields, job.sync.personal)
        values = {"reason": code[:80], "message": said, "effect": job.effect, "attempts": job.attempts}
        return Move(job.promise, "rejected", values)

    def _dead(self, job: Job, reason: str, message: str, effect: str) -> Move:
        values = {"reason": reason, "message": message, "effect": effect, "attempts": job.attempts}
        return Move(job.promise, "dead", values)

    # --- after an answer ---------------------------------------------------------------------------------

    def answered(self, outcome: Outcome, now: datetime) -> tuple[Move, bool]:
        """(what the ledger shall say, whether the job goes on in this run)."""
        job = outcome.job
        if job.intent and outcome.said not in ("accepted", "unknown", "rejected"):
            job.attempts -= 1  # it certainly had no effect
        job.intent = ""
        if outcome.said == "accepted":
            job.phase = "accepted"
            if outcome.ref:
                job.refs[job.write.action] = outcome.ref
            if outcome.run:
                job.refs[RUN + job.write.action] = outcome.run
            values = self.kept() | {"is_accepted": True, "refs": dict(job.refs)}
            return Move(job.promise, "sent", values), True
        if outcome.said == "unknown":
            return self._in_doubt(job, outcome, now), False
        if job.phase == "doubt":
            # This send had no effect. The one before it, under the same key, is in doubt as it was.
            return self.let_settle(job, now), False
        job.phase = "fresh"
        if outcome.said == "rejected":
            return self._rejected(job, outcome.code, outcome.message), False
        if outcome.said in ("again", "split"):
            return self._again(job, outcome, now)
        if outcome.said == "retry" or outcome.code == "target_not_ready":
            after = timedelta(seconds=outcome.after) if outcome.after else None
            move = self._later(job, now, "retry", outcome.message, after=after)
            return Move(job.promise, move.after, {**self.as_fresh(job), **move.values}), False
        return Move(job.promise, "waiting", self.as_fresh(job) | {"due_at": now}), False

    def _in_doubt(self, job: Job, outcome: Outcome, now: datetime) -> Move:
        job.phase = "doubt"
        settles = job.settles_at() or now
        if job.write.has_idempotency:
            settles = min(settles, now + SOON.wait(job.promise.tries, self.chance.random()))
        message = personal.scrub(outcome.message, job.fields, job.sync.personal)
        return Move(job.promise, "sent", {"due_at": settles, "message": message, "lease_until": None})

    def _again(self, job: Job, outcome: Outcome, now: datetime) -> tuple[Move, bool]:
        """Refused for a neighbour's sake, or for a reason that a new look and a new key cure."""
        job.repeats += 1
        if outcome.said == "split":
            job.most = max(min(job.most, job.write.batch) // 2, 1)
        elif job.repeats > MOST_REPEATS:
            return self._later(job, now, outcome.code, outcome.message), False
        values = self.as_fresh(job) | {"reason": outcome.code[:80], "message": ""}
        return Move(job.promise, "sent", self.kept() | values), True

    def let_settle(self, job: Job, now: datetime) -> Move:
        """In doubt, and not to be repeated as it was: the ordinary way, by waiting and looking."""
        due = max(job.settles_at() or now, now)
        return Move(job.promise, "sent", {"reason": NO_SAME_KEY, "due_at": due, "lease_until": None})

    def kept(self) -> dict[str, Any]:
        """Still this worker's."""
        until = clock.now() + LEASE
        return {"worker": self.worker, "lease_until": until, "due_at": until}
