"""A small Patchworks account for tests: the four flows, nothing run, and a caller with the right key."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import Mount

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.vendors import patchworks
from cogent_pipelines.sandbox.world import bridge as rules
from cogent_pipelines.sandbox.world.bridge import FlowRun
from cogent_pipelines.sandbox.world.world import new_world
from cogent_pipelines_tests.sandbox.veeqo_account import Answer, ask

KEY = "sandbox-bridge-api_key"
START = datetime(2026, 11, 2, 6, tzinfo=UTC)


class Account:
    """One account in a world that stands still until it is advanced."""

    def __init__(self) -> None:
        self.world = new_world(Settings(speed=0.0), START)
        self.bridge = rules.new_bridge("bridge", START)
        self.world.bridges["bridge"] = self.bridge
        self.kit = Kit(self.world)
        self.app = Starlette(
            routes=[Mount("/bridge", routes=patchworks.routes("bridge", self.world, self.kit))]
        )

    def call(
        self, method: str, path: str, body: bytes = b"", *, key: str | None = KEY, waits: float = 0.5, **params: Any
    ) -> Answer:  # fmt: skip
        """Call the account; a path is of the core host unless it begins with another's."""
        self.advance(waits)
        headers = {"host": "127.0.0.1", "content-type": "application/json", "accept": "application/json"}
        if key is not None:
            headers["authorization"] = key
        query = urlencode({name.replace("__", "[") + "]" * ("__" in name): v for name, v in params.items()})
        return asyncio.run(ask(self.app, method, f"/bridge{path}", headers=headers, body=body, query=query))

    def get(self, path: str, **params: Any) -> Any:
        """Read something that is there."""
        answer = self.call("GET", path, **params)
        assert answer.status == 200, answer.content
        return answer.json()

    def ids(self, path: str, **params: Any) -> list[int]:
        """The ids a list gives."""
        return [row["id"] for row in self.get(path, **params)["data"]]

    def advance(self, seconds: float) -> None:
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def run(self, *moved: str, refused: tuple[str, ...] = (), flow: int = 88, ends: bool = True) -> FlowRun:
        """A run of a flow, which has ended unless told otherwise."""
        carried = [(name, None) for name in moved] + [(name, "sku TEE-M unknown") for name in refused]
        made = rules.start(self.world, self.bridge, self.bridge.flows[flow], carried, trigger="Schedule")
        if ends:
            self.advance(10)
        return made

    def post(self, path: str, body: Any) -> Answer:
        """Send JSON."""
        return self.call("POST", path, json.dumps(body).encode())
