"""The sandbox's Veeqo behaves at its edge as the vendor's documents say: key, limit, lists, lag, faults."""

from __future__ import annotations

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.world import Odd
from cogent_pipelines_tests.sandbox.veeqo_account import START, Account


def numbers(account: Account, **asked: object) -> list[str]:
    """The numbers of the orders a list gives, in its order."""
    return [order["number"] for order in account.get("/orders", **asked)]


# --- key and limit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "sandbox-other-api_key"])
def test_a_wrong_key_is_401(key: str | None) -> None:
    """Without the account's key nothing is answered, not even what does not exist."""
    account = Account()
    for path in ("/orders", "/current_company", "/nowhere"):
        answer = account.call("GET", path, key=key)
        assert (answer.status, answer.json()) == (401, {"error_messages": ["Unauthorized"]})


def test_a_refreshed_key_locks_the_old_one_out() -> None:
    """A key of an account that no longer pays, or that was renewed, is 401 until it is good again."""
    account = Account()
    account.kit.tokens.lock_out("wms_uk", START.replace(hour=7))
    assert account.call("GET", "/orders").status == 401
    account.advance(3600)
    assert account.call("GET", "/orders").status == 200


def test_the_bucket_holds_a_hundred_and_leaks_five_a_second() -> None:
    """The 101st call at once is 429 without any header; one second later five more pass."""
    account = Account()
    assert {account.call("GET", "/warehouses", waits=0).status for _ in range(100)} == {200}
    refused = account.call("GET", "/warehouses", waits=0)
    assert refused.status == 429
    assert not [name for name in refused.headers if "retry" in name or "limit" in name]
    account.advance(1.0)
    assert [account.call("GET", "/warehouses", waits=0).status for _ in range(6)] == [200] * 5 + [429]
    assert account.kit.counters.throttled["wms_uk"] == 2


def test_a_throttled_write_has_no_effect() -> None:
    """A 429 is never applied."""
    account = Account()
    for _ in range(100):
        account.call("GET", "/warehouses", waits=0)
    assert account.call("POST", "/orders", account.body(), waits=0).status == 429
    assert account.warehouse.orders == {}


@pytest.mark.parametrize("path", ["/health", "/ping"])
def test_health_needs_no_key(path: str) -> None:
    """A probe finds the service without credentials."""
    assert Account().call("GET", path, key=None).status == 200


@pytest.mark.parametrize(
    "path", ["/shipments", "/returns", "/inventory_levels", "/stock_levels", "/payments", "/v2"]
)
def test_what_is_no_route_is_404_in_its_own_shape(path: str) -> None:
    """Shipments, returns and stock have no list of their own."""
    answer = Account().call("GET", path)
    assert (answer.status, answer.json()) == (404, {"status": "404", "error": "Not Found"})


# --- pages --------------------------------------------------------------------------------------------


def test_pages_are_bare_arrays_with_totals_in_headers() -> None:
    """Twelve at a time unless asked; the headers say how many there are."""
    account = Account()
    for n in range(30):
        account.place(f"N{n}")
        account.advance(60)
    first = account.call("GET", "/orders")
    assert len(first.json()) == 12
    assert (first.headers["x-total-count"], first.headers["x-total-pages-count"]) == ("30", "3")
    assert (first.headers["x-page-index"], first.headers["x-per-page"]) == ("1", "12")
    assert len(account.get("/orders", page=3)) == 6
    assert account.get("/orders", page=4) == []


def test_a_page_size_above_a_hundred_is_a_hundred_without_a_word() -> None:
    """The cap is silent."""
    account = Account()
    for n in range(130):
        account.place(f"N{n}")
    answer = account.call("GET", "/orders", page_size=250)
    assert (len(answer.json()), answer.headers["x-per-page"]) == (100, "100")


def test_delivery_methods_come_one_at_a_time_unless_asked() -> None:
    """Their default page is one: a careless reader maps every order to the first method."""
    account = Account()
    assert [m["id"] for m in account.get("/delivery_methods")] == [11]
    assert [m["id"] for m in account.get("/delivery_methods", page_size=100)] == [11, 12]


