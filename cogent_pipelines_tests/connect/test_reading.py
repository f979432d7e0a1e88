"""Reading to the end: pages, nested lists, exports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines import clock
from cogent_pipelines.connect import graphql
from cogent_pipelines.connect.paging import (
    GraphqlCursor,
    Keyset,
    Link,
    Offset,
    Page,
    PageNumber,
    keys,
    splitter,
    with_params,
)
from cogent_pipelines.connect.reading import together
from cogent_pipelines.connect.spec import Answer, Ask, Bulk, Document, Inner, Part, Request, Stream, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines_tests.connect.kit import (
    START,
    THINGS,
    Pieces,
    answer,
    client,
    dumps,
    raw,
    run,
    system,
    thing,
    things,
)

WINDOW = Window(None, START)


def read(handler: Callable[[httpx.Request], Any], stream: Stream = THINGS, **changes: Any) -> list[Page]:
    """Every page of ``stream``."""

    async def main() -> list[Page]:
        async with client(handler, streams=(stream,), **changes) as c:
            return [page async for page in c.pages(stream, WINDOW)]

    return run(main)


def ids(pages: list[Page]) -> list[str]:
    """Ids of every record, in order."""
    return [json.loads(record)["id"] for page in pages for record in page.records]


def test_when_one_of_several_fails_the_others_are_over_before_that_is_told() -> None:
    """What goes on would find its client closed."""
    over: list[str] = []

    async def waiting(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            over.append(name)

    async def failing() -> None:
        await asyncio.sleep(0)
        raise Halt("the key was refused", code="401")

    async def main() -> list[str]:
        with pytest.raises(Halt):
            await together([waiting("one"), failing(), waiting("another")])
        return list(over)

    assert run(main) == ["one", "another"]


# --- cutting --------------------------------------------------------------------------------------------

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(values, max_size=8), st.lists(st.sampled_from(["data", "a b", "x.y"[:1], "nodes"]), max_size=4)
)
def test_a_page_is_cut_into_exactly_its_records(records: list[Any], steps: list[str]) -> None:
    """Whatever the records are and wherever they stand, each comes out as it went in."""
    body: Any = records
    for step in reversed(steps):
        body = {step: body, "beside": 1}
    found, _ = splitter(".".join(steps))(dumps(body))
    assert [json.loads(record) for record in found] == records


def test_null_on_the_way_is_empty_and_a_missing_step_is_an_error() -> None:
    """No payments account means no payouts; an answer of another shape never means no orders."""
    split = splitter("data.account.payouts.nodes", ("pageInfo",))
    assert split(b'{"data": {"account": null}}')[0] == []
    for body in (
        b"{}",
        b'{"data": {}}',
        b'{"data": {"account": {"payouts": {}}}}',
        b'{"errors": []}',
        b"[]",
        b"1",
    ):
        with pytest.raises(Retry):
            split(body)


def test_records_under_several_parents_are_joined() -> None:
    """A path may lead through a list."""
    body = {
        "data": {
            "locations": {
                "nodes": [{"levels": {"nodes": [1, 2]}}, {"levels": None}, {"levels": {"nodes": [3]}}]
            }
        }
    }
    assert splitter("data.locations.nodes.levels.nodes")(dumps(body))[0] == [b"1", b"2", b"3"]


def test_keys_are_read_without_decoding_the_rest() -> None:
    """Text and numbers, and nothing where there is none."""
    assert keys("a.id")([b'{"a": {"id": "x"}}', b'{"a": {"id": 7}}', b'{"a": {}}', b"junk"]) == [
        "x",
        "7",
        "",
        "",
    ]


# --- pages by number ------------------------------------------------------------------------------------


def numbered(
    rows: list[dict[str, Any]], *, headers: bool = True
) -> Callable[[httpx.Request], httpx.Response]:
    """A list served a hundred at a time."""

    def handler(request: httpx.Request) -> httpx.Response:
        page, size = int(request.url.params["page"]), int(request.url.params["page_size"])
        part = rows[(page - 1) * size : page * size]
        return answer(part, **({"x_total_count": str(len(rows))} if headers else {}))

    return handler


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 450), st.sampled_from([1, 7, 100]), st.booleans())
def test_every_record_comes_once_whatever_the_page_size(rows: int, size: int, headers: bool) -> None:
    """With totals or without, full last page or short one."""
    rows = min(rows, size * 30)
    stream = replace(THINGS, paging=PageNumber(size=size), total=PageNumber().total if headers else None)
    pages = read(numbered([thing(i) for i in range(rows)], headers=headers), stream)
    assert ids(pages) == [f"t{i}" for i in range(rows)]
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    if headers:
        assert pages[-1].total == rows


def test_a_list_that_repeats_its_last_page_ends_with_a_note() -> None:
    """Some vendors serve the last page again for ever; the count says what is missing."""

    def handler(request: httpx.Request) -> httpx.Response:
        page = min(int(request.url.params["page"]), 3)
        return answer([thing(i) for i in range((page - 1) * 100, page * 100)], x_total_count="450")

    pages = read(handler, replace(THINGS, total=PageNumber().total))
    assert len(ids(pages)) == 300
    assert "300 of 450" in pages[-1].note


def test_a_repeated_page_with_moved_fields_is_still_noticed() -> None:
    """The ids of a page right after itself tell, even when a field differs each time."""
    asked = count()
    pages = read(lambda request: answer([thing(i, served=next(asked)) for i in range(100)]))
    assert len(ids(pages)) == 100


def test_further_passes_belong_to_the_same_list() -> None:
    """A state the plain list hides is read after it, and the totals are added."""

    def handler(request: httpx.Request) -> httpx.Response:
        hidden = request.url.params.get("status") == "cancelled"
        rows = [thing(i) for i in ((7, 8) if hidden else (1, 2, 3))]
        return answer(rows, x_total_count=str(len(rows)))

    def cancelled(window: Window, system: Any) -> Request:
        request = things(window, system)
        return replace(request, params=(*request.params, ("status", "cancelled")))

    pages = read(handler, replace(THINGS, also=(cancelled,), total=PageNumber().total))
    assert ids(pages) == ["t1", "t2", "t3", "t7", "t8"]
    assert pages[-1].total == 5
    assert [page.is_last for page in pages] == [False, True]


def test_the_next_page_is_asked_for_while_this_one_is_worked_on() -> None:
    """Reading overlaps with working: the request for page two is there before page one is let go."""
    asked: list[str] = []
    serve = numbered([thing(i) for i in range(300)])

    async def main() -> None:
        async with client(lambda r: asked.append(r.url.params["page"]) or serve(r)) as c:
            async for page in c.pages(THINGS, WINDOW):
                await asyncio.sleep(1)
                if page.number == 1:
                    assert asked == ["1", "2"]

    run(main)


def test_an_ended_list_may_answer_204() -> None:
    """No content after a full page is the end, not an error."""
    pages = read(
        lambda r: (
            answer([thing(i) for i in range(100)]) if r.url.params["page"] == "1" else httpx.Response(204)
        )
    )
    assert len(ids(pages)) == 100


def test_an_empty_body_with_200_is_no_page() -> None:
    """Nothing at all is not an empty list."""
    with pytest.raises(Retry):
        read(lambda r: httpx.Response(200))


# --- other ways of paging -------------------------------------------------------------------------------


def test_offsets_are_followed_to_a_short_page() -> None:
    """By offset and limit."""
    rows = [thing(i) for i in range(25)]

    def handler(request: httpx.Request) -> httpx.Response:
        at, size = int(request.url.params["offset"]), int(request.url.params["limit"])
        return answer(rows[at : at + size])

    assert len(ids(read(handler, replace(THINGS, paging=Offset(size=10))))) == 25


def test_links_are_followed_on_the_own_host_only() -> None:
    """The Link header leads on; a foreign address is refused."""

    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        host = "http://127.0.0.1:9" if page < 3 else "http://evil.example"
        link = f'<{host}/shop/things?page={page + 1}>; rel="next"'
        return answer([thing(page)], link=link if page < 4 else "")

    stream = replace(THINGS, paging=Link())
    with pytest.raises(Halt) as caught:
        read(handler, stream)
    assert caught.value.code == "host"


def test_a_whole_list_may_come_in_one_answer() -> None:
    """A list without paging is asked for once."""
    assert ids(read(lambda r: answer([thing(1)]), replace(THINGS, paging=None))) == ["t1"]


# --- GraphQL --------------------------------------------------------------------------------------------

ORDERS = Stream(
    "orders",
    lambda window, system: graphql.request("/g", "{orders}", {"after": None}),
    records="data.orders.nodes",
    paging=GraphqlCursor(path="data.orders.pageInfo"),
    version="updatedAt",
    inner=(
        Inner(
            "lines",
            lambda holder, after: graphql.request("/g", "{lines}", {"id": holder["id"], "after": after}),
            "data.order.lines",
        ),
        Inner(
            "parcels.items",
            lambda holder, after: graphql.request("/g", "{items}", {"id": holder["id"], "after": after}),
            "data.parcel.items",
        ),
    ),
)


def connection(nodes: list[Any], at: str | None, size: int) -> dict[str, Any]:
    """One page of a list as a Relay connection."""
    start = int(at or 0)
    part = nodes[start : start + size]
    end = start + len(part)
    return {"nodes": part, "pageInfo": {"hasNextPage": end < len(nodes), "endCursor": str(end)}}


def shop(
    orders: Mapping[str, Mapping[str, list[int]]], size: int = 2
) -> Callable[[httpx.Request], httpx.Response]:
    """Orders with lines and parcels (parcel id -> items), every list cut at ``size``."""

    def order(name: str, parts: Mapping[str, list[int]]) -> dict[str, Any]:
        parcels = [
            {"id": p, "items": connection(items, None, size)} for p, items in parts.items() if p != "lines"
        ]
        return {
            "id": name,
            "amount": 12.10,
            "lines": connection(parts["lines"], None, size),
            "parcels": parcels,
        }

    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        query, variables = body["query"], body["variables"]
        if query == "{orders}":
            nodes = [order(name, parts) for name, parts in orders.items()]
            return answer({"data": {"orders": connection(nodes, variables["after"], size)}})
        if query == "{lines}":
            return answer(
                {
                    "data": {
                        "order": {
                            "lines": connection(orders[variables["id"]]["lines"], variables["after"], size)
                        }
                    }
                }
            )
        items = next(parts[variables["id"]] for parts in orders.values() if variables["id"] in parts)
        return answer({"data": {"parcel": {"items": connection(items, variables["after"], size)}}})

    return handler


lists = st.lists(st.integers(0, 99), max_size=7)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(lists, st.lists(lists, max_size=3)), max_size=5))
def test_nested_lists_come_whole_wherever_a_page_cut_them(
    shapes: list[tuple[list[int], list[list[int]]]],
) -> None:
    """Lines of orders and items of parcels of orders are read to their end, in their order."""
    orders = {
        f"o{i}": {"lines": lines, **{f"o{i}p{k}": items for k, items in enumerate(parcels)}}
        for i, (lines, parcels) in enumerate(shapes)
    }
    found = [json.loads(r) for page in read(shop(orders), ORDERS) for r in page.records]
    assert [o["id"] for o in found] == list(orders)
    for order in found:
        assert order["lines"]["nodes"] == orders[order["id"]]["lines"]
        for parcel in order["parcels"]:
            assert parcel["items"]["nodes"] == orders[order["id"]][parcel["id"]]


def test_completing_a_record_changes_no_digit() -> None:
    """A record that had to be opened goes on with its numbers as they were."""
    handler = shop({"o1": {"lines": [1, 2, 3]}})

    def exact(request: httpx.Request) -> httpx.Response:
        response = handler(request)
        text = response.text.replace("12.1", "12345678901234567.12345678901234567890")
        return httpx.Response(200, content=text.encode(), headers={"content-type": "application/json"})

    (page,) = read(exact, ORDERS)
    assert b"12345678901234567.12345678901234567890" in page.records[0]


def test_records_without_a_word_on_the_next_page_are_not_the_whole_list() -> None:
    """A page that lost its pageInfo is a failure; an empty one ends the list."""
    with pytest.raises(Retry):
        read(lambda r: answer({"data": {"orders": {"nodes": [{"id": "a"}]}}}), ORDERS)
    assert ids(read(lambda r: answer({"data": {"orders": {"nodes": []}}}), ORDERS)) == []


def test_a_next_address_beside_the_records_is_followed() -> None:
    """A link in the body instead of a header."""

    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        links = {"next": f"?page={page + 1}"} if page < 3 else {}
        return answer({"items": [thing(page)], "links": links})

    stream = replace(THINGS, records="items", paging=Link("links.next"))
    assert ids(read(handler, stream)) == ["t1", "t2", "t3"]


@pytest.mark.parametrize("cursor", ["0", None])
def test_a_cursor_that_does_not_move_is_an_error(cursor: str | None) -> None:
    """A list that says it goes on and leads nowhere ends as a failure, not as a list."""
    body = {
        "data": {"orders": {"nodes": [{"id": "a"}], "pageInfo": {"hasNextPage": True, "endCursor": cursor}}}
    }
    with pytest.raises(Retry):
        read(lambda r: answer(body), ORDERS)


# --- exports --------------------------------------------------------------------------------------------


def export(
    lines: list[dict[str, Any]], **changes: Any
) -> tuple[Stream, dict[str, int], Callable[[httpx.Request], Any]]:
    """A stream with an export of ``lines``, counters of what was asked, and the vendor behind it."""
    seen = {"starts": 0, "polls": 0, "downloads": 0}
    url = changes.pop("url", "http://127.0.0.1:9/files/export.jsonl")
    breaks = iter(changes.pop("breaks", ()))

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/files/export.jsonl":
            seen["downloads"] += 1
            assert "x-api-key" not in request.headers
            blob = b"\n".join(dumps(line) for line in lines) + b"\n"
            cut = next(breaks, None)
            return httpx.Response(200, content=blob) if cut is None else _cut(blob, cut)
        body = json.loads(request.content)
        if body["query"] == "start":
            seen["starts"] += 1
            return answer({"id": "op-1"})
        if body["query"] == "again":
            return answer(
                {
                    "data": {
                        "nodes": [
                            {"id": i, "whole": True, "lines": {"nodes": []}} for i in body["variables"]["ids"]
                        ]
                    }
                }
            )
        seen["polls"] += 1
        return answer({"url": url if seen["polls"] > 2 else None})

    bulk = Bulk(
        start=lambda window, system: graphql.request("/g", "start"),
        started=lambda found: found["id"],
        poll=lambda operation, system: graphql.request("/g", "poll", {"id": operation}),
        finished=lambda found: found["url"],
        children={"Line": "lines.nodes", "Part": "parts"},
        **changes,
    )
    return replace(ORDERS, inner=(), bulk=bulk), seen, handler


def _cut(blob: bytes, at: int) -> httpx.Response:
    return raw(Pieces(blob[:at], error=httpx.ReadError("reset")))


def gid(kind: str, i: int) -> str:
    """An id that names its kind."""
    return f"gid://shop/{kind}/{i}"


FAMILY = [
    {"id": gid("Order", 1), "n": 1},
    {"id": gid("Line", 11), "__parentId": gid("Order", 1)},
    {"id": gid("Part", 111), "__parentId": gid("Line", 11)},
    {"id": gid("Line", 12), "__parentId": gid("Order", 1)},
    {"id": gid("Order", 2), "n": 2},
    {"id": gid("Order", 3), "n": 3},
    {"id": gid("Line", 31), "__parentId": gid("Order", 3)},
]


def take(
    stream: Stream, handler: Callable[[httpx.Request], Any], resume: str | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Every record of the export, and the ids of operations that were announced."""
    told: list[str] = []

    async def main() -> list[dict[str, Any]]:
        async with client(handler, streams=(stream,)) as c:
            return [
                json.loads(line)
                async for line in c.bulk(stream, WINDOW, resume=resume, on_started=told.append)
            ]

    return run(main), told


