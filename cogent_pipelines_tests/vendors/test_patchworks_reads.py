"""How Patchworks' lists are read: filters, look-back, the lists below runs, payloads copied before they are deleted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines import warehouse
from cogent_pipelines.connect import limits
from cogent_pipelines.connect.answers import Throttled
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.spec import Request, Window
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.sandbox.vendors import patchworks_shapes as shapes
from cogent_pipelines.sandbox.world import bridge as rules
from cogent_pipelines.vendors import patchworks
from cogent_pipelines.vendors import patchworks_payloads as payloads
from cogent_pipelines_tests.vendors.patchworks_kit import (
    EVER,
    LOG,
    PAYLOAD,
    READ_AT,
    RUN,
    SINCE,
    SYSTEM,
    Bridged,
    bridged,
)
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD
from cogent_pipelines_tests.vendors.staging_kit import Staging

STREAMS = {stream.name: stream for stream in patchworks.VENDOR.streams}
HOUR = 3_600_000
AT = int(READ_AT.timestamp() * 1000)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Bridged]:
    """A bridge in which nothing has run."""
    with bridged(tmp_path) as made:
        yield made


def asked(name: str, window: Window, turn: int = 0) -> dict[str, str]:
    """The parameters of a stream's first page, of its first pass or a further one."""
    stream = STREAMS[name]
    request = stream.paging.first((stream.request, *stream.also)[turn](window, SYSTEM))
    assert (request.method, request.is_write) == ("GET", False)
    return dict(request.params)


def kept(account: Bridged, sql: str) -> list[tuple[Any, ...]]:
    """What a query of the raw tables gives."""
    with warehouse.open(account.path) as connection:
        return connection.execute(sql).fetchall()


# --- what is asked for ------------------------------------------------------------------------------------


def test_the_streams_are_what_a_bridge_tells_of_itself() -> None:
    """And none of them is written to."""
    told = {s.name: (s.entity, s.cursor is not None, s.kept) for s in patchworks.VENDOR.streams}
    assert told == {
        "flows": ("flows", False, None),
        "flow_runs": ("flows", True, None),
        "queue": ("flows", False, None),
        "run_logs": ("flow_failures", False, timedelta(days=7)),
        "payloads": ("flow_failures", False, timedelta(hours=72)),
    }
    assert patchworks.VENDOR.writes == {}


@pytest.mark.parametrize("name", STREAMS)
def test_every_list_is_asked_for_in_the_largest_documented_pages(name: str) -> None:
    """From the first."""
    for request in all_asked(name):
        params = dict(STREAMS[name].paging.first(request).params)
        assert (params["page"], params["per_page"]) == ("1", "100")


def all_asked(name: str) -> list[Request]:
    """The first requests of a stream: of its passes, or about a run that failed and the payload it failed on."""
    stream = STREAMS[name]
    if stream.asks is not None:
        return [ask.request for ask in stream.asks(FAILED, SYSTEM)]
    return [make(SINCE, SYSTEM) for make in (stream.request, *stream.also)]


FAILED = replace(
    SINCE,
    known=(
        {"id": 501234, "started_at": READ_AT - timedelta(hours=2), "flow_run_id": 501234, "log_id": 9001,
         "failed_at": READ_AT - timedelta(hours=2)},
    ),
)  # fmt: skip


def test_times_are_asked_for_in_milliseconds() -> None:
    """Seconds would match everything, silently."""
    assert asked("flow_runs", SINCE)["filter[started_after]"] == str(AT - HOUR)


@pytest.mark.parametrize("window", [EVER, Window(READ_AT - timedelta(days=30), READ_AT)])
def test_no_run_is_asked_for_that_is_about_to_be_deleted(window: Window) -> None:
    """A first reading, and one after a long silence, begin an hour after what the vendor deletes now."""
    assert asked("flow_runs", window)["filter[started_after]"] == str(AT - (7 * 24 - 1) * HOUR)


