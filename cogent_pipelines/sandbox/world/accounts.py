"""What befalls money at a payment provider: disputes, reserves, and the day's payout.

Belongs here: acts upon an account. Does not belong here: charges and refunds (``money``), how often anything
happens (``rates``), or how a provider shows it (``vendors``).
"""

from __future__ import annotations

from decimal import Decimal

from cogent_pipelines.sandbox.world.model import Account, Payout, PayoutEntry, Shop
from cogent_pipelines.sandbox.world.money import book_entry
from cogent_pipelines.sandbox.world.world import World

DISPUTE_FEE = Decimal("15.00")
NOTHING = Decimal(0)


def dispute(world: World, account: Shop | Account, charge: PayoutEntry) -> PayoutEntry:
    """The customer's bank takes a charge back; the provider wants a fee for it."""
    entry = book_entry(
        world,
        account,
        "chargeback",
        -charge.amount,
        DISPUTE_FEE,
        order_id=charge.order_id,
        reason="fraudulent",
    )
    return _about(entry, charge)


def win(world: World, account: Account, lost: PayoutEntry) -> PayoutEntry:
    """The retailer wins: the money comes again, the fee does not."""
    entry = book_entry(world, account, "chargeback_won", -lost.amount, order_id=lost.order_id)
    return _about(entry, account.entries[lost.original_id or 0])


def reserve(world: World, account: Shop | Account, charge: PayoutEntry, amount: Decimal) -> PayoutEntry:
    """Hold a part of a charge back."""
    return _about(book_entry(world, account, "reserve", -amount, order_id=charge.order_id), charge)


def release(world: World, account: Account, held: PayoutEntry) -> PayoutEntry:
    """Give free what was held back."""
    entry = book_entry(world, account, "reserve", -held.amount, order_id=held.order_id)
    return _about(entry, account.entries[held.original_id or 0])


def fail(world: World, account: Account, payout: Payout) -> PayoutEntry:
    """The bank does not take a payout: the money comes back and goes out with the next one."""
    payout.status = "failed"
    return book_entry(world, account, "returned", payout.net, reason=f"payout {payout.id}")


def _about(entry: PayoutEntry, charge: PayoutEntry) -> PayoutEntry:
    entry.original_id, entry.order_name = charge.id, charge.order_name
    return entry


def pay_out(world: World, holder: Shop | Account, due: list[PayoutEntry]) -> Payout | None:
    """Send what is due to the bank. What is owed to the provider is kept back for the next payout."""
    net = sum((entry.amount - entry.fee for entry in due), NOTHING)
    if net <= 0:
        return None
    payout = Payout(
        world.new_id(f"{holder.system}/payout", 9_100_001), world.now, "scheduled", net, holder.currency
    )
    holder.payouts[payout.id] = payout
    for entry in due:
        entry.payout_id = payout.id
    taken = {entry.id for entry in due}
    holder.unpaid_out = [i for i in holder.unpaid_out if i not in taken]
    transfer = book_entry(world, holder, "transfer", -net)
    transfer.payout_id = payout.id
    holder.unpaid_out.remove(transfer.id)
    return payout
