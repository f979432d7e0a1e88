"""The sandbox's Veeqo takes writes as the vendor's documents say, and refuses them in three shapes."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines_tests.sandbox.veeqo_account import Account

NOT_FOUND = {"status": "404", "error": "Not Found"}


def allocation(account: Account, *, facility: int = 41, units: int = 2, item: int = 0) -> dict[str, Any]:
    """The body of ``POST /orders/{id}/allocations``."""
    line = {"sellable_id": account.sellables[item], "quantity": units}
    return {"allocation": {"warehouse_id": facility, "line_items_attributes": [line]}}


# --- orders -------------------------------------------------------------------------------------------


def test_an_order_is_created_with_all_that_was_sent() -> None:
    """201, the whole order, and where it is."""
    account = Account()
    answer = account.call("POST", "/orders", account.body())
    made = answer.json()
    assert (answer.status, answer.headers["location"]) == (
        201,
        f"http://127.0.0.1/wms_uk/orders/{made['id']}",
    )
    assert (made["number"], made["status"], made["due_date"]) == (
        "WEB-1042",
        "awaiting_stock",
        "2026-11-03T00:00:00.000Z",
    )
    assert (made["subtotal_price"], made["total_tax"], made["delivery_cost"], made["total_price"]) == (
        40.0,
        8.0,
        3.95,
        51.95,
    )
    assert (made["payment"]["payment_type"], made["payment"]["reference_number"]) == (
        "bank_transfer",
        "pay_1",
    )
    assert made["deliver_to"]["zip"] == "LS1 1AA"
    assert made["delivery_method"]["id"] == 12
    assert made["customer"]["email"] == "ann@example.test"
    assert made["customer_note"]["text"] == "Leave at door"
    assert [note["text"] for note in made["employee_notes"]] == ["source=web"]
    assert made == account.get(f"/orders/{made['id']}")


def test_a_number_is_not_unique() -> None:
    """The same body twice makes two orders: nothing at Veeqo prevents it."""
    account = Account()
    assert account.post()["id"] != account.post()["id"]
    assert len(account.get("/orders", query="WEB-1042")) == 2


def test_an_order_without_payment_awaits_it_until_one_is_put() -> None:
    """No payment_attributes, no picking."""
    account = Account()
    made = account.post(payment_attributes=None)
    assert (made["status"], made["payment"]) == ("awaiting_payment", None)
    body = {"order": {"payment_attributes": {"payment_type": "cash", "reference_number": "r"}}}
    paid = account.call("PUT", f"/orders/{made['id']}", body).json()
    assert (paid["status"], paid["payment"]["payment_type"]) == ("awaiting_stock", "cash")


def test_an_order_without_a_number_is_given_one() -> None:
    """Veeqo's own number holds its id."""
    made = Account().post(number=None)
    assert made["number"] == f"#P-{made['id']}"


def test_a_status_cannot_be_set() -> None:
    """What is sent as a status changes nothing."""
    account = Account()
    made = account.post(status="shipped")
    account.call("PUT", f"/orders/{made['id']}", {"order": {"status": "cancelled"}})
    assert account.get(f"/orders/{made['id']}")["status"] == "awaiting_stock"


