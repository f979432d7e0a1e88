"""The sandbox's BigCommerce behaves at its edge as the vendor's documents say: token, quota, lists, parts, faults."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.model import Location
from cogent_pipelines.sandbox.world.world import Odd
from cogent_pipelines_tests.sandbox.bigcommerce_account import START, Account

WHOLE = {"include": "consignments.line_items", "consignment_structure": "object"}


# --- token and quota ----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "sandbox-other-access_token"])
def test_a_wrong_token_is_401_in_the_words_of_each_version(token: str | None) -> None:
    """V3 says why, V2 answers a list."""
    account = Account()
    three = account.call("GET", "/v3/catalog/products", token=token)
    assert (three.status, three.json()) == (
        401,
        {
            "status": 401,
            "title": "Unauthorized - the v3 Auth client ID or token in the request are not a valid "
            "combination for this store.",
            "type": "/api-docs/getting-started/api-status-codes",
        },
    )
    two = account.call("GET", "/v2/orders", token=token)
    assert (two.status, two.json()[0]["status"]) == (401, 401)


def test_a_deleted_account_locks_its_token_out() -> None:
    """A token has no end but this one."""
    account = Account()
    account.kit.tokens.lock_out("web_us", START + timedelta(hours=1))
    assert account.call("GET", "/v2/store").status == 401
    account.advance(3700)
    assert account.call("GET", "/v2/store").status == 200


def test_every_answer_says_what_is_left_of_the_window() -> None:
    """150 calls in 30 seconds; the next window begins whole."""
    account = Account()
    first = account.call("GET", "/v2/store", waits=0).headers
    assert (first["x-rate-limit-requests-left"], first["x-rate-limit-time-window-ms"]) == ("149", "30000")
    account.advance(10)
    later = account.call("GET", "/v2/store", waits=0).headers
    assert (later["x-rate-limit-requests-left"], later["x-rate-limit-time-reset-ms"]) == ("148", "20000")
    account.advance(20)
    assert account.call("GET", "/v2/store", waits=0).headers["x-rate-limit-requests-left"] == "149"


def test_the_151st_call_of_a_window_is_429_until_it_ends() -> None:
    """Nothing comes back before: it is a window and no bucket."""
    account = Account()
    assert {account.call("GET", "/v2/store", waits=0).status for _ in range(150)} == {200}
    refused = account.call("GET", "/v2/store", waits=29)
    assert (refused.status, refused.headers["x-rate-limit-requests-left"]) == (429, "0")
    assert "retry-after" not in refused.headers
    assert account.call("GET", "/v2/store", waits=1).status == 200


def test_other_applications_spend_the_same_quota() -> None:
    """429 comes although we behaved."""
    account = Account()
    account.edge.quota.others = 149
    assert [account.call("GET", "/v2/store", waits=0).status for _ in range(2)] == [200, 429]


def test_a_429_of_the_platform_says_nothing_of_the_quota() -> None:
    """The whole platform is loaded."""
    account = Account()
    account.strike("GET /v2/store", "rate_limited")
    refused = account.call("GET", "/v2/store")
    assert refused.status == 429
    assert not [name for name in refused.headers if "rate-limit" in name]


def test_who_does_not_ask_for_json_gets_xml_of_v2() -> None:
    """V3 knows nothing else than JSON."""
    account = Account()
    assert account.call("GET", "/v2/store", headers={"accept": "text/plain"}).content.startswith(b"<?xml")
    assert account.call("GET", "/v3/catalog/products", headers={"accept": "text/plain"}).json()["data"]


# --- lists --------------------------------------------------------------------------------------------


def test_nothing_is_204_without_a_body_in_v2() -> None:
    """For a list, for a page past its end, and for an order's parts."""
    account = Account()
    assert (account.call("GET", "/v2/orders").status, account.call("GET", "/v2/orders").content) == (204, b"")
    order = account.place()
    for path in ("shipments", "coupons"):
        assert account.call("GET", f"/v2/orders/{order.id}/{path}").status == 204
    assert account.call("GET", "/v2/orders", page=2).status == 204


def test_a_page_past_the_end_is_an_empty_list_in_v3() -> None:
    """With the totals beside."""
    body = Account().get("/v3/catalog/variants", page=9)
    assert body["data"] == []
    assert body["meta"]["pagination"]["total_pages"] == 1


