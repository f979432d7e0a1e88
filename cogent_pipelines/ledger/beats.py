"""Heartbeats: that a schedule, a sensor or a job ran at all.

Belongs here: writing a beat and reading them back.
Does not belong here: how old a beat may be (``cogent health`` asks the estate's cadence).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger, records
from cogent_pipelines.ledger.tables import heartbeats


def beat(ledger: Ledger, name: str, detail: str = "") -> None:
    """Say that ``name`` is alive now."""
    with ledger.write() as writing:
        done = writing.connection.execute(
            sa.update(heartbeats).where(heartbeats.c.name == name).values(at=writing.at, detail=detail)
        )
        if done.rowcount == 0:
            writing.connection.execute(sa.insert(heartbeats).values(name=name, at=writing.at, detail=detail))


def beats(ledger: Ledger) -> list[Mapping[str, Any]]:
    """Every heartbeat (name, at, detail), the oldest first."""
    with ledger.read() as connection:
        return list(records(connection, sa.select(heartbeats).order_by(heartbeats.c.at)))
