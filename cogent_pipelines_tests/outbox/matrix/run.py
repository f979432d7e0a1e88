"""Sharing cases among processes, each with a warm world and a store of its own.

Belongs here: forking the parents of cases and collecting their results.
Does not belong here: one case (``case``).
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import cache
from unittest.mock import patch

from cogent_pipelines.sandbox.app import Sandbox
from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import case as one
from cogent_pipelines_tests.outbox.matrix import scene, wire
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.store import PostgresStore, SqliteStore, Store


def run_all(
    cases: Sequence[Case], *, engine: str = "sqlite", server: str | None = None, processes: int = 1
) -> list[Result]:
    """Every case's result, in the order of ``cases``."""
    lines: list[tuple[socket.socket, int]] = []
    sandbox = _warm()
    # What an earlier test left behind is ended here, where the threads of its libraries still run. A child that
    # found it would end it without them.
    gc.collect()
    gc.freeze()
    for number in range(max(min(processes, len(cases)), 1)):
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            ours.close()
            code = 1
            try:
                _work(cases, number, processes, sandbox, engine=engine, server=server, line=theirs)
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        lines.append((ours, child))
    gc.unfreeze()
    found: dict[int, Result] = {}
    for line, child in lines:
        while True:
            try:
                place, result = wire.receive(line)
            except EOFError:
                break
            found[place] = result
        line.close()
        os.waitpid(child, 0)
    return [found.get(n, Result(c, error="its process died before it")) for n, c in enumerate(cases)]


@cache
def _warm() -> Sandbox:
    """The world every case begins with, and whatever of ours is slow to load: once, for it is run in copies only."""
    with patch.dict(os.environ, one.SECRETS), closing(SqliteStore()) as store:
        one.warm(store)
    return scene.build()


def _work(
    cases: Sequence[Case],
    number: int,
    processes: int,
    sandbox: Sandbox,
    *,
    engine: str,
    server: str | None,
    line: socket.socket,
) -> None:
    os.environ.update(one.SECRETS)
    with ExitStack() as stack:
        store: Store = SqliteStore()
        if engine == "postgres" and server is not None:
            store.close()
            store = PostgresStore(stack.enter_context(postgres.database(server)))
            one.warm(store)
        gc.collect()
        gc.freeze()  # so that children do not copy pages only to look for garbage on them
        for place in range(number, len(cases), processes):
            wire.send(line, (place, one.run(cases[place], sandbox, store)))
        store.close()
