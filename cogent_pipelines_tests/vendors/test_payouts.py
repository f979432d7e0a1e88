"""Every source of payouts, one contract: what lands in the marts is the world's, to the minor unit.

A retailer whose customers pay through the shop's own provider and four others lives for some days, is read twice, and
the marts are held against the providers' own books.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.errors import Halt
from cogent_pipelines.sandbox.world import plants_money
from cogent_pipelines.sandbox.world.defects import FAMILIES
from cogent_pipelines.sandbox.world.model import Account, PayoutEntry, Shop
from cogent_pipelines.sandbox.world.planter import Planter
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors import payouts_kit, vendor_kit
from cogent_pipelines_tests.vendors.payouts_kit import DAY, Books, Provider, number
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP

PROVIDERS = tuple(slug for slug, kit in vendor_kit.kits().items() if kit.role == "payments")
"""Each a system of its vendor's name."""
SYSTEMS = (SHOP, *PROVIDERS)
Rows = list[dict[str, Any]]
NOTHING = Decimal(0)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """The retailer after both readings, and after what each of them must have."""
    folder = tmp_path_factory.mktemp("payouts")
    with payouts_kit.opened(folder, *PROVIDERS, orders=150, days=2, skus=40, old_integration=1.0) as made:
        made.move_on(0.6 * DAY)
        for system in PROVIDERS:
            made.live(system, f"#{system}-")
        for system in SYSTEMS:
            assert all(report.is_complete for report in made.read(system).values()), system
        made.move_on(4 * DAY)
        for system in SYSTEMS:
            assert all(report.is_complete for report in made.read(system).values()), system
        yield made


@pytest.fixture(scope="module")
def marts(books: Books) -> Iterator[dict[str, Rows]]:
    """Both marts, made of every vendor's views as dbt makes them."""
    with books.staged() as staged:
        staged.connection.execute("CREATE SCHEMA IF NOT EXISTS marts")
        found = {}
        for name in ("payouts", "payout_entries"):
            staged.connection.execute(f"CREATE OR REPLACE VIEW marts.{name} AS {dbt_render.render(name)}")
            cursor = staged.connection.execute(f"SELECT * FROM marts.{name}")
            names = [column[0] for column in cursor.description]
            found[name] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        yield found


def holder(books: Books, system: str) -> Shop | Account:
    """Whose book it is."""
    return books.shop if system == SHOP else books.account(system)


def of(rows: Rows, system: str, *, with_payouts: bool = False) -> Rows:
    """A system's rows, the payouts' own left out."""
    return [r for r in rows if r["system"] == system and (with_payouts or r.get("kind_code") != "payout")]


def facts(books: Books, system: str) -> Provider:
    """How it shows them."""
    return payouts_kit.provider(books.slugs[system])


def told(books: Books, system: str) -> list[PayoutEntry]:
    """The book's movements that the provider shows."""
    lists_unpaid = facts(books, system).lists_unpaid
    entries = holder(books, system).entries.values()
    return [e for e in entries if e.kind != "transfer" and (e.payout_id or lists_unpaid)]


def shown(marts: dict[str, Rows], system: str) -> Rows:
    """The mart's movements at home: what is carried from batch to batch is none, nor what was converted at once."""
    rows = of(marts["payout_entries"], system)
    return [r for r in rows if r["settlement_currency"] == "GBP" and r["kind_raw"] != "Balancetransfer"]


def test_every_provider_has_lived(books: Books) -> None:
    """Charges, refunds, disputes with their fee, reserves held and released, and several payouts at each."""
    for system in PROVIDERS:
        kinds = Counter(e.kind for e in told(books, system))
        assert min(kinds[k] for k in ("charge", "refund", "chargeback", "chargeback_won", "reserve")) > 0, (
            system
        )
        assert kinds["charge"] > 10, system
        assert len(books.account(system).payouts) > 2, system
    assert len(books.shop.payouts) > 1


