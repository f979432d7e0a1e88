"""Adyen at its HTTP edge: the download of reports, and the notification that says one is there.

Belongs here: what a caller of ``ca-live.adyen.com`` meets when it fetches a settlement details report.
Does not belong here: what happens to money (``world/accounts``).

A batch closes each day there is something in it, and with each payout; its file is there an hour later. Debit and
credit are columns; fees are a commission, or markup, scheme fees and interchange; instants are the account's, with
the zone's text beside them. What is owed at the end of a batch is carried into the next.

INFERRED, because no document at hand says it: the bodies of 401 and 404; the hour until a file is there; that batches
are numbered without gaps; the rows of a carried balance (Balancetransfer in both batches), of a reserve
(DepositCorrection) and of a payout the bank sends back (BankInstructionReturned); that a row is either blended or not.
"""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Fault, Kit
from cogent_pipelines.sandbox.world import hours
from cogent_pipelines.sandbox.world.model import PayoutEntry

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

COMPANY, MERCHANT, HOST = "Sandbox", "SandboxUK", "https://ca-live.adyen.com"
ZONE = ZoneInfo("Europe/Amsterdam")
FIRST = 41
WRITTEN = timedelta(hours=1)
COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method", "Creation Date",
    "TimeZone", "Type", "Modification Reference", "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)",
    "Exchange Rate", "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)",
    "Scheme Fees (NC)", "Interchange (NC)", "Payment Method Variant", "Modification Merchant Reference", "Batch Number",
    "Reserved4", "Reserved5", "Reserved6", "Reserved7", "Reserved8", "Reserved9", "Reserved10",
)  # fmt: skip
TYPES = {
    "charge": "Settled", "refund": "Refunded", "chargeback": "Chargeback", "chargeback_won": "ChargebackReversed",
    "reserve": "DepositCorrection", "returned": "BankInstructionReturned", "transfer": "MerchantPayout",
}  # fmt: skip
PENNY, NOTHING = Decimal("0.01"), Decimal(0)

Row = dict[str, str]


@dataclass(slots=True)
class Batch:
    """What was settled between two closings."""

    number: int
    closed_at: datetime
    entries: list[PayoutEntry] = field(default_factory=list)
    brought: Decimal = NOTHING  # owed from the batch before
    left: Decimal = NOTHING  # owed into the next one


TRAITS = Traits(role="payments", names_payouts=False, names_entries=False)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Adyen answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def file_name(number: int) -> str:
    return f"settlement_detail_report_batch_{number}.csv"


