"""What is sent to Veeqo, when it is refused, and how its effect is recognised."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.spec import System
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.estate import Scope
from cogent_pipelines.outbox import personal
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.veeqo_kit import (
    SYSTEM,
    allocation,
    found,
    line,
    order,
    want,
)

# --- create -------------------------------------------------------------------------------------------


def test_an_order_is_sent_whole() -> None:
    """The golden body: number, marker, payment, silent, prices as strings, tax as a fraction, day first."""
    request = veeqo.CREATE.request([want(due_on=date(2026, 11, 3), note="Leave at door")], SYSTEM, "key")
    address = {
        "first_name": "Ann",
        "last_name": "Lee",
        "address1": "1 High St",
        "city": "Leeds",
        "zip": "LS1 1AA",
        "country": "GB",
        "phone": "0113",
    }
    assert (request.method, request.path, request.is_write) == ("POST", "/orders", True)
    assert request.body == {
        "order": {
            "channel_id": 771,
            "number": "#1042",
            "customer_attributes": {
                "email": "ann@example.test",
                "phone": "0113",
                "billing_address_attributes": address,
            },
            "deliver_to_attributes": address,
            "delivery_method_id": 11,
            "delivery_cost": "3.95",
            "total_discounts": "0.00",
            "additional_order_level_taxless_discount": "0.00",
            "due_date": "03/11/2026",
            "send_notification_email": False,
            "line_items_attributes": [
                {"sellable_id": 8801, "quantity": 2, "price_per_unit": "20.00", "tax_rate": 0.2}
            ],
            "payment_attributes": {"payment_type": "bank_transfer", "reference_number": "pay_1"},
            "customer_note_attributes": {"text": "Leave at door"},
            "employee_notes_attributes": [{"text": "[cogent order web_uk:1@LEEDS]"}],
        }
    }


GROSS = {
    "total_amount": Decimal("43.9300"),
    "tax_amount": Decimal("7.3200"),
    "lines": [{**want().fields["lines"][0], "unit_price_amount": Decimal("19.9900")}],
}
"""A shop whose prices hold the tax: two at 19.99 and delivery at 3.95."""


@pytest.mark.parametrize("said", [{}, {"is_tax_included": None}, {"is_tax_included": True}])
def test_prices_that_hold_tax_go_in_before_tax(said: dict[str, Any]) -> None:
    """They add the tax themselves: 16.6583 at 20 % is the 19.99 that was paid."""
    sent = veeqo.CREATE.request([want(**GROSS, **said)], SYSTEM, "key").body["order"]
    (part,) = sent["line_items_attributes"]
    assert (part["price_per_unit"], part["tax_rate"], sent["delivery_cost"]) == ("16.6583", 0.2, "3.95")
    total = 2 * Decimal(part["price_per_unit"]) * Decimal("1.2") + Decimal(sent["delivery_cost"])
    assert round(total, 2) == GROSS["total_amount"]


def test_what_the_row_says_of_tax_is_believed_before_its_sums() -> None:
    """The sums of an order edited since may point the other way."""
    sent = veeqo.CREATE.request([want(**GROSS, is_tax_included=False)], SYSTEM, "key").body["order"]
    assert sent["line_items_attributes"][0]["price_per_unit"] == "19.99"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"discount_amount": Decimal(6), "total_amount": Decimal("44.75"), "tax_amount": Decimal("6.80")},
            "6.00",
        ),
        (
            {
                **GROSS,
                "discount_amount": Decimal(6),
                "total_amount": Decimal("37.93"),
                "tax_amount": Decimal("6.32"),
            },
            "5.00",
        ),
    ],
)
def test_a_discount_goes_in_before_tax(fields: dict[str, Any], text: str) -> None:
    """One discount for the whole order, in both of the attributes their own sample gives it in."""
    sent = veeqo.CREATE.request([want(**fields)], SYSTEM, "key").body["order"]
    assert (sent["total_discounts"], sent["additional_order_level_taxless_discount"]) == (text, text)


@pytest.mark.parametrize("stored", [16.6583, 16.658, 16.66])
def test_a_price_that_only_rounding_changed_is_the_price_that_was_sold(stored: float) -> None:
    """How many places they keep is not documented; half a penny is no difference."""
    about = want(**GROSS)
    seen = found(veeqo.CREATE, about, [order(line_items=[line(price_per_unit=stored, tax_rate=0.2)])], [])
    assert seen.fields["lines"][0]["unit_price_amount"] == Decimal("19.99")


@pytest.mark.parametrize("stored", [19.99, 16.65, 0.0])
def test_a_price_that_was_stored_otherwise_is_told_apart(stored: float) -> None:
    """A penny is a difference, and so is tax added twice."""
    about = want(**GROSS)
    seen = found(veeqo.CREATE, about, [order(line_items=[line(price_per_unit=stored, tax_rate=0.2)])], [])
    assert seen.fields["lines"][0]["unit_price_amount"] != Decimal("19.99")


def test_two_prices_of_one_item_come_back_as_the_two_they_were() -> None:
    """A bundle's price that does not divide leaves two lines a penny apart."""
    lines = [{**GROSS["lines"][0], "unit_price_amount": Decimal(p)} for p in ("6.6600", "6.6700")]  # type: ignore[index]
    about = want(**{**GROSS, "lines": lines}, is_tax_included=True)
    sent = veeqo.CREATE.request([about], SYSTEM, "key").body["order"]["line_items_attributes"]
    stored = [
        line(71 + n, qty=2, price_per_unit=float(part["price_per_unit"]), tax_rate=0.2)
        for n, part in enumerate(sent)
    ]
    seen = found(veeqo.CREATE, about, [order(line_items=stored)], [])
    assert [p["unit_price_amount"] for p in seen.fields["lines"]] == [Decimal("6.66"), Decimal("6.67")]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("20.0000"), "20.00"),
        (Decimal("3.3333"), "3.3333"),
        (Decimal("0.1250"), "0.125"),
        (Decimal(0), "0.00"),
        (Decimal(1200), "1200.00"),
        (None, "0.00"),
    ],
)
def test_an_amount_is_a_decimal_string(amount: Decimal | None, text: str) -> None:
    """Two to four places, no exponent, no float."""
    request = veeqo.CREATE.request([want(shipping_amount=amount)], SYSTEM, "key")
    assert request.body["order"]["delivery_cost"] == text