def test_the_misspelt_key_for_employee_notes_is_ignored() -> None:
    """The documents misspell it; the key that works has an s."""
    account = Account()
    made = account.post(employee_notes_attributes=None, employee_note_attributes=[{"text": "lost"}])
    assert made["employee_notes"] == []


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"channel_id": None}, 400, {"error_messages": "Channel can't be blank"}),
        ({"delivery_method_id": None}, 400, {"error_messages": "Delivery method can't be blank"}),
        ({"customer_attributes": None}, 400, {"error_messages": "Customer can't be blank"}),
        ({"deliver_to_attributes": None}, 400, {"error_messages": "Deliver to can't be blank"}),
        ({"line_items_attributes": []}, 400, {"error_messages": "Line items can't be blank"}),
        ({"channel_id": 9}, 404, NOT_FOUND),
        ({"channel_id": "web"}, 404, NOT_FOUND),
        ({"delivery_method_id": 99}, 404, NOT_FOUND),
        ({"customer_id": 1}, 404, NOT_FOUND),
        ({"deliver_to_id": 1}, 404, NOT_FOUND),
        (
            {"payment_attributes": {"payment_type": "shells"}},
            422,
            {"error_messages": ["Payment type is not included in the list"]},
        ),
        (
            {"payment_attributes": {"reference_number": "x"}},
            400,
            {"error_messages": "Payment type can't be blank"},
        ),
        ({"deliver_to_attributes": {"country": "England"}}, 422, {"error_messages": ["Country is invalid"]}),
        ({"delivery_cost": "free"}, 422, {"error_messages": ["Delivery cost is not a number"]}),
        (
            {"delivery_cost": -1},
            422,
            {"error_messages": ["Delivery cost must be greater than or equal to 0"]},
        ),
        ({"line_items_attributes": "many"}, 500, {"status": "500", "error": "Internal Server Error"}),
        ({"deliver_to_attributes": ["x"]}, 500, {"status": "500", "error": "Internal Server Error"}),
    ],
)
def test_a_wrong_order_is_refused_in_the_shape_of_its_kind(
    changes: dict[str, Any], status: int, expected: Any
) -> None:
    """Text for what is missing, a list for what is invalid, status and error for what is unknown."""
    account = Account()
    body = account.body()
    body["order"] |= changes
    answer = account.call("POST", "/orders", body)
    assert (answer.status, answer.json()) == (status, expected)
    assert account.warehouse.orders == {}


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ({"quantity": 0}, 422),
        ({"quantity": -1}, 422),
        ({"quantity": "2.7"}, 422),
        ({"quantity": True}, 422),
        ({"quantity": None}, 400),
        ({"sellable_id": None}, 400),
        ({"sellable_id": 1}, 404),
        ({"sellable_id": "SKU-0001"}, 404),
        ({"price_per_unit": None}, 400),
        ({"price_per_unit": "NaN"}, 422),
        ({"price_per_unit": {"amount": 1}}, 500),
        ({"quantity": "2"}, 201),
        ({"quantity": 2.0}, 201),
        ({"price_per_unit": 20}, 201),
    ],
)
def test_a_line_needs_an_item_of_theirs_a_quantity_and_a_price(line: dict[str, Any], status: int) -> None:
    """Numbers may come as text; a SKU is no id."""
    account = Account()
    body = account.body()
    body["order"]["line_items_attributes"][0] |= line
    assert account.call("POST", "/orders", body).status == status


@pytest.mark.parametrize("content", [b"{", b"[]", b"order=1", b'"order"'])
def test_a_body_that_is_no_object_is_400(content: bytes) -> None:
    """What is not a JSON object is refused before anything is looked at."""
    answer = Account().call("POST", "/orders", content)
    assert (answer.status, answer.json()) == (400, {"status": "400", "error": "Bad Request"})


@pytest.mark.parametrize("body", [{}, {"order": {}}, {"order": None}, {"orders": {}}])
def test_a_body_without_its_object_names_it(body: dict[str, Any]) -> None:
    """The wrapping key must be there."""
    answer = Account().call("POST", "/orders", body)
    expected = {"error_messages": "param is missing or the value is empty: order"}
    assert (answer.status, answer.json()) == (400, expected)


def test_a_known_customer_and_address_may_be_named_by_id() -> None:
    """customer_id and deliver_to_id take the place of the two objects."""
    account = Account()
    first = account.post()
    address = first["customer"]["shipping_addresses"][0]["id"]
    made = account.post(
        "WEB-2",
        customer_attributes=None,
        deliver_to_attributes=None,
        customer_id=first["customer"]["id"],
        deliver_to_id=address,
    )
    assert made["customer"]["id"] == first["customer"]["id"]
    assert made["deliver_to"] | {"id": 0} == first["deliver_to"] | {"id": 0}


