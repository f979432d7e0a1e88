"""The sandbox's Shopify schema: a true part of the vendor's, and every field of it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)
from graphql.utilities import find_breaking_changes

from cogent_pipelines.sandbox.vendors import shopify_graphql, shopify_roots
from cogent_pipelines.sandbox.vendors.shopify_state import Context
from cogent_pipelines_tests.sandbox.shopify_account import Account, busy_account

VENDOR = Path(__file__).parents[3] / "shared/vendors/specs/shopify.graphql"


def missing_from_vendor(ours: GraphQLSchema, theirs: GraphQLSchema) -> list[str]:
    """What the sandbox serves and the vendor does not, or serves otherwise."""
    wrong = []
    for name, kind in ours.type_map.items():
        other = theirs.type_map.get(name)
        if name.startswith("__"):
            continue
        if other is None or type(other) is not type(kind):
            wrong.append(f"type {name}")
        elif isinstance(kind, GraphQLEnumType):
            wrong += [f"{name}.{v}" for v in kind.values if v not in cast("GraphQLEnumType", other).values]
        elif isinstance(kind, GraphQLInputObjectType):
            wrong += _inputs(name, kind, cast("GraphQLInputObjectType", other))
        elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            wrong += _fields(name, kind, cast("GraphQLObjectType", other))
    return wrong


def _inputs(name: str, kind: GraphQLInputObjectType, other: GraphQLInputObjectType) -> list[str]:
    wrong = [
        f"{name}.{f}"
        for f, x in kind.fields.items()
        if f not in other.fields
        or str(other.fields[f].type) != str(x.type)
        or other.fields[f].default_value != x.default_value
    ]
    required = [f for f, x in other.fields.items() if isinstance(x.type, GraphQLNonNull)]
    return wrong + [f"{name}.{f} is required" for f in required if f not in kind.fields]


def _fields(name: str, kind: Any, other: Any) -> list[str]:
    wrong = [
        f"{name} is no {i.name}" for i in kind.interfaces if i.name not in {x.name for x in other.interfaces}
    ]
    for field, definition in kind.fields.items():
        their = other.fields.get(field)
        if their is None or str(their.type) != str(definition.type):
            wrong.append(f"{name}.{field}")
            continue
        for argument, x in definition.args.items():
            same = their.args.get(argument)
            if same is None or str(same.type) != str(x.type) or same.default_value != x.default_value:
                wrong.append(f"{name}.{field}({argument})")
        wrong += [
            f"{name}.{field}({argument}) is required"
            for argument, x in their.args.items()
            if is_required_argument(x) and argument not in definition.args
        ]
    return wrong


@pytest.fixture(scope="module")
def vendor() -> GraphQLSchema:
    """The vendor's own schema."""
    if not VENDOR.exists():
        pytest.skip("the vendor's own schema is not beside the project")
    return build_schema(VENDOR.read_text(encoding="utf-8"))


def test_everything_served_is_the_vendors(vendor: GraphQLSchema) -> None:
    """Every type, field, argument, default, enum value and nullability of ours is the vendor's."""
    assert missing_from_vendor(shopify_roots.schema(), vendor) == []


def test_the_directive_is_the_vendors(vendor: GraphQLSchema) -> None:
    """``@idempotent`` takes the vendor's argument in the vendor's place."""
    ours, theirs = shopify_roots.schema().get_directive("idempotent"), vendor.get_directive("idempotent")
    assert ours is not None
    assert theirs is not None
    assert str(ours.args["key"].type) == str(theirs.args["key"].type)
    assert ours.locations == theirs.locations


def test_a_made_up_field_would_be_noticed(vendor: GraphQLSchema) -> None:
    """The comparison sees a field, a nullability and an enum value that are not the vendor's."""
    text = "\n".join(
        (Path(shopify_graphql.__file__).parent / name).read_text(encoding="utf-8")
        for name in shopify_graphql.WORDS
    )
    text = text.replace("  shipsInventory: Boolean!", "  shipsInventory: Boolean\n  mood: String")
    text = text.replace("enum CountPrecision {", "enum CountPrecision { ROUGHLY")
    found = missing_from_vendor(build_schema(text), vendor)
    assert sorted(found) == ["CountPrecision.ROUGHLY", "Location.mood", "Location.shipsInventory"]
    assert find_breaking_changes(vendor, build_schema(text))


# --- every field answers ------------------------------------------------------------------------------


