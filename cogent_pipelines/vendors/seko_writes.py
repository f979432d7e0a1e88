"""What is written to Seko and how it is found again: small pure functions, no I/O.

Belongs here: what may be sent at all, bodies, look-ups, guards, what a refusal means.
Does not belong here: which of them make a write (``seko``), answers of reads (``seko_answers``), when one is
sent (``outbox``).

Facts that shape this file: an order is asked for by its GUID and never by its number, so the GUID is made
from our reference; an order is taken whole or not at all and cannot be edited; a SKU may stand on one line
only; refusals come with status 200; a read gives an order's status and nothing of what was stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec

from cogent_pipelines.connect.auth import QueryKey
from cogent_pipelines.connect.spec import Found, Json, Receipt, Request, System, Want
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors import seko_answers as answers

HUB = "hub_url"
"""The option with the address of the older hub, whose services are read by GUID."""
HUB_KEY = QueryKey("token", "token")
"""It takes a key of its own."""
OURS = UUID("5f1d3c1e-7c0f-5d52-9a3a-0f7a4f6f2f10")
"""What our GUIDs are made under."""
BEFORE_PICKING = frozenset({"To Be Picked"})
PAST_RETURN = frozenset({"Being Picked", "Pick Complete", "To Dispatch", "Dispatched"})
CANCELLING = "To Cancel"
NO_POSTCODE = "-----"
WITHOUT_POSTCODE = frozenset(
    "AE AG AO BO BS BW BZ FJ GH GM HK IE JM KN MO MW PA QA RW SC SL SR TT TZ UG YE ZW".split()  # noqa: SIM905
)
"""Countries that have none. Elsewhere an address without one is refused before it is sent."""
LONGEST = {"SalesOrderNumber": 50, "PostcodeZip": 20, "PhoneNumber": 20, "EmailAddress": 150, "Notes": 4000}
LONGEST_LINE = 100
REASONS = {
    "customer": "001",
    "shop": "001",
    "delay": "002",
    "duplicate": "003",
    "stock": "004",
    "address": "005",
}
REFUSALS = (
    (r"already exists|duplicate", "duplicate_reference"),
    (r"no free stock", "no_free_stock"),
    (r"invalid mapping - dc", "unmapped_facility_id"),
    (r"invalid mapping", "invalid_mapping"),
    (r"product .* does not exist|unknown product", "unknown_sku"),
    (r"pick wave|to dispatch|cannot be cancelled", "past_no_return"),
    (r"field is required", "invalid"),
)
"""What the vendor says -> the code that groups alike refusals."""
LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d",
     "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i", "\u2018": "'", "\u2019": "'",
     "\u201c": "'", "\u201d": "'", "\u2013": "-", "\u2014": "-", '"': "'", "|": "-"}
)  # fmt: skip
"""Letters that no accent explains, and two characters that break the vendor's parser or a client's file."""


# --- names --------------------------------------------------------------------------------------------


def guid(reference: str) -> str:
    """The GUID an order is loaded under: always the same for our reference."""
    return str(uuid5(OURS, reference))


def number(reference: str) -> str:
    """The order's number as it may stand in a path: ``#1001/LEEDS`` is ``1001-LEEDS``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", reference).strip("-")


def code(sku: str, system: System) -> str:
    """A SKU as the account has it: letters and digits only, unless its ``sku_rule`` is ``as_is``."""
    return sku if system.options.get("sku_rule") == "as_is" else re.sub(r"[^A-Za-z0-9]", "", sku)


def codes(skus: Sequence[str], system: System) -> dict[str, list[str]]:
    """Code -> the SKUs that have it. Two SKUs of one code clash; neither may be sent or read by it."""
    found: dict[str, list[str]] = {}
    for sku in sorted(set(skus)):
        if made := code(sku, system):
            found.setdefault(made, []).append(sku)
    return found


def plain(value: Any, name: str) -> str | None:
    """Text as carriers take it: ASCII, without what breaks a parser. Raises ``Reject`` for another script."""
    words = " ".join(str(value).split()) if value is not None else ""
    folded = unicodedata.normalize("NFKD", words.translate(LETTERS))
    made = "".join(c for c in folded if not unicodedata.combining(c))
    if not made.isascii():
        raise Reject(f"{name} holds letters no carrier takes", code="bad_address")
    return made or None


# --- what may be sent at all --------------------------------------------------------------------------


