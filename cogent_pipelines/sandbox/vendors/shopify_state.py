"""What one Shopify account keeps beside the retailer's own state, and the shapes the resolvers pass around.

Belongs here: global ids, the views of one record inside another, indexes, idempotency keys, jobs, the
context of a call.
Does not belong here: fields (``shopify_orders`` and its siblings), or anything the world knows (``world``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal
from cogent_pipelines.sandbox.world import model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from graphql import GraphQLResolveInfo

    from cogent_pipelines.sandbox.kit import Kit
    from cogent_pipelines.sandbox.vendors.shopify_search import Index, Query
    from cogent_pipelines.sandbox.world.shop import Totals
    from cogent_pipelines.sandbox.world.world import World

LEVELS = 35_000_000_000  # a level's own number follows from its location, as in recorded ids


# --- global ids ---------------------------------------------------------------------------------------


def gid(kind: str, number: object) -> str:
    """The vendor's id of a record."""
    return f"gid://shopify/{kind}/{number}"


def split_gid(text: str) -> tuple[str, str]:
    """The kind and number of an id."""
    parts = urlsplit(text)
    pieces = parts.path.strip("/").split("/")
    if parts.scheme != "gid" or parts.netloc != "shopify" or len(pieces) != 2 or not pieces[1]:
        raise refusal(f"Invalid global id '{text}'", "argumentLiteralsIncompatible", typeName="CoercionError")
    return pieces[0], pieces[1]


