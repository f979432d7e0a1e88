"""Adyen, a payment provider, as declarations: the settlement details report of each batch.

Belongs here: which files are read and how a file becomes rows.
Does not belong here: sending or waiting (``connect``), what a type means to us (staging/adyen).

Facts that shape this file: there is no list, only a file for each closed batch, fetched once; its columns are the
account's choice, so they are read by name; its instants are in the account's zone, which each row names. The vendor
announces a file by a notification that gives its address. Polling is the truth here: batches are numbered without
gaps, so the next number is asked for until there is no such file. It is a book: nothing is undone by being left out.
Nothing is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cogent_pipelines import clock
from cogent_pipelines.connect.auth import Basic
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.spec import Ask, Json, Request, Stream, System, Vendor, Window
from cogent_pipelines.errors import Halt, Reject, Retry

FOLDER = "/reports/download/MerchantAccount"
REPORT = "settlement_detail_report_batch_{number}.csv"
NEEDED = (
    "Psp Reference", "Merchant Reference", "Creation Date", "TimeZone", "Type", "Modification Reference",
    "Gross Currency", "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)",
    "Scheme Fees (NC)", "Interchange (NC)",
)  # fmt: skip
"""Without one of these a row's money or meaning is not known. An account that chose other columns is told so."""
HOURS = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "EST": -5, "EDT": -4,
    "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "SGT": 8, "HKT": 8, "AWST": 8, "JST": 9,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Zones as the rows name them; a name of the zone database is read too."""

# --- reading ------------------------------------------------------------------------------------------


def path(system: System) -> str:
    """Where an account's files are; ``{number}`` stands for the batch."""
    account = system.options.get("merchant_account")
    if not account:
        raise Halt(f"{system.name}: the estate gives no option merchant_account", code="options")
    return f"{FOLDER}/{account}/{system.options.get('report_name', REPORT)}"


def _file(batch: int, system: System, *, must_exist: bool = False) -> Ask:
    """The file of a batch."""
    request = Request("GET", path(system).replace("{number}", str(batch)), headers={"Accept": "text/csv"})
    return Ask(request, {"batch": batch, "must_exist": must_exist})


def ask_next(window: Window, system: System) -> list[Ask]:
    """The file after the last that landed. The very first must be there: a wrong account's would never come."""
    landed = [int(row["batch"]) for row in window.known if row["batch"] is not None]
    if landed:
        return [_file(max(landed) + 1, system)]
    return [_file(int(system.options.get("first_batch", 1)), system, must_exist=True)]


def ask_on(ask: Ask, answered: int | Reject, system: System) -> Sequence[Ask]:
    """The file after one that was there."""
    if not isinstance(answered, Reject):
        return (_file(ask.about["batch"] + 1, system),)
    if answered.code == "not_found" and not ask.about["must_exist"]:
        return ()
    raise answered


def instant(local: str, zone: str) -> str | None:
    """A row's instant in UTC, None where its zone is not known or it is no instant.

    An abbreviation says itself whether it is summer; a zone's name does not, and its earlier reading counts.
    """
    try:
        moment = datetime.fromisoformat(local)
        if zone in HOURS:
            return f"{moment - timedelta(hours=HOURS[zone]):%Y-%m-%dT%H:%M:%SZ}"
        return f"{moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, ZoneInfoNotFoundError):
        return None


def table(body: bytes) -> list[list[str]]:
    """A file's lines, the head among them. Raises ``Retry`` for half a file."""
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Retry(f"the report is no whole CSV file in UTF-8 ({error})") from None
    if any(len(line) != len(lines[0]) for line in lines):
        raise Retry("the report has a row of other length than its head: it is not whole")
    return lines


def details(about: Json, lines: Json) -> list[Json]:
    """The rows of a file, keyed by batch and place: the file is whole and never changes, and rows have no id."""
    batch = about["batch"]
    names = [name.strip() for name in lines[0]] if lines else []
    if missing := [name for name in NEEDED if name not in names]:
        raise Reject(f"the report of batch {batch} has no column {', '.join(missing)}", code="columns")
    records = []
    for place, line in enumerate(lines[1:], 1):
        shown = {name: value or None for name, value in zip(names, line, strict=True)}
        at = instant(str(shown["Creation Date"]), str(shown["TimeZone"]))
        records.append({**shown, "key": f"{batch}/{place}", "batch": batch, "created_at": at})
    return records


STREAMS = (
    Stream(
        "settlement_details",
        asks=ask_next,
        known="SELECT max(batch) AS batch FROM adyen.settlement_details WHERE system = $system",
        further=ask_on,
        decode=table,
        rows=details,
        key="key",
        keeps=True,
        entity="payouts",
        left_out=("Company Account", "Payment Method Variant", "Reserved*", "Booking*"),
    ),
)


def _probe(system: System) -> Request:
    """The account's first file: there is nothing smaller to ask for."""
    return ask_next(Window(None, clock.now()), system)[0].request


VENDOR = Vendor(
    slug="adyen",
    title="Adyen",
    roles=frozenset({"payments"}),
    hosts=("ca-live.adyen.com",),
    secrets=("user", "password"),
    options={
        "merchant_account": "the account whose reports are read; needed",
        "first_batch": "the first number there is a file of (1)",
        "report_name": "with {number} for the batch",
    },
    auth=Basic("user", "password"),
    limit=LeakyBucket(capacity=5, per_second=1, concurrent=1),  # no figure is published; a file is a day
    streams=STREAMS,
    writes={},
    probe=_probe,
    pages={"payment": "{admin}/ca/ca/accounts/showTx.shtml?pspReference={id}"},
)
