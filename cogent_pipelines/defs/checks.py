"""The rules as asset checks: what must be so, judged on what was read, in one step that never starts dbt.

Belongs here: one check per rule on the asset ``rules/<rule>``, and what the UI shows of a verdict.
Does not belong here: a rule's SQL (``dbt_project/models/rules``), its evaluation (``rules``), alerts (``alerts``).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg

from cogent_pipelines import warehouse
from cogent_pipelines.defs.flows import FLOWS, streams
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.defs.tables import link, table
from cogent_pipelines.defs.transform import make_ready
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger.exceptions import Found
from cogent_pipelines.rules import catalogue, evaluate
from cogent_pipelines.rules.catalogue import Rule
from cogent_pipelines.rules.evaluate import Verdict

SEVERITY = {"info": dg.AssetCheckSeverity.WARN, "warning": dg.AssetCheckSeverity.WARN}


def checks(estate: Estate, manifest: Path) -> dg.AssetChecksDefinition:
    """Every rule's check, named by the rule, after everything that is read often."""
    rules = catalogue.load(manifest)
    reads = {
        dg.AssetKey([vendor, stream.name])
        for flow in FLOWS
        for vendor, found in streams(estate, flow).items()
        for stream in found
    }
    specs = [
        dg.AssetCheckSpec(
            name=name,
            asset=dg.AssetKey(["rules", name]),
            additional_deps=sorted(reads),
            description=f"{rule.when_broken}. {rule.why_it_matters}.",
            metadata={"owner": rule.owner, "requirements": ", ".join(rule.requirements)},
        )
        for name, rule in rules.items()
    ]

    @dg.multi_asset_check(specs=specs, name="judge", can_subset=True)
    def judge(context: dg.AssetCheckExecutionContext, retailer: Retailer) -> Iterator[dg.AssetCheckResult]:
        chosen = {key.name for key in context.selected_asset_check_keys}
        rules_now = catalogue.load(manifest)
        with retailer.ledger() as ledger, warehouse.open(retailer.place().warehouse) as connection:
            make_ready(connection, retailer.estate())
            verdicts = evaluate.evaluate(connection, ledger, retailer.estate(), rules_now)
        for verdict in verdicts:
            if verdict.rule in chosen:
                yield _result(rules_now[verdict.rule], verdict)

    return judge


def _result(rule: Rule, verdict: Verdict) -> dg.AssetCheckResult:
    severity = SEVERITY.get(rule.severity, dg.AssetCheckSeverity.ERROR)
    metadata: dict[str, dg.MetadataValue | str | int] = {"state": verdict.state, "owner": rule.owner}
    if verdict.state == "unknown":
        metadata["not known because"] = verdict.reason
        severity = dg.AssetCheckSeverity.WARN
    if verdict.total:
        metadata |= _broken(rule, verdict)
    if verdict.inputs:
        ages = sorted(
            verdict.inputs.items(), key=lambda item: (item[1] is not None, -(item[1] or timedelta()), item[0])
        )
        metadata["age of inputs"] = table(
            ("feed", "last read whole"),
            [(name, "never" if age is None else f"{age.total_seconds():,.0f} s ago") for name, age in ages],
        )
    return dg.AssetCheckResult(
        asset_key=["rules", rule.name],
        check_name=rule.name,
        passed=verdict.state == "pass",
        severity=severity,
        metadata=metadata,
    )


def _broken(rule: Rule, verdict: Verdict) -> Mapping[str, dg.MetadataValue | str | int]:
    money = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(verdict.money.items()))
    found: dict[str, dg.MetadataValue | str | int] = {
        "when broken": rule.when_broken,
        "first step": rule.first_step,
        "needs": _needs(rule, verdict.samples),
        "rows": verdict.total,
        "opened now": verdict.opened,
        "closed now": verdict.closed,
        "rows shown": _rows(verdict.samples),
    }
    if verdict.oldest_at:
        found["oldest since"] = f"{verdict.oldest_at:%Y-%m-%d %H:%M} UTC"
    if money:
        found["money"] = money
    return found


def _needs(rule: Rule, samples: Sequence[Found]) -> str:
    causes = {sample.cause for sample in samples}
    by_person = any(rule.repair_of(cause) == "person" for cause in causes)
    return "you" if by_person else "nobody: it repairs itself"


def _rows(samples: Sequence[Found]) -> dg.MarkdownMetadataValue:
    head = ("key", "cause", "since", "amount", "detail")
    return table(
        head,
        [
            (
                link(s.exception_key, s.url),
                s.cause.replace("_", " "),
                f"{s.since_at:%Y-%m-%d %H:%M}" if s.since_at else "",
                f"{s.amount:,.2f} {s.currency}" if s.amount is not None else "",
                s.detail,
            )
            for s in samples
        ],
    )
