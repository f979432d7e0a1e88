"""The only file that opens DuckDB.

Belongs here: opening the retailer's DuckDB file with its as-of and giving it back, whatever happens.
Does not belong here: SQL about anything (``landing``, ``rules`` and ``outbox`` hold theirs; meaning is in dbt).

DuckDB lets one process write. So a connection is short: it is never held across a network call or a dbt run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from cogent_pipelines import clock
from cogent_pipelines.errors import Busy


@contextmanager
def open(  # noqa: A001  read as warehouse.open
    path: Path | str, *, as_of: datetime | None = None, wait: float = 60.0, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file at ``path`` for reading and writing; close it on every way out.

    ``as_of`` is the instant every model takes for now (default: the clock's). ``wait`` is how many wall
    seconds to wait for another process's lock. Raises ``Busy`` when the lock was not had in that time.
    """
    connection = _connect(str(path), wait)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if memory_limit:
            connection.execute("SET memory_limit = $1", [memory_limit])
        moment = as_of or clock.now()
        connection.execute(f"SET VARIABLE as_of = TIMESTAMPTZ '{moment.isoformat()}'")
        yield connection
    finally:
        if (
            memory_limit
        ):  # belongs to the file, not to the connection: another one of this process may be open
            connection.execute("RESET memory_limit")
        connection.close()


def _connect(path: str, wait: float) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait
    pause = 0.01
    while True:
        try:
            return duckdb.connect(
                path,
                config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
            )
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise
            if time.monotonic() >= deadline:
                raise Busy(f"{path} is held by another process") from error
            time.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
            pause = min(pause * 1.6, 0.5)
