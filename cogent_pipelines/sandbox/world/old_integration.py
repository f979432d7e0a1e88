"""An older integration that may still run beside us, or did before us.

Belongs here: what it does with an order, a parcel and a level. It is plain and mostly right: it looks
before it sends, releases after capture, explodes bundles, fulfils per parcel, calls back what is cancelled;
its stock push forgets open orders.
Does not belong here: our own integration; that is outside and speaks HTTP.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.kit import chance
from cogent_pipelines.sandbox.world import bridge, catalogue, levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Parcel, Shop, ShopOrder, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.people import People

METHODS = {
    "Standard Delivery": 11,
    "Next Day Delivery": 12,
    "Royal Mail Tracked 48": 13,
    "Click and Collect": 14,
}
EVERY = 120.0  # seconds between its looks at the shop
TELLS_AFTER = 180.0  # seconds from despatch to the shop
PUSHES_EVERY = 1800.0


@dataclass(slots=True)
class OldIntegration:
    """``share`` of the orders are its own; it tells the shop of their parcels, and pushes stock."""

    people: People
    share: float = 0.0
    until: datetime | None = None
    pushes_stock: bool = False
    seen: tuple[datetime, int] | None = None
    round: int = 0  # each start begins its own rounds; those of an earlier start end

    def start(self, share: float, *, until: datetime | None = None, pushes_stock: bool = True) -> None:
        """Switch it on for a share of the orders, perhaps until an instant."""
        self.share, self.until, self.pushes_stock = share, until, pushes_stock
        self.round += 1
        number = self.round
        self.people.world.after(EVERY, lambda: self.go_round(number))
        if pushes_stock:
            self.people.world.after(PUSHES_EVERY, lambda: self.push(number))

    def stop(self) -> None:
        """Send what is still to be sent, and never look again."""
        self.look()
        self.share = 0.0

    def is_on(self) -> bool:
        return self.share > 0 and (self.until is None or self.people.world.now < self.until)

    def takes(self, name: str) -> bool:
        """Say whether an order is one of its own."""
        return self.share > 0 and chance(f"old/{self.people.world.settings.seed}/{name}") < self.share

    # --- orders -----------------------------------------------------------------------------------

    def go_round(self, number: int) -> None:
        """Look, now and again, as long as it is on."""
        if self.is_on() and number == self.round:
            self.look()
            self.people.world.after(EVERY, lambda: self.go_round(number))

    def look(self) -> None:
        """Send what was paid since it last looked. As a flow of a bridge that is switched off it does not look."""
        world = self.people.world
        if not bridge.may_run(world, bridge.ORDERS):
            return
        carried: list[tuple[str, str | None]] = []
        for shop in world.shops.values():
            for position, key in list(shop.order_log.positions(after=self.seen)):
                self.seen = position
                order = shop.orders[int(str(key))]
                if order.cancelled_at is not None and self.takes(order.name):
                    self.call_back(order)
                is_paid = shops.financial_status(shop, order) in ("paid", "partially_refunded")
                if is_paid and self.takes(order.name):
                    try:
                        carried += [(order.name, None)] if self.send(shop, order) else []
                    except Refused as refusal:  # it is old: what is refused it forgets
                        carried.append((order.name, refusal.message))
        if self.share > 0:
            bridge.ran(world, bridge.ORDERS, carried)

    def call_back(self, order: ShopOrder) -> None:
        """Cancel in the warehouse what the shop cancelled, as long as nobody picks it."""
        for warehouse, record in self.people.in_warehouses(order.name):
            with suppress(Refused):
                if not wms.is_picking(record):
                    wms.cancel_order(
                        self.people.world, warehouse, record.id, reason="customer", by="old_integration"
                    )

    def send(
        self, shop: Shop, order: ShopOrder, *, looks: bool = True, sent_by: str = "old_integration"
    ) -> list[WarehouseOrder]:
        """Put an order into the warehouse, one record per facility, and allocate it."""
        world = self.people.world
        made: list[WarehouseOrder] = []
        if order.cancelled_at is not None:
            return made
        if looks and any(wms.find_orders(warehouse, order.name) for warehouse in world.warehouses.values()):
            return made
        for fulfilment_order in order.fulfilment_orders:
            facility_id = catalogue.FACILITY_OF.get(fulfilment_order.location_id, 0)
            warehouse = catalogue.warehouse_of(world, facility_id)
            lines = self._lines(warehouse, order, fulfilment_order.id, shop) if warehouse else []
            if not lines or warehouse is None:
                continue
            sent = wms.create_order(
                world,
                warehouse,
                number=order.name,
                channel_id=next(iter(warehouse.channels)),
                email=order.email,
                address=order.address,
                lines=lines,
                delivery_method_id=METHODS.get(order.delivery_option, 11),
                currency=order.currency,
                delivery_price=order.delivery_price,
                payment_reference=str(order.id),
                sent_by=sent_by,
            )
            wms.allocate(world, warehouse, sent.id, facility_id)
            made.append(sent)
        return made

    def _lines(
        self, warehouse: Warehouse, order: ShopOrder, fulfilment_order_id: int, shop: Shop
    ) -> list[wms.NewWarehouseLine]:
        lines = []
        for part in shop.fulfilment_orders[fulfilment_order_id].lines:
            line = shops.get_line(order, part.line_id)
            exploded = self.people.explode(line.sku, part.remaining)
            pieces = sum(exploded.values())
            for sku, units in exploded.items():
                sellable_id = warehouse.by_sku.get(sku)
                if sellable_id is not None and units:
                    price = shops.line_amount(line, part.remaining) / pieces / (1 + line.tax_rate)
                    rounded = price.quantize(Decimal("0.0001"))
                    lines.append(
                        wms.NewWarehouseLine(sellable_id, units, rounded, line.tax_rate, str(line.id))
                    )
        return lines

    # --- parcels ----------------------------------------------------------------------------------

    def parcel_left(self, warehouse: Warehouse, order: WarehouseOrder, parcel: Parcel) -> None:
        """Tell the shop of a parcel of its own orders, a little later."""
        if self.is_on() and order.sent_by == "old_integration":
            self.people.world.after(TELLS_AFTER, lambda: self.tell(warehouse, order, parcel))

    def tell(
        self, warehouse: Warehouse, order: WarehouseOrder, parcel: Parcel, *, notify: bool = True
    ) -> None:
        """Fulfil in the shop what a parcel brings; a bundle counts when all its parts have left."""
        found = self.people.placed(order.order_name)
        if found is None:
            return
        shop, placed = found
        if any(parcel.tracking_number in f.numbers for f in placed.fulfilments if parcel.tracking_number):
            return
        carried: list[tuple[str, str | None]] = []
        for location_id, facility_id in catalogue.FACILITY_OF.items():
            if wms.get_allocation(order, parcel.allocation_id).facility_id != facility_id:
                continue
            groups = [
                (fulfilment_order.id, chosen)
                for fulfilment_order in placed.fulfilment_orders
                if fulfilment_order.location_id == location_id and fulfilment_order.status in shops.OPEN
                for chosen in [self._ready(warehouse, order, shop, placed, fulfilment_order.id)]
                if chosen
            ]
            if not groups:
                continue
            try:
                shops.fulfil(
                    self.people.world,
                    shop,
                    placed.id,
                    groups,
                    carrier=parcel.carrier_name,
                    numbers=[parcel.tracking_number] if parcel.tracking_number else [],
                    urls=[parcel.tracking_url] if parcel.tracking_url else [],
                    notify=notify,
                )
                carried.append((placed.name, None))
            except Refused as refusal:
                carried.append((placed.name, refusal.message))
        if carried:
            bridge.ran(self.people.world, bridge.SHIPMENTS, carried, trigger="Webhook")

    def _ready(
        self,
        warehouse: Warehouse,
        order: WarehouseOrder,
        shop: Shop,
        placed: ShopOrder,
        fulfilment_order_id: int,
    ) -> list[tuple[int, int]]:
        shipped = {warehouse.sellables[s].sku: units for s, units in wms.shipped_units(order).items()}
        fulfilment_order = shop.fulfilment_orders[fulfilment_order_id]
        for part in fulfilment_order.lines:  # what was told before has used its share
            line = shops.get_line(placed, part.line_id)
            for sku, units in self.people.explode(line.sku, part.total - part.remaining).items():
                shipped[sku] = shipped.get(sku, 0) - units
        ready = []
        for part in fulfilment_order.lines:
            line = shops.get_line(placed, part.line_id)
            each = self.people.explode(line.sku, 1)
            units = min([part.remaining, *(shipped.get(sku, 0) // need for sku, need in each.items())])
            if units > 0:
                ready.append((part.id, units))
                for sku, need in each.items():
                    shipped[sku] -= units * need
        return ready

    # --- stock ------------------------------------------------------------------------------------

    def push(self, number: int) -> None:
        """Set every level of the shop to what the warehouse has available: open orders are forgotten."""
        if not self.is_on() or number != self.round:
            return
        world = self.people.world
        if bridge.may_run(world, bridge.STOCK):
            self._push()
        world.after(PUSHES_EVERY, lambda: self.push(number))

    def _push(self) -> None:
        world = self.people.world
        for shop in world.shops.values():
            for (item, location_id), level in shop.levels.items():
                variant = shop.variants[shop.by_item[item]]
                facility_id = catalogue.FACILITY_OF.get(location_id, 0)
                warehouse = catalogue.warehouse_of(world, facility_id)
                sellable_id = warehouse.by_sku.get(variant.sku) if warehouse else None
                if warehouse is None or sellable_id is None or variant.sku in self.people.reserved_skus:
                    continue
                entry = warehouse.stock[(sellable_id, facility_id)]
                free = max(0, entry.physical - entry.allocated)
                if level.available != free and level.is_active:
                    level.available = free
                    levels.touch_level(world, shop, level)
        bridge.ran(world, bridge.STOCK, [("", None)])
