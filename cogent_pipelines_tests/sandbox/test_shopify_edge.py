"""Shopify before and around GraphQL: tokens, versions, cost, throttling, and how it says no."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from cogent_pipelines.sandbox.vendors import shopify_cost, shopify_roots
from cogent_pipelines_tests.sandbox.shopify_account import GRAPHQL, SYSTEM, Account, ask

SHARED = Path(__file__).parents[3] / "shared"
NAME = "{ shop { name } }"


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[dict[str, Any]]]:
    """The vendor's recorded top-level errors, by code."""
    path = SHARED / "vendors/specs/shopify_recorded_errors.json"
    if not path.exists():
        pytest.skip("the vendor's recorded errors are not beside the project")
    found = json.loads(path.read_text(encoding="utf-8"))["top_level_errors"]
    assert isinstance(found, dict)
    return found


# --- tokens -------------------------------------------------------------------------------------------


def test_the_apps_own_secrets_get_a_token_for_a_day() -> None:
    """Client credentials give a token, its scopes, and a life of 86,399 seconds."""
    account = Account()
    answer = account.log_in()
    given = answer.json()
    assert answer.status == 200
    assert given["expires_in"] == 86_399
    assert {"read_orders", "write_inventory"} <= set(given["scope"].split(","))
    assert account.call(NAME, token=given["access_token"]).data == {"shop": {"name": SYSTEM}}


def test_a_wrong_secret_gets_no_token() -> None:
    """A secret that is not the app's is refused and counted."""
    account = Account()
    answer = account.log_in(client_secret="guess")
    assert answer.status == 401
    assert "access_token" not in answer.json()
    assert account.kit.counters.refused_logins[SYSTEM] == 1


def test_a_token_ends_after_a_day() -> None:
    """A token is good until its last second and refused after it, with the body the vendor sends."""
    account = Account()
    token = account.log_in().json()["access_token"]
    account.advance(86_398)
    assert account.call(NAME, token=token).status == 200
    account.advance(2)
    refused = account.call(NAME, token=token)
    assert refused.status == 401
    assert refused.json() == {
        "errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"
    }
    assert refused.headers["www-authenticate"] == 'Basic Realm="Shopify API Authentication"'


def test_a_locked_out_app_can_neither_call_nor_log_in() -> None:
    """Revoked credentials end the tokens too."""
    account = Account()
    account.kit.tokens.lock_out(SYSTEM, account.world.now + timedelta(minutes=5))
    assert account.call(NAME).status == 401
    assert account.log_in().status == 401
    account.advance(301)
    assert account.log_in().status == 200


def test_a_missing_scope_comes_with_http_200(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """What may not be read is null, and an ACCESS_DENIED error stands beside it."""
    account = Account()
    account.edge.scopes -= {"read_shopify_payments"}
    answer = account.call("{ shopifyPaymentsAccount { id } }")
    assert answer.status == 200
    assert answer.json()["data"] == {"shopifyPaymentsAccount": None}
    error = answer.errors[0]
    assert error["message"] == (
        "Access denied for shopifyPaymentsAccount field. Required access: the `read_shopify_payments` or the "
        "`read_shopify_payments_accounts` access scope."
    )
    assert error["extensions"]["code"] == "ACCESS_DENIED"
    assert error["path"] == ["shopifyPaymentsAccount"]
    assert set(error) == set(recorded["ACCESS_DENIED"][0])


def test_without_all_orders_old_ones_are_simply_absent() -> None:
    """Sixty days is all that is seen without read_all_orders, and nobody says so."""
    account = Account()
    account.order()
    account.advance(61 * 86_400)
    account.order()
    count = "{ orders(first: 10) { nodes { id } } }"
    assert len(account.call(count).data["orders"]["nodes"]) == 2
    account.edge.scopes -= {"read_all_orders"}
    assert len(account.call(count).data["orders"]["nodes"]) == 1


# --- versions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "served"),
    [("2026-07", "2026-07"), ("unstable", "unstable"), ("2019-04", "2026-01"), ("soon", "2026-01")],
)
def test_the_version_served_is_told(asked: str, served: str) -> None:
    """An unknown version is served as the oldest one, and the header says which."""
    answer = Account().call(NAME, path=f"/admin/api/{asked}/graphql.json")
    assert answer.headers["x-shopify-api-version"] == served


