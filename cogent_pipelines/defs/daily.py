"""What is done once a day beside reading: ids are swept, old files and old run history are removed.

Belongs here: the daily jobs that keep the estate's folder from growing for ever.
Does not belong here: what a sweep means (``landing``), or anything that acts on a vendor.
"""

import asyncio
from datetime import timedelta

import dagster as dg

from cogent_pipelines.connect.client import Client
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.estate import Estate
from cogent_pipelines.landing import sweep
from cogent_pipelines.landing.pull import PullReport

RUNS_KEPT = timedelta(days=30)
MOST_RUNS = 2000
"""Runs removed at once; the rest goes the day after."""


@dg.op
def sweep_ids(context: dg.OpExecutionContext, retailer: Retailer) -> None:
    """List every id each vendor still has; what is gone there is marked gone here (``_gone_at``)."""
    estate, place = retailer.estate(), retailer.place()

    async def one(name: str, client: Client) -> list[PullReport]:
        async with client:
            return await sweep.sweep(
                estate,
                name,
                client.vendor.streams_of(estate.systems[name].role),
                state=place.root,
                warehouse_path=place.warehouse,
                client=client,
            )

    with retailer.ledger() as ledger, retailer.clients(ledger) as clients:
        for name, make in clients.items():
            for report in asyncio.run(one(name, make())):
                context.log.info("%s %s: %s gone", name, report.stream, report.rows_gone)


@dg.op
def prune_history(context: dg.OpExecutionContext, retailer: Retailer) -> None:
    """Remove unfinished and replaced landings, landings past their keep, and old runs of Dagster."""
    place = retailer.place()
    cleared = sweep.clear(place.root, keep=timedelta(days=retailer.estate().landed_days))
    before = dg.RunsFilter(
        created_before=context.instance.get_run_record_by_id(context.run_id).create_timestamp - RUNS_KEPT  # type: ignore[union-attr]
    )
    old = context.instance.get_run_records(before, limit=MOST_RUNS, ascending=True)
    for record in old:
        context.instance.delete_run(record.dagster_run.run_id)
    context.log.info("landings: %s; %d runs removed", cleared, len(old))


@dg.job(
    executor_def=dg.in_process_executor,
    description="Marks what vendors have deleted, and removes what is old.",
)
def daily() -> None:
    """Sweep, then prune."""
    prune_history.alias("prune")()
    sweep_ids()


def schedule(estate: Estate) -> dg.ScheduleDefinition:
    """At a quiet hour of the retailer's day."""
    return dg.ScheduleDefinition(
        name="daily_sweep_and_prune",
        job=daily,
        cron_schedule="11 3 * * *",
        execution_timezone=estate.time_zone,
    )
