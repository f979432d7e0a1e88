"""P2: rows a second and peak memory against dlt, on the same pages, machine and destination.

Belongs here: dlt's virtual environment, the order of the runs, the targets' arithmetic.
Does not belong here: either side (``dlt_side``, ``ingest``).

dlt lives in benchmarks/.venv, made once from requirements.txt, so that it cannot move a version the project is
locked to; DuckDB and pyarrow are the project's own versions on both sides.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
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
DEFAULT_MB = 50
"""What one page costs dlt's defaults in memory, measured at 20, 40 and 100 pages."""
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


def _bearable(pages: int) -> int:
    """As many pages as dlt's defaults can load in half of the memory there is (see ``DEFAULT_MB``)."""
    info = Path("/proc/meminfo")
    free = 8e3
    if info.exists():
        free = (
            next(int(x.split()[1]) for x in info.read_text().splitlines() if x.startswith("MemAvailable"))
            / 1e3
        )
    return max(min(pages, int(free / 2 / DEFAULT_MB)), 1)


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
    pages, rounds = (40, 1) if quick else (400, 2)
    _compare(group, interpreter, "lean", pages, ["parquet", "whole_lists"], rounds)
    _compare(group, interpreter, "lean", _bearable(pages), ["default"], 1)
    _compare(group, interpreter, "whole", pages // 4, ["parquet"], rounds)
    group.notes += [
        "dlt's `rest_api` source, one resource, cursor paginator, `replace`, DuckDB destination; telemetry off. It checks "
        "nothing, keeps no copy of what it read and merges nothing; it splits nested lists into tables of their own.",
        f"By default dlt loads by INSERT statements, for which DuckDB takes some {DEFAULT_MB} MB a page of 250 orders: it is "
        "given as many pages as fit half of the free memory.",
    ]
    return group


def _compare(
    group: Group, interpreter: str, shape: str, pages: int, ways: Sequence[str], rounds: int
) -> None:
    """Measure ours and dlt's ``ways`` in turn on the same pages."""
    with served("pages.py", "--shape", shape, "--pages", pages, "--of", pages) as port:
        sides = {way: _dlt(way, port, interpreter) for way in ways}
        found = in_turn(rounds, ours=lambda: child("ingest.py", "ours", port), **sides)
    ours = found.pop("ours")
    rows = ours[0]["rows"]
    where = f"{shape}, {rows:,} orders"
    speed = _row(group, where, "ours", ours)
    for way, runs in found.items():
        theirs = _row(group, where, WAYS[way], runs)
        if runs[0]["rows"] != rows:
            group.notes.append(f"{WAYS[way]} stored {runs[0]['rows']:,} orders, ours {rows:,}")
        is_judged = way != "whole_lists"
        faster, met = ratio(speed / theirs, FASTER, least=True, digits=1)
        by_cpu = median(runs, "cpu") / median(ours, "cpu")
        found_text = f"{faster} (processor {by_cpu:.1f})"
        wanted = f">= {FASTER:.0f}" if is_judged else "-"
        metric = f"rows/s / {WAYS[way]}, {where}"
        group.targets.append(Target("P2", metric, wanted, found_text, met if is_judged else None))
        smaller, met = ratio(median(ours, "peak_mb") / median(runs, "peak_mb"), SMALLER)
        wanted = f"<= {SMALLER}" if is_judged else "-"
        metric = f"peak memory / {WAYS[way]}, {where}"
        group.targets.append(Target("P2", metric, wanted, smaller, met if is_judged else None))


def _row(group: Group, where: str, side: str, runs: Sequence[Figures]) -> float:
    """One side's row; gives its rows a second."""
    speed = float(runs[0]["rows"]) / median(runs, "wall")
    wall, cpu = round(median(runs, "wall"), 2), round(median(runs, "cpu"), 2)
    group.rows.append((where, side, wall, cpu, round(median(runs, "peak_mb")), round(speed)))
    return speed


if __name__ == "__main__":
    print(Path(python()))