def number_of(kind: str, text: str) -> int:
    """The number in an id of this kind; an id of another kind is refused as the vendor does."""
    found, number = split_gid(text)
    if found != kind or not number.isdigit():
        raise refusal(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    return int(number)


def level_gid(level: model.Level) -> str:
    """A level's id names its item too."""
    return f"{gid('InventoryLevel', LEVELS + level.location_id)}?inventory_item_id={level.inventory_item_id}"


def level_key(text: str) -> tuple[int, int]:
    """The item and location of a level's id."""
    number = number_of("InventoryLevel", text)
    item = parse_qs(urlsplit(text).query).get("inventory_item_id", ["0"])[0]
    return (int(item) if item.isdigit() else 0), number - LEVELS


# --- one record seen from another ---------------------------------------------------------------------


class Bag(NamedTuple):
    """Money of an order, in the shop's currency and in the customer's."""

    amount: Decimal
    order: model.ShopOrder


class Sum(NamedTuple):
    amount: Decimal
    currency: str


class Tally(NamedTuple):
    """How many there are; counting stops at some number."""

    number: int
    is_exact: bool = True


class Item(NamedTuple):
    """A variant as something that is stocked."""

    variant: model.Variant


class Product(NamedTuple):
    id: int
    variants: tuple[model.Variant, ...]


class Quantity(NamedTuple):
    level: model.Level
    name: str
    number: int


class Grams(NamedTuple):
    value: int


class Line(NamedTuple):
    order: model.ShopOrder
    line: model.ShopLine


class Tax(NamedTuple):
    amount: Decimal
    rate: Decimal
    order: model.ShopOrder
    name: str = ""


class Shipping(NamedTuple):
    order: model.ShopOrder


class Place(NamedTuple):
    """The address an order goes to."""

    order: model.ShopOrder
    kind: str


class HandlingLine(NamedTuple):
    """A line of a fulfilment order."""

    of: model.FulfilmentOrder
    line: model.FulfilmentOrderLine


class ShippedLine(NamedTuple):
    """A line of a fulfilment."""

    of: model.Fulfilment
    line_id: int
    quantity: int
    number: int


class Tracking(NamedTuple):
    company: str
    number: str | None
    url: str | None


class Money(NamedTuple):
    """A transaction of an order."""

    order: model.ShopOrder
    transaction: model.Transaction


class Refunded(NamedTuple):
    order: model.ShopOrder
    refund: model.Refund


class RefundedLine(NamedTuple):
    order: model.ShopOrder
    refund: model.Refund
    line: model.RefundLine
    number: int


class Adjusted(NamedTuple):
    order: model.ShopOrder
    refund: model.Refund


class Returned(NamedTuple):
    order: model.ShopOrder
    back: model.ShopReturn


class ReturnedLine(NamedTuple):
    order: model.ShopOrder
    back: model.ShopReturn
    line_id: int
    quantity: int
    number: int


class Customer(NamedTuple):
    id: int
    orders: list[model.ShopOrder]


class UserError(NamedTuple):
    field: list[str] | None
    message: str
    code: str | None = None


@dataclass(slots=True)
class Event:
    """A delivery event somebody wrote onto a fulfilment."""

    id: int
    fulfilment_id: int
    status: str
    happened_at: datetime
    created_at: datetime
    message: str | None


@dataclass(slots=True)
class Job:
    id: str
    is_done: bool = False


@dataclass(slots=True)
class Edit:
    """An order edit somebody opened: the units each line is to have, by the line's number."""

    id: int
    order: model.ShopOrder
    quantities: dict[int, int]
    restocked: set[int] = field(default_factory=set)


class EditedLine(NamedTuple):
    """A line as an edit shows it."""

    edit: Edit
    line: model.ShopLine


class Change(NamedTuple):
    name: str
    delta: int
    level: model.Level
    document: str | None = None


class Group(NamedTuple):
    """One adjustment of stock: what it changed, and why."""

    id: int
    at: datetime
    reason: str
    document: str | None
    changes: list[Change]


@dataclass(slots=True)
class Bulk:
    """An export that runs by itself."""

    id: int
    query: str
    created_at: datetime
    ready_at: datetime
    status: str = "CREATED"  # CREATED, RUNNING, COMPLETED, CANCELING, CANCELED, FAILED, EXPIRED
    completed_at: datetime | None = None
    objects: int = 0
    roots: int = 0
    file: bytes = b""
    key: str = ""
    error: str | None = None


_NAMES: Mapping[type, str] = {
    model.ShopOrder: "Order", model.FulfilmentOrder: "FulfillmentOrder", model.Fulfilment: "Fulfillment",
    model.Variant: "ProductVariant", model.Level: "InventoryLevel", model.Location: "Location",
    model.Payout: "ShopifyPaymentsPayout", model.PayoutEntry: "ShopifyPaymentsBalanceTransaction",
    Item: "InventoryItem", Product: "Product", Line: "LineItem", HandlingLine: "FulfillmentOrderLineItem",
    ShippedLine: "FulfillmentLineItem", Money: "OrderTransaction", Refunded: "Refund",
    Adjusted: "OrderAdjustment",
    Returned: "Return", ReturnedLine: "ReturnLineItem", Customer: "Customer", Event: "FulfillmentEvent",
    Edit: "CalculatedOrder", EditedLine: "CalculatedLineItem",
    Bulk: "BulkOperation", Group: "InventoryAdjustmentGroup", Quantity: "InventoryQuantity",
}  # fmt: skip


def typename(value: Any) -> str | None:
    """The schema's name of what a resolver gave."""
    return _NAMES.get(type(value))


# --- the account --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Attempt:
    """A call made under an idempotency key."""

    field: str
    arguments: str
    answer: Any
    has_failed: bool


@dataclass(slots=True)
class Store:
    """One account of the vendor: the shop behind it, and what only the vendor keeps."""

    system: str
    shop: model.Shop
    world: World
    kit: Kit
    indexes: dict[str, Index] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    bulks: dict[int, Bulk] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    staff_notes: dict[int, str] = field(default_factory=dict)
    edits: dict[int, Edit] = field(default_factory=dict)
    _products: dict[int, Product] = field(default_factory=dict)
    _products_of: int = -1
    _customers: dict[int, Customer] = field(default_factory=dict)
    _orders_read: int = 0
    _entries: dict[int, list[model.PayoutEntry]] = field(default_factory=dict)
    _entries_of: tuple[int, int] = (-1, -1)

    def products(self) -> dict[int, Product]:
        """The products: variants of one product id."""
        if self._products_of != len(self.shop.variants):
            groups: dict[int, list[model.Variant]] = defaultdict(list)
            for variant in self.shop.variants.values():
                groups[variant.product_id].append(variant)
            self._products = {number: Product(number, tuple(group)) for number, group in groups.items()}
            self._products_of = len(self.shop.variants)
        return self._products

    def customers(self) -> dict[int, Customer]:
        """Who has ordered here."""
        orders = self.shop.orders
        if self._orders_read == len(orders):
            return self._customers
        for order in islice(orders.values(), self._orders_read, None):
            if order.customer_id is not None:
                known = self._customers.setdefault(order.customer_id, Customer(order.customer_id, []))
                known.orders.append(order)
        self._orders_read = len(orders)
        return self._customers

    def entries(self, payout: int) -> list[model.PayoutEntry]:
        """The balance entries a payout took."""
        state = (len(self.shop.entries), len(self.shop.payouts))
        if self._entries_of != state:
            self._entries = defaultdict(list)
            for entry in self.shop.entries.values():
                if entry.payout_id is not None:
                    self._entries[entry.payout_id].append(entry)
            self._entries_of = state
        return self._entries.get(payout, [])

    def variant_of_item(self, item: int) -> model.Variant | None:
        """The variant stocked as this inventory item."""
        number = self.shop.by_item.get(item)
        return None if number is None else self.shop.variants.get(number)

    def index(self, name: str) -> Index:
        """An index, up to date as far as the vendor's lag allows."""
        index = self.indexes[name]
        index.refresh(self.world.now, self.kit.lags.get(self.system, 0.0))
        return index


@dataclass(slots=True)
class Context:
    """What one call's resolvers can see."""

    store: Store
    shop: model.Shop
    now: datetime
    scopes: frozenset[str]
    version: str
    host: str  # of the answer's links
    fault: str = ""  # a kind of fault only the edge can play
    info: GraphQLResolveInfo | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)
    is_bulk: bool = False
    totals: dict[int, Totals] = field(default_factory=dict)  # by order

    def note_unknown(self, field_name: str, text: str | None, query: Query) -> None:
        """Tell the caller, beside the answer, which of their filters were not applied (shape INFERRED)."""
        if query.unknown:
            self.warnings.append(
                {
                    "path": [field_name],
                    "query": text,
                    "warnings": [
                        {
                            "field": name,
                            "message": "Invalid search field for this query.",
                            "code": "invalid_field",
                        }
                        for name in query.unknown
                    ],
                }
            )
