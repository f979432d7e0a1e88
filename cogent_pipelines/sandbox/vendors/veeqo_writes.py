"""Veeqo's writes: what a body must hold, which of three error shapes answers a wrong one, and who is asked.

Belongs here: reading and checking bodies, and handing what they want to ``world/warehouse``.
Does not belong here: routes and lists (``veeqo``), JSON of records (``veeqo_shapes``), warehouse rules.

The documents name the codes (400 for a missing attribute, 404 for any unknown id in a body, 422 for a value
that is not valid, 500 often for bad data) and no message. INFERRED: every message's words, which shape of
body goes with which code, the text of a cancel's refusals, that a cancel answers with the order, that a
changed allocation is a new one, that an e-mail address is one customer.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors.veeqo_shapes import Extra
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import Address, Allocation, Parcel, StockEntry, WarehouseCustomer
from cogent_pipelines.sandbox.world.warehouse import NewWarehouseLine
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogent_pipelines.sandbox.kit import Fault
    from cogent_pipelines.sandbox.vendors.veeqo_index import Index
    from cogent_pipelines.sandbox.vendors.veeqo_shapes import Shapes
    from cogent_pipelines.sandbox.world.model import WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

PAYMENT_TYPES = frozenset(
    {
        "none",
        "cash",
        "credit_card",
        "bank_transfer",
        "paypal",
        "paypal_express",
        "sagepay",
        "checkmo",
        "online_finance",
    }
)
ADDRESS_FIELDS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "address1": "line1",
    "address2": "line2",
    "city": "city",
    "state": "region",
    "zip": "postcode",
    "country": "country_code",
    "phone": "phone",
}
Body = dict[str, Any]


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, code: int, body: Any) -> None:
        super().__init__(str(body))
        self.code = code
        self.body = body


def missing(name: str) -> Refusal:
    """An attribute that must be there is not."""
    return Refusal(400, {"error_messages": f"{name} can't be blank"})


def invalid(message: str) -> Refusal:
    """A value that no rule of Veeqo's allows."""
    return Refusal(422, {"error_messages": [message]})


def unknown() -> Refusal:
    """An id, in the path or in the body, that this account does not have."""
    return Refusal(404, {"status": "404", "error": "Not Found"})


def bad() -> Refusal:
    """Data of a shape Veeqo stumbles over."""
    return Refusal(500, {"status": "500", "error": "Internal Server Error"})


def of(error: Refused) -> Refusal:
    """A refusal of the warehouse's own rules, in Veeqo's shapes."""
    if error.code == "not_found":
        return unknown()
    if error.code == "broken":
        return bad()
    if "already shipped" in error.message and "allocation" in error.message:
        return Refusal(400, {"error_messages": error.message})
    return invalid(error.message)