def test_an_order_can_be_changed_until_it_has_left() -> None:
    """Address, lines and note; a second note overwrites the first."""
    account = Account()
    made = account.post()
    change = {
        "deliver_to_attributes": {"address1": "2 Low St"},
        "delivery_method_id": 11,
        "customer_note_attributes": {"text": "At the back"},
        "total_discounts": "5.00",
        "delivery_cost": "1.00",
        "due_date": "05/11/2026",
        "line_items_attributes": [
            {
                "sellable_id": account.sellables[0],
                "quantity": 3,
                "price_per_unit": "19",
                "additional_options": "gift",
            },
            {"sellable_id": account.sellables[1], "quantity": 1, "price_per_unit": "5.000", "tax_rate": 0.2},
        ],
        "employee_notes_attributes": [{"text": "changed"}],
    }
    changed = account.call("PUT", f"/orders/{made['id']}", {"order": change}).json()
    assert (changed["deliver_to"]["address1"], changed["deliver_to"]["zip"]) == ("2 Low St", "LS1 1AA")
    assert (changed["delivery_method"]["id"], changed["customer_note"]["text"]) == (11, "At the back")
    assert [line["quantity"] for line in changed["line_items"]] == [3, 1]
    assert changed["line_items"][0]["additional_options"] == "gift"
    assert (changed["total_discounts"], changed["subtotal_price"], changed["delivery_cost"]) == (
        5.0,
        57.0,
        1.0,
    )
    assert changed["due_date"] == "2026-11-05T00:00:00.000Z"
    assert [note["text"] for note in changed["employee_notes"]] == ["source=web", "changed"]
    rules.cancel_order(account.world, account.warehouse, made["id"])
    assert account.call("PUT", f"/orders/{made['id']}", {"order": change}).status == 422


def test_a_note_is_added_and_answered_with_its_author() -> None:
    """201 with five fields; a note without text is refused."""
    account = Account()
    made = account.post()
    answer = account.call("POST", f"/orders/{made['id']}/notes", {"note": {"text": "Return expected"}})
    assert answer.status == 201
    assert set(answer.json()) == {"created_at", "created_by", "id", "order_id", "text"}
    assert set(answer.json()["created_by"]) == {"email", "id", "login"}
    assert account.get(f"/orders/{made['id']}")["employee_notes"][-1]["text"] == "Return expected"
    assert account.call("POST", f"/orders/{made['id']}/notes", {"note": {"text": ""}}).status == 400
    assert account.call("POST", "/orders/5/notes", {"note": {"text": "x"}}).status == 404


def test_a_cancelled_order_gives_back_its_stock_and_says_why() -> None:
    """200 and the order; a second cancel, and one of an order that has left, is refused."""
    account = Account()
    made = account.post()
    account.call("POST", f"/orders/{made['id']}/allocations", allocation(account))
    answer = account.call(
        "PUT",
        f"/orders/{made['id']}/cancel",
        {"send_veeqo_email": False, "cancel_reason": "Customer request"},
    )
    assert (answer.status, answer.json()["status"], answer.json()["cancel_reason"]) == (
        200,
        "cancelled",
        "Customer request",
    )
    assert answer.json()["cancelled_at"].endswith("Z")
    assert account.warehouse.stock[(account.sellables[0], 41)].allocated == 0
    assert account.call("PUT", f"/orders/{made['id']}/cancel", {}).status == 422
    assert account.call("PUT", "/orders/5/cancel").status == 404


# --- allocations and shipments ---------------------------------------------------------------------------


def test_an_allocation_reserves_stock_and_answers_with_the_whole_order() -> None:
    """201, the order; its stock is less by what was allocated, and may go below zero."""
    account = Account(stock=1)
    made = account.post()
    answer = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account))
    assert (answer.status, answer.json()["id"]) == (201, made["id"])
    assert (answer.json()["status"], answer.json()["allocated_completely"]) == ("awaiting_fulfillment", True)
    entry = answer.json()["line_items"][0]["sellable"]["stock_entries"][0]
    assert (
        entry["physical_stock_level"],
        entry["allocated_stock_level"],
        entry["available_stock_level"],
    ) == (1, 2, -1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"facility": 9}, 404), ({"units": 3}, 422), ({"units": 0}, 422), ({"item": 1}, 422)],
)
def test_only_what_is_ordered_and_free_can_be_allocated(changes: dict[str, int], status: int) -> None:
    """An unknown warehouse is 404; more than is left, nothing, or another item is 422."""
    account = Account()
    made = account.post()
    answer = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account, **changes))
    assert answer.status == status
    assert account.get(f"/orders/{made['id']}")["allocations"] == []


def test_a_second_allocation_of_the_same_units_is_refused() -> None:
    """Nothing is left to allocate: whoever repeats a call blindly is told."""
    account = Account()
    made = account.post()
    first = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account))
    second = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account))
    assert (first.status, second.status) == (201, 422)
    assert len(account.get(f"/orders/{made['id']}")["allocations"]) == 1


