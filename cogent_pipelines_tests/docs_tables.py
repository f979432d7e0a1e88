"""The tables of the documents that come from the code: ``make docs`` writes them, ``test_docs`` holds them true.

Belongs here: making the tables, and putting them between their marks.
Does not belong here: any sentence of a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cogent_pipelines.connect.spec import Vendor
from cogent_pipelines.vendors.registry import VENDORS

ROOT = Path(__file__).parents[1]


def systems() -> str:
    """What there is a connector for, what it plays, what is read from it and which syncs write to it."""
    return _table(("system", "plays", "is read for", "is written to by"), map(_system, _by_title()))


def lines() -> str:
    """Lines of each vendor's own files."""
    return _table(("vendor", "connector", "staging", "sandbox"), map(_lines, _by_title()))


def connections() -> str:
    """What a system of each vendor says in the estate."""
    return _table(("vendor", "host", "secrets", "options"), map(_connection, _by_title()))


TABLES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "systems": ("README.md", systems),
    "lines": ("docs/vendors.md", lines),
    "connections": ("docs/operating.md", connections),
}
"""Mark -> the document it stands in, and how the table is made."""


def shown(mark: str) -> str:
    """The table that stands in the document now."""
    return _parts(mark)[1]


def write(mark: str) -> None:
    """Put the table as the code has it into its document."""
    before, _, after = _parts(mark)
    file, made = TABLES[mark]
    (ROOT / file).write_text(before + made() + after, encoding="utf-8")


def _parts(mark: str) -> tuple[str, str, str]:
    file, _ = TABLES[mark]
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.fullmatch(rf"(.*<!-- {mark} -->\n)(.*?)(<!-- /{mark} -->\n.*)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{file}: no table between <!-- {mark} --> and <!-- /{mark} -->")
    before, table, after = found.groups()
    return before, table, after


def _by_title() -> list[Vendor]:
    return sorted(VENDORS.values(), key=lambda vendor: vendor.title.lower())


def _system(vendor: Vendor) -> tuple[str, ...]:
    read = {stream.entity.replace("_", " ") for stream in vendor.streams}
    written = {f"`{sync}`" for sync, _ in vendor.writes}
    return vendor.title, _list(vendor.roles), _list(read), _list(written) or "-"


def _connection(vendor: Vendor) -> tuple[str, ...]:
    options = (f"`{name}`: {says}" for name, says in vendor.options.items())
    return (
        f"`{vendor.slug}`",
        ", ".join(f"`{host}`" for host in vendor.hosts),
        ", ".join(f"`{name}`" for name in vendor.secrets),
        " · ".join(options) or "-",
    )


def _lines(vendor: Vendor) -> tuple[str, ...]:
    package = ROOT / "cogent_pipelines"
    folders = (
        [*_own(package / "vendors", vendor.slug)],
        [
            *(ROOT / "dbt_project/models/staging" / vendor.slug).iterdir(),
            *_own(ROOT / "dbt_project/macros", vendor.slug),
        ],
        [*_own(package / "sandbox/vendors", vendor.slug)],
    )
    return vendor.title, *(f"{sum(map(_count, files)):,}" for files in folders)


def _own(folder: Path, slug: str) -> Iterable[Path]:
    return (file for file in folder.iterdir() if re.fullmatch(rf"{slug}(_\w+)?\.(py|sql|graphql)", file.name))


def _count(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))


if __name__ == "__main__":
    for name in TABLES:
        write(name)
