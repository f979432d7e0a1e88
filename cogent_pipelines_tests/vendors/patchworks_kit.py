"""What the Patchworks tests share: documented rows, a sandbox with a bridge alone.

Belongs here: builders, and reading in the order in which one stream is known by another.
Does not belong here: an assertion about Patchworks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cogent_pipelines.connect.spec import System, Window
from cogent_pipelines.sandbox.world import bridge as rules
from cogent_pipelines.sandbox.world.bridge import Bridge, FlowRun
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import BRIDGE, Retailer

SYSTEM = System(BRIDGE, "patchworks", "https://core.wearepatchworks.com/api/v1", {"api_key": "X"})
READ_AT = datetime(2024, 5, 2, 10, tzinfo=UTC)

FLOW = {
    "id": 88, "name": "Shopify orders to WMS", "status": "Deployed", "is_enabled": True,
    "enabled_at": "2024-05-01T09:00:00Z", "deployed_at": "2024-05-01T08:59:00Z", "format": "json",
    "created_at": "2024-04-01T08:00:00Z", "updated_at": "2024-05-01T09:00:00Z",
}  # fmt: skip
RUN = {
    "id": 501234, "name": "Shopify orders to WMS", "status": 3, "flow_id": 88, "flow_version_id": 912, "user_id": None,
    "trigger": "Webhook", "summary": "1 error", "started_at": "2024-05-02T09:00:05Z",
    "finished_at": "2024-05-02T09:00:09Z", "duration": 4, "retry_flow_run_id": None, "has_warnings": False,
    "created_at": "2024-05-02T09:00:05Z", "updated_at": "2024-05-02T09:00:09Z",
}  # fmt: skip
LOG = {
    "id": 9001, "created_at": "2024-05-02T09:00:09Z", "log_level": "ERROR",
    "log_message": "422 from WMS: sku TEE-M unknown", "flow_step_id": 41, "payload_metadata_id": 7001,
}  # fmt: skip
PAYLOAD = {
    "id": 7001, "flow_run_id": 501234, "flow_step_id": 41, "flow_version_id": 912, "payload_store_reference": "a1b2",
    "payload_size": 812, "dropped": False, "created_at": "2024-05-02T09:00:08Z", "updated_at": "2024-05-02T09:00:08Z",
}  # fmt: skip
WAITING = {
    "id": 3301, "flow_version_id": 912, "payload_metadata_id": 7020, "trigger": "API", "status": "queued",
    "created_at": "2024-05-02T09:05:00Z", "updated_at": "2024-05-02T09:05:00Z",
}  # fmt: skip
"""The documents' own rows."""
SINCE = Window(datetime(2024, 5, 2, 9, tzinfo=UTC), READ_AT)
EVER = Window(None, READ_AT)


class Bridged(Retailer):
    """A sandbox with a bridge and nothing else, its flows in use, and ours beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {BRIDGE: "patchworks"})
        for flow in (88, 89, 90):
            self.do(BRIDGE, "enable", flow=flow)

    @property
    def bridge(self) -> Bridge:
        return self.world.bridges[BRIDGE]

    def run(self, *moved: str, refused: tuple[str, ...] = (), ends: bool = True, **more: Any) -> FlowRun:
        """A run of the flow of orders."""
        carried = [(name, None) for name in moved] + [(name, "sku TEE-M unknown") for name in refused]
        made = rules.start(
            self.world, self.bridge, self.bridge.flows[88], carried, **{"trigger": "Schedule", **more}
        )
        if ends:
            self.move_on(10)
        return made

    def read(self) -> dict[str, Any]:
        """Read what a bridge tells of itself, then the logs of what failed, then their payloads: name -> report."""
        turns = (("flows", "flow_runs", "queue"), ("run_logs",), ("payloads",))
        return {report.stream: report for turn in turns for report in self.pull_of(BRIDGE, *turn)}


@contextmanager
def bridged(folder: Path) -> Iterator[Bridged]:
    """Such a one, in time that stands still."""
    with sandbox_kit.standing_still():
        yield Bridged(folder)
