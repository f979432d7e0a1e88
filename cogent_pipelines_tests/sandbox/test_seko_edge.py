"""The sandbox's Seko behaves at its edge as the vendor's documents say: keys, envelopes, omissions, pushes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines_tests.sandbox.seko_account import GUID, SYSTEM, Account

STOCK = "/stock/v3/quantity"


def words(answer: Any) -> str:
    """What a failure says; fails for a success."""
    status = answer["CallStatus"]
    assert (status["Success"], status["Code"]) == (False, 100)
    return str(status["Message"])


# --- keys and forms -----------------------------------------------------------------------------------


def test_each_hub_has_its_own_key_and_refuses_another() -> None:
    """With 401 and the normal envelope (INFERRED)."""
    account = Account()
    assert account.get("/echo/v1/hello.json")["Response"]["Echo"] == "hello"
    for path in (STOCK, "/echo/v1/hello.json"):
        answer = account.call("GET", path, key="another")
        assert answer.status == 401
        assert b"Invalid api_key" in answer.content
    assert account.kit.counters.refused_logins[SYSTEM] == 2


def test_who_does_not_ask_for_json_gets_xml() -> None:
    """The stock service's own habit."""
    answer = Account().call("GET", STOCK, accept="*/*", productCodes="SKU0001", dc="DCLEE01")
    assert answer.headers["content-type"].startswith("application/xml")
    assert b"<Quantity>10</Quantity>" in answer.content


def test_a_query_of_more_than_2048_bytes_is_refused() -> None:
    """The key counts too."""
    account = Account()
    assert account.call("GET", STOCK, productCodes="X" * 2048, dc="DCLEE01").status == 414
    assert account.call("GET", STOCK, productCodes="X" * 1900, dc="DCLEE01").status == 200


def test_a_write_without_a_content_type_is_refused() -> None:
    """Both forms are spoken, so it must say which."""
    answer = Account().call("POST", "/salesorders/v3/WEB-10017/cancel", reasonCode="001")
    assert (answer.status, words(answer.json())) == (415, "The Content-Type is not supported.")


# --- stock --------------------------------------------------------------------------------------------


def test_stock_leaves_out_what_there_is_none_of() -> None:
    """A SKU that was asked for and is absent means 0; nothing at all says so."""
    account = Account()
    found = account.get(STOCK, productCodes="SKU0001,SKU0004,NOSUCH", dc="DCLEE01")
    assert found["List"]["StockQuantityLineItem"] == [
        {"ProductCode": "SKU0001", "DCCode": "DCLEE01", "LocationType": "Available Stock", "Quantity": 10}
    ]
    nothing = account.get(STOCK, productCodes="SKU0004", dc="DCLEE01")
    assert nothing == {
        "CallStatus": {"Success": True, "Code": 0, "Message": "No results found for search criteria"},
        "List": {"StockQuantityLineItem": []},
    }


def test_an_unknown_dc_is_a_failure_with_status_200() -> None:
    """And so is none, where there are two."""
    account = Account()
    assert words(account.get(STOCK, productCodes="SKU0001", dc="DCLEX01")) == "Error. Invalid Mapping - DC"
    assert "dc" in words(account.get(STOCK, productCodes="SKU0001"))


def test_a_loaded_order_reduces_free_stock_five_minutes_later() -> None:
    """Until then the read shows what was there."""
    account = Account()
    account.load()
    asked = {"productCodes": "SKU0001", "dc": "DCLEE01"}
    assert account.get(STOCK, **asked)["List"]["StockQuantityLineItem"][0]["Quantity"] == 10
    account.advance(301)
    assert account.get(STOCK, **asked)["List"]["StockQuantityLineItem"][0]["Quantity"] == 8


