"""The command line, thin: each command reads its options and hands them to a room of the project.

Belongs here: options, which estate and folder and clock they mean, and printing what a room returns.
Does not belong here: logic.

Every command goes by the estate's clock: the wall's, or for a sandbox estate the sandbox's. A sandbox that is
not running stands still at the last instant anything happened in it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cogent_pipelines.errors import BadInput, Busy, CogentError

if TYPE_CHECKING:
    from cogent_pipelines.estate import Estate, Place
    from cogent_pipelines.ledger.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]
OWN_ESTATE = "estate.yaml"
"""The estate a folder was made with, where the demo wrote one."""
PORT_FILE = "sandbox.port"
PORT = 8700
STILL = 1e-9
"""The speed of a clock that stands."""

ESTATE = click.option(
    "--estate",
    envvar="COGENT_ESTATE",
    default="",
    help="The estate's YAML file  [default: the one in the state folder, else estates/demo.yaml]",
)
STATE = click.option(
    "--state",
    envvar="COGENT_STATE",
    default="",
    help="The folder where everything is kept  [default: state/default, else the newest under state/]",
)
BY = click.option("--by", required=True, metavar="NAME", help="Who decides this; it is kept.")
REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept.")


class _Group(click.Group):
    """Shows a wrong input, a held lock or a missing file as one line, never as a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadInput as error:
            click.echo(f"cogent: {error}", err=True)
            sys.exit(2)
        except Busy as error:
            click.echo(f"cogent: {error}; try again in a moment", err=True)
            sys.exit(3)
        except CogentError as error:
            click.echo(f"cogent: {type(error).__name__.lower()}: {error}", err=True)
            sys.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read us has gone; click ends quietly
            click.echo(f"cogent: {error.filename or 'the system'}: {error.strerror or error}", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of a day's work."""
        del ctx
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            import difflib

            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]}?" if close else " Try: cogent --help"
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Prove that orders, parcels, stock and money agree between your systems, and put right what does not.

    Begin with: cogent demo
    """


# --- which estate, folder and clock -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Where:
    """What a command is about."""

    estate: Estate
    estate_file: Path
    place: Place
    sandbox: int | None
    """The port of the estate's sandbox, if it has one and it answers."""


def _where(state: str, estate: str, *, may_be_new: bool = False) -> _Where:
    """Find folder, estate and clock, and name them to everything started from here. Raises ``BadInput``."""
    from cogent_pipelines import estate as estates
    from cogent_pipelines.reports import stores

    root = Path(state) if state else _usual_state()
    place = estates.Place(root) if may_be_new else stores.place(root)
    own = root / OWN_ESTATE
    file = Path(estate) if estate else own if own.is_file() else _usual_estate()
    loaded = estates.load(file)
    os.environ["COGENT_ESTATE"], os.environ["COGENT_STATE"] = str(file.resolve()), str(root.resolve())
    port = _follow_sandbox(place) if loaded.sandbox else None
    return _Where(loaded, file, place, port)


def _usual_state() -> Path:
    usual = ROOT / "state" / "default"
    made = [path.parent for path in (ROOT / "state").glob("*/ledger.db")]
    if usual.is_dir() or not made:
        return usual
    newest = max(made, key=lambda path: (path / "ledger.db").stat().st_mtime)
    click.echo(f"(state: {newest.relative_to(ROOT)})", err=True)
    return newest


def _usual_estate() -> Path:
    here = Path("estates/demo.yaml")
    return here if here.is_file() else ROOT / here


