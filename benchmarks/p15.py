"""P15: a hot tick with nothing changed, against an empty op in this code location.

Belongs here: bringing an estate to rest, then the two runs in fresh processes, as a run launcher starts them.
Does not belong here: what a tick does (``cogent_pipelines.defs``).

    python benchmarks/p15.py first|rest|empty|hot|tick|hollow STATE

``hollow`` is Dagster's own price of the hot tick's events: as many steps, materialisations and checks, nothing in them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from common import ROOT, Figures, Group, Meter, Target, child, folder, in_turn, median, ratio, say

BEGAN = Meter()
LIMIT = 1.3
ESTATE = ROOT / "estates" / "demo.yaml"
HOT, TICK = "flow_orders", "tick"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
RUNS = 4


def code_location(state: str) -> tuple[Any, Any]:
    """The instance and the repository, as a run's process has them."""
    import dagster as dg  # noqa: PLC0415  the import is what is measured

    from cogent_pipelines import definitions, estate, landing  # noqa: F401, PLC0415

    place = estate.Place(Path(state))
    place.dagster_home.mkdir(parents=True, exist_ok=True)
    settings = place.dagster_home / "dagster.yaml"
    if not settings.exists():
        settings.write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(place.dagster_home)
    repository = definitions.build(str(ESTATE), place.root).get_repository_def()
    return dg.DagsterInstance.get(), repository


def execute(job: Any, instance: Any) -> Any:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)
    if not result.success:
        failures = [e for e in result.all_events if e.is_failure]
        raise SystemExit("\n".join(f"{e.step_key}: {e.event_specific_data}" for e in failures)[:6000])
    return result


def first(state: str) -> Figures:
    """Build the models and read everything once."""
    import models  # noqa: PLC0415

    from cogent_pipelines import clock, estate  # noqa: PLC0415
    from cogent_pipelines.defs import transform  # noqa: PLC0415

    place, retailer = estate.Place(Path(state)), estate.load(ESTATE)
    transform.lay_out(place, retailer)
    models.build(place, retailer, clock.now())
    instance, repository = code_location(state)
    for name in sorted(job.name for job in repository.get_all_jobs() if job.name.startswith("flow_")):
        execute(repository.get_job(name), instance)
    for _ in range(2):
        execute(repository.get_job(TICK), instance)
    return {}


def rest(state: str) -> Figures:
    """Tick until a tick changes nothing."""
    instance, repository = code_location(state)
    for _ in range(2):
        execute(repository.get_job(TICK), instance)
    return {}


def empty() -> Any:
    import dagster as dg  # noqa: PLC0415

    @dg.op
    def nothing() -> None:
        """Do nothing."""

    @dg.job(executor_def=dg.in_process_executor)
    def empty_job() -> None:
        nothing()

    return empty_job


def hollow(materialisations: int, checks: int, steps: int) -> Any:
    import dagster as dg  # noqa: PLC0415

    def some(step: int, count: int) -> Any:
        keys = [dg.AssetKey(["hollow", f"a{step}_{i}"]) for i in range(count)]

        @dg.multi_asset(specs=[dg.AssetSpec(k) for k in keys], name=f"step{step}")
        def made() -> Any:
            for key in keys:
                yield dg.MaterializeResult(asset_key=key)

        return made

    counts = [materialisations // steps + (i < materialisations % steps) for i in range(steps)]
    assets = [some(i, count) for i, count in enumerate(counts) if count]
    specs = [dg.AssetCheckSpec(f"c{i}", asset=dg.AssetKey(["hollow", "judged"])) for i in range(checks)]

    @dg.multi_asset_check(specs=specs, name="judge")
    def judged() -> Any:
        for spec in specs:
            yield dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True)

    job = dg.define_asset_job("hollow", selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
                              executor_def=dg.in_process_executor)  # fmt: skip
    made = dg.Definitions(assets=assets, asset_checks=[judged], jobs=[job])
    return made.get_job_def("hollow")


