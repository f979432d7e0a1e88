"""What is written to BigCommerce: the bodies, what their answers mean, and how an effect is told from none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, Want, Write
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors.bigcommerce import VENDOR
from cogent_pipelines.vendors.bigcommerce_writes import PROVIDERS
from cogent_pipelines_tests.vendors.bigcommerce_kit import (
    SYSTEM,
    consignment,
    consignments,
    level,
    line,
    order,
    parcel,
    parcel_line,
    release,
    shipment,
    stock,
)

SHIP, TRACK, SET, ACTIVATE, RELEASE = (
    VENDOR.writes[key][0]
    for key in (
        ("shipments_to_channel", "fulfil"),
        ("shipments_to_channel", "track"),
        ("stock_to_channel", "set"),
        ("stock_to_channel", "activate"),
        ("cancellations_to_channel", "release"),
    )
)


def body(write: Write, *wants: Want) -> Any:
    """The body of a write."""
    return write.request(wants, SYSTEM, "2b1c").body


def look(want: Want, *shipments: Any, of: Any = None) -> Found:
    """What the look-up finds in an order with these shipments."""
    found = SHIP.lookup.found(want, [list(shipments) or None, of or order()])
    assert found is not None
    return found


# --- a parcel -----------------------------------------------------------------------------------------


def test_a_parcel_is_one_shipment_of_its_own_lines() -> None:
    """To the address its lines go to, with our reference in the comments."""
    want = parcel(lines=[parcel_line(194, 2), parcel_line(195, 1), parcel_line(194, 1)])
    request = SHIP.request([want], SYSTEM, "2b1c")
    assert (request.method, request.path, request.is_write) == ("POST", "/v2/orders/218/shipments", True)
    assert request.body == {
        "order_address_id": 131,
        "items": [{"order_product_id": 194, "quantity": 3}, {"order_product_id": 195, "quantity": 1}],
        "comments": "our ref wms_uk:4401",
        "tracking_number": "AB1",
        "shipping_provider": "royalmail",
        "tracking_carrier": "",
    }


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        *(
            (provider, {"shipping_provider": provider, "tracking_carrier": ""})
            for provider in sorted(PROVIDERS)
        ),
        ("carrier_17", {"shipping_provider": "carrier_17", "tracking_carrier": ""}),
        ("dpd-uk", {"shipping_provider": "", "tracking_carrier": "dpd-uk"}),
        ("carrier_x", {"shipping_provider": "", "tracking_carrier": "carrier_x"}),
        (
            None,
            {"shipping_provider": "", "tracking_carrier": "", "tracking_link": "https://t.example.test/AB1"},
        ),
    ],
)
def test_a_carrier_is_a_provider_a_courier_or_a_link_of_our_own(
    carrier: Any, expected: dict[str, str]
) -> None:
    """One of the three."""
    sent = body(SHIP, parcel(carrier=carrier))
    assert {
        k: v for k, v in sent.items() if k in {"shipping_provider", "tracking_carrier", "tracking_link"}
    } == expected


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://", "", None, "https://t.example.test/" + "9" * 500]
)
def test_only_an_address_is_a_link(url: Any) -> None:
    """And no longer than the vendor takes."""
    assert "tracking_link" not in body(SHIP, parcel(carrier=None, tracking_urls=[url]))


def test_a_shipment_holds_one_number() -> None:
    """The parcel's own, which is the first."""
    assert body(SHIP, parcel(tracking_numbers=[" AB2 ", "AB1"]))["tracking_number"] == "AB2"
    assert body(SHIP, parcel(tracking_numbers=None))["tracking_number"] == ""


def test_a_parcel_for_two_addresses_is_refused() -> None:
    """A shipment is for one of an order's addresses."""
    with pytest.raises(Reject) as raised:
        body(SHIP, parcel(lines=[parcel_line(194), parcel_line(195, address=132)]))
    assert raised.value.code == "several_addresses"


def test_a_shipment_made_gives_its_id() -> None:
    """As the vendor numbers it."""
    assert SHIP.receipts([parcel()], shipment(11))[0].ref == "11"


