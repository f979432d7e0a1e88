"""Opening, keys, versions, transactions, the limiter's store, heartbeats, and the copy in DuckDB."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.connect.limits import Seen
from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import beats, books, controls, copy, exceptions, ledger, promises, prune, tables
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.limits import SharedLimits
from cogent_pipelines_tests.ledger.builders import claim, make, move
from cogent_pipelines_tests.ledger.fixtures import KEY

MoveOn = Callable[[timedelta | float], None]


def test_opening_again_keeps_what_is_there(book: Ledger, ledger_url: str) -> None:
    """And the ledger's own id."""
    make(book, "a")
    again = ledger.open(ledger_url)
    assert again.ledger_id == book.ledger_id
    assert again.made_at == book.made_at
    assert len(claim(again)) == 1
    again.close()


def test_a_ledger_of_another_key_is_refused(
    book: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fingerprints would all differ, and every read-back with them."""
    monkeypatch.setenv("COGENT_HMAC_KEY", "another key that is long enough to be one, too")
    with pytest.raises(BadInput, match="the key this ledger was written with"):
        ledger.open(ledger_url)


def test_the_next_opening_compiles_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a look opens the ledger: statements are compiled once in a process, whichever file it is."""
    monkeypatch.setenv("COGENT_HMAC_KEY", KEY)
    compiled = []
    for name in ("one.db", "another.db"):
        with closing(ledger.open(tmp_path / name)) as opened:
            assert promises.next_due_at(opened) is None
            with opened.write() as writing:
                assert writing.revision == 1
        compiled.append(len(ledger._compiled))
    assert compiled[0] == compiled[1] > 0


def test_a_ledger_newer_than_the_code_is_refused(book: Ledger, ledger_url: str) -> None:
    """Rather than misread."""
    with book.write() as writing:
        writing.connection.execute(
            sa.update(tables.meta).where(tables.meta.c.name == "schema").values(number=len(tables.STEPS) + 1)
        )
    with pytest.raises(BadInput, match="older than the ledger"):
        ledger.open(ledger_url)


def test_an_older_ledger_is_brought_forward(
    book: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each missing step once, with the rows kept."""
    make(book, "a")

    def add(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE added (a INTEGER)")

    monkeypatch.setattr(tables, "STEPS", (*tables.STEPS, add))
    for _ in range(2):
        again = ledger.open(ledger_url)
        with again.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM added").scalar_one() == 0
        assert len(promises.due(again, clock.now())) == 1
        again.close()


def test_a_migration_killed_in_the_middle_is_as_if_it_had_not_begun(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crash point ``during schema migration``: the next opening does it all."""
    child = os.fork()
    if child == 0:
        try:
            ledger.open(ledger_url, crash=lambda point: os.kill(os.getpid(), signal.SIGKILL))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    opened = ledger.open(ledger_url)
    make(opened, "a")
    assert len(claim(opened)) == 1
    opened.close()


def test_a_key_is_made_once_and_kept_to_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the state folder, when the environment has none."""
    monkeypatch.delenv("COGENT_HMAC_KEY", raising=False)
    first = ledger.hmac_key(tmp_path)
    assert first == ledger.hmac_key(tmp_path)
    assert len(first) >= 32
    assert (tmp_path / ledger.KEY_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="COGENT_HMAC_KEY"):
        ledger.hmac_key(None)


def test_a_transaction_that_fails_leaves_nothing(book: Ledger) -> None:
    """Not even its number."""

    def write() -> None:
        with book.write() as writing:
            controls.halt(writing, "wms", reason="x", code="x", owner="data")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert controls.stops(book).halted == frozenset()
    assert not exceptions.standing(book)


def test_revisions_grow_in_the_order_of_commits(book: Ledger) -> None:
    """Which is what the copy relies on."""
    seen = []
    for _ in range(3):
        with book.write() as writing:
            seen.append(writing.revision)
    assert seen == [1, 2, 3]


def test_buckets_are_shared_and_waited_for(book: Ledger, at: MoveOn) -> None:
    """Two stores of one ledger, as two processes would have them, spend from one bucket."""
    one, two = SharedLimits(book), SharedLimits(book)
    clock.use(clock.Clock(clock.now(), __import__("time").time(), 1000.0))

    async def spend() -> None:
        for store in (one, two) * 10:
            await store.take("acme", 1.0, 10.0, 50.0)
        await one.learn("acme", 1.0, Seen(available=3.0, capacity=10.0, per_second=50.0))

    began = clock.now()
    asyncio.run(spend())
    bucket = one.bucket("acme")
    assert bucket is not None
    assert bucket == two.bucket("acme")
    assert (clock.now() - began).total_seconds() >= (20 - 9) / 50
    assert bucket.told
    one.close()
    two.close()


def test_a_heartbeat_is_the_last_one(book: Ledger, at: MoveOn) -> None:
    """One row per name."""
    beats.beat(book, "sensor")
    at(60)
    beats.beat(book, "sensor", "12 due")
    (row,) = beats.beats(book)
    assert (row["at"], row["detail"]) == (clock.now(), "12 due")


# --- the copy -----------------------------------------------------------------------------------------


@pytest.fixture
def duck() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def test_the_copy_follows_the_ledger(book: Ledger, duck: duckdb.DuckDBPyConnection) -> None:
    """New and changed rows are carried, others are left, and nothing is carried twice."""
    make(book, "a", "b", amount=Decimal("12.5"), currency="GBP")
    assert copy.copy(duck, book) == 2
    assert copy.copy(duck, book) == 0
    taken, *_ = claim(book, limit=1)
    move(book, taken, "sent", sent={"lines": [{"sku": "=cmd'\"", "qty": 2}]}, effect="unknown")
    assert copy.copy(duck, book) == 1
    rows = duck.execute(
        "SELECT business_key, state, sent ->> '$.lines[0].sku', amount FROM ops.operations ORDER BY 1"
    ).fetchall()
    assert rows == [("a", "sent", "=cmd'\"", Decimal("12.5000")), ("b", "waiting", None, Decimal("12.5000"))]


def test_the_copy_of_another_ledger_is_made_whole(
    book: Ledger, duck: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A ledger that was deleted leaves nothing behind in DuckDB."""
    make(book, "a", "b")
    copy.copy(duck, book)
    other = ledger.open(tmp_path / "other.db")
    make(other, "c")
    copy.copy(duck, other)
    assert duck.execute("SELECT business_key FROM ops.operations").fetchall() == [("c",)]
    other.close()


def test_tables_another_hand_declared_are_made_ours(book: Ledger, duck: duckdb.DuckDBPyConnection) -> None:
    """An older shape of ``ops`` is replaced, whole."""
    duck.execute("CREATE SCHEMA ops; CREATE TABLE ops.operations (promise_id VARCHAR, sync VARCHAR)")
    make(book, "a")
    copy.copy(duck, book)
    assert duck.execute("SELECT sync FROM ops.operations").fetchall() == [("orders_to_wms",)]


def test_a_warehouse_of_an_earlier_shape_is_copied_into_whole(
    book: Ledger, duck: duckdb.DuckDBPyConnection
) -> None:
    """It knows a revision of this ledger, and not yet every table we keep beside the copy."""
    make(book, "a")
    copy.copy(duck, book)
    duck.execute("DROP TABLE ops.carried; UPDATE ops.copied SET shape = 'an earlier one'")
    make(book, "b")
    copy.copy(duck, book)
    keys = duck.execute("SELECT business_key FROM ops.operations ORDER BY 1").fetchall()
    assert keys == [("a",), ("b",)]
    assert duck.execute("SELECT count(*) FROM ops.carried WHERE table_name = 'operations'").fetchone() == (1,)


def test_views_can_be_built_before_anything_is_copied(duck: duckdb.DuckDBPyConnection) -> None:
    """Dbt builds on a bare file."""
    copy.prepare(duck)
    duck.execute("CREATE VIEW v AS SELECT o.state, e.rule FROM ops.operations AS o, ops.exceptions AS e")
    assert duck.execute("SELECT * FROM v").fetchall() == []


def test_a_standing_exception_was_last_seen_when_its_rule_last_knew(
    book: Ledger, duck: duckdb.DuckDBPyConnection, at: MoveOn
) -> None:
    """Its row is not written again for that."""
    finding = exceptions.Finding("r", "fail", "operations", "error", [exceptions.Found("k", "c")])
    exceptions.apply(book, [finding])
    at(60)
    exceptions.apply(book, [finding])
    copy.copy(duck, book)
    (row,) = duck.execute("SELECT opened_at, last_seen_at FROM ops.exceptions").fetchall()
    assert row[1] - row[0] == timedelta(seconds=60)


def test_pruning_forgets_followed_generations_and_keeps_the_latest(
    book: Ledger, duck: duckdb.DuckDBPyConnection, at: MoveOn
) -> None:
    """What is done stays known for ever; the copy follows."""
    make(book, "level", is_once=False)
    for generation in (2, 3):
        (taken,) = claim(book)
        move(book, taken, "verified")
        make(book, "level", is_once=False, generation=generation)
        at(3600)
    make(book, "order")
    (_, taken) = claim(book)
    move(book, taken, "verified")
    copy.copy(duck, book)
    at(timedelta(days=400))
    assert prune.prune(book, before=clock.now() - timedelta(days=365)) == 2
    assert prune.prune(book, before=clock.now()) == 0
    copy.copy(duck, book)
    rows = duck.execute("SELECT business_key, generation FROM ops.operations ORDER BY 1").fetchall()
    assert rows == [("level", 3), ("order", 1)]


def test_trace_finds_a_thing_by_any_of_its_names(book: Ledger) -> None:
    """Order key, business key, reference, the target's id."""
    make(book, "a")
    (taken,) = claim(book)
    move(book, taken, "verified", target_ref="90011")
    for name in ("a", "shop:a", "90011"):
        assert [hop.promise.business_key for hop in books.trace(book, name).hops] == ["a"]
    assert books.trace(book, "nothing").hops == ()
