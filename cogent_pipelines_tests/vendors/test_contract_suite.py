"""What holds of every vendor, in process and over a socket: reading, getting in, the limit, and every write it declares.

A vendor is in it by being in the registry and having its ``<slug>_kit.py``. Its account lives through one story: a
history is read, an old record changes, a key is refused, everything is read again. What two vendors do together, with
the models between them, is ``test_pairs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.landing.pull import PullReport, overlap
from cogent_pipelines.outbox import personal
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.vendors import sandbox_kit, vendor_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, WMS
from cogent_pipelines_tests.vendors.suite_kit import Account
from cogent_pipelines_tests.vendors.vendor_kit import Holds

HOUR, DAY = 3_600, 86_400
SOCKET_HISTORY = 25
"""Orders over a socket: what a page holds was seen in process."""
OLD = "OLD-1"
SLACK = 0.9
"""An answer may tell more than is declared."""
WIRES = ("in-process", "socket")
WRITES = [
    pytest.param(slug, key, id=f"{slug}-{key[0]}-{key[1]}")
    for slug, vendor in VENDORS.items()
    for key in vendor.writes
]


@dataclass(frozen=True)
class Lived:
    """An account after its story."""

    account: Account
    before: dict[str, set[str]]
    """Stream -> the world's keys when the first reading began."""
    first: dict[str, PullReport]
    landed: dict[str, list[str]]
    after: dict[str, set[str]]
    """And when it had ended."""
    refused: dict[str, PullReport]
    again: dict[str, PullReport]
    changed: tuple[str, str]
    """Stream and key of the old record that changed."""

    def lists(self) -> list[str]:
        """The streams that come from a list."""
        return [s.name for s in self.account.vendor.streams if s.asks is None and not s.folder]


def _world(account: Account) -> dict[str, set[str]]:
    return {
        name: holds.keys(account) for name, holds in account.kit.holds.items() if isinstance(holds, Holds)
    }


def _change(account: Account) -> tuple[str, str]:
    """An old record changes: its stream and key."""
    if account.kit.change is not None:
        return account.kit.change(account)
    holds = account.kit.holds["orders"]
    assert isinstance(holds, Holds)
    if account.name == SHOP:
        oldest: Any = min(account.shop.orders.values(), key=lambda order: order.created_at)
        account.do(SHOP, "change_address", order=oldest.name, address={"line1": "7 Changed Street"})
    else:
        (oldest,) = [order for order in account.wms.orders.values() if order.number == OLD]
        account.do(WMS, "cancel_order", order=OLD)
    return "orders", holds.key(oldest if holds.key(oldest) in account.landed()["orders"] else oldest.id)


