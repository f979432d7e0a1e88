"""What every benchmark needs: children that measure themselves, medians, the machine, and a target's verdict.

Belongs here: running a measurement in a process of its own and reading its figures.
Does not belong here: what is measured (one file per target group) or how it is written down (``run.py``).

Every side of a ratio runs in a fresh process, turn about (A B A B), and the median counts. Nothing here
fails because something was slow.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
Figures = dict[str, Any]


@dataclass(slots=True)
class Target:
    """One target and what was found."""

    number: str
    metric: str
    wanted: str
    found: str
    met: bool | None
    """None: measured for information, no verdict."""


@dataclass(slots=True)
class Group:
    """What one benchmark file found: verdicts, the figures of every side, and what is to be said of them."""

    name: str
    title: str
    targets: list[Target] = field(default_factory=list)
    head: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> Figures:
        return asdict(self)


# --- a process that measures itself ---------------------------------------------------------------------


@dataclass(slots=True)
class Meter:
    """Wall and processor seconds of what happened since it was started."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def read(self) -> Figures:
        return {"wall": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu}


def peak_mb() -> float:
    """Peak resident memory of this process in MB, not counting what the parent had when it started us."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def say(figures: Mapping[str, Any]) -> None:
    """What a child says at its end; ``child`` reads it."""
    print("FIGURES " + json.dumps(dict(figures) | {"peak_mb": peak_mb()}), flush=True)


def child(*arguments: object, python: str = sys.executable, env: Mapping[str, str] | None = None) -> Figures:
    """Run a script of this folder in a fresh process and give its figures."""
    script, *rest = (str(argument) for argument in arguments)
    done = subprocess.run(
        [python, str(HERE / script), *rest],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FIGURES ")]
    if done.returncode or not lines:
        raise SystemExit(f"{script} {' '.join(rest)} failed ({done.returncode}):\n{done.stderr[-4000:]}")
    found: Figures = json.loads(lines[-1].removeprefix("FIGURES "))
    return found


def in_turn(rounds: int, **sides: Callable[[], Figures]) -> dict[str, list[Figures]]:
    """Measure the sides one after the other, ``rounds`` times over."""
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
            last = found[name][-1]
            shown = ", ".join(f"{k} {v:,.2f}" for k, v in last.items() if isinstance(v, float))
            progress(f"  {name} {turn + 1}/{rounds}: {shown}")
    return found


def median(runs: Sequence[Figures], name: str) -> float:
    return float(statistics.median(run[name] for run in runs))


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ratio(found: float, limit: float, *, least: bool = False, digits: int = 2) -> tuple[str, bool]:
    """A ratio as text, and whether it keeps the limit (at most, or with ``least`` at least)."""
    return f"{found:.{digits}f}", found >= limit if least else found <= limit


# --- places and servers ---------------------------------------------------------------------------------


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="cogent-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def served(*arguments: object, ready: str = "READY") -> Iterator[str]:
    """A server of this folder, in a process of its own; gives what it says when it is ready."""
    script, *rest = (str(argument) for argument in arguments)
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), *rest],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(ready):
                yield line.removeprefix(ready).strip()
                break
        else:
            raise SystemExit(f"{script} did not start")
    finally:
        process.terminate()
        process.wait()


# --- the machine ----------------------------------------------------------------------------------------


def machine() -> Figures:
    """What figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def versions(*names: str) -> dict[str, str]:
    return {name: metadata.version(name) for name in names}
