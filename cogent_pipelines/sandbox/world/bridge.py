"""A bridge: a service in which the retailer's flows run. It keeps what each run did, for a while.

Belongs here: flows, their runs, logs and payloads, what waits; what people do to a flow.
Does not belong here: moving what the older integration moves (it does, and tells), HTTP (``vendors``).

Where the world has a bridge, the older integration runs as flows in it: one for orders, one for parcels, one for stock.
A run follows what happened; where some of what it carried was refused it lost a part. A fourth flow is switched off, and a
fifth makes in the warehouse the call that it is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox import edges

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.world import World

STARTED, SUCCESS, FAILURE, STOPPED, PARTIAL = 1, 2, 3, 4, 5
LOGS_KEPT, PAYLOADS_KEPT, TRACKED_KEPT = timedelta(days=7), timedelta(hours=72), timedelta(days=15)
TAKES = timedelta(seconds=4)
ORDERS, SHIPMENTS, STOCK, RETURNS = "orders", "shipments", "stock", "returns"
FLOWS = ((88, "Shop orders to warehouse", ORDERS), (89, "Despatches to shop", SHIPMENTS),
         (90, "Stock to shop", STOCK), (91, "Returns to warehouse", RETURNS))  # fmt: skip
CALLS = (92, "Calls to warehouse")
ADDED, PICKED = (
    30.0,
    5.0,
)  # seconds until what is asked for is in the queue's next round, and until that is taken up


@dataclass(slots=True)
class BridgeFlow:
    id: int
    name: str
    carries: str
    created_at: datetime
    updated_at: datetime
    version_id: int
    status: str = "Deployed"  # Draft, Inactive, Deployed
    is_enabled: bool = True
    is_stalled: bool = False  # what is asked of it waits
    calls: bool = False  # it makes the call that it is given


@dataclass(slots=True)
class FlowRun:
    id: int
    flow_id: int
    version_id: int
    trigger: str
    started_at: datetime
    status: int = STARTED
    finished_at: datetime | None = None
    summary: str | None = None
    retry_of: int | None = None
    references: list[str] = field(default_factory=list)  # what it moved
    has_warnings: bool = False


@dataclass(slots=True)
class RunLog:
    id: int
    run_id: int
    at: datetime
    level: str
    message: str
    payload_id: int | None = None


@dataclass(slots=True)
class Payload:
    id: int
    run_id: int
    version_id: int
    at: datetime
    content: bytes


@dataclass(slots=True)
class Waiting:
    id: int
    flow_id: int
    version_id: int
    trigger: str
    at: datetime
    content: bytes = b""
    run_id: int = 0  # the run it will be, where that was told


@dataclass(slots=True)
class Bridge:
    system: str
    flows: dict[int, BridgeFlow] = field(default_factory=dict)
    runs: dict[int, FlowRun] = field(default_factory=dict)  # in the order in which they began
    logs: dict[int, list[RunLog]] = field(default_factory=dict)  # by run
    payloads: dict[int, Payload] = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)

    def carrier(self, what: str) -> BridgeFlow | None:
        """Give the flow that carries a kind of thing."""
        return next((flow for flow in self.flows.values() if flow.carries == what), None)


def new_bridge(system: str, at: datetime) -> Bridge:
    """A bridge with the retailer's flows; that of returns is switched off."""
    bridge = Bridge(system)
    for number, name, what in FLOWS:
        is_enabled = what != RETURNS
        bridge.flows[number] = BridgeFlow(number, name, what, at, at, number + 824, is_enabled=is_enabled)
    number, name = CALLS
    bridge.flows[number] = BridgeFlow(number, name, "", at, at, number + 824, calls=True)
    return bridge


# --- what happens ---------------------------------------------------------------------------------------


def may_run(world: World, what: str) -> bool:
    """Say whether what is to be carried is carried now: every bridge's flow for it is switched on and moves."""
    flows = [flow for bridge in world.bridges.values() if (flow := bridge.carrier(what)) is not None]
    return all(flow.is_enabled and flow.status == "Deployed" and not flow.is_stalled for flow in flows)


def ran(
    world: World, what: str, carried: Sequence[tuple[str, str | None]], *, trigger: str = "Schedule"
) -> None:
    """Note a run that carried these: (order number or "", why it was refused or None)."""
    for bridge in world.bridges.values():
        flow = bridge.carrier(what)
        if flow is not None:
            start(world, bridge, flow, carried, trigger=trigger)


