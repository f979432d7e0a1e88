"""One ledger per engine: every test here runs on SQLite and on Postgres."""

from __future__ import annotations

from cogent_pipelines_tests.ledger.fixtures import at, book, ledger_url, postgres_server

__all__ = ["at", "book", "ledger_url", "postgres_server"]
