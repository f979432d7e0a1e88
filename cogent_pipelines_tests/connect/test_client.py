"""The client: what it sends where, what it makes of the answer, and what it never lets out."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from cogent_pipelines import clock
from cogent_pipelines.connect import graphql
from cogent_pipelines.connect.answers import Throttled, cost, retry_after
from cogent_pipelines.connect.client import PATIENCE, Client
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Answer, Request
from cogent_pipelines.errors import BadInput, CogentError, Halt, Reject, Retry
from cogent_pipelines_tests.connect.kit import SECRET, START, Pieces, answer, client, raw, run, system, vendor

READ = Request("GET", "/things")
WRITE = Request("POST", "/things", body={"name": "x"}, is_write=True)
Handler = Callable[[httpx.Request], httpx.Response]


def ask(handler: Handler, request: Request = READ, **changes: object) -> httpx.Response | object:
    """One call of ``request`` against ``handler``."""

    async def main() -> object:
        async with client(handler, **changes) as c:
            return await c.call(request, intent="intent-1" if request.is_write else None)

    return run(main)


def failing(handler: Handler, request: Request, **changes: object) -> CogentError:
    """The error one call ends in."""
    with pytest.raises(CogentError) as caught:
        ask(handler, request, **changes)
    return caught.value


def always(response: Callable[[], httpx.Response]) -> Handler:
    """The same answer to everything."""
    return lambda request: response()


def breaking(error: Exception) -> Handler:
    """No answer but an exception."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


HTML = "<!DOCTYPE html><html><body>Maintenance</body></html>"


@pytest.mark.parametrize(
    ("response", "kind", "effect"),
    [
        (lambda: httpx.Response(429), Throttled, "none"),
        (lambda: httpx.Response(430), Throttled, "none"),
        (lambda: httpx.Response(500, json={"error": "boom"}), Retry, "unknown"),
        (lambda: httpx.Response(502), Retry, "unknown"),
        (lambda: httpx.Response(503, text=HTML), Retry, "unknown"),
        (lambda: httpx.Response(504), Retry, "unknown"),
        (lambda: httpx.Response(408), Retry, "unknown"),
        (lambda: httpx.Response(302, headers={"location": "https://elsewhere.example/"}), Retry, "unknown"),
        (lambda: httpx.Response(200, text=HTML), Retry, "unknown"),
        (lambda: httpx.Response(200, text="plain words"), Retry, "unknown"),
        (lambda: httpx.Response(200, content=b'{"id": 1, "na'), Retry, "unknown"),
        (lambda: httpx.Response(401, json={"errors": "[API] Invalid"}), Halt, None),
        (lambda: httpx.Response(402), Halt, None),
        (lambda: httpx.Response(403, json={"message": "plan"}), Halt, None),
        (lambda: httpx.Response(423), Halt, None),
        (lambda: httpx.Response(400, json={"error_messages": "bad"}), Reject, None),
        (lambda: httpx.Response(404, json={"status": "404", "error": "Not Found"}), Reject, None),
        (lambda: httpx.Response(409), Reject, None),
        (lambda: httpx.Response(422, json={"error_messages": ["Sellable must exist"]}), Reject, None),
    ],
)
def test_an_answer_to_a_write_is_named_by_what_to_do_next(
    response: Callable[[], httpx.Response], kind: type[CogentError], effect: str | None
) -> None:
    """Each answer class gives its error and its effect on a write, which goes out once."""
    sent = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return response()

    error = failing(handler, WRITE)
    assert type(error) is kind
    assert getattr(error, "effect", None) == effect
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "none"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "none"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "none"),
        (httpx.ConnectTimeout("slow"), "none"),
        (httpx.PoolTimeout("busy"), "none"),
        (httpx.ReadTimeout("stalled"), "unknown"),
        (httpx.WriteTimeout("stalled"), "unknown"),
        (httpx.ReadError("reset by peer"), "unknown"),
        (httpx.WriteError("broken pipe"), "unknown"),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), "unknown"),
    ],
)
def test_a_network_failure_of_a_write_says_what_it_may_have_done(error: Exception, effect: str) -> None:
    """Before a connection nothing happened; after it, nobody knows."""
    found = failing(breaking(error), WRITE)
    assert isinstance(found, Retry)
    assert found.effect == effect


