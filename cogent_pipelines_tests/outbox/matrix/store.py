"""A fresh ledger per case, quickly: a copy of a file, or emptied tables of a database.

Belongs here: both kinds of store.
Does not belong here: what is kept in it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.ledger import ledger
from cogent_pipelines.ledger.tables import metadata
from cogent_pipelines_tests.outbox.matrix import world

MEMORY = Path("/dev/shm")


class Store(Protocol):
    """Gives the URL of an empty ledger, made long before the case begins."""

    def fresh(self) -> str: ...

    def close(self) -> None: ...


def _make(url: str) -> None:
    clock.use(clock.Clock(world.START - timedelta(days=1), time.time(), 1.0))
    ledger.open(url).close()
    clock.use_wall()


class SqliteStore:
    """One file per case, copied from an empty ledger."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._empty = self._folder / "empty.db"
        _make(f"sqlite:///{self._empty}")
        with sa.create_engine(f"sqlite:///{self._empty}").connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def fresh(self) -> str:
        file = self._folder / f"{os.getpid()}.db"
        shutil.copy(self._empty, file)
        return f"sqlite:///{file}"

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def lose(url: str) -> None:
    """Lose a SQLite ledger; whoever opens it next makes another."""
    file = Path(str(sa.make_url(url).database))
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


class PostgresStore:
    """One database, emptied before each case."""

    def __init__(self, url: str) -> None:
        self._url = url
        _make(url)

    def fresh(self) -> str:
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables if table.name != "meta")
        with engine.begin() as connection:
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            connection.execute(sa.text("UPDATE meta SET number = 0 WHERE name = 'revision'"))
        engine.dispose()
        return self._url

    def close(self) -> None:
        """Its maker drops the database."""
