"""The rules' metadata: complete, in words, and true of the SQL beside it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cogent_pipelines import estate
from cogent_pipelines.errors import BadInput
from cogent_pipelines.rules import catalogue
from cogent_pipelines_tests import dbt_render

ROOT = Path(__file__).parents[2]
RULES = sorted(name for name, model in dbt_render.models().items() if model.schema == "rules")
FORMULAS = "every_paid_order_reached_a_warehouse"


def write(folder: Path, manifest: dict[str, Any] | None = None) -> Path:
    """A manifest on disk."""
    file = folder / "manifest.json"
    file.write_text(json.dumps(manifest or dbt_render.manifest()))
    return file


def test_every_rule_loads_with_an_owner_the_demo_knows(tmp_path: Path) -> None:
    """Owner, informed, words, window, causes."""
    rules = catalogue.load(write(tmp_path))
    assert sorted(rules) == RULES
    assert len(RULES) >= 27
    catalogue.check("demo.yaml", estate.load(ROOT / "estates" / "demo.yaml"), rules)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_s_name_is_a_sentence_and_its_requirements_exist(name: str) -> None:
    """``every``, ``no`` or an equation; R1 to R130."""
    assert re.match(
        r"^(every|no)_[a-z_]+$|^channel_stock_equals_what_is_available$|^flow_success_matches_the_target$",
        name,
    )
    wanted = dbt_render.models()[name].meta.get("requirements", [])
    assert wanted
    assert all(re.fullmatch(r"R([1-9]\d?|1[0-2]\d|130)", each) for each in wanted)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_s_sql_and_its_metadata_name_the_same_causes(name: str) -> None:
    """A cause in the SQL is described, and a described cause can occur."""
    sql, causes = dbt_render.models()[name].text, set(dbt_render.models()[name].meta["causes"])
    for cause in causes:
        assert f"'{cause}" in sql or f"{cause}'" in sql or name in OPEN_LISTS, cause
    if name not in OPEN_LISTS:
        literals = {a or b for a, b in re.findall(r"then '(?:\d)?([a-z_]+)'|else '([a-z_]+)'", sql)}
        literals |= set(re.findall(r"'([a-z_]+)' as cause", sql))
        assert literals <= causes | OTHER_WORDS, literals - causes


OPEN_LISTS = {"every_plan_is_within_its_brakes", "every_change_was_stored_as_sent", "every_paid_order_can_be_released",
              "every_change_was_carried_out"}  # fmt: skip
"""Rules whose cause is a word of another part: the brake, the verification, the release, the promise's state."""
OTHER_WORDS = {
    "accepted",
    "stored otherwise than sent",
    "no_weight",
    "no_barcode",
    "bad_barcode",
    "no_origin",
}


def test_a_cause_s_window_comes_before_its_rule_s(tmp_path: Path) -> None:
    """Zero hours for what vanished, a quarter for the rest."""
    rule = catalogue.load(write(tmp_path))[FORMULAS]
    assert rule.window_of("vanished_from_target").length.total_seconds() == 0
    assert rule.window_of("not_in_warehouse") == rule.window
    assert rule.window.length.total_seconds() == 900


def test_a_cause_may_need_a_person_where_its_rule_repairs_itself(tmp_path: Path) -> None:
    """A parcel that vanished from the shop is somebody's decision; another word is refused."""
    rule = catalogue.load(write(tmp_path))["every_shipment_reached_the_channel"]
    assert (rule.repair_of("not_at_channel"), rule.repair_of("vanished_from_target")) == (
        "automatic",
        "person",
    )
    manifest = copy.deepcopy(dbt_render.manifest())
    node = next(n for n in manifest["nodes"].values() if n["name"] == FORMULAS)
    node["config"]["meta"]["causes"]["not_in_warehouse"]["repair"] = "magic"
    (tmp_path / "other").mkdir()
    with pytest.raises(BadInput, match=r"causes\.not_in_warehouse\.repair"):
        catalogue.load(write(tmp_path / "other", manifest))


def test_what_a_rule_rests_on_is_found_through_all_that_lies_between(tmp_path: Path) -> None:
    """Vendors' streams only: our own tables are never late."""
    rules = catalogue.load(write(tmp_path))
    assert {
        ("shopify", "orders"),
        ("veeqo", "orders"),
        ("veeqo", "stock"),
        ("shopify", "fulfillment_orders"),
    } <= (rules[FORMULAS].inputs)
    assert rules["every_feed_is_up_to_date"].inputs == frozenset()
    assert rules["every_item_has_weight_barcode_and_origin"].inputs >= {("shopify", "variants")}


@pytest.mark.parametrize(
    "word",
    [
        "when_broken",
        "why_it_matters",
        "first_step",
        "informs",
        "repair",
        "owner",
        "severity",
        "window",
        "causes",
    ],
)
def test_a_rule_without_a_word_is_refused_by_name(tmp_path: Path, word: str) -> None:
    """File, key, what was found, what was expected."""
    manifest = copy.deepcopy(dbt_render.manifest())
    del manifest["nodes"][f"model.cogent.{FORMULAS}"]["config"]["meta"][word]
    with pytest.raises(BadInput, match=rf"manifest.json: {FORMULAS}\.meta\.{word}"):
        catalogue.load(write(tmp_path, manifest))


@pytest.mark.parametrize(
    ("key", "is_known"),
    [
        (FORMULAS, True),
        (f"{FORMULAS}.not_in_warehouse", True),
        ("every_order", False),
        (f"{FORMULAS}.nothing", False),
    ],
)
def test_a_window_for_a_rule_there_is_not_is_refused(tmp_path: Path, key: str, is_known: bool) -> None:
    """A slip of the pen would otherwise change nothing, silently."""
    demo = estate.load(ROOT / "estates" / "demo.yaml")
    demo = msgspec.structs.replace(demo, windows={key: estate.Window(hours=1)})
    rules = catalogue.load(write(tmp_path))
    if is_known:
        catalogue.check("demo.yaml", demo, rules)
    else:
        with pytest.raises(BadInput, match=re.escape(f"windows.{key}")):
            catalogue.check("demo.yaml", demo, rules)


def test_a_missing_manifest_says_who_writes_it(tmp_path: Path) -> None:
    """Not a stack trace."""
    with pytest.raises(BadInput, match="dbt parse"):
        catalogue.load(tmp_path / "none.json")