def test_a_line_without_tax_says_so() -> None:
    """Left out, the item's own rate could be added to the price."""
    lines = [{**want().fields["lines"][0], "tax_rate": None}]
    request = veeqo.CREATE.request([want(lines=lines)], SYSTEM, "key")
    assert request.body["order"]["line_items_attributes"][0]["tax_rate"] == 0


def test_an_order_without_a_payment_reference_is_still_paid() -> None:
    """Without payment attributes the warehouse would wait for a payment for ever."""
    request = veeqo.CREATE.request([want(payment_reference=None)], SYSTEM, "key")
    assert request.body["order"]["payment_attributes"] == {"payment_type": "bank_transfer"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"lines": [{"sku": "X", "item_id": None, "qty": 1, "unit_price_amount": 1}]}, "unknown_sku"),
        ({"lines": [{"sku": "X", "item_id": "8801; drop", "qty": 1, "unit_price_amount": 1}]}, "unknown_sku"),
        ({"delivery_method_id": None}, "unmapped_delivery_method_id"),
        ({"delivery_method_id": "../7"}, "unmapped_delivery_method_id"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_before_it_is_sent(
    fields: dict[str, Any], code: str
) -> None:
    """An id that is none of theirs never reaches a body or a path."""
    with pytest.raises(Reject) as refusal:
        veeqo.CREATE.request([want(**fields)], SYSTEM, "key")
    assert refusal.value.code == code


@pytest.mark.parametrize("stores", [None, "", "shop", {"YORK": 772}])
def test_an_account_without_a_store_halts(stores: Any) -> None:
    """The estate must say which store orders are put in; no order can be right without it."""
    system = System("wms_uk", "veeqo", "https://api.veeqo.com", {}, {"channel_id": stores})
    with pytest.raises(Halt, match="channel_id"):
        veeqo.CREATE.request([want()], system, "key")


def test_each_facility_may_have_its_store() -> None:
    """Where an account allocates by itself, it does so at the store's own warehouse."""
    system = System(
        "wms_uk", "veeqo", "https://api.veeqo.com", {}, {"channel_id": {"LEEDS": 771, "YORK": "772"}}
    )
    sent = [veeqo.CREATE.request([want(facility=f)], system, "key").body["order"] for f in ("LEEDS", "YORK")]
    assert [body["channel_id"] for body in sent] == [771, 772]


def test_the_receipt_is_the_new_order() -> None:
    """A 201 carries the order, whose id later steps need; without one the outcome is not known."""
    assert veeqo.CREATE.receipts([want()], order())[0].ref == "90011"
    with pytest.raises(Retry) as doubt:
        veeqo.CREATE.receipts([want()], {"message": "ok"})
    assert doubt.value.effect == "unknown"


# --- looking an order up ------------------------------------------------------------------------------


def test_an_order_is_searched_for_twice() -> None:
    """Cancelled orders hide from the plain search, and no order is older than its sale."""
    requests = veeqo.CREATE.lookup.requests([want()], SYSTEM)
    shared = (("query", "#1042"), ("created_at_min", "2026-11-01 07:59:00"), ("page_size", "100"))
    assert [r.params for r in requests] == [shared, (*shared, ("status", "cancelled"))]


def test_a_fuzzy_match_is_no_match() -> None:
    """The search for 1042 also gives 10421 and A1042; only the exact number counts."""
    near = [order(id=1, number="#10421"), order(id=2, number="A#1042"), order(id=3, number="#104")]
    assert veeqo.CREATE.lookup.found(want(), [near, []]) is None
    assert found(veeqo.CREATE, want(), [*near, order(number=" #1042 ")], []).ref == "90011"


def test_a_cancelled_order_is_found_and_not_sent_again() -> None:
    """What a person cancelled in the warehouse is there: it is not resurrected."""
    seen = found(veeqo.CREATE, want(), [], [order(status="cancelled")])
    assert (seen.ref, seen.count, seen.fields["status"]) == ("90011", 1, "cancelled")
    assert veeqo.CREATE.done(want(), seen)


def test_two_orders_of_one_number_are_a_double() -> None:
    """Both would ship; a cancelled one beside a live one would not."""
    twice = [order(id=90012), order(id=90011)]
    assert (found(veeqo.CREATE, want(), twice, []).ref, found(veeqo.CREATE, want(), twice, []).count) == (
        "90011",
        2,
    )
    mended = found(veeqo.CREATE, want(), [order(id=90012)], [order(id=90011, status="cancelled")])
    assert (mended.ref, mended.count) == ("90012", 1)


def test_one_order_in_both_lists_is_one_order() -> None:
    """An order cancelled between the two searches is in both answers."""
    assert found(veeqo.CREATE, want(), [order()], [order(status="cancelled")]).count == 1


def test_another_part_of_the_same_sale_is_not_this_one() -> None:
    """A sale split over facilities has one number; the marker in the notes tells the parts apart."""
    other = order(id=7, employee_notes=[{"id": 1, "text": "[cogent order web_uk:1@YORK]"}])
    assert veeqo.CREATE.lookup.found(want(), [[other], []]) is None
    assert found(veeqo.CREATE, want(), [other, order()], []).count == 1


def test_an_order_sent_by_somebody_else_is_found_by_its_number() -> None:
    """An older integration leaves no marker; its order answers all the same."""
    assert found(veeqo.CREATE, want(), [order(employee_notes=[])], []).ref == "90011"


def test_another_brand_s_order_of_our_number_is_not_this_one() -> None:
    """By its store where we declare ours, else by its SKUs; and what is marked as ours is ours whatever it holds."""
    of_lamps = line(sku="LAMP-1")
    theirs = order(employee_notes=[], channel={"id": 772}, line_items=[of_lamps])
    for scope in (Scope(channels=(771,)), Scope(sku_prefix="TEE-")):
        mine = dataclasses.replace(want(), scope=scope)
        assert veeqo.CREATE.lookup.found(mine, [[theirs], []]) is None
        assert found(veeqo.CREATE, mine, [order(employee_notes=[])], []).ref == "90011"
        assert found(veeqo.CREATE, mine, [order(line_items=[of_lamps])], []).ref == "90011"
    assert found(veeqo.CREATE, want(), [theirs], []).ref == "90011"


def test_what_has_our_own_lines_is_found_again_whatever_the_scope_says() -> None:
    """A part of a bundle may not begin as our SKUs do, and must not be sent twice for it."""
    mine = dataclasses.replace(want(), scope=Scope(sku_prefix="SET-"))
    assert found(veeqo.CREATE, mine, [order(employee_notes=[])], []).ref == "90011"


def test_absence_is_not_believed_of_a_full_page() -> None:
    """A hundred near matches may hide the exact one on the next page."""
    near = [order(id=i, number=f"#1042{i}") for i in range(100)]
    with pytest.raises(Retry, match="not proven"):
        veeqo.CREATE.lookup.found(want(), [near, []])


def test_the_list_of_new_orders_is_indexed_by_number() -> None:
    """A batch is looked up in one read: its records, by the reference their want would carry."""
    listing = veeqo.CREATE.lookup.listing
    assert listing is not None
    assert listing.reference(order(number=" #1042 ")) == want().reference
    assert listing.reference(order(number=None)) == ""
    assert found(veeqo.CREATE, want(), [order()]).ref == "90011"


def test_what_is_found_compares_with_what_was_wanted() -> None:
    """Every compared field of an order stored as sent equals the want's, in type and value."""
    wanted = want()
    stored = found(veeqo.CREATE, wanted, [order()], []).fields
    for field in veeqo.CREATE.compare:
        if field not in ("reference", "lines"):
            assert stored[field] == wanted.fields[field], field
    assert stored["reference"] == wanted.reference
    assert stored["lines"] == [
        {name: part[name] for name in ("sku", "item_id", "qty", "unit_price_amount")}
        for part in wanted.fields["lines"]
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"line_items": [line(qty=1, price_per_unit=20.0, tax_rate=0.2)]}, "lines"),
        ({"line_items": []}, "lines"),
        ({"delivery_cost": 0.0}, "shipping_amount"),
        ({"delivery_method": {"id": 12}}, "delivery_method_id"),
        ({"deliver_to": {"first_name": "Ann", "last_name": "Lee", "address1": "1 Hig"}}, "ship_to_line1"),
    ],
)
def test_what_was_stored_otherwise_shows(change: dict[str, Any], field: str) -> None:
    """A truncated or emptied field differs in the compared fields."""
    assert field in veeqo.CREATE.compare
    assert (
        found(veeqo.CREATE, want(), [order(**change)], []).fields[field]
        != found(veeqo.CREATE, want(), [order()], []).fields[field]
    )


