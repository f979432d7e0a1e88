"""Fulfil, an ERP that also runs warehouses, as declarations.

Belongs here: which models are read and how, which writes there are, what the vendor's own errors mean.
Does not belong here: bodies and look-ups (``fulfil_writes``), sending, paging or waiting (``connect``), what a
state means to us (``staging/fulfil``).

Every read is a PUT that asks a model for records. A page is 500 at most and says nothing of what follows it, so
lists go by id: what is written meanwhile moves no record from one page to another. A record that was never
edited has no ``write_date``, so what changed is what was written or made since.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from cogent_pipelines.connect.answers import effect
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.limits import PacedQuota
from cogent_pipelines.connect.paging import Keyset
from cogent_pipelines.connect.redact import clean
from cogent_pipelines.connect.spec import (
    Answer,
    Ask,
    Cursor,
    Json,
    Lookup,
    Request,
    Stream,
    System,
    Vendor,
    Window,
    Write,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors import fulfil_writes as writes

SETTLE = timedelta(seconds=90)
"""A request lives 30 s at most; nothing is documented of reads that lag, so twice as much again."""

# --- reading ------------------------------------------------------------------------------------------

DATES = ("create_date", "write_date")


@dataclass(frozen=True, slots=True)
class Model:
    """One model of theirs: its name and the fields we ask for, by how they are encoded."""

    name: str
    plain: tuple[str, ...]
    tagged: tuple[str, ...] = ()
    """Fields whose values are objects that name their class."""
    only: tuple[Json, ...] = ()
    """Clauses that hold for every record read."""

    @property
    def fields(self) -> list[str]:
        return [*self.plain, *self.tagged]

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the tags say beside the value."""
        return tuple(f"{field}.*" for field in self.tagged)


ORDERS = Model("sale.sale", writes.ORDER_FIELDS, writes.ORDER_TAGGED)
LINES = Model("sale.line", writes.LINE_FIELDS, writes.LINE_TAGGED)
SHIPMENTS = Model(
    "stock.shipment.out",
    (
        *("id", "number", "state", "customer", "warehouse", "carrier", "carrier.rec_name"),
        *("tracking_number", "on_hold", "picking_status", "outgoing_moves"),
    ),
    ("planned_date", "effective_date", *DATES),
)
MOVES = Model(
    "stock.move",
    (
        *("id", "product", "product.code", "quantity", "from_location", "to_location"),
        *("state", "shipment"),
    ),
    ("effective_date", *DATES),
    # receipts from suppliers and moves between bins are none of ours; returns begin with the same words
    only=(["shipment", "like", "stock.shipment.out%"],),
)
RETURNS = Model(
    "stock.shipment.out.return",
    ("id", "number", "state", "customer", "origin", "warehouse", "moves"),
    ("planned_date", "effective_date", *DATES),
)
INVOICES = Model(
    "account.invoice",
    ("id", "number", "party", "state", "sales"),
    ("invoice_date", "earliest_due_date", "total_amount", "balance", *DATES),
)
PRODUCTS = Model(
    "product.product",
    ("id", "code", "variant_name", "template", "template.name", "active", "salable"),
    ("list_price", "cost_price", *DATES),
    only=(["active", "in", [True, False]],),  # else those that were withdrawn are left out
)
PARTIES = Model("party.party", ("id", "code"), DATES)
# Shape INFERRED: the contract names the type and the value of a contact, and that parties list them.
CONTACTS = Model(
    "party.contact_mechanism", ("id", "party", "type", "value"), DATES, only=(["type", "=", "email"],)
)
LOCATIONS = Model("stock.location", ("id", "name", "code", "type"), DATES)
STOCK = Model(
    "product.product", ("id", "code", "quantity_on_hand", "quantity_available"), only=(["active", "=", True],)
)


def _behind(request: Request, last: int | None) -> Request:
    """The request for the records behind ``last``; the clause of the page before gives way."""
    kept = [part for part in request.body["filters"] if part[:2] != ["id", ">"]]
    return replace(request, body={**request.body, "filters": [*kept, ["id", ">", last or 0]]})


PAGES = Keyset(_behind, full=writes.PAGE)


