"""Streams without a list: many questions about what we know, and messages dropped in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from cogent_pipelines.connect.auth import QueryKey
from cogent_pipelines.connect.paging import Page, PageNumber
from cogent_pipelines.connect.spec import Ask, Request, Stream, System, Window
from cogent_pipelines.errors import BadInput, Halt, Reject, Retry
from cogent_pipelines_tests.connect.kit import SECRET, START, answer, client, run, system

WINDOW = Window(None, START, tuple({"name": f"n{i}", "part": f"p{i % 2}"} for i in range(40)))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)


def asks(window: Window, system: System) -> list[Ask]:
    """One question for each thing known."""
    return [Ask(Request("GET", f"/{k['part']}/{k['name']}"), k["name"], k["part"]) for k in window.known]


def rows(about: Any, found: Any) -> list[Any]:
    """One record an answer; another shape is no empty answer."""
    if not isinstance(found, dict):
        raise Retry("not an object")
    return [{"id": about, **found}]


STREAM = Stream("things", asks=asks, rows=rows)
DROPS = replace(STREAM, asks=None, folder="drop")


def read(handler: Any, stream: Stream = STREAM, of: System | None = None, window: Window = WINDOW) -> Any:
    """Every page."""

    async def main() -> list[Page]:
        async with client(handler, of=of, streams=(stream,)) as c:
            return [page async for page in c.pages(stream, window)]

    return run(main)


def records(pages: list[Page]) -> list[Any]:
    """Every record, decoded."""
    return [json.loads(record) for page in pages for record in page.records]


def test_every_known_thing_is_asked_about_once_and_in_order() -> None:
    """Answers come side by side; records stand in the order of the questions."""
    pages = read(lambda request: answer({"path": request.url.path}))
    assert [r["id"] for r in records(pages)] == [f"n{i}" for i in range(40)]
    assert [page.is_last for page in pages] == [False, False, True]


def test_a_refused_part_is_named_and_the_others_are_read() -> None:
    """The page says which and in whose words; landing sets that aside."""
    pages = read(lambda r: answer({"message": "no such DC"}, 400) if "/p1/" in r.url.path else answer({}))
    found = records(pages)
    assert [r["id"] for r in found] == [f"n{i}" for i in range(0, 40, 2)]
    ((part, words),) = [refused for page in pages for refused in page.refused]
    assert part == "p1"
    assert "no such DC" in words


def test_when_every_part_is_refused_the_read_is() -> None:
    """Nothing was read, so nothing may look whole."""
    with pytest.raises(Reject, match="nobody"):
        read(lambda request: answer({"message": "nobody"}, 400))


def test_an_answer_of_another_shape_is_no_empty_answer() -> None:
    """What ``rows`` cannot read is asked for again, and then ends the read."""
    with pytest.raises(Retry, match="not an object"):
        read(lambda request: answer([]))


def test_with_nothing_to_ask_about_there_is_one_empty_page() -> None:
    """It counts nothing, so it proves nothing gone."""
    (page,) = read(lambda request: answer({}), window=Window(None, START))
    assert (page.records, page.total, page.is_last) == ([], None, True)


def spans(*edges: int) -> list[Ask]:
    """A question for each two neighbours."""
    return [Ask(Request("GET", f"/{a}-{b}"), (a, b)) for a, b in pairwise(edges)]


def halved(ask: Ask, answered: int | Reject, _system: System) -> Sequence[Ask]:
    """Both halves of what holds too much."""
    a, b = ask.about
    if not isinstance(answered, Reject):
        return ()
    if b - a < 2:
        raise answered
    return spans(a, (a + b) // 2, b)


HALVED = replace(
    STREAM,
    asks=lambda _w, _s: spans(0, 40, 48),
    rows=lambda _about, found: [{"n": n} for n in found],
    further=halved,
)


def counted(request: httpx.Request, most: int, of: int = 48) -> httpx.Response:
    """Numbers from one edge to before the other, so many at most."""
    a, b = (int(text) for text in request.url.path.rsplit("/", 1)[-1].split("-"))
    return answer({"message": "too many"}, 400) if b - a > most else answer(list(range(a, min(b, of))))


def test_a_question_that_is_refused_may_be_asked_otherwise() -> None:
    """A span of too many records by halves, and these again: all are read, and nothing is named as refused."""
    pages = read(lambda request: counted(request, 3), HALVED)
    assert sorted(r["n"] for r in records(pages)) == list(range(48))
    assert [page.refused for page in pages] == [()] * len(pages)
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]


def test_a_refusal_that_nothing_stands_in_for_is_one() -> None:
    """There is nothing left to halve, and rows are not dropped in silence."""
    with pytest.raises(Reject, match="too many"):
        read(lambda request: counted(request, 0), HALVED)


def test_an_answer_may_lead_to_the_next_question() -> None:
    """Numbered files, each asked for after the one before it, until there is none; a body need not be JSON."""
    files = {"/shop/41": b"a\nb\n", "/shop/42": b"", "/shop/43": b"c\n"}

    def file(number: int) -> Ask:
        return Ask(Request("GET", f"/{number}"), number)

    def on(ask: Ask, answered: int | Reject, _system: System) -> Sequence[Ask]:
        return () if isinstance(answered, Reject) else (file(ask.about + 1),)

    def server(request: httpx.Request) -> httpx.Response:
        body = files.get(request.url.path)
        return httpx.Response(404) if body is None else httpx.Response(200, content=body or b"\n")

    numbered = replace(
        STREAM,
        asks=lambda _w, _s: [file(41)],
        decode=lambda body: body.decode().split(),
        rows=lambda about, lines: [{"of": about, "line": line} for line in lines],
        further=on,
    )
    found = records(read(server, numbered))
    assert found == [{"of": 41, "line": "a"}, {"of": 41, "line": "b"}, {"of": 43, "line": "c"}]


def test_made_records_have_pages_counted_beside_them() -> None:
    """What the paging looks at stands in the same body."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["page"])
        return answer({"rows": [{"n": asked[-1]}] * 2, "pages": 2})

    paged = replace(
        STREAM,
        asks=lambda _w, _s: [Ask(Request("GET", "/all"))],
        rows=lambda _about, body: body["rows"],
        paging=PageNumber(2, pages_path="pages"),
    )
    assert len(records(read(server, paged))) == 4
    assert asked == ["1", "2"]