def test_an_allocation_can_be_moved_and_all_of_them_cleared() -> None:
    """PUT answers with the allocation; DELETE of one clears every one that has not left."""
    account = Account()
    made = account.post()
    order = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account)).json()
    path = f"/orders/{made['id']}/allocations/{order['allocations'][0]['id']}"
    moved = account.call("PUT", path, allocation(account, facility=42, units=1)["allocation"]).json()
    assert (moved["warehouse"]["id"], moved["line_items"][0]["quantity"]) == (42, 1)
    assert account.warehouse.stock[(account.sellables[0], 41)].allocated == 0
    assert account.get("/orders")[0]["allocations"] == []
    account.call("POST", f"/orders/{made['id']}/allocations", allocation(account, units=1))
    assert account.call("PUT", path, allocation(account)["allocation"]).status == 404
    cleared = account.call("DELETE", f"/orders/{made['id']}/allocations/{moved['id']}")
    assert (cleared.status, cleared.json()["allocations"], cleared.json()["status"]) == (
        200,
        [],
        "awaiting_stock",
    )
    assert account.call("DELETE", f"/orders/{made['id']}/allocations/{moved['id']}").status == 404


def test_a_wrong_change_of_an_allocation_leaves_it_as_it_was() -> None:
    """More than is free, or nowhere: refused, and the old allocation stands."""
    account = Account()
    made = account.post()
    order = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account)).json()
    path = f"/orders/{made['id']}/allocations/{order['allocations'][0]['id']}"
    assert account.call("PUT", path, allocation(account, units=9)["allocation"]).status == 422
    assert account.call("PUT", path, allocation(account, facility=9)["allocation"]).status == 404
    assert len(account.get(f"/orders/{made['id']}")["allocations"]) == 1


def test_a_shipment_takes_the_goods_away_and_can_be_undone() -> None:
    """201 with a tracking object; the same allocation again is 400; deleted, the goods are back."""
    account = Account()
    made = account.post()
    order = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account)).json()
    body = {
        "shipment": {
            "tracking_number_attributes": {"tracking_number": "155"},
            "carrier_id": 4,
            "notify_customer": False,
        },
        "allocation_id": order["allocations"][0]["id"],
        "order_id": made["id"],
    }
    answer = account.call("POST", "/shipments", body)
    assert (answer.status, answer.json()["carrier"]["name"], answer.json()["order_id"]) == (
        201,
        "DPD",
        made["id"],
    )
    assert answer.json()["tracking_number"]["tracking_number"] == "155"
    assert account.get(f"/orders/{made['id']}")["status"] == "shipped"
    assert account.warehouse.stock[(account.sellables[0], 41)].physical == 98
    again = account.call("POST", "/shipments", body)
    assert (again.status, again.json()) == (400, {"error_messages": "This allocation is already shipped"})
    undone = account.call("DELETE", f"/shipments/{answer.json()['id']}")
    assert (undone.status, undone.content) == (204, b"")
    assert account.get(f"/orders/{made['id']}")["status"] == "awaiting_fulfillment"
    assert account.call("DELETE", f"/shipments/{answer.json()['id']}").status == 404


@pytest.mark.parametrize("changes", [{"order_id": 5}, {"allocation_id": 5}, {"shipment": {"carrier_id": 99}}])
def test_a_shipment_of_what_is_not_there_is_404(changes: dict[str, Any]) -> None:
    """Order, allocation and carrier must exist."""
    account = Account()
    made = account.post()
    order = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account)).json()
    body = {
        "shipment": {"carrier_id": 4},
        "allocation_id": order["allocations"][0]["id"],
        "order_id": made["id"],
    }
    assert account.call("POST", "/shipments", body | changes).status == 404


# --- stock and customers ---------------------------------------------------------------------------------


def test_stock_is_set_physically_and_absolutely() -> None:
    """Twice the same is once; what is allocated stays; the shelf is kept unless named."""
    account = Account()
    rules.allocate(account.world, account.warehouse, account.place("A").id, 41)
    path = f"/sellables/{account.sellables[0]}/warehouses/41/stock_entry"
    body = {"stock_entry": {"physical_stock_level": 200, "infinite": False, "location": "Shelf 2B"}}
    for _ in range(2):
        entry = account.call("PUT", path, body).json()
        assert (
            entry["physical_stock_level"],
            entry["allocated_stock_level"],
            entry["available_stock_level"],
        ) == (200, 2, 198)
    account.call("PUT", path, {"stock_entry": {"physical_stock_level": 0, "infinite": True}})
    entry = account.get(path)
    assert (entry["location"], entry["infinite"], entry["available_stock_level"]) == ("Shelf 2B", True, -2)
    assert account.get("/products")[0]["total_stock_level"] == 0


