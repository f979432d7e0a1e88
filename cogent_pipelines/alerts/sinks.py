"""What an address is sent with: Apprise, and the three things it must be told for us.

Belongs here: kinds of address, the libraries that speak to them, and keeping addresses secret.
Does not belong here: whose address it is (``routing``), words (``render``), the ledger (``send``).

An address is whatever Apprise understands (``mailto://``, ``workflows://``, ``pagerduty://``, ...), the URL
of a Teams workflow, or the URL of an incoming webhook that takes Slack's body: Slack's own, Mattermost's,
or the sandbox's inbox. Apprise's ``slack://`` speaks to hooks.slack.com only and builds a body of its own;
so a webhook is sent through Apprise's ``json(s)://`` with its fields mapped onto Slack's one field
``text``, which is the documented body, and the same code runs against the sandbox and against Slack.

An address is a secret. It is named by its environment variable everywhere; what the libraries log while
it is used is caught here, and only a word of ours for what went wrong leaves this file.

Importing Apprise takes a third of a second, and its 150 plugins a second more: this module is imported when
something is to be sent, and the three usual plugins are named, so that the others are not looked for.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import apprise
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.workflows import NotifyWorkflows

from cogent_pipelines.alerts.groups import Outcome, Text
from cogent_pipelines.estate import secret

with warnings.catch_warnings():  # it imports a module that Python 3.13 drops, and has its own for then
    warnings.simplefilter("ignore", DeprecationWarning)
    from apprise.plugins.email.base import NotifyEmail

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
SLACK_TEXT = 30_000  # Slack takes 40,000 characters

_NOISY = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests")
_TYPES = {
    "cleared": apprise.NotifyType.SUCCESS,
    "info": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
}


def deliver(
    variable: str, text: Text, *, severity: str, kind: str, loopback_only: bool, thread: str = ""
) -> Outcome:
    """Send one message to the address in ``variable``. Never raises for what an address or its host does.

    ``thread`` is the same for all messages of one incident: mail programs put them together by it.
    """
    try:
        address = secret(variable)
    except OSError as error:
        return Outcome(False, f"{variable}_FILE cannot be read ({error.strerror})", "address_missing")
    if not address:
        return Outcome(False, f"{variable} is not set", "address_missing")
    with _quiet() as log:
        plugin = _plugin(address)
        if plugin is None:
            return Outcome(False, f"{variable} holds no address we understand", "address_unusable")
        if loopback_only and not _is_loopback(plugin):
            return Outcome(
                False, f"{variable} leaves this machine, and the estate is a sandbox", "address_unusable"
            )
        _prepare(plugin, thread)
        type_ = _TYPES.get("cleared" if kind == "cleared" else severity, apprise.NotifyType.FAILURE)
        outcome = _send(plugin, text, type_, log)
        if outcome.is_refused:  # better bare words than none
            log.clear()
            plain = Text(text.title, text.plain, text.plain, text.plain, "")
            outcome = _send(plugin, plain, type_, log)
    return outcome


def _send(plugin: Any, text: Text, type_: apprise.NotifyType, log: list[str]) -> Outcome:
    title, body, format_ = text.title, text.plain, apprise.NotifyFormat.TEXT
    if _is_webhook(plugin):
        title, body = "", text.slack[:SLACK_TEXT]
    elif isinstance(plugin, NotifyWorkflows):
        body, format_ = text.markdown, apprise.NotifyFormat.MARKDOWN
    elif isinstance(plugin, NotifyEmail) and text.html:
        body, format_ = text.html, apprise.NotifyFormat.HTML
    try:
        done = plugin.notify(body=body, title=title, notify_type=type_, body_format=format_)
    except (OSError, ValueError, TypeError, apprise.exception.AppriseException) as error:
        return Outcome(False, f"the sender failed ({type(error).__name__})", "not_delivered")
    if done:
        return Outcome(True)
    return _why(" ".join(log))


def _why(log: str) -> Outcome:
    """One of our words for what the library logged."""
    match = re.search(r"error=(\d{3})", log)
    if match is None:
        return Outcome(False, "it could not be reached", "not_delivered")
    status = int(match.group(1))
    is_refused = 400 <= status < 500 and status not in {401, 403, 404, 408, 410, 429}  # noqa: PLR2004
    return Outcome(False, f"it answered {status}", "not_delivered", is_refused)


def _plugin(address: str) -> Any:
    """The Apprise plugin for an address, or None."""
    try:
        kind, parsed = _usual(urlsplit(address.strip()), address.strip())
        if kind is None:
            with warnings.catch_warnings():  # looking for its plugins, it imports them all
                warnings.simplefilter("ignore", DeprecationWarning)
                return apprise.Apprise.instantiate(address, suppress_exceptions=True)
        return kind(**parsed) if parsed else None
    except (ValueError, TypeError, apprise.exception.AppriseException):
        return None


def _usual(parts: SplitResult, address: str) -> tuple[Any, dict[str, Any] | None]:
    """The plugin of one of the three usual kinds of address, and what it is made with; else (None, None)."""
    mail: Any = NotifyEmail
    teams: Any = NotifyWorkflows
    webhook: Any = NotifyJSON
    if parts.scheme in {"mailto", "mailtos"}:
        return mail, mail.parse_url(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None, None
    if parts.hostname.endswith((".logic.azure.com", ".powerplatform.com")):
        return teams, teams.parse_native_url(address)
    query = ":message=text&:title=&:version=&:type=&:attachments="
    query += "".join(f"&-{each}" for each in parts.query.split("&") if each)
    path = quote(parts.path or "/", safe="/%")
    scheme = "jsons" if parts.scheme == "https" else "json"
    return webhook, webhook.parse_url(urlunsplit((scheme, parts.netloc, path, query, "")))


def _is_webhook(plugin: Any) -> bool:
    return isinstance(plugin, NotifyJSON) and plugin.payload_extras.get("message") == "text"


def _is_loopback(plugin: Any) -> bool:
    """Whether a plugin talks to this machine only; a service with a host of its own does not."""
    if isinstance(plugin, NotifyEmail):
        return plugin.smtp_host in LOOPBACK
    return isinstance(plugin, NotifyJSON) and plugin.host in LOOPBACK


def _prepare(plugin: Any, thread: str) -> None:
    plugin.socket_connect_timeout = CONNECT_SECONDS
    plugin.socket_read_timeout = READ_SECONDS
    plugin.redirects = False
    plugin.include_image = False  # a picture from the library's own site
    plugin.request_rate_per_sec = 0  # our caller keeps the pace, in the estate's time
    if isinstance(plugin, NotifyEmail):
        plugin.headers["Auto-Submitted"] = "auto-generated"
        if thread:
            plugin.headers["References"] = f"<{thread}@cogent-pipelines.invalid>"


class _Catch(logging.Filter):
    """Keeps what one thread's libraries log away from every handler, and in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.lines: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread:
            return True
        self.lines.append(record.getMessage())
        return False


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """While this runs, nothing the libraries log about an address reaches a handler."""
    catch = _Catch()
    loggers = [logging.getLogger(name) for name in _NOISY]
    for logger in loggers:
        logger.addFilter(catch)
    try:
        yield catch.lines
    finally:
        for logger in loggers:
            logger.removeFilter(catch)
