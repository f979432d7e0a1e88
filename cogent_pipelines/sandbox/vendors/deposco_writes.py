"""Deposco's writes: what a body must hold, how a wrong one is refused, and who is asked.

Belongs here: reading and checking bodies, and handing what they want to ``world/warehouse``.
Does not belong here: routes and lists (``deposco``), JSON of records (``deposco_shapes``), warehouse rules.

Documented: made or changed by number, 201 and 200; which statuses allow a change or a cancellation; 404 for a
missing item; a status on creation only; sizes of names and e-mails; customer orders by 202, repeatable, with unknown
items. INFERRED: every other message, that a new order is allocated at once at the facility it names (the first one
where it names none), that a customer order's sales order appears with it and has a number of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.vendors.deposco_shapes import UNIT, CustomerOrder, Extra, Json, Shapes
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import Address, WarehouseOrder
from cogent_pipelines.sandbox.world.warehouse import NewWarehouseLine
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogent_pipelines.sandbox.kit import Fault

CHANGEABLE = ("Draft", "New", "Hold", "Ready for Fulfillment", "Wave Built", "Back Ordered")
MOVES = {
    "Draft": {"New", "Hold", "Canceled"},
    "New": {"Hold", "Canceled"},
    "Hold": {"New", "Canceled"},
    "Ready for Fulfillment": {"New", "Hold", "Canceled"},
    "Wave Built": {"New", "Hold", "Canceled"},
    "Back Ordered": {"New", "Hold", "Canceled"},
}
SHOWS_AFTER = timedelta(seconds=8)
"""How long a customer order takes to be there."""


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def of(error: Refused) -> Refusal:
    """A refusal of the warehouse's own rules."""
    return Refusal({"not_found": 404, "broken": 500}.get(error.code, 400), error.message)