def start(
    world: World,
    bridge: Bridge,
    flow: BridgeFlow,
    carried: Sequence[tuple[str, str | None]],
    *,
    trigger: str,
    retry_of: int | None = None,
    contents: Mapping[str, bytes] | None = None,
    error: str = "",
    takes: timedelta = TAKES,
) -> FlowRun:
    """Begin a run, which ends a few seconds later as what it carried was taken; with an error of its own it fails."""
    run = FlowRun(
        world.new_id(f"{bridge.system}/run", 501_001),
        flow.id,
        flow.version_id,
        trigger,
        world.now,
        retry_of=retry_of,
    )
    bridge.runs[run.id] = run
    logs = bridge.logs.setdefault(run.id, [])
    for reference, refusal in carried:
        if refusal is None:
            run.references += [reference] if reference else []
            continue
        content = (contents or {}).get(reference) or json.dumps(_payload(world, reference)).encode()
        payload = Payload(
            world.new_id(f"{bridge.system}/payload", 7001), run.id, flow.version_id, world.now, content
        )
        bridge.payloads[payload.id] = payload
        logs.append(_log(world, bridge, run, f"422 from target: {refusal}", payload.id))
    logs.append(_log(world, bridge, run, f"{len(run.references)} operations sent"))
    refused = sum(refusal is not None for _, refusal in carried)
    ends = SUCCESS if not refused else FAILURE if refused == len(carried) else PARTIAL
    if error:
        logs.append(_log(world, bridge, run, error, level="ERROR"))
        ends, refused = FAILURE, refused + 1
    world.after(takes.total_seconds(), lambda: _end(run, ends, refused, world.now))
    return run


def _end(run: FlowRun, status: int, refused: int, at: datetime) -> None:
    if run.status == STARTED:
        run.status, run.finished_at = status, at
        run.summary = f"{refused} error{'s' if refused > 1 else ''}" if refused else None


def _log(
    world: World, bridge: Bridge, run: FlowRun, message: str, payload: int | None = None, *, level: str = ""
) -> RunLog:
    number = world.new_id(f"{bridge.system}/log", 9001)
    told = level or ("INFO" if payload is None else "ERROR")
    return RunLog(number, run.id, world.now, told, message, payload)


def _payload(world: World, reference: str) -> dict[str, Any]:
    """What a flow carries of an order: with the person in it."""
    for shop in world.shops.values():
        for key in shop.by_name.get(reference, ()):
            order = shop.orders[key]
            address = order.address
            return {
                "order_ref": reference,
                "email": order.email,
                "ship_to": {"name": f"{address.first_name} {address.last_name}", "line1": address.line1},
                "lines": [{"sku": line.sku, "qty": line.quantity} for line in order.lines],
            }
    return {"order_ref": reference}


def is_deleted(world: World, payload: Payload) -> bool:
    """Say whether the bridge has deleted a payload."""
    return world.now - payload.at > PAYLOADS_KEPT


# --- making calls ---------------------------------------------------------------------------------------


def give(world: World, bridge: Bridge, flow: BridgeFlow, content: bytes) -> int:
    """Put a call into the queue of a flow that makes calls: the id of the run that will make it."""
    waiting = wait(world, bridge, flow, content)
    waiting.run_id = world.new_id(f"{bridge.system}/run", 501_001)
    world.after(ADDED + PICKED, lambda: _pick(world, bridge, waiting))
    return waiting.run_id


def _pick(world: World, bridge: Bridge, waiting: Waiting) -> None:
    """Take up what waits, unless it was taken out of the queue; later, if its flow does not move."""
    flow = bridge.flows[waiting.flow_id]
    if waiting.id not in bridge.waiting:
        return
    if flow.is_stalled or not flow.is_enabled or flow.status != "Deployed":
        world.after(ADDED, lambda: _pick(world, bridge, waiting))
        return
    del bridge.waiting[waiting.id]
    run = FlowRun(waiting.run_id, flow.id, flow.version_id, waiting.trigger, world.now)
    bridge.runs[run.id] = run
    bridge.logs[run.id] = []
    world.after(TAKES.total_seconds(), lambda: _call(world, bridge, run, waiting.content))


def _call(world: World, bridge: Bridge, run: FlowRun, content: bytes) -> None:
    """Make the call in the warehouse, and end as it was answered."""
    code, answer = _answered(world, content)
    if code < 300:
        run.references.append(str(json.loads(content).get("order_ref", "")))
        bridge.logs[run.id].append(_log(world, bridge, run, "1 operations sent"))
        _end(run, SUCCESS, 0, world.now)
        return
    number = world.new_id(f"{bridge.system}/payload", 7001)
    bridge.payloads[number] = Payload(number, run.id, run.version_id, world.now, content)
    bridge.logs[run.id].append(_log(world, bridge, run, f"{code} from target: {json.dumps(answer)}", number))
    _end(run, FAILURE, 1, world.now)


def _answered(world: World, content: bytes) -> tuple[int, Any]:
    system = next(iter(world.warehouses), "")
    posted = edges.of(world.settings.systems[system]).posted if system else None
    try:
        call = json.loads(content)
        method, path, payload = call["method"], call["path"], call["payload"]
    except (ValueError, TypeError, KeyError):
        return 422, "the payload is no call"
    return (501, "no connector") if posted is None else posted(world, system, method, path, payload)


# --- what people do to it -------------------------------------------------------------------------------


