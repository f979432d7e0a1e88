"""Shopify's stock writes: idempotency keys, compare-and-set, and every refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines_tests.sandbox.shopify_account import Account, Answer

SHARED = Path(__file__).parents[3] / "shared"
SET = """mutation($given: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $given) @idempotent(key: $key) {
    inventoryAdjustmentGroup { createdAt reason referenceDocumentUri
      changes { name delta quantityAfterChange } }
    userErrors { field message code } } }"""
LEEDS, YORK = "gid://shopify/Location/1001", "gid://shopify/Location/1002"


@pytest.fixture
def account() -> Account:
    """A small account."""
    return Account()


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """The vendor's recorded errors."""
    path = SHARED / "vendors/specs/shopify_recorded_errors.json"
    if not path.exists():
        pytest.skip("the vendor's recorded errors are not beside the project")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def row(
    account: Account, item: int, quantity: int, expected: int | None = 100, **more: Any
) -> dict[str, Any]:
    """One wish for a level at Leeds."""
    return {
        "inventoryItemId": account.item_gid(item),
        "locationId": LEEDS,
        "quantity": quantity,
        "changeFromQuantity": expected,
        **more,
    }


def wish(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The input of a whole call."""
    return {"name": "available", "reason": "correction", "quantities": list(rows), **more}


def put(account: Account, given: dict[str, Any], key: str = "k1") -> Any:
    """Set levels and give the payload."""
    return account.call(SET, given=given, key=key).data["inventorySetQuantities"]


def available(account: Account, item: int = 0) -> int:
    """What the shop says is available at Leeds."""
    return account.shop.levels[(account.items[item].inventory_item_id, 1001)].available


def as_recorded(recorded: dict[str, Any], operation: str, error: dict[str, Any]) -> bool:
    """Whether the vendor sent this field, message and (in this version) code."""
    return any(
        row["operation"] == operation
        and row["message"] == error["message"]
        and row["field"] == error["field"]
        and row["code"] in (error.get("code"), None)
        for row in recorded["user_errors"]
    )


# --- setting ------------------------------------------------------------------------------------------


def test_a_level_is_set_and_answered_as_recorded(account: Account) -> None:
    """Both available and on hand are told; what they came to is not."""
    given = wish(row(account, 0, 101), referenceDocumentUri="gid://cogent/Run/1")
    made = put(account, given)
    group = made["inventoryAdjustmentGroup"]
    assert made["userErrors"] == []
    assert available(account) == 101
    assert group["changes"] == [
        {"name": "available", "delta": 1, "quantityAfterChange": None},
        {"name": "on_hand", "delta": 1, "quantityAfterChange": None},
    ]
    path = SHARED / "fixtures/shopify/set-inventory-quantities.recorded.json"
    if path.exists():
        calls = json.loads(path.read_text(encoding="utf-8"))["api"]["post"]
        body = next(iter(calls.values()))["response"]
        answer = account.call(SET, given=given, key="k1").json()
        told = body["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]
        assert set(group) == set(told)
        assert group["changes"] == told["changes"]
        assert set(answer["extensions"]["cost"]) == set(body["extensions"]["cost"])
        assert (
            answer["extensions"]["cost"]["requestedQueryCost"]
            == body["extensions"]["cost"]["requestedQueryCost"]
        )


def test_on_hand_counts_what_is_committed(account: Account) -> None:
    """Setting what lies there leaves what is promised alone."""
    account.order([(0, 10)])
    made = put(account, wish(row(account, 0, 150, 100), name="on_hand"))
    assert made["userErrors"] == []
    assert available(account) == 140


def test_a_stale_comparison_changes_nothing(account: Account) -> None:
    """An order between read and write makes the whole batch fail."""
    account.order([(0, 1)])
    made = put(account, wish(row(account, 1, 50), row(account, 0, 90)))
    assert made["inventoryAdjustmentGroup"] is None
    assert made["userErrors"] == [
        {
            "field": ["input", "quantities", "1", "changeFromQuantity"],
            "message": "The changeFromQuantity value does not match persisted value.",
            "code": "CHANGE_FROM_QUANTITY_STALE",
        }
    ]
    assert (available(account, 0), available(account, 1)) == (99, 100)


def test_an_explicit_null_does_not_compare(account: Account) -> None:
    """Null is no comparison; leaving it out is an error."""
    account.order([(0, 1)])
    assert put(account, wish(row(account, 0, 90, None)))["userErrors"] == []
    assert available(account) == 90


def test_changefromquantity_must_be_there(account: Account, recorded: dict[str, Any]) -> None:
    """From 2026-04 on a row without it is refused at the top level; before, it was not."""
    bare = {k: v for k, v in row(account, 0, 90).items() if k != "changeFromQuantity"}
    answer = account.call(SET, given=wish(bare), key="k1")
    known = next(
        e
        for e in recorded["top_level_errors"]["INVALID_FIELD_ARGUMENTS"]
        if "InventoryQuantity" in e["message"]
    )
    error = answer.errors[0]
    assert (error["message"], error["extensions"], error["path"]) == (
        known["message"], known["extensions"], known["path"],
    )  # fmt: skip
    assert answer.json()["data"] == {"inventorySetQuantities": None}
    assert available(account) == 100
    old = account.call(SET, given=wish(bare), key="k2", path="/admin/api/2026-01/graphql.json")
    assert old.data["inventorySetQuantities"]["userErrors"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inventoryItemId": "gid://shopify/InventoryItem/9"}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/9"}, "INVALID_LOCATION"),
        ({"quantity": -1}, "INVALID_QUANTITY_NEGATIVE"),
        ({"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"quantity": -1_000_000_001}, "INVALID_QUANTITY_TOO_LOW"),
    ],
)
def test_refused_rows_say_what_was_recorded(
    account: Account, recorded: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    """Field, words and code are the vendor's, and no level moves."""
    error = put(account, wish({**row(account, 0, 90), **change}))["userErrors"][0]
    assert error["code"] == code
    assert as_recorded(recorded, "inventorySetQuantities", error), error
    assert available(account) == 100


def test_refused_calls_say_what_was_recorded(account: Account, recorded: dict[str, Any]) -> None:
    """A made-up reason, a made-up name, and the same level twice."""
    for key, (given, code) in enumerate(
        (
            (wish(row(account, 0, 90), reason="mood"), "INVALID_REASON"),
            (wish(row(account, 0, 90), name="mood"), "INVALID_NAME"),
            (wish(row(account, 0, 90), row(account, 0, 91)), "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"),
        )
    ):
        error = put(account, given, f"k{key}")["userErrors"][0]
        assert error["code"] == code
        assert as_recorded(recorded, "inventorySetQuantities", error), error
    error = put(account, wish(row(account, 0, 90), referenceDocumentUri="nowhere"), "k9")["userErrors"][0]
    assert error["code"] == "INVALID_REFERENCE_DOCUMENT"
    assert available(account) == 100


def test_what_is_not_stocked_must_be_activated_first(account: Account) -> None:
    """The row is refused; activating it makes the level."""
    item = account.items[0].inventory_item_id
    del account.shop.levels[(item, 1001)]
    made = put(account, wish(row(account, 0, 7, None)))
    assert made["userErrors"][0]["code"] == "ITEM_NOT_STOCKED_AT_LOCATION"
    text = """mutation($item: ID!, $location: ID!, $key: String!) {
      inventoryActivate(inventoryItemId: $item, locationId: $location, available: 7) @idempotent(key: $key) {
        inventoryLevel { id quantities(names: ["available"]) { quantity } }
        userErrors { field message } } }"""
    shown = account.call(text, item=account.item_gid(0), location=LEEDS, key="a").data["inventoryActivate"]
    assert shown["inventoryLevel"]["quantities"] == [{"quantity": 7}]
    again = account.call(text, item=account.item_gid(0), location=LEEDS, key="b").data["inventoryActivate"]
    message = "Not allowed to set available quantity when the item is already active at the location."
    assert again["userErrors"] == [{"field": ["available"], "message": message}]


def test_250_rows_are_the_most(account: Account) -> None:
    """The 251st makes the call too large."""
    answer = account.call(SET, given=wish(*[row(account, 0, 90)] * 251), key="k")
    assert answer.code == "MAX_INPUT_SIZE_EXCEEDED"
    assert answer.errors[0]["path"] == ["inventorySetQuantities", "input", "quantities"]


# --- idempotency --------------------------------------------------------------------------------------


def test_a_key_is_required(account: Account, recorded: dict[str, Any]) -> None:
    """Without the directive the call is refused at the top level, as recorded."""
    text = SET.replace("@idempotent(key: $key)", "").replace(", $key: String!", "")
    answer = account.call(text, given=wish(row(account, 0, 90)))
    known = next(e for e in recorded["top_level_errors"]["BAD_REQUEST"] if "@idempotent" in e["message"])
    error = answer.errors[0]
    assert (error["message"], error["extensions"], error["path"]) == (
        known["message"], known["extensions"], known["path"],
    )  # fmt: skip
    assert set(error) == set(known)
    assert available(account) == 100
    old = account.call(text, given=wish(row(account, 0, 90)), path="/admin/api/2026-01/graphql.json")
    assert old.data["inventorySetQuantities"]["userErrors"] == []


def test_the_same_call_under_the_same_key_has_one_effect(account: Account) -> None:
    """The second answer is the first, whatever has happened since."""
    given = wish(row(account, 0, 90))
    first = put(account, given)
    account.order([(0, 4)])
    assert put(account, given) == first
    assert available(account) == 86


def test_a_key_belongs_to_its_arguments(account: Account) -> None:
    """Another wish under the same key is refused and does nothing."""
    put(account, wish(row(account, 0, 90)))
    made = put(account, wish(row(account, 0, 80, 90)))
    assert made["userErrors"][0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    assert available(account) == 90


def test_a_failed_attempt_spends_its_key(account: Account) -> None:
    """After a stale comparison the same call needs a new key."""
    account.order([(0, 1)])
    stale = wish(row(account, 0, 90))
    assert put(account, stale)["userErrors"][0]["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert put(account, stale)["userErrors"][0]["code"] == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    assert put(account, wish(row(account, 0, 90, 99)), "k2")["userErrors"] == []
    assert available(account) == 90


def test_an_unanswered_call_can_be_sent_again(account: Account) -> None:
    """The effect was real, the answer was lost: the same key asks for the answer only."""
    account.kit.faults.set("reset_after_effect=1")
    given = wish(row(account, 0, 90))
    assert account.call(SET, given=given, key="k1").is_cut
    account.kit.faults.set("none")
    assert available(account) == 90
    assert put(account, given)["userErrors"] == []


def test_two_at_once_are_told_so(account: Account) -> None:
    """A planted conflict is the vendor's word for a request in progress."""
    account.kit.faults.set("conflict=1")
    made = put(account, wish(row(account, 0, 90)))
    assert made["userErrors"][0]["code"] == "IDEMPOTENCY_CONCURRENT_REQUEST"
    assert available(account) == 100


# --- adjusting, and a bad day -----------------------------------------------------------------------

ADJUST = """mutation($given: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $given) @idempotent(key: $key) {
    inventoryAdjustmentGroup { reason changes { name delta } } userErrors { field message code } } }"""


def adjust(account: Account, key: str, **change: Any) -> Any:
    """Change one level by a delta."""
    more = {k: change.pop(k) for k in ("name", "reason") if k in change}
    base = {
        "inventoryItemId": account.item_gid(0),
        "locationId": LEEDS,
        "delta": -3,
        "changeFromQuantity": None,
    }
    given = {"name": "available", "reason": "correction", **more, "changes": [{**base, **change}]}
    answer: Answer = account.call(ADJUST, given=given, key=key)
    return answer.data["inventoryAdjustQuantities"]


def test_a_delta_is_applied_once(account: Account) -> None:
    """The recorded answer's shape, and one effect per key."""
    for _ in range(2):
        made = adjust(account, "k1")
        changes = made["inventoryAdjustmentGroup"]["changes"]
        assert changes == [{"name": "available", "delta": -3}, {"name": "on_hand", "delta": -3}]
    assert available(account) == 97


@pytest.mark.parametrize(
    "change",
    [
        {"inventoryItemId": "gid://shopify/InventoryItem/9"},
        {"locationId": "gid://shopify/Location/9"},
        {"reason": "mood"},
        {"name": "mood"},
        {"name": "reserved"},
        {"ledgerDocumentUri": "gid://cogent/Run/1"},
        {"ledgerDocumentUri": "gid://shopify/Order/1"},
    ],
)
def test_refused_deltas_say_what_was_recorded(
    account: Account, recorded: dict[str, Any], change: dict[str, Any]
) -> None:
    """Field and words are the vendor's, and no level moves."""
    error = adjust(account, "k1", **change)["userErrors"][0]
    assert any(
        r["operation"] == "inventoryAdjustQuantities"
        and r["message"] == error["message"]
        and r["field"] == error["field"]
        for r in recorded["user_errors"]
    ), error
    assert available(account) == 100


def test_half_a_batch_may_be_stored_although_all_was_promised(account: Account) -> None:
    """A planted fault: the answer says yes, reading back says otherwise."""
    account.kit.faults.set("partial_success=1")
    assert put(account, wish(row(account, 0, 90), row(account, 1, 80)))["userErrors"] == []
    assert (available(account, 0), available(account, 1)) == (90, 100)
