"""The two sides of P1, P2 and P14 that are not dlt, each as a process of its own.

Belongs here: this project's whole ingest, and the floor it is held against.
Does not belong here: what the figures mean (``p1``, ``p2``, ``p14``).

    python benchmarks/ingest.py ours|floor|bare PORT
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import httpx
import msgspec
from common import ROOT, Figures, Meter, folder, say

from cogent_pipelines import estate as estates
from cogent_pipelines.connect.client import Client
from cogent_pipelines.landing import shapes
from cogent_pipelines.landing.pull import PullReport, pull
from cogent_pipelines.ledger.ledger import open as open_ledger
from cogent_pipelines.ledger.limits import SharedLimits
from cogent_pipelines.vendors import accounts
from cogent_pipelines.vendors.registry import VENDORS

PATH = "/web_uk/admin/api/2026-07/graphql.json"


def ours(port: str) -> Figures:
    """Login, pages, check, files, merge: what one run of the asset does, limits shared through the ledger."""
    os.environ[estates.SANDBOX_PORT] = port
    os.environ |= {"WEB_UK_CLIENT_ID": "x", "WEB_UK_CLIENT_SECRET": "x"}
    estate = estates.load(ROOT / "estates" / "demo.yaml")
    system = replace(accounts.system(estate, "web_uk"), options={"first_load": "pages"})

    async def run(place: estates.Place) -> PullReport:
        with (
            closing(open_ledger(place.ledger_url, state=place.root)) as ledger,
            closing(SharedLimits(ledger)) as limits,
        ):
            async with Client(system, VENDORS["shopify"], limits=limits) as client:
                return await pull(
                    estate,
                    "web_uk",
                    "orders",
                    state=place.root,
                    warehouse_path=place.warehouse,
                    client=client,
                    full=True,
                )

    with folder() as path:
        meter = Meter()
        report = asyncio.run(run(estates.Place(path)))
        figures = meter.read()
        if not report.is_complete or report.rows_set_aside:
            raise SystemExit(f"the ingest was not clean: {report}")
        return figures | {"rows": report.rows_new, "pages": report.pages}


def floor(port: str) -> Figures:
    """Nothing but the bytes: page after page by httpx; cut into records, one a line; DuckDB's typed load of them.

    Each part is counted by itself. DuckDB's own way from whole pages to rows takes several times as long as cut and load.
    """
    with httpx.Client(timeout=60) as client:
        return _floor(lambda body: client.post(f"http://127.0.0.1:{port}{PATH}", json=body).content)


def bare(port: str) -> Figures:
    """The same by the standard library's client, which does nothing for its caller."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port))

    def ask(body: object) -> bytes:
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().read()

    return _floor(ask)


def _floor(ask: Callable[[object], bytes]) -> Figures:
    with folder() as path:
        bodies: list[bytes] = []
        after, goes_on = None, True
        meter = Meter()
        while goes_on:
            bodies.append(ask({"query": "{orders}", "variables": {"after": after}}))
            info = bodies[-1][-600:]
            goes_on = b'"hasNextPage":true' in info
            after = info.split(b'"endCursor":"')[1].split(b'"')[0].decode()
        download = meter.read()
        lines = path / "records.jsonl"
        meter = Meter()
        rows = _as_lines(bodies, lines)
        cut = meter.read()
        size = sum(map(len, bodies))
        bodies.clear()
        columns = dict(shapes.table("shopify", "orders").columns)
        meter = Meter()
        with duckdb.connect(str(path / "floor.duckdb")) as database:
            database.execute(
                "CREATE TABLE orders AS SELECT * FROM read_json($file, format = 'newline_delimited', columns = $columns)",
                {"file": str(lines), "columns": columns},
            )
        load = meter.read()
    return {
        "wall": download["wall"] + cut["wall"] + load["wall"],
        "cpu": download["cpu"] + cut["cpu"] + load["cpu"],
        "download": download["wall"],
        "cut": cut["wall"],
        "load": load["wall"],
        "rows": rows,
        "mb": size / 1e6,
    }


class _Orders(msgspec.Struct):
    nodes: list[msgspec.Raw]


class _Data(msgspec.Struct):
    orders: _Orders


class _Page(msgspec.Struct):
    data: _Data


def _as_lines(bodies: list[bytes], path: Path) -> int:
    rows = 0
    with path.open("wb") as file:
        for body in bodies:
            nodes = msgspec.json.decode(body, type=_Page).data.orders.nodes
            rows += len(nodes)
            for node in nodes:
                file.write(bytes(node) + b"\n")
    return rows


if __name__ == "__main__":
    say({"ours": ours, "floor": floor, "bare": bare}[sys.argv[1]](sys.argv[2]))
