"""Fulfil's edge where something is written: one order per identifier, parked amounts, refusals, returns, invoices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines_tests.sandbox.fulfil_account import Account

CREATE = "sale.channel/create_order"


@pytest.fixture
def account() -> Account:
    """An account with nothing ordered."""
    return Account()


def line(identifier: str = "L1", **changes: Any) -> dict[str, Any]:
    """A line of the body the brief shows."""
    plain = dict(Account.body()[1]["sale_lines"][0])
    return plain | {"channel_identifier": identifier} | changes


def dec(value: Any) -> Decimal:
    """A tagged decimal."""
    assert value["__class__"] == "Decimal"
    return Decimal(value["decimal"])


def test_the_documented_order_is_taken_in_and_processed(account: Account) -> None:
    """The sum of its parts, its payment, and a shipment for which the goods are set aside."""
    made = account.post()
    assert (made["channel_identifier"], made["reference"], made["state"]) == (
        "WEB-1042",
        "WEB-1042",
        "processing",
    )
    assert (dec(made["total_amount"]), dec(made["tax_amount"]), dec(made["payment_total"])) == (
        Decimal("51.95"),
        Decimal("8.00"),
        Decimal("51.95"),
    )
    assert (made["has_channel_exception"], made["shipment_state"], len(made["lines"])) == (
        False,
        "waiting",
        2,
    )
    (shipment,) = account.search("stock.shipment.out", fields=["state", "warehouse", "outgoing_moves"])
    assert (shipment["id"], shipment["state"], shipment["warehouse"]) == (
        made["shipments"][0],
        "assigned",
        41,
    )


def test_the_same_identifier_is_the_same_order(account: Account) -> None:
    """However often it is sent."""
    assert len({account.post()["id"] for _ in range(3)}) == 1
    assert account.put("sale.sale/search_count", {"filters": []}) == 1
    assert account.post("WEB-1043")["id"] != account.post()["id"]


def test_an_amount_that_is_not_the_sum_parks_the_order(account: Account) -> None:
    """It is not refused: nothing is set aside, and the order says that there is an exception."""
    made = account.post(amount="51.94")
    assert (made["has_channel_exception"], made["state"], made["shipments"]) == (True, "quotation", [])


def test_a_payment_that_did_not_succeed_does_not_count(account: Account) -> None:
    """The order waits for one that does."""
    payment = {"amount": "51.95", "provider_reference": "p", "method": "card", "state": "failed"}
    made = account.post(payments=[payment], financial_status="unpaid")
    assert (made["state"], dec(made["payment_total"]), made["payments"]) == ("quotation", Decimal(0), [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sale_lines": [line(sku="NOPE")]}, "NOPE"),
        ({"sale_lines": [line(unit_price=20.0)]}, "unit_price must be a decimal"),
        ({"sale_lines": [line(quantity=0)]}, "quantity"),
        ({"sale_lines": []}, "needs lines"),
        ({"channel_identifier": None}, "channel_identifier is required"),
        ({"status": "open"}, "status"),
        ({"customer": {"name": "Ann", "contacts": [["pager", "1"]]}}, "pager"),
        ({"shipping_address": {"name": "Ann", "country_code": "England"}}, "England"),
        ({"shipping_lines": [{"carrier_service_code": "PIGEON", "amount": "1.00"}]}, "PIGEON"),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused(account: Account, changes: dict[str, Any], said: str) -> None:
    """A rule of the business answers 400 with its type, and nothing is stored."""
    code, body = account.refused(CREATE, account.body(**changes))
    assert (code, body["type"]) == (400, "UserError")
    assert said in body["message"]
    assert account.put("sale.sale/search_count", {"filters": []}) == 0


def test_a_channel_that_is_none_is_not_found(account: Account) -> None:
    """The caller needs one it may create in."""
    assert account.refused(CREATE, [5, account.body()[1]])[0] == 404
    assert account.refused(CREATE, {"channel": 4})[0] == 400


def test_sent_again_with_other_lines_it_is_changed(account: Account) -> None:
    """A new identifier adds a line, ``quantity_canceled`` takes units away, a price replaces one."""
    account.post()
    lines = [line(quantity_canceled=1), line("L2", sku="SKU-0002")]
    account.post(sale_lines=lines)
    found = account.search("sale.line", ["product.type", "=", "goods"], fields=["product.code", "quantity"])
    assert [(each["product.code"], each["quantity"]) for each in found] == [
        ("SKU-0001", 1.0),
        ("SKU-0002", 2.0),
    ]
    account.post(sale_lines=[line(unit_price="19.00", quantity_canceled=1)])
    (first, _) = account.search("sale.line", ["product.type", "=", "goods"], fields=["unit_price"])
    assert dec(first["unit_price"]) == Decimal("19.00")


def test_the_price_of_what_was_sent_is_not_changed(account: Account) -> None:
    """It is invoiced."""
    account.ship(account.post()["id"])
    assert (
        "invoiced"
        in account.refused(CREATE, account.body(sale_lines=[line(unit_price="1.00")]))[1]["message"]
    )


def test_a_customer_is_known_by_the_senders_id_and_else_by_e_mail(account: Account) -> None:
    """Neither makes a second one."""
    known = {"name": "Ann Lee", "channel_identifier": "c-1", "contacts": [["email", "ann@example.test"]]}
    moved = {**known, "contacts": [["email", "ann@new.test"]]}
    parties = [account.post(str(n), customer=who)["party"] for n, who in enumerate((known, moved))]
    assert parties[0] == parties[1]
    account.post("3", customer={**known, "channel_identifier": None})
    assert account.put("party.party/search_count", {"filters": []}) == 1


def test_a_channel_named_like_a_warehouse_sends_from_there(account: Account) -> None:
    """Any other sends from the first that has all the goods."""
    account.warehouse.channels[5] = "YORK"
    made = account.put(CREATE, [5, account.body()[1]])
    assert made["warehouse"] == 42


def test_an_order_is_cancelled_until_something_is_picked(account: Account) -> None:
    """Its shipment is then cancelled and not gone; cancelling twice is once."""
    made = account.post()
    account.search("stock.shipment.out")
    assert account.put(f"sale.sale/{made['id']}/cancel", []) is True
    assert account.put(f"sale.sale/{made['id']}/cancel", []) is True
    (order,) = account.search("sale.sale", fields=["state", "write_date"])
    assert (order["state"], order["write_date"] is None) == ("cancel", False)
    (shipment,) = account.search("stock.shipment.out", fields=["state", "write_date"])
    assert (shipment["state"], shipment["write_date"] is None) == ("cancel", False)
    other = account.post("WEB-2")
    rules.start_pick(account.world, account.warehouse, other["id"], other["shipments"][0])
    assert account.refused(f"sale.sale/{other['id']}/cancel", [])[1]["type"] == "UserError"


def test_what_is_sent_is_done_has_a_number_and_is_invoiced(account: Account) -> None:
    """The invoice is posted when the goods leave, and paid by what came with the order."""
    made = account.post()
    account.ship(made["id"])
    (order,) = account.search("sale.sale", fields=["state", "shipment_state", "invoices"])
    assert (order["state"], order["shipment_state"]) == ("done", "sent")
    fields = ["state", "tracking_number", "carrier.rec_name", "outgoing_moves", "inventory_moves"]
    (shipment,) = account.search("stock.shipment.out", fields=fields)
    assert (shipment["state"], shipment["tracking_number"], shipment["carrier.rec_name"]) == (
        "done",
        "1Z9",
        "DPD",
    )
    moves = account.search("stock.move", ["shipment", "=", f"stock.shipment.out,{shipment['id']}"])
    assert len(moves) == len(shipment["outgoing_moves"]) + len(shipment["inventory_moves"]) == 2
    (invoice,) = account.search("account.invoice", fields=["state", "total_amount", "balance", "sales"])
    assert (invoice["id"], invoice["state"], invoice["sales"]) == (order["invoices"][0], "paid", [made["id"]])
    assert (dec(invoice["total_amount"]), dec(invoice["balance"])) == (Decimal("51.95"), Decimal(0))


def test_a_return_is_a_sale_of_fewer_than_no_units_and_a_shipment_back(account: Account) -> None:
    """One per identifier; more than was sent is refused."""
    made = account.post()
    account.ship(made["id"])
    back = {"channel_identifier": "ret-9", "reference": "RMA-9"}
    given = [{"order_line_id": made["lines"][0], "return_quantity": 1, "return_reason": "Too small"}]
    path = f"sale.sale/{made['id']}/return_order"
    first, again = (account.put(path, [{**back, "lines": given}]) for _ in range(2))
    assert first["id"] == again["id"]
    assert (first["origin"], first["total_quantity"]) == (f"sale.sale,{made['id']}", -1.0)
    (shipment,) = account.search("stock.shipment.out.return", fields=["state", "origin", "moves"])
    assert (shipment["state"], shipment["origin"]) == ("draft", f"sale.sale,{first['id']}")
    rules.receive_return(account.world, account.warehouse, made["id"], shipment["id"])
    assert account.search("stock.shipment.out.return", fields=["state"])[0]["state"] == "done"
    more = [{**given[0], "return_quantity": 9}]
    assert account.refused(path, [{"channel_identifier": "ret-10", "lines": more}])[0] == 400


def test_a_shipment_is_held_and_let_go(account: Account) -> None:
    """With a note."""
    (key,) = account.post()["shipments"]
    account.search("stock.shipment.out")
    for method, held in (("hold", True), ("unhold", False)):
        assert account.put(f"stock.shipment.out/{method}", [[key], "Call first"]) is True
        assert account.search("stock.shipment.out", fields=["on_hold"])[0]["on_hold"] is held


@pytest.mark.parametrize(
    ("kind", "answered", "stored"),
    [
        ("stores_nothing", True, 0),
        ("stores_twice", True, 2),
        ("reset_after_effect", False, 1),
        ("reset_before_send", False, 0),
        ("refused", True, 0),
    ],
)
def test_a_create_may_go_wrong(account: Account, kind: str, answered: bool, stored: int) -> None:
    """Answered and not stored, stored and not answered, and stored twice."""
    now = account.world.now
    until = now + timedelta(days=1)
    account.kit.faults.outages.append(Outage("erp_uk", f"PUT /model/{CREATE}", kind, now, until, left=1))
    assert account.call("PUT", CREATE, account.body()).is_cut is not answered
    assert account.put("sale.sale/search_count", {"filters": []}) == stored
