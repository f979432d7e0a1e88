"""What Veeqo's refusals mean: three shapes of body, and a meaning per status and kind of request.

Asked through the client, so that its own reading of a status and the vendor's word on it are seen together.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Request
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.veeqo_kit import SYSTEM

READ = Request("GET", "/orders")
ONE = Request("GET", "/orders/90011")
CREATE = Request("POST", "/orders", body={}, is_write=True)
ALLOCATE = Request("POST", "/orders/90011/allocations", body={}, is_write=True)
CANCEL = Request("PUT", "/orders/90011/cancel", body={}, is_write=True)
SAID = {"error_messages": ["as the vendor says"]}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's key; no read is tried again, as every refusal here is looked at by itself."""
    monkeypatch.setenv("X", "the-key-of-the-account")
    monkeypatch.setattr("cogent_pipelines.connect.client.PATIENCE", 0.0)
    monkeypatch.setattr("cogent_pipelines.connect.client.LEAST_TRIES", 1)
    monkeypatch.setattr("cogent_pipelines.connect.client.THROTTLED_PATIENCE", 0.0)


def ask(request: Request, status: int, body: Any = None) -> Any:
    """What the client makes of one answer: its decoded body, or the error it raises."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def run() -> Any:
        transport = httpx.MockTransport(lambda sent: httpx.Response(status, content=content))
        async with Client(SYSTEM, veeqo.VENDOR, limits=MemoryLimits(), transport=transport) as client:
            return (await client.call(request, intent="intent" if request.is_write else None)).json()

    return asyncio.run(run())


def refused(request: Request, status: int, body: Any = None) -> CogentError:
    """The error one answer is made into."""
    with pytest.raises(CogentError) as error:
        ask(request, status, SAID if body is None else body)
    return error.value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"error_messages": ["Sellable must exist", "Number is too long"]},
            "Sellable must exist; Number is too long",
        ),
        ({"error_messages": "This allocation is already shipped"}, "This allocation is already shipped"),
        ({"status": "422", "error": "Unprocessable"}, "Unprocessable"),
        (b"Sellable must exist", "Sellable must exist"),
    ],
)
def test_the_vendors_words_are_kept(body: Any, words: str) -> None:
    """Whatever the shape of the body, what it says reaches the person who must act."""
    assert words in str(refused(CREATE, 422, body))


@pytest.mark.parametrize(("request_", "status"), [(READ, 200), (CREATE, 201), (CANCEL, 200)])
def test_a_success_is_no_error(request_: Request, status: int) -> None:
    """A body that mentions an error field does not make a success one."""
    assert ask(request_, status, {"error": None}) == {"error": None}


@pytest.mark.parametrize(
    ("request_", "status", "kind", "detail"),
    [
        (READ, 401, Halt, "credentials"),
        (CREATE, 401, Halt, "credentials"),
        (READ, 403, Halt, "scope"),
        (CREATE, 403, Halt, "scope"),
        (CANCEL, 403, Reject, "cancel_unavailable"),
        (CANCEL, 404, Reject, "cancel_unavailable"),
        (CREATE, 404, Reject, "unknown_id"),
        (ALLOCATE, 404, Reject, "unknown_id"),
        (CREATE, 400, Reject, "rejected"),
        (CREATE, 415, Reject, "rejected"),
        (CREATE, 422, Reject, "invalid"),
        (READ, 404, Reject, "not_found"),
        (ONE, 404, Retry, "none"),
        (READ, 429, Retry, "none"),
        (CREATE, 429, Retry, "none"),
        (CREATE, 409, Retry, "none"),
        (READ, 500, Retry, "none"),
        (READ, 503, Retry, "none"),
        (CREATE, 500, Retry, "unknown"),
        (CREATE, 503, Retry, "unknown"),
        (CANCEL, 504, Retry, "unknown"),
    ],
)
def test_a_status_tells_what_to_do_next(request_: Request, status: int, kind: type, detail: str) -> None:
    """A write that met a server error may have been done; a refusal or a throttling certainly was not."""
    error = refused(request_, status)
    assert isinstance(error, kind)
    assert (error.effect if isinstance(error, Retry) else error.code) == detail  # type: ignore[attr-defined]
    assert status == 429 or "as the vendor says" in str(error)


def test_a_throttling_names_no_wait() -> None:
    """They send no Retry-After, so the waiting is ours to choose."""
    error = refused(READ, 429)
    assert isinstance(error, Retry)
    assert error.after is None


def test_a_lapsed_subscription_is_named_beside_a_wrong_key() -> None:
    """Both answer alike; the person told needs both possibilities."""
    assert "subscription" in str(refused(READ, 401, {"error_messages": ["Unauthorized"]}))


def test_the_key_goes_in_its_header_and_in_no_message() -> None:
    """x-api-key, and never in the words of an error."""
    seen: list[httpx.Request] = []

    def answer(sent: httpx.Request) -> httpx.Response:
        seen.append(sent)
        return httpx.Response(422, json={"error_messages": f"not {sent.headers['x-api-key']}"})

    async def run() -> None:
        async with Client(
            SYSTEM, veeqo.VENDOR, limits=MemoryLimits(), transport=httpx.MockTransport(answer)
        ) as client:
            await client.call(CREATE, intent="intent")

    with pytest.raises(Reject) as error:
        asyncio.run(run())
    assert seen[0].headers["x-api-key"] == "the-key-of-the-account"
    assert "the-key-of-the-account" not in str(error.value)


def test_a_cancellation_answered_in_plain_words_is_looked_up() -> None:
    """Its success is documented as a word, not as JSON: not taken for done, nor for refused."""
    error = refused(CANCEL, 200, b"Successful")
    assert isinstance(error, Retry)
    assert error.effect == "unknown"
