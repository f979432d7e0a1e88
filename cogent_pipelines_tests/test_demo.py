"""The demo's driver: what it tells the sandbox, and how it writes the estate it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cogent_pipelines import clock, demo
from cogent_pipelines import estate as estates
from cogent_pipelines.defs import transform
from cogent_pipelines_tests import dbt_render

ESTATES = sorted((demo.ROOT / "estates").glob("*.yaml"))


@pytest.mark.parametrize("file", ESTATES, ids=lambda file: file.stem)
def test_any_estate_can_be_run_in_a_time_lapse(file: Path, tmp_path: Path) -> None:
    """With its own mappings, and the folder in which the sandbox drops what a vendor pushes."""
    lapsed = estates.load(demo.timelapse(file, timedelta(hours=2), tmp_path))
    own = estates.load(file)
    assert lapsed.mappings == own.mappings
    assert estates.span(lapsed.shortest_window) == timedelta(hours=4)
    for name, system in lapsed.systems.items():
        if system.vendor == "seko":
            assert system.options["pushes"] == str(tmp_path / "drop" / name)


def test_the_sandbox_is_told_which_warehouse_runs_what_and_who_owns_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its world is the estate's."""
    told: list[str] = []

    class Ended(Exception):
        """Nothing is started."""

    def started(command: list[str], **_: Any) -> None:
        told.extend(command)
        raise Ended

    monkeypatch.setattr(demo.subprocess, "Popen", started)
    estate = estates.load(demo.ROOT / "estates" / "two_warehouses.yaml")
    with pytest.raises(Ended), demo.sandbox(demo.Place(tmp_path), estate, 1, []):
        pass
    assert told[told.index("--facilities") + 1] == "LEEDS=wms_uk,YORK=tpl_uk"
    assert told[told.index("--catalogue") + 1] == "erp_uk"
    assert told[told.index("--drop") + 1] == str(tmp_path / "drop")


def test_the_retailers_time_stands_almost_still_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks run at the pace that was asked for, and at the demo's own where none was."""
    asked: list[Any] = []
    at = datetime(2026, 11, 2, 6, tzinfo=UTC)

    def ask(self: demo.Sandbox, path: str, body: Any = None) -> Any:
        asked.append((path, body["speed"]))
        return {"at": at.isoformat(), "speed": body["speed"]}

    monkeypatch.setattr(demo.Sandbox, "ask", ask)
    sandbox = demo.Sandbox(1, None)  # type: ignore[arg-type]
    try:
        sandbox.advance(speed=1.0)
        assert clock.speed() == 1.0
        sandbox.advance(at)
        assert clock.speed() == demo.SPEED
    finally:
        clock.use_wall()
    assert asked == [("advance", 1.0), ("advance", demo.SPEED)]


def test_a_demo_that_was_told_to_end_ends_after_the_look_that_swallowed_it() -> None:
    """Dagster takes the exit for a failed step; the days would go on, and nobody could stop them."""
    looks: list[int] = []
    ended: list[int] = []

    class Runner:
        def tick(self) -> None:
            looks.append(1)
            ended.append(15)

    class Sandbox:
        def advance(self, to: datetime) -> datetime:
            return to

    start = datetime(2026, 11, 2, 6, tzinfo=UTC)
    options = demo.Options(ESTATES[0], None, 1, "0", 1.0, "none", "", 0, ui=False)
    with pytest.raises(SystemExit) as left:
        demo._days(Runner(), Sandbox(), start, options, timedelta(hours=2), ended=ended)  # type: ignore[arg-type]
    assert (left.value.code, looks) == (143, [1])


def test_a_rule_on_payouts_is_due_later_by_the_time_between_two_readings_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fault is not known before; any other rule is due when it ever was."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(dbt_render.manifest()))
    monkeypatch.setattr(transform, "manifest", lambda *_: manifest)
    estate = estates.load(demo.ROOT / "estates" / "demo.yaml")

    def windows(cadence: Mapping[str, str]) -> dict[str, float]:
        given = msgspec.structs.replace(estate, cadence=cadence)
        return demo.windows_of(demo.Place(tmp_path), given, timedelta(hours=2))

    often, seldom = (windows({**estate.cadence, "payouts": each}) for each in ("6h", "1d"))
    assert often["every_payout_equals_its_entries"] == (24 + 6) * 3600
    assert often["every_captured_order_is_paid_out_in_time"] == (72 + 6) * 3600
    assert often["every_paid_order_reached_a_warehouse"] == 900
    later = {name: seldom[name] - often[name] for name in often if seldom[name] != often[name]}
    assert later == dict.fromkeys(
        (
            "every_captured_order_is_paid_out_in_time",
            "every_entry_belongs_to_an_order_or_is_explained",
            "every_payout_equals_its_entries",
            "every_payout_is_posted",
        ),
        18 * 3600,
    )
    unsaid = {name: each for name, each in estate.cadence.items() if name != "payouts"}
    assert windows(unsaid) == often
