"""The sandbox's Veeqo answers in the shapes of the vendor's own documents: every key, every type."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines_tests.sandbox.veeqo_account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(__file__).resolve().parents[3] / "shared"
CONTRACT = SHARED / "vendors" / "specs" / "veeqo.apib"
FIXTURES = SHARED / "fixtures" / "veeqo"
needs_documents = pytest.mark.skipif(
    not CONTRACT.exists(), reason="the vendor's documents (../shared) are not here"
)

# Keys that samples from 2016, or one of several samples, have and other samples of the same thing have not.
RETIRED = re.compile(
    r"allocated_by$"  # became allocated_by_id
    r"|active_warehouses$"
    r"|^packed_completely$"  # of an order; an allocation has it still
    r"|delivery_method\.user_id$"  # inside an order; the list of delivery methods has it still
    r"|stock_entries\[\d+\]\.id$"
)
# Lists and objects of the samples that this retailer has nothing to put in: pictures, options, brands, tills.
EMPTY_HERE = {"main_image", "variant_option_specifics", "images", "brand", "channel_warehouses", "payment"}
# The samples' accounts allocate what comes in by themselves; in the brief a second call chooses the facility.
CREATED = "### Create a New Order [POST]"


def documented(heading: str) -> Any:
    """The JSON of the first response under a heading of the contract."""
    text = CONTRACT.read_text(encoding="utf-8")
    section = re.split(r"\n#{2,3} ", text[text.index(heading) :])[0]
    answer = section[re.search(r"\+ Response 20\d", section).start() :]  # type: ignore[union-attr]
    start = re.search(r"^\s+[\[{]", answer, re.MULTILINE)
    assert start is not None
    return json.JSONDecoder().raw_decode(answer[start.end() - 1 :])[0]


def kind(value: Any) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "text", dict: "object", list: "list"}.get(type(value), "null")


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where an answer of ours lacks a documented key or has another type."""
    if theirs is None or ours is None:
        return  # the documents show null for whatever has no value
    if kind(theirs) != kind(ours):
        yield f"{path}: documented {kind(theirs)}, answered {kind(ours)}"
    elif isinstance(theirs, dict):
        for key, value in theirs.items():
            place = f"{path}.{key}".lstrip(".")
            if RETIRED.search(place):
                continue
            if key not in ours:
                yield f"{place}: missing"
            else:
                yield from differences(value, ours[key], place)
    elif isinstance(theirs, list) and theirs:
        if not ours:
            if path.rsplit(".", 1)[-1] not in EMPTY_HERE:
                yield f"{path}: nothing to compare with"
            return
        for index, each in enumerate(ours):
            yield from differences(theirs[0], each, f"{path}[{index}]")


@pytest.fixture
def account() -> Account:
    """An account with an order that has everything: notes, a shipped allocation, one that waits, a return."""
    made = Account()
    order = made.post(
        line_items_attributes=[
            {"sellable_id": key, "quantity": 2, "price_per_unit": "20.0", "tax_rate": 0.2}
            for key in made.sellables[:2]
        ]
    )
    first = rules.allocate(made.world, made.warehouse, order["id"], 41, [(made.sellables[0], 2)])
    rules.ship_allocation(
        made.world,
        made.warehouse,
        order["id"],
        first.id,
        carrier_id=4,
        tracking_number="15501234",
        service="Next Day",
    )
    rules.allocate(made.world, made.warehouse, order["id"], 42, [(made.sellables[1], 1)])
    rules.create_return(made.world, made.warehouse, order["id"], [(made.sellables[0], 1)], reason="Too small")
    made.advance(5)  # an order that is being allocated anew shows no allocations in lists
    return made


