"""Deposco's connector against its sandbox: what is read is what the warehouse holds, what is sent is there once.

The sandbox was written from the vendor's documents by other hands than the connector: what it holds is the truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.model import WarehouseOrder
from cogent_pipelines_tests.vendors import sandbox_kit
from cogent_pipelines_tests.vendors.sandbox_kit import SHOP, TIME, WMS, Retailer, Staged

DAY, HOUR = 86_400, 3_600
SETTLED = 330.0
"""Seconds after which an unknown outcome is known."""
LINES = [("SKU-0001", 2, "19.99"), ("SKU-0002", 1, "7.35"), ("SKU-0001", 1, "18.5")]


def retailer(folder: Path, *, options: dict[str, str] | None = None, **settings: Any) -> Retailer:
    """A retailer whose warehouse speaks as Deposco does."""
    return Retailer(folder, {SHOP: "shopify", WMS: "deposco"}, {WMS: options or {}}, **settings)


# --- reading ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    """A retailer whose trade went through an old integration, pulled twice, with odd things in between."""
    with sandbox_kit.standing_still():
        r = retailer(
            tmp_path_factory.mktemp("deposco"), days=2, orders=60, skus=120, history=40, old_integration=1.0
        )
        skus = [{"sku": f"SKU-{n:04d}", "quantity": 1 + n % 2} for n in range(1, 61)]
        r.do(WMS, "create_order", order="LONG", lines=skus)
        for name in ("STOPPED", "HELD", "SHORT"):
            r.do(WMS, "create_order", order=name, lines=[{"sku": "SKU-0100", "quantity": 3}])
        for number in range(1, 56):  # more than a page that nobody works on
            r.do(WMS, "create_order", order=f"MANY-{number}", lines=[{"sku": "SKU-0101"}], is_paid=False)
        r.move_on(DAY / 2)
        assert all(report.is_complete for report in r.pull_of(WMS)), "the first pull"
        r.move_on(60)
        r.do(WMS, "cancel_order", order="MANY-1")
        r.do(WMS, "hold", order="MANY-2")
        r.do(WMS, "count_stock", sku="SKU-0102", physical=1)
        r.move_on(3 * DAY)
        gone = [order for order in r.wms.orders.values() if order.shipped_at is not None][:3]
        backs = [
            wms.create_return(r.world, r.wms, o.id, [(next(iter(wms.shipped_units(o))), 1)]) for o in gone
        ]
        wms.receive_return(r.world, r.wms, gone[0].id, backs[0].id)
        reports = {report.stream: report for report in r.pull_of(WMS)}
        assert all(report.is_complete for report in reports.values()), "the second pull"
        assert reports["orders"].kind == "increment"
        news = {stream: report.undeclared for stream, report in reports.items() if report.undeclared}
        assert not news, "fields that no table keeps and no list leaves out"
        assert not any(report.rows_set_aside for report in reports.values())
        yield r


@pytest.fixture(scope="module")
def staged(lived: Retailer) -> Iterator[Staged]:
    """The staging views over what was pulled."""
    with lived.staged() as views:
        yield views


def same(shown: dict[Any, Any], told: dict[Any, Any]) -> None:
    """Fail with some of the rows that differ: (shown, told)."""
    keys = shown.keys() | told.keys()
    unlike = {k: (shown.get(k), told.get(k)) for k in keys if shown.get(k) != told.get(k)}
    assert not unlike, f"{len(unlike)} of {len(told)} differ: {dict(list(unlike.items())[:5])}"
    assert told, "nothing was compared"


def second(moment: datetime | None) -> datetime | None:
    """As both sides can say it."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None


def words(order: WarehouseOrder) -> str:
    """What the world's order is to us."""
    if order.cancelled_at:
        return "cancelled"
    if order.shipped_at:
        return "shipped"
    if any(a.parcel for a in order.allocations):
        return "released"
    return "on_hold" if order.is_on_hold or not order.is_paid else "open"


