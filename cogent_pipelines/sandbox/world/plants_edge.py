"""Planted faults where systems are reached: feeds that stop, keys that die, changes that stick, odd records.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).

A vendor's own names are its edge's (``edges``).
"""

from __future__ import annotations

from datetime import timedelta

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines.sandbox.world.plant import NOT_CARRIED, PASSES, SAID_MOVED, VALUE, Plant, Script
from cogent_pipelines.sandbox.world.plants_orders import (
    CARRIED_OUT,
    LEVEL,
    OVERSOLD,
    REACHED,
    RELEASABLE,
    SHIPS,
    TOLD,
)
from cogent_pipelines.sandbox.world.plants_shipping import LAST_PARCEL, PICKED, TRACKED, WMS_CANCEL
from cogent_pipelines.sandbox.world.world import Flaw, Odd

FRESH = "every_feed_is_up_to_date"
STORED = "every_change_was_stored_as_sent"
EDITED = "every_edit_after_release_reached_the_warehouse"

OUTAGE_MINUTES = 45.0  # unless the family may stand unnoticed for longer


def _systems(p: Plant) -> list[str]:
    """Those that are read often enough for an outage to show."""
    return [system for system, vendor in p.world.settings.systems.items() if edges.of(vendor).feeds]


# --- every_feed_is_up_to_date -------------------------------------------------------------------------


def _length(p: Plant) -> float:
    """Say how many minutes to keep something away: longer than it may stand unnoticed, if there is room."""
    return min(p.well_past(OUTAGE_MINUTES).seconds / 60, max(p.room, 5.0))


def _feed_stops(p: Plant, kind: str, minutes: float | None = None) -> Script:
    feeds = [
        (system, *feed)
        for system, vendor in p.world.settings.systems.items()
        for feed in edges.of(vendor).feeds
    ]
    system, feed, operation = feeds[p.serial % len(feeds)]
    length = minutes if minutes is not None else _length(p)
    now = p.world.now
    until = now + timedelta(minutes=length)
    p.kit.faults.outages.append(Outage(system, operation, kind, now, until, planted=p.family))
    p.record(
        {"system": system, "feed": feed},
        system=system,
        repair=PASSES,
        also=("every_credential_is_valid",),
        until=until,
    )
    yield p.minutes(length)


def feed_answers_500(p: Plant) -> Script:
    yield from _feed_stops(p, "error_500")


def feed_answers_html(p: Plant) -> Script:
    yield from _feed_stops(p, "html_with_200")


def feed_breaks_off(p: Plant) -> Script:
    yield from _feed_stops(p, "half_body")


def feed_cannot_be_reached(p: Plant) -> Script:
    yield from _feed_stops(p, "reset_before_send")


def feed_hiccups(p: Plant) -> Script:
    yield from _feed_stops(p, "unavailable", 1.5)


def feed_breaks_off_for_a_moment(p: Plant) -> Script:
    yield from _feed_stops(p, "half_body", 1.0)


def feed_is_told_to_wait(p: Plant) -> Script:
    yield from _feed_stops(p, "rate_limited", 0.7)


# --- every_credential_is_valid ------------------------------------------------------------------------


def key_refused(p: Plant) -> Script:
    system = _systems(p)[p.serial % len(_systems(p))]
    length = _length(p)
    until = p.world.now + timedelta(minutes=length)
    p.kit.tokens.lock_out(system, until)
    p.record({"system": system}, system=system, repair=PASSES, also=(FRESH,), until=until)
    yield p.minutes(length)


def token_revoked(p: Plant) -> Script:
    system = _systems(p)[(p.serial + 1) % len(_systems(p))]
    length = _length(p)
    now = p.world.now
    until = now + timedelta(minutes=length)
    p.kit.faults.outages.append(Outage(system, "", "token_revoked", now, until, planted=p.family))
    p.record({"system": system}, system=system, repair=PASSES, also=(FRESH,), until=until)
    yield p.minutes(length)


def scope_taken_away(p: Plant) -> Script:
    system = _systems(p)[p.serial % len(_systems(p))]
    operation = edges.of(p.world.settings.systems[system]).feeds[0][1]
    length = _length(p)
    now = p.world.now
    until = now + timedelta(minutes=length)
    p.kit.faults.outages.append(Outage(system, operation, "forbidden", now, until, planted=p.family))
    p.record({"system": system}, system=system, repair=PASSES, also=(FRESH,), until=until)
    yield p.minutes(length)


def token_ran_out_and_was_renewed(p: Plant) -> Script:
    system = _systems(p)[p.serial % len(_systems(p))]
    p.kit.tokens.expire_all(system)
    p.record({"system": system}, system=system)
    yield p.minutes(1)


def told_to_wait_three_times(p: Plant) -> Script:
    system = _systems(p)[p.serial % len(_systems(p))]
    now = p.world.now
    p.kit.faults.outages.append(Outage(system, "", "rate_limited", now, now + timedelta(minutes=10), left=3))
    p.record({"system": system}, system=system)
    yield p.minutes(1)


