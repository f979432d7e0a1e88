"""In which words an alert is written: what is broken, whether to act, keys only, escaped for each sink."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogent_pipelines.alerts.groups import Group
from cogent_pipelines.alerts.render import render, span

AT = datetime(2026, 11, 2, 11, 5, tzinfo=UTC)


def group(**changes: object) -> Group:
    """Twelve paid orders that are nowhere."""
    usual: dict[str, object] = {
        "rule": "every_paid_order_reached_a_warehouse",
        "cause": "never_sent",
        "severity": "error",
        "owner": "operations",
        "count": 12,
        "oldest_at": AT - timedelta(hours=2, minutes=5),
        "money": (("EUR", Decimal(35)), ("GBP", Decimal("1240.5"))),
        "keys": ("web_uk:1001@LEEDS", "web_uk:1002@YORK"),
        "when_broken": "Paid orders have not reached a warehouse",
        "first_step": "Open the order in Veeqo and look for its number",
        "repair": "person",
        "url": "http://127.0.0.1:3000/assets/rules/every_paid_order_reached_a_warehouse",
    }
    return Group(**(usual | changes))  # type: ignore[arg-type]


def test_a_message_leads_with_what_is_broken_and_says_who_must_act() -> None:
    """The plain text, whole."""
    text = render(group(), "opened", AT)
    assert text.title == "Paid orders have not reached a warehouse (new)"
    assert text.plain.splitlines() == [
        "12 open; the oldest for 2 h 05 min; 35.00 EUR and 1,240.50 GBP.",
        "Needs you. First step: Open the order in Veeqo and look for its number",
        "Cause never_sent; rule every_paid_order_reached_a_warehouse; owner operations",
        "web_uk:1001@LEEDS, web_uk:1002@YORK and 10 more",
        "http://127.0.0.1:3000/assets/rules/every_paid_order_reached_a_warehouse",
        "As it stood on 2026-11-02 11:05 UTC.",
    ]


def test_what_repairs_itself_says_so() -> None:
    """An automatic repair asks nobody for anything."""
    text = render(group(repair="automatic"), "opened", AT)
    assert "Repairs itself. Should it not: Open the order" in text.plain
    assert "Needs you" not in text.plain


def test_an_escalation_names_whom_it_went_to() -> None:
    """Whoever reads it knows whose it was."""
    text = render(group(), "escalated", AT, escalated_to="data")
    assert text.title.endswith("(escalated)")
    assert "owner operations, escalated to data" in text.plain


def test_an_all_clear_asks_for_nothing() -> None:
    """Nothing stands, nothing is left to do."""
    text = render(group(count=0, money=(), keys=(), oldest_at=None), "cleared", AT)
    assert text.title.endswith("(cleared)")
    assert text.plain.startswith("Nothing stands any more.\nNothing is left to do.")


def test_an_acceptance_says_until_when() -> None:
    """What was accepted was not mended, and the message does not pretend so."""
    text = render(group(count=0, accepted=3, accepted_until=AT, keys=(), money=()), "cleared", AT)
    assert text.title.endswith("(accepted)")
    assert "3 accepted until 2026-11-02 11:05 UTC" in text.plain


def test_slack_gets_its_own_markup_and_its_own_escapes() -> None:
    """Bold lead, a link with a name, keys as code, and no mention that data could make."""
    text = render(group(when_broken="<!channel> a & b", keys=("a`b", "<@U1>")), "opened", AT)
    assert text.slack.startswith("*&lt;!channel&gt; a &amp; b* (new)")
    assert "`a'b, &lt;@U1&gt; and 10 more`" in text.slack
    url = "<http://127.0.0.1:3000/assets/rules/every_paid_order_reached_a_warehouse|Open in Dagster>"
    assert url in text.slack
    assert text.slack.replace(url, "").count("<") == 0


def test_teams_gets_markdown_with_its_marks_escaped() -> None:
    """An underscore in a rule's name stays one; a made-up link stays text."""
    text = render(group(keys=("[x](http://evil)", "<at>all</at>")), "opened", AT)
    assert "every\\_paid\\_order" in text.markdown
    assert "\\[x\\]\\(http://evil\\)" in text.markdown
    assert "<at>" not in text.markdown
    assert "[Open in Dagster](http://127.0.0.1:3000/" in text.markdown


def test_mail_gets_html_with_its_characters_escaped() -> None:
    """Markup in data is text in the mail."""
    text = render(group(first_step="<script>alert(1)</script>"), "opened", AT)
    assert "<script>" not in text.html
    assert "&lt;script&gt;" in text.html


def test_an_e_mail_address_never_gets_through() -> None:
    """A key with a person's address in it loses the address; our own keys with an @ stay."""
    text = render(group(keys=("ann.lee@example.co.uk", "web_uk:1@LEEDS")), "opened", AT)
    for sink in (text.title, text.plain, text.slack, text.markdown, text.html):
        assert "example.co.uk" not in sink
    assert "(e-mail), web_uk:1@LEEDS" in text.plain


def test_a_page_that_is_no_address_is_left_out() -> None:
    """Only http and https make a link."""
    text = render(group(url="javascript:alert(1)"), "opened", AT)
    assert "javascript" not in text.plain + text.slack + text.markdown + text.html


def test_a_rule_nobody_described_is_named() -> None:
    """Without words of its own the rule's name is the lead."""
    text = render(group(when_broken="", first_step=""), "opened", AT)
    assert text.title == "Not so: every paid order reached a warehouse (new)"
    assert "Needs you.\n" in text.plain


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=2, minutes=5), "2 h 05 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_a_span_is_written_in_two_units_at_most(length: timedelta, words: str) -> None:
    """Near enough to act on."""
    assert span(length) == words


@given(
    st.text(max_size=2_000),
    st.lists(st.text(min_size=1, max_size=500), max_size=10),
    st.decimals(min_value=0, max_value=10**12, places=4),
)
def test_whatever_the_data_holds_a_message_fits_and_stays_one_line_per_part(
    words: str, keys: list[str], amount: Decimal
) -> None:
    """Hostile text cannot add lines, headers or length."""
    text = render(
        group(when_broken=words, first_step=words, cause=words, keys=tuple(keys), money=(("GBP", amount),)),
        "opened",
        AT,
    )
    assert "\n" not in text.title
    assert "\r" not in text.title
    assert len(text.plain.splitlines()) <= 6
    assert len(text.plain) < 1_600
    assert "<" not in text.slack.replace("<http://127.0.0.1:3000/", "")
