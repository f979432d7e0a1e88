"""Keeping secrets out of every text we write.

Belongs here: the one list of secret values this process has read or been given, and taking them out of text.
Does not belong here: reading secrets (``estate.secret``) or deciding what a person may see.

A value is hidden from the moment it is known; values shorter than six characters are not, as hiding them
would eat ordinary words.
"""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

SHORTEST = 6
HIDDEN = "[hidden]"
_values: set[str] = set()
_pattern: re.Pattern[str] | None = None
_SHAPES = re.compile(
    r"(?i)((?:authorization|[a-z-]{0,40}(?:api[-_]?key|access[-_]?token|refresh[-_]?token|secret|password))"
    r"(?:['\"]\s*:\s*['\"]|=|:\s*(?=basic |bearer )))(?:basic |bearer )?[^\s'\"&,}]+"
)
"""Secrets by what stands before them, for those nobody has told us."""
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,5}")


def hide(value: str) -> str:
    """Remember ``value`` as a secret and give it back."""
    global _pattern  # noqa: PLW0603  one list per process is the point
    if len(value) >= SHORTEST and value not in _values:
        _values.update({value, quote(value, safe="")})
        _pattern = re.compile("|".join(re.escape(v) for v in sorted(_values, key=len, reverse=True)))
    return value


def clean(text: str, limit: int = 500) -> str:
    """``text`` without secrets, without e-mail addresses, on one line and not longer than ``limit``."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    text = text[: 4 * limit]  # a vendor chooses what we read here: bound the work
    text = _SHAPES.sub(rf"\1{HIDDEN}", text)
    text = " ".join(_EMAIL.sub("[e-mail]", text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Filter(logging.Filter):
    """Cleans a log record's finished message."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = clean(record.getMessage(), 2000), ()
        return True


def logger(name: str) -> logging.Logger:
    """The logger ``name``, cleaning what it writes."""
    found = logging.getLogger(name)
    if not any(isinstance(f, Filter) for f in found.filters):
        found.addFilter(Filter())
    return found
