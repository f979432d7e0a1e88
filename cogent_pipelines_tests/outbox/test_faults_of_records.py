"""One record's trouble is its own: vendor functions that stumble over it delay nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Found, Want
from cogent_pipelines_tests.outbox import target
from cogent_pipelines_tests.outbox.loop import Loop

KEY = ("orders_to_wms", "create")


def stumble(want: Want, *rest: Any) -> Any:
    """What a vendor's function does with a record it does not expect."""
    if want.reference == "1001":
        raise KeyError("a field that is not there")
    return rest[-1]


@pytest.mark.parametrize("part", ["done", "guard", "found", "receipts", "requests"])
def test_whatever_part_of_a_vendor_file_stumbles_the_neighbours_go(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The record itself is rejected or tried until it is dead, with the kind of fault in its message."""
    create, allocate = target.VENDOR.writes[KEY]

    def done(want: Want, found: Found) -> bool:
        return stumble(want, True)

    def guard(want: Want, found: Found | None) -> None:
        stumble(want, None)

    changed = {
        "done": lambda: replace(create, done=done),
        "guard": lambda: replace(create, guard=guard),
        "found": lambda: replace(
            create,
            lookup=replace(
                create.lookup, found=lambda w, a: stumble(w, target._found_order(w, a)), listing=None
            ),
        ),
        "receipts": lambda: replace(create, receipts=lambda w, a: stumble(w[0], target._receipt(w, a))),
        "requests": lambda: replace(
            create,
            lookup=replace(
                create.lookup,
                requests=lambda w, s: stumble(w[0], target._by_number(w, s)),
                listing=None,
            ),
        ),
    }[part]()
    writes = {**target.VENDOR.writes, KEY: (changed, allocate)}
    monkeypatch.setattr(target, "VENDOR", replace(target.VENDOR, writes=writes))
    loop.wanted.want_orders("1001", "1002", "1003")
    loop.until_quiet(3)
    states = loop.states()
    assert states["1002"] == states["1003"] == "verified"
    assert states["1001"] != "verified" or part == "receipts"
    assert loop.wms.effects()["1001"] <= 1
