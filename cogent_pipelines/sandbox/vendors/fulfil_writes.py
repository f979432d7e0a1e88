"""Fulfil's writes: what a body must hold, how a wrong one is answered, and who in the world is asked.

Belongs here: reading and checking bodies, and handing what they want to ``world/warehouse`` and to the books.
Does not belong here: routes and searches (``fulfil``), records (``fulfil_models``), the warehouse's own rules.

INFERRED, as the brief does not say: the words of every refusal; that an unknown SKU, carrier service or a float for
money is refused (an amount that is not the sum is not: the order is parked as an exception); that a channel named
like a facility sends from there and any other from the first that has all the goods; that an order waits as a
quotation until it is paid; that a customer is known by ``channel_identifier`` or, without one, by e-mail; that a
cancel is refused once something is picked; a line's ``channel_identifier`` within an order; what a cancel answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors.fulfil_books import LineBook, OrderBook, Payment, ReturnBook
from cogent_pipelines.sandbox.vendors.fulfil_domain import bad, http_error, missing, user_error
from cogent_pipelines.sandbox.vendors.fulfil_models import RETURN_SALES, pence
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import Address
from cogent_pipelines.sandbox.world.warehouse import NewWarehouseLine
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.kit import Fault
    from cogent_pipelines.sandbox.vendors.fulfil_books import Books
    from cogent_pipelines.sandbox.world.model import WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

Body = dict[str, Any]
STATUSES = {
    "status": {"pending", "completed", "cancelled"},
    "financial_status": {"paid", "unpaid", "refunded"},
    "fulfillment_status": {"unshipped", "partial", "shipped"},
}
CONTACTS = {"phone", "mobile", "fax", "email", "website"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is sent in."""

    identifier: str
    sellable_id: int
    quantity: int
    unit_price: Decimal
    rate: Decimal
    tax: Decimal
    cancelled: int

    @property
    def net(self) -> Decimal:
        return pence(self.unit_price * self.quantity)


