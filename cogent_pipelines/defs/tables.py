"""Small Markdown tables for the Dagster UI.

Belongs here: turning rows of keys and counts into Markdown, escaped.
Does not belong here: personal data; nothing that is passed in may hold any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg


def table(
    head: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing"
) -> dg.MarkdownMetadataValue:
    """A Markdown table, or the word for an empty one."""
    lines = ["| " + " | ".join(_cell(v) for v in row) + " |" for row in rows]
    if not lines:
        return dg.MetadataValue.md(f"_{empty}_")
    return dg.MetadataValue.md(
        "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines])
    )


def counts(found: Mapping[str, int], head: tuple[str, str]) -> dg.MarkdownMetadataValue:
    """A two-column table of counts, largest first."""
    return table(head, sorted(found.items(), key=lambda item: (-item[1], item[0])))


def link(text: str, url: str | None) -> str:
    """``text``, linked to the vendor's own page when there is one."""
    return f"[{text}]({url})" if url and url.startswith(("https://", "http://")) else text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).replace("|", "\\|").replace("\n", " ")