def test_a_parcel_is_looked_up_in_its_order() -> None:
    """Its shipments, and what it has left."""
    first, second = SHIP.lookup.requests([parcel()], SYSTEM)
    assert (first.path, dict(first.params)) == ("/v2/orders/218/shipments", {"limit": "250"})
    assert (second.path, dict(second.params)["include"]) == ("/v2/orders/218", "consignments.line_items")


def test_a_parcel_is_known_by_our_reference() -> None:
    """Whatever became of its number; what differs is seen at read-back."""
    found = look(parcel(), shipment(tracking_number="AB"))
    assert (found.ref, found.count, found.fields["tracking_numbers"]) == ("11", 1, ["AB"])
    found = look(parcel(), shipment(11, (194, 1)))
    assert found.fields["lines"] == [("194", 1)]
    whole = look(parcel(), shipment())
    assert all(whole.fields[name] == parcel().fields[name] for name in SHIP.compare)


def test_a_shipment_has_one_number_and_those_of_a_bundles_earlier_parcels_stand_in_its_comments() -> None:
    """And it is known by our reference with them or without."""
    want = parcel(tracking_numbers=["AB1", " CD2 ", "", "EF3"])
    sent = body(SHIP, want)
    assert sent["tracking_number"] == "AB1"
    assert sent["comments"] == "our ref wms_uk:4401; also in parcel CD2; also in parcel EF3"
    for comments in (sent["comments"], "our ref wms_uk:4401"):
        assert (
            look(want, shipment(comments=comments)).fields["tracking_numbers"]
            == want.fields["tracking_numbers"]
        )
    assert look(parcel(), shipment(comments=sent["comments"].replace("4401", "4402"))).count == 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"comments": "our ref wms_uk:44010"}, "another parcel's reference"),
        ({"comments": "our ref wms_uk:4401/2"}, "another part of this parcel"),
        ({"comments": "", "tracking_number": "ZZ9"}, "a person's, of another number"),
        ({"comments": "", "items": [{"order_product_id": 194, "quantity": 1}]}, "a person's, of fewer units"),
        ({"comments": "", "tracking_number": ""}, "a person's, without a number"),
    ],
)
def test_another_shipment_is_not_the_parcels(given: dict[str, Any], why: str) -> None:
    """Exact matches only."""
    assert look(parcel(), shipment(**given)).count == 0, why


@pytest.mark.parametrize("number", ["ab1", " AB1", "A B1"])
def test_a_persons_shipment_is_the_parcels_by_number_and_lines(number: str) -> None:
    """However the number is typed, and whatever they remarked."""
    found = look(parcel(), shipment(comments="Ready to go...", tracking_number=number))
    assert (found.count, found.fields["tracking_numbers"]) == (1, ["AB1"])


def test_a_parcel_without_a_number_is_known_by_our_reference_alone() -> None:
    """Another one of the same lines is another parcel."""
    want = parcel(tracking_numbers=[], carrier=None)
    assert look(want, shipment(comments="", tracking_number="")).count == 0
    assert look(want, shipment(tracking_number="", shipping_provider="")).count == 1


def test_a_double_is_counted() -> None:
    """The first made is the parcel's."""
    found = look(parcel(), shipment(12), shipment(11))
    assert (found.ref, found.count) == ("11", 2)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({}, "royalmail"),
        ({"shipping_provider": "", "tracking_carrier": "royalmail"}, "royalmail"),
        ({"shipping_provider": "usps"}, "usps"),
        ({"shipping_provider": ""}, None),
    ],
)
def test_a_carrier_is_read_back_from_either_field(stored: dict[str, str], expected: Any) -> None:
    """Whichever the vendor keeps it in."""
    assert look(parcel(), shipment(**stored)).fields["carrier"] == expected


def test_an_order_of_more_shipments_than_a_page_is_not_judged() -> None:
    """What is not in the page may be there all the same."""
    with pytest.raises(Reject):
        look(parcel(), *(shipment(n, comments="") for n in range(250)))


def guard(want: Want, **changes: Any) -> None:
    """The guard, given the order."""
    SHIP.guard(want, look(want, of=order(**changes)))


