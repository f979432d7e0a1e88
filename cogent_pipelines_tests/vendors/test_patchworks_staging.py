"""Patchworks' records in our words: statuses, what waits, and errors without persons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors.patchworks_kit import (
    FLOW,
    LOG,
    PAYLOAD,
    RUN,
    WAITING,
)
from cogent_pipelines_tests.vendors.sandbox_kit import THIRD
from cogent_pipelines_tests.vendors.staging_kit import ADMIN_URL, READ_AT, Staging


@pytest.fixture
def staging() -> Staging:
    """Empty raw tables and the views over them."""
    return Staging("patchworks", THIRD)


def only(staging: Staging, mart: str) -> dict[str, Any]:
    """The only row of a staging view."""
    (row,) = staging.rows(mart)
    return row


# --- runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [(1, "running"), (2, "succeeded"), (3, "failed"), (4, "cancelled"), (5, "partly_failed"), (6, "unknown"), (None, "unknown")],
)  # fmt: skip
def test_a_run_s_status_is_put_into_our_words(staging: Staging, status: int | None, code: str) -> None:
    """A closed list: 5 is no success, and what is not in it stands beside unknown."""
    staging.load("flow_runs", RUN | {"status": status})
    row = only(staging, "flow_runs")
    assert (row["status_code"], row["status_raw"]) == (code, None if status is None else str(status))


@pytest.mark.parametrize(
    ("trigger", "code"),
    [
        ("API", "api"), ("Manual", "manual"), ("Router", "flow"), ("Webhook", "webhook"), ("Schedule", "schedule"),
        ("Shape", "flow"), ("Retry", "retry"), ("Event", "event"), ("Callback", "callback"), ("Moon", "unknown"),
    ],
)  # fmt: skip
def test_what_started_a_run_is_put_into_our_words(staging: Staging, trigger: str, code: str) -> None:
    """A closed list as well."""
    staging.load("flow_runs", RUN | {"trigger": trigger})
    assert (only(staging, "flow_runs")["trigger_code"], only(staging, "flow_runs")["trigger_raw"]) == (
        code,
        trigger,
    )


def test_a_run_is_put_into_our_words(staging: Staging) -> None:
    """Keys, times, the run it is a retry of, and the page a person opens."""
    staging.load(
        "flow_runs",
        RUN | {"retry_flow_run_id": 501233, "operations_sent": 3, "operations_received": {"a": 1}},
    )
    row = only(staging, "flow_runs")
    shown = {
        n: row[n]
        for n in ("flow_run_key", "flow_key", "retry_of_key", "url", "operations_sent", "operations_received")
    }
    assert shown == {
        "flow_run_key": f"{THIRD}:501234",
        "flow_key": f"{THIRD}:88",
        "retry_of_key": f"{THIRD}:501233",
        "url": f"{ADMIN_URL}/flow-run-logs/501234",
        "operations_sent": 3,
        "operations_received": None,
    }
    assert row["finished_at"] == datetime(2024, 5, 2, 9, 0, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tracked", "orders"),
    [
        ([{"entity_type_id": 37, "value": " #1001 "}, {"entity_type_id": 54, "value": "TEE-M"}], ["#1001"]),
        ([{"entity_type_id": 37, "value": "#1001"}, {"entity_type_id": 37, "value": "#1001"}], ["#1001"]),
        ([{"entity_type_id": 37, "value": "", "more": 1}], []),
        ([], []),
        ({"unexpected": "shape"}, None),
        ("text", None),
        (None, None),
    ],
)
def test_the_orders_a_run_says_it_moved_are_those_it_tracked(
    staging: Staging, tracked: Any, orders: Any
) -> None:
    """Of type 37; a shape nobody documented gives none."""
    staging.load("flow_runs", RUN | {"tracked_data": tracked})
    assert only(staging, "flow_runs")["order_references"] == orders


def test_a_run_called_started_that_is_listed_no_more_has_an_unknown_end(staging: Staging) -> None:
    """It ended after the day for which it is read again."""
    staging.load("flow_runs", RUN | {"id": 1, "status": 1}, read_at=READ_AT - timedelta(hours=3))
    staging.load("flow_runs", RUN | {"id": 2, "status": 1}, read_at=READ_AT)
    assert [row["status_code"] for row in staging.rows("flow_runs")] == ["unknown", "running"]


def test_a_run_the_vendor_has_forgotten_stays(staging: Staging) -> None:
    """And its log and payloads with it."""
    staging.load("flow_runs", RUN, gone_at=READ_AT)
    staging.load("run_logs", LOG | {"flow_run_id": 501234}, gone_at=READ_AT)
    assert (len(staging.rows("flow_runs")), len(staging.rows("flow_failures"))) == (1, 1)


# --- flows and what waits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [("Draft", "draft"), ("Inactive", "inactive"), ("Deployed", "deployed"), ("Paused", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_a_flow_s_status_is_put_into_our_words(staging: Staging, status: str | None, code: str) -> None:
    """Whether it is switched on is another thing."""
    staging.load("flows", FLOW | {"status": status, "is_enabled": False})
    row = only(staging, "flows")
    assert (row["status_code"], row["status_raw"], row["is_enabled"]) == (code, status, False)


def test_what_waits_is_counted_by_its_flow(staging: Staging) -> None:
    """As the entry names it, else as the version that ran before; what was taken up waits no more."""
    staging.load("flows", FLOW, FLOW | {"id": 89})
    staging.load("flow_runs", RUN)
    staging.load("queue", WAITING | {"flow": {"id": 88, "name": "x"}})
    staging.load("queue", WAITING | {"id": 3302, "created_at": "2024-05-02T09:01:00Z"})
    staging.load("queue", WAITING | {"id": 3303}, gone_at=READ_AT)
    waits = {
        row["flow_id"]: (row["waiting_count"], row["oldest_waiting_at"]) for row in staging.rows("flows")
    }
    assert waits == {"88": (2, datetime(2024, 5, 2, 9, 1, tzinfo=UTC)), "89": (0, None)}


# --- failures ---------------------------------------------------------------------------------------------------


def test_an_error_has_its_payload_without_what_is_in_it(staging: Staging) -> None:
    """Size, hash and references; there is no column for the content."""
    copy = {
        "copy_state": "copied",
        "content_size": 815,
        "content_sha256": "ab",
        "content_references": ["WEB-1042"],
    }
    staging.load("run_logs", LOG | {"flow_run_id": 501234})
    staging.load("payloads", PAYLOAD | {"log_id": 9001} | copy)
    row = only(staging, "flow_failures")
    shown = {n: row[n] for n in row if n.startswith(("payload_", "copy_", "message", "level_"))}
    assert shown == {
        "level_code": "error",
        "message": "422 from WMS: sku TEE-M unknown",
        "payload_id": "7001",
        "payload_size": 815,
        "payload_sha256": "ab",
        "payload_references": ["WEB-1042"],
        "copy_code": "copied",
    }
    raw = staging.connection.execute("SELECT column_name FROM (DESCRIBE patchworks.payloads)").fetchall()
    assert ("content",) not in raw


@pytest.mark.parametrize("level", ["INFO", "WARNING", "DEBUG", None])
def test_only_errors_are_failures(staging: Staging, level: str | None) -> None:
    """A warning lost nothing."""
    staging.load("run_logs", LOG | {"log_level": level})
    assert staging.rows("flow_failures") == []


@pytest.mark.parametrize(
    ("log", "payload", "code"),
    [
        ({"payload_metadata_id": None}, None, "no_payload"),
        ({}, None, "not_read"),
        ({}, {"copy_state": "expired"}, "expired"),
        ({}, {"copy_state": "too_large"}, "too_large"),
        ({"log_level": "FATAL"}, {"copy_state": "copied"}, "copied"),
    ],
)
def test_whether_a_payload_was_copied_is_known(
    staging: Staging, log: dict, payload: dict | None, code: str
) -> None:
    """Before the vendor deleted it, or not."""
    staging.load("run_logs", LOG | {"flow_run_id": 501234} | log)
    if payload is not None:
        staging.load("payloads", PAYLOAD | payload)
    assert only(staging, "flow_failures")["copy_code"] == code


REDACTED = dbt_render.expression("redacted('t')")
MEMORY = duckdb.connect()


def redacted(text: str) -> str:
    """What is left of an error's text."""
    row = MEMORY.execute(f"SELECT {REDACTED} FROM (SELECT $1 AS t)", [text]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("422 from WMS: sku TEE-M unknown", "422 from WMS: sku TEE-M unknown"),
        ("order #1042 of 5551234567890 refused", "order #1042 of 5551234567890 refused"),
        ("no such customer ann.lee+x@mail.example.co.uk", "no such customer [e-mail]"),
        ('422 {"name": "Ann Lee", "line1": "1 High St"}', "422 [body]"),
        ("<error><name>Ann Lee</name></error>", "[body]"),
        ("bad address '1 High Street' for \"Ann Lee\"", "bad address '…' for \"…\""),
        ("first_name: Ann; sku TEE-M", "first_name: …; sku TEE-M"),
        ("Customer = Ann Lee, postcode LS1 1AA invalid", "Customer = …, postcode [postcode] invalid"),
        ("call +44 113 496 0000 or 07700 900123", "call [telephone] or [telephone]"),
    ],
)
def test_an_error_s_text_is_kept_without_what_may_be_a_person(text: str, left: str) -> None:
    """What is wrong and with which order stays."""
    assert redacted(text) == left


def test_neither_an_error_nor_a_run_names_a_person(staging: Staging) -> None:
    """Both are the vendor's free text, and go on to alerts."""
    said = "no such customer ann@example.test"
    staging.load("flow_runs", RUN | {"summary": said})
    staging.load("run_logs", LOG | {"flow_run_id": 501234, "log_message": said})
    assert only(staging, "flow_failures")["message"] == "no such customer [e-mail]"
    assert only(staging, "flow_runs")["summary"] == "no such customer [e-mail]"


@given(st.emails(), st.text(alphabet="abc :;,'\"{}", max_size=20))
def test_no_e_mail_address_is_left_of_any_text(address: str, around: str) -> None:
    """Wherever it stands, as far as addresses are written with plain letters."""
    if address.isascii() and all(c.isalnum() or c in "@.-_+" for c in address):
        assert address not in redacted(f"{around} {address} {around}")
