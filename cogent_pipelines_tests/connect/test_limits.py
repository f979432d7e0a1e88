"""The limiter: what it lets out, what it gives back, and what it learns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogent_pipelines import clock
from cogent_pipelines.connect import graphql
from cogent_pipelines.connect.limits import (
    MARGIN,
    Bucket,
    CostBudget,
    HeaderQuota,
    LeakyBucket,
    MemoryLimits,
    PacedQuota,
    Seen,
    advance,
    declare,
    fresh,
    settle,
    take,
)
from cogent_pipelines.connect.spec import Answer, Request
from cogent_pipelines_tests.connect.kit import START, answer, client, run, system

steps = st.lists(
    st.tuples(st.floats(0, 30), st.floats(0.1, 40), st.floats(0, 1), st.booleans()), min_size=1, max_size=60
)


@given(steps)
def test_never_more_is_taken_than_the_limit_allows(done: list[tuple[float, float, float, bool]]) -> None:
    """Whatever is asked for and given back, no stretch of time sees more spent than capacity and refill."""
    capacity, rate = 100.0, 5.0
    bucket, now = fresh(capacity, rate, 0.0), 0.0
    spends: list[tuple[float, float]] = []
    for pause, cost, share, _ in done:
        now += pause
        bucket, wait = take(bucket, cost, now)
        if wait:
            assert wait > 0
            continue
        spends.append((now, cost * share))
        bucket = settle(bucket, cost, Seen(spent=cost * share), now)
        assert bucket.level <= bucket.usable + 1e-9
    for i, (first, _) in enumerate(spends):
        for j in range(i, len(spends)):
            spent = sum(s for _, s in spends[i : j + 1])
            assert spent <= capacity + rate * (spends[j][0] - first) + 1e-6


@given(st.floats(0.1, 500), st.floats(0, 90), st.floats(0.5, 50))
def test_the_wait_that_is_told_is_enough(cost: float, level: float, rate: float) -> None:
    """After the wait it names, a take succeeds; a little before, it does not."""
    bucket = Bucket(100.0, rate, level, 0.0)
    bucket, wait = take(bucket, cost, 0.0)
    if wait:
        assert take(bucket, cost, wait)[1] == 0
        if wait > 0.01:
            assert take(bucket, cost, wait * 0.9)[1] > 0


def test_a_cost_above_the_capacity_waits_for_a_full_bucket_only() -> None:
    """A price no bucket can hold must not wait for ever."""
    bucket = fresh(100, 10, 0)
    bucket, wait = take(bucket, 1000, 0)
    assert wait == 0
    assert take(bucket, 1000, 1)[1] == pytest.approx(8.0)


def test_what_came_while_a_waiter_overslept_is_not_lost() -> None:
    """Woken half a second after its turn, it and four behind it go at once; what came before that is gone as ever."""
    bucket = replace(fresh(1.2, 10.0, 0.0), level=0.0)
    assert [wait for _, wait in _taken(bucket, 5, now=9.0, late=0.0)] == [0.0]
    assert [wait for _, wait in _taken(bucket, 9, now=9.0, late=0.5)] == [0.0] * 6
    spent, _ = take(bucket, 1.0, 9.0, 0.5)
    assert settle(spent, 1.0, Seen(), 9.0).level == spent.level
    assert settle(spent, 1.0, Seen(capacity=0.6), 9.0).level < spent.level


def _taken(bucket: Bucket, calls: int, *, now: float, late: float) -> list[tuple[Bucket, float]]:
    """What ``calls`` takes came to, as long as none had to wait."""
    done = []
    for _ in range(calls):
        bucket, wait = take(bucket, 1.0, now, late)
        if wait:
            break
        late = 0.0
        done.append((bucket, wait))
    return done


def test_the_answer_overrules_what_was_believed() -> None:
    """A bucket that the vendor says is emptier, smaller or slower is so."""
    bucket = fresh(2000, 100, 0)
    bucket = settle(bucket, 0, Seen(available=300, capacity=1000, per_second=50), 0)
    assert (bucket.capacity, bucket.per_second, bucket.level) == (1000, 50, 300 - 1000 * MARGIN)


def test_what_was_not_spent_goes_back() -> None:
    """The difference between asked and actual cost is there for the next request."""
    bucket, _ = take(fresh(1000, 1, 0), 500, 0)
    assert settle(bucket, 500, Seen(spent=40), 0).level == pytest.approx(900 - 40)


# --- whole simulations ----------------------------------------------------------------------------------


@dataclass
class Leaky:
    """A vendor's leaky bucket that answers 429 and says nothing."""

    capacity: float = 100
    rate: float = 5
    level: float = 0
    at: float = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    latency: float = 0.15
    rng: random.Random = field(default_factory=lambda: random.Random(3))

    async def ask(self, now: float) -> bool:
        """One call; whether it is accepted."""
        await asyncio.sleep(self.rng.uniform(0.5, 1.5) * self.latency)
        now = (clock.now() - START).total_seconds()
        self.level = max(self.level - (now - self.at) * self.rate, 0)
        self.at = now
        if self.level + 1 > self.capacity:
            self.refused.append(now)
            return False
        self.level += 1
        self.accepted.append(now)
        return True

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        return answer([]) if await self.ask(0) else httpx.Response(429)