def test_pages_are_of_fifty_unless_asked_and_of_250_at_most() -> None:
    """The cap is silent."""
    account = Account(items=300)
    assert len(account.get("/v3/catalog/variants")["data"]) == 50
    capped = account.get("/v3/catalog/variants", limit=1000)
    assert len(capped["data"]) == capped["meta"]["pagination"]["per_page"] == 250
    assert capped["meta"]["pagination"]["links"]["next"] == "?page=2&limit=250"
    assert len(account.get("/v3/inventory/items", limit=1000)["data"]) == 300


@pytest.mark.parametrize("date", ["2026-11-02T06:30:00+00:00", "Mon, 02 Nov 2026 06:30:00 +0000"])
def test_orders_are_found_by_when_they_changed_in_either_form(date: str) -> None:
    """Compared in UTC, the instant itself included."""
    account = Account()
    old = account.place()
    account.advance(3600)
    new = account.place()
    assert [o["id"] for o in account.get("/v2/orders", min_date_modified=date)] == [new.id]
    shops.change_note(account.world, account.shop, old.id, note="ring twice")
    assert [o["id"] for o in account.get("/v2/orders", min_date_modified=date)] == [old.id, new.id]
    by_change = account.get("/v2/orders", min_date_modified=date, sort="date_modified:desc")
    assert [o["id"] for o in by_change] == [old.id, new.id]


def test_a_date_that_cannot_be_read_is_no_filter() -> None:
    """Without a word: whoever misspells it reads everything."""
    account = Account()
    account.place()
    assert len(account.get("/v2/orders", min_date_modified="yesterday")) == 1


def test_orders_begin_where_they_are_told_to() -> None:
    """By id, the id itself included; the count takes the same filters."""
    account = Account()
    first, second = account.place(), account.place()
    assert [o["id"] for o in account.get("/v2/orders", min_id=second.id)] == [second.id]
    assert account.get("/v2/orders/count", max_id=first.id) == {"count": 1}


def test_a_list_may_lag_behind_where_a_record_does_not() -> None:
    """What was just placed is there by its id."""
    account = Account()
    account.kit.lags["web_us"] = 60
    order = account.place()
    assert account.call("GET", "/v2/orders").status == 204
    assert account.get(f"/v2/orders/{order.id}")["id"] == order.id


# --- an order and its parts ----------------------------------------------------------------------------


def test_lines_and_addresses_come_with_the_order_when_asked_for() -> None:
    """Else there are links to them."""
    account = Account()
    order = account.place()
    (plain,) = account.get("/v2/orders")
    assert set(plain["consignments"]) == set(plain["products"]) == {"url", "resource"}
    (whole,) = account.get("/v2/orders", **WHOLE)
    (shipping,) = whole["consignments"]["shipping"]
    (line,) = shipping["line_items"]
    assert (line["id"], line["sku"], line["quantity"]) == (order.lines[0].id, "SKU-0001", 2)
    assert account.get(f"/v2/orders/{order.id}/products") == [line]
    assert line["order_address_id"] == shipping["id"] != order.id


def test_money_is_text_in_v2_and_a_number_in_v3() -> None:
    """Two units of 24.00 and 6.00 of delivery, tax in all."""
    account = Account()
    order = account.place()
    shown = account.get(f"/v2/orders/{order.id}")
    assert (shown["subtotal_inc_tax"], shown["shipping_cost_inc_tax"], shown["total_inc_tax"]) == (
        "48.0000",
        "6.0000",
        "54.0000",
    )
    assert (shown["subtotal_ex_tax"], shown["total_tax"], shown["is_tax_inclusive_pricing"]) == (
        "40.0000",
        "9.0000",
        True,
    )
    (paid,) = account.get(f"/v3/orders/{order.id}/transactions")["data"]
    assert (paid["amount"], paid["event"], paid["status"]) == (54.0, "purchase", "ok")


def test_dates_are_rfc_2822_in_v2_and_iso_in_v3() -> None:
    """Always UTC; no date is an empty text."""
    account = Account()
    order = account.place()
    shown = account.get(f"/v2/orders/{order.id}")
    assert (shown["date_created"], shown["date_shipped"]) == ("Mon, 02 Nov 2026 06:00:00 +0000", "")
    (paid,) = account.get(f"/v3/orders/{order.id}/transactions")["data"]
    assert re.fullmatch(r"2026-11-02T06:00:\d\d\+00:00", paid["date_created"])


