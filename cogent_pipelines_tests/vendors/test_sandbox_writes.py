"""What is delivered to a sandbox's warehouse and shop is there as it was meant, once, by the sandbox's truth.

Rows of ``wanted`` are made from the sandbox's state: nothing of ours stands between what the shop sold
and what the warehouse has. Answers that are lost, of which every vendor has some, are ``test_pairs``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import money
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder, WarehouseOrder
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer
from cogent_pipelines_tests.vendors.shopify_kit import level_row, parcel_row
from cogent_pipelines_tests.vendors.world_rows import LINES, cancellation, row, sale

SETTLED = 100.0
"""Seconds after which a warehouse shows what it was sent."""


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A shop and a warehouse without customers or pickers."""
    with sandbox_kit.standing_still():
        yield Retailer(tmp_path)


# --- orders to the warehouse ------------------------------------------------------------------------------


def send(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> dict[str, str]:
    """Deliver orders."""
    return r.deliver("orders_to_wms", *rows, ticks=ticks, pause=SETTLED)


def at_warehouse(r: Retailer, name: str = "#1001") -> WarehouseOrder:
    """The one order of that number."""
    (order,) = wms.find_orders(r.wms, name)
    return order


def placed(r: Retailer, name: str = "#1001") -> ShopOrder:
    """The one sale of that number."""
    (order,) = shops.find_orders(r.shop, name)
    return order


def check_sold(r: Retailer, name: str = "#1001") -> None:
    """The warehouse has the order once, whole, at its facility, at the price it was sold for."""
    order, sold = at_warehouse(r, name), placed(r, name)
    extra = (
        Decimal(0)
        if r.shop.taxes_included
        else sum(line.unit_price * line.quantity * line.tax_rate for line in sold.lines)
    )
    goods = sum(line.unit_price * line.quantity for line in sold.lines) + extra
    assert abs(wms.total(order) - goods - sold.delivery_price) < Decimal("0.02")
    units = Counter({r.wms.sellables[s].sku: qty for s, qty in wms.ordered_units(order).items()})
    assert units == sum((Counter({line.sku: line.quantity}) for line in sold.lines), Counter())
    assert [(a.facility_id, not wms.unallocated_units(order)) for a in order.allocations] == [(41, True)]


def test_an_order_arrives_as_it_was_sold(r: Retailer) -> None:
    """Money, units, facility, address, service, day, note; paid for, and once however often it is wanted."""
    want = sale(r)
    assert send(r, want, ticks=3) == {want["business_key"]: "verified"}
    check_sold(r)
    order = at_warehouse(r)
    assert (order.delivery_method_id, order.due_on, order.is_paid) == (12, "2026-07-08", True)
    assert (order.customer_note, order.payment_reference) == ("Leave at door", "pay-1")
    assert [text for *_, text in order.notes] == [f"[cogent order {want['business_key']}]"]
    assert (order.address.line1, order.address.postcode, order.email) == (
        placed(r).address.line1,
        placed(r).address.postcode,
        placed(r).email,
    )


@pytest.mark.parametrize("is_included", [True, False])
def test_a_shops_tax_is_neither_added_twice_nor_left_out(r: Retailer, is_included: bool) -> None:
    """Said by the row, or inferred from its sums where the row does not say."""
    r.shop.taxes_included = is_included
    said, inferred = sale(r, "#1001"), sale(r, "#1002")
    inferred["is_tax_included"] = None
    send(r, said, inferred)
    check_sold(r, "#1001")
    check_sold(r, "#1002")


def test_a_number_that_only_resembles_another_is_another(r: Retailer) -> None:
    """The search for #1001 also finds #10010."""
    r.do(WMS, "create_order", order="#10010", lines=LINES[:1])
    want = sale(r)
    assert send(r, want) == {want["business_key"]: "verified"}
    check_sold(r)


def test_what_a_person_cancelled_in_the_warehouse_is_not_resurrected(r: Retailer) -> None:
    """It hides from the plain search."""
    r.do(WMS, "create_order", order="#1001", lines=LINES)
    r.do(WMS, "cancel_order", order="#1001")
    want = sale(r)
    assert send(r, want, ticks=2) == {want["business_key"]: "adopted already_there"}
    assert wms.status(at_warehouse(r)) == "cancelled"


def test_the_same_number_of_another_shop_is_another_order(r: Retailer) -> None:
    """The note on it says whose it is."""
    made = r.do(WMS, "create_order", order="#1001", lines=LINES[1:2])
    wms.add_note(r.world, r.wms, made["id"], "[cogent order web_eu:5@LEEDS]")
    want = sale(r)
    assert send(r, want) == {want["business_key"]: "verified"}
    assert len(wms.find_orders(r.wms, "#1001")) == 2


def test_an_item_the_warehouse_does_not_have_is_told_to_a_person(r: Retailer) -> None:
    """An unknown id inside a body is a 404: never a reason to try again."""
    want = sale(r, lines=[*LINES, {"sku": "NOT-THERE", "price": "1.00"}])
    assert send(r, want, ticks=3) == {want["business_key"]: "rejected unknown_id"}
    assert wms.find_orders(r.wms, "#1001") == []


@pytest.mark.parametrize("operation", ["POST /orders", "POST /orders/{id}/allocations"])
@pytest.mark.parametrize(
    "kind",
    [
        "conflict",
        "rate_limited",
        "unavailable",
        "half_body",
        "html_with_200",
        "stores_nothing",
    ],
)
def test_an_order_is_there_once_whatever_the_answer(r: Retailer, operation: str, kind: str) -> None:
    """Refused for the moment, done without a word, or called done and not done."""
    r.strike(WMS, operation, kind)
    want = sale(r)
    assert send(r, want, ticks=6) == {want["business_key"]: "verified"}
    check_sold(r)


def test_an_order_that_no_search_shows_yet_is_not_sent_again(r: Retailer) -> None:
    """Made behind a gateway's error, and looked for before the list has caught up."""
    r.sandbox.kit.lags[WMS] = 25.0
    r.strike(WMS, "POST /orders", "gateway_timeout_after_effect")
    want = sale(r)
    r.deliver("orders_to_wms", want, ticks=8, pause=5)
    assert len(wms.find_orders(r.wms, "#1001")) == 1
    assert send(r, want, ticks=6) == {want["business_key"]: "verified"}
    check_sold(r)


def test_an_order_not_to_be_seen_yet_is_looked_at_again(r: Retailer) -> None:
    """A 404 of an id just given is a reading of another copy, not the loss of the order."""
    want = sale(r)
    r.strike(WMS, "POST /orders/{id}/allocations", "reset_after_effect")
    r.strike(WMS, "GET /orders/{id}", "not_found_yet")
    assert send(r, want, ticks=6) == {want["business_key"]: "verified"}
    check_sold(r)


def test_an_allocation_that_holds_less_than_was_asked_for_is_no_success(r: Retailer) -> None:
    """Accepted with 201, one item short."""
    r.strike(WMS, "POST /orders/{id}/allocations", "partial_success")
    want = sale(r)
    assert send(r, want, ticks=2) == {want["business_key"]: "sent mismatch"}
    assert len(at_warehouse(r).allocations) == 1


def test_an_order_stored_otherwise_is_no_success(r: Retailer) -> None:
    """A street cut short would lose the parcel."""
    r.strike(WMS, "POST /orders", "stores_truncated")
    want = sale(r)
    assert send(r, want)[want["business_key"]].endswith("mismatch")


# --- cancellations ----------------------------------------------------------------------------------------


def stop(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver cancellations."""
    return list(r.deliver("cancellations_to_wms", *rows, ticks=ticks, pause=SETTLED).values())


def test_an_order_nobody_works_on_is_cancelled(r: Retailer) -> None:
    """And its stock is free again."""
    r.do(WMS, "create_order", order="#1001", lines=LINES)
    assert stop(r, cancellation(r), ticks=2) == ["verified"]
    assert wms.status(at_warehouse(r)) == "cancelled"


def part_pick(r: Retailer) -> None:
    """Pick one of the order's two allocations."""
    order = at_warehouse(r)
    for sellable, units in list(wms.ordered_units(order).items()):
        wms.allocate(r.world, r.wms, order.id, 41, [(sellable, units)])
    wms.start_pick(r.world, r.wms, order.id, order.allocations[0].id)


@pytest.mark.parametrize("act", ["cancel", "note"])
@pytest.mark.parametrize("done", ["part_pick", "start_pick", "ship"])
def test_past_the_point_of_no_return_nothing_is_touched(r: Retailer, done: str, act: str) -> None:
    """Its status is asked first: no call reaches the warehouse, by whatever name."""
    r.do(WMS, "create_order", order="#1001", lines=LINES, allocate=done != "part_pick")
    want = cancellation(r, act)
    if done == "part_pick":
        part_pick(r)
    else:
        r.do(WMS, done, order="#1001")
    before = at_warehouse(r).updated_at
    assert stop(r, want, ticks=2) == ["rejected past_no_return"]
    assert (at_warehouse(r).updated_at, at_warehouse(r).notes) == (before, [])


def test_where_the_account_may_not_cancel_a_note_asks_for_it_once(r: Retailer) -> None:
    """The refusal has a name of its own, by which a note is wanted instead."""
    r.do(WMS, "create_order", order="#1001", lines=LINES)
    r.strike(WMS, "PUT /orders/{id}/cancel", "forbidden", times=5)
    assert stop(r, cancellation(r)) == ["rejected cancel_unavailable"]
    r.strike(WMS, "POST /orders/{id}/notes", "reset_after_effect")
    assert stop(r, cancellation(r, "note"), ticks=6) == ["verified"]
    (note,) = at_warehouse(r).notes
    assert "customer cancelled" in note[2]


# --- units that will not be sent --------------------------------------------------------------------------


def released(r: Retailer, units: int = 0, **more: Any) -> dict[str, Any]:
    """The row that wants the first line of the order left with so many units, and the others with none."""
    order = placed(r)
    left = {line.id: units if place == 0 else 0 for place, line in enumerate(order.lines)}
    lines = [
        {
            "order_line_key": f"{SHOP}:{line.id}",
            "line_id": str(line.id),
            "sku": line.sku,
            "change_from": line.current_quantity,
            "quantity": left[line.id],
        }
        for line in order.lines
        if line.current_quantity > left[line.id]
    ]
    key = f"{SHOP}:{order.id}@release/{sum(left.values())}"
    own = {"order_id": str(order.id), "lines": lines}
    return row("release", key, order.name, to=SHOP, priority=20, **{**own, **more})


def free(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver releases."""
    return list(r.deliver("cancellations_to_channel", *rows, ticks=ticks, pause=SETTLED).values())


def on_sale(r: Retailer) -> tuple[int, int]:
    """Units for sale, and units promised to orders, of all items."""
    levels = r.shop.levels.values()
    return sum(level.available for level in levels), sum(level.committed for level in levels)


def moved(r: Retailer) -> tuple[Decimal, Decimal, int]:
    """Captured, given back, and refunds there are."""
    sums = money.totals(r.shop, placed(r))
    return sums.captured, sums.refunded, len(placed(r).refunds)


@pytest.mark.parametrize(
    "kind",
    ["", "rate_limited", "unavailable", "half_body", "stores_nothing", "reset_after_effect", "refused"],
)
@pytest.mark.parametrize("operation", ["orderEditCommit", "orderEditBegin", "orderEditSetQuantity"])
def test_a_release_frees_its_units_once_and_moves_no_money(r: Retailer, operation: str, kind: str) -> None:
    """Committed stock falls and what is for sale rises by the same units, whatever the answer."""
    sale(r)
    available, committed = on_sale(r)
    before = moved(r)
    if kind:
        r.strike(SHOP, operation, kind)
    want = released(r, units=1)
    states = free(r, want, ticks=6)
    if kind == "refused" and operation != "orderEditSetQuantity":
        assert states == ["rejected not_editable" if operation == "orderEditBegin" else "rejected refused"]
        return
    assert states == ["verified"]
    assert [line.current_quantity for line in placed(r).lines] == [1, 0, 0]
    assert on_sale(r) == (available + 3, committed - 3)
    assert moved(r) == before
    assert placed(r).cancelled_at is None


def test_a_line_somebody_edited_meanwhile_is_left_as_it_is(r: Retailer) -> None:
    """The want rests on a reading that is no longer so."""
    sale(r)
    want = released(r)
    shops.set_quantity(r.world, r.shop, placed(r).id, placed(r).lines[0].id, 3)
    assert free(r, want) == ["waiting target_not_ready"]
    assert placed(r).lines[0].current_quantity == 3


def test_what_somebody_took_off_already_is_not_taken_off_again(r: Retailer) -> None:
    """An order cancelled by CX holds nothing."""
    sale(r)
    want = released(r)
    shops.cancel_order(r.world, r.shop, placed(r).id)
    assert free(r, want) == ["adopted already_there"]


# --- parcels to the shop ----------------------------------------------------------------------------------


def parcel(
    r: Retailer, key: str = f"{WMS}:1", number: str = "RM1GB", units: int = 9, **more: Any
) -> dict[str, Any]:
    """The row that wants the shop told of a parcel of the sale."""
    return parcel_row(r, placed(r), key, number, units, **more)


def tell(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver parcels."""
    return list(r.deliver("shipments_to_channel", *rows, ticks=ticks, pause=SETTLED).values())


def mails(r: Retailer) -> list[tuple[str, list[str]]]:
    """What the customer was told."""
    return [(m.kind, m.numbers) for m in r.shop.mails if m.kind in ("shipped", "shipping_updated")]


def told(r: Retailer) -> list[tuple[list[str], str, dict[int, int]]]:
    """The shop's fulfilments: numbers, carrier, units by line."""
    return [(f.numbers, f.carrier, dict(f.lines)) for f in placed(r).fulfilments if f.status == "success"]


@pytest.mark.parametrize("kind", ["", "rate_limited", "half_body", "stores_nothing"])
def test_the_shop_knows_a_parcel_once(r: Retailer, kind: str) -> None:
    """With its number, carrier and units, and one message to the customer, whatever the answer."""
    sale(r)
    if kind:
        r.strike(SHOP, "fulfillmentCreate", kind)
    assert tell(r, parcel(r), ticks=6) == ["verified"]
    assert told(r) == [(["RM1GB"], "Royal Mail", {line.id: line.quantity for line in placed(r).lines})]
    assert mails(r) == [("shipped", ["RM1GB"])]


def test_a_part_shipment_leaves_the_rest_to_the_next_parcel(r: Retailer) -> None:
    """One fulfilment per parcel; the order is complete with the last."""
    sale(r)
    first = parcel(r, units=1)
    assert tell(r, first) == ["verified"]
    assert shops.fulfilment_status(placed(r)) == "partially_fulfilled"
    assert tell(r, parcel(r, f"{WMS}:2", "RM2GB")) == ["verified", "verified"]
    assert [numbers for numbers, *_ in told(r)] == [["RM1GB"], ["RM2GB"]]
    assert shops.fulfilment_status(placed(r)) == "fulfilled"


def test_an_earlier_parcels_number_joins_the_fulfilment_that_completes_it(r: Retailer) -> None:
    """Two numbers, the parcel's own first."""
    sale(r)
    want = parcel(
        r,
        tracking_numbers=["RM2GB", "RM1GB"],
        tracking_urls=["https://t.example.test/2", "https://t.example.test/1"],
    )
    assert tell(r, want, ticks=2) == ["verified"]
    assert [numbers for numbers, *_ in told(r)] == [["RM2GB", "RM1GB"]]


def test_cartons_of_one_consignment_are_all_told(r: Retailer) -> None:
    """One number on two cartons with the same goods: the second is not taken for the first."""
    sale(r, lines=[{"sku": "SKU-0001", "quantity": 2}])
    cartons = [parcel(r, f"{WMS}:{n}", units=1, twins=2, earlier_twins=n - 1) for n in (1, 2)]
    assert tell(r, *cartons, ticks=3) == ["verified", "verified"]
    assert [numbers for numbers, *_ in told(r)] == [["RM1GB"], ["RM1GB"]]
    assert shops.fulfilment_status(placed(r)) == "fulfilled"


def test_a_parcel_whose_order_was_moved_since_waits_to_be_planned_again(r: Retailer) -> None:
    """Another fulfilment order has its lines now: nothing is refused for good, nothing is sent."""
    sale(r)
    want = parcel(r)
    (held,) = placed(r).fulfilment_orders
    shops.move_fulfilment_order(r.world, r.shop, held.id, 1002)
    (state,) = tell(r, want)
    assert state.split()[0] == "waiting"
    assert told(r) == []


def test_a_customer_is_told_of_the_first_scan_once(r: Retailer) -> None:
    """Silent at despatch, told at the scan, whatever became of the answer."""
    sale(r)
    tell(r, parcel(r, notify=False))
    assert mails(r) == []
    (fulfilment,) = placed(r).fulfilments
    r.strike(SHOP, "fulfillmentTrackingInfoUpdate", "reset_after_effect")
    scan = parcel(r, f"{WMS}:1:scan", fulfilment_id=str(fulfilment.id)) | {
        "act": "notify",
        "since_at": r.world.now,
    }
    assert tell(r, scan, ticks=6) == ["verified", "verified"]
    assert [numbers for _, numbers in mails(r)] == [["RM1GB"]]


# --- levels -----------------------------------------------------------------------------------------------


def shown(r: Retailer, sku: str = "SKU-0001") -> tuple[int, int]:
    """What the shop has on sale, and what it has promised."""
    found = r.do(SHOP, "get_level", sku=sku, location=1001)
    return found["available"], found["committed"]


def push(r: Retailer, *rows: dict[str, Any], ticks: int = 1) -> list[str]:
    """Deliver levels."""
    return list(r.deliver("stock_to_channel", *rows, ticks=ticks, pause=SETTLED).values())


@pytest.mark.parametrize("kind", ["", "rate_limited", "half_body", "conflict"])
def test_a_level_is_what_may_be_sold(r: Retailer, kind: str) -> None:
    """Beside what is promised already: not the count on the shelf."""
    sale(r)
    assert shown(r)[1] == 3
    if kind:
        r.strike(SHOP, "inventorySetQuantities", kind)
    push(r, level_row(r, 4), level_row(r, 0, sku="SKU-0002"), ticks=4)
    assert (shown(r), shown(r, "SKU-0002")) == ((4, 3), (0, 1))


def test_a_level_that_moved_since_it_was_read_is_left_alone(r: Retailer) -> None:
    """A sale between the reading and the writing is not overwritten."""
    want = level_row(r, 4)
    r.do(SHOP, "set_level", sku="SKU-0001", location=1001, available=2)
    push(r, want, level_row(r, 5, sku="SKU-0002"))
    assert (shown(r)[0], shown(r, "SKU-0002")[0]) == (2, 5)


def test_an_item_a_location_does_not_stock_is_stocked(r: Retailer) -> None:
    """With its level, under one key however often it is tried."""
    item = r.shop.variants[r.shop.by_sku["SKU-0003"]].inventory_item_id
    r.shop.levels[item, 1001].is_active = False
    r.strike(SHOP, "inventoryActivate", "reset_after_effect")
    (state,) = push(r, level_row(r, 6, sku="SKU-0003", act="activate"), ticks=3)
    assert state.split()[0] == "verified"
    assert r.shop.levels[item, 1001].is_active