class Writes:
    """What callers may change in one account."""

    def __init__(self, system: str, world: World, index: Index, shapes: Shapes) -> None:
        self.world = world
        self.warehouse = world.warehouses[system]
        self.index = index
        self.shapes = shapes
        self.reallocated: dict[int, datetime] = {}
        """Order -> when its allocations were last taken apart by a caller."""

    @contextmanager
    def _mood(self, fault: Fault | None) -> Iterator[None]:
        """Let the warehouse play the fault this call meets, and word its refusals."""
        self.world.mood = fault.kind if fault else ""
        try:
            yield
        except Refused as error:
            raise of(error) from error
        finally:
            self.world.mood = ""

    # --- orders ---------------------------------------------------------------------------------------

    def create_order(self, body: Body, fault: Fault | None) -> WarehouseOrder:
        order = _object(body, "order")
        channel = _id(order, "channel_id", "Channel")
        method = _id(order, "delivery_method_id", "Delivery method")
        customer = self._customer(order)
        address = self._address(order)
        given = _lines(order)
        if not given:
            raise missing("Line items")
        lines = [_new_line(each) for each in given]
        line_discounts = sum(
            (
                _money(each, "taxless_discount_per_unit") * line.quantity
                for each, line in zip(given, lines, strict=True)
            ),
            Decimal(0),
        )
        discount = line_discounts + _money(order, "additional_order_level_taxless_discount")
        payment_type, reference = _payment(order)
        due_on = _due(order.get("due_date"))
        notes = [str(each.get("text", "")) for each in _list(order, "employee_notes_attributes")]
        email = (
            customer.email if customer else str(_optional(order, "customer_attributes").get("email") or "")
        )
        with self._mood(fault):
            made = rules.create_order(
                self.world,
                self.warehouse,
                number=str(order.get("number") or ""),
                channel_id=channel,
                email=email,
                address=address,
                lines=lines,
                delivery_method_id=method,
                currency=self.shapes.currency,
                delivery_price=_money(order, "delivery_cost"),
                discount=max(discount, _money(order, "total_discounts")),
                is_paid=payment_type is not None,
                due_on=due_on,
                payment_reference=reference,
                customer_note=str(_optional(order, "customer_note_attributes").get("text") or ""),
                notes=[text for text in notes if text],
                customer_id=customer.id if customer else None,
            )
        if not made.number:
            made.number = f"#P-{made.id}"
        extra = Extra(payment_type or "none", sends_email=bool(order.get("send_notification_email")))
        for each, line in zip(given, made.lines, strict=False):  # a spoilt order may have stored fewer
            self._extra_of_line(extra, line.id, each)
        self.shapes.extras[made.id] = extra
        return made

    def update_order(self, order: WarehouseOrder, body: Body, fault: Fault | None) -> None:
        """Change what is named; a line is named by its sellable. A status is never set, only rolled up."""
        given = _object(body, "order")
        by_sellable = {line.sellable_id: line for line in order.lines}
        quantities: dict[int, int] = {}
        added: list[NewWarehouseLine] = []
        for each in _lines(given):
            line = by_sellable.get(_id(each, "sellable_id", "Sellable"))
            if line is None:
                added.append(_new_line(each))
            elif "quantity" in each:
                quantities[line.id] = _quantity(each)
        pays = "payment_attributes" in given
        payment_type, reference = _payment(given)
        note = _optional(given, "customer_note_attributes").get("text")
        has_address = "deliver_to_id" in given or "deliver_to_attributes" in given
        address = self._address(given, order.address) if has_address else None
        method = (
            _id(given, "delivery_method_id", "Delivery method") if "delivery_method_id" in given else None
        )
        if fault is not None and fault.kind == "stores_nothing":
            return
        with self._mood(fault):
            rules.update_order(
                self.world,
                self.warehouse,
                order.id,
                address=address,
                delivery_method_id=method,
                quantities=quantities,
                add=added,
                customer_note=None if note is None else str(note),
                is_paid=True if pays and payment_type is not None else None,
                due_on=_due(given["due_date"]) if "due_date" in given else None,
            )
        if pays:
            order.payment_reference = reference
        if "total_discounts" in given:
            order.discount = _money(given, "total_discounts")
        if "delivery_cost" in given:
            order.delivery_price = _money(given, "delivery_cost")
        extra = self.shapes.extras.setdefault(order.id, Extra())
        extra.payment_type = payment_type or extra.payment_type
        for each in _lines(given):
            line = next(li for li in order.lines if li.sellable_id == int(each["sellable_id"]))
            self._extra_of_line(extra, line.id, each)
            if each.get("price_per_unit") is not None:
                line.unit_price = _money(each, "price_per_unit")
        for each in _list(given, "employee_notes_attributes"):
            rules.add_note(self.world, self.warehouse, order.id, str(each.get("text") or ""))

    @staticmethod
    def _extra_of_line(extra: Extra, line_id: int, given: Body) -> None:
        if given.get("additional_options") is not None:
            extra.options[line_id] = str(given["additional_options"])
        if given.get("taxless_discount_per_unit") is not None:
            extra.discounts[line_id] = _money(given, "taxless_discount_per_unit")

    def cancel_order(self, order: WarehouseOrder, body: Body, fault: Fault | None) -> None:
        with self._mood(fault):
            rules.cancel_order(
                self.world, self.warehouse, order.id, reason=str(body.get("cancel_reason") or "")
            )

    def add_note(self, order: WarehouseOrder, body: Body, fault: Fault | None) -> tuple[int, datetime, str]:
        text = str(_object(body, "note").get("text") or "")
        if not text:
            raise missing("Text")
        with self._mood(fault):
            key, text = rules.add_note(self.world, self.warehouse, order.id, text)
        return key, self.world.now, text

    def _customer(self, order: Body) -> WarehouseCustomer | None:
        """The customer named by id; None when a new one is described."""
        if order.get("customer_id") is not None:
            found = self.warehouse.customers.get(_id(order, "customer_id", "Customer"))
            if found is None:
                raise unknown()
            return found
        if not _optional(order, "customer_attributes"):
            raise missing("Customer")
        return None

    def _address(self, order: Body, before: Address | None = None) -> Address:
        if order.get("deliver_to_id") is not None:
            found = self.index.address(_id(order, "deliver_to_id", "Deliver to"))
            if found is None:
                raise unknown()
            return replace(found)
        given = _optional(order, "deliver_to_attributes")
        if not given and before is None:
            raise missing("Deliver to")
        return _address(given, before)

    # --- customers ------------------------------------------------------------------------------------

    def create_customer(self, body: Body, fault: Fault | None) -> WarehouseCustomer:
        given = _object(body, "customer")
        email = str(given.get("email") or "")
        if not email:
            raise missing("Email")
        if "@" not in email:
            raise invalid("Email is invalid")
        billing = _address(_optional(given, "billing_address_attributes"), None)
        billing.phone = billing.phone or str(given.get("phone") or "")
        if fault is not None and fault.kind == "stores_nothing":
            return WarehouseCustomer(0, email, billing, self.world.now)
        with self._mood(fault):
            made = rules.find_or_make_customer(self.world, self.warehouse, email, billing)
        if given.get("mobile"):
            self.shapes.mobiles[made.id] = str(given["mobile"])
        if given.get("notes"):
            self.shapes.customer_notes[made.id] = str(given["notes"])
        return made

    # --- allocations and shipments ----------------------------------------------------------------------

    def allocate(self, order: WarehouseOrder, body: Body, fault: Fault | None) -> Allocation:
        facility, lines = _allocation(body)
        if fault is not None and fault.kind == "partial_success":
            lines = (
                lines[:-1]
                or [(sellable, quantity - 1) for sellable, quantity in lines if quantity > 1]
                or lines
            )
        with self._mood(fault):
            return rules.allocate(self.world, self.warehouse, order.id, facility, lines)

    def update_allocation(
        self, order: WarehouseOrder, allocation_id: int, body: Body, fault: Fault | None
    ) -> Allocation:
        """Other units, or another warehouse: the old allocation goes and a new one comes."""
        facility, lines = _allocation(body)
        with self._mood(None):
            before = rules.get_allocation(order, allocation_id)
            free = rules.unallocated_units(order)
            for _, sellable, quantity in before.lines:
                free[sellable] = free.get(sellable, 0) + quantity
            if facility not in self.warehouse.facilities or any(
                s not in self.warehouse.sellables for s, _ in lines
            ):
                raise unknown()
            if any(quantity > free.get(sellable, 0) for sellable, quantity in lines):
                raise invalid("Quantity is more than is left to allocate")
            if fault is not None and fault.kind == "stores_nothing":
                return before
            rules.deallocate(self.world, self.warehouse, order.id, allocation_id)
            self.reallocated[order.id] = self.world.now
            return rules.allocate(self.world, self.warehouse, order.id, facility, lines)

    def clear_allocations(self, order: WarehouseOrder, allocation_id: int, fault: Fault | None) -> None:
        """Whatever allocation is named, every one that has not left goes: so the documents say."""
        with self._mood(None):
            rules.get_allocation(order, allocation_id)
            if fault is not None and fault.kind == "stores_nothing":
                return
            for each in [a for a in order.allocations if a.parcel is None]:
                rules.deallocate(self.world, self.warehouse, order.id, each.id)
            self.reallocated[order.id] = self.world.now

    def ship(self, body: Body, fault: Fault | None) -> Parcel:
        given = _object(body, "shipment")
        order = self.warehouse.orders.get(_id({**given, **body}, "order_id", "Order"))
        if order is None:
            raise unknown()
        carrier = _id(given, "carrier_id", "Carrier")
        number = str(_optional(given, "tracking_number_attributes").get("tracking_number") or "")
        with self._mood(fault):
            return rules.ship_allocation(
                self.world,
                self.warehouse,
                order.id,
                _id({**given, **body}, "allocation_id", "Allocation"),
                carrier_id=carrier,
                tracking_number=number,
                service=str(given.get("service_name") or ""),
            )

    def unship(self, parcel_id: int, fault: Fault | None) -> None:
        found = rules.find_parcel(self.warehouse, parcel_id)
        if found is None:
            raise unknown()
        if fault is not None and fault.kind == "stores_nothing":
            return
        order, allocation = found
        with self._mood(fault):
            rules.undo_shipment(self.world, self.warehouse, order.id, allocation.id)

    # --- stock ----------------------------------------------------------------------------------------

    def set_stock(self, sellable_id: int, facility_id: int, body: Body, fault: Fault | None) -> StockEntry:
        """Set what physically lies there: not what is available, not a difference."""
        given = _object(body, "stock_entry")
        with self._mood(None):
            before = rules.get_entry(self.warehouse, sellable_id, facility_id)
        if given.get("physical_stock_level") is None and "infinite" not in given:
            raise missing("Physical stock level")
        physical = before.physical
        if given.get("physical_stock_level") is not None:
            physical = _whole(given["physical_stock_level"], "Physical stock level")
        if physical < 0:
            raise invalid("Physical stock level must be greater than or equal to 0")
        if fault is not None and fault.kind == "stores_nothing":
            return replace(before, physical=physical)
        if given.get("infinite") is True:
            self.shapes.infinite.add((sellable_id, facility_id))
        elif given.get("infinite") is False:
            self.shapes.infinite.discard((sellable_id, facility_id))
        place = given.get("location")
        with self._mood(fault):
            return rules.count_stock(
                self.world,
                self.warehouse,
                sellable_id,
                facility_id,
                physical,
                why="edited",
                bin_name=None if place is None else str(place),
            )


