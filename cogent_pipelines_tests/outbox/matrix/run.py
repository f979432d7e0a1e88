"""Sharing cases among processes, each with a warm world and a store of its own.

Belongs here: forking the parents of cases and collecting their results.
Does not belong here: one case (``case``).
"""

from __future__ import annotations

import gc
import os
import socket
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import cache
from multiprocessing import Value
from multiprocessing.sharedctypes import Synchronized
from unittest.mock import patch

from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import alerting, wire, world
from cogent_pipelines_tests.outbox.matrix import case as one
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.scene import SYNCS_TO_COME
from cogent_pipelines_tests.outbox.matrix.store import PostgresStore, SqliteStore, Store
from cogent_pipelines_tests.vendors.sandbox_kit import environment


def run_all(
    cases: Sequence[Case], *, engine: str = "sqlite", server: str | None = None, processes: int = 1
) -> list[Result]:
    """Every case's result, in the order of ``cases``."""
    lines: list[tuple[socket.socket, int]] = []
    _warm()
    places = {case.place for case in cases if case.vendor}
    if len(places) == 1:  # lived through here, once for all runs of this process
        world.ready(places.pop())
    # What an earlier test left behind is ended here, where the threads of its libraries still run. A child that
    # found it would end it without them.
    gc.collect()
    gc.freeze()
    for turns in _shared(cases, max(min(processes, len(cases)), 1)):
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            ours.close()
            code = 1
            try:
                _work(cases, turns, engine=engine, server=server, line=theirs)
                code = 0
            except BaseException:  # noqa: BLE001  a child must never return into the parent's stack
                traceback.print_exc()
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
def _warm() -> None:
    """Whatever of ours is slow to load, once: children find it loaded."""
    with patch.dict(os.environ, environment()), closing(SqliteStore()) as store:
        one.warm(store, alerting.estate())


def _shared(cases: Sequence[Case], processes: int) -> list[Iterator[int]]:
    """Each process's cases. Those of one world are neighbours, so that a process lives through few of the worlds.

    Two processes share a stretch: one takes from its beginning, one from its end, until they meet.
    """
    order = sorted(
        range(len(cases)), key=lambda number: cases[number].place.name if cases[number].vendor else ""
    )
    parts = (processes + 1) // 2
    found: list[Iterator[int]] = []
    for part in range(parts):
        stretch = order[len(order) * part // parts : len(order) * (part + 1) // parts]
        taken = Value("i")
        found += [_taken(stretch, taken), _taken(stretch[::-1], taken)]
    return found[:processes]


def _taken(stretch: Sequence[int], taken: Synchronized[int]) -> Iterator[int]:
    for number in stretch:
        with taken:
            if taken.value == len(stretch):
                return
            taken.value += 1
        yield number


def _work(
    cases: Sequence[Case], turns: Iterator[int], *, engine: str, server: str | None, line: socket.socket
) -> None:
    os.environ.update(environment())
    SYNCS.update(SYNCS_TO_COME)  # type: ignore[attr-defined]  in this process and its children only
    with ExitStack() as stack:
        store: Store = SqliteStore()
        if engine == "postgres" and server is not None:
            store.close()
            store = PostgresStore(stack.enter_context(postgres.database(server)))
            one.warm(store, alerting.estate())
        here = None
        for place in turns:
            if cases[place].vendor and cases[place].place != here:
                here = cases[place].place
                world.ready(here)
                gc.collect()
                gc.freeze()  # so that children do not copy pages only to look for garbage on them
            wire.send(line, (place, one.run(cases[place], store)))
        store.close()
    world.tidy()
