"""What Shopify shows: every record once, searches that run behind, and an order's sums and states."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.world import Odd
from cogent_pipelines_tests.sandbox.shopify_account import SYSTEM, Account, busy_account

FIXTURES = Path(__file__).parents[3] / "shared/fixtures/shopify"
ORDERS = """query($first: Int, $after: String, $last: Int, $before: String, $query: String,
                $reverse: Boolean) {
  orders(first: $first, after: $after, last: $last, before: $before, query: $query, reverse: $reverse,
         sortKey: UPDATED_AT) {
    nodes { id name updatedAt } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
HANDLING = """query($closed: Boolean, $query: String) { fulfillmentOrders(first: 50, includeClosed: $closed,
  query: $query, sortKey: UPDATED_AT) { nodes { id status
    lineItems(first: 10) { nodes { remainingQuantity } } } } }"""


def names(answer: Any) -> list[str]:
    """The order names on a page."""
    return [node["name"] for node in answer.data["orders"]["nodes"]]


def find(account: Account, query: str) -> list[str]:
    """The order names a search finds."""
    return names(account.call(ORDERS, first=50, query=query))


@pytest.fixture
def account() -> Account:
    """A small account."""
    return Account()


# --- pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_pages_hold_every_order_once(account: Account, reverse: bool) -> None:
    """Forwards or backwards, nothing is missed and nothing comes twice."""
    for number in range(25):
        account.order([(number % 4, 1)])
        account.advance(1)
    seen: list[str] = []
    after = None
    while True:
        answer = account.call(ORDERS, first=4, after=after, reverse=reverse)
        seen += names(answer)
        if not answer.data["orders"]["pageInfo"]["hasNextPage"]:
            break
        after = answer.data["orders"]["pageInfo"]["endCursor"]
    expected = [order.name for order in account.shop.orders.values()]
    assert seen == (expected[::-1] if reverse else expected)


def test_pages_can_be_read_from_the_end(account: Account) -> None:
    """``last`` and ``before`` give the same pages in the same order."""
    for _ in range(5):
        account.order()
        account.advance(1)
    end = account.call(ORDERS, last=2)
    assert names(end) == ["#1004", "#1005"]
    info = end.data["orders"]["pageInfo"]
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (True, False)
    assert names(account.call(ORDERS, last=2, before=info["startCursor"])) == ["#1002", "#1003"]


def test_an_order_changed_between_pages_moves_to_the_end(account: Account) -> None:
    """A list sorted by change drifts: the changed order is seen again, and none is lost."""
    for _ in range(6):
        account.order()
        account.advance(1)
    first = account.call(ORDERS, first=3)
    shops.change_note(account.world, account.shop, 5_500_001, note="changed")
    account.advance(1)
    after = first.data["orders"]["pageInfo"]["endCursor"]
    assert names(first) == ["#1001", "#1002", "#1003"]
    assert names(account.call(ORDERS, first=50, after=after)) == ["#1004", "#1005", "#1006", "#1001"]


def test_lines_have_a_cursor_of_their_own(account: Account) -> None:
    """A nested connection is paged by itself."""
    order = account.order([(n % 4, 1) for n in range(7)])
    text = """query($id: ID!, $after: String) { order(id: $id) { lineItems(first: 5, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    first = account.call(text, id=account.order_gid(order)).data["order"]["lineItems"]
    assert first["pageInfo"]["hasNextPage"]
    rest = account.call(text, id=account.order_gid(order), after=first["pageInfo"]["endCursor"]).data["order"]
    ids = [node["id"] for node in first["nodes"] + rest["lineItems"]["nodes"]]
    assert ids == [f"gid://shopify/LineItem/{line.id}" for line in order.lines]


def test_plain_lists_are_only_cut_short(account: Account) -> None:
    """Transactions are truncated, with no way to go on."""
    order = account.order(paid=False)
    shops.authorise(account.world, account.shop, order.id)
    shops.capture(account.world, account.shop, order.id)
    text = "query($id: ID!) { order(id: $id) { transactions(first: 1) { kind } } }"
    assert account.call(text, id=account.order_gid(order)).data["order"]["transactions"] == [
        {"kind": "AUTHORIZATION"}
    ]


def test_cursors_look_like_the_vendors(account: Account) -> None:
    """A cursor says where the list stood: the last id and the value it was sorted by."""
    account.order()
    cursor = account.call(ORDERS, first=1).data["orders"]["pageInfo"]["endCursor"]
    assert cursor.startswith("eyJsYXN0X2lkIjo")


# --- searching ----------------------------------------------------------------------------------------


def test_time_windows_meet_without_gap_or_overlap(account: Account) -> None:
    """``>=`` and ``<`` at the same instant split the orders in two."""
    for _ in range(6):
        account.order()
        account.advance(60)
    middle = (account.world.now - timedelta(seconds=180)).strftime("%Y-%m-%dT%H:%M:%SZ")
    early, late = find(account, f"updated_at:<'{middle}'"), find(account, f"updated_at:>='{middle}'")
    assert early + late == [order.name for order in account.shop.orders.values()]
    assert early
    assert late
    assert find(account, f"updated_at:>'{middle}'") == late, "the vendor's > behaves like >="


def test_filters_find_what_they_name(account: Account) -> None:
    """Names, tags, states, quotes, AND, OR, NOT and brackets."""
    account.order(tags=["red box", "vip"])
    account.order(paid=False, is_test=True)
    gone = account.order(tags=["vip"])
    shops.cancel_order(account.world, account.shop, gone.id)
    assert find(account, "name:#1001") == ["#1001"]
    assert find(account, "name:1001 OR name:1002") == ["#1001", "#1002"]
    assert find(account, 'tag:"red box"') == ["#1001"]
    assert find(account, "tag:vip AND -status:cancelled") == ["#1001"]
    assert find(account, "tag:vip NOT name:1001") == ["#1003"]
    assert find(account, "status:cancelled") == ["#1003"]
    assert find(account, "status:open") == ["#1001", "#1002"]
    assert find(account, "financial_status:pending") == ["#1002"]
    assert find(account, "financial_status:paid test:false (name:1001 OR name:1002)") == ["#1001"]
    assert find(account, "id:>=5500002 id:<=5500002") == ["#1002"]
    assert find(account, "tag_not:vip") == ["#1002"]
    assert find(account, "sku:SKU-0001 name:100*") == ["#1001", "#1002", "#1003"]
    assert find(account, "ann@example.com") == ["#1001", "#1002", "#1003"]


def test_a_filter_that_does_not_exist_filters_nothing_and_is_named(account: Account) -> None:
    """The caller gets everything, and a warning beside it."""
    account.order()
    answer = account.call(ORDERS, first=5, query="colour:red")
    assert names(answer) == ["#1001"]
    warning = answer.json()["extensions"]["search"][0]
    assert (warning["path"], warning["warnings"][0]["field"]) == (["orders"], "colour")


def test_a_search_runs_behind_the_writes() -> None:
    """What just happened is missed by a search and seen by its id."""
    account = Account(lag=5.0)
    old = account.order()
    account.advance(60)
    assert find(account, "tag:marked") == []
    new = account.order()
    shops.change_note(account.world, account.shop, old.id, tags=["marked"])
    assert names(account.call(ORDERS, first=5)) == ["#1001"]
    assert find(account, "tag:marked") == []
    direct = "query($id: ID!) { order(id: $id) { name tags } }"
    assert account.call(direct, id=account.order_gid(new)).data["order"]["name"] == "#1002"
    assert account.call(direct, id=account.order_gid(old)).data["order"]["tags"] == ["marked"]
    account.advance(4)
    assert find(account, "tag:marked") == []
    account.advance(1)
    assert find(account, "tag:marked") == ["#1001"]
    assert len(names(account.call(ORDERS, first=5))) == 2


def test_an_order_keeps_its_old_place_until_its_change_is_indexed() -> None:
    """A window that ends now still finds a changed order where it was."""
    account = Account(lag=5.0)
    order = account.order()
    account.advance(60)
    before = account.world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert find(account, f"updated_at:<'{before}'") == ["#1001"]
    shops.change_note(account.world, account.shop, order.id, note="x")
    account.advance(4)
    assert find(account, f"updated_at:<'{before}'") == ["#1001"]
    account.advance(2)
    assert find(account, f"updated_at:<'{before}'") == []


def test_an_order_nobody_looked_for_is_still_found_where_it_was_placed() -> None:
    """An order that changes before the first search is not lost to it."""
    account = Account(lag=5.0)
    order = account.order()
    account.advance(60)
    shops.change_note(account.world, account.shop, order.id, note="x")
    assert names(account.call(ORDERS, first=5)) == ["#1001"]


def test_closed_fulfilment_orders_must_be_asked_for(account: Account) -> None:
    """Without ``includeClosed`` what is shipped or cancelled is absent."""
    account.fulfil(account.order(), "RM1")
    account.order()
    account.advance(1)
    open_only = account.call(HANDLING).data["fulfillmentOrders"]["nodes"]
    everything = account.call(HANDLING, closed=True).data["fulfillmentOrders"]["nodes"]
    assert [node["status"] for node in open_only] == ["OPEN"]
    assert sorted(node["status"] for node in everything) == ["CLOSED", "OPEN"]
    assert account.call(HANDLING, closed=True, query="status:closed").data["fulfillmentOrders"]["nodes"] == [
        node for node in everything if node["status"] == "CLOSED"
    ]


def test_a_fulfilment_orders_change_need_not_touch_its_order(account: Account) -> None:
    """A move shows at the root of fulfilment orders, not in the order's own date."""
    order = account.order()
    account.advance(600)
    since = account.world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    shops.move_fulfilment_order(account.world, account.shop, order.fulfilment_orders[0].id, 1002)
    account.advance(1)
    query = f"updated_at:>='{since}'"
    assert find(account, query) == []
    moved = account.call(HANDLING, closed=True, query=query).data["fulfillmentOrders"]["nodes"]
    assert sorted(node["status"] for node in moved) == ["CLOSED", "OPEN"]


# --- orders -------------------------------------------------------------------------------------------


def test_an_orders_money_adds_up(account: Account) -> None:
    """Totals, tax, discount and payment agree, and are decimals of no fixed scale."""
    order = account.order([(0, 2), (1, 1)])
    text = """query($id: ID!) { order(id: $id) {
      displayFinancialStatus taxesIncluded
      totalPriceSet { shopMoney { amount currencyCode } } subtotalPriceSet { shopMoney { amount } }
      totalShippingPriceSet { shopMoney { amount } } totalTaxSet { shopMoney { amount } }
      netPaymentSet { shopMoney { amount } } totalOutstandingSet { shopMoney { amount } }
      lineItems(first: 5) { nodes { originalUnitPriceSet { shopMoney { amount } }
        discountedTotalSet { shopMoney { amount } }
        taxLines { rate priceSet { shopMoney { amount } } } } } } }"""
    shown = account.call(text, id=account.order_gid(order)).data["order"]
    assert shown["totalPriceSet"]["shopMoney"] == {"amount": "41.45", "currencyCode": "GBP"}
    assert shown["subtotalPriceSet"]["shopMoney"]["amount"] == "37.5"
    assert shown["totalShippingPriceSet"]["shopMoney"]["amount"] == "3.95"
    assert shown["netPaymentSet"]["shopMoney"]["amount"] == "41.45"
    assert shown["totalOutstandingSet"]["shopMoney"]["amount"] == "0.0"
    assert shown["displayFinancialStatus"] == "PAID"
    lines = shown["lineItems"]["nodes"]
    assert [line["discountedTotalSet"]["shopMoney"]["amount"] for line in lines] == ["25.0", "12.5"]
    taxes = sum(Decimal(line["taxLines"][0]["priceSet"]["shopMoney"]["amount"]) for line in lines)
    assert taxes + Decimal("0.66") == Decimal(shown["totalTaxSet"]["shopMoney"]["amount"])


def test_a_customers_currency_stands_beside_the_shops() -> None:
    """Presentment money is the shop's money at the order's rate."""
    account = busy_account()
    abroad = next(o for o in account.shop.orders.values() if o.presentment_currency == "EUR")
    text = """query($id: ID!) { order(id: $id) { presentmentCurrencyCode totalPriceSet {
      shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } } } }"""
    shown = account.call(text, id=account.order_gid(abroad)).data["order"]
    assert shown["totalPriceSet"] == {
        "shopMoney": {"amount": "41.45", "currencyCode": "GBP"},
        "presentmentMoney": {"amount": "48.5", "currencyCode": "EUR"},
    }


def test_a_quantity_stays_and_a_current_quantity_goes(account: Account) -> None:
    """An edit lowers what is current and what is left to ship, never what was ordered."""
    order = account.order([(0, 3)])
    shops.set_quantity(account.world, account.shop, order.id, order.lines[0].id, 1)
    text = """query($id: ID!) { order(id: $id) { edited lineItems(first: 1) { nodes {
      quantity currentQuantity unfulfilledQuantity } } } }"""
    shown = account.call(text, id=account.order_gid(order)).data["order"]
    assert shown["lineItems"]["nodes"] == [{"quantity": 3, "currentQuantity": 1, "unfulfilledQuantity": 1}]
    assert shown["edited"]


def test_refunds_and_returns_tell_what_went_back() -> None:
    """Lines, restocking, delivery, goodwill and the return they belong to."""
    account = busy_account()
    order = next(o for o in account.shop.orders.values() if o.refunds and o.returns)
    text = """query($id: ID!) { order(id: $id) { displayFinancialStatus returnStatus
      refunds(first: 5) { note totalRefundedSet { shopMoney { amount } } return { id status }
        refundLineItems(first: 5) { nodes { quantity restockType location { id } lineItem { sku } } }
        orderAdjustments(first: 5) { nodes { amountSet { shopMoney { amount } } } }
        refundShippingLines(first: 5) { nodes { subtotalAmountSet { shopMoney { amount } } } } }
      returns(first: 5) { nodes { name status returnLineItems(first: 5) { nodes { quantity
        ... on ReturnLineItem { fulfillmentLineItem { lineItem { id } } } } } } } } }"""
    shown = account.call(text, id=account.order_gid(order)).data["order"]
    refund = shown["refunds"][0]
    assert shown["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert shown["returnStatus"] == "RETURNED"
    assert refund["totalRefundedSet"]["shopMoney"]["amount"] == "15.5"
    assert refund["refundLineItems"]["nodes"][0]["restockType"] == "RETURN"
    assert refund["orderAdjustments"]["nodes"][0]["amountSet"]["shopMoney"]["amount"] == "-2.0"
    assert refund["refundShippingLines"]["nodes"][0]["subtotalAmountSet"]["shopMoney"]["amount"] == "1.0"
    assert refund["return"]["status"] == "CLOSED"
    returned = shown["returns"]["nodes"][0]
    assert returned["name"] == f"{order.name}-R1"
    line = returned["returnLineItems"]["nodes"][0]["fulfillmentLineItem"]["lineItem"]["id"]
    assert line == f"gid://shopify/LineItem/{order.lines[0].id}"


# --- stock, products, money -------------------------------------------------------------------------


def test_levels_look_like_the_recorded_ones(account: Account) -> None:
    """Ids name the item, quantities come as asked, on hand is available and committed together."""
    path = FIXTURES / "inventory-levels.recorded.json"
    if not path.exists():
        pytest.skip("the vendor's recordings are not beside the project")
    calls = json.loads(path.read_text(encoding="utf-8"))["api"]["post"]
    recorded = next(iter(calls.values()))[1]["response"]["data"]["location"]["inventoryLevels"]
    account.order([(0, 3)])
    text = """{ location(id: "gid://shopify/Location/1001") { inventoryLevels(first: 5) {
      nodes { id item { id } quantities(names: ["available", "incoming", "committed", "damaged", "on_hand",
        "quality_control", "reserved", "safety_stock"]) { name quantity } }
      pageInfo { hasNextPage endCursor } } } }"""
    shown = account.call(text).data["location"]["inventoryLevels"]
    assert set(shown) == set(recorded)
    assert set(shown["nodes"][0]) == set(recorded["nodes"][0])
    assert shown["nodes"][0]["id"].split("?")[1] == f"inventory_item_id={account.items[0].inventory_item_id}"
    amounts = {q["name"]: q["quantity"] for q in shown["nodes"][0]["quantities"]}
    kept = {q["name"] for q in recorded["nodes"][0]["quantities"]}
    assert set(amounts) == kept
    assert (amounts["available"], amounts["committed"], amounts["on_hand"]) == (97, 3, 100)


def test_quantities_must_be_named(account: Account) -> None:
    """Without names, or with a made-up one, a level tells nothing."""
    text = """{ inventoryItems(first: 1) { nodes { inventoryLevels(first: 1) { nodes {
      quantities%s { name } } } } } }"""
    assert account.call(text % "").code == "missingRequiredArguments"
    assert account.call(text % '(names: ["mood"])').code == "INVALID_FIELD_ARGUMENTS"


def test_a_moved_level_moves_its_own_date_only(account: Account) -> None:
    """Levels have their own filter by change; the item's date stays."""
    account.advance(600)
    since = account.world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    levels.adjust(account.world, account.shop, account.items[1].inventory_item_id, 1001, -2)
    account.advance(1)
    text = """query($query: String) { location(id: "gid://shopify/Location/1001") {
      inventoryLevels(first: 10, query: $query) { nodes { item { sku } } } }
      inventoryItems(first: 10, query: $query) { nodes { id } } }"""
    shown = account.call(text, query=f"updated_at:>='{since}'").data
    assert shown["location"]["inventoryLevels"]["nodes"] == [{"item": {"sku": "SKU-0002"}}]
    assert shown["inventoryItems"]["nodes"] == []


def test_inactive_levels_and_locations_must_be_asked_for(account: Account) -> None:
    """What is no longer stocked or open is hidden unless asked for."""
    levels.deactivate(account.world, account.shop, account.items[0].inventory_item_id, 1002)
    account.shop.locations[1002].is_active = False
    text = """query($all: Boolean) { locations(first: 5, includeInactive: $all) { nodes { name isActive } }
      inventoryItem(id: "%s") { inventoryLevels(first: 5, includeInactive: $all) { nodes { isActive } } } }"""
    text %= account.item_gid(0)
    assert account.call(text, all=False).data == {
        "locations": {"nodes": [{"name": "Leeds", "isActive": True}]},
        "inventoryItem": {"inventoryLevels": {"nodes": [{"isActive": True}]}},
    }
    shown = account.call(text, all=True).data
    assert len(shown["locations"]["nodes"]) == 2
    assert len(shown["inventoryItem"]["inventoryLevels"]["nodes"]) == 2


def test_records_of_many_kinds_come_by_their_ids(account: Account) -> None:
    """``nodes`` gives each in its place and null for what is not there."""
    order = account.order()
    ids = [
        account.order_gid(order),
        account.item_gid(0),
        "gid://shopify/Order/1",
        f"gid://shopify/InventoryLevel/35000001001?inventory_item_id={account.items[0].inventory_item_id}",
    ]
    text = """query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Order { name }
      ... on InventoryLevel { quantities(names: ["available"]) { quantity } } } }"""
    shown = account.call(text, ids=ids).data["nodes"]
    assert [node and node["__typename"] for node in shown] == [
        "Order",
        "InventoryItem",
        None,
        "InventoryLevel",
    ]
    assert shown[0]["name"] == order.name
    assert shown[3]["quantities"] == [{"quantity": 99}]


def test_a_payouts_lines_add_up_to_it() -> None:
    """Entries of a payout, transfers left out, net to what was paid out; its summary agrees."""
    account = busy_account()
    text = """{ shopifyPaymentsAccount {
      payouts(first: 5, query: "status:PAID") { nodes { legacyResourceId net { amount } status transactionType
        summary { chargesGross { amount } chargesFee { amount } refundsFeeGross { amount } } } }
      balanceTransactions(first: 50, hideTransfers: true, query: "payments_transfer_id:1") { nodes { type
        amount { amount } fee { amount } net { amount } sourceOrderTransactionId associatedOrder { name }
        associatedPayout { id status } } } } }"""
    shown = account.call(text).data["shopifyPaymentsAccount"]
    payout = shown["payouts"]["nodes"][0]
    entries = shown["balanceTransactions"]["nodes"]
    assert payout["legacyResourceId"] == "1"
    assert {entry["associatedPayout"]["status"] for entry in entries} == {"PAID"}
    charges = [entry for entry in entries if entry["type"] == "CHARGE"]
    gross = sum(Decimal(entry["amount"]["amount"]) for entry in charges)
    assert gross == Decimal(payout["summary"]["chargesGross"]["amount"])
    assert all(isinstance(entry["sourceOrderTransactionId"], str) for entry in charges)
    for entry in entries:
        worth = Decimal(entry["amount"]["amount"]) - Decimal(entry["fee"]["amount"])
        assert Decimal(entry["net"]["amount"]) == worth


# --- a bad day ----------------------------------------------------------------------------------------


def test_planted_lists_lose_repeat_and_hide_records(account: Account) -> None:
    """A list may come empty, short of one, or with its last record again on the next page."""
    for _ in range(6):
        account.order()
        account.advance(1)
    account.kit.faults.set("empty_list=1")
    assert names(account.call(ORDERS, first=5)) == []
    account.kit.faults.set("record_missing_from_list=1")
    assert len(names(account.call(ORDERS, first=5))) == 4
    account.kit.faults.set("duplicate_across_pages=1")
    first = account.call(ORDERS, first=3)
    account.kit.faults.set("none")
    after = first.data["orders"]["pageInfo"]["endCursor"]
    assert names(account.call(ORDERS, first=3, after=after))[0] == names(first)[-1]


def test_planted_lists_show_what_the_schema_rules_out(account: Account) -> None:
    """A status nobody documented, and a value of another kind."""
    account.order()
    text = "{ orders(first: 1) { nodes { legacyResourceId displayFulfillmentStatus } } }"
    account.kit.faults.set("unknown_status=1")
    shown = account.call(text).data["orders"]["nodes"][0]
    assert shown["displayFulfillmentStatus"] == "SOMETHING_NEW"
    account.kit.faults.set("wrong_type=1")
    assert isinstance(account.call(text).data["orders"]["nodes"][0]["legacyResourceId"], dict)


def test_counts_stop_where_they_are_told_to(account: Account) -> None:
    """A count beyond its limit says so; a planted fault makes one too many."""
    for _ in range(3):
        account.order()
    text = "query($limit: Int) { ordersCount(limit: $limit) { count precision } }"
    assert account.call(text, limit=3).data["ordersCount"] == {"count": 3, "precision": "EXACT"}
    assert account.call(text, limit=2).data["ordersCount"] == {"count": 2, "precision": "AT_LEAST"}
    account.kit.faults.outages.append(
        Outage(
            SYSTEM,
            "ordersCount",
            "count_disagrees",
            account.world.now,
            account.world.now + timedelta(hours=1),
        )
    )
    assert account.call(text, limit=9).data["ordersCount"]["count"] == 4


def test_an_odd_record_shows_what_nobody_expects(account: Account) -> None:
    """The planter may have one record read as its vendor never documented."""
    order = account.order()
    account.world.odd.append(Odd(SYSTEM, account.order_gid(order), "displayFinancialStatus", "MIGRATED"))
    text = "{ orders(first: 1) { nodes { id displayFinancialStatus } } }"
    assert account.call(text).data["orders"]["nodes"][0]["displayFinancialStatus"] == "MIGRATED"