@pytest.fixture(scope="module", params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    """How the vendor is reached."""
    return str(request.param)


@pytest.fixture(scope="module", params=VENDORS)
def lived(
    request: pytest.FixtureRequest, wire: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lived]:
    """The account after its story."""
    folder = tmp_path_factory.mktemp(request.param)
    over_socket = wire == "socket"
    history = SOCKET_HISTORY if over_socket else vendor_kit.kit(request.param).history
    with sandbox_kit.standing_still():
        account = Account(folder, request.param, wire=over_socket, history=history, skus=20)
        try:
            yield _live(account)
        finally:
            account.close()


def _live(account: Account) -> Lived:
    account.do(WMS, "create_order", order=OLD, lines=[{"sku": "SKU-0001"}], is_paid=False)
    account.kit.begin(account)
    account.move_on(DAY)
    before = _world(account)
    first = account.read()
    after, landed = _world(account), account.landed()
    account.move_on(HOUR)
    changed = _change(account)
    account.sandbox.kit.tokens.lock_out(account.name, account.world.now + timedelta(minutes=2))
    refused = account.read()
    account.move_on(HOUR)
    again = account.read()
    return Lived(account, before, first, landed, after, refused, again, changed)


# --- reading ------------------------------------------------------------------------------------------------


def test_every_page_is_read_and_every_record_once(lived: Lived, wire: str) -> None:
    """What the world holds is what was landed; no record came on two pages, none was set aside."""
    for name, report in lived.first.items():
        assert (report.is_complete, report.rows_set_aside, report.undeclared) == (True, 0, 0), name
        assert report.rows_in == report.rows_new == len(lived.landed[name]), name
    for name, keys in lived.before.items():
        landed = set(lived.landed[name])
        assert keys <= landed <= lived.after[name] | keys, name
        assert landed or wire == "socket", f"{name}: nothing was compared"


def test_a_list_has_more_pages_than_one(lived: Lived, wire: str) -> None:
    """Or the test above would say little."""
    if wire == "socket" or not lived.lists():
        pytest.skip("a list, and as many records as a page holds, are needed")
    assert max(lived.first[name].pages for name in lived.lists()) > 1


def test_it_resumes_from_its_cursor(lived: Lived) -> None:
    """From the last complete reading, whatever failed since, and as far back as a record may show late."""
    streams = [s for s in lived.account.vendor.streams if s.cursor is not None]
    for stream in streams:
        refused, again = lived.refused[stream.name], lived.again[stream.name]
        assert again.is_complete, again.note
        assert again.kind == "increment"
        last = refused if refused.is_complete else lived.first[stream.name]
        assert again.window_from == last.window_to - overlap(lived.account.estate, stream), stream.name


def test_increments_hold_less_than_everything(lived: Lived) -> None:
    """The vendor's own filter was asked, and works."""
    filtered = [
        s.name
        for s in lived.account.vendor.streams
        if s.cursor is not None and lived.first[s.name].rows_in > 20
    ]
    assert all(lived.again[name].rows_in < lived.first[name].rows_in for name in filtered), filtered


def test_a_change_of_an_old_record_comes_back(lived: Lived) -> None:
    """Though the reading in between was refused; of a book, as a record of its own."""
    stream, key = lived.changed
    is_book = lived.account.kit.is_book
    assert (key in lived.landed[stream]) is not is_book
    assert lived.again[stream].rows_changed == (0 if is_book else 1)
    assert lived.account.read_at(stream, key) >= lived.again[stream].started_at


# --- getting in ---------------------------------------------------------------------------------------------


def _asked_nothing(report: PullReport) -> bool:
    """As where nothing is known yet that could be asked about."""
    return report.is_complete and report.rows_in == 0


def test_a_bad_key_is_refused_in_the_vendors_words(lived: Lived) -> None:
    """Every reading halts with them, and the key is in no message."""
    quiet = {
        stream.name
        for stream in lived.account.vendor.streams
        if stream.folder or (stream.keeps and stream.known and _asked_nothing(lived.refused[stream.name]))
    }
    asked = {n: report for n, report in lived.refused.items() if n not in quiet}
    assert asked
    secrets = sandbox_kit.environment().values()
    for name, report in asked.items():
        assert not report.is_complete, name
        assert report.note.startswith("Halt: "), name
        assert any(words in report.note for words in lived.account.kit.refused), name
        assert not [secret for secret in secrets if secret in report.note], "a secret"


def test_the_limit_is_obeyed(lived: Lived) -> None:
    """Half as much again as it allows at once is asked for: it takes its time, and no call is turned away.

    Without the limiter some are.
    """
    account, limit = lived.account, lived.account.vendor.limit
    held = account.hurry(limited=True)
    assert held.turned_away == 0
    assert held.seconds > SLACK * (held.spent - limit.capacity) / limit.per_second
    account.move_on(HOUR)
    unheld = account.hurry(limited=False)
    assert (unheld.turned_away > 0) is not account.kit.publishes_no_limit


# --- writing ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet(wire: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Accounts without customers, one for each vendor, made when first asked for."""
    made: dict[str, Account] = {}

    def account(slug: str) -> Account:
        if slug not in made:
            made[slug] = Account(tmp_path_factory.mktemp(slug), slug, wire=wire == "socket")
            made[slug].kit.prepare(made[slug])
        made[slug].move_on(60)
        return made[slug]

    with sandbox_kit.standing_still():
        yield account
        for each in made.values():
            each.close()


@pytest.mark.parametrize(("slug", "key"), WRITES)
def test_what_is_written_is_found_by_our_reference(quiet: Any, slug: str, key: tuple[str, str]) -> None:
    """Before it is there nothing says it is; afterwards it is there as it was meant."""
    account, case = quiet(slug), vendor_kit.kit(slug).cases[key]
    want = case.want(account)
    last = account.steps(want)[-1]
    assert case.effects(account, want) == 0
    before = account.look(account.steps(want)[0], want)
    assert before is None or not account.steps(want)[0].done(want, before)
    account.put(want)
    found = account.look(last, want)
    assert found is not None
    assert last.done(want, found)
    assert found.count == 1
    assert case.effects(account, want) == 1
    assert personal.differing(want.fields, found.fields, last.compare, frozenset(), b"") == []


@pytest.mark.parametrize(("slug", "key"), WRITES)
def test_a_repeated_write_has_one_effect(quiet: Any, slug: str, key: tuple[str, str]) -> None:
    """The answer is lost, and nobody remembers: what is there is found, and not written again."""
    account, case = quiet(slug), vendor_kit.kit(slug).cases[key]
    want = case.want(account)
    account.strike(account.name, case.operation, "reset_after_effect")
    with pytest.raises(Retry) as lost:
        account.put(want)
    assert lost.value.effect == "unknown"
    account.move_on(account.steps(want)[0].settle.total_seconds())
    assert account.put(want) == len(account.steps(want)) - 1
    assert account.put(want) == 0
    if account.steps(want)[0].has_idempotency:
        account.send_again(want)
        account.move_on(60)
    assert case.effects(account, want) == 1


@pytest.mark.parametrize(("slug", "key"), WRITES)
def test_a_rejected_write_gives_the_vendors_own_message(quiet: Any, slug: str, key: tuple[str, str]) -> None:
    """Word for word, and nothing is there."""
    account, case = quiet(slug), vendor_kit.kit(slug).cases[key]
    want = case.want(account)
    account.strike(account.name, case.operation, "refused")
    with pytest.raises(Reject, match=re.escape(case.refusal)):
        account.put(want)
    assert case.effects(account, want) == 0


# --- the vendor's own contract ------------------------------------------------------------------------------


def test_every_request_and_answer_is_in_the_vendors_contract(lived: Lived, quiet: Any) -> None:
    """All that the story and every write say and are told; what the contract itself gets wrong is named with its reason."""
    contract = lived.account.kit.contract
    if contract is None or not contract.path.exists():
        pytest.skip("no machine-readable contract, or it is not beside the project")
    account = quiet(lived.account.slug)
    for case in account.kit.cases.values():
        account.put(case.want(account))
    said = [*lived.account.exchanges, *account.exchanges]
    wrong = {(f"{each.method} {each.path}", error) for each in said for error in contract.errors(each)}
    excused = {
        (call, error)
        for call, error in wrong
        for pattern in contract.wrong
        if re.search(pattern, f"{call}: {error}")
    }
    assert sorted(wrong - excused) == []
    assert len(said) > len(account.vendor.streams) + len(account.vendor.writes)
    unneeded = [
        p for p in contract.wrong if not any(re.search(p, f"{call}: {error}") for call, error in wrong)
    ]
    assert unneeded == []


# --- the kits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", VENDORS)
def test_a_kit_has_a_case_for_every_write_and_a_word_for_every_stream(slug: str) -> None:
    """So that nothing a vendor file declares is left out here."""
    kit, vendor = vendor_kit.kit(slug), VENDORS[slug]
    assert set(kit.cases) == set(vendor.writes)
    assert set(kit.holds) == {stream.name for stream in vendor.streams}
    assert kit.role in vendor.roles