def enable(world: World, flow: BridgeFlow, *, is_enabled: bool) -> None:
    """Switch a flow on or off."""
    flow.is_enabled, flow.updated_at = is_enabled, world.now


def switch_off(world: World) -> None:
    """Switch off every flow the older integration runs in: it has been taken out of use."""
    for bridge in world.bridges.values():
        for flow in bridge.flows.values():
            if flow.carries:
                enable(world, flow, is_enabled=False)


def wait(
    world: World, bridge: Bridge, flow: BridgeFlow, content: bytes = b"", trigger: str = "API"
) -> Waiting:
    """Put something into the queue of a flow."""
    found = Waiting(
        world.new_id(f"{bridge.system}/waiting", 3301), flow.id, flow.version_id, trigger, world.now, content
    )
    bridge.waiting[found.id] = found
    return found


def new_flow(world: World, bridge: Bridge, name: str) -> BridgeFlow:
    """Add a flow that carries nothing of what the older integration does."""
    number = world.new_id(f"{bridge.system}/flow", 101)
    made = BridgeFlow(number, f"{name} {number}", "", world.now, world.now, number + 824)
    bridge.flows[number] = made
    return made


def warn(world: World, bridge: Bridge, run: FlowRun, message: str) -> None:
    """Have a run warn of a payload that it carried all the same."""
    reference = run.references[0] if run.references else ""
    payload = Payload(
        world.new_id(f"{bridge.system}/payload", 7001),
        run.id,
        run.version_id,
        world.now,
        json.dumps(_payload(world, reference)).encode(),
    )
    bridge.payloads[payload.id] = payload
    bridge.logs[run.id].append(_log(world, bridge, run, message, payload.id, level="WARNING"))
    run.has_warnings = True


def take_up(world: World, bridge: Bridge, flow: BridgeFlow) -> None:
    """Have what waits for a flow run."""
    flow.is_stalled = False
    for each in [each for each in bridge.waiting.values() if each.flow_id == flow.id]:
        del bridge.waiting[each.id]
        start(world, bridge, flow, [], trigger=each.trigger)


def stall(world: World, bridge: Bridge, flow: BridgeFlow, waiting: int = 3) -> None:
    """Have a flow take up nothing any more, with so much that waits for it."""
    flow.is_stalled = True
    for _ in range(waiting):
        wait(world, bridge, flow)


def retry(world: World, bridge: Bridge, run: FlowRun, *, refusal: str | None = None) -> FlowRun:
    """Run what failed again, in the version it ran in: as a new run, at once."""
    flow = bridge.flows[run.flow_id]
    found = [bridge.payloads[log.payload_id] for log in bridge.logs.get(run.id, ()) if log.payload_id]
    contents = {str(json.loads(each.content).get("order_ref", "")): each.content for each in found}
    again = start(
        world, bridge, flow, [(name, refusal) for name in contents] or [("", refusal)],
        trigger="Retry", retry_of=run.id, contents=contents,
    )  # fmt: skip
    again.version_id = run.version_id
    return again


def _flow(bridge: Bridge, args: Mapping[str, Any]) -> BridgeFlow:
    if int(args["flow"]) not in bridge.flows:
        raise ValueError(f"{bridge.system} has no flow {args['flow']!r}")
    return bridge.flows[int(args["flow"])]


def _run_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    carried: list[tuple[str, str | None]] = [(str(name), None) for name in args.get("moved", ())]
    carried += [(str(name), str(args.get("refusal", "sku unknown"))) for name in args.get("refused", ())]
    trigger, takes = str(args.get("trigger", "Schedule")), timedelta(seconds=float(args.get("seconds", 4)))
    run = start(world, bridge, _flow(bridge, args), carried, trigger=trigger, takes=takes)
    return {"run": run.id}


def _stop_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    """Stop a run that goes on."""
    _end(bridge.runs[int(args["run"])], STOPPED, 0, world.now)
    return {}


def _retry_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    run = retry(world, bridge, bridge.runs[int(args["run"])], refusal=args.get("refusal"))
    return {"run": run.id}


def _enable_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    enable(world, _flow(bridge, args), is_enabled=bool(args.get("is_enabled", True)))
    return {}


def _stall_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    stall(world, bridge, _flow(bridge, args), int(args.get("waiting", 3)))
    return {}


def _lose_verb(world: World, bridge: Bridge, args: Mapping[str, Any]) -> Any:
    """Take what waits for a flow out of the queue, as if it had never been asked for."""
    del world
    flow = _flow(bridge, args)
    lost = [each.id for each in bridge.waiting.values() if each.flow_id == flow.id]
    for number in lost:
        del bridge.waiting[number]
    return {"lost": len(lost)}


VERBS = {
    "lose": _lose_verb,
    "run": _run_verb,
    "stop": _stop_verb,
    "retry": _retry_verb,
    "enable": _enable_verb,
    "stall": _stall_verb,
}
