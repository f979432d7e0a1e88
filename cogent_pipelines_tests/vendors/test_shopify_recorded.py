"""Shopify's recorded answers become the right rows, receipts or errors.

Every file of the shared folder is in one of the two tables below; a new file fails until it is put in one.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.limits import CostBudget
from cogent_pipelines.connect.paging import splitter
from cogent_pipelines.connect.spec import Request, Stream, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors.shopify import VENDOR
from cogent_pipelines_tests.vendors.shopify_kit import (
    SPECS,
    SYSTEM,
    answer,
    fixture,
    fulfilment,
    fulfilment_order,
    level,
    line,
    nodes,
    order,
    parcel,
    refund,
    stock,
)
from cogent_pipelines_tests.vendors.staging_kit import Staging

WINDOWLESS = Window(None, datetime(2026, 11, 2, tzinfo=UTC))
FIVETRAN = "tables of another vendor's connector: no answer of Shopify's"


@pytest.fixture
def staging() -> Staging:
    """The views over empty tables."""
    return Staging("shopify", "web_uk")


def stream(name: str) -> Stream:
    """The stream of that name."""
    return next(s for s in VENDOR.streams if s.name == name)


def calls(name: str) -> list[dict[str, Any]]:
    """The recorded exchanges of a file."""
    (by_path,) = fixture(name)["api"].values()
    (found,) = by_path.values()
    return found if isinstance(found, list) else [found]


def records(name: str, body: Any) -> list[Any]:
    """What the stream's own splitter takes out of a body."""
    own = stream(name)
    found, _ = splitter(own.records, own.paging.beside)(json.dumps(body).encode())
    return [json.loads(record) for record in found]


# --- streams ------------------------------------------------------------------------------------------


def test_recorded_locations(staging: Staging) -> None:
    """Both, and no further page."""
    (call,) = calls("locations.recorded.json")
    found = records("locations", call["response"])
    staging.load("locations", *found)
    assert [(r["location_id"], r["name"], r["is_active"]) for r in staging.rows("locations")] == [
        ("87063167113", "Shop location", True),
        ("87063199881", "My Custom Location", True),
    ]
    own = stream("locations")
    request = own.request(WINDOWLESS, SYSTEM)
    end = call["response"]["data"]["locations"]
    assert own.paging.next(request, answer(call["response"]), 2, {"pageInfo": end["pageInfo"]}) is None


def test_recorded_products(staging: Staging) -> None:
    """33 of them fit the raw table as they came."""
    (call,) = calls("list-products.recorded.json")
    found = records("products", call["response"])
    assert len(found) == 33
    shape = shapes.Shape(shapes.table("shopify", "products"), "id", "updatedAt")
    for record in found:
        assert shape.check(json.dumps(record).encode())[0] == record["id"]
    staging.load("products", *found)
    states = dict(
        staging.connection.execute("SELECT status, count(*) FROM shopify.products GROUP BY 1").fetchall()
    )
    assert set(states) <= {"ACTIVE", "DRAFT", "ARCHIVED", "UNLISTED"}
    assert sum(states.values()) == 33


def test_recorded_levels(staging: Staging) -> None:
    """Twelve calls of a list read location by location, as the stream reads it; the sums are the vendor's."""
    first, *pages = calls("inventory-levels.recorded.json")
    assert len(first["response"]["data"]["locations"]["nodes"]) == 2
    expected: dict[str, int] = {}
    for page in pages:
        inner = page["response"]["data"]["location"]["inventoryLevels"]
        body = {
            "data": {"locations": {"nodes": [{"inventoryLevels": inner}], "pageInfo": {"hasNextPage": False}}}
        }
        found = records("inventory_levels", body)
        assert len(found) == len(inner["nodes"])
        staging.load("inventory_levels", *found)
        for node in inner["nodes"]:
            expected[node["id"]] = next(q["quantity"] for q in node["quantities"] if q["name"] == "available")
    rows = {r["channel_stock_key"]: r for r in staging.rows("channel_stock")}
    assert {f"web_uk:{key.rsplit('/', 1)[1]}": value for key, value in expected.items()} == {
        key: row["available_qty"] for key, row in rows.items()
    }
    assert rows["web_uk:122589347977?inventory_item_id=48968084947081"]["on_hand_qty"] == 21


