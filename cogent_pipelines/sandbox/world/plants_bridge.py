"""Planted faults of a bridge: flows that fail, lose, stand still, forget, or say what is not so.

Belongs here: one function per mechanism; a near-miss's name says why all is well.
Does not belong here: which family plants which (``defects``).

Each has a flow of its own, so that none hides another; but for what a flow says it moved into the warehouse, which
only the flow of orders does.
"""

from __future__ import annotations

from datetime import timedelta

from cogent_pipelines.sandbox.world import bridge as flows
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world.bridge import Bridge, BridgeFlow, FlowRun
from cogent_pipelines.sandbox.world.model import ShopOrder
from cogent_pipelines.sandbox.world.plant import Plant, Script
from cogent_pipelines.sandbox.world.plants_orders import RELEASABLE

FAILING = "no_flow_is_failing"
RECOVERED = "every_failed_payload_was_recovered"
DOWN = "503 from target: Service Unavailable"
WRONG = "sku unknown"
PAUSE = 10.0  # minutes between two runs


def _bridge(p: Plant) -> Bridge:
    return next(iter(p.world.bridges.values()))


def _flow(p: Plant, name: str) -> BridgeFlow:
    return flows.new_flow(p.world, _bridge(p), name)


def _run(p: Plant, flow: BridgeFlow, *moved: str, refused: tuple[str, ...] = (), error: str = "",
         trigger: str = "Webhook") -> FlowRun:  # fmt: skip
    carried: list[tuple[str, str | None]] = [(name, None) for name in moved]
    carried += [(name, WRONG) for name in refused]
    return flows.start(p.world, _bridge(p), flow, carried, trigger=trigger, error=error)


def _kept(p: Plant, flow: BridgeFlow, *also: str) -> None:
    system = _bridge(p).system
    p.record({"flow": f"{system}:{flow.id}"}, system=system, also=also)


def _name(p: Plant, number: int = 1) -> str:
    """A reference of a payload that is nobody's order."""
    return f"PW-{p.serial}-{number}"


# --- no_flow_is_failing -------------------------------------------------------------------------------


