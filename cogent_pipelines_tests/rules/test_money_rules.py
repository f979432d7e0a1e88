"""The rules about money, and the bridge from what was captured to what the bank got: worlds that pass and worlds that fail."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import NOW, PSP, SHOP, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary


def world_of(model: str) -> World:
    """A shop whose cards are paid out by one provider."""
    world = World(model)
    world.put("mappings.gateways", channel_system=SHOP, gateway="cards", payout_system=PSP)
    return world


# --- every_payout_equals_its_entries ------------------------------------------------------------------------


def paid_out(net: str = "112.00", **values: Any) -> World:
    """A charge of 120.00 less its fee, and 5.00 given back, in one payout."""
    world = world_of("every_payout_equals_its_entries")
    world.payout("po1", net, **values)
    world.entry("1", "charge", "120.00", "po1", fee="3.00")
    world.entry("2", "refund", "-5.00", "po1")
    world.entry("po1", "payout", "-112.00", "po1")
    world.entry("3", "charge", "60.00", None, fee="1.00")
    return world


def test_a_payout_is_its_entries_less_their_fees() -> None:
    """The line of the payout itself, and what is in no payout yet, do not count."""
    assert paid_out().found() == {}


def test_a_payout_that_is_short_is_shown_with_the_difference() -> None:
    """A day after it was issued."""
    world = paid_out("100.00")
    boundary(world, ago(days=2) + timedelta(days=1), {f"{PSP}:po1": "sum_differs"})
    world.at(NOW)
    row = world.row()
    assert (row["amount"], row["currency"]) == (Decimal("12.00"), "GBP")
    assert row["detail"] == "payout po1 of 100.00 GBP: its 2 entries come to 112.00"


def test_a_payout_nobody_itemises_cannot_be_asked() -> None:
    """Its entries name no payout."""
    assert paid_out("100.00", is_itemised=False).found() == {}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_a_failed_payout_held_is_in_another(status: str) -> None:
    """It was never paid."""
    assert paid_out("100.00", status_code=status).found() == {}


def test_a_payout_without_entries_is_shown_unless_it_is_of_nothing() -> None:
    """An empty one has nothing to hold."""
    world = world_of("every_payout_equals_its_entries")
    world.payout("po1", "10.00")
    world.payout("po2", "0.00")
    assert world.found() == {f"{PSP}:po1": "no_entries"}


def test_entries_in_another_currency_do_not_add_up_to_a_payout() -> None:
    """Whatever their numbers come to."""
    world = paid_out()
    world.change("marts.payout_entries", "entry_id = '1'", settlement_currency="EUR")
    assert world.found() == {f"{PSP}:po1": "other_currency"}


# --- every_entry_belongs_to_an_order_or_is_explained -----------------------------------------------------


def entries(**values: Any) -> World:
    """A charge for order 1, ordered five days ago."""
    world = world_of("every_entry_belongs_to_an_order_or_is_explained")
    world.order("1", placed_at=ago(days=5))
    world.entry("1", "charge", "10.00", "po1", **({"order_reference": "1"} | values))
    return world


@pytest.mark.parametrize("reference", ["1", "#1", " #1 "])
def test_a_charge_is_for_the_order_whose_number_it_names(reference: str) -> None:
    """With or without its #."""
    assert entries(order_reference=reference).found() == {}


def test_a_charge_is_for_the_order_its_provider_knows() -> None:
    """Where the provider is the shop's own."""
    assert entries(order_reference=None, order_key=f"{SHOP}:1").found() == {}


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"order_reference": "2"}, "unknown_order"),
        ({"order_reference": None, "order_key": f"{SHOP}:2"}, "unknown_order"),
        ({"order_reference": None}, "no_reference"),
        ({"order_reference": " "}, "no_reference"),
        ({"kind_code": "unknown"}, "unknown_kind"),
    ],
)
def test_money_for_no_order_we_know_is_shown(values: dict[str, Any], cause: str) -> None:
    """A day after it moved."""
    world = entries(**values)
    boundary(world, ago(days=4) + timedelta(days=1), {f"{PSP}:1": cause})
    world.at(NOW)
    assert world.row()["amount"] == Decimal("10.00")


@pytest.mark.parametrize(
    "kind", ["fee", "adjustment", "reserve_held", "reserve_released", "conversion", "payout"]
)
def test_what_its_kind_explains_needs_no_order(kind: str) -> None:
    """Nobody ordered it."""
    assert entries(kind_code=kind, order_reference=None).found() == {}


def test_a_refund_is_for_its_charges_order() -> None:
    """It names the charge only."""
    world = entries()
    world.entry("2", "refund", "-4.00", "po1", original_transaction_id="t-1")
    world.entry("3", "chargeback", "-4.00", "po1", original_transaction_id="t-9", occurred_at=ago(days=2))
    world.change("marts.orders", "true", placed_at=ago(days=300))
    assert world.found() == {f"{PSP}:3": "no_reference"}


