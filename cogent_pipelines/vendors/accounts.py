"""From the estate's systems to clients that can talk to them.

Belongs here: joining a system of the estate with its vendor's declarations.
Does not belong here: facts of a vendor (``vendors/<slug>.py``) or how to talk (``connect``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import LimitStore
from cogent_pipelines.connect.spec import Stream, System, Vendor
from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import Estate, SystemPart, span
from cogent_pipelines.vendors.registry import VENDORS


def system(estate: Estate, name: str) -> System:
    """The system ``name`` as ``connect`` needs it."""
    part = estate.systems[name]
    return System(
        name=name,
        vendor=part.vendor,
        base_url=part.base_url,
        secrets=part.secrets,
        options=part.settings,
        scope=part.scope,
        account=part.account or name,
        loopback_only=estate.sandbox,
    )


def check(estate: Estate, file: str) -> None:
    """Refuse an estate that names a vendor there is no connector for, or reads too seldom what a vendor soon deletes.

    Raises ``BadInput``.
    """
    for name, part in estate.systems.items():
        if part.vendor not in VENDORS:
            raise BadInput(
                file, f"systems.{name}.vendor", part.vendor, f"one of {', '.join(sorted(VENDORS))}"
            )
        _check_words(file, name, part, VENDORS[part.vendor])
        _check_scope(file, name, part)
        forgotten = [(s.kept, s) for s in VENDORS[part.vendor].streams_of(part.role) if s.kept is not None]
        for kept, stream in sorted(forgotten, key=lambda each: each[0]):
            _check_kept(estate, file, stream, kept)
    for name, sync in estate.syncs.items():
        if sync.via:
            _check_route(estate, file, name, sync.route[0])


def _check_scope(file: str, name: str, part: SystemPart) -> None:
    """Channels can only be told apart where orders show them, and what we send must come in by one of ours."""
    if part.scope is None or not part.scope.channels:
        return
    if not VENDORS[part.vendor].shows_channels:
        showing = sorted(slug for slug, vendor in VENDORS.items() if vendor.shows_channels)
        expected = f"sku_prefix alone; only {', '.join(showing)} show the channel of an order"
        raise BadInput(file, f"systems.{name}.scope.channels", list(part.scope.channels), expected)
    sent = part.options.get("channel_id")
    stores = sent.values() if isinstance(sent, Mapping) else () if sent is None else (sent,)
    if foreign := [store for store in stores if str(store) not in part.scope.channel_ids]:
        expected = f"one of its scope.channels {list(part.scope.channels)}"
        raise BadInput(file, f"systems.{name}.options.channel_id", foreign, expected)


def _check_words(file: str, name: str, part: SystemPart, vendor: Vendor) -> None:
    """A word that means nothing would be passed over in silence, and what it was to say with it."""
    if part.role not in vendor.roles:
        raise BadInput(file, f"systems.{name}.role", part.role, f"one of {', '.join(sorted(vendor.roles))}")
    if set(part.secrets) != set(vendor.secrets):
        found = ", ".join(part.secrets) or "none"
        raise BadInput(file, f"systems.{name}.secrets", found, ", ".join(vendor.secrets))
    for option in part.options:
        if option not in vendor.options:
            expected = (
                f"one of {', '.join(vendor.options)}" if vendor.options else "nothing: there is no option"
            )
            raise BadInput(file, f"systems.{name}.options.{option}", option, expected)


def _check_route(estate: Estate, file: str, sync: str, bridge: str) -> None:
    """What carries a sync must be able to, and its address be known."""
    part = estate.systems[bridge]
    route = VENDORS[part.vendor].route
    if route is None:
        carriers = sorted(slug for slug, vendor in VENDORS.items() if vendor.route is not None)
        raise BadInput(file, f"syncs.{sync}.via", bridge, f"a system of one of {carriers}")
    if not part.options.get(route.base):
        raise BadInput(file, f"systems.{bridge}.options.{route.base}", None, "where its flows are started")


def _check_kept(estate: Estate, file: str, stream: Stream, kept: timedelta) -> None:
    """One reading knows of it and the next one copies it; one that fails must leave time for another."""
    cadence = estate.cadence.get(stream.entity)
    if cadence is None or span(cadence) * 3 > kept:
        hours = kept.total_seconds() / 3600
        expected = (
            f"at most {hours / 3:g}h, as {stream.name} are deleted {hours:g} hours after they were made"
        )
        raise BadInput(file, f"cadence.{stream.entity}", cadence, expected)


def client(estate: Estate, name: str, limits: LimitStore, **options: Any) -> Client:
    """A client for the system ``name``; ``limits`` is shared by every process that uses its account."""
    return Client(system(estate, name), VENDORS[estate.systems[name].vendor], limits=limits, **options)