def test_versions_can_be_listed() -> None:
    """``publicApiVersions`` names what is supported."""
    listed = Account().call("{ publicApiVersions { handle supported } }").data["publicApiVersions"]
    assert {"handle": "2026-07", "supported": True} in listed


# --- cost ---------------------------------------------------------------------------------------------


def requested(text: str, variables: dict[str, Any] | None = None) -> int:
    """The points a document asks for."""
    document = parse(text)
    operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    return shopify_cost.requested(
        shopify_cost.read(shopify_roots.schema(), document, operation, variables or {})
    )


@pytest.mark.parametrize(
    ("number", "factor"),
    [(1, 1), (2, 1), (3, 2), (5, 3), (10, 4), (20, 5), (50, 7), (100, 9), (250, 11)],
)
def test_a_connections_cost_grows_as_recorded(number: int, factor: int) -> None:
    """Two points, and one per step of the recorded scale."""
    assert requested(f"{{ orders(first: {number}) {{ nodes {{ id }} }} }}") == 2 + factor


LEVELS = """query($first: Int!) { location(id: "gid://shopify/Location/1") { inventoryLevels(first: $first) {
  nodes { id item { id } quantities(names: ["available"]) { name quantity } }
  pageInfo { hasNextPage } } } }"""
ADJUST = """mutation($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) { userErrors { field message }
    inventoryAdjustmentGroup { createdAt reason referenceDocumentUri changes { name delta } } } }"""
CANCEL = """mutation($id: ID!) { orderCancel(orderId: $id, reason: CUSTOMER, restock: false) {
  job { id done } orderCancelUserErrors { field message code } } }"""


@pytest.mark.parametrize(
    ("text", "variables", "points"),
    [
        ("{ locations(first: 250) { nodes { id } pageInfo { hasNextPage endCursor } } }", {}, 13),
        ("{ locations(first: 100) { nodes { id address { city } } } }", {}, 11),
        ("{ products(first: 50) { nodes { id title tags } } }", {}, 9),
        (LEVELS, {"first": 5}, 12),
        (ADJUST, {}, 11),
        (CANCEL, {}, 10),
    ],
)
def test_recorded_documents_cost_what_was_recorded(text: str, variables: dict[str, Any], points: int) -> None:
    """The documents whose cost is recorded ask for exactly that."""
    assert requested(text, variables) == points


def test_the_dearest_branch_of_an_interface_counts() -> None:
    """Of a node that may be of two kinds the dearer one is charged."""
    cheap = '{ node(id: "gid://shopify/Order/1") { ... on Order { id } } }'
    dear = '{ node(id: "gid://shopify/Order/1") { ... on Order { customer { id } } ... on Location { id } } }'
    assert requested(dear) == requested(cheap) + 1


def test_edges_cost_as_much_as_nodes() -> None:
    """How a page is written down does not change its cost."""
    assert requested("{ orders(first: 10) { edges { node { customer { id } } } } }") == requested(
        "{ orders(first: 10) { nodes { customer { id } } } }"
    )


def test_what_was_not_used_is_given_back() -> None:
    """The bucket holds the requested cost while a document runs and keeps only the actual one."""
    account = Account()
    account.order()
    cost = account.call("{ orders(first: 250) { nodes { id } } }").cost
    assert cost["requestedQueryCost"] == 13
    assert cost["actualQueryCost"] == 3
    assert cost["throttleStatus"] == {
        "maximumAvailable": 2000, "currentlyAvailable": 1997, "restoreRate": 100,
    }  # fmt: skip
    assert account.kit.counters.points[SYSTEM] == 3


def test_a_bucket_without_enough_points_throttles_with_http_200() -> None:
    """The answer has no data, tells what it wanted, and costs nothing; waiting as told helps."""
    account = Account()
    text = "{ " + " ".join(f"o{n}: orders(first: 250) {{ nodes {{ id }} }}" for n in range(60)) + " }"
    account.edge.bucket.look(account.world.now)
    account.edge.bucket.available = 100.0
    answer = account.call(text)
    assert answer.status == 200
    body = answer.json()
    assert body["errors"] == [
        {
            "message": "Throttled",
            "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
        }
    ]
    assert "data" not in body
    assert answer.cost["actualQueryCost"] is None
    wait = (answer.cost["requestedQueryCost"] - 100) / 100
    account.advance(wait - 0.1)
    assert account.call(text).code == "THROTTLED"
    account.advance(0.11)
    assert account.call(text).data
    assert account.kit.counters.throttled[SYSTEM] == 2


