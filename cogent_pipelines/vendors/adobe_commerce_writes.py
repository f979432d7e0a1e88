"""What is written to Adobe Commerce and how it is found again: small pure functions, no I/O.

Belongs here: searches, bodies, receipts, look-ups and guards of parcels and levels.
Does not belong here: which lists are read, or what an error says (``adobe_commerce``); when anything is sent
(``outbox``).

Facts that shape this file: there is no idempotency key, so a parcel carries our key in its comment and is
found by it, or by its number and units; a configurable is shipped by its parent's item; a source takes what
lies on the shelf, not what can be sold, so our level goes up by what the shop has reserved of it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from cogent_pipelines.connect.spec import Found, Json, Lookup, Receipt, Request, System, Want, Write
from cogent_pipelines.errors import Reject, Retry

AT_ONCE = 20
"""The most entities in one synchronous body where a shop has its input limits on."""
IN_QUEUE = 500
"""Levels pushed through the queue at once; the vendor's limit is ten times as many."""
ROWS = 300
"""The largest page where a shop has its limits on."""
ORDERS = 10
CARRIERS = {"ups": "ups", "usps": "usps", "fedex": "fedex", "dhl": "dhl", "dhl express": "dhl"}
"""Our name of a carrier in lower case -> the shop's own code of it; any other is ``custom``."""
OVER = frozenset({"complete", "closed", "canceled"})
WAITING = frozenset({"holded", "payment_review"})
"""States in which the shop refuses a parcel until somebody lets the order go on."""
QUEUED = "bulk:"
"""Begins the reference of a level that was given to the queue."""
OPEN = 4
REFUSED = frozenset({3, 5})
"""Statuses of an operation in the queue: 1 complete, 2 failed and may go again, 3 failed for good, 4 open, 5 rejected."""

# --- searches -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition of a search."""

    field: str
    value: object
    condition: str = "eq"


def path(system: System, name: str, *, prefix: str = "") -> str:
    """An address of the shop's interface, in the store the account reads by."""
    return f"/rest/{quote(str(system.options.get('store', 'default')), safe='')}{prefix}/V1/{name}"


def website(system: System) -> str:
    """The list of what can be sold on the account's website."""
    code = quote(str(system.options.get("website", "base")), safe="")
    return path(system, f"inventory/export-stock-salable-qty/website/{code}")


def group(place: int, filters: Sequence[Filter]) -> tuple[tuple[str, str], ...]:
    """Parameters of one group of a search: of its filters at least one must hold. All groups must."""
    return tuple(
        (f"searchCriteria[filterGroups][{place}][filters][{number}][{name}]", str(value))
        for number, each in enumerate(filters)
        for name, value in (("field", each.field), ("value", each.value), ("conditionType", each.condition))
    )


def _search(at: str, field: str, values: Sequence[object], **only: str) -> Request:
    """A search for any of ``values``: alternatives, as a list of values cannot hold a comma in one of them."""
    pages = (("searchCriteria[pageSize]", str(ROWS)), ("searchCriteria[currentPage]", "1"))
    found = group(0, [Filter(field, value) for value in dict.fromkeys(values)])
    return Request("GET", at, params=(*pages, *found, *only.items()))


def _found(answers: Sequence[Json], has: str) -> list[Mapping[str, Json]]:
    """What searches found whose records have the field ``has``. Raises Retry where a page cut one off."""
    rows: list[Mapping[str, Json]] = []
    for answer in answers:
        if isinstance(answer, Mapping) and "items" in answer:
            items = answer["items"] or []
            if len(items) < answer.get("total_count", 0):
                raise Retry(
                    f"{answer['total_count']} records answer, more than one page: absence is not proven"
                )
            rows += [item for item in items if has in item]
    return rows


def _number(value: object) -> Decimal:
    return Decimal(str(value or 0))


# --- a parcel -----------------------------------------------------------------------------------------


def _marker(want: Want) -> str:
    return f"[cogent {want.key}]"


def _numbers(want: Want) -> list[str]:
    """The parcel's tracking numbers, its own first."""
    return [
        number.strip() for number in want.fields.get("tracking_numbers") or () if number and number.strip()
    ]


def _plain(number: object) -> str:
    """A number without what is typed differently: spaces and case."""
    return "".join(str(number or "").split()).upper()


def _units(want: Want) -> Counter[str]:
    """Order item -> units of the parcel."""
    units: Counter[str] = Counter()
    for line in want.fields["lines"]:
        units[str(line["fulfilment_order_line_id"])] += int(line["qty"])
    return units


def _carrier_code(carrier: str, system: System) -> str:
    named = system.options.get("carriers")
    if isinstance(named, Mapping) and carrier in named:
        return str(named[carrier])
    return CARRIERS.get(carrier.strip().lower(), "custom")


