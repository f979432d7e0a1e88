"""Shopify's order edits: opened, filled in with quantities, and committed; only the last changes the order.

Belongs here: the three mutations, what an open edit shows, and the vendor's words of refusal.
Does not belong here: what an edit does to the shop (``world/shop``), other mutations (``shopify_writes``).

INFERRED, because no document says it: a line of an edit has the number of the line it stands for; an edit ends when it
is committed; quantities below what is fulfilled are refused when they are set, and again when they are committed.
"""

# ruff: noqa: A002, N803  arguments are named as the vendor names them

from __future__ import annotations

from typing import Any

from cogent_pipelines.sandbox.vendors.shopify_orders import Resolvers, connection, gated
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Context,
    Edit,
    EditedLine,
    UserError,
    gid,
    number_of,
)
from cogent_pipelines.sandbox.vendors.shopify_writes import Mutation, Payload
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.world import Refused

NO_EDIT = "The calculated order does not exist."
NO_LINE = "The line item does not exist on the order."
LONGEST_NOTE = 255


def _failed(*errors: UserError) -> Payload:
    return {"userErrors": list(errors)}


def begin(_root: Any, context: Context, id: str) -> Payload:
    """``orderEditBegin``: the order as it is, to be worked on beside it."""
    order = context.shop.orders.get(number_of("Order", id))
    if order is None:
        return _failed(UserError(["id"], "The order does not exist."))
    if order.cancelled_at is not None:
        return _failed(UserError(None, "The order cannot be edited."))
    number = context.store.world.new_id(f"{context.store.system}/edit", 70_000_001)
    edit = Edit(number, order, {line.id: line.current_quantity for line in order.lines})
    context.store.edits[number] = edit
    return {"calculatedOrder": edit, "userErrors": []}


def set_quantity(
    _root: Any, context: Context, id: str, lineItemId: str, quantity: int, restock: bool | None = None
) -> Payload:
    """``orderEditSetQuantity``: nothing happens to the order yet."""
    edit = context.store.edits.get(number_of("CalculatedOrder", id))
    if edit is None:
        return _failed(UserError(["id"], NO_EDIT))
    number = number_of("CalculatedLineItem", lineItemId)
    if number not in edit.quantities:
        return _failed(UserError(["lineItemId"], NO_LINE))
    if quantity < 0:
        return _failed(UserError(["quantity"], "must be greater than or equal to 0"))
    line = EditedLine(edit, shops.get_line(edit.order, number))
    shipped = line.line.current_quantity - line.line.unfulfilled_quantity
    if quantity < shipped:
        # words INFERRED
        return _failed(UserError(["quantity"], "The quantity cannot be lower than what is fulfilled."))
    edit.quantities[number] = quantity
    (edit.restocked.add if restock else edit.restocked.discard)(number)
    return {"calculatedLineItem": line, "calculatedOrder": edit, "userErrors": []}


def commit(
    _root: Any,
    context: Context,
    id: str,
    notifyCustomer: bool | None = None,
    staffNote: str | None = None,
) -> Payload:
    """``orderEditCommit``: the order becomes what the edit shows; what that leaves to pay back stays to be paid."""
    store, number = context.store, number_of("CalculatedOrder", id)
    edit = store.edits.get(number)
    if edit is None:
        return _failed(UserError(["id"], NO_EDIT))
    if staffNote is not None and len(staffNote) > LONGEST_NOTE:
        message = f"Staff note is too long. Maximum length is {LONGEST_NOTE} characters."
        return _failed(UserError(["staffNote"], message))
    order = edit.order
    changed = [line for line in order.lines if edit.quantities.get(line.id, 0) != line.current_quantity]
    if store.world.mood != "stores_nothing":
        try:
            for line in changed:
                shops.set_quantity(
                    store.world,
                    context.shop,
                    order.id,
                    line.id,
                    edit.quantities[line.id],
                    restock=line.id in edit.restocked,
                )
        except Refused as no:
            return _failed(UserError(["id"], no.message))
        if notifyCustomer:
            shops.mail(store.world, context.shop, order, "edited")
    if staffNote:
        store.staff_notes[order.id] = staffNote
    del store.edits[number]
    return {"order": order, "userErrors": []}


MUTATIONS: dict[str, Mutation] = {
    "orderEditBegin": gated(["write_order_edits"], "orderEditBegin", begin),
    "orderEditSetQuantity": gated(["write_order_edits"], "orderEditSetQuantity", set_quantity),
    "orderEditCommit": gated(["write_order_edits"], "orderEditCommit", commit),
}


def _lines(edit: Edit, _context: Context) -> list[EditedLine]:
    return [EditedLine(edit, line) for line in edit.order.lines]


RESOLVERS: Resolvers = {
    "CalculatedOrder": {
        "id": lambda e, _: gid("CalculatedOrder", e.id),
        "lineItems": connection(_lines, lambda x: x.line.id),
        "originalOrder": lambda e, _: e.order,
    },
    "CalculatedLineItem": {
        "editableQuantity": lambda x, _: max(
            x.line.unfulfilled_quantity - (x.line.current_quantity - x.edit.quantities[x.line.id]), 0
        ),
        "editableQuantityBeforeChanges": lambda x, _: x.line.unfulfilled_quantity,
        "id": lambda x, _: gid("CalculatedLineItem", x.line.id),
        "quantity": lambda x, _: x.edit.quantities[x.line.id],
        "restocking": lambda x, _: x.line.id in x.edit.restocked,
        "sku": lambda x, _: x.line.sku or None,
        "title": lambda x, _: x.line.title,
    },
}
