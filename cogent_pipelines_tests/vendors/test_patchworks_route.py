"""A bridge as the route of a sync: its flow makes the calls, and the warehouse alone says what came of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogent_pipelines.ledger import books
from cogent_pipelines.outbox import points
from cogent_pipelines.sandbox.world import bridge as rules
from cogent_pipelines.sandbox.world.bridge import FlowRun
from cogent_pipelines.sandbox.world.world import Flaw
from cogent_pipelines_tests.vendors import pair_kit, sandbox_kit
from cogent_pipelines_tests.vendors.pair_kit import Pair
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, THIRD, WMS

LINES = [{"sku": "SKU-0001", "quantity": 2}]
FLOW = 92
START = "POST /flows/{id}/start/raw"


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A retailer whose orders go to the warehouse by a flow of the bridge, after a first look."""
    with (
        sandbox_kit.standing_still(),
        pair_kit.opened(
            tmp_path_factory.mktemp("routed"),
            "shopify",
            "veeqo",
            others={THIRD: "patchworks"},
            syncs={"orders_to_wms": {"via": f"{THIRD}/{FLOW}"}},
        ) as made,
    ):
        made.look()
        yield made


class Killed(BaseException):
    """The process is gone."""


def ordered(pair: Pair) -> str:
    """A paid order, planned and not sent yet."""
    name = str(pair.do(SHOP, "place_order", lines=LINES, location=1001)["order"])
    pair.read()
    return name


def runs(pair: Pair, order: str = "") -> list[FlowRun]:
    """What the flow has run, or of it what succeeded with an order."""
    made = [run for run in pair.world.bridges[THIRD].runs.values() if run.flow_id == FLOW]
    return [run for run in made if not order or order in run.references]


def waiting(pair: Pair) -> int:
    """How many calls wait for the flow."""
    return len(pair.world.bridges[THIRD].waiting)


def records(pair: Pair, order: str) -> int:
    """How often the warehouse has an order."""
    return int(pair.truth()["orders"][order]["records"])


def state(pair: Pair, order: str) -> str:
    """Of the promise of an order, by the ledger itself."""
    (number,) = pair.shop.by_name[order]
    states = books.states(pair.book, "orders_to_wms")
    ((said, reason),) = [each for (_, key), each in states.items() if f":{number}@" in f"{key}@"]
    return f"{said} {reason}".strip()


def settled(pair: Pair, order: str, times: int = 12) -> str:
    """The state of an order once it is done or refused, or after so many looks with time between."""
    for _ in range(times):
        if state(pair, order).partition(" ")[0] in ("verified", "rejected"):
            break
        pair.move_on(150)
        pair.pull_of(THIRD, "flows", "flow_runs", "queue")  # it must be known that the flow is on
        pair.carry_out()
    return state(pair, order)


def writes_of_ours(pair: Pair) -> int:
    """Calls to the warehouse itself that may change anything."""
    calls = pair.sandbox.kit.counters.calls
    return sum(number for key, number in calls.items() if WMS in str(key) and "GET" not in str(key))


def test_an_order_goes_by_the_flow_and_is_done_when_the_warehouse_shows_it(routed: Pair) -> None:
    """Made and allocated by two runs that carry our reference; nothing is sent to the warehouse itself."""
    order = ordered(routed)
    assert settled(routed, order) == "verified"
    assert [run.status for run in runs(routed, order)] == [rules.SUCCESS] * 2
    assert (records(routed, order), writes_of_ours(routed)) == (1, 0)
    assert (routed.truth()["lost"], routed.truth()["doubled"]) == ([], [])


def test_an_acceptance_is_no_effect(routed: Pair) -> None:
    """While it waits in the queue it is not done, not sent again, and not given up."""
    order = ordered(routed)
    routed.do(THIRD, "stall", flow=FLOW, waiting=0)
    assert settled(routed, order, 4).startswith("sent")
    assert (waiting(routed), records(routed, order)) == (1, 0)
    routed.world.bridges[THIRD].flows[FLOW].is_stalled = False
    assert settled(routed, order) == "verified"
    assert (records(routed, order), len(runs(routed, order))) == (1, 2)