@pytest.mark.parametrize(
    ("age", "count"), [(timedelta(days=7) - timedelta(hours=1), 1), (timedelta(days=7), 0)]
)
def test_no_log_is_asked_for_that_is_about_to_be_deleted(age: timedelta, count: int) -> None:
    """It may be half gone."""
    known = {"id": 501234, "started_at": READ_AT - age}
    assert len(patchworks.ask_logs(replace(SINCE, known=(known,)), SYSTEM)) == count


def test_runs_under_way_since_longer_are_asked_for_apart() -> None:
    """Those that began before the window, so that none is in both lists."""
    params = asked("flow_runs", SINCE, turn=1)
    assert (params["filter[status]"], params["filter[started_before]"]) == ("1", str(AT - HOUR))
    assert "filter[started_after]" not in params


def test_a_log_is_asked_which_payload_each_line_is_about() -> None:
    """Otherwise it does not say."""
    (request,) = all_asked("run_logs")
    assert request.path == "/flow-runs/501234/flow-run-logs"
    assert dict(request.params)["load_payload_ids"] == "true"
    assert request.absent == {404, 410}


def test_a_payload_is_asked_for_by_its_id() -> None:
    """And one that is forgotten is none."""
    (request,) = all_asked("payloads")
    assert request == Request(
        "GET", "/payload-metadata", (("filter[id]", "501234"),), absent=frozenset({404, 410})
    )
    assert patchworks.rows_about({"log_id": 9001}, None) == []


def known(staging: Staging, name: str) -> list[Any]:
    """Ids of what a stream would ask about."""
    found = staging.connection.execute(STREAMS[name].known, {"system": THIRD})
    names = [column[0] for column in found.description]
    return [row[names.index("id")] for row in found.fetchall()]


@pytest.mark.parametrize(("status", "count"), [(1, 0), (2, 0), (3, 1), (4, 0), (5, 1)])
def test_a_run_that_lost_a_part_counts_among_the_failed(status: int, count: int) -> None:
    """3 alone misses it."""
    staging = Staging("patchworks", THIRD)
    staging.load("flow_runs", RUN | {"status": status})
    staging.load("flow_runs", RUN | {"status": status}, system="another")
    assert len(known(staging, "run_logs")) == count


@pytest.mark.parametrize(("minutes", "count"), [(59, 1), (61, 0)])
def test_a_log_is_asked_for_until_it_is_whole(minutes: int, count: int) -> None:
    """That is an hour after its run; then no more."""
    staging = Staging("patchworks", THIRD)
    ends = datetime.fromisoformat(RUN["finished_at"])
    staging.load("flow_runs", RUN)
    staging.load("run_logs", LOG | {"flow_run_id": RUN["id"]}, read_at=ends + timedelta(minutes=minutes))
    assert len(known(staging, "run_logs")) == count


@pytest.mark.parametrize(
    ("log", "ids"),
    [({}, [7001]), ({"log_level": "fatal"}, [7001]), ({"log_level": "WARNING"}, []), ({"payload_metadata_id": None}, [])],
)  # fmt: skip
def test_only_payloads_of_errors_are_asked_for(log: dict, ids: list[int]) -> None:
    """Most of what a run carried went well. Two errors about one payload are one question, and what is copied is none."""
    staging = Staging("patchworks", THIRD)
    for number in (9001, 9002):
        staging.load("run_logs", LOG | {"id": number, "flow_run_id": RUN["id"]} | log)
    assert known(staging, "payloads") == ids
    staging.load("payloads", PAYLOAD)
    assert known(staging, "payloads") == []


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": ["text"]}])
def test_an_answer_of_another_shape_is_no_empty_list(body: Any) -> None:
    """Nothing would be missed otherwise."""
    with pytest.raises(Retry):
        patchworks.rows(None, body)


