"""What Shopify's lists, exports and answers become, from request to record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cogent_pipelines.connect.answers import Throttled
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Request, Stream, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors.shopify import VENDOR
from cogent_pipelines.vendors.shopify_documents import ask, document
from cogent_pipelines_tests.vendors.shopify_kit import (
    SYSTEM,
    answer,
    fulfilment,
    gid,
    level,
    line,
    nodes,
    order,
    refund,
)

WINDOW = Window(datetime(2026, 11, 2, 9, 0, 0, 999, tzinfo=UTC), datetime(2026, 11, 2, 9, 5, tzinfo=UTC))
READ = ask("Products", query="")
WRITE = ask("Fulfil", is_write=True, fulfillment={})


def stream(name: str) -> Stream:
    """The stream of that name."""
    return next(s for s in VENDOR.streams if s.name == name)


def read(
    monkeypatch: pytest.MonkeyPatch, name: str, reply: Callable[[dict[str, Any]], Any], **system: Any
) -> tuple[list[Any], list[dict[str, Any]]]:
    """(records, bodies sent) of a whole read of a stream from a shop that answers by ``reply``."""
    monkeypatch.setenv("X", "id")
    monkeypatch.setenv("Y", "secret")
    sent: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth/access_token"):
            return httpx.Response(
                200, json={"access_token": "shpat_1", "scope": "read_orders", "expires_in": 86399}
            )
        assert request.headers["X-Shopify-Access-Token"] == "shpat_1"
        sent.append(json.loads(request.content))
        return httpx.Response(200, json=reply(sent[-1]))

    async def run() -> list[Any]:
        async with Client(
            SYSTEM, VENDOR, limits=MemoryLimits(), transport=httpx.MockTransport(handle)
        ) as client:
            return [json.loads(r) async for page in client.pages(stream(name), WINDOW) for r in page.records]

    return asyncio.run(run()), sent


# --- windows and pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["orders", "fulfillment_orders", "products", "variants", "inventory_levels"])
def test_a_window_begins_at_its_start_and_ends_before_its_end(name: str) -> None:
    """To the second, the start rounded down, so that no change falls between two windows."""
    request = stream(name).request(WINDOW, SYSTEM)
    expected = "updated_at:>='2026-11-02T09:00:00Z' AND updated_at:<'2026-11-02T09:05:00Z'"
    assert request.body["variables"]["query"] == expected


def test_a_first_read_has_no_start() -> None:
    """Everything up to the window's end."""
    request = stream("orders").request(replace(WINDOW, start=None), SYSTEM)
    assert request.body["variables"]["query"] == "updated_at:<'2026-11-02T09:05:00Z'"


@pytest.mark.parametrize(
    ("name", "field"), [("payouts", "issued_at"), ("balance_transactions", "processed_at")]
)
def test_money_is_looked_at_again_for_two_weeks(name: str, field: str) -> None:
    """A payout's state changes after the instant it is found by; a scheduled one's is yet to come."""
    own = stream(name)
    assert own.request(WINDOW, SYSTEM).body["variables"]["query"] == f"{field}:>='2026-11-02T09:00:00Z'"
    assert own.cursor
    assert own.cursor.overlap == timedelta(days=14)


@pytest.mark.parametrize("own", [s for s in VENDOR.streams if s.cursor], ids=lambda s: s.name)
def test_every_window_overlaps_the_last(own: Stream) -> None:
    """The search lags behind writes by seconds."""
    assert own.cursor
    assert own.cursor.overlap >= timedelta(minutes=5)


