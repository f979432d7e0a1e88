"""What is written before a rule is asked: the estate as tables, the mappings, the steps; and the marts' own joins."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from cogent_pipelines import estate
from cogent_pipelines.defs import flows
from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.rules import estate_tables, mappings, steps
from cogent_pipelines.vendors import fulfil
from cogent_pipelines_tests import dbt_render

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "dbt_project" / "seeds"
NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA ops")
    return connection


@pytest.fixture
def demo() -> estate.Estate:
    """The demo's estate."""
    return estate.load(ROOT / "estates" / "demo.yaml")


def columns(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, str]]:
    """Table -> column -> type."""
    found: dict[str, dict[str, str]] = {}
    for table, name, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = ?", [schema]
    ).fetchall():
        found.setdefault(table, {})[name] = kind.lower()
    return found


def declared(schema: str) -> dict[str, dict[str, str]]:
    """The same as the sources' YAML says."""
    long = {"timestamptz": "timestamp with time zone"}
    return {
        table: {name: long.get(kind, kind) for name, kind in names.items()}
        for (source, table), names in dbt_render.sources().items()
        if source == schema
    }


# --- the estate --------------------------------------------------------------------------------------------


def test_the_estate_s_tables_are_the_ones_the_models_declare(
    connection: duckdb.DuckDBPyConnection, demo: Any
) -> None:
    """Names and types."""
    estate_tables.write(connection, demo, NOON)
    made = columns(connection, "estate")
    made.pop("written")
    assert made == declared("estate")


def test_our_own_tables_have_what_the_models_read(connection: duckdb.DuckDBPyConnection) -> None:
    """``ops`` is made by landing and by the ledger's copy."""
    connection.execute((ROOT / "cogent_pipelines" / "landing" / "ops.sql").read_text())
    ledger_copy.prepare(connection)
    made = columns(connection, "ops")
    for table, names in declared("ops").items():
        if table != "first_seen":  # the evaluation makes that one
            assert names.items() <= made[table].items(), table


def test_the_estate_is_written_again_only_when_it_or_the_day_changed(
    connection: duckdb.DuckDBPyConnection, demo: Any
) -> None:
    """A tick that changes nothing writes nothing."""
    assert estate_tables.write(connection, demo, NOON)
    assert not estate_tables.write(connection, demo, NOON + timedelta(hours=11))
    assert estate_tables.write(connection, demo, NOON + timedelta(hours=12))
    other = msgspec.structs.replace(demo, windows={"x": estate.Window(hours=1)})
    assert estate_tables.write(connection, other, NOON + timedelta(hours=12))


def test_opening_hours_are_local_and_counted(connection: duckdb.DuckDBPyConnection, demo: Any) -> None:
    """Seven in Leeds is 06:00 UTC in October's summer time and 07:00 after it; weekends add nothing."""
    estate_tables.write(connection, demo, NOON)
    rows = connection.execute(
        "SELECT opens_at, closes_at, open_before_s FROM estate.open_hours WHERE facility = 'LEEDS' "
        "AND opens_at BETWEEN '2026-10-23' AND '2026-10-27' ORDER BY opens_at"
    ).fetchall()
    assert [(row[0].day, row[0].hour, row[1].hour) for row in rows] == [(23, 6, 18), (26, 7, 19)]
    assert rows[1][2] - rows[0][2] == 12 * 3600


def test_holidays_are_closed_and_a_facility_without_hours_never_is(demo: Any) -> None:
    """And the whole retailer is open while any facility is."""
    leeds = estate.Hours(week=demo.hours["LEEDS"].week, holidays=(date(2026, 11, 4),))
    changed = msgspec.structs.replace(demo, hours={"LEEDS": leeds})
    found = estate_tables.open_intervals(changed, NOON.date())
    assert not any(start <= NOON < end for start, end in found["LEEDS"])
    assert any(start <= NOON < end for start, end in found["YORK"])
    assert found[estate_tables.EVERYWHERE] == found["YORK"]


def test_a_union_of_hours_joins_what_touches() -> None:
    """Two shifts that meet are one opening."""
    at = [NOON + timedelta(hours=n) for n in range(8)]
    assert estate_tables.union([[(at[0], at[2]), (at[5], at[6])], [(at[1], at[3]), (at[3], at[4])]]) == [
        (at[0], at[4]), (at[5], at[6]),
    ]  # fmt: skip


