"""What is sent to Adobe Commerce, when it is refused, and how its effect is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, System, Want
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.ledger import books, ledger
from cogent_pipelines.sandbox.world.world import Flaw
from cogent_pipelines.vendors.adobe_commerce import VENDOR
from cogent_pipelines.vendors.adobe_commerce_writes import AT_ONCE
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.adobe_commerce_kit import (
    SYSTEM,
    configurable,
    item,
    level,
    level_row,
    listed,
    order,
    parcel,
    parcel_row,
    shipment,
    stock,
)
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.world_rows import sold

(SHIP,) = VENDOR.writes["shipments_to_channel", "fulfil"]
(SET,) = VENDOR.writes["stock_to_channel", "set"]
(ACTIVATE,) = VENDOR.writes["stock_to_channel", "activate"]
MARK = {"comments": [{"comment": "1Z999 [cogent wms_uk:77]"}]}


def seen(want: Want, *shipments: Any, of: Any = None) -> Found:
    """What the shop holds for a parcel."""
    found = SHIP.lookup.found(want, [listed(of or order()), listed(*shipments)])
    assert found is not None
    return found


# --- a parcel's body --------------------------------------------------------------------------------------


def test_a_parcel_is_sent_whole() -> None:
    """The golden body: parent's item, number, the source it left from, our key in a hidden comment."""
    request = SHIP.request([parcel()], SYSTEM, "")
    assert (request.method, request.path, request.is_write) == (
        "POST",
        "/rest/default/V1/order/381/ship",
        True,
    )
    assert request.body == {
        "items": [{"order_item_id": 901, "qty": 2}],
        "notify": True,
        "appendComment": False,
        "comment": {"comment": "1Z999 [cogent wms_uk:77]", "is_visible_on_front": 0},
        "tracks": [{"track_number": "1Z999", "title": "UPS", "carrier_code": "ups"}],
        "arguments": {"extension_attributes": {"source_code": "york_dc"}},
    }


def test_lines_of_one_item_go_as_one() -> None:
    """And several numbers as several tracks."""
    lines = [{**parcel().fields["lines"][0], "qty": 1}] * 2
    body = SHIP.request([parcel(lines=lines, tracking_numbers=["A1", "B2", " "])], SYSTEM, "").body
    assert body["items"] == [{"order_item_id": 901, "qty": 2}]
    assert [track["track_number"] for track in body["tracks"]] == ["A1", "B2"]


def test_without_a_facility_of_its_own_it_leaves_from_the_orders_source() -> None:
    """The shop would else take the default one, which may be empty."""
    body = SHIP.request([parcel(from_location_id=None)], SYSTEM, "").body
    assert body["arguments"] == {"extension_attributes": {"source_code": "leeds_dc"}}


@pytest.mark.parametrize(
    ("carrier", "code"),
    [("UPS", "ups"), ("DHL Express", "dhl"), ("Royal Mail", "custom"), ("Evri", "evri_uk")],
)
def test_a_carrier_has_a_code_of_the_shops_and_keeps_its_name(carrier: str, code: str) -> None:
    """``custom`` unless the shop knows it, or the account says what it is called there."""
    system = System("web_uk", "adobe_commerce", "https://x", {}, {"carriers": {"Evri": "evri_uk"}})
    (track,) = SHIP.request([parcel(carrier=carrier)], system, "").body["tracks"]
    assert (track["title"], track["carrier_code"]) == (carrier, code)


def test_the_answer_is_a_bare_id() -> None:
    """Anything else tells nothing."""
    assert [r.ref for answer in (3, "3") for r in SHIP.receipts([parcel()], answer)] == ["3", "3"]
    for answer in (None, True, {}, [], "x"):
        with pytest.raises(Retry) as raised:
            SHIP.receipts([parcel()], answer)
        assert raised.value.effect == "unknown"


# --- finding it again -------------------------------------------------------------------------------------


def test_orders_and_their_shipments_are_asked_for_together() -> None:
    """As alternatives of one search each, whatever the batch."""
    orders, shipments = SHIP.lookup.requests([parcel(), parcel(order_id="382")], SYSTEM)
    for request, name, field in ((orders, "orders", "entity_id"), (shipments, "shipments", "order_id")):
        values = [v for n, v in request.params if n.endswith("[value]")]
        fields = {v for n, v in request.params if n.endswith("[field]")}
        assert (request.path, values, fields) == (f"/rest/default/V1/{name}", ["381", "382"], {field})
        assert all("[filterGroups][0]" in n for n, _ in request.params if "filterGroups" in n)


