"""What happens to one order, parcel or level on its way out."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from cogent_pipelines.ledger import books, controls, exceptions, ledger, promises
from cogent_pipelines.outbox import engine, entries, look
from cogent_pipelines.outbox.deliver import DeliverReport
from cogent_pipelines_tests.outbox.loop import Loop
from cogent_pipelines_tests.outbox.target import estate


def test_an_order_is_created_allocated_and_verified_in_one_run(loop: Loop) -> None:
    """Look, create, read back, allocate, read back: then, and only then, it is done."""
    loop.wanted.want_orders("1001")
    loop.tick()
    assert loop.states() == {"1001": "verified"}
    (order,) = loop.wms.orders
    assert (order["number"], order["facility"]) == ("1001", "LEEDS")


def test_an_order_that_is_there_already_is_adopted_and_never_sent(loop: Loop) -> None:
    """Somebody else's integration, or an earlier ledger, sent it."""
    loop.wms.orders.append(
        {"id": "7", "number": "1001", "name": "Jane Doe", "lines": [], "facility": "YORK", "status": "open"}
    )
    loop.wanted.want_orders("1001")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "adopted already_there"}
    assert loop.wms.effects() == {"1001": 1}
    assert loop.wms.count("POST", "/orders") == 0


@pytest.mark.parametrize("wrong", ["throttled", "down", "lost", "lost_after", "odd", "stores_nothing"])
@pytest.mark.parametrize("path", ["/orders", "/allocations"])
def test_whatever_an_answer_is_the_effect_is_one(loop: Loop, path: str, wrong: str) -> None:
    """Refused, lost before or after the effect, unreadable, or a yes without an effect."""
    loop.wms.wrongs.append((path, wrong))
    loop.wanted.want_orders("1001", "1002")
    loop.until_quiet()
    assert loop.states() == {"1001": "verified", "1002": "verified"}
    assert loop.wms.effects() == {"1001": 1, "1002": 1}


def test_an_unknown_outcome_waits_to_settle_and_is_looked_for_twice(loop: Loop) -> None:
    """Nothing is sent again before the target has had its time and shown twice that it has nothing."""
    loop.wms.wrongs.append(("/orders", "lost"))
    loop.wanted.want_orders("1001")
    loop.tick(30)
    assert loop.states() == {"1001": "sent"}
    loop.tick(29)
    assert loop.wms.count("POST", "/orders") == 1
    loop.tick(2)
    loop.tick(10)  # 61 s after: the first look that counts
    assert loop.wms.count("POST", "/orders") == 1
    loop.tick(10)  # too soon for the second
    assert loop.wms.count("POST", "/orders") == 1
    loop.tick()
    assert loop.wms.count("POST", "/orders") == 2
    assert loop.states() == {"1001": "verified"}


def test_a_no_from_the_target_is_kept_with_its_words_and_without_the_customer(loop: Loop) -> None:
    """The vendor's message is stored; a name in it is not."""
    loop.wms.always["1001"] = "rejected"
    loop.wanted.want_orders("1001", "1002")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "rejected unwelcome", "1002": "verified"}
    (hop,) = books.trace(loop.ledger, "shop:1001").hops
    assert hop.promise.message == "<ship_to_name> is not welcome"
    assert hop.promise.effect == "none"


def test_a_rejected_order_goes_again_when_what_is_wanted_has_changed(loop: Loop) -> None:
    """Mending the cause releases it; until then it is not tried again."""
    loop.wms.always["Jane Doe"] = "rejected"
    loop.wanted.want_orders("1001")
    loop.until_quiet(3)
    assert loop.wms.count("POST", "/orders") == 1
    loop.wanted.want_orders("1001", name="Jane Smith")
    loop.until_quiet(2)
    assert loop.states() == {"1001": "verified"}


def test_redrive_tries_a_rejected_order_again_as_it_is(loop: Loop) -> None:
    """For a cause that was mended at the target."""
    loop.wms.wrongs.append(("/orders", "rejected"))
    loop.wanted.want_orders("1001")
    loop.tick()
    assert controls.redrive(loop.ledger, "1001", by="kim") == 1
    loop.tick()
    assert loop.states() == {"1001": "verified"}
    (hop,) = books.trace(loop.ledger, "1001").hops
    assert [d["by"] for d in hop.decisions] == ["kim"]
    assert [a["outcome"] for a in hop.attempts] == ["refused", "accepted", "accepted"]


def test_an_order_nobody_wants_any_more_is_withdrawn_before_it_is_sent(loop: Loop) -> None:
    """By the plan, and by the delivery when it went between the two."""
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.pulled()
    loop.plan()
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.deliver()
    assert loop.states() == {"1001": "withdrawn no_longer_wanted", "1002": "verified"}


