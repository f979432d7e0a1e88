"""Another brand in the same accounts: with a scope it is counted and left alone, without one it is everybody's trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.rules import steps
from cogent_pipelines.sandbox.world import brands
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder, WarehouseOrder
from cogent_pipelines.vendors import accounts
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, THIRD, WMS

OURS = "SKU-"
SCOPES: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("shopify", "veeqo"): {
        SHOP: {"sku_prefix": "sku-"},
        WMS: {"channels": [771], "sku_prefix": [OURS, "BUNDLE-"]},
    },
    ("bigcommerce", "fulfil"): {
        SHOP: {"channels": ["1"], "sku_prefix": OURS},
        WMS: {"channels": ["771"], "sku_prefix": OURS},
    },
}
"""By SKU alone where the vendor shows no channel; whichever its case, and one of several prefixes."""
RUNNING = {"every_feed_is_up_to_date", "no_store_or_reading_was_lost", "every_credential_is_valid"}
"""Rules about this project's own running."""
FOREIGN = 3
"""Orders of the other brand in each system, beside the one with a number of ours."""
LINES = [{"sku": "SKU-0001", "quantity": 2}]


@dataclass(frozen=True, slots=True)
class Shared:
    """A shop and a warehouse that two brands share, after our two orders were sent and left."""

    pair: Pair
    sold: tuple[ShopOrder, ShopOrder]
    clash: WarehouseOrder
    """The other brand's record with the number of our first order."""

    def broken(self) -> dict[str, int]:
        """Rule -> the things that break it six hours from now."""
        names = [name for name, model in dbt_render.models().items() if model.schema == "rules"]
        with warehouse.open(self.pair.path) as connection:
            dbt_render.set_as_of(connection, (clock.now() + timedelta(hours=6)).isoformat())
            steps.refresh(connection)
            counts = {
                name: connection.execute(f"SELECT count(*) FROM rules.{name}").fetchall()[0][0]
                for name in names
                if name not in RUNNING
            }
        return {name: count for name, count in counts.items() if count}

    def records_of(self, order: ShopOrder) -> list[WarehouseOrder]:
        """What the warehouse has of an order of ours."""
        found = [each for each in self.pair.wms.orders.values() if each.order_name == order.name]
        return [each for each in found if each.id != self.clash.id]


def _shared(folder: Path, vendors: tuple[str, str], scopes: dict[str, dict[str, Any]]) -> Iterator[Shared]:
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(folder, *vendors, skus=3, scopes=scopes) as pair,
    ):
        brands.move_in(pair.world, orders=FOREIGN)
        first, second = (
            pair.shop.orders[pair.do(SHOP, "place_order", lines=LINES, location=1001)["id"]] for _ in range(2)
        )
        clash = brands.consign(pair.world, pair.wms, first.name)
        made = Shared(pair, (first, second), clash)
        pair.look(2)
        for order in made.sold:
            for record in made.records_of(order):
                for allocation in record.allocations:
                    wms.ship_allocation(
                        pair.world,
                        pair.wms,
                        record.id,
                        allocation.id,
                        carrier_id=1,
                        tracking_number=f"RM{order.id}GB",
                    )
        pair.look(2)
        pair.move_on(900)  # a higher level is passed on once it has stood for a while
        pair.look()
        yield made


@pytest.fixture(scope="module", params=SCOPES, ids="-".join)
def scoped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The estate says what is ours."""
    yield from _shared(tmp_path_factory.mktemp("scoped"), request.param, SCOPES[request.param])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The same world, and the estate takes all of both accounts for ours."""
    yield from _shared(tmp_path_factory.mktemp("whole"), ("shopify", "veeqo"), {})


# --- silence ------------------------------------------------------------------------------------------------


def test_no_rule_speaks_of_another_brand(scoped: Shared) -> None:
    """Its orders that no warehouse has, its parcels for no order of ours, its items nobody sells."""
    assert scoped.broken() == {}


def test_without_a_scope_the_same_world_is_full_of_exceptions(whole: Shared) -> None:
    """So that the silence above says something."""
    assert {
        "every_paid_order_can_be_released",
        "every_shipment_has_an_order",
        "every_warehouse_sku_is_sold_somewhere",
        "every_channel_sku_exists_in_the_warehouse",
    } <= whole.broken().keys()


