"""What is written to Shopify: the bodies, what their answers mean, and how an effect is told from none."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, Want, Write
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors.shopify import VENDOR
from cogent_pipelines_tests.vendors.shopify_kit import (
    SYSTEM,
    edit,
    fo_line,
    fulfilment,
    fulfilment_order,
    gid,
    level,
    nodes,
    parcel,
    release,
    stock,
)

FULFIL, NOTIFY, SET, ACTIVATE, RELEASE = (
    VENDOR.writes[key][0]
    for key in (
        ("shipments_to_channel", "fulfil"),
        ("shipments_to_channel", "notify"),
        ("stock_to_channel", "set"),
        ("stock_to_channel", "activate"),
        ("cancellations_to_channel", "release"),
    )
)


def variables(write: Write, *wants: Want, key: str = "2b1c") -> Any:
    """The variables of a write."""
    return write.request(wants, SYSTEM, key).body["variables"]


def held(*fulfilments: Any, orders: Any = None) -> list[Any]:
    """The look-up's answers: an order with these fulfilments and fulfilment orders."""
    own = [fulfilment_order()] if orders is None else orders
    return [
        {
            "data": {
                "nodes": [
                    {
                        "id": gid("Order", 5500001),
                        "fulfillments": list(fulfilments),
                        "fulfillmentOrders": nodes(*own),
                    }
                ]
            }
        }
    ]


def look(write: Write, want: Want, answers: list[Any]) -> Found | None:
    """What the look-up finds."""
    return write.lookup.found(want, answers)


def is_done(write: Write, want: Want, answers: list[Any]) -> bool:
    """Whether nothing is left to send."""
    found = look(write, want, answers)
    return found is not None and write.done(want, found)


# --- bodies -------------------------------------------------------------------------------------------


def test_a_parcel_is_one_fulfilment_of_its_own_lines() -> None:
    """Never of all that is left: that would tell the customer of goods that are still in the warehouse."""
    want = parcel(lines=[fo_line(6101, qty=2), fo_line(6201, 9002, 1, order=6002), fo_line(6102, 9003, 4)])
    assert variables(FULFIL, want) == {
        "fulfillment": {
            "lineItemsByFulfillmentOrder": [
                {
                    "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/6001",
                    "fulfillmentOrderLineItems": [
                        {"id": "gid://shopify/FulfillmentOrderLineItem/6101", "quantity": 2},
                        {"id": "gid://shopify/FulfillmentOrderLineItem/6102", "quantity": 4},
                    ],
                },
                {
                    "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/6002",
                    "fulfillmentOrderLineItems": [
                        {"id": "gid://shopify/FulfillmentOrderLineItem/6201", "quantity": 1}
                    ],
                },
            ],
            "notifyCustomer": True,
            "trackingInfo": {"company": "DPD", "number": "AB1", "url": "https://t.example.test/AB1"},
        }
    }


@pytest.mark.parametrize(
    ("numbers", "urls", "carrier", "expected"),
    [
        (["A", "B"], ["https://t/A", "https://t/B"], "DPD",
         {"company": "DPD", "numbers": ["A", "B"], "urls": ["https://t/A", "https://t/B"]}),
        (["A", "B"], [], "DPD", {"company": "DPD", "numbers": ["A", "B"]}),
        (["A", "B"], ["", "https://t/B"], "DPD", {"company": "DPD", "numbers": ["A", "B"]}),
        (["A", "B"], ["https://t/A", ""], "DPD", {"company": "DPD", "numbers": ["A", "B"], "urls": ["https://t/A"]}),
        ([' A"1; ='], None, 'Royal "Mail" =cmd', {"company": 'Royal "Mail" =cmd', "number": 'A"1; ='}),
        ([], [], "DPD", {"company": "DPD"}),
        (["A"], ["javascript:alert(1)"], "DPD", {"company": "DPD", "number": "A"}),
        (["A"], ["https://"], "DPD", {"company": "DPD", "number": "A"}),
        ([None, " "], [None], None, None),
        (None, None, None, None),
    ],
)  # fmt: skip
def test_tracking_is_what_there_is_of_it(numbers: Any, urls: Any, carrier: Any, expected: Any) -> None:
    """Several numbers as lists, nothing as nothing, an address only if it is one."""
    body = variables(FULFIL, parcel(tracking_numbers=numbers, tracking_urls=urls, carrier=carrier))
    assert body["fulfillment"].get("trackingInfo") == expected


