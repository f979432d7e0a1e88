"""What a GraphQL document costs at Shopify: points asked for before it runs, and points it used.

Belongs here: the cost model, and the size limits that are checked with it.
Does not belong here: the bucket the points come from (``kit``), or how a refusal is sent (``shopify``).

The model: a scalar costs nothing; an object field 1; a connection 2, and the cost of a node (1 and its own
selections) times a size that grows with the logarithm of ``first``; a mutation 10. Of an interface the
dearest branch counts.
A plain list is one object field whatever its length, ``nodes(ids:)`` too (INFERRED).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.execute import get_field_def
from graphql.execution.values import get_argument_values

if TYPE_CHECKING:
    from collections.abc import Mapping

MAXIMUM = 1000  # of one document
MUTATION = 10
CONNECTION = 2
# Free although they are objects: found so in recorded answers, where 10 is all that a mutation with a job, or
# with changes beside its adjustment group, was charged. Which others are free is INFERRED.
FREE = frozenset(
    {
        "PageInfo", "MoneyBag", "MoneyV2", "LocationAddress", "InventoryChange", "Job", "Count",
        "UserError", "InventorySetQuantitiesUserError", "InventoryAdjustQuantitiesUserError",
        "OrderCancelUserError", "BulkOperationUserError",
    }
)  # fmt: skip


def size(number: int) -> int:
    """The factor of ``number`` nodes: 1 for 1, 4 for 10, 9 for 100, 11 for 250.

    The formula is INFERRED; it gives every recorded factor.
    """
    return max(1, math.floor(2 * math.log(number))) if number > 0 else 0


@dataclass(slots=True)
class Part:
    """One object field of a document: its key in the answer, and the parts below it."""

    key: str
    kind: str  # object, free, connection, mutation
    number: int = 0  # nodes asked of a connection
    parts: list[Part] = field(default_factory=list)
    branches: list[list[Part]] = field(default_factory=list)  # of an interface

    def requested(self) -> int:
        """Points the part may need at most."""
        below = sum(part.requested() for part in self.parts)
        below += max((sum(part.requested() for part in branch) for branch in self.branches), default=0)
        return _price(self.kind, self.number, below)


def _price(kind: str, number: int, below: int) -> int:
    if kind == "connection":
        return CONNECTION + size(number) * (1 + below)
    if kind == "mutation":
        return MUTATION + below
    return below + (kind == "object")


@dataclass(slots=True)
class _Reader:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def fields(
        self, kind: Any, selections: SelectionSetNode
    ) -> tuple[list[FieldNode], dict[str, list[FieldNode]]]:
        """The fields asked of a type, and those asked of one of its kinds only."""
        own: list[FieldNode] = []
        special: dict[str, list[FieldNode]] = {}
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                own.append(selection)
                continue
            is_named = isinstance(selection, FragmentSpreadNode)
            fragment: Any = self.fragments[selection.name.value] if is_named else selection  # type: ignore[attr-defined]
            condition = fragment.type_condition
            name = condition.name.value if condition else kind.name
            if name == kind.name or not isinstance(kind, GraphQLInterfaceType):
                more, others = self.fields(kind, fragment.selection_set)
                own += more
                for key, nodes in others.items():
                    special.setdefault(key, []).extend(nodes)
            else:
                more, _ = self.fields(self.schema.type_map[name], fragment.selection_set)
                special.setdefault(name, []).extend(more)
        return own, special

    def parts(self, kind: Any, nodes: list[FieldNode]) -> list[Part]:
        found: dict[str, Part] = {}
        for node in nodes:
            if node.selection_set is None:
                continue
            key = node.alias.value if node.alias else node.name.value
            part = self.part(kind, node, key)
            if key in found:
                found[key].parts += part.parts
            else:
                found[key] = part
        return list(found.values())

    def part(self, kind: Any, node: FieldNode, key: str) -> Part:
        definition = get_field_def(self.schema, cast("GraphQLObjectType", kind), node)
        if definition is None or node.selection_set is None:
            return Part(key, "free")
        target = cast("Any", get_named_type(definition.type))
        name = target.name
        own, special = self.fields(target, node.selection_set)
        if name.startswith("__"):
            return Part(key, "free")
        if name.endswith("Connection"):
            arguments = get_argument_values(definition, node, dict(self.variables))
            number = arguments.get("first") or arguments.get("last") or 0
            return Part(key, "connection", number, self._node_parts(target, own))
        form = "free" if name in FREE else "object"
        if kind is self.schema.mutation_type:
            form = "mutation"
        branches = [self.parts(self.schema.type_map[each], more) for each, more in special.items()]
        return Part(key, form, 0, self.parts(target, own), branches)

    def _node_parts(self, connection: Any, own: list[FieldNode]) -> list[Part]:
        """What is asked of each node, whether by ``nodes`` or by ``edges { node }``."""
        parts: list[Part] = []
        for node in own:
            if node.selection_set is None or node.name.value not in ("nodes", "edges"):
                continue
            kind = cast("Any", get_named_type(connection.fields[node.name.value].type))
            inner, special = self.fields(kind, node.selection_set)
            outer = node.alias.value if node.alias else node.name.value
            if node.name.value == "edges":
                for each in inner:
                    if each.name.value == "node" and each.selection_set is not None:
                        target = cast("Any", get_named_type(kind.fields["node"].type))
                        more, special = self.fields(target, each.selection_set)
                        inside = each.alias.value if each.alias else "node"
                        parts.append(self._holder(f"{outer}.{inside}", target, more, special))
            else:
                parts.append(self._holder(outer, kind, inner, special))
        return parts

    def _holder(self, key: str, kind: Any, own: list[FieldNode], special: dict[str, list[FieldNode]]) -> Part:
        branches = [self.parts(self.schema.type_map[each], more) for each, more in special.items()]
        return Part(key, "free", 0, self.parts(kind, own), branches)


def read(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> list[Part]:
    """The parts of a validated document's root fields."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    reader = _Reader(schema, fragments, variables)
    is_mutation = operation.operation is OperationType.MUTATION
    root = schema.mutation_type if is_mutation else schema.query_type
    own, _ = reader.fields(root, operation.selection_set)
    return reader.parts(root, own)


