"""Text for a terminal: columns, spans, money, instants, and the nearest name to a mistyped one.

Belongs here: turning values into aligned, printable lines.
Does not belong here: what is printed (the other files of this room).

Whatever a vendor or a customer wrote passes ``printable`` first: a terminal obeys escape sequences.
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cogent_pipelines.alerts import render
from cogent_pipelines.errors import BadInput

WIDTH = 100
"""Columns of the terminal the reports are made for."""
LIKE = 0.5


def columns(rows: Iterable[Sequence[str]], *, right: Collection[int] = (), indent: str = "  ") -> list[str]:
    """Rows as aligned lines, two blanks between columns; those named in ``right`` end at the same place."""
    table = [list(row) for row in rows]
    if not table:
        return []
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def money(amount: Decimal, currency: str) -> str:
    """``1,240.00 GBP``."""
    return render.money(amount, currency)


def span(length: timedelta) -> str:
    """``45 s``, ``12 min``, ``2 h 05 min`` or ``3 d 4 h``."""
    return render.span(length)


def number(value: int) -> str:
    """``20,725``."""
    return f"{value:,}"


def amounts(sums: Mapping[str, Decimal]) -> str:
    """``1,240.00 GBP and 30.00 EUR``; currencies are never added up."""
    return " and ".join(money(amount, currency) for currency, amount in sorted(sums.items()))


def instant(at: datetime | None) -> str:
    """``2026-11-02 09:10:58``, in UTC; a dash when there is none."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def minute(at: datetime | None) -> str:
    """``2026-11-02 09:10``, in UTC; a dash when there is none."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago: ``12 min``; a dash when it is not known since when."""
    return "-" if since is None else span(max(now - since, timedelta(0)))


def counts(found: Mapping[str, int], *, most: int = 6) -> str:
    """``no free stock 12, bad address 9``, largest first; the rest is summed up."""
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{words(name)} {number(count)}" for name, count in ranked[:most]]
    if len(ranked) > most:
        parts.append(f"{len(ranked) - most} others {number(sum(count for _, count in ranked[most:]))}")
    return ", ".join(parts)


def words(name: str) -> str:
    """A name of ours as people say it: ``no_free_stock`` is ``no free stock``."""
    return printable(name).replace("_", " ")


def printable(text: str, longest: int = 160) -> str:
    """One line of ``text`` without control characters, cut at ``longest``."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def wrapped(label: str, text: str, *, width: int = WIDTH) -> list[str]:
    """``label`` and then ``text``, its further lines below its first."""
    return textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=" " * len(label), break_long_words=False
    )


def fitted(text: str, width: int = WIDTH) -> str:
    """``text``, cut so that its line does not break."""
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names most like ``name``, best first; case and blanks round it do not matter."""
    by_plain = {each.casefold(): each for each in known}
    plain = name.strip().casefold()
    close = difflib.get_close_matches(plain, by_plain, n=most, cutoff=LIKE)
    parts = [each for each in sorted(by_plain) if plain and plain in each]
    return [by_plain[each] for each in dict.fromkeys([*close, *parts])][:most]


def unknown(key: str, name: str, known: Collection[str], what: str) -> BadInput:
    """The error for a name nobody knows: what was expected, and the nearest there is."""
    close = nearest(name, known)
    if close:
        expected = f"{what}; did you mean {' or '.join(close)}?"
    elif len(known) <= 10:  # noqa: PLR2004  as many as fit a line
        expected = f"{what}: {', '.join(sorted(known)) or 'there is none'}"
    else:
        expected = what
    return BadInput("command line", key, printable(name, 80), expected)
