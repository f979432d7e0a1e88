"""The command line: every command on a small prepared folder, with good input and with hostile input."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from cogent_pipelines import cli, clock
from cogent_pipelines import demo as driver
from cogent_pipelines import estate as estates
from cogent_pipelines.ledger import beats, controls, exceptions
from cogent_pipelines_tests.reports.fixtures import NOW, Kept, kept, made_once, row

__all__ = ["kept", "made_once"]

ROOT = Path(__file__).resolve().parents[1]
HELD = "every_paid_order_can_be_released"
WHO = ("--by", "kim", "--reason", "because")


def run(kept: Kept, *arguments: str) -> Result:
    """Run one command on the folder, as somebody at a shell would."""
    return CliRunner().invoke(cli.main, [*arguments, "--state", str(kept.root)])


@pytest.fixture(autouse=True)
def _live(request: pytest.FixtureRequest) -> None:
    """The folder's estate is a live one, so that the process's clock is its clock."""
    if "kept" in request.fixturenames:
        kept: Kept = request.getfixturevalue("kept")
        text = kept.estate_file.read_text().replace("sandbox: true", "sandbox: false")
        kept.estate_file.write_text(text.replace("sandbox://", "https://shop.example.test/"))


def asks(kept: Kept, *arguments: str, code: int = 2) -> str:
    """Run a command that is refused: one line, no stack trace."""
    result = run(kept, *arguments)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


# --- reading ----------------------------------------------------------------------------------------------


def test_report_prints_the_books(kept: Kept) -> None:
    """As text, and as JSON with every order; 1 when they do not balance."""
    kept.promise(kept.order("1"), "verified")
    assert "1 orders ingested = 1 verified" in run(kept, "report").output
    told = json.loads(run(kept, "report", "--json").output)
    assert told["balanced"] is True
    assert told["orders"]["each"]["web_uk:1"]["class"] == "verified"
    kept.pulled(1)
    assert run(kept, "report").exit_code == 1


def test_trace_tells_an_order(kept: Kept) -> None:
    """By any of its names; a near one is suggested."""
    kept.order("1001")
    assert run(kept, "trace", "#1001").output.startswith("#1001  web_uk:1001")
    assert "Did you mean #1001?" in run(kept, "trace", "#1010").output


def test_exceptions_lists_what_is_open(kept: Kept) -> None:
    """With the nearest name for one nobody knows."""
    kept.found(HELD, row("web_uk:1"))
    assert "web_uk:1@LEEDS" in run(kept, "exceptions").output
    assert "web_uk:1@LEEDS" in run(kept, "exceptions", "--owner", "operations", "--rule", HELD).output
    assert "did you mean operations?" in asks(kept, "exceptions", "--owner", "operatoins")


def test_health_ends_with_its_verdict(kept: Kept) -> None:
    """1 and a line for each thing, for cron."""
    result = run(kept, "health")
    assert result.exit_code == 1
    assert "wrong: sensor alerts_unsent has never run" in result.output


# --- deciding ---------------------------------------------------------------------------------------------


def test_ack_and_accept_change_an_exception(kept: Kept) -> None:
    """Who, why and until when are kept."""
    kept.found(HELD, row("web_uk:1"), row("web_uk:2"))
    assert (
        run(kept, "ack", HELD, "web_uk:1@LEEDS", "--by", "kim").output
        == f"acknowledged {HELD} web_uk:1@LEEDS by kim\n"
    )
    until = f"{NOW + timedelta(days=2):%Y-%m-%d}"
    result = run(kept, "accept", HELD, "web_uk:2@LEEDS", *WHO, "--until", until)
    assert result.output == f"accepted {HELD} web_uk:2@LEEDS by kim until {until} 00:00 UTC\n"
    with kept.ledger() as ledger:
        standing = exceptions.standing(ledger)[HELD]
    assert standing["web_uk:1@LEEDS"]["state"] == "acknowledged"
    assert standing["web_uk:2@LEEDS"]["decision"] == "because"


def test_deciding_about_nothing_is_refused_with_the_nearest(kept: Kept) -> None:
    """A wrong rule, a wrong key, a day in the past, nobody's name."""
    kept.found(HELD, row("web_uk:1"))
    assert f"did you mean {HELD}" in asks(kept, "ack", "every_paid_order_can_be_relaesed", "k", "--by", "kim")
    assert "did you mean web_uk:1@LEEDS?" in asks(kept, "ack", HELD, "web_uk:1@LEDS", "--by", "kim")
    past = asks(kept, "accept", HELD, "web_uk:1@LEEDS", *WHO, "--until", "2020-01-01")
    assert "an instant in the future" in past
    assert "--by" in asks(kept, "ack", HELD, "web_uk:1@LEEDS", "--by", " ")
    assert "Invalid value for '--until'" in asks(kept, "accept", HELD, "k", *WHO, "--until", "tomorrow")
    assert "Missing option '--by'" in asks(kept, "ack", HELD, "k")