def test_products_do_not_say_how_many_pages_there_are() -> None:
    """Their list gives a total count and leaves the pages to the reader."""
    headers = Account().call("GET", "/products").headers
    assert headers["x-total-count"] == "4"
    assert "x-total-pages-count" not in headers


def test_sellables_are_paged_by_a_name_of_their_own() -> None:
    """They take per_page and ignore page_size."""
    account = Account()
    assert len(account.get("/sellables", per_page=2)) == 2
    assert len(account.get("/sellables", page_size=2)) == 4


def test_customers_beyond_the_hundredth_page_repeat_it() -> None:
    """With pages of 100, page 101 shows page 100 again: whoever waits for a short page waits for ever."""
    account = Account()
    for n in range(10_050):
        rules.find_or_make_customer(
            account.world, account.warehouse, f"c{n}@example.test", account.place("X").address
        )
        account.warehouse.orders.clear()
    last = account.get("/customers", page=100, page_size=100)
    assert len(last) == 100
    assert account.get("/customers", page=101, page_size=100) == last
    assert account.get("/customers", page=202, page_size=50) != account.get(
        "/customers", page=201, page_size=50
    )


def test_orders_are_newest_first_and_pages_drift() -> None:
    """An order placed between two pages pushes the last of the first page onto the second."""
    account = Account()
    for n in range(6):
        account.place(f"N{n}")
        account.advance(60)
    first = numbers(account, page_size=3)
    account.place("NEW")
    second = numbers(account, page_size=3, page=2)
    assert first == ["N5", "N4", "N3"]
    assert second == ["N3", "N2", "N1"]


def test_orders_written_into_the_past_take_their_place() -> None:
    """History that appears later is listed by its age, and a deleted order is gone."""
    account = Account()
    account.place("NOW")
    old = account.place("OLD")
    account.warehouse.orders.pop(old.id)
    old.created_at = START.replace(year=2025)
    account.warehouse.orders[old.id] = old
    account.warehouse.order_log.add(old.created_at, old.id)
    assert numbers(account) == ["NOW", "OLD"]
    rules.delete_order(account.world, account.warehouse, old.id)
    account.place("LATER")
    assert numbers(account) == ["LATER", "NOW"]


# --- filters ------------------------------------------------------------------------------------------


def test_cancelled_orders_are_only_in_the_list_that_asks_for_them() -> None:
    """Without status=cancelled a cancellation looks like a missing order."""
    account = Account()
    kept, gone = account.place("KEPT"), account.place("GONE")
    rules.cancel_order(account.world, account.warehouse, gone.id)
    assert numbers(account) == ["KEPT"]
    assert numbers(account, status="cancelled") == ["GONE"]
    assert numbers(account, query="GONE") == []
    assert numbers(account, query="GONE", status="cancelled") == ["GONE"]
    assert account.get(f"/orders/{gone.id}")["status"] == "cancelled"
    assert kept.cancelled_at is None


def test_dates_filter_from_the_second_named() -> None:
    """``YYYY-MM-DD HH:MM:SS`` is UTC, and the second itself is in."""
    account = Account()
    first = account.place("FIRST")
    account.advance(600)
    account.place("SECOND")
    at = "2026-11-02 06:10:00"
    assert numbers(account, created_at_min=at) == ["SECOND"]
    assert numbers(account, updated_at_min=at) == ["SECOND"]
    rules.add_note(account.world, account.warehouse, first.id, "hello")
    assert numbers(account, updated_at_min=at) == ["SECOND", "FIRST"]
    assert numbers(account, **{"created[before]": at}) == ["FIRST"]
    assert numbers(account, **{"created[after]": "2026-11-02T06:10:00Z"}) == ["SECOND"]


