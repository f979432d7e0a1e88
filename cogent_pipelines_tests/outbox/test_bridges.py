"""A sync and the flows of a bridge: held until what did its work before is known to be off, and what carries it to be on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cogent_pipelines import clock
from cogent_pipelines.connect.spec import Request, Stream
from cogent_pipelines.estate import Estate
from cogent_pipelines.vendors import registry
from cogent_pipelines_tests.ledger.fixtures import START
from cogent_pipelines_tests.outbox.loop import Loop
from cogent_pipelines_tests.outbox.target import VENDOR, estate

ENABLED, UNKNOWN = "held previous_writer_enabled", "held previous_writer_unknown"


def with_bridge(sync: str = "orders_to_wms", **part: Any) -> Estate:
    """The retailer of these tests, with a bridge that is read every five minutes."""
    data = msgspec.to_builtins(estate(**{sync: part}))
    data["syncs"] = {name: {**each, "from": each["from"]} for name, each in data["syncs"].items()}
    data["systems"]["bridge"] = {"vendor": "bridge", "role": "bridge", "url": "http://127.0.0.1"}
    data["cadence"]["flows"] = "5m"
    return msgspec.convert(data, Estate)


@pytest.fixture
def beside(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """A loop whose orders a flow sent before; its flows were read just now."""
    streams = (Stream("flows", lambda _w, _s: Request("GET", "/flows"), entity="flows"),)
    monkeypatch.setitem(registry.VENDORS, "bridge", replace(VENDOR, slug="bridge", streams=streams))  # type: ignore[arg-type]
    loop.estate = with_bridge(was="bridge/88")
    loop.wanted.run(
        "CREATE TABLE marts.flows (system VARCHAR, flow_id VARCHAR, name VARCHAR, is_enabled BOOLEAN, "
        "gone_at TIMESTAMPTZ, status_code VARCHAR, oldest_waiting_at TIMESTAMPTZ)"
    )
    loop.wanted.want_orders("1001")
    return loop


def flows(loop: Loop, *states: bool | None, is_complete: bool = True, **more: Any) -> None:
    """The flows of the bridge were read just now: these, of one number and name."""
    loop.wanted.run("DELETE FROM marts.flows")
    for state in states:
        row: Mapping[str, Any] = {
            "system": "bridge", "flow_id": "88", "name": "orders", "gone_at": None, "status_code": "deployed",
            "oldest_waiting_at": None, **more,
        }  # fmt: skip
        names = ("system", "flow_id", "name", "is_enabled", "gone_at", "status_code", "oldest_waiting_at")
        loop.wanted.run(
            "INSERT INTO marts.flows VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [({**row, "is_enabled": state})[name] for name in names],
        )
    loop.wanted.run(
        "INSERT INTO ops.pulls VALUES ('bridge', 'flows', 'full', $1, $2, '')", [clock.now(), is_complete]
    )


def test_beside_a_flow_that_is_on_everything_is_held_and_nothing_is_sent(beside: Loop) -> None:
    """However often it is looked."""
    flows(beside, True)
    beside.until_quiet(3)
    report = beside.plan()
    assert beside.states() == {"1001": ENABLED}
    assert report.held == {"previous_writer_enabled": 1}
    assert beside.wms.calls == []


def test_when_the_flow_is_off_and_that_was_read_the_next_look_lets_it_go(beside: Loop) -> None:
    """Once."""
    flows(beside, True)
    beside.tick()
    flows(beside, False)
    beside.until_quiet()
    assert beside.states() == {"1001": "verified"}
    assert beside.wms.effects() == {"1001": 1}


def test_a_flow_that_is_off_holds_nothing(beside: Loop) -> None:
    """Nor does one that was deleted."""
    flows(beside, False)
    beside.until_quiet()
    assert beside.states() == {"1001": "verified"}
    beside.wanted.want_orders("1002")
    flows(beside, True, gone_at=clock.now())
    beside.until_quiet()
    assert beside.states()["1002"] == "verified"


@pytest.mark.parametrize("other", [{"flow_id": "89"}, {"system": "another"}])
def test_a_flow_that_is_not_there_is_not_off(beside: Loop, other: dict) -> None:
    """A number that is misspelt, a bridge of another name."""
    flows(beside, False, **other | {"name": "stock"})
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}


@pytest.mark.parametrize(("states", "said"), [((None,), UNKNOWN), ((False, None), UNKNOWN), ((None, True), ENABLED)])  # fmt: skip
def test_of_several_of_a_name_all_must_be_off(beside: Loop, states: tuple, said: str) -> None:
    """One that does not say is not off."""
    beside.estate = with_bridge(was="bridge/orders")
    flows(beside, *states)
    beside.tick()
    assert beside.states() == {"1001": said}


def test_flows_that_were_never_read_are_not_off(beside: Loop) -> None:
    """Whatever the mart says, or without one."""
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}
    beside.wanted.run("DROP TABLE marts.flows")
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}


def test_flows_that_cannot_be_read_any_more_are_not_off(beside: Loop) -> None:
    """A reading that broke off, or none for long: held again, and let go once it is known."""
    flows(beside, False)
    beside.move_on(1)
    flows(beside, False, is_complete=False)
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}
    flows(beside, False)
    beside.move_on(timedelta(minutes=26))
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}
    flows(beside, False)
    beside.until_quiet()
    assert beside.wms.effects() == {"1001": 1}


def test_a_bridge_of_which_nobody_reads_flows_is_not_known(beside: Loop) -> None:
    """Its connector has no such stream."""
    beside.estate = msgspec.convert(
        msgspec.to_builtins(beside.estate)
        | {"systems": {**msgspec.to_builtins(beside.estate)["systems"], "bridge": {"vendor": "plain", "role": "bridge", "url": "http://127.0.0.1"}}},
        Estate,
    )  # fmt: skip
    flows(beside, False)
    beside.tick()
    assert beside.states() == {"1001": UNKNOWN}


def test_a_flow_that_is_switched_on_between_plan_and_send_holds(beside: Loop) -> None:
    """It is read again before anything goes out."""
    flows(beside, False)
    beside.wanted.pulled()
    beside.plan()
    assert beside.states() == {"1001": "waiting"}
    flows(beside, True)
    beside.deliver()
    assert beside.states() == {"1001": ENABLED}
    assert beside.wms.effects() == {}


def test_what_is_in_doubt_is_looked_for_and_not_sent_again(beside: Loop) -> None:
    """Sent, and not there: it goes again when the flow is off once more."""
    flows(beside, False)
    beside.wms.wrongs = [("/orders", "lost")]
    beside.tick()
    assert beside.states()["1001"].startswith("sent")
    for _ in range(8):
        flows(beside, True)
        beside.tick()
    assert beside.wms.count("POST", "/orders") == 1
    assert beside.states() == {"1001": ENABLED}
    flows(beside, False)
    beside.until_quiet()
    assert beside.wms.effects() == {"1001": 1}


def test_what_is_half_done_is_not_finished_beside_it(beside: Loop) -> None:
    """An order that was made and not allocated waits, and is finished afterwards."""
    flows(beside, False)
    beside.wms.wrongs = [("/allocations", "throttled")]
    beside.tick()
    made = beside.wms.count("POST", "/allocations")
    for _ in range(4):
        flows(beside, True)
        beside.tick()
    assert beside.wms.count("POST", "/allocations") == made
    assert beside.wms.orders[0]["facility"] is None
    flows(beside, False)
    beside.until_quiet()
    assert beside.states() == {"1001": "verified"}


def test_what_has_a_reason_of_its_own_keeps_it(beside: Loop) -> None:
    """A person mends that as well."""
    flows(beside, True)
    beside.wanted.want_orders("1001", held_by="unknown_sku")
    beside.tick()
    assert beside.states() == {"1001": "held unknown_sku"}


def test_another_sync_goes_on(beside: Loop) -> None:
    """The flow did the work of one."""
    beside.estate = with_bridge("stock_to_channel", was="bridge/88")
    flows(beside, True)
    beside.until_quiet()
    assert beside.states() == {"1001": "verified"}


def test_in_shadow_the_plan_says_what_would_be_held(beside: Loop) -> None:
    """And writes nothing."""
    beside.estate = with_bridge(was="bridge/88", mode="shadow")
    flows(beside, True)
    beside.wanted.pulled()
    assert beside.plan().held == {"previous_writer_enabled": 1}
    assert beside.states() == {}


# --- the flow that carries a sync ---------------------------------------------------------------------------------


CLOSED, UNKNOWN_ROUTE = "held route_closed", "held route_unknown"


def said_of_a_route(loop: Loop) -> str:
    """Why what is wanted is held; "" where it is not."""
    loop.estate = with_bridge(via="bridge/88")
    loop.wanted.pulled()
    loop.plan()
    state = loop.states()["1001"]
    return "" if state == "waiting" else state


def test_a_route_that_is_on_lets_go(beside: Loop) -> None:
    """Deployed, and nothing has waited for it for long."""
    flows(beside, True, oldest_waiting_at=clock.now() - timedelta(minutes=29))
    assert said_of_a_route(beside) == ""


@pytest.mark.parametrize(
    "flow",
    [
        {"state": False},
        {"status_code": "inactive"},
        {"gone_at": START},
        {"oldest_waiting_at": START - timedelta(minutes=31)},
    ],
)
def test_a_route_that_would_not_carry_it_holds(beside: Loop, flow: dict) -> None:
    """Switched off, not deployed, deleted, or standing still."""
    flows(beside, flow.pop("state", True), **flow)
    assert said_of_a_route(beside) == CLOSED


def test_a_route_nobody_can_see_holds(beside: Loop) -> None:
    """Never read, of another number, not saying whether it is on, or read too long ago."""
    assert said_of_a_route(beside) == UNKNOWN_ROUTE
    flows(beside, True, flow_id="89", name="88")
    assert said_of_a_route(beside) == UNKNOWN_ROUTE
    flows(beside, None)
    assert said_of_a_route(beside) == UNKNOWN_ROUTE
    flows(beside, True)
    beside.move_on(timedelta(minutes=26))
    assert said_of_a_route(beside) == UNKNOWN_ROUTE


def test_nothing_is_sent_to_the_target_itself_where_the_bridge_has_no_client(beside: Loop) -> None:
    """It is due, and says why it does not go."""
    flows(beside, True)
    assert said_of_a_route(beside) == ""
    assert beside.deliver().not_sent == {"orders_to_wms -> wms": "no client"}
    assert beside.wms.calls == []
