"""Adobe Commerce's JSON for an order's documents: invoices, shipments, credit memos, transactions; how they are searched.

Belongs here: one function per kind of document, each giving what the vendor's documents show of it.
Does not belong here: HTTP and searches, the order itself (``adobe_commerce_orders``), changes (``adobe_commerce_writes``).

INFERRED: the numbers of an invoice's and a credit memo's states; that a shipment shows a configurable's parent only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cogent_pipelines.sandbox.vendors import adobe_commerce_standing as standing
from cogent_pipelines.sandbox.vendors.adobe_commerce_search import Table
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import (
    STORE,
    Json,
    Store,
    amounts,
    currencies,
    stamp,
)
from cogent_pipelines.sandbox.world import model


class Documents:
    """Documents of one shop's orders."""

    def __init__(self, shop: model.Shop, store: Store) -> None:
        self.shop = shop
        self.store = store

    def _documents(self, kind: str) -> list[tuple[model.ShopOrder, Any]]:
        found: list[tuple[model.ShopOrder, Any]] = []
        for order in self.shop.orders.values():
            if kind == "shipments":
                found += [(order, f) for f in order.fulfilments if f.status == "success"]
            elif kind == "creditmemos":
                found += standing.credited(self.shop, order)
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
            **currencies(order),
            **amounts(order, grand_total=taken.amount),
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

    def creditmemo(self, row: tuple[model.ShopOrder, model.Refund]) -> Json:
        """A credit memo, refunded. What was given back beside its lines and delivery is an adjustment."""
        order, back = row
        lines = {line.id: line for line in order.lines}
        by = standing.adjustment(self.shop, order, back)
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
                    **amounts(
                        order,
                        price=standing.before_tax(self.shop, line.unit_price, line.tax_rate),
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
            **currencies(order),
            **amounts(
                order,
                grand_total=standing.paid_back(order, back),
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

    # --- what can be searched -------------------------------------------------------------------------

    def tables(self) -> dict[str, Table]:
        """These lists by the name in their address."""
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
        return {
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
        }
