"""Worlds for the tests of the sandbox: small ones, played without HTTP.

Belongs here: building and playing. Does not belong here: assertions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cogent_pipelines.sandbox.kit import Kit
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import build
from cogent_pipelines.sandbox.world.world import World

ONLINE_RETAIL = Path(__file__).parents[3] / "shared" / "data" / "online_retail.parquet"
SMALL = Settings(speed=0, orders=120, skus=60, bundles=6)

needs_online_retail = pytest.mark.skipif(
    not ONLINE_RETAIL.exists(), reason="the real order lines (../shared/data) are not here"
)


def make(settings: Settings = SMALL, **changes) -> World:
    """Build a world and let its people begin."""
    world = build.build_world(replace(settings, **changes))
    build.people_the_world(world, Kit(world))
    return world


def play(world: World, *, days: float) -> World:
    """Let time pass."""
    world.advance(world.now + timedelta(days=days))
    return world
