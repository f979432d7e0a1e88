"""What holds of every channel and every warehouse, whatever their manners: the contract of a vendor.

A pair lives through one story: a history that somebody else sent, a first reading, changes of old records, a day on
which answers are lost, a key that is refused. Each test says one thing of it. A new vendor is in it by its kit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit, vendor_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS

FIRST = ("shopify", "veeqo")
"""The two that everything began with."""
PAIRS = [
    FIRST,
    *(
        (slug, FIRST[1]) if kit.role == "channel" else (FIRST[0], slug)
        for slug, kit in vendor_kit.kits().items()
        if kit.role in {"channel", "warehouse"} and slug not in FIRST
    ),
]
"""They, and every other channel or warehouse beside one of them."""
HISTORY = 130
"""Orders: more than a page of any list."""
LOST_ANSWERS = "reset_after_effect=0.3,gateway_timeout_after_effect=0.3,reset_before_send=0.1,error_500=0.1"
"""Chances per call."""
ORDERS, SHIPPED = 8, 5
"""Orders of the day on which answers are lost, and how many of them leave."""
MART = {
    "orders": "SELECT count(*) FROM marts.orders",
    "units": "SELECT sum(ordered_qty) FROM marts.order_lines",
    "levels": "SELECT sum(available_qty) FROM marts.channel_stock",
    "records": "SELECT count(*) FROM marts.warehouse_orders",
    "shelves": "SELECT sum(available_qty) FROM marts.stock",
    "parcels": "SELECT count(*) FROM marts.shipments WHERE despatched_at IS NOT NULL",
}


def in_our_marts(pair: Pair) -> dict[str, int]:
    """How many of each there are by the marts."""
    return {name: int(pair.rows(sql)[0][0]) for name, sql in MART.items()}


def in_the_world(pair: Pair) -> dict[str, int]:
    """How many of each there are."""
    orders = pair.shop.orders.values()
    records = [record for record in pair.wms.orders.values() if pair.has_list or record.sent_by == "api"]
    return {
        "orders": len(orders),
        "units": sum(line.quantity for order in orders for line in order.lines),
        "levels": sum(level.available for level in pair.shop.levels.values()),
        "records": len(records),
        "shelves": sum(entry.physical - entry.allocated for entry in pair.wms.stock.values()),
        "parcels": sum(a.parcel is not None for record in records for a in record.allocations),
    }


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The pair before anything was read."""
    channel, warehouse = request.param
    folder = tmp_path_factory.mktemp("pair")
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(folder, channel, warehouse, history=HISTORY, skus=20) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def first(pair: Pair) -> dict[str, Any]:
    """What the first look came to. The people of the history go on working, so the world is counted when it was read."""
    pair.read()
    counted: dict[str, Any] = {"ours": in_our_marts(pair), "theirs": in_the_world(pair)}
    counted["of others"] = set() if pair.has_list else {"records", "parcels"}
    pair.carry_out()
    return counted | {"promises": pair.rows("SELECT count(*) FROM ops.operations")}


@pytest.fixture(scope="module")
def refused(pair: Pair, first: dict[str, Any]) -> dict[str, str]:
    """The oldest records change, and then each system's key is refused for a while: system -> why it stopped."""
    oldest = min(pair.shop.orders.values(), key=lambda order: order.created_at)
    pair.do(SHOP, "change_address", order=oldest.name, address={"line1": "7 Changed Street"})
    pair.do(WMS, "count_stock", sku="SKU-0007", facility="YORK", physical=3)
    told = {}
    for system, other in ((SHOP, WMS), (WMS, SHOP)):
        pair.sandbox.kit.tokens.lock_out(system, pair.world.now + timedelta(minutes=2))
        reports = pair.pull_of(system)
        lists = {s.name for s in VENDORS[pair.slugs[system]].streams if not s.folder and s.asks is None}
        assert not any(report.is_complete for report in reports if report.stream in lists)
        told[system] = next(report.note for report in reports if not report.is_complete)
        assert all(report.is_complete for report in pair.pull_of(other))
        pair.move_on(300)
    return told


@pytest.fixture(scope="module")
def changed(pair: Pair, refused: dict[str, str]) -> Pair:
    """The pair once it was read again: twice, as a higher level waits for a second reading."""
    pair.look(2)
    return pair


