"""Veeqo's JSON for what an account is set up with: company, user, warehouses, stores, delivery methods.

Belongs here: the objects that hardly ever change and stand inside every order.
Does not belong here: orders, stock, products, customers (``veeqo_shapes``).

What the retailer of the sandbox has no use for carries the empty value of the documents' own samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from cogent_pipelines.sandbox.world.model import DeliveryMethod, Facility, Warehouse

Json = dict[str, Any]

COMPANY = 21314
USER = 23005
CHANNEL_NULL = """
    short_name url shopify_url ebay_url country pulled_products_at pulled_orders_at seller_id marketplace_id
    mws_auth_token deleted_at deleted_by_id api2cart_store_key bridge_url bridge_verified
    successfully_fetched_stock_levels_at adjust_orders_tax_rate weight_unit marketplace_country time_zone
    time_zone_offset token amazon_fulfillment_setting amazon_channel_specific api2cart_channel_specific
    additional_api2cart_site time_since_product_sync time_since_order_sync
    time_since_tried_fetch_stock_level time_since_successfully_fetch_stock_level
"""
CHANNEL_FALSE = """
    pull_pending_orders automatic_product_linking_disabled pull_historical_orders
    send_notification_emails_to_customers end_ebay_listing_on_out_of_stock with_fba remote
    first_sync_finish_notice_marked_as_read pull_unpaid_shopify_orders veeqo_dictates_price
    keep_inventory_tracking_value amazon_fulfillment_enabled import_additional_payment_details
"""
CHANNEL_TRUE = """
    pending_setup default_send_shipment_email update_remote_order create_product_if_unmatched
    skip_title_matching skip_fba_orders_and_products pull_stock_level_required pull_product_properties
    update_product_attributes veeqo_dictates_stock_level create_product_on_ended_listings
    link_to_products_linked_to_current_channel import_cost_price import_product_tags import_product_brands
"""


def stamp(moment: datetime | None) -> str | None:
    """An instant as Veeqo writes it: UTC, milliseconds, Z."""
    return None if moment is None else f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def number(amount: Decimal) -> float:
    """Money leaves as a JSON number."""
    return float(amount)


class Account:
    """One account as it was set up."""

    def __init__(self, warehouse: Warehouse, currency: str, started: datetime) -> None:
        self.warehouse = warehouse
        self.currency = currency
        self.started = started
        self._facilities: dict[int, tuple[datetime | None, msgspec.Raw]] = {}
        self._channels: dict[int, msgspec.Raw] = {}
        self.user_raw = msgspec.Raw(msgspec.json.encode(self.user()))

    def company(self) -> Json:
        return {
            "id": COMPANY,
            "name": f"{self.warehouse.system} sandbox",
            "created_at": stamp(self.started),
            "updated_at": stamp(self.started),
            "referring_website": None,
            "card_valid": False,
            "stripe_customer_id": None,
            "has_right_to_use_veeqo": True,
            "subscription_status": "active",
            "billing_period_started": None,
            "subscription_plan_id": 62,
            "chargify_product_handle": "unlimited",
            "chargify_current_plan": {
                "name": "Unlimited",
                "planId": "unlimited",
                "chargeType": "monthly",
                "pricing": "0",
                "setup_fee": None,
                "product_handle": "unlimited",
                "product_url": None,
                "features": {
                    "users": "Unlimited",
                    "products": "Unlimited",
                    "orders": "Unlimited",
                    "stores": "Unlimited",
                    "support": "Unlimited",
                    "product_pusher": True,
                    "stock_take": True,
                },
                "available": False,
            },
            "setting": {"currency_code": self.currency, "phone_number": None},
            "subscription_plan": {
                "id": 62,
                "name": "Unlimited",
                "stripe_plan_id": "UNLIMITED",
                "billing_interval": "month",
            },
        }

    def user(self) -> Json:
        return {
            "id": USER,
            "login": "API user",
            "email": "api@veeqo.sandbox.test",
            "location": None,
            "guide_completed_message_viewed": None,
            "orders_walkthrough_viewed": False,
            "default_warehouse_id": None,
            "created_at": stamp(self.started),
            "updated_at": stamp(self.started),
            "company": self.company(),
        }

    def facility(self, key: int) -> msgspec.Raw:
        """A warehouse, as it stands inside other objects."""
        record = self.warehouse.facilities[key]
        kept = self._facilities.get(key)
        if kept is None or kept[0] != record.deleted_at:
            kept = (record.deleted_at, msgspec.Raw(msgspec.json.encode(self.warehouse_record(record))))
            self._facilities[key] = kept
        return kept[1]

    def warehouse_record(self, record: Facility) -> Json:
        return {
            "id": record.id,
            "name": record.name,
            "user_id": None,
            "address_line_1": "",
            "address_line_2": "",
            "city": record.name,
            "region": "",
            "country": "GB",
            "post_code": "",
            "inventory_type_code": "wavg",
            "default_min_reorder": 0,
            "click_and_collect_enabled": False,
            "click_and_collect_days": None,
            "created_by_id": USER,
            "updated_by_id": None,
            "deleted_at": stamp(record.deleted_at),
            "deleted_by_id": None,
            "created_at": stamp(self.started),
            "updated_at": stamp(record.deleted_at or self.started),
            "phone": None,
            "requested_carrier_account": None,
            "display_position": 9999,
            "cached_time_zone": record.time_zone,
        }

    def delivery_method(self, record: DeliveryMethod) -> Json:
        """As ``GET /delivery_methods`` lists it: here, and only here, the cost is text."""
        return {
            "id": record.id,
            "cost": str(number(record.price)),
            "name": record.name,
            "user_id": USER,
            "created_at": stamp(record.created_at),
            "updated_at": stamp(record.updated_at),
        }

    def channel(self, key: int) -> msgspec.Raw:
        """The store an order came in by."""
        raw = self._channels.get(key)
        if raw is None:
            raw = msgspec.Raw(msgspec.json.encode(self.channel_record(key)))
            self._channels[key] = raw
        return raw

    def channel_record(self, key: int) -> Json:
        name = self.warehouse.channels[key]
        default = next(iter(self.warehouse.facilities), None)
        return {
            "id": key,
            "type_code": "direct",
            "created_by_id": USER,
            "name": name,
            "currency_code": self.currency,
            "state": "active",
            "ebay_site_code_id": 3,
            "region": "",
            "city": "",
            "address_line_1": "",
            "address_line_2": "",
            "post_code": "",
            "email": "api@veeqo.sandbox.test",
            "max_qty_to_advert": 0,
            "min_threshold_qty": 0,
            "percent_of_qty": 100,
            "always_set_qty": 0,
            "channel_warehouses": [],
            "warehouses": [],
            "stock_level_update_requests": [],
            "default_warehouse": None if default is None else self.facility(default),
            **dict.fromkeys(CHANNEL_NULL.split()),
            **dict.fromkeys(CHANNEL_FALSE.split(), False),
            **dict.fromkeys(CHANNEL_TRUE.split(), True),
        }
