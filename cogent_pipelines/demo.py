"""The demo: a retailer's days on the sandbox, looked at as a data team would, judged by the sandbox's truth.

Belongs here: starting the sandbox, moving its clock and ours together, one tick after another, and the last page.
Does not belong here: what a tick does (``defs``), what the books count (``reports``), how vendors behave (``sandbox``).

It is a time-lapse: between two ticks the sandbox's clock jumps, within a tick it runs at ``SPEED``. Limits, waits,
token lives and windows all pass in that time.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from cogent_pipelines import clock, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.alerts.send import DAGSTER_URL
from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import SANDBOX_PORT, Estate, Place, span
from cogent_pipelines.vendors.registry import VENDORS

ROOT = Path(__file__).resolve().parents[1]
SPEED = 120.0
LOOK = timedelta(minutes=135)
MOST_TICKS = 400
SETTLING = 4
"""Ticks after the last day, in which what is still under way may end."""
AGAIN = 2
"""Delivery runs after a look for what it left due, say when a system had stopped answering: as the sensor asks for."""
KEPT = "sandbox.kept"
"""The file in the estate's folder from which the sandbox lives on in a later demo, or for one tick."""
DROP = "drop"
"""The folder in the estate's where the sandbox's vendors drop the messages they push, each in one of its own."""
AWHILE = timedelta(minutes=15)
"""How much later a kept sandbox is when somebody comes back to it."""
LOG = "framework.log"
"""Where in the estate's folder the frameworks write what they have to say."""
log = logging.getLogger("cogent.demo")
_HISTORY = """
# A demo's runs share one history over one connection: each would else make and migrate a file of its own.
event_log_storage:
  module: cogent_pipelines.defs.history
  class: Events
  config: {{base_dir: {folder}}}
run_storage:
  module: cogent_pipelines.defs.history
  class: Runs
  config: {{base_dir: {folder}}}
# Nothing is printed to a step's standard output; following it costs two processes a run.
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
_LOUDNESS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""What a run says goes to Dagster's own storage, and its failures to the framework log."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo is run with."""

    estate: Path
    state: Path | None
    seed: int
    orders: str
    days: float
    faults: str
    every: str
    defects: int
    ui: bool


@dataclass(slots=True)
class Tick:
    """What one pass did."""

    succeeded: bool
    seconds: float
    messages: int = 0
    failed: tuple[str, ...] = ()

    def line(self) -> str:
        """One line for a person."""
        word = "done" if self.succeeded else f"FAILED ({', '.join(self.failed)})"
        return f"tick {word} in {self.seconds:.1f} s, {self.messages} messages sent"


@dataclass(slots=True)
class Runner:
    """Dagster's jobs, run in this process on the estate's own Dagster home."""

    estate: Estate
    place: Place
    instance: Any
    repository: Any
    retailer: Any
    last_run: dict[str, datetime] = field(default_factory=dict)

    def run(self, name: str) -> tuple[bool, tuple[str, ...]]:
        """Run one job; whether it succeeded, and which steps did not."""
        job = self.repository.get_job(name)
        with (self.place.root / LOG).open("a", encoding="utf-8") as file, redirect_stdout(file):
            result = job.execute_in_process(
                instance=self.instance, raise_on_error=False, run_config=_LOUDNESS
            )
        failures = [e for e in result.all_events if e.is_failure]
        for event in failures:
            log.error(
                "%s: %s: %s", name, event.step_key, getattr(event.event_specific_data, "error", event.message)
            )
        return result.success, tuple(sorted({e.step_key or "run" for e in failures}))

    def due(self) -> int:
        """How many things the ledger says are due and may be done now."""
        from cogent_pipelines.outbox import due

        with self.retailer.ledger() as ledger:
            return due.count(ledger, self.retailer.estate())

    def daily(self) -> timedelta:
        """How often everything is gone through: once a day; after ten looks where these are days apart."""
        return max(timedelta(days=1), 10 * span(self.estate.cadence.get("orders", "1m")))

    def tick(self) -> Tick:
        """One pass: what is read seldom when it is due, then everything that is read often, then the alerts."""
        from cogent_pipelines.defs import alerts
        from cogent_pipelines.defs.flows import FLOWS

        began = time.monotonic()
        now = clock.now()
        failed: list[str] = []
        # Nobody else writes while the demo looks: one opening over all steps saves a checkpoint after each.
        with warehouse.open(self.place.warehouse):
            for flow in FLOWS:
                cadence = span(self.estate.cadence.get(flow.name, "1d"))
                is_due = (
                    now - self.last_run.get(flow.name, datetime.min.replace(tzinfo=now.tzinfo)) >= cadence
                )
                is_there = self.repository.has_job(f"flow_{flow.name}")
                if is_there and not flow.syncs and is_due:
                    self.last_run[flow.name] = now
                    failed += self.run(f"flow_{flow.name}")[1]
            if now - self.last_run.setdefault("daily", now) >= self.daily():
                self.last_run["daily"] = now
                failed += self.run("daily")[1]
            failed += self.run("tick")[1]
            for _ in range(AGAIN):
                if not self.due():
                    break
                failed += self.run("deliver_due")[1]
            messages = alerts.tell(self.retailer)
        return Tick(not failed, time.monotonic() - began, messages, tuple(failed))