def test_children_are_put_back_into_their_parents() -> None:
    """Two generations of children, a parent without any, in the order of the file."""
    stream, seen, handler = export(FAMILY)
    found, told = take(stream, handler)
    assert [o["n"] for o in found] == [1, 2, 3]
    assert [line["id"] for line in found[0]["lines"]["nodes"]] == [gid("Line", 11), gid("Line", 12)]
    assert found[0]["lines"]["nodes"][0]["parts"] == [{"id": gid("Part", 111)}]
    assert found[1]["lines"] == {"nodes": []}
    assert "__parentId" not in json.dumps(found)
    assert told == ["op-1"]
    assert seen["starts"] == 1


def test_an_export_that_was_started_before_is_gone_on_with() -> None:
    """A restarted process polls the same operation and starts no second one."""
    stream, seen, handler = export(FAMILY)
    found, told = take(stream, handler, resume="op-1")
    assert len(found) == 3
    assert told == []
    assert seen["starts"] == 0


def test_a_broken_download_goes_on_where_it_broke() -> None:
    """Two resets in the file double and lose nothing."""
    stream, seen, handler = export(FAMILY, breaks=(90, 260))
    found, _ = take(stream, handler)
    assert [o["n"] for o in found] == [1, 2, 3]
    assert seen["downloads"] == 3


