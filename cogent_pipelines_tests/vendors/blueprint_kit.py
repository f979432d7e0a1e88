"""A vendor's contract in API Blueprint, asked whether a request or an answer is one that it documents.

Belongs here: reading such a document, whichever vendor's it is.
Does not belong here: what a vendor's own leaves out (``<slug>_kit``).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

from cogent_pipelines_tests.vendors.vendor_kit import Exchange


class Blueprint:
    """An API Blueprint's actions: (method, path with {} for ids) -> query parameters and body attributes."""

    def __init__(self, text: str) -> None:
        self.parameters: dict[tuple[str, str], set[str]] = {}
        self.attributes: dict[tuple[str, str], set[str]] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        path, parameters, action = "", set[str](), ("", "")
        for block in re.split(r"^(?=#+ )", text, flags=re.MULTILINE):
            title = block.partition("\n")[0]
            if resource := re.match(r"^## .*\[(/[^{\]?]*(?:\{[^?}]+\}[^{\]]*)*)(?:\{\?([^}]*)\})?\]", title):
                path = re.sub(r"\{[^}]+\}", "{}", resource[1])
                parameters = set((resource[2] or "").split(",")) - {""}
            elif method := re.match(r"^### .*\[(\w+)\]", title):
                action = (method[1], path)
                self.parameters[action] = parameters
                self.attributes[action] = self._asked(block)
                self.answers[action] = self._answered(block)
            elif title.startswith("# "):
                path, parameters = "", set()

    @staticmethod
    def _asked(block: str) -> set[str]:
        """Dotted names of what a request may hold, from its samples and its list of attributes."""
        request = re.split(r"^\+ Response", block, flags=re.MULTILINE)[0]
        asked = set[str]()
        tidy = re.sub(r",(\s*[}\]])", r"\1", request)  # some samples end a list with a comma
        for sample in re.finditer(r"^ {8,}\{ *$", tidy, flags=re.MULTILINE):
            with contextlib.suppress(json.JSONDecodeError):  # the brace of an object inside a sample
                asked |= set(dotted(json.JSONDecoder().raw_decode(tidy[sample.end() - 1 :].lstrip())[0]))
        levels: list[tuple[int, str]] = []
        for indent, name in re.findall(r"^( *)\+ `?(\w+)`?(?=[ :(]|$)", request, flags=re.MULTILINE):
            while levels and levels[-1][0] >= len(indent):
                levels.pop()
            levels.append((len(indent), name))
            if levels[0][1] == "Attributes" and len(levels) > 1:
                asked.add(".".join(n for _, n in levels[1:]))
        return asked

    @staticmethod
    def _answered(block: str) -> Any:
        """The first sample of a good answer; None where none is given."""
        good = re.search(r"^\+ Response 2\d\d", block, flags=re.MULTILINE)
        rest = block[good.end() :] if good else ""
        start = re.search(r"^\s+[\[{]", rest, flags=re.MULTILINE)
        if start is None:
            return None
        try:
            return json.JSONDecoder().raw_decode(rest[start.end() - 1 :])[0]
        except json.JSONDecodeError:
            return None

    def errors(self, exchange: Exchange) -> list[str]:
        """Where a request, or the types of its answer, depart from what is documented."""
        action = (exchange.method, template(exchange.path))
        if action not in self.parameters:
            return [f"{' '.join(action)} is not documented"]
        asked = {name for name, _ in exchange.params} - self.parameters[action]
        wrong = [f"the parameter {name} is not documented" for name in sorted(asked)]
        unknown = set(dotted(exchange.body)) - self.attributes[action]
        wrong += [f"the attribute {name} is not documented" for name in sorted(unknown)]
        good = 200 <= exchange.status < 300
        sample, answer = self.answers[action], exchange.answer
        if isinstance(sample, dict) and isinstance(answer, list):
            sample = [sample]  # of some lists one record is shown
        return wrong + (list(mistyped(sample, answer)) if good else [])


def template(path: str) -> str:
    """A path with {} for each id."""
    return re.sub(r"/\d+", "/{}", path)


def mistyped(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where an answer has another type than the sample; the samples show null for whatever has no value."""
    if theirs is None or ours is None:
        return
    if _kind(theirs) != _kind(ours):
        yield f"{path}: documented {_kind(theirs)}, answered {_kind(ours)}"
    elif isinstance(theirs, dict):
        for key in theirs.keys() & ours.keys():
            yield from mistyped(theirs[key], ours[key], f"{path}.{key}")
    elif isinstance(theirs, list) and theirs:
        for each in ours:
            yield from mistyped(theirs[0], each, f"{path}[]")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def dotted(value: Any, above: str = "") -> Iterator[str]:
    """The dotted name of every key in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield above + key
            yield from dotted(inner, f"{above}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from dotted(inner, above)
