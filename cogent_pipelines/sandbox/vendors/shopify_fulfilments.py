"""The fields of fulfilment orders and fulfilments, as Shopify shows them.

Belongs here: one resolver per field of FulfillmentOrder, Fulfillment and of their lines.
Does not belong here: making or changing one (``shopify_writes``).
"""

# ruff: noqa: N803  arguments are named as the vendor names them

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_orders import (
    Fields,
    Resolvers,
    always,
    connection,
    gated,
    nothing,
    truncated,
)
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Bag,
    Context,
    Event,
    Grams,
    HandlingLine,
    Line,
    ShippedLine,
    Tracking,
    gid,
)
from cogent_pipelines.sandbox.world import model
from cogent_pipelines.sandbox.world import shop as shops

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_SCOPES = (
    "read_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders",
    "read_assigned_fulfillment_orders",
)
ACTIONS = {
    "open": ("CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", "SPLIT"),
    "in_progress": ("CREATE_FULFILLMENT", "REPORT_PROGRESS", "HOLD", "MARK_AS_OPEN"),
    "scheduled": ("MARK_AS_OPEN", "MOVE"),
    "on_hold": ("RELEASE_HOLD", "MOVE"),
}


def order_of(record: Any, context: Context) -> model.ShopOrder:
    """The order of a fulfilment or fulfilment order."""
    return context.shop.orders[record.order_id]


def line_of(order: model.ShopOrder, line_id: int) -> Line:
    """A line of an order by its id."""
    return Line(order, next(line for line in order.lines if line.id == line_id))


# --- fulfilment orders --------------------------------------------------------------------------------


def _location(record: Any, context: Context) -> model.Location | None:
    return context.shop.locations.get(record.location_id)


def _handled(f: model.FulfilmentOrder, _context: Context) -> list[HandlingLine]:
    return [HandlingLine(f, line) for line in f.lines]


def _fulfilments_of(f: model.FulfilmentOrder, context: Context) -> list[model.Fulfilment]:
    return [each for each in order_of(f, context).fulfilments if f.id in each.fulfilment_order_ids]


def _name_of_location(f: model.FulfilmentOrder, context: Context) -> str:
    location = _location(f, context)
    return location.name if location else "Deleted location"


FULFILMENT_ORDER: Fields = {
    "assignedLocation": lambda f, _: f,
    "createdAt": lambda f, _: f.created_at,
    "deliveryMethod": lambda f, _: f,
    "destination": lambda f, _: f,
    "fulfillAt": lambda f, _: f.created_at,
    "fulfillBy": nothing,
    "fulfillmentHolds": lambda f, _: [f] if f.status == "on_hold" else [],
    "fulfillments": connection(_fulfilments_of, lambda x: x.id),
    "id": lambda f, _: gid("FulfillmentOrder", f.id),
    "lineItems": connection(_handled, lambda x: x.line.id),
    "order": order_of,
    "orderId": lambda f, _: gid("Order", f.order_id),
    "orderName": lambda f, c: order_of(f, c).name,
    "orderProcessedAt": lambda f, c: order_of(f, c).processed_at or order_of(f, c).created_at,
    "requestStatus": always("UNSUBMITTED"),
    "status": lambda f, _: f.status.upper(),
    "supportedActions": lambda f, _: ACTIONS.get(f.status, ()),
    "updatedAt": lambda f, _: f.updated_at,
}

LOCATION: Fields = {
    "address1": nothing,
    "city": _name_of_location,
    "countryCode": always("GB"),
    "location": _location,
    "name": _name_of_location,
    "zip": nothing,
}


def _address(f: model.FulfilmentOrder, context: Context) -> model.Address:
    return order_of(f, context).address


DESTINATION: Fields = {
    "address1": lambda f, c: _address(f, c).line1 or None,
    "address2": lambda f, c: _address(f, c).line2 or None,
    "city": lambda f, c: _address(f, c).city or None,
    "company": lambda f, c: _address(f, c).company or None,
    "countryCode": lambda f, c: _address(f, c).country_code or None,
    "email": lambda f, c: order_of(f, c).email or None,
    "firstName": lambda f, c: _address(f, c).first_name or None,
    "id": lambda f, _: gid("FulfillmentOrderDestination", f.id),
    "lastName": lambda f, c: _address(f, c).last_name or None,
    "phone": lambda f, c: _address(f, c).phone or None,
    "province": lambda f, c: _address(f, c).region or None,
    "zip": lambda f, c: _address(f, c).postcode or None,
}


