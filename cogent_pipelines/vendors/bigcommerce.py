"""BigCommerce, a shop, as declarations.

Belongs here: which lists are read and how, what its own errors mean, and the vendor as a whole.
Does not belong here: bodies and look-ups (``bigcommerce_writes``), sending, paging or waiting (``connect``), what a
status means to us (``staging/bigcommerce``).

Facts that shape this file: orders are V2 and bare lists that end in 204, the rest is V3 with ``data`` and ``meta``;
an order's lines and addresses come with it when asked for, its other parts have addresses of their own; the quota of
a window is shared with every other application of the store, and the answers' headers say what is left of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from http import HTTPStatus

from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.limits import HeaderQuota
from cogent_pipelines.connect.paging import Keyset, PageNumber, with_params
from cogent_pipelines.connect.spec import (
    Answer,
    Cursor,
    Json,
    Part,
    Request,
    Stream,
    System,
    Vendor,
    Window,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors.bigcommerce_writes import LINES_TOO, WRITES

DEFAULT_PAGE = 50
"""The size of a page nobody asks a size for: a shorter one is the last, whatever the vendor's cap is."""

# --- pages --------------------------------------------------------------------------------------------

PAGE, LARGE_PAGE = 250, 1000


def _from_id(request: Request, last: int | None) -> Request:
    """V2 begins with the id it is given."""
    asked = {"limit": str(PAGE)} | ({} if last is None else {"min_id": str(last + 1)})
    return with_params(request, asked)


def _behind_id(request: Request, last: int | None) -> Request:
    """V3 begins behind it."""
    asked = {"limit": str(PAGE)} | ({} if last is None else {"id:greater": str(last)})
    return with_params(request, asked)


V2_ORDERS = Keyset(_from_id, full=DEFAULT_PAGE)
"""In order of ids: an order that changes while the list is read would move all behind it if read by date."""
V2_PAGES = PageNumber(PAGE, page_size="limit", full=DEFAULT_PAGE)
PRODUCTS = Keyset(_behind_id, full=DEFAULT_PAGE, records="data")
V3_PAGES = PageNumber(
    PAGE,
    page_size="limit",
    total_path="meta.pagination.total",
    pages_path="meta.pagination.total_pages",
    full=DEFAULT_PAGE,
)
V3_LARGE_PAGES = replace(V3_PAGES, size=LARGE_PAGE)

# --- reading ------------------------------------------------------------------------------------------


def _list(path: str, since: str = "", **fixed: str) -> Callable[[Window, System], Request]:
    """A request for a list; ``since`` names the filter that takes the window's start.

    In V2 a date that cannot be read is no filter at all, without a word, so there is one way of writing it.
    """

    def request(window: Window, system: System) -> Request:  # noqa: ARG001  as declared
        start = ((since, f"{window.start.astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}"),) if window.start else ()
        return Request("GET", path, params=(*(start if since else ()), *fixed.items()))

    return request


def _of_order(
    path: str, has: Callable[[Mapping[str, Json]], bool], **fixed: str
) -> Callable[..., Request | None]:
    """A request for a list below an order, where the order says that there may be anything in it."""

    def request(order: Mapping[str, Json], system: System) -> Request | None:  # noqa: ARG001  as declared
        return (
            Request("GET", path.format(id=order["id"]), params=tuple(fixed.items())) if has(order) else None
        )

    return request


def _has_money(*names: str) -> Callable[[Mapping[str, Json]], bool]:
    return lambda order: any(float(order.get(name) or 0) for name in names)


SHIPPED = frozenset({2, 3, 10})
"""Statuses (shipped, partially shipped, completed) of orders that may have shipments; deleting one leaves them."""


def _may_be_shipped(order: Mapping[str, Json]) -> bool:
    return (
        bool(order.get("items_shipped"))
        or order.get("status_id") in SHIPPED
        or bool(order.get("date_shipped"))
    )


def _one_record(about: Json, body: Json) -> list[Json]:  # noqa: ARG001  as declared
    """The body is the record."""
    if not isinstance(body, Mapping):
        raise Retry("the answer is not the one object expected")
    return [body]


PARTS = (
    Part("shipments", _of_order("/v2/orders/{id}/shipments", _may_be_shipped), V2_PAGES),
    # Money that moved elsewhere leaves no transaction, and no status of payment either.
    Part(
        "transactions",
        _of_order("/v3/orders/{id}/transactions", lambda order: bool(order.get("payment_status"))),
        V3_PAGES,
        records="data",
    ),
    Part("coupons", _of_order("/v2/orders/{id}/coupons", _has_money("coupon_discount")), V2_PAGES),
    Part("taxes", _of_order("/v2/orders/{id}/taxes", _has_money("total_tax"), details="true"), V2_PAGES),
)

