"""Planted faults between release and despatch: picking, waiting, cancelling, parcels of nobody's.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).
"""

from __future__ import annotations

from decimal import Decimal

from cogent_pipelines.sandbox.world import hours
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Parcel, ShopOrder, WarehouseOrder
from cogent_pipelines.sandbox.world.plant import REPAIRED, SAID_MOVED, Plant, Script
from cogent_pipelines.sandbox.world.plants_orders import (
    CARRIED_OUT,
    REACHED,
    SHIPS,
    TOLD,
    renumber,
)
from cogent_pipelines.sandbox.world.world import Flaw

PICKED = "no_cancelled_order_is_being_picked"
WMS_CANCEL = "every_warehouse_cancellation_reached_the_channel"
DECIDED = "every_line_closed_short_has_a_decision"
STRANGER = "every_shipment_has_an_order"
TRACKED = "every_parcel_has_carrier_and_tracking"
LAST_PARCEL = "no_order_is_fulfilled_before_its_last_parcel"
RETURNED = "every_refund_has_its_return"
STORED = "every_change_was_stored_as_sent"


def parcel_keys(order: ShopOrder, parcel: Parcel) -> dict[str, object]:
    return {"order": order.name, "shipment": parcel.id}


def _picking(p: Plant, order: ShopOrder) -> bool:
    return any(wms.is_picking(record) for _, record in p.records(order))


# --- no_cancelled_order_is_being_picked ---------------------------------------------------------------


def cancelled_while_picked(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=15, despatches=False)
    yield p.until(lambda: _picking(p, order))
    yield p.minutes(5)
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name}, also=(SHIPS,))


def picker_was_faster(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=3000, despatches=False)
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    for warehouse, record in p.records(order):
        for allocation in record.allocations:
            wms.start_pick(p.world, warehouse, record.id, allocation.id)
    p.record({"order": order.name}, also=(SHIPS,))


def picked_though_told_not_to(p: Plant) -> Script:
    order = p.place()
    p.world.arm(Flaw(p.warehouse.system, "cancel_order", order.name, "nothing"))
    p.plan(order, pick_minutes=90, despatches=False)
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    yield p.until(lambda: _picking(p, order))
    p.record({"order": order.name}, also=(SHIPS, CARRIED_OUT, STORED))


def cancelled_and_left_all_the_same(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=15, pack_minutes=120)
    yield p.until(lambda: _picking(p, order))
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name}, also=(TOLD, CARRIED_OUT, RETURNED, "every_despatch_was_captured"))


def cancelled_in_good_time(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=2500)
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name})


def cancelled_in_both_systems(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=2500)
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    for warehouse, record in p.records(order):
        wms.cancel_order(p.world, warehouse, record.id, reason="customer", by="staff")
    p.record({"order": order.name})


def cancelled_on_hold(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=2500)
    yield p.released(order)
    for warehouse, record in p.records(order):
        wms.set_hold(p.world, warehouse, record.id, held=True)
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name})


# --- every_released_order_ships_in_time ---------------------------------------------------------------


def _stuck(p: Plant, order: ShopOrder) -> None:
    p.record({"order": order.name, "warehouse_order": p.record_of(order)[1].id})


