"""Merging: which version wins, that the books balance, and that nothing depends on luck."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogent_pipelines import warehouse
from cogent_pipelines.landing import files, merge
from cogent_pipelines.landing.replay import replay
from cogent_pipelines_tests.connect.kit import THINGS
from cogent_pipelines_tests.landing import kit
from cogent_pipelines_tests.landing.kit import PLAIN, STOCK, Store, at, landed, line, merged

CONTENT = "SELECT system, id, updated_at, name, _hash FROM fake.things ORDER BY id"
_stores = count()

versions = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=25)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seen=versions, rng=st.randoms(use_true_random=False), per_file=st.integers(1, 6), pulls=st.integers(1, 5)
)
def test_the_order_of_versions_does_not_matter(
    *,
    tmp_path: Path,
    template: Path,
    seen: list[tuple[int, int]],
    rng: random.Random,
    per_file: int,
    pulls: int,
) -> None:
    """Any order, any doubling, any cut into pulls and files leaves the newest version of each record."""
    seen = seen + rng.sample(seen, len(seen) // 2)
    rng.shuffle(seen)
    store = kit.new_store(tmp_path / str(next(_stores)), template)
    parts = [seen[i::pulls] for i in range(pulls)]
    manifests = [
        landed(store, [line(f"t{k}", v, name=f"v{v}") for k, v in part], started=i, split=per_file)
        for i, part in enumerate(parts)
    ]
    for counts, part in zip(merged(store, *manifests), parts, strict=True):
        assert counts.balances()
        assert counts.rows_in == len(part)
    newest = {k: max(v for key, v in seen if key == k) for k in {k for k, _ in seen}}
    found = store.sql("SELECT id, name, updated_at FROM fake.things ORDER BY id")
    assert found == [(f"t{k}", f"v{v}", at(v)) for k, v in sorted(newest.items())]


def test_a_record_seen_twice_in_one_pull_ends_as_its_newest_version(store: Store) -> None:
    """The loser is counted as older."""
    (counts,) = merged(
        store, landed(store, [line("a", 5, name="new"), line("a", 3, name="old"), line("b", 1)])
    )
    assert (counts.rows_new, counts.rows_older) == (2, 1)
    assert store.one("SELECT name FROM fake.things WHERE id = 'a'") == "new"


def test_between_equal_versions_the_later_line_and_the_later_pull_win(store: Store) -> None:
    """A vendor that changes a record without moving its version is still followed."""
    merged(store, landed(store, [line("a", 5, name="one"), line("a", 5, name="two")]))
    assert store.one("SELECT name FROM fake.things") == "two"
    merged(store, landed(store, [line("a", 5, name="three")], started=10))
    assert store.one("SELECT name FROM fake.things") == "three"


def test_a_late_page_does_not_overwrite_a_newer_row(store: Store) -> None:
    """An older version that comes later changes nothing but is counted."""
    merged(store, landed(store, [line("a", 9, name="new")]))
    before = store.sql("SELECT * EXCLUDE (_pull_id) FROM fake.things")
    (counts,) = merged(store, landed(store, [line("a", 3, name="old")], started=10))
    assert counts.rows_older == 1
    assert store.sql("SELECT * EXCLUDE (_pull_id) FROM fake.things") == before


def test_a_moved_version_without_a_change_is_no_change(store: Store) -> None:
    """The same content under a newer version: noted, so that an older one stays older, but not changed."""
    merged(store, landed(store, [line("a", 1, name="x")]))
    (counts,) = merged(store, landed(store, [line("a", 9, name="x")], started=10))
    assert (counts.rows_same, counts.rows_changed) == (1, 0)
    row = store.sql("SELECT updated_at, _first_seen_at, _changed_at, _read_at FROM fake.things")
    assert row == [(at(9), at(1), at(1), at(10))]
    (counts,) = merged(store, landed(store, [line("a", 5, name="in between")], started=20))
    assert counts.rows_older == 1


def test_a_change_moves_changed_at_only(store: Store) -> None:
    """First seen stays; changed and read follow."""
    merged(store, landed(store, [line("a", 1, name="x")]))
    (counts,) = merged(store, landed(store, [line("a", 2, name="y")], started=10))
    assert counts.rows_changed == 1
    assert store.sql("SELECT _first_seen_at, _changed_at, _read_at FROM fake.things") == [
        (at(1), at(11), at(10))
    ]


def test_a_stream_without_a_version_takes_the_later_read(store: Store) -> None:
    """Even when pulls are merged in the wrong order."""
    early = landed(store, [b'{"id": 1, "name": "early"}'], stream=PLAIN, started=0)
    late = landed(store, [b'{"id": 1, "name": "late"}'], stream=PLAIN, started=10)
    merged(store, late, early)
    assert store.one("SELECT name FROM fake.plain") == "late"


def test_merging_again_changes_nothing(store: Store) -> None:
    """A pull that was merged is known by its id."""
    manifest = landed(store, [line("a", 1), line("b", 2)])
    first = merged(store, manifest)
    before = store.everything()
    assert merged(store, manifest) == first
    assert store.everything() == before


def test_two_systems_of_a_vendor_do_not_touch_each_other(store: Store) -> None:
    """The key is the system and the id."""
    other = landed(store, [line("a", 9, name="other")])
    other = files.read(Path(other.directory))
    merged(store, landed(store, [line("a", 1, name="mine")]), msgspec.structs.replace(other, system="second"))
    assert store.sql("SELECT system, name FROM fake.things ORDER BY system") == [
        ("second", "other"),
        ("shop", "mine"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE fake.things; --",
        '" OR 1=1',
        "=cmd|' /C calc'!A0",
        "x\u0000y",
        "🎉" * 1000,
        "\\",
        "a\nb\r\nc\td",
        "\u202e",
        "NULL",
        "x" * 3_000_000,
    ],
    ids=["quote", "double", "formula", "nul", "emoji", "backslash", "lines", "rtl", "null", "huge"],
)
def test_hostile_text_survives_as_it_came(store: Store, name: str) -> None:
    """In values, keys, set-aside lines and undeclared names."""
    key = name[:400]
    (counts,) = merged(store, landed(store, [line(key, 1, name=name)]))
    assert counts.rows_new == 1
    assert store.sql("SELECT id, name FROM fake.things") == [(key, name)]
    (counts,) = merged(store, landed(store, [line(key, 2, name=name)], started=10))
    assert counts.rows_same == 1


# --- lines that pass our check and not DuckDB's ----------------------------------------------------------


UNLOADABLE = [
    b'{"id": "d", "updated_at": "2026-11-02T06:00:00Z", "name": "1", "name": "2"}',
    b'{"id": "t", "updated_at": "2026-11-02t06:00:00z"}',
    b'{"id": "n", "updated_at": "2026-11-02T06:00:00Z", "amount": 1e30}',
    b'{"id": "i", "updated_at": "2026-11-02T06:00:00Z", "amount": "Infinity"}',
]


def test_a_line_that_cannot_be_loaded_is_set_aside_and_its_neighbours_come_in(store: Store) -> None:
    """Poison in the middle of a file takes out itself alone, with DuckDB's own reason."""
    good = [line(f"t{i}", i) for i in range(20)]
    mixed = [*good[:7], UNLOADABLE[0], *good[7:12], *UNLOADABLE[1:], *good[12:]]
    manifest = landed(store, mixed, split=9)
    (counts,) = merged(store, manifest)
    assert counts.balances()
    assert (counts.rows_new, counts.rows_set_aside) == (20, 4)
    rows = store.sql("SELECT record_key, reason, line, is_open FROM ops.set_aside ORDER BY record_key")
    assert [row[0] for row in rows] == ["d", "i", "n", "t"]
    assert all(row[1] and row[3] for row in rows)
    assert {row[2].encode() for row in rows} == set(UNLOADABLE)
    assert merged(store, files.read(Path(manifest.directory))) == [counts]


