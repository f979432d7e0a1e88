"""A small retailer's folder as a tick leaves it: a ledger, a DuckDB file with marts, the rules' words.

Belongs here: making it once, copying it for each test, and rows with what does not matter filled in.
Does not belong here: assertions, or rules (their views are dbt's and have tests of their own).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cogent_pipelines import clock, warehouse
from cogent_pipelines import estate as estates
from cogent_pipelines.estate import Place
from cogent_pipelines.ledger import beats, copy, exceptions, promises
from cogent_pipelines.ledger import ledger as ledgers
from cogent_pipelines.ledger.exceptions import Finding, Found
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines.ledger.promises import Intent, Move, New, Outcome, Promise
from cogent_pipelines.rules import estate_tables, mappings
from cogent_pipelines_tests import dbt_render

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
MARTS = (
    "orders",
    "order_lines",
    "payments",
    "refunds",
    "fulfilments",
    "fulfilment_lines",
    "warehouse_orders",
    "warehouse_order_lines",
    "allocations",
    "allocation_lines",
    "shipments",
    "shipment_lines",
    "warehouse_returns",
    "delivery_methods",
    "releases",
    "items",
    "channel_stock",
    "channel_levels",
    "flow_runs",
    "flow_failures",
)
OPS_SQL = ROOT / "cogent_pipelines" / "landing" / "ops.sql"


def at(text: str) -> datetime:
    """``04 11:00`` of November 2026, in UTC."""
    return datetime.strptime(f"2026-11-{text} +0000", "%Y-%m-%d %H:%M %z").astimezone(UTC)


def stop_clock(moment: datetime = NOW) -> None:
    """Have it be ``moment``."""
    clock.use(clock.Clock(moment, time.time(), 1e-9))


@dataclass
class Kept:
    """One retailer's folder, with hands to put things into it."""

    root: Path

    @property
    def place(self) -> Place:
        return Place(self.root)

    @property
    def estate_file(self) -> Path:
        return self.root / "estate.yaml"

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, open."""
        with closing(ledgers.open(self.place.ledger_url, state=self.root)) as opened:
            yield opened

    @contextmanager
    def tables(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open."""
        with warehouse.open(self.place.warehouse) as connection:
            yield connection

    def put(self, relation: str, *rows: dict[str, Any]) -> None:
        """Rows into one table; columns left out are null."""
        self.put_all((relation, rows))

    def put_all(self, *parts: tuple[str, Sequence[dict[str, Any]]]) -> None:
        """Rows into several tables, in one opening and one transaction."""
        with self.tables() as connection:
            connection.execute("BEGIN")
            for relation, rows in parts:
                dbt_render.insert(connection, relation, *rows)
            connection.execute("COMMIT")

    def order(self, number: str, **overrides: Any) -> str:
        """A paid order of one line; its key. It was read by the last pull."""
        key = f"web_uk:{number}"
        row = {
            "order_key": key,
            "system": "web_uk",
            "order_id": number,
            "order_name": f"#{number}",
            "placed_at": at("04 08:00"),
            "is_test": False,
            "currency": "GBP",
            "total_amount": Decimal("20.00"),
            "payment_code": "captured",
            "paid_at": at("04 08:01"),
            "fulfilment_code": "unfulfilled",
            "delivery_option": "Standard Delivery",
            "first_seen_at": at("04 08:05"),
            "url": f"https://admin.example.test/orders/{number}",
        } | overrides
        line = {"order_line_key": f"{key}-1", "order_key": key, "system": "web_uk", "sku": "SKU-1"}
        line |= {"ordered_qty": 2, "current_qty": 2, "requires_shipping": True}
        self.put_all(("marts.orders", [row]), ("marts.order_lines", [line]), *_pulled(1))
        return key

    def pulled(self, new: int, **overrides: Any) -> None:
        """One whole pull of the shop's orders that brought so many, and their raw rows."""
        self.put_all(*_pulled(new, **overrides))

    def promise(self, key: str, state: str = "waiting", **overrides: Any) -> Promise:
        """A promise to send an order (or what ``sync`` says), led to ``state`` by the legal moves."""
        values: dict[str, Any] = {
            "sync": "orders_to_wms",
            "system": "wms_uk",
            "source_system": "web_uk",
            "business_key": f"{key}@LEEDS",
            "act": "create",
            "generation": 1,
            "is_once": True,
            "state": "waiting",
            "reason": "",
            "reference": f"#{key.rpartition(':')[2]}",
            "order_key": key,
            "priority": 30,
            "digest": "d",
            "amount": Decimal("20.00"),
            "currency": "GBP",
            "since_at": at("04 08:01"),
            "due_at": clock.now(),
        }
        more = {name: overrides.pop(name) for name in list(overrides) if name not in values}
        one = New(**(values | overrides))
        begin = replace(one, state="held") if state == "held" else replace(one, reason="")
        with self.ledger() as ledger:
            with ledger.write() as writing:
                promises.make(writing, [begin])
            with ledger.read() as reading:
                made = promises.unsettled(reading, one.sync)[one.system, one.business_key]
            for after in _WAY.get(state, ()):
                moved = {"reason": one.reason} | more if after == state else {}
                if after == "sent":
                    moved |= {"effect": "unknown", "sent_at": clock.now(), "first_sent_at": clock.now()}
                with ledger.write() as writing:
                    assert not promises.move(writing, [Move(made, after, moved)])
                with ledger.read() as reading:
                    made = promises.get(reading, [made.promise_id])[0]
        return made

    def attempt(self, promise: Promise, outcome: str = "accepted", **overrides: Any) -> None:
        """One send of a promise with its answer and its read-back."""
        intent = f"i{time.monotonic_ns()}"
        with self.ledger() as ledger, ledger.write() as writing:
            sent = Intent(promise.promise_id, 0, "create_order", intent, "key", "b0d1" * 8, "a test", "1")
            promises.write_intents(writing, [sent])
            ref, message = overrides.get("ref", ""), overrides.get("message", "")
            promises.write_outcomes(writing, [Outcome(promise.promise_id, intent, outcome, ref, message)])
            if outcome == "accepted":
                promises.write_read_backs(writing, {promise.promise_id: "equal"})

    def found(self, rule: str, *rows: Found, owner: str = "operations", severity: str = "error") -> None:
        """An evaluation of ``rule`` that returned ``rows``."""
        finding = Finding(rule, "fail" if rows else "pass", owner, severity, rows)
        with self.ledger() as ledger:
            exceptions.apply(ledger, [finding])


