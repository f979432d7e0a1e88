"""The planter: how many of each fault, when and where they are planted, and what was planted.

Belongs here: choosing the moment, the shop and the warehouse, and running the scripts over the world's time.
Does not belong here: which faults there are (``defects``), and how one is done (``plant`` and the ``plants_*``).

The planter knows what it did, never whether anybody's rule would say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.world import shown
from cogent_pipelines.sandbox.world.defects import FAMILIES, Mechanism, read_families
from cogent_pipelines.sandbox.world.plant import Defect, Plant, Script, Wait
from cogent_pipelines.sandbox.world.plants_money import providers
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.kit import Kit
    from cogent_pipelines.sandbox.world.model import Shop, Warehouse
    from cogent_pipelines.sandbox.world.world import World

EDGE = (
    "every_feed_is_up_to_date",
    "every_credential_is_valid",
)  # these take a feed away: one after the other
EDGE_SHARE = 0.85  # of the days they are spread over
BREATH_SECONDS = 1200.0  # what a near-miss of theirs gets; the rest is for the outages
POLL_SECONDS = 300.0
FIRST_HOURS, LAST_SHARE = 1.0, 0.55  # planted from an hour in until this share of the days has gone
KEPT_BUNDLES = 4  # one in so many is kept for the planter


@dataclass(slots=True)
class Planter:
    """Plants, and keeps the list."""

    world: World
    kit: Kit
    defects: list[Defect] = field(default_factory=list)
    waiting: dict[int, tuple[str, str, bool]] = field(default_factory=dict)
    abandoned: list[dict[str, Any]] = field(default_factory=list)
    asked: Counter[tuple[str, bool]] = field(default_factory=Counter)
    nowhere: list[str] = field(default_factory=list)
    """Families that were wanted and that nothing here could show: whoever sees one is wrong."""
    serial: int = 0

    def schedule(self) -> None:
        """Spread all that is asked for over the time there is."""
        settings = self.world.settings
        self.keep_bundles()
        start = self.world.now
        first = start + timedelta(hours=FIRST_HOURS)
        span = timedelta(days=settings.days) * LAST_SHARE
        there = {
            "needs_provider": bool(providers(self.world)),
            "needs_books": bool(self.world.books),
            "of_bridges": bool(self.world.bridges),
        }
        wanted = list(read_families(settings.families))
        names = [
            name for name in wanted if all(there[need] for need in there if getattr(FAMILIES[name], need))
        ]
        self.nowhere = [name for name in wanted if name not in names]
        self._schedule_edges([name for name in names if name in EDGE], first)
        for place, name in enumerate(names):
            if name in EDGE:
                continue
            for is_near_miss in (False, True):
                family = FAMILIES[name]
                choices = self.shown(family.near_misses if is_near_miss else family.mechanisms)
                for index in range(settings.defects if choices else 0):
                    share = (index + (place + 1) / (len(names) + 1) + 0.5 * is_near_miss) / (
                        settings.defects + 0.5
                    )
                    at = first + span * min(share, 1.0)
                    self._plan(at, name, choices[index % len(choices)], is_near_miss=is_near_miss)

    def _schedule_edges(self, names: list[str], first: datetime) -> None:
        """Line up what takes feeds away, so that no outage hides another, or a near-miss.

        The first begins a window late: a feed nobody has read yet cannot be said to have stopped.
        """
        settings = self.world.settings
        if not names or not settings.defects:
            return
        late = max(settings.windows.get(name, 0.0) for name in names)
        span = settings.days * 86400 * EDGE_SHARE - late
        room = max(span / (settings.defects * len(names)) - BREATH_SECONDS, 2 * BREATH_SECONDS)
        at = first + timedelta(seconds=late)
        for index in range(settings.defects):
            for name in names:
                family = FAMILIES[name]
                near = family.near_misses[index % len(family.near_misses)]
                self._plan(at, name, near, is_near_miss=True)
                at += timedelta(seconds=BREATH_SECONDS)
                chosen = family.mechanisms[index % len(family.mechanisms)]
                self._plan(at, name, chosen, is_near_miss=False, room=room / 60 * 0.8)
                at += timedelta(seconds=room)

    def keep_bundles(self) -> None:
        """Keep some bundles and their components out of everybody else's hands."""
        people = self.world.people
        for shop in self.world.shops.values():
            _, bundles = people.shelf(shop)
            for variant in bundles[-max(1, len(bundles) // KEPT_BUNDLES) :] if bundles else ():
                people.reserved_skus.add(variant.sku)
                people.reserved_skus.update(people.bundles[variant.sku])

    def plant(self, name: str, mechanism: str = "", *, is_near_miss: bool = False) -> dict[str, Any]:
        """Plant one now, by name; the first mechanism of the family when none is named."""
        (name,) = read_families(name)
        if FAMILIES[name].of_bridges and not self.world.bridges:
            raise ValueError(f"{name}: this world has no bridge")
        choices = FAMILIES[name].near_misses if is_near_miss else FAMILIES[name].mechanisms
        chosen = (
            next((each for each in choices if each.__name__ == mechanism), None) if mechanism else choices[0]
        )
        if chosen is not None and not self.shown((chosen,)):
            raise ValueError(f"{chosen.__name__}: none of these systems would show it")
        if chosen is None:
            raise ValueError(
                f"{name}: unknown {mechanism!r}; there are {', '.join(c.__name__ for c in choices)}"
            )
        self._plan(self.world.now, name, chosen, is_near_miss=is_near_miss)
        self.world.play_until(self.world.now)
        return {"serial": self.serial, "family": name, "mechanism": chosen.__name__}

    def shown(self, mechanisms: Sequence[Mechanism]) -> tuple[Mechanism, ...]:
        """Leave out what none of the systems there are would show."""
        return tuple(each for each in mechanisms if self._pairs(each))

    def _pairs(self, mechanism: Mechanism) -> list[tuple[Shop, Warehouse]]:
        return [
            (shop, warehouse)
            for shop in self.world.shops.values()
            for warehouse in self.world.warehouses.values()
            if shown.is_shown(self.world, mechanism, shop, warehouse)
        ]

    def _between(self, name: str, mechanism: Mechanism, number: int) -> tuple[Shop, Warehouse]:
        """Choose between which shop and warehouse the next of a family is planted: by turns."""
        pairs = self._pairs(mechanism)
        return pairs[(list(FAMILIES).index(name) + number) % len(pairs)]

    def _plan(
        self, at: datetime, name: str, mechanism: Mechanism, *, is_near_miss: bool, room: float = 120.0
    ) -> None:
        self.serial += 1
        shop, warehouse = self._between(name, mechanism, self.asked[(name, is_near_miss)])
        self.asked[(name, is_near_miss)] += 1
        serial = self.serial
        self.waiting[serial] = (name, mechanism.__name__, is_near_miss)
        plant = Plant(
            world=self.world,
            kit=self.kit,
            family=name,
            mechanism=mechanism.__name__,
            is_near_miss=is_near_miss,
            serial=serial,
            rng=self.world.rng("plant", name, mechanism.__name__, serial),
            window=float(self.world.settings.windows.get(name, 0.0)),
            room=room,
            keep=self.keep,
            shop=shop,
            warehouse=warehouse,
        )
        self.world.schedule(at, lambda: self._go_on(serial, mechanism(plant)))

    def keep(self, defect: Defect) -> None:
        """Take a planted thing into the list."""
        self.defects.append(defect)
        self.waiting.pop(int(defect.id.rpartition("-")[2]), None)

    def _go_on(self, serial: int, script: Script) -> None:
        try:
            wait = next(script)
        except StopIteration:
            if serial in self.waiting:
                self._abandon(serial, "its script ended without it")
            return
        except (
            Refused
        ) as refusal:  # somebody was faster: what it went on to do is done, or cannot be any more
            self.world.note("the planter came too late", f"{serial}: {refusal.message}")
            self._abandon(serial, f"refused: {refusal.message}")
            return
        if wait.until is None:
            self.world.after(wait.seconds, lambda: self._go_on(serial, script))
        else:
            deadline = self.world.now + timedelta(hours=wait.patience_hours)
            self._look(serial, script, wait, deadline)

    def _look(self, serial: int, script: Script, wait: Wait, deadline: datetime) -> None:
        if wait.until is not None and wait.until():
            self._go_on(serial, script)
        elif self.world.now < deadline:
            self.world.after(POLL_SECONDS, lambda: self._look(serial, script, wait, deadline))
        else:
            self._abandon(serial, "what it waited for never came")

    def _abandon(self, serial: int, why: str) -> None:
        name, mechanism, is_near_miss = self.waiting.pop(serial, ("", "", False))
        if name:
            self.abandoned.append(
                {"family": name, "mechanism": mechanism, "is_near_miss": is_near_miss, "why": why}
            )

    def listing(self) -> dict[str, Any]:
        """Say what is planted, what still waits for its moment, and what never came about."""
        planted = Counter((defect.family, defect.is_near_miss) for defect in self.defects)
        return {
            "seed": self.world.settings.seed,
            "families": {
                name: {
                    "asked": self.asked[(name, False)],
                    "planted": planted[(name, False)],
                    "near_misses": planted[(name, True)],
                }
                for name in FAMILIES
                if self.asked[(name, False)] or self.asked[(name, True)]
            },
            "nowhere": self.nowhere,
            "defects": [asdict(defect) for defect in self.defects],
            "waiting": [
                {"family": name, "mechanism": mechanism, "is_near_miss": is_near_miss}
                for name, mechanism, is_near_miss in self.waiting.values()
            ],
            "abandoned": self.abandoned,
        }
