"""What Veeqo's edge keeps of a warehouse so that a call need not read all of it.

Belongs here: orders newest first, the fuzzy search, and which addresses a customer has had parcels sent to.
Does not belong here: JSON (``veeqo_shapes``), or any change to the world.

The world adds and deletes orders without telling anyone; ``catch_up`` meets what came since the last look.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cogent_pipelines.sandbox.world.model import Address, Warehouse, WarehouseCustomer, WarehouseOrder

CUSTOMER_ADDRESS_IDS = 46_000_000
ORDER_ADDRESS_IDS = 26_000_000
"""A delivery address belongs to one order: its id is this plus the order's."""


def plain(text: str) -> str:
    """The letters and digits of a reference: what the search compares."""
    return "".join(c for c in text.lower() if c.isalnum())


class Index:
    """Orders and customers of one account."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._known: set[int] = set()
        self._by_age: list[tuple[datetime, int]] = []
        self._text = bytearray()
        self._starts: list[int] = []
        self._owners: list[int] = []
        self._said: dict[int, str] = {}
        self._sent_to: dict[int, list[int]] = {}  # customer -> orders, one for each address
        self._position: tuple[datetime, int] | None = None

    def catch_up(self) -> None:
        """Meet the orders that came or changed since the last look."""
        orders, gone = self.warehouse.orders, self.warehouse.deleted_orders
        for position, key in self.warehouse.order_log.positions(after=self._position):
            self._position = position
            if isinstance(key, int) and key in orders:
                self._meet(orders[key])
        if len(self._known) < len(orders) + len(gone):  # some were written into the past
            for order in (*orders.values(), *gone.values()):
                self._meet(order)

    def _meet(self, order: WarehouseOrder) -> None:
        said = f"\x00{plain(order.number)}\x01{order.email.lower()}"
        if self._said.get(order.id) != said:  # new, or its number or e-mail address was changed
            self._said[order.id] = said
            self._starts.append(len(self._text))
            self._owners.append(order.id)
            self._text += said.encode()
        if order.id in self._known:
            return
        self._known.add(order.id)
        insort(self._by_age, (order.created_at, order.id))
        if order.customer_id is not None:
            earlier = self._sent_to.setdefault(order.customer_id, [])
            orders = self.warehouse.orders
            if all(each not in orders or orders[each].address != order.address for each in earlier):
                earlier.append(order.id)

    def newest_first(self) -> Iterator[WarehouseOrder]:
        """Every order, newest first: the only order ``GET /orders`` has."""
        self.catch_up()
        orders = self.warehouse.orders
        return (orders[key] for _, key in reversed(self._by_age) if key in orders)

    def search(self, query: str) -> list[WarehouseOrder]:
        """The orders whose number or e-mail contains the query, however loosely written, newest first."""
        self.catch_up()
        found: set[int] = set()
        for needle in {plain(query), query.strip().lower()}:
            wanted = needle.encode()
            at = self._text.find(wanted) if wanted else -1
            while at >= 0:
                found.add(self._owners[bisect_right(self._starts, at) - 1])
                at = self._text.find(wanted, at + 1)
        orders = self.warehouse.orders
        matching = [orders[key] for key in found if key in orders]
        return sorted(matching, key=lambda order: (order.created_at, order.id), reverse=True)

    def addresses(self, customer: WarehouseCustomer) -> list[tuple[int, Address]]:
        """The customer's shipping addresses with their ids; the billing address while there is no other."""
        orders = self.warehouse.orders
        sent = [orders[key] for key in self._sent_to.get(customer.id, ()) if key in orders]
        if not sent:
            return [(CUSTOMER_ADDRESS_IDS + customer.id, customer.address)]
        return [(ORDER_ADDRESS_IDS + order.id, order.address) for order in sent]

    def address(self, key: int) -> Address | None:
        """The shipping address an API caller names by ``deliver_to_id``."""
        order = self.warehouse.orders.get(key - ORDER_ADDRESS_IDS)
        if order is not None:
            return order.address
        customer = self.warehouse.customers.get(key - CUSTOMER_ADDRESS_IDS)
        return customer.address if customer is not None else None