def every_run_fails(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    for _ in range(3):
        _run(p, flow, error=DOWN)
        yield p.minutes(PAUSE)
    _kept(p, flow)


def fails_since_a_success(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    _run(p, flow, _name(p))
    for _ in range(2):
        yield p.minutes(PAUSE)
        _run(p, flow, error=DOWN)
    yield p.minutes(1)
    _kept(p, flow)


def stopped_by_a_person_between_failures(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    _run(p, flow, error=DOWN)
    yield p.minutes(PAUSE)
    run = _run(p, flow)
    run.status, run.finished_at = flows.STOPPED, p.world.now
    yield p.minutes(PAUSE)
    _run(p, flow, error=DOWN)
    yield p.minutes(1)
    _kept(p, flow)


def failed_once_and_then_succeeded(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    _run(p, flow, error=DOWN)
    yield p.minutes(PAUSE)
    _run(p, flow, _name(p))
    _kept(p, flow)


def fails_while_it_is_switched_off(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    flows.enable(p.world, flow, is_enabled=False)
    for _ in range(2):
        _run(p, flow, error=DOWN, trigger="Manual")
        yield p.minutes(PAUSE)
    _kept(p, flow)


def stopped_by_a_person(p: Plant) -> Script:
    flow = _flow(p, "Prices to shop")
    for _ in range(2):
        run = _run(p, flow)
        run.status, run.finished_at = flows.STOPPED, p.world.now
        yield p.minutes(PAUSE)
    _kept(p, flow)


# --- no_flow_run_is_partly_lost -----------------------------------------------------------------------


def loses_one_of_three(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    _run(p, flow, _name(p, 1), _name(p, 2), refused=(_name(p, 3),))
    yield p.minutes(1)
    _kept(p, flow, RECOVERED)


def loses_all_but_one(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    _run(p, flow, _name(p, 1), refused=(_name(p, 2), _name(p, 3)))
    yield p.minutes(1)
    _kept(p, flow, RECOVERED)


def loses_one_and_so_does_its_retry(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    run = _run(p, flow, _name(p, 1), refused=(_name(p, 2),))
    yield p.minutes(1)
    flows.retry(p.world, _bridge(p), run, refusal=WRONG)
    yield p.minutes(1)
    _kept(p, flow, RECOVERED, FAILING)


def lost_one_and_was_retried_well(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    run = _run(p, flow, _name(p, 1), refused=(_name(p, 2),))
    yield p.minutes(1)
    flows.retry(p.world, _bridge(p), run)
    _kept(p, flow)


def lost_one_that_the_next_run_carried(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    _run(p, flow, _name(p, 1), refused=(_name(p, 2),))
    yield p.minutes(1)
    _run(p, flow, _name(p, 2))
    _kept(p, flow)


def succeeded_with_a_warning(p: Plant) -> Script:
    flow = _flow(p, "Returns to finance")
    flows.warn(p.world, _bridge(p), _run(p, flow, _name(p)), "weight missing, 0 taken")
    yield p.minutes(1)
    _kept(p, flow)


# --- no_queue_is_stalled ------------------------------------------------------------------------------


def queue_stands_still(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    flows.stall(p.world, _bridge(p), flow)
    _kept(p, flow)
    yield p.minutes(1)


def waits_for_a_flow_that_is_off(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    flows.enable(p.world, flow, is_enabled=False)
    flows.wait(p.world, _bridge(p), flow)
    _kept(p, flow)
    yield p.minutes(1)


def _by_schedule(p: Plant, flow: BridgeFlow) -> Script:
    for _ in range(6):
        _run(p, flow, trigger="Schedule")
        yield p.minutes(PAUSE)


def schedule_stops(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    yield from _by_schedule(p, flow)
    yield p.minutes(PAUSE)  # by now the next is late
    _kept(p, flow)


def waits_for_a_moment(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    flows.stall(p.world, _bridge(p), flow)
    yield p.minutes(PAUSE)
    flows.take_up(p.world, _bridge(p), flow)
    _kept(p, flow)


def queue_is_long_and_moves(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    flows.stall(p.world, _bridge(p), flow, 9)
    for _ in range(9):
        _run(p, flow, trigger="API")
        yield p.minutes(PAUSE)
    flows.take_up(p.world, _bridge(p), flow)
    _kept(p, flow)


def schedule_ends_because_it_was_switched_off(p: Plant) -> Script:
    flow = _flow(p, "Customers to mail")
    yield from _by_schedule(p, flow)
    flows.enable(p.world, flow, is_enabled=False)
    _kept(p, flow)


# --- every_failed_payload_was_recovered ---------------------------------------------------------------


def payload_refused_and_forgotten(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    _run(p, flow, refused=(_name(p),))
    yield p.minutes(1)
    _kept(p, flow, FAILING)


def another_was_carried_in_its_place(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    _run(p, flow, refused=(_name(p, 1), _name(p, 2)))
    yield p.minutes(1)
    _run(p, flow, _name(p, 1))
    _kept(p, flow)


def deleted_before_anybody_could_copy_it(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    run = _run(p, flow, refused=(_name(p),))
    for each in _bridge(p).payloads.values():
        if each.run_id == run.id:  # it had waited in a shape of the flow
            each.at -= flows.PAYLOADS_KEPT + timedelta(hours=1)
    yield p.minutes(1)
    _run(p, flow)
    _kept(p, flow)


def payload_retried_well(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    run = _run(p, flow, refused=(_name(p),))
    yield p.minutes(PAUSE)
    flows.retry(p.world, _bridge(p), run)
    _kept(p, flow)


def payload_sent_again_by_hand(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    _run(p, flow, refused=(_name(p),))
    yield p.minutes(PAUSE)
    _run(p, flow, _name(p), trigger="Manual")
    _kept(p, flow)


def warned_of_a_payload_and_carried_it(p: Plant) -> Script:
    flow = _flow(p, "Items to warehouse")
    flows.warn(p.world, _bridge(p), _run(p, flow, _name(p)), "barcode missing")
    yield p.minutes(1)
    _kept(p, flow)


# --- flow_success_matches_the_target ------------------------------------------------------------------


def _says(p: Plant, *references: str) -> None:
    """Have the flow of orders say it moved these."""
    flow = _bridge(p).carrier(flows.ORDERS)
    if flow is not None:
        _run(p, flow, *references, trigger="Manual")


def _ordered(p: Plant, order: ShopOrder, *also: str) -> None:
    p.record({"order": order.name}, system=_bridge(p).system, also=also)


def said_to_have_moved_an_unpaid_order(p: Plant) -> Script:
    order = p.place(payment="pending")
    _says(p, order.name)
    yield p.minutes(1)
    _ordered(p, order, RELEASABLE)


def one_of_a_batch_never_arrived(p: Plant) -> Script:
    there, lost = p.place(), p.place(payment="pending")
    p.plan(there, pick_minutes=240)
    yield p.released(there)
    _says(p, there.name, lost.name)
    _ordered(p, lost, RELEASABLE)


def said_to_have_moved_what_nobody_ordered(p: Plant) -> Script:
    _says(p, _name(p))
    yield p.minutes(1)
    p.record({"order": _name(p)}, system=_bridge(p).system)


def said_and_it_is_there(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    _says(p, order.name)
    _ordered(p, order)


def said_without_its_mark_and_it_is_there(p: Plant) -> Script:
    order = p.place()
    yield p.released(order)
    _says(p, order.name.lstrip("#"))
    _ordered(p, order)


def said_and_cancelled_since(p: Plant) -> Script:
    order = p.place(payment="authorised")
    shops.cancel_order(p.world, p.shop, order.id)
    _says(p, order.name)
    yield p.minutes(1)
    _ordered(p, order)