def test_nothing_is_promised_for_another_brand(scoped: Shared) -> None:
    """No order, parcel or level of theirs; and ours are all kept."""
    known = {row[0] for row in scoped.pair.rows("SELECT DISTINCT order_key FROM ops.operations") if row[0]}
    assert known == {f"{SHOP}:{order.id}" for order in scoped.sold}
    assert scoped.pair.states() <= {"verified", "adopted", "superseded", "withdrawn"}
    level = [each.available for key, each in scoped.pair.shop.levels.items() if _is_theirs(scoped.pair, key)]
    assert sorted(set(level)) == [47, 50]  # as the neighbour's own sales left them


def _is_theirs(pair: Pair, key: tuple[int, int]) -> bool:
    return pair.shop.variants[pair.shop.by_item[key[0]]].sku.startswith(brands.PREFIX)


# --- counting -----------------------------------------------------------------------------------------------


def test_what_is_left_out_is_counted(scoped: Shared) -> None:
    """Of each thing as many as the world has of theirs."""
    pair = scoped.pair
    counted = {
        (system, entity): count
        for system, entity, count in pair.rows(
            "SELECT system, entity, rows_foreign FROM reports.foreign_rows"
        )
        if count
    }
    theirs = [order for order in pair.shop.orders.values() if order.channel_id == brands.CHANNEL]
    consigned = [order for order in pair.wms.orders.values() if order.channel_id == brands.CHANNEL]
    beside = int(pair.slugs[WMS] == "fulfil")  # delivery is an item there, and begins as nobody's SKU does
    expected = {
        (SHOP, "orders"): len(theirs),
        (SHOP, "order_lines"): len(theirs),
        (SHOP, "refunds"): 1,
        (SHOP, "fulfilments"): 1,
        (SHOP, "items"): 1,
        (WMS, "warehouse_orders"): len(consigned),
        (WMS, "shipments"): 1,
        (WMS, "items"): 1 + beside,
        (WMS, "stock"): 2 + 2 * beside,
    }
    assert (len(theirs), len(consigned)) == (FOREIGN, FOREIGN + 1)
    assert expected.items() <= counted.items()


def test_rows_read_are_rows_of_ours_and_foreign_ones(scoped: Shared) -> None:
    """Of every thing; and of orders also by what the readings themselves counted."""
    pair = scoped.pair
    rows = pair.rows(
        "SELECT entity, rows_read, rows_ours, rows_foreign, is_balanced FROM reports.foreign_rows"
    )
    assert {entity for entity, *_ in rows} >= {"orders", "items", "stock", "warehouse_orders", "shipments"}
    assert [row for row in rows if not row[-1] or row[1] != row[2] + row[3]] == []
    came_in = "SELECT sum(rows_new) FROM ops.pulls WHERE system = 'web_uk' AND stream = 'orders' AND kind <> 'sweep'"
    (read,), (ours,) = pair.rows(came_in)[0], pair.rows("SELECT count(*) FROM marts.orders")[0]
    assert read == ours + FOREIGN


def test_what_a_mart_would_forget_to_leave_out_unbalances(scoped: Shared) -> None:
    """The three numbers are counted apart."""
    with warehouse.open(scoped.pair.path) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO marts.foreign_records VALUES ('web_uk:0', 'web_uk', true, '#0')")
        connection.execute(
            "UPDATE marts.foreign_records SET record_key = record_key || '?' WHERE system = 'web_uk'"
        )
        left = connection.execute(
            "SELECT rows_foreign FROM reports.foreign_rows WHERE entity = 'orders'"
        ).fetchall()
        connection.execute("ROLLBACK")
    assert left == [(0,)]


def test_without_a_scope_nothing_is_counted_as_foreign(whole: Shared) -> None:
    """There is no filter in any mart then."""
    assert whole.pair.rows("SELECT * FROM reports.foreign_rows") == []
    assert "foreign_records" not in dbt_render.render("orders")


# --- our own writes -----------------------------------------------------------------------------------------


