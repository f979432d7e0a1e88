"""The other side of a case: a small sandbox with work to be done, and what should be wanted of it.

Belongs here: building the world, setting the scene of each sync, and computing ``wanted`` from what a reading
of both systems would show now.
Does not belong here: any knowledge of how it is delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from cogent_pipelines.sandbox.app import Sandbox, create_app
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors.shopify_state import level_gid
from cogent_pipelines.sandbox.world import acts, truth
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Shop, ShopOrder, Warehouse
from cogent_pipelines.sandbox.world.world import World

START = datetime(2026, 11, 2, 1, tzinfo=UTC)  # a Monday night: nobody picks, nobody orders
SHOP, WMS = "web_uk", "wms_uk"
THINGS = 3
Row = dict[str, Any]


def build() -> Sandbox:
    """A sandbox that stands still, with a dozen items and no customers."""
    settings = Settings(seed=1, days=1, orders=0, skus=12, bundles=0, start=START, speed=0)
    return create_app(settings, disconnect=httpx.ReadError)


def _do(world: World, system: str, verb: str, **args: Any) -> Any:
    return acts.do(world, system, verb, args)


def _order(world: World, number: int) -> str:
    name = f"#{7000 + number}"
    lines = [{"sku": f"SKU-{number:04d}", "quantity": 2}, {"sku": f"SKU-{number + 1:04d}", "quantity": 1}]
    address = {"first_name": "Ada", "last_name": f"Example{number}", "line1": f"{number} Long Acre Street"}
    _do(world, SHOP, "place_order", name=name, lines=lines, location=1001, address=address)
    return name


def _at_warehouse(world: World, number: int) -> str:
    name = _order(world, number)
    lines = [{"sku": f"SKU-{number:04d}", "quantity": 2}, {"sku": f"SKU-{number + 1:04d}", "quantity": 1}]
    _do(world, WMS, "create_order", order=name, lines=lines, sent_by="api")
    return name


def orders(world: World) -> None:
    """Paid orders that no warehouse has."""
    for number in range(1, THINGS + 1):
        _order(world, number)


def cancellations(world: World) -> None:
    """Orders cancelled in the shop that the warehouse still has."""
    for number in range(1, THINGS + 1):
        _do(world, SHOP, "cancel_order", order=_at_warehouse(world, number))


def shipments(world: World) -> None:
    """Parcels that left and that the shop has not been told of."""
    for number in range(1, THINGS + 1):
        _do(
            world, WMS, "ship", order=_at_warehouse(world, number), tracking=f"RM{number:09d}GB", carrier_id=1
        )


def notices(world: World) -> None:
    """Parcels the shop knows, and whose first scan the customer has not been told of."""
    shipments(world)
    for number in range(1, THINGS + 1):
        _do(
            world,
            SHOP,
            "fulfil",
            order=f"#{7000 + number}",
            numbers=[f"RM{number:09d}GB"],
            carrier="Royal Mail",
        )
    for fulfilment in world.shops[SHOP].fulfilments.values():
        fulfilment.urls[:] = [f"https://track.example.test/{fulfilment.numbers[0]}"]


def levels(world: World) -> None:
    """Counts that changed stock, up and down, since the shop was told."""
    for number in range(1, THINGS + 2):
        _do(world, WMS, "count_stock", sku=f"SKU-{number:04d}", physical=5 * number)


SCENES: Mapping[str, Callable[[World], None]] = {
    "orders": orders,
    "cancellations": cancellations,
    "shipments": shipments,
    "notices": notices,
    "levels": levels,
}
SYNC_OF = {
    "orders": "orders_to_wms",
    "cancellations": "cancellations_to_wms",
    "shipments": "shipments_to_channel",
    "notices": "shipments_to_channel",
    "levels": "stock_to_channel",
}
OPERATIONS = {
    "orders": (WMS, ("POST /orders", "POST /orders/{id}/allocations")),
    "cancellations": (WMS, ("PUT /orders/{id}/cancel",)),
    "shipments": (SHOP, ("fulfillmentCreate",)),
    "notices": (SHOP, ("fulfillmentTrackingInfoUpdate",)),
    "levels": (SHOP, ("inventorySetQuantities",)),
}
"""Where a scene's writes go, and the operations a fault may strike."""


