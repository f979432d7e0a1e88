"""What is read of and delivered to a sandbox's Fulfil is what it holds and was meant to hold, once.

Rows of ``wanted`` are made from the sandbox's state; what it holds is read from the world, not by its answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import money
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import WarehouseOrder
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.test_sandbox_writes import SETTLED, stop
from cogent_pipelines_tests.vendors.world_rows import LINES, cancellation, sale

CREATE = "PUT /model/sale.channel/create_order"
CANCEL = "PUT /model/sale.sale/{id}/cancel"
SEARCH = "PUT /model/sale.sale/search_read"


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A shop, and a warehouse that is a Fulfil account, without customers or pickers."""
    with sandbox_kit.standing_still():
        yield Retailer(tmp_path, {SHOP: "shopify", WMS: "fulfil"})


def send(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> dict[str, str]:
    """Deliver orders."""
    return r.deliver("orders_to_wms", *rows, ticks=ticks, pause=SETTLED)


def at_erp(r: Retailer, name: str = "#1001") -> WarehouseOrder:
    """The one order of that number."""
    (order,) = wms.find_orders(r.wms, name)
    return order


def check_sold(r: Retailer, name: str = "#1001") -> None:
    """The ERP has the order once, whole, processed, and at the price it was sold for."""
    order = at_erp(r, name)
    (sold,) = shops.find_orders(r.shop, name)
    sums = money.totals(r.shop, sold)
    assert abs(wms.total(order) - sums.total) < Decimal("0.02")
    units = Counter({r.wms.sellables[s].sku: qty for s, qty in wms.ordered_units(order).items()})
    assert units == sum((Counter({line.sku: line.quantity}) for line in sold.lines), Counter())
    assert [(a.facility_id, not wms.unallocated_units(order)) for a in order.allocations] == [(41, True)]


# --- orders in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_included", [True, False])
def test_an_order_arrives_as_it_was_sold(r: Retailer, is_included: bool) -> None:
    """Whether or not prices hold tax; to the penny, or it would be parked; once however often it is wanted."""
    r.shop.taxes_included = is_included
    want = sale(r)
    assert send(r, want, ticks=3) == {want["business_key"]: "verified"}
    check_sold(r)
    order = at_erp(r)
    assert (order.delivery_method_id, order.is_paid, order.payment_reference) == (12, True, "pay-1")
    assert (order.address.line1, order.email) == (want["ship_to_line1"], want["customer_email"].lower())


COMPANIES = (
    {"ship_to_company": "Lee Ltd"},
    {"ship_to_company": "Lee, Hill Ltd", "ship_to_line2": None},
    {"ship_to_company": "Lee Ltd", "ship_to_line2": "Unit 3, Floor 2"},
    {"ship_to_company": "Lee Ltd", "ship_to_name": None},
)


@pytest.mark.parametrize("is_later", [False, True])
@pytest.mark.parametrize("address", COMPANIES)
def test_an_order_of_a_company_is_read_back_as_it_was_sent(
    r: Retailer, address: dict[str, str | None], is_later: bool
) -> None:
    """At once, and later, when of the address only fingerprints are left."""
    if is_later:
        r.strike(WMS, CREATE, "reset_after_effect")
    want = sale(r) | address
    assert send(r, want, ticks=3) == {want["business_key"]: "verified"}
    assert len(wms.find_orders(r.wms, "#1001")) == 1


@pytest.mark.parametrize("is_stored", ["Other Ltd; Flat 2", "Lee Ltd; Flat 3", "Lee Ltd", "Flat 2", ""])
def test_a_company_or_a_second_line_that_is_stored_otherwise_is_a_difference(
    r: Retailer, is_stored: str
) -> None:
    """Whichever of the two it is, though both stand in one field."""
    r.strike(WMS, CREATE, "reset_after_effect")
    want = sale(r) | {"ship_to_company": "Lee Ltd"}
    send(r, want)
    order = at_erp(r)
    order.address = replace(order.address, line2=is_stored)
    assert send(r, want, ticks=2)[want["business_key"]].endswith(" mismatch")


def test_a_second_order_of_a_customer_makes_no_second_customer(r: Retailer) -> None:
    """Known by the address mail goes to, whatever its case."""
    first, second = sale(r, "#1001"), sale(r, "#1002")
    second["customer_email"] = first["customer_email"].upper()
    assert set(send(r, first, second).values()) == {"verified"}
    assert at_erp(r, "#1001").customer_id == at_erp(r, "#1002").customer_id
    assert len(r.wms.customers) == 1


def test_a_number_that_only_resembles_another_is_another(r: Retailer) -> None:
    """And the same number of different case is too."""
    r.do(WMS, "create_order", order="#10010", lines=LINES[:1])
    want = sale(r)
    assert send(r, want) == {want["business_key"]: "verified"}
    check_sold(r)


def test_what_a_person_cancelled_in_the_erp_is_not_resurrected(r: Retailer) -> None:
    """It is there, and stays as it is."""
    r.do(WMS, "create_order", order="#1001", lines=LINES)
    r.do(WMS, "cancel_order", order="#1001")
    want = sale(r)
    assert send(r, want, ticks=2) == {want["business_key"]: "adopted already_there"}
    assert at_erp(r).cancelled_at is not None


@pytest.mark.parametrize(
    "kind",
    [
        "conflict",
        "rate_limited",
        "unavailable",
        "bad_gateway_burst",
        "half_body",
        "html_with_200",
        "stores_nothing",
    ],
)
def test_an_order_is_there_once_whatever_the_answer(r: Retailer, kind: str) -> None:
    """Refused for the moment, done without a word, or called done and not done."""
    r.strike(WMS, CREATE, kind)
    want = sale(r)
    assert send(r, want, ticks=6) == {want["business_key"]: "verified"}
    check_sold(r)


def test_an_order_that_no_search_shows_yet_has_one_effect(r: Retailer) -> None:
    """Made behind a gateway's error, and looked for before the search shows it."""
    r.sandbox.kit.lags[WMS] = 25.0
    r.strike(WMS, CREATE, "gateway_timeout_after_effect")
    want = sale(r)
    r.deliver("orders_to_wms", want, ticks=8, pause=5)
    assert len(wms.find_orders(r.wms, "#1001")) == 1
    assert send(r, want, ticks=6) == {want["business_key"]: "verified"}
    check_sold(r)


def test_an_order_stored_otherwise_is_no_success(r: Retailer) -> None:
    """A street cut short would lose the parcel."""
    r.strike(WMS, CREATE, "stores_truncated")
    want = sale(r)
    assert send(r, want)[want["business_key"]].endswith("mismatch")


def test_an_order_that_is_parked_is_no_success(r: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They took it in, found that its amount is not the sum, and say so only in the record."""
    from cogent_pipelines.sandbox.vendors import fulfil_writes

    plain = fulfil_writes.Writes._line

    def dearer(self: Any, given: dict[str, Any]) -> Any:
        return plain(self, given | {"tax_lines": []})

    monkeypatch.setattr(fulfil_writes.Writes, "_line", dearer)
    want = sale(r)
    assert send(r, want, ticks=2)[want["business_key"]].endswith("mismatch")
    assert at_erp(r).allocations == []


def test_an_order_that_is_parked_as_it_was_sent_is_no_success(
    r: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it differs from what was sent, and nothing of it will leave."""
    from cogent_pipelines.sandbox.vendors import fulfil_writes

    plain = fulfil_writes.Writes._process

    def parked(self: Any, order: Any, book: Any) -> None:
        book.has_exception = True
        plain(self, order, book)

    monkeypatch.setattr(fulfil_writes.Writes, "_process", parked)
    want = sale(r)
    assert send(r, want, ticks=2)[want["business_key"]].endswith("mismatch")


# --- cancellations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "half_body", "stores_nothing"])
def test_an_order_nobody_works_on_is_cancelled(r: Retailer, kind: str | None) -> None:
    """Whatever the answer; its goods are free again."""
    send(r, sale(r))
    if kind:
        r.strike(WMS, CANCEL, kind)
    assert stop(r, cancellation(r), ticks=6) == ["verified"]
    assert at_erp(r).cancelled_at is not None
    assert all(entry.allocated == 0 for entry in r.wms.stock.values())


def test_an_order_that_is_picked_is_not_cancelled(r: Retailer) -> None:
    """They refuse in their own words, which stand in the exception."""
    send(r, sale(r))
    order = at_erp(r)
    wms.start_pick(r.world, r.wms, order.id, order.allocations[0].id)
    assert stop(r, cancellation(r)) == ["rejected past_no_return"]
    assert order.cancelled_at is None


def test_an_order_that_is_sent_is_not_even_asked_about(r: Retailer) -> None:
    """The guard sees it."""
    send(r, sale(r))
    order = at_erp(r)
    ship(r, order)
    assert stop(r, cancellation(r)) == ["rejected past_no_return"]


def ship(r: Retailer, order: WarehouseOrder, number: str = "1Z9") -> None:
    """Everything set aside leaves."""
    for each in order.allocations:
        wms.ship_allocation(r.world, r.wms, order.id, each.id, carrier_id=4, tracking_number=number)


# --- reading ------------------------------------------------------------------------------------------


def test_what_is_pulled_is_what_the_erp_holds(r: Retailer) -> None:
    """One order shipped, one cancelled, one waiting, one returned; pulled before and after it happened."""
    for name in ("#1001", "#1002", "#1003"):
        r.do(SHOP, "place_order", name=name, lines=LINES[:2], location=1001)
    wants = [sale(r, f"#200{n}") for n in range(3)]
    send(r, *wants)
    assert all(report.is_complete for report in r.pull_of(WMS))
    r.move_on(3600)
    first, second, third = (at_erp(r, f"#200{n}") for n in range(3))
    ship(r, first)
    wms.cancel_order(r.world, r.wms, second.id)
    sellable = first.lines[0].sellable_id
    back = wms.create_return(r.world, r.wms, first.id, [(sellable, 1)])
    r.move_on(60)
    wms.receive_return(r.world, r.wms, first.id, back.id)
    reports = r.pull_of(WMS)
    assert all(report.is_complete for report in reports), [x for x in reports if not x.is_complete]
    with r.staged() as staged:
        orders = staged.table("stg_fulfil__warehouse_orders", "reference", "status_code", "is_past_no_return")
        assert orders == {
            "#2000": ("shipped", True),
            "#2001": ("cancelled", False),
            "#2002": ("released", False),
        }
        totals = staged.table("stg_fulfil__warehouse_orders", "reference", "total_amount", "currency")
        sums = money.totals(r.shop, shops.find_orders(r.shop, "#2002")[0])
        assert totals["#2002"] == (sums.total.quantize(Decimal("0.0001")), "GBP")
        lines = Counter[tuple[str, str]]()
        for key, sku, qty in staged.rows(
            "stg_fulfil__warehouse_order_lines", "warehouse_order_key", "sku", "qty"
        ):
            lines[key, sku] += qty
        assert lines == Counter(
            {
                (f"{WMS}:{o.id}", r.wms.sellables[s].sku): qty
                for o in (first, second, third)
                for s, qty in wms.ordered_units(o).items()
            }
        )
        (parcel,) = staged.rows(
            "stg_fulfil__shipments", "warehouse_order_key", "tracking_number", "carrier", "facility_id"
        )
        assert parcel == (f"{WMS}:{first.id}", "1Z9", "DPD", "41")
        held = Counter(dict(staged.rows("stg_fulfil__shipment_lines", "sku", "qty")))
        assert held == Counter({r.wms.sellables[s].sku: q for s, q in wms.shipped_units(first).items()})
        assert [a[0] for a in staged.rows("stg_fulfil__allocations", "warehouse_order_key")] == [
            f"{WMS}:{first.id}",
            f"{WMS}:{third.id}",
        ]
        levels = staged.table(
            "stg_fulfil__stock", "stock_key", "facility_id", "physical_qty", "available_qty"
        )
        places = r.wms.facilities
        assert levels == {
            f"{WMS}:{s}@{f}": (str(f), e.physical if e else 0, e.physical - e.allocated if e else 0)
            for s in [1, *r.wms.sellables]
            for f in places
            for e in [r.wms.stock.get((s, f))]
        }
        returned = staged.rows("stg_fulfil__warehouse_returns", "warehouse_order_key", "status_code")
        assert returned == [(f"{WMS}:{first.id}", "received")]
        (line,) = staged.rows("stg_fulfil__warehouse_return_lines", "sku", "qty", "received_qty")
        assert line == (r.wms.sellables[sellable].sku, 1, 1)
        assert staged.rows("stg_fulfil__facilities", "facility_id", "name", "is_active") == [
            ("41", "Leeds", True),
            ("42", "York", True),
        ]
        items = dict(staged.rows("stg_fulfil__items", "item_id", "sku"))
        assert items == {"1": "SHIPPING"} | {str(s.id): s.sku for s in r.wms.sellables.values()}
        news = staged.connection.execute("SELECT * FROM ops.unseen WHERE system = $1", [WMS]).fetchall()
        assert news == []
        (invoice,) = staged.connection.execute("SELECT state, sales FROM fulfil.invoices").fetchall()
        assert invoice == ("paid", [first.id])
