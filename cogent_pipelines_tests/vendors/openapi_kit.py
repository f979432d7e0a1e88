"""A vendor's OpenAPI contract, asked whether a request or an answer is one that it documents.

Belongs here: reading such a document, whichever vendor's it is.
Does not belong here: what a vendor's own gets wrong (``<slug>_kit``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema

from cogent_pipelines_tests.vendors.vendor_kit import Exchange


class OpenApi:
    """An OpenAPI 3 document: which requests there are, and what bodies look like.

    ``nullable`` are names that may be null though the document does not say so.
    """

    def __init__(self, document: dict[str, Any], nullable: frozenset[str] = frozenset()) -> None:
        self.document, self.nullable = document, nullable

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The declared operation of a path with its ids in it."""
        for template, item in self.document["paths"].items():
            if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", template), path):
                operation: dict[str, Any] = item[method.lower()]
                shared = item.get("parameters", [])
                return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
        raise KeyError(f"{method} {path}")

    def query(self, method: str, path: str) -> dict[str, dict[str, Any]]:
        """The query parameters an operation declares, by name."""
        declared = [self._of(p) for p in self.operation(method, path)["parameters"]]
        return {p["name"]: p.get("schema", {}) for p in declared if p["in"] == "query"}

    def errors_of_request(self, method: str, path: str, body: Any) -> list[str]:
        """Where a request's body departs from its schema, which forbids no name."""
        content = self._of(self.operation(method, path)["requestBody"])["content"]
        return self._errors(next(iter(content.values()))["schema"], body)

    def names_of_request(self, method: str, path: str) -> set[str]:
        """Every name that a request's body may hold, wherever in it."""
        content = self._of(self.operation(method, path)["requestBody"])["content"]
        found: set[str] = set()
        seen: list[Any] = []
        left = [each["schema"] for each in content.values()]
        while left:
            schema = self._of(left.pop())
            if isinstance(schema, dict) and schema not in seen:
                seen.append(schema)
                found |= set(schema.get("properties", {}))
                left += [*schema.get("properties", {}).values(), schema.get("items", {})]
                left += [part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, ())]
        return found

    def errors_of_answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Where an answer's body departs from the contract."""
        found = self._of(self.operation(method, path)["responses"][str(status)])
        return self._errors(next(iter(found["content"].values()))["schema"], body)

    def errors(self, exchange: Exchange) -> list[str]:
        """Where a request, or an answer of a status that is documented, departs from the contract."""
        method, path = exchange.method, exchange.path
        try:
            operation = self.operation(method, path)
        except KeyError:
            return [f"{method} {path} is not documented"]
        known = self.query(method, path)
        wrong = [
            f"the parameter {name} is not documented" for name, _ in exchange.params if name not in known
        ]
        for name, value in exchange.params:
            schema = known.get(name, {})
            allowed, listed = schema.get("enum"), schema.get("items", {}).get("enum")
            if allowed is not None and value.split(":")[0] not in map(str, allowed):
                wrong.append(f"{name} may not be {value}")
            if listed is not None and not set(value.split(",")) <= set(map(str, listed)):
                wrong.append(f"{name} may not hold {value}")
        if exchange.body is not None:
            unknown = set(_names(exchange.body)) - self.names_of_request(method, path)
            wrong += [f"the name {name} is not documented" for name in sorted(unknown)]
            wrong += self.errors_of_request(method, path, exchange.body)
        if str(exchange.status) in operation["responses"] and exchange.answer is not None:
            wrong += self.errors_of_answer(method, path, exchange.status, exchange.answer)
        elif exchange.status < 400:
            wrong.append(f"the status {exchange.status} is not documented")
        return wrong

    def _of(self, value: dict[str, Any]) -> Any:
        while "$ref" in value:
            found: Any = self.document
            for step in value["$ref"].split("/")[1:]:
                found = found[step.replace("~1", "/")]
            value = found
        return value

    def _errors(self, schema: dict[str, Any], body: Any) -> list[str]:
        whole = {**_as_json_schema(schema), "components": _components(self)}
        found = jsonschema.Draft202012Validator(whole).iter_errors(body)
        return [
            f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in found
            if not (e.instance is None and e.absolute_path and e.absolute_path[-1] in self.nullable)
        ]


def _names(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        yield from body
        body = list(body.values())
    for each in body if isinstance(body, list) else ():
        yield from _names(each)


@cache
def _components(contract: OpenApi) -> Any:
    return _as_json_schema(contract.document["components"])


def _as_json_schema(value: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it.

    One of several shapes is any of them: their objects require nothing, so that all of them fit a link.
    """
    if isinstance(value, list):
        return [_as_json_schema(part) for part in value]
    if not isinstance(value, dict):
        return value
    made = {k: _as_json_schema(v) for k, v in value.items() if k not in {"example", "examples"}}
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if made.pop("nullable", None) is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made