def test_the_older_hub_writes_numbers_empty_objects_and_lists_of_one() -> None:
    """Leading noughts are lost, nothing is ``{}``, and one element stands without its list."""
    account = Account()
    rows = account.get("/stock/v1/all.json")["Response"]["List"]["StockQuantityLineItem"]
    assert [(row["ProductCode"], row["EAN"]) for row in rows] == [("SKU0001", {}), ("SKU0002", {}), (123, {})]
    one = account.get("/stock/v1/product/SKU0001.json")["Response"]["List"]["StockQuantityLineItem"]
    assert one["FreeQuantity"] == 10
    assert account.call("GET", "/stock/v1/dc/DCLEE01.json").status == 500


# --- orders -------------------------------------------------------------------------------------------


def test_an_order_is_loaded_under_its_own_guid_and_followed_by_it() -> None:
    """To Be Picked, Being Picked, Dispatched; courier and number are empty objects until they are known."""
    account = Account()
    assert account.load() == {"CallStatus": {"Success": True, "Code": 0, "Message": ""}, "GUID": GUID}
    assert (account.order.number, account.order.allocations[0].facility_id) == ("#10017", 41)

    def status() -> Any:
        return account.get(f"/salesorders/v1/{GUID}/status.json")["Response"]["Status"]

    assert status() == "To Be Picked"
    tracking = account.get(f"/salesorders/v1/{GUID}/tracking.json")["Response"]
    assert (tracking["Courier"], tracking["TrackingNumber"]) == ({}, {})
    rules.start_pick(account.world, account.warehouse, account.order.id, account.order.allocations[0].id)
    assert status() == "Being Picked"
    account.ship()
    assert status() == "Dispatched"
    assert account.get(f"/salesorders/v1/{GUID}/tracking.json")["Response"]["TrackingNumber"] == "155"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DeliveryDetails": {"City": "", "CountryCode": ""}}, "The City field is required.; The CountryCode field is required."),
        ({"DeliveryDetails": {"PostcodeZip": ""}}, "The PostcodeZip field is required."),
        ({"SalesOrderHeader": {"DCCode": "DC99"}}, "Error. Invalid Mapping - DC"),
        ({"WebSalesOrder": {"CourierService": "FAST"}}, "Error. Invalid Mapping - CourierService"),
        ({"List": {"SalesOrderLineItem": [{"ProductCode": "X", "Quantity": 1}]}},
         "Error Submitting SalesOrder: WEB-10017 - Error. Product X does not exist."),
        ({"List": {"SalesOrderLineItem": [{"ProductCode": "SKU0001", "Quantity": 1}, {"ProductCode": "SKU0004", "Quantity": 1}]}},
         "Error Submitting SalesOrder: WEB-10017 - Error. Product SKU0004 has no free stock."),
        ({"List": {"SalesOrderLineItem": [{"ProductCode": "SKU0001", "Quantity": 1}, {"ProductCode": "SKU0001", "Quantity": 1}]}},
         "Error Submitting SalesOrder: WEB-10017 - Error. Product SKU0001 is on more than one line."),
    ],
)  # fmt: skip
def test_an_order_is_refused_whole_and_in_words(changes: dict[str, Any], said: str) -> None:
    """Nothing of it is stored; only the first fault of business is told."""
    account = Account()
    assert words(account.load(**changes)) == said
    assert account.warehouse.orders == {}


def test_a_number_or_guid_is_taken_once() -> None:
    """A repeated write has one effect."""
    account = Account()
    account.load()
    assert words(account.load()).endswith("SalesOrder already exists.")
    assert "already exists" in words(account.load(WebSalesOrder={"SalesOrderNumber": "OTHER"}))
    assert len(account.warehouse.orders) == 1


def test_an_unknown_guid_is_found_nowhere() -> None:
    """In the words of an empty search (INFERRED)."""
    answer = Account().get(f"/salesorders/v1/{GUID}/status.json")["Response"]
    assert words(answer) == "No results found for search criteria"


def cancel(account: Account, number: str = "WEB-10017", reason: str = "001") -> Any:
    """The answer to a cancellation."""
    return account.call("POST", f"/salesorders/v3/{number}/cancel", {}, reasonCode=reason).json()