def test_nobody_is_notified_unless_asked() -> None:
    """Absence is no permission."""
    assert variables(FULFIL, parcel(notify=None))["fulfillment"]["notifyCustomer"] is False


def test_a_first_scan_is_told_with_a_marked_address() -> None:
    """The mark is in the fragment, which no server sees and no customer minds."""
    want = parcel(act="notify", fulfilment_id="3001")
    tracking = {"company": "DPD", "number": "AB1", "url": "https://t.example.test/AB1#scanned"}
    assert variables(NOTIFY, want) == {"id": gid("Fulfillment", 3001), "tracking": tracking}
    assert "notifyCustomer: true" in NOTIFY.request([want], SYSTEM, "k").body["query"]


def test_levels_are_set_in_one_call_with_what_was_there_before() -> None:
    """Each row says what it is changed from; null, not absence, where that is not known."""
    body = variables(SET, stock(5, 7), stock(0, None, item=49), stock(3, -2, location=1002), key="2b1c")
    assert body == {
        "key": "2b1c",
        "input": {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": "gid://cogent-pipelines/StockPush/2b1c",
            "quantities": [
                {
                    "inventoryItemId": gid("InventoryItem", 48),
                    "locationId": gid("Location", 1001),
                    "quantity": 5,
                    "changeFromQuantity": 7,
                },
                {
                    "inventoryItemId": gid("InventoryItem", 49),
                    "locationId": gid("Location", 1001),
                    "quantity": 0,
                    "changeFromQuantity": None,
                },
                {
                    "inventoryItemId": gid("InventoryItem", 48),
                    "locationId": gid("Location", 1002),
                    "quantity": 3,
                    "changeFromQuantity": -2,
                },
            ],
        },
    }
    assert SET.batch == 250
    assert SET.has_idempotency


def test_an_item_is_stocked_with_its_level() -> None:
    """At the location it is missing from, never below nothing."""
    expected = {
        "item": gid("InventoryItem", 48),
        "location": gid("Location", 1001),
        "available": 5,
        "key": "2b1c",
    }
    assert variables(ACTIVATE, stock(5, act="activate")) == expected
    assert variables(ACTIVATE, stock(-5, act="activate"))["available"] == 0


# --- receipts -----------------------------------------------------------------------------------------


def fulfilled(*errors: tuple[list[str], str]) -> Any:
    """An answer to a fulfilment, refused if there are errors."""
    thing = None if errors else {"id": gid("Fulfillment", 3001), "status": "SUCCESS"}
    found = [{"field": field, "message": message} for field, message in errors]
    return {"data": {"fulfillmentCreate": {"fulfillment": thing, "userErrors": found}}}


def test_a_fulfilment_made_gives_its_id() -> None:
    """As people know it."""
    (receipt,) = FULFIL.receipts([parcel()], fulfilled())
    assert (receipt.ref, receipt.refused) == ("3001", "")


@pytest.mark.parametrize(
    ("message", "again"),
    [
        ("Fulfillment order 6001 has an unfulfillable status= closed.", True),
        ("Fulfillment order does not exist.", True),
        ("Fulfillment order line item does not exist.", True),
        ("Invalid fulfillment order line item quantity requested.", True),
        ("Quantity must be greater than 0", False),
        (
            "All fulfillment orders must be assigned to a single location.",
            False,
        ),
        (
            "All fulfillment orders must belong to the same order.",
            False,
        ),
    ],
)
def test_a_refused_parcel_says_why(message: str, again: bool) -> None:
    """In the vendor's words. What a moved or split fulfilment order causes, a new look may cure."""
    (receipt,) = FULFIL.receipts([parcel()], fulfilled((["fulfillment"], message)))
    assert (receipt.refused, receipt.again, receipt.ref) == (message, again, "")