def test_a_parcel_is_found_by_our_key() -> None:
    """Whatever the shop made of its number."""
    found = seen(parcel(), shipment(**MARK))
    assert (found.ref, found.count, SHIP.done(parcel(), found)) == ("3", 1, True)
    assert (found.fields["tracking_numbers"], found.fields["carrier"]) == (["1Z999"], "UPS")
    cut = seen(parcel(), shipment(number="1Z9", **MARK))
    assert (cut.count, cut.fields["tracking_numbers"]) == (1, ["1Z9"])


def test_a_key_is_compared_exactly() -> None:
    """Another parcel's begins as ours does; ours is not in it."""
    other = {"comments": [{"comment": "1Z999 [cogent wms_uk:777]"}]}
    assert seen(parcel(), shipment(**other)).count == 0
    assert seen(parcel(key="wms_uk:77/2"), shipment(**MARK)).count == 0


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({}, 1),
        ({"number": " 1z 999"}, 1),
        ({"number": "2Z999"}, 0),
        ({"number": ""}, 0),
        ({"qty": 1}, 0),
        ({"order_id": 999}, 0),
    ],
)
def test_what_somebody_else_shipped_is_known_by_number_and_units(more: dict[str, Any], count: int) -> None:
    """Both must be the parcel's."""
    assert seen(parcel(), shipment(**more)).count == count


def test_a_configurables_child_beside_its_parent_changes_nothing() -> None:
    """The parent's units count."""
    of = order(*configurable())
    both = [{"order_item_id": 901, "qty": 2}, {"order_item_id": 902, "qty": 2}]
    assert seen(parcel(), shipment(items=both), of=of).count == 1


@pytest.mark.parametrize(
    ("wanted", "shipped", "count"),
    [
        ({901: 1}, {901: 1}, 1),
        ({901: 1}, {901: 1, 902: 2, 903: 1}, 1),
        ({902: 2}, {902: 2}, 1),
        ({902: 2}, {901: 1, 902: 2}, 1),
        ({902: 2}, {902: 2, 903: 1}, 0),
        ({902: 2}, {901: 1}, 0),
        ({901: 1}, {902: 2, 903: 1}, 0),
    ],
)
def test_a_bundle_goes_as_one_or_in_parts(
    wanted: dict[int, int], shipped: dict[int, int], count: int
) -> None:
    """What is wanted is what must be in it: the bundle, whichever parts stand beside it, or exactly these parts."""
    parts = [item(n, f"PART-{n}", 2, parent_item_id=901) for n in (902, 903)]
    of = order(item(901, "GIFT-SET", 1, product_type="bundle"), *parts)
    line = parcel().fields["lines"][0]
    want = parcel(lines=[{**line, "fulfilment_order_line_id": str(n), "qty": q} for n, q in wanted.items()])
    rows = [{"order_item_id": n, "qty": q} for n, q in shipped.items()]
    found = seen(want, shipment(items=rows), of=of)
    assert found.count == count
    SHIP.guard(want, found)


def test_what_the_shop_accepted_is_known_by_its_id() -> None:
    """Though neither comment nor number came through."""
    want = parcel(refs={"ship": "3"})
    assert seen(want, shipment(number="")).count == 1


def test_two_shipments_of_one_key_are_a_double() -> None:
    """The older is the parcel's."""
    found = seen(parcel(), shipment(4, **MARK), shipment(3, **MARK))
    assert (found.ref, found.count) == ("3", 2)


def test_an_order_that_is_not_there_is_nothing() -> None:
    """And more answers than a page prove no absence."""
    assert SHIP.lookup.found(parcel(), [listed(), listed()]) is None
    with pytest.raises(Retry, match="more than one page"):
        SHIP.lookup.found(parcel(), [listed(order()), listed(shipment(9), total=400)])


# --- the point of no return -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (order(), None),
        (order(item(qty_shipped=1)), "nothing_left"),
        (order(item(qty_refunded=1)), "nothing_left"),
        (order(item(qty_canceled=1)), "nothing_left"),
        (order(item(qty=4, qty_shipped=1, qty_refunded=1, qty_canceled=1)), None),
        (order(item(is_virtual=1)), "nothing_left"),
        (order(item(902)), "nothing_left"),
        (order(state="holded"), "fulfilment_order_waits"),
        (order(state="payment_review"), "fulfilment_order_waits"),
        (order(item(qty_shipped=2), state="complete"), "nothing_left"),
    ],
)
def test_a_parcel_needs_room_in_its_order(of: Any, code: str | None) -> None:
    """As the shop itself reckons it."""
    found = seen(parcel(), of=of)
    if code is None:
        SHIP.guard(parcel(), found)
        return
    with pytest.raises(Reject) as raised:
        SHIP.guard(parcel(), found)
    assert raised.value.code == code


