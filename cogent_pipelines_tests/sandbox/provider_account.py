"""A small account at a payment provider, and a caller that says what its headers are.

Belongs here: building and asking. Does not belong here: an assertion, or a provider's words.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.kit import secret
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import acts
from cogent_pipelines_tests.sandbox.veeqo_account import Answer, ask

START = datetime(2026, 11, 2, 6, tzinfo=UTC)


class Provider:
    """One account in a world that stands still until it is advanced; the system is called by its vendor's name."""

    def __init__(self, slug: str) -> None:
        systems = {"web_uk": "shopify", "wms_uk": "veeqo", slug: slug}
        settings = Settings(systems=systems, orders=0, skus=4, bundles=0, start=START, speed=0)
        self.slug, self.app = slug, create_app(settings)
        self.world, self.kit = self.app.world, self.app.kit
        self.account = self.world.accounts[slug]
        # nothing befalls money but what a test does
        self.world.people.rates = replace(self.world.people.rates, reserved=0.0, disputed=0.0)
        self.authorization = ""

    def basic(self, user: str, password: str) -> None:
        """Call with these two secrets from now on."""
        pair = f"{secret(self.slug, user)}:{secret(self.slug, password)}"
        self.authorization = "Basic " + base64.b64encode(pair.encode()).decode()

    def bearer(self, token: str) -> None:
        """Call with this token from now on."""
        self.authorization = f"Bearer {token}"

    def call(
        self, path: str, *, method: str = "GET", key: str | None = None, waits: float = 1.0, **asked: Any
    ) -> Answer:
        """One request; ``waits`` seconds pass before it. An underscore in a name stands for itself."""
        self.advance(waits)
        query = urlencode([(n, v) for n, vs in asked.items() for v in (vs if isinstance(vs, list) else [vs])])
        given = self.authorization if key is None else key
        headers = {"authorization": given} if given else {}
        return asyncio.run(ask(self.app, method, f"/{self.slug}{path}", headers=headers, query=query))

    def form(self, path: str, key: str, **fields: str) -> Answer:
        """A form posted."""
        headers = {"authorization": key, "content-type": "application/x-www-form-urlencoded"}
        return asyncio.run(
            ask(self.app, "POST", f"/{self.slug}{path}", headers=headers, body=urlencode(fields).encode())
        )

    def sell(self, name: str, price: str = "96.05", **more: Any) -> Any:
        """An order paid through the provider; its carriage is 3.95."""
        lines = [{"sku": "SKU-0001", "quantity": 1, "price": price}]
        given = {"name": name, "lines": lines, "gateway": self.slug, **more}
        acts.do(self.world, "web_uk", "place_order", given)
        return next(reversed(self.account.entries.values()))

    def do(self, verb: str, **args: Any) -> Any:
        """An act of the world upon the account."""
        return acts.do(self.world, self.slug, verb, args)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(self.world.now + timedelta(seconds=seconds))
