"""How Deposco's lists are read, and what its refusals mean, asked through the client."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Request, System, Window
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.vendors import deposco
from cogent_pipelines_tests.vendors.deposco_kit import SECRETS, SYSTEM, line, lines, listed, order
from cogent_pipelines_tests.vendors.staging_kit import READ_AT, Staging

STREAMS = {stream.name: stream for stream in deposco.VENDOR.streams}
SINCE = Window(datetime(2026, 7, 2, 10, 0, 30, tzinfo=UTC), READ_AT)
CREATE = Request("POST", "/latest/orders/salesOrders", body={}, is_write=True)
CANCEL = Request("POST", "/latest/orders/salesOrders/7/cancellations", body={}, is_write=True)
READ = Request("GET", "/latest/orders/salesOrders")


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's secrets; no read is tried again, as every answer here is looked at by itself."""
    for name in SECRETS.values():
        monkeypatch.setenv(name, f"the-{name.lower()}")
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)
    monkeypatch.setattr("cogent_pipelines.connect.client.THROTTLED_PATIENCE", 0.0)
    deposco.VENDOR.auth._tokens.clear()  # type: ignore[attr-defined]


class Server:
    """Logs in, and answers everything else with what it was given; keeps what was asked."""

    def __init__(self, *answers: Any, status: int = 200, content: bytes | None = None) -> None:
        self.answers, self.status, self.content = list(answers), status, content
        self.asked: list[httpx.Request] = []

    def __call__(self, sent: httpx.Request) -> httpx.Response:
        self.asked.append(sent)
        if sent.url.path == "/oauth2/token":
            return httpx.Response(200, json={"access_token": "the-token", "expires_in": 3600})
        if self.content is not None:
            return httpx.Response(self.status, content=self.content)
        return httpx.Response(
            self.status, json=self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        )


def client(server: Server, system: System = SYSTEM) -> Client:
    """A client of the server."""
    return Client(system, deposco.VENDOR, limits=MemoryLimits(), transport=httpx.MockTransport(server))


def records(server: Server, name: str, window: Window = SINCE) -> list[Any]:
    """Every record of a stream."""

    async def run() -> list[Any]:
        async with client(server) as c:
            pages = [page async for page in c.pages(STREAMS[name], window)]
        return [json.loads(record) for page in pages for record in page.records]

    return asyncio.run(run())


# --- lists ------------------------------------------------------------------------------------------------


def test_the_streams_are_the_lists_there_are() -> None:
    """Entity, and what is read by increments."""
    assert {s.name: (s.entity, s.cursor is not None, s.version, s.key) for s in deposco.VENDOR.streams} == {
        "orders": ("orders", True, "updatedDate", "self.id"),
        "shipments": ("shipments", True, "updatedDate", "self.id"),
        "customer_returns": ("returns", False, None, "self.id"),
        "receipts": ("returns", True, "updatedDate", "self.id"),
        "items": ("products", True, None, "self.id"),
        "facilities": ("products", False, None, "self.id"),
        "stock": ("stock", False, None, "itemNumber"),
    }


@pytest.mark.parametrize("name", STREAMS)
def test_only_what_has_a_filter_is_read_by_increments(name: str) -> None:
    """A window's start goes into the filter by change; a first read sends none."""
    stream = STREAMS[name]
    since = dict(stream.request(SINCE, SYSTEM).params)
    assert since.get("updatedAfter") == ("2026-07-02T10:00:30Z" if stream.cursor else None)
    assert "updatedAfter" not in dict(stream.request(Window(None, READ_AT), SYSTEM).params)


def test_every_page_is_read_once_by_its_link() -> None:
    """The link carries the search, which overrides everything else; there are no page numbers."""
    link = "https://api.deposco.com/latest/orders/salesOrders?searchId=s1-50"
    server = Server(listed(order(), complete=False, link=link), listed(order(self={"id": 7})))
    assert [r["self"]["id"] for r in records(server, "orders")] == [810031, 7]
    first, second = server.asked[1:]
    assert dict(first.url.params) == {
        "businessUnit": "ACME",
        "updatedAfter": "2026-07-02T10:00:30Z",
        "pageSize": "50",
    }
    assert dict(second.url.params) == {"searchId": "s1-50"}


@pytest.mark.parametrize(
    ("name", "path", "nested"),
    [
        ("orders", "/latest/orders/salesOrders/7/orderLines", "orderLines"),
        ("shipments", "/latest/shipments/outboundShipments/7/shipmentLines", "shipmentLines"),
        ("customer_returns", "/latest/orders/customerReturns/7/orderLines", "orderLines"),
    ],
)
def test_ten_nested_lines_are_replaced_by_their_own_list(name: str, path: str, nested: str) -> None:
    """They are an arbitrary ten of however many there are."""
    ten, whole = [line(n) for n in range(10)], [line(n) for n in range(23)]
    server = Server(listed({"self": {"id": 7}, nested: lines(*ten)}), listed(*whole))
    (record,) = records(server, name)
    assert len(record[nested]["data"]) == 23
    assert server.asked[-1].url.path == path


