"""Planted faults of money: payouts that do not add up, movements for no order, captures nobody knows, too much given back.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).

A provider is a shop's own, where its edge shows one, or an account.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.world import accounts
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.model import Account, PayoutEntry, Shop, ShopOrder
from cogent_pipelines.sandbox.world.money import PAYMENTS
from cogent_pipelines.sandbox.world.plant import Plant, Script
from cogent_pipelines.sandbox.world.world import World

PAID_OUT = "every_captured_order_is_paid_out_in_time"
GOODWILL = Decimal("4.20")


def providers(world: World) -> list[Shop | Account]:
    """Whose books can be asked: shops with a provider of their own, and accounts."""
    vendor = world.settings.systems
    own = [shop for shop in world.shops.values() if edges.of(vendor[shop.system]).has_provider]
    return [*own[:1], *world.accounts.values()]


def _provider(p: Plant) -> Shop | Account:
    every = providers(p.world)
    return every[p.serial % len(every)]


def _sold(p: Plant, holder: Shop | Account, payment: str = "captured") -> ShopOrder:
    """An order that is paid through a provider, and leaves as any other."""
    order = p.place(payment="none")
    p.plan(order, pick_minutes=20)
    gateway = PAYMENTS if isinstance(holder, Shop) else holder.system
    if payment == "sale":
        shops.pay(p.world, p.shop, order.id, gateway)
    else:
        shops.authorise(p.world, p.shop, order.id, gateway)
    if payment == "captured":
        shops.capture(p.world, p.shop, order.id)
    return order


def _charge(holder: Shop | Account) -> PayoutEntry:
    """The latest charge."""
    return next(entry for entry in reversed(holder.entries.values()) if entry.kind == "charge")


def _edge(p: Plant, holder: Shop | Account) -> edges.Traits:
    return edges.of(p.world.settings.systems[holder.system])


# --- every_payout_equals_its_entries ------------------------------------------------------------------


def _in_a_payout(p: Plant, happens: Callable[[Shop | Account], PayoutEntry], *, is_listed: bool) -> Script:
    """Something happens to the balance; the next payout takes it, whether or not the provider lists it."""
    holder = _provider(p)
    entry = happens(holder)
    entry.is_listed = is_listed
    yield p.until(lambda: entry.payout_id, hours=80)
    payout = holder.payouts[entry.payout_id or 0]
    is_named = _edge(p, holder).names_payouts
    keys: dict[str, object] = {"record": payout.id} if is_named else {"system": holder.system}
    p.record(keys, system=holder.system, since=payout.issued_at)


def _disputed(p: Plant, holder: Shop | Account) -> PayoutEntry:
    _sold(p, holder)
    return accounts.dispute(p.world, holder, _charge(holder))


def _held_back(p: Plant, holder: Shop | Account) -> PayoutEntry:
    _sold(p, holder)
    return accounts.reserve(p.world, holder, _charge(holder), GOODWILL)


def _given_back(p: Plant, holder: Shop | Account) -> PayoutEntry:
    order = _sold(p, holder)
    shops.refund(p.world, p.shop, order.id, adjustment=GOODWILL, note="goodwill")
    return next(reversed(holder.entries.values()))


def chargeback_taken_and_not_listed(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _disputed(p, holder), is_listed=False)


def reserve_held_and_not_listed(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _held_back(p, holder), is_listed=False)


def refund_paid_and_not_listed(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _given_back(p, holder), is_listed=False)


def chargeback_with_its_fee(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _disputed(p, holder), is_listed=True)


def reserve_held_and_listed(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _held_back(p, holder), is_listed=True)


def refund_paid_and_listed(p: Plant) -> Script:
    yield from _in_a_payout(p, lambda holder: _given_back(p, holder), is_listed=True)


# --- every_entry_belongs_to_an_order_or_is_explained --------------------------------------------------


def _for_no_order(p: Plant, kind: str, amount: str, name: str = "") -> Script:
    """A movement nobody can find an order for; ``name`` is the number it carries."""
    holder = _provider(p)
    entry = shops.book_entry(p.world, holder, kind, Decimal(amount))
    entry.order_name = name
    _record_entry(p, holder, entry)
    yield p.minutes(1)


def _record_entry(p: Plant, holder: Shop | Account, entry: PayoutEntry, **more: object) -> None:
    number = entry.order_name.lstrip("#")
    keys: dict[str, object] = {"number": number} if number and isinstance(holder, Account) else {}
    if _edge(p, holder).names_entries:
        keys["record"] = entry.id
    keys = keys or {"system": holder.system}
    p.record(keys | more, system=holder.system, also=(PAID_OUT,) if more else ())


def charge_for_an_order_nobody_placed(p: Plant) -> Script:
    yield from _for_no_order(p, "charge", "31.70", f"#X-{7000 + p.serial}")


def charge_without_a_number(p: Plant) -> Script:
    yield from _for_no_order(p, "charge", "18.25")


def charge_under_a_mistyped_number(p: Plant) -> Script:
    holder = _provider(p)
    order = _sold(p, holder)
    charge = _charge(holder)
    charge.order_name, charge.order_id = f"{order.name}-{p.serial}", None
    _record_entry(p, holder, charge, order=order.name)
    yield p.minutes(1)


def held_back_for_no_order(p: Plant) -> Script:
    yield from _for_no_order(p, "reserve", "-12.00")


def given_back_for_an_order_of_last_year(p: Plant) -> Script:
    yield from _for_no_order(p, "refund", "-9.40", f"#OLD-{p.serial}")


def dispute_of_an_order_of_last_year(p: Plant) -> Script:
    yield from _for_no_order(p, "chargeback", "-22.10", f"#OLD-{p.serial}")


# --- every_captured_order_is_paid_out_in_time ---------------------------------------------------------


def _forget(holder: Shop | Account, entry: PayoutEntry) -> None:
    """The provider never took it: the shop only believes so."""
    del holder.entries[entry.id]
    holder.unpaid_out.remove(entry.id)


def captured_and_unknown_to_the_provider(p: Plant) -> Script:
    holder = _provider(p)
    order = _sold(p, holder)
    _forget(holder, _charge(holder))
    p.record({"order": order.name}, system=holder.system)
    yield p.minutes(1)


def sold_at_once_and_unknown_to_the_provider(p: Plant) -> Script:
    holder = _provider(p)
    order = _sold(p, holder, "sale")
    _forget(holder, _charge(holder))
    p.record({"order": order.name}, system=holder.system)
    yield p.minutes(1)


def _captured_twice(p: Plant, holder: Shop | Account) -> ShopOrder:
    order = _sold(p, holder, "authorised")
    half = shops.round_money(shops.totals(p.shop, order).total / 2)
    shops.capture(p.world, p.shop, order.id, half)
    shops.capture(p.world, p.shop, order.id)
    return order


def second_capture_unknown_to_the_provider(p: Plant) -> Script:
    holder = _provider(p)
    order = _captured_twice(p, holder)
    _forget(holder, _charge(holder))
    p.record({"order": order.name}, system=holder.system)
    yield p.minutes(1)


def charged_in_two_parts(p: Plant) -> Script:
    holder = _provider(p)
    p.record({"order": _captured_twice(p, holder).name}, system=holder.system)
    yield p.minutes(1)


def paid_by_bank_transfer(p: Plant) -> Script:
    order = p.place(payment="pending")
    p.plan(order, pick_minutes=20)
    yield p.minutes(30)
    shops.pay(p.world, p.shop, order.id, "bank_transfer")
    p.record({"order": order.name})


def known_to_the_provider_in_the_last_second(p: Plant) -> Script:
    holder = _provider(p)
    order = _sold(p, holder)
    charge = _charge(holder)
    _forget(holder, charge)
    p.record({"order": order.name}, system=holder.system)
    yield p.just_inside()
    charge.at = p.world.now
    holder.entries[charge.id] = charge
    holder.unpaid_out.append(charge.id)


# --- no_refund_exceeds_its_capture --------------------------------------------------------------------


def _shipped(p: Plant) -> tuple[ShopOrder, Decimal]:
    """An order that was captured, and what for; it is given back for once it has left."""
    order = p.place()
    p.plan(order, pick_minutes=20)
    return order, shops.totals(p.shop, order).captured


def _give_back(p: Plant, order: ShopOrder, amount: Decimal) -> None:
    """Goodwill; what the shop would refuse is done at its provider by hand, and noted."""
    shops.refund(p.world, p.shop, order.id, adjustment=amount, note="goodwill", is_forced=True)


def given_back_twice(p: Plant) -> Script:
    order, paid = _shipped(p)
    yield p.shipped(order)
    for _ in range(2):
        _give_back(p, order, paid)
    p.record({"order": order.name})


def goodwill_beyond_what_was_paid(p: Plant) -> Script:
    order, paid = _shipped(p)
    yield p.shipped(order)
    _give_back(p, order, paid + GOODWILL)
    p.record({"order": order.name})


def a_penny_too_much_in_the_second_refund(p: Plant) -> Script:
    order, paid = _shipped(p)
    yield p.shipped(order)
    _give_back(p, order, GOODWILL)
    yield p.minutes(20)
    _give_back(p, order, paid - GOODWILL + shops.PENNY)
    p.record({"order": order.name})


def given_back_to_the_penny(p: Plant) -> Script:
    order, paid = _shipped(p)
    yield p.shipped(order)
    _give_back(p, order, paid)
    p.record({"order": order.name})


def given_back_in_two_parts(p: Plant) -> Script:
    order, paid = _shipped(p)
    yield p.shipped(order)
    _give_back(p, order, GOODWILL)
    yield p.minutes(20)
    _give_back(p, order, paid - GOODWILL)
    p.record({"order": order.name})


def captured_twice_and_given_back_once(p: Plant) -> Script:
    order = p.place(payment="authorised")
    p.plan(order, pick_minutes=20)
    total = shops.totals(p.shop, order).total
    shops.capture(p.world, p.shop, order.id, shops.round_money(total / 3))
    shops.capture(p.world, p.shop, order.id)
    yield p.shipped(order)
    _give_back(p, order, total)
    p.record({"order": order.name})
