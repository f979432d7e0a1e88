"""Logins on a host of their own, credentials in a header, and requests with credentials of their own."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

import httpx
import pytest

from cogent_pipelines.connect.auth import Basic, ClientCredentials
from cogent_pipelines.connect.spec import Request
from cogent_pipelines.errors import Halt
from cogent_pipelines_tests.connect.kit import SECRET, answer, client, run, system

LIVE = system(base_url="https://api.fake.example", loopback_only=False, options={"company": "ACME"})


def sent(of: object, request: Request, **vendor: object) -> list[httpx.Request]:
    """Every request made for one call."""
    auth = ClientCredentials(
        "/auth/token",
        address="https://login.fake.example/token",
        in_header=True,
        extra={"scope": "items/read"},
        options=("company", "env"),
    )
    made: list[httpx.Request] = []

    def handler(one: httpx.Request) -> httpx.Response:
        made.append(one)
        return answer({"access_token": "the-token", "expires_in": 3600})

    async def main() -> None:
        async with client(handler, of=of, auth=auth, **vendor) as c:  # type: ignore[arg-type]
            await c.call(request)

    run(main)
    return made


def test_a_login_may_be_on_a_host_of_its_own() -> None:
    """Id and secret in the header, what the account adds in the form."""
    login, call = sent(LIVE, Request("GET", "/things"))
    assert str(login.url) == "https://login.fake.example/token"
    pair = base64.b64decode(login.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == f"{SECRET}-test_id:{SECRET}-test_secret"
    assert parse_qs(login.content.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["items/read"],
        "company": ["ACME"],
    }
    assert (call.url.host, call.headers["authorization"]) == ("api.fake.example", "Bearer the-token")


def test_a_refused_login_is_told_in_the_vendors_words() -> None:
    """A wrong secret and a missing right have one status."""

    async def main() -> None:
        async with client(
            lambda _: answer({"error": "no", "error_description": "Client unknown"}, 401),
            auth=ClientCredentials("/token"),
        ) as c:
            await c.call(Request("GET", "/things"))

    with pytest.raises(Halt, match=r"login was refused \(401\).*Client unknown"):
        run(main)


def test_a_sandbox_has_its_login_under_its_own_address() -> None:
    """Nothing of a sandboxed estate leaves the machine."""
    login, _ = sent(system(), Request("GET", "/things"))
    assert (login.url.host, login.url.path) == ("127.0.0.1", "/shop/auth/token")


def test_a_read_may_not_go_where_only_logins_do() -> None:
    """The host is for logins."""
    with pytest.raises(Halt):
        sent(LIVE, Request("GET", "https://login.fake.example/x"))


def test_a_request_may_have_credentials_of_its_own() -> None:
    """The vendor's login is not even asked for."""
    request = Request("GET", "/old", auth=Basic("client_id", "api_key"))
    (call,) = sent(LIVE, request)
    pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == f"{SECRET}-test_id:{SECRET}-test_key"
