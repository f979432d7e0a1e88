"""P1: how much longer the whole ingest takes than moving the same bytes at all.

Belongs here: the targets' arithmetic. Does not belong here: the two sides (``ingest``), the pages (``pages``).
"""

from __future__ import annotations

from common import Group, Target, child, in_turn, median, ratio, served

LIMIT = 1.5


def measure(*, quick: bool) -> Group:
    group = Group(
        "p1",
        "Ingest against the physical floor",
        head=("pages", "side", "wall s", "processor s", "peak MB", "of it"),
    )
    pages, rounds = (80, 3) if quick else (400, 5)
    for shape in ("lean", "whole"):
        turns = rounds if shape == "lean" else 2 + (not quick)
        with served("pages.py", "--shape", shape, "--pages", pages, "--of", pages) as port:
            found = in_turn(
                turns,
                floor=lambda port=port: child("ingest.py", "floor", port),
                ours=lambda port=port: child("ingest.py", "ours", port),
            )
        floor, ours = found["floor"], found["ours"]
        where = f"{shape}, {floor[0]['rows']:,} orders, {floor[0]['mb']:.0f} MB"
        parts = f"download {median(floor, 'download'):.2f} s, typed load {median(floor, 'load'):.2f} s"
        for side, runs, what in (("floor", floor, parts), ("ours", ours, f"{ours[0]['pages']} pages")):
            group.rows.append((where, side, *(round(median(runs, n), 2) for n in ("wall", "cpu")),
                               round(median(runs, "peak_mb")), what))  # fmt: skip
        shown, met = ratio(median(ours, "wall") / median(floor, "wall"), LIMIT)
        by_cpu = median(ours, "cpu") / median(floor, "cpu")
        group.targets.append(
            Target(
                "P1",
                f"ingest wall / floor, {shape} records",
                f"<= {LIMIT}",
                f"{shown} (processor {by_cpu:.2f})",
                met,
            )
        )
    group.notes += [
        "The floor: `http.client` reads the pages over one connection and does nothing with them; DuckDB then loads the "
        "same records, already cut into lines (not counted), as the declared types.",
        "Ours: login, limits shared through the ledger, paging, cutting, checking every record, compressed and synced "
        "files, typed load, merge by version, books of the pull.",
        "The pages come from memory over the loopback, some thousand times faster than a vendor gives them.",
    ]
    return group
