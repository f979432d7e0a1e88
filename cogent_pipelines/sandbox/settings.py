"""What a sandbox is started with: one frozen record, the same for the command line and for tests.

Belongs here: the settings and how their texts are read.
Does not belong here: what the settings do (``world``, ``kit``), or the rates of people (``world/people``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cogent_pipelines.sandbox import edges

SYSTEMS: Mapping[str, str] = {"web_uk": "shopify", "wms_uk": "veeqo"}
START = datetime(2026, 11, 2, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """One sandbox. ``orders`` is a number of invented orders or a file of real order lines."""

    seed: int = 7
    days: float = 3.0
    orders: int | Path = 2000
    skus: int = 500
    bundles: int = 20
    start: datetime | None = None  # None: 2026-11-02T06:00Z, or the first morning of the orders file
    speed: float = 60.0  # 0 stands still until /_sandbox/advance
    systems: Mapping[str, str] = field(default_factory=lambda: dict(SYSTEMS))
    facilities: Mapping[str, str] = field(
        default_factory=dict
    )  # facility -> its warehouse; left out: every one's
    catalogue: str = ""  # the system that owns the items; "": the shop where one is sold
    faults: str = "none"  # none, default, all, or names (with =rate) joined by commas
    defects: int = 0  # of each family of the planter
    families: str = "all"  # which families the planter plants: all, or names joined by commas
    windows: Mapping[str, float] = field(default_factory=dict)  # family -> seconds it may stand unnoticed
    history: int = 0  # orders of the 30 days before the start, all of them sent by the old integration
    old_integration: float = 0.0  # share of orders the old integration still sends beside us
    old_pushes_stock: bool = False  # and it also writes stock levels, forgetting open orders
    drop: Path | None = (
        None  # the folder in which vendors that push messages drop them, each in one of its own
    )
    keep: Path | None = None  # the file the sandbox is kept in between two processes
    outlook_days: float | None = None  # how long people go on reacting after the last order; None: 14 days


def read_systems(text: str) -> dict[str, str]:
    """Read ``web_uk=shopify,wms_uk=veeqo``."""
    systems: dict[str, str] = {}
    for part in text.split(","):
        name, equals, vendor = part.strip().partition("=")
        if not (equals and name):
            raise ValueError(f"--systems: expected name=vendor, found {part!r}")
        if name in systems:
            raise ValueError(f"--systems: {name!r} is named twice")
        edges.of(vendor)
        systems[name] = vendor
    return systems


def read_facilities(text: str, systems: Mapping[str, str]) -> dict[str, str]:
    """Read ``LEEDS=wms_uk,YORK=wms_north``: which warehouse runs a facility."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        code, equals, system = part.strip().partition("=")
        if not equals or system not in systems or edges.of(systems[system]).role != "warehouse":
            raise ValueError(f"--facilities: expected facility=warehouse, found {part!r}")
        found[code] = system
    return found


def read_orders(text: str) -> int | Path:
    """Read a count of orders or the path of a file of order lines."""
    if text.lstrip("-").isdigit():
        if int(text) < 0:
            raise ValueError(f"--orders: expected 0 or more, found {text}")
        return int(text)
    path = Path(text)
    if path.suffix.lower() not in {".csv", ".parquet"}:
        raise ValueError(f"--orders: expected a number, or a .csv or .parquet file; found {text!r}")
    if not path.is_file():
        raise ValueError(f"--orders: no such file: {text}")
    return path


def read_instant(text: str) -> datetime:
    """Read an ISO 8601 instant; one without a zone is UTC."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
