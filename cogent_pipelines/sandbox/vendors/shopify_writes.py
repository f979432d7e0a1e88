"""Shopify's mutations on orders and fulfilments: what they refuse, in which words, and what they answer.

Belongs here: reading a mutation's input, asking the retailer's shop, and wording its refusals.
Does not belong here: stock (``shopify_stock_writes``), what a fulfilment does to an order (``world/shop``).
"""

# ruff: noqa: A002, N803  arguments are named as the vendor names them

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal
from cogent_pipelines.sandbox.vendors.shopify_orders import gated
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Context,
    Event,
    Job,
    Refunded,
    UserError,
    gid,
    number_of,
    split_gid,
)
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.world import Refused

WRITE_FULFILMENTS = (
    "write_merchant_managed_fulfillment_orders",
    "write_third_party_fulfillment_orders",
    "write_assigned_fulfillment_orders",
)
MOST_LINES = 512  # of one fulfilment
JOB_SECONDS = 5.0  # a cancellation takes effect this long after it was accepted (INFERRED)
LONGEST_NOTE = 255
LONGEST_TAG, MOST_TAGS = 255, 250
SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}

Payload = dict[str, Any]
Mutation = Callable[..., Payload]


def failed(name: str | None, *errors: UserError) -> Payload:
    """A payload that says no: its subject is null."""
    return {**({name: None} if name else {}), "userErrors": list(errors)}


# --- fulfilments --------------------------------------------------------------------------------------


def _tracking(given: dict[str, Any] | None) -> tuple[str | None, list[str] | None, list[str] | None]:
    given = given or {}
    numbers = given.get("numbers")
    if numbers is None and given.get("number") is not None:
        numbers = [given["number"]]
    urls = given.get("urls")
    if urls is None and given.get("url") is not None:
        urls = [given["url"]]
    return given.get("company"), numbers, urls


Group = tuple[int, list[tuple[int, int]] | None]


def _groups(rows: list[dict[str, Any]]) -> tuple[list[Group], list[UserError]]:
    groups: list[Group] = []
    errors: list[UserError] = []
    for at, row in enumerate(rows):
        chosen = row.get("fulfillmentOrderLineItems")
        path = ["fulfillment", "lineItemsByFulfillmentOrder", str(at), "fulfillmentOrderLineItems"]
        for index, line in enumerate(chosen or ()):
            if line["quantity"] <= 0:
                errors.append(UserError([*path, str(index), "quantity"], "Quantity must be greater than 0"))
        lines = [(number_of("FulfillmentOrderLineItem", x["id"]), x["quantity"]) for x in chosen or ()]
        groups.append((number_of("FulfillmentOrder", row["fulfillmentOrderId"]), lines or None))
    return groups, errors


def _are_of_one_order(context: Context, groups: list[Group]) -> UserError | None:
    found = [context.shop.fulfilment_orders.get(number) for number, _ in groups]
    orders = sorted({each.order_id for each in found if each is not None})
    if len(orders) > 1 and None not in found:
        message = (
            "All fulfillment orders must belong to the same order. "
            f"Multiple orders with ids {orders} were found."
        )
        return UserError(["fulfillment"], message)
    return None


def create_fulfilment(
    _root: Any,
    context: Context,
    fulfillment: dict[str, Any],
    message: str | None = None,  # noqa: ARG001  is for whoever holds the fulfilment order
) -> Payload:
    """``fulfillmentCreate``: sent twice, it ships twice, as far as there is anything left to ship."""
    rows = fulfillment["lineItemsByFulfillmentOrder"]
    number = sum(len(row.get("fulfillmentOrderLineItems") or ()) for row in rows)
    if number > MOST_LINES:
        raise refusal(
            f"The input array size of {number} is greater than the maximum allowed of {MOST_LINES}.",
            "MAX_INPUT_SIZE_EXCEEDED",
        )
    groups, errors = _groups(rows)
    mixed = _are_of_one_order(context, groups)
    if errors or mixed:
        return failed("fulfillment", *errors, *([mixed] if mixed else []))
    company, numbers, urls = _tracking(fulfillment.get("trackingInfo"))
    try:
        made = shops.fulfil(
            context.store.world,
            context.shop,
            None,
            groups,
            carrier=company or "",
            numbers=numbers or (),
            urls=urls or (),
            notify=bool(fulfillment.get("notifyCustomer")),
        )
    except Refused as no:
        return failed("fulfillment", UserError(["fulfillment"], no.message))
    return {"fulfillment": made, "userErrors": []}


def update_tracking(
    _root: Any,
    context: Context,
    fulfillmentId: str,
    trackingInfoInput: dict[str, Any],
    notifyCustomer: bool | None = None,
) -> Payload:
    """``fulfillmentTrackingInfoUpdate``; asked to notify, it sends one more message each time."""
    company, numbers, urls = _tracking(trackingInfoInput)
    try:
        changed = shops.update_tracking(
            context.store.world,
            context.shop,
            number_of("Fulfillment", fulfillmentId),
            carrier=company,
            numbers=numbers,
            urls=urls,
            notify=bool(notifyCustomer),
        )
    except Refused as no:
        return failed("fulfillment", UserError(["fulfillmentId"], no.message))
    return {"fulfillment": changed, "userErrors": []}


