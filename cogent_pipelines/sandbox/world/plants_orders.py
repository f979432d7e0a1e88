"""Planted faults of orders: missing, unreleasable, doubled, twins, released too early, edited too late.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder, WarehouseOrder
from cogent_pipelines.sandbox.world.plant import NOT_CARRIED, SAID_MOVED, VALUE, Plant, Script
from cogent_pipelines.sandbox.world.shop import NewLine
from cogent_pipelines.sandbox.world.world import Flaw

REACHED = "every_paid_order_reached_a_warehouse"
RELEASABLE = "every_paid_order_can_be_released"
SHIPS = "every_released_order_ships_in_time"
CARRIED_OUT = "every_change_was_carried_out"
TOLD = "every_shipment_reached_the_channel"
CAPTURED = "every_despatch_was_captured"
UNCAPTURED = "no_order_was_released_before_payment"
LISTED = "every_channel_sku_exists_in_the_warehouse"
OVERSOLD = "no_sku_is_oversold"
LEVEL = "channel_stock_equals_what_is_available"
BASKET = "no_two_orders_are_the_same_basket"

# --- every_paid_order_reached_a_warehouse -------------------------------------------------------------


def deleted_in_the_warehouse(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(20)
    for warehouse, record in p.records(order):
        wms.delete_order(p.world, warehouse, record.id)
    p.record({"order": order.name}, also=(CARRIED_OUT, SAID_MOVED))


def refused_by_the_warehouse(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.world.arm(Flaw(p.warehouse.system, "create_order", order.name, "refuse", "Deliver to is invalid"))
    shops.capture(p.world, p.shop, order.id)
    p.record({"order": order.name}, also=(RELEASABLE, CARRIED_OUT, SHIPS, *NOT_CARRIED))
    yield p.minutes(1)


def accepted_and_not_stored(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.world.arm(Flaw(p.warehouse.system, "create_order", order.name, "nothing"))
    shops.capture(p.world, p.shop, order.id)
    p.record(
        {"order": order.name}, also=(CARRIED_OUT, "every_change_was_stored_as_sent", SAID_MOVED, *NOT_CARRIED)
    )
    yield p.minutes(1)


def renumbered_by_staff(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(15)
    record = p.record_of(order)[1]
    renumber(p, record, f"{order.name}-X")
    p.record({"order": order.name, "warehouse_order": record.id}, also=(CARRIED_OUT, SHIPS, SAID_MOVED))


def renumber(p: Plant, record: WarehouseOrder, number: str) -> None:
    """Write another number on a warehouse's record; whoever handles it goes on as planned."""
    p.mine(number)
    p.people.pickers.plans[number] = p.people.pickers.plan(record.order_name)
    p.warehouse.by_number[record.number].remove(record.id)
    record.number = number
    p.warehouse.by_number.setdefault(number, []).append(record.id)
    wms.touch(p.world, p.warehouse, record)


def authorised_only(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.record({"order": order.name})
    yield p.minutes(60)
    shops.cancel_order(p.world, p.shop, order.id)


def a_test_order(p: Plant) -> Script:
    order = p.place(is_test=True)
    p.record({"order": order.name})
    yield p.minutes(1)


def nothing_to_ship(p: Plant) -> Script:
    order = p.place(service=True)
    p.record({"order": order.name})
    yield p.minutes(1)


def cancelled_before_release(p: Plant) -> Script:
    order = p.place(payment="authorised")
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name})
    yield p.minutes(1)


def merged_into_another(p: Plant) -> Script:
    customer = p.customer()
    first = p.place(customer=customer)
    second = p.place([(p.skus()[0], 2)], customer=customer)
    for order in (first, second):
        p.plan(order, pick_minutes=600)
    yield p.released(first)
    yield p.released(second)
    (warehouse, parent), (_, child) = p.record_of(first), p.record_of(second)
    wms.merge_orders(p.world, warehouse, child.id, parent.id)
    p.record({"order": second.name, "other": first.name}, also=(SHIPS, TOLD))


# --- every_paid_order_can_be_released -----------------------------------------------------------------


def item_the_warehouse_lacks(p: Plant) -> Script:
    variant = p.listing()
    order = p.place([(variant.sku, 1)])
    p.record({"order": order.name, "sku": variant.sku}, also=(REACHED, LISTED, LEVEL, OVERSOLD))
    yield p.minutes(1)


def unmapped_delivery_option(p: Plant) -> Script:
    option = p.rng.choice(("Pigeon Post", "Same Day Bike", "International Signed"))
    order = p.place(delivery_option=option)
    p.record({"order": order.name, "delivery_option": option}, also=(REACHED,))
    yield p.minutes(1)


