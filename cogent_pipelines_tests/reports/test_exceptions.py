"""The list of what is open, and the words for a name nobody knows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from cogent_pipelines.errors import BadInput
from cogent_pipelines.ledger import exceptions as life
from cogent_pipelines.reports import exceptions
from cogent_pipelines_tests.reports.fixtures import NOW, Kept, at, row

RULE = "every_paid_order_can_be_released"


def test_it_is_sorted_by_owner_and_age(kept: Kept) -> None:
    """The oldest first, under the rule's own words and its first step."""
    kept.found(
        RULE,
        row("web_uk:1", since_at=at("04 11:00"), amount=Decimal(20), currency="GBP"),
        row("web_uk:2", since_at=at("03 09:00")),
    )
    kept.found("every_despatch_was_captured", row("web_uk:3", "not_captured"), owner="finance")
    text = exceptions.text(kept.root)
    assert text.startswith("3 open at 2026-11-04 12:00 UTC.")
    assert text.index("OPERATIONS") < text.index("FINANCE")
    assert text.index("web_uk:2@LEEDS") < text.index("web_uk:1@LEEDS")
    assert "Orders are held and wait for a person (2, needs you)  every_paid_order_can_be_released" in text
    assert "first: Mend the cause shown" in text
    assert "1 d 3 h  web_uk:2@LEEDS  unknown sku" in text
    assert "20.00 GBP" in text


def test_one_rule_or_one_owner_may_be_asked_for(kept: Kept) -> None:
    """A rule that is asked for is listed whole; the whole list shows ten of each."""
    kept.found(RULE, *(row(f"web_uk:{number}") for number in range(15)))
    kept.found("every_despatch_was_captured", row("web_uk:99", "not_captured"), owner="finance")
    assert f"and 5 more: cogent exceptions --rule {RULE}" in exceptions.text(kept.root)
    assert exceptions.text(kept.root, rule=RULE).count("unknown sku  in detail") == 15
    assert "OPERATIONS" not in exceptions.text(kept.root, owner="finance")


def test_nothing_open_is_said_in_a_sentence(kept: Kept) -> None:
    """Of everything, of a rule, of an owner the rules name."""
    assert exceptions.text(kept.root) == "Nothing is open at 2026-11-04 12:00 UTC."
    assert "Nothing is open of every_paid" in exceptions.text(kept.root, rule=RULE)
    assert "Nothing is open with cx" in exceptions.text(kept.root, owner="cx")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"rule": "every_payed_order_can_be_released"}, "did you mean every_paid_order_can_be_released"),
        ({"rule": "oversold"}, "did you mean no_sku_is_oversold"),
        ({"owner": "operation"}, "did you mean operations"),
        ({"rule": "\x1b[31m'; --"}, "expected a rule"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(kept: Kept, asked: dict[str, str], meant: str) -> None:
    """One line, without a control character."""
    with pytest.raises(BadInput, match=meant) as refused:
        exceptions.text(kept.root, **asked)
    assert "\x1b" not in str(refused.value)


def test_accepted_and_acknowledged_ones_say_by_whom(kept: Kept) -> None:
    """They stay in the list while they stand."""
    kept.found(RULE, row("web_uk:1"), row("web_uk:2"))
    with kept.ledger() as ledger:
        life.accept(ledger, RULE, "web_uk:1@LEEDS", by="kim", reason="agreed", until=NOW + timedelta(days=1))
        life.acknowledge(ledger, RULE, "web_uk:2@LEEDS", by="lee")
    text = exceptions.text(kept.root)
    assert text.startswith("1 open, 1 accepted at")
    assert "[accepted by kim]" in text
    assert "[acknowledged by lee]" in text


def test_a_hostile_key_is_quoted_in_the_command_and_harmless_on_the_terminal(kept: Kept) -> None:
    """A SKU may hold a quote or an escape sequence; the shell and the terminal see text."""
    kept.found(
        "no_sku_is_oversold",
        row("x", "oversold", exception_key="LEEDS:O'Neil; rm -rf /\x1b[2J", detail="=cmd|'x'\x07"),
    )
    text = exceptions.text(kept.root)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "cogent ack no_sku_is_oversold 'LEEDS:O'\"'\"'Neil; rm -rf / [2J'" in text
