"""The outbox is tested over a SQLite ledger and a small target of our own.

What differs between the engines is the ledger's, whose own tests run on both; so does the crash matrix.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from cogent_pipelines import warehouse
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.vendors import registry
from cogent_pipelines_tests.ledger.fixtures import KEY, MEMORY, SQLITE, at, book
from cogent_pipelines_tests.outbox.loop import Loop
from cogent_pipelines_tests.outbox.target import VENDOR, Warehouse

__all__ = ["at", "book"]


@pytest.fixture
def ledger_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty ledger."""
    monkeypatch.setenv("COGENT_HMAC_KEY", KEY)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield f"{SQLITE}{folder}/ledger.db"


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
