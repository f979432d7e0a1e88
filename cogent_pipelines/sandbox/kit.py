"""What every vendor's edge needs: tokens, limits, planted faults, lag, dropped connections, counters.

Belongs here: behaviour at the HTTP edge that is the same for all vendors.
Does not belong here: a vendor's words (``vendors/<slug>``), or the retailer (``world``).

An edge's handler is ``return await kit.serve(request, system, operation, act, shape, is_write=...,
is_list=...)``: ``act(fault)`` does the work and gives the response (``fault`` is None, or one of the
kinds of stage *inside* that only the edge can play: see ``KINDS``); ``shape(fault)`` gives the vendor's
own refusal for a kind of stage *refuse*. An operation is named by the root field for GraphQL (``orders``,
``inventorySetQuantities``) and by method and path template for REST (``GET /orders``,
``POST /orders/{id}/allocations``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from cogent_pipelines.sandbox.world.world import World

DROP = "sandbox.drop"  # an ASGI message of our own: the outermost layer (app.py) cuts the connection


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of planted fault. ``stage`` says who plays it and when, relative to the effect."""

    stage: str  # drop, refuse, body, inside, after, wait
    on: str  # any, read, write, list
    rate: float  # with --faults all, or by its bare name
    default_rate: float = 0.0  # with --faults default


