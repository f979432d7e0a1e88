"""Opening the ledger: one file (SQLite) or one URL (Postgres), brought up to date, with its transactions.

Belongs here: the engine, its durability settings, the schema's version and the HMAC key.
Does not belong here: what is kept. That is one module per subject, flat functions taking a ``Ledger``:

    promises    what is to be true at a target: claim, move, withdraw, adopt
    exceptions  what a rule found: apply (open, keep, close), standing, accept, acknowledge
    messages    what owners are to be told: queue, claim, sent, failed
    controls    pause and unpause, halts, release of a brake, redrive
    books       counts that must balance, and the trace of one order
    beats       heartbeats for ``cogent health``
    copy        the ledger as DuckDB's ``ops`` tables
    prune       forgetting superseded generations after a year

Every write transaction takes the same lock first (its row in ``meta``), so writers follow one another on
both engines and ``revision`` grows in the order of the commits. Reading never waits for it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import tables

KEY_VARIABLE = "COGENT_HMAC_KEY"
KEY_FILE = "hmac.key"
_KEY_BYTES = 32
_POSTGRES_LOCK = 0x0C06E27  # one advisory lock guards the making and moving of tables


@dataclass(frozen=True, slots=True)
class Writing:
    """One write transaction: its connection, its number, and the instant everything in it is dated."""

    connection: sa.Connection
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger. ``ledger_id`` is drawn when it is made: a new one never repeats an old one's keys."""

    engine: sa.Engine
    url: str = field(repr=False)
    ledger_id: uuid.UUID
    hmac_key: bytes = field(repr=False)
    made_at: datetime
    """Before this instant another ledger may have sent things that lists do not show yet."""

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view for reading; it neither waits for writers nor holds them up."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Writing]:
        """One write transaction, synced to disk when the block is left without an error."""
        with self.engine.connect().execution_options(cogent_write=True) as connection, connection.begin():
            number: int = connection.execute(
                sa.update(tables.meta)
                .where(tables.meta.c.name == "revision")
                .values(number=tables.meta.c.number + 1)
                .returning(tables.meta.c.number)
            ).scalar_one()
            yield Writing(connection, int(number), clock.now())

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def records(connection: sa.Connection, query: sa.Executable) -> list[dict[str, Any]]:
    """What a query finds, each row as a mapping of its own."""
    return [row._asdict() for row in connection.execute(query)]


def _nothing(point: str) -> None:
    """No crash is rehearsed unless a test asks for one."""
    del point


def open(  # noqa: A001  read as ledger.open
    url: str | Path, *, state: Path | None = None, crash: Callable[[str], None] = _nothing
) -> Ledger:
    """Open, and make or bring up to date, the ledger at ``url`` (a path means SQLite).

    ``state`` is the folder for the generated HMAC key when ``COGENT_HMAC_KEY`` is not set; for SQLite it is
    the file's own folder unless given. Raises ``BadInput`` for a ledger of another key or a newer version.
    """
    text = _as_url(url)
    parsed = sa.make_url(text)
    folder = state
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        file = Path(str(parsed.database))
        file.parent.mkdir(parents=True, exist_ok=True)
        folder = state or file.parent
    engine = _engine(parsed)
    try:
        key = hmac_key(folder)
        with _exclusive(engine) as connection:
            ledger_id, made_at = _bring_forward(connection, parsed.render_as_string(), key, crash)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, text, ledger_id, key, made_at)


def _as_url(url: str | Path) -> str:
    if isinstance(url, Path) or "://" not in url:
        return f"sqlite:///{url}"
    if url.startswith(("postgres://", "postgresql://")):
        return "postgresql+psycopg://" + url.split("://", 1)[1]
    return url


_compiled: dict[Any, Any] = {}
"""Statements as SQLite's text, for as long as the process lives: every step of a look opens the ledger anew, and to
compile the same statements for it each time took about as long as to run them."""


@cache
def _sqlite() -> sa.Dialect:
    """The one dialect of all SQLite ledgers: what is compiled is kept by it."""
    engine = sa.create_engine("sqlite://")
    engine.connect().close()  # it learns what this SQLite can do when it first connects
    engine.dispose()
    return engine.dialect


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    pool = sa.create_pool_from_url(url, connect_args={"check_same_thread": False})
    engine = sa.Engine(pool, _sqlite(), url, execution_options={"compiled_cache": _compiled})

    @sa.event.listens_for(engine, "connect")
    def _settings(raw: Any, record: Any) -> None:
        del record
        raw.isolation_level = None  # transactions are begun below, not by the driver
        cursor = raw.cursor()
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_write = connection.get_execution_options().get("cogent_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


@contextmanager
def _exclusive(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(cogent_write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
        yield connection


def _bring_forward(
    connection: sa.Connection, name: str, key: bytes, crash: Callable[[str], None]
) -> tuple[uuid.UUID, datetime]:
    """Run the missing steps and check that this ledger was written with this key, all in one transaction."""
    version = 0
    if sa.inspect(connection).has_table("meta"):
        version = _number(connection, "schema")
    if version > len(tables.STEPS):
        raise BadInput(
            name, "schema", version, f"at most {len(tables.STEPS)}: this code is older than the ledger"
        )
    for step in tables.STEPS[version:]:
        step(connection)
        crash("during schema migration")
    print_ = hashlib.sha256(b"cogent ledger key" + key).hexdigest()[:16]
    if version == 0:
        ledger_id, made_at = uuid.uuid4(), clock.now()
        connection.execute(
            sa.insert(tables.meta),
            [
                {"name": "schema", "value": "", "number": len(tables.STEPS)},
                {"name": "revision", "value": "", "number": 0},
                {"name": "ledger_id", "value": str(ledger_id), "number": 0},
                {"name": "made_at", "value": made_at.isoformat(), "number": 0},
                {"name": "key_print", "value": print_, "number": 0},
            ],
        )
        return ledger_id, made_at
    if version < len(tables.STEPS):
        connection.execute(
            sa.update(tables.meta).where(tables.meta.c.name == "schema").values(number=len(tables.STEPS))
        )
    written = _text(connection, "key_print")
    if written != print_:
        raise BadInput(name, KEY_VARIABLE, "another key", "the key this ledger was written with")
    return uuid.UUID(_text(connection, "ledger_id")), datetime.fromisoformat(_text(connection, "made_at"))


def _number(connection: sa.Connection, name: str) -> int:
    return int(
        connection.execute(sa.select(tables.meta.c.number).where(tables.meta.c.name == name)).scalar_one()
    )


def _text(connection: sa.Connection, name: str) -> str:
    return str(
        connection.execute(sa.select(tables.meta.c.value).where(tables.meta.c.name == name)).scalar_one()
    )


def hmac_key(folder: Path | None) -> bytes:
    """The key for personal fields: the environment's, else the one in ``folder``, made when there is none."""
    if text := os.environ.get(KEY_VARIABLE):
        return text.encode()
    if folder is None:
        raise BadInput(KEY_VARIABLE, "(environment)", None, "a secret of at least 32 characters")
    file = folder / KEY_FILE
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _key_in(file)
    with os.fdopen(handle, "wb") as out:
        out.write(secrets.token_hex(_KEY_BYTES).encode())
        out.flush()
        os.fsync(out.fileno())
    return _key_in(file)


def _key_in(file: Path) -> bytes:
    key = file.read_bytes().strip()
    if len(key) < _KEY_BYTES:
        raise BadInput(
            str(file),
            "(file)",
            f"{len(key)} bytes",
            "a key of at least 32 characters; delete it if the ledger is new",
        )
    return key
