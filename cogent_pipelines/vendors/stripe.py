"""Stripe, a payment provider, as declarations: payouts, the movements of its balance, and which payout took which.

Belongs here: which lists are read and how, and what the vendor's own errors mean.
Does not belong here: sending, paging or waiting (``connect``), units and what a type means to us (staging/stripe).

Facts that shape this file: lists come newest first; a movement does not name its payout, the payout has to be asked
for its movements, which it tells of automatic payouts only and for certain once they are reconciled; a movement
names its order only through its source. It is a book: nothing is undone by being left out. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import Keyset, with_params
from cogent_pipelines.connect.spec import (
    Answer,
    Cursor,
    Json,
    Part,
    Request,
    Stream,
    System,
    Vendor,
    Window,
)
from cogent_pipelines.errors import Reject, Retry

VERSION = "2026-07-29.dahlia"
LATE = timedelta(days=14)
"""How long after it was made a payout or a movement may change: its state, when it is available."""

# --- reading ------------------------------------------------------------------------------------------


def _pages(size: int) -> Keyset:
    """A list that goes on behind the id of a page's last record, by pages of ``size``."""

    def behind(request: Request, last: str | None) -> Request:
        return with_params(request, {"limit": str(size)} | ({} if last is None else {"starting_after": last}))

    return Keyset(behind, records="data", more="has_more")


PAGES = _pages(100)
PAYOUTS = _pages(20)
"""Shorter: each payout comes with all its lines."""


def ask(path: str, system: System, *params: tuple[str, str]) -> Request:
    """A request of the pinned version; of a connected account where the system's option ``account`` names one."""
    account = system.options.get("account")
    of = {"Stripe-Account": str(account)} if account else {}
    return Request("GET", path, params=params, headers={"Stripe-Version": VERSION, **of})


def _list(path: str, *fixed: tuple[str, str]) -> Callable[[Window, System], Request]:
    """A request for what was made since the window's start. What is made meanwhile comes with the next."""

    def request(window: Window, system: System) -> Request:
        since = (("created[gte]", str(int(window.start.timestamp()))),) if window.start else ()
        return ask(path, system, *since, *fixed)

    return request


def _lines_of(payout: Mapping[str, Json], system: System) -> Request | None:
    """The movements of a payout, where it can be asked for them and will not add to them."""
    if not payout.get("automatic") or payout.get("reconciliation_status") != "completed":
        return None
    return ask("/v1/balance_transactions", system, ("payout", str(payout["id"])))


STREAMS = (
    Stream(
        "payouts",
        _list("/v1/payouts"),
        records="data",
        paging=PAYOUTS,
        cursor=Cursor("created", LATE),
        keeps=True,
        entity="payouts",
        parts=(Part("lines", _lines_of, PAGES, records="data"),),
        left_out=(
            "object",
            "livemode",
            "destination",
            "application_fee*",
            "source_type",
            "metadata*",
            "payout_method",
            "lines[].*",
        ),
    ),
    Stream(
        "balance_transactions",
        _list("/v1/balance_transactions", ("expand[]", "data.source")),
        records="data",
        paging=PAGES,
        cursor=Cursor("created", LATE),
        keeps=True,
        entity="payouts",
        left_out=("object", "fee_details[].application", "source.*"),  # persons: what we need is declared
    ),
)

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:  # noqa: ARG001  reads only
    """The vendor says itself which refusals may be repeated."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return
    again = answer.headers.get("stripe-should-retry", "")
    said = f"answered {answer.status}: {words(answer)}"
    if again == "true":
        raise Retry(said)
    if again == "false" and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Reject(said, code="not_to_be_repeated")


VENDOR = Vendor(
    slug="stripe",
    title="Stripe",
    roles=frozenset({"payments"}),
    hosts=("api.stripe.com",),
    secrets=("api_key",),
    options={
        "account": "a connected account",
    },
    auth=StaticHeader("Authorization", "api_key", prefix="Bearer "),
    limit=LeakyBucket(capacity=2, per_second=23),  # 25 in any second at one endpoint
    streams=STREAMS,
    writes={},
    check=check,
    probe=lambda system: ask("/v1/balance_transactions", system, ("limit", "1")),
    pages={"payout": "{admin}/payouts/{id}", "payment": "{admin}/payments/{id}"},
)
