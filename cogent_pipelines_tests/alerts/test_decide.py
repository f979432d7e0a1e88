"""When an alert is due: once per change of state, never per row, and little about a cause that flaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines.alerts.decide import DAY, Patience, decide
from cogent_pipelines.alerts.groups import Group, Past, Say

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Patience(quiet=15 * MINUTE, escalate_after=timedelta(hours=4), remind_after=DAY)


def group(
    count: int = 1, *, oldest: datetime | None = START, closed: datetime | None = None, **more: object
) -> Group:
    """A group with ``count`` standing rows."""
    return Group("r", "c", "error", "operations", count, oldest if count else None, closed_at=closed, **more)  # type: ignore[arg-type]


def live(states: list[tuple[datetime, Group]], patience: Patience = QUIET) -> list[tuple[datetime, Say]]:
    """What is said when ``decide`` is asked at each of these instants and every message is recorded."""
    past: list[Past] = []
    said: list[tuple[datetime, Say]] = []
    for at, each in states:
        say = decide(each, past, patience, at)
        if say is not None:
            past.append(Past(say.kind, at, say.incident))
            said.append((at, say))
    return said


def kinds(said: list[tuple[datetime, Say]]) -> list[str]:
    """The kinds of messages, in order."""
    return [say.kind for _, say in said]


def test_the_first_row_is_told_at_once() -> None:
    """Nothing is waited for: a new cause is told at the first look."""
    assert decide(group(), [], QUIET, START) == Say("opened", 1)


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    """No rows, no history, no message."""
    assert decide(group(0), [], QUIET, START) is None


def test_more_rows_of_a_told_cause_are_not_told() -> None:
    """A thousand rows of one cause are one message."""
    states = [(START + n * MINUTE, group(n + 1)) for n in range(120)]
    assert kinds(live(states)) == ["opened"]


def test_a_cause_is_cleared_once_it_has_been_quiet() -> None:
    """The all-clear comes after the estate's window, not at the first empty look."""
    gone = START + 10 * MINUTE
    states = [(START, group())] + [(gone + n * MINUTE, group(0, closed=gone)) for n in range(30)]
    said = live(states)
    assert kinds(said) == ["opened", "cleared"]
    assert said[1][0] == gone + 15 * MINUTE


def test_a_cause_that_comes_back_before_the_all_clear_is_the_same_incident() -> None:
    """Off and on again within the window says nothing."""
    gone = START + 10 * MINUTE
    states = [(START, group()), (gone, group(0, closed=gone)), (gone + 5 * MINUTE, group(2))]
    assert kinds(live(states)) == ["opened"]


def test_a_cause_that_comes_back_after_the_all_clear_is_a_new_incident() -> None:
    """Its number tells the two apart."""
    gone = START + MINUTE
    back = gone + 30 * MINUTE
    states = [(START, group()), (gone + 15 * MINUTE, group(0, closed=gone)), (back, group(oldest=back))]
    assert [say for _, say in live(states)] == [Say("opened", 1), Say("cleared", 1), Say("opened", 2)]


def test_an_old_row_is_escalated_once() -> None:
    """At the window's end, one message upwards, and no second one."""
    states = [(START + n * 10 * MINUTE, group(3)) for n in range(100)]
    said = live(states)
    assert kinds(said) == ["opened", "escalated"]
    assert said[1][0] == START + timedelta(hours=4)


def test_one_second_short_of_the_window_nothing_is_escalated() -> None:
    """The window is a bound, met exactly."""
    past = [Past("opened", START, 1)]
    at = START + timedelta(hours=4)
    assert decide(group(), past, QUIET, at - timedelta(seconds=1)) is None
    assert decide(group(), past, QUIET, at) == Say("escalated", 1)


def test_a_younger_row_is_not_escalated_with_its_cause() -> None:
    """The oldest row mended, the window starts with the next one."""
    past = [Past("opened", START, 1)]
    young = START + timedelta(hours=3)
    assert decide(group(oldest=young), past, QUIET, START + timedelta(hours=5)) is None


def test_a_cause_that_stands_is_brought_to_mind_each_day() -> None:
    """Reminders come an interval after the last word, and are numbered."""
    patience = Patience(escalate_after=None)
    states = [(START + timedelta(hours=n), group()) for n in range(73)]
    said = live(states, patience)
    assert kinds(said) == ["opened", "reminder", "reminder", "reminder"]
    assert [say.number for _, say in said] == [0, 1, 2, 3]


def test_what_somebody_took_is_neither_escalated_nor_brought_to_mind() -> None:
    """Acknowledged by a person, it is quiet until it clears."""
    gone = START + timedelta(days=3)
    states = [(START, group())] + [(START + timedelta(hours=n), group(is_taken=True)) for n in range(1, 72)]
    states += [(gone + timedelta(hours=n), group(0, closed=gone)) for n in range(2)]
    assert kinds(live(states)) == ["opened", "cleared"]


def test_information_is_told_once() -> None:
    """Severity info neither escalates nor reminds."""
    states = [
        (START + timedelta(hours=n), Group("r", "c", "info", "operations", 1, START)) for n in range(100)
    ]
    assert kinds(live(states)) == ["opened"]


def test_rows_that_went_on_under_another_cause_clear_this_one() -> None:
    """No row of this cause ever closed; the last word is then what the quiet is counted from."""
    past = [Past("opened", START, 1)]
    assert decide(group(0), past, QUIET, START + 14 * MINUTE) is None
    assert decide(group(0), past, QUIET, START + 15 * MINUTE) == Say("cleared", 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60) | st.integers(60, 600)), max_size=80))
def test_flapping_at_any_pace_says_little_a_day(runs: list[tuple[bool, int]]) -> None:
    """However a cause comes and goes from minute to minute: sixteen messages a day at most, in order."""
    looks = [is_on for is_on, minutes in runs for _ in range(minutes)][: 2 * 24 * 60]
    said = live(_states(looks))
    _check(said)
    for first, _ in said:
        assert sum(first <= at < first + DAY for at, _ in said) <= 16


def test_the_worst_flapping_is_bounded() -> None:
    """On for a minute, off just long enough to be cleared, all day: the wait doubles each time."""
    past: list[Past] = []
    closed: datetime | None = None
    at, is_on, kinds_said = START, True, []
    for _ in range(24 * 60):
        each = group(1, oldest=at) if is_on else group(0, closed=closed)
        say = decide(each, past, QUIET, at)
        if say is not None:
            past.append(Past(say.kind, at, say.incident))
            kinds_said.append(say.kind)
            is_on = say.kind == "cleared"
            closed = at
        at += MINUTE
    assert 8 <= len(kinds_said) <= 16


def _states(looks: list[bool]) -> list[tuple[datetime, Group]]:
    states: list[tuple[datetime, Group]] = []
    oldest: datetime | None = None
    closed: datetime | None = None
    for n, is_on in enumerate(looks):
        at = START + n * MINUTE
        if is_on:
            oldest = oldest or at
        elif oldest is not None:
            oldest, closed = None, at
        states.append((at, group(1 if is_on else 0, oldest=oldest, closed=closed)))
    return states


def _check(said: list[tuple[datetime, Say]]) -> None:
    incident, is_open, escalated = 0, False, 0
    for _, say in said:
        if say.kind == "opened":
            assert not is_open
            incident, is_open, escalated = incident + 1, True, 0
        assert is_open
        assert say.incident == incident
        escalated += say.kind == "escalated"
        assert escalated <= 1
        is_open = say.kind != "cleared"
