"""A part of the crash matrix, its controls, and a few random cases; and that no write is missing. The whole: ``make crash``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cogent_pipelines.outbox import points
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.ledger import postgres
from cogent_pipelines_tests.outbox.matrix import cases, scene, world
from cogent_pipelines_tests.outbox.matrix.case import Case, Result
from cogent_pipelines_tests.outbox.matrix.run import run_all
from cogent_pipelines_tests.vendors.test_pairs import PAIRS

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


def test_every_write_that_is_declared_has_its_cases() -> None:
    """Each step of each act of each vendor and manner, at every crash point and for every answer; by no list of ours."""
    declared = {
        (vendor, manner, task, write.action)
        for vendor, manner in cases.accounts()
        for task, writes in VENDORS[vendor].writes.items()
        for write in writes
    }
    assert {slug for slug, vendor in VENDORS.items() if vendor.writes} == {vendor for vendor, *_ in declared}
    found = {(case.vendor, case.manner, case.task, case.step) for case in cases.every() if case.vendor}
    assert found == declared
    struck = {(*key, point, answer) for key in declared for point in cases.POINTS for answer in cases.ANSWERS}
    played = {
        (case.vendor, case.manner, case.task, case.step, case.point, case.answer) for case in cases.every()
    }
    assert {each for each in struck - played if each[-1] != "ok"} == set()


@pytest.mark.parametrize("vendor", [slug for slug, vendor in VENDORS.items() if vendor.writes])
def test_every_write_that_is_declared_has_a_scene_and_a_world(vendor: str) -> None:
    """A vendor needs its pair; a (sync, act) that no vendor had before needs its scene."""
    assert set(VENDORS[vendor].writes) <= set(scene.SCENES)
    assert set(VENDORS[vendor].writes) <= set(world.tasks_of(world.place_of(vendor)))


def test_a_scene_of_no_vendor_is_none() -> None:
    """What no vendor writes is not played."""
    assert set(scene.SCENES) == {task for vendor in VENDORS.values() for task in vendor.writes}


def test_a_part_of_the_first_pairs_matrix_on_sqlite() -> None:
    """Killed anywhere, answered anyhow: nothing lost, doubled, stale, or called done that is not."""
    results = run_all(cases.some(1 / 40, 0, seed=1), processes=PROCESSES)
    assert bad(results) == []
    assert sum(r.was_hit for r in results) > len(results) / 2


def test_a_part_of_the_matrix_on_postgres(server: str) -> None:
    """The same on the other engine."""
    results = run_all(cases.some(1 / 70, 0, seed=2), engine="postgres", server=server, processes=PROCESSES)
    assert bad(results) == []


def test_random_faults_and_crashes_in_a_row() -> None:
    """Faults on every call, a lagging list, up to three crashes; the sweep over many seeds is a command."""
    assert bad(run_all([cases.drawn(seed, PAIRS[0]) for seed in range(6)], processes=PROCESSES)) == []


ORDERS, STOPS = ("orders_to_wms", "create"), ("cancellations_to_wms", "cancel")
RELEASES = ("cancellations_to_channel", "release")
PARCELS, SCANS = ("shipments_to_channel", "fulfil"), ("shipments_to_channel", "notify")


def test_a_release_is_done_once_wherever_it_is_killed() -> None:
    """Above all between the send and its receipt; in a slow reading it is wanted on."""
    killed = [
        Case("shopify", RELEASES, point, "ok", is_slow=is_slow)
        for point in (points.LOOKED, points.INTENT, points.SENT, points.RECEIPT, points.READ_BACK)
        for is_slow in (False, True)
    ]
    killed += [
        Case("shopify", RELEASES, points.SENT, answer) for answer in ("reset_after_effect", "half_body")
    ]
    results = run_all(killed, processes=PROCESSES)
    assert bad(results) == []
    assert all(r.was_hit for r in results)


def test_a_ledger_that_is_lost_doubles_nothing_and_leaves_nothing_half_done() -> None:
    """Also between an order's two writes, while readings do not show the order yet. Not so without look-up."""
    lost = [
        Case("veeqo", ORDERS, point, "ok", hits=hits, is_slow=True, loses_ledger=True)
        for hits in (1, 2)
        for point in (points.SENT, points.RECEIPT, points.READ_BACK, points.CLOSED)
    ]
    lost += [
        Case("shopify", task, points.SENT, "ok", is_slow=True, loses_ledger=True) for task in (PARCELS, SCANS)
    ]
    # The control is a case of the same run: the world of a pair is lived through once.
    *results, control = run_all([*lost, replace(lost[0], lookup=False)], processes=PROCESSES)
    assert all(r.was_hit for r in results)
    assert bad(results) == []
    assert control.doubled


def test_without_look_up_the_same_cases_double() -> None:
    """The control: were this green, the matrix would prove nothing."""
    lost_answer = [
        Case("veeqo", ORDERS, "", "reset_after_effect", "create_order", lookup=False, is_slow=True),
        # A fulfilment whose answer was lost is no longer wanted once the shop has been read again: that saves it too.
        Case("shopify", SCANS, points.SENT, "ok", lookup=False),
    ]
    results = run_all(
        [*(replace(case, lookup=True) for case in lost_answer), *lost_answer], processes=PROCESSES
    )
    assert bad(results[:2]) == []
    assert all(r.doubled for r in results[2:]), results


def test_without_read_back_the_same_cases_lose() -> None:
    """The other control: a yes that stores nothing is believed."""
    empty_yes = [
        Case("veeqo", STOPS, "", "stores_nothing", read_back=False),
        Case("shopify", PARCELS, "", "stores_nothing", read_back=False),
    ]
    results = run_all(
        [*(replace(case, read_back=True) for case in empty_yes), *empty_yes], processes=PROCESSES
    )
    assert bad(results[:2]) == []
    assert all(r.lost and r.silent for r in results[2:]), results


def test_every_crash_point_of_the_outbox_is_in_the_matrix() -> None:
    """A new point is a new row."""
    assert set(points.POINTS) <= {case.point for case in cases.every()}