def test_an_export_that_is_gone_is_an_error() -> None:
    """A file that answers 404, or a stream without any export."""
    stream, _, handler = export(FAMILY)
    with pytest.raises(Reject):
        take(stream, lambda r: httpx.Response(404) if "files" in r.url.path else handler(r))
    with pytest.raises(Reject) as caught:
        take(replace(stream, bulk=None), handler)
    assert caught.value.code == "no_bulk"


@pytest.mark.parametrize("line", [{"id": "gid://shop/Odd/1", "__parentId": gid("Order", 1)}, [1]])
def test_a_line_of_an_unknown_kind_is_an_error(line: Any) -> None:
    """Children nobody declared, or no object at all."""
    stream, _, handler = export([FAMILY[0], line])
    with pytest.raises(Reject):
        take(stream, handler)


def test_an_empty_export_is_empty() -> None:
    """No file means no rows."""
    stream, _, handler = export([], url="")
    assert take(stream, handler)[0] == []


def test_a_child_without_its_parent_is_an_error_and_not_lost() -> None:
    """A file in another order than declared is refused."""
    stream, _, handler = export([FAMILY[0], FAMILY[4], FAMILY[1]])
    with pytest.raises(Reject) as caught:
        take(stream, handler)
    assert caught.value.code == "bulk_order"


