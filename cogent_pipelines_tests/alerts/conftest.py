"""A ledger, an estate and destinations for alerts: a Slack-shaped inbox and a real SMTP server."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from cogent_pipelines import clock
from cogent_pipelines.ledger import ledger as ledgers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

    from cogent_pipelines.ledger.ledger import Ledger

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
SPEED = 200.0  # the pace of one message a second is 5 ms here


class Inbox:
    """An incoming webhook of Slack's shape: takes ``{"text": ...}``, answers ``ok``."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.status = 200
        self.refuse_marked_up = False
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = inbox.status
                if status == 200 and inbox.refuse_marked_up and "*" in body["text"]:
                    status = 400
                if status == 200:
                    inbox.bodies.append(body)
                    inbox.texts.append(body["text"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"ok" if status == 200 else b"invalid_payload")

            def log_message(self, *args: object) -> None:
                """Say nothing on the console."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/slack/operations"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A running Slack-shaped inbox."""
    made = Inbox()
    yield made
    made.close()


class Mailbox:
    """What a real SMTP server was given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.mails: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        del server, session
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A running SMTP server and its Apprise address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Mailbox(f"mailto://127.0.0.1:{port}?from=cogent@example.test&to=ops@example.test")
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger, and a clock at START that a test moves on."""
    set_clock(START)
    made = ledgers.open(tmp_path / "ledger.sqlite")
    yield made
    made.close()
    clock.use_wall()


def set_clock(at: datetime) -> None:
    """Have it be ``at`` now."""
    clock.use(clock.Clock(at, time.time(), SPEED))


def later(**units: float) -> datetime:
    """Move the clock on, and say what time it is then."""
    set_clock(clock.now() + timedelta(**units))
    return clock.now()
