"""A shop at its real speed for a quarter of an hour: webserver, daemon, every schedule and sensor, people looking.

Belongs here: starting the processes, the faults put in to be timed, killing the daemon, and P10, P11 and P12.
Does not belong here: what a flow does, or any figure that needs a quiet machine (the other files).

    python benchmarks/soak.py --minutes 15 --keep

The sandbox trades at speed 1 on a socket. P10 is timed by the sandbox's truth, P11 by the warehouse's own
instants, P12 by when the message was sent. Nothing here fails because something was slow.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
import yaml
from common import HERE, ROOT, Group, Target, folder, machine, progress, versions

sys.path.insert(0, str(ROOT))

from cogent_pipelines import clock, demo, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.estate import Place, span
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.ledger.tables import messages

ESTATE = ROOT / "estates" / "demo.yaml"
ORDERS_A_DAY = 1500
WARM_UP = 6
"""Hours of trade before we begin to look at full speed: by then parcels leave."""
LOOK_EVERY = 10.0
STOCK_PROBE_EVERY = 25.0
BIN = Path(sys.executable).parent
PACKAGES = ("duckdb", "dagster", "dagster-webserver", "sqlalchemy", "httpx")
Told = dict[str, Any]


@dataclass(slots=True)
class Probe:
    """One thing done at a vendor on purpose, and when it was put right or told."""

    what: str
    at: datetime
    seen_at: datetime | None = None

    def seconds(self) -> float | None:
        return None if self.seen_at is None else (self.seen_at - self.at).total_seconds()


@dataclass(slots=True)
class Watched:
    """What the driver saw while it ran."""

    reports: list[float] = field(default_factory=list)
    traces: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    levels: list[Probe] = field(default_factory=list)
    faults: list[Probe] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    """The machine's load, ours and others', once a second."""
    killed_at: datetime | None = None


# --- processes --------------------------------------------------------------------------------------------


def _start(name: str, root: Path, *command: object) -> subprocess.Popen[bytes]:
    log = (root / f"{name}.log").open("ab")
    return subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)


@contextmanager
def code_server(root: Path) -> Iterator[Path]:
    """The project's code in a process of its own, as ``dagster dev`` has it too; gives the workspace that names it.

    A webserver and a daemon that each keep a server of their own give it up when they are late by twenty seconds.
    """
    port = _free_port()
    module = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"][0][
        "python_module"
    ]
    process = _start(
        "code", root, sys.executable, "-m", "dagster", "api", "grpc", "-m", module["module_name"],
        "-h", "127.0.0.1", "-p", port,
    )  # fmt: skip
    file = root / "workspace.yaml"
    where = {"host": "127.0.0.1", "port": port, "location_name": module["location_name"]}
    file.write_text(yaml.safe_dump({"load_from": [{"grpc_server": where}]}), encoding="utf-8")
    try:
        for _ in range(900):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield file
    finally:
        end(process)


def daemon(root: Path, workspace: Path) -> subprocess.Popen[bytes]:
    """Dagster's daemon."""
    return _start("daemon", root, BIN / "dagster-daemon", "run", "-w", workspace)


@contextmanager
def webserver(root: Path, workspace: Path) -> Iterator[Graph]:
    """Dagster's webserver, and its interface."""
    port = _free_port()
    process = _start(
        "webserver", root, BIN / "dagster-webserver", "-w", workspace, "-h", "127.0.0.1", "-p", port
    )  # fmt: skip
    try:
        graph = Graph(port)
        graph.wait()
        yield graph
    finally:
        end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see that it does."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True)
