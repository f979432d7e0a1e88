"""What an estate with a bridge must say: how often failures are read, and no window that ends before they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import Estate, SyncPart, Window, check_syncs
from cogent_pipelines.rules import catalogue
from cogent_pipelines.vendors import accounts
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors.sandbox_kit import ESTATE

START_URL = "https://start.wearepatchworks.com/api/v1"
BRIDGE = {
    "vendor": "patchworks",
    "role": "bridge",
    "url": "https://core.wearepatchworks.com/api/v1",
    "secrets": {"api_key": "X"},
}


def estate(windows: dict[str, Window] | None = None, **cadence: str) -> Estate:
    """An estate with a bridge, read so often."""
    content: dict[str, Any] = {**ESTATE, "sandbox": False, "systems": {"bridge": BRIDGE}}
    people = ("operations", "cx", "finance", "ecommerce", "merchandising", "data")
    content |= {"cadence": {"orders": "1m", **cadence}, "owners": {name: {} for name in people}}
    return msgspec.structs.replace(msgspec.convert(content, Estate), windows=windows or {})


@pytest.mark.parametrize("cadence", ["5m", "6h", "24h", "1d"])
def test_failures_are_read_thrice_before_they_are_deleted(cadence: str) -> None:
    """One reading knows of a payload and the next one copies it; one may fail. They are kept for 72 hours."""
    accounts.check(estate(flow_failures=cadence), "it.yaml")


@pytest.mark.parametrize("cadence", [{}, {"flow_failures": "25h"}, {"flow_failures": "3d"}])
def test_an_estate_that_reads_failures_too_seldom_or_never_is_refused(cadence: dict[str, str]) -> None:
    """With what is deleted, and when."""
    with pytest.raises(
        BadInput, match=r"cadence\.flow_failures.*at most 24h, as payloads are deleted 72 hours"
    ):
        accounts.check(estate(**cadence), "it.yaml")


@pytest.mark.parametrize(
    ("hours", "is_refused"), [(11.9, True), (12.0, False), (0.0, False), (None, False)]
)  # fmt: skip
def test_a_window_shorter_than_two_readings_of_failures_is_refused(
    tmp_path: Path, hours: float | None, is_refused: bool
) -> None:
    """It would be late for what nobody has looked at; none at all is somebody's wish."""
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(dbt_render.manifest()))
    rule = "every_failed_payload_was_recovered"
    given = estate({rule: Window(hours=hours)}, flow_failures="6h")
    if is_refused:
        with pytest.raises(BadInput, match=rf"windows\.{rule}\.hours.*twice the time between two readings"):
            catalogue.check("it.yaml", given, catalogue.load(file))
    else:
        catalogue.check("it.yaml", given, catalogue.load(file))


def test_a_sync_may_name_the_flow_that_did_it_before() -> None:
    """By its id or its name."""
    since = "2026-11-02T00:00:00Z"
    part = msgspec.convert({"mode": "shadow", "from": since, "was": "bridge/Shop orders to WMS"}, SyncPart)
    assert part.before == ("bridge", "Shop orders to WMS")
    assert msgspec.convert({"mode": "off", "from": since}, SyncPart).before == ("", "")


@pytest.mark.parametrize("host", ["app.wearepatchworks.com", "inbound.pwks.co"])
def test_only_hosts_that_are_called_may_be_named(host: str) -> None:
    """One is for logins, and the oldest is dead."""
    system = accounts.system(estate(flow_failures="6h"), "bridge")
    other = type(system)(system.name, system.vendor, f"https://{host}/api/v1", system.secrets)
    Client(system, accounts.VENDORS["patchworks"], limits=MemoryLimits())
    with pytest.raises(BadInput, match=r"core\.wearepatchworks\.com"):
        Client(other, accounts.VENDORS["patchworks"], limits=MemoryLimits())


def routed(flow: str = "bridge/92", sync: str = "orders_to_wms", start: str = START_URL, **part: str) -> None:
    """Check an estate in which a bridge carries a sync."""
    content = msgspec.to_builtins(estate(flow_failures="6h"))
    content["systems"]["bridge"]["options"] = {"start_url": start} if start else {}
    content["syncs"] = {sync: {"mode": "live", "from": "2026-11-02T00:00:00Z", "via": flow, **part}}
    made = msgspec.convert(content, Estate)
    check_syncs("it.yaml", made)
    accounts.check(made, "it.yaml")


def test_a_sync_of_orders_may_go_by_a_flow() -> None:
    """Named by its id, with the address flows are started at."""
    routed()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"flow": "bridge/Orders"}, "via.*a flow's id behind"),
        ({"flow": "shop/92"}, "via.*a flow's id behind"),
        ({"sync": "stock_to_channel"}, "via.*of orders_to_wms only"),
        ({"was": "bridge/92"}, "another flow than the one that did it before"),
        ({"start": ""}, "options.start_url.*where its flows are started"),
    ],
)
def test_a_route_that_cannot_be_is_refused(wrong: dict[str, str], words: str) -> None:
    """Before anything is read."""
    with pytest.raises(BadInput, match=words):
        routed(**wrong)


def test_an_address_among_the_options_may_be_the_sandbox_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system's own may."""
    monkeypatch.setenv("COGENT_SANDBOX_PORT", "8711")
    content = msgspec.to_builtins(estate())
    content["systems"]["bridge"]["options"] = {
        "start_url": "sandbox://bridge/start",
        "reference_fields": ["x"],
    }
    options = accounts.system(msgspec.convert(content, Estate), "bridge").options
    assert options == {"start_url": "http://127.0.0.1:8711/bridge/start", "reference_fields": ["x"]}