class Writes:
    """What callers may change in one account."""

    def __init__(self, system: str, world: World, books: Books) -> None:
        self.world, self.warehouse, self.books = world, world.keeper(system), books

    @contextmanager
    def _mood(self, fault: Fault | None) -> Iterator[None]:
        """Let the warehouse play the fault this call meets, and word its refusals."""
        self.world.mood = fault.kind if fault else ""
        try:
            yield
        except Refused as error:
            if error.code == "not_found":
                raise missing() from error
            if error.code == "broken":
                raise http_error(500, "Internal Server Error", "") from error
            raise user_error(error.message) from error
        finally:
            self.world.mood = ""

    # --- orders ---------------------------------------------------------------------------------------

    def create_order(self, body: Any, fault: Fault | None) -> WarehouseOrder:
        """Take an order in, or change the one its channel knows by this identifier."""
        if not isinstance(body, list) or len(body) != 2 or not isinstance(body[1], dict):
            raise bad("create_order takes a channel and an order")
        channel, given = body
        if channel not in self.warehouse.channels:
            raise missing()
        for name, allowed in STATUSES.items():
            if given.get(name) is not None and given[name] not in allowed:
                raise user_error(f"The value {given[name]!r} of {name} is not one of {sorted(allowed)}")
        number = str(given.get("channel_identifier") or "")
        if not number:
            raise user_error("channel_identifier is required")
        lines = [self._line(each) for each in _list(given, "sale_lines")]
        known = [o for o in rules.find_orders(self.warehouse, number) if o.channel_id == channel]
        if known:
            if not (fault is not None and fault.kind == "stores_nothing"):
                self._update(known[0], lines)
            return known[0]
        if not lines:
            raise user_error("An order needs lines")
        return self._make(channel, number, given, lines, fault)

    def _make(
        self, channel: int, number: str, given: Body, lines: list[Line], fault: Fault | None
    ) -> WarehouseOrder:
        address, email = _address(given, "shipping_address"), _email(given)
        deliveries = _list(given, "shipping_lines")
        method = self._method(deliveries[0]) if deliveries else None
        delivery = sum((_money(each, "amount") for each in deliveries), Decimal(0))
        payments = [each for each in _list(given, "payments") if each.get("state") == "success"]
        paid = sum((_money(each, "amount") for each in payments), Decimal(0))
        total = sum((line.net + line.tax for line in lines), Decimal(0)) + pence(delivery)
        amount = _money(given, "amount") if given.get("amount") is not None else None
        identifier = str((given.get("customer") or {}).get("channel_identifier") or "")
        with self._mood(fault):
            made = rules.create_order(
                self.world,
                self.warehouse,
                number=number,
                channel_id=channel,
                email=email,
                address=address,
                lines=[
                    NewWarehouseLine(
                        each.sellable_id, each.quantity, each.unit_price, each.rate, each.identifier
                    )
                    for each in lines
                ],
                delivery_method_id=method,
                currency=str(given.get("currency_code") or "GBP"),
                delivery_price=pence(delivery),
                is_paid=paid >= total or given.get("financial_status") == "paid",
                payment_reference=str(payments[0].get("provider_reference") or "") if payments else "",
                customer_id=self.books.parties.get(identifier) if identifier else None,
            )
        if identifier and made.customer_id is not None:
            self.books.parties.setdefault(identifier, made.customer_id)
        book = OrderBook(
            reference=str(given.get("reference") or number),
            customer_identifier=identifier,
            amount=amount,
            has_exception=amount is not None and amount != total,
            delivery_identifier=str(deliveries[0].get("channel_identifier") or "") if deliveries else "",
            lines={
                line.id: LineBook(each.identifier, each.tax, line.quantity, line.unit_price)
                for line, each in zip(made.lines, lines, strict=False)  # a spoilt order may have stored fewer
            },
            payments=[
                Payment(
                    self.world.new_id(f"{self.warehouse.system}/payment", 12_001),
                    _money(each, "amount"),
                    str(each.get("method") or ""),
                    str(each.get("provider_reference") or ""),
                )
                for each in payments
            ],
            confirmed_at=_instant(given.get("confirmed_at")),
        )
        self.books.orders[made.id] = book
        for record in rules.find_orders(self.warehouse, number):
            self._process(record, book)
        return made

    def _process(self, order: WarehouseOrder, book: OrderBook) -> None:
        """Reserve the goods, as the ERP does by itself, unless the order is parked or not paid."""
        if book.has_exception or not order.is_paid or order.allocations or not rules.is_open(order):
            return
        with self._mood(None):
            rules.allocate(self.world, self.warehouse, order.id, self._facility(order))

    def _facility(self, order: WarehouseOrder) -> int:
        places = [place for place in self.warehouse.facilities.values() if place.deleted_at is None]
        name = self.warehouse.channels[order.channel_id]
        if named := [place.id for place in places if place.code == name]:
            return named[0]
        units, stock = rules.ordered_units(order), self.warehouse.stock
        for place in places:
            entries = [(stock.get((sellable, place.id)), quantity) for sellable, quantity in units.items()]
            if all(e is not None and e.physical - e.allocated >= quantity for e, quantity in entries):
                return place.id
        return places[0].id

    def _update(self, order: WarehouseOrder, lines: list[Line]) -> None:
        """New identifiers add lines, ``quantity_canceled`` takes units away, a price replaces one."""
        book = self.books.orders.setdefault(order.id, OrderBook(reference=order.number))
        names = {line.remote_id: line for line in order.lines}
        added = [each for each in lines if each.identifier not in names]
        cut = {
            names[each.identifier].id: each.quantity - each.cancelled
            for each in lines
            if each.identifier in names
            and each.cancelled
            and names[each.identifier].quantity > each.quantity - each.cancelled
        }
        priced = [
            each
            for each in lines
            if each.identifier in names and names[each.identifier].unit_price != each.unit_price
        ]
        if priced and order.shipped_at is not None:
            raise user_error("The price of a line that is invoiced cannot be changed")
        if added or cut:
            with self._mood(None):
                before = {line.id for line in order.lines}
                rules.update_order(
                    self.world,
                    self.warehouse,
                    order.id,
                    quantities=cut,
                    add=[
                        NewWarehouseLine(a.sellable_id, a.quantity, a.unit_price, a.rate, a.identifier)
                        for a in added
                    ],
                )
                new = [line for line in order.lines if line.id not in before]
                for line, each in zip(new, added, strict=True):
                    book.lines[line.id] = LineBook(each.identifier, each.tax, line.quantity, line.unit_price)
        for each in priced:
            names[each.identifier].unit_price = each.unit_price
            rules.touch(self.world, self.warehouse, order)

    def _line(self, given: Body) -> Line:
        sku = str(given.get("sku") or "")
        sellable = self.warehouse.by_sku.get(sku)
        if sellable is None:
            raise user_error(f"There is no product with the code {sku!r}")
        quantity = given.get("quantity")
        if (
            isinstance(quantity, bool)
            or not isinstance(quantity, int | float)
            or quantity <= 0
            or quantity % 1
        ):
            raise user_error("quantity must be a positive number")
        identifier = str(given.get("channel_identifier") or "")
        if not identifier:
            raise user_error("A line needs a channel_identifier")
        taxes = _list(given, "tax_lines")
        return Line(
            identifier,
            sellable,
            int(quantity),
            _money(given, "unit_price"),
            sum((_money(tax, "rate") for tax in taxes), Decimal(0)),
            sum((pence(_money(tax, "amount")) for tax in taxes), Decimal(0)),
            int(given.get("quantity_canceled") or 0),
        )

    def _method(self, given: Body) -> int:
        code = str(given.get("carrier_service_code") or "")
        for method in self.warehouse.delivery_methods.values():
            if code in (str(method.id), method.name):
                return method.id
        raise user_error(f"There is no carrier service with the code {code!r}")

    def cancel(self, order_id: int, fault: Fault | None) -> bool:
        """Cancel an order of which nothing was picked or sent."""
        if order_id not in self.warehouse.orders:
            raise missing()
        order = self.warehouse.orders[order_id]
        if order.cancelled_at is not None:
            return True
        if any(each.picking_since is not None or each.parcel is not None for each in order.allocations):
            raise user_error("Cannot cancel an order whose shipments are packed or done")
        with self._mood(fault):
            rules.cancel_order(self.world, self.warehouse, order_id)
        return True

    def return_order(self, order_id: int, body: Any, fault: Fault | None) -> int:
        """Expect goods back; gives the id of the sale that a return is."""
        if order_id not in self.warehouse.orders:
            raise missing()
        if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
            raise bad("return_order takes one object in a list")
        given, order = body[0], self.warehouse.orders[order_id]
        identifier = str(given.get("channel_identifier") or "")
        for key, book in self.books.returns.items():
            if identifier and book.identifier == identifier:
                return RETURN_SALES + key
        names = {line.id: line for line in order.lines}
        units: dict[int, int] = {}
        for each in _list(given, "lines"):
            line = names.get(each.get("order_line_id") or 0)
            if line is None:
                raise user_error("The line to return is not a line of the order")
            units[line.sellable_id] = units.get(line.sellable_id, 0) + int(each.get("return_quantity") or 0)
        if not units:
            raise user_error("A return needs lines")
        reason = "; ".join(str(each.get("return_reason") or "") for each in _list(given, "lines")).strip("; ")
        if fault is not None and fault.kind == "stores_nothing":
            return RETURN_SALES
        with self._mood(fault):
            made = rules.create_return(
                self.world, self.warehouse, order_id, list(units.items()), reason=reason
            )
        self.books.returns[made.id] = ReturnBook(identifier, str(given.get("reference") or identifier))
        return RETURN_SALES + made.id

    def hold(self, body: Any, *, held: bool) -> bool:
        """Put shipments on hold with a note, or let them go on."""
        ids = body[0] if isinstance(body, list) and body else None
        if not isinstance(ids, list):
            raise bad("hold takes a list of ids")
        for key in ids:
            if key not in self.books.seen:
                raise missing()
            order = self.warehouse.orders[self.books.seen[key][0]]
            if held:
                self.books.held[key] = str(body[1]) if len(body) > 1 else ""
            else:
                self.books.held.pop(key, None)
            rules.set_hold(self.world, self.warehouse, order.id, held=held)
        return True