def waits_for_stock(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(10)
    warehouse, record = p.record_of(order)
    for allocation in list(record.allocations):
        wms.deallocate(p.world, warehouse, record.id, allocation.id)
    _stuck(p, order)


def put_on_hold(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(10)
    warehouse, record = p.record_of(order)
    wms.set_hold(p.world, warehouse, record.id, held=True)
    _stuck(p, order)


def called_unpaid_by_the_warehouse(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(10)
    warehouse, record = p.record_of(order)
    wms.update_order(p.world, warehouse, record.id, is_paid=False)
    _stuck(p, order)


def never_picked(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    _stuck(p, order)


def picked_and_never_despatched(p: Plant) -> Script:
    order = p.place()
    p.plan(order, despatches=False, pick_minutes=20)
    yield p.until(lambda: _picking(p, order))
    _stuck(p, order)


def rest_never_ships(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, ships_rest=False, pick_minutes=20)
    yield p.shipped(order)
    _stuck(p, order)


def held_and_let_go(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    wms.set_hold(p.world, warehouse, record.id, held=True)
    yield p.minutes(20)
    wms.set_hold(p.world, warehouse, record.id, held=False)
    p.record({"order": order.name, "warehouse_order": record.id})


def in_two_parts_in_time(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, pick_minutes=20, rest_minutes=45)
    yield p.until(lambda: len(p.parcels(order)) == 2, hours=60)
    p.record({"order": order.name})


def ships_in_the_last_second(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    p.record({"order": order.name, "warehouse_order": record.id})
    code = warehouse.facilities[record.allocations[0].facility_id].code
    last = hours.working_after(code, order.created_at, max(p.window - 1, 60) / 60)
    yield p.minutes(max(0.0, (last - p.world.now).total_seconds() / 60))
    for allocation in list(record.allocations):
        if allocation.parcel is None and record.cancelled_at is None:
            p.people.pickers.despatch(warehouse, record, allocation)


def cancelled_while_it_waited(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(20)
    shops.cancel_order(p.world, p.shop, order.id)
    for warehouse, record in p.records(order):
        wms.cancel_order(p.world, warehouse, record.id, by="staff")
    p.record({"order": order.name})


# --- every_warehouse_cancellation_reached_the_channel -------------------------------------------------


def cancelled_by_the_warehouse(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(30)
    warehouse, record = p.record_of(order)
    wms.cancel_order(p.world, warehouse, record.id, reason="Cannot be found", by="warehouse")
    p.record(
        {"order": order.name, "warehouse_order": record.id},
        repair=REPAIRED,
        also=(REACHED, CARRIED_OUT, DECIDED),
    )


def given_up_after_the_pick(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20, despatches=False)
    yield p.until(lambda: _picking(p, order))
    yield p.minutes(10)
    warehouse, record = p.record_of(order)
    wms.cancel_pick(p.world, warehouse, record.id, record.allocations[0].id)
    wms.cancel_order(p.world, warehouse, record.id, reason="Broken while picked", by="warehouse")
    p.record(
        {"order": order.name, "warehouse_order": record.id},
        repair=REPAIRED,
        also=(REACHED, CARRIED_OUT, DECIDED),
    )


def rest_cancelled_by_the_warehouse(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, ships_rest=False, pick_minutes=20)
    yield p.shipped(order)
    yield p.minutes(10)
    warehouse, record = p.record_of(order)
    wms.cancel_order(p.world, warehouse, record.id, reason="Rest cannot be found", by="warehouse")
    p.record(
        {"order": order.name, "warehouse_order": record.id},
        repair=REPAIRED,
        also=(SHIPS, TOLD, REACHED, LAST_PARCEL, CARRIED_OUT, DECIDED),
    )


def given_up_and_said_so(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    wms.cancel_order(p.world, warehouse, record.id, reason="Cannot be found", by="warehouse")
    shops.cancel_order(p.world, p.shop, order.id, reason="inventory")
    p.record({"order": order.name, "warehouse_order": record.id})


def given_up_and_said_so_in_the_last_second(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    wms.cancel_order(p.world, warehouse, record.id, reason="Cannot be found", by="warehouse")
    p.record({"order": order.name, "warehouse_order": record.id}, also=(REACHED, CARRIED_OUT))
    yield p.just_inside()
    p.give_back(order)


def cancelled_because_the_shop_did(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    yield p.until(lambda: not p.records(order), hours=12)
    p.record({"order": order.name})


def pick_cancelled_and_done_again(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20, pack_minutes=60)
    yield p.until(lambda: _picking(p, order))
    warehouse, record = p.record_of(order)
    facility_id = record.allocations[0].facility_id
    wms.cancel_pick(p.world, warehouse, record.id, record.allocations[0].id)
    wms.allocate(p.world, warehouse, record.id, facility_id)
    p.record({"order": order.name, "warehouse_order": record.id})


# --- every_shipment_has_an_order ----------------------------------------------------------------------


def _by_hand(p: Plant, number: str, *, allocates: bool = True) -> WarehouseOrder:
    """Have warehouse staff key an order in that no shop knows."""
    customer = p.customer()
    p.mine(number)
    sellable_id = p.warehouse.by_sku[p.skus()[0]]
    record = wms.create_order(
        p.world,
        p.warehouse,
        number=number,
        channel_id=next(iter(p.warehouse.channels)),
        email=customer.email,
        address=customer.address,
        lines=[wms.NewWarehouseLine(sellable_id, 1, Decimal(10), Decimal("0.2"))],
        delivery_method_id=11,
        sent_by="staff",
    )
    if allocates:
        wms.allocate(p.world, p.warehouse, record.id, p.facility)
    return record


def wait_for_work(p: Plant) -> Script:
    opens = hours.working_after(p.code, p.world.now, 10)
    yield p.minutes((opens - p.world.now).total_seconds() / 60)


def stranger_ships(p: Plant) -> Script:
    yield from wait_for_work(p)
    record = _by_hand(p, f"TEL-{p.serial:05d}")
    parcel = p.people.pickers.despatch(p.warehouse, record, record.allocations[0])
    p.record({"shipment": parcel.id, "number": record.number}, system=p.warehouse.system)


def number_mistyped_before_it_left(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=60)
    yield p.released(order)
    record = p.record_of(order)[1]
    renumber(p, record, f"{order.name[:-1]}{p.serial}O")
    yield p.until(lambda: any(a.parcel for a in record.allocations), hours=60)
    parcel = next(a.parcel for a in record.allocations if a.parcel)
    p.record(
        {"shipment": parcel.id, "number": record.number, "order": order.name},
        system=p.warehouse.system,
        also=(REACHED, SHIPS, CARRIED_OUT, STORED, SAID_MOVED),
    )


def ships_without_any_number(p: Plant) -> Script:
    yield from wait_for_work(p)
    record = _by_hand(p, "")
    (allocation,) = record.allocations
    p.people.pickers.despatch(p.warehouse, record, allocation)
    p.record({"shipment": p.parcel_name(allocation), "number": ""}, system=p.warehouse.system)


def stranger_cancelled(p: Plant) -> Script:
    yield from wait_for_work(p)
    record = _by_hand(p, f"TEL-{p.serial:05d}", allocates=False)
    wms.cancel_order(p.world, p.warehouse, record.id, by="staff")
    p.record({"number": record.number}, system=p.warehouse.system)


def sent_by_the_old_integration(p: Plant) -> Script:
    order = p.place()
    p.send(order)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), system=p.warehouse.system)


def ships_as_ordered(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), system=p.warehouse.system)
