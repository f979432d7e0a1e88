"""The retailer's records as Adobe Commerce's interface shows them, and the columns they are searched by.

Belongs here: JSON of orders, their documents, products, sources and stock.
Does not belong here: HTTP and searches, changes (``adobe_commerce_writes``), the shop's rules (``world``).

How this retailer is set up: one website and one store view; number sequences with the prefix ``#`` and no
leading zeros; base and order currency alike unless the customer paid in another; every third item is sold as
the only choice of a configurable; the locations are sources of one stock, the first by priority.

INFERRED: the numbers of an invoice's and a credit memo's states; which state an order is in whose money is
only authorised (processing); that a shipment shows a configurable's parent only. What the export of salable
quantities shows and counts is from the vendor's own code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors.adobe_commerce_search import Table
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

Json = dict[str, Any]

CHILD = 900_000_000
"""A configurable's chosen child stands in an order under the parent's id plus this."""
STORE, WEBSITE, STOCK = 1, "base", 1
STATUSES = {"new": "pending"}
"""State -> the status the shop shows for it, where that is another word."""
FOUR = Decimal("0.0001")


def stamp(moment: datetime | None) -> str | None:
    """An instant: UTC without a zone, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else None


def number(amount: Decimal | int) -> int | float:
    """An amount as JSON has it: a whole one without a point."""
    return int(amount) if amount == int(amount) else float(amount)


def four(amount: Decimal) -> Decimal:
    """To the four places amounts are kept in."""
    return amount.quantize(FOUR, ROUND_HALF_UP)


def is_configurable(variant: model.Variant | None) -> bool:
    """Whether the retailer sells an item as the choice of a configurable."""
    return variant is not None and not variant.is_bundle and variant.id % 3 == 0


def _paid_back(order: model.ShopOrder, back: model.Refund) -> Decimal:
    return sum((t.amount for t in order.transactions if t.id in back.transaction_ids), Decimal(0))


@dataclass(slots=True)
class Operation:
    """One body in the queue."""

    id: int
    body: Any
    status: int = 4  # 1 complete, 2 failed, 3 failed for good, 4 open, 5 rejected
    message: str | None = None
    code: int | None = None


@dataclass(slots=True)
class Store:
    """What one shop keeps that the world does not know of."""

    comments: dict[int, list[str]] = field(default_factory=dict)
    """Shipment -> what was written on it."""
    codes: dict[int, str] = field(default_factory=dict)
    """Shipment -> carrier code."""
    hidden: dict[tuple[str, str], int] = field(default_factory=dict)
    """(SKU, source) -> status that was set by hand."""
    bulks: dict[str, list[Operation]] = field(default_factory=dict)
    """What was given to the queue, by its uuid."""
    nonces: set[str] = field(default_factory=set)


