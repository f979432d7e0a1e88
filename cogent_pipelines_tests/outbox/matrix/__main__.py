"""The crash matrix as a command: ``python -m cogent_pipelines_tests.outbox.matrix --help``.

Belongs here: options, sharing cases among processes, and the printed table.
Does not belong here: cases, or what they mean.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import cases, scene
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.run import run_all


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print it, and end with 0 when all is as it must be."""
    options = _options().parse_args(arguments)
    chosen = _chosen(options)
    is_control = options.lookup == "off" or options.readback == "off"
    total_bad = 0
    began = time.perf_counter()
    for engine in ("sqlite", "postgres") if options.engine == "both" else (options.engine,):
        with ExitStack() as stack:
            server = stack.enter_context(postgres.server()) if engine == "postgres" else None
            if engine == "postgres" and server is None:
                print(postgres.WHY_NOT)
                total_bad += engine == options.engine
                continue
            results = run_all(chosen, engine=engine, server=server, processes=options.jobs)
        print(_table(results, engine, seeds=options.seeds > 0))
        total_bad += sum(not r.is_good for r in results)
    print(f"{time.perf_counter() - began:.0f} s, {options.jobs} processes")
    if is_control:
        print("a control: it must show harm" if total_bad else "a control that showed no harm proves nothing")
        return 0 if total_bad else 1
    return 1 if total_bad else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--fraction", type=float, default=1.0, help="run about this part of the cases")
    parser.add_argument("--scene", choices=sorted({*scene.SCENES, "alerts"}), help="only this scene")
    parser.add_argument(
        "--lookup", choices=("on", "off"), default="on", help="off: a control without look-ups"
    )
    parser.add_argument(
        "--readback", choices=("on", "off"), default="on", help="off: a control without read-back"
    )
    parser.add_argument("--seeds", type=int, default=0, help="instead of the matrix: so many random cases")
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def _chosen(options: argparse.Namespace) -> list[Case]:
    if options.seeds:
        chosen = [cases.drawn(seed) for seed in range(options.seed, options.seed + options.seeds)]
    else:
        chosen = cases.some(options.fraction) if options.fraction < 1 else list(cases.every())
    if options.scene:
        chosen = [case for case in chosen if case.scene == options.scene]
    return [controlled(c, lookup=options.lookup == "on", read_back=options.readback == "on") for c in chosen]


def controlled(case: Case, *, lookup: bool, read_back: bool) -> Case:
    """A case, or a control of it. Without look-up, readings are slow too: quick ones would hide the harm."""
    return replace(case, lookup=lookup, read_back=read_back, is_slow=case.is_slow or not lookup)


def _table(results: Sequence[Result], engine: str, *, seeds: bool) -> str:
    lines = []
    if not seeds:
        lines += _grid(results)
    for result in results:
        if not result.is_good:
            lines.append(_bad(result))
    crashed = sum(r.was_hit for r in results)
    told = {
        name: sum(getattr(r, name) for r in results)
        for name in ("lost", "doubled", "stale", "silent", "flagged")
    }
    lines.append(
        f"{engine}: {len(results)} cases, {crashed} killed; lost {told['lost']}, doubled {told['doubled']}, "
        f"stale {told['stale']}; called done and not so {told['silent']}; "
        f"flagged for a person {told['flagged']}"
    )
    return "\n".join(lines)


def _grid(results: Sequence[Result]) -> list[str]:
    """One line per scene and crash point, one column per answer class."""
    answers = list(cases.ANSWERS)
    lines = ["  ".join(f"{number}={cases.ANSWERS[name]}" for number, name in enumerate(answers))]
    lines.append(f"{'':60}" + "".join(f"{number:>5}" for number in range(len(answers))))
    rows: dict[tuple[str, str, str], dict[str, Result]] = {}
    for r in results:
        rows.setdefault((r.case.scene, r.case.operation, r.case.point), {})[r.case.answer] = r
    for (name, operation, point), found in sorted(rows.items()):
        cells = "".join(f"{_cell(found.get(answer)):>5}" for answer in answers)
        short = operation.removeprefix("POST ").removeprefix("PUT ")
        lines.append(f"{name:13} {short[:24]:24} {(point or 'no crash')[:21]:21}{cells}")
    return lines


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if result.error:
        return "ERR"
    marks = [
        f"{letter}{number}"
        for letter, number in (
            ("L", result.lost),
            ("D", result.doubled),
            ("S", result.stale),
            ("!", result.silent),
        )
        if number
    ]
    good = "ok" if result.was_hit or not result.case.point else "-"
    return "".join(marks) or (f"f{result.flagged}" if result.flagged else good)


def _bad(result: Result) -> str:
    c = result.case
    what = result.error.strip().splitlines()[-1] if result.error else dict(result.states)
    crashes = [(c.point, c.hits), *c.more]
    return (
        f"BAD {c.scene} {c.operation} crash={crashes} answer={c.answer} seed={c.seed} lag={c.lag}: "
        f"lost {result.lost} doubled {result.doubled} stale {result.stale} silent {result.silent} {what}"
    )


if __name__ == "__main__":
    sys.exit(main())
