"""Veeqo's JSON: the world's records in the key names, types and nesting of the vendor's documents.

Belongs here: turning a record of ``world/model.py`` into the object Veeqo would answer with.
Does not belong here: routes, filters and errors (``veeqo``), or writes (``veeqo_writes``).

A full order is some 25 kB, most of it the store and each line's sellable repeated in every order. So those
are encoded once and kept as ``msgspec.Raw`` until the stock they show changes.

What the retailer of the sandbox has no use for carries the empty value of the documents' own samples:
no pictures, no product options, no cost prices, no tills; a weight nobody typed in reads 0.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from cogent_pipelines.sandbox.vendors.veeqo_account import USER, Account, Json, number, stamp
from cogent_pipelines.sandbox.vendors.veeqo_index import CUSTOMER_ADDRESS_IDS, ORDER_ADDRESS_IDS, Index
from cogent_pipelines.sandbox.world import warehouse as rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cogent_pipelines.sandbox.world.model import (
        Address,
        Allocation,
        Parcel,
        Sellable,
        StockEntry,
        Warehouse,
        WarehouseCustomer,
        WarehouseLine,
        WarehouseOrder,
        WarehouseReturn,
    )

PAYMENT_IDS = 13_000_000
NOTE_IDS = 1_000_000
TRACKING_IDS = 900_000


@dataclass(slots=True)
class Extra:
    """What an API caller sent that the world's order has no place for and the answer repeats."""

    payment_type: str = "bank_transfer"
    options: dict[int, str] = field(default_factory=dict)  # line id -> additional_options
    discounts: dict[int, Decimal] = field(default_factory=dict)  # line id -> taxless discount per unit
    sends_email: bool = False


def address(record: Address, key: int, email: str | None) -> Json:
    """One address of a customer or an order."""
    return {
        "id": key,
        "first_name": record.first_name,
        "last_name": record.last_name,
        "email": email,
        "company": record.company,
        "address1": record.line1,
        "address2": record.line2,
        "city": record.city,
        "country": record.country_code,
        "state": record.region,
        "zip": record.postcode,
        "phone": record.phone,
    }


