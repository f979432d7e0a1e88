"""A line between two processes: ours, which may be killed at any moment, and the other side, which lives on.

Belongs here: carrying a request from an httpx transport to the sandbox's ASGI application over a socket pair.
Does not belong here: cases, or what goes wrong in one.

The other side finishes what it was asked even when the asker is dead by then: an effect without an answer.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import httpx

from cogent_pipelines import clock
from cogent_pipelines.sandbox.app import Sandbox

_LENGTH = struct.Struct(">I")
Headers = list[tuple[bytes, bytes]]


def send(line: socket.socket, thing: Any) -> None:
    """Send one thing."""
    data = pickle.dumps(thing)
    line.sendall(_LENGTH.pack(len(data)) + data)


def receive(line: socket.socket) -> Any:
    """Receive one thing; EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    return pickle.loads(_exactly(line, length))


def _exactly(line: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = line.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Transport(httpx.AsyncBaseTransport):
    """What our client sends through. One request at a time: the other side is one process."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        asked = (clock.now(), request.method, str(request.url), list(request.headers.raw), content)
        send(self._line, ("http", asked))
        answer = receive(self._line)
        if answer is None:
            raise httpx.ReadError("the connection was closed", request=request)
        status, headers, body = answer
        return httpx.Response(status, headers=headers, content=body)


def ask(line: socket.socket, name: str, *args: Any) -> Any:
    """Ask the other side for something that is not HTTP."""
    send(line, (name, (clock.now(), *args)))
    return receive(line)


class Strike(Protocol):
    """What stands beside each call and may lay a fault before it."""

    def before(self, headers: Headers) -> Headers: ...

    def after(self) -> None: ...


def serve(
    line: socket.socket,
    sandbox: Sandbox | None,
    asked: Callable[[str, tuple[Any, ...]], Any],
    strike: Strike | None,
) -> None:
    """Answer until the asker is gone. The sandbox's clock follows the asker's."""

    async def answer_all() -> None:
        transport = httpx.ASGITransport(sandbox) if sandbox else None
        while True:
            try:
                name, (at, *rest) = receive(line)
            except (EOFError, ConnectionError):
                return
            if sandbox is not None:
                move_to(sandbox, at)
            if name == "http" and transport is not None and strike is not None:
                method, url, headers, content = rest
                reply = await _http(transport, method, url, strike.before(headers), content)
                strike.after()
            else:
                reply = asked(name, tuple(rest))
            try:
                send(line, reply)
            except (BrokenPipeError, ConnectionError):
                return

    asyncio.run(answer_all())


def move_to(sandbox: Sandbox, at: datetime) -> None:
    """Let the world catch up with the asker's clock."""
    if at > sandbox.world.now:
        sandbox.world.advance(at)


async def _http(
    transport: httpx.ASGITransport, method: str, url: str, headers: Headers, content: bytes
) -> tuple[int, Headers, bytes] | None:
    request = httpx.Request(method, url, headers=headers, content=content)
    try:
        response = await transport.handle_async_request(request)
        body = await response.aread()
    except httpx.TransportError:
        return None
    return response.status_code, [(k, v) for k, v in response.headers.raw if k != b"content-encoding"], body
