"""BigCommerce's JSON for an order and its parts: lines, addresses, taxes, shipments.

Belongs here: one function per kind of record, each giving what the documents show of it, and the state an order is in.
Does not belong here: routes and limits (``bigcommerce``), writes (``bigcommerce_writes``), money that moved
(``bigcommerce_payments``), how an order adds up (``world/shop``).

INFERRED: which status follows from which state of an order; that a line edited down to nothing is not shown.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import (
    ADDRESS_IDS,
    NOTHING,
    STATUSES,
    Extra,
    Json,
    Store,
    rfc,
    text,
)
from cogent_pipelines.sandbox.world import shop as shops

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world import model
    from cogent_pipelines.sandbox.world.world import World

PAYMENT = {
    "pending": "pending", "authorized": "authorized", "paid": "captured", "partially_paid": "captured",
    "partially_refunded": "partially refunded", "refunded": "refunded", "voided": "void", "expired": "declined",
}  # fmt: skip
COUNTRIES = {"GB": "United Kingdom", "IE": "Ireland", "FR": "France", "DE": "Germany", "US": "United States"}


class Orders:
    """Orders of one store as it shows them."""

    def __init__(self, system: str, world: World, store: Store) -> None:
        self.system = system
        self.shop = world.shops[system]
        self.store = store

    # --- orders ---------------------------------------------------------------------------------------

    def status(self, order: model.ShopOrder) -> int:
        """The status by its number: what somebody set, else what follows from the order."""
        if order.cancelled_at is not None:
            return 5
        if (given := self.store.statuses.get(order.id)) is not None:
            return given
        money, goods = shops.financial_status(self.shop, order), shops.fulfilment_status(order)
        if money in {"refunded", "partially_refunded"}:
            return 4 if money == "refunded" else 14
        if goods in {"fulfilled", "partially_fulfilled"}:
            return 2 if goods == "fulfilled" else 3
        if goods == "on_hold":
            return 12
        return {"pending": 7, "voided": 6, "expired": 6}.get(money, 11)

    def payment_status(self, order: model.ShopOrder) -> str:
        """Empty where no gateway had anything to do with it."""
        return PAYMENT[shops.financial_status(self.shop, order)] if order.transactions else ""

    def lines(self, order: model.ShopOrder) -> list[model.ShopLine]:
        """The lines there are: one edited down to nothing is gone."""
        return [line for line in order.lines if quantity(line)]

    def order(self, order: model.ShopOrder, *, whole: bool) -> Json:
        """An order; ``whole`` with its consignments and lines, else with links to them."""
        sums, status = shops.totals(self.shop, order), self.status(order)
        lines = self.lines(order)
        goods = sum((self._price(line) * quantity(line) for line in lines), NOTHING)
        goods_tax = sum((self._tax(line) * quantity(line) for line in lines), NOTHING)
        delivery, delivery_tax = self._delivery(order)
        inside = self.shop.taxes_included
        goods_ex, goods_inc = (goods - goods_tax, goods) if inside else (goods, goods + goods_tax)
        delivery_ex, delivery_inc = (
            (delivery - delivery_tax, delivery) if inside else (delivery, delivery + delivery_tax)
        )
        discount = sum((line.discount for line in lines), NOTHING)
        # what was edited away is in no total; what was refunded stands beside
        worth = {line.id: shops.line_amount(line, quantity(line)) for line in lines}
        tax = delivery_tax + sum(
            (shops.tax_in(self.shop, worth[line.id], line.tax_rate) for line in lines), NOTHING
        )
        total = sum(worth.values(), NOTHING) + order.delivery_price + (NOTHING if inside else tax)
        return {
            "id": order.id,
            "customer_id": order.customer_id or 0,
            "date_created": rfc(order.created_at),
            "is_tax_inclusive_pricing": inside,
            "date_modified": rfc(order.updated_at),
            "date_shipped": rfc(min((f.created_at for f in self.standing(order)), default=None)),
            "status_id": status,
            "status": STATUSES[status],
            "custom_status": STATUSES[status],
            "subtotal_ex_tax": text(goods_ex),
            "subtotal_inc_tax": text(goods_inc),
            "subtotal_tax": text(goods_tax),
            **_cost("shipping", delivery_ex, delivery_inc),
            **_cost("handling", NOTHING, NOTHING),
            **_cost("wrapping", NOTHING, NOTHING),
            "total_ex_tax": text(total - tax),
            "total_inc_tax": text(total),
            "total_tax": text(tax),
            "items_total": sum(quantity(line) for line in lines),
            "items_shipped": sum(line.fulfilled_quantity for line in lines),
            "payment_method": order.transactions[0].gateway if order.transactions else "Manual",
            "payment_provider_id": None,
            "payment_status": self.payment_status(order),
            "refunded_amount": text(sums.refunded),
            "order_is_digital": not any(line.requires_shipping for line in lines),
            "store_credit_amount": "0.0000",
            "gift_certificate_amount": "0.0000",
            "ip_address": "",
            "ip_address_v6": "",
            "geoip_country": "",
            "geoip_country_iso2": "",
            "currency_id": 1,
            # what was shown, which is not what was paid in
            "currency_code": order.presentment_currency or order.currency,
            "currency_exchange_rate": f"{order.presentment_rate:.10f}",
            "default_currency_id": 1,
            "default_currency_code": order.currency,
            "store_default_currency_code": self.shop.currency,
            "store_default_to_transactional_exchange_rate": "1.0000000000",
            "staff_notes": None,
            "customer_message": order.note,
            "discount_amount": text(discount),
            "coupon_discount": "0.0000",
            "shipping_address_count": 1 if any(line.requires_shipping for line in lines) else 0,
            "is_deleted": False,
            "ebay_order_id": "0",
            "cart_id": None,
            "billing_address": {**self._address(order), "form_fields": []},
            "is_email_opt_in": False,
            "credit_card_type": None,
            "order_source": "www" if order.source == "web" else order.source,
            "channel_id": order.channel_id,
            "external_source": None,
            "external_id": None,
            "external_merchant_id": None,
            "external_order_id": "",
            "tax_provider_id": "",
            "customer_locale": "en",
            "products": self._link(order, "products"),
            "shipping_addresses": self._link(order, "shipping_addresses"),
            "coupons": self._link(order, "coupons"),
            "fees": self._link(order, "fees"),
            "consignments": self.consignments(order) if whole else self._link(order, "consignments"),
        }

    def _link(self, order: model.ShopOrder, name: str) -> Json:
        resource = f"/orders/{order.id}/{name}"
        url = f"https://api.bigcommerce.com/stores/{self.system}/v2{resource}"
        return {"url": url, "resource": resource}

    @staticmethod
    def _address(order: model.ShopOrder) -> Json:
        a = order.address
        return {
            "first_name": a.first_name,
            "last_name": a.last_name,
            "company": a.company,
            "street_1": a.line1,
            "street_2": a.line2,
            "city": a.city,
            "state": a.region,
            "zip": a.postcode,
            "country": COUNTRIES.get(a.country_code, a.country_code),
            "country_iso2": a.country_code,
            "phone": a.phone,
            "email": order.email,
        }

    def _price(self, line: model.ShopLine) -> Decimal:
        return line.unit_price

    def _tax(self, line: model.ShopLine) -> Decimal:
        """Tax in, or due on, one unit before discounts."""
        return shops.tax_in(self.shop, line.unit_price, line.tax_rate)

    def _delivery(self, order: model.ShopOrder) -> tuple[Decimal, Decimal]:
        rate = order.lines[0].tax_rate if order.lines else NOTHING
        return order.delivery_price, shops.tax_in(self.shop, order.delivery_price, rate)

    def line(self, order: model.ShopOrder, line: model.ShopLine) -> Json:
        """A line of an order."""
        units, tax = quantity(line), self._tax(line)
        inside = self.shop.taxes_included
        ex, inc = (
            (line.unit_price - tax, line.unit_price) if inside else (line.unit_price, line.unit_price + tax)
        )
        variant = self.shop.variants.get(line.variant_id or 0)
        paid = shops.line_amount(line, units)
        paid_tax = shops.tax_in(self.shop, paid, line.tax_rate)
        discounts = [
            {
                "id": "manual-discount",
                "amount": text(line.discount),
                "name": "Manual Discount",
                "code": None,
                "target": "order",
            }
        ]
        return {
            "id": line.id,
            "order_id": order.id,
            "product_id": variant.product_id if variant else 0,
            "variant_id": variant.id if variant else 0,
            "order_address_id": ADDRESS_IDS + order.id if line.requires_shipping else 0,
            "order_pickup_method_id": 0,
            "name": line.title,
            "name_customer": line.title,
            "name_merchant": line.title,
            "sku": line.sku,
            "upc": variant.barcode if variant else "",
            "type": "physical" if line.requires_shipping else "digital",
            "base_price": text(line.unit_price),
            "price_ex_tax": text(ex),
            "price_inc_tax": text(inc),
            "price_tax": text(tax),
            "base_total": text(line.unit_price * units),
            "total_ex_tax": text(ex * units),
            "total_inc_tax": text(inc * units),
            "total_tax": text(paid_tax),
            "weight": "1.0000",
            "quantity": units,
            "is_refunded": bool(units) and line.refunded_quantity >= units,
            "quantity_refunded": line.refunded_quantity,
            "refund_amount": "0.0000",
            "return_id": 0,
            "quantity_shipped": line.fulfilled_quantity,
            "parent_order_product_id": None,
            "is_bundled_product": False,
            "bin_picking_number": "",
            "external_id": None,
            "brand": "",
            "applied_discounts": discounts if line.discount else [],
            "product_options": [],
            "configurable_fields": [],
            "gift_certificate_id": None,
            "discounted_total_inc_tax": text(paid if inside else paid + paid_tax),
        }

    def consignments(self, order: model.ShopOrder) -> Json:
        """What goes to the order's address, and what is downloaded."""
        lines = self.lines(order)
        shipped = [line for line in lines if line.requires_shipping]
        loaded = [self.line(order, line) for line in lines if not line.requires_shipping]
        cost = {name: float(value) for name, value in self._address_cost(order).items()}
        shipping = {
            "id": ADDRESS_IDS + order.id,
            **self._address(order),
            "form_fields": [],
            "line_items": [self.line(order, line) for line in shipped],
            "items_total": sum(quantity(line) for line in shipped),
            "items_shipped": sum(line.fulfilled_quantity for line in shipped),
            "shipping_method": order.delivery_option,
            **cost,
            "shipping_zone_id": 1,
            "shipping_zone_name": "Everywhere",
        }
        return {
            "pickups": [],
            "shipping": [shipping] if shipped else [],
            "downloads": [{"recipient_email": order.email, "line_items": loaded}] if loaded else [],
            "email": {"gift_certificates": []},
        }

    def _address_cost(self, order: model.ShopOrder) -> dict[str, str]:
        delivery, tax = self._delivery(order)
        inside = self.shop.taxes_included
        ex, inc = (delivery - tax, delivery) if inside else (delivery, delivery + tax)
        zero = text(NOTHING)
        return {
            "base_cost": text(delivery),
            "cost_ex_tax": text(ex),
            "cost_inc_tax": text(inc),
            "cost_tax": text(tax),
            "base_handling_cost": zero,
            "handling_cost_ex_tax": zero,
            "handling_cost_inc_tax": zero,
            "handling_cost_tax": zero,
        }

    def addresses(self, order: model.ShopOrder) -> list[Json]:
        """The shipping addresses as their own list shows them, with money as text."""
        lines = [line for line in self.lines(order) if line.requires_shipping]
        if not lines:
            return []
        return [
            {
                "id": ADDRESS_IDS + order.id,
                "order_id": order.id,
                **self._address(order),
                "items_total": sum(quantity(line) for line in lines),
                "items_shipped": sum(line.fulfilled_quantity for line in lines),
                "shipping_method": order.delivery_option,
                **self._address_cost(order),
                "cost_tax_class_id": 2,
                "handling_cost_tax_class_id": 2,
                "shipping_zone_id": 1,
                "shipping_zone_name": "Everywhere",
                "form_fields": [],
            }
        ]

    def taxes(self, order: model.ShopOrder, *, details: bool) -> list[Json]:
        """Taxes by rate; with details one for each line and one for the delivery."""
        rows: list[tuple[str, str, Decimal, Decimal]] = [
            (
                "item",
                str(line.id),
                line.tax_rate,
                shops.tax_in(self.shop, shops.line_amount(line, quantity(line)), line.tax_rate),
            )
            for line in self.lines(order)
        ]
        named = {str(line.id): line.tax_name for line in order.lines}
        rate = order.lines[0].tax_rate if order.lines else NOTHING
        rows.append(("shipping", "", rate, self._delivery(order)[1]))
        if not details:
            by_rate: dict[Decimal, Decimal] = {}
            for _, _, each, amount in rows:
                by_rate[each] = by_rate.get(each, NOTHING) + amount
            rows = [("", "", each, amount) for each, amount in by_rate.items()]
        return [
            {
                "id": order.id * 100 + place,
                "order_id": order.id,
                "order_address_id": ADDRESS_IDS + order.id,
                "tax_rate_id": 1,
                "sales_tax_id": "",
                "tax_class_id": 0,
                "name": named.get(line) or ("VAT" if each else "Zero rate"),
                "class": "Default Tax Class",
                "rate": text(each * 100),
                "priority": 0,
                "priority_amount": text(amount),
                "line_amount": text(amount),
                "order_pickup_method_id": 0,
                **({"order_product_id": line, "line_item_type": kind} if details else {}),
            }
            for place, (kind, line, each, amount) in enumerate(rows)
            if amount
        ]

    # --- shipments ------------------------------------------------------------------------------------

    def standing(self, order: model.ShopOrder) -> list[model.Fulfilment]:
        """The order's shipments, each once; a deleted one is not there."""
        hidden = {
            number for f in order.fulfilments for number in self.store.shipments.get(f.id, Extra()).also
        }
        return [f for f in order.fulfilments if f.status == "success" and f.id not in hidden]

    def shipment(self, order: model.ShopOrder, found: model.Fulfilment) -> Json:
        """A shipment; one that was not made through this vendor's own call has neither comments nor link."""
        extra = self.store.shipments.get(found.id) or Extra(
            carrier=found.carrier, link=found.urls[0] if found.urls else ""
        )
        units: Counter[int] = Counter()
        for part in (found, *(self.shop.fulfilments[number] for number in extra.also)):
            for line, quantity_ in part.lines:
                units[line] += quantity_
        by_id = {line.id: line for line in order.lines}
        address = self._address(order)
        return {
            "id": found.id,
            "order_id": order.id,
            "customer_id": order.customer_id or 0,
            "order_address_id": ADDRESS_IDS + order.id,
            "date_created": rfc(found.created_at),
            "tracking_number": found.numbers[0] if found.numbers else "",
            "merchant_shipping_cost": extra.cost,
            "shipping_method": extra.method,
            "comments": extra.comments,
            "shipping_provider": extra.provider,
            "tracking_carrier": extra.carrier,
            "tracking_link": extra.link,
            "billing_address": address,
            "shipping_address": address,
            "items": [
                {
                    "order_product_id": line,
                    "product_id": self._product_of(by_id[line]),
                    "quantity": quantity_,
                }
                for line, quantity_ in units.items()
            ],
            "shipping_provider_display_name": extra.provider.upper(),
            "generated_tracking_link": extra.link,
        }

    def _product_of(self, line: model.ShopLine) -> int:
        variant = self.shop.variants.get(line.variant_id or 0)
        return variant.product_id if variant else 0


def quantity(line: model.ShopLine) -> int:
    """Units of a line as this vendor counts them: edits change them, refunds stand beside."""
    return line.current_quantity + line.refunded_quantity


def _cost(name: str, ex: Decimal, inc: Decimal) -> Json:
    return {
        f"base_{name}_cost": text(inc),
        f"{name}_cost_ex_tax": text(ex),
        f"{name}_cost_inc_tax": text(inc),
        f"{name}_cost_tax": text(inc - ex),
        f"{name}_cost_tax_class_id": 0,
    }
