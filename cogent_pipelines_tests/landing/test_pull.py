"""Pulls: what window is read, when a read is complete, and that a crash anywhere costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines.connect import graphql
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.spec import Ask, Bulk, Cursor, Request, Stream, System, Window
from cogent_pipelines.errors import Busy, Halt, Reject
from cogent_pipelines.landing import files, pull, sweep
from cogent_pipelines_tests.connect.kit import START, THINGS, client, dumps, system, things
from cogent_pipelines_tests.landing import kit
from cogent_pipelines_tests.landing.kit import COUNTED, PLAIN, Store, Vendor, at, estate

# --- windows --------------------------------------------------------------------------------------------


def test_the_first_pull_reads_everything_and_the_next_the_window_with_its_overlap(store: Store) -> None:
    """The overlap is twice the cadence and the clocks' difference, or more if the stream asks for it."""
    vendor = Vendor()
    vendor.put("a", 0)
    (first,) = store.pull(vendor, THINGS)
    assert (first.kind, first.window_from, first.is_complete) == ("full", None, True)
    kit.tick()
    (second,) = store.pull(vendor, THINGS)
    assert second.kind == "increment"
    assert second.window_from == first.window_to - timedelta(minutes=10)
    slow = replace(THINGS, entity="stock", cursor=Cursor("updated_at", timedelta(minutes=1)))
    assert pull.overlap(estate(), slow) == 2 * timedelta(minutes=2) + pull.SKEW


def test_a_second_pull_reads_what_changed_and_doubles_nothing(store: Store) -> None:
    """New and changed rows come in; rows of the overlap are the same; the books balance."""
    vendor = Vendor()
    for i in range(250):
        vendor.put(f"t{i}", -7200 + i)
    (first,) = store.pull(vendor, THINGS)
    assert (first.rows_in, first.rows_new, first.pages) == (250, 250, 3)
    kit.tick()
    now = (clock.now() - START).total_seconds()
    vendor.put("t3", now, name="changed")
    vendor.put("new", now)
    (second,) = store.pull(vendor, THINGS)
    assert (second.rows_new, second.rows_changed) == (1, 1)
    assert second.rows_in < 10
    assert store.one("SELECT count(*) FROM fake.things") == 251


def test_an_old_record_that_changes_comes_back(store: Store) -> None:
    """The window is over the change, not over the creation."""
    vendor = Vendor()
    vendor.put("old", -(10**7), name="x")
    store.pull(vendor, THINGS)
    kit.tick()
    vendor.put("old", (clock.now() - START).total_seconds(), name="y")
    store.pull(vendor, THINGS)
    assert store.one("SELECT name FROM fake.things") == "y"


def test_a_pull_says_what_it_did(store: Store) -> None:
    """The report is the row in ops.pulls."""
    vendor = Vendor()
    vendor.put("a", 0, unheard_of=1)
    (report,) = store.pull(vendor, COUNTED)
    (row,) = store.sql(
        "SELECT pull_id, kind, is_complete, pages, rows_in, rows_new, vendor_total, note FROM ops.pulls"
    )
    assert row == (report.pull_id, "full", True, 1, 1, 1, 1, "")
    assert report.undeclared == 1
    assert store.sql("SELECT path, kind, example, seen FROM ops.unseen") == [
        ("unheard_of", "field", "number", 1)
    ]


def test_several_streams_are_pulled_at_once_and_one_that_fails_leaves_the_others(store: Store) -> None:
    """An error belongs to its stream; its pull is recorded as incomplete."""
    good = Vendor()
    good.put("a", 0)
    bad = replace(PLAIN, request=lambda window, system: Request("GET", "/plain"))

    def serve(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(400, json={"message": "no such list"})
            if "plain" in request.url.path
            else good(request)
        )

    reports = store.pull(serve, THINGS, bad)
    assert [(r.stream, r.is_complete) for r in reports] == [("things", True), ("plain", False)]
    assert isinstance(reports[1].error, Reject)
    assert "no such list" in reports[1].note
    assert store.one("SELECT count(*) FROM ops.pulls") == 2