def test_an_order_that_may_have_been_sent_is_looked_for_though_nobody_wants_it(loop: Loop) -> None:
    """Sent, answer lost, cancelled by the customer: it is found and finished, not forgotten."""
    loop.wms.wrongs.append(("/orders", "lost_after"))
    loop.wanted.want_orders("1001")
    loop.tick()
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.until_quiet(4)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.orders[0]["facility"] == "LEEDS"


def test_an_order_never_received_and_no_longer_wanted_is_withdrawn(loop: Loop) -> None:
    """In doubt, then proven absent, then not wanted: nothing is sent again."""
    loop.wms.wrongs.append(("/orders", "lost"))
    loop.wanted.want_orders("1001")
    loop.tick()
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.until_quiet(4)
    assert loop.states() == {"1001": "withdrawn no_longer_wanted"}
    assert not loop.wms.orders


def test_an_effect_that_arrived_after_all_hope_is_found_when_its_order_is_no_longer_wanted(
    loop: Loop,
) -> None:
    """Given up as not there; later the warehouse has it, which is why nobody wants it: it is finished."""
    loop.wms.wrongs.append(("/orders", "lost"))
    loop.wanted.want_orders("1001")
    loop.tick()
    controls.pause(loop.ledger, "orders_to_wms", by="kim", reason="looking into it")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "waiting not_there"}
    sent = books.trace(loop.ledger, "1001").hops[0].promise.sent or {}
    late = {
        "id": "1",
        "number": "1001",
        "name": "Jane Doe",
        "lines": sent["lines"],
        "facility": None,
        "status": "open",
    }
    loop.wms.orders.append(late)
    loop.wanted.unwant("orders_to_wms", "1001")
    controls.unpause(loop.ledger, "orders_to_wms", by="kim")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.orders[0]["facility"] == "LEEDS"
    assert loop.wms.effects() == {"1001": 1}


def test_what_was_wanted_otherwise_when_it_was_planned_goes_back_to_the_plan(loop: Loop) -> None:
    """A change has not passed the brakes yet, so it is not sent on an older plan's word."""
    loop.wanted.want_orders("1001")
    loop.wanted.pulled()
    loop.plan()
    loop.wanted.want_orders("1001", name="Jane Smith")
    loop.deliver()
    assert loop.states() == {"1001": "waiting changed"}
    loop.until_quiet(2)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.orders[0]["name"] == "Jane Smith"
    assert [h.promise.state for h in books.trace(loop.ledger, "1001").hops] == ["superseded", "verified"]


def test_a_record_stored_otherwise_than_sent_is_never_called_done(loop: Loop) -> None:
    """It is looked at again and again, then given up as a mismatch; mended at the target, it is verified."""
    loop.wms.wrongs.append(("/orders", "truncated"))
    loop.wanted.want_orders("1001")
    loop.tick()
    assert loop.states() == {"1001": "sent mismatch"}
    assert loop.wms.orders[0]["facility"] is None, "a wrong order must not go on to its next step"
    for _ in range(entries.MOST_ATTEMPTS):
        loop.tick(3600)
    assert loop.states() == {"1001": "dead mismatch"}
    loop.wms.orders[0]["name"] = "Jane Doe"
    controls.redrive(loop.ledger, "1001", by="kim")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.effects() == {"1001": 1}


def test_a_target_that_says_yes_and_stores_nothing_is_known_for_it_until_it_does(loop: Loop) -> None:
    """Sent again and again, and always with the reason, so that the rule about it does not blink."""
    loop.wms.always["1001"] = "stores_nothing"
    loop.wanted.want_orders("1001")
    loop.until_quiet(4)
    for _ in range(6):
        loop.tick(30)
        assert loop.states()["1001"].endswith("not_stored")
    loop.wms.always.clear()
    loop.until_quiet(5)
    assert loop.states() == {"1001": "verified"}


def test_white_space_is_no_mismatch(loop: Loop) -> None:
    """Targets trim and collapse; that changes nothing for the customer."""
    loop.wanted.want_orders("1001", name="  Jane   Doe ")
    loop.wms.before_send = lambda request: None
    loop.tick()
    assert loop.states() == {"1001": "verified"}


def test_a_poison_goes_to_the_dead_letters_and_delays_nobody(loop: Loop) -> None:
    """One record that is lost every time, among others that are not."""
    loop.wms.always["1001"] = "lost"
    loop.wanted.want_orders("1001", "1002", "1003")
    loop.tick()
    assert loop.states()["1002"] == loop.states()["1003"] == "verified"
    for _ in range(3 * entries.MOST_ATTEMPTS + 3):
        loop.tick(1200)
    assert loop.states()["1001"] == "dead not_there"
    assert loop.wms.count("POST", "/orders") == entries.MOST_ATTEMPTS + 2


