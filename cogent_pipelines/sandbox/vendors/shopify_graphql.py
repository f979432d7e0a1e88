"""GraphQL as Shopify speaks it: schema, execution, and the vendor's words for what is wrong with a document.

Belongs here: reading the schema, binding resolvers, running documents by graphql-core and wording its
complaints.
Does not belong here: what any field holds (``shopify_orders`` and its siblings) or what a document costs
(``shopify_cost``).

A resolver is ``f(source, context, **arguments)``. graphql-core spends some ten microseconds on each field,
so below the root the selections are first turned into a plan (``Planned``) that calls the same resolvers
without that work. A plan that meets an error gives way to graphql-core's own completion, which knows how
nulls travel and where errors stand; a test runs both and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.execute import assume_not_awaitable, get_field_def
from graphql.execution.values import get_argument_values
from graphql.utilities import coerce_input_value, type_from_ast

Resolver = Callable[..., Any]
Complete = Callable[[Any], Any]

WORDS = ("shopify_schema.graphql", "shopify_schema_words.graphql")


def refusal(message: str, code: str, **more: Any) -> GraphQLError:
    """An error of the vendor's top-level ``errors`` list, to be raised by a resolver."""
    return GraphQLError(message, extensions={"code": code, **more})


# --- scalars ------------------------------------------------------------------------------------------


def instant(value: datetime) -> str:
    """A moment as the vendor writes it: UTC, whole seconds, ``Z``."""
    return value.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def decimal_text(value: Decimal) -> str:
    """A decimal of no fixed scale: ``15.0``, ``22.55``."""
    text = format(value.normalize(), "f")
    return text if "." in text else text + ".0"


def _read_instant(value: object) -> datetime:
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        raise GraphQLError(f"Invalid timestamp: {value}") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _read_decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except ArithmeticError:
        raise GraphQLError(f"Invalid decimal: {value}") from None


_OUT: dict[str, Complete] = {
    "DateTime": instant,
    "Decimal": decimal_text,
    "Money": decimal_text,
    "UnsignedInt64": str,
    "BigInt": str,
}
_IN: dict[str, Complete] = {"DateTime": _read_instant, "Decimal": _read_decimal, "Money": _read_decimal}


# --- the schema and its resolvers ---------------------------------------------------------------------


