"""What the parts of a BigCommerce store's JSON share: how money and dates are written, words, ids, what the store keeps.

Belongs here: what more than one of the files of shapes needs, and the state of an account that the world does not know of.
Does not belong here: a record's JSON (``bigcommerce_orders``, ``bigcommerce_payments``, ``bigcommerce_catalogue``).

V2 writes money as text with four decimals and dates as RFC 2822 has them; V3 writes numbers and ISO 8601. What the
retailer of the sandbox has no use for carries the empty value of the documents' own samples.

INFERRED: the ids of addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

Json = dict[str, Any]

ADDRESS_IDS = 30_000_000
"""An order has one address here: its id is this plus the order's."""
NOTHING = Decimal(0)
STATUSES = (
    "Incomplete", "Pending", "Shipped", "Partially Shipped", "Refunded", "Cancelled", "Declined", "Awaiting Payment",
    "Awaiting Pickup", "Awaiting Shipment", "Completed", "Awaiting Fulfillment", "Manual Verification Required",
    "Disputed", "Partially Refunded",
)  # fmt: skip


def text(amount: Decimal) -> str:
    """Money in V2."""
    return f"{amount:.4f}"


def number(amount: Decimal) -> float:
    """Money in V3."""
    return float(amount)


def rfc(moment: datetime | None) -> str:
    """An instant in V2; an empty text where there is none."""
    return "" if moment is None else format_datetime(moment.replace(microsecond=0))


def iso(moment: datetime) -> str:
    """An instant in V3."""
    return f"{moment:%Y-%m-%dT%H:%M:%S+00:00}"


@dataclass(slots=True)
class Extra:
    """What the vendor keeps of a shipment beside what the world does."""

    comments: str = ""
    provider: str = ""
    carrier: str = ""
    link: str = ""
    method: str = ""
    cost: str = "0.0000"
    also: tuple[int, ...] = ()
    """Despatches from other locations that are the same shipment to this vendor."""


@dataclass(slots=True)
class Store:
    """What one account keeps that the world does not know of."""

    shipments: dict[int, Extra] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    """Order -> the status somebody gave it."""
    safety: dict[tuple[int, int], int] = field(default_factory=dict)
    """(inventory item, location) -> safety stock."""
    adjusted: set[tuple[int, int]] = field(default_factory=set)
    """Levels that were ever set absolutely."""