def test_a_recorded_level_is_looked_up_by_its_own_id() -> None:
    """The key of a level is the end of the id the vendor gave it."""
    node = calls("inventory-levels.recorded.json")[1]["response"]["data"]["location"]["inventoryLevels"][
        "nodes"
    ][0]
    write = VENDOR.writes["stock_to_channel", "set"][0]
    number, item = node["id"].rsplit("/", 1)[1].split("?inventory_item_id=")
    want = stock(50, location=0, item=item)
    want = type(want)(
        want.sync, want.act, f"web_uk:{number}?inventory_item_id={item}", want.reference, want.fields
    )
    (request,) = write.lookup.requests([want], SYSTEM)
    assert request.body["variables"] == {"ids": [node["id"]]}
    found = write.lookup.found(want, [{"data": {"nodes": [{**node, "isActive": True}]}}])
    assert found
    assert found.fields["quantity"] == 50


def test_a_recorded_transaction(staging: Staging) -> None:
    """A sale of 679 crowns at the test gateway."""
    found = fixture("bc_OrderTransactionResult.json")["data"]["order"]["transactions"]
    staging.load("orders", order(transactions=found, currencyCode="DKK"))
    (row,) = staging.rows("payments")
    assert (row["payment_id"], row["kind_code"], row["status_code"]) == ("6657081606262", "sale", "success")
    assert (row["amount"], row["currency"], row["gateway"]) == (Decimal(679), "DKK", "bogus")
    assert row["processed_at"] == datetime(2024, 6, 11, 9, 58, 22, tzinfo=UTC)


def test_a_recorded_export_without_rows() -> None:
    """Completed with an empty address."""
    bulk = stream("orders").bulk
    assert bulk
    node = fixture("bc_BulkOperationCompletedResult.json")["data"]["node"]
    assert bulk.finished({"data": {"bulkOperation": {**node, "status": "COMPLETED"}}}) == ""


# --- writes -------------------------------------------------------------------------------------------


def test_a_recorded_fulfilment() -> None:
    """Made, and refused."""
    write = VENDOR.writes["shipments_to_channel", "fulfil"][0]
    (receipt,) = write.receipts([parcel()], fixture("bc_FulfillmentCreateResult.json"))
    assert (receipt.ref, receipt.refused) == ("5936298623038", "")
    (receipt,) = write.receipts([parcel()], fixture("bc_FulfillmentFailedResult.json"))
    assert (receipt.ref, receipt.refused, receipt.again) == ("", "Fulfillment order does not exist.", True)


def test_a_recorded_level_set() -> None:
    """One wish, two changes: available and on hand."""
    (call,) = calls("set-inventory-quantities.recorded.json")
    write = VENDOR.writes["stock_to_channel", "set"][0]
    VENDOR.check(write.request([stock()], SYSTEM, "k"), answer(call["response"]))
    (receipt,) = write.receipts([stock()], call["response"])
    assert not receipt.refused


def test_a_recorded_look_up_that_finds_nothing() -> None:
    """Null is an absence and no error."""
    (call,) = calls("get-order-by-identifier.recorded.json")
    write = VENDOR.writes["shipments_to_channel", "fulfil"][0]
    (request,) = write.lookup.requests([parcel()], SYSTEM)
    VENDOR.check(request, answer(call["response"]))
    nothing = call["response"]["data"]["orderByIdentifier"]
    assert write.lookup.found(parcel(), [{"data": {"nodes": [nothing]}}]) is None


USER_ERRORS = {
    "fulfillmentCreate": ("shipments_to_channel", "fulfil"),
    "fulfillmentTrackingInfoUpdate": ("shipments_to_channel", "notify"),
    "inventorySetQuantities": ("stock_to_channel", "set"),
    "inventoryActivate": ("stock_to_channel", "activate"),
}


def recorded_errors() -> dict[str, Any]:
    """Refusals from two real shops."""
    path = SPECS / "shopify_recorded_errors.json"
    return (
        json.loads(path.read_text(encoding="utf-8"))
        if path.exists()
        else {"user_errors": [], "top_level_errors": {}}
    )