@pytest.mark.parametrize(
    ("change", "is_unfinished"),
    [
        ({}, True),
        ({"status": "awaiting_stock"}, True),
        ({"status": "on_hold"}, True),
        ({"employee_notes": []}, False),
        (
            {
                "employee_notes": [
                    {"id": 1, "text": "[cogent order web_uk:1@YORK] [cogent order web_uk:1@LEEDS]"}
                ]
            },
            True,
        ),
        ({"allocations": [allocation()]}, False),
        ({"allocations": [allocation(warehouse=42)]}, False),
        ({"allocated_completely": True}, False),
        ({"status": "cancelled"}, False),
        ({"status": "a_status_of_next_year"}, False),
        ({"merged_to_id": 90010}, False),
        ({"shipped_at": "2026-11-02T14:10:01.000Z"}, False),
        ({"line_items": [line(picked_quantity=1)]}, False),
    ],
)
def test_an_order_of_ours_that_no_facility_was_given_is_unfinished(
    change: dict[str, Any], is_unfinished: bool
) -> None:
    """What a process left that died between the two writes, seen without its ledger."""
    seen = found(veeqo.CREATE, want(), [order(**change)], [])
    assert seen.fields["is_unfinished"] is is_unfinished
    if is_unfinished:
        veeqo.ALLOCATE.guard(want(refs={"create_order": "90011"}), seen)


