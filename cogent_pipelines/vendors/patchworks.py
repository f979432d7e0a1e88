"""Patchworks, a bridge other systems already move data with, as declarations: what it does, and how it carries for us.

Belongs here: which lists are read and how, what the vendor's own errors mean.
Does not belong here: what is kept of a payload (``patchworks_payloads``), sending, paging or waiting (``connect``), what
a status means to us (``staging/patchworks``).

Nothing is written to it but what it shall carry to another system. The vendor has three hosts; what is read is on one of
them (core), a flow is started on another, and an API key needs no login, which is on the third. The key goes into
``Authorization`` as it is. A run is never retried: that runs the old version, and may send what went through again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import StaticHeader
from cogent_pipelines.connect.limits import PacedQuota
from cogent_pipelines.connect.paging import PageNumber
from cogent_pipelines.connect.redact import clean
from cogent_pipelines.connect.spec import (
    Answer,
    Ask,
    Carried,
    Cursor,
    Document,
    Json,
    Request,
    Route,
    Stream,
    System,
    Vendor,
    Window,
)
from cogent_pipelines.errors import Halt, Retry
from cogent_pipelines.vendors import patchworks_payloads as payloads

LOOK_BACK = timedelta(hours=24)
"""Runs are found by when they began only: one is read again for so long, as it may end or fail meanwhile."""
LOGS_KEPT, PAYLOADS_KEPT = timedelta(days=7), timedelta(hours=72)
"""How long the vendor keeps them."""
MARGIN = timedelta(hours=1)
"""A record this near to its end is not asked for: its list may be half gone, and what we hold is whole."""
STARTED, FAILURE, STOPPED, PARTIAL_SUCCESS = 1, 3, 4, 5
"""Statuses of a run, as the filter takes them and as they are read."""
LOGS_LAG = 3600
"""Seconds after a run's end in which its log may still grow (INFERRED: how long it does is not documented)."""
FAILED_LEVELS = frozenset({"ERROR", "FATAL"})
GONE = frozenset({404, 410})

PAGES = PageNumber(size=100, page_size="per_page", total_path="meta.total", pages_path="meta.last_page")

# --- reading ------------------------------------------------------------------------------------------


def stamp(moment: datetime) -> str:
    """An instant as the filters take it: whole milliseconds. Seconds would match everything, silently."""
    return str(int(moment.timestamp() * 1000))


def since(window: Window) -> datetime:
    """From when runs are read: the window's start, and never where the vendor has begun to forget."""
    oldest = window.end - LOGS_KEPT + MARGIN
    return max(window.start, oldest) if window.start is not None else oldest


def _list(path: str, **fixed: str) -> Callable[[Window, System], Request]:
    def request(_window: Window, _system: System) -> Request:
        return Request("GET", path, params=tuple(fixed.items()))

    return request


def _runs(window: Window, _system: System) -> Request:
    """Runs that began in the window, the oldest first, so that new ones come behind those read."""
    return _runs_where(("filter[started_after]", stamp(since(window))))


def _older_runs_under_way(window: Window, _system: System) -> Request:
    """Runs that began before the window and are not done."""
    before = ("filter[started_before]", stamp(since(window)))
    return _runs_where(("filter[status]", str(STARTED)), before)


def _runs_where(*filters: tuple[str, str]) -> Request:
    include = ("include", "trackedData,operationsSent,operationsReceived")
    return Request("GET", "/flow-runs", params=(*filters, ("sort", "started_at"), include))


def rows(about: Json, body: Json) -> list[Json]:
    """The records of a list. Raises ``Retry`` for an answer of another shape.

    Their fields stand flat, or under JSON:API's ``attributes``, as the vendor's own client reads them.
    """
    found = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise Retry("the page holds no data")
    return [_flat(record) | (about or {}) for record in found]


def _flat(record: Json) -> dict[str, Json]:
    if not isinstance(record, Mapping):
        raise Retry("the page holds what is no record")
    held = record.get("attributes")
    if not isinstance(held, Mapping):
        return dict(record)
    return {**held, **{name: value for name, value in record.items() if name != "attributes"}}


def rows_about(about: Json, body: Json) -> list[Json]:
    """The same of something we know of, and none of what the vendor has forgotten (``Request.absent``)."""
    return [] if body is None else rows(about, body)