def test_what_is_lost_again_and_again_goes_again_ever_later(loop: Loop) -> None:
    """Alone at a target that does not answer: its attempts last longer than most outages do."""
    loop.wms.always["1001"] = "lost"
    loop.wanted.want_orders("1001")
    for _ in range(45):
        loop.tick(60)
    assert loop.states()["1001"] in ("sent", "waiting not_there")
    loop.wms.always.clear()
    for _ in range(30):
        loop.tick(600)
    assert loop.states() == {"1001": "verified"}
    assert loop.wms.effects() == {"1001": 1}


def test_an_outage_is_no_fault_of_the_orders_it_meets(loop: Loop) -> None:
    """For two days no send has an answer, though looks do: none is given up, and all go when it is over."""
    numbers = [str(number) for number in range(1001, 1003)]
    loop.wms.always["Jane Doe"] = "lost"
    loop.wanted.want_orders(*numbers)
    for _ in range(6 * entries.MOST_ATTEMPTS):
        loop.tick(3000)
    assert loop.wms.count("POST", "/orders") > len(numbers) * entries.MOST_ATTEMPTS
    assert {state.split()[0] for state in loop.states().values()} <= {"sent", "waiting"}
    loop.wms.always.clear()
    for _ in range(6):
        loop.tick(3600)
    assert loop.states() == dict.fromkeys(numbers, "verified")
    assert loop.wms.effects() == dict.fromkeys(numbers, 1)


def test_an_order_we_made_under_a_ledger_that_was_lost_is_finished(loop: Loop) -> None:
    """It died between create and allocate. The next ledger neither makes it again nor leaves it with nobody."""
    loop.wms.wrongs = [("/allocations", "down")]
    loop.wanted.want_orders("1001")
    loop.tick()
    assert [order["facility"] for order in loop.wms.orders] == [None]
    file = Path(str(loop.ledger.engine.url.database)).with_name("second.db")
    with closing(ledger.open(f"sqlite:///{file}")) as second:
        loop.ledger = second
        loop.until_quiet(3)
        assert loop.states() == {"1001": "verified"}
        assert [order["facility"] for order in loop.wms.orders] == ["LEEDS"]
        (hop,) = books.trace(second, "1001").hops
        assert [a["action"] for a in hop.attempts] == ["allocate"]


@pytest.mark.parametrize("wrong", ["throttled", "down", "lost", "lost_after", "stores_nothing"])
def test_the_rest_of_an_order_found_unfinished_is_as_safe_as_any_send(loop: Loop, wrong: str) -> None:
    """Its facility is told once, though the first try goes wrong and the order itself was never sent from here."""
    loop.wanted.want_orders("1001")
    loop.wms.orders.append(unfinished("1001"))
    loop.wms.wrongs = [("/allocations", wrong)]
    loop.until_quiet(8)
    assert loop.states() == {"1001": "verified"}
    assert [order["facility"] for order in loop.wms.orders] == ["LEEDS"]


def test_an_unfinished_order_that_was_stored_otherwise_is_shown_and_not_finished(loop: Loop) -> None:
    """What is wanted changed while nobody knew of it: a person decides."""
    loop.wanted.want_orders("1001", name="Jane Smith")
    loop.wms.orders.append(unfinished("1001"))
    loop.until_quiet(3)
    assert loop.states() == {"1001": "waiting mismatch"}
    assert [order["facility"] for order in loop.wms.orders] == [None]
    loop.wms.orders[0]["name"] = "Jane Smith"
    for _ in range(3):
        loop.tick(3600)
    assert loop.states() == {"1001": "verified"}


def unfinished(number: str) -> dict[str, object]:
    """An order that we made and gave to no facility."""
    lines = [{"sku": "SKU-1", "qty": 2, "unit_price_amount": 6.25}]
    maker = f"shop:{number}@LEEDS"
    return {
        "id": "1", "number": number, "name": "Jane Doe", "lines": lines, "facility": None, "status": "open", "maker": maker
    }  # fmt: skip


def test_a_record_whose_request_cannot_be_built_is_rejected_alone(loop: Loop) -> None:
    """A missing field is this record's fault; its neighbours go."""
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.run("UPDATE wanted.orders_to_wms SET lines = NULL WHERE reference = '1001'")
    loop.tick()
    states = loop.states()
    assert states["1001"].startswith("rejected")
    assert states["1002"] == "verified"


