"""How much may be sent, and waiting until it may.

Belongs here: the limits a vendor file can declare, the bucket they are kept in, and its arithmetic.
Does not belong here: sending (``client``), or where a bucket shared by processes is stored (``ledger``).

A request takes its cost before it is sent and settles afterwards: what it did not spend goes back, and what
the answer says of the limit (``Seen``) overrules what we believed. A tenth of the capacity is never used, so
that answers on the way and other hands on the account do not run into the limit.

A vendor that says nothing but 429 is learned from. After ten quiet minutes a refusal halves the pace for a
minute, in case the limit was lowered. A second one soon after full pace says that it was: between the two
the vendor's bucket was full at both ends, so what it accepted meanwhile is its true rate, which is kept to
for a while and then cautiously exceeded. Any other refusal only pauses.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from cogent_pipelines import clock
from cogent_pipelines.connect.answers import cost as cost_of
from cogent_pipelines.connect.spec import Answer

MARGIN = 0.1
"""Share of the capacity that is never used."""
QUIET = 600.0
"""Seconds without a refusal after which the next one is taken for a lowered limit."""
CAUTION = 55.0
"""Seconds at half the pace after such a refusal."""
CLOSE = 30.0
"""A second refusal within so many seconds of sending at full pace is no accident."""
HOLD_FIRST, HOLD_LAST = 120.0, 1800.0
"""Seconds for which a measured pace is kept before more is tried, at first and at last."""
RECOVERY = 120.0
"""Seconds in which a pace would then climb from nothing to all."""
LEAST_PACE = 0.1
BACKWARDS = 60.0
"""Seconds by which the clock must have gone back for it to be another one."""
ENOUGH = 10
"""Calls accepted between two refusals from which a rate may be measured."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer says about its limit; None where it says nothing."""

    cost: float | None = None
    """What the vendor asked for this request before running it."""
    spent: float | None = None
    """What it took in the end."""
    available: float | None = None
    capacity: float | None = None
    per_second: float | None = None
    throttled: bool = False
    after: float | None = None
    """Seconds the vendor told us to wait."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one account may still spend, as of an instant. Plain numbers, so that any store can keep it."""

    capacity: float
    per_second: float
    level: float
    at: float
    """Epoch seconds of the clock."""
    told: bool = False
    """Whether answers say what the limit is; then the declared figures no longer count."""
    pace: float = 1.0
    """Share of ``per_second`` in use; below 1 while a silent vendor's limit is being learned."""
    hold: float = 0.0
    """Seconds for which a measured pace is held before it climbs; 0: it is a caution, and ends at once."""
    held_until: float = 0.0
    blocked_until: float = 0.0
    refused_at: float = 0.0
    accepted: float = 0.0
    """Spent since ``refused_at``."""

    @property
    def usable(self) -> float:
        return self.capacity * (1 - MARGIN)


def fresh(capacity: float, per_second: float, now: float) -> Bucket:
    """A full bucket."""
    return Bucket(capacity, per_second, capacity * (1 - MARGIN), now)


def advance(bucket: Bucket, now: float, late: float = 0.0) -> Bucket:
    """The bucket at ``now``: refilled, and its pace recovered as far as the time allows.

    What came in the last ``late`` seconds has room beyond what it usually holds, and stays until it is spent.
    """
    if now < bucket.at - BACKWARDS:  # a sandbox begun anew: what was learned in another time is worth nothing
        bucket = replace(
            bucket, at=now, pace=1.0, hold=0.0, held_until=0.0, blocked_until=0.0, refused_at=0.0
        )
    passed = max(now - bucket.at, 0.0)
    rate = bucket.per_second * bucket.pace
    level = min(max(bucket.usable + late * rate, bucket.level), bucket.level + passed * rate)
    pace = bucket.pace
    if pace < 1 and now > bucket.held_until:
        climbed = (now - max(bucket.held_until, bucket.at)) / RECOVERY
        pace = min(1.0, pace + climbed) if bucket.hold else 1.0
    return replace(bucket, level=level, pace=pace, at=max(now, bucket.at))


def declare(bucket: Bucket, capacity: float, per_second: float) -> Bucket:
    """The bucket under the vendor file's figures, unless answers have told better ones."""
    if bucket.told or (bucket.capacity, bucket.per_second) == (capacity, per_second):
        return bucket
    changed = replace(bucket, capacity=capacity, per_second=per_second)
    return replace(changed, level=min(bucket.level, changed.usable))


def take(bucket: Bucket, cost: float, now: float, late: float = 0.0) -> tuple[Bucket, float]:
    """Take ``cost`` if it is there: (bucket, 0). Else (bucket, seconds until it may be).

    ``late`` is by how many seconds a waiter woke after its turn.
    """
    bucket = advance(bucket, now, late)
    if now < bucket.blocked_until:
        return bucket, bucket.blocked_until - now
    cost = min(cost, bucket.usable)
    # a hair of tolerance: waiting for exactly the missing part must not end a rounding error short of it
    if bucket.level + 1e-6 * (1 + cost) >= cost:
        return replace(bucket, level=bucket.level - cost), 0.0
    return bucket, (cost - bucket.level) / (bucket.per_second * bucket.pace)


