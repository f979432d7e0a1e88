"""What Fulfil's refusals mean, asked through the client: a meaning per status, body and kind of request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from cogent_pipelines.connect.answers import Throttled
from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Request
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.vendors import fulfil
from cogent_pipelines.vendors.fulfil_writes import path, search
from cogent_pipelines_tests.vendors.fulfil_kit import SYSTEM

READ = search("sale.sale", [], ["id"])
CREATE = Request("PUT", path("sale.channel", "create_order"), body=[], is_write=True)
CANCEL = Request("PUT", path("sale.sale", "1201/cancel"), body=[], is_write=True)
RULE = {
    "type": "UserError",
    "code": "E1000",
    "message": "Cannot create record with state 'open'",
    "description": "",
}
HTTP = {"code": 404, "name": "Not Found", "description": "Record does not exist"}
FAST = {
    "code": 429,
    "name": "Too Many Requests",
    "description": "This user has exceeded an allotted request count.",
}
LARGE = {"code": 429, "name": "Too Many Requests", "description": "Page size cannot exceed 500"}


def refused(
    monkeypatch: pytest.MonkeyPatch, request: Request, status: int, body: Any, **headers: str
) -> CogentError:
    """The error one answer is made into; nothing is tried again."""
    monkeypatch.setenv("FULFIL_TEST_KEY", "the-token-of-the-account")
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)
    monkeypatch.setattr("cogent_pipelines.connect.client.THROTTLED_PATIENCE", 0.0)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def run() -> None:
        answer = httpx.MockTransport(lambda sent: httpx.Response(status, content=content, headers=headers))
        async with Client(SYSTEM, fulfil.VENDOR, limits=MemoryLimits(), transport=answer) as client:
            await client.call(request, intent="intent" if request.is_write else None)

    with pytest.raises(CogentError) as error:
        asyncio.run(run())
    return error.value


@pytest.mark.parametrize(
    ("request_", "status", "body", "kind", "code", "words"),
    [
        (READ, 401, {**HTTP, "code": 401, "description": "No"}, Halt, "credentials", "No"),
        (CREATE, 401, {**HTTP, "code": 401, "description": "No"}, Halt, "credentials", "No"),
        (READ, 403, {**HTTP, "code": 403, "description": "No"}, Halt, "scope", "sale.sale/search_read"),
        (CREATE, 400, RULE, Reject, "user_error", "Cannot create record with state 'open'"),
        (CREATE, 422, RULE, Reject, "user_error", "Cannot create"),
        (CREATE, 423, RULE, Reject, "user_error", "Cannot create"),
        (CANCEL, 400, RULE, Reject, "past_no_return", "Cannot create"),
        (CREATE, 404, HTTP, Reject, "unknown_id", "Record does not exist"),
        (READ, 404, HTTP, Reject, "not_found", "Record does not exist"),
        (CREATE, 400, {"error": "No such thing"}, Reject, "rejected", "No such thing"),
        (READ, 429, LARGE, Reject, "invalid", "Page size cannot exceed 500"),
    ],
)
def test_a_refusal_has_its_meaning_and_the_vendors_words(
    monkeypatch: pytest.MonkeyPatch,
    request_: Request,
    status: int,
    body: Any,
    kind: type[CogentError],
    code: str,
    words: str,
) -> None:
    """The description, else the message, else the error."""
    error: Any = refused(monkeypatch, request_, status, body)
    assert (type(error), error.code) == (kind, code)
    assert words in str(error)


@pytest.mark.parametrize(
    "body", [FAST, {"code": 429}, b"slow down", {"description": "Heavy queries are limited"}]
)
def test_too_fast_is_waited_for(monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    """Also where its words are not those we know: only what refuses the request itself is not."""
    assert isinstance(refused(monkeypatch, READ, 429, body), Throttled)
    assert isinstance(refused(monkeypatch, READ, 429, LARGE, **{"Retry-After": "2"}), Throttled)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"Internal Server Error"),
        (503, RULE),
        (200, {"__class__": "AsyncResult", "task_id": "1", "token": "t"}),
        (200, b"<!doctype html><h1>Wait</h1>"),
        (504, b"<html>"),
    ],
)
def test_what_may_have_been_done_is_unknown_for_a_write_only(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any
) -> None:
    """A read of the same answer had no effect."""
    for request_, effect in ((CREATE, "unknown"), (READ, "none")):
        error: Any = refused(monkeypatch, request_, status, body)
        assert (type(error), error.effect) == (Retry, effect)


def test_a_conflict_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else wrote at the same time; nothing was done."""
    error: Any = refused(monkeypatch, CREATE, 409, {"error": "modified"})
    assert (type(error), error.effect) == (Retry, "none")