def test_levels_are_read_location_by_location(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages of the first, then those of the next; a location without levels is no end."""
    pages = {
        (None, None): ([level(location=1001, item=1)], True, "l1", True),
        (None, "l1"): ([level(location=1001, item=2)], False, "l2", True),
        ("L1", None): ([], False, None, True),
        ("L2", None): ([level(location=1003, item=1)], False, "l4", False),
    }
    ends = {None: "L1", "L1": "L2", "L2": "L3"}

    def reply(body: dict[str, Any]) -> Any:
        location, after = body["variables"].get("location"), body["variables"].get("after")
        levels, more, end, others = pages[location, after]
        inner = {"nodes": levels, "pageInfo": {"hasNextPage": more, "endCursor": end}}
        outer = {
            "nodes": [{"inventoryLevels": inner}],
            "pageInfo": {"hasNextPage": others, "endCursor": ends[location]},
        }
        return {"data": {"locations": outer}}

    records, sent = read(monkeypatch, "inventory_levels", reply)
    assert [(r["location"]["id"][-4:], r["item"]["id"][-1]) for r in records] == [
        ("1001", "1"),
        ("1001", "2"),
        ("1003", "1"),
    ]
    assert len(sent) == 4


def test_a_shop_without_locations_has_no_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is no error."""
    records, _ = read(monkeypatch, "inventory_levels", lambda _: {"data": {"locations": nodes()}})
    assert records == []


@pytest.mark.parametrize("name", ["payouts", "balance_transactions"])
def test_a_shop_without_the_payment_provider_has_no_payouts(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its account is null, which is an empty list and not a fault."""
    records, sent = read(monkeypatch, name, lambda _: {"data": {"shopifyPaymentsAccount": None}})
    assert records == []
    assert len(sent) == 1


def cut(*records: Any) -> dict[str, Any]:
    """A connection that goes on."""
    return {"nodes": list(records), "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}


def test_nested_lists_are_read_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the order, of its second refund and of its fulfilment, each by the id of what holds it."""
    whole = refund((9001, 1, "22.5"), id=gid("Refund", 1))
    partial = refund(id=gid("Refund", 2), refundLineItems=cut(whole["refundLineItems"]["nodes"][0]))
    sent_parcel = fulfilment(3001)
    sent_parcel["fulfillmentLineItems"] = cut(*sent_parcel["fulfillmentLineItems"]["nodes"])
    record = order(lineItems=cut(line(1)), refunds=[whole, partial], fulfillments=[sent_parcel])
    rest = {
        (gid("Order", 5500001), "order", "lineItems"): nodes(line(2)),
        (gid("Refund", 2), "refund", "refundLineItems"): whole["refundLineItems"],
        (gid("Fulfillment", 3001), "fulfillment", "fulfillmentLineItems"): nodes(
            *sent_parcel["fulfillmentLineItems"]["nodes"]
        ),
    }

    def reply(body: dict[str, Any]) -> Any:
        variables = body["variables"]
        if "id" not in variables:
            return {"data": {"orders": nodes(record), "ordersCount": {"count": 1, "precision": "EXACT"}}}
        assert variables["after"] == "c1"
        ((_, root, field),) = [k for k in rest if k[0] == variables["id"]]
        return {"data": {root: {field: rest[variables["id"], root, field]}}}

    (found,), sent = read(monkeypatch, "orders", reply)
    assert [n["id"][-1] for n in found["lineItems"]["nodes"]] == ["1", "2"]
    assert [len(r["refundLineItems"]["nodes"]) for r in found["refunds"]] == [1, 2]
    assert len(found["fulfillments"][0]["fulfillmentLineItems"]["nodes"]) == 2
    assert len(sent) == 4


@pytest.mark.parametrize(("precision", "expected"), [("EXACT", 7), ("AT_LEAST", None)])
def test_the_shops_own_count_is_taken_when_it_is_exact(precision: str, expected: int | None) -> None:
    """A lower bound proves nothing about an empty page."""
    total = stream("orders").total
    assert total
    assert (
        total(answer({"data": {"orders": nodes(), "ordersCount": {"count": 7, "precision": precision}}}))
        == expected
    )


# --- the export ---------------------------------------------------------------------------------------


def test_an_export_is_of_one_window() -> None:
    """The search stands in the exported document itself, which takes no variables."""
    bulk = stream("orders").bulk
    assert bulk
    body = bulk.start(WINDOW, SYSTEM).body
    assert (
        "updated_at:>='2026-11-02T09:00:00Z' AND updated_at:<'2026-11-02T09:05:00Z'"
        in body["variables"]["query"]
    )
    assert "WINDOW" not in body["variables"]["query"]
    assert "groupObjects: true" in body["query"]


def test_an_export_that_is_refused_because_others_run_is_put_off() -> None:
    """Any other refusal is final."""
    bulk = stream("orders").bulk
    assert bulk

    def refused(code: str) -> Any:
        errors = [{"field": ["query"], "message": "no", "code": code}]
        return {"data": {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": errors}}}

    with pytest.raises(Retry):
        bulk.started(refused("OPERATION_IN_PROGRESS"))
    with pytest.raises(Reject):
        bulk.started(refused("INVALID"))
    started = {"bulkOperation": {"id": gid("BulkOperation", 5), "status": "CREATED"}, "userErrors": []}
    assert bulk.started({"data": {"bulkOperationRunQuery": started}}) == gid("BulkOperation", 5)


@pytest.mark.parametrize(
    ("status", "url", "code", "expected"),
    [
        ("CREATED", None, None, None),
        ("RUNNING", None, None, None),
        ("CANCELING", None, None, None),
        ("COMPLETED", "https://storage.googleapis.com/x", None, "https://storage.googleapis.com/x"),
        ("COMPLETED", None, None, ""),
        ("FAILED", None, "TIMEOUT", Reject),
        ("FAILED", None, "ACCESS_DENIED", Halt),
        ("CANCELED", None, None, Reject),
        ("EXPIRED", None, None, Reject),
    ],
)
def test_an_export_ends_in_a_file_or_an_error(
    status: str, url: str | None, code: str | None, expected: Any
) -> None:
    """Every state the vendor has; half a file is never taken."""
    bulk = stream("orders").bulk
    assert bulk
    operation = {
        "id": "1",
        "status": status,
        "errorCode": code,
        "objectCount": "3",
        "url": url,
        "partialDataUrl": "https://p",
    }
    body = {"data": {"bulkOperation": operation}}
    if isinstance(expected, type):
        with pytest.raises(expected):
            bulk.finished(body)
    else:
        assert bulk.finished(body) == expected


def test_an_export_that_is_forgotten_is_an_error() -> None:
    """Its file is kept for seven days."""
    bulk = stream("orders").bulk
    assert bulk
    with pytest.raises(Reject):
        bulk.finished({"data": {"bulkOperation": None}})


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, False), ({"refunds": [{"id": "1"}]}, True), ({"fulfillments": [{"id": "1"}]}, True)],
)
def test_an_exported_order_with_refunds_or_fulfilments_is_read_again(
    more: dict[str, Any], expected: bool
) -> None:
    """Their lines are lists in a list, which no export holds."""
    bulk = stream("orders").bulk
    assert bulk
    assert bulk.is_partial
    assert bulk.again
    assert bulk.is_partial(order(**more)) is expected
    assert bulk.again([gid("Order", 1)]).body["variables"] == {"ids": [gid("Order", 1)]}


# --- what answers hide --------------------------------------------------------------------------------


def errors(code: str, message: str = "no") -> Any:
    """An answer that is an error."""
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


@pytest.mark.parametrize(
    ("code", "request_", "kind", "effect"),
    [
        ("THROTTLED", READ, Throttled, "none"),
        ("THROTTLED", WRITE, Throttled, "none"),
        ("INTERNAL_SERVER_ERROR", READ, Retry, "none"),
        ("INTERNAL_SERVER_ERROR", WRITE, Retry, "unknown"),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", WRITE, Retry, "unknown"),
        ("RESOURCE_NOT_FOUND", WRITE, Retry, "none"),
        ("ACCESS_DENIED", READ, Halt, None),
        ("RESOURCE_NOT_FOUND", READ, Reject, None),
        ("MAX_COST_EXCEEDED", READ, Reject, None),
        ("MAX_INPUT_SIZE_EXCEEDED", WRITE, Reject, None),
        ("BAD_REQUEST", WRITE, Reject, None),
        ("INVALID_FIELD_ARGUMENTS", WRITE, Reject, None),
    ],
)
def test_an_error_in_an_answer_of_200_is_an_error(
    code: str, request_: Request, kind: type[Exception], effect: str | None
) -> None:
    """By its code, and with what may have been done."""
    with pytest.raises(kind) as raised:
        VENDOR.check(request_, answer(errors(code)))
    if isinstance(raised.value, Retry):
        assert raised.value.effect == effect


def test_a_throttled_answer_says_how_long_to_wait() -> None:
    """What is asked for less what is there, by what comes back a second."""
    cost = {
        "requestedQueryCost": 858,
        "actualQueryCost": None,
        "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 358, "restoreRate": 100},
    }
    with pytest.raises(Throttled) as raised:
        VENDOR.check(READ, answer({**errors("THROTTLED"), "extensions": {"cost": cost}}))
    assert raised.value.after == pytest.approx(5)


def probe(*scopes: str, version: str = "2026-07") -> None:
    """Check what the probe is answered."""
    body = {"data": {"currentAppInstallation": {"accessScopes": [{"handle": s} for s in scopes]}}}
    assert VENDOR.probe
    VENDOR.check(VENDOR.probe(SYSTEM), answer(body, **{"x-shopify-api-version": version}))


def test_a_token_that_hides_old_orders_is_refused() -> None:
    """Without read_all_orders they are absent and no answer says so."""
    with pytest.raises(Halt, match="read_all_orders"):
        probe("read_orders")
    probe("read_orders", "read_all_orders")


def test_another_version_is_reported_and_stops_nothing() -> None:
    """The probe tells; other answers are used, as the vendor falls forward to one that still answers."""
    with pytest.raises(Reject, match="2026-10"):
        probe("read_all_orders", version="2026-10")
    VENDOR.check(READ, answer({"data": {}}, **{"x-shopify-api-version": "2026-10"}))


def test_the_document_of_a_page_is_one_selection() -> None:
    """Fragments are written out, nothing stands beside the operation."""
    assert "fragment" not in document("Orders")
    assert "..." not in document("Orders")
