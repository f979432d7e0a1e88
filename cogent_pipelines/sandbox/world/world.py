"""The world: one clock, one heap of events, shops and warehouses, and the truth about them.

Belongs here: time, chance, identity and the order in which things happen.
Does not belong here: what a shop or a warehouse does when asked (``shop``, ``warehouse``), what people want
(``people``), HTTP (``kit``, ``vendors``).

The world stands still between calls: whoever asks anything first has every due event played
(``catch_up``). Chance is keyed, not streamed, wherever a decision concerns one thing (``rng(...)``), so the
order in which outsiders call does not change what people decide.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.settings import Settings
    from cogent_pipelines.sandbox.world.bridge import Bridge
    from cogent_pipelines.sandbox.world.model import Account, Shop, Warehouse


class Refused(Exception):
    """A system says no to what it was asked; the edge words it as its vendor does."""

    def __init__(self, code: str, message: str, field: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class RefusedRows(Refused):
    """A system says no to single rows of a batch, and so to all of it: ``rows`` are (index, refusal)."""

    def __init__(self, rows: list[tuple[int, Refused]]) -> None:
        super().__init__(rows[0][1].code, rows[0][1].message)
        self.rows = rows


@dataclass(slots=True)
class WorldClock:
    """The sandbox's time: it read ``at`` when the wall read ``wall``, and runs at ``speed`` since."""

    at: datetime
    wall: float
    speed: float

    def now(self) -> datetime:
        if self.speed == 0:
            return self.at
        return self.at + timedelta(seconds=(time.time() - self.wall) * self.speed)

    def set(self, at: datetime, speed: float | None = None) -> None:
        """Put the clock to ``at``, and to another speed when one is given."""
        self.at, self.wall = at, time.time()
        if speed is not None:
            self.speed = speed


@dataclass(slots=True)
class Odd:
    """A record its own vendor shows in a shape nobody expects: ``field`` reads ``value``."""

    system: str
    record: str  # the record's id as the vendor writes it
    field: str
    value: object


@dataclass(slots=True)
class Flaw:
    """Something a system does wrong with one thing it is asked, as long as it is armed.

    ``effect``: refuse, nothing (says yes, stores nothing), or a name the verb knows (see the verbs).
    """

    system: str
    verb: str
    subject: str  # order number, sku, tracking number
    effect: str
    value: object = None
    left: int = 1_000_000
    met: int = 0


@dataclass(slots=True)
class World:
    """Everything there is in one sandbox."""

    settings: Settings
    now: datetime
    clock: WorldClock
    shops: dict[str, Shop] = field(default_factory=dict)
    warehouses: dict[str, Warehouse] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)  # with payment providers
    erps: dict[str, Warehouse] = field(default_factory=dict)  # keep books and run no facility
    books: set[str] = field(default_factory=set)  # the systems that are the retailer's books
    bridges: dict[str, Bridge] = field(default_factory=dict)
    odd: list[Odd] = field(default_factory=list)
    flaws: dict[tuple[str, str, str], Flaw] = field(default_factory=dict)  # by (system, verb, subject)
    mood: str = ""  # the kind of fault "inside" that the call being played meets
    reserved: set[str] = field(default_factory=set)  # order names nobody but the planter touches
    edges: dict[str, Any] = field(default_factory=dict)  # system -> what its edge alone knows, and keeps
    tags: dict[str, set[str]] = field(default_factory=dict)  # order name -> what people decided about it
    log: list[tuple[datetime, str, str]] = field(default_factory=list)  # (at, what, about): a diary for trace
    people: Any = None  # set by world/build: the retailer's people
    planter: Any = None  # set by world/build: the planter of defects
    intake: Callable[[], dict[str, Any]] = dict  # what became of each line of an orders file
    events_played: int = 0
    _heap: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _serial: int = 0
    _ids: Counter[str] = field(default_factory=Counter)

    # --- time -------------------------------------------------------------------------------------

    def schedule(self, at: datetime, act: Callable[[], None]) -> None:
        """Have ``act`` happen at ``at`` (at once, if that has passed), in order of time then of asking."""
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Have ``act`` happen ``seconds`` from now."""
        self.schedule(self.now + timedelta(seconds=seconds), act)

    def catch_up(self) -> datetime:
        """Play what is due by the clock, and give the present instant."""
        return self.play_until(self.clock.now())

    def play_until(self, to: datetime) -> datetime:
        """Play every event due by ``to``. Time never runs backwards."""
        heap = self._heap
        while heap and heap[0][0] <= to:
            at, _, act = heapq.heappop(heap)
            self.now = max(self.now, at)
            self.events_played += 1
            act()
        self.now = max(self.now, to)
        return self.now

    def advance(self, to: datetime, speed: float | None = None) -> datetime:
        """Play until ``to`` and put the clock there."""
        self.play_until(to)
        self.clock.set(self.now, speed)
        return self.now

    def next_event_at(self) -> datetime | None:
        """Say when the next event is due."""
        return self._heap[0][0] if self._heap else None

    # --- chance and identity ----------------------------------------------------------------------

    def rng(self, *key: object) -> Random:
        """Give dice of their own for one thing: the same key rolls the same, whatever happened before."""
        return Random("/".join(map(str, (self.settings.seed, *key))))

    def new_id(self, kind: str, first: int) -> int:
        """Number the things of a kind from ``first``."""
        number = first + self._ids[kind]
        self._ids[kind] += 1
        return number

    def keeper(self, system: str) -> Warehouse:
        """Give the warehouse of a name, or the ERP that runs no facility."""
        return self.warehouses.get(system) or self.erps[system]

    # --- flaws and the diary ----------------------------------------------------------------------

    def flaw(self, system: str, verb: str, subject: str) -> Flaw | None:
        """Give the armed flaw that strikes this act, and count it."""
        if not self.flaws:
            return None
        flaw = self.flaws.get((system, verb, subject))
        if flaw is None or flaw.left <= 0:
            return None
        flaw.left -= 1
        flaw.met += 1
        return flaw

    def arm(self, flaw: Flaw) -> Flaw:
        """Have a system do something wrong from now on."""
        self.flaws[(flaw.system, flaw.verb, flaw.subject)] = flaw
        return flaw

    def note(self, what: str, about: str) -> None:
        """Write a line into the diary."""
        self.log.append((self.now, what, about))

    def tag(self, name: str, what: str) -> None:
        """Remember what was decided about an order."""
        self.tags.setdefault(name, set()).add(what)

    def has_tag(self, name: str, what: str) -> bool:
        """Say whether something was decided about an order."""
        return what in self.tags.get(name, ())


def new_world(settings: Settings, start: datetime) -> World:
    """Make an empty world at ``start``."""
    at = start.astimezone(UTC)
    return World(settings=settings, now=at, clock=WorldClock(at, time.time(), settings.speed))
