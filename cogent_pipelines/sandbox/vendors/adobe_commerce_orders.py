"""Adobe Commerce's JSON for an order with its items, address, payment and history, and the columns it is searched by.

Belongs here: what the documents show of an order itself.
Does not belong here: HTTP and searches, an order's documents (``adobe_commerce_documents``), where it stands
(``adobe_commerce_standing``), changes (``adobe_commerce_writes``).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cogent_pipelines.sandbox.vendors import adobe_commerce_standing as standing
from cogent_pipelines.sandbox.vendors.adobe_commerce_search import Table
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import (
    CHILD,
    STATUSES,
    STORE,
    Json,
    amounts,
    currencies,
    is_configurable,
    number,
    stamp,
)
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops


class Orders:
    """One shop's orders."""

    def __init__(self, shop: model.Shop) -> None:
        self.shop = shop

    def order(self, order: model.ShopOrder) -> Json:
        """An order with its items, address, payment and history."""
        money = shops.totals(self.shop, order)
        rate = order.lines[0].tax_rate if order.lines else Decimal(0)
        delivery = standing.before_tax(self.shop, order.delivery_price, rate)
        lines = [standing.line_money(self.shop, line, line.quantity) for line in order.lines]
        subtotal = sum((line["row_total"] for line in lines), Decimal(0))
        discount = sum((line["discount_amount"] for line in lines), Decimal(0))
        tax = money.total - subtotal + discount - delivery
        state = standing.state(self.shop, order)
        beside = [
            standing.adjustment(self.shop, order, back) for _, back in standing.credited(self.shop, order)
        ]
        return {
            "entity_id": order.id,
            "increment_id": order.name,
            "state": state,
            "status": _status(state),
            "created_at": stamp(order.created_at),
            "updated_at": stamp(order.updated_at),
            "store_id": order.channel_id,
            "store_name": "Main Website\nMain Website Store\nDefault Store View",
            "protect_code": f"{order.id:06x}",
            **currencies(order),
            **amounts(
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
                total_canceled=standing.cancelled_amount(self.shop, order) or None,
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
                            "total": amounts(order, shipping_amount=delivery),
                        },
                        "items": [],
                    }
                ]
            },
        }

    def _items(self, order: model.ShopOrder, line: model.ShopLine) -> Iterator[Json]:
        variant = self.shop.variants.get(line.variant_id) if line.variant_id is not None else None
        shipped, refunded, cancelled = standing.quantities(self.shop, order, line)
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
            "qty_invoiced": line.quantity if standing.captured(self.shop, order) else 0,
            "tax_percent": number(line.tax_rate * 100),
            **amounts(order, **standing.line_money(self.shop, line, line.quantity)),
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
                **amounts(
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
            **amounts(
                order,
                amount_ordered=money.total,
                amount_authorized=money.authorised or None,
                amount_paid=money.captured or None,
                amount_refunded=money.refunded or None,
            ),
        }

    def _history(self, order: model.ShopOrder, state: str) -> Iterator[Json]:
        status = _status(state)
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

    # --- what can be searched -------------------------------------------------------------------------

    def tables(self) -> dict[str, Table]:
        """These lists by the name in their address."""
        return {
            "orders": Table(
                lambda: list(self.shop.orders.values()),
                {
                    "entity_id": lambda o: o.id,
                    "increment_id": lambda o: o.name,
                    "created_at": lambda o: o.created_at,
                    "updated_at": lambda o: o.updated_at,
                    "state": lambda o: standing.state(self.shop, o),
                    "status": lambda o: _status(standing.state(self.shop, o)),
                    "store_id": lambda _: STORE,
                    "customer_email": lambda o: o.email,
                },
                self.order,
            ),
        }


def _status(state: str) -> str:
    """The status the shop shows for a state."""
    return STATUSES.get(state, state)