def _method(f: model.FulfilmentOrder, context: Context) -> str:
    return "PICK_UP" if order_of(f, context).delivery_option == "Click and Collect" else "SHIPPING"


METHOD: Fields = {
    "id": lambda f, _: gid("DeliveryMethod", f.id),
    "methodType": _method,
    "presentedName": lambda f, c: order_of(f, c).delivery_option or None,
    "serviceCode": lambda f, c: order_of(f, c).delivery_option or None,
}

HOLD: Fields = {
    "displayReason": always("Other"),
    "handle": nothing,
    "heldByRequestingApp": always(False),
    "id": lambda f, _: gid("FulfillmentHold", f.id),
    "reason": always("OTHER"),
    "reasonNotes": nothing,
}


def _sold(x: HandlingLine, context: Context) -> Line:
    return line_of(order_of(x.of, context), x.line.line_id)


def _variant(x: HandlingLine, context: Context) -> model.Variant | None:
    variant_id = _sold(x, context).line.variant_id
    return None if variant_id is None else context.shop.variants.get(variant_id)


def _item_id(x: HandlingLine, context: Context) -> str | None:
    variant = _variant(x, context)
    return None if variant is None else gid("InventoryItem", variant.inventory_item_id)


def _weight(x: HandlingLine, context: Context) -> Grams | None:
    variant = _variant(x, context)
    return None if variant is None or variant.weight_grams is None else Grams(variant.weight_grams)


HANDLING_LINE: Fields = {
    "id": lambda x, _: gid("FulfillmentOrderLineItem", x.line.id),
    "inventoryItemId": _item_id,
    "lineItem": _sold,
    "productTitle": lambda x, c: _sold(x, c).line.title,
    "remainingQuantity": lambda x, _: x.line.remaining,
    "requiresShipping": lambda x, c: _sold(x, c).line.requires_shipping,
    "sku": lambda x, c: _sold(x, c).line.sku or None,
    "totalQuantity": lambda x, _: x.line.total,
    "variant": _variant,
    "variantTitle": nothing,
    "vendor": always("Cogent"),
    "weight": _weight,
}


# --- fulfilments --------------------------------------------------------------------------------------


def _display(f: model.Fulfilment, _context: Context) -> str:
    if f.status == "cancelled":
        return "CANCELED"
    if f.status == "failure":
        return "FAILURE"
    if f.delivered_at is not None:
        return "DELIVERED"
    return "IN_TRANSIT" if f.in_transit_at is not None else "FULFILLED"


def _shipped(f: model.Fulfilment, _context: Context) -> list[ShippedLine]:
    return [ShippedLine(f, line_id, quantity, n) for n, (line_id, quantity) in enumerate(f.lines)]


def _tracking(f: model.Fulfilment, _context: Context, first: int | None = None) -> Sequence[Tracking]:
    count = max(len(f.numbers), len(f.urls), 1 if f.carrier else 0)
    rows = [
        Tracking(
            f.carrier,
            f.numbers[n] if n < len(f.numbers) else None,
            f.urls[n] if n < len(f.urls) else None,
        )
        for n in range(count)
    ]
    return truncated(rows, first)


def _name(f: model.Fulfilment, context: Context) -> str:
    order = order_of(f, context)
    numbers = [each.id for each in order.fulfilments]
    return f"{order.name}-F{1 + numbers.index(f.id) if f.id in numbers else len(numbers) + 1}"


def _handled_by(f: model.Fulfilment, context: Context) -> list[model.FulfilmentOrder]:
    wanted = set(f.fulfilment_order_ids)
    return [each for each in order_of(f, context).fulfilment_orders if each.id in wanted]


def _events(f: model.Fulfilment, context: Context) -> list[Event]:
    """Carriers' scans, and what was written through the API; the scans' own ids are made up here."""
    written = list(context.store.events.get(f.id, ()))
    known = {event.status for event in written}
    scans = [("IN_TRANSIT", f.in_transit_at), ("DELIVERED", f.delivered_at)]
    made = [
        Event(f.id * 10 + n, f.id, status, at, at, None)
        for n, (status, at) in enumerate(scans)
        if at is not None and status not in known
    ]
    return sorted([*written, *made], key=lambda event: event.happened_at)


