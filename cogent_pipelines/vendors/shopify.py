"""Shopify: a shop and the payment provider of its own orders, as declarations and small pure functions.

Belongs here: which lists are read and how, what its answers hide, and the vendor as a whole.
Does not belong here: sending, paging or waiting (``connect``), what a status means to us (staging/shopify).
What is written is in ``shopify_writes``, the documents in ``shopify.graphql``.

Facts that shape this file: refusals come with status 200; the search lags behind writes, so windows overlap;
plain lists are whole, connections inside them are cut off; an export cannot hold a connection inside a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

from cogent_pipelines.connect import graphql
from cogent_pipelines.connect.auth import ClientCredentials
from cogent_pipelines.connect.limits import CostBudget
from cogent_pipelines.connect.paging import GraphqlCursor
from cogent_pipelines.connect.spec import (
    Answer,
    Bulk,
    Cursor,
    Inner,
    Json,
    Request,
    Stream,
    System,
    Vendor,
    Window,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors.shopify_documents import VERSION, ask, document
from cogent_pipelines.vendors.shopify_writes import WRITES

SILENT_SCOPE = "read_all_orders"
"""Without it orders older than 60 days are absent. What any other scope forbids, the vendor says."""

# --- reading ------------------------------------------------------------------------------------------


def _search(field: str, window: Window, *, until: bool = True) -> str:
    """The window as a search. What changes later than its end belongs to the next one."""
    form = "%Y-%m-%dT%H:%M:%SZ"
    terms = [f"{field}:>='{window.start.astimezone(UTC):{form}}'"] if window.start else []
    if until:
        terms.append(f"{field}:<'{window.end.astimezone(UTC):{form}}'")
    return " AND ".join(terms)


def _list(name: str, field: str, *, until: bool = True) -> Callable[[Window, System], Request]:
    """A request for a list of what changed in the window."""
    return lambda window, _system: ask(name, query=_search(field, window, until=until))


def _rest(name: str, path: str, root: str) -> Inner:
    """How the rest of a nested list is asked for: from the record, or the part of it, that holds the list."""
    answer = f"data.{root}.{path.rpartition('.')[2]}"
    return Inner(path, lambda holder, after: ask(name, id=holder["id"], after=after), answer)


def _count(answer: Answer) -> int | None:
    """The shop's own count of the orders searched for; None where it gives a lower bound only."""
    count = graphql.data(answer).get("ordersCount") or {}
    return count.get("count") if count.get("precision") == "EXACT" else None


@dataclass(frozen=True, slots=True)
class LevelPages:
    """Pages of levels, one location after the other: the next page of this location, or the next location."""

    beside: tuple[str, ...] = ("pageInfo",)

    def first(self, request: Request) -> Request:
        """``request`` as it stands: without cursors it begins at the first location."""
        return request

    def next(
        self,
        request: Request,
        answer: Answer,
        count: int,  # noqa: ARG002
        envelope: Mapping[str, Any],
    ) -> Request | None:
        """The next page of this location (its end stands beside the levels), or the first of the next one."""
        if (info := envelope.get("pageInfo")) and info["hasNextPage"]:
            return _with(request, after=info["endCursor"])
        following = graphql.data(answer)["locations"]["pageInfo"]
        return (
            _with(request, location=following["endCursor"], after=None) if following["hasNextPage"] else None
        )


def _with(request: Request, **variables: Json) -> Request:
    return replace(request, body={**request.body, "variables": {**request.body["variables"], **variables}})


def _bulk_started(answer: Json) -> str:
    payload = answer["data"]["bulkOperationRunQuery"]
    if errors := payload["userErrors"]:
        message = "; ".join(error["message"] for error in errors)
        if any(error.get("code") == "OPERATION_IN_PROGRESS" for error in errors):
            raise Retry(message, after=60)
        raise Reject(message, code="bulk_refused")
    return str(payload["bulkOperation"]["id"])


def _bulk_finished(answer: Json) -> str | None:
    operation = answer["data"]["bulkOperation"]
    if operation is None:
        raise Reject("the export is not known any more", code="bulk_lost")
    if operation["status"] == "COMPLETED":
        return str(operation["url"] or "")
    if operation["status"] in {"CREATED", "RUNNING", "CANCELING"}:
        return None
    if operation["errorCode"] == "ACCESS_DENIED":
        raise Halt("the export was refused: ACCESS_DENIED", code="scope")
    raise Reject(f"the export ended as {operation['status']} ({operation['errorCode']})", code="bulk_failed")


def _bulk_poll(operation: str, system: System) -> Request:  # noqa: ARG001
    return ask("BulkPoll", id=operation)


def _bulk_start(window: Window, system: System) -> Request:  # noqa: ARG001
    return ask("BulkStart", query=document("BulkOrders").replace("WINDOW", _search("updated_at", window)))


def _after(path: str) -> GraphqlCursor:
    return GraphqlCursor(path=f"data.{path}.pageInfo", variable="after")


