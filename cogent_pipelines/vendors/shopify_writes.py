"""Shopify: what is written to it, how its answers are read and how an effect is seen.

Belongs here: payload builders, receipts and look-ups of parcels, levels and releases, each a small pure function.
Does not belong here: what is read from it (``shopify``), sending and retrying (``connect``, ``outbox``).

Facts that shape this file: a search lags behind writes, so effects are looked up by id; a fulfilment has no
idempotency key and no field for a reference of ours; a batch of levels is refused whole for one bad row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from cogent_pipelines.connect.spec import Found, Json, Lookup, Receipt, Request, System, Want, Write
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors.shopify_documents import ask, gid, tail

STANDING = frozenset({"SUCCESS", "OPEN", "PENDING"})
"""Statuses of a fulfilment that was neither cancelled nor failed."""
ENDED = frozenset({"CLOSED", "CANCELLED"})
WAITING = frozenset({"ON_HOLD", "SCHEDULED"})
"""Statuses of a fulfilment order from which nothing can be fulfilled now."""
MARK = "#scanned"
"""Ends the tracking address once the customer was told of the first scan; a message leaves no other trace."""
ROWS = 250
"""The longest array the vendor takes."""
LINES = 512
"""The most lines one fulfilment takes."""
MOST = 1_000_000_000
"""The highest level the vendor takes."""

# --- receipts -----------------------------------------------------------------------------------------

CURED_BY_A_NEW_LOOK = re.compile(
    r"unfulfillable status|does not exist|Invalid fulfillment order line item quantity|already active",
    re.IGNORECASE,
)
"""Said of a fulfilment order that was moved, split or fulfilled, an edit that ended, or an item stocked, since."""


def _payload(answer: Json, field: str) -> Mapping[str, Json]:
    payload = (answer.get("data") or {}).get(field)
    if payload is None:
        raise Retry(f"{field} answered nothing", effect="unknown")
    return dict(payload)


def _one(field: str, thing: str) -> Callable[[Sequence[Want], Json], Sequence[Receipt]]:
    """Receipts of a write that carries one want and answers with ``thing``."""

    def receipts(_wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
        payload = _payload(answer, field)
        if errors := payload["userErrors"]:
            return [_refusal(errors)]
        return [Receipt(ref=tail((payload.get(thing) or {}).get("id")))]

    return receipts


def _refusal(errors: Iterable[Mapping[str, Json]]) -> Receipt:
    """The vendor's own words, and whether a new look and a new key may cure it."""
    messages = "; ".join(str(error["message"]) for error in errors)
    codes = [str(error["code"]) for error in errors if error.get("code")]
    again = any(code == "CHANGE_FROM_QUANTITY_STALE" or code.startswith("IDEMPOTENCY_") for code in codes)
    code = codes[0].lower() if codes else "refused"
    return Receipt(refused=messages, code=code, again=again or bool(CURED_BY_A_NEW_LOOK.search(messages)))


def _row(error: Mapping[str, Json]) -> int | None:
    """Which row of ``quantities`` an error is about: ``["input", "quantities", "0", "locationId"]`` -> 0."""
    match = re.search(r"\bquantities\.(\d+)", ".".join(map(str, error.get("field") or ())))
    return int(match[1]) if match else None


def _set_receipts(wants: Sequence[Want], answer: Json) -> Sequence[Receipt]:
    payload = _payload(answer, "inventorySetQuantities")
    errors = payload["userErrors"]
    if not errors:
        return [Receipt(ref=tail((payload.get("inventoryAdjustmentGroup") or {}).get("id")))] * len(wants)
    if general := [error for error in errors if _row(error) is None]:
        return [_refusal(general)] * len(wants)
    rows = [[error for error in errors if _row(error) == number] for number in range(len(wants))]
    unharmed = Receipt(refused="another row of its batch was refused", code="batch", again=True)
    return [_refusal(own) if own else unharmed for own in rows]


