"""Klarna at its HTTP edge: payouts, the lines of each, paging and errors, as its documents describe them.

Belongs here: what a caller of ``api.klarna.com/settlements/v1`` meets when it asks what was paid.
Does not belong here: what happens to money (``world/accounts``).

Amounts are minor units without a sign; a sale's fee and the tax on it are lines of the same capture; lists are paged
by size and offset, with the address of the next page. A date without a time is midnight, and the end does not count.

INFERRED, because no document at hand says it: the bodies of 400, 401 and 404; that a payout is dated at its midnight
and listed two hours after it was made; the type of a dispute (REVERSAL, with a CHARGE for its fee), of one that is won
(REVERSAL_MERCHANT_PROTECTION, taken off the reversals), and of a payout that came back (CREDIT); newest payout first.
The account has one currency: of what was paid in another the settled amount is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Fault, Kit
from cogent_pipelines.sandbox.world.model import Payout, PayoutEntry

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

ROOT = "/settlements/v1"
DEFAULT, MAXIMUM = 20, 500
LISTED = timedelta(hours=2)
VAT = Decimal("1.2")
PENNY = Decimal("0.01")
REDUCING = frozenset({"FEE", "TAX", "RETURN", "REVERSAL", "HOLDBACK", "CHARGE"})
TOTALS = {
    "SALE": "sale_amount", "FEE": "fee_amount", "TAX": "tax_amount", "RETURN": "return_amount",
    "REVERSAL": "reversal_amount", "HOLDBACK": "holdback_amount", "RELEASE": "release_amount",
    "CHARGE": "charge_amount", "CREDIT": "credit_amount", "REVERSAL_MERCHANT_PROTECTION": "reversal_amount",
}  # fmt: skip
NO_LINES = (
    "commission_amount", "commission_reversal_amount", "repay_amount", "fee_correction_amount", "fee_refund_amount",
    "tax_refund_amount", "deposit_amount", "opening_debt_balance_amount", "closing_debt_balance_amount",
)  # fmt: skip

Json = dict[str, Any]
Handler = Callable[[Request, Fault | None], Response]


class Refusal(Exception):
    """A request is no good."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


TRAITS = Traits(role="payments", names_entries=False)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Klarna answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference(payout: Payout) -> str:
    return f"XISA{payout.id:09d}"