@pytest.mark.parametrize(
    "url",
    ["http://evil.example/x", "https://169.254.169.254/x", "file:///etc/passwd", "http://u:p@127.0.0.1/x"],
)
def test_an_export_on_a_foreign_host_is_not_fetched(url: str) -> None:
    """The file's address is the vendor's to name, but only where its files live."""
    stream, _, handler = export(FAMILY, url=url)
    with pytest.raises(Halt) as caught:
        take(stream, handler)
    assert caught.value.code == "host"


def test_a_live_systems_export_comes_from_the_declared_hosts_only() -> None:
    """Download hosts are patterns of the vendor file."""
    live = system(base_url="https://shop.fake.example", loopback_only=False)
    seen = []

    async def main(url: str) -> None:
        async with client(
            lambda r: seen.append(r.url.host) or answer({}), of=live, download_hosts=("*.files.example",)
        ) as c:
            async for _ in c.lines(url):
                pass

    run(lambda: main("https://a.files.example/x"))
    for url in ("https://files.example.evil.example/x", "http://a.files.example/x"):
        with pytest.raises(Halt):
            run(lambda url=url: main(url))
    assert seen == ["a.files.example"]


def test_records_an_export_cannot_hold_whole_are_read_again() -> None:
    """Partial ones come by their ids, in batches; the others as they were exported."""
    lines = [{"id": gid("Order", i), "refunds": [1] if i % 2 else []} for i in range(7)]
    stream, _, handler = export(
        lines,
        is_partial=lambda order: bool(order["refunds"]),
        again=lambda found: graphql.request("/g", "again", {"ids": list(found)}),
        again_batch=2,
    )
    found, _ = take(stream, handler)
    assert sorted(o["id"] for o in found) == [gid("Order", i) for i in range(7)]
    assert {o["id"] for o in found if o.get("whole")} == {gid("Order", i) for i in (1, 3, 5)}


