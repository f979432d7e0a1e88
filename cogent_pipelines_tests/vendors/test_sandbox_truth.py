"""What is read of a sandbox's shop and warehouse, by first loads and increments, is what they hold.

One retailer: a month of history and two days of trade through an old integration, with the odd things that
connectors stumble over added by hand. Everything is pulled once before they happen and once after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import money
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Payout, Shop, ShopOrder, Warehouse
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS, Retailer, Staged

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    """The retailer after both pulls."""
    with sandbox_kit.standing_still():
        yield _lived(tmp_path_factory.mktemp("truth"))


@pytest.fixture(scope="module")
def staged(retailer: Retailer) -> Iterator[Staged]:
    """The staging views over what was pulled."""
    with retailer.staged() as views:
        yield views


def _lived(folder: Path) -> Retailer:
    r = Retailer(folder, days=2, orders=80, skus=160, bundles=10, history=140, old_integration=1.0)
    _long_before(r)
    r.move_on(DAY + 2.5 * HOUR)  # today's payout is issued and has not arrived
    _before(r)
    assert all(report.is_complete for report in r.pull())
    r.move_on(MINUTE)
    _soon_after(r)
    r.move_on(2 * DAY)
    _later(r)
    r.move_on(DAY)
    assert all(report.is_complete for report in r.pull())
    return r


def _long_before(r: Retailer) -> None:
    """Orders that change much later than they are made. Nobody sends what is not paid for."""
    lines = [{"sku": "SKU-0151", "quantity": 3, "price": "400.10"}]
    for name, payment in (("EDITED", "pending"), ("CANCELLED", "authorised"), ("REFUNDED", "captured")):
        r.do(SHOP, "place_order", name=name, lines=lines, payment=payment)


def _before(r: Retailer) -> None:
    """Orders and levels that will have changed by the second pull, and ones that are large or odd."""
    skus = [{"sku": f"SKU-{n:04d}", "quantity": 1 + n % 2} for n in range(1, 151)]
    r.do(SHOP, "place_order", name="LONG", lines=skus, payment="authorised", email="long@example.test")
    for name in ("STOPPED", "HELD"):
        r.do(WMS, "create_order", order=name, lines=[{"sku": "SKU-0152", "quantity": 2}])
    twice = [{"sku": "SKU-0153", "quantity": 2}, {"sku": "SKU-0153", "quantity": 3, "price": "9.99"}]
    r.do(WMS, "create_order", order="TWICE", lines=twice, allocate=False)
    (order,) = wms.find_orders(r.wms, "TWICE")
    wms.allocate(r.world, r.wms, order.id, 41, [(r.wms.by_sku["SKU-0153"], 3)])
    for number in range(1, 101):  # more than a page that nobody works on
        r.do(WMS, "create_order", order=f"MANY-{number}", lines=[{"sku": "SKU-0154"}], is_paid=False)


def _soon_after(r: Retailer) -> None:
    """Within the hour by which a summer's local time differs from UTC."""
    r.do(WMS, "cancel_order", order="STOPPED")
    r.do(WMS, "hold", order="HELD")
    r.do(SHOP, "set_quantity", order="EDITED", sku="SKU-0151", quantity=1)
    r.do(SHOP, "cancel_order", order="CANCELLED")
    r.do(WMS, "count_stock", sku="SKU-0152", physical=1)


def _later(r: Retailer) -> None:
    """Trade has ended by now; the payments provider takes money back."""
    lines = [{"sku": "SKU-0151", "quantity": 2, "restock": "return"}]
    r.do(SHOP, "refund", order="REFUNDED", lines=lines, adjustment="12.34", note="sorry")
    taken = Payout(9_999_999, r.world.now, "paid", Decimal("-812.54"), r.shop.currency)
    r.shop.payouts[taken.id] = taken


# --- the shop -------------------------------------------------------------------------------------------


def shop_orders(shop: Shop) -> Iterator[tuple[ShopOrder, money.Totals]]:
    """Every order with its sums."""
    for order in shop.orders.values():
        yield order, money.totals(shop, order)