def document(schema: GraphQLSchema, account: Account) -> str:
    """A query for every field of every type that can be reached, some levels deep."""
    order = next(o for o in account.shop.orders.values() if o.fulfilments)
    arguments = {
        "names": '["available", "on_hand", "committed"]',
        "locationId": '"gid://shopify/Location/1001"',
        "inventoryItemId": f'"{account.item_gid(0)}"',
        "ids": f'["gid://shopify/Order/{order.id}", "{account.item_gid(0)}"]',
        "first": "2",
    }
    subjects = {
        "order": f"gid://shopify/Order/{order.id}",
        "fulfillment": f"gid://shopify/Fulfillment/{order.fulfilments[0].id}",
        "fulfillmentOrder": f"gid://shopify/FulfillmentOrder/{order.fulfilment_orders[0].id}",
        "refund": f"gid://shopify/Refund/{order.refunds[0].id}",
        "return": f"gid://shopify/Return/{order.returns[0].id}",
        "inventoryItem": account.item_gid(0),
        "inventoryLevel": f"gid://shopify/InventoryLevel/35000001001?inventory_item_id={account.items[0].inventory_item_id}",
        "product": f"gid://shopify/Product/{account.items[0].product_id}",
        "productVariant": f"gid://shopify/ProductVariant/{account.items[0].id}",
        "location": "gid://shopify/Location/1001",
        "customer": "gid://shopify/Customer/5",
        "bulkOperation": "gid://shopify/BulkOperation/1",
        "job": "gid://shopify/Job/1",
        "node": f"gid://shopify/Order/{order.id}",
    }

    def select(kind: Any, depth: int, above: tuple[str, ...]) -> str:
        parts = ["__typename"]
        for name, definition in kind.fields.items():
            target = get_named_type(definition.type)
            given = {a: arguments[a] for a in definition.args if a in arguments}
            if kind is schema.query_type and name in subjects:
                given = {"id": f'"{subjects[name]}"'}
            if "last" in definition.args or name in ("refunds", "transactions"):
                given["first"] = "2"
            text = name + (f"({', '.join(f'{a}: {v}' for a, v in given.items())})" if given else "")
            if is_leaf_type(target):
                parts.append(text)
            elif depth and target.name not in above:
                parts.append(f"{text} {{ {select(target, depth - 1, (*above, target.name))} }}")
        return " ".join(parts)

    return f"{{ {select(schema.query_type, 4, ())} }}"


@pytest.fixture(scope="module")
def everything() -> tuple[Account, str]:
    """An account in which everything has happened, and a query for all of it."""
    account = busy_account()
    return account, document(shopify_roots.schema(), account)


def run(account: Account, text: str, *, planned: bool) -> Any:
    """Execute a document our way or the library's."""
    store = account.edge.store
    context = Context(store, store.shop, account.world.now, account.edge.scopes, "2026-07", "http://host")
    document = parse(text)
    return shopify_graphql.run(account.edge.schema, document, context, {}, None, planned=planned)


def test_every_field_answers(everything: tuple[Account, str]) -> None:
    """A query for every field of the schema has an answer and no error."""
    account, text = everything
    assert shopify_graphql.complaints(account.edge.schema, text, parse(text)) == []
    result = run(account, text, planned=True)
    assert result.errors is None
    assert result.data["orders"]["nodes"]


def test_planned_execution_answers_like_the_librarys_own(everything: tuple[Account, str]) -> None:
    """Our short way through a document gives what graphql-core's long way gives."""
    account, text = everything
    assert run(account, text, planned=True).data == run(account, text, planned=False).data


def test_errors_stand_where_the_library_puts_them() -> None:
    """A field that may not be read is null, with the path graphql-core gives it."""
    account = busy_account()
    account.edge.scopes -= {"read_returns", "read_customers"}
    text = "{ orders(first: 3) { nodes { id customer { id } returns(first: 1) { nodes { id } } } } }"
    planned, plain = run(account, text, planned=True), run(account, text, planned=False)
    assert planned.data == plain.data
    assert [e.formatted for e in planned.errors] == [e.formatted for e in plain.errors]


def test_every_type_of_the_schema_is_reached(everything: tuple[Account, str]) -> None:
    """No object type is served that only looks reachable."""
    account, text = everything
    seen: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            seen.add(value.get("__typename", ""))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(run(account, text, planned=True).data)
    served = {
        name
        for name, kind in account.edge.schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }
    absent = {name for name in served - seen if not name.endswith(("Payload", "UserError", "Edge"))}
    assert absent <= {
        "Attribute", "BulkOperation", "DiscountAllocation", "FulfillmentEvent", "InventoryAdjustmentGroup",
        "InventoryChange", "Job", "Mutation", "UserError",
        "CalculatedOrder", "CalculatedLineItem", "CalculatedLineItemConnection",
    }  # fmt: skip
