"""Deposco's bodies, look-ups and guards, as pure functions; and that the vendor's contract knows what is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from cogent_pipelines.connect.spec import Request, Want
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.estate import Scope
from cogent_pipelines.vendors import deposco
from cogent_pipelines.vendors import deposco_writes as writes
from cogent_pipelines_tests.vendors.deposco_kit import (
    SHARED,
    SYSTEM,
    WITH_OM,
    cancellation,
    found,
    line,
    lines,
    listed,
    order,
    want,
    wanted_line,
)

CREATE, CANCEL = deposco.CREATE, deposco.CANCEL


def body(about: Want, system: Any = SYSTEM) -> Any:
    """What would be sent."""
    return CREATE.request([about], system, "key").body


# --- creating ---------------------------------------------------------------------------------------------


def test_a_sales_order_says_everything_it_must() -> None:
    """The required fields, references by business key, single packs, and ours to know it by."""
    request = CREATE.request([want(due_on=date(2026, 11, 3))], SYSTEM, "key")
    assert (request.method, request.path, request.is_write) == ("POST", "/latest/orders/salesOrders", True)
    assert request.body == {
        "businessUnit": {"businessKey": {"code": "ACME"}},
        "number": "#1042",
        "orderStatus": "New",
        "importReference": "cogent web_uk:1@DC1",
        "placedDate": "2026-11-02T07:59:00Z",
        "plannedShipDate": "2026-11-03T00:00:00Z",
        "shipVia": "UPS Ground",
        "shipFromFacility": {"businessKey": {"number": "DC1"}},
        "shipToContact": {
            "firstName": "Ann",
            "lastName": "Lee",
            "phone": "0113",
            "email": "ann@example.test",
        },
        "shipToAddress": {"line1": "1 High St", "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB"},
        "orderLines": {
            "data": [
                {
                    "lineNumber": "1",
                    "customerLineNumber": "1",
                    "item": {"businessKey": {"number": "TEE-M", "businessUnit.code": "ACME"}},
                    "pack": {
                        "businessKey": {
                            "item.number": "TEE-M",
                            "quantity": 1,
                            "item.businessUnit.code": "ACME",
                        }
                    },
                    "orderPackQuantity": 2,
                    "unitPrice": 20,
                }
            ]
        },
    }


def test_a_bundles_components_are_lines_of_their_own() -> None:
    """They come taken apart, a price that does not divide on a second line, and each keeps the shop's line."""
    parts = [
        wanted_line("CUP", 3, "3.33", "7/CUP"),
        wanted_line("CUP", 1, "3.34", "7/CUP"),
        wanted_line("LID", 4, "1"),
    ]
    rows = body(want(lines=parts))["orderLines"]["data"]
    assert [
        (r["lineNumber"], r["customerLineNumber"], r["orderPackQuantity"], r["unitPrice"]) for r in rows
    ] == [
        ("1", "7/CUP", 3, 3.33),
        ("2", "7/CUP", 1, 3.34),
        ("3", "1", 4, 1),
    ]


def test_a_company_takes_a_line_of_its_own() -> None:
    """There is no field for it."""
    assert (
        body(want(ship_to_company="Lee Ltd", ship_to_line2="Flat 2"))["shipToAddress"]["line3"] == "Lee Ltd"
    )


@pytest.mark.parametrize("field", ["ship_to_first_name", "ship_to_last_name"])
@pytest.mark.parametrize("system", [SYSTEM, WITH_OM], ids=["sales", "customer"])
def test_a_name_that_is_too_long_is_refused_and_not_cut(field: str, system: Any) -> None:
    """Thirty letters are taken; a person decides what to leave out."""
    body(want(**{field: "x" * 30}), system)
    with pytest.raises(Reject, match="30") as error:
        body(want(**{field: "x" * 31}), system)
    assert error.value.code == "too_long"


def test_an_e_mail_address_that_is_too_long_is_left_out() -> None:
    """The parcel goes without it."""
    assert "email" in body(want(customer_email="x" * 50))["shipToContact"]
    assert "email" not in body(want(customer_email="x" * 51))["shipToContact"]


@pytest.mark.parametrize("system", [SYSTEM, WITH_OM], ids=["sales", "customer"])
def test_an_item_the_master_lacks_is_not_sent(system: Any) -> None:
    """A customer order would swallow it."""
    with pytest.raises(Reject, match="TEE-X") as error:
        body(want(lines=[{**wanted_line("TEE-X"), "item_id": None}]), system)
    assert error.value.code == "unknown_sku"