async def _backlog(callers: int, seconds: float, call: object) -> None:
    async def one() -> None:
        while (clock.now() - START).total_seconds() < seconds:
            await call()  # type: ignore[operator]

    await asyncio.gather(*(one() for _ in range(callers)))


def test_a_backlog_uses_nearly_the_whole_limit_and_is_never_refused() -> None:
    """Minutes of backlog against five calls a second: at least 0.9 of the limit, no 429."""
    server = Leaky()

    async def main() -> None:
        async with client(server, limit=LeakyBucket(100, 5)) as c:
            await _backlog(8, 400, lambda: c.call(Request("GET", "/x")))

    run(main)
    assert not server.refused
    use = len([t for t in server.accepted if t <= 400]) / (100 + 5 * 400)
    assert 0.95 <= use <= 1.0


def test_two_clients_on_one_store_share_one_limit() -> None:
    """Processes that share the account's state stay under its limit together."""
    server, limits = Leaky(), MemoryLimits()

    async def main() -> None:
        async with (
            client(server, limit=LeakyBucket(100, 5), limits=limits) as a,
            client(server, limit=LeakyBucket(100, 5), limits=limits) as b,
        ):
            await asyncio.gather(
                _backlog(6, 300, lambda: a.call(Request("GET", "/x"))),
                _backlog(6, 300, lambda: b.call(Request("GET", "/x"))),
            )

    run(main)
    assert not server.refused
    assert len(server.accepted) >= 0.9 * (100 + 5 * 300)


async def _paced(
    server: Callable[[float], Awaitable[bool]], limits: MemoryLimits, callers: int, seconds: float
) -> None:
    """A backlog without the client: take, ask, learn."""

    async def one() -> None:
        while (now := (clock.now() - START).total_seconds()) < seconds:
            await limits.take("a", 1, 100, 5)
            now = (clock.now() - START).total_seconds()
            accepted = await server(now)
            await limits.learn("a", 1, None if accepted else Seen(throttled=True))

    await asyncio.gather(*(one() for _ in range(callers)))


def test_a_silently_halved_limit_is_learned_from_one_refusal() -> None:
    """In the minute of the halving at most one call in a hundred is refused, and later hardly any."""
    server, limits = Leaky(), MemoryLimits()

    async def main() -> None:
        calls = asyncio.create_task(_paced(server.ask, limits, 8, 2400))
        await clock.sleep(300)
        server.rate = 2.5
        await calls

    run(main)
    minute = [t for t in server.accepted if 300 <= t < 360]
    assert len([t for t in server.refused if t < 360]) <= 0.01 * len(minute) + 0.5
    later = [t for t in server.accepted if 600 <= t <= 2400]
    refused_later = [t for t in server.refused if 600 <= t <= 2400]
    assert len(later) / (2.5 * 1800) >= 0.9
    assert len(refused_later) <= 0.002 * len(later)