def test_each_question_may_have_pages_of_its_own_and_its_records_know_what_was_asked() -> None:
    """One list for each place there is, say: its rows do not name the place."""

    def server(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return answer([{"n": n} for n in range(5)][(page - 1) * 2 : page * 2])

    paged = replace(
        STREAM,
        asks=lambda _w, _s: [Ask(Request("GET", f"/{place}"), place) for place in (4, 7)],
        rows=lambda about, found: [{"at": about, **row} for row in found],
        paging=PageNumber(2),
    )
    found = records(read(server, paged))
    assert found == [{"at": at, "n": n} for at in (4, 7) for n in range(5)]


# --- folders ------------------------------------------------------------------------------------------


def drop(folder: Path, name: str, content: str, ago: float = 3600) -> None:
    """A file written so many seconds ago."""
    path = folder / name
    path.write_text(content)
    os.utime(path, (START.timestamp() - ago,) * 2)


def of(folder: Path) -> System:
    """A system whose messages are dropped there."""
    return system(options={"drop": str(folder)})


def nobody(request: httpx.Request) -> httpx.Response:
    """A server that must not be asked."""
    raise AssertionError(f"{request.url} was asked")


def test_each_dropped_file_is_a_page(tmp_path: Path) -> None:
    """In the order of names; what is no JSON by its name is not ours."""
    drop(tmp_path, "2.json", '{"n": 2}')
    drop(tmp_path, "1.json", '{"n": 1.10}')
    drop(tmp_path, "3.json.part", "{")
    pages = read(nobody, DROPS, of(tmp_path))
    assert [record for page in pages for record in page.records] == [
        b'{"id":"1.json","n":1.10}',
        b'{"id":"2.json","n":2}',
    ]
    assert [page.is_last for page in pages] == [False, False, True]


def test_only_files_since_the_window_are_read(tmp_path: Path) -> None:
    """By when they were last written."""
    drop(tmp_path, "old.json", "{}", ago=7200)
    drop(tmp_path, "new.json", "{}", ago=60)
    window = Window(START.replace(hour=5), START)
    assert [r["id"] for r in records(read(nobody, DROPS, of(tmp_path), window))] == ["new.json"]


def test_a_young_file_that_is_not_whole_waits_and_an_old_one_is_handed_on(tmp_path: Path) -> None:
    """Half a file may be under way; an old one is for a person, who finds it set aside."""
    drop(tmp_path, "young.json", '{"n":', ago=10)
    drop(tmp_path, "old.json", '{"n":')
    drop(tmp_path, "list.json", "[]")
    pages = read(nobody, DROPS, of(tmp_path))
    assert [record for page in pages for record in page.records] == [b"[]", b'{"n":']


def test_an_empty_folder_is_known_to_be_empty_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    """An estate that names no folder has no such messages."""
    (page,) = read(nobody, DROPS, of(tmp_path))
    assert (page.records, page.total) == ([], 0)
    (page,) = read(nobody, DROPS, system())
    assert (page.records, page.total) == ([], 0)
    with pytest.raises(Reject, match="cannot be read"):
        read(nobody, DROPS, of(tmp_path / "nowhere"))


# --- keys in the query, and a second address ------------------------------------------------------------


def call(request: Request, handler: Any, of: System | None = None) -> Any:
    """One call with the key in its query."""
    auth = QueryKey("api_key", "api_key")

    async def main() -> Any:
        async with client(handler, of=of, auth=auth) as c:
            return (await c.call(request)).json()

    return run(main)


def test_a_key_may_go_in_the_query_and_another_at_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the request's own parameters; an option that is not there leaves the base URL."""
    monkeypatch.setenv("TEST_SECRET", "another-secret")
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return answer({})

    two = system(options={"hub": "http://127.0.0.1:9/old"})
    call(Request("GET", "/a", params=(("x", "1"),)), note)
    call(Request("GET", "/a", base="hub", auth=QueryKey("token", "client_secret")), note, of=two)
    call(Request("GET", "/a", base="hub", auth=QueryKey("token", "client_secret")), note)
    assert seen == [
        f"http://127.0.0.1:9/shop/a?x=1&api_key={SECRET}",
        "http://127.0.0.1:9/old/a?token=another-secret",
        "http://127.0.0.1:9/shop/a?token=another-secret",
    ]


def test_the_second_address_is_checked_like_the_first() -> None:
    """A sandbox never leaves the machine."""
    with pytest.raises(BadInput, match="loopback"):
        call(Request("GET", "/a", base="hub"), nobody, of=system(options={"hub": "https://evil.example"}))


def test_a_key_in_the_query_is_in_no_message() -> None:
    """Nor is it when the vendor says it back."""
    with pytest.raises(Halt) as error:
        call(Request("GET", "/a"), lambda request: answer({"message": str(request.url)}, 401))
    assert SECRET not in str(error.value)


def test_a_status_may_say_that_there_is_none() -> None:
    """Where the request says so; elsewhere it is an error as ever."""
    missing = lambda request: httpx.Response(404, text="<html>no</html>")  # noqa: E731
    assert call(Request("GET", "/a", absent=frozenset({404})), missing) is None
    with pytest.raises(Reject):
        call(Request("GET", "/a"), missing)
