"""When Veeqo is asked to cancel an order, when it is not, and how it is seen to have done so."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cogent_pipelines.errors import Reject
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.veeqo_kit import (
    SYSTEM,
    allocation,
    cancellation,
    found,
    line,
    order,
    shipment,
)


def test_a_cancellation_asks_first_and_says_nothing_to_the_customer() -> None:
    """The status is read by id before the cancellation is sent; no mail leaves the warehouse's system."""
    (asked,) = veeqo.CANCEL.lookup.requests([cancellation()], SYSTEM)
    assert (asked.method, asked.path, asked.is_write) == ("GET", "/orders/90011", False)
    sent = veeqo.CANCEL.request([cancellation()], SYSTEM, "key")
    assert (sent.method, sent.path, sent.is_write) == ("PUT", "/orders/90011/cancel", True)
    assert sent.body == {"send_veeqo_email": False, "cancel_reason": "CUSTOMER"}


@pytest.mark.parametrize("answer", ["Successful", {}, None, order()])
def test_the_answer_to_a_cancellation_proves_nothing(answer: Any) -> None:
    """Its form is not documented: whatever it is, the read-back decides."""
    assert veeqo.CANCEL.receipts([cancellation()], answer)[0].ref == "90011"


EVIDENCE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "allocated": {"allocations": [allocation()]},
    "picked on the line": {"line_items": [line(picked_quantity=1)]},
    "picked on the allocation": {"allocations": [allocation(line_items=[line(1, picked_quantity=1)])]},
    "picked completely": {"picked_completely": True},
    "one parcel gone": {"allocations": [allocation(shipment=shipment()), allocation(6102)]},
    "shipped_at": {"shipped_at": "2026-11-02T14:10:01.000Z"},
    "merged": {"merged_to_id": 90010},
}
BEFORE = ("awaiting_payment", "awaiting_stock", "awaiting_fulfillment", "on_hold")
PAST = "past_no_return"
"""As the rules and the wanted view call it: one word, so that a fault is told once."""


def expected(status: str, evidence: str) -> str:
    """The table of R81: every status of the vendor's, with every sign that work was done on the order."""
    if status in ("shipped", "refunded") or evidence not in ("nothing", "allocated"):
        return PAST
    return "cancel" if status in BEFORE or status == "cancelled" else "unknown_status"


STATUSES = (*BEFORE, "shipped", "refunded", "cancelled", "a_status_of_next_year")


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize("status", STATUSES)
def test_the_point_of_no_return(status: str, evidence: str) -> None:
    """R81: a cancellation goes out only while nothing was picked, shipped, refunded or merged."""
    seen = found(veeqo.CANCEL, cancellation(), order(status=status, **EVIDENCE[evidence]))
    try:
        veeqo.CANCEL.guard(cancellation(), seen)
        outcome = "cancel"
    except Reject as refusal:
        outcome = refusal.code
    assert outcome == expected(status, evidence)
    assert veeqo.CANCEL.done(cancellation(), seen) is (status == "cancelled")


def test_an_order_that_is_gone_cannot_be_cancelled() -> None:
    """Nothing to cancel is told to a person, not sent."""
    with pytest.raises(Reject) as refusal:
        veeqo.CANCEL.guard(cancellation(), None)
    assert refusal.value.code == "not_found"


def test_a_cancellation_of_no_order_is_refused() -> None:
    """The order's id comes from the warehouse's own list; without it no path is built."""
    with pytest.raises(Reject):
        veeqo.CANCEL.request([cancellation(warehouse_order_id="1/../2")], SYSTEM, "key")


def test_where_cancelling_is_closed_a_note_asks_for_it() -> None:
    """The note names its want, so that it is found again and not written twice."""
    request = veeqo.NOTE.request([cancellation()], SYSTEM, "key")
    assert (request.method, request.path) == ("POST", "/orders/90011/notes")
    text = request.body["note"]["text"]
    assert not veeqo.NOTE.done(cancellation(), found(veeqo.NOTE, cancellation(), order()))
    noted = order(employee_notes=[{"id": 2, "text": text}])
    assert veeqo.NOTE.done(cancellation(), found(veeqo.NOTE, cancellation(), noted))
    other = dataclasses.replace(cancellation(), key="web_uk:2@cancel")
    assert not veeqo.NOTE.done(other, found(veeqo.NOTE, other, noted))
    assert (
        veeqo.NOTE.receipts([cancellation()], {"id": 887, "order_id": 90011, "text": text})[0].ref == "90011"
    )


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize("status", STATUSES)
def test_a_note_asks_for_nothing_that_a_cancellation_may_not(status: str, evidence: str) -> None:
    """Past the point of no return nothing is touched, not even by a note; a cancelled order needs none."""
    seen = found(veeqo.NOTE, cancellation(), order(status=status, **EVIDENCE[evidence]))
    assert veeqo.NOTE.done(cancellation(), seen) is (status == "cancelled")
    try:
        veeqo.NOTE.guard(cancellation(), seen)
        outcome = "cancel"
    except Reject as refusal:
        outcome = refusal.code
    assert outcome == expected(status, evidence)


def test_a_note_on_an_order_that_is_gone_is_refused() -> None:
    """There is nothing to write on."""
    assert veeqo.NOTE.lookup.found(cancellation(), [order(id=7)]) is None
    with pytest.raises(Reject):
        veeqo.NOTE.guard(cancellation(), None)
