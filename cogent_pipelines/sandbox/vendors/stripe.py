"""Stripe at its HTTP edge: key, limits, lists and their filters, errors, as its documents describe them.

Belongs here: what a caller of ``api.stripe.com/v1`` meets when it asks for payouts and balance transactions.
Does not belong here: what happens to money (``world/accounts``).

Money is in minor units and instants in seconds; lists come newest first, ten at a time unless asked for up to a
hundred, and go on after an id.

INFERRED, because no document at hand says it: the words of 401 for a wrong key, of a missing or unknown parameter, of
an id that is not there and of a payout that is not automatic; that a payout is reconciled twelve hours after it was
made and until then does not show its latest movement; that a movement is available from the day's payout; a dispute
as an adjustment of the category ``dispute`` with its fee on it, and as ``dispute_reversal`` without one when it is won.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Bucket, Fault, Kit
from cogent_pipelines.sandbox.world.model import Payout, PayoutEntry

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

PER_ENDPOINT, PER_SECOND = 25, 100
MAXIMUM, DEFAULT = 100, 10
RECONCILED = timedelta(hours=12)
NO_MINOR_UNITS = frozenset({"JPY", "KRW"})
# the world's word -> type, reporting category
KINDS = {
    "charge": ("charge", "charge"),
    "refund": ("refund", "refund"),
    "chargeback": ("adjustment", "dispute"),
    "chargeback_won": ("adjustment", "dispute_reversal"),
    "reserve": ("reserved_funds", "risk_reserved_funds"),
    "transfer": ("payout", "payout"),
    "returned": ("payout_failure", "payout_reversal"),
}
EXPIRED = {
    "code": "api_key_expired",
    "doc_url": "https://stripe.com/docs/error-codes/api-key-expired",
    "message": "Expired API Key provided: rk_live_***",
}
WORDS = {
    "rate_limited": (429, {"code": "rate_limit", "message": "Too many requests made to the API too quickly"}),
    "conflict": (429, {"code": "lock_timeout", "message": "This object cannot be accessed right now."}),
    "token_expired": (401, EXPIRED),
    "token_revoked": (401, EXPIRED),
    "forbidden": (403, {"message": "The provided key does not have the required permissions."}),
    "not_found_yet": (404, {"code": "resource_missing", "message": "No such object"}),
    "unavailable": (503, {"message": "Stripe is temporarily unavailable.", "type": "api_error"}),
}

Json = dict[str, Any]
Handler = Callable[[Request, Fault | None], Response]


class Refusal(Exception):
    """A request is no good; ``error`` goes into the body."""

    def __init__(self, status: int, **error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


TRAITS = Traits(role="payments")


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything Stripe answers to for one account, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def minor(amount: Decimal, currency: str) -> int:
    """An amount in its currency's smallest unit."""
    return int(amount if currency in NO_MINOR_UNITS else amount * 100)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def refusal(status: int, error: Json) -> Response:
    body = {"error": {"type": "invalid_request_error", **error}}
    again = {429: "true", 503: "true", 500: "true"}.get(status, "false")
    return Response(
        msgspec.json.encode(body), status, {"Stripe-Should-Retry": again}, media_type="application/json"
    )