@pytest.mark.parametrize("change", [{"dropped": True}, {"payload_size": payloads.LARGEST + 1}])
def test_a_payload_that_is_deleted_or_too_large_is_not_downloaded(change: dict) -> None:
    """And it says which."""
    document = STREAMS["payloads"].document
    assert document is not None
    assert document.request(PAYLOAD | change, SYSTEM) is None
    state = document.fields(PAYLOAD | change, None, SYSTEM)["copy_state"]
    assert state == ("expired" if "dropped" in change else "too_large")


# --- what is kept of a payload ------------------------------------------------------------------------------


def test_a_copy_tells_size_hash_and_references() -> None:
    """The bytes themselves are for the landed file."""
    content = b'{"order_ref":"WEB-1042","name":"Ann Lee 2","lines":[{"sku":"TEE-M","qty":2}]}'
    assert payloads.copied(PAYLOAD, content, SYSTEM) == {
        "copy_state": "copied",
        "content_size": len(content),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "content_references": ["WEB-1042"],
        "content": base64.b64encode(content).decode(),
    }


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([{"OrderNumber": 1042}, {"order": {"external-id": "A/7"}}, {"OrderNumber": 1042}], ["1042", "A/7"]),
        ({"reference": "Ann Lee 7"}, []),
        ({"reference": "ann7@example.test"}, []),
        ({"reference": "Lee"}, []),
        ({"order_ref": None, "order_id": True, "order_name": {"order_ref": "#7"}}, ["#7"]),
        ({"order_ref": "1" * 41}, []),
        ([], []),
        ("text", []),
    ],
)  # fmt: skip
def test_a_reference_is_one_word_with_a_digit_under_a_name_of_the_list(
    content: Any, found: list[str]
) -> None:
    """However the name is written and however deep it stands; no person passes for one."""
    assert payloads.references(json.dumps(content).encode(), payloads.fields(SYSTEM)) == found


@pytest.mark.parametrize(
    "content", [b"", b"order_ref,qty\nWEB-1,2", b"<order ref='7'/>", b"\xff\xfe", b"[" * 5000]
)
def test_a_payload_that_is_no_json_has_no_references(content: bytes) -> None:
    """It is copied all the same."""
    assert payloads.copied(PAYLOAD, content, SYSTEM)["content_references"] == []


def test_the_account_may_name_other_fields() -> None:
    """The shape of a payload is the flow's own."""
    system = type(SYSTEM)("bridge", "patchworks", SYSTEM.base_url, {}, {"reference_fields": ["web_no"]})
    assert payloads.references(b'{"webNo":"7","order_ref":"8"}', payloads.fields(system)) == ["7"]


# --- from the sandbox ------------------------------------------------------------------------------------------


def test_everything_is_read_once(account: Bridged) -> None:
    """Over several pages."""
    for number in range(230):
        account.run(f"#{number}", ends=number % 20 == 19)
    rules.stall(account.world, account.bridge, account.bridge.flows[88], 3)
    reports = account.read()
    assert all(report.is_complete for report in reports.values()), [r.note for r in reports.values()]
    rows = {name: (report.pages, report.rows_new) for name, report in reports.items()}
    assert rows["flow_runs"] == (4, 230)  # three pages, and one of older ones that go on
    assert (rows["flows"][1], rows["queue"][1]) == (5, 3)
    assert [report.undeclared for report in reports.values()] == [0] * 5


def test_failures_are_read_with_their_payloads(account: Bridged) -> None:
    """Of runs that failed wholly or in part; the lines of a good run's log are not asked for."""
    account.run("#1")
    account.run("#2", refused=("#3", "#4"))
    account.run(refused=("#5",))
    account.read()
    logs = kept(
        account, "SELECT flow_run_id, log_level, payload_metadata_id FROM patchworks.run_logs ORDER BY id"
    )
    assert [level for _, level, _ in logs] == ["ERROR", "ERROR", "INFO", "ERROR", "INFO"]
    assert {run for run, _, _ in logs} == {501002, 501003}
    rows = "SELECT content_references[1], copy_state, log_id IS NOT NULL FROM patchworks.payloads ORDER BY id"
    assert kept(account, rows) == [("#3", "copied", True), ("#4", "copied", True), ("#5", "copied", True)]


