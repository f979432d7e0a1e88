"""The sandbox's Adobe Commerce takes shipments and stock, and refuses them, as the vendor's documents say."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines_tests.sandbox.adobe_commerce_account import Account, answer_misfits, request_misfits


def shipment(order: dict[str, Any], qty: int = 1, item: int = 0, **more: Any) -> dict[str, Any]:
    """A body that ships units of an item from the first source."""
    plain = {
        "items": [{"order_item_id": order["items"][item]["item_id"], "qty": qty}],
        "notify": False,
        "appendComment": True,
        "comment": {"comment": "WMS SHP-77", "is_visible_on_front": 0},
        "tracks": [{"track_number": "1Z999", "title": "UPS", "carrier_code": "ups"}],
        "arguments": {"extension_attributes": {"source_code": "1001"}},
    }
    return plain | more


def ship(account: Account, order: dict[str, Any], *args: Any, **more: Any) -> Any:
    """Ship it: (status, body)."""
    answer = account.call("POST", f"order/{order['entity_id']}/ship", shipment(order, *args, **more))
    return answer.status, answer.json()


# --- shipments --------------------------------------------------------------------------------------------


def test_a_shipment_answers_its_bare_id_and_takes_units_from_its_source() -> None:
    """In parts: the order is complete when all of it has left."""
    account = Account()
    order = account.place()
    lies = account.list("inventory/source-items", ("sku", "SKU-0001", "eq"))["items"]
    states = []
    for _ in range(2):
        status, made = ship(account, order)
        assert (status, isinstance(made, int)) == (200, True)
        states.append(account.get(f"orders/{order['entity_id']}")["state"])
    assert states == ["processing", "complete"]
    now = account.list("inventory/source-items", ("sku", "SKU-0001", "eq"))["items"]
    assert [before["quantity"] - after["quantity"] for before, after in zip(lies, now, strict=True)] == [2, 0]
    found = account.list("shipments", ("order_id", order["entity_id"], "eq"))
    assert answer_misfits("GET", "shipments", found) == []
    first = found["items"][0]
    assert [track["track_number"] for track in first["tracks"]] == ["1Z999"]
    assert first["tracks"][0]["carrier_code"] == "ups"
    assert [comment["comment"] for comment in first["comments"]] == ["WMS SHP-77"]
    assert first["extension_attributes"] == {"source_code": "1001"}


def test_it_may_leave_from_another_source_than_the_shop_had_in_mind() -> None:
    """The source that is named gives the units."""
    account = Account()
    order = account.place()
    source = {"extension_attributes": {"source_code": "1002"}}
    assert ship(account, order, 2, arguments=source)[0] == 200
    (sent,) = account.list("shipments")["items"]
    assert sent["extension_attributes"]["source_code"] == "1002"


def test_more_than_is_left_is_refused() -> None:
    """Nothing is done."""
    account = Account()
    order = account.place()
    assert ship(account, order, 3) == (
        400,
        {
            "message": "Shipment Document Validation Error(s):\nThe quantity to ship must not be greater than "
            'the unshipped quantity for product SKU "SKU-0001".'
        },
    )
    assert account.list("shipments")["total_count"] == 0


def test_all_reasons_come_in_one_message() -> None:
    """Each on a line of its own."""
    account = Account()
    order = account.place()
    ship(account, order, 2)
    status, body = ship(account, order, 0)
    assert (status, body["message"].split("\n")) == (
        400,
        [
            "Shipment Document Validation Error(s):",
            "The order does not allow a shipment to be created.",
            "You can't create a shipment without products.",
        ],
    )


def test_a_configurables_child_is_no_line_of_the_order() -> None:
    """It is shipped by its parent's item."""
    account = Account()
    orders = [account.place(f"#{n}", (f"SKU-000{n}", 1)) for n in range(1, 7)]
    order = next(o for o in orders if len(o["items"]) == 2)
    assert "that is not part of the original order." in ship(account, order, 1, 1)[1]["message"]
    assert ship(account, order, 1, 0)[0] == 200


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tracks": {"track_number": "1"}}, "Please enter a tracking number."),
        ({"tracks": [{"title": "UPS"}]}, "Please enter a tracking number."),
        ({"arguments": {}}, "Could not save a shipment, see error log for details"),
        (
            {"arguments": {"extension_attributes": {"source_code": "nowhere"}}},
            "Could not save a shipment, see error log for details",
        ),
        ({"items": [{"order_item_id": 1, "qty": 1}]}, "not part of the original order"),
    ],
)
def test_what_is_missing_or_wrong_is_said(more: dict[str, Any], words: str) -> None:
    """Without a source the default one is meant, which holds nothing."""
    account = Account()
    status, body = ship(account, account.place(), **more)
    assert status == 400
    assert words in body["message"]