def _follow_sandbox(place: Place) -> int | None:
    """Take the sandbox's clock for ours; its port if it answers. One that does not stands still."""
    from cogent_pipelines import clock
    from cogent_pipelines.estate import SANDBOX_PORT
    from cogent_pipelines.reports import stores

    file = place.root / PORT_FILE
    text = os.environ.get(SANDBOX_PORT) or (
        file.read_text(encoding="utf-8").strip() if file.is_file() else str(PORT)
    )
    if not text.isdigit():
        raise BadInput(str(file), SANDBOX_PORT, text[:40], f"a port such as {PORT}")
    os.environ[SANDBOX_PORT] = text
    told = _sandbox_clock(int(text))
    if told is not None:
        at, speed = told
        clock.use(clock.Clock(at, time.time(), speed or STILL))
        return int(text)
    if last := stores.last_instant(place):
        clock.use(clock.Clock(last, time.time(), STILL))
    return None


def _sandbox_clock(port: int) -> tuple[datetime, float] | None:
    """The sandbox's time and speed; None when nothing, or something else, answers there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/clock", timeout=5) as answer:
            told = json.load(answer)
            return datetime.fromisoformat(told["at"]), float(told["speed"])
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
        return None


def _needs_sandbox(where: _Where) -> None:
    """Refuse to act on a sandbox estate whose sandbox is not there; else give it its secrets."""
    from cogent_pipelines import clock
    from cogent_pipelines.estate import SANDBOX_PORT

    if not where.estate.sandbox:
        return
    port = os.environ[SANDBOX_PORT]
    if where.sandbox is None:
        raise BadInput(
            str(where.estate_file),
            "sandbox",
            f"nothing on port {port}",
            f"cogent sandbox --port {port} --speed 1",
        )
    if clock.speed() <= STILL:
        raise BadInput("sandbox", "--speed", 0, "a clock that runs: cogent sandbox --speed 1, or more")
    for name, part in where.estate.systems.items():
        for secret, variable in part.secrets.items():
            os.environ[variable] = f"sandbox-{name}-{secret}"
    for name, owner in where.estate.owners.items():
        for variable in owner.destinations:
            os.environ[variable] = f"http://127.0.0.1:{port}/slack/{name}"


@contextmanager
def _ledger(where: _Where) -> Iterator[Ledger]:
    from cogent_pipelines.reports import stores

    with stores.ledger(where.place) as ledger:
        yield ledger


# --- the demo and its parts -------------------------------------------------------------------------------


@main.command()
@click.option(
    "--estate",
    envvar="COGENT_ESTATE",
    default="",
    help="The estate's YAML file  [default: estates/demo.yaml]",
)
@click.option("--state", default="", help="Folder to keep everything in  [default: a fresh one under state/]")
@click.option("--seed", default=7, show_default=True, help="Of the retailer, its defects and its faults.")
@click.option(
    "--orders", default="2000", show_default=True, help="How many, or a CSV or Parquet file of order lines."
)
@click.option("--days", default=3.0, show_default=True, help="Days of trade.")
@click.option(
    "--faults", default="default", show_default=True, help="default, none, all, or kinds joined by commas."
)
@click.option(
    "--every", default="", metavar="SPAN", help="Time between two looks, such as 1h  [default: by the days]"
)
@click.option("--defects", default=5, show_default=True, help="How many of each kind are planted.")
@click.option("--ui/--no-ui", default=True, show_default=True, help="Leave the Dagster UI up at the end.")
def demo(
    *,
    estate: str,
    state: str,
    seed: int,
    orders: str,
    days: float,
    faults: str,
    every: str,
    defects: int,
    ui: bool,
) -> None:
    """A retailer's days on the sandbox, judged by its truth.

    Orders flow, faults are caught, repaired and owned, the books balance. Ends with 0 when the books
    balance and nothing was lost or doubled by the sandbox's truth, else with 1.
    """
    click.echo("Cogent pipelines: a retailer's days on the sandbox. Nothing leaves this machine.")
    if days <= 0 or defects < 0:
        name, value = ("--days", days) if days <= 0 else ("--defects", defects)
        raise BadInput("command line", name, value, "a number above nothing" if days <= 0 else "0 or more")
    _check_span(every)
    from cogent_pipelines import demo as driver

    sys.exit(
        driver.run(
            driver.Options(
                estate=Path(estate) if estate else _usual_estate(),
                state=Path(state) if state else None,
                seed=seed,
                orders=orders,
                days=days,
                faults=faults,
                every=every,
                defects=defects,
                ui=ui,
            )
        )
    )


def _check_span(text: str) -> None:
    if text and not (text[-1:] in "smhd" and text[:-1].isdigit() and int(text[:-1]) > 0):
        raise BadInput("command line", "--every", text, "a span such as 30m, 1h or 2d")


@main.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Every vendor, emulated on loopback (see its --help)."""
    os.execv(sys.executable, [sys.executable, "-m", "cogent_pipelines.sandbox", *arguments])  # noqa: S606