def test_waiting_for_an_export_slows_down() -> None:
    """Polls come at growing distances."""
    times = []
    stream, _, handler = export(FAMILY)

    def watched(request: httpx.Request) -> httpx.Response:
        if b'"poll"' in request.content:
            times.append(clock.now())
        return handler(request)

    take(stream, watched)
    assert (times[2] - times[1]) > (times[1] - times[0])


# --- lists that end with an empty page, keysets, parts ----------------------------------------------------

ROWS = [{"id": n, "at": "2026-11-02T06:00:00Z"} for n in range(1, 8)]


def listed(stream: Stream, handler: Callable[[httpx.Request], Any]) -> list[int]:
    """Ids of every record of ``stream``."""
    return [json.loads(record)["id"] for page in read(handler, stream) for record in page.records]


def plain(paging: Any, **more: Any) -> Stream:
    """A list of whole-number ids."""
    return Stream("rows", **{"request": lambda _w, _s: Request("GET", "/rows"), "paging": paging, **more})


def test_a_page_cut_short_without_a_word_is_no_end() -> None:
    """The server gives three at most, whatever is asked for; 204 ends the list."""

    def server(request: httpx.Request) -> httpx.Response:
        assert request.url.params["page_size"] == "100"
        start = (int(request.url.params["page"]) - 1) * 3
        rows = ROWS[start : start + 3]
        return httpx.Response(200, json=rows) if rows else httpx.Response(204)

    assert listed(plain(PageNumber(full=1)), server) == [1, 2, 3, 4, 5, 6, 7]