# --- what a reading of both systems makes wanted ------------------------------------------------------


def wanted(world: World, scene: str) -> list[Row]:
    """The rows the wanted view of the scene's sync would have, were both systems read now."""
    shop, warehouse = world.shops[SHOP], world.warehouses[WMS]
    return _WANTED[scene](world, shop, warehouse)


def _base(act: str, key: str, reference: str, order: ShopOrder | None, *, to: str, priority: int) -> Row:
    return {
        "system": to,
        "source_system": WMS if to == SHOP else SHOP,
        "act": act,
        "business_key": key,
        "reference": reference,
        "order_key": f"{SHOP}:{order.id}" if order else None,
        "since_at": START,
        "held_by": None,
        "priority": priority,
        "amount": None,
        "currency": "GBP",
    }


def _wanted_orders(world: World, shop: Shop, warehouse: Warehouse) -> list[Row]:
    rows = []
    for order in shop.orders.values():
        if order.cancelled_at or any(i in warehouse.orders for i in warehouse.by_number.get(order.name, ())):
            continue
        base = _base("create", f"{SHOP}:{order.id}@LEEDS", order.name, order, to=WMS, priority=30)
        address = order.address
        rows.append(
            base
            | {
                "facility": "LEEDS",
                "facility_id": "41",
                "delivery_method_id": "11",
                "placed_at": order.created_at,
                "shipping_amount": order.delivery_price.quantize(Decimal("0.0001")),
                "customer_email": order.email,
                "ship_to_first_name": address.first_name,
                "ship_to_last_name": address.last_name,
                "ship_to_line1": address.line1,
                "ship_to_city": address.city,
                "ship_to_postcode": address.postcode,
                "ship_to_country_code": address.country_code,
                "note": None,
                "payment_reference": "pay-1",
                "lines": [
                    {
                        "line_ref": str(line.id),
                        "sku": line.sku,
                        "item_id": str(warehouse.by_sku[line.sku]),
                        "qty": line.quantity,
                        "unit_price_amount": line.unit_price.quantize(Decimal("0.0001")),
                        "tax_rate": float(line.tax_rate),
                    }
                    for line in order.lines
                ],
            }
        )
    return rows


def _wanted_cancellations(world: World, shop: Shop, warehouse: Warehouse) -> list[Row]:
    rows = []
    for order in shop.orders.values():
        for record in wms.find_orders(warehouse, order.name) if order.cancelled_at else ():
            if wms.status(record) != "cancelled":
                base = _base("cancel", f"{SHOP}:{order.id}@cancel", order.name, order, to=WMS, priority=20)
                rows.append(
                    base | {"warehouse_order_id": str(record.id), "cancel_reason": "Cancelled in the shop"}
                )
    return rows


def _wanted_shipments(world: World, shop: Shop, warehouse: Warehouse) -> list[Row]:
    rows = []
    for order, parcel_id, number, url in _parcels(shop, warehouse):
        if any(number in f.numbers for f in order.fulfilments if f.status == "success"):
            continue
        base = _base("fulfil", f"{WMS}:{parcel_id}", number, order, to=SHOP, priority=40)
        lines = [
            {
                "fulfilment_order_id": str(fulfilment_order.id),
                "fulfilment_order_line_id": str(line.id),
                "order_line_key": f"{SHOP}:{line.line_id}",
                "sku": "",
                "qty": line.remaining,
            }
            for fulfilment_order in order.fulfilment_orders
            for line in fulfilment_order.lines
            if line.remaining
        ]
        rows.append(base | _parcel_fields(order, parcel_id, number, url) | {"notify": True, "lines": lines})
    return rows


