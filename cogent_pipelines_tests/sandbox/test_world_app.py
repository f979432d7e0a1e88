"""The sandbox's process: its control paths, its limits and faults, and connections that are really cut."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from click.testing import CliRunner
from starlette.responses import JSONResponse

from cogent_pipelines.sandbox import __main__ as process
from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.kit import KINDS, Bucket, CostBucket, Faults, Outage, Tokens, read_faults
from cogent_pipelines.sandbox.settings import Settings, read_orders, read_systems
from cogent_pipelines_tests.sandbox.worlds import SMALL

START = datetime(2026, 11, 2, 6, tzinfo=UTC)
KEY = {"x-api-key": "sandbox-wms_uk-api_key"}


class Caller:
    """Calls an app in-process, one call at a time."""

    def __init__(self, settings=SMALL):
        self.app = create_app(settings, disconnect=httpx.ReadError)

    def call(self, method, path, **options):
        async def go():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, **options)

        return asyncio.run(go())

    def get(self, path, **options):
        return self.call("GET", path, **options).json()

    def post(self, path, body=None, **options):
        return self.call("POST", path, json=body, **options).json()


@pytest.fixture
def caller():
    """A caller of a small world that stands still."""
    return Caller()


# --- control ------------------------------------------------------------------------------------------


def test_the_clock_is_told_and_moved(caller):
    """A world that stands still moves by being told to, and plays what is due."""
    assert caller.get("/_sandbox/clock") == {"at": "2026-11-02T06:00:00+00:00", "speed": 0}
    assert caller.post("/_sandbox/advance", {"seconds": 90_000})["at"] == "2026-11-03T07:00:00+00:00"
    assert caller.post("/_sandbox/advance", {"to": "2026-11-04T06:00:00Z", "speed": 0})["speed"] == 0
    assert len(caller.get("/_sandbox/truth?parts=orders")["orders"]) > 50


def test_time_never_runs_backwards(caller):
    """An instant that has passed leaves the clock where it is."""
    caller.post("/_sandbox/advance", {"seconds": 3600})
    assert (
        caller.post("/_sandbox/advance", {"to": "2026-11-01T00:00:00Z"})["at"] == "2026-11-02T07:00:00+00:00"
    )


def test_a_running_clock_runs_at_its_speed():
    """At speed 3600 a tenth of a second is minutes."""
    app = create_app(Settings(orders=0, skus=3, bundles=0, speed=3600))
    before = app.world.catch_up()
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    assert app.world.catch_up() - before > timedelta(minutes=2)


def test_acts_are_done_by_name_and_their_truth_is_told(caller):
    """A test places an order, sends it twice, and the truth says doubled."""
    done = caller.post(
        "/_sandbox/do", {"system": "web_uk", "verb": "place_order", "args": {"lines": [{"sku": "SKU-0001"}]}}
    )
    name = done["result"]["order"]
    assert done["result"]["payment"] == "paid"
    assert [f["reference"] for f in caller.get("/_sandbox/truth?parts=lost")["lost"]] == [name]
    args = {"order": name, "lines": [{"sku": "SKU-0001"}]}
    for _ in range(2):
        caller.post("/_sandbox/do", {"system": "wms_uk", "verb": "create_order", "args": args})
    told = caller.get("/_sandbox/truth")
    assert [f["reference"] for f in told["doubled"]] == [name]
    assert told["orders"][name]["in_warehouse"] == 2
    assert told["lost"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"system": "web_uk", "verb": "conjure"}, "no verb 'conjure'"),
        ({"system": "web_uk", "verb": "cancel_order", "args": {"order": "#9"}}, "has no order '#9'"),
        ({"system": "wms_uk", "verb": "create_order", "args": {"order": "x", "lines": []}}, "can't be blank"),
    ],
)
def test_a_bad_wish_is_answered_with_its_reason(caller, body, says):
    """400 and a sentence; the world is as before."""
    answer = caller.call("POST", "/_sandbox/do", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_the_inbox_takes_messages_shaped_like_slacks(caller):
    """JSON or a form with a payload; anything else is refused as there."""
    assert caller.call("POST", "/slack/operations", json={"text": "12 parcels"}).text == "ok"
    form = {"payload": json.dumps({"attachments": [{"text": "money"}]})}
    assert caller.call("POST", "/slack/finance", data=form).text == "ok"
    assert caller.call("POST", "/slack/finance", content=b"nonsense").text == "invalid_payload"
    assert caller.call("POST", "/slack/finance", json={"blah": 1}).text == "no_text"
    assert [message["channel"] for message in caller.get("/_sandbox/inbox")["slack"]] == [
        "operations",
        "finance",
    ]


def test_mails_to_customers_are_in_the_inbox(caller):
    """Each says which order and which numbers."""
    placed = {"lines": [{"sku": "SKU-0001"}], "name": "#A"}
    caller.post("/_sandbox/do", {"system": "web_uk", "verb": "place_order", "args": placed})
    told = {"order": "#A", "numbers": ["RM1GB"], "notify": True}
    caller.post("/_sandbox/do", {"system": "web_uk", "verb": "fulfil", "args": told})
    mails = caller.get("/_sandbox/inbox")["customers"]["web_uk"]
    assert [(mail["order"], mail["kind"], mail["numbers"]) for mail in mails] == [
        ("#A", "order_confirmed", []),
        ("#A", "shipped", ["RM1GB"]),
    ]


def test_intake_and_defects_are_empty_when_there_are_none(caller):
    """Without a file and without a planter both answer all the same."""
    assert caller.get("/_sandbox/intake") == {}
    assert caller.get("/_sandbox/defects") == {"defects": [], "waiting": [], "families": {}}


def test_what_was_planted_is_listed():
    """The list is JSON with keys and times."""
    caller = Caller(
        Settings(speed=0, orders=20, skus=60, defects=1, families="no_two_orders_are_the_same_basket")
    )
    caller.post("/_sandbox/advance", {"seconds": 3 * 86400})
    listing = caller.get("/_sandbox/defects")
    assert {defect["is_near_miss"] for defect in listing["defects"]} == {False, True}
    assert listing["defects"][0]["keys"].keys() == {"order", "other"}


# --- faults -------------------------------------------------------------------------------------------


def test_a_cut_connection_is_an_error_of_the_callers_client(caller):
    """In-process the exception is the one the caller asked for; the counters know."""
    caller.post("/_sandbox/faults", {"set": "reset_before_send=1"})
    with pytest.raises(httpx.ReadError):
        caller.get("/wms_uk/products", headers=KEY)
    caller.post("/_sandbox/faults", {"set": "none"})
    assert caller.call("GET", "/wms_uk/products", headers=KEY).status_code == 200
    counted = caller.get("/_sandbox/counters")
    assert counted["faults"] == [
        {"kind": "reset_before_send", "system": "wms_uk", "operation": "GET /products", "count": 1}
    ]
    assert {"system": "wms_uk", "operation": "GET /products", "count": 2} in counted["calls"]


def test_an_outage_strikes_its_operation_for_its_time(caller):
    """Other operations answer; afterwards all do."""
    outage = {"system": "wms_uk", "operation": "GET /products", "kind": "error_500", "seconds": 600}
    caller.post("/_sandbox/faults", {"outages": [outage]})
    assert caller.call("GET", "/wms_uk/products", headers=KEY).status_code == 500
    assert caller.call("GET", "/wms_uk/warehouses", headers=KEY).status_code == 200
    caller.post("/_sandbox/advance", {"seconds": 601})
    assert caller.call("GET", "/wms_uk/products", headers=KEY).status_code == 200


def test_the_same_calls_meet_the_same_faults():
    """Chance is keyed by seed, operation and number of the call, not by anything else's order."""

    def draw(order):
        faults = Faults(7, lambda: START, read_faults("error_500=0.2,slow=0.1"))
        met = {}
        for system, operation in order:
            met.setdefault((system, operation), []).append(faults.pick(system, operation))
        return met

    calls = [("a", "x"), ("b", "y")] * 200
    assert draw(calls) == draw(sorted(calls))
    kinds = [fault.kind for fault in draw(calls)[("a", "x")] if fault]
    assert 30 < len(kinds) < 90
    assert set(kinds) == {"error_500", "slow"}


