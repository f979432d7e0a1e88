"""What can go wrong, named by what to do next.

Belongs here: the exception types every other module raises or catches, and nothing they need to work.
Does not belong here: deciding which answer is which error (``connect``), or what is done about one (``outbox``).

    CogentError
    ├── Retry      try the same again later; it may or may not have had an effect
    ├── Reject     this record will never be accepted as it is; it becomes an exception with its reason
    ├── Halt       nothing more may be sent to this system until a person mends it
    ├── Busy       a lock is held by another process; the caller skips this turn
    └── BadInput   a file or setting given by the user is wrong: names file, key, found, expected
"""

from __future__ import annotations


class CogentError(Exception):
    """Root of every error this project raises on purpose."""


class Retry(CogentError):
    """Transient. ``after`` is the vendor's own wait in seconds, if it gave one.

    ``effect`` says what the other side may have done: ``none`` (certainly nothing: refused, throttled)
    or ``unknown`` (the request may have been carried out although no answer came).
    """

    def __init__(self, reason: str, *, after: float | None = None, effect: str = "none") -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.effect = effect


class Reject(CogentError):
    """Permanent for this record. ``code`` is stable and groups alike rejections; ``reason`` is the vendor's own."""

    def __init__(self, reason: str, *, code: str = "rejected") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Halt(CogentError):
    """The system cannot be used: credentials, scope, closed account, wrong host."""

    def __init__(self, reason: str, *, code: str = "credentials") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Busy(CogentError):
    """Another process holds the lock; nothing was changed."""


class BadInput(CogentError):
    """Something a user wrote is wrong. Shown to them as it stands, without a stack trace."""

    def __init__(self, file: str, key: str, found: object, expected: str) -> None:
        super().__init__(f"{file}: {key}: found {found!r}, expected {expected}")
        self.file = file
        self.key = key
        self.found = found
        self.expected = expected