def test_a_date_that_cannot_be_read_is_refused() -> None:
    """Nothing is listed for a filter nobody understood."""
    assert Account().call("GET", "/orders", updated_at_min="yesterday").status == 400


def test_the_query_is_fuzzy_on_number_and_email() -> None:
    """Looking for 1042 also finds WEB-10421: whoever looks up must compare exactly."""
    account = Account()
    account.place("WEB-1042")
    account.place("WEB-10421", email="bob@example.test")
    account.place("#1042")
    assert set(numbers(account, query="1042")) == {"WEB-1042", "WEB-10421", "#1042"}
    assert set(numbers(account, query="web-1042")) == {"WEB-1042", "WEB-10421"}
    assert set(numbers(account, query="#1042")) >= {"#1042"}
    assert numbers(account, query="BOB@example.test") == ["WEB-10421"]
    assert numbers(account, query="nobody") == []


def test_other_filters_choose_by_id_channel_facility_due_day_and_tag() -> None:
    """Every filter of the documents narrows the list."""
    account = Account()
    first = account.place("A", due_on="2026-11-05")
    second = account.place("B")
    rules.allocate(account.world, account.warehouse, second.id, 42)
    assert numbers(account, since_id=first.id) == ["B"]
    assert numbers(account, **{"channel_ids[]": [771]}) == ["B", "A"]
    assert numbers(account, **{"channel_ids[]": [1, 2]}) == []
    assert numbers(account, allocated_at=42) == ["B"]
    assert numbers(account, allocated_at=41) == []
    assert numbers(account, **{"due[after]": "2026-11-05"}) == ["A"]
    assert numbers(account, **{"due[before]": "2026-11-05"}) == []
    assert numbers(account, tags="urgent") == []
    assert numbers(account, status="awaiting_stock") == ["A"]


def test_products_filter_by_words_change_warehouse_and_id() -> None:
    """The products' filters narrow; stock that moves does not move a product's updated_at."""
    account = Account()
    account.advance(3600)
    rules.rename_sku(account.world, account.warehouse, account.sellables[1], "SKU-NEW")
    rules.count_stock(account.world, account.warehouse, account.sellables[2], 41, 7)
    found = account.get("/products", updated_at_min="2026-11-02 07:00:00")
    assert [p["sellables"][0]["sku_code"] for p in found] == ["SKU-NEW"]
    assert len(account.get("/products", query="sku-000")) == 3
    assert len(account.get("/products", since_id=found[0]["id"])) == 2
    assert len(account.get("/products", warehouse_id=42)) == 4
    assert len(account.get("/products", warehouse_id=43)) == 0


def test_deleted_items_are_in_no_list() -> None:
    """What was withdrawn is gone from products and sellables."""
    account = Account()
    rules.delete_sellable(account.world, account.warehouse, account.sellables[0])
    assert len(account.get("/products")) == 3
    assert len(account.get("/sellables")) == 3


# --- lag, re-allocation, merging, roll-up --------------------------------------------------------------


def test_a_search_runs_behind_and_a_detail_does_not() -> None:
    """With list lag a new order is readable by id before any list or search has it."""
    account = Account()
    account.kit.lags["wms_uk"] = 30.0
    order = account.place("NEW")
    assert account.get(f"/orders/{order.id}")["number"] == "NEW"
    assert numbers(account) == numbers(account, query="NEW") == []
    account.advance(30)
    assert numbers(account, query="NEW") == ["NEW"]
    rules.add_note(account.world, account.warehouse, order.id, "x")
    assert numbers(account, updated_at_min="2026-11-02 06:00:20") == []
    account.advance(30)
    assert numbers(account, updated_at_min="2026-11-02 06:00:20") == ["NEW"]


