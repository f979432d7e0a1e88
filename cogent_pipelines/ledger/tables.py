"""The ledger's tables, the same on SQLite and Postgres.

Belongs here: columns, types, indexes and the numbered steps that bring an older ledger forward.
Does not belong here: which change of state is allowed (``moves``), or anybody's reason for one.

No personal data is kept in any column. Instants are text of one width on SQLite, so that they sort.
``revision`` on a row is the number of the transaction that last wrote it: what ``copy`` reads from.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

UNSETTLED = ("waiting", "held", "claimed", "sent", "rejected", "dead")
SETTLED = ("verified", "withdrawn", "adopted", "superseded")


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value
            return moment.astimezone(UTC)
        return datetime.fromisoformat(value)


class Money(TypeDecorator[Decimal]):
    """An exact amount; the currency stands in the column beside it."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Numeric(18, 4))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else Decimal(value)


_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode


class Document(TypeDecorator[Any]):
    """JSON text with sorted keys, so that equal values have equal bytes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else _encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else msgspec.json.decode(value)


metadata = sa.MetaData()
_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_revision: Callable[[], sa.Column[int]] = lambda: sa.Column("revision", sa.BigInteger, nullable=False)  # noqa: E731


meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
)

promises = sa.Table(
    "promises",
    metadata,
    sa.Column("promise_id", _id, primary_key=True, autoincrement=True),
    sa.Column("sync", sa.String(80), nullable=False),
    sa.Column("system", sa.String(80), nullable=False),  # the target
    sa.Column("source_system", sa.String(80), nullable=False, server_default=""),
    sa.Column("business_key", sa.String(255), nullable=False),
    sa.Column("act", sa.String(40), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("is_once", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(80), nullable=False, server_default=""),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.String(255), nullable=False, server_default=""),
    sa.Column("order_key", sa.String(255)),
    sa.Column("priority", sa.Integer, nullable=False, server_default="50"),
    sa.Column("digest", sa.String(64), nullable=False),  # of the wanting, keyed
    sa.Column("amount", Money),
    sa.Column("currency", sa.String(3)),
    sa.Column("since_at", Instant),
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),  # when somebody should look at it; a lease pushes it on
    sa.Column("first_sent_at", Instant),
    sa.Column("sent_at", Instant),  # last intent
    sa.Column("closed_at", Instant),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("effect", sa.String(8), nullable=False, server_default="none"),  # none, unknown, some
    sa.Column("is_accepted", sa.Boolean, nullable=False, server_default=sa.false()),  # the step has a receipt
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),  # that found nothing after settling
    sa.Column(
        "attempts", sa.Integer, nullable=False, server_default="0"
    ),  # sends that may have had an effect
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # waits in a row, for the back-off
    sa.Column("refs", Document, nullable=False),
    sa.Column("target_ref", sa.String(255), nullable=False, server_default=""),
    sa.Column("idempotency_key", sa.String(64), nullable=False, server_default=""),
    sa.Column("sent", Document),
    sa.Column("found", Document),
    sa.Column("worker", sa.String(80), nullable=False, server_default=""),
    sa.Column("lease_until", Instant),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    _revision(),
    sa.CheckConstraint(f"state IN {UNSETTLED + SETTLED}", name="promise_state"),
    sa.CheckConstraint("effect IN ('none', 'unknown', 'some')", name="promise_effect"),
    sa.UniqueConstraint("sync", "system", "business_key", "generation", name="promise_generation"),
    sqlite_autoincrement=True,
)
# Written out, not bound: a partial index is used only where the query spells the same condition.
OPEN = sa.text(f"promises.state IN {UNSETTLED}")
ACTIVE = sa.text("promises.state IN ('waiting', 'claimed', 'sent')")
_open = sa.text(f"state IN {UNSETTLED}")
sa.Index(
    "promise_open", promises.c.sync, promises.c.system, promises.c.business_key,
    unique=True, sqlite_where=_open, postgresql_where=_open,
)  # fmt: skip
# A key that is done once holds at most one row that is open, verified or adopted.
_taken = sa.text("is_once AND state NOT IN ('withdrawn', 'superseded')")
sa.Index(
    "promise_once", promises.c.sync, promises.c.system, promises.c.business_key,
    unique=True, sqlite_where=_taken, postgresql_where=_taken,
)  # fmt: skip
_active = sa.text("state IN ('waiting', 'claimed', 'sent')")
sa.Index("promise_due", promises.c.due_at, sqlite_where=_active, postgresql_where=_active)
sa.Index("promise_order", promises.c.order_key)
sa.Index("promise_reference", promises.c.reference)
sa.Index("promise_key", promises.c.business_key)
sa.Index("promise_target", promises.c.target_ref)
sa.Index("promise_revision", promises.c.revision)
sa.Index("promise_state_of_sync", promises.c.sync, promises.c.state)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("attempt_id", _id, primary_key=True, autoincrement=True),
    sa.Column("promise_id", sa.BigInteger, sa.ForeignKey("promises.promise_id"), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("action", sa.String(80), nullable=False),
    sa.Column("intent", sa.String(64), nullable=False),  # one per request; the rows of a batch share it
    sa.Column("intent_at", Instant, nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("code_version", sa.String(40), nullable=False),
    sa.Column("receipt_at", Instant),
    sa.Column("outcome", sa.String(16), nullable=False),  # open, accepted, refused, retry, unknown, not_sent
    sa.Column("ref", sa.String(255), nullable=False, server_default=""),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("read_back_at", Instant),
    sa.Column("read_back", sa.String(16), nullable=False, server_default=""),  # equal, differs, absent
    _revision(),
    sqlite_autoincrement=True,
)
sa.Index("attempt_promise", attempts.c.promise_id)
sa.Index("attempt_intent", attempts.c.intent)
sa.Index("attempt_revision", attempts.c.revision)

exceptions = sa.Table(
    "exceptions",
    metadata,
    sa.Column("exception_id", _id, primary_key=True, autoincrement=True),
    sa.Column("rule", sa.String(120), nullable=False),
    sa.Column("exception_key", sa.String(255), nullable=False),
    sa.Column("cause", sa.String(120), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # open, acknowledged, accepted, closed
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("system", sa.String(80)),
    sa.Column("entity_key", sa.String(255)),
    sa.Column("since_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant),  # set when it closes; until then the rule's last evaluation is meant
    sa.Column("closed_at", Instant),
    sa.Column("closed_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("amount", Money),
    sa.Column("currency", sa.String(3)),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("url", sa.Text, nullable=False, server_default=""),
    sa.Column("decided_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("decided_at", Instant),
    sa.Column("decision", sa.Text, nullable=False, server_default=""),
    sa.Column("accepted_until", Instant),
    _revision(),
    sa.CheckConstraint("state IN ('open', 'acknowledged', 'accepted', 'closed')", name="exception_state"),
    sqlite_autoincrement=True,
)
STANDING = sa.text("exceptions.state <> 'closed'")
_standing = sa.text("state <> 'closed'")
sa.Index(
    "exception_standing", exceptions.c.rule, exceptions.c.exception_key,
    unique=True, sqlite_where=_standing, postgresql_where=_standing,
)  # fmt: skip
sa.Index("exception_key", exceptions.c.rule, exceptions.c.exception_key)
sa.Index("exception_revision", exceptions.c.revision)

evaluations = sa.Table(
    "evaluations",
    metadata,
    sa.Column("rule", sa.String(120), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),  # pass, fail, unknown
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("evaluated_at", Instant, nullable=False),
    sa.Column("known_at", Instant),  # the last time the state was not unknown
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", _id, primary_key=True, autoincrement=True),
    sa.Column("dedupe_key", sa.String(255), nullable=False, unique=True),
    sa.Column("rule", sa.String(120), nullable=False),
    sa.Column("cause", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # opened, escalated, cleared
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("destination", sa.String(120), nullable=False, server_default=""),
    sa.Column("content", Document, nullable=False),  # what the text is made from: counts, keys, money
    sa.Column("state", sa.String(16), nullable=False),  # waiting, sending, sent, dead
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    _revision(),
    sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'dead')", name="message_state"),
    sqlite_autoincrement=True,
)
UNSENT = sa.text("messages.state IN ('waiting', 'sending')")
_unsent = sa.text("state IN ('waiting', 'sending')")
sa.Index("message_due", messages.c.due_at, sqlite_where=_unsent, postgresql_where=_unsent)
sa.Index("message_cause", messages.c.rule, messages.c.cause)

adoptions = sa.Table(
    "adoptions",
    metadata,
    sa.Column("sync", sa.String(80), primary_key=True),
    sa.Column("system", sa.String(80), primary_key=True),
    sa.Column("business_key", sa.String(255), primary_key=True),
    sa.Column("reason", sa.String(40), nullable=False),  # before_from, already_there
    sa.Column("reference", sa.String(255), nullable=False, server_default=""),
    sa.Column("order_key", sa.String(255)),
    sa.Column("adopted_at", Instant, nullable=False),
    _revision(),
)
sa.Index("adoption_revision", adoptions.c.revision)
sa.Index("adoption_key", adoptions.c.business_key)
sa.Index("adoption_order", adoptions.c.order_key)
sa.Index("adoption_reference", adoptions.c.reference)

controls = sa.Table(
    "controls",
    metadata,
    sa.Column("control_id", _id, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(16), nullable=False),  # pause, halt, release, redrive
    sa.Column("scope", sa.String(120), nullable=False),  # a sync, a system, all
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("code", sa.String(40), nullable=False, server_default=""),
    sa.Column("at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("probe_at", Instant),  # a halt: when to try the system again
    sa.Column("probes", sa.Integer, nullable=False, server_default="0"),
    _revision(),
    sqlite_autoincrement=True,
)
STANDS = sa.text("controls.ended_at IS NULL AND controls.kind IN ('pause', 'halt')")
_standing_control = sa.text("ended_at IS NULL AND kind IN ('pause', 'halt')")
sa.Index(
    "control_standing", controls.c.kind, controls.c.scope,
    unique=True, sqlite_where=_standing_control, postgresql_where=_standing_control,
)  # fmt: skip

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)

# The limiter's state is not the ledger's: it may be lost, and must not cost a disk flush a call.
limits_metadata = sa.MetaData()
limits = sa.Table(
    "limits",
    limits_metadata,
    sa.Column("account", sa.String(120), primary_key=True),
    sa.Column("bucket", Document, nullable=False),
)


def _first(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        limits_metadata.create_all(connection)


STEPS: tuple[Callable[[sa.Connection], None], ...] = (_first,)
"""Step n brings a ledger of version n to n + 1. Steps are only ever added; each runs in one transaction."""
