"""Rows of ``wanted`` made from a sandbox's state: nothing of ours stands between what was sold and what is sent.

Belongs here: rows of any channel and any warehouse, and the wants of such rows.
Does not belong here: ids that one vendor makes of the world's (``<slug>_kit``), or an assertion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cogent_pipelines.connect.spec import Want
from cogent_pipelines.sandbox.world import money
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import ShopOrder, WarehouseOrder
from cogent_pipelines_tests.vendors import vendor_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, START, WMS, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Case

LINES = [
    {"sku": "SKU-0001", "quantity": 2, "price": "19.99"},
    {"sku": "SKU-0002", "quantity": 1, "price": "7.35"},
    {"sku": "SKU-0001", "quantity": 1, "price": "18.50"},
]
ADDRESS = {
    "first_name": "Ada",
    "last_name": "Example",
    "line1": "1 Long Acre Street",
    "line2": "Flat 2",
    "region": "West Yorkshire",
    "phone": "0113 496 0000",
}


def row(act: str, key: str, reference: str, *, to: str, priority: int = 30, **own: Any) -> dict[str, Any]:
    """A row of any wanted view."""
    base = {"system": to, "source_system": WMS if to == SHOP else SHOP, "act": act, "business_key": key}
    named = {"reference": reference, "order_key": None, "since_at": START, "held_by": None}
    return base | named | {"priority": priority, "amount": None, "currency": "GBP"} | own


def want(sync: str, made: Mapping[str, Any], **refs: str) -> Want:
    """The want of a row."""
    return Want(sync, made["act"], made["business_key"], made["reference"], made, refs)


def called(r: Retailer, column: str, veeqos: str) -> str:
    """What the warehouse calls what a mapping's column names as Veeqo does."""
    return vendor_kit.kit(r.slugs[WMS]).called.get(column, {}).get(veeqos, veeqos)


def sale(r: Retailer, name: str = "#1001", lines: Any = LINES) -> dict[str, Any]:
    """A sale in the shop, and the row that wants it in the warehouse."""
    r.do(SHOP, "place_order", name=name, lines=lines, location=1001, address=ADDRESS, note="Leave at door")
    (order,) = shops.find_orders(r.shop, name)
    sums = money.totals(r.shop, order)
    amounts = {"total": sums.total, "shipping": sums.delivery, "discount": sums.discount, "tax": sums.tax}
    address = order.address
    return row(
        "create",
        f"{SHOP}:{order.id}@LEEDS",
        name,
        to=WMS,
        facility="LEEDS",
        facility_id=called(r, "facilities.warehouse_facility_id", "41"),
        delivery_method_id=called(r, "delivery_options.delivery_method_id", "12"),
        service_code=called(r, "delivery_options.service_code", "NXD"),
        placed_at=order.created_at,
        is_tax_included=r.shop.taxes_included,
        customer_email=order.email,
        ship_to_name=f"{address.first_name} {address.last_name}",
        ship_to_first_name=address.first_name,
        ship_to_last_name=address.last_name,
        ship_to_company=address.company or None,
        ship_to_line1=address.line1,
        ship_to_line2=address.line2 or None,
        ship_to_city=address.city,
        ship_to_region=address.region or None,
        ship_to_postcode=address.postcode,
        ship_to_country_code=address.country_code,
        ship_to_phone=address.phone or None,
        note=order.note,
        payment_reference="pay-1",
        payments=[{"payment_id": "pay-1", "method": "card", "amount": amounts["total"], "fee_amount": None}],
        due_on=date(2026, 7, 8),
        lines=[
            {
                "line_ref": str(line.id),
                "sku": line.sku,
                "item_id": vendor_kit.kit(r.slugs[WMS]).item_id(r, line.sku),
                "qty": line.quantity,
                "unit_price_amount": line.unit_price.quantize(Decimal("0.0001")),
                "tax_rate": float(line.tax_rate),
            }
            for line in order.lines
        ],
        **{f"{name}_amount": amount.quantize(Decimal("0.0001")) for name, amount in amounts.items()},
    )