def test_a_page_shorter_than_any_page_can_be_is_the_end() -> None:
    """It saves the call that would find nothing."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["page"])
        return httpx.Response(200, json=ROWS)

    assert len(listed(plain(PageNumber(250, full=50)), server)) == 7
    assert asked == ["1"]


@pytest.mark.parametrize("tells", [True, False])
def test_the_bodys_count_of_pages_ends_a_list(tells: bool) -> None:
    """Where there is none, an empty page does."""
    asked: list[int] = []

    def server(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        asked.append(page)
        meta = {"pagination": {"total": 7, "total_pages": 3}} if tells else {}
        return httpx.Response(200, json={"data": ROWS[(page - 1) * 3 : page * 3], "meta": meta})

    paging = PageNumber(
        100, pages_path="meta.pagination.total_pages", total_path="meta.pagination.total", full=1
    )
    stream = plain(paging, records="data", total=paging.total)
    assert listed(stream, server) == [1, 2, 3, 4, 5, 6, 7]
    assert asked == [1, 2, 3, *([] if tells else [4])]
    assert paging.total(Answer(200, {}, b'{"data": [], "meta": {}}', START)) is None


def test_what_is_counted_need_not_be_shown() -> None:
    """A page of nothing but what is left out is not the end, where the list says how far it goes."""

    def server(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        shown = [] if page == 2 else ROWS[(page - 1) * 3 : page * 3]
        return answer({"items": shown, "total": len(ROWS)})

    assert listed(plain(PageNumber(3, total_path="total"), records="items"), server) == [1, 2, 3, 7]


def _behind(request: Request, last: int | None) -> Request:
    return request if last is None else with_params(request, {"min_id": str(last)})


@pytest.mark.parametrize("is_inclusive", [True, False])
def test_a_keyset_is_read_once_while_records_come_and_go(is_inclusive: bool) -> None:
    """One that is deleted behind us moves nobody from page to page."""
    rows = list(ROWS)

    def server(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params.get("min_id", "0"))
        rest = [r for r in rows if (r["id"] >= after if is_inclusive else r["id"] > after)]
        if after:
            rows[:] = [r for r in rows if r["id"] != 1]
        return httpx.Response(200, json=rest[:2]) if rest else httpx.Response(204)

    paging = Keyset(lambda request, last: _behind(request, last if last is None else last + is_inclusive))
    assert listed(plain(paging), server) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("rows", [[2, 1], [1, 2]])
def test_a_keyset_that_is_not_in_order_is_refused(rows: list[int]) -> None:
    """Or one that ignores where it should go on: a list read past its records must never pass for whole."""
    with pytest.raises(Retry, match=r"order|begins again"):
        listed(plain(Keyset(_behind)), lambda _r: answer([{"id": n} for n in rows]))


def test_the_key_may_go_into_a_body() -> None:
    """Beside what was asked for at first."""
    asked: list[Any] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return answer([row for row in ROWS if row["id"] > (asked[-1]["after"] or 0)][:4])

    def behind(request: Request, last: int | None) -> Request:
        return replace(request, body={**request.body, "after": last})

    query = Request("PUT", "/rows/search", body={"kind": "tee"})
    stream = plain(Keyset(behind, full=4), request=lambda _w, _s: query)
    assert listed(stream, server) == [1, 2, 3, 4, 5, 6, 7]
    assert asked == [{"kind": "tee", "after": None}, {"kind": "tee", "after": 4}]


def test_a_full_page_of_a_keyset_is_followed_and_a_shorter_one_is_not() -> None:
    """It saves the call that would find nothing, where the vendor says how much it gives."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("min_id", ""))
        return answer([row for row in ROWS if row["id"] > int(asked[-1] or 0)][:4])

    assert listed(plain(Keyset(_behind, full=4)), server) == [1, 2, 3, 4, 5, 6, 7]
    assert asked == ["", "4"]


