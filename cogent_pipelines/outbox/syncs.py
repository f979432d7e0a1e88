"""The flows that may act on another system, as facts.

Belongs here: one entry per sync: its view of wanted, how often a key is done, what must be read first.
Does not belong here: whether it may act (the estate's modes), what is wanted (``dbt_project/models/wanted``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ADDRESS = frozenset(
    f"ship_to_{part}"
    for part in (
        "name", "first_name", "last_name", "company", "line1", "line2", "city", "region", "postcode", "phone"
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """A number that is set by compare-and-set: its field, and the field with the value it must still have."""

    value: str
    first: str


@dataclass(frozen=True, slots=True)
class Sync:
    """One outbound flow."""

    name: str
    target_role: Literal["channel", "warehouse"]
    repeat: Literal["once", "whenever_different"]
    needs: Mapping[str, tuple[str, ...]]
    """Role -> entities that must have been read, completely and lately, before anything is planned."""
    reads_all: bool = False
    """Whether a row depends on every system of those roles, and not on its own source and target only."""
    personal: frozenset[str] = frozenset()
    """Fields that reach the ledger as fingerprints only."""
    volatile: frozenset[str] = frozenset()
    """Fields that may differ without the wanting being another one."""
    level: Level | None = None
    owner: str = "operations"

    @property
    def model(self) -> str:
        """The view that says what is wanted."""
        return f"wanted.{self.name}"

    @property
    def is_once(self) -> bool:
        return self.repeat == "once"


SYNCS: Mapping[str, Sync] = {
    sync.name: sync
    for sync in (
        Sync(
            "orders_to_wms",
            target_role="warehouse",
            repeat="once",
            needs={"channel": ("orders",), "warehouse": ("orders",)},
            personal=ADDRESS | {"customer_email", "note"},
            # what a gateway took is known later; it is no other order
            volatile=frozenset({"payments"}),
        ),
        Sync(
            "shipments_to_channel",
            target_role="channel",
            repeat="once",
            needs={"channel": ("orders", "shipments"), "warehouse": ("orders", "shipments")},
        ),
        Sync(
            "stock_to_channel",
            target_role="channel",
            repeat="whenever_different",
            needs={"channel": ("orders", "stock"), "warehouse": ("orders", "stock")},
            reads_all=True,
            volatile=frozenset(
                {
                    "change_from",
                    "physical_qty",
                    "allocated_qty",
                    "ordered_unallocated_qty",
                    "committed_qty",
                    "is_decrease",
                }
            ),
            level=Level("quantity", "change_from"),
        ),
        Sync(
            "cancellations_to_wms",
            target_role="warehouse",
            repeat="once",
            needs={"channel": ("orders",), "warehouse": ("orders",)},
            owner="cx",
        ),
        Sync(
            "cancellations_to_channel",
            target_role="channel",
            repeat="once",
            needs={"channel": ("orders", "shipments"), "warehouse": ("orders", "shipments")},
            owner="cx",
        ),
    )
}
"""Sync name -> its facts. A sync that is not named in the estate plans and shows, and sends nothing."""
