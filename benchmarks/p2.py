"""P2: rows a second and peak memory against dlt, on the same pages, machine and destination.

Belongs here: dlt's virtual environment, the order of the runs, the targets' arithmetic.
Does not belong here: either side (``dlt_side``, ``ingest``).

dlt lives in benchmarks/.venv, made once from requirements.txt, so that it cannot move a version the project is
locked to; DuckDB and pyarrow are the project's own versions on both sides.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common import (
    HERE,
    Figures,
    Group,
    Target,
    child,
    folder,
    in_turn,
    median,
    progress,
    ratio,
    served,
    versions,
)

FASTER, SMALLER = 20.0, 0.5
WAYS = {
    "default": "dlt, defaults",
    "parquet": "dlt, Parquet loader files",
    "whole_lists": "dlt, Parquet, lists kept whole (max_table_nesting=0)",
}


def python() -> str:
    """The interpreter that has dlt, its virtual environment made when it is not there."""
    own = HERE / ".venv" / "bin" / "python"
    stamp = HERE / ".venv" / ".ready"
    wanted = (HERE / "requirements.txt").read_text() + repr(same := versions("duckdb", "pyarrow"))
    if not stamp.exists() or stamp.read_text() != wanted:
        progress("  making benchmarks/.venv for dlt (once)")
        subprocess.run([sys.executable, "-m", "venv", str(HERE / ".venv")], check=True)
        pins = [f"{name}=={version}" for name, version in same.items()]
        subprocess.run(
            [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r",
             str(HERE / "requirements.txt"), *pins],
            check=True,
        )  # fmt: skip
        stamp.write_text(wanted)
    return str(own)


def _dlt(way: str, port: str, interpreter: str) -> Callable[[], Figures]:
    def run() -> Figures:
        with folder() as place:
            return child("dlt_side.py", way, port, place, python=interpreter)

    return run


def measure(*, quick: bool) -> Group:
    interpreter = python()
    version = subprocess.run(
        [interpreter, "-c", "import dlt; print(dlt.__version__)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    group = Group(
        "p2",
        f"Ingest against dlt {version}",
        head=("pages", "side", "wall s", "processor s", "peak MB", "rows/s"),
    )
    pages = 40 if quick else 400
    for shape in ("lean", "whole"):
        size = pages if shape == "lean" else pages // 4
        ways = list(WAYS) if shape == "lean" else ["parquet"]
        with served("pages.py", "--shape", shape, "--pages", size, "--of", size) as port:
            sides = {way: _dlt(way, port, interpreter) for way in ways}
            once = {"default": sides.pop("default")} if "default" in sides else {}
            found = in_turn(1, **once) if once else {}
            found |= in_turn(
                1 if quick else 2, ours=lambda port=port: child("ingest.py", "ours", port), **sides
            )
        ours = found.pop("ours")
        rows = ours[0]["rows"]
        speed = rows / median(ours, "wall")
        where = f"{shape}, {rows:,} orders"
        group.rows.append((where, "ours", round(median(ours, "wall"), 2), round(median(ours, "cpu"), 2),
                           round(median(ours, "peak_mb")), round(speed)))  # fmt: skip
        for way, runs in found.items():
            theirs = runs[0]["rows"] / median(runs, "wall")
            group.rows.append((where, WAYS[way], round(median(runs, "wall"), 2), round(median(runs, "cpu"), 2),
                               round(median(runs, "peak_mb")), round(theirs)))  # fmt: skip
            if runs[0]["rows"] != rows:
                group.notes.append(f"{WAYS[way]} stored {runs[0]['rows']:,} orders, ours {rows:,}")
            faster, met = ratio(speed / theirs, FASTER, least=True, digits=1)
            by_cpu = median(runs, "cpu") / median(ours, "cpu")
            judged = way != "whole_lists"
            group.targets.append(
                Target("P2", f"rows/s / {WAYS[way]}, {shape}", f">= {FASTER:.0f}" if judged else "-",
                       f"{faster} (processor {by_cpu:.1f})", met if judged else None)
            )  # fmt: skip
            smaller, met = ratio(median(ours, "peak_mb") / median(runs, "peak_mb"), SMALLER)
            group.targets.append(
                Target("P2", f"peak memory / {WAYS[way]}, {shape}", f"<= {SMALLER}" if judged else "-",
                       smaller, met if judged else None)
            )  # fmt: skip
    group.notes.append(
        "dlt's `rest_api` source, one resource, cursor paginator, `replace`, DuckDB destination; telemetry off. It checks "
        "nothing, keeps no copy of what it read and merges nothing; it splits nested lists into tables of their own."
    )
    return group


if __name__ == "__main__":
    print(Path(python()))