def test_no_person_leaves_the_landed_file(account: Bridged) -> None:
    """The payload stands in the file as it was, and nowhere in the warehouse."""
    run = account.run(refused=("#3",))
    payload = next(p for p in account.bridge.payloads.values() if p.run_id == run.id)
    payload.content = b'{"order_ref":"#3","email":"ann@example.test"}'
    account.read()
    with warehouse.open(account.path) as connection:
        tables = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        held = "\n".join(repr(connection.execute(f"SELECT * FROM {t}").fetchall()) for (t,) in tables)
    encoded = base64.b64encode(payload.content).decode()
    assert hashlib.sha256(payload.content).hexdigest() in held
    assert "ann@example" not in held
    assert encoded not in held
    landed = [f for f in (account.folder / "landed").rglob("*") if f.is_file() and "payloads" in str(f)]
    assert any(encoded.encode() in _plain(file) for file in landed)


def _plain(file: Path) -> bytes:
    """A landed file's bytes, unpacked where it is packed."""
    content = file.read_bytes()
    if not content.startswith(b"\x28\xb5\x2f\xfd"):
        return content
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


def test_what_was_copied_stays_when_the_vendor_deletes_it(account: Bridged) -> None:
    """Its hash, its references and its log, also after everything was read again."""
    account.run(refused=("#3",))
    account.read()
    before = kept(account, "SELECT content_sha256, copy_state FROM patchworks.payloads")
    for _ in range(8):
        account.move_on(86_400)
        assert all(report.is_complete for report in account.read().values())
    assert kept(account, "SELECT content_sha256, copy_state FROM patchworks.payloads") == before
    assert kept(account, "SELECT count(*) FROM patchworks.run_logs") == [(2,)]


def test_a_payload_that_is_deleted_before_it_was_read_is_known_for_that(account: Bridged) -> None:
    """The run began late in its time; the rest of the reading goes on."""
    account.run(refused=("#3",))
    payload = next(iter(account.bridge.payloads.values()))
    account.move_on(3600)
    payload.at -= timedelta(hours=72)
    reports = account.read()
    assert reports["payloads"].is_complete
    assert kept(account, "SELECT copy_state, content_sha256 FROM patchworks.payloads") == [("expired", None)]


def test_a_run_that_ends_after_it_was_read_comes_back(account: Bridged) -> None:
    """There is no filter by change: it is read again for a day, whatever was read meanwhile."""
    account.run("#1", ends=False, takes=timedelta(hours=19))
    for _ in range(2):
        account.read()
        assert kept(account, "SELECT status FROM patchworks.flow_runs") == [(1,)]
        account.move_on(10 * 3600)
    report = account.read()["flow_runs"]
    assert (report.kind, report.rows_changed) == ("increment", 1)
    assert kept(account, "SELECT status, finished_at IS NULL FROM patchworks.flow_runs") == [(2, False)]


def test_a_run_that_goes_on_for_days_is_seen_to_go_on(account: Bridged) -> None:
    """In a list of its own."""
    run = account.run("#1", ends=False)
    account.move_on(10)
    run.status, run.finished_at = rules.STARTED, None
    account.read()
    account.move_on(2 * 86_400)
    report = account.read()["flow_runs"]
    assert (report.is_complete, report.rows_same) == (True, 1)


def test_what_waits_no_more_is_gone(account: Bridged) -> None:
    """The queue is read whole."""
    rules.stall(account.world, account.bridge, account.bridge.flows[88], 2)
    account.read()
    account.bridge.waiting.clear()
    account.read()
    assert kept(
        account, "SELECT count(*) FILTER (WHERE _gone_at IS NULL), count(*) FROM patchworks.queue"
    ) == [(0, 2)]


