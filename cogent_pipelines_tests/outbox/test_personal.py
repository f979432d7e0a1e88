"""Fingerprints, sealing, comparing: what the ledger keeps instead of personal data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogent_pipelines.outbox import personal

KEY = b"a key for tests that is long enough to be one"
NAMES = frozenset({"name", "note"})


def test_the_same_person_has_the_same_fingerprint_and_blanks_have_none() -> None:
    """White space is not a person."""
    assert personal.fingerprint(KEY, " Jane  Doe ") == personal.fingerprint(KEY, "Jane Doe")
    assert personal.fingerprint(KEY, "Jane Doe") != personal.fingerprint(b"another key", "Jane Doe")
    assert personal.fingerprint(KEY, None) is personal.fingerprint(KEY, "  ") is None


@pytest.mark.parametrize("key", [KEY, b"short", b"longer than a block of sixty-four bytes, " * 3])
@pytest.mark.parametrize("value", ["Jane Doe", "Zoë 'O\"Brien; DROP", "=cmd|' /C calc'!A0", "日本"])
def test_sql_makes_the_same_fingerprint(key: bytes, value: str) -> None:
    """A rule compares what was sent with what the channel says now."""
    connection = duckdb.connect()
    personal.prepare(connection, key)
    query = f"SELECT {personal.SQL.format(value='$1')}"
    assert connection.execute(query, [value]).fetchone() == (personal.fingerprint(key, value),)


SENT: dict[str, Any] = {
    "name": "Jane Doe",
    "note": None,
    "placed_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
    "due_on": date(2026, 11, 4),
    "total": Decimal("12.5000"),
    "rate": 0.2,
    "is_gift": False,
    "blank": None,
    "lines": [{"sku": "A", "qty": 2, "price": Decimal("6.2500")}, {"sku": "B", "qty": 1, "price": None}],
}


def test_sealed_fields_come_back_with_their_types_and_without_the_person() -> None:
    """Through the ledger's JSON: what is looked up and sent on later is what was sent first."""
    sealed = msgspec.json.decode(msgspec.json.encode(personal.seal(SENT, NAMES, KEY)))
    assert "Jane" not in str(sealed)
    fields = personal.unseal(sealed)
    assert fields == {name: value for name, value in SENT.items() if name != "name"}
    assert isinstance(fields["lines"][0]["price"], Decimal)


@pytest.mark.parametrize(
    ("name", "found", "is_like"),
    [
        ("name", "Jane  Doe", True),
        ("name", "Jane D", False),
        ("name", None, False),
        ("note", "", True),
        ("note", "leave it", False),
        ("total", Decimal("12.50"), True),
        ("total", 12.5, True),
        ("total", Decimal("12.49"), False),
        ("rate", 0.2, True),
        ("blank", "", True),
        ("is_gift", False, True),
        ("is_gift", True, False),
        ("lines", [{"sku": "B", "qty": 1}, {"sku": "A", "qty": 2}], True),
        ("lines", [{"sku": "A", "qty": 2}], False),
        ("lines", [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 2}], False),
        ("lines", None, False),
    ],
)
def test_what_counts_as_stored_otherwise(name: str, found: Any, is_like: bool) -> None:
    """Forms of the same thing do not; anything else does."""
    sealed = msgspec.json.decode(msgspec.json.encode(personal.seal(SENT, NAMES, KEY)))
    assert (personal.differing(sealed, {name: found}, [name], NAMES, KEY) == []) is is_like


def test_an_identifier_is_not_a_number() -> None:
    """``007`` and ``7`` are two SKUs."""
    sealed = personal.seal({"sku": "007"}, frozenset(), KEY)
    assert personal.differing(sealed, {"sku": "7"}, ["sku"], frozenset(), KEY) == ["sku"]


def test_a_message_is_kept_without_the_person_in_it() -> None:
    """A vendor quotes what it was sent."""
    said = personal.scrub("Jane Doe (jane@x.test) is unknown", SENT | {"note": "jane@x.test"}, NAMES)
    assert said == "<name> (<note>) is unknown"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3),
    )
)
def test_equal_values_have_equal_digests(value: Any) -> None:
    """And the digest does not depend on the order of fields."""
    assert personal.digest(KEY, {"a": value, "b": 1}) == personal.digest(KEY, {"b": 1, "a": value})
    assert personal.digest(KEY, [value]) != personal.digest(KEY, [value, value])