def unmapped_location(p: Plant) -> Script:
    location = p.another_location()
    order = p.place(homes=(location,), lines=[(p.skus()[0], 1)])
    p.record({"order": order.name, "location": location}, also=(REACHED,))
    yield p.minutes(1)


def no_postcode(p: Plant) -> Script:
    customer = p.customer()
    address = replace(customer.address, postcode="", country_code="GB")
    order = p.place(customer=customer, address=address)
    p.record({"order": order.name}, also=(REACHED,))
    yield p.minutes(1)


def no_street(p: Plant) -> Script:
    customer = p.customer()
    order = p.place(customer=customer, address=replace(customer.address, line1=""))
    p.record({"order": order.name}, also=(REACHED,))
    yield p.minutes(1)


def no_country(p: Plant) -> Script:
    customer = p.customer()
    order = p.place(customer=customer, address=replace(customer.address, country_code=""))
    p.record({"order": order.name}, also=(REACHED,))
    yield p.minutes(1)


def never_paid(p: Plant) -> Script:
    order = p.place(payment="pending")
    p.record({"order": order.name}, also=(REACHED,))
    yield p.minutes(1)


def nothing_left_on_the_shelf(p: Plant) -> Script:
    variant, sellable = p.own_item()
    p.world.arm(Flaw(p.shop.system, "set_levels", variant.sku, "nothing"))
    order = p.place([(variant.sku, 2)], payment="authorised")
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, 0)
    shops.capture(p.world, p.shop, order.id)
    p.record(
        {"order": order.name, "sku": variant.sku},
        also=(REACHED, LEVEL, OVERSOLD, SHIPS, CARRIED_OUT, "every_change_was_stored_as_sent"),
    )
    yield p.minutes(1)


def unmapped_option_but_cancelled(p: Plant) -> Script:
    order = p.place(payment="authorised", delivery_option="Pigeon Post")
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name})
    yield p.minutes(1)


def foreign_currency_shown(p: Plant) -> Script:
    order = p.place(presentment=("EUR", Decimal("1.17")))
    p.record({"order": order.name})
    yield p.minutes(1)


def delivered_abroad(p: Plant) -> Script:
    customer = p.customer()
    address = replace(customer.address, city="Dublin", postcode="D02 X285", country_code="IE", region="")
    order = p.place(customer=customer, address=address)
    p.record({"order": order.name})
    yield p.minutes(1)


def odd_spelling_known_to_both(p: Plant) -> Script:
    number = p.world.new_id("planter/item", 9001)
    variant, _ = p.own_item(sku=f"sku-{number}b")
    order = p.place([(variant.sku, 1)])
    p.record({"order": order.name, "sku": variant.sku})
    yield p.minutes(1)


def last_units_on_the_shelf(p: Plant) -> Script:
    variant, _ = p.own_item(stock=3)
    order = p.place([(variant.sku, 3)])
    p.record({"order": order.name, "sku": variant.sku})
    yield p.minutes(1)


def paid_just_in_time(p: Plant) -> Script:
    order = p.place(payment="pending")
    p.record({"order": order.name})
    yield p.just_inside()
    shops.pay(p.world, p.shop, order.id, "bank_transfer")


# --- no_order_is_in_the_warehouse_twice ---------------------------------------------------------------


def _copy(p: Plant, record: WarehouseOrder, sent_by: str, times: int = 1) -> list[WarehouseOrder]:
    """Send the same order in again; it lies there unallocated."""
    lines = [
        wms.NewWarehouseLine(line.sellable_id, line.quantity, line.unit_price, line.tax_rate, line.remote_id)
        for line in record.lines
    ]
    return [
        wms.create_order(
            p.world,
            p.warehouse,
            number=record.number,
            channel_id=record.channel_id,
            email=record.email,
            address=record.address,
            lines=lines,
            delivery_method_id=record.delivery_method_id,
            currency=record.currency,
            payment_reference=record.payment_reference,
            sent_by=sent_by,
        )
        for _ in range(times)
    ]


