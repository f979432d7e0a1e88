"""PayPal at its HTTP edge: login, the list of transactions and its refusals, as its documents describe them.

Belongs here: what a caller of ``api-m.paypal.com`` meets when it asks what moved the balance.
Does not belong here: what happens to money (``world/accounts``).

A request spans 31 days at most and finds 10,000 rows at most; rows appear up to three hours late; an id is shared by
what belongs together; a payment in another currency is converted in two lines of its own; there are no payouts.

INFERRED, because no document at hand says it: the body of a refused login and of 429, the words of the issues of a bad
request, that both ends of a span count, that rows come oldest first, that a withdrawal is pending until it arrives,
the codes of disputes (T1201, T1202, their fee T0106), of reserves (T2103, T2104) and of a returned withdrawal (T1101).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Bucket, Fault, Kit, chance
from cogent_pipelines.sandbox.world.model import PayoutEntry

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

MOST, LONGEST, OLDEST = 10_000, timedelta(days=31), timedelta(days=3 * 365 + 1)
LIFE, PER_MINUTE = 32_400, 50
LATEST = timedelta(hours=3)
REFRESHED = timedelta(minutes=10)
SCOPE = (
    "https://uri.paypal.com/services/reporting/search/read "
    "https://uri.paypal.com/services/reporting/balances/read"
)
PENNY = Decimal("0.01")
KNOWN = frozenset(
    [
        "transaction_id",
        "transaction_type",
        "transaction_status",
        "transaction_amount",
        "transaction_currency",
        "start_date",
        "end_date",
        "payment_instrument_type",
        "store_id",
        "terminal_id",
        "fields",
        "balance_affecting_records_only",
        "page_size",
        "page",
    ]
)
FILTERS = KNOWN - {"start_date", "end_date", "page", "page_size"}
UNAUTHORISED = (
    "AUTHENTICATION_FAILURE",
    "Authentication failed due to missing authorization header, or invalid authentication credentials.",
)
MALFORMED = "Request is not well-formed, syntactically incorrect, or violates schema."
TOO_LARGE = (
    "RESULTSET_TOO_LARGE",
    "Result set size is greater than the maximum limit. Change the filter criteria and try again.",
)
WORDS = {
    "rate_limited": (429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    "token_expired": (401, *UNAUTHORISED),
    "token_revoked": (401, *UNAUTHORISED),
    "forbidden": (403, "NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    "unavailable": (503, "SERVICE_UNAVAILABLE", "Service Unavailable."),
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the book: an id may stand on several."""

    id: str
    code: str
    at: datetime
    currency: str
    gross: Decimal
    fee: Decimal = Decimal(0)
    original: str = ""
    invoice: str = ""
    status: str = "S"
    changed: datetime | None = None
    serial: int = 0