# --- reading bodies -----------------------------------------------------------------------------------


def _list(body: Body, name: str) -> list[Body]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or any(not isinstance(each, dict) for each in found):
        raise bad(f"{name} is a list of objects")
    return found


def _money(body: Body, name: str) -> Decimal:
    """A tagged decimal or text; a float is no way to write money."""
    found = body.get(name)
    if found is None or found == "":
        return Decimal(0)
    if isinstance(found, dict):
        found = found.get("decimal")
    if isinstance(found, bool | float | list) or found is None:
        raise user_error(f"{name} must be a decimal, given as text")
    try:
        amount = Decimal(str(found))
    except InvalidOperation:
        raise user_error(f"{name} is not a decimal") from None
    if not amount.is_finite():
        raise user_error(f"{name} is not a decimal")
    return amount


def _instant(text: Any) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise user_error("confirmed_at cannot be read") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _email(given: Body) -> str:
    customer = given.get("customer")
    if not isinstance(customer, dict) or not customer.get("name"):
        raise user_error("customer needs a name")
    for contact in customer.get("contacts") or ():
        if not isinstance(contact, list) or len(contact) != 2 or contact[0] not in CONTACTS:
            raise user_error(f"{contact!r} is not a contact")
        if contact[0] == "email":
            return str(contact[1])
    return ""


def _address(given: Body, name: str) -> Address:
    found = given.get(name)
    if not isinstance(found, dict) or not found.get("name"):
        raise user_error(f"{name} needs a name")
    country = str(found.get("country_code") or "")
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise user_error(f"{country!r} is not a country code")
    first, _, last = str(found["name"]).partition(" ")
    return Address(
        first,
        last,
        str(found.get("address1") or ""),
        str(found.get("city") or ""),
        str(found.get("zip") or ""),
        country,
        line2=str(found.get("address2") or ""),
        region=str(found.get("subdivision_code") or ""),
        phone=str(found.get("phone") or ""),
    )