def test_a_bad_gateway_comes_in_bursts():
    """One is followed by three more."""
    faults = Faults(1, lambda: START, {"bad_gateway_burst": 0.02})
    met = [faults.pick("a", "x") is not None for _ in range(500)]
    first = met.index(True)
    assert met[first : first + 4] == [True] * 4


def test_kinds_for_writes_and_lists_keep_to_them():
    """A read never meets a fault of writing."""
    faults = Faults(1, lambda: START, {"stores_nothing": 1.0, "page_drift": 0.0})
    assert faults.pick("a", "read") is None
    assert faults.pick("a", "write", is_write=True).kind == "stores_nothing"
    lists = Faults(1, lambda: START, {"page_drift": 1.0})
    assert lists.pick("a", "detail") is None
    assert lists.pick("a", "list", is_list=True).kind == "page_drift"


def test_the_default_has_six_kinds():
    """Six kinds of trouble are on in an ordinary sandbox, at low rates."""
    rates = read_faults("default")
    assert len(rates) == 6
    assert max(rates.values()) < 0.01
    assert read_faults("none") == {}
    assert set(read_faults("all")) <= set(KINDS)
    with pytest.raises(ValueError, match="unknown kind 'gremlins'"):
        read_faults("gremlins")
    with pytest.raises(ValueError, match="expected a rate"):
        read_faults("slow=often")


