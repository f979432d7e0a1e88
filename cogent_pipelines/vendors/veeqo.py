"""Veeqo, a warehouse management system, as declarations.

Belongs here: which lists are read and how, which writes there are, what the vendor's own errors mean.
Does not belong here: bodies and look-ups (``veeqo_writes``), sending, paging or waiting (``connect``), what a
status means to us (``staging/veeqo``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.spec import (
    Answer,
    Cursor,
    Listing,
    Lookup,
    Request,
    Stream,
    System,
    Vendor,
    Window,
    Write,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors import veeqo_writes as writes

SETTLE = timedelta(seconds=90)
"""A request lives 30 s at most; a list may lag behind it by as much again."""

# --- reading ------------------------------------------------------------------------------------------


def _list(path: str, since: str = "", **fixed: str) -> Callable[[Window, System], Request]:
    """A request for a list; ``since`` names the filter that takes the window's start."""

    def request(window: Window, system: System) -> Request:
        start = ((since, writes.stamp(window.start, system)),) if since and window.start else ()
        return Request("GET", path, params=(*start, *fixed.items()))

    return request


# Known fields that no table keeps: persons, looks, settings, and what can be reckoned from the others.
LEFT_OUT_OF_ORDERS = tuple(
    """
    send_refund_email customer_viewable_notes due_date dispatch_date payment_due_date payment_terms
    international notes receipt_printed send_notification_email can_pay_by_card total_fees
    shipping_discount buyer_user_id till_id contact_id price_list_id fulfilled_by_amazon is_amazon_prime
    is_amazon_premium_order additional_order_level_taxless_discount* restock_shipped_items
    adjustment_amount tags cancelled_by created_by updated_by customer billing_address
    business_customer_* customer_note employee_notes invoice_* fulfillment_channel_order
    packed_completely picked_status mergable_checksum mergeable_id merged_order with_duties
    can_be_shipped payment.* deliver_to.* channel.* delivery_method.* line_items[].created_at
    line_items[].updated_at line_items[].additional_options line_items[].warehouse_sublocation
    line_items[].sellable.* allocations[].total_weight allocations[].weight_unit
    allocations[].allocated_by* allocations[].packed_completely allocations[].due_date
    allocations[].dispatch_date allocations[].recommended_shipping_options allocations[].preferred_*
    allocations[].matched_parcel_properties_criteria allocations[].allocation_package
    allocations[].from_gb_to_northern_ireland allocations[].warehouse.*
    allocations[].line_items[].created_at allocations[].line_items[].updated_at
    allocations[].line_items[].sellable.* allocations[].shipment.* returns[].user
    returns[].line_items[].title returns[].line_items[].refund_amount_per_unit
    """.split()  # noqa: SIM905  a list to read, not to diff
)
LEFT_OUT_OF_PRODUCTS = tuple(
    """
    created_by_id updated_by_id deleted_by_id weight notes product_tax_rate_id tax_rate web_*
    main_image* image estimated_delivery total_* brand channel_products active_channels tags description
    on_hand_value inventory stock_level_sync_status sellables[].*
    """.split()  # noqa: SIM905  a list to read, not to diff
)

PAGES = PageNumber(size=writes.PAGE)

