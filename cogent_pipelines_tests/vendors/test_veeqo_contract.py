"""Every request built for Veeqo is one its own API Blueprint documents, down to its attributes."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Request, Window
from cogent_pipelines.vendors import veeqo
from cogent_pipelines_tests.vendors.staging_kit import READ_AT
from cogent_pipelines_tests.vendors.veeqo_kit import APIB, SYSTEM, cancellation, want

BEYOND_THE_BLUEPRINT = {
    # documented on the vendor's developer site after the Blueprint was published; named in the brief
    ("PUT", "/orders/{}/cancel"): {"send_veeqo_email", "cancel_reason"},
}


class Blueprint:
    """An API Blueprint's actions: (method, path with {} for ids) -> query parameters and body attributes."""

    def __init__(self, text: str) -> None:
        self.parameters: dict[tuple[str, str], set[str]] = {}
        self.attributes: dict[tuple[str, str], set[str]] = {}
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


def dotted(value: Any, above: str = "") -> Iterator[str]:
    """The dotted name of every key in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield above + key
            yield from dotted(inner, f"{above}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from dotted(inner, above)


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    """The vendor's contract, read once."""
    if not APIB.exists():
        pytest.skip("the vendor's API Blueprint is not beside the project")
    return Blueprint(APIB.read_text(encoding="utf-8"))


def built() -> list[Request]:
    """One of every request this vendor file can build."""
    full = want(
        note="Leave at door",
        due_on=READ_AT.date(),
        ship_to_company="Lee Ltd",
        ship_to_line2="Flat 2",
        ship_to_region="West Yorkshire",
        refs={"create_order": "90011"},
    )
    window = Window(READ_AT, READ_AT)
    streams = [*veeqo.VENDOR.streams, veeqo.NEW_ORDERS.stream]
    reads = [veeqo.PAGES.first(build(window, SYSTEM)) for s in streams for build in (s.request, *s.also)]
    writes = [write.request([w], SYSTEM, "key") for w, write in cases(full)]
    looks = [r for w, write in cases(full) for r in write.lookup.requests([w], SYSTEM)]
    assert veeqo.VENDOR.probe is not None
    return [*reads, *writes, *looks, veeqo.VENDOR.probe(SYSTEM)]


def cases(full: Any) -> list[tuple[Any, Any]]:
    """Every write with a want it is for."""
    return [
        (full, veeqo.CREATE),
        (full, veeqo.ALLOCATE),
        (cancellation(), veeqo.CANCEL),
        (cancellation(), veeqo.NOTE),
    ]


def template(path: str) -> str:
    """A path with {} for each id."""
    return re.sub(r"/\d+", "/{}", path)


@pytest.mark.parametrize("request_", built(), ids=lambda r: f"{r.method} {r.path}")
def test_a_request_is_one_the_vendor_documents(blueprint: Blueprint, request_: Request) -> None:
    """Method and path exist, the list knows every query parameter, a sample names every attribute."""
    action = (request_.method, template(request_.path))
    if action in BEYOND_THE_BLUEPRINT:
        assert action not in blueprint.parameters, "documented by now: check it against the Blueprint"
        assert set(dotted(request_.body)) == BEYOND_THE_BLUEPRINT[action]
        return
    assert action in blueprint.parameters
    assert {name for name, _ in request_.params} <= blueprint.parameters[action]
    assert set(dotted(request_.body)) <= blueprint.attributes[action]


def test_the_extractor_sees_what_a_reader_sees(blueprint: Blueprint) -> None:
    """Spot checks by eye, so that the test above cannot pass on an empty extract."""
    orders = ("GET", "/orders")
    assert {
        "updated_at_min",
        "created_at_min",
        "query",
        "status",
        "page",
        "page_size",
    } <= blueprint.parameters[orders]
    asked = blueprint.attributes["POST", "/orders"]
    assert {
        "order.number",
        "order.line_items_attributes.sellable_id",
        "order.deliver_to_attributes.zip",
    } <= asked
    assert "order.status" not in asked
    assert "allocation.warehouse_id" in blueprint.attributes["POST", "/orders/{}/allocations"]
    assert "note.text" in blueprint.attributes["POST", "/orders/{}/notes"]