# --- allocate -----------------------------------------------------------------------------------------

CREATED = {"create_order": "90011"}


def test_an_allocation_gives_all_units_to_the_facility() -> None:
    """One entry per item: two lines of the same item are one quantity."""
    lines = want().fields["lines"] * 2 + [{"sku": "CAP", "item_id": "8802", "qty": 1, "unit_price_amount": 5}]
    request = veeqo.ALLOCATE.request([want(lines=lines, refs=CREATED)], SYSTEM, "key")
    assert (request.method, request.path, request.is_write) == ("POST", "/orders/90011/allocations", True)
    assert request.body == {
        "allocation": {
            "warehouse_id": 41,
            "line_items_attributes": [
                {"sellable_id": 8801, "quantity": 4},
                {"sellable_id": 8802, "quantity": 1},
            ],
        }
    }


def test_an_allocation_without_a_facility_is_refused() -> None:
    """An unmapped facility is never sent as something else."""
    with pytest.raises(Reject) as refusal:
        veeqo.ALLOCATE.request([want(facility_id=None, refs=CREATED)], SYSTEM, "key")
    assert refusal.value.code == "unmapped_facility_id"


def test_an_allocation_waits_for_its_order() -> None:
    """Without the order's id there is nothing to allocate yet."""
    with pytest.raises(Retry):
        veeqo.ALLOCATE.request([want()], SYSTEM, "key")
    with pytest.raises(Retry):
        veeqo.ALLOCATE.guard(want(), None)


