"""How Adobe Commerce's lists are read, beyond what ``test_contract_suite`` says: searches, pages, and where a list ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import warehouse
from cogent_pipelines.connect.spec import Request, System, Window
from cogent_pipelines.errors import Halt, Retry
from cogent_pipelines.landing import sweep
from cogent_pipelines.sandbox.vendors import adobe_commerce as edge
from cogent_pipelines.vendors import adobe_commerce
from cogent_pipelines.vendors.adobe_commerce import DOCUMENTS, PAGES, VENDOR, stamp
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.adobe_commerce_kit import READ_AT, STREAMS, answer, first, listed
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer

SINCE = Window(datetime(2026, 7, 2, 11, 0, 30, tzinfo=UTC), READ_AT)
EVER = Window(None, READ_AT)
SLUGS = {SHOP: "adobe_commerce", WMS: "veeqo"}


# --- requests ---------------------------------------------------------------------------------------------


def asked(request: Request) -> dict[str, str]:
    """A request's parameters, without the words around them."""
    names = {name.removeprefix("searchCriteria"): value for name, value in request.params}
    assert len(names) == len(request.params), "a parameter is there twice"
    return names


def conditions(request: dict[str, str]) -> list[tuple[str, str, str]]:
    """(field, condition, value) of each of a request's groups of filters, all of one filter."""
    groups = sorted({n.split("][")[1] for n in request if n.startswith("[filterGroups]")})
    assert not [n for n in request if "[filters][1]" in n]
    one = "[filterGroups][{}][filters][0][{}]"
    return [
        (
            request[one.format(g, "field")],
            request[one.format(g, "conditionType")],
            request[one.format(g, "value")],
        )
        for g in groups
    ]


def test_the_streams_are_the_lists_there_are() -> None:
    """Those that say when they changed are read by it; a transaction never does. Stock says nothing and is read whole."""
    assert {name: (s.entity, s.cursor and s.cursor.field, s.version) for name, s in STREAMS.items()} == {
        "orders": ("orders", "updated_at", "updated_at"),
        "shipments": ("shipments", "updated_at", "updated_at"),
        "invoices": ("orders", "updated_at", "updated_at"),
        "creditmemos": ("orders", "updated_at", "updated_at"),
        "transactions": ("orders", "created_at", None),
        "products": ("products", "updated_at", "updated_at"),
        "store_configs": ("products", None, None),
        "sources": ("products", None, None),
        "stocks": ("products", None, None),
        "stock_source_links": ("products", None, None),
        "source_items": ("stock", None, None),
        "salable": ("stock", None, None),
    }


@pytest.mark.parametrize("name", [n for n, s in STREAMS.items() if s.cursor])
def test_an_increment_asks_from_an_instant_in_utc_without_saying_so(name: str) -> None:
    """From then on, to whatever is there: the order of reading passes nothing over."""
    cursor = STREAMS[name].cursor
    assert cursor is not None
    request = asked(first(name, SINCE))
    assert conditions(request)[1] == (cursor.field, "gteq", "2026-07-02 11:00:30")
    assert len(conditions(asked(first(name, EVER)))) == 1
    assert cursor.overlap >= timedelta(minutes=10)


def test_an_instant_of_another_zone_is_turned_into_utc() -> None:
    """Summer time included."""
    assert stamp(datetime.fromisoformat("2026-07-02T12:00:30+01:00")) == "2026-07-02 11:00:30"


@pytest.mark.parametrize("name", [n for n, s in STREAMS.items() if s.paging is not None])
def test_every_list_has_a_size_and_an_order(name: str) -> None:
    """Without a size all rows come; without an order ties are unstable. No more than a limited shop allows."""
    request = asked(first(name, EVER))
    assert 0 < int(request["[pageSize]"]) <= 300
    assert request["[currentPage]"] == "1"
    assert request["[sortOrders][0][direction]"] == "ASC"
    *_, last = [v for n, v in request.items() if "sortOrders" in n and n.endswith("[field]")]
    assert last in {STREAMS[name].key, "entity_id", "source_code"}


def test_the_options_say_which_store_website_and_stock() -> None:
    """In the address, where they belong."""
    own = System("web_de", "adobe_commerce", "https://x", {}, {"store": "de", "website": "eu", "stock_id": 4})
    assert first("orders", EVER, own).path == "/rest/de/V1/orders"
    assert first("orders", EVER).path == "/rest/default/V1/orders"
    assert first("salable", EVER, own).path == "/rest/de/V1/inventory/export-stock-salable-qty/website/eu"
    assert conditions(asked(first("stock_source_links", EVER, own))) == [("stock_id", "eq", "4")]