def test_windows_and_feeds_are_rows(connection: duckdb.DuckDBPyConnection, demo: Any) -> None:
    """A window with a severity alone keeps the rule's length; every stream of every system has a cadence."""
    changed = msgspec.structs.replace(
        demo,
        windows={
            "a": estate.Window(warehouse_hours=1.5),
            "b": estate.Window(severity="info", escalate_hours=2),
        },
    )
    estate_tables.write(connection, changed, NOON)
    assert connection.execute("SELECT * FROM estate.windows ORDER BY rule").fetchall() == [
        ("a", "warehouse_hours", 5400, None, None), ("b", None, None, "info", 7200),
    ]  # fmt: skip
    feeds = connection.execute("SELECT system, stream, seconds FROM estate.feeds").fetchall()
    assert {("web_uk", "orders", 60), ("wms_uk", "stock", 30)} <= set(feeds)


# --- the mappings --------------------------------------------------------------------------------------------


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A copy of the demo's mappings."""
    for file in SEEDS.glob("*.csv"):
        (tmp_path / file.name).write_text(file.read_text())
    return tmp_path


def test_a_mapping_is_loaded_when_its_file_has_changed(
    connection: duckdb.DuckDBPyConnection, seeds: Path
) -> None:
    """And no other."""
    assert len(mappings.load(connection, seeds)) == len(list(seeds.glob("*.csv")))
    assert mappings.load(connection, seeds) == []
    with (seeds / "locations.csv").open("a") as lines:
        lines.write("web_uk,1003,YORK\n")
    assert mappings.load(connection, seeds) == ["locations"]
    row = connection.execute("SELECT facility FROM mappings.locations WHERE location_id = '1003'").fetchone()
    assert row == ("YORK",)


def test_the_mappings_of_another_folder_are_loaded_and_said_to_be_of_it(
    connection: duckdb.DuckDBPyConnection, seeds: Path
) -> None:
    """The same rows or not: whoever mends one must be told the right file."""
    mappings.load(connection, SEEDS)
    assert len(mappings.load(connection, seeds)) == len(list(seeds.glob("*.csv")))
    files = dict(connection.execute("SELECT name, file FROM mappings.loaded").fetchall())
    assert files["locations"] == str(seeds / "locations.csv")
    (seeds / "locations.csv").unlink()
    with pytest.raises(BadInput, match="readable CSV file"):
        mappings.load(connection, seeds)