def counted(request: httpx.Request, rows: list[dict[str, int]], more: int = 0) -> httpx.Response:
    """Two rows behind the key at most, and how many there are behind it."""
    rest = [row for row in rows if row["id"] > int(request.url.params.get("min_id", "0"))]
    return answer({"items": rest[:2], "total": len(rest) + more})


@pytest.mark.parametrize("rows", [ROWS, ROWS[:6], ROWS[:1], []])
def test_the_count_behind_a_key_ends_a_keyset(rows: list[dict[str, int]]) -> None:
    """Neither a full last page nor a short one on the way is taken for something else."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("min_id", ""))
        return counted(request, rows)

    stream = plain(Keyset(_behind, full=5, records="items", total_path="total"), records="items")
    assert listed(stream, server) == [row["id"] for row in rows]
    assert len(asked) == max(-(-len(rows) // 2), 1)


def test_a_keyset_that_counts_what_it_does_not_show_is_refused() -> None:
    """What is missing may be anything."""
    stream = plain(Keyset(_behind, records="items", total_path="total"), records="items")
    with pytest.raises(Retry, match="counts 3 more records"):
        listed(stream, lambda request: counted(request, ROWS, more=3))


def test_records_made_of_an_answer_are_paged_by_what_stands_beside() -> None:
    """As those that are cut from it."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["page"])
        return answer({"items": [{"n": int(asked[-1])}], "total": 2})

    def rows(_about: Any, body: Any) -> list[Any]:
        return [{"id": f"x:{row['n']}", **row} for row in body["items"]]

    found = read(server, plain(PageNumber(1, total_path="total"), rows=rows))
    assert [json.loads(record) for page in found for record in page.records] == [
        {"id": "x:1", "n": 1},
        {"id": "x:2", "n": 2},
    ]
    assert asked == ["1", "2"]


def _after(request: Request, last: str | None) -> Request:
    return with_params(request, {} if last is None else {"after": last})


FLAGGED = Keyset(_after, records="data", more="more")


def test_where_a_flag_says_that_more_follows_keys_are_any_text_in_the_vendors_order() -> None:
    """Newest first, say; a full page may be the last, and the flag decides."""
    names = ["t9", "t10", "t4", "t3"]

    def server(request: httpx.Request) -> httpx.Response:
        start = names.index(request.url.params["after"]) + 1 if "after" in request.url.params else 0
        rows = [{"id": name} for name in names[start : start + 2]]
        return answer({"data": rows, "more": start + 2 < len(names)})

    stream = replace(plain(FLAGGED), records="data")
    pages = read(server, stream)
    assert [json.loads(row)["id"] for page in pages for row in page.records] == names
    assert len(pages) == 2


@pytest.mark.parametrize("body", [{"data": [], "more": True}, {"data": [{"id": "t1"}], "more": True}])
def test_a_flag_that_leads_nowhere_is_not_the_end(body: Any) -> None:
    """No record to go on behind, or the page that was asked for already: neither passes for a whole list."""
    request = with_params(Request("GET", "/rows"), {"after": "t1"})
    with pytest.raises(Retry, match=r"no key|begins again"):
        FLAGGED.next(request, Answer(200, {}, json.dumps(body).encode(), START), len(body["data"]), body)


def test_records_may_be_made_of_an_answer() -> None:
    """A body that is the one record, say; its numbers stay as they came."""
    stream = plain(None, rows=lambda _about, body: [body])
    (page,) = read(lambda _r: httpx.Response(200, content=b'{"id":5,"p":1.10}'), stream)
    assert page.records == [b'{"id":5,"p":1.10}']
    with pytest.raises(Retry, match="not whole JSON"):
        read(lambda _r: httpx.Response(200, content=b'{"id":5'), stream)


def _lines(record: Mapping[str, Any], _system: Any) -> Request | None:
    return Request("GET", f"/rows/{record['id']}/lines") if record["id"] != 2 else None


WITH_PARTS = plain(PageNumber(), parts=(Part("lines", _lines, PageNumber(2, full=1)),))


