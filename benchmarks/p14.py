"""P14: peak memory of an ingest of ten times the rows.

Belongs here: the two sizes. Does not belong here: the ingest (``ingest``).
"""

from __future__ import annotations

from common import Group, Target, child, ratio, served

LIMIT = 1.2


def measure(*, quick: bool) -> Group:
    group = Group(
        "p14", "Peak memory at ten times the rows", head=("orders", "wall s", "processor s", "peak MB")
    )
    peaks = []
    small = 40 if quick else 400
    for pages in (small, 10 * small):
        with served("pages.py", "--pages", pages, "--of", 400) as port:
            found = child("ingest.py", "ours", port)
        peaks.append(found["peak_mb"])
        group.rows.append(
            (f"{found['rows']:,}", round(found["wall"], 2), round(found["cpu"], 2), round(found["peak_mb"]))
        )
    shown, met = ratio(peaks[1] / peaks[0], LIMIT)
    group.targets.append(Target("P14", "peak memory, 10x rows / 1x", f"<= {LIMIT}", shown, met))
    return group