@pytest.fixture(scope="module")
def orders(changed: Pair) -> list[str]:
    """The day's orders, by the numbers that their shop shows. The first are to leave, the last is to be cancelled."""
    lines = [{"sku": "SKU-0001", "quantity": 2}, {"sku": "SKU-0002", "quantity": 1}]
    placed = [changed.do(SHOP, "place_order", lines=lines, location=1001) for _ in range(ORDERS)]
    return [order["order"] for order in placed]


@pytest.fixture(scope="module")
def lived(changed: Pair, orders: list[str]) -> Pair:
    """The pair after a day on which answers are lost, while orders go out and while parcels and counts come back."""
    _with_lost_answers(changed)
    for name in orders[:SHIPPED]:
        changed.do(WMS, "ship", order=name)
    changed.do(SHOP, "cancel_order", order=orders[-1])
    changed.do(WMS, "count_stock", sku="SKU-0005", facility="LEEDS", physical=7)
    _with_lost_answers(changed)
    changed.look()
    changed.move_on(900)  # a higher level is passed on once it has stood for a while
    changed.look(2)
    return changed


def _with_lost_answers(pair: Pair) -> None:
    """Carry out what is planned now while answers are lost. What then arrived is found by look-ups alone."""
    faults = pair.sandbox.kit.faults
    pair.read()
    pair.read()  # some of what is wanted rests on two readings
    faults.set(LOST_ANSWERS)
    pair.carry_out(2)
    faults.set("none")
    pair.carry_out(4)


# --- reading ------------------------------------------------------------------------------------------------


def test_everything_is_read_and_nothing_twice(first: dict[str, Any]) -> None:
    """Orders, units, levels, records, shelves and parcels are as many as there are."""
    assert first["ours"] == first["theirs"]
    assert {name for name, count in first["theirs"].items() if not count} == first["of others"]


def test_a_history_that_somebody_else_sent_is_not_sent_again(first: dict[str, Any]) -> None:
    """Not one promise is made of it."""
    assert first["promises"] == [(0,)]


def test_a_change_of_an_old_record_comes_back(changed: Pair) -> None:
    """Though the readings in between were refused."""
    assert changed.rows("SELECT count(*) FROM marts.orders WHERE ship_to_line1 = '7 Changed Street'") == [
        (1,)
    ]
    assert changed.rows(
        "SELECT available_qty FROM marts.stock WHERE sku = 'SKU-0007' AND facility = 'YORK'"
    ) == [(changed.free("SKU-0007", "YORK"),)]


def test_what_grew_is_what_it_would_be_if_it_were_made_anew(lived: Pair) -> None:
    """Through all that changed: a line's reading is its record's, or the lines of a changed record would be missing."""
    assert lived.grown_wrongly() == []


# --- writing ------------------------------------------------------------------------------------------------


def test_whatever_becomes_of_answers_everything_is_done_once(lived: Pair, orders: list[str]) -> None:
    """By the sandbox's truth: orders, parcels, levels and a cancellation."""
    told = lived.truth()
    assert (told["lost"], told["doubled"]) == ([], [])
    assert not {level["sku"] for level in told["stale"]} & {"SKU-0001", "SKU-0002", "SKU-0005"}
    placed = [told["orders"][name] for name in orders]
    assert [order["records"] for order in placed] == [1] * ORDERS
    assert [order["fulfilments"] for order in placed] == [1] * SHIPPED + [0] * (ORDERS - SHIPPED)
    assert placed[-1]["in_warehouse"] == 0


def test_a_customer_is_told_of_a_parcel_once(lived: Pair, orders: list[str]) -> None:
    """One message for each, none for others."""
    told = Counter(
        lived.shop.orders[mail.order_id].name for mail in lived.shop.mails if mail.kind == "shipped"
    )
    assert {name: number for name, number in told.items() if name in orders} == dict.fromkeys(
        orders[:SHIPPED], 1
    )


def test_every_promise_is_kept(lived: Pair) -> None:
    """Nothing waits, nothing is in doubt."""
    assert lived.states() <= {"adopted", "verified", "superseded", "withdrawn"}


def test_the_limit_is_never_run_into(lived: Pair) -> None:
    """By the vendor's own count."""
    assert lived.sandbox.kit.counters.throttled == Counter()


# --- getting in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [SHOP, WMS])
def test_a_key_that_is_refused_stops_its_system_and_no_other(refused: dict[str, str], system: str) -> None:
    """And what changed meanwhile is read when it is good again, as seen above."""
    assert refused[system].startswith("Halt: ")
