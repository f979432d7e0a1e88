"""Getting in: tokens are asked for once, renewed in time, and kept nowhere but in memory."""

from __future__ import annotations

import asyncio
import base64
import hmac
from urllib.parse import parse_qs, parse_qsl, quote, unquote

import httpx
import pytest

from cogent_pipelines import clock
from cogent_pipelines.connect.auth import Basic, ClientCredentials, SignedOAuth1, StaticHeader
from cogent_pipelines.connect.limits import LeakyBucket, MemoryLimits
from cogent_pipelines.connect.spec import Request
from cogent_pipelines.errors import Halt, Retry
from cogent_pipelines_tests.connect.kit import SECRET, START, answer, client, run, system

READ = Request("GET", "/things")


class Shop:
    """Gives tokens that live ``life`` seconds; ``revoked`` ones are refused."""

    def __init__(self, life: float = 1000, **more: object) -> None:
        self.life, self.more = life, more
        self.logins: list[dict[str, list[str]]] = []
        self.used: list[str] = []
        self.refused = 0
        self.expires: dict[str, float] = {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.1)
        now = (clock.now() - START).total_seconds()
        if request.url.path.endswith("/oauth/token"):
            self.logins.append(parse_qs(request.content.decode()))
            token = f"token-number-{len(self.logins)}"
            self.expires[token] = now + self.life
            return answer({"access_token": token, "expires_in": self.life, **self.more})
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.used.append(token)
        if self.expires.get(token, 0) <= now:
            self.refused += 1
            return answer({"errors": "[API] Invalid API key or access token"}, 401)
        return answer({"ok": 1})


def test_many_requests_at_once_share_one_login() -> None:
    """Twenty requests that start together log in once, with the secrets in a form."""
    shop = Shop()

    async def main() -> None:
        async with client(shop, auth=ClientCredentials("/oauth/token")) as c:
            await asyncio.gather(*(c.call(READ) for _ in range(20)))

    run(main)
    assert len(shop.logins) == 1
    assert shop.logins[0]["grant_type"] == ["client_credentials"]
    assert set(shop.used) == {"token-number-1"}


def test_a_token_is_renewed_before_it_ends() -> None:
    """Requests spread over ten lives of a token never meet a 401."""
    shop = Shop()

    async def main() -> None:
        async with client(shop, auth=ClientCredentials("/oauth/token")) as c:
            for _ in range(100):
                await c.call(READ)
                await clock.sleep(99)

    run(main)
    assert shop.refused == 0
    assert 10 <= len(shop.logins) <= 12


def test_a_revoked_token_is_renewed_once_for_all_who_met_the_401() -> None:
    """A token that dies early costs one login, however many requests notice at once."""
    shop = Shop()

    async def main() -> None:
        async with client(shop, auth=ClientCredentials("/oauth/token")) as c:
            await c.call(READ)
            shop.expires.clear()
            await asyncio.gather(*(c.call(READ) for _ in range(8)))

    run(main)
    assert len(shop.logins) == 2
    assert shop.refused == 8


def test_what_is_sent_again_with_a_renewed_token_counts_as_two() -> None:
    """The vendor's limit sees both, so ours must."""
    shop, limits = Shop(), MemoryLimits()

    async def main() -> None:
        async with client(
            shop, auth=ClientCredentials("/oauth/token"), limit=LeakyBucket(100, 0.001), limits=limits
        ) as c:
            await c.call(READ)
            shop.expires.clear()
            await c.call(READ)

    run(main)
    bucket = limits.bucket("shop")
    assert bucket is not None
    assert len(shop.used) == 3
    assert bucket.level == pytest.approx(90 - 3, abs=0.1)


def test_a_token_that_stays_refused_halts() -> None:
    """After one renewal a 401 is for a person."""
    shop = Shop(life=1000)
    shop.expires = _Never()

    async def main() -> None:
        async with client(shop, auth=ClientCredentials("/oauth/token")) as c:
            await c.call(READ)

    with pytest.raises(Halt) as caught:
        run(main)
    assert caught.value.code == "credentials"
    assert len(shop.logins) == 2


class _Never(dict[str, float]):
    def get(self, key: str, default: object = None) -> float:  # type: ignore[override]
        return 0.0


def test_secrets_are_read_again_at_each_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated secret is taken up at the next login, without a restart."""
    shop = Shop()

    async def main() -> None:
        async with client(shop, auth=ClientCredentials("/oauth/token")) as c:
            await c.call(READ)
            monkeypatch.setenv("TEST_SECRET", "the-rotated-secret")
            await clock.sleep(2000)
            await c.call(READ)

    run(main)
    assert shop.logins[1]["client_secret"] == ["the-rotated-secret"]


def test_a_refused_login_halts_and_a_failing_one_is_tried_again() -> None:
    """400 at the login is for a person; 503 passes."""
    turns = iter(
        [
            httpx.Response(503),
            httpx.Response(429, headers={"retry-after": "5"}),
            answer({"error": "invalid"}, 400),
        ]
    )

    async def main() -> None:
        async with client(lambda request: next(turns), auth=ClientCredentials("/oauth/token")) as c:
            await c.call(READ)

    with pytest.raises(Halt) as caught:
        run(main)
    assert caught.value.code == "credentials"


def test_a_login_without_a_token_is_no_login() -> None:
    """A proxy's page in place of a token is an outage."""

    async def main() -> None:
        async with client(lambda request: answer({"hello": 1}), auth=ClientCredentials("/oauth/token")) as c:
            await c.call(Request("POST", "/x", is_write=True), intent="i")

    with pytest.raises(Retry) as caught:
        run(main)
    assert caught.value.effect == "none"


