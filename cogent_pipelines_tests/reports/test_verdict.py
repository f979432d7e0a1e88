"""The days are judged by the sandbox's truth: lost, doubled, defects found and missed, false alarms."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.ledger import messages
from cogent_pipelines.ledger.exceptions import Found
from cogent_pipelines.reports import books, verdict
from cogent_pipelines.reports.verdict import Judged
from cogent_pipelines.sandbox.world.defects import FAMILIES
from cogent_pipelines.sandbox.world.plant import NOT_CARRIED, SAID_MOVED
from cogent_pipelines.sandbox.world.world import World
from cogent_pipelines_tests.reports.fixtures import NOW, Kept, at, row, stop_clock
from cogent_pipelines_tests.sandbox import worlds
from cogent_pipelines_tests.sandbox.worlds import SMALL, make

HELD = "every_paid_order_can_be_released"
TWICE = "no_order_is_in_the_warehouse_twice"


class Sandbox:
    """What the sandbox's control would answer."""

    def __init__(self) -> None:
        self.truth: dict[str, Any] = {
            "at": NOW.isoformat(),
            "seed": 7,
            "systems": {},
            "parcels": {},
            "lost": [],
            "doubled": [],
            "stale": [],
        }
        self.counters: dict[str, Any] = {"calls": [{"count": 40}, {"count": 2}], "faults": []}
        self.defects: dict[str, Any] = {"defects": [], "waiting": [], "families": {}}
        self.inbox: dict[str, Any] = {"slack": [], "customers": {}}
        self.intake: dict[str, Any] = {}

    def ask(self, path: str) -> Any:
        return getattr(self, path)

    def lose(self, reference: str, **overrides: Any) -> None:
        one = {
            "thing": "order",
            "is": "lost",
            "reference": reference,
            "planted": False,
            "units": {"SKU-1": 1},
        }
        self.truth["lost"].append(one | {"placed_at": at("04 08:00").isoformat()} | overrides)

    def double(self, reference: str, **overrides: Any) -> None:
        one = {
            "thing": "order",
            "is": "doubled",
            "reference": reference,
            "planted": False,
            "sent_by": ["api", "api"],
        }
        self.truth["doubled"].append(one | overrides)

    def plant(
        self, family: str, keys: dict[str, str], *, is_near_miss: bool = False, **overrides: Any
    ) -> None:
        number = len(self.defects["defects"]) + 1
        one = {
            "id": f"defect-{number:04d}",
            "family": family,
            "mechanism": "by_hand",
            "is_near_miss": is_near_miss,
            "system": "web_uk",
            "keys": keys,
            "planted_at": at("04 08:00").isoformat(),
            "since_at": at("04 08:00").isoformat(),
            "expected_by": at("04 09:00").isoformat(),
            "until_at": None,
            "repair": "stays",
            "also": [],
        }
        self.defects["defects"].append(one | overrides)


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox in which all is well."""
    return Sandbox()


def judge(kept: Kept, sandbox: Sandbox) -> Judged:
    """The days, judged."""
    return verdict.judge(kept.place, kept.estate_file, sandbox.ask)


# --- lost and doubled -------------------------------------------------------------------------------------


def test_an_order_the_books_hold_for_done_and_the_warehouse_lacks_is_lost(
    kept: Kept, sandbox: Sandbox
) -> None:
    """That is the one thing that must never be."""
    kept.promise(kept.order("1"), "verified")
    sandbox.lose("#1")
    found = judge(kept, sandbox)
    assert [one["reference"] for one in found.lost] == ["#1"]
    assert not found.is_well


def test_an_order_we_never_read_is_lost_once_it_is_older_than_our_reading(
    kept: Kept, sandbox: Sandbox
) -> None:
    """Placed before the last whole pull and not in it: lost. Placed after it: not read yet."""
    kept.order("1", cancelled_at=at("04 10:00"))
    sandbox.lose("#2", placed_at=at("04 11:00").isoformat())
    sandbox.lose("#3", placed_at=at("04 11:58").isoformat())
    found = judge(kept, sandbox)
    assert [one["reference"] for one in found.lost] == ["#2"]
    assert found.known == {"not read yet": 1}


@pytest.mark.parametrize("state", ["held", "waiting", "rejected", "dead"])
def test_an_order_the_books_know_is_under_way_is_not_lost(kept: Kept, sandbox: Sandbox, state: str) -> None:
    """Somebody knows where it is."""
    kept.promise(kept.order("1"), state, reason="invalid" if state in ("held", "rejected") else "")
    sandbox.lose("#1")
    found = judge(kept, sandbox)
    assert found.lost == ()
    assert found.known == {state: 1}


def test_an_order_that_vanished_under_an_open_exception_is_not_lost(kept: Kept, sandbox: Sandbox) -> None:
    """It was there, a person deleted it, and its owner was told."""
    kept.promise(kept.order("1"), "verified")
    kept.found("every_paid_order_reached_a_warehouse", row("web_uk:1", "vanished_from_target"))
    sandbox.lose("#1", why="taken away")
    assert judge(kept, sandbox).known == {"open exception": 1}


def test_a_parcel_that_left_after_our_reading_is_not_lost(kept: Kept, sandbox: Sandbox) -> None:
    """One that left before it, and that nobody told the shop of, is."""
    kept.promise(kept.order("1"), "verified")
    kept.pulled(0, system="wms_uk", vendor="veeqo")
    sandbox.lose("#1", thing="shipment")
    left = {"order": "#1", "despatched_at": at("04 11:00").isoformat()}
    sandbox.truth["parcels"] = {"wms_uk:1": left}
    assert len(judge(kept, sandbox).lost) == 1
    sandbox.truth["parcels"] = {"wms_uk:1": left | {"despatched_at": at("04 11:59").isoformat()}}
    assert judge(kept, sandbox).known == {"not read yet": 1}


def test_a_double_of_ours_is_not_well_and_one_of_somebody_else_is_theirs(
    kept: Kept, sandbox: Sandbox
) -> None:
    """Who sent last made it two; what the planter made is for the rules to find."""
    sandbox.double("#1")
    sandbox.double("#2", sent_by=["api", "old_integration"])
    sandbox.double("#3", planted=True)
    sandbox.plant(TWICE, {"order": "#3"})
    found = judge(kept, sandbox)
    assert [one["reference"] for one in found.doubled] == ["#1"]
    assert found.by_others == 2
    assert not found.is_well


def test_stale_levels_nobody_knows_of_are_counted_apart(kept: Kept, sandbox: Sandbox) -> None:
    """A level our own sums say is wrong is known; a planted item's is the planter's."""
    level = {"system": "web_uk", "location": 1001, "available": 5, "expected": 4, "planted": False}
    sandbox.truth["stale"] = [
        level | {"sku": "SKU-1"},
        level | {"sku": "SKU-2"},
        level | {"sku": "SKU-9", "planted": True},
    ]
    known = {"channel_stock_key": "web_uk:1", "system": "web_uk", "sku": "SKU-1", "location_id": "1001"}
    kept.put("marts.channel_levels", known | {"expected_qty": 4, "channel_qty": 5})
    found = judge(kept, sandbox)
    assert [one["sku"] for one in found.stale] == ["SKU-2"]
    assert found.known_stale == 2


def test_a_sale_of_what_another_channel_had_sold_is_an_oversell_once_the_level_should_have_been_set(
    kept: Kept, sandbox: Sandbox
) -> None:
    """Within two readings nobody could know; what is planted is the planter's."""
    sale = {
        "system": "web_trade",
        "sku": "SKU-1",
        "order": "7",
        "units": 1,
        "seconds": 30.0,
        "planted": False,
    }
    sandbox.truth["oversold"] = [sale, sale | {"seconds": 90_000.0, "planted": True}]
    found = judge(kept, sandbox)
    assert (found.oversold, found.in_flight, found.is_well) == ((), 1, True)
    assert "oversold 0 (1 while a level was on its way)" in " ".join(
        verdict.page(found, days=1, ticks=1, failed=0, wall=1).split()
    )
    sandbox.truth["oversold"].append(sale | {"seconds": 90_000.0})
    found = judge(kept, sandbox)
    assert ([row["seconds"] for row in found.oversold], found.is_well) == ([90_000.0], False)


