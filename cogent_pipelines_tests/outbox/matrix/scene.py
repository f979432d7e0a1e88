"""What there is to be done for every kind of write a vendor may declare, and how often the world shows it done.

Belongs here: one scene per (sync, act): the acts of the world that make it due, the query of our models that wants it,
and the count of its effects.
Does not belong here: a vendor's name or words, living through the scenes (``world``), or delivery (``case``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.outbox.syncs import SYNCS, Sync
from cogent_pipelines.sandbox.world import catalogue, truth
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Fulfilment, Level, Shop, ShopOrder, WarehouseOrder
from cogent_pipelines.sandbox.world.world import World
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS

if TYPE_CHECKING:
    from cogent_pipelines_tests.vendors.pair_kit import Pair

Task = tuple[str, str]
"""(sync, act), as vendors declare writes."""
Row = Mapping[str, Any]
Names = Sequence[str]
"""Of a scene's things: orders by the names that their shop shows, or SKUs."""
THINGS = 3
HOME, LOCATION = "LEEDS", 1001
PHYSICAL = 50
PLAIN = "'GBP' AS currency, NULL::TIMESTAMPTZ AS since_at, NULL::VARCHAR AS held_by, NULL::DECIMAL(18, 4) AS amount"

SYNCS_TO_COME: Mapping[str, Sync] = {
    name: Sync(name, target_role="warehouse", repeat="once", needs={"warehouse": ("orders",)})
    for name in ("returns_to_wms", "products_to_wms")
    if name not in SYNCS
}
"""Syncs that vendors declare writes for and that no flow of ours is yet: delivered as any other."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of work, three things of it."""

    things: Callable[[Pair, int], Names]
    """Make them: (pair, the scene's number) -> their names."""
    wanted: str
    """The query that wants them: rows of the sync's wanted view, or what it would hold. ``$names`` are the things'."""
    effects: Callable[[World, Row], int]
    """How often what a row wants is so: 0 lost, 1 done, more doubled."""
    then: Callable[[Pair, Names], None] | None = None
    """What makes them due once every system has them; None: they are due when they are made."""
    at_last: Callable[[Pair, Names], None] | None = None
    """What makes them due after all other scenes were read; the rows of shipments until then stand in ``ops.told``."""
    is_seen: Callable[[World, Row], bool] | None = None
    """Whether a reading would show a row done, so that it is wanted no more; None: where it has an effect."""
    is_level: bool = False
    """Whether it is a number that may be too old rather than lost."""

    def is_done(self, world: World, row: Row) -> bool:
        """What a reading would show."""
        return self.is_seen(world, row) if self.is_seen else self.effects(world, row) > 0


# --- making things ----------------------------------------------------------------------------------------


def _orders(pair: Pair, number: int) -> Names:
    """Paid orders of items that lie there."""
    skus = [f"SKU-{2 * number + n:04d}" for n in (1, 2)]
    for sku in skus:
        pair.do(WMS, "count_stock", sku=sku, facility=HOME, physical=PHYSICAL)
    lines = [{"sku": skus[0], "quantity": 2}, {"sku": skus[1], "quantity": 1}]
    return [_placed(pair, lines, thing) for thing in range(1, THINGS + 1)]


def _placed(pair: Pair, lines: Sequence[Mapping[str, Any]], thing: int) -> str:
    address = {"first_name": "Ada", "last_name": f"Example{thing}", "line1": f"{thing} Long Acre Street"}
    order = pair.do(SHOP, "place_order", lines=lines, location=LOCATION, address=address)
    return str(order["order"])


def _counted(pair: Pair, number: int) -> Names:
    """Items that lie there and are on sale."""
    del pair
    return [f"SKU-{2 * number + 1 + n:04d}" for n in range(THINGS)]


def _listed(pair: Pair, number: int) -> Names:
    """Items of the shop that no warehouse has and no location stocks."""
    skus = [f"NEW{number}{n}" for n in range(1, THINGS + 1)]
    for place, sku in enumerate(skus):
        catalogue.add_variant(
            pair.world,
            pair.shop,
            sku=sku,
            title=f"Item {sku}",
            price=Decimal(10),
            barcode=catalogue.gtin(990_000 + 10 * number + place),
            weight_grams=250,
            origin_country="GB",
            hs_code="610910",
        )
    return skus


