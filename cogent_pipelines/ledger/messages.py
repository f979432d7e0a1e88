"""Messages owed to owners: queued in the transaction that makes them due, sent once, never forgotten.

Belongs here: keeping them, handing them out one worker at a time, and recording what became of each.
Does not belong here: the words (``alerts``), or the channels they go by.

A message is marked ``sending`` on disk before it goes out. A process killed right then leaves it so; it is
handed out again after its lease. A chat or mail server cannot be asked what it has, so that one window can
repeat a message (its ``dedupe_key`` travels with it); it can never lose one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger, Writing, records
from cogent_pipelines.ledger.tables import UNSENT, messages

LEASE = timedelta(seconds=120)
MOST_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Message:
    """One message to queue. Two with one ``dedupe_key`` are one: name rule, cause, kind and episode in it."""

    dedupe_key: str
    rule: str
    cause: str
    kind: str
    owner: str
    severity: str
    content: Mapping[str, Any]
    destination: str = ""
    due_at: datetime | None = None


def queue(writing: Writing, message: Message) -> bool:
    """Put a message in the queue, inside the caller's transaction; False when it is there already."""
    query = sa.select(messages.c.message_id).where(messages.c.dedupe_key == message.dedupe_key)
    if writing.connection.execute(query).first() is not None:
        return False
    writing.connection.execute(
        sa.insert(messages).values(
            dedupe_key=message.dedupe_key,
            rule=message.rule,
            cause=message.cause,
            kind=message.kind,
            owner=message.owner,
            severity=message.severity,
            destination=message.destination,
            content=dict(message.content),
            state="waiting",
            created_at=writing.at,
            due_at=message.due_at or writing.at,
            revision=writing.revision,
        )
    )
    return True


def due(ledger: Ledger, at: datetime) -> int:
    """How many messages wait to be sent."""
    query = sa.select(sa.func.count()).select_from(messages).where(UNSENT, messages.c.due_at <= at)
    with ledger.read() as connection:
        return int(connection.execute(query).scalar_one())


def claim(ledger: Ledger, *, limit: int = 50, lease: timedelta = LEASE) -> list[Mapping[str, Any]]:
    """Take due messages and mark them ``sending``, synced; each row carries the fence to answer with."""
    with ledger.write() as writing:
        query = (
            sa.select(messages)
            .where(UNSENT, messages.c.due_at <= writing.at)
            .order_by(messages.c.message_id)
            .limit(limit)
        )
        taken: list[Mapping[str, Any]] = []
        for row in records(writing.connection, query):
            values = {
                "state": "sending",
                "due_at": writing.at + lease,
                "attempts": row["attempts"] + 1,
                "fence": row["fence"] + 1,
                "revision": writing.revision,
            }
            writing.connection.execute(
                sa.update(messages).where(messages.c.message_id == row["message_id"]).values(**values)
            )
            taken.append({**row, **values})
        return taken


def sent(ledger: Ledger, message_id: int, fence: int) -> bool:
    """Record that a message went out. False when another worker has taken it since."""
    with ledger.write() as writing:
        return _answer(writing, message_id, fence, {"state": "sent", "sent_at": writing.at, "last_error": ""})


def failed(
    ledger: Ledger, message_id: int, fence: int, error: str, *, after: timedelta, is_final: bool = False
) -> bool:
    """Record that a message did not go out: again ``after`` that long, or never. False as in ``sent``."""
    with ledger.write() as writing:
        query = sa.select(messages.c.attempts).where(messages.c.message_id == message_id)
        tried = int(writing.connection.execute(query).scalar_one())
        is_dead = is_final or tried >= MOST_ATTEMPTS
        values = {
            "state": "dead" if is_dead else "waiting",
            "due_at": writing.at + after,
            "last_error": error,
        }
        return _answer(writing, message_id, fence, values)


def _answer(writing: Writing, message_id: int, fence: int, values: Mapping[str, Any]) -> bool:
    done = writing.connection.execute(
        sa.update(messages)
        .where(messages.c.message_id == message_id, messages.c.fence == fence, messages.c.state == "sending")
        .values(revision=writing.revision, **values)
    )
    return done.rowcount == 1


def about(ledger: Ledger, rule: str, cause: str | None = None) -> list[Mapping[str, Any]]:
    """Every message about a rule (and one cause), oldest first."""
    query = sa.select(messages).where(messages.c.rule == rule).order_by(messages.c.message_id)
    if cause is not None:
        query = query.where(messages.c.cause == cause)
    with ledger.read() as connection:
        return list(records(connection, query))