def test_an_answer_without_its_payload_proves_nothing() -> None:
    """The write may have been carried out."""
    with pytest.raises(Retry) as raised:
        FULFIL.receipts([parcel()], {"data": {"fulfillmentCreate": None}})
    assert raised.value.effect == "unknown"


def levels_set(*errors: tuple[list[str] | None, str]) -> Any:
    """An answer to a batch of levels, refused if there are errors."""
    group = None if errors else {"id": gid("InventoryAdjustmentGroup", 77)}
    found = [{"field": field, "message": code.lower(), "code": code} for field, code in errors]
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": found}}}


def test_every_level_of_a_batch_gets_the_groups_receipt() -> None:
    """One answer for all."""
    receipts = SET.receipts([stock(), stock(item=49)], levels_set())
    assert [r.ref for r in receipts] == ["77", "77"]


def test_a_bad_row_is_refused_and_its_neighbours_go_again() -> None:
    """The vendor refuses the batch whole: nothing of it was done."""
    wants = [stock(item=48), stock(item=49), stock(item=50)]
    receipts = SET.receipts(
        wants, levels_set((["input", "quantities", "1", "locationId"], "INVALID_LOCATION"))
    )
    assert [(r.code, r.again) for r in receipts] == [
        ("batch", True),
        ("invalid_location", False),
        ("batch", True),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "CHANGE_FROM_QUANTITY_STALE",
        "IDEMPOTENCY_CONCURRENT_REQUEST",
        "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
        "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
    ],
)
@pytest.mark.parametrize("field", [None, ["input"], ["input", "quantities", "0", "changeFromQuantity"]])
def test_a_stale_level_or_a_spent_key_goes_again(code: str, field: list[str] | None) -> None:
    """After a new look and under a new key; whichever path the vendor names."""
    receipts = SET.receipts([stock(), stock(item=49)], levels_set((field, code)))
    assert [r.again for r in receipts] == [True, True]
    assert receipts[0].code == code.lower()


def test_an_error_of_the_whole_input_refuses_every_row() -> None:
    """It is about no row."""
    receipts = SET.receipts([stock(), stock(item=49)], levels_set((["input", "reason"], "INVALID_REASON")))
    assert [(r.code, r.again) for r in receipts] == [("invalid_reason", False)] * 2


# --- looking up a parcel ------------------------------------------------------------------------------


def test_parcels_are_looked_up_together_by_their_orders() -> None:
    """One request for 250 of them, each order once."""
    wants = [parcel(), parcel(), parcel(order_id="5500002")]
    (request,) = FULFIL.lookup.requests(wants, SYSTEM)
    assert request.body["variables"] == {"ids": [gid("Order", 5500001), gid("Order", 5500002)]}
    assert FULFIL.lookup.batch == 250


