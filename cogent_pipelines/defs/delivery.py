"""Delivery: due promises go out. One asset per sync, one step for all of them.

Belongs here: running the outbox's workers and showing what they did.
Does not belong here: the steps of one delivery (``outbox``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from cogent_pipelines.defs.outbox import MODES, syncs
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.defs.tables import table
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books, controls
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox.deliver import DeliverReport, Refresh, deliver
from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines.rules import steps

ROUNDS = 40
"""Runs of the worker within one step; what is still due then waits for the sensor."""


def assets(estate: Estate) -> dg.AssetsDefinition:
    """``delivery/<sync>`` for every sync of the estate."""
    names = syncs(estate)
    specs = [
        dg.AssetSpec(
            ["delivery", name],
            deps=[dg.AssetKey(["outbox", name])],
            group_name="delivery",
            owners=[f"team:{SYNCS[name].owner}"],
            kinds={"https"},
            description=f"What was sent for {name}: looked up first, intent written, sent, read back.",
        )
        for name in names
    ]

    @dg.multi_asset(specs=specs, can_subset=True, name="deliver")
    def delivered(
        context: dg.AssetExecutionContext, retailer: Retailer
    ) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = [key.path[-1] for key in context.selected_asset_keys]
        estate_now = retailer.estate()
        reports: list[DeliverReport] = []
        refresh = once(steps.refresh_if_read)
        with retailer.ledger() as ledger, retailer.clients(ledger) as clients:
            for _ in range(ROUNDS):
                report = deliver(
                    ledger,
                    estate_now,
                    retailer.place().warehouse,
                    clients,
                    by=f"run {context.run_id}",
                    refresh=refresh,
                )
                reports.append(report)
                if not report.is_more_due:
                    break
            shown = metadata(ledger, estate_now, reports)
        for name in chosen:
            yield dg.MaterializeResult(asset_key=["delivery", name], metadata=shown[name])

    return delivered


def once(refresh: Refresh) -> Refresh:
    """``refresh`` at the first call only: a step's later runs go by the readings its first one saw."""
    is_done = False

    def at_first(connection: duckdb.DuckDBPyConnection) -> None:
        nonlocal is_done
        if not is_done:
            refresh(connection)
            is_done = True

    return at_first


TALLIED = (
    "claimed",
    "sends",
    "requests",
    "verified",
    "adopted",
    "in_doubt",
    "waiting",
    "rejected",
    "dead",
    "differing",
)


def metadata(ledger: Ledger, estate: Estate, reports: list[DeliverReport]) -> dict[str, dict[str, Any]]:
    """What the UI shows of each sync: its mode, pauses, where its keys stand, and what this step did."""
    stops = controls.stops(ledger)
    standing = {(book.sync, book.system): book for book in books.books(ledger)}
    done: dict[str, dict[str, int]] = {}
    for report in reports:
        for system, tally in report.systems.items():
            row = done.setdefault(system, dict.fromkeys(TALLIED, 0))
            for name in TALLIED:
                row[name] += getattr(tally, name)
    not_sent = {where: why for report in reports for where, why in report.not_sent.items()}
    shown: dict[str, dict[str, Any]] = {}
    for name in syncs(estate):
        part = estate.syncs.get(name)
        paused = sorted(stops.paused & {controls.ALL, name, *estate.systems}) + sorted(stops.halted)
        rows = [
            (
                system or "not known yet",
                b.keys,
                b.verified,
                b.waiting,
                sum(b.held.values()),
                sum(b.rejected.values()),
                b.dead,
            )
            for (sync, system), b in standing.items()
            if sync == name
        ]
        shown[name] = {
            "mode": MODES[part.mode if part else "shadow"],
            "paused or halted": ", ".join(paused) or "no",
            "verified": sum(row[2] for row in rows),
            "waiting": sum(row[3] for row in rows),
            "standing": table(("target", "keys", "verified", "waiting", "held", "rejected", "dead"), rows),
            "this step, all syncs": table(
                ("target", *TALLIED), [(s, *row.values()) for s, row in done.items()]
            ),
        }
        if waits := [(where, why) for where, why in not_sent.items() if where.startswith(f"{name} ")]:
            shown[name]["not sent"] = table(("sync and target", "because"), waits)
    return shown