def test_a_parcel_of_no_order_is_refused() -> None:
    """And one whose line is none of the shop's."""
    with pytest.raises(Reject) as raised:
        SHIP.guard(parcel(), None)
    assert raised.value.code == "order_missing"
    with pytest.raises(Reject):
        SHIP.request([parcel(order_id="#1")], SYSTEM, "")


# --- a level ----------------------------------------------------------------------------------------------


def look(want: Want, *answers: Any) -> Found:
    """What the shop holds for a level."""
    found = SET.lookup.found(want, list(answers))
    assert found is not None
    return found


def test_a_level_goes_up_by_what_is_reserved() -> None:
    """Seven can be sold when nine lie there and two are sold already: reservations are not taken off twice."""
    request = SET.request([level(), level("MUG", 0, 0)], SYSTEM, "")
    assert (request.path, request.is_write) == ("/rest/default/V1/inventory/source-items", True)
    assert request.body == {
        "sourceItems": [
            {"sku": "TEE-M", "source_code": "leeds_dc", "quantity": 9, "status": 1},
            {"sku": "MUG", "source_code": "leeds_dc", "quantity": 0, "status": 0},
        ]
    }


def test_nothing_to_sell_still_lies_there_for_those_who_bought_it() -> None:
    """A source set out of stock could not ship what is sold."""
    (row,) = SET.request([level(quantity=0, committed=2)], SYSTEM, "").body["sourceItems"]
    assert (row["quantity"], row["status"]) == (2, 1)


def test_many_levels_go_through_the_queue() -> None:
    """One body for each, so that one that is refused spoils no other; unless the account forbids it."""
    wants = [level(f"SKU-{number}") for number in range(AT_ONCE + 1)]
    request = SET.request(wants, SYSTEM, "")
    assert request.path == "/rest/default/async/bulk/V1/inventory/source-items"
    assert [len(body["sourceItems"]) for body in request.body] == [1] * len(wants)
    own = System("web_uk", "adobe_commerce", "https://x", {}, {"bulk": False})
    assert len(SET.request(wants, own, "").body["sourceItems"]) == len(wants)
    assert SET.request(wants[:AT_ONCE], SYSTEM, "").path.endswith("/default/V1/inventory/source-items")


def test_the_queue_answers_for_each() -> None:
    """By its place; what is missing there is not known."""
    wants = [level("A"), level("B")]
    taken = [{"id": 1, "status": "rejected", "error_message": "no"}, {"id": 0, "status": "accepted"}]
    first, second = SET.receipts(wants, {"bulk_uuid": "u-1", "request_items": taken, "errors": True})
    assert (first.ref, second.refused) == ("bulk:u-1/0", "no")
    with pytest.raises(Retry) as raised:
        SET.receipts(wants, {"bulk_uuid": "u-1", "request_items": taken[:1]})
    assert raised.value.effect == "unknown"
    assert [receipt.ref for receipt in SET.receipts(wants, [])] == ["leeds_dc:A", "leeds_dc:B"]


QUEUED = {"refs": {"set": "bulk:u-1/4"}}


def status(code: int, place: int = 4) -> dict[str, Any]:
    """What the queue says of an operation."""
    operation = {"id": place, "status": code, "result_message": "Product does not exist", "error_code": 0}
    return {"bulk_id": "u-1", "operations_list": [operation]}


def test_what_waits_in_the_queue_is_neither_there_nor_absent() -> None:
    """It is asked for by its number, once for all of its batch."""
    requests = SET.lookup.requests([level(**QUEUED), level("B", refs={"set": "bulk:u-1/5"})], SYSTEM)
    assert [r.path for r in requests].count("/rest/default/V1/bulk/u-1/status") == 1
    with pytest.raises(Retry, match="queue"):
        SET.lookup.found(level(**QUEUED), [*stock(), status(4)])
    assert look(level(**QUEUED), *stock(9, 7), status(1)).fields["quantity"] == 7
    assert look(level(**QUEUED), *stock(9, 7), status(4, place=5)).fields["quantity"] == 7