def _shelved(pair: Pair, number: int) -> Names:
    """Items of both, on shelves, that no location of the shop stocks."""
    skus = _listed(pair, number)
    for sku in skus:
        wms.add_sellable(pair.world, pair.wms, sku=sku, title=sku, price=Decimal(10))
        pair.do(WMS, "count_stock", sku=sku, facility=HOME, physical=7)
    return skus


# --- making them due --------------------------------------------------------------------------------------


def _cancelled(pair: Pair, names: Names) -> None:
    for name in names:
        pair.do(SHOP, "cancel_order", order=name)


def _despatched(pair: Pair, names: Names) -> None:
    for place, name in enumerate(names):
        number = f"RM{pair.wms.by_number[_number(pair, name)][0]:07d}{place}GB"
        pair.do(WMS, "ship", order=_number(pair, name), tracking=number, carrier_id=1)
        (record,) = wms.records_of(pair.wms, name)
        for parcel in (a.parcel for a in record.allocations if a.parcel is not None):
            parcel.tracking_url = f"https://track.example.test/{number}"


def _despatched_of_more(pair: Pair, names: Names) -> None:
    """And as much again was added to the order since: it has room for the parcel twice."""
    for name in names:
        (order,) = (order for order in pair.shop.orders.values() if order.name == name)
        for line in list(order.lines):
            pair.do(SHOP, "set_quantity", order=name, sku=line.sku, quantity=2 * line.quantity)
    _despatched(pair, names)


def _number(pair: Pair, name: str) -> str:
    (record,) = wms.records_of(pair.wms, name)
    return record.number


def _given_up(pair: Pair, names: Names) -> None:
    """The warehouse cancels them, whole: a shop that changes no part of an order can follow."""
    for name in names:
        (record,) = wms.records_of(pair.wms, name)
        wms.cancel_order(pair.world, pair.wms, record.id, reason="Cannot be found", by="warehouse")


def _recounted(pair: Pair, names: Names) -> None:
    """Down and up."""
    for name, change in zip(names, (-1, -2, +30), strict=True):
        there = pair.do(WMS, "get_stock", sku=name, facility=HOME)["physical"]
        pair.do(WMS, "count_stock", sku=name, facility=HOME, physical=there + change)


def _told_in_silence(pair: Pair, names: Names, *, with_number: bool = True) -> None:
    for name in names:
        (record,) = wms.records_of(pair.wms, name)
        (number,) = (a.parcel.tracking_number for a in record.allocations if a.parcel is not None)
        numbers = [number] if with_number else []
        pair.do(SHOP, "fulfil", order=name, numbers=numbers, carrier="Royal Mail", notify=False)


def _told_without_number(pair: Pair, names: Names) -> None:
    _told_in_silence(pair, names, with_number=False)


# --- what the world shows ---------------------------------------------------------------------------------


def _order(world: World, row: Row) -> ShopOrder:
    _, _, number = str(row["order_key"]).partition(":")
    return world.shops[SHOP].orders[int(number)]


def _records(world: World, row: Row) -> list[WarehouseOrder]:
    return wms.records_of(world.warehouses[WMS], _order(world, row).name)


def _created(world: World, row: Row) -> int:
    """Orders sent in, dead ones too, where one is live and holds all its goods; or how often these were set aside."""
    warehouse = world.warehouses[WMS]
    records = _records(world, row)
    live = [r for r in records if r.id in warehouse.orders and r.cancelled_at is None]
    name = _order(world, row).name
    if not any(wms.allocated_units(r) == wms.ordered_units(r) for r in live) or name in _lost(world):
        return 0
    return max(len(records), *(len(r.allocations) for r in live))


def _lost(world: World) -> set[str]:
    return {
        str(fault["reference"]) for fault in truth.truth(world, {"lost"})["lost"] if fault["thing"] == "order"
    }


def _is_created(world: World, row: Row) -> bool:
    warehouse = world.warehouses[WMS]
    return any(record.id in warehouse.orders for record in _records(world, row))


