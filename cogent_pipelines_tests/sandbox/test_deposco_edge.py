"""Deposco's edge: credentials, limit, links, cut lists, ignored parameters, errors, and what becomes of orders."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import Kit, Outage
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors import deposco
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import DeliveryMethod, Facility, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import new_world
from cogent_pipelines_tests.sandbox.veeqo_account import ADDRESS, START, Answer, ask

ORDERS = "/latest/orders/salesOrders"
CUSTOMER_ORDERS = "/latest/orders/customerOrders"


def basic(user: str, password: str) -> str:
    """An HTTP Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Account:
    """One account in a world that stands still until it is advanced."""

    def __init__(self) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.warehouse = Warehouse("wms")
        self.world.warehouses["wms"] = self.warehouse
        for key, code, name in ((41, "LEEDS", "Leeds"), (42, "YORK", "York")):
            self.warehouse.facilities[key] = Facility(key, code, name)
        self.warehouse.channels[771] = "API"
        self.warehouse.delivery_methods[11] = DeliveryMethod(11, "Standard", Decimal("3.95"), START, START)
        for n in range(1, 31):
            item = rules.add_sellable(
                self.world,
                self.warehouse,
                sku=f"SKU-{n:04d}",
                title=f"Item {n}",
                price=Decimal(24),
                weight_grams=400,
            )
            rules.count_stock(self.world, self.warehouse, item.id, 41, 100)
        self.kit = Kit(self.world)
        self.app = Starlette(routes=[Mount("/wms", routes=deposco.routes("wms", self.world, self.kit))])
        self.token = self.log_in().json()["access_token"]

    def raw(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", query: str = ""
    ) -> Answer:
        """One request as it is."""
        headers = {"host": "127.0.0.1", "accept": "application/json", **headers}
        return asyncio.run(ask(self.app, method, f"/wms{path}", headers=headers, body=body, query=query))

    def log_in(self, secret: str = "sandbox-wms-client_secret", **more: str) -> Answer:
        """A private app's login."""
        form = urlencode({"grant_type": "client_credentials", **more}).encode()
        return self.raw(
            "POST", "/oauth2/token", {"authorization": basic("sandbox-wms-client_id", secret)}, form
        )

    def call(self, method: str, path: str, body: Any = None, *, waits: float = 0.3, **params: Any) -> Answer:
        """A call of the current API; so much time passes before it that only who wants to meets the limit."""
        self.advance(waits)
        content = b"" if body is None else json.dumps(body).encode()
        return self.raw(method, path, {"authorization": f"Bearer {self.token}"}, content, urlencode(params))

    def get(self, path: str, **params: Any) -> Any:
        """Read something that is there."""
        answer = self.call("GET", path, **params)
        assert answer.status == 200, answer.content
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def place(self, number: str, items: int = 1) -> WarehouseOrder:
        """An order as the world makes it."""
        rows = list(self.warehouse.sellables)[:items]
        order = rules.create_order(
            self.world, self.warehouse, number=number, channel_id=771, email="a@example.test", address=ADDRESS,
            delivery_method_id=11, lines=[rules.NewWarehouseLine(key, 2, Decimal(20)) for key in rows],
        )  # fmt: skip
        rules.allocate(self.world, self.warehouse, order.id, 41)
        return order

    def body(self, number: str = "WEB-1", **changes: Any) -> dict[str, Any]:
        """The body the vendor's documents show."""
        line = {
            "lineNumber": "1",
            "item": {"businessKey": {"number": "SKU-0001", "businessUnit.code": "ACME"}},
            "pack": {
                "businessKey": {"item.number": "SKU-0001", "quantity": 1, "item.businessUnit.code": "ACME"}
            },
            "orderPackQuantity": 2,
            "unitPrice": 20,
        }
        whole = {
            "businessUnit": {"businessKey": {"code": "ACME"}},
            "number": number,
            "orderStatus": "New",
            "placedDate": "2026-11-02T05:00:00Z",
            "shipToContact": {
                "firstName": "Ada",
                "lastName": "Moss",
                "email": "ada@example.com",
                "phone": "5550100",
            },
            "shipToAddress": {
                "line1": "1 Mill Lane",
                "city": "Austin",
                "postalCode": "78701",
                "country": "US",
            },
            "shipVia": "UPS Ground",
            "orderLines": {"data": [line]},
        }
        return {name: value for name, value in {**whole, **changes}.items() if value is not None}


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account()


