"""An estate's folder opened for reading: the ledger, the warehouse beside it, and the rules' words.

Belongs here: opening what exists, saying in one line what does not, and never making anything by looking.
Does not belong here: what is read from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import sqlalchemy as sa

from cogent_pipelines import clock, warehouse
from cogent_pipelines.errors import BadInput, Busy
from cogent_pipelines.estate import Place
from cogent_pipelines.ledger import copy
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.ledger.tables import evaluations, exceptions, heartbeats, messages, promises
from cogent_pipelines.rules import catalogue
from cogent_pipelines.rules.catalogue import Rule

BUILT = ("marts.orders", "reports.books", "estate.systems")
"""When these stand, dbt has built its models."""
MAKE_ONE = "a folder made by cogent demo, cogent tick or cogent dev"


def place(state: Path | str) -> Place:
    """The place at ``state``. Raises ``BadInput`` unless there is one."""
    found = Place(Path(state))
    if not found.root.is_dir():
        raise BadInput("command line", "--state", str(state), MAKE_ONE)
    return found


@contextmanager
def ledger(at: Place) -> Iterator[Ledger]:
    """The ledger of a place. Raises ``BadInput`` when it has none, or it cannot be opened."""
    url = sa.make_url(at.ledger_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise BadInput("command line", "--state", f"{at.root} without a ledger", MAKE_ONE)
    try:
        opened = open_ledger(at.ledger_url, state=at.root)
    except sa.exc.SQLAlchemyError as error:
        shown = url.render_as_string(hide_password=True)
        raise BadInput(shown, "(ledger)", _first_line(error), "a ledger that can be opened") from error
    with closing(opened):
        try:
            yield opened
        except sa.exc.OperationalError as error:
            raise Busy(f"the ledger did not answer: {_first_line(error)}") from error


@contextmanager
def tables(at: Place, opened: Ledger, *, wait: float = 60.0) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The warehouse with the ledger copied into it, for one short look; None before it was first built.

    ``wait`` is how many wall seconds to wait for whoever has it.
    """
    if not at.warehouse.is_file():
        yield None
        return
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(warehouse.open(at.warehouse, as_of=clock.now(), wait=wait))
            copy.copy(connection, opened)
        except duckdb.Error as error:
            raise BadInput(
                str(at.warehouse),
                "(file)",
                _first_line(error),
                "a DuckDB file; delete it and run cogent replay",
            ) from error
        try:
            yield connection if exists(connection, *BUILT) else None
        except duckdb.Error as error:
            # A view that no longer fits the tables below it: dbt has not built this version of the models.
            raise BadInput(
                str(at.warehouse),
                "(models)",
                _first_line(error),
                "models of this version: delete the file and run cogent replay",
            ) from error


def exists(connection: duckdb.DuckDBPyConnection, *relations: str) -> bool:
    """Whether every one of ``relations`` (``schema.name``) is there."""
    found = connection.execute(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE list_contains($1::VARCHAR[], table_schema || '.' || table_name)",
        [list(relations)],
    ).fetchone()
    return found == (len(relations),)


def is_built(at: Place) -> bool:
    """Whether the models stand in the warehouse."""
    if not at.warehouse.is_file():
        return False
    with warehouse.open(at.warehouse) as connection:
        return exists(connection, *BUILT)


def last_instant(at: Place) -> datetime | None:
    """The last thing that happened by the ledger: where the clock of a sandbox that was stopped stands."""
    url = sa.make_url(at.ledger_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        return None
    times = (
        evaluations.c.evaluated_at,
        exceptions.c.opened_at,
        heartbeats.c.at,
        messages.c.created_at,
        promises.c.planned_at,
    )
    with ledger(at) as opened, opened.read() as connection:
        found: list[datetime | None] = [
            connection.execute(sa.select(sa.func.max(column))).scalar_one() for column in times
        ]
    return max((each for each in found if each is not None), default=None)


def rules(at: Place) -> Mapping[str, Rule]:
    """Rule -> its words; nothing before the models were first built."""
    return catalogue.load(at.manifest) if at.manifest.is_file() else {}


def repairs_themselves(at: Place) -> set[tuple[str, str]]:
    """The (rule, cause) whose breaches end without a person; any other, also an unknown one, needs one."""
    return {
        (name, cause)
        for name, rule in rules(at).items()
        for cause in rule.causes
        if rule.repair_of(cause) == "automatic"
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