def test_a_write_without_an_intent_is_refused_before_anything_is_sent() -> None:
    """The ledger's intent is the permission to write."""
    sent = []

    async def main() -> None:
        async with client(lambda request: sent.append(request) or answer({})) as c:
            await c.call(WRITE)

    with pytest.raises(Halt) as caught:
        run(main)
    assert caught.value.code == "no_intent"
    assert not sent


@pytest.mark.parametrize("words", ["errors", "error", "message", "error_messages", "title"])
def test_the_vendors_own_words_are_in_the_rejection(words: str) -> None:
    """Whatever key a vendor puts its message under, the reason holds it."""
    error = failing(always(lambda: answer({words: "the SKU is unknown"}, 422)), WRITE)
    assert "the SKU is unknown" in str(error)


def test_a_read_is_tried_again_until_it_works() -> None:
    """A burst of failures of different kinds ends in the answer."""
    burst = iter(
        [
            httpx.Response(503),
            httpx.Response(500, text=HTML),
            httpx.Response(200, text=HTML),
            httpx.Response(200, content=b'{"half": '),
            httpx.Response(429),
            answer({"ok": True}),
        ]
    )
    found = ask(lambda request: next(burst))
    assert found.json() == {"ok": True}  # type: ignore[union-attr]


def test_a_failing_read_gives_up_after_its_patience() -> None:
    """An outage ends a read in minutes of the clock, with back-off that grows."""
    times = []

    def handler(request: httpx.Request) -> httpx.Response:
        times.append((clock.now() - START).total_seconds())
        return httpx.Response(503)

    assert isinstance(failing(handler, READ), Retry)
    assert PATIENCE / 4 < times[-1] <= PATIENCE
    assert 8 <= len(times) <= 60


def test_a_read_that_waited_long_before_it_failed_is_tried_again() -> None:
    """Patience is for what fails; what came before the first failure was no failing."""
    left = iter((httpx.Response(503), httpx.Response(503)))

    async def handler(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.6 * PATIENCE)
        return next(left, answer({"ok": 1}))

    found = ask(handler)  # type: ignore[arg-type]
    assert found.json() == {"ok": 1}  # type: ignore[union-attr]


def test_a_read_whose_tries_take_long_is_still_tried_five_times() -> None:
    """Behind a full limit two tries may take the whole patience: a burst of four refusals ends no reading."""
    left = iter(range(4))

    async def handler(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.6 * PATIENCE)
        return answer({"ok": 1}) if next(left, None) is None else httpx.Response(502)

    found = ask(handler)  # type: ignore[arg-type]
    assert found.json() == {"ok": 1}  # type: ignore[union-attr]


def test_throttling_outlasts_any_number_of_tries() -> None:
    """Four hundred refusals for speed are no reason to give up."""
    left = iter(range(400))
    found = ask(
        lambda request: (
            answer({"ok": 1})
            if next(left, None) is None
            else httpx.Response(429, headers={"retry-after": "1"})
        )
    )
    assert found.json() == {"ok": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["soon", "Mon, 99 Foo 2026 00:00:00", "-5"])
def test_a_wait_that_makes_no_sense_is_not_waited(text: str) -> None:
    """Nonsense in Retry-After is as good as nothing."""
    found = retry_after({"retry-after": text})
    assert found in (None, 0.0)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_to_in_both_forms(form: str) -> None:
    """The wait is the vendor's, given in seconds or as an HTTP date."""
    times = []

    def handler(request: httpx.Request) -> httpx.Response:
        times.append(clock.now())
        if len(times) > 1:
            return answer({})
        text = (
            "37" if form == "seconds" else format_datetime(clock.now() + timedelta(seconds=37), usegmt=True)
        )
        return httpx.Response(429, headers={"retry-after": text})

    ask(handler)
    waited = (times[1] - times[0]).total_seconds()
    assert 35.5 <= waited <= 40


def test_a_redirect_is_not_followed() -> None:
    """A read that is redirected halts; the other address never hears of it."""
    hosts = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(str(request.url))
        return httpx.Response(301, headers={"location": "http://169.254.169.254/latest/meta-data"})

    error = failing(handler, READ)
    assert isinstance(error, Halt)
    assert error.code == "redirect"
    assert len(hosts) == 1


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/things",
        "http://evil.example/things",
        "//evil.example/things",
        "http://127.0.0.1:9@evil.example/x",
        "http://user:pass@127.0.0.1:9/x",
        "http://127.0.0.1:10/x",
        "https://127.0.0.1:9/x",
        "ftp://127.0.0.1:9/x",
    ],
)
def test_an_address_on_another_host_is_refused(path: str) -> None:
    """Next-page links and other addresses from answers stay on the system's own host."""
    sent = []
    error = failing(lambda request: sent.append(request) or answer({}), Request("GET", path))
    assert isinstance(error, Halt)
    assert error.code == "host"
    assert not sent


