"""Sending what is due: exceptions become messages, messages go out, and what became of them is kept.

Belongs here: reading groups from the ledger, queueing, claiming, sending, recording.
Does not belong here: when to speak (``decide``), words (``render``), addresses (``routing``).

Every message is in the ledger, synced, before it is sent, and one is claimed at a time: ``sending`` on disk,
sent, ``sent`` on disk. A chat or mail server cannot be asked what it has. So a process killed between sending
and recording makes that one message go out again after its lease, marked as a possible repeat; no message is
lost, and none is repeated for any other reason. An alert too many is the cheaper fault.

A destination that fails is left alone for the rest of the call, tried again later and later, and is itself
an exception, told to somebody who can still be reached.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.alerts import decide, render, routing
from cogent_pipelines.alerts.groups import KEYS_SHOWN, Group, Outcome, Past, Say, Sent
from cogent_pipelines.estate import Estate, span
from cogent_pipelines.ledger import exceptions, messages, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cogent_pipelines.ledger.ledger import Ledger, Writing

UNREACHED = "every_alert_reaches_its_owner"
"""The rule this module breaks itself when a destination does not take messages."""
DAGSTER_URL = "COGENT_DAGSTER_URL"
MOST_PER_CALL = 100
TRIES_BEFORE_REPORT = 3
PACE_SECONDS = 1.0
"""Chat services take about one message a second and channel."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
LEASE_WALL_SECONDS = 60.0
"""Longer than the slowest send: connecting and reading time out after seconds."""
ESCALATE_HOURS: Mapping[str, float | None] = {"critical": 1.0, "error": 4.0, "warning": 24.0, "info": None}
"""Where the estate's window for a rule names none."""
REMIND_AFTER = timedelta(days=1)

_OWN_WORDS = {
    "address_missing": "Alerts go nowhere: an address is not set",
    "address_unusable": "Alerts go nowhere: an address cannot be used",
    "not_delivered": "Alerts do not arrive at a destination",
}
_OWN_STEP = (
    "Set a working address in the environment variable named below; waiting alerts then go out by themselves"
)


class Words(Protocol):
    """What a rule's catalogue entry says of it. Anything with these attributes will do."""

    @property
    def when_broken(self) -> str: ...
    @property
    def first_step(self) -> str: ...
    def repair_of(self, cause: str) -> str: ...


def _nothing(point: str) -> None:
    """No crash is rehearsed unless a test asks for one."""
    del point


def send_due(
    ledger: Ledger,
    estate: Estate,
    catalogue: Mapping[str, Words],
    *,
    now: datetime,
    dagster_url: str = "",
    remind_after: timedelta | None = REMIND_AFTER,
    crash: Callable[[str], None] = _nothing,
) -> list[Sent]:
    """Queue what has changed since the last call, send what is due, and say what became of each message.

    ``catalogue`` is rule -> its words. ``dagster_url`` (or ``COGENT_DAGSTER_URL``) is where the UI is.
    """
    base = (dagster_url or os.environ.get(DAGSTER_URL, "")).rstrip("/")
    done: list[Sent] = []
    dead: dict[str, Outcome] = {}
    for _ in range(2):  # what the first round found unreachable, the second tells to somebody else
        queue_due(ledger, estate, catalogue, now=now, dagster_url=base, remind_after=remind_after)
        crash("alert queued, not claimed")
        sent = _send_all(ledger, estate, dead, MOST_PER_CALL - len(done), crash)
        done += sent
        if not _report(ledger, estate, sent, dead):
            break
    return done


# --- from exceptions to messages ----------------------------------------------------------------------


def queue_due(
    ledger: Ledger,
    estate: Estate,
    catalogue: Mapping[str, Words],
    *,
    now: datetime,
    dagster_url: str = "",
    remind_after: timedelta | None = REMIND_AFTER,
) -> int:
    """Put into the queue what should be said at ``now``. Nothing is written when nothing is to be said."""
    past = _past(ledger, now)
    unfinished = {key for key, said in past.items() if decide.is_open(said)}
    found = groups(ledger, catalogue, asked=unfinished, dagster_url=dagster_url)
    wanted: list[messages.Message] = []
    for key, group in found.items():
        said = past.get(key, [])
        say = decide.decide(group, said, _patience(estate, group, remind_after), now)
        if say is not None:
            wanted += _messages(estate, group, say, said, now)
    if not wanted:
        return 0
    with ledger.write() as writing:
        return sum(messages.queue(writing, each) for each in wanted)


