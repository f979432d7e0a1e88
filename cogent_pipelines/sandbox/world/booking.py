"""An ERP's own connection to the shops: it books what was paid, and follows what becomes of it there.

Belongs here: what of a shop's order stands in the books of an ERP that runs no facility, and when.
Does not belong here: how the ERP shows it (``vendors``), what staff do in the books (``plants_finance``).

INFERRED: it looks every five minutes; a customer is known by the shop's id and then by e-mail; an item it lacks is made as
its order comes in; test orders stay out; what was given back is a posting of its own and leaves the order as it was; what
was booked is changed only when the shop's order has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Shop, ShopLine, ShopOrder, Warehouse

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

EVERY = 300.0  # seconds between its looks at the shops
PRICE = Decimal("0.00000001")  # so fine that units times price is the line's money again, to the penny


@dataclass(frozen=True, slots=True)
class Sale:
    """A shop's order as it is to stand in the books."""

    lines: tuple[wms.NewWarehouseLine, ...]
    delivery: Decimal


@dataclass(slots=True)
class Booked:
    """An order that was booked: which record, when, and as what."""

    record_id: int
    at: datetime
    sale: Sale


@dataclass(slots=True)
class Connection:
    """What one ERP has taken from the shops."""

    world: World
    erp: Warehouse
    seen: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """Shop -> how far its orders were read."""
    booked: dict[tuple[str, int], Booked] = field(default_factory=dict)
    """(shop, order) -> what became of it."""
    customers: dict[tuple[str, int], int] = field(default_factory=dict)
    """(shop, its customer) -> the customer here."""

    def start(self) -> None:
        """Open a channel for each shop, and look at them from now on."""
        self.erp.channels = {catalogue.CHANNEL + i: name for i, name in enumerate(self.world.shops)}
        self.world.after(EVERY, self.go_round)

    def go_round(self) -> None:
        """Book and follow what changed, now and again."""
        for shop in self.world.shops.values():
            for position, key in list(shop.order_log.positions(after=self.seen.get(shop.system))):
                self.seen[shop.system] = position
                self._meet(shop, shop.orders[int(str(key))])
        self.world.after(EVERY, self.go_round)

    def _meet(self, shop: Shop, order: ShopOrder) -> None:
        known = self.booked.get((shop.system, order.id))
        if known is not None:
            self._follow(shop, order, known)
        elif (
            order.cancelled_at is None
            and not order.is_test
            and shops.financial_status(shop, order) in ("paid", "partially_refunded")
        ):
            self._book(shop, order)

    def _book(self, shop: Shop, order: ShopOrder) -> None:
        sale = self._sale(shop, order, self.world.now)
        if not sale.lines or self.world.flaw(self.erp.system, "book", order.name):
            return
        customer = (shop.system, order.customer_id or 0)
        record = wms.create_order(
            self.world,
            self.erp,
            number=order.name,
            channel_id=next(i for i, name in self.erp.channels.items() if name == shop.system),
            email=order.email,
            address=order.address,
            lines=sale.lines,
            currency=order.currency,
            delivery_price=sale.delivery,
            payment_reference=str(order.id),
            customer_id=self.customers.get(customer),
            sent_by="connection",
        )
        if order.customer_id is not None and record.customer_id is not None:
            self.customers.setdefault(customer, record.customer_id)
        self.booked[(shop.system, order.id)] = Booked(record.id, self.world.now, sale)

    def _follow(self, shop: Shop, order: ShopOrder, known: Booked) -> None:
        record = self.erp.orders.get(known.record_id)
        if record is None or record.cancelled_at is not None:
            return
        if order.cancelled_at is not None:
            wms.cancel_order(self.world, self.erp, record.id, reason=order.cancel_reason, by="connection")
            return
        sale = self._sale(shop, order, known.at)
        if sale == known.sale:
            return
        known.sale = sale
        wms.update_order(
            self.world,
            self.erp,
            record.id,
            quantities=dict.fromkeys((line.id for line in record.lines), 0),
            add=sale.lines,
        )
        record.delivery_price = sale.delivery

    def _sale(self, shop: Shop, order: ShopOrder, since: datetime) -> Sale:
        """What the order is worth, less what was taken off it and what was given back before ``since``."""
        refunds = [refund for refund in order.refunds if refund.at > since]
        lines = []
        for line in order.lines:
            back = [row for refund in refunds for row in refund.lines if row.line_id == line.id]
            units = line.current_quantity + sum(row.quantity for row in back)
            amount = shops.line_amount(line, line.current_quantity) + sum(
                (r.subtotal for r in back), Decimal(0)
            )
            if units > 0:
                lines.append(self._line(shop, line, units, amount))
        earlier = sum((refund.shipping for refund in order.refunds if refund.at <= since), Decimal(0))
        delivery = order.delivery_price - earlier
        if not shop.taxes_included and order.lines:
            delivery += shops.tax_in(shop, delivery, order.lines[0].tax_rate)
        return Sale(tuple(lines), delivery)

    def _line(self, shop: Shop, line: ShopLine, units: int, amount: Decimal) -> wms.NewWarehouseLine:
        before_tax = amount / (1 + line.tax_rate) if shop.taxes_included else amount
        price = (before_tax / units).quantize(PRICE)
        return wms.NewWarehouseLine(self._item(line), units, price, line.tax_rate, str(line.id))

    def _item(self, line: ShopLine) -> int:
        known = self.erp.by_sku.get(line.sku)
        if known is not None:
            return known
        return wms.add_sellable(
            self.world, self.erp, sku=line.sku, title=line.title, price=line.unit_price
        ).id


def connections(world: World) -> Iterator[Connection]:
    """One for each ERP that runs no facility."""
    return (Connection(world, erp) for erp in world.erps.values())
