"""The dbt models, made in a benchmark's warehouse.

Belongs here: one call of dbt. Does not belong here: rows, or what reads the models.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from common import ROOT

from cogent_pipelines.defs import transform
from cogent_pipelines.estate import Estate, Place

DBT = ROOT / "dbt_project"


def build(place: Place, estate: Estate, as_of: datetime) -> None:
    """Make every model of the estate (without its tests); raw tables must be there, empty or not."""
    command = [str(Path(sys.executable).parent / "dbt"), "run", "--quiet", *transform.in_use(estate)]
    command += ["--exclude", *transform.not_in_use(estate)]
    folders = {"--project-dir": DBT, "--profiles-dir": DBT, "--target-path": place.manifest.parent}
    folders["--log-path"] = place.root / "logs"
    done = subprocess.run(
        [*command, *(str(part) for pair in folders.items() for part in pair)],
        env={**os.environ, "COGENT_WAREHOUSE": str(place.warehouse), "COGENT_AS_OF": as_of.isoformat()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"dbt run failed:\n{done.stdout[-4000:]}")
