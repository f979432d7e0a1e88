"""What is written to Deposco and how it is found again: small pure functions, no I/O.

Belongs here: bodies, look-ups, guards, and an order of theirs in the words of ``wanted``.
Does not belong here: which of them make a write (``deposco``), or when one is sent (``outbox``).

Facts that shape this file: a sales order is made or changed by its number, so sending it twice makes one, but
sending it over somebody else's changes theirs; several of one number may come back, cancelled copies first;
nested lines are cut at ten. Where the account has order management (``options.orders: customer``), orders go in
as customer orders: those are not made unique by anything, answered by 202 before they are there, and take an
unknown item in without a word; their goods stand in the sales orders made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cogent_pipelines.connect.paging import next_link
from cogent_pipelines.connect.spec import Found, Json, Receipt, Request, System, Want
from cogent_pipelines.errors import Halt, Reject, Retry

ORDERS = "/latest/orders/salesOrders"
CUSTOMER_ORDERS = "/latest/orders/customerOrders"
NESTED = 10
"""Rows at which nested lists are cut."""
MARK = "cogent "
"""What an order of ours carries before its want's key, as its import reference."""
LONGEST_NAME, LONGEST_EMAIL = 30, 50
CANCELLABLE = frozenset({"Draft", "New", "Hold", "Ready for Fulfillment", "Wave Built", "Back Ordered"})
LOCKED = frozenset(
    {
        "Partially Released", "Released", "Picking", "Pick Complete", "Partially Staged", "Staged",
        "Partially Loaded", "Loaded", "Partially Shipped", "Ship Complete",
    }
)  # fmt: skip
"""Statuses from the release of the order's wave on: the floor has it, and nothing stops it by API."""


def stamp(moment: datetime) -> str:
    """An instant as their filters and fields take it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _option(system: System, name: str) -> str:
    value = str(system.options.get(name) or "")
    if not value:
        raise Halt(f"{system.name}: options.{name} is not set", code="configuration")
    return value


def business_unit(system: System) -> str:
    """The business unit that orders and shipments belong to. Raises ``Halt`` where the options name none."""
    return _option(system, "business_unit")


def _has_customer_orders(system: System) -> bool:
    return system.options.get("orders") == "customer"


# --- what an order of theirs says, in our words -------------------------------------------------------


def _text(value: Any) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None


def _id(record: Mapping[str, Json]) -> int:
    return int((record.get("self") or {}).get("id") or record.get("id") or 0)


def _key(reference: Any, name: str = "number") -> Any:
    """The business key of a reference: ``{"id": 1, "businessKey": {"number": "X"}}``."""
    return ((reference or {}).get("businessKey") or {}).get(name)


def status(order: Mapping[str, Json]) -> str | None:
    """An order's status, which some answers call by another name."""
    return order.get("orderStatus") or order.get("status")


def _rows(answer: Json) -> list[Mapping[str, Json]]:
    """The records of an answer: a list's, or the one it is. A customer order comes in a wrapper or without."""
    if not isinstance(answer, Mapping):
        return []
    rows = answer.get("data", [answer])
    return [row.get("customerOrder") or row for row in rows or () if isinstance(row, Mapping)]


