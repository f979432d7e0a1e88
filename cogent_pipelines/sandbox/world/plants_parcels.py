"""Planted faults from the parcel on: fulfilments, tracking, captures, goods that never come back.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).
"""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Fulfilment, ShopOrder
from cogent_pipelines.sandbox.world.plant import NOT_CARRIED, VALUE, Plant, Script, Wait
from cogent_pipelines.sandbox.world.plants_orders import CARRIED_OUT, LEVEL, REACHED, SHIPS, TOLD, UNCAPTURED
from cogent_pipelines.sandbox.world.plants_shipping import STORED, TRACKED, parcel_keys, wait_for_work
from cogent_pipelines.sandbox.world.shop import NewLine
from cogent_pipelines.sandbox.world.world import Flaw

READ_BACK = 240
"""Minutes after which whoever told a customer has read it back."""

# --- every_shipment_reached_the_channel ---------------------------------------------------------------


def shop_holds_the_order(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.released(order)
    for fulfilment_order in order.fulfilment_orders:
        if fulfilment_order.status in shops.OPEN:
            shops.set_hold(p.world, p.shop, fulfilment_order.id, held=True)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=(CARRIED_OUT, *NOT_CARRIED))


def shop_refuses_the_fulfilment(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    p.world.arm(Flaw(p.shop.system, "fulfil", order.name, "refuse"))
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=(CARRIED_OUT, *NOT_CARRIED))


def shop_forgets_the_fulfilment(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    p.world.arm(Flaw(p.shop.system, "fulfil", order.name, "nothing"))
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=(CARRIED_OUT, STORED))


def fulfilment_undone_by_hand(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.told(order)
    yield p.minutes(15)
    for fulfilment in order.fulfilments:
        shops.cancel_fulfilment(p.world, p.shop, fulfilment.id)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=(CARRIED_OUT, LEVEL))


def _fulfil_by_hand(p: Plant, order: ShopOrder, numbers: list[str], *, notify: bool = True) -> None:
    groups = [(each.id, None) for each in order.fulfilment_orders if each.status in ("open", "in_progress")]
    if groups:
        shops.fulfil(p.world, p.shop, order.id, groups, carrier="Royal Mail", numbers=numbers, notify=notify)


def told_by_hand(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    yield from wait_for_work(p)
    for allocation in list(record.allocations):
        if allocation.parcel is None:
            parcel = p.people.pickers.despatch(warehouse, record, allocation)
            _fulfil_by_hand(p, order, [parcel.tracking_number])
    p.record(parcel_keys(order, p.parcels(order)[0][3]))


def held_and_let_go_in_the_shop(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.released(order)
    held = [each for each in order.fulfilment_orders if each.status in shops.OPEN]
    for each in held:
        shops.set_hold(p.world, p.shop, each.id, held=True)
    yield p.minutes(2)
    for each in held:
        shops.set_hold(p.world, p.shop, each.id, held=False)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]))


def told_by_hand_in_the_last_second(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=30)
    yield p.released(order)
    held = [each for each in order.fulfilment_orders if each.status in shops.OPEN]
    for each in held:
        shops.set_hold(p.world, p.shop, each.id, held=True)
    yield p.until(lambda: shipping_is_over(p, order), hours=60)
    parcel = p.parcels(order)[-1][3]
    p.record(parcel_keys(order, parcel), also=(CARRIED_OUT, *NOT_CARRIED))
    yield p.just_inside()
    for each in held:
        shops.set_hold(p.world, p.shop, each.id, held=False)
    _fulfil_by_hand(p, order, [parcel.tracking_number])


def shipping_is_over(p: Plant, order: ShopOrder) -> bool:
    """Say whether all of an order has left."""
    return all(record.shipped_at for _, record in p.records(order)) and bool(p.parcels(order))


def delivered_as_told(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    yield p.told(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]))


# --- every_parcel_has_carrier_and_tracking ------------------------------------------------------------


def _shipped_with(p: Plant, **how: object) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20, **how)
    yield p.shipped(order)
    p.plan(order, pick_minutes=20)  # a rest, if units were short, goes as it should
    keys = parcel_keys(order, p.parcels(order)[0][3])
    p.record(keys, system=p.warehouse.system, also=(TOLD, CARRIED_OUT))


def no_tracking_number(p: Plant) -> Script:
    yield from _shipped_with(p, tracking="")


def blanks_for_a_number(p: Plant) -> Script:
    yield from _shipped_with(p, tracking="   ")


def _heard(p: Plant, order: ShopOrder) -> Generator[Wait, None, Fulfilment]:
    """Wait until the customer knows, perhaps at the first scan: whoever tells them writes number and carrier again."""
    yield p.told(order)
    fulfilment = next(f for f in order.fulfilments if f.status == "success")
    yield p.until(lambda: fulfilment.is_notified, hours=60)
    yield p.minutes(READ_BACK)
    return fulfilment


