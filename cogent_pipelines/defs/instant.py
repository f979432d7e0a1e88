"""The instant that dbt's tests take for now, from ``COGENT_AS_OF``, on every cursor that dbt opens.

Belongs here: this one variable. Does not belong here: what is made of it (``macros/time.sql``).

It is no setting of the profile: dbt reads its whole project again when the profile differs from the last run's.
"""

from __future__ import annotations

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """Named so because dbt-duckdb looks for this name."""

    def configure_cursor(self, cursor: Any) -> None:
        """Without the instant a test that needs it says so."""
        cursor.execute("SET VARIABLE as_of = $1", [os.environ.get("COGENT_AS_OF", "")])
