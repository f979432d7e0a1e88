"""The rule that says what we knew and no longer know."""

from __future__ import annotations

from datetime import datetime, timedelta

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago

RULE = "no_store_or_reading_was_lost"


def pull(
    world: World, kind: str, at: datetime, rows: int, *, system: str = SHOP, stream: str = "orders"
) -> None:
    """One whole reading."""
    world.put(
        "ops.pulls", system=system, stream=stream, kind=kind, started_at=at, is_complete=True, rows_in=rows
    )


def well() -> World:
    """Everything was read once and goes on by increments; one ledger, begun after the first reading."""
    world = World(RULE)
    pull(world, "bulk", ago(hours=5), 800)
    for minutes in (120, 60, 2):
        pull(world, "increment", ago(minutes=minutes), 3)
        pull(world, "full", ago(minutes=minutes), 500, system=WMS, stream="stock")
    world.put("ops.adoptions", sync="orders_to_wms", business_key="a", adopted_at=ago(hours=4))
    world.put("ops.ledgers", ledger_id="one", first_seen_at=ago(hours=4))
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
    pull(world, "bulk", ago(minutes=1), 803)
    assert found(world) == {f"{SHOP}:orders": "read_again"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_a_ledger_older_than_the_first_reading_says_that_the_tables_were_gone() -> None:
    """Until all is read again."""
    world = well()
    world.clear("ops.pulls")
    pull(world, "bulk", ago(minutes=1), 800)
    assert found(world) == {"duckdb": "tables_gone"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}


def test_a_second_ledger_says_that_the_first_is_gone() -> None:
    """Its promises are new and so tell nothing; that it is another one does."""
    world = well()
    world.put("ops.ledgers", ledger_id="two", first_seen_at=ago(minutes=1))
    assert found(world) == {"ledger": "ledger_gone"}
    pull(world, "increment", NOW, 1)
    assert found(world, NOW + timedelta(minutes=15)) == {}
