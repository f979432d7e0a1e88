"""Shopify's writes on orders: what they do, what they say, and what happens when they are sent twice."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines_tests.sandbox.shopify_account import FULFIL, SYSTEM, Account

ERRORS = Path(__file__).parents[3] / "shared/vendors/specs/shopify_recorded_errors.json"


@pytest.fixture
def account() -> Account:
    """A small account."""
    return Account()


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """The vendor's recorded user errors."""
    if not ERRORS.exists():
        pytest.skip("the vendor's recorded errors are not beside the project")
    found = json.loads(ERRORS.read_text(encoding="utf-8"))["user_errors"]
    assert isinstance(found, list)
    return found


def was_recorded(
    recorded: list[dict[str, Any]], operation: str, error: dict[str, Any], **ids: object
) -> bool:
    """Whether the vendor sent this field and message, its long numbers being our ids."""
    message = error["message"]
    for number in ids.values():
        message = message.replace(str(number), "<id>")
    return any(
        row["operation"] == operation and row["message"] == message and row["field"] == error["field"]
        for row in recorded
    )


def group(order: Any, *lines: tuple[int, int], number: int = 0) -> dict[str, Any]:
    """A part of ``lineItemsByFulfillmentOrder``: (line of the fulfilment order, quantity)."""
    handled = order.fulfilment_orders[number]
    chosen = [
        {"id": f"gid://shopify/FulfillmentOrderLineItem/{handled.lines[i].id}", "quantity": n}
        for i, n in lines
    ]
    part: dict[str, Any] = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{handled.id}"}
    return {**part, "fulfillmentOrderLineItems": chosen} if lines else part


def fulfil(account: Account, *groups: dict[str, Any], **more: Any) -> Any:
    """Create a fulfilment and give its payload."""
    answer = account.call(FULFIL, given={"lineItemsByFulfillmentOrder": list(groups), **more})
    return answer.data["fulfillmentCreate"]


# --- fulfilments --------------------------------------------------------------------------------------


def test_a_fulfilment_ships_what_is_left_and_tells_the_customer(account: Account) -> None:
    """Without lines everything goes; the parcel's numbers come back in order; one mail is sent."""
    order = account.order([(0, 2), (1, 1)])
    made = account.fulfil(order, "RM1", "RM2", notifyCustomer=True)
    assert made["userErrors"] == []
    assert made["fulfillment"]["status"] == "SUCCESS"
    assert made["fulfillment"]["displayStatus"] == "FULFILLED"
    assert made["fulfillment"]["trackingInfo"] == [
        {"company": "Royal Mail", "number": "RM1", "url": None},
        {"company": "Royal Mail", "number": "RM2", "url": None},
    ]
    assert [node["quantity"] for node in made["fulfillment"]["fulfillmentLineItems"]["nodes"]] == [2, 1]
    assert shops.fulfilment_status(order) == "fulfilled"
    assert [mail.numbers for mail in account.shop.mails if mail.kind == "shipped"] == [["RM1", "RM2"]]


def test_a_part_can_go_first_and_twice(account: Account) -> None:
    """There is no idempotency: the same call ships again as long as something is left."""
    order = account.order([(0, 3)])
    for expected in (2, 1):
        assert fulfil(account, group(order, (0, 1)))["userErrors"] == []
        assert order.fulfilment_orders[0].lines[0].remaining == expected
    assert order.fulfilment_orders[0].status == "in_progress"
    assert fulfil(account, group(order))["userErrors"] == []
    assert order.fulfilment_orders[0].status == "closed"
    assert len(order.fulfilments) == 3


def test_refused_fulfilments_say_what_was_recorded(account: Account, recorded: list[dict[str, Any]]) -> None:
    """Closed, too many, none, absent: field and words are the vendor's, and nothing ships."""
    order, closed = account.order([(0, 1)]), account.order([(1, 1)])
    account.fulfil(closed, "RM1")
    absent = {"fulfillmentOrderId": "gid://shopify/FulfillmentOrder/9"}
    absent_line = {
        **group(order),
        "fulfillmentOrderLineItems": [{"id": "gid://shopify/FulfillmentOrderLineItem/9", "quantity": 1}],
    }
    for part in (group(closed), group(order, (0, 2)), group(order, (0, 0)), absent, absent_line):
        made = fulfil(account, part)
        assert made["fulfillment"] is None
        closed_id = closed.fulfilment_orders[0].id
        assert was_recorded(recorded, "fulfillmentCreate", made["userErrors"][0], closed=closed_id), made
    assert order.fulfilments == []