def cancel_fulfilment(_root: Any, context: Context, id: str) -> Payload:
    """``fulfillmentCancel``."""
    number = number_of("Fulfillment", id)
    if number not in context.shop.fulfilments:
        return failed("fulfillment", UserError(["id"], "Fulfillment not found."))
    return {
        "fulfillment": shops.cancel_fulfilment(context.store.world, context.shop, number),
        "userErrors": [],
    }


def create_event(_root: Any, context: Context, fulfillmentEvent: dict[str, Any]) -> Payload:
    """``fulfillmentEventCreate``: a carrier's scan, told by us."""
    number = number_of("Fulfillment", fulfillmentEvent["fulfillmentId"])
    if number not in context.shop.fulfilments:
        error = UserError(["fulfillmentEvent", "fulfillmentId"], "Fulfillment does not exist.")
        return failed("fulfillmentEvent", error)
    status = fulfillmentEvent["status"]
    world = context.store.world
    event = Event(
        id=world.new_id(f"{context.shop.system}/fulfilment_event", 500_000_001),
        fulfilment_id=number,
        status=status,
        happened_at=fulfillmentEvent.get("happenedAt") or context.now,
        created_at=context.now,
        message=fulfillmentEvent.get("message"),
    )
    context.store.events[number].append(event)
    if status in ("IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED"):
        shops.add_scan(world, context.shop, number, "delivered" if status == "DELIVERED" else "in_transit")
    return {"fulfillmentEvent": event, "userErrors": []}


# --- orders -------------------------------------------------------------------------------------------


def _why_not_cancel(order: model.ShopOrder | None, note: str | None) -> UserError | None:
    if order is None:
        return UserError(["orderId"], "Order does not exist", "NOT_FOUND")
    if note is not None and len(note) > LONGEST_NOTE:
        message = f"Staff note is too long. Maximum length is {LONGEST_NOTE} characters."
        return UserError(["staffNote"], message, "INVALID")
    if order.cancelled_at is not None:
        message = "Cannot cancel an order that has already been canceled"
    elif any(f.status == "success" for f in order.fulfilments):
        message = "Cannot cancel an order that has outstanding fulfillments"
    elif order.returns:
        message = "Cannot cancel an order that has returns"
    else:
        return None
    return UserError(["orderId"], message, "INVALID")