def test_a_sku_that_looks_like_a_place_in_the_queue_is_none() -> None:
    """A level that was set at once is known by its source and SKU."""
    requests = SET.lookup.requests([level("AB/5", refs={"set": "leeds_dc:AB/5"})], SYSTEM)
    assert not [r for r in requests if "/bulk/" in r.path]


@pytest.mark.parametrize(
    ("code", "words"), [(1, ""), (2, ""), (3, "Product does not exist"), (5, "Product does not exist")]
)
def test_what_the_queue_will_not_do_gives_its_own_message(code: int, words: str) -> None:
    """Whether the item is in the source or not; what failed and may go again is judged by the level."""
    assert look(level(**QUEUED), *stock(), status(code)).refused == words
    elsewhere = SET.lookup.found(level(location_id="hull_dc", **QUEUED), [*stock(), status(code)])
    assert (elsewhere.refused if elsewhere else "") == words
    assert look(level(**QUEUED), *stock(), status(code, place=5)).refused == ""


def test_a_queue_the_shop_has_forgotten_says_nothing() -> None:
    """Its uuid is answered by 404, which is no fault of the look-up."""
    *_, asked = SET.lookup.requests([level(**QUEUED)], SYSTEM)
    assert asked.absent == {404}
    assert look(level(**QUEUED), *stock(9, 7), None).fields["quantity"] == 7


def test_a_level_is_read_back_as_it_was_meant() -> None:
    """What lies there less what the want took to be reserved: an order in between changes neither."""
    found = look(level(), *stock(9, 7))
    assert (found.fields["quantity"], found.fields["committed"], SET.done(level(), found)) == (7, 2, True)
    later = look(level(), *stock(9, 6))
    assert (later.fields["quantity"], later.fields["committed"]) == (7, 3)
    assert not SET.done(level(), later)


def test_a_level_that_rests_on_other_reservations_waits() -> None:
    """It is worked out anew."""
    with pytest.raises(Retry, match="2 units were reserved when the level was read, 3 are now"):
        SET.guard(level(), look(level(), *stock(11, 8)))
    SET.guard(level(), look(level(), *stock(11, 9)))


def test_reservations_are_counted_at_the_first_source() -> None:
    """Of all sources' stock together."""
    york = level(location_id="york_dc", committed=0)
    assert look(level(), *stock(11, 14, other=5)).fields["committed"] == 2
    assert look(york, *stock(11, 14, other=5)).fields["committed"] == 0


def test_a_product_of_no_website_has_no_reservations_to_wait_for() -> None:
    """The shop does not say."""
    items, _, links, sources = stock(11, 9)
    found = look(level(), items, listed(), links, sources)
    assert found.fields["committed"] is None
    SET.guard(level(), found)


def test_somebody_elses_decision_stays() -> None:
    """Out of stock although something lies there; and an item that is not assigned to the source."""
    with pytest.raises(Reject) as raised:
        SET.guard(level(), look(level(), *stock(11, -2, status=0)))
    assert raised.value.code == "item_not_stocked_at_location"
    SET.guard(level(), look(level(), *stock(0, -2, status=0)))
    assert SET.lookup.found(level(location_id="hull_dc"), stock()) is None
    with pytest.raises(Reject):
        SET.guard(level(), None)


def test_skus_that_hold_commas_are_found() -> None:
    """Each is an alternative of its own; a list of values would be cut at them."""
    items, *_ = SET.lookup.requests([level("A,B"), level("C")], SYSTEM)
    assert [v for n, v in items.params if n.endswith("[value]")] == ["A,B", "C"]


# --- against the sandbox ----------------------------------------------------------------------------------


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A shop and a warehouse without customers or pickers."""
    with sandbox_kit.standing_still():
        yield Retailer(tmp_path, {SHOP: "adobe_commerce", WMS: "veeqo"}, skus=30)


def said(r: Retailer, want: dict[str, Any]) -> str:
    """What the ledger has of the vendor's words about a want."""
    with closing(ledger.open(r.ledger_url)) as book:
        return str(books.trace(book, want["business_key"]).hops[-1].promise.message)


