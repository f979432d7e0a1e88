"""What a planted thing is, and the hands the planter's scripts work with.

Belongs here: the record of a defect, how a script waits, and helpers every mechanism needs.
Does not belong here: mechanisms (``plants_*``), which there are (``defects``), how many of each and when (``planter``).

A mechanism is a generator over a ``Plant``: it acts, yields what it waits for, acts again, and calls
``record`` when the thing is there. It changes systems' state only, as people and vendors do, and knows no
rule of anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.customers import Customer
from cogent_pipelines.sandbox.world.model import (
    Allocation,
    Location,
    Parcel,
    Sellable,
    Shop,
    ShopOrder,
    Variant,
    Warehouse,
    WarehouseOrder,
)
from cogent_pipelines.sandbox.world.pickers import Plan
from cogent_pipelines.sandbox.world.shop import NewLine

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.kit import Kit
    from cogent_pipelines.sandbox.world.people import People
    from cogent_pipelines.sandbox.world.world import World

PLENTY = 60  # units of an item the planter's orders take from
OWN_STOCK = 50
MARGIN = 1.25  # of the window: whoever looks may take a while over one look, and try again at its end
STAYS = "stays"  # until a person sees to it
VALUE = "every_order_value_agrees"
SAID_MOVED = "flow_success_matches_the_target"
"""What a bridge shows that says it moved an order the warehouse lacks."""
NOT_CARRIED = ("every_failed_payload_was_recovered", "no_flow_is_failing")
"""What a bridge shows that failed on an order."""
REPAIRED = "repaired"  # an integration that works puts it right by itself
PASSES = "passes"  # it is over after a while, whatever anybody does


@dataclass(frozen=True, slots=True)
class Wait:
    """What a script waits for: a span of time, or a state of the world, looked at now and then."""

    seconds: float = 0.0
    until: Callable[[], object] | None = None
    patience_hours: float = 30.0


Script = Iterator[Wait]


@dataclass(slots=True)
class Defect:
    """One planted fault, or one near-miss of it, and what somebody who finds it must name."""

    id: str
    family: str
    mechanism: str
    is_near_miss: bool
    system: str
    keys: dict[str, str]
    planted_at: datetime
    since_at: datetime
    expected_by: datetime
    until_at: datetime | None
    """When a thing that passes is over."""
    repair: str
    also: tuple[str, ...] = ()  # families a finding about the same keys may belong to as well


@dataclass(slots=True)
class Plant:
    """The hands of one script."""

    world: World
    kit: Kit
    family: str
    mechanism: str
    is_near_miss: bool
    serial: int
    rng: Random
    window: float  # seconds this family may stand unnoticed; 0 when nobody told
    room: float  # minutes until the next thing that takes a feed away
    keep: Callable[[Defect], None]
    shop: Shop
    warehouse: Warehouse
    touched: list[str] = field(default_factory=list)

    @property
    def people(self) -> People:
        people: People = self.world.people
        return people

    @property
    def locations(self) -> tuple[int, ...]:
        """The locations that the warehouse serves."""
        return tuple(
            i for i, facility in catalogue.FACILITY_OF.items() if facility in self.warehouse.facilities
        )

    @property
    def home(self) -> int:
        """The location where the script's goods lie: served by the warehouse, and the shop sells from it."""
        return next(i for i in self.locations if i in self.shop.homes)

    @property
    def facility(self) -> int:
        """The facility behind ``home``."""
        return catalogue.FACILITY_OF[self.home]

    @property
    def code(self) -> str:
        """What people call ``facility``."""
        return catalogue.FACILITIES[self.facility][0]

    @property
    def books(self) -> Warehouse:
        """The system that keeps the books."""
        return self.world.keeper(min(self.world.books))

    def booked(self, order: ShopOrder) -> WarehouseOrder | None:
        """Give the order as the system that keeps the books has it, once it has."""
        live = [r for r in wms.records_of(self.books, order.name) if r.cancelled_at is None]
        return next((record for record in live if record.id in self.books.orders), None)

    # --- waiting ----------------------------------------------------------------------------------

    def minutes(self, number: float) -> Wait:
        return Wait(seconds=number * 60)

    def until(self, state: Callable[[], object], hours: float = 30.0) -> Wait:
        return Wait(until=state, patience_hours=hours)

    def well_past(self, minutes: float) -> Wait:
        """Wait so long, and clearly longer than the thing may stand."""
        return Wait(seconds=max(minutes * 60, MARGIN * self.window))

    def just_inside(self) -> Wait:
        """Wait as long as the thing may stand, less a second; not at all when nobody told how long."""
        return Wait(seconds=max(self.window - 1, 0))

    # --- items ------------------------------------------------------------------------------------

    def skus(self, number: int = 1) -> list[str]:
        """Choose items of the ordinary shelf with plenty of stock everywhere."""
        plain, _ = self.people.shelf(self.shop)
        chosen: list[str] = []
        for _ in range(400):
            variant = self.rng.choice(plain)
            levels = [self.shop.levels.get((variant.inventory_item_id, i)) for i in catalogue.LOCATIONS]
            is_ample = all(level is not None and level.available >= PLENTY for level in levels)
            is_free = variant.sku not in self.people.reserved_skus and variant.sku in self.warehouse.by_sku
            if is_ample and is_free and variant.sku not in chosen:
                chosen.append(variant.sku)
                if len(chosen) == number:
                    return chosen
        return [*chosen, *(self.own_item()[0].sku for _ in range(number - len(chosen)))]

    def own_item(self, *, stock: int = OWN_STOCK, sku: str = "", **facts: Any) -> tuple[Variant, Sellable]:
        """List a new, complete item in shop and warehouse; nobody else buys or counts it."""
        number = self.world.new_id("planter/item", 9001)
        item: dict[str, Any] = {
            "sku": sku or f"SKU-{number}",
            "title": f"New item No. {number}",
            "price": Decimal(self.rng.randint(5, 30)),
            "barcode": catalogue.gtin(700_000 + number),
            "weight_grams": self.rng.randint(50, 900),
            "origin_country": "GB",
            "hs_code": "691200",
        } | facts
        self.people.reserved_skus.add(item["sku"])
        sellable = wms.add_sellable(self.world, self.warehouse, **item)
        variant = catalogue.add_variant(self.world, self.shop, **item)
        for location_id in self.locations:
            if stock:
                facility_id = catalogue.FACILITY_OF[location_id]
                catalogue.open_stock(self.world, self.warehouse, item["sku"], facility_id, stock)
            catalogue.stock_level(self.world, self.shop, variant, location_id, stock)
        return variant, sellable

    def listing(self, **facts: Any) -> Variant:
        """List a new item in the shop alone."""
        number = self.world.new_id("planter/item", 9001)
        item: dict[str, Any] = {
            "sku": f"SKU-{number}",
            "title": f"New item No. {number}",
            "price": Decimal(self.rng.randint(5, 30)),
            "barcode": catalogue.gtin(700_000 + number),
            "weight_grams": self.rng.randint(50, 900),
            "origin_country": "GB",
            "hs_code": "691200",
        } | facts
        self.people.reserved_skus.add(item["sku"])
        variant = catalogue.add_variant(self.world, self.shop, **item)
        for location_id in catalogue.LOCATIONS:
            catalogue.stock_level(self.world, self.shop, variant, location_id, 0)
        return variant

    def another_location(self) -> int:
        """Open a location no table of anybody's knows yet."""
        number = 1003 + self.serial
        self.shop.locations.setdefault(number, Location(number, f"Pop-up {number}"))
        return number

    # --- orders -----------------------------------------------------------------------------------

    def customer(self) -> Customer:
        return self.people.customers.new_customer(self.rng, self.shop)

    def place(
        self,
        lines: Sequence[tuple[str, int]] = (),
        *,
        payment: str = "captured",
        customer: Customer | None = None,
        free: bool = False,
        service: bool = False,
        location: int | None = None,
        **options: Any,
    ) -> ShopOrder:
        """Have a customer order; nobody but the planter decides what becomes of it."""
        who = customer or self.customer()
        chosen = lines or [(sku, 1) for sku in self.skus(self.rng.choice((1, 2)))]
        new = []
        for sku, units in chosen:
            variant = self.shop.variants.get(self.shop.by_sku.get(sku, -1))
            price = variant.price if variant else Decimal(9)
            discount = price * units if free else Decimal(0)
            new.append(NewLine(sku, units, price, variant.id if variant else None, discount=discount))
        if service:
            gift = NewLine("GIFT-WRAP", 1, Decimal("2.50"), title="Gift wrap", requires_shipping=False)
            new = [gift] if not lines else [*new, gift]
        settings: dict[str, Any] = {
            "email": who.email,
            "address": who.address,
            "customer_id": who.id,
            "delivery_price": Decimal(0) if free else Decimal("3.95"),
            "prefer": (location or self.home,),
        } | options
        order = shops.place_order(self.world, self.shop, lines=new, **settings)
        self.mine(order.name)
        self.pay(order, payment)
        return order

    def mine(self, name: str) -> None:
        """Keep everybody else's hands off an order."""
        self.world.reserved.add(name)
        self.touched.append(name)

    def pay(self, order: ShopOrder, payment: str) -> None:
        """Pay an order: captured, sale, authorised, pending or none."""
        if payment in ("captured", "authorised"):
            shops.authorise(self.world, self.shop, order.id)
        if payment == "captured":
            shops.capture(self.world, self.shop, order.id)
        if payment == "sale":
            shops.pay(self.world, self.shop, order.id)
        if payment == "pending":
            shops.await_payment(self.world, self.shop, order.id)

    def plan(self, order: ShopOrder, **how: Any) -> Plan:
        """Tell the warehouse's people how to handle one order."""
        plan = Plan(**how)
        self.people.pickers.plans[order.name] = plan
        return plan

    def records(self, order: ShopOrder) -> list[tuple[Warehouse, WarehouseOrder]]:
        """Give the order's live records in the warehouse."""
        return self.people.in_warehouses(order.name)

    def record_of(self, order: ShopOrder) -> tuple[Warehouse, WarehouseOrder]:
        return self.records(order)[0]

    def is_released(self, order: ShopOrder) -> bool:
        """Say whether the warehouse has the order, allocated."""
        found = self.records(order)
        return bool(found) and all(record.allocations for _, record in found)

    def released(self, order: ShopOrder) -> Wait:
        return self.until(lambda: self.is_released(order))

    def parcels(self, order: ShopOrder) -> list[tuple[Warehouse, WarehouseOrder, Allocation, Parcel]]:
        return [
            (warehouse, record, allocation, allocation.parcel)
            for warehouse, record in self.records(order)
            for allocation in record.allocations
            if allocation.parcel is not None
        ]

    def parcel_name(self, allocation: Allocation) -> str:
        """What the warehouse calls an allocation's parcel."""
        named = edges.of(self.world.settings.systems[self.warehouse.system]).parcel_of
        return named(allocation) if named else str(allocation.parcel.id if allocation.parcel else "")

    def shipped(self, order: ShopOrder) -> Wait:
        return self.until(lambda: self.parcels(order), hours=60)

    def told(self, order: ShopOrder) -> Wait:
        """Wait until the shop knows of everything that is to leave."""
        return self.until(lambda: shops.fulfilment_status(order) == "fulfilled", hours=60)

    def give_back(self, order: ShopOrder) -> None:
        """Cancel the order with its money; whoever cancelled it already, to release its stock, gave none back."""
        if order.cancelled_at is None:
            shops.cancel_order(self.world, self.shop, order.id, reason="inventory")
            return
        sums = shops.totals(self.shop, order)
        if left := sums.captured - sums.refunded:
            shops.refund(self.world, self.shop, order.id, adjustment=left, note="short")

    def send(self, order: ShopOrder) -> list[WarehouseOrder]:
        """Have the old integration put the order into the warehouse, without looking."""
        return self.people.old.send(self.shop, order, looks=False)

    # --- the result -------------------------------------------------------------------------------

    def record(
        self,
        keys: dict[str, object],
        *,
        system: str = "",
        repair: str = STAYS,
        also: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """Note that the thing is there now."""
        now = self.world.now
        begun = since or now
        self.keep(
            Defect(
                id=f"{'near' if self.is_near_miss else 'defect'}-{self.serial:04d}",
                family=self.family,
                mechanism=self.mechanism,
                is_near_miss=self.is_near_miss,
                system=system or self.shop.system,
                keys={name: str(value) for name, value in keys.items()},
                planted_at=now,
                since_at=begun,
                expected_by=begun + timedelta(seconds=self.window or 3600),
                until_at=until,
                repair=repair,
                also=tuple(also),
            )
        )
