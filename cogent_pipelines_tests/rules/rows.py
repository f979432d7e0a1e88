"""A small retailer in mart tables, for one model at a time: row builders with overrides.

Belongs here: orders, parcels, levels and the like as a test wants them, put straight into the marts.
Does not belong here: rendering (``dbt_render``), or what any rule should say (the tests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from cogent_pipelines_tests import dbt_render

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
"""A Wednesday at noon, in winter: trading time is UTC."""
SHOP, WMS, PSP, BRIDGE = "web_uk", "wms_uk", "cards_uk", "bridge"
RECORDS = {"marts.warehouse_orders": "marts.warehouse_records", "marts.shipments": "marts.shipment_records"}
"""Marts that are made of records and the order they are for: a test's rows go into both."""
LOCATIONS = {"1001": "LEEDS", "1002": "YORK"}
FACILITIES = {"LEEDS": "41", "YORK": "42"}


def ago(**span: float) -> datetime:
    """An instant before now."""
    return NOW - timedelta(**span)


@cache
def _template(model: str, *more: str) -> tuple[duckdb.DuckDBPyConnection, dict[str, set[str]]]:
    """The tables and views ``model`` needs, and ``more`` sources, made once, with the estate in them."""
    connection = dbt_render.connect()
    dbt_render.create(connection, model)
    dbt_render.create_sources(connection, *more)
    columns = connection.execute(
        "SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns() GROUP BY 1"
    ).fetchall()
    tables = {name: set(names) for name, names in columns if not name.startswith(("steps.", "main."))}
    _estate(World.__new__(World)._over(connection, tables))
    return connection, tables


