"""The sandbox's Patchworks behaves at its edge as its documents say: hosts, key, limit, lists, retention, runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import acts
from cogent_pipelines.sandbox.world import bridge as rules
from cogent_pipelines_tests.sandbox.patchworks_account import KEY, START, Account

MILLISECONDS = 1000


# --- hosts, key and limit -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "another", f"Bearer {KEY}"])
def test_a_key_goes_in_as_it_is(key: str | None) -> None:
    """Behind Bearer it is 401, as without any."""
    answer = Account().call("GET", "/flows", key=key)
    assert (answer.status, answer.json()) == (401, {"message": "Unauthenticated."})


def test_a_login_s_token_goes_in_behind_bearer_and_for_a_day() -> None:
    """The other way about than a key; the login is on a host of its own."""
    account = Account()
    body = {"username": "ann", "password": "sandbox-bridge-password"}
    answer = account.post("/app/login", body)
    token = answer.json()["token"]
    assert (answer.status, answer.json()["expires_in"]) == (200, 86400)
    assert account.call("GET", "/flows", key=f"Bearer {token}").status == 200
    assert account.call("GET", "/flows", key=token).status == 401
    account.advance(86400)
    assert account.call("GET", "/flows", key=f"Bearer {token}").status == 401
    assert account.post("/app/login", body | {"password": "x"}).status == 401


def test_a_start_on_the_core_host_is_404() -> None:
    """And a read on the other."""
    account = Account()
    assert account.post("/flows/88/start/raw", {}).status == 404
    assert account.call("GET", "/start/flows").status == 404


def test_the_241st_call_of_a_minute_waits_for_the_next() -> None:
    """A fixed minute; the answer says how long."""
    account = Account()
    assert {account.call("GET", "/flows", waits=0).status for _ in range(240)} == {200}
    refused = account.call("GET", "/flows", waits=0)
    assert (refused.status, refused.json()) == (429, {"message": "Too Many Attempts."})
    assert refused.headers["x-ratelimit-limit"] == "240"
    account.advance(float(refused.headers["retry-after"]))
    assert account.call("GET", "/flows").status == 200


# --- lists ----------------------------------------------------------------------------------------------


def test_a_list_stands_in_an_envelope_that_counts_it() -> None:
    """data, links, meta."""
    account = Account()
    for _ in range(5):
        account.run("#1")
    page = account.get("/flow-runs", per_page=2, page=2)
    assert len(page["data"]) == 2
    assert (page["meta"]["current_page"], page["meta"]["last_page"], page["meta"]["total"]) == (2, 3, 5)
    assert page["links"]["next"] is not None
    past = account.get("/flow-runs", per_page=2, page=4)
    assert (past["data"], past["links"]["next"]) == ([], None)


def test_a_flow_is_shown_with_whether_it_may_run() -> None:
    """One of the four is switched off."""
    flows = {row["name"]: row["is_enabled"] for row in Account().get("/flows")["data"]}
    assert flows == {
        "Shop orders to warehouse": True,
        "Despatches to shop": True,
        "Stock to shop": True,
        "Returns to warehouse": False,
        "Calls to warehouse": True,
    }


def test_status_is_a_number_and_a_part_of_a_success_is_none_of_the_failures() -> None:
    """3 alone misses it."""
    account = Account()
    good, bad, part = account.run("#1"), account.run(refused=("#2",)), account.run("#3", refused=("#4",))
    going = account.run("#5", ends=False)
    assert account.ids("/flow-runs", filter__status="2") == [good.id]
    assert account.ids("/flow-runs", filter__status="3") == [bad.id]
    assert account.ids("/flow-runs", filter__status="3,5") == [bad.id, part.id]
    assert account.ids("/flow-runs", filter__status="1") == [going.id]


def test_times_are_milliseconds_and_seconds_match_everything() -> None:
    """Silently."""
    account = Account()
    first = account.run("#1")
    account.advance(3600)
    second = account.run("#2")
    since = int((START + timedelta(minutes=30)).timestamp())
    assert account.ids("/flow-runs", filter__started_after=since * MILLISECONDS) == [second.id]
    assert account.ids("/flow-runs", filter__started_before=since * MILLISECONDS) == [first.id]
    assert account.ids("/flow-runs", filter__started_after=since) == [first.id, second.id]
    assert account.ids("/flow-runs", sort="-started_at") == [second.id, first.id]


def test_what_a_run_moved_is_shown_to_who_includes_it() -> None:
    """By the keys it tracked, once it has ended and for fifteen days."""
    account = Account()
    account.run("#1", "#2")
    (row,) = account.get("/flow-runs", include="trackedData,operationsSent")["data"]
    assert [each["value"] for each in row["tracked_data"]] == ["#1", "#2"]
    assert row["operations_sent"] == 2
    assert "tracked_data" not in account.get("/flow-runs")["data"][0]
    account.advance(15 * 86400)
    assert account.get("/flow-runs", include="trackedData")["data"][0]["tracked_data"] == []


def test_a_log_names_payloads_to_who_asks_for_them() -> None:
    """Nobody else learns which payload failed."""
    account = Account()
    run = account.run("#1", refused=("#2",))
    path = f"/flow-runs/{run.id}/flow-run-logs"
    asked = account.get(path, load_payload_ids="true")["data"]
    assert [(row["log_level"], row["payload_metadata_id"]) for row in asked] == [
        ("ERROR", 7001),
        ("INFO", None),
    ]
    assert [row["payload_metadata_id"] for row in account.get(path)["data"]] == [None, None]


def test_a_payload_is_deleted_after_three_days_and_a_log_after_seven() -> None:
    """What was not copied by then is gone."""
    account = Account()
    run = account.run(refused=("#2",))
    assert account.call("GET", "/payload-metadata/7001/download").json() == {"order_ref": "#2"}
    account.advance(72 * 3600)
    assert account.call("GET", "/payload-metadata/7001/download").status == 404
    assert account.get("/payload-metadata", filter__id="7001")["data"][0]["dropped"] is True
    assert account.get(f"/flow-runs/{run.id}/flow-run-logs")["data"]
    account.advance(4 * 86400)
    assert account.get(f"/flow-runs/{run.id}/flow-run-logs")["data"] == []
    assert account.ids("/flow-runs") == [run.id]


def test_a_pool_has_seen_what_was_moved() -> None:
    """Orders are of type 37."""
    account = Account()
    account.run("#1")
    rows = account.get("/data-pool/11/deduped-data")["data"]
    assert [(row["value"], row["entity_type_id"]) for row in rows] == [("#1", 37)]


# --- the queue, starting, retrying --------------------------------------------------------------------------


def test_a_stalled_queue_is_counted_and_can_be_emptied_by_hand() -> None:
    """Its depth is the total of a page of one."""
    account = Account()
    rules.stall(account.world, account.bridge, account.bridge.flows[88], 12)
    page = account.get("/scheduled-flows", per_page=1, include="flow")
    assert (page["meta"]["total"], page["data"][0]["flow"]["id"]) == (12, 88)
    assert account.call("DELETE", f"/scheduled-flows/{page['data'][0]['id']}").status == 200
    assert account.get("/scheduled-flows", per_page=1)["meta"]["total"] == 11


def test_a_repeated_start_is_a_second_run() -> None:
    """There is no idempotency key."""
    account = Account()
    for _ in range(2):
        answer = account.post("/start/flows/88/start/raw", {"order_ref": "WEB-1042"})
        assert (answer.status, answer.json()["message"]) == (200, "Flow initialised.")
    assert len(account.ids("/flow-runs", filter__search="web-1042")) == 2


def test_the_older_start_wants_its_payload_as_text() -> None:
    """A bare one is refused there."""
    account = Account()
    path = "/start/flows/88/start"
    assert account.post(path, {"payload": '{"order_ref":"A1"}'}).status == 200
    refused = account.post(path, {"order_ref": "A1"})
    assert (refused.status, list(refused.json()["errors"])) == (422, ["payload"])


def test_a_flow_that_is_not_deployed_cannot_be_started_and_one_switched_off_runs_nothing() -> None:
    """422 for the one; the other takes it and lets it wait."""
    account = Account()
    assert account.post("/start/flows/91/start/raw", {"order_ref": "A1"}).status == 201
    assert (account.ids("/flow-runs"), len(account.bridge.waiting)) == ([], 1)
    account.bridge.flows[88].status = "Draft"
    assert account.post("/start/flows/88/start/raw", {}).status == 422


def test_a_retry_is_a_new_run_of_the_old_version() -> None:
    """It names the run it is one of; a flow that is switched off is not retried."""
    account = Account()
    run = account.run(refused=("#1",))
    account.bridge.flows[88].version_id = 999
    again = account.call("POST", f"/flow-runs/{run.id}/retry").json()["data"]
    assert (again["trigger"], again["retry_flow_run_id"]) == ("Retry", run.id)
    assert again["flow_version_id"] == 912
    account.bridge.flows[88].is_enabled = False
    assert account.call("POST", f"/flow-runs/{run.id}/retry").status == 422


# --- in a world ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lived() -> rules.Bridge:
    """The bridge of a retailer whose orders of a month went through it."""
    systems = {"web_uk": "shopify", "wms_uk": "veeqo", "bridge": "patchworks"}
    made = create_app(
        Settings(seed=7, days=1, orders=0, skus=12, bundles=0, speed=0, history=40, systems=systems)
    )
    return made.world.bridges["bridge"]


def test_runs_follow_what_happens_in_the_world(lived: rules.Bridge) -> None:
    """Every order the warehouse has was moved by a run of the flow of orders, and its parcel was told by another."""
    moved = {
        flow: [n for run in lived.runs.values() if run.flow_id == flow for n in run.references]
        for flow in (88, 89)
    }
    assert len(moved[88]) == len(set(moved[88])) > 30
    assert set(moved[89]) <= set(moved[88])
    assert len(moved[89]) > 20
    assert {run.status for run in lived.runs.values() if run.finished_at} <= {2, 3, 5}


def test_a_flow_that_is_switched_off_moves_nothing_until_it_is_on_again() -> None:
    """What was placed meanwhile goes with its next run."""
    systems = {"web_uk": "shopify", "wms_uk": "veeqo", "bridge": "patchworks"}
    world = create_app(Settings(seed=7, days=1, orders=0, skus=12, bundles=0, speed=0, systems=systems)).world
    bridge = world.bridges["bridge"]
    world.people.old.start(1.0, pushes_stock=False)
    rules.enable(world, bridge.flows[88], is_enabled=False)
    line = {"sku": "SKU-0001", "quantity": 1}
    acts.do(world, "web_uk", "place_order", {"name": "#7001", "lines": [line], "location": 1001})
    world.advance(world.now + timedelta(minutes=10))
    assert not [run for run in bridge.runs.values() if run.references]
    acts.do(world, "bridge", "enable", {"flow": 88})
    world.advance(world.now + timedelta(minutes=10))
    assert [run.references for run in bridge.runs.values() if run.references] == [["#7001"]]


def test_a_call_waits_in_the_queue_before_it_is_a_run() -> None:
    """The run's id is told at once; the run is there when it is taken up, and fails where nobody answers the call."""
    account = Account()
    call = {"order_ref": "#1001", "method": "POST", "path": "/orders", "payload": {}}
    started = account.post("/start/flows/92/start/raw", call)
    run = started.json()["flow_run_id"]
    assert (started.status, len(account.ids("/scheduled-flows"))) == (200, 1)
    assert account.call("GET", f"/flow-runs/{run}").status == 404
    account.advance(60)
    assert account.ids("/scheduled-flows") == []
    assert account.get(f"/flow-runs/{run}")["data"]["status"] == 3
    (log,) = account.get(f"/flow-runs/{run}/flow-run-logs")["data"]
    assert log["log_message"] == '501 from target: "no connector"'


def test_a_call_that_was_taken_out_of_the_queue_is_never_made() -> None:
    """Nor is one made for a flow that is off, until it is on again."""
    account = Account()
    account.post("/start/flows/92/start/raw", {"order_ref": "#1001"})
    acts.do(account.world, "bridge", "lose", {"flow": 92})
    acts.do(account.world, "bridge", "enable", {"flow": 92, "is_enabled": False})
    account.post("/start/flows/92/start/raw", {"order_ref": "#1002"})
    account.advance(600)
    assert (account.ids("/flow-runs"), len(account.ids("/scheduled-flows"))) == ([], 1)
    acts.do(account.world, "bridge", "enable", {"flow": 92})
    account.advance(60)
    assert len(account.ids("/flow-runs")) == 1