def test_the_currency_shown_is_not_the_currency_paid_in() -> None:
    """``currency_code`` is for the shopper's eyes."""
    account = Account()
    order = account.place(presentment=("EUR", Decimal("1.17")))
    shown = account.get(f"/v2/orders/{order.id}")
    assert (shown["currency_code"], shown["default_currency_code"]) == ("EUR", "GBP")


def test_what_is_downloaded_goes_to_no_address() -> None:
    """Its address is 0."""
    account = Account()
    sold = account.variants[2]
    line = shops.NewLine(sold.sku, 1, Decimal(5), sold.id, requires_shipping=False)
    order = account.place(lines=[line])
    held = account.get(f"/v2/orders/{order.id}/consignments")
    assert held["shipping"] == []
    assert held["downloads"][0]["line_items"][0]["order_address_id"] == 0
    assert account.call("GET", f"/v2/orders/{order.id}/shipping_addresses").status == 204


def test_tax_lines_name_their_order_lines_only_with_details() -> None:
    """A class of tax lines otherwise."""
    account = Account()
    order = account.place()
    (plain,) = account.get(f"/v2/orders/{order.id}/taxes")
    assert ("order_product_id" in plain, plain["rate"]) == (False, "20.0000")
    rows = account.get(f"/v2/orders/{order.id}/taxes", details="true")
    assert [(r["line_item_type"], r["order_product_id"]) for r in rows] == [
        ("item", str(order.lines[0].id)),
        ("shipping", ""),
    ]


def test_the_status_follows_the_order_and_is_no_state_of_payment() -> None:
    """Seven of the fifteen come by themselves here."""
    account = Account()

    def seen(order: Any) -> tuple[int, str]:
        shown = account.get(f"/v2/orders/{order.id}")
        return shown["status_id"], shown["payment_status"]

    unpaid, order, gone = account.place(is_paid=False), account.place(), account.place()
    assert seen(unpaid) == (7, "")
    assert seen(order) == (11, "captured")
    account.call("POST", f"/v2/orders/{order.id}/shipments", account.shipment(order, 1))
    assert seen(order) == (3, "captured")
    account.call("POST", f"/v2/orders/{order.id}/shipments", account.shipment(order, 1))
    assert seen(order) == (2, "captured")
    shops.refund(account.world, account.shop, order.id, lines=[(order.lines[0].id, 1, "return")])
    assert seen(order) == (14, "partially refunded")
    shops.cancel_order(account.world, account.shop, gone.id)
    assert seen(gone) == (5, "refunded")


def test_an_order_edited_down_costs_what_is_left_of_it() -> None:
    """Lines and totals say the same; what was refunded stays in both."""
    account = Account()
    order = account.place(is_paid=False)

    def seen() -> tuple[int, str, str]:
        found = account.get(f"/v2/orders/{order.id}")
        return found["items_total"], found["total_inc_tax"], found["total_tax"]

    assert seen() == (2, "54.0000", "9.0000")
    shops.set_quantity(account.world, account.shop, order.id, order.lines[0].id, 1)
    assert seen() == (1, "30.0000", "5.0000")
    shops.pay(account.world, account.shop, order.id)
    shops.refund(account.world, account.shop, order.id, lines=[(order.lines[0].id, 1, "cancel")])
    assert seen() == (1, "30.0000", "5.0000")


def test_refunds_stand_beside_the_units_of_a_line_and_have_a_list_of_their_own() -> None:
    """By when they were made; goodwill is of the whole order."""
    account = Account()
    order = account.place()
    at = account.world.now
    account.advance(60)
    shops.refund(
        account.world, account.shop, order.id, lines=[(order.lines[0].id, 1, "cancel")], adjustment=Decimal(2)
    )
    (line,) = account.get(f"/v2/orders/{order.id}/products")
    assert (line["quantity"], line["quantity_refunded"]) == (2, 1)
    later = f"{at + timedelta(seconds=30):%Y-%m-%dT%H:%M:%S+00:00}"
    (found,) = account.get("/v3/orders/payment_actions/refunds", created__min=later)["data"]
    assert [(i["item_type"], i["requested_amount"]) for i in found["items"]] == [
        ("PRODUCT", None),
        ("ORDER", 2.0),
    ]
    assert (found["total_amount"], found["payments"][0]["is_declined"]) == (26.0, False)
    later = f"{at + timedelta(seconds=300):%Y-%m-%dT%H:%M:%S+00:00}"
    assert account.get("/v3/orders/payment_actions/refunds", created__min=later)["data"] == []


