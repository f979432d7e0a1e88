"""P5 to P9: how each vendor's limit is used under a backlog, and how many calls a change costs.

Belongs here: making the backlogs, the arithmetic of what was spent, the targets.
Does not belong here: a vendor's words (the tests' kits have them), or how time passes (``leap``).

A vendor is in it by its role. A warehouse is given a day's orders; a channel their parcels, and then half of all its
levels; who is only read is read for the first time; and of everyone eight readers want all they can get, before and
after its limit is halved. Limits are those that the sandbox's edges keep, figures are by the sandbox's counters.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

from common import Group, Target, folder, progress, ratio
from leap import LATENCY, TIME, Series, Wire, leaping

from cogent_pipelines import warehouse
from cogent_pipelines.ledger import copy
from cogent_pipelines.ledger.limits import SharedLimits
from cogent_pipelines.outbox import deliver, plan, verify
from cogent_pipelines.rules import steps
from cogent_pipelines.sandbox.kit import Allowance
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import suite_kit, vendor_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.suite_kit import Account
from cogent_pipelines_tests.vendors.test_pairs import FIRST, PAIRS

USE, ALL, REFUSED, REFUSED_HALVED, DRAIN, FILL, CALLS = 0.90, 1.00, 0.001, 0.01, 1.15, 0.95, 1.05
WINDOW = 60.0
"""Seconds: no vendor's limit is counted over more."""
LIST_PAGE, LOOK_UP, STOCK_CAP = 100, 250, 250
"""Of the first pair: orders to a page of the warehouse's list; ids to a look-up, and levels to a write, at the shop."""
READERS = 8
BEFORE, MOMENTS = 90.0, 3
"""Seconds of full load before a limit is halved, or two of its windows, and at how many moments of a window or ten seconds that is tried."""
DAY, HOUR = 86_400, 3_600


# --- the arithmetic ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit was used."""

    whole: float = 0.0
    """Spent / allowed, until all but a hundredth was done: the tail waits for nothing."""
    highest: float = 0.0
    """The same, of any stretch of ``WINDOW``."""
    seconds: float = 0.0
    drain: float = 0.0
    """Seconds it took / seconds the limit alone would take."""


def used(series: Series, limit: Allowance) -> Use:
    """What a series shows of the use of a limit."""
    last = series.spent[-1] if series.spent else 0.0
    busy = [(at, spent) for at, spent in zip(series.at, series.spent, strict=True) if spent <= 0.99 * last]
    if len(busy) < 3 or busy[-1][0] <= busy[0][0]:
        return Use()
    seconds, spent = busy[-1][0] - busy[0][0], busy[-1][1] - busy[0][1]
    shares = _of_windows(busy, limit) if limit.window else _of_bucket(busy, limit)
    return Use(*shares, seconds, seconds * limit.per_second / spent)


def _of_bucket(busy: list[tuple[float, float]], limit: Allowance) -> tuple[float, float]:
    """Allowed is what was restored, and what the bucket held at a stretch's start, as the vendor counts it."""
    held = [limit.capacity]
    for (t0, s0), (t1, s1) in pairwise(busy):
        held.append(max(min(limit.capacity, held[-1] + (t1 - t0) * limit.per_second) - (s1 - s0), 0.0))

    def share(i: int, j: int) -> float:
        (t0, s0), (t1, s1) = busy[i], busy[j]
        return (s1 - s0) / (held[i] + (t1 - t0) * limit.per_second)

    seconds = [0]  # a sample for each second is enough, and there are thousands
    for n, (at, _) in enumerate(busy):
        if at >= busy[seconds[-1]][0] + 1:
            seconds.append(n)
    wide = min(WINDOW, 0.9 * (busy[-1][0] - busy[0][0]))
    stretches = [share(i, j) for i in seconds for j in seconds if j > i and busy[j][0] - busy[i][0] >= wide]
    return share(0, len(busy) - 1), max(stretches, default=0.0)


