"""What is written to Veeqo and how it is found again: small pure functions, no I/O.

Belongs here: bodies, look-ups, guards, and an order of theirs in the words of ``wanted``.
Does not belong here: which of them make a write (``veeqo``), or when one is sent (``outbox``).

Facts that shape this file: an order's number is not unique and searching for it is fuzzy; there is no
idempotency key; a facility is given an order by a second call; prices go in before tax, as strings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cogent_pipelines.connect.spec import Found, Json, Receipt, Request, System, Want
from cogent_pipelines.errors import Halt, Reject, Retry

PAGE = 100
"""The largest page; more is silently cut to it."""
BEFORE_PICKING = frozenset({"awaiting_payment", "awaiting_stock", "awaiting_fulfillment", "on_hold"})
"""Statuses in which an order may still be stopped, if nothing of it was picked or shipped."""
ROUNDING = Decimal("0.006")
"""How far a price may come back from what it was: half a penny before tax, more after."""


def stamp(moment: datetime, system: System) -> str:
    """An instant as the filters take it. Their zone is not documented: UTC unless the options say another."""
    zone = ZoneInfo(str(system.options.get("filter_time_zone", "UTC")))
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


# --- what an order of theirs says, in our words -------------------------------------------------------


def _marker(kind: str, key: str) -> str:
    """What our notes carry, so that an order is known for ours whatever becomes of its number."""
    return f"[cogent {kind} {key}]"


def _text(value: Any) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None


def reference(order: Mapping[str, Json]) -> str:
    """The number an order is found by."""
    return _text(order.get("number")) or ""


def _amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _notes(order: Mapping[str, Json]) -> str:
    return "\n".join(str(note.get("text") or "") for note in order.get("employee_notes") or ())


def _orders(answers: Sequence[Json]) -> list[Mapping[str, Json]]:
    """Every order in the answers, once each: a search answers with a list, an id with one order."""
    flat = (o for answer in answers for o in (answer if isinstance(answer, list) else [answer]))
    return list({o["id"]: o for o in flat if isinstance(o, dict) and "id" in o}.values())


def _makers(order: Mapping[str, Json]) -> list[str]:
    """The keys of the wants that the order's notes say it was made for; none of an order that is not ours."""
    return re.findall(r"\[cogent order (\S+)\]", _notes(order))


def _is_for(order: Mapping[str, Json], want: Want) -> bool:
    """Whether the order answers to the want: its exact number, no marker of another want's, and not another brand's."""
    makers = _makers(order)
    is_named = reference(order) == _text(want.reference) and (not makers or want.key in makers)
    skus = [_text((line.get("sellable") or {}).get("sku_code")) for line in order.get("line_items") or ()]
    is_foreign = want.is_foreign(_text((order.get("channel") or {}).get("id")), skus)
    return is_named and (bool(makers) or not is_foreign)


def _is_past_return(order: Mapping[str, Json]) -> bool:
    """Whether stopping it would now cost a pick or a parcel. The status alone does not tell."""
    allocations = order.get("allocations") or ()
    parts = [order, *allocations]
    picked = [line.get("picked_quantity") or 0 for part in parts for line in part.get("line_items") or ()]
    return bool(
        order.get("status") in ("shipped", "refunded")
        or order.get("shipped_at")
        or order.get("picked_completely")
        or order.get("merged_to_id")
        or any(a.get("shipment") for a in allocations)
        or any(qty > 0 for qty in picked)
    )


def _is_unfinished(order: Mapping[str, Json], want: Want) -> bool:
    """Whether we made the order for this very want, gave it to no facility, and nobody stopped it.

    So it stands where a process died between the two writes and its ledger was lost as well. An order that is
    moved from facility to facility may show no allocation for a moment, but is still called allocated.
    """
    return (
        want.key in _makers(order)
        and not order.get("allocations")
        and not order.get("allocated_completely")
        and order.get("status") in BEFORE_PICKING
        and not _is_past_return(order)
    )


