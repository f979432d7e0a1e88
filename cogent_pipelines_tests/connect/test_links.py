"""Lists whose links stand beside the records, and parts of which a record holds the first rows without a word."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cogent_pipelines.connect.paging import Link
from cogent_pipelines.connect.spec import Json, Part, Request, Stream, System, Window
from cogent_pipelines.errors import Halt, Retry
from cogent_pipelines_tests.connect.kit import START, answer, client, run

LINKS = Link("links", complete="complete")


def lines_of(record: Mapping[str, Json], _system: System) -> Request | None:
    """From three on, what is nested may be a part only."""
    nested = (record["lines"] or {}).get("data") or ()
    return Request("GET", f"/things/{record['id']}/lines") if len(nested) >= 3 else None


LINES = Part("lines.data", lines_of, LINKS, "data")
FIRST = (("a", "b"), ("pageSize", "2"))
THINGS = Stream("things", lambda *_: Request("GET", "/things", FIRST), "data", LINKS, parts=(LINES,))


def read(handler: Callable[[httpx.Request], Any], stream: Stream = THINGS) -> list[dict[str, Any]]:
    """Every record."""

    async def main() -> list[dict[str, Any]]:
        async with client(handler, streams=(stream,)) as c:
            pages = [page async for page in c.pages(stream, Window(None, START))]
        return [json.loads(record) for page in pages for record in page.records]

    return run(main)


def listed(rows: list[Any], sent: httpx.Request, seen: list[str], size: int = 2) -> httpx.Response:
    """A part of ``rows`` with a link to the next one."""
    seen.append(str(sent.url.query, "ascii"))
    start = int(sent.url.params.get("searchId", "0"))
    is_last = start + size >= len(rows)
    href = f"{sent.url.copy_with(query=None)}?searchId={start + size}"
    links = [{"rel": "self", "href": "x"}] + ([] if is_last else [{"rel": "next", "href": href}])
    return answer({"data": rows[start : start + size], "links": links, "complete": is_last})


def test_every_page_once_and_the_link_overrides_everything() -> None:
    """Filters and page size go with the first request only."""
    seen: list[str] = []
    assert [r["id"] for r in read(lambda sent: listed([{"id": n} for n in range(5)], sent, seen))] == [
        *range(5)
    ]
    assert seen == ["a=b&pageSize=2", "searchId=2", "searchId=4"]


def test_a_complete_list_ends_whatever_its_links_say() -> None:
    """The flag decides."""
    body = {"data": [{"id": 1}], "links": [{"rel": "next", "href": "/things?searchId=1"}], "complete": True}
    assert len(read(lambda _: answer(body))) == 1


@pytest.mark.parametrize("links", [[], None, [{"rel": "self", "href": "/x"}]])
def test_an_incomplete_list_that_leads_nowhere_is_no_whole_one(
    links: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it never passes for all."""
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)
    with pytest.raises(Retry, match="no next link"):
        read(lambda _: answer({"data": [{"id": 1}], "links": links, "complete": False}))


def test_a_link_to_another_host_is_not_followed() -> None:
    """Credentials stay where they belong."""
    links = [{"rel": "next", "href": "https://elsewhere.example/things"}]
    with pytest.raises(Halt):
        read(lambda _: answer({"data": [{"id": 1}], "links": links, "complete": False}))


def served(nested: int, whole: int, seen: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """One thing that shows ``nested`` lines of its ``whole``."""
    lines = [{"n": n, "price": 1.10} for n in range(whole)]

    def handler(sent: httpx.Request) -> httpx.Response:
        if sent.url.path.endswith("/lines"):
            return listed(lines, sent, seen)
        return answer(
            {
                "data": [{"id": 7, "lines": {"data": lines[-nested:], "more": 1}}],
                "links": [],
                "complete": True,
            }
        )

    return handler


def test_a_list_that_may_be_cut_is_replaced_by_its_own() -> None:
    """What is nested may be any part of it, so none of it is kept."""
    seen: list[str] = []
    (record,) = read(served(3, 5, seen))
    assert [line["n"] for line in record["lines"]["data"]] == [0, 1, 2, 3, 4]
    assert record["lines"]["more"] == 1
    assert len(seen) == 3


def test_a_short_list_is_whole() -> None:
    """It costs no further request."""
    seen: list[str] = []
    (record,) = read(served(2, 2, seen))
    assert (len(record["lines"]["data"]), seen) == (2, [])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (None, None),
        ({}, {"data": []}),
        ({"data": None, "more": 1}, {"data": [], "more": 1}),
        ("text", "text"),
    ],
)
def test_a_record_without_the_list_has_none(lines: Any, expected: Any) -> None:
    """What should hold it is not made: checking records is done elsewhere."""
    body = {"data": [{"id": 7, "lines": lines}], "links": [], "complete": True}
    assert read(lambda _: answer(body)) == [{"id": 7, "lines": expected}]


def test_a_list_of_its_own_with_fewer_rows_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nested rows are there, whatever else is said."""
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)

    def handler(sent: httpx.Request) -> httpx.Response:
        return listed([{"n": 1}], sent, []) if sent.url.path.endswith("/lines") else served(3, 3, [])(sent)

    with pytest.raises(Retry, match="fewer"):
        read(handler)


def test_a_stream_without_parts_is_not_looked_into() -> None:
    """Its records come as they are, byte for byte."""
    assert len(read(served(3, 5, []), replace(THINGS, parts=()))[0]["lines"]["data"]) == 3