def test_an_order_is_sent_although_another_brand_has_one_of_its_number(scoped: Shared) -> None:
    """Once, into our own channel; theirs is neither taken for it nor touched."""
    for order in scoped.sold:
        (record,) = scoped.records_of(order)
        assert (record.channel_id, record.sent_by, record.shipped_at is not None) == (771, "api", True)
        assert len(order.fulfilments) == 1
    assert (scoped.clash.shipped_at, scoped.clash.sent_by) == (None, "neighbour")


def test_without_a_scope_another_brand_s_order_is_taken_for_it(whole: Shared) -> None:
    """So that the test above can fail."""
    assert whole.records_of(whole.sold[0]) == []


def test_a_movement_of_money_for_another_brand_s_order_is_explained(scoped: Shared) -> None:
    """It is that order's, which is more than nobody's."""
    entries = scoped.pair.rows(
        "SELECT count(*), count(o.order_key) FROM marts.payout_entries AS e "
        "LEFT JOIN marts.entry_orders AS o USING (entry_key) WHERE e.kind_code IN ('charge', 'refund')"
    )
    if scoped.pair.slugs[SHOP] == "shopify":
        assert entries[0][0] == entries[0][1] > FOREIGN


# --- what is of both ----------------------------------------------------------------------------------------


def test_what_grew_is_what_it_would_be_if_it_were_made_anew(scoped: Shared) -> None:
    """Though orders of theirs came and changed in between."""
    assert scoped.pair.grown_wrongly() == []


def test_an_order_of_both_brands_is_ours_and_waits_for_a_person(scoped: Shared) -> None:
    """Where SKUs alone tell them apart, its other lines stay in it, are no items of ours, and hold it."""
    pair = scoped.pair
    mixed = pair.do(
        SHOP, "place_order", lines=[*LINES, {"sku": f"{brands.PREFIX}SHOP-01", "quantity": 1}], location=1001
    )
    pair.look(2)
    rows = pair.rows(
        "SELECT (SELECT count(*) FROM marts.order_lines AS l WHERE l.order_key = r.order_key), held_by, held_detail "
        f"FROM marts.releases AS r WHERE order_key = '{SHOP}:{mixed['id']}'"
    )
    assert rows == [(2, "unknown_sku", f"{brands.PREFIX}SHOP-01")]


# --- both brands in one estate ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two systems of one warehouse account, each with its own part of it."""
    scopes = {
        WMS: {"channels": [771], "sku_prefix": OURS},
        THIRD: {"channels": [772], "sku_prefix": brands.PREFIX},
    }
    folder = tmp_path_factory.mktemp("both")
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(folder, "shopify", "veeqo", skus=3, scopes=scopes, beside={THIRD: WMS}) as pair,
    ):
        brands.move_in(pair.world, orders=FOREIGN)
        pair.do(WMS, "create_order", order="#7", lines=LINES)
        pair.read()
        yield pair


def test_each_of_two_brands_of_an_account_has_its_own_part(both: Pair) -> None:
    """Orders by their channel, items and stock by their SKU; together they are all there is."""
    assert set(both.rows("SELECT system, channel_id, count(*) FROM marts.warehouse_orders GROUP BY ALL")) == {
        (WMS, "771", 1),
        (THIRD, "772", FOREIGN),
    }
    told = "SELECT DISTINCT system, split_part(sku, '-', 1) || '-' FROM marts."
    assert {row for mart in ("items", "stock") for row in both.rows(f"{told}{mart}")} - {
        (SHOP, OURS),
        (SHOP, brands.PREFIX),
    } == {
        (WMS, OURS),
        (THIRD, brands.PREFIX),
    }
    counted = both.rows("SELECT entity, rows_read, rows_ours, is_balanced FROM reports.foreign_rows")
    read = {entity: rows for entity, rows, *_ in counted}
    ours = {entity: sum(each for name, _, each, _ in counted if name == entity) for entity in read}
    assert ours == read
    assert all(is_balanced for *_, is_balanced in counted)


def test_two_systems_of_an_account_share_its_limit(both: Pair) -> None:
    """Its state is kept under the account's name."""
    assert {accounts.system(both.estate, name).account for name in (WMS, THIRD)} == {WMS}
    assert both.sandbox.kit.counters.throttled == Counter()
