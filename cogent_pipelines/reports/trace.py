"""One order from the customer's click to the customer's door: every hop with its time, and where it stands.

Belongs here: telling in order what is known of it, as text for a terminal.
Does not belong here: finding and reading it (``facts``), what would move it on (``remedy``).

What a vendor wrote is printed without control characters: a terminal obeys escape sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cogent_pipelines import clock
from cogent_pipelines.ledger.books import Hop
from cogent_pipelines.reports import facts, lines, remedy, stores
from cogent_pipelines.reports.facts import Facts, Row
from cogent_pipelines.reports.lines import printable, words
from cogent_pipelines.reports.remedy import Stand


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at: datetime
    where: str
    what: str


def text(state: Path, order: str) -> str:
    """All that happened to ``order``: its name or key, a reference, a warehouse's id or a tracking number."""
    place = stores.place(state)
    wanted = order.strip()
    with stores.ledger(place) as ledger:
        known = facts.about(place, ledger, wanted)
    if not known.facts:
        return _nothing(wanted, known)
    rules = stores.rules(place)
    now = clock.now()
    parts = [_tell(one, remedy.stands(one, rules, place.root), now) for one in known.facts]
    if known.more:
        parts.append(f"{known.more} more orders are meant by {printable(wanted, 60)}; name one by its key.")
    return "\n\n".join(parts)


def _nothing(wanted: str, known: facts.Known) -> str:
    shown = printable(wanted, 60)
    if known.close:
        names = " or ".join(printable(name, 60) for name in known.close)
        return f"Nothing is known of {shown!r}. Did you mean {names}?"
    if not known.is_built:
        return f"Nothing is known of {shown!r}: nothing was read yet (cogent tick)."
    will_do = "an order's name or key, a reference, a warehouse's id or a tracking number will do"
    return f"Nothing is known of {shown!r}: {will_do}."


def _tell(one: Facts, stands: tuple[Stand, ...], now: datetime) -> str:
    found = [_title(one)]
    for stand in stands:
        since = f" (for {lines.age(stand.since, now)})" if stand.since else ""
        mark = "STUCK" if stand.needs_you else "now"
        found += lines.wrapped(f"  {mark:<5}  ", f"{stand.what}{since}")
        for step in stand.steps:
            found += lines.wrapped("         - ", step)
        found += [f"         $ {command}" for command in stand.commands]
    told = sorted(events(one), key=lambda event: event.at)
    rows = [(lines.instant(event.at), event.where, event.what) for event in told]
    return "\n".join([*found, "", *lines.columns([("when (UTC)", "where", "what"), *rows])])


def _title(one: Facts) -> str:
    order = one.order
    if order is None:
        names = ", ".join(
            printable(row["reference"] or row["warehouse_order_key"], 60) for row in one.warehouse_orders
        )
        return f"{one.subject.order_key or names}: no order of a channel is known for it"
    parts = [printable(order["order_name"] or "", 40), order["order_key"]]
    if order["total_amount"] is not None:
        parts.append(lines.money(order["total_amount"], order["currency"] or ""))
    parts += [words(order["payment_code"]), words(order["fulfilment_code"])]
    return "  ".join(parts)


# --- what happened ----------------------------------------------------------------------------------------


def events(one: Facts) -> Iterator[Event]:
    """Everything that happened, in no order."""
    yield from _in_the_shop(one)
    for hop in one.hops:
        yield from _promised(hop)
    for row in one.adoptions:
        yield Event(
            row["adopted_at"], "cogent", f"{row['sync']}: adopted, never sent ({words(row['reason'])})"
        )
    yield from _in_the_warehouse(one)
    yield from _told(one)
    yield from _exceptions(one)


def _in_the_shop(one: Facts) -> Iterator[Event]:
    order = one.order
    if order is None:
        return
    system = order["system"]
    units = sum(row["ordered_qty"] or 0 for row in one.lines)
    placed = f"placed: {_many(len(one.lines), 'line')}, {_many(units, 'unit')}"
    if order["delivery_option"]:
        placed += f", {printable(order['delivery_option'], 60)}"
    if order["promised_on"]:
        placed += f", promised for {order['promised_on']}"
    yield from _at(order["placed_at"], system, placed + (" (a test)" if order["is_test"] else ""))
    for row in one.payments:
        what = f"{words(row['kind_code'])} {lines.money(row['amount'], row['currency'] or '')}"
        yield Event(
            row["processed_at"],
            row["system"],
            what + ("" if row["status_code"] == "success" else f": {row['status_code']}"),
        )
    yield from _at(order["paid_at"], system, "paid")
    yield from _at(order["first_seen_at"], "cogent", "read for the first time")
    yield from _at(order["cancelled_at"], system, "cancelled in the shop")
    yield from _at(order["gone_at"], "cogent", "no longer found in the shop")
    for row in one.refunds:
        returned = f", return {printable(row['return_id'], 40)}" if row["return_id"] else ""
        what = f"refund {row['refund_id']}: {lines.money(row['amount'], row['currency'] or '')}{returned}"
        yield Event(row["refunded_at"], row["system"], what)