def _allocated(order: Mapping[str, Json]) -> dict[str, int]:
    """Item -> units that its allocations hold."""
    units: Counter[str] = Counter()
    for part in order.get("allocations") or ():
        for line in part.get("line_items") or ():
            item = (line.get("sellable") or {}).get("id") or line.get("sellable_id")
            units[str(item)] += int(line.get("quantity") or 0)
    return dict(units)


def _holds_tax(fields: Mapping[str, Any]) -> bool:
    """Whether the shop's prices include tax: as the row says, else by the sum that its total is nearer to."""
    said = fields.get("is_tax_included")
    if said is not None:
        return bool(said)
    goods = sum((line["qty"] * line["unit_price_amount"] for line in fields.get("lines") or ()), Decimal(0))
    total, shipping, discount, tax = (
        fields.get(f"{name}_amount") or Decimal(0) for name in ("total", "shipping", "discount", "tax")
    )
    beyond = total - (goods + shipping - discount)
    return bool(tax > 0 and abs(beyond) < abs(beyond - tax))


def _before_tax(line: Mapping[str, Any], fields: Mapping[str, Any]) -> Decimal:
    """A line's price as they take it: before tax."""
    price, rate = Decimal(str(line["unit_price_amount"])), Decimal(str(line.get("tax_rate") or 0))
    return price / (1 + rate) if _holds_tax(fields) else price


def _price_as_sold(line: Mapping[str, Json], want: Want) -> Decimal | None:
    """The price of a line of theirs as the shop sold it; a difference that rounding explains is none."""
    price = _amount(line.get("price_per_unit"))
    if price is None:
        return None
    if _holds_tax(want.fields):
        price *= 1 + Decimal(str(line.get("tax_rate") or 0))
    item = _text((line.get("sellable") or {}).get("id"))
    sold = [p["unit_price_amount"] for p in want.fields.get("lines") or () if p.get("item_id") == item]
    near = [wanted for wanted in sold if abs(wanted - price) <= ROUNDING]
    return min(near, key=lambda wanted: abs(wanted - price)) if near else price


def _fields(order: Mapping[str, Json], want: Want) -> dict[str, Any]:
    """The order in the words of ``wanted.orders_to_wms``."""
    address: Mapping[str, Json] = order.get("deliver_to") or {}
    allocations = order.get("allocations") or ()
    facilities = sorted({str((a.get("warehouse") or {}).get("id")) for a in allocations})
    return {
        "reference": _text(order.get("number")),
        "status": order.get("status"),
        "is_past_no_return": _is_past_return(order),
        "merged_to_id": _text(order.get("merged_to_id")),
        "facility_id": ",".join(facilities) or None,
        "is_allocated": bool(order.get("allocated_completely")),
        "allocated_units": _allocated(order),
        "is_unfinished": _is_unfinished(order, want),
        "delivery_method_id": _text((order.get("delivery_method") or {}).get("id")),
        "currency": _text(order.get("currency_code") or (order.get("channel") or {}).get("currency_code")),
        "total_amount": _amount(order.get("total_price")),
        "shipping_amount": _amount(order.get("delivery_cost")),
        "discount_amount": _amount(order.get("total_discounts")),
        "tax_amount": _amount(order.get("total_tax")),
        "customer_email": _text((order.get("customer") or {}).get("email")),
        "ship_to_first_name": _text(address.get("first_name")),
        "ship_to_last_name": _text(address.get("last_name")),
        "ship_to_company": _text(address.get("company")),
        "ship_to_line1": _text(address.get("address1")),
        "ship_to_line2": _text(address.get("address2")),
        "ship_to_city": _text(address.get("city")),
        "ship_to_region": _text(address.get("state")),
        "ship_to_postcode": _text(address.get("zip")),
        "ship_to_country_code": _text(address.get("country")),
        "ship_to_phone": _text(address.get("phone")),
        "note": _text((order.get("customer_note") or {}).get("text")),
        "payment_reference": _text((order.get("payment") or {}).get("reference_number")),
        "lines": [
            {
                "sku": _text((line.get("sellable") or {}).get("sku_code")),
                "item_id": _text((line.get("sellable") or {}).get("id")),
                "qty": int(line.get("quantity") or 0),
                "unit_price_amount": _price_as_sold(line, want),
            }
            for line in sorted(order.get("line_items") or (), key=lambda line: line.get("id") or 0)
        ],
    }