def requested(parts: list[Part]) -> int:
    """Points the bucket must hold before the document runs."""
    return max(1, sum(part.requested() for part in parts))


def actual(parts: list[Part], data: Mapping[str, Any] | None) -> int:
    """Points a document used, by what it found: absent objects are free, a connection counts its nodes.

    The recordings give no formula for it; this one is INFERRED and never above what was requested.
    """
    if not data:
        return 1
    return max(1, min(_used(parts, [data]), requested(parts)))


def _used(parts: list[Part], found: list[Mapping[str, Any]]) -> int:
    total = 0
    for part in parts:
        values = [each[part.key] for each in found if each.get(part.key) is not None]
        if part.kind == "connection":
            below, most = _used_by_nodes(part, values)
            total += CONNECTION + size(most) * (1 + below) if values else 0
            continue
        flat = [item for value in values for item in (value if isinstance(value, list) else [value]) if item]
        below = _used(part.parts, flat) + max((_used(branch, flat) for branch in part.branches), default=0)
        total += _price(part.kind, 0, below) if values else 0
    return total


def _used_by_nodes(part: Part, connections: list[Mapping[str, Any]]) -> tuple[int, int]:
    below = most = 0
    for holder in part.parts:
        outer, _, inner = holder.key.partition(".")
        lists = [connection.get(outer) or [] for connection in connections]
        most = max([most, *map(len, lists)])
        nodes = [node[inner] if inner else node for each in lists for node in each]
        below += _used(holder.parts, nodes)
        below += max((_used(branch, nodes) for branch in holder.branches), default=0)
    return below, most
