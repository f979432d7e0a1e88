"""Asking every rule, and keeping the life of what it answers.

Belongs here: whether a rule can know, running it for the instant it can speak for, and handing its rows to the ledger.
Does not belong here: what breaks a rule (dbt), how an exception lives (``ledger.exceptions``), or telling anybody.

    rule -> its feeds -> late or never read?  -> unknown: nothing is opened, nothing is closed
                      -> as-of = least watermark -> rows -> opened, kept, closed by evidence -> verdict
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import duckdb

from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import copy, exceptions
from cogent_pipelines.ledger.exceptions import Change, Finding, Found
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.rules import feeds, steps
from cogent_pipelines.rules.catalogue import Rule
from cogent_pipelines.rules.feeds import Feed

SAMPLES = 20
_HMAC_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said at one evaluation."""

    rule: str
    state: Literal["pass", "fail", "unknown"]
    as_of: datetime
    """The instant it speaks for."""
    total: int = 0
    opened: int = 0
    closed: int = 0
    ended: int = 0
    """Faults that came and went between two looks."""
    causes: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Found, ...] = ()
    """The oldest rows, at most twenty. No personal data is in any of them."""
    oldest_at: datetime | None = None
    money: Mapping[str, Decimal] = field(default_factory=dict)
    """By currency."""
    inputs: Mapping[str, timedelta | None] = field(default_factory=dict)
    """Feed -> the age of its last whole reading; None when it was never read."""
    reason: str = ""
    """Why it is unknown."""


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    estate: Estate,
    catalogue: Mapping[str, Rule],
    *,
    names: Sequence[str] | None = None,
) -> list[Verdict]:
    """Evaluate every rule of ``catalogue`` (or ``names``) and write what changed to the ledger, in one transaction.

    The connection must come from ``warehouse.open``: its as-of is the clock, and is the same again afterwards.
    """
    copy.copy(connection, ledger)
    now = _now(connection)
    steps.refresh(connection)
    _note_ledger(connection, ledger, now)
    _give_fingerprints(connection, ledger.hmac_key)
    every = feeds.read(connection)
    asked = [catalogue[name] for name in (names if names is not None else catalogue)]
    answers = []
    try:
        for rule in asked:
            answers.append(_ask(connection, rule, every, now))  # noqa: PERF401  the as-of is put back whatever fails
    finally:
        _set_as_of(connection, now)
    findings = [
        Finding(a.rule.name, a.state, a.rule.owner, a.rule.severity_in(estate), a.rows) for a in answers
    ]
    changes = exceptions.apply(ledger, findings)
    return [_verdict(answer, changes.get(answer.rule.name, Change()), now) for answer in answers]


@dataclass(frozen=True, slots=True)
class _Answer:
    rule: Rule
    state: Literal["pass", "fail", "unknown"]
    as_of: datetime
    feeds: Sequence[Feed]
    rows: Sequence[Found] = ()
    reason: str = ""


def _ask(connection: duckdb.DuckDBPyConnection, rule: Rule, every: Sequence[Feed], now: datetime) -> _Answer:
    own = feeds.of(every, rule.inputs)
    if rule.is_always_known:
        at = now
    else:
        late = [feed for feed in own if feed.is_late(now) or (rule.compares_feeds and feed.is_behind)]
        if late:
            return _Answer(rule, "unknown", now, own, reason=_why(late, now))
        at = feeds.as_of(own, now)
    _set_as_of(connection, at)
    if rule.remembers is not None:
        _remember(connection, rule.remembers.relation, rule.remembers.key, at)
    # What came and went is recorded once: not again when it was, and not while it still stands (then it closes).
    rows = connection.execute(
        f"""
        SELECT exception_key, cause, system, entity_key, since_at, due_at, amount, currency, detail, url, ended_at
        FROM rules.{rule.name} AS r
        WHERE r.ended_at IS NULL OR NOT EXISTS (
            SELECT 1 FROM ops.exceptions AS e WHERE e.rule = $1 AND e.exception_key = r.exception_key
        )
        ORDER BY since_at, exception_key
        """,
        [rule.name],
    ).fetchall()
    found = [_found(row) for row in rows]
    is_broken = any(row.ended_at is None for row in found)
    return _Answer(rule, "fail" if is_broken else "pass", at, own, found)