def test_an_outage_ends_after_its_number_of_strikes():
    """``left`` counts down, and ``match`` picks calls by what they are about."""
    faults = Faults(1, lambda: START)
    faults.outages.append(Outage("a", "", "error_500", START, START + timedelta(days=1), left=2, match="#7"))
    met = [faults.pick("a", "x", subject=f"order #{n}") is not None for n in (6, 7, 7, 7)]
    assert met == [False, True, True, False]


# --- limits and tokens --------------------------------------------------------------------------------


def test_a_leaky_bucket_leaks():
    """A hundred at once, then one more each fifth of a second."""
    bucket = Bucket(100, 5)
    assert all(bucket.take(START) == 0 for _ in range(100))
    assert bucket.take(START) == pytest.approx(0.2)
    assert bucket.take(START + timedelta(seconds=0.2)) == 0


def test_a_cost_bucket_restores():
    """What is taken comes back at its rate, and no further than the maximum."""
    bucket = CostBucket(2000, 100)
    assert bucket.take(START, 1500)
    assert not bucket.take(START, 600)
    bucket.give_back(100)
    assert bucket.take(START, 600)
    assert bucket.look(START + timedelta(seconds=5)) == 500
    assert bucket.look(START + timedelta(hours=1)) == 2000


def test_a_token_lives_its_time():
    """It ends by the clock, by being ended, and while its system is locked out."""
    tokens = Tokens()
    token = tokens.issue("a", START, 60)
    assert tokens.is_good("a", token, START + timedelta(seconds=59))
    assert not tokens.is_good("a", token, START + timedelta(seconds=60))
    assert not tokens.is_good("b", token, START)
    lasting = tokens.issue("a", START, None)
    tokens.lock_out("a", START + timedelta(seconds=10))
    assert not tokens.is_good("a", lasting, START)
    assert tokens.is_locked_out("a", START)
    assert not tokens.is_locked_out("a", START + timedelta(seconds=10))


