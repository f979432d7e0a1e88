"""The list of mutants fits the project: a mutant that cannot be put in, or whose tests are gone, proves nothing."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.mutants.__main__ import ALL, OF_VENDORS, ROOT, TESTS, Mutant

WANTED_KINDS = {"units", "sign", "paging stop", "time zone", "cursor", "retry class"}


def each(mutant: Mutant) -> str:
    """A test's id."""
    return mutant.name


@pytest.mark.parametrize("mutant", ALL, ids=each)
def test_a_mutant_can_be_put_in_and_loads(mutant: Mutant) -> None:
    """Its place stands in the file exactly once, and what comes out is a program still."""
    path = ROOT / mutant.file
    changed = mutant.put_into(path.read_text(encoding="utf-8"))
    if path.suffix == ".py":
        ast.parse(changed)


@pytest.mark.parametrize("mutant", ALL, ids=each)
def test_the_tests_a_mutant_names_exist(mutant: Mutant) -> None:
    """A test that was renamed would leave its mutant alive."""
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        path = ROOT / TESTS / file
        assert path.is_file()
        assert not name or re.search(
            rf"^def {re.escape(name)}\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )


def test_every_kind_of_fault_is_there_and_none_twice() -> None:
    """At least twenty in the connectors, of every kind."""
    connectors = [m for m in ALL if not m.file.startswith("dbt_project") or "/staging/" in m.file]
    assert len(connectors) >= 20
    assert {m.kind for m in connectors} >= WANTED_KINDS
    assert max(Counter(m.name for m in ALL).values()) == 1


def test_each_later_vendor_has_ten() -> None:
    """Of its own connector, writes, staging views and macros; whichever vendor is in the registry."""
    assert set(OF_VENDORS) == set(VENDORS) - {"shopify", "veeqo"}
    for slug, mutants in OF_VENDORS.items():
        own = [m for m in mutants if re.search(rf"(?:vendors|staging|macros)/{slug}\b|/{slug}_", m.file)]
        assert len(own) >= 10, slug