@pytest.mark.parametrize(
    "path", ["/v2/orders/1", "/v2/orders/1/shipments", "/v2/returns", "/v2/orders/1/products"]
)
def test_what_is_not_there_is_404_in_a_list(path: str) -> None:
    """V2 says everything in a list."""
    answer = Account().call("GET", path)
    assert (answer.status, answer.json()[0]["status"]) == (404, 404)


# --- catalogue and levels -------------------------------------------------------------------------------


def test_a_plain_product_is_tracked_by_product_and_one_of_variants_by_variant() -> None:
    """And what is not tracked at all has no level."""
    account = Account()
    account.variants[3].is_tracked = False
    products = account.get("/v3/catalog/products", sort="id")["data"]
    assert [p["inventory_tracking"] for p in products] == ["variant", "product", "none"]
    assert [i["identity"]["sku"] for i in account.get("/v3/inventory/items")["data"]] == [
        "SKU-0001",
        "SKU-0002",
        "SKU-0003",
    ]


def test_only_the_fields_asked_for_come() -> None:
    """With the id in any case, and variants where they are included."""
    account = Account()
    answer = account.get("/v3/catalog/products", include_fields="name", include="variants")
    assert set(answer["data"][0]) == {"id", "name", "variants"}
    after = account.get("/v3/catalog/products", id__greater=answer["data"][0]["id"])["data"]
    assert [p["id"] for p in after] == [p["id"] for p in answer["data"][1:]]


def test_safety_stock_comes_off_what_is_sold() -> None:
    """On hand less it; location by location."""
    account = Account(locations=2)
    first = account.variants[0]
    body = {"settings": [{"identity": {"sku": first.sku}, "safety_stock": 2}]}
    assert account.call("PUT", "/v3/inventory/locations/1/items", body).status == 200
    (item,) = account.get("/v3/inventory/items", variant_id__in=first.id)["data"]
    (place,) = item["locations"]
    assert (place["available_to_sell"], place["total_inventory_onhand"], place["location_id"]) == (98, 100, 1)
    assert (
        account.get("/v3/inventory/locations/2/items", variant_id__in=first.id)["data"][0]["locations"] == []
    )
    account.shop.locations[3] = Location(3, "Closed", is_active=False)
    assert [x["enabled"] for x in account.get("/v3/inventory/locations")["data"]] == [True, True, False]


# --- planted faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("error_500", 500),
        ("unavailable", 503),
        ("forbidden", 403),
        ("token_revoked", 401),
        ("not_found_yet", 404),
    ],
)
@pytest.mark.parametrize(("path", "is_list"), [("/v2/orders", True), ("/v3/catalog/products", False)])
def test_a_planted_refusal_is_worded_as_its_version_does(
    kind: str, status: int, path: str, is_list: bool
) -> None:
    """A list of messages in V2, a problem in V3."""
    account = Account()
    account.strike(f"GET {path}", kind)
    answer = account.call("GET", path)
    assert answer.status == status
    body = answer.json()[0] if is_list else answer.json()
    assert body["status"] == status
    assert isinstance(answer.json(), list) is is_list


@pytest.mark.parametrize(
    ("kind", "count", "total"),
    [
        ("empty_list", 0, 0),
        ("record_missing_from_list", 3, 4),
        ("count_disagrees", 4, 7),
        ("unknown_field", 4, 4),
    ],
)
def test_a_planted_fault_inside_a_list_is_seen_there(kind: str, count: int, total: int) -> None:
    """Records, or what is said of them."""
    account = Account()
    account.strike("GET /v3/catalog/variants", kind)
    answer = account.get("/v3/catalog/variants")
    assert (len(answer["data"]), answer["meta"]["pagination"]["total"]) == (count, total)


def test_a_status_nobody_documents_can_be_planted() -> None:
    """So can a field of a certain order."""
    account = Account()
    order = account.place()
    account.strike("GET /v2/orders", "unknown_status")
    assert account.get("/v2/orders")[0]["status_id"] == 15
    account.world.odd.append(Odd("web_us", str(order.id), "billing_address.email", 5))
    assert account.get("/v2/orders")[0]["billing_address"]["email"] == 5


def test_a_connection_can_be_cut_after_the_effect() -> None:
    """The order is shipped, and the caller does not know."""
    account = Account()
    order = account.place()
    account.strike("POST /v2/orders/{id}/shipments", "reset_after_effect")
    assert account.call("POST", f"/v2/orders/{order.id}/shipments", account.shipment(order)).is_cut
    assert len(account.get(f"/v2/orders/{order.id}/shipments")) == 1