def test_an_order_is_cancelled_by_its_number_until_it_is_picked() -> None:
    """The answer's GUID is null; a pick wave refuses."""
    account = Account()
    account.load()
    assert "does not exist" in words(cancel(account, "NONE"))
    assert "ReasonCode" in words(cancel(account, reason="9"))
    assert cancel(account) == {"CallStatus": {"Success": True, "Code": 0, "Message": ""}, "GUID": None}
    assert account.get(f"/salesorders/v1/{GUID}/status.json")["Response"]["Status"] == "Cancelled"
    other = Account()
    other.load()
    rules.start_pick(other.world, other.warehouse, other.order.id, other.order.allocations[0].id)
    assert words(cancel(other)) == "Error. Dispatch assigned to a pick wave cannot be cancelled"


def test_products_are_made_known_and_asked_about() -> None:
    """Created once, updated after."""
    account = Account()
    master = {"ProductCode": "NEW1", "ProductDescription": "New", "Weight": 0.25, "CountryOfOrigin": "PT"}
    assert "No results" in words(account.get("/products/v1/NEW1/status.json")["Response"])
    assert account.call("POST", "/products/v4/submit", {"ProductMaster": master}).json()["CallStatus"][
        "Success"
    ]
    assert account.get("/products/v1/NEW1/status.json")["Response"]["CallStatus"]["Success"] is True
    assert "already exists" in words(
        account.call("POST", "/products/v4/submit", {"ProductMaster": master}).json()
    )
    made = account.warehouse.sellables[account.warehouse.by_sku["NEW1"]]
    assert (made.weight_grams, made.origin_country) == (250, "PT")


def test_dispatches_of_a_window_are_named_by_dc_and_guid() -> None:
    """A list of one is its element."""
    account = Account()
    account.load()
    account.ship()
    day = f"{account.world.now:%Y-%m-%d}"
    found = account.get(f"/dispatches/v1/status/{day}T00:00:00Z/{day}T23:59:59Z.json", status="Dispatched")
    assert found["Response"]["List"]["DispatchLineItem"]["DCCode"] == "DCLEE01"


# --- pushes -------------------------------------------------------------------------------------------


def test_a_dispatch_is_dropped_once_within_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """With its tracking, numbered per service, and dated by the sandbox's clock."""
    account = Account(drop=tmp_path)
    account.load()
    account.ship()
    account.advance(3600)
    files = sorted((tmp_path / SYSTEM).iterdir())
    assert [path.name.split("-")[0] for path in files] == ["dispatch", "trackingdetails"]
    (message,) = json.loads(files[0].read_text())["Responses"]
    told = message["Response"]["Dispatch"]
    assert (told["SalesOrderNumber"], told["SalesOrderReference"], told["SequenceNumber"]) == (
        "WEB-10017",
        "#10017",
        1,
    )
    assert told["List"]["DispatchLineItem"] == [{"LineNo": 1, "ProductCode": "SKU0001", "PackedQty": 2}]
    age = account.world.now.timestamp() - files[0].stat().st_mtime
    assert timedelta(minutes=40) <= timedelta(seconds=age) <= timedelta(minutes=50)


def test_goods_that_come_back_are_dropped_with_their_orders_number(tmp_path: Path) -> None:
    """As a return raised at the DC has it, and as the GRN service answers."""
    account = Account(drop=tmp_path)
    account.load()
    account.ship()
    item = account.sellables[0].id
    back = rules.create_return(account.world, account.warehouse, account.order.id, [(item, 1)])
    rules.receive_return(account.world, account.warehouse, account.order.id, back.id)
    account.advance(901)
    (path,) = (tmp_path / SYSTEM).glob("grn-*.json")
    told = json.loads(path.read_text())["Responses"][0]["Response"]["GRN"]
    assert (told["HBRef"], told["RMA"]) == ("WEB-10017", f"WEB-10017.{back.id}")
    grn = account.get(f"/grns/v1/{told['InterfaceRecordId']}.json")["Response"]["List"]["GRNResponseItem"]
    assert (grn["GRNQuantity"], grn["CurrentStatus"], grn["HBRef"]) == (1, "Confirmed", "WEB-10017")
