"""What the tests over the sandbox do to the process they run in."""

from __future__ import annotations

from contextlib import ExitStack

from cogent_pipelines import clock
from cogent_pipelines_tests.vendors import sandbox_kit


def test_who_stands_still_last_gives_the_clock_back() -> None:
    """Accounts end in any order, and every later test of the process would stand still with a clock that is kept."""
    real = clock.now
    first, second = ExitStack(), ExitStack()
    first.enter_context(sandbox_kit.standing_still())
    second.enter_context(sandbox_kit.standing_still())
    first.close()
    assert clock.now != real
    second.close()
    assert clock.now == real
