"""Promises: one open generation per key, leases, fences, and moves that are legal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.ledger import moves, promises
from cogent_pipelines.ledger.ledger import Ledger
from cogent_pipelines_tests.ledger.builders import claim, make, move, state

MoveOn = Callable[[float], None]


def test_a_key_has_one_open_generation(book: Ledger) -> None:
    """The database itself refuses a second."""
    make(book, "a")
    with pytest.raises(sa.exc.IntegrityError):
        make(book, "a", generation=2)


def test_a_once_key_that_was_verified_takes_no_second_generation(book: Ledger) -> None:
    """Whatever the planner thinks."""
    make(book, "a")
    (taken,) = claim(book)
    move(book, taken, "verified")
    with pytest.raises(sa.exc.IntegrityError):
        make(book, "a", generation=2)


def test_a_withdrawn_or_superseded_key_may_be_promised_again(book: Ledger) -> None:
    """Nothing of it is at the target."""
    make(book, "a", "b")
    for taken, after in zip(claim(book), ("withdrawn", "superseded"), strict=True):
        move(book, taken, after)
    make(book, "a", "b", generation=2)
    assert state(book, "a") == state(book, "b") == "waiting"


@pytest.mark.parametrize("after", ["sent", "verified", "claimed"])
def test_a_generation_begins_waiting_or_held(book: Ledger, after: str) -> None:
    """Nothing begins in the middle."""
    with pytest.raises(moves.IllegalMoveError):
        make(book, "a", state=after)


@pytest.mark.parametrize("before", sorted(moves.LEGAL))
@pytest.mark.parametrize("after", sorted(moves.LEGAL))
def test_only_moves_of_the_table_are_made(before: str, after: str) -> None:
    """And from a final state there is none."""
    if after in moves.LEGAL[before]:
        moves.check(before, after)
    else:
        with pytest.raises(moves.IllegalMoveError):
            moves.check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("waiting", "superseded"),
        ("dead", "withdrawn"),
        ("claimed", "adopted"),
        ("claimed", "held"),
        ("waiting", "held"),
    ],
)
def test_what_may_be_at_the_target_is_not_put_aside_unseen(before: str, after: str) -> None:
    """Replacing, withdrawing, holding or adopting it would forget what we may have done."""
    moves.check(before, after, effect="none")
    with pytest.raises(moves.IllegalMoveError):
        moves.check(before, after, effect="unknown")


def test_a_claim_is_a_lease(book: Ledger, at: MoveOn) -> None:
    """Nobody else gets it before the lease is over; then anybody does."""
    make(book, "a")
    assert len(claim(book, "first")) == 1
    assert claim(book, "second") == []
    at(179)
    assert claim(book, "second") == []
    at(2)
    (again,) = claim(book, "second")
    assert (again.worker, again.fence) == ("second", 2)


def test_a_zombie_is_refused(book: Ledger, at: MoveOn) -> None:
    """A process that slept through its lease finds its write refused, and the other's stands."""
    make(book, "a")
    (mine,) = claim(book, "zombie")
    at(181)
    (theirs,) = claim(book, "other")
    assert move(book, mine, "sent") == {mine.promise_id}
    assert state(book, "a") == "claimed"
    assert move(book, theirs, "sent") == set()


def test_the_planner_yields_to_a_worker(book: Ledger) -> None:
    """It saw the promise waiting; a worker has taken it since."""
    make(book, "a")
    with book.read() as connection:
        seen = promises.unsettled(connection, "orders_to_wms")["wms", "a"]
    claim(book)
    assert move(book, seen, "withdrawn", is_fenced=False) == {seen.promise_id}
    assert state(book, "a") == "claimed"


def test_claims_of_two_workers_never_overlap(book: Ledger) -> None:
    """Both ask at once, over and over."""
    make(book, *(f"k{number}" for number in range(60)))
    taken: list[int] = []

    def work(name: str) -> None:
        while got := claim(book, name, limit=5):
            taken.extend(p.promise_id for p in got)

    workers = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == len(set(taken)) == 60