def test_other_trouble_of_duckdbs_is_not_taken_for_a_bad_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing stops the merge; nothing is set aside, and the next merge goes well."""
    manifest = landed(store, [line("a", 1)])
    path = Path(manifest.directory) / manifest.files[0].name
    moved = path.rename(path.with_suffix(".away"))
    with pytest.raises(Exception, match="No files found"):
        merged(store, manifest)
    moved.rename(path)
    (counts,) = merged(store, manifest)
    assert counts.rows_new == 1


def test_books_that_do_not_balance_stop_the_merge(store: Store) -> None:
    """A manifest that claims more rows than its files hold is never committed."""
    manifest = msgspec.structs.replace(landed(store, [line("a", 1)]), rows_in=5)
    with pytest.raises(AssertionError, match="do not balance"):
        merged(store, manifest)
    assert store.sql("SELECT * FROM ops.pulls") == []
    assert store.sql("SELECT * FROM fake.things") == []


# --- what is gone ---------------------------------------------------------------------------------------


def test_what_a_complete_whole_read_does_not_list_is_gone_until_it_is_listed_again(store: Store) -> None:
    """Gone is a mark, not a deletion, and it is taken back."""
    merged(store, landed(store, [line("a", 1), line("b", 1)], kind="full"))
    (counts,) = merged(store, landed(store, [line("a", 1)], kind="full", started=10))
    assert counts.rows_gone == 1
    assert store.sql("SELECT id, _gone_at FROM fake.things ORDER BY id") == [("a", None), ("b", at(11))]
    merged(store, landed(store, [line("b", 1)], kind="increment", started=20))
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0


@pytest.mark.parametrize(
    ("kind", "is_complete"), [("full", False), ("increment", True), ("bulk", True), ("sweep", False)]
)
def test_nothing_else_takes_anything_for_gone(store: Store, kind: str, is_complete: bool) -> None:
    """An incomplete read, an increment or a part of an export says nothing of what it does not list."""
    merged(store, landed(store, [line("a", 1), line("b", 1)], kind="full"))
    merged(store, landed(store, [line("a", 1)], kind=kind, is_complete=is_complete, started=10))
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0


def test_an_older_version_in_a_whole_read_is_listed_all_the_same(store: Store) -> None:
    """A stale index that lists a record in an old version has not lost it."""
    merged(store, landed(store, [line("a", 9)]))
    merged(store, landed(store, [line("a", 1)], kind="full", started=10))
    assert store.one("SELECT _gone_at FROM fake.things") is None


def test_a_record_that_is_listed_and_set_aside_is_not_gone(store: Store) -> None:
    """It is there, whatever it looks like: what we hold of it stands, and what is not listed at all is gone."""
    vendor = kit.Vendor()
    vendor.put("odd", 1, qty=1)
    vendor.put("lost", 1, qty=1)
    store.pull(vendor, THINGS, full=True)
    vendor.put("odd", 2, qty="twelve")
    vendor.rows.pop("lost")
    kit.tick()
    (report,) = store.pull(vendor, THINGS, full=True)
    assert (report.rows_set_aside, report.rows_gone) == (1, 1)
    assert store.sql("SELECT id, qty, _gone_at IS NULL FROM fake.things ORDER BY id") == [
        ("lost", 1, False),
        ("odd", 1, True),
    ]


def test_what_was_read_after_a_sweep_began_is_not_gone(store: Store) -> None:
    """A record made while the ids were listed is in no list, and there."""
    merged(store, landed(store, [line("a", 1)]))
    merged(store, landed(store, [line("new", 1)], started=20))
    (counts,) = merged(store, landed(store, [line("a", 1)], kind="sweep", started=10))
    assert counts.rows_gone == 0


def test_a_sweep_that_finds_unknown_ids_takes_the_cursor_away(store: Store) -> None:
    """Records we were never given make the next pull read everything."""
    merged(store, landed(store, [line("a", 1)], cursor_at=at(5)))
    assert store.one("SELECT cursor_at FROM ops.cursors") == at(5)
    (counts,) = merged(store, landed(store, [b'{"id": "a"}', b'{"id": "missed"}'], kind="sweep", started=10))
    assert (counts.rows_same, counts.rows_new) == (1, 1)
    assert store.sql("SELECT * FROM ops.cursors") == []
    assert store.one("SELECT count(*) FROM fake.things") == 1


# --- cursors --------------------------------------------------------------------------------------------


def test_a_cursor_moves_forward_only_and_only_by_complete_pulls(store: Store) -> None:
    """Late and incomplete pulls leave it where it is."""
    for started, cursor, is_complete, expected in [
        (0, 50, True, 50),
        (1, 40, True, 50),
        (2, 90, False, 50),
        (3, 60, True, 60),
    ]:
        merged(store, landed(store, [], started=started, cursor_at=at(cursor), is_complete=is_complete))
        assert store.one("SELECT cursor_at FROM ops.cursors") == at(expected)


# --- lines set aside ------------------------------------------------------------------------------------


def test_a_set_aside_line_is_open_until_its_record_comes_through(store: Store) -> None:
    """The vendor mends the record, and the line is closed by itself; the same line is not noted twice."""
    vendor = kit.Vendor()
    vendor.put("bad", 1, qty=2.7)
    for _ in range(3):
        (report,) = store.pull(vendor, THINGS, full=True)
        assert (report.rows_in, report.rows_set_aside) == (1, 1)
        kit.tick()
    assert store.sql("SELECT record_key, is_open FROM ops.set_aside") == [("bad", True)]
    vendor.put("bad", 1, qty="still wrong")
    store.pull(vendor, THINGS, full=True)
    assert sorted(store.sql("SELECT reason LIKE '%str%', is_open FROM ops.set_aside")) == [
        (False, False),
        (True, True),
    ]
    vendor.put("bad", 1, qty=3)
    store.pull(vendor, THINGS, full=True)
    assert store.one("SELECT count(*) FROM ops.set_aside WHERE is_open") == 0
    assert store.one("SELECT qty FROM fake.things") == 3


# --- stock levels ---------------------------------------------------------------------------------------


def levels(key: int, seconds: float, **by_sku: int) -> bytes:
    """One product's stock levels."""
    return line(
        key, seconds, levels=[{"facility": 41, "sku": sku, "available": n} for sku, n in by_sku.items()]
    )


