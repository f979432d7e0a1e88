"""Finding a shop's records and noting that they changed.

Belongs here: look-ups that refuse, and the change logs. Does not belong here: any act (``shop``,
``fulfilling``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.world.model import Fulfilment, FulfilmentOrder, Mail, Shop, ShopLine, ShopOrder
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

OPEN = ("open", "in_progress", "scheduled", "on_hold")


def get_order(shop: Shop, order_id: int) -> ShopOrder:
    """Give an order or refuse."""
    order = shop.orders.get(order_id)
    if order is None:
        raise Refused("order_not_found", "Order does not exist")
    return order


def find_orders(shop: Shop, name: str) -> list[ShopOrder]:
    """Give the orders of a name; names are unique unless somebody made them otherwise."""
    return [shop.orders[order_id] for order_id in shop.by_name.get(name, ())]


def get_line(order: ShopOrder, line_id: int) -> ShopLine:
    """Give a line of an order or refuse."""
    for line in order.lines:
        if line.id == line_id:
            return line
    raise Refused("line_not_found", "The line item does not exist on the order.")


def touch(world: World, shop: Shop, order: ShopOrder) -> None:
    """Note that an order changed now."""
    order.updated_at = world.now
    shop.order_log.add(world.now, order.id)


def touch_fulfilment_order(world: World, shop: Shop, fulfilment_order: FulfilmentOrder) -> None:
    """Note that a fulfilment order changed now; its order's own change date need not move."""
    fulfilment_order.updated_at = world.now
    shop.fulfilment_order_log.add(world.now, fulfilment_order.id)


def mail(world: World, shop: Shop, order: ShopOrder, kind: str, fulfilment: Fulfilment | None = None) -> None:
    """Send the customer a message: the one place that does."""
    numbers = list(fulfilment.numbers) if fulfilment else []
    shop.mails.append(Mail(order.id, kind, world.now, numbers, fulfilment.id if fulfilment else None))