def test_every_order_is_there_as_it_stands(lived: Retailer, staged: Staged) -> None:
    """Every page once, and what changed since the first reading came back, also of an old order."""
    told = {
        str(o.id): (o.number, words(o), second(o.shipped_at), o.address.postcode)
        for o in lived.wms.orders.values()
    }
    shown = staged.table(
        "stg_deposco__warehouse_orders",
        "warehouse_order_id",
        "reference",
        "status_code",
        "shipped_at",
        "ship_to_postcode",
    )
    done = {"cancelled", "shipped", "on_hold"}
    same(
        {
            k: (r, s if s in done or told[k][1] == "released" else "open", second(at), p)
            for k, (r, s, at, p) in shown.items()
        },
        told,
    )
    assert {row[1] for row in told.values()} >= done


def test_every_line_is_there_beyond_the_ten_that_are_nested(lived: Retailer, staged: Staged) -> None:
    """Ordered, and shipped, by item."""
    told: Counter[tuple[str, str]] = Counter()
    gone: Counter[tuple[str, str]] = Counter()
    for order in lived.wms.orders.values():
        for key, units in wms.ordered_units(order).items():
            told[f"{WMS}:{order.id}", lived.wms.sellables[key].sku] += units
        for key, units in wms.shipped_units(order).items():
            gone[f"{WMS}:{order.id}", lived.wms.sellables[key].sku] += units
    ordered: Counter[tuple[str, str]] = Counter()
    shipped: Counter[tuple[str, str]] = Counter()
    for key, sku, qty, left in staged.rows(
        "stg_deposco__warehouse_order_lines", "warehouse_order_key", "sku", "qty", "shipped_qty"
    ):
        ordered[key, sku] += qty
        shipped[key, sku] += left
    same(dict(ordered), dict(told))
    same(dict(+shipped), dict(+gone))
    (long,) = wms.find_orders(lived.wms, "LONG")
    assert sum(1 for key, _ in ordered if key == f"{WMS}:{long.id}") == 60


def test_every_parcel_is_there(lived: Retailer, staged: Staged) -> None:
    """Whose, from where, when, by whom and under which number, and what is in it.

    A parcel names its order by number alone: which of two orders of one number it is of cannot be known.
    """
    parcels = [(o, a, a.parcel) for o in lived.wms.orders.values() for a in o.allocations if a.parcel]
    doubled = {f"{WMS}:{p.id}" for o, _, p in parcels if len(wms.find_orders(lived.wms, o.number)) > 1}
    assert len(doubled) < len(parcels) / 10
    told = {
        f"{WMS}:{p.id}": (f"{WMS}:{o.id}", p.carrier_name, p.tracking_number or None, second(p.created_at))
        for o, _, p in parcels
        if f"{WMS}:{p.id}" not in doubled
    }
    shown = staged.table(
        "stg_deposco__shipments",
        "shipment_key",
        "warehouse_order_key",
        "carrier",
        "tracking_number",
        "despatched_at",
    )
    same({k: (o, c, n, second(at)) for k, (o, c, n, at) in shown.items() if k not in doubled}, told)
    inside: Counter[tuple[str, str]] = Counter()
    for _, allocation, parcel in parcels:
        for _, sellable, units in allocation.lines:
            inside[f"{WMS}:{parcel.id}", lived.wms.sellables[sellable].sku] += units
    lines = staged.rows("stg_deposco__shipment_lines", "shipment_key", "sku", "qty")
    same({(key, sku): qty for key, sku, qty in lines}, dict(inside))


def test_every_level_is_the_shelfs(lived: Retailer, staged: Staged) -> None:
    """What lies there, what orders have of it, and what is left."""
    told = {
        (lived.wms.facilities[e.facility_id].code, lived.wms.sellables[e.sellable_id].sku): (
            e.physical,
            e.allocated,
            e.physical - e.allocated,
        )
        for e in lived.wms.stock.values()
    }
    rows = staged.rows(
        "stg_deposco__stock", "facility_id", "sku", "physical_qty", "allocated_qty", "available_qty"
    )
    same(
        {
            (f, sku): figures
            for f, sku, *figures in [(r[0], r[1], r[2:]) for r in rows]
            for figures in figures
        },
        told,
    )