class Shapes:
    """One shop's records."""

    def __init__(self, system: str, world: World, store: Store) -> None:
        self.system = system
        self.store = store
        self.world = world
        self.shop = world.shops[system]
        self.started = world.settings.start or world.now

    # --- an order's quantities ------------------------------------------------------------------------

    def captured(self, order: model.ShopOrder) -> Decimal:
        """Money taken."""
        return shops.totals(self.shop, order).captured

    def quantities(self, order: model.ShopOrder, line: model.ShopLine) -> tuple[int, int, int]:
        """(shipped, refunded, cancelled) of a line, so that what they leave is what the shop still ships.

        What waits is ordered less the greater of shipped and refunded, less cancelled. Units taken out of an
        order are cancelled ones here, as the vendor lets nobody edit a line.
        """
        shipped = line.fulfilled_quantity
        if order.cancelled_at is not None and not self.captured(order):
            return shipped, 0, line.quantity
        refunded = line.refunded_quantity
        edited = max(line.quantity - refunded - line.current_quantity, 0)
        both = shipped + refunded - line.returned_quantity - max(shipped, refunded)
        return shipped, refunded, edited + max(both, 0)

    def left(self, order: model.ShopOrder, line: model.ShopLine) -> int:
        """Units of a line that can still be shipped."""
        shipped, refunded, cancelled = self.quantities(order, line)
        return max(line.quantity - max(shipped, refunded) - cancelled, 0) if line.requires_shipping else 0

    def state(self, order: model.ShopOrder) -> str:
        """Where the order stands, by the vendor's states."""
        money = shops.totals(self.shop, order)
        if order.cancelled_at is not None:
            return "closed" if money.captured else "canceled"
        if money.captured and money.refunded >= money.captured:
            return "closed"
        if any(f.status == "on_hold" for f in order.fulfilment_orders):
            return "holded"
        left = sum(self.left(order, line) for line in order.lines)
        is_paid = money.captured >= money.total - self.cancelled_amount(order)
        if is_paid and not left:
            return "complete"
        if money.captured or money.authorised or order.fulfilments:
            return "processing"
        return "new"

    def cancelled_amount(self, order: model.ShopOrder) -> Decimal:
        """What the cancelled units came to."""
        money = shops.totals(self.shop, order)
        if order.cancelled_at is not None and not money.captured:
            return money.total
        amount = Decimal(0)
        for line in order.lines:
            edited = max(line.quantity - line.refunded_quantity - line.current_quantity, 0)
            if edited:
                whole = shops.line_amount(line, line.quantity)
                amount += whole - shops.line_amount(line, line.quantity - edited)
        return amount

    # --- money ----------------------------------------------------------------------------------------

    def _money(self, order: model.ShopOrder, **amounts: Decimal | None) -> Json:
        """Each amount twice: in the website's currency, and in the one the customer paid in."""
        rate = order.presentment_rate
        both: Json = {}
        for name, amount in amounts.items():
            both[f"base_{name}"] = None if amount is None else number(four(amount))
            both[name] = None if amount is None else number(four(amount * rate))
        return both

    def _currencies(self, order: model.ShopOrder) -> Json:
        return {
            "base_currency_code": order.currency,
            "order_currency_code": order.presentment_currency or order.currency,
            "store_currency_code": order.currency,
            "global_currency_code": order.currency,
            "base_to_order_rate": number(order.presentment_rate),
            "base_to_global_rate": 1,
        }

    def _before_tax(self, amount: Decimal, rate: Decimal) -> Decimal:
        return amount / (1 + rate) if self.shop.taxes_included else amount

    def _line_money(self, line: model.ShopLine, quantity: int) -> dict[str, Decimal]:
        """A line's amounts before tax, for so many units. A discount stands before tax too."""
        rate = line.tax_rate
        discount = line.discount * quantity / line.quantity if line.quantity else Decimal(0)
        row = self._before_tax(line.unit_price * quantity, rate)
        off = self._before_tax(discount, rate)
        return {
            "price": self._before_tax(line.unit_price, rate),
            "price_incl_tax": line.unit_price if self.shop.taxes_included else line.unit_price * (1 + rate),
            "row_total": row,
            "row_total_incl_tax": row * (1 + rate),
            "discount_amount": off,
            "discount_tax_compensation_amount": Decimal(0),
            "tax_amount": shops.round_money((row - off) * rate),
        }

    # --- orders ---------------------------------------------------------------------------------------

    def order(self, order: model.ShopOrder) -> Json:
        """An order with its items, address, payment and history."""
        money = shops.totals(self.shop, order)
        rate = order.lines[0].tax_rate if order.lines else Decimal(0)
        delivery = self._before_tax(order.delivery_price, rate)
        lines = [self._line_money(line, line.quantity) for line in order.lines]
        subtotal = sum((line["row_total"] for line in lines), Decimal(0))
        discount = sum((line["discount_amount"] for line in lines), Decimal(0))
        tax = money.total - subtotal + discount - delivery
        state = self.state(order)
        beside = [self._adjustment(order, back) for _, back in self._credited(order)]
        return {
            "entity_id": order.id,
            "increment_id": order.name,
            "state": state,
            "status": STATUSES.get(state, state),
            "created_at": stamp(order.created_at),
            "updated_at": stamp(order.updated_at),
            "store_id": order.channel_id,
            "store_name": "Main Website\nMain Website Store\nDefault Store View",
            "protect_code": f"{order.id:06x}",
            **self._currencies(order),
            **self._money(
                order,
                grand_total=money.total,
                subtotal=subtotal,
                subtotal_incl_tax=sum((line["row_total_incl_tax"] for line in lines), Decimal(0)),
                shipping_amount=delivery,
                shipping_incl_tax=delivery * (1 + rate),
                shipping_tax_amount=delivery * rate,
                shipping_discount_amount=Decimal(0),
                tax_amount=tax,
                discount_amount=-discount,
                discount_tax_compensation_amount=Decimal(0),
                total_paid=money.captured or None,
                total_due=max(money.total - money.captured, Decimal(0)),
                total_refunded=money.refunded or None,
                total_canceled=self.cancelled_amount(order) or None,
                adjustment_positive=sum((by for by in beside if by > 0), Decimal(0)) or None,
                adjustment_negative=sum((-by for by in beside if by < 0), Decimal(0)) or None,
            ),
            "base_shipping_discount_tax_compensation_amnt": 0,
            "total_qty_ordered": sum(line.quantity for line in order.lines),
            "total_item_count": len(order.lines),
            "is_virtual": int(not any(line.requires_shipping for line in order.lines)),
            "customer_email": order.email,
            "customer_firstname": order.address.first_name,
            "customer_lastname": order.address.last_name,
            **({"customer_id": order.customer_id} if order.customer_id is not None else {}),
            "customer_is_guest": int(order.customer_id is None),
            **({"customer_note": order.note} if order.note else {}),
            "shipping_description": order.delivery_option,
            "items": [item for line in order.lines for item in self._items(order, line)],
            "billing_address": self._address(order, "billing"),
            "payment": self._payment(order, money),
            "status_histories": list(self._history(order, state)),
            "extension_attributes": {
                "shipping_assignments": [
                    {
                        "shipping": {
                            "address": self._address(order, "shipping"),
                            "method": "flatrate_flatrate",
                            "total": self._money(order, shipping_amount=delivery),
                        },
                        "items": [],
                    }
                ]
            },
        }

    def _items(self, order: model.ShopOrder, line: model.ShopLine) -> Iterator[Json]:
        variant = self.shop.variants.get(line.variant_id) if line.variant_id is not None else None
        shipped, refunded, cancelled = self.quantities(order, line)
        is_whole = is_configurable(variant) and line.requires_shipping
        plain = "simple" if line.requires_shipping else "virtual"
        base: Json = {
            "order_id": order.id,
            "store_id": STORE,
            "sku": line.sku,
            "name": line.title,
            "is_virtual": int(not line.requires_shipping),
            "is_qty_decimal": 0,
            "created_at": stamp(order.created_at),
            "updated_at": stamp(order.updated_at),
            "qty_ordered": line.quantity,
        }
        yield {
            **base,
            "item_id": line.id,
            "product_id": variant.product_id if is_whole and variant else line.variant_id,
            "product_type": "configurable" if is_whole else plain,
            "qty_shipped": shipped,
            "qty_refunded": refunded,
            "qty_canceled": cancelled,
            "qty_invoiced": line.quantity if self.captured(order) else 0,
            "tax_percent": number(line.tax_rate * 100),
            **self._money(order, **self._line_money(line, line.quantity)),
        }
        if is_whole:
            nothing = {"qty_shipped": 0, "qty_refunded": 0, "qty_canceled": 0, "qty_invoiced": 0}
            yield {
                **base,
                "item_id": line.id + CHILD,
                "parent_item_id": line.id,
                "product_id": line.variant_id,
                "product_type": "simple",
                **nothing,
                "tax_percent": 0,
                **self._money(
                    order,
                    price=Decimal(0),
                    row_total=Decimal(0),
                    tax_amount=Decimal(0),
                    discount_amount=Decimal(0),
                ),
            }

    def _address(self, order: model.ShopOrder, kind: str) -> Json:
        address = order.address
        return {
            "address_type": kind,
            "entity_id": order.id * 2 + (kind == "shipping"),
            "parent_id": order.id,
            "email": order.email,
            "firstname": address.first_name,
            "lastname": address.last_name,
            **({"company": address.company} if address.company else {}),
            "street": [line for line in (address.line1, address.line2) if line],
            "city": address.city,
            **({"region": address.region} if address.region else {}),
            "postcode": address.postcode,
            "country_id": address.country_code,
            "telephone": address.phone,
        }

    def _payment(self, order: model.ShopOrder, money: shops.Totals) -> Json:
        done = [t for t in order.transactions if t.status == "success"]
        gateway = order.transactions[0].gateway if order.transactions else "free"
        return {
            "account_status": None,
            "additional_information": [gateway],
            "cc_last4": None,
            "entity_id": order.id,
            "parent_id": order.id,
            "method": gateway,
            **({"last_trans_id": f"txn_{done[-1].id}"} if done else {}),
            **self._money(
                order,
                amount_ordered=money.total,
                amount_authorized=money.authorised or None,
                amount_paid=money.captured or None,
                amount_refunded=money.refunded or None,
            ),
        }

    def _history(self, order: model.ShopOrder, state: str) -> Iterator[Json]:
        status = STATUSES.get(state, state)
        steps = [("pending", order.created_at)]
        if status != "pending":
            ended = [refund.at for refund in order.refunds][-1:] if state == "closed" else []
            steps.append((status, order.cancelled_at or (ended[0] if ended else order.updated_at)))
        for place, (name, at) in enumerate(reversed(steps)):  # the newest first
            yield {
                "entity_id": order.id * 10 + len(steps) - place,
                "parent_id": order.id,
                "entity_name": "order",
                "status": name,
                "comment": None,
                "created_at": stamp(at),
                "is_customer_notified": 0,
                "is_visible_on_front": 0,
            }

    # --- documents of an order ------------------------------------------------------------------------

    def _documents(self, kind: str) -> list[tuple[model.ShopOrder, Any]]:
        found: list[tuple[model.ShopOrder, Any]] = []
        for order in self.shop.orders.values():
            if kind == "shipments":
                found += [(order, f) for f in order.fulfilments if f.status == "success"]
            elif kind == "creditmemos":
                found += self._credited(order)
            else:
                kinds = (
                    ("sale", "capture")
                    if kind == "invoices"
                    else ("authorization", "sale", "capture", "void", "refund")
                )
                found += [(order, t) for t in order.transactions if t.status == "success" and t.kind in kinds]
        return found

    def invoice(self, row: tuple[model.ShopOrder, model.Transaction]) -> Json:
        """An invoice, paid."""
        order, taken = row
        return {
            "entity_id": taken.id,
            "increment_id": f"{taken.id:09d}",
            "order_id": order.id,
            "state": 2,
            "created_at": stamp(taken.at),
            "updated_at": stamp(taken.at),
            "store_id": STORE,
            **self._currencies(order),
            **self._money(order, grand_total=taken.amount),
            "transaction_id": f"txn_{taken.id}",
            "total_qty": sum(line.quantity for line in order.lines),
            "items": [
                {
                    "entity_id": line.id,
                    "parent_id": taken.id,
                    "order_item_id": line.id,
                    "product_id": line.variant_id,
                    "sku": line.sku,
                    "name": line.title,
                    "qty": line.quantity,
                }
                for line in order.lines
            ],
            "comments": [],
        }

    def shipment(self, row: tuple[model.ShopOrder, model.Fulfilment]) -> Json:
        """A shipment with what was sent and its numbers."""
        order, sent = row
        skus = {line.id: line for line in order.lines}
        return {
            "entity_id": sent.id,
            "increment_id": f"{sent.id:09d}",
            "order_id": order.id,
            "created_at": stamp(sent.created_at),
            "updated_at": stamp(sent.updated_at),
            "store_id": STORE,
            "total_qty": sum(quantity for _, quantity in sent.lines),
            **({"email_sent": 1} if sent.is_notified else {}),
            "items": [
                {
                    "entity_id": sent.id * 100 + place,
                    "parent_id": sent.id,
                    "order_item_id": line_id,
                    "sku": skus[line_id].sku,
                    "name": skus[line_id].title,
                    "qty": quantity,
                }
                for place, (line_id, quantity) in enumerate(sent.lines)
            ],
            "tracks": [
                {
                    "entity_id": sent.id * 100 + place,
                    "parent_id": sent.id,
                    "order_id": order.id,
                    "track_number": track,
                    "title": sent.carrier,
                    "carrier_code": self.store.codes.get(sent.id, "custom"),
                    "description": None,
                    "qty": None,
                    "weight": None,
                    "created_at": stamp(sent.created_at),
                    "updated_at": stamp(sent.updated_at),
                }
                for place, track in enumerate(sent.numbers)
            ],
            "comments": [
                {
                    "entity_id": sent.id * 100 + place,
                    "parent_id": sent.id,
                    "comment": text,
                    "is_customer_notified": 0,
                    "is_visible_on_front": 0,
                    "created_at": stamp(sent.created_at),
                }
                for place, text in enumerate(self.store.comments.get(sent.id, ()))
            ],
            "extension_attributes": {"source_code": str(sent.location_id)},
        }

    def _credited(self, order: model.ShopOrder) -> list[tuple[model.ShopOrder, model.Refund]]:
        """What was given back of money that was taken."""
        return [(order, back) for back in order.refunds if self.captured(order)]

    def _adjustment(self, order: model.ShopOrder, back: model.Refund) -> Decimal:
        """What was given back beside lines and delivery; less than nothing where some of their price was kept."""
        extra = Decimal(0) if self.shop.taxes_included else sum((each.tax for each in back.lines), Decimal(0))
        worth = sum((each.subtotal for each in back.lines), Decimal(0)) + extra + back.shipping
        return _paid_back(order, back) - worth

    def creditmemo(self, row: tuple[model.ShopOrder, model.Refund]) -> Json:
        """A credit memo, refunded. What was given back beside its lines and delivery is an adjustment."""
        order, back = row
        lines = {line.id: line for line in order.lines}
        by = self._adjustment(order, back)
        items = []
        for place, each in enumerate(back.lines):
            line = lines[each.line_id]
            whole = each.subtotal + (Decimal(0) if self.shop.taxes_included else each.tax)
            items.append(
                {
                    "entity_id": back.id * 100 + place,
                    "parent_id": back.id,
                    "order_item_id": line.id,
                    "product_id": line.variant_id,
                    "sku": line.sku,
                    "name": line.title,
                    "qty": each.quantity,
                    "base_cost": None,
                    **self._money(
                        order,
                        price=self._before_tax(line.unit_price, line.tax_rate),
                        row_total=whole - each.tax,
                        tax_amount=each.tax,
                        discount_amount=Decimal(0),
                    ),
                }
            )
        return {
            "entity_id": back.id,
            "increment_id": f"{back.id:09d}",
            "order_id": order.id,
            "state": 2,
            "created_at": stamp(back.at),
            "updated_at": stamp(back.at),
            "store_id": STORE,
            **self._currencies(order),
            **self._money(
                order,
                grand_total=_paid_back(order, back),
                shipping_amount=back.shipping,
                adjustment=by,
                adjustment_positive=max(by, Decimal(0)),
                adjustment_negative=max(-by, Decimal(0)),
            ),
            **({"transaction_id": f"txn_{back.transaction_ids[-1]}"} if back.transaction_ids else {}),
            "items": items,
            "comments": [
                {
                    "entity_id": back.id,
                    "parent_id": back.id,
                    "comment": back.note,
                    "is_customer_notified": 0,
                    "is_visible_on_front": 0,
                    "created_at": stamp(back.at),
                }
            ]
            if back.note
            else [],
        }

    def transaction(self, row: tuple[model.ShopOrder, model.Transaction]) -> Json:
        """What the payment provider was asked; amounts are not in it."""
        order, done = row
        return {
            "transaction_id": done.id,
            "parent_id": done.parent_id,
            "order_id": order.id,
            "payment_id": order.id,
            "txn_id": f"txn_{done.id}",
            "parent_txn_id": f"txn_{done.parent_id}" if done.parent_id else None,
            "txn_type": "capture" if done.kind == "sale" else done.kind,
            "is_closed": int(done.kind != "authorization"),
            "additional_information": [],
            "created_at": stamp(done.at),
            "child_transactions": [],
        }

    # --- what is sold ---------------------------------------------------------------------------------

    def _products(self) -> list[tuple[model.Variant, bool]]:
        """(item, whether it is the configurable above it)."""
        variants = self.shop.variants.values()
        return [(v, False) for v in variants] + [(v, True) for v in variants if is_configurable(v)]

    def product(self, row: tuple[model.Variant, bool]) -> Json:
        """A simple product, or the configurable whose only choice it is."""
        variant, is_parent = row
        attributes = {
            "country_of_manufacture": variant.origin_country,
            "barcode": variant.barcode,
            "hs_code": variant.hs_code,
        }
        return {
            "id": variant.product_id if is_parent else variant.id,
            "sku": f"{variant.sku}-ANY" if is_parent else variant.sku,
            "name": variant.title,
            "attribute_set_id": 4,
            "price": 0 if is_parent else number(variant.price),
            "status": 1 if variant.status == "active" else 2,
            "visibility": 4,
            "type_id": "configurable" if is_parent else "simple",
            "created_at": stamp(variant.created_at),
            "updated_at": stamp(variant.updated_at),
            **({} if is_parent or variant.weight_grams is None else {"weight": variant.weight_grams / 1000}),
            "extension_attributes": {"website_ids": [1]},
            "product_links": [],
            "options": [],
            "media_gallery_entries": [],
            "tier_prices": [],
            "custom_attributes": [
                {"attribute_code": code, "value": value} for code, value in attributes.items() if value
            ],
        }

    def store_configs(self) -> list[Json]:
        """The one store view's settings."""
        return [
            {
                "id": STORE,
                "code": "default",
                "website_id": 1,
                "locale": "en_GB",
                "base_currency_code": self.shop.currency,
                "default_display_currency_code": self.shop.currency,
                "timezone": "Europe/London",
                "weight_unit": "kgs",
                "base_url": "https://shop.example.test/",
                "base_link_url": "https://shop.example.test/",
                "base_static_url": "https://shop.example.test/static/",
                "base_media_url": "https://shop.example.test/media/",
                "secure_base_url": "https://shop.example.test/",
                "secure_base_link_url": "https://shop.example.test/",
                "secure_base_static_url": "https://shop.example.test/static/",
                "secure_base_media_url": "https://shop.example.test/media/",
            }
        ]

    # --- stock ----------------------------------------------------------------------------------------

    def source(self, location: model.Location) -> Json:
        """A source."""
        return {
            "source_code": str(location.id),
            "name": location.name,
            "enabled": location.is_active,
            "country_id": "GB",
            "postcode": "LS1 1AA",
            "use_default_carrier_config": True,
            "carrier_links": [],
        }

    def _levels(self) -> list[tuple[model.Variant, model.Level]]:
        shop = self.shop
        return [
            (shop.variants[shop.by_item[level.inventory_item_id]], level)
            for level in shop.levels.values()
            if level.is_active and level.inventory_item_id in shop.by_item
        ]

    def status(self, variant: model.Variant, level: model.Level) -> int:
        """1 in stock, 0 out of it: by what lies there, unless somebody set it."""
        shown = 1 if level.on_hand > 0 else 0
        return min(shown, self.store.hidden.get((variant.sku, str(level.location_id)), 1))

    def source_item(self, row: tuple[model.Variant, model.Level]) -> Json:
        """What lies in a source: sold units too, until they are shipped."""
        variant, level = row
        return {
            "sku": variant.sku,
            "source_code": str(level.location_id),
            "quantity": level.on_hand,
            "status": self.status(variant, level),
        }

    def _of(self, variant: model.Variant) -> list[model.Level]:
        """An item's levels in the sources that have it."""
        found = (self.shop.levels.get((variant.inventory_item_id, place)) for place in self.shop.locations)
        return [level for level in found if level is not None and level.is_active]

    def salable(self, variant: model.Variant) -> int:
        """What can be sold: everything in stock in the stock's sources less all that is reserved."""
        levels = self._of(variant)
        lies = sum(
            level.on_hand
            for level in levels
            if self.status(variant, level) and self.shop.locations[level.location_id].is_active
        )
        return lies - sum(level.committed for level in levels)

    def salable_row(self, row: tuple[model.Variant, bool]) -> Json | None:
        """A row of the export; nothing of a product that no source has, though it is counted."""
        variant, is_parent = row
        if is_parent:
            return {"sku": f"{variant.sku}-ANY", "qty": 0, "is_salable": self.salable(variant) > 0}
        if not self._of(variant):
            return None
        quantity = self.salable(variant)
        return {"sku": variant.sku, "qty": quantity, "is_salable": quantity > 0}

    # --- what can be searched -------------------------------------------------------------------------

    def tables(self) -> dict[str, Table]:
        """Every list by the name in its address."""
        of = {
            "entity_id": lambda row: row[1].id,
            "order_id": lambda row: row[0].id,
            "created_at": lambda row: row[1].at,
            "updated_at": lambda row: row[1].at,
            "increment_id": lambda row: f"{row[1].id:09d}",
        }
        sent = {
            **of,
            "created_at": lambda row: row[1].created_at,
            "updated_at": lambda row: row[1].updated_at,
        }
        places = [str(location) for location in self.shop.locations]
        return {
            "orders": Table(
                lambda: list(self.shop.orders.values()),
                {
                    "entity_id": lambda o: o.id,
                    "increment_id": lambda o: o.name,
                    "created_at": lambda o: o.created_at,
                    "updated_at": lambda o: o.updated_at,
                    "state": self.state,
                    "status": lambda o: STATUSES.get(self.state(o), self.state(o)),
                    "store_id": lambda _: STORE,
                    "customer_email": lambda o: o.email,
                },
                self.order,
            ),
            "invoices": Table(lambda: self._documents("invoices"), of, self.invoice),
            "shipments": Table(lambda: self._documents("shipments"), sent, self.shipment),
            "creditmemos": Table(lambda: self._documents("creditmemos"), of, self.creditmemo),
            "transactions": Table(
                lambda: self._documents("transactions"),
                {
                    "transaction_id": lambda row: row[1].id,
                    "order_id": lambda row: row[0].id,
                    "created_at": lambda row: row[1].at,
                },
                self.transaction,
            ),
            "products": Table(
                self._products,
                {
                    "entity_id": lambda row: row[0].product_id if row[1] else row[0].id,
                    "sku": lambda row: f"{row[0].sku}-ANY" if row[1] else row[0].sku,
                    "updated_at": lambda row: row[0].updated_at,
                    "created_at": lambda row: row[0].created_at,
                    "type_id": lambda row: "configurable" if row[1] else "simple",
                },
                self.product,
            ),
            "inventory/sources": Table(
                lambda: list(self.shop.locations.values()),
                {
                    "source_code": lambda x: str(x.id),
                    "enabled": lambda x: x.is_active,
                    "name": lambda x: x.name,
                },
                self.source,
            ),
            "inventory/stocks": Table(
                lambda: [STOCK],
                {"stock_id": lambda stock: stock, "name": lambda _: "Default Stock"},
                lambda stock: {
                    "stock_id": stock,
                    "name": "Default Stock",
                    "extension_attributes": {"sales_channels": [{"type": "website", "code": WEBSITE}]},
                },
            ),
            "inventory/stock-source-links": Table(
                lambda: list(enumerate(places, 1)),
                {"stock_id": lambda _: STOCK, "source_code": lambda x: x[1], "priority": lambda x: x[0]},
                lambda link: {"stock_id": STOCK, "source_code": link[1], "priority": link[0]},
            ),
            "inventory/source-items": Table(
                self._levels,
                {
                    "sku": lambda row: row[0].sku,
                    "source_code": lambda row: str(row[1].location_id),
                    "quantity": lambda row: row[1].on_hand,
                    "status": lambda row: self.status(*row),
                },
                self.source_item,
            ),
            f"inventory/export-stock-salable-qty/website/{WEBSITE}": Table(
                self._products,
                {"sku": lambda row: f"{row[0].sku}-ANY" if row[1] else row[0].sku},
                self.salable_row,
            ),
        }
