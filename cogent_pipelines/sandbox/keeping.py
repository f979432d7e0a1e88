"""A retailer kept in a file, so that another process can let it live on from where it stood.

Belongs here: writing a world with its edges' kit and its inbox to a file, and reading them back.
Does not belong here: when that is done (``__main__``, ``control``), or anything a world does.

What is to happen stands in the world's heap as functions made where they were needed; a file of ours, read by the
code that wrote it, may hold them. A planter's script that was under way ends: what it had planted stays. What an
edge alone remembers (running exports, idempotency keys) is gone, as after a vendor's restart.
"""

from __future__ import annotations

import importlib
import io
import marshal
import pickle
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import CellType, FunctionType, GeneratorType
from typing import Any

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world.world import World

DEPTH = 200_000
STACK = 512 * 2**20
"""A record leads to the next: the graph is deeper than a stack usually is."""


@dataclass(slots=True)
class Kept:
    """All there is of one sandbox."""

    world: World
    kit: Kit
    slack: list[dict[str, Any]] = field(default_factory=list)
    lives: int = 1
    """How many processes it has lived in."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, FunctionType) and "<" in thing.__qualname__:
            cells = [cell.cell_contents for cell in thing.__closure__ or ()]
            made = (marshal.dumps(thing.__code__), thing.__module__, thing.__defaults__, len(cells))
            # The contents come after the function: they may lead back to it.
            return _function, made, (thing.__kwdefaults__, cells), None, None, _fill
        if isinstance(thing, GeneratorType):
            return _ended, ()
        return NotImplemented


def _function(code: bytes, module: str, defaults: tuple[Any, ...] | None, cells: int) -> FunctionType:
    names = vars(importlib.import_module(module))
    body = marshal.loads(code)  # noqa: S302  our own file
    return FunctionType(body, names, None, defaults, tuple(CellType() for _ in range(cells)) or None)


def _fill(function: FunctionType, state: tuple[dict[str, Any] | None, list[Any]]) -> None:
    function.__kwdefaults__, contents = state
    for cell, content in zip(function.__closure__ or (), contents, strict=True):
        cell.cell_contents = content


def _ended() -> Generator[Any, None, None]:
    yield from ()


def save(file: Path, kept: Kept) -> None:
    """Write everything to ``file``, whole or not at all."""
    into = io.BytesIO()
    _deeply(lambda: _Pickler(into, protocol=pickle.HIGHEST_PROTOCOL).dump(kept))
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    beside.write_bytes(into.getvalue())
    beside.replace(file)


def load(file: Path, settings: Settings) -> Kept:
    """Read what was kept. Its clock stood meanwhile and goes on from there; so many customers more begin to order.

    Raises ``ValueError`` for a file that is none of ours, or holds other systems.
    """
    read: list[Any] = []
    try:
        _deeply(lambda: read.append(pickle.loads(file.read_bytes())))  # noqa: S301  our own file
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, ValueError) as error:
        raise ValueError(f"--keep: {file} is not a sandbox kept by this version: {error}") from error
    kept = read[0]
    if not isinstance(kept, Kept):
        raise ValueError(f"--keep: {file} holds no sandbox")  # noqa: TRY004  the option's value is wrong
    world = kept.world
    if dict(world.settings.systems) != dict(settings.systems):
        raise ValueError(f"--keep: {file} holds the systems {dict(world.settings.systems)}")
    kept.lives += 1
    kept.kit.faults.set(settings.faults)
    world.clock.set(world.now, settings.speed)
    if isinstance(settings.orders, int) and settings.orders:
        world.people.customers.schedule(
            world.now, settings.days, settings.orders, key=f"demand of life {kept.lives}"
        )
    return kept


def _deeply(act: Callable[[], Any]) -> None:
    """Do it where there is room for a deep graph."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  it is raised again in the caller's thread
            failed.append(error)

    limit, room = sys.getrecursionlimit(), threading.stack_size(STACK)
    sys.setrecursionlimit(DEPTH)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(room)
    if failed:
        raise failed[0]