def test_a_flow_that_is_off_holds_and_is_let_go_by_the_look_that_reads_it_is_on(routed: Pair) -> None:
    """Nothing is given to it meanwhile."""
    routed.do(THIRD, "enable", flow=FLOW, is_enabled=False)
    order = ordered(routed)
    routed.carry_out()
    assert (state(routed, order), waiting(routed)) == ("held route_closed", 0)
    routed.do(THIRD, "enable", flow=FLOW)
    routed.read()
    assert settled(routed, order) == "verified"
    assert records(routed, order) == 1


@pytest.mark.parametrize(
    "kind", ["reset_after_effect", "gateway_timeout_after_effect", "reset_before_send", "error_500"]
)
def test_whatever_becomes_of_the_answer_it_is_done_once(routed: Pair, kind: str) -> None:
    """Of the start, twice in a row."""
    routed.strike(THIRD, START, kind, times=2)
    order = ordered(routed)
    assert settled(routed, order) == "verified"
    assert (records(routed, order), len(runs(routed, order))) == (1, 2)
    assert routed.truth()["doubled"] == []


def test_a_crash_between_send_and_receipt_doubles_nothing(routed: Pair) -> None:
    """The flow was started and nobody heard: found at the warehouse, once it has arrived."""
    order = ordered(routed)

    def crash(point: str) -> None:
        if point == points.SENT:
            raise Killed

    points.arm(crash)
    try:
        with pytest.raises(Killed):
            routed.carry_out()
    finally:
        points.arm(None)
    assert waiting(routed) == 1
    assert settled(routed, order) == "verified"
    assert (records(routed, order), len(runs(routed, order))) == (1, 2)


def test_a_lost_run_goes_again_only_when_warehouse_runs_and_queue_lack_it(routed: Pair) -> None:
    """As long as one of them cannot be read it is not sent again, however long it is missing."""
    order = ordered(routed)
    before = len(runs(routed))
    routed.do(THIRD, "stall", flow=FLOW, waiting=0)
    routed.carry_out()
    assert waiting(routed) == 1
    routed.do(THIRD, "lose", flow=FLOW)
    routed.world.bridges[THIRD].flows[FLOW].is_stalled = False
    for system, operation in (
        (THIRD, "GET /scheduled-flows"),
        (THIRD, "GET /flow-runs"),
        (WMS, "GET /orders"),
    ):
        routed.strike(system, operation, "forbidden", times=1000)
        assert settled(routed, order, 3).startswith("sent"), operation
        assert (waiting(routed), len(runs(routed)), records(routed, order)) == (0, before, 0), operation
        routed.sandbox.kit.faults.outages.clear()
    assert settled(routed, order) == "verified"
    assert (records(routed, order), len(runs(routed, order))) == (1, 2)


def test_a_run_that_failed_is_refused_in_the_words_of_its_log(routed: Pair) -> None:
    """A person mends what it says; nothing is retried in the bridge."""
    order = ordered(routed)
    routed.world.arm(Flaw(WMS, "create_order", order, "refuse", "Customer is blocked"))
    assert settled(routed, order) == "rejected run_failed"
    assert records(routed, order) == 0
    routed.read()
    ((message,),) = routed.rows("SELECT message FROM ops.operations WHERE state = 'rejected'")
    assert "Customer is blocked" in message
    assert {run.trigger for run in runs(routed)} == {"API"}


SAID = "flow_success_matches_the_target"
FAILED = "every_failed_payload_was_recovered"


@pytest.mark.parametrize(("effect", "rule", "other"), [("nothing", SAID, FAILED), ("refuse", FAILED, SAID)])
def test_what_became_of_an_order_is_shown_by_the_flow_that_made_the_call(
    routed: Pair, effect: str, rule: str, other: str
) -> None:
    """It says it moved what the warehouse answered to and did not store, and keeps what the warehouse refused."""
    order = ordered(routed)
    routed.world.arm(Flaw(WMS, "create_order", order, effect, "Customer is blocked"))
    settled(routed, order)
    routed.move_on(2 * 3600)
    routed.read()
    routed.read()  # what a run failed on is known by one reading, and its payload by the next
    shown = {each: routed.rows(f"SELECT detail FROM rules.{each}") for each in (rule, other)}
    assert any(order in detail for (detail,) in shown[rule])
    assert not any(order in detail for (detail,) in shown[other])
