"""What Dagster loads. Short: it puts together what the files of ``defs`` declare for the estate in force.

Belongs here: assembly.
Does not belong here: anything else.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from cogent_pipelines import estate as estates
from cogent_pipelines.defs import (
    alerts,
    automation,
    checks,
    daily,
    delivery,
    ingest,
    outbox,
    resources,
    transform,
    verification,
)
from cogent_pipelines.rules import catalogue
from cogent_pipelines.vendors import accounts


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of the estate named by ``COGENT_ESTATE``, keeping everything in ``COGENT_STATE``."""
    return build(resources.estate_file(), Path(resources.state()))


def build(estate_file: str, state: Path) -> dg.Definitions:
    """The definitions for one estate and its folder."""
    estate = estates.load(estate_file)
    accounts.check(estate, estate_file)
    manifest = transform.manifest(estates.Place(state), estate)
    catalogue.check(estate_file, estate, catalogue.load(manifest))
    judged = checks.checks(estate, manifest)
    made = automation.jobs(estate, [spec.key for spec in judged.check_specs])
    return dg.Definitions(
        assets=[
            *ingest.assets(estate),
            transform.models(manifest, estate),
            outbox.assets(estate),
            delivery.assets(estate),
            verification.assets(estate),
            alerts.today(estate),
        ],
        asset_checks=[judged],
        jobs=[*made.values(), daily.daily],
        schedules=[*automation.schedules(estate, made), daily.schedule(estate)],
        sensors=[
            *automation.quick_sensors(estate, made),
            automation.outbox_sensor(made),
            alerts.alert_sensor(),
        ],
        resources=resources.build(estate_file, state),
    )
