"""Processes that stop in the middle and wake up late, and two that work at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from cogent_pipelines.outbox import points
from cogent_pipelines_tests.outbox.loop import Loop


@pytest.fixture
def frozen_at() -> Iterator[Callable[[str, Callable[[], None]], None]]:
    """Freeze this process the first time it passes a point; meanwhile ``others`` happens."""

    def freeze(point: str, others: Callable[[], None]) -> None:
        passed: list[str] = []

        def hook(name: str) -> None:
            if name == point and not passed:
                passed.append(name)
                # In a thread of its own: another process would have an event loop of its own.
                thread = threading.Thread(target=others)
                thread.start()
                thread.join()

        points.arm(hook)

    yield freeze
    points.arm(None)


@pytest.mark.parametrize(
    "point", [points.CLAIMED, points.LOOKED, points.INTENT, points.RECEIPT, points.READ_BACK, points.CLOSED]
)
def test_a_process_that_slept_through_its_lease_does_nothing_late(
    loop: Loop, frozen_at: Callable[[str, Callable[[], None]], None], point: str
) -> None:
    """Another took over and finished; the sleeper sends nothing and its writes are refused."""
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.pulled()
    loop.plan()

    def others() -> None:
        for _ in range(5):
            loop.move_on(200)
            loop.verify()
            loop.deliver()

    frozen_at(point, others)
    report = loop.deliver()
    assert loop.states() == {"1001": "verified", "1002": "verified"}
    assert loop.wms.effects() == {"1001": 1, "1002": 1}
    late = sum(tally.refused_as_late for tally in report.systems.values())
    assert late > 0 or point == points.CLOSED
    loop.until_quiet(3)
    assert loop.wms.effects() == {"1001": 1, "1002": 1}


def test_a_process_that_slept_while_levels_changed_overwrites_nothing(
    loop: Loop, frozen_at: Callable[[str, Callable[[], None]], None]
) -> None:
    """Asleep between intent and send, with an older wish in its hand."""
    loop.shop.levels = {"a": 9}
    loop.wanted.want_levels(loop.shop, a=7)
    loop.wanted.pulled()
    loop.plan("stock_to_channel")

    def others() -> None:
        for _ in range(4):
            loop.move_on(200)
            loop.wanted.want_levels(loop.shop, a=3)
            loop.wanted.pulled()
            loop.move_on(1)
            loop.plan("stock_to_channel")
            loop.verify()
            loop.deliver()

    frozen_at(points.INTENT, others)
    loop.deliver()
    assert loop.shop.levels == {"a": 3}


def test_two_workers_at_once_send_everything_once(loop: Loop) -> None:
    """Two runs overlap, as two daemons of one retailer might."""
    loop.wanted.want_orders(*(str(number) for number in range(1000, 1040)))
    loop.wanted.pulled()
    loop.plan()
    workers = [threading.Thread(target=lambda: loop.deliver(limit=10)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    loop.until_quiet(4)
    assert set(loop.wms.effects().values()) == {1}
    assert set(loop.states().values()) == {"verified"}


def test_an_interrupted_run_gives_back_what_it_had_not_sent(loop: Loop) -> None:
    """Ctrl-C: what its round had not begun with waits for no lease."""
    # Whoever started the tests in the background may have had Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    loop.wms.before_send = lambda request: os.kill(os.getpid(), signal.SIGINT)
    loop.wanted.want_orders(*(str(number) for number in range(1000, 1100)))
    loop.wanted.pulled()
    loop.plan()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.deliver()
    finally:
        signal.signal(signal.SIGINT, before)
    states = list(loop.states().values())
    assert states.count("waiting") > 50
    loop.wms.before_send = lambda request: None
    loop.until_quiet(8)
    assert set(loop.states().values()) == {"verified"}
    assert set(loop.wms.effects().values()) == {1}
