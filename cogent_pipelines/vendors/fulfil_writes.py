"""What is written to Fulfil and how it is found again: small pure functions, no I/O.

Belongs here: bodies, look-ups, guards, and an order of theirs in the words of ``wanted``.
Does not belong here: which of them make a write (``fulfil``), or when one is sent (``outbox``).

Facts that shape this file: an order's ``channel_identifier`` is its idempotency key within a channel; its
``amount`` must be the sum they reckon, else the order is parked as an exception, not refused; prices go in
before tax and after discount, as strings; delivery is a line too; which warehouse sends an order is theirs to
say, by the channel it came in by.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cogent_pipelines.connect.spec import Found, Json, Receipt, Request, System, Want
from cogent_pipelines.errors import Halt, Reject, Retry

PAGE = 500
"""The most records of one answer; to ask for more is refused, with a 429."""
BEFORE_SHIPPING = frozenset({"draft", "quotation", "confirmed", "processing"})
PENNY = Decimal("0.01")
BEHIND = "; "
"""Stands between a company and the second line of its address: in names and addresses a comma is common, and this is not."""

ORDER_FIELDS = (
    *("id", "number", "reference", "channel", "channel_identifier", "origin", "party", "state"),
    *("shipment_state", "invoice_state", "has_channel_exception", "has_return"),
    *("currency", "currency.code", "total_quantity", "warehouse", "carrier", "carrier_service"),
    *("lines", "shipments", "shipment_returns", "invoices", "payments"),
    *("shipment_address.name", "shipment_address.street", "shipment_address.street_bis"),
    *("shipment_address.city", "shipment_address.zip", "shipment_address.country.code"),
)
ORDER_TAGGED = (
    *("sale_date", "confirmation_time", "untaxed_amount", "tax_amount", "shipment_amount", "total_amount"),
    *("payment_total", "payment_authorized", "payment_captured", "payment_available"),
    *("create_date", "write_date"),
)
LINE_FIELDS = (
    *("id", "sale", "product", "product.code", "product.type", "description", "quantity", "warehouse"),
)  # fmt: skip
LINE_TAGGED = ("unit_price", "amount", "create_date", "write_date")


def path(model: str, method: str) -> str:
    """Where a method of a model is."""
    return f"/api/v2/model/{model}/{method}"


def search(
    model: str, clauses: Sequence[Json], fields: Sequence[str], *, order: Sequence[Json] = ()
) -> Request:
    """Ask a model for its records. It is a PUT, and reads nevertheless."""
    body = {
        "filters": list(clauses),
        "fields": list(fields),
        "limit": PAGE,
        "offset": 0,
        "order": list(order) or [["id", "ASC"]],
    }
    return Request("PUT", path(model, "search_read"), body=body)


# --- what an order of theirs says, in our words -------------------------------------------------------


def _text(value: Any) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None


def _amount(value: Json) -> Decimal | None:
    """A tagged decimal, or one as text; never a float."""
    text = value.get("decimal") if isinstance(value, Mapping) else value
    return None if text is None else Decimal(str(text))


def _records(answers: Sequence[Json], field: str) -> list[Mapping[str, Json]]:
    """Every record in the answers that has ``field``, once each."""
    flat = (r for answer in answers for r in (answer if isinstance(answer, list) else [answer]))
    return list({r["id"]: r for r in flat if isinstance(r, dict) and "id" in r and field in r}.values())


def _orders(answers: Sequence[Json]) -> list[Mapping[str, Json]]:
    return _records(answers, "state")


def _lines_of(order: Mapping[str, Json], answers: Sequence[Json]) -> list[dict[str, Any]]:
    """The goods of an order; delivery is a line of a product that is a service, or of none."""
    own = [r for r in _records(answers, "sale") if r["sale"] == order["id"]]
    goods = [r for r in own if r.get("product") is not None and r.get("product.type") != "service"]
    return [
        {"sku": _text(line.get("product.code")), "qty": int(line.get("quantity") or 0)}
        for line in sorted(goods, key=lambda line: line["id"])
    ]


def _street_two(fields: Mapping[str, Any]) -> str | None:
    """The second line of an address, behind the company, for which theirs has no place."""
    parts = (_text(fields.get("ship_to_company")), _text(fields.get("ship_to_line2")))
    return BEHIND.join(part for part in parts if part) or None


def _has(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a personal field was sent. One that was is not among the fields that the ledger kept; none is None there."""
    return name not in fields or _text(fields[name]) is not None