@dataclass
class World:
    """The tables one model reads, filled by the methods below. Tables the model does not read are left out.

    A model's worlds share one database, one after the other: each is a transaction nobody commits, ended by the next.
    """

    model: str

    def __post_init__(self) -> None:
        connection, tables = _template(self.model)
        self._over(connection, tables)
        with suppress(duckdb.TransactionException):
            connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        self.at(NOW)

    @classmethod
    def alone(cls, model: str, *more: str) -> World:
        """A world with a database of its own and ``more`` sources in it, for what opens transactions itself."""
        world = cls.__new__(cls)
        world.model = model
        world._over(*_template.__wrapped__(model, *more))
        world.at(NOW)
        return world

    def _over(self, connection: duckdb.DuckDBPyConnection, tables: dict[str, set[str]]) -> World:
        self.connection, self.tables = connection, tables
        return self

    # --- asking ---------------------------------------------------------------------------------------

    def clear(self, *relations: str) -> None:
        """Empty tables."""
        for relation in relations:
            if relation in self.tables:
                self.connection.execute(f"DELETE FROM {relation}")

    def clear_where(self, relation: str, where: str) -> None:
        """Take rows out of a table."""
        if relation in self.tables:
            self.connection.execute(f"DELETE FROM {relation} WHERE {where}")

    def rows(self) -> list[dict[str, Any]]:
        """What the model returns now."""
        dbt_render.refresh(self.connection)
        return dbt_render.fetch(self.connection, f"SELECT * FROM {dbt_render.models()[self.model].relation}")

    def row(self) -> dict[str, Any]:
        """The one row it returns."""
        (row,) = self.rows()
        return row

    def found(self) -> dict[str, str]:
        """Exception key -> cause."""
        return {row["exception_key"]: row["cause"] for row in self.rows()}

    def at(self, moment: datetime) -> None:
        """Make it ``moment``."""
        dbt_render.set_as_of(self.connection, moment.isoformat())

    # --- filling --------------------------------------------------------------------------------------

    def put(self, relation: str, /, **values: Any) -> None:
        """One row, if the model reads that table; columns it has not are left out."""
        if relation in RECORDS:
            self.put(RECORDS[relation], **values)
        self.put_all(relation, [values])

    def put_all(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Several rows at once, into this table only."""
        columns = self.tables.get(relation)
        if columns is not None:
            kept = [{n: _plain(value) for n, value in row.items() if n in columns} for row in rows]
            dbt_render.insert(self.connection, relation, *kept)

    def bulk(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Very many rows of one form, into this table only."""
        self.connection.register("bulk_rows", pa.Table.from_pylist(list(rows)))
        self.connection.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM bulk_rows")
        self.connection.unregister("bulk_rows")

    def change(self, relation: str, where: str, /, **values: Any) -> None:
        """Change rows of a table."""
        if relation in RECORDS:
            known = self.tables.get(RECORDS[relation], set())
            self.change(RECORDS[relation], where, **{n: v for n, v in values.items() if n in known})
        if relation in self.tables and values:
            sets = ", ".join(f'"{name}" = ?' for name in values)
            self.connection.execute(
                f"UPDATE {relation} SET {sets} WHERE {where}", [_plain(v) for v in values.values()]
            )

    def hours(self, facility: str, opens: int = 7, closes: int = 19) -> None:
        """Open on every weekday from three weeks ago to six weeks ahead."""
        starts = [NOW.replace(hour=opens) + timedelta(days=day) for day in range(-20, 41)]
        self.put_all(
            "estate.open_hours",
            [
                {"facility": facility, "opens_at": start, "closes_at": start.replace(hour=closes),
                 "open_before_s": before * (closes - opens) * 3600}
                for before, start in enumerate(start for start in starts if start.weekday() < 5)
            ],
        )  # fmt: skip

    def pulls(self, started_at: datetime = ago(minutes=1), **values: Any) -> None:
        """A whole reading of everything, on both sides."""
        for system in (SHOP, WMS):
            for stream in ("orders", "stock"):
                self.put(
                    "ops.pulls",
                    **({"system": system, "stream": stream, "kind": "full", "started_at": started_at,
                        "finished_at": started_at, "is_complete": True} | values),
                )  # fmt: skip

    def item(
        self, sku: str, /, *, price: str | None = "10.00", where: Sequence[str] = (SHOP, WMS), **values: Any
    ) -> None:
        """A SKU that both sides know."""
        for system in where:
            self.put(
                "marts.items",
                **({
                    "item_key": f"{system}:{sku}", "system": system, "item_id": f"{system[0]}-{sku}", "sku": sku,
                    "inventory_item_id": f"inv-{sku}" if system == SHOP else None, "is_active": True, "is_tracked": True,
                    "role": "channel" if system == SHOP else "warehouse", "updated_at": ago(days=3), "currency": "GBP",
                    "price_amount": Decimal(price) if price and system == SHOP else None, "weight_grams": 100,
                    "barcode": "5012345678900", "origin_country_code": "GB", "url": f"https://{system}/{sku}",
                } | values),
            )  # fmt: skip

    def catalogue_read(self, system: str, at: datetime, *, by_name: bool = False) -> None:
        """A whole reading of a system's products, which took a minute; ``by_name``: it shows what it is asked about."""
        self.clear_where("estate.feeds", f"system = '{system}' and stream = 'products'")
        self.put(
            "estate.feeds",
            system=system, vendor="", stream="products", entity="products", seconds=3600, is_asked_by_name=by_name,
        )  # fmt: skip
        self.put(
            "ops.pulls",
            pull_id=f"{system}{at}", system=system, stream="products", kind="full", started_at=at, window_to=at,
            finished_at=at + timedelta(minutes=1), is_complete=True,
        )  # fmt: skip

    def stock(self, sku: str, available: int, *, facility: str = "LEEDS", **values: Any) -> None:
        """What a facility holds."""
        self.put(
            "marts.stock",
            **({
                "stock_key": f"{WMS}:{sku}:{facility}", "system": WMS, "facility_id": FACILITIES[facility], "sku": sku,
                "item_id": f"w-{sku}", "physical_qty": available, "allocated_qty": 0, "available_qty": available,
                "updated_at": ago(days=1), "read_at": ago(minutes=1), "facility": facility,
            } | values),
        )  # fmt: skip

    def level(self, sku: str, available: int | None, *, location: str = "1001", **values: Any) -> None:
        """What the shop shows."""
        self.put(
            "marts.channel_stock",
            **({
                "channel_stock_key": f"{SHOP}:inv-{sku}:{location}", "system": SHOP, "location_id": location, "sku": sku,
                "item_id": f"inv-{sku}", "available_qty": available, "committed_qty": 0, "on_hand_qty": available,
                "updated_at": ago(days=1), "read_at": ago(minutes=2), "is_active": True, "facility": LOCATIONS[location],
            } | values),
        )  # fmt: skip

    def bundle(self, parent: str, **components: int) -> None:
        """``bundle("KIT", A=1, B=2)``."""
        for sku, qty in components.items():
            self.put("mappings.bundles", parent_sku=parent, component_sku=sku, qty=qty)

    def order(
        self, number: str = "1", *lines: tuple[str, int] | tuple[str, int, str], location: str = "1001",
        remaining: Sequence[int] | None = None, fulfilment_status: str = "open", **values: Any,
    ) -> str:  # fmt: skip
        """A paid order with its lines and one open fulfilment order; its key."""
        key = f"{SHOP}:{number}"
        lines = lines or (("A", 1),)
        total = sum((Decimal(line[2] if len(line) > 2 else "10.00") * line[1] for line in lines), Decimal(0))
        self.put(
            "marts.orders",
            **({
                "order_key": key, "system": SHOP, "order_id": number, "order_name": f"#{number}",
                "placed_at": ago(hours=1), "updated_at": ago(hours=1), "is_test": False, "currency": "GBP",
                "total_amount": total, "current_total_amount": total, "subtotal_amount": total, "shipping_amount": Decimal(0), "tax_amount": Decimal(0),
                "is_tax_included": True,
                "discount_amount": Decimal(0), "captured_amount": total, "refunded_amount": Decimal(0),
                "payment_code": "captured", "paid_at": ago(hours=1), "fulfilment_code": "unfulfilled",
                "customer_key": f"{SHOP}:c1", "customer_email": "ann@example.test", "ship_to_name": "Ann Lee",
                "ship_to_first_name": "Ann", "ship_to_last_name": "Lee", "ship_to_line1": "1 High St",
                "ship_to_city": "Leeds", "ship_to_postcode": "LS1 1AA", "ship_to_country_code": "GB",
                "delivery_option": "Standard Delivery", "basket_fingerprint": None, "url": f"https://shop/orders/{number}",
                "first_seen_at": ago(hours=1), "read_at": ago(minutes=1),
            } | values),
        )  # fmt: skip
        for place, line in enumerate(lines, start=1):
            self.line(
                number, place, *line, **({"currency": values["currency"]} if "currency" in values else {})
            )
        left = remaining if remaining is not None else [line[1] for line in lines]
        skus = {place: line[0] for place, line in enumerate(lines, start=1)}
        self.fulfilment_order(
            number, dict(enumerate(left, start=1)), location=location, status=fulfilment_status, skus=skus
        )
        return key

    def line(
        self, number: str, place: int, sku: str | None, qty: int, price: str = "10.00", **values: Any
    ) -> None:
        """One line of an order."""
        self.put(
            "marts.order_lines",
            **({
                "order_line_key": f"{SHOP}:{number}-{place}", "order_key": f"{SHOP}:{number}", "system": SHOP,
                "line_id": f"{number}-{place}", "sku": sku, "ordered_qty": qty, "current_qty": qty,
                "unit_price_amount": Decimal(price), "discount_amount": Decimal(0), "tax_rate": 0.2, "currency": "GBP",
                "requires_shipping": True,
            } | values),
        )  # fmt: skip

    def fulfilment_order(
        self, number: str, remaining: dict[int, int], *, location: str = "1001", status: str = "open", name: str = "",
        skus: Mapping[int, str | None] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """What the shop asks a location to send: line place -> units left."""
        fulfilment_order = f"fo{number}{name}{location}"
        self.put(
            "marts.fulfilment_orders", fulfilment_order_key=f"{SHOP}:{fulfilment_order}", system=SHOP,
            fulfilment_order_id=fulfilment_order, order_key=f"{SHOP}:{number}", location_id=location, status_code=status,
            created_at=ago(hours=1), updated_at=ago(hours=1),
        )  # fmt: skip
        for place, left in remaining.items():
            self.put(
                "marts.fulfilment_order_lines", fulfilment_order_line_key=f"{SHOP}:{fulfilment_order}-{place}",
                fulfilment_order_key=f"{SHOP}:{fulfilment_order}", fulfilment_order_line_id=f"{fulfilment_order}-{place}",
                fulfilment_order_id=fulfilment_order, order_key=f"{SHOP}:{number}",
                order_line_key=f"{SHOP}:{number}-{place}", location_id=location, sku=skus.get(place),
                total_qty=left, remaining_qty=left,
            )  # fmt: skip

    def fulfilment(
        self, number: str, name: str, lines: dict[int, int], numbers: Sequence[str] = (), *, location: str = "1001",
        **values: Any,
    ) -> None:  # fmt: skip
        """A despatch as the shop knows it: line place -> units."""
        key = f"{SHOP}:{name}"
        self.put(
            "marts.fulfilments",
            **({
                "fulfilment_key": key, "system": SHOP, "fulfilment_id": name, "order_key": f"{SHOP}:{number}",
                "location_id": location, "status_code": "success", "created_at": ago(minutes=30),
                "updated_at": ago(minutes=30), "carrier": "DPD UK", "tracking_numbers": list(numbers),
            } | values),
        )  # fmt: skip
        for place, qty in lines.items():
            self.put(
                "marts.fulfilment_lines", fulfilment_key=key, order_key=f"{SHOP}:{number}",
                order_line_key=f"{SHOP}:{number}-{place}", qty=qty,
            )  # fmt: skip

    def warehouse_order(
        self,
        name: str,
        number: str | None,
        *lines: tuple[str, int],
        shipped: Sequence[int] = (),
        **values: Any,
    ) -> str:
        """An order as the warehouse has it; its key."""
        key = f"{WMS}:{name}"
        self.put(
            "marts.warehouse_orders",
            **({
                "warehouse_order_key": key, "system": WMS, "warehouse_order_id": name,
                "reference": f"#{number}" if number else None, "status_code": "released", "created_at": ago(minutes=50),
                "updated_at": ago(minutes=50), "is_past_no_return": False, "delivery_method_id": "11",
                "ship_to_name": "Ann Lee", "ship_to_line1": "1 High St", "ship_to_city": "Leeds",
                "ship_to_postcode": "LS1 1AA", "ship_to_country_code": "GB", "currency": "GBP",
                "total_amount": Decimal(10), "url": f"https://wms/orders/{name}", "first_seen_at": ago(minutes=50),
                "read_at": ago(minutes=1), "order_key": f"{SHOP}:{number}" if number else None,
                "has_known_order": bool(number),
            } | values),
        )  # fmt: skip
        for place, (sku, qty) in enumerate(lines, start=1):
            sent = shipped[place - 1] if place <= len(shipped) else 0
            self.put(
                "marts.warehouse_order_lines", warehouse_order_line_key=f"{key}-{place}", warehouse_order_key=key, sku=sku,
                item_id=f"w-{sku}", qty=qty, picked_qty=sent, allocated_qty=qty, shipped_qty=sent,
                unit_price_amount=Decimal(10),
            )  # fmt: skip
        return key

    def allocation(self, name: str, lines: dict[str, int], *, facility: str = "LEEDS", **values: Any) -> None:
        """Stock set aside for a warehouse order."""
        key = f"{WMS}:a{name}"
        self.put(
            "marts.allocations",
            **({
                "allocation_key": key, "warehouse_order_key": f"{WMS}:{name}", "system": WMS,
                "facility_id": FACILITIES[facility], "created_at": ago(minutes=45), "is_shipped": False, "facility": facility,
            } | values),
        )  # fmt: skip
        for sku, qty in lines.items():
            self.put(
                "marts.allocation_lines", allocation_key=key, warehouse_order_key=f"{WMS}:{name}", sku=sku,
                item_id=f"w-{sku}", qty=qty,
            )  # fmt: skip

    def parcel(self, name: str, of: str, number: str | None, lines: dict[str, int], **values: Any) -> str:
        """A parcel of warehouse order ``of`` for shop order ``number``; its key."""
        key = f"{WMS}:{name}"
        self._record(f"{WMS}:{of}", number)
        self.put(
            "marts.shipments",
            **({
                "shipment_key": key, "system": WMS, "shipment_id": name, "warehouse_order_key": f"{WMS}:{of}",
                "facility_id": "41", "carrier": "DPD", "tracking_number": f"T{name}", "tracking_url": f"https://t/{name}",
                "despatched_at": ago(minutes=30), "url": f"https://wms/orders/{of}", "facility": "LEEDS",
                "order_key": f"{SHOP}:{number}" if number else None,
            } | values),
        )  # fmt: skip
        for sku, qty in lines.items():
            self.put(
                "marts.shipment_lines", shipment_key=key, warehouse_order_key=f"{WMS}:{of}", sku=sku, qty=qty
            )
        return key

    def _record(self, key: str, number: str | None) -> None:
        """A parcel is of a warehouse order: make its bare record where a test has made none."""
        table = "marts.warehouse_records"
        if table not in self.tables or number is None:
            return
        there = f"SELECT count(*) FROM {table} WHERE warehouse_order_key = ?"
        if self.connection.execute(there, [key]).fetchone() == (0,):
            self.put(
                table, warehouse_order_key=key, system=WMS, warehouse_order_id=key.partition(":")[2],
                reference=f"#{number}", status_code="shipped", created_at=ago(minutes=50), updated_at=ago(minutes=50),
                read_at=ago(minutes=1),
            )  # fmt: skip

    def refund(
        self,
        number: str,
        name: str,
        amount: str,
        lines: Sequence[tuple[int, str, int, str]] = (),
        **values: Any,
    ) -> None:
        """Money given back; lines are (line place, sku, units, restock code)."""
        key = f"{SHOP}:{name}"
        self.put(
            "marts.refunds",
            **({
                "refund_key": key, "system": SHOP, "refund_id": name, "order_key": f"{SHOP}:{number}",
                "refunded_at": ago(minutes=20), "amount": Decimal(amount), "currency": "GBP",
                "adjustment_amount": Decimal(0),
            } | values),
        )  # fmt: skip
        for place, sku, qty, restock in lines:
            self.put(
                "marts.refund_lines", refund_key=key, order_key=f"{SHOP}:{number}",
                order_line_key=f"{SHOP}:{number}-{place}", sku=sku, qty=qty, restock_code=restock, location_id="1001",
                amount=Decimal(amount),
            )  # fmt: skip

    def capture(self, number: str, amount: str, name: str = "", **values: Any) -> None:
        """Money taken for an order; ``name`` where there is more than one."""
        key = f"{SHOP}:p{number}{name}"
        self.put(
            "marts.payments",
            **({
                "payment_key": key, "system": SHOP, "order_key": f"{SHOP}:{number}", "payment_id": f"p{number}{name}",
                "kind_code": "capture", "status_code": "success", "amount": Decimal(amount), "currency": "GBP",
                "gateway": "cards", "processed_at": ago(days=4), "read_at": ago(minutes=1),
            } | values),
        )  # fmt: skip

    def payout(self, name: str, amount: str, **values: Any) -> str:
        """A transfer of the provider's to the bank; its key."""
        key = f"{PSP}:{name}"
        self.put(
            "marts.payouts",
            **({
                "payout_key": key, "system": PSP, "payout_id": name, "issued_at": ago(days=2), "status_code": "paid",
                "status_raw": "paid", "net_amount": Decimal(amount), "currency": "GBP", "is_itemised": True,
            } | values),
        )  # fmt: skip
        return key

    def entry(
        self, name: str, kind: str, gross: str, payout: str | None = None, *, fee: str = "0", **values: Any
    ) -> str:
        """A movement of the provider's balance; its key. ``number`` of the order it names, if any."""
        key = f"{PSP}:{name}"
        self.put(
            "marts.payout_entries",
            **({
                "entry_key": key, "system": PSP, "entry_id": name, "payout_id": payout, "kind_code": kind, "kind_raw": kind,
                "gross_amount": Decimal(gross), "fee_amount": Decimal(fee), "net_amount": Decimal(gross) - Decimal(fee),
                "currency": "GBP", "settlement_currency": "GBP", "settlement_rate": Decimal(1), "transaction_id": f"t-{name}",
                "occurred_at": ago(days=4),
            } | values),
        )  # fmt: skip
        return key

    def flow(self, name: str = "88", **values: Any) -> str:
        """A flow that is switched on; its key."""
        self.put(
            "marts.flows",
            **({
                "flow_key": f"{BRIDGE}:{name}", "system": BRIDGE, "flow_id": name, "name": "orders to the warehouse",
                "status_code": "deployed", "is_enabled": True, "enabled_at": ago(days=30), "waiting_count": 0,
                "read_at": ago(minutes=1),
            } | values),
        )  # fmt: skip
        return f"{BRIDGE}:{name}"

    def flow_run(
        self, name: str, status: str = "succeeded", *, flow: str = "88", retry_of: str | None = None, **values: Any
    ) -> str:  # fmt: skip
        """A run of a flow that took a minute; its key."""
        started_at = values.get("started_at", ago(hours=1))
        self.put(
            "marts.flow_runs",
            **({
                "flow_run_key": f"{BRIDGE}:{name}", "system": BRIDGE, "run_id": name, "flow_key": f"{BRIDGE}:{flow}",
                "status_code": status, "trigger_code": "retry" if retry_of else "schedule", "started_at": started_at,
                "finished_at": None if status == "running" else started_at + timedelta(minutes=1),
                "retry_of_key": f"{BRIDGE}:{retry_of}" if retry_of else None, "order_references": [],
                "url": f"https://bridge/flow-run-logs/{name}", "read_at": ago(minutes=1),
            } | values),
        )  # fmt: skip
        return f"{BRIDGE}:{name}"

    def flow_failure(self, name: str, of: str, *references: str, **values: Any) -> str:
        """An error of run ``of`` about a payload that names ``references``; its key."""
        self.put(
            "marts.flow_failures",
            **({
                "failure_key": f"{BRIDGE}:{name}", "system": BRIDGE, "flow_run_key": f"{BRIDGE}:{of}",
                "level_code": "error", "failed_at": ago(minutes=59), "message": "sku TEE-M unknown",
                "payload_id": f"7{name}", "payload_size": 812, "payload_references": list(references),
                "copy_code": "copied", "read_at": ago(minutes=1),
            } | values),
        )  # fmt: skip
        return f"{BRIDGE}:{name}"

    def promise(self, sync: str, business_key: str, state: str = "verified", **values: Any) -> None:
        """A row of the ledger's copy."""
        known = (
            self.connection.execute("SELECT count(*) FROM ops.operations").fetchone()
            if "ops.operations" in self.tables
            else (0,)
        )
        self.put(
            "ops.operations",
            **({
                "promise_id": known[0] + 1 if known else 1, "sync": sync, "system": WMS if sync.endswith("wms") else SHOP,
                "source_system": SHOP, "business_key": business_key, "act": "create", "generation": 1, "state": state,
                "reason": "", "message": "", "planned_at": ago(minutes=55), "first_sent_at": ago(minutes=54),
                "sent_at": ago(minutes=54), "closed_at": ago(minutes=50), "attempts": 1,
            } | values),
        )  # fmt: skip


def _estate(world: World) -> None:
    """One shop and one warehouse with two facilities, open on weekdays."""
    world.put(
        "estate.systems",
        system=SHOP,
        vendor="shopify",
        role="channel",
        admin_url="https://shop",
        account=SHOP,
        tells_customers=False,
        item_details=["barcode", "origin", "weight"],
    )
    world.put(
        "estate.systems", system=WMS, vendor="veeqo", role="warehouse", admin_url="https://wms", account=WMS
    )
    world.put("estate.systems", system=BRIDGE, vendor="patchworks", role="bridge", account=BRIDGE)
    world.put(
        "estate.channels", system=SHOP, release_policy="after_capture", notify_policy="on_despatch",
        capture_policy="before_release", buffer=0, route="location",
    )  # fmt: skip
    world.put("estate.syncs", sync="orders_to_wms", mode="live", from_at=None)
    world.put("estate.truth", entity="products", facility="", system=SHOP)
    for name, value in (
        ("time_zone", "Europe/London"), ("duplicate_window_s", "3600"), ("stock_increase_interval_s", "600"),
    ):  # fmt: skip
        world.put("estate.settings", name=name, value=value)
    for entity, stream in (("orders", "orders"), ("stock", "stock")):
        for system in (SHOP, WMS):
            world.put("estate.feeds", system=system, vendor="", stream=stream, entity=entity, seconds=120)
    for facility, number in FACILITIES.items():
        world.put(
            "mappings.facilities", facility=facility, warehouse_system=WMS, warehouse_facility_id=number
        )
        world.put("estate.facilities", facility=facility, system=WMS)
    for location, facility in LOCATIONS.items():
        world.put("mappings.locations", system=SHOP, location_id=location, facility=facility)
    for facility in FACILITIES:
        world.put(
            "mappings.delivery_options", system=SHOP, delivery_option="Standard Delivery", facility=facility,
            warehouse_system=WMS, delivery_method_id="11", service_code="STD",
        )  # fmt: skip
    world.put(
        "mappings.carriers",
        warehouse_system=WMS,
        carrier="DPD",
        channel_system=SHOP,
        channel_carrier="DPD UK",
    )
    world.hours("LEEDS")
    world.hours("")


def _plain(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
