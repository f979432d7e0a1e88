"""The warehouse's people and the carriers: they pick, part-ship, count, receive; parcels are scanned later.

Belongs here: when work is done, in opening hours, and what sometimes goes another way.
Does not belong here: what the system does with it (``warehouse``), hours (``hours``), rates (``rates``).

They work only on what is allocated. A ``Plan`` lets the planter have one order handled otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world import hours
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Allocation, Parcel, Warehouse, WarehouseOrder

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.people import People

# delivery method -> (carrier, service)
SERVICES = {11: (1, "Standard"), 12: (4, "Next Day"), 13: (1, "Tracked 48"), 14: (4, "Collect")}
FAR = 1_000_000.0  # minutes: nobody picks yet
PLENTY = 40  # available units from which a count may differ


@dataclass(slots=True)
class Plan:
    """How one order is to be handled, other than as a matter of course."""

    picks: bool = True
    despatches: bool = True
    pick_minutes: float | None = None  # working minutes until somebody starts
    pack_minutes: float | None = None  # working minutes from start to despatch
    parts: int | None = None  # 1: whole; 2: the first unit or line alone, then the rest
    ships_rest: bool = True
    rest_minutes: float | None = None  # working minutes until the rest of a part-shipment is picked
    tracking: str | None = None  # the tracking number to write, "" for none
    carrier_id: int | None = None
    scans: bool = True
    surprises: bool = False  # cancelled picks, short closes: only for orders nobody planned


@dataclass(slots=True)
class _Pick:
    pickers: Pickers
    warehouse: Warehouse
    order: WarehouseOrder
    allocation: Allocation

    def __call__(self) -> None:
        self.pickers.begin(self.warehouse, self.order, self.allocation)


@dataclass(slots=True)
class _Pack:
    pickers: Pickers
    warehouse: Warehouse
    order: WarehouseOrder
    allocation: Allocation

    def __call__(self) -> None:
        self.pickers.finish(self.warehouse, self.order, self.allocation)


@dataclass(slots=True)
class _Scan:
    pickers: Pickers
    warehouse: Warehouse
    order: WarehouseOrder
    allocation: Allocation
    event: str

    def __call__(self) -> None:
        self.pickers.scan(self.warehouse, self.order, self.allocation, self.event)


@dataclass(slots=True)
class Pickers:
    """Everybody who handles goods."""

    people: People
    plans: dict[str, Plan] = field(default_factory=dict)  # by order number
    pick_at: dict[int, datetime] = field(default_factory=dict)  # by allocation
    parted: set[int] = field(default_factory=set)  # allocations that are the rest of a part-shipment
    surprised: set[str] = field(default_factory=set)  # order numbers that had their one surprise

    def plan(self, number: str) -> Plan:
        """Give the plan of an order."""
        return self.plans.get(number) or _AS_USUAL

    # --- from allocation to parcel ----------------------------------------------------------------

    def allocated(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> None:
        """Queue an allocation for picking."""
        plan, world, rates = self.plan(order.order_name), self.people.world, self.people.rates
        if not plan.picks:
            return
        rng = world.rng("queue", order.order_name, len(order.allocations))
        code = warehouse.facilities[allocation.facility_id].code
        minutes = rng.uniform(*rates.queue_minutes) if plan.pick_minutes is None else plan.pick_minutes
        at = hours.working_after(code, world.now, minutes)
        self.pick_at[allocation.id] = at
        world.schedule(at, _Pick(self, warehouse, order, allocation))

    def minutes_until_pick(self, warehouse: Warehouse, order: WarehouseOrder) -> float:
        """Say how soon somebody takes the order in hand; 0 when somebody has."""
        del warehouse
        soonest = FAR
        for allocation in order.allocations:
            if allocation.parcel is not None or allocation.picking_since is not None:
                return 0.0
            at = self.pick_at.get(allocation.id)
            if at is not None:
                soonest = min(soonest, (at - self.people.world.now).total_seconds() / 60)
        return soonest

    def _later(
        self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation, minutes: float
    ) -> None:
        world = self.people.world
        at = hours.working_after(warehouse.facilities[allocation.facility_id].code, world.now, minutes)
        self.pick_at[allocation.id] = at
        world.schedule(at, _Pick(self, warehouse, order, allocation))

    def begin(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> None:
        """Start to pick, unless the order was taken away; what must wait is looked at again."""
        if (
            allocation not in order.allocations
            or not wms.is_open(order)
            or not self.plan(order.order_name).picks
        ):
            return
        if order.id not in warehouse.orders or allocation.parcel is not None:
            return
        if order.is_on_hold or not order.is_paid or not wms.can_ship(warehouse, allocation):
            self._later(warehouse, order, allocation, 30)
            return
        world, rates, plan = self.people.world, self.people.rates, self.plan(order.order_name)
        wms.start_pick(world, warehouse, order.id, allocation.id)
        rng = world.rng("pack", order.order_name, len(order.allocations))
        minutes = rng.uniform(*rates.pick_minutes) + rng.uniform(*rates.pack_minutes)
        minutes = minutes if plan.pack_minutes is None else plan.pack_minutes
        at = hours.working_after(warehouse.facilities[allocation.facility_id].code, world.now, minutes)
        world.schedule(at, _Pack(self, warehouse, order, allocation))

    def finish(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> None:
        """Send the allocation off, whole or in part, unless something came between."""
        plan = self.plan(order.order_name)
        is_here = allocation in order.allocations and order.id in warehouse.orders and wms.is_open(order)
        if not is_here or allocation.parcel is not None or not plan.despatches:
            return
        if not wms.can_ship(warehouse, allocation):
            self._later(warehouse, order, allocation, 30)
            return
        world, rates = self.people.world, self.people.rates
        rng = world.rng("finish", order.order_name, len(order.allocations))
        if self._surprise(warehouse, order, allocation, rng):
            return
        units = sum(quantity for _, _, quantity in allocation.lines)
        wants_parts = rng.random() < rates.part_ships if plan.parts is None else plan.parts > 1
        if wants_parts and units > 1 and allocation.id not in self.parted:
            self._split(warehouse, order, allocation, rng)
        self.despatch(warehouse, order, allocation)

    def _split(
        self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation, rng: Random
    ) -> None:
        world, rates = self.people.world, self.people.rates
        _, sellable_id, quantity = allocation.lines[0]
        first = quantity if len(allocation.lines) > 1 else max(1, quantity // 2)
        rest = wms.split_allocation(world, warehouse, order.id, allocation.id, {sellable_id: first})
        if rest is not None:
            self.parted.add(rest.id)
            if self.plan(order.order_name).ships_rest:
                minutes = self.plan(order.order_name).rest_minutes or rng.uniform(*rates.rest_minutes)
                self._later(warehouse, order, rest, minutes)

    def despatch(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> Parcel:
        """Hand a parcel to its carrier."""
        world, rates, plan = self.people.world, self.people.rates, self.plan(order.order_name)
        carrier_id, service = SERVICES.get(order.delivery_method_id or 11, SERVICES[11])
        carrier_id = carrier_id if plan.carrier_id is None else plan.carrier_id
        number = plan.tracking
        if number is None:
            serial = world.new_id("tracking", 1)  # a carrier's number: two warehouses never give out the same
            number = f"15{serial:012d}" if carrier_id == 4 else f"RM{serial:09d}GB"
        weight = sum((warehouse.sellables[s].weight_grams or 0) * q for _, s, q in allocation.lines)
        parcel = wms.ship_allocation(
            world,
            warehouse,
            order.id,
            allocation.id,
            carrier_id=carrier_id,
            service=service,
            tracking_number=number,
            tracking_url=f"https://track.example.test/{number}" if number.strip() else "",
            weight_grams=weight,
        )
        if plan.scans:
            rng = world.rng("scan", order.order_name, allocation.id)
            first = rng.uniform(*rates.scan_hours) * 3600
            world.after(first, _Scan(self, warehouse, order, allocation, "in_transit"))
            if rng.random() >= rates.loses_parcel:
                arrives = first + rng.uniform(*rates.delivery_hours) * 3600
                world.after(arrives, _Scan(self, warehouse, order, allocation, "delivered"))
        self.people.parcel_left(warehouse, order, parcel)
        return parcel

    def scan(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation, event: str) -> None:
        """Pass a carrier's scan on to whoever follows that number."""
        if (
            order.id not in warehouse.orders
            or allocation.parcel is None
            or allocation not in order.allocations
        ):
            return
        world = self.people.world
        parcel = wms.scan_parcel(world, warehouse, order.id, allocation.id, event)
        for shop in world.shops.values():
            for placed in shops.find_orders(shop, order.order_name):
                for fulfilment in placed.fulfilments:
                    is_its = parcel.tracking_number and parcel.tracking_number in fulfilment.numbers
                    if is_its and fulfilment.status == "success":
                        shops.add_scan(world, shop, fulfilment.id, event)
        if event == "delivered":
            self.people.customers.parcel_delivered(order, parcel)

    # --- what sometimes goes another way ----------------------------------------------------------

    def _surprise(
        self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation, rng: Random
    ) -> bool:
        """Cancel a pick, close short, or give the order up: once per order, and the shop is told soon."""
        world, rates, plan = self.people.world, self.people.rates, self.plan(order.order_name)
        if not plan.surprises or order.order_name in self.surprised or order.order_name in world.reserved:
            return False
        self.surprised.add(order.order_name)
        roll = rng.random()
        is_simple = (
            len(order.allocations) == 1
            and len(self.people.in_warehouses(order.order_name)) == 1
            and self.people.is_plain(order.order_name)
        )
        if roll < rates.cancels_pick:
            wms.cancel_pick(world, warehouse, order.id, allocation.id)
            world.after(
                rng.uniform(*rates.repick_minutes) * 60, lambda: self._again(warehouse, order, allocation)
            )
            return True
        if is_simple and roll < rates.cancels_pick + rates.cancels_order:
            wms.cancel_order(world, warehouse, order.id, reason="Damaged in the warehouse", by="warehouse")
            delay = rng.uniform(*rates.staff_reacts_minutes) * 60
            world.after(delay, lambda: self.people.cancel_in_shop(order.order_name, "inventory"))
            return True
        units = sum(quantity for _, _, quantity in allocation.lines)
        if is_simple and units > 1 and roll < rates.cancels_pick + rates.cancels_order + rates.closes_short:
            self._close_short(warehouse, order, allocation, rng)
            return True
        return False

    def _again(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> None:
        if wms.is_open(order) and order.id in warehouse.orders and not order.allocations:
            wms.allocate(self.people.world, warehouse, order.id, allocation.facility_id)

    def _close_short(
        self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation, rng: Random
    ) -> None:
        world, rates = self.people.world, self.people.rates
        keep = {sellable_id: quantity for _, sellable_id, quantity in allocation.lines}
        _, missing, quantity = allocation.lines[-1]
        keep[missing] = quantity - 1
        rest = wms.split_allocation(world, warehouse, order.id, allocation.id, keep)
        self.despatch(warehouse, order, allocation)
        if rest is None:
            return
        wms.close_short(world, warehouse, order.id)
        entry = wms.get_entry(warehouse, missing, allocation.facility_id)
        wms.count_stock(
            world, warehouse, missing, allocation.facility_id, max(entry.allocated, entry.physical - 1)
        )
        sku = warehouse.sellables[missing].sku
        delay = rng.uniform(*rates.staff_reacts_minutes) * 60
        world.after(delay, lambda: self.people.refund_rest(order.order_name, sku, 1))

    # --- stock work -------------------------------------------------------------------------------

    def plan_day(self, day: datetime) -> None:
        """Spread a day's counts, recalls and receipts over its opening hours."""
        world, rates = self.people.world, self.people.rates
        work = (
            (self.count, rates.counts_per_day),
            (self.recall, rates.recalls_per_day),
            (self.receive, rates.receipts_per_day),
        )
        for warehouse in world.warehouses.values():
            for facility in warehouse.facilities.values():
                opened = hours.opening(facility.code, day)
                if opened is None:
                    continue
                rng = world.rng("day", warehouse.system, facility.code, day.date())
                seconds = (opened[1] - opened[0]).total_seconds()
                for task, per_day in work:
                    share = per_day / len(warehouse.facilities)
                    number = int(share) + (rng.random() < share % 1)
                    for index in range(number):
                        at = opened[0] + timedelta(seconds=rng.random() * seconds)
                        own = world.rng(task.__name__, warehouse.system, facility.code, day.date(), index)
                        world.schedule(at, lambda t=task, f=facility.id, w=warehouse, r=own: t(w, f, r))  # type: ignore[misc]

    def _any(self, warehouse: Warehouse, rng: Random) -> int | None:
        shelf = self.people.stocked(warehouse)
        if not shelf:
            return None
        sellable_id = rng.choice(shelf)
        return None if warehouse.sellables[sellable_id].sku in self.people.reserved_skus else sellable_id

    def count(self, warehouse: Warehouse, facility_id: int, rng: Random) -> None:
        """Count one item; the shelf differs a little from the screen."""
        sellable_id = self._any(warehouse, rng)
        entry = warehouse.stock.get((sellable_id, facility_id)) if sellable_id else None
        if entry is not None and entry.physical - entry.allocated >= PLENTY:
            found = entry.physical + rng.choice((-3, -2, -1, 1, 2))
            wms.count_stock(self.people.world, warehouse, entry.sellable_id, facility_id, found)

    def recall(self, warehouse: Warehouse, facility_id: int, rng: Random) -> None:
        """Take a third of an item out of sale."""
        sellable_id = self._any(warehouse, rng)
        entry = warehouse.stock.get((sellable_id, facility_id)) if sellable_id else None
        if entry is not None and entry.physical - entry.allocated >= 2 * PLENTY:
            taken = (entry.physical - entry.allocated) // 3
            wms.move_stock(
                self.people.world,
                warehouse,
                entry.sellable_id,
                facility_id,
                -taken,
                why="recalled",
                reference="quality",
            )

    def receive(self, warehouse: Warehouse, facility_id: int, rng: Random) -> None:
        """Put a delivery away."""
        sellable_id = self._any(warehouse, rng)
        if sellable_id is not None:
            wms.receive_goods(
                self.people.world,
                warehouse,
                sellable_id,
                facility_id,
                rng.randint(10, 60),
                reference="purchase order",
            )


_AS_USUAL = Plan(surprises=True)
