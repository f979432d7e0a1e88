"""What is open, by owner, the oldest first.

Belongs here: the list a person works through, and the words of a rule they ask about.
Does not belong here: what breaks a rule (dbt), how an exception lives (``ledger``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cogent_pipelines import clock
from cogent_pipelines.ledger import exceptions
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.reports import lines, remedy, stores
from cogent_pipelines.reports.lines import printable, words
from cogent_pipelines.rules.catalogue import Rule

WIDEST = 160
"""Columns of a row: keys are never cut, because they are what commands are given."""
SHOWN = 10
"""Rows of a rule in the whole list; a rule that is asked for is listed whole."""
Row = Mapping[str, Any]


def text(state: Path, rule: str = "", owner: str = "") -> str:
    """The open exceptions, of one rule or one owner if asked. Raises ``BadInput`` for a name nobody knows."""
    place = stores.place(state)
    rules = stores.rules(place)
    with stores.ledger(place) as ledger:
        check_rule(ledger, rules, rule)
        standing = exceptions.standing(ledger)
    rows = [row for by_key in standing.values() for row in by_key.values()]
    owners = {row["owner"] for row in rows} | {each.owner for each in rules.values()}
    if owner and owner not in owners:
        raise lines.unknown("--owner", owner, owners, "an owner")
    chosen = [row for row in rows if rule in ("", row["rule"]) and owner in ("", row["owner"])]
    now = clock.now()
    if not chosen:
        about = f" of {rule}" if rule else ""
        return f"Nothing is open{about}{f' with {owner}' if owner else ''} at {lines.minute(now)} UTC."
    parts = [_title(chosen, now)]
    by_owner: dict[str, list[Row]] = {}
    for row in chosen:
        by_owner.setdefault(row["owner"], []).append(row)
    largest = sorted(by_owner.items(), key=lambda item: (-len(item[1]), item[0]))
    parts += [_owner(name, own, rules, now, is_whole=bool(rule)) for name, own in largest]
    return "\n\n".join([*parts, _commands(chosen, place.root, now)])


def check_rule(ledger: Ledger, rules: Mapping[str, Rule], rule: str) -> None:
    """Raise ``BadInput`` unless ``rule`` is one, naming the nearest."""
    if not rule or rule in rules:
        return
    known = {*rules, *exceptions.evaluated(ledger), *exceptions.standing(ledger)}
    if rule not in known:
        raise lines.unknown("RULE", rule, known, "a rule")


def check_key(ledger: Ledger, rule: str, key: str) -> None:
    """Raise ``BadInput`` unless an exception of ``rule`` stands under ``key``, naming the nearest."""
    keys = exceptions.standing(ledger, [rule]).get(rule, {})
    if key not in keys:
        raise lines.unknown("KEY", key, keys, f"a key under which {rule} stands open")


def _title(rows: Sequence[Row], now: datetime) -> str:
    open_ = [row for row in rows if row["state"] != "accepted"]
    accepted = len(rows) - len(open_)
    text_ = f"{lines.number(len(open_))} open"
    return f"{text_}{f', {lines.number(accepted)} accepted' if accepted else ''} at {lines.minute(now)} UTC."


def _owner(
    owner: str, rows: Sequence[Row], rules: Mapping[str, Rule], now: datetime, *, is_whole: bool
) -> str:
    """One owner's part: rule by rule, those with the most rows first."""
    found = [printable(owner, 40).upper()]
    by_rule: dict[str, list[Row]] = {}
    for row in rows:
        by_rule.setdefault(row["rule"], []).append(row)
    for name, part in sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0])):
        about = rules.get(name)
        says = about.when_broken if about else "Not so: " + words(name)
        of_itself = about and all(about.repair_of(row["cause"]) == "automatic" for row in part)
        repair = "repairs itself" if of_itself else "needs you"
        found.append(f"  {says} ({lines.number(len(part))}, {repair})  {name}")
        if about:
            found.append(f"    first: {printable(about.first_step, 200)}")
        part.sort(key=lambda row: row["since_at"] or row["opened_at"])
        shown = part if is_whole else part[:SHOWN]
        rows_ = lines.columns([_cells(row, now) for row in shown], right=(0,), indent="    ")
        found += [lines.fitted(line, WIDEST) for line in rows_]
        if len(part) > len(shown):
            found.append(
                f"    and {lines.number(len(part) - len(shown))} more: cogent exceptions --rule {name}"
            )
    return "\n".join(found)


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    amount: Decimal | None = row["amount"]
    money = lines.money(amount, row["currency"] or "") if amount is not None else ""
    state = "" if row["state"] == "open" else f"[{row['state']} by {printable(row['decided_by'], 20)}]"
    since = lines.age(row["since_at"] or row["opened_at"], now)
    text_ = " ".join(part for part in (printable(row["detail"] or "", 90), money, state) if part)
    return since, printable(row["exception_key"], 90), words(row["cause"]), text_


def _commands(rows: Sequence[Row], root: Path, now: datetime) -> str:
    """What can be done with the first of them."""
    first = min(rows, key=lambda row: row["since_at"] or row["opened_at"])
    known = (first["rule"], remedy.quoted(first["exception_key"]))
    until = f"--until {now + timedelta(days=7):%Y-%m-%d}"
    ack = remedy.command(root, "ack", *known, remedy.BY)
    accept = remedy.command(root, "accept", *known, remedy.WHO, "'agreed with the customer'", until)
    return "\n".join(["With any of them, for example:", f"  $ {ack}", f"  $ {accept}"])