def four(amount: Decimal) -> Decimal:
    """As a mart has it."""
    return amount.quantize(Decimal("0.0001"))


def at(moment: datetime | None) -> datetime | None:
    """As both sides can say it: to the second, in UTC."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None


def same(shown: dict[Any, Any], told: dict[Any, Any]) -> None:
    """Fail with some of the rows that differ: (shown, told)."""
    unlike = {
        key: (shown.get(key), told.get(key))
        for key in shown.keys() | told.keys()
        if shown.get(key) != told.get(key)
    }
    assert not unlike, f"{len(unlike)} of {len(told)} differ: {dict(list(unlike.items())[:5])}"
    assert told, "nothing was compared"


def seconds(rows: dict[Any, tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]]:
    """Rows with their instants to the second."""
    return {k: tuple(at(v) if isinstance(v, datetime) else v for v in row) for k, row in rows.items()}


def test_the_retailer_has_lived(retailer: Retailer) -> None:
    """So that the tests below compare something."""
    parcels = [a.parcel for o in retailer.wms.orders.values() for a in o.allocations if a.parcel]
    assert len(retailer.shop.orders) > 200
    assert sum(p.in_transit_at is not None and p.in_transit_at > p.created_at for p in parcels) > 100
    assert min(e.physical - e.allocated for e in retailer.wms.stock.values()) < 0
    assert {p.net > 0 for p in retailer.shop.payouts.values()} == {True, False}
    assert sum(len(o.refunds) for o in retailer.shop.orders.values()) > 5
    assert sum(len(o.returns) for o in retailer.wms.orders.values()) > 1


def test_orders_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """Who, when, and where to."""
    columns = (
        "order_name",
        "placed_at",
        "cancelled_at",
        "customer_email",
        "ship_to_postcode",
        "delivery_option",
    )
    told = {
        str(o.id): (
            o.name,
            at(o.processed_at or o.created_at),
            at(o.cancelled_at),
            o.email,
            o.address.postcode,
            o.delivery_option,
        )
        for o in retailer.shop.orders.values()
    }
    same(seconds(staged.table("stg_shopify__orders", "order_id", *columns)), told)


def test_money_is_the_shops(retailer: Retailer, staged: Staged) -> None:
    """To the penny, and on the right side."""
    columns = [
        f"{n}_amount" for n in ("total", "subtotal", "shipping", "tax", "discount", "captured", "refunded")
    ]
    told = {
        str(order.id): (
            *map(four, (t.total, t.subtotal, t.delivery, t.tax, t.discount, t.captured, t.refunded)),
            retailer.shop.taxes_included,
        )
        for order, t in shop_orders(retailer.shop)
    }
    same(staged.table("stg_shopify__orders", "order_id", *columns, "is_tax_included"), told)


def test_every_line_of_every_order_is_there(retailer: Retailer, staged: Staged) -> None:
    """Also of one with more lines than a page holds."""
    told = {
        str(line.id): (
            str(o.id),
            line.sku,
            line.quantity,
            line.current_quantity,
            four(line.unit_price),
            four(line.discount),
        )
        for o in retailer.shop.orders.values()
        for line in o.lines
    }
    columns = ("sku", "ordered_qty", "current_qty", "unit_price_amount", "discount_amount")
    shown = staged.table("stg_shopify__order_lines", "line_id", "split_part(order_key, ':', 2)", *columns)
    same(shown, told)


def test_what_is_left_to_fulfil_is_the_shops(retailer: Retailer, staged: Staged) -> None:
    """Per location."""
    told = {
        str(part.id): (str(f.id), str(f.location_id), part.total, part.remaining)
        for f in retailer.shop.fulfilment_orders.values()
        for part in f.lines
    }
    columns = ("fulfilment_order_id", "location_id", "total_qty", "remaining_qty")
    same(staged.table("stg_shopify__fulfilment_order_lines", "fulfilment_order_line_id", *columns), told)


def test_fulfilments_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """With numbers, scans and what was in them."""
    told = {
        str(f.id): (f.status, str(f.location_id), f.numbers, at(f.in_transit_at), at(f.delivered_at))
        for f in retailer.shop.fulfilments.values()
    }
    columns = ("status_code", "location_id", "tracking_numbers", "first_scan_at", "delivered_at")
    same(seconds(staged.table("stg_shopify__fulfilments", "fulfilment_id", *columns)), told)
    units = Counter(
        {(f.id, line): units for f in retailer.shop.fulfilments.values() for line, units in f.lines}
    )
    shown = staged.rows("stg_shopify__fulfilment_lines", "fulfilment_key", "order_line_key", "qty")
    same({(int(f.split(":")[1]), int(line.split(":")[1])): qty for f, line, qty in shown}, units)


def test_refunds_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """What goods and shipping do not account for is goodwill."""
    told = {
        str(r.id): (
            four(sum((t.amount for t in o.transactions if t.id in r.transaction_ids), Decimal(0))),
            four(r.adjustment),
        )
        for o in retailer.shop.orders.values()
        for r in o.refunds
    }
    same(staged.table("stg_shopify__refunds", "refund_id", "amount", "adjustment_amount"), told)
    restocks = {"no_restock": "none", "cancel": "cancel", "return": "return"}
    lines = sorted(
        ((f"{SHOP}:{r.id}", f"{SHOP}:{p.line_id}", p.quantity, restocks[p.restock], four(p.subtotal))
         for o in retailer.shop.orders.values() for r in o.refunds for p in r.lines),
        key=repr,
    )  # fmt: skip
    columns = ("refund_key", "order_line_key", "qty", "restock_code", "amount")
    assert staged.rows("stg_shopify__refund_lines", *columns) == lines


def test_payments_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """Kinds, amounts and fees."""
    kinds = {"authorization": "authorisation"}
    told = {
        str(t.id): (kinds.get(t.kind, t.kind), t.status, four(t.amount), at(t.at))
        for o in retailer.shop.orders.values()
        for t in o.transactions
    }
    same(
        seconds(
            staged.table(
                "stg_shopify__payments", "payment_id", "kind_code", "status_code", "amount", "processed_at"
            )
        ),
        told,
    )


def test_levels_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """At every location."""
    told = {
        f"{level.location_id}/{level.inventory_item_id}": (level.available, level.committed, level.on_hand)
        for level in retailer.shop.levels.values()
    }
    key = "location_id || '/' || item_id"
    same(
        staged.table("stg_shopify__channel_stock", key, "available_qty", "committed_qty", "on_hand_qty"), told
    )


def test_items_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """Weights in grams."""
    told = {
        str(v.id): (
            v.sku,
            v.weight_grams,
            v.barcode or None,
            v.origin_country or None,
            four(v.price),
            v.status == "active",
        )
        for v in retailer.shop.variants.values()
    }
    columns = ("sku", "weight_grams", "barcode", "origin_country_code", "price_amount", "is_active")
    same(staged.table("stg_shopify__items", "item_id", *columns), told)


def test_payouts_are_the_shops(retailer: Retailer, staged: Staged) -> None:
    """What comes in is positive, what is taken back negative, and entries add up to each."""
    told = {str(p.id): (p.status, four(p.net)) for p in retailer.shop.payouts.values()}
    same(staged.table("stg_shopify__payouts", "payout_id", "status_code", "net_amount"), told)
    entries = {
        str(e.id): (
            four(e.amount),
            four(e.fee),
            four(e.amount - e.fee),
            str(e.payout_id) if e.payout_id else None,
        )
        for e in retailer.shop.entries.values()
        if e.kind != "transfer"
    }
    columns = ("gross_amount", "fee_amount", "net_amount", "payout_id")
    same(staged.table("stg_shopify__payout_entries", "entry_id", *columns), entries)


# --- the warehouse --------------------------------------------------------------------------------------


def test_warehouse_orders_are_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """Cancelled ones too, which hide from the plain list."""
    told = {
        str(o.id): (o.number, wms.status(o), at(o.cancelled_at), at(o.shipped_at), o.address.postcode)
        for o in retailer.wms.orders.values()
    }
    columns = ("reference", "status_raw", "cancelled_at", "shipped_at", "ship_to_postcode")
    totals = staged.table("stg_veeqo__warehouse_orders", "warehouse_order_id", "total_amount")
    apart = {o.id: abs(totals[str(o.id)][0] - wms.total(o)) for o in retailer.wms.orders.values()}
    assert max(apart.values()) < Decimal("0.02"), apart  # they round the tax of each line
    same(seconds(staged.table("stg_veeqo__warehouse_orders", "warehouse_order_id", *columns)), told)


def _shares(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    """Line -> units ordered, allocated and sent: units of an item fill its lines in their order."""
    told = {}
    for order in warehouse.orders.values():
        allocated, shipped = Counter(wms.allocated_units(order)), Counter(wms.shipped_units(order))
        for line in sorted(order.lines, key=lambda line: line.id):
            held, sent = (min(line.quantity, units[line.sellable_id]) for units in (allocated, shipped))
            allocated[line.sellable_id] -= held
            shipped[line.sellable_id] -= sent
            sku = warehouse.sellables[line.sellable_id].sku
            told[f"{WMS}:{line.id}"] = (sku, line.quantity, held, sent, four(line.unit_price))
    return told


def test_warehouse_lines_are_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """Units ordered, allocated and sent, also where two lines hold one item."""
    columns = ("sku", "qty", "allocated_qty", "shipped_qty", "unit_price_amount")
    told = _shares(retailer.wms)
    same(staged.table("stg_veeqo__warehouse_order_lines", "warehouse_order_line_key", *columns), told)


def test_parcels_are_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """Numbers, scans, facilities and contents."""
    told, contents = {}, Counter[tuple[str, str]]()
    for order in retailer.wms.orders.values():
        for allocation in order.allocations:
            if (p := allocation.parcel) is None:
                continue
            told[str(p.id)] = (
                str(allocation.facility_id),
                p.carrier_name,
                p.tracking_number or None,
                *map(at, (p.created_at, p.in_transit_at, p.delivered_at)),
            )
            for _, sellable, units in allocation.lines:
                contents[f"{WMS}:{p.id}", retailer.wms.sellables[sellable].sku] += units
    columns = ("facility_id", "carrier", "tracking_number", "despatched_at", "first_scan_at", "delivered_at")
    same(seconds(staged.table("stg_veeqo__shipments", "shipment_id", *columns)), told)
    shown = staged.rows("stg_veeqo__shipment_lines", "shipment_key", "sku", "qty")
    same({(key, sku): qty for key, sku, qty in shown}, contents)


def test_returns_are_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """What came back."""
    told = sorted(
        ((f"{WMS}:{r.id}", retailer.wms.sellables[s].sku, units, received)
         for o in retailer.wms.orders.values() for r in o.returns for _, s, units, received in r.lines),
        key=repr,
    )  # fmt: skip
    assert (
        staged.rows("stg_veeqo__warehouse_return_lines", "return_key", "sku", "qty", "received_qty") == told
    )


def test_stock_is_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """Below nothing too."""
    told = {
        f"{WMS}:{e.sellable_id}:{e.facility_id}": (e.physical, e.allocated, e.physical - e.allocated)
        for e in retailer.wms.stock.values()
    }
    shown = staged.table("stg_veeqo__stock", "stock_key", "physical_qty", "allocated_qty", "available_qty")
    same({key: levels for key, levels in shown.items() if key in told or any(levels)}, told)


def test_sellables_are_the_warehouses(retailer: Retailer, staged: Staged) -> None:
    """Weights in grams."""
    told = {
        str(s.id): (s.sku, s.weight_grams, s.barcode or None, s.origin_country or None)
        for s in retailer.wms.sellables.values()
    }
    columns = ("sku", "weight_grams", "barcode", "origin_country_code")
    same(staged.table("stg_veeqo__items", "item_id", *columns), told)
