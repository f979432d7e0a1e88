"""Accounts with payment providers: orders paid through them by share, and what befalls the money there."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import acts, build, truth
from cogent_pipelines.sandbox.world.model import Account
from cogent_pipelines.sandbox.world.money import PAYMENTS
from cogent_pipelines.sandbox.world.world import World

START = datetime(2026, 11, 2, 6, tzinfo=UTC)
SYSTEMS = {"web_uk": "shopify", "wms_uk": "veeqo", "cards": "stripe"}


def world(**more: Any) -> World:
    """A small retailer with an account beside its shop."""
    given = {"seed": 7, "days": 1, "orders": 0, "skus": 6, "bundles": 0, "start": START, "speed": 0, **more}
    made = build.build_world(Settings(systems=SYSTEMS, **given))
    build.people_the_world(made, Kit(made))
    return made


@pytest.fixture(scope="module")
def lived() -> World:
    """The same after a week with 400 orders."""
    made = world(orders=400, days=2, old_integration=1.0)
    made.advance(START + timedelta(days=12))
    return made


def placed(made: World, name: str, **more: Any) -> Account:
    """An order paid through the account."""
    lines = [{"sku": "SKU-0001", "quantity": 1, "price": "96.05"}]
    acts.do(made, "web_uk", "place_order", {"name": name, "lines": lines, "gateway": "cards", **more})
    return made.accounts["cards"]


def test_a_share_of_the_orders_is_paid_through_each_account(lived: World) -> None:
    """The rest goes through the shop's own provider, or by bank transfer."""
    gateways = Counter(
        t.gateway for o in lived.shops["web_uk"].orders.values() for t in o.transactions if t.kind != "refund"
    )
    assert 0.08 < gateways["cards"] / gateways.total() < 0.25
    assert gateways[PAYMENTS] > gateways["cards"]


def test_everything_that_can_befall_money_does(lived: World) -> None:
    """Charges, refunds, disputes with their fee, reserves and payouts."""
    kinds = Counter(e.kind for e in lived.accounts["cards"].entries.values())
    assert min(kinds[k] for k in ("charge", "refund", "transfer")) > 1
    assert kinds["reserve"] + kinds["chargeback"] > 0


def test_every_payout_is_its_entries(lived: World) -> None:
    """And all of it is paid out in the end but what the provider is owed."""
    account = lived.accounts["cards"]
    for payout in account.payouts.values():
        part = [e for e in account.entries.values() if e.payout_id == payout.id and e.kind != "transfer"]
        assert sum((e.amount - e.fee for e in part), Decimal(0)) == payout.net > 0


def test_a_dispute_a_reserve_and_a_refund_name_their_charge() -> None:
    """In the order in which they come; a dispute's fee stays when it is won."""
    made = world()
    account = placed(made, "#A")
    for verb, args in (("dispute", {}), ("win", {}), ("reserve", {"amount": "10"}), ("release", {})):
        acts.do(made, "cards", verb, {"order": "#A", **args})
    acts.do(made, "web_uk", "refund", {"order": "#A", "adjustment": "5"})
    charge, *rest = account.entries.values()
    assert [e.kind for e in rest] == ["chargeback", "chargeback_won", "reserve", "reserve", "refund"]
    assert {e.original_id for e in rest} == {charge.id}
    assert {e.order_name for e in rest} == {"#A"}
    assert sum((e.amount for e in rest), Decimal(0)) == -5
    assert sum((e.fee for e in rest), Decimal(0)) == 15


def test_what_was_paid_in_another_currency_is_kept_beside_the_amount() -> None:
    """Yen have no minor unit."""
    account = placed(world(), "#Y", presentment=["JPY", "187.31"])
    (charge,) = account.entries.values()
    assert (charge.amount, charge.paid) == (Decimal("100.00"), ("JPY", Decimal(18731)))


def test_a_payout_takes_all_there_is_and_arrives_a_day_later() -> None:
    """Nothing is paid out while the provider is owed."""
    made = world()
    account = placed(made, "#A")
    made.advance(START + timedelta(hours=4))
    (payout,) = account.payouts.values()
    assert (payout.net, payout.status) == (Decimal("98.30"), "scheduled")
    acts.do(made, "cards", "dispute", {"order": "#A"})
    made.advance(START + timedelta(days=2))
    assert [p.status for p in account.payouts.values()] == ["paid"]
    assert len(account.unpaid_out) == 1


def test_an_account_does_not_change_a_world_without_one() -> None:
    """Who has none pays through the shop's own provider."""
    made = build.build_world(Settings(seed=7, orders=0, skus=4, bundles=0, start=START, speed=0))
    acts.do(made, "web_uk", "place_order", {"name": "#A", "lines": [{"sku": "SKU-0001"}]})
    (order,) = made.shops["web_uk"].orders.values()
    assert {t.gateway for t in order.transactions} == {PAYMENTS}


def test_the_truth_tells_of_accounts() -> None:
    """What they paid out, what happened there, and what is still owed."""
    made = world()
    placed(made, "#A")
    acts.do(made, "cards", "reserve", {"order": "#A", "amount": "10"})
    told = truth.truth(made, {"systems"})["systems"]["cards"]
    assert told == {"payouts": 0, "entries": {"charge": 1, "reserve": 1}, "balance": Decimal("88.30")}
    with pytest.raises(ValueError, match="has no chargeback"):
        acts.do(made, "cards", "win", {"order": "#A"})
