"""How BigCommerce is read: filters, pages, parts, the quota. Through our client, against the sandbox's edge."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cogent_pipelines import clock
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.paging import with_params
from cogent_pipelines.connect.spec import Answer, Request, Stream, System, Window
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.vendors.bigcommerce import V2_ORDERS, VENDOR
from cogent_pipelines_tests.connect.kit import run
from cogent_pipelines_tests.sandbox.bigcommerce_account import NAME, START, TOKEN, Account
from cogent_pipelines_tests.vendors.bigcommerce_kit import SYSTEM
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

STREAMS = {stream.name: stream for stream in VENDOR.streams}
EVER = Window(None, READ_AT)
SINCE = Window(datetime(2026, 11, 2, 6, 30, 5, tzinfo=UTC), READ_AT)
HERE = System(
    NAME, "bigcommerce", f"http://127.0.0.1/{NAME}", {"access_token": "BC_TOKEN"}, loopback_only=True
)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's token; a read that fails is not tried again for long."""
    monkeypatch.setenv("BC_TOKEN", TOKEN)
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)


class Wire(httpx.AsyncBaseTransport):
    """Into the store, whose world first catches up with our clock; remembers what was asked."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.inner = httpx.ASGITransport(account.app)
        self.asked: list[httpx.Request] = []
        self.refused = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.account.world.advance(max(clock.now(), self.account.world.now))
        answer = await self.inner.handle_async_request(request)
        self.refused += answer.status_code == 429
        return answer

    def paths(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(request.url.path.removeprefix(f"/{NAME}") for request in self.asked)


def read(account: Account, stream: str | Stream, window: Window = EVER) -> tuple[list[Any], Wire]:
    """The records of a stream, decoded, and what was asked."""
    wire = Wire(account)

    async def main() -> list[Any]:
        found = []
        async with Client(HERE, VENDOR, limits=MemoryLimits(), transport=wire) as client:
            wanted = STREAMS[stream] if isinstance(stream, str) else stream
            async for page in client.pages(wanted, window):
                assert not page.note
                found += [json.loads(record) for record in page.records]
        return found

    return run(main), wire


# --- lists --------------------------------------------------------------------------------------------


def test_only_what_has_a_filter_is_read_by_increments() -> None:
    """Levels, variants and locations are read whole; an order's parts are read inside it."""
    kinds = {s.name: (s.entity, s.cursor is not None, s.version) for s in VENDOR.streams}
    assert kinds == {
        "orders": ("orders", True, None),
        "refunds": ("orders", True, None),
        "products": ("products", True, "date_modified"),
        "variants": ("products", False, None),
        "locations": ("products", False, None),
        "stock": ("stock", False, None),
        "store": ("products", False, None),
    }


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("orders", "min_date_modified"), ("refunds", "created:min"), ("products", "date_modified:min")],
)
def test_a_window_begins_with_a_date_the_vendor_can_read(name: str, parameter: str) -> None:
    """In UTC, with its zone, to the second: any other would be ignored without a word."""
    local = Window(SINCE.start.astimezone(tz=None) if SINCE.start else None, READ_AT)
    for window in (SINCE, local):
        params = dict(STREAMS[name].request(window, SYSTEM).params)
        assert params[parameter] == "2026-11-02T06:30:05+00:00"
    assert parameter not in dict(STREAMS[name].request(EVER, SYSTEM).params)


def test_a_list_of_nothing_is_no_failure() -> None:
    """204 without a body."""
    found, wire = read(Account(), "orders")
    assert (found, wire.paths()) == ([], {"/v2/orders": 1})