# --- defects ----------------------------------------------------------------------------------------------


def test_a_planted_defect_is_found_by_any_of_its_names(kept: Kept, sandbox: Sandbox) -> None:
    """The planter names a number, a parcel, a SKU; our keys are other words for them."""
    kept.order("1")
    kept.put("marts.items", {"item_key": "web_uk:i7", "system": "web_uk", "item_id": "i7", "sku": "SKU-7 "})
    record = {
        "warehouse_order_key": "wms_uk:900",
        "system": "wms_uk",
        "warehouse_order_id": "900",
        "reference": "#1",
    }
    kept.put("marts.warehouse_orders", record)
    kept.put(
        "marts.shipments",
        {"shipment_key": "wms_uk:44", "shipment_id": "44", "warehouse_order_key": "wms_uk:900"},
    )
    kept.found(HELD, row("web_uk:1"))
    kept.found("every_parcel_has_carrier_and_tracking", Found("wms_uk:44", "no_tracking", "wms_uk"))
    kept.found(
        "every_channel_sku_exists_in_the_warehouse", Found("web_uk:i7", "missing", "web_uk", "web_uk:i7")
    )
    sandbox.plant(HELD, {"order": "#1"})
    sandbox.plant("every_parcel_has_carrier_and_tracking", {"shipment": "44"})
    sandbox.plant("every_channel_sku_exists_in_the_warehouse", {"sku": "sku-7"})
    found = judge(kept, sandbox).defects
    assert len(found.found) == 3
    assert found.missed == ()
    assert found.false == ()


