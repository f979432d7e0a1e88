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

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import cases
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.run import run_all
from cogent_pipelines_tests.vendors.test_pairs import PAIRS


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
        print(_table(results, engine, grid=options.grid))
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
    first = " and ".join(PAIRS[0])
    parser.add_argument(
        "--rest", type=float, help=f"and this part of those of vendors beyond {first}; else the same"
    )
    parser.add_argument("--vendor", choices=sorted(VENDORS), help="only this vendor's writes")
    parser.add_argument("--act", default="", help="only acts of this name")
    answers = sorted(cases.ANSWERS | cases.MORE_ANSWERS)
    parser.add_argument("--answer", choices=answers, help="only this class of answers")
    parser.add_argument("--grid", action="store_true", help="print every case's cell")
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
        rest = options.fraction if options.rest is None else options.rest
        chosen = cases.some(options.fraction, rest)
    asked = {"vendor": options.vendor, "answer": options.answer}
    for name, value in asked.items():
        chosen = [case for case in chosen if value is None or getattr(case, name) == value]
    chosen = [case for case in chosen if options.act in ("", case.task[1])]
    is_control = options.lookup == "off" or options.readback == "off"
    if is_control:  # of writes: an inbox cannot be looked at
        chosen = [case for case in chosen if case.vendor]
    return [controlled(c, lookup=options.lookup == "on", read_back=options.readback == "on") for c in chosen]


def controlled(case: Case, *, lookup: bool, read_back: bool) -> Case:
    """A case, or a control of it. Without look-up, readings are slow too: quick ones would hide the harm."""
    return replace(case, lookup=lookup, read_back=read_back, is_slow=case.is_slow or not lookup)


def _table(results: Sequence[Result], engine: str, *, grid: bool) -> str:
    lines = _grid(results) if grid else []
    lines += [_bad(result) for result in results if not result.is_good]
    rows: dict[tuple[str, str, str], list[Result]] = {}
    for r in results:
        vendor = f"{r.case.vendor}, {r.case.manner}" if r.case.manner else r.case.vendor
        rows.setdefault((vendor, *r.case.task), []).append(r)
    lines.append(
        f"{'':58} {'own key':>7} {'cases':>6} {'killed':>6} {'lost':>5} {'doubled':>7} {'stale':>5} "
        f"{'silent':>6} {'flagged':>7}"
    )
    for (vendor, sync, act), some in sorted(rows.items()):
        lines.append(_line(f"{vendor:28} {sync} {act}".strip(), _has_key(some[0].case), some))
    lines.append(_line(f"{engine}: all", "", results))
    return "\n".join(lines)


def _has_key(case: Case) -> str:
    """Whether the vendor declares that it does a request once however often it comes."""
    return "yes" if case.vendor and all(write.has_idempotency for write in case.writes) else "no"


def _line(name: str, has_key: str, results: Sequence[Result]) -> str:
    told = [
        sum(getattr(r, name) for r in results)
        for name in ("was_hit", "lost", "doubled", "stale", "silent", "flagged")
    ]
    killed, lost, doubled, stale, silent, flagged = told
    return f"{name:58} {has_key:>7} {len(results):>6} {killed:>6} {lost:>5} {doubled:>7} {stale:>5} {silent:>6} {flagged:>7}"


def _grid(results: Sequence[Result]) -> list[str]:
    """One line per write and crash point, one column per answer class."""
    answers = cases.ANSWERS | cases.MORE_ANSWERS
    lines = ["  ".join(f"{number}={words}" for number, words in enumerate(answers.values()))]
    lines.append(f"{'':68}" + "".join(f"{number:>5}" for number in range(len(answers))))
    rows: dict[tuple[str, ...], dict[str, Result]] = {}
    for r in results:
        key = (r.case.vendor, r.case.manner, *r.case.task, r.case.step, r.case.point)
        rows.setdefault(key, {})[r.case.answer] = r
    for (vendor, manner, _, act, step, point), found in sorted(rows.items()):
        cells = "".join(f"{_cell(found.get(answer)):>5}" for answer in answers)
        lines.append(
            f"{vendor:11} {manner[:8]:8} {act[:8]:8} {step[:14]:14} {(point or 'no crash')[:21]:21}{cells}"
        )
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
    what = what if result.was_struck else f"its answer was never given; {what}"
    crashes = [(c.point, c.hits), *c.more]
    return (
        f"BAD {c.vendor} {c.manner} {c.task} {c.step} crash={crashes} answer={c.answer} seed={c.seed} lag={c.lag}: "
        f"lost {result.lost} doubled {result.doubled} stale {result.stale} silent {result.silent} {what}"
    )


if __name__ == "__main__":
    sys.exit(main())
