"""P4: the whole rule suite on a million orders, against reading the tables it rests on once.

Belongs here: laying out the warehouse, timing the suite as the checks' step runs it, and the plain reading.
Does not belong here: the rows (``retailer.sql``), or any rule.

    python benchmarks/p4.py ORDERS
"""

from __future__ import annotations

import statistics
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import models
from common import HERE, ROOT, Figures, Group, Meter, Target, child, folder, progress, ratio, say

from cogent_pipelines import clock, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.defs import flows
from cogent_pipelines.landing import merge
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.rules import catalogue, estate_tables, evaluate, mappings, steps

AS_OF = datetime(2026, 11, 2, 12, tzinfo=UTC)
LIMIT, GROWTH = 8.0, 11.0
SKUS = 5000
TURNS = 3
PULLED = 2000
"""Orders that a pull reads anew before each turn, on both sides."""


def lay_out(place: estates.Place, estate: estates.Estate, ledger: Ledger, orders: int) -> None:
    """Every table and view, and the retailer's year in them."""
    with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
        for slug in flows.vendors(estate):
            merge.prepare(connection, slug)
        ledger_copy.copy(connection, ledger)
        estate_tables.write(connection, estate, AS_OF)
        mappings.load(connection, models.DBT / "seeds")
    models.build(place, estate, AS_OF)
    with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
        connection.execute(f"SET VARIABLE n = {orders}")
        connection.execute(f"SET VARIABLE skus = {SKUS}")
        connection.execute((HERE / "retailer.sql").read_text(encoding="utf-8"))