def test_a_defect_found_and_repaired_counts_as_found(kept: Kept, sandbox: Sandbox) -> None:
    """An exception that has closed was an exception."""
    kept.order("1")
    kept.found(HELD, row("web_uk:1"))
    stop_clock(NOW + timedelta(minutes=1))
    kept.found(HELD)
    sandbox.plant(HELD, {"order": "#1"})
    assert len(judge(kept, sandbox).defects.found) == 1


def test_a_defect_nobody_found_is_missed_once_it_was_due(kept: Kept, sandbox: Sandbox) -> None:
    """One whose window has not passed is neither found nor missed."""
    sandbox.plant(HELD, {"order": "#1"})
    sandbox.plant(HELD, {"order": "#2"}, expected_by=(NOW + timedelta(hours=1)).isoformat())
    found = judge(kept, sandbox).defects
    assert [one["keys"] for one in found.missed] == [{"order": "#1"}]
    assert [one["keys"] for one in found.early] == [{"order": "#2"}]
    assert found.families[HELD].recall == 0


def test_what_fell_due_after_the_last_look_is_not_missed(kept: Kept, sandbox: Sandbox) -> None:
    """The days end some time after the rules were last judged; what was due by then and not found is."""
    kept.found(TWICE)  # the last look, which found nothing
    sandbox.truth["at"] = (NOW + timedelta(hours=1)).isoformat()
    sandbox.plant(HELD, {"order": "#1"}, expected_by=NOW.isoformat())
    sandbox.plant(HELD, {"order": "#2"}, expected_by=(NOW + timedelta(minutes=20)).isoformat())
    found = judge(kept, sandbox).defects
    assert [one["keys"] for one in found.missed] == [{"order": "#1"}]
    assert [one["keys"] for one in found.early] == [{"order": "#2"}]


