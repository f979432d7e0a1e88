"""How a look-up asks on, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cogent_pipelines.connect.spec import Found, Json, Lookup, Request, System, Want
from cogent_pipelines.errors import Halt, Reject
from cogent_pipelines.outbox.job import Job, Looked, judge
from cogent_pipelines.outbox.look import Looker

WANT = Want("orders_to_wms", "create", "k", "R", {})


class Refused(SimpleNamespace):
    """Stands for a client whose key is refused at the first request, and which is closed once that was told."""

    async def call(self, request: Request) -> Any:
        if request.path == "first":
            await asyncio.sleep(0)
            raise Halt("the key was refused", code="401")
        await self.closed.wait()
        self.went_on = True
        return SimpleNamespace(json=list)


class Pages:
    """Stands for a client: answers a path with the number in it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.system = System("wms", "fake", "", {})
        self.vendor = SimpleNamespace(limit=SimpleNamespace(per_second=1.0))

    async def call(self, request: Request) -> Any:
        self.asked.append(request.path)
        return SimpleNamespace(json=lambda: int(request.path))


def look(further: Any) -> tuple[Any, Pages]:
    """What one job's look gives, and the client that was asked."""
    pages = Pages()
    lookup = Lookup(
        lambda _wants, _system: [Request("GET", "1")],
        lambda _want, answers: Found("r", {"answers": list(answers)}),
        further=further,
    )
    job = SimpleNamespace(want=WANT, write=SimpleNamespace(lookup=lookup), phase="fresh")
    ((_, result),) = asyncio.run(Looker(cast("Any", pages)).look([cast("Job", job)]))
    return result, pages


def test_what_is_missing_is_asked_for_until_nothing_is() -> None:
    """Each round sees every answer before it; they reach ``found`` in order."""

    def further(_: Sequence[Want], answers: Sequence[Json], __: System) -> Sequence[Request]:
        return [Request("GET", str(answers[-1] + 1))] if answers[-1] < 3 else ()

    result, pages = look(further)
    assert isinstance(result, Looked)
    assert result.found is not None
    assert result.found.fields["answers"] == [1, 2, 3]
    assert pages.asked == ["1", "2", "3"]


def test_a_look_that_cannot_go_on_says_nothing() -> None:
    """An answer of another form is that record's fault, and no absence."""

    def further(_: Sequence[Want], answers: Sequence[Json], __: System) -> Sequence[Request]:
        return cast("Sequence[Request]", answers[0]["data"])

    assert isinstance(look(further)[0], Reject)


def test_what_is_asked_beside_a_refused_key_does_not_go_on() -> None:
    """It would with a client that is closed."""
    client = Refused(
        system=System("wms", "fake", "", {}),
        vendor=SimpleNamespace(limit=SimpleNamespace(per_second=1.0)),
        closed=asyncio.Event(),
        went_on=False,
    )
    lookup = Lookup(lambda wants, _system: [Request("GET", wants[0].reference)], lambda _want, _answers: None)

    async def main() -> None:
        jobs = [
            SimpleNamespace(
                want=Want("s", "create", name, name, {}), write=SimpleNamespace(lookup=lookup), phase="fresh"
            )
            for name in ("first", "second")
        ]
        with pytest.raises(Halt):
            await Looker(cast("Any", client)).look(cast("list[Job]", jobs))
        client.closed.set()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert not client.went_on


@pytest.mark.parametrize(("attempts", "kind"), [(1, "absent"), (2, "absent"), (3, "rejected")])
def test_what_a_bridge_failed_to_carry_goes_again_before_a_person_is_asked(attempts: int, kind: str) -> None:
    """Its first run may have met the target's bad moment; what fails each time needs somebody."""
    job = SimpleNamespace(
        want=WANT,
        write=SimpleNamespace(),
        sync=SimpleNamespace(level=None),
        phase="accepted",
        failed="500 from target",
        attempts=attempts,
    )
    assert judge(cast("Job", job), None, b"").kind == kind
