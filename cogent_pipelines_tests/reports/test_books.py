"""The books count every order once, say when they do not balance, and never name a person."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cogent_pipelines.errors import BadInput, Busy
from cogent_pipelines.ledger import controls, messages
from cogent_pipelines.reports import books, stores
from cogent_pipelines.reports.books import Books
from cogent_pipelines_tests.reports.fixtures import Kept, at, row


def read(kept: Kept) -> Books:
    """The books as they stand, every order listed."""
    return books.read(kept.root, kept.estate_file, each=True)


def test_every_order_stands_in_one_class(kept: Kept) -> None:
    """Each state of the ledger and of the shop is one class, and the classes add up to what came in."""
    kept.promise(kept.order("1"), "verified")
    kept.promise(kept.order("2"), "held", reason="unknown_sku")
    kept.promise(kept.order("3"), "waiting")
    kept.promise(kept.order("4"), "rejected", reason="invalid")
    kept.promise(kept.order("5"), "dead", reason="unreachable")
    kept.order("6", cancelled_at=at("04 10:00"))
    kept.order("7", is_test=True)
    found = read(kept)
    assert found.orders.each == (
        ("web_uk:1", "verified", ""),
        ("web_uk:2", "held", "unknown_sku"),
        ("web_uk:3", "waiting", ""),
        ("web_uk:4", "rejected", "invalid"),
        ("web_uk:5", "dead", ""),
        ("web_uk:6", "cancelled", ""),
        ("web_uk:7", "out_of_scope", "test"),
    )
    assert found.orders.ingested == 7
    assert found.balanced
    sync = next(each for each in found.syncs if each.sync == "orders_to_wms")
    assert (sync.keys, sync.verified, sync.held, sync.rejected, sync.dead) == (
        5,
        1,
        {"unknown_sku": 1},
        {"invalid": 1},
        1,
    )


def test_an_order_that_came_in_and_is_in_no_mart_unbalances_the_books(kept: Kept) -> None:
    """Orders are counted where they land and where they are classed; one that is lost between is seen."""
    kept.order("1")
    kept.pulled(1)
    found = read(kept)
    assert not found.balanced
    assert "THEY DO NOT BALANCE" in books.as_text(found)
    assert "orders ingested = sum of their classes and of foreign ones: 2 and 1" in books.as_text(found)


def test_an_id_only_a_sweep_has_listed_is_not_an_order_yet(kept: Kept) -> None:
    """The sweep counts what it found missing; the next pull brings it, and counts it then."""
    kept.order("1")
    with kept.tables() as connection:
        connection.execute(
            "INSERT INTO ops.pulls BY NAME SELECT * REPLACE ('sweep' AS kind, pull_id || 's' AS pull_id) "
            "FROM ops.pulls WHERE stream = 'orders' AND rows_new = 1"
        )
    assert read(kept).balanced


def test_a_row_that_is_in_no_table_unbalances_the_books(kept: Kept) -> None:
    """What a feed brought and what stands in its raw table are counted apart."""
    kept.order("1")
    with kept.tables() as connection:
        connection.execute("DELETE FROM shopify.orders")
    assert [e.name for e in read(kept).equations if not e.holds] == [
        "web_uk orders: new rows = rows that stand"
    ]


def test_an_unexplained_order_unbalances_the_books(kept: Kept) -> None:
    """A class of last resort is no class."""
    kept.order("1", fulfilment_code="unknown")
    found = read(kept)
    assert found.orders.unexplained == 1
    assert not found.balanced


def test_money_at_risk_counts_an_order_once_and_never_across_currencies(kept: Kept) -> None:
    """Two rules about one order are one amount; pounds and euros stay apart."""
    kept.found("every_paid_order_can_be_released", row("web_uk:1", amount=Decimal(20), currency="GBP"))
    kept.found(
        "no_two_orders_are_the_same_basket", row("web_uk:1", amount=Decimal(15), currency="GBP"), owner="cx"
    )
    kept.found(
        "every_despatch_was_captured", row("web_uk:2", amount=Decimal(9), currency="EUR"), owner="finance"
    )
    found = read(kept)
    assert found.money == {"EUR": Decimal(9), "GBP": Decimal(20)}
    assert {each.owner: each.money for each in found.exceptions}["cx"] == {"GBP": Decimal(15)}


def test_what_repairs_itself_is_told_from_what_needs_somebody(kept: Kept) -> None:
    """A rule's own words say which it is; a rule nobody knows needs a person."""
    kept.found("every_shipment_reached_the_channel", row("wms_uk:1", "not_at_channel"))
    kept.found("every_paid_order_can_be_released", row("web_uk:1"))
    kept.found("a_rule_of_tomorrow", row("web_uk:2"))
    (owner,) = read(kept).exceptions
    assert (owner.repairs_itself, owner.needs_you, owner.open) == (1, 2, 3)