def test_a_shipment_that_carries_our_key_is_no_other_parcels(r: Retailer) -> None:
    """Whatever its number and units: it is the one parcel's, and for another the order has nothing left."""
    made = sold(r)
    want = parcel_row(made)
    r.deliver("shipments_to_channel", want, ticks=2, pause=100)
    again = {**want, "business_key": "another:key"}
    told = r.deliver("shipments_to_channel", again, ticks=2, pause=100)
    assert len(made.fulfilments) == 1
    assert told["another:key"].startswith("rejected")


def set_all(r: Retailer, *wants: dict[str, Any], ticks: int) -> None:
    """Deliver levels that stay wanted: in the end each is verified, by a send or as already there."""
    told = r.deliver("stock_to_channel", *wants, ticks=ticks, pause=100)
    assert {state.split()[0] for state in told.values()} == {"verified"}, told


def on_sale(r: Retailer, number: int) -> tuple[int, int]:
    """(available, reserved) of an item in the first source."""
    held = r.shop.levels[r.shop.variants[r.shop.by_sku[f"SKU-{number:04d}"]].inventory_item_id, 1001]
    return held.available, held.committed


def test_a_level_that_is_set_can_be_sold_whatever_is_reserved(r: Retailer) -> None:
    """Two of it are sold and not shipped: they stay so, and are not taken off again."""
    r.do(SHOP, "place_order", name="#1", lines=[{"sku": "SKU-0001", "quantity": 2}], location=1001)
    want = level_row(r, "SKU-0001", 7)
    set_all(r, want, ticks=2)
    assert on_sale(r, 1) == (7, 2)


def test_a_neighbour_that_no_source_has_keeps_no_level_waiting(r: Retailer) -> None:
    """The shop counts it among what it looked at, and shows nothing of it."""
    wants = [level_row(r, "SKU-0001", 7), level_row(r, "SKU-0002", 7)]
    gone = r.shop.variants[r.shop.by_sku["SKU-0002"]].inventory_item_id
    for key in [key for key in r.shop.levels if key[0] == gone]:
        del r.shop.levels[key]
    told = r.deliver("stock_to_channel", *wants, ticks=2, pause=100)
    assert told == {
        f"{SHOP}:SKU-0001:1001": "verified already_there",
        f"{SHOP}:SKU-0002:1001": "rejected item_not_stocked_at_location",
    }
    assert on_sale(r, 1) == (7, 0)


def test_a_level_of_old_reservations_waits_for_another_look(r: Retailer) -> None:
    """An order came in since: nothing is sent."""
    want = level_row(r, "SKU-0001", 7)
    r.do(SHOP, "place_order", name="#1", lines=[{"sku": "SKU-0001", "quantity": 2}], location=1001)
    before = on_sale(r, 1)
    r.deliver("stock_to_channel", want)
    assert on_sale(r, 1) == before
    fresh = level_row(r, "SKU-0001", 7)
    set_all(r, fresh, ticks=3)
    assert on_sale(r, 1) == (7, 2)


@pytest.mark.parametrize(
    "kind", [None, "reset_after_effect", "reset_before_send", "error_500", "rate_limited"]
)
def test_many_levels_arrive_through_the_queue(r: Retailer, kind: str | None) -> None:
    """Each is verified once the queue has worked; a lost answer changes nothing of that."""
    wants = [level_row(r, f"SKU-{number:04d}", number) for number in range(1, AT_ONCE + 3)]
    if kind:
        r.strike(SHOP, "POST /async/bulk/V1/inventory/source-items", kind)
    set_all(r, *wants, ticks=5)
    assert [on_sale(r, number)[0] for number in range(1, AT_ONCE + 3)] == list(range(1, AT_ONCE + 3))
    assert r.sandbox.kit.counters.calls[SHOP, "POST /async/bulk/V1/inventory/source-items"]


def test_a_level_that_fails_in_the_queue_says_why_and_spoils_no_other(r: Retailer) -> None:
    """It is rejected with the queue's own message at the first look that tells, and not sent again."""
    wants = [level_row(r, f"SKU-{number:04d}", number) for number in range(1, AT_ONCE + 3)]
    r.world.arm(Flaw(SHOP, "set_levels", "SKU-0003", "refuse"))
    told = r.deliver("stock_to_channel", *wants, ticks=2, pause=100)
    assert told.pop(f"{SHOP}:SKU-0003:1001") == "rejected rejected"
    assert r.sandbox.kit.counters.calls[SHOP, "POST /async/bulk/V1/inventory/source-items"] == 1
    assert {state.split()[0] for state in told.values()} == {"verified"}, told
    assert "not allowed to be adjusted" in said(r, wants[2])