def test_a_source_that_holds_too_little_ships_nothing() -> None:
    """What happens when stock was counted down twice."""
    account = Account()
    order = account.place()
    row = {"sku": "SKU-0001", "source_code": "1001", "quantity": 1, "status": 1}
    assert account.call("POST", "inventory/source-items", {"sourceItems": [row]}).status == 200
    assert ship(account, order, 2) == (
        400,
        {"message": "Not all of your products are available in the requested quantity."},
    )


def test_an_unknown_order_is_404() -> None:
    """Whatever the body."""
    assert Account().call("POST", "order/1/ship", {}).status == 404


def test_the_customer_is_told_when_asked() -> None:
    """Once."""
    account = Account()
    ship(account, account.place(), 1, notify=True)
    assert [mail.kind for mail in account.shop.mails] == ["order_confirmed", "shipped"]
    assert account.list("shipments")["items"][0]["email_sent"] == 1


# --- stock ------------------------------------------------------------------------------------------------


def rows(*changes: tuple[str, str, int]) -> list[dict[str, Any]]:
    """Source items."""
    return [
        {"sku": sku, "source_code": source, "quantity": quantity, "status": int(quantity > 0)}
        for sku, source, quantity in changes
    ]


def test_a_source_item_is_set_outright_and_again_makes_no_difference() -> None:
    """Physical stock: what is reserved stays reserved."""
    account = Account()
    account.place()
    body = {"sourceItems": rows(("SKU-0001", "1001", 9), ("SKU-0002", "1001", 0))}
    assert request_misfits("POST", "inventory/source-items", body) == []
    for _ in range(2):
        answer = account.call("POST", "inventory/source-items", body)
        assert (answer.status, answer.json()) == (200, [])
    held = {
        item["sku"]: item
        for item in account.list("inventory/source-items", ("source_code", "1001", "eq"))["items"]
    }
    assert (held["SKU-0001"]["quantity"], held["SKU-0001"]["status"]) == (9, 1)
    assert (held["SKU-0002"]["quantity"], held["SKU-0002"]["status"]) == (0, 0)
    level = account.shop.levels[
        account.shop.variants[account.shop.by_sku["SKU-0001"]].inventory_item_id, 1001
    ]
    assert (level.available, level.committed) == (7, 2)


def test_unknown_skus_and_sources_refuse_the_whole_body() -> None:
    """Each with its own error."""
    account = Account()
    body = {"sourceItems": rows(("SKU-0001", "1001", 9), ("NONE", "nowhere", 1))}
    answer = account.call("POST", "inventory/source-items", body)
    assert answer.status == 400
    assert [error["parameters"] for error in answer.json()["errors"]] == [["NONE"], ["nowhere"]]
    assert account.list("inventory/source-items", ("quantity", 9, "eq"))["total_count"] == 0


def test_the_queue_takes_a_list_and_works_later() -> None:
    """Accepted only means queued; each body has a status of its own."""
    account = Account()
    bodies = [{"sourceItems": rows(("SKU-0001", "1001", 9))}, {"sourceItems": rows(("NONE", "1001", 1))}]
    answer = account.call("POST", "inventory/source-items", bodies, prefix="/async/bulk")
    taken = answer.json()
    assert (answer.status, [item["status"] for item in taken["request_items"]]) == (202, ["accepted"] * 2)
    name = f"bulk/{taken['bulk_uuid']}/status"
    waiting = account.get(name)
    assert answer_misfits("GET", name, waiting) == []
    assert [operation["status"] for operation in waiting["operations_list"]] == [4, 4]
    assert account.list("inventory/source-items", ("quantity", 9, "eq"))["total_count"] == 0
    account.advance(60)
    done = account.get(name)["operations_list"]
    assert [operation["status"] for operation in done] == [1, 3]
    assert "NONE" in done[1]["result_message"] or "does not exist" in done[1]["result_message"]
    assert account.list("inventory/source-items", ("quantity", 9, "eq"))["total_count"] == 1
    assert account.call("GET", "bulk/none/status").status == 404


# --- cancelling -------------------------------------------------------------------------------------------


def test_cancelling_what_was_invoiced_answers_200_and_false() -> None:
    """Only the state tells."""
    account = Account()
    paid, unpaid = account.place("#1"), account.place("#2", payment="pending")
    told = {
        o["increment_id"]: account.call("POST", f"orders/{o['entity_id']}/cancel") for o in (paid, unpaid)
    }
    assert {name: (a.status, a.json()) for name, a in told.items()} == {"#1": (200, False), "#2": (200, True)}
    assert account.get(f"orders/{unpaid['entity_id']}")["state"] == "canceled"
    assert account.get(f"orders/{paid['entity_id']}")["state"] == "processing"
