"""The rule that says what we knew and no longer know."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from cogent_pipelines import estate, warehouse
from cogent_pipelines.landing import merge
from cogent_pipelines.ledger import exceptions
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.rules import estate_tables, evaluate
from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago

RULE = "no_store_or_reading_was_lost"


def pull(
    world: World,
    kind: str,
    at: datetime,
    rows: int,
    *,
    system: str = SHOP,
    stream: str = "orders",
    cursor_before: datetime | None = None,
) -> None:
    """One whole reading."""
    world.put(
        "ops.pulls", system=system, stream=stream, kind=kind, started_at=at, is_complete=True, rows_in=rows,
        cursor_before=cursor_before,
    )  # fmt: skip


def well() -> World:
    """Everything was read once and goes on by increments; one ledger, begun after the first reading."""
    world = World(RULE)
    pull(world, "bulk", ago(hours=5), 800)
    for minutes in (120, 60, 2):
        pull(world, "increment", ago(minutes=minutes), 3)
        pull(world, "full", ago(minutes=minutes), 500, system=WMS, stream="stock")
    world.put("ops.ledgers", ledger_id="one", first_seen_at=ago(hours=4), had_judged=False)
    return world


def found(world: World, now: datetime = NOW) -> dict[str, str]:
    """Key -> cause of what the rule returns at ``now``."""
    world.at(now)
    return world.found()


def test_nothing_is_said_while_nothing_is_lost() -> None:
    """A first load, increments, and lists that are read whole each time."""
    assert found(well()) == {}


def test_a_feed_that_suddenly_holds_nothing_is_told_until_it_is_back_for_a_while() -> None:
    """At once, and not for ever."""
    world = well()
    pull(world, "full", ago(minutes=1), 0, system=WMS, stream="stock")
    assert found(world) == {f"{WMS}:stock": "emptied"}
    assert found(world, NOW + timedelta(hours=3)) == {f"{WMS}:stock": "emptied"}
    pull(world, "full", NOW, 500, system=WMS, stream="stock")
    assert found(world) == {f"{WMS}:stock": "emptied"}
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_a_short_list_may_become_empty() -> None:
    """Nine returns, and then none."""
    world = well()
    pull(world, "full", ago(minutes=9), 9, system=WMS, stream="returns")
    pull(world, "full", ago(minutes=1), 0, system=WMS, stream="returns")
    assert found(world) == {}


def test_a_feed_read_from_its_beginning_again_is_told() -> None:
    """The first load is none of it; the second is."""
    world = well()
    pull(world, "full", ago(minutes=2), 803, cursor_before=ago(minutes=9))
    assert found(world) == {}, "the daily reading of everything knows how far it had come"
    pull(world, "bulk", ago(minutes=1), 803)
    assert found(world) == {f"{SHOP}:orders": "read_again"}
    world.put(
        "ops.pulls",
        system=SHOP,
        stream="orders",
        kind="sweep",
        started_at=ago(minutes=3),
        is_complete=True,
        rows_new=1,
    )
    assert found(world) == {}, "the sweep had it read again"
    world.change("ops.pulls", "kind = 'sweep'", rows_new=0)
    assert found(world) == {f"{SHOP}:orders": "read_again"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_a_ledger_that_had_judged_before_says_that_the_tables_were_gone() -> None:
    """Until all is read again."""
    world = well()
    world.clear("ops.pulls", "ops.ledgers")
    pull(world, "bulk", ago(minutes=2), 800)
    world.put("ops.ledgers", ledger_id="one", first_seen_at=ago(minutes=1), had_judged=True)
    assert found(world) == {"duckdb": "tables_gone"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_a_second_ledger_says_that_the_first_is_gone() -> None:
    """Whatever it holds: it is another one."""
    world = well()
    world.put("ops.ledgers", ledger_id="two", first_seen_at=ago(minutes=1), had_judged=False)
    assert found(world) == {"ledger": "ledger_gone"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_evaluation_notes_each_ledger_once_and_what_it_had_judged(tmp_path: Path) -> None:
    """A fresh file with a fresh ledger, then a fresh file with the same one."""

    def noted(connection: duckdb.DuckDBPyConnection) -> list[tuple[bool]]:
        return connection.execute("SELECT had_judged FROM ops.ledgers ORDER BY first_seen_at").fetchall()

    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db", state=tmp_path)) as ledger:
        demo = estate.load(Path(__file__).parents[2] / "estates" / "demo.yaml")
        for expected in (False, True):
            with warehouse.open(tmp_path / f"{expected}.duckdb", as_of=NOW) as connection:
                merge.prepare(connection, "shopify")
                estate_tables.write(connection, demo, NOW)
                for _ in range(2):
                    evaluate.evaluate(connection, ledger, demo, {})
                assert noted(connection) == [(expected,)]
            exceptions.apply(ledger, [exceptions.Finding("a_rule", "pass", "data", "error", ())])