def test_a_parcel_is_known_by_its_number_and_lines() -> None:
    """And the read-back holds what is compared."""
    found = look(FULFIL, parcel(), held(fulfilment()))
    assert found
    assert (found.ref, found.count) == ("3001", 1)
    assert [found.fields[name] for name in FULFIL.compare] == [["AB1"], "DPD"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (fulfilment(numbers=("ZZ9",)), "another number"),
        (fulfilment(3001, (9001, 1)), "fewer units"),
        (fulfilment(3001, (9001, 3)), "more units"),
        (fulfilment(3001, (9002, 2)), "another line"),
        (fulfilment(status="CANCELLED"), "cancelled"),
        (fulfilment(status="FAILURE"), "failed"),
        (fulfilment(numbers=()), "no number"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_another_fulfilment_is_not_the_parcels(given: Any, why: str) -> None:
    """Exact matches only."""
    assert not is_done(FULFIL, parcel(), held(given)), why


def test_a_parcel_the_shop_accepted_is_known_by_its_id_whatever_number_it_stored() -> None:
    """A number cut short differs from what was sent; it is not absent, and not sent again. Fewer units are."""
    accepted = replace(parcel(), refs={"fulfil": "3001"})
    found = look(FULFIL, accepted, held(fulfilment(numbers=("A",))))
    assert found
    assert (found.ref, found.fields["tracking_numbers"]) == ("3001", ["A"])
    assert not is_done(FULFIL, accepted, held(fulfilment(3001, (9001, 1))))
    assert not is_done(FULFIL, accepted, held(fulfilment(3002, numbers=("A",))))
    assert not is_done(FULFIL, accepted, held(fulfilment(status="CANCELLED", numbers=("A",))))


def test_a_parcel_whose_number_was_cut_is_known_by_an_address_that_names_it() -> None:
    """Its answer was lost, so no id is known: sent again, its customer would be told twice. It differs, and is said."""
    own = parcel()
    want = replace(own, fields={**own.fields, "tracking_urls": ["https://t.example.test/AB1"]})
    cut = fulfilment(numbers=("A",))
    cut["trackingInfo"][0]["url"] = "https://t.example.test/AB1"
    found = look(FULFIL, want, held(cut))
    assert found
    assert (found.ref, found.count, found.fields["tracking_numbers"]) == ("3001", 1, ["A"])
    cut["trackingInfo"][0]["url"] = "https://t.example.test/"
    assert not is_done(FULFIL, want, held(cut)), "an address that any parcel may have"


def test_a_parcel_the_shop_accepted_counts_among_those_alike() -> None:
    """Stored under a cut number beside another under the whole one, the customer was told twice."""
    accepted = replace(parcel(), refs={"fulfil": "3001"})
    cut, whole = fulfilment(numbers=("A",)), fulfilment(3002)
    found = look(FULFIL, accepted, held(cut, whole))
    assert found
    assert (found.ref, found.count) == ("3001", 2)
    counts = [
        look(FULFIL, accepted, held(*some)) for some in ((cut,), (fulfilment(),), (fulfilment(), whole))
    ]
    assert [found.count for found in counts if found] == [1, 1, 2]


def test_the_parts_of_a_large_parcel_share_a_number_but_not_their_lines() -> None:
    """The second part is not done because the first is."""
    second = parcel(lines=[fo_line(6102, 9002, 1)], part=2)
    assert not is_done(FULFIL, second, held(fulfilment()))
    assert is_done(FULFIL, second, held(fulfilment(), fulfilment(3002, (9002, 1))))


def test_a_parcel_is_known_by_its_own_number_which_is_the_first() -> None:
    """An earlier number may follow it; neither is taken for the other, and what differs is seen."""
    earlier, later = parcel(tracking_numbers=["AB1"]), parcel(tracking_numbers=["AB2", "AB1"])
    both, own = held(fulfilment(numbers=("AB2", "AB1"))), held(fulfilment(numbers=("AB1",)))
    assert (is_done(FULFIL, earlier, own), is_done(FULFIL, earlier, both)) == (True, False)
    assert (is_done(FULFIL, later, own), is_done(FULFIL, later, both)) == (False, True)
    found = look(FULFIL, later, held(fulfilment(numbers=("AB1", "AB2"))))
    assert found
    assert found.fields["tracking_numbers"] == ["AB2", "AB1"]
    found = look(FULFIL, later, held(fulfilment(numbers=("AB2",))))
    assert found
    assert found.fields["tracking_numbers"] == ["AB2"]


@pytest.mark.parametrize("number", ["ab1", " AB1", "A B1"])
def test_a_number_is_the_same_however_it_is_typed(number: str) -> None:
    """Spaces and case say nothing; what was wanted is what is compared."""
    found = look(FULFIL, parcel(), held(fulfilment(numbers=(number,))))
    assert found
    assert found.fields["tracking_numbers"] == ["AB1"]


def test_a_fulfilment_of_more_lines_than_an_answer_holds_is_known_by_its_total() -> None:
    """What is seen must be the parcel's, and the total must be right."""
    long = fulfilment(3001, (9001, 2))
    long["totalQuantity"] = 3
    want = parcel(lines=[fo_line(6101, 9001, 2), fo_line(6102, 9002, 1)])
    assert is_done(FULFIL, want, held(long))
    assert not is_done(FULFIL, parcel(), held(long))


NO_NUMBER = {"tracking_numbers": [], "tracking_urls": [], "carrier": "Own van"}


def test_a_parcel_without_a_number_is_known_by_lines_and_location() -> None:
    """And the carrier, which the vendor does not keep without one, is not compared."""
    want = parcel(**NO_NUMBER)
    found = look(FULFIL, want, held(fulfilment(numbers=())))
    assert found
    assert FULFIL.done(want, found)
    assert [found.fields[name] for name in FULFIL.compare] == [[], "Own van"]
    assert not is_done(FULFIL, want, held(fulfilment(numbers=(), location={"id": gid("Location", 1002)})))
    assert is_done(FULFIL, want, held(fulfilment(numbers=(), location=None)))


def test_twin_parcels_without_numbers_are_counted() -> None:
    """Each is told when there are as many fulfilments as parcels up to it; a third would be a double."""
    lines = [fo_line(qty=1)]
    first = parcel(**NO_NUMBER, lines=lines, earlier_twins=0, twins=2)
    second = parcel(**NO_NUMBER, lines=lines, earlier_twins=1, twins=2)
    told = [
        fulfilment(n, (9001, 1), numbers=(), createdAt=f"2026-11-02T15:0{n - 3000}:00Z")
        for n in (3001, 3002, 3003)
    ]
    counts = []
    for n in range(4):
        answers = held(*reversed(told[:n]))
        counts.append([found.count for want in (first, second) if (found := look(FULFIL, want, answers))])
    assert counts == [[0, 0], [1, 0], [1, 1], [2, 2]]
    found = look(FULFIL, second, held(*told[:2]))
    assert found
    assert found.ref == "3002"


def test_the_later_twin_waits_for_the_earlier() -> None:
    """Sent first it would be taken for the other, and its own read-back would find nothing."""
    second = parcel(**NO_NUMBER, lines=[fo_line(qty=1)], earlier_twins=1, twins=2)
    with pytest.raises(Retry):
        FULFIL.guard(second, look(FULFIL, second, held()))
    FULFIL.guard(second, look(FULFIL, second, held(fulfilment(3001, (9001, 1), numbers=()))))


def test_a_parcel_of_an_unknown_order_is_refused() -> None:
    """The shop does not have it."""
    assert look(FULFIL, parcel(), [{"data": {"nodes": [None]}}]) is None
    with pytest.raises(Reject, match="5500001"):
        FULFIL.guard(parcel(), None)


def guard(*orders: Any, want: Want | None = None) -> None:
    """The guard, given the order's fulfilment orders."""
    own = want or parcel()
    FULFIL.guard(own, look(FULFIL, own, held(orders=orders)))


def test_a_parcel_the_order_has_room_for_is_sent() -> None:
    """Status and units left are those of now, not of the plan."""
    for status in ("OPEN", "IN_PROGRESS", "INCOMPLETE"):
        guard(fulfilment_order(6001, (6101, 9001, 2), status=status))


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ([fulfilment_order(6001, (6101, 9001, 1))], "nothing_left"),
        ([fulfilment_order(6001, (6101, 9001, 0), status="CLOSED")], "nothing_left"),
        ([fulfilment_order(6001, (6101, 9001, 2), status="CANCELLED")], "nothing_left"),
        ([], "nothing_left"),
        ([fulfilment_order(6001, (6101, 9001, 2), status="ON_HOLD")], "fulfilment_order_waits"),
        ([fulfilment_order(6001, (6101, 9001, 2), status="SCHEDULED")], "fulfilment_order_waits"),
    ],
)
def test_a_parcel_the_order_has_no_room_for_is_refused(orders: list[Any], code: str) -> None:
    """A person must look: more was despatched than there is to fulfil, or a hold stands."""
    with pytest.raises(Reject) as raised:
        guard(*orders)
    assert raised.value.code == code


