"""BigCommerce's JSON for money that moved: transactions and refunds, and its words for who moved it.

Belongs here: what the documents show of either.
Does not belong here: routes and limits (``bigcommerce``), what an order costs (``bigcommerce_orders``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import ADDRESS_IDS, NOTHING, Json, iso, number
from cogent_pipelines.sandbox.world import money

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world import model

EVENTS = {
    "authorization": "authorization", "sale": "purchase", "capture": "capture", "refund": "refund", "void": "void",
}  # fmt: skip
PROVIDERS = {
    "adyen": "adyen",
    "bank_transfer": "bankdeposit",
    "gift_card": "giftcertificate",
    "klarna": "klarna",
    "paypal": "paypalexpress",
    money.PAYMENTS: "braintree",
    "stripe": "stripe",
}
"""The world's gateway, or its vendor, -> the store's word for it."""


def transaction(order: model.ShopOrder, found: model.Transaction, vendors: Mapping[str, str]) -> Json:
    """Money that moved at a gateway. ``vendors``: the world's system -> its vendor."""
    is_pending = found.status == "pending"
    made: Json = {
        "id": found.id,
        "order_id": str(order.id),
        "event": "pending" if is_pending else EVENTS[found.kind],
        "method": "credit_card",
        "amount": number(found.amount),
        "currency": order.currency,
        "gateway": _gateway(found.gateway, vendors),
        "gateway_transaction_id": f"ch_{found.id}",
        "date_created": iso(found.at),
        "test": order.is_test,
        "status": "ok" if found.status in {"success", "pending"} else "error",
        "fraud_review": False,
    }
    if found.parent_id is not None:
        made["reference_transaction_id"] = found.parent_id
    return made


def refund(order: model.ShopOrder, found: model.Refund, vendors: Mapping[str, str]) -> Json:
    """A refund. Its lines name no amount: their units are what was asked for."""
    paid = [t for t in order.transactions if t.id in found.transaction_ids]
    items: list[Json] = [
        {
            "item_type": "PRODUCT",
            "item_id": row.line_id,
            "reason": "",
            "quantity": row.quantity,
            "requested_amount": None,
        }
        for row in found.lines
    ]
    if found.shipping:
        items.append({"item_type": "SHIPPING", "item_id": ADDRESS_IDS + order.id, **_asked(found.shipping)})
    if found.adjustment:
        items.append({"item_type": "ORDER", "item_id": order.id, **_asked(found.adjustment)})
    return {
        "id": found.id,
        "order_id": order.id,
        "user_id": 0,
        "created": iso(found.at),
        "reason": found.note,
        "total_amount": number(sum((t.amount for t in paid), NOTHING)),
        "total_tax": number(sum((row.tax for row in found.lines), NOTHING)),
        "uses_merchant_override_values": False,
        "items": items,
        "payments": [
            {
                "id": t.id,
                "provider_id": _gateway(t.gateway, vendors),
                "amount": number(t.amount),
                "offline": False,
                "is_declined": t.status == "failure",
                "declined_message": "",
                "transaction_id": str(t.id),
            }
            for t in paid
        ],
    }


def _asked(amount: Decimal) -> Json:
    return {"reason": "", "quantity": 1, "requested_amount": number(amount)}


def _gateway(name: str, vendors: Mapping[str, str]) -> str:
    """A provider by the store's word for it; what another shop calls its own is a card processor nobody else asks."""
    return PROVIDERS.get(vendors.get(name, name), "custom")
