"""Keeping personal data out of the ledger while still being able to compare with it.

Belongs here: fingerprints (HMAC) of personal fields, digests of wantings and bodies, sealing and comparing.
Does not belong here: which fields are personal (``syncs``), or the key's keeping (``ledger``).

A fingerprint is ``hmac:`` and the first 32 hexadecimal digits of HMAC-SHA256 over the value, its white
space made single. ``prepare`` and ``SQL`` let a query make the same one, so that a rule can compare what was
sent with what the channel says now.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import msgspec

PREFIX = "hmac:"
_DIGITS = 32
_BLOCK = 64
SQL = (
    "'hmac:' || left(sha256(getvariable('hmac_outer') || "
    "unhex(sha256(getvariable('hmac_inner') || encode({value})))), 32)"
)
"""The fingerprint of ``{value}`` (not blank, white space single) on a connection that was prepared."""
_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


def fingerprint(key: bytes, value: Any) -> str | None:
    """The fingerprint of a personal value; None for none or a blank."""
    text = " ".join(str(value).split()) if value is not None else ""
    if not text:
        return None
    return PREFIX + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def prepare(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give this connection what SQL needs to make fingerprints. Nothing of it reaches the file."""
    short = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
    padded = short.ljust(_BLOCK, b"\0")
    for name, pad in (("hmac_inner", 0x36), ("hmac_outer", 0x5C)):
        text = "".join(f"\\x{byte ^ pad:02X}" for byte in padded)
        connection.execute(f"SET VARIABLE {name} = '{text}'::BLOB")


def digest(key: bytes, value: Any) -> str:
    """A keyed digest of anything that JSON can say; equal values have equal digests."""
    return hmac.new(key, _encode(plain(value)), hashlib.sha256).hexdigest()


def plain(value: Any) -> Any:
    """A value as JSON will keep it, in one form only: instants in UTC, amounts without trailing noughts."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    return value


def seal(fields: Mapping[str, Any], personal: frozenset[str], key: bytes) -> dict[str, Any]:
    """Fields as the ledger may keep them: personal ones as fingerprints, types of the others noted."""
    types: dict[str, str] = {}
    sealed: dict[str, Any] = {}
    for name, value in fields.items():
        if name in personal:
            sealed[name] = fingerprint(key, value)
        else:
            sealed[name] = plain(value)
            _note_types(types, name, value)
    return sealed | {"_types": types}


def _note_types(types: dict[str, str], path: str, value: Any) -> None:
    """Note what JSON cannot say, by path: ``placed_at``, ``lines.unit_price_amount``."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            _note_types(types, f"{path}.{name}", part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _note_types(types, path, part)
    elif kind := _kind(value):
        types[path] = kind


def unseal(sealed: Mapping[str, Any]) -> dict[str, Any]:
    """The clear fields again, typed as they were. Personal ones are gone, and so is what the engine added."""
    types: Mapping[str, str] = sealed.get("_types", {})
    return {
        name: _typed(types, name, value)
        for name, value in sealed.items()
        if not name.startswith("_") and not _is_fingerprint(value)
    }


def _typed(types: Mapping[str, str], path: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _typed(types, f"{path}.{name}", part) for name, part in value.items()}
    if isinstance(value, list):
        return [_typed(types, path, part) for part in value]
    return _READ[types[path]](value) if path in types and value is not None else value


def _kind(value: Any) -> str:
    if isinstance(value, datetime):
        return "instant"
    if isinstance(value, date):
        return "day"
    return "money" if isinstance(value, Decimal) else ""


_READ: Mapping[str, Any] = {
    "instant": datetime.fromisoformat,
    "day": date.fromisoformat,
    "money": Decimal,
}


def _is_fingerprint(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX) and len(value) == len(PREFIX) + _DIGITS


def differing(
    sealed: Mapping[str, Any],
    found: Mapping[str, Any],
    names: Iterable[str],
    personal: frozenset[str],
    key: bytes,
) -> list[str]:
    """Which of ``names`` the target holds otherwise than it was sent. White space is not a difference."""
    unlike: list[str] = []
    for name in names:
        if name in personal:
            is_same = sealed.get(name) == fingerprint(key, found.get(name))
        else:
            is_same = _is_like(sealed.get(name), found.get(name))
        if not is_same:
            unlike.append(name)
    return unlike


def _is_like(sent: Any, found: Any) -> bool:
    if isinstance(sent, (list, tuple)) and isinstance(found, (list, tuple)):
        return _are_like(sent, found)
    return bool(_canonical(sent) == _canonical(found))


def _are_like(sent: Sequence[Any], found: Sequence[Any]) -> bool:
    """Lists are alike in any order; of records, what both sides speak of counts."""
    if len(sent) != len(found):
        return False
    if all(isinstance(part, Mapping) for part in (*sent, *found)) and sent:
        shared = set.intersection(*(set(part) for part in (*sent, *found)))
        if not shared:
            return False
        sent = [{name: part[name] for name in shared} for part in sent]
        found = [{name: part[name] for name in shared} for part in found]
    left = sorted(_encode(_canonical(part)) for part in sent)
    right = sorted(_encode(_canonical(part)) for part in found)
    return left == right


def _canonical(value: Any) -> Any:
    """One form for what means the same: 12.5 and "12.50" as numbers, blanks as nothing."""
    value = plain(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, str):
        text = " ".join(value.split())
        return _number(text) if text else None
    if isinstance(value, Mapping):
        return {name: _canonical(part) for name, part in value.items()}
    return [_canonical(part) for part in value]


def _number(text: str) -> str:
    """An amount came back from the ledger's JSON as text; any other text is left alone (``007`` is no 7)."""
    digits = text.removeprefix("-")
    whole, point, rest = digits.partition(".")
    if not (point and whole.isdigit() and rest.isdigit()):
        return text
    return f"{Decimal(text).normalize():f}"


def scrub(message: str, fields: Mapping[str, Any], personal: frozenset[str]) -> str:
    """A vendor's message without the personal values of the record it is about."""
    for name in personal:
        value = fields.get(name)
        text = str(value).strip() if value is not None else ""
        if len(text) > 1:
            message = message.replace(text, f"<{name}>")
    return message[:500]
