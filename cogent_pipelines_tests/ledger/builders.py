"""Rows for tests of the ledger, with everything that does not matter filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cogent_pipelines import clock
from cogent_pipelines.ledger import promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.promises import New, Promise

LEASE = timedelta(seconds=180)


def new(key: str = "k", **overrides: Any) -> New:
    """A first generation, waiting."""
    one = New(
        sync="orders_to_wms",
        system="wms",
        source_system="shop",
        business_key=key,
        act="create",
        generation=1,
        is_once=True,
        state="waiting",
        reason="",
        reference=key,
        order_key=f"shop:{key}",
        priority=30,
        digest="d",
        amount=None,
        currency=None,
        since_at=None,
        due_at=clock.now(),
    )
    return replace(one, **overrides)


def make(book: Ledger, *keys: str, **overrides: Any) -> None:
    """Promise these keys."""
    with book.write() as writing:
        promises.make(writing, [new(key, **overrides) for key in keys])


def claim(
    book: Ledger, worker: str = "w", *, states: tuple[str, ...] = ("waiting", "claimed"), limit: int = 100
) -> list[Promise]:
    """Take what is due."""
    return promises.claim(book, worker, states=states, limits={("wms", "orders_to_wms"): limit}, lease=LEASE)


def move(book: Ledger, promise: Promise, after: str, *, is_fenced: bool = True, **values: Any) -> set[int]:
    """One move in a transaction of its own."""
    with book.write() as writing:
        return promises.move(writing, [promises.Move(promise, after, values, is_fenced=is_fenced)])


def state(book: Ledger, key: str) -> str:
    """The state of the latest generation of a key."""
    with book.read() as connection:
        found = promises.unsettled(connection, "orders_to_wms").get(("wms", key))
        if found is None:
            found = promises.latest_settled(connection, "orders_to_wms", [key]).get(("wms", key))
    return found.state if found else ""
