"""Seko's writes: what a body must hold, in which words a wrong one is refused, and who is asked.

Belongs here: reading and checking bodies, and handing what they want to ``world/warehouse``.
Does not belong here: routes (``seko``), codes and statuses (``seko_shapes``), warehouse rules.

INFERRED, because no document says it: the words for a number that is taken, for a product on two lines, for an
unknown order and for a courier service that is not mapped; what weight, barcode and origin are called in a
product master; that a cancellation is carried out at once, without a moment of ``To Cancel``.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors.seko_shapes import SERVICES, guid
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import Address
from cogent_pipelines.sandbox.world.warehouse import NewWarehouseLine
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogent_pipelines.sandbox.kit import Fault
    from cogent_pipelines.sandbox.vendors.seko_shapes import Json, Names
    from cogent_pipelines.sandbox.world.model import Facility
    from cogent_pipelines.sandbox.world.world import World

REQUIRED = ("FirstName", "Line1", "City", "PostcodeZip", "CountryCode")
REASONS = frozenset({"001", "002", "003", "004", "005", "006"})
IN_A_WAVE = "Error. Dispatch assigned to a pick wave cannot be cancelled"


class Refusal(Exception):
    """A failure in the envelope."""

    def __init__(self, words: str, code: int = 200) -> None:
        super().__init__(words)
        self.words = words
        self.code = code


def _part(body: Json, name: str) -> Json:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _money(value: Any) -> Decimal:
    try:
        return Decimal(str(value if value not in (None, "") else 0))
    except InvalidOperation:
        raise Refusal(f"The value '{value}' is not valid.") from None


class Writes:
    """What callers may change in one account."""

    def __init__(self, system: str, world: World, names: Names) -> None:
        self.world = world
        self.warehouse = world.warehouses[system]
        self.names = names

    @contextmanager
    def _mood(self, fault: Fault | None, about: str) -> Iterator[None]:
        """Let the warehouse play the fault this call meets, and word its refusals."""
        self.world.mood = fault.kind if fault else ""
        try:
            yield
        except Refused as error:
            raise Refusal(
                f"{about}Error. {error.message}.", 500 if error.code == "broken" else 200
            ) from error
        finally:
            self.world.mood = ""

    # --- orders ---------------------------------------------------------------------------------------

    def submit_order(self, body: Json, fault: Fault | None) -> str:
        """Load an order, whole or not at all; gives its GUID."""
        head, where = _part(body, "WebSalesOrder"), _part(body, "DeliveryDetails")
        number = str(head.get("SalesOrderNumber") or "")
        given = _part(body, "List").get("SalesOrderLineItem")
        lines = given if isinstance(given, list) else [given] if isinstance(given, dict) else []
        lacking = [f"The {name} field is required." for name in REQUIRED if not where.get(name)]
        lacking += [] if number else ["The SalesOrderNumber field is required."]
        lacking += [] if lines else ["The SalesOrderLineItem field is required."]
        if lacking:
            raise Refusal("; ".join(lacking))
        facility = self.names.facility(str(_part(body, "SalesOrderHeader").get("DCCode") or ""))
        if facility is None:
            raise Refusal("Error. Invalid Mapping - DC")
        service = SERVICES.get(str(head.get("CourierService") or ""))
        method = next((i for i, m in self.warehouse.delivery_methods.items() if m.name == service), None)
        if method is None:
            raise Refusal("Error. Invalid Mapping - CourierService")
        about = f"Error Submitting SalesOrder: {number} - "
        own = str(head.get("GUID") or guid("load", number)).lower()
        if self.names.order(number=number) or self.names.order(guid=own):
            raise Refusal(f"{about}Error. SalesOrder already exists.")
        made = self._lines(lines, facility, about)
        with self._mood(fault, about):
            order = rules.create_order(
                self.world,
                self.warehouse,
                number=str(head.get("SalesOrderReference") or number),
                channel_id=next(iter(self.warehouse.channels)),
                email=str(where.get("EmailAddress") or ""),
                address=_address(where),
                lines=made,
                delivery_method_id=method,
                currency=str(head.get("CurrencyCode") or "GBP"),
                delivery_price=_money(head.get("ShippingTotal")),
                discount=_money(head.get("DiscountPriceTotal")),
                due_on=str(head.get("ScheduledShipDate") or ""),
                customer_note=str(head.get("Notes") or ""),
                notes=[f"SalesOrderNumber={number} GUID={own}"],
            )
        if order.id in self.warehouse.orders:
            with self._mood(None, about):
                rules.allocate(self.world, self.warehouse, order.id, facility.id)
        return own

    def _lines(self, lines: list[Json], facility: Facility, about: str) -> list[NewWarehouseLine]:
        """The first line that is wrong is the one that is told."""
        made: list[NewWarehouseLine] = []
        seen: set[str] = set()
        for line in lines:
            code = str(line.get("ProductCode") or "")
            sellable = self.names.sellable(code)
            if sellable is None:
                raise Refusal(f"{about}Error. Product {code} does not exist.")
            if code in seen:
                raise Refusal(f"{about}Error. Product {code} is on more than one line.")
            seen.add(code)
            quantity = int(_money(line.get("Quantity")))
            if quantity <= 0:
                raise Refusal(f"{about}Error. Quantity of {code} is not valid.")
            if self.names.free(sellable.id, facility.id, timedelta(0)) < quantity:
                raise Refusal(f"{about}Error. Product {code} has no free stock.")
            price, vat = _money(line.get("UnitPrice")), _money(line.get("VAT"))
            rate = (vat / price).quantize(Decimal("0.001")) if price else Decimal(0)
            made.append(NewWarehouseLine(sellable.id, quantity, price, rate))
        return made

    def cancel_order(self, number: str, reason: str, fault: Fault | None) -> None:
        """Cancel an order nobody has begun to pick."""
        order = self.names.order(number=number)
        if order is None:
            raise Refusal(f"Error. SalesOrder {number} does not exist.")
        if reason not in REASONS:
            raise Refusal("Error. Invalid Mapping - ReasonCode")
        if rules.is_picking(order) or any(a.parcel is not None for a in order.allocations):
            raise Refusal(IN_A_WAVE)
        with self._mood(fault, ""):
            rules.cancel_order(self.world, self.warehouse, order.id, reason=reason)

    # --- products -------------------------------------------------------------------------------------

    def submit_product(self, body: Json, fault: Fault | None, *, is_new: bool) -> None:
        """Make a product, or change the one of this code."""
        master = _part(body, "ProductMaster")
        code = str(master.get("ProductCode") or "")
        if not code or not master.get("ProductDescription"):
            lacking = [n for n in ("ProductCode", "ProductDescription") if not master.get(n)]
            raise Refusal("; ".join(f"The {name} field is required." for name in lacking))
        sellable = self.names.sellable(code)
        about = f"Error Submitting Product: {code} - "
        if is_new and sellable is not None:
            raise Refusal(f"{about}Error. Product already exists.")
        if not is_new and sellable is None:
            raise Refusal(f"{about}Error. Product {code} does not exist.")
        if fault is not None and fault.kind == "stores_nothing":
            return
        grams = int(_money(master.get("Weight")) * 1000)
        if sellable is None:
            sellable = rules.add_sellable(
                self.world,
                self.warehouse,
                sku=code,
                title=str(master["ProductDescription"]),
                price=Decimal(0),
            )
        sellable.title = str(master["ProductDescription"])
        sellable.barcode = str(master.get("EAN") or sellable.barcode)
        sellable.weight_grams = grams or sellable.weight_grams
        sellable.origin_country = str(master.get("CountryOfOrigin") or sellable.origin_country)
        rules.touch_item(self.world, self.warehouse, sellable)


def _address(where: Json) -> Address:
    def text(name: str) -> str:
        return str(where.get(name) or "")

    return Address(
        first_name=text("FirstName"),
        last_name=text("LastName"),
        line1=text("Line1"),
        line2=text("Line2"),
        company=text("Line3"),
        city=text("City"),
        region=text("County"),
        postcode=text("PostcodeZip"),
        country_code=text("CountryCode"),
        phone=text("PhoneNumber"),
    )