def _bound(resolve: Resolver) -> Callable[..., Any]:
    def call(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        return resolve(source, info.context, **arguments)

    call.__dict__["plain"] = resolve
    return call


def _bound_at_root(resolve: Resolver) -> Callable[..., Any]:
    def call(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        info.context.info = info
        return resolve(source, info.context, **arguments)

    call.__dict__["plain"] = resolve
    return call


def _served() -> GraphQLSchema:
    here = Path(__file__).parent
    return build_schema("\n".join((here / name).read_text(encoding="utf-8") for name in WORDS))


def schema_types() -> dict[str, list[str]]:
    """The object types of the sandbox's schema and their fields."""
    return {
        name: list(kind.fields)
        for name, kind in _served().type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }


def read_schema(
    resolvers: Mapping[str, Mapping[str, Resolver]], typename: Callable[[Any], str | None]
) -> GraphQLSchema:
    """The sandbox's schema with every field bound to its resolver; a field without one is a mistake."""
    schema = _served()
    missing = []
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLScalarType) and name in _OUT:
            kind.serialize = _OUT[name]  # type: ignore[method-assign, assignment]
        if isinstance(kind, GraphQLScalarType) and name in _IN:
            kind.parse_value = _IN[name]  # type: ignore[method-assign, assignment]
        if isinstance(kind, GraphQLInterfaceType):
            kind.resolve_type = lambda value, _info, _kind: typename(value)
        if not isinstance(kind, GraphQLObjectType) or name.startswith("__"):
            continue
        is_root = kind in (schema.query_type, schema.mutation_type)
        own = resolvers.get(name, {})
        for field, definition in kind.fields.items():
            if field not in own:
                missing.append(f"{name}.{field}")
                continue
            definition.resolve = (_bound_at_root if is_root else _bound)(own[field])
    if missing:
        raise LookupError(f"no resolver for {', '.join(missing)}")
    return schema


@lru_cache(maxsize=256)
def parsed(text: str) -> DocumentNode:
    """The document of a text; documents are few and sent again and again."""
    return parse(text)


# --- executing ----------------------------------------------------------------------------------------


class Planned(ExecutionContext):
    """graphql-core's execution with a plan for everything below the root fields."""

    is_awaitable = staticmethod(assume_not_awaitable)  # type: ignore[assignment]

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_nodes: list[FieldNode],
        info: GraphQLResolveInfo,
        path: Any,
        result: Any,
    ) -> Any:
        if path.prev is None and not isinstance(result, Exception):
            try:
                return self._plan(return_type, field_nodes)(result)
            except (GraphQLError, TypeError):  # completed again, where the error gets its place
                return super().complete_value(return_type, field_nodes, info, path, result)
        return super().complete_value(return_type, field_nodes, info, path, result)

    def _plan(self, kind: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            inner = self._plan(kind.of_type, nodes)

            def present(value: Any) -> Any:
                done = inner(value)
                if done is None:
                    raise TypeError("null where none may be")
                return done

            return present
        if isinstance(kind, GraphQLList):
            item = self._plan(kind.of_type, nodes)
            return lambda value: None if value is None else [item(each) for each in value]
        if isinstance(kind, GraphQLObjectType):
            return self._plan_object(kind, nodes)
        if isinstance(kind, GraphQLInterfaceType):
            return self._plan_interface(kind, nodes)
        serialize = cast("Any", kind).serialize
        return lambda value: None if value is None else serialize(value)

    def _plan_interface(self, kind: GraphQLInterfaceType, nodes: list[FieldNode]) -> Complete:
        plans: dict[str, Complete] = {}
        name_of = cast("Callable[..., str]", kind.resolve_type)

        def complete(value: Any) -> Any:
            if value is None:
                return None
            name = name_of(value, None, kind)
            if name not in plans:
                plans[name] = self._plan_object(cast("GraphQLObjectType", self.schema.type_map[name]), nodes)
            return plans[name](value)

        return complete

    def _plan_object(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Complete:
        return self._plan_grouped(kind, self.collect_subfields(kind, nodes))

    def plan_fields(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Complete:
        """A plan for just these fields of a type."""
        return self._plan_grouped(kind, {(x.alias or x.name).value: [x] for x in nodes})

    def _plan_grouped(self, kind: GraphQLObjectType, fields: dict[str, list[FieldNode]]) -> Complete:
        leaves: list[tuple[str, Callable[[Any], Any], Complete | None]] = []
        context = self.context_value
        for key, field_nodes in fields.items():
            node = field_nodes[0]
            if node.name.value == "__typename":
                leaves.append((key, _constant(kind.name), None))
                continue
            definition = cast("Any", get_field_def(self.schema, kind, node))
            resolve = definition.resolve.plain
            if definition.args:
                arguments = get_argument_values(definition, node, self.variable_values)
                read = _with_arguments(resolve, context, arguments)
            else:
                read = _without_arguments(resolve, context)
            leaves.append((key, read, self._plan(definition.type, field_nodes)))

        def complete(value: Any) -> Any:
            if value is None:
                return None
            return {
                key: read(value) if finish is None else finish(read(value)) for key, read, finish in leaves
            }

        return complete


def _constant(value: str) -> Callable[[Any], Any]:
    return lambda _source: value


def _with_arguments(resolve: Resolver, context: Any, arguments: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda source: resolve(source, context, **arguments)


def _without_arguments(resolve: Resolver, context: Any) -> Callable[[Any], Any]:
    return lambda source: resolve(source, context)


def run(
    schema: GraphQLSchema,
    document: DocumentNode,
    context: Any,
    variables: dict[str, Any] | None,
    operation: str | None,
    *,
    planned: bool = True,
) -> ExecutionResult:
    """Execute a validated document."""
    return execute_sync(
        schema,
        document,
        context_value=context,
        variable_values=variables,
        operation_name=operation,
        execution_context_class=Planned if planned else None,
    )


# --- complaints, in the vendor's words ----------------------------------------------------------------


def rendered(error: GraphQLError) -> dict[str, Any]:
    """One entry of ``errors``."""
    entry: dict[str, Any] = {"message": error.message}
    if error.locations:
        entry["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.extensions:
        entry["extensions"] = dict(error.extensions)
    if error.path:
        entry["path"] = list(error.path)
    return entry


_RULES: list[tuple[re.Pattern[str], str, str, tuple[str, ...]]] = [
    (
        re.compile(r"^Cannot query field '(\w+)' on type '(\w+)'"),
        "Field '{0}' doesn't exist on type '{1}'",
        "undefinedField",
        ("fieldName", "typeName"),
    ),
    (
        re.compile(r"^Unknown argument '(\w+)' on field '\w+\.(\w+)'"),
        "Field '{1}' doesn't accept argument '{0}'",
        "argumentNotAccepted",
        ("argumentName", "name"),
    ),
    (
        re.compile(r"^Field '(\w+)' is not defined by type '(\w+)'"),
        "InputObject '{1}' doesn't accept argument '{0}'",
        "argumentNotAccepted",
        ("argumentName", "name"),
    ),
    (
        re.compile(r"^Field '(\w+)\.(\w+)' of required type '([^']+)' was not provided"),
        "Argument '{1}' on InputObject '{0}' is required. Expected type {2}",
        "missingRequiredInputObjectAttribute",
        ("inputObjectType", "argumentName", "argumentType"),
    ),
    # the two below have no recording: worded like their neighbours (INFERRED)
    (
        re.compile(r"^Field '(\w+)' argument '(\w+)' of type '([^']+)' is required"),
        "Field '{0}' is missing required arguments: {1}",
        "missingRequiredArguments",
        ("name", "arguments"),
    ),
    (
        re.compile(r"^Variable '\$(\w+)' is never used"),
        "Variable ${0} is declared but not used",
        "variableNotUsed",
        ("variableName",),
    ),
]


class _Trail(Visitor):
    """Finds the vendor's path of a node: ``mutation Name``, then the fields and arguments down to it."""

    def __init__(self, wanted: Any) -> None:
        super().__init__()
        self.wanted, self.trail, self.found = wanted, list[str](), list[str]()

    def enter(self, node: Any, *_: Any) -> None:
        if isinstance(node, OperationDefinitionNode):
            self.trail.append(node.operation.value + (f" {node.name.value}" if node.name else ""))
        elif node.kind in ("field", "argument", "object_field"):
            self.trail.append(node.name.value)
        if node is self.wanted:
            self.found = list(self.trail)

    def leave(self, node: Any, *_: Any) -> None:
        if node.kind in ("operation_definition", "field", "argument", "object_field"):
            self.trail.pop()


def _worded(error: GraphQLError, document: DocumentNode) -> dict[str, Any]:
    entry = rendered(error)
    if error.nodes:
        trail = _Trail(error.nodes[0])
        visit(document, trail)
        entry["path"] = trail.found
    for pattern, message, code, names in _RULES:
        match = pattern.match(error.message)
        if match:
            entry["message"] = message.format(*match.groups())
            entry["extensions"] = {"code": code, **dict(zip(names, match.groups(), strict=False))}
            if code == "missingRequiredInputObjectAttribute":
                entry["path"] = [*entry.get("path", []), match.group(2)]
            if code == "argumentNotAccepted":
                entry["extensions"]["typeName"] = "InputObject" if "InputObject" in message else "Field"
            break
    return entry


_valid: dict[tuple[int, str], list[dict[str, Any]]] = {}


def complaints(schema: GraphQLSchema, text: str, document: DocumentNode) -> list[dict[str, Any]]:
    """What is wrong with a document by the schema, each in the vendor's shape; remembered per text."""
    key = (id(schema), text)
    if key not in _valid:
        if len(_valid) > 512:
            _valid.clear()
        errors = validate(schema, document, specified_rules)
        _valid[key] = [_worded(error, document) for error in errors]
    return _valid[key]


def unreadable(error: GraphQLError) -> dict[str, Any]:
    """A document that cannot be parsed (wording INFERRED from the bulk operation's recorded twin)."""
    at = error.locations[0] if error.locations else None
    where = f" at [{at.line}, {at.column}]" if at else ""
    detail = error.message.removeprefix("Syntax Error: ")
    detail = "unexpected end of file" if "<EOF>" in detail else detail
    return {**rendered(error), "message": f"syntax error, {detail}{where}"}


def variable_problems(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The vendor's ``INVALID_VARIABLE`` entries for variables that do not fit their declared types."""
    entries = []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = type_from_ast(schema, definition.type)
        if name not in given and (definition.default_value or not isinstance(kind, GraphQLNonNull)):
            continue
        problems: list[dict[str, Any]] = []

        def note(path: list[str | int], value: Any, error: GraphQLError, into: list[Any] = problems) -> None:
            into.append(_problem(list(path), value, error.message, schema))

        value = given.get(name)
        if value is None and isinstance(kind, GraphQLNonNull):
            problems.append({"path": [], "explanation": "Expected value to not be null"})
        else:
            coerce_input_value(value, cast("Any", kind), note)
        if problems:
            detail = ", ".join(
                f"{'.'.join(map(str, each['path']))} ({each['explanation']})"
                if each["path"]
                else each["explanation"]
                for each in problems
            )
            entries.append(
                {
                    "message": f"Variable ${name} of type {kind} was provided invalid value for {detail}"
                    if problems[0]["path"]
                    else f"Variable ${name} of type {kind} was provided invalid value",
                    "locations": [_start(definition)],
                    "extensions": {"code": "INVALID_VARIABLE", "value": value, "problems": problems},
                }
            )
    return entries


def _start(node: Any) -> dict[str, int]:
    token = node.loc.start_token
    return {"line": token.line, "column": token.column}


def _problem(path: list[str | int], value: Any, message: str, schema: GraphQLSchema) -> dict[str, Any]:
    """The vendor's explanation; the unrecorded ones follow its Ruby library's wording (INFERRED)."""
    unknown = re.match(r"^Field '(\w+)' is not defined by type '(\w+)'", message)
    if unknown:
        return {"path": [*path, unknown[1]], "explanation": f"Field is not defined on {unknown[2]}"}
    absent = re.match(r"^Field '(?:\w+\.)?(\w+)' of required type", message)
    if absent:
        return {"path": [*path, absent[1]], "explanation": "Expected value to not be null"}
    enum = re.match(r"^Value '[^']*' does not exist in '(\w+)' enum", message)
    if enum:
        names = ", ".join(cast("GraphQLEnumType", schema.type_map[enum[1]]).values)
        return {"path": path, "explanation": f'Expected "{value}" to be one of: {names}'}
    if message.startswith("Expected non-nullable"):
        return {"path": path, "explanation": "Expected value to not be null"}
    kind = re.search(r"\b(Int|Float|Boolean|String|ID)\b cannot represent", message)
    if kind:
        return {"path": path, "explanation": f"Could not coerce value {value!r} to {kind[1]}"}
    return {"path": path, "explanation": message}
