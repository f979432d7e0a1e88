"""Seko's words for what is in a warehouse: codes, GUIDs, statuses, and the two hubs' ways of writing JSON.

Belongs here: names, the envelope, and what the older hub does to a value.
Does not belong here: routes (``seko``), writes (``seko_writes``), pushed messages (``seko_pushes``).

INFERRED, because no document says it: that a product code is a SKU's letters and digits; which GUID an order
has that somebody keyed in by hand; how DC codes are made of a site's name (they look like ``DCSOM01``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from cogent_pipelines.sandbox.world import warehouse as rules

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cogent_pipelines.sandbox.world.model import Facility, Sellable, Warehouse, WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

Json = dict[str, Any]
SPACE = UUID("0b0e9f5a-2f0c-4a57-8f59-6a3a8d2f7c11")
SERVICES = {"STD": "Standard", "NXD": "Next Day", "TRK48": "Tracked 48", "COL": "Collect"}
"""The courier services agreed at onboarding, by the warehouse's own name of the method."""
LOADED = re.compile(r"SalesOrderNumber=(\S+) GUID=(\S+)")


def guid(kind: str, key: object) -> str:
    """A GUID for a thing of the warehouse's own."""
    return str(uuid5(SPACE, f"{kind}/{key}"))


def guid_of(order: WarehouseOrder) -> str:
    """The GUID an order was loaded with; one that was not loaded here has one of the warehouse's."""
    said = next((m for _, _, text in order.notes if (m := LOADED.search(text))), None)
    return said[2] if said else guid("order", order.id)


def dc_code(facility: Facility) -> str:
    """A facility as Seko calls it."""
    return f"DC{facility.code[:3].upper()}01"


def product_code(sellable: Sellable) -> str:
    """An item as Seko calls it."""
    return re.sub(r"[^A-Za-z0-9]", "", sellable.sku)


def stamp(moment: datetime) -> str:
    """An instant as both hubs write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def status(order: WarehouseOrder) -> str:
    """The order's status in Seko's words."""
    if order.cancelled_at is not None:
        return "Cancelled"
    if order.shipped_at is not None:
        return "Dispatched"
    if any(a.parcel is not None for a in order.allocations):
        return "To Dispatch"
    return "Being Picked" if rules.is_picking(order) else "To Be Picked"


def envelope(words: str = "", **more: Any) -> Json:
    """What every answer begins with; words are an error's."""
    return {"CallStatus": {"Success": not words, "Code": 100 if words else 0, "Message": words}, **more}


def legacy(value: Any, name: str = "") -> Any:
    """A value as the older hub writes it: ``{}`` for nothing, one for a list of one, codes of digits as numbers."""
    if isinstance(value, dict):
        return {key: legacy(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return legacy(value[0]) if len(value) == 1 else [legacy(part) for part in value]
    if value in (None, ""):
        return {}
    if name in ("ProductCode", "EAN") and str(value).isdigit():
        return int(value)
    return value


class Names:
    """Which order has which number and GUID, and which item which code."""

    def __init__(self, world: World, warehouse: Warehouse) -> None:
        self.world, self.warehouse = world, warehouse
        self._names: dict[int, tuple[str, str]] = {}
        self.by_number: dict[str, int] = {}
        self.by_guid: dict[str, int] = {}

    def names(self, order: WarehouseOrder) -> tuple[str, str]:
        """(SalesOrderNumber, GUID), which its loading left in a note; of another order the number it has."""
        known = self._names.get(order.id)
        if known is None:
            said = next((m for _, _, text in order.notes if (m := LOADED.search(text))), None)
            known = (said[1] if said else order.number, guid_of(order))
            self._names[order.id] = known
            self.by_number.setdefault(known[0], order.id)
            self.by_guid.setdefault(known[1], order.id)
        return known

    def catch_up(self) -> None:
        """Meet the orders that came since the last look."""
        for key, order in self.warehouse.orders.items():
            if key not in self._names:
                self.names(order)

    def order(self, *, number: str = "", guid: str = "") -> WarehouseOrder | None:
        """The order of a number or of a GUID."""
        self.catch_up()
        key = self.by_number.get(number) if number else self.by_guid.get(guid.lower())
        return None if key is None else self.warehouse.orders.get(key)

    def sellable(self, code: str) -> Sellable | None:
        """The item of a product code."""
        for sellable in self.warehouse.sellables.values():
            if sellable.deleted_at is None and product_code(sellable) == code:
                return sellable
        return None

    def facility(self, code: str) -> Facility | None:
        """The facility of a DC code."""
        return next((f for f in self.warehouse.facilities.values() if dc_code(f) == code), None)

    def free(self, sellable_id: int, facility_id: int, lag: timedelta) -> int:
        """Free stock as a read shows it: orders loaded within ``lag`` have not reduced it yet."""
        entry = self.warehouse.stock.get((sellable_id, facility_id))
        if entry is None:
            return 0
        recent = self.world.now - lag
        late = sum(
            quantity
            for key in self.warehouse.order_log.since(recent)
            if isinstance(key, int) and (order := self.warehouse.orders.get(key)) is not None
            for allocation in order.allocations
            if allocation.facility_id == facility_id
            and allocation.parcel is None
            and allocation.created_at > recent
            for _, item, quantity in allocation.lines
            if item == sellable_id
        )
        return entry.physical - entry.allocated + late
