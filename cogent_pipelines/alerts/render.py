"""In which words: one message as plain text, as Slack's and Teams' markup, and as HTML.

Belongs here: wording, escaping, lengths. Everything is made from a ``Group``; nothing is looked up.
Does not belong here: addresses and libraries (``routing``), or when to speak (``decide``).

A message leads with what is broken, in an operator's words; then how many, how long, how much money in each
currency; then whether somebody must act and the first step; then keys, never a person's data.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from cogent_pipelines.alerts.groups import Group, Kind, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from decimal import Decimal

LONGEST = 300
"""Characters of one part. Teams takes a thousand in all, and a page of the Dagster UI has the whole."""
KEYS_LENGTH = 240
TAGS = {"opened": "new", "escalated": "escalated", "reminder": "still open", "cleared": "cleared"}

_EMAIL = re.compile(r"[^\s@,;:]+@[^\s@,;:]+\.[A-Za-z]{2,}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~])")


def render(group: Group, kind: Kind, at: datetime, *, escalated_to: str = "") -> Text:
    """The message ``kind`` about ``group`` as it stood at ``at``."""
    tag = TAGS[kind]
    if kind == "cleared" and group.accepted:
        tag = "accepted"
    lead = _clean(group.when_broken) or f"Not so: {group.rule.replace('_', ' ')}"
    title = f"{lead} ({tag})"
    facts = _facts(group, kind, at)
    step = _step(group, kind)
    about = f"Cause {_clean(group.cause)}; rule {_clean(group.rule)}; owner {_clean(group.owner)}"
    if kind == "escalated" and escalated_to:
        about += f", escalated to {_clean(escalated_to)}"
    keys = _keys(group.keys, group.count)
    url = group.url if re.match(r"https?://\S+$", group.url) else ""
    when = f"As it stood on {at:%Y-%m-%d %H:%M} UTC."
    plain = [facts, step, about, keys, url, when]
    slack = [f"*{_slack(lead)}* ({tag})", *(_slack(each) for each in (facts, step, about)), _slack_keys(keys)]
    slack += [f"<{_slack(url)}|Open in Dagster>" if url else "", _slack(when)]
    markdown = [_markdown(each) for each in (facts, step, about, keys)]
    markdown += [f"[Open in Dagster]({url.replace(')', '%29')})" if url else "", _markdown(when)]
    return Text(
        title=title,
        plain="\n".join(filter(None, plain)),
        slack="\n".join(filter(None, slack)),
        markdown="\n\n".join(filter(None, markdown)),
        html=_html(lead, tag, [facts, step, about, keys], url, when),
    )


def _facts(group: Group, kind: Kind, at: datetime) -> str:
    if kind == "cleared":
        if group.accepted:
            until = f" until {group.accepted_until:%Y-%m-%d %H:%M} UTC" if group.accepted_until else ""
            return f"{group.accepted} accepted{until}; nothing else stands."
        return "Nothing stands any more."
    parts = [f"{group.count} open"]
    if group.oldest_at is not None:
        parts.append(f"the oldest for {span(at - group.oldest_at)}")
    if group.money:
        parts.append(" and ".join(money(amount, currency) for currency, amount in group.money))
    return "; ".join(parts) + "."


def _step(group: Group, kind: Kind) -> str:
    first = _clean(group.first_step)
    if kind == "cleared":
        return "Nothing is left to do."
    if group.repair == "automatic":
        return "Repairs itself." + (f" Should it not: {first}" if first else "")
    return "Needs you." + (f" First step: {first}" if first else "")


def _keys(keys: Sequence[str], count: int) -> str:
    shown: list[str] = []
    for key in keys:
        text = _clean(key, 80)
        if sum(map(len, shown)) + 2 * len(shown) + len(text) > KEYS_LENGTH:
            break
        shown.append(text)
    if not shown:
        return ""
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def money(amount: Decimal, currency: str) -> str:
    """``1,240.00 GBP``."""
    return f"{amount:,.2f} {_clean(currency, 8)}"


def span(length: timedelta) -> str:
    """``45 s``, ``12 min``, ``2 h 05 min`` or ``3 d 4 h``."""
    seconds = max(int(length.total_seconds()), 0)
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


# --- escaping -----------------------------------------------------------------------------------------


def _clean(text: str, longest: int = LONGEST) -> str:
    """One line of printable text, not too long, with no e-mail address in it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = _EMAIL.sub("(e-mail)", line)
    return line if len(line) <= longest else line[: longest - 3] + "..."


def _slack(text: str) -> str:
    """Slack's three characters; with them gone there are no links, mentions or ``<!channel>``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_keys(keys: str) -> str:
    """Keys as code, so that an underscore or asterisk in one does not turn into markup."""
    return f"`{_slack(keys).replace('`', chr(39))}`" if keys else ""


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _html(lead: str, tag: str, lines: Sequence[str], url: str, when: str) -> str:
    escape: Callable[[str], str] = html.escape
    body = [f"<p><strong>{escape(lead)}</strong> ({tag})</p>"]
    body += [f"<p>{escape(each)}</p>" for each in lines if each]
    if url:
        body.append(f'<p><a href="{escape(url)}">Open in Dagster</a></p>')
    body.append(f"<p>{escape(when)}</p>")
    return "".join(body)
