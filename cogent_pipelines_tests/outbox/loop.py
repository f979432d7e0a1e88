"""One retailer's loop over the small target: plan, deliver, verify, by hand.

Belongs here: a fixture-shaped object that keeps tests short.
Does not belong here: assertions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cogent_pipelines import warehouse
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import books, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.outbox import deliver, plan, verify
from cogent_pipelines.outbox.deliver import DeliverReport
from cogent_pipelines.outbox.plan import PlanReport
from cogent_pipelines_tests.outbox.target import Target, Warehouse, clients, estate

SYNCS = ("orders_to_wms", "cancellations_to_wms", "stock_to_channel")


@dataclass
class Loop:
    """Everything a test of the outbox needs."""

    ledger: Ledger
    wanted: Warehouse
    move_on: Callable[[timedelta | float], None]
    estate: Estate = field(default_factory=estate)
    shop: Target = field(default_factory=Target)
    wms: Target = field(default_factory=Target)
    _begun: set[str] = field(default_factory=set)
    """Syncs that ever wanted anything."""

    def plan(self, sync: str = "orders_to_wms") -> PlanReport:
        with warehouse.open(self.wanted.path) as connection:
            return plan.plan(connection, self.ledger, self.estate, sync)

    def deliver(self, **options: Any) -> DeliverReport:
        return deliver.deliver(
            self.ledger,
            self.estate,
            self.wanted.path,
            clients({"shop": self.shop, "wms": self.wms}),
            **options,
        )

    def verify(self) -> DeliverReport:
        return verify.verify(self.ledger, self.estate, clients({"shop": self.shop, "wms": self.wms}))

    def tick(self, seconds: float = 60.0) -> None:
        """Read every feed, plan every sync, look, deliver; then let time pass."""
        self.wanted.pulled()
        self.move_on(0.001)
        with warehouse.open(self.wanted.path) as connection:
            self._begun |= {s for s in SYNCS if connection.execute(f"FROM wanted.{s} LIMIT 1").fetchone()}
            for sync in sorted(self._begun):
                plan.plan(connection, self.ledger, self.estate, sync)
        self.verify()
        self.deliver()
        self.move_on(seconds)

    def until_quiet(self, ticks: int = 12) -> None:
        """Tick until nothing is under way any more, and twice again: nothing may begin anew. At most so often."""
        quiet = 0
        for _ in range(ticks):
            self.tick()
            quiet = quiet + 1 if promises.next_due_at(self.ledger) is None else 0
            if quiet == 3:
                break

    def states(self, sync: str = "orders_to_wms") -> dict[str, str]:
        """Business key, short -> state and reason of its latest generation."""
        return {
            key.removeprefix("shop:").removesuffix("@LEEDS"): f"{state} {reason}".strip()
            for (_, key), (state, reason) in books.states(self.ledger, sync).items()
        }
