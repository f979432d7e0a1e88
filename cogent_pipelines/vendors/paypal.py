"""PayPal, a payment provider, as declarations: the movements of its balance.

Belongs here: how the one list there is is read, what makes a movement one, what the vendor's own errors mean.
Does not belong here: sending, paging or waiting (``connect``), what an event code means to us (staging/paypal).

Facts that shape this file: a request spans 31 days and 10,000 rows at most, and three years back; a row may appear
three hours late and change for days; a transaction's id is not unique; there is no payout, a withdrawal is the
transfer. The balance after each movement is told only where no filter is asked for, so none is. It is a book: nothing
is undone by being left out. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from cogent_pipelines import clock
from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import ClientCredentials
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.spec import Answer, Ask, Cursor, Json, Request, Stream, System, Vendor, Window
from cogent_pipelines.errors import Reject, Retry

LONGEST = timedelta(days=31)
HISTORY = timedelta(days=3 * 365 - 5)
"""How far back a first reading goes; the vendor refuses what is older than three years."""
LATE = timedelta(days=14)
"""How long after it began a movement may appear or change its state."""
FORM = "%Y-%m-%dT%H:%M:%SZ"
PATH = "/v1/reporting/transactions"
SCOPE = "https://uri.paypal.com/services/reporting/search/read"
NOT_AVAILABLE = "data for the given start date is not available"

# --- reading ------------------------------------------------------------------------------------------


def _span(start: datetime, end: datetime, *, is_first: bool = False) -> Ask:
    """The movements of a span. Spans touch, so that an instant at an edge is in one of them however it is counted."""
    params = (("start_date", f"{start:{FORM}}"), ("end_date", f"{end:{FORM}}"))
    return Ask(Request("GET", PATH, params=params), {"start": start, "end": end, "is_first": is_first})


def ask_spans(window: Window, system: System) -> list[Ask]:
    """The window in spans of equal length: the last is then no sliver of what the vendor has not got yet.

    The option ``history_days`` shortens a first reading.
    """
    days = system.options.get("history_days")
    start = window.start or window.end - (timedelta(days=float(days)) if days else HISTORY)
    start, end = start.replace(microsecond=0), window.end.replace(microsecond=0)
    parts = max(ceil((end - start) / LONGEST), 1)
    seconds = max(ceil((end - start).total_seconds() / parts), 1)
    edges = [min(start + timedelta(seconds=seconds * n), end) for n in range(parts)]
    return [_span(a, b, is_first=a == start) for a, b in zip(edges, [*edges[1:], end], strict=True)]


def otherwise(ask: Ask, answered: int | Reject, system: System) -> Sequence[Ask]:  # noqa: ARG001
    """Both halves of a span that holds too much; nothing for one the vendor has nothing of yet, but for the first."""
    if not isinstance(answered, Reject):
        return ()
    start, end = ask.about["start"], ask.about["end"]
    if answered.code == "too_large" and end - start > timedelta(seconds=1):
        middle = start + timedelta(seconds=ceil((end - start).total_seconds() / 2))
        return _span(start, middle, is_first=ask.about["is_first"]), _span(middle, end)
    if answered.code == "not_ready" and not ask.about["is_first"]:
        return ()
    raise answered


def key(info: Json) -> str:
    """What makes a movement one: the two halves of a conversion share all but their currency."""
    amount = info.get("transaction_amount")
    parts = (
        info.get("transaction_id"),
        info.get("transaction_event_code"),
        info.get("transaction_initiation_date"),
        amount.get("currency_code") if isinstance(amount, dict) else None,
    )
    return ":".join(str(part or "") for part in parts)


def movements(about: Json, body: Json) -> list[Json]:  # noqa: ARG001
    """The movements, each with its key. A list that is left out is empty where the vendor counts none."""
    try:
        found = body.get("transaction_details")
        if found is None and body.get("total_items") == 0:
            return []
        return [
            {"key": key(each["transaction_info"]), "transaction_info": each["transaction_info"]}
            for each in found
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise Retry(f"the page is not the list expected ({type(error).__name__}: {error})") from None


STREAMS = (
    Stream(
        "transactions",
        asks=ask_spans,
        rows=movements,
        further=otherwise,
        paging=PageNumber(size=500, pages_path="total_pages", drifts=False),
        key="key",
        cursor=Cursor("transaction_info.transaction_initiation_date", LATE),
        keeps=True,
        entity="payouts",
        left_out=(
            "transaction_info.paypal_account_id", "transaction_info.transaction_subject",
            "transaction_info.transaction_note", "transaction_info.protection_eligibility",
            "transaction_info.instrument_*", "transaction_info.payment_*", "transaction_info.credit_*",
            "transaction_info.annual_percentage_rate", "transaction_info.discount_amount*",
            "transaction_info.insurance_amount*", "transaction_info.shipping_*", "transaction_info.sales_tax_amount*",
            "transaction_info.other_amount*", "transaction_info.tip_amount*",
        ),
    ),
)  # fmt: skip

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:  # noqa: ARG001  reads only
    """Two of the vendor's refusals are answered by asking otherwise, and never by going on as if nothing were."""
    if answer.status != HTTPStatus.BAD_REQUEST:
        return
    body = answer.json()
    said = f"answered {answer.status}: {words(answer)}"
    if body.get("name") == "RESULTSET_TOO_LARGE":
        raise Reject(said, code="too_large")
    if NOT_AVAILABLE in str(body.get("message", "")).lower():
        raise Reject(said, code="not_ready")


def _probe(system: System) -> Request:  # noqa: ARG001
    """One row of the day before: balances would need a right of their own."""
    now = clock.now()
    span = (("start_date", f"{now - timedelta(days=1):{FORM}}"), ("end_date", f"{now:{FORM}}"))
    return Request("GET", PATH, params=(*span, ("page_size", "1")))


VENDOR = Vendor(
    slug="paypal",
    title="PayPal",
    roles=frozenset({"payments"}),
    hosts=("api-m.paypal.com",),
    secrets=("client_id", "client_secret"),
    options={
        "history_days": "how far a first reading goes back (three years)",
    },
    auth=ClientCredentials("/v1/oauth2/token", in_header=True, scopes=frozenset({SCOPE}), life=32_400),
    limit=LeakyBucket(capacity=10, per_second=0.5, concurrent=2),  # connectors keep to 30 a minute
    streams=STREAMS,
    writes={},
    check=check,
    probe=_probe,
    pages={"payment": "{admin}/activity/payment/{id}"},
)