def test_pauses_brakes_and_messages_are_shown(kept: Kept) -> None:
    """Whatever keeps something from happening is on the page."""
    kept.promise(kept.order("1"), "held", reason="brake:orders_per_tick")
    with kept.ledger() as ledger:
        controls.pause(ledger, "stock_to_channel", by="kim", reason="stock take")
        with ledger.write() as writing:
            message = messages.Message("k", "r", "c", "opened", "cx", "error", {})
            messages.queue(writing, message)
    text = books.as_text(read(kept))
    assert "stock_to_channel is paused since 2026-11-04 12:00 by kim: stock take" in text
    assert "orders_to_wms: 1 held by the brake orders per tick; cogent release orders_to_wms" in text
    assert "0 messages sent, 1 waiting" in text


def test_json_has_the_same_keys_whatever_there_is(kept: Kept) -> None:
    """A program may rely on every key, on an empty estate as on a full one."""
    empty = json.loads(books.as_json(read(kept)))
    kept.promise(kept.order("1"), "verified")
    full = json.loads(books.as_json(read(kept)))
    assert empty.keys() == full.keys()
    assert empty["orders"].keys() == full["orders"].keys()
    assert full["orders"]["each"] == {"web_uk:1": {"class": "verified", "reason": ""}}
    assert full["at"] == "2026-11-04T12:00:00+00:00"


def test_the_text_fits_a_terminal(kept: Kept) -> None:
    """Fewer than 25 lines of at most 100 columns, however many owners and reasons there are."""
    for number in range(12):
        kept.promise(kept.order(str(number)), "held", reason=f"a_rather_long_reason_for_holding_{number}")
        kept.found("every_paid_order_can_be_released", row(f"web_uk:{number}"), owner=f"owner_{number}")
    text = books.as_text(read(kept)).splitlines()
    assert len(text) < 25
    assert max(map(len, text)) <= 100


def test_markdown_shows_hostile_names_as_text(kept: Kept) -> None:
    """A pipe, a tag or an escape sequence in a reason does not leave its cell."""
    found = read(kept)
    orders = replace(
        found.orders, reasons={"held": {"a|b<script>\x1b[31m": 1}}, classes={"held": 1}, ingested=1
    )
    page = books.as_markdown(replace(found, orders=orders))
    assert "a\\|b&lt;script>" in page
    assert "\x1b" not in page


def test_before_the_first_tick_the_books_say_so(kept: Kept) -> None:
    """A folder whose models were never built is no error."""
    kept.place.warehouse.unlink()
    found = read(kept)
    assert not found.is_built
    assert "run cogent tick" in books.as_text(found)
    assert not kept.place.warehouse.exists()


def test_a_folder_that_is_not_one_is_said_in_one_line(kept: Kept) -> None:
    """Looking never makes a ledger, and says what was expected."""
    with pytest.raises(BadInput, match="expected a folder made by"):
        books.read(kept.root / "nowhere", kept.estate_file)
    (kept.root / "empty").mkdir()
    with pytest.raises(BadInput, match="without a ledger"):
        books.read(kept.root / "empty", kept.estate_file)
    assert not list((kept.root / "empty").iterdir())


def test_a_broken_warehouse_file_is_said_in_one_line(kept: Kept) -> None:
    """Half a DuckDB file is an error with the way out of it."""
    kept.place.warehouse.write_bytes(b"not a database" * 1000)
    with pytest.raises(BadInput, match="cogent replay"):
        read(kept)


def test_a_locked_warehouse_is_waited_for_and_then_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the file is not disturbed."""
    monkeypatch.setattr("cogent_pipelines.warehouse._connect", _busy)
    began = time.monotonic()
    with pytest.raises(Busy):
        read(kept)
    assert time.monotonic() - began < 5


def _busy(path: str, wait: float) -> None:
    del wait
    raise Busy(f"{path} is held by another process")


def test_models_of_another_version_are_said_in_one_line(kept: Kept) -> None:
    """A view that no longer fits its tables is no stack trace; nothing has to be lost to mend it."""
    with kept.tables() as connection:
        connection.execute("ALTER TABLE marts.orders RENAME COLUMN is_test TO was_test")
    with pytest.raises(BadInput, match="delete the file and run cogent replay"):
        read(kept)


def test_a_ledger_that_does_not_answer_is_said_in_one_line(kept: Kept) -> None:
    """Another process may hold it for long; that is no fault of the reader."""
    with pytest.raises(Busy, match="the ledger did not answer"), stores.ledger(kept.place):
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("database is locked"))