def cancel_order(  # noqa: PLR0917
    _root: Any,
    context: Context,
    orderId: str,
    reason: str,
    restock: bool,
    notifyCustomer: bool = False,
    refundMethod: dict[str, Any] | None = None,
    staffNote: str | None = None,
) -> Payload:
    """``orderCancel``: answers with a job; the order is cancelled some seconds later."""
    store, world, number = context.store, context.store.world, number_of("Order", orderId)
    why_not = _why_not_cancel(context.shop.orders.get(number), staffNote)
    if why_not is not None:
        return {"job": None, "orderCancelUserErrors": [why_not]}
    digest = hashlib.blake2b(f"{store.system}/{len(store.jobs)}".encode(), digest_size=16).hexdigest()
    job = Job(gid("Job", "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))))
    store.jobs[job.id] = job
    if staffNote:
        store.staff_notes[number] = staffNote

    def happen() -> None:
        job.is_done = True
        if _why_not_cancel(context.shop.orders.get(number), None) is None:
            shops.cancel_order(
                world,
                context.shop,
                number,
                reason=reason.lower(),
                restock=restock,
                refund=bool(refundMethod and refundMethod.get("originalPaymentMethodsRefund")),
                notify=bool(notifyCustomer),
            )

    if world.mood != "stores_nothing":
        world.after(JOB_SECONDS, happen)
    return {"job": job, "orderCancelUserErrors": []}


def update_order(_root: Any, context: Context, input: dict[str, Any]) -> Payload:
    """``orderUpdate``: note and tags."""
    number = number_of("Order", input["id"])
    if number not in context.shop.orders:
        return failed("order", UserError(["id"], "Order does not exist"))
    changed = shops.change_note(
        context.store.world, context.shop, number, note=input.get("note"), tags=input.get("tags")
    )
    return {"order": changed, "userErrors": []}


def _tagged(context: Context, text: str, tags: list[str]) -> tuple[model.ShopOrder | None, list[UserError]]:
    kind, _ = split_gid(text)
    order = context.shop.orders.get(number_of("Order", text)) if kind == "Order" else None
    if order is None:
        raise refusal(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    errors = [
        UserError(["tags"], f"Tag is too long (maximum is {LONGEST_TAG} characters)")  # words INFERRED
        for tag in tags
        if len(tag) > LONGEST_TAG
    ]
    return order, errors


def _given_tags(tags: list[str]) -> list[str]:
    return [part.strip() for tag in tags for part in tag.split(",") if part.strip()]


def add_tags(_root: Any, context: Context, id: str, tags: list[str]) -> Payload:
    """``tagsAdd``: tags an order has already are not added twice."""
    wanted = _given_tags(tags)
    order, errors = _tagged(context, id, wanted)
    if order is None or errors:
        return failed("node", *errors)
    merged = list(dict.fromkeys([*order.tags, *wanted]))
    if len(merged) > MOST_TAGS:
        return failed("node", UserError(["tags"], f"Maximum number of tags is {MOST_TAGS}"))  # words INFERRED
    if merged != order.tags and context.store.world.mood != "stores_nothing":
        shops.change_note(context.store.world, context.shop, order.id, tags=merged)
    return {"node": order, "userErrors": []}


def remove_tags(_root: Any, context: Context, id: str, tags: list[str]) -> Payload:
    """``tagsRemove``."""
    unwanted = {tag.casefold() for tag in _given_tags(tags)}
    order, errors = _tagged(context, id, [])
    if order is None or errors:
        return failed("node", *errors)
    kept = [tag for tag in order.tags if tag.casefold() not in unwanted]
    if kept != order.tags:
        shops.change_note(context.store.world, context.shop, order.id, tags=kept)
    return {"node": order, "userErrors": []}


# --- refunds ------------------------------------------------------------------------------------------


def _refund_faults(order: model.ShopOrder, given: dict[str, Any]) -> UserError | None:
    lines = {line.id: line for line in order.lines}
    for index, row in enumerate(given.get("refundLineItems") or ()):
        line = lines.get(number_of("LineItem", row["lineItemId"]))
        path = ["refundLineItems", str(index)]
        if line is None:
            message = "Line item must belong to the order which is being refunded"
            return UserError([*path, "lineItemId"], message)
        if row["quantity"] > line.quantity - line.refunded_quantity:
            return UserError([*path, "quantity"], "Quantity cannot refund more items than were purchased")
    known = {t.id for t in order.transactions if t.kind in ("sale", "capture") and t.status == "success"}
    for row in given.get("transactions") or ():
        if row["kind"] != "REFUND":
            return UserError(None, f"Kind {row['kind'].lower()} is not a valid transaction")
        parent = row.get("parentId")
        if parent is None or number_of("OrderTransaction", parent) not in known:
            return UserError(["transactions"], "Transactions require a parent_id associated with the order")
    return None


def create_refund(_root: Any, context: Context, input: dict[str, Any]) -> Payload:
    """``refundCreate``: without transactions it records and restocks, and no money moves."""
    shop, number = context.shop, number_of("Order", input["orderId"])
    order = shop.orders.get(number)
    nothing = {"refund": None, "order": None}
    if order is None:
        return {**nothing, "userErrors": [UserError(["orderId"], "Order does not exist")]}
    why_not = _refund_faults(order, input)
    if why_not is not None:
        return {**nothing, "order": order, "userErrors": [why_not]}
    rows = input.get("refundLineItems") or ()
    lines = [
        (
            number_of("LineItem", row["lineItemId"]),
            row["quantity"],
            (row.get("restockType") or "NO_RESTOCK").lower(),
        )
        for row in rows
    ]
    homes = [number_of("Location", row["locationId"]) for row in rows if row.get("locationId")]
    shipping = input.get("shipping") or {}
    delivery = order.delivery_price if shipping.get("fullRefund") else Decimal(shipping.get("amount") or 0)
    money = sum((row["amount"] for row in input.get("transactions") or ()), Decimal(0))
    by_id = {line.id: line for line in order.lines}
    worth = sum((shops.line_amount(by_id[line], units) for line, units, _ in lines), Decimal(0)) + delivery
    try:
        made = shops.refund(
            context.store.world,
            shop,
            number,
            lines=lines,
            shipping=delivery,
            adjustment=money - worth if money else Decimal(0),
            amount=money,
            location_id=homes[0] if homes else None,
            note=input.get("note") or "",
            notify=bool(input.get("notify")),
        )
    except Refused as no:
        message = no.message
        if no.code == "amount":
            sums = shops.totals(shop, order)
            sign, left = SYMBOLS.get(order.currency, ""), sums.captured - sums.refunded
            message = f"Refund amount {sign}{money:.2f} is greater than net payment received {sign}{left:.2f}"
        return {**nothing, "order": order, "userErrors": [UserError(None, message)]}
    return {"refund": Refunded(order, made), "order": order, "userErrors": []}


MUTATIONS: dict[str, Mutation] = {
    "fulfillmentCancel": gated(WRITE_FULFILMENTS, "fulfillmentCancel", cancel_fulfilment),
    "fulfillmentCreate": gated(WRITE_FULFILMENTS, "fulfillmentCreate", create_fulfilment),
    "fulfillmentEventCreate": gated(["write_fulfillments"], "fulfillmentEventCreate", create_event),
    "fulfillmentTrackingInfoUpdate": gated(
        WRITE_FULFILMENTS, "fulfillmentTrackingInfoUpdate", update_tracking
    ),
    "orderCancel": gated(["write_orders"], "orderCancel", cancel_order),
    "orderUpdate": gated(["write_orders"], "orderUpdate", update_order),
    "tagsAdd": gated(["write_orders"], "tagsAdd", add_tags),
    "tagsRemove": gated(["write_orders"], "tagsRemove", remove_tags),
}
