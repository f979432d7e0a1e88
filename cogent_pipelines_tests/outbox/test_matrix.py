"""A tenth of the crash matrix, its controls, and a few random cases. The whole: ``make crash``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cogent_pipelines.outbox import points
from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import cases
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.run import run_all

pytestmark = pytest.mark.crash
PROCESSES = 1 if os.environ.get("PYTEST_XDIST_WORKER") else 2


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A Postgres of this module's own."""
    with postgres.server() as url:
        if url is None:
            pytest.skip(postgres.WHY_NOT)
        yield url


def bad(results: list[Result]) -> list[str]:
    """What is not as it must be, readably."""
    return [
        f"{r.case}: {r.lost=} {r.doubled=} {r.stale=} {r.silent=} {r.error}" for r in results if not r.is_good
    ]


def test_a_twelfth_of_the_matrix_on_sqlite() -> None:
    """Killed anywhere, answered anyhow: nothing lost, doubled, stale, or called done that is not."""
    results = run_all(cases.some(1 / 12, seed=1), processes=PROCESSES)
    assert bad(results) == []
    assert sum(r.was_hit for r in results) > len(results) / 2


def test_a_part_of_the_matrix_on_postgres(server: str) -> None:
    """The same on the other engine."""
    results = run_all(cases.some(1 / 50, seed=2), engine="postgres", server=server, processes=PROCESSES)
    assert bad(results) == []


def test_random_faults_and_crashes_in_a_row() -> None:
    """Faults on every call, a lagging list, up to three crashes; the sweep over many seeds is a command."""
    assert bad(run_all([cases.drawn(seed) for seed in range(6)], processes=PROCESSES)) == []


def test_a_ledger_that_is_lost_doubles_nothing_and_leaves_nothing_half_done() -> None:
    """Also between an order's two writes, while readings do not show the order yet. Not so without look-up."""
    lost = [
        Case("orders", point, "ok", hits=hits, is_slow=True, loses_ledger=True)
        for hits in (1, 2)
        for point in (points.SENT, points.RECEIPT, points.READ_BACK, points.CLOSED)
    ]
    lost += [
        Case(scene, points.SENT, "ok", is_slow=True, loses_ledger=True) for scene in ("shipments", "notices")
    ]
    results = run_all(lost, processes=PROCESSES)
    assert all(r.was_hit for r in results)
    assert bad(results) == []
    (control,) = run_all([replace(lost[0], lookup=False)])
    assert control.doubled


def test_without_look_up_the_same_cases_double() -> None:
    """The control: were this green, the matrix would prove nothing."""
    lost_answer = [
        Case("orders", "", "reset_after_effect", "POST /orders", lookup=False, is_slow=True),
        # A fulfilment whose answer was lost is no longer wanted once the shop has been read again: that saves it too.
        Case("notices", "after send, before receipt", "ok", "fulfillmentTrackingInfoUpdate", lookup=False),
    ]
    assert bad(run_all([replace(case, lookup=True) for case in lost_answer], processes=PROCESSES)) == []
    results = run_all(lost_answer, processes=PROCESSES)
    assert all(r.doubled for r in results), results


def test_without_read_back_the_same_cases_lose() -> None:
    """The other control: a yes that stores nothing is believed."""
    empty_yes = [
        Case("cancellations", "", "stores_nothing", "PUT /orders/{id}/cancel", read_back=False),
        Case("shipments", "", "stores_nothing", "fulfillmentCreate", read_back=False),
    ]
    assert bad(run_all([replace(case, read_back=True) for case in empty_yes], processes=PROCESSES)) == []
    results = run_all(empty_yes, processes=PROCESSES)
    assert all(r.lost and r.silent for r in results), results


def test_every_crash_point_of_the_outbox_is_in_the_matrix() -> None:
    """A new point is a new row."""
    assert set(points.POINTS) <= {case.point for case in cases.every()}
