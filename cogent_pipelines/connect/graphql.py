"""Helpers for vendors that speak GraphQL.

Belongs here: building a request from a document, and the errors such a vendor hides in HTTP 200.
Does not belong here: any one vendor's documents, or ``userErrors`` (a write's ``receipts`` reads those).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cogent_pipelines.connect.answers import Cost, Throttled, effect, head, said
from cogent_pipelines.connect.redact import clean
from cogent_pipelines.connect.spec import Answer, Json, Request
from cogent_pipelines.errors import Halt, Reject, Retry

SCOPE = frozenset({"ACCESS_DENIED", "FORBIDDEN"})
LOGIN = frozenset({"UNAUTHENTICATED", "UNAUTHORIZED"})
TRANSIENT = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})


def request(
    path: str,
    document: str,
    variables: Mapping[str, Json] | None = None,
    *,
    cost: float = 10.0,
    is_write: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A POST of ``document`` with its ``variables``. ``cost`` is in points, until the vendor tells it."""
    body = {"query": document, "variables": dict(variables or {})}
    return Request("POST", path, body=body, cost=cost, is_write=is_write, headers=dict(headers or {}))


def check(request: Request, answer: Answer) -> None:
    """Raise for the errors at the top of a GraphQL answer, which come with 200. Fit as ``Vendor.check``."""
    found = head(answer)
    if found is None or not found.errors:
        return
    if isinstance(found.errors, str):
        if answer.status < 400:  # noqa: PLR2004
            raise Reject(clean(found.errors))
        return  # the status says what it is
    if not isinstance(found.errors, list):
        raise Reject(clean(said(found.errors)) or "an error without words")
    errors = [e if isinstance(e, Mapping) else {"message": str(e)} for e in found.errors]
    codes = [_code(e) for e in errors]
    text = clean("; ".join(dict.fromkeys(str(e.get("message", "")) for e in errors[:5])))
    if "THROTTLED" in codes:
        spent = found.extensions.cost if found.extensions else None
        raise Throttled(f"throttled: {text}", after=_wait(spent))
    if any(code in SCOPE for code in codes):
        raise Halt(text, code="scope")
    if any(code in LOGIN for code in codes):
        raise Halt(text, code="credentials")
    if any(code in TRANSIENT for code in codes):
        raise Retry(text, effect=effect(request))
    raise Reject(text, code=next((code.lower() for code in codes if code), "rejected"))


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return code if isinstance(code, str) else ""


def _wait(cost: Cost | None) -> float | None:
    """Seconds until the vendor's bucket holds what the query asks for."""
    if cost is None or cost.throttleStatus is None or not cost.throttleStatus.restoreRate:
        return None
    status = cost.throttleStatus
    missing = (cost.requestedQueryCost or 0.0) - (status.currentlyAvailable or 0.0)
    return max(missing / status.restoreRate, 0.0) if status.restoreRate else None


def fingerprint(body: Json) -> int | None:
    """What tells one priced query from another: its document and the sizes among its variables."""
    if not isinstance(body, Mapping) or not isinstance(body.get("query"), str):
        return None
    variables = body.get("variables")
    sizes: list[tuple[str, int]] = []
    if isinstance(variables, Mapping):
        for name, value in sorted(variables.items()):
            if isinstance(value, int) and not isinstance(value, bool):
                sizes.append((name, value))
            elif isinstance(value, list):
                sizes.append((name, len(value)))
    return hash((body["query"], tuple(sizes)))


def data(answer: Answer) -> Mapping[str, Any]:
    """The ``data`` of an answer already checked. Raises ``Retry`` when there is none."""
    body = answer.json()
    found = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(found, Mapping):
        raise Retry("the answer holds no data", effect="unknown")
    return found


def encode(body: Json) -> bytes:
    """A JSON body. Decimals become strings, so that no digit is lost on the way."""
    return msgspec.json.encode(body)