def test_what_is_allocated_is_what_is_set_aside(lived: Retailer, staged: Staged) -> None:
    """By order and item, shipped or not."""
    told = {
        (f"{WMS}:{o.id}", lived.wms.sellables[key].sku): units
        for o in lived.wms.orders.values()
        if o.cancelled_at is None
        for key, units in wms.allocated_units(o).items()
    }
    rows = staged.rows("stg_deposco__allocation_lines", "warehouse_order_key", "sku", "qty")
    same({(key, sku): qty for key, sku, qty in rows}, told)


def test_every_item_facility_and_return_is_there(lived: Retailer, staged: Staged) -> None:
    """As the warehouse lists them."""
    told = {str(s.id): (s.sku, s.barcode) for s in lived.wms.sellables.values()}
    same(staged.table("stg_deposco__items", "product_id", "sku", "barcode"), told)
    weights = staged.table("stg_deposco__items", "product_id", "weight_grams")
    assert all(abs(weights[str(s.id)][0] - (s.weight_grams or 0)) <= 1 for s in lived.wms.sellables.values())
    same(
        staged.table("stg_deposco__facilities", "facility_id", "name"),
        {"LEEDS": ("Leeds",), "YORK": ("York",)},
    )
    returns = {
        str(each.id): (f"{WMS}:{o.id}", "received" if each.status == "returned" else "expected")
        for o in lived.wms.orders.values()
        for each in o.returns
    }
    same(
        staged.table("stg_deposco__warehouse_returns", "return_id", "warehouse_order_key", "status_code"),
        returns,
    )


# --- orders to the warehouse ------------------------------------------------------------------------------


@pytest.fixture
def r(tmp_path: Path) -> Iterator[Retailer]:
    """A shop and a warehouse without customers, and a ledger that is no longer new."""
    with sandbox_kit.standing_still():
        made = retailer(tmp_path)
        made.move_on(SETTLED)
        yield made


def sale(name: str = "#1001", lines: Any = LINES, key: int = 1, **more: Any) -> dict[str, Any]:
    """A row of wanted.orders_to_wms."""
    base = {
        "system": WMS,
        "source_system": SHOP,
        "act": "create",
        "business_key": f"{SHOP}:{key}@LEEDS",
        "reference": name,
        "order_key": None,
        "since_at": sandbox_kit.START,
        "held_by": None,
        "priority": 30,
        "amount": None,
        "currency": "GBP",
        "facility": "LEEDS",
        "facility_id": "LEEDS",
        "delivery_method_id": "Next Day",
        "placed_at": sandbox_kit.START - timedelta(hours=1),
        "customer_email": "ada@example.test",
        "ship_to_first_name": "Ada",
        "ship_to_last_name": "Example",
        "ship_to_company": "Example Ltd",
        "ship_to_line1": "1 Long Acre Street",
        "ship_to_line2": "Flat 2",
        "ship_to_city": "Leeds",
        "ship_to_region": "West Yorkshire",
        "ship_to_postcode": "LS1 1AA",
        "ship_to_country_code": "GB",
        "ship_to_phone": "0113 496 0000",
        "lines": [
            {
                "line_ref": str(n),
                "sku": sku,
                "item_id": sku,
                "qty": qty,
                "unit_price_amount": Decimal(price).quantize(Decimal("0.0001")),
                "tax_rate": 0.2,
            }
            for n, (sku, qty, price) in enumerate(lines, 1)
        ],
    }
    return base | more


def send(r: Retailer, *rows: dict[str, Any], ticks: int = 1, pause: float = SETTLED) -> dict[str, str]:
    """Deliver orders."""
    return r.deliver("orders_to_wms", *rows, ticks=ticks, pause=pause)