@pytest.mark.parametrize(
    "error",
    [e for e in recorded_errors()["user_errors"] if e["operation"] in USER_ERRORS],
    ids=lambda e: f"{e['operation']}-{e['code']}-{e['message'][:30]}",
)
def test_a_recorded_refusal_is_a_refusal(error: dict[str, Any]) -> None:
    """With the vendor's words, for the row it is about."""
    write = VENDOR.writes[USER_ERRORS[error["operation"]]][0]
    wants = [stock(), stock(item=49)] if write.batch > 1 else [parcel()]
    body = {
        "data": {error["operation"]: {"userErrors": [{k: error[k] for k in ("field", "message", "code")}]}}
    }
    VENDOR.check(write.request(wants, SYSTEM, "k") if write.batch > 1 else Request("POST", "/"), answer(body))
    receipts = write.receipts(wants, body)
    assert len(receipts) == len(wants)
    assert error["message"] in {r.refused for r in receipts}
    assert not any(r.ref for r in receipts)
    row = next((int(part) for part in error["field"] or () if part.isdigit()), None)
    if write.batch > 1 and row is not None:
        assert receipts[row].refused == error["message"]
        assert receipts[row].code == error["code"].lower()
        assert receipts[1 - row].again


@pytest.mark.parametrize(
    "error",
    [e for e in recorded_errors()["user_errors"] if e["operation"] == "bulkOperationRunQuery"],
    ids=lambda e: e["message"][:40],
)
def test_a_recorded_refusal_of_an_export_is_an_error(error: dict[str, Any]) -> None:
    """For later, or for good."""
    bulk = stream("orders").bulk
    assert bulk
    body = {"data": {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [error]}}}
    with pytest.raises(Retry if error["code"] == "OPERATION_IN_PROGRESS" else Reject):
        bulk.started(body)


@pytest.mark.parametrize(
    ("code", "error"),
    [(code, e) for code, errors in recorded_errors()["top_level_errors"].items() for e in errors],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_recorded_error_at_the_top_is_an_error(code: str, error: dict[str, Any]) -> None:
    """Status 200 or not."""
    kind = {"ACCESS_DENIED": Halt, "INTERNAL_SERVER_ERROR": Retry, "THROTTLED": Retry}.get(code, Reject)
    with pytest.raises(kind):
        VENDOR.check(stream("products").request(WINDOWLESS, SYSTEM), answer({"errors": [error]}))


def test_recorded_protected_data_is_a_missing_scope() -> None:
    """The data is null, the status 200."""
    denied = [call["response"] for call in calls("get-return.recorded.json") if "errors" in call["response"]]
    assert denied
    for body in denied:
        with pytest.raises(Halt) as raised:
            VENDOR.check(stream("products").request(WINDOWLESS, SYSTEM), answer(body))
        assert raised.value.code == "scope"


def test_a_recorded_old_version_is_answered_by_a_newer_one() -> None:
    """The header says which; the probe reports it."""
    call = calls("inventory-levels.recorded.json")[0]
    assert call["headers"]["x-shopify-api-version"] == "2025-07"
    assert VENDOR.probe
    body = {"data": {"currentAppInstallation": {"accessScopes": [{"handle": "read_all_orders"}]}}}
    with pytest.raises(Reject, match="2025-07"):
        VENDOR.check(VENDOR.probe(SYSTEM), answer(body, **call["headers"]))


def test_the_limiter_learns_from_a_recorded_cost() -> None:
    """What was asked, what was taken, what is left and what comes back."""
    seen = VENDOR.limit.learn(answer(fixture("bc_FulfillmentOrderResult.json")))
    assert isinstance(VENDOR.limit, CostBudget)
    assert (seen.cost, seen.spent, seen.available, seen.capacity, seen.per_second) == (7, 4, 1996, 2000, 100)


# --- what the other tests are made of -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "version", "record"),
    [
        (
            "orders",
            "updatedAt",
            order(fulfillments=[fulfilment()], refunds=[refund((9001, 1, "22.5"))], lineItems=nodes(line())),
        ),
        ("fulfillment_orders", "updatedAt", fulfilment_order()),
        ("inventory_levels", "updatedAt", level()),
    ],
)
def test_the_records_of_these_tests_are_let_in(table: str, version: str, record: Any) -> None:
    """By the same check that landing makes, byte for byte."""
    shape = shapes.Shape(shapes.table("shopify", table), "id", version)
    content = json.dumps(record).encode()
    assert shape.check(content) == (record["id"], content)


@pytest.mark.parametrize("own", VENDOR.streams, ids=lambda s: s.name)
def test_every_stream_has_a_table_with_its_key_and_version(own: Stream) -> None:
    """So landing takes it."""
    shapes.Shape(shapes.table("shopify", own.name), own.key, own.version)
