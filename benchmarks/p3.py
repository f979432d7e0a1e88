"""P3: the landing call alone at a million orders: a hundredth changed, against loading them all.

Belongs here: pages from this process's own memory in the place of a vendor, and the pulls of them.
Does not belong here: the network's part (``p1``).

A landing call is `landing.pull.pull`: open the warehouse, read the cursor, check every record, write and sync the files,
merge, move the cursor, close the warehouse.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pages
from common import ROOT, Figures, Group, Meter, Target, child, folder, ratio, say

from cogent_pipelines import clock
from cogent_pipelines import estate as estates
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.paging import Page
from cogent_pipelines.connect.spec import Stream, System, Vendor, Window
from cogent_pipelines.landing.pull import PullReport, pull
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS

LIMIT = 0.05
SHARE = 100
"""One order in so many is changed."""


@dataclass
class Prepared:
    """As much of a client as landing uses, giving pages that are there already."""

    system: System
    vendor: Vendor
    lists: Sequence[list[bytes]] = ()

    def crash(self, name: str) -> None:
        """No crash here."""

    async def pages(self, stream: Stream, window: Window) -> AsyncIterator[Page]:
        del stream, window
        last, total = len(self.lists), sum(map(len, self.lists))
        for number, records in enumerate(self.lists, 1):
            yield Page(records, number, clock.now(), total=total, is_last=number == last)


def run(million: int) -> Figures:
    """One whole load and then increments, in one process as a deployment would have them."""
    estate = estates.load(ROOT / "estates" / "demo.yaml")
    system = replace(accounts.system(estate, "web_uk"), options={"first_load": "pages"})
    client = Prepared(system, VENDORS["shopify"])
    base = [pages.records(n, whole=False) for n in range(pages.PAGES)]
    count = million // pages.PER_PAGE
    every = [
        [pages.repeated(record, n // pages.PAGES) for record in base[n % pages.PAGES]] for n in range(count)
    ]
    flat = [record for page in every for record in page]

    with folder() as path:
        place = estates.Place(path)

        def land(lists: Sequence[list[bytes]], *, full: bool) -> tuple[Figures, PullReport]:
            client.lists = lists
            meter = Meter()
            report = asyncio.run(
                pull(estate, "web_uk", "orders", state=place.root, warehouse_path=place.warehouse,
                     client=cast("Client", client), full=full)
            )  # fmt: skip
            if report.error or report.rows_set_aside or not report.is_complete:
                raise SystemExit(f"the landing was not clean: {report}")
            return meter.read(), report

        whole, report = land(every, full=True)
        assert report.rows_new == million, report
        found: Figures = {"full": whole, "increments": [], "same": [], "empty": []}
        for turn in range(5):
            changed = _paged([_changed(record, turn) for record in flat[turn::SHARE]])
            figures, report = land(changed, full=False)
            assert report.rows_changed == million // SHARE, report
            found["increments"].append(figures)
            figures, report = land(changed, full=False)
            assert report.rows_same == million // SHARE, report
            found["same"].append(figures)
            figures, report = land([], full=False)
            assert report.rows_in == 0, report
            found["empty"].append(figures)
        found["warehouse_mb"] = place.warehouse.stat().st_size / 1e6
    return found


def _changed(record: bytes, turn: int) -> bytes:
    """A newer version in which the payment has changed."""
    newer = record.replace(b'"updatedAt":"202', b'"updatedAt":"203')
    return newer.replace(b'"displayFinancialStatus":"PAID"', b'"displayFinancialStatus":"REFUNDED%d"' % turn)


def _paged(records: Sequence[bytes]) -> list[list[bytes]]:
    return [list(records[i : i + pages.PER_PAGE]) for i in range(0, len(records), pages.PER_PAGE)]


def measure(*, quick: bool) -> Group:
    million = 200_000 if quick else 1_000_000
    found = child("p3.py", million)
    group = Group(
        "p3",
        f"Landing alone at {million:,} orders",
        head=("call", "wall s", "processor s", "of the full load"),
    )
    full = found["full"]
    group.rows.append(("full load", round(full["wall"], 2), round(full["cpu"], 2), "1"))
    middle: dict[str, Any] = {}
    for name, what in (
        ("increments", "1% changed"),
        ("same", "the same 1% again"),
        ("empty", "nothing to read"),
    ):
        middle[name] = {k: statistics.median(run[k] for run in found[name]) for k in ("wall", "cpu")}
        part = f"{middle[name]['wall'] / full['wall']:.4f}"
        group.rows.append((what, round(middle[name]["wall"], 3), round(middle[name]["cpu"], 3), part))
    shown, met = ratio(middle["increments"]["wall"] / full["wall"], LIMIT, digits=3)
    by_cpu = middle["increments"]["cpu"] / full["cpu"]
    group.targets.append(
        Target(
            "P3",
            f"1% changed / full load, {million:,} orders",
            f"<= {LIMIT}",
            f"{shown} (processor {by_cpu:.3f})",
            None if quick else met,
        )
    )
    group.notes.append(
        f"Medians of five increments, one after the other on the same warehouse ({found['warehouse_mb']:.0f} MB); pages come "
        "from this process's memory."
    )
    return group


if __name__ == "__main__":
    say(run(int(sys.argv[1])))