def groups(
    ledger: Ledger,
    catalogue: Mapping[str, Words],
    *,
    asked: Iterable[tuple[str, str]] = (),
    dagster_url: str = "",
) -> dict[tuple[str, str], Group]:
    """Every (rule, cause) that has standing exceptions, and those ``asked`` for besides."""
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {key: [] for key in sorted(asked)}
    for rule, by_key in exceptions.standing(ledger).items():
        for row in by_key.values():
            rows.setdefault((rule, row["cause"]), []).append(row)
    closed = _closed(ledger, [key for key, standing in rows.items() if not standing])
    return {
        key: _group(key, standing, catalogue.get(key[0]), closed.get(key), dagster_url)
        for key, standing in rows.items()
    }


def _group(
    key: tuple[str, str],
    rows: list[Mapping[str, Any]],
    words: Words | None,
    closed: Mapping[str, Any] | None,
    dagster_url: str,
) -> Group:
    rule, cause = key
    open_ = [row for row in rows if row["state"] != "accepted"]
    fresh = [row for row in open_ if row["state"] == "open"]
    accepted = [row for row in rows if row["state"] == "accepted"]
    totals: dict[str, Decimal] = {}
    for row in open_:
        if row["amount"] is not None and row["currency"]:
            totals[row["currency"]] = totals.get(row["currency"], Decimal(0)) + row["amount"]
    sample: Mapping[str, Any] = rows[0] if rows else (closed or {})
    is_own = rule == UNREACHED
    return Group(
        rule=rule,
        cause=cause,
        severity=sample.get("severity", "error"),
        owner=sample.get("owner", ""),
        count=len(open_),
        oldest_at=min((row["opened_at"] for row in fresh or open_), default=None),
        money=tuple(sorted(totals.items())),
        keys=tuple(row["exception_key"] for row in open_[:KEYS_SHOWN]),
        when_broken=words.when_broken if words else _OWN_WORDS.get(cause, "") if is_own else "",
        first_step=words.first_step if words else _OWN_STEP if is_own else "",
        repair=words.repair_of(cause) if words else "person",
        url=f"{dagster_url}/assets/rules/{rule}" if dagster_url else "",
        closed_at=None if closed is None else closed["closed_at"],
        is_taken=bool(open_) and not fresh,
        accepted=len(accepted),
        accepted_until=max((row["accepted_until"] for row in accepted), default=None),
    )


