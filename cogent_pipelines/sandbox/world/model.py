"""What the seeded retailer consists of: the state of shops and warehouses, in no vendor's words.

Belongs here: plain records that the vendors' edges read and the people of the world change.
Does not belong here: HTTP, vendors' field names (``sandbox/vendors``), or anybody's behaviour
(``shop``, ``warehouse`` and ``people`` beside this file).

Instants are aware UTC datetimes; money is Decimal in the shop's currency unless said otherwise.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


class ChangeLog:
    """Which records changed and when, oldest change first: what a list sorted by change reads.

    A record is listed at its latest change only; stale entries are dropped when they are most of the log.
    """

    __slots__ = ("_latest", "_log", "_serial")

    def __init__(self) -> None:
        self._log: list[tuple[datetime, int, Hashable]] = []
        self._latest: dict[Hashable, tuple[datetime, int]] = {}
        self._serial = 0

    def add(self, at: datetime, key: Hashable) -> None:
        """Note that ``key`` changed at ``at``."""
        self._serial += 1
        self._latest[key] = (at, self._serial)
        entry = (at, self._serial, key)
        if self._log and self._log[-1][0] > at:
            insort(self._log, entry, key=lambda e: e[:2])
        else:
            self._log.append(entry)
        if len(self._log) > 64 and len(self._log) > 4 * len(self._latest):
            self._log = [e for e in self._log if self._latest.get(e[2]) == e[:2]]

    def drop(self, key: Hashable) -> None:
        """Forget ``key``: it was deleted."""
        self._latest.pop(key, None)

    def since(
        self, at: datetime | None = None, *, after: tuple[datetime, int] | None = None
    ) -> Iterator[Hashable]:
        """Give keys changed at or after ``at`` (or after a position), in order of their latest change."""
        for _, key in self.positions(at, after=after):
            yield key

    def positions(
        self, at: datetime | None = None, *, after: tuple[datetime, int] | None = None
    ) -> Iterator[tuple[tuple[datetime, int], Hashable]]:
        """As ``since``, each key with its position (instant, serial): a cursor that does not move."""
        start = 0
        if after is not None:
            start = bisect_left(self._log, (after[0], after[1] + 1), key=lambda e: e[:2])
        elif at is not None:
            start = bisect_left(self._log, (at, 0), key=lambda e: e[:2])
        log = self._log
        for index in range(start, len(log)):
            moment, serial, key = log[index]
            if self._latest.get(key) == (moment, serial):
                yield (moment, serial), key

    def __len__(self) -> int:
        return len(self._latest)


@dataclass(slots=True)
class Address:
    first_name: str
    last_name: str
    line1: str
    city: str
    postcode: str
    country_code: str
    company: str = ""
    line2: str = ""
    region: str = ""
    phone: str = ""


# --- a shop (sales channel) ---------------------------------------------------------------------------


@dataclass(slots=True)
class Location:
    id: int
    name: str
    is_active: bool = True


@dataclass(slots=True)
class Variant:
    id: int
    product_id: int
    inventory_item_id: int
    sku: str
    title: str
    price: Decimal
    created_at: datetime
    updated_at: datetime
    barcode: str = ""
    weight_grams: int | None = None
    origin_country: str = ""
    hs_code: str = ""
    is_tracked: bool = True
    status: str = "active"  # active, draft, archived
    is_bundle: bool = False


@dataclass(slots=True)
class Level:
    """Stock of one item at one location of a shop; on hand = available + committed."""

    inventory_item_id: int
    location_id: int
    available: int
    committed: int
    updated_at: datetime
    is_active: bool = True

    @property
    def on_hand(self) -> int:
        return self.available + self.committed


@dataclass(slots=True)
class ShopLine:
    id: int
    variant_id: int | None
    sku: str
    title: str
    quantity: int  # as ordered
    current_quantity: int  # after edits and removals
    unit_price: Decimal
    tax_rate: Decimal
    discount: Decimal = Decimal(0)  # of the whole line
    requires_shipping: bool = True
    tax_name: str = ""  # as the shop calls its tax, where it is none of the usual ones
    fulfilled_quantity: int = 0
    refunded_quantity: int = 0
    returned_quantity: int = 0  # of the refunded ones: those that had been fulfilled

    @property
    def unfulfilled_quantity(self) -> int:
        """Units still to be shipped."""
        return max(0, self.current_quantity - (self.fulfilled_quantity - self.returned_quantity))


@dataclass(slots=True)
class Transaction:
    id: int
    kind: str  # authorization, sale, capture, refund, void
    status: str  # success, pending, failure
    amount: Decimal
    gateway: str
    at: datetime
    parent_id: int | None = None
    fee: Decimal = Decimal(0)


@dataclass(slots=True)
class RefundLine:
    line_id: int
    quantity: int
    restock: str  # no_restock, cancel, return
    location_id: int | None
    subtotal: Decimal
    tax: Decimal


@dataclass(slots=True)
class Refund:
    id: int
    at: datetime
    note: str
    lines: list[RefundLine]
    shipping: Decimal = Decimal(0)
    adjustment: Decimal = Decimal(0)  # goodwill: money back for no line
    transaction_ids: list[int] = field(default_factory=list)
    return_id: int | None = None


@dataclass(slots=True)
class ShopReturn:
    id: int
    at: datetime
    status: str  # open, closed, requested
    lines: list[tuple[int, int]]  # (line id, quantity)


@dataclass(slots=True)
class FulfilmentOrderLine:
    id: int
    line_id: int
    total: int
    remaining: int


@dataclass(slots=True)
class FulfilmentOrder:
    id: int
    order_id: int
    location_id: int
    status: str  # open, in_progress, scheduled, on_hold, incomplete, closed, cancelled
    created_at: datetime
    updated_at: datetime
    lines: list[FulfilmentOrderLine]


@dataclass(slots=True)
class Fulfilment:
    id: int
    order_id: int
    location_id: int
    status: str  # success, cancelled, failure
    created_at: datetime
    updated_at: datetime
    carrier: str
    numbers: list[str]
    urls: list[str]
    lines: list[tuple[int, int]]  # (line id, quantity)
    fulfilment_order_ids: list[int] = field(default_factory=list)
    is_notified: bool = False
    delivered_at: datetime | None = None
    in_transit_at: datetime | None = None


@dataclass(slots=True)
class ShopOrder:
    id: int
    name: str  # "#1001", or the id: the retailer's own order number, as the shop shows it
    created_at: datetime
    updated_at: datetime
    email: str
    customer_id: int | None
    address: Address
    delivery_option: str
    delivery_price: Decimal
    currency: str
    lines: list[ShopLine]
    source: str = "web"
    channel_id: int = 1  # of the shop's channels, where it has several
    processed_at: datetime | None = None
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    is_test: bool = False
    note: str = ""
    tags: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(
        default_factory=dict
    )  # the shop's own extra fields, such as promised_on
    presentment_currency: str = ""
    presentment_rate: Decimal = Decimal(1)
    transactions: list[Transaction] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    returns: list[ShopReturn] = field(default_factory=list)
    fulfilment_orders: list[FulfilmentOrder] = field(default_factory=list)
    fulfilments: list[Fulfilment] = field(default_factory=list)


@dataclass(slots=True)
class PayoutEntry:
    id: int
    kind: str  # charge, refund, adjustment, chargeback, chargeback_won, chargeback_fee, reserve, transfer, returned
    at: datetime
    amount: Decimal
    fee: Decimal
    order_id: int | None
    transaction_id: int | None
    payout_id: int | None = None
    reason: str = ""
    order_name: str = ""
    original_id: int | None = None  # the entry of the charge it takes back
    paid: tuple[str, Decimal] | None = None  # what the customer paid, when that was in another currency
    is_listed: bool = True  # whether the provider shows it; it counts all the same


@dataclass(slots=True)
class Payout:
    id: int
    issued_at: datetime
    status: str  # scheduled, paid, failed, cancelled
    net: Decimal
    currency: str
    is_manual: bool = False  # somebody asked for it; otherwise it came by itself


@dataclass(slots=True)
class Account:
    """What a payment provider that is not a shop's own keeps for the retailer; its name is a gateway of the shops."""

    system: str
    currency: str
    entries: dict[int, PayoutEntry] = field(default_factory=dict)
    payouts: dict[int, Payout] = field(default_factory=dict)
    unpaid_out: list[int] = field(default_factory=list)  # ids of entries no payout has taken yet