def test_an_address_on_the_own_host_is_followed_with_its_query() -> None:
    """A whole address that stays at home is used as it stands."""
    seen = []
    ask(
        lambda request: seen.append(str(request.url)) or answer({}),
        Request("GET", "http://127.0.0.1:9/shop/x?page=2&a=b"),
    )
    assert seen == ["http://127.0.0.1:9/shop/x?page=2&a=b"]


@pytest.mark.parametrize(
    "base",
    [
        "http://shop.fake.example",
        "https://shop.fake.example.evil.example",
        "https://evil.example",
        "https://user:pass@shop.fake.example",
        "https://shop.fake.example/?x=1",
    ],
)
def test_a_live_system_must_be_https_on_a_host_of_its_vendor(base: str) -> None:
    """Anything else is refused before a client exists."""
    with pytest.raises(BadInput):
        Client(system(base_url=base, loopback_only=False), vendor(), limits=MemoryLimits())


@pytest.mark.parametrize(
    "base", ["http://10.0.0.1/x", "https://shop.fake.example", "http://127.0.0.1.evil.example/"]
)
def test_a_sandboxed_system_reaches_loopback_only(base: str) -> None:
    """A sandbox estate cannot be pointed at the world."""
    with pytest.raises(BadInput):
        Client(system(base_url=base), vendor(), limits=MemoryLimits())


def test_a_live_system_on_its_vendors_host_is_talked_to() -> None:
    """The good case of the two above."""
    live = system(base_url="https://shop.fake.example", loopback_only=False)
    found = ask(always(lambda: answer({"ok": 1})), of=live)
    assert found.json() == {"ok": 1}  # type: ignore[union-attr]


# --- bodies ---------------------------------------------------------------------------------------------


def test_a_declared_giant_is_refused_unread() -> None:
    """An answer that says it is 2 GB is not read at all."""
    body = Pieces(b"x" * 1000)
    error = failing(always(lambda: raw(body, content_length=str(2 << 30))), READ)
    assert isinstance(error, Reject)
    assert error.code == "too_large"
    assert body.given == 0


def test_an_undeclared_giant_is_refused_at_the_cap() -> None:
    """An endless body is cut off as soon as it is larger than the vendor's cap."""
    body = Pieces(*[b"x" * 65536] * 10_000)
    error = failing(always(lambda: raw(body)), READ, max_page_bytes=1_000_000)
    assert isinstance(error, Reject)
    assert body.given <= 1_000_000 + 2 * 65536


def test_a_decompression_bomb_is_refused_within_bounds() -> None:
    """A small body that would inflate to twice the cap never does."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(100)) + deflate.flush()
    assert len(bomb) < 2_000_000
    error = failing(always(lambda: raw(Pieces(bomb), content_encoding="gzip")), READ)
    assert isinstance(error, Reject)
    assert error.code == "too_large"


def test_a_compressed_body_is_read() -> None:
    """Gzip in many pieces comes out whole."""
    packed = gzip.compress(b'{"ok": "' + b"y" * 100_000 + b'"}')
    pieces = [packed[i : i + 7] for i in range(0, len(packed), 7)]
    found = ask(
        always(lambda: raw(Pieces(*pieces), content_encoding="gzip", content_length=str(len(packed))))
    )
    assert len(found.json()["ok"]) == 100_000  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "response",
    [
        lambda: raw(Pieces(b'{"a": 1}'), content_length="20"),
        lambda: raw(Pieces(b'{"a": 1}' * 5), content_length="8"),
        lambda: raw(Pieces(gzip.compress(b'{"a": 1}')[:-9]), content_encoding="gzip"),
        lambda: raw(Pieces(b"not gzip at all"), content_encoding="gzip"),
        lambda: raw(Pieces(b'{"a": 1}'), content_encoding="br"),
        lambda: raw(Pieces(b'{"a": ', error=httpx.ReadError("reset"))),
        lambda: raw(Pieces(b'{"a": ', error=httpx.RemoteProtocolError("incomplete chunked read"))),
        lambda: httpx.Response(200, content=b'{"a": 1'),
    ],
)
def test_half_a_body_is_no_answer(response: Callable[[], httpx.Response]) -> None:
    """A body cut short, of a wrong length or in a wrong encoding leaves a write's effect unknown."""
    error = failing(always(response), WRITE)
    assert isinstance(error, Retry)
    assert error.effect == "unknown"


