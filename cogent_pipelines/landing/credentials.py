"""The last word of each system on our credentials: ``ops.credentials``, written when it changes.

Belongs here: keeping that word.
Does not belong here: acting on it (``ledger.controls`` halts, the rule every_credential_is_valid speaks).
"""

from __future__ import annotations

from datetime import datetime

import duckdb


def keep(
    connection: duckdb.DuckDBPyConnection, system: str, *, state: str, reason: str, at: datetime
) -> bool:
    """Write ``state`` (``ok``, or the code of a ``Halt``) for ``system`` unless it is what stands. True when written."""
    stands = connection.execute(
        "SELECT state, reason FROM ops.credentials WHERE system = $1", [system]
    ).fetchone()
    if stands == (state, reason):
        return False
    connection.execute("BEGIN")
    connection.execute("DELETE FROM ops.credentials WHERE system = $1", [system])
    connection.execute("INSERT INTO ops.credentials VALUES ($1, $2, $3, $4)", [system, state, reason, at])
    connection.execute("COMMIT")
    return True