def test_a_fulfilment_is_of_one_order_and_one_location(
    account: Account, recorded: list[dict[str, Any]]
) -> None:
    """Mixed ones are refused with the ids in question."""
    first, second = account.order([(0, 1)]), account.order([(1, 1)])
    error = fulfil(account, group(first), group(second))["userErrors"][0]
    assert was_recorded(recorded, "fulfillmentCreate", error, a=first.id, b=second.id)
    for item, location in ((0, 1002), (1, 1001)):
        account.shop.levels[(account.items[item].inventory_item_id, location)].available = 0
    split = account.order([(0, 1), (1, 1)])
    error = fulfil(account, group(split), group(split, number=1))["userErrors"][0]
    assert was_recorded(recorded, "fulfillmentCreate", error, a=1001, b=1002)
    assert split.fulfilments == []


def test_a_fulfilment_takes_512_lines(account: Account) -> None:
    """The 513th line is one too many; 512 are looked at."""
    order = account.order([(0, 1)])
    line = {"id": "gid://shopify/FulfillmentOrderLineItem/9", "quantity": 1}
    many = {**group(order), "fulfillmentOrderLineItems": [line] * 513}
    answer = account.call(FULFIL, given={"lineItemsByFulfillmentOrder": [many]})
    assert answer.code == "MAX_INPUT_SIZE_EXCEEDED"
    many["fulfillmentOrderLineItems"] = [line] * 512
    assert fulfil(account, many)["userErrors"][0]["message"] == "Fulfillment order line item does not exist."


def test_tracking_can_be_changed_and_told_again(account: Account, recorded: list[dict[str, Any]]) -> None:
    """Each notifying change is one more mail; an absent fulfilment is refused as recorded."""
    order = account.order()
    account.fulfil(order, "RM1", notifyCustomer=True)
    text = """mutation($id: ID!, $tracking: FulfillmentTrackingInput!) {
      fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: true) {
        fulfillment { trackingInfo { company number } } userErrors { field message } } }"""
    found = f"gid://shopify/Fulfillment/{order.fulfilments[0].id}"
    for _ in range(2):
        shown = account.call(text, id=found, tracking={"company": "DPD", "number": "D9"}).data
        info = shown["fulfillmentTrackingInfoUpdate"]["fulfillment"]["trackingInfo"]
        assert info == [{"company": "DPD", "number": "D9"}]
    assert [m.kind for m in account.shop.mails][-2:] == ["shipping_updated", "shipping_updated"]
    missing = account.call(text, id="gid://shopify/Fulfillment/9", tracking={}).data
    error = missing["fulfillmentTrackingInfoUpdate"]["userErrors"][0]
    assert was_recorded(recorded, "fulfillmentTrackingInfoUpdate", error)


def test_a_cancelled_fulfilment_leaves_its_units_to_be_shipped_again(
    account: Account, recorded: list[dict[str, Any]]
) -> None:
    """Its fulfilment order is closed, so a new one takes them."""
    order = account.order([(0, 2)])
    account.fulfil(order, "RM1")
    text = """mutation($id: ID!) { fulfillmentCancel(id: $id) { fulfillment { status displayStatus }
      userErrors { field message } } }"""
    shown = account.call(text, id=f"gid://shopify/Fulfillment/{order.fulfilments[0].id}").data[
        "fulfillmentCancel"
    ]
    assert shown["fulfillment"] == {"status": "CANCELLED", "displayStatus": "CANCELED"}
    assert [f.status for f in order.fulfilment_orders] == ["closed", "open"]
    assert order.fulfilment_orders[1].lines[0].remaining == 2
    error = account.call(text, id="gid://shopify/Fulfillment/9").data["fulfillmentCancel"]["userErrors"][0]
    assert was_recorded(recorded, "fulfillmentCancel", error)


def test_a_scan_written_by_us_shows_as_one(account: Account) -> None:
    """An event moves the fulfilment's displayed state."""
    order = account.order()
    account.fulfil(order, "RM1")
    text = """mutation($event: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $event) {
      fulfillmentEvent { status happenedAt } userErrors { field message } } }"""
    event = {"fulfillmentId": f"gid://shopify/Fulfillment/{order.fulfilments[0].id}", "status": "DELIVERED"}
    assert account.call(text, event=event).data["fulfillmentEventCreate"]["userErrors"] == []
    shown = account.call(
        """query($id: ID!) { fulfillment(id: $id) { displayStatus deliveredAt
          events(first: 5) { nodes { status } } } }""",
        id=event["fulfillmentId"],
    ).data["fulfillment"]
    assert shown["displayStatus"] == "DELIVERED"
    assert {"status": "DELIVERED"} in shown["events"]["nodes"]


