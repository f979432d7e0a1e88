"""Our Seko against the sandbox's, which was written from the vendor's documents by itself.

What is read is the warehouse's truth; what is sent has one effect, whatever becomes of the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogent_pipelines import warehouse
from cogent_pipelines.connect.spec import Stream
from cogent_pipelines.landing import pull, tables
from cogent_pipelines.landing.pull import PullReport
from cogent_pipelines.ledger import copy as ledger_copy
from cogent_pipelines.ledger import ledger
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.model import WarehouseOrder
from cogent_pipelines.vendors import seko, seko_writes
from cogent_pipelines_tests.vendors.sandbox_kit import (
    SHOP,
    TIME,
    WMS,
    Retailer,
    standing_still,
)
from cogent_pipelines_tests.vendors.seko_kit import line, want

pytestmark = pytest.mark.usefixtures("_seko")
STREAMS = {stream.name: stream for stream in seko.STREAMS}
SUBMIT = "POST /salesorders/v4/websubmit"
STATUS = "GET /salesorders/v1/{guid}/status.json"
CANCEL = "POST /salesorders/v3/{number}/cancel"


@pytest.fixture
def _seko() -> Iterator[None]:
    """Time that passes only when somebody waits."""
    with standing_still():
        yield


class Seko(Retailer):
    """A shop and a Seko account, and ours beside them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.drop = folder / "drop"
        super().__init__(folder, {SHOP: "shopify", WMS: "seko"}, **settings)
        with warehouse.open(self.path) as connection:
            for slug in ("seko", "shopify"):
                tables.prepare(connection, slug)
            connection.execute("CREATE SCHEMA IF NOT EXISTS marts; CREATE SCHEMA IF NOT EXISTS mappings")
            skus = ", ".join(f"('{s.sku}')" for s in self.wms.sellables.values())
            connection.execute(
                f"CREATE TABLE marts.items AS SELECT sku, 'channel' AS role FROM (VALUES {skus}) t (sku);"
                "CREATE TABLE mappings.bundles (parent_sku VARCHAR, component_sku VARCHAR, qty BIGINT);"
                "CREATE TABLE mappings.sku_changes (system VARCHAR, old_sku VARCHAR, new_sku VARCHAR);"
                f"CREATE TABLE mappings.facilities AS SELECT '{WMS}' AS warehouse_system, dc AS warehouse_facility_id "
                "FROM (VALUES ('DCLEE01'), ('DCYOR01')) AS t (dc)"
            )

    @property
    def sku(self) -> str:
        """A SKU of which there is enough at Leeds."""
        return next(s.sku for s in self.wms.sellables.values() if self.wms.stock[(s.id, 41)].physical >= 20)

    def read(self, *names: str, full: bool = False) -> list[PullReport]:
        """Pull streams of the warehouse, the ledger's copy being fresh."""
        book = ledger.open(self.ledger_url)
        with warehouse.open(self.path) as connection:
            ledger_copy.copy(connection, book)
        book.close()

        async def one() -> list[PullReport]:
            async with self.client(WMS) as client:
                streams: list[Stream | str] = [STREAMS[name] for name in names]
                return await pull.pull_system(
                    self.estate,
                    WMS,
                    streams,
                    state=self.folder,
                    warehouse_path=self.path,
                    client=client,
                    full=full,
                )

        reports = asyncio.run(one())
        self.catch_up()
        return reports

    def row(self, reference: str = "#1042", **more: Any) -> dict[str, Any]:
        """A row of wanted.orders_to_wms."""
        fields = dict(want(lines=[line(self.sku)], **more).fields)
        for name in ("due_on", "ship_to_company", "ship_to_line2", "ship_to_region", "note"):
            fields[name] = fields[name] or ""
        fields.pop("due_on")
        return {
            "system": WMS, "source_system": SHOP, "act": "create", "business_key": f"{reference}@LEEDS",
            "reference": reference, "order_key": f"{SHOP}:1", "since_at": datetime(2026, 7, 6, tzinfo=UTC),
            "held_by": "", "priority": 30, "amount": Decimal("51.95"), **fields,
        }  # fmt: skip

    def send(self, *rows: dict[str, Any], ticks: int = 4) -> dict[str, str]:
        """Deliver orders, with time to settle between the ticks."""
        clean = [{name: (value if value != "" else None) for name, value in row.items()} for row in rows]
        return self.deliver("orders_to_wms", *clean, ticks=ticks, pause=400)

    def orders(self, reference: str = "#1042") -> list[WarehouseOrder]:
        """The warehouse's orders of a reference."""
        return [order for order in self.wms.orders.values() if order.number == reference]


@pytest.fixture
def retailer(tmp_path: Path) -> Seko:
    """A quiet retailer with twelve SKUs."""
    return Seko(tmp_path)


@contextmanager
def _staged(retailer: Seko) -> Iterator[Any]:
    with retailer.staged() as staged:
        yield staged


# --- writes -------------------------------------------------------------------------------------------


