"""An estate with a bridge: ours beside the flow that did the work before, over the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cogent_pipelines.sandbox.world import defects
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, THIRD

LINES = [{"sku": "SKU-0001", "quantity": 2}]
BESIDE = "SELECT exception_key, cause FROM rules.no_sync_runs_beside_its_previous_writer"


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Pair]:
    """A retailer whose orders a flow sends, and ours, live and waiting for that to end."""
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(
            tmp_path,
            "shopify",
            "veeqo",
            others={THIRD: "patchworks"},
            syncs={"orders_to_wms": {"was": f"{THIRD}/88"}},
            old_integration=1.0,
        ) as made,
    ):
        yield made


def books(pair: Pair, order: str) -> str:
    """Where the books have an order."""
    sql = (
        f"SELECT order_class || coalesce(': ' || reason, '') FROM reports.books WHERE order_name = '{order}'"
    )
    return str(pair.rows(sql)[0][0])


def test_a_sync_takes_over_from_a_flow_without_a_loss_or_a_double(beside: Pair) -> None:
    """Held while the flow is on, whether it works or not; let go by the look that reads it is off; each order once."""
    before = beside.do(SHOP, "place_order", lines=LINES, location=1001)["order"]
    beside.look(3)
    assert beside.truth()["orders"][before]["sent_by"] == ["old_integration"]

    beside.do(THIRD, "stall", flow=88)
    order = beside.do(SHOP, "place_order", lines=LINES, location=1001)["order"]
    beside.look(3)
    assert beside.truth()["orders"][order]["records"] == 0
    assert books(beside, order) == "held: previous_writer_enabled"
    assert beside.rows(BESIDE) == [("orders_to_wms", "previous_writer_enabled")]

    beside.do(THIRD, "enable", flow=88, is_enabled=False)
    beside.look(3)
    told = beside.truth()
    assert [told["orders"][name]["records"] for name in (before, order)] == [1, 1]
    assert (told["lost"], told["doubled"]) == ([], [])
    assert books(beside, order) == "verified"
    assert beside.rows(BESIDE) == []


def test_a_bridge_that_cannot_be_read_holds(beside: Pair) -> None:
    """Though the flow was off when it was last read."""
    beside.do(THIRD, "enable", flow=88, is_enabled=False)
    beside.look()
    beside.sandbox.kit.tokens.lock_out(THIRD, beside.world.now.replace(year=2030))
    order = beside.do(SHOP, "place_order", lines=LINES, location=1001)["order"]
    beside.look(2)
    assert beside.truth()["orders"][order]["records"] == 0
    assert books(beside, order) == "held: previous_writer_unknown"


# --- what is planted in a bridge is found -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A retailer in whose bridge every fault and every near-miss was planted, read once they were all due."""
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(
            tmp_path_factory.mktemp("planted"),
            "shopify",
            "veeqo",
            others={THIRD: "patchworks"},
            syncs={"orders_to_wms": {"was": f"{THIRD}/88"}},
            old_integration=1.0,
            skus=60,
            defects=3,
            families=",".join(FAMILIES),
        ) as made,
    ):
        made.move_on(20 * 3600)
        for _ in range(3):  # the log of a failure is known by one reading, and its payload by the next
            made.read()
        yield made


FAMILIES = tuple(name for name, family in defects.FAMILIES.items() if family.of_bridges)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fault_that_is_planted_in_a_bridge_is_found_and_no_near_miss(
    planted: Pair, family: str
) -> None:
    """By the rule of its name, and nothing else by that rule unless it is planted beside it."""
    listing = planted.world.planter.listing()
    assert (listing["waiting"], listing["abandoned"]) == ([], [])
    found = {
        name for row in planted.rows(f"SELECT entity_key, detail FROM rules.{family}") for name in names(row)
    }

    def told(*, near: bool) -> dict[str, bool]:
        return {
            defect["mechanism"]: bool(found & set(defect["keys"].values()))
            for defect in listing["defects"]
            if defect["family"] == family and defect["is_near_miss"] == near
        }

    assert told(near=False) == {each.__name__: True for each in defects.FAMILIES[family].mechanisms}
    assert told(near=True) == {each.__name__: False for each in defects.FAMILIES[family].near_misses}


def names(row: tuple[str, str]) -> set[str]:
    """What an exception names: its flow, and every word of its detail."""
    return {row[0], *row[1].replace(",", " ").split()}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_rule_of_a_bridge_says_was_planted(planted: Pair, family: str) -> None:
    """For itself, or as what another fault brings with it."""
    listing = planted.world.planter.listing()
    known = {
        value
        for defect in listing["defects"]
        if family in (defect["family"], *defect["also"])
        for value in defect["keys"].values()
    }
    rows = planted.rows(f"SELECT entity_key, detail FROM rules.{family}")
    assert rows
    assert [row for row in rows if not names(row) & known] == []
