"""Forgetting generations that no question needs any more, so that levels set every minute do not grow for ever.

Belongs here: which rows may go, and taking them out a handful at a time.
Does not belong here: when (a daily job says), or anything that once-only truth rests on.

Kept for ever: the latest generation of every key, adoptions, exceptions, decisions. Gone after ``before``:
settled generations that a later one of the same key has followed, with their attempts.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.promises import ROWS_PER_QUERY
from cogent_pipelines.ledger.tables import SETTLED, attempts, meta, promises


def prune(ledger: Ledger, *, before: datetime) -> int:
    """Forget what was settled before ``before`` and has been followed. How many promises went."""
    gone = 0
    while ids := _some(ledger, before):
        with ledger.write() as writing:
            writing.connection.execute(sa.delete(attempts).where(attempts.c.promise_id.in_(ids)))
            writing.connection.execute(sa.delete(promises).where(promises.c.promise_id.in_(ids)))
            # A copy that follows revisions cannot see what is gone: it is to be made whole.
            writing.connection.execute(
                sa.update(meta).where(meta.c.name == "ledger_id").values(number=meta.c.number + 1)
            )
        gone += len(ids)
    return gone


def _some(ledger: Ledger, before: datetime) -> list[int]:
    later = promises.alias("later")
    query = (
        sa.select(promises.c.promise_id)
        .where(
            promises.c.state.in_(SETTLED),
            promises.c.closed_at < before,
            sa.exists().where(
                later.c.sync == promises.c.sync,
                later.c.system == promises.c.system,
                later.c.business_key == promises.c.business_key,
                later.c.generation > promises.c.generation,
            ),
        )
        .limit(ROWS_PER_QUERY)
    )
    with ledger.read() as connection:
        return list(connection.execute(query).scalars())