def changed_since(window: Window) -> list[Json]:
    """The clause for what was written or made since the window's start; none reads everything."""
    if window.start is None:
        return []
    moment = {"__class__": "datetime", "iso_string": window.start.astimezone(UTC).isoformat()}
    return [["OR", [["write_date", ">", moment]], [["create_date", ">", moment]]]]


def _query(model: Model, clauses: Sequence[Json], fields: Sequence[str]) -> Request:
    order = [["id", "ASC"]]
    return writes.search(model.name, [*model.only, *clauses], fields, order=order)


WAREHOUSE = frozenset({"warehouse"})
"""Who has what lies in facilities and leaves them. An ERP that runs none is asked for catalogue, customers and orders."""


def _stream(name: str, model: Model, entity: str, roles: frozenset[str] = frozenset()) -> Stream:
    """A model read by increments, its ids by themselves for the sweep."""

    def request(window: Window, system: System) -> Request:  # noqa: ARG001
        return _query(model, changed_since(window), model.fields)

    return Stream(
        name,
        request,
        records="",
        paging=PAGES,
        cursor=Cursor("write_date"),
        entity=entity,
        ids=lambda window, system: _query(model, (), ["id"]),  # noqa: ARG005
        left_out=model.left_out,
        roles=roles,
    )


def stock_places(system: System) -> list[int]:
    """The locations whose stock is read: the option ``locations``, a list of ids. Raises ``Halt``."""
    places = system.options.get("locations") or ()
    if not isinstance(places, (list, tuple)) or not places or not all(str(p).isdigit() for p in places):
        raise Halt(
            f"{system.name}: options.locations, the ids of the locations whose stock is read, is not a list of ids",
            code="configuration",
        )
    return [int(place) for place in places]


def _stock_at(place: int) -> Request:
    asked = _query(STOCK, (), STOCK.fields)
    return replace(asked, params=(("context", f'{{"locations":[{place}]}}'),))


def _ask_stock(window: Window, system: System) -> list[Ask]:  # noqa: ARG001
    """One location after another: of several at once they give the sum."""
    return [Ask(_stock_at(place), place, part=str(place)) for place in stock_places(system)]


def _at_place(place: Json, rows: Json) -> list[Json]:
    """Each record with its location, and a key of both; landing checks what is no record of a product."""
    if not isinstance(rows, list):
        raise Retry("the answer is no list")
    return [
        {"key": f"{row['id']}@{place}", "location": place, **row}
        if isinstance(row, Mapping) and "id" in row
        else row
        for row in rows
    ]


STREAMS = (
    _stream("orders", ORDERS, "orders"),
    _stream("order_lines", LINES, "orders", WAREHOUSE),
    # After the orders, so that a shipment that is read has its order; moves after the shipments that list them.
    _stream("shipments", SHIPMENTS, "shipments", WAREHOUSE),
    _stream("moves", MOVES, "shipments", WAREHOUSE),
    _stream("returns", RETURNS, "returns", WAREHOUSE),
    _stream("invoices", INVOICES, "payouts"),
    _stream("products", PRODUCTS, "products"),
    # Levels are reckoned when they are asked for and have no date of change: read whole each time.
    Stream(
        "stock",
        asks=_ask_stock,
        rows=_at_place,
        paging=PAGES,
        key="key",
        entity="stock",
        roles=WAREHOUSE,
        levels="""
            SELECT location::VARCHAR AS facility_ref, code AS sku, floor(quantity_available)::BIGINT AS available
            FROM {rows}
            WHERE code <> '' AND quantity_available IS NOT NULL
        """,
    ),
    _stream("customers", PARTIES, "customers"),
    _stream("contacts", CONTACTS, "customers"),
    _stream("locations", LOCATIONS, "products", WAREHOUSE),
)

# --- errors -------------------------------------------------------------------------------------------

INVALID = re.compile(r"cannot exceed|must (not )?be|is not (a |an )?valid|invalid", re.IGNORECASE)
"""How a 429 that refuses the request itself speaks."""


def _said(answer: Answer) -> Mapping[str, Any]:
    """An error body, empty when it is none of theirs (text with a 5xx)."""
    try:
        body = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, Mapping) else {}