class Shapes(Account):
    """Everything Veeqo answers about one account, and the few things only its edge knows."""

    def __init__(self, warehouse: Warehouse, index: Index, currency: str, started: datetime) -> None:
        super().__init__(warehouse, currency, started)
        self.index = index
        self.extras: dict[int, Extra] = {}
        self.infinite: set[tuple[int, int]] = set()
        self.mobiles: dict[int, str] = {}
        self.customer_notes: dict[int, str] = {}
        self._sellables: dict[int, tuple[tuple[Any, ...], msgspec.Raw]] = {}

    def customer(self, record: WarehouseCustomer) -> Json:
        """As ``/customers`` answers."""
        whole = self._customer_in_order(record)
        return {
            **whole,
            "notes": self.customer_notes.get(record.id),
            "customer_type": "retail",
            "credit_limit": None,
            "last_used_shipping_address": whole["shipping_addresses"][-1],
        }

    def _customer_in_order(self, record: WarehouseCustomer) -> Json:
        email, phone = record.email or None, record.address.phone or None
        sent_to = self.index.addresses(record)
        return {
            "id": record.id,
            "email": email,
            "phone": phone,
            "mobile": self.mobiles.get(record.id),
            "created_by_id": USER,
            "billing_address": address(record.address, CUSTOMER_ADDRESS_IDS + record.id, email),
            "shipping_addresses": [address(each, key, email) for key, each in sent_to],
        }

    # --- stock and products ---------------------------------------------------------------------------

    def entries(self, sellable_id: int) -> list[StockEntry]:
        """The stock of a sellable, warehouse by warehouse."""
        stock = self.warehouse.stock
        found = (stock.get((sellable_id, facility)) for facility in self.warehouse.facilities)
        return [entry for entry in found if entry is not None]

    def stock_entry(self, entry: StockEntry) -> Json:
        available = entry.physical - entry.allocated
        return {
            "sellable_id": entry.sellable_id,
            "warehouse_id": entry.facility_id,
            "infinite": (entry.sellable_id, entry.facility_id) in self.infinite,
            "allocated_stock_level": entry.allocated,
            "warehouse": self.facility(entry.facility_id),
            "location": entry.bin or None,
            "stock_running_low": available <= 0,
            "updated_at": stamp(entry.updated_at),
            "incoming_stock_level": entry.incoming,
            "transit_incoming_stock_level": 0,
            "transit_outgoing_stock_level": 0,
            "physical_stock_level": entry.physical,
            "available_stock_level": available,
            "sellable_on_hand_value": 0.0,
        }

    def sellable(self, record: Sellable) -> msgspec.Raw:
        """A sellable with its stock, encoded once per state of that stock."""
        entries = self.entries(record.id)
        version = (
            record.updated_at,
            record.deleted_at,
            *(
                (e.physical, e.allocated, e.incoming, e.bin, e.updated_at, len(self.infinite))
                for e in entries
            ),
        )
        kept = self._sellables.get(record.id)
        if kept is not None and kept[0] == version:
            return kept[1]
        raw = msgspec.Raw(msgspec.json.encode(self._sellable(record, entries)))
        self._sellables[record.id] = (version, raw)
        return raw

    def _sellable(self, record: Sellable, entries: list[StockEntry]) -> Json:
        allocated = sum(e.allocated for e in entries)
        physical = sum(e.physical for e in entries)
        price = number(record.price)
        weight = float(record.weight_grams or 0)  # a weight that was never typed in reads 0.0
        return {
            "total_quantity_sold": 0,
            "allocated_stock_level_at_all_warehouses": allocated,
            "id": record.id,
            "type": "ProductVariant",
            "title": record.title,
            "sku_code": record.sku,
            "upc_code": record.barcode,
            "model_number": "",
            "price": price,
            "cost_price": 0.0,
            "min_reorder_level": 0,
            "quantity_to_reorder": 0,
            "created_by_id": USER,
            "created_at": stamp(record.created_at),
            "updated_at": stamp(record.updated_at),
            "weight_grams": weight,
            "weight_unit": "g",
            "product_title": record.title,
            "full_title": record.title,
            "sellable_title": record.title,
            "profit": price,
            "margin": 100.0,
            "tax_rate": 20.0,
            "product": {
                "id": record.product_id,
                "title": record.title,
                "weight": 0,
                "origin_country": record.origin_country or None,
                "hs_tariff_number": record.hs_code or None,
                "tax_rate": 0,
                "main_image": None,
                "estimated_delivery": None,
                "deleted_at": stamp(record.deleted_at),
                "deleted_by_id": None,
                "description": "",
                "main_image_src": None,
            },
            "stock_entries": [self.stock_entry(e) for e in entries],
            "variant_option_specifics": [],
            "variant_property_specifics": [],
            "measurement_attributes": {
                "id": record.id,
                "width": 0.0,
                "height": 0.0,
                "depth": 0.0,
                "dimensions_unit": "cm",
            },
            "images": [],
            "active_channels": [],
            "channel_sellables": [],
            "available_stock_level_at_all_warehouses": physical - allocated,
            "stock_level_at_all_warehouses": physical,
            "on_hand_value": 0.0,
            "inventory": {
                "infinite": False,
                "physical_stock_level_at_all_warehouses": physical,
                "allocated_stock_level_at_all_warehouses": allocated,
                "available_stock_level_at_all_warehouses": physical - allocated,
                "incoming_stock_level_at_all_warehouses": sum(e.incoming for e in entries),
            },
            "weight": weight,
        }

    def product(self, sellables: list[Sellable]) -> Json:
        """A product with its sellables."""
        first = sellables[0]
        entries = [entry for each in sellables for entry in self.entries(each.id)]
        physical = sum(e.physical for e in entries)
        allocated = sum(e.allocated for e in entries)
        deleted = [each.deleted_at for each in sellables if each.deleted_at is not None]
        return {
            "id": first.product_id,
            "title": first.title,
            "created_by_id": USER,
            "created_at": stamp(min(each.created_at for each in sellables)),
            "weight": 0,
            "origin_country": first.origin_country or None,
            "deleted_at": stamp(max(deleted)) if len(deleted) == len(sellables) else None,
            "deleted_by_id": None,
            "hs_tariff_number": first.hs_code or None,
            "notes": "",
            "product_tax_rate_id": None,
            "tax_rate": 0,
            "updated_at": stamp(max(each.updated_at for each in sellables)),
            "updated_by_id": None,
            "web_meta_description": "",
            "web_meta_keywords": "",
            "web_meta_title": "",
            "web_page_title": "",
            "web_page_url": "",
            "main_image": None,
            "estimated_delivery": None,
            "total_quantity_sold": 0,
            "brand": None,
            "sellables": [self.sellable(each) for each in sellables],
            "channel_products": [],
            "active_channels": [],
            "tags": [],
            "image": None,
            "description": "",
            "on_hand_value": 0.0,
            "main_image_src": None,
            "total_allocated_stock_level": allocated,
            "total_available_stock_level": physical - allocated,
            "total_stock_level": physical,
            "inventory": {"infinite": False},
        }

    # --- orders ---------------------------------------------------------------------------------------

    def order(self, record: WarehouseOrder, *, shows_allocations: bool = True) -> Json:
        """An order, as every call that answers with one gives it."""
        extra = self.extras.get(record.id) or Extra()
        email = record.email or None
        subtotal, taxes, line_discounts = Decimal(0), Decimal(0), Decimal(0)
        for line in record.lines:
            off = extra.discounts.get(line.id, Decimal(0)) * line.quantity
            net = line.unit_price * line.quantity - off
            subtotal += net
            taxes += net * line.tax_rate
            line_discounts += off
        order_discount = max(record.discount - line_discounts, Decimal(0))
        subtotal = round(subtotal - order_discount, 2)
        taxes = round(taxes, 2)
        allocations = record.allocations if shows_allocations else []
        method = self.warehouse.delivery_methods.get(record.delivery_method_id or 0)
        customer = None if record.customer_id is None else self.warehouse.customers.get(record.customer_id)
        answer: Json = {
            "id": record.id,
            "cancel_reason": record.cancel_reason or None,
            "refund_amount": None,
            "send_refund_email": None,
            "cancelled_at": stamp(record.cancelled_at),
            "created_at": stamp(record.created_at),
            "customer_viewable_notes": None,
            "delivery_cost": number(record.delivery_price),
            "due_date": f"{record.due_on}T00:00:00.000Z" if record.due_on else None,
            "dispatch_date": None,
            "international": record.address.country_code not in {"", "GB"},
            "notes": None,
            "number": record.number,
            "receipt_printed": False,
            "send_notification_email": extra.sends_email,
            "shipped_at": stamp(record.shipped_at),
            "status": rules.status(record),
            "subtotal_price": number(subtotal),
            "total_discounts": number(record.discount),
            "total_price": number(subtotal + record.delivery_price + taxes),
            "total_tax": number(taxes),
            "total_fees": 0.0,
            "buyer_user_id": None,
            "updated_at": stamp(record.updated_at),
            "payment": self._payment(record, extra),
            "till_id": None,
            "fulfilled_by_amazon": False,
            "is_amazon_prime": False,
            "is_amazon_premium_order": False,
            "additional_order_level_taxless_discount": number(order_discount),
            "restock_shipped_items": False,
            "adjustment_amount": 0.0,
            "merged_to_id": record.merged_to_id,
            "tags": [],
            "cancelled_by": None,
            "created_by": self.user_raw,
            "updated_by": None,
            "delivery_method": method
            and {"id": method.id, "name": method.name, "cost": number(method.price)},
            "deliver_to": address(record.address, ORDER_ADDRESS_IDS + record.id, email),
            "channel": self.channel(record.channel_id)
            if record.channel_id in self.warehouse.channels
            else None,
            "customer": None if customer is None else self._customer_in_order(customer),
            "customer_note": (
                record.customer_note
                and {"id": NOTE_IDS + record.id, "text": record.customer_note, "order_id": record.id}
            )
            or None,
            "allocations": self._allocations(record, allocations),
            "employee_notes": [self.note(record.id, *note, whole=True) for note in record.notes],
            "line_items": [self._line(record, line, extra) for line in record.lines],
            "returns": [self.returned(record, each) for each in record.returns],
            "allocated_completely": rules.is_allocated(record),
            "picked_completely": all(line.picked_quantity >= line.quantity for line in record.lines),
            "fulfillment_channel_order": None,
        }
        if record.currency:  # orders from before Veeqo kept it have no such key
            answer["currency_code"] = record.currency
        return answer

    def _payment(self, record: WarehouseOrder, extra: Extra) -> Json | None:
        if not record.is_paid:
            return None
        return {
            "id": PAYMENT_IDS + record.id,
            "order_id": record.id,
            "payment_type": extra.payment_type,
            "reference_number": record.payment_reference or None,
            "created_at": stamp(record.created_at),
            "updated_at": stamp(record.created_at),
            "card_number": None,
            "created_by_id": USER,
        }

    def note(self, order_id: int, key: int, at: datetime, text: str, *, whole: bool = False) -> Json:
        """An employee's note; alone it is answered with three fields of its author, in an order with all."""
        return {
            "created_at": stamp(at),
            "created_by": self.user_raw if whole else {k: self.user()[k] for k in ("email", "id", "login")},
            "id": key,
            "order_id": order_id,
            "text": text,
        }

    def _line(self, order: WarehouseOrder, line: WarehouseLine, extra: Extra) -> Json:
        sellable = self.warehouse.sellables.get(line.sellable_id)
        return {
            "id": line.id,
            "remote_id": line.remote_id or None,
            "title": sellable.title if sellable else None,
            "price_per_unit": number(line.unit_price),
            "quantity": line.quantity,
            "picked_quantity": line.picked_quantity,
            "tax_rate": number(line.tax_rate),
            "taxless_discount_per_unit": number(extra.discounts.get(line.id, Decimal(0))),
            "additional_options": extra.options.get(line.id),
            "created_at": stamp(order.created_at),
            "updated_at": stamp(order.updated_at),
            "sellable": self.sellable(sellable) if sellable else None,
        }

    def _allocations(self, order: WarehouseOrder, allocations: Iterable[Allocation]) -> list[Json]:
        picked: dict[int, int] = {}
        for line in order.lines:
            picked[line.sellable_id] = picked.get(line.sellable_id, 0) + line.picked_quantity
        for each in order.allocations:
            if each.parcel is not None:
                for _, sellable, quantity in each.lines:
                    picked[sellable] = picked.get(sellable, 0) - quantity
        return [self.allocation(each, picked) for each in allocations]

    def allocation(self, record: Allocation, picked: dict[int, int] | None = None) -> Json:
        """An allocation; ``picked`` is what of the order's picked units no earlier allocation has claimed."""
        changed = record.parcel.created_at if record.parcel else record.picking_since or record.created_at
        left = picked if picked is not None else {}
        lines = []
        weight = 0
        for key, sellable_id, quantity in record.lines:
            taken = quantity if record.parcel else max(min(quantity, left.get(sellable_id, 0)), 0)
            if not record.parcel:
                left[sellable_id] = left.get(sellable_id, 0) - taken
            sellable = self.warehouse.sellables.get(sellable_id)
            weight += (sellable.weight_grams or 0) * quantity if sellable else 0
            lines.append(
                {
                    "id": key,
                    "quantity": quantity,
                    "picked_quantity": taken,
                    # Seen in the field: this key is null now and then while sellable.id is right.
                    "sellable_id": None if key % 3 == 0 else sellable_id,
                    "created_at": stamp(record.created_at),
                    "updated_at": stamp(record.created_at),
                    "sellable": self.sellable(sellable) if sellable else None,
                }
            )
        return {
            "id": record.id,
            "updated_at": stamp(changed),
            "created_at": stamp(record.created_at),
            "total_weight": weight,
            "weight_unit": "g",
            "allocated_by_id": USER,
            "order_id": record.order_id,
            "packed_completely": True if record.parcel else None,
            "line_items": lines,
            "recommended_shipping_options": None,
            "matched_parcel_properties_criteria": None,
            "shipment": self.shipment(record.parcel) if record.parcel else None,
            "warehouse": self.facility(record.facility_id),
        }

    def shipment(self, record: Parcel) -> Json:
        """A shipment. Its tracking number is an object, and absent when nobody typed one in."""
        carrier = record.carrier_name or rules.CARRIERS.get(record.carrier_id, "Other")
        return {
            "id": record.id,
            "created_at": stamp(record.created_at),
            "allocation_id": record.allocation_id,
            "carrier_id": record.carrier_id,
            "shipped_by_id": USER,
            "weight": record.weight_grams or 0,
            "notify_customer": False,
            "update_remote_order": False,
            "tracking_number": {
                "id": TRACKING_IDS + record.id,
                "tracking_number": record.tracking_number,
                "status": record.status,
                "in_transit_at": stamp(record.in_transit_at),
                "delivered_at": stamp(record.delivered_at),
            }
            if record.tracking_number
            else None,
            "order_id": record.order_id,
            "carrier": {
                "id": record.carrier_id,
                "name": carrier,
                "slug": re.sub(r"[^a-z0-9]+", "-", carrier.lower()).strip("-"),
            },
            "service_name": record.service_name or None,
            "service_carrier_name": (record.service_name and carrier) or None,
            "tracking_url": record.tracking_url or None,
            "label_url": None,
            "outbound_label_charges": {"unit": self.currency, "value": 0.0},
        }

    def returned(self, order: WarehouseOrder, record: WarehouseReturn) -> Json:
        """A return; the API shows them and cannot make them."""
        paid = {line.sellable_id: line.unit_price * (1 + line.tax_rate) for line in order.lines}
        is_back = record.status == "returned"
        lines = []
        for key, sellable_id, quantity, received in record.lines:
            sellable = self.warehouse.sellables.get(sellable_id)
            each = round(paid.get(sellable_id, Decimal(0)), 2)
            lines.append(
                {
                    "id": key,
                    "title": sellable.title if sellable else None,
                    "sku_code": sellable.sku if sellable else None,
                    "quantity": quantity,
                    "sellable_id": sellable_id,
                    "received_quantity": received,
                    "refund_quantity": received if is_back else 0,
                    "refund_amount": number(each * received) if is_back else 0.0,
                    "refund_amount_per_unit": number(each),
                }
            )
        return {
            "id": record.id,
            "number": f"RN-{record.id}",
            "status": record.status,
            "reason": record.reason or None,
            "created_at": stamp(record.created_at),
            "type": "ShippedItemsReturn",
            "line_items": lines,
            "user": {"id": USER, "name": "API user", "email": "api@veeqo.sandbox.test"},
            "warehouse_name": self.warehouse.facilities[record.facility_id].name,
        }