# --- pages ------------------------------------------------------------------------------------------------


def envelope(count: object) -> dict[str, object]:
    """What stands beside the records."""
    return {"total_count": count}


def test_a_page_past_the_end_is_never_asked_for() -> None:
    """It would be the last one again."""
    request = first("sources", EVER)
    second = PAGES.next(request, answer({}), PAGES.size, envelope(PAGES.size + 1))
    assert second is not None
    assert asked(second)["[currentPage]"] == "2"
    assert PAGES.next(second, answer({}), 1, envelope(PAGES.size + 1)) is None
    assert PAGES.next(request, answer({}), PAGES.size, envelope(PAGES.size)) is None


def test_a_list_goes_on_behind_its_last_id() -> None:
    """In order of ids and from the same instant; the page is always the first."""
    paging = STREAMS["products"].paging
    assert paging is not None
    request = first("products", SINCE)
    assert conditions(asked(request)) == [
        ("entity_id", "gt", "0"),
        ("updated_at", "gteq", "2026-07-02 11:00:30"),
    ]
    rows = [{"id": number} for number in range(5, 5 + DOCUMENTS)]
    following = paging.next(request, answer(listed(*rows)), DOCUMENTS, envelope(DOCUMENTS + 1))
    assert following is not None
    got = asked(following)
    assert conditions(got) == [
        ("entity_id", "gt", str(4 + DOCUMENTS)),
        ("updated_at", "gteq", "2026-07-02 11:00:30"),
    ]
    assert (got["[currentPage]"], got["[sortOrders][0][field]"]) == ("1", "entity_id")
    assert paging.next(following, answer(listed({"id": 900})), 1, envelope(1)) is None


@pytest.mark.parametrize("name", ["source_items", "stock_source_links"])
def test_a_key_of_two_fields_is_put_before_the_record(name: str) -> None:
    """A record that lacks one of them has none, and is set aside; an answer without a list is none."""
    rows = STREAMS[name].rows
    assert rows is not None
    row = {"sku": "A:1", "source_code": "x", "stock_id": 3}
    made = rows(None, listed(row, {"sku": "B"}, 7))
    assert made == [
        {"key": {"source_items": "x:A:1", "stock_source_links": "3:x"}[name], **row},
        {"sku": "B"},
        7,
    ]
    assert rows(None, {"items": None, "total_count": 0}) == []
    for other in ({"message": "x"}, []):
        with pytest.raises(Retry):
            rows(None, other)


# --- against the sandbox ----------------------------------------------------------------------------------


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A shop and a warehouse without customers or pickers."""
    with sandbox_kit.standing_still():
        yield Retailer(tmp_path, SLUGS, skus=6)


def sold(r: Retailer, count: int) -> None:
    """So many orders, two of each second."""
    for number in range(count):
        r.do(SHOP, "place_order", name=f"#{number}", lines=[{"sku": "SKU-0001"}], location=1001)
        if number % 2:
            r.move_on(1)


def names(r: Retailer) -> list[str]:
    """The orders we have."""
    with r.staged() as staged:
        return [name for (name,) in staged.rows("stg_adobe_commerce__orders", "order_name")]


def small_pages(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Pages of so many records."""
    monkeypatch.setattr(adobe_commerce, "DOCUMENTS", size)