@pytest.mark.parametrize(
    ("level", "status"), [(-1, 422), ("many", 422), (None, 400), (2.5, 422), ("7", 200), (True, 422)]
)
def test_a_level_must_be_a_whole_number_of_things(level: object, status: int) -> None:
    """Nothing else is stored."""
    account = Account()
    path = f"/sellables/{account.sellables[0]}/warehouses/41/stock_entry"
    assert account.call("PUT", path, {"stock_entry": {"physical_stock_level": level}}).status == status


def test_stock_of_an_unknown_item_or_place_is_404() -> None:
    """Reading and writing alike."""
    account = Account()
    for path in (
        "/sellables/1/warehouses/41/stock_entry",
        f"/sellables/{account.sellables[0]}/warehouses/9/stock_entry",
    ):
        assert account.call("GET", path).status == 404
        assert account.call("PUT", path, {"stock_entry": {"physical_stock_level": 1}}).status == 404


def test_a_customer_is_made_found_and_shown() -> None:
    """By e-mail address, which a search finds loosely."""
    account = Account()
    body = {"customer": {"email": "B@example.test", "phone": "01792", "mobile": "07", "notes": "n"}}
    answer = account.call("POST", "/customers", body)
    made = answer.json()
    assert (answer.status, made["email"], made["phone"], made["mobile"], made["notes"]) == (
        201,
        "B@example.test",
        "01792",
        "07",
        "n",
    )
    assert account.get("/customers", query="b@example") == [made]
    assert account.get(f"/customers/{made['id']}") == made
    assert account.call("GET", "/customers/1").status == 404
    assert account.call("POST", "/customers", {"customer": {"phone": "1"}}).status == 400
    assert account.call("POST", "/customers", {"customer": {"email": "nobody"}}).status == 422


@pytest.mark.parametrize(
    "path", ["/orders/5", "/products/5", "/warehouses/5", "/channels/5", "/delivery_methods/5"]
)
def test_an_unknown_record_is_404(path: str) -> None:
    """In the shape of an unknown route."""
    answer = Account().call("GET", path)
    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_a_write_that_stores_nothing_still_says_yes() -> None:
    """Stock, notes, cancels, allocations and their changes: a yes, and the next read is as before."""
    account = Account()
    made = account.post()
    order = account.call("POST", f"/orders/{made['id']}/allocations", allocation(account)).json()
    path = f"/orders/{made['id']}/allocations/{order['allocations'][0]['id']}"
    entry = f"/sellables/{account.sellables[0]}/warehouses/41/stock_entry"
    before = (account.get(f"/orders/{made['id']}"), account.get(entry))
    now = account.world.now
    account.kit.faults.outages = [Outage("wms_uk", "", "stores_nothing", now, now.replace(year=2030))]
    for method, where, body, status in (
        ("PUT", entry, {"stock_entry": {"physical_stock_level": 1}}, 200),
        ("POST", f"/orders/{made['id']}/notes", {"note": {"text": "x"}}, 201),
        ("PUT", f"/orders/{made['id']}/cancel", {}, 200),
        ("PUT", f"/orders/{made['id']}", {"order": {"customer_note_attributes": {"text": "y"}}}, 200),
        ("PUT", path, allocation(account, facility=42)["allocation"], 200),
        ("DELETE", path, None, 200),
        ("POST", "/customers", {"customer": {"email": "new@example.test"}}, 201),
    ):
        assert account.call(method, where, body).status == status
    account.kit.faults.outages = []
    assert (account.get(f"/orders/{made['id']}"), account.get(entry)) == before
    assert account.get("/customers", query="new@example.test") == []


def test_a_hostile_text_is_stored_as_it_came() -> None:
    """Quotes, formulas, line breaks and scripts are only text."""
    account = Account()
    nasty = "=cmd|' /C calc'!A0 \"<script>\n\\ Ünïcode ☃"
    made = account.post(number=nasty, customer_note_attributes={"text": nasty})
    assert account.get(f"/orders/{made['id']}")["number"] == nasty
    assert [o["id"] for o in account.get("/orders", query=nasty)] == [made["id"]]