def test_the_login_is_on_a_host_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Id and secret by HTTP Basic; never a business unit, which fails there."""
    server = Server(listed())
    records(server, "orders")
    login, call = server.asked
    assert str(login.url) == "https://auth.deposco.com/oauth2/token"
    pair = base64.b64decode(login.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "the-deposco_id:the-deposco_secret"
    assert parse_qs(login.content.decode()) == {"grant_type": ["client_credentials"], "company": ["ACME"]}
    assert (call.url.host, call.headers["authorization"]) == ("api.deposco.com", "Bearer the-token")


def test_levels_are_asked_of_the_older_api_as_its_own_user() -> None:
    """Its path names the company, its user comes by HTTP Basic, and it is asked for JSON."""
    level = {"facility": "DC1", "inventory": {"total": 3, "unallocated": 2}}
    server = Server({"itemInventory": [{"itemNumber": "TEE-M", "facilityInventory": level}]})
    assert len(records(server, "stock")) == 1
    (call,) = server.asked
    assert (call.url.path, call.headers["accept"]) == ("/integration/ACME/inventory/full", "application/json")
    pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "the-deposco_user:the-deposco_password"


@pytest.mark.parametrize("name", STREAMS)
def test_an_account_that_is_not_set_up_halts(name: str) -> None:
    """Lists that need no option are read all the same."""
    bare = System("wms_us", "deposco", "https://api.deposco.com", SECRETS)
    if name in ("orders", "shipments", "stock"):
        with pytest.raises(Halt, match="options"):
            STREAMS[name].request(SINCE, bare)
    else:
        STREAMS[name].request(SINCE, bare)


def test_levels_are_those_the_staging_view_shows() -> None:
    """What landing notes at a change is staging's available quantity; what is not known is left out."""
    staging = Staging("deposco", "wms_us")
    level = {"facility": "DC1", "inventory": {"total": 3, "unallocated": -2}}
    other = {"facility": "DC2", "inventory": {"unallocated": {"@nil": "true"}}}
    for sku, entry in (
        ("A", level),
        ("B", [level, other]),
        ("C", {"@nil": "true"}),
        ("D", None),
        ("", level),
    ):
        staging.load("stock", {"itemNumber": sku, "facilityInventory": entry})
    noted = staging.connection.execute(
        STREAMS["stock"].levels.format(rows="deposco.stock") + " ORDER BY ALL"
    ).fetchall()
    assert noted == [("DC1", "A", -2), ("DC1", "B", -2)]
    shown = [(r["facility_id"], r["sku"], r["available_qty"]) for r in staging.rows("stock")]
    assert set(noted) == {row for row in shown if row[1] is not None and row[2] is not None}


def test_the_account_is_asked_cheaply_whether_it_lets_us_in() -> None:
    """One small read proves the token."""
    assert deposco.VENDOR.probe is not None
    assert deposco.VENDOR.probe(SYSTEM) == Request("GET", "/latest/facilities", (("pageSize", "1"),))


# --- refusals ---------------------------------------------------------------------------------------------


def refused(request: Request, status: int, said: str | None) -> CogentError:
    """The error one answer is made into; None is an empty body."""
    server = Server(
        {"errors": [{"errorMessage": said}]}, status=status, content=b"" if said is None else None
    )

    async def run() -> None:
        async with client(server) as c:
            await c.call(request, intent="intent" if request.is_write else None)

    with pytest.raises(CogentError) as error:
        asyncio.run(run())
    return error.value


CONCURRENT = "The resource was updated by a concurrent request. Please retry when the resource is not in use."
THERE = "Order status updates are not accepted for order at this API Endpoint"


@pytest.mark.parametrize(
    ("request_", "status", "said", "kind", "detail"),
    [
        (READ, 401, "Unauthorized", Halt, "credentials"),
        (CREATE, 401, "Unauthorized", Halt, "credentials"),
        (READ, 403, "Forbidden", Halt, "scope"),
        (CREATE, 404, "Item with business key number = [TEE-X]", Reject, "unknown_sku"),
        (CREATE, 404, "Facility with business key number = [DC9]", Reject, "unknown_reference"),
        (
            CREATE,
            400,
            "customerOrder.shipToContact.lastName size must be between 0 and 30",
            Reject,
            "rejected",
        ),
        (CREATE, 400, THERE, Retry, "unknown"),
        (CREATE, 400, None, Reject, "rejected"),
        (CREATE, 409, CONCURRENT, Retry, "none"),
        (CANCEL, 409, CONCURRENT, Retry, "none"),
        (CANCEL, 404, "Sales Order with id = [7]", Reject, "not_found"),
        (CREATE, 500, "Internal Server Error", Retry, "unknown"),
        (READ, 500, "Internal Server Error", Retry, "none"),
        (READ, 429, None, Retry, "none"),
        (CREATE, 429, None, Retry, "none"),
        (CREATE, 503, None, Retry, "unknown"),
    ],
)
def test_a_status_tells_what_to_do_next(
    request_: Request, status: int, said: str | None, kind: type, detail: str
) -> None:
    """In the vendor's own words, where it has any. A status that is refused means the order is there already."""
    error = refused(request_, status, said)
    assert isinstance(error, kind)
    assert (error.effect if isinstance(error, Retry) else error.code) == detail  # type: ignore[attr-defined]
    assert said is None or said in str(error)


def test_a_throttling_names_no_wait() -> None:
    """Its body is empty, and so are its headers: the waiting is ours to choose."""
    error = refused(READ, 429, None)
    assert isinstance(error, Retry)
    assert error.after is None


def test_the_limit_is_the_accounts() -> None:
    """Four a second, whoever of us calls; a little less at once and in a row, as calls bunch on their way."""
    limit = deposco.VENDOR.limit
    assert (limit.capacity, limit.per_second, limit.concurrent) == (3, 3.8, 4)
