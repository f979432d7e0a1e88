"""The outbox is tested over a ledger of each engine and a small target of our own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cogent_pipelines import warehouse
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.vendors import registry
from cogent_pipelines_tests.ledger.fixtures import at, book, ledger_url, postgres_server
from cogent_pipelines_tests.outbox.loop import Loop
from cogent_pipelines_tests.outbox.target import VENDOR, Warehouse

__all__ = ["at", "book", "ledger_url", "postgres_server"]


@pytest.fixture
def loop(
    book: Ledger,
    at: Callable[[timedelta | float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Loop:
    """A retailer whose shop and warehouse are the small target."""
    monkeypatch.setitem(registry.VENDORS, "plain", VENDOR)  # type: ignore[arg-type]
    wanted = Warehouse()
    monkeypatch.setattr(warehouse, "open", wanted.open)
    return Loop(book, wanted, at)
