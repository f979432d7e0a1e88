"""How Veeqo's lists are read: filters, passes, page sizes, and where a list ends."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import httpx
import pytest

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.paging import Repetition
from cogent_pipelines.connect.spec import Answer, Request, Stream, Window
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging
from cogent_pipelines_tests.vendors.veeqo_kit import SYSTEM, want

STREAMS = {stream.name: stream for stream in veeqo.VENDOR.streams}
SINCE = Window(datetime(2026, 7, 2, 10, 0, 30, tzinfo=UTC), READ_AT)
EVER = Window(None, READ_AT)


def passes(stream: Stream, window: Window) -> list[Request]:
    """The first page's request of every pass."""
    return [stream.paging.first(build(window, SYSTEM)) for build in (stream.request, *stream.also)]


def answer(headers: dict[str, str]) -> Answer:
    """An answer with nothing but headers."""
    return Answer(200, headers, b"[]", READ_AT)


def test_the_streams_are_the_lists_there_are() -> None:
    """Shipments, allocations and returns have no list of their own: they are read inside their orders."""
    kinds = {
        stream.name: (stream.entity, stream.cursor is not None, stream.version)
        for stream in veeqo.VENDOR.streams
    }
    assert kinds == {
        "orders": ("orders", True, "updated_at"),
        "products": ("products", True, "updated_at"),
        "stock": ("stock", False, None),
        "warehouses": ("products", False, None),
        "delivery_methods": ("products", False, None),
        "customers": ("customers", False, None),
    }


def test_cancelled_orders_are_read_in_a_pass_of_their_own_after_the_others() -> None:
    """They hide from the plain list; read first, one cancelled between the passes would be in neither."""
    plain, cancelled = passes(STREAMS["orders"], SINCE)
    assert "status" not in dict(plain.params)
    assert dict(cancelled.params)["status"] == "cancelled"
    assert (
        dict(plain.params)["updated_at_min"]
        == dict(cancelled.params)["updated_at_min"]
        == "2026-07-02 10:00:30"
    )


@pytest.mark.parametrize("name", STREAMS)
def test_every_list_is_asked_for_in_the_largest_pages(name: str) -> None:
    """Defaults are 12, 10 and for delivery methods 1; a first read asks for everything."""
    for request in passes(STREAMS[name], EVER):
        assert (request.method, request.body, request.is_write) == ("GET", None, False)
        assert {key: value for key, value in request.params if key != "status"} == {
            "page_size": "100",
            "page": "1",
        }


@pytest.mark.parametrize("name", STREAMS)
def test_only_what_has_a_filter_is_read_by_increments(name: str) -> None:
    """A stream with a cursor sends its start; one without sends none and is read whole."""
    has_filter = all("updated_at_min" in dict(request.params) for request in passes(STREAMS[name], SINCE))
    assert has_filter is (STREAMS[name].cursor is not None)


@pytest.mark.parametrize("window", [SINCE, EVER])
def test_the_filter_is_on_every_page(window: Window) -> None:
    """One public connector sent it on the first page only and read everything after it."""
    headers = {"x-total-count": "250", "x-total-pages-count": "3"}
    for first in passes(STREAMS["orders"], window):
        second = veeqo.PAGES.next(first, answer(headers), 100, {})
        assert second is not None
        third = veeqo.PAGES.next(second, answer(headers), 100, {})
        assert third is not None
        assert [dict(r.params)["page"] for r in (first, second, third)] == ["1", "2", "3"]
        for later in (second, third):
            assert {k: v for k, v in later.params if k != "page"} == {
                k: v for k, v in first.params if k != "page"
            }
        assert veeqo.PAGES.next(third, answer(headers), 50, {}) is None


@pytest.mark.parametrize(
    ("headers", "count", "goes_on"),
    [
        ({"x-total-count": "250", "x-total-pages-count": "3"}, 100, True),
        ({"x-total-count": "250"}, 100, True),
        ({}, 100, True),
        ({}, 99, False),
        ({}, 0, False),
        ({"x-total-count": "100", "x-total-pages-count": "1"}, 100, False),
        ({"x-total-count": "100"}, 100, False),
        ({"x-total-count": "0"}, 0, False),
    ],
)
def test_where_a_list_ends(headers: dict[str, str], count: int, goes_on: bool) -> None:
    """By the pages' count, computed from the total where a list omits it, else at a short page."""
    (first,) = passes(STREAMS["warehouses"], EVER)
    assert (veeqo.PAGES.next(first, answer(headers), count, {}) is not None) is goes_on


def test_a_list_that_repeats_its_last_page_is_noticed() -> None:
    """Customers beyond page 100 are page 100 again."""
    guard = Repetition(STREAMS["customers"].key)
    pages = [[json.dumps({"id": n * 10 + i}).encode() for i in range(10)] for n in range(3)]
    assert [guard.repeats(page, by_key=True) for page in [*pages, pages[-1]]] == [False, False, False, True]