def test_a_stalled_answer_ends_at_the_timeout() -> None:
    """A body that never ends does not hold the client for ever, however steadily it drips."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                await asyncio.sleep(10)
                yield b" "

    error = failing(always(lambda: raw(Drip())), WRITE)
    assert isinstance(error, Retry)
    assert error.effect == "unknown"


def test_an_empty_answer_to_a_write_is_an_answer() -> None:
    """204 says it worked and nothing else."""
    found = ask(always(lambda: httpx.Response(204)), WRITE)
    assert (found.status, found.content) == (204, b"")  # type: ignore[union-attr]


# --- secrets --------------------------------------------------------------------------------------------


def test_no_secret_is_in_any_error_or_log(caplog: pytest.LogCaptureFixture) -> None:
    """A vendor that echoes our headers, and a transport that names them, leak nothing through us."""
    caplog.set_level(logging.DEBUG)

    def echo(request: httpx.Request) -> httpx.Response:
        key = request.headers["x-api-key"]
        return answer({"message": f"key {key} of ann@example.test is bad", "api_key": key}, 422)

    def burst(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"could not send {request.headers['x-api-key']}")

    texts = [str(failing(echo, WRITE)), str(failing(burst, WRITE)), repr(failing(echo, READ))]
    for text in [*texts, caplog.text]:
        assert SECRET not in text
        assert "ann@example.test" not in text
    assert any("[hidden]" in text for text in texts)


def test_a_secret_that_no_header_can_carry_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would print the offending value."""
    monkeypatch.setenv("TEST_KEY", f"{SECRET}\nX-Injected: 1")
    error = failing(always(lambda: answer({})), READ)
    assert isinstance(error, Halt)
    assert SECRET not in str(error)


def test_a_request_that_cannot_be_sent_is_rejected_without_its_values() -> None:
    """A header with a line end never leaves, and is not shown."""
    request = Request("POST", "/x", headers={"X-Reference": f"{SECRET}\n"}, is_write=True)
    error = failing(breaking(httpx.LocalProtocolError(f"Illegal header value b'{SECRET}'")), request)
    assert isinstance(error, Reject)
    assert SECRET not in str(error)