class Edge:
    """One Stripe account."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system, self.world, self.kit = system, world, kit
        self.account = world.accounts[system]
        self.all = Bucket(PER_SECOND, PER_SECOND)
        self.each: dict[str, Bucket] = {}
        self.allowance = kit.allow(system, Allowance(PER_ENDPOINT, PER_ENDPOINT))  # the lower one
        self.calls = 0

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, Handler]] = [
            ("/v1/payouts", self.list_payouts),
            ("/v1/payouts/{id}", self.show_payout),
            ("/v1/balance_transactions", self.list_lines),
            ("/v1/balance_transactions/{id}", self.show_line),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(path, handler), methods=["GET"]) for path, handler in table
        ]
        made.append(Route("/{rest:path}", self._endpoint("(no route)", _no_route), methods=["GET", "POST"]))
        return made

    def _endpoint(self, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            now = self.kit.now()
            refused = self._gate(request, path, now)

            def act(fault: Fault | None) -> Response:
                try:
                    return handler(request, fault)
                except Refusal as error:
                    return refusal(error.status, error.error)

            answer = refused or await self.kit.serve(
                request,
                self.system,
                f"GET {path}",
                act,
                self._fault,
                is_list=not path.endswith("}"),
                subject=str(request.url.query),
            )
            self.calls += 1
            answer.headers["Request-Id"] = f"req_{self.calls:014d}"
            return answer

        return endpoint

    def _gate(self, request: Request, path: str, now: datetime) -> Response | None:
        """The key, then both limits."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given).decode().partition(":")[0]
            except ValueError:
                given = ""
        if given != self.kit.secret(self.system, "api_key") or self.kit.tokens.is_locked_out(
            self.system, now
        ):
            self.kit.counters.refused_logins[self.system] += 1
            if not given:
                return refusal(401, {"message": "You did not provide an API key."})
            return refusal(401, {"message": f"Invalid API Key provided: {given[:8]}****{given[-4:]}"})
        own = self.each.setdefault(path, Bucket(PER_ENDPOINT, PER_ENDPOINT))
        share = self.allowance.share
        if own.take(now, share=share) > 0 or self.all.take(now, share=share) > 0:
            self.kit.throttle(self.system)
            return refusal(*WORDS["rate_limited"])
        return None

    @staticmethod
    def _fault(fault: Fault) -> Response:
        if fault.kind == "bad_gateway_burst":
            return HTMLResponse("<html><h1>502 Bad Gateway</h1></html>", 502)
        return refusal(*WORDS.get(fault.kind, (500, {"message": "An error occurred.", "type": "api_error"})))

    # --- lists ----------------------------------------------------------------------------------------

    def _page(self, request: Request, known: set[str], found: list[Json], fault: Fault | None) -> Response:
        """One page of what was found, the newest first."""
        asked = request.query_params
        for name in asked:
            if name not in known | {"limit", "starting_after", "expand[]"}:
                raise Refusal(400, code="parameter_unknown", message=f"Received unknown parameter: {name}")
        text = asked.get("limit", str(DEFAULT))
        if not text.isdigit() or not 1 <= int(text) <= MAXIMUM:
            raise Refusal(400, message="This value must be between 1 and 100.", param="limit")
        found.sort(key=lambda each: (each["created"], each["id"]), reverse=True)
        start = 0
        if (after := asked.get("starting_after")) is not None:
            places = {each["id"]: place for place, each in enumerate(found, 1)}
            if after not in places:
                raise Refusal(
                    400, code="resource_missing", message=f"No such object: '{after}'", param="starting_after"
                )
            start = places[after]
        chosen = found[start : start + int(text)]
        body = {
            "object": "list",
            "url": request.url.path.partition(self.system)[2],
            "has_more": start + int(text) < len(found),
            "data": _spoilt(chosen, fault.kind if fault else ""),
        }
        return Response(msgspec.json.encode(body), media_type="application/json")

    def list_payouts(self, request: Request, fault: Fault | None) -> Response:
        asked = request.query_params
        found = [self.payout(p) for p in self.account.payouts.values()]
        found = [p for p in found if _between(p, asked, "created") and _between(p, asked, "arrival_date")]
        if "status" in asked:
            found = [p for p in found if p["status"] == asked["status"]]
        return self._page(request, _ranges("created", "arrival_date") | {"status"}, found, fault)

    def list_lines(self, request: Request, fault: Fault | None) -> Response:
        asked = request.query_params
        entries: Iterable[PayoutEntry] = self.account.entries.values()
        if "payout" in asked:
            entries = self._lines_of(asked["payout"])
        is_whole = "data.source" in asked.getlist("expand[]")
        found = [self.line(e, is_whole=is_whole) for e in entries if e.is_listed]
        found = [line for line in found if _between(line, asked, "created")]
        for name in ("type", "currency"):
            if name in asked:
                found = [line for line in found if line[name] == asked[name]]
        return self._page(request, _ranges("created") | {"payout", "type", "currency"}, found, fault)

    def _lines_of(self, name: str) -> list[PayoutEntry]:
        payout = self._payout(name)
        if payout.is_manual:
            raise Refusal(
                400,
                message="Balance transaction history can only be filtered on automatic transfers, not manual.",
                param="payout",
            )
        found = [e for e in self.account.entries.values() if e.payout_id == payout.id]
        return found if self._is_reconciled(payout) else found[:-2] + found[-1:]

    def _payout(self, name: str) -> Payout:
        found = next((p for p in self.account.payouts.values() if _id("po", p.id) == name), None)
        if found is None:
            raise Refusal(404, code="resource_missing", message=f"No such payout: '{name}'", param="payout")
        return found

    def show_payout(self, request: Request, fault: Fault | None) -> Response:
        del fault
        shown = self.payout(self._payout(request.path_params["id"]))
        return Response(msgspec.json.encode(shown), media_type="application/json")

    def show_line(self, request: Request, fault: Fault | None) -> Response:
        del fault
        name = request.path_params["id"]
        found = next((e for e in self.account.entries.values() if _id("txn", e.id) == name), None)
        if found is None:
            raise Refusal(404, code="resource_missing", message=f"No such balance transaction: '{name}'")
        return Response(msgspec.json.encode(self.line(found, is_whole=False)), media_type="application/json")

    # --- records --------------------------------------------------------------------------------------

    def _is_reconciled(self, payout: Payout) -> bool:
        return self.world.now >= payout.issued_at + RECONCILED

    def payout(self, payout: Payout) -> Json:
        transfer = self._about(payout, "transfer")
        has_failed = payout.status == "failed"
        states = {"scheduled": "in_transit", "cancelled": "canceled"}
        progress = "completed" if self._is_reconciled(payout) else "in_progress"
        return {
            "id": _id("po", payout.id),
            "object": "payout",
            "amount": minor(payout.net, payout.currency),
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": seconds(payout.issued_at + timedelta(days=1)),
            "automatic": not payout.is_manual,
            "balance_transaction": transfer and _id("txn", transfer.id),
            "created": seconds(payout.issued_at),
            "currency": payout.currency.lower(),
            "description": "STRIPE PAYOUT",
            "destination": "ba_000000000000000000000001",
            "failure_balance_transaction": self._returned(payout) if has_failed else None,
            "failure_code": "account_closed" if has_failed else None,
            "failure_message": "The bank account has been closed." if has_failed else None,
            "livemode": True,
            "metadata": {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "not_applicable" if payout.is_manual else progress,
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": states.get(payout.status, payout.status),
            "trace_id": {"status": "supported", "value": f"T{payout.id:012d}"}
            if payout.status == "paid"
            else {"status": "pending", "value": None},
            "type": "bank_account",
        }

    def _about(self, payout: Payout, kind: str) -> PayoutEntry | None:
        return next(
            (e for e in self.account.entries.values() if e.payout_id == payout.id and e.kind == kind), None
        )

    def _returned(self, payout: Payout) -> str | None:
        wanted = f"payout {payout.id}"
        return next((_id("txn", e.id) for e in self.account.entries.values() if e.reason == wanted), None)

    def line(self, entry: PayoutEntry, *, is_whole: bool) -> Json:
        kind, category = KINDS[entry.kind]
        currency = self.account.currency
        source = self.source(entry)
        payout = self.account.payouts.get(entry.payout_id or 0)
        has_fee = entry.fee != 0
        fee = {
            "amount": minor(entry.fee, currency),
            "application": None,
            "currency": currency.lower(),
            "description": "Dispute fee" if entry.kind == "chargeback" else "Stripe processing fees",
            "type": "stripe_fee",
        }
        return {
            "id": _id("txn", entry.id),
            "object": "balance_transaction",
            "amount": minor(entry.amount, currency),
            "available_on": seconds(payout.issued_at if payout else entry.at + timedelta(days=1)),
            "balance_type": "payments",
            "created": seconds(entry.at),
            "currency": currency.lower(),
            "description": f"Order {entry.order_name.lstrip('#')}" if entry.order_name else "STRIPE PAYOUT",
            "exchange_rate": _rate(entry),
            "fee": minor(entry.fee, currency),
            "fee_details": [fee] if has_fee else [],
            "net": minor(entry.amount - entry.fee, currency),
            "reporting_category": category,
            "source": source if is_whole or source is None else source["id"],
            "status": "available" if payout else "pending",
            "type": kind,
        }

    def source(self, entry: PayoutEntry) -> Json | None:
        """The charge, refund, dispute or payout behind a movement; a reserve has none."""
        charge = _id("ch", entry.original_id or 0)
        currency, amount = entry.paid or (self.account.currency, entry.amount)
        same = {
            "amount": abs(minor(amount, currency)),
            "currency": currency.lower(),
            "created": seconds(entry.at),
        }
        match entry.kind:
            case "charge":
                return {
                    "id": _id("ch", entry.id),
                    "object": "charge",
                    **same,
                    "billing_details": {"name": "A Customer", "email": "customer@example.test"},
                    "metadata": {"order_id": entry.order_name.lstrip("#")},
                    "payment_intent": _id("pi", entry.id),
                    "status": "succeeded",
                }
            case "refund":
                return {
                    "id": _id("re", entry.id), "object": "refund", **same, "charge": charge, "metadata": {},
                    "payment_intent": _id("pi", entry.original_id or 0), "status": "succeeded",
                }  # fmt: skip
            case "chargeback" | "chargeback_won":
                return {
                    "id": _id("dp", entry.original_id or 0), "object": "dispute", **same, "charge": charge,
                    "metadata": {}, "reason": entry.reason or "fraudulent",
                    "status": "won" if entry.kind == "chargeback_won" else "needs_response",
                }  # fmt: skip
            case "transfer":
                return self.payout(self.account.payouts[entry.payout_id or 0])
            case "returned":
                return self.payout(self.account.payouts[int(entry.reason.removeprefix("payout "))])
            case _:
                return None


def _no_route(request: Request, fault: Fault | None) -> Response:
    del fault
    raise Refusal(404, message=f"Unrecognized request URL (GET: {request.url.path}).")


def _id(kind: str, number: int) -> str:
    return f"{kind}_{number:024d}"


def _rate(entry: PayoutEntry) -> float | None:
    """What was paid times this is the amount."""
    return float(round(entry.amount / entry.paid[1], 6)) if entry.paid else None


def _ranges(*names: str) -> set[str]:
    return {f"{name}[{bound}]" for name in names for bound in ("gt", "gte", "lt", "lte")} | set(names)


def _between(record: Json, asked: Any, name: str) -> bool:
    value = record[name]
    bounds = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    try:
        fits = [test(int(asked[f"{name}[{b}]"])) for b, test in bounds.items() if f"{name}[{b}]" in asked]
    except ValueError:
        raise Refusal(400, message="Invalid timestamp", param=name) from None
    return all(fits) and (name not in asked or asked[name] == str(value))


def _spoilt(chosen: list[Json], kind: str) -> list[Json]:
    """What a planted fault makes of a page."""
    if kind == "empty_list":
        return []
    if kind == "record_missing_from_list":
        return chosen[:-1]
    if chosen and kind in {"unknown_status", "unknown_field", "wrong_type"}:
        changes: dict[str, Json] = {
            "unknown_status": {"status": "brand_new"},
            "unknown_field": {"new_field": 1},
        }
        return [chosen[0] | changes.get(kind, {"amount": "12.00 pounds"}), *chosen[1:]]
    return chosen