# --- reading bodies -----------------------------------------------------------------------------------


def _object(body: Body, name: str) -> Body:
    """The one object a body must hold."""
    found = body.get(name)
    if found is None or found == {}:
        raise Refusal(400, {"error_messages": f"param is missing or the value is empty: {name}"})
    if not isinstance(found, dict):
        raise bad()
    return found


def _optional(body: Body, name: str) -> Body:
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise bad()
    return found


def _list(body: Body, name: str) -> list[Body]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or any(not isinstance(each, dict) for each in found):
        raise bad()
    return found


def _lines(body: Body) -> list[Body]:
    return _list(body, "line_items_attributes")


def _id(body: Body, name: str, title: str) -> int:
    found = body.get(name)
    if found is None or found == "":
        raise missing(title)
    if isinstance(found, bool) or not re.fullmatch(r"\d{1,18}", str(found)):
        raise unknown()  # no record has such an id
    return int(found)


def _whole(found: Any, title: str) -> int:
    if isinstance(found, bool) or not re.fullmatch(r"-?\d{1,9}(\.0+)?", str(found)):
        raise invalid(f"{title} is not a number")
    return int(Decimal(str(found)))


def _quantity(line: Body) -> int:
    if line.get("quantity") is None:
        raise missing("Line items quantity")
    quantity = _whole(line["quantity"], "Line items quantity")
    if quantity <= 0:
        raise invalid("Line items quantity must be greater than 0")
    return quantity