def test_a_level_we_put_right_in_time_is_neither_found_nor_missed(kept: Kept, sandbox: Sandbox) -> None:
    """The integration did its work before anybody had to be told; without its work the defect is missed."""
    stock = {"channel_stock_key": "web_uk:s7", "system": "web_uk", "sku": "SKU-7"}
    kept.put("marts.channel_stock", stock)
    rule = "channel_stock_equals_what_is_available"
    sandbox.plant(rule, {"sku": "SKU-7"}, repair="repaired")
    assert len(judge(kept, sandbox).defects.missed) == 1
    level = {"sync": "stock_to_channel", "system": "web_uk", "act": "set", "order_key": None}
    kept.promise("s7", "verified", business_key="web_uk:s7", **level)
    found = judge(kept, sandbox).defects
    assert (len(found.repaired), len(found.missed)) == (1, 0)
    assert found.families[rule].recall is None


@pytest.mark.parametrize(
    ("order", "state", "repaired"),
    [("1", "verified", ["#1"]), ("1", "waiting", []), ("2", "verified", [])],
    ids=["released", "not yet released", "another was released"],
)
def test_an_order_we_released_in_time_is_neither_found_nor_missed(
    kept: Kept, sandbox: Sandbox, order: str, state: str, repaired: list[str]
) -> None:
    """What the warehouse gave up of it is free again before anybody had to be told."""
    rule = "every_warehouse_cancellation_reached_the_channel"
    keys = {number: kept.order(number) for number in ("1", "2")}
    sandbox.plant(rule, {"order": "#1"}, repair="repaired")
    release = {"sync": "cancellations_to_channel", "system": "web_uk", "act": "release"}
    kept.promise(keys[order], state, **release)
    found = judge(kept, sandbox).defects
    assert [one["keys"]["order"] for one in found.repaired] == repaired
    assert [one["keys"]["order"] for one in found.missed] == ([] if repaired else ["#1"])


def test_an_order_we_released_before_it_was_planted_is_missed(kept: Kept, sandbox: Sandbox) -> None:
    """Then we put something else right."""
    rule = "every_warehouse_cancellation_reached_the_channel"
    release = {"sync": "cancellations_to_channel", "system": "web_uk", "act": "release"}
    kept.promise(kept.order("1"), "verified", **release)
    later = (NOW + timedelta(minutes=1)).isoformat()
    sandbox.plant(rule, {"order": "#1"}, repair="repaired", since_at=later, expected_by=NOW.isoformat())
    found = judge(kept, sandbox).defects
    assert (len(found.repaired), len(found.missed)) == (0, 1)


def test_another_rules_exception_does_not_find_a_defect_but_is_explained_by_it(
    kept: Kept, sandbox: Sandbox
) -> None:
    """A missing item holds the order as well; the planter says so."""
    kept.order("1")
    kept.found(TWICE, row("web_uk:1", "same_reference", exception_key="#1"))
    sandbox.plant(HELD, {"order": "#1"}, also=[TWICE])
    sandbox.plant(TWICE, {"order": "#9"})
    found = judge(kept, sandbox).defects
    assert len(found.missed) == 2
    assert found.false == ()


BRIDGES = tuple(name for name, family in FAMILIES.items() if family.of_bridges)


@pytest.fixture(scope="module")
def bridged() -> World:
    """A world whose orders a bridge carries, with a planter."""
    systems = {**SMALL.systems, "bridge": "patchworks"}
    return make(SMALL, systems=systems, orders=0, old_integration=1.0, defects=1, families=SAID_MOVED)