def test_bad_credentials_stop_that_system_alone_with_one_exception(loop: Loop) -> None:
    """The other system goes on; a probe ends the halt and what waited goes out."""
    loop.wms.is_up = False
    loop.shop.levels = {"a": 5}
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.want_levels(loop.shop, a=3)
    loop.tick()
    loop.tick()
    assert loop.shop.levels == {"a": 3}
    assert controls.stops(loop.ledger).halted == {"wms"}
    standing = exceptions.standing(loop.ledger)[controls.CREDENTIALS_RULE]
    assert list(standing) == ["wms"]
    assert set(loop.states().values()) == {"waiting"}
    loop.wms.is_up = True
    loop.wanted.want_levels(loop.shop)
    for _ in range(6):
        loop.tick(120)
    assert controls.stops(loop.ledger).halted == frozenset()
    assert not exceptions.standing(loop.ledger)
    assert set(loop.states().values()) == {"verified"}


def test_a_system_that_does_not_answer_is_left_alone_until_the_next_run(loop: Loop) -> None:
    """After a few failures in a row the rest is not thrown after them."""
    for number in range(40):
        loop.wms.wrongs += [("/orders", "down")]
        loop.wanted.want_orders(str(2000 + number))
    loop.wanted.pulled()
    loop.plan()
    assert not loop.deliver().is_more_due
    assert loop.wms.count("POST", "/orders") <= engine.FAILURES + 4
    loop.wms.wrongs.clear()
    loop.until_quiet(10)
    assert set(loop.states().values()) == {"verified"}


def test_look_ups_without_an_answer_are_tried_by_two_and_not_by_all(loop: Loop) -> None:
    """Readings fail while forty orders are to be sent and read back: nobody hammers, nothing is lost or sent unseen."""
    numbers = [str(2000 + number) for number in range(40)]
    loop.wanted.want_orders(*numbers)
    loop.wms.is_mute = True
    loop.tick()
    assert loop.wms.count("POST", "/orders") == 0
    assert len(loop.wms.calls) <= 2 * (look.SCOUTS + 1)
    loop.wms.is_mute = False
    loop.until_quiet(10)
    assert loop.states() == dict.fromkeys(numbers, "verified")
    assert loop.wms.effects() == dict.fromkeys(numbers, 1)


def test_a_pause_is_read_before_every_send(loop: Loop) -> None:
    """Paused in the middle of a run: what has not gone does not go, and goes after the pause."""
    sends = 0

    def pause_after_two(request: object) -> None:
        nonlocal sends
        sends += 1
        if sends == 2:
            controls.pause(loop.ledger, "orders_to_wms", by="kim", reason="odd addresses")

    loop.wms.before_send = pause_after_two
    loop.wanted.want_orders(*(str(number) for number in range(1001, 1021)))
    loop.wanted.pulled()
    loop.plan()
    loop.deliver()
    assert loop.wms.count("POST", "/orders") == 2
    assert loop.deliver().not_sent == {"orders_to_wms -> wms": "paused"}
    controls.unpause(loop.ledger, "orders_to_wms", by="kim")
    loop.until_quiet(4)
    assert set(loop.states().values()) == {"verified"}
    assert set(loop.wms.effects().values()) == {1}


def test_what_was_sent_before_a_pause_is_still_looked_for(loop: Loop) -> None:
    """A pause stops sends, not the truth about them."""
    loop.wms.wrongs.append(("/allocations", "lost_after"))
    loop.wanted.want_orders("1001")
    loop.tick()
    controls.pause(loop.ledger, "all", by="kim", reason="stock-take")
    loop.until_quiet(3)
    assert loop.states() == {"1001": "verified"}


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_a_sync_that_is_not_live_sends_nothing_and_promises_nothing(loop: Loop, mode: str) -> None:
    """Shadow shows what it would do."""
    loop.estate = estate(orders_to_wms={"mode": mode})
    loop.wanted.want_orders("1001")
    loop.wanted.pulled()
    report = loop.plan()
    assert report.planned == (1 if mode == "shadow" else 0)
    loop.until_quiet(2)
    assert loop.states() == {}
    assert loop.wms.calls == []


def test_turning_a_sync_off_stops_what_it_had_promised(loop: Loop) -> None:
    """The mode is read at delivery, not at planning."""
    loop.wanted.want_orders("1001")
    loop.wanted.pulled()
    loop.plan()
    loop.estate = estate(orders_to_wms={"mode": "shadow"})
    assert loop.deliver().not_sent == {"orders_to_wms -> wms": "mode shadow"}
    assert loop.wms.calls == []