def _money(body: Body, name: str) -> Decimal:
    """A price, which callers send as text and Veeqo answers as a number; 0 when not given."""
    found = body.get(name)
    if found is None or found == "":
        return Decimal(0)
    if isinstance(found, bool | dict | list):
        raise bad()
    try:
        amount = Decimal(str(found))
    except InvalidOperation:
        raise invalid(f"{name.replace('_', ' ').capitalize()} is not a number") from None
    if not amount.is_finite() or amount < 0:
        raise invalid(f"{name.replace('_', ' ').capitalize()} must be greater than or equal to 0")
    return amount


def _new_line(line: Body) -> NewWarehouseLine:
    sellable = _id(line, "sellable_id", "Line items sellable")
    if line.get("price_per_unit") is None:
        raise missing("Line items price per unit")
    return NewWarehouseLine(
        sellable,
        _quantity(line),
        _money(line, "price_per_unit"),
        _money(line, "tax_rate"),
        str(line.get("remote_id") or ""),
    )


def _payment(order: Body) -> tuple[str | None, str]:
    """(type, reference), the type None when no payment is described: such an order awaits payment."""
    given = _optional(order, "payment_attributes")
    if not given:
        return None, ""
    kind = given.get("payment_type")
    if not kind:
        raise missing("Payment type")
    if kind not in PAYMENT_TYPES:
        raise invalid("Payment type is not included in the list")
    return str(kind), str(given.get("reference_number") or "")


def _due(text: Any) -> str:
    """``dd/mm/yyyy`` in, an ISO day out; what is no day is dropped without a word."""
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", str(text or "").strip())
    if match is None:
        return ""
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:
        return ""


def _address(given: Body, before: Address | None) -> Address:
    address = replace(before) if before is not None else Address("", "", "", "", "", "")
    for theirs, ours in ADDRESS_FIELDS.items():
        if theirs in given:
            setattr(address, ours, str(given[theirs] or ""))
    if address.country_code and not re.fullmatch(r"[A-Za-z]{2}", address.country_code):
        raise invalid("Country is invalid")
    return address


def _allocation(body: Body) -> tuple[int, list[tuple[int, int]]]:
    """(warehouse, [(sellable, units)]); the documents wrap it when made, and not when changed."""
    given = body if "allocation" not in body else _object(body, "allocation")
    facility = _id(given, "warehouse_id", "Warehouse")
    lines = [(_id(each, "sellable_id", "Sellable"), _quantity(each)) for each in _lines(given)]
    if not lines:
        raise missing("Line items")
    return facility, lines