def test_what_is_given_back_has_its_charges_order() -> None:
    """Also where it names one that is not known."""
    world = world_of("entry_orders")
    world.order("1")
    world.entry("1", "charge", "10.00", order_reference="#1")
    world.entry("2", "refund", "-4.00", order_reference="x1", original_transaction_id="t-1")
    world.entry("3", "chargeback", "-4.00", original_transaction_id="t-2")
    assert {row["entry_key"]: row["order_key"] for row in world.rows()} == {
        f"{PSP}:1": f"{SHOP}:1",
        f"{PSP}:2": f"{SHOP}:1",
    }


def test_what_is_given_back_for_an_order_from_before_our_first_is_not_shown() -> None:
    """Nor a charge from before it; half a year later every refund has an order that we know."""
    world = entries(occurred_at=ago(days=6), order_reference="0")
    world.entry("2", "refund", "-4.00", "po1", order_reference="0")
    assert world.found() == {}
    world.at(NOW + timedelta(days=200))
    world.entry("3", "refund", "-4.00", "po1", order_reference="0", occurred_at=NOW + timedelta(days=190))
    assert world.found() == {f"{PSP}:3": "unknown_order"}


# --- every_captured_order_is_paid_out_in_time ------------------------------------------------------------


def captured(charge: bool = True, **values: Any) -> World:
    """Order 1, captured four days ago; charged at its provider and in a payout."""
    world = world_of("every_captured_order_is_paid_out_in_time")
    world.order("1", placed_at=ago(days=5))
    world.capture("1", "10.00")
    world.entry("0", "charge", "7.00", "po0", order_reference="other", occurred_at=ago(days=30))
    world.payout("po1", "10.00", **values)
    if charge:
        world.entry("1", "charge", "10.00", "po1", order_reference="1")
    return world


def test_what_is_charged_and_in_a_payout_is_paid_out() -> None:
    """Nothing to show."""
    assert captured().found() == {}


def test_what_the_provider_does_not_know_is_shown_after_three_days() -> None:
    """From the capture on."""
    world = captured(charge=False)
    boundary(world, ago(days=4) + timedelta(days=3), {f"{SHOP}:p1": "not_at_the_provider"})
    world.at(NOW)
    assert (world.row()["system"], world.row()["detail"]) == (PSP, "#1 took 10.00 GBP through cards")


def test_what_is_in_no_payout_is_shown_after_ten_days() -> None:
    """From the charge on."""
    world = captured()
    world.change("marts.payout_entries", "entry_id = '1'", payout_id=None)
    boundary(world, ago(days=4) + timedelta(days=10), {f"{SHOP}:p1": "not_paid_out"})


def test_a_provider_that_itemises_nothing_is_not_asked_for_its_payouts() -> None:
    """Its entries name none."""
    world = captured(is_itemised=False)
    world.change("marts.payout_entries", "true", payout_id=None)
    world.at(NOW + timedelta(days=30))
    assert world.found() == {}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_was_in_a_payout_that_did_not_arrive_is_shown(status: str) -> None:
    """Five days later: the provider puts it into another."""
    world = captured(status_code=status)
    boundary(world, ago(days=2) + timedelta(days=5), {f"{SHOP}:p1": "payout_failed"})


def test_every_capture_of_an_order_needs_its_own_charge() -> None:
    """The first is the first, the second the second."""
    world = captured()
    world.capture("1", "3.00", "b", processed_at=ago(days=3, hours=1))
    assert world.found() == {f"{SHOP}:p1b": "not_at_the_provider"}
    world.entry("2", "charge", "3.00", "po1", order_reference="1", occurred_at=ago(days=3))
    assert world.found() == {}


def test_a_gateway_nobody_pays_out_is_not_asked() -> None:
    """Gift cards, cash, bank transfers."""
    world = captured(charge=False)
    world.change("marts.payments", "true", gateway="gift_card")
    assert world.found() == {}


def test_what_was_captured_before_the_providers_first_entry_is_not_asked() -> None:
    """Its history begins later than the shop's."""
    world = captured(charge=False)
    world.change("marts.payout_entries", "entry_id = '0'", occurred_at=ago(days=3))
    assert world.found() == {}


def test_a_test_order_is_not_paid_out() -> None:
    """The provider never sees it."""
    world = captured(charge=False)
    world.change("marts.orders", "true", is_test=True)
    assert world.found() == {}


# --- no_refund_exceeds_its_capture ----------------------------------------------------------------------


def refunded(*amounts: str, **values: Any) -> World:
    """Order 1 took 10.00 and was given these back for."""
    world = world_of("no_refund_exceeds_its_capture")
    world.order("1", **values)
    for place, amount in enumerate(amounts):
        world.refund("1", f"r{place}", amount)
    return world


def test_an_order_may_be_given_back_for_as_far_as_it_was_paid() -> None:
    """To the penny, in several refunds."""
    assert refunded("4.00", "6.00").found() == {}