STREAMS = (
    Stream(
        "orders",
        _list("/orders", "updated_at_min"),
        records="",
        paging=PAGES,
        version="updated_at",
        cursor=Cursor("updated_at"),
        # After the plain list, so that an order cancelled between the two is in one of them.
        also=(_list("/orders", "updated_at_min", status="cancelled"),),
        entity="orders",
        total=PAGES.total,
        left_out=LEFT_OUT_OF_ORDERS,
    ),
    Stream(
        "products",
        _list("/products", "updated_at_min"),
        records="",
        paging=PAGES,
        version="updated_at",
        cursor=Cursor("updated_at"),
        entity="products",
        total=PAGES.total,
        left_out=LEFT_OUT_OF_PRODUCTS,
    ),
    # Whether a product's updated_at moves with its stock is not known, so levels are read whole each time,
    # from the same list: there is none of levels. Products themselves cost a page an hour beside that.
    Stream(
        "stock",
        _list("/products"),
        records="",
        paging=PAGES,
        entity="stock",
        total=PAGES.total,
        left_out=("*",),  # products tells what is news in this list
        levels="""
            SELECT entry.warehouse_id::VARCHAR AS facility_ref, sku, entry.available_stock_level AS available
            FROM (
                SELECT item.sku_code AS sku, unnest(item.stock_entries) AS entry
                FROM (SELECT unnest(sellables) AS item FROM {rows})
            )
            WHERE sku <> '' AND NOT coalesce(entry.infinite, false)
        """,
    ),
    Stream("warehouses", _list("/warehouses"), records="", paging=PAGES, entity="products", left_out=("*",)),
    Stream(
        "delivery_methods",
        _list("/delivery_methods"),
        records="",
        paging=PAGES,
        entity="products",
        left_out=("user_id",),
    ),
    # No filter by time; beyond page 100 the list repeats itself, which ends the reading.
    Stream(
        "customers",
        _list("/customers"),
        records="",
        paging=PAGES,
        entity="customers",
        total=PAGES.total,
        left_out=("*",),  # persons: what a table does not keep is none of ours
    ),
)

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:
    """Where an error of theirs means something else than its status does elsewhere."""
    status = answer.status
    if status < HTTPStatus.BAD_REQUEST:
        return
    said = f"{status}: {words(answer)}"
    if status == HTTPStatus.UNAUTHORIZED:
        raise Halt(f"{said} (the key is wrong or was renewed, or the account's subscription lapsed)")
    if request.path.endswith("/cancel") and status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        raise Reject(said, code="cancel_unavailable")
    if status == HTTPStatus.NOT_FOUND and request.is_write:
        raise Reject(f"{said} (an id in the request is none of the account's)", code="unknown_id")
    if status == HTTPStatus.NOT_FOUND and re.fullmatch(r"/orders/\d+", request.path):
        raise Retry(f"{said} (no such order, or not to be seen yet)")
    if status == HTTPStatus.CONFLICT:
        raise Retry(said)


# --- the vendor ---------------------------------------------------------------------------------------

NEW_ORDERS = Listing(
    Stream(
        "orders",
        _list("/orders", "created_at_min"),
        records="",
        paging=PAGES,
        also=(_list("/orders", "created_at_min", status="cancelled"),),
        entity="orders",
        total=PAGES.total,
    ),
    reference=writes.reference,
)
SENT = (
    "reference",
    "delivery_method_id",
    "shipping_amount",
    "ship_to_first_name",
    "ship_to_last_name",
    "ship_to_company",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_city",
    "ship_to_region",
    "ship_to_postcode",
    "ship_to_country_code",
    "ship_to_phone",
    "note",
    "lines",
)

CREATE = Write(
    "create_order",
    writes.create,
    writes.order_receipts,
    Lookup(writes.by_number, writes.find, listing=NEW_ORDERS),
    compare=SENT,
    settle=SETTLE,
)
ALLOCATE = Write(
    "allocate_order",
    writes.allocate,
    writes.order_receipts,
    Lookup(writes.by_id, writes.find_allocated, listing=NEW_ORDERS),
    done=writes.is_at_facility,
    guard=writes.may_allocate,
    compare=("facility_id", "lines"),
    settle=SETTLE,
)
CANCEL = Write(
    "cancel_order",
    writes.cancel,
    writes.same_order,
    Lookup(writes.by_id, writes.find_by_id),
    done=lambda want, found: found.fields["status"] == "cancelled",  # noqa: ARG005
    guard=writes.may_cancel,
    settle=SETTLE,
)
NOTE = Write(
    "note_order",
    writes.note,
    writes.same_order,
    Lookup(writes.by_id, writes.find_note),
    done=writes.is_noted,
    guard=writes.may_cancel,
    settle=SETTLE,
)

VENDOR = Vendor(
    slug="veeqo",
    title="Veeqo",
    roles=frozenset({"warehouse"}),
    hosts=("api.veeqo.com",),
    secrets=("api_key",),
    options={
        "channel_id": "its store for our orders, or one for each of our channels; needed to send",
        "filter_time_zone": "the zone of the times in its filters (UTC)",
        "payment_type": "what a payment is called there (bank_transfer)",
    },
    auth=StaticHeader("x-api-key", "api_key"),
    limit=LeakyBucket(capacity=100, per_second=5),
    shows_channels=True,
    streams=STREAMS,
    writes={
        ("orders_to_wms", "create"): (CREATE, ALLOCATE),
        ("cancellations_to_wms", "cancel"): (CANCEL,),
        ("cancellations_to_wms", "note"): (NOTE,),
    },
    check=check,
    probe=lambda system: Request("GET", "/current_company"),  # noqa: ARG005
    pages={"orders": "{admin}/orders/{id}", "items": "{admin}/products/{id}"},
    item_details=frozenset({"weight", "barcode", "origin"}),
)