@dataclass(slots=True)
class Credit:
    """Money given back that belongs to no order of the shop."""

    reference: str
    customer_id: int | None
    at: datetime
    amount: Decimal
    note: str


@dataclass(slots=True)
class Mail:
    """A message a customer got from a shop; the truth about who was told what, and when."""

    order_id: int
    kind: str  # order_confirmed, shipped, shipping_updated, cancelled, refunded
    at: datetime
    numbers: list[str] = field(default_factory=list)
    fulfilment_id: int | None = None


@dataclass(slots=True)
class Shop:
    system: str
    currency: str
    locations: dict[int, Location] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)  # by variant id
    levels: dict[tuple[int, int], Level] = field(default_factory=dict)  # (inventory item, location)
    orders: dict[int, ShopOrder] = field(default_factory=dict)
    payouts: dict[int, Payout] = field(default_factory=dict)
    entries: dict[int, PayoutEntry] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    shows_ids: bool = False  # an order's name is its id; no other is given
    has_one_home: bool = False  # every order is taken from the first location
    taxes_included: bool = True  # prices, line discounts and the delivery price contain tax
    credits: list[Credit] = field(default_factory=list)  # given outside any order
    by_name: dict[str, list[int]] = field(default_factory=dict)  # order name -> order ids
    by_sku: dict[str, int] = field(default_factory=dict)  # sku -> variant id (the latest of that name)
    by_item: dict[int, int] = field(default_factory=dict)  # inventory item -> variant id
    fulfilment_orders: dict[int, FulfilmentOrder] = field(
        default_factory=dict
    )  # the same objects as in orders
    fulfilments: dict[int, Fulfilment] = field(default_factory=dict)  # the same objects as in orders
    unpaid_out: list[int] = field(default_factory=list)  # ids of entries no payout has taken yet
    order_log: ChangeLog = field(default_factory=ChangeLog)  # order id
    fulfilment_order_log: ChangeLog = field(default_factory=ChangeLog)  # fulfilment order id
    level_log: ChangeLog = field(default_factory=ChangeLog)  # (inventory item, location)
    variant_log: ChangeLog = field(default_factory=ChangeLog)  # variant id

    @property
    def homes(self) -> tuple[int, ...]:
        """The locations an order may be taken from."""
        return tuple(self.locations)[:1] if self.has_one_home else tuple(self.locations)


