"""Telling people: the sensor that sends what the ledger says is unsent, and the report of the day.

Belongs here: the alert sensor and the asset ``reports/today``.
Does not belong here: what a message says or to whom it goes (``alerts``), or what the report counts (``reports``).
"""

from typing import Any

import dagster as dg

from cogent_pipelines import clock
from cogent_pipelines.alerts import send
from cogent_pipelines.defs.outbox import syncs
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import beats
from cogent_pipelines.reports import books
from cogent_pipelines.rules import catalogue


def alert_sensor() -> dg.SensorDefinition:
    """Every half minute: opened, escalated and cleared, one message per rule and cause."""

    @dg.sensor(name="alerts_unsent", minimum_interval_seconds=30, target=None)
    def alerts_unsent(retailer: Retailer) -> dg.SkipReason:
        return dg.SkipReason(f"{tell(retailer)} messages sent")

    return alerts_unsent


def tell(retailer: Retailer) -> int:
    """Send what is due; how many messages went out."""
    place = retailer.place()
    with retailer.ledger() as ledger:
        beats.beat(ledger, "alerts_unsent")
        sent = send.send_due(ledger, retailer.estate(), catalogue.load(place.manifest), now=clock.now())
    return len(sent)


def today(estate: Estate) -> dg.AssetsDefinition:
    """``reports/today``: books, exceptions by owner, modes and pauses, as one page; written when all else is done."""

    @dg.asset(
        key=["reports", "today"],
        group_name="reports",
        owners=["team:data"],
        kinds={"duckdb"},
        deps=[dg.AssetKey(["reports", "books"]), *(dg.AssetKey(["verification", s]) for s in syncs(estate))],
        description="The day on one page: the books, what is open and with whom, what may act and what is paused.",
    )
    def reports_today(retailer: Retailer) -> dg.MaterializeResult[Any]:
        found = books.read(retailer.place().root, retailer.estate_file)
        return dg.MaterializeResult(
            metadata={
                "today": dg.MetadataValue.md(books.as_markdown(found)),
                "balanced": found.balanced,
                "open exceptions": sum(row.open for row in found.exceptions),
            }
        )

    return reports_today
