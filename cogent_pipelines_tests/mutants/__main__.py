"""Run mutants: each in a copy of the project, against the tests it names.

Belongs here: the copy, running pytest in it, and the printed table.
Does not belong here: the mutants.

Killed means that a test failed. A mutant that cannot be put in, does not load, or whose tests do not pass
without it proves nothing and is an error. Exit status 0 when every mutant was killed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.mutants import connectors, rules
from cogent_pipelines_tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("cogent_pipelines", "cogent_pipelines_tests", "dbt_project", "estates", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "target", "logs", "*.duckdb", "*.wal", "node_modules")
TESTS = "cogent_pipelines_tests/"
PATIENCE = 300
"""Seconds of the wall a mutant's tests may take; a fault that lets them never end was seen."""
FAILED = 1
"""Pytest's exit status when tests ran and some failed."""
OF_VENDORS: Mapping[str, tuple[Mutant, ...]] = {
    slug: importlib.import_module(f"{__package__}.{slug}").MUTANTS
    for slug in VENDORS
    if (Path(__file__).parent / f"{slug}.py").is_file()
}
"""Vendor -> the mutants of its file; the first pair's stand with what all share (``connectors``)."""
ALL: tuple[Mutant, ...] = (
    *connectors.MUTANTS,
    *(mutant for mutants in OF_VENDORS.values() for mutant in mutants),
    *rules.MUTANTS,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant."""

    mutant: Mutant
    fate: str
    """killed, SURVIVED, skipped or ERROR."""
    by: str = ""
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print it, and end with 0 when all were killed."""
    options = _options().parse_args(arguments)
    chosen = [mutant for mutant in ALL if options.only.lower() in f"{mutant.file} {mutant.name}".lower()]
    if options.list:
        print("\n".join(f"{m.name}  [{m.oracle}]" for m in chosen))
        return 0
    began = time.perf_counter()
    jobs = max(min(options.jobs, len(chosen)), 1)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [_copy(Path(folder) / str(number)) for number in range(jobs)]
        failing = _failing(copies[0], sorted({test for mutant in chosen for test in mutant.tests}))
        free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for copy in copies:
            free.put(copy)
        with ThreadPoolExecutor(jobs) as pool:
            results = []
            for result in pool.map(lambda mutant: _judge(mutant, free, failing), chosen):
                results.append(result)
                print(_line(result), flush=True)
    fates = Counter(result.fate for result in results)
    told = ", ".join(f"{number} {fate}" for fate, number in fates.most_common())
    print(f"{len(results)} mutants: {told}; {time.perf_counter() - began:.0f} s, {jobs} at a time")
    return 0 if set(fates) <= {"killed"} else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose file or name holds this")
    parser.add_argument("--list", action="store_true", help="name them and run none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def _copy(to: Path) -> Path:
    """A copy of the project, with the shared folder beside it where there is one."""
    main = to / "main"
    main.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, main / name, ignore=LEFT_OUT)
        elif source.is_file():
            shutil.copy2(source, main / name)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (to / "shared").symlink_to(shared, target_is_directory=True)
    return main


def _failing(copy: Path, tests: Sequence[str]) -> frozenset[str]:
    """Tests that do not pass as the project stands: what names them proves nothing."""
    status, output = _pytest(copy, tests, patience=PATIENCE * 4, stop=False)
    if status not in (0, FAILED):
        raise SystemExit(f"the tests cannot be run (status {status})\n{output[-2000:]}")
    return frozenset(re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE))


def _judge(mutant: Mutant, free: queue.SimpleQueue[Path], failing: frozenset[str]) -> Result:
    unsound = [f for f in failing if f.startswith(tuple(TESTS + test for test in mutant.tests))]
    if unsound:
        return Result(mutant, "ERROR", f"{min(unsound)} does not pass without it")
    copy = free.get()
    began = time.perf_counter()
    try:
        with _mutated(copy / mutant.file, mutant):
            status, output = _pytest(copy, mutant.tests)
    except (OSError, ValueError) as error:
        return Result(mutant, "ERROR", str(error))
    finally:
        free.put(copy)
    return _fate(mutant, status, output, time.perf_counter() - began)


def _fate(mutant: Mutant, status: int | None, output: str, took: float) -> Result:
    if status is None:
        return Result(mutant, "killed", f"the tests did not end in {PATIENCE} s", took)
    if status == FAILED:
        return Result(mutant, "killed", _first(output), took)
    if status == 0:
        skipped = re.search(r"\b(\d+) skipped", output)
        return Result(mutant, "skipped" if skipped else "SURVIVED", skipped[0] if skipped else "", took)
    return Result(mutant, "ERROR", f"pytest ended with {status}: {output[-300:]}", took)


@contextmanager
def _mutated(path: Path, mutant: Mutant) -> Iterator[None]:
    before = path.read_text(encoding="utf-8")
    path.write_text(mutant.put_into(before), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def _pytest(
    copy: Path, tests: Sequence[str], patience: float = PATIENCE, *, stop: bool = True
) -> tuple[int | None, str]:
    """(exit status, output) of the tests in the copy; no status when they did not end."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rfEs",
        "--no-header",
        "--tb=no",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-x"] if stop else []
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COGENT_")},
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        [*command, *(TESTS + test for test in tests)],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    return process.returncode, output


def _first(output: str) -> str:
    """The first test that failed."""
    found = re.search(r"^(?:FAILED|ERROR) \S*?([^/\s]+\.py::\S+)", output, re.MULTILINE)
    return found[1] if found else ""


def _line(result: Result) -> str:
    m = result.mutant
    return f"{result.fate:9} {result.seconds:5.0f} s  {m.name}  [{m.oracle}] {result.by}"


if __name__ == "__main__":
    sys.exit(main())
