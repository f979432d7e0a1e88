"""When things run: a schedule per flow (a sensor where a minute is too seldom), and the sensor that asks what is due.

Belongs here: jobs, schedules and their sensors, the outbox sensor.
Does not belong here: what a flow reads (``flows``) or does (the other files of this folder).
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from cogent_pipelines.defs.flows import FLOWS, Flow, streams
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.estate import Estate, span
from cogent_pipelines.ledger import beats
from cogent_pipelines.outbox import due

TICK = "tick"
PATIENCE = timedelta(minutes=10)
"""Of the wall's time: how long a run is believed to be at work. Two at once do no harm; a storm of them would."""
MINUTE = timedelta(minutes=1)
"""Dagster's schedules know no less: a flow of a shorter cadence is started by a sensor."""
Jobs = dict[str, Any]
"""Flow -> its job (``define_asset_job`` gives a type that Dagster does not name in public)."""


def _cron(seconds: float, place: int = 0) -> str:
    """The cron line nearest to a cadence of a minute or more.

    ``place`` moves flows of the same cadence apart: runs that start in the same second wait for each other.
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 60:  # noqa: PLR2004
        return f"{place % minutes}-59/{minutes} * * * *" if place % minutes else f"*/{minutes} * * * *"
    if minutes < 24 * 60:
        return f"7 */{minutes // 60} * * *"
    return "23 3 * * *"


def _keys(estate: Estate, flow: Flow) -> list[dg.AssetKey]:
    keys = [dg.AssetKey([vendor, s.name]) for vendor, found in streams(estate, flow).items() for s in found]
    for sync in flow.syncs:
        keys += [dg.AssetKey([stage, sync]) for stage in ("outbox", "delivery", "verification")]
    return keys


def jobs(estate: Estate, checks: Sequence[dg.AssetCheckKey]) -> Jobs:
    """One job per flow of the estate, one for a whole pass, one for what the sensor starts, one for dbt."""
    made = {}
    rules = dg.AssetSelection.checks(*checks)
    every: dict[dg.AssetKey, None] = {}
    for flow in FLOWS:
        if flow.name in estate.cadence and (keys := _keys(estate, flow)):
            if flow.syncs:
                every.update(dict.fromkeys(keys))
            made[flow.name] = dg.define_asset_job(
                f"flow_{flow.name}",
                # What is read seldom is judged by the next frequent flow, a minute later.
                selection=dg.AssetSelection.assets(*keys) | rules
                if flow.syncs
                else dg.AssetSelection.assets(*keys),
                executor_def=dg.in_process_executor,
                description=f"Reads {', '.join(f'{r} {e}' for r, e in flow.reads)}"
                + (
                    f"; judges every rule; plans, delivers and verifies {', '.join(flow.syncs)}."
                    if flow.syncs
                    else "."
                ),
            )
    stages = [k for k in every if k.path[0] in {"delivery", "verification"}]
    made["deliver"] = dg.define_asset_job(
        "deliver_due",
        selection=dg.AssetSelection.assets(*stages),
        executor_def=dg.in_process_executor,
        description="Sends and verifies what the ledger says is due; started by the sensor outbox_due.",
    )
    made[TICK] = dg.define_asset_job(
        TICK,
        selection=dg.AssetSelection.assets(*every, dg.AssetKey(["reports", "today"])) | rules,
        executor_def=dg.in_process_executor,
        description="One pass of everything: what `cogent tick` runs.",
    )
    made["build"] = dg.define_asset_job(
        "build_models",
        selection=dg.AssetSelection.groups("staging", "marts", "rules", "wanted", "reports", "mappings")
        - dg.AssetSelection.assets(dg.AssetKey(["reports", "today"]))
        - dg.AssetSelection.checks(*checks),
        executor_def=dg.in_process_executor,
        description="dbt build with its tests: on deploy, after a change of a model or a mapping, and daily.",
    )
    return made


def is_under_way(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of this job waits or is at work. Another beside it would only make both slower.

    One that was killed with its machine is called started for an hour: it is believed for ``PATIENCE``.
    """
    states = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    since = datetime.fromtimestamp(time.time() - PATIENCE.total_seconds(), UTC)
    wanted = dg.RunsFilter(job_name=job, statuses=states, created_after=since)
    return bool(instance.get_run_records(wanted, limit=1))


def _when_free(job: str) -> Callable[[dg.ScheduleEvaluationContext], bool]:
    return lambda context: not is_under_way(context.instance, job)


def schedules(estate: Estate, made: Jobs) -> list[dg.ScheduleDefinition]:
    """A schedule per flow at the estate's cadence, and the daily build."""
    found = [
        dg.ScheduleDefinition(
            name=f"{flow}_every_{text}",
            job=made[flow],
            cron_schedule=_cron(span(text).total_seconds(), place),
            execution_timezone=estate.time_zone,
            should_execute=_when_free(f"flow_{flow}"),
            description=f"{flow}: every {text}, by the estate's cadence, unless it is still under way.",
        )
        for place, (flow, text) in enumerate(estate.cadence.items())
        if flow in made and span(text) >= MINUTE
    ]
    found.append(
        dg.ScheduleDefinition(
            name="models_daily",
            job=made["build"],
            cron_schedule="41 4 * * *",
            execution_timezone=estate.time_zone,
        )
    )
    return found


def quick_sensors(estate: Estate, made: Jobs) -> list[dg.SensorDefinition]:
    """A sensor per flow that runs more often than every minute."""
    return [
        _quick(made[flow], flow, text)
        for flow, text in estate.cadence.items()
        if flow in made and span(text) < MINUTE
    ]


def _quick(job: Any, flow: str, text: str) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{flow}_every_{text}",
        job=job,
        minimum_interval_seconds=round(span(text).total_seconds()),
        description=f"{flow}: every {text}, by the estate's cadence, unless it is still under way.",
    )
    def quick(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if is_under_way(context.instance, f"flow_{flow}"):
            return dg.SkipReason("it is still under way")
        return dg.RunRequest()

    return quick


def outbox_sensor(made: Jobs) -> dg.SensorDefinition:
    """The sensor that asks the ledger what is due; one run drains many operations (design row 8)."""

    @dg.sensor(name="outbox_due", job=made["deliver"], minimum_interval_seconds=15)
    def outbox_due(
        context: dg.SensorEvaluationContext, retailer: Retailer
    ) -> dg.SensorResult | dg.SkipReason:
        with retailer.ledger() as ledger:
            beats.beat(ledger, "outbox_due")
            number = due.count(ledger, retailer.estate())
        if not number:
            return dg.SkipReason("nothing is due that may be acted on")
        if is_under_way(context.instance, "deliver_due"):
            return dg.SkipReason(f"{number} due; a delivery run is under way and drains them")
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={"cogent/due": str(number)})])

    return outbox_due