def test_more_given_back_than_taken_is_shown_at_once() -> None:
    """With the excess."""
    row = refunded("4.00", "6.01").row()
    assert (row["cause"], row["amount"], row["currency"]) == ("over_refunded", Decimal("0.01"), "GBP")
    assert row["detail"] == "#1 was given back 10.01 GBP in 2 refunds and took 10.00"


# --- the bridge -----------------------------------------------------------------------------------------


def bridge(world: World, payout: str = "po1") -> dict[str, Decimal]:
    """Step -> amount, in the order of the steps."""
    rows = [row for row in world.rows() if row["payout_id"] == payout]
    return {row["step"]: row["amount"] for row in sorted(rows, key=lambda row: row["place"])}


def short(*, with_chargeback: bool = True) -> World:
    """A payout of 312.40 less than what its charges come to."""
    world = world_of("payout_bridge")
    world.payout("po1", "654.60")
    world.entry("1", "charge", "967.00", "po1")
    if with_chargeback:
        world.entry("2", "chargeback", "-297.40", "po1", original_transaction_id="t-1")
    world.entry("3", "fee", "-15.00", "po1")
    return world


def test_a_payout_312_40_short_is_explained_by_a_chargeback_of_297_40_and_its_fee_of_15_00() -> None:
    """Step by step, and nothing is left."""
    steps = bridge(short())
    assert steps == {"captures": Decimal(967), "fees": Decimal(-15), "disputes": Decimal("-297.40")}
    assert sum(steps.values()) == Decimal("654.60")


def test_with_the_chargeback_entry_removed_297_40_is_named_unexplained() -> None:
    """The rule shows the same difference."""
    steps = bridge(short(with_chargeback=False))
    assert steps == {"captures": Decimal(967), "fees": Decimal(-15), "unexplained": Decimal("-297.40")}
    judged = world_of("every_payout_equals_its_entries")
    judged.payout("po1", "654.60")
    judged.entry("1", "charge", "967.00", "po1")
    judged.entry("3", "fee", "-15.00", "po1")
    assert (judged.row()["cause"], judged.row()["amount"]) == ("sum_differs", Decimal("297.40"))


def test_a_disputes_fee_stands_apart_from_those_of_selling() -> None:
    """Where the provider takes it with the dispute."""
    world = world_of("payout_bridge")
    world.payout("po1", "75.00")
    world.entry("1", "charge", "100.00", "po1", fee="2.00")
    world.entry("2", "chargeback", "-8.00", "po1", fee="15.00")
    assert bridge(world) == {
        "captures": Decimal(100),
        "fees": Decimal(-2),
        "disputes": Decimal(-8),
        "dispute_fees": Decimal(-15),
    }


def test_a_balance_carries_over_what_a_payout_leaves() -> None:
    """Of a provider that does not say what a payout holds."""
    world = world_of("payout_bridge")
    world.payout("w1", "80.00", is_itemised=False, issued_at=ago(days=3))
    world.payout("w2", "30.00", is_itemised=False, issued_at=ago(days=1))
    world.entry("1", "charge", "100.00", fee="2.00", occurred_at=ago(days=4))
    world.entry("2", "charge", "20.00", fee="1.00", occurred_at=ago(days=2))
    world.entry("3", "conversion", "0.50", occurred_at=ago(days=2))
    world.entry("w1", "payout", "-80.00", occurred_at=ago(days=3))
    assert bridge(world, "w1") == {"captures": Decimal(100), "fees": Decimal(-2), "carried_on": Decimal(-18)}
    assert bridge(world, "w2") == {
        "carried_in": Decimal(18),
        "captures": Decimal(20),
        "fees": Decimal(-1),
        "exchange": Decimal("0.50"),
        "carried_on": Decimal("-7.50"),
    }


_PENCE = st.integers(-50_000, 50_000).map(lambda pence: Decimal(pence) / 100)
_KIND = st.sampled_from(
    [
        "charge",
        "refund",
        "chargeback",
        "chargeback_reversed",
        "fee",
        "adjustment",
        "reserve_held",
        "conversion",
        "unknown",
    ]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(_KIND, _PENCE, _PENCE, st.booleans()), max_size=8), _PENCE)
def test_the_steps_always_come_to_the_payout(
    moves: list[tuple[str, Decimal, Decimal, bool]], net: Decimal
) -> None:
    """Whatever moved, itemised or not."""
    world = world_of("payout_bridge")
    world.payout("po1", str(net))
    world.payout("w1", str(net), is_itemised=False, issued_at=ago(days=3))
    world.payout("w2", str(net), is_itemised=False, issued_at=ago(days=1))
    for place, (kind, gross, fee, is_in) in enumerate(moves):
        at = ago(days=4 if is_in else 2)
        world.entry(str(place), kind, str(gross), "po1" if is_in else None, fee=str(fee), occurred_at=at)
    for payout in ("po1", "w1", "w2"):
        assert sum(bridge(world, payout).values()) == net
    assert "unexplained" not in bridge(world, "w2")