# --- a parcel -----------------------------------------------------------------------------------------


def _numbers(want: Want) -> list[str]:
    """The parcel's tracking numbers, its own first."""
    return [
        number.strip() for number in want.fields.get("tracking_numbers") or () if number and number.strip()
    ]


def _tracking(want: Want, mark: str = "") -> dict[str, Json]:
    """Carrier, numbers and web addresses; an address that has a fragment of its own is left as it is."""
    numbers = _numbers(want)
    # The vendor matches addresses to numbers by their place, so none may stand after a gap.
    urls = [
        u if "#" in u else u + mark for u in takewhile(_is_address, want.fields.get("tracking_urls") or ())
    ]
    parts: dict[str, Json] = {"company": want.fields.get("carrier")}
    if len(numbers) > 1:
        parts |= {"numbers": numbers, "urls": urls[: len(numbers)]}
    else:
        parts |= {"number": "".join(numbers), "url": urls[0] if urls else None}
    return {key: value for key, value in parts.items() if value}


def _is_address(url: str | None) -> bool:
    return bool(url and re.match(r"https?://[^/\s]+\S*$", url))


def _fulfil(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    (want,) = wants
    orders: dict[str, list[Json]] = {}
    for line in want.fields["lines"]:
        row = {
            "id": gid("FulfillmentOrderLineItem", line["fulfilment_order_line_id"]),
            "quantity": int(line["qty"]),
        }
        orders.setdefault(str(line["fulfilment_order_id"]), []).append(row)
    fulfillment: dict[str, Json] = {
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": gid("FulfillmentOrder", number), "fulfillmentOrderLineItems": rows}
            for number, rows in orders.items()
        ],
        "notifyCustomer": bool(want.fields.get("notify")),
    }
    if tracking := _tracking(want):
        fulfillment["trackingInfo"] = tracking
    return ask("Fulfil", is_write=True, fulfillment=fulfillment)


def _units(want: Want) -> Counter[str]:
    """Order line -> units of the parcel."""
    units: Counter[str] = Counter()
    for line in want.fields["lines"]:
        units[str(line["order_line_key"]).rpartition(":")[2]] += int(line["qty"])
    return units


def _holds(fulfilment: Mapping[str, Json], want: Want) -> bool:
    """Whether a fulfilment stands and holds the parcel's units. A long list of lines may be cut off."""
    units: Counter[str] = Counter()
    for line in fulfilment["fulfillmentLineItems"]["nodes"]:
        units[tail(line["lineItem"]["id"])] += line["quantity"] or 0
    wanted = _units(want)
    is_whole = bool(fulfilment["totalQuantity"] == wanted.total())
    return fulfilment["status"] in STANDING and is_whole and units <= wanted


def _is_told(fulfilment: Mapping[str, Json], want: Want) -> bool:
    """Whether a fulfilment can be this parcel's: by lines and number or, without one, by lines and location.

    By the first number, which is the parcel's own: a later parcel's fulfilment may carry it too, further on.
    """
    if not _holds(fulfilment, want):
        return False
    theirs = [_plain(info["number"]) for info in fulfilment["trackingInfo"] if info["number"]]
    if ours := [_plain(number) for number in _numbers(want)]:
        is_numbered = bool(theirs) and (theirs[0] == ours[0] or set(theirs) == set(ours))
        return is_numbered or _has_its_address(fulfilment, want, ours[0])
    location = tail((fulfilment["location"] or {}).get("id"))
    return not theirs and location in {"", str(want.fields.get("location_id") or "")}


def _has_its_address(fulfilment: Mapping[str, Json], want: Want, number: str) -> bool:
    """Whether it leads to the parcel by an address that names its number, though the number was stored otherwise."""
    own = next(iter(want.fields.get("tracking_urls") or ()), None) or ""
    stored = [str(info["url"] or "").removesuffix(MARK) for info in fulfilment["trackingInfo"]]
    return number in _plain(own) and stored[:1] == [own]


