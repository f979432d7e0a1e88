"""Klarna, a payment provider, as declarations: its payouts and the lines of each.

Belongs here: which lists are read and how.
Does not belong here: sending, paging or waiting (``connect``), signs and what a type means to us (staging/klarna).

Facts that shape this file: lines are asked for by payout and have no id, their place in it tells them apart; a date
without a time is midnight, so that a day from itself to itself is empty; a payout is dated at its midnight and listed
later, so windows overlap and look a little ahead. It is a book: nothing is undone by being left out. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cogent_pipelines.connect.auth import Basic
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import Offset
from cogent_pipelines.connect.spec import Answer, Cursor, Json, Part, Request, Stream, System, Vendor, Window

FORM = "%Y-%m-%dT%H:%M:%SZ"
HISTORY, AHEAD, LATE = timedelta(days=3 * 365), timedelta(days=3), timedelta(days=14)
"""How far back a first reading goes, how far ahead a payout may be dated, and how long after it one may be listed."""
PAYOUTS = Offset(size=20, limit="size", drifts=False)
"""Short pages: each payout comes with all its lines."""
LINES = Offset(size=500, limit="size", drifts=False)

# --- reading ------------------------------------------------------------------------------------------


def _payouts(window: Window, system: System) -> Request:
    """A request for the payouts dated in the window. The option ``history_days`` shortens a first reading."""
    days = system.options.get("history_days")
    start = window.start or window.end - (timedelta(days=float(days)) if days else HISTORY)
    ends = (("start_date", f"{start:{FORM}}"), ("end_date", f"{window.end + AHEAD:{FORM}}"))
    return Request("GET", "/settlements/v1/payouts", params=ends)


def _lines_of(payout: Mapping[str, Json], system: System) -> Request:  # noqa: ARG001
    """A request for the lines of a payout."""
    of = (("payment_reference", str(payout["payment_reference"])),)
    return Request("GET", "/settlements/v1/transactions", params=of)


def _total(answer: Answer) -> int | None:
    """The vendor's own count of the payouts in the window."""
    try:
        return int(answer.json()["pagination"]["total"])
    except (KeyError, TypeError, ValueError):
        return None


STREAMS = (
    Stream(
        "payouts",
        _payouts,
        records="payouts",
        paging=PAYOUTS,
        key="payment_reference",
        cursor=Cursor("payout_date", LATE),
        keeps=True,
        entity="payouts",
        total=_total,
        parts=(Part("transactions", _lines_of, LINES, records="transactions"),),
        left_out=(
            "transactions[].payout",
            "transactions[].payment_reference",
            "transactions[].consumer_vat",
            "transactions[].initial_payment_method*",
            "transactions[].initial_number_of_installments",
        ),
    ),
)

VENDOR = Vendor(
    slug="klarna",
    title="Klarna",
    roles=frozenset({"payments"}),
    hosts=("api.klarna.com", "api-na.klarna.com", "api-oc.klarna.com"),
    secrets=("username", "password"),
    options={
        "history_days": "how far a first reading goes back (three years)",
    },
    auth=Basic("username", "password"),
    limit=LeakyBucket(capacity=10, per_second=2, concurrent=2),  # no figure is published
    streams=STREAMS,
    writes={},
    probe=lambda system: Request("GET", "/settlements/v1/payouts", params=(("size", "1"),)),  # noqa: ARG005
    pages={"payment": "{admin}/orders/{id}"},
)