def read_once(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> None:
    """Every value of every table, touched once."""
    for table in tables:
        columns = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
        hashed = ", ".join(f'bit_xor(hash("{column}"))' for column in columns)
        connection.execute(f"SELECT {hashed} FROM {table}").fetchall()


def run(orders: int) -> Figures:
    clock.use(clock.Clock(AS_OF, 0.0, 1e-12))
    estate = estates.load(ROOT / "estates" / "demo.yaml")
    with folder() as path:
        place = estates.Place(path)
        place.manifest.parent.mkdir(parents=True)
        with closing(open_ledger(place.ledger_url, state=place.root)) as ledger:
            lay_out(place, estate, ledger, orders)
            rules = catalogue.load(place.manifest)
            inputs = sorted(
                {f"{vendor}.{stream}" for rule in rules.values() for vendor, stream in rule.inputs}
            )
            tables = [*inputs, "ops.operations", "ops.attempts"]
            found: Figures = {
                "suite": [],
                "unchanged": [],
                "once": [],
                "tables": len(tables),
                "rules": len(rules),
            }
            for turn in range(TURNS + 1):  # the first is not counted: it opens every exception
                with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
                    meter = Meter()
                    read_once(connection, tables)
                    if turn:
                        found["once"].append(meter.read())
                with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
                    _pulled(connection, turn)
                    meter = Meter()
                    verdicts = evaluate.evaluate(connection, ledger, estate, rules)
                    if turn:
                        found["suite"].append(meter.read())
            with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
                meter = Meter()
                evaluate.evaluate(connection, ledger, estate, rules)
                found["unchanged"].append(meter.read())
            found["broken"] = {v.rule: v.total for v in verdicts if v.total}
            found["unknown"] = {v.rule: v.reason for v in verdicts if v.state == "unknown"}
            found["each"] = _each(place, list(rules))
            found["warehouse_mb"] = place.warehouse.stat().st_size / 1e6
    return found


def _pulled(connection: duckdb.DuckDBPyConnection, turn: int) -> None:
    """As after a pull that read the newest orders anew on both sides: the shared steps are filled again."""
    for table, column in (("shopify.orders", '"createdAt"'), ("veeqo.orders", "created_at")):
        connection.execute(
            f"UPDATE {table} SET _read_at = $1 "
            f"WHERE {column} >= (SELECT min(t) FROM (SELECT {column} AS t FROM {table} ORDER BY t DESC LIMIT {PULLED}))",
            [AS_OF + timedelta(microseconds=turn)],
        )
    connection.execute("CREATE TABLE IF NOT EXISTS ops.steps (digest VARCHAR)")
    connection.execute("DELETE FROM ops.steps")


def _each(place: estates.Place, rules: list[str]) -> dict[str, float]:
    """Processor seconds of the steps, and of each rule's rows alone."""
    spent: dict[str, float] = {}
    with warehouse.open(place.warehouse, as_of=AS_OF) as connection:
        for half in ("hmac_inner", "hmac_outer"):
            connection.execute(f"SET VARIABLE {half} = '\\x00'::BLOB")
        _pulled(connection, TURNS + 1)
        meter = Meter()
        steps.refresh(connection)
        spent["(steps)"] = meter.read()["cpu"]
        for name in rules:
            meter = Meter()
            connection.execute(f"SELECT * FROM rules.{name}").fetchall()
            spent[name] = meter.read()["cpu"]
    return spent


def measure(*, quick: bool) -> Group:
    million = 200_000 if quick else 1_000_000
    group = Group("p4", "The rule suite", head=("orders", "what", "wall s", "processor s", "of reading once"))
    walls: dict[int, float] = {}
    cpus: dict[int, float] = {}
    for orders in (million // 10, million):
        found = child("p4.py", orders)
        middle: dict[str, dict[str, Any]] = {
            name: {k: statistics.median(r[k] for r in found[name]) for k in ("wall", "cpu")}
            for name in ("once", "suite", "unchanged")
        }
        once = middle["once"]
        what = {
            "once": f"reading {found['tables']} tables once",
            "suite": f"{found['rules']} rules, {PULLED:,} orders read anew on both sides",
            "unchanged": f"{found['rules']} rules, nothing changed",
        }
        for name, figures in middle.items():
            group.rows.append((f"{orders:,}", what[name], round(figures["wall"], 2), round(figures["cpu"], 2),
                               round(figures["wall"] / once["wall"], 2)))  # fmt: skip
        walls[orders], cpus[orders] = middle["suite"]["wall"], middle["suite"]["cpu"]
        progress(f"  {orders}: " + ", ".join(f"{k} {v['wall']:.2f}" for k, v in middle.items()))
    shown, met = ratio(middle["suite"]["wall"] / once["wall"], LIMIT)
    by_cpu = middle["suite"]["cpu"] / once["cpu"]
    group.targets.append(
        Target(
            "P4",
            f"suite / reading once, {million:,} orders",
            f"<= {LIMIT:.0f}",
            f"{shown} (processor {by_cpu:.2f})",
            met,
        )
    )
    small = million // 10
    shown, met = ratio(walls[million] / walls[small], GROWTH)
    by_cpu = cpus[million] / cpus[small]
    group.targets.append(
        Target(
            "P4",
            f"suite at {million:,} / at {small:,} orders",
            f"<= {GROWTH:.0f}",
            f"{shown} (processor {by_cpu:.2f})",
            met,
        )
    )
    slowest = sorted(found["each"].items(), key=lambda item: -item[1])[:6]
    group.notes += [
        "Alone, in processor seconds, slowest first: "
        + ", ".join(f"{name} {seconds:.2f}" for name, seconds in slowest)
        + ".",
        "Rows open: "
        + (", ".join(f"{name} {rows:,}" for name, rows in sorted(found["broken"].items())) or "none")
        + ".",
        f"Reading once touches every value (a hash of every column, one query a table); the warehouse is "
        f"{found['warehouse_mb']:,.0f} MB. The suite includes the ledger's copy, the steps and the exceptions' bookkeeping.",
    ]
    if found["unknown"]:
        group.notes.append("Not judged for want of a feed: " + ", ".join(found["unknown"]) + ".")
    return group


if __name__ == "__main__":
    say(run(int(sys.argv[1])))