@dataclass(slots=True)
class Writes:
    """What callers may change in one account."""

    shapes: Shapes

    @contextmanager
    def _mood(self, fault: Fault | None) -> Iterator[None]:
        """Let the warehouse play the fault this call meets, and word its refusals."""
        world = self.shapes.world
        world.mood = fault.kind if fault else ""
        try:
            yield
        except Refused as error:
            raise of(error) from error
        finally:
            world.mood = ""

    # --- sales orders ---------------------------------------------------------------------------------

    def store(self, body: Json, fault: Fault | None) -> tuple[WarehouseOrder, bool]:
        """Make an order, or change the one of its number: (order, whether it is new)."""
        for name in ("businessUnit", "number", "shipToContact", "shipToAddress", "orderLines"):
            if not body.get(name):
                raise Refusal(400, f"salesOrder.{name} must not be null")
        self._check_unit(body)
        _check_contact("salesOrder", body["shipToContact"])
        found = rules.find_orders(self.shapes.warehouse, str(body["number"]))
        live = [order for order in found if order.cancelled_at is None]
        lines = [self._line(row) for row in _rows(body, "orderLines")]
        if not lines:
            raise Refusal(400, "salesOrder.orderLines must not be empty")
        if live:
            self._change(live[-1], body, lines)
            return live[-1], False
        home = self._facility(body)
        return self._make(str(body["number"]), body, lines, home, fault), True

    def _make(
        self, name: str, body: Json, lines: list[NewWarehouseLine], home: int | None, fault: Fault | None
    ) -> WarehouseOrder:
        world, warehouse = self.shapes.world, self.shapes.warehouse
        via = str(body.get("shipVia") or "")
        method = next((m.id for m in warehouse.delivery_methods.values() if m.name == via), None)
        with self._mood(fault):
            order = rules.create_order(
                world,
                warehouse,
                number=name,
                channel_id=next(iter(warehouse.channels)),
                email=str(body["shipToContact"].get("email") or ""),
                address=_address(body),
                lines=lines,
                delivery_method_id=method,
            )
        state = str(body.get("orderStatus") or "New")
        extra = Extra(
            ship_via=via if method is None else "",
            import_reference=str(body.get("importReference") or ""),
            placed=body.get("placedDate"),
            planned=body.get("plannedShipDate"),
            facility_id=home,
            is_draft=state == "Draft",
        )
        for made in rules.find_orders(warehouse, name):
            if made.created_at == order.created_at:  # a fault may have stored it twice
                self.shapes.extras[made.id] = replace(extra)
        self.shapes.extras[order.id] = extra
        if order.id in warehouse.orders and state in ("Hold", "New"):
            if state == "Hold":
                rules.set_hold(world, warehouse, order.id, held=True)
            self._allocate(order)
        return order

    def _allocate(self, order: WarehouseOrder) -> None:
        """Set its goods aside; what refuses that leaves the order New."""
        world, warehouse = self.shapes.world, self.shapes.warehouse
        home = self.shapes.extra_of(order).facility_id or next(iter(warehouse.facilities))
        try:
            rules.allocate(world, warehouse, order.id, home)
        except Refused:
            return

    def _change(self, order: WarehouseOrder, body: Json, lines: list[NewWarehouseLine]) -> None:
        state = self.shapes.status(order)
        if "orderStatus" in body:
            raise Refusal(400, "Order status updates are not accepted for order at this API Endpoint")
        if state not in CHANGEABLE or self.shapes.extra_of(order).customer_order:
            allowed = ", ".join(CHANGEABLE)
            raise Refusal(
                400,
                f"Sales Order {order.number} cannot be updated while in the status of [{state}]. "
                f"Updates can be made when in the following statuses: {allowed}",
            )
        quantities: dict[int, int] = {}
        added: list[NewWarehouseLine] = []
        for row, line in zip(_rows(body, "orderLines"), lines, strict=True):
            place = int(row["lineNumber"]) if str(row["lineNumber"]).isdigit() else 0
            if 1 <= place <= len(order.lines):
                there = order.lines[place - 1]
                if line.quantity < there.quantity:
                    raise Refusal(
                        400, "Order quantity decreases must be made through the cancellations endpoint"
                    )
                quantities[there.id] = line.quantity
            else:
                added.append(line)
        with self._mood(None):
            rules.update_order(
                self.shapes.world,
                self.shapes.warehouse,
                order.id,
                address=_address(body),
                quantities=quantities,
                add=added,
            )
        extra = self.shapes.extras.setdefault(order.id, Extra())
        extra.ship_via = str(body.get("shipVia") or extra.ship_via)
        extra.import_reference = str(body.get("importReference") or extra.import_reference)

    def cancel(self, order: WarehouseOrder, body: Json, fault: Fault | None) -> None:
        """Cancel all of an order, or units of its lines."""
        state = self.shapes.status(order)
        if state not in CHANGEABLE:
            raise Refusal(
                400,
                f"Sales Order {order.number} cannot be canceled while in the status of [{state}]. "
                f"Cancellations can be made when in the following statuses: {', '.join(CHANGEABLE)}",
            )
        rows = body.get("orderLines") or []
        by_id = {line.id: line for line in order.lines}
        quantities = {line.id: line.quantity for line in order.lines}
        for row in rows:
            key = (row.get("orderLine") or {}).get("id")
            if key not in by_id:
                raise Refusal(404, f"Order Line with id = [{key}]")
            quantities[key] -= int(row.get("canceledPackQuantity") or 0)
        with self._mood(fault):
            if not rows or not any(units > 0 for units in quantities.values()):
                rules.cancel_order(self.shapes.world, self.shapes.warehouse, order.id)
            elif fault is None or fault.kind != "stores_nothing":
                rules.update_order(self.shapes.world, self.shapes.warehouse, order.id, quantities=quantities)

    def set_status(self, order: WarehouseOrder, body: Json) -> None:
        """Move an order by hand, as far as the moves go."""
        state, wanted = self.shapes.status(order), str(body.get("orderStatus") or "")
        if wanted not in MOVES.get(state, set()):
            raise Refusal(400, f"Order status cannot be changed from [{state}] to [{wanted}]")
        world, warehouse = self.shapes.world, self.shapes.warehouse
        with self._mood(None):
            if wanted == "Canceled":
                rules.cancel_order(world, warehouse, order.id)
                return
            rules.set_hold(world, warehouse, order.id, held=wanted == "Hold")
        if self.shapes.extra_of(order).is_draft:
            self.shapes.extra_of(order).is_draft = False
            self._allocate(order)

    # --- customer orders ------------------------------------------------------------------------------

    def accept(self, body: Json, fault: Fault | None) -> int:
        """Take a customer order in, to be seen to later. A repeat is another order."""
        given = body.get("customerOrder")
        if not isinstance(given, dict):
            raise Refusal(400, "customerOrder must not be null")
        for name in ("businessUnit", "tradingPartner", "externalOrderNumber", "shipToContact", "coLines"):
            if not given.get(name):
                raise Refusal(400, f"customerOrder.{name} must not be null")
        self._check_unit(given)
        _check_contact("customerOrder", given["shipToContact"])
        world = self.shapes.world
        key = world.new_id(f"{self.shapes.warehouse.system}/transaction", 700_001)
        kind = fault.kind if fault else ""
        if kind == "stores_truncated":
            contact = given["shipToContact"]
            given = {**given, "shipToContact": {**contact, "line1": str(contact.get("line1") or "")[:12]}}
        if kind != "stores_nothing":
            world.after(SHOWS_AFTER.total_seconds(), lambda: self._make_customer_order(given))
        return key

    def _make_customer_order(self, given: Json) -> None:
        world, warehouse = self.shapes.world, self.shapes.warehouse
        lines: list[Json] = []
        wanted: list[NewWarehouseLine] = []
        for row in _rows(given, "coLines"):
            sellable = warehouse.by_sku.get(str(row.get("itemNumber") or ""))
            known = None if sellable is None else warehouse.sellables[sellable].sku
            units = int(row.get("orderQuantity") or 0) * int(row.get("packQuantity") or 1)
            lines.append(
                {
                    "externalLineNumber": row.get("externalLineNumber"),
                    "itemNumber": known,
                    "orderQuantity": row.get("orderQuantity"),
                    "packQuantity": row.get("packQuantity"),
                    "unitPrice": row.get("unitPrice"),
                    "shippedQuantity": 0,
                }
            )
            if sellable is not None:
                wanted.append(
                    NewWarehouseLine(
                        sellable, units, _money(row), remote_id=str(row.get("externalLineNumber") or "")
                    )
                )
        record = CustomerOrder(
            id=world.new_id(f"{warehouse.system}/customer_order", 5_501),
            external=str(given["externalOrderNumber"]),
            body=given,
            created_at=world.now,
            lines=lines,
        )
        self.shapes.customer_orders[record.id] = record
        if len(wanted) == len(lines):
            flat = {**given, "shipToAddress": given["shipToContact"]}
            order = self._make(record.external, flat, wanted, None, None)
            self.shapes.extras[order.id].customer_order = record.external
            record.sales_order_id = order.id

    # --- parts of a body ------------------------------------------------------------------------------

    def _check_unit(self, body: Json) -> None:
        code = (body["businessUnit"].get("businessKey") or {}).get("code")
        if code != UNIT:
            raise Refusal(404, f"Business Unit with business key code = [{code}]")

    def _facility(self, body: Json) -> int | None:
        given = body.get("shipFromFacility")
        if not given:
            return None
        code = (given.get("businessKey") or {}).get("number")
        homes = (
            f.id for f in self.shapes.warehouse.facilities.values() if f.code == code and f.deleted_at is None
        )
        home = next(homes, None)
        if home is None:
            raise Refusal(404, f"Facility with business key number = [{code}]")
        return home

    def _line(self, row: Json) -> NewWarehouseLine:
        if not row.get("lineNumber"):
            raise Refusal(400, "salesOrder.orderLines.lineNumber must not be null")
        name = ((row.get("item") or {}).get("businessKey") or {}).get("number")
        warehouse = self.shapes.warehouse
        sellable = warehouse.by_sku.get(str(name))
        if sellable is None or warehouse.sellables[sellable].deleted_at is not None:
            raise Refusal(404, f"Item with business key number = [{name}]")
        size = ((row.get("pack") or {}).get("businessKey") or {}).get("quantity", 1)
        if size != 1:
            raise Refusal(404, f"Pack with business key item.number = [{name}], quantity = [{size}]")
        units = row.get("orderPackQuantity")
        if not isinstance(units, int | float) or units <= 0:
            raise Refusal(400, "salesOrder.orderLines.orderPackQuantity must be greater than 0")
        return NewWarehouseLine(
            sellable, int(units), _money(row), remote_id=str(row.get("customerLineNumber") or "")
        )


