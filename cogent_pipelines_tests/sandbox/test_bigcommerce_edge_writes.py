"""The sandbox's BigCommerce takes and refuses writes as the vendor's documents say."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.sandbox.world.fulfilling import add_to_fulfilment_order
from cogent_pipelines_tests.sandbox.bigcommerce_account import Account

ABSOLUTE, RELATIVE = "/v3/inventory/adjustments/absolute", "/v3/inventory/adjustments/relative"


def ship(account: Account, order: Any, units: int = 2, **more: Any) -> Any:
    """A shipment of the order's first line, as answered."""
    return account.call("POST", f"/v2/orders/{order.id}/shipments", account.shipment(order, units, **more))


def test_a_shipment_moves_the_status_and_tells_the_customer() -> None:
    """By itself, each time one is made."""
    account = Account()
    order = account.place()
    answer = ship(account, order, 1, shipping_method="Tracked 24")
    assert answer.status == 201
    made = answer.json()
    assert (made["tracking_number"], made["shipping_provider"], made["comments"]) == (
        "EJ958083578GB",
        "royalmail",
        "our ref SHP-77",
    )
    line = order.lines[0]
    assert made["items"] == [
        {"order_product_id": line.id, "product_id": account.variants[0].product_id, "quantity": 1}
    ]
    assert [m.kind for m in account.shop.mails] == ["order_confirmed", "shipped"]
    assert account.get(f"/v2/orders/{order.id}")["status_id"] == 3
    assert account.get(f"/v2/orders/{order.id}/shipments") == [made]
    assert account.get(f"/v2/orders/{order.id}/shipments/count") == {"count": 1}


def test_a_shipment_sent_twice_is_two_as_far_as_there_is_anything_left() -> None:
    """There is no idempotency key."""
    account = Account()
    order = account.place()
    assert [ship(account, order, 1).status for _ in range(3)] == [201, 201, 400]
    assert len(account.get(f"/v2/orders/{order.id}/shipments")) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order_address_id": 5}, "order_address_id"),
        ({"items": []}, "items"),
        ({"items": [{"order_product_id": 1, "quantity": 1}]}, "does not belong"),
        ({"shipping_provider": "DPD"}, "shipping_provider"),
        ({"tracking_number": "9" * 51}, "tracking_number"),
    ],
)
def test_a_shipment_that_is_wrong_is_refused_whole(change: dict[str, Any], words: str) -> None:
    """With a list of messages, and nothing done."""
    account = Account()
    order = account.place()
    refused = ship(account, order, **change)
    assert refused.status == 400
    assert words in refused.json()[0]["message"]
    assert account.call("GET", f"/v2/orders/{order.id}/shipments").status == 204


def test_a_shipment_of_more_than_is_left_is_refused() -> None:
    """Its own words are not documented."""
    account = Account()
    assert ship(account, account.place(), 3).status == 400


def test_a_shipment_from_two_locations_is_one_to_the_shop() -> None:
    """A shipment knows nothing of locations, and the customer is told once."""
    account = Account(locations=2)
    order = account.place(units=1, homes=(1,))
    line = order.lines[0]
    line.quantity = line.current_quantity = 2
    add_to_fulfilment_order(account.world, account.shop, order, 2, [(line, 1)])
    made = ship(account, order, 2).json()
    assert [item["quantity"] for item in made["items"]] == [2]
    assert len(account.get(f"/v2/orders/{order.id}/shipments")) == 1
    assert [m.kind for m in account.shop.mails].count("shipped") == 1


def test_tracking_is_changed_without_telling_anybody() -> None:
    """What the body leaves out stays."""
    account = Account()
    order = account.place()
    number = ship(account, order).json()["id"]
    path = f"/v2/orders/{order.id}/shipments/{number}"
    assert account.call("PUT", path, {"tracking_number": "NEW1"}).status == 200
    shown = account.get(path)
    assert (shown["tracking_number"], shown["comments"]) == ("NEW1", "our ref SHP-77")
    assert [m.kind for m in account.shop.mails].count("shipped") == 1


def test_a_deleted_shipment_leaves_the_status_where_it_was() -> None:
    """Its units wait again."""
    account = Account()
    order = account.place()
    number = ship(account, order).json()["id"]
    assert account.call("DELETE", f"/v2/orders/{order.id}/shipments/{number}").status == 204
    assert account.get(f"/v2/orders/{order.id}")["status_id"] == 2
    assert account.get(f"/v2/orders/{order.id}/products")[0]["quantity_shipped"] == 0
    assert ship(account, order).status == 201


def test_cancelling_gives_no_money_back() -> None:
    """It is a status."""
    account = Account()
    order = account.place()
    answer = account.call("PUT", f"/v2/orders/{order.id}", {"status_id": 5})
    assert (answer.status, answer.json()["status"]) == (200, "Cancelled")
    assert account.get("/v3/orders/payment_actions/refunds")["data"][0]["total_amount"] == 0.0


def test_a_field_that_cannot_be_written_is_refused_by_its_name() -> None:
    """In the recorded words."""
    account = Account()
    order = account.place()
    answer = account.call("PUT", f"/v2/orders/{order.id}", {"item_total": 3})
    assert (answer.status, answer.json()) == (
        400,
        [
            {
                "status": 400,
                "message": "The field 'item_total' cannot be written to. Please remove it from your request "
                "before trying again.",
            }
        ],
    )


