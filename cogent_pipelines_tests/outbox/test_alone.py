"""Writes that may not go beside others: how many batches are sent together."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.connect.spec import Lookup, Request, Write
from cogent_pipelines.outbox.engine import _together
from cogent_pipelines.outbox.send import Batch


def batch(is_alone: bool) -> Batch:
    """A batch of a write that is alone or not."""
    lookup = Lookup(lambda _wants, _system: [], lambda _want, _answers: None)
    write = Write("set", lambda *_: Request("PUT", "/x"), lambda *_: [], lookup, is_alone=is_alone)
    return Batch((), write, Request("PUT", "/x"), "", "")


@pytest.mark.parametrize(
    ("batches", "expected"),
    [("....", 3), ("..", 3), ("a...", 1), ("aa", 1), (".a..", 1), ("..a", 2), ("...a", 3)],
)
def test_a_write_that_is_alone_goes_by_itself(batches: str, expected: int) -> None:
    """Three at most, fewer where ``a`` follows, which is alone."""
    made: list[Any] = [batch(letter == "a") for letter in batches]
    assert _together(made, 3) == expected