def read_instant(text: str) -> datetime:
    """A date is its midnight."""
    try:
        if len(text) == len("2026-11-02"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, "BAD_VALUE", f"Bad value: {text} is no date") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Edge:
    """One Klarna merchant account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.account = world.accounts[system]
        self.calls = 0

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, Handler]] = [
            (f"{ROOT}/payouts", self.list_payouts),
            (f"{ROOT}/payouts/{{reference}}", self.show_payout),
            (f"{ROOT}/transactions", self.list_lines),
            ("/{rest:path}", _no_route),
        ]
        return [Route(path, self._endpoint(path, handler), methods=["GET"]) for path, handler in table]

    def _endpoint(self, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self.calls += 1
            now = self.kit.now()
            pair = ":".join(self.kit.secret(self.system, name) for name in ("username", "password"))
            expected = "Basic " + base64.b64encode(pair.encode()).decode()
            is_locked = self.kit.tokens.is_locked_out(self.system, now)
            if request.headers.get("authorization") != expected or is_locked:
                self.kit.counters.refused_logins[self.system] += 1
                return self.refusal(401, "UNAUTHORIZED", "Authorization failed: invalid credentials")

            def act(fault: Fault | None) -> Response:
                try:
                    return handler(request, fault)
                except Refusal as error:
                    return self.refusal(error.status, error.code, error.message)

            return await self.kit.serve(
                request,
                self.system,
                f"GET {path}",
                act,
                self._fault,
                is_list=not path.endswith("}"),
                subject=str(request.url.query),
            )

        return endpoint

    def refusal(self, status: int, code: str, message: str) -> Response:
        body = {"error_code": code, "error_messages": [message], "correlation_id": f"{self.calls:032x}"}
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    def _fault(self, fault: Fault) -> Response:
        match fault.kind:
            case "bad_gateway_burst":
                return HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", 502)
            case "rate_limited":
                return self.refusal(429, "TOO_MANY_REQUESTS", "Too many requests")
            case "token_expired" | "token_revoked":
                return self.refusal(401, "UNAUTHORIZED", "Authorization failed: invalid credentials")
            case "forbidden":
                return self.refusal(403, "NOT_ALLOWED", "The merchant is not allowed to read settlements")
            case "not_found_yet":
                return self.refusal(404, "NOT_FOUND", "Not found")
            case "unavailable":
                return self.refusal(503, "SERVICE_UNAVAILABLE", "Service unavailable")
            case _:
                return self.refusal(500, "INTERNAL_ERROR", "Internal server error")

    # --- lists ----------------------------------------------------------------------------------------

    def _page(self, request: Request, name: str, found: list[Json], fault: Fault | None) -> Response:
        asked = request.query_params
        try:
            size, offset = int(asked.get("size", DEFAULT)), int(asked.get("offset", 0))
        except ValueError:
            raise Refusal(400, "BAD_VALUE", "Bad value: size and offset are numbers") from None
        if not 1 <= size <= MAXIMUM or offset < 0:
            raise Refusal(400, "BAD_VALUE", f"Bad value: size must be between 1 and {MAXIMUM}")
        chosen = found[offset : offset + size]
        pagination: Json = {"count": len(chosen), "total": len(found), "offset": offset}

        def address(at: int) -> str:
            kept = [(k, v) for k, v in asked.multi_items() if k not in ("size", "offset")]
            return str(request.url.replace(query=urlencode([*kept, ("size", size), ("offset", at)])))

        if offset + size < len(found):
            pagination["next"] = address(offset + size)
        if offset:
            pagination["prev"] = address(max(offset - size, 0))
        body = {name: _spoilt(chosen, fault.kind if fault else ""), "pagination": pagination}
        return Response(msgspec.json.encode(body), media_type="application/json")

    def list_payouts(self, request: Request, fault: Fault | None) -> Response:
        asked = request.query_params
        start = read_instant(asked["start_date"]) if "start_date" in asked else None
        end = read_instant(asked["end_date"]) if "end_date" in asked else None
        found = [
            payout
            for payout in self.listed()
            if (start is None or dated(payout) >= start)
            and (end is None or dated(payout) < end)
            and asked.get("currency_code", payout.currency) == payout.currency
        ]
        found.sort(key=lambda payout: payout.id, reverse=True)
        return self._page(request, "payouts", [self.payout(request, p) for p in found], fault)

    def listed(self) -> list[Payout]:
        """What has been made long enough ago to be shown."""
        return [p for p in self.account.payouts.values() if p.issued_at + LISTED <= self.world.now]

    def show_payout(self, request: Request, fault: Fault | None) -> Response:
        del fault
        found = self._payout(request.path_params["reference"])
        return Response(msgspec.json.encode(self.payout(request, found)), media_type="application/json")

    def _payout(self, name: str) -> Payout:
        found = next((payout for payout in self.listed() if reference(payout) == name), None)
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"Payout {name} not found")
        return found

    def list_lines(self, request: Request, fault: Fault | None) -> Response:
        asked = request.query_params
        if "payment_reference" in asked:
            lines = [
                line for line, is_listed in self.lines(self._payout(asked["payment_reference"])) if is_listed
            ]
        else:
            lines = [line for payout in self.listed() for line, is_listed in self.lines(payout) if is_listed]
        if "order_id" in asked:
            lines = [line for line in lines if line["order_id"] == asked["order_id"]]
        return self._page(request, "transactions", lines, fault)

    # --- records --------------------------------------------------------------------------------------

    def payout(self, request: Request, payout: Payout) -> Json:
        name = reference(payout)
        totals = dict.fromkeys((*TOTALS.values(), *NO_LINES), 0)
        settled = 0
        for line, _ in self.lines(payout):
            sign = -1 if line["type"] in REDUCING else 1
            settled += sign * line["amount"]
            is_back = line["type"] == "REVERSAL_MERCHANT_PROTECTION"
            totals[TOTALS[line["type"]]] += -line["amount"] if is_back else line["amount"]
        root = str(request.url).partition(ROOT)[0] + ROOT
        return {
            "totals": {**totals, "settlement_amount": settled},
            "payment_reference": name,
            "payout_date": stamp(dated(payout)),
            "currency_code": payout.currency,
            "currency_code_of_registration_country": payout.currency,
            "merchant_settlement_type": "NET",
            "merchant_id": "K123456",
            "transactions": f"{root}/transactions?payment_reference={name}",
        }

    def lines(self, payout: Payout) -> Iterator[tuple[Json, bool]]:
        """The lines of a payout, in the order in which they came, and whether each is listed."""
        for entry in self.account.entries.values():
            if entry.payout_id == payout.id:
                for kind, amount in parts(entry):
                    yield self.line(payout, entry, kind, amount), entry.is_listed

    def line(self, payout: Payout, entry: PayoutEntry, kind: str, amount: Decimal) -> Json:
        capture = entry.id if entry.kind == "charge" else entry.original_id
        charge = self.account.entries.get(capture or 0)
        shown: Json = {
            "amount": int(amount * 100),
            "type": kind,
            "detailed_type": {"FEE": "PURCHASE_FEE_PERCENTAGE"}.get(kind, kind),
            "currency_code": self.account.currency,
            "purchase_country": "GB",
            "shipping_country": "GB",
            "sale_date": stamp(charge.at if charge else entry.at),
            "capture_date": stamp(entry.at),
            "payment_reference": reference(payout),
            "payout": f"{ROOT}/payouts/{reference(payout)}",
        }
        if capture:
            shown |= {
                "order_id": f"order-{capture:012d}",
                "short_order_id": f"K{capture:09d}",
                "capture_id": f"capture-{capture:012d}",
                "merchant_reference1": entry.order_name.lstrip("#"),
            }
        if entry.kind == "refund":
            shown |= {"refund_id": f"refund-{entry.id:012d}"}
        if kind == "REVERSAL":
            shown["reversal_reason"] = "FRAUD"
        if kind == "TAX":
            shown |= {"vat_rate": 2000, "tax_in_currency_of_registration_country": int(amount * 100)}
        return shown


def parts(entry: PayoutEntry) -> Iterator[tuple[str, Decimal]]:
    """The lines a movement is shown as: type and unsigned amount."""
    kinds = {
        "charge": "SALE", "refund": "RETURN", "chargeback": "REVERSAL", "chargeback_won": "REVERSAL_MERCHANT_PROTECTION",
        "returned": "CREDIT",
    }  # fmt: skip
    if entry.kind in kinds:
        yield kinds[entry.kind], abs(entry.amount)
    elif entry.kind == "reserve":
        yield ("HOLDBACK" if entry.amount < 0 else "RELEASE"), abs(entry.amount)
    if entry.kind == "charge" and entry.fee:
        fee = (entry.fee / VAT).quantize(PENNY, ROUND_HALF_UP)
        yield "FEE", fee
        yield "TAX", entry.fee - fee
    elif entry.kind == "chargeback":
        yield "CHARGE", entry.fee


def dated(payout: Payout) -> datetime:
    return datetime.combine(payout.issued_at.astimezone(UTC).date(), time(), UTC)


def _no_route(request: Request, fault: Fault | None) -> Response:
    del fault
    raise Refusal(404, "NOT_FOUND", f"{request.url.path} is no resource")


def _spoilt(chosen: list[Json], kind: str) -> list[Json]:
    """What a planted fault makes of a page."""
    if kind == "empty_list":
        return []
    if kind == "record_missing_from_list":
        return chosen[:-1]
    if chosen and kind in {"unknown_status", "unknown_field", "wrong_type"}:
        changes: dict[str, Json] = {
            "unknown_status": {"type": "BRAND_NEW"},
            "unknown_field": {"new_field": 1},
        }
        return [chosen[0] | changes.get(kind, {"amount": "12 pounds", "totals": "none"}), *chosen[1:]]
    return chosen
