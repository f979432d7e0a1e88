"""Adobe Commerce's writes: shipments, source items at once and through the queue, cancelling.

Belongs here: reading and checking bodies, the vendor's reasons for a refusal, and handing what is wanted to
the retailer's shop (``world``).
Does not belong here: routes and signatures (``adobe_commerce``), JSON of records (``adobe_commerce_orders``,
``_documents``, ``_catalogue``).

INFERRED, because no document says it: the text of a 404; that a shipment without items is one of everything
left; that a comment is kept whether it is appended to the customer's message or not; the words for an unknown
SKU or source; that an order in review is refused as a held one; how long the queue takes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors import adobe_commerce_standing as standing
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import CHILD, Operation
from cogent_pipelines.sandbox.world import levels
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.world import Refused, RefusedRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import Store
    from cogent_pipelines.sandbox.world import model
    from cogent_pipelines.sandbox.world.world import World

QUEUE_SECONDS = 20.0
MISSING = "The entity that was requested doesn't exist. Verify the entity and try again."
INVALID = "Shipment Document Validation Error(s):\n"
CLOSED = frozenset({"canceled", "closed", "complete", "holded", "payment_review"})


class Refusal(Exception):
    """The vendor says no: status and body."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {"message": message, **more}


class Writes:
    """What one shop may be asked to change."""

    def __init__(self, system: str, world: World, store: Store) -> None:
        self.system = system
        self.world = world
        self.store = store
        self.shop = world.shops[system]

    def order(self, number: int) -> model.ShopOrder:
        """An order, or the vendor's 404."""
        found = self.shop.orders.get(number)
        if found is None:
            raise Refusal(404, MISSING)
        return found

    # --- shipping -------------------------------------------------------------------------------------

    def ship(self, order_id: int, body: dict[str, Any]) -> int:
        """``POST /order/{id}/ship``: the new shipment's id."""
        order = self.order(order_id)
        tracks = body.get("tracks") or []
        if not isinstance(tracks, list) or any(not str(t.get("track_number") or "").strip() for t in tracks):
            raise Refusal(400, f"{INVALID}Please enter a tracking number.")
        wanted = self._wanted(order, body.get("items") or [])
        if reasons := list(self._reasons(order, wanted)):
            raise Refusal(400, INVALID + "\n".join(reasons))
        source = self._source(body)
        for line_id, quantity in wanted.items():
            level = levels.level_of(self.shop, shops.get_line(order, line_id), source)
            if level is not None and level.is_active and level.on_hand < quantity:
                raise Refusal(400, "Not all of your products are available in the requested quantity.")
        groups = self._groups(order, wanted, source)
        first = tracks[0] if tracks else {}
        try:
            made = shops.fulfil(
                self.world,
                self.shop,
                order.id,
                groups,
                carrier=str(first.get("title") or ""),
                numbers=[str(track["track_number"]) for track in tracks],
                notify=bool(body.get("notify")),
            )
        except Refused as no:
            raise Refusal(400, INVALID + no.message) from None
        self.store.codes[made.id] = str(first.get("carrier_code") or "custom")
        if text := (body.get("comment") or {}).get("comment"):
            self.store.comments[made.id] = [str(text)]
        return made.id

    def _wanted(self, order: model.ShopOrder, items: list[dict[str, Any]]) -> dict[int, int]:
        """Order line -> units; everything left where none is named."""
        if not items:
            return {line.id: left for line in order.lines if (left := standing.left(self.shop, order, line))}
        wanted: dict[int, int] = {}
        for item in items:
            key = int(item.get("order_item_id") or 0)
            wanted[key] = wanted.get(key, 0) + int(item.get("qty") or 0)
        return wanted

    def _reasons(self, order: model.ShopOrder, wanted: dict[int, int]) -> Iterator[str]:
        """Everything the vendor holds against a shipment, as it lists it: all at once."""
        if standing.state(self.shop, order) in CLOSED or not any(
            standing.left(self.shop, order, x) for x in order.lines
        ):
            yield "The order does not allow a shipment to be created."
        lines = {line.id: line for line in order.lines}
        for line_id, quantity in wanted.items():
            line = lines.get(line_id)
            if line is None:
                sku = lines[line_id - CHILD].sku if line_id - CHILD in lines else line_id
                yield f'The shipment contains product SKU "{sku}" that is not part of the original order.'
            elif quantity > standing.left(self.shop, order, line):
                yield (
                    "The quantity to ship must not be greater than the unshipped quantity "
                    f'for product SKU "{line.sku}".'
                )
        if not any(quantity > 0 for quantity in wanted.values()):
            yield "You can't create a shipment without products."

    def _source(self, body: dict[str, Any]) -> int:
        """The source that is named; the default one, which holds nothing here, where none is."""
        named = ((body.get("arguments") or {}).get("extension_attributes") or {}).get("source_code")
        if not str(named or "").isdigit() or int(str(named)) not in self.shop.locations:
            raise Refusal(400, "Could not save a shipment, see error log for details")
        return int(str(named))

    def _groups(
        self, order: model.ShopOrder, wanted: dict[int, int], source: int
    ) -> list[tuple[int, list[tuple[int, int]]]]:
        """The retailer's own fulfilment orders for the units: what waits elsewhere is first moved to the source."""
        for waiting in list(order.fulfilment_orders):
            is_asked = any(part.remaining and part.line_id in wanted for part in waiting.lines)
            if waiting.location_id != source and waiting.status in shops.OPEN and is_asked:
                shops.move_fulfilment_order(self.world, self.shop, waiting.id, source)
        groups: list[tuple[int, list[tuple[int, int]]]] = []
        left = dict(wanted)
        for waiting in order.fulfilment_orders:
            if waiting.status not in ("open", "in_progress") or waiting.location_id != source:
                continue
            parts = []
            for part in waiting.lines:
                units = min(part.remaining, left.get(part.line_id, 0))
                if units > 0:
                    left[part.line_id] -= units
                    parts.append((part.id, units))
            if parts:
                groups.append((waiting.id, parts))
        return groups

    # --- stock ----------------------------------------------------------------------------------------

    def set_source_items(self, body: dict[str, Any]) -> list[Any]:
        """``POST /inventory/source-items``: every row or none."""
        rows = body.get("sourceItems")
        if not isinstance(rows, list) or not rows:
            raise Refusal(400, "%fieldName is a required field.", parameters={"fieldName": "sourceItems"})
        errors = [error for row in rows for error in self._row_errors(row)]
        if errors:
            raise Refusal(400, "Validation Failed", errors=errors)
        changes = []
        for row in rows:
            variant = self.shop.variants[self.shop.by_sku[row["sku"]]]
            location, quantity = int(row["source_code"]), int(row.get("quantity") or 0)
            level = self.shop.levels.get((variant.inventory_item_id, location))
            if level is None or not level.is_active:
                levels.activate(self.world, self.shop, variant.inventory_item_id, location, quantity)
            else:
                changes.append(levels.StockChange(variant.inventory_item_id, location, quantity))
            self.store.hidden[(variant.sku, str(location))] = int(row.get("status", 1) or quantity <= 0)
        try:
            levels.set_levels(self.world, self.shop, changes, name="on_hand")
        except RefusedRows as no:
            raise Refusal(
                400, "Could not save Source Item", errors=[{"message": each.message} for _, each in no.rows]
            ) from None
        return []

    def _row_errors(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        sku, source = str(row.get("sku") or ""), str(row.get("source_code") or "")
        if sku not in self.shop.by_sku:
            yield {"message": 'Product with SKU "%1" does not exist.', "parameters": [sku]}
        if not source.isdigit() or int(source) not in self.shop.locations:
            yield {"message": 'Source with code "%1" does not exist.', "parameters": [source]}
        if int(row.get("quantity") or 0) < 0:
            yield {"message": '"%field" should be numeric.', "parameters": {"field": "quantity"}}

    def enqueue(self, bodies: list[Any]) -> dict[str, Any]:
        """``POST /async/bulk/...``: taken, which only means that it waits."""
        digest = hashlib.blake2b(
            f"{self.system}/{len(self.store.bulks)}".encode(), digest_size=16
        ).hexdigest()
        uuid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
        operations = [Operation(place, body) for place, body in enumerate(bodies)]
        self.store.bulks[uuid] = operations
        self.world.after(QUEUE_SECONDS, lambda: self._work(uuid))
        hashes = [hashlib.sha256(repr(body).encode()).hexdigest() for body in bodies]
        return {
            "bulk_uuid": uuid,
            "request_items": [
                {"id": place, "data_hash": each, "status": "accepted"} for place, each in enumerate(hashes)
            ],
            "errors": False,
        }

    def _work(self, uuid: str) -> None:
        for operation in self.store.bulks[uuid]:
            try:
                self.set_source_items(operation.body)
            except Refusal as no:
                said = [no.body["message"], *(e["message"] for e in no.body.get("errors", ()))]
                operation.status, operation.message, operation.code = 3, "; ".join(said), 0
            else:
                operation.status = 1
                operation.message = (
                    "Service execution success Magento\\InventoryApi\\Api\\SourceItemsSaveInterface::execute"
                )

    def bulk_status(self, uuid: str) -> dict[str, Any]:
        """``GET /bulk/{uuid}/status``."""
        if uuid not in self.store.bulks:
            raise Refusal(404, MISSING)
        operations = self.store.bulks[uuid]
        return {
            "bulk_id": uuid,
            "description": "Topic async.magento.inventoryapi.api.sourceitemssaveinterface.execute.post",
            "start_time": self.world.now.strftime("%Y-%m-%d %H:%M:%S"),
            "user_id": 1,
            "user_type": 1,
            "operation_count": len(operations),
            "operations_list": [
                {"id": o.id, "status": o.status, "result_message": o.message, "error_code": o.code}
                for o in operations
            ],
        }

    # --- orders ---------------------------------------------------------------------------------------

    def cancel(self, order_id: int) -> bool:
        """``POST /orders/{id}/cancel``: false, and nothing done, once anything was invoiced or shipped."""
        order = self.order(order_id)
        if standing.captured(self.shop, order) or order.fulfilments or order.cancelled_at is not None:
            return False
        shops.cancel_order(self.world, self.shop, order_id)
        return True
