"""P5 to P9: how the vendors' limits are used under a backlog, and how many calls a change costs.

Belongs here: making the backlogs, sampling what the sandbox counts while they are worked off, the targets' arithmetic.
Does not belong here: the steps of a tick (``loop``).

A day's orders wait for the warehouse, then their parcels for the shop, then half of all stock levels for the shop. Limits
are the sandbox's: the shop 2,000 points restored at 100 a second, the warehouse 100 calls drained at 5 a second. Time
runs at ``--speed`` on both sides; all figures are in that time and by the sandbox's counters.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from common import Group, Target, progress, ratio
from loop import Calls, Loop, Sandbox, between, loop, sandbox

from cogent_pipelines import clock

USE, ALL, REFUSED, DRAIN, FILL, CALLS = 0.90, 1.00, 0.001, 1.15, 0.95, 1.05
WINDOW = 60.0
"""Seconds, three times what either bucket holds."""
LIST_PAGE, LOOK_UP, STOCK_CAP = 100, 250, 250
"""Orders to a page of the warehouse's list; ids to a look-up, and levels to a write, at the shop."""


@dataclass(frozen=True, slots=True)
class Limit:
    system: str
    capacity: float
    per_second: float


SHOP, WAREHOUSE = Limit("web_uk", 2000, 100), Limit("wms_uk", 100, 5)


@dataclass(slots=True)
class Watch:
    """What the sandbox had counted for one system, over time, while something was done."""

    emulated: Sandbox
    limit: Limit
    samples: list[tuple[float, float]] = field(default_factory=list)
    """(seconds of the sandbox's time, points or calls spent)"""
    throttled: int = 0
    calls: Counter[str] = field(default_factory=Counter)

    def during(self, work: Callable[[], object]) -> None:
        before, refused = self.emulated.calls(), self._refused()
        done = threading.Event()

        def run() -> None:
            try:
                work()
            finally:
                done.set()

        thread = threading.Thread(target=run)
        thread.start()
        while not done.wait(0.25):
            self._sample()
        self._sample()
        thread.join()
        self.calls = between(before, self.emulated.calls(), self.limit.system)
        self.throttled = self._refused() - refused

    def _sample(self) -> None:
        began = clock.now().timestamp()
        spent = self.emulated.ask("counters")["points"].get(self.limit.system, 0)
        self.samples.append(((began + clock.now().timestamp()) / 2, float(spent)))

    def _refused(self) -> int:
        return int(self.emulated.ask("counters")["throttled"].get(self.limit.system, 0))

    @property
    def busy(self) -> list[tuple[float, float]]:
        """The samples from the first spending to the last but one in a hundred: the tail waits for nothing."""
        first, last = self.samples[0][1], self.samples[-1][1]
        return [s for s in self.samples if first < s[1] <= first + 0.99 * (last - first)]

    def use(self) -> tuple[float, float, float]:
        """Spent / allowed over the whole of it; the most of any window; seconds it was measured over.

        Allowed is what was restored and what the bucket held at the window's start, as the vendor counts it.
        """
        samples = self.busy
        if len(samples) < 3:
            return 0.0, 0.0, 0.0
        limit, held = self.limit, [self.limit.capacity]
        for (t0, s0), (t1, s1) in pairwise(samples):
            held.append(max(min(limit.capacity, held[-1] + (t1 - t0) * limit.per_second) - (s1 - s0), 0.0))

        def share(i: int, j: int) -> float:
            (t0, s0), (t1, s1) = samples[i], samples[j]
            return (s1 - s0) / (held[i] + (t1 - t0) * limit.per_second)

        last = len(samples) - 1
        seconds = samples[last][0] - samples[0][0]
        wide = min(WINDOW, seconds * 0.9)
        windows = [
            share(i, j)
            for i in range(last)
            for j in range(i + 1, last + 1)
            if samples[j][0] - samples[i][0] >= wide
        ]
        return share(0, last), max(windows, default=0.0), seconds

    def drain(self) -> float:
        """Seconds it took / seconds the limit alone would take."""
        (t0, s0), (t1, s1) = self.busy[0], self.busy[-1]
        return (t1 - t0) / ((s1 - s0) / self.limit.per_second)


