"""What an ERP keeps beside a warehouse: what was sent with an order, its payments, exceptions and invoices.

Belongs here: the records of Fulfil's that the world has no place for, by the id of what they are about.
Does not belong here: how they look to a caller (``fulfil_models``), who writes them (``fulfil_writes``).

INFERRED: an order is invoiced when it is sent, and its invoice is posted and paid by the payments that came with it;
the payment terms are none; an order without a known payment leaves its invoice open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class Payment:
    """One payment that came with an order."""

    id: int
    amount: Decimal
    method: str
    reference: str


@dataclass(slots=True)
class LineBook:
    """What came with a line: its name, and its tax, which holds for so many units at such a price."""

    identifier: str
    tax: Decimal
    units: int
    price: Decimal


@dataclass(slots=True)
class OrderBook:
    """What came with an order."""

    reference: str = ""
    customer_identifier: str = ""
    amount: Decimal | None = None
    """What the sender reckoned."""
    has_exception: bool = False
    delivery_identifier: str = ""
    lines: dict[int, LineBook] = field(default_factory=dict)
    """Line id -> what came with it."""
    payments: list[Payment] = field(default_factory=list)
    confirmed_at: datetime | None = None

    @property
    def paid(self) -> Decimal:
        return sum((payment.amount for payment in self.payments), Decimal(0))


@dataclass(slots=True)
class ReturnBook:
    """What came with a return."""

    identifier: str
    reference: str
    line_ids: tuple[int, ...] = ()


@dataclass(slots=True)
class Books:
    """The ERP's own records of one account."""

    orders: dict[int, OrderBook] = field(default_factory=dict)
    returns: dict[int, ReturnBook] = field(default_factory=dict)
    """Return id -> its book."""
    parties: dict[str, int] = field(default_factory=dict)
    """A customer's id in the shop -> the party."""
    held: dict[int, str] = field(default_factory=dict)
    """Shipment -> the note with which it was put on hold."""
    seen: dict[int, tuple[int, int, datetime]] = field(default_factory=dict)
    """Shipment -> (order, warehouse, made at): one whose goods were released is cancelled, not gone."""
    released: dict[int, datetime] = field(default_factory=dict)
    """Shipment -> when it was found released."""
    heads: dict[int, tuple[Any, Mapping[str, Any]]] = field(default_factory=dict)
    """Order -> (what they were made of, the fields searches ask about): made anew when that changes."""

    def order(self, order_id: int) -> OrderBook:
        """The book of an order; an empty one for an order that came by another way."""
        return self.orders.get(order_id) or OrderBook()
