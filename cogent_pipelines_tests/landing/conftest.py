"""A fast clock, the test vendor's tables, and a place to land in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogent_pipelines import clock
from cogent_pipelines_tests.connect.kit import SECRET, START
from cogent_pipelines_tests.landing import kit


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEST_KEY", SECRET)
    clock.use(clock.Clock(START, time.time(), 100.0))
    kit.declare()
    yield
    clock.use_wall()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty warehouse with every table made."""
    path = tmp_path_factory.mktemp("template") / "warehouse.duckdb"
    kit.make_template(path)
    return path


@pytest.fixture
def store(tmp_path: Path, template: Path, stays_open: None) -> kit.Store:
    """An empty state directory and warehouse."""
    return kit.new_store(tmp_path, template)