def unavailable_for_a_moment(p: Plant) -> Script:
    system = _systems(p)[p.serial % len(_systems(p))]
    now = p.world.now
    p.kit.faults.outages.append(Outage(system, "", "unavailable", now, now + timedelta(minutes=1), left=4))
    p.record({"system": system}, system=system)
    yield p.minutes(1)


# --- every_change_was_carried_out ---------------------------------------------------------------------


def _armed(p: Plant, effect: str, value: object = None, left: int = 1_000_000) -> ShopOrder:
    order = p.place(payment="authorised")
    p.world.arm(Flaw(p.warehouse.system, "create_order", order.name, effect, value, left))
    shops.capture(p.world, p.shop, order.id)
    return order


def warehouse_breaks_on_it(p: Plant) -> Script:
    order = _armed(p, "break")
    p.record({"order": order.name}, system=p.warehouse.system, also=(REACHED, RELEASABLE, *NOT_CARRIED))
    yield p.minutes(1)


def warehouse_refuses_it(p: Plant) -> Script:
    order = _armed(p, "refuse", "Customer is blocked")
    p.record({"order": order.name}, system=p.warehouse.system, also=(REACHED, RELEASABLE, *NOT_CARRIED))
    yield p.minutes(1)


def allocation_refused(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.world.arm(Flaw(p.warehouse.system, "allocate", order.name, "refuse", "Stock is locked"))
    shops.capture(p.world, p.shop, order.id)
    p.record(
        {"order": order.name},
        system=p.warehouse.system,
        also=(REACHED, SHIPS, RELEASABLE, STORED, *NOT_CARRIED),
    )
    yield p.minutes(1)


def shop_refuses_the_parcel(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    p.world.arm(Flaw(p.shop.system, "fulfil", order.name, "refuse"))
    yield p.shipped(order)
    p.record({"order": order.name, "shipment": p.parcels(order)[0][3].id}, also=(TOLD, *NOT_CARRIED))


def cancellation_refused(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    p.world.arm(Flaw(p.warehouse.system, "cancel_order", order.name, "refuse", "Order cannot be cancelled"))
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name}, system=p.warehouse.system, also=(PICKED, SHIPS))


def level_refused(p: Plant) -> Script:
    variant, sellable = p.own_item()
    p.world.arm(Flaw(p.shop.system, "set_levels", variant.sku, "refuse"))
    yield p.minutes(20)
    wms.count_stock(p.world, p.warehouse, sellable.id, p.facility, 33)
    p.record({"sku": variant.sku, "location": p.home}, also=(LEVEL, OVERSOLD))


def breaks_twice_and_then_works(p: Plant) -> Script:
    order = _armed(p, "break", left=2)
    p.record({"order": order.name}, system=p.warehouse.system, also=NOT_CARRIED)
    yield p.minutes(1)


def forgets_it_once(p: Plant) -> Script:
    order = _armed(p, "nothing", left=1)
    p.record({"order": order.name}, system=p.warehouse.system, also=(SAID_MOVED, *NOT_CARRIED))
    yield p.minutes(1)


def forgets_the_cancellation_once(p: Plant) -> Script:
    order = p.place()
    p.plan(order, picks=False)
    p.world.arm(Flaw(p.warehouse.system, "cancel_order", order.name, "nothing", left=1))
    yield p.released(order)
    shops.cancel_order(p.world, p.shop, order.id)
    p.record({"order": order.name}, system=p.warehouse.system)


# --- every_change_was_stored_as_sent ------------------------------------------------------------------


def _spoiled(p: Plant, effect: str, *also: str, value: object = None, verb: str = "create_order") -> Script:
    first, second = p.skus(2)
    order = p.place([(first, 2), (second, 1)], payment="authorised")
    p.plan(order, pick_minutes=900)
    p.world.arm(Flaw(p.warehouse.system, verb, order.name, effect, value))
    shops.capture(p.world, p.shop, order.id)
    yield p.until(lambda: bool(p.records(order)))
    record = p.record_of(order)[1]
    p.record(
        {"order": order.name, "warehouse_order": record.id},
        system=p.warehouse.system,
        also=(CARRIED_OUT, EDITED, SHIPS, *also),  # a record that differs is not released to the floor
    )


def address_cut_short(p: Plant) -> Script:
    yield from _spoiled(p, "truncate_address")


def postcode_cut_short(p: Plant) -> Script:
    yield from _spoiled(p, "shorten_postcode")


def units_stored_wrong(p: Plant) -> Script:
    yield from _spoiled(p, "quantity", TOLD, REACHED, LEVEL, VALUE, value=1)


def line_lost(p: Plant) -> Script:
    yield from _spoiled(p, "drop_line", TOLD, REACHED, LAST_PARCEL, LEVEL, VALUE)


def other_delivery_method(p: Plant) -> Script:
    yield from _spoiled(p, "other_method")


def other_facility(p: Plant) -> Script:
    yield from _spoiled(p, "other_facility", LEVEL, TOLD, REACHED, verb="allocate")


def tracking_cut_short(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    p.world.arm(Flaw(p.shop.system, "fulfil", order.name, "truncate_number"))
    yield p.told(order)
    keys = {
        "order": order.name,
        "shipment": p.parcels(order)[0][3].id,
        "fulfilment": order.fulfilments[-1].id,
    }
    p.record(keys, also=(TOLD, CARRIED_OUT, TRACKED))


def other_carrier_in_the_shop(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    p.world.arm(Flaw(p.shop.system, "fulfil", order.name, "other_carrier", "Evri"))
    yield p.told(order)
    keys = {
        "order": order.name,
        "shipment": p.parcels(order)[0][3].id,
        "fulfilment": order.fulfilments[-1].id,
    }
    p.record(keys, also=(TOLD, CARRIED_OUT, TRACKED))


def note_added_by_staff(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    warehouse, record = p.record_of(order)
    wms.add_note(p.world, warehouse, record.id, "fragile, pack well")
    p.record({"order": order.name, "warehouse_order": record.id}, system=warehouse.system)


def held_for_a_moment_by_staff(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=240)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    wms.set_hold(p.world, warehouse, record.id, held=True)
    yield p.minutes(5)
    wms.set_hold(p.world, warehouse, record.id, held=False)
    p.record({"order": order.name, "warehouse_order": record.id}, system=warehouse.system)


def allocated_anew_by_staff(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=240)
    yield p.released(order)
    warehouse, record = p.record_of(order)
    allocation = record.allocations[0]
    wms.deallocate(p.world, warehouse, record.id, allocation.id)
    wms.allocate(p.world, warehouse, record.id, allocation.facility_id)
    p.record({"order": order.name, "warehouse_order": record.id}, system=warehouse.system)


# --- every_record_received_was_understood -------------------------------------------------------------


def _odd(p: Plant, system: str, value: object, *, is_status: bool) -> Script:
    order = p.place()
    edge = edges.of(p.world.settings.systems[system])
    if "others" in edge.untold:  # nobody asks about an order that is done
        p.plan(order, picks=False)
        yield p.released(order)
    else:
        p.plan(order, pick_minutes=20)
        yield p.told(order)
    yield p.minutes(30)
    record_id = order.id
    if system == p.warehouse.system:
        record = p.record_of(order)[1]
        record_id = record.id
        wms.touch(p.world, p.warehouse, record)
    else:
        shops.touch(p.world, p.shop, order)
    field = edge.status_field if is_status else edge.typed_field
    p.world.odd.append(Odd(system, edge.record.format(record_id), field, value))
    keys: dict[str, object] = {
        "system": system,
        "record": edge.record.format(record_id),
        "field": field,
        "order": order.name,
    }
    if system == p.warehouse.system and edge.goes_by is not None:
        keys["other"] = edge.goes_by(p.record_of(order)[1])
    if is_status:
        keys["value"] = str(value)  # many records of one odd value are one finding
    p.record(
        keys,
        system=system,
        also=(REACHED, TOLD, SHIPS, CARRIED_OUT, WMS_CANCEL, "every_shipment_has_an_order", STORED),
    )


def status_nobody_knows_in_the_warehouse(p: Plant) -> Script:
    yield from _odd(p, p.warehouse.system, "quarantined", is_status=True)


def status_nobody_knows_in_the_shop(p: Plant) -> Script:
    yield from _odd(p, p.shop.system, "ON_TICK", is_status=True)


def wrong_type_in_the_warehouse(p: Plant) -> Script:
    yield from _odd(p, p.warehouse.system, {"amount": "twelve"}, is_status=False)


def wrong_type_in_the_shop(p: Plant) -> Script:
    yield from _odd(p, p.shop.system, "the day before yesterday", is_status=False)


def rare_status_but_known(p: Plant) -> Script:
    order = p.place()
    p.plan(order, pick_minutes=20)
    yield p.told(order)
    record = p.record_of(order)[1]
    record.is_refunded = True
    wms.touch(p.world, p.warehouse, record)
    p.record(
        {"system": p.warehouse.system, "record": record.id, "order": order.name}, system=p.warehouse.system
    )


def very_long_note(p: Plant) -> Script:
    order = p.place(note="Ring the bell. " * 200)
    p.record({"system": p.shop.system, "order": order.name})
    yield p.minutes(1)


def hostile_text_in_a_note(p: Plant) -> Script:
    order = p.place(note="Robert'); DROP TABLE orders;-- =cmd|' /C calc'!A0")
    p.record({"system": p.shop.system, "order": order.name})
    yield p.minutes(1)
