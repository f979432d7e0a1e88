"""Shopify's bulk operations: an export that runs by itself and ends in a file of JSON lines.

Belongs here: what a bulk query may look like, its life, and the plain writer of its file.
Does not belong here: the fields it exports (the resolvers' files), serving the file (``shopify``).
"""

# ruff: noqa: A002, N803  arguments are named as the vendor names them

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
from graphql import (
    DocumentNode,
    ExecutionContext,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    parse,
)
from graphql.execution.execute import get_field_def
from graphql.execution.values import get_argument_values

from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_graphql import Planned, complaints, unreadable
from cogent_pipelines.sandbox.vendors.shopify_orders import Resolvers, nothing
from cogent_pipelines.sandbox.vendors.shopify_state import Bulk, Context, UserError, gid, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST_QUERY = 65_535
MOST_CONNECTIONS = 5
DEEPEST = 2
MOST_RUNNING = 5
KEPT = timedelta(days=7)
# how long an export takes in the sandbox's time: no document says (INFERRED)
LEAST_SECONDS = 10.0
RECORDS_PER_SECOND = 1000.0
RUNNING = ("CREATED", "RUNNING", "CANCELING")


# --- what may be asked --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Look:
    """What a bulk query's text holds."""

    schema: GraphQLSchema
    fragments: Fragments
    connections: list[str] = field(default_factory=list)
    by_nodes: list[str] = field(default_factory=list)
    with_id: set[str] = field(default_factory=set)
    without_id: list[str] = field(default_factory=list)
    deepest: int = 0
    in_lists: bool = False

    def walk(
        self, kind: Any, nodes: list[FieldNode], depth: int, parent: str | None, *, in_list: bool
    ) -> None:
        for node in nodes:
            definition = get_field_def(self.schema, kind, node)
            if definition is None or node.selection_set is None:
                continue
            target = cast("Any", get_named_type(definition.type))
            below = _fields(node, self.fragments)
            if target.name.endswith("Connection"):
                self.connections.append(node.name.value)
                self.in_lists |= in_list
                self.deepest = max(self.deepest, depth + 1)
                if parent is not None and parent not in self.without_id and parent not in self.with_id:
                    self.without_id.append(parent)
                self._walk_connection(target, node, below, depth)
                continue
            is_list = isinstance(_bare(definition.type), GraphQLList)
            self.walk(target, below, depth, parent, in_list=in_list or is_list)

    def _walk_connection(self, target: Any, node: FieldNode, below: list[FieldNode], depth: int) -> None:
        name = node.name.value
        for each in below:
            if each.name.value == "nodes":
                self.by_nodes.append(name)
                inner = [each]
            elif each.name.value == "edges":
                inner = [x for x in _fields(each, self.fragments) if x.name.value == "node"]
            else:
                continue
            edge = cast("Any", get_named_type(target.fields["edges"].type))
            item = cast("Any", get_named_type(edge.fields["node"].type))
            for holder in inner:
                fields = _fields(holder, self.fragments)
                if any(x.name.value == "id" and x.alias is None for x in fields):
                    self.with_id.add(name)
                self.walk(item, fields, depth + 1, name, in_list=False)


