"""What is so: every system's state summed up, effects per reference, and what is lost, doubled or stale.

Belongs here: the world looked at from outside all systems, and the world's own laws (``breaches``).
Does not belong here: any rule of the project under test; this is computed from what really happened.

``lost``, ``doubled``, ``stale`` and ``oversold`` say how it is now; while an integration has work before it, things are
lost only in the sense of not yet done. What belongs to a planted defect is marked ``planted``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.world import catalogue, levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Shop, ShopOrder, Warehouse, WarehouseOrder

if TYPE_CHECKING:
    from datetime import datetime

    from cogent_pipelines.sandbox.world.world import World

PARTS = ("systems", "orders", "parcels", "stock", "lost", "doubled", "stale", "oversold")


def truth(world: World, parts: set[str] | None = None) -> dict[str, Any]:
    """Tell the truth, all of it or some parts."""
    wanted = set(PARTS) if parts is None else parts
    unknown = wanted - set(PARTS)
    if unknown:
        raise ValueError(f"unknown parts {', '.join(sorted(unknown))}; expected some of {', '.join(PARTS)}")
    told: dict[str, Any] = {"at": world.now, "seed": world.settings.seed}
    if "systems" in wanted:
        told["systems"] = systems(world)
    if wanted & {"orders", "lost", "doubled"}:
        orders, order_faults = _orders(world)
        parcels, parcel_faults = _parcels(world)
        if "orders" in wanted:
            told["orders"] = orders
        if "parcels" in wanted:
            told["parcels"] = parcels
        faults = order_faults + parcel_faults
        told["lost"] = [fault for fault in faults if fault["is"] == "lost"]
        told["doubled"] = [fault for fault in faults if fault["is"] == "doubled"]
    elif "parcels" in wanted:
        told["parcels"] = _parcels(world)[0]
    if wanted & {"stock", "stale"}:
        stock = list(_stock(world))
        if "stock" in wanted:
            told["stock"] = {f"{row['system']}:{row['sku']}:{row['location']}": row for row in stock}
        told["stale"] = [row for row in stock if row["available"] != row["expected"]]
    if "oversold" in wanted:
        told["oversold"] = list(_oversold(world))
    return told


def systems(world: World) -> dict[str, Any]:
    """Sum every system up."""
    summed: dict[str, Any] = {}
    for shop in world.shops.values():
        orders = shop.orders.values()
        summed[shop.system] = {
            "orders": len(shop.orders),
            "cancelled": sum(1 for order in orders if order.cancelled_at),
            "by_payment": Counter(shops.financial_status(shop, order) for order in orders),
            "by_fulfilment": Counter(shops.fulfilment_status(order) for order in orders),
            "fulfilments": sum(1 for f in shop.fulfilments.values() if f.status == "success"),
            "refunds": sum(len(order.refunds) for order in orders),
            "mails": Counter(mail.kind for mail in shop.mails),
            "available": sum(level.available for level in shop.levels.values()),
            "committed": sum(level.committed for level in shop.levels.values()),
            "variants": len(shop.variants),
            "payouts": len(shop.payouts),
            "credits_outside": len(shop.credits),
        }
    for account in world.accounts.values():
        summed[account.system] = {
            "payouts": len(account.payouts),
            "entries": Counter(entry.kind for entry in account.entries.values()),
            "balance": sum(
                (account.entries[i].amount - account.entries[i].fee for i in account.unpaid_out), Decimal(0)
            ),
        }
    for warehouse in world.warehouses.values():
        summed[warehouse.system] = {
            "orders": len(warehouse.orders),
            "deleted": len(warehouse.deleted_orders),
            "by_status": Counter(wms.status(order) for order in warehouse.orders.values()),
            "sent_by": Counter(order.sent_by for order in warehouse.orders.values()),
            "parcels": sum(1 for o in warehouse.orders.values() for a in o.allocations if a.parcel),
            "physical": sum(entry.physical for entry in warehouse.stock.values()),
            "allocated": sum(entry.allocated for entry in warehouse.stock.values()),
            "movements": Counter(movement.why for movement in warehouse.movements),
            "sellables": len(warehouse.sellables),
        }
    return summed


# --- orders -------------------------------------------------------------------------------------------


def _records(world: World, name: str) -> list[tuple[Warehouse, WarehouseOrder, bool]]:
    """Give every record of a shop's order: (warehouse, record, is it live)."""
    return [
        (
            warehouse,
            record,
            record.id in warehouse.orders and record.cancelled_at is None and record.merged_to_id is None,
        )
        for warehouse in world.warehouses.values()
        for record in wms.records_of(warehouse, name)
    ]