# --- a warehouse (WMS or 3PL) -------------------------------------------------------------------------


@dataclass(slots=True)
class Facility:
    id: int
    code: str
    name: str
    time_zone: str = "Europe/London"
    deleted_at: datetime | None = None


@dataclass(slots=True)
class Sellable:
    id: int
    product_id: int
    sku: str
    title: str
    price: Decimal
    created_at: datetime
    updated_at: datetime
    barcode: str = ""
    weight_grams: int | None = None
    origin_country: str = ""
    hs_code: str = ""
    deleted_at: datetime | None = None


@dataclass(slots=True)
class StockEntry:
    """available = physical - allocated; may be negative."""

    sellable_id: int
    facility_id: int
    physical: int
    allocated: int
    updated_at: datetime
    incoming: int = 0
    bin: str = ""


@dataclass(slots=True)
class WarehouseLine:
    id: int
    sellable_id: int
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    remote_id: str = ""
    picked_quantity: int = 0


@dataclass(slots=True)
class Parcel:
    id: int
    allocation_id: int
    order_id: int
    created_at: datetime
    carrier_id: int
    carrier_name: str
    service_name: str
    tracking_number: str  # may be blank
    tracking_url: str = ""
    numbered_at: datetime | None = None  # when a person filled the number in later
    status: str = "created"  # created, in_transit, delivered
    in_transit_at: datetime | None = None
    delivered_at: datetime | None = None
    weight_grams: int | None = None