def prepare(state: Path, estate_file: Path) -> Runner:
    """Make the estate's folder, its raw tables and models, and give what runs its jobs."""
    os.environ["COGENT_ESTATE"], os.environ["COGENT_STATE"] = str(estate_file), str(state)
    place = Place(state)
    place.dagster_home.mkdir(parents=True, exist_ok=True)
    settings = place.dagster_home / "dagster.yaml"
    if not settings.exists():
        text = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
        settings.write_text(
            text + _HISTORY.format(folder=json.dumps(str(place.dagster_home / "history"))), encoding="utf-8"
        )
    os.environ["DAGSTER_HOME"] = str(place.dagster_home)
    import dagster as dg

    from cogent_pipelines import definitions
    from cogent_pipelines.defs import transform

    estate = estates.load(estate_file)
    transform.lay_out(place, estate)
    made = definitions.build(str(estate_file), state)
    repository = made.get_repository_def()
    retailer = (made.resources or {})["retailer"]
    return Runner(estate, place, dg.DagsterInstance.get(), repository, retailer)


@dataclass(slots=True)
class Sandbox:
    """The sandbox's control, seen from the driver."""

    port: int
    process: subprocess.Popen[bytes]

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """GET, or POST with a body. Raises ``BadInput`` with the sandbox's own words where it refuses."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise BadInput("sandbox", path, said, "to be understood") from error

    def advance(self, to: datetime | None = None, *, speed: float = SPEED) -> datetime:
        """Move the sandbox's clock to ``to`` and ours with it; it then runs at ``speed``."""
        body: dict[str, Any] = {"speed": speed, "seconds": 0}
        if to is not None:
            body["to"] = to.isoformat()
        told = self.ask("advance", body)
        clock.use(clock.Clock(datetime.fromisoformat(told["at"]), time.time(), float(told["speed"])))
        return clock.now()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(estate: Estate) -> int:
    """Choose the sandbox's port, and put its secrets and inboxes in this process's environment."""
    port = _free_port()
    os.environ[SANDBOX_PORT] = str(port)
    for name, part in estate.systems.items():
        for secret, variable in part.secrets.items():
            os.environ[variable] = f"sandbox-{name}-{secret}"
    for name, owner in estate.owners.items():
        for variable in owner.destinations:
            os.environ[variable] = f"http://127.0.0.1:{port}/slack/{name}"
    return port


def asked(options: Options, windows: Mapping[str, float]) -> list[str]:
    """The sandbox's options for a demo."""
    return [
        "--seed", str(options.seed), "--days", str(options.days), "--orders", options.orders,
        "--faults", options.faults, "--defects", str(options.defects),
        "--windows", ",".join(f"{name}={seconds:g}" for name, seconds in windows.items()),
    ]  # fmt: skip


def _keep(place: Place) -> list[str]:
    return ["--keep", str(place.root / KEPT)]


@contextmanager
def revived(place: Place, estate: Estate) -> Iterator[None]:
    """The sandbox of an earlier demo, a while later, for as long as somebody acts on its estate."""
    port = connect(estate)
    with sandbox(
        place, estate, port, ["--orders", "0", "--defects", "0", "--faults", "none", *_keep(place)]
    ) as emulated:
        emulated.advance(emulated.advance() + AWHILE)
        yield