def words(answer: Answer) -> str:
    """What an error says: its description, else its message, else its error."""
    said = _said(answer)
    return clean(str(next((said[n] for n in ("description", "message", "error") if said.get(n)), "")))


def is_throttle(answer: Answer) -> bool:
    """Whether a 429 is about speed. Who is told when to come again was too fast."""
    return bool(answer.headers.get("retry-after")) or not INVALID.search(words(answer))


def check(request: Request, answer: Answer) -> None:
    """Where an answer of theirs means something else than its status does elsewhere."""
    status = answer.status
    if status < HTTPStatus.BAD_REQUEST:
        if answer.content[:300].lstrip()[:1] == b"{" and b'"AsyncResult"' in answer.content[:300]:
            raise Retry("the answer was put off (AsyncResult), not given", effect=effect(request))
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    text = f"{status}: {words(answer) or 'without a reason'}"
    if status == HTTPStatus.UNAUTHORIZED:
        raise Halt(f"{text} (the token is wrong, ended or was withdrawn)", code="credentials")
    if status == HTTPStatus.FORBIDDEN:
        raise Halt(
            f"{text} (the token's user may not use {request.path.rsplit('/model/', 1)[-1]})", code="scope"
        )
    if _said(answer).get("type") == "UserError":
        raise Reject(text, code="past_no_return" if request.path.endswith("/cancel") else "user_error")
    if status == HTTPStatus.NOT_FOUND and request.is_write:
        raise Reject(f"{text} (an id in the request is none of the account's)", code="unknown_id")
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.LOCKED):
        raise Reject(text)
    if status == HTTPStatus.CONFLICT:
        raise Retry(text)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Reject(text, code="invalid")


# --- the vendor ---------------------------------------------------------------------------------------

SENT = (
    "reference",
    "currency",
    "total_amount",
    "ship_to_name",
    "ship_to_company",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_city",
    "ship_to_postcode",
    "ship_to_country_code",
    "delivery_method_id",
    "lines",
    # none was sent: an order that is parked as an exception differs by having one
    "channel_exception",
)

CREATE = Write(
    "create_order",
    writes.create,
    writes.order_receipts,
    Lookup(writes.by_reference, writes.find, batch=10),
    compare=SENT,
    has_idempotency=True,
    settle=SETTLE,
)
CANCEL = Write(
    "cancel_order",
    writes.cancel,
    writes.same_order,
    Lookup(writes.by_id, writes.find_by_id, batch=50),
    done=lambda want, found: found.fields["state"] == "cancel",  # noqa: ARG005
    guard=writes.may_cancel,
    settle=SETTLE,
)
RETURN = Write(
    "return_order",
    writes.return_order,
    writes.order_receipts,
    Lookup(writes.by_reference, writes.find_return, batch=10),
    compare=("reference", "lines"),
    has_idempotency=True,
    settle=SETTLE,
)

VENDOR = Vendor(
    slug="fulfil",
    title="Fulfil",
    roles=frozenset({"erp", "warehouse"}),
    hosts=("*.fulfil.io",),
    secrets=("api_key",),
    options={
        "channel_id": "its sales channel, or one for each of our channels; needed to send",
        "locations": "ids of the warehouses whose stock is read",
        "payment_method": "what a payment is called whose gateway has no name there (card)",
        "tax_name": "what a tax is called there (VAT)",
    },
    auth=StaticHeader("X-API-KEY", "api_key"),
    # 10 in each second of the vendor's clock, which is over before an answer tells what is left of it
    limit=PacedQuota(capacity=1.2, per_second=9.2, calls=10, concurrent=16),
    shows_channels=True,
    streams=STREAMS,
    writes={
        ("orders_to_wms", "create"): (CREATE,),
        ("cancellations_to_wms", "cancel"): (CANCEL,),
        ("returns_to_wms", "create"): (RETURN,),
    },
    check=check,
    is_throttle=is_throttle,
    probe=lambda system: Request("PUT", writes.path("res.user", "get_preferences"), body=[True]),  # noqa: ARG005
)
