"""What BigCommerce lets callers change, and in which words it refuses: shipments, statuses, levels.

Belongs here: reading a body, asking the retailer's shop, wording its refusals.
Does not belong here: routes and limits (``bigcommerce``), records' JSON (``bigcommerce_orders``, ``_catalogue``), what
a despatch does to an order (``world/shop``).

INFERRED, because no document says it: the words for a shipment of too many units, of another order's line or without
items; the words for an unknown item or location and for too many rows; how long a level takes; that the customer is
told when a shipment is made and not when it is changed.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.kit import Fault, Kit, chance
from cogent_pipelines.sandbox.vendors.bigcommerce_catalogue import Catalogue
from cogent_pipelines.sandbox.vendors.bigcommerce_orders import Orders
from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import ADDRESS_IDS, STATUSES, Extra
from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world import model
    from cogent_pipelines.sandbox.world.world import World

Json = dict[str, Any]

MOST_ITEMS = 2000
QUICKEST, SLOWEST = 2.0, 6.0
"""Seconds until a level that was set is to be seen; two calls at once may overtake one another."""
PROVIDERS = frozenset({
    "", "auspost", "canadapost", "endicia", "usps", "fedex", "ups", "upsready", "upsonline", "shipperhq", "royalmail",
})  # fmt: skip
V3_TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"
READ_ONLY = ("id", "item_total", "date_created", "total_tax", "external_id")


class Refusal(Exception):
    """The vendor says no; ``body`` is what it says."""

    def __init__(self, code: int, body: Any) -> None:
        super().__init__(str(body))
        self.code = code
        self.body = body


def v2(code: int, message: str) -> Refusal:
    """A refusal of V2: a list of messages."""
    return Refusal(code, [{"status": code, "message": message}])


def v3(code: int, title: str) -> Refusal:
    """A refusal of V3: a problem."""
    return Refusal(code, {"status": code, "title": title, "type": V3_TYPE, "errors": {}})


class Writes:
    """What callers may change in one store."""

    def __init__(self, system: str, world: World, kit: Kit, orders: Orders, catalogue: Catalogue) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.shop = world.shops[system]
        self.orders = orders
        self.catalogue = catalogue
        self.store = orders.store
        self.jobs = 0

    @contextmanager
    def _mood(self, fault: Fault | None) -> Iterator[None]:
        """Let the shop play the fault this call meets, and word its refusals."""
        self.world.mood = fault.kind if fault else ""
        try:
            yield
        except Refused as error:
            raise v2(400, error.message) from error
        finally:
            self.world.mood = ""

    # --- shipments --------------------------------------------------------------------------------------

    def ship(self, order: model.ShopOrder, body: Json, fault: Fault | None) -> Json:
        """Make a shipment: the status moves by itself and the customer is told."""
        if body.get("order_address_id") != ADDRESS_IDS + order.id:
            raise v2(400, "The field 'order_address_id' is invalid.")
        items = body.get("items")
        if not isinstance(items, list) or not items:
            raise v2(400, "The required field 'items' was not supplied.")
        units: Counter[int] = Counter()
        for item in items:
            amount = item.get("quantity") if isinstance(item, dict) else None
            if not isinstance(amount, int) or amount <= 0:
                raise v2(400, "The field 'quantity' is invalid.")
            units[int(item.get("order_product_id") or 0)] += amount
        self._check_tracking(body)
        groups = self._groups(order, units)
        with self._mood(fault):
            made = [
                self._fulfil(order, group, body, is_first=place == 0) for place, group in enumerate(groups)
            ]
            if fault is not None and fault.kind == "stores_twice":
                again = self._groups(order, units) if self._has(order, units) else []
                for place, group in enumerate(again):
                    self._remember(self._fulfil(order, group, body, is_first=place == 0), body, ())
        if fault is None or fault.kind != "stores_nothing":
            self._remember(made[0], body, tuple(f.id for f in made[1:]))
            self.store.statuses.pop(order.id, None)
        shown = self.orders.shipment(order, made[0])
        return {**shown, "comments": str(body.get("comments") or ""), "items": shown["items"] or items}

    def _fulfil(
        self,
        order: model.ShopOrder,
        group: list[tuple[int, list[tuple[int, int]]]],
        body: Json,
        *,
        is_first: bool,
    ) -> model.Fulfilment:
        number, link = str(body.get("tracking_number") or ""), str(body.get("tracking_link") or "")
        return shops.fulfil(
            self.world,
            self.shop,
            order.id,
            group,
            carrier=str(body.get("shipping_provider") or body.get("tracking_carrier") or ""),
            numbers=[number] if number else [],
            urls=[link] if link else [],
            notify=is_first,
        )

    def _remember(self, made: model.Fulfilment, body: Json, also: tuple[int, ...]) -> None:
        provider, carrier = str(body.get("shipping_provider") or ""), str(body.get("tracking_carrier") or "")
        if made.carrier != (provider or carrier):  # it was stored otherwise than asked
            provider, carrier = "", made.carrier
        self.store.shipments[made.id] = Extra(
            comments=str(body.get("comments") or ""),
            provider=provider,
            carrier=carrier,
            link=str(body.get("tracking_link") or ""),
            method=str(body.get("shipping_method") or ""),
            cost=str(body.get("merchant_shipping_cost") or "0.0000"),
            also=also,
        )

    @staticmethod
    def _check_tracking(body: Json) -> None:
        provider = str(body.get("shipping_provider") or "")
        if provider not in PROVIDERS and not re.fullmatch(r"carrier_\d+", provider):
            raise v2(400, "The field 'shipping_provider' is invalid.")
        for name, most in (("tracking_number", 50), ("tracking_link", 500)):
            if len(str(body.get(name) or "")) > most:
                raise v2(400, f"The field '{name}' is too long.")

    @staticmethod
    def _has(order: model.ShopOrder, units: Counter[int]) -> bool:
        left: Counter[int] = Counter()
        for each in order.fulfilment_orders:
            if each.status in {"open", "in_progress"}:
                for part in each.lines:
                    left[part.line_id] += part.remaining
        return units <= left

    def _groups(
        self, order: model.ShopOrder, units: Counter[int]
    ) -> list[list[tuple[int, list[tuple[int, int]]]]]:
        """The units laid along what the shop's locations still have to send: one group for each location."""
        lines = {line.id for line in order.lines}
        if unknown := sorted(set(units) - lines):
            raise v2(400, f"The order product {unknown[0]} does not belong to the order.")
        if not self._has(order, units):
            raise v2(400, "The quantity of an item in the shipment exceeds what is left to ship.")
        left = Counter(units)
        by_place: dict[int, list[tuple[int, list[tuple[int, int]]]]] = {}
        for each in order.fulfilment_orders:
            if each.status not in {"open", "in_progress"}:
                continue
            rows = []
            for part in each.lines:
                taken = min(part.remaining, left[part.line_id])
                if taken:
                    rows.append((part.id, taken))
                    left[part.line_id] -= taken
            if rows:
                by_place.setdefault(each.location_id, []).append((each.id, rows))
        return list(by_place.values())

    def change_shipment(
        self, order: model.ShopOrder, found: model.Fulfilment, body: Json, fault: Fault | None
    ) -> Json:
        """Change a shipment's tracking; nobody is told. What the body leaves out stays."""
        self._check_tracking(body)
        extra = self.store.shipments.setdefault(found.id, Extra(carrier=found.carrier))
        number = body.get("tracking_number")
        provider, carrier = body.get("shipping_provider"), body.get("tracking_carrier")
        link = body.get("tracking_link")
        with self._mood(fault):
            shops.update_tracking(
                self.world,
                self.shop,
                found.id,
                carrier=None if provider is None and carrier is None else str(provider or carrier or ""),
                numbers=None if number is None else [str(number)] if number else [],
                urls=None if link is None else [str(link)] if link else [],
            )
        if fault is None or fault.kind != "stores_nothing":
            extra.provider = extra.provider if provider is None else str(provider)
            extra.carrier = extra.carrier if carrier is None else str(carrier)
            extra.link = extra.link if link is None else str(link)
            extra.comments = str(body.get("comments", extra.comments))
        return self.orders.shipment(order, found)

    def delete_shipment(self, order: model.ShopOrder, found: model.Fulfilment) -> None:
        """Delete a shipment: its units wait again, the status stays where it was."""
        before = self.orders.status(order)
        for number in (found.id, *self.store.shipments.get(found.id, Extra()).also):
            shops.cancel_fulfilment(self.world, self.shop, number)
        self.store.statuses[order.id] = before

    # --- orders -----------------------------------------------------------------------------------------

    def change_order(self, order: model.ShopOrder, body: Json, fault: Fault | None) -> None:
        """Change an order's status or message. Cancelling gives no money back."""
        for name in READ_ONLY:
            if name in body:
                raise v2(
                    400,
                    f"The field '{name}' cannot be written to. Please remove it from your request before trying again.",
                )
        status = body.get("status_id")
        if status is not None and (not isinstance(status, int) or not 0 <= status < len(STATUSES)):
            raise v2(400, "The field 'status_id' is invalid.")
        with self._mood(fault):
            if status == 5 and order.cancelled_at is None:
                shops.cancel_order(self.world, self.shop, order.id, refund=False, notify=True)
            elif status is not None:
                self.store.statuses[order.id] = status
                shops.touch(self.world, self.shop, order)
            if "customer_message" in body:
                shops.change_note(self.world, self.shop, order.id, note=str(body["customer_message"]))

    # --- levels -----------------------------------------------------------------------------------------

    def adjust(self, body: Json, fault: Fault | None, *, is_absolute: bool) -> Json:
        """Set or move levels: all of them, some seconds later, or none and a refusal."""
        items = body.get("items")
        if not isinstance(items, list) or not items:
            raise v3(422, "JSON data is missing or invalid")
        if len(items) > MOST_ITEMS:
            raise v3(422, f"The number of items must not exceed {MOST_ITEMS}")
        rows = [self._row(item, is_absolute=is_absolute) for item in items]
        kind = fault.kind if fault else ""
        if kind == "partial_success":
            rows = rows[: (len(rows) + 1) // 2]
        self.jobs += 1
        point = chance(f"{self.world.settings.seed}/{self.system}/adjustment/{self.jobs}")

        def happen() -> None:
            for variant, location, quantity in rows:
                self._apply(variant, location, quantity, is_absolute=is_absolute)

        if kind != "stores_nothing":
            self.world.after(QUICKEST + point * (SLOWEST - QUICKEST), happen)
        name = f"{self.world.settings.seed}/{self.system}/{self.jobs}"
        return {"transaction_id": str(uuid.uuid5(uuid.NAMESPACE_URL, name))}

    def _row(self, item: Json, *, is_absolute: bool) -> tuple[model.Variant, int, int]:
        location, quantity = item.get("location_id"), item.get("quantity")
        if not isinstance(location, int) or not isinstance(quantity, int):
            raise v3(422, "JSON data is missing or invalid")
        name = next((n for n in ("variant_id", "product_id", "sku") if n in item), "")
        variant = self._variant(name, item.get(name))
        if variant is None:
            raise v3(422, f"Items with identity: [{name} {item.get(name)}] were not found")
        if location not in self.shop.locations:
            raise v3(422, f"Location with id {location} was not found")
        tracking = self.catalogue.tracking(variant)
        if tracking == "none":
            raise v3(422, f"[Item with {name} {item[name]} is not tracked]")
        if tracking == "product" and name != "product_id":
            shown = f"variant_id {variant.id}"
            raise v3(422, f"[Item with {shown} is tracked by product, please update stock by product id]")
        if tracking == "variant" and name == "product_id":
            raise v3(
                422,
                f"[Item with product_id {item[name]} is tracked by variant, please update stock by variant id]",
            )
        if is_absolute and quantity < 0:
            raise v3(422, "The quantity must not be negative")
        key = (variant.inventory_item_id, location)
        if not is_absolute:
            level = self.shop.levels.get(key)
            if key not in self.store.adjusted and level is None:
                title = (
                    f"Items with identity: [{name} {item[name]}] requires absolute adjustment before relative"
                )
                raise v3(422, title)
            if level is not None and level.available + quantity < self.store.safety.get(key, 0):
                raise v3(422, f"The adjustment of {name} {item[name]} would go below its safety stock")
        return variant, location, quantity

    def _variant(self, name: str, value: Any) -> model.Variant | None:
        variants = self.shop.variants
        if name == "sku":
            return variants.get(self.shop.by_sku.get(str(value), -1))
        if name == "variant_id":
            return variants.get(value) if isinstance(value, int) else None
        return next(iter(self.catalogue.siblings(value)), None) if isinstance(value, int) else None

    def _apply(self, variant: model.Variant, location: int, quantity: int, *, is_absolute: bool) -> None:
        key = (variant.inventory_item_id, location)
        level = self.shop.levels.get(key)
        if not is_absolute:
            levels.adjust(self.world, self.shop, *key, quantity)
            return
        self.store.adjusted.add(key)
        if level is None or not level.is_active:
            levels.activate(self.world, self.shop, *key)
        levels.set_levels(self.world, self.shop, [levels.StockChange(*key, quantity)])

    def settings(self, location: int, body: Json) -> Json:
        """Settings of items at a location, of which the sandbox keeps the safety stock."""
        for row in body.get("settings") or ():
            variant = self._variant(*next(iter(row.get("identity", {}).items()), ("", None)))
            if variant is None:
                raise v3(422, "JSON data is missing or invalid")
            self.store.safety[(variant.inventory_item_id, location)] = int(row.get("safety_stock") or 0)
        return {"transaction_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.system}/settings"))}