def there(r: Retailer, name: str = "#1001") -> WarehouseOrder:
    """The one order of that number."""
    (order,) = wms.find_orders(r.wms, name)
    return order


def check_sent(r: Retailer, want: dict[str, Any]) -> None:
    """The warehouse has the order once, whole, at its facility and at its prices."""
    order = there(r, want["reference"])
    rows = Counter((r.wms.sellables[x.sellable_id].sku, x.unit_price, x.quantity) for x in order.lines)
    assert rows == Counter((x["sku"], x["unit_price_amount"], x["qty"]) for x in want["lines"])
    assert [(a.facility_id, not wms.unallocated_units(order)) for a in order.allocations] == [(41, True)]


def test_an_order_arrives_as_it_was_sent_and_once(r: Retailer) -> None:
    """Units, prices, facility, address, service and the shop's line, however often it is wanted."""
    want = sale()
    assert send(r, want, ticks=3) == {want["business_key"]: "verified"}
    check_sent(r, want)
    order = there(r)
    assert (order.delivery_method_id, [line.remote_id for line in order.lines]) == (12, ["1", "2", "3"])
    address = order.address
    assert (address.first_name, address.company, address.line2, address.region, address.phone) == (
        "Ada",
        "Example Ltd",
        "Flat 2",
        "West Yorkshire",
        "0113 496 0000",
    )
    assert r.sandbox.kit.counters.calls[WMS, "POST /latest/orders/salesOrders"] == 1


def test_an_order_of_many_lines_is_compared_whole(r: Retailer) -> None:
    """Ten of them are nested; the others are asked for, page by page."""
    skus = [f"SKU-{n:04d}" for n in range(1, 13)]
    want = sale(lines=[(sku, 1 + n, f"{n + 1}.25") for n in range(5) for sku in skus])
    assert send(r, want) == {want["business_key"]: "verified"}
    check_sent(r, want)
    assert r.sandbox.kit.counters.calls[WMS, "GET /latest/orders/salesOrders/{id}/orderLines"] == 3


@pytest.mark.parametrize(
    "kind", ["timeout_after_effect", "html_with_200", "half_body", "conflict", "rate_limited", "unavailable", "token_expired"]
)  # fmt: skip
def test_whatever_becomes_of_the_answer_there_is_one_order(r: Retailer, kind: str) -> None:
    """Those answers of which the pair's story (``test_pairs``) has none."""
    want = sale()
    r.strike(WMS, "POST /latest/orders/salesOrders", kind)
    assert send(r, want, ticks=4) == {want["business_key"]: "verified"}
    check_sent(r, want)


def test_an_item_the_warehouse_lacks_is_refused_in_its_own_words(r: Retailer) -> None:
    """The order itself is a 404."""
    want = sale(lines=[("TEE-X", 1, "20")])
    (state,) = send(r, want).values()
    assert state == "rejected unknown_sku"
    assert not wms.find_orders(r.wms, "#1001")


def test_an_order_that_stores_otherwise_is_said(r: Retailer) -> None:
    """201 is not believed: the address it stored is not the one it was sent."""
    want = sale()
    r.strike(WMS, "POST /latest/orders/salesOrders", "stores_truncated")
    (state,) = send(r, want).values()
    assert "mismatch" in state


def test_an_answer_that_stored_nothing_is_not_believed(r: Retailer) -> None:
    """It is sent again when it has had its time to show."""
    want = sale()
    r.strike(WMS, "POST /latest/orders/salesOrders", "stores_nothing")
    assert send(r, want, ticks=5) == {want["business_key"]: "verified"}
    check_sent(r, want)


def test_an_order_somebody_else_sent_is_taken_for_it(r: Retailer) -> None:
    """It is not sent over theirs, which would change it."""
    r.do(WMS, "create_order", order="#1001", lines=[{"sku": "SKU-0001", "quantity": 9}])
    want = sale()
    assert send(r, want) == {want["business_key"]: "adopted already_there"}
    assert there(r).lines[0].quantity == 9