def test_a_single_refusal_does_not_slow_the_work_down_for_long() -> None:
    """A stray 429 every hundred seconds costs a few per cent, not half the pace."""
    server, limits = Leaky(), MemoryLimits()
    following = [50.0]

    async def sometimes(now: float) -> bool:
        if now >= following[0]:
            following[0] += 100
            return False
        return await server.ask(now)

    run(lambda: _paced(sometimes, limits, 8, 1500))
    assert len(server.accepted) / (5 * 1500) >= 0.85


@dataclass
class Points:
    """A vendor's points: asks a price beforehand, gives back what a query did not take, and says so."""

    capacity: float = 2000
    rate: float = 100
    asked: float = 120
    taken: float = 35
    available: float = 2000
    at: float = 0
    spent: list[tuple[float, float]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    calls: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(5))

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self.rng.uniform(0.05, 0.2))
        now = (clock.now() - START).total_seconds()
        self.available = min(self.capacity, self.available + (now - self.at) * self.rate)
        self.at = now
        self.calls += 1
        body: dict[str, object] = {"data": {"x": 1}}
        actual: float | None = self.taken
        if self.available < self.asked:
            self.refused.append(now)
            body, actual = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}, None
        else:
            self.available -= self.taken
            self.spent.append((now, self.taken))
        body["extensions"] = {
            "cost": {
                "requestedQueryCost": self.asked,
                "actualQueryCost": actual,
                "throttleStatus": {
                    "maximumAvailable": self.capacity,
                    "currentlyAvailable": self.available,
                    "restoreRate": self.rate,
                },
            }
        }
        await asyncio.sleep(self.rng.uniform(0.05, 0.2))
        return answer(body)


ASK = Request("POST", "/g", body={"query": "{x}", "variables": {}}, cost=120)


def test_points_are_used_up_and_hardly_ever_refused() -> None:
    """Under backlog the points restored are spent, though every query reserves thrice what it takes."""
    server = Points()

    async def main() -> None:
        async with client(server, limit=CostBudget(2000, 100), check=graphql.check) as c:
            await _backlog(8, 400, lambda: c.call(ASK))

    run(main)
    spent = sum(points for t, points in server.spent if t <= 400)
    assert 0.9 <= spent / (2000 + 100 * 400) <= 1.0
    assert len(server.refused) <= 0.001 * server.calls


def test_a_halved_restore_rate_is_followed_from_the_answers() -> None:
    """The vendor halves bucket and rate in the middle of a backlog; refusals stay under one in a hundred."""
    server = Points()

    async def main() -> None:
        async with client(server, limit=CostBudget(2000, 100), check=graphql.check) as c:
            calls = asyncio.create_task(_backlog(8, 600, lambda: c.call(ASK)))
            await clock.sleep(300)
            server.rate, server.capacity = 50, 1000
            await calls

    run(main)
    minute = [t for t, _ in server.spent if 300 <= t < 360]
    assert len([t for t in server.refused if 300 <= t < 360]) <= 0.01 * len(minute)
    after = sum(points for t, points in server.spent if 400 <= t <= 600)
    assert 0.9 <= after / (1000 + 50 * 200) <= 1.0


def test_the_price_the_vendor_names_replaces_the_declared_one() -> None:
    """A query whose declared cost is too low is refused at most once, then reserves what it is asked."""
    server = Points(asked=900, taken=800)
    cheap = Request("POST", "/g", body={"query": "{x}", "variables": {}}, cost=10)

    async def main() -> None:
        async with client(server, limit=CostBudget(2000, 100), check=graphql.check) as c:
            for _ in range(20):
                await c.call(cheap)

    run(main)
    assert len(server.refused) <= 1


def test_header_quotas_are_read() -> None:
    """A quota's headers give what is left, the rate, and the wait when nothing is."""
    limit = HeaderQuota(150, 5)
    headers = {
        "x-rate-limit-requests-left": "0",
        "x-rate-limit-requests-quota": "150",
        "x-rate-limit-time-window-ms": "30000",
        "x-rate-limit-time-reset-ms": "15000",
    }
    seen = limit.learn(Answer(429, headers, b"", START))
    assert seen == Seen(available=0, capacity=150, per_second=5, after=15)
    assert limit.learn(Answer(200, {}, b"", START)) is None


