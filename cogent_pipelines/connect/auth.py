"""Getting in: what a vendor file can declare about credentials.

Belongs here: which headers authenticate, logging in, and how long a token is good for.
Does not belong here: sending (the client passes its own ``send``), or deciding when to renew after a 401.

Tokens live in memory only. Secrets are read from the environment at each login, so a rotated secret is
taken up without a restart. One login runs at a time for each account and event loop.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from oauthlib import oauth1  # type: ignore[import-untyped]

from cogent_pipelines import clock, estate
from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.redact import clean, hide
from cogent_pipelines.connect.spec import Answer, Request, System
from cogent_pipelines.errors import Halt, Retry

Send = Callable[[Request], Awaitable[Answer]]
MARGIN = 60.0
"""Seconds before its end at which a token is renewed; a tenth of its life if that is less."""


def secret(system: System, name: str) -> str:
    """The value of the vendor's secret ``name`` for ``system``, hidden from every text from now on."""
    variable = system.secrets.get(name)
    if variable is None:
        raise Halt(f"{system.name}: the estate names no variable for the secret {name!r}", code="credentials")
    value = estate.secret(variable)
    if not value:
        raise Halt(f"{system.name}: the environment variable {variable} is not set", code="credentials")
    if not value.isascii() or not value.isprintable():
        hide(value)
        raise Halt(f"{system.name}: {variable} holds a character no header can carry", code="credentials")
    return hide(value)