def test_an_order_without_a_facility_is_not_sent() -> None:
    """The warehouse would choose one of its own."""
    with pytest.raises(Reject) as error:
        body(want(facility_id=None))
    assert error.value.code == "unmapped_facility_id"


@pytest.mark.parametrize(
    ("system", "option"),
    [
        (SYSTEM, "business_unit"),
        (WITH_OM, "business_unit"),
        (WITH_OM, "trading_partner"),
        (WITH_OM, "sales_channel"),
    ],
)
def test_an_account_that_is_not_set_up_halts(system: Any, option: str) -> None:
    """It says which option is missing."""
    options = {name: value for name, value in system.options.items() if name != option}
    with pytest.raises(Halt, match=option) as error:
        body(want(), replace(system, options=options))
    assert error.value.code == "configuration"


def test_a_customer_order_is_wrapped_and_flat() -> None:
    """Contact and address in one object; packQuantity is the size of a pack."""
    request = CREATE.request([want()], WITH_OM, "key")
    assert request.path == "/latest/orders/customerOrders"
    sent = request.body["customerOrder"]
    assert (sent["externalOrderNumber"], sent["tradingPartner"]) == (
        "#1042",
        {"businessKey": {"code": "WEB"}},
    )
    assert sent["primarySalesChannel"] == {"businessKey": {"name": "Shop"}}
    assert sent["shipToContact"]["attention"] == "Ann Lee"
    assert sent["shipToContact"]["line1"] == "1 High St"
    assert sent["coLines"]["data"] == [
        {
            "externalLineNumber": "1",
            "itemNumber": "TEE-M",
            "orderQuantity": 2,
            "packQuantity": 1,
            "unitPrice": 20,
        }
    ]


@pytest.mark.parametrize(
    ("answer", "ref"),
    [(order(), "810031"), (None, ""), ({"id": "700001"}, ""), ({"transactionId": 7}, ""), ([], "")],
)
def test_only_an_order_in_the_answer_is_one(answer: Any, ref: str) -> None:
    """A 202 names a transaction: what was asked for is not there yet."""
    (receipt,) = CREATE.receipts([want()], answer)
    assert (receipt.ref, receipt.refused) == (ref, "")


# --- looking ----------------------------------------------------------------------------------------------


def test_an_order_is_looked_for_by_its_number() -> None:
    """Of the kind the account takes."""
    assert CREATE.lookup.requests([want()], SYSTEM) == [
        Request("GET", "/latest/orders/salesOrders", (("businessUnit", "ACME"), ("number", "#1042")))
    ]
    assert CREATE.lookup.requests([want()], WITH_OM) == [
        Request("GET", "/latest/orders/customerOrders", (("externalOrderNumber", "#1042"),))
    ]


def test_what_was_sent_is_found_as_it_was_sent() -> None:
    """Every field that is compared is like the wanting's."""
    about = want()
    seen = found(CREATE, about, listed(order()))
    assert (seen.ref, seen.count, seen.fields["made_for"]) == ("810031", 1, about.key)
    for name in CREATE.compare:
        if name not in ("reference", "lines"):
            assert seen.fields[name] == about.fields[name], name
    assert seen.fields["reference"] == about.reference
    assert seen.fields["lines"] == [
        {"sku": "TEE-M", "item_id": "TEE-M", "qty": 2, "unit_price_amount": Decimal(20)}
    ]


def test_an_answer_that_was_not_filtered_is_filtered_here() -> None:
    """A filter the vendor does not know is ignored, and the first page comes whole."""
    others = [order(number=f"#{n}", self={"id": n}) for n in (10420, 104, 2)]
    assert CREATE.lookup.found(want(), [listed(*others)]) is None
    assert found(CREATE, want(), listed(*others, order())).ref == "810031"


def test_an_absence_is_proven_by_a_whole_list_only() -> None:
    """What is not on the first of many pages may be on the next."""
    with pytest.raises(Retry, match="not proven"):
        CREATE.lookup.found(want(), [listed(order(number="#1"), complete=False, link="/x")])


def test_of_several_orders_of_a_number_the_live_one_counts() -> None:
    """Cancelled copies come first and are not taken; two live ones are a double."""
    gone = order(self={"id": 900000}, orderStatus="Canceled")
    seen = found(CREATE, want(), listed(gone, order()))
    assert (seen.ref, seen.count) == ("810031", 1)
    twice = found(CREATE, want(), listed(gone, order(self={"id": 900001}), order()))
    assert (twice.ref, twice.count) == ("810031", 2)
    assert found(CREATE, want(), listed(gone)).ref == "900000"