def settle(bucket: Bucket, reserved: float, seen: Seen | None, now: float) -> Bucket:
    """Give back what was not spent, and believe what the answer says."""
    bucket = advance(bucket, now)
    over = max(bucket.level - bucket.usable, 0.0)  # of a waiter that woke late
    reserved = min(reserved, bucket.usable)
    seen = seen or Seen()
    spent = 0.0 if seen.throttled else reserved if seen.spent is None else seen.spent
    level = bucket.level + reserved - spent
    bucket = replace(bucket, accepted=bucket.accepted + spent)
    if seen.per_second is not None and seen.per_second > 0:
        bucket = replace(bucket, per_second=seen.per_second, told=True, pace=1.0)
    if seen.capacity is not None and seen.capacity > 0:
        bucket = replace(bucket, capacity=seen.capacity, told=True)
    if seen.available is not None:
        level = min(level, seen.available - bucket.capacity * MARGIN)
    bucket = replace(bucket, level=min(level, bucket.usable + over))
    if seen.throttled:
        return _refused(bucket, seen, now)
    if seen.after is not None:  # told in time that nothing comes back before then
        return replace(bucket, blocked_until=max(bucket.blocked_until, now + seen.after))
    return bucket


def _refused(bucket: Bucket, seen: Seen, now: float) -> Bucket:
    if seen.after is not None:
        return replace(bucket, blocked_until=max(bucket.blocked_until, now + seen.after))
    if seen.available is not None or now < bucket.blocked_until:  # told how much is left, or an echo
        return bucket
    since = now - bucket.refused_at
    pace, hold, held_until = bucket.pace, bucket.hold, bucket.held_until
    cautious_until = bucket.held_until if not bucket.hold else 0.0
    if since > QUIET:
        pace, hold, held_until = max(pace / 2, LEAST_PACE), 0.0, now + CAUTION
    elif now - max(bucket.refused_at, cautious_until) < CLOSE:
        measured = bucket.accepted / since / bucket.per_second if bucket.accepted >= ENOUGH else pace * 0.8
        pace = min(max(measured * 0.98, LEAST_PACE), pace)
        hold = min(max(bucket.hold * 2, HOLD_FIRST), HOLD_LAST)
        held_until = now + hold
    pause = bucket.capacity * MARGIN / (bucket.per_second * pace)
    return replace(
        bucket,
        # so low that the pause fills no more than the gap: nothing has gathered when it ends
        level=min(bucket.level, 0.0) - bucket.capacity * MARGIN,
        pace=pace,
        hold=hold,
        held_until=held_until,
        blocked_until=now + pause,
        refused_at=now,
        accepted=0.0,
    )


TIMER = 0.005
"""Wall seconds by which a machine's timer may wake a waiter late. What comes meanwhile is not lost to it: where the clock
runs a hundred times faster, an even pace would else be no more than one call for each waking."""


class LimitStore(Protocol):
    """Where buckets are kept: in this process, or where every process that uses the account sees them."""

    async def take(self, account: str, cost: float, capacity: float, per_second: float) -> float:
        """Wait until ``account`` may spend ``cost``, and spend it. Gives the share of the limit left."""
        ...

    async def learn(self, account: str, reserved: float, seen: Seen | None) -> None:
        """Settle a request that took ``reserved``, by what its answer says."""
        ...


class Limits:
    """A ``LimitStore`` over any way of changing one account's bucket all at once.

    ``change(account, act)`` reads the bucket (None when there is none), calls ``act``, stores what it gives,
    all as one undivided step, and returns act's second value. A database does it in one transaction.
    """

    def __init__(
        self,
        change: Callable[[str, Callable[[Bucket | None], tuple[Bucket, float]]], float],
        *,
        look_again: float = 0.05,
    ) -> None:
        """``look_again`` is after how many wall seconds a waiter looks whether another process gave back."""
        self._change = change
        self._look_again = look_again
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Turn]] = WeakKeyDictionary()

    async def take(self, account: str, cost: float, capacity: float, per_second: float) -> float:
        left, late = 1.0, 0.0

        def act(bucket: Bucket | None) -> tuple[Bucket, float]:
            nonlocal left
            now = clock.now().timestamp()
            declared = declare(bucket or fresh(capacity, per_second, now), capacity, per_second)
            taken, wait = take(declared, cost, now, late)
            left = max(taken.level / taken.usable, 0.0)
            return taken, wait

        turn = self._turn(account)
        async with turn.lock:  # first come, first served
            while (wait := self._change(account, act)) > 0:
                turn.settled.clear()
                asked, began = min(wait / clock.speed(), self._look_again), time.perf_counter()
                await _either(turn.settled, asked)
                overslept = max(time.perf_counter() - began - asked, 0.0)
                late = min(overslept, TIMER) * clock.speed()
        return left

    async def learn(self, account: str, reserved: float, seen: Seen | None) -> None:
        def act(bucket: Bucket | None) -> tuple[Bucket, float]:
            now = clock.now().timestamp()
            if bucket is None:
                bucket = fresh(reserved, 1.0, now)
            return settle(bucket, reserved, seen, now), 0.0

        self._change(account, act)
        self._turn(account).settled.set()

    def _turn(self, account: str) -> _Turn:
        turns = self._turns.setdefault(asyncio.get_running_loop(), {})
        if account not in turns:
            turns[account] = _Turn(asyncio.Lock(), asyncio.Event())
        return turns[account]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One account's queue in one event loop."""

    lock: asyncio.Lock
    settled: asyncio.Event


