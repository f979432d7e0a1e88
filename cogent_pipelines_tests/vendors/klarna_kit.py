"""Klarna as the suites of all vendors need it.

Belongs here: its ``KIT`` and ``PROVIDER``. Does not belong here: an assertion, or what providers share (``payouts_kit``).
"""

from __future__ import annotations

from datetime import timedelta

from cogent_pipelines_tests.vendors.payouts_kit import DAY, LATER, Provider, paid_out, sold, third
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Holds, Kit

LISTED = timedelta(hours=2)
"""After which a payout is listed."""


def reference(number: int) -> str:
    """The reference of a payout of the world."""
    return f"XISA{number:09d}"


def _disputed(retailer: Retailer) -> tuple[str, str]:
    """An old charge is disputed: the next payout says so, and the old one stays as it was."""
    retailer.do(THIRD, "dispute", order=LATER)
    sold(retailer, "#NEXT")
    sold(retailer, "#LAST")
    retailer.do(THIRD, "pay_out")
    paid = max(third(retailer).payouts)
    retailer.move_on(DAY / 4)
    return "payouts", reference(paid)


KIT = Kit(
    role="payments",
    refused=("Authorization failed: invalid credentials",),
    holds={
        "payouts": Holds(
            lambda r: [p for p in third(r).payouts.values() if p.issued_at + LISTED <= r.world.now],
            lambda payout: reference(payout.id),
        )
    },
    begin=paid_out,
    change=_disputed,
    is_book=True,
    publishes_no_limit=True,
)

PROVIDER = Provider(
    "payouts",
    "GET /settlements/v1/transactions",
    lists_unpaid=False,
    shows_originals=True,
    sets_aside_rows=False,
    has_states=False,
)
