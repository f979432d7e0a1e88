"""What is sent to Fulfil, when it is refused, and how its effect is recognised."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.spec import System, Want
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.estate import Scope
from cogent_pipelines.vendors import fulfil
from cogent_pipelines_tests.vendors.fulfil_kit import SYSTEM, found, line, money, order, paid, sold, want


def sent(**fields: Any) -> dict[str, Any]:
    """The order in the body made for a row."""
    body = fulfil.CREATE.request([want(**fields)], SYSTEM, "key").body
    assert body[0] == 4
    return dict(body[1])


def reckoned(body: dict[str, Any]) -> Decimal:
    """What they would reckon its amount to be."""
    lines = sum(round(Decimal(each["unit_price"]) * each["quantity"], 2) for each in body["sale_lines"])
    taxes = sum(Decimal(t["amount"]) for each in body["sale_lines"] for t in each.get("tax_lines", ()))
    return lines + taxes + sum(Decimal(each["amount"]) for each in body["shipping_lines"])


def test_an_order_is_sent_whole() -> None:
    """The golden body, as the brief shows it."""
    address = {
        "name": "Ann Lee",
        "address1": "1 High St",
        "city": "Leeds",
        "zip": "LS1 1AA",
        "country_code": "GB",
        "phone": "0113",
        "email": "Ann@example.test",
    }
    request = fulfil.CREATE.request([want()], SYSTEM, "key")
    assert (request.method, request.path, request.is_write) == (
        "PUT",
        "/api/v2/model/sale.channel/create_order",
        True,
    )
    tax = {"name": "VAT", "rate": "0.2", "amount": "8.00"}
    assert sent() == {
        "channel_identifier": "#1042",
        "reference": "#1042",
        "confirmed_at": "2026-11-02T07:59:00Z",
        "status": "pending",
        "financial_status": "paid",
        "fulfillment_status": "unshipped",
        "currency_code": "GBP",
        "customer": {"name": "Ann Lee", "contacts": [["email", "ann@example.test"], ["phone", "0113"]]},
        "billing_address": address,
        "shipping_address": address,
        "sale_lines": [
            {
                "channel_identifier": "L1",
                "sku": "TEE-M",
                "quantity": 2,
                "unit_price": "20.00",
                "amount": "40.00",
                "tax_lines": [tax],
            }
        ],
        "shipping_lines": [
            {
                "channel_identifier": "#1042/delivery",
                "carrier_service_code": "11",
                "description": "Standard",
                "amount": "3.95",
            }
        ],
        "payments": [
            {"amount": "51.95", "provider_reference": "pay_1", "method": "card", "state": "success"}
        ],
        "amount": "51.95",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        # prices that hold tax, which does not divide
        {
            "is_tax_included": True,
            "total_amount": Decimal("43.93"),
            "tax_amount": Decimal("7.32"),
            "lines": [sold(unit_price_amount=Decimal("19.99"))],
        },
        # the same, which the row does not say
        {
            "is_tax_included": None,
            "total_amount": Decimal("43.93"),
            "tax_amount": Decimal("7.32"),
            "lines": [sold(unit_price_amount=Decimal("19.99"))],
        },
        # a discount over lines of different tax
        {
            "is_tax_included": True,
            "discount_amount": Decimal("10.00"),
            "total_amount": Decimal("63.92"),
            "lines": [
                sold(unit_price_amount=Decimal("19.99"), qty=3),
                sold(line_ref="L2", unit_price_amount=Decimal("10.00"), qty=1, tax_rate=0),
            ],
        },
        # tax on delivery
        {"total_amount": Decimal("52.74"), "tax_amount": Decimal("8.79")},
        # tax on delivery and a penny of rounding at once: 0.66 and 0.01
        {
            "shipping_amount": Decimal("3.2917"),
            "total_amount": Decimal("120.80"),
            "tax_amount": Decimal("20.1333"),
            "lines": [sold(unit_price_amount=Decimal("32.4583"), qty=3)],
        },
        # many units of a price that does not divide
        {
            "is_tax_included": True,
            "total_amount": Decimal("1002.94"),
            "lines": [
                sold(unit_price_amount=Decimal("0.99"), qty=1000, tax_rate=0.175),
                sold(line_ref="L2", qty=1, unit_price_amount=Decimal("8.99")),
            ],
        },
        # a service that lies on no shelf
        {"services_amount": Decimal("2.50"), "total_amount": Decimal("54.45")},
        # a penny of rounding
        {"total_amount": Decimal("51.96")},
    ],
)
def test_the_amount_is_the_sum_they_reckon_and_the_total(fields: dict[str, Any]) -> None:
    """To the penny, or the order is parked."""
    body = sent(**fields)
    assert reckoned(body) == Decimal(body["amount"]) == fields.get("total_amount", Decimal("51.95"))


def test_parts_that_do_not_come_to_the_total_are_refused_before_they_are_sent() -> None:
    """They would be parked, where nobody looks."""
    with pytest.raises(Reject) as refusal:
        sent(total_amount=Decimal("99.00"))
    assert refusal.value.code == "amount_mismatch"


def test_no_money_is_a_float() -> None:
    """Every amount, price and rate goes as text."""

    def floats(value: Any) -> list[float]:
        if isinstance(value, dict):
            value = list(value.values())
        return (
            [f for v in value for f in floats(v)]
            if isinstance(value, list)
            else [value]
            if isinstance(value, float)
            else []
        )

    assert floats(fulfil.CREATE.request([want()], SYSTEM, "key").body) == []


def test_what_was_not_paid_is_not_called_paid() -> None:
    """Without a payment of its own there is none."""
    body = sent(payments=[])
    assert (body["financial_status"], "payments" in body) == ("unpaid", False)
    part = sent(payments=[paid(amount=Decimal("20.0000"))])
    assert (part["financial_status"], part["payments"][0]["amount"]) == ("unpaid", "20.00")


def test_each_payment_goes_with_its_own_id_method_and_amount() -> None:
    """A gift card and a card; the method of one that names none is the account's."""
    rows = [
        paid(payment_id="gift_7", method=None, amount=Decimal("11.9500")),
        paid(payment_id="pay_1", method="klarna", amount=Decimal("40.0000")),
    ]
    body = sent(payments=rows)
    assert body["financial_status"] == "paid"
    assert body["payments"] == [
        {"amount": "11.95", "provider_reference": "gift_7", "method": "card", "state": "success"},
        {"amount": "40.00", "provider_reference": "pay_1", "method": "klarna", "state": "success"},
    ]