# Six are on in a default sandbox. Rates are per call.
KINDS: Mapping[str, Kind] = {
    # no answer
    "reset_before_send": Kind("drop", "any", 0.01, 0.004),
    "reset_after_effect": Kind("after", "write", 0.02, 0.008),
    "timeout_after_effect": Kind("after", "write", 0.02),
    "half_body": Kind("body", "any", 0.01),
    # refusals, nothing done (the edge words them)
    "error_500": Kind("refuse", "any", 0.01, 0.004),
    "bad_gateway_burst": Kind("refuse", "any", 0.004, 0.002),
    "unavailable": Kind("refuse", "any", 0.01),
    "rate_limited": Kind("refuse", "any", 0.01, 0.004),
    "token_expired": Kind("refuse", "any", 0.004),
    "conflict": Kind("refuse", "write", 0.01),
    "not_found_yet": Kind("refuse", "read", 0.002),
    "refused": Kind("refuse", "write", 0.0),
    "forbidden": Kind("refuse", "any", 0.0),
    "token_revoked": Kind("refuse", "any", 0.0),
    # wrong answers
    "html_with_200": Kind("body", "any", 0.01),
    "gateway_timeout_after_effect": Kind("after", "write", 0.01, 0.004),
    "slow": Kind("wait", "any", 0.02),
    # only the edge can play these: it knows what a record, a list and a text field are
    "stores_nothing": Kind("inside", "write", 0.01),
    "stores_truncated": Kind("inside", "write", 0.01),
    "stores_twice": Kind("inside", "write", 0.0),
    "partial_success": Kind("inside", "write", 0.01),
    "duplicate_across_pages": Kind("inside", "list", 0.02),
    "record_missing_from_list": Kind("inside", "list", 0.02),
    "count_disagrees": Kind("inside", "list", 0.01),
    "page_drift": Kind("inside", "list", 0.02),
    "empty_list": Kind("inside", "list", 0.002),
    "unknown_status": Kind("inside", "list", 0.0),
    "unknown_field": Kind("inside", "list", 0.005),
    "wrong_type": Kind("inside", "list", 0.0),
}
BURST = 4  # answers of a burst
SLOW_SECONDS = 20.0  # of the sandbox's time
STALL_SECONDS = 120.0  # of the sandbox's time, longer than any client waits


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault picked for one call."""

    kind: str
    stage: str
    planted: str = ""  # the planter's defect, if it is one


@dataclass(slots=True)
class Outage:
    """A fault that strikes every call it matches, between two instants or a number of times."""

    system: str
    operation: str  # "" is every operation; a prefix ending in * matches what begins so
    kind: str
    since: datetime
    until: datetime
    left: int | None = None
    planted: str = ""
    match: str = ""  # strikes only calls whose ``subject`` contains this
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """Planted faults: seeded chances by kind, and outages by time. The same calls meet the same faults."""

    seed: int
    now: Callable[[], datetime]
    rates: dict[str, float] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (kind, system, operation)
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _burst: dict[str, int] = field(default_factory=dict)

    def pick(
        self, system: str, operation: str, *, is_write: bool = False, is_list: bool = False, subject: str = ""
    ) -> Fault | None:
        """Give the fault this call meets, if any, and count it."""
        fault = self._outage(system, operation, subject) or self._chance(
            system, operation, is_write=is_write, is_list=is_list
        )
        if fault is not None:
            self.counts[(fault.kind, system, operation)] += 1
        return fault

    def _outage(self, system: str, operation: str, subject: str) -> Fault | None:
        if not self.outages:
            return None
        now = self.now()
        self.outages = [o for o in self.outages if o.until > now and o.left != 0]
        for outage in self.outages:
            is_named = outage.operation in ("", operation) or (
                outage.operation.endswith("*") and operation.startswith(outage.operation[:-1])
            )
            if outage.system == system and is_named and outage.since <= now and outage.match in subject:
                outage.struck += 1
                if outage.left is not None:
                    outage.left -= 1
                return Fault(outage.kind, KINDS[outage.kind].stage, outage.planted)
        return None

    def _chance(self, system: str, operation: str, *, is_write: bool, is_list: bool) -> Fault | None:
        if not self.rates:
            return None
        if self._burst.get(system):
            self._burst[system] -= 1
            return Fault("bad_gateway_burst", "refuse")
        self._asked[(system, operation)] += 1
        key = f"{self.seed}/{system}/{operation}/{self._asked[(system, operation)]}"
        point = chance(key)
        for kind, rate in self.rates.items():
            where = KINDS[kind].on
            if where == "any" or ((where == "write") == is_write and (where != "list" or is_list)):
                if point < rate:
                    if kind == "bad_gateway_burst":
                        self._burst[system] = BURST - 1
                    return Fault(kind, KINDS[kind].stage)
                point -= rate
        return None

    def set(self, text: str) -> None:
        """Read ``none``, ``default``, ``all``, or names joined by commas, each perhaps with ``=rate``."""
        self.rates = read_faults(text)


def read_faults(text: str) -> dict[str, float]:
    """Read the text of ``--faults`` into chances by kind."""
    if text in ("", "none"):
        return {}
    if text == "default":
        return {name: kind.default_rate for name, kind in KINDS.items() if kind.default_rate}
    if text == "all":
        return {name: kind.rate for name, kind in KINDS.items() if kind.rate}
    rates: dict[str, float] = {}
    for part in text.split(","):
        name, equals, rate = part.strip().partition("=")
        if name not in KINDS:
            raise ValueError(
                f"--faults: unknown kind {name!r}; expected none, default, all or: {', '.join(KINDS)}"
            )
        try:
            rates[name] = float(rate) if equals else (KINDS[name].rate or 0.01)
        except ValueError:
            raise ValueError(f"--faults: {name}: expected a rate such as 0.01, found {rate!r}") from None
    return rates


def chance(key: str) -> float:
    """Turn a text into a number from 0 to 1, the same one always."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48


@dataclass(slots=True)
class Bucket:
    """A leaky bucket of calls: ``capacity`` at once, ``per_second`` leak out."""

    capacity: float
    per_second: float
    level: float = 0.0
    at: datetime | None = None

    def take(self, now: datetime, cost: float = 1.0, *, share: float = 1.0) -> float:
        """Pour ``cost`` in; 0.0 when it fits, else the seconds until it would. ``share`` is of what leaks out."""
        per_second = self.per_second * share
        if self.at is not None:
            self.level = max(0.0, self.level - (now - self.at).total_seconds() * per_second)
        self.at = now
        if self.level + cost <= self.capacity:
            self.level += cost
            return 0.0
        return (self.level + cost - self.capacity) / per_second


