"""Measures the targets of ``performance`` and writes RESULTS.md.

Belongs here: choosing what is measured, keeping each group's figures, writing the page.
Does not belong here: any measurement (one file per group).

    python benchmarks/run.py                 everything (some half an hour on two quiet cores)
    python benchmarks/run.py p1 p3 --quick   some of it, at a tenth of the size

A group's figures are kept in results/<group>.json, so that the page holds what was measured last of each.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from datetime import UTC, datetime
from typing import Any

from common import HERE, ROOT, machine, progress, versions

sys.path.insert(0, str(ROOT))

GROUPS = {
    "p1": "p1", "p2": "p2", "p3": "p3", "p4": "p4", "p5": "p5", "p6": "p5", "p7": "p5", "p8": "p5", "p9": "p5",
    "p14": "p14", "p15": "p15",
}  # fmt: skip
KEPT = HERE / "results"
PAGE = HERE / "RESULTS.md"
PACKAGES = ("duckdb", "pyarrow", "msgspec", "httpx", "sqlalchemy", "dagster", "dbt-core")
HEAD = """# Results

Written by `python benchmarks/run.py`. Each figure is a ratio of two things measured in turn in one run on one machine, or a part
of a vendor's limit as the sandbox counts it. Wall time first; the same ratio in processor time stands in brackets, as it minds less
what else the machine is doing (its load is given with each group).
"""


def measure(name: str, *, quick: bool) -> None:
    progress(f"{name}: measuring")
    found = importlib.import_module(name).measure(quick=quick).as_json()
    found |= {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "quick": quick,
        "machine": machine(),
        "versions": versions(*PACKAGES),
    }
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """RESULTS.md from what is kept."""
    every = (*dict.fromkeys(GROUPS.values()), "soak")  # P10 to P12 take a quarter of an hour: see soak.py
    names = [name for name in every if (KEPT / f"{name}.json").exists()]
    groups = [json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in names]
    verdicts = [
        (
            t["number"],
            t["metric"],
            t["wanted"],
            t["found"],
            {True: "met", False: "**not met**", None: "-"}[t["met"]],
        )
        for group in groups
        for t in group["targets"]
    ]
    parts = [HEAD, table(("#", "metric", "target", "found", ""), verdicts)]
    parts += [_section(group) for group in groups]
    return "\n\n".join(parts) + "\n"


def _section(group: dict[str, Any]) -> str:
    where, parts = group["machine"], [f"## {group['title']}"]
    parts.append(
        f"{group['at']}{', quick (a tenth of the size)' if group['quick'] else ''}. {where['cpu']}, {where['cores']} cores, "
        f"{where['memory_gb']} GB, {where['system']}, load {where['load']}; Python {where['python']}, "
        + ", ".join(f"{name} {version}" for name, version in group["versions"].items())
        + "."
    )
    parts.append(table(group["head"], group["rows"]))
    parts += [f"- {note}" for note in group["notes"]]
    return "\n\n".join(parts[:3]) + ("\n\n" + "\n".join(parts[3:]) if parts[3:] else "")


def table(head: Any, rows: Any) -> str:
    lines = ["| " + " | ".join(map(str, head)) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="p1", help=f"of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="at a tenth of the size")
    parser.add_argument("--page", action="store_true", help="only write RESULTS.md from what is kept")
    chosen = parser.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if chosen.page:
        PAGE.write_text(page(), encoding="utf-8")
        return
    for name in dict.fromkeys(GROUPS[group] for group in (chosen.groups or GROUPS)):
        measure(name, quick=chosen.quick)
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
