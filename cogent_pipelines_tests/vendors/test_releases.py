"""What a warehouse gave up, from its record to the shop's order, with the real models between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogent_pipelines.ledger import books
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS

LINES = [{"sku": "SKU-0001", "quantity": 2}, {"sku": "SKU-0002", "quantity": 1}]
INTERVAL = 600
"""Seconds for which a closing must have stood."""


@pytest.fixture(scope="module", params=["shopify", "bigcommerce"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A shop of either vendor and a warehouse; three orders are at the warehouse."""
    folder = tmp_path_factory.mktemp("releases")
    with sandbox_kit.standing_still(), pair_kit.opened(folder, request.param, "veeqo", skus=20) as made:
        yield made


def sale(pair: Pair) -> ShopOrder:
    """A paid order."""
    return pair.shop.orders[pair.do(SHOP, "place_order", lines=LINES, location=1001)["id"]]


@pytest.fixture(scope="module")
def closed(pair: Pair) -> tuple[ShopOrder, ShopOrder, ShopOrder, int]:
    """One cancelled by the warehouse, one closed short behind a parcel, one that goes its way; and what is promised."""
    cancelled, short, well = (sale(pair) for _ in range(3))
    pair.look(2)
    promised = sum(level.committed for level in pair.shop.levels.values())
    (record,) = wms.find_orders(pair.wms, cancelled.name)
    wms.cancel_order(pair.world, pair.wms, record.id, reason="Cannot be found", by="warehouse")
    (record,) = wms.find_orders(pair.wms, short.name)
    for allocation in list(record.allocations):
        wms.deallocate(pair.world, pair.wms, record.id, allocation.id)
    wms.allocate(pair.world, pair.wms, record.id, 41, [(pair.wms.by_sku["SKU-0001"], 1)])
    own = record.allocations[0].id
    wms.ship_allocation(pair.world, pair.wms, record.id, own, carrier_id=1, tracking_number="RM1GB")
    wms.close_short(pair.world, pair.wms, record.id)
    pair.look()
    pair.move_on(INTERVAL)
    pair.look(3)
    return cancelled, short, well, promised


def test_an_order_the_warehouse_cancelled_holds_no_stock_and_keeps_its_money(
    pair: Pair, closed: tuple[ShopOrder, ShopOrder, ShopOrder, int]
) -> None:
    """By an edit, or where the shop has no other way by its cancellation; no money moves."""
    cancelled, _, well, _ = closed
    sums = shops.totals(pair.shop, cancelled)
    assert (sums.refunded, sums.captured) == (0, shops.totals(pair.shop, well).captured)
    assert [line.current_quantity for line in cancelled.lines] == [0, 0]
    assert [line.current_quantity for line in well.lines] == [2, 1]


def test_an_order_closed_short_keeps_what_left(
    pair: Pair, closed: tuple[ShopOrder, ShopOrder, ShopOrder, int]
) -> None:
    """Where the shop can take units off; where it cannot, a person is told why."""
    _, short, _, promised = closed
    states = {key: state for (_, key), state in books.states(pair.book, "cancellations_to_channel").items()}
    own = next(state for key, state in states.items() if key.startswith(f"{SHOP}:{short.id}@release/"))
    if pair.slugs[SHOP] == "shopify":
        assert own[0] == "verified"
        assert [line.current_quantity for line in short.lines] == [1, 0]
        assert promised - sum(level.committed for level in pair.shop.levels.values()) == 6
    else:
        assert own == ("rejected", "part_of_an_order")
        assert [line.current_quantity for line in short.lines] == [2, 1]
    assert WMS in pair.slugs


def test_every_release_is_done_once(pair: Pair, closed: tuple[ShopOrder, ShopOrder, ShopOrder, int]) -> None:
    """What was released is wanted no more, and what goes its way never was."""
    _, _, well, _ = closed
    keys = [key for _, key in books.states(pair.book, "cancellations_to_channel")]
    assert len(keys) == 2
    assert not [key for key in keys if key.startswith(f"{SHOP}:{well.id}@")]