def test_parts_are_put_into_their_records() -> None:
    """Page by page, numbers as they came; none where the record says that there are none, or at 204."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/rows"):
            return httpx.Response(200, content=b'[{"id":1,"lines":{"url":"x"},"p":1.10},{"id":2},{"id":3}]')
        rows = [{"n": n} for n in range(3)] if "/1/" in request.url.path else []
        start = (int(request.url.params["page"]) - 1) * 2
        part = rows[start : start + 2]
        return httpx.Response(200, json=part) if part else httpx.Response(204)

    (page,) = read(server, WITH_PARTS)
    found = [json.loads(record) for record in page.records]
    assert [record["lines"] for record in found] == [[{"n": 0}, {"n": 1}, {"n": 2}], [], []]
    assert b"1.10" in page.records[0]
    assert not any("/2/" in path for path in asked)


def test_a_part_of_which_a_record_held_more_is_not_believed() -> None:
    """What is nested may be the first rows of a part; a list that lacks them is not the whole."""

    def server(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/rows")
        return answer([{"id": 1, "lines": {"data": [{"n": 1}, {"n": 2}]}}] if is_list else rows)

    stream = plain(PageNumber(), parts=(Part("lines.data", _lines),))
    rows = [{"n": n} for n in range(3)]
    (page,) = read(server, stream)
    assert json.loads(page.records[0])["lines"]["data"] == rows
    rows = rows[:1]
    with pytest.raises(Retry, match="fewer"):
        read(server, stream)


def test_a_record_without_all_its_parts_is_not_read() -> None:
    """The page fails, and with it the reading."""

    def server(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/rows")
        return httpx.Response(200, json=[{"id": 1}]) if is_list else httpx.Response(400, json=["no"])

    with pytest.raises(Reject):
        read(server, WITH_PARTS)


def test_a_part_that_repeats_itself_is_noticed() -> None:
    """Where a page past the end shows an earlier one again."""
    with pytest.raises(Retry, match="repeats"):
        read(lambda _r: answer([{"id": 1}]), WITH_PARTS)


def test_an_answer_without_a_body_by_its_status_holds_nothing() -> None:
    """204 is nothing; an empty body of any other status is no JSON."""
    assert Answer(204, {}, b"", START).json() is None
    with pytest.raises(Retry):
        Answer(200, {}, b"", START).json()


def test_records_made_of_an_answer_leave_its_counts_to_the_paging() -> None:
    """A short page is not the end where the vendor says how many pages there are."""

    def server(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return answer({"rows": [{"in": {"id": page}}], "meta": {"pages": 3}})

    stream = plain(
        PageNumber(pages_path="meta.pages"), rows=lambda _about, body: [row["in"] for row in body["rows"]]
    )
    assert listed(stream, server) == [1, 2, 3]


# --- documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_document_of_any_kind_is_put_on_its_record(is_asked: bool) -> None:
    """The bytes as they came, None where none were asked for or it is gone; of a list, or of what is asked about."""
    paths = {1: "/body/1", 3: "/none/3"}

    def server(request: httpx.Request) -> httpx.Response:
        at = request.url.path
        if at.endswith("/rows"):
            return answer([{"id": 1}, {"id": 2}, {"id": 3}])
        return httpx.Response(200, content=b"a,b\n1,2") if "/body/" in at else httpx.Response(404, json={})

    def request(record: Mapping[str, Any], _system: Any) -> Request | None:
        path = paths.get(record["id"])
        return Request("GET", path, absent=frozenset({404})) if path else None

    document = Document(
        request, lambda _record, content, _s: {"size": None if content is None else len(content)}
    )
    asks = (lambda _w, _s: [Ask(Request("GET", "/rows"))]) if is_asked else None
    (page,) = read(server, plain(None, document=document, asks=asks))
    assert [json.loads(record)["size"] for record in page.records] == [7, None, None]


def test_a_document_that_fails_fails_its_page() -> None:
    """Only what its request calls absent is none."""
    document = Document(lambda _r, _s: Request("GET", "/none"), lambda _r, _c, _s: {})

    def server(request: httpx.Request) -> httpx.Response:
        return answer([{"id": 1}]) if request.url.path.endswith("/rows") else httpx.Response(404, json={})

    with pytest.raises(Reject):
        read(server, plain(None, document=document))