def number_removed_in_the_shop(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    fulfilment = yield from _heard(p, order)
    shops.update_tracking(p.world, p.shop, fulfilment.id, numbers=[], urls=[])
    p.record(
        {"order": order.name, "fulfilment": fulfilment.id} | parcel_keys(order, p.parcels(order)[0][3]),
        also=(TOLD, CARRIED_OUT, STORED),
    )


def carrier_removed_in_the_shop(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    fulfilment = yield from _heard(p, order)
    shops.update_tracking(p.world, p.shop, fulfilment.id, carrier="")
    p.record(
        {"order": order.name, "fulfilment": fulfilment.id} | parcel_keys(order, p.parcels(order)[0][3]),
        also=(TOLD, CARRIED_OUT, STORED),
    )


def number_filled_in_a_moment_later(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20, tracking="")
    yield p.shipped(order)
    p.plan(order, pick_minutes=20)
    _, record, _, parcel = p.parcels(order)[0]
    p.record(parcel_keys(order, parcel), system=p.warehouse.system, also=(TOLD,))
    yield p.just_inside()
    parcel.tracking_number, parcel.numbered_at = f"RM{900_000_000 + p.serial}GB", p.world.now
    wms.touch(p.world, p.warehouse, record)


def number_with_letters_and_dashes(p: Plant) -> Script:
    yield from _shipped_with(p, tracking=f"JJD-00 {p.serial:06d}-GB")


def two_parcels_two_numbers(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 2)])
    p.plan(order, parts=2, pick_minutes=20, rest_minutes=45)
    yield p.until(lambda: len(p.parcels(order)) == 2, hours=60)
    p.record(parcel_keys(order, p.parcels(order)[1][3]), system=p.warehouse.system)


# --- no_order_is_fulfilled_before_its_last_parcel -----------------------------------------------------

EARLY = (TOLD, CARRIED_OUT, TRACKED, STORED, "every_despatch_was_captured", SHIPS)


def fulfilled_at_the_first_parcel(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, pick_minutes=20, rest_minutes=500)
    yield p.released(order)
    yield p.until(lambda: p.parcels(order), hours=60)
    _fulfil_by_hand(p, order, [p.parcels(order)[0][3].tracking_number])
    p.record({"order": order.name}, also=EARLY)


def fulfilled_before_any_parcel(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=500)
    yield p.released(order)
    yield p.minutes(10)
    _fulfil_by_hand(p, order, [])
    p.record({"order": order.name}, also=EARLY)


def fulfilled_with_an_invented_number(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=500)
    yield p.released(order)
    yield p.minutes(10)
    _fulfil_by_hand(p, order, [f"XX{p.serial:09d}"])
    p.record({"order": order.name}, also=EARLY)


def rest_was_refunded(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, pick_minutes=20, ships_rest=False)
    yield p.shipped(order)
    warehouse, record = p.record_of(order)
    gone = {warehouse.sellables[s].sku for s in wms.shipped_units(record)}
    wms.close_short(p.world, warehouse, record.id)
    line = next(each for each in order.lines if each.sku not in gone)
    shops.refund(p.world, p.shop, order.id, lines=[(line.id, 1, "cancel")], note="not in stock")
    p.record({"order": order.name})


def both_parcels_told(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, pick_minutes=20, rest_minutes=45)
    yield p.told(order)
    p.record({"order": order.name})


def only_a_service_is_left(p: Plant) -> Script:
    order = p.place([(p.skus()[0], 1)], service=True)
    p.plan(order, pick_minutes=20)
    yield p.told(order)
    p.record({"order": order.name})


# --- every_despatch_was_captured ----------------------------------------------------------------------


def _despatched(p: Plant, order: ShopOrder, *also: str) -> Script:
    p.plan(order, pick_minutes=20)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=also)


def shipped_when_only_authorised(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.plan(order, pick_minutes=20)
    p.send(order)
    yield from _despatched(p, order, UNCAPTURED)


def shipped_while_pending(p: Plant) -> Script:
    order = p.place(payment="pending")
    p.plan(order, pick_minutes=20)
    p.send(order)
    # A shop may open no order for despatch before it is paid: there is nothing to tell it of.
    yield from _despatched(p, order, UNCAPTURED, "every_paid_order_can_be_released", TOLD)


def captured_in_part_only(p: Plant) -> Script:
    order = p.place(payment="authorised")
    shops.capture(p.world, p.shop, order.id, shops.round_money(shops.totals(p.shop, order).total / 2))
    p.plan(order, pick_minutes=20)
    p.send(order)
    yield from _despatched(p, order, UNCAPTURED, "every_paid_order_can_be_released")


def added_line_never_paid(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1)])
    p.plan(order, pick_minutes=300)
    yield p.released(order)
    variant = p.shop.variants[p.shop.by_sku[second]]
    shops.add_line(p.world, p.shop, order.id, NewLine(second, 1, variant.price, variant.id))
    warehouse, record = p.record_of(order)
    added = wms.NewWarehouseLine(warehouse.by_sku[second], 1, variant.price, Decimal("0.2"))
    wms.update_order(p.world, warehouse, record.id, add=[added])
    wms.allocate(p.world, warehouse, record.id, record.allocations[0].facility_id)
    yield p.until(lambda: len(p.parcels(order)) == 2, hours=60)
    p.record(
        parcel_keys(order, p.parcels(order)[0][3]),
        also=(UNCAPTURED, STORED, "every_edit_after_release_reached_the_warehouse", REACHED, VALUE),
    )