def test_half_a_body_is_half(caller):
    """The kit cuts the connection in the middle of what the edge answered."""
    kit = caller.app.kit
    kit.faults.rates = {"half_body": 1.0}
    sent = []

    async def go():
        response = await kit.serve(
            None, "a", "x", lambda _: JSONResponse({"long": "x" * 100}), lambda _: JSONResponse({}, 500)
        )

        async def send(message):
            sent.append(message)

        await response({"type": "http"}, None, send)

    asyncio.run(go())
    assert [message["type"] for message in sent] == [
        "http.response.start",
        "http.response.body",
        "sandbox.drop",
    ]
    assert len(sent[1]["body"]) < 60


# --- the process --------------------------------------------------------------------------------------


def test_over_a_socket_a_dropped_connection_is_dropped():
    """No byte comes back, the effect is there or not as the fault says, and the next call is answered."""
    app = create_app(Settings(speed=0, orders=0, skus=5, bundles=0))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    listening = config.bind_socket()
    listening.listen()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=10) as client:
            client.post("/_sandbox/faults", json={"set": "reset_before_send=1"})
            with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
                client.get("/wms_uk/warehouses", headers=KEY)
            client.post("/_sandbox/faults", json={"set": "half_body=1"})
            with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
                client.get("/wms_uk/warehouses", headers=KEY)
            client.post("/_sandbox/faults", json={"set": "none"})
            assert client.get("/wms_uk/warehouses", headers=KEY).status_code == 200
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--orders", "no_such.csv"], "no such file"),
        (["--orders", "-3"], "expected 0 or more"),
        (["--orders", "orders.xlsx"], "expected a number"),
        (["--faults", "gremlins"], "unknown kind"),
        (["--systems", "web_uk=etsy"], "unknown vendor 'etsy'"),
        (["--systems", "web_uk"], "expected name=vendor"),
        (["--families", "nothing", "--defects", "1", "--orders", "0"], "unknown 'nothing'"),
        (["--windows", "a"], "expected family=seconds"),
        (["--host", "0.0.0.0"], "expected one of"),
        (["--systems", "web_uk=shopify", "--defects", "1"], "needs a shop and a warehouse"),
    ],
)
def test_a_wrong_option_is_one_clear_line(options, says):
    """No stack trace reaches whoever starts the process."""
    result = CliRunner().invoke(process.main, options)
    assert result.exit_code != 0
    assert says in result.output
    assert "Traceback" not in result.output


def test_other_sets_of_systems_are_served():
    """Two shops before one warehouse, or a warehouse alone."""
    two = Caller(
        Settings(speed=0, orders=40, skus=30, systems={"a": "shopify", "b": "shopify", "w": "veeqo"})
    )
    two.post("/_sandbox/advance", {"seconds": 3 * 86400})
    summed = two.get("/_sandbox/truth?parts=systems")["systems"]
    assert (summed["a"]["orders"], summed["b"]["orders"]) == (20, 20)
    assert len(two.get("/_sandbox/truth?parts=orders")["orders"]) == 40
    alone = Caller(Settings(speed=0, orders=0, skus=3, bundles=0, systems={"w": "veeqo"}))
    assert alone.call("GET", "/w/products", headers={"x-api-key": "sandbox-w-api_key"}).status_code == 200


def test_settings_are_read_from_text(tmp_path):
    """Numbers, files and systems."""
    (tmp_path / "o.csv").write_text("x")
    assert read_orders("2000") == 2000
    assert read_orders(str(tmp_path / "o.csv")) == Path(tmp_path / "o.csv")
    assert read_systems("a=shopify, b=veeqo") == {"a": "shopify", "b": "veeqo"}
    assert process.read_windows("a=5,b=6.5") == {"a": 5.0, "b": 6.5}


def test_the_sandbox_imports_nothing_of_ours():
    """Otherwise one misreading of a vendor's document makes both sides wrong and the test green."""
    root = Path(process.__file__).parent
    for path in root.rglob("*.py"):
        for line in path.read_text().splitlines():
            if line.startswith(("from cogent_pipelines", "import cogent_pipelines")):
                assert "cogent_pipelines.sandbox" in line, f"{path.name}: {line}"
