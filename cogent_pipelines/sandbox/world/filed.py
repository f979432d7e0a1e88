"""Real demand: the orders, credits and movements of a file, played into the world at their own times.

Belongs here: how a sorted file (``intake``) becomes acts of a shop and a warehouse, and what is derived
for that.
Does not belong here: deciding what a row is, or any customer's whim (``customers``).

What the file does not say is derived, the same way always, and tagged so: e-mail, address, location, payment,
tax, opening stock, delivery option. Amounts are the file's: a line's price contains its tax.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.kit import chance
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.intake import DERIVED, FileLine, Intake, Invoice, Listed
from cogent_pipelines.sandbox.world.model import Address, Credit, Shop, ShopLine, ShopOrder
from cogent_pipelines.sandbox.world.shop import NewLine

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.people import People

NOTHING = Decimal(0)
MARGIN = 20  # units beyond the demand that lie at each location
COUNTRIES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES",
    "Netherlands": "NL", "Belgium": "BE", "Switzerland": "CH", "Portugal": "PT", "Australia": "AU",
    "Norway": "NO", "Italy": "IT", "Channel Islands": "JE", "Finland": "FI", "Cyprus": "CY",
    "Sweden": "SE", "Austria": "AT", "Denmark": "DK", "Japan": "JP", "Poland": "PL", "Israel": "IL",
    "USA": "US", "Hong Kong": "HK", "Singapore": "SG", "Iceland": "IS", "Canada": "CA", "Greece": "GR",
    "Malta": "MT", "United Arab Emirates": "AE", "RSA": "ZA", "Lebanon": "LB", "Lithuania": "LT",
    "Brazil": "BR", "Czech Republic": "CZ", "Bahrain": "BH", "Saudi Arabia": "SA",
    "European Community": "BE", "Unspecified": "GB",
}  # fmt: skip
RETRY = timedelta(hours=2)  # goods are booked in when the shop knows they had left
PATIENCE = 120  # retries
TAX = Decimal("0.2")


def location_of(number: str) -> int:
    """Derive where an order ships from: seven of ten in Leeds."""
    return 1001 if chance(f"location/{number}") < 0.7 else 1002


@dataclass(slots=True)
class Filed:
    """Plays one file into the first shop and the first warehouse."""

    people: People
    shop: Shop
    intake: Intake
    counts: Counter[str] = field(default_factory=Counter)
    worth: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    goodwill: list[dict[str, Any]] = field(default_factory=list)
    sold: dict[tuple[int, str], list[tuple[ShopOrder, ShopLine]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    claimed: Counter[int] = field(default_factory=Counter)  # units of sold lines some credit has matched
    by_customer: dict[int, list[ShopOrder]] = field(default_factory=lambda: defaultdict(list))

    def schedule(self) -> None:
        """Put every document of the file into the heap."""
        world = self.people.world
        for invoice in self.intake.orders:
            world.schedule(invoice.at, _Do(self, invoice))
        for invoice in self.intake.credits:
            world.schedule(invoice.at, _Do(self, invoice, is_credit=True))
        for listed in self.intake.movements:
            world.schedule(listed.at, lambda listed=listed: self.move(listed))  # type: ignore[misc]
        self.intake.orders, self.intake.credits = [], []  # the heap has them; what is played can go

    # --- orders -----------------------------------------------------------------------------------

    def place(self, invoice: Invoice) -> ShopOrder:
        """Place an order and take its money."""
        lines = [self._line(line, ships=True) for line in invoice.lines]
        lines += [self._line(line, ships=False) for line in invoice.charges]
        country = COUNTRIES.get(invoice.country.strip(), "GB")
        home = location_of(invoice.number)
        customer = invoice.customer_id
        who = f"customer-{customer}" if customer is not None else f"guest-{invoice.number.lower()}"
        domestic = "Standard Delivery" if chance(f"option/{invoice.number}") < 0.8 else "Next Day Delivery"
        order = shops.place_order(
            self.people.world,
            self.shop,
            name=invoice.number,
            lines=lines,
            email=f"{who}@derived.example",
            customer_id=customer,
            address=Address(
                "Derived",
                who.title(),
                f"{int(chance('street/' + who) * 180) + 1} Derived Street",
                "Derived Town",
                f"LS{int(chance('area/' + who) * 19) + 1} {int(chance('post/' + who) * 9)}AB",
                country,
            ),
            delivery_option=domestic if country == "GB" else "Royal Mail Tracked 48",
            delivery_price=sum((line.price * line.quantity for line in invoice.carriage), NOTHING),
            prefer=(home,),
            homes=[home] * len(lines),
            tags=("from-file", "derived"),
        )
        shops.pay(self.people.world, self.shop, order.id)
        if customer is not None:
            self.by_customer[customer].append(order)
            for line in order.lines:
                self.sold[(customer, line.sku)].append((order, line))
        return order

    def _line(self, line: FileLine, *, ships: bool) -> NewLine:
        variant_id = self.shop.by_sku.get(line.sku) if ships else None
        return NewLine(
            line.sku, line.quantity, line.price, variant_id, line.title.strip(), TAX, requires_shipping=ships
        )

    # --- stock ------------------------------------------------------------------------------------

    def move(self, listed: Listed) -> None:
        """Write stock off, or put found stock on the shelf."""
        for warehouse in list(self.people.world.warehouses.values())[:1]:
            wms.move_stock(
                self.people.world,
                warehouse,
                warehouse.by_sku[listed.code],
                catalogue.FACILITY_OF[location_of(listed.invoice)],
                listed.quantity,
                why=listed.why,
                reference=listed.invoice,
            )

    # --- credits ----------------------------------------------------------------------------------

    def credit(self, invoice: Invoice) -> None:
        """Give money back: for lines of earlier orders where those are known, else as goodwill or outside."""
        found: dict[int, list[tuple[ShopLine, int]]] = defaultdict(list)
        orders: dict[int, ShopOrder] = {}
        rest = NOTHING
        for line in (*invoice.lines, *invoice.charges):
            match = self._match(invoice, line)
            if match is None:
                rest += line.quantity * line.price
                self.counts["credit_lines_unmatched"] += 1
                continue
            order, sold, kind = match
            self.counts[f"credit_lines_matched_{kind}"] += 1
            self.worth[f"matched_{kind}"] -= line.quantity * line.price
            self.claimed[sold.id] += -line.quantity
            orders[order.id] = order
            found[order.id].append((sold, -line.quantity))
        carriage = -sum((line.quantity * line.price for line in invoice.carriage), NOTHING)
        for order_id, parts in found.items():
            back = min(carriage, self._carriage_left(orders[order_id])) if carriage > 0 else NOTHING
            carriage -= back
            self.refund(orders[order_id], parts, back, invoice.number)
        rest -= carriage
        if rest:
            self._give(invoice, -rest)

    def _match(self, invoice: Invoice, line: FileLine) -> tuple[ShopOrder, ShopLine, str] | None:
        if invoice.customer_id is None or line.quantity >= 0:
            return None
        part = None
        for order, sold in reversed(self.sold.get((invoice.customer_id, line.sku), ())):
            if sold.unit_price != line.price or sold.quantity - self.claimed[sold.id] < -line.quantity:
                continue
            if sold.quantity == -line.quantity:
                return order, sold, "whole"
            part = part or (order, sold, "part")
        return part

    def _carriage_left(self, order: ShopOrder) -> Decimal:
        return order.delivery_price - sum((refund.shipping for refund in order.refunds), NOTHING)

    def refund(
        self, order: ShopOrder, parts: list[tuple[ShopLine, int]], carriage: Decimal, reference: str
    ) -> None:
        """Refund lines of one order at once: before it leaves by cancelling them, later against the goods.

        While the goods are on their way out, or the shop has not heard of the parcel, the money goes back as
        goodwill and the goods follow when they can.
        """
        people, world = self.people, self.people.world
        if order.cancelled_at is not None:
            return
        released = people.in_warehouses(order.name)
        ships = any(line.requires_shipping for line, _ in parts)
        is_gone = any(wms.shipped_units(found) for _, found in released)
        is_picking = any(wms.is_picking(found) for _, found in released)
        if ships and (is_gone or is_picking):
            if is_gone and self._is_told(order, parts):
                self.counts["refunds_against_goods"] += 1
                self._take_back(order, parts, carriage, reference)
                return
            self.counts["refunds_ahead_of_goods"] += 1
            worth = sum((shops.line_amount(line, units) for line, units in parts), carriage)
            self._goodwill(order, reference, worth)
            world.schedule(world.now + RETRY, lambda: self.take_back_later(order, parts, reference, PATIENCE))
            return
        if not order.fulfilments and self._is_everything(order, parts):
            self.counts["orders_cancelled"] += 1
            shops.cancel_order(world, self.shop, order.id, note=reference)
        else:
            self.counts["refunds_before_despatch"] += 1
            self._pay(order, [(line.id, units, "cancel") for line, units in parts], carriage, reference)
        for warehouse, found in released:
            minutes = people.pickers.minutes_until_pick(warehouse, found)
            if order.cancelled_at is None or minutes < people.rates.safe_before_pick_minutes:
                people.mirror(self.shop, order, warehouse, found)

    def _is_told(self, order: ShopOrder, parts: list[tuple[ShopLine, int]]) -> bool:
        """Say whether the shop knows that these units have left."""
        wanted: Counter[int] = Counter()
        for line, units in parts:
            wanted[line.id] += units if line.requires_shipping else 0
        return all(
            line.fulfilled_quantity - line.returned_quantity >= wanted[line.id] for line in order.lines
        )

    def take_back_later(
        self, order: ShopOrder, parts: list[tuple[ShopLine, int]], reference: str, patience: int
    ) -> None:
        """Book the goods in once the shop knows that they had left; the money has gone back before."""
        if order.cancelled_at is not None:
            return
        if self._is_told(order, parts):
            self._take_back(order, parts, NOTHING, reference, is_paid=True)
        elif patience:
            world = self.people.world
            world.schedule(
                world.now + RETRY, lambda: self.take_back_later(order, parts, reference, patience - 1)
            )
        else:
            self.counts["goods_never_booked_in"] += 1

    def _is_everything(self, order: ShopOrder, parts: list[tuple[ShopLine, int]]) -> bool:
        wanted = Counter({line.id: units for line, units in parts})
        return all(line.current_quantity <= wanted[line.id] for line in order.lines if line.requires_shipping)

    def _take_back(
        self,
        order: ShopOrder,
        parts: list[tuple[ShopLine, int]],
        carriage: Decimal,
        reference: str,
        *,
        is_paid: bool = False,
    ) -> None:
        world = self.people.world
        back: Counter[str] = Counter()
        for line, units in parts:
            if line.requires_shipping:
                back[line.sku] += units
        home = None
        for warehouse, found in self.people.in_warehouses(order.name):
            shipped = wms.shipped_units(found)
            lines = []
            for sku in list(back):
                units = min(back[sku], shipped.get(warehouse.by_sku[sku], 0))
                if units:
                    lines.append((warehouse.by_sku[sku], units))
                    back[sku] -= units
            if lines:
                record = wms.create_return(world, warehouse, found.id, lines, reason=reference)
                wms.receive_return(world, warehouse, found.id, record.id)
                home = catalogue.location_of(record.facility_id)
        rows = [
            (line.id, units, "return" if line.requires_shipping else "no_restock") for line, units in parts
        ]
        self._pay(order, rows, carriage, reference, home, is_paid=is_paid)

    def _pay(
        self,
        order: ShopOrder,
        rows: list[tuple[int, int, str]],
        carriage: Decimal,
        reference: str,
        home: int | None = None,
        *,
        is_paid: bool = False,
    ) -> None:
        merged: Counter[tuple[int, str]] = Counter()
        for line_id, units, restock in rows:
            merged[(line_id, restock)] += units
        sums = shops.totals(self.shop, order)
        worth = sum(
            (shops.line_amount(shops.get_line(order, i), u) for (i, _), u in merged.items()), carriage
        )
        shops.refund(
            self.people.world,
            self.shop,
            order.id,
            lines=[(line_id, units, restock) for (line_id, restock), units in merged.items()],
            shipping=carriage,
            amount=NOTHING if is_paid else min(worth, sums.captured - sums.refunded),
            location_id=home,
            note=reference,
        )

    def _give(self, invoice: Invoice, amount: Decimal) -> None:
        """Credit what belongs to no line: goodwill on the customer's latest order with room, else outside."""
        for order in reversed(self.by_customer.get(invoice.customer_id or -1, ())):
            sums = shops.totals(self.shop, order)
            if 0 < amount <= sums.captured - sums.refunded:
                self._goodwill(order, invoice.number, amount)
                return
        self.counts["credits_outside_the_shop"] += 1
        self.worth["outside_the_shop"] += amount
        self.shop.credits.append(
            Credit(invoice.number, invoice.customer_id, self.people.world.now, amount, "no order of the shop")
        )

    def _goodwill(self, order: ShopOrder, reference: str, amount: Decimal) -> None:
        sums = shops.totals(self.shop, order)
        given = min(amount, sums.captured - sums.refunded)
        if given <= 0:
            return
        self.counts["credits_as_goodwill"] += 1
        self.worth["goodwill"] += given
        self.goodwill.append({"credit": reference, "order": order.name, "amount": str(given)})
        shops.refund(self.people.world, self.shop, order.id, adjustment=given, note=reference)

    # --- what it came to --------------------------------------------------------------------------

    def listing(self) -> dict[str, Any]:
        """Say what the file held and what has become of it so far."""
        counts = self.intake.counts
        return {
            "rule": {
                "invoices_with_a_positive_line": "not a credit, not an adjustment, some quantity above zero",
                "invoices_with_a_product_line": "of those: some such line is of a product",
                "invoices_with_a_priced_product_line": "of those: some such line has a price above zero",
                "orders": "those, and invoices without a product that charge a customer they name: orders of "
                "services, which ship nothing. The others are movements of stock (products at price zero) "
                "or fees",
            },
            "counts": counts,
            "derived": list(DERIVED),
            "played": {
                "orders": sum(len(orders) for orders in self.shop.by_name.values()),
                **dict(self.counts),
                "worth": {name: str(amount) for name, amount in self.worth.items()},
            },
            "movements": _group(self.intake.movements, lambda each: each.why),
            "fees": _group(self.intake.fees, lambda each: each.code.strip().upper()),
            "credits": {
                "as_goodwill": self.goodwill,
                "outside_the_shop": [
                    {"credit": c.reference, "customer_id": c.customer_id, "amount": str(c.amount)}
                    for c in self.shop.credits
                ],
            },
        }


def _group(listed: list[Listed], name: Any) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for each in listed:
        group = groups.setdefault(name(each), {"rows": 0, "units": 0, "amount": NOTHING})
        group["rows"] += 1
        group["units"] += each.quantity
        group["amount"] += each.amount
    return {key: group | {"amount": str(group["amount"])} for key, group in sorted(groups.items())}


def opening_stock(intake: Intake) -> dict[tuple[str, int], int]:
    """Derive the stock a year of this demand needs, by item and location."""
    needed: Counter[tuple[str, int]] = Counter()
    for invoice in intake.orders:
        home = location_of(invoice.number)
        for line in invoice.lines:
            needed[(line.sku, home)] += line.quantity
    for listed in intake.movements:
        if listed.quantity < 0:
            needed[(listed.code, location_of(listed.invoice))] -= listed.quantity
    return {(sku, home): needed[(sku, home)] + MARGIN for sku in intake.items for home in catalogue.LOCATIONS}


@dataclass(slots=True)
class _Do:
    filed: Filed
    invoice: Invoice
    is_credit: bool = False

    def __call__(self) -> None:
        if self.is_credit:
            self.filed.credit(self.invoice)
        else:
            self.filed.place(self.invoice)