def said(answer: Answer) -> str:
    """The one message of an error."""
    (error,) = answer.json()["errors"]
    return str(error["errorMessage"])


# --- getting in -------------------------------------------------------------------------------------------


def test_a_login_gives_a_token_for_an_hour(account: Account) -> None:
    """After it the token is refused in the common envelope."""
    assert account.log_in().json()["expires_in"] == 3600
    assert account.call("GET", ORDERS).status == 200
    account.advance(3600)
    answer = account.call("GET", ORDERS)
    assert (answer.status, said(answer)) == (401, "Unauthorized")


def test_wrong_credentials_get_no_token(account: Account) -> None:
    """Nor does a business unit among the form's fields."""
    assert account.log_in("wrong").status == 401
    answer = account.log_in(businessUnitId="1")
    assert (answer.status, said(answer)) == (400, "Invalid business unit id")


def test_a_refresh_token_gives_one_as_well(account: Account) -> None:
    """A partner app's way."""
    form = {"grant_type": "refresh_token"} | {
        name: f"sandbox-wms-{name}" for name in ("client_id", "client_secret", "refresh_token")
    }
    assert account.raw("POST", "/oauth2/token", {}, urlencode(form).encode()).status == 200
    assert (
        account.raw("POST", "/oauth2/token", {}, urlencode({**form, "refresh_token": "x"}).encode()).status
        == 401
    )


def test_the_fifth_call_at_once_is_refused_without_a_word(account: Account) -> None:
    """Both APIs share the four."""
    account.advance(10)
    statuses = [account.call("GET", ORDERS, waits=0) for _ in range(5)]
    assert [answer.status for answer in statuses] == [200] * 4 + [429]
    assert (statuses[-1].content, "retry-after" in statuses[-1].headers) == (b"", False)


# --- lists ------------------------------------------------------------------------------------------------


def test_a_list_is_followed_by_its_links_newest_first(account: Account) -> None:
    """25 orders a page; the link's search overrides everything, and a page number is nothing."""
    made = [account.place(f"WEB-{n}").id for n in range(60)]
    page = account.get(ORDERS, page=3)
    seen = [row["self"]["id"] for row in page["data"]]
    assert (page["pages"], page["complete"], len(seen)) == (3, False, 25)
    while not page["complete"]:
        (link,) = page["links"]
        assert link["rel"] == "next"
        parts = urlsplit(link["href"])
        page = account.get(
            parts.path.removeprefix("/wms"), **dict([parts.query.split("=")]), number="nothing"
        )
        seen += [row["self"]["id"] for row in page["data"]]
    assert seen == sorted(made, reverse=True)
    assert page["links"] == []


def test_unknown_parameters_are_ignored(account: Account) -> None:
    """The answer is the unfiltered first page."""
    account.place("WEB-1")
    account.place("WEB-2")
    assert len(account.get(ORDERS, salesOrderNumber="WEB-1")["data"]) == 2
    assert [row["number"] for row in account.get(ORDERS, number="WEB-1")["data"]] == ["WEB-1"]


def test_ten_of_many_lines_are_nested_and_all_are_in_their_own_list(account: Account) -> None:
    """Nothing says that any are missing."""
    order = account.place("WEB-1", items=30)
    (row,) = account.get(ORDERS)["data"]
    assert (len(row["orderLines"]["data"]), list(row["orderLines"])) == (10, ["data"])
    page = account.get(f"{ORDERS}/{order.id}/orderLines")
    assert (len(page["data"]), page["complete"]) == (25, False)


def test_a_changed_old_order_comes_back(account: Account) -> None:
    """By the date of its change."""
    old = account.place("WEB-1")
    account.advance(1800)
    since = account.world.now.isoformat().replace("+00:00", "Z")
    assert account.get(ORDERS, updatedAfter=since)["data"] == []
    rules.set_hold(account.world, account.warehouse, old.id, held=True)
    (row,) = account.get(ORDERS, updatedAfter=since)["data"]
    assert row["orderStatus"] == "Hold"