def test_an_allocation_is_looked_up_by_the_orders_id() -> None:
    """By id where the id is known, else by number as for the order itself."""
    (by_id,) = veeqo.ALLOCATE.lookup.requests([want(refs=CREATED)], SYSTEM)
    assert by_id.path == "/orders/90011"
    assert len(veeqo.ALLOCATE.lookup.requests([want()], SYSTEM)) == 2
    assert found(veeqo.ALLOCATE, want(refs=CREATED), order(number="renamed")).ref == "90011"
    assert found(veeqo.ALLOCATE, want(), [order(), order(id=1, number="#10421")], []).ref == "90011"


def test_an_allocation_is_looked_for_in_the_order_that_was_made() -> None:
    """In a list that holds a second order of the number, only the one we made counts."""
    twin = order(id=90010, employee_notes=[], allocations=[allocation()])
    assert not veeqo.ALLOCATE.done(want(), found(veeqo.ALLOCATE, want(refs=CREATED), twin, order()))
    assert veeqo.ALLOCATE.lookup.found(want(refs=CREATED), [twin]) is None


@pytest.mark.parametrize(
    ("change", "is_done", "code"),
    [
        ({}, False, None),
        ({"allocations": [allocation()]}, True, None),
        ({"allocations": [allocation(), allocation(6102)]}, True, None),
        ({"allocations": [allocation(line_items=[line(1, qty=1)])], "status": "awaiting_stock"}, True, None),
        ({"allocations": [allocation(warehouse=42)]}, False, "allocated_elsewhere"),
        ({"allocations": [allocation(), allocation(6102, warehouse=42)]}, False, "allocated_elsewhere"),
        ({"status": "cancelled"}, False, "cancelled_at_target"),
        ({"merged_to_id": 90010}, False, "merged_at_target"),
    ],
)
def test_an_order_is_allocated_once_and_only_where_it_should_be(
    change: dict[str, Any], is_done: bool, code: str | None
) -> None:
    """With the facility: done. With another, or stopped by a person: a person decides, nothing is moved."""
    seen = found(veeqo.ALLOCATE, want(refs=CREATED), order(**change))
    assert veeqo.ALLOCATE.done(want(), seen) is is_done
    if code is None:
        assert is_done or veeqo.ALLOCATE.guard(want(), seen) is None
        return
    with pytest.raises(Reject) as refusal:
        veeqo.ALLOCATE.guard(want(), seen)
    assert refusal.value.code == code