# Known fields that no table keeps: persons, looks, links, and what can be reckoned from the others.
LEFT_OUT_OF_ORDERS = tuple(
    """
    products* shipping_addresses* billing_address.* consignments.* shipments[].* transactions[].* taxes[].* coupons[].*
    fees* base_* handling_cost_tax* shipping_cost_tax* wrapping_cost_tax* subtotal_tax
    payment_provider_id order_is_digital ip_address* geoip_* currency_id default_currency_id staff_notes
    shipping_address_count ebay_order_id cart_id is_email_opt_in credit_card_type external_merchant_id tax_provider_id
    customer_locale custom_status
    """.split()  # noqa: SIM905  a list to read, not to diff
)

STREAMS = (
    Stream(
        "orders",
        _list("/v2/orders", "min_date_modified", sort="id:asc", **LINES_TOO),
        records="",
        paging=V2_ORDERS,
        # A date is written as RFC 2822 has it, which does not sort: the later read is the newer version.
        cursor=Cursor("date_modified"),
        parts=PARTS,
        entity="orders",
        ids=_list("/v2/orders", sort="id:asc"),
        left_out=LEFT_OUT_OF_ORDERS,
    ),
    # By when they were made, as there is no other filter. Whether its money was declined shows some time after.
    Stream(
        "refunds",
        _list("/v3/orders/payment_actions/refunds", "created:min"),
        records="data",
        paging=V3_PAGES,
        cursor=Cursor("created", timedelta(days=3)),
        entity="orders",
        total=V3_PAGES.total,
        left_out=("user_id", "uses_merchant_override_values", "items[].adjustments*"),
    ),
    Stream(
        "products",
        _list(
            "/v3/catalog/products",
            "date_modified:min",
            sort="id",
            direction="asc",
            include_fields="name,type,sku,weight,price,inventory_level,inventory_tracking,is_visible,availability,"
            "date_created,date_modified,base_variant_id",
        ),
        records="data",
        paging=PRODUCTS,
        version="date_modified",
        cursor=Cursor("date_modified", timedelta(hours=2)),
        entity="products",
        ids=_list("/v3/catalog/products", sort="id", direction="asc", include_fields="base_variant_id"),
        left_out=("custom_url*", "options*", "modifiers*", "calculated_price", "map_price"),
    ),
    # No filter by time: read whole.
    Stream(
        "variants",
        _list("/v3/catalog/variants"),
        records="data",
        paging=V3_PAGES,
        entity="products",
        total=V3_PAGES.total,
        left_out=("*",),  # looks and prices: what a table does not keep is none of ours
    ),
    Stream(
        "locations",
        _list("/v3/inventory/locations"),
        records="data",
        paging=V3_PAGES,
        entity="products",
        total=V3_PAGES.total,
        left_out=("address*", "operating_hours*", "special_hours*", "description", "storefront_visibility"),
    ),
    # Nothing says when a level changed: read whole.
    Stream(
        "stock",
        _list("/v3/inventory/items"),
        records="data",
        paging=V3_LARGE_PAGES,
        key="identity.variant_id",
        entity="stock",
        total=V3_LARGE_PAGES.total,
        left_out=("identity.sku_id", "locations[].location_code", "locations[].location_name"),
    ),
    Stream(
        "store",
        _list("/v2/store"),
        rows=_one_record,
        entity="products",
        left_out=("*",),  # the retailer's own address and looks
    ),
)

# --- errors -------------------------------------------------------------------------------------------

LINKS = re.compile(rb'"(?:consignments|line_items)"\s*:\s*\{\s*"(?:url|resource)"')


def check(request: Request, answer: Answer) -> None:
    """Raise for an order that came without the parts asked for, and say what a 401 and a 409 mean."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise Halt(
            f"{answer.status}: {words(answer)} (the token is wrong or its account was deleted)",
            code="credentials",
        )
    if answer.status == HTTPStatus.CONFLICT:
        raise Retry(f"{answer.status}: {words(answer)}")
    is_asked = set(LINES_TOO.items()) <= set(request.params)
    if answer.status == HTTPStatus.OK and is_asked and LINKS.search(answer.content):
        raise Reject("an order came with a link in place of its lines", code="parts_missing")


# --- the vendor ---------------------------------------------------------------------------------------

VENDOR = Vendor(
    slug="bigcommerce",
    title="BigCommerce",
    roles=frozenset({"channel"}),
    hosts=("api.bigcommerce.com",),
    secrets=("access_token",),
    auth=StaticHeader("X-Auth-Token", "access_token"),
    # The least plan's quota; what the headers say counts more.
    limit=HeaderQuota(capacity=150, per_second=5),
    shows_channels=True,
    streams=STREAMS,
    writes=WRITES,
    check=check,
    probe=lambda _system: Request("GET", "/v2/store"),
    pages={
        "order": "{admin}/manage/orders/{id}",
        "product": "{admin}/manage/products/edit/{id}",
        "customer": "{admin}/manage/customers/{id}/edit",
    },
    tells_customers=True,
    item_details=frozenset({"weight", "barcode"}),
)
