"""What every test may count on: no network but loopback, the wall clock back in place, no secrets of this machine.

Belongs here: guards that hold for all tests, and the order of the files.
Does not belong here: fixtures of one room (its own ``conftest.py``).
"""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import duckdb
import pytest

from cogent_pipelines import clock, warehouse

LONGEST = ("test_matrix.py", "test_flow.py")
"""Files that take a worker more than half a minute. They begin, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, then those of many tests; within a file nothing moves."""
    tests = Counter(item.path for item in items)
    last = len(LONGEST)
    place = {path: LONGEST.index(path.name) if path.name in LONGEST else last for path in tests}
    items.sort(key=lambda item: (place[item.path], -tests[item.path], str(item.path)))


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and never look through what was imported: a tenth of the processor time went there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_unconfigure() -> None:
    """What was set apart is collected at the end: bindings report what they still find alive."""
    gc.unfreeze()
    gc.collect()


class OutsideError(AssertionError):
    """A test tried to reach another machine."""


def _is_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a socket file
    host = str(address[0])
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: Any) -> None:
        if not _is_here(address):
            raise OutsideError(f"a test tried to reach {address!r}")
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        if not _is_here(address):
            raise OutsideError(f"a test tried to reach {address!r}")
        return connect_ex(self, address)

    socket.socket.connect, socket.socket.connect_ex = guarded, guarded_ex  # type: ignore[method-assign]
    yield
    socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _clean_environment() -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("COGENT_")}
    yield
    for name in [n for n in os.environ if n.startswith("COGENT_") and n not in before]:
        del os.environ[name]
    os.environ.update(before)
    clock.use_wall()


@pytest.fixture
def stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A DuckDB file that was opened stays so until the test ends: starting DuckDB takes longer than most queries.

    Not for a file that another process opens, or that is copied or deleted meanwhile.
    """
    connect = warehouse._connect
    kept: dict[str, duckdb.DuckDBPyConnection] = {}
    with ExitStack() as stack:

        def connected(path: str, wait: float) -> duckdb.DuckDBPyConnection:
            if path not in kept:
                kept[path] = stack.enter_context(connect(path, wait))
            return connect(path, wait)

        monkeypatch.setattr(warehouse, "_connect", connected)
        yield
