"""A pull's files: what the vendor said, kept as it was said.

Belongs here: writing a pull's directory so that it is whole or not there, and finding finished pulls again.
Does not belong here: reading from a vendor (``pull``), or loading into DuckDB (``merge``).

    <state>/landed/<system>/<stream>/<pull_id>/
        records-00001.jsonl.zst            one record per line
        set_aside.jsonl.zst                lines that did not fit, with the reason
        manifest.json                      written last, synced
    <state>/landed/_pending/<pull_id>      names the directory until its merge is committed

A directory without a manifest is a pull that never finished: it is ignored, and swept after a day.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pyarrow as pa

from cogent_pipelines import clock
from cogent_pipelines.errors import BadInput

ROLL = 64 << 20
"""Bytes of records, uncompressed, after which the next file begins; a merge holds one file at a time."""
HOLD = 4 << 20
"""Bytes of records kept back before they are compressed."""
MANIFEST = "manifest.json"
SET_ASIDE = "set_aside.jsonl.zst"
ABANDONED = timedelta(days=1)
_STAMP = "%Y%m%dT%H%M%S%f"


class Part(msgspec.Struct, frozen=True):
    """One file of records."""

    name: str
    rows: int
    first: int
    """Number of its first line within the pull, counted from 1 over all lines the vendor gave."""
    longest: int = 0
    """Bytes of its longest line."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull was, and all that merging it again takes."""

    format: int = 1
    pull_id: str
    system: str
    vendor: str
    stream: str
    kind: str
    key: str
    version: str | None
    levels: str = ""
    window_from: datetime | None
    window_to: datetime
    started_at: datetime
    finished_at: datetime
    is_complete: bool
    note: str = ""
    pages: int
    rows_in: int
    rows_set_aside: int
    vendor_total: int | None = None
    cursor_at: datetime | None = None
    """Where the stream's cursor stands once this pull is merged; None leaves it."""
    cursor_before: datetime | None = None
    """Where it stood before: whoever reads everything without one has lost it, or never had it."""
    files: tuple[Part, ...] = ()
    aside: tuple[str, ...] = ()
    """Files of lines set aside."""
    longest_aside: int = 0
    """Bytes of the longest line in them."""
    unseen: dict[str, tuple[str, int]] = {}
    """Undeclared path -> (kind of value, records of the sample that had it)."""
    directory: str = ""
    """Where it was found; not written."""


def new_pull_id(at: datetime) -> str:
    """An id that sorts by time."""
    return f"{at:{_STAMP}}-{uuid4().hex[:8]}"


def landed(state: Path) -> Path:
    """The root of all landed files."""
    return state / "landed"


