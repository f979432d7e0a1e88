"""What is sent to Seko, when it is refused before it is sent, and how its effect is recognised."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.graphql import encode
from cogent_pipelines.connect.spec import Want
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.vendors import seko, seko_writes
from cogent_pipelines_tests.vendors.seko_kit import GUID, OK, SYSTEM, cancellation, failure, line, v1, want


def body(about: Want) -> Any:
    """The body of a loaded order, as it goes over the wire."""
    return json.loads(encode(seko.CREATE.request([about], SYSTEM, "key").body), parse_float=Decimal)


def test_an_order_is_sent_whole() -> None:
    """The golden body: one order, our GUID, the mapped DC and service, numbers as numbers."""
    request = seko.CREATE.request([want()], SYSTEM, "key")
    assert (request.method, request.path, request.is_write, seko.CREATE.batch) == (
        "POST", "/salesorders/v4/websubmit", True, 1,
    )  # fmt: skip
    address = {
        "FirstName": "Ann", "LastName": "Lee", "Line1": "1 High St", "City": "Leeds", "County": "",
        "PostcodeZip": "LS1 1AA", "CountryCode": "GB", "PhoneNumber": "0113", "EmailAddress": "ann@example.test",
    }  # fmt: skip
    assert body(want()) == {
        "WebSalesOrder": {
            "SalesOrderNumber": "1042", "SalesOrderReference": "#1042", "SalesOrderDate": "2026-11-02",
            "OrderType": "Retail", "CurrencyCode": "GBP", "CourierName": "DPD", "CourierService": "STD", "GUID": GUID,
            "ShippingTotal": Decimal("3.95"), "DiscountPriceTotal": Decimal("0.00"), "SubTotal": Decimal("40.00"),
            "TaxTotal": Decimal("8.00"),
        },
        "DeliveryDetails": address,
        "BillingDetails": address,
        "SalesOrderHeader": {"DCCode": "DCLEE01"},
        "List": {"SalesOrderLineItem": [{
            "LineNumber": 1, "ProductCode": "TEEM", "Quantity": 2, "UnitPrice": Decimal("20.0000"),
            "VAT": Decimal("4.0000"), "CurrencyCode": "GBP",
        }]},
    }  # fmt: skip


def test_the_guid_is_always_the_same_for_a_reference() -> None:
    """So a lost ledger finds what was loaded; another reference has another."""
    assert seko_writes.guid("#1042") == GUID == "2638c8dc-7958-51e5-bf36-dd6522c93034"
    assert seko_writes.guid("#1042/YORK") != GUID
    assert seko_writes.number("#1042/YORK") == "1042-YORK"


def test_lines_of_one_product_are_merged() -> None:
    """A product on two lines is not accepted; the money stays what it was."""
    (item,) = body(want(lines=[line(qty=1, price="6.66"), line(qty=2, price="6.67")]))["List"][
        "SalesOrderLineItem"
    ]
    assert (item["Quantity"], item["UnitPrice"] * 3) == (3, Decimal("20.0001"))


def test_prices_that_hold_tax_go_in_before_it() -> None:
    """Unit price and VAT of a unit add up to what was paid."""
    (item,) = body(want(is_tax_included=True, lines=[line(price="24.00")]))["List"]["SalesOrderLineItem"]
    assert (item["UnitPrice"], item["VAT"]) == (Decimal("20.0000"), Decimal("4.0000"))


def test_codes_of_digits_are_sent_as_text() -> None:
    """As numbers they would lose their leading noughts."""
    (item,) = body(want(lines=[line(sku="00123")]))["List"]["SalesOrderLineItem"]
    assert item["ProductCode"] == "00123"


def test_two_skus_of_one_code_are_held_and_never_merged() -> None:
    """AB-1 and AB1 are both AB1 in the warehouse."""
    with pytest.raises(Reject) as refusal:
        body(want(lines=[line(sku="AB-1"), line(sku="AB1")]))
    assert refusal.value.code == "sku_collision"


def test_an_account_may_take_skus_as_they_are() -> None:
    """The vendor's own examples have hyphens; the rule is the account's."""
    system = type(SYSTEM)(SYSTEM.name, "seko", SYSTEM.base_url, {}, {"sku_rule": "as_is"})
    sent = seko.CREATE.request([want(lines=[line(sku="AB-1"), line(sku="AB1")])], system, "key").body
    assert [item["ProductCode"] for item in sent["List"]["SalesOrderLineItem"]] == ["AB-1", "AB1"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"facility_id": "DUCK"}, "unmapped_facility_id"),
        ({"facility_id": None}, "unmapped_facility_id"),
        ({"delivery_method_id": None}, "unmapped_delivery_method_id"),
        ({"service_code": ""}, "unmapped_service_code"),
        ({"service_code": "a|b"}, "unmapped_service_code"),
        ({"ship_to_country_code": "UKX"}, "bad_address"),
        ({"ship_to_country_code": None}, "bad_address"),
        ({"ship_to_city": " "}, "bad_address"),
        ({"ship_to_line1": None}, "bad_address"),
        ({"ship_to_postcode": None}, "bad_address"),
        ({"ship_to_first_name": None, "ship_to_last_name": None}, "bad_address"),
        ({"ship_to_line1": "x" * 101}, "bad_address"),
        ({"ship_to_phone": "1" * 21}, "bad_address"),
        ({"ship_to_city": "東京"}, "bad_address"),
        ({"currency": "pounds"}, "currency"),
        ({"lines": []}, "invalid"),
        ({"lines": [line(qty=0)]}, "invalid"),
        ({"lines": [line(sku="--")]}, "unknown_sku"),
        ({"reference": "#" + "1" * 50}, "invalid"),
    ],
)
def test_an_order_that_would_be_refused_is_not_sent(fields: dict[str, Any], code: str) -> None:
    """Validation is strict and comes first."""
    with pytest.raises(Reject) as refusal:
        seko.CREATE.request([want(**fields)], SYSTEM, "key")
    assert refusal.value.code == code


def test_a_dc_may_be_checked_against_the_accounts_list() -> None:
    """A typo that looks like a DC is caught before it is sent."""
    system = type(SYSTEM)(SYSTEM.name, "seko", SYSTEM.base_url, {}, {"dc_codes": ["DCYOR01"]})
    with pytest.raises(Reject, match="DCLEE01"):
        seko.CREATE.request([want()], system, "key")


def test_addresses_are_made_ascii_and_harmless() -> None:
    """Carriers take ASCII only; a double quote broke the parser and a bar a client's file."""
    sent = body(want(ship_to_line1='Straße "5" | Łódź', ship_to_first_name="Zoë", ship_to_last_name="Åström"))
    where = sent["DeliveryDetails"]
    assert (where["Line1"], where["FirstName"], where["LastName"]) == ("Strasse '5' - Lodz", "Zoe", "Astrom")


