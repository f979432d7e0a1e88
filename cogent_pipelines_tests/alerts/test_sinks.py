"""What goes over the wire to services no test can reach, Slack and Teams; and addresses kept in files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apprise.plugins.custom_json
import apprise.plugins.workflows
import pytest

from cogent_pipelines.alerts import sinks
from cogent_pipelines.alerts.groups import Text

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Text("Lead (new)", "plain", "*Lead* (new)", "**Lead** `x`", "<p>Lead</p>")
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = (
    "https://prod-12.uksouth.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A"
)


class Recorded:
    """Stands where the network would be: keeps what was sent and answers with a status."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.content = b""
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **given: Any) -> Recorded:
        del method
        self.calls.append((url, given))
        return self

    def post(self, url: str, **given: Any) -> Recorded:
        return self.request("POST", url, **given)


def deliver(
    monkeypatch: pytest.MonkeyPatch, address: str, status: int = 200, **more: Any
) -> tuple[Recorded, Any]:
    """Send the text to an address while the network is a recorder."""
    wire = Recorded(status)
    monkeypatch.setattr(apprise.plugins.custom_json.requests, "request", wire.request)
    monkeypatch.setattr(apprise.plugins.workflows.requests, "post", wire.post)
    monkeypatch.setenv("X_ALERT_URL", address)
    usual: dict[str, Any] = {"severity": "error", "kind": "opened", "loopback_only": False}
    return wire, sinks.deliver("X_ALERT_URL", TEXT, **(usual | more))


def test_slack_gets_its_documented_body_at_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """One field, the URL as it was given, no redirect followed."""
    wire, outcome = deliver(monkeypatch, SLACK)
    [(url, given)] = wire.calls
    assert outcome.is_sent
    assert (url, json.loads(given["data"])) == (SLACK, {"text": "*Lead* (new)"})
    assert given["headers"]["Content-Type"] == "application/json"
    assert given["allow_redirects"] is False
    assert given["timeout"] == (sinks.CONNECT_SECONDS, sinks.READ_SECONDS)


def test_teams_gets_an_adaptive_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heading and the Markdown text; accepted is sent."""
    wire, outcome = deliver(monkeypatch, TEAMS, 202)
    [(url, given)] = wire.calls
    [attachment] = json.loads(given["data"])["attachments"]
    assert outcome.is_sent
    assert url.startswith("https://prod-12.uksouth.logic.azure.com")
    assert given["params"]["sig"].startswith("KODueb")
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [block["text"] for block in attachment["content"]["body"]] == ["Lead (new)", "**Lead** `x`"]


@pytest.mark.parametrize(
    ("status", "calls", "reason"),
    [
        (400, 2, "it answered 400"),
        (404, 1, "it answered 404"),
        (410, 1, "it answered 410"),
        (429, 1, "it answered 429"),
        (500, 1, "it answered 500"),
        (302, 1, "it answered 302"),
    ],
)
def test_only_a_refused_text_is_sent_again_without_markup(
    monkeypatch: pytest.MonkeyPatch, status: int, calls: int, reason: str
) -> None:
    """A revoked address, a limit and a fault of theirs are no reason to say it differently."""
    wire, outcome = deliver(monkeypatch, SLACK, status)
    assert (len(wire.calls), outcome.is_sent, outcome.reason) == (calls, False, reason)
    assert json.loads(wire.calls[-1][1]["data"])["text"] == ("plain" if calls == 2 else "*Lead* (new)")


def test_a_query_in_a_webhooks_address_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some services put their token there."""
    wire, _ = deliver(monkeypatch, "https://chat.example.test/hooks/a%20b?token=k&x=1")
    [(url, given)] = wire.calls
    assert (url, given["params"]) == ("https://chat.example.test/hooks/a%20b", {"token": "k", "x": "1"})


def test_an_address_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``NAME_FILE`` names it; one that cannot be read is reported and not raised."""
    monkeypatch.setenv("X_ALERT_URL_FILE", str(tmp_path / "address"))
    _, missing = deliver(monkeypatch, "")
    assert missing.cause == "address_missing"
    (tmp_path / "address").write_text(SLACK + "\n")
    wire, _ = deliver(monkeypatch, "")
    assert wire.calls[0][0] == SLACK


@pytest.mark.parametrize("address", [SLACK, TEAMS])
def test_from_a_sandbox_nothing_leaves(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Refused before the wire."""
    wire, outcome = deliver(monkeypatch, address, loopback_only=True)
    assert wire.calls == []
    assert outcome.cause == "address_unusable"