# --- complete or not ------------------------------------------------------------------------------------


def test_an_error_in_the_middle_keeps_what_came_and_moves_nothing(store: Store) -> None:
    """Rows of the pages before it are real; the cursor and the gone marks are not touched."""
    vendor = Vendor()
    for i in range(250):
        vendor.put(f"t{i}", 0)
    store.pull(vendor, THINGS)
    cursor = store.one("SELECT cursor_at FROM ops.cursors")
    kit.tick()
    vendor.asked.clear()
    vendor.fails_on = 2
    for i in range(100):
        vendor.put(f"t{i}", 5, name="changed")
    (report,) = store.pull(vendor, THINGS, full=True)
    assert not report.is_complete
    assert report.rows_changed == 100
    assert store.one("SELECT cursor_at FROM ops.cursors") == cursor
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0


@pytest.mark.parametrize("counts", [True, False])
def test_an_empty_answer_where_there_were_rows_is_not_believed(store: Store, counts: bool) -> None:
    """Once is a glitch: the second read has the rows."""
    vendor = Vendor(counts=counts)
    vendor.put(1, 0)
    store.pull(vendor, PLAIN)
    kit.tick()
    vendor.empty = 1
    (report,) = store.pull(vendor, PLAIN)
    assert (report.is_complete, report.rows_in) == (True, 1)
    assert store.one("SELECT count(_gone_at) FROM fake.plain") == 0


def test_an_empty_answer_that_lasts_and_no_count_is_incomplete(store: Store) -> None:
    """Nothing twice, and nobody to say that it is so."""
    vendor = Vendor(counts=False)
    vendor.put(1, 0)
    store.pull(vendor, PLAIN)
    kit.tick()
    vendor.empty = 9
    (report,) = store.pull(vendor, PLAIN)
    assert not report.is_complete
    assert "empty" in report.note
    assert store.one("SELECT count(_gone_at) FROM fake.plain") == 0


def test_an_empty_answer_that_the_count_confirms_is_complete(store: Store) -> None:
    """The last row is gone, and the vendor says so twice."""
    vendor = Vendor()
    vendor.put(1, 0)
    store.pull(vendor, PLAIN)
    kit.tick()
    vendor.rows.clear()
    (report,) = store.pull(vendor, PLAIN)
    assert (report.is_complete, report.rows_gone) == (True, 1)
    assert len(vendor.asked) == 3


def test_an_empty_answer_that_the_count_denies_is_incomplete(store: Store) -> None:
    """The vendor counts rows it does not give."""
    vendor = Vendor()
    vendor.put(1, 0)
    store.pull(vendor, PLAIN)
    kit.tick()
    vendor.empty, vendor.lies = 9, 1
    (report,) = store.pull(vendor, PLAIN)
    assert not report.is_complete
    assert store.one("SELECT count(_gone_at) FROM fake.plain") == 0


def test_the_first_empty_read_of_an_empty_shop_is_complete(store: Store) -> None:
    """Nothing where there was nothing is nothing."""
    (report,) = store.pull(Vendor(counts=False), PLAIN, THINGS)[:1]
    assert report.is_complete


def test_fewer_records_than_the_vendor_counts_are_read_again_and_then_doubted(store: Store) -> None:
    """The count that disagrees with the list keeps the cursor where it is."""
    vendor = Vendor(lies=3)
    vendor.put("a", 0)
    (report,) = store.pull(vendor, COUNTED)
    assert not report.is_complete
    assert (report.rows_in, report.rows_new, report.rows_older) == (2, 1, 1)
    assert store.sql("SELECT * FROM ops.cursors") == []