def test_nothing_is_claimed_where_nothing_may_be_acted_on(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what waits nor what was sent; the reports say why."""
    loop.wms.wrongs.append(("/allocations", "lost_after"))
    loop.wanted.want_orders("1001")
    loop.tick(61)  # what was sent is due a look
    loop.wanted.want_orders("1001", "1002")
    loop.wanted.pulled()
    loop.plan()
    with loop.ledger.write() as writing:
        controls.halt(writing, "wms", reason="the key was refused", code="401", owner="data")
    monkeypatch.setattr(promises, "claim", None)
    calls = len(loop.wms.calls)
    halted = {"orders_to_wms -> wms": "halted"}
    assert (loop.deliver(), loop.verify()) == (DeliverReport({}, halted), DeliverReport({}, halted))
    assert len(loop.wms.calls) == calls


def test_cancelling_asks_first_and_touches_nothing_past_the_point_of_no_return(loop: Loop) -> None:
    """Too late is a rejection with its reason; cancelled already is done."""
    for number, status in (("1", "open"), ("2", "shipped"), ("3", "cancelled")):
        loop.wms.orders.append(
            {"id": number, "number": number, "name": "", "lines": [], "facility": "", "status": status}
        )
    loop.wanted.want_cancelled("1", "2", "3", "4")
    loop.tick()
    assert loop.states("cancellations_to_wms") == {
        "1@cancel": "verified",
        "2@cancel": "rejected past_no_return",
        "3@cancel": "adopted already_there",
        "4@cancel": "rejected not_found",
    }
    assert loop.wms.count("POST", "/cancellations") == 1


def test_the_ledger_holds_no_personal_data(loop: Loop) -> None:
    """Names reach it as fingerprints; quantities, SKUs, amounts and versions in clear."""
    loop.wanted.run("CREATE SCHEMA mappings; CREATE TABLE mappings.m AS SELECT 1 AS a")
    loop.wms.wrongs.append(("/orders", "truncated"))
    loop.wanted.want_orders("1001", name="Zebedee Quux")
    loop.until_quiet(2)
    (hop,) = books.trace(loop.ledger, "1001").hops
    sent = hop.promise.sent
    assert sent is not None
    assert sent["lines"] == [{"sku": "SKU-1", "qty": 2, "unit_price_amount": "6.25"}]
    assert sent["ship_to_name"].startswith("hmac:")
    assert sent["_mapping"]
    assert sent["_code"]
    text = repr(hop) + repr(promises.Promise)
    assert "Zebedee" not in text
    assert "Zeb" not in text


def test_priority_decides_within_a_system(loop: Loop) -> None:
    """What is urgent goes first, however late it came."""
    loop.wanted.want_orders(*(str(n) for n in range(3000, 3010)))
    loop.wanted.want_orders("9999", priority=5)
    loop.wanted.pulled()
    loop.plan()
    loop.deliver()
    sent = [call.body["number"] for call in loop.wms.calls if call.path == "/orders" and call.is_write]
    assert sent[0] == "9999"


def test_a_list_answers_for_many_and_asking_for_each_is_left_out(loop: Loop) -> None:
    """Twenty orders: one list before, one to read creations back, one for allocations."""
    loop.wanted.want_orders(*(str(n) for n in range(3000, 3020)))
    loop.tick()
    assert set(loop.states().values()) == {"verified"}
    assert loop.wms.count("GET", "/orders") == 0
    assert loop.wms.count("LIST", "/orders") == 3


def test_what_a_lagging_list_does_not_show_after_a_send_is_asked_for(loop: Loop) -> None:
    """Absence from a list proves nothing about what was sent."""
    loop.wms.lags = True
    loop.wanted.want_orders(*(str(n) for n in range(3000, 3010)))
    loop.until_quiet(2)
    assert set(loop.states().values()) == {"verified"}
    assert set(loop.wms.effects().values()) == {1}


def test_a_tick_with_nothing_new_writes_nothing(loop: Loop) -> None:
    """No promise, attempt or exception changes, and nobody is called."""
    loop.wanted.want_orders("1001")
    loop.until_quiet(2)
    loop.wanted.unwant("orders_to_wms", "1001")
    loop.tick()
    with loop.ledger.read() as connection:
        before = connection.exec_driver_sql("SELECT number FROM meta WHERE name = 'revision'").scalar_one()
    calls = len(loop.wms.calls)
    loop.tick()
    with loop.ledger.read() as connection:
        after = connection.exec_driver_sql("SELECT number FROM meta WHERE name = 'revision'").scalar_one()
    assert (after, len(loop.wms.calls)) == (before, calls)