def _stopped(world: World, row: Row) -> int:
    return int(all(record.cancelled_at is not None for record in _records(world, row)))


def _noted(world: World, row: Row) -> int:
    """Notes that name what wants them."""
    key = str(row["business_key"])
    return sum(key in text for record in _records(world, row) for _, _, text in record.notes)


def _released(world: World, row: Row) -> int:
    """Once when no line holds more than it should; twice when more was let go than that, or money moved."""
    order, shop = _order(world, row), world.shops[SHOP]
    sums, now = shops.totals(shop, order), {str(line.id): line.current_quantity for line in order.lines}
    wanted = {line["line_id"]: line["quantity"] for line in row["lines"]}
    if any(now[line] > quantity for line, quantity in wanted.items()):
        return 0
    is_exact = all(now[line] == quantity for line, quantity in wanted.items())
    is_unmoved = sums.captured == sums.total and not sums.refunded
    return 1 if is_exact and is_unmoved and all(_is_held(shop, line["sku"]) for line in row["lines"]) else 2


def _is_held(shop: Shop, sku: str) -> bool:
    """Whether as much of an item is held back as orders still wait for."""
    item = shop.variants[shop.by_sku[sku]].inventory_item_id
    held = sum(level.committed for (own, _), level in shop.levels.items() if own == item)
    lines = {line.id: line.sku for order in shop.orders.values() for line in order.lines}
    parts = [part for order in shop.orders.values() for f in order.fulfilment_orders for part in f.lines]
    return held == sum(part.remaining for part in parts if lines[part.line_id] == sku)


def _parcels(world: World, row: Row) -> list[Fulfilment]:
    order = _order(world, row)
    return [f for f in order.fulfilments if f.status == "success" and row["reference"] in f.numbers]


def _mails(world: World, row: Row) -> int:
    """Messages that something is on its way."""
    order, shop = _order(world, row), world.shops[SHOP]
    return sum(m.order_id == order.id and m.kind in ("shipped", "shipping_updated") for m in shop.mails)


def _told(world: World, row: Row) -> int:
    told, mailed = len(_parcels(world, row)), _mails(world, row)
    return max(told, mailed) if told and mailed else 0


def _level(shop: Shop, row: Row) -> Level | None:
    variant = shop.variants[shop.by_sku[row["sku"]]]
    return shop.levels.get((variant.inventory_item_id, int(row["location_id"])))


def _on_sale(world: World, row: Row) -> int:
    level = _level(world.shops[SHOP], row)
    return int(level is not None and level.is_active and level.available == row["quantity"])


def shown_now(world: World, row: Row) -> int | None:
    """The level a reading would show for a row of levels; None where there is none."""
    level = _level(world.shops[SHOP], row)
    return level.available if level is not None and level.is_active else None


def _returned(world: World, row: Row) -> int:
    warehouse = world.warehouses[WMS]
    return len(warehouse.orders[int(row["warehouse_order_id"])].returns)


def _stocked(world: World, row: Row) -> int:
    return int(row["sku"] in world.warehouses[WMS].by_sku)


# --- the scenes -------------------------------------------------------------------------------------------

OF_ORDERS = "order_key IN (SELECT order_key FROM marts.orders WHERE list_contains($names, order_name))"
FREE = "held_by IS NULL"
TOLD = f"""
    SELECT t.* REPLACE (
        '{{act}}' AS act, t.business_key || ':{{act}}' AS business_key, f.fulfilment_id AS fulfilment_id, [] AS lines
    )
    FROM ops.told AS t JOIN marts.fulfilments AS f ON f.order_key = t.order_key
    WHERE t.{OF_ORDERS} AND f.status_code = 'success'
"""
"""A parcel that the shop knows already, as far as it was told."""