def _addressee(order: Mapping[str, Json], fields: Mapping[str, Any]) -> dict[str, str | None]:
    """Name, company and second line as they were put into what theirs has: the other way round."""
    second, name = _text(order.get("shipment_address.street_bis")), _text(order.get("shipment_address.name"))
    company, line = None, second
    if _has(fields, "ship_to_company"):
        company, line = second, None
        if second is not None and _has(fields, "ship_to_line2"):
            company, _, line = second.partition(BEHIND)
        if name == company and not _has(fields, "ship_to_name"):
            name = None
    return {"ship_to_name": name, "ship_to_company": company, "ship_to_line2": line}


def _fields(order: Mapping[str, Json], want: Want, answers: Sequence[Json]) -> dict[str, Any]:
    """The order in the words of ``wanted.orders_to_wms``."""
    names = [_text(order.get(field)) for field in ("reference", "channel_identifier")]
    return {
        "reference": next((name for name in names if name == want.reference), names[0]),
        "state": order.get("state"),
        "shipment_state": order.get("shipment_state"),
        "channel_exception": "parked as an exception" if order.get("has_channel_exception") else None,
        "facility_id": _text(order.get("warehouse")),
        "delivery_method_id": _service(order, want.fields),
        "currency": _text(order.get("currency.code")),
        "total_amount": _amount(order.get("total_amount")),
        "tax_amount": _amount(order.get("tax_amount")),
        **_addressee(order, want.fields),
        "ship_to_line1": _text(order.get("shipment_address.street")),
        "ship_to_city": _text(order.get("shipment_address.city")),
        "ship_to_postcode": _text(order.get("shipment_address.zip")),
        "ship_to_country_code": _text(order.get("shipment_address.country.code")),
        "lines": _lines_of(order, answers),
    }


def _service(order: Mapping[str, Json], wanted: Mapping[str, Any]) -> Any:
    """The id of the order's carrier service, where the want names an id; a code cannot be held against it."""
    asked = _text(wanted.get("delivery_method_id"))
    return _text(order.get("carrier_service")) if asked and asked.isdigit() else asked


def _is_return(order: Mapping[str, Json]) -> bool:
    """Whether it is the order side of a return, which has fewer than no units."""
    return Decimal(str(order.get("total_quantity") or 0)) < 0


def _matching(want: Want, answers: Sequence[Json], *, returns: bool) -> list[Mapping[str, Json]]:
    """The orders that answer to the want, those that would ship first, the oldest first."""
    for answer in answers:
        if isinstance(answer, list) and len(answer) >= PAGE:
            raise Retry(f"{PAGE} or more records answer to the look-up, so what is absent is not proven")
    reference = _text(want.reference)
    matches = [
        order
        for order in _orders(answers)
        if reference in (_text(order.get("channel_identifier")), _text(order.get("reference")))
        and _is_return(order) is returns
        and not want.is_foreign(
            _text(order.get("channel")), [line["sku"] for line in _lines_of(order, answers)]
        )
    ]
    return sorted(matches, key=lambda order: (order.get("state") == "cancel", order["id"]))


def _found(want: Want, answers: Sequence[Json], *, returns: bool) -> Found | None:
    matches = _matching(want, answers, returns=returns)
    if not matches:
        return None
    live = [order for order in matches if order.get("state") != "cancel"]
    return Found(str(matches[0]["id"]), _fields(matches[0], want, answers), count=max(len(live), 1))


def find(want: Want, answers: Sequence[Json]) -> Found | None:
    """The oldest order that answers to the want; how many of them would ship is its count."""
    return _found(want, answers, returns=False)


def find_return(want: Want, answers: Sequence[Json]) -> Found | None:
    """The return made for the want; its units are negative there and not here."""
    found = _found(want, answers, returns=True)
    if found is not None:
        for line in found.fields["lines"]:
            line["qty"] = -line["qty"]
    return found