def test_pause_and_resume_stop_and_let_go(kept: Kept) -> None:
    """A sync, a system or everything; ``pause --off`` is ``resume``."""
    assert run(kept, "pause", "stock_to_channel", *WHO).output == "stock_to_channel paused by kim\n"
    assert run(kept, "pause", "stock_to_channel", *WHO).output == "stock_to_channel was paused already\n"
    assert run(kept, "pause", "all", *WHO).exit_code == 0
    result = run(kept, "pause", "stock_to_channel", "--off", "--by", "kim")
    assert result.output == "stock_to_channel may act again\nstill paused: all\n"
    assert run(kept, "resume", "all", "--by", "kim").output == "all may act again\n"
    assert run(kept, "resume", "all", "--by", "kim").output == "all was not paused\n"


@pytest.mark.parametrize("scope", ["stock_to_chanel", "wms", "", "'; --", "\x1b[31mall"])
def test_pausing_what_is_not_there_is_refused(kept: Kept, scope: str) -> None:
    """A pause that stops nothing would be believed."""
    text = asks(kept, "pause", scope, *WHO)
    assert "expected a sync, a system, or all" in text
    assert "\x1b" not in text
    with kept.ledger() as ledger:
        assert controls.standing(ledger) == []


def test_a_pause_needs_a_reason(kept: Kept) -> None:
    """Somebody will ask."""
    assert "--reason" in asks(kept, "pause", "all", "--by", "kim")


def test_release_lets_go_what_a_brake_holds(kept: Kept) -> None:
    """And nothing when no brake holds anything."""
    kept.promise("web_uk:1", "held", reason="brake:orders_per_tick")
    assert run(kept, "release", "orders_to_wms", *WHO).output == "1 changes of orders_to_wms let go by kim\n"
    assert "held by a brake" in asks(kept, "release", "orders_to_wms", *WHO)
    assert "did you mean orders_to_wms" in asks(kept, "release", "order_to_wms", *WHO)


def test_redrive_sends_again_what_was_refused_of_that_sync_only(kept: Kept) -> None:
    """By its key, its order or our reference; what waits is not touched."""
    kept.promise("web_uk:1", "rejected", reason="invalid")
    kept.promise(
        "web_uk:1",
        "rejected",
        sync="shipments_to_channel",
        system="web_uk",
        business_key="wms_uk:4",
        act="fulfil",
    )
    kept.promise("web_uk:2")
    assert run(kept, "redrive", "orders_to_wms", "#1", *WHO).output.startswith(
        "1 of orders_to_wms #1 go again"
    )
    assert "web_uk:2 (waiting)" in asks(kept, "redrive", "orders_to_wms", "web_uk:2", *WHO)
    assert "(nothing)" in asks(kept, "redrive", "orders_to_wms", "web_uk:9", *WHO)
    assert run(kept, "redrive", "shipments_to_channel", "wms_uk:4", *WHO).exit_code == 0


# --- estate, folder and clock -----------------------------------------------------------------------------


