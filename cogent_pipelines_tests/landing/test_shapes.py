"""What is let in: each declared type takes what it should and nothing else, and loads as it was checked."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogent_pipelines import warehouse
from cogent_pipelines.errors import BadInput
from cogent_pipelines.landing import shapes
from cogent_pipelines.landing.loading import MISFITS
from cogent_pipelines.landing.shapes import Misfit, News, Shape

KINDS = {
    "VARCHAR": (['"x"', '""', '"\\u0000"', '"é🎉"', "null"], ["1", "true", "{}", "[]", "1.5"]),
    "BIGINT": (
        ["0", "-9223372036854775808", "9223372036854775807", "null"],
        ["9223372036854775808", '"1"', "2.7", "true", "{}"],
    ),
    "INTEGER": (["2147483647"], ["2147483648", "1.5", '"7"']),
    "UBIGINT": (["0", "9223372036854775807"], ["-1", "1.5"]),
    "DOUBLE": (["1", "1.5", "-0.0", "1e300", "null"], ['"1.5"', "true", "{}"]),
    "BOOLEAN": (["true", "false", "null"], ["0", '"true"', "1"]),
    "DATE": (['"2026-11-02"', "null"], ['"2026-13-02"', '"02/11/2026"', "20261102"]),
    "TIMESTAMPTZ": (
        ['"2026-11-02T06:00:00Z"', '"2026-11-02T06:00:00.123+01:00"', '"2026-11-02T06:00:00+0100"'],
        ['"2026-11-02T06:00:00"', '"2026-11-02"', "1762063200", '"yesterday"', '"2026-02-30T00:00:00Z"'],
    ),
    "TIMESTAMP": (['"2026-11-02T06:00:00"'], ['"2026-11-02T06:00:00Z"']),
    "DECIMAL(28,10)": (
        [
            "1",
            "19.99",
            '"19.99"',
            '"15.0"',
            '"-0.0000000001"',
            "999999999999999999",
            '"1e5"',
            "12.10",
            "415288.981",
            "null",
        ],
        ["0.12345678901", '"0.12345678901"', "1e-11", '"1E-11"', '"abc"', "{}", "true", '"12.34567890123"'],
    ),
    "JSON": (["1", '"x"', "{}", "[1]", "null"], []),
    "STRUCT(a BIGINT, b VARCHAR)": (
        ['{"a": 1}', '{"b": "x", "c": 1}', "{}", "null"],
        ['{"a": "1"}', "[]", '"x"', '{"b": 5}'],
    ),
    "STRUCT(decimal DECIMAL(28,10))": (
        ['{"decimal": "1.5", "c": 1}', '{"decimal": null}', "null"],
        ['{"amount": "twelve"}', "{}"],
    ),
    "STRUCT(iso_string TIMESTAMP)": (['{"iso_string": "2026-11-02T06:00:00"}'], ['{"day": 2}']),
    "STRUCT(note VARCHAR)": (['{"other": 1}', "{}"], ['{"note": 1}']),
    "BIGINT[]": (["[1, 2]", "[]", "[null]", "null"], ['["1"]', "{}", "1", "[2.7]"]),
    "MAP(VARCHAR, BIGINT)": (['{"x": 1}', "{}"], ['{"x": "1"}', "[]"]),
}
CASES = [
    (kind, value, good)
    for kind, (yes, no) in KINDS.items()
    for good, values in ((True, yes), (False, no))
    for value in values
]


@cache
def shape(columns: str, key: str = "id", version: str | None = None) -> Shape:
    """A shape of one table with ``columns``."""
    shapes.declare("one", f"CREATE TABLE one.t (id VARCHAR, {columns});")
    return Shape(shapes.table("one", "t"), key, version)


@pytest.mark.parametrize(("kind", "value", "good"), CASES)
def test_a_type_takes_what_it_should_and_nothing_else(kind: str, value: str, good: bool) -> None:
    """Each declared type against values that fit and values that a lenient reader would bend."""
    record = f'{{"id": "1", "x": {value}}}'.encode()
    checked = shape(f"x {kind}")
    if good:
        assert checked.check(record)[0] == "1"
    else:
        with pytest.raises(Misfit):
            checked.check(record)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, value, good in CASES if good])
def test_what_is_let_in_loads_unchanged(kind: str, value: str, tmp_path: Path) -> None:
    """What passed the check comes out of DuckDB as the same value."""
    _, record = shape(f"x {kind}").check(f'{{"id": "1", "x": {value}}}'.encode())
    found = load(tmp_path, record, kind)
    wanted = json.loads(value, parse_float=Decimal)
    if kind.startswith("DECIMAL") and wanted is not None:
        assert found == Decimal(str(wanted))
    elif kind in ("VARCHAR", "BIGINT", "INTEGER", "BOOLEAN", "BIGINT[]"):
        assert found == wanted


def load(tmp_path: Path, record: bytes, kind: str) -> Any:
    """The value of ``x`` as DuckDB reads it."""
    path = tmp_path / "one.jsonl"
    path.write_bytes(record + b"\n")
    with warehouse.open(":memory:") as connection:
        ((value,),) = connection.execute(
            "SELECT x FROM read_json($file, format = 'newline_delimited', columns = $columns)",
            {"file": str(path), "columns": {"x": kind}},
        ).fetchall()
    return value


@pytest.mark.parametrize(
    "record", ['{"id": null}', "{}", '{"id": ""}', '{"id": 7}', "[]", "1", '{"id": "1"', '{"id": "\\ud800"}']
)
def test_a_record_without_its_key_is_no_record(record: str) -> None:
    """The key must be there, be of its type and not be empty."""
    with pytest.raises(Misfit):
        shape("x BIGINT").check(record.encode())


def test_a_record_without_its_version_is_no_record() -> None:
    """Otherwise nothing could say which version is newer."""
    checked = shape("stamp TIMESTAMPTZ", version="stamp")
    for record in (b'{"id": "1"}', b'{"id": "1", "stamp": null}'):
        with pytest.raises(Misfit):
            checked.check(record)


def test_key_and_version_may_be_nested() -> None:
    """Dotted paths lead into objects, and are needed all the way."""
    shapes.declare(
        "one", "CREATE TABLE one.t (head STRUCT(id BIGINT, stamp TIMESTAMPTZ, note VARCHAR), x BIGINT);"
    )
    checked = Shape(shapes.table("one", "t"), "head.id", "head.stamp")
    assert checked.check(b'{"head": {"id": 7, "stamp": "2026-11-02T06:00:00Z"}}')[0] == 7
    for record in (b'{"head": {"id": 7}}', b'{"head": null}', b"{}"):
        with pytest.raises(Misfit):
            checked.check(record)


def test_a_key_that_is_no_column_is_a_mistake_in_the_vendor_file() -> None:
    """Found when the shape is made, not at the first record."""
    shapes.declare("one", "CREATE TABLE one.t (id VARCHAR);")
    with pytest.raises(BadInput):
        Shape(shapes.table("one", "t"), "number", None)


def test_a_wrong_declaration_names_its_file() -> None:
    """SQL that DuckDB does not take is reported as the vendor file's."""
    shapes.declare("one", "CREATE TABLE one.t (id NOSUCHTYPE);")
    with pytest.raises(BadInput, match=r"vendors/one\.sql"):
        shapes.declaration("one")


