"""Dagster's own history in one SQLite file over one engine: for demos and tests, whose hundred runs are not worth more.

Belongs here: Dagster's SQLite storages with the engine kept, and without waiting for the disk.
Does not belong here: the ledger, or what a deployment stores its history in (``dagster.yaml``).

As they come, Dagster's storages make an engine, a connection and every statement anew for each of the two
thousand questions of a look: a third of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage

PATIENCE_SECONDS = 60
"""How long a statement waits for another process that writes: the UI beside a running demo."""


@cache
def _engine(address: str) -> sa.Engine:
    engine = sa.create_engine(address, connect_args={"timeout": PATIENCE_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _relax(connection: Any, record: Any) -> None:
        del record
        connection.execute("PRAGMA synchronous = OFF")

    return engine


class Events(ConsolidatedSqliteEventLogStorage):
    """What runs said."""

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with _engine(self._conn_string).connect() as connection, connection.begin():
            yield connection

    @cached_property
    def _tables(self) -> frozenset[str]:
        """All of Dagster's, made at once when the file was."""
        return frozenset(sa.inspect(_engine(self._conn_string)).get_table_names())

    def has_table(self, table_name: str) -> bool:
        """Asked with every event: whether the file is of a version that has it."""
        return table_name in self._tables


class Runs(SqliteRunStorage):
    """Which runs there were."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Runs:
        made: Runs = cls.from_local(inst_data=inst_data, **config_value)
        return made

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        with _engine(self._conn_string).connect() as connection, connection.begin():
            yield connection
