"""What a document asks for by Shopify's cost model, reckoned from the vendor's schema.

Belongs here: the arithmetic of points.
Does not belong here: which documents there are (``shopify.graphql``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    parse,
)

FREE = frozenset({"PageInfo", "MoneyBag", "MoneyV2"})
MUTATION = 10


def size(first: int) -> int:
    """What a list of ``first`` counts as."""
    return max(1, math.floor(2 * math.log(first))) if first > 1 else 1


def requested(schema: GraphQLSchema, text: str, variables: Mapping[str, Any] | None = None) -> int:
    """Points the document asks for before it runs."""
    document = parse(text)
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    reckon = _Reckoner(schema, fragments, variables or {})
    root = schema.get_root_type(operation.operation)
    assert root is not None
    if operation.operation.value == "query":
        return reckon.of(operation.selection_set, root)
    return sum(MUTATION + reckon.payload(field, root) for field in operation.selection_set.selections)


class _Reckoner:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> None:
        self.schema, self.fragments, self.variables = schema, fragments, variables

    def of(self, selection: SelectionSetNode, parent: Any) -> int:
        total, branches = 0, [0]
        for part in selection.selections:
            if isinstance(part, FieldNode):
                total += self.field(part, parent)
            elif isinstance(part, FragmentSpreadNode):
                fragment = self.fragments[part.name.value]
                total += self.of(
                    fragment.selection_set, self.schema.get_type(fragment.type_condition.name.value)
                )
            elif isinstance(part, InlineFragmentNode):
                kind = self.schema.get_type(part.type_condition.name.value) if part.type_condition else parent
                branches.append(self.of(part.selection_set, kind))
        return total + max(branches)

    def payload(self, field: Any, root: Any) -> int:
        """What a mutation answers with: the objects right in it and its errors are part of the base price."""
        kind = get_named_type(root.fields[field.name.value].type)
        parts = field.selection_set.selections if field.selection_set else ()
        return sum(max(self.field(part, kind) - 1, 0) for part in parts if part.name.value != "userErrors")

    def field(self, field: FieldNode, parent: Any) -> int:
        if field.name.value == "__typename":
            return 0
        kind = get_named_type(parent.fields[field.name.value].type)
        if is_leaf_type(kind) or kind.name in FREE:
            return 0
        assert field.selection_set is not None
        if not kind.name.endswith("Connection"):
            return 1 + self.of(field.selection_set, kind)
        return 2 + size(self._first(field)) * (1 + self._node(field.selection_set, kind))

    def _node(self, selection: SelectionSetNode, connection: GraphQLObjectType) -> int:
        cost = 0
        for part in selection.selections:
            kind = get_named_type(connection.fields[part.name.value].type)
            if part.name.value == "edges":
                cost += self._node(part.selection_set, kind)
            elif part.name.value in ("nodes", "node"):
                cost += self.of(part.selection_set, kind)
        return cost

    def _first(self, field: FieldNode) -> int:
        for argument in field.arguments:
            if argument.name.value in ("first", "last"):
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                assert isinstance(argument.value, VariableNode)
                return int(self.variables[argument.value.name.value])
        raise ValueError(f"{field.name.value} has no size")