def test_a_country_without_postcodes_gets_dashes() -> None:
    """An empty one is rejected."""
    assert (
        body(want(ship_to_country_code="AE", ship_to_postcode=None))["DeliveryDetails"]["PostcodeZip"]
        == "-----"
    )


# --- answers ------------------------------------------------------------------------------------------


def test_the_receipt_is_the_guid() -> None:
    """Theirs where they say one, else the one that was sent."""
    assert seko.CREATE.receipts([want()], {"CallStatus": OK, "GUID": GUID})[0].ref == GUID
    assert seko.CANCEL.receipts([cancellation()], {"CallStatus": OK, "GUID": None})[0].ref == GUID


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Error Submitting SalesOrder: 1042 - Error. Product TEEM has no free stock.", "no_free_stock"),
        ("The City field is required.; The CountryCode field is required.", "invalid"),
        ("Error. Invalid Mapping - DC", "unmapped_facility_id"),
        ("Error. Invalid Mapping - Courier", "invalid_mapping"),
        ("Error Submitting SalesOrder: 1042 - Error. Product X does not exist.", "unknown_sku"),
        ("Error. Dispatch assigned to a pick wave cannot be cancelled", "past_no_return"),
        ("Something new", "rejected"),
    ],
)
def test_a_failure_with_status_200_is_a_refusal_in_their_words(words: str, code: str) -> None:
    """Code that looks at the status only loses orders."""
    (receipt,) = seko.CREATE.receipts([want()], failure(words))
    assert (receipt.refused, receipt.code, receipt.again) == (words, code, False)