@pytest.mark.parametrize("status", [1, 2, 3, 7, 9, 11, 14])
def test_a_parcel_the_order_has_room_for_is_sent(status: int) -> None:
    """What left the warehouse left it, whatever the status says of money."""
    guard(parcel(), status_id=status)


@pytest.mark.parametrize(
    ("want", "changes", "code"),
    [
        (parcel(notify=False), {}, "would_notify"),
        (parcel(notify=None), {}, "would_notify"),
        (parcel(), {"status_id": 0}, "order_missing"),
        (parcel(), {"status_id": 5}, "order_cancelled"),
        (parcel(), {"status_id": 6}, "order_cancelled"),
        (parcel(tracking_numbers=["9" * 51]), {}, "invalid_number"),
        (parcel(lines=[parcel_line(qty=3)]), {}, "nothing_left"),
        (parcel(lines=[parcel_line(195)]), {}, "nothing_left"),
        (
            parcel(lines=[parcel_line(qty=1)]),
            {"consignments": consignments(consignment(line(quantity_shipped=2)))},
            "nothing_left",
        ),
    ],
)
def test_a_parcel_that_may_not_go_is_told_to_a_person(want: Want, changes: dict[str, Any], code: str) -> None:
    """By the order as it stands, not as it was planned."""
    with pytest.raises(Reject) as raised:
        guard(want, **changes)
    assert raised.value.code == code


def test_a_further_part_of_a_parcel_goes_though_its_customer_was_told() -> None:
    """Told with the first."""
    guard(parcel(notify=False, part=2, key="wms_uk:4401/2"))


def test_a_parcel_of_a_lost_order_is_refused() -> None:
    """No answer, no order."""
    with pytest.raises(Reject):
        SHIP.guard(parcel(), None)


# --- its tracking -------------------------------------------------------------------------------------


def test_tracking_is_changed_in_place() -> None:
    """Number and carrier, and nothing else of the shipment."""
    want = parcel(act="track", fulfilment_id="11", tracking_numbers=["AB2"], carrier="dpd-uk")
    request = TRACK.request([want], SYSTEM, "2b1c")
    assert (request.method, request.path) == ("PUT", "/v2/orders/218/shipments/11")
    assert request.body == {"tracking_number": "AB2", "shipping_provider": "", "tracking_carrier": "dpd-uk"}


@pytest.mark.parametrize(("number", "expected"), [("AB1", True), ("AB9", False)])
def test_tracking_is_done_when_the_shipment_holds_it(number: str, expected: bool) -> None:
    """Looked for by its id."""
    want = parcel(act="track", fulfilment_id="11")
    found = TRACK.lookup.found(want, [[shipment(12), shipment(11, tracking_number=number)]])
    assert found is not None
    assert TRACK.done(want, found) is expected


def test_a_shipment_that_is_gone_is_not_tracked() -> None:
    """Somebody deleted it."""
    want = parcel(act="track", fulfilment_id="11")
    assert TRACK.lookup.found(want, [None]) is None
    with pytest.raises(Reject):
        TRACK.guard(want, None)


# --- a level ------------------------------------------------------------------------------------------


def test_levels_are_set_absolutely_in_one_call_by_location() -> None:
    """By variant or product, as their stock is tracked; the key says which call it was."""
    wants = [stock(5, location=2), stock(0, item="product_id=185"), stock(3)]
    assert SET.request(wants, SYSTEM, "2b1c").path == "/v3/inventory/adjustments/absolute"
    assert body(SET, *wants) == {
        "reason": "cogent-pipelines 2b1c",
        "items": [
            {"location_id": 1, "product_id": 185, "quantity": 0},
            {"location_id": 1, "variant_id": 501, "quantity": 3},
            {"location_id": 2, "variant_id": 501, "quantity": 5},
        ],
    }
    assert (SET.batch, SET.is_alone, SET.has_idempotency) == (200, True, False)
    assert SET.settle >= timedelta(minutes=1)


@pytest.mark.parametrize("item", ["501", "shared=501", "variant_id=x", ""])
def test_an_item_that_cannot_be_named_is_refused(item: str) -> None:
    """Before it spoils its batch."""
    with pytest.raises(Reject):
        body(SET, stock(item=item))


