"""Customers of a shop: they order, pay or do not, change their minds, send things back.

Belongs here: invented demand, seeded; what a customer or the shop's own staff does about one order.
Does not belong here: the warehouse (``pickers``), real demand from a file (``filed``), anything planted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world import catalogue, hours
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Address, Parcel, Shop, ShopOrder, Variant, WarehouseOrder
from cogent_pipelines.sandbox.world.shop import NewLine
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.people import People

FIRST_NAMES = (
    "Ada", "Ben", "Chloe", "Dev", "Elin", "Femi", "Grace", "Hari", "Isla", "Jonas", "Kezia", "Liam",
    "Maya", "Noah", "Olive", "Priya", "Quinn", "Rosa", "Sami", "Tess", "Umar", "Vera", "Will", "Xenia",
    "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Ashby", "Brook", "Clarke", "Dunne", "Ellis", "Frost", "Garner", "Hale", "Iqbal", "Jarvis", "Khan",
    "Lowe", "Marsh", "Nolan", "O'Hara", "Patel", "Quirke", "Reeve", "Shaw", "Turner", "Umney", "Vance",
    "Walsh", "York",
)  # fmt: skip
STREETS = ("High Street", "Mill Lane", "Station Road", "Church Row", "Park Avenue", "Canal Side", "Hill Rise")
TOWNS = (
    ("Leeds", "LS"), ("York", "YO"), ("Bath", "BA"), ("Exeter", "EX"), ("Norwich", "NR"),
    ("Derby", "DE"), ("Cardiff", "CF"), ("Dundee", "DD"), ("Belfast", "BT"), ("Truro", "TR"),
    ("Oxford", "OX"), ("Bristol", "BS"),
)  # fmt: skip
ABROAD = (
    ("Dublin", "D02 X285", "IE"), ("Lyon", "69002", "FR"), ("Köln", "50667", "DE"),
    ("Utrecht", "3511 AB", "NL"), ("Aarhus", "8000", "DK"), ("Ghent", "9000", "BE"),
)  # fmt: skip
OPTIONS = (
    ("Standard Delivery", Decimal("3.95"), 0.62),
    ("Next Day Delivery", Decimal("7.95"), 0.16),
    ("Royal Mail Tracked 48", Decimal("4.95"), 0.16),
    ("Click and Collect", Decimal(0), 0.06),
)
# How much is ordered in each hour of the local day.
DAY = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 9, 10, 11, 13, 15, 16, 13, 8, 4)
MARGIN = 15  # units that stay: nobody buys an item down to nothing, unless it is planted
ONCE_A = timedelta(hours=30)  # a known customer's orders lie further apart than any duplicate window


@dataclass(slots=True)
class Customer:
    id: int
    email: str
    address: Address
    last_at: datetime


class Customers:
    """All customers of the world, of every shop."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.world = people.world
        self.rates = people.rates
        self.known: dict[str, list[Customer]] = {system: [] for system in self.world.shops}

    # --- demand -----------------------------------------------------------------------------------

    def schedule(self, start: datetime, days: float, orders: int, *, key: str) -> None:
        """Spread a number of orders over days, as people shop."""
        if not orders or not self.world.shops:
            return
        rng = self.world.rng("demand", key)
        slots = max(1, round(days * 24))
        weights = [DAY[(start + timedelta(hours=h)).astimezone(hours.LONDON).hour] for h in range(slots)]
        chosen = sorted(hour + rng.random() for hour in rng.choices(range(slots), weights, k=orders))
        systems = list(self.world.shops)
        for index, hour in enumerate(chosen):
            at = start + timedelta(hours=hour * days * 24 / slots)
            self.world.schedule(at, _Arrival(self, systems[index % len(systems)], f"{key}/{index}"))

    def arrive(self, system: str, key: str) -> ShopOrder:
        """Have one customer order, and decide what becomes of it."""
        rng = self.world.rng("order", system, key)
        shop = self.world.shops[system]
        customer = self.choose_customer(rng, shop)
        location = rng.choice([home for home in shop.homes if home in catalogue.LOCATIONS])
        lines = self.fill_basket(rng, shop, location)
        homes: list[int] = []
        if len(lines) > 1 and rng.random() < self.rates.two_locations:
            homes = [list(catalogue.LOCATIONS)[index % 2] for index in range(len(lines))]
        option, price, _ = rng.choices(OPTIONS, [share for *_, share in OPTIONS])[0]
        order = shops.place_order(
            self.world,
            shop,
            lines=lines,
            email=customer.email,
            address=customer.address,
            customer_id=customer.id,
            delivery_option=option,
            delivery_price=price,
            prefer=(location,),
            homes=homes,
            presentment=("EUR", Decimal("1.17")) if rng.random() < self.rates.presentment else None,
            note="Please leave with a neighbour" if rng.random() < 0.05 else "",
        )
        self.follow(rng, shop, order)
        return order

    def choose_customer(self, rng: Random, shop: Shop) -> Customer:
        """Take one who has bought before, a while ago, or a new one."""
        known = self.known[shop.system]
        if known and rng.random() < self.rates.known_customer:
            customer = known[int(len(known) * rng.random())]
            if self.world.now - customer.last_at > ONCE_A:
                customer.last_at = self.world.now
                return customer
        customer = self.new_customer(rng, shop)
        known.append(customer)
        return customer

    def new_customer(self, rng: Random, shop: Shop) -> Customer:
        """Invent a person."""
        number = self.world.new_id(f"{shop.system}/customer", 7_700_001)
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        line1 = f"{rng.randint(1, 180)} {rng.choice(STREETS)}"
        if rng.random() < self.rates.foreign:
            city, postcode, country = rng.choice(ABROAD)
        else:
            city, area = rng.choice(TOWNS)
            postcode = f"{area}{rng.randint(1, 19)} {rng.randint(1, 9)}{rng.choice('ABDEFGHJLNPQRSTUWXYZ')}B"
            country = "GB"
        address = Address(
            first, last, line1, city, postcode, country, phone=f"+4477009{rng.randint(0, 99999):05d}"
        )
        mail = f"{first}.{last}.{number}@example.com".lower().replace("'", "").replace("ë", "e")
        return Customer(number, mail, address, self.world.now)

    def fill_basket(self, rng: Random, shop: Shop, location_id: int) -> list[NewLine]:
        """Choose lines that are in stock with a margin."""
        lines: dict[str, NewLine] = {}
        for _ in range(rng.choices((1, 2, 3, 4), self.rates.lines)[0]):
            for _attempt in range(20):
                variant = self.choose_variant(rng, shop)
                units = rng.choices((1, 2, 3, 4), self.rates.units)[0]
                level = shop.levels.get((variant.inventory_item_id, location_id)) if variant else None
                if variant and level and level.available >= units + MARGIN and variant.sku not in lines:
                    discount = Decimal(0)
                    if rng.random() < self.rates.discount:
                        discount = shops.round_money(variant.price * units / 10)
                    lines[variant.sku] = NewLine(
                        variant.sku, units, variant.price, variant.id, discount=discount
                    )
                    break
        basket = list(lines.values())
        if not basket or rng.random() < self.rates.gift_wrap:
            basket.append(
                NewLine("GIFT-WRAP", 1, Decimal("2.50"), title="Gift wrap", requires_shipping=False)
            )
        return basket

    def choose_variant(self, rng: Random, shop: Shop) -> Variant | None:
        """Choose an item, the first of the catalogue more often than the last."""
        plain, bundles = self.people.shelf(shop)
        shelf = bundles if bundles and rng.random() < self.rates.bundle_line else plain
        if not shelf:
            return None
        variant = shelf[int(len(shelf) * rng.random() ** 1.6)]
        is_sold = variant.status == "active" and variant.sku not in self.people.reserved_skus
        return variant if is_sold else None

    # --- what becomes of an order ---------------------------------------------------------------------

    def follow(self, rng: Random, shop: Shop, order: ShopOrder) -> None:
        """Decide how the order is paid, and whether its customer changes their mind."""
        rates, world = self.rates, self.world
        roll = rng.random()
        capture = rng.uniform(*rates.capture_minutes) * 60
        if roll < rates.never_pays:
            shops.await_payment(world, shop, order.id)
            world.after(rng.uniform(*rates.give_up_hours) * 3600, lambda: self.give_up(shop, order))
            return
        if roll < rates.never_pays + rates.pays_by_transfer:
            shops.await_payment(world, shop, order.id)
            world.after(rng.uniform(*rates.transfer_hours) * 3600, lambda: self.transfer(shop, order))
            return
        if roll < rates.never_pays + rates.pays_by_transfer + rates.pays_at_once:
            shops.pay(world, shop, order.id)
        else:
            shops.authorise(world, shop, order.id)
            if rng.random() < rates.cancels_early:
                world.after(capture * 0.7, lambda: self.cancel(shop, order, "customer"))
            elif rng.random() < rates.edits_before_release:
                world.after(capture * 0.5, lambda: self.edit(shop, order, rng))
            world.after(capture, lambda: self.capture(shop, order))
        late = rng.uniform(*rates.late_hours) * 3600
        if rng.random() < rates.touched:
            world.after(late * 2, lambda: shops.touch(world, shop, order))
        roll = rng.random()
        if roll < rates.cancels_late:
            world.after(late, lambda: self.cancel_late(shop, order))
        elif roll < rates.cancels_late + rates.edits_after_release:
            world.after(late, lambda: self.edit_late(shop, order, rng))
        elif roll < rates.cancels_late + rates.edits_after_release + rates.goodwill:
            world.after(
                rng.uniform(*rates.goodwill_hours) * 3600, lambda: self.get_goodwill(shop, order, rng)
            )

    def capture(self, shop: Shop, order: ShopOrder) -> None:
        """Take the money, as the shop does by itself."""
        if order.cancelled_at is None:
            shops.capture(self.world, shop, order.id)

    def transfer(self, shop: Shop, order: ShopOrder) -> None:
        """Pay by bank at last."""
        if order.cancelled_at is None:
            shops.pay(self.world, shop, order.id, "bank_transfer")

    def give_up(self, shop: Shop, order: ShopOrder) -> None:
        """Have staff cancel what nobody pays."""
        if order.cancelled_at is None:
            shops.cancel_order(self.world, shop, order.id, reason="declined", notify=True)

    def cancel(self, shop: Shop, order: ShopOrder, reason: str) -> None:
        """Cancel, when nothing left yet."""
        if order.cancelled_at is None and not order.fulfilments and not order.returns:
            shops.cancel_order(self.world, shop, order.id, reason=reason, notify=True)

    def is_safe(self, order: ShopOrder) -> bool:
        """Say whether the warehouse will not touch the order for a while yet."""
        if order.cancelled_at is not None or order.fulfilments or order.name in self.world.reserved:
            return False
        return all(
            self.people.pickers.minutes_until_pick(warehouse, found) >= self.rates.safe_before_pick_minutes
            for warehouse, found in self.people.in_warehouses(order.name)
        )

    def cancel_late(self, shop: Shop, order: ShopOrder) -> None:
        """Cancel after release, while that is still harmless."""
        if self.is_safe(order):
            self.cancel(shop, order, "customer")

    def edit(self, shop: Shop, order: ShopOrder, rng: Random) -> None:
        """Change the address, or take one unit less."""
        if order.cancelled_at is not None:
            return
        line = next((each for each in order.lines if each.unfulfilled_quantity > 1), None)
        if line is not None and rng.random() < 0.5:
            shops.set_quantity(self.world, shop, order.id, line.id, line.current_quantity - 1)
            surplus = shops.totals(shop, order)
            too_much = surplus.captured - surplus.refunded - surplus.current_total
            if surplus.captured and too_much > 0:
                shops.refund(self.world, shop, order.id, adjustment=too_much, note="edited")
        else:
            old = order.address
            moved = Address(
                old.first_name, old.last_name, f"{rng.randint(200, 399)} {rng.choice(STREETS)}", old.city,
                old.postcode, old.country_code, old.company, old.line2, old.region, old.phone,
            )  # fmt: skip
            shops.change_address(self.world, shop, order.id, moved)

    def edit_late(self, shop: Shop, order: ShopOrder, rng: Random) -> None:
        """Edit after release: staff on the telephone changes the warehouse's record in the same minute."""
        if not self.is_safe(order):
            return
        found = self.people.in_warehouses(order.name)
        if len(found) != 1 or not all(warehouse.takes_edits for warehouse, _ in found):
            return
        self.edit(shop, order, rng)
        for warehouse, released in found:
            self.people.mirror(shop, order, warehouse, released)

    def get_goodwill(self, shop: Shop, order: ShopOrder, rng: Random) -> None:
        """Get some money back for no goods."""
        sums = shops.totals(shop, order)
        amount = min(Decimal(rng.randint(1, 6)), sums.captured - sums.refunded)
        if order.cancelled_at is None and amount > 0 and order.name not in self.world.reserved:
            shops.refund(self.world, shop, order.id, adjustment=amount, note="goodwill", notify=True)

    # --- after delivery ---------------------------------------------------------------------------

    def parcel_delivered(self, order: WarehouseOrder, parcel: Parcel) -> None:
        """Decide whether the goods come back."""
        rng = self.world.rng("return", order.order_name, parcel.id)
        if rng.random() >= self.rates.returns or order.order_name in self.world.reserved:
            return
        days = rng.uniform(*self.rates.return_days)
        self.world.after(days * 86400, lambda: self.ask_return(order, rng))

    def ask_return(self, order: WarehouseOrder, rng: Random) -> None:
        """Agree a return with the shop and post the goods, or forget to."""
        for shop in self.world.shops.values():
            for placed in shops.find_orders(shop, order.order_name):
                line = next(
                    (
                        each
                        for each in placed.lines
                        if each.fulfilled_quantity > each.returned_quantity
                        and each.sku in self.people.plain_skus
                    ),
                    None,
                )
                if line is None or placed.cancelled_at is not None or placed.returns:
                    continue
                units = line.fulfilled_quantity - line.returned_quantity
                if units > 1 and rng.random() < self.rates.return_is_partial:
                    units -= 1
                record = shops.open_return(self.world, shop, placed.id, [(line.id, units)])
                if rng.random() >= self.rates.return_never_arrives:
                    days = rng.uniform(*self.rates.return_travel_days)
                    parts = [(line.id, line.sku, units)]
                    self.world.after(days * 86400, _Comeback(self, shop, placed, order, record.id, parts))

    def come_back(
        self,
        shop: Shop,
        placed: ShopOrder,
        order: WarehouseOrder,
        return_id: int | None,
        parts: Sequence[tuple[int, str, int]],
    ) -> None:
        """Have the warehouse take goods in, then the shop pay: parts are (line id, sku, units)."""
        for warehouse, found in self.people.in_warehouses(order.order_name):
            if found.id != order.id:
                continue
            lines = [(warehouse.by_sku[sku], units) for _, sku, units in parts]
            try:
                record = wms.create_return(
                    self.world, warehouse, order.id, lines, reason="Changed their mind"
                )
            except Refused:
                return  # more came back than had left: somebody else's goods, sent on to their sender
            wms.receive_return(self.world, warehouse, order.id, record.id)
            home = catalogue.location_of(record.facility_id)
            shops.refund(
                self.world,
                shop,
                placed.id,
                lines=[(line_id, units, "return") for line_id, _, units in parts],
                amount=self._refundable(shop, placed, parts),
                location_id=home,
                return_id=return_id,
                note="returned",
                notify=True,
            )
            if return_id is not None:
                shops.close_return(self.world, shop, placed.id, return_id)

    def _refundable(self, shop: Shop, placed: ShopOrder, parts: Sequence[tuple[int, str, int]]) -> Decimal:
        worth = sum(
            (shops.line_amount(shops.get_line(placed, i), units) for i, _, units in parts), Decimal(0)
        )
        sums = shops.totals(shop, placed)
        return min(worth, sums.captured - sums.refunded)


@dataclass(slots=True)
class _Arrival:
    customers: Customers
    system: str
    key: str

    def __call__(self) -> None:
        self.customers.arrive(self.system, self.key)


@dataclass(slots=True)
class _Comeback:
    customers: Customers
    shop: Shop
    placed: ShopOrder
    order: WarehouseOrder
    return_id: int
    parts: list[tuple[int, str, int]]

    def __call__(self) -> None:
        self.customers.come_back(self.shop, self.placed, self.order, self.return_id, self.parts)