def _plain(number: str) -> str:
    """A number without what is typed differently: spaces and case."""
    return "".join(number.split()).upper()


def _nodes(answers: Sequence[Json]) -> Mapping[str, Mapping[str, Json]]:
    """Everything that was found by its id."""
    found = (node for answer in answers for node in (answer.get("data") or {}).get("nodes") or ())
    return {node["id"]: node for node in found if node and node.get("id")}


def _fulfilled(want: Want, answers: Sequence[Json]) -> Found | None:
    """The parcel's fulfilment, and what its order has left to fulfil. None: there is no such order.

    Parcels alike in every respect (same lines, no number) cannot be told apart, only counted: the n-th of
    them is told when the order has n such fulfilments. ``earlier_twins`` and ``twins`` say which it is of how
    many.
    """
    order = _nodes(answers).get(gid("Order", want.fields["order_id"]))
    if order is None:
        return None
    earlier = int(want.fields.get("earlier_twins") or 0)
    twins = max(int(want.fields.get("twins") or 1), earlier + 1)
    same = sorted(
        (f for f in order["fulfillments"] if _is_told(f, want)), key=lambda f: (f["createdAt"], f["id"])
    )
    fields: dict[str, Any] = {
        "left": _left(order),
        "told": len(same),
        "tracking_numbers": None,
        "carrier": None,
    }
    ours = _accepted(order, want)
    if ours is None and len(same) <= earlier:
        return Found("", fields, count=0)
    fulfilment = ours or same[earlier]
    told = [info for info in fulfilment["trackingInfo"] if info["number"]]
    numbers = [info["number"] for info in told]
    is_same = {_plain(n) for n in numbers} == {_plain(n) for n in _numbers(want)}
    fields["tracking_numbers"] = want.fields.get("tracking_numbers") if is_same else numbers
    # A carrier without a number is not kept as tracking by the vendor: there is nothing to compare it with.
    fields["carrier"] = told[0]["company"] if told else want.fields.get("carrier")
    alike = same if ours is None or ours in same else [*same, ours]
    return Found(tail(fulfilment["id"]), fields, count=max(1, len(alike) - twins + 1))


def _accepted(order: Mapping[str, Json], want: Want) -> Mapping[str, Json] | None:
    """The fulfilment whose id the shop gave us, with the parcel's units: whatever number it stored, it is ours."""
    ref = want.refs.get("fulfil")
    return next((f for f in order["fulfillments"] if tail(f["id"]) == ref and _holds(f, want)), None)


def _left(order: Mapping[str, Json]) -> list[tuple[str, str, str, int]] | None:
    """(fulfilment order line, order line, status, units left) of an order; None for a cut answer."""
    orders = order["fulfillmentOrders"]
    if orders["pageInfo"]["hasNextPage"] or any(
        o["lineItems"]["pageInfo"]["hasNextPage"] for o in orders["nodes"]
    ):
        return None
    return [
        (tail(line["id"]), tail(line["lineItem"]["id"]), o["status"], line["remainingQuantity"])
        for o in orders["nodes"]
        for line in o["lineItems"]["nodes"]
    ]


def _can_be_fulfilled(want: Want, found: Found | None) -> None:
    """Refuse a parcel the order has no room for; put off one whose fulfilment orders were moved or split."""
    if found is None:
        raise Reject(f"order {want.fields['order_id']} is not in the shop", code="order_missing")
    if len(want.fields["lines"]) > LINES:
        raise Reject(
            f"{len(want.fields['lines'])} lines in one fulfilment, {LINES} at most", code="too_many_lines"
        )
    if found.fields["told"] < int(want.fields.get("earlier_twins") or 0):
        raise Retry("a parcel alike, despatched earlier, goes first")
    if (left := found.fields["left"]) is None:
        return
    for line in want.fields["lines"]:
        own = next((row for row in left if row[0] == str(line["fulfilment_order_line_id"])), None)
        if own and own[2] in WAITING:
            raise Reject(
                f"the fulfilment order of {line['sku']} is {own[2].lower()}", code="fulfilment_order_waits"
            )
        if own and own[2] not in ENDED and own[3] >= line["qty"]:
            continue
        item = own[1] if own else str(line["order_line_key"]).rpartition(":")[2]
        rest = sum(
            units for _, order_line, status, units in left if order_line == item and status not in ENDED
        )
        if rest < line["qty"]:
            raise Reject(
                f"{line['qty']} x {line['sku']} despatched, {rest} left to fulfil", code="nothing_left"
            )
        raise Retry("the order's fulfilment orders changed since they were read")