TRAITS = Traits(role="payments")


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything PayPal answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def money(amount: Decimal, currency: str) -> Json:
    return {
        "currency_code": currency,
        "value": str(amount.quantize(Decimal(1) if currency == "JPY" else PENNY)),
    }


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Edge:
    """One PayPal account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.account = world.accounts[system]
        self.bucket = Bucket(PER_MINUTE, PER_MINUTE / 60)
        self.allowance = kit.allow(system, Allowance(PER_MINUTE, PER_MINUTE / 60, is_known=False))
        self.calls = 0

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v1/oauth2/token", self.login, methods=["POST"]),
            Route("/v1/reporting/transactions", self.endpoint, methods=["GET"]),
            Route("/{rest:path}", self.nothing, methods=["GET", "POST"]),
        ]

    def refusal(self, status: int, name: str, message: str, **details: str) -> Response:
        body: Json = {"name": name, "message": message, "debug_id": f"{self.calls:013x}", "links": []}
        if details:
            body["details"] = [{"location": "query", **details}]
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    # --- getting in -----------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        now = self.kit.now()
        self.kit.counters.logins[self.system] += 1
        form = dict(p.split("=", 1) for p in (await request.body()).decode().split("&") if "=" in p)
        pair = ":".join(self.kit.secret(self.system, name) for name in ("client_id", "client_secret"))
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        if request.headers.get("authorization") != expected or self.kit.tokens.is_locked_out(
            self.system, now
        ):
            self.kit.counters.refused_logins[self.system] += 1
            body: Json = {"error": "invalid_client", "error_description": "Client Authentication failed"}
            return Response(msgspec.json.encode(body), 401, media_type="application/json")
        if form.get("grant_type") != "client_credentials":
            body = {"error": "unsupported_grant_type", "error_description": "Grant Type is NULL"}
            return Response(msgspec.json.encode(body), 400, media_type="application/json")
        token = self.kit.tokens.issue(self.system, now, LIFE, "A21AA")
        body = {"scope": SCOPE, "access_token": token, "token_type": "Bearer", "app_id": "APP-80W284485P519543T",
                "expires_in": LIFE, "nonce": stamp(now)}  # fmt: skip
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def endpoint(self, request: Request) -> Response:
        self.calls += 1
        now = self.kit.now()
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.kit.tokens.is_good(self.system, token, now):
            self.kit.counters.refused_logins[self.system] += 1
            return self.refusal(401, *UNAUTHORISED)
        if self.bucket.take(now, share=self.allowance.share) > 0:
            self.kit.throttle(self.system)
            return self._fault(Fault("rate_limited", "refuse"))
        answer = await self.kit.serve(
            request,
            self.system,
            "GET /v1/reporting/transactions",
            lambda fault: self.search(request, fault),
            self._fault,
            is_list=True,
        )
        answer.headers["Paypal-Debug-Id"] = f"{self.calls:013x}"
        return answer

    async def nothing(self, request: Request) -> Response:
        return self.refusal(
            404, "RESOURCE_NOT_FOUND", f"The specified resource {request.url.path} does not exist."
        )

    def _fault(self, fault: Fault) -> Response:
        if fault.kind == "bad_gateway_burst":
            return HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", 502)
        status, name, message = WORDS.get(
            fault.kind, (500, "INTERNAL_SERVER_ERROR", "An internal server error occurred.")
        )
        return self.refusal(status, name, message)

    # --- the list -------------------------------------------------------------------------------------

    def search(self, request: Request, fault: Fault | None) -> Response:
        asked = request.query_params
        now = self.world.now
        span: list[datetime] = []
        for name in ("start_date", "end_date"):
            try:
                at = datetime.fromisoformat(asked[name])
                span.append(at.astimezone(UTC) if at.tzinfo else _raise())
            except (KeyError, ValueError):
                return self._malformed(name, asked.get(name, ""), "Invalid date passed")
        start, end = span
        if end < start or end - start > LONGEST:
            return self._malformed("end_date", asked["end_date"], "Date range is greater than 31 days")
        fresh = now - REFRESHED
        if start > fresh or start < now - OLDEST:
            return self.refusal(400, "INVALID_REQUEST", "Data for the given start date is not available.")
        try:
            size, page = int(asked.get("page_size", "100")), int(asked.get("page", "1"))
        except ValueError:
            return self._malformed("page", asked.get("page", ""), "Must be an integer")
        if not 1 <= size <= 500 or page < 1:
            return self._malformed("page_size", str(size), "Must be between 1 and 500")
        found = [
            (row, balance)
            for row, balance in self.balances()
            if start <= row.at.replace(microsecond=0) <= end and row.at + lateness(row) <= now
        ]
        if len(found) > MOST:
            return self.refusal(400, *TOO_LARGE)
        pages = -(-len(found) // size)
        chosen = found[(page - 1) * size : page * size]
        kind = fault.kind if fault else ""
        if kind == "record_missing_from_list":
            chosen = chosen[:-1]
        has_filters = any(name in asked for name in FILTERS)
        details = [{"transaction_info": self.info(row, None if has_filters else b)} for row, b in chosen]
        if details and kind in {"unknown_status", "unknown_field", "wrong_type"}:
            changes: Json = {"unknown_status": {"transaction_status": "X"}, "unknown_field": {"new_field": 1}}
            details[0]["transaction_info"] |= changes.get(kind, {"transaction_amount": "12.00 pounds"})
        body: Json = {"transaction_details": details} if details and kind != "empty_list" else {}
        body |= {
            "account_number": "XZXSPECPDZHZU",
            "start_date": stamp(start),
            "end_date": stamp(min(end, fresh)),
            "last_refreshed_datetime": stamp(fresh),
            "page": page,
            "total_items": 0 if kind == "empty_list" else len(found),
            "total_pages": 0 if kind == "empty_list" else pages,
            "links": [
                {"href": f"{request.url.replace(query='')}?page={n}", "rel": rel, "method": "GET"}
                for rel, n in (("self", page), ("next", page + 1))
                if rel == "self" or page < pages
            ],
        }
        return Response(msgspec.json.encode(body), media_type="application/json")

    def _malformed(self, field: str, value: str, issue: str) -> Response:
        return self.refusal(400, "INVALID_REQUEST", MALFORMED, field=field, value=value, issue=issue)

    # --- the book -------------------------------------------------------------------------------------

    def balances(self) -> Iterator[tuple[Row, Decimal]]:
        """Every line with its currency's balance afterwards."""
        held: dict[str, Decimal] = {}
        for entry in self.account.entries.values():
            for row in self.rows(entry):
                if row.status != "D":
                    held[row.currency] = held.get(row.currency, Decimal(0)) + row.gross - row.fee
                if entry.is_listed:
                    yield row, held.get(row.currency, Decimal(0))

    def rows(self, entry: PayoutEntry) -> Iterator[Row]:
        """The lines of one movement."""
        home = self.account.currency
        own, number = f"{entry.id:016d}P", entry.order_name.lstrip("#")
        original = f"{entry.original_id:016d}P" if entry.original_id else ""
        currency, gross, fee = home, entry.amount, entry.fee
        if entry.paid:
            currency, gross = entry.paid
            unit = Decimal(1) if currency == "JPY" else PENNY
            fee = (entry.fee * gross / entry.amount).quantize(unit, ROUND_HALF_UP)
        match entry.kind:
            case "charge":
                yield Row(own, "T0006", entry.at, currency, gross, fee, invoice=number)
            case "refund":
                yield Row(own, "T1107", entry.at, currency, gross, fee, original)
            case "chargeback":
                yield Row(own, "T1201", entry.at, home, entry.amount, original=original)
                yield Row(own, "T0106", entry.at, home, -entry.fee, original=original)
            case "chargeback_won":
                yield Row(own, "T1202", entry.at, home, entry.amount, original=original)
            case "reserve":
                code = "T2103" if entry.amount < 0 else "T2104"
                yield Row(own, code, entry.at, home, entry.amount, original=original)
            case "transfer":
                payout = self.account.payouts[entry.payout_id or 0]
                status = {"scheduled": "P", "paid": "S"}.get(payout.status, "V")
                changed = entry.at if status == "P" else entry.at + timedelta(days=1)
                yield Row(
                    f"{payout.id:016d}W",
                    "T0400",
                    entry.at,
                    home,
                    entry.amount,
                    status=status,
                    changed=changed,
                )
            case "returned":
                original = f"{int(entry.reason.removeprefix('payout ')):016d}W"
                yield Row(own, "T1101", entry.at, home, entry.amount, original=original)
        if entry.paid:  # both halves of a conversion have one id
            both = f"{entry.id:016d}C"
            yield Row(both, "T0200", entry.at, currency, fee - gross, original=own)
            yield Row(both, "T0200", entry.at, home, entry.amount - entry.fee, original=own)

    def info(self, row: Row, balance: Decimal | None) -> Json:
        shown: Json = {
            "paypal_account_id": "ABCDEFGHJKLMN",
            "transaction_id": row.id,
            "transaction_event_code": row.code,
            "transaction_initiation_date": stamp(row.at),
            "transaction_updated_date": stamp(row.changed or row.at),
            "transaction_amount": money(row.gross, row.currency),
            "transaction_status": row.status,
        }
        if row.fee:
            shown["fee_amount"] = money(-row.fee, row.currency)
        if row.original:
            shown |= {"paypal_reference_id": row.original, "paypal_reference_id_type": "TXN"}
        if row.invoice:
            shown["invoice_id"] = row.invoice
        if balance is not None:
            shown["ending_balance"] = shown["available_balance"] = money(balance, row.currency)
        return shown


def lateness(row: Row) -> timedelta:
    """How long a line takes to appear."""
    return LATEST * chance(f"late/{row.id}/{row.code}")


def _raise() -> datetime:
    raise ValueError("an instant without a zone")