def _of_windows(busy: list[tuple[float, float]], limit: Allowance) -> tuple[float, float]:
    """Allowed are so many in each fixed window; the first began with the first call. Whole windows only."""
    began, number = busy[0][0], int((busy[-1][0] - busy[0][0]) / limit.window)
    if not number:
        return 0.0, 0.0
    ends = [max(s for at, s in busy if at < began + n * limit.window) for n in range(1, number + 1)]
    sums = [0.0, *ends]
    wide = min(math.ceil(WINDOW / limit.window), number)
    stretches = [
        (sums[j] - sums[i]) / ((j - i) * limit.capacity)
        for i in range(number)
        for j in range(i + wide, number + 1)
    ]
    return sums[-1] / (number * limit.capacity), max(stretches)


ACTS = {"orders_to_wms": "create", "shipments_to_channel": "fulfil", "stock_to_channel": "set"}
"""What most of each sync's rows want."""


# --- backlogs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worked:
    """One backlog of one vendor's, worked off."""

    slug: str
    what: str
    changes: int
    series: Series
    limit: Allowance | None
    writes: int = 0
    """Requests that wrote."""
    cap: int = 1
    """How many changes one of them may carry."""


def _wired(retailer: Retailer, system: str) -> Series:
    """From here on requests take their time side by side, and what one system is asked is on record."""
    series = Series(retailer, system)
    retailer.transport = lambda: Wire(retailer, series, LATENCY)  # type: ignore[method-assign]
    return series


def _rested(retailer: Retailer) -> None:
    """Every limit is whole again, and a minute begins."""
    retailer.move_on(60)
    retailer.move_on(60 - TIME.at.timestamp() % 60)


def _limit(retailer: Retailer, system: str) -> Allowance | None:
    return retailer.sandbox.kit.allowances.get(system)


def _pair(channel: str, warehouse_: str, orders: int, skus: int) -> Iterator[Worked]:
    """What a pair has to do, one kind after the other; of a pair with one of the first two only what is the other's."""
    of = {SHOP: channel, WMS: warehouse_}
    is_first = (channel, warehouse_) == FIRST
    with folder() as path, warehouse.open(path / "warehouse.duckdb"):
        pair = Pair(path, channel, warehouse_, orders=orders, skus=skus)
        with closing(pair.book), closing(SharedLimits(pair.book)) as limits:
            pair.limits = limits  # type: ignore[assignment]
            pair.move_on(26 * HOUR)
            worked = partial(_worked_off, pair, of)
            orders_worked = list(worked("orders_to_wms", WMS))
            if is_first or channel == FIRST[0]:
                yield from orders_worked
            if not is_first and channel == FIRST[0]:
                return
            pair.move_on(30 * HOUR)
            yield from worked("shipments_to_channel", SHOP)
            _shake(pair, skus)
            yield from worked("stock_to_channel", SHOP)


def _read(pair: Pair) -> None:
    """Every stream of every system."""
    if bad := [report for report in pair.pull() if not report.is_complete]:
        raise SystemExit(f"not read: {bad}")


def _worked_off(pair: Pair, of: Mapping[str, str], sync: str, system: str) -> Iterator[Worked]:
    """Read everything, plan one sync, and deliver until nothing more is due."""
    for _ in range(2):  # what a long reading saw change in between is judged by the next one
        _read(pair)
    _rested(pair)
    with warehouse.open(pair.path) as connection:
        copy.copy(connection, pair.book)
        steps.refresh(connection)
        planned = plan.plan(connection, pair.book, pair.estate, sync)
    progress(
        f"  {of[system]} {sync}: {planned.planned} planned, held {dict(planned.held)}, {dict(planned.stale)}"
    )
    series = _wired(pair, system)
    clients = {name: partial(pair.client, name) for name in pair.slugs}
    sends = requests = verified = 0
    series.begin()
    while True:
        report = deliver.deliver(
            pair.book, pair.estate, pair.path, clients, limit=500, refresh=steps.refresh_if_read
        )
        sends, requests = sends + report.total("sends"), requests + report.total("requests")
        verified += report.total("verified")
        if not report.is_more_due:
            break
    verified += verify.verify(pair.book, pair.estate, clients).total("verified")
    pair.catch_up()
    write = VENDORS[of[system]].writes[
        sync, {"orders_to_wms": "create", "shipments_to_channel": "fulfil"}.get(sync, "set")
    ][0]
    progress(f"    {sends} sent by {requests}, {verified} verified")
    if not sends:
        raise SystemExit(f"{of[system]} {sync}: there was no backlog")
    yield Worked(of[system], sync, sends, series, _limit(pair, system), requests, write.batch)