STREAMS = (
    Stream(
        "orders",
        _list("Orders", "updated_at"),
        records="data.orders.nodes",
        paging=_after("orders"),
        version="updatedAt",
        cursor=Cursor("updatedAt", timedelta(minutes=5)),
        inner=(
            _rest("LineItems", "lineItems", "order"),
            _rest("ShippingLines", "shippingLines", "order"),
            _rest("RefundLineItems", "refunds.refundLineItems", "refund"),
            _rest("OrderAdjustments", "refunds.orderAdjustments", "refund"),
            _rest("RefundShippingLines", "refunds.refundShippingLines", "refund"),
            _rest("FulfillmentLineItems", "fulfillments.fulfillmentLineItems", "fulfillment"),
        ),
        left_out=(
            "lineItems.pageInfo",
            "shippingLines.pageInfo",
            "refunds[].refundLineItems.pageInfo",
            "refunds[].orderAdjustments.pageInfo",
            "refunds[].refundShippingLines.pageInfo",
            "fulfillments[].fulfillmentLineItems.pageInfo",
        ),
        bulk=Bulk(
            start=_bulk_start,
            started=_bulk_started,
            poll=_bulk_poll,
            finished=_bulk_finished,
            children={"LineItem": "lineItems.nodes", "ShippingLine": "shippingLines.nodes"},
            is_partial=lambda order: bool(order.get("refunds") or order.get("fulfillments")),
            again=lambda ids: ask("OrdersById", ids=list(ids)),
            again_batch=140,
        ),
        entity="orders",
        total=_count,
        ids=_list("OrderIds", "updated_at"),
    ),
    # From the root and with a cursor of their own: a move or a hold need not touch the order's updatedAt.
    Stream(
        "fulfillment_orders",
        _list("FulfillmentOrders", "updated_at"),
        records="data.fulfillmentOrders.nodes",
        paging=_after("fulfillmentOrders"),
        version="updatedAt",
        cursor=Cursor("updatedAt", timedelta(minutes=5)),
        inner=(_rest("FulfillmentOrderLineItems", "lineItems", "fulfillmentOrder"),),
        left_out=("lineItems.pageInfo",),
        entity="orders",
        ids=_list("FulfillmentOrderIds", "updated_at"),
    ),
    Stream(
        "products",
        _list("Products", "updated_at"),
        records="data.products.nodes",
        paging=_after("products"),
        version="updatedAt",
        cursor=Cursor("updatedAt", timedelta(hours=2)),
        entity="products",
    ),
    Stream(
        "variants",
        _list("ProductVariants", "updated_at"),
        records="data.productVariants.nodes",
        paging=_after("productVariants"),
        version="updatedAt",
        cursor=Cursor("updatedAt", timedelta(hours=2)),
        entity="products",
        ids=_list("ProductVariantIds", "updated_at"),
    ),
    Stream(
        "locations",
        lambda _window, _system: ask("Locations"),
        records="data.locations.nodes",
        paging=_after("locations"),
        version="updatedAt",
        entity="products",
    ),
    Stream(
        "inventory_levels",
        _list("InventoryLevels", "updated_at"),
        records="data.locations.nodes.inventoryLevels.nodes",
        paging=LevelPages(),
        version="updatedAt",
        cursor=Cursor("updatedAt", timedelta(minutes=6)),
        entity="stock",
        ids=_list("InventoryLevelIds", "updated_at"),
    ),
    # A payout and its entries change state for days after the instant they are found by. Where the shop has
    # no account with the provider the account is null, which is an empty list.
    Stream(
        "payouts",
        _list("Payouts", "issued_at", until=False),
        records="data.shopifyPaymentsAccount.payouts.nodes",
        paging=_after("shopifyPaymentsAccount.payouts"),
        cursor=Cursor("issuedAt", timedelta(days=14)),
        entity="payouts",
    ),
    Stream(
        "balance_transactions",
        _list("BalanceTransactions", "processed_at", until=False),
        records="data.shopifyPaymentsAccount.balanceTransactions.nodes",
        paging=_after("shopifyPaymentsAccount.balanceTransactions"),
        cursor=Cursor("transactionDate", timedelta(days=14)),
        entity="payouts",
    ),
)

# --- the vendor ---------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:
    """Raise for what a 2xx answer hides: throttling, a refused document, a token or a version gone wrong."""
    try:
        graphql.check(request, answer)
    except Reject as error:
        if error.code.startswith("idempotency_"):
            raise Retry(error.reason, effect="unknown") from None
        if error.code == "resource_not_found" and request.is_write:
            # What we named was moved, split or merged since it was read.
            raise Retry(error.reason) from None
        raise
    if request.body and request.body.get("query") == document("Probe"):
        _check_access(answer)


def _check_access(answer: Answer) -> None:
    """The probe's own checks: no other answer tells of the silent scope, or minds another version."""
    scopes = graphql.data(answer)["currentAppInstallation"]["accessScopes"]
    if SILENT_SCOPE not in {scope["handle"] for scope in scopes}:
        raise Halt(f"the token lacks the scope {SILENT_SCOPE}: old orders would be missing", code="scope")
    served = answer.headers.get("x-shopify-api-version", VERSION)
    if served != VERSION:
        raise Reject(f"version {served} answers where {VERSION} was asked for", code="api_version")


VENDOR = Vendor(
    slug="shopify",
    title="Shopify",
    roles=frozenset({"channel", "payments"}),
    hosts=("*.myshopify.com",),
    download_hosts=("storage.googleapis.com",),
    secrets=("client_id", "client_secret"),
    auth=ClientCredentials(
        "/admin/oauth/access_token", header="X-Shopify-Access-Token", prefix="", life=86_399
    ),
    limit=CostBudget(capacity=2000, per_second=100),
    streams=STREAMS,
    writes=WRITES,
    check=check,
    probe=lambda _system: ask("Probe"),
    pages={
        "order": "{admin}/orders/{id}",
        "product": "{admin}/products/{id}",
        "customer": "{admin}/customers/{id}",
        "payout": "{admin}/payments/payouts/{id}",
        "location": "{admin}/settings/locations/{id}",
    },
    item_details=frozenset({"weight", "barcode", "origin"}),
)