@dataclass(slots=True)
class Allocation:
    id: int
    order_id: int
    facility_id: int
    created_at: datetime
    lines: list[tuple[int, int, int]]  # (allocation line id, sellable id, quantity)
    parcel: Parcel | None = None
    picking_since: datetime | None = None


@dataclass(slots=True)
class WarehouseReturn:
    id: int
    order_id: int
    created_at: datetime
    status: str  # returning, returned
    reason: str
    facility_id: int
    lines: list[tuple[int, int, int, int]]  # (line id, sellable id, quantity, received)


@dataclass(slots=True)
class DeliveryMethod:
    id: int
    name: str
    price: Decimal
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class WarehouseOrder:
    id: int
    number: str  # the sender's reference; not unique
    created_at: datetime
    updated_at: datetime
    channel_id: int
    email: str
    address: Address
    delivery_method_id: int | None
    currency: str
    lines: list[WarehouseLine]
    delivery_price: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    is_paid: bool = True
    is_on_hold: bool = False
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    shipped_at: datetime | None = None
    closed_short: bool = False
    merged_to_id: int | None = None
    due_on: str = ""
    payment_reference: str = ""
    customer_note: str = ""
    notes: list[tuple[int, datetime, str]] = field(default_factory=list)  # (id, at, text)
    allocations: list[Allocation] = field(default_factory=list)
    returns: list[WarehouseReturn] = field(default_factory=list)
    customer_id: int | None = None
    is_refunded: bool = False
    sent_by: str = "api"  # api, old_integration, connection, staff, planter: the truth about who made it

    @property
    def order_name(self) -> str:
        """The shop's order it belongs to: a sender may put a part's facility behind a slash (#1001/LEEDS)."""
        name, slash, place = self.number.rpartition("/")
        return name if slash and place.isalpha() and place.isupper() else self.number


@dataclass(slots=True)
class WarehouseCustomer:
    id: int
    email: str
    address: Address
    created_at: datetime


@dataclass(slots=True)
class Movement:
    """One change of physical stock and why: the truth behind every level."""

    sellable_id: int
    facility_id: int
    quantity: int
    at: datetime
    why: str  # opening, shipped, counted, received, written_off, returned, recalled, edited, shipment_undone
    reference: str = ""


@dataclass(slots=True)
class Warehouse:
    system: str
    facilities: dict[int, Facility] = field(default_factory=dict)
    sellables: dict[int, Sellable] = field(default_factory=dict)
    stock: dict[tuple[int, int], StockEntry] = field(default_factory=dict)  # (sellable, facility)
    delivery_methods: dict[int, DeliveryMethod] = field(default_factory=dict)
    channels: dict[int, str] = field(default_factory=dict)  # id -> name of the API store
    takes_edits: bool = True  # an order it has taken can still be changed
    tells_parcels: bool = True  # a parcel of an order is told of before the last of them has left
    orders: dict[int, WarehouseOrder] = field(default_factory=dict)
    customers: dict[int, WarehouseCustomer] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)  # every change of physical stock
    deleted_orders: dict[int, WarehouseOrder] = field(default_factory=dict)  # gone for the API, kept as truth
    by_number: dict[str, list[int]] = field(default_factory=dict)  # order number -> order ids
    by_sku: dict[str, int] = field(default_factory=dict)  # sku -> sellable id (the latest of that name)
    by_product: dict[int, list[int]] = field(default_factory=dict)  # product -> sellable ids
    by_email: dict[str, int] = field(default_factory=dict)  # e-mail in lower case -> customer id
    order_log: ChangeLog = field(default_factory=ChangeLog)  # order id
    product_log: ChangeLog = field(default_factory=ChangeLog)  # product id; stock alone does not move it
