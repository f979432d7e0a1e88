"""Shopify's documents and ids: how a request to it is put together.

Belongs here: one operation of ``shopify.graphql`` with its fragments and price, and the two forms of an id.
Does not belong here: which lists are read (``shopify``) or what is written (``shopify_writes``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cogent_pipelines.connect.spec import Json, Request

VERSION = "2026-07"
PATH = f"/admin/api/{VERSION}/graphql.json"
COSTS = {
    "Orders": 858,
    "OrdersById": 95,
    "ShippingLines": 25,
    "LineItems": 47,
    "RefundLineItems": 36,
    "OrderAdjustments": 14,
    "RefundShippingLines": 14,
    "FulfillmentLineItems": 25,
    "FulfillmentOrderLineItems": 25,
    "FulfillmentOrders": 310,
    "Products": 13,
    "ProductVariants": 57,
    "Locations": 13,
    "InventoryLevels": 49,
    "Payouts": 25,
    "BalanceTransactions": 36,
    "OrderIds": 14,
    "FulfillmentOrderIds": 13,
    "ProductVariantIds": 13,
    "InventoryLevelIds": 16,
    "BulkStart": 10,
    "BulkPoll": 1,
    "OrderFulfillments": 165,
    "OrderLines": 14,
    "Fulfillments": 2,
    "Levels": 2,
    "ItemLevels": 4,
    "Probe": 2,
    "Fulfil": 10,
    "Notify": 10,
    "EditBegin": 23,
    "EditQuantity": 10,
    "EditCommit": 10,
    "SetQuantities": 10,
    "Activate": 10,
}
"""Points each document asks for before it runs; a test holds them to the vendor's cost model."""


@cache
def _parts() -> Mapping[str, str]:
    """Name -> text of every operation and fragment."""
    text = Path(__file__).with_name("shopify.graphql").read_text(encoding="utf-8")
    parts = re.split(
        r"^(?=query|mutation|fragment)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE
    )
    return {re.split(r"\W", part, maxsplit=2)[1]: part.strip() for part in parts if part.strip()}


@cache
def document(name: str) -> str:
    """The operation ``name``, its fragments written out: an export takes one selection, nothing beside it."""

    def body(match: re.Match[str]) -> str:
        return inlined(_parts()[match[1]].partition("{")[2].rpartition("}")[0].strip())

    def inlined(text: str) -> str:
        return re.sub(r"\.\.\.(\w+)", body, text)

    return inlined(_parts()[name])


def ask(name: str, /, *, is_write: bool = False, **variables: Json) -> Request:
    """The operation ``name`` with its variables."""
    body = {"query": document(name), "variables": variables}
    return Request("POST", PATH, body=body, cost=COSTS[name], is_write=is_write)


def tail(gid: str | None) -> str:
    """``gid://shopify/Order/123`` as people and admin pages know it: ``123``."""
    return (gid or "").rsplit("/", 1)[-1]


def gid(kind: str, number: Any) -> str:
    """``123`` as the vendor knows it."""
    return f"gid://shopify/{kind}/{number}"