@pytest.mark.parametrize(
    ("family", "mechanism", "shown"),
    [
        ("every_paid_order_reached_a_warehouse", "refused_by_the_warehouse", set(NOT_CARRIED)),
        ("every_change_was_carried_out", "warehouse_breaks_on_it", set(NOT_CARRIED)),
        (HELD, "never_paid", set()),
        (HELD, "no_postcode", set()),
        ("every_refund_has_its_return", "", set()),
    ],
)
def test_an_alarm_of_a_bridge_rule_about_an_order_planted_with_something_unrelated_is_false(
    kept: Kept, sandbox: Sandbox, bridged: World, family: str, mechanism: str, shown: set[str]
) -> None:
    """A bridge shows what it failed on, and what it says it moved and is not there; of any other order nothing."""
    bridged.planter.plant(family, mechanism)
    worlds.play(bridged, days=3)
    order = next(one for one in reversed(bridged.planter.listing()["defects"]) if one["family"] == family)
    name = order["keys"]["order"]
    sandbox.defects["defects"].append(json.loads(json.dumps(order, default=datetime.isoformat)))
    for rule in BRIDGES:
        sandbox.plant(rule, {"order": "#0"})
        about = f"Calls to warehouse, of {name}"
        kept.found(rule, Found(f"bridge:{name}", "told", "bridge", "bridge:92", since_at=NOW, detail=about))
    found = judge(kept, sandbox).defects
    assert {one["rule"] for one in found.false} == set(BRIDGES) - shown


def test_an_exception_of_a_near_miss_is_a_false_alarm(kept: Kept, sandbox: Sandbox) -> None:
    """What only looks like a fault must not be reported."""
    kept.order("1")
    kept.order("11")
    kept.found(HELD, row("web_uk:11"))
    sandbox.plant(HELD, {"order": "#11"}, is_near_miss=True)
    sandbox.plant(HELD, {"order": "#1"})
    found = judge(kept, sandbox).defects
    assert [one["near_miss"] for one in found.false] == ["defect-0001 by_hand"]
    assert found.families[HELD].precision == 0
    assert len(found.missed) == 1


def test_an_exception_of_a_rule_that_nothing_in_a_demo_breaks_is_a_false_alarm(
    kept: Kept, sandbox: Sandbox
) -> None:
    """Nobody takes our stores away there."""
    kept.found("no_store_or_reading_was_lost", row("web_uk:orders"))
    sandbox.plant(HELD, {"order": "#1"})
    (told,) = judge(kept, sandbox).defects.false
    assert told["rule"] == "no_store_or_reading_was_lost"


def test_an_exception_of_a_rule_that_nothing_here_could_break_is_a_false_alarm(
    kept: Kept, sandbox: Sandbox
) -> None:
    """What was wanted of the planter and had no place in this world; what was not wanted is not judged."""
    kept.order("1")
    kept.found("every_order_value_agrees", row("web_uk:1", "currency"))
    kept.found("no_customer_is_doubled", row("web_uk:1", "same_mail"))
    sandbox.defects["nowhere"] = ["every_order_value_agrees"]
    (told,) = judge(kept, sandbox).defects.false
    assert told["rule"] == "every_order_value_agrees"


def test_an_exception_a_fault_explains_is_not_false(kept: Kept, sandbox: Sandbox) -> None:
    """A request that broke off delays its order; without any fault the same exception is false."""
    promise = kept.promise(kept.order("1"), "waiting")
    kept.attempt(promise, "retry", message="answered 500")
    kept.found("every_paid_order_reached_a_warehouse", row("web_uk:1", "not_in_warehouse"))
    sandbox.plant("every_paid_order_reached_a_warehouse", {"order": "#9"})
    assert len(judge(kept, sandbox).defects.false) == 1
    sandbox.counters["faults"] = [
        {"kind": "error_500", "system": "wms_uk", "operation": "POST /orders", "count": 1}
    ]
    assert judge(kept, sandbox).defects.false == ()


