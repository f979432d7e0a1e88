"""A small shop of Adobe Commerce for tests: six items, two sources, and a caller who signs.

Belongs here: building, signing by hand, calling, and holding an answer against the vendor's contract.
Does not belong here: an assertion about the edge.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import acts
from cogent_pipelines_tests.sandbox.veeqo_account import Answer, ask

SPEC = Path(__file__).resolve().parents[3] / "shared" / "vendors" / "specs" / "adobe_commerce.json"
START = datetime(2026, 11, 2, 6, tzinfo=UTC)
SHOP = "web_uk"
SECRETS = {
    name: f"sandbox-{SHOP}-{name}"
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
}


def encoded(text: str) -> str:
    """As OAuth encodes."""
    return quote(text, safe="~")


class Account:
    """One shop in a world that stands still until it is advanced."""

    def __init__(self, **settings: Any) -> None:
        plain = {"orders": 0, "skus": 6, "bundles": 0, "start": START, "speed": 0.0}
        systems = {SHOP: "adobe_commerce", "wms_uk": "veeqo"}
        self.sandbox = create_app(Settings(**{"systems": systems, **plain, **settings}))
        self.world = self.sandbox.world
        self.kit = self.sandbox.kit
        self.shop = self.world.shops[SHOP]
        self.calls = 0

    def do(self, verb: str, **args: Any) -> Any:
        """One act of the shop."""
        return acts.do(self.world, SHOP, verb, args)

    def place(self, name: str = "#1001", *lines: tuple[str, int], **more: Any) -> dict[str, Any]:
        """An order of two of the first item, paid, unless said otherwise; as the interface shows it."""
        wanted = [{"sku": sku, "quantity": qty} for sku, qty in lines or [("SKU-0001", 2)]]
        made = self.do("place_order", name=name, lines=wanted, **{"location": 1001, **more})
        return self.get(f"orders/{made['id']}")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(self.world.now + timedelta(seconds=seconds))

    def signed(self, method: str, path: str, query: str, **wrong: str) -> dict[str, str]:
        """The header of a signed request; ``wrong`` replaces parts of it, or a secret."""
        self.calls += 1
        secrets = SECRETS | {k: v for k, v in wrong.items() if k in SECRETS}
        given = {
            "oauth_consumer_key": secrets["consumer_key"],
            "oauth_nonce": str(self.calls),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self.world.now.timestamp())),
            "oauth_token": secrets["access_token"],
            "oauth_version": "1.0",
        }
        given |= {k: v for k, v in wrong.items() if k.startswith("oauth_") and k != "oauth_signature"}
        pairs = [*given.items(), *parse_qsl(query, keep_blank_values=True)]
        text = "&".join(f"{k}={v}" for k, v in sorted((encoded(k), encoded(v)) for k, v in pairs))
        base = "&".join(encoded(part) for part in (method, f"http://127.0.0.1{path}", text))
        key = f"{encoded(secrets['consumer_secret'])}&{encoded(secrets['access_token_secret'])}"
        signature = base64.b64encode(hmac.new(key.encode(), base.encode(), "sha256").digest()).decode()
        given["oauth_signature"] = wrong.get("oauth_signature", signature)
        fields = ", ".join(f'{name}="{encoded(value)}"' for name, value in given.items())
        return {"authorization": f"OAuth {fields}"}

    def call(
        self,
        method: str,
        name: str,
        body: Any = None,
        *,
        prefix: str = "",
        headers: dict[str, str] | None = None,
        **asked: Any,
    ) -> Answer:
        """One call; ``asked`` are its parameters."""
        path = f"/{SHOP}/rest/default{prefix}/V1/{name}"
        query = urlencode(asked)
        given = self.signed(method, path, query) if headers is None else headers
        content = b"" if body is None else json.dumps(body).encode()
        return asyncio.run(ask(self.sandbox, method, path, headers=given, body=content, query=query))

    def get(self, name: str, **asked: Any) -> Any:
        """The body of a read that is answered."""
        answer = self.call("GET", name, **asked)
        assert answer.status == 200, answer.content
        return answer.json()

    def list(self, name: str, *filters: tuple[str, object, str], size: int = 100, page: int = 1) -> Any:
        """A search whose filters must all hold."""
        return self.get(name, **criteria(*filters, size=size, page=page))


def criteria(*filters: tuple[str, object, str], size: int = 100, page: int = 1) -> dict[str, Any]:
    """A search's parameters: every filter in a group of its own."""
    asked: dict[str, Any] = {"searchCriteria[pageSize]": size, "searchCriteria[currentPage]": page}
    for place, (field, value, condition) in enumerate(filters):
        at = f"searchCriteria[filterGroups][{place}][filters][0]"
        asked |= {f"{at}[field]": field, f"{at}[value]": value, f"{at}[conditionType]": condition}
    return asked


# --- the vendor's contract --------------------------------------------------------------------------------


@cache
def contract() -> dict[str, Any]:
    """The vendor's Swagger file; skips where the shared folder is absent."""
    if not SPEC.exists():
        pytest.skip("the vendor's Swagger file is not beside the project")
    return dict(json.loads(SPEC.read_text(encoding="utf-8")))


def operation(method: str, name: str) -> dict[str, Any] | None:
    """What the contract says of a call, by the address behind /V1/."""
    for path, methods in contract()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        if re.fullmatch(pattern, f"/V1/{name}") and method.lower() in methods:
            return dict(methods[method.lower()])
    return None


def misfits(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Where ``value`` is not what the contract says: kind, unknown names, missing ones. Null stands for anything."""
    if "$ref" in schema:
        schema = contract()["definitions"][schema["$ref"].rpartition("/")[2]]
    kind = schema.get("type")
    if value is None or kind is None:
        return
    if kind == "array":
        if not isinstance(value, list):
            yield f"{at}: {type(value).__name__} for array"
            return
        for place, each in enumerate(value):
            yield from misfits(each, schema.get("items") or {}, f"{at}[{place}]")
    elif kind == "object":
        if not isinstance(value, dict):
            yield f"{at}: {type(value).__name__} for object"
            return
        properties = schema.get("properties") or {}
        yield from (f"{at}: {name} is missing" for name in schema.get("required") or () if name not in value)
        for name, each in value.items():
            if properties and name not in properties:
                yield f"{at}: {name} is unknown"
            else:
                yield from misfits(each, properties.get(name) or {}, f"{at}.{name}")
    else:
        kinds: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        is_wrong = not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")
        if is_wrong:
            yield f"{at}: {value!r} for {kind}"


def answer_misfits(method: str, name: str, body: Any) -> list[str]:
    """Where an answer is not what the contract says of it."""
    found = operation(method, name)
    assert found is not None, f"{method} {name} is not in the contract"
    return list(misfits(body, found["responses"]["200"].get("schema") or {}))


def request_misfits(method: str, name: str, body: Any) -> list[str]:
    """Where a body is not what the contract says of it."""
    found = operation(method, name)
    assert found is not None, f"{method} {name} is not in the contract"
    (schema,) = [p["schema"] for p in found["parameters"] if p["in"] == "body"]
    return list(misfits(body, schema))