def test_a_record_that_slips_between_two_pages_is_found(store: Store) -> None:
    """A row leaves the list while it is read, another moves up past the reader; the count gives it away."""
    vendor = Vendor()
    for i in range(250):
        vendor.put(f"t{i}", 0)
    turns = {"n": 0}

    def slipping(request: httpx.Request) -> httpx.Response:
        turns["n"] += 1
        response = vendor(request)
        if turns["n"] == 1:
            vendor.rows.pop("t0")
        return response

    (report,) = store.pull(slipping, COUNTED)
    assert report.is_complete
    assert store.one("SELECT count(*) FROM fake.things") == 250


def test_a_stale_end_of_a_repeating_list_is_incomplete(store: Store) -> None:
    """A list that serves its last page for ever is not the whole list when the count says more."""
    vendor = Vendor()
    for i in range(300):
        vendor.put(f"t{i}", 0)

    def stuck(request: httpx.Request) -> httpx.Response:
        page = min(int(request.url.params["page"]), 2)
        response = vendor(httpx.Request("GET", request.url.copy_set_param("page", page)))
        return httpx.Response(200, content=response.content, headers={"x-total-count": "300"})

    (report,) = store.pull(stuck, COUNTED)
    assert not report.is_complete
    assert "repeat" in report.note


# --- what comes in oddly --------------------------------------------------------------------------------


def test_pretty_printed_records_come_in_as_lines(store: Store) -> None:
    """Line ends inside a record's JSON do not break the file."""
    record = json.dumps({"id": "a", "updated_at": kit.iso(0), "name": "x\ny"}, indent=2).encode()
    assert b"\n" in record
    (report,) = store.pull(
        Vendor(lines=[record, record.replace(b'"a"', b'"b"').replace(b"\n", b"\r\n")]), THINGS
    )
    assert report.rows_new == 2
    assert store.one("SELECT name FROM fake.things WHERE id = 'b'") == "x\ny"


def test_wrong_records_are_set_aside_and_right_ones_come_in(store: Store) -> None:
    """Each with the reason and its key, as far as it has one."""
    good = dumps({"id": "good", "updated_at": kit.iso(0), "amount": "19.999"})
    bad = [
        dumps({"id": "float", "updated_at": kit.iso(0), "qty": 2.7}),
        dumps({"id": "digits", "updated_at": kit.iso(0), "amount": "0.12345678901"}),
        dumps({"id": "object", "updated_at": kit.iso(0), "name": {}}),
        dumps({"updated_at": kit.iso(0)}),
        dumps({"id": "unversioned"}),
        b'{"id": "\xff\xfe", "updated_at": "2026-11-02T06:00:00Z"}',
        b"[]",
        b"7",
    ]
    (report,) = store.pull(Vendor(lines=[good, *bad]), THINGS)
    assert (report.rows_in, report.rows_new, report.rows_set_aside) == (9, 1, 8)
    reasons = dict(store.sql("SELECT record_key, reason FROM ops.set_aside WHERE record_key <> ''"))
    assert "qty" in reasons["float"]
    assert "more than 10 decimals" in reasons["digits"]
    assert "name" in reasons["object"]
    assert "updated_at" in reasons["unversioned"]


def test_numbers_keep_their_digits(store: Store) -> None:
    """Amounts as numbers or strings, large or small, are the decimals they were."""
    amounts = ["415288.981", "4698091148.03", "0.1", "19.999", "123456789012345678", "1e-10", "-0.05"]
    lines = [
        b'{"id": "%d", "updated_at": "2026-11-02T06:00:00Z", "amount": %s}' % (i, a.encode())
        for i, a in enumerate(amounts)
    ]
    lines += [
        b'{"id": "s%d", "updated_at": "2026-11-02T06:00:00Z", "amount": "%s"}' % (i, a.encode())
        for i, a in enumerate(amounts)
    ]
    store.pull(Vendor(lines=lines), THINGS)
    for i, amount in enumerate(amounts):
        assert store.one(
            f"SELECT amount = {amount}::VARCHAR::DECIMAL(28,10) FROM fake.things WHERE id = $1", str(i)
        )
        assert (
            store.one("SELECT count(DISTINCT amount) FROM fake.things WHERE id IN ($1, $2)", str(i), f"s{i}")
            == 1
        )


