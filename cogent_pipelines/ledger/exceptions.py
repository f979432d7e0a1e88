"""The life of exceptions: what a rule found, since when, and how it ended.

Belongs here: opening, keeping and closing them, and what people decide about them.
Does not belong here: which rows break a rule (``dbt_project``), telling anybody (``messages``, ``alerts``).

A standing exception (open, acknowledged or accepted) is not written again while it is merely seen again: its
last-seen instant is its rule's last known evaluation, and is written on the row when it closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger.ledger import Ledger, Writing, records
from cogent_pipelines.ledger.tables import STANDING, evaluations, exceptions

_ROWS_PER_QUERY = 400


@dataclass(frozen=True, slots=True)
class Found:
    """One row a rule returned. ``ended_at`` set: it came and went between two looks."""

    exception_key: str
    cause: str
    system: str | None = None
    entity_key: str | None = None
    since_at: datetime | None = None
    due_at: datetime | None = None
    amount: Decimal | None = None
    currency: str | None = None
    detail: str = ""
    url: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said at one evaluation. ``unknown`` opens and closes nothing; its rows are ignored."""

    rule: str
    state: Literal["pass", "fail", "unknown"]
    owner: str
    severity: str
    rows: Sequence[Found] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What an evaluation changed for one rule, by exception key."""

    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    """Recorded as opened and closed at once; nobody is alerted."""
    standing: int = 0


def apply(ledger: Ledger, findings: Sequence[Finding]) -> dict[str, Change]:
    """Open what is new, close what is gone, leave the rest, for all rules in one transaction.

    Nothing is written but the evaluations when nothing changed. Rules not named are not touched.
    """
    changes: dict[str, Change] = {}
    with ledger.write() as writing:
        known = [f for f in findings if f.state != "unknown"]
        before = _standing(writing.connection, [f.rule for f in known])
        seen_at = _known_at(writing.connection)
        for finding in known:
            changes[finding.rule] = _apply(
                writing, finding, before.get(finding.rule, {}), seen_at.get(finding.rule)
            )
        _evaluated(writing, findings)
    return changes


def _apply(
    writing: Writing, finding: Finding, before: Mapping[str, Mapping[str, Any]], seen_at: datetime | None
) -> Change:
    rows: dict[str, Found] = {}
    ended: dict[tuple[str, datetime], Found] = {}
    for row in finding.rows:
        if row.ended_at is None:
            rows.setdefault(row.exception_key, row)
        else:
            ended[row.exception_key, row.ended_at] = row
    fresh = [key for key in rows if key not in before]
    gone = [key for key in before if key not in rows]
    if fresh:
        writing.connection.execute(
            sa.insert(exceptions),
            [_new(writing, finding, rows[key]) for key in fresh],
        )
    for key, row in rows.items():
        if key in before:
            _refresh(writing, before[key], row, finding)
    if gone:
        _close(writing, [before[key]["exception_id"] for key in gone], "evidence", seen_at)
    came_and_went = _record_ended(writing, finding, ended)
    return Change(tuple(fresh), tuple(gone), came_and_went, len(rows) - len(fresh))


def _new(writing: Writing, finding: Finding, row: Found) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "exception_key": row.exception_key,
        "cause": row.cause,
        "state": "open",
        "owner": finding.owner,
        "severity": finding.severity,
        "system": row.system,
        "entity_key": row.entity_key,
        "since_at": row.since_at,
        "due_at": row.due_at,
        "opened_at": writing.at,
        "amount": row.amount,
        "currency": row.currency,
        "detail": row.detail,
        "url": row.url,
        "revision": writing.revision,
    }


def _refresh(writing: Writing, before: Mapping[str, Any], row: Found, finding: Finding) -> None:
    """Write a standing exception again only when what it says has changed, or its acceptance has run out."""
    now = {
        "cause": row.cause,
        "owner": finding.owner,
        "severity": finding.severity,
        "amount": row.amount,
        "currency": row.currency,
        "detail": row.detail,
        "url": row.url,
    }
    values: dict[str, Any] = {name: value for name, value in now.items() if before[name] != value}
    until = before["accepted_until"]
    if before["state"] == "accepted" and until is not None and until <= writing.at:
        values = {**values, "state": "open", "accepted_until": None, "opened_at": writing.at}
    if values:
        writing.connection.execute(
            sa.update(exceptions)
            .where(exceptions.c.exception_id == before["exception_id"])
            .values(revision=writing.revision, **values)
        )


def _close(writing: Writing, ids: Sequence[int], by: str, seen_at: datetime | None) -> None:
    for start in range(0, len(ids), _ROWS_PER_QUERY):
        writing.connection.execute(
            sa.update(exceptions)
            .where(exceptions.c.exception_id.in_(ids[start : start + _ROWS_PER_QUERY]))
            .values(
                state="closed",
                closed_at=writing.at,
                closed_by=by,
                last_seen_at=sa.func.coalesce(
                    sa.literal(seen_at, exceptions.c.opened_at.type), exceptions.c.opened_at
                ),
                revision=writing.revision,
            )
        )


def _record_ended(
    writing: Writing, finding: Finding, ended: Mapping[tuple[str, datetime], Found]
) -> tuple[str, ...]:
    recorded: list[str] = []
    for (key, at), row in ended.items():
        already = writing.connection.execute(
            sa.select(exceptions.c.exception_id).where(
                exceptions.c.rule == finding.rule,
                exceptions.c.exception_key == key,
                exceptions.c.closed_at == at,
            )
        ).first()
        if already is None:
            writing.connection.execute(
                sa.insert(exceptions).values(
                    _new(writing, finding, row)
                    | {
                        "state": "closed",
                        "opened_at": row.since_at or at,
                        "last_seen_at": at,
                        "closed_at": at,
                        "closed_by": "ended",
                    }
                )
            )
            recorded.append(key)
    return tuple(recorded)


def _evaluated(writing: Writing, findings: Sequence[Finding]) -> None:
    there = {row.rule for row in writing.connection.execute(sa.select(evaluations.c.rule))}
    for is_new in (True, False):
        batch = [f for f in findings if (f.rule not in there) is is_new]
        rows = [
            {
                "r" if not is_new else "rule": f.rule,
                "state": f.state,
                "rows": len(f.rows),
                "evaluated_at": writing.at,
                "known_at": None if f.state == "unknown" else writing.at,
            }
            for f in batch
        ]
        if not rows:
            continue
        if is_new:
            writing.connection.execute(sa.insert(evaluations), rows)
        else:
            known = sa.bindparam("known_at", type_=evaluations.c.known_at.type)
            writing.connection.execute(
                sa.update(evaluations)
                .where(evaluations.c.rule == sa.bindparam("r"))
                .values(
                    state=sa.bindparam("state"),
                    rows=sa.bindparam("rows"),
                    evaluated_at=sa.bindparam("evaluated_at"),
                    known_at=sa.func.coalesce(known, evaluations.c.known_at),
                ),
                rows,
            )


def standing(ledger: Ledger, rules: Sequence[str] | None = None) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Exceptions that are open, acknowledged or accepted: rule -> exception key -> its row."""
    with ledger.read() as connection:
        return _standing(connection, rules)


