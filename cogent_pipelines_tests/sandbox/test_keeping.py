"""A sandbox that ends and lives on in another process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cogent_pipelines.sandbox import keeping
from cogent_pipelines.sandbox.app import Sandbox, create_app
from cogent_pipelines.sandbox.settings import Settings
from cogent_pipelines.sandbox.world import truth
from cogent_pipelines_tests.sandbox.worlds import SMALL

DAY = timedelta(days=1)
LIVELY = replace(SMALL, faults="default", old_integration=0.3)


def kept_again(app: Sandbox, file: Path, **changes: Any) -> Sandbox:
    """The same sandbox in its next life, where nobody new orders."""
    keeping.save(file, app.kept)
    settings = replace(SMALL, orders=0, keep=file)
    return create_app(replace(settings, **changes))


def test_a_kept_world_is_the_same_and_goes_the_same_way(tmp_path: Path) -> None:
    """A day with an old integration behind it, and a day before it."""
    before = create_app(LIVELY)
    before.world.advance(before.world.now + DAY)
    after = kept_again(before, tmp_path / "world")
    assert after.world is not before.world
    assert truth.truth(after.world) == truth.truth(before.world)
    for app in (before, after):
        app.world.advance(app.world.now + DAY)
    assert truth.truth(after.world) == truth.truth(before.world)
    assert after.world.events_played == before.world.events_played


def test_what_was_planted_stays_and_what_was_to_be_planted_is_not(tmp_path: Path) -> None:
    """The list is the list; a script that was under way has ended."""
    before = create_app(replace(SMALL, defects=1))
    before.world.advance(before.world.now + DAY)
    planted = before.world.planter.listing()["defects"]
    after = kept_again(before, tmp_path / "world")
    assert planted
    assert after.world.planter.listing()["defects"] == planted
    after.world.advance(after.world.now + DAY)
    assert len(after.world.planter.listing()["defects"]) >= len(planted)


def test_what_was_kept_does_not_change_what_went_on(tmp_path: Path) -> None:
    """Two lives share nothing."""
    before = create_app(SMALL)
    before.world.advance(before.world.now + DAY)
    at = before.world.now
    kept_again(before, tmp_path / "world").world.advance(at + DAY)
    assert before.world.now == at


def test_in_the_next_life_more_customers_order(tmp_path: Path) -> None:
    """New numbers, none of them used before."""
    before = create_app(SMALL)
    before.world.advance(before.world.now + 3 * DAY)
    known = set(truth.truth(before.world, {"orders"})["orders"])
    after = kept_again(before, tmp_path / "world", orders=25)
    after.world.advance(after.world.now + 3 * DAY)
    assert len(set(truth.truth(after.world, {"orders"})["orders"]) - known) == 25
    assert known <= set(truth.truth(after.world, {"orders"})["orders"])


def test_tokens_messages_and_armed_faults_live_on(tmp_path: Path) -> None:
    """What a caller holds is good still, and what was said is not forgotten."""
    before = create_app(SMALL)
    token = before.kit.tokens.issue("web_uk", before.world.now, None)
    before.kept.slack.append({"at": before.world.now, "channel": "data", "message": {"text": "hello"}})
    after = kept_again(before, tmp_path / "world", faults="error_500=0.5")
    assert after.kit.tokens.is_good("web_uk", token, after.world.now)
    assert [one["message"]["text"] for one in after.kept.slack] == ["hello"]
    assert after.kit.faults.rates == {"error_500": 0.5}
    assert after.kit.faults.now() == after.world.now


@pytest.mark.parametrize(
    "systems",
    [
        {"web_uk": "bigcommerce", "wms_uk": "deposco"},
        {"web_uk": "shopify", "wms_uk": "fulfil"},
        {"web_uk": "shopify", "wms_uk": "seko"},
        {"web_uk": "adobe_commerce", "wms_uk": "veeqo"},
    ],
    ids=lambda systems: "-".join(systems.values()),
)
def test_what_only_an_edge_knows_lives_on(tmp_path: Path, systems: dict[str, str]) -> None:
    """And what it had begun goes on once, not twice."""
    settings = {"systems": systems, "orders": 20, "old_integration": 1.0, "drop": tmp_path / "drop"}
    before = create_app(replace(SMALL, **settings))
    before.world.advance(before.world.now + DAY)
    after = kept_again(before, tmp_path / "world", **{**settings, "orders": 0})
    assert after.world.edges.keys() == before.world.edges.keys() != set()
    for app in (before, after):
        app.world.advance(app.world.now + DAY)
    assert after.world.events_played == before.world.events_played


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04N."])
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    """One clear sentence, and the file is left as it is."""
    file = tmp_path / "world"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="--keep"):
        create_app(replace(SMALL, keep=file))
    assert file.read_bytes() == content


def test_other_systems_than_were_kept_are_refused(tmp_path: Path) -> None:
    """A shop does not become another."""
    with pytest.raises(ValueError, match="--keep"):
        kept_again(create_app(SMALL), tmp_path / "world", systems={"other": "shopify"})


def test_a_process_keeps_its_world_when_it_is_asked_to_end(tmp_path: Path) -> None:
    """SIGTERM; the next one's clock stands where that of the first stood, and its edges answer."""
    file = tmp_path / "world"
    first, port = _started(file, "30")
    _ask(port, "advance", {"seconds": 90_000})
    names = sorted(_ask(port, "truth?parts=orders")["orders"])
    at = _ask(port, "clock")["at"]
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0
    second, port = _started(file, "0")
    try:
        assert _ask(port, "clock")["at"] == at
        assert sorted(_ask(port, "truth?parts=orders")["orders"]) == names
        told = httpx.get(
            f"http://127.0.0.1:{port}/wms_uk/orders", headers={"x-api-key": "sandbox-wms_uk-api_key"}
        )
        assert told.status_code == 200
    finally:
        second.kill()
        second.wait()


def test_without_a_file_nothing_is_kept() -> None:
    """The wish is refused in words."""
    app = create_app(Settings(orders=0, speed=0))
    with httpx.Client(transport=_Within(app), base_url="http://sandbox") as client:
        told = client.post("/_sandbox/keep")
    assert (told.status_code, "--keep" in told.text) == (400, True)


class _Within(httpx.BaseTransport):
    """Calls an ASGI application from plain code."""

    def __init__(self, app: Sandbox) -> None:
        self.app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        import asyncio

        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app)) as client:
                told = await client.send(httpx.Request(request.method, request.url))
                return httpx.Response(told.status_code, content=told.content)

        return asyncio.run(go())


def _started(file: Path, orders: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "cogent_pipelines.sandbox", "--port", "0", "--speed", "0", "--orders", orders,
            "--days", "1", "--faults", "none", "--keep", str(file),
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, int(process.stdout.readline().split(": seed")[0].rpartition(":")[2])


def _ask(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_sandbox/{path}", data=None if body is None else json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
