"""BigCommerce: what is written to it, how its answers are read and how an effect is seen.

Belongs here: payload builders, receipts and look-ups of shipments, cancellations and levels, each a small pure function.
Does not belong here: what is read from it (``bigcommerce``), sending and retrying (``connect``, ``outbox``).

Facts that shape this file: a shipment has no idempotency key, and its customer is told by the vendor when it is made;
its comments carry our reference. Levels are set in the background, some time after the vendor said yes; a batch of
them is refused whole for one bad row, and two calls at once may end in either's value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cogent_pipelines.connect.spec import Found, Json, Lookup, Receipt, Request, System, Want, Write
from cogent_pipelines.errors import Reject, Retry

LINES_TOO: Mapping[str, str] = {"include": "consignments.line_items", "consignment_structure": "object"}
"""What makes an order come with its addresses and lines."""
PROVIDERS = frozenset({
    "auspost", "canadapost", "endicia", "usps", "fedex", "royalmail", "ups", "upsonline", "upsready",
    "shipperhq",
})  # fmt: skip
"""Carriers the vendor knows by itself; any other is a courier's slug for tracking, or ``carrier_<id>`` of the store."""
LONGEST_NUMBER, LONGEST_LINK = 50, 500
PAGE = 250
CANCELLED, INCOMPLETE = frozenset({5, 6}), 0
ALSO = "; also in parcel "
"""What stands in a shipment's comments before an earlier parcel's number; staging reads it back."""
ROWS = 200
"""Levels of one call. The vendor takes 2,000; so many ids still go into one address when they are looked up."""
MOST = 2_147_483_647
"""The highest level the vendor takes."""

# --- a parcel -----------------------------------------------------------------------------------------


def mark(want: Want) -> str:
    """Our reference, as a shipment's comments begin: one for each parcel and part."""
    return f"our ref {want.key}"


def _comments(want: Want) -> str:
    """Our reference and the numbers of earlier parcels that held a part of what this one completes.

    The shop has one number for a shipment, so these stand where its people can read them.
    """
    return ALSO.join((mark(want), *_numbers(want)[1:]))


def _reference(shipment: Mapping[str, Json]) -> str:
    """What a shipment's comments say before other parcels' numbers."""
    return str(shipment.get("comments") or "").partition(ALSO)[0].strip()


def _numbers(want: Want) -> list[str]:
    return [n.strip() for n in want.fields.get("tracking_numbers") or () if n and n.strip()]


def _number(want: Want) -> str:
    """The parcel's own number, which is the first; a shipment holds one."""
    return next(iter(_numbers(want)), "")


def _link(want: Want) -> str:
    urls = want.fields.get("tracking_urls") or ("",)
    url = (urls[0] or "").strip()
    return url if re.match(r"https?://[^/\s]+\S*$", url) and len(url) <= LONGEST_LINK else ""


def _tracking(want: Want) -> dict[str, str]:
    """Number, carrier and link. A link of our own stands in for the carrier's page, so it goes only without one."""
    number, carrier = _number(want), str(want.fields.get("carrier") or "")
    is_provider = carrier in PROVIDERS or bool(re.fullmatch(r"carrier_\d+", carrier))
    parts = {
        "tracking_number": number,
        "shipping_provider": carrier if is_provider else "",
        "tracking_carrier": "" if is_provider else carrier,
    }
    return parts | ({"tracking_link": link} if not carrier and (link := _link(want)) else {})