def test_fields_may_stand_under_attributes(account: Bridged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents show them flat; the vendor's own client reads them so too."""
    flat = shapes.flow
    monkeypatch.setattr(
        shapes, "flow", lambda each: {"id": each.id, "type": "flow", "attributes": flat(each)}
    )
    account.read()
    assert kept(account, "SELECT count(*), count(name) FROM patchworks.flows") == [(5, 5)]


# --- getting in, and the limit -------------------------------------------------------------------------------------


def test_a_bad_key_is_refused_with_the_vendor_s_words_and_halts(account: Bridged) -> None:
    """And once it is good again everything is read."""
    account.run("#1")
    account.sandbox.kit.tokens.lock_out(THIRD, account.world.now + timedelta(minutes=2))
    reports = account.read()
    lists = [reports[name] for name, stream in STREAMS.items() if stream.asks is None]
    assert all(isinstance(report.error, Halt) and not report.is_complete for report in lists)
    assert reports["flows"].note.startswith("Halt: 401: Unauthenticated.")
    account.move_on(300)
    assert account.read()["flow_runs"].rows_new == 1


@given(begins=st.floats(0, 60), takes=st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_no_minute_of_theirs_holds_more_calls_than_they_allow(begins: float, takes: float) -> None:
    """Whenever theirs begins, and however quickly they answer, also after a long rest."""
    limit = patchworks.VENDOR.limit
    now = 1_000_000.0 + begins
    bucket = limits.fresh(limit.capacity, limit.per_second, now)
    minutes: Counter[int] = Counter()
    for _ in range(700):
        bucket, wait = limits.take(bucket, 1.0, now)
        while wait:
            now += wait
            bucket, wait = limits.take(bucket, 1.0, now)
        minutes[int(now // 60)] += 1
        now += takes
    assert max(minutes.values()) <= 240


def answered(status: int, body: Any, **headers: str) -> CogentError:
    """What one answer is made into."""

    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body, headers=headers))
        async with Client(
            SYSTEM, patchworks.VENDOR, limits=limits.MemoryLimits(), transport=transport
        ) as client:
            await client.call(Request("GET", "/flows"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("X", "the-key-of-the-account")
        patch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
        patch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)
        patch.setattr("cogent_pipelines.connect.client.THROTTLED_PATIENCE", 0.0)
        with pytest.raises(CogentError) as error:
            asyncio.run(run())
    return error.value


def test_a_refusal_for_its_speed_says_how_long_to_wait() -> None:
    """It certainly had no effect."""
    error = answered(429, {"message": "Too Many Attempts."}, **{"retry-after": "17"})
    assert isinstance(error, Throttled)
    assert error.after == 17


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Halt), (403, Halt), (404, Reject), (422, Reject), (500, Retry), (503, Retry)]
)
def test_a_refusal_is_known_for_what_to_do_next(status: int, kind: type[CogentError]) -> None:
    """In the vendor's own words."""
    error = answered(status, {"message": "as the vendor says", "errors": {"payload": ["why"]}})
    assert type(error) is kind
    assert "as the vendor says" in str(error) or "why" in str(error)


def test_the_key_goes_in_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Bearer."""
    monkeypatch.setenv("X", "the-key-of-the-account")
    headers = asyncio.run(patchworks.VENDOR.auth.headers(SYSTEM, None))
    assert headers == {"Authorization": "the-key-of-the-account"}


@pytest.mark.parametrize("kind", ["reset_before_send", "half_body", "html_with_200", "error_500"])
@pytest.mark.parametrize("operation", ["GET /flow-runs", "GET /flow-runs/{id}/flow-run-logs"])
def test_a_fault_on_the_way_is_got_over(account: Bridged, kind: str, operation: str) -> None:
    """A read is tried again; nothing is missing and nothing is twice."""
    account.run("#1", refused=("#2",))
    account.strike(THIRD, operation, kind)
    reports = account.read()
    assert all(report.is_complete for report in reports.values()), kind
    assert (reports["run_logs"].rows_new, reports["payloads"].rows_new) == (2, 1)


@pytest.mark.parametrize("kind", ["record_missing_from_list", "empty_list", "count_disagrees"])
def test_a_list_that_is_short_is_read_again(account: Bridged, kind: str) -> None:
    """By the vendor's own count, or because there was something."""
    account.run("#1")
    account.read()
    account.run("#2")
    account.strike(THIRD, "GET /flows", kind)
    reports = account.read()
    assert reports["flows"].rows_gone == 0
    assert kept(account, "SELECT count(*) FROM patchworks.flows WHERE _gone_at IS NULL") == [(5,)]


