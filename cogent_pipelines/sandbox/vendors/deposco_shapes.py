"""Deposco's JSON: the world's records in the key names and nesting of the vendor's documents.

Belongs here: turning a record of ``world/model.py`` into the object Deposco would answer with.
Does not belong here: routes, filters and errors (``deposco``), or writes (``deposco_writes``).

INFERRED: which status an order has before and between the acts the documents name (New until something is
allocated, Back Ordered while a part is not, its wave built half an hour and released ten minutes before somebody
picks); that an allocated figure stays when its goods have shipped; ``availableToPromise`` as what is not allocated
less what open orders still need; the JSON the older API makes of its XML (a list where there are several, an object
where there is one). An account has one business unit. Everything is packed singly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.world import warehouse as rules

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.model import (
        Allocation,
        Facility,
        Movement,
        Parcel,
        Sellable,
        Warehouse,
        WarehouseLine,
        WarehouseOrder,
        WarehouseReturn,
    )
    from cogent_pipelines.sandbox.world.world import World

Json = dict[str, Any]

UNIT = "ACME"
"""The account's one business unit, and its company code in the older API's paths."""
NESTED = 10
"""Nested collections hold no more rows, and do not say so."""
BUILT, RELEASED = timedelta(minutes=30), timedelta(minutes=10)
"""How long before somebody picks an order its wave is built, and released."""


def stamp(moment: datetime | None) -> str | None:
    """An instant as Deposco writes it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def number(amount: Decimal) -> float:
    """Money leaves as a JSON number."""
    return float(amount)


def nested(rows: Sequence[Json]) -> Json:
    """A nested collection: of a long one an arbitrary ten."""
    shown = (
        sorted(range(len(rows)), key=lambda n: (n * 7 + 3) % 11)[:NESTED]
        if len(rows) > NESTED
        else range(len(rows))
    )
    return {"data": [rows[n] for n in sorted(shown)]}


@dataclass(slots=True)
class Extra:
    """What a caller sent that the world's order has no place for and the answer repeats."""

    ship_via: str = ""
    import_reference: str = ""
    placed: str | None = None
    planned: str | None = None
    facility_id: int | None = None
    is_draft: bool = False
    customer_order: str = ""


@dataclass(slots=True)
class CustomerOrder:
    """An order of the order management layer."""

    id: int
    external: str
    body: Json
    created_at: datetime
    lines: list[Json]
    sales_order_id: int | None = None