class Writer:
    """Writes one pull. Nothing of it counts before ``finish``."""

    def __init__(self, state: Path, system: str, stream: str, pull_id: str) -> None:
        self.directory = landed(state) / system / stream / pull_id
        self._pending = landed(state) / "_pending" / pull_id
        self._parts: list[Part] = []
        self._lines: list[bytes] = []
        self._held = 0
        self._written = 0
        self._rows = 0
        self._longest = 0
        self._longest_aside = 0
        self._file: pa.NativeFile | None = None
        self._aside: pa.NativeFile | None = None
        self.rows = 0
        """Lines the vendor gave, kept or set aside."""
        self.aside = 0

    def keep(self, lines: Sequence[bytes]) -> None:
        """Keep records that fit."""
        self._lines += lines
        self._held += sum(map(len, lines))
        self.rows += len(lines)
        if self._held >= HOLD:
            self._flush()

    def set_aside(self, key: str, reason: str, line: bytes) -> None:
        """Keep a record that does not fit, with the reason."""
        self.rows += 1
        self.aside += 1
        if self._aside is None:
            self._aside = self._create(SET_ASIDE)
        entry = {
            "line_no": self.rows,
            "record_key": key,
            "reason": reason,
            "line": line.decode("utf-8", "replace"),
        }
        encoded = msgspec.json.encode(entry) + b"\n"
        self._longest_aside = max(self._longest_aside, len(encoded))
        self._aside.write(encoded)

    def finish(self, manifest: Manifest) -> Manifest:
        """Sync the files, then write the manifest: from here on the pull exists. Gives it with its files."""
        self._flush()
        self._close()
        if self._aside is not None:
            self._aside.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._pending.parent.mkdir(parents=True, exist_ok=True)
        aside = (SET_ASIDE,) if self._aside is not None else ()
        for name in (*(part.name for part in self._parts), *aside):
            _sync(self.directory / name)
        self._pending.write_text(
            str(self.directory.relative_to(self._pending.parent.parent)), encoding="utf-8"
        )
        manifest = msgspec.structs.replace(
            manifest,
            longest_aside=self._longest_aside,
            rows_in=self.rows,
            rows_set_aside=self.aside,
            files=tuple(self._parts),
            aside=aside,
        )
        write_manifest(self.directory, manifest)
        return msgspec.structs.replace(manifest, directory=str(self.directory))

    def abandon(self) -> None:
        """Close what is open; the directory stays without a manifest and is swept later."""
        for file in (self._file, self._aside):
            if file is not None:
                file.close()

    def _create(self, name: str) -> pa.NativeFile:
        self.directory.mkdir(parents=True, exist_ok=True)
        return pa.CompressedOutputStream(str(self.directory / name), "zstd")

    def _flush(self) -> None:
        if not self._lines:
            return
        if self._file is None:
            name = f"records-{len(self._parts) + 1:05}.jsonl.zst"
            self._file = self._create(name)
            self._parts.append(Part(name, 0, self.rows - len(self._lines) + 1))
        self._lines.append(b"")
        self._file.write(b"\n".join(self._lines))
        self._rows += len(self._lines) - 1
        self._longest = max(self._longest, *map(len, self._lines))
        self._written += self._held
        self._lines, self._held = [], 0
        if self._written >= ROLL:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._parts[-1] = msgspec.structs.replace(self._parts[-1], rows=self._rows, longest=self._longest)
            self._file, self._written, self._rows, self._longest = None, 0, 0, 0


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest so that it is there whole or not at all, and stays there through a power cut.

    One of a pull that brought nothing is not synced: losing it costs a longer window at the next pull.
    """
    draft = directory / "manifest.draft"
    draft.write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, directory="")))
    if not manifest.rows_in:
        draft.rename(directory / MANIFEST)
        return
    _sync(draft)
    draft.rename(directory / MANIFEST)
    _sync(directory)
    _sync(directory.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- finding pulls again --------------------------------------------------------------------------------


def read(directory: Path) -> Manifest:
    """The manifest of a finished pull. Raises ``BadInput`` when it is not ours or not whole."""
    path = directory / MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadInput(str(path), "(json)", str(error), "a pull's manifest") from error
    return msgspec.structs.replace(found, directory=str(directory))


def finished(state: Path, system: str = "*", stream: str = "*") -> list[Manifest]:
    """Every finished pull, in the order in which they were finished and therefore merged."""
    found = [read(path.parent) for path in landed(state).glob(f"{system}/{stream}/*/{MANIFEST}")]
    return sorted(found, key=_order)


def _order(manifest: Manifest) -> tuple[datetime, str]:
    return manifest.finished_at, manifest.pull_id


def pending(state: Path, system: str) -> list[Manifest]:
    """Finished pulls of ``system`` whose merge was never committed, oldest first."""
    root = landed(state)
    found = []
    for mark in sorted((root / "_pending").glob("*")):
        directory = root / mark.read_text(encoding="utf-8").strip()
        if directory.parent.parent.name != system:
            continue
        if (directory / MANIFEST).is_file():
            found.append(read(directory))
    return sorted(found, key=_order)


def merged(state: Path, pull_id: str) -> None:
    """Note that a pull's merge is committed."""
    (landed(state) / "_pending" / pull_id).unlink(missing_ok=True)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a compressed file."""
    with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, "zstd") as plain:
        rest = b""
        while chunk := plain.read(HOLD):
            *whole, rest = (rest + bytes(chunk)).split(b"\n")
            yield from whole
        if rest:
            yield rest


def write_lines(path: Path, kept: Sequence[bytes]) -> None:
    """Write a compressed file of lines and sync it."""
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(b"".join(line + b"\n" for line in kept))
    _sync(path)


def sweep(state: Path, *, older_than: timedelta = ABANDONED) -> list[Path]:
    """Remove directories of pulls that never finished, once they are too old to be anybody's work."""
    removed = []
    before = clock.now() - older_than
    for directory in landed(state).glob("[!_]*/*/*"):
        if (
            directory.is_dir()
            and not (directory / MANIFEST).exists()
            and (_begun(directory.name) or before) < before
        ):
            shutil.rmtree(directory)
            (landed(state) / "_pending" / directory.name).unlink(missing_ok=True)
            removed.append(directory)
    return removed


def prune(state: Path, *, keep: timedelta) -> list[Path]:
    """Remove whole reads older than ``keep`` that a later complete whole read of the stream has replaced.

    Increments are never removed: they are the only copy of a version that was overwritten since.
    """
    removed = []
    before = clock.now() - keep
    newest: dict[tuple[str, str], str] = {}
    whole = [m for m in finished(state) if m.kind in ("full", "sweep")]
    for manifest in whole:
        if manifest.is_complete and manifest.kind == "full":
            newest[manifest.system, manifest.stream] = manifest.pull_id
    for manifest in whole:
        latest = newest.get((manifest.system, manifest.stream), "")
        if manifest.finished_at < before and manifest.pull_id < latest and manifest.cursor_at is None:
            shutil.rmtree(manifest.directory)
            removed.append(Path(manifest.directory))
    return removed


def _begun(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.split("-", 1)[0] + "+0000", f"{_STAMP}%z")
    except ValueError:
        return None