def cancellation(
    r: Retailer, act: str = "cancel", name: str = "#1001", there: str | None = None
) -> dict[str, Any]:
    """The row that wants the order stopped; ``there`` is the warehouse's id of it, where that is not the world's."""
    (order,) = wms.find_orders(r.wms, name)
    own = {"warehouse_order_id": there or str(order.id), "cancel_reason": "Cancelled in the shop"}
    return row(act, f"{SHOP}:{name}@cancel", name, to=WMS, priority=20, **own)


# --- the cases of any warehouse -----------------------------------------------------------------------------


def _new_sale(r: Retailer) -> dict[str, Any]:
    """A sale of goods of which there is enough."""
    for sku in {line["sku"] for line in LINES}:
        r.do(WMS, "count_stock", sku=sku, facility="LEEDS", physical=90)
    return sale(r, f"#{7000 + len(r.shop.orders)}")


def creating(operation: str, refusal: str) -> Case:
    """``orders_to_wms``, ``create``: an order that was sold."""

    def times(r: Retailer, about: Want) -> int:
        return len(wms.find_orders(r.wms, about.reference))

    return Case(lambda r: want("orders_to_wms", _new_sale(r)), times, operation, refusal)


def there(r: Retailer, name: str) -> WarehouseOrder:
    """The one order of that number in the warehouse."""
    (order,) = wms.find_orders(r.wms, name)
    return order


def _is_cancelled(r: Retailer, about: Want) -> int:
    return int(there(r, about.reference).cancelled_at is not None)


def _notes(r: Retailer, about: Want) -> int:
    return len([text for *_, text in there(r, about.reference).notes if "cancel" in text])


def cancelling(operation: str, refusal: str, act: str = "cancel") -> Case:
    """``cancellations_to_wms``: an order somebody else made there, on which nobody works yet."""

    def made(r: Retailer) -> Want:
        name = f"#{8000 + len(r.wms.orders)}"
        r.do(WMS, "create_order", order=name, lines=LINES[:1])
        return want("cancellations_to_wms", cancellation(r, act, name))

    return Case(made, _is_cancelled if act == "cancel" else _notes, operation, refusal)


# --- the cases of any channel -------------------------------------------------------------------------------


def sold(r: Retailer) -> ShopOrder:
    """A paid order of one line, not sent."""
    r.do(SHOP, "set_level", sku="SKU-0001", location=1001, available=500)
    made = r.do(SHOP, "place_order", lines=LINES[:1], location=1001)
    return r.shop.orders[made["id"]]


def times_told(r: Retailer, about: Want) -> int:
    """How many despatches of the order carry the parcel's first number."""
    order = r.shop.orders[int(about.fields["order_id"])]
    return sum(
        about.fields["tracking_numbers"][0] in f.numbers for f in order.fulfilments if f.status == "success"
    )


def release_row(order: ShopOrder, left: int = 0) -> dict[str, Any]:
    """The row that wants each line of an order left with so many units."""
    lines = [
        {
            "order_line_key": f"{SHOP}:{line.id}",
            "line_id": str(line.id),
            "sku": line.sku,
            "change_from": line.current_quantity,
            "quantity": left,
        }
        for line in order.lines
    ]
    units = sum(line.current_quantity - left for line in order.lines)
    key = f"{SHOP}:{order.id}@release/{units}"
    own = {"order_key": f"{SHOP}:{order.id}", "order_id": str(order.id), "lines": lines}
    return row("release", key, order.name, to=SHOP, priority=20, **own)


def releasing(operation: str, refusal: str) -> Case:
    """``cancellations_to_channel``: all of an order is given up, as any shop can follow; no money moves."""

    def times(r: Retailer, about: Want) -> int:
        order = r.shop.orders[int(about.fields["order_id"])]
        return int(
            not any(line.current_quantity for line in order.lines)
            and not money.totals(r.shop, order).refunded
        )

    return Case(lambda r: want("cancellations_to_channel", release_row(sold(r))), times, operation, refusal)