@pytest.mark.parametrize(
    ("outcome", "met_at", "is_false"),
    [
        ("retry", NOW, False),
        ("unknown", NOW, False),
        ("refused", NOW, True),
        ("retry", NOW + timedelta(minutes=5), True),
    ],
    ids=["told to come again", "no answer", "refused", "only later"],
)
def test_only_a_call_that_did_not_come_through_before_is_a_fault_that_explains(
    kept: Kept, sandbox: Sandbox, outcome: str, met_at: datetime, is_false: bool
) -> None:
    """A refusal is the target's answer to what we sent; a fault met later delayed nothing yet."""
    promise = kept.promise(kept.order("1"), "waiting")
    kept.found("every_paid_order_reached_a_warehouse", row("web_uk:1", "not_in_warehouse"))
    stop_clock(met_at)
    kept.attempt(promise, outcome, message="no")
    sandbox.counters["faults"] = [
        {"kind": "error_500", "system": "wms_uk", "operation": "POST /orders", "count": 1}
    ]
    sandbox.plant("every_paid_order_reached_a_warehouse", {"order": "#9"})
    assert bool(judge(kept, sandbox).defects.false) == is_false


def test_a_refusal_is_not_explained_by_a_call_that_broke_off_before_it(kept: Kept, sandbox: Sandbox) -> None:
    """What is stuck is; the answer that came in the end is an answer to what we sent."""
    promise = kept.promise(kept.order("1"), "waiting")
    kept.attempt(promise, "retry", message="answered 500")
    sandbox.counters["faults"] = [
        {"kind": "error_500", "system": "wms_uk", "operation": "POST /orders", "count": 1}
    ]
    sandbox.plant(REFUSED, {"order": "#9"})
    kept.found(REFUSED, row("web_uk:1", "stuck"))
    assert judge(kept, sandbox).defects.false == ()
    kept.found(REFUSED, row("web_uk:1", "rejected", exception_key="another:web_uk:1@LEEDS"))
    assert [one["cause"] for one in judge(kept, sandbox).defects.false] == ["rejected"]


AWAY = {
    "system": "wms_uk",
    "since_at": at("04 06:00").isoformat(),
    "expected_by": at("04 08:00").isoformat(),
    "until_at": at("04 08:00").isoformat(),
}
UNSENT = "every_paid_order_reached_a_warehouse"
REFUSED = "every_change_was_carried_out"


@pytest.mark.parametrize(
    ("rule", "cause", "opens", "closes", "is_false"),
    [
        (UNSENT, "not_in_warehouse", "04 07:00", True, False),
        (UNSENT, "not_in_warehouse", "04 05:50", True, True),
        (UNSENT, "not_in_warehouse", "04 09:10", True, False),
        (UNSENT, "not_in_warehouse", "04 10:10", True, True),
        (UNSENT, "not_in_warehouse", "04 07:00", False, True),
        (REFUSED, "stuck", "04 07:00", False, False),
        (REFUSED, "rejected", "04 07:00", True, True),
        ("no_two_orders_are_the_same_basket", "same_basket", "04 07:00", True, True),
    ],
    ids=[
        "while it was away",
        "opened before",
        "before it was read three times",
        "long after",
        "still open",
        "given up meanwhile",
        "a refusal",
        "nothing an absence delays",
    ],
)
def test_an_outage_explains_what_it_held_up_and_no_more(
    kept: Kept, sandbox: Sandbox, rule: str, cause: str, opens: str, closes: bool, is_false: bool
) -> None:
    """What opened from its beginning until the system was read whole a third time after it, and is right again."""
    for hour in ("08:30", "09:00", "10:00"):
        read = {
            "started_at": at(f"04 {hour}"),
            "finished_at": at(f"04 {hour}"),
            "window_to": at(f"04 {hour}"),
        }
        kept.pulled(0, system="wms_uk", vendor="veeqo", **read)
    stop_clock(at(opens))
    kept.found(rule, row("web_uk:1", cause, since_at=at(opens)))
    stop_clock()
    if closes:
        kept.found(rule)
    sandbox.plant("every_feed_is_up_to_date", {"system": "wms_uk", "feed": "orders"}, **AWAY)
    sandbox.plant(rule, {"order": "#9"})
    assert [one["rule"] for one in judge(kept, sandbox).defects.false] == ([rule] if is_false else [])