def test_a_parcel_is_a_shipment_with_a_container(account: Account) -> None:
    """Its header names the order by number alone."""
    order = account.place("WEB-1")
    parcel = rules.ship_allocation(
        account.world,
        account.warehouse,
        order.id,
        order.allocations[0].id,
        carrier_id=5,
        tracking_number="1Z1",
    )
    (row,) = account.get("/latest/shipments/outboundShipments", orderNumber="WEB-1")["data"]
    assert (row["self"]["id"], row["status"], row["shipVendor"]) == (parcel.id, "Shipped", "UPS")
    assert row["orderHeaders"] == {"data": [{"businessKey": {"number": "WEB-1"}}]}
    assert row["shippedContainers"]["data"][0]["trackingNumber"] == "1Z1"
    assert account.get(f"{ORDERS}/{order.id}/status") == {"orderStatus": "Ship Complete"}


def test_a_shipment_whose_number_is_filled_in_later_has_changed(account: Account) -> None:
    """Its own date moves, not only its order's."""
    order = account.place("WEB-1")
    parcel = rules.ship_allocation(
        account.world, account.warehouse, order.id, order.allocations[0].id, carrier_id=5, tracking_number=""
    )
    path = "/latest/shipments/outboundShipments"
    later = account.world.now + timedelta(hours=1)
    since = later.isoformat().replace("+00:00", "Z")
    assert account.get(path, updatedAfter=since)["data"] == []
    parcel.tracking_number, parcel.numbered_at = "1Z1", later
    (row,) = account.get(path, updatedAfter=since)["data"]
    assert (row["trackingNumber"], row["updatedDate"][:19]) == ("1Z1", since[:19])


def test_levels_are_in_the_older_api_only(account: Account) -> None:
    """With a user of its own; a token is nothing there."""
    account.place("WEB-1")
    path = "/integration/ACME/inventory/full"
    assert account.call("GET", path).status == 401
    user = basic("sandbox-wms-integration_user", "sandbox-wms-integration_password")
    first = json.loads(account.raw("GET", path, {"authorization": user}).content)["itemInventory"][0]
    assert first["itemNumber"] == "SKU-0001"
    assert first["facilityInventory"][0] == {
        "facility": "LEEDS",
        "inventory": {"total": 100, "availableToPromise": 98, "unallocated": 98, "allocated": 2},
    }


# --- writes -----------------------------------------------------------------------------------------------


def test_an_order_is_made_once_and_then_changed(account: Account) -> None:
    """201, then 200: its number makes it one. A status is taken on creation only."""
    first = account.call("POST", ORDERS, account.body())
    assert (first.status, first.json()["orderStatus"]) == (201, "Ready for Fulfillment")
    again = account.call("POST", ORDERS, account.body())
    assert (again.status, said(again)) == (
        400,
        "Order status updates are not accepted for order at this API Endpoint",
    )
    changed = account.call("POST", ORDERS, account.body(orderStatus=None, shipVia="FedEx"))
    assert (changed.status, changed.json()["shipVia"]) == (200, "FedEx")
    assert changed.json()["self"]["id"] == first.json()["self"]["id"]
    assert len(account.warehouse.orders) == 1


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            {"shipToContact": {"lastName": "x" * 31}},
            400,
            "salesOrder.shipToContact.lastName size must be between 0 and 30",
        ),
        (
            {"shipToContact": {"email": "x" * 51}},
            400,
            "salesOrder.shipToContact.email size must be between 0 and 50",
        ),
        ({"shipToAddress": None}, 400, "salesOrder.shipToAddress must not be null"),
        ({"businessUnit": {"businessKey": {"code": "X"}}}, 404, "Business Unit with business key code = [X]"),
        (
            {"shipFromFacility": {"businessKey": {"number": "X"}}},
            404,
            "Facility with business key number = [X]",
        ),
    ],
)
def test_a_wrong_body_is_refused(account: Account, change: dict[str, Any], code: int, words: str) -> None:
    """In the one form of every error, and nothing is stored."""
    answer = account.call("POST", ORDERS, account.body(**change))
    assert (answer.status, said(answer)) == (code, words)
    assert not account.warehouse.orders


def test_a_missing_item_is_a_404_on_the_order(account: Account) -> None:
    """In the vendor's words."""
    body = account.body()
    body["orderLines"]["data"][0]["item"]["businessKey"]["number"] = "TEE-X"
    answer = account.call("POST", ORDERS, body)
    assert (answer.status, said(answer)) == (404, "Item with business key number = [TEE-X]")