def _ship(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    (want,) = wants
    addresses = {str(line["fulfilment_order_id"]) for line in want.fields["lines"]}
    if len(addresses) != 1:
        raise Reject(f"one parcel for {len(addresses)} addresses of its order", code="several_addresses")
    body = {
        "order_address_id": int(addresses.pop()),
        "items": [
            {"order_product_id": int(line), "quantity": units} for line, units in sorted(_units(want).items())
        ],
        "comments": _comments(want),
        **_tracking(want),
    }
    return Request("POST", f"/v2/orders/{want.fields['order_id']}/shipments", body=body, is_write=True)


def _units(want: Want) -> Counter[str]:
    """Order line -> units of the parcel."""
    units: Counter[str] = Counter()
    for line in want.fields["lines"]:
        units[str(line["order_line_key"]).rpartition(":")[2]] += int(line["qty"])
    return units


def _made(_wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    return [Receipt(ref=str(answer["id"]))]


def _order_and_shipments(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001
    (want,) = wants
    order = f"/v2/orders/{want.fields['order_id']}"
    return [
        Request("GET", f"{order}/shipments", params=(("limit", str(PAGE)),)),
        Request("GET", order, params=tuple(LINES_TOO.items())),
    ]


def _plain(number: str) -> str:
    """A number without what is typed differently: spaces and case."""
    return "".join(number.split()).upper()


def _is_parcel(shipment: Mapping[str, Json], want: Want) -> bool:
    """Whether a shipment is this parcel's: by our reference or, where a person made it, by number and lines."""
    if _reference(shipment) == mark(want):
        return True
    if re.match(r"our ref \S", _reference(shipment)):
        return False  # another parcel's, or another part of this one
    number = _plain(_number(want))
    return (
        bool(number)
        and _plain(shipment.get("tracking_number") or "") == number
        and _held(shipment) == _units(want)
    )


def _held(shipment: Mapping[str, Json]) -> Counter[str]:
    units: Counter[str] = Counter()
    for item in shipment["items"]:
        units[str(item["order_product_id"])] += int(item["quantity"])
    return units


def _stored(shipment: Mapping[str, Json], want: Want) -> dict[str, Any]:
    """What the shipment holds, in the words of the want where it says the same."""
    number, carriers = (
        shipment.get("tracking_number") or "",
        (shipment.get("shipping_provider") or "", shipment.get("tracking_carrier") or ""),
    )
    wanted = want.fields.get("carrier")
    is_same = _plain(number) == _plain(_number(want))
    return {
        "tracking_numbers": want.fields.get("tracking_numbers") if is_same else [number] if number else [],
        "carrier": wanted if (wanted or "") in carriers else next(filter(None, carriers), None),
        "lines": want.fields["lines"] if _held(shipment) == _units(want) else sorted(_held(shipment).items()),
    }


def _shipped(want: Want, answers: Sequence[Json]) -> Found | None:
    """The parcel's shipment, and what its order has left. ``left`` stands beside for the guard."""
    shipments, order = answers[0] or [], answers[1]
    if len(shipments) >= PAGE:
        raise Reject(f"order {want.fields['order_id']} has {PAGE} shipments or more", code="too_many")
    same = sorted((s for s in shipments if _is_parcel(s, want)), key=lambda s: int(s["id"]))
    beside = {"status_id": order["status_id"], "left": _left(order)}
    if not same:
        return Found("", beside, count=0)
    return Found(str(same[0]["id"]), _stored(same[0], want) | beside, count=len(same))


def _left(order: Mapping[str, Json]) -> dict[str, int]:
    """Order line -> units not shipped yet, for lines that go to an address."""
    return {
        str(line["id"]): int(line["quantity"]) - int(line.get("quantity_shipped") or 0)
        for consignment in order["consignments"].get("shipping") or ()
        for line in consignment["line_items"]
    }


def _can_be_shipped(want: Want, found: Found | None) -> None:
    """Refuse a parcel whose customer may not be told yet, or that the order has no room for."""
    if not want.fields.get("notify") and int(want.fields.get("part") or 1) == 1:
        raise Reject("the shop tells its customer of every shipment, and may not yet", code="would_notify")
    if found is None or found.fields["status_id"] == INCOMPLETE:
        raise Reject(f"order {want.fields['order_id']} is not in the shop", code="order_missing")
    if found.fields["status_id"] in CANCELLED:
        raise Reject(f"order {want.fields['order_id']} is cancelled in the shop", code="order_cancelled")
    if len(_number(want)) > LONGEST_NUMBER:
        raise Reject(f"a number of more than {LONGEST_NUMBER} characters", code="invalid_number")
    for line, units in _units(want).items():
        if (rest := found.fields["left"].get(line, 0)) < units:
            raise Reject(f"{units} units of line {line} despatched, {rest} left to ship", code="nothing_left")


def _track(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    (want,) = wants
    path = f"/v2/orders/{want.fields['order_id']}/shipments/{want.fields['fulfilment_id']}"
    return Request("PUT", path, body=_tracking(want), is_write=True)


def _shipments(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001  as declared
    (want,) = wants
    return [Request("GET", f"/v2/orders/{want.fields['order_id']}/shipments", params=(("limit", str(PAGE)),))]


def _tracked(want: Want, answers: Sequence[Json]) -> Found | None:
    wanted = str(want.fields["fulfilment_id"])
    for shipment in answers[0] or ():
        if str(shipment["id"]) == wanted:
            return Found(wanted, _stored(shipment, want))
    return None


def _is_tracked(want: Want, found: Found) -> bool:
    return all(found.fields[name] == want.fields.get(name) for name in ("tracking_numbers", "carrier"))


def _can_be_tracked(want: Want, found: Found | None) -> None:
    if found is None:
        raise Reject(f"shipment {want.fields['fulfilment_id']} is gone", code="fulfilment_gone")


# --- units that will not be sent ------------------------------------------------------------------------


def _cancel(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    """The whole order: its stock is free again, and no money moves."""
    (want,) = wants
    return Request("PUT", f"/v2/orders/{want.fields['order_id']}", body={"status_id": 5}, is_write=True)


def _order(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001  as declared
    (want,) = wants
    path = f"/v2/orders/{want.fields['order_id']}"
    return [Request("GET", path, params=tuple(LINES_TOO.items()), absent=frozenset({404}))]


def _cancelled(want: Want, answers: Sequence[Json]) -> Found | None:  # noqa: ARG001  as declared
    """The order's status and what it has left to ship. A release has no mark of its own in the shop."""
    order = answers[0]
    if order is None:
        return None
    units = {
        str(line["id"]): int(line["quantity"])
        for consignment in order["consignments"].get("shipping") or ()
        for line in consignment["line_items"]
    }
    fields = {"status_id": order["status_id"], "units": units, "left": _left(order)}
    return Found(str(order["id"]), fields)


def _is_cancelled(want: Want, found: Found) -> bool:  # noqa: ARG001  as declared
    return found.fields["status_id"] in CANCELLED


def _can_be_cancelled(want: Want, found: Found | None) -> None:
    """Refuse what would take more off the order than the warehouse gave up.

    Units of a line can be changed too, but then the vendor clears the line's discounts and drops fees that are not sent
    along: what the customer paid for the rest would change.
    """
    if found is None or found.fields["status_id"] == INCOMPLETE:
        raise Reject(f"order {want.fields['order_id']} is not in the shop", code="order_missing")
    released = {
        str(line["line_id"]): int(line["change_from"])
        for line in want.fields["lines"]
        if not line["quantity"]
    }
    if released != found.fields["units"] or found.fields["left"] != found.fields["units"]:
        raise Reject(
            "the shop can only cancel a whole order without changing what the rest of it costs",
            code="part_of_an_order",
        )


# --- a level ------------------------------------------------------------------------------------------


def _identity(want: Want) -> tuple[str, int]:
    """``variant_id=78``, as staging names an item whose stock is tracked so, as the vendor's field and number."""
    kind, _, number = str(want.fields["inventory_item_id"]).partition("=")
    if kind not in {"variant_id", "product_id"} or not number.isdigit():
        raise Reject(f"{want.fields['inventory_item_id']!r} is no item of the shop", code="invalid_item")
    return kind, int(number)


def _set(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    rows = []
    for want in sorted(wants, key=lambda w: int(w.fields["location_id"])):
        kind, number = _identity(want)
        quantity = int(want.fields["quantity"])
        rows.append({"location_id": int(want.fields["location_id"]), kind: number, "quantity": quantity})
    body = {"reason": f"cogent-pipelines {key}", "items": rows}
    return Request("PUT", "/v3/inventory/adjustments/absolute", body=body, is_write=True)


def _accepted(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    return [Receipt(ref=str((answer or {}).get("transaction_id") or ""))] * len(wants)


def _levels(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001  as declared
    """One request for the items tracked as variants, one for those tracked as products."""
    ids: dict[str, list[str]] = {}
    for want in wants:
        kind, number = _identity(want)
        ids.setdefault(kind, []).append(str(number))
    return [
        Request(
            "GET",
            "/v3/inventory/items",
            params=((f"{kind}:in", ",".join(dict.fromkeys(numbers))), ("limit", "1000")),
        )
        for kind, numbers in sorted(ids.items())
    ]


def _level(want: Want, answers: Sequence[Json]) -> Found | None:
    kind, number = _identity(want)
    for row in (row for answer in answers for row in answer["data"]):
        if row["identity"].get(kind) != number:
            continue
        for place in row["locations"]:
            if str(place["location_id"]) == str(want.fields["location_id"]):
                fields = {
                    "quantity": place["total_inventory_onhand"],
                    "is_active": place.get("location_enabled") is not False,
                }
                return Found(f"{want.fields['inventory_item_id']}:{want.fields['location_id']}", fields)
    return None


def _is_level(want: Want, found: Found) -> bool:
    return bool(found.fields["quantity"] == want.fields["quantity"])


def _can_be_set(want: Want, found: Found | None) -> None:
    if found is not None and not found.fields["is_active"]:
        raise Reject(f"location {want.fields['location_id']} is closed", code="location_closed")
    if not 0 <= want.fields["quantity"] <= MOST or want.fields["quantity"] != int(want.fields["quantity"]):
        raise Reject(f"{want.fields['quantity']} is no level the shop takes", code="invalid_quantity")
    first = want.fields.get("change_from")
    if want.act == "set" and found is None:
        raise Reject(
            f"{want.fields.get('sku')} has no level there any more", code="item_not_stocked_at_location"
        )
    if found is not None and first is not None and found.fields["quantity"] != first:
        raise Retry(f"the level moved from {first} to {found.fields['quantity']} since it was read")


SHIPMENT = Write(
    "fulfil",
    _ship,
    _made,
    Lookup(_order_and_shipments, _shipped),
    done=lambda _want, found: found.count > 0,
    guard=_can_be_shipped,
    compare=("tracking_numbers", "carrier", "lines"),
    settle=timedelta(seconds=90),
)
CANCELLATION = Write(
    "release",
    _cancel,
    _made,
    Lookup(_order, _cancelled),
    done=_is_cancelled,
    guard=_can_be_cancelled,
    settle=timedelta(seconds=90),
)
TRACKING = Write(
    "track",
    _track,
    _made,
    Lookup(_shipments, _tracked),
    done=_is_tracked,
    guard=_can_be_tracked,
    settle=timedelta(seconds=90),
)
LEVEL = Write(
    "set",
    _set,
    _accepted,
    Lookup(_levels, _level, batch=ROWS),
    done=_is_level,
    guard=_can_be_set,
    compare=("quantity",),
    batch=ROWS,
    # Carried out in the background, and nothing tells when.
    settle=timedelta(minutes=5),
    is_alone=True,
)

WRITES: Mapping[tuple[str, str], tuple[Write, ...]] = {
    ("shipments_to_channel", "fulfil"): (SHIPMENT,),
    ("shipments_to_channel", "track"): (TRACKING,),
    ("cancellations_to_channel", "release"): (CANCELLATION,),
    ("stock_to_channel", "set"): (LEVEL,),
    # A first level is set as any other: absolutely.
    ("stock_to_channel", "activate"): (LEVEL,),
}
