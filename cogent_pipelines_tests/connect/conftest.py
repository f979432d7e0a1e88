"""Secrets for the test vendor, and the wall clock back after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogent_pipelines import clock
from cogent_pipelines_tests.connect.kit import SECRET


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TEST_KEY", "TEST_ID", "TEST_SECRET"):
        monkeypatch.setenv(name, f"{SECRET}-{name.lower()}")
    yield
    clock.use_wall()