def test_an_order_being_allocated_anew_shows_no_allocations_for_a_moment() -> None:
    """A list read then shows an empty set although a parcel has left; the next read has all of it."""
    account = Account()
    order = account.place("PART", units=3)
    first = rules.allocate(account.world, account.warehouse, order.id, 41, [(account.sellables[0], 1)])
    rules.ship_allocation(
        account.world, account.warehouse, order.id, first.id, carrier_id=4, tracking_number="1"
    )
    account.advance(60)
    assert len(account.get("/orders")[0]["allocations"]) == 1
    rules.allocate(account.world, account.warehouse, order.id, 42)
    assert account.get("/orders")[0]["allocations"] == []
    assert len(account.get(f"/orders/{order.id}")["allocations"]) == 2
    account.advance(5)
    assert len(account.get("/orders")[0]["allocations"]) == 2


def test_a_first_allocation_is_visible_at_once() -> None:
    """Only taking allocations apart empties the set."""
    account = Account()
    order = account.place("ONE")
    rules.allocate(account.world, account.warehouse, order.id, 41)
    assert len(account.get("/orders")[0]["allocations"]) == 1


def test_a_merged_order_names_the_one_it_went_into() -> None:
    """The child is listed with merged_to_id and ships nothing of its own."""
    account = Account()
    parent, child = account.place("P"), account.place("C")
    rules.merge_orders(account.world, account.warehouse, child.id, parent.id)
    shown = {order["number"]: order for order in account.get("/orders")}
    assert (shown["C"]["merged_to_id"], shown["P"]["merged_to_id"]) == (parent.id, None)
    assert shown["C"]["allocations"] == []
    assert len(shown["P"]["line_items"]) == 2


def test_the_status_rolls_up_payment_stock_hold_parcels_and_the_end() -> None:
    """An order with a parcel gone is awaiting stock still while a line has no allocation."""
    account = Account()

    def status(order_id: int) -> str:
        return str(account.get(f"/orders/{order_id}")["status"])

    order = account.place("S", units=2, is_paid=False)
    assert status(order.id) == "awaiting_payment"
    rules.update_order(account.world, account.warehouse, order.id, is_paid=True)
    assert status(order.id) == "awaiting_stock"
    part = rules.allocate(account.world, account.warehouse, order.id, 41, [(account.sellables[0], 1)])
    rules.ship_allocation(
        account.world, account.warehouse, order.id, part.id, carrier_id=4, tracking_number="1"
    )
    assert status(order.id) == "awaiting_stock"
    rest = rules.allocate(account.world, account.warehouse, order.id, 41)
    assert status(order.id) == "awaiting_fulfillment"
    rules.set_hold(account.world, account.warehouse, order.id, held=True)
    assert status(order.id) == "on_hold"
    rules.set_hold(account.world, account.warehouse, order.id, held=False)
    rules.ship_allocation(
        account.world, account.warehouse, order.id, rest.id, carrier_id=4, tracking_number="2"
    )
    assert status(order.id) == "shipped"
    order.is_refunded = True
    assert status(order.id) == "refunded"


# --- planted faults -----------------------------------------------------------------------------------


def strike(account: Account, operation: str, kind: str, *, match: str = "") -> None:
    """Have one kind of fault meet every call of an operation."""
    account.kit.faults.outages = [
        Outage(
            "wms_uk", operation, kind, account.world.now, account.world.now.replace(year=2030), match=match
        )
    ]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("error_500", 500),
        ("bad_gateway_burst", 502),
        ("unavailable", 503),
        ("rate_limited", 429),
        ("token_expired", 401),
        ("forbidden", 403),
        ("not_found_yet", 404),
    ],
)
def test_a_planted_refusal_has_its_code_and_no_effect(kind: str, status: int) -> None:
    """Whatever refuses a write has not carried it out."""
    account = Account()
    strike(account, "POST /orders", kind)
    assert account.call("POST", "/orders", account.body()).status == status
    assert account.warehouse.orders == {}


def test_an_effect_can_survive_a_cut_connection() -> None:
    """The order is there although no answer came."""
    account = Account()
    strike(account, "POST /orders", "reset_after_effect")
    assert account.call("POST", "/orders", account.body()).is_cut
    account.kit.faults.outages = []
    assert numbers(account, query="WEB-1042") == ["WEB-1042"]