def facility(fields: Mapping[str, Any], system: System) -> str:
    """The DC code of an order. Raises ``Reject`` for one that is none of the account's."""
    found = str(fields.get("facility_id") or "")
    known = system.options.get("dc_codes")
    if not re.fullmatch(r"DC[A-Z0-9]{1,18}", found) or (known and found not in known):
        raise Reject(
            f"facility_id is {found!r}, which is no DCCode of the account", code="unmapped_facility_id"
        )
    return found


def carrier(fields: Mapping[str, Any]) -> tuple[str, str]:
    """(CourierName, CourierService). Raises ``Reject`` where the mapping does not say both."""
    courier, service = (answers.text(fields.get(name)) for name in ("delivery_method_id", "service_code"))
    for name, value in (("delivery_method_id", courier), ("service_code", service)):
        if not value or not re.fullmatch(r"[A-Za-z0-9 _.+/&-]{1,50}", value):
            raise Reject(f"{name} is {value!r}, which names no carrier service", code=f"unmapped_{name}")
    return str(courier), str(service)


def address(fields: Mapping[str, Any]) -> dict[str, str]:
    """``DeliveryDetails``. Raises ``Reject`` for what the vendor, or its carriers, would refuse or cut."""
    names = {
        "FirstName": "ship_to_first_name",
        "LastName": "ship_to_last_name",
        "Line1": "ship_to_line1",
        "Line2": "ship_to_line2",
        "Line3": "ship_to_company",
        "City": "ship_to_city",
        "County": "ship_to_region",
        "PostcodeZip": "ship_to_postcode",
        "CountryCode": "ship_to_country_code",
        "PhoneNumber": "ship_to_phone",
        "EmailAddress": "customer_email",
    }
    made = {theirs: plain(fields.get(ours), theirs) or "" for theirs, ours in names.items()}
    if not re.fullmatch(r"[A-Z]{2}", made["CountryCode"]):
        raise Reject(f"the country is {made['CountryCode']!r}, not two letters", code="bad_address")
    if not made["PostcodeZip"] and made["CountryCode"] in WITHOUT_POSTCODE:
        made["PostcodeZip"] = NO_POSTCODE
    lacking = [name for name in ("Line1", "City", "PostcodeZip") if not made[name]]
    if lacking or not (made["FirstName"] or made["LastName"]):
        raise Reject(f"the address lacks {', '.join(lacking) or 'a name'}", code="bad_address")
    long = [n for n, value in made.items() if len(value) > LONGEST.get(n, LONGEST_LINE)]
    if long:
        raise Reject(f"too long for the warehouse: {', '.join(long)}", code="bad_address")
    return {name: value for name, value in made.items() if value or name == "County"}


def _lines(fields: Mapping[str, Any], system: System) -> list[dict[str, Any]]:
    """One entry per code: units, what they cost before tax in all, and the tax on that."""
    merged: dict[str, dict[str, Any]] = {}
    for line in fields["lines"]:
        sku, made = str(line.get("sku") or ""), code(str(line.get("sku") or ""), system)
        if not made:
            raise Reject(f"SKU {sku!r} holds no letter or digit", code="unknown_sku")
        entry = merged.setdefault(made, {"sku": sku, "qty": 0, "net": Decimal(0), "tax": Decimal(0)})
        if entry["sku"] != sku:
            raise Reject(
                f"SKUs {entry['sku']!r} and {sku!r} are both {made!r} in the warehouse", code="sku_collision"
            )
        qty, price = int(line["qty"]), Decimal(str(line["unit_price_amount"]))
        if qty <= 0:
            raise Reject(f"{qty} units of {sku!r}", code="invalid")
        rate = Decimal(str(line.get("tax_rate") or 0))
        net = price / (1 + rate) if fields.get("is_tax_included") else price
        entry["qty"] += qty
        entry["net"] += qty * net
        entry["tax"] += qty * net * rate
    if not merged:
        raise Reject("the order has no lines", code="invalid")
    return [{"code": made, **entry} for made, entry in merged.items()]


# --- orders -------------------------------------------------------------------------------------------


def _amount(value: Any, places: str = "0.01") -> msgspec.Raw:
    """An amount as the JSON number it is, digit for digit."""
    rounded = Decimal(str(value or 0)).quantize(Decimal(places), ROUND_HALF_UP)
    return msgspec.Raw(f"{rounded:f}".encode())