def measure(*, quick: bool, speed: float = 4.0) -> Group:
    orders, skus = (400, 1000) if quick else (1500, 2000)
    group = Group(
        "p5",
        "Limits under backlog, and calls for each change",
        head=("backlog", "changes", "spent", "over s", "use", "highest 60 s", "refused", "calls"),
    )
    options = ["--orders", str(orders), "--days", "1", "--skus", str(skus), "--faults", "none"]
    with sandbox(*options) as emulated:
        emulated.advance(0, 60)
        with loop(emulated) as one:
            emulated.advance(26 * 3600, 60)
            one.land()
            one.build()
            changes, watch = _worked_off(one, "orders_to_wms", WAREHOUSE, speed)
            _limits(group, "orders to the warehouse", changes, watch)
            minimum = 2 * changes + 2 * math.ceil(changes / LIST_PAGE)
            _calls(
                group,
                "an order",
                changes,
                watch.calls,
                minimum,
                "2 writes each, a look and a read-back a hundred",
            )

            emulated.advance(30 * 3600, 60)
            changes, watch = _worked_off(one, "shipments_to_channel", SHOP, speed)
            _limits(group, "parcels to the shop", changes, watch)

            before = _shaken(one, skus)
            changes, watch = _worked_off(one, "stock_to_channel", SHOP, speed)
            progress(f"  {before} levels changed, {changes} wanted")
            writes = watch.calls["inventorySetQuantities"]
            group.rows.append(
                ("stock levels to the shop", changes, "", "", "", "", watch.throttled, _shown(watch.calls))
            )
            minimum = math.ceil(changes / STOCK_CAP) + 2 * math.ceil(changes / LOOK_UP)
            _calls(group, "a level", changes, watch.calls, minimum, "a write, a look and a read-back for 250")
            shown, met = ratio(math.ceil(changes / STOCK_CAP) / writes if writes else 0.0, FILL, least=True)
            group.targets.append(
                Target("P8", "quantities per stock call / min(250, waiting)", f">= {FILL}", shown, met)
            )
    group.notes.append(
        f"{orders:,} orders, {skus:,} SKUs, time at {speed:g} times the wall's, no faults. Use is spent / (what the "
        "bucket held + what was restored), until all but a hundredth was done."
    )
    return group


def _worked_off(one: Loop, sync: str, limit: Limit, speed: float) -> tuple[int, Watch]:
    """Land, plan, drain. Gives how many were verified and what was counted meanwhile."""
    one.land()
    one.emulated.advance(0, speed)
    one.land()
    planned = one.plan(sync)
    progress(f"  {sync}: {planned.planned} planned, held {dict(planned.held)}, stale {dict(planned.stale)}")
    watch = Watch(one.emulated, limit)
    verified = 0

    def work() -> None:
        nonlocal verified
        verified = sum(report.total("verified") for report in one.drain())

    watch.during(work)
    one.emulated.advance(0, 60)
    return verified, watch


def _shaken(one: Loop, skus: int) -> int:
    """Half of the SKUs counted anew, in both facilities; how many levels that is."""
    levels = 0
    for number in range(1, skus // 2):
        for facility in ("LEEDS", "YORK"):
            sku = f"SKU-{number:04}"
            entry = one.emulated.do("wms_uk", "get_stock", sku=sku, facility=facility)
            fewer = max(int(entry["physical"]) - 3, 0)
            one.emulated.do("wms_uk", "count_stock", sku=sku, facility=facility, physical=fewer)
            levels += 1
    return levels


def _limits(group: Group, what: str, changes: int, watch: Watch) -> None:
    use, highest, seconds = watch.use()
    calls = sum(watch.calls.values())
    spent = watch.samples[-1][1] - watch.samples[0][1]
    group.rows.append((what, changes, round(spent), round(seconds), f"{use:.3f}", f"{highest:.3f}", watch.throttled,
                       _shown(watch.calls)))  # fmt: skip
    shown, met = ratio(use, USE, least=True, digits=3)
    group.targets.append(Target("P5", f"use of the limit, {what}", f">= {USE:.2f}", shown, met))
    shown, met = ratio(highest, ALL, digits=3)
    group.targets.append(
        Target("P5", f"highest use over {WINDOW:.0f} s, {what}", f"<= {ALL:.2f}", shown, met)
    )
    shown, met = ratio(watch.throttled / calls if calls else 0.0, REFUSED, digits=4)
    group.targets.append(Target("P6", f"refused for speed, {what}", f"<= {REFUSED}", shown, met))
    shown, met = ratio(watch.drain(), DRAIN)
    group.targets.append(Target("P7", f"drain time / the limit's own, {what}", f"<= {DRAIN}", shown, met))


def _calls(group: Group, what: str, changes: int, calls: Mapping[str, int], minimum: int, by: str) -> None:
    total = sum(calls.values())
    shown, met = ratio(total / minimum if minimum else 0.0, CALLS, digits=3)
    group.targets.append(
        Target(
            "P9",
            f"calls / minimum, {what} ({total:,} / {minimum:,} for {changes:,}: {by})",
            f"<= {CALLS}",
            shown,
            met,
        )
    )


def _shown(calls: Calls | Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(calls.items(), key=lambda item: -item[1]))  # type: ignore[str-bytes-safe]
