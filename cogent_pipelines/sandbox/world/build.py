"""Put a world together from settings: systems, catalogue, demand, people, history, planter.

Belongs here: the order of putting together.
Does not belong here: the parts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.settings import START
from cogent_pipelines.sandbox.world import booking, bridge, catalogue, filed, intake, truth
from cogent_pipelines.sandbox.world.model import Account
from cogent_pipelines.sandbox.world.people import People
from cogent_pipelines.sandbox.world.rates import FILE_RATES, RATES
from cogent_pipelines.sandbox.world.world import World, new_world

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.kit import Kit
    from cogent_pipelines.sandbox.settings import Settings

HISTORY_DAYS, QUIET_DAYS = 30, 5  # orders of the history, and time for them to be done with, before the start
LEVELS_EVERY = timedelta(hours=8)  # how often somebody kept the shop's levels right before the start
OUTLOOK_DAYS = 14
CURRENCY = "GBP"  # the retailer's own


def build_world(settings: Settings) -> World:
    """Build the systems and what is in them; nobody moves yet (``people_the_world``)."""
    sorted_file = intake.read(settings.orders) if isinstance(settings.orders, Path) else None
    start = settings.start or (START if sorted_file is None else _morning(sorted_file.first_at))
    begin = start
    if sorted_file is not None:
        begin = min(start, _morning(sorted_file.first_at))
    elif settings.history:
        begin = start - timedelta(days=HISTORY_DAYS)
    world = new_world(settings, begin)
    for system, vendor in settings.systems.items():
        edge = edges.of(vendor)
        if edge.role == "shop":
            world.shops[system] = catalogue.empty_shop(system)
            world.shops[system].shows_ids = edge.shows_ids
            world.shops[system].has_one_home = "locations" in edge.untold
        elif edge.role == "bridge":
            world.bridges[system] = bridge.new_bridge(system, begin)
        elif edge.role == "warehouse":
            made = catalogue.empty_warehouse(world, system)
            made.takes_edits = "edits" not in edge.untold
            made.tells_parcels = "parcels" not in edge.untold
            is_warehouse = made.facilities or not edge.keeps_books
            (world.warehouses if is_warehouse else world.erps)[system] = made
        else:
            world.accounts[system] = Account(system, CURRENCY)
        if edge.keeps_books:
            world.books.add(system)
    if sorted_file is not None and not (world.shops and world.warehouses):
        raise ValueError("--orders: a file of orders needs a shop and a warehouse among --systems")
    if settings.defects and not (world.shops and world.warehouses):
        raise ValueError("--defects: planting needs a shop and a warehouse among --systems")
    if sorted_file is not None:
        catalogue.from_file(world, sorted_file.items, filed.opening_stock(sorted_file))
        world.people = People(world, FILE_RATES)
        demand = filed.Filed(world.people, next(iter(world.shops.values())), sorted_file)
        demand.schedule()
        world.intake = demand.listing
        span = (sorted_file.last_at - begin).days + 1
        world.people.schedule_days(begin, span + OUTLOOK_DAYS)
    else:
        orders = settings.orders if isinstance(settings.orders, int) else 0
        catalogue.invent(
            world, skus=settings.skus, bundles=settings.bundles, orders=orders + settings.history
        )
        world.people = People(world, RATES)
    world.clock.set(start)
    return world


def people_the_world(world: World, kit: Kit) -> None:
    """Let everybody begin: history first, then the demand, the old integration, the planter."""
    settings, people = world.settings, world.people
    start = world.clock.at
    for connection in booking.connections(world):
        connection.start()
    if world.now < start:  # what is older than the start went through somebody else's hands
        people.old.start(1.0, pushes_stock=False)
        at = world.now
        while at < start:
            world.schedule(at, lambda: truth.align_levels(world))
            at += LEVELS_EVERY
    if isinstance(settings.orders, int):
        if settings.history:
            days = HISTORY_DAYS - QUIET_DAYS
            people.customers.schedule(world.now, days, settings.history, key="history")
        outlook = OUTLOOK_DAYS if settings.outlook_days is None else settings.outlook_days
        begun = (start - world.now).days
        people.schedule_days(world.now, round(begun + settings.days + outlook))
    world.play_until(start)
    people.old.stop()
    truth.align_levels(world)
    if isinstance(settings.orders, int):
        people.customers.schedule(start, settings.days, settings.orders, key="demand")
    if settings.old_integration:
        people.old.start(settings.old_integration, pushes_stock=settings.old_pushes_stock)
    else:
        bridge.switch_off(world)
    if settings.defects:
        from cogent_pipelines.sandbox.world import planter  # noqa: PLC0415  a healthy world needs none of it

        world.planter = planter.Planter(world, kit)
        world.planter.schedule()
    world.clock.set(start, settings.speed)


def _morning(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
