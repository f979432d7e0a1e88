"""PayPal as the suites of all vendors need it, and its contract.

Belongs here: its ``KIT`` and ``PROVIDER``. Does not belong here: an assertion, or what providers share (``payouts_kit``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache

import pytest

from cogent_pipelines.sandbox.vendors import paypal as edge
from cogent_pipelines_tests.vendors.openapi_kit import OpenApi
from cogent_pipelines_tests.vendors.payouts_kit import SHARED, Provider, failed, paid_out
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Contract, Holds, Kit, Recorded

SPEC = SHARED / "vendors" / "specs" / "payouts_paypal.json"
COVERED = {"transactions.recorded.json": "transactions stream"}
NOT_COVERED = {
    "add-order-tracking.recorded.json": "parcels are told to the shop, which tells its provider",
    "get-capture.recorded.json": "money is known by its movements",
    "get-refund.recorded.json": "money is known by its movements",
}


@cache
def contract() -> OpenApi:
    """The vendor's own contract; skips where the shared folder is absent."""
    if not SPEC.exists():
        pytest.skip(
            "no payouts_paypal.json: the shared folder of vendors' contracts is not beside the project"
        )
    return OpenApi(json.loads(SPEC.read_text(encoding="utf-8")))


def key(name: str, code: str, at: datetime, currency: str) -> str:
    """What tells a line of the book from all others."""
    return f"{name}:{code}:{at:%Y-%m-%dT%H:%M:%SZ}:{currency}"


def _lines(retailer: Retailer) -> Iterator[str]:
    """Every line that has appeared by now."""
    account = edge.Edge(THIRD, retailer.world, retailer.sandbox.kit)
    for line, _ in account.balances():
        if line.at + edge.lateness(line) <= retailer.world.now:
            yield key(line.id, line.code, line.at, line.currency)


def _failed(retailer: Retailer) -> tuple[str, str]:
    payout = failed(retailer)
    return "transactions", key(f"{payout.id:016d}W", "T0400", payout.issued_at, payout.currency)


KIT = Kit(
    role="payments",
    refused=("Client Authentication failed",),
    options={"history_days": 60},
    holds={"transactions": Holds(_lines, str)},
    begin=paid_out,
    change=_failed,
    allows_at_once=50,
    recorded=Recorded("paypal", COVERED, NOT_COVERED),
    contract=Contract(
        "payouts_paypal.json",
        lambda exchange: contract().errors(exchange),
        wrong={
            r"^POST /v1/oauth2/token: .* is not documented$": "the brief, Auth: the token is fetched there; this document "
            "is of the reports only",
        },
    ),
)

PROVIDER = Provider("transactions", "GET /v1/reporting/transactions", requests=2, converts_at_once=True)