def test_due_says_what_is_to_be_sent_and_what_to_be_looked_at(book: Ledger, at: MoveOn) -> None:
    """Held and finished things are not due; a lease is."""
    make(book, "a", "b", "c")
    make(book, "d", state="held", reason="bad_address")
    first, *_ = claim(book, limit=1)
    move(book, first, "sent", due_at=clock.now())
    assert promises.due(book, clock.now()) == [promises.Due("orders_to_wms", "wms", 2, 1)]
    at(-1)
    assert promises.due(book, clock.now()) == []


def test_a_claim_with_nothing_due_writes_nothing(book: Ledger) -> None:
    """The hot tick must not cost a flush to disk."""
    with book.read() as connection:
        before = connection.exec_driver_sql("SELECT number FROM meta WHERE name = 'revision'").scalar_one()
    assert claim(book) == []
    with book.read() as connection:
        assert (
            connection.exec_driver_sql("SELECT number FROM meta WHERE name = 'revision'").scalar_one()
            == before
        )


def test_adoption_is_remembered_once(book: Ledger) -> None:
    """Adopting the same key again changes nothing."""
    row = {
        "sync": "orders_to_wms",
        "system": "wms",
        "business_key": "a",
        "reason": "before_from",
        "reference": "a",
        "order_key": None,
    }
    for _ in range(2):
        with book.write() as writing:
            promises.adopt(writing, [row, row])
    with book.read() as connection:
        assert promises.adopted(connection, "orders_to_wms", [("wms", "a"), ("wms", "b")]) == {("wms", "a")}


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("own", "others", "excused"),
    [
        ("unknown", ["unknown", "unknown", "accepted"], 1),
        ("unknown", ["retry"], 1),
        ("open", ["unknown"], 1),
        ("unknown", ["unknown", "accepted"], 0),
        ("unknown", ["accepted"], 0),
        ("unknown", [], 0),
        ("accepted", ["unknown", "unknown"], 0),
    ],
)
def test_an_attempt_is_excused_when_most_of_its_neighbours_went_unanswered(
    book: Ledger, own: str, others: list[str], excused: int
) -> None:
    """One that was answered, or that stood alone, never is."""
    (mine, *theirs) = tried(book, own, *others)
    with book.read() as connection:
        assert promises.in_outages(connection, mine, 10, HOUR) == excused
        assert promises.in_outages(connection, mine, 0, HOUR) == 0
    assert len(theirs) == len(others)


def test_neighbours_of_another_hour_or_another_action_excuse_nothing(book: Ledger, at: MoveOn) -> None:
    """An outage has its time and its place."""
    (mine,) = tried(book, "unknown")
    tried(book, "unknown", "unknown", action="cancel")
    at(3601)
    tried(book, "unknown", "unknown")
    with book.read() as connection:
        assert promises.in_outages(connection, mine, 10, HOUR) == 0
        assert promises.in_outages(connection, mine, 10, 2 * HOUR) == 1


def test_only_as_many_attempts_are_excused_as_are_asked_about(book: Ledger) -> None:
    """Those before were excused, or were not, at their time."""
    (mine, other) = tried(book, "unknown", "unknown")
    for outcome in ("unknown", "unknown"):
        attempt(book, mine, outcome)
        attempt(book, other, outcome)
        attempt(book, other, outcome)
    with book.read() as connection:
        assert [promises.in_outages(connection, mine, last, HOUR) for last in (1, 2, 3, 9)] == [1, 2, 3, 3]


def tried(book: Ledger, *outcomes: str, action: str = "create") -> list[int]:
    """One new promise for each outcome, sent once; their ids."""
    keys = [uuid.uuid4().hex for _ in outcomes]
    make(book, *keys)
    with book.read() as connection:
        found = promises.unsettled(connection, "orders_to_wms")
    ids = [found["wms", key].promise_id for key in keys]
    for promise_id, outcome in zip(ids, outcomes, strict=True):
        attempt(book, promise_id, outcome, action)
    return ids


def attempt(book: Ledger, promise_id: int, outcome: str, action: str = "create") -> None:
    """One send and what became of it."""
    intent = uuid.uuid4().hex
    with book.write() as writing:
        promises.write_intents(
            writing, [promises.Intent(promise_id, 0, action, intent, "key", "digest", "test", "1")]
        )
        if outcome != "open":
            promises.write_outcomes(writing, [promises.Outcome(promise_id, intent, outcome)])