@contextmanager
def sandbox(place: Place, estate: Estate, port: int, settings: Sequence[str]) -> Iterator[Sandbox]:
    """Start the sandbox's process, wait until it answers, and end it."""
    systems = ",".join(f"{name}={part.vendor}" for name, part in estate.systems.items())
    facilities = ",".join(f"{code}={name}" for code, name in estate.facilities.items())
    command = [
        sys.executable, "-m", "cogent_pipelines.sandbox", "--port", str(port), "--systems", systems,
        "--facilities", facilities, "--catalogue", str(estate.truth["products"]),
        "--drop", str(place.root / DROP), "--speed", "0", *settings,
    ]  # fmt: skip
    log_file = (place.root / "sandbox.log").open("wb")
    process = subprocess.Popen(command, stdout=log_file, stderr=subprocess.STDOUT)  # noqa: S603
    started = Sandbox(port, process)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                said = (place.root / "sandbox.log").read_text(encoding="utf-8", errors="replace").strip()
                raise BadInput(
                    "sandbox", "(start)", said.splitlines()[-1] if said else "it ended", "a running sandbox"
                )
            try:
                started.ask("clock")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=120)  # it is written to its file
        except subprocess.TimeoutExpired:
            process.kill()
        log_file.close()


# --- the time-lapse -----------------------------------------------------------------------------------


def _every(options: Options) -> timedelta:
    if options.every:
        return span(options.every)
    return max(LOOK, timedelta(hours=round(options.days * 24 / MOST_TICKS + 0.49)))


def timelapse(estate_file: Path, every: timedelta, into: Path) -> Path:
    """Write the estate as a time-lapse looks at it: no cadence shorter than one look, no window than two.

    What vendors push lies in its own folder.
    """
    data = yaml.safe_load(estate_file.read_text(encoding="utf-8"))
    seconds = int(every.total_seconds())
    for name, text in data.get("cadence", {}).items():
        if span(text) < every:  # a little less: a look that begins early is a look all the same
            data["cadence"][name] = f"{seconds * 9 // 10}s"
    for name, part in data["systems"].items():
        for stream in VENDORS[part["vendor"]].streams if part["vendor"] in VENDORS else ():
            if stream.folder:
                part.setdefault("options", {})[stream.folder] = str(into / DROP / name)
    data["mappings"] = estates.load(estate_file).mappings
    data.setdefault("policies", {})["stock_increase_interval"] = f"{seconds // 2}s"
    data["shortest_window"] = f"{2 * seconds}s"
    file = into / "estate.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return file


def begin_with(start: datetime, estate_file: Path) -> None:
    """Let every sync that may act do so from the day the retailer opened, should that be before its own ``from``."""
    data = yaml.safe_load(estate_file.read_text(encoding="utf-8"))
    for part in data.get("syncs", {}).values():
        if part.get("from"):
            part["from"] = min(part["from"], start)
    estate_file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def opened_on(root: Path, start: datetime) -> datetime:
    """When the retailer kept in ``root`` opened: now, or in an earlier demo."""
    file = root / "opened"
    if not file.is_file():
        file.write_text(f"{start.isoformat()}\n", encoding="utf-8")
    return datetime.fromisoformat(file.read_text(encoding="utf-8").strip())


def windows_of(place: Place, estate: Estate, every: timedelta) -> dict[str, float]:
    """Rule -> how many seconds its fault may stand before it is one: what the planter of near-misses is told.

    What is read seldom is known so much later.
    What is seen only while it lasts, a system that refuses us or a feed that is late after two of its readings
    and is read at a look, is to last until one look has seen it.
    """
    from cogent_pipelines.defs import transform
    from cogent_pipelines.rules import catalogue

    shortest = span(estate.shortest_window).total_seconds()
    found = {}
    for name, rule in catalogue.load(transform.manifest(place, estate)).items():
        own = estate.windows.get(name)
        hours = own.hours if own and own.hours is not None else None
        seconds = rule.window.length.total_seconds() if hours is None else hours * 3600
        found[name] = max(seconds, shortest) if seconds else 0.0
        if "payouts" in {_entity(vendor, stream) for vendor, stream in rule.inputs}:
            found[name] += span(estate.cadence.get("payouts", "6h")).total_seconds()
    found["every_credential_is_valid"] = every.total_seconds()
    found["every_feed_is_up_to_date"] = 2 * every.total_seconds()
    found["no_two_orders_are_the_same_basket"] = span(estate.policies.duplicate_window).total_seconds()
    return found


def _entity(vendor: str, stream: str) -> str:
    from cogent_pipelines.vendors.registry import VENDORS

    known = VENDORS.get(vendor)
    return next((each.entity for each in known.streams if each.name == stream), "") if known else ""