def captured_in_two_parts_and_shipped(p: Plant) -> Script:
    order = p.place(payment="authorised")
    shops.capture(p.world, p.shop, order.id, shops.round_money(shops.totals(p.shop, order).total / 3))
    shops.capture(p.world, p.shop, order.id)
    yield from _despatched(p, order)


def paid_by_transfer_and_shipped(p: Plant) -> Script:
    order = p.place(payment="pending")
    yield p.minutes(30)
    shops.pay(p.world, p.shop, order.id, "bank_transfer")
    yield from _despatched(p, order)


def captured_in_the_last_second(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.plan(order, pick_minutes=20)
    p.send(order)
    yield p.shipped(order)
    p.record(parcel_keys(order, p.parcels(order)[0][3]), also=(UNCAPTURED,))
    yield p.just_inside()
    shops.capture(p.world, p.shop, order.id)


def captured_and_partly_given_back(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    yield p.shipped(order)
    shops.refund(p.world, p.shop, order.id, adjustment=Decimal(2), note="goodwill")
    p.record(parcel_keys(order, p.parcels(order)[0][3]))


# --- every_refund_has_its_return ----------------------------------------------------------------------


def _despatched_two(p: Plant) -> ShopOrder:
    order = p.place([(p.skus()[0], 2)])
    p.plan(order, pick_minutes=15)
    return order


def _refund(p: Plant, order: ShopOrder, units: int, restock: str, return_id: int | None = None) -> int:
    return shops.refund(
        p.world,
        p.shop,
        order.id,
        lines=[(order.lines[0].id, units, restock)],
        return_id=return_id,
        note="returned",
    ).id


def refunded_and_nothing_came_back(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    refund_id = _refund(p, order, 1, "no_restock")
    p.record({"order": order.name, "refund": refund_id})


def restocked_on_paper(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    refund_id = _refund(p, order, 2, "return")
    p.record({"order": order.name, "refund": refund_id}, also=(LEVEL,))


def return_expected_for_ever(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    agreed = shops.open_return(p.world, p.shop, order.id, [(order.lines[0].id, 2)])
    refund_id = _refund(p, order, 2, "no_restock", agreed.id)
    warehouse, record = p.record_of(order)
    wms.create_return(p.world, warehouse, record.id, [(record.lines[0].sellable_id, 2)])
    p.record({"order": order.name, "refund": refund_id})


def fewer_came_back(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    warehouse, record = p.record_of(order)
    sellable_id = record.lines[0].sellable_id
    back = wms.create_return(p.world, warehouse, record.id, [(sellable_id, 2)])
    wms.receive_return(p.world, warehouse, record.id, back.id, {sellable_id: 1})
    refund_id = _refund(p, order, 2, "no_restock")
    p.record({"order": order.name, "refund": refund_id})


def goodwill_for_no_goods(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(30)
    refund = shops.refund(p.world, p.shop, order.id, adjustment=Decimal(3), note="goodwill")
    p.record({"order": order.name, "refund": refund.id})


def refunded_before_it_left(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)], payment="authorised")
    shops.capture(p.world, p.shop, order.id)
    refund_id = _refund(p, order, 1, "cancel")
    p.record({"order": order.name, "refund": refund_id})
    yield p.minutes(1)


def came_back_in_the_last_second(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    warehouse, record = p.record_of(order)
    refund_id = _refund(p, order, 1, "return")
    p.record({"order": order.name, "refund": refund_id}, also=(LEVEL,))
    yield p.just_inside()
    back = wms.create_return(p.world, warehouse, record.id, [(record.lines[0].sellable_id, 1)])
    wms.receive_return(p.world, warehouse, record.id, back.id)


def part_came_back_as_refunded(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    warehouse, record = p.record_of(order)
    agreed = shops.open_return(p.world, p.shop, order.id, [(order.lines[0].id, 1)])
    back = wms.create_return(p.world, warehouse, record.id, [(record.lines[0].sellable_id, 1)])
    wms.receive_return(p.world, warehouse, record.id, back.id)
    refund_id = _refund(p, order, 1, "return", agreed.id)
    shops.close_return(p.world, p.shop, order.id, agreed.id)
    p.record({"order": order.name, "refund": refund_id})


def came_back_in_two_parcels(p: Plant) -> Script:
    order = _despatched_two(p)
    yield p.told(order)
    yield p.minutes(60)
    warehouse, record = p.record_of(order)
    for _ in range(2):
        back = wms.create_return(p.world, warehouse, record.id, [(record.lines[0].sellable_id, 1)])
        wms.receive_return(p.world, warehouse, record.id, back.id)
    refund_id = _refund(p, order, 2, "return")
    p.record({"order": order.name, "refund": refund_id})
