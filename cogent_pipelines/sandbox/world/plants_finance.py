"""Planted faults of what is owed, taxed and booked: lines closed short, values, taxes, customers.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder, Warehouse, WarehouseCustomer, WarehouseOrder
from cogent_pipelines.sandbox.world.plant import VALUE, Plant, Script, Wait
from cogent_pipelines.sandbox.world.plants_orders import CARRIED_OUT, REACHED, SHIPS, TOLD
from cogent_pipelines.sandbox.world.plants_shipping import LAST_PARCEL, WMS_CANCEL
from cogent_pipelines.sandbox.world.world import Flaw

EDITED = "every_edit_after_release_reached_the_warehouse"
RETURNED = "every_refund_has_its_return"
GIVEN_UP = (WMS_CANCEL, REACHED, CARRIED_OUT, SHIPS, TOLD, LAST_PARCEL, EDITED, VALUE)
HELD = (REACHED, "every_paid_order_can_be_released")
PENNY = Decimal("0.01")
Sold = Generator[Wait, None, ShopOrder]
"""A part of a script that gives an order."""

# --- every_line_closed_short_has_a_decision -----------------------------------------------------------


def _given_up(p: Plant, order: ShopOrder) -> Script:
    """The warehouse cancels the order before anything of it left."""
    p.plan(order, picks=False)
    yield p.released(order)
    yield p.minutes(20)
    for warehouse, record in p.records(order):
        wms.cancel_order(p.world, warehouse, record.id, reason="Cannot be found", by="warehouse")


def _closed_short(p: Plant) -> Sold:
    """One of two lines leaves and the rest is closed; gives the order and the line that stays."""
    first, second = p.skus(2)
    order = p.place([(first, 1), (second, 1)])
    p.plan(order, parts=2, pick_minutes=20, ships_rest=False)
    yield p.shipped(order)
    yield p.minutes(5)
    warehouse, record = p.record_of(order)
    wms.close_short(p.world, warehouse, record.id)
    yield p.minutes(1)
    return order


def _unsent(p: Plant, order: ShopOrder) -> int:
    """The line of which nothing left."""
    warehouse, record = p.record_of(order)
    gone = {warehouse.sellables[s].sku for s in wms.shipped_units(record)}
    return next(line.id for line in order.lines if line.sku not in gone)


def given_up_and_nobody_says(p: Plant) -> Script:
    order = p.place()
    yield from _given_up(p, order)
    p.record({"order": order.name}, also=GIVEN_UP)


def closed_short_and_nobody_says(p: Plant) -> Script:
    order = yield from _closed_short(p)
    p.record({"order": order.name}, also=GIVEN_UP)


def taken_off_and_not_given_back(p: Plant) -> Script:
    order = yield from _closed_short(p)
    shops.set_quantity(p.world, p.shop, order.id, _unsent(p, order), 0)
    p.record({"order": order.name}, also=GIVEN_UP)


def cancelled_there_and_not_given_back(p: Plant) -> Script:
    order = p.place()
    yield from _given_up(p, order)
    yield p.minutes(2)
    shops.cancel_order(p.world, p.shop, order.id, reason="inventory", refund=False)
    p.record({"order": order.name}, also=GIVEN_UP)


def rest_given_back(p: Plant) -> Script:
    order = yield from _closed_short(p)
    line = _unsent(p, order)
    shops.refund(p.world, p.shop, order.id, lines=[(line, 1, "cancel")], note="not in stock")
    p.record({"order": order.name}, also=(WMS_CANCEL, EDITED, VALUE))


def taken_off_and_given_back(p: Plant) -> Script:
    order = yield from _closed_short(p)
    shops.set_quantity(p.world, p.shop, order.id, _unsent(p, order), 0)
    sums = shops.totals(p.shop, order)
    shops.refund(
        p.world, p.shop, order.id, adjustment=sums.captured - sums.refunded - sums.current_total, note="short"
    )
    p.record({"order": order.name}, also=(WMS_CANCEL, EDITED, VALUE))


def cancelled_and_refunded_in_the_last_second(p: Plant) -> Script:
    order = p.place()
    yield from _given_up(p, order)
    p.record({"order": order.name}, also=GIVEN_UP)
    yield p.just_inside()
    p.give_back(order)


# --- every_order_value_agrees -------------------------------------------------------------------------


def _booked(p: Plant, order: ShopOrder) -> tuple[Warehouse, WarehouseOrder]:
    """The order as the system that keeps the books has it."""
    record = p.booked(order)
    if record is None:
        raise LookupError(f"{order.name} is not booked")
    return p.books, record


def _in_the_books(p: Plant, **options: Any) -> Sold:
    first, second = p.skus(2)
    order = p.place([(first, 2), (second, 1)], **options)
    yield p.until(lambda: p.booked(order))
    yield p.minutes(10)
    return order


def delivery_a_penny_dearer(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    books, record = _booked(p, order)
    record.delivery_price += PENNY
    wms.touch(p.world, books, record)
    p.record({"order": order.name}, system=books.system)


def price_changed_in_the_books(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    books, record = _booked(p, order)
    record.lines[0].unit_price -= Decimal("0.50")
    wms.touch(p.world, books, record)
    p.record({"order": order.name}, system=books.system)


def booked_in_another_currency(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    books, record = _booked(p, order)
    record.currency = "EUR"
    wms.touch(p.world, books, record)
    p.record(
        {"order": order.name}, system=books.system, also=("every_change_was_stored_as_sent", CARRIED_OUT)
    )


def never_booked(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.world.arm(Flaw(p.books.system, "book", order.name, "nothing"))
    shops.capture(p.world, p.shop, order.id)
    p.record({"order": order.name}, system=p.books.system)
    yield p.minutes(1)


def not_paid_and_not_booked(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.record({"order": order.name})
    yield p.minutes(90)
    shops.cancel_order(p.world, p.shop, order.id)


def goodwill_given(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    shops.refund(p.world, p.shop, order.id, adjustment=Decimal("1.00"), note="sorry")
    p.record({"order": order.name})


def units_given_back_after_they_left(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    yield p.told(order)
    shops.refund(p.world, p.shop, order.id, lines=[(order.lines[0].id, 1, "return")], note="came back")
    p.record({"order": order.name}, also=(RETURNED,))


def booked_as_sold(p: Plant) -> Script:
    order = yield from _in_the_books(p)
    p.record({"order": order.name})


# --- every_tax_code_is_mapped -------------------------------------------------------------------------


def _taxed(p: Plant, word: str, **options: Any) -> tuple[ShopOrder, str]:
    """An order one line of which bears a tax nobody has met before."""
    order = p.place([(sku, 1) for sku in p.skus(2)], **options)
    name = f"{word}-{9000 + p.serial}"
    order.lines[0].tax_name = name
    shops.touch(p.world, p.shop, order)
    return order, name


def a_levy_nobody_mapped(p: Plant) -> Script:
    order, name = _taxed(p, "LEVY")
    p.record({"value": name, "order": order.name}, also=HELD)
    yield p.minutes(1)


def a_reduced_rate_by_a_new_name(p: Plant) -> Script:
    order, name = _taxed(p, "REDUCED")
    order.lines[0].tax_rate = Decimal("0.2")
    p.record({"value": name, "order": order.name}, also=HELD)
    yield p.minutes(1)


def renamed_tax_before_it_is_paid(p: Plant) -> Script:
    order, name = _taxed(p, "VATNEW", payment="authorised")
    p.record({"value": name, "order": order.name}, also=HELD)
    yield p.minutes(30)
    shops.capture(p.world, p.shop, order.id)


def cancelled_with_its_tax(p: Plant) -> Script:
    order, name = _taxed(p, "LEVY", payment="authorised")
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"value": name, "order": order.name})
    yield p.minutes(1)


def a_test_with_its_tax(p: Plant) -> Script:
    order, name = _taxed(p, "LEVY", is_test=True)
    p.record({"value": name, "order": order.name})
    yield p.minutes(1)


def taxed_as_ever(p: Plant) -> Script:
    order = p.place()
    p.record({"order": order.name})
    yield p.minutes(1)


# --- no_customer_is_doubled ---------------------------------------------------------------------------


def _made_again(p: Plant, typed: str) -> Script:
    """Staff key a customer in whom the books have already, and move an order to them; ``typed`` has {} for the mail."""
    customer = p.customer()
    first, second = p.place(customer=customer), p.place([(p.skus()[0], 3)], customer=customer)
    yield p.until(lambda: p.booked(first) and p.booked(second))
    yield p.minutes(5)
    books, record = _booked(p, second)
    known = books.customers[record.customer_id or 0]
    number = p.world.new_id(f"{books.system}/customer", 5_501)
    mail = known.email.upper() if typed == "UPPER" else typed.format(known.email)
    books.customers[number] = WarehouseCustomer(number, mail, replace(known.address), p.world.now)
    record.customer_id = number
    wms.touch(p.world, books, record)
    p.record({"record": number, "order": second.name}, system=books.system)


def keyed_in_again_in_capitals(p: Plant) -> Script:
    yield from _made_again(p, "UPPER")


def keyed_in_again_as_it_was(p: Plant) -> Script:
    yield from _made_again(p, "{}")


def keyed_in_again_with_a_blank(p: Plant) -> Script:
    yield from _made_again(p, " {} ")


def two_orders_of_one_customer(p: Plant) -> Script:
    customer = p.customer()
    first, second = p.place(customer=customer), p.place([(p.skus()[0], 3)], customer=customer)
    p.record({"order": first.name, "other": second.name})
    yield p.minutes(1)


def two_of_one_household(p: Plant) -> Script:
    customer = p.customer()
    first = p.place(customer=customer)
    second = p.place([(p.skus()[0], 3)], address=customer.address)
    p.record({"order": first.name, "other": second.name})
    yield p.minutes(1)


def one_mail_in_two_cases_in_the_shop(p: Plant) -> Script:
    customer = p.customer()
    first = p.place(customer=customer)
    yield p.minutes(10)
    second = p.place([(p.skus()[0], 3)], customer=customer, email=customer.email.upper())
    p.record({"order": first.name, "other": second.name})
