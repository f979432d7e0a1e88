"""What Seko pushes: dispatches, tracking details and goods received, dropped as files every 15 minutes.

Belongs here: which messages are due, their JSON, and the files.
Does not belong here: routes (``seko``), or when anything happens in the warehouse.

INFERRED, because no document says it: that the messages are called ``Dispatch`` and ``GRN``, the names of their
lines (as cartons and the GRN service have them), and the names of the files.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from cogent_pipelines.sandbox.vendors.seko_shapes import Json, Names, dc_code, guid, product_code, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cogent_pipelines.sandbox.world.model import WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

EVERY = timedelta(minutes=15)
MOST = 500
SERVICES = {"Dispatch": "12", "GRN": "13", "TrackingDetails": "14"}


class Pusher:
    """The scheduler of one account's push services."""

    def __init__(self, system: str, world: World, names: Names, folder: Path) -> None:
        self.world, self.names, self.folder = world, names, folder / system
        self.warehouse = world.warehouses[system]
        self.sequence: Counter[str] = Counter()
        self.pushed: set[str] = set()
        self.since = world.now

    def begin(self) -> None:
        """Have the scheduler run from now on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.world.schedule(self.world.now + EVERY, self._run)

    def _run(self) -> None:
        self.push()
        self.world.schedule(self.world.now + EVERY, self._run)

    def push(self) -> int:
        """Write a file for each message that is due; gives how many there were."""
        due = []
        began = self.since
        for key in list(self.warehouse.order_log.since(began)):
            order = self.warehouse.orders.get(key) if isinstance(key, int) else None
            if order is not None:
                due += [m for m in self._messages(order) if m[1]["InterfaceRecordId"] not in self.pushed]
        for service, message in due[:MOST]:
            self._write(service, message)
        if len(due) <= MOST:
            self.since = self.world.now
        return min(len(due), MOST)

    def _write(self, service: str, message: Json) -> None:
        self.pushed.add(message["InterfaceRecordId"])
        self.sequence[service] += 1
        number = self.sequence[service]
        head = {
            "IntegrationId": SERVICES[service],
            "MessagePart": 1,
            "MessageTotal": 1,
            "MessageGroupId": str(int(self.world.now.timestamp())),
            "SequenceNumber": number,
        }
        content = {"Responses": [{"Response": {service: {**head, **message}}}]}
        path = self.folder / f"{service.lower()}-{message['InterfaceRecordId']}.json"
        draft = path.with_suffix(".part")
        draft.write_bytes(msgspec.json.encode(content))
        at = self.world.now.timestamp()
        os.utime(draft, (at, at))  # the files' times are the sandbox's
        draft.replace(path)

    def _messages(self, order: WarehouseOrder) -> Iterator[tuple[str, Json]]:
        number, _ = self.names.names(order)
        about = {"SalesOrderNumber": number, "SalesOrderReference": order.number}
        sent = [a for a in order.allocations if a.parcel is not None]
        if order.shipped_at is not None and sent:
            first = sent[0].parcel
            if first is None:
                return
            packed: Counter[int] = Counter()
            for allocation in sent:
                for _, sellable, quantity in allocation.lines:
                    packed[sellable] += quantity
            method = self.warehouse.delivery_methods.get(order.delivery_method_id or 0)
            yield (
                "Dispatch",
                {
                    "InterfaceRecordId": guid("dispatch", f"{order.id}/{first.id}"),
                    **about,
                    "DispatchId": f"D-{first.id}",
                    "DispatchDate": stamp(order.shipped_at),
                    "DCCode": dc_code(self.warehouse.facilities[sent[0].facility_id]),
                    "CourierService": first.service_name or (method.name if method else ""),
                    "TrackingUrl": first.tracking_url,
                    "Weight": (first.weight_grams or 0) / 1000,
                    "WeightUOM": "KG",
                    "List": {
                        "DispatchLineItem": [
                            {
                                "LineNo": place,
                                "ProductCode": product_code(self.warehouse.sellables[line.sellable_id]),
                                "PackedQty": packed[line.sellable_id],
                            }
                            for place, line in enumerate(order.lines, 1)
                        ]
                    },
                },
            )
            if first.tracking_number:
                yield (
                    "TrackingDetails",
                    {
                        "InterfaceRecordId": guid("tracking", f"{order.id}/{first.id}"),
                        **about,
                        "DispatchNumber": f"D-{first.id}",
                        "Courier": first.carrier_name,
                        "TrackingNumber": first.tracking_number,
                        "TrackingUrl": first.tracking_url,
                    },
                )
        for back in order.returns:
            if back.status == "returned":
                yield (
                    "GRN",
                    {
                        "InterfaceRecordId": guid("grn", back.id),
                        "DeliveryNumber": str(back.id),
                        "HBRef": number,
                        "RMA": f"{number}.{back.id}",
                        "ArrivedDate": stamp(order.updated_at),
                        "DCCode": dc_code(self.warehouse.facilities[back.facility_id]),
                        "List": {
                            "GRNLineItem": [
                                {
                                    "LineItemNumber": place,
                                    "ProductCode": product_code(self.warehouse.sellables[sellable]),
                                    "GRNQuantity": received,
                                }
                                for place, (_, sellable, _, received) in enumerate(back.lines, 1)
                            ]
                        },
                    },
                )