def create(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  they take no key
    """``POST salesorders/v4/websubmit``: one order, under our GUID. Raises ``Reject`` before anything is sent."""
    (want,) = wants
    fields = want.fields
    courier, service = carrier(fields)
    currency = str(fields.get("currency") or "")
    name = number(want.reference)
    if (
        not name
        or len(name) > LONGEST["SalesOrderNumber"]
        or len(want.reference) > LONGEST["SalesOrderNumber"]
    ):
        raise Reject(f"{want.reference!r} makes no order number of 50 characters", code="invalid")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Reject(f"the currency is {currency!r}", code="currency")
    lines = _lines(fields, system)
    head = {
        "SalesOrderNumber": name,
        "SalesOrderReference": want.reference,
        "SalesOrderDate": fields["placed_at"].strftime("%Y-%m-%d"),
        "OrderType": "Retail",
        "CurrencyCode": currency,
        "CourierName": courier,
        "CourierService": service,
        "GUID": guid(want.reference),
        "ShippingTotal": _amount(fields.get("shipping_amount")),
        "DiscountPriceTotal": _amount(fields.get("discount_amount")),
        "SubTotal": _amount(sum(line["net"] for line in lines)),
        "TaxTotal": _amount(fields.get("tax_amount")),
        "Notes": (plain(fields.get("note"), "Notes") or "")[: LONGEST["Notes"]],
        "ScheduledShipDate": fields["due_on"].strftime("%Y-%m-%d") if fields.get("due_on") else "",
    }
    delivery = address(fields)
    body = {
        "WebSalesOrder": {theirs: value for theirs, value in head.items() if value != ""},
        "DeliveryDetails": delivery,
        "BillingDetails": delivery,
        "SalesOrderHeader": {"DCCode": facility(fields, system)},
        "List": {
            "SalesOrderLineItem": [
                {
                    "LineNumber": place,
                    "ProductCode": line["code"],
                    "Quantity": line["qty"],
                    "UnitPrice": _amount(line["net"] / line["qty"], "0.0001"),
                    "VAT": _amount(line["tax"] / line["qty"], "0.0001"),
                    "CurrencyCode": currency,
                }
                for place, line in enumerate(lines, 1)
            ]
        },
    }
    return Request("POST", "/salesorders/v4/websubmit", body=body, is_write=True)


def receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    """Accepted under our GUID, or refused in the vendor's words.

    Raises ``Retry`` for what says neither, and for a number that is taken: the order may be ours, sent before.
    """
    (want,) = wants
    found = answers.body(answer)
    words = answers.refusal(found)
    if words is None:
        status = found.get("CallStatus")
        if not isinstance(status, Mapping) or status.get("Success") is None:
            raise Retry("the answer holds no CallStatus, so what was done is not known", effect="unknown")
        return [Receipt(ref=answers.text(found.get("GUID")) or _asked(want))]
    refused = next(
        (name for words_of, name in REFUSALS if re.search(words_of, words, re.IGNORECASE)), "rejected"
    )
    if refused == "duplicate_reference":
        raise Retry(words, effect="unknown")
    return [Receipt(refused=words, code=refused)]


def _asked(want: Want) -> str:
    """The GUID of the order a want is about."""
    return str(want.fields.get("warehouse_order_id") or guid(want.reference))


def status(of: str) -> Request:
    """The status of the order with a GUID."""
    return Request(
        "GET", f"/salesorders/v1/{of}/status.json", base=HUB, auth=HUB_KEY, absent=frozenset({404})
    )


def by_guid(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001
    """Ask for each order by its GUID: the one way there is."""
    return [status(_asked(want)) for want in wants]


def find(want: Want, found: Sequence[Json]) -> Found | None:
    """The order with the want's GUID, and no other's. Raises ``Retry`` for an answer that proves nothing."""
    (answer,) = found
    if answer is None:
        return None
    order = answers.body(answer)
    words = answers.refusal(order) or answers.message(order)
    told = answers.text(order.get("Status"))
    if told is None:
        if answers.NOTHING.search(words):
            return None
        raise Retry(f"the answer proves no absence: {words or 'no Status'}")
    theirs = answers.text(order.get("GUID"))
    if theirs is not None and theirs.lower() != _asked(want).lower():
        raise Retry(f"asked for {_asked(want)}, answered {theirs}")
    return Found(_asked(want), {"reference": want.reference, "status": told})


# --- cancelling ---------------------------------------------------------------------------------------


def may_cancel(want: Want, found: Found | None) -> None:
    """Refuse once anybody picks, and where the status is not one we know."""
    if found is None:
        raise Reject(f"the warehouse has no order for {want.reference}", code="not_found")
    told = found.fields["status"]
    if told in PAST_RETURN:
        raise Reject(f"the order is past the point of no return: {told}", code="past_no_return")
    if told == CANCELLING:
        raise Retry("the order is being cancelled", after=60)
    if told not in BEFORE_PICKING and told != "Cancelled":
        raise Reject(f"the order's status {told!r} is not known here", code="unknown_status")


def cancel(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST salesorders/v3/{number}/cancel`` with the reason's code."""
    (want,) = wants
    told = str(want.fields.get("cancel_reason") or "customer").lower()
    reason = next((found for word, found in REASONS.items() if word in told), "006")
    path = f"/salesorders/v3/{number(want.reference)}/cancel"
    # a body, if an empty one: a write without a Content-Type is refused
    return Request("POST", path, params=(("reasonCode", reason),), body={}, is_write=True)


def is_cancelled(want: Want, found: Found) -> bool:  # noqa: ARG001
    """Whether nothing will leave any more; ``To Cancel`` may still be refused."""
    return bool(found.fields["status"] == "Cancelled")


# --- products -----------------------------------------------------------------------------------------


def is_barcode(value: str) -> bool:
    """Whether a text is a GTIN of 8, 12, 13 or 14 digits whose check digit is right."""
    if not re.fullmatch(r"\d{8}|\d{12,14}", value):
        return False
    weighed = sum(
        int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(value[:-1]))
    )
    return (10 - weighed % 10) % 10 == int(value[-1])


def product(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST products/v4/submit`` or ``update``. Raises ``Reject`` while weight, barcode or origin is missing.

    What the vendor calls these three in a product master is inferred.
    """
    (want,) = wants
    fields = want.fields
    sku, made = str(fields.get("sku") or ""), code(str(fields.get("sku") or ""), system)
    if not made:
        raise Reject(f"SKU {sku!r} holds no letter or digit", code="unknown_sku")
    if fields.get("clashes"):
        raise Reject(
            f"{sku!r} and {fields['clashes']} are both {made!r} in the warehouse", code="sku_collision"
        )
    barcode, origin = (str(fields.get(name) or "") for name in ("barcode", "origin_country_code"))
    lacking = {
        "weight": int(fields.get("weight_grams") or 0) > 0,
        "barcode": is_barcode(barcode),
        "country of origin": re.fullmatch(r"[A-Z]{2}", origin) is not None,
    }
    if not all(lacking.values()):
        names = ", ".join(name for name, is_there in lacking.items() if not is_there)
        raise Reject(f"{sku} lacks a good {names}", code="incomplete_item")
    kilograms = Decimal(int(fields["weight_grams"])) / 1000
    master = {
        "ProductCode": made,
        "ProductDescription": plain(fields.get("title"), "ProductDescription") or made,
        "EAN": barcode,
        "Weight": _amount(kilograms, "0.001"),
        "WeightUOM": "KG",
        "CountryOfOrigin": origin,
        "CommodityCode": str(fields.get("hs_code") or ""),
    }
    verb = "update" if want.act == "update" else "submit"
    body = {"ProductMaster": {name: value for name, value in master.items() if value != ""}, "List": {}}
    return Request("POST", f"/products/v4/{verb}", body=body, is_write=True)


def product_receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    """Accepted under its SKU, or refused in the vendor's words."""
    (want,) = wants
    (receipt,) = receipts(
        [Want(want.sync, want.act, want.key, want.reference, {"warehouse_order_id": "-"})], answer
    )
    return [receipt if receipt.refused else Receipt(ref=str(want.fields["sku"]))]


def product_status(made: str) -> Request:
    """Whether the account knows a product."""
    return Request("GET", f"/products/v1/{made}/status.json", base=HUB, auth=HUB_KEY, absent=frozenset({404}))


def by_code(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """Ask for each product by its code."""
    return [product_status(code(str(want.fields.get("sku") or ""), system)) for want in wants]


def find_product(want: Want, found: Sequence[Json]) -> Found | None:
    """Whether the account knows the product; it tells nothing else of it."""
    (answer,) = found
    sku = str(want.fields.get("sku") or "")
    (row,) = answers.product_rows({"code": sku, "skus": [sku]}, answer)
    return Found(sku, {"sku": sku}) if row["IsKnown"] else None


def is_there(want: Want, found: Found) -> bool:  # noqa: ARG001
    """Whether a product need not be sent: one to be updated is sent once, whatever is there."""
    return want.act != "update"
