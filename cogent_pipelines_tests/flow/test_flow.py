"""The loop through Dagster's real jobs: orders out, parcels and levels back, judged and told."""

from __future__ import annotations

import importlib
import json
import time
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from cogent_pipelines import clock, demo, warehouse
from cogent_pipelines_tests.flow.conftest import Shop

pytestmark = pytest.mark.flow
PARCELS = 12
"""So many at least, or the day proves nothing."""


@pytest.fixture(scope="module")
def day(shop: Shop) -> Shop:
    """The shop after its day: every look has succeeded."""
    ticks = shop.look(4)  # until the warehouses have closed, so that nothing leaves while we judge
    if parcels(shop) < PARCELS:  # on a slow machine orders arrive after the cut-off, and leave a day later
        ticks += shop.look(8)
    assert all(tick.succeeded for tick in ticks), [tick.failed for tick in ticks]
    return shop


def parcels(shop: Shop) -> int:
    """How many parcels we know of."""
    with warehouse.open(shop.place.warehouse) as connection:
        row = connection.execute("SELECT count(*) FROM marts.shipments").fetchone()
    return int(row[0]) if row else 0


def test_every_paid_order_is_in_the_warehouse_once(day: Shop) -> None:
    """By the sandbox's truth nothing is lost and nothing doubled."""
    truth = day.sandbox.ask("truth")
    assert truth["lost"] == []
    assert truth["doubled"] == []
    assert sum(order["in_warehouse"] > 0 for order in truth["orders"].values()) > 30


def test_every_parcel_is_told_to_the_shop(day: Shop) -> None:
    """Each parcel has its fulfilment, and the customer one message."""
    with warehouse.open(day.place.warehouse) as connection:
        told = connection.execute(
            "SELECT count(*) FROM ops.operations WHERE sync = 'shipments_to_channel' AND state = 'verified'"
        ).fetchone()
    assert told is not None
    assert parcels(day) >= PARCELS
    assert told[0] >= parcels(day) - 2  # those that left since the last look are told at the next


def test_the_books_balance(day: Shop) -> None:
    """Every order ingested is in exactly one class."""
    found = day.books()
    assert found.balanced


def test_a_second_look_at_the_same_moment_changes_nothing(day: Shop) -> None:
    """No write, no raw row, promise, attempt or exception changes when nothing has happened."""

    def state() -> list[Any]:
        with warehouse.open(day.place.warehouse) as connection:
            tables = ("shopify.orders", "shopify.inventory_levels", "veeqo.orders", "veeqo.stock")
            rows = [
                connection.execute(f"SELECT count(*), max(_changed_at) FROM {table}").fetchone()
                for table in tables
            ]
            promises = connection.execute(
                "SELECT count(*), sum(generation), max(state) FROM ops.operations"
            ).fetchone()
            tried = connection.execute("SELECT count(*) FROM ops.attempts").fetchone()
            found = connection.execute("SELECT count(*), max(opened_at) FROM ops.exceptions").fetchone()
        counters = day.sandbox.ask("counters")
        writes = sum(
            c["count"]
            for c in counters["calls"]
            if c["operation"].startswith(("POST ", "PUT "))
            or c["operation"].endswith(("Create", "Set", "Update"))
        )
        return [rows, promises, tried, found, writes]

    def look() -> int:
        """Look once, with time at a crawl; how many events the world has played by then."""
        told = day.sandbox.ask("advance", {"seconds": 0, "speed": 1})
        clock.use(clock.Clock(datetime.fromisoformat(told["at"]), time.time(), 1.0))
        assert day.runner.tick().succeeded
        return int(day.sandbox.ask("counters")["events_played"])

    for _ in range(6):  # a carrier may scan a parcel just then: then it is another moment, and we look again
        played = look()
        before = state()
        if look() == played:
            break
    assert state() == before


def test_dbt_reads_its_project_once(day: Shop) -> None:
    """Building goes by what was read before: the whole project again would be half of a building's time."""
    log = (day.place.manifest.parent / "dbt.log").read_text(encoding="utf-8")
    assert log.count('"name": "FoundStats"') == 1
    assert log.count('"name": "UnableToPartialParse"') == 1


def test_dbts_tests_take_the_instant_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the module that the profile names; it is the package's, so it is there from whatever folder dbt is started."""
    profile = yaml.safe_load((demo.ROOT / "dbt_project" / "profiles.yml").read_text(encoding="utf-8"))
    output = profile["cogent"]["outputs"]["main"]
    (module,) = [each["module"] for each in output["plugins"]]
    monkeypatch.setenv("COGENT_AS_OF", "2026-11-04T12:00:00Z")
    with duckdb.connect() as connection:
        importlib.import_module(module).Plugin("instant", {}).configure_cursor(connection)
        assert connection.execute("SELECT getvariable('as_of')").fetchall() == [("2026-11-04T12:00:00Z",)]
    assert module.startswith("cogent_pipelines.")
    assert "COGENT_AS_OF" not in json.dumps(profile)


def test_every_rule_is_a_check_with_its_owner(day: Shop) -> None:
    """Each rule's check was evaluated, and says whose it is."""
    checks = [
        check
        for assets in day.runner.repository.asset_checks_defs_by_key.values()
        for check in assets.check_specs
        if check.asset_key.path[0] == "rules"
    ]
    assert len({check.name for check in checks}) >= 27
    assert all(check.metadata["owner"] for check in checks)
    records = day.runner.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [c.key for c in checks]
    )
    assert all(records[check.key].status.value in {"SUCCEEDED", "FAILED"} for check in checks)


def test_no_personal_data_is_in_dagsters_storage(day: Shop) -> None:
    """No name, street, e-mail or telephone of a customer stands in any file of the Dagster home."""
    with warehouse.open(day.place.warehouse) as connection:
        rows = connection.execute(
            "SELECT DISTINCT unnest([customer_email, ship_to_line1, ship_to_name]) FROM marts.orders LIMIT 150"
        ).fetchall()
    words = [word.encode() for (word,) in rows if word and len(word) > 6]
    assert len(words) > 20
    for file in day.place.dagster_home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [word for word in words if word in content], file


def test_the_graph_is_as_it_was_reviewed(day: Shop) -> None:
    """Keys, groups and owners of every asset; a change of the graph is seen in review."""
    graph = day.runner.repository.asset_graph
    keys = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    assert {"shopify/orders", "veeqo/orders", "outbox/orders_to_wms", "delivery/stock_to_channel"} <= set(
        keys
    )
    assert {
        "verification/shipments_to_channel",
        "reports/today",
        "marts/orders",
        "rules/no_sku_is_oversold",
    } <= set(keys)
    assert dg.AssetKey(["outbox", "orders_to_wms"]) in keys["delivery/orders_to_wms"].parent_keys
    assert dg.AssetKey(["wanted", "orders_to_wms"]) in keys["outbox/orders_to_wms"].parent_keys
    unowned = [
        name
        for name, node in keys.items()
        if name.partition("/")[0] in {"shopify", "veeqo", "outbox", "delivery", "verification"}
        and not node.owners
    ]
    assert not unowned