@dataclass(slots=True)
class Shapes:
    """Everything Deposco answers about one account, and the few things only its edge knows."""

    world: World
    warehouse: Warehouse
    base: str = ""
    extras: dict[int, Extra] = field(default_factory=dict)
    customer_orders: dict[int, CustomerOrder] = field(default_factory=dict)
    waves: dict[tuple[int, str], datetime] = field(default_factory=dict)
    """(allocation, Wave Built or Released) -> when its order was first seen so. A wave is not unbuilt."""

    def extra_of(self, order: WarehouseOrder) -> Extra:
        return self.extras.get(order.id) or Extra()

    def own(self, path: str, key: int) -> Json:
        """A record's own id and address."""
        return {"id": key, "href": f"{self.base}{path}/{key}"}

    def facility_of(self, order: WarehouseOrder) -> Facility | None:
        """Where an order ships from."""
        key = next((a.facility_id for a in order.allocations), self.extra_of(order).facility_id)
        return None if key is None else self.warehouse.facilities.get(key)

    def facility_reference(self, found: Facility | None) -> Json | None:
        return found and {"id": found.id, "businessKey": {"number": found.code}}  # type: ignore[return-value]

    def item_reference(self, sellable_id: int) -> Json:
        return {
            "id": sellable_id,
            "businessKey": {"number": self.warehouse.sellables[sellable_id].sku, "businessUnit.code": UNIT},
        }

    def pack_reference(self, sellable_id: int) -> Json:
        sku = self.warehouse.sellables[sellable_id].sku
        return {
            "id": sellable_id,
            "businessKey": {"item.number": sku, "quantity": 1, "item.businessUnit.code": UNIT},
        }

    # --- orders ---------------------------------------------------------------------------------------

    def wave(self, allocation: Allocation) -> str:
        """What has become of the wave an allocation is in."""
        at = None if self.world.people is None else self.world.people.pickers.pick_at.get(allocation.id)
        for name, before in (("Released", RELEASED), ("Wave Built", BUILT)):
            if at is not None and at - before <= self.world.now:
                self.waves.setdefault((allocation.id, name), max(at - before, allocation.created_at))
            if (allocation.id, name) in self.waves:
                return name
        return ""

    def changed_at(self, order: WarehouseOrder) -> datetime:
        """When an order last changed; its wave's progress is a change of it."""
        waiting = [a for a in order.allocations if a.parcel is None and a.picking_since is None]
        seen = [self.waves[a.id, name] for a in waiting if (name := self.wave(a))]
        return max([order.updated_at, *seen])

    def status(self, order: WarehouseOrder) -> str:
        if order.cancelled_at is not None or order.merged_to_id is not None:
            return "Canceled"
        if order.shipped_at is not None or order.is_refunded:
            return "Ship Complete"
        if any(a.parcel is not None for a in order.allocations):
            return "Partially Shipped"
        if any(a.picking_since is not None for a in order.allocations):
            return "Picking"
        if order.is_on_hold or not order.is_paid:
            return "Hold"
        if self.extra_of(order).is_draft:
            return "Draft"
        if not order.allocations:
            return "New"
        waves = {self.wave(a) for a in order.allocations}
        if "Released" in waves:
            return "Released" if waves == {"Released"} and rules.is_allocated(order) else "Partially Released"
        if rules.unallocated_units(order):
            return "Back Ordered"
        return "Wave Built" if "Wave Built" in waves else "Ready for Fulfillment"

    def order(self, order: WarehouseOrder) -> Json:
        extra, address = self.extra_of(order), order.address
        method = self.warehouse.delivery_methods.get(order.delivery_method_id or 0)
        goods = sum((line.unit_price * line.quantity for line in order.lines), Decimal(0))
        tax = sum((line.unit_price * line.quantity * line.tax_rate for line in order.lines), Decimal(0))
        return {
            "self": self.own("/latest/orders/salesOrders", order.id),
            "businessUnit": {"businessKey": {"code": UNIT}},
            "number": f"SO-{order.id}" if extra.customer_order else order.number,
            "orderStatus": self.status(order),
            "type": "Sales Order",
            "orderSource": None,
            "customerOrderNumber": extra.customer_order or None,
            "relatedOrderNumber": None,
            "importReference": extra.import_reference or None,
            "otherReferenceNumber": None,
            "placedDate": extra.placed or stamp(order.created_at),
            "plannedShipDate": extra.planned,
            "cancelByShipDate": None,
            "actualShipDate": stamp(order.shipped_at),
            "orderSubtotal": number(goods),
            "orderShippingTotal": number(order.delivery_price),
            "orderTaxTotal": number(tax),
            "orderTotal": number(goods + tax + order.delivery_price - order.discount),
            "shipVia": extra.ship_via or (method.name if method else None),
            "shipVendor": None,
            "shipMethod": None,
            "shipToContact": {
                "firstName": address.first_name,
                "lastName": address.last_name,
                "phone": address.phone or None,
                "email": order.email or None,
            },
            "shipToAddress": {
                "line1": address.line1,
                "line2": address.line2 or None,
                "line3": address.company or None,
                "line4": None,
                "city": address.city,
                "stateProvince": address.region or None,
                "postalCode": address.postcode,
                "country": address.country_code,
            },
            "shipFromFacility": self.facility_reference(self.facility_of(order)),
            "orderLines": nested(self.lines(order)),
            "createdDate": stamp(order.created_at),
            "updatedDate": stamp(self.changed_at(order)),
        }

    def lines(self, order: WarehouseOrder) -> list[Json]:
        """Every line. What an order has allocated and shipped of an item fills its lines in turn."""
        allocated, shipped = rules.allocated_units(order), rules.shipped_units(order)
        return [self._line(order, n, line, allocated, shipped) for n, line in enumerate(order.lines, 1)]

    def _line(
        self,
        order: WarehouseOrder,
        place: int,
        line: WarehouseLine,
        allocated: dict[int, int],
        shipped: dict[int, int],
    ) -> Json:
        def share(units: dict[int, int]) -> int:
            taken = min(line.quantity, units.get(line.sellable_id, 0))
            units[line.sellable_id] = units.get(line.sellable_id, 0) - taken
            return taken

        own, gone = share(allocated), share(shipped)
        is_cancelled = order.cancelled_at is not None or order.merged_to_id is not None
        return {
            "self": self.own(f"/latest/orders/salesOrders/{order.id}/orderLines", line.id),
            "lineNumber": str(place),
            "customerLineNumber": line.remote_id or None,
            "item": self.item_reference(line.sellable_id),
            "pack": self.pack_reference(line.sellable_id),
            "orderPackQuantity": line.quantity,
            "canceledPackQuantity": line.quantity - gone if is_cancelled else 0,
            "allocatedQuantity": own,
            "pickedPackQuantity": max(line.picked_quantity, gone),
            "shippedPackQuantity": gone,
            "returnedPackQuantity": 0,
            "shortagePackQuantity": line.quantity - gone if order.closed_short and not is_cancelled else 0,
            "isBackOrdered": bool(order.allocations) and own < line.quantity,
            "unitPrice": number(line.unit_price),
            "lineTotal": number(line.unit_price * line.quantity),
            "orderLineStatus": self.status(order),
        }

    def customer_order(self, record: CustomerOrder) -> Json:
        """As the list has it; a detail wraps it once more."""
        order = self.warehouse.orders.get(record.sales_order_id or 0)
        state = "Review" if record.sales_order_id is None else "In Fulfillment"
        if order is not None:
            state = {"Canceled": "Canceled", "Ship Complete": "Complete"}.get(self.status(order), state)
        return {
            "self": self.own("/latest/orders/customerOrders", record.id),
            "externalOrderNumber": record.external,
            "status": state,
            "placedDate": record.body.get("placedDate"),
            "shipVia": record.body.get("shipVia"),
            "shipToContact": record.body.get("shipToContact"),
            "fulfillmentOrders": [] if order is None else [{"id": order.id}],
            "coLines": nested(record.lines),
            "createdDate": stamp(record.created_at),
            "updatedDate": stamp(record.created_at if order is None else self.changed_at(order)),
        }

    # --- parcels and returns --------------------------------------------------------------------------

    def shipment(self, order: WarehouseOrder, allocation: Allocation, parcel: Parcel) -> Json:
        return {
            "self": self.own("/latest/shipments/outboundShipments", parcel.id),
            "businessUnit": {"businessKey": {"code": UNIT}},
            "number": f"SHP-{parcel.id}",
            "status": "Shipped",
            "trackingNumber": parcel.tracking_number or None,
            "trackingUrl": parcel.tracking_url or None,
            "shipVendor": parcel.carrier_name,
            "shipVia": parcel.service_name or None,
            "shipmentDates": {"actualShipDate": stamp(parcel.created_at)},
            "shippingCosts": {"shippingCost": number(order.delivery_price)},
            "totalWeight": {"value": round((parcel.weight_grams or 0) / 453.59237, 3), "units": "lb"},
            "orderHeaders": {"data": [{"businessKey": {"number": self.order_number(order)}}]},
            "shipmentLines": nested(self.shipment_lines(allocation)),
            "shippedContainers": {
                "data": [
                    {
                        "number": f"C{parcel.id}",
                        "lpnNumber": f"LPN{parcel.id}",
                        "trackingNumber": parcel.tracking_number or None,
                        "ssccLpnNumber": None,
                    }
                ]
            },
            "createdDate": stamp(parcel.created_at),
            "updatedDate": stamp(parcel.numbered_at or parcel.created_at),
        }

    def order_number(self, order: WarehouseOrder) -> str:
        return f"SO-{order.id}" if self.extra_of(order).customer_order else order.number

    def shipment_lines(self, allocation: Allocation) -> list[Json]:
        return [
            {
                "number": str(place),
                "item": self.item_reference(sellable_id),
                "pack": self.pack_reference(sellable_id),
                "orderPackQuantity": quantity,
                "shippedPackQuantity": quantity,
            }
            for place, (_, sellable_id, quantity) in enumerate(allocation.lines, 1)
        ]

    def customer_return(self, order: WarehouseOrder, record: WarehouseReturn) -> Json:
        return {
            "self": self.own("/latest/orders/customerReturns", record.id),
            "businessUnit": {"businessKey": {"code": UNIT}},
            "number": f"RMA-{record.id}",
            "orderStatus": "Received" if record.status == "returned" else "New",
            "shipToFacility": self.facility_reference(self.warehouse.facilities.get(record.facility_id)),
            "parentOrder": {"id": order.id, "businessKey": {"number": self.order_number(order)}},
            "orderLines": nested(self.return_lines(record)),
            "createdDate": stamp(record.created_at),
            "updatedDate": stamp(order.updated_at),
        }

    def return_lines(self, record: WarehouseReturn) -> list[Json]:
        return [
            {
                "self": {"id": key},
                "lineNumber": str(place),
                "item": self.item_reference(sellable_id),
                "pack": self.pack_reference(sellable_id),
                "orderPackQuantity": quantity,
                "receivedPackQuantity": received,
            }
            for place, (key, sellable_id, quantity, received) in enumerate(record.lines, 1)
        ]

    def receipt(self, order: WarehouseOrder, place: int, row: tuple[int, int, int, int]) -> Json:
        key, sellable_id, _, received = row
        return {
            "self": self.own("/latest/receipts", key),
            "number": f"RC-{key}",
            "status": "Received",
            "receivedItem": self.item_reference(sellable_id),
            "receivedPackQuantity": received,
            "orderLine": {"id": key, "businessKey": {"lineNumber": str(place)}},
            "damaged": False,
            "receivedDamagedPackQuantity": 0,
            "updatedDate": stamp(order.updated_at),
        }

    # --- items and stock ------------------------------------------------------------------------------

    def item(self, record: Sellable) -> Json:
        weight = {"weight": round((record.weight_grams or 0) / 453.59237, 4), "units": "lb"}
        return {
            "self": self.own("/latest/items", record.id),
            "businessUnit": {"businessKey": {"code": UNIT}},
            "number": record.sku,
            "name": record.title,
            "packs": [{"type": "Each", "quantity": 1, "weight": weight}],
            "upcs": {"data": [{"value": record.barcode}] if record.barcode else []},
            "createdDate": stamp(record.created_at),
            "updatedDate": stamp(record.updated_at),
        }

    def facility(self, record: Facility) -> Json:
        return {"self": self.own("/latest/facilities", record.id), "number": record.code, "name": record.name}

    def adjustment(self, key: int, record: Movement) -> Json:
        """A change of stock other than by receiving or shipping."""
        return {
            "self": self.own("/latest/inventory/inventoryAdjustments", key),
            "item": self.item_reference(record.sellable_id),
            "pack": self.pack_reference(record.sellable_id),
            "facility": self.facility_reference(self.warehouse.facilities.get(record.facility_id)),
            "quantity": record.quantity,
            "actionType": "Adjustment",
            "inventoryStatus": "Available",
            "reasonCode": {"counted": "CC", "written_off": "DMG"}.get(record.why, "ADJ"),
            "createdDate": stamp(record.at),
        }

    def levels(self) -> list[Json]:
        """The older API's snapshot."""
        needed: dict[tuple[int, int], int] = {}
        for order in self.warehouse.orders.values():
            home = self.facility_of(order)
            if home is not None and rules.is_open(order):
                for sellable_id, units in rules.unallocated_units(order).items():
                    needed[sellable_id, home.id] = needed.get((sellable_id, home.id), 0) + units
        rows = []
        for record in self.warehouse.sellables.values():
            if record.deleted_at is not None:
                continue
            places = []
            for home in self.warehouse.facilities.values():
                entry = self.warehouse.stock.get((record.id, home.id))
                if entry is not None:
                    free = entry.physical - entry.allocated
                    figures = {
                        "total": entry.physical,
                        "availableToPromise": free - needed.get((record.id, home.id), 0),
                        "unallocated": free,
                        "allocated": entry.allocated,
                    }
                    places.append({"facility": home.code, "inventory": figures})
            rows.append(
                {
                    "itemNumber": record.sku,
                    "facilityInventory": places[0] if len(places) == 1 else places or {"@nil": "true"},
                }
            )
        return rows
