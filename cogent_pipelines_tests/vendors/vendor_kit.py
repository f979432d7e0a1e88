"""What the tests of every vendor must be told of one: its account, its words, and what its records are in the world.

Belongs here: the types in which a ``<slug>_kit.py`` declares its ``KIT``, and finding the kits.
Does not belong here: a vendor's facts, or a test.

What a vendor file declares is not said again: streams, writes, limits and credentials are read from the registry.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogent_pipelines.connect.spec import Want
from cogent_pipelines.vendors.registry import VENDORS

if TYPE_CHECKING:
    from cogent_pipelines_tests.vendors.sandbox_kit import Retailer

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it went out, and what came back."""

    method: str
    path: str
    """Under the system's base URL."""
    params: tuple[tuple[str, str], ...]
    body: Any
    """Decoded JSON; a form, or nothing, is None."""
    status: int
    answer: Any
    """Decoded JSON; None where the body is none."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What the sandbox's world has that a stream must show: every one of ``records``, once, under ``key``."""

    records: Callable[[Retailer], Iterable[Any]]
    key: Callable[[Any], str] = lambda record: str(record.id)
    """A record of the world -> the stream's key, as text."""

    def keys(self, retailer: Retailer) -> set[str]:
        """The keys a full reading must hold now."""
        return {self.key(record) for record in self.records(retailer)}


@dataclass(frozen=True, slots=True)
class Case:
    """One write in the sandbox's world."""

    want: Callable[[Retailer], Want]
    """Brings about what the write is about, another one at each call, and gives the want of it."""
    effects: Callable[[Retailer, Want], int]
    """How often the world has it."""
    operation: str
    """The sandbox's name of its first call (``POST /orders``)."""
    refusal: str
    """What the vendor says when it refuses that call."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The vendor's recorded and documented answers (``../shared/fixtures/<folder>``), each with what reads it."""

    folder: str = ""
    """"" where there are none."""
    covered: Mapping[str, str] = field(default_factory=dict)
    """File -> the stream, write or rule that it is held against, by a test of the vendor's."""
    not_covered: Mapping[str, str] = field(default_factory=dict)
    """File -> why nothing reads it."""

    @property
    def path(self) -> Path:
        return SHARED / "fixtures" / self.folder


@dataclass(frozen=True, slots=True)
class Contract:
    """A vendor's machine-readable contract (``../shared/vendors/specs/<file>``)."""

    file: str
    errors: Callable[[Exchange], Sequence[str]]
    """Where a request or its answer departs from it."""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """What it gets wrong itself, as a pattern of ``METHOD path: error``, and the line of the brief or of a recorded
    answer that says so."""

    @property
    def path(self) -> Path:
        return SHARED / "vendors" / "specs" / self.file


def _no_preparation(retailer: Retailer) -> None:
    """Nothing is needed before a reading."""


def _by_number(retailer: Retailer, sku: str) -> str:
    return str(retailer.wms.by_sku.get(sku, 999_999))


@dataclass(frozen=True, slots=True)
class Kit:
    """One vendor, as the tests need it beside its declarations."""

    role: str
    """The role its account plays in the tests' estate."""
    refused: tuple[str, ...]
    """What it says to a key that is not good any more: one text for each of its logins."""
    holds: Mapping[str, Holds | str]
    """Stream -> what of the world it must show; or why that cannot be said of it alone."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its options in the estate; ``{drop}`` is its folder of messages."""
    called: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Where it calls by other names what the mappings name as Veeqo does: mapping and column -> theirs -> its own."""
    manners: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other ways in which an account of it may be set up that make its writes others: name -> further options."""
    item_id: Callable[[Retailer, str], str] = _by_number
    """What a warehouse calls the item of a SKU."""
    cases: Mapping[tuple[str, str], Case] = field(default_factory=dict)
    """(sync, act) -> its write; one for each that the vendor file declares."""
    begin: Callable[[Retailer], None] = _no_preparation
    """What must have happened for its streams to have something to tell of."""
    change: Callable[[Retailer], tuple[str, str]] | None = None
    """Changes an old record: (stream, key). None: as the role's change (``test_contract_suite``)."""
    is_book: bool = False
    """Nothing that it has listed changes: what becomes of an old record is a new one, whose key ``change`` gives."""
    prepare: Callable[[Retailer], None] = _no_preparation
    """What must be known before a reading, where a vendor without lists is asked about what is known."""
    turns: tuple[tuple[str, ...], ...] = ()
    """Its streams, where one reading knows of what the next one asks about; () where one does."""
    publishes_no_limit: bool = False
    """Whether its documents name none, so that the declared one is ours and the sandbox turns nobody away."""
    allows_at_once: float = 0
    """What the vendor lets through at once, where the declared limit keeps far below it."""
    history: int = 130
    """Orders there are before the first reading: more than a page of some list."""
    recorded: Recorded = Recorded()
    contract: Contract | None = None


@cache
def kit(slug: str) -> Kit:
    """The kit of a vendor: ``KIT`` of its ``<slug>_kit.py``."""
    found: Kit = importlib.import_module(f"cogent_pipelines_tests.vendors.{slug}_kit").KIT
    return found


def kits() -> dict[str, Kit]:
    """The kits of every vendor in the registry."""
    return {slug: kit(slug) for slug in VENDORS}
