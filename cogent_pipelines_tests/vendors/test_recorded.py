"""The recorded and documented answers of every vendor: each is held against something, or it is said why not.

``python -m cogent_pipelines_tests.vendors.test_recorded`` prints the tables: files, and what a contract gets wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import vendor_kit

HERE = Path(__file__).parent


@pytest.mark.parametrize("slug", VENDORS)
def test_every_recorded_answer_is_accounted_for(slug: str) -> None:
    """A new file fails until it is put in one of the kit's two tables; so does one where none were known."""
    recorded = vendor_kit.kit(slug).recorded
    if not vendor_kit.SHARED.exists():
        pytest.skip("the shared folder of recorded answers is not beside the project")
    path = recorded.path if recorded.folder else vendor_kit.SHARED / "fixtures" / slug
    there = {each.name for each in path.iterdir()} if path.exists() else set()
    assert there == {*recorded.covered, *recorded.not_covered}


@pytest.mark.parametrize("slug", VENDORS)
def test_a_covered_answer_is_parsed_by_a_test_of_its_vendor(slug: str) -> None:
    """The table alone would prove nothing."""
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob(f"test_{slug}_*.py"))
    recorded = vendor_kit.kit(slug).recorded
    assert [name for name in recorded.covered if f'"{name}"' not in tests] == []
    assert not set(recorded.covered) & set(recorded.not_covered)


def table() -> str:
    """Both tables, as Markdown."""
    lines = ["| vendor | file | held against | or why not |", "| --- | --- | --- | --- |"]
    for slug in VENDORS:
        recorded = vendor_kit.kit(slug).recorded
        lines += [f"| {slug} | {name} | {what} | |" for name, what in recorded.covered.items()]
        lines += [f"| {slug} | {name} | | {why} |" for name, why in recorded.not_covered.items()]
        if not recorded.folder:
            lines.append(f"| {slug} | none | | no recorded answer is known |")
    lines += ["", "| vendor | contract | what it gets wrong | by |", "| --- | --- | --- | --- |"]
    for slug in VENDORS:
        contract = vendor_kit.kit(slug).contract
        if contract is None:
            lines.append(f"| {slug} | none of what is called | | |")
            continue
        for pattern, words in (contract.wrong or {"nothing": ""}).items():
            lines.append(f"| {slug} | {contract.file} | `{pattern.replace('|', chr(92) + '|')}` | {words} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