def test_an_order_that_changes_while_the_list_is_read_hides_no_other(
    r: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves behind the end; by numbers of pages another would move onto the page read before."""
    small_pages(monkeypatch, 2)
    sold(r, 6)
    shown, calls = edge.Edge._page, []

    def page(self: edge.Edge, request: Any, name: str, fault: Any) -> Any:
        if name == "orders":
            calls.append(request)
            if len(calls) == 2:
                r.do(SHOP, "change_address", order="#0", address={"line1": "7 Changed Street"})
        return shown(self, request, name, fault)

    monkeypatch.setattr(edge.Edge, "_page", page)
    reports = {report.stream: report for report in r.pull_of(SHOP)}
    assert reports["orders"].is_complete
    assert sorted(names(r)) == [f"#{number}" for number in range(6)]


def test_a_bearer_token_that_is_switched_off_is_explained(r: Retailer) -> None:
    """The shop's words look like a missing permission."""
    client = r.client(SHOP)
    object.__setattr__(client.system, "secrets", {"access_token": client.system.secrets["access_token"]})

    async def probe() -> None:
        assert VENDOR.probe is not None
        async with client:
            await client.call(VENDOR.probe(client.system))

    with pytest.raises(
        Halt, match=r"isn't authorized to access Magento_Sales::actions_view.*bearer tokens are off"
    ):
        asyncio.run(probe())


def test_no_more_calls_are_under_way_than_a_shop_can_bear() -> None:
    """There is no limit to learn from: the shop's own workers are it."""
    assert VENDOR.limit.concurrent <= 4
    assert VENDOR.limit.per_second <= 10


def test_html_in_front_of_the_shop_is_waited_out(r: Retailer) -> None:
    """Whatever answers there."""
    sold(r, 1)
    for kind in ("unavailable", "bad_gateway_burst", "html_with_200", "half_body"):
        r.strike(SHOP, "GET /V1/orders", kind)
    assert {report.stream: report.is_complete for report in r.pull_of(SHOP)}["orders"]
    assert names(r) == ["#0"]


def test_too_many_calls_are_waited_out(r: Retailer) -> None:
    """What stands in front of the shop says so without a word of how long."""
    sold(r, 1)
    r.strike(SHOP, "GET /V1/orders", "rate_limited", times=3)
    before = r.world.now
    assert {report.stream: report.is_complete for report in r.pull_of(SHOP)}["orders"]
    assert r.sandbox.kit.counters.calls[SHOP, "GET /V1/orders"] == 4
    assert r.world.now > before
    assert names(r) == ["#0"]


def test_a_record_that_a_page_left_out_is_on_the_next(r: Retailer) -> None:
    """The count says that there is more, and the list is followed from what was seen."""
    sold(r, 3)
    r.strike(SHOP, "GET /V1/orders", "record_missing_from_list")
    assert {report.stream: report.is_complete for report in r.pull_of(SHOP)}["orders"]
    assert sorted(names(r)) == ["#0", "#1", "#2"]


def test_a_count_that_is_never_reached_is_noticed(r: Retailer) -> None:
    """The reading is not complete, and moves no cursor."""
    sold(r, 3)
    r.strike(SHOP, "GET /V1/orders", "count_disagrees", times=9)
    (report,) = [p for p in r.pull_of(SHOP) if p.stream == "orders"]
    assert not report.is_complete
    assert "counts 3 more records and shows none" in report.note


def test_a_product_that_no_source_has_spoils_no_reading_of_stock(
    r: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop counts it among what can be sold and leaves it out; a whole page of such is no end."""
    items = {r.shop.variants[r.shop.by_sku[f"SKU-000{number}"]].inventory_item_id for number in (1, 2)}
    for key in [key for key in r.shop.levels if key[0] in items]:
        del r.shop.levels[key]
    small = replace(PAGES, size=2)
    streams = [replace(STREAMS["source_items"], paging=small), replace(STREAMS["salable"], paging=small)]
    monkeypatch.setitem(VENDORS, SLUGS[SHOP], replace(VENDOR, streams=tuple(streams)))
    assert [report.is_complete for report in r.pull_of(SHOP)] == [True, True]
    with warehouse.open(r.path) as connection:
        found = connection.execute(
            "SELECT sku FROM adobe_commerce.salable WHERE sku NOT LIKE '%-ANY' ORDER BY 1"
        )
        assert found.fetchall() == [(f"SKU-000{number}",) for number in range(3, 7)]


def test_what_fits_no_table_is_set_aside(r: Retailer) -> None:
    """The rest of the page is kept."""
    sold(r, 3)
    r.strike(SHOP, "GET /V1/orders", "wrong_type")
    r.pull_of(SHOP)
    assert len(names(r)) == 2


def test_a_sweep_finds_what_was_deleted(r: Retailer) -> None:
    """Deleted rows do not appear by their change: a list of ids, trimmed to what it needs, shows them missing."""
    sold(r, 3)
    r.pull_of(SHOP)
    del r.shop.orders[min(r.shop.orders)]
    shown = []

    async def swept() -> None:
        async with r.client(SHOP) as client:
            shown.extend(
                await sweep.sweep(
                    r.estate, SHOP, [STREAMS["orders"]], state=r.folder, warehouse_path=r.path, client=client
                )
            )

    r.move_on(3600)
    asyncio.run(swept())
    assert [report.is_complete for report in shown] == [True]
    with warehouse.open(r.path) as connection:
        gone = "SELECT increment_id FROM adobe_commerce.orders WHERE _gone_at IS NOT NULL"
        assert connection.execute(gone).fetchall() == [("#0",)]