def test_an_accepted_allocation_at_another_facility_is_stored_otherwise_than_sent() -> None:
    """It answers to what was sent, and differs: a person is told, and it is not sent again."""
    accepted = want(refs=CREATED | {"allocate_order": "90011"})
    seen = found(veeqo.ALLOCATE, accepted, order(allocations=[allocation(warehouse=42)]))
    assert veeqo.ALLOCATE.done(accepted, seen)
    assert seen.fields["facility_id"] != accepted.fields["facility_id"]
    assert "facility_id" in veeqo.ALLOCATE.compare
    assert not veeqo.ALLOCATE.done(accepted, found(veeqo.ALLOCATE, accepted, order()))


BOTH = [
    {"sku": "TEE-M", "item_id": "8801", "qty": 2, "unit_price_amount": Decimal("6.66")},
    {"sku": "TEE-M", "item_id": "8801", "qty": 1, "unit_price_amount": Decimal("6.67")},
    {"sku": "CAP", "item_id": "8802", "qty": 1, "unit_price_amount": Decimal(5)},
]
WHOLE = [line(1, qty=3), line(2, item=8802, sku="CAP", qty=1)]


@pytest.mark.parametrize(
    ("held", "quantities"),
    [
        ([allocation(line_items=WHOLE)], [2, 1, 1]),
        ([allocation(line_items=WHOLE[:1]), allocation(6102, line_items=WHOLE[1:])], [2, 1, 1]),
        ([allocation(line_items=[{"id": 1, "quantity": 3, "sellable_id": 8801}, WHOLE[1]])], [2, 1, 1]),
        ([allocation(line_items=WHOLE[:1])], [2, 1, 0]),
        ([allocation(line_items=[line(1, qty=2), WHOLE[1]])], [2, 0, 1]),
        ([allocation(line_items=[])], [0, 0, 0]),
    ],
)
def test_an_allocation_that_holds_less_than_was_asked_for_shows(
    held: list[dict[str, Any]], quantities: list[int]
) -> None:
    """It was accepted, so it is not sent again; the read-back says what it lacks."""
    about = want(lines=BOTH, refs=CREATED)
    seen = found(veeqo.ALLOCATE, about, order(allocations=held))
    assert veeqo.ALLOCATE.done(about, seen)
    unlike = personal.differing(
        personal.seal(about.fields, frozenset(), b""), seen.fields, veeqo.ALLOCATE.compare, frozenset(), b""
    )
    assert [part["qty"] for part in seen.fields["lines"]] == quantities
    assert unlike == ([] if quantities == [2, 1, 1] else ["lines"])


def test_filters_are_given_in_the_accounts_zone() -> None:
    """Undocumented: UTC unless the account's options name a zone."""
    away = dataclasses.replace(SYSTEM, options={"channel_id": 771, "filter_time_zone": "America/New_York"})
    wanted = want(placed_at=datetime(2026, 7, 2, 3, tzinfo=UTC))
    assert (
        dict(veeqo.CREATE.lookup.requests([wanted], SYSTEM)[0].params)["created_at_min"]
        == "2026-07-01 03:00:00"
    )
    assert (
        dict(veeqo.CREATE.lookup.requests([wanted], away)[0].params)["created_at_min"]
        == "2026-06-30 23:00:00"
    )