def test_a_tax_goes_by_the_ledgers_code_where_it_is_mapped() -> None:
    """In a field of its own, with its rate and amount; else by the account's name for it."""
    lines = [
        sold(tax_code="GB-20"),
        sold(line_ref="L2", qty=1, unit_price_amount=Decimal(0), tax_code=None),
    ]
    first, second = sent(lines=lines)["sale_lines"]
    assert first["tax_lines"] == [{"name": "GB-20", "rate": "0.2", "amount": "8.00"}]
    assert second["tax_lines"][0]["name"] == "VAT"


def test_two_lines_of_one_name_have_two_identifiers() -> None:
    """A bundle's price that does not divide leaves two lines; of one identifier they would be one."""
    lines = [sold(qty=1), sold(qty=1)]
    assert [each["channel_identifier"] for each in sent(lines=lines)["sale_lines"]] == ["L1", "L1#2"]


def test_a_customer_is_named_by_the_shops_id_where_the_row_has_it() -> None:
    """So that one who changes her address is not doubled."""
    assert sent(customer_id="c-1")["customer"]["channel_identifier"] == "c-1"


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"ship_to_region": "US-CA"}, "subdivision_code", "US-CA"),
        ({"ship_to_region": "CA", "ship_to_country_code": "US"}, "subdivision_code", "US-CA"),
        ({"ship_to_region": "West Yorkshire"}, "subdivision_code", None),
        ({"ship_to_company": "Lee Ltd", "ship_to_line2": "Flat 2"}, "address2", "Lee Ltd; Flat 2"),
        ({"ship_to_company": "Lee, Hill Ltd"}, "address2", "Lee, Hill Ltd"),
    ],
)
def test_an_address_goes_in_their_fields(fields: dict[str, Any], name: str, value: str | None) -> None:
    """Regions as codes only; a company, for which they have no place, before the second line."""
    assert sent(**fields)["shipping_address"].get(name) == value


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"lines": [sold(item_id=None)]}, "unknown_sku"),
        ({"lines": [sold(qty=0)]}, "odd_quantity"),
        ({"delivery_method_id": None}, "unmapped_delivery_method_id"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_before_it_is_sent(
    fields: dict[str, Any], code: str
) -> None:
    """With a reason of its own."""
    with pytest.raises(Reject) as refusal:
        sent(**fields, total_amount=Decimal("3.95")) if code == "odd_quantity" else sent(**fields)
    assert refusal.value.code == code


@pytest.mark.parametrize("channels", [None, "", "shop", {"YORK": 5}])
def test_an_account_without_a_channel_halts(channels: Any) -> None:
    """No order can be right without it; each facility may have its own."""
    with pytest.raises(Halt, match="channel_id"):
        fulfil.CREATE.request([want()], System("e", "fulfil", "", {}, {"channel_id": channels}), "key")
    own = System("e", "fulfil", "", {}, {"channel_id": {"LEEDS": 7}})
    assert fulfil.CREATE.request([want()], own, "key").body[0] == 7


# --- found again --------------------------------------------------------------------------------------


def test_an_order_is_looked_up_by_our_reference_exactly() -> None:
    """In either field that may hold it; lines through their order, many wants at once."""
    orders, lines = fulfil.CREATE.lookup.requests([want(), want(reference="#1043")], SYSTEM)
    both = ["#1042", "#1043"]
    assert orders.body["filters"] == [
        ["OR", [["channel_identifier", "in", both]], [["reference", "in", both]]]
    ]
    assert lines.body["filters"] == [
        ["OR", [["sale.channel_identifier", "in", both]], [["sale.reference", "in", both]]]
    ]
    assert not orders.is_write


def test_another_brand_s_order_of_our_number_is_not_this_one() -> None:
    """By its channel where we declare ours, else by its SKUs."""
    theirs = (order(channel=5), line(**{"product.code": "LAMP-1"}))
    for scope in (Scope(channels=(4,)), Scope(sku_prefix="TEE-")):
        mine = replace(want(), scope=scope)
        assert fulfil.CREATE.lookup.found(mine, [[theirs[0]], [theirs[1]]]) is None
        assert found(fulfil.CREATE, mine, [order()], [line()]).ref == "1201"
    assert found(fulfil.CREATE, want(), [theirs[0]], [theirs[1]]).ref == "1201"


def test_what_is_found_is_compared_in_our_words() -> None:
    """Money, address and units; delivery is none of them."""
    delivery = line(id=3002, **{"product.code": "SHIPPING", "product.type": "service"})
    seen = found(fulfil.CREATE, want(), [order()], [line(), delivery])
    assert (seen.ref, seen.count) == ("1201", 1)
    about = want().fields | {"reference": "#1042"}
    for name in fulfil.SENT:
        if name not in ("lines", "channel_exception"):
            assert seen.fields[name] == about[name], name
    assert (seen.fields["lines"], seen.fields["channel_exception"]) == ([{"sku": "TEE-M", "qty": 2}], None)


def test_another_carrier_service_than_was_asked_for_is_seen_where_it_was_asked_for_by_id() -> None:
    """A code says nothing that could be held against the id that the order shows."""
    other = order(carrier_service=12)
    assert found(fulfil.CREATE, want(), [other], [line()]).fields["delivery_method_id"] == "12"
    coded = replace(want(), fields={**want().fields, "delivery_method_id": "EXPRESS"})
    assert found(fulfil.CREATE, coded, [other], [line()]).fields["delivery_method_id"] == "EXPRESS"


def test_what_only_resembles_is_not_found() -> None:
    """Neither a longer number nor the sale that a return is."""
    others = [order(id=1, reference="#10420", channel_identifier="#10420"), order(id=2, total_quantity=-2)]
    assert fulfil.CREATE.lookup.found(want(), [others, []]) is None


def test_two_that_would_ship_are_a_double() -> None:
    """The oldest that lives is the one; a cancelled one does not count."""
    seen = found(fulfil.CREATE, want(), [order(id=3), order(id=2), order(id=1, state="cancel")], [])
    assert (seen.ref, seen.count) == ("2", 2)


def test_an_order_that_is_parked_differs() -> None:
    """By having an exception where none was sent."""
    assert found(fulfil.CREATE, want(), [order(has_channel_exception=True)], []).fields["channel_exception"]


def test_a_full_page_proves_no_absence() -> None:
    """What lies beyond it was not seen."""
    with pytest.raises(Retry, match="not proven"):
        fulfil.CREATE.lookup.found(want(), [[order(id=n, reference="x") for n in range(500)], []])


def test_an_answer_without_an_order_is_an_unknown_outcome() -> None:
    """It is then looked up."""
    assert fulfil.CREATE.receipts([want()], order())[0].ref == "1201"
    with pytest.raises(Retry) as error:
        fulfil.CREATE.receipts([want()], [])
    assert error.value.effect == "unknown"


# --- cancelling and returning -------------------------------------------------------------------------


def cancellation(**more: Any) -> Want:
    """A row of ``wanted.cancellations_to_wms``."""
    fields = {"warehouse_order_id": "1201", **more}
    return Want("cancellations_to_wms", "cancel", "web_uk:1@cancel", "#1042", fields)


def test_a_cancel_names_the_order_and_says_nothing_else() -> None:
    """A state is never written."""
    request = fulfil.CANCEL.request([cancellation()], SYSTEM, "key")
    assert (request.path, request.body) == ("/api/v2/model/sale.sale/1201/cancel", [])
    with pytest.raises(Reject):
        fulfil.CANCEL.request([cancellation(warehouse_order_id="1/../2")], SYSTEM, "key")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "done"}, "past_no_return"),
        ({"shipment_state": "sent"}, "past_no_return"),
        ({"state": "mystery"}, "unknown_status"),
        ({"state": "confirmed"}, None),
        ({"state": "quotation"}, None),
        ({}, None),
    ],
)
def test_the_guard_of_a_cancel(changes: dict[str, Any], code: str | None) -> None:
    """Past the point of no return, or in a state nobody knows, it is not sent."""
    seen = found(fulfil.CANCEL, cancellation(), [order(**changes)])
    if code is None:
        fulfil.CANCEL.guard(cancellation(), seen)
    else:
        with pytest.raises(Reject) as refusal:
            fulfil.CANCEL.guard(cancellation(), seen)
        assert refusal.value.code == code
    assert fulfil.CANCEL.done(cancellation(), found(fulfil.CANCEL, cancellation(), [order(state="cancel")]))


def test_a_return_is_made_once_and_found_by_our_reference() -> None:
    """The sale that it is has fewer than no units."""
    lines = [{"warehouse_order_line_id": "3001", "sku": "TEE-M", "qty": 1, "reason": "Too small"}]
    back = Want("returns_to_wms", "create", "k", "ret-9", {"warehouse_order_id": "1201", "lines": lines})
    request = fulfil.RETURN.request([back], SYSTEM, "key")
    assert request.path == "/api/v2/model/sale.sale/1201/return_order"
    assert request.body == [
        {
            "channel_identifier": "ret-9",
            "reference": "ret-9",
            "lines": [{"order_line_id": 3001, "return_quantity": 1, "return_reason": "Too small"}],
        }
    ]
    made = order(
        id=1310, channel_identifier="ret-9", reference="ret-9", total_quantity=-1, total_amount=money("-24")
    )
    seen = found(fulfil.RETURN, back, [made], [line(id=9, sale=1310, quantity=-1.0)])
    assert (seen.ref, seen.fields["lines"]) == ("1310", [{"sku": "TEE-M", "qty": 1}])
