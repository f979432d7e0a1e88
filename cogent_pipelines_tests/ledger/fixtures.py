"""Fixtures that tests of the ledger and of the outbox share.

Belongs here: an open ledger on either engine, and a clock that stands where the test puts it.
Does not belong here: anything about one test.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from cogent_pipelines import clock
from cogent_pipelines.ledger import ledger
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines_tests.ledger import postgres

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # where a flush to disk costs nothing
SQLITE = "sqlite:///"
KEY = "a key for tests that is long enough to be one"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str | None]:
    """A Postgres server for the whole session, or None."""
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty ledger, once on each engine."""
    monkeypatch.setenv("COGENT_HMAC_KEY", KEY)
    if request.param == "sqlite":
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            yield f"{SQLITE}{folder}/ledger.db"
        return
    server = request.getfixturevalue("postgres_server")
    if server is None:
        pytest.skip(postgres.WHY_NOT)
    with postgres.database(server) as url:
        yield url


@pytest.fixture
def at() -> Iterator[Callable[[timedelta | float], None]]:
    """Stop the clock at START; calling the fixture moves it on by that much (seconds or a timedelta)."""
    now = START
    clock.use(clock.Clock(now, time.time(), 1e-9))

    def move_on(by: timedelta | float) -> None:
        nonlocal now
        now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        clock.use(clock.Clock(now, time.time(), 1e-9))

    yield move_on
    clock.use_wall()


@cache
def _empty() -> bytes:
    """An empty ledger's file: making its tables takes longer than most tests."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        file = Path(folder) / "ledger.db"
        ledger.open(file).close()
        return file.read_bytes()


@pytest.fixture
def book(ledger_url: str, at: Callable[[timedelta | float], None]) -> Iterator[Ledger]:
    """An open, empty ledger made an hour ago."""
    at(-3600)
    if ledger_url.startswith(SQLITE):
        Path(ledger_url.removeprefix(SQLITE)).write_bytes(_empty())
    opened = ledger.open(ledger_url)
    at(3600)
    yield opened
    opened.close()