def _standing(
    connection: sa.Connection, rules: Sequence[str] | None
) -> dict[str, dict[str, Mapping[str, Any]]]:
    query = sa.select(exceptions).where(STANDING)
    wanted = None if rules is None else set(rules)
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in records(connection, query.order_by(exceptions.c.rule, exceptions.c.exception_key)):
        if wanted is None or row["rule"] in wanted:
            found.setdefault(row["rule"], {})[row["exception_key"]] = row
    return found


def _known_at(connection: sa.Connection) -> dict[str, datetime]:
    rows = connection.execute(sa.select(evaluations.c.rule, evaluations.c.known_at))
    return {row.rule: row.known_at for row in rows if row.known_at is not None}


def evaluated(ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """Rule -> its last evaluation (state, rows, evaluated_at, known_at)."""
    with ledger.read() as connection:
        return {row["rule"]: row for row in records(connection, sa.select(evaluations))}


def history(ledger: Ledger, rule: str, key: str | None = None) -> list[Mapping[str, Any]]:
    """Every exception a rule ever had (for one key), oldest first."""
    query = sa.select(exceptions).where(exceptions.c.rule == rule).order_by(exceptions.c.exception_id)
    if key is not None:
        query = query.where(exceptions.c.exception_key == key)
    with ledger.read() as connection:
        return list(records(connection, query))


# --- one at a time: faults the engine itself meets (a brake, a halt) -----------------------------------


def open_one(writing: Writing, rule: str, row: Found, *, owner: str, severity: str) -> bool:
    """Open one exception inside a transaction of the caller's, unless it stands already. True when opened."""
    query = sa.select(exceptions.c.exception_id).where(
        exceptions.c.rule == rule,
        exceptions.c.exception_key == row.exception_key,
        STANDING,
    )
    if writing.connection.execute(query).first() is not None:
        return False
    writing.connection.execute(
        sa.insert(exceptions).values(_new(writing, Finding(rule, "fail", owner, severity), row))
    )
    return True


def close_one(writing: Writing, rule: str, key: str, *, by: str) -> bool:
    """Close one exception with its evidence. True when it stood."""
    query = sa.select(exceptions.c.exception_id).where(
        exceptions.c.rule == rule, exceptions.c.exception_key == key, STANDING
    )
    ids: Iterable[int] = writing.connection.execute(query).scalars().all()
    _close(writing, list(ids), by, writing.at)
    return bool(ids)


# --- what people decide ---------------------------------------------------------------------------------


def accept(ledger: Ledger, rule: str, key: str, *, by: str, reason: str, until: datetime) -> None:
    """Live with an exception until ``until``: it keeps standing, quietly. Raises ``BadInput``."""
    with ledger.write() as writing:
        if until <= writing.at:
            raise BadInput("accept", "--until", until.isoformat(), "an instant in the future")
        values = {"state": "accepted", "accepted_until": until}
        _decide(writing, rule, key, by=by, reason=reason, values=values)


def acknowledge(ledger: Ledger, rule: str, key: str, *, by: str, reason: str = "") -> None:
    """Say that somebody is on it. It still closes only by evidence. Raises ``BadInput``."""
    with ledger.write() as writing:
        _decide(writing, rule, key, by=by, reason=reason, values={"state": "acknowledged"})


def _decide(
    writing: Writing, rule: str, key: str, *, by: str, reason: str, values: Mapping[str, Any]
) -> None:
    for name, text in (("--by", by), ("--reason", reason)):
        if not text.strip() and (name == "--by" or "accepted_until" in values):
            raise BadInput("command line", name, text, "a few words")
    done = writing.connection.execute(
        sa.update(exceptions)
        .where(exceptions.c.rule == rule, exceptions.c.exception_key == key, STANDING)
        .values(decided_by=by, decided_at=writing.at, decision=reason, revision=writing.revision, **values)
    )
    if done.rowcount == 0:
        raise BadInput(
            "command line", "KEY", f"{rule} {key}", "an exception that stands (see: cogent exceptions)"
        )
