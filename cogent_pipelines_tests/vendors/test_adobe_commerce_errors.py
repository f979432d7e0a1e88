"""What Adobe Commerce's errors say, and what is to be done about each."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.connect import answers
from cogent_pipelines.connect.spec import Answer, Request
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors.adobe_commerce import VENDOR, check, said
from cogent_pipelines_tests.vendors.adobe_commerce_kit import READ_AT, answer

READ = Request("GET", "/rest/default/V1/orders")
WRITE = Request("POST", "/rest/default/V1/order/381/ship", is_write=True)
UNWELCOME = {
    "message": "The consumer isn't authorized to access %resources.",
    "parameters": {"resources": "Magento_Sales::actions_view"},
}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (UNWELCOME, "The consumer isn't authorized to access Magento_Sales::actions_view."),
        ({"message": "%1 is not in %2", "parameters": ["A", 7]}, "A is not in 7"),
        ({"message": "50% off %other", "parameters": {}}, "50% off %other"),
        (
            {
                "message": "Validation Failed",
                "errors": [{"message": 'No SKU "%1"', "parameters": ["X"]}, {"message": "b"}],
            },
            'Validation Failed; No SKU "X"; b',
        ),
        ({"message": "a", "errors": [{"message": "a"}], "code": 0}, "a"),
        ([], ""),
        ({"errors": "x"}, ""),
    ],
)
def test_the_placeholders_of_a_message_are_filled(body: Any, words: str) -> None:
    """By number or by name, and what stands below it is said too."""
    assert said(answer(body, 400)) == words


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, UNWELCOME, Halt, "credentials"),
        (401, {"message": "oauth_problem=token_revoke"}, Halt, "credentials"),
        (401, {"message": "oauth_problem=signature_invalid"}, Halt, "credentials"),
        (403, {"message": "oauth_problem=permission_denied"}, Halt, "scope"),
        (400, {"message": "oauth_problem=timestamp_refused"}, Halt, "clock"),
        (400, {"message": "The order does not allow a shipment to be created."}, Reject, "rejected"),
        (400, {"message": "Could not save a shipment, see error log for details"}, Reject, "rejected"),
        (404, {"message": "The entity that was requested doesn't exist."}, Reject, "not_found"),
        (404, {"message": "Request does not match any route.", "trace": None}, Halt, "route"),
    ],
)
def test_an_error_means_what_is_to_be_done(status: int, body: Any, kind: type, code: str) -> None:
    """With the vendor's own words."""
    with pytest.raises(kind) as raised:
        check(READ, answer(body, status))
    assert raised.value.code == code
    assert said(answer(body)) in raised.value.reason


def test_a_nonce_that_was_used_is_signed_anew() -> None:
    """Nothing was done: also a write may go again."""
    with pytest.raises(Retry) as raised:
        check(WRITE, answer({"message": "oauth_problem=nonce_used"}, 401))
    assert raised.value.effect == "none"


def test_all_reasons_of_a_refused_shipment_are_kept() -> None:
    """They come in one message, a line each."""
    text = "Shipment Document Validation Error(s):\nThe order does not allow a shipment to be created.\nNo products."
    with pytest.raises(Reject) as raised:
        check(WRITE, answer({"message": text}, 400))
    assert raised.value.reason == f"400: {text}"


@pytest.mark.parametrize("status", [200, 202, 429, 500, 503])
def test_other_answers_are_judged_by_their_status(status: int) -> None:
    """A fault of the shop's own leaves open what a write did."""
    body = {"message": "Internal Error. Details are available in Magento log file. Report ID: webapi-65f"}
    check(WRITE, answer(body, status))
    refusal = answers.refusal(WRITE, answer(body, status))
    if status < 300:
        assert refusal is None
    else:
        assert isinstance(refusal, Retry)
        assert refusal.effect == ("none" if status == 429 else "unknown")


def test_html_in_place_of_an_answer_leaves_a_writes_effect_open() -> None:
    """A page of maintenance with status 200."""
    page = Answer(200, {"content-type": "text/html"}, b"<!doctype html><h1>Maintenance</h1>", READ_AT)
    refusal = answers.refusal(WRITE, page)
    assert isinstance(refusal, Retry)
    assert refusal.effect == "unknown"


def test_a_shop_may_have_any_host_and_speaks_tls() -> None:
    """Everybody runs their own."""
    assert VENDOR.hosts == ("*",)
