"""From the estate's systems to clients that can talk to them.

Belongs here: joining a system of the estate with its vendor's declarations.
Does not belong here: facts of a vendor (``vendors/<slug>.py``) or how to talk (``connect``).
"""

from __future__ import annotations

from typing import Any

from cogent_pipelines.connect.client import Client
from cogent_pipelines.connect.limits import LimitStore
from cogent_pipelines.connect.spec import System
from cogent_pipelines.errors import BadInput
from cogent_pipelines.estate import Estate
from cogent_pipelines.vendors.registry import VENDORS


def system(estate: Estate, name: str) -> System:
    """The system ``name`` as ``connect`` needs it."""
    part = estate.systems[name]
    return System(
        name=name,
        vendor=part.vendor,
        base_url=part.base_url,
        secrets=part.secrets,
        options=part.options,
        account=part.account or name,
        loopback_only=estate.sandbox,
    )


def check(estate: Estate, file: str) -> None:
    """Refuse an estate that names a vendor there is no connector for. Raises ``BadInput``."""
    for name, part in estate.systems.items():
        if part.vendor not in VENDORS:
            raise BadInput(
                file, f"systems.{name}.vendor", part.vendor, f"one of {', '.join(sorted(VENDORS))}"
            )


def client(estate: Estate, name: str, limits: LimitStore, **options: Any) -> Client:
    """A client for the system ``name``; ``limits`` is shared by every process that uses its account."""
    return Client(system(estate, name), VENDORS[estate.systems[name].vendor], limits=limits, **options)