class Edge:
    """One Adyen merchant account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.account = world.accounts[system]

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/reports/download/MerchantAccount/{account}/{file}", self.download, methods=["GET"]),
            Route("/{rest:path}", self.nothing, methods=["GET", "POST"]),
        ]

    async def nothing(self, request: Request) -> Response:
        del request
        return PlainTextResponse("Not Found", 404)

    async def download(self, request: Request) -> Response:
        now = self.kit.now()
        pair = ":".join(self.kit.secret(self.system, name) for name in ("user", "password"))
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        is_locked = self.kit.tokens.is_locked_out(self.system, now)
        if request.headers.get("authorization") != expected or is_locked:
            self.kit.counters.refused_logins[self.system] += 1
            return _unauthorised()

        def act(fault: Fault | None) -> Response:
            files = {
                file_name(b.number): b for b in self.batches() if b.closed_at + WRITTEN <= self.world.now
            }
            batch = files.get(request.path_params["file"])
            if batch is None or request.path_params["account"] != MERCHANT:
                return PlainTextResponse("File not found", 404)
            content = self.report(batch, fault.kind if fault else "")
            return Response(content, media_type="text/csv")

        return await self.kit.serve(
            request,
            self.system,
            "GET /reports/download",
            act,
            _fault,
            is_list=True,
            subject=request.path_params["file"],
        )

    # --- batches --------------------------------------------------------------------------------------

    def batches(self) -> list[Batch]:
        """Every closed batch: one each day there is something in it, and one for each payout."""
        entries = sorted(self.account.entries.values(), key=lambda entry: (entry.at, entry.id))
        if not entries:
            return []
        closings = {payout.issued_at for payout in self.account.payouts.values()}
        day = entries[0].at.astimezone(hours.LONDON).date()
        while True:
            at = datetime.combine(day, time(self.world.people.rates.payout_hour), hours.LONDON)
            if at > self.world.now:
                break
            closings.add(at)
            day += timedelta(days=1)
        found: list[Batch] = []
        owed, place = NOTHING, 0
        for closing in sorted(closings):
            end = place
            while end < len(entries) and entries[end].at <= closing:
                end += 1
            if end == place:
                continue
            batch = Batch(FIRST + len(found), closing, entries[place:end], owed)
            owed += sum((entry.amount - entry.fee for entry in batch.entries), NOTHING)
            batch.left = owed
            found.append(batch)
            place = end
        return found

    def notification(self, number: int) -> dict[str, Any]:
        """What the vendor posts when a batch's file is there."""
        batch = next(each for each in self.batches() if each.number == number)
        name = file_name(number)
        at = (batch.closed_at + WRITTEN).astimezone(ZONE)
        item = {
            "additionalData": {"hmacSignature": "c2FuZGJveA=="},
            "amount": {"currency": "EUR", "value": 0},
            "eventCode": "REPORT_AVAILABLE",
            "eventDate": at.isoformat(timespec="seconds"),
            "merchantAccountCode": MERCHANT,
            "merchantReference": "",
            "pspReference": name,
            "reason": f"{HOST}/reports/download/MerchantAccount/{MERCHANT}/{name}",
            "success": "true",
        }
        return {"live": "true", "notificationItems": [{"NotificationRequestItem": item}]}

    # --- the file -------------------------------------------------------------------------------------

    def report(self, batch: Batch, kind: str = "") -> str:
        rows = [self.row(batch, entry) for entry in batch.entries if entry.is_listed]
        if batch.brought:
            rows.insert(0, self.carried(batch, batch.brought))
        if batch.left:
            rows.append(self.carried(batch, -batch.left))
        if rows and kind == "unknown_status":
            rows[0]["Type"] = "BrandNew"
        if rows and kind == "wrong_type":
            rows[0]["Net Credit (NC)"] = "12 pounds"
        names = (*COLUMNS, "New Column") if kind == "unknown_field" else COLUMNS
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([] if kind == "empty_list" else rows)
        return text.getvalue()

    def _plain(self, batch: Batch, at: datetime, what: str) -> Row:
        local = at.astimezone(ZONE)
        home = self.account.currency
        return {
            "Company Account": COMPANY, "Merchant Account": MERCHANT, "Creation Date": f"{local:%Y-%m-%d %H:%M:%S}",
            "TimeZone": local.tzname() or "", "Type": what, "Net Currency": home, "Batch Number": str(batch.number),
        }  # fmt: skip

    def carried(self, batch: Batch, amount: Decimal) -> Row:
        """What is owed, taken over from the batch before (a debit) or into the next one (a credit)."""
        row = self._plain(batch, batch.closed_at, "Balancetransfer")
        side = "Net Credit (NC)" if amount > 0 else "Net Debit (NC)"
        return row | {"Modification Reference": "Balance transfer", side: _two(abs(amount))}

    def row(self, batch: Batch, entry: PayoutEntry) -> Row:
        home, net = self.account.currency, entry.amount - entry.fee
        row = self._plain(batch, entry.at, TYPES[entry.kind])
        row["Net Credit (NC)" if net >= 0 else "Net Debit (NC)"] = _two(abs(net))
        if entry.kind in ("transfer", "returned"):
            return row | {"Modification Reference": f"TX{entry.payout_id or 0:010d}XT batch {batch.number}"}
        currency, amount = entry.paid or (home, entry.amount)
        side = "Gross Credit (GC)" if amount >= 0 else "Gross Debit (GC)"
        row |= {
            "Psp Reference": f"88{entry.original_id or entry.id:014d}",
            "Modification Reference": f"89{entry.id:014d}",
            "Merchant Reference": entry.order_name.lstrip("#"),
            "Payment Method": "visa",
            "Payment Method Variant": "visaclassic",
            "Gross Currency": currency,
            "Exchange Rate": f"{entry.amount / amount:.6f}" if entry.paid else "1",
            side: str(abs(amount)) if currency == "JPY" else _two(abs(amount)),
        }
        if not entry.fee:
            return row
        if entry.id % 2 or entry.kind == "chargeback":  # blended; a dispute's fee always
            return row | {"Commission (NC)": _two(entry.fee)}
        interchange, scheme = (_round(entry.fee * part) for part in (Decimal("0.5"), Decimal("0.2")))
        return row | {
            "Interchange (NC)": _two(interchange),
            "Scheme Fees (NC)": _two(scheme),
            "Markup (NC)": _two(entry.fee - interchange - scheme),
        }


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(PENNY)


def _two(amount: Decimal) -> str:
    return str(amount.quantize(PENNY))


def _unauthorised() -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="Adyen reports"'}
    return PlainTextResponse("HTTP Status 401 - Unauthorized", 401, headers)


def _fault(fault: Fault) -> Response:
    if fault.kind in ("token_expired", "token_revoked"):
        return _unauthorised()
    statuses = {"rate_limited": 429, "unavailable": 503, "forbidden": 403, "not_found_yet": 404}
    if fault.kind == "bad_gateway_burst":
        return HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", 502)
    status = statuses.get(fault.kind, 500)
    return PlainTextResponse(f"HTTP Status {status}", status)