def test_an_empty_cancellation_is_of_the_whole_order(account: Account) -> None:
    """Its goods are free; one on the floor is refused."""
    order, picked = account.place("WEB-1"), account.place("WEB-2")
    assert account.call("POST", f"{ORDERS}/{order.id}/cancellations", {}).json()["orderStatus"] == "Canceled"
    rules.start_pick(account.world, account.warehouse, picked.id, picked.allocations[0].id)
    answer = account.call("POST", f"{ORDERS}/{picked.id}/cancellations", {})
    assert answer.status == 400
    assert said(answer).startswith("Sales Order WEB-2 cannot be canceled while in the status of [Picking].")


def test_units_of_a_line_are_cancelled(account: Account) -> None:
    """By the line's id."""
    order = account.place("WEB-1")
    row = {"orderLine": {"id": order.lines[0].id}, "canceledPackQuantity": 1}
    assert account.call("POST", f"{ORDERS}/{order.id}/cancellations", {"orderLines": [row]}).status == 200
    assert order.lines[0].quantity == 1


def customer_order(account: Account, item: str = "SKU-0001") -> dict[str, Any]:
    """The body the vendor's documents show."""
    contact = {
        "attention": "Ada Moss",
        "firstName": "Ada",
        "lastName": "Moss",
        "line1": "1 Mill Lane",
        "city": "Austin",
    }
    row = {
        "externalLineNumber": "1",
        "itemNumber": item,
        "orderQuantity": 2,
        "packQuantity": 1,
        "unitPrice": 20,
    }
    whole = {
        "businessUnit": {"businessKey": {"code": "ACME"}},
        "tradingPartner": {"businessKey": {"code": "WEB"}},
        "externalOrderNumber": "WEB-1",
        "shipToContact": contact,
        "coLines": {"data": [row]},
    }
    return {"customerOrder": whole}


def test_a_customer_order_is_there_some_seconds_later_and_twice_if_sent_twice(account: Account) -> None:
    """202 means accepted; nothing makes it unique."""
    for _ in range(2):
        assert account.call("POST", CUSTOMER_ORDERS, customer_order(account)).status == 202
    assert account.get(CUSTOMER_ORDERS, externalOrderNumber="WEB-1")["data"] == []
    account.advance(8)
    rows = account.get(CUSTOMER_ORDERS, externalOrderNumber="WEB-1")["data"]
    assert len(rows) == 2
    whole = account.get(f"{CUSTOMER_ORDERS}/{rows[0]['self']['id']}")["customerOrder"]
    part = account.get(f"{ORDERS}/{whole['fulfillmentOrders'][0]['id']}")
    assert (part["customerOrderNumber"], part["number"]) == ("WEB-1", f"SO-{part['self']['id']}")


def test_a_customer_order_swallows_an_item_it_does_not_know(account: Account) -> None:
    """The line has none, and the order is stuck; its lines have no list and it cannot be patched."""
    assert account.call("POST", CUSTOMER_ORDERS, customer_order(account, "TEE-X")).status == 202
    account.advance(8)
    (row,) = account.get(CUSTOMER_ORDERS)["data"]
    assert (row["status"], row["coLines"]["data"][0]["itemNumber"], row["fulfillmentOrders"]) == (
        "Review",
        None,
        [],
    )
    path = f"{CUSTOMER_ORDERS}/{row['self']['id']}"
    assert account.call("GET", f"{path}/customerOrderLines").status == 404
    assert account.call("PATCH", path, {}).status == 405


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("error_500", 500),
        ("unavailable", 503),
        ("rate_limited", 429),
        ("conflict", 409),
        ("forbidden", 403),
        ("refused", 400),
    ],
)
def test_a_planted_refusal_does_nothing(account: Account, kind: str, code: int) -> None:
    """And speaks as the vendor does."""
    until = account.world.now + timedelta(days=1)
    account.kit.faults.outages.append(Outage("wms", f"POST {ORDERS}", kind, account.world.now, until, left=1))
    assert account.call("POST", ORDERS, account.body()).status == code
    assert not account.warehouse.orders
    assert account.call("POST", ORDERS, account.body()).status == 201
