"""What the parts of Adobe Commerce's JSON share: how amounts and instants are written, words, what the shop keeps.

Belongs here: what more than one of the files of shapes needs, and the state of an account that the world does not know of.
Does not belong here: a record's JSON (``adobe_commerce_orders``, ``_documents``, ``_catalogue``), where an order stands
(``adobe_commerce_standing``).

How this retailer is set up: one website and one store view; number sequences with the prefix ``#`` and no
leading zeros; base and order currency alike unless the customer paid in another; every third item is sold as
the only choice of a configurable; the locations are sources of one stock, the first by priority.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cogent_pipelines.sandbox.world import model

Json = dict[str, Any]

CHILD = 900_000_000
"""A configurable's chosen child stands in an order under the parent's id plus this."""
STORE, WEBSITE, STOCK = 1, "base", 1
STATUSES = {"new": "pending"}
"""State -> the status the shop shows for it, where that is another word."""
FOUR = Decimal("0.0001")


def stamp(moment: datetime | None) -> str | None:
    """An instant: UTC without a zone, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else None


def number(amount: Decimal | int) -> int | float:
    """An amount as JSON has it: a whole one without a point."""
    return int(amount) if amount == int(amount) else float(amount)


def four(amount: Decimal) -> Decimal:
    """To the four places amounts are kept in."""
    return amount.quantize(FOUR, ROUND_HALF_UP)


def is_configurable(variant: model.Variant | None) -> bool:
    """Whether the retailer sells an item as the choice of a configurable."""
    return variant is not None and not variant.is_bundle and variant.id % 3 == 0


def amounts(order: model.ShopOrder, **each: Decimal | None) -> Json:
    """Each amount twice: in the website's currency, and in the one the customer paid in."""
    rate = order.presentment_rate
    both: Json = {}
    for name, amount in each.items():
        both[f"base_{name}"] = None if amount is None else number(four(amount))
        both[name] = None if amount is None else number(four(amount * rate))
    return both


def currencies(order: model.ShopOrder) -> Json:
    """In what currencies an order's amounts are, and at which rates."""
    return {
        "base_currency_code": order.currency,
        "order_currency_code": order.presentment_currency or order.currency,
        "store_currency_code": order.currency,
        "global_currency_code": order.currency,
        "base_to_order_rate": number(order.presentment_rate),
        "base_to_global_rate": 1,
    }


@dataclass(slots=True)
class Operation:
    """One body in the queue."""

    id: int
    body: Any
    status: int = 4  # 1 complete, 2 failed, 3 failed for good, 4 open, 5 rejected
    message: str | None = None
    code: int | None = None


@dataclass(slots=True)
class Store:
    """What one shop keeps that the world does not know of."""

    comments: dict[int, list[str]] = field(default_factory=dict)
    """Shipment -> what was written on it."""
    codes: dict[int, str] = field(default_factory=dict)
    """Shipment -> carrier code."""
    hidden: dict[tuple[str, str], int] = field(default_factory=dict)
    """(SKU, source) -> status that was set by hand."""
    bulks: dict[str, list[Operation]] = field(default_factory=dict)
    """What was given to the queue, by its uuid."""
    nonces: set[str] = field(default_factory=set)