@pytest.mark.parametrize("name", ["orders", "products", "stock", "customers"])
def test_the_vendors_total_is_known(name: str) -> None:
    """It is what an empty answer is held against before it is believed."""
    total = STREAMS[name].total
    assert total is not None
    assert total(answer({"x-total-count": "20725"})) == 20725
    assert total(answer({})) is None
    assert total(answer({"x-total-count": "many"})) is None


def read(
    stream: Stream, lists: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[int], str]:
    """(ids read, notes) from a server that holds ``lists`` by status and serves two different pages only."""
    monkeypatch.setenv("X", "key")

    def page(sent: httpx.Request) -> httpx.Response:
        ids = lists[sent.url.params.get("status", "")]
        start = min(int(sent.url.params["page"]) - 1, 1) * 100
        head = {"x-total-count": str(len(ids)), "x-total-pages-count": str(-(-len(ids) // 100))}
        body = [{"id": i, "updated_at": "2026-11-02T08:00:00.000Z"} for i in ids[start : start + 100]]
        return httpx.Response(200, json=body, headers=head)

    async def run() -> tuple[list[int], str]:
        seen, notes = [], ""
        async with Client(
            SYSTEM, veeqo.VENDOR, limits=MemoryLimits(), transport=httpx.MockTransport(page)
        ) as client:
            async for got in client.pages(stream, SINCE):
                seen += [json.loads(record)["id"] for record in got.records]
                notes += got.note
        return seen, notes

    return asyncio.run(run())


def test_both_passes_are_read_to_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """150 orders and 3 cancelled ones, through the client."""
    lists = {"": [*range(150)], "cancelled": [900, 901, 902]}
    assert read(STREAMS["orders"], lists, monkeypatch) == ([*range(150), 900, 901, 902], "")


def test_customers_beyond_the_last_page_served_are_missed_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the list is served for two pages only and then repeats: reading ends, and says it is not whole."""
    seen, note = read(STREAMS["customers"], {"": [*range(350)]}, monkeypatch)
    assert seen == [*range(200)]
    assert "repeat" in note


def test_new_orders_are_listed_by_when_they_were_made() -> None:
    """The list that answers a batch of look-ups holds only what is new, cancelled ones included."""
    plain, cancelled = passes(veeqo.NEW_ORDERS.stream, SINCE)
    assert dict(plain.params)["created_at_min"] == "2026-07-02 10:00:30"
    assert dict(cancelled.params)["status"] == "cancelled"
    assert "updated_at_min" not in dict(plain.params)


def test_levels_are_those_the_staging_view_shows() -> None:
    """Levels noted at a change are staging's available quantities, infinite and nameless ones left out."""
    staging = Staging("veeqo", "wms_uk")
    entry = {"sellable_id": 1, "warehouse_id": 41, "available_stock_level": -2, "infinite": False}
    items: list[dict[str, Any]] = [
        {
            "id": 1,
            "sku_code": " TEE-M ",
            "stock_entries": [entry, {**entry, "warehouse_id": 42, "infinite": None}],
        },
        {"id": 2, "sku_code": "CAP", "stock_entries": [{**entry, "infinite": True}]},
        {"id": 3, "sku_code": "", "stock_entries": [entry]},
        {"id": 4, "sku_code": "BAG", "stock_entries": []},
        {"id": 5, "sku_code": "MUG", "stock_entries": None},
    ]
    staging.load("stock", {"id": 501, "sellables": items}, {"id": 502, "sellables": None})
    noted = staging.connection.execute(
        STREAMS["stock"].levels.format(rows="veeqo.stock") + " ORDER BY ALL"
    ).fetchall()
    assert noted == [("41", " TEE-M ", -2), ("42", " TEE-M ", -2)]
    shown = [(r["facility_id"], r["sku"], r["available_qty"]) for r in staging.rows("stock")]
    assert set(noted) == {row for row in shown if row[1] is not None and row[2] is not None}


def test_the_account_is_asked_cheaply_whether_it_lets_us_in() -> None:
    """One small read proves the key."""
    assert veeqo.VENDOR.probe is not None
    assert veeqo.VENDOR.probe(SYSTEM) == Request("GET", "/current_company")


def test_the_raw_tables_are_declared_for_every_stream() -> None:
    """One table per stream, its key and version among its columns."""
    staging = Staging("veeqo", "wms_uk")
    for stream in veeqo.VENDOR.streams:
        described = staging.connection.execute(f"DESCRIBE veeqo.{stream.name}").fetchall()
        columns = {row[0] for row in described}
        assert {stream.key, stream.version or stream.key} <= columns
    with pytest.raises(duckdb.CatalogException):
        staging.connection.execute("DESCRIBE veeqo.shipments")


def test_a_want_without_a_sales_time_is_still_searched_for() -> None:
    """The bound only narrows the search."""
    assert "created_at_min" not in dict(
        veeqo.CREATE.lookup.requests([want(placed_at=None)], SYSTEM)[0].params
    )