@dataclass(frozen=True, slots=True)
class StaticHeader:
    """One header with a secret that does not expire: ``x-api-key: <secret>``."""

    header: str
    secret: str
    prefix: str = ""

    async def headers(self, system: System, send: Send, *, renew: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        return {self.header: self.prefix + secret(system, self.secret)}


@dataclass(frozen=True, slots=True)
class QueryKey:
    """A query parameter with a secret that does not expire: ``api_key=<secret>``, behind the request's own."""

    param: str
    secret: str

    async def headers(self, system: System, send: Send, *, renew: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def params(self, system: System) -> tuple[tuple[str, str], ...]:
        return ((self.param, secret(system, self.secret)),)


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic with two secrets."""

    user: str
    password: str

    async def headers(self, system: System, send: Send, *, renew: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": _basic(secret(system, self.user), secret(system, self.password))}


def _basic(user: str, password: str) -> str:
    return "Basic " + hide(base64.b64encode(f"{user}:{password}".encode()).decode())


@dataclass(frozen=True, slots=True)
class SignedOAuth1:
    """OAuth 1.0a without its dance: four secrets that do not expire sign each request (HMAC-SHA256).

    The parameters of the address are signed, a JSON body is not. ``bearer`` lets an account that names only
    the token send that alone, as ``Authorization: Bearer``.
    """

    consumer_key: str = "consumer_key"
    consumer_secret: str = "consumer_secret"  # noqa: S105  the secret's name, not the secret
    token: str = "access_token"  # noqa: S105
    token_secret: str = "access_token_secret"  # noqa: S105
    bearer: bool = False

    async def headers(self, system: System, send: Send, *, renew: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        if self._is_signed(system):
            return {}
        return {"Authorization": "Bearer " + secret(system, self.token)}

    def sign(self, system: System, method: str, url: str) -> Mapping[str, str]:
        """The header that signs this one request, at this instant."""
        if not self._is_signed(system):
            return {}
        names = (self.consumer_key, self.consumer_secret, self.token, self.token_secret)
        key, key_secret, token, token_secret = (secret(system, name) for name in names)
        client = oauth1.Client(
            key,
            client_secret=key_secret,
            resource_owner_key=token,
            resource_owner_secret=token_secret,
            signature_method=oauth1.SIGNATURE_HMAC_SHA256,
            timestamp=str(int(clock.now().timestamp())),
        )
        _, signed, _ = client.sign(url, http_method=method)
        return {"Authorization": signed["Authorization"]}

    def _is_signed(self, system: System) -> bool:
        return not self.bearer or self.consumer_key in system.secrets


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the instant (epoch seconds of the clock) from which it is renewed."""

    value: str
    renew_at: float
    issued_at: float
    expires_at: float


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2 client credentials: a form post for a token, asked for again before it ends."""

    path: str
    header: str = "Authorization"
    prefix: str = "Bearer "
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105  the secret's name, not the secret
    extra: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    """What the token must allow, where the answer lists it; without one of them the system is halted."""
    life: float = 3600.0
    """Seconds a token is taken to live when the answer does not say."""
    address: str = ""
    """The login's whole address where it is on a host of its own; a sandbox has all on one, and there it is ``path``."""
    in_header: bool = False
    """Whether id and secret go into an HTTP Basic header and not into the form."""
    options: tuple[str, ...] = ()
    """Options of the system that go into the form under their own names, those it has."""
    _tokens: dict[tuple[str, str], Token] = field(default_factory=dict, repr=False, compare=False)
    _locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = field(
        default_factory=WeakKeyDictionary, repr=False, compare=False
    )

    async def headers(self, system: System, send: Send, *, renew: bool = False) -> Mapping[str, str]:
        key = (system.name, system.base_url)
        before = self._tokens.get(key)
        if renew or not _is_good(before):
            locks = self._locks.setdefault(asyncio.get_running_loop(), {})
            async with locks.setdefault(system.name, asyncio.Lock()):
                now = self._tokens.get(key)
                # somebody else logged in while we waited for the lock
                if now is before or not _is_good(now):
                    self._tokens[key] = await self._login(system, send)
        return {self.header: self.prefix + self._tokens[key].value}

    def token(self, system: System) -> Token | None:
        """The token in use, for watching its age."""
        return self._tokens.get((system.name, system.base_url))

    async def _login(self, system: System, send: Send) -> Token:
        user, password = secret(system, self.client_id), secret(system, self.client_secret)
        own = {name: str(system.options[name]) for name in self.options if name in system.options}
        pair = {} if self.in_header else {"client_id": user, "client_secret": password}
        form = {"grant_type": "client_credentials", **pair, **self.extra, **own}
        headers = {"Authorization": _basic(user, password)} if self.in_header else {}
        address = self.address if self.address and not system.loopback_only else self.path
        started = clock.now().timestamp()
        answer = await send(Request("POST", address, form=form, headers=headers, cost=0.0))
        if answer.status in (400, 401, 403):
            said = f"{system.name}: the login was refused ({answer.status}) {words(answer)}"
            raise Halt(said.rstrip(), code="credentials")
        try:
            granted = msgspec.json.decode(answer.content, type=_Granted)
            life = float(granted.expires_in) if granted.expires_in is not None else self.life
        except (msgspec.MsgspecError, ValueError) as error:
            raise Retry(f"{system.name}: the login's answer holds no token ({clean(str(error))})") from None
        value = hide(granted.access_token)
        if not value.isascii() or not value.isprintable() or not value:
            raise Halt(f"{system.name}: the login gave a token no header can carry", code="credentials")
        if granted.scope is not None and (missing := _missing(self.scopes, granted.scope)):
            raise Halt(f"{system.name}: the token lacks {', '.join(sorted(missing))}", code="scope")
        return Token(value, started + life - min(MARGIN, life / 10), started, started + life)


def _missing(needed: frozenset[str], granted: str) -> frozenset[str]:
    """Scopes not granted; the right to write a thing includes reading it."""
    had = set(granted.replace(",", " ").split())
    had |= {"read_" + scope.removeprefix("write_") for scope in had if scope.startswith("write_")}
    return needed - had


def _is_good(token: Token | None) -> bool:
    return token is not None and clock.now().timestamp() < token.renew_at


def describe(auth: Any, system: System) -> Token | None:
    """The token ``auth`` holds for ``system``, where it holds one."""
    return auth.token(system) if isinstance(auth, ClientCredentials) else None
