"""The retailer's people, put together: customers, warehouse, carriers, staff, the old integration.

Belongs here: who hears of what, staff's acts across two systems, and the daily round.
Does not belong here: the single trades (``customers``, ``pickers``, ``old_integration``), rates (``rates``).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world import accounts, catalogue, hours
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.customers import Customers
from cogent_pipelines.sandbox.world.model import (
    Account,
    Allocation,
    Parcel,
    PayoutEntry,
    Shop,
    ShopOrder,
    Variant,
    Warehouse,
    WarehouseOrder,
)
from cogent_pipelines.sandbox.world.old_integration import OldIntegration
from cogent_pipelines.sandbox.world.pickers import Pickers

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.rates import Rates
    from cogent_pipelines.sandbox.world.world import World


class People:
    """Everybody. ``world.people`` is one of these once the world is built."""

    def __init__(self, world: World, rates: Rates) -> None:
        self.world = world
        self.rates = rates
        self.reserved_skus: set[str] = set()  # items nobody but the planter buys or counts
        self.bundles = {sku: parts for shop in world.shops.values() for sku, parts in _bundles(shop)}
        self._shelves: dict[str, tuple[int, list[Variant], list[Variant]]] = {}
        self._stocked: dict[str, list[int]] = {}
        self.customers = Customers(self)
        self.pickers = Pickers(self)
        self.old = OldIntegration(self)

    # --- what systems tell them -------------------------------------------------------------------

    def order_arrived(self, warehouse: Warehouse, order: WarehouseOrder) -> None:
        """Hear of a new order in a warehouse. Nobody allocates by hand what an integration should."""
        self.world.note(f"{order.sent_by} sent to {warehouse.system}", order.order_name)

    def order_allocated(self, warehouse: Warehouse, order: WarehouseOrder, allocation: Allocation) -> None:
        """Hear of an allocation."""
        self.pickers.allocated(warehouse, order, allocation)

    def parcel_left(self, warehouse: Warehouse, order: WarehouseOrder, parcel: Parcel) -> None:
        """Hear of a parcel."""
        self.world.note(f"{warehouse.system} despatched {parcel.id}", order.order_name)
        self.old.parcel_left(warehouse, order, parcel)

    # --- knowing things ---------------------------------------------------------------------------

    @property
    def plain_skus(self) -> dict[str, int]:
        """SKUs a warehouse knows by the same name."""
        for warehouse in self.world.warehouses.values():
            return warehouse.by_sku
        return {}

    def shelf(self, shop: Shop) -> tuple[list[Variant], list[Variant]]:
        """Give what a shop lists: items, and bundles."""
        known = self._shelves.get(shop.system)
        if known is None or known[0] != len(shop.variants):
            plain = [v for v in shop.variants.values() if not v.is_bundle]
            known = (len(shop.variants), plain, [v for v in shop.variants.values() if v.is_bundle])
            self._shelves[shop.system] = known
        return known[1], known[2]

    def stocked(self, warehouse: Warehouse) -> list[int]:
        """Give the items a warehouse keeps."""
        known = self._stocked.get(warehouse.system)
        if known is None or len(known) != len(warehouse.sellables):
            known = self._stocked[warehouse.system] = list(warehouse.sellables)
        return known

    def in_warehouses(self, number: str) -> list[tuple[Warehouse, WarehouseOrder]]:
        """Give every record of a shop's order that a warehouse has and has not cancelled."""
        return [
            (warehouse, order)
            for warehouse in self.world.warehouses.values()
            for order in wms.records_of(warehouse, number)
            if order.cancelled_at is None and order.id in warehouse.orders
        ]

    def placed(self, number: str) -> tuple[Shop, ShopOrder] | None:
        """Give the shop's order of a number."""
        for shop in self.world.shops.values():
            for order in shops.find_orders(shop, number):
                return shop, order
        return None

    def is_plain(self, number: str) -> bool:
        """Say whether the shop's order has no bundles and one fulfilment order."""
        found = self.placed(number)
        if found is None:
            return False
        order = found[1]
        return len(order.fulfilment_orders) == 1 and all(line.sku not in self.bundles for line in order.lines)

    def explode(self, sku: str, units: int) -> dict[str, int]:
        """Give the items a line of the shop needs from the shelf."""
        parts = self.bundles.get(sku)
        return {sku: units} if parts is None else {part: each * units for part, each in parts.items()}

    # --- staff, across systems --------------------------------------------------------------------

    def cancel_in_shop(self, number: str, reason: str) -> None:
        """Cancel in the shop what the warehouse gave up."""
        found = self.placed(number)
        if found is not None:
            self.customers.cancel(*found, reason)

    def refund_rest(self, number: str, sku: str, units: int) -> None:
        """Refund in the shop what the warehouse will not send."""
        found = self.placed(number)
        if found is None:
            return
        shop, order = found
        line = next((each for each in order.lines if each.sku == sku and each.unfulfilled_quantity), None)
        if line is None or order.cancelled_at is not None:
            return
        sums = shops.totals(shop, order)
        amount = min(shops.line_amount(line, units), sums.captured - sums.refunded)
        shops.refund(
            self.world,
            shop,
            order.id,
            lines=[(line.id, units, "cancel")],
            amount=amount,
            note="not in stock after all",
            notify=True,
        )

    def mirror(self, shop: Shop, order: ShopOrder, warehouse: Warehouse, released: WarehouseOrder) -> None:
        """Write the shop's address and quantities over the warehouse's record of the same order."""
        del shop
        if not wms.is_open(released):
            return
        wanted: dict[int, int] = {}
        for placed in order.lines:
            if placed.requires_shipping:
                for sku, units in self.explode(placed.sku, placed.current_quantity).items():
                    sellable_id = warehouse.by_sku.get(sku)
                    if sellable_id is not None:
                        wanted[sellable_id] = wanted.get(sellable_id, 0) + units
        quantities = {}
        for line in released.lines:
            quantities[line.id] = min(line.quantity, wanted.get(line.sellable_id, 0))
            wanted[line.sellable_id] = wanted.get(line.sellable_id, 0) - quantities[line.id]
        if not any(quantities.values()):
            wms.cancel_order(self.world, warehouse, released.id, reason="nothing left of it", by="staff")
            return
        wms.update_order(self.world, warehouse, released.id, address=order.address, quantities=quantities)

    # --- the daily round --------------------------------------------------------------------------

    def schedule_days(self, start: datetime, days: int) -> None:
        """Plan the warehouse's stock work and the payouts of each day."""
        first = datetime.combine(start.astimezone(hours.LONDON).date(), time(4), hours.LONDON)
        for number in range(days):
            day = first + timedelta(days=number)
            at, payout = day.astimezone(UTC), day.replace(hour=self.rates.payout_hour).astimezone(UTC)
            self.world.schedule(at, lambda at=at: self.pickers.plan_day(at))  # type: ignore[misc]
            self.world.schedule(payout, self.pay_out)

    def pay_out(self) -> None:
        """Issue what each payments account owes; the payout of the day before has arrived.

        A shop's own provider pays what is older than the day, any other all there is.
        """
        midnight = self.world.now.replace(hour=0, minute=0, second=0, microsecond=0)
        holders: list[Shop | Account] = [*self.world.shops.values(), *self.world.accounts.values()]
        for holder in holders:
            for payout in holder.payouts.values():
                if payout.status == "scheduled":
                    payout.status = "paid"
            is_own = isinstance(holder, Shop)
            due = [
                e for e in map(holder.entries.__getitem__, holder.unpaid_out) if e.at < midnight or not is_own
            ]
            if due:
                accounts.pay_out(self.world, holder, due)

    def charged(self, account: Account, charge: PayoutEntry) -> None:
        """Hear of a charge: some are disputed later, and of some the provider holds a part back for a while."""
        world, rates = self.world, self.rates
        if charge.order_name in world.reserved:
            return
        rng = world.rng(account.system, "charge", charge.order_name, charge.amount)
        if rng.random() < rates.reserved:
            held = accounts.reserve(world, account, charge, shops.round_money(charge.amount / 10))
            days = rng.uniform(*rates.reserve_days)
            world.after(days * 86_400, lambda: self._release(account, held))
        if rng.random() < rates.disputed:
            days, is_won = rng.uniform(*rates.dispute_days), rng.random() < rates.dispute_won
            world.after(days * 86_400, lambda: self.dispute(account, charge, is_won=is_won))

    def dispute(self, account: Account, charge: PayoutEntry, *, is_won: bool) -> None:
        """The customer tells their bank that it was not they; not so where the money went back already."""
        if any(e.original_id == charge.id and e.kind == "refund" for e in account.entries.values()):
            return
        lost = accounts.dispute(self.world, account, charge)
        if is_won:
            days = self.rates.reserve_days[1]
            self.world.after(days * 86_400, lambda: self._win(account, lost))

    def _win(self, account: Account, lost: PayoutEntry) -> None:
        accounts.win(self.world, account, lost)

    def _release(self, account: Account, held: PayoutEntry) -> None:
        accounts.release(self.world, account, held)


def _bundles(shop: Shop) -> list[tuple[str, dict[str, int]]]:
    bundles = [v for v in shop.variants.values() if v.is_bundle]
    return [(bundle.sku, catalogue.components(index)) for index, bundle in enumerate(bundles, 1)]
