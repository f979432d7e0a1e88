"""Adobe Commerce (Magento 2), a shop, as declarations and small pure functions.

Belongs here: which lists are read and how, how they are paged, what its errors say, the vendor as a whole.
Does not belong here: sending or waiting (``connect``), what is written (``adobe_commerce_writes``), what a
state means to us (``staging/adobe_commerce``).

Facts that shape this file: a page past the last is the last again, so what has an id is read behind the last id
and not by number; instants carry no zone and are UTC; what a source holds is physical stock, and reservations
show only in what the export calls salable.

Options of an account: ``store`` (the store code of its addresses; ``default``), ``website`` (the code of the
website that sells; ``base``), ``stock_id`` (the stock that website sells from; 1), ``carriers`` (our name of
a carrier -> the shop's carrier code), ``bulk`` (false: levels are never pushed through the queue).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from cogent_pipelines.connect.auth import SignedOAuth1
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import Keyset, PageNumber, with_params
from cogent_pipelines.connect.spec import Answer, Cursor, Json, Request, Stream, System, Vendor, Window
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors.adobe_commerce_writes import ROWS, WRITES, Filter, group, path, website

# --- pages --------------------------------------------------------------------------------------------

PAGE_SIZE, CURRENT_PAGE = "searchCriteria[pageSize]", "searchCriteria[currentPage]"
SORT = "searchCriteria[sortOrders][{}][{}]"
PAGES = PageNumber(ROWS, page=CURRENT_PAGE, page_size=PAGE_SIZE, total_path="total_count")
"""To the count beside the records and never one further: there the last page comes again."""
DOCUMENTS = 100
"""Records of a page where each holds lists of its own."""


def _sorted(*fields: str) -> dict[str, str]:
    """Parameters for an order that holds from page to page."""
    return {
        SORT.format(place, name): value
        for place, field in enumerate(fields)
        for name, value in (("field", field), ("direction", "ASC"))
    }


def _behind(key: str) -> Callable[[Request, int | None], Request]:
    """The first page of what is behind a key, beside whatever else the list is filtered by."""

    def behind(request: Request, last: int | None) -> Request:
        kept = group(0, [Filter(key, last or 0, "gt")])
        return with_params(
            request, {**dict(kept), **_sorted(key), PAGE_SIZE: str(DOCUMENTS), CURRENT_PAGE: "1"}
        )

    return behind


def _by(key: str, filtered: str = "") -> Keyset:
    """In order of ids; ``filtered`` is the id's name in filters, where it is another one than in the records.

    A record that changes while the list is read moves no other, and comes again with the next reading.
    """
    return Keyset(
        _behind(filtered or key), full=DOCUMENTS, key=key, records="items", total_path="total_count"
    )


# --- reading ------------------------------------------------------------------------------------------


def stamp(moment: datetime) -> str:
    """An instant as the filters take it: UTC, without saying so."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _list(name: str, field: str = "", *, fields: str = "") -> Callable[[Window, System], Request]:
    """A request for a list; ``field`` takes the window's start. What changes later than its end comes too."""

    def request(window: Window, system: System) -> Request:
        since = group(1, [Filter(field, stamp(window.start), "gteq")]) if field and window.start else ()
        only = (("fields", fields),) if fields else ()
        return Request("GET", path(system, name), params=(*only, *since))

    return request


def _changes(
    name: str,
    key: str = "entity_id",
    filtered: str = "",
    *,
    changed: str = "updated_at",
    overlap: timedelta = timedelta(minutes=10),
    **more: Any,
) -> Stream:
    """A list that is read by when its records changed, in order of their ids."""
    return Stream(
        name,
        _list(name, changed),
        records="items",
        paging=_by(key, filtered),
        key=key,
        cursor=Cursor(changed, overlap),
        ids=_list(name, changed, fields=f"items[{key}],total_count"),
        **more,
    )