@pytest.mark.parametrize("system", PROVIDERS)
def test_a_halted_provider_is_tried_with_its_cheapest_request(books: Books, system: str) -> None:
    """It answers to good credentials and to no others, whatever the answer's form."""

    async def tried() -> None:
        async with books.client(system) as client:
            assert client.vendor.probe is not None
            await client.fetch(client.vendor.probe(client.system), lambda _: None)

    asyncio.run(tried())
    books.sandbox.kit.tokens.lock_out(system, books.world.now + timedelta(minutes=2))
    with pytest.raises(Halt):
        asyncio.run(tried())
    books.move_on(300)
    asyncio.run(tried())


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_payout_is_the_worlds(books: Books, marts: dict[str, Rows], system: str) -> None:
    """As many, each of its amount."""
    shown = sorted(row["net_amount"] for row in marts["payouts"] if row["system"] == system)
    assert shown == sorted(payout.net for payout in holder(books, system).payouts.values())


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_payout_equals_its_entries(marts: dict[str, Rows], system: str) -> None:
    """Of what the providers itemise, which here is all."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in of(marts["payout_entries"], system):
        if row["payout_id"] is not None:
            sums[row["payout_id"]] += row["net_amount"]
    payouts = [row for row in marts["payouts"] if row["system"] == system]
    assert all(row["is_itemised"] for row in payouts)
    assert dict(sums) == {row["payout_id"]: row["net_amount"] for row in payouts}


@pytest.mark.parametrize("system", SYSTEMS)
def test_gross_fees_and_net_come_to_the_worlds(books: Books, marts: dict[str, Rows], system: str) -> None:
    """A fee stands beside its charge or on a line of its own; what was converted counts by what it came to at home."""
    entries, rows = told(books, system), shown(marts, system)
    assert sum(r["net_amount"] for r in rows) == sum(e.amount - e.fee for e in entries)
    converted = [e for e in entries if e.paid] if facts(books, system).converts_at_once else []
    fees = sum(r["fee_amount"] for r in rows) - sum(
        r["gross_amount"] for r in rows if r["kind_code"] == "fee"
    )
    assert fees == sum((e.fee for e in entries if e not in converted), NOTHING)
    gross = sum(r["gross_amount"] for r in rows if r["kind_code"] != "fee")
    assert gross == sum((e.amount for e in entries), NOTHING) - sum((e.fee for e in converted), NOTHING)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_movement_is_the_worlds(books: Books, marts: dict[str, Rows], system: str) -> None:
    """Net, one by one."""
    provider = facts(books, system)
    found: dict[int, Decimal] = defaultdict(Decimal)
    for row in shown(marts, system):
        found[number(row[provider.number])] += row["net_amount"]
    expected: dict[int, Decimal] = defaultdict(Decimal)
    for entry in told(books, system):
        is_under_it = provider.shows_originals and entry.kind != "refund" and entry.original_id
        expected[is_under_it or entry.id] += entry.amount - entry.fee
    assert found == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_entry_is_of_its_kind(books: Books, marts: dict[str, Rows], system: str) -> None:
    """As many of each as there are; fees, conversions and payouts apart, which providers show in their own ways."""
    words = {"chargeback_won": "chargeback_reversed"}
    expected = Counter(
        ("reserve_held" if e.amount < 0 else "reserve_released")
        if e.kind == "reserve"
        else words.get(e.kind, e.kind)
        for e in told(books, system)
    )
    rows = [r for r in of(marts["payout_entries"], system) if r["kind_raw"] != "Balancetransfer"]
    found = Counter(row["kind_code"] for row in rows if row["kind_code"] not in ("fee", "conversion"))
    assert found == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_charge_and_refund_names_its_order(books: Books, marts: dict[str, Rows], system: str) -> None:
    """By the number the shop gave it; a refund names the charge it is of."""
    names = {order.name.lstrip("#") for order in books.shop.orders.values()}
    rows = of(marts["payout_entries"], system)
    charges = {r["transaction_id"] for r in rows if r["kind_code"] == "charge"}
    for row in rows:
        if row["kind_code"] in ("charge", "refund", "chargeback"):
            assert row["order_reference"].lstrip("#") in names
        if row["kind_code"] == "refund" or (row["kind_code"] == "chargeback" and system != SHOP):
            assert row["original_transaction_id"] in charges


@pytest.mark.parametrize("system", SYSTEMS)
def test_net_is_gross_less_the_fee_on_every_line(marts: dict[str, Rows], system: str) -> None:
    """And keys are unique, kinds and states of the closed lists."""
    rows = of(marts["payout_entries"], system, with_payouts=True)
    assert all(row["gross_amount"] - row["fee_amount"] == row["net_amount"] for row in rows)
    assert len({row["entry_key"] for row in rows}) == len(rows)
    assert "unknown" not in {row["kind_code"] for row in rows}
    assert {r["status_code"] for r in marts["payouts"] if r["system"] == system} <= {"scheduled", "paid"}


# --- answers nobody expected --------------------------------------------------------------------------------


@pytest.fixture(params=PROVIDERS)
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Books, str]]:
    """An account with two orders and their payout, before it is read."""
    system = request.param
    with payouts_kit.opened(tmp_path, system) as made:
        made.sell(system, "#A")
        made.sell(system, "#B")
        made.move_on(DAY)
        yield made, system


def test_a_value_of_another_type_is_set_aside_and_no_other_row(strange: tuple[Books, str]) -> None:
    """With the path of the misfit; the rest of the page lands, where a payout is not whole or not there."""
    books, system = strange
    provider = facts(books, system)
    books.strike(system, provider.operation, "wrong_type", provider.requests)
    report = books.read(system)[provider.stream]
    assert (report.rows_set_aside, report.is_complete) == (1, True)
    assert (report.rows_new > 1) is provider.sets_aside_rows


def test_a_new_field_is_noted_and_a_new_word_is_unknown(strange: tuple[Books, str]) -> None:
    """Neither stops the reading, and the new word stands beside."""
    books, system = strange
    provider = facts(books, system)
    books.strike(system, provider.operation, "unknown_field", provider.requests)
    assert books.read(system)[provider.stream].undeclared == 1
    books.move_on(DAY)
    books.sell(system, "#C")
    books.move_on(DAY)
    books.strike(system, provider.operation, "unknown_status")
    assert books.read(system)[provider.stream].is_complete
    if not provider.has_states:
        words = {row["kind_raw"] for row in books.entries(system) if row["kind_code"] == "unknown"}
        assert len(words) == 1


def test_a_reading_that_broke_off_goes_on_where_it_stood(strange: tuple[Books, str]) -> None:
    """An incomplete one moves no cursor: the next has everything, once."""
    books, system = strange
    provider = facts(books, system)
    books.strike(system, provider.operation, "forbidden", 3)
    assert not books.read(system)[provider.stream].is_complete
    books.sandbox.kit.faults.outages.clear()
    books.move_on(300)
    assert books.read(system)[provider.stream].is_complete
    payouts = {r["payout_id"]: r["net_amount"] for r in books.mart("payouts", system)}
    assert payouts == payouts_kit.net_of_payouts(books, system)
    assert len(payouts) == 1


# --- what is planted --------------------------------------------------------------------------------------

SUMS, ORDERS = "every_payout_equals_its_entries", "every_entry_belongs_to_an_order_or_is_explained"


@pytest.fixture(params=PROVIDERS)
def planted(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Books, str]]:
    """A retailer whose money goes through one account only, with an order paid through it."""
    monkeypatch.setattr(plants_money, "providers", lambda world: list(world.accounts.values()))
    with payouts_kit.opened(tmp_path, request.param) as made:
        made.world.planter = Planter(made.world, made.sandbox.kit)
        made.sell(request.param, "#A")
        yield made, request.param


def plant(books: Books, family: str, *, is_near_miss: bool = False) -> None:
    """Every mechanism of a family, a day apart, so that each is in a payout of its own; then time to be paid out."""
    choices = FAMILIES[family].near_misses if is_near_miss else FAMILIES[family].mechanisms
    for mechanism in choices:
        args = {"family": family, "mechanism": mechanism.__name__, "near_miss": is_near_miss}
        books.do("", "plant", **args)
        books.move_on(DAY)
    books.move_on(4 * DAY)


def read_all(books: Books, system: str) -> dict[str, Decimal]:
    """Payout -> how much less it is than its entries, where it is."""
    assert all(report.is_complete for report in books.read(system).values())
    sums = payouts_kit.net_of_payouts(books, system)
    payouts = {row["payout_id"]: row["net_amount"] for row in books.mart("payouts", system)}
    assert payouts
    return {name: sums[name] - net for name, net in payouts.items() if sums[name] != net}


def test_what_a_provider_takes_and_does_not_list_is_missing_from_its_payout(
    planted: tuple[Books, str],
) -> None:
    """A chargeback with its fee, a reserve, a refund: each leaves its sum, and goes by a name the payout has."""
    books, system = planted
    plant(books, SUMS)
    short = read_all(books, system)
    hidden = [e for e in books.account(system).entries.values() if not e.is_listed]
    assert sorted(short.values()) == sorted(e.fee - e.amount for e in hidden)
    keys = [d.keys for d in books.world.planter.defects]
    assert len(keys) == len(short) == 3
    for key in keys:
        assert key.get("system") == system or any(key["record"] in name for name in short)


def test_what_a_provider_takes_and_lists_leaves_no_payout_short(planted: tuple[Books, str]) -> None:
    """The same, listed."""
    books, system = planted
    plant(books, SUMS, is_near_miss=True)
    assert read_all(books, system) == {}


@pytest.mark.parametrize("is_near_miss", [False, True])
def test_charges_for_no_order_name_none_we_know(planted: tuple[Books, str], *, is_near_miss: bool) -> None:
    """What is no charge is explained by its kind, or by its age."""
    books, system = planted
    plant(books, ORDERS, is_near_miss=is_near_miss)
    assert read_all(books, system) == {}
    names = {order.name.lstrip("#") for order in books.shop.orders.values()}
    odd = [
        row
        for row in books.entries(system)
        if row["kind_code"] == "charge" and row["order_reference"] not in names
    ]
    assert len(odd) == (0 if is_near_miss else 3)
    for defect in () if is_near_miss else books.world.planter.defects:
        named = [str(row[name]) for row in odd for name in ("entry_key", "order_reference")]
        keys = {name: key for name, key in defect.keys.items() if name != "order"}
        assert keys.get("system") == system or any(key in name for key in keys.values() for name in named)
