"""The sandbox's Adobe Commerce behaves at its edge as the vendor's documents say: signatures, searches, traps."""

from __future__ import annotations

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.vendors import adobe_commerce
from cogent_pipelines.sandbox.world.world import Odd
from cogent_pipelines_tests.sandbox.adobe_commerce_account import (
    SECRETS,
    SHOP,
    START,
    Account,
    answer_misfits,
    criteria,
)

ORDERS = f"/{SHOP}/rest/default/V1/orders"
UNWELCOME = {
    "message": "The consumer isn't authorized to access %resources.",
    "parameters": {"resources": "Magento_Sales::actions_view"},
}


# --- who is let in ----------------------------------------------------------------------------------------


def test_a_signed_request_is_answered() -> None:
    """Parameters with brackets and blanks are part of what is signed."""
    account = Account()
    account.place("#10 01")
    found = account.list("orders", ("increment_id", "#10 01", "eq"))
    assert [order["increment_id"] for order in found["items"]] == ["#10 01"]


@pytest.mark.parametrize(
    ("wrong", "status", "name"),
    [
        ({"consumer_key": "x"}, 401, "consumer_key_rejected"),
        ({"access_token": "x"}, 401, "token_rejected"),
        ({"consumer_secret": "x"}, 401, "signature_invalid"),
        ({"access_token_secret": "x"}, 401, "signature_invalid"),
        ({"oauth_signature": "x"}, 401, "signature_invalid"),
        ({"oauth_signature_method": "HMAC-SHA1"}, 401, "signature_invalid"),
        ({"oauth_timestamp": str(int(START.timestamp()) + 3600)}, 400, "timestamp_refused"),
    ],
)
def test_a_wrong_signature_is_refused_by_name(wrong: dict[str, str], status: int, name: str) -> None:
    """Only HMAC-SHA256 is accepted."""
    account = Account()
    query = "searchCriteria[pageSize]=1"
    answer = account.call(
        "GET", "orders", headers=account.signed("GET", ORDERS, query, **wrong), **criteria(size=1)
    )
    assert answer.status == status
    assert name in answer.json()["message"]


def test_a_nonce_is_good_once() -> None:
    """A request cannot be played again."""
    account = Account()
    headers = account.signed("GET", ORDERS, "searchCriteria=")
    assert account.call("GET", "orders", headers=headers, searchCriteria="").status == 200
    again = account.call("GET", "orders", headers=headers, searchCriteria="")
    assert (again.status, again.json()["message"]) == (401, "oauth_problem=nonce_used")