def find(want: Want, answers: Sequence[Json]) -> Found | None:
    """The oldest order that answers to the want; how many of them would ship is its count."""
    matches = [o for o in _orders(answers) if _is_for(o, want)]
    matches.sort(key=lambda o: (o.get("status") == "cancelled", o["id"]))
    if not matches:
        if any(isinstance(answer, list) and len(answer) >= PAGE for answer in answers):
            raise Retry(f"{PAGE} or more orders resemble {want.reference!r}, so its absence is not proven")
        return None
    live = [o for o in matches if o.get("status") != "cancelled"]
    return Found(str(matches[0]["id"]), _fields(matches[0], want), count=max(len(live), 1))


def by_number(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """Search for the number twice: cancelled orders hide from the first. None is older than its sale."""
    requests = []
    for want in wants:
        placed = want.fields.get("placed_at")
        since = (("created_at_min", stamp(placed - timedelta(days=1), system)),) if placed else ()
        params = (("query", want.reference), *since, ("page_size", str(PAGE)))
        requests += [Request("GET", "/orders", (*params, *more)) for more in ((), (("status", "cancelled"),))]
    return requests


def by_id(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """Ask for the order that was made or that the want names; by number where neither is known."""
    requests: list[Request] = []
    for want in wants:
        known = want.refs.get("create_order") or want.fields.get("warehouse_order_id")
        by_path = [Request("GET", f"/orders/{_whole('warehouse_order_id', known)}")] if known else []
        requests += by_path or by_number([want], system)
    return requests


def find_by_id(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order that was made or that the want names, whatever number it carries now; else by number."""
    known = want.refs.get("create_order") or want.fields.get("warehouse_order_id")
    if not known:
        return find(want, answers)
    named = [o for o in _orders(answers) if str(o["id"]) == str(known)]
    return Found(str(named[0]["id"]), _fields(named[0], want)) if named else None


# --- creating an order and giving it to a facility ----------------------------------------------------


def _money(value: Any) -> str:
    """An amount as they take it: a decimal string with two to four places."""
    text = f"{Decimal(str(value or 0)):.4f}"
    return text[:-2] if text.endswith("00") else text.rstrip("0")


def _item(line: Mapping[str, Any]) -> int:
    item = str(line.get("item_id") or "")
    if not item.isdigit():
        raise Reject(f"SKU {line.get('sku')!r} has no item in the warehouse", code="unknown_sku")
    return int(item)


def _whole(name: str, value: Any) -> int:
    text = str(value if value is not None else "")
    if not text.isdigit():
        raise Reject(f"{name} is {text!r}, which is not an id of the warehouse's", code=f"unmapped_{name}")
    return int(text)


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _address(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "first_name": "ship_to_first_name",
        "last_name": "ship_to_last_name",
        "company": "ship_to_company",
        "address1": "ship_to_line1",
        "address2": "ship_to_line2",
        "city": "ship_to_city",
        "state": "ship_to_region",
        "zip": "ship_to_postcode",
        "country": "ship_to_country_code",
        "phone": "ship_to_phone",
    }
    return _without_blanks({theirs: _text(fields.get(ours)) for theirs, ours in names.items()})


def _store(want: Want, system: System) -> int:
    """The store an order is put in. ``options.channel_id`` is one id, or one per facility.

    An account may allocate an order to its store's default warehouse as soon as it is there; a store per
    facility makes that the right one.
    """
    stores = system.options.get("channel_id")
    store = stores.get(want.fields.get("facility")) if isinstance(stores, Mapping) else stores
    if not str(store or "").isdigit():
        place = f" for {want.fields.get('facility')}" if isinstance(stores, Mapping) else ""
        raise Halt(
            f"{system.name}: options.channel_id, the store that orders go to, is not set{place}",
            code="configuration",
        )
    return int(str(store))


def _discount_before_tax(fields: Mapping[str, Any]) -> Decimal:
    """The order's discount before tax: its share of the goods, as they are priced before tax."""
    discount = Decimal(str(fields.get("discount_amount") or 0))
    sold = sum(
        (line["qty"] * Decimal(str(line["unit_price_amount"])) for line in fields["lines"]), Decimal(0)
    )
    bare = sum((line["qty"] * _before_tax(line, fields) for line in fields["lines"]), Decimal(0))
    return discount * bare / sold if sold else discount


def create(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  they take no key
    """``POST /orders``: paid, silent to the customer, with our number and marker on it."""
    (want,) = wants
    fields = want.fields
    address = _address(fields)
    due = fields.get("due_on")
    discount = _discount_before_tax(fields)
    order = {
        "channel_id": _store(want, system),
        "number": want.reference,
        "customer_attributes": _without_blanks(
            {
                "email": _text(fields.get("customer_email")),
                "phone": address.get("phone"),
                "billing_address_attributes": address,
            }
        ),
        "deliver_to_attributes": address,
        "delivery_method_id": _whole("delivery_method_id", fields.get("delivery_method_id")),
        "delivery_cost": _money(fields.get("shipping_amount")),
        "total_discounts": _money(discount),
        "additional_order_level_taxless_discount": _money(discount),
        "due_date": due.strftime("%d/%m/%Y") if due else None,
        "send_notification_email": False,
        "line_items_attributes": [
            _without_blanks(
                {
                    "sellable_id": _item(line),
                    "quantity": int(line["qty"]),
                    "price_per_unit": _money(_before_tax(line, fields)),
                    "tax_rate": line.get("tax_rate") or 0,
                }
            )
            for line in fields["lines"]
        ],
        # Without a payment the order would wait for one for ever.
        "payment_attributes": _without_blanks(
            {
                "payment_type": str(system.options.get("payment_type", "bank_transfer")),
                "reference_number": _text(fields.get("payment_reference")),
            }
        ),
        "customer_note_attributes": {"text": fields["note"]} if fields.get("note") else None,
        "employee_notes_attributes": [{"text": _marker("order", want.key)}],
    }
    return Request("POST", "/orders", body={"order": _without_blanks(order)}, is_write=True)


def order_receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The order in the answer is the target's record."""
    if not isinstance(answer, dict) or "id" not in answer:
        raise Retry("the answer holds no order, so what was done is not known", effect="unknown")
    return [Receipt(ref=str(answer["id"]))]


def allocate(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST /orders/{id}/allocations``: all units to the mapped facility, one entry per item."""
    (want,) = wants
    order_id = want.refs.get("create_order")
    if not order_id:
        raise Retry("the order to allocate is not known yet")
    units: Counter[int] = Counter()
    for line in want.fields["lines"]:
        units[_item(line)] += int(line["qty"])
    body = {
        "allocation": {
            "warehouse_id": _whole("facility_id", want.fields.get("facility_id")),
            "line_items_attributes": [{"sellable_id": item, "quantity": qty} for item, qty in units.items()],
        }
    }
    return Request("POST", f"/orders/{order_id}/allocations", body=body, is_write=True)


def find_allocated(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order, with the want's lines as far as its allocations hold their units.

    An allocation may be accepted and hold less than was asked for. Allocations name items, not lines.
    """
    found = find_by_id(want, answers)
    if found is None:
        return None
    left: Counter[str] = Counter(found.fields["allocated_units"])
    lines = []
    for line in want.fields.get("lines") or ():
        item = str(line.get("item_id"))
        qty = min(int(line["qty"]), left[item])
        left[item] -= qty
        lines.append({"item_id": item, "qty": qty})
    return replace(found, fields={**found.fields, "lines": lines})


def is_at_facility(want: Want, found: Found) -> bool:
    """Whether the order is with the facility and no other. Units it holds too few of are not sent again.

    Once an allocation was accepted, any facility is the answer to it: another one is stored otherwise than sent.
    """
    there = found.fields["facility_id"]
    return bool(there == str(want.fields.get("facility_id")) or (there and "allocate_order" in want.refs))


def may_allocate(want: Want, found: Found | None) -> None:
    """Refuse to allocate what somebody stopped, merged or gave to another facility meanwhile."""
    if found is None:
        raise Retry("the order to allocate is not to be seen yet")
    if found.fields["status"] == "cancelled":
        raise Reject(
            "the order was cancelled in the warehouse before its allocation", code="cancelled_at_target"
        )
    if found.fields["merged_to_id"]:
        raise Reject(f"the order was merged into {found.fields['merged_to_id']}", code="merged_at_target")
    if found.fields["facility_id"]:
        there, here = found.fields["facility_id"], want.fields.get("facility_id")
        raise Reject(f"the order is allocated to facility {there}, not {here}", code="allocated_elsewhere")


# --- cancelling ---------------------------------------------------------------------------------------


def may_cancel(want: Want, found: Found | None) -> None:
    """Refuse past the point of no return, and where the status is not one we know."""
    if found is None:
        raise Reject(f"the warehouse has no order for {want.reference}", code="not_found")
    status = found.fields["status"]
    if found.fields["is_past_no_return"]:
        merged = found.fields["merged_to_id"]
        reason = f"merged into {merged}" if merged else f"{status}, some of it picked or gone"
        raise Reject(f"the order is past the point of no return: {reason}", code="past_no_return")
    if status not in BEFORE_PICKING and status != "cancelled":
        raise Reject(f"the order's status {status!r} is not known here", code="unknown_status")


def cancel(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``PUT /orders/{id}/cancel``, silent to the customer: the shop tells them."""
    (want,) = wants
    reason = _text(want.fields.get("cancel_reason")) or "Cancelled by the customer"
    body = {"send_veeqo_email": False, "cancel_reason": reason}
    order_id = _whole("warehouse_order_id", want.fields.get("warehouse_order_id"))
    return Request("PUT", f"/orders/{order_id}/cancel", body=body, is_write=True)


def same_order(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The order that was named, whatever the answer: its form is not documented, only the read-back tells."""
    return [Receipt(ref=str(want.fields.get("warehouse_order_id"))) for want in wants]


def note(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST /orders/{id}/notes``: ask the pickers, where the account may not cancel by API."""
    (want,) = wants
    text = f"Please cancel this order: the customer cancelled it in the shop. {_marker('cancel', want.key)}"
    order_id = _whole("warehouse_order_id", want.fields.get("warehouse_order_id"))
    return Request("POST", f"/orders/{order_id}/notes", body={"note": {"text": text}}, is_write=True)


def find_note(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order, and whether it carries the note."""
    found = find_by_id(want, answers)
    if found is None:
        return None
    named = next(o for o in _orders(answers) if str(o["id"]) == found.ref)
    is_noted = _marker("cancel", want.key) in _notes(named)
    return replace(found, fields={**found.fields, "is_noted": is_noted})


def is_noted(want: Want, found: Found) -> bool:  # noqa: ARG001
    """Whether the pickers were asked, or need not be any more."""
    return bool(found.fields["is_noted"] or found.fields["status"] == "cancelled")