class Graph:
    """The webserver's GraphQL interface: what a person clicks under Automation."""

    port: int

    def ask(self, query: str, **variables: Any) -> Told:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            told: Told = json.load(answer)
        if told.get("errors"):
            raise SystemExit(f"the webserver refused: {told['errors']}")
        data: Told = told["data"]
        return data

    def wait(self) -> None:
        for _ in range(600):
            try:
                self.ask("{ version }")
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
            else:
                return
        raise SystemExit("the webserver did not start")

    def switch_everything_on(self) -> list[str]:
        """Start every schedule and sensor of every code location."""
        told = self.ask(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name }"
            " schedules { name } sensors { name } } } } }"
        )
        on = []
        for node in told["repositoriesOrError"]["nodes"]:
            where = {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
            for one in node["schedules"]:
                self.ask(
                    "mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }",
                    s=where | {"scheduleName": one["name"]},
                )
                on.append(one["name"])
            for one in node["sensors"]:
                self.ask(
                    "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }",
                    s=where | {"sensorName": one["name"]},
                )
                on.append(one["name"])
        return on


def _cogent(*arguments: str) -> tuple[int, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cogent_pipelines.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


# --- what people and faults do meanwhile --------------------------------------------------------------------


def look(root: Path, watched: Watched, orders: Sequence[str], stop: threading.Event) -> None:
    """``cogent report --json`` and ``cogent trace`` every ten seconds, as a person would who cannot wait."""
    turn = 0
    while not stop.wait(max(0.0, LOOK_EVERY)):
        code, said, took = _cogent("report", "--json", "--state", str(root), "--estate", str(ESTATE))
        watched.reports.append(took)
        if code:
            watched.wrong.append(f"report ended with {code}: {said.strip().splitlines()[-1][:200]}")
        order = orders[turn % len(orders)]
        code, said, took = _cogent("trace", order, "--state", str(root), "--estate", str(ESTATE))
        watched.traces.append(took)
        if code:
            watched.wrong.append(f"trace ended with {code}: {said.strip().splitlines()[-1][:200]}")
        turn += 1


def lower_a_level(sandbox: demo.Sandbox, number: int) -> Probe | None:
    """Count three units fewer of one SKU than the warehouse believed."""
    # No bundle holds these: one count is one level.
    sku, facility, location = (
        f"SKU-{200 + 3 * number:04d}",
        ("LEEDS", "YORK")[number % 2],
        (1001, 1002)[number % 2],
    )
    row = sandbox.ask("truth?parts=stock")["stock"].get(f"web_uk:{sku}:{location}")
    if row is None or row["available"] != row["expected"] or row["available"] < 4:
        return None
    entry = _do(sandbox, "wms_uk", "get_stock", sku=sku, facility=facility)
    told = _do(sandbox, "wms_uk", "count_stock", sku=sku, facility=facility, physical=entry["physical"] - 3)
    del told
    return Probe(f"{sku}:{location}", clock.now())


def settle_levels(sandbox: demo.Sandbox, watched: Watched) -> None:
    """Note which lowered levels the channel shows by now."""
    waiting = [probe for probe in watched.levels if probe.seen_at is None]
    if waiting:
        stale = {f"{row['sku']}:{row['location']}" for row in sandbox.ask("truth?parts=stale")["stale"]}
        now = clock.now()
        for probe in waiting:
            if probe.what not in stale:
                probe.seen_at = now


def _do(sandbox: demo.Sandbox, system: str, verb: str, **args: Any) -> Any:
    return sandbox.ask("do", {"system": system, "verb": verb, "args": args})["result"]


def _line(number: int, quantity: int = 1) -> list[Told]:
    return [{"sku": f"SKU-{400 + number:04d}", "quantity": quantity}]


def _twice(sandbox: demo.Sandbox, number: int) -> None:
    order = _do(sandbox, "web_uk", "place_order", lines=_line(number), payment="paid")
    for _ in range(2):
        _do(sandbox, "wms_uk", "create_order", order=order["order"], lines=_line(number), facility="LEEDS")


def _unpaid(sandbox: demo.Sandbox, number: int) -> None:
    order = _do(sandbox, "web_uk", "place_order", lines=_line(number), payment="pending")
    _do(sandbox, "wms_uk", "create_order", order=order["order"], lines=_line(number), facility="LEEDS")


def _same_basket(sandbox: demo.Sandbox, number: int) -> None:
    for _ in range(2):
        _do(
            sandbox, "web_uk", "place_order", lines=_line(number, 2), payment="paid",
            email="twice@example.com", customer_id=990_001,
        )  # fmt: skip


def _unknown_sku(sandbox: demo.Sandbox, number: int) -> None:
    lines = [{"sku": f"NOWHERE-{number}", "quantity": 1, "price": 12}]
    _do(sandbox, "web_uk", "place_order", lines=lines, payment="paid")


def _odd_delivery(sandbox: demo.Sandbox, number: int) -> None:
    _do(sandbox, "web_uk", "place_order", lines=_line(number), payment="paid", delivery_option="By Balloon")


def _no_street(sandbox: demo.Sandbox, number: int) -> None:
    _do(sandbox, "web_uk", "place_order", lines=_line(number), payment="paid", address={"line1": ""})


FAULTS: Mapping[str, tuple[str, Any]] = {
    "twice in the warehouse": ("no_order_is_in_the_warehouse_twice", _twice),
    "an unknown SKU": ("every_paid_order_can_be_released:unknown_sku", _unknown_sku),
    "the same basket": ("no_two_orders_are_the_same_basket", _same_basket),
    "an unmapped delivery option": ("every_paid_order_can_be_released:unmapped_delivery_option", _odd_delivery),
    "released before payment": ("no_order_was_released_before_payment", _unpaid),
    "no street": ("every_paid_order_can_be_released:bad_address", _no_street),
}  # fmt: skip
"""What is planted -> the rule (and cause) that must say so, and how. All of them are due at once."""


# --- the run ------------------------------------------------------------------------------------------------


def set_clock(sandbox: demo.Sandbox) -> datetime:
    """Let the retailer live at speed 1 from here on, our clock with his."""
    told = sandbox.ask("advance", {"seconds": 0, "speed": 1})
    clock.use(clock.Clock(datetime.fromisoformat(told["at"]), time.time(), 1.0))
    return clock.now()


def warm_up(root: Path, sandbox: demo.Sandbox) -> None:
    """Some hours of trade as a time-lapse, so that there are parcels and open orders when it begins."""
    sandbox.advance()
    runner = demo.prepare(root, demo.timelapse(ESTATE, timedelta(hours=1), root))
    if not runner.run("build_models")[0]:
        raise SystemExit("the models did not build")
    for hour in range(WARM_UP + 1):
        # A last look a little later lets what was just sent be read back.
        sandbox.advance(clock.now() + timedelta(hours=1 if hour < WARM_UP else 0.1))
        progress(f"warm-up {hour + 1}/{WARM_UP + 1}: {runner.tick().line()}")
    runner.instance.dispose()
    (root / "estate.yaml").unlink()
    # From here on history is kept as a deployment keeps it, not as a demo does.
    settings = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
    (Place(root).dagster_home / "dagster.yaml").write_text(settings, encoding="utf-8")
    os.environ["COGENT_ESTATE"] = str(ESTATE)


def trade(
    root: Path, minutes: float, sandbox: demo.Sandbox, watched: Watched, orders: Sequence[str]
) -> tuple[datetime, datetime, list[str]]:
    """Run webserver and daemon for ``minutes``; put faults in, kill the daemon once, start it again."""
    with ExitStack() as stack:
        workspace = stack.enter_context(code_server(root))
        graph = stack.enter_context(webserver(root, workspace))
        on = graph.switch_everything_on()
        running = daemon(root, workspace)
        began = set_clock_now = clock.now()
        stop = threading.Event()
        looking = threading.Thread(target=look, args=(root, watched, orders, stop))
        looking.start()
        try:
            length = timedelta(minutes=minutes)
            names = list(FAULTS)
            next_level, number = 60.0, 0
            # The first minute is for the daemon to come up, the last three for what was begun to end.
            fault_at = [90 + i * max((minutes * 60 - 330), 60) / len(names) for i in range(len(names))]
            while (gone := (clock.now() - began).total_seconds()) < length.total_seconds():
                if gone >= next_level and gone < length.total_seconds() - 200:
                    next_level += STOCK_PROBE_EVERY
                    number += 1
                    if probe := lower_a_level(sandbox, number):
                        watched.levels.append(probe)
                if fault_at and gone >= fault_at[0]:
                    fault_at.pop(0)
                    name = names[len(watched.faults)]
                    FAULTS[name][1](sandbox, len(watched.faults))
                    watched.faults.append(Probe(name, clock.now()))
                    progress(f"{gone:5.0f} s: planted {name}")
                if watched.killed_at is None and gone >= length.total_seconds() / 2:
                    running.kill()
                    running.wait()
                    watched.killed_at = clock.now()
                    time.sleep(3)
                    running = daemon(root, workspace)
                    progress(f"{gone:5.0f} s: daemon killed with SIGKILL and started again")
                settle_levels(sandbox, watched)
                watched.loads.append(os.getloadavg()[0])
                time.sleep(1.0)
        finally:
            stop.set()
            looking.join()
            end(running)
        _wait_for_runs()
        return set_clock_now, clock.now(), on


def _wait_for_runs() -> None:
    """Runs outlive the daemon that asked for them: let those under way end."""
    going = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    with dg.DagsterInstance.get() as instance:
        for _ in range(90):
            if not instance.get_run_records(dg.RunsFilter(statuses=going), limit=1):
                return
            time.sleep(1)
    progress("some runs are still under way")


# --- figures ------------------------------------------------------------------------------------------------


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed."""
    found = sorted(values)
    return found[min(len(found) - 1, max(0, math.ceil(share * len(found)) - 1))] if found else math.nan


@dataclass(slots=True)
class Runs:
    """What Dagster's own storage says of the runs."""

    by_status: Counter[str] = field(default_factory=Counter)
    by_job: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    by_lock: int = 0
    starts: list[float] = field(default_factory=list)
    """Seconds from asking for a run to its first step."""
    queued: list[float] = field(default_factory=list)
    lengths: dict[str, list[float]] = field(default_factory=dict)
    reads: list[float] = field(default_factory=list)
    """Seconds the landing steps of the stock flow took."""


LOCKS = ("lock", "busy")


def read_runs(since: float) -> Runs:
    """Every run since ``since``, its failures in a few words, and how long its parts took."""
    found = Runs()
    with dg.DagsterInstance.get() as instance:
        for record in instance.get_run_records(limit=5000):
            run = record.dagster_run
            if record.create_timestamp.timestamp() < since:
                continue
            found.by_status[run.status.value] += 1
            found.by_job[run.job_name] += 1
            steps = instance.get_run_step_stats(run.run_id)
            begun = [step.start_time for step in steps if step.start_time]
            if begun:
                found.starts.append(min(begun) - record.create_timestamp.timestamp())
            if record.start_time and record.end_time:
                found.lengths.setdefault(run.job_name, []).append(record.end_time - record.start_time)
            if run.job_name == "flow_stock":
                landing = [
                    (s.start_time, s.end_time)
                    for s in steps
                    if s.step_key.startswith("land_") and s.start_time and s.end_time
                ]
                if landing:
                    found.reads.append(max(e for _, e in landing) - min(s for s, _ in landing))
            if run.status == dg.DagsterRunStatus.FAILURE:
                words = _why(instance, run.run_id)
                found.failures.append(f"{run.job_name}: {words}")
                found.by_lock += any(word in words.lower() for word in LOCKS)
    return found


def _why(instance: Any, run_id: str) -> str:
    words = []
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is not None and event.is_failure:
            error = getattr(event.event_specific_data, "error", None)
            while error is not None and error.cause is not None:
                error = error.cause
            words.append(error.message.strip().splitlines()[0] if error else (event.message or ""))
    return "; ".join(dict.fromkeys(words))[:400]


def paid_to_accepted(place: Place, begun: datetime) -> list[float]:
    """Seconds from a payment to the order's record in the warehouse, by both vendors' own instants."""
    with warehouse.open(place.warehouse) as connection:
        rows = connection.execute(
            "SELECT epoch(w.created_at) - epoch(o.paid_at) FROM marts.orders o "
            "JOIN marts.warehouse_orders w ON w.order_key = o.order_key "
            "JOIN ops.operations p ON p.order_key = o.order_key AND p.sync = 'orders_to_wms' "
            "AND p.state = 'verified' WHERE o.paid_at >= $1",
            [begun],
        ).fetchall()
    return [float(seconds) for (seconds,) in rows]


def tell_faults(place: Place, watched: Watched) -> None:
    """When each planted fault's message was sent, by the ledger."""
    with closing(open_ledger(place.ledger_url, state=place.root)) as ledger, ledger.read() as connection:
        rows = connection.execute(
            sa.select(messages.c.rule, messages.c.cause, messages.c.kind, messages.c.sent_at).order_by(
                messages.c.sent_at
            )
        ).all()
    for probe in watched.faults:
        rule, _, cause = FAULTS[probe.what][0].partition(":")
        said: list[datetime] = [
            row.sent_at
            for row in rows
            if row.rule == rule and cause in ("", row.cause) and row.kind == "opened" and row.sent_at
        ]
        probe.seen_at = next((at for at in said if at >= probe.at), None)


def figures(
    place: Place, watched: Watched, runs: Runs, on: Sequence[str], begun: datetime, sandbox: demo.Sandbox
) -> Group:
    """Everything found, as the other benchmarks keep it."""
    estate = estates.load(ESTATE)
    group = Group("soak", "A shop at its real speed: webserver, daemon, every schedule and sensor")
    interval = span(estate.cadence["stock"]).total_seconds()
    start, read = statistics.median(runs.starts), statistics.median(runs.reads) if runs.reads else 0.0
    levels = [s for probe in watched.levels if (s := probe.seconds()) is not None]
    accepted = paid_to_accepted(place, begun)
    told = [s for probe in watched.faults if (s := probe.seconds()) is not None]
    orders_every = span(estate.cadence["orders"]).total_seconds()
    p10, p11, p12 = (quantile(values, 0.99) for values in (levels, accepted, told))
    bound = interval + start + read
    group.targets = [
        Target("P10", "stock decrease at the warehouse to level at the channel, p99 / (interval + start + read)",
               "<= 1.2", f"{p10 / bound:.2f}", p10 / bound <= 1.2),
        Target("P10", "the same, in seconds", "<= 60", f"{p10:.0f}", p10 <= 60),
        Target("P11", "paid order to accepted by the warehouse, p99", "<= 90 s", f"{p11:.0f} s", p11 <= 90),
        Target("P12", "a planted defect to its alert, p99 / interval", "<= 2", f"{p12 / orders_every:.2f}", p12 <= 2 * orders_every),
    ]  # fmt: skip
    code, said, _ = _cogent("report", "--json", "--state", str(place.root), "--estate", str(ESTATE))
    truth = sandbox.ask("truth")
    doubled = [
        one for one in truth["doubled"] if one.get("sent_by", []).count("api") > 1 or one["thing"] == "parcel"
    ]
    group.head = ("", "median", "p99", "worst", "of")
    for name, values in (
        ("stock decrease to level, s", levels),
        ("paid to accepted, s", accepted),
        ("defect to alert, s", told),
        ("a run's start, s", runs.starts),
        ("reading for the stock flow, s", runs.reads),
        *((f"{job}, s", values) for job, values in sorted(runs.lengths.items())),
        ("cogent report, s", watched.reports),
        ("cogent trace, s", watched.traces),
    ):
        if values:
            group.rows.append(
                (name, f"{statistics.median(values):.1f}", f"{quantile(values, 0.99):.1f}", f"{max(values):.1f}", len(values))
            )  # fmt: skip
    kinds = Counter(line.split(":")[0] for line in runs.failures)
    group.notes = [
        f"runs: {', '.join(f'{count} {status.lower()}' for status, count in sorted(runs.by_status.items()))}; "
        f"failed by a lock: {runs.by_lock}",
        f"failed: {dict(kinds) or 'none'}; jobs: {dict(sorted(runs.by_job.items()))}",
        f"schedules and sensors on: {len(on)}; the daemon was killed once with SIGKILL and started again",
        f"levels lowered {len(watched.levels)}, shown by the channel {len(levels)}; "
        f"faults planted {len(watched.faults)}, told {len(told)}; orders paid and accepted {len(accepted)}",
        f"the books {'balance' if code == 0 else 'do NOT balance'}; by the sandbox's truth doubled by us {len(doubled)}",
        f"report or trace that ended wrong: {len(watched.wrong)}",
        f"load of the machine meanwhile: {statistics.median(watched.loads):.1f} on {machine()['cores']} cores",
    ]
    if code:
        progress(said[-2000:])
    for line in (*runs.failures[:20], *watched.wrong[:20]):
        progress(f"  {line}")
    for probe in (*watched.levels, *watched.faults):
        if probe.seen_at is None:
            progress(f"  never seen: {probe.what}")
    for one in doubled[:5]:
        progress(f"  doubled: {one}")
    return group


def measure(minutes: float, root: Path) -> Group:
    """Trade for an hour or six, then for ``minutes`` at speed 1 with everything on."""
    place = Place(root)
    options = demo.Options(
        estate=ESTATE, state=root, seed=7, orders=str(ORDERS_A_DAY), days=1.0, faults="none",
        every="", defects=0, ui=False,
    )  # fmt: skip
    estate = estates.load(ESTATE)
    port = demo.connect(estate)
    (root / "sandbox.port").write_text(f"{port}\n", encoding="utf-8")
    watched = Watched()
    with demo.sandbox(place, estate, port, demo.asked(options, {})) as sandbox:
        warm_up(root, sandbox)
        orders = sorted(name for name, one in sandbox.ask("truth")["orders"].items() if one["in_warehouse"])[
            :40
        ]
        set_clock(sandbox)
        wall = time.time()
        begun, _, on = trade(root, minutes, sandbox, watched, orders)
        runs = read_runs(wall)
        tell_faults(place, watched)
        return figures(place, watched, runs, on, begun, sandbox)


def main() -> None:
    """Measure, print, and keep the figures when asked to."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--minutes", type=float, default=15.0)
    reading.add_argument("--state", default="", help="keep everything here")
    reading.add_argument("--keep", action="store_true", help="write results/soak.json")
    given = reading.parse_args()
    with ExitStack() as stack:
        root = Path(given.state).resolve() if given.state else stack.enter_context(folder())
        root.mkdir(parents=True, exist_ok=True)
        found = measure(given.minutes, root).as_json()
    found |= {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "quick": given.minutes < 15,
        "minutes": given.minutes,
        "machine": machine(),
        "versions": versions(*PACKAGES),
    }
    text = json.dumps(found, indent=1) + "\n"
    if given.keep:
        (HERE / "results" / "soak.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
