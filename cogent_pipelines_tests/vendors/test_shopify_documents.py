"""Every document sent to Shopify is one the vendor takes, and is dear enough to be worth its call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import graphql
import pytest
from graphql.execution.values import get_variable_values

from cogent_pipelines.connect.spec import Request, Window
from cogent_pipelines.vendors import shopify_documents as documents
from cogent_pipelines.vendors.shopify import VENDOR
from cogent_pipelines.vendors.shopify_documents import COSTS, document
from cogent_pipelines_tests.vendors.shopify_cost import requested, size
from cogent_pipelines_tests.vendors.shopify_kit import (
    SYSTEM,
    edit,
    fixture,
    gid,
    parcel,
    release,
    schema,
    stock,
)
from cogent_pipelines_tests.vendors.staging_kit import Staging

WINDOW = Window(datetime(2026, 11, 2, 9, 0, 0, 999, tzinfo=UTC), datetime(2026, 11, 2, 9, 5, tzinfo=UTC))
MOST = 1000
"""Points one document may ask for."""


def operations() -> list[str]:
    """Names of all documents."""
    return [name for name, text in documents._parts().items() if not text.startswith("fragment")]


def requests() -> Iterator[tuple[str, Request]]:
    """Every request a stream or a write of ours can make, with the name of who makes it."""
    for stream in VENDOR.streams:
        yield stream.name, stream.paging.first(stream.request(WINDOW, SYSTEM))
        if stream.ids:
            yield f"{stream.name} ids", stream.paging.first(stream.ids(WINDOW, SYSTEM))
        for part in stream.inner:
            yield f"{stream.name} {part.path}", part.request({"id": gid("Order", 1)}, "cursor")
        if stream.bulk and stream.bulk.again:
            yield f"{stream.name} export", stream.bulk.start(WINDOW, SYSTEM)
            yield f"{stream.name} poll", stream.bulk.poll(gid("BulkOperation", 1), SYSTEM)
            yield f"{stream.name} again", stream.bulk.again([gid("Order", 1)])
    wants = {
        "fulfil": parcel(),
        "notify": parcel(act="notify", fulfilment_id="3001"),
        "set": stock(),
        "activate": stock(act="activate"),
        "release": replace(release(), prepared=(edit((9001, 2)),)),
    }
    for (_, act), writes in VENDOR.writes.items():
        for write in writes:
            yield act, write.request([wants[act]], SYSTEM, "2b1c")
            for prepared in ((), (edit((9001, 2)),)) if write.prepare else ():
                yield f"{act} prepared", write.prepare(replace(wants[act], prepared=prepared), SYSTEM)
            for lookup in write.lookup.requests([wants[act]], SYSTEM):
                yield f"{act} look-up", lookup
    assert VENDOR.probe
    yield "probe", VENDOR.probe(SYSTEM)


@pytest.mark.parametrize("name", operations())
def test_a_document_is_valid_for_the_pinned_version(name: str) -> None:
    """The vendor's own schema accepts it as it stands."""
    assert not graphql.validate(schema(), graphql.parse(document(name)))


@pytest.mark.parametrize("name", [n for n in operations() if n != "BulkOrders"])
def test_a_document_asks_for_less_than_a_thousand_points(name: str) -> None:
    """By the cost model, and what we tell the limiter is exactly that."""
    points = requested(schema(), document(name))
    assert points < MOST
    assert COSTS[name] == points


def test_every_price_is_of_a_document() -> None:
    """No price of a document that is no more."""
    assert set(COSTS) == set(operations()) - {"BulkOrders"}


def test_the_cost_model_reckons_what_the_vendor_reckoned() -> None:
    """Recorded documents cost by our model what the vendor said they cost."""
    products = fixture("list-products.recorded.json")["api"]["post"]["/admin/api/2026-04/graphql.json"]
    levels = fixture("inventory-levels.recorded.json")["api"]["post"]["/admin/api/2024-10/graphql.json"][0]
    for call in (products, levels):
        data = call["request"]["data"]
        said = call["response"]["extensions"]["cost"]["requestedQueryCost"]
        assert requested(schema(), data["query"], data["variables"]) == said


@pytest.mark.parametrize(
    ("first", "factor"), [(1, 1), (2, 1), (3, 2), (5, 3), (10, 4), (20, 5), (50, 7), (100, 9), (250, 11)]
)
def test_a_list_costs_by_the_logarithm_of_its_size(first: int, factor: int) -> None:
    """The factors seen on recorded answers."""
    assert size(first) == factor


@pytest.mark.parametrize(("who", "request_"), list(requests()), ids=lambda v: v if isinstance(v, str) else "")
def test_a_request_is_whole(who: str, request_: Request) -> None:
    """Its variables are those its document declares, of their types; it is a write if it mutates."""
    parsed = graphql.parse(request_.body["query"])
    (operation,) = parsed.definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    values = get_variable_values(schema(), list(operation.variable_definitions), request_.body["variables"])
    assert isinstance(values, dict), values
    declared = {v.variable.name.value for v in operation.variable_definitions}
    assert set(request_.body["variables"]) <= declared
    mutates = operation.operation is graphql.OperationType.MUTATION
    mutates &= who != "orders export" and not who.endswith("prepared")
    assert request_.is_write is mutates
    assert request_.path == "/admin/api/2026-07/graphql.json"