# --- orders -------------------------------------------------------------------------------------------

CANCEL = """mutation($id: ID!, $note: String) { orderCancel(orderId: $id, reason: CUSTOMER, restock: true,
  refundMethod: {originalPaymentMethodsRefund: true}, notifyCustomer: true, staffNote: $note) {
  job { id done } orderCancelUserErrors { field message code } } }"""


def test_a_cancellation_is_a_job_and_happens_later(account: Account) -> None:
    """The answer comes first; money, stock and mail follow when the job is done."""
    order = account.order([(0, 2)])
    job = account.call(CANCEL, id=account.order_gid(order)).data["orderCancel"]["job"]
    assert job["done"] is False
    assert order.cancelled_at is None
    account.advance(10)
    assert account.call("query($id: ID!) { job(id: $id) { done } }", id=job["id"]).data == {
        "job": {"done": True}
    }
    text = """query($id: ID!) { order(id: $id) { cancelledAt cancelReason displayFinancialStatus
      fulfillmentOrders(first: 5) { nodes { status } } } }"""
    shown = account.call(text, id=account.order_gid(order)).data["order"]
    assert shown["cancelledAt"]
    assert (shown["cancelReason"], shown["displayFinancialStatus"]) == ("CUSTOMER", "REFUNDED")
    assert shown["fulfillmentOrders"]["nodes"] == [{"status": "CANCELLED"}]
    assert account.shop.levels[(account.items[0].inventory_item_id, 1001)].available == 100
    assert account.shop.mails[-1].kind == "cancelled"


def test_an_order_shipped_before_the_job_runs_stays(account: Account) -> None:
    """A job may be done and the order not cancelled: it has to be looked at."""
    order = account.order()
    account.call(CANCEL, id=account.order_gid(order))
    account.fulfil(order, "RM1")
    account.advance(10)
    assert order.cancelled_at is None


def test_refused_cancellations_say_what_was_recorded(
    account: Account, recorded: list[dict[str, Any]]
) -> None:
    """Already cancelled, fulfilled, returned, and a staff note that is too long."""
    gone, sent, back, fine = (account.order() for _ in range(4))
    shops.cancel_order(account.world, account.shop, gone.id)
    for order in (sent, back):
        account.fulfil(order, "RM1")
    shops.open_return(account.world, account.shop, back.id, [(back.lines[0].id, 1)])
    shops.cancel_fulfilment(account.world, account.shop, back.fulfilments[0].id)
    for order, note in ((gone, None), (sent, None), (back, None), (fine, "x" * 256)):
        answer = account.call(CANCEL, id=account.order_gid(order), note=note).data["orderCancel"]
        error = answer["orderCancelUserErrors"][0]
        assert answer["job"] is None
        assert was_recorded(recorded, "orderCancel", error), error
        assert error["code"] == "INVALID"
    absent = account.call(CANCEL, id="gid://shopify/Order/9").data["orderCancel"]["orderCancelUserErrors"]
    assert absent == [{"field": ["orderId"], "message": "Order does not exist", "code": "NOT_FOUND"}]


def test_tags_are_added_once_and_taken_off(account: Account) -> None:
    """A tag that is there is not there twice; a text of several is several."""
    order = account.order(tags=["vip"])
    text = """mutation($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) {
      node { id ... on Order { tags } } userErrors { message } } }"""
    for _ in range(2):
        shown = account.call(text, id=account.order_gid(order), tags=["sent, checked", "vip"]).data["tagsAdd"]
        assert shown["node"]["tags"] == ["vip", "sent", "checked"]
    taken = text.replace("tagsAdd", "tagsRemove")
    shown = account.call(taken, id=account.order_gid(order), tags=["VIP"]).data["tagsRemove"]
    assert shown["node"]["tags"] == ["sent", "checked"]
    assert account.call(text, id="gid://shopify/Order/9", tags=["x"]).code == "RESOURCE_NOT_FOUND"


def test_an_orders_note_can_be_changed(account: Account) -> None:
    """``orderUpdate`` sets note and tags and moves the order's date."""
    order = account.order()
    account.advance(60)
    text = """mutation($given: OrderInput!) { orderUpdate(input: $given) {
      order { note updatedAt } userErrors { field message } } }"""
    given = {"id": account.order_gid(order), "note": "gift"}
    assert account.call(text, given=given).data["orderUpdate"]["order"]["note"] == "gift"
    assert order.updated_at == account.world.now
    absent = account.call(text, given={**given, "id": "gid://shopify/Order/9"}).data["orderUpdate"][
        "userErrors"
    ]
    assert absent == [{"field": ["id"], "message": "Order does not exist"}]