def test_stock_levels_are_noted_when_they_change_and_only_then(store: Store) -> None:
    """A change, a move back, a re-read without a change, and a change of something else."""
    steps = [levels(1, 0, a=5, b=7), levels(1, 0, a=5, b=7), levels(1, 1, a=5, b=8), levels(1, 2, a=5, b=7)]
    for i, record in enumerate(steps):
        merged(store, landed(store, [record], stream=STOCK, kind="full", started=i * 10))
    found = store.sql(
        "SELECT facility_ref, sku, available, changed_at FROM ops.stock_changes ORDER BY changed_at, sku"
    )
    assert found == [
        ("41", "a", 5, at(1)),
        ("41", "b", 7, at(1)),
        ("41", "b", 8, at(21)),
        ("41", "b", 7, at(31)),
    ]


# --- tables ---------------------------------------------------------------------------------------------


def test_a_changed_declaration_changes_the_table_and_keeps_the_rows(store: Store) -> None:
    """A new column, a new field in a list of structs, a wider type; views are made again."""
    merged(store, landed(store, [line("a", 1, parts=[{"sku": "S", "qty": 1, "price": "2"}])]))
    changed = kit.TABLES.replace(
        "parts STRUCT(sku VARCHAR, qty INTEGER,",
        "colour VARCHAR, parts STRUCT(sku VARCHAR, note VARCHAR, qty BIGINT,",
    )
    kit.declare(changed)
    merged(store, landed(store, [line("b", 1, colour="red", parts=[{"sku": "S", "note": "n"}])], started=10))
    found = store.sql("SELECT id, colour, parts[1].note, parts[1].qty FROM fake.things ORDER BY id")
    assert found == [("a", None, None, 1), ("b", "red", "n", None)]
    assert store.sql("SELECT id FROM fake.open_things ORDER BY id") == [("a",), ("b",)]


