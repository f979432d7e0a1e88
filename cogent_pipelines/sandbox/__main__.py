"""The sandbox's process: read the command line, build, serve on loopback until told to stop.

Belongs here: options and serving. Does not belong here: anything served (``app``).
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn

from cogent_pipelines.sandbox import keeping
from cogent_pipelines.sandbox import settings as reading
from cogent_pipelines.sandbox.app import create_app
from cogent_pipelines.sandbox.kit import read_faults
from cogent_pipelines.sandbox.settings import Settings

ALLOCATIONS = 200_000  # between two collections: a world is millions of objects that stay
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def read_windows(text: str) -> dict[str, float]:
    """Read ``family=seconds,...`` or the path of a JSON file of the same."""
    if not text:
        return {}
    if text.endswith(".json"):
        return {str(name): float(seconds) for name, seconds in json.loads(Path(text).read_text()).items()}
    windows = {}
    for part in text.split(","):
        name, equals, seconds = part.partition("=")
        if not equals:
            raise ValueError(f"--windows: expected family=seconds, found {part!r}")
        windows[name.strip()] = float(seconds)
    return windows


@click.command(context_settings={"show_default": True})
@click.option("--port", default=8700, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", help="Loopback only.")
@click.option("--seed", default=7)
@click.option("--days", default=3.0, help="How long customers order.")
@click.option("--orders", default="2000", help="A number of orders, or a CSV or Parquet file of order lines.")
@click.option("--skus", default=500)
@click.option("--bundles", default=20)
@click.option("--start", default="", help="An instant; default 2026-11-02T06:00Z, or a file's first day.")
@click.option(
    "--speed", default=60.0, help="Seconds that pass in the world while one passes here; 0 stands still."
)
@click.option("--systems", default="web_uk=shopify,wms_uk=veeqo")
@click.option("--facilities", default="", help="Which warehouse runs a facility: LEEDS=wms_uk,...")
@click.option("--catalogue", default="", help="The system that owns the items.")
@click.option("--faults", default="default", help="none, default, all, or names (=rate) joined by commas.")
@click.option("--defects", default=0, help="How many of each family to plant, and as many near-misses.")
@click.option("--families", default="all", help="Which families to plant.")
@click.option(
    "--windows", default="", help="How long each family may stand unnoticed: family=seconds,... or a file."
)
@click.option("--history", default=0, help="Orders of the 30 days before the start, sent by somebody else.")
@click.option("--old-integration", default=0.0, help="Share of orders an older integration still sends.")
@click.option("--drop", default="", help="The folder that vendors which push drop their messages in.")
@click.option(
    "--keep",
    default="",
    help="A file: taken up when it is there, written at the end and on POST /_sandbox/keep.",
)
@click.option("--old-pushes-stock", is_flag=True, help="And it writes stock levels too.")
def main(**given: Any) -> None:
    """Serve a seeded retailer behind its systems' own interfaces."""
    if given["host"] not in LOOPBACK:
        raise click.UsageError(f"--host: expected one of {', '.join(LOOPBACK)}, found {given['host']}")
    gc.set_threshold(ALLOCATIONS)
    try:
        read_faults(given["faults"])
        systems = reading.read_systems(given["systems"])
        settings = Settings(
            seed=given["seed"],
            days=given["days"],
            orders=reading.read_orders(given["orders"]),
            skus=given["skus"],
            bundles=given["bundles"],
            start=reading.read_instant(given["start"]) if given["start"] else None,
            speed=given["speed"],
            systems=systems,
            catalogue=given["catalogue"],
            facilities=reading.read_facilities(given["facilities"], systems),
            faults=given["faults"],
            defects=given["defects"],
            families=given["families"],
            windows=read_windows(given["windows"]),
            history=given["history"],
            old_integration=given["old_integration"],
            old_pushes_stock=given["old_pushes_stock"],
            drop=Path(given["drop"]) if given["drop"] else None,
            keep=Path(given["keep"]) if given["keep"] else None,
        )
        app = create_app(settings)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    config = uvicorn.Config(
        app,
        host=given["host"],
        port=given["port"],
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    listening = config.bind_socket()
    listening.listen()  # whoever reads the line below may call at once
    host, port = listening.getsockname()[:2]
    sys.stdout.write(
        f"sandbox on http://{host}:{port}: seed {settings.seed}, it is {app.world.now.isoformat()}, "
        f"speed {settings.speed:g}\n"
    )
    sys.stdout.flush()
    if settings.keep is None:
        uvicorn.Server(config).run(sockets=[listening])
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server raises it again once it has ended
    uvicorn.Server(config).run(sockets=[listening])
    app.world.catch_up()
    keeping.save(settings.keep, app.kept)


if __name__ == "__main__":
    main()