def test_every_document_is_sent_by_something() -> None:
    """A document nobody sends is a mistake."""
    sent = {request.body["query"] for _, request in requests()}
    assert {name for name in operations() if document(name) not in sent} == {"BulkOrders"}


def test_no_look_up_searches() -> None:
    """The search lags behind writes, so an effect is looked up by ids alone."""
    for who, request in requests():
        if who.endswith("look-up"):
            assert "query:" not in request.body["query"]
            assert "nodes(ids: $ids)" in request.body["query"]


def test_fulfilment_orders_are_read_from_the_root_closed_ones_too() -> None:
    """Under an order, changes that do not touch the order's updatedAt would be missed."""
    assert "includeClosed: true" in document("FulfillmentOrders")
    assert "fulfillmentOrders" not in document("Orders")


def test_transfers_are_left_out_of_the_balance() -> None:
    """They are the payouts themselves: with them every sum is doubled."""
    assert "hideTransfers: true" in document("BalanceTransactions")


def test_both_writes_of_stock_are_idempotent() -> None:
    """The schema does not say that the directive is mandatory; the vendor does."""
    assert "@idempotent(key: $key)" in document("SetQuantities")
    assert "@idempotent(key: $key)" in document("Activate")


# --- the export ---------------------------------------------------------------------------------------


def connections(
    selection: Any, parent: Any, depth: int = 0, inside_list: bool = False
) -> Iterator[tuple[Any, int, bool]]:
    """(field, depth, stands in a plain list) of every connection."""
    for field in selection.selections:
        kind = parent.fields[field.name.value].type
        named = graphql.get_named_type(kind)
        if field.selection_set is None:
            continue
        is_connection = named.name.endswith("Connection")
        is_list = graphql.is_list_type(graphql.get_nullable_type(kind)) and field.name.value != "edges"
        if is_connection:
            yield field, depth + 1, inside_list
        yield from connections(field.selection_set, named, depth + is_connection, inside_list or is_list)


def test_the_export_keeps_the_vendors_rules() -> None:
    """At most 5 connections, 2 deep, by edges, none in a plain list, every parent with its id."""
    text = document("BulkOrders")
    (operation,) = graphql.parse(text).definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    found = list(connections(operation.selection_set, schema().query_type))
    assert [field.name.value for field, _, _ in found] == ["orders", "shippingLines", "lineItems"]
    assert max(depth for _, depth, _ in found) == 2
    assert not any(inside for _, _, inside in found)
    for field, _, _ in found:
        (edges,) = field.selection_set.selections
        (node,) = edges.selection_set.selections
        assert (edges.name.value, node.name.value) == ("edges", "node")
        assert "id" in {part.name.value for part in node.selection_set.selections}
    assert not operation.variable_definitions
    assert len(text) < 65535


def test_the_export_holds_what_a_page_holds() -> None:
    """Every field of an order and its lines; of refunds and fulfilments only that there are some."""

    def fields(selection: Any, path: str = "") -> set[str]:
        found = set()
        for part in selection.selections:
            name = "" if part.name.value in ("edges", "node", "nodes") else f"{path}.{part.name.value}"
            if part.selection_set is None:
                found.add(name)
            else:
                found |= fields(part.selection_set, name or path)
        return found

    def of(name: str) -> set[str]:
        operation: Any = graphql.parse(document(name)).definitions[0]
        return {
            f for f in fields(operation.selection_set) if f.startswith(".orders.") and "pageInfo" not in f
        }

    parts = (".orders.refunds.", ".orders.fulfillments.")
    assert {f for f in of("Orders") - of("BulkOrders") if not f.startswith(parts)} == set()
    assert of("BulkOrders") <= of("Orders")


def test_the_raw_tables_hold_every_field_asked_for() -> None:
    """What is not kept need not be asked for: personal data least of all."""
    staging = Staging("shopify", "web_uk")
    tables = {
        "FulfillmentOrders": "fulfillment_orders",
        "Products": "products",
        "ProductVariants": "variants",
        "Locations": "locations",
        "InventoryLevels": "inventory_levels",
        "Payouts": "payouts",
        "BalanceTransactions": "balance_transactions",
        "Orders": "orders",
    }
    for name, table in tables.items():
        operation: Any = graphql.parse(document(name)).definitions[0]
        records = next(s.records for s in VENDOR.streams if s.name == table).removeprefix("data.").split(".")
        selection = operation.selection_set
        for step in records:
            selection = next(p for p in selection.selections if p.name.value == step).selection_set
        assert _asked(selection) == _kept(staging.shape(table)), name


def _asked(selection: Any) -> dict[str, Any]:
    parts = [p for p in selection.selections if p.name.value != "pageInfo"]
    return {p.name.value: _asked(p.selection_set) if p.selection_set else {} for p in parts}


def _kept(kind: Any) -> dict[str, Any]:
    while kind.id == "list":
        kind = kind.children[0][1]
    return {name: _kept(child) for name, child in kind.children} if kind.id == "struct" else {}