def test_a_flow_that_fails_is_explained_by_an_order_it_failed_on_before(kept: Kept, sandbox: Sandbox) -> None:
    """Its exception goes by the orders of the payloads; what it failed on later, or another flow did, explains nothing."""
    for number, flow, failed in (("7", "92", "04 11:00"), ("8", "92", "04 12:30"), ("9", "93", "04 11:00")):
        run = {"flow_run_key": f"bridge:r{number}", "system": "bridge", "flow_key": f"bridge:{flow}"}
        failure = {
            "failure_key": f"bridge:f{number}",
            "system": "bridge",
            "flow_run_key": run["flow_run_key"],
        }
        kept.put_all(
            ("marts.flow_runs", [run]),
            (
                "marts.flow_failures",
                [failure | {"failed_at": at(failed), "payload_references": [f"#{number}"]}],
            ),
        )
    rule = "no_flow_is_failing"
    kept.found(
        rule, Found("bridge:92", "keeps_failing", "bridge", "bridge:92", since_at=NOW, detail="2 runs")
    )
    sandbox.plant(rule, {"flow": "bridge:101"})
    for number, others in (("8", 1), ("9", 1), ("7", 0)):
        sandbox.plant(REFUSED, {"order": f"#{number}"}, also=[rule])
        assert len(judge(kept, sandbox).defects.false) == others, number


def test_a_fault_of_a_whole_system_is_matched_by_its_time(kept: Kept, sandbox: Sandbox) -> None:
    """Each outage of a feed is a defect; what stood before one began is none of it."""
    rule = "every_feed_is_up_to_date"
    kept.found(rule, Found("wms_uk:orders", "late", "wms_uk", "wms_uk:orders", since_at=NOW))
    for begun, ended in (("06:00", "07:00"), ("11:30", "12:30"), ("12:10", "13:10")):
        until = at(f"04 {ended}").isoformat()
        sandbox.plant(
            rule,
            {"system": "wms_uk", "feed": "orders"},
            system="wms_uk",
            since_at=at(f"04 {begun}").isoformat(),
            expected_by=until,
            until_at=until,
        )
    found = judge(kept, sandbox).defects
    assert [one["id"] for one in found.found] == ["defect-0002"]
    assert found.false == ()


# --- messages and the page --------------------------------------------------------------------------------


def test_messages_are_counted_where_they_arrive(kept: Kept, sandbox: Sandbox) -> None:
    """The inbox, not the ledger, says what people got; a cause nobody was told of is named."""
    kept.found(HELD, row("web_uk:1"), row("web_uk:2", "bad_address"))
    with kept.ledger() as ledger, ledger.write() as writing:
        messages.queue(
            writing, messages.Message("k", HELD, "unknown_sku", "opened", "operations", "error", {})
        )
    one = {"channel": "operations", "message": {"text": "Orders are held"}, "at": NOW.isoformat()}
    sandbox.inbox["slack"] = [one, one, one | {"channel": "data"}]
    told = judge(kept, sandbox).messages
    assert (told.received, told.repeated, told.causes) == (3, 1, 1)
    assert told.silent == (f"{HELD} (bad address)",)