def quota_headers(left: int, reset: int = 15000) -> dict[str, str]:
    """What a quota of 150 in 30 s says of itself."""
    return {
        "x-rate-limit-requests-left": str(left),
        "x-rate-limit-requests-quota": "150",
        "x-rate-limit-time-window-ms": "30000",
        "x-rate-limit-time-reset-ms": str(reset),
    }


@pytest.mark.parametrize(("left", "wait"), [(60, 0), (16, 0), (15, 15), (0, 15)])
def test_a_window_that_is_all_but_spent_is_waited_for(left: int, wait: float) -> None:
    """Calls come back when the window ends, and not one by one before."""
    seen = HeaderQuota(150, 5).learn(Answer(200, quota_headers(left), b"", START))
    bucket = settle(fresh(150, 5, 0), 1, seen, 0)
    assert take(bucket, 1, 0)[1] == pytest.approx(wait)
    assert take(bucket, 1, wait)[1] == 0


def test_a_refusal_that_tells_when_the_window_ends_is_believed() -> None:
    """Through the client: others on the account spent it all, and one refusal is enough."""
    refused: list[float] = []

    def server(request: httpx.Request) -> httpx.Response:
        now = (clock.now() - START).total_seconds()
        if now < 15:
            refused.append(now)
            return httpx.Response(429, headers=quota_headers(0, int((15 - now) * 1000)))
        return httpx.Response(200, json=[], headers=quota_headers(149, 30000))

    async def main() -> float:
        async with client(server, limit=HeaderQuota(150, 5)) as c:
            await c.call(Request("GET", "/x"))
        return (clock.now() - START).total_seconds()

    assert run(main) == pytest.approx(15, abs=2)
    assert refused == [0.0]


@pytest.mark.parametrize(
    ("left", "reset", "after"), [(4, 0.5, None), (1, 0.5, None), (0, 0.5, 0.5), (0, -3, 0), (0, 9999, 1)]
)
def test_the_end_of_a_window_is_believed_within_its_length(
    left: int, reset: float, after: float | None
) -> None:
    """Nobody waits longer than a window lasts, or goes back in time."""
    limit = HeaderQuota(10, 10, left="x-left", quota="x-limit", window="", reset="x-reset", unit=1)
    headers = {"x-left": str(left), "x-limit": "9", "x-reset": str(reset)}
    seen = limit.learn(Answer(200, headers, b"", START))
    assert seen == Seen(available=left, capacity=9, per_second=9, after=after and pytest.approx(after))


@dataclass
class Seconds:
    """A vendor that allows so many calls in each second of its clock, and says how many those are."""

    quota: int = 10
    latency: float = 0.2
    second: int = -1
    spent: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self.rng.uniform(0.25, 0.75) * self.latency)
        now = (clock.now() - START).total_seconds()
        if int(now) != self.second:
            self.second, self.spent = int(now), 0
        status = 200 if self.spent < self.quota else 429
        self.spent += status == 200
        (self.accepted if status == 200 else self.refused).append(now)
        await asyncio.sleep(self.rng.uniform(0.25, 0.75) * self.latency)
        headers = {"x_ratelimit_limit": str(self.quota)} | ({"retry_after": "1"} if status == 429 else {})
        return answer({}, status, **headers)


PACED = PacedQuota(capacity=1.2, per_second=9.2, calls=10)


@pytest.mark.parametrize("latency", [0.05, 0.2])
def test_seconds_are_used_up_and_hardly_ever_overrun(latency: float) -> None:
    """Wherever they begin: at least 0.9 of them, with one refusal in a thousand."""
    server = Seconds(latency=latency)

    async def main() -> None:
        async with client(server, limit=PACED) as c:
            await _backlog(8, 400, lambda: c.call(Request("GET", "/x")))

    run(main)
    assert len(server.accepted) / (10 * 400) >= 0.9
    assert len(server.refused) <= 0.001 * len(server.accepted)