@main.command()
@STATE
@ESTATE
def tick(state: str, estate: str) -> None:
    """One pass of everything.

    The real Dagster jobs in this process: read, judge, plan, deliver, verify, alert.
    """
    from cogent_pipelines import demo as driver

    where = _where(state, estate, may_be_new=True)
    with ExitStack() as stack:
        where = _revived(where, stack)
        _needs_sandbox(where)
        click.echo("looking …")
        runner = _runner(where)
        result = runner.tick()
    click.echo(result.line())
    if not result.succeeded:
        click.echo(f"see {where.place.root / driver.LOG}", err=True)
    sys.exit(0 if result.succeeded else 1)


def _revived(where: _Where, stack: ExitStack) -> _Where:
    """An ended demo's sandbox is taken up again while ``stack`` is open."""
    from cogent_pipelines import demo as driver
    from cogent_pipelines.estate import SANDBOX_PORT

    if not where.estate.sandbox or where.sandbox is not None:
        return where
    if not (where.place.root / driver.KEPT).is_file():
        return where
    stack.enter_context(driver.revived(where.place, where.estate))
    return replace(where, sandbox=int(os.environ[SANDBOX_PORT]))


def _runner(where: _Where) -> Any:
    """What runs the estate's jobs, its models built; frameworks log to a file."""
    from cogent_pipelines import demo as driver

    where.place.root.mkdir(parents=True, exist_ok=True)
    driver.quiet(where.place.root)
    runner = driver.prepare(where.place.root.resolve(), where.estate_file.resolve())
    from cogent_pipelines.reports import stores

    if not stores.is_built(where.place):
        click.echo("building the models (once) …")
        if not driver.build(runner):
            raise CogentError(f"the models did not build; see {where.place.root / driver.LOG}")
    return runner


