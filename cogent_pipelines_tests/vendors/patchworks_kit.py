"""What the Patchworks tests share: documented rows, a sandbox with a bridge alone, and its account in the suites.

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
from cogent_pipelines.sandbox.world.bridge import Bridge, FlowRun, RunLog
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD, Retailer
from cogent_pipelines_tests.vendors.vendor_kit import Holds, Kit

SYSTEM = System(THIRD, "patchworks", "https://core.wearepatchworks.com/api/v1", {"api_key": "X"})
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
TURNS = (("flows", "flow_runs", "queue"), ("run_logs",), ("payloads",))
MOVES, STANDS = 88, 91
"""Flows of the sandbox: one that carries orders, and one that takes up nothing."""
MANY, EACH = 120, 40
"""Runs that succeed, and after how many of them one loses a part and one fails."""
HOUR, WEEK = 3_600, 7 * 86_400


class Bridged(Retailer):
    """A sandbox with a bridge and nothing else, its flows in use, and ours beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {THIRD: "patchworks"})
        for flow in (88, 89, 90):
            self.do(THIRD, "enable", flow=flow)

    @property
    def bridge(self) -> Bridge:
        return self.world.bridges[THIRD]

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
        return {report.stream: report for turn in TURNS for report in self.pull_of(THIRD, *turn)}


@contextmanager
def bridged(folder: Path) -> Iterator[Bridged]:
    """Such a one, in time that stands still."""
    with sandbox_kit.standing_still():
        yield Bridged(folder)


# --- the account of the suites ------------------------------------------------------------------------------


def _bridge(r: Retailer) -> Bridge:
    return r.world.bridges[THIRD]


def _run(r: Retailer, *moved: str, refused: tuple[str, ...] = (), **more: Any) -> None:
    r.do(THIRD, "run", flow=MOVES, moved=moved, refused=refused, **more)


def _begin(r: Retailer) -> None:
    """More runs than a page holds, some of which fail or lose a part; a queue; and two hours later a run that goes on."""
    _bridge(r).runs.clear()  # one every two minutes of a month: most are older than what is read
    for number in range(MANY):
        _run(r, f"#{number}")
        if number % EACH == 0:
            _run(r, f"#{number}A", refused=(f"#{number}B",))
            _run(r, refused=(f"#{number}C", f"#{number}D"))
    r.do(THIRD, "stall", flow=STANDS)
    r.move_on(HOUR)
    r.world.after(HOUR, lambda: _run(r, "#LONG", seconds=WEEK))


def _change(r: Retailer) -> tuple[str, str]:
    """The run that goes on is stopped."""
    (run,) = (run for run in _bridge(r).runs.values() if run.status == rules.STARTED)
    r.do(THIRD, "stop", run=run.id)
    return "flow_runs", str(run.id)


def _failures(r: Retailer) -> list[RunLog]:
    """What the runs that failed, wholly or in part, say in their logs."""
    failed = (run.id for run in _bridge(r).runs.values() if run.status in (rules.FAILURE, rules.PARTIAL))
    return [log for run in failed for log in _bridge(r).logs[run]]


KIT = Kit(
    role="bridge",
    refused=("401: Unauthenticated.",),
    options={"start_url": "{url}/start"},
    holds={
        "flows": Holds(lambda r: _bridge(r).flows.values()),
        "flow_runs": Holds(lambda r: _bridge(r).runs.values()),
        "queue": Holds(lambda r: _bridge(r).waiting.values()),
        "run_logs": Holds(_failures),
        "payloads": Holds(lambda r: [log.payload_id for log in _failures(r) if log.level == "ERROR"], str),
    },
    begin=_begin,
    change=_change,
    turns=TURNS,
    allows_at_once=240,
)
