"""Over a real socket: what the library raises when a server misbehaves, and that we name it right."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from cogent_pipelines.connect.client import Client, NotSent
from cogent_pipelines.connect.limits import MemoryLimits
from cogent_pipelines.connect.spec import Request
from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines_tests.connect.kit import system, vendor

WRITE = Request("POST", "/things", body={"name": "x"}, is_write=True)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _heard(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
    )
    await reader.readexactly(length)


def says(text: bytes, *, then_reset: bool = False) -> Talk:
    """A server that hears the request, says ``text`` and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(text)
        await writer.drain()
        if then_reset:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    return talk


def sent(talk: Talk | None, request: Request = WRITE, **changes: object) -> BaseException | bytes:
    """What one call over the wire ends in: the body, or the error."""
    talks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future((talk or says(b""))(reader, writer)))
        await asyncio.wait(talks)
        with suppress(OSError):
            await writer.wait_closed()

    async def main() -> BaseException | bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if talk is None:
            server.close()
            await server.wait_closed()
        of = system(base_url=f"http://127.0.0.1:{port}")
        async with Client(of, vendor(**changes), limits=MemoryLimits(), timeout=1.0) as c:
            try:
                return (await c.call(request, intent="i")).content
            except (Retry, Reject) as error:
                return error
            finally:
                server.close()
                others = asyncio.all_tasks() - {asyncio.current_task()}
                if others:
                    await asyncio.wait(others, timeout=5)

    return asyncio.run(main())


def test_a_refused_connection_had_no_effect() -> None:
    """Nobody listens, so nothing was done."""
    error = sent(None)
    assert isinstance(error, NotSent)
    assert error.effect == "none"


@pytest.mark.parametrize(
    "talk",
    [
        says(b""),
        says(b"", then_reset=True),
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"),
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", then_reset=True),
        says(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a"\r\n'),
        says(b'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{"id": 1}'),
        says(b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n{}"),
        says(b"garbage\r\n\r\n"),
        says(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nnot gzip"),
    ],
    ids=["silence", "reset", "half", "half-reset", "half-chunk", "short", "nonsense", "garbage", "gzip"],
)
def test_an_answer_that_breaks_after_the_send_leaves_the_effect_unknown(talk: Talk) -> None:
    """The request was heard; whatever came back, it may have been carried out."""
    error = sent(talk)
    assert isinstance(error, Retry)
    assert error.effect == "unknown"


def test_a_stalled_answer_leaves_the_effect_unknown() -> None:
    """Heard, and then nothing: the timeout ends it."""

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        await reader.read()
        writer.close()

    error = sent(stall)
    assert isinstance(error, Retry)
    assert error.effect == "unknown"


def test_a_giant_is_refused_by_its_length() -> None:
    """Two gigabytes are not read to find that they are too many."""
    talk = says(b"HTTP/1.1 200 OK\r\ncontent-length: 2147483648\r\n\r\n{")
    error = sent(talk, Request("GET", "/things"))
    assert isinstance(error, Reject)
    assert error.code == "too_large"


def test_a_good_answer_is_read() -> None:
    """The good case of all these."""
    assert sent(says(b'HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{"id": 1}')) == b'{"id": 1}'