async def _either(settled: asyncio.Event, wall: float) -> None:
    """Return when something was given back here, or when so many wall seconds are over."""
    try:
        async with asyncio.timeout(wall):
            await settled.wait()
    except TimeoutError:
        return


class MemoryLimits(Limits):
    """Buckets of this process alone."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._guard = threading.Lock()
        super().__init__(self._in_memory, look_again=3600.0)

    def _in_memory(self, account: str, act: Callable[[Bucket | None], tuple[Bucket, float]]) -> float:
        with self._guard:
            self._buckets[account], wait = act(self._buckets.get(account))
            return wait

    def bucket(self, account: str) -> Bucket | None:
        """The account's bucket as it was last touched."""
        return self._buckets.get(account)


# --- what a vendor file declares ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeakyBucket:
    """So many calls at once, draining at a fixed rate, and nothing said in the answers but 429."""

    capacity: float
    per_second: float
    concurrent: int = 8

    def learn(self, answer: Answer) -> Seen | None:  # noqa: ARG002  the answers of such a vendor say nothing
        return None


@dataclass(frozen=True, slots=True)
class CostBudget:
    """GraphQL points: each answer's ``extensions.cost`` says what was asked, spent and is left."""

    capacity: float
    per_second: float
    concurrent: int = 8

    def learn(self, answer: Answer) -> Seen | None:
        cost = cost_of(answer)
        if cost is None:
            return None
        status = cost.throttleStatus
        return Seen(
            cost=cost.requestedQueryCost,
            spent=cost.actualQueryCost,
            available=status.currentlyAvailable if status else None,
            capacity=status.maximumAvailable if status else None,
            per_second=status.restoreRate if status else None,
        )


@dataclass(frozen=True, slots=True)
class HeaderQuota:
    """So many calls in a window; headers say how many are left and when it starts again.

    Nothing comes back before the window ends, so once no more than the margin is left its end is waited for. What is
    declared counts until an answer says otherwise: ``capacity`` calls in ``capacity / per_second`` seconds.
    """

    capacity: float
    per_second: float
    left: str = "x-rate-limit-requests-left"
    quota: str = "x-rate-limit-requests-quota"
    window: str = "x-rate-limit-time-window-ms"
    """The header with the window's length; "" where there is none."""
    reset: str = "x-rate-limit-time-reset-ms"
    unit: float = 0.001
    """The headers' unit of time in seconds (0.001 for milliseconds)."""
    concurrent: int = 8

    def learn(self, answer: Answer) -> Seen | None:
        left, quota = _number(answer, self.left), _number(answer, self.quota)
        window, reset = _number(answer, self.window), _number(answer, self.reset)
        if left is None:
            return None
        seconds = window * self.unit if window else self.capacity / self.per_second
        after = None
        if left <= (quota or self.capacity) * MARGIN and reset is not None:
            after = min(max(reset * self.unit, 0.0), seconds)  # no window lasts longer than a window
        return Seen(
            available=left, capacity=quota, per_second=quota / seconds if quota else None, after=after
        )


@dataclass(frozen=True, slots=True)
class PacedQuota:
    """So many calls in each fixed window, sent at an even pace: no window holds too many, wherever it begins.

    For windows that are short beside the time an answer takes, or whose end is not told. Of the headers only the quota
    is believed: what was left of a window is no longer so when it is read.
    """

    capacity: float
    """How many may go at once. With the pace over a window, and what a call's delay may shift, at most ``calls``."""
    per_second: float
    calls: float
    """The quota that both figures were reckoned from; they follow the one that an answer tells."""
    quota: str = "x-ratelimit-limit"
    concurrent: int = 8

    def learn(self, answer: Answer) -> Seen | None:
        quota = _number(answer, self.quota)
        if not quota:
            return None
        share = quota / self.calls
        one = 1 / (1 - MARGIN)  # a bucket that held less would never have a call's worth above the margin
        return Seen(capacity=max(self.capacity * share, one), per_second=self.per_second * share)


def _number(answer: Answer, name: str) -> float | None:
    text = answer.headers.get(name)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