KNOWN_FAILED_RUNS = f"""
    SELECT r.id, r.started_at
    FROM patchworks.flow_runs AS r
    LEFT JOIN patchworks.run_logs AS l ON l.system = r.system AND l.flow_run_id = r.id
    WHERE r.system = $system AND r.status IN ({FAILURE}, {PARTIAL_SUCCESS})
    GROUP BY r.id, r.started_at, r.finished_at
    HAVING coalesce(max(l._read_at) < coalesce(r.finished_at, r.started_at) + INTERVAL '{LOGS_LAG}' SECOND, true)
    ORDER BY r.started_at, r.id
"""
"""Runs that failed, wholly or in part, and whose log was not read yet since it was whole. A monitor of failures alone misses
batches of which a part is lost."""
KNOWN_FAILED_PAYLOADS = """
    SELECT l.payload_metadata_id AS id, any_value(l.flow_run_id) AS flow_run_id, min(l.id) AS log_id,
        min(l.created_at) AS failed_at
    FROM patchworks.run_logs AS l
    WHERE l.system = $system AND upper(l.log_level) IN ('ERROR', 'FATAL') AND l.payload_metadata_id IS NOT NULL
        AND NOT EXISTS (
            FROM patchworks.payloads AS p WHERE p.system = l.system AND p.id = l.payload_metadata_id
        )
    GROUP BY l.payload_metadata_id
    ORDER BY failed_at, id
"""
"""Payloads that errors are about and that were not copied yet: a copy is made once, and nothing is put in its place."""


def ask_logs(window: Window, system: System) -> Sequence[Ask]:  # noqa: ARG001
    """The log of every run that failed, while the vendor has the whole of it. What failed says which payload it is about."""
    params = (
        ("include", "flowRunLogMetadata"),
        ("fields[flowStep]", "id,name"),
        ("sort", "id"),
        ("load_payload_ids", "true"),
    )
    oldest = window.end - LOGS_KEPT + MARGIN
    return [
        Ask(
            Request("GET", f"/flow-runs/{known['id']}/flow-run-logs", params=params, absent=GONE),
            {"flow_run_id": known["id"]},
            part=str(known["id"]),
        )
        for known in window.known
        if known["started_at"] >= oldest
    ]


def ask_payloads(window: Window, system: System) -> Sequence[Ask]:  # noqa: ARG001
    """Every payload a run failed on. One that the vendor has deleted it still tells of, for as long as of the log."""
    oldest = window.end - LOGS_KEPT
    return [
        Ask(
            Request("GET", "/payload-metadata", params=(("filter[id]", str(known["id"])),), absent=GONE),
            {"flow_run_id": known["flow_run_id"], "log_id": known["log_id"]},
            part=str(known["id"]),
        )
        for known in window.known
        if known["failed_at"] >= oldest
    ]


def _download(payload: Mapping[str, Json], _system: System) -> Request | None:
    if payloads.why_not(payload):
        return None
    return Request("GET", f"/payload-metadata/{payload['id']}/download", absent=GONE)


STREAMS = (
    Stream(
        "flows",
        _list("/flows", sort="id"),
        rows=rows,
        paging=PAGES,
        entity="flows",
        total=PAGES.total,
        left_out=(
            "latest_version*",
            "deployed_version*",
            "current_version*",
            "labels*",
            "webhooks*",
            "callbacks*",
        ),
    ),
    Stream(
        "flow_runs",
        _runs,
        rows=rows,
        paging=PAGES,
        cursor=Cursor("started_at", LOOK_BACK),
        also=(_older_runs_under_way,),
        entity="flows",
        total=PAGES.total,
        left_out=("retried_flow_run*", "flow_run_logs*", "flow", "flow.*", "flow_version", "flow_version.*"),
    ),
    Stream(
        "queue",
        _list("/scheduled-flows", include="flow"),
        rows=rows,
        paging=PAGES,
        entity="flows",
        total=PAGES.total,
        left_out=("flow.*",),
    ),
    Stream(
        "run_logs",
        known=KNOWN_FAILED_RUNS,
        asks=ask_logs,
        rows=rows_about,
        paging=PAGES,
        keeps=True,
        kept=LOGS_KEPT,
        entity="flow_failures",
        left_out=("flow_run_log_metadata*", "flow_step*"),
    ),
    Stream(
        "payloads",
        known=KNOWN_FAILED_PAYLOADS,
        asks=ask_payloads,
        rows=rows_about,
        paging=PAGES,
        keeps=True,
        document=Document(_download, payloads.copied),
        kept=PAYLOADS_KEPT,
        entity="flow_failures",
        left_out=("content",),  # persons: the landed file alone holds it
    ),
)

