"""What the world knows of a vendor's edge: which part it plays, and its names for what is planted there.

Belongs here: finding the edge of a vendor by its name.
Does not belong here: anything of a vendor, which its own file says (``vendors/<slug>.TRAITS``).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cogent_pipelines.sandbox.kit import Kit
    from cogent_pipelines.sandbox.world.model import Allocation, WarehouseOrder
    from cogent_pipelines.sandbox.world.world import World

_PACKAGE = "cogent_pipelines.sandbox.vendors"


@dataclass(frozen=True, slots=True)
class Traits:
    """A vendor, as the world sees it."""

    role: str
    """What of the world it shows: shop, warehouse, payments or bridge."""
    feeds: Sequence[tuple[str, str]] = ()
    """(what a person calls the feed, its reading operation)."""
    record: str = "{}"
    """How a record's id is written, with {} for the world's own."""
    goes_by: Callable[[WarehouseOrder], str] | None = None
    """The name a warehouse's order goes by there, where that is another than its id."""
    parcel_of: Callable[[Allocation], str] | None = None
    """The name a parcel goes by there, where that is another than its id."""
    status_field: str = ""
    """A record's field that holds a word of a list."""
    typed_field: str = ""
    """A record's field that holds a number or an instant."""
    keeps_books: bool = False
    """It is an ERP: what it says an order is worth, and whose it is, are the retailer's books."""
    posted: Callable[[World, str, str, str, Any], tuple[int, Any]] | None = None
    """What it answers inside the world to what a bridge posts: (world, system, method, path, body) -> (status, body)."""
    shows_ids: bool = False
    """Its shop knows an order by its id alone, and gives it no number beside."""
    untold: frozenset[str] = frozenset()
    """What its documents leave untold or undone. A shop: what its ``taxes`` are called; from which of its ``locations``
    an order is taken (INFERRED: its first); ``part_captures``, which it has none of. A warehouse: the orders that ``others``
    sent it, before they leave, and ``items`` nobody asks about, where it has no lists; the ``content`` of an order as it was
    stored; ``edits`` of an order it has taken; a ``shortage``, where less lies there than is allocated; ``merges`` of two
    orders, where one looks cancelled; an ``allocation`` that is a call of its own; the ``reasons`` for which it refuses to
    cancel; the ``renumbering`` of an order by hand, where the number it came by is its channel's; the ``spelling`` of a SKU
    beyond letters and digits; the ``parcels`` of an order before all of it has left. Either: an item's ``weight``,
    ``barcode``, ``origin``."""
    has_provider: bool = False
    """Its shop shows a payments account that is its own."""
    names_payouts: bool = True
    """A payout's id holds the world's own."""
    names_entries: bool = True
    """So does that of a movement of the balance."""


def names() -> list[str]:
    """Every vendor that has an edge."""
    found = (module.name for module in pkgutil.iter_modules([str(files(_PACKAGE))]))
    return sorted(name for name in found if hasattr(import_module(f"{_PACKAGE}.{name}"), "TRAITS"))


def of(vendor: str) -> Traits:
    """The traits of a vendor's edge. Raises ValueError where there is none, naming those there are."""
    traits: Traits | None = getattr(_module(vendor), "TRAITS", None)
    if traits is None:
        raise ValueError(f"--systems: unknown vendor {vendor!r}; expected one of {', '.join(names())}")
    return traits


def routes(vendor: str, system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything a system of this vendor answers."""
    made: list[BaseRoute] = import_module(f"{_PACKAGE}.{vendor}").routes(system, world, kit)
    return made


def _module(vendor: str) -> object:
    try:
        return import_module(f"{_PACKAGE}.{vendor}")
    except ModuleNotFoundError:
        return None