def _pulled(new: int, **overrides: Any) -> tuple[tuple[str, list[dict[str, Any]]], ...]:
    row = {
        "pull_id": f"p{time.monotonic_ns()}",
        "system": "web_uk",
        "vendor": "shopify",
        "stream": "orders",
        "kind": "increment",
        "started_at": at("04 11:55"),
        "finished_at": at("04 11:56"),
        "is_complete": True,
        "window_to": at("04 11:55"),
        "rows_in": new,
        "rows_new": new,
        "rows_changed": 0,
        "rows_same": 0,
        "rows_older": 0,
        "rows_set_aside": 0,
    } | overrides
    raw = f"{row['vendor']}.{row['stream']}"
    return ("ops.pulls", [row]), (raw, [{"system": row["system"]}] * int(row["rows_new"]))


_WAY = {
    "claimed": ("claimed",),
    "sent": ("claimed", "sent"),
    "verified": ("claimed", "sent", "verified"),
    "rejected": ("claimed", "rejected"),
    "dead": ("claimed", "sent", "dead"),
    "withdrawn": ("withdrawn",),
}


def row(key: str, cause: str = "unknown_sku", **overrides: Any) -> Found:
    """One row a rule returned."""
    one = Found(f"{key}@LEEDS", cause, "web_uk", key, at("04 09:00"), at("04 09:00"), detail="in detail")
    return replace(one, **overrides)


# --- made once --------------------------------------------------------------------------------------------


def _manifest() -> dict[str, Any]:
    """What of dbt's manifest the rules' words are read from."""
    nodes = {
        name: {
            "unique_id": name,
            "name": name,
            "resource_type": "model",
            "schema": "rules",
            "config": {"meta": model.meta},
        }
        for name, model in dbt_render.models().items()
        if model.schema == "rules"
    }
    return {"nodes": nodes, "sources": {}, "parent_map": {}}


def _make(root: Path) -> None:
    stop_clock(NOW - timedelta(hours=6))
    kept = Kept(root)
    text = (ROOT / "estates" / "demo.yaml").read_text(encoding="utf-8")
    kept.estate_file.write_text(text, encoding="utf-8")
    kept.place.manifest.parent.mkdir()
    kept.place.manifest.write_text(json.dumps(_manifest()), encoding="utf-8")
    with kept.ledger() as ledger, kept.tables() as connection:
        beats.beat(ledger, "outbox_due")
        for schema in ("staging", "marts", "rules", "wanted", "reports", "shopify", "veeqo"):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(OPS_SQL.read_text(encoding="utf-8"))
        copy.copy(connection, ledger)
        estate_tables.write(connection, estates.load(kept.estate_file), NOW)
        mappings.load(connection, ROOT / "dbt_project" / "seeds")
        for name in MARTS:
            model = dbt_render.models()[name]
            columns = ", ".join(f'"{column}" {kind}' for column, kind in model.columns.items())
            connection.execute(f"CREATE TABLE {model.relation} ({columns})")
        connection.execute("CREATE TABLE shopify.orders (system VARCHAR)")
        connection.execute("CREATE TABLE veeqo.orders (system VARCHAR)")
        dbt_render.create(connection, "books", "foreign_rows")
    clock.use_wall()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, its views built."""
    root = tmp_path_factory.mktemp("made") / "state"
    root.mkdir()
    _make(root)
    return root


@pytest.fixture
def kept(made_once: Path, tmp_path: Path, stays_open: None) -> Iterator[Kept]:
    """A folder of this test's own; the clock stands at NOW."""
    root = tmp_path / "state"
    shutil.copytree(made_once, root)
    stop_clock()
    yield Kept(root)
    clock.use_wall()