# --- carrying ------------------------------------------------------------------------------------------

START_URL = "start_url"
"""The option that holds the start host's address: flows are started there, and not on the core host."""
SKEW = timedelta(minutes=1)
"""Their clock may be so far from ours."""
QUEUE = timedelta(seconds=30 + 5 + 60)
"""What is asked of a flow is queued every 30 seconds and picked up every 5; it may start a minute later with no fault."""
TOLD = 200
"""Characters of a failed run's log that are told."""


def start(flow: str, reference: str, own: Request) -> Request:
    """Give a flow the request it shall make at the target, with our reference beside it: a bare payload."""
    body = {"order_ref": reference, "method": own.method, "path": own.path, "payload": own.body}
    return Request("POST", f"/flows/{flow}/start/raw", body=body, is_write=True, base=START_URL)


def run_of(body: Json) -> str:
    """The run's id, under any of the names it may have (INFERRED: none is documented)."""
    if not isinstance(body, Mapping):
        return ""
    data = body.get("data")
    found = [body.get(name) for name in ("flow_run_id", "run_id", "id")]
    found.append(data.get("id") if isinstance(data, Mapping) else None)
    return next((str(value) for value in found if value is not None), "")


def carried(
    flow: str, reference: str, run: str, since: datetime, records: Mapping[str, Sequence[Json]]
) -> Carried:
    """Where what a flow was given is. What waits or runs does not say whose it is, so any of the flow may be it."""
    begun = [
        each
        for each in records["flow_runs"]
        if str(each.get("flow_id")) == flow and _at(each["started_at"]) >= since - SKEW
    ]
    waits = any(
        str((each.get("flow") or {}).get("id", flow)) == flow and _at(each["created_at"]) >= since - SKEW
        for each in records["queue"]
    )
    if waits or any(each.get("status") == STARTED for each in begun):
        return Carried(is_under_way=True)
    own = [each for each in begun if str(each.get("id")) == run or reference in _tracked(each)]
    failed = [each for each in own if each.get("status") in (FAILURE, STOPPED, PARTIAL_SUCCESS)]
    return Carried(failed_run=str(failed[-1]["id"]) if failed and len(failed) == len(own) else "")


def _at(text: Json) -> datetime:
    return datetime.fromisoformat(str(text))


def _tracked(run: Mapping[str, Json]) -> list[str]:
    found = run.get("tracked_data")
    known = found if isinstance(found, list) else []
    return [str(each.get("value")) for each in known if isinstance(each, Mapping)]


def _log(run: str) -> Request:
    params = (("sort", "id"), ("per_page", "100"))
    return Request("GET", f"/flow-runs/{run}/flow-run-logs", params=params, absent=GONE)


def _reason(body: Json) -> str:
    """What a log's errors say."""
    failures = [
        each for each in rows_about(None, body) if str(each.get("log_level")).upper() in FAILED_LEVELS
    ]
    said = "; ".join(str(each.get("log_message")) for each in failures)
    return clean(said, TOLD) or "its run failed and says no more"


ROUTE = Route(
    base=START_URL,
    request=start,
    run=run_of,
    asked=("queue", "flow_runs"),
    carried=carried,
    log=_log,
    reason=_reason,
    settle=QUEUE,
)

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:  # noqa: ARG001
    """Where an error of theirs means more than its status says."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise Halt(f"401: {words(answer)} (the key was revoked, or it is a login's token without its Bearer)")


# --- the vendor ---------------------------------------------------------------------------------------

VENDOR = Vendor(
    slug="patchworks",
    title="Patchworks",
    roles=frozenset({"bridge"}),
    hosts=("core.wearepatchworks.com", "start.wearepatchworks.com"),
    secrets=("api_key",),
    options={
        "start_url": "where flows are started; needed for `via`",
        "reference_fields": "fields of payloads that name an order",
    },
    auth=StaticHeader("Authorization", "api_key"),
    # 240 calls in a fixed minute, whose beginning is not told: what is saved up and what comes back stay below that.
    limit=PacedQuota(capacity=5, per_second=3.85, calls=240),
    streams=STREAMS,
    writes={},
    route=ROUTE,
    check=check,
    probe=lambda system: Request("GET", "/flows", params=(("per_page", "1"),)),  # noqa: ARG005
    pages={"flow_runs": "{admin}/flow-run-logs/{id}"},
)
