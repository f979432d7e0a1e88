"""An ERP that runs no facility: what its own connection books of the shops' orders, and what it shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.vendors.fulfil_books import Books
from cogent_pipelines.sandbox.vendors.fulfil_models import Models
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import Shop, ShopOrder, Warehouse, WarehouseOrder
from cogent_pipelines.sandbox.world.world import World
from cogent_pipelines_tests.sandbox.worlds import SMALL, make, play

ESTATE: dict[str, Any] = {
    "systems": {
        "web_uk": "shopify",
        "web_trade": "bigcommerce",
        "wms_uk": "veeqo",
        "tpl_uk": "seko",
        "erp_uk": "fulfil",
    },
    "facilities": {"LEEDS": "wms_uk", "YORK": "tpl_uk"},
    "catalogue": "erp_uk",
}
MONEY = ("every_order_value_agrees", "every_tax_code_is_mapped", "no_customer_is_doubled")
ROUND = timedelta(minutes=6)


@pytest.fixture
def world() -> World:
    """Two shops, two warehouses, an ERP; nobody orders by themselves."""
    return make(SMALL, orders=0, **ESTATE)


def erp(world: World) -> Warehouse:
    """The account that keeps the books."""
    return world.erps["erp_uk"]


def later(world: World) -> None:
    """Let the connection look once."""
    world.advance(world.now + ROUND)


def sell(world: World, *, pays: bool = True, shop: str = "web_uk", **options: Any) -> tuple[Shop, ShopOrder]:
    """Sell two lines, one at a discount."""
    seller = world.shops[shop]
    lines = [
        shops.NewLine("SKU-0001", 3, Decimal("19.99"), discount=Decimal("5.00")),
        shops.NewLine("SKU-0002", 1, Decimal("7.35")),
    ]
    customer = world.people.customers.new_customer(world.rng("test", world.now), seller)
    given = {"email": customer.email, "address": customer.address, "customer_id": customer.id,
             "delivery_price": Decimal("3.95"), "lines": lines} | options  # fmt: skip
    order = shops.place_order(world, seller, **given)
    if pays:
        shops.authorise(world, seller, order.id)
        shops.capture(world, seller, order.id)
    return seller, order


def records(world: World, order: ShopOrder) -> list[WarehouseOrder]:
    """The order in the books."""
    return wms.find_orders(erp(world), order.name)


def worth(world: World, order: ShopOrder) -> Decimal:
    """What the ERP shows the order to be worth."""
    (record,) = records(world, order)
    shown: Decimal = Models(world, erp(world), Books()).all("sale.sale")[record.id]["total_amount"]
    return shown


def test_an_erp_that_runs_no_facility_is_no_warehouse(world: World) -> None:
    """Nobody allocates, picks or counts there; with a facility it is one as ever."""
    assert list(world.warehouses) == ["wms_uk", "tpl_uk"]
    assert not erp(world).facilities
    runs = make(SMALL, orders=0, systems={"web_uk": "shopify", "erp_uk": "fulfil"})
    assert list(runs.warehouses) == ["erp_uk"]
    assert runs.erps == {}


@pytest.mark.parametrize("shop", ["web_uk", "web_trade"])
@pytest.mark.parametrize("is_included", [True, False])
def test_a_paid_order_is_booked_once_for_what_it_is_worth(world: World, shop: str, is_included: bool) -> None:
    """Some minutes after it was paid, tax and delivery in it, under the channel it came by."""
    world.shops[shop].taxes_included = is_included
    seller, order = sell(world, shop=shop, pays=False)
    later(world)
    assert records(world, order) == []
    shops.authorise(world, seller, order.id)
    shops.capture(world, seller, order.id)
    later(world)
    later(world)
    (record,) = records(world, order)
    assert worth(world, order) == shops.totals(seller, order).total
    assert erp(world).channels[record.channel_id] == shop
    assert record.allocations == []


def test_a_test_order_and_one_cancelled_before_are_not_booked(world: World) -> None:
    """Neither is a sale."""
    _, test = sell(world, is_test=True)
    seller, gone = sell(world)
    shops.cancel_order(world, seller, gone.id)
    later(world)
    assert records(world, test) == records(world, gone) == []


def test_an_edit_is_followed(world: World) -> None:
    """Units taken off and a line added, to the penny."""
    seller, order = sell(world)
    later(world)
    shops.set_quantity(world, seller, order.id, order.lines[0].id, 1)
    shops.add_line(world, seller, order.id, shops.NewLine("SKU-0003", 2, Decimal("4.45")))
    later(world)
    assert worth(world, order) == shops.totals(seller, order).current_total


def test_a_cancellation_is_followed(world: World) -> None:
    """Once."""
    seller, order = sell(world)
    later(world)
    shops.cancel_order(world, seller, order.id)
    later(world)
    shops.change_note(world, seller, order.id, note="sorry")
    later(world)
    (record,) = records(world, order)
    assert record.cancelled_at is not None


def test_what_is_given_back_after_it_was_booked_leaves_the_order_as_it_was(world: World) -> None:
    """It is a posting of its own; what was given back before was never booked."""
    seller, order = sell(world)
    later(world)
    before = worth(world, order)
    shops.refund(world, seller, order.id, lines=[(order.lines[0].id, 1, "cancel")], shipping=Decimal(1))
    later(world)
    assert worth(world, order) == before
    _, early = sell(world)
    shops.refund(world, seller, early.id, lines=[(early.lines[0].id, 1, "cancel")], shipping=Decimal(1))
    later(world)
    assert worth(world, early) == shops.totals(seller, early).current_total


def test_what_staff_changed_stays_until_the_shops_order_changes(world: World) -> None:
    """The connection does not look at what became of its orders."""
    seller, order = sell(world)
    later(world)
    (record,) = records(world, order)
    record.delivery_price += 1
    shops.change_note(world, seller, order.id, note="ring twice")
    later(world)
    assert worth(world, order) == shops.totals(seller, order).total + 1


def test_a_customer_is_one_by_the_shops_id_and_by_mail(world: World) -> None:
    """Whatever they type; another is another."""
    mail = {"email": "ann@example.test", "customer_id": 31}
    made = [
        sell(world, **mail)[1],
        sell(world, **mail | {"email": "other@example.test"})[1],
        sell(world, shop="web_trade", **mail | {"email": "ANN@example.test", "customer_id": 32})[1],
        sell(world, **mail | {"email": "bob@example.test", "customer_id": 33})[1],
    ]
    later(world)
    first, *others = [records(world, order)[0].customer_id for order in made]
    assert [other == first for other in others] == [True, True, False]


def test_the_catalogue_is_there_and_an_item_it_lacks_is_made(world: World) -> None:
    """Gift wrapping lies on no shelf and is sold all the same."""
    products = Models(world, erp(world), Books()).all("product.product").values()
    assert {f"SKU-{n:04d}" for n in range(1, SMALL.skus + 1)} <= {each["code"] for each in products}
    _, order = sell(world, lines=[shops.NewLine("GIFT-WRAP", 1, Decimal("2.50"), requires_shipping=False)])
    later(world)
    assert worth(world, order) == Decimal("6.45")


def test_an_account_without_facilities_answers_about_every_model(world: World) -> None:
    """It has no locations, shipments, moves or returns."""
    sell(world)
    later(world)
    models = Models(world, erp(world), Books())
    found = {name: len(models.all(name)) for name in Models.NAMES}
    lain = ("stock.location", "stock.move", "stock.shipment.out", "stock.shipment.out.return")
    assert [found[name] for name in lain] == [0, 0, 0, 0]
    assert found["sale.sale"] == found["party.party"] == 1
    assert found["sale.channel"] == 2


def test_the_faults_of_money_are_planted_in_its_books() -> None:
    """As in an ERP that runs the warehouses; all else that was booked agrees with its shop."""
    world = make(SMALL, orders=80, defects=3, families=",".join(MONEY), **ESTATE)
    play(world, days=4)
    planted = [d for d in world.planter.defects if not d.is_near_miss]
    assert {(d.family, d.system) for d in planted if d.family in (MONEY[0], MONEY[2])} == {
        (MONEY[0], "erp_uk"),
        (MONEY[2], "erp_uk"),
    }
    assert len(planted) == 9
    differing = set()
    for shop in world.shops.values():
        for order in shop.orders.values():
            (record,) = records(world, order) or (None,)
            if order.cancelled_at is not None or order.is_test or not shops.totals(shop, order).captured:
                continue
            if record is None:
                differing |= {order.name}
                continue
            back = sum(
                (
                    sum((row.subtotal for row in refund.lines), refund.shipping)
                    for refund in order.refunds
                    if refund.at > record.created_at
                ),
                Decimal(0),
            )
            is_same = worth(world, order) == shops.totals(shop, order).current_total + back
            differing |= set() if is_same and record.currency == shop.currency else {order.name}
    assert differing == {d.keys["order"] for d in planted if d.family == MONEY[0]}
