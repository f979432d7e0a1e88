"""What is kept of a payload a flow failed on: its size, its hash, the references in it. Pure functions, no I/O.

Belongs here: reading a payload's bytes.
Does not belong here: which payloads are asked for (``patchworks``), or what a failure means (``staging/patchworks``).

A payload holds persons. Its bytes go into the landed file and nowhere else: the raw table has no column for them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cogent_pipelines.connect.spec import Json, System

LARGEST = 5_000_000
"""Bytes of a payload that is copied; a shape of a flow may carry a hundred times as many."""
MOST = 50
"""References kept of one payload."""
REFERENCES = (
    "order_ref",
    "order_reference",
    "order_number",
    "order_name",
    "order_id",
    "reference",
    "reference_id",
    "external_id",
    "external_reference",
)
"""Fields of a flow's own payload that name an order, whatever their case and punctuation. The shape of a payload is the
flow's: the system's option ``reference_fields`` names others."""
KEY = re.compile(r"#?(?=.*\d)[A-Za-z0-9][A-Za-z0-9_./-]{0,39}")
"""What a reference looks like: one word with a digit in it, so that no name or address passes for one."""


def copied(record: Mapping[str, Json], content: bytes | None, system: System) -> dict[str, Json]:
    """What is put on a payload's record: how the copying went, and what the copy tells."""
    if content is None:
        return {"copy_state": why_not(record) or "expired"}
    return {
        "copy_state": "copied",
        "content_size": len(content),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "content_references": references(content, fields(system)),
        "content": base64.b64encode(content).decode(),
    }


def why_not(record: Mapping[str, Json]) -> str:
    """Why a payload is not asked for; "" when it is."""
    if record.get("dropped"):
        return "expired"
    return "too_large" if int(record.get("payload_size") or 0) > LARGEST else ""


def fields(system: System) -> frozenset[str]:
    """Names of the fields that name an order, in plain letters."""
    named = system.options.get("reference_fields") or REFERENCES
    return frozenset(_plain(str(name)) for name in named)


def references(content: bytes, names: frozenset[str]) -> list[str]:
    """Every reference in a JSON payload, once, in its order; none of a payload of another kind."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return list(dict.fromkeys(_found(value, names)))[:MOST]


def _found(value: Any, names: frozenset[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _found(each, names)
    elif isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, dict | list):
                yield from _found(each, names)
            elif _plain(name) in names and not isinstance(each, bool | float) and each is not None:
                text = str(each).strip()
                if KEY.fullmatch(text):
                    yield text


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
