"""Shopify's mutations on stock, and the idempotency keys that guard them.

Belongs here: ``@idempotent``, compare-and-set, and every refusal of the inventory mutations.
Does not belong here: levels themselves (``world/levels``), fulfilments and refunds (``shopify_writes``).
"""

# ruff: noqa: A002, N803  arguments are named as the vendor names them

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphql.execution.values import get_directive_values

from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal
from cogent_pipelines.sandbox.vendors.shopify_orders import gated
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Attempt,
    Change,
    Context,
    Group,
    UserError,
    number_of,
)
from cogent_pipelines.sandbox.vendors.shopify_writes import Mutation, Payload, failed
from cogent_pipelines.sandbox.world import levels, model
from cogent_pipelines.sandbox.world.world import Refused, RefusedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STRICT_SINCE = "2026-04"  # the version from which keys and changeFromQuantity are mandatory
REASONS = (
    "correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created",
    "movement_received", "movement_updated", "other", "promotion", "quality_control", "received",
    "reservation_created", "reservation_deleted", "reservation_updated", "restock", "safety_stock",
    "shrinkage",
)  # fmt: skip
ADJUSTABLE = ("available", "damaged", "incoming", "quality_control", "reserved", "safety_stock")
BILLION = 1_000_000_000
KEY_WORDS = {
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": (
        "The same idempotency key cannot be used with different operation parameters."
    ),
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": (
        "A previous request with this idempotency key failed. Retry with a new idempotency key."
    ),
    "IDEMPOTENCY_CONCURRENT_REQUEST": "This request is currently in progress, please try again.",
}


# --- idempotency --------------------------------------------------------------------------------------