@pytest.mark.parametrize(
    "orders",
    [
        [fulfilment_order(6001, (6101, 9001, 0), status="CLOSED"), fulfilment_order(6002, (6201, 9001, 2))],
        [fulfilment_order(6002, (6201, 9001, 2))],
        [fulfilment_order(6001, (6101, 9001, 1)), fulfilment_order(6002, (6201, 9001, 1))],
    ],
    ids=["moved", "replaced", "split"],
)
def test_a_parcel_whose_fulfilment_orders_changed_is_planned_again(orders: list[Any]) -> None:
    """Moves, holds and splits make new ones: there is room, but not where the plan says."""
    with pytest.raises(Retry) as raised:
        guard(*orders)
    assert raised.value.effect == "none"


def test_a_look_up_that_was_cut_off_guards_nothing() -> None:
    """The vendor judges for itself."""
    orders = fulfilment_order(6001, (6101, 9001, 0))
    orders["lineItems"]["pageInfo"]["hasNextPage"] = True
    guard(orders)


def test_more_lines_than_a_fulfilment_takes_are_refused() -> None:
    """The plan should have split them."""
    with pytest.raises(Reject, match="513"):
        guard(fulfilment_order(), want=parcel(lines=[fo_line(6101, 9001, 1)] * 513))


# --- looking up a message -----------------------------------------------------------------------------


