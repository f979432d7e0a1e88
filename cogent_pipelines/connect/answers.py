"""What an HTTP answer means: may it be used, may the request be sent again, what did the vendor say.

Belongs here: reading status lines, waiting times, error bodies and the small head of a GraphQL answer.
Does not belong here: sending or waiting (``client``), or one vendor's own habits (its file's ``check``).

| answer | read | write |
| --- | --- | --- |
| 429, 430 | Throttled, no effect | Throttled, no effect |
| 401 | Halt after one renewal | the same |
| 402, 403, 423 | Halt | Halt |
| 3xx | Halt: never followed | Retry, effect unknown |
| 408, 5xx, HTML, not JSON | Retry | Retry, effect unknown |
| other 4xx | Reject with the vendor's words | the same |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import msgspec

from cogent_pipelines import clock
from cogent_pipelines.connect.redact import clean
from cogent_pipelines.connect.spec import Answer, Request
from cogent_pipelines.errors import CogentError, Halt, Reject, Retry


class Throttled(Retry):
    """Refused for being too fast: certainly without effect, and no reason ever to give up."""

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason, after=after, effect="none")


TOO_FAST = frozenset({429, 430})
WORDS = (
    "error_messages", "errors", "error_description", "message", "errorMessage", "title", "detail", "error",
    "response", "reason",
)  # fmt: skip
"""Names under which vendors put what they have to say about an error."""
CLOSED = {402: "account", 403: "scope", 423: "account"}


def effect(request: Request) -> str:
    """What may have happened when a request that was sent got no usable answer."""
    return "unknown" if request.is_write else "none"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After``, which is a number of seconds or an HTTP date; None without one."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - clock.now()).total_seconds(), 0.0)


def refusal(request: Request, answer: Answer) -> CogentError | None:
    """The error an answer stands for by its status and shape, or None when its body may be read."""
    status = answer.status
    if status in TOO_FAST:
        return Throttled(f"{_where(request)}: too many requests", after=retry_after(answer.headers))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        reason = f"{_where(request)}: redirected ({status}), which is never followed"
        return Retry(reason, effect="unknown") if request.is_write else Halt(reason, code="redirect")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
    ):
        reason = f"{_where(request)}: answered {status} {words(answer)}"
        return Retry(reason, after=retry_after(answer.headers), effect=effect(request))
    if status == HTTPStatus.UNAUTHORIZED:
        return Halt(f"{_where(request)}: credentials refused {words(answer)}", code="credentials")
    if status in CLOSED:
        return Halt(f"{_where(request)}: answered {status} {words(answer)}", code=CLOSED[status])
    if status >= HTTPStatus.BAD_REQUEST:
        return rejection(answer)
    if _is_html(answer):
        return Retry(f"{_where(request)}: answered HTML in place of JSON", effect=effect(request))
    return None


def rejection(answer: Answer) -> Reject:
    """The refusal of this one request that a 4xx answer is, in the vendor's words."""
    code = {404: "not_found", 409: "conflict", 422: "invalid"}.get(answer.status, "rejected")
    return Reject(f"answered {answer.status}: {words(answer) or 'without a reason'}", code=code)


def _where(request: Request) -> str:
    return f"{request.method} {clean(request.path.split('?')[0], 120)}"


def _is_html(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    head = answer.content[:200].lstrip()[:15].lower()
    return head.startswith((b"<!doctype", b"<html")) or (
        kind.startswith("text/html") and head[:1] not in (b"{", b"[")
    )


def looks_like_json(answer: Answer) -> bool:
    """Whether the body begins as a JSON object or list."""
    return answer.content[:200].lstrip()[:1] in (b"{", b"[")


def words(answer: Answer) -> str:
    """The vendor's own message in an error body, cleaned and short; "" when there is none to be had."""
    if _is_html(answer) or not answer.content:
        return ""
    try:
        return clean(said(msgspec.json.decode(answer.content)))
    except msgspec.DecodeError:
        return clean(answer.content[:200].decode("utf-8", "replace"), 200)


def said(body: Any) -> str:
    """Every message in an error body of one of the usual shapes, joined."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, (said(part) for part in body[:5])))
    if isinstance(body, Mapping):
        found = [said(body[name]) for name in WORDS if body.get(name)]
        if found := [text for text in found if text]:
            return "; ".join(dict.fromkeys(found))
        return "; ".join(
            f"{k}: {said(v)}" for k, v in list(body.items())[:5] if isinstance(v, str | list | Mapping)
        )
    return ""


# --- the head of a GraphQL answer -----------------------------------------------------------------------


class ThrottleStatus(msgspec.Struct, frozen=True):
    """The bucket as the vendor sees it."""

    maximumAvailable: float | None = None  # noqa: N815  the vendor's own names
    currentlyAvailable: float | None = None  # noqa: N815
    restoreRate: float | None = None  # noqa: N815


class Cost(msgspec.Struct, frozen=True):
    """What a query was reckoned to cost and did cost."""

    requestedQueryCost: float | None = None  # noqa: N815
    actualQueryCost: float | None = None  # noqa: N815
    throttleStatus: ThrottleStatus | None = None  # noqa: N815


class Extensions(msgspec.Struct, frozen=True):
    """What stands beside the data."""

    cost: Cost | None = None


class Head(msgspec.Struct, frozen=True):
    """A GraphQL answer without its data."""

    errors: Any = None
    extensions: Extensions | None = None


_decoder = msgspec.json.Decoder(Head)
_tail = msgspec.json.Decoder(Extensions)
_ERRORS, _EXTENSIONS = b'"errors"', b'"extensions":'
_last: tuple[bytes, Head | None] = (b"", None)


def head(answer: Answer) -> Head | None:
    """Errors and extensions of a GraphQL answer, its data skipped; None when it is no JSON object.

    The last answer's head is kept, as the limiter and the check ask for it one after the other.
    """
    global _last  # noqa: PLW0603  a cache of one
    content, found = _last
    if content is not answer.content or found is None:
        found = _behind(answer.content) or _whole(answer.content)
        _last = (answer.content, found)
    return found


def _behind(content: bytes) -> Head | None:
    """The head of a long answer without errors that ends in its extensions; its data is not read through."""
    at = content.rfind(_EXTENSIONS, -4096)
    if at < 0 or len(content) < 2 * 4096 or _ERRORS in content:
        return None
    try:
        return Head(extensions=_tail.decode(content[at + len(_EXTENSIONS) :].rstrip()[:-1]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # not the end of the answer after all


def _whole(content: bytes) -> Head | None:
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def cost(answer: Answer) -> Cost | None:
    """What a GraphQL answer says of its cost."""
    found = head(answer)
    return found.extensions.cost if found is not None and found.extensions is not None else None