def test_a_wrong_estate_or_folder_is_one_line(kept: Kept, tmp_path: Path) -> None:
    """File, key, found, expected; and nothing is made by looking."""
    assert "readable estate file" in asks(kept, "report", "--estate", str(tmp_path / "none.yaml"))
    kept.estate_file.write_text("name: [")
    assert "expected valid YAML" in asks(kept, "report")
    nowhere = tmp_path / "nowhere"
    result = CliRunner().invoke(cli.main, ["report", "--state", str(nowhere)])
    assert result.exit_code == 2
    assert "expected a folder made by cogent demo" in result.output
    assert not nowhere.exists()


def test_a_lost_ledger_server_is_one_line_without_its_password(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres that does not answer is a fault of the place, not of the program."""
    monkeypatch.setenv("COGENT_LEDGER_URL", "postgresql://cogent:s3cret@127.0.0.1:1/ledger")
    text = asks(kept, "report")
    assert "a ledger that can be opened" in text
    assert "s3cret" not in text


def test_the_folders_own_estate_is_used(kept: Kept) -> None:
    """The demo writes the estate it ran with; no option is needed to read its books."""
    text = kept.estate_file.read_text().replace("name: demo", "name: mine")
    kept.estate_file.write_text(text)
    assert "Books of mine at" in run(kept, "report").output


class _Clock(BaseHTTPRequestHandler):
    """A sandbox that only knows the time, or something that is no sandbox."""

    answer = b'{"at": "2026-12-24T18:00:00+00:00", "speed": 60.0}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *args: object) -> None:
        """Say nothing on the console."""


@pytest.fixture
def port() -> Iterator[int]:
    """Something that answers on loopback."""
    server = HTTPServer(("127.0.0.1", 0), _Clock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def sandboxed(kept: Kept) -> None:
    data: dict[str, Any] = yaml.safe_load(kept.estate_file.read_text())
    data["sandbox"] = True
    for name, part in data["systems"].items():
        part["url"] = f"sandbox://{name}"
    kept.estate_file.write_text(yaml.safe_dump(data))


def test_a_sandbox_estate_goes_by_the_sandboxes_clock(
    kept: Kept, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause is dated by the estate's time, not by the wall's; the folder knows the port."""
    sandboxed(kept)
    monkeypatch.delenv("COGENT_SANDBOX_PORT", raising=False)
    (kept.root / cli.PORT_FILE).write_text(f"{port}\n")
    assert run(kept, "pause", "all", *WHO).exit_code == 0
    assert clock.speed() == 60.0
    with kept.ledger() as ledger:
        assert controls.standing(ledger)[0]["at"] > datetime(2026, 12, 24, 18, tzinfo=UTC)


def test_a_sandbox_that_is_gone_stands_still_where_it_stopped(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall's time would make everything late or early; nothing may act then, and health says so."""
    with kept.ledger() as ledger:
        beats.beat(ledger, "alerts_unsent")
    sandboxed(kept)
    monkeypatch.setenv("COGENT_SANDBOX_PORT", "1")
    clock.use_wall()
    assert "Books of demo at 2026-11-04 12:00 UTC" in run(kept, "report").output
    assert "nothing on port 1, expected cogent sandbox --port 1 --speed 1" in asks(kept, "tick").replace(
        "'", ""
    )
    assert "wrong: the sandbox does not answer on port 1" in run(kept, "health").output


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"at": "yesterday", "speed": 1}', b'{"at": null}'])
def test_something_else_on_the_sandboxes_port_is_not_believed(
    kept: Kept, port: int, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Another program that answers there does not set the clock."""
    sandboxed(kept)
    monkeypatch.setattr(_Clock, "answer", answer)
    monkeypatch.setenv("COGENT_SANDBOX_PORT", str(port))
    assert run(kept, "report").exit_code == 0
    assert "nothing on port" in asks(kept, "tick")


def test_a_wrong_port_is_one_line(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the environment."""
    sandboxed(kept)
    monkeypatch.setenv("COGENT_SANDBOX_PORT", "eighty")
    assert "expected a port such as 8700" in asks(kept, "report")


# --- the demo, replay, help -------------------------------------------------------------------------------


def test_the_demo_speaks_before_anything_slow_is_imported() -> None:
    """Its first line needs click alone: two seconds are plenty."""
    slow = ("dagster", "duckdb", "sqlalchemy", "httpx", "pandas", "pyarrow", "starlette", "dbt")
    code = f"import sys, cogent_pipelines.cli; print([m for m in {slow!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    first = CliRunner().invoke(cli.main, ["demo", "--estate", "nowhere.yaml", "--no-ui"]).output
    assert first.startswith("Cogent pipelines: a retailer's days on the sandbox.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "0"], "--days"),
        (["--days", "-1"], "--days"),
        (["--days", "many"], "Invalid value for '--days'"),
        (["--defects", "-1"], "--defects"),
        (["--every", "soon"], "--every"),
        (["--every", "0h"], "--every"),
        (["--seed", "x"], "Invalid value for '--seed'"),
        (["--estate", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_the_demo_refuses_what_it_cannot_run(arguments: list[str], said: str) -> None:
    """Before anything is made."""
    result = CliRunner().invoke(cli.main, ["demo", "--no-ui", *arguments])
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


class _Runner:
    """What would run Dagster's jobs."""

    def __init__(self, *, succeeds: bool = True) -> None:
        self.succeeds = succeeds

    def tick(self) -> driver.Tick:
        return driver.Tick(self.succeeds, 1.5, 2, () if self.succeeds else ("judge",))


@pytest.mark.parametrize(("succeeds", "code"), [(True, 0), (False, 1)])
def test_tick_ends_as_the_jobs_did(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, succeeds: bool, code: int
) -> None:
    """What failed is named, and where to read on."""
    monkeypatch.setattr(cli, "_runner", lambda where: _Runner(succeeds=succeeds))
    result = run(kept, "tick")
    assert result.exit_code == code
    assert "2 messages sent" in result.output
    assert ("framework.log" in result.output) is not succeeds


def test_what_the_frameworks_say_goes_to_a_file_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for commands: the terminal is for what a command says itself."""
    for name in ("", "dagster", "dbt"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    monkeypatch.setattr(driver, "prepare", lambda state, estate: _Runner())
    monkeypatch.setattr("cogent_pipelines.reports.stores.is_built", lambda place: True)
    cli._runner(cli._Where(estates.load(kept.estate_file), kept.estate_file, kept.place, None))
    said = ["dagster", "dbt", "sqlalchemy"]
    for name in said:
        logging.getLogger(name).error("the disk is full")
    log = (kept.place.root / driver.LOG).read_text(encoding="utf-8")
    assert re.findall(r"(\w+) ERROR the disk is full", log) == said


class _Leaving(driver.Runner):
    """A runner whose jobs only say that they ran, and leave so much due, one after the other."""

    __slots__ = ("left", "ran")

    def run(self, name: str) -> tuple[bool, tuple[str, ...]]:
        self.ran.append(name)
        return True, (f"step {len(self.ran)} of {name}",)

    def due(self) -> int:
        return self.left.pop(0)


@pytest.mark.parametrize(
    ("left", "again"),
    [([0], 0), ([7, 0], 1), ([7, 5, 3, 2, 1, 0], 2)],
    ids=["nothing", "a little", "too much"],
)
def test_a_tick_delivers_what_it_left_due_twice_at_most(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, left: list[int], again: int
) -> None:
    """The next look of a demo is hours away; and what cannot be done now does not hold up the next look."""
    monkeypatch.setattr("cogent_pipelines.defs.alerts.tell", lambda retailer: 3)
    repository = SimpleNamespace(has_job=lambda name: False)
    runner = _Leaving(estates.load(kept.estate_file), kept.place, None, repository, None)
    runner.left, runner.ran = list(left), []
    told = runner.tick()
    assert runner.ran == ["tick", *["deliver_due"] * again]
    assert told.failed == ("step 1 of tick", *(f"step {n + 2} of deliver_due" for n in range(again)))
    assert told.messages == 3


class ExecutedError(Exception):
    """A process would have taken our place."""


def test_dev_starts_dagster_on_loopback_in_the_folder(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webserver and daemon, DAGSTER_HOME beside the ledger, nobody else's machine."""
    monkeypatch.setattr(cli, "_runner", lambda where: _Runner())
    monkeypatch.setattr(cli.os, "execv", _executed)
    monkeypatch.setenv("DAGSTER_HOME", "")
    result = run(kept, "dev", "--port", "3456")
    assert isinstance(result.exception, ExecutedError)
    words = result.exception.args
    assert words[1:4] == ("-m", "dagster", "dev")
    assert words[words.index("-h") + 1] == "127.0.0.1"
    assert words[words.index("-p") + 1] == "3456"
    assert Path(words[words.index("-w") + 1]).is_file()
    assert os.environ["DAGSTER_HOME"] == str(kept.place.dagster_home)


def test_the_sandbox_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option is its own, --help too."""
    monkeypatch.setattr(cli.os, "execv", _executed)
    result = CliRunner().invoke(cli.main, ["sandbox", "--port", "0", "--help"])
    assert isinstance(result.exception, ExecutedError)
    assert result.exception.args[1:] == ("-m", "cogent_pipelines.sandbox", "--port", "0", "--help")


def _executed(program: str, arguments: list[str]) -> None:
    assert program == sys.executable
    raise ExecutedError(*arguments)


def test_the_demo_is_given_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each option arrives under its own name, and the demo's verdict is the command's."""
    given: list[driver.Options] = []

    def judged(options: driver.Options) -> int:
        given.append(options)
        return 1

    monkeypatch.setattr(driver, "run", judged)
    options = [
        "--seed",
        "11",
        "--orders",
        "300",
        "--days",
        "0.5",
        "--every",
        "2h",
        "--defects",
        "0",
        "--faults",
        "none",
    ]
    result = CliRunner().invoke(cli.main, ["demo", "--no-ui", "--state", str(tmp_path), *options])
    assert result.exit_code == 1
    (found,) = given
    assert (found.seed, found.orders, found.days, found.every, found.defects) == (11, "300", 0.5, "2h", 0)
    assert (found.faults, found.ui, found.state) == ("none", False, tmp_path)
    assert found.estate.name == "demo.yaml"


def test_replay_needs_landed_files(kept: Kept) -> None:
    """Without them there is nothing to rebuild from, and nothing is emptied."""
    kept.order("1")
    assert "a folder with landed files" in asks(kept, "replay")
    assert "1 orders ingested" in run(kept, "report").output


def test_an_unknown_command_is_met_with_the_nearest() -> None:
    """One line and 2."""
    result = CliRunner().invoke(cli.main, ["exeptions"])
    assert result.exit_code == 2
    assert "Did you mean exceptions?" in result.output


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_every_command_explains_itself(name: str) -> None:
    """A sentence in the list, and one for each option and argument."""
    command = cli.main.commands[name]
    assert command.help
    assert command.help.split("\n", maxsplit=1)[0].endswith((".", ":"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def _documented() -> list[tuple[str, list[str]]]:
    """Every command line of ours in the README and the docs: (file, words)."""
    found = []
    for file in [*ROOT.glob("README.md"), *sorted((ROOT / "docs").glob("*.md"))]:
        text = file.read_text(encoding="utf-8")
        lines = re.findall(r"`(cogent [^`]+)`", text) + re.findall(
            r"^(?: {4}|\$ )\$? ?(cogent .+)$", text, re.MULTILINE
        )
        for line in lines:
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                words = line.split()
            found.append((file.name, words))
    return found


def test_every_command_in_the_docs_exists() -> None:
    """The command, and each of its options."""
    documented = _documented()
    assert documented
    for file, (_, name, *rest) in documented:
        for one in name.split("|"):
            assert one in cli.main.commands, f"{file}: cogent {one}"
        command = cli.main.commands[name.split("|")[0]]
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        if name != "sandbox":  # its options are the sandbox's own
            used = {word.split("=")[0] for word in rest if word.startswith("--")}
            assert used <= known, f"{file}: cogent {name} {used - known}"


def test_the_commands_are_those_of_the_documentation() -> None:
    """One list, kept here so that a lost command is noticed."""
    asked = "demo sandbox tick report trace exceptions ack accept redrive release pause replay health"
    assert set(cli.main.commands) == {*re.findall(r"\w+", asked), "resume", "dev"}