def _why(late: Sequence[Feed], now: datetime) -> str:
    parts = []
    for feed in late:
        age = feed.age(now)
        minutes = (
            "never read whole"
            if age is None
            else f"last read whole {int(age.total_seconds() // 60)} minutes ago"
        )
        tried = (
            f", tried in vain at {feed.failed_at:%H:%M}" if feed.failed_at and not feed.is_late(now) else ""
        )
        parts.append(f"{feed}: {minutes}{tried}")
    return "; ".join(parts)


def _found(row: Sequence[Any]) -> Found:
    return Found(
        exception_key=row[0],
        cause=row[1],
        system=row[2],
        entity_key=row[3],
        since_at=_utc(row[4]),
        due_at=_utc(row[5]),
        amount=row[6],
        currency=row[7],
        detail=row[8] or "",
        url=row[9] or "",
        ended_at=_utc(row[10]),
    )


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _verdict(answer: _Answer, change: Change, now: datetime) -> Verdict:
    rows = [row for row in answer.rows if row.ended_at is None]
    causes: dict[str, int] = {}
    money: dict[str, Decimal] = {}
    for row in rows:
        causes[row.cause] = causes.get(row.cause, 0) + 1
        if row.amount is not None and row.currency:
            money[row.currency] = money.get(row.currency, Decimal(0)) + row.amount
    return Verdict(
        rule=answer.rule.name,
        state=answer.state,
        as_of=answer.as_of,
        total=len(rows),
        opened=len(change.opened),
        closed=len(change.closed),
        ended=len(change.ended),
        causes=causes,
        samples=tuple(rows[:SAMPLES]),
        oldest_at=min((row.since_at for row in rows if row.since_at is not None), default=None),
        money=money,
        inputs=feeds.ages(answer.feeds, now),
        reason=answer.reason,
    )


# --- what the connection must know ---------------------------------------------------------------------


def _now(connection: duckdb.DuckDBPyConnection) -> datetime:
    row = connection.execute("SELECT getvariable('as_of')::timestamptz").fetchone()
    if row is None or row[0] is None:
        raise RuntimeError("the connection has no as-of: open it with warehouse.open")
    moment: datetime = row[0]
    return moment.astimezone(UTC)


def _set_as_of(connection: duckdb.DuckDBPyConnection, at: datetime) -> None:
    connection.execute(f"SET VARIABLE as_of = TIMESTAMPTZ '{at.isoformat()}'")


def _remember(connection: duckdb.DuckDBPyConnection, relation: str, key: str, at: datetime) -> None:
    """Keep since when each row of a relation has been there; forget those that are gone."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS ops.first_seen (relation VARCHAR, row_key VARCHAR, since_at TIMESTAMPTZ)"
    )
    connection.execute(
        f"DELETE FROM ops.first_seen WHERE relation = $1 AND row_key NOT IN (SELECT {key} FROM marts.{relation})",
        [relation],
    )
    connection.execute(
        f"""
        INSERT INTO ops.first_seen
        SELECT $1, {key}, $2 FROM marts.{relation}
        WHERE {key} NOT IN (SELECT row_key FROM ops.first_seen WHERE relation = $1)
        """,
        [relation, at],
    )


def _note_ledger(connection: duckdb.DuckDBPyConnection, ledger: Ledger, now: datetime) -> None:
    """Remember which ledgers there have been: a rule says when one took another's place, or lost its tables."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS ops.ledgers "
        "(ledger_id VARCHAR, first_seen_at TIMESTAMPTZ, had_judged BOOLEAN)"
    )
    known = connection.execute("SELECT 1 FROM ops.ledgers WHERE ledger_id = $1", [str(ledger.ledger_id)])
    if known.fetchone() is None:
        had_judged = bool(exceptions.evaluated(ledger))
        connection.execute(
            "INSERT INTO ops.ledgers VALUES ($1, $2, $3)", [str(ledger.ledger_id), now, had_judged]
        )


def _give_fingerprints(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """The two halves of the HMAC key that SQL needs to compare personal fields with the ledger's fingerprints.

    They live in the session only. The form of a fingerprint is the outbox's (``outbox/personal.py``).
    """
    short = hashlib.sha256(key).digest() if len(key) > _HMAC_BLOCK else key
    padded = short.ljust(_HMAC_BLOCK, b"\0")
    for name, pad in (("hmac_inner", 0x36), ("hmac_outer", 0x5C)):
        text = "".join(f"\\x{byte ^ pad:02X}" for byte in padded)
        connection.execute(f"SET VARIABLE {name} = '{text}'::BLOB")
