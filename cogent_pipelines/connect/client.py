"""Talking to one system: the only file that imports httpx.

Belongs here: sending one request safely (pinned host, credentials, limit, size caps), and sending a read
again when that may help.
Does not belong here: what pages and exports hold (``reading``), a vendor's facts, or whether a write may go
(the outbox decides; a write without its intent is refused here).

    call -> limit -> credentials -> send -> status and shape -> vendor's check -> Answer
              ^                                    |
              +------ reads only: wait by kind ----+
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cache
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

import httpx
import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect import answers, reading
from cogent_pipelines.connect.graphql import encode, fingerprint
from cogent_pipelines.connect.limits import LimitStore, Seen
from cogent_pipelines.connect.paging import Page
from cogent_pipelines.connect.redact import clean, logger
from cogent_pipelines.connect.spec import Answer, Request, Stream, System, Vendor, Window
from cogent_pipelines.errors import BadInput, CogentError, Halt, Reject, Retry

PATIENCE = 120.0
"""Seconds of the clock for which a failing read is tried again, from when it first failed: until then it may have
waited long for the limit, and a read that fails once has not failed for long."""
LEAST_TRIES = 5
"""So often a failing read is tried in any case: where each try waits its turn at the limit behind others, the patience
passes in two, and one broken part of one order would break the whole reading off."""
THROTTLED_PATIENCE = 3600.0
"""The same for a read that is refused for nothing but its speed."""
BASE, CEILING = 1.0, 60.0
"""Back-off without a word from the vendor: full jitter up to this many seconds."""
LEAST_TIMEOUT, LEAST_FOR_WRITES = 2.0, 1.0
"""Wall seconds that an answer gets however fast the clock runs. A write has less, and never more than the
timeout in all: the time it takes to settle is reckoned from that."""
WHOLE = 4
"""A whole answer to a read may take this many times the timeout, however steadily it drips."""
CHUNK = 1 << 20
LONGEST_LINE = 64 << 20
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")
Sign = Callable[[System, str, str], Mapping[str, str]]
"""(system, method, whole address) -> headers that sign the request (``Auth``)."""
log = logger("cogent_pipelines.connect")
logger("httpx")


def _nothing(name: str) -> None:
    """What happens at a crash point outside a crash test, or when nobody wants to know an export's id."""


class NotSent(Retry):
    """No connection was had, so nothing left this machine."""


@dataclass(slots=True)
class Stats:
    """What a client did, for the materialisation's metadata."""

    calls: int = 0
    writes: int = 0
    logins: int = 0
    points: float = 0.0
    throttled: int = 0
    errors: int = 0
    bytes: int = 0
    waited: float = 0.0
    """Seconds of the clock spent waiting for the limit and between tries."""
    seconds: float = 0.0
    """Wall seconds spent waiting for answers, all requests together."""
    slowest: float = 0.0
    limit_left: float = 1.0
    """Least share of the limit that was left before a request went out."""
    statuses: dict[int, int] = field(default_factory=dict)

    def numbers(self) -> dict[str, float | int]:
        """The figures by name, flat."""
        plain: dict[str, float | int] = {
            "calls": self.calls,
            "writes": self.writes,
            "logins": self.logins,
            "points": round(self.points, 1),
            "throttled": self.throttled,
            "errors": self.errors,
            "bytes": self.bytes,
            "waited_s": round(self.waited, 3),
            "answer_s_mean": round(self.seconds / self.calls, 4) if self.calls else 0.0,
            "answer_s_slowest": round(self.slowest, 4),
            "limit_left": round(self.limit_left, 3),
        }
        return plain | {f"status_{code}": n for code, n in sorted(self.statuses.items())}


@cache
def _trust() -> ssl.SSLContext:
    """The certificates we trust, read once: it costs more than a request."""
    return ssl.create_default_context()