def test_an_order_is_loaded_and_then_found_by_our_reference(retailer: Seko) -> None:
    """One order at the mapped DC, allocated, under the GUID our reference makes."""
    assert retailer.send(retailer.row()) == {"#1042@LEEDS": "verified"}
    (order,) = retailer.orders()
    assert (order.address.first_name, order.address.postcode, order.allocations[0].facility_id) == (
        "Ann", "LS1 1AA", 41,
    )  # fmt: skip
    assert [(item.quantity, item.unit_price) for item in order.lines] == [(2, Decimal("20.0000"))]


@pytest.mark.parametrize("kind", ["half_body", "rate_limited"])
def test_an_unknown_outcome_never_doubles(retailer: Seko, kind: str) -> None:
    """Whether the order was loaded is asked of its GUID before anything is sent again."""
    retailer.strike(WMS, SUBMIT, kind)
    assert retailer.send(retailer.row(), ticks=6) == {"#1042@LEEDS": "verified"}
    assert len(retailer.orders()) == 1


def test_a_rejected_order_gives_the_vendors_own_words(retailer: Seko) -> None:
    """The failure came with status 200."""
    row = retailer.row()
    row["lines"] = [line(retailer.sku, qty=9999)]
    state = retailer.send(row)["#1042@LEEDS"]
    assert "no_free_stock" in state
    assert retailer.orders() == []


def test_one_bad_order_does_not_hold_the_others(retailer: Seko) -> None:
    """A typo in one facility stops what goes there and nothing else."""
    rows = [
        retailer.row("#1"),
        retailer.row("#2", facility_id="DCLEX01"),
        retailer.row("#3", facility_id="LEEDS"),
    ]
    states = retailer.send(*rows)
    assert states["#1@LEEDS"] == "verified"
    assert "unmapped_facility_id" in states["#2@LEEDS"]
    assert "unmapped_facility_id" in states["#3@LEEDS"]
    assert retailer.sandbox.kit.counters.calls[(WMS, SUBMIT)] == 2


def _cancel(retailer: Seko) -> str:
    row = {
        "system": WMS, "source_system": SHOP, "act": "cancel", "business_key": "#1042@cancel", "reference": "#1042",
        "order_key": f"{SHOP}:1", "since_at": TIME.at, "held_by": None, "priority": 20, "amount": Decimal(1),
        "currency": "GBP", "warehouse_order_id": seko_writes.guid("#1042"), "cancel_reason": "Cancelled in the shop",
    }  # fmt: skip
    return retailer.deliver("cancellations_to_wms", row, ticks=3, pause=400)["#1042@cancel"]


def test_an_order_is_cancelled_and_the_cancellation_seen(retailer: Seko) -> None:
    """By number and reason code; done when the status says so."""
    retailer.send(retailer.row(), ticks=3)
    assert _cancel(retailer) == "verified"
    assert retailer.orders()[0].cancelled_at is not None
    assert retailer.orders()[0].cancel_reason == "001"


def test_a_picked_order_is_not_asked_to_be_cancelled(retailer: Seko) -> None:
    """Nothing is sent past the point of no return."""
    retailer.send(retailer.row(), ticks=3)
    order = retailer.orders()[0]
    order.allocations[0].picking_since = retailer.world.now
    assert "past_no_return" in _cancel(retailer)
    assert retailer.sandbox.kit.counters.calls[(WMS, CANCEL)] == 0


# --- reads --------------------------------------------------------------------------------------------


def test_stock_is_the_warehouses_truth_and_what_is_left_out_is_zero(retailer: Seko) -> None:
    """Every SKU at every DC has a row, also those of which there is nothing."""
    first = next(iter(retailer.wms.sellables.values()))
    for facility in (41, 42):
        retailer.wms.stock[(first.id, facility)].physical = 0
    (report,) = retailer.read("stock")
    assert (report.is_complete, report.rows_new) == (True, 2 * len(retailer.wms.sellables))
    sites = {41: "DCLEE01", 42: "DCYOR01"}
    truth = {
        (sites[facility], retailer.wms.sellables[item].sku): max(entry.physical - entry.allocated, 0)
        for (item, facility), entry in retailer.wms.stock.items()
    }
    with _staged(retailer) as staged:
        shown = {
            (dc, sku): n
            for dc, sku, n in staged.rows("stg_seko__stock", "facility_id", "sku", "available_qty")
        }
    assert shown == truth
    assert shown["DCLEE01", first.sku] == 0


def test_stock_is_asked_for_in_as_many_requests_as_its_query_needs(tmp_path: Path) -> None:
    """The longest query is 2048 bytes with the key; one too long would be refused."""
    retailer = Seko(tmp_path, skus=600)
    (report,) = retailer.read("stock")
    assert report.rows_new == 2 * len(retailer.wms.sellables)
    calls = retailer.sandbox.kit.counters.calls[(WMS, "GET /stock/v3/quantity")]
    assert 2 * 3 <= calls <= 2 * 5


