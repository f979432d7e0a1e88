"""Writes the target must be asked something for before they are sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Lookup, Request, Want, Write
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.outbox import send


class Job:
    """As much of a job as is prepared."""

    def __init__(self, prepare: Any) -> None:
        lookup = Lookup(lambda _wants, _system: [], lambda _want, _answers: None)
        self.write = Write("commit", lambda *_: Request("POST", "/x"), lambda *_: [], lookup, prepare=prepare)
        self.prepared: tuple[Any, ...] = ("of an earlier try",)

    @property
    def want(self) -> Want:
        """With the answers so far."""
        return Want("s", "a", "k", "r", {}, {}, self.prepared)


class Client:
    """Answers each request with its path, or raises."""

    system = None

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.error = error

    async def call(self, request: Request) -> Any:
        """One answer."""
        self.asked.append(request.path)
        if self.error is not None:
            raise self.error
        return type("Answer", (), {"json": lambda _: {"path": request.path}})()


def steps(*paths: str) -> Any:
    """Asks these, one after the other."""
    return lambda want, _system: (
        Request("POST", paths[len(want.prepared)]) if len(want.prepared) < len(paths) else None
    )


def prepared(job: Job, client: Client) -> Any:
    """What comes of it."""
    return asyncio.run(send.prepare(client, job))  # type: ignore[arg-type]


def test_each_question_knows_the_answers_before_it_and_none_of_an_earlier_try() -> None:
    """One after the other, until there is none left."""
    job, client = Job(steps("/begin", "/line")), Client()
    assert prepared(job, client) is None
    assert client.asked == ["/begin", "/line"]
    assert [answer["path"] for answer in job.prepared] == ["/begin", "/line"]


def test_most_writes_ask_nothing() -> None:
    """And keep no answers."""
    job, client = Job(None), Client()
    assert prepared(job, client) is None
    assert (client.asked, job.prepared) == ([], ())


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (Retry("later", after=3), "not_sent", "target_not_ready"),
        (Reject("no", code="closed"), "rejected", "closed"),
    ],
)
def test_what_is_not_answered_is_not_sent(error: Exception, said: str, code: str) -> None:
    """Later, or never: nothing has an effect yet."""
    outcome = prepared(Job(steps("/begin")), Client(error))
    assert (outcome.said, outcome.code) == (said, code)


def test_an_answer_of_another_shape_is_that_records_fault() -> None:
    """Its neighbours go on."""

    def reads(want: Want, _system: Any) -> Request | None:
        return Request("POST", "/begin") if not want.prepared else want.prepared[0]["nothing"]

    assert prepared(Job(reads), Client()).code == "payload"


def test_a_refused_key_stops_the_system() -> None:
    """As it does wherever it is met."""
    with pytest.raises(Halt):
        prepared(Job(steps("/begin")), Client(Halt("bad key", code="unauthorised")))