def test_a_new_column_of_ours_is_added_to_an_older_warehouse(store: Store) -> None:
    """Our own tables follow their file too."""
    store.sql("ALTER TABLE ops.pulls DROP COLUMN vendor_total")
    store.sql("DELETE FROM ops.declarations")
    merged(store, landed(store, [line("a", 1)]))
    assert store.one("SELECT vendor_total FROM ops.pulls") is None


def test_preparing_again_does_nothing(store: Store) -> None:
    """Tables that are as declared cost one look."""
    with warehouse.open(store.path) as connection:
        merge.prepare(connection, "fake")
        before = connection.execute("SELECT * FROM duckdb_tables()").fetchall()
        merge.prepare(connection, "fake")
        assert connection.execute("SELECT * FROM duckdb_tables()").fetchall() == before


# --- replay ---------------------------------------------------------------------------------------------


def test_replay_gives_the_same_rows(store: Store) -> None:
    """A warehouse built from files alone equals the one that grew, in rows, cursors and books."""
    vendor, rng = kit.Vendor(), random.Random(11)
    plain = {"v": 0}

    def serve(request: Any) -> Any:
        if "since" not in request.url.params and request.url.params.get("page") and plain["v"] % 3 == 2:
            vendor.empty = 1
        return vendor(request)

    for step in range(6):
        plain["v"] = step
        for i in rng.sample(range(30), 12):
            bad = rng.random() < 0.1
            vendor.put(
                f"t{i}", 600 * step + i, name=f"n{rng.randrange(3)}", qty=2.5 if bad else i, unknown=step
            )
        if step == 3:
            vendor.rows.pop("t3", None)
        store.pull(vendor, THINGS, full=step in (2, 4))
        merged(
            store,
            landed(
                store, [levels(1, step, a=rng.randrange(3))], stream=STOCK, kind="full", started=600 * step
            ),
        )
        merged(store, landed(store, [UNLOADABLE[step % 4]], started=600 * step + 5))
        kit.tick()
    before = store.everything()
    assert any(row for row in before["ops.set_aside"])
    assert any(row for row in before["ops.stock_changes"])
    report = replay(store.root, store.path)
    assert report.pulls == len(before["ops.pulls"])
    assert store.everything() == before
    store.path.unlink()
    replay(store.root, store.path)
    assert store.everything() == before