def sent_again_by_the_old_integration(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    yield p.minutes(30)
    (copy,) = _copy(p, p.record_of(order)[1], "planter")
    p.record({"order": order.name, "warehouse_order": copy.id}, also=(SHIPS,))


def keyed_in_again_by_staff(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    yield p.minutes(90)
    (copy,) = _copy(p, p.record_of(order)[1], "staff")
    copy.email = ""
    copy.customer_note = "re-keyed"
    p.record({"order": order.name, "warehouse_order": copy.id}, also=(SHIPS,))


def sent_again_after_despatch(p: Plant) -> Script:
    order = p.place()
    yield p.shipped(order)
    yield p.minutes(20)
    (copy,) = _copy(p, p.record_of(order)[1], "planter")
    p.record({"order": order.name, "warehouse_order": copy.id}, also=(SHIPS,))


def sent_three_times(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    yield p.minutes(10)
    copies = _copy(p, p.record_of(order)[1], "planter", times=2)
    p.record({"order": order.name, "warehouse_order": copies[0].id}, also=(SHIPS,))


def shipped_from_two_places(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)], homes=tuple(catalogue.LOCATIONS))
    p.record({"order": order.name})
    yield p.minutes(1)


def one_number_begins_as_the_other(p: Plant) -> Script:
    first = p.place()
    second = p.place(name=f"{first.name}0{p.serial}")
    p.record({"order": second.name, "other": first.name})
    yield p.minutes(1)


def copied_and_merged_back(p: Plant) -> Script:
    customer = p.customer()
    first = p.place(customer=customer)
    second = p.place([(p.skus()[0], 3)], customer=customer)
    for order in (first, second):
        p.plan(order, pick_minutes=600)
    yield p.released(first)
    yield p.released(second)
    wms.merge_orders(p.world, p.warehouse, p.record_of(second)[1].id, p.record_of(first)[1].id)
    p.record({"order": second.name, "other": first.name}, also=(REACHED, SHIPS, TOLD))


def copy_cancelled_at_once(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    (copy,) = _copy(p, p.record_of(order)[1], "staff")
    wms.cancel_order(p.world, p.warehouse, copy.id, reason="keyed by mistake", by="staff")
    p.record({"order": order.name, "warehouse_order": copy.id})


# --- no_two_orders_are_the_same_basket ----------------------------------------------------------------


def _twins(p: Plant, seconds: float, *, turned: bool = False, **options: Any) -> Script:
    first_sku, second_sku = p.skus(2)
    basket = [(first_sku, 2), (second_sku, 1)]
    customer = p.customer()
    first = p.place(basket, customer=customer)
    yield p.minutes(seconds / 60)
    if turned:
        basket.reverse()
    second = p.place(basket, customer=customer, **options)
    p.record({"order": second.name, "other": first.name})


def twin_minutes_later(p: Plant) -> Script:
    yield from _twins(p, p.rng.randint(2, 50) * 60)


def twin_in_another_order_of_lines(p: Plant) -> Script:
    yield from _twins(p, p.rng.randint(60, 1500), turned=True)


def twin_by_another_delivery(p: Plant) -> Script:
    yield from _twins(p, p.rng.randint(60, 3000), delivery_option="Next Day Delivery", source="draft")


def twin_in_the_last_second(p: Plant) -> Script:
    yield from _twins(p, (p.window or 3600) - 1)


def same_basket_too_late(p: Plant) -> Script:
    yield from _twins(p, (p.window or 3600) + 61)


def same_basket_another_customer(p: Plant) -> Script:
    sku, other = p.skus(2)
    first = p.place([(sku, 1), (other, 1)])
    yield p.minutes(5)
    second = p.place([(sku, 1), (other, 1)])
    p.record({"order": second.name, "other": first.name})


def same_items_other_quantity(p: Plant) -> Script:
    sku, other = p.skus(2)
    customer = p.customer()
    first = p.place([(sku, 1), (other, 1)], customer=customer)
    yield p.minutes(12)
    second = p.place([(sku, 1), (other, 2)], customer=customer)
    p.record({"order": second.name, "other": first.name})


def cancelled_and_ordered_again(p: Plant) -> Script:
    sku, other = p.skus(2)
    customer = p.customer()
    first = p.place([(sku, 1), (other, 1)], customer=customer)
    yield p.minutes(1)
    shops.cancel_order(p.world, p.shop, first.id)
    for warehouse, record in p.records(first):
        wms.cancel_order(p.world, warehouse, record.id, by="staff")
    yield p.minutes(9)
    second = p.place([(sku, 1), (other, 1)], customer=customer)
    p.record({"order": second.name, "other": first.name})


# --- no_order_was_released_before_payment -------------------------------------------------------------


def _released_unpaid(p: Plant, order: ShopOrder) -> WarehouseOrder:
    p.plan(order, picks=False)
    return p.send(order)[0]


def released_when_authorised(p: Plant) -> Script:
    order = p.place(payment="authorised")
    yield p.minutes(3)
    record = _released_unpaid(p, order)
    p.record({"order": order.name, "warehouse_order": record.id}, also=(SHIPS,))


def released_while_pending(p: Plant) -> Script:
    order = p.place(payment="pending")
    yield p.minutes(3)
    record = _released_unpaid(p, order)
    p.record({"order": order.name, "warehouse_order": record.id}, also=(SHIPS, RELEASABLE))


def released_after_the_void(p: Plant) -> Script:
    order = p.place(payment="authorised")
    shops.void(p.world, p.shop, order.id)
    yield p.minutes(2)
    record = _released_unpaid(p, order)
    p.record({"order": order.name, "warehouse_order": record.id}, also=(SHIPS, RELEASABLE))


def paid_after_release(p: Plant) -> Script:
    order = p.place(payment="authorised")
    record = _released_unpaid(p, order)
    since = p.world.now
    yield p.minutes(45)
    shops.capture(p.world, p.shop, order.id)
    p.record({"order": order.name, "warehouse_order": record.id}, since=since, also=(SHIPS,))


def captured_a_second_before(p: Plant) -> Script:
    order = p.place()
    yield p.minutes(1 / 60)
    record = (p.send(order) or [p.record_of(order)[1]])[0]
    p.record({"order": order.name, "warehouse_order": record.id})


def nothing_to_pay(p: Plant) -> Script:
    order = p.place([(p.skus()[0], 1)], payment="none", free=True)
    p.record({"order": order.name})
    yield p.minutes(1)


def captured_in_two_parts(p: Plant) -> Script:
    order = p.place(payment="authorised")
    half = shops.round_money(shops.totals(p.shop, order).total / 2)
    shops.capture(p.world, p.shop, order.id, half)
    shops.capture(p.world, p.shop, order.id)
    p.record({"order": order.name})
    yield p.minutes(1)


# --- every_edit_after_release_reached_the_warehouse ---------------------------------------------------

AFTER_EDIT = (SHIPS, TOLD, CARRIED_OUT, "no_order_is_fulfilled_before_its_last_parcel", CAPTURED, VALUE)


def _edited(p: Plant, order: ShopOrder, field: str) -> None:
    surplus = shops.totals(p.shop, order)
    too_much = surplus.captured - surplus.refunded - surplus.current_total
    if too_much > 0:
        shops.refund(p.world, p.shop, order.id, adjustment=too_much, note="edited")
    p.record({"order": order.name, "field": field}, also=AFTER_EDIT)


def _two_lines(p: Plant, **how: object) -> ShopOrder:
    first, second = p.skus(2)
    order = p.place([(first, 2), (second, 1)])
    p.plan(order, **({"pick_minutes": 500.0} | how))
    return order


def fewer_units_after_release(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(15)
    shops.set_quantity(p.world, p.shop, order.id, order.lines[0].id, 1)
    _edited(p, order, "quantity")


def line_removed_after_release(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(25)
    shops.set_quantity(p.world, p.shop, order.id, order.lines[1].id, 0)
    _edited(p, order, "lines")


def line_added_after_release(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(15)
    sku = next(s for s in p.skus(3) if s not in {line.sku for line in order.lines})
    variant = p.shop.variants[p.shop.by_sku[sku]]
    shops.add_line(p.world, p.shop, order.id, NewLine(sku, 1, variant.price, variant.id))
    shops.pay(p.world, p.shop, order.id)
    _edited(p, order, "lines")


def address_changed_after_release(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(10)
    moved = replace(
        order.address, line1=f"{p.rng.randint(200, 400)} Long Acre", postcode="M1 1AE", city="Manchester"
    )
    shops.change_address(p.world, p.shop, order.id, moved)
    _edited(p, order, "address")


def delivery_changed_after_release(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(10)
    shops.change_delivery(p.world, p.shop, order.id, "Next Day Delivery")
    _edited(p, order, "delivery_option")


def edited_before_release(p: Plant) -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 2), (second, 1)], payment="authorised")
    yield p.minutes(2)
    shops.set_quantity(p.world, p.shop, order.id, order.lines[0].id, 1)
    shops.capture(p.world, p.shop, order.id)
    p.record({"order": order.name})


def edited_in_both_systems(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(20)
    shops.change_address(p.world, p.shop, order.id, replace(order.address, line1="77 Other Street"))
    for warehouse, record in p.records(order):
        p.people.mirror(p.shop, order, warehouse, record)
    p.record({"order": order.name}, also=("every_change_was_stored_as_sent",))


def carried_over_in_the_last_second(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(20)
    shops.change_address(p.world, p.shop, order.id, replace(order.address, line1="12 Brand New Road"))
    p.record({"order": order.name}, also=("every_change_was_stored_as_sent",))
    yield p.just_inside()
    for warehouse, record in p.records(order):
        p.people.mirror(p.shop, order, warehouse, record)


def only_a_note_changed(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(20)
    shops.change_note(p.world, p.shop, order.id, note="called about a gift", tags=["vip"])
    p.record({"order": order.name})


def edited_there_and_back(p: Plant) -> Script:
    order = _two_lines(p)
    yield p.released(order)
    yield p.minutes(20)
    was = order.address
    shops.change_address(p.world, p.shop, order.id, replace(was, line1="Mistyped"))
    shops.change_address(p.world, p.shop, order.id, was)
    p.record({"order": order.name})