def _due_units(world: World, order: ShopOrder, *, as_ordered: bool) -> Counter[str]:
    """Give the units off the shelf an order asks for: as ever ordered, or what it still stands at."""
    due: Counter[str] = Counter()
    for line in order.lines:
        if line.requires_shipping:
            units = line.quantity if as_ordered else line.current_quantity + line.returned_quantity
            for sku, number in world.people.explode(line.sku, units).items():
                due[sku] += number
    return due


def _orders(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    told: dict[str, Any] = {}
    faults: list[dict[str, Any]] = []
    for shop in world.shops.values():
        for order in shop.orders.values():
            records = _records(world, order.name)
            payment = shops.financial_status(shop, order)
            due = _due_units(world, order, as_ordered=False)
            told[order.name] = {
                "system": shop.system,
                "placed_at": order.created_at,
                "payment": payment,
                "cancelled_at": order.cancelled_at,
                "is_test": order.is_test,
                "ships": bool(due),
                "homes": sorted(
                    {f.location_id for f in order.fulfilment_orders if any(p.total for p in f.lines)}
                ),
                "in_warehouse": sum(1 for *_, is_live in records if is_live),
                "records": len(records),
                "sent_by": [record.sent_by for _, record, _ in records],
                "statuses": [wms.status(record) for _, record, _ in records],
                "allocations": sum(len(record.allocations) for _, record, is_live in records if is_live),
                "parcels": sum(1 for _, record, _ in records for a in record.allocations if a.parcel),
                "fulfilments": sum(1 for f in order.fulfilments if f.status == "success"),
                "planted": order.name in world.reserved,
            }
            faults.extend(_order_faults(world, order, records, payment, due))
    return told, faults


def _order_faults(
    world: World,
    order: ShopOrder,
    records: list[tuple[Warehouse, WarehouseOrder, bool]],
    payment: str,
    due: Counter[str],
) -> Iterator[dict[str, Any]]:
    base = {"thing": "order", "reference": order.name, "planted": order.name in world.reserved}
    live, ever = _units(records, only_live=True), _units(records, only_live=False)
    ordered = _due_units(world, order, as_ordered=True)
    for units, is_live in ((live, True), (ever, False)):
        too_many = {sku: number - ordered[sku] for sku, number in units.items() if number > ordered[sku]}
        if too_many:
            by = [record.sent_by for _, record, _ in records]
            yield base | {"is": "doubled", "units": too_many, "is_live": is_live, "sent_by": by}
            break
    is_due = payment in ("paid", "partially_refunded") and order.cancelled_at is None and not order.is_test
    if is_due:
        missing = {sku: number - live[sku] for sku, number in due.items() if number > live[sku]}
        if missing:
            why = "taken away" if ever else "never there"
            yield base | {"is": "lost", "units": missing, "why": why, "placed_at": order.created_at}


def _units(records: list[tuple[Warehouse, WarehouseOrder, bool]], *, only_live: bool) -> Counter[str]:
    """Add up records of a reference; of the dead only what came by the API, as that was an effect.

    The goods of a record merged into another travel there: they are its own still, and none of the other's.
    """
    units: Counter[str] = Counter()
    for warehouse, order, is_live in records:
        by_api = not only_live and order.sent_by == "api" and order.merged_to_id is None
        if is_live or by_api or _travels(warehouse, order):
            for sellable_id, number in wms.ordered_units(order).items():
                units[warehouse.sellables[sellable_id].sku] += number
            for child in warehouse.orders.values():
                if child.merged_to_id == order.id:
                    for sellable_id, number in wms.ordered_units(child).items():
                        units[warehouse.sellables[sellable_id].sku] -= number
    return +units


def _travels(warehouse: Warehouse, order: WarehouseOrder) -> bool:
    """Whether a record was merged, at last, into one that is live."""
    if order.merged_to_id is None:
        return False
    while order.merged_to_id is not None:
        if order.merged_to_id not in warehouse.orders:
            return False
        order = warehouse.orders[order.merged_to_id]
    return order.cancelled_at is None


# --- parcels ------------------------------------------------------------------------------------------


def _parcels(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    told: dict[str, Any] = {}
    faults: list[dict[str, Any]] = []
    known: dict[str, tuple[Shop, ShopOrder]] = {}
    numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    told_units: Counter[tuple[str, str]] = Counter()
    held_units: Counter[tuple[str, str]] = Counter()
    mails: Counter[tuple[str, int, str]] = Counter()
    for shop in world.shops.values():
        for order in shop.orders.values():
            known[order.name] = (shop, order)
            for fulfilment in order.fulfilments:
                if fulfilment.status == "success":
                    for number in fulfilment.numbers:
                        numbers[(order.name, number)].append(fulfilment.id)
                        told_units[(order.name, number)] += sum(units for _, units in fulfilment.lines)
        for mail in shop.mails:
            for number in mail.numbers if mail.kind in ("shipped", "shipping_updated") else ():
                mails[(shop.system, mail.order_id, number)] += 1
    parcels = [
        (warehouse, record, allocation.parcel, allocation.lines)
        for warehouse in world.warehouses.values()
        for record in warehouse.orders.values()
        for allocation in record.allocations
        if allocation.parcel is not None
    ]
    for _, record, parcel, lines in parcels:
        held_units[(record.order_name, parcel.tracking_number)] += sum(units for _, _, units in lines)
    for warehouse, record, parcel, _ in parcels:
        placed = known.get(record.order_name)
        name = (record.order_name, parcel.tracking_number)
        times = len(numbers[name]) if parcel.tracking_number else 0
        mailed = mails[(placed[0].system, placed[1].id, parcel.tracking_number)] if placed else 0
        is_bundled = placed is not None and any(line.sku in world.people.bundles for line in placed[1].lines)
        row = {
            "order": record.order_name,
            "tracking": parcel.tracking_number,
            "has_order": placed is not None,
            "despatched_at": parcel.created_at,
            "scanned_at": parcel.in_transit_at,
            "fulfilments": times,
            "mails": mailed,
            "has_bundle": is_bundled,
            "planted": record.order_name in world.reserved,
        }
        told[f"{warehouse.system}:{parcel.id}"] = row
        # a parcel of more lines than one call may carry is told of in several: what doubles is units, and mails
        is_twice = not is_bundled and times > 1 and told_units[name] > held_units[name]
        if is_twice or mailed > (times if is_bundled else 1):
            faults.append({"thing": "parcel", "is": "doubled", "reference": str(parcel.id), **row})
    for shop, order in known.values():
        faults.extend(_untold(world, shop, order))
    return told, faults


def _untold(world: World, shop: Shop, order: ShopOrder) -> Iterator[dict[str, Any]]:
    """Give units that left the warehouse, and were told of there, and the shop has not been told of."""
    shipped: Counter[str] = Counter()
    for warehouse, record, _ in _records(world, order.name):
        is_told_of = warehouse.tells_parcels or record.shipped_at is not None
        for sellable_id, units in wms.shipped_units(record).items() if is_told_of else ():
            shipped[warehouse.sellables[sellable_id].sku] += units
    if not shipped:
        return
    for line in order.lines:
        if line.requires_shipping:
            each = world.people.explode(line.sku, 1)
            able = min(shipped[sku] // need for sku, need in each.items())
            told = min(able, line.fulfilled_quantity)
            for sku, need in each.items():
                shipped[sku] -= told * need
    for line in order.lines:
        if line.requires_shipping and line.unfulfilled_quantity:
            each = world.people.explode(line.sku, 1)
            able = min(line.unfulfilled_quantity, *(shipped[sku] // need for sku, need in each.items()))
            if able > 0:
                for sku, need in each.items():
                    shipped[sku] -= able * need
                yield {
                    "thing": "shipment",
                    "is": "lost",
                    "reference": order.name,
                    "system": shop.system,
                    "units": {line.sku: able},
                    "planted": order.name in world.reserved,
                }


# --- stock --------------------------------------------------------------------------------------------


def expected_levels(world: World) -> dict[tuple[str, int], int]:
    """Give what each location may sell of each SKU: available there minus ordered and not yet allocated."""
    free: Counter[tuple[str, int]] = Counter()
    home_of = {facility: location for location, facility in catalogue.FACILITY_OF.items()}
    for warehouse in world.warehouses.values():
        for (sellable_id, facility_id), entry in warehouse.stock.items():
            sellable = warehouse.sellables[sellable_id]
            if sellable.deleted_at is None and facility_id in home_of:
                free[(sellable.sku, home_of[facility_id])] += entry.physical - entry.allocated
    for shop in world.shops.values():
        for order in shop.orders.values():
            if order.cancelled_at is None and any(f.status in shops.OPEN for f in order.fulfilment_orders):
                for key, units in _unallocated(world, order).items():
                    free[key] -= units
    return dict(free)


def _unallocated(world: World, order: ShopOrder) -> dict[tuple[str, int], int]:
    """Give units of an order, by SKU and location, that no allocation of a warehouse covers yet.

    A warehouse that has cancelled or closed its record will send no more of it; the shelf is free again.
    """
    due: Counter[tuple[str, int]] = Counter()
    for fulfilment_order in order.fulfilment_orders:
        if fulfilment_order.status in (*shops.OPEN, "closed"):
            for part in fulfilment_order.lines:
                line = shops.get_line(order, part.line_id)
                for sku, units in world.people.explode(line.sku, part.total).items():
                    due[(sku, fulfilment_order.location_id)] += units
    for warehouse, record, is_live in _records(world, order.name):
        for allocation in record.allocations if is_live else ():
            home = catalogue.location_of(allocation.facility_id) or 0
            for _, sellable_id, units in allocation.lines:
                due[(warehouse.sellables[sellable_id].sku, home)] -= units
        is_kept = record.id in warehouse.orders
        if is_kept and (record.cancelled_at or record.shipped_at or _travels(warehouse, record)):
            for sellable_id, units in wms.unallocated_units(record).items():
                _take(due, warehouse.sellables[sellable_id].sku, units)
    return {key: units for key, units in due.items() if units > 0}


def _take(due: Counter[tuple[str, int]], sku: str, units: int) -> None:
    for key in [key for key in due if key[0] == sku and due[key] > 0]:
        taken = min(units, due[key])
        due[key] -= taken
        units -= taken


def _stock(world: World) -> Iterator[dict[str, Any]]:
    free = expected_levels(world)
    for shop in world.shops.values():
        for (item, location_id), level in shop.levels.items():
            variant = shop.variants[shop.by_item[item]]
            if not level.is_active or not variant.is_tracked:
                continue
            expected = _expected(world, free, variant.sku, location_id)
            if expected is None:
                continue
            yield {
                "system": shop.system,
                "sku": variant.sku,
                "location": location_id,
                "available": level.available,
                "committed": level.committed,
                "expected": expected,
                "planted": variant.sku in world.people.reserved_skus,
            }


def _oversold(world: World) -> Iterator[dict[str, Any]]:
    """Give sales of more than was left: ``seconds`` is how long so little had been left by then.

    A shop goes on selling what another has sold until its level is set. What went missing after it was sold is no such
    sale, and a shelf that has enough again had none.
    """
    for (sku, location_id), free in expected_levels(world).items():
        if free >= 0 or sku in world.people.reserved_skus:
            continue
        left = 0
        history: list[tuple[datetime, int]] = []
        for at, units, system, name in _takings(world, sku, location_id):
            if name and left < -units:
                since = _since_fewer(history, -units) or at
                yield {
                    "system": system,
                    "sku": sku,
                    "location": location_id,
                    "order": name,
                    "units": -units - max(left, 0),
                    "sold_at": at,
                    "seconds": (at - since).total_seconds(),
                    "planted": name in world.reserved,
                }
            left += units
            history.append((at, left))


def _since_fewer(history: list[tuple[datetime, int]], units: int) -> datetime | None:
    """Give when so few were left as have been since: fewer than ``units``."""
    since = None
    for at, left in reversed(history):
        if left >= units:
            break
        since = at
    return since


def _takings(world: World, sku: str, location_id: int) -> list[tuple[datetime, int, str, str]]:
    """Give what came to a shelf and what was sold off it, in order: (at, units, shop, order)."""
    facility_id = catalogue.FACILITY_OF.get(location_id, 0)
    found = [
        (movement.at, movement.quantity, "", "")
        for warehouse in world.warehouses.values()
        for movement in warehouse.movements
        if movement.facility_id == facility_id
        and movement.why not in ("shipped", "shipment_undone")
        and warehouse.sellables[movement.sellable_id].sku == sku
    ]
    for shop in world.shops.values():
        for order in shop.orders.values():
            if order.cancelled_at is None:
                units = sum(
                    world.people.explode(shops.get_line(order, part.line_id).sku, part.total).get(sku, 0)
                    for fulfilment_order in order.fulfilment_orders
                    if fulfilment_order.location_id == location_id
                    for part in fulfilment_order.lines
                )
                if units:
                    found.append((order.created_at, -units, shop.system, order.name))
    return sorted(found, key=lambda taking: (taking[0], bool(taking[3])))


def _expected(world: World, free: dict[tuple[str, int], int], sku: str, location_id: int) -> int | None:
    parts: dict[str, int] = world.people.bundles.get(sku, {sku: 1})
    found = [(free.get((part, location_id)), need) for part, need in parts.items()]
    if any(units is None for units, _ in found):
        return None
    return max(0, min((units or 0) // need for units, need in found))


def align_levels(world: World) -> None:
    """Make every level of every shop what it should be: how the live time begins."""
    for row in list(_stock(world)):
        shop = world.shops[row["system"]]
        variant = shop.variants[shop.by_sku[row["sku"]]]
        level = shop.levels[(variant.inventory_item_id, row["location"])]
        if level.available != row["expected"]:
            level.available = row["expected"]
            levels.touch_level(world, shop, level)


# --- the world's own laws -----------------------------------------------------------------------------


def breaches(world: World) -> list[str]:
    """List where the world breaks its own laws; always none, whatever anybody asked of it."""
    found: list[str] = []
    for warehouse in world.warehouses.values():
        physical: Counter[tuple[int, int]] = Counter()
        for movement in warehouse.movements:
            physical[(movement.sellable_id, movement.facility_id)] += movement.quantity
        allocated: Counter[tuple[int, int]] = Counter()
        for order in warehouse.orders.values():
            for allocation in order.allocations:
                if allocation.parcel is None:
                    for _, sellable_id, units in allocation.lines:
                        allocated[(sellable_id, allocation.facility_id)] += units
            over = [
                f"{order.number}: {units} of sellable {sellable_id} allocated"
                for sellable_id, units in wms.allocated_units(order).items()
                if units > wms.ordered_units(order).get(sellable_id, 0)
            ]
            found.extend(over)
        for key, entry in warehouse.stock.items():
            if entry.physical != physical[key]:
                found.append(f"{warehouse.system}: {key}: physical {entry.physical}, moved {physical[key]}")
            if entry.allocated != allocated[key]:
                found.append(
                    f"{warehouse.system}: {key}: allocated {entry.allocated}, really {allocated[key]}"
                )
    for shop in world.shops.values():
        found.extend(_shop_breaches(shop, world.reserved))
    return found


def _shop_breaches(shop: Shop, planted: Container[str]) -> Iterator[str]:
    committed: Counter[tuple[int, int]] = Counter()
    for order in shop.orders.values():
        fulfilled: Counter[int] = Counter()
        for fulfilment in order.fulfilments:
            if fulfilment.status == "success":
                for line_id, units in fulfilment.lines:
                    fulfilled[line_id] += units
        remaining: Counter[int] = Counter()
        for fulfilment_order in order.fulfilment_orders:
            for part in fulfilment_order.lines:
                remaining[part.line_id] += part.remaining
                line = shops.get_line(order, part.line_id)
                if line.variant_id is not None and part.remaining:
                    item = shop.variants[line.variant_id].inventory_item_id
                    committed[(item, fulfilment_order.location_id)] += part.remaining
        for line in order.lines:
            if not 0 <= fulfilled[line.id] <= line.quantity or fulfilled[line.id] != line.fulfilled_quantity:
                yield f"{order.name}: line {line.id}: fulfilled {fulfilled[line.id]} of {line.quantity}"
            if line.requires_shipping and remaining[line.id] != line.unfulfilled_quantity:
                wait = f"{remaining[line.id]} wait, {line.unfulfilled_quantity} expected"
                yield f"{order.name}: line {line.id}: {wait}"
            if not 0 <= line.current_quantity <= line.quantity or line.refunded_quantity > line.quantity:
                yield f"{order.name}: line {line.id}: current {line.current_quantity} of {line.quantity}"
        sums = shops.totals(shop, order)
        if sums.refunded > sums.captured and order.name not in planted:
            yield f"{order.name}: refunded {sums.refunded} of {sums.captured}"
    for key, level in shop.levels.items():
        if level.is_active and level.committed != committed[key]:
            yield f"{shop.system}: {key}: committed {level.committed}, really {committed[key]}"