def run(what: str, state: str) -> Figures:
    instance, repository = code_location(state)
    imported = BEGAN.read()
    if what == "empty":
        job = empty()
    elif what == "hollow":
        job = hollow(*map(int, os.environ["HOLLOW"].split(",")))
    else:
        job = repository.get_job(HOT if what == "hot" else TICK)
    spent: list[Figures] = []
    result = None
    for _ in range(RUNS):
        meter = Meter()
        result = execute(job, instance)
        spent.append(meter.read())
    assert result is not None
    events = result.all_events
    later = sorted(figures["wall"] for figures in spent[1:])
    return {
        "import": imported["wall"],
        "import_cpu": imported["cpu"],
        "first": spent[0]["wall"],
        "first_cpu": spent[0]["cpu"],
        "wall": later[len(later) // 2],
        "cpu": sorted(figures["cpu"] for figures in spent[1:])[len(later) // 2],
        "materialisations": sum(e.is_step_materialization for e in events),
        "checks": sum(e.event_type_value == "ASSET_CHECK_EVALUATION" for e in events),
        "steps": sum(e.is_step_success for e in events),
    }


def measure(*, quick: bool) -> Group:
    from loop import sandbox  # noqa: PLC0415  not what a child should pay for

    group = Group(
        "p15",
        "A hot tick with nothing changed",
        head=("run", "import s", "first run s", "later runs s", "processor s", "events"),
    )
    with folder() as state, sandbox("--orders", "200", "--days", "1", "--faults", "none") as emulated:
        emulated.advance(20 * 86400, 60)  # an export is waited for in this time
        child("p15.py", "first", state)
        emulated.advance(0, 1)
        child("p15.py", "rest", state)
        shape = child("p15.py", "hot", state)
        counts = f"{shape['materialisations']},{shape['checks']},{shape['steps'] - 1}"
        found = in_turn(
            1 if quick else 3,
            empty=lambda: child("p15.py", "empty", state),
            hot=lambda: child("p15.py", "hot", state),
            hollow=lambda: child("p15.py", "hollow", state, env={"HOLLOW": counts}),
        )
        found["tick"] = [child("p15.py", "tick", state)]
    shown = {
        "empty": "an empty op",
        "hot": f"hot tick ({HOT})",
        "hollow": "the hot tick's events, hollow",
        "tick": "a whole pass (tick)",
    }
    for name, runs in found.items():
        last = runs[-1]
        group.rows.append(
            (shown[name], *(round(median(runs, n), 2) for n in ("import", "first", "wall", "cpu")),
             f"{last['steps']} steps, {last['materialisations']} materialisations, {last['checks']} checks")
        )  # fmt: skip

    def whole(name: str) -> float:
        return median(found[name], "import") + median(found[name], "first")

    text, met = ratio(whole("hot") / whole("empty"), LIMIT)
    group.targets.append(
        Target(
            "P15",
            "hot tick / empty op, each a run in its own process (import and first run)",
            f"<= {LIMIT}",
            text,
            met,
        )
    )
    text, met = ratio(median(found["hot"], "wall") / median(found["empty"], "wall"), LIMIT)
    group.targets.append(
        Target("P15", "the same, import apart (later runs of one process)", f"<= {LIMIT}", text, met)
    )
    text = f"{median(found['hot'], 'wall') / median(found['hollow'], 'wall'):.2f}"
    group.targets.append(Target("P15", "hot tick / its own events hollow, import apart", "-", text, met=None))
    group.notes.append(
        "Nothing changed: the sandbox's retailer has been at rest for days. Each figure is the median of fresh processes, "
        f"'later' the median of {RUNS - 1} more runs in the same process."
    )
    return group


if __name__ == "__main__":
    role, folder_of_state = sys.argv[1:3]
    prepare = {"first": first, "rest": rest}.get(role)
    say(prepare(folder_of_state) if prepare else run(role, folder_of_state))