def _sold_line(x: ShippedLine, context: Context) -> Line:
    return line_of(order_of(x.of, context), x.line_id)


FULFILMENT: Fields = {
    "createdAt": lambda f, _: f.created_at,
    "deliveredAt": lambda f, _: f.delivered_at,
    "displayStatus": _display,
    "estimatedDeliveryAt": nothing,
    "events": connection(_events, lambda e: e.id),
    "fulfillmentLineItems": connection(_shipped, lambda x: x.number),
    "fulfillmentOrders": connection(_handled_by, lambda x: x.id),
    "id": lambda f, _: gid("Fulfillment", f.id),
    "inTransitAt": lambda f, _: f.in_transit_at,
    "legacyResourceId": lambda f, _: f.id,
    "location": _location,
    "name": _name,
    "order": order_of,
    "requiresShipping": always(True),
    "status": lambda f, _: f.status.upper(),
    "totalQuantity": lambda f, _: sum(quantity for _, quantity in f.lines),
    "trackingInfo": _tracking,
    "updatedAt": lambda f, _: f.updated_at,
}

SHIPPED_LINE: Fields = {
    "discountedTotalSet": lambda x, c: Bag(
        shops.line_amount(_sold_line(x, c).line, x.quantity), _sold_line(x, c).order
    ),
    "id": lambda x, _: gid("FulfillmentLineItem", x.of.id * 1000 + x.number),
    "lineItem": _sold_line,
    "originalTotalSet": lambda x, c: Bag(
        _sold_line(x, c).line.unit_price * x.quantity, _sold_line(x, c).order
    ),
    "quantity": lambda x, _: x.quantity,
}

EVENT: Fields = {
    "createdAt": lambda e, _: e.created_at,
    "happenedAt": lambda e, _: e.happened_at,
    "id": lambda e, _: gid("FulfillmentEvent", e.id),
    "message": lambda e, _: e.message,
    "status": lambda e, _: e.status,
}


# --- searching ----------------------------------------------------------------------------------------

FULFILMENT_ORDER_FIELDS = {
    "id": "number", "updated_at": "time", "status": "text", "assigned_location_id": "number",
}  # fmt: skip


def describe_fulfilment_order(f: model.FulfilmentOrder) -> dict[str, Any]:
    """What a search can find a fulfilment order by."""
    return {
        "id": f.id,
        "updated_at": f.updated_at,
        "status": f.status,
        "assigned_location_id": f.location_id,
        "default": str(f.id),
    }


def find_fulfilment_orders(
    _root: Any,
    context: Context,
    *,
    query: str | None = None,
    includeClosed: bool = False,
    sortKey: str | None = "ID",
    **arguments: Any,
) -> search.Page:
    """``fulfillmentOrders``: without ``includeClosed`` neither closed nor cancelled ones are listed."""
    read = search.read(query or "", FULFILMENT_ORDER_FIELDS, context.now)
    context.note_unknown("fulfillmentOrders", query, read)
    only = None if includeClosed else (lambda doc: doc["status"] not in ("closed", "cancelled"))
    index = context.store.index("fulfilment_orders")
    sort = "updated_at" if sortKey == "UPDATED_AT" else "id"
    return index.search(read, sort, only=only, is_whole=context.is_bulk, **search.places(arguments))


FIND = gated(READ_SCOPES, "fulfillmentOrders", find_fulfilment_orders)

RESOLVERS: Resolvers = {
    "FulfillmentOrder": FULFILMENT_ORDER,
    "FulfillmentOrderAssignedLocation": LOCATION,
    "FulfillmentOrderDestination": DESTINATION,
    "DeliveryMethod": METHOD,
    "FulfillmentHold": HOLD,
    "FulfillmentOrderSupportedAction": {"action": lambda a, _: a, "externalUrl": nothing},
    "FulfillmentOrderLineItem": HANDLING_LINE,
    "Fulfillment": FULFILMENT,
    "FulfillmentLineItem": SHIPPED_LINE,
    "FulfillmentTrackingInfo": {
        "company": lambda t, _: t.company or None,
        "number": lambda t, _: t.number,
        "url": lambda t, _: t.url,
    },
    "FulfillmentEvent": EVENT,
}