@main.command()
@STATE
@ESTATE
@click.option("--port", default=3000, show_default=True, help="Of Dagster's webserver, on loopback.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The UI has no login: put yours in front of it."
)
def dev(state: str, estate: str, port: int, host: str) -> None:
    """Dagster's webserver and daemon on the estate.

    Nothing is sent until a sync says mode: live there.
    """
    where = _where(state, estate, may_be_new=True)
    _needs_sandbox(where)
    click.echo(f"preparing {where.place.root} for {where.estate.name} …")
    _runner(where)
    os.environ["DAGSTER_HOME"] = str(where.place.dagster_home.resolve())
    click.echo(
        f"Dagster: http://{host}:{port}  (Ctrl-C ends it; switch schedules and sensors on under Automation)"
    )
    command = ["dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "-h", host, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606


@main.command()
@STATE
@ESTATE
def replay(state: str, estate: str) -> None:
    """Build DuckDB again from the landed files.

    Without the network; the ledger is not touched.
    """
    from cogent_pipelines.landing import replay as rebuilding

    where = _where(state, estate)
    if not any(where.place.landed.glob("*/*/*/manifest.json")):
        raise BadInput("command line", "--state", str(where.place.root), "a folder with landed files")
    found = rebuilding.replay(where.place.root, where.place.warehouse)
    click.echo(f"rebuilt {', '.join(found.systems)}: {found.rows_in:,} rows of {found.pulls:,} pulls")
    _runner(where)


# --- what people read -------------------------------------------------------------------------------------


@main.command()
@STATE
@ESTATE
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every order and its class.")
def report(state: str, estate: str, as_json: bool) -> None:
    """The books, exceptions by owner, modes and pauses.

    Ends with 1 when the books do not balance.
    """
    from cogent_pipelines.reports import books

    where = _where(state, estate)
    found = books.read(where.place.root, where.estate_file, each=as_json)
    click.echo(books.as_json(found) if as_json else books.as_text(found))
    sys.exit(0 if found.balanced else 1)


@main.command()
@STATE
@ESTATE
@click.argument("order")
def trace(state: str, estate: str, order: str) -> None:
    """Every hop of an order, and where it is stuck.

    With times, attempts, and what the customer was told and when. ORDER is the shop's order number
    ('#1001'), our key, our reference, a warehouse's id or a tracking number.
    """
    from cogent_pipelines.reports import trace as tracing

    where = _where(state, estate)
    click.echo(tracing.text(where.place.root, order))


@main.command()
@STATE
@ESTATE
@click.option("--rule", default="", help="Only this rule's, all of them.")
@click.option("--owner", default="", help="Only this owner's.")
def exceptions(state: str, estate: str, rule: str, owner: str) -> None:
    """What is open, by owner, the oldest first."""
    from cogent_pipelines.reports import exceptions as listing

    where = _where(state, estate)
    click.echo(listing.text(where.place.root, rule=rule, owner=owner))


@main.command()
@STATE
@ESTATE
def health(state: str, estate: str) -> None:
    """Whether it still lives: 0 or 1, for cron.

    One line for each thing that is wrong.
    """
    from dataclasses import replace

    from cogent_pipelines.reports import health as living

    where = _where(state, estate)
    found = living.check(where.place.root, where.estate_file)
    if where.estate.sandbox and where.sandbox is None:
        port = os.environ["COGENT_SANDBOX_PORT"]
        found = replace(found, wrong=(f"the sandbox does not answer on port {port}", *found.wrong))
    click.echo(living.text(found))
    sys.exit(0 if found.is_well else 1)


# --- what people decide -----------------------------------------------------------------------------------


@main.command()
@STATE
@ESTATE
@click.argument("rule")
@click.argument("key")
@BY
@click.option("--reason", default="", metavar="TEXT", help="A remark; it is kept.")
def ack(*, state: str, estate: str, rule: str, key: str, by: str, reason: str) -> None:
    """Say that somebody is on an exception.

    It stays open and is not escalated any more.
    """
    from cogent_pipelines.ledger import exceptions as life

    with _standing(state, estate, rule, key) as ledger:
        life.acknowledge(ledger, rule, key, by=by, reason=reason)
    click.echo(f"acknowledged {rule} {key} by {by}")


@main.command()
@STATE
@ESTATE
@click.argument("rule")
@click.argument("key")
@BY
@REASON
@click.option("--until", required=True, type=click.DateTime(), help="When the acceptance ends (UTC).")
def accept(*, state: str, estate: str, rule: str, key: str, by: str, reason: str, until: datetime) -> None:
    """Accept an exception for a reason until a day.

    It is no longer open, and opens again after that day.
    """
    from datetime import UTC

    from cogent_pipelines.ledger import exceptions as life

    with _standing(state, estate, rule, key) as ledger:
        life.accept(ledger, rule, key, by=by, reason=reason, until=until.replace(tzinfo=UTC))
    click.echo(f"accepted {rule} {key} by {by} until {until:%Y-%m-%d %H:%M} UTC")


@contextmanager
def _standing(state: str, estate: str, rule: str, key: str) -> Iterator[Ledger]:
    """The ledger, once it is sure that the exception stands. Raises ``BadInput`` with the nearest name."""
    from cogent_pipelines.reports import exceptions as listing
    from cogent_pipelines.reports import stores

    where = _where(state, estate)
    with _ledger(where) as ledger:
        listing.check_rule(ledger, stores.rules(where.place), rule)
        listing.check_key(ledger, rule, key)
        yield ledger


@main.command()
@STATE
@ESTATE
@click.argument("sync")
@click.argument("key")
@BY
@REASON
def redrive(*, state: str, estate: str, sync: str, key: str, by: str, reason: str) -> None:
    """Send again what was refused or given up.

    For when its cause is mended. KEY is the key cogent trace shows, an order's key, or our reference.
    """
    from cogent_pipelines.ledger import books, controls

    where = _where(state, estate)
    _known("SYNC", sync, _syncs(where), "a sync")
    with _ledger(where) as ledger:
        hops = [hop.promise for hop in books.trace(ledger, key).hops if hop.promise.sync == sync]
        ids = [promise.promise_id for promise in hops if promise.state in ("rejected", "dead")]
        if not ids:
            found = ", ".join(sorted({promise.state for promise in hops})) or "nothing"
            raise BadInput(
                "command line",
                "KEY",
                f"{key} ({found})",
                f"a refused or dead promise of {sync} (see: cogent trace)",
            )
        number = sum(controls.redrive(ledger, str(promise_id), by=by, reason=reason) for promise_id in ids)
    click.echo(f"{number} of {sync} {key} go again at the next delivery")


@main.command()
@STATE
@ESTATE
@click.argument("sync")
@BY
@REASON
def release(state: str, estate: str, sync: str, by: str, reason: str) -> None:
    """Let go what a brake holds of a sync now.

    What the next plan wants beyond it is measured again.
    """
    from cogent_pipelines.ledger import controls

    where = _where(state, estate)
    _known("SYNC", sync, _syncs(where), "a sync")
    with _ledger(where) as ledger:
        number = controls.release(ledger, sync, by=by, reason=reason)
    click.echo(f"{number:,} changes of {sync} let go by {by}")


@main.command()
@STATE
@ESTATE
@click.argument("scope")
@BY
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept.")
@click.option("--off", is_flag=True, help="End the pause (the same as cogent resume).")
def pause(*, state: str, estate: str, scope: str, by: str, reason: str, off: bool) -> None:
    """Stop a sync, a system, or all before the next send.

    What was sent is still verified. SCOPE is the name of a sync or of a system, or all.
    """
    if off:
        _resume(state, estate, scope, by)
        return
    from cogent_pipelines.ledger import controls

    where = _where(state, estate)
    _known("SCOPE", scope, _scopes(where), "a sync, a system, or all")
    with _ledger(where) as ledger:
        is_new = controls.pause(ledger, scope, by=by, reason=reason)
    click.echo(f"{scope} paused by {by}" if is_new else f"{scope} was paused already")


@main.command()
@STATE
@ESTATE
@click.argument("scope")
@BY
def resume(state: str, estate: str, scope: str, by: str) -> None:
    """Let a paused sync or system, or all, act again."""
    _resume(state, estate, scope, by)


def _resume(state: str, estate: str, scope: str, by: str) -> None:
    from cogent_pipelines.ledger import controls

    where = _where(state, estate)
    _known("SCOPE", scope, _scopes(where), "a sync, a system, or all")
    with _ledger(where) as ledger:
        was_paused = controls.unpause(ledger, scope, by=by)
        left = sorted(controls.stops(ledger).paused)
    click.echo(f"{scope} may act again" if was_paused else f"{scope} was not paused")
    if left:
        click.echo(f"still paused: {', '.join(left)}")


def _syncs(where: _Where) -> set[str]:
    from cogent_pipelines.outbox.syncs import SYNCS

    return {*SYNCS, *where.estate.syncs}


def _scopes(where: _Where) -> set[str]:
    return {"all", *_syncs(where), *where.estate.systems}


def _known(key: str, name: str, known: set[str], what: str) -> None:
    if name not in known:
        from cogent_pipelines.reports import lines

        raise lines.unknown(key, name, known, what)


if __name__ == "__main__":
    main(prog_name="cogent")