SCENES: Mapping[Task, Scene] = {
    ("orders_to_wms", "create"): Scene(
        _orders,
        f"SELECT * FROM wanted.orders_to_wms WHERE {OF_ORDERS} AND {FREE}",
        _created,
        is_seen=_is_created,
    ),
    ("cancellations_to_wms", "cancel"): Scene(
        _orders,
        f"SELECT * FROM wanted.cancellations_to_wms WHERE {OF_ORDERS} AND {FREE}",
        _stopped,
        then=_cancelled,
    ),
    ("cancellations_to_wms", "note"): Scene(
        _orders,
        f"SELECT * REPLACE ('note' AS act) FROM wanted.cancellations_to_wms WHERE {OF_ORDERS} AND {FREE}",
        _noted,
        then=_cancelled,
        is_seen=lambda world, row: False,
    ),
    ("cancellations_to_channel", "release"): Scene(
        _orders,
        f"SELECT * FROM wanted.cancellations_to_channel WHERE {OF_ORDERS} AND {FREE}",
        _released,
        then=_given_up,
    ),
    ("shipments_to_channel", "fulfil"): Scene(
        _orders,
        f"SELECT * FROM wanted.shipments_to_channel WHERE {OF_ORDERS} AND act = 'fulfil' AND {FREE}",
        _told,
        then=_despatched_of_more,
        is_seen=lambda world, row: bool(_parcels(world, row)),
    ),
    ("shipments_to_channel", "notify"): Scene(
        _orders,
        TOLD.format(act="notify"),
        _mails,
        then=_despatched,
        at_last=_told_in_silence,
        is_seen=lambda world, row: False,
    ),
    ("shipments_to_channel", "track"): Scene(
        _orders,
        TOLD.format(act="track"),
        lambda world, row: len(_parcels(world, row)),
        then=_despatched,
        at_last=_told_without_number,
    ),
    ("stock_to_channel", "set"): Scene(
        _counted,
        "SELECT * FROM wanted.stock_to_channel "
        f"WHERE list_contains($names, sku) AND act = 'set' AND location_id = '{LOCATION}' AND {FREE}",
        _on_sale,
        then=_recounted,
        is_level=True,
    ),
    ("stock_to_channel", "activate"): Scene(
        _shelved,
        "SELECT * FROM wanted.stock_to_channel "
        f"WHERE list_contains($names, sku) AND act = 'activate' AND location_id = '{LOCATION}' AND {FREE}",
        _on_sale,
        is_level=True,
    ),
    ("returns_to_wms", "create"): Scene(
        _orders,
        f"""
        SELECT w.system, '{SHOP}' AS source_system, 'create' AS act, w.order_key || '@return' AS business_key,
            'RET-' || w.reference AS reference, w.order_key, 50 AS priority, {PLAIN}, w.warehouse_order_id,
            list({{
                'warehouse_order_line_id': split_part(l.warehouse_order_line_key, ':', -1),
                'sku': l.sku, 'qty': 1, 'reason': 'Too small'
            }} ORDER BY l.warehouse_order_line_key) AS lines
        FROM marts.warehouse_orders AS w JOIN marts.warehouse_order_lines AS l USING (warehouse_order_key)
        WHERE w.{OF_ORDERS} GROUP BY ALL
        """,
        _returned,
        then=_despatched,
    ),
    ("products_to_wms", "create"): Scene(
        _listed,
        f"""
        SELECT '{WMS}' AS system, system AS source_system, 'create' AS act, sku AS business_key, sku AS reference,
            NULL::VARCHAR AS order_key, 50 AS priority, {PLAIN.replace("'GBP' AS ", "")}, sku, title, barcode,
            weight_grams, origin_country_code, hs_code
        FROM marts.items WHERE role = 'channel' AND list_contains($names, sku)
        """,
        _stocked,
    ),
}
"""(sync, act) -> its scene. A write of any vendor is played in the scene of its sync and act."""


# --- the judge --------------------------------------------------------------------------------------------


def judge(world: World, task: Task, rows: Sequence[Row]) -> dict[str, int]:
    """What is lost, doubled and stale of these rows by the world's own truth."""
    made = SCENES[task]
    shown = [made.effects(world, row) for row in rows]
    missing, more = shown.count(0), sum(number > 1 for number in shown)
    return {
        "lost": 0 if made.is_level else missing,
        "doubled": more,
        "stale": missing if made.is_level else 0,
    }
