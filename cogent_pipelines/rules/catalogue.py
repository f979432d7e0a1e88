"""The rules as their metadata describes them: who is told what, after how long, and what each rests on.

Belongs here: reading dbt's manifest into frozen objects and refusing a rule that leaves a word out.
Does not belong here: running a rule (``evaluate``), or writing to anybody about one (``alerts``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import Estate, span
from cogent_pipelines.vendors.registry import VENDORS

OWN_SCHEMAS = frozenset({"ops", "estate", "mappings"})
"""Sources that are this project's own: they are never read from a vendor, so never late."""
REPAIRS = ("automatic", "person")
SEVERITIES = ("info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Window:
    """How long a thing may take: in plain time, or while its facility is open."""

    kind: Literal["hours", "warehouse_hours"]
    length: timedelta


@dataclass(frozen=True, slots=True)
class Cause:
    """One way in which a rule is broken."""

    name: str
    says: str
    window: Window | None = None
    """Its own, or None for the rule's."""
    repair: Literal["automatic", "person"] | None = None
    """Its own, or None for the rule's."""


@dataclass(frozen=True, slots=True)
class Remembers:
    """A relation of ``marts`` whose rows' first sight is kept, because a view cannot."""

    relation: str
    key: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence that is true when all is well, and what to do when it is not."""

    name: str
    description: str
    when_broken: str
    why_it_matters: str
    first_step: str
    informs: str
    repair: Literal["automatic", "person"]
    also_called: tuple[str, ...]
    owner: str
    severity: str
    window: Window
    causes: Mapping[str, Cause]
    requirements: tuple[str, ...]
    inputs: frozenset[tuple[str, str]]
    """(vendor, stream) pairs it is computed from."""
    parents: tuple[str, ...]
    """What it reads directly, as ``schema/name``."""
    is_always_known: bool = False
    """It speaks of this project's own work, so no feed can be too old for it."""
    compares_feeds: bool = False
    """Whether it holds what two feeds say of one thing against each other: it does not know while one is behind."""
    remembers: Remembers | None = None

    def repair_of(self, cause: str) -> Literal["automatic", "person"]:
        """Say who ends it: a cause may have a repair of its own."""
        own = self.causes[cause].repair if cause in self.causes else None
        return own or self.repair

    def window_of(self, cause: str) -> Window:
        """The window a cause has by its metadata."""
        own = self.causes[cause].window if cause in self.causes else None
        return own or self.window

    def severity_in(self, estate: Estate) -> str:
        """The severity the estate gives it, or its own."""
        window = estate.windows.get(self.name)
        return (window.severity if window else None) or self.severity


def load(manifest: Path | str) -> dict[str, Rule]:
    """Every rule of the dbt project by name, from its manifest. Raises ``BadInput``."""
    path = Path(manifest)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise BadInput(
            str(path), "(file)", error.strerror, "dbt's manifest (dbt parse or dbt build writes it)"
        ) from error
    return dict(_load(path, changed))


def check(file: str, estate: Estate, catalogue: Mapping[str, Rule]) -> None:
    """Refuse an estate that lacks an owner a rule names, or sets a window for a rule there is not. Raises ``BadInput``."""
    for rule in catalogue.values():
        for role, name in (("owner", rule.owner), ("informs", rule.informs)):
            if name not in estate.owners:
                raise BadInput(file, f"owners.{name}", None, f"an owner, as {rule.name} names it ({role})")
    for key in estate.windows:
        name, _, cause = key.partition(".")
        rule_of = catalogue.get(name)
        if rule_of is None or (cause and cause not in rule_of.causes):
            raise BadInput(file, f"windows.{key}", key, "a rule, or a rule and one of its causes")
        _check_window(file, key, estate, rule_of)


def _check_window(file: str, key: str, estate: Estate, rule: Rule) -> None:
    """A window that ends before what it is about is read again would call late what nobody has looked at."""
    hours = estate.windows[key].hours
    for vendor, stream in rule.inputs if hours else ():
        for known in VENDORS[vendor].streams if vendor in VENDORS else ():
            if known.name == stream and known.kept is not None and known.entity in estate.cadence:
                cadence = span(estate.cadence[known.entity])
                if timedelta(hours=hours or 0) < 2 * cadence:
                    expected = f"0, or at least twice the time between two readings of {stream} ({cadence})"
                    raise BadInput(file, f"windows.{key}.hours", hours, expected)


class _Config(msgspec.Struct):
    meta: dict[str, Any] = {}


class _Node(msgspec.Struct):
    unique_id: str
    name: str
    resource_type: str
    schema: str
    description: str = ""
    alias: str = ""
    source_name: str = ""
    config: _Config = msgspec.field(default_factory=_Config)


class _Manifest(msgspec.Struct):
    nodes: dict[str, _Node]
    sources: dict[str, _Node]
    parent_map: dict[str, list[str]]


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> Mapping[str, Rule]:
    del changed  # part of the cache's key only
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except msgspec.DecodeError as error:
        raise BadInput(str(path), "(json)", str(error), "dbt's manifest") from error
    rules = [n for n in manifest.nodes.values() if n.resource_type == "model" and n.schema == "rules"]
    return {node.name: _rule(str(path), manifest, node) for node in sorted(rules, key=lambda n: n.name)}


def _rule(file: str, manifest: _Manifest, node: _Node) -> Rule:
    meta = node.config.meta

    def word(key: str, allowed: Iterable[str] | None = None) -> str:
        value = meta.get(key)
        if not isinstance(value, str) or not value.strip() or (allowed and value not in allowed):
            raise BadInput(
                file, f"{node.name}.meta.{key}", value, f"one of {', '.join(allowed)}" if allowed else "words"
            )
        return value

    remembers = meta.get("remembers")
    return Rule(
        name=node.name,
        description=node.description,
        when_broken=word("when_broken"),
        why_it_matters=word("why_it_matters"),
        first_step=word("first_step"),
        informs=word("informs"),
        repair=word("repair", REPAIRS),  # type: ignore[arg-type]
        also_called=tuple(meta.get("also_called", ())),
        owner=word("owner"),
        severity=word("severity", SEVERITIES),
        window=_window(file, f"{node.name}.meta.window", meta.get("window")),
        causes=_causes(file, node),
        requirements=tuple(meta.get("requirements", ())),
        inputs=frozenset(_inputs(manifest, node.unique_id)),
        parents=tuple(sorted(_parents(manifest, node.unique_id))),
        is_always_known=bool(meta.get("always_known", False)),
        compares_feeds=bool(meta.get("compares_feeds", False)),
        remembers=Remembers(**remembers) if remembers else None,
    )


def _causes(file: str, node: _Node) -> dict[str, Cause]:
    causes: dict[str, Cause] = {}
    for name, part in (node.config.meta.get("causes") or {}).items():
        key = f"{node.name}.meta.causes.{name}"
        if not isinstance(part, dict) or not part.get("says"):
            raise BadInput(file, f"{key}.says", part, "words")
        repair = part.get("repair")
        if repair not in (None, *REPAIRS):
            raise BadInput(file, f"{key}.repair", repair, f"one of {', '.join(REPAIRS)}")
        window = _window(file, key, part["window"]) if "window" in part else None
        causes[name] = Cause(name, part["says"], window, repair)
    if not causes:
        raise BadInput(file, f"{node.name}.meta.causes", None, "at least one cause")
    return causes


def _window(file: str, key: str, part: Any) -> Window:
    if isinstance(part, dict) and len(part) == 1:
        kind, hours = next(iter(part.items()))
        if kind in ("hours", "warehouse_hours") and isinstance(hours, (int, float)) and hours >= 0:
            return Window(kind, timedelta(hours=hours))
    raise BadInput(file, key, part, "a window such as {hours: 0.25} or {warehouse_hours: 10}")


def _inputs(manifest: _Manifest, node: str) -> Iterable[tuple[str, str]]:
    """The vendors' streams a node comes from, through whatever lies between."""
    seen: set[str] = set()
    left = [node]
    while left:
        for parent in manifest.parent_map.get(left.pop(), []):
            if parent in seen:
                continue
            seen.add(parent)
            left.append(parent)
            source = manifest.sources.get(parent)
            if source is not None and source.source_name not in OWN_SCHEMAS:
                yield source.source_name, source.name


def _parents(manifest: _Manifest, node: str) -> Iterable[str]:
    for parent in manifest.parent_map.get(node, []):
        found = manifest.nodes.get(parent) or manifest.sources.get(parent)
        if found is not None:
            yield f"{found.source_name or found.schema}/{found.name}"