def _whole(name: str, request: Callable[[Window, System], Request], *order: str, **more: Any) -> Stream:
    """A list without any instant, read whole."""

    def ordered(window: Window, system: System) -> Request:
        return with_params(request(window, system), _sorted(*order))

    return Stream(name, ordered, paging=PAGES, **{"total": PAGES.total, **more})


def _stock_links(window: Window, system: System) -> Request:  # noqa: ARG001  the list has no filter by time
    only = group(0, [Filter("stock_id", system.options.get("stock_id", 1))])
    return Request("GET", path(system, "inventory/stock-source-links"), params=only)


def _salable(window: Window, system: System) -> Request:  # noqa: ARG001
    return Request("GET", website(system))


def _keyed(*fields: str) -> Callable[[Json, Json], Sequence[Json]]:
    """Records with a key made of several of their fields, of which only the last may hold a colon."""

    def rows(about: Json, body: Json) -> Sequence[Json]:  # noqa: ARG001  as declared
        items = body.get("items", ...) if isinstance(body, Mapping) else ...
        if items is ...:
            raise Retry("the page holds no items")
        return [
            {"key": ":".join(str(item[field]) for field in fields), **item}
            if isinstance(item, Mapping) and all(item.get(field) is not None for field in fields)
            else item  # without a key it is set aside
            for item in items or ()
        ]

    return rows


# Known fields that no table keeps: persons, looks, other currencies, and what can be reckoned from the rest.
LEFT_OUT_OF_ORDERS = tuple(
    """
    adjustment_* applied_rule_ids base_customer_* base_discount_* base_shipping_*
    base_subtotal_* base_tax_* base_to_global_rate base_total_* billing_address* can_ship_partially*
    coupon_code coupon_rule_name customer_* discount_* edit_increment email_sent ext_customer_id
    forced_shipment_with_invoice gift_message global_currency_code grand_total hold_before_*
    original_increment_id payment_auth* protect_code quote_* relation_* remote_ip shipping_* store_currency_code
    store_to_* subtotal* tax_* total_* weight x_forwarded_for payment.* items[].* status_histories[].*
    extension_attributes.*
    """.split()  # noqa: SIM905  a list to read, not to diff
)
LEFT_OUT_OF_PRODUCTS = tuple(
    """
    attribute_set_id visibility extension_attributes* product_links* options* media_gallery_entries* tier_prices*
    """.split()  # noqa: SIM905
)
STREAMS = (
    _changes("orders", entity="orders", version="updated_at", left_out=LEFT_OUT_OF_ORDERS),
    # After the orders: a parcel that an order counts as sent is then among the shipments.
    _changes("shipments", entity="shipments", version="updated_at", left_out=("*",)),
    _changes("invoices", entity="orders", version="updated_at", left_out=("*",)),
    _changes("creditmemos", entity="orders", version="updated_at", left_out=("*",)),
    _changes("transactions", "transaction_id", changed="created_at", entity="orders", left_out=("*",)),
    # In filters a product's id has the name it has in the shop's tables.
    _changes(
        "products",
        "id",
        "entity_id",
        overlap=timedelta(hours=2),
        entity="products",
        version="updated_at",
        left_out=LEFT_OUT_OF_PRODUCTS,
    ),
    Stream(
        "store_configs",
        lambda _window, system: Request("GET", path(system, "store/storeConfigs")),
        entity="products",
        left_out=("*",),
    ),
    _whole(
        "sources",
        _list("inventory/sources"),
        "source_code",
        records="items",
        key="source_code",
        entity="products",
        left_out=("*",),
    ),
    _whole(
        "stocks",
        _list("inventory/stocks"),
        "stock_id",
        records="items",
        key="stock_id",
        entity="products",
        left_out=("*",),
    ),
    _whole(
        "stock_source_links",
        _stock_links,
        "priority",
        "source_code",
        rows=_keyed("stock_id", "source_code"),
        key="key",
        entity="products",
        left_out=("*",),
    ),
    # Neither says when it changed, so both are read whole: first what lies there, then what of it can be sold.
    _whole(
        "source_items",
        _list("inventory/source-items"),
        "sku",
        "source_code",
        rows=_keyed("source_code", "sku"),
        key="key",
        entity="stock",
        left_out=("extension_attributes*",),
    ),
    # It counts the products it looks at and shows those of them that the stock has.
    _whole(
        "salable", _salable, "sku", records="items", key="sku", entity="stock", total=None, left_out=("*",)
    ),
)