def test_a_lowered_quota_of_a_second_is_followed() -> None:
    """Refused is what was under way, and all of the new quota is used."""
    server = Seconds()

    async def main() -> None:
        async with client(server, limit=PACED) as c:
            calls = asyncio.create_task(_backlog(8, 400, lambda: c.call(Request("GET", "/x"))))
            await clock.sleep(200.45)
            server.quota = 5
            await calls

    run(main)
    minute = [t for t in server.accepted if 200 <= t < 260]
    assert len([t for t in server.refused if 200 <= t < 260]) <= 0.01 * len(minute)
    assert len([t for t in server.accepted if 260 <= t < 400]) / (5 * 140) >= 0.9


def test_a_quota_is_followed_and_never_below_one_call_at_once() -> None:
    """A bucket that holds less than a call would take each for less than it is."""
    told = [PACED.learn(Answer(200, {"x-ratelimit-limit": text}, b"", START)) for text in ("20", "1", "many")]
    assert told == [
        Seen(capacity=2.4, per_second=18.4),
        Seen(capacity=1 / 0.9, per_second=pytest.approx(0.92)),
        None,
    ]
    assert PACED.learn(Answer(200, {}, b"", START)) is None


def test_a_lowered_pace_climbs_back() -> None:
    """After the hold the pace grows again until it is whole."""
    bucket = Bucket(100, 5, 0, 0, pace=0.5, hold=60, held_until=60)
    assert advance(bucket, 59).pace == 0.5
    assert 0.5 < advance(bucket, 90).pace < 1
    assert advance(advance(bucket, 90), 300).pace == 1


def test_a_clock_that_starts_anew_does_not_block_for_ever() -> None:
    """State kept from a sandbox whose time was later is not waited for."""
    bucket, _ = take(fresh(100, 5, 10**6), 90, 10**6)
    bucket = settle(bucket, 90, Seen(throttled=True, after=10**5), 10**6)
    bucket, wait = take(bucket, 1, 0)
    assert wait < 1
    assert take(bucket, 1, 5)[1] == 0


def test_a_vendor_file_with_another_limit_is_followed_unless_the_answers_have_told() -> None:
    """A plan upgrade in the file takes effect; what the vendor itself says counts more."""
    bucket = fresh(100, 5, 0)
    assert declare(bucket, 40, 2).level == 40 * (1 - MARGIN)
    told = settle(bucket, 0, Seen(capacity=1000, per_second=50), 0)
    assert declare(told, 40, 2) == told


def test_refusals_that_come_together_count_once() -> None:
    """Eight requests under way that are all refused are one piece of news."""
    bucket = settle(fresh(100, 5, 10**6), 1, Seen(throttled=True), 10**6)
    assert settle(bucket, 1, Seen(throttled=True), 10**6 + 0.1).pace == bucket.pace == 0.5


def test_an_answer_before_any_request_is_no_trouble() -> None:
    """A store that lost its state begins anew."""

    async def main() -> Bucket | None:
        limits = MemoryLimits()
        await limits.learn("a", 10, Seen(available=5, capacity=100, per_second=2))
        return limits.bucket("a")

    bucket = run(main)
    assert bucket is not None
    assert (bucket.capacity, bucket.per_second) == (100, 2)


def test_headers_that_are_no_numbers_say_nothing() -> None:
    """Nonsense is not a limit."""
    assert HeaderQuota(150, 5).learn(Answer(200, {"x-rate-limit-requests-left": "many"}, b"", START)) is None
    assert CostBudget(2000, 100).learn(Answer(200, {}, b"[1]", START)) is None


def test_two_systems_of_one_account_share_its_limit() -> None:
    """Each by its own client; a system whose account is not named is an account of its own."""
    store = MemoryLimits()

    async def main() -> None:
        for name, account in (("shop_uk", "acme"), ("shop_eu", "acme"), ("shop_us", "")):
            shared = system(name=name, account=account)
            async with client(
                lambda _: answer([]), of=shared, limits=store, limit=LeakyBucket(10, 1e-9)
            ) as one:
                await one.call(Request("GET", "/things"))

    run(main)
    levels = {name: store.bucket(name) for name in ("acme", "shop_uk", "shop_eu", "shop_us")}
    assert {name: round(held.level) for name, held in levels.items() if held} == {"acme": 7, "shop_us": 8}