@pytest.fixture
def answers(account: Account) -> dict[str, Any]:
    """Each documented answer, asked of the sandbox."""
    order = account.get("/orders")[-1]
    single = order["id"]
    waiting = account.post("WEB-2")
    line = {"sellable_id": account.sellables[0], "quantity": 1}
    wrapped = {"allocation": {"warehouse_id": 41, "line_items_attributes": [line]}}
    allocated = account.call("POST", f"/orders/{waiting['id']}/allocations", wrapped).json()
    path = f"/orders/{waiting['id']}/allocations/{allocated['allocations'][0]['id']}"
    changed = account.call("PUT", path, {"warehouse_id": 42, "line_items_attributes": [line]}).json()
    account.advance(5)
    cleared = account.call("DELETE", f"/orders/{waiting['id']}/allocations/{changed['id']}").json()
    again = account.call("POST", f"/orders/{waiting['id']}/allocations", wrapped).json()["allocations"][0][
        "id"
    ]
    parcel = {
        "shipment": {
            "tracking_number_attributes": {"tracking_number": "12345679ABC"},
            "carrier_id": 3,
            "notify_customer": False,
            "update_remote_order": False,
        },
        "allocation_id": again,
        "order_id": waiting["id"],
    }
    entry = f"/sellables/{account.sellables[0]}/warehouses/41/stock_entry"
    customer = {"customer": {"email": "b@example.test", "billing_address_attributes": {"city": "Leeds"}}}
    product = account.get("/products")[0]["id"]
    return {
        "### List All Orders [GET]": order,
        "### Create a New Order [POST]": account.post("WEB-3"),
        "### View an Order Detail [GET]": account.get(f"/orders/{single}"),
        "### Update Order Detail [PUT]": account.call(
            "PUT", f"/orders/{single}", {"order": {"customer_note_attributes": {"text": "x"}}}
        ).json(),
        "### Create a New Order Note [POST]": account.call(
            "POST", f"/orders/{single}/notes", {"note": {"text": "x"}}
        ).json(),
        "### Show Returns on Order [GET]": account.get(f"/orders/{single}/returns")[0],
        "### Create a New Allocation [POST]": allocated,
        "### Update Allocation Detail [PUT]": changed,
        "## Allocation [/orders/{order_id}/allocations/{allocation_id}]\x00### Delete [DELETE]": cleared,
        "### List All Products [GET]": account.get("/products"),
        "### View Product Detail [GET]": account.get(f"/products/{product}"),
        "### List All Customers [GET]": account.get("/customers")[0],
        "### Create a Customer [POST]": account.call("POST", "/customers", customer).json(),
        "### View Customer Detail [GET]": account.get(f"/customers/{order['customer']['id']}"),
        "### List All Stores [GET]": account.get("/channels"),
        "### View Store Detail [GET]": account.get("/channels/771"),
        "### List All Delivery Methods [GET]": account.get("/delivery_methods"),
        "### View Delivery Method Detail [GET]": account.get("/delivery_methods/11"),
        "### Create a Shipment [POST]": account.call("POST", "/shipments", parcel).json(),
        "### Show a Stock Entry [GET]": account.get(entry),
        "### Update a Stock Entry [PUT]": account.call(
            "PUT",
            entry,
            {"stock_entry": {"physical_stock_level": 200, "infinite": False, "location": "Shelf 2B"}},
        ).json(),
        "### View Company Detail [GET]": account.get("/current_company"),
        "### List All Warehouses [GET]": account.get("/warehouses"),
        "### View Warehouse Detail [GET]": account.get("/warehouses/41"),
    }


@needs_documents
def test_every_documented_answer_has_every_documented_key_and_type(answers: dict[str, Any]) -> None:
    """What the contract shows of an answer, the sandbox's answer has, in the same types."""
    wrong = []
    for heading, ours in answers.items():
        if "\x00" in heading:
            continue  # its heading is not unique in the contract; the recorded answer below is the same text
        wrong += [f"{heading} {each}" for each in differences(documented(heading), ours)]
    assert wrong == [f"{CREATED} allocations: nothing to compare with"]


@needs_documents
@pytest.mark.parametrize(
    ("file", "heading"),
    [
        ("responses_orders_show", "### View an Order Detail [GET]"),
        ("responses_allocations_create", "### Create a New Allocation [POST]"),
        ("responses_allocations_update", "### Update Allocation Detail [PUT]"),
        (
            "responses_allocations_delete",
            "## Allocation [/orders/{order_id}/allocations/{allocation_id}]\x00### Delete [DELETE]",
        ),
        ("responses_customers_show", "### View Customer Detail [GET]"),
        ("responses_products_index", "### List All Products [GET]"),
        ("responses_products_show", "### View Product Detail [GET]"),
        ("responses_returns_show", "### Show Returns on Order [GET]"),
        ("responses_stock_entries_show", "### Show a Stock Entry [GET]"),
        ("ruby_order_created", "### Create a New Order [POST]"),
        ("ruby_allocation_created", "### Create a New Allocation [POST]"),
        ("ruby_shipment_created", "### Create a Shipment [POST]"),
    ],
)
def test_a_recorded_answer_has_no_key_or_type_the_sandbox_lacks(
    answers: dict[str, Any], file: str, heading: str
) -> None:
    """What was recorded of the vendor, the sandbox's answer to the same call has too."""
    recorded = json.loads((FIXTURES / f"{file}.json").read_text(encoding="utf-8"))
    expected = ["allocations: nothing to compare with"] if heading == CREATED else []
    assert list(differences(recorded, answers[heading])) == expected