# --- errors -------------------------------------------------------------------------------------------

PLACE = re.compile(r"%(\w+)")
OAUTH = ("consumer_key_rejected", "token_rejected", "token_revoke", "signature_invalid", "permission_denied")


def _filled(part: Mapping[str, Any]) -> str:
    """A message with its parameters in their places: ``%1`` by number, ``%name`` by name."""
    parameters = part.get("parameters") or {}
    if isinstance(parameters, list):
        parameters = {str(number): value for number, value in enumerate(parameters, 1)}

    def put(match: re.Match[str]) -> str:
        return str(parameters.get(match[1], match[0]))

    return PLACE.sub(put, str(part.get("message") or ""))


def said(answer: Answer) -> str:
    """What the shop says of an error: its message, then those of the errors below it; "" without any."""
    body = answer.json()
    if not isinstance(body, Mapping):
        return ""
    errors = body.get("errors")
    below = (
        [_filled(each) for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []
    )
    return "; ".join(dict.fromkeys(text for text in (_filled(body), *below) if text))


def check(request: Request, answer: Answer) -> None:
    """Raise for a refusal in the shop's own words. A fault of the shop itself is left to its status."""
    status = answer.status
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        return
    words = said(answer)
    text = f"{status}: {words or 'without a reason'}"
    if "nonce_used" in words:  # refused before anything was looked at; the next one is signed anew
        raise Retry(text)
    if "timestamp_refused" in words:
        raise Halt(f"{text} (this machine's clock and the shop's disagree)", code="clock")
    if status == HTTPStatus.UNAUTHORIZED:
        raise Halt(f"{text} (the token is wrong, revoked, lacks a resource, or bearer tokens are off)")
    if status == HTTPStatus.FORBIDDEN or any(name in words for name in OAUTH):
        raise Halt(text, code="scope" if status == HTTPStatus.FORBIDDEN else "credentials")
    if (
        status == HTTPStatus.NOT_FOUND
        and not request.is_write
        and "Request does not match any route" in words
    ):
        raise Halt(f"{text}: {request.path} (the shop lacks a module)", code="route")
    raise Reject(text, code="not_found" if status == HTTPStatus.NOT_FOUND else "rejected")


# --- the vendor ---------------------------------------------------------------------------------------


def _probe(system: System) -> Request:
    """One order's worth of nothing: proves token, signature and the right to read sales."""
    counted = (("fields", "total_count"), (PAGE_SIZE, "1"), (CURRENT_PAGE, "1"))
    return Request("GET", path(system, "orders"), params=counted)


VENDOR = Vendor(
    slug="adobe_commerce",
    title="Adobe Commerce",
    roles=frozenset({"channel"}),
    hosts=("*",),  # every shop has a host of its own
    secrets=("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    options={
        "store": "code of the store view that is asked (default)",
        "website": "code of the website whose stock is sold (base)",
        "stock_id": "its stock (1)",
        "carriers": "our carrier's name -> its carrier code",
        "bulk": "whether many levels may go at once, by its queue (true)",
    },
    auth=SignedOAuth1(bearer=True),
    limit=LeakyBucket(capacity=60, per_second=10, concurrent=4),
    shows_channels=True,
    streams=STREAMS,
    writes=WRITES,
    check=check,
    probe=_probe,
    pages={
        "order": "{admin}/sales/order/view/order_id/{id}",
        "product": "{admin}/catalog/product/edit/id/{id}",
    },
    tells_customers=True,  # no call of the contract has it send its message later
    item_details=frozenset({"weight", "barcode", "origin"}),
)