def test_an_order_that_changes_while_the_list_is_read_hides_no_other() -> None:
    """By date it would move to the end, and the next one into a page that was read already."""
    account = Account()
    orders = [account.place() for _ in range(120)]
    stream = STREAMS["orders"]
    wire = Wire(account)
    inner = wire.handle_async_request

    async def change_then(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v2/orders"):
            for order in orders[:30]:
                shops.change_note(account.world, account.shop, order.id, note="changed")
        return await inner(request)

    wire.handle_async_request = change_then  # type: ignore[method-assign]
    paging = replace(
        V2_ORDERS, behind=lambda request, last: with_params(V2_ORDERS.behind(request, last), {"limit": "50"})
    )

    async def main() -> list[int]:
        small = Stream("orders", stream.request, records="", paging=paging)
        async with Client(HERE, VENDOR, limits=MemoryLimits(), transport=wire) as client:
            return [json.loads(r)["id"] async for page in client.pages(small, EVER) for r in page.records]

    assert run(main) == [order.id for order in orders]


def test_the_vendors_total_is_known_where_it_gives_one() -> None:
    """It is what an empty answer is held against."""
    account = Account()
    for name in ("refunds", "variants", "locations", "stock"):
        total = STREAMS[name].total
        assert total is not None
        path = STREAMS[name].request(EVER, HERE).path
        body = account.call("GET", path)
        assert total(Answer(200, {}, body.content, START)) == {"refunds": 0, "locations": 1}.get(name, 4)


def test_a_sweep_lists_ids_without_lines() -> None:
    """One call for 250 orders."""
    account = Account()
    account.place()
    ids = STREAMS["orders"].ids
    assert ids is not None
    found, wire = read(account, Stream("orders", ids, records="", paging=STREAMS["orders"].paging))
    assert set(found[0]["consignments"]) == {"url", "resource"}
    assert sum(wire.paths().values()) == 1


# --- parts --------------------------------------------------------------------------------------------


def test_an_order_is_read_with_all_its_parts() -> None:
    """Lines and address come with it, the rest is put in; dates and money stay as they came."""
    account = Account()
    order = account.place()
    account.call("POST", f"/v2/orders/{order.id}/shipments", account.shipment(order, 1))
    ((found,), wire) = read(account, "orders")
    (shipping,) = found["consignments"]["shipping"]
    assert [line["sku"] for line in shipping["line_items"]] == ["SKU-0001"]
    assert [s["tracking_number"] for s in found["shipments"]] == ["EJ958083578GB"]
    assert [(t["event"], t["amount"]) for t in found["transactions"]] == [("purchase", 54.0)]
    assert [t["line_item_type"] for t in found["taxes"]] == ["item", "shipping"]
    assert found["coupons"] == []
    assert found["total_inc_tax"] == "54.0000"
    below = f"/v2/orders/{order.id}"
    assert set(wire.paths()) == {
        "/v2/orders", f"{below}/shipments", f"{below}/taxes", f"/v3/orders/{order.id}/transactions",
    }  # fmt: skip


def test_what_an_order_says_it_has_none_of_is_not_asked_for() -> None:
    """The quota is 150 calls in 30 seconds, and the store's other applications share it."""
    account = Account()
    line = shops.NewLine("SKU-0001", 2, Decimal(24), account.variants[0].id, tax_rate=Decimal(0))
    account.place(is_paid=False, lines=[line])
    ((found,), wire) = read(account, "orders")
    assert wire.paths() == {"/v2/orders": 1}
    assert (found["shipments"], found["transactions"], found["taxes"], found["coupons"]) == ([], [], [], [])


@pytest.mark.parametrize("kind", ["error_500", "html_with_200"])
@pytest.mark.parametrize("part", ["/v2/orders/{id}/taxes", "/v3/orders/{id}/transactions"])
def test_an_order_without_all_its_parts_is_not_read(part: str, kind: str) -> None:
    """A part that fails fails the page: the cursor stays where it was."""
    account = Account()
    account.place()
    account.place()
    account.strike(f"GET {part}", kind, times=1)
    with pytest.raises(Retry):
        read(account, "orders")


def test_a_link_in_place_of_lines_is_no_order() -> None:
    """An answer that ignored what it was asked for must not pass for an order of nothing."""
    request = STREAMS["orders"].request(EVER, SYSTEM)
    for body in (
        b'[{"id":1,"consignments":{"url":"https://x","resource":"/orders/1/consignments"}}]',
        b'[{"id":1,"consignments":{"shipping":[{"id":2,"line_items": {"resource":"/orders/1/products"}}]}}]',
    ):
        answer = httpx.Response(200, content=body)
        with pytest.raises(Reject) as raised:
            ask(request, answer)
        assert raised.value.code == "parts_missing"


# --- refusals and the quota -----------------------------------------------------------------------------


def ask(request: Request, answer: httpx.Response) -> Any:
    """What the client makes of one answer."""

    async def main() -> Any:
        transport = httpx.MockTransport(lambda _sent: answer)
        async with Client(HERE, VENDOR, limits=MemoryLimits(), transport=transport) as client:
            return (await client.call(request, intent="intent" if request.is_write else None)).json()

    return run(main)


def test_a_token_without_a_scope_halts() -> None:
    """403 is no matter of trying again."""
    account = Account()
    account.strike("GET /v3/inventory/items", "forbidden")
    with pytest.raises(Halt) as raised:
        read(account, "stock")
    assert raised.value.code == "scope"
    assert "required scope" in str(raised.value)


WRITE = Request("POST", "/v2/orders/1/shipments", body={}, is_write=True)


@pytest.mark.parametrize(
    ("request_", "status", "body", "kind", "detail", "words"),
    [
        (
            WRITE,
            400,
            [{"status": 400, "message": "The field is wrong."}],
            Reject,
            "rejected",
            "The field is wrong.",
        ),
        (WRITE, 404, [{"status": 404, "message": "Not there."}], Reject, "not_found", "Not there."),
        (WRITE, 422, {"status": 422, "title": "[Item is tracked]"}, Reject, "invalid", "[Item is tracked]"),
        (WRITE, 503, {"data": [{"status": 503, "error": "gone away"}]}, Retry, "unknown", "503"),
        (WRITE, 429, {}, Retry, "none", "too many"),
        (WRITE, 409, [{"status": 409, "message": "At once."}], Retry, "none", "At once."),
        (WRITE, 500, "", Retry, "unknown", "500"),
        (Request("GET", "/v2/orders"), 503, {}, Retry, "none", "503"),
    ],
)
def test_a_status_tells_what_to_do_next(
    request_: Request,
    status: int,
    body: Any,
    kind: type,
    detail: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the vendor's words, a list of V2's or a problem of V3's."""
    monkeypatch.setattr("cogent_pipelines.connect.client.THROTTLED_PATIENCE", 0.0)
    with pytest.raises(CogentError) as raised:
        ask(request_, httpx.Response(status, json=body))
    assert isinstance(raised.value, kind)
    assert (raised.value.effect if isinstance(raised.value, Retry) else raised.value.code) == detail  # type: ignore[attr-defined]
    assert words in str(raised.value)


def test_the_quota_is_obeyed_and_learnt_from_its_headers() -> None:
    """400 orders with two parts each, while others take a third of every window: never a refusal."""
    account = Account()
    account.edge.quota.others = 50
    for _ in range(400):
        account.place()
    found, wire = read(account, "orders")
    assert (len(found), wire.refused) == (400, 0)
    assert len(wire.asked) == 803  # two pages of orders and 204
    took = (account.world.now - START).total_seconds()
    assert took == pytest.approx(803 / (150 - 50 - 15) * 30, rel=0.2)


def test_a_quota_that_others_spent_is_waited_for() -> None:
    """429 comes although we behaved; the end of the window is in its headers."""
    account = Account()
    account.edge.quota.take(account.world.now)
    account.edge.quota.spent = 150
    began = account.world.now
    found, wire = read(account, "variants")
    assert (len(found), wire.refused) == (4, 1)
    assert (account.world.now - began).total_seconds() == pytest.approx(30, abs=3)


def test_an_overloaded_platform_is_waited_for_without_headers() -> None:
    """Backing off, later and later."""
    account = Account()
    account.strike("GET /v3/catalog/variants", "rate_limited", times=3)
    found, wire = read(account, "variants")
    assert (len(found), wire.refused) == (4, 3)


def test_every_request_asks_for_json_with_the_token() -> None:
    """Some lists of V2 answer XML otherwise."""
    _, wire = read(Account(), "orders")
    assert wire.asked[0].headers["accept"] == "application/json"
    assert wire.asked[0].headers["x-auth-token"] == TOKEN


def test_the_store_is_asked_cheaply_whether_it_lets_us_in() -> None:
    """One small read."""
    assert VENDOR.probe is not None
    assert VENDOR.probe(SYSTEM) == Request("GET", "/v2/store")
