"""P2's other side: dlt's REST source on the same pages into DuckDB. Runs in benchmarks/.venv.

Belongs here: dlt as its documentation says to set it up.
Does not belong here: anything of this project but the way children report (``common``).

    benchmarks/.venv/bin/python benchmarks/dlt_side.py default|parquet|whole_lists PORT FOLDER
"""

from __future__ import annotations

import os
import sys

from common import Figures, Meter, say

DOCUMENT = "query Orders"
"""The server looks at the cursor only. (A real document's braces would have to be doubled: the library fills them.)"""


def run(way: str, port: str, place: str) -> Figures:
    os.environ |= {
        "DLT_DATA_DIR": place,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    import dlt  # noqa: PLC0415  reads its settings from the environment when imported
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator  # noqa: PLC0415
    from dlt.sources.rest_api import rest_api_source  # noqa: PLC0415

    source = rest_api_source(
        {
            "client": {"base_url": f"http://127.0.0.1:{port}/web_uk/"},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "write_disposition": "merge" if way == "merge" else "replace",
                    "endpoint": {
                        "path": "graphql.json",
                        "method": "POST",
                        "json": {"query": DOCUMENT, "variables": {}},
                        "data_selector": "data.orders.nodes",
                        "paginator": JSONResponseCursorPaginator(
                            cursor_path="data.orders.pageInfo.endCursor",
                            cursor_body_path="variables.after",
                            has_more_path="data.orders.pageInfo.hasNextPage",
                        ),
                    },
                }
            ],
        }
    )
    if way == "whole_lists":
        source.max_table_nesting = 0
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb(f"{place}/dlt.duckdb"),
        dataset_name="shop",
        pipelines_dir=place,
    )
    meter = Meter()
    pipeline.run(source, loader_file_format=None if way == "default" else "parquet")
    figures = meter.read()
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM orders") as cursor:
        rows = cursor.fetchone()
    return figures | {"rows": rows[0] if rows else 0}


if __name__ == "__main__":
    say(run(*sys.argv[1:4]))