# --- crashes --------------------------------------------------------------------------------------------


class Crash(Exception):
    """The process dies here."""


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    ["before_fetch", "after_page", "after_last_page", "after_manifest", "before_commit", "after_commit"],
)
def test_a_crash_anywhere_ends_in_the_same_warehouse(store: Store, point: str) -> None:
    """Killed at any point and started again: the same rows, nothing unseen passed, no double."""
    vendor = Vendor()
    for i in range(250):
        vendor.put(f"t{i}", 0)

    def die(name: str) -> None:
        if name == point:
            raise Crash

    with pytest.raises(Crash):
        _pull_with_client_crash(store, vendor, die)
    cursor = store.sql("SELECT cursor_at FROM ops.cursors") if store.path.exists() else []
    if cursor:
        assert store.one("SELECT count(*) FROM fake.things") == 250
    kit.tick()
    (report,) = store.pull(vendor, THINGS)
    assert report.is_complete
    assert (
        store.one(["SELECT count(*)", " count(DISTINCT id) FROM fake.things"][0] + " FROM fake.things") == 250
    )
    assert store.one("SELECT count(DISTINCT id) FROM fake.things") == 250
    assert files.pending(store.root, "shop") == []
    assert store.one(
        "SELECT bool_and(rows_in = rows_new + rows_changed + rows_same + rows_older + rows_set_aside) "
        "FROM ops.pulls"
    )


def _pull_with_client_crash(store: Store, vendor: Vendor, crash: Callable[[str], None]) -> None:
    async def main() -> None:
        async with client(vendor, of=system(), streams=(THINGS,), crash=crash) as c:
            await pull.pull(
                estate(), "shop", THINGS, state=store.root, warehouse_path=store.path, client=c, crash=crash
            )

    asyncio.run(main())


def test_a_fetched_pull_whose_merge_never_came_is_merged_by_the_next(store: Store) -> None:
    """What is in the files is not read again from the vendor to be had."""
    vendor = Vendor()
    vendor.put("a", 0)

    def die(name: str) -> None:
        if name == "after_manifest":
            raise Crash

    with pytest.raises(Crash):
        store.pull(vendor, THINGS, crash=die)
    kit.tick()
    vendor.rows.clear()
    (report,) = store.pull(vendor, THINGS)
    assert report.kind == "increment"
    assert store.one("SELECT count(*) FROM fake.things") == 1


def test_no_connection_is_held_while_the_vendor_is_read(store: Store) -> None:
    """During a request the warehouse is free for others."""
    vendor = Vendor()
    vendor.put("a", 0)

    def serve(request: httpx.Request) -> httpx.Response:
        assert not pull._turn.locked()
        return vendor(request)

    (report,) = store.pull(serve, THINGS)
    assert report.is_complete


