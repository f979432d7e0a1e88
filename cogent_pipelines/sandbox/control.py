"""The sandbox's own paths, for tests and the demo: truth, defects, intake, inbox, clock, counters, acts.

Belongs here: HTTP around the world's truth.
Does not belong here: anything a vendor serves, or any computing of truth (``world/truth``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from cogent_pipelines.sandbox import keeping
from cogent_pipelines.sandbox.kit import KINDS, Outage
from cogent_pipelines.sandbox.settings import read_instant
from cogent_pipelines.sandbox.world import acts, truth
from cogent_pipelines.sandbox.world.world import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cogent_pipelines.sandbox.keeping import Kept


class Answer(JSONResponse):
    """JSON that knows instants and money."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


class Control:
    """Handlers over one world."""

    def __init__(self, kept: Kept, file: Path | None) -> None:
        self.kept, self.file = kept, file
        self.world, self.kit, self.slack = kept.world, kept.kit, kept.slack

    async def get_clock(self, _: Request) -> Response:
        self.world.catch_up()
        return Answer({"at": self.world.now, "speed": self.world.clock.speed})

    async def get_truth(self, request: Request) -> Response:
        self.world.catch_up()
        wanted = request.query_params.get("parts")
        return Answer(truth.truth(self.world, set(wanted.split(",")) if wanted else None))

    async def get_defects(self, _: Request) -> Response:
        self.world.catch_up()
        planter = self.world.planter
        return Answer(planter.listing() if planter else {"defects": [], "waiting": [], "families": {}})

    async def get_intake(self, _: Request) -> Response:
        self.world.catch_up()
        return Answer(self.world.intake())

    async def get_inbox(self, _: Request) -> Response:
        self.world.catch_up()
        customers = {
            system: [asdict(mail) | {"order": shop.orders[mail.order_id].name} for mail in shop.mails]
            for system, shop in self.world.shops.items()
        }
        return Answer({"slack": self.slack, "customers": customers})

    async def get_counters(self, _: Request) -> Response:
        counters = self.kit.counters
        return Answer(
            {
                "calls": [
                    {"system": system, "operation": operation, "count": count}
                    for (system, operation), count in sorted(counters.calls.items())
                ],
                "per_minute": [
                    {"system": system, "minute": minute, "count": count}
                    for (system, minute), count in sorted(counters.per_minute.items())
                ],
                "points": dict(counters.points),
                "throttled": dict(counters.throttled),
                "logins": dict(counters.logins),
                "refused_logins": dict(counters.refused_logins),
                "faults": list(self.kit.fault_counts()),
                "rates": self.kit.faults.rates,
                "events_played": self.world.events_played,
            }
        )

    async def advance(self, request: Request) -> Response:
        asked = await _body(request)
        now = self.world.catch_up()
        speed = None if asked.get("speed") is None else float(asked["speed"])
        later = now + timedelta(seconds=float(asked.get("seconds", 0)))
        to = read_instant(str(asked["to"])) if "to" in asked else later
        self.world.advance(max(to, now), speed)
        return Answer({"at": self.world.now, "speed": self.world.clock.speed})

    async def set_faults(self, request: Request) -> Response:
        asked = await _body(request)
        now = self.world.catch_up()
        if "set" in asked:
            self.kit.faults.set(str(asked["set"]))
        for outage in asked.get("outages", []):
            kind = str(outage["kind"])
            if kind not in KINDS:
                raise ValueError(f"unknown kind of fault {kind!r}; expected one of {', '.join(KINDS)}")
            self.kit.faults.outages.append(
                Outage(
                    system=str(outage["system"]),
                    operation=str(outage.get("operation", "")),
                    kind=kind,
                    since=now,
                    until=now + timedelta(seconds=float(outage.get("seconds", 10**9))),
                    left=outage.get("left"),
                    match=str(outage.get("match", "")),
                )
            )
        if asked.get("clear"):
            self.kit.faults.outages.clear()
        for system, seconds in dict(asked.get("lag", {})).items():
            self.kit.lags[system] = float(seconds)
        for system in asked.get("expire_tokens", []):
            self.kit.tokens.expire_all(system)
        for system, seconds in dict(asked.get("lock_out", {})).items():
            self.kit.tokens.lock_out(system, now + timedelta(seconds=float(seconds)))
        return Answer(
            {"rates": self.kit.faults.rates, "outages": [asdict(o) for o in self.kit.faults.outages]}
        )

    async def keep(self, _: Request) -> Response:
        """Write everything to the file of ``--keep``."""
        if self.file is None:
            raise ValueError("nothing is kept: the sandbox was started without --keep FILE")
        at = self.world.catch_up()
        keeping.save(self.file, self.kept)
        return Answer({"at": at, "lives": self.kept.lives})

    async def do(self, request: Request) -> Response:
        asked = await _body(request)
        self.world.catch_up()
        result = acts.do(
            self.world, str(asked.get("system", "")), str(asked.get("verb", "")), asked.get("args", {})
        )
        return Answer({"at": self.world.now, "result": result})

    async def receive_slack(self, request: Request) -> Response:
        """Take a message the way an incoming webhook does: JSON, or a form with the JSON in ``payload``."""
        text = (await request.body()).decode()
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            text = parse_qs(text).get("payload", ["{}"])[0]
        try:
            message = json.loads(text)
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        if not isinstance(message, dict) or not (message.keys() & {"text", "blocks", "attachments"}):
            return PlainTextResponse("no_text", status_code=400)
        at = self.world.catch_up()
        self.slack.append({"at": at, "channel": request.path_params["channel"], "message": message})
        return PlainTextResponse("ok")


async def _body(request: Request) -> dict[str, Any]:
    text = await request.body()
    asked = json.loads(text) if text else {}
    if not isinstance(asked, dict):
        raise TypeError("expected a JSON object")
    return asked


def _telling(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Answer a bad wish with 400 and the reason; this path has no vendor to imitate."""

    async def handle(request: Request) -> Response:
        try:
            response: Response = await handler(request)
        except Refused as error:
            return Answer({"error": error.message, "code": error.code}, status_code=400)
        except (ValueError, KeyError, TypeError) as error:
            return Answer({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return response

    return handle


def routes(kept: Kept, file: Path | None = None) -> Iterator[BaseRoute]:
    """Give the control's routes."""
    control = Control(kept, file)
    yield Mount(
        "/_sandbox",
        routes=[
            Route("/clock", control.get_clock),
            Route("/truth", control.get_truth),
            Route("/defects", control.get_defects),
            Route("/intake", control.get_intake),
            Route("/inbox", control.get_inbox),
            Route("/counters", control.get_counters),
            Route("/advance", _telling(control.advance), methods=["POST"]),
            Route("/faults", _telling(control.set_faults), methods=["POST"]),
            Route("/do", _telling(control.do), methods=["POST"]),
            Route("/keep", _telling(control.keep), methods=["POST"]),
        ],
    )
    yield Route("/slack/{channel:path}", control.receive_slack, methods=["POST"])
