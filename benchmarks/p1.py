"""P1: how much longer the whole ingest takes than moving the same bytes at all.

Belongs here: the targets' arithmetic. Does not belong here: the two sides (``ingest``), the pages (``pages``).
"""

from __future__ import annotations

from common import Figures, Group, Target, child, in_turn, median, ratio, served

LIMIT = 1.5
DELAYS = (0.0, 0.05)
"""Seconds a page takes before it is sent: none is judged; the other is what a quick vendor takes at the least."""


def measure(*, quick: bool) -> Group:
    group = Group(
        "p1",
        "Ingest against the physical floor",
        head=("pages", "side", "wall s", "processor s", "peak MB", "of it"),
    )
    pages, rounds = (80, 3) if quick else (400, 5)
    for shape in ("lean", "whole"):
        for delay in DELAYS:
            turns = rounds if shape == "lean" and not delay else 2
            _compare(group, shape, pages, delay, turns)
    group.notes += [
        "The floor: httpx reads the pages over one connection; msgspec cuts them into records, one a line; DuckDB loads "
        "these as the declared types. httpx is what a Python client costs that does what is needed of one; the standard "
        "library's, which does nothing for its caller, and no cut at all stand beside it.",
        "Ours: login, limits shared through the ledger, paging, cutting, checking every record, compressed and synced "
        "files, typed load, merge by version, books of the pull.",
        f"Pages without delay come from memory over the loopback, faster than any vendor gives them; with {DELAYS[1] * 1000:.0f} "
        "ms a page both sides wait, ours while it works.",
    ]
    return group


def _compare(group: Group, shape: str, pages: int, delay: float, turns: int) -> None:
    with served("pages.py", "--shape", shape, "--pages", pages, "--of", pages, "--delay", delay) as port:
        found = in_turn(
            turns,
            floor=lambda: child("ingest.py", "floor", port),
            bare=lambda: child("ingest.py", "bare", port),
            ours=lambda: child("ingest.py", "ours", port),
        )
    floor, bare, ours = found["floor"], found["bare"], found["ours"]
    late = f", {delay * 1000:.0f} ms a page" if delay else ""
    where = f"{shape}, {floor[0]['rows']:,} orders, {floor[0]['mb']:.0f} MB{late}"

    def parts(runs: list[Figures]) -> str:
        return ", ".join(f"{name} {median(runs, name):.2f} s" for name in ("download", "cut", "load"))

    for side, runs, what in (
        ("floor, httpx", floor, parts(floor)),
        ("floor, http.client", bare, parts(bare)),
        ("ours", ours, f"{ours[0]['pages']} pages"),
    ):
        wall, cpu = round(median(runs, "wall"), 2), round(median(runs, "cpu"), 2)
        group.rows.append((where, side, wall, cpu, round(median(runs, "peak_mb")), what))
    shown, met = ratio(median(ours, "wall") / median(floor, "wall"), LIMIT)
    by_cpu = median(ours, "cpu") / median(floor, "cpu")
    least = median(bare, "download") + median(bare, "load")
    metric = f"ingest wall / floor, {shape} records{late} (http.client and no cut: {median(ours, 'wall') / least:.2f})"
    wanted = "-" if delay else f"<= {LIMIT}"
    group.targets.append(
        Target("P1", metric, wanted, f"{shown} (processor {by_cpu:.2f})", None if delay else met)
    )