@dataclass(slots=True)
class CostBucket:
    """A budget of points that fills up: ``maximum`` at most, ``restore`` per second."""

    maximum: float
    restore: float
    available: float = -1.0
    at: datetime | None = None

    def look(self, now: datetime) -> float:
        """Say what is available at ``now``."""
        if self.at is None:
            self.available = self.maximum
        else:
            gained = max(0.0, (now - self.at).total_seconds()) * self.restore
            self.available = min(self.maximum, self.available + gained)
        self.at = now
        return self.available

    def take(self, now: datetime, requested: float) -> bool:
        """Reserve the requested cost, or refuse."""
        if self.look(now) < requested:
            return False
        self.available -= requested
        return True

    def give_back(self, points: float) -> None:
        """Give back what was requested and not used."""
        self.available = min(self.maximum, self.available + points)


@dataclass(slots=True)
class Allowance:
    """A system's limit as its edge counts it: what its vendor publishes, or what was measured of it."""

    capacity: float  # at once, or in a window
    per_second: float
    window: float = 0.0  # seconds of a fixed window; 0.0: a bucket
    is_known: bool = True  # False: neither published nor measured, but what others keep to
    share: float = (
        1.0  # that the vendor grants at present: of a window's calls, of what leaks out of a bucket
    )


@dataclass(slots=True)
class Tokens:
    """Who may call: issued tokens with their ends, and which secrets are still good."""

    issued: dict[str, dict[str, datetime | None]] = field(default_factory=lambda: defaultdict(dict))
    revoked_until: dict[str, datetime] = field(default_factory=dict)  # no login, no token, before then
    count: int = 0

    def issue(self, system: str, now: datetime, seconds: float | None, prefix: str = "token_") -> str:
        """Make a token that lives ``seconds`` (None: for ever)."""
        self.count += 1
        token = prefix + hashlib.blake2b(f"{system}/{self.count}".encode(), digest_size=16).hexdigest()
        self.issued[system][token] = None if seconds is None else now + timedelta(seconds=seconds)
        return token

    def is_good(self, system: str, token: str, now: datetime) -> bool:
        """Say whether an issued token is alive."""
        if self.is_locked_out(system, now) or token not in self.issued[system]:
            return False
        end = self.issued[system][token]
        return end is None or now < end

    def expire_all(self, system: str) -> None:
        """End every token of a system; its secrets stay good, so the next login works."""
        self.issued[system].clear()

    def lock_out(self, system: str, until: datetime) -> None:
        """Refuse the system's secrets and tokens until an instant."""
        self.expire_all(system)
        self.revoked_until[system] = until

    def is_locked_out(self, system: str, now: datetime) -> bool:
        """Say whether the system's secrets are refused at present."""
        return now < self.revoked_until.get(system, now)


def secret(system: str, name: str) -> str:
    """Give the one good value of a system's secret (``client_id``, ``client_secret``, ``api_key``)."""
    return f"sandbox-{system}-{name}"


class Dropped(Response):
    """No answer at all: the connection is cut, before any byte or after half of ``body``."""

    def __init__(
        self, response: Response | None = None, why: str = "connection reset by the sandbox"
    ) -> None:
        super().__init__()
        self.response = response
        self.why = why

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's own
        if self.response is not None:
            body = bytes(self.response.body)
            await send(
                {
                    "type": "http.response.start",
                    "status": self.response.status_code,
                    "headers": self.response.raw_headers,
                }
            )
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await send({"type": DROP, "why": self.why})


