"""Answers of Shopify's that are not what they should be: planted faults and odd records.

Belongs here: changing finished data so that a caller meets what its documents do not promise.
Does not belong here: faults that have an effect on the shop (``world``), or which call meets which
(``kit``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogent_pipelines.sandbox.world.world import Odd

STATES = ("displayFinancialStatus", "displayFulfillmentStatus", "status")


def distorted(data: Any, fault: str, system: str, odd: Iterable[Odd]) -> Any:
    """The data as the caller gets it."""
    own = {each.record: each for each in odd if each.system == system}
    if own:
        for record in _records(data):
            strange = own.get(str(record.get("id")))
            if strange is not None and strange.field in record:
                record[strange.field] = strange.value
    if fault == "unknown_status":
        _first(data, STATES, lambda _value: "SOMETHING_NEW")
    elif fault == "wrong_type":
        _first(data, ("legacyResourceId", "quantity", "updatedAt"), lambda value: {"value": value})
    return data


def _records(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
        for value in data.values():
            if isinstance(value, (dict, list)):
                yield from _records(value)
    elif isinstance(data, list):
        for value in data:
            if isinstance(value, (dict, list)):
                yield from _records(value)


def _first(data: Any, names: Iterable[str], change: Any) -> None:
    """Change the first field of one of these names, in one record."""
    for record in _records(data):
        for name in names:
            if record.get(name) is not None:
                record[name] = change(record[name])
                return