def _shake(pair: Pair, skus: int) -> None:
    """Half of the SKUs counted anew, in both facilities."""
    for number in range(1, skus // 2):
        for facility in ("LEEDS", "YORK"):
            sku = f"SKU-{number:04}"
            there = pair.do(WMS, "get_stock", sku=sku, facility=facility)
            pair.do(
                WMS, "count_stock", sku=sku, facility=facility, physical=max(int(there["physical"]) - 3, 0)
            )


# --- readers that want all they can get -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Halved:
    """What was asked, and turned away, in the minutes that followed the halving of a limit."""

    asked: int
    refused: int
    worst: int
    """Most that one of them saw turned away."""


def _account(path: Path, slug: str) -> Account:
    account = Account(path, slug, history=20, skus=20)
    account.kit.prepare(account)
    return account


def _read_away(slug: str) -> Iterator[tuple[Worked, Halved]]:
    """Full load, and at each moment the minute after the limit was halved; nothing for a vendor that has none."""
    with folder() as path:
        account = _account(path, slug)
        limit = _limit(account, account.name)
        if limit is None:
            return
        series = _wired(account, account.name)
        full: Worked | None = None
        found: list[tuple[int, int]] = []
        for moment in range(MOMENTS):
            account.move_on(HOUR)  # what was learned of the halved limit is forgotten
            _rested(account)
            limit.share = 1.0
            series.begin()
            asyncio.run(
                _rush(account, max(BEFORE, 2.2 * limit.window) + moment / MOMENTS * (limit.window or 10))
            )
            if full is None:
                full = Worked(
                    slug,
                    "readers",
                    series.asked,
                    replace(series, at=[*series.at], spent=[*series.spent]),
                    limit,
                )
            limit.share = 0.5
            asked, refused = series.asked, series.refused
            asyncio.run(_rush(account, 60))
            found.append((series.asked - asked, series.refused - refused))
        assert full is not None
        yield full, Halved(sum(a for a, _ in found), sum(r for _, r in found), max(r for _, r in found))


async def _rush(account: Account, seconds: float) -> None:
    """``READERS`` ask for one page after the other for so long; those under way at the end are called off."""
    async with accounts.client(
        account.estate, account.name, account.limits, transport=account.transport()
    ) as client:
        requests = cycle(suite_kit.reads(client))

        async def read() -> None:
            while True:
                await client.fetch(next(requests), lambda _: None)

        readers = [asyncio.create_task(read()) for _ in range(READERS)]
        await asyncio.sleep(seconds)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


# --- what is told -----------------------------------------------------------------------------------------

HEAD = (
    "vendor",
    "backlog",
    "changes",
    "asked",
    "spent",
    "over s",
    "use",
    "highest 60 s",
    "drain",
    "refused",
    "calls",
)


def measure(*, quick: bool) -> Group:
    group = Group("p5", "Limits under backlog, and calls for each change", head=HEAD)
    few = 120 if quick else 240
    for pair in PAIRS:
        orders = few * 3 if pair == FIRST else few
        with leaping():  # each begins on a Monday: on the days after another's a warehouse may be closed
            for worked in _pair(*pair, orders, skus=600):
                _tell(group, worked)
    for slug in VENDORS:
        with leaping():
            for full, halved in _read_away(slug):
                progress(f"  {slug}: read away")
                _tell(group, full)
                _tell_halved(group, slug, halved, full.limit)
    group.targets.sort(key=lambda target: (target.number, target.metric))
    silent = sorted(slug for slug, kit in vendor_kit.kits().items() if kit.publishes_no_limit)
    group.notes += [
        f"Requests take {LATENCY:g} s by half more or less, side by side, in time that leaps; no faults. Orders: "
        f"{few * 3} for the first pair, {few} for others. Readers: {READERS} that want all they can get, for "
        f"{BEFORE:g} s or two windows, and at {MOMENTS} moments the minute after the limit was halved: a window's calls, or what comes back.",
        "Use is spent / (what a bucket held + what was restored), or / what whole windows allow, until all but a hundredth "
        "was done. A backlog that is done within two fillings of a bucket, or two windows, has no verdict.",
        f"No limit is published by {', '.join(silent)}, and by paypal only what connectors keep to: no verdict of theirs.",
    ]
    return group


def _tell(group: Group, worked: Worked) -> None:
    """A row, and the targets that it can be held against."""
    if not worked.changes:
        group.notes.append(f"{worked.slug}, {worked.what}: nothing was wanted, so nothing was measured.")
        return
    limit, series = worked.limit, worked.series
    found = used(series, limit) if limit is not None else Use()
    spent = series.spent[-1] if series.spent else 0.0
    what = f"{worked.slug}, {worked.what}"
    shown = (f"{found.seconds:.0f}", f"{found.whole:.3f}", f"{found.highest:.3f}", f"{found.drain:.2f}")
    is_long = limit is not None and found.seconds >= 2 * (limit.window or limit.capacity / limit.per_second)
    calls = _shown(series.calls) if worked.writes else ""
    row = (worked.slug, worked.what, worked.changes, series.asked, f"{spent:.0f}")
    group.rows.append((*row, *(shown if is_long else ("", "", "", "")), series.refused, calls))
    if worked.cap > 1 and worked.writes:
        number, met = ratio(math.ceil(worked.changes / worked.cap) / worked.writes, FILL, least=True)
        metric = f"quantities per stock call / min({worked.cap}, waiting), {worked.slug}"
        group.targets.append(Target("P8", metric, f">= {FILL}", number, met))
    if limit is not None and limit.is_known:
        number, met = ratio(series.refused / max(series.asked, 1), REFUSED, digits=4)
        group.targets.append(Target("P6", f"refused for speed, {what}", f"<= {REFUSED}", number, met))
        if is_long:
            number, met = ratio(found.whole, USE, least=True, digits=3)
            group.targets.append(Target("P5", f"use of the limit, {what}", f">= {USE:.2f}", number, met))
            number, met = ratio(found.highest, ALL, digits=3)
            metric = f"highest use over {WINDOW:.0f} s, {what}"
            group.targets.append(Target("P5", metric, f"<= {ALL:.2f}", number, met))
            number, met = ratio(found.drain, DRAIN)
            metric = f"drain time / the limit's own, {what}"
            group.targets.append(Target("P7", metric, f"<= {DRAIN}", number, met))
    if worked.slug in FIRST and worked.what in MINIMUM:
        by, minimum = MINIMUM[worked.what]
        total, least = sum(series.calls.values()), minimum(worked.changes)
        number, met = ratio(total / least, CALLS, digits=3)
        metric = f"calls / minimum, {what} ({total:,} / {least:,}: {by})"
        group.targets.append(Target("P9", metric, f"<= {CALLS}", number, met))


MINIMUM: Mapping[str, tuple[str, Callable[[int], int]]] = {
    "orders_to_wms": (
        "2 writes each, a look and a read-back a hundred",
        lambda sends: sends + 2 * math.ceil(sends / 2 / LIST_PAGE),
    ),
    "stock_to_channel": (
        "a write, a look and a read-back for 250",
        lambda sends: math.ceil(sends / STOCK_CAP) + 2 * math.ceil(sends / LOOK_UP),
    ),
}
"""Of the first pair's vendors: by what, and how many calls so many sends take at least."""


def _tell_halved(group: Group, slug: str, halved: Halved, limit: Allowance | None) -> None:
    shown, met = ratio(halved.refused / max(halved.asked, 1), REFUSED_HALVED, digits=4)
    what = f"refused in the minute after the limit was halved, {slug} ({halved.refused} of {halved.asked}, at most {halved.worst} at once)"
    is_known = limit is not None and limit.is_known
    group.targets.append(Target("P6", what, f"<= {REFUSED_HALVED}", shown, met if is_known else None))


def _shown(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(calls.items(), key=lambda item: -item[1]))