def test_the_token_alone_is_refused_unless_the_shop_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the refusal reads like one of permissions."""
    account = Account()
    headers = {"authorization": f"Bearer {SECRETS['access_token']}"}
    refused = account.call("GET", "orders", headers=headers, searchCriteria="")
    assert (refused.status, refused.json()) == (401, UNWELCOME)
    monkeypatch.setattr(adobe_commerce.Edge, "takes_bearer", True)
    assert account.call("GET", "orders", headers=headers, searchCriteria="").status == 200
    wrong = account.call("GET", "orders", headers={"authorization": "Bearer x"}, searchCriteria="")
    assert (wrong.status, wrong.json()) == (401, UNWELCOME)
    assert account.call("GET", "orders", headers={}, searchCriteria="").json() == UNWELCOME


def test_a_revoked_integration_is_locked_out_until_it_is_good_again() -> None:
    """Every call of it, whatever its signature."""
    account = Account()
    account.kit.tokens.lock_out(SHOP, START.replace(hour=7))
    assert account.call("GET", "orders", searchCriteria="").status == 401
    account.advance(3600)
    assert account.call("GET", "orders", searchCriteria="").status == 200


# --- searches ---------------------------------------------------------------------------------------------


def ids(body: dict[str, list[dict[str, int]]]) -> list[int]:
    """The ids a list gives, in its order."""
    return [each["entity_id"] for each in body["items"]]


@pytest.fixture(scope="module")
def five() -> Account:
    """Five orders, a minute apart."""
    account = Account()
    for number in range(5):
        account.place(f"#{number}")
        account.advance(60)
    return account


def test_a_page_past_the_end_is_the_last_page_again(five: Account) -> None:
    """For ever; only the count says that the list is over."""
    last = five.list("orders", size=2, page=3)
    assert len(ids(last)) == 1
    for page in (4, 5, 99):
        assert ids(five.list("orders", size=2, page=page)) == ids(last)
    assert last["total_count"] == 5
    assert ids(five.list("orders", size=2, page=0)) == ids(five.list("orders", size=2, page=1))


def test_without_a_size_everything_comes(five: Account) -> None:
    """And without any criteria nothing does."""
    assert len(five.get("orders", searchCriteria="")["items"]) == 5
    refused = five.call("GET", "orders")
    assert (refused.status, refused.json()["parameters"]) == (400, {"fieldName": "searchCriteria"})


def test_filters_of_a_group_are_alternatives_and_groups_are_joined(five: Account) -> None:
    """Either spelling will do."""
    at = "searchCriteria[filter_groups]"
    asked = {
        f"{at}[0][filters][0][field]": "increment_id",
        f"{at}[0][filters][0][value]": "#1",
        f"{at}[0][filters][0][condition_type]": "eq",
        f"{at}[0][filters][1][field]": "increment_id",
        f"{at}[0][filters][1][value]": "#3",
        f"{at}[1][filters][0][field]": "created_at",
        f"{at}[1][filters][0][value]": "2026-11-02 06:02:00",
        f"{at}[1][filters][0][condition_type]": "gteq",
    }
    assert [order["increment_id"] for order in five.get("orders", **asked)["items"]] == ["#3"]


@pytest.mark.parametrize(
    ("condition", "value", "found"),
    [
        ("eq", "#2", ["#2"]),
        ("neq", "#2", ["#0", "#1", "#3", "#4"]),
        ("in", "#1,#4", ["#1", "#4"]),
        ("nin", "#1,#4", ["#0", "#2", "#3"]),
        ("nfinset", "#1", ["#0", "#2", "#3", "#4"]),
        ("like", "%3", ["#3"]),
        ("gt", "#2", ["#3", "#4"]),
        ("lteq", "#1", ["#0", "#1"]),
        ("null", "1", []),
        ("notnull", "1", ["#0", "#1", "#2", "#3", "#4"]),
    ],
)
def test_conditions(five: Account, condition: str, value: str, found: list[str]) -> None:
    """As documented."""
    body = five.list("orders", ("increment_id", value, condition))
    assert [order["increment_id"] for order in body["items"]] == found


def test_nested_fields_cannot_be_searched(five: Account) -> None:
    """Only top-level attributes."""
    assert five.call("GET", "orders", **criteria(("items.sku", "SKU-0001", "eq"))).status == 400


def test_answers_are_trimmed_to_the_fields_named(five: Account) -> None:
    """Nested ones too."""
    body = five.get("orders", fields="items[entity_id,items[sku]],total_count", **criteria(size=1))
    (order,) = body["items"]
    assert set(body) == {"items", "total_count"}
    assert set(order) == {"entity_id", "items"}
    assert {name for item in order["items"] for name in item} == {"sku"}


def test_sorts_go_by_the_first_and_then_by_the_next(five: Account) -> None:
    """Descending unless said otherwise."""
    sort = "searchCriteria[sortOrders][0]"
    down = five.get("orders", **{f"{sort}[field]": "updated_at"}, **criteria())
    up = five.get("orders", **{f"{sort}[field]": "updated_at", f"{sort}[direction]": "ASC"}, **criteria())
    assert ids(up) == list(reversed(ids(down))) == sorted(ids(up))


def test_a_changed_order_comes_in_the_next_window(five: Account) -> None:
    """By updated_at, which is UTC without saying so."""
    since = five.world.now.strftime("%Y-%m-%d %H:%M:%S")
    assert five.list("orders", ("updated_at", since, "gteq"))["total_count"] == 0
    five.do("change_address", order="#0", address={"line1": "7 Changed Street"})
    (order,) = five.list("orders", ("updated_at", since, "gteq"))["items"]
    address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
    assert address["street"] == ["7 Changed Street"]


# --- records ----------------------------------------------------------------------------------------------


def test_a_configurable_is_two_items_and_only_the_parent_counts() -> None:
    """Price and quantities on the parent; the child has the SKU and noughts."""
    account = Account()
    for number in range(1, 7):
        account.place(f"#{number}", (f"SKU-000{number}", 1))
    kinds = {}
    for order in account.list("orders")["items"]:
        kinds[order["increment_id"]] = [(i["product_type"], i.get("parent_item_id")) for i in order["items"]]
        if len(order["items"]) == 2:
            parent, child = order["items"]
            assert (parent["sku"], parent["price"] > 0) == (child["sku"], True)
            assert (child["price"], child["parent_item_id"]) == (0, parent["item_id"])
    assert sorted(len(items) for items in kinds.values()) == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("payment", "state"),
    [("captured", "processing"), ("authorised", "processing"), ("pending", "new"), ("none", "new")],
)
def test_states_follow_the_payment(payment: str, state: str) -> None:
    """An order nobody has paid for is new."""
    order = Account().place(payment=payment)
    assert order["state"] == state
    assert (order.get("base_total_paid") is not None) is (payment == "captured")


def test_an_order_adds_up_in_both_currencies() -> None:
    """Subtotal, tax, delivery and discount are the total, to the penny."""
    order = Account().place("#1", ("SKU-0001", 3), ("SKU-0002", 1), delivery_price="3.95")
    for base in ("", "base_"):
        parts = ("subtotal", "tax_amount", "shipping_amount", "discount_amount")
        assert sum(order[base + part] for part in parts) == pytest.approx(
            order[base + "grand_total"], abs=1e-3
        )


def test_money_that_was_paid_is_an_invoice_and_money_back_a_credit_memo() -> None:
    """And both are transactions without amounts."""
    account = Account()
    order = account.place("#1", ("SKU-0001", 2))
    account.do("refund", order="#1", lines=[{"sku": "SKU-0001", "quantity": 1, "restock": "cancel"}])
    (invoice,) = account.list("invoices")["items"]
    assert (invoice["order_id"], invoice["state"]) == (order["entity_id"], 2)
    assert invoice["base_grand_total"] == order["base_grand_total"]
    (memo,) = account.list("creditmemos")["items"]
    (item,) = memo["items"]
    assert (item["order_item_id"], item["qty"]) == (order["items"][0]["item_id"], 1)
    assert memo["base_grand_total"] == pytest.approx(
        item["base_row_total"] + item["base_tax_amount"], abs=0.01
    )
    kinds = [t["txn_type"] for t in account.list("transactions")["items"]]
    assert kinds == ["authorization", "capture", "refund"]


def test_a_paid_order_that_is_cancelled_is_closed_and_another_canceled() -> None:
    """An invoiced order can only be credited."""
    account = Account()
    for payment in ("captured", "pending"):
        account.place(payment, payment=payment)
        account.do("cancel_order", order=payment)
    states = {order["increment_id"]: order["state"] for order in account.list("orders")["items"]}
    assert states == {"captured": "closed", "pending": "canceled"}


def test_an_order_whose_money_is_back_is_closed_once_nothing_of_it_can_be_sent() -> None:
    """Goodwill is for no goods: they are still to be sent."""
    account = Account()
    order = account.place("#1", ("SKU-0001", 2))
    account.do("refund", order="#1", adjustment=str(order["base_grand_total"]))
    (shown,) = account.list("orders")["items"]
    assert (shown["state"], shown["base_total_refunded"]) == ("processing", order["base_grand_total"])
    account.do("cancel_order", order="#1")
    assert account.list("orders")["items"][0]["state"] == "closed"


def test_a_sold_unit_stays_in_its_source_until_it_is_shipped() -> None:
    """What can be sold goes down at once."""
    account = Account()

    def seen() -> tuple[int, int]:
        (item,) = account.list(
            "inventory/source-items", ("sku", "SKU-0001", "eq"), ("source_code", 1001, "eq")
        )["items"]
        return item["quantity"], account.get("inventory/get-product-salable-quantity/SKU-0001/1")

    lies, salable = seen()
    account.place()
    assert seen() == (lies, salable - 2)
    (row,) = account.list("inventory/export-stock-salable-qty/website/base", ("sku", "SKU-0001", "eq"))[
        "items"
    ]
    assert row == {"sku": "SKU-0001", "qty": salable - 2, "is_salable": True}


def test_what_can_be_sold_counts_products_that_it_does_not_show() -> None:
    """One that no source has is looked at; a configurable has nothing of its own."""
    account = Account()
    shop = account.shop
    gone = shop.variants[shop.by_sku["SKU-0001"]].inventory_item_id
    shop.levels = {key: level for key, level in shop.levels.items() if key[0] != gone}
    found = account.list("inventory/export-stock-salable-qty/website/base")
    skus = [item["sku"] for item in found["items"]]
    assert "SKU-0001" not in skus
    assert found["total_count"] == len(skus) + 1
    assert {item["qty"] for item in found["items"] if item["sku"].endswith("-ANY")} == {0}


LISTS = [
    "orders", "invoices", "shipments", "creditmemos", "transactions", "products", "inventory/sources",
    "inventory/stocks", "inventory/stock-source-links", "inventory/source-items",
    "inventory/export-stock-salable-qty/website/base",
]  # fmt: skip


@pytest.fixture(scope="module")
def lived() -> Account:
    """A shop with some history, and a refund."""
    account = Account(history=20, skus=6)
    account.place("#refunded", ("SKU-0001", 2))
    account.do("refund", order="#refunded", lines=[{"sku": "SKU-0001", "quantity": 1}], note="sorry")
    return account


@pytest.mark.parametrize("name", LISTS)
def test_what_is_answered_is_what_the_contract_says(lived: Account, name: str) -> None:
    """Every name and kind of every record."""
    body = lived.list(name)
    assert body["total_count"] == len(lived.get(name, searchCriteria="")["items"]) > 0
    assert answer_misfits("GET", name, body) == []


def test_so_are_single_answers(lived: Account) -> None:
    """An order, the store views, an error."""
    (order,) = lived.list("orders", size=1)["items"]
    assert answer_misfits("GET", "orders/1", lived.get(f"orders/{order['entity_id']}")) == []
    assert answer_misfits("GET", "store/storeConfigs", lived.get("store/storeConfigs")) == []


# --- errors -----------------------------------------------------------------------------------------------


def test_what_is_not_there_is_404() -> None:
    """A record, and an address."""
    account = Account()
    missing = account.call("GET", "orders/1")
    assert (missing.status, missing.json()["message"]) == (
        404,
        "The entity that was requested doesn't exist. Verify the entity and try again.",
    )
    assert account.call("GET", "nowhere").json()["message"] == "Request does not match any route."


@pytest.mark.parametrize(
    ("kind", "status", "is_json"),
    [
        ("rate_limited", 429, False),
        ("unavailable", 503, False),
        ("bad_gateway_burst", 502, False),
        ("error_500", 500, True),
        ("forbidden", 401, True),
        ("token_revoked", 401, True),
    ],
)
def test_planted_refusals_speak_the_vendors_words(kind: str, status: int, is_json: bool) -> None:
    """What stands in front of the shop answers HTML."""
    account = Account()
    outage = Outage(SHOP, "GET /V1/orders", kind, since=START, until=START.replace(year=2027))
    account.kit.faults.outages.append(outage)
    answer = account.call("GET", "orders", searchCriteria="")
    assert (answer.status, answer.content[:1] == b"{") == (status, is_json)


def test_a_record_may_be_shown_strangely() -> None:
    """For whoever plants it."""
    account = Account()
    order = account.place()
    account.world.odd.append(Odd(SHOP, str(order["entity_id"]), "payment.method", 7))
    assert account.list("orders")["items"][0]["payment"]["method"] == 7
