"""How Fulfil's models are read: filters, pages, locations, and what comes back; asked of the sandbox's account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Answer, Request, Stream, System, Window
from cogent_pipelines.errors import Halt, Retry
from cogent_pipelines.landing import shapes
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.vendors import fulfil
from cogent_pipelines_tests.sandbox.fulfil_account import Account
from cogent_pipelines_tests.vendors.fulfil_kit import SYSTEM, Staging, connected
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

STREAMS = {stream.name: stream for stream in fulfil.VENDOR.streams}
SINCE = Window(datetime(2026, 7, 2, 10, 0, 30, tzinfo=UTC), READ_AT)
EVER = Window(None, READ_AT)
BY_INCREMENTS = [name for name, stream in STREAMS.items() if stream.cursor is not None]


@pytest.fixture
def account() -> Account:
    """An account with nothing ordered."""
    return Account()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, account: Account) -> Iterator[Callable[[Any], Any]]:
    """Runs with our client for the account."""
    with connected(monkeypatch, account) as runner:
        yield runner


def records(run: Callable[[Any], Any], name: str, window: Window = EVER, **changes: Any) -> list[list[Any]]:
    """The records of a stream, page by page."""

    async def act(client: Any) -> list[list[Any]]:
        pages = client.pages(replace(STREAMS[name], **changes), window)
        return [[json.loads(record) for record in page.records] async for page in pages]

    found: list[list[Any]] = run(act)
    return found


def ids(pages: list[list[Any]]) -> list[int]:
    """Ids of every record, in order."""
    return [record["id"] for page in pages for record in page]


def first(stream: Stream, window: Window = EVER) -> Request:
    """The first page's request."""
    asked = stream.asks(window, SYSTEM)[0].request if stream.asks else stream.request(window, SYSTEM)
    assert stream.paging is not None
    return stream.paging.first(asked)


# --- what is asked ------------------------------------------------------------------------------------


def test_the_streams_are_the_models_the_brief_names() -> None:
    """Lines and moves are models of their own: a list of ids leads nowhere. Levels have no date of change."""
    kinds = {s.name: (s.entity, s.cursor is not None) for s in STREAMS.values()}
    assert kinds == {
        "orders": ("orders", True),
        "order_lines": ("orders", True),
        "shipments": ("shipments", True),
        "moves": ("shipments", True),
        "returns": ("returns", True),
        "invoices": ("payouts", True),
        "products": ("products", True),
        "stock": ("stock", False),
        "customers": ("customers", True),
        "contacts": ("customers", True),
        "locations": ("products", True),
    }


@pytest.mark.parametrize("name", STREAMS)
def test_a_read_is_a_put_that_may_be_repeated(name: str) -> None:
    """Told apart by what it calls, not by its verb; the key is ``filters`` and the page the largest there is."""
    asked = first(STREAMS[name], SINCE)
    assert (asked.method, asked.is_write, asked.path.endswith("/search_read")) == ("PUT", False, True)
    assert set(asked.body) == {"filters", "fields", "limit", "offset", "order"}
    assert (asked.body["limit"], asked.body["offset"], asked.body["order"]) == (500, 0, [["id", "ASC"]])


@pytest.mark.parametrize("name", BY_INCREMENTS)
def test_what_was_never_edited_is_asked_for_by_when_it_was_made(name: str) -> None:
    """The two are one alternative, and the page's clause is no third of it."""
    stream = STREAMS[name]
    moment = {"__class__": "datetime", "iso_string": "2026-07-02T10:00:30+00:00"}
    either = ["OR", [["write_date", ">", moment]], [["create_date", ">", moment]]]
    *_, changed, after = first(stream, SINCE).body["filters"]
    assert (changed, after) == (either, ["id", ">", 0])
    assert either not in first(stream, EVER).body["filters"]
    following = stream.paging.next(first(stream, SINCE), page_of(500), 500, {})
    assert following is not None
    assert following.body["filters"][-2:] == [either, ["id", ">", 500]]


def page_of(count: int) -> Answer:
    """A page with ids from one."""
    return Answer(200, {}, json.dumps([{"id": n + 1} for n in range(count)]).encode(), READ_AT)


@pytest.mark.parametrize("name", BY_INCREMENTS)
def test_the_sweep_asks_for_ids_alone(name: str) -> None:
    """All of them."""
    stream = STREAMS[name]
    assert stream.ids is not None
    asked = stream.ids(EVER, SYSTEM).body
    assert asked["fields"] == ["id"]
    assert not any(clause[0] == "OR" for clause in asked["filters"])


@pytest.mark.parametrize("name", STREAMS)
def test_the_raw_table_holds_what_is_asked_for(name: str) -> None:
    """Field by field; stock adds the location, which its records do not say."""
    asked = set(first(STREAMS[name]).body["fields"])
    added = {"key", "location"} if name == "stock" else set()
    assert set(shapes.table("fulfil", name).columns) == asked | added


def test_no_list_is_led_through(account: Account, run: Callable[[Any], Any]) -> None:
    """Every field that is asked for is one the account knows; lists come as ids."""
    order = account.post()
    account.ship(order["id"])
    for name in STREAMS:
        assert records(run, name), name
        account.world.advance(
            account.world.now + timedelta(minutes=1)
        )  # each run begins with a limit of its own
    (read,) = records(run, "orders")[0]
    assert read["lines"] == order["lines"]
    assert read["shipment_address.country.code"] == "GB"