@pytest.mark.parametrize("answer", [failure("Error. SalesOrder already exists."), {}, {"CallStatus": {}}, []])
def test_what_says_neither_yes_nor_no_is_looked_up(answer: Any) -> None:
    """A number that is taken may be ours, sent before."""
    with pytest.raises(Retry) as doubt:
        seko.CREATE.receipts([want()], answer)
    assert doubt.value.effect == "unknown"


def test_an_order_is_asked_for_by_its_guid_only() -> None:
    """There is no look-up by number; a 404 says there is none."""
    (request,) = seko.CREATE.lookup.requests([want()], SYSTEM)
    assert (request.path, request.base, request.absent) == (
        f"/salesorders/v1/{GUID}/status.json", "hub_url", frozenset({404}),
    )  # fmt: skip


def test_what_is_found_is_the_order_and_what_is_not_proves_it() -> None:
    """Another order's answer, or one without a status, proves nothing."""
    found = seko.CREATE.lookup.found(want(), [v1(GUID=GUID, Status="To Be Picked")])
    assert found is not None
    assert (found.ref, found.fields["status"]) == (GUID, "To Be Picked")
    nothing = {"Response": failure("No results found for search criteria")}
    assert seko.CREATE.lookup.found(want(), [nothing]) is None
    assert seko.CREATE.lookup.found(want(), [None]) is None
    for answer in (v1(GUID="another", Status="To Be Picked"), v1(GUID=GUID, Status={}), v1()):
        with pytest.raises(Retry):
            seko.CREATE.lookup.found(want(), [answer])


def test_a_cancellation_names_number_and_reason() -> None:
    """And has a body, so that it has a Content-Type."""
    request = seko.CANCEL.request([cancellation()], SYSTEM, "key")
    assert (request.path, request.params, request.body) == (
        "/salesorders/v3/1042/cancel", (("reasonCode", "001"),), {},
    )  # fmt: skip
    other = seko.CANCEL.request([cancellation(cancel_reason="Weather")], SYSTEM, "key")
    assert other.params == (("reasonCode", "006"),)


# --- products -----------------------------------------------------------------------------------------

GOOD = {
    "sku": "AB-1",
    "title": "Tee",
    "barcode": "5012345678900",
    "weight_grams": 250,
    "origin_country_code": "PT",
}


def item(act: str = "create", **more: Any) -> Want:
    """A product to be sent."""
    return Want("products_to_wms", act, "k", "AB-1", {**GOOD, **more})


def test_a_product_is_sent_with_weight_barcode_and_origin() -> None:
    """Under the account's code; an update goes to its own service."""
    request = seko.PRODUCT.request([item()], SYSTEM, "key")
    master = json.loads(encode(request.body))["ProductMaster"]
    assert request.path == "/products/v4/submit"
    assert master == {"ProductCode": "AB1", "ProductDescription": "Tee", "EAN": "5012345678900", "Weight": 0.25,
                      "WeightUOM": "KG", "CountryOfOrigin": "PT"}  # fmt: skip
    assert seko.PRODUCT.request([item("update")], SYSTEM, "key").path == "/products/v4/update"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"weight_grams": None}, "weight"),
        ({"weight_grams": 0}, "weight"),
        ({"barcode": None}, "barcode"),
        ({"barcode": "5012345678901"}, "barcode"),
        ({"barcode": "50123"}, "barcode"),
        ({"origin_country_code": None}, "country of origin"),
        ({"origin_country_code": "Portugal"}, "country of origin"),
        ({"barcode": "", "weight_grams": None}, "weight, barcode"),
        ({"clashes": "AB1"}, "are both"),
    ],
)
def test_a_product_is_refused_while_anything_is_missing(fields: dict[str, Any], words: str) -> None:
    """A wrong check digit is as good as no barcode."""
    with pytest.raises(Reject, match=words):
        seko.PRODUCT.request([item(**fields)], SYSTEM, "key")