def test_every_mapping_has_the_columns_its_yaml_types(seeds: Path) -> None:
    """Header, types, key."""
    for seed in mappings.declared():
        assert set(seed.key) <= set(seed.types)
        mappings.read(seed, seed.name, (seeds / f"{seed.name}.csv").read_text())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("locations", "system,location,facility\n", "line 1"),
        ("locations", "system,location_id,facility\nweb_uk,1,\n", "line 2: facility"),
        (
            "locations",
            "system,location_id,facility\nweb_uk,1,LEEDS\nweb_uk,1,LEEDS\n",
            "line 3: system,location_id,facility",
        ),
        ("facilities", "facility,warehouse_system,warehouse_facility_id\nA,w,1\nA,w,2\n", "line 3: facility"),
        ("bundles", "parent_sku,component_sku,qty\nK,A,two\n", "line 2: qty"),
        ("sku_changes", "system,old_sku,new_sku,from_on\ns,a,b,4/11/26\n", "line 2: from_on"),
        ("bundles", "parent_sku,component_sku,qty\nK,A\n", "line 2"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused_and_changes_nothing(
    connection: duckdb.DuckDBPyConnection, seeds: Path, name: str, text: str, message: str
) -> None:
    """File, line and column; what was loaded before stays."""
    mappings.load(connection, seeds)
    before = connection.execute(f"SELECT count(*) FROM mappings.{name}").fetchone()
    (seeds / f"{name}.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        mappings.load(connection, seeds)
    assert connection.execute(f"SELECT count(*) FROM mappings.{name}").fetchone() == before


# --- the steps -----------------------------------------------------------------------------------------------


@pytest.fixture
def growing(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A step that grows and one that rests on it."""
    connection.execute("""
        CREATE SCHEMA steps; CREATE SCHEMA marts; CREATE SCHEMA raw;
        CREATE TABLE raw.orders (id INTEGER, word VARCHAR, stamp TIMESTAMPTZ);
        CREATE SEQUENCE made;
        CREATE VIEW steps.book AS SELECT id, word, nextval('made') AS turn, stamp FROM raw.orders;
        COMMENT ON VIEW steps.book IS 'one grows id stamp';
        CREATE TABLE marts.book AS SELECT * FROM steps.book LIMIT 0;
        CREATE VIEW steps.count AS SELECT count(*) AS n FROM marts.book;
        INSERT INTO raw.orders VALUES (1, 'a', '2026-11-01'), (2, 'b', '2026-11-02'), (3, 'c', '2026-11-02')
    """)
    return connection


def again(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[str, int]]:
    """Refresh, and what the growing step holds: id -> (word, turn in which it was made)."""
    connection.execute("DROP TABLE IF EXISTS ops.steps")
    steps.refresh(connection)
    return {
        row[0]: (row[1], row[2])
        for row in connection.execute("SELECT id, word, turn FROM marts.book").fetchall()
    }


def test_steps_are_filled_in_the_order_in_which_they_rest_on_each_other(
    growing: duckdb.DuckDBPyConnection,
) -> None:
    """And not at all when nothing they rest on has changed."""
    assert steps.refresh(growing) == ["book", "count"]
    assert growing.execute("SELECT n FROM marts.count").fetchone() == (3,)
    assert steps.refresh(growing) == []


def test_who_acts_on_a_plan_fills_the_steps_again_only_after_a_reading(
    growing: duckdb.DuckDBPyConnection,
) -> None:
    """The ledger and the hour, which the plan itself moves, are no reason."""
    growing.execute("CREATE TABLE ops.carried (table_name VARCHAR, ledger_id VARCHAR, revision BIGINT)")
    growing.execute(
        "CREATE TABLE ops.pulls (finished_at TIMESTAMPTZ, rows_new INT, rows_changed INT, rows_gone INT)"
    )
    assert steps.refresh_if_read(growing) == ["book", "count"]
    growing.execute("INSERT INTO ops.carried VALUES ('exceptions', 'one', 2)")
    assert steps.refresh(growing) == []
    growing.execute("INSERT INTO ops.carried VALUES ('operations', 'one', 2)")
    growing.execute("INSERT INTO ops.pulls VALUES ('2026-11-03', 0, 0, 0)")
    assert steps.refresh_if_read(growing) == []
    assert steps.refresh(growing) == ["book", "count"]
    growing.execute("INSERT INTO ops.pulls VALUES ('2026-11-04', 0, 1, 0)")
    assert steps.refresh_if_read(growing) == ["book", "count"]


def test_steps_rest_on_nothing_of_the_ledger_but_its_promises() -> None:
    """Else a change of the rest would have to fill them again (``steps.REST``)."""
    of_ops = {
        found
        for model in dbt_render.models().values()
        if model.is_step
        for found in re.findall(r"source\('ops', '(\w+)'\)", model.text)
    }
    assert of_ops == {"operations", "stock_changes"}


def test_a_growing_step_makes_only_changed_rows_again(growing: duckdb.DuckDBPyConnection) -> None:
    """By their stamp, whichever way it moved; what is gone goes."""
    first = again(growing)
    growing.execute("UPDATE raw.orders SET word = 'B', stamp = '2026-10-01' WHERE id = 2")
    growing.execute("UPDATE raw.orders SET word = 'unstamped' WHERE id = 1")
    growing.execute("INSERT INTO raw.orders VALUES (4, 'd', '2026-11-01')")
    growing.execute("DELETE FROM raw.orders WHERE id = 3")
    second = again(growing)
    assert second[1] == first[1]
    assert second.keys() == {1, 2, 4}
    assert (second[2][0], second[4][0]) == ("B", "d")
    growing.execute("UPDATE raw.orders SET word = 'x', stamp = NULL WHERE id = 4")
    assert again(growing)[4][0] == "x"
    assert again(growing)[1] == first[1]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE estate.systems SET admin_url = 'https://new.test'",
        "UPDATE mappings.loaded SET digest = 'new' WHERE name = 'facilities'",
    ],
)
def test_a_growing_step_is_made_whole_when_something_beside_its_records_has_changed(
    growing: duckdb.DuckDBPyConnection, change: str
) -> None:
    """Its rows hold links to the system's own pages, and references without the facility they end in."""
    growing.execute("""
        CREATE SCHEMA estate; CREATE TABLE estate.systems (system VARCHAR, admin_url VARCHAR);
        INSERT INTO estate.systems VALUES ('web', 'https://old.test');
        CREATE SCHEMA mappings; CREATE TABLE mappings.loaded (name VARCHAR, digest VARCHAR);
        INSERT INTO mappings.loaded VALUES ('facilities', 'old'), ('carriers', 'old')
    """)
    first = again(growing)
    growing.execute("UPDATE mappings.loaded SET digest = 'new' WHERE name = 'carriers'")
    assert again(growing) == first
    growing.execute(change)
    assert not set(again(growing).values()) & set(first.values())


def test_growing_steps_rest_on_nothing_beside_records_but_what_is_watched() -> None:
    """Of anything else a change would not be seen (``steps.BESIDE``)."""
    models = dbt_render.models()
    beside: set[str] = set()
    for name, model in models.items():
        known, left = set(), [name] if model.grows else []
        while left:
            one = left.pop()
            known.add(one)
            if one != name and (models[one].is_step or models[one].is_seed):
                beside.add(models[one].relation)
            found = re.findall(r"source\('(ops|estate)', '(\w+)'\)", models[one].text)
            beside |= {".".join(source) for source in found}
            left += [other for other in dbt_render.needs(one) if other not in known]
    assert beside == {"estate.systems", "mappings.facilities"}


def test_a_step_of_parts_grows_with_one_that_grows_and_has_its_key_and_stamp() -> None:
    """Else there would be nothing to go by."""
    models = dbt_render.models()
    parts = {name: model for name, model in models.items() if "with" in model.meta.get("grows", {})}
    assert parts
    for model in parts.values():
        grows = model.meta["grows"]
        parent = models[grows["with"]]
        assert parent.meta["grows"]["key"] == grows["key"]
        assert {grows["key"], grows["stamp"]} <= set(parent.columns) & set(model.columns)


def test_parts_are_made_again_with_their_record(growing: duckdb.DuckDBPyConnection) -> None:
    """Those of no other: a part carries its record's stamp, and a record without parts changes nothing."""
    growing.execute("""
        CREATE TABLE raw.lines (id INTEGER, sku VARCHAR);
        INSERT INTO raw.lines VALUES (1, 'p'), (1, 'q'), (2, 'p'), (3, 'r');
        CREATE VIEW steps.a_lines AS
        SELECT id, sku, nextval('made') AS turn, stamp FROM raw.lines INNER JOIN raw.orders USING (id);
        COMMENT ON VIEW steps.a_lines IS 'one grows id stamp book';
        CREATE TABLE marts.a_lines AS SELECT * FROM steps.a_lines LIMIT 0
    """)

    def lines() -> dict[tuple[int, str], int]:
        again(growing)
        return {
            (row[0], row[1]): row[2]
            for row in growing.execute("SELECT id, sku, turn FROM marts.a_lines").fetchall()
        }

    first = lines()
    assert first.keys() == {(1, "p"), (1, "q"), (2, "p"), (3, "r")}
    growing.execute("UPDATE raw.lines SET sku = 'unstamped' WHERE id = 1")
    growing.execute("DELETE FROM raw.lines WHERE id = 2; INSERT INTO raw.lines VALUES (2, 's'), (2, 't')")
    growing.execute("UPDATE raw.orders SET stamp = '2026-10-01' WHERE id = 2")
    growing.execute(
        "DELETE FROM raw.orders WHERE id = 3; INSERT INTO raw.orders VALUES (4, 'd', '2026-11-09')"
    )
    second = lines()
    assert second.keys() == {(1, "p"), (1, "q"), (2, "s"), (2, "t")}
    assert second[1, "p"] == first[1, "p"]
    growing.execute("INSERT INTO raw.lines VALUES (4, 'u'); UPDATE raw.orders SET stamp = NULL WHERE id = 4")
    third = lines()
    assert third.keys() == {*second.keys(), (4, "u")}
    assert third[2, "s"] == second[2, "s"]


def test_a_step_whose_definition_changed_is_made_whole(growing: duckdb.DuckDBPyConnection) -> None:
    """Old rows were made by old rules."""
    again(growing)
    growing.execute(
        "CREATE OR REPLACE VIEW steps.book AS SELECT id, upper(word) AS word, 0 AS turn, stamp FROM raw.orders"
    )
    growing.execute("COMMENT ON VIEW steps.book IS 'other grows id stamp'")
    assert again(growing) == {1: ("A", 0), 2: ("B", 0), 3: ("C", 0)}


def test_a_step_keeps_its_rows_in_whatever_words_the_database_prints_its_definition(
    growing: duckdb.DuckDBPyConnection,
) -> None:
    """DuckDB prints the columns of an EXCLUDE in another order from one process to the next."""
    first = again(growing)
    growing.execute("""
        CREATE OR REPLACE VIEW steps.book AS
        SELECT id, word, nextval('made') AS turn, stamp FROM (SELECT * FROM raw.orders);
        COMMENT ON VIEW steps.book IS 'one grows id stamp'
    """)
    assert again(growing) == first


# --- the marts' own joins --------------------------------------------------------------------------------------


def mart(name: str, *also: str) -> duckdb.DuckDBPyConnection:
    """A mart over empty staging tables."""
    connection = dbt_render.connect()
    dbt_render.create(connection, *also)
    dbt_render.create(connection, name, deep=True)
    return connection


@pytest.mark.parametrize("name", sorted(n for n, m in dbt_render.models().items() if m.schema == "marts"))
def test_a_mart_has_exactly_the_columns_its_contract_names(name: str) -> None:
    """dbt checks it too, when it runs."""
    connection = mart(name)
    made = {row[0] for row in connection.execute(f"DESCRIBE {dbt_render.models()[name].relation}").fetchall()}
    assert made == set(dbt_render.models()[name].columns)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#1", "s:1"),
        ("#1/YORK", "s:1"),
        ("#1/HULL", None),
        ("#2", "s:2"),
        ("#10", None),
        (None, None),
        ("A/B", "s:4"),
    ],
)
def test_a_warehouse_order_is_found_by_its_reference(reference: str | None, expected: str | None) -> None:
    """Whole, or with one of our facilities behind a slash; two of one number mean the first."""
    connection = mart("warehouse_orders")
    dbt_render.insert(connection, "mappings.facilities", {"facility": "YORK", "warehouse_system": "w"})
    for key, name, day in (("s:1", "#1", 1), ("s:2", "#2", 1), ("s:3", "#2", 2), ("s:4", "A/B", 1)):
        placed = datetime(2026, 11, day, tzinfo=UTC)
        dbt_render.insert(
            connection, "marts.orders", {"order_key": key, "order_name": name, "placed_at": placed}
        )
    dbt_render.insert(
        connection, "marts.warehouse_records", {"warehouse_order_key": "w:9", "reference": reference}
    )
    rows = dbt_render.fetch(connection, "SELECT order_key, has_known_order FROM marts.warehouse_orders")
    assert rows == [{"order_key": expected, "has_known_order": expected is not None}]


ROLES = re.compile(r"union_vendors\('(\w+)'.*, role='(\w+)'\)")
OF_A_ROLE = {
    name: (found[1], found[2])
    for name, model in dbt_render.models().items()
    if (found := ROLES.search(model.text))
}


@pytest.mark.parametrize("name", sorted(OF_A_ROLE))
def test_what_a_warehouse_has_and_what_an_erp_books_are_apart(name: str) -> None:
    """Two systems of one vendor: one runs a facility, the other keeps books."""
    source, role = OF_A_ROLE[name]
    view = f"staging.stg_{'veeqo' if source == 'delivery_methods' else 'fulfil'}__{source}"
    connection = mart(name)
    (key, *_) = columns = dbt_render.models()[name].columns
    for system, plays in (("wms_uk", "warehouse"), ("erp_uk", "erp")):
        dbt_render.insert(connection, "estate.systems", {"system": system, "role": plays})
        row = {key: system if key == "system" else f"{system}:7"} | (
            {"system": system} if "system" in columns else {}
        )
        dbt_render.insert(connection, view, row)
    found = dbt_render.fetch(connection, f"SELECT {key} AS k FROM {dbt_render.models()[name].relation}")
    expected = {"warehouse": "wms_uk", "erp": "erp_uk"}[role]
    assert [row["k"].partition(":")[0] for row in found] == [expected]


def test_marts_of_a_role_gather_only_vendors_that_play_it() -> None:
    """What an ERP answers late makes no rule of warehouses wait."""
    assert {role for _, role in OF_A_ROLE.values()} == {"warehouse", "erp"}
    assert dbt_render.needs("erp_records", frozenset({"veeqo"})) == []
    assert "stg_veeqo__warehouse_orders" in dbt_render.needs("warehouse_records", frozenset({"veeqo"}))


def test_a_system_is_a_feed_of_what_its_role_has(connection: duckdb.DuckDBPyConnection) -> None:
    """Of an ERP that runs no facility nobody waits for stock, parcels and returns."""
    for file, system, expected in (
        ("two_warehouses", "erp_uk", {"orders", "products", "customers", "contacts", "invoices"}),
        ("patchworks_fulfil", "erp_uk", {stream.name for stream in fulfil.VENDOR.streams}),
    ):
        retailer = estate.load(ROOT / "estates" / f"{file}.yaml")
        estate_tables.write(connection, retailer, NOON)
        rows = connection.execute("SELECT stream FROM estate.feeds WHERE system = $1", [system]).fetchall()
        assert {stream for (stream,) in rows} == expected
        read = [
            stream.name for flow in flows.FLOWS for stream in flows.streams(retailer, flow).get("fulfil", ())
        ]
        assert set(read) == expected
        assert {stream.name for stream in flows.read(retailer, "fulfil")} == expected


def test_a_level_that_two_facilities_serve_names_none() -> None:
    """It is theirs together."""
    connection = mart("channel_stock")
    for location, facility in (("1", "A"), ("2", "A"), ("2", "B")):
        dbt_render.insert(
            connection, "mappings.locations", {"system": "s", "location_id": location, "facility": facility}
        )
    for location in "123":
        dbt_render.insert(
            connection, "staging.stg_shopify__channel_stock", {"system": "s", "location_id": location}
        )
    rows = dbt_render.fetch(connection, "SELECT location_id, facility FROM marts.channel_stock")
    assert {row["location_id"]: row["facility"] for row in rows} == {"1": "A", "2": None, "3": None}


def test_bundles_in_bundles_come_down_to_items_and_a_circle_ends() -> None:
    """A component that comes twice is counted once with its sum."""
    connection = dbt_render.connect()
    dbt_render.create(connection, "bundle_components")
    for parent, component, qty in (
        ("BOX", "KIT", 2),
        ("BOX", "A", 1),
        ("KIT", "A", 1),
        ("KIT", "B", 3),
        ("O", "O", 1),
    ):
        dbt_render.insert(
            connection, "mappings.bundles", {"parent_sku": parent, "component_sku": component, "qty": qty}
        )
    dbt_render.refresh(connection)
    rows = connection.execute("SELECT * FROM marts.bundle_components ORDER BY ALL").fetchall()
    assert rows == [("BOX", "A", 3), ("BOX", "B", 6), ("KIT", "A", 1), ("KIT", "B", 3)]


def test_a_step_comes_after_those_it_reads_through_a_mart() -> None:
    """A mart that leaves rows out by a step is a view, and the steps behind it name only the mart."""
    definitions = {"a_book": "SELECT * FROM marts.orders", "z_left_out": "SELECT 1"}
    views = {"orders": "SELECT * FROM staging.o WHERE k NOT IN (FROM marts.z_left_out)"}
    assert steps.order(definitions, {}, views) == ["z_left_out", "a_book"]
    known = dbt_render.connect()
    for name, sql in views.items():
        known.execute(
            "CREATE TABLE staging.o AS SELECT 1 AS k; CREATE TABLE marts.z_left_out AS SELECT 0 AS k"
        )
        known.execute(f"CREATE VIEW marts.{name} AS {sql}")
    for name, sql in {**definitions, "z_left_out": "SELECT 1 AS k"}.items():
        known.execute(f"CREATE VIEW steps.{name} AS {sql}")
    assert steps.refresh(known) == ["z_left_out", "a_book"]
    assert known.execute("SELECT * FROM marts.a_book").fetchall() == []
