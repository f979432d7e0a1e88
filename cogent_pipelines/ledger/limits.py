"""The limiter's buckets, where every process that uses an account sees them.

Belongs here: keeping a bucket in a database and changing it as one undivided step.
Does not belong here: the arithmetic of a bucket, or waiting (``connect.limits``).

For SQLite this is a file of its own beside the ledger's, never synced: losing it costs a moment's caution,
and a flush to disk per call would cost more than the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.connect.limits import Bucket, Limits
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.tables import limits, limits_metadata

SUFFIX = ".limits"
# Two transactions for every call to a vendor: their statements are built once.
_KEPT = sa.select(limits.c.bucket).where(limits.c.account == sa.bindparam("of"))
_MAKE = sa.insert(limits)
_CHANGE = (
    sa.update(limits).where(limits.c.account == sa.bindparam("of")).values(bucket=sa.bindparam("bucket"))
)


class SharedLimits(Limits):
    """A ``LimitStore`` shared through the ledger's database. Close it with the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._engine = _engine(ledger)
        self._is_postgres = self._engine.dialect.name == "postgresql"
        super().__init__(self._in_database)

    def _in_database(self, account: str, act: Callable[[Bucket | None], tuple[Bucket, float]]) -> float:
        with self._engine.connect() as connection, connection.begin():
            if self._is_postgres:
                connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:account, 0))"),
                    {"account": account},
                )
            kept: dict[str, Any] | None = connection.execute(_KEPT, {"of": account}).scalar_one_or_none()
            bucket, wait = act(None if kept is None else Bucket(**kept))
            if kept is None:
                connection.execute(_MAKE, {"account": account, "bucket": asdict(bucket)})
            else:
                connection.execute(_CHANGE, {"of": account, "bucket": asdict(bucket)})
            return wait

    def bucket(self, account: str) -> Bucket | None:
        """The account's bucket as it was last touched."""
        with self._engine.connect() as connection, connection.begin():
            kept: dict[str, Any] | None = connection.execute(_KEPT, {"of": account}).scalar_one_or_none()
        return None if kept is None else Bucket(**kept)

    def close(self) -> None:
        """Give back every connection."""
        if not self._is_postgres:
            self._engine.dispose()


def _engine(ledger: Ledger) -> sa.Engine:
    if ledger.engine.dialect.name == "postgresql":
        return ledger.engine
    file = Path(str(ledger.engine.url.database) + SUFFIX)
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _settings(raw: Any, record: Any) -> None:
        del record
        raw.isolation_level = None
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=OFF"):
            raw.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as connection, connection.begin():
        limits_metadata.create_all(connection)
    return engine
