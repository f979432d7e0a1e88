"""Any order of planning, claiming, sending, crashing and deciding keeps the promises' laws."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cogent_pipelines import clock
from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import Brake
from cogent_pipelines.ledger import controls, ledger, moves, promises, tables
from cogent_pipelines.ledger.promises import Move, Promise
from cogent_pipelines.outbox import plan
from cogent_pipelines.outbox.inputs import Inputs
from cogent_pipelines.outbox.syncs import SYNCS, Sync
from cogent_pipelines.outbox.wanted import Row
from cogent_pipelines_tests.ledger.builders import LEASE
from cogent_pipelines_tests.ledger.fixtures import KEY, MEMORY, START

KEYS = ("a", "b", "c")
ONCE, LEVEL = SYNCS["orders_to_wms"], SYNCS["stock_to_channel"]


class Ledgers(RuleBasedStateMachine):
    """The planner's real decisions and a worker's legal moves, in any order."""

    @initialize(sync=st.sampled_from([ONCE, LEVEL]))
    def begin(self, sync: Sync) -> None:
        self.now = START
        clock.use(clock.Clock(START, time.time(), 1e-9))
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.book = ledger.open(Path(self.folder.name) / "ledger.db")
        self.sync = sync
        self.wanted: dict[str, tuple[str, str | None]] = {}
        self.held: list[Promise] = []
        self.done: Counter[str] = Counter()

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
            self.folder.cleanup()
        clock.use_wall()

    def _row(self, key: str) -> Row:
        digest, held_by = self.wanted[key]
        return Row(
            system="wms", source_system="shop", act="create", business_key=key, reference=key, order_key=None,
            since_at=START, held_by=held_by, priority=30, amount=None, currency=None, fields={},
            digest=digest,
        )  # fmt: skip

    @rule(
        key=st.sampled_from(KEYS),
        digest=st.sampled_from("xy"),
        held_by=st.sampled_from([None, None, "cause"]),
    )
    def want(self, key: str, digest: str, held_by: str | None) -> None:
        self.wanted[key] = (digest, held_by)

    @rule(key=st.sampled_from(KEYS))
    def unwant(self, key: str) -> None:
        self.wanted.pop(key, None)

    @rule(seconds=st.sampled_from([1, 60, 200]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        clock.use(clock.Clock(self.now, time.time(), 1e-9))

    @rule(is_fresh=st.booleans(), most=st.sampled_from([None, 1]))
    def plan(self, is_fresh: bool, most: int | None) -> None:
        known = Inputs({} if is_fresh else {"wms": "stale"}, {"wms": self.now, "shop": self.now})
        ground = plan.Ground(known, START, self.now)
        rows = [self._row(key) for key in self.wanted]
        brake = Brake(orders_per_tick=most)
        with self.book.write() as writing:
            decision = plan.decide_in(writing.connection, self.sync, rows, ground)
            tripped = plan.brake_of(brake, decision, {}, self.now)
            plan.write(writing, self.sync, decision, tripped)
        with self.book.write() as writing:
            again = plan.decide_in(writing.connection, self.sync, rows, ground)
            assert again.is_nothing(), "a second plan of the same must find nothing to do"

    @rule()
    def release(self) -> None:
        with self.book.read() as connection:
            held = controls.held_by_brakes(connection, self.sync.name)
        if held:
            controls.release(self.book, self.sync.name, by="kim", reason="so be it")

    @rule(states=st.sampled_from([("waiting", "claimed"), ("sent",)]))
    def claim(self, states: tuple[str, ...]) -> None:
        self.held += promises.claim(
            self.book, "w", states=states, limits={("wms", self.sync.name): 2}, lease=LEASE
        )

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def work(self, data: Any) -> None:
        promise = data.draw(st.sampled_from(self.held))
        self.held.remove(promise)
        with self.book.read() as connection:
            (now,) = promises.get(connection, [promise.promise_id])
        after = data.draw(
            st.sampled_from(sorted(moves.LEGAL[now.state] | {now.state} - set(tables.SETTLED)) or ["sent"])
        )
        values: dict[str, Any] = {}
        if after == "sent":
            values = {"effect": "unknown", "first_sent_at": self.now, "due_at": self.now}
        elif after in ("waiting", "rejected", "withdrawn", "superseded"):
            values = {"effect": "none", "due_at": self.now}
        try:
            with self.book.write() as writing:
                late = promises.move(writing, [Move(promise, after, values)])
        except moves.IllegalMoveError:
            return
        if not late:
            self.done[promise.business_key] += after in ("verified", "adopted")
            if after == "sent":
                self.held.append(replace(promise, state="sent"))

    @rule()
    def crash(self) -> None:
        self.held.clear()

    @rule(key=st.sampled_from(KEYS))
    def redrive(self, key: str) -> None:
        with contextlib.suppress(BadInput):  # there is nothing to redrive
            controls.redrive(self.book, key, by="kim")

    @invariant()
    def laws_hold(self) -> None:
        if not hasattr(self, "book"):
            return
        with self.book.read() as connection:
            rows = connection.execute(
                sa.select(
                    tables.promises.c.business_key, tables.promises.c.state, tables.promises.c.generation
                )
            ).all()
        unsettled = Counter(r.business_key for r in rows if r.state in tables.UNSETTLED)
        assert max(unsettled.values(), default=0) <= 1, "two open generations of one key"
        assert len({(r.business_key, r.generation) for r in rows}) == len(rows)
        if self.sync.is_once:
            assert max(self.done.values(), default=0) <= 1, "a once-key was done twice"
            for key, times in self.done.items():
                assert not (times and unsettled[key]), "a once-key that is done was planned again"


@pytest.mark.usefixtures("monkeypatch")
def test_laws_of_promises_hold_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never two open generations of a key, never a verified or adopted once-key again."""
    monkeypatch.setenv("COGENT_HMAC_KEY", KEY)
    run_state_machine_as_test(
        Ledgers,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )
