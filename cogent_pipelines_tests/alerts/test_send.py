"""From a standing exception to a delivered message: once, to its owner, through crashes and dead inboxes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy as sa

from cogent_pipelines import clock
from cogent_pipelines.alerts.send import UNREACHED, send_due
from cogent_pipelines.estate import Estate
from cogent_pipelines.ledger import exceptions, messages, tables
from cogent_pipelines_tests.alerts.conftest import START, Inbox, Mailbox, later

if TYPE_CHECKING:
    from cogent_pipelines.alerts.groups import Sent
    from cogent_pipelines.ledger.ledger import Ledger

RULE = "every_paid_order_reached_a_warehouse"


@dataclass(frozen=True)
class Rule:
    when_broken: str = "Paid orders have not reached a warehouse"
    first_step: str = "Look the order up in Veeqo"

    def repair_of(self, cause: str) -> str:
        """A person's, whatever the cause."""
        del cause
        return "person"


CATALOGUE = {RULE: Rule()}


def estate(**changes: Any) -> Estate:
    """Operations above which stands data, and finance."""
    usual: dict[str, Any] = {
        "name": "demo",
        "time_zone": "Europe/London",
        "sandbox": True,
        "systems": {},
        "truth": {},
        "facilities": {},
        "cadence": {},
        "owners": {
            "operations": {"destinations": ["OPERATIONS_ALERT_URL"], "escalate_to": "data"},
            "finance": {"destinations": ["FINANCE_ALERT_URL"], "escalate_to": "data"},
            "data": {"destinations": ["DATA_ALERT_URL"]},
        },
        "alert_window": "15m",
    }
    return msgspec.convert(usual | changes, Estate)


def find(
    ledger: Ledger, *keys: str, rule: str = RULE, cause: str = "never_sent", owner: str = "operations"
) -> None:
    """The rule is evaluated and returns these rows."""
    rows = [exceptions.Found(key, cause, amount=Decimal("10.00"), currency="GBP") for key in keys]
    exceptions.apply(ledger, [exceptions.Finding(rule, "fail" if rows else "pass", owner, "error", rows)])


def go(ledger: Ledger, of: Estate | None = None, **more: Any) -> list[Sent]:
    """One turn of the alert sensor."""
    return send_due(ledger, of or estate(), CATALOGUE, now=clock.now(), **more)


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch, inbox: Inbox) -> None:
    """Operations and data have the inbox; finance has nothing yet."""
    for name in ("OPERATIONS_ALERT_URL", "DATA_ALERT_URL"):
        monkeypatch.setenv(name, inbox.url)
    monkeypatch.delenv("FINANCE_ALERT_URL", raising=False)
    monkeypatch.delenv("COGENT_DAGSTER_URL", raising=False)


# --- once -----------------------------------------------------------------------------------------------


def test_five_hundred_rows_of_one_cause_are_one_message(ledger: Ledger, inbox: Inbox) -> None:
    """Count, money and first step are in it; a Slack webhook gets one field and no more."""
    find(ledger, *[f"web_uk:{n}" for n in range(500)])
    [sent] = go(ledger)
    assert (sent.kind, sent.state, sent.destination) == ("opened", "sent", "OPERATIONS_ALERT_URL")
    assert list(inbox.bodies[0]) == ["text"]
    assert inbox.texts[0].startswith("*Paid orders have not reached a warehouse* (new)\n500 open;")
    assert "5,000.00 GBP" in inbox.texts[0]
    assert "Needs you. First step: Look the order up in Veeqo" in inbox.texts[0]


def test_a_tick_with_nothing_new_sends_and_writes_nothing(ledger: Ledger, inbox: Inbox) -> None:
    """The second turn finds everything said, and leaves the ledger as it was."""
    find(ledger, "web_uk:1")
    go(ledger)
    before = _revision(ledger)
    later(minutes=5)
    assert go(ledger) == []
    assert _revision(ledger) == before
    assert len(inbox.texts) == 1


def _revision(ledger: Ledger) -> int:
    """The number of the ledger's last write."""
    with ledger.read() as connection:
        query = sa.select(tables.meta.c.number).where(tables.meta.c.name == "revision")
        return int(connection.execute(query).scalar_one())