def test_a_warehouse_that_stays_locked_costs_no_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The merge gives up, the files stay, and the next pull merges them."""
    vendor = Vendor()
    vendor.put("a", 0)
    store.pull(vendor, PLAIN)
    real, opens = warehouse.open, []

    def busy(path: Any, **options: Any) -> Any:
        opens.append(path)
        if len(opens) == 2:
            raise Busy("held by another process")
        return real(path, **options)

    monkeypatch.setattr(warehouse, "open", busy)
    with pytest.raises(Busy):
        store.pull(vendor, THINGS)
    assert len(files.pending(store.root, "shop")) == 1
    kit.tick()
    store.pull(vendor, THINGS)
    assert store.one("SELECT count(*) FROM fake.things") == 1


# --- exports --------------------------------------------------------------------------------------------


class Exporter:
    """A vendor with an export over its updated-at windows."""

    def __init__(self, rows: int) -> None:
        self.rows = [{"id": f"t{i}", "updated_at": kit.iso(-i * 86400 * 3), "name": "x"} for i in range(rows)]
        self.operations: dict[str, tuple[str, str]] = {}
        self.starts = 0
        self.refuses = False
        self.pages = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/files/"):
            start, end = self.operations[request.url.path.rsplit("/", 1)[1]]
            rows = [r for r in self.rows if (not start or r["updated_at"] >= start) and r["updated_at"] < end]
            return httpx.Response(200, content=b"".join(dumps(r) + b"\n" for r in rows))
        if request.method == "GET":
            self.pages += 1
            return httpx.Response(200, json=self.rows if request.url.params["page"] == "1" else [])
        body = json.loads(request.content)
        if body["query"] == "start":
            self.starts += 1
            name = f"op{self.starts}"
            self.operations[name] = (body["variables"]["start"], body["variables"]["end"])
            return httpx.Response(200, json={"id": name, "refused": self.refuses})
        return httpx.Response(200, json={"url": f"http://127.0.0.1:9/files/{body['variables']['id']}"})


def _start(window: Window, system: Any) -> Request:
    text = [
        moment.isoformat().replace("+00:00", "Z") if moment else "" for moment in (window.start, window.end)
    ]
    return graphql.request("/g", "start", {"start": text[0], "end": text[1]})


def _started(found: Any) -> str:
    if found["refused"]:
        raise Reject("exports are not allowed here", code="bulk_refused")
    return str(found["id"])


EXPORTED = replace(
    THINGS,
    paging=PageNumber(size=1000),
    bulk=Bulk(
        start=_start,
        started=_started,
        poll=lambda operation, system: graphql.request("/g", "poll", {"id": operation}),
        finished=lambda found: found["url"],
        children={},
    ),
)


def test_the_first_load_comes_by_export_month_by_month(store: Store) -> None:
    """Everything before the first month too; then the cursor stands where the export began."""
    vendor = Exporter(200)
    began = clock.now()
    (report,) = store.pull(vendor, EXPORTED, options={"export_months": 3})
    assert (report.kind, report.is_complete, report.rows_in, report.rows_new) == ("bulk", True, 200, 200)
    assert vendor.starts == 4
    assert began <= store.one("SELECT cursor_at FROM ops.cursors") <= clock.now()
    assert store.sql("SELECT * FROM ops.bulk_operations") == []
    kit.tick()
    (second,) = store.pull(vendor, EXPORTED)
    assert second.kind == "increment"


def test_a_restarted_process_goes_on_with_the_export_that_runs(store: Store) -> None:
    """Killed after an operation was started: it is polled, not started again; done months stay done."""
    vendor = Exporter(200)
    seen = []

    def die(name: str) -> None:
        seen.append(name)
        if name == "bulk_started" and seen.count(name) == 2:
            raise Crash

    async def main(crash: Callable[[str], None]) -> pull.PullReport:
        async with client(
            vendor, of=system(options={"export_months": 3}), streams=(EXPORTED,), crash=crash
        ) as c:
            return await pull.pull(
                estate(), "shop", EXPORTED, state=store.root, warehouse_path=store.path, client=c
            )

    with pytest.raises(Crash):
        asyncio.run(main(die))
    states = dict(store.sql("SELECT chunk, state FROM ops.bulk_operations"))
    assert sorted(states.values()) == ["done", "running"]
    report = asyncio.run(main(lambda name: None))
    assert report.is_complete
    assert vendor.starts == 4
    assert store.one("SELECT count(*) FROM fake.things") == 200


def test_a_vendor_that_refuses_the_export_is_read_by_pages(store: Store) -> None:
    """The export is a convenience, not a condition."""
    vendor = Exporter(50)
    vendor.refuses = True
    (report,) = store.pull(vendor, EXPORTED)
    assert (report.kind, report.is_complete, report.rows_new) == ("full", True, 50)


def test_a_system_may_be_told_to_read_pages(store: Store) -> None:
    """The option first_load."""
    vendor = Exporter(50)
    (report,) = store.pull(vendor, EXPORTED, options={"first_load": "pages"})
    assert (report.kind, vendor.starts) == ("full", 0)


def test_the_parts_of_an_export_cover_all_time_without_a_gap() -> None:
    """From the beginning to the end, each part beginning where the one before ended."""
    parts = pull.chunks(at(90 * 86400), START, 12)
    assert parts[0][1].start is None
    assert parts[-1][1].end == at(90 * 86400)
    assert all(a.end == b.start for (_, a), (_, b) in pairwise(parts))
    assert len({name for name, _ in parts}) == 13


# --- sweeps ---------------------------------------------------------------------------------------------

LISTED = replace(
    THINGS,
    ids=lambda window, system: replace(things(Window(None, window.end), system), path="/ids"),
    total=PageNumber().total,
)


def swept(
    store: Store, handler: Callable[[httpx.Request], Any], stream: Stream = LISTED
) -> list[pull.PullReport]:
    """One sweep."""

    async def main() -> list[pull.PullReport]:
        async with client(handler, of=system(), streams=(stream,)) as c:
            return await sweep.sweep(
                estate(), "shop", [stream], state=store.root, warehouse_path=store.path, client=c
            )

    return asyncio.run(main())


def only_ids(vendor: Vendor) -> Callable[[httpx.Request], httpx.Response]:
    """The vendor, whose list of ids holds nothing else."""

    def serve(request: httpx.Request) -> httpx.Response:
        response = vendor(request)
        if request.url.path.endswith("/ids"):
            rows = [{"id": row["id"]} for row in response.json()]
            return httpx.Response(
                200, json=rows, headers={"x-total-count": response.headers["x-total-count"]}
            )
        return response

    return serve


@pytest.mark.parametrize("stream", [LISTED, COUNTED], ids=["ids", "whole"])
def test_a_sweep_finds_what_is_gone(store: Store, stream: Stream) -> None:
    """Deleted at the vendor, unseen by increments, marked by the sweep."""
    vendor = Vendor()
    for i in range(5):
        vendor.put(f"t{i}", -(10**6))
    store.pull(vendor, stream)
    vendor.rows.pop("t2")
    kit.tick()
    store.pull(vendor, stream)
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0
    (report,) = swept(store, only_ids(vendor), stream)
    assert (report.is_complete, report.rows_gone) == (True, 1)
    assert store.sql("SELECT id FROM fake.things WHERE _gone_at IS NOT NULL") == [("t2",)]
    # A reading of everything that is asked for is told from one that has lost its place.
    known = store.sql("SELECT kind, cursor_before IS NOT NULL FROM ops.pulls ORDER BY started_at")
    assert known[0] == ("full", False)
    assert ("full", True) in known or stream is LISTED


def test_a_record_made_while_the_sweep_ran_is_no_surprise(store: Store) -> None:
    """The increments are pulled before the list is judged; the cursor stays."""
    vendor = Vendor()
    vendor.put("a", -(10**6))
    store.pull(vendor, LISTED)
    kit.tick()
    vendor.put("made meanwhile", (clock.now() - START).total_seconds())
    (report,) = swept(store, only_ids(vendor))
    assert (report.rows_same, report.rows_new) == (2, 0)
    assert store.one("SELECT count(*) FROM ops.cursors") == 1


def test_a_record_that_no_increment_ever_gave_is_found_by_the_sweep(store: Store) -> None:
    """Missing from the list when it was new, readable by id: the next pull reads everything and has it."""
    vendor = Vendor()
    vendor.put("a", -(10**6))
    store.pull(vendor, LISTED)
    vendor.put("never listed", -(10**6))
    kit.tick()
    (report,) = swept(store, only_ids(vendor))
    assert report.rows_new == 1
    kit.tick()
    (again,) = store.pull(vendor, LISTED)
    assert again.kind == "full"
    assert store.one("SELECT count(*) FROM fake.things") == 2


def test_a_sweep_that_fails_marks_nothing(store: Store) -> None:
    """An error half way is no list."""
    vendor = Vendor()
    vendor.put("a", -(10**6))
    store.pull(vendor, LISTED)
    kit.tick()

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={}) if request.url.path.endswith("/ids") else vendor(request)

    (report,) = swept(store, serve)
    assert isinstance(report.error, Halt)
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0


def test_clearing_removes_what_nobody_needs(store: Store) -> None:
    """Unfinished directories and replaced whole reads."""
    (store.root / "landed" / "shop" / "things" / files.new_pull_id(START - timedelta(days=3))).mkdir(
        parents=True
    )
    kit.landed(store, [b'{"id": 1}'], stream=PLAIN, kind="full", started=-(10**6))
    kit.landed(store, [b'{"id": 1}'], stream=PLAIN, kind="full", started=-10)
    assert sweep.clear(store.root) == sweep.Cleared(unfinished=1, replaced=1)
    assert isinstance(clock.now(), datetime)


# --- questions about what we know -----------------------------------------------------------------------


def _asks(window: Window, system: System) -> list[Ask]:
    return [Ask(Request("GET", f"/{known['id']}"), known["id"], known["id"]) for known in window.known]


def _answers(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/bad"):
        return httpx.Response(400, json={"message": "no such thing"})
    return httpx.Response(200, json={"updated_at": kit.iso(0)})


ASKED = replace(
    THINGS,
    cursor=None,
    known="SELECT unnest(['a', 'b']) AS id WHERE $system = 'shop'",
    asks=_asks,
    rows=lambda about, found: [{"id": about, **found}],
)


def test_what_is_known_is_asked_about(store: Store) -> None:
    """The warehouse is asked what there is; before its tables are made there is nothing."""
    (report,) = store.pull(_answers, ASKED)
    assert (report.rows_new, report.is_complete) == (2, True)
    nothing = replace(ASKED, known="SELECT id FROM marts.not_made_yet WHERE system = $system")
    (report,) = store.pull(_answers, nothing)
    assert (report.rows_in, report.is_complete, report.rows_gone) == (0, False, 0)


def test_a_refused_part_is_set_aside_and_the_rest_is_complete(store: Store) -> None:
    """The refusal is kept with the vendor's words, and closes when the part comes through."""
    known = "SELECT unnest(['a', 'bad']) AS id WHERE $system = 'shop'"
    (report,) = store.pull(_answers, replace(ASKED, known=known))
    assert (report.rows_new, report.rows_set_aside, report.is_complete) == (1, 1, True)
    assert "no such thing" in store.one("SELECT reason FROM ops.set_aside WHERE is_open")
    assert store.one("SELECT record_key FROM ops.set_aside WHERE is_open") == "part bad"
    store.pull(_answers, replace(ASKED, known=known))
    assert store.one("SELECT count(*) FROM ops.set_aside WHERE is_open") == 1
    store.pull(_answers, ASKED)
    assert store.one("SELECT count(*) FROM ops.set_aside WHERE is_open") == 0


def test_a_stream_that_keeps_takes_nothing_for_gone(store: Store) -> None:
    """Who asks about some only, or reads a folder that is emptied, proves nothing by an absence."""
    store.pull(_answers, ASKED)
    less = replace(ASKED, known="SELECT 'a' AS id WHERE $system = 'shop'")
    (kept,) = store.pull(_answers, replace(less, keeps=True), full=True)
    assert (kept.kind, kept.rows_gone) == ("increment", 0)
    (report,) = store.pull(_answers, less)
    assert (report.kind, report.rows_gone) == ("full", 1)


def test_a_stream_that_keeps_is_not_swept(store: Store) -> None:
    """What a book no longer lists has happened all the same: nobody reads it all to see that."""
    book = replace(COUNTED, keeps=True)
    vendor = Vendor()
    vendor.put("a", -(10**6))
    store.pull(vendor, book)
    vendor.rows.clear()
    kit.tick()
    assert swept(store, only_ids(vendor), book) == []
    assert store.one("SELECT count(_gone_at) FROM fake.things") == 0