# --- levels ---------------------------------------------------------------------------------------------


def on_hand(account: Account, place: int = 0) -> int:
    """What the shop shows of an item."""
    (item,) = account.get("/v3/inventory/items", variant_id__in=account.variants[place].id)["data"]
    return int(item["locations"][0]["total_inventory_onhand"])


def row(account: Account, quantity: int, place: int = 0) -> dict[str, Any]:
    """A row of an adjustment, by how the item is tracked."""
    variant = account.variants[place]
    name, number = ("variant_id", variant.id) if place < 2 else ("product_id", variant.product_id)
    return {"location_id": 1, name: number, "quantity": quantity}


def test_levels_are_set_some_seconds_after_the_answer() -> None:
    """The answer is a number nobody can ask for."""
    account = Account()
    answer = account.call("PUT", ABSOLUTE, {"reason": "WMS", "items": [row(account, 7), row(account, 8, 2)]})
    assert answer.status == 200
    assert set(answer.json()) == {"transaction_id"}
    assert on_hand(account) == 100
    account.advance(6)
    assert (on_hand(account), on_hand(account, 2)) == (7, 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"place": 2, "by": "variant_id"}, r"is tracked by product, please update stock by product id]"),
        ({"place": 0, "by": "product_id"}, "is tracked by variant"),
        ({"place": 2, "by": "sku"}, "is tracked by product"),
        ({"place": 0, "by": "variant_id", "location_id": 9}, "Location with id 9"),
        ({"place": 0, "by": "variant_id", "quantity": -1}, "negative"),
    ],
)
def test_a_bad_row_refuses_all_of_them(change: dict[str, Any], words: str) -> None:
    """422, and nothing is set."""
    account = Account()
    variant = account.variants[change.pop("place")]
    by = change.pop("by")
    value = {"variant_id": variant.id, "product_id": variant.product_id, "sku": variant.sku}[by]
    bad = {"location_id": 1, by: value, "quantity": 5, **change}
    answer = account.call("PUT", ABSOLUTE, {"items": [row(account, 7, 1), bad]})
    assert answer.status == 422
    assert words in answer.json()["title"]
    account.advance(10)
    assert on_hand(account, 1) == 100


def test_more_rows_than_the_vendor_takes_are_refused() -> None:
    """Two thousand at most."""
    account = Account()
    rows = [row(account, 7)] * 2001
    assert account.call("PUT", ABSOLUTE, {"items": rows}).status == 422


def test_an_item_is_stocked_by_setting_it_first() -> None:
    """A change comes after."""
    account = Account(locations=2)
    there = {**row(account, 3), "location_id": 2}
    refused = account.call("POST", RELATIVE, {"items": [there]})
    assert refused.status == 422
    assert "requires absolute adjustment before relative" in refused.json()["title"]
    account.call("PUT", ABSOLUTE, {"items": [there]})
    account.advance(6)
    assert account.call("POST", RELATIVE, {"items": [there]}).status == 200
    account.advance(6)
    (item,) = account.get("/v3/inventory/items", variant_id__in=account.variants[0].id, location_id__in=2)[
        "data"
    ]
    assert item["locations"][0]["total_inventory_onhand"] == 6


def test_a_change_below_the_safety_stock_changes_nothing() -> None:
    """Of any row."""
    account = Account(stock=5)
    body = {"settings": [{"identity": {"variant_id": account.variants[0].id}, "safety_stock": 4}]}
    account.call("PUT", "/v3/inventory/locations/1/items", body)
    assert account.call("POST", RELATIVE, {"items": [row(account, -2)]}).status == 422
    account.advance(6)
    assert on_hand(account) == 5


def test_two_absolute_writes_at_once_end_in_either_value() -> None:
    """Which of them, only the vendor knows."""
    ends = set()
    for extra in range(12):
        account = Account()
        for _ in range(extra):
            account.call("PUT", ABSOLUTE, {"items": [row(account, 50, 1)]})
        account.call("PUT", ABSOLUTE, {"items": [row(account, 1)]}, waits=0)
        account.call("PUT", ABSOLUTE, {"items": [row(account, 2)]}, waits=0)
        account.advance(10)
        ends.add(on_hand(account))
    assert ends == {1, 2}


@pytest.mark.parametrize(
    ("kind", "expected"), [("stores_nothing", (100, 100)), ("partial_success", (7, 100))]
)
def test_a_planted_fault_of_a_batch_is_not_said(kind: str, expected: tuple[int, int]) -> None:
    """200 all the same."""
    account = Account()
    account.strike(f"PUT {ABSOLUTE}", kind)
    assert account.call("PUT", ABSOLUTE, {"items": [row(account, 7), row(account, 8, 2)]}).status == 200
    account.advance(10)
    assert (on_hand(account), on_hand(account, 2)) == expected


@pytest.mark.parametrize(("kind", "count"), [("stores_nothing", 0), ("stores_twice", 2)])
def test_a_planted_fault_of_a_shipment_is_not_said(kind: str, count: int) -> None:
    """201 all the same."""
    account = Account()
    order = account.place()
    account.strike("POST /v2/orders/{id}/shipments", kind)
    assert ship(account, order, 1).status == 201
    assert account.call("GET", f"/v2/orders/{order.id}/shipments/count").json() == {"count": count}