def test_a_facility_that_is_misspelt_stops_itself_only(retailer: Seko) -> None:
    """Its refusal is set aside in the vendor's words; the other's levels come in, and it mends by itself."""
    with warehouse.open(retailer.path) as connection:
        connection.execute("UPDATE mappings.facilities SET warehouse_facility_id = 'DCYOX01' "
                           "WHERE warehouse_facility_id = 'DCYOR01'")  # fmt: skip
    (report,) = retailer.read("stock")
    assert (report.is_complete, report.rows_set_aside) == (True, 1)
    with warehouse.open(retailer.path) as connection:
        assert connection.execute(
            "SELECT record_key, reason FROM ops.set_aside WHERE is_open"
        ).fetchall() == [("part DCYOX01", "Error. Invalid Mapping - DC")]
        assert connection.execute("SELECT DISTINCT DCCode FROM seko.stock").fetchall() == [("DCLEE01",)]
        connection.execute("UPDATE mappings.facilities SET warehouse_facility_id = 'DCYOR01' "
                           "WHERE warehouse_facility_id = 'DCYOX01'")  # fmt: skip
    retailer.read("stock")
    with warehouse.open(retailer.path) as connection:
        assert connection.execute("SELECT count(*) FROM ops.set_aside WHERE is_open").fetchone() == (0,)


def test_products_are_asked_about_until_they_are_known(retailer: Seko) -> None:
    """One that is not there is no item; one that is there is not asked about again."""
    with warehouse.open(retailer.path) as connection:
        connection.execute("INSERT INTO marts.items VALUES ('NEW-1', 'channel')")
    (first,) = retailer.read("products")
    (second,) = retailer.read("products")
    assert (first.rows_in, second.rows_in) == (len(retailer.wms.sellables) + 1, 1)
    with _staged(retailer) as staged:
        known = {sku for (sku,) in staged.rows("stg_seko__items", "sku")}
    assert known == {s.sku for s in retailer.wms.sellables.values()}


def _ship(retailer: Seko) -> WarehouseOrder:

    (order,) = retailer.orders()
    allocation = order.allocations[0]
    if allocation.parcel is None:
        rules.ship_allocation(
            retailer.world, retailer.wms, order.id, allocation.id, carrier_id=4, tracking_number="1550123"
        )
    return order


def test_a_loaded_order_is_followed_to_its_dispatch_and_then_left_alone(retailer: Seko) -> None:
    """An old order that changes comes back as long as it is not at its end."""
    retailer.send(retailer.row(), ticks=3)
    (first,) = retailer.read("orders")
    (same,) = retailer.read("orders")
    assert (first.rows_new, same.rows_same, same.rows_gone) == (1, 1, 0)
    order = _ship(retailer)
    (changed,) = retailer.read("orders")
    (tracking,) = retailer.read("tracking")
    (closed,) = retailer.read("orders")
    assert (changed.rows_changed, tracking.rows_new, closed.rows_in) == (1, 1, 0)
    with _staged(retailer) as staged:
        assert staged.rows(
            "stg_seko__shipments", "warehouse_order_key", "carrier", "tracking_number", "facility_id"
        ) == [
            (
                f"{WMS}:{seko_writes.guid('#1042')}",
                "DPD",
                order.allocations[0].parcel.tracking_number,
                "DCLEE01",
            )
        ]
        assert staged.rows("stg_seko__shipment_lines", "sku", "qty") == [(retailer.sku, 2)]


def test_a_pushed_dispatch_is_the_same_parcel(retailer: Seko) -> None:
    """The folder's messages and the order's status tell of one dispatch; a second reading adds nothing."""
    retailer.send(retailer.row(), ticks=3)
    retailer.read("orders")
    order = _ship(retailer)
    retailer.move_on(16 * 60)
    pushed = retailer.read("dispatches", "tracking_details", "grns")
    assert [report.rows_new for report in pushed] == [1, 1, 0]
    again = retailer.read("dispatches", "tracking_details")
    assert [report.rows_new + report.rows_changed for report in again] == [0, 0]
    retailer.read("orders")
    retailer.read("tracking")
    with _staged(retailer) as staged:
        ((key, number, at),) = staged.rows(
            "stg_seko__shipments", "shipment_id", "tracking_number", "despatched_at"
        )
    assert (key, number) == (seko_writes.guid("#1042"), order.allocations[0].parcel.tracking_number)
    assert abs((at - order.shipped_at).total_seconds()) < 1


def test_messages_are_kept_when_the_folder_is_emptied(retailer: Seko) -> None:
    """What was pushed has happened, whoever clears the folder."""
    retailer.send(retailer.row(), ticks=3)
    _ship(retailer)
    retailer.move_on(16 * 60)
    retailer.read("dispatches")
    for path in (retailer.drop / WMS).iterdir():
        path.unlink()
    (report,) = retailer.read("dispatches", full=True)
    assert (report.is_complete, report.rows_in, report.rows_gone) == (True, 0, 0)


def test_an_answer_lost_on_the_way_is_asked_for_again(retailer: Seko) -> None:
    """A read is tried again, by kind of trouble."""
    for kind in ("reset_before_send", "half_body", "html_with_200", "error_500"):
        retailer.strike(WMS, "GET /stock/v3/quantity", kind)
    (report,) = retailer.read("stock")
    assert (report.is_complete, report.rows_new) == (True, 2 * len(retailer.wms.sellables))