def _wanted_notices(world: World, shop: Shop, warehouse: Warehouse) -> list[Row]:
    rows = []
    for order, parcel_id, number, url in _parcels(shop, warehouse):
        base = _base("notify", f"{WMS}:{parcel_id}:scan", number, order, to=SHOP, priority=40)
        fulfilment = next(f for f in order.fulfilments if number in f.numbers)
        own = _parcel_fields(order, parcel_id, number, url)
        rows.append(base | own | {"notify": True, "fulfilment_id": str(fulfilment.id), "lines": []})
    return rows


def _parcels(shop: Shop, warehouse: Warehouse) -> list[tuple[ShopOrder, int, str, str]]:
    known = {order.name: order for order in shop.orders.values()}
    return [
        (
            known[record.number],
            a.parcel.id,
            a.parcel.tracking_number,
            f"https://track.example.test/{a.parcel.tracking_number}",
        )
        for record in warehouse.orders.values()
        for a in record.allocations
        if a.parcel is not None
    ]


def _parcel_fields(order: ShopOrder, parcel_id: int, number: str, url: str) -> Row:
    return {
        "shipment_id": str(parcel_id),
        "location_id": "1001",
        "carrier": "Royal Mail",
        "tracking_numbers": [number],
        "tracking_urls": [url],
        "despatched_at": START,
        "fulfilment_id": None,
        "order_id": str(order.id),
        "part": 1,
    }


def _wanted_levels(world: World, shop: Shop, warehouse: Warehouse) -> list[Row]:
    rows = []
    for row in truth.truth(world, {"stock"})["stock"].values():
        if row["available"] == row["expected"]:
            continue
        item = shop.variants[shop.by_sku[row["sku"]]].inventory_item_id
        level_id = level_gid(shop.levels[item, row["location"]]).rpartition("/")[2]
        is_decrease = row["expected"] < row["available"]
        base = _base(
            "set", f"{SHOP}:{level_id}", row["sku"], None, to=SHOP, priority=10 if is_decrease else 50
        )
        rows.append(
            base
            | {
                "location_id": str(row["location"]),
                "inventory_item_id": str(item),
                "sku": row["sku"],
                "quantity": row["expected"],
                "change_from": row["available"],
                "is_decrease": is_decrease,
            }
        )
    return rows


_WANTED: Mapping[str, Callable[[World, Shop, Warehouse], list[Row]]] = {
    "orders": _wanted_orders,
    "cancellations": _wanted_cancellations,
    "shipments": _wanted_shipments,
    "notices": _wanted_notices,
    "levels": _wanted_levels,
}


# --- the judge ----------------------------------------------------------------------------------------


def judge(world: World, scene: str) -> dict[str, int]:
    """What is lost, doubled and stale by the world's own truth."""
    told = truth.truth(world, {"orders", "lost", "doubled", "stale"})
    found = {"lost": 0, "doubled": 0, "stale": 0}
    if scene == "levels":
        found["stale"] = len(told["stale"])
        return found
    if scene in ("orders", "shipments"):
        found["lost"] = len({f["reference"] for f in told["lost"]})
        found["doubled"] = len({f["reference"] for f in told["doubled"]})
    warehouse, shop = world.warehouses[WMS], world.shops[SHOP]
    if scene == "orders":
        allocated = [o for o in warehouse.orders.values() if o.allocations and o.cancelled_at is None]
        found["lost"] = max(found["lost"], THINGS - len({o.number for o in allocated}))
        found["doubled"] += sum(len(o.allocations) > 1 for o in allocated)
    if scene == "cancellations":
        found["lost"] = sum(o.cancelled_at is None for o in warehouse.orders.values())
    if scene in ("shipments", "notices"):
        kinds = ("shipped", "shipping_updated")
        mails: dict[int, int] = dict.fromkeys(shop.orders, 0)
        for mail in shop.mails:
            mails[mail.order_id] += mail.kind in kinds
        found["lost"] = max(found["lost"], sum(n == 0 for n in mails.values()))
        found["doubled"] = max(found["doubled"], sum(n > 1 for n in mails.values()))
    return found