def test_ours_comes_before_a_namesake() -> None:
    """Somebody else may have sent one of that number as well."""
    theirs = order(self={"id": 1}, importReference=None)
    assert found(CREATE, want(), listed(order(), theirs)).ref == "810031"


def test_an_order_of_another_shop_is_not_written_over() -> None:
    """A number is all that makes an order one there."""
    seen = found(CREATE, want(), listed(order(importReference="cogent web_us:9@DC1")))
    assert not CREATE.done(want(), seen)
    with pytest.raises(Reject, match="web_us:9@DC1") as error:
        CREATE.guard(want(), seen)
    assert error.value.code == "number_taken"
    CREATE.guard(want(), None)
    CREATE.guard(want(), found(CREATE, want(), listed(order(importReference="a buyer's own"))))


def test_an_order_of_a_brand_that_shares_the_account_is_not_written_over() -> None:
    """Nobody says who made it, and none of its items is ours."""
    mine = replace(want(), scope=Scope(sku_prefix="TEE-"))
    lamp = line(sku="LAMP-1")
    seen = found(CREATE, mine, listed(order(importReference=None, orderLines=lines(lamp))))
    assert not CREATE.done(mine, seen)
    with pytest.raises(Reject, match="another brand") as error:
        CREATE.guard(mine, seen)
    assert error.value.code == "number_taken"
    CREATE.guard(want(), seen)
    CREATE.guard(mine, found(CREATE, mine, listed(order(importReference=None))))


def test_packs_are_counted_as_units() -> None:
    """Two packs of six are twelve."""
    pack = {"businessKey": {"item.number": "TEE-M", "quantity": 6}}
    seen = found(CREATE, want(), listed(order(orderLines=lines(line(pack=pack)))))
    assert seen.fields["lines"][0]["qty"] == 12


LONG = order(orderLines=lines(*(line(n) for n in range(1, 11))))


def further(about: Want, *answers: Any, system: Any = SYSTEM) -> list[Request]:
    """What else would be asked."""
    assert CREATE.lookup.further is not None
    return list(CREATE.lookup.further([about], list(answers), system))


def test_ten_nested_lines_may_be_some_of_more() -> None:
    """All of them are asked for, page by page, and stand in the place of the ten."""
    first = listed(
        *(line(n) for n in range(1, 26)), complete=False, link="https://api.deposco.com/latest/x?searchId=9"
    )
    last = listed(line(26))
    assert further(want(), listed(LONG)) == [Request("GET", "/latest/orders/salesOrders/810031/orderLines")]
    assert further(want(), listed(LONG), first) == [
        Request("GET", "https://api.deposco.com/latest/x?searchId=9")
    ]
    assert further(want(), listed(LONG), first, last) == []
    assert len(found(CREATE, want(), listed(LONG), first, last).fields["lines"]) == 26
    assert further(want(), listed(order())) == []
    assert further(want(), listed()) == []


@pytest.mark.parametrize(
    "pages", [[], [listed()], [listed(line(1))], [listed(*(line(n) for n in range(10)), complete=False)]]
)
def test_half_of_the_lines_are_never_taken_for_all(pages: list[Any]) -> None:
    """It is looked again."""
    with pytest.raises(Retry):
        CREATE.lookup.found(want(), [listed(LONG), *pages])


def customer_order(**more: Any) -> dict[str, Any]:
    """A customer order of 2 tees."""
    row = {
        "externalLineNumber": "1",
        "itemNumber": "TEE-M",
        "orderQuantity": 2,
        "packQuantity": 1,
        "unitPrice": 20,
    }
    plain = {
        "self": {"id": 5512},
        "externalOrderNumber": "#1042",
        "status": "In Fulfillment",
        "fulfillmentOrders": [{"id": 810031}],
        "coLines": {"data": [row]},
        "shipVia": "UPS Ground",
        "shipToContact": {"firstName": "Ann", "lastName": "Lee", "line1": "1 High St", "city": "Leeds"},
    }
    return {**plain, **more}


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_customer_orders_goods_stand_in_its_sales_orders(is_wrapped: bool) -> None:
    """They are asked for by their ids; which facility sends them is order management's own decision."""
    record = {"customerOrder": customer_order()} if is_wrapped else customer_order()
    assert further(want(), listed(record), system=WITH_OM) == [
        Request("GET", "/latest/orders/salesOrders/810031")
    ]
    part = order(number="SO-1", shipFromFacility={"businessKey": {"number": "DC9"}})
    assert further(want(), listed(record), part, system=WITH_OM) == []
    seen = found(CREATE, want(), listed(record), part)
    assert (seen.ref, seen.fields["reference"], seen.fields["facility_id"]) == ("5512", "#1042", "DC1")
    assert (seen.fields["lines"][0]["qty"], seen.fields["ship_to_line1"]) == (2, "1 High St")


