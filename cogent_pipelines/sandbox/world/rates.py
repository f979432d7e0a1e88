"""How often people do things, and how long they take: one table, read by all the people.

Belongs here: chances and durations. Does not belong here: anybody's acts.

A world with these rates and nothing planted breaks no rule: whoever causes a difference between two systems
(a cancelled pick, a short close) also sees to the other system, soon.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """Chances are per order unless their comment says otherwise; durations are (least, most)."""

    # paying
    pays_at_once: float = 0.20  # a sale; the others authorise, and the shop captures
    pays_by_transfer: float = 0.03  # pending first
    never_pays: float = 0.004  # of all; staff cancels
    capture_minutes: tuple[float, float] = (1, 12)
    transfer_hours: tuple[float, float] = (0.5, 4)
    give_up_hours: tuple[float, float] = (5, 8)
    # changing one's mind
    edits_before_release: float = 0.01  # before the capture
    edits_after_release: float = 0.006  # by telephone: staff changes both systems in one go
    cancels_early: float = 0.012  # before the capture
    cancels_late: float = 0.010  # after release, well before picking
    late_hours: tuple[float, float] = (0.3, 9)
    safe_before_pick_minutes: float = 150.0  # later than that nobody cancels or edits
    touched: float = 0.02  # its change date moves and nothing else does
    # money back
    goodwill: float = 0.012
    goodwill_hours: tuple[float, float] = (20, 60)
    returns: float = 0.05
    return_days: tuple[float, float] = (1.0, 6.0)  # after delivery
    return_travel_days: tuple[float, float] = (1.0, 3.0)
    return_is_partial: float = 0.4  # of returns
    return_never_arrives: float = 0.06  # of returns; no refund then
    # the warehouse, in working minutes
    queue_minutes: tuple[float, float] = (30, 240)
    pick_minutes: tuple[float, float] = (4, 20)
    pack_minutes: tuple[float, float] = (5, 40)
    part_ships: float = 0.04  # of orders with two units or more
    rest_minutes: tuple[float, float] = (40, 200)
    cancels_pick: float = 0.006
    repick_minutes: tuple[float, float] = (20, 60)
    closes_short: float = 0.003  # staff refunds the rest in the shop
    cancels_order: float = 0.002  # the warehouse cannot; staff cancels in the shop
    staff_reacts_minutes: tuple[float, float] = (1, 5)
    counts_per_day: float = 14.0
    recalls_per_day: float = 0.3
    receipts_per_day: float = 10.0
    # carriers
    scan_hours: tuple[float, float] = (2, 7)
    delivery_hours: tuple[float, float] = (16, 30)
    loses_parcel: float = 0.002  # never delivered, still scanned
    # baskets
    lines: tuple[float, ...] = (0.55, 0.27, 0.12, 0.06)  # one line, two, three, four
    bundle_line: float = 0.06  # of lines
    units: tuple[float, ...] = (0.72, 0.2, 0.06, 0.02)
    known_customer: float = 0.35  # buys again
    two_locations: float = 0.02
    foreign: float = 0.05  # delivered abroad
    presentment: float = 0.03  # shown in euro
    discount: float = 0.08
    gift_wrap: float = 0.03  # a line that needs no shipping
    # at a payment provider that is not a shop's own, of charges
    reserved: float = 0.04
    reserve_days: tuple[float, float] = (0.5, 2.0)
    disputed: float = 0.02
    dispute_days: tuple[float, float] = (0.5, 4.0)
    dispute_won: float = 0.4  # of disputes
    # bookkeeping
    payout_hour: int = 9


RATES = Rates()

# A file of real orders says itself what was edited, cancelled and given back.
FILE_RATES = Rates(
    pays_at_once=1.0,
    pays_by_transfer=0.0,
    never_pays=0.0,
    edits_before_release=0.0,
    edits_after_release=0.0,
    cancels_early=0.0,
    cancels_late=0.0,
    goodwill=0.0,
    returns=0.0,
    closes_short=0.0,
    cancels_order=0.0,
    counts_per_day=0.0,
    recalls_per_day=0.0,
    receipts_per_day=0.0,
)