def test_the_manifest_is_what_makes_a_pull(store: Store) -> None:
    """A directory without one is ignored, swept once it is old, and never merged."""
    manifest = landed(store, [line("a", 1)])
    (Path(manifest.directory) / files.MANIFEST).unlink()
    assert files.finished(store.root) == []
    assert files.pending(store.root, "shop") == []
    young = store.root / "landed" / "shop" / "things" / files.new_pull_id(at(0))
    young.mkdir(parents=True)
    old = young.with_name(files.new_pull_id(at(0) - timedelta(days=2)))
    old.mkdir()
    assert files.sweep(store.root) == [old]
    assert young.exists()


def test_replaced_whole_reads_are_pruned_and_increments_are_not(store: Store) -> None:
    """Only what a later complete whole read of a stream without a cursor stands in for."""
    day = 86400.0
    kept = landed(store, [line("a", 1)], kind="increment", started=-20 * day, cursor_at=at(0))
    old = landed(store, [b'{"id": 1}'], stream=PLAIN, kind="full", started=-20 * day)
    failed = landed(store, [], stream=PLAIN, kind="full", started=-1, is_complete=False)
    assert files.prune(store.root, keep=timedelta(days=7)) == []
    newer = landed(store, [b'{"id": 1}'], stream=PLAIN, kind="full", started=-10 * day)
    assert files.prune(store.root, keep=timedelta(days=7)) == [Path(old.directory)]
    assert all(Path(m.directory).exists() for m in (kept, failed, newer))