@pytest.mark.parametrize(
    ("granted", "good"), [("read_orders,write_orders", True), ("write_orders", True), ("x", False)]
)
def test_a_token_that_allows_too_little_halts(granted: str, good: bool) -> None:
    """Missing scopes are found at the login; the right to write includes reading."""
    shop = Shop(scope=granted)
    auth = ClientCredentials("/oauth/token", scopes=frozenset({"read_orders"}))

    async def main() -> None:
        async with client(shop, auth=auth) as c:
            await c.call(READ)

    if good:
        run(main)
        return
    with pytest.raises(Halt) as caught:
        run(main)
    assert caught.value.code == "scope"


def test_a_static_key_is_sent_once_and_not_again_after_a_401() -> None:
    """A key that cannot be renewed is not tried twice."""
    sent = []

    async def main() -> None:
        async with client(
            lambda r: sent.append(r.headers["x-api-key"]) or httpx.Response(401),
            auth=StaticHeader("x-api-key", "api_key"),
        ) as c:
            await c.call(READ)

    with pytest.raises(Halt):
        run(main)
    assert len(sent) == 1


def test_basic_credentials_are_encoded() -> None:
    """User and password go into one header."""
    sent = []

    async def main() -> None:
        async with client(
            lambda r: sent.append(r.headers["authorization"]) or answer({}),
            auth=Basic("client_id", "client_secret"),
        ) as c:
            await c.call(READ)

    run(main)
    assert sent[0].startswith("Basic ")


# --- OAuth 1.0a -------------------------------------------------------------------------------------------

SIGNING = {
    "consumer_key": "TEST_ID",
    "consumer_secret": "TEST_SECRET",
    "access_token": "TEST_KEY",
    "access_token_secret": "TEST_TOKEN_SECRET",
}


def signed_requests(
    monkeypatch: pytest.MonkeyPatch, auth: SignedOAuth1, secrets: dict[str, str]
) -> list[httpx.Request]:
    """What goes out for two reads and a write that is refused."""
    monkeypatch.setenv("TEST_TOKEN_SECRET", "token-secret&+")
    seen: list[httpx.Request] = []

    def shop(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer({"ok": 1}) if request.method == "GET" else answer({"message": "no"}, 401)

    async def main() -> None:
        async with client(shop, auth=auth, of=system(secrets=secrets)) as c:
            await c.call(Request("GET", "/things", params=(("a[b]", "x y+z&"), ("a[c]", "ü"))))
            await c.call(READ)
            with pytest.raises(Halt):
                await c.call(Request("POST", "/things", body={"a": 1}, is_write=True), intent="i")

    run(main)
    return seen


def test_each_request_is_signed_over_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the standard's base string: method, address, sorted parameters; a nonce is never used twice."""
    seen = signed_requests(monkeypatch, SignedOAuth1(), SIGNING)
    assert [r.method for r in seen] == ["GET", "GET", "POST"], "a refused signature is not renewed"
    nonces = set()
    for request in seen:
        given = {
            name: unquote(value.strip('"'))
            for name, _, value in (
                part.strip().partition("=")
                for part in request.headers["authorization"].removeprefix("OAuth ").split(",")
            )
        }
        signature = given.pop("oauth_signature")
        nonces.add(given["oauth_nonce"])
        assert given["oauth_signature_method"] == "HMAC-SHA256"
        assert given["oauth_timestamp"].isdigit()
        parameters = sorted(
            (quote(k, safe="~"), quote(v, safe="~"))
            for k, v in [*given.items(), *parse_qsl(request.url.query.decode(), keep_blank_values=True)]
        )
        plain = str(request.url).split("?", maxsplit=1)[0]
        text = "&".join(f"{k}={v}" for k, v in parameters)
        base = "&".join(quote(part, safe="~") for part in (request.method, plain, text))
        key = f"{quote(SECRET + '-test_secret', safe='~')}&{quote('token-secret&+', safe='~')}"
        digest = hmac.new(key.encode(), base.encode(), "sha256").digest()
        assert signature == base64.b64encode(digest).decode()
    assert len(nonces) == 3


def test_a_token_alone_goes_as_a_bearer_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that names no consumer key."""
    seen = signed_requests(monkeypatch, SignedOAuth1(bearer=True), {"access_token": "TEST_KEY"})
    assert {r.headers["authorization"] for r in seen} == {f"Bearer {SECRET}-test_key"}
    assert all(
        r.headers["authorization"].startswith("OAuth ")
        for r in signed_requests(monkeypatch, SignedOAuth1(bearer=True), SIGNING)
    )


def test_signing_needs_all_four_secrets() -> None:
    """The one that is missing is named."""
    with pytest.raises(Halt, match="consumer_key"):
        SignedOAuth1().sign(system(secrets={"access_token": "TEST_KEY"}), "GET", "http://127.0.0.1/x")


def test_what_goes_again_with_fresh_credentials_is_signed_again() -> None:
    """Each sending is one of its own."""
    sent: list[str] = []

    class Both:
        async def headers(self, _system: object, _send: object, *, renew: bool = False) -> dict[str, str]:
            return {"x-token": "fresh" if renew else "old"}

        def sign(self, _system: object, method: str, url: str) -> dict[str, str]:
            return {"x-signed": f"{method} {url.rpartition('/')[2]}"}

    def shop(request: httpx.Request) -> httpx.Response:
        sent.append(f"{request.headers['x-token']} {request.headers.get('x-signed')}")
        return answer({}, 401 if len(sent) == 1 else 200)

    async def main() -> None:
        async with client(shop, auth=Both()) as c:
            await c.call(READ)

    run(main)
    assert sent == ["old GET things", "fresh GET things"]
