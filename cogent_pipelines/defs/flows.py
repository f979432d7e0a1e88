"""The flows: what is read, in which order, and which syncs follow.

Belongs here: one line per flow. The order of ``reads`` is a promise (design row 11: channel levels, then channel
orders, then warehouse orders, then warehouse stock), because a difference is only as good as what it was read from.
Does not belong here: schedules and sensors (``automation``), or how a stream is read (``vendors``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cogent_pipelines.connect.spec import Stream
from cogent_pipelines.estate import Estate
from cogent_pipelines.vendors.registry import VENDORS


@dataclass(frozen=True, slots=True)
class Flow:
    """One cadence of the estate: the (role, entity) pairs it reads in order, and the syncs it feeds."""

    name: str
    reads: tuple[tuple[str, str], ...]
    syncs: tuple[str, ...] = ()


FLOWS = (
    Flow(
        "orders",
        (("channel", "orders"), ("warehouse", "orders"), ("erp", "orders")),
        ("orders_to_wms", "cancellations_to_wms"),
    ),
    Flow(
        "shipments",
        (
            ("channel", "orders"),
            ("channel", "shipments"),
            ("warehouse", "orders"),
            ("warehouse", "shipments"),
        ),
        ("shipments_to_channel", "cancellations_to_channel"),
    ),
    Flow(
        "stock",
        (("channel", "stock"), ("channel", "orders"), ("warehouse", "orders"), ("warehouse", "stock")),
        ("stock_to_channel",),
    ),
    Flow("products", (("channel", "products"), ("warehouse", "products"), ("erp", "products"))),
    Flow("returns", (("channel", "returns"), ("warehouse", "returns"))),
    Flow("customers", (("warehouse", "customers"), ("erp", "customers"))),
    Flow(
        "payouts",
        (("channel", "payouts"), ("payments", "payouts"), ("warehouse", "payouts"), ("erp", "payouts")),
    ),
    Flow("flows", (("bridge", "flows"),)),
    Flow("flow_failures", (("bridge", "flow_failures"),)),
)


def streams(estate: Estate, flow: Flow) -> dict[str, tuple[Stream, ...]]:
    """Vendor -> the streams ``flow`` reads from it, in the flow's order."""
    chosen: dict[str, dict[str, Stream]] = {}
    for role, entity in flow.reads:
        for part in estate.systems.values():
            if part.role == role:
                for stream in VENDORS[part.vendor].streams_of(role):
                    if stream.entity == entity:
                        chosen.setdefault(part.vendor, {})[stream.name] = stream
    return {vendor: tuple(found.values()) for vendor, found in chosen.items()}


def read(estate: Estate, slug: str) -> tuple[Stream, ...]:
    """What is read of a vendor's systems, as the parts they play in the estate."""
    roles = {part.role for part in estate.systems.values() if part.vendor == slug}
    asked = {stream.name for role in roles for stream in VENDORS[slug].streams_of(role)}
    return tuple(stream for stream in VENDORS[slug].streams if stream.name in asked)


def phases(role: str, streams: Sequence[Stream]) -> tuple[tuple[Stream, ...], tuple[Stream, ...]]:
    """The two parts a system's streams are read in, one after the other: a shop's levels first, a warehouse's last."""
    levels = tuple(stream for stream in streams if stream.entity == "stock")
    others = tuple(stream for stream in streams if stream.entity != "stock")
    return (levels, others) if role == "channel" else (others, levels)


def vendors(estate: Estate) -> tuple[str, ...]:
    """The estate's vendors, channels first: a step of a later one waits for those before it."""
    order = {"channel": 0, "payments": 1, "warehouse": 2, "erp": 3, "bridge": 4}
    ranked = sorted(estate.systems.values(), key=lambda part: order[part.role])
    return tuple(dict.fromkeys(part.vendor for part in ranked))