def told(url: str | None, updated: str = "2026-11-02T15:00:00Z", status: str = "SUCCESS") -> list[Any]:
    """The look-up's answer: the fulfilment with this address."""
    info = [{"company": "DPD", "number": "AB1", "url": url}]
    return [
        {
            "data": {
                "nodes": [
                    {
                        "id": gid("Fulfillment", 3001),
                        "status": status,
                        "updatedAt": updated,
                        "trackingInfo": info,
                    }
                ]
            }
        }
    ]


SCAN = parcel(act="notify", fulfilment_id="3001", since_at=datetime(2026, 11, 2, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    ("url", "updated", "expected"),
    [
        ("https://t.example.test/AB1", "2026-11-02T17:00:00Z", False),
        ("https://t.example.test/AB1#scanned", "2026-11-02T15:00:00Z", True),
        (None, "2026-11-02T17:00:00Z", False),
    ],
)
def test_a_message_is_known_by_its_mark(url: str | None, updated: str, expected: bool) -> None:
    """Not by the time of the last change: the vendor's own tracking changes the fulfilment as well."""
    assert is_done(NOTIFY, SCAN, told(url, updated)) is expected


@pytest.mark.parametrize(
    ("updated", "expected"), [("2026-11-02T15:59:59Z", False), ("2026-11-02T16:00:00Z", True)]
)
@pytest.mark.parametrize("urls", [[], ["https://t.example.test/#/AB1"]])
def test_without_an_address_to_mark_a_change_since_the_scan_is_ours(
    urls: list[str], updated: str, expected: bool
) -> None:
    """Rather one message too few than one at every tick."""
    want = replace(SCAN, fields={**SCAN.fields, "tracking_urls": urls})
    assert is_done(NOTIFY, want, told("https://auto.example.test/AB1", updated)) is expected


def test_nobody_is_told_of_a_fulfilment_that_does_not_stand() -> None:
    """Cancelled or gone."""
    for answers in (told("https://t.example.test/AB1", status="CANCELLED"), [{"data": {"nodes": [None]}}]):
        with pytest.raises(Reject):
            NOTIFY.guard(SCAN, look(NOTIFY, SCAN, answers))
    NOTIFY.guard(SCAN, look(NOTIFY, SCAN, told(None)))


# --- looking up a level -------------------------------------------------------------------------------


def test_levels_of_any_locations_are_looked_up_together() -> None:
    """By their own ids, 250 at once."""
    (request,) = SET.lookup.requests([stock(), stock(location=1002)], SYSTEM)
    ids = [
        "gid://shopify/InventoryLevel/10019?inventory_item_id=48",
        "gid://shopify/InventoryLevel/10029?inventory_item_id=48",
    ]
    assert request.body["variables"] == {"ids": ids}
    assert SET.lookup.batch == 250


@pytest.mark.parametrize(("available", "expected"), [(5, True), (7, False), (4, False)])
def test_a_level_is_done_when_it_is_what_was_wanted(available: int, expected: bool) -> None:
    """Whoever set it."""
    answers = [{"data": {"nodes": [None, level(available, location=1002), level(available)]}}]
    assert is_done(SET, stock(5), answers) is expected


def test_a_level_that_moved_since_it_was_read_is_planned_again() -> None:
    """The one stale row would have the whole batch refused."""
    with pytest.raises(Retry):
        SET.guard(stock(5, 7), look(SET, stock(), [{"data": {"nodes": [level(6)]}}]))
    SET.guard(stock(5, 7), look(SET, stock(), [{"data": {"nodes": [level(7)]}}]))
    SET.guard(stock(5, None), look(SET, stock(), [{"data": {"nodes": [level(6)]}}]))


@pytest.mark.parametrize(
    ("quantity", "answers"),
    [(5, None), (5, level(7, isActive=False)), (-1, level(7)), (1_000_000_001, level(7))],
)
def test_a_level_the_shop_cannot_take_is_refused(quantity: int, answers: Any) -> None:
    """Before it spoils its batch."""
    want = stock(quantity)
    with pytest.raises(Reject):
        SET.guard(want, look(SET, want, [{"data": {"nodes": [answers]}}]))


def test_items_to_stock_are_looked_up_by_location() -> None:
    """One request for each, as a level that does not exist has no id."""
    wants = [
        stock(item=48, act="activate"),
        stock(item=49, act="activate"),
        stock(item=48, location=1002, act="activate"),
    ]
    first, second = ACTIVATE.lookup.requests(wants, SYSTEM)
    assert first.body["variables"] == {
        "ids": [gid("InventoryItem", 48), gid("InventoryItem", 49)],
        "location": gid("Location", 1001),
    }
    assert second.body["variables"] == {"ids": [gid("InventoryItem", 48)], "location": gid("Location", 1002)}
    there = {"id": gid("InventoryItem", 48), "inventoryLevel": level(5)}
    elsewhere = {"id": gid("InventoryItem", 48), "inventoryLevel": None}
    answers = [{"data": {"nodes": [there, None]}}, {"data": {"nodes": [elsewhere]}}]
    assert is_done(ACTIVATE, wants[0], answers)
    assert look(ACTIVATE, wants[1], answers) is None
    assert look(ACTIVATE, wants[2], answers) is None
    inactive = [{"data": {"nodes": [{**there, "inventoryLevel": level(0, isActive=False)}]}}]
    assert not is_done(ACTIVATE, wants[0], inactive)


# --- units that will not be sent ------------------------------------------------------------------------


def current(*lines: tuple[int, int, int], more: bool = False, cancelled: str | None = None) -> Any:
    """The order's lines as the shop has them: (number, units, units not fulfilled)."""
    rows = [
        {"id": gid("LineItem", n), "currentQuantity": units, "unfulfilledQuantity": left}
        for n, units, left in lines
    ]
    order = {
        "id": gid("Order", 5500001),
        "cancelledAt": cancelled,
        "lineItems": {"nodes": rows, "pageInfo": {"hasNextPage": more}},
    }
    return {"data": {"nodes": [order]}}


def prepared(want: Want) -> list[Any]:
    """Every request that goes before the commit, each answered."""
    asked = []
    answers: tuple[Any, ...] = ()
    while (request := RELEASE.prepare(replace(want, prepared=answers), SYSTEM)) is not None:
        asked.append(request)
        answers = (
            (edit((9001, 2), (9002, 1)),)
            if not answers
            else (*answers, {"data": {"orderEditSetQuantity": {"userErrors": []}}})
        )
    return asked


def test_a_release_is_an_edit_of_the_lines_to_the_units_they_are_left_with() -> None:
    """Opened, set line by line, committed without a word to the customer; no money moves."""
    want = release((9001, 2, 1), (9002, 1, 0))
    begin, first, second = prepared(want)
    assert begin.body["variables"] == {"id": gid("Order", 5500001)}
    assert first.body["variables"] == {
        "edit": gid("CalculatedOrder", 77),
        "line": gid("CalculatedLineItem", 9001),
        "quantity": 1,
    }
    assert second.body["variables"]["quantity"] == 0
    assert not any(request.is_write for request in (begin, first, second))
    commit = RELEASE.request([replace(want, prepared=(edit((9001, 2), (9002, 1)),))], SYSTEM, "2b1c")
    assert commit.is_write
    assert commit.body["variables"]["edit"] == gid("CalculatedOrder", 77)
    assert "notifyCustomer: false" in commit.body["query"]
    assert not re.search(
        r"refund|cancel", "".join(r.body["query"] for r in (begin, first, commit)), re.IGNORECASE
    )


def test_an_edit_the_shop_will_not_open_is_told_to_a_person() -> None:
    """In its own words."""
    want = replace(release(), prepared=(edit(errors=[{"message": "The order cannot be edited."}]),))
    with pytest.raises(Reject, match="cannot be edited") as caught:
        RELEASE.prepare(want, SYSTEM)
    assert caught.value.code == "not_editable"


@pytest.mark.parametrize("lines", [(), ((9001, 0),), ((9009, 5),)])
def test_a_line_that_cannot_be_edited_is_not_guessed(lines: Any) -> None:
    """It is not in the edit, or has no units that may go."""
    with pytest.raises(Reject) as caught:
        RELEASE.prepare(replace(release(), prepared=(edit(*lines),)), SYSTEM)
    assert caught.value.code == "not_editable"


def test_a_quantity_the_shop_refuses_is_tried_anew() -> None:
    """The order changed under the edit: nothing was committed, and the next look says what is so."""
    answer = {
        "data": {
            "orderEditSetQuantity": {"userErrors": [{"message": "The calculated order does not exist."}]}
        }
    }
    with pytest.raises(Retry):
        RELEASE.prepare(replace(release(), prepared=(edit((9001, 2)), answer)), SYSTEM)


@pytest.mark.parametrize(("units", "expected"), [(2, False), (1, True), (0, True)])
def test_a_release_is_done_when_no_line_holds_more(units: int, expected: bool) -> None:
    """Fewer were taken off by somebody else."""
    found = RELEASE.lookup.found(release(), [current((9001, units, units))])
    assert RELEASE.done(release(), found) is expected


def test_a_cancelled_order_holds_nothing() -> None:
    """There is nothing left to release."""
    found = RELEASE.lookup.found(release(), [current((9001, 2, 2), cancelled="2026-11-02T10:00:00Z")])
    assert RELEASE.done(release(), found)


def test_a_line_that_changed_since_it_was_read_is_planned_again() -> None:
    """Setting it would give back what a person took off, or take off what they gave."""
    found = RELEASE.lookup.found(release(), [current((9001, 3, 3))])
    with pytest.raises(Retry, match="from 2 to 3"):
        RELEASE.guard(release(), found)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([current((9001, 2, 0))], "nothing_left"),
        ([current((9001, 2, 2), more=True)], "too_many_lines"),
        ([{"data": {"nodes": [None]}}], "order_missing"),
    ],
)
def test_a_release_the_order_has_no_room_for_is_refused(answers: Any, code: str) -> None:
    """What is fulfilled is not taken off."""
    with pytest.raises(Reject) as caught:
        RELEASE.guard(release(), RELEASE.lookup.found(release(), answers))
    assert caught.value.code == code