def test_the_page_fits_a_terminal_and_ends_with_what_lets_an_order_go(kept: Kept, sandbox: Sandbox) -> None:
    """Under 40 lines, no text wider than 100 columns; commands are never cut."""
    release = {
        "business_key": "web_uk:1@LEEDS",
        "order_key": "web_uk:1",
        "place": "LEEDS",
        "facility": "LEEDS",
        "warehouse_system": "wms_uk",
        "ready_at": at("04 08:01"),
        "held_by": "unmapped_delivery_option",
        "held_detail": "Same Day Bike",
    }
    kept.order("1", delivery_option="Same Day Bike")
    kept.put("marts.releases", release)
    kept.put("marts.delivery_methods", {"system": "wms_uk", "delivery_method_id": "11", "name": "Standard"})
    kept.found(HELD, row("web_uk:1", "unmapped_delivery_option", amount=Decimal(20), currency="GBP"))
    for number in range(9):
        kept.found("every_despatch_was_captured", row(f"web_uk:{number}", "c"), owner=f"owner_{number}")
        sandbox.lose(f"#{number + 50}")
    sandbox.counters["faults"] = [
        {"kind": f"kind_of_fault_{n}", "system": "s", "operation": "o", "count": n + 1} for n in range(9)
    ]
    sandbox.plant(HELD, {"order": "#1"})
    page = verdict.page(judge(kept, sandbox), days=3, ticks=72, failed=1, wall=252, peak=512_400_000)
    text = page.splitlines()
    assert len(text) < 40
    assert max(len(line) for line in text if "$ " not in line) <= 100
    assert "3 days of trade until 2026-11-04 12:00 UTC, seed 7: 72 looks, 1 FAILED in 4 min 12 s" in page
    assert "time at 1,029 times the wall's, at most 512 MB of memory" in " ".join(page.split())
    assert "lost 9 and doubled 0 by the sandbox's truth" in page
    assert "45 in 42 calls: kind of fault 8 9" in page
    assert "1 of 1 found, 0 false alarms beside 0 near-misses" in page
    assert "#1, 20.00 GBP, for 3 h 59 min" in page
    commands = [line.strip() for line in text if line.strip().startswith("$ ")]
    assert commands[0].startswith("$ cogent trace '#1' --state ")
    assert commands[1].startswith("$ printf '%s\\n' 'web_uk,Same Day Bike,LEEDS,wms_uk,11,' >> ")
    assert commands[2].startswith("$ cogent tick --state ")


def test_a_quiet_estate_has_a_short_page(kept: Kept, sandbox: Sandbox) -> None:
    """Nothing open, nothing held, nothing lost."""
    kept.promise(kept.order("1"), "verified")
    found = judge(kept, sandbox)
    page = verdict.page(found, days=0.5, ticks=3, failed=0, wall=9)
    assert found.is_well
    assert "lost 0 and doubled 0 by the sandbox's truth" in page
    assert "no exception is open" in page
    assert "1 orders ingested = 1 verified" in page


def test_books_and_defects_are_left_in_the_folder(kept: Kept, sandbox: Sandbox) -> None:
    """The four lists, and the books as the page counted them."""
    kept.order("1")
    kept.found(HELD, row("web_uk:1"), row("web_uk:2"))
    sandbox.plant(HELD, {"order": "#1"})
    sandbox.plant(HELD, {"order": "#5"})
    verdict.write(judge(kept, sandbox), kept.root)
    told = json.loads((kept.root / "defects.json").read_text())
    assert [len(told[name]) for name in ("planted", "found", "missed", "false")] == [2, 1, 1, 1]
    assert told["found"][0]["exceptions"] == ["web_uk:1@LEEDS"]
    assert told["families"][HELD]["recall"] == 0.5
    assert json.loads((kept.root / "books.json").read_text())["orders"]["ingested"] == 1


def test_a_sync_with_two_targets_and_keys_that_have_none_yet_is_one_line() -> None:
    """Every sync is on the page, whatever it is for."""
    told = verdict._sync(
        [
            books.Sync("orders_to_wms", "", "live", 1, held={"unmapped_facility": 1}),
            books.Sync("orders_to_wms", "wms_eu", "live", 4, verified=3, dead=1),
            books.Sync("orders_to_wms", "wms_uk", "live", 9, verified=7, withdrawn=1, superseded=1),
        ]
    )
    assert told == "14 keys = 10 verified + 1 held + 1 dead + 2 let go"
