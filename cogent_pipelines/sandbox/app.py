"""The sandbox as one ASGI application: every system's edge at /<system>, the control at /_sandbox.

Belongs here: putting edges, control and world together, and cutting connections.
Does not belong here: what any of them does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from cogent_pipelines.sandbox import control, edges, keeping
from cogent_pipelines.sandbox.kit import DROP, Kit
from cogent_pipelines.sandbox.world import build

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from cogent_pipelines.sandbox.keeping import Kept
    from cogent_pipelines.sandbox.settings import Settings


class Sandbox:
    """The ASGI application. ``world`` and ``kit`` are within reach of tests.

    A planted fault may cut the connection: over a socket the transport is aborted; in-process, where there is
    none, ``disconnect`` makes the exception the caller's client knows as a broken connection.
    """

    def __init__(self, app: Starlette, kept: Kept, disconnect: Callable[[str], Exception]) -> None:
        self.app, self.kept, self.disconnect = app, kept, disconnect
        self.world, self.kit = kept.world, kept.kit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_cut = False

        async def send_or_cut(message: MutableMapping[str, Any]) -> None:
            nonlocal is_cut
            if is_cut:
                return
            if message["type"] == DROP:
                is_cut = True
                transport = getattr(getattr(send, "__self__", None), "transport", None)
                if transport is None:
                    raise self.disconnect(str(message["why"]))
                transport.abort()
                await asyncio.sleep(0)  # the server notices before the application returns
                return
            await send(message)

        await self.app(scope, receive, send_or_cut)


def create_app(
    settings: Settings, *, disconnect: Callable[[str], Exception] = ConnectionResetError
) -> Sandbox:
    """Build the world of these settings, or take up the one that was kept, and everything that shows it."""
    kept = _kept(settings)
    world, kit = kept.world, kept.kit
    routes: list[BaseRoute] = list(control.routes(kept, settings.keep))
    for system, vendor in settings.systems.items():
        routes.append(Mount(f"/{system}", routes=edges.routes(vendor, system, world, kit)))
    return Sandbox(Starlette(routes=routes), kept, disconnect)


def _kept(settings: Settings) -> Kept:
    if settings.keep is not None and settings.keep.exists():
        return keeping.load(settings.keep, settings)
    world = build.build_world(settings)
    kit = Kit(world, settings.faults)
    build.people_the_world(world, kit)
    return keeping.Kept(world, kit)
