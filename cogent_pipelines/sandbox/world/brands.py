"""Another brand in the retailer's own accounts: its items, stock and orders, which are nobody's business here.

Belongs here: what a neighbour leaves in shops and warehouses that brands share, as of one instant.
Does not belong here: who may tell them apart, and how (the project's own business).

In a shop the neighbour sells what it keeps elsewhere, and in a warehouse it keeps what it sells elsewhere: so none of it
agrees with anything, and its numbers are those of the retailer's own orders.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Address, Shop, ShopOrder, Warehouse, WarehouseOrder

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

PREFIX = "BETA-"
"""What the neighbour's SKUs begin with."""
CHANNEL = 772
"""Its channel, in shops and warehouses that have channels."""
NAME = "Neighbour"
ADDRESS = Address("Next", "Door", "2 Other Street", "York", "YO1 1AA", "GB")
PRICE, CARRIAGE = Decimal("12.00"), Decimal("3.95")


def move_in(world: World, *, orders: int = 3) -> None:
    """Put the neighbour into every shop and every warehouse, with so many orders in each."""
    for shop in world.shops.values():
        _sell(world, shop, orders)
    for warehouse in world.warehouses.values():
        _keep(world, warehouse, orders)


def _sell(world: World, shop: Shop, orders: int) -> None:
    """Items that lie elsewhere, and orders that are sent from there: the first is, the second is given back for."""
    shop_sku = f"{PREFIX}SHOP-01"
    variant = catalogue.add_variant(
        world,
        shop,
        sku=shop_sku,
        title="Neighbour's candle",
        price=PRICE,
        weight_grams=100,
        origin_country="GB",
    )
    for location in shop.locations:
        catalogue.stock_level(world, shop, variant, location, 50)
    made = [sale(world, shop, [shops.NewLine(shop_sku, 1, PRICE, variant.id)]) for _ in range(orders)]
    if len(made) > 1:
        line = made[1].lines[0]
        shops.refund(world, shop, made[1].id, lines=[(line.id, 1, "no_restock")])
    if made:
        groups = [(each.id, None) for each in made[0].fulfilment_orders]
        shops.fulfil(world, shop, made[0].id, groups, carrier="DPD", numbers=("BETA1GB",), notify=False)


def sale(world: World, shop: Shop, lines: list[shops.NewLine]) -> ShopOrder:
    """One paid order of the neighbour's channel."""
    order = shops.place_order(
        world,
        shop,
        lines=lines,
        email="next@example.com",
        address=replace(ADDRESS),
        delivery_price=CARRIAGE,
        channel_id=CHANNEL,
    )
    shops.authorise(world, shop, order.id)
    shops.capture(world, shop, order.id)
    return order


def _keep(world: World, warehouse: Warehouse, orders: int) -> None:
    """Items that are sold elsewhere, and orders from there: the first leaves, the others wait."""
    warehouse.channels[CHANNEL] = NAME
    sku = f"{PREFIX}SHELF-01"
    wms.add_sellable(world, warehouse, sku=sku, title="Neighbour's lamp", price=PRICE)
    for facility in warehouse.facilities:
        catalogue.open_stock(world, warehouse, sku, facility, 50)
    made = [consign(world, warehouse, f"B-{1001 + number}") for number in range(orders)]
    if made:
        (allocation,) = made[0].allocations
        wms.ship_allocation(
            world, warehouse, made[0].id, allocation.id, carrier_id=1, tracking_number="BETA2GB"
        )


def consign(world: World, warehouse: Warehouse, number: str) -> WarehouseOrder:
    """One order the neighbour has a warehouse send, under whatever number it likes."""
    order = wms.create_order(
        world,
        warehouse,
        number=number,
        channel_id=CHANNEL,
        email="next@example.com",
        address=replace(ADDRESS),
        lines=[wms.NewWarehouseLine(warehouse.by_sku[f"{PREFIX}SHELF-01"], 1, PRICE)],
        delivery_method_id=next(iter(warehouse.delivery_methods)),
        sent_by="neighbour",
    )
    wms.allocate(world, warehouse, order.id, next(iter(warehouse.facilities)))
    return order