def run(options: Options) -> int:
    """Run the demo. 0 when the books balance and nothing was lost or doubled by the sandbox's truth, else 1."""
    began = time.monotonic()
    estates.load(options.estate)  # a wrong estate is said before anything is made
    root = (options.state or ROOT / "state" / f"demo-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    root.mkdir(parents=True, exist_ok=True)
    place = Place(root)
    every = _every(options)
    estate_file = timelapse(options.estate, every, root)
    estate = estates.load(estate_file)
    quiet(root)
    ended = _told_to_end()
    port = connect(estate)
    ui = _ui_port()
    if options.ui:
        os.environ[DAGSTER_URL] = f"http://127.0.0.1:{ui}"
    (root / "sandbox.port").write_text(f"{port}\n", encoding="utf-8")
    _say(
        f"everything is kept in {_short(root)}; a look every {every}, time within a look at {SPEED:g} times the wall's"
    )
    with ExitStack() as stack:
        _say("reading the models …")
        windows = windows_of(place, estate, every)
        word = "goes on" if (root / KEPT).is_file() else "opens"
        emulated = stack.enter_context(
            sandbox(place, estate, port, [*asked(options, windows), *_keep(place)])
        )
        # Nobody looks while tables and views are built: hours of the retailer's would pass, on a slow machine its first day.
        emulated.advance(speed=1.0)
        start = clock.now()
        begin_with(opened_on(root, start), estate_file)
        _say(f"the retailer {word} on {start:%A %d %B %Y}, seed {options.seed}; building tables and views …")
        runner = prepare(root, estate_file)
        is_built = build(runner)
        _leave(ended)
        if not is_built:
            _say(f"the models did not build; see {_short(root / LOG)}")
            return 1
        ticks = _days(runner, emulated, start, options, every, ended=ended)
        failed = [t for t in ticks if not t.succeeded]
        from cogent_pipelines.reports import verdict

        judged = verdict.judge(place, estate_file, emulated.ask)
        wall = time.monotonic() - began
        print(
            verdict.page(
                judged, days=options.days, ticks=len(ticks), failed=len(failed), wall=wall, peak=_peak()
            )
        )
        verdict.write(judged, root)
        if options.ui:
            _ui(place, ui)
        return 0 if judged.is_well and not failed else 1


def build(runner: Runner) -> bool:
    """Make tables and views as a deployment does, but for dbt's data tests: on empty tables none of them could fail."""
    name = "DBT_EXCLUDE_RESOURCE_TYPES"
    before = os.environ.get(name)
    os.environ[name] = "test"
    try:
        return runner.run("build_models")[0]
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _peak() -> int:
    """The most memory this process ever held, in bytes. The sandbox's process, a whole retailer, is not in it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _told_to_end() -> list[int]:
    """Have the demo, ended by anybody, take its sandbox with it; the signals that came.

    A step of Dagster may take the exit for a failure of its own, and go on.
    """
    ended: list[int] = []

    def end(number: int, _: object) -> None:
        ended.append(number)
        _leave(ended)

    signal.signal(signal.SIGTERM, end)
    return ended


def _leave(ended: Sequence[int]) -> None:
    if ended:
        sys.exit(128 + ended[0])


def _days(
    runner: Runner,
    emulated: Sandbox,
    start: datetime,
    options: Options,
    every: timedelta,
    *,
    ended: Sequence[int] = (),
) -> list[Tick]:
    """Tick through the days, then until nothing is under way any more."""
    end = start + timedelta(days=options.days)
    at, ticks, shown = start, [], -1
    while at < end:
        at = emulated.advance(max(at + every, clock.now()))
        ticks.append(runner.tick())
        _leave(ended)
        share = int(10 * (at - start) / (end - start))
        if share != shown:
            shown = share
            _say(f"{at:%a %d %b %H:%M}  {len(ticks)} looks, the last in {ticks[-1].seconds:.1f} s")
    for _ in range(SETTLING):
        at = emulated.advance(max(at + every, clock.now()))
        ticks.append(runner.tick())
        _leave(ended)
    return ticks


def quiet(root: Path) -> None:
    """Framework logs go to a file: the terminal is for the retailer's days."""
    handler = logging.FileHandler(root / LOG)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.getLogger().handlers = [handler]
    for name in ("dagster", "dbt"):
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False


def _ui_port() -> int:
    """Where the Dagster UI will be: Dagster's own port, if nobody has it."""
    with socket.socket() as probe:
        is_taken = probe.connect_ex(("127.0.0.1", 3000)) == 0
    return _free_port() if is_taken else 3000


def _ui(place: Place, port: int) -> None:
    server = Path(sys.executable).parent / "dagster-webserver"
    command = [str(server), "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    with (place.root / "webserver.log").open("wb") as log_file:
        process = subprocess.Popen(command, stdout=log_file, stderr=log_file)  # noqa: S603
        _say(f"the Dagster UI is at http://127.0.0.1:{port} (Ctrl-C ends it)")
        try:
            process.wait()
        except KeyboardInterrupt:
            process.terminate()


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)
