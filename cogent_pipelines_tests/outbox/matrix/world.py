"""The other side of a case: the sandbox of a pair of vendors with work to be done, and what is wanted of it.

Belongs here: living with a pair until there is work for every write of both its vendors, and the rows that our own
models then want of it.
Does not belong here: what each work is and when it is done (``scene``), or how it is delivered.

Everything is done through acts of the world and through our own models, whatever the vendors: a vendor that is new
needs its pair (``test_pairs``) and nothing here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pyarrow as pa

from cogent_pipelines import warehouse
from cogent_pipelines.estate import Estate
from cogent_pipelines.sandbox.app import Sandbox
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.outbox.matrix import scene
from cogent_pipelines_tests.outbox.matrix.scene import SYNCS_TO_COME, THINGS, Task
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit, vendor_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, TIME, WMS
from cogent_pipelines_tests.vendors.test_pairs import PAIRS

START = datetime(2026, 11, 7, 19, tzinfo=UTC)
"""A Saturday night: nobody picks, nobody orders, for a day and a half."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which world a case is played in."""

    channel: str
    warehouse: str
    manner: str = ""
    """Of the warehouse's or the channel's account, where a vendor's writes differ by it."""

    @property
    def name(self) -> str:
        """For people and file names."""
        return "-".join(filter(None, (self.channel, self.warehouse, self.manner)))


@dataclass(frozen=True, slots=True)
class Ready:
    """A world with work for every write of its vendors."""

    place: Place
    sandbox: Sandbox
    estate: Estate
    wanted: Mapping[Task, pa.Table]
    """What each write is wanted for: a row for each of its things."""


def systems_of(place: Place) -> dict[str, str]:
    """The world's systems and the vendor of each."""
    return {SHOP: place.channel, WMS: place.warehouse}


def place_of(vendor: str, manner: str = "") -> Place:
    """The first pair that the vendor is one of. Raises ``KeyError`` for a vendor without one."""
    for pair in PAIRS:
        if vendor in pair:
            return Place(*pair, manner)
    raise KeyError(f"{vendor} has writes and is in none of the pairs of test_pairs")


@cache
def _folder(process: int) -> tempfile.TemporaryDirectory[str]:
    """Where a process's pairs keep what they read, and edges drop what they push: until that process ends."""
    del process
    return tempfile.TemporaryDirectory(prefix="matrix-")


def tasks_of(place: Place) -> tuple[Task, ...]:
    """What is played there: what its vendors declare writes for, as far as that is not played elsewhere."""
    own = [slug for slug in systems_of(place).values() if place_of(slug, place.manner) == place]
    return tuple(
        task
        for slug in own
        if not place.manner or place.manner in vendor_kit.kit(slug).manners
        for task in VENDORS[slug].writes
    )


@cache
def ready(place: Place) -> Ready:
    """The world every case of a place begins with: made once, for it is run in copies only."""
    folder = Path(_folder(os.getpid()).name) / place.name
    folder.mkdir()
    options = {
        name: vendor_kit.kit(slug).manners.get(place.manner, {}) for name, slug in systems_of(place).items()
    }
    with sandbox_kit.standing_still():
        TIME.move_to(START)
        with pair_kit.opened(
            folder, place.channel, place.warehouse, options=options, start=START, skus=40
        ) as pair:
            wanted = _lived(pair, tasks_of(place))
    estate = pair.estate
    part = estate.syncs["orders_to_wms"]
    syncs = dict.fromkeys(SYNCS_TO_COME, part) | dict(estate.syncs)
    return Ready(place, pair.sandbox, msgspec.structs.replace(estate, syncs=syncs), wanted)


def tidy() -> None:
    """Take away what this process's pairs kept on disk: it may end without doing so by itself."""
    _folder(os.getpid()).cleanup()


def _lived(pair: Pair, tasks: Sequence[Task]) -> dict[Task, pa.Table]:
    """What is wanted once every scene was set. Raises ``ValueError`` for one that is not wanted as often as it should be."""
    scenes = {task: scene.SCENES[task] for task in tasks}
    numbers = {task: number for number, task in enumerate(scene.SCENES)}
    names = {task: made.things(pair, numbers[task]) for task, made in scenes.items() if made.then}
    pair.look(2)
    for task, made in scenes.items():
        if made.then:
            made.then(pair, names[task])
        else:
            names[task] = made.things(pair, numbers[task])
    pair.read()
    pair.move_on(900)  # a higher level is passed on once it has stood for a while
    pair.read()
    found = {task: _rows(pair, made.wanted, names[task]) for task, made in scenes.items() if not made.at_last}
    with warehouse.open(pair.path) as connection:
        connection.execute("CREATE TABLE ops.told AS SELECT * FROM wanted.shipments_to_channel")
    for task, made in scenes.items():
        if made.at_last:
            made.at_last(pair, names[task])
    if any(made.at_last for made in scenes.values()):
        pair.read()
    found |= {task: _rows(pair, made.wanted, names[task]) for task, made in scenes.items() if made.at_last}
    if wrong := {task: table.num_rows for task, table in found.items() if table.num_rows != THINGS}:
        raise ValueError(f"{'-'.join(pair.slugs.values())}: not {THINGS} of each are wanted: {wrong}")
    return found


def _rows(pair: Pair, sql: str, names: Sequence[str]) -> pa.Table:
    with warehouse.open(pair.path) as connection:
        return connection.sql(sql, params={"names": list(names)}).to_arrow_table()
