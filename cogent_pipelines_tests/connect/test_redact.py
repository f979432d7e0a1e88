"""Keeping secrets out of text."""

from __future__ import annotations

import logging

import pytest

from cogent_pipelines.connect import redact
from cogent_pipelines.connect.redact import clean, hide, logger


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests gave this process as secrets is none of these tests'."""
    monkeypatch.setattr(redact, "_values", set())
    monkeypatch.setattr(redact, "_pattern", None)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer eyJhbGciOi",
        "{'Authorization': 'Basic eyJhbGciOi'}",
        '{"access_token":"eyJhbGciOi"}',
        "client_secret=eyJhbGciOi&x=1",
        "X-Shopify-Access-Token=eyJhbGciOi",
        '{"x-api-key": "eyJhbGciOi"}',
    ],
)
def test_secrets_are_known_by_what_stands_before_them(text: str) -> None:
    """Even one that nobody has told us of."""
    assert "eyJhbGciOi" not in clean(text)


@pytest.mark.parametrize(
    "text", ["POST /admin/oauth/access_token: no connection", "the secret is out", "password: required"]
)
def test_ordinary_words_stay(text: str) -> None:
    """A message is for reading."""
    assert clean(text) == text


def test_a_known_secret_is_hidden_in_every_form_and_short_ones_are_not() -> None:
    """As it is and as an address carries it; six letters or fewer would eat words."""
    hide("p@ss/word-1")
    assert "word-1" not in clean("got p@ss/word-1 and p%40ss%2Fword-1")
    hide("abc")
    assert clean("abc") == "abc"


def test_text_is_cut_to_one_short_line() -> None:
    """No line ends, no mail addresses, no novels."""
    assert clean("a\nb\tann@example.test") == "a b [e-mail]"
    assert len(clean("x" * 9999)) == 500


def test_log_records_are_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is put into a message's arguments."""
    log = logger("cogent_pipelines.connect.test")
    assert logger("cogent_pipelines.connect.test") is log
    with caplog.at_level(logging.INFO):
        log.info("token %s", hide("very-secret-token"))
    assert "very-secret-token" not in caplog.text