def _promised(hop: Hop) -> Iterator[Event]:
    promise = hop.promise
    again = f", generation {promise.generation}" if promise.generation > 1 else ""
    again += f", held: {words(promise.reason)}" if promise.state == "held" else ""
    name = f"{promise.sync} {printable(promise.business_key, 80)}"
    yield Event(promise.planned_at, "cogent", f"planned: {name} ({promise.act}){again}")
    for attempt in hop.attempts:
        digest = f", body {attempt['body_digest'][:12]}" if attempt["body_digest"] else ""
        yield Event(
            attempt["intent_at"],
            "cogent",
            f"intent: {attempt['action']} at {promise.system}{digest}, by {printable(attempt['by'], 40)}",
        )
        said = attempt["outcome"] + (f", is {printable(attempt['ref'], 60)}" if attempt["ref"] else "")
        said += f": {printable(attempt['message'])}" if attempt["message"] else ""
        yield from _at(attempt["receipt_at"], promise.system, f"receipt: {attempt['action']} {said}")
        yield from _at(attempt["read_back_at"], promise.system, f"read back: {attempt['read_back']}")
    for row in hop.decisions:
        yield Event(
            row["at"], "cogent", f"sent again by {printable(row['by'], 40)}: {printable(row['reason'])}"
        )
    if promise.closed_at:
        why = f" ({words(promise.reason)})" if promise.reason else ""
        ref = (
            f" as {printable(promise.target_ref, 60)}"
            if promise.target_ref and promise.state in ("verified", "adopted")
            else ""
        )
        yield Event(
            promise.closed_at, "cogent", f"{promise.state}: {promise.sync} at {promise.system}{ref}{why}"
        )


def _in_the_warehouse(one: Facts) -> Iterator[Event]:
    for row in one.warehouse_orders:
        name = f"{row['warehouse_order_id']} ({printable(row['reference'] or 'no reference', 60)})"
        yield from _at(row["created_at"], row["system"], f"in the warehouse as {name}")
        yield from _at(row["first_seen_at"], "cogent", f"{row['warehouse_order_id']} seen in the warehouse")
        yield from _at(
            row["cancelled_at"], row["system"], f"{row['warehouse_order_id']} cancelled in the warehouse"
        )
        yield from _at(
            row["gone_at"], "cogent", f"{row['warehouse_order_id']} no longer found in the warehouse"
        )
        if row["picked"] and row["status_code"] not in (*remedy.NOT_LIVE, "shipped"):
            picked = f"{row['picked']} of {_many(row['units'], 'unit')} picked by then"
            what = f"{row['warehouse_order_id']}: {picked}"
            yield from _at(row["updated_at"], row["system"], what)
    for row in one.allocations:
        yield Event(
            row["created_at"],
            row["system"],
            f"allocated at {row['facility'] or row['facility_id']}: {_many(row['units'] or 0, 'unit')}",
        )
    for row in one.returns:
        yield Event(
            row["created_at"], row["system"], f"return {row['return_id']}: {words(row['status_code'])}"
        )
    for row in one.shipments:
        name = f"parcel {row['shipment_id']}"
        carrier = " ".join(printable(part, 60) for part in (row["carrier"], row["tracking_number"]) if part)
        units = _many(row["units"] or 0, "unit")
        what = f"despatched from {row['facility'] or '?'}: {name}, {carrier or 'no number'}, {units}"
        yield from _at(row["despatched_at"], row["system"], what)
        yield from _at(
            row["first_scan_at"], printable(row["carrier"] or "carrier", 20), f"{name}: first scan"
        )
        yield from _at(row["delivered_at"], printable(row["carrier"] or "carrier", 20), f"{name}: delivered")


def _told(one: Facts) -> Iterator[Event]:
    """What the channel was told, and what it was asked to tell the customer."""
    for row in one.fulfilments:
        numbers = ", ".join(printable(number, 40) for number in row["tracking_numbers"] or ()) or "no number"
        state = "" if row["status_code"] == "success" else f" ({words(row['status_code'])})"
        units = _many(row["units"] or 0, "unit")
        what = f"the shop has parcel {numbers} as {row['fulfilment_id']}, {units}{state}"
        yield from _at(row["created_at"], row["system"], what)
    for hop in one.hops:
        if hop.promise.sync != "shipments_to_channel" or not hop.promise.sent:
            continue
        for attempt in hop.attempts:
            if attempt["outcome"] == "accepted" and attempt["receipt_at"]:
                yield Event(attempt["receipt_at"], hop.promise.system, _mail(hop))


def _mail(hop: Hop) -> str:
    parcel = printable(hop.promise.business_key.split(":")[-2 if hop.promise.act == "notify" else -1], 40)
    if hop.promise.act == "notify" or (hop.promise.sent or {}).get("notify"):
        return f"the shop was asked to mail the customer about parcel {parcel}"
    return f"the customer was not mailed about parcel {parcel} yet (notified at the first scan)"


def _exceptions(one: Facts) -> Iterator[Event]:
    for row in one.exceptions:
        name = f"{row['rule']} ({words(row['cause'])})"
        yield Event(
            row["opened_at"], "cogent", f"exception opened: {name}, with {printable(row['owner'], 30)}"
        )
        if row["decided_at"]:
            word = (
                "acknowledged"
                if row["accepted_until"] is None
                else f"accepted until {lines.minute(row['accepted_until'])}"
            )
            said = f": {printable(row['decision'])}" if row["decision"] else ""
            yield Event(
                row["decided_at"],
                "cogent",
                f"exception {word}: {name}, by {printable(row['decided_by'], 40)}{said}",
            )
        yield from _at(
            row["closed_at"], "cogent", f"exception closed: {name}, by {printable(row['closed_by'], 60)}"
        )


def _at(at: datetime | None, where: str, what: str) -> Iterator[Event]:
    if at is not None:
        yield Event(at, where, what)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


__all__ = ["Event", "Row", "events", "text"]
