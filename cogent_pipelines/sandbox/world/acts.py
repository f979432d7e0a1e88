"""Acts of the world by name, for tests: POST /_sandbox/do {"system", "verb", "args"}.

Belongs here: one small function per verb, taking names and SKUs instead of ids.
Does not belong here: what the acts do (``shop``, ``warehouse``, ``levels``, ``people``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.world import accounts, brands, bridge, catalogue, levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import (
    Account,
    Address,
    Level,
    PayoutEntry,
    Shop,
    ShopOrder,
    Variant,
    Warehouse,
    WarehouseOrder,
)
from cogent_pipelines.sandbox.world.pickers import Plan
from cogent_pipelines.sandbox.world.shop import NewLine

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

Args = Mapping[str, Any]
ADDRESS = Address("Test", "Person", "1 High Street", "Leeds", "LS1 1AA", "GB")


def do(world: World, system: str, verb: str, args: Args) -> Any:
    """Do one act, or say which there are."""
    if system in world.shops and verb in SHOP:
        return SHOP[verb](world, world.shops[system], args)
    if system in world.accounts and verb in ACCOUNT:
        return ACCOUNT[verb](world, world.accounts[system], args)
    if system in world.warehouses and verb in WAREHOUSE:
        return WAREHOUSE[verb](world, world.warehouses[system], args)
    if system in world.bridges and verb in bridge.VERBS:
        return bridge.VERBS[verb](world, world.bridges[system], args)
    if not system and verb in WORLD:
        return WORLD[verb](world, args)
    raise ValueError(
        f"no verb {verb!r} for system {system!r}; shops: {', '.join(SHOP)}; "
        f"warehouses: {', '.join(WAREHOUSE)}; payment providers: {', '.join(ACCOUNT)}; "
        f"bridges: {', '.join(bridge.VERBS)}; no system: {', '.join(WORLD)}"
    )


# --- shops --------------------------------------------------------------------------------------------


def _placed(shop: Shop, args: Args) -> ShopOrder:
    found = shops.find_orders(shop, str(args["order"]))
    if not found:
        raise ValueError(f"{shop.system} has no order {args['order']!r}")
    return found[int(args.get("nth", 0))]


def _variant(shop: Shop, sku: str) -> Variant:
    if sku not in shop.by_sku:
        raise ValueError(f"{shop.system} has no item {sku!r}")
    return shop.variants[shop.by_sku[sku]]


def _level(shop: Shop, args: Args) -> Level:
    variant = _variant(shop, str(args["sku"]))
    return shop.levels[(variant.inventory_item_id, int(args["location"]))]


def _summary(shop: Shop, order: ShopOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "order": order.name,
        "payment": shops.financial_status(shop, order),
        "fulfilment": shops.fulfilment_status(order),
        "lines": [asdict(line) for line in order.lines],
        "fulfilment_orders": [asdict(each) for each in order.fulfilment_orders],
        "fulfilments": [asdict(each) for each in order.fulfilments],
        "cancelled_at": order.cancelled_at,
    }


def _place_order(world: World, shop: Shop, args: Args) -> Any:
    lines = []
    for line in args["lines"]:
        variant = shop.variants.get(shop.by_sku.get(str(line["sku"]), -1))
        price = (
            Decimal(str(line["price"])) if "price" in line else (variant.price if variant else Decimal(10))
        )
        lines.append(
            NewLine(
                str(line["sku"]),
                int(line.get("quantity", 1)),
                price,
                variant.id if variant else None,
                tax_rate=Decimal(str(line.get("tax_rate", "0.2"))),
                discount=Decimal(str(line.get("discount", 0))),
                requires_shipping=bool(line.get("requires_shipping", True)),
            )
        )
    order = shops.place_order(
        world,
        shop,
        lines=lines,
        email=str(args.get("email", "test@example.com")),
        customer_id=args.get("customer_id"),
        address=replace(ADDRESS, **args.get("address", {})),
        delivery_option=str(args.get("delivery_option", "Standard Delivery")),
        delivery_price=Decimal(str(args.get("delivery_price", "3.95"))),
        name=args.get("name"),
        is_test=bool(args.get("is_test", False)),
        note=str(args.get("note", "")),
        tags=tuple(args.get("tags", ())),
        prefer=(int(args["location"]),) if "location" in args else (),
        homes=tuple(args.get("homes", ())),
        presentment=(args["presentment"][0], Decimal(str(args["presentment"][1])))
        if "presentment" in args
        else None,
    )
    _settle(world, shop, order, str(args.get("payment", "captured")), args.get("gateway"))
    if args.get("reserved"):
        world.reserved.add(order.name)
    return _summary(shop, order)


def _settle(world: World, shop: Shop, order: ShopOrder, payment: str, gateway: str | None = None) -> None:
    if payment == "captured":
        shops.authorise(world, shop, order.id, gateway)
        shops.capture(world, shop, order.id)
    elif payment == "paid":
        shops.pay(world, shop, order.id, gateway)
    elif payment == "authorised":
        shops.authorise(world, shop, order.id, gateway)
    elif payment == "pending":
        shops.await_payment(world, shop, order.id)
    elif payment != "none":
        raise ValueError(f"payment: expected captured, paid, authorised, pending or none; found {payment!r}")


def _pay(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    _settle(world, shop, order, str(args.get("payment", "paid")))
    return _summary(shop, order)


def _capture(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    shops.capture(world, shop, order.id, Decimal(str(args["amount"])) if "amount" in args else None)
    return _summary(shop, order)


def _void(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    shops.void(world, shop, order.id)
    return _summary(shop, order)


def _cancel(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    shops.cancel_order(world, shop, order.id, reason=str(args.get("reason", "customer")))
    return _summary(shop, order)


def _line_id(order: ShopOrder, args: Args) -> int:
    for line in order.lines:
        if line.sku == args["sku"]:
            return line.id
    raise ValueError(f"{order.name} has no line of {args['sku']!r}")


def _set_quantity(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    shops.set_quantity(world, shop, order.id, _line_id(order, args), int(args["quantity"]))
    return _summary(shop, order)


def _add_line(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    variant = _variant(shop, str(args["sku"]))
    shops.add_line(
        world, shop, order.id, NewLine(variant.sku, int(args.get("quantity", 1)), variant.price, variant.id)
    )
    return _summary(shop, order)


def _change_address(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    shops.change_address(world, shop, order.id, replace(order.address, **args["address"]))
    return _summary(shop, order)


def _refund(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    lines = [
        (_line_id(order, line), int(line["quantity"]), str(line.get("restock", "no_restock")))
        for line in args.get("lines", ())
    ]
    shops.refund(
        world,
        shop,
        order.id,
        lines=lines,
        adjustment=Decimal(str(args.get("adjustment", 0))),
        note=str(args.get("note", "")),
    )
    return _summary(shop, order)


def _fulfil(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    groups = [(each.id, None) for each in order.fulfilment_orders if each.status in ("open", "in_progress")]
    shops.fulfil(
        world,
        shop,
        order.id,
        groups,
        carrier=str(args.get("carrier", "Royal Mail")),
        numbers=tuple(args.get("numbers", ())),
        notify=bool(args.get("notify", False)),
    )
    return _summary(shop, order)


def _cancel_fulfilment(world: World, shop: Shop, args: Args) -> Any:
    order = _placed(shop, args)
    live = [each for each in order.fulfilments if each.status == "success"]
    shops.cancel_fulfilment(world, shop, live[-1].id)
    return _summary(shop, order)


def _set_level(world: World, shop: Shop, args: Args) -> Any:
    level = _level(shop, args)
    level.available = int(args["available"])
    levels.touch_level(world, shop, level)
    return asdict(level)


def _get_level(world: World, shop: Shop, args: Args) -> Any:
    del world
    return asdict(_level(shop, args))


def _rename_sku(world: World, shop: Shop, args: Args) -> Any:
    variant = _variant(shop, str(args["sku"]))
    catalogue.rename_variant(world, shop, variant, str(args["to"]))
    return asdict(variant)


def _add_item(world: World, shop: Shop, args: Args) -> Any:
    variant = catalogue.add_variant(
        world,
        shop,
        sku=str(args["sku"]),
        title=str(args.get("title", args["sku"])),
        price=Decimal(str(args.get("price", "10.00"))),
        barcode=str(args.get("barcode", catalogue.gtin(990_001 + len(shop.variants)))),
        weight_grams=int(args.get("weight_grams", 100)),
        origin_country=str(args.get("origin_country", "GB")),
    )
    for location_id in shop.locations:
        catalogue.stock_level(world, shop, variant, location_id, int(args.get("available", 0)))
    return asdict(variant)


def _touch(world: World, shop: Shop, args: Args) -> Any:
    """Move change dates and nothing else: of one order, or of all at the same instant."""
    orders = [_placed(shop, args)] if "order" in args else list(shop.orders.values())
    for order in orders:
        shops.touch(world, shop, order)
    return len(orders)


SHOP: Mapping[str, Callable[[World, Shop, Args], Any]] = {
    "place_order": _place_order,
    "pay": _pay,
    "capture": _capture,
    "void": _void,
    "cancel_order": _cancel,
    "set_quantity": _set_quantity,
    "add_line": _add_line,
    "change_address": _change_address,
    "refund": _refund,
    "fulfil": _fulfil,
    "cancel_fulfilment": _cancel_fulfilment,
    "set_level": _set_level,
    "get_level": _get_level,
    "rename_sku": _rename_sku,
    "add_item": _add_item,
    "touch": _touch,
    "get_order": lambda _, shop, args: _summary(shop, _placed(shop, args)),
}


# --- warehouses ---------------------------------------------------------------------------------------


def _released(warehouse: Warehouse, args: Args) -> WarehouseOrder:
    found = wms.find_orders(warehouse, str(args["order"]))
    if not found:
        raise ValueError(f"{warehouse.system} has no order {args['order']!r}")
    return found[int(args.get("nth", 0))]


def _facility(warehouse: Warehouse, args: Args) -> int:
    wanted = str(args.get("facility", "LEEDS"))
    return wms.facility_by_code(warehouse, wanted).id


def _sellable(warehouse: Warehouse, sku: str) -> int:
    if sku not in warehouse.by_sku:
        raise ValueError(f"{warehouse.system} has no item {sku!r}")
    return warehouse.by_sku[sku]


def _shown(order: WarehouseOrder) -> dict[str, Any]:
    return {"id": order.id, "order": order.number, "status": wms.status(order), "record": asdict(order)}


def _create(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = wms.create_order(
        world,
        warehouse,
        number=str(args["order"]),
        channel_id=next(iter(warehouse.channels)),
        email=str(args.get("email", "test@example.com")),
        address=replace(ADDRESS, **args.get("address", {})),
        lines=[
            wms.NewWarehouseLine(
                _sellable(warehouse, str(line["sku"])),
                int(line.get("quantity", 1)),
                Decimal(str(line.get("price", 10))),
            )
            for line in args["lines"]
        ],
        delivery_method_id=int(args.get("delivery_method_id", 11)),
        is_paid=bool(args.get("is_paid", True)),
        sent_by=str(args.get("sent_by", "staff")),
    )
    if args.get("allocate", True):
        wms.allocate(world, warehouse, order.id, _facility(warehouse, args))
    return _shown(order)


def _ship(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = _released(warehouse, args)
    for allocation in [each for each in order.allocations if each.parcel is None][: args.get("allocations")]:
        plan = world.people.pickers.plan(order.order_name)
        given = {k: args[k] for k in ("tracking", "carrier_id") if k in args}
        world.people.pickers.plans[order.order_name] = replace(plan, **given)
        world.people.pickers.despatch(warehouse, order, allocation)
    return _shown(order)


def _plan(world: World, warehouse: Warehouse, args: Args) -> Any:
    del warehouse
    plan = Plan(**{key: value for key, value in args.items() if key != "order"})
    world.people.pickers.plans[str(args["order"])] = plan
    return asdict(plan)


def _pick(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = _released(warehouse, args)
    for allocation in order.allocations:
        if allocation.parcel is None:
            wms.start_pick(world, warehouse, order.id, allocation.id)
    return _shown(order)


def _cancel_there(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = _released(warehouse, args)
    wms.cancel_order(world, warehouse, order.id, reason=str(args.get("reason", "")), by="staff")
    return _shown(order)


def _hold(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = _released(warehouse, args)
    wms.set_hold(world, warehouse, order.id, held=bool(args.get("held", True)))
    return _shown(order)


def _delete(world: World, warehouse: Warehouse, args: Args) -> Any:
    order = _released(warehouse, args)
    wms.delete_order(world, warehouse, order.id)
    return _shown(order)


def _count(world: World, warehouse: Warehouse, args: Args) -> Any:
    sellable_id = _sellable(warehouse, str(args["sku"]))
    entry = wms.count_stock(
        world, warehouse, sellable_id, _facility(warehouse, args), int(args["physical"]), why="counted"
    )
    return asdict(entry)


def _stock(world: World, warehouse: Warehouse, args: Args) -> Any:
    del world
    return asdict(
        wms.get_entry(warehouse, _sellable(warehouse, str(args["sku"])), _facility(warehouse, args))
    )


WAREHOUSE: Mapping[str, Callable[[World, Warehouse, Args], Any]] = {
    "create_order": _create,
    "ship": _ship,
    "plan": _plan,
    "start_pick": _pick,
    "cancel_order": _cancel_there,
    "hold": _hold,
    "delete_order": _delete,
    "count_stock": _count,
    "get_stock": _stock,
    "get_order": lambda _, warehouse, args: _shown(_released(warehouse, args)),
}


# --- payment providers --------------------------------------------------------------------------------


def _entry(account: Account, args: Args, kind: str) -> PayoutEntry:
    """The latest entry of a kind that is about an order."""
    for entry in reversed(account.entries.values()):
        if entry.kind == kind and entry.order_name == args["order"]:
            return entry
    raise ValueError(f"{account.system} has no {kind} of {args['order']!r}")


def _dispute(world: World, account: Account, args: Args) -> Any:
    return asdict(accounts.dispute(world, account, _entry(account, args, "charge")))


def _win(world: World, account: Account, args: Args) -> Any:
    return asdict(accounts.win(world, account, _entry(account, args, "chargeback")))


def _reserve(world: World, account: Account, args: Args) -> Any:
    charge = _entry(account, args, "charge")
    return asdict(accounts.reserve(world, account, charge, Decimal(str(args["amount"]))))


def _release(world: World, account: Account, args: Args) -> Any:
    return asdict(accounts.release(world, account, _entry(account, args, "reserve")))


def _pay_out(world: World, account: Account, args: Args) -> Any:
    issued = accounts.pay_out(world, account, [account.entries[i] for i in account.unpaid_out])
    if issued is None:
        return None
    issued.is_manual = bool(args.get("manual", False))
    return asdict(issued)


def _fail_payout(world: World, account: Account, args: Args) -> Any:
    return asdict(accounts.fail(world, account, account.payouts[int(args["id"])]))


ACCOUNT: Mapping[str, Callable[[World, Account, Args], Any]] = {
    "dispute": _dispute,
    "win": _win,
    "reserve": _reserve,
    "release": _release,
    "pay_out": _pay_out,
    "fail_payout": _fail_payout,
}


# --- the world ----------------------------------------------------------------------------------------


def _arm(world: World, args: Args) -> Any:
    from cogent_pipelines.sandbox.world.world import Flaw  # noqa: PLC0415  only tests arm by name

    return asdict(world.arm(Flaw(**args)))


def _plant(world: World, args: Args) -> Any:
    if world.planter is None:
        raise ValueError("this sandbox was started without --defects")
    return world.planter.plant(
        str(args["family"]), str(args.get("mechanism", "")), is_near_miss=bool(args.get("near_miss", False))
    )


def _move_in(world: World, args: Args) -> Any:
    brands.move_in(world, orders=int(args.get("orders", 3)))
    return {"prefix": brands.PREFIX, "channel": brands.CHANNEL}


WORLD: Mapping[str, Callable[[World, Args], Any]] = {
    "arm": _arm,
    "plant": _plant,
    "another_brand": _move_in,
}