def test_a_document_over_a_thousand_points_never_runs() -> None:
    """It is refused before it can spend anything."""
    account = Account()
    answer = account.call(
        "{ orders(first: 250) { nodes { fulfillmentOrders(first: 250) { nodes { lineItems(first: 250) {"
        " nodes { variant { id } } } } } } } }"
    )
    assert answer.code == "MAX_COST_EXCEEDED"
    assert account.edge.bucket.look(account.world.now) == 2000


# --- how it says no -----------------------------------------------------------------------------------


def test_an_unknown_field_is_told_as_recorded(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """Message, path and extensions are those of the vendor's recording."""
    error = (
        Account()
        .call("mutation PlainUserError { tagsAdd(id: 1, tags: []) { userErrors { code } } }")
        .errors[0]
    )
    known = recorded["undefinedField"][1]
    assert error["message"] == known["message"] == "Field 'code' doesn't exist on type 'UserError'"
    assert error["extensions"] == known["extensions"]
    assert error["path"] == ["mutation PlainUserError", "tagsAdd", "userErrors", "code"]
    assert set(error) == set(known)


def test_an_unknown_argument_is_told_as_recorded(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """Fields and input objects word it each in their own way."""
    account = Account()
    field, inputs = recorded["argumentNotAccepted"][:2]
    text = 'mutation Q { bulkOperationRunQuery(query: "", clientIdentifier: "x") { userErrors { message } } }'
    error = account.call(text).errors[0]
    assert error["message"] == field["message"]
    assert error["extensions"] == field["extensions"]
    text = (
        'mutation R { refundCreate(input: {orderId: "gid://shopify/Order/1", pointOfSaleDeviceId: "1"}) '
        '@idempotent(key: "k") { userErrors { message } } }'
    )
    error = account.call(text).errors[0]
    assert error["message"] == inputs["message"]
    assert error["path"] == ["mutation R", *inputs["path"][1:]]
    assert error["extensions"] == inputs["extensions"]


def test_a_missing_input_is_told_as_recorded(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """A required field of an input object that is not there."""
    known = recorded["missingRequiredInputObjectAttribute"][2]
    text = 'mutation InlineMissingOrderId { orderUpdate(input: {note: "x"}) { userErrors { message } } }'
    error = Account().call(text).errors[0]
    assert error["message"] == known["message"]
    assert error["extensions"] == known["extensions"]
    assert error["path"] == ["mutation InlineMissingOrderId", *known["path"][1:]]


def test_a_variable_of_the_wrong_kind_is_told_as_recorded(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """An enum value that does not exist, and a field that is not defined."""
    known = recorded["INVALID_VARIABLE"]
    assert known[0]["extensions"]["problems"][0]["explanation"].startswith(
        'Expected "BANANAS" to be one of: '
    )
    text = """mutation($event: FulfillmentEventInput!) {
      fulfillmentEventCreate(fulfillmentEvent: $event) { userErrors { message } } }"""
    given = {"fulfillmentId": "gid://shopify/Fulfillment/1", "status": "BANANAS", "colour": "red"}
    error = Account().call(text, event=given).errors[0]
    assert error["extensions"]["code"] == "INVALID_VARIABLE"
    assert error["extensions"]["value"] == given
    problems = {tuple(p["path"]): p["explanation"] for p in error["extensions"]["problems"]}
    assert problems[("status",)].startswith('Expected "BANANAS" to be one of: ')
    assert problems[("colour",)] == "Field is not defined on FulfillmentEventInput"
    assert error["message"].startswith(
        "Variable $event of type FulfillmentEventInput! was provided invalid value for "
    )


def test_a_list_of_251_is_too_long(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """Arrays hold 250 at most, wherever they stand."""
    account = Account()
    known = recorded["MAX_INPUT_SIZE_EXCEEDED"][0]
    ids = ["gid://shopify/Order/1"] * 251
    error = account.call("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids).errors[0]
    assert error["message"] == known["message"]
    assert error["extensions"] == known["extensions"]
    assert error["path"] == ["nodes", "ids"]
    assert (
        len(account.call("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids[:250]).data["nodes"])
        == 250
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "you must provide one of first or last"),
        ("(first: 1, last: 1)", "providing both first and last is not supported"),
        ("(first: 251)", "first and last must be between 0 and 250"),
        ('(first: 1, query: "updated_at:>yesterdayish")', "Invalid timestamp for query filter `updated_at`."),
    ],
)
def test_a_page_must_be_asked_for_properly(arguments: str, message: str) -> None:
    """What the vendor refuses about paging and filters is refused."""
    answer = Account().call(f"{{ orders{arguments} {{ nodes {{ id }} }} }}")
    assert answer.code == "BAD_REQUEST"
    assert answer.errors[0]["message"] == message


def test_an_id_of_another_kind_is_refused(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """A product's id is no bulk operation's; an absent order is merely null."""
    account = Account()
    known = recorded["RESOURCE_NOT_FOUND"][1]
    error = account.call('{ bulkOperation(id: "gid://shopify/Product/1") { id } }').errors[0]
    assert (error["message"], error["extensions"], error["path"]) == (
        known["message"], known["extensions"], known["path"],
    )  # fmt: skip
    assert account.call('{ order(id: "gid://shopify/Order/1") { id } }').data == {"order": None}
    assert (
        account.call('{ order(id: "not-a-gid") { id } }').errors[0]["message"]
        == "Invalid global id 'not-a-gid'"
    )


def test_what_is_no_document_is_told_politely() -> None:
    """Half a document and half a body are refused without a trace of Python."""
    account = Account()
    assert (
        account.call("{ orders(first: 1) {")
        .errors[0]["message"]
        .startswith("syntax error, unexpected end of file")
    )
    headers = {"x-shopify-access-token": account.token}
    answer = asyncio.run(
        ask(account.app, "POST", f"/{SYSTEM}{GRAPHQL}", headers=headers, body=b'{"query": "')
    )
    assert answer.status == 400
    assert "Traceback" not in answer.content.decode()


def test_a_planted_limit_empties_the_bucket_it_speaks_of() -> None:
    """A throttled answer that was planted is as true as one that was earned."""
    account = Account()
    account.kit.faults.set("rate_limited=1")
    answer = account.call(NAME)
    assert answer.code == "THROTTLED"
    assert answer.cost["throttleStatus"]["currentlyAvailable"] == 0
    account.kit.faults.set("none")
    assert account.call("{ orders(first: 1) { nodes { id } } }").code == "THROTTLED"
    account.advance(1)
    assert account.call("{ orders(first: 1) { nodes { id } } }").data


def test_every_fourth_planted_limit_is_a_429() -> None:
    """What stands in front of the shop limits by status and Retry-After."""
    account = Account()
    account.kit.faults.set("rate_limited=1")
    answers = [account.call(NAME) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "2.0"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("bad_gateway_burst=1", 502),
        ("unavailable=1", 503),
        ("token_expired=1", 401),
        ("html_with_200=1", 200),
    ],
)
def test_planted_faults_come_as_the_vendors_own(fault: str, status: int) -> None:
    """What stands in front of the shop does not speak GraphQL."""
    account = Account()
    account.kit.faults.set(fault)
    assert account.call(NAME).status == status


def test_an_internal_error_of_a_read_comes_with_http_200(recorded: dict[str, list[dict[str, Any]]]) -> None:
    """The recorded body names a request to quote."""
    account = Account()
    account.kit.faults.set("error_500=1")
    answer = account.call(NAME)
    known = recorded["INTERNAL_SERVER_ERROR"][0]
    assert answer.status == 200
    assert answer.code == known["extensions"]["code"]
    assert answer.errors[0]["message"].split("\n")[0] == known["message"].split("\n")[0]
    assert set(answer.errors[0]["extensions"]) == set(known["extensions"])


def test_a_write_may_take_effect_unanswered() -> None:
    """The connection breaks after the tag was added."""
    account = Account()
    order = account.order()
    account.kit.faults.set("reset_after_effect=1")
    text = 'mutation($id: ID!) { tagsAdd(id: $id, tags: ["late"]) { userErrors { message } } }'
    assert account.call(text, id=account.order_gid(order)).is_cut
    assert order.tags == ["late"]