# --- refunds ------------------------------------------------------------------------------------------

REFUND = """mutation($given: RefundInput!, $key: String!) {
  refundCreate(input: $given) @idempotent(key: $key) {
  refund { id note totalRefundedSet { shopMoney { amount } } } order { displayFinancialStatus }
  userErrors { field message } } }"""


def refund(account: Account, order: Any, key: str, **given: Any) -> Any:
    """Make a refund and give its payload."""
    answer = account.call(REFUND, given={"orderId": account.order_gid(order), **given}, key=key)
    return answer.data["refundCreate"]


def paid_by(order: Any, amount: str) -> list[dict[str, Any]]:
    """Money back against the order's payment."""
    parent = f"gid://shopify/OrderTransaction/{order.transactions[0].id}"
    gateway = order.transactions[0].gateway
    return [
        {
            "orderId": "gid://shopify/Order/1",
            "parentId": parent,
            "kind": "REFUND",
            "gateway": gateway,
            "amount": amount,
        }
    ]


def test_a_refund_under_one_key_pays_once(account: Account) -> None:
    """The same key gives the same refund and moves money once."""
    order = account.order([(0, 2)])
    line = {
        "lineItemId": f"gid://shopify/LineItem/{order.lines[0].id}",
        "quantity": 1,
        "restockType": "CANCEL",
    }
    given = {"refundLineItems": [line], "transactions": paid_by(order, "12.50"), "note": "ref 7"}
    first, again = (refund(account, order, "key-1", **given) for _ in range(2))
    assert first == again
    assert first["refund"]["totalRefundedSet"]["shopMoney"]["amount"] == "12.5"
    assert first["order"]["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert len(order.refunds) == 1
    assert sum(t.amount for t in order.transactions if t.kind == "refund") == Decimal("12.50")


def test_without_transactions_no_money_moves(account: Account) -> None:
    """A refund may only record and restock."""
    order = account.order([(0, 2)])
    line = {
        "lineItemId": f"gid://shopify/LineItem/{order.lines[0].id}",
        "quantity": 2,
        "restockType": "CANCEL",
    }
    made = refund(account, order, "key-1", refundLineItems=[line])
    assert made["refund"]["totalRefundedSet"]["shopMoney"]["amount"] == "0.0"
    assert [t.kind for t in order.transactions] == ["sale"]
    assert order.lines[0].current_quantity == 0


def test_refused_refunds_say_what_was_recorded(account: Account, recorded: list[dict[str, Any]]) -> None:
    """Too many units, a payment of another order, another kind, and an order that does not exist."""
    order = account.order([(0, 1)])
    line = {"lineItemId": f"gid://shopify/LineItem/{order.lines[0].id}", "quantity": 2}
    stray = [{**paid_by(order, "1.0")[0], "parentId": "gid://shopify/OrderTransaction/9"}]
    hold = [{**paid_by(order, "1.0")[0], "kind": "AUTHORIZATION"}]
    for key, given in enumerate(
        ({"refundLineItems": [line]}, {"transactions": stray}, {"transactions": hold})
    ):
        error = refund(account, order, f"key-{key}", **given)["userErrors"][0]
        assert was_recorded(recorded, "refundCreate", error), error
    over = refund(account, order, "key-o", transactions=paid_by(order, "99"))["userErrors"][0]
    assert over["message"] == "Refund amount £99.00 is greater than net payment received £16.45"
    foreign = {"lineItemId": "gid://shopify/LineItem/1", "quantity": 1}
    error = refund(account, order, "key-f", refundLineItems=[foreign])["userErrors"][0]
    assert error == {
        "field": ["refundLineItems", "0", "lineItemId"],
        "message": "Line item must belong to the order which is being refunded",
    }
    assert order.refunds == []


# --- planted ------------------------------------------------------------------------------------------


def test_a_planted_refusal_does_nothing(account: Account) -> None:
    """The vendor says no, and nothing ships."""
    order = account.order()
    account.kit.faults.set("refused=1")
    assert account.fulfil(order, "RM1")["userErrors"][0]["message"]
    assert order.fulfilments == []


def test_a_write_may_say_yes_and_store_nothing(account: Account) -> None:
    """Only reading back tells."""
    order = account.order()
    account.kit.faults.set("stores_nothing=1")
    made = account.fulfil(order, "RM1")
    assert made["userErrors"] == []
    assert made["fulfillment"]["trackingInfo"][0]["number"] == "RM1"
    assert order.fulfilments == []
    assert order.fulfilment_orders[0].status == "open"


def test_an_app_without_the_scope_cannot_ship(account: Account) -> None:
    """A mutation that is not allowed is null beside an ACCESS_DENIED."""
    order = account.order()
    account.edge.scopes = frozenset({"read_orders"})
    given = {"lineItemsByFulfillmentOrder": [group(order)]}
    answer = account.call(FULFIL, given=given)
    assert (answer.code, answer.json()["data"]) == ("ACCESS_DENIED", {"fulfillmentCreate": None})
    assert account.kit.counters.calls[(SYSTEM, "fulfillmentCreate")] == 1
    assert order.fulfilments == []


# --- edits ---------------------------------------------------------------------------------------------

EDIT = """mutation ($id: ID!, $line: ID!, $to: Int!, $edit: ID!) {
  orderEditBegin(id: $id) {
    calculatedOrder {
      id originalOrder { id }
      lineItems(first: 5) { nodes { id quantity editableQuantity editableQuantityBeforeChanges restocking sku title } }
    }
    userErrors { field message }
  }
  orderEditSetQuantity(id: $edit, lineItemId: $line, quantity: $to, restock: true) {
    calculatedLineItem { id quantity editableQuantity restocking }
    calculatedOrder { id }
    userErrors { field message }
  }
  orderEditCommit(id: $edit, notifyCustomer: true, staffNote: "short") {
    order { id }
    userErrors { field message }
  }
}"""
ONLY_BEGIN = (
    "mutation ($id: ID!) { orderEditBegin(id: $id) { calculatedOrder { id } userErrors { field message } } }"
)


def edit(account: Account, order: Any, to: int = 1, **other: Any) -> Any:
    """Open an edit, then set and commit one opened before: the payloads."""
    ids = {
        "id": f"gid://shopify/Order/{order.id}",
        "line": f"gid://shopify/CalculatedLineItem/{order.lines[0].id}",
    }
    opened = account.call(ONLY_BEGIN, id=ids["id"]).data["orderEditBegin"]["calculatedOrder"]
    given = {**ids, "edit": opened["id"] if opened else "gid://shopify/CalculatedOrder/1", "to": to, **other}
    return account.call(EDIT, **given).data


def test_an_edit_takes_units_off_when_it_is_committed_and_moves_no_money(account: Account) -> None:
    """They are for sale again; what was paid too much stays to be paid back."""
    order = account.order([(0, 3), (1, 1)])
    levels = account.shop.levels.values()
    free = sum(level.available for level in levels)
    sums = shops.totals(account.shop, order)
    answer = edit(account, order)
    line = answer["orderEditSetQuantity"]["calculatedLineItem"]
    assert (line["quantity"], line["editableQuantity"], line["restocking"]) == (1, 1, True)
    assert [n["quantity"] for n in answer["orderEditBegin"]["calculatedOrder"]["lineItems"]["nodes"]] == [
        3,
        1,
    ]
    assert order.lines[0].current_quantity == 1
    assert sum(level.available for level in levels) == free + 2
    after = shops.totals(account.shop, order)
    assert (after.captured, after.refunded) == (sums.captured, sums.refunded)
    assert after.current_total < sums.current_total


def test_an_edit_that_is_not_committed_changes_nothing(account: Account) -> None:
    """However often it is opened."""
    order = account.order([(0, 3)])
    account.call(ONLY_BEGIN, id=f"gid://shopify/Order/{order.id}")
    account.call(ONLY_BEGIN, id=f"gid://shopify/Order/{order.id}")
    assert order.lines[0].current_quantity == 3


def test_an_edit_is_refused_in_the_vendors_words(account: Account, recorded: list[dict[str, Any]]) -> None:
    """An order that is cancelled, a line that is not there, an edit that has ended, less than nothing."""
    order = account.order([(0, 3)])
    said = [
        ("orderEditSetQuantity", edit(account, order, line="gid://shopify/CalculatedLineItem/7")),
        ("orderEditSetQuantity", edit(account, order, edit="gid://shopify/CalculatedOrder/7")),
        ("orderEditCommit", edit(account, order, edit="gid://shopify/CalculatedOrder/7")),
        ("orderEditSetQuantity", edit(account, order, to=-1)),
    ]
    shops.cancel_order(account.world, account.shop, order.id)
    said.append(("orderEditBegin", edit(account, order)))
    for operation, answer in said:
        (error,) = answer[operation]["userErrors"]
        assert was_recorded(recorded, operation, error), error


def test_what_is_fulfilled_is_not_edited_away(account: Account) -> None:
    """Two of three left."""
    order = account.order([(0, 3)])
    fulfil(account, group(order, (0, 2)))
    answer = edit(account, order)
    assert answer["orderEditSetQuantity"]["userErrors"]
    assert order.lines[0].current_quantity == 3