@pytest.mark.parametrize("places", [None, [], "41", {"LEEDS": 41}, ["LEEDS"]])
def test_stock_without_locations_halts(places: Any) -> None:
    """The estate must say which they are; asked without one, every level would be nought."""
    system = System("erp_uk", "fulfil", "https://x.fulfil.io", {}, {"locations": places})
    asks = STREAMS["stock"].asks
    assert asks is not None
    with pytest.raises(Halt, match="locations"):
        asks(EVER, system)


# --- what comes back ----------------------------------------------------------------------------------


def test_what_is_made_while_a_list_is_read_moves_nothing(account: Account, run: Callable[[Any], Any]) -> None:
    """By offsets, a record deleted from the first page would take one out of the second."""
    placed = [account.place(f"N{n}").id for n in range(600)]

    async def act(client: Any) -> list[int]:
        seen = []
        async for page in client.pages(STREAMS["orders"], EVER):
            seen += [json.loads(record)["id"] for record in page.records]
            if len(seen) == 500 and placed[0] in account.warehouse.orders:
                rules.delete_order(account.world, account.warehouse, placed[0])
        return seen

    assert run(act) == placed


def test_resumes_from_a_cursor_and_an_old_record_that_changed_comes_back(
    account: Account, run: Callable[[Any], Any]
) -> None:
    """What was made before and not touched since does not; what was made since and never edited does."""
    old, untouched = account.place("OLD"), account.place("UNTOUCHED")
    account.advance(3600)
    since = account.world.now
    account.advance(60)
    rules.set_hold(account.world, account.warehouse, old.id, held=True)
    fresh = account.place("FRESH")
    read = {r["id"]: r for page in records(run, "orders", Window(since, READ_AT)) for r in page}
    assert set(read) == {old.id, fresh.id}
    assert (read[fresh.id]["write_date"], read[old.id]["write_date"] is None) == (None, False)
    assert untouched.id in ids(records(run, "orders"))


def test_an_empty_window_is_empty(account: Account, run: Callable[[Any], Any]) -> None:
    """One page with nothing on it."""
    account.place("OLD")
    account.advance(60)
    assert records(run, "orders", Window(account.world.now, READ_AT)) == [[]]


def test_stock_is_read_one_location_at_a_time(account: Account, run: Callable[[Any], Any]) -> None:
    """Of several at once they give the sum; each record says where it was asked about."""
    key = account.sellables[0]
    rules.count_stock(account.world, account.warehouse, key, 42, 7)
    account.post()
    pages = records(run, "stock")
    levels = {
        r["key"]: (r["location"], r["quantity_on_hand"], r["quantity_available"]) for p in pages for r in p
    }
    assert {place for place, *_ in levels.values()} == {41, 42}
    assert (levels[f"{key}@41"], levels[f"{key}@42"]) == ((41, 100.0, 98.0), (42, 7.0, 7.0))
    assert len(levels) == 2 * (len(account.sellables) + 1)


def test_levels_are_those_the_staging_view_shows() -> None:
    """Levels noted at a change are staging's available quantities, nameless ones left out."""
    staging = Staging()
    level = {"key": "1@41", "location": 41, "id": 1, "code": "TEE-M", "quantity_available": -2.0}
    staging.load(
        "stock",
        level,
        level | {"key": "2@41", "code": ""},
        level | {"key": "3@41", "quantity_available": None},
    )
    sql = STREAMS["stock"].levels.format(rows="fulfil.stock")
    assert staging.connection.execute(sql).fetchall() == [("41", "TEE-M", -2)]
    shown = [(r["facility_id"], r["sku"], r["available_qty"]) for r in staging.rows("stock")]
    assert [row for row in shown if row[1] and row[2] is not None] == [("41", "TEE-M", -2)]


def test_money_comes_exact(account: Account, run: Callable[[Any], Any]) -> None:
    """A tagged decimal is text inside; nothing of it passes through a float."""
    account.post()
    content = json.dumps(records(run, "orders")[0][0]).encode()
    decoded = shapes.shape("fulfil", "orders", "id", None).check(content)
    assert decoded[0] > 0
    assert Decimal(json.loads(content)["total_amount"]["decimal"]) == Decimal("51.95")


def test_money_that_is_no_object_is_set_aside() -> None:
    """A record of another shape is never guessed at."""
    with pytest.raises(shapes.Misfit, match="total_amount"):
        shapes.shape("fulfil", "orders", "id", None).check(b'{"id":1,"total_amount":51.95}')


def test_an_answer_that_was_put_off_is_no_empty_list() -> None:
    """It is asked for again, and after that the reading is not whole."""
    later = Answer(200, {}, b'{"__class__":"AsyncResult","task_id":"1","token":"t"}', READ_AT)
    with pytest.raises(Retry, match="put off"):
        fulfil.check(first(STREAMS["orders"]), later)


def test_the_account_is_asked_cheaply_whether_it_lets_us_in(run: Callable[[Any], Any]) -> None:
    """The documented check of a token."""
    probe = fulfil.VENDOR.probe
    assert probe is not None

    async def act(client: Any) -> Any:
        return (await client.call(probe(SYSTEM))).json()

    assert run(act)["company"] == 1


def test_a_window_is_asked_for_in_utc() -> None:
    """Whatever the zone of the instant; theirs are UTC and do not say so."""
    start = SINCE.start
    assert start is not None
    elsewhere = start.astimezone(timezone(timedelta(hours=1)))
    assert fulfil.changed_since(Window(elsewhere, READ_AT)) == fulfil.changed_since(SINCE)
