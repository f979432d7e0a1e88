"""Planning: what is wanted and not yet promised becomes a promise in the ledger.

Belongs here: one asset per sync, planned in one step.
Does not belong here: sending (``delivery``), or what is wanted (``dbt_project/models/wanted``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cogent_pipelines import warehouse
from cogent_pipelines.defs.flows import FLOWS, streams
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.defs.tables import counts, table
from cogent_pipelines.defs.transform import make_ready
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import controls, copy
from cogent_pipelines.outbox.plan import PlanReport, plan
from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines.rules import steps

MODES = {"off": "off", "shadow": "shadow: plans and shows, sends nothing", "live": "live"}


def syncs(estate: Estate) -> list[str]:
    """The syncs whose target's role somebody in the estate plays."""
    roles = {part.role for part in estate.systems.values()}
    return [name for name, sync in SYNCS.items() if sync.target_role in roles]


def assets(estate: Estate) -> dg.AssetsDefinition:
    """``outbox/<sync>`` for every sync of the estate."""
    reads = {
        name: [
            dg.AssetKey([vendor, stream.name])
            for flow in FLOWS
            if name in flow.syncs
            for vendor, found in streams(estate, flow).items()
            for stream in found
        ]
        for name in syncs(estate)
    }
    specs = [
        dg.AssetSpec(
            ["outbox", name],
            deps=[dg.AssetKey(["wanted", name]), *reads[name]],
            group_name="outbox",
            owners=[f"team:{SYNCS[name].owner}"],
            kinds={"duckdb", "sqlite"},
            description=f"Promises made from `wanted.{name}`: what should be true at the target and is not.",
        )
        for name in reads
    ]

    @dg.multi_asset(specs=specs, can_subset=True, name="plan")
    def planned(context: dg.AssetExecutionContext, retailer: Retailer) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = {key.path[-1] for key in context.selected_asset_keys}
        estate_now = retailer.estate()
        with retailer.ledger() as ledger:
            with warehouse.open(retailer.place().warehouse) as connection:
                make_ready(connection, estate_now)
                copy.copy(connection, ledger)
                steps.refresh(connection)
                reports = [plan(connection, ledger, estate_now, name) for name in reads if name in chosen]
            stops = controls.stops(ledger)
        for report in reports:
            yield dg.MaterializeResult(asset_key=["outbox", report.sync], metadata=_metadata(report, stops))

    return planned


def _metadata(report: PlanReport, stops: controls.Stops) -> dict[str, dg.MetadataValue | str | int]:
    found: dict[str, dg.MetadataValue | str | int] = {
        "mode": MODES[report.mode],
        "paused": "yes" if stops.stop(report.sync, "") else "no",
        "wanted": report.wanted,
        "planned": report.planned,
        "held": sum(report.held.values()),
    }
    for name in ("replaced", "let_go", "withdrawn", "adopted", "behind", "done_before", "skipped"):
        if number := getattr(report, name):
            found[name.replace("_", " ")] = number
    if report.held:
        found["held by reason"] = counts(report.held, ("reason", "keys"))
    if report.brakes:
        found["brakes"] = table(("system", "brake"), report.brakes.items())
    if report.stale:
        found["not planned from"] = table(("system", "because"), report.stale.items())
    if report.samples:
        found["samples"] = table(("act", "key", "state"), report.samples)
    return found