def _closed(ledger: Ledger, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Of each group without standing rows, the row that closed last.

    Where none did (its rows went on under another cause) the last message says whose it was.
    """
    table = tables.exceptions.c
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    if not keys:
        return found
    with ledger.read() as connection:
        for rule, cause in keys:
            query = (
                sa.select(tables.exceptions)
                .where(table.rule == rule, table.cause == cause, table.state == "closed")
                .order_by(table.closed_at.desc())
                .limit(1)
            )
            row = connection.execute(query).mappings().first()
            if row is not None:
                found[rule, cause] = dict(row)
    for rule, cause in set(keys) - set(found):
        found[rule, cause] = {**messages.about(ledger, rule, cause)[-1], "closed_at": None}
    return found


def _past(ledger: Ledger, now: datetime) -> dict[tuple[str, str], list[Past]]:
    """What was said of each cause: its latest incident and the last day. Causes long cleared are left out."""
    table = tables.messages.c
    latest = (
        sa.select(table.rule, table.cause, sa.func.max(table.message_id).label("since"))
        .where(table.kind == "opened")
        .group_by(table.rule, table.cause)
        .subquery()
    )
    query = (
        sa.select(table.rule, table.cause, table.kind, table.created_at, table.content)
        .join(latest, sa.and_(latest.c.rule == table.rule, latest.c.cause == table.cause))
        .where(sa.or_(table.message_id >= latest.c.since, table.created_at >= now - decide.DAY))
        .order_by(table.message_id)
    )
    said: dict[tuple[str, str], set[Past]] = {}
    with ledger.read() as connection:
        for row in connection.execute(query):
            incident = int(row.content.get("incident", 1))
            said.setdefault((row.rule, row.cause), set()).add(Past(row.kind, row.created_at, incident))
    return {key: sorted(each, key=lambda p: (p.incident, p.at)) for key, each in said.items()}


def _patience(estate: Estate, group: Group, remind_after: timedelta | None) -> decide.Patience:
    window = estate.windows.get(group.rule)
    hours = window.escalate_hours if window is not None else None
    if hours is None:
        hours = ESCALATE_HOURS.get(group.severity)
    has_above = bool(routing.listeners(estate, group.owner, "escalated"))
    return decide.Patience(
        quiet=span(estate.alert_window),
        escalate_after=timedelta(hours=hours) if hours is not None and has_above else None,
        remind_after=remind_after,
    )


def _messages(
    estate: Estate, group: Group, say: Say, said: list[Past], now: datetime
) -> list[messages.Message]:
    """One message for each destination that is to hear it."""
    was_escalated = any(p.kind == "escalated" and p.incident == say.incident for p in said)
    content = {
        "incident": say.incident,
        "at": now.isoformat(),
        "count": group.count,
        "oldest_at": None if group.oldest_at is None else group.oldest_at.isoformat(),
        "money": [[currency, str(amount)] for currency, amount in group.money],
        "keys": list(group.keys),
        "when_broken": group.when_broken,
        "first_step": group.first_step,
        "repair": group.repair,
        "url": group.url,
        "accepted": group.accepted,
        "accepted_until": None if group.accepted_until is None else group.accepted_until.isoformat(),
    }
    return [
        messages.Message(
            dedupe_key=_dedupe_key(group, say, destination),
            rule=group.rule,
            cause=group.cause,
            kind=say.kind,
            owner=group.owner,
            severity=group.severity,
            content=content,
            destination=destination,
        )
        for destination in routing.listeners(estate, group.owner, say.kind, was_escalated=was_escalated)
    ]


def _dedupe_key(group: Group, say: Say, destination: str) -> str:
    """The same for every process that decides the same thing: the second one to queue it finds it there."""
    text = f"{group.rule}|{group.cause}|{say.incident}|{say.kind}{say.number or ''}|{destination}"
    if len(text) <= 255:  # noqa: PLR2004  the column's width
        return text
    return f"{text[:200]}|{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


# --- from messages to destinations --------------------------------------------------------------------


def _send_all(
    ledger: Ledger,
    estate: Estate,
    dead: dict[str, Outcome],
    limit: int,
    crash: Callable[[str], None],
) -> list[Sent]:
    done: list[Sent] = []
    paced: dict[str, datetime] = {}
    lease = max(messages.LEASE, timedelta(seconds=LEASE_WALL_SECONDS * clock.speed()))
    while len(done) < limit and messages.due(ledger, clock.now()):
        claimed = messages.claim(ledger, limit=1, lease=lease)
        if not claimed:
            break
        crash("alert claimed, not sent")
        row = claimed[0]
        outcome = _overtaken(ledger, row) or dead.get(row["destination"])
        if outcome is None:
            _keep_pace(paced, row["destination"])
            outcome = _deliver(estate, row)
            crash("alert sent, not recorded")
        done.append(_record(ledger, row, outcome))
        if not outcome.is_sent and outcome.cause:
            dead[row["destination"]] = outcome
    return done


def _keep_pace(paced: dict[str, datetime], destination: str) -> None:
    now = clock.now()
    if destination in paced:
        clock.block(PACE_SECONDS - (now - paced[destination]).total_seconds())
    paced[destination] = clock.now()


def _overtaken(ledger: Ledger, row: Mapping[str, Any]) -> Outcome | None:
    """Whether events have passed a message by: its incident is over, or an all-clear nobody waits for."""
    incident = row["content"].get("incident")
    same = [
        m
        for m in messages.about(ledger, row["rule"], row["cause"])
        if m["content"].get("incident") == incident
    ]
    if row["kind"] != "cleared":
        is_over = any(m["kind"] == "cleared" for m in same)
        return Outcome(False, "cleared before it could be sent") if is_over else None
    heard = any(
        m["kind"] != "cleared"
        and m["destination"] == row["destination"]
        and m["state"] in {"sent", "sending"}
        for m in same
    )
    return None if heard else Outcome(False, "nothing to clear was ever sent there")


def _deliver(estate: Estate, row: Mapping[str, Any]) -> Outcome:
    from cogent_pipelines.alerts import sinks  # noqa: PLC0415  costs a second: only when something is sent

    content = row["content"]
    group = Group(
        rule=row["rule"],
        cause=row["cause"],
        severity=row["severity"],
        owner=row["owner"],
        count=content["count"],
        oldest_at=_instant(content["oldest_at"]),
        money=tuple((currency, Decimal(amount)) for currency, amount in content["money"]),
        keys=tuple(content["keys"]),
        when_broken=content["when_broken"],
        first_step=content["first_step"],
        repair=content["repair"],
        url=content["url"],
        accepted=content["accepted"],
        accepted_until=_instant(content["accepted_until"]),
    )
    owner = estate.owners.get(group.owner)
    text = render.render(
        group,
        row["kind"],
        datetime.fromisoformat(content["at"]),
        escalated_to=owner.escalate_to if owner else "",
    )
    if row["attempts"] > 1 and not row["last_error"]:  # an earlier attempt left no record of how it ended
        text = replace(text, title=f"{text.title} (perhaps a repeat)")
    thread = hashlib.blake2b(
        f"{row['rule']}|{row['cause']}|{content['incident']}".encode(), digest_size=12
    ).hexdigest()
    return sinks.deliver(
        row["destination"],
        text,
        severity=row["severity"],
        kind=row["kind"],
        loopback_only=estate.sandbox,
        thread=thread,
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _record(ledger: Ledger, row: Mapping[str, Any], outcome: Outcome) -> Sent:
    state: Literal["sent", "waiting", "dead"] = "sent"
    if outcome.is_sent:
        messages.sent(ledger, row["message_id"], row["fence"])
    else:
        wait = min(FIRST_WAIT * 2 ** min(row["attempts"] - 1, 10), LONGEST_WAIT)
        is_final = not outcome.cause or row["attempts"] >= messages.MOST_ATTEMPTS
        messages.failed(
            ledger, row["message_id"], row["fence"], outcome.reason, after=wait, is_final=not outcome.cause
        )
        state = "dead" if is_final else "waiting"
    return Sent(
        row["rule"],
        row["cause"],
        row["kind"],
        row["owner"],
        row["destination"],
        state,
        outcome.reason,
        row["attempts"],
    )


# --- destinations that do not answer -------------------------------------------------------------------


def _report(ledger: Ledger, estate: Estate, sent: list[Sent], dead: Mapping[str, Outcome]) -> bool:
    """Open an exception for a destination that takes no messages, close it for one that does again.

    True when one was opened: somebody else is to be told.
    """
    standing = exceptions.standing(ledger, [UNREACHED]).get(UNREACHED, {})
    reached = {each.destination for each in sent if each.state == "sent"} & set(standing)
    tried = {each.destination: each.attempts for each in sent if each.destination in dead}
    used = {name for part in estate.owners.values() for name in part.destinations}
    over = reached | (set(standing) - used)
    lost = [
        name
        for name, outcome in dead.items()
        if name not in standing
        and (outcome.cause != "not_delivered" or tried.get(name, 0) >= TRIES_BEFORE_REPORT)
    ]
    if not over and not lost:
        return False
    opened = False
    with ledger.write() as writing:
        for name in sorted(over):
            exceptions.close_one(writing, UNREACHED, name, by="evidence")
        for name in sorted(lost):
            opened |= _open(writing, estate, name, dead)
    return opened


def _open(writing: Writing, estate: Estate, name: str, dead: Mapping[str, Outcome]) -> bool:
    owner = next((o for o, part in estate.owners.items() if name in part.destinations), "")
    row = exceptions.Found(
        name, dead[name].cause, since_at=writing.at, due_at=writing.at, detail=dead[name].reason
    )
    told = routing.stand_in(estate, owner, tuple(dead)) or owner
    return exceptions.open_one(writing, UNREACHED, row, owner=told, severity="critical")
