"""Adyen as the suites of all vendors need it.

Belongs here: its ``KIT`` and ``PROVIDER``. Does not belong here: an assertion, or what providers share (``payouts_kit``).
"""

from __future__ import annotations

from collections.abc import Iterator

from cogent_pipelines.sandbox.vendors import adyen as edge
from cogent_pipelines_tests.vendors.payouts_kit import DAY, LATER, Provider, paid_out
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Holds, Kit


def _rows(retailer: Retailer) -> Iterator[str]:
    """Every row of every file that is there by now: a movement, or a balance taken over from or into a neighbour."""
    account = edge.Edge(THIRD, retailer.world, retailer.sandbox.kit)
    for batch in account.batches():
        if batch.closed_at + edge.WRITTEN <= retailer.world.now:
            listed = sum(entry.is_listed for entry in batch.entries)
            rows = listed + bool(batch.brought) + bool(batch.left)
            yield from (f"{batch.number}/{place}" for place in range(1, rows + 1))


def _disputed(retailer: Retailer) -> tuple[str, str]:
    """An old charge is disputed: the next file, which is there the day after, says so in its first row."""
    last = max(int(row.partition("/")[0]) for row in _rows(retailer))
    retailer.do(THIRD, "dispute", order=LATER)
    retailer.move_on(2 * DAY)
    return "settlement_details", f"{last + 1}/1"


KIT = Kit(
    role="payments",
    refused=("HTTP Status 401 - Unauthorized",),
    options={"merchant_account": "SandboxUK", "first_batch": 41},
    holds={"settlement_details": Holds(_rows, str)},
    begin=paid_out,
    change=_disputed,
    is_book=True,
    publishes_no_limit=True,
)

PROVIDER = Provider("settlement_details", "GET /reports/download", has_states=False)