def ship(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  they take no key
    """``POST /order/{id}/ship``: the units of the parcel, its numbers, and the source it left from.

    Our key goes into a comment that neither the customer's message nor the shop's front shows.
    """
    (want,) = wants
    carrier = str(want.fields.get("carrier") or "")
    body: dict[str, Json] = {
        "items": [{"order_item_id": int(item), "qty": qty} for item, qty in _units(want).items()],
        "notify": bool(want.fields.get("notify")),
        "appendComment": False,
        "comment": {"comment": f"{want.reference} {_marker(want)}".strip(), "is_visible_on_front": 0},
        "tracks": [
            {"track_number": number, "title": carrier, "carrier_code": _carrier_code(carrier, system)}
            for number in _numbers(want)
        ],
    }
    if source := want.fields.get("from_location_id") or want.fields.get("location_id"):
        body["arguments"] = {"extension_attributes": {"source_code": str(source)}}
    order = str(want.fields["order_id"])
    if not order.isdigit():
        raise Reject(f"{order!r} is no id of an order in the shop", code="unknown_id")
    return Request("POST", path(system, f"order/{order}/ship"), body=body, is_write=True)


def shipped(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:  # noqa: ARG001
    """The answer is the shipment's id and nothing else."""
    if isinstance(answer, bool) or not str(answer if answer is not None else "").isdigit():
        raise Retry("the answer holds no shipment, so what was done is not known", effect="unknown")
    return [Receipt(ref=str(answer))]


def by_orders(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """The orders of the batch as they stand, and every shipment of theirs."""
    orders = [want.fields["order_id"] for want in wants]
    return [
        _search(path(system, "orders"), "entity_id", orders),
        _search(path(system, "shipments"), "order_id", orders),
    ]


def _holds(shipment: Mapping[str, Json], want: Want, order: Mapping[str, Json]) -> bool:
    """Whether a shipment holds the parcel's units and no others.

    A child may stand beside its parent, and the parent of parts that travel apart beside them: neither counts.
    """
    wanted = _units(want)
    parents = {str(i["item_id"]): str(i.get("parent_item_id") or "") for i in order.get("items") or ()}
    above = {parents.get(item) for item in wanted}
    units: Counter[str] = Counter()
    for item in shipment.get("items") or ():
        key = str(item.get("order_item_id"))
        if key not in above and parents.get(key) not in wanted:
            units[key] += int(_number(item.get("qty")))
    return units == wanted


def _marks(shipment: Mapping[str, Json]) -> list[str]:
    """Our keys in a shipment's comments."""
    texts = (str(comment.get("comment") or "") for comment in shipment.get("comments") or ())
    return [mark for text in texts for mark in re.findall(r"\[cogent [^\]]*\]", text)]


def _is_told(shipment: Mapping[str, Json], want: Want, order: Mapping[str, Json]) -> bool:
    """Whether a shipment is this parcel's: by our key or the id we were given or, made by others, by number and units."""
    if marks := _marks(shipment):
        return _marker(want) in marks
    if not _holds(shipment, want, order):
        return False
    if str(shipment.get("entity_id")) == want.refs.get("ship"):
        return True
    theirs = {_plain(track.get("track_number")) for track in shipment.get("tracks") or ()}
    ours = [_plain(number) for number in _numbers(want)]
    return bool(ours) and ours[0] in theirs


def find_shipment(want: Want, answers: Sequence[Json]) -> Found | None:
    """The parcel's shipment, and what its order still waits for. None: there is no such order."""
    order_id = str(want.fields["order_id"])
    orders = [o for o in _found(answers, "increment_id") if "state" in o and str(o["entity_id"]) == order_id]
    if not orders:
        return None
    order = orders[0]
    same = sorted(
        (
            s
            for s in _found(answers, "order_id")
            if "state" not in s and str(s["order_id"]) == order_id and _is_told(s, want, order)
        ),
        key=lambda s: int(s["entity_id"]),
    )
    fields: dict[str, Any] = {
        "state": order.get("state"),
        "left": dict(_left(order)),
        "tracking_numbers": None,
        "carrier": None,
    }
    if not same:
        return Found("", fields, count=0)
    first = same[0]
    tracks = [track for track in first.get("tracks") or () if track.get("track_number")]
    theirs = [str(track["track_number"]) for track in tracks]
    is_same = {_plain(n) for n in theirs} >= {_plain(n) for n in _numbers(want)}
    fields["tracking_numbers"] = want.fields.get("tracking_numbers") if is_same else theirs
    fields["carrier"] = tracks[0].get("title") if tracks else None
    return Found(str(first["entity_id"]), fields, count=len(same))


def _left(order: Mapping[str, Json]) -> Iterator[tuple[str, int]]:
    """(order item, units that wait to be shipped), children left out as their parents count for them."""
    for item in order.get("items") or ():
        if item.get("parent_item_id") and not _is_shipped_apart(item, order):
            continue
        sent = max(_number(item.get("qty_shipped")), _number(item.get("qty_refunded")))
        left = _number(item.get("qty_ordered")) - sent - _number(item.get("qty_canceled"))
        yield str(item["item_id"]), 0 if item.get("is_virtual") else max(int(left), 0)


def _is_shipped_apart(item: Mapping[str, Json], order: Mapping[str, Json]) -> bool:
    """Whether a child is shipped by itself: of a bundle, whose parts may travel apart."""
    parents = (o for o in order.get("items") or () if o["item_id"] == item["parent_item_id"])
    return any(parent.get("product_type") == "bundle" for parent in parents)


def may_ship(want: Want, found: Found | None) -> None:
    """Refuse a parcel for which the order has no room, or which the shop would not take now."""
    if found is None:
        raise Reject(f"order {want.fields['order_id']} is not in the shop", code="order_missing")
    state = found.fields["state"]
    if state in WAITING:
        raise Reject(f"the order is {state}", code="fulfilment_order_waits")
    left = found.fields["left"]
    for line in want.fields["lines"]:
        if not str(line["fulfilment_order_line_id"]).isdigit():
            raise Reject(f"{line['fulfilment_order_line_id']!r} is no item of the order", code="unknown_id")
    for item, qty in _units(want).items():
        if left.get(item, 0) < qty:
            reason = f"{qty} of item {item} despatched, {left.get(item, 0)} left to ship"
            raise Reject(
                reason + (f" of an order that is {state}" if state in OVER else ""), code="nothing_left"
            )


# --- a level ------------------------------------------------------------------------------------------


def _physical(want: Want) -> int:
    """What must lie in the source so that ``quantity`` of it can be sold."""
    return int(want.fields["quantity"]) + int(want.fields.get("committed_qty") or 0)


def _source_item(want: Want) -> dict[str, Json]:
    quantity = _physical(want)
    return {
        "sku": str(want.fields["inventory_item_id"]),
        "source_code": str(want.fields["location_id"]),
        "quantity": quantity,
        "status": 1 if quantity > 0 else 0,
    }


def set_levels(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001
    """``POST /inventory/source-items``: physical quantities, absolute. Many at once go through the queue."""
    rows = [_source_item(want) for want in wants]
    name = "inventory/source-items"
    if len(rows) > AT_ONCE and system.options.get("bulk", True):
        bodies = [{"sourceItems": [row]} for row in rows]
        return Request("POST", path(system, name, prefix="/async/bulk"), body=bodies, is_write=True)
    return Request("POST", path(system, name), body={"sourceItems": rows}, is_write=True)


def levels_set(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    """An empty list, or what the queue took: one operation for each level, known by its place."""
    if not isinstance(answer, Mapping):
        return [Receipt(ref=_level_ref(want)) for want in wants]
    taken = {int(each["id"]): each for each in answer.get("request_items") or ()}
    uuid = answer.get("bulk_uuid")
    if not uuid or len(taken) != len(wants):
        raise Retry("the queue's answer does not name every level", effect="unknown")
    receipts = []
    for place in range(len(wants)):
        operation = taken.get(place) or {}
        if operation.get("status") == "accepted":
            receipts.append(Receipt(ref=f"{QUEUED}{uuid}/{place}"))
        else:
            reason = str(operation.get("error_message") or "the queue refused it")
            receipts.append(Receipt(refused=reason, code="rejected"))
    return receipts


def by_skus(wants: Sequence[Want], system: System) -> Sequence[Request]:
    """What lies in the sources, what can be sold, how the sources stand, and what became of queued levels."""
    skus = [want.fields["inventory_item_id"] for want in wants]
    stock = system.options.get("stock_id", 1)
    queued = dict.fromkeys(uuid for want in wants if (uuid := _operation(want)[0]))
    return [
        _search(path(system, "inventory/source-items"), "sku", skus),
        # Its count is of the products it looked at, and it leaves out those the stock does not have.
        _search(website(system), "sku", skus, fields="items[sku,qty,is_salable]"),
        _search(path(system, "inventory/stock-source-links"), "stock_id", [stock]),
        _search(path(system, "inventory/sources"), "enabled", [1]),
        *(
            Request("GET", path(system, f"bulk/{uuid}/status"), absent=frozenset({HTTPStatus.NOT_FOUND}))
            for uuid in queued
        ),
    ]


def _operation(want: Want) -> tuple[str, int]:
    """(uuid, place) of the queued operation that sets the want's level; ("", 0) where it was set at once."""
    ref = want.refs.get("set", "")
    uuid, _, place = ref.removeprefix(QUEUED).rpartition("/")
    return (uuid, int(place)) if ref.startswith(QUEUED) and place.isdigit() else ("", 0)


def _queue_says(want: Want, answers: Sequence[Json]) -> str:
    """The queue's refusal of a level, "" without one. Raises Retry for a level that still waits in the queue.

    A queue the shop has forgotten says nothing: the level itself tells.
    """
    uuid, place = _operation(want)
    for answer in answers if uuid else ():
        if not isinstance(answer, Mapping) or answer.get("bulk_id", uuid) != uuid:
            continue
        for operation in answer.get("operations_list") or ():
            if operation.get("id") != place:
                continue
            if operation.get("status") == OPEN:
                raise Retry("the level waits in the shop's queue")
            if operation.get("status") in REFUSED:
                return str(operation.get("result_message") or "it failed in the queue")
    return ""


def find_level(want: Want, answers: Sequence[Json]) -> Found | None:
    """The level in our words; None where the item is not assigned to the source.

    ``quantity`` is what lies there less what the want took to be reserved, so that it stays what was sent
    when an order comes in between; ``committed`` is what is reserved now. Reservations belong to the stock,
    not to a source: they are counted at the first of its sources, as staging does.
    """
    refused = _queue_says(want, answers)
    sku, source = str(want.fields["inventory_item_id"]), str(want.fields["location_id"])
    items = [i for i in _found(answers, "source_code") if "quantity" in i and i.get("sku") == sku]
    own = next((i for i in items if i["source_code"] == source), None)
    if own is None:
        return Found("", {"quantity": None}, count=0, refused=refused) if refused else None
    committed = _reserved(sku, source, items, answers)
    physical = _number(own["quantity"])
    known = int(want.fields.get("committed_qty") or 0)
    return Found(
        _level_ref(want),
        {
            "quantity": math.floor(physical) - known,
            "committed": committed,
            "is_active": own.get("status") == 1 or physical <= 0,
        },
        refused=refused,
    )


def _level_ref(want: Want) -> str:
    return f"{want.fields['location_id']}:{want.fields['inventory_item_id']}"


def _reserved(
    sku: str, source: str, items: Sequence[Mapping[str, Json]], answers: Sequence[Json]
) -> int | None:
    """Units of the stock that are sold and not shipped, at its first source; None where the shop does not say."""
    enabled = {s["source_code"] for s in _found(answers, "name") if "source_code" in s}
    links = [x for x in _found(answers, "priority") if x["source_code"] in enabled]
    links.sort(key=lambda x: (x["priority"], x["source_code"]))
    if not links or links[0]["source_code"] != source:
        return 0
    salable = next((s["qty"] for s in _found(answers, "is_salable") if s.get("sku") == sku), None)
    if salable is None:
        return None
    drawn_on = {link["source_code"] for link in links}
    lies = sum(
        (_number(i["quantity"]) for i in items if i["source_code"] in drawn_on and i.get("status") == 1),
        Decimal(0),
    )
    return math.ceil(lies - _number(salable))


def may_set(want: Want, found: Found | None) -> None:
    """Refuse what the shop would not take; put off what rests on another count of reservations."""
    if found is None:
        raise Reject(
            f"{want.fields.get('sku')} is not assigned to this source", code="item_not_stocked_at_location"
        )
    if not found.fields["is_active"]:
        raise Reject(
            f"{want.fields.get('sku')} was set out of stock by hand", code="item_not_stocked_at_location"
        )
    if _physical(want) < 0:
        raise Reject(f"{_physical(want)} is no level the shop takes", code="invalid_quantity")
    known, now = int(want.fields.get("committed_qty") or 0), found.fields["committed"]
    if now is not None and now != known:
        raise Retry(f"{known} units were reserved when the level was read, {now} are now")


def _is_set(want: Want, found: Found) -> bool:
    return bool(
        found.fields["quantity"] == want.fields["quantity"]
        and found.fields["committed"] in (None, int(want.fields.get("committed_qty") or 0))
    )


LEVELS = Lookup(by_skus, find_level, batch=AT_ONCE)
WRITES: Mapping[tuple[str, str], tuple[Write, ...]] = {
    ("shipments_to_channel", "fulfil"): (
        Write(
            "ship",
            ship,
            shipped,
            Lookup(by_orders, find_shipment, batch=ORDERS),
            done=lambda _want, found: found.count > 0,
            guard=may_ship,
            compare=("tracking_numbers", "carrier"),
        ),
    ),
    ("stock_to_channel", "set"): (
        Write(
            "set",
            set_levels,
            levels_set,
            LEVELS,
            done=_is_set,
            guard=may_set,
            compare=("quantity",),
            batch=IN_QUEUE,
        ),
    ),
    ("stock_to_channel", "activate"): (
        Write("set", set_levels, levels_set, LEVELS, done=lambda _want, _found: True, batch=AT_ONCE),
    ),
}