def test_every_level_of_a_batch_gets_the_transactions_receipt() -> None:
    """Nobody can ask for it."""
    receipts = SET.receipts([stock(), stock(location=2)], {"transaction_id": "t1"})
    assert [(r.ref, r.refused) for r in receipts] == [("t1", "")] * 2


def test_levels_are_looked_up_by_how_they_are_tracked() -> None:
    """One request for each way, every id once."""
    wants = [stock(), stock(location=2), stock(item="product_id=185")]
    first, second = SET.lookup.requests(wants, SYSTEM)
    assert dict(first.params) == {"product_id:in": "185", "limit": "1000"}
    assert dict(second.params) == {"variant_id:in": "501", "limit": "1000"}


@pytest.mark.parametrize(("on_hand", "expected"), [(5, True), (7, False)])
@pytest.mark.parametrize("item", ["variant_id=501", "product_id=184"])
def test_a_level_is_done_when_it_is_what_was_wanted(item: str, on_hand: int, expected: bool) -> None:
    """On hand, whatever the shop's safety stock takes off it."""
    others = [level(5, variant=502, product=185), level(5, location=2, variant=503, product=186)]
    want = stock(5, item=item)
    found = SET.lookup.found(want, [{"data": []}, {"data": [*others, level(on_hand, safety=2)]}])
    assert found is not None
    assert SET.done(want, found) is expected


def test_a_level_that_moved_since_it_was_read_is_planned_again() -> None:
    """There is no compare-and-set: it is compared before."""
    with pytest.raises(Retry):
        SET.guard(stock(5, 7), SET.lookup.found(stock(), [{"data": [level(6)]}]))
    SET.guard(stock(5, 7), SET.lookup.found(stock(), [{"data": [level(7)]}]))
    SET.guard(stock(5, None), SET.lookup.found(stock(), [{"data": [level(6)]}]))


@pytest.mark.parametrize(
    ("want", "held"),
    [
        (stock(5), None),
        (stock(5), level(7, location_enabled=False)),
        (stock(-1), level(7)),
        (stock(2_147_483_648), level(7)),
    ],
)
def test_a_level_the_shop_cannot_take_is_refused(want: Want, held: Any) -> None:
    """Before it spoils its batch."""
    with pytest.raises(Reject):
        SET.guard(want, SET.lookup.found(want, [{"data": [held] if held else []}]))


def test_a_first_level_needs_none_before() -> None:
    """It is set as any other."""
    want = stock(5, None, act="activate")
    assert ACTIVATE is SET
    ACTIVATE.guard(want, ACTIVATE.lookup.found(want, [{"data": []}]))


# --- units that will not be sent ------------------------------------------------------------------------


def test_a_release_cancels_the_order_and_says_nothing_of_money() -> None:
    """One status; the vendor refunds nothing by it."""
    request = RELEASE.request([release()], SYSTEM, "2b1c")
    assert (request.method, request.path, request.body) == ("PUT", "/v2/orders/218", {"status_id": 5})


@pytest.mark.parametrize(("status", "expected"), [(11, False), (5, True), (6, True)])
def test_a_release_is_done_when_the_order_is_cancelled(status: int, expected: bool) -> None:
    """Or declined: its stock is free."""
    found = RELEASE.lookup.found(release(), [order(status_id=status)])
    assert RELEASE.done(release(), found) is expected


@pytest.mark.parametrize(
    ("want", "of", "code"),
    [
        (release((194, 2, 1)), order(), "part_of_an_order"),
        (
            release(),
            order(consignments=consignments(consignment(line(), line(195, "CAP", 1)))),
            "part_of_an_order",
        ),
        (
            release(),
            order(consignments=consignments(consignment(line(quantity_shipped=1)))),
            "part_of_an_order",
        ),
        (release(), order(status_id=0), "order_missing"),
        (release(), None, "order_missing"),
    ],
)
def test_what_would_take_more_off_than_the_warehouse_gave_up_is_refused(
    want: Want, of: Any, code: str
) -> None:
    """A part of a line, another line, or a unit that left."""
    with pytest.raises(Reject) as caught:
        RELEASE.guard(want, RELEASE.lookup.found(want, [of]))
    assert caught.value.code == code