@needs_documents
@pytest.mark.parametrize("file", ["requests_orders_create_full", "requests_orders_create_minimum"])
def test_a_documented_order_body_is_accepted(file: str) -> None:
    """The bodies the documents give as examples make an order, once their ids are ours."""
    account = Account()
    earlier = account.get("/customers") or [account.post("WEB-0")["customer"]]
    body = json.loads((FIXTURES / f"{file}.json").read_text(encoding="utf-8"))
    order = body["order"]
    order["channel_id"], order["delivery_method_id"] = 771, 11
    order["customer_id"], order["deliver_to_id"] = earlier[0]["id"], earlier[0]["shipping_addresses"][0]["id"]
    for line, sellable in zip(order["line_items_attributes"], account.sellables, strict=False):
        line["sellable_id"] = sellable
    answer = account.call("POST", "/orders", body)
    assert answer.status == 201, answer.content
    if "full" in file:
        made = answer.json()
        assert made["total_discounts"] == 49.5
        assert made["subtotal_price"] == 175.5
        assert made["due_date"] == "2018-01-31T00:00:00.000Z"
        assert [line["taxless_discount_per_unit"] for line in made["line_items"]] == [0.0, 30.0]
        assert made["line_items"][0]["additional_options"] == "This thing is a thing"


@needs_documents
def test_every_status_is_one_the_documents_list(account: Account) -> None:
    """The roll-up knows no status of its own."""
    known = set(json.loads((FIXTURES / "references_order_statuses.json").read_text(encoding="utf-8")))
    assert {order["status"] for order in account.get("/orders", page_size=100)} <= known


def test_money_is_a_number_and_a_listed_delivery_methods_cost_is_text(account: Account) -> None:
    """Totals come out as JSON numbers although prices go in as text; one cost in one list is text."""
    order = account.get("/orders")[-1]
    assert all(
        isinstance(order[key], float)
        for key in ("subtotal_price", "delivery_cost", "total_tax", "total_price")
    )
    assert isinstance(order["line_items"][0]["price_per_unit"], float)
    assert isinstance(order["delivery_method"]["cost"], float)
    assert account.get("/delivery_methods")[0]["cost"] == "3.95"


def test_a_lines_tax_rate_is_a_fraction_and_its_sellables_a_percentage(account: Account) -> None:
    """Two fields of one name, one line apart, differ by a factor of a hundred."""
    line = account.get("/orders")[-1]["line_items"][0]
    assert (line["tax_rate"], line["sellable"]["tax_rate"]) == (0.2, 20.0)


def test_a_tracking_number_is_an_object_and_absent_when_nobody_typed_one(account: Account) -> None:
    """A parcel without a number has null where the object would be."""
    shipped = account.get("/orders")[-1]["allocations"][0]["shipment"]
    assert shipped["tracking_number"]["tracking_number"] == "15501234"
    made = account.place("BLANK")
    allocation = rules.allocate(account.world, account.warehouse, made.id, 41)
    rules.ship_allocation(
        account.world, account.warehouse, made.id, allocation.id, carrier_id=4, tracking_number=""
    )
    assert account.get(f"/orders/{made.id}")["allocations"][0]["shipment"]["tracking_number"] is None


def test_some_allocation_lines_have_no_sellable_id(account: Account) -> None:
    """The key is null now and then; the sellable beside it is always right."""
    lines = [
        line
        for order in account.get("/orders", page_size=100)
        for allocation in order["allocations"]
        for line in allocation["line_items"]
    ]
    for n in range(6):
        order = account.place(f"N{n}")
        rules.allocate(account.world, account.warehouse, order.id, 41)
        account.advance(5)
        lines += account.get(f"/orders/{order.id}")["allocations"][0]["line_items"]
    assert {line["sellable_id"] is None for line in lines} == {True, False}
    assert all(line["sellable"]["id"] in account.sellables for line in lines)


def test_instants_are_utc_with_milliseconds(account: Account) -> None:
    """Every stamp ends in three digits and Z."""
    text = json.dumps(account.get("/orders"))
    stamps = re.findall(r'"\w+_at": "([^"]+)"', text)
    assert stamps
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each) for each in stamps)


def test_a_return_counts_money_only_when_the_goods_are_back() -> None:
    """A return on its way has received and refunded nothing; one that came back has both."""
    account = Account()
    order = account.place("R1")
    allocation = rules.allocate(account.world, account.warehouse, order.id, 41)
    rules.ship_allocation(
        account.world, account.warehouse, order.id, allocation.id, carrier_id=4, tracking_number="1"
    )
    made = rules.create_return(account.world, account.warehouse, order.id, [(account.sellables[0], 1)])
    [before] = account.get(f"/orders/{order.id}/returns")
    assert (before["status"], before["number"], before["warehouse_name"]) == (
        "returning",
        f"RN-{made.id}",
        "Leeds",
    )
    assert before["line_items"][0] | {"id": 0} == {
        "id": 0,
        "title": "Item 1",
        "sku_code": "SKU-0001",
        "quantity": 1,
        "sellable_id": account.sellables[0],
        "received_quantity": 0,
        "refund_quantity": 0,
        "refund_amount": 0.0,
        "refund_amount_per_unit": 24.0,
    }
    rules.receive_return(account.world, account.warehouse, order.id, made.id)
    [after] = account.get(f"/orders/{order.id}")["returns"]
    assert (after["status"], after["line_items"][0]["refund_amount"]) == ("returned", 24.0)