def test_two_causes_are_two_messages_and_two_owners_two_destinations(
    ledger: Ledger, inbox: Inbox, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each goes where its owner is."""
    monkeypatch.setenv("FINANCE_ALERT_URL", mailbox.url)
    find(ledger, "a", rule="every_despatch_was_captured", cause="never", owner="finance")
    find(ledger, "b", cause="never_sent")
    find(ledger, "b", "c", rule="other", cause="x")
    sent = go(ledger)
    assert sorted((s.rule, s.destination) for s in sent) == [
        ("every_despatch_was_captured", "FINANCE_ALERT_URL"),
        (RULE, "OPERATIONS_ALERT_URL"),
        ("other", "OPERATIONS_ALERT_URL"),
    ]
    assert len(inbox.texts) == 2
    assert len(mailbox.mails) == 1


def test_a_mail_is_text_and_html_and_its_incident_is_a_thread(
    ledger: Ledger, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real SMTP server got a subject with the lead, both bodies, and headers that robots set."""
    monkeypatch.setenv("OPERATIONS_ALERT_URL", mailbox.url)
    find(ledger, "web_uk:1")
    go(ledger, dagster_url="http://127.0.0.1:3000")
    find(ledger)
    later(minutes=16)
    go(ledger)
    opened, cleared = mailbox.mails
    assert opened["Subject"] == "Paid orders have not reached a warehouse (new)"
    assert opened["Auto-Submitted"] == "auto-generated"
    assert opened["References"] == cleared["References"]
    assert opened["Date"]
    assert opened["Message-ID"] != cleared["Message-ID"]
    plain = opened.get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    rich = opened.get_body(("html",)).get_content()  # type: ignore[attr-defined]
    assert "Needs you. First step: Look the order up in Veeqo" in plain
    assert f'<a href="http://127.0.0.1:3000/assets/rules/{RULE}">' in rich


def test_it_is_cleared_after_the_quiet_window_and_not_before(ledger: Ledger, inbox: Inbox) -> None:
    """Evidence closes the rows; the all-clear waits for the estate's window."""
    find(ledger, "web_uk:1")
    go(ledger)
    find(ledger)
    later(minutes=14)
    assert go(ledger) == []
    later(minutes=2)
    assert [s.kind for s in go(ledger)] == ["cleared"]
    assert "(cleared)" in inbox.texts[-1]


def test_a_row_that_came_and_went_between_two_turns_is_not_told(ledger: Ledger, inbox: Inbox) -> None:
    """Opened and closed before anybody looked: recorded, no alert."""
    find(ledger, "web_uk:1")
    find(ledger)
    assert go(ledger) == []
    assert inbox.texts == []


def test_past_its_window_it_goes_up_and_its_end_goes_to_both(
    ledger: Ledger, inbox: Inbox, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estate's window for the rule; whoever was told of it is told of its end."""
    monkeypatch.setenv("DATA_ALERT_URL", mailbox.url)
    of = estate(windows={RULE: {"hours": 1, "escalate_hours": 2}})
    find(ledger, "web_uk:1")
    go(ledger, of)
    later(hours=1, minutes=58)
    assert go(ledger, of) == []
    later(minutes=3)
    [up] = go(ledger, of)
    assert (up.kind, up.destination) == ("escalated", "DATA_ALERT_URL")
    assert "escalated to data" in mailbox.mails[0].get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    find(ledger)
    later(minutes=16)
    assert {s.destination for s in go(ledger, of)} == {"OPERATIONS_ALERT_URL", "DATA_ALERT_URL"}
    assert len(inbox.texts) == 2


def test_an_acknowledged_exception_is_not_escalated(ledger: Ledger) -> None:
    """Somebody has it."""
    find(ledger, "web_uk:1")
    go(ledger)
    exceptions.acknowledge(ledger, RULE, "web_uk:1", by="ann")
    later(days=2)
    assert go(ledger) == []


def test_an_accepted_exception_is_said_to_be_accepted_and_comes_back_when_its_time_is_up(
    ledger: Ledger, inbox: Inbox
) -> None:
    """Quiet until then, and a new incident after."""
    find(ledger, "web_uk:1")
    go(ledger)
    exceptions.accept(ledger, RULE, "web_uk:1", by="ann", reason="known", until=START + timedelta(days=2))
    later(hours=1)
    go(ledger)
    assert "(accepted)" in inbox.texts[-1]
    later(hours=10)
    assert go(ledger) == []
    later(days=2)
    find(ledger, "web_uk:1")
    assert [s.kind for s in go(ledger)] == ["opened"]


def test_a_cause_that_stands_is_brought_to_mind_after_a_day(ledger: Ledger, inbox: Inbox) -> None:
    """With what stands then."""
    find(ledger, "web_uk:1")
    exceptions.acknowledge(ledger, RULE, "web_uk:1", by="ann")
    find(ledger, "web_uk:1", "web_uk:2", "web_uk:3")
    go(ledger, remind_after=timedelta(hours=2))
    later(hours=2, minutes=1)
    assert [s.kind for s in go(ledger, remind_after=timedelta(hours=2))] == ["reminder"]
    assert "3 open" in inbox.texts[-1]


def test_two_senders_at_once_say_it_once(ledger: Ledger, inbox: Inbox) -> None:
    """What two processes decide alike has one key, and the second finds it queued."""
    find(ledger, "web_uk:1")

    def second(point: str) -> None:
        if point == "alert queued, not claimed" and not inbox.texts:
            go(ledger)

    go(ledger, crash=second)
    assert len(inbox.texts) == 1


# --- crashes --------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def kill_at(wanted: str) -> Any:
    """A crash hook that ends the process at a point."""

    def crash(point: str) -> None:
        if point == wanted:
            raise Killed

    return crash


@pytest.mark.parametrize(
    ("point", "messages_got"),
    [("alert queued, not claimed", 1), ("alert claimed, not sent", 1), ("alert sent, not recorded", 2)],
)
def test_a_crash_loses_nothing_and_doubles_one_message_at_most(
    ledger: Ledger, inbox: Inbox, point: str, messages_got: int
) -> None:
    """Only between sending and recording can one repeat; of three messages the other two come once."""
    for cause in ("a", "b", "c"):
        find(ledger, cause, rule=f"rule_{cause}", cause=cause)
    with pytest.raises(Killed):
        go(ledger, crash=kill_at(point))
    go(ledger)
    later(hours=4)
    go(
        ledger,
        remind_after=None,
        of=estate(owners={"operations": {"destinations": ["OPERATIONS_ALERT_URL"]}}),
    )
    counts = [sum(f"rule_{cause};" in text for text in inbox.texts) for cause in ("a", "b", "c")]
    assert counts == [messages_got, 1, 1]
    assert {m["state"] for c in ("a", "b", "c") for m in messages.about(ledger, f"rule_{c}")} == {"sent"}


def test_a_possible_repeat_says_so(ledger: Ledger, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the second copy knows that it may be one."""
    monkeypatch.setenv("OPERATIONS_ALERT_URL", mailbox.url)
    find(ledger, "web_uk:1")
    with pytest.raises(Killed):
        go(ledger, crash=kill_at("alert sent, not recorded"))
    later(hours=4)
    go(ledger, of=estate(owners={"operations": {"destinations": ["OPERATIONS_ALERT_URL"]}}))
    assert [mail["Subject"].endswith("(perhaps a repeat)") for mail in mailbox.mails] == [False, True]


# --- destinations that fail ------------------------------------------------------------------------------


def test_a_dead_destination_blocks_nobody_and_is_told_to_somebody_else(
    ledger: Ledger, inbox: Inbox, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations' inbox is down: finance hears its own at once, and data hears of the inbox."""
    monkeypatch.setenv("FINANCE_ALERT_URL", mailbox.url)
    monkeypatch.setenv("DATA_ALERT_URL", mailbox.url)
    inbox.status = 500
    find(ledger, "a")
    find(ledger, "b", rule="every_despatch_was_captured", cause="never", owner="finance")
    first = go(ledger)
    assert {(s.destination, s.state) for s in first} == {
        ("OPERATIONS_ALERT_URL", "waiting"),
        ("FINANCE_ALERT_URL", "sent"),
    }
    for _ in range(2):
        later(minutes=5)
        last = go(ledger)
    assert [(s.rule, s.destination, s.state) for s in last] == [
        (RULE, "OPERATIONS_ALERT_URL", "waiting"),
        (UNREACHED, "DATA_ALERT_URL", "sent"),
    ]
    assert last[0].reason == "it answered 500"
    assert mailbox.mails[-1]["Subject"] == "Alerts do not arrive at a destination (new)"
    inbox.status = 200
    later(minutes=10)
    assert [(s.rule, s.state) for s in go(ledger)] == [(RULE, "sent")]
    later(minutes=20)
    assert [(s.rule, s.kind) for s in go(ledger)] == [(UNREACHED, "cleared")]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "OPERATIONS_ALERT_URL is not set"),
        ("nonsense", "OPERATIONS_ALERT_URL holds no address we understand"),
        ("http://[", "OPERATIONS_ALERT_URL holds no address we understand"),
        ("mailto://", "OPERATIONS_ALERT_URL holds no address we understand"),
        ("nothing://x", "OPERATIONS_ALERT_URL holds no address we understand"),
    ],
)
def test_an_address_that_cannot_work_is_reported_at_once(
    ledger: Ledger, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    """No third try is needed to know it."""
    monkeypatch.setenv("OPERATIONS_ALERT_URL", address)
    find(ledger, "a")
    sent = go(ledger)
    assert [(s.state, s.reason) for s in sent] == [("waiting", reason), ("sent", "")]
    assert inbox.texts[0].startswith("*Alerts go nowhere")
    assert "OPERATIONS_ALERT_URL" in inbox.texts[0]


def test_a_connection_that_is_refused_is_tried_later_and_later(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One minute, two, four: the ledger says when."""
    monkeypatch.setenv("OPERATIONS_ALERT_URL", "http://127.0.0.1:9/slack/x")
    find(ledger, "a")
    waits = []
    for _ in range(4):
        [sent, *_] = go(ledger)
        assert sent.reason == "it could not be reached"
        [row] = messages.about(ledger, RULE)
        waits.append(round((row["due_at"] - clock.now()).total_seconds() / 60))
        later(minutes=waits[-1] + 1)
    assert waits == [1, 2, 4, 8]


def test_what_is_over_before_it_could_be_sent_is_not_sent(ledger: Ledger, inbox: Inbox) -> None:
    """A destination that comes back hears neither of the fault nor of its end."""
    inbox.status = 503
    find(ledger, "a")
    go(ledger)
    find(ledger)
    later(minutes=20)
    states = {(s.kind, s.state) for s in go(ledger)}
    inbox.status = 200
    later(hours=2)
    states |= {(s.kind, s.state) for s in go(ledger)}
    assert inbox.texts == []
    assert states == {("opened", "dead"), ("cleared", "dead")}


def test_marked_up_text_that_is_refused_goes_as_plain_text(ledger: Ledger, inbox: Inbox) -> None:
    """Better bare words than none."""
    inbox.refuse_marked_up = True
    find(ledger, "a")
    assert [s.state for s in go(ledger)] == ["sent"]
    assert "*" not in inbox.texts[0]
    assert "Needs you." in inbox.texts[0]


def test_a_sandbox_estate_sends_nothing_off_this_machine(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address elsewhere is refused before anything is looked up."""
    for address in (
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "mailto://smtp.example.test?from=a@example.test&to=b@example.test",
        "pagerduty://INTEGRATIONKEY@APIKEY",
    ):
        monkeypatch.setenv("OPERATIONS_ALERT_URL", address)
        find(ledger, address[:5], rule=address[:5])
        [first, *_] = go(ledger)
        assert first.reason == "OPERATIONS_ALERT_URL leaves this machine, and the estate is a sandbox"
        later(days=1)


def test_a_webhooks_secret_is_in_no_log_no_answer_and_no_ledger(
    ledger: Ledger, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger at its loudest, whether sending works or not, the path of the address is nowhere."""
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    secret = "XYZZY9secret"
    told: list[str] = []
    for status in (200, 404, 500):
        inbox.status = status
        address = inbox.url.replace("/operations", f"/{secret}")
        for each in (address, address.replace("http:", "htp:"), f"http://127.0.0.1:9/{secret}"):
            monkeypatch.setenv("OPERATIONS_ALERT_URL", each)
            find(ledger, "k", rule=f"r{len(told)}")
            told += [repr(go(ledger))]
            later(days=1)
    rows = "".join(repr(dict(m)) for n in range(len(told)) for m in messages.about(ledger, f"r{n}"))
    assert len(told) == 9
    assert secret not in caplog.text + "".join(told) + rows


def test_an_owner_without_a_destination_is_heard_by_the_one_above(ledger: Ledger, inbox: Inbox) -> None:
    """Nobody's alert is nobody's loss."""
    of = estate(owners={"operations": {"escalate_to": "data"}, "data": {"destinations": ["DATA_ALERT_URL"]}})
    find(ledger, "a")
    assert [s.destination for s in go(ledger, of)] == ["DATA_ALERT_URL"]
    find(ledger, "b", rule="nobodys", owner="a_stranger")
    assert [s.destination for s in go(ledger, of)] == ["DATA_ALERT_URL"]
    assert len(inbox.texts) == 2


def test_it_is_the_time_of_the_estate_that_counts(ledger: Ledger) -> None:
    """The text says when it stood so, in the estate's own clock."""
    find(ledger, "a")
    go(ledger)
    [row] = messages.about(ledger, RULE)
    assert abs(datetime.fromisoformat(row["content"]["at"]) - START) < timedelta(minutes=5)
