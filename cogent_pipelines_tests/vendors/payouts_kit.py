"""A retailer with accounts at payment providers, and what of them landed in the marts' terms.

Belongs here: building, acts of the world by name, pulling and looking, for any provider; the type in which its kit says how
it shows them (``PROVIDER``).
Does not belong here: an assertion, or a provider's words.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.landing.pull import PullReport
from cogent_pipelines.sandbox.world.model import Account, Payout, PayoutEntry
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, SLUGS, THIRD, Retailer

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
DAY = 86_400
MANY = 25
LATER = "#LATER"


@dataclass(frozen=True, slots=True)
class Provider:
    """How a provider shows the movements of its book."""

    stream: str
    """What they come with."""
    operation: str
    """The sandbox's name of the request that lists them."""
    requests: int = 1
    """Requests of a first reading; they come with the last."""
    number: str = "transaction_id"
    """The column of an entry that holds the world's number."""
    lists_unpaid: bool = True
    """Whether a movement is shown before a payout took it."""
    shows_originals: bool = False
    """Whether what befalls a charge, but for a refund, is shown under the charge's number."""
    sets_aside_rows: bool = True
    """Whether a row that misfits leaves the rest of its payout; else a payout is whole or not there."""
    converts_at_once: bool = False
    """Whether what is paid in another currency counts, without its fee, by what it came to at home."""
    has_states: bool = True
    """Whether a movement's state is no part of what it means."""


def provider(slug: str) -> Provider:
    """How a vendor shows money: ``PROVIDER`` of its ``<slug>_kit.py``."""
    found: Provider = importlib.import_module(f"cogent_pipelines_tests.vendors.{slug}_kit").PROVIDER
    return found


class Books(Retailer):
    """A shop, a warehouse, and an account at each of some providers, each a system of the provider's name."""

    def __init__(self, folder: Path, *providers: str, **settings: Any) -> None:
        super().__init__(folder, {**SLUGS, **{slug: slug for slug in providers}}, **settings)
        if not settings.get("orders"):  # nothing befalls money but what a test does
            self.world.people.rates = replace(self.world.people.rates, reserved=0.0, disputed=0.0)

    def account(self, system: str) -> Account:
        """The provider's own book."""
        return self.world.accounts[system]

    def sell(self, system: str, name: str, price: str = "96.05", **more: Any) -> PayoutEntry:
        """An order paid through a provider; its carriage is 3.95."""
        lines = [{"sku": "SKU-0001", "quantity": 1, "price": price}]
        self.do(SHOP, "place_order", name=name, lines=lines, gateway=system, **more)
        return next(reversed(self.account(system).entries.values()))

    def live(self, system: str, prefix: str = "#") -> None:
        """All that can befall money: charges in two currencies, a refund, disputes lost and won, a reserve; payouts."""
        self.sell(system, f"{prefix}A")
        self.sell(system, f"{prefix}B", "20.00", presentment=["EUR", "1.17"])
        self.sell(system, f"{prefix}C", "46.05")
        self.do(system, "reserve", order=f"{prefix}A", amount="9.61")
        self.move_on(DAY)
        self.do(SHOP, "refund", order=f"{prefix}A", adjustment="12.34")
        self.do(system, "dispute", order=f"{prefix}C")
        for name in (f"{prefix}D", f"{prefix}E", f"{prefix}F"):
            self.sell(system, name, "30.55")
        self.move_on(DAY)
        self.do(system, "win", order=f"{prefix}C")
        self.do(system, "release", order=f"{prefix}A")
        self.move_on(2 * DAY)

    def read(self, system: str) -> dict[str, PullReport]:
        """Read every stream of a provider: stream -> report."""
        return {report.stream: report for report in self.pull_of(system)}

    def mart(self, name: str, system: str) -> list[dict[str, Any]]:
        """The provider's rows as a mart has them."""
        sql = f"SELECT * FROM staging.stg_{self.slugs[system]}__{name} WHERE system = $1 ORDER BY ALL"
        with self.staged() as staged:
            return _dicts(staged.connection.execute(sql, [system]))

    def entries(self, system: str) -> list[dict[str, Any]]:
        """Entries, the payouts themselves left out."""
        return [row for row in self.mart("payout_entries", system) if row["kind_code"] != "payout"]


@contextmanager
def opened(folder: Path, *providers: str, **settings: Any) -> Iterator[Books]:
    """Such a retailer with its secrets in the environment and a clock that moves only when somebody waits."""
    with sandbox_kit.standing_still(), pytest.MonkeyPatch.context() as patch:
        for system in providers:
            for secret in VENDORS[system].secrets:
                patch.setenv(f"TRUTH_{system}_{secret}".upper(), f"sandbox-{system}-{secret}")
        yield Books(folder, *providers, **settings)


def _dicts(found: Any) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


# --- the account of the suites ------------------------------------------------------------------------------


def third(retailer: Retailer) -> Account:
    """The book of the provider that is the retailer's third system."""
    return retailer.world.accounts[THIRD]


def sold(retailer: Retailer, name: str) -> PayoutEntry:
    """An order paid through it: the charge."""
    lines = [{"sku": "SKU-0001", "quantity": 1, "price": "96.05"}]
    retailer.do(SHOP, "place_order", name=name, lines=lines, gateway=THIRD)
    return next(reversed(third(retailer).entries.values()))


def paid_out(retailer: Retailer) -> None:
    """More payouts than a page holds, three weeks old; and one two days old, of an order named LATER."""
    retailer.world.people.rates = replace(retailer.world.people.rates, reserved=0.0, disputed=0.0)
    for number in range(MANY):
        sold(retailer, f"#P{number}")
        retailer.do(THIRD, "pay_out")
    retailer.move_on(21 * DAY)
    sold(retailer, LATER)
    retailer.do(THIRD, "pay_out")
    retailer.move_on(2 * DAY)


def failed(retailer: Retailer) -> Payout:
    """The last payout is one that the bank did not take after all."""
    last = max(third(retailer).payouts.values(), key=lambda payout: payout.id)
    retailer.do(THIRD, "fail_payout", id=last.id)
    return last


# --- against the world --------------------------------------------------------------------------------------


def number(text: str | None) -> int:
    """The world's number inside a provider's id."""
    found = re.search(r"(\d{1,9})\D*$", text or "")
    return int(found[1]) if found else 0


def net_of_payouts(books: Books, system: str) -> dict[str, Decimal]:
    """Payout -> the sum of its entries, by the mart."""
    sums: dict[str, Decimal] = {}
    for row in books.entries(system):
        if row["payout_id"] is not None:
            sums[row["payout_id"]] = sums.get(row["payout_id"], Decimal(0)) + row["net_amount"]
    return sums


# --- what they are held against -------------------------------------------------------------------------


def fixture(*path: str) -> Any:
    """A file of the shared folder, decoded; skips where the folder is absent."""
    found = SHARED.joinpath(*path)
    if not found.exists():
        pytest.skip(f"no {'/'.join(path)}: the shared folder is not beside the project")
    return json.loads(found.read_text(encoding="utf-8"))