@pytest.mark.parametrize("column", ["system", "_read_at", "_mine"])
def test_landings_own_names_are_not_to_be_declared(column: str) -> None:
    """A vendor's field of such a name would be overwritten."""
    shapes.declare("one", f"CREATE TABLE one.t (id VARCHAR, {column} VARCHAR);")
    with pytest.raises(BadInput):
        shapes.declaration("one")


def test_fields_nobody_declared_are_found_with_their_kind_and_without_their_value() -> None:
    """Names at any depth, through lists; what JSON columns hold is nobody's business."""
    checked = shape("parts STRUCT(sku VARCHAR)[], anything JSON")
    record = (
        b'{"id": "1", "new": "secret words", "parts": [{"sku": "x", "colour": 5}, {"size": []}],'
        b' "anything": {"y": 1}}'
    )
    found = News(checked.names).paths(record)
    assert found == {"new": "string", "parts[].colour": "number", "parts[].size": "array"}
    assert News(checked.names, ["parts[].colour", "n*"]).paths(record) == {"parts[].size": "array"}
    assert News(checked.names, ["*"]).paths(record) == {}


def test_a_digit_too_many_is_found_behind_however_many_others() -> None:
    """Twenty-nine digits, the last of which does not fit; noughts at the end are no digits."""
    checked = shape("amount DECIMAL(28,10)")
    with pytest.raises(Misfit, match="more than 10 decimals"):
        checked.check(b'{"id": "1", "amount": "-224260156965065849.28683556864"}')
    for fits in (
        "224260156965065849.2868355686",
        "224260156965065849.286835568600",
        "0.00000000000",
        "0E-40",
    ):
        checked.check(f'{{"id": "1", "amount": "{fits}"}}'.encode())


# --- anything that is let in can be loaded, and means the same -------------------------------------------

numbers = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(min_value=-(10**19), max_value=10**19, places=11),
    st.decimals(min_value=-(10**17), max_value=10**17, places=4),
)
strings = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["NaN", "Infinity", "-inf", "1e400", " 5", "5.", "0x10", "'; DROP TABLE x; --", "=cmd()"]
    ),
)
anything = st.one_of(st.none(), st.booleans(), numbers, numbers.map(str), strings, st.just([]), st.just({}))


RECORDS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["amount", "qty", "name", "rate", "extra"]), anything),
        st.lists(anything, max_size=3),
    ),
    min_size=30,
    max_size=60,
)
COLUMNS = {
    "amount": "DECIMAL(28,10)",
    "qty": "BIGINT",
    "name": "VARCHAR",
    "rate": "DOUBLE",
    "prices": "DECIMAL(28,10)[]",
}


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(RECORDS)
def test_whatever_passes_the_check_loads_and_keeps_its_digits(
    tmp_path: Path, records: list[tuple[dict[str, Any], list[Any]]]
) -> None:
    """Random records: refused by the check, refused by DuckDB with an error, or equal to what came."""
    checked = shape(", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()))
    path = tmp_path / "one.jsonl"
    with warehouse.open(":memory:") as connection:
        for fields, prices in records:
            record = _plain(json.dumps({"id": "1", **fields, "prices": prices}, default=lambda d: f"@@{d}@@"))
            try:
                _, line = checked.check(record)
            except Misfit:
                continue
            path.write_bytes(line + b"\n")
            try:
                ((amount, qty, name, _, found),) = connection.execute(
                    "SELECT * FROM read_json($file, format = 'newline_delimited', columns = $columns)",
                    {"file": str(path), "columns": COLUMNS},
                ).fetchall()
            except MISFITS:
                continue
            came = json.loads(record, parse_float=Decimal)
            assert (qty, name) == (came.get("qty"), came.get("name"))
            assert amount == _decimal(came.get("amount"))
            assert found == [_decimal(price) for price in came["prices"]]


def _plain(text: str) -> bytes:
    return text.replace('"@@', "").replace('@@"', "").encode()


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value).replace("_", ""))