def idempotent(name: str, subject: str, mutate: Mutation) -> Mutation:
    """A mutation that needs a key: the same call under the same key has one effect and one answer."""

    def guarded(root: Any, context: Context, **arguments: Any) -> Payload:
        key = _key(context)
        if key is None:
            if context.version >= STRICT_SINCE:
                raise refusal(
                    "The @idempotent directive is required for this mutation but was not provided.",
                    "BAD_REQUEST",
                )
            return mutate(root, context, **arguments)
        attempts = context.store.attempts
        told = json.dumps(arguments, sort_keys=True, default=str)
        known = attempts.get(key)
        if context.fault == "conflict":
            return _unkeyed(subject, "IDEMPOTENCY_CONCURRENT_REQUEST")
        if known is not None and (known.field, known.arguments) != (name, told):
            return _unkeyed(subject, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
        if known is not None and known.has_failed:
            return _unkeyed(subject, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        if known is not None:
            return dict(known.answer)
        answer = mutate(root, context, **arguments)
        attempts[key] = Attempt(name, told, answer, has_failed=bool(answer["userErrors"]))
        return answer

    return guarded


def _unkeyed(subject: str, code: str) -> Payload:
    return failed(subject, UserError(None, KEY_WORDS[code], code))


def _key(context: Context) -> str | None:
    if context.info is None:
        return None
    directive = context.info.schema.get_directive("idempotent")
    if directive is None:
        return None
    given = get_directive_values(directive, context.info.field_nodes[0], context.info.variable_values)
    return None if given is None else str(given["key"])


def _must_compare(context: Context, kind: str, rows: list[dict[str, Any]]) -> None:
    if context.version >= STRICT_SINCE and any("changeFromQuantity" not in row for row in rows):
        raise refusal(
            f"{kind} must include the following argument: changeFromQuantity.", "INVALID_FIELD_ARGUMENTS"
        )


def _reason_faults(given: Mapping[str, Any]) -> Iterator[UserError]:
    if given["reason"] not in REASONS:
        message = f"The specified reason is invalid. Valid values are: {', '.join(REASONS)}."
        yield UserError(["input", "reason"], message, "INVALID_REASON")
    document = given.get("referenceDocumentUri")
    # which documents are invalid is not said; here: what is no URI (INFERRED)
    if document is not None and "://" not in document:
        message = "The specified reference document is invalid."
        yield UserError(["input", "referenceDocumentUri"], message, "INVALID_REFERENCE_DOCUMENT")


def _group(context: Context, given: Mapping[str, Any], changes: list[Change]) -> Group | None:
    """The record of what changed; nothing changed is no record (INFERRED)."""
    if not changes:
        return None
    number = context.store.world.new_id(f"{context.shop.system}/adjustment", 300_000_001)
    group = Group(number, context.now, given["reason"], given.get("referenceDocumentUri"), changes)
    context.store.groups[number] = group
    return group


def _both(level: model.Level, delta: int) -> list[Change]:
    """What is available lies on hand: the two move together."""
    return [Change("available", delta, level), Change("on_hand", delta, level)] if delta else []


# --- setting ------------------------------------------------------------------------------------------


def _rows_refused(kind: str, no: RefusedRows) -> list[UserError]:
    return [
        UserError(["input", kind, str(index), *row.field], row.message, row.code) for index, row in no.rows
    ]


def set_quantities(_root: Any, context: Context, input: dict[str, Any]) -> Payload:
    """``inventorySetQuantities``: every row, or none (atomicity is INFERRED)."""
    subject, rows, name = "inventoryAdjustmentGroup", input["quantities"], input["name"]
    _must_compare(context, "InventoryQuantityInput", rows)
    errors = list(_reason_faults(input))
    if name not in ("available", "on_hand"):
        message = "The quantity name must be either 'available' or 'on_hand'."
        errors.insert(0, UserError(["input", "name"], message, "INVALID_NAME"))
    for index, row in enumerate(rows):
        if row["quantity"] < -BILLION:
            path = ["input", "quantities", str(index), "quantity"]
            errors.append(
                UserError(
                    path, "The quantity can't be lower than -1,000,000,000.", "INVALID_QUANTITY_TOO_LOW"
                )
            )
    if errors:
        return failed(subject, *errors)
    changes = [
        levels.StockChange(
            number_of("InventoryItem", row["inventoryItemId"]),
            number_of("Location", row["locationId"]),
            row["quantity"],
            row.get("changeFromQuantity"),
        )
        for row in rows
    ]
    stored = changes[: (len(changes) + 1) // 2] if context.fault == "partial_success" else changes
    try:
        done = levels.set_levels(context.store.world, context.shop, stored, name=name)
    except RefusedRows as no:
        return failed(subject, *_rows_refused("quantities", no))
    moved = [change for each in done for change in _both(each.level, each.after - each.before)]
    return {subject: _group(context, input, moved), "userErrors": []}


# --- adjusting ----------------------------------------------------------------------------------------


def _ledger_faults(given: Mapping[str, Any]) -> Iterator[UserError]:
    documents = [row.get("ledgerDocumentUri") for row in given["changes"]]
    for index, document in enumerate(documents):
        path = ["input", "changes", str(index), "ledgerDocumentUri"]
        if document is not None and document.startswith("gid://shopify/"):
            message = "Internal (gid://shopify/) ledger documents are not allowed to be adjusted via API."
            yield UserError(path, message, "INTERNAL_LEDGER_DOCUMENT")
        elif given["name"] == "available" and document is not None:
            message = "A ledger document URI is not allowed when adjusting available."
            yield UserError(path, message, "INVALID_AVAILABLE_DOCUMENT")
        elif given["name"] != "available" and document is None:
            message = "A ledger document URI is required except when adjusting available."
            yield UserError(path, message, "INVALID_QUANTITY_DOCUMENT")
    if len(set(documents)) > 1:
        message = (
            "All changes must have the same ledger document URI or, in the case of adjusting available, "
            "no ledger document URI."
        )
        yield UserError(["input", "changes"], message, "MAX_ONE_LEDGER_DOCUMENT")


def _change_fault(context: Context, row: Mapping[str, Any], path: list[str]) -> UserError | None:
    item, location = (
        number_of("InventoryItem", row["inventoryItemId"]),
        number_of("Location", row["locationId"]),
    )
    if item not in context.shop.by_item:
        message = "The specified inventory item could not be found."
        return UserError([*path, "inventoryItemId"], message, "INVALID_INVENTORY_ITEM")
    home = context.shop.locations.get(location)
    if home is None or not home.is_active:
        return UserError(
            [*path, "locationId"], "The specified location could not be found.", "INVALID_LOCATION"
        )
    level = context.shop.levels.get((item, location))
    if level is None or not level.is_active:
        message = "The inventory item is not stocked at the location."
        return UserError([*path, "locationId"], message, "ITEM_NOT_STOCKED_AT_LOCATION")
    if abs(row["delta"]) > 2 * BILLION:
        side, sign = ("HIGH", "") if row["delta"] > 0 else ("LOW", "-")
        message = f"The quantity can't be {'higher' if sign == '' else 'lower'} than {sign}2,000,000,000."
        return UserError([*path, "delta"], message, f"INVALID_QUANTITY_TOO_{side}")
    expected = row.get("changeFromQuantity")
    if expected is not None and expected != level.available:
        message = "The changeFromQuantity argument no longer matches the persisted quantity."
        return UserError([*path, "changeFromQuantity"], message, "CHANGE_FROM_QUANTITY_STALE")
    return None


def adjust_quantities(_root: Any, context: Context, input: dict[str, Any]) -> Payload:
    """``inventoryAdjustQuantities``: of the adjustable names the sandbox's shop keeps one, available."""
    subject, rows = "inventoryAdjustmentGroup", input["changes"]
    _must_compare(context, "InventoryChangeInput", rows)
    errors = list(_reason_faults(input))
    if input["name"] not in ADJUSTABLE:
        message = f"The specified quantity name is invalid. Valid values are: {', '.join(ADJUSTABLE)}."
        errors.append(UserError(["input", "name"], message, "INVALID_QUANTITY_NAME"))
    errors += _ledger_faults(input)
    for index, row in enumerate(rows):
        fault = _change_fault(context, row, ["input", "changes", str(index)])
        errors += [fault] if fault else []
    if not errors and input["name"] != "available":
        message = "The quantities couldn't be adjusted. Try again."
        errors.append(UserError(["input", "name"], message, "ADJUST_QUANTITIES_FAILED"))
    if errors:
        return failed(subject, *errors)
    moved: list[Change] = []
    for row in rows:
        item, location = (
            number_of("InventoryItem", row["inventoryItemId"]),
            number_of("Location", row["locationId"]),
        )
        done = levels.adjust(context.store.world, context.shop, item, location, row["delta"])
        moved += _both(done.level, row["delta"])
    return {subject: _group(context, input, moved), "userErrors": []}


# --- activating ---------------------------------------------------------------------------------------


def activate(
    _root: Any,
    context: Context,
    inventoryItemId: str,
    locationId: str,
    available: int | None = None,
    onHand: int | None = None,
) -> Payload:
    """``inventoryActivate``: stock an item where it was not stocked."""
    shop, subject = context.shop, "inventoryLevel"
    item, location = number_of("InventoryItem", inventoryItemId), number_of("Location", locationId)
    home = shop.locations.get(location)
    if home is None or not home.is_active:
        message = "The product couldn't be stocked because the location wasn't found."
        return failed(subject, UserError(["locationId"], message))
    if item not in shop.by_item:
        message = "The product couldn't be stocked because the product wasn't found."  # words INFERRED
        return failed(subject, UserError(["inventoryItemId"], message))
    level = shop.levels.get((item, location))
    given = [
        (name, value) for name, value in (("available", available), ("onHand", onHand)) if value is not None
    ]
    if len(given) == 2:
        message = (
            f"The product couldn't be stocked at {home.name} because not allowed to set available and "
            "on_hand quantities at the same time."
        )
        return failed(subject, *(UserError([name], message) for name, _ in given))
    if level is not None and level.is_active and given:
        word = {"available": "available", "onHand": "an on_hand"}[given[0][0]]
        message = f"Not allowed to set {word} quantity when the item is already active at the location."
        return failed(subject, UserError([given[0][0]], message))
    if given and abs(given[0][1]) > BILLION:
        message = (
            f"The product couldn't be stocked at {home.name} because the quantity needs to be between "
            "-1 billion and 1 billion."
        )
        return failed(subject, UserError([given[0][0]], message))
    try:
        made = levels.activate(context.store.world, shop, item, location, given[0][1] if given else 0)
    except Refused as no:
        return failed(subject, UserError(["inventoryItemId"], no.message))
    return {subject: made, "userErrors": []}


def _guarded(name: str, subject: str, mutate: Callable[..., Payload]) -> Mutation:
    return gated(["write_inventory"], name, idempotent(name, subject, mutate))


MUTATIONS: dict[str, Mutation] = {
    "inventoryActivate": _guarded("inventoryActivate", "inventoryLevel", activate),
    "inventoryAdjustQuantities": _guarded(
        "inventoryAdjustQuantities", "inventoryAdjustmentGroup", adjust_quantities
    ),
    "inventorySetQuantities": _guarded("inventorySetQuantities", "inventoryAdjustmentGroup", set_quantities),
}