def test_the_number_of_another_shops_order_is_not_sent_over_it(r: Retailer) -> None:
    """Two shops may count alike; here the second would change the first one's goods."""
    first, second_ = sale(), sale(key=2, lines=LINES[:1])
    send(r, first)
    assert send(r, second_)[second_["business_key"]] == "rejected number_taken"
    check_sent(r, first)


def test_what_was_cancelled_there_is_not_sent_again(r: Retailer) -> None:
    """Somebody decided so."""
    want = sale()
    r.do(WMS, "create_order", order="#1001", lines=[{"sku": "SKU-0001", "quantity": 9}])
    r.do(WMS, "cancel_order", order="#1001")
    assert send(r, want) == {want["business_key"]: "adopted already_there"}
    assert len(wms.find_orders(r.wms, "#1001")) == 1


@pytest.mark.parametrize("name", ["client_secret", "integration_password"])
def test_bad_credentials_halt_in_the_vendors_words(
    r: Retailer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The current API's login, or the older one's password: only what needs it stands still."""
    monkeypatch.setenv(f"TRUTH_{WMS}_{name}".upper(), "not-the-right-one")
    failed = {report.stream: report for report in r.pull_of(WMS) if not report.is_complete}
    if name == "client_secret":
        assert set(failed) == {"orders", "shipments", "customer_returns", "receipts", "items", "facilities"}
        assert all("login was refused (401)" in report.note for report in failed.values())
    else:
        assert list(failed) == ["stock"]
        assert "Unauthorized" in failed["stock"].note
    assert all(report.note.startswith("Halt") for report in failed.values())


# --- cancelling -------------------------------------------------------------------------------------------


def cancellation(r: Retailer, name: str = "#1001") -> dict[str, Any]:
    """A row of wanted.cancellations_to_wms."""
    return {
        "system": WMS,
        "source_system": SHOP,
        "act": "cancel",
        "business_key": f"{SHOP}:1@cancel",
        "reference": name,
        "order_key": f"{SHOP}:1",
        "since_at": TIME.at,
        "held_by": None,
        "priority": 20,
        "amount": None,
        "currency": None,
        "warehouse_order_id": str(there(r, name).id),
        "cancel_reason": "Cancelled in the shop",
    }


@pytest.mark.parametrize("kind", ["", "conflict", "stores_nothing"])
def test_an_order_is_cancelled_and_its_goods_are_free(r: Retailer, kind: str) -> None:
    """Once, whatever becomes of the answer, and read back."""
    r.do(WMS, "create_order", order="#1001", lines=[{"sku": "SKU-0001", "quantity": 2}])
    if kind:
        r.strike(WMS, "POST /latest/orders/salesOrders/{id}/cancellations", kind)
    want = cancellation(r)
    got = r.deliver("cancellations_to_wms", want, ticks=5, pause=SETTLED)
    assert got == {want["business_key"]: "verified"}
    order = there(r)
    assert order.cancelled_at is not None
    assert wms.get_entry(r.wms, order.lines[0].sellable_id, 41).allocated == 0


def test_an_order_on_the_floor_is_not_cancelled(r: Retailer) -> None:
    """Past the point of no return nothing is even asked."""
    r.do(WMS, "create_order", order="#1001", lines=[{"sku": "SKU-0001", "quantity": 2}])
    r.do(WMS, "start_pick", order="#1001")
    (state,) = r.deliver("cancellations_to_wms", cancellation(r)).values()
    assert state == "rejected past_no_return"
    assert r.sandbox.kit.counters.calls[WMS, "POST /latest/orders/salesOrders/{id}/cancellations"] == 0


def test_an_order_whose_wave_was_released_is_not_cancelled(r: Retailer) -> None:
    """Nobody has picked yet, and it is too late all the same; an order in a wave that is only built can be."""
    r.do(WMS, "plan", order="#1001", pick_minutes=20)
    r.do(WMS, "create_order", order="#1001", lines=[{"sku": "SKU-0001", "quantity": 2}])
    order = there(r)
    at = r.world.people.pickers.pick_at[order.allocations[0].id]
    r.move_on((at - r.world.now).total_seconds() - 300)
    assert order.allocations[0].picking_since is None
    (state,) = r.deliver("cancellations_to_wms", cancellation(r)).values()
    assert state == "rejected past_no_return"


# --- where there is order management ----------------------------------------------------------------------


@pytest.fixture
def om(tmp_path: Path) -> Iterator[Retailer]:
    """An account that takes customer orders."""
    options = {"orders": "customer", "trading_partner": "WEB", "sales_channel": "Shop"}
    with sandbox_kit.standing_still():
        made = retailer(tmp_path, options=options)
        made.move_on(SETTLED)
        yield made


def test_a_customer_order_is_believed_when_it_is_there(om: Retailer) -> None:
    """202 is a promise: it shows some seconds later, and its goods in the sales order made of it."""
    want = sale()
    assert send(om, want)[want["business_key"]].startswith("sent")
    assert send(om, want, ticks=3, pause=15) == {want["business_key"]: "verified"}
    check_sent(om, want)
    assert om.sandbox.kit.counters.calls[WMS, "POST /latest/orders/customerOrders"] == 1


@pytest.mark.parametrize(
    "kind", ["reset_after_effect", "gateway_timeout_after_effect", "error_500", "stores_nothing"]
)
def test_a_customer_order_is_never_doubled(om: Retailer, kind: str) -> None:
    """Nothing makes it unique there: it is looked for until it must be there, and only then sent again."""
    want = sale()
    om.strike(WMS, "POST /latest/orders/customerOrders", kind)
    assert send(om, want, ticks=6) == {want["business_key"]: "verified"}
    check_sent(om, want)


def test_a_customer_order_is_made_also_when_nobody_asks_again(om: Retailer) -> None:
    """What was accepted is under way in the world, not in a call to come: a kept sandbox has it still."""
    send(om, sale())
    calls = om.sandbox.kit.counters.calls.total()
    om.move_on(15)
    assert len(wms.records_of(om.wms, "#1001")) == 1
    assert om.sandbox.kit.counters.calls.total() == calls


def test_a_customer_order_stored_otherwise_is_no_success(om: Retailer) -> None:
    """Accepted by 202, and the street cut short when it was made."""
    want = sale()
    om.strike(WMS, "POST /latest/orders/customerOrders", "stores_truncated")
    assert send(om, want, ticks=4, pause=20) == {want["business_key"]: "sent mismatch"}


def test_a_long_customer_order_is_compared_whole(om: Retailer) -> None:
    """The lines of its own list are a 404; those of its sales order are read."""
    want = sale(lines=[(f"SKU-{n:04d}", n, f"{n}.25") for n in range(1, 13)])
    assert send(om, want, ticks=3, pause=20) == {want["business_key"]: "verified"}


def test_an_item_it_does_not_know_would_be_swallowed_and_is_said(om: Retailer) -> None:
    """It left the item master since it was read: a line without an item is not what was sent."""
    want = sale(lines=[("TEE-X", 1, "20"), ("SKU-0001", 1, "5")])
    (state,) = send(om, want, ticks=3, pause=20).values()
    assert "mismatch" in state
    assert not wms.find_orders(om.wms, "#1001")


def test_its_orders_are_read_back_under_the_shops_number(om: Retailer) -> None:
    """The sales order has a number of its own."""
    want = sale()
    send(om, want, ticks=3, pause=20)
    om.pull_of(WMS)
    with om.staged() as views:
        assert views.rows("stg_deposco__warehouse_orders", "reference", "status_code") == [
            ("#1001", "released")
        ]