class Client:
    """One system's connection. Use it as an async context manager."""

    def __init__(
        self,
        system: System,
        vendor: Vendor,
        *,
        limits: LimitStore,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 30.0,
        crash: Callable[[str], None] = _nothing,
    ) -> None:
        self.system = system
        self.vendor = vendor
        self.stats = Stats()
        self.crash = crash
        self._limits = limits
        self._account = system.account or system.name
        self._bases = {"": _checked_base(system, vendor)}
        self._costs: dict[int, float] = {}
        self._renewing = asyncio.Lock()
        self._under_way = asyncio.Semaphore(max(vendor.limit.concurrent, 1))
        self._timeout = timeout
        # an empty context trusts nobody: enough where no TLS is spoken, and free to make
        trust = _trust() if self._bases[""].scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=trust,
            trust_env=not system.loopback_only,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
            headers={
                "User-Agent": "cogent-pipelines",
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # --- what others call -----------------------------------------------------------------------------

    async def call(self, request: Request, *, intent: str | None = None) -> Answer:
        """Send ``request`` and give its answer, whose body is whole JSON or empty and free of hidden errors.

        A read is tried again by kind: for an hour when throttled, else for two minutes, and five times at least.
        A write goes out once, and only with the ledger's ``intent``. Raises Retry (its ``effect`` none or
        unknown), Reject or Halt.
        """
        if request.is_write and not intent:
            raise Halt(f"{self.system.name}: a write without an intent is refused", code="no_intent")
        return await self.fetch(request, lambda answer: _whole(request, answer))

    async def fetch(self, request: Request, read: Callable[[Answer], T]) -> T:
        """As ``call``, giving what ``read`` makes of the answer; its ``Retry`` counts as the answer's."""

        async def once() -> T:
            answer = await self._once(request)
            try:
                return read(answer)
            except CogentError:
                self.stats.errors += 1
                raise

        return await self._patiently(once, is_write=request.is_write)

    def pages(self, stream: Stream, window: Window) -> AsyncGenerator[Page, None]:
        """Every page of ``stream`` in ``window``: nested lists completed, further passes included."""
        return reading.pages(self, stream, window)

    def bulk(
        self,
        stream: Stream,
        window: Window,
        *,
        resume: str | None = None,
        on_started: Callable[[str], None] = _nothing,
    ) -> AsyncGenerator[bytes, None]:
        """Every record of ``stream`` in ``window`` by the vendor's export, one per line.

        ``resume`` is the id of an export already started; ``on_started`` is told the id of a new one before
        it is polled for the first time.
        """
        return reading.bulk(self, stream, window, resume=resume, on_started=on_started)

    async def lines(self, url: str) -> AsyncGenerator[bytes, None]:
        """The lines of the finished export at ``url``, streamed. A broken download goes on where it broke."""
        _checked_download(url, self.system, self.vendor)
        passed = 0
        started = clock.now()
        tries = 0
        while True:
            try:
                seen = 0
                async with aclosing(self._download(url)) as download:
                    async for line in download:
                        seen += 1
                        if seen > passed:
                            passed, tries = seen, 0
                            yield line
            except Retry as error:
                wait = _pause(error, tries)
                if not tries:
                    started = clock.now()
                tries += 1
                if _is_enough(error, tries, (clock.now() - started).total_seconds() + wait):
                    raise
                await self._rest(wait, error)
            else:
                return

    # --- trying again ---------------------------------------------------------------------------------

    async def _patiently(self, once: Callable[[], Awaitable[T]], *, is_write: bool) -> T:
        tries = 0
        while True:
            try:
                return await once()
            except Retry as error:
                if is_write:
                    raise
                if not tries:
                    started = clock.now()
                wait = _pause(error, tries)
                tries += 1
                if _is_enough(error, tries, (clock.now() - started).total_seconds() + wait):
                    raise
                await self._rest(wait, error)

    async def _rest(self, wait: float, error: Retry) -> None:
        log.info("%s: again in %.1f s: %s", self.system.name, wait, error.reason)
        self.stats.waited += wait
        await clock.sleep(wait)

    # --- one request ----------------------------------------------------------------------------------

    async def _once(self, request: Request) -> Answer:
        """Through the limit to a checked 2xx answer."""
        url = self._url(request.path, request.base)
        limit = self.vendor.limit
        key = fingerprint(request.body)
        cost = self._costs.get(key, request.cost) if key is not None else request.cost
        seen: Seen | None = None
        async with self._under_way:
            await self._take(cost)
            try:
                answer = await self._authenticated(request, url, cost)
                seen = limit.learn(answer)
                if answer.status in request.absent:
                    answer = replace(answer, content=b"null")
                else:
                    self._judge(request, answer)
            except answers.Throttled as error:
                seen = seen or Seen()
                seen = replace(seen, throttled=True, after=seen.after if _tells(seen) else error.after)
                self.stats.throttled += 1
                raise
            except NotSent:
                seen = Seen(spent=0.0)
                raise
            except CogentError:
                self.stats.errors += 1
                raise
            finally:
                if seen is not None and seen.cost is not None and key is not None:
                    self._costs[key] = seen.cost
                spent = cost if seen is None or seen.spent is None else seen.spent
                self.stats.points += 0.0 if seen is not None and seen.throttled else spent
                await self._limits.learn(self._account, cost, seen)
        return answer

    async def _take(self, cost: float) -> None:
        """Wait until so much may be spent, and spend it."""
        began = time.perf_counter()
        limit = self.vendor.limit
        left = await self._limits.take(self._account, cost, limit.capacity, limit.per_second)
        self.stats.limit_left = min(left, self.stats.limit_left)
        self.stats.waited += (time.perf_counter() - began) * clock.speed()

    def _judge(self, request: Request, answer: Answer) -> None:
        """Raise for what the answer says by its status, its shape, or in its body."""
        refusal = answers.refusal(request, answer)
        if isinstance(refusal, answers.Throttled):
            if self.vendor.is_throttle(answer):
                raise refusal
            refusal = answers.rejection(answer)
        if answers.looks_like_json(answer):
            # the vendor's own word is more exact than the status; half a body is found when it is read
            self.vendor.check(request, answer)
        if refusal is not None:
            raise refusal

    async def _authenticated(self, request: Request, url: str, cost: float) -> Answer:
        """Send with credentials; after a 401 once more with renewed ones, if renewing gave others.

        The limit counts both; what the first took is not given back.
        """
        auth = request.auth or self.vendor.auth
        params = getattr(auth, "params", None)
        if params is not None:
            request = replace(request, params=(*request.params, *params(self.system)))
        headers = await auth.headers(self.system, self._login)
        sign = getattr(auth, "sign", None)
        answer = await self._transmit(request, url, headers, sign)
        if answer.status != httpx.codes.UNAUTHORIZED:
            return answer
        async with self._renewing:
            fresh = await auth.headers(self.system, self._login)
            if fresh == headers:
                fresh = await auth.headers(self.system, self._login, renew=True)
        if fresh == headers:
            return answer
        await self._take(cost)
        return await self._transmit(request, url, fresh, sign)

    async def _login(self, request: Request) -> Answer:
        """Send a login, without credentials and outside the limit.

        It is tried again with the request that needs it, so that many of them do not each wait for its end.
        """
        self.stats.logins += 1
        answer = await self._transmit(request, self._login_url(request.path), {})
        refusal = answers.refusal(request, answer)
        if isinstance(refusal, Retry):
            raise Retry(refusal.reason, after=refusal.after)
        return answer

    async def _transmit(
        self, request: Request, url: str, headers: Mapping[str, str], sign: Sign | None = None
    ) -> Answer:
        """One exchange. Raises ``NotSent``, ``Retry`` or ``Reject``; never lets a secret into their words."""
        content, kind = _body(request)
        wall = max(self._timeout / clock.speed(), LEAST_FOR_WRITES if request.is_write else LEAST_TIMEOUT)
        self.crash("before_send" if request.is_write else "before_fetch")
        self.stats.calls += 1
        self.stats.writes += request.is_write
        began = time.perf_counter()
        where = f"{self.system.name}: {request.method} {request.path.split('?')[0]}"
        try:
            sent = self._http.build_request(
                request.method,
                url,
                params=request.params or None,
                content=content,
                headers={**kind, **request.headers, **headers},
                timeout=httpx.Timeout(wall),
            )
            if sign is not None:
                sent.headers.update(sign(self.system, sent.method, str(sent.url)))
            async with asyncio.timeout(wall if request.is_write else wall * WHOLE):
                response = await self._http.send(sent, stream=True)
                try:
                    body = await _read(response, self.vendor.max_page_bytes, request)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotSent(clean(f"{where}: no connection ({type(error).__name__}: {error})")) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
            raise Reject(
                clean(f"{where}: cannot be sent ({type(error).__name__})"), code="unsendable"
            ) from None
        except (httpx.TransportError, TimeoutError) as error:
            name = "no whole answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            raise Retry(clean(f"{where}: {name} {error}"), effect=answers.effect(request)) from None
        finally:
            took = time.perf_counter() - began
            self.stats.seconds += took
            self.stats.slowest = max(self.stats.slowest, took)
        if request.is_write:
            self.crash("after_send")
        self.stats.bytes += len(body)
        self.stats.statuses[response.status_code] = self.stats.statuses.get(response.status_code, 0) + 1
        log.debug("%s -> %s, %s bytes in %.3f s", where, response.status_code, len(body), took)
        return Answer(response.status_code, dict(response.headers), body, clock.now())

    async def _download(self, url: str) -> AsyncGenerator[bytes, None]:
        """The lines at ``url``, without credentials. Raises ``Retry`` when it breaks off."""
        wall = max(self._timeout / clock.speed(), LEAST_TIMEOUT)
        request = Request("GET", urlsplit(url).path)
        self.stats.calls += 1
        try:
            sent = self._http.build_request("GET", url, timeout=httpx.Timeout(wall))
            response = await self._http.send(sent, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    body = await _read(response, 1 << 16, request)
                    answer = Answer(response.status_code, dict(response.headers), body, clock.now())
                    raise answers.refusal(request, answer) or Retry(
                        f"the export answered {response.status_code}"
                    )
                rest = b""
                async for chunk in _decoded(response, request):
                    self.stats.bytes += len(chunk)
                    *whole, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
                    if len(rest) > LONGEST_LINE:
                        raise Reject("a line of the export is too long", code="too_large")
                    for line in whole:
                        if line.strip():
                            yield line
                if rest.strip():
                    yield rest
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise Retry(clean(f"{self.system.name}: the export broke off ({type(error).__name__})")) from None

    # --- where a request may go -----------------------------------------------------------------------

    def _login_url(self, path: str) -> str:
        """Where a login goes: under the system's address, or to the whole address a vendor file declares for it."""
        return path if path.startswith("https://") and not self.system.loopback_only else self._url(path)

    def _url(self, path: str, name: str = "") -> str:
        """``path`` under the system's address, or under that of the option ``name``. One of its own must be on its host."""
        if name not in self._bases:
            other = self.system.options.get(name)
            at = replace(self.system, base_url=str(other)) if other else self.system
            self._bases[name] = _checked_base(at, self.vendor)
        base = self._bases[name]
        if path.startswith("//") or "://" in path.split("?", maxsplit=1)[0]:
            parts = urlsplit(path)
            if _origin(parts) != _origin(base) or parts.username or parts.password:
                raise Halt(f"{self.system.name}: refused to follow to another host", code="host")
            return path
        return f"{base.geturl().rstrip('/')}/{path.lstrip('/')}" if path else base.geturl()


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _checked_base(system: System, vendor: Vendor) -> SplitResult:
    """The system's address, if it may be talked to at all. Raises ``BadInput``."""
    parts = urlsplit(system.base_url)
    host = (parts.hostname or "").lower()
    key = f"systems.{system.name}.url"
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput("estate", key, clean(system.base_url), "an address without credentials or query")
    if system.loopback_only:
        if host not in LOOPBACK or parts.scheme not in ("http", "https"):
            raise BadInput("estate", key, system.base_url, "a loopback address, as the estate is a sandbox")
    elif parts.scheme != "https" or not _matches(host, vendor.hosts):
        raise BadInput("estate", key, system.base_url, f"https and a host like {', '.join(vendor.hosts)}")
    return parts


def _checked_download(url: str, system: System, vendor: Vendor) -> None:
    """Refuse an export's address on a host it has no business on."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if system.loopback_only:
        good = host in LOOPBACK and parts.scheme in ("http", "https")
    else:
        good = parts.scheme == "https" and _matches(host, (*vendor.download_hosts, *vendor.hosts))
    if not good or parts.username or parts.password:
        raise Halt(f"{system.name}: refused to fetch an export from {clean(host, 100)}", code="host")


def _matches(host: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(host, pattern) for pattern in patterns)


def _tells(seen: Seen | None) -> bool:
    """Whether the answer says what is left, so that its bucket waits by itself."""
    return seen is not None and seen.available is not None


def _is_enough(error: Retry, tries: int, seconds: float) -> bool:
    """Whether a read that failed so often, and would have failed for so long by its next try, has been tried enough."""
    if isinstance(error, answers.Throttled):
        return seconds > THROTTLED_PATIENCE
    return tries >= LEAST_TRIES and seconds > PATIENCE


def _pause(error: Retry, tries: int) -> float:
    """Seconds until the next try: the vendor's own word, else exponential with full jitter."""
    if error.after is not None:
        return error.after
    return random.uniform(0.0, min(CEILING, BASE * 2.0 ** min(tries, 10)))  # noqa: S311  jitter, not a secret


def _body(request: Request) -> tuple[bytes | None, Mapping[str, str]]:
    if request.form is not None:
        return urlencode(dict(request.form)).encode(), {"Content-Type": FORM}
    if request.body is not None:
        return encode(request.body), {"Content-Type": "application/json"}
    return None, {}


def _whole(request: Request, answer: Answer) -> Answer:
    """The answer, if its body is whole JSON or empty."""
    if answer.content:
        try:
            msgspec.json.decode(answer.content, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            raise Retry(f"the answer is not whole JSON ({error})", effect=answers.effect(request)) from None
    return answer


async def _read(response: httpx.Response, cap: int, request: Request) -> bytes:
    """The body, decompressed, refused as soon as it is larger than ``cap``."""
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        raise _too_large(cap, request)
    parts: list[bytes] = []
    size = 0
    async for chunk in _decoded(response, request):
        size += len(chunk)
        if size > cap:
            raise _too_large(cap, request)
        parts.append(chunk)
    return b"".join(parts)


def _too_large(cap: int, request: Request) -> CogentError:
    reason = f"{request.method} {request.path.split('?')[0]}: the answer is larger than {cap} bytes"
    return Retry(reason, effect="unknown") if request.is_write else Reject(reason, code="too_large")


async def _decoded(response: httpx.Response, request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of bounded size, decompressed by us, as the library would inflate without limit."""
    if response.is_stream_consumed:  # a transport that answers from memory has decompressed it already
        for start in range(0, len(response.content), CHUNK):
            yield response.content[start : start + CHUNK]
        return
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    effect = answers.effect(request)
    if encoding not in ("identity", "", "gzip", "deflate"):
        raise Retry(f"the answer's encoding {clean(encoding, 40)!r} was not asked for", effect=effect)
    inflate = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if inflate is None:
            yield chunk
            continue
        try:
            pending = chunk
            while pending and not inflate.eof:
                if piece := inflate.decompress(pending, CHUNK):
                    yield piece
                pending = inflate.unconsumed_tail
        except zlib.error as error:
            raise Retry(f"the answer cannot be decompressed ({error})", effect=effect) from None
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) != received and response.request.method != "HEAD":
        raise Retry(f"half a body: {received} of {declared} bytes", effect=effect)
    if inflate is not None and received and not inflate.eof:
        raise Retry("half a compressed body", effect=effect)