@dataclass(slots=True)
class Counters:
    """What was asked of the sandbox."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # (system, operation)
    per_minute: Counter[tuple[str, str]] = field(default_factory=Counter)  # (system, minute)
    points: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    refused_logins: Counter[str] = field(default_factory=Counter)
    logins: Counter[str] = field(default_factory=Counter)


Act = Callable[[Fault | None], Response]
Shape = Callable[[Fault], Response]


class Kit:
    """Handed to every edge beside the world."""

    def __init__(self, world: World, faults: str = "none") -> None:
        self.world = world
        self.faults = Faults(world.settings.seed, lambda: world.now, read_faults(faults))
        self.tokens = Tokens()
        self.counters = Counters()
        self.lags: dict[str, float] = {}  # system -> seconds a search runs behind the writes
        self.allowances: dict[str, Allowance] = {}  # system -> its limit, where there is one

    def now(self) -> datetime:
        """Run whatever is due in the world and give its present instant."""
        return self.world.catch_up()

    def secret(self, system: str, name: str) -> str:
        """Give the one good value of a system's secret."""
        return secret(system, name)

    def count(self, system: str, operation: str, points: float = 1.0) -> None:
        """Count one call."""
        self.counters.calls[(system, operation)] += 1
        self.counters.per_minute[(system, self.world.now.strftime("%Y-%m-%dT%H:%M"))] += 1
        self.counters.points[system] += int(points)

    def throttle(self, system: str) -> None:
        """Count one call turned away by the vendor's own limit."""
        self.counters.throttled[system] += 1

    def allow(self, system: str, allowance: Allowance) -> Allowance:
        """Give the limit of a system, which a test may lower."""
        return self.allowances.setdefault(system, allowance)

    def is_listed(self, system: str, changed_at: datetime) -> bool:
        """Say whether a search sees a change made at ``changed_at`` already (list lag)."""
        lag = self.lags.get(system, 0.0)
        return lag <= 0 or changed_at <= self.world.now - timedelta(seconds=lag)

    async def sleep(self, seconds: float) -> None:
        """Wait in the sandbox's time; a sandbox that stands still does not wait."""
        speed = self.world.clock.speed
        if speed > 0:
            await asyncio.sleep(min(seconds / speed, 30.0))

    async def serve(
        self,
        request: Request,
        system: str,
        operation: str,
        act: Act,
        shape: Shape,
        *,
        is_write: bool = False,
        is_list: bool = False,
        subject: str = "",
        points: float = 1.0,
    ) -> Response:
        """Play one call: what is due in the world, then the fault it meets, then its work."""
        del request  # part of the signature so that an edge can pass itself on unchanged
        self.now()
        self.count(system, operation, points)
        fault = self.faults.pick(system, operation, is_write=is_write, is_list=is_list, subject=subject)
        return await self.play(system, fault, act, shape)

    async def play(self, system: str, fault: Fault | None, act: Act, shape: Shape) -> Response:
        """Play a call that was counted and whose fault was picked already."""
        if fault is None or fault.stage == "inside":
            return act(fault)
        if fault.stage == "drop":
            return Dropped(why="connection reset before the request was read")
        if fault.stage == "refuse":
            if fault.kind in ("token_expired", "token_revoked"):
                self.tokens.expire_all(system)
            return shape(fault)
        if fault.stage == "body":
            if fault.kind == "html_with_200":
                return HTMLResponse(
                    "<!doctype html><html><title>One moment</title><h1>Please wait</h1></html>"
                )
            return Dropped(act(None), why="connection closed in the middle of the body")
        if fault.stage == "wait":
            await self.sleep(SLOW_SECONDS)
            return act(None)
        act(None)  # stage "after": the effect is real, the answer is not
        if fault.kind == "gateway_timeout_after_effect":
            return HTMLResponse("<html><h1>504 Gateway Time-out</h1></html>", status_code=504)
        if fault.kind == "timeout_after_effect":
            await self.sleep(STALL_SECONDS)
        return Dropped(why="connection reset after the request took effect")

    def fault_counts(self) -> Iterator[dict[str, object]]:
        """List the faults injected, per kind, system and operation."""
        for (kind, system, operation), number in sorted(self.faults.counts.items()):
            yield {"kind": kind, "system": system, "operation": operation, "count": number}