def test_a_missing_secret_halts_by_its_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to set."""
    monkeypatch.delenv("TEST_KEY")
    error = failing(always(lambda: answer({})), READ)
    assert isinstance(error, Halt)
    assert "TEST_KEY" in str(error)


# --- GraphQL --------------------------------------------------------------------------------------------


def gql(**body: object) -> Handler:
    """A GraphQL answer."""
    return always(lambda: answer(body))


@pytest.mark.parametrize(
    ("errors", "kind", "code"),
    [
        ([{"message": "Access denied for x field.", "extensions": {"code": "ACCESS_DENIED"}}], Halt, "scope"),
        (
            [{"message": "Query cost is 1200", "extensions": {"code": "MAX_COST_EXCEEDED"}}],
            Reject,
            "max_cost_exceeded",
        ),
        (
            [{"message": "Invalid id", "extensions": {"code": "RESOURCE_NOT_FOUND"}}],
            Reject,
            "resource_not_found",
        ),
        ([{"message": "Field 'x' doesn't exist"}], Reject, "rejected"),
        ([{"message": "who are you", "extensions": {"code": "UNAUTHENTICATED"}}], Halt, "credentials"),
        ("a string", Reject, "rejected"),
        ({"base": ["wrong"]}, Reject, "rejected"),
    ],
)
def test_errors_in_a_good_status_are_errors(errors: object, kind: type[CogentError], code: str) -> None:
    """What GraphQL hides behind 200 is named by what to do next."""
    error = failing(gql(errors=errors, data=None), WRITE, check=graphql.check)
    assert type(error) is kind
    assert error.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [10, 20_000])
@pytest.mark.parametrize(
    ("template", "spent"),
    [
        ('{"data": {"x": "PAD"}, "extensions": {"cost": {"actualQueryCost": 7}}}', 7),
        ('{"data": {"x": "PAD"}, "extensions":{"cost":{"actualQueryCost":7}}}\n', 7),
        ('{"extensions":{"cost":{"actualQueryCost":7}}, "data": {"x": "PAD"}}', 7),
        ('{"data": {"x": "PAD", "y": {"extensions":{"cost":{"actualQueryCost":9}}}}}', None),
        ('{"data": {"x": "PAD", "y": "\\"extensions\\":{}"}}', None),
        ('{"data": {"x": "PAD"}}', None),
    ],
)
def test_the_cost_is_found_wherever_it_stands(template: str, spent: float | None, size: int) -> None:
    """Behind long data, before it, and not where a record only looks like it."""
    content = template.replace("PAD", "p" * size).encode()
    found = cost(Answer(200, {}, content, START))
    assert (found.actualQueryCost if found else None) == spent


def test_errors_behind_long_data_are_errors() -> None:
    """Partial data with errors at its end is no answer."""
    body = {"data": {"x": "p" * 20_000}, "errors": [{"message": "half"}], "extensions": {"cost": {}}}
    assert isinstance(failing(always(lambda: answer(body)), WRITE, check=graphql.check), Reject)


def test_an_error_on_the_vendors_side_may_pass_and_may_have_had_an_effect() -> None:
    """A write that ends in an internal error is looked up before it is sent again."""
    errors = [{"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]
    error = failing(gql(errors=errors), WRITE, check=graphql.check)
    assert isinstance(error, Retry)
    assert error.effect == "unknown"


def test_a_throttled_query_waits_what_the_bucket_lacks() -> None:
    """(asked - left) / restored per second, and then it goes."""
    times = []

    def handler(request: httpx.Request) -> httpx.Response:
        times.append(clock.now())
        left = 100 if len(times) == 1 else 1000
        cost = {
            "requestedQueryCost": 600,
            "actualQueryCost": None if len(times) == 1 else 500,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": left, "restoreRate": 100},
        }
        if len(times) == 1:
            errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
            return answer({"errors": errors, "extensions": {"cost": cost}})
        return answer({"data": {}, "extensions": {"cost": cost}})

    ask(handler, Request("POST", "/g", body={"query": "{x}"}), check=graphql.check)
    assert 5 <= (times[1] - times[0]).total_seconds() <= 9


def test_a_string_of_errors_with_401_is_a_credential_problem() -> None:
    """The vendor's odd shape for a bad token."""
    handler = always(lambda: answer({"errors": "[API] Invalid API key or access token"}, 401))
    error = failing(handler, READ, check=graphql.check)
    assert isinstance(error, Halt)
    assert error.code == "credentials"


# --- books ----------------------------------------------------------------------------------------------


def test_the_client_counts_what_it_does() -> None:
    """Calls, writes, refusals and bytes are there for the asset's metadata."""
    turns = iter([httpx.Response(429, headers={"retry-after": "1"}), httpx.Response(503), answer([1, 2, 3])])

    async def main() -> dict[str, float | int]:
        async with client(lambda request: next(turns)) as c:
            await c.call(READ)
            return c.stats.numbers()

    numbers = run(main)
    assert numbers["calls"] == 3
    assert numbers["throttled"] == 1
    assert numbers["errors"] == 1
    assert numbers["bytes"] == len(b"[1,2,3]")
    assert numbers["status_200"] == numbers["status_429"] == numbers["status_503"] == 1
    assert numbers["waited_s"] >= 1


def test_a_429_that_refuses_what_is_invalid_is_not_sent_again() -> None:
    """Where the vendor file knows it by its words, it is the refusal of this request."""
    calls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return answer({"message": "Page size cannot exceed 500"}, status=429)

    async def main() -> None:
        async with client(handle, is_throttle=lambda a: b"Page size" not in a.content) as c:
            await c.call(Request("GET", "/things"))

    with pytest.raises(Reject, match="Page size cannot exceed 500"):
        run(main)
    assert calls == ["/shop/things"]


def test_a_429_is_waited_for_as_ever_where_nothing_says_otherwise() -> None:
    """The default of every vendor."""
    statuses = [429, 429, 200]

    async def main() -> int:
        async with client(lambda request: answer([], status=statuses.pop(0))) as c:
            return (await c.call(Request("GET", "/things"))).status

    assert run(main) == 200
    assert statuses == []