def _notify(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    (want,) = wants
    return ask(
        "Notify",
        is_write=True,
        id=gid("Fulfillment", want.fields["fulfilment_id"]),
        tracking=_tracking(want, MARK),
    )


def _notified(want: Want, answers: Sequence[Json]) -> Found | None:
    """The fulfilment, counted when the customer was told of its first scan.

    Nothing at the vendor says who was told what, so the update that tells also marks the tracking address.
    Where there is no address to mark, an update of the fulfilment since the scan is taken for ours.
    """
    node = _nodes(answers).get(gid("Fulfillment", want.fields["fulfilment_id"]))
    if node is None:
        return None
    tracking = _tracking(want, MARK)
    if any(url.endswith(MARK) for url in (tracking.get("url") or "", *(tracking.get("urls") or ()))):
        is_told = any((info["url"] or "").endswith(MARK) for info in node["trackingInfo"])
    else:
        scanned = want.fields.get("since_at") or want.fields["despatched_at"]
        is_told = _instant(node["updatedAt"]) >= _instant(scanned)
    return Found(tail(node["id"]), {"status": node["status"]}, count=int(is_told))


def _instant(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _can_be_notified(want: Want, found: Found | None) -> None:
    if found is None or found.fields["status"] not in STANDING:
        state = "gone" if found is None else found.fields["status"].lower()
        raise Reject(f"fulfilment {want.fields['fulfilment_id']} is {state}", code="fulfilment_gone")


# --- a level ------------------------------------------------------------------------------------------


def _set(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    rows = [
        {
            "inventoryItemId": gid("InventoryItem", want.fields["inventory_item_id"]),
            "locationId": gid("Location", want.fields["location_id"]),
            "quantity": int(want.fields["quantity"]),
            # Always present: null means no comparison, absence is an error.
            "changeFromQuantity": None if (first := want.fields.get("change_from")) is None else int(first),
        }
        for want in wants
    ]
    # Named "available", never "on_hand": a physical count pushed as available sells open orders twice.
    change = {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"gid://cogent-pipelines/StockPush/{key}",
    }
    return ask("SetQuantities", is_write=True, input={**change, "quantities": rows}, key=key)


def _activate(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    (want,) = wants
    item, location = (
        gid("InventoryItem", want.fields["inventory_item_id"]),
        gid("Location", want.fields["location_id"]),
    )
    available = max(int(want.fields.get("quantity") or 0), 0)
    return ask("Activate", is_write=True, item=item, location=location, available=available, key=key)


def _level(node: Mapping[str, Json]) -> Found:
    quantity = next((q["quantity"] for q in node["quantities"] if q["name"] == "available"), None)
    return Found(tail(node["id"]), {"quantity": quantity, "is_active": node["isActive"]})


def _level_of_key(want: Want) -> str:
    """A level's key is its system and the end of its own id: so 250 of any locations are read at once."""
    return gid("InventoryLevel", want.key.partition(":")[2])


def _level_found(want: Want, answers: Sequence[Json]) -> Found | None:
    node = _nodes(answers).get(_level_of_key(want))
    return _level(node) if node else None


def _can_be_set(want: Want, found: Found | None) -> None:
    if found is None or not found.fields["is_active"]:
        raise Reject(
            f"{want.fields.get('sku')} is not stocked at this location", code="item_not_stocked_at_location"
        )
    if not 0 <= want.fields["quantity"] <= MOST:
        raise Reject(f"{want.fields['quantity']} is no level the shop takes", code="invalid_quantity")
    first = want.fields.get("change_from")
    if first is not None and found.fields["quantity"] != first:
        # The vendor would refuse the whole batch for this one row.
        raise Retry(f"the level moved from {first} to {found.fields['quantity']} since it was read")


def _item_levels(wants: Sequence[Want], system: System) -> Sequence[Request]:  # noqa: ARG001  as declared
    items: dict[str, list[str]] = {}
    for want in wants:
        items.setdefault(gid("Location", want.fields["location_id"]), []).append(
            gid("InventoryItem", want.fields["inventory_item_id"])
        )
    return [ask("ItemLevels", ids=ids, location=location) for location, ids in items.items()]


def _item_level_found(want: Want, answers: Sequence[Json]) -> Found | None:
    item, location = (
        gid("InventoryItem", want.fields["inventory_item_id"]),
        gid("Location", want.fields["location_id"]),
    )
    for answer in answers:
        level = (_nodes([answer]).get(item) or {}).get("inventoryLevel")
        if level and level["location"]["id"] == location:
            return _level(level)
    return None


# --- units that will not be sent ------------------------------------------------------------------------

EDIT_LINES = 250
"""Lines an order is read and edited with in one go; one of more is edited by a person."""


def _released(want: Want, answers: Sequence[Json]) -> Found | None:
    """The order's lines as they stand. ``current`` and ``unfulfilled`` are units by line; None of them for a cut answer.

    A release has no mark of its own in the shop: that it was done is seen by the units that are left.
    """
    order = _nodes(answers).get(gid("Order", want.fields["order_id"]))
    if order is None:
        return None
    lines = order["lineItems"]
    is_whole = not lines["pageInfo"]["hasNextPage"]
    units = {tail(line["id"]): line for line in lines["nodes"]} if is_whole else None
    fields = {
        "is_cancelled": order["cancelledAt"] is not None,
        "current": units and {number: line["currentQuantity"] for number, line in units.items()},
        "unfulfilled": units and {number: line["unfulfilledQuantity"] for number, line in units.items()},
    }
    return Found(tail(order["id"]), fields)


def _is_released(want: Want, found: Found) -> bool:
    """Whether no line holds more than it should. Fewer are somebody's further edit, and no fault of ours."""
    current = found.fields["current"]
    if found.fields["is_cancelled"]:
        return True
    return current is not None and all(
        current.get(line["line_id"], 0) <= line["quantity"] for line in want.fields["lines"]
    )


def _can_be_released(want: Want, found: Found | None) -> None:
    """Refuse an edit the shop would refuse; put off one of lines that changed since they were read."""
    if found is None:
        raise Reject(f"order {want.fields['order_id']} is not in the shop", code="order_missing")
    current, unfulfilled = found.fields["current"], found.fields["unfulfilled"]
    if current is None:
        raise Reject(f"more than {EDIT_LINES} lines in one order", code="too_many_lines")
    for line in want.fields["lines"]:
        now, number = current.get(line["line_id"]), line["line_id"]
        if now != line["change_from"]:
            raise Retry(f"line {number} moved from {line['change_from']} to {now} since it was read")
        if now - line["quantity"] > unfulfilled[number]:
            raise Reject(
                f"{now - line['quantity']} x {line['sku']} to release, {unfulfilled[number]} left to fulfil",
                code="nothing_left",
            )


def _edit(want: Want, system: System) -> Request | None:  # noqa: ARG001  as declared
    """Open an edit of the order, then set one line after the other. Nothing changes until it is committed."""
    done, lines = len(want.prepared), want.fields["lines"]
    if not done:
        return ask("EditBegin", id=gid("Order", want.fields["order_id"]))
    edit, editable = _opened(want)
    if done > 1:
        _edited(want.prepared[-1])
    if done > len(lines):
        return None
    line = lines[done - 1]
    # A line of an edit has the number of the line it stands for (INFERRED): one that is not there is not guessed.
    number = gid("CalculatedLineItem", line["line_id"])
    if editable.get(number, 0) < line["change_from"] - line["quantity"]:
        raise Reject(f"{line['sku']} cannot be edited", code="not_editable")
    return ask("EditQuantity", edit=edit, line=number, quantity=int(line["quantity"]))


def _opened(want: Want) -> tuple[str, Mapping[str, int]]:
    """The edit's id, and its lines with the units that may be taken off."""
    payload = _payload(want.prepared[0], "orderEditBegin")
    if errors := payload["userErrors"]:
        raise Reject(_refusal(errors).refused, code="not_editable")
    order = payload["calculatedOrder"]
    return order["id"], {line["id"]: line["editableQuantity"] for line in order["lineItems"]["nodes"]}


def _edited(answer: Json) -> None:
    if errors := _payload(answer, "orderEditSetQuantity")["userErrors"]:
        raise Retry(_refusal(errors).refused)


def _release(wants: Sequence[Want], system: System, key: str) -> Request:  # noqa: ARG001  as declared
    """Commit the edit: the units are taken off the order and are for sale again. The customer is told by a person."""
    (want,) = wants
    return ask(
        "EditCommit", is_write=True, edit=_opened(want)[0], note=f"Not sent by the warehouse. {want.key}"
    )


def _by_ids(name: str, gid: Callable[[Want], str]) -> Callable[[Sequence[Want], System], Sequence[Request]]:
    """One request for all the batch, each id once."""
    return lambda wants, _system: [ask(name, ids=list(dict.fromkeys(gid(want) for want in wants)))]


WRITES: Mapping[tuple[str, str], tuple[Write, ...]] = {
    ("shipments_to_channel", "fulfil"): (
        Write(
            "fulfil",
            _fulfil,
            _one("fulfillmentCreate", "fulfillment"),
            Lookup(
                _by_ids("OrderFulfillments", lambda want: gid("Order", want.fields["order_id"])),
                _fulfilled,
                batch=ROWS,
            ),
            done=lambda _want, found: found.count > 0,
            guard=_can_be_fulfilled,
            compare=("tracking_numbers", "carrier"),
        ),
    ),
    ("shipments_to_channel", "notify"): (
        Write(
            "notify",
            _notify,
            _one("fulfillmentTrackingInfoUpdate", "fulfillment"),
            Lookup(
                _by_ids("Fulfillments", lambda want: gid("Fulfillment", want.fields["fulfilment_id"])),
                _notified,
                batch=ROWS,
            ),
            done=lambda _want, found: found.count > 0,
            guard=_can_be_notified,
        ),
    ),
    # An edit and not a refund: what it leaves the customer to be paid back is a person's to decide.
    ("cancellations_to_channel", "release"): (
        Write(
            "release",
            _release,
            _one("orderEditCommit", "order"),
            Lookup(
                _by_ids("OrderLines", lambda want: gid("Order", want.fields["order_id"])),
                _released,
            ),
            done=_is_released,
            guard=_can_be_released,
            prepare=_edit,
        ),
    ),
    ("stock_to_channel", "set"): (
        Write(
            "set",
            _set,
            _set_receipts,
            Lookup(_by_ids("Levels", _level_of_key), _level_found, batch=ROWS),
            done=lambda want, found: bool(found.fields["quantity"] == want.fields["quantity"]),
            guard=_can_be_set,
            compare=("quantity",),
            batch=ROWS,
            has_idempotency=True,
        ),
    ),
    ("stock_to_channel", "activate"): (
        Write(
            "activate",
            _activate,
            _one("inventoryActivate", "inventoryLevel"),
            Lookup(_item_levels, _item_level_found, batch=ROWS),
            done=lambda _want, found: bool(found.fields["is_active"]),
            has_idempotency=True,
        ),
    ),
}
