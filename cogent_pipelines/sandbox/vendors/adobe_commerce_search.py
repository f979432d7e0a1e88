"""Adobe Commerce's searches: ``searchCriteria`` as it stands in a query string, and what it finds.

Belongs here: reading filters, orders and pages; choosing records; the ``fields`` that trim an answer.
Does not belong here: what a record consists of (``adobe_commerce_orders``, ``_documents``, ``_catalogue``), HTTP
(``adobe_commerce``).

INFERRED, because no document says it: the answers to a search without criteria, to a field that is no
top-level attribute and to a condition there is not; that rows without an order of their own come in the order
of their making.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

PARAMETER = re.compile(
    r"(?:searchCriteria|search_criteria)(?:\[(\w+)\])?(?:\[(\d+)\])?(?:\[(\w+)\])?(?:\[(\d+)\])?(?:\[(\w+)\])?$"
)
CONDITIONS = frozenset(
    {
        "eq", "neq", "gt", "gteq", "lt", "lteq", "from", "to", "in", "nin", "like", "nlike", "null", "notnull",
        "finset", "nfinset", "moreq",
    }
)  # fmt: skip

Column = Callable[[Any], Any]


class Unsearchable(Exception):
    """A search that cannot be run; the message is the vendor's."""

    def __init__(self, message: str, **parameters: str) -> None:
        super().__init__(message)
        self.message = message
        self.parameters = parameters


@dataclass(frozen=True, slots=True)
class Table:
    """Records that can be searched: their columns by name, and how one is shown."""

    rows: Callable[[], Sequence[Any]]
    columns: Mapping[str, Column]
    show: Callable[[Any], dict[str, Any] | None]
    """None of a record that is counted and not shown."""


@dataclass(slots=True)
class Criteria:
    """One search: groups of alternatives, sorts and a page. No size is all there is."""

    groups: dict[int, dict[int, dict[str, str]]] = field(default_factory=dict)
    sorts: dict[int, dict[str, str]] = field(default_factory=dict)
    size: int | None = None
    page: int = 1
    is_given: bool = False


def read(parameters: Sequence[tuple[str, str]]) -> Criteria:
    """A query string's criteria, in either spelling (``filterGroups`` or ``filter_groups``)."""
    criteria = Criteria()
    for name, value in parameters:
        match = PARAMETER.match(name)
        if match is None:
            continue
        criteria.is_given = True
        kind, first, second, third, last = match.groups()
        kind = (kind or "").replace("_", "").lower()
        if kind == "filtergroups" and first and third and last:
            group = criteria.groups.setdefault(int(first), {})
            group.setdefault(int(third), {})[last.replace("_", "").lower()] = value
        elif kind == "sortorders" and first and second:
            criteria.sorts.setdefault(int(first), {})[second.lower()] = value
        elif kind == "pagesize" and value.isdigit() and int(value):
            criteria.size = int(value)
        elif kind == "currentpage" and value.isdigit():
            criteria.page = max(int(value), 1)  # 0 acts as 1
    return criteria


def choose(table: Table, criteria: Criteria) -> list[Any]:
    """Every record the filters let through, sorted."""
    found = list(table.rows())
    for group in criteria.groups.values():
        tests = [_test(table, each) for each in group.values()]
        found = [row for row in found if any(test(row) for test in tests)]
    for sort in reversed([criteria.sorts[place] for place in sorted(criteria.sorts)]):
        column = _column(table, sort.get("field", ""))
        found.sort(key=lambda row: _key(column(row)), reverse=sort.get("direction", "DESC").upper() == "DESC")
    return found


def page(found: Sequence[Any], criteria: Criteria) -> tuple[Sequence[Any], int]:
    """One page and where it begins. A page after the last one is the last one again."""
    size = criteria.size or max(len(found), 1)
    last = max(math.ceil(len(found) / size), 1)
    start = (min(criteria.page, last) - 1) * size
    return found[start : start + size], start


def _column(table: Table, name: str) -> Column:
    if name not in table.columns:
        raise Unsearchable('Column not found: "%field".', field=name)
    return table.columns[name]


def _key(value: Any) -> tuple[bool, Any]:
    return value is not None, value if value is not None else 0


def _test(table: Table, given: Mapping[str, str]) -> Callable[[Any], bool]:
    column = _column(table, given.get("field", ""))
    condition = given.get("conditiontype", "eq")
    if condition not in CONDITIONS:
        raise Unsearchable('Unknown condition "%condition".', condition=condition)
    text = given.get("value", "")

    def test(row: Any) -> bool:
        return _holds(column(row), condition, text)

    return test


def _holds(value: Any, condition: str, text: str) -> bool:
    if condition in ("null", "notnull"):
        return (value is None) == (condition == "null")
    if value is None:
        return False
    if condition in ("in", "nin", "finset", "nfinset"):
        return any(_compare(value, each) == 0 for each in text.split(",")) == (not condition.startswith("n"))
    if condition in ("like", "nlike"):
        pattern = text.replace("%", "*").lower()
        return fnmatch.fnmatchcase(str(value).lower(), pattern) == (condition == "like")
    order = _compare(value, text)
    return {
        "eq": order == 0,
        "neq": order != 0,
        "gt": order > 0,
        "gteq": order >= 0,
        "from": order >= 0,
        "moreq": order >= 0,
        "lt": order < 0,
        "lteq": order <= 0,
        "to": order <= 0,
    }[condition]


def _compare(value: Any, text: str) -> int:
    """-1, 0 or 1. Instants go by the second, as they are stored; text without regard to case."""
    if isinstance(value, datetime):
        mine, theirs = value.strftime("%Y-%m-%d %H:%M:%S"), text.strip()
        theirs = f"{theirs} 00:00:00" if len(theirs) == 10 else theirs
        return (mine > theirs) - (mine < theirs)
    if isinstance(value, int | float | Decimal):
        try:
            number = Decimal(text)
        except ArithmeticError:
            number = Decimal(0)  # what is no number counts as nought, as the shop's database has it
        exact = Decimal(str(int(value) if isinstance(value, bool) else value))
        return (exact > number) - (exact < number)
    mine, theirs = str(value).lower(), text.lower()
    return (mine > theirs) - (mine < theirs)


# --- fields -------------------------------------------------------------------------------------------


def trimmed(body: Any, wanted: str) -> Any:
    """An answer with only the named fields: ``items[entity_id,items[sku]],total_count``."""
    return _trim(body, _names(wanted)) if wanted else body


def _names(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    stack = [names]
    last = ""
    for token in re.findall(r"[\w]+|\[|\]|,", text):
        if token == "[":  # noqa: S105  a bracket
            stack.append(stack[-1].setdefault(last, {}) or stack[-1][last])
        elif token == "]":  # noqa: S105
            stack.pop()
        elif token != ",":  # noqa: S105
            last = token
            stack[-1][last] = {}
    return names


def _trim(value: Any, names: Mapping[str, Any]) -> Any:
    if not names:
        return value
    if isinstance(value, list):
        return [_trim(each, names) for each in value]
    if isinstance(value, dict):
        return {name: _trim(value[name], inner) for name, inner in names.items() if name in value}
    return value
