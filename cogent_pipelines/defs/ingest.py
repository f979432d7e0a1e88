"""Landing: what each vendor's systems hold now, as raw tables.

Belongs here: one asset per vendor and stream, one step per vendor, and what the UI shows of a pull.
Does not belong here: how a stream is read (``vendors``, ``connect``) or landed (``landing``).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Stream
from cogent_pipelines.defs.flows import phases, read, vendors
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.defs.tables import table
from cogent_pipelines.errors import Halt
from cogent_pipelines.estate import Estate, span
from cogent_pipelines.landing.pull import PullReport, pull_system
from cogent_pipelines.ledger import controls
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.vendors.registry import VENDORS

Reports = dict[str, dict[str, PullReport]]
"""Stream -> system -> what its pull did."""


def assets(estate: Estate) -> list[dg.AssetsDefinition]:
    """``<vendor>/<stream>`` for every vendor of the estate; a later vendor's step waits for the earlier ones'."""
    made: list[dg.AssetsDefinition] = []
    before: list[dg.AssetKey] = []
    for slug in vendors(estate):
        made.append(_assets(estate, slug, tuple(before)))
        before += [dg.AssetKey([slug, stream.name]) for stream in read(estate, slug)]
    return made


def _assets(estate: Estate, slug: str, before: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    vendor = VENDORS[slug]
    hot = {"orders", "shipments", "stock"}
    specs = [
        dg.AssetSpec(
            [slug, stream.name],
            # A difference is only as good as what it was read from: channels are read before warehouses.
            deps=before if stream.entity in hot else (),
            group_name=slug,
            owners=["team:data"],
            kinds={slug, "duckdb"},
            description=f"{vendor.title}'s {stream.name.replace('_', ' ')} as it states them, one row per system and id.",
            freshness_policy=_freshness(estate, stream),
        )
        for stream in read(estate, slug)
    ]

    @dg.multi_asset(specs=specs, can_subset=True, name=f"land_{slug}")
    def land(context: dg.AssetExecutionContext, retailer: Retailer) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = {key.path[-1] for key in context.selected_asset_keys}
        estate_now = retailer.estate()
        systems = [name for name, part in estate_now.systems.items() if part.vendor == slug]
        reports: Reports = {}
        stats: dict[str, dict[str, Any]] = {}
        with retailer.ledger() as ledger, retailer.clients(ledger, *systems) as clients:
            for name in systems:
                if controls.stops(ledger).paused & {controls.ALL, name}:
                    context.log.warning("%s is paused: not read", name)
                    continue
                found, used = asyncio.run(_read(estate_now, name, chosen, clients[name](), retailer))
                stats[name] = used
                for report in found:
                    reports.setdefault(report.stream, {})[name] = report
                _credentials(ledger, name, found)
        for stream in read(estate_now, slug):
            if stream.name in chosen:
                yield dg.MaterializeResult(
                    asset_key=[slug, stream.name], metadata=_metadata(reports.get(stream.name, {}), stats)
                )

    return land


def _freshness(estate: Estate, stream: Stream) -> dg.FreshnessPolicy | None:
    cadence = span(estate.cadence.get(stream.entity, "1d"))
    # Dagster's own policy counts wall time and no less than a minute; every_feed_is_up_to_date counts the estate's.
    return dg.FreshnessPolicy.time_window(fail_window=max(cadence * 3, timedelta(minutes=5)))


async def _read(
    estate: Estate, name: str, chosen: set[str], client: Client, retailer: Retailer
) -> tuple[list[PullReport], dict[str, Any]]:
    reports: list[PullReport] = []
    place = retailer.place()
    async with client:
        role = estate.systems[name].role
        for group in phases(role, client.vendor.streams_of(role)):
            wanted = [stream for stream in group if stream.name in chosen]
            if wanted:
                reports += await pull_system(
                    estate, name, wanted, state=place.root, warehouse_path=place.warehouse, client=client
                )
        return reports, client.stats.numbers()


def _credentials(ledger: Ledger, name: str, reports: Sequence[PullReport]) -> None:
    """A refusal halts the system, so that nothing is sent to it; a complete pull ends the halt."""
    halts = [report.error for report in reports if isinstance(report.error, Halt)]
    if halts:
        with ledger.write() as writing:
            controls.halt(writing, name, reason=halts[0].reason, code=halts[0].code, owner="data")
    elif any(report.is_complete for report in reports) and name in controls.stops(ledger).halted:
        controls.probed(ledger, name, is_well=True)


def _metadata(reports: Mapping[str, PullReport], stats: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    head = ("system", "kind", "complete", "rows in", "new", "changed", "set aside", "gone", "up to", "note")
    rows = [
        (
            name,
            r.kind,
            "yes" if r.is_complete else "NO",
            r.rows_in,
            r.rows_new,
            r.rows_changed,
            r.rows_set_aside,
            r.rows_gone,
            f"{r.window_to:%Y-%m-%d %H:%M:%S}",
            r.note,
        )
        for name, r in reports.items()
    ]
    used = [(name, *(stats[name].get(k, 0) for k in _USED)) for name in reports]
    return {
        "rows in": sum(r.rows_in for r in reports.values()),
        "rows new": sum(r.rows_new for r in reports.values()),
        "rows changed": sum(r.rows_changed for r in reports.values()),
        "rows set aside": sum(r.rows_set_aside for r in reports.values()),
        "pulls": table(head, rows, empty="not read: paused"),
        "calls of the whole step": table(("system", *(k.replace("_", " ") for k in _USED)), used),
    }


_USED = (
    "calls",
    "points",
    "throttled",
    "errors",
    "waited_s",
    "answer_s_mean",
    "answer_s_slowest",
    "limit_left",
)