def _nested(record: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    return list((record.get(name) or {}).get("data") or ())


def _rank(order: Mapping[str, Json], want: Want) -> tuple[bool, bool, int]:
    """Live ones first, ours before others, then the oldest: lists begin with the newest."""
    return status(order) == "Canceled", _text(order.get("importReference")) != _mark(want), _id(order)


def _mark(want: Want) -> str:
    return MARK + want.key


def _matches(want: Want, answers: Sequence[Json]) -> list[Mapping[str, Json]]:
    """Orders, of either kind, that carry exactly our reference, the one that counts first, each once.

    Filters may be ignored, so what an answer holds is compared again.
    """
    first = _rows(answers[0]) if answers else []
    orders = {
        _id(o): o for o in first if _text(want.reference) in (_text(o.get("number")), _external(o)) and _id(o)
    }
    return sorted(orders.values(), key=lambda o: _rank(o, want))


def _external(order: Mapping[str, Json]) -> str | None:
    return _text(order.get("externalOrderNumber"))


def _has_ended(answer: Json) -> bool:
    return not isinstance(answer, Mapping) or answer.get("complete") is not False


def _pages(answers: Sequence[Json]) -> list[Mapping[str, Json]]:
    """The pages of lines that were asked for beside the order. Raises ``Retry`` where one leads nowhere."""
    pages = [answer for answer in answers[1:] if isinstance(answer, Mapping) and "data" in answer]
    if any(page.get("complete") is False and not next_link(page.get("links")) for page in pages):
        raise Retry("the list of lines says it goes on but gives no next link")
    return pages


def _parts(answers: Sequence[Json]) -> dict[int, Mapping[str, Json]]:
    """The sales orders that were asked for beside a customer order, by id."""
    rest = [answer for answer in answers[1:] if isinstance(answer, Mapping) and "data" not in answer]
    return {_id(part): part for part in rest}


def _lines(order: Mapping[str, Json], answers: Sequence[Json]) -> list[Mapping[str, Json]]:
    """Every line of what was found. Raises ``Retry`` where only a part of them is known."""
    if _external(order):
        parts = list(_parts(answers).values())
        cut = [part for part in parts if len(_nested(part, "orderLines")) >= NESTED]
        whole = [line for part in parts if part not in cut for line in _nested(part, "orderLines")]
        if parts:
            return whole + ([row for page in _pages(answers) for row in _rows(page)] if cut else [])
        lines = _nested(order, "coLines")
    else:
        lines = _nested(order, "orderLines")
    if len(lines) < NESTED:
        return lines
    pages = _pages(answers)
    rows = [row for page in pages for row in _rows(page)]
    if len(rows) < len(lines):
        raise Retry("not all lines of the order are known yet")
    return rows


def _quantity(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def _units(line: Mapping[str, Json]) -> int:
    """Units ordered: packs times what is in one. A customer order's line counts its packs under another name."""
    packs = _quantity(line.get("orderPackQuantity", line.get("orderQuantity")))
    size = _quantity(_key(line.get("pack"), "quantity") or line.get("packQuantity") or 1)
    return int(packs * size)


def _line_fields(line: Mapping[str, Json]) -> dict[str, Any]:
    number = _text(_key(line.get("item")) or line.get("itemNumber"))
    plain: dict[str, Any] = {"sku": number, "item_id": number, "qty": _units(line)}
    if line.get("unitPrice") is not None:
        plain["unit_price_amount"] = _quantity(line["unitPrice"])
    return plain


def _is_worked_on(order: Mapping[str, Json]) -> bool:
    done = ("pickedPackQuantity", "shippedPackQuantity")
    return any(_quantity(line.get(name)) > 0 for line in _nested(order, "orderLines") for name in done)


def _fields(order: Mapping[str, Json], want: Want, lines: Sequence[Mapping[str, Json]]) -> dict[str, Any]:
    """The order in the words of ``wanted.orders_to_wms``."""
    contact: Mapping[str, Json] = order.get("shipToContact") or {}
    address: Mapping[str, Json] = order.get("shipToAddress") or contact
    mark = _text(order.get("importReference")) or ""
    is_customer_order = _external(order) is not None
    # Which facility sends it is order management's own decision, which is nobody's mistake.
    facility = want.fields.get("facility_id") if is_customer_order else _key(order.get("shipFromFacility"))
    return {
        "reference": _external(order) or _text(order.get("number")),
        "status": status(order),
        "is_past_no_return": status(order) in LOCKED or _is_worked_on(order),
        "made_for": mark.removeprefix(MARK) if mark.startswith(MARK) else None,
        "facility_id": _text(facility),
        "delivery_method_id": _text(order.get("shipVia")),
        "ship_to_first_name": _text(contact.get("firstName")),
        "ship_to_last_name": _text(contact.get("lastName")),
        "ship_to_company": _text(address.get("line3")),
        "ship_to_line1": _text(address.get("line1")),
        "ship_to_line2": _text(address.get("line2")),
        "ship_to_city": _text(address.get("city")),
        "ship_to_region": _text(address.get("stateProvince")),
        "ship_to_postcode": _text(address.get("postalCode")),
        "ship_to_country_code": _text(address.get("country")),
        "ship_to_phone": _text(contact.get("phone")),
        "lines": [_line_fields(line) for line in lines],
    }


# --- looking ------------------------------------------------------------------------------------------


def by_number(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """Ask for the orders of our number, of the kind this account takes."""
    (want,) = wants
    if _has_customer_orders(system):
        return [Request("GET", CUSTOMER_ORDERS, (("externalOrderNumber", want.reference),))]
    unit = ("businessUnit", business_unit(system))
    return [Request("GET", ORDERS, (unit, ("number", want.reference)))]


def rest_of(wants: Sequence[Want], answers: Sequence[Json], system: System) -> Sequence[Request]:  # noqa: ARG001
    """What the order that was found does not hold itself: the sales orders made of it, and lines beyond ten."""
    (want,) = wants
    matches = _matches(want, answers)
    if not matches:
        return ()
    order = matches[0]
    cut = [order] if len(_nested(order, "orderLines")) >= NESTED else []
    if _external(order):
        parts = _parts(answers)
        named = [_id(part) for part in order.get("fulfillmentOrders") or ()]
        if missing := [key for key in named if key not in parts]:
            return [Request("GET", f"{ORDERS}/{key}") for key in missing]
        cut = [part for part in parts.values() if len(_nested(part, "orderLines")) >= NESTED]
    pages = _pages(answers)
    # One list after the other: where the last page ends a list, the next begins.
    if pages and not pages[-1].get("complete") and (address := next_link(pages[-1].get("links"))):
        return [Request("GET", address)]
    ended = sum(1 for page in pages if page.get("complete") or not next_link(page.get("links")))
    return [Request("GET", f"{ORDERS}/{_id(part)}/orderLines") for part in cut[ended : ended + 1]]


def find(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order that counts among those of our number; how many of them would ship is its count."""
    matches = _matches(want, answers)
    if not matches:
        if not all(_has_ended(answer) for answer in answers):
            raise Retry(f"more orders than a page answer to {want.reference!r}, so its absence is not proven")
        return None
    live = [order for order in matches if status(order) != "Canceled"]
    lines = _lines(matches[0], answers)
    return Found(str(_id(matches[0])), _fields(matches[0], want, lines), count=max(len(live), 1))


def by_id(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001
    """Ask for the order the want names."""
    return [Request("GET", f"{ORDERS}/{_order_id(want)}") for want in wants]


def find_by_id(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order the want names."""
    named = [row for answer in answers for row in _rows(answer) if str(_id(row)) == _order_id(want)]
    return Found(str(_id(named[0])), _fields(named[0], want, ())) if named else None


def _order_id(want: Want) -> str:
    text = str(want.fields.get("warehouse_order_id") or "")
    if not text.isdigit():
        raise Reject(
            f"warehouse_order_id is {text!r}, which is no order's id", code="unmapped_warehouse_order_id"
        )
    return text


# --- creating an order --------------------------------------------------------------------------------


def is_its_own(want: Want, found: Found) -> bool:
    """Whether what has our number may be ours.

    It was made for this want, or by somebody who says nothing, and is not a brand's that shares the account.
    """
    if found.fields["made_for"] is None:
        return not want.is_foreign(None, [line["sku"] for line in found.fields["lines"]])
    return bool(found.fields["made_for"] == want.key)


def may_create(want: Want, found: Found | None) -> None:
    """Refuse to write over an order of another of our channels: theirs would be changed."""
    if found is not None and not is_its_own(want, found):
        other = found.fields["made_for"] or "another brand"
        raise Reject(f"the number {want.reference} is taken by the order for {other}", code="number_taken")


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", {})}


def _money(value: Any) -> float | int:
    """An amount as a JSON number. Its decimals are few, so the shortest form of the float is exact."""
    amount = Decimal(str(value or 0))
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _name(fields: Mapping[str, Any], ours: str) -> str | None:
    """A name as it may be stored. One that is too long is refused here: cut, it would be somebody else's."""
    text = _text(fields.get(ours))
    if text and len(text) > LONGEST_NAME:
        raise Reject(f"{ours} has {len(text)} letters, and {LONGEST_NAME} are taken", code="too_long")
    return text


def _contact(fields: Mapping[str, Any]) -> dict[str, Any]:
    email = _text(fields.get("customer_email"))
    return _without_blanks(
        {
            "firstName": _name(fields, "ship_to_first_name"),
            "lastName": _name(fields, "ship_to_last_name"),
            "phone": _text(fields.get("ship_to_phone")),
            # The parcel goes without it; the shop writes to the customer.
            "email": email if email and len(email) <= LONGEST_EMAIL else None,
        }
    )


def _address(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Where it goes. There is no field for a company, so it takes a line of its own."""
    names = {
        "line1": "ship_to_line1",
        "line2": "ship_to_line2",
        "line3": "ship_to_company",
        "city": "ship_to_city",
        "stateProvince": "ship_to_region",
        "postalCode": "ship_to_postcode",
        "country": "ship_to_country_code",
    }
    return _without_blanks({theirs: _text(fields.get(ours)) for theirs, ours in names.items()})


def _item(line: Mapping[str, Any]) -> str:
    """The item's number. One the warehouse does not have is refused here: a customer order would swallow it."""
    number = _text(line.get("item_id"))
    if number is None:
        raise Reject(f"SKU {line.get('sku')!r} has no item in the warehouse", code="unknown_sku")
    return number


def _reference(**key: Any) -> dict[str, Any]:
    return {"businessKey": key}


def create(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  they take no key
    """``POST`` the order, of the kind this account takes, with our number and mark on it."""
    (want,) = wants
    make = _customer_order if _has_customer_orders(system) else _sales_order
    return make(want, system)


def _sales_order(want: Want, system: System) -> Request:
    fields, unit = want.fields, business_unit(system)
    due, placed = fields.get("due_on"), fields.get("placed_at")
    facility = _text(fields.get("facility_id"))
    if facility is None:
        raise Reject(
            "the order's facility is not mapped to one of the warehouse's", code="unmapped_facility_id"
        )
    body = {
        "businessUnit": _reference(code=unit),
        "number": want.reference,
        # On creation only: an order that is there already refuses it, and is then looked for.
        "orderStatus": "New",
        "importReference": _mark(want),
        "placedDate": stamp(placed) if placed else None,
        "plannedShipDate": f"{due:%Y-%m-%d}T00:00:00Z" if due else None,
        "shipVia": _text(fields.get("delivery_method_id")),
        "shipFromFacility": _reference(number=facility),
        "shipToContact": _contact(fields),
        "shipToAddress": _address(fields),
        "orderLines": {
            "data": [
                {
                    "lineNumber": str(number),
                    "customerLineNumber": _text(line.get("line_ref")),
                    "item": {"businessKey": {"number": _item(line), "businessUnit.code": unit}},
                    "pack": {
                        "businessKey": {
                            "item.number": _item(line), "quantity": 1, "item.businessUnit.code": unit,
                        }
                    },
                    "orderPackQuantity": int(line["qty"]),
                    "unitPrice": _money(line["unit_price_amount"]),
                }
                for number, line in enumerate(fields["lines"], 1)
            ]
        },
    }  # fmt: skip
    return Request("POST", ORDERS, body=_without_blanks(body), is_write=True)


def _customer_order(want: Want, system: System) -> Request:
    fields = want.fields
    placed = fields.get("placed_at")
    contact = {**_contact(fields), **_address(fields)}
    attention = " ".join(contact[name] for name in ("firstName", "lastName") if name in contact)
    order = {
        "businessUnit": _reference(code=business_unit(system)),
        "tradingPartner": _reference(code=_option(system, "trading_partner")),
        "primarySalesChannel": _reference(name=_option(system, "sales_channel")),
        "externalOrderNumber": want.reference,
        "placedDate": stamp(placed) if placed else None,
        "shipVia": _text(fields.get("delivery_method_id")),
        "shipToContact": _without_blanks({"attention": attention, **contact}),
        "coLines": {
            "data": [
                {
                    "externalLineNumber": str(number),
                    "itemNumber": _item(line),
                    "orderQuantity": int(line["qty"]),
                    "packQuantity": 1,
                    "unitPrice": _money(line["unit_price_amount"]),
                }
                for number, line in enumerate(fields["lines"], 1)
            ]
        },
    }
    return Request("POST", CUSTOMER_ORDERS, body={"customerOrder": _without_blanks(order)}, is_write=True)


def receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The order in the answer. A 202 holds none: it is believed when the order is there."""
    stored = _rows(answer)
    return [Receipt(ref=str(_id(stored[0])) if stored and (stored[0].get("self") or {}).get("id") else "")]


# --- cancelling ---------------------------------------------------------------------------------------


def may_cancel(want: Want, found: Found | None) -> None:
    """Refuse past the point of no return, and where the status is not one we know."""
    if found is None:
        raise Reject(f"the warehouse has no order for {want.reference}", code="not_found")
    state = found.fields["status"]
    if found.fields["is_past_no_return"]:
        raise Reject(f"the order is past the point of no return: {state}", code="past_no_return")
    if state not in CANCELLABLE and state != "Canceled":
        raise Reject(f"the order's status {state!r} is not known here", code="unknown_status")


def cancel(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST .../cancellations`` with an empty body: all of it."""
    (want,) = wants
    return Request("POST", f"{ORDERS}/{_order_id(want)}/cancellations", body={}, is_write=True)


def same_order(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The order that was named, whatever the answer: only the read-back tells."""
    return [Receipt(ref=_order_id(want)) for want in wants]