def _rows(body: Json, name: str) -> list[Json]:
    given = body.get(name)
    rows = given.get("data") if isinstance(given, dict) else None
    return [row for row in rows or () if isinstance(row, dict)]


def _money(row: Json) -> Decimal:
    try:
        return Decimal(str(row.get("unitPrice") or 0))
    except InvalidOperation:
        raise Refusal(400, "unitPrice must be a number") from None


def _check_contact(where: str, contact: Json) -> None:
    for name, most in (("firstName", 30), ("lastName", 30), ("email", 50)):
        if len(str(contact.get(name) or "")) > most:
            raise Refusal(400, f"{where}.shipToContact.{name} size must be between 0 and {most}")


def _address(body: Json) -> Address:
    contact, place = body["shipToContact"], body["shipToAddress"]
    return Address(
        first_name=str(contact.get("firstName") or ""),
        last_name=str(contact.get("lastName") or ""),
        line1=str(place.get("line1") or ""),
        city=str(place.get("city") or ""),
        postcode=str(place.get("postalCode") or ""),
        country_code=str(place.get("country") or ""),
        company=str(place.get("line3") or ""),
        line2=str(place.get("line2") or ""),
        region=str(place.get("stateProvince") or ""),
        phone=str(contact.get("phone") or ""),
    )