def test_a_line_that_lost_its_item_is_not_what_was_sent() -> None:
    """Stuck in review with a null item: the read-back differs."""
    row = {"externalLineNumber": "1", "itemNumber": None, "orderQuantity": 2, "packQuantity": 1}
    stuck = customer_order(status="Review", fulfillmentOrders=[], coLines={"data": [row]})
    assert found(CREATE, want(), listed(stuck)).fields["lines"] == [{"sku": None, "item_id": None, "qty": 2}]


# --- cancelling -------------------------------------------------------------------------------------------


def test_all_of_an_order_is_cancelled_by_an_empty_body() -> None:
    """By its id, wherever its number has gone."""
    assert CANCEL.request([cancellation()], SYSTEM, "key") == Request(
        "POST", "/latest/orders/salesOrders/810031/cancellations", body={}, is_write=True
    )
    assert CANCEL.lookup.requests([cancellation()], SYSTEM) == [
        Request("GET", "/latest/orders/salesOrders/810031")
    ]
    assert CANCEL.lookup.found(cancellation(), [order(self={"id": 5})]) is None


@pytest.mark.parametrize("status", sorted(writes.CANCELLABLE))
def test_before_its_wave_is_released_an_order_can_be_stopped(status: str) -> None:
    """Also out of a wave that is only built."""
    CANCEL.guard(cancellation(), found(CANCEL, cancellation(), order(orderStatus=status)))


@pytest.mark.parametrize("status", sorted(writes.LOCKED))
def test_from_its_release_on_nothing_stops_an_order(status: str) -> None:
    """The floor has it."""
    with pytest.raises(Reject) as error:
        CANCEL.guard(cancellation(), found(CANCEL, cancellation(), order(orderStatus=status)))
    assert error.value.code == "past_no_return"


@pytest.mark.parametrize("status", ["Review", None])
def test_a_status_nobody_knows_is_left_alone(status: str | None) -> None:
    """A person looks."""
    with pytest.raises(Reject) as error:
        CANCEL.guard(cancellation(), found(CANCEL, cancellation(), order(orderStatus=status)))
    assert error.value.code == "unknown_status"


def test_an_order_that_is_not_there_is_not_cancelled() -> None:
    """And one whose id is none of theirs is not asked for."""
    with pytest.raises(Reject) as error:
        CANCEL.guard(cancellation(), None)
    assert error.value.code == "not_found"
    with pytest.raises(Reject):
        CANCEL.request([cancellation(warehouse_order_id="x/../y")], SYSTEM, "key")


def test_a_cancelled_order_is_done() -> None:
    """Read back."""
    assert CANCEL.done(cancellation(), found(CANCEL, cancellation(), order(orderStatus="Canceled")))
    assert not CANCEL.done(cancellation(), found(CANCEL, cancellation(), order()))


# --- the vendor's contract --------------------------------------------------------------------------------


def test_the_older_apis_contract_knows_the_fields_of_a_line() -> None:
    """Only that API has one: names the two share are the same, and their kinds are."""
    path = SHARED / "vendors" / "specs" / "deposco.yaml"
    if not path.exists():
        pytest.skip("the vendor's contract is not beside the project")
    schemas = yaml.safe_load(path.read_text(encoding="utf-8"))["components"]["schemas"]
    declared = schemas["OrderLineType"]["properties"]
    row = body(want())["orderLines"]["data"][0]
    for name in ("lineNumber", "customerLineNumber", "orderPackQuantity", "unitPrice"):
        kind = {"string": str, "number": (int, float)}[declared[name]["type"]]
        assert isinstance(row[name], kind), name
    for name in ("canceledPackQuantity", "allocatedQuantity", "pickedPackQuantity", "shippedPackQuantity"):
        assert declared[name]["type"] == "number", name
    assert {"number", "importReference", "shipVia", "businessUnit"} <= set(schemas["OrderType"]["properties"])