# --- where what a flow was given is --------------------------------------------------------------------------------


def where(runs: list[dict], queue: list[dict], run: str = "501234") -> patchworks.Carried:
    """By these runs and what waits, of what was given to flow 88 a minute before the documents' run began."""
    sent = datetime.fromisoformat(RUN["started_at"]) - timedelta(minutes=1)
    return patchworks.carried("88", "#1001", run, sent, {"flow_runs": runs, "queue": queue})


TRACKED = {"tracked_data": [{"entity_type_id": 37, "value": "#1001"}]}
UNDER_WAY, NOWHERE = patchworks.Carried(is_under_way=True), patchworks.Carried()
LATE = {"created_at": "2024-05-02T09:05:00Z"}


@pytest.mark.parametrize(
    ("runs", "queue", "found"),
    [
        ([], [], NOWHERE),
        ([], [{**LATE, "flow": {"id": 88}}], UNDER_WAY),
        ([], [{**LATE}], UNDER_WAY),
        ([], [{**LATE, "flow": {"id": 89}}], NOWHERE),
        ([], [{"created_at": "2024-05-02T08:59:00Z", "flow": {"id": 88}}], UNDER_WAY),
        ([], [{"created_at": "2024-05-02T08:58:00Z", "flow": {"id": 88}}], NOWHERE),
        ([RUN | {"id": 7, "status": 1}], [], UNDER_WAY),
        ([RUN | {"flow_id": 89, "status": 1}], [], NOWHERE),
        ([RUN | {"status": 2}], [], NOWHERE),
        ([RUN], [], patchworks.Carried(failed_run="501234")),
        ([RUN | {"status": 5}], [], patchworks.Carried(failed_run="501234")),
        ([RUN | {"id": 7}], [], NOWHERE),
        ([RUN | {"id": 7} | TRACKED], [], patchworks.Carried(failed_run="7")),
        ([RUN, RUN | {"id": 8, "status": 2} | TRACKED], [], NOWHERE),
    ],
)
def test_where_something_is_that_a_flow_was_given(
    runs: list[dict], queue: list[dict], found: patchworks.Carried
) -> None:
    """Anything of the flow that waits or runs since may be it; only its own run can have failed it."""
    assert where(runs, queue) == found


@pytest.mark.parametrize(
    ("body", "run"),
    [({"flow_run_id": 1}, "1"), ({"id": 2}, "2"), ({"run_id": "3"}, "3"), ({"data": {"id": 4}}, "4"), ({"message": "Flow initialised."}, ""), (None, "")],
)  # fmt: skip
def test_the_run_that_was_started_is_known_by_any_name(body: Any, run: str) -> None:
    """None of them is documented; without one it is sought by its reference."""
    assert patchworks.run_of(body) == run


def test_a_flow_is_given_the_call_it_shall_make_with_our_reference() -> None:
    """At the start host, and bare."""
    own = Request("POST", "/orders", body={"order": {"number": "#1001"}}, is_write=True)
    assert patchworks.start("88", "#1001", own) == Request(
        "POST",
        "/flows/88/start/raw",
        body={"order_ref": "#1001", "method": "POST", "path": "/orders", "payload": own.body},
        is_write=True,
        base="start_url",
    )