def test_a_gateway_can_time_out_after_the_effect() -> None:
    """A 504 page, and the order is there."""
    account = Account()
    strike(account, "POST /orders", "gateway_timeout_after_effect", match="WEB-1042")
    answer = account.call("POST", "/orders", account.body())
    assert (answer.status, answer.content[:6]) == (504, b"<html>")
    assert len(account.warehouse.orders) == 1


@pytest.mark.parametrize(
    ("kind", "stored"), [("stores_nothing", 0), ("stores_twice", 2), ("stores_truncated", 1)]
)
def test_a_yes_can_be_a_lie(kind: str, stored: int) -> None:
    """201 with a whole order, and behind it none, two, or a shortened one."""
    account = Account()
    strike(account, "POST /orders", kind)
    made = account.call(
        "POST",
        "/orders",
        account.body(
            deliver_to_attributes={"address1": "1 The Longest High Street", "zip": "LS1", "country": "GB"}
        ),
    )
    assert made.status == 201
    account.kit.faults.outages = []
    assert len(account.get("/orders", query="WEB-1042")) == stored
    if kind == "stores_truncated":
        assert account.get("/orders")[0]["deliver_to"]["address1"] == "1 The Longes"


def test_an_allocation_can_succeed_in_part() -> None:
    """201, and one of two lines is not in it."""
    account = Account()
    lines = [{"sellable_id": s, "quantity": 1, "price_per_unit": 1} for s in account.sellables[:2]]
    order = account.post(line_items_attributes=lines)
    strike(account, "POST /orders/{id}/allocations", "partial_success")
    body = {"allocation": {"warehouse_id": 41, "line_items_attributes": lines}}
    answer = account.call("POST", f"/orders/{order['id']}/allocations", body)
    assert answer.status == 201
    assert not answer.json()["allocated_completely"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("record_missing_from_list", (["N3"], "4")),
        ("duplicate_across_pages", (["N4", "N3"], "4")),
        ("page_drift", (["N4", "N3"], "4")),
        ("count_disagrees", (["N3", "N2"], "7")),
        ("empty_list", ([], "0")),
    ],
)
def test_a_list_can_be_wrong_in_ways_a_reader_must_survive(
    kind: str, expected: tuple[list[str], str]
) -> None:
    """Second page of two: a record missing, repeated, drifted, miscounted, or nothing at all."""
    account = Account()
    for n in (2, 3, 4, 5):
        account.place(f"N{n}")
        account.advance(1)
    strike(account, "GET /orders", kind)
    page = account.call("GET", "/orders", page=2, page_size=2)
    assert ([o["number"] for o in page.json()], page.headers["x-total-count"]) == expected


@pytest.mark.parametrize("kind", ["unknown_status", "unknown_field", "wrong_type"])
def test_a_record_can_be_as_no_document_describes_it(kind: str) -> None:
    """An unseen status, an unseen field, a value of another type: the rest of the record is as ever."""
    account = Account()
    account.place("ODD")
    plain = account.get("/orders")[0]
    strike(account, "GET /orders", kind)
    odd = account.get("/orders")[0]
    changed = {key for key in odd if odd[key] != plain.get(key)}
    assert changed == {"unknown_status": {"status"}, "unknown_field": {"sustainability_score"}}.get(
        kind, {"created_at"}
    )


def test_the_world_can_make_one_record_odd() -> None:
    """A planted oddity shows in lists and in the detail, also deep inside."""
    account = Account()
    order = account.place("ODD")
    account.world.odd.append(Odd("wms_uk", str(order.id), "status", "awaiting_inspection"))
    account.world.odd.append(Odd("wms_uk", str(order.id), "line_items.0.sellable.sku_code", 7))
    for shown in (account.get("/orders")[0], account.get(f"/orders/{order.id}")):
        assert (shown["status"], shown["line_items"][0]["sellable"]["sku_code"]) == ("awaiting_inspection", 7)