def by_reference(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001
    """Orders and their lines by our reference, exactly, in either field that may hold it and in any channel of ours.

    Lines cannot be reached through their order, but the order through its lines.
    """
    references = sorted({want.reference for want in wants})
    return [
        search("sale.sale", [_either("", references)], [*ORDER_FIELDS, *ORDER_TAGGED]),
        search("sale.line", [_either("sale.", references)], [*LINE_FIELDS, *LINE_TAGGED]),
    ]


def _either(before: str, references: Sequence[str]) -> Json:
    return [
        "OR",
        *([[f"{before}{name}", "in", list(references)]] for name in ("channel_identifier", "reference")),
    ]


def by_id(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001
    """The orders the wants name."""
    ids = sorted({_whole("warehouse_order_id", want.fields.get("warehouse_order_id")) for want in wants})
    return [search("sale.sale", [["id", "in", ids]], [*ORDER_FIELDS, *ORDER_TAGGED])]


def find_by_id(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order the want names, whatever reference it carries now."""
    known = str(want.fields.get("warehouse_order_id"))
    named = [order for order in _orders(answers) if str(order["id"]) == known]
    return Found(known, _fields(named[0], want, answers)) if named else None


# --- creating an order --------------------------------------------------------------------------------


def _whole(name: str, value: Any) -> int:
    text = str(value if value is not None else "")
    if not text.isdigit():
        raise Reject(f"{name} is {text!r}, which is not an id of the ERP's", code=f"unmapped_{name}")
    return int(text)


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def _money(value: Decimal) -> str:
    """An amount as they take it: text, two places, more only where they say something."""
    text = f"{value:.6f}".rstrip("0")
    return f"{value:.2f}" if len(text.partition(".")[2]) <= len("00") else text


def _pence(value: Decimal) -> Decimal:
    return value.quantize(PENNY, ROUND_HALF_UP)


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def channel(want: Want, system: System) -> int:
    """The channel an order is put in: ``options.channel_id``, one id or one per facility.

    Their channel decides which warehouse sends an order, so a channel per facility makes it the right one.
    """
    channels = system.options.get("channel_id")
    chosen = channels.get(want.fields.get("facility")) if isinstance(channels, Mapping) else channels
    if not str(chosen or "").isdigit():
        place = f" for {want.fields.get('facility')}" if isinstance(channels, Mapping) else ""
        raise Halt(
            f"{system.name}: options.channel_id, the channel that orders go to, is not set{place}",
            code="configuration",
        )
    return int(str(chosen))


def _holds_tax(fields: Mapping[str, Any]) -> bool:
    """Whether the shop's prices include tax: as the row says, else by the sum that its total is nearer to."""
    said = fields.get("is_tax_included")
    if said is not None:
        return bool(said)
    goods = sum((line["qty"] * _decimal(line["unit_price_amount"]) for line in fields["lines"]), Decimal(0))
    total, shipping, discount, tax = (
        _decimal(fields.get(f"{name}_amount")) for name in ("total", "shipping", "discount", "tax")
    )
    beyond = total - (goods + shipping - discount)
    return bool(tax > 0 and abs(beyond) < abs(beyond - tax))


def _shares(discount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """A discount laid over lines by their worth, in whole pence that add up to it."""
    whole, running, given = sum(weights, Decimal(0)), Decimal(0), Decimal(0)
    shares = []
    for weight in weights:
        running += weight
        reached = _pence(discount * running / whole) if whole else Decimal(0)
        shares.append(reached - given)
        given = reached
    return shares


class _Sum:
    """An order's money as they reckon it: goods before tax, tax, delivery, and what lies on no shelf."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Raises ``Reject`` where the parts do not come to the order's total."""
        lines = fields["lines"]
        total, self.shipping, self.services = (
            _pence(_decimal(fields.get("total_amount"))),
            _pence(_decimal(fields.get("shipping_amount"))),
            _pence(_decimal(fields.get("services_amount"))),
        )
        sold = [_pence(line["qty"] * _decimal(line["unit_price_amount"])) for line in lines]
        off = _shares(_decimal(fields.get("discount_amount")), sold)
        left = [worth - share for worth, share in zip(sold, off, strict=True)]
        rates = [_decimal(line.get("tax_rate")) for line in lines]
        if _holds_tax(fields):
            self.taxes = [_pence(w * r / (1 + r)) for w, r in zip(left, rates, strict=True)]
            self.nets = [w - t for w, t in zip(left, self.taxes, strict=True)]
        else:
            self.taxes = [_pence(w * r) for w, r in zip(left, rates, strict=True)]
            self.nets = left
        self._meet(total, rates)

    @property
    def total(self) -> Decimal:
        return sum(self.nets, Decimal(0)) + sum(self.taxes, Decimal(0)) + self.shipping + self.services

    def _meet(self, total: Decimal, rates: Sequence[Decimal]) -> None:
        """Put what is missing where it belongs: rounding to a line's tax, tax on delivery and services to delivery."""
        rest = total - self.total
        taxed = [i for i, rate in enumerate(rates) if rate > 0]
        if rest and taxed and abs(rest) <= PENNY * len(rates):
            self.taxes[taxed[-1]] += rest
        elif rest and 0 < rest <= (self.shipping + self.services) * max(rates, default=Decimal(0)) + PENNY * (
            len(rates) + 1
        ):  # delivery's tax is rounded by itself
            self.shipping += rest
        elif rest:
            raise Reject(
                f"lines, tax and delivery come to {self.total} and the order's total is {total}: Fulfil would "
                "park it as an exception",
                code="amount_mismatch",
            )


def _unit_price(net: Decimal, qty: int) -> str:
    """The price of one, with as many places as it takes for ``qty`` of them to be ``net`` again."""
    for places in ("0.01", "0.0001", "0.000001"):
        price = (net / qty).quantize(Decimal(places), ROUND_HALF_UP)
        if _pence(price * qty) == net:
            return _money(price)
    raise Reject(f"{qty} units for {net} have no price that comes to it", code="amount_mismatch")


def _sale_lines(fields: Mapping[str, Any], money: _Sum, tax_name: str) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    lines = []
    for number, line in enumerate(fields["lines"]):
        sku, qty, rate = line.get("sku"), int(line["qty"]), _decimal(line.get("tax_rate"))
        if not sku or not line.get("item_id"):
            raise Reject(f"SKU {sku!r} is no product of the ERP", code="unknown_sku")
        if qty <= 0:
            raise Reject(f"{qty} units of {sku!r} cannot be ordered", code="odd_quantity")
        name = str(line.get("line_ref") or sku)
        seen[name] += 1
        lines.append(
            _without_blanks(
                {
                    # a bundle's price that does not divide leaves two lines of one name
                    "channel_identifier": name if seen[name] == 1 else f"{name}#{seen[name]}",
                    "sku": sku,
                    "quantity": qty,
                    "unit_price": _unit_price(money.nets[number], qty),
                    "amount": _money(money.nets[number]),
                    "tax_lines": [
                        {
                            "name": _text(line.get("tax_code")) or tax_name,
                            "rate": f"{rate.normalize():f}",
                            "amount": _money(money.taxes[number]),
                        }
                    ]
                    if rate
                    else [],
                }
            )
        )
    return lines


def _subdivision(fields: Mapping[str, Any]) -> str | None:
    """A region that is a code; a name of one is not sent, as they take codes only."""
    region, country = _text(fields.get("ship_to_region")) or "", _text(fields.get("ship_to_country_code"))
    if re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", region):
        return region
    return f"{country}-{region}" if country and re.fullmatch(r"[A-Z0-9]{1,3}", region) else None


def _address(fields: Mapping[str, Any]) -> dict[str, Any]:
    return _without_blanks(
        {
            "name": _text(fields.get("ship_to_name")) or _text(fields.get("ship_to_company")),
            "address1": _text(fields.get("ship_to_line1")),
            "address2": _street_two(fields),
            "city": _text(fields.get("ship_to_city")),
            "zip": _text(fields.get("ship_to_postcode")),
            "subdivision_code": _subdivision(fields),
            "country_code": _text(fields.get("ship_to_country_code")),
            "phone": _text(fields.get("ship_to_phone")),
            "email": _text(fields.get("customer_email")),
        }
    )


def _customer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Who bought: by the shop's own id where the row gives it, and by the address mail goes to."""
    email, phone = _text(fields.get("customer_email")), _text(fields.get("ship_to_phone"))
    contacts = [
        [kind, value] for kind, value in (("email", email and email.lower()), ("phone", phone)) if value
    ]
    return _without_blanks(
        {
            "channel_identifier": _text(fields.get("customer_id")),
            "name": _text(fields.get("ship_to_name")) or _text(fields.get("ship_to_company")),
            "contacts": contacts,
        }
    )


def _payments(fields: Mapping[str, Any], system: System) -> list[dict[str, Any]]:
    """Each payment by its own id at the gateway, and what it pays of this order; none where nothing was paid yet.

    Theirs has no field for what the gateway took: fees come with the payout.
    """
    usual = str(system.options.get("payment_method", "card"))
    return [
        {
            "amount": _money(_decimal(row["amount"])),
            "provider_reference": str(row["payment_id"]),
            "method": _text(row.get("method")) or usual,
            "state": "success",
        }
        for row in fields.get("payments") or ()
        if _decimal(row["amount"]) > 0
    ]


def create(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  the reference is the key
    """``sale.channel/create_order``: the order whole, with an amount that is the sum of its parts."""
    (want,) = wants
    fields = want.fields
    service = _text(fields.get("service_code")) or _text(fields.get("delivery_method_id"))
    if not service:
        raise Reject(
            "the delivery option has no carrier service of the ERP's", code="unmapped_delivery_method_id"
        )
    money = _Sum(fields)
    lines = _sale_lines(fields, money, str(system.options.get("tax_name", "VAT")))
    placed, address = fields.get("placed_at"), _address(fields)
    payments = _payments(fields, system)
    paid = sum((_decimal(each["amount"]) for each in payments), Decimal(0))
    order = {
        "channel_identifier": want.reference,
        "reference": want.reference,
        "confirmed_at": placed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if placed else None,
        "status": "pending",
        "financial_status": "paid" if paid >= money.total else "unpaid",
        "fulfillment_status": "unshipped",
        "currency_code": fields.get("currency"),
        "customer": _customer(fields),
        "billing_address": address,
        "shipping_address": address,
        "sale_lines": lines,
        "shipping_lines": [
            _without_blanks(
                {
                    "channel_identifier": f"{want.reference}/delivery",
                    "carrier_service_code": service,
                    "description": _text(fields.get("delivery_option")) or service,
                    "amount": _money(money.shipping),
                }
            ),
            # What lies on no shelf is no product there: without it the order would not come to its total.
            *(
                [
                    {
                        "channel_identifier": f"{want.reference}/services",
                        "description": "Services",
                        "amount": _money(money.services),
                    }
                ]
                if money.services
                else []
            ),
        ],
        "payments": payments,
        "amount": _money(money.total),
    }
    body = [channel(want, system), _without_blanks(order)]
    return Request("PUT", path("sale.channel", "create_order"), body=body, is_write=True)


def order_receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The record in the answer is the target's; whether it is parked is seen when it is read back."""
    if not isinstance(answer, Mapping) or not answer.get("id"):
        raise Retry("the answer holds no order, so what was done is not known", effect="unknown")
    return [Receipt(ref=str(answer["id"]))]


# --- cancelling and returning -------------------------------------------------------------------------


def may_cancel(want: Want, found: Found | None) -> None:
    """Refuse past the point of no return, and where the state is not one we know.

    What is packed and not sent is refused by themselves.
    """
    if found is None:
        raise Reject(f"the ERP has no order for {want.reference}", code="not_found")
    state = found.fields["state"]
    if state == "done" or found.fields["shipment_state"] == "sent":
        raise Reject("the order is past the point of no return: sent", code="past_no_return")
    if state not in BEFORE_SHIPPING and state != "cancel":
        raise Reject(f"the order's state {state!r} is not known here", code="unknown_status")


def cancel(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``sale.sale/{id}/cancel`` with nothing in it: a state is never written."""
    (want,) = wants
    order_id = _whole("warehouse_order_id", want.fields.get("warehouse_order_id"))
    return Request("PUT", path("sale.sale", f"{order_id}/cancel"), body=[], is_write=True)


def same_order(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The order that was named, whatever the answer: only the read-back tells."""
    return [Receipt(ref=str(want.fields.get("warehouse_order_id"))) for want in wants]


def return_order(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``sale.sale/{id}/return_order``: the lines that come back, under our reference."""
    (want,) = wants
    order_id = _whole("warehouse_order_id", want.fields.get("warehouse_order_id"))
    lines = [
        _without_blanks(
            {
                "order_line_id": _whole("warehouse_order_line_id", line.get("warehouse_order_line_id")),
                "return_quantity": int(line["qty"]),
                "return_reason": _text(line.get("reason")),
            }
        )
        for line in want.fields["lines"]
    ]
    body = [{"channel_identifier": want.reference, "reference": want.reference, "lines": lines}]
    return Request("PUT", path("sale.sale", f"{order_id}/return_order"), body=body, is_write=True)
