"""Stripe as the suites of all vendors need it.

Belongs here: its ``KIT`` and ``PROVIDER``. Does not belong here: an assertion, or what providers share (``payouts_kit``).
"""

from __future__ import annotations

from cogent_pipelines_tests.vendors.payouts_kit import Provider, failed, paid_out, third
from cogent_pipelines_tests.vendors.sandbox_kit import Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Holds, Kit, Recorded

COVERED = {
    "fixture_balance_transaction.json": "balance_transactions stream",
    "fixture_payout.json": "payouts stream",
    "fixture_charge.json": "balance_transactions stream: a source",
    "fixture_refund.json": "balance_transactions stream: a source",
    "fixture_dispute.json": "balance_transactions stream: a source",
    "fixture_transfer.json": "balance_transactions stream: a source",
    "get-refund.recorded.json": "balance_transactions stream: a source",
}
NOT_COVERED = {
    "cancel-payment-intent.recorded.json": "payment intents are not read: money is known by its movements",
    "payment-intents.recorded.json": "payment intents are not read: money is known by its movements",
    "fixture_payment_intent.json": "payment intents are not read: money is known by its movements",
    "fixture_balance.json": "the balance is the sum of its movements",
    "fixture_event.json": "there are no webhooks in this project",
    "fixture_reporting_report_run.json": "lists give the same as reports, and sooner",
}


def payout_id(number: int) -> str:
    """The id of a payout of the world."""
    return f"po_{number:024d}"


def _failed(retailer: Retailer) -> tuple[str, str]:
    return "payouts", payout_id(failed(retailer).id)


KIT = Kit(
    role="payments",
    refused=("Invalid API Key provided: sandbox-****_key",),
    holds={
        "payouts": Holds(lambda r: third(r).payouts.values(), lambda payout: payout_id(payout.id)),
        "balance_transactions": Holds(
            lambda r: [entry for entry in third(r).entries.values() if entry.is_listed],
            lambda entry: f"txn_{entry.id:024d}",
        ),
    },
    begin=paid_out,
    change=_failed,
    allows_at_once=25,
    recorded=Recorded("stripe", COVERED, NOT_COVERED),
)

PROVIDER = Provider("balance_transactions", "GET /v1/balance_transactions", number="entry_id")