def _bare(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


Fragments = Mapping[str, FragmentDefinitionNode]


def _fields(node: Any, fragments: Fragments) -> list[FieldNode]:
    """The fields selected below a node, those of its fragments among them."""
    found: list[FieldNode] = []
    for selection in node.selection_set.selections if node.selection_set else ():
        if isinstance(selection, FieldNode):
            found.append(selection)
        elif isinstance(selection, FragmentSpreadNode):
            found += _fields(fragments[selection.name.value], fragments)
        else:
            found += _fields(selection, fragments)
    return found


def _named(document: DocumentNode) -> Fragments:
    return {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}


def _invalid(message: str) -> UserError:
    return UserError(["query"], message, "INVALID")


def why_not(schema: GraphQLSchema, text: str) -> UserError | None:
    """The vendor's reason for refusing a bulk query, if it has one."""
    if len(text.encode()) > LARGEST_QUERY:
        return _invalid(f"Query is too large ({len(text.encode())} bytes; maximum is {LARGEST_QUERY} bytes)")
    try:
        document = parse(text)
    except GraphQLError as error:
        message = unreadable(error)["message"]
        return _invalid(
            f"Invalid bulk query: {message.split(' at [')[0] if 'end of file' in message else message}"
        )
    operation = next((d for d in document.definitions if isinstance(d, OperationDefinitionNode)), None)
    if operation is None or operation.operation is not OperationType.QUERY:
        return _invalid("Invalid operation type. Only `query` operations are supported.")
    found = complaints(schema, text, document)
    if found:
        return _invalid(f"Invalid bulk query: {found[0]['message']}")  # words INFERRED
    fragments = _named(document)
    roots = _fields(operation, fragments)
    if any(x.name.value in ("node", "nodes") for x in roots):
        name = next(x.name.value for x in roots if x.name.value in ("node", "nodes"))
        return _invalid(f"Bulk queries cannot contain a top level `{name}` field.")
    look = _Look(schema, fragments)
    look.walk(schema.query_type, roots, 0, None, in_list=False)
    return _refused(look)


def _refused(look: _Look) -> UserError | None:
    if not look.connections:
        return _invalid("Bulk queries must contain at least one connection.")
    if look.in_lists:
        return _invalid(
            "Queries that contain a connection field within a list field are not currently supported."
        )
    if look.by_nodes:
        first = look.by_nodes[0]
        return _invalid(
            "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: "
            f"'{first} {{ edges {{ node {{'. Selecting via 'nodes' is not supported. "
            f"Invalid connection fields: {', '.join(repr(x) for x in look.by_nodes)}."
        )
    if len(look.connections) > MOST_CONNECTIONS:
        return _invalid(f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections.")
    if look.deepest > DEEPEST:
        return _invalid(
            f"Bulk queries cannot contain connections with a nesting depth greater than {DEEPEST}."
        )
    if look.without_id:
        return _invalid(
            "The parent 'node' field for a nested connection must select the 'id' field without an alias and "
            f"must be of 'ID' return type. Connection fields without 'id': {', '.join(look.without_id)}."
        )
    return None


# --- the file -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Branch:
    """A connection of the query: how to list it, how to write its nodes, and what lies below them."""

    rows: Callable[[Any], search.Page]
    write: Callable[[Any], dict[str, Any]]
    below: list[_Branch]


def _branches(run: Planned, kind: Any, nodes: list[FieldNode]) -> list[_Branch]:
    found = []
    for node in nodes:
        definition = get_field_def(run.schema, kind, node)
        if definition is None or node.selection_set is None:
            continue
        target = cast("Any", get_named_type(definition.type))
        if not target.name.endswith("Connection"):
            continue
        arguments = get_argument_values(definition, node, run.variable_values)
        resolve = cast("Any", definition.resolve).plain
        edges = [x for x in _fields(node, run.fragments) if x.name.value == "edges"]
        holders = [x for each in edges for x in _fields(each, run.fragments)]
        holder = next((x for x in holders if x.name.value == "node"), None)
        edge = cast("Any", get_named_type(target.fields["edges"].type))
        item = cast("GraphQLObjectType", get_named_type(edge.fields["node"].type))
        fields = _fields(holder, run.fragments) if holder else []
        found.append(
            _Branch(
                _lister(resolve, run.context_value, arguments),
                run.plan_fields(item, [x for x in fields if not _is_connection(run.schema, item, x)]),
                _branches(run, item, fields),
            )
        )
    return found


def _is_connection(schema: GraphQLSchema, kind: GraphQLObjectType, node: FieldNode) -> bool:
    definition = get_field_def(schema, kind, node)
    return definition is not None and get_named_type(definition.type).name.endswith("Connection")


def _lister(resolve: Any, context: Context, arguments: dict[str, Any]) -> Callable[[Any], search.Page]:
    return lambda source: resolve(source, context, **arguments)


def _lines(branch: _Branch, source: Any, parent: str | None) -> Iterator[dict[str, Any]]:
    for _, node in branch.rows(source).edges:
        line = branch.write(node)
        if parent is not None:
            line["__parentId"] = parent
        yield line
        for each in branch.below:
            yield from _lines(each, node, line["id"])


def _roots(run: Planned, kind: Any, nodes: list[FieldNode], source: Any) -> Iterator[tuple[_Branch, Any]]:
    """The outermost connections; an object above them is passed through and not written (INFERRED)."""
    for node in nodes:
        definition = get_field_def(run.schema, kind, node)
        if definition is None or node.selection_set is None:
            continue
        if _is_connection(run.schema, kind, node):
            yield from ((branch, source) for branch in _branches(run, kind, [node]))
            continue
        arguments = get_argument_values(definition, node, run.variable_values)
        below = cast("Any", definition.resolve).plain(source, run.context_value, **arguments)
        if below is not None:
            yield from _roots(run, get_named_type(definition.type), _fields(node, run.fragments), below)


def export(schema: GraphQLSchema, document: DocumentNode, context: Context) -> tuple[bytes, int, int]:
    """The file of a bulk query as things stand now, its lines, and how many of them have no parent."""
    built = Planned.build(schema, document, context_value=context)
    if not isinstance(built, ExecutionContext):
        raise built[0]
    run = cast("Planned", built)
    nodes = _fields(run.operation, run.fragments)
    lines: list[bytes] = []
    roots = 0
    encode = msgspec.json.encode
    for branch, source in _roots(run, schema.query_type, nodes, None):
        for line in _lines(branch, source, None):
            roots += "__parentId" not in line
            lines.append(encode(line))
    return b"".join(line + b"\n" for line in lines), len(lines), roots


# --- the life of an operation -------------------------------------------------------------------------


def start(_root: Any, context: Context, query: str, groupObjects: bool = False) -> dict[str, Any]:
    """``bulkOperationRunQuery``."""
    store = context.store
    info = context.info
    if info is None:
        raise RuntimeError("a mutation runs at the root")
    refused = why_not(info.schema, query)
    running = [bulk for bulk in store.bulks.values() if bulk.status in RUNNING]
    if refused is None and len(running) >= MOST_RUNNING:
        names = ", ".join(gid("BulkOperation", bulk.id) for bulk in running)
        message = f"A bulk query operation for this app and shop is already in progress: {names}."
        refused = UserError(None, message, "OPERATION_IN_PROGRESS")
    if refused is not None:
        return {"bulkOperation": None, "userErrors": [refused]}
    del groupObjects  # lines come in their parents' order either way
    number = store.world.new_id(f"{store.system}/bulk", 900_000_001)
    seconds = LEAST_SECONDS + len(store.shop.orders) / RECORDS_PER_SECOND
    digest = hashlib.blake2b(f"{store.system}/{number}".encode(), digest_size=16).hexdigest()
    bulk = Bulk(number, query, context.now, context.now + timedelta(seconds=seconds), key=digest)
    store.bulks[number] = bulk
    schema = info.schema

    def happen() -> None:
        if bulk.status == "CANCELING":
            bulk.status, bulk.completed_at = "CANCELED", store.world.now
            return
        then = Context(store, store.shop, store.world.now, context.scopes, context.version, context.host)
        then.is_bulk = True
        try:
            bulk.file, bulk.objects, bulk.roots = export(schema, parse(query), then)
        except GraphQLError as error:
            code = (error.extensions or {}).get("code")
            bulk.error = "ACCESS_DENIED" if code == "ACCESS_DENIED" else "INTERNAL_SERVER_ERROR"
        bulk.status = "FAILED" if bulk.error else "COMPLETED"
        bulk.completed_at = store.world.now

    store.world.schedule(bulk.ready_at, happen)
    return {"bulkOperation": bulk, "userErrors": []}


def cancel(_root: Any, context: Context, id: str) -> dict[str, Any]:
    """``bulkOperationCancel``."""
    bulk = context.store.bulks.get(number_of("BulkOperation", id))
    if bulk is None:
        return {"bulkOperation": None, "userErrors": [UserError(["id"], "Bulk operation does not exist")]}
    if bulk.status not in RUNNING:
        message = f"A bulk operation cannot be canceled when it is {status_of(bulk, context).lower()}"
        return {"bulkOperation": bulk, "userErrors": [UserError(None, message)]}
    bulk.status = "CANCELING"
    return {"bulkOperation": bulk, "userErrors": []}


def status_of(bulk: Bulk, context: Context) -> str:
    """How an operation stands now; it has started running once a second has passed."""
    if bulk.status == "CREATED" and context.now > bulk.created_at + timedelta(seconds=1):
        return "RUNNING"
    if bulk.status == "COMPLETED" and bulk.completed_at and context.now > bulk.completed_at + KEPT:
        return "EXPIRED"
    return bulk.status


def _url(bulk: Bulk, context: Context) -> str | None:
    is_there = (
        status_of(bulk, context) == "COMPLETED" and bulk.objects > 0
    )  # no file without lines (INFERRED)
    return f"{context.host}/bulk/{bulk.key}.jsonl" if is_there else None


def _ended_at(bulk: Bulk, _context: Context) -> datetime | None:
    return bulk.completed_at


BULK_FIELDS = {"id": "number", "created_at": "time", "status": "text"}


def find_bulks(_root: Any, context: Context, *, query: str | None = None, **arguments: Any) -> search.Page:
    """``bulkOperations``: this app's exports."""
    read = search.read(query or "", BULK_FIELDS, context.now)
    rows = [
        bulk
        for bulk in context.store.bulks.values()
        if read.test({"id": bulk.id, "created_at": bulk.created_at, "status": status_of(bulk, context)})
    ]
    arguments.pop("sortKey", None)
    return search.page_of(rows, lambda bulk: bulk.id, **arguments)


MUTATIONS: dict[str, Callable[..., Any]] = {"bulkOperationCancel": cancel, "bulkOperationRunQuery": start}

RESOLVERS: Resolvers = {
    "BulkOperation": {
        "completedAt": _ended_at,
        "createdAt": lambda b, _: b.created_at,
        "errorCode": lambda b, _: b.error,
        "fileSize": lambda b, _: len(b.file) if b.status == "COMPLETED" else None,
        "id": lambda b, _: gid("BulkOperation", b.id),
        "objectCount": lambda b, _: b.objects,
        "partialDataUrl": nothing,
        "query": lambda b, _: b.query,
        "rootObjectCount": lambda b, _: b.roots,
        "status": status_of,
        "type": lambda _b, _c: "QUERY",
        "url": _url,
    }
}
