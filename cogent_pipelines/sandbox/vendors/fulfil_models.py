"""Fulfil's models: the world's records, and the ERP's beside them, under the vendor's names.

Belongs here: which models there are, their fields, which fields lead to which model, and every record.
Does not belong here: domains and JSON (``fulfil_domain``), routes (``fulfil``), writes (``fulfil_writes``).

An order of the world is a ``sale.sale``, an allocation a ``stock.shipment.out``, an expected return both a
``stock.shipment.out.return`` and, with negative units, a ``sale.sale``. Ids of what the world has no id for are made
from the id of what it belongs to.

An account whose facilities are all run by others has sales, products and parties only; its channels are the shops, whose
orders its own connection takes in (``world/booking``).

INFERRED: delivery is a line of a product that is a service (the recorded order has two lines and one unit, and its
comment says which the other is); lines are written when their order is; inventory moves name the same shipment as
outgoing ones; the words of ``picking_status``; a tracking number is text; units without a location in the context
are none; a return's shipment comes from the sale of the return, which comes from the order.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors.fulfil_domain import Late, Record, missing, naive
from cogent_pipelines.sandbox.world import warehouse as rules

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.vendors.fulfil_books import Books
    from cogent_pipelines.sandbox.world.model import (
        Allocation,
        Warehouse,
        WarehouseLine,
        WarehouseOrder,
        WarehouseReturn,
    )
    from cogent_pipelines.sandbox.world.world import World

DELIVERY_PRODUCT = 1
CUSTOMER_PLACE = 9
DELIVERY_LINES = 50_000_000
INVENTORY_MOVES = 60_000_000
RETURN_SALES = 70_000_000
RETURN_LINES = 71_000_000
RETURN_MOVES = 80_000_000
INVOICES = 10_000_000
OUTPUT_ZONES, STORAGE_ZONES = 2_000, 1_000
CURRENCIES = {"GBP": 149, "EUR": 147, "USD": 172}
PENNY = Decimal("0.01")

RELATIONS: dict[str, dict[str, str]] = {
    "sale.sale": {
        "channel": "sale.channel",
        "party": "party.party",
        "invoice_address": "party.address",
        "shipment_address": "party.address",
        "currency": "currency.currency",
        "warehouse": "stock.location",
        "carrier": "carrier",
    },
    "sale.line": {"sale": "sale.sale", "product": "product.product", "warehouse": "stock.location"},
    "stock.shipment.out": {"customer": "party.party", "warehouse": "stock.location", "carrier": "carrier"},
    "stock.shipment.out.return": {"customer": "party.party", "warehouse": "stock.location"},
    "stock.move": {
        "product": "product.product",
        "from_location": "stock.location",
        "to_location": "stock.location",
    },
    "account.invoice": {"party": "party.party"},
    "product.product": {"template": "product.template"},
    "party.address": {"party": "party.party", "country": "country.country"},
    "party.contact_mechanism": {"party": "party.party"},
}
"""Model -> many2one field -> the model it leads to."""


def pence(amount: Decimal) -> Decimal:
    """Money in whole pence."""
    return amount.quantize(PENNY, ROUND_HALF_UP)


def country_id(code: str) -> int:
    """A number for a country."""
    return int.from_bytes(code.encode()) if code else 0


class Models:
    """Every record of one account, as of now; a call makes one of its own."""

    def __init__(
        self, world: World, warehouse: Warehouse, books: Books, locations: tuple[int, ...] = ()
    ) -> None:
        """``locations``: those the call's context names, for levels of stock."""
        self.world, self.warehouse, self.books = world, warehouse, books
        self.locations = locations
        self._kept: dict[str, dict[int, Record]] = {}

    NAMES = (
        *("sale.sale", "sale.line", "sale.channel", "stock.shipment.out", "stock.shipment.out.return"),
        *("stock.move", "stock.location", "account.invoice", "product.product", "product.template"),
        *("party.party", "party.address", "party.contact_mechanism"),
        *("currency.currency", "country.country", "carrier"),
    )

    WITHDRAWN = frozenset({"stock.location", "product.product"})
    """Models of which a record may be withdrawn: ``active`` says so."""

    def all(self, model: str) -> dict[int, Record]:
        """Every record of a model by its id. Raises ``Refusal`` for a model there is not."""
        if model not in self.NAMES:
            raise missing()
        if model not in self._kept:
            make = getattr(self, "_" + model.replace(".", "_"))
            self._kept[model] = {record["id"]: record for record in make()}
        return self._kept[model]

    def one(self, model: str, key: int) -> Record | None:
        """One record by its id; an address is made alone. Raises ``Refusal`` for a model there is not."""
        if model == "party.address":
            order = self.warehouse.orders.get(key)
            return None if order is None else self._address(order)
        return self.all(model).get(key)

    # --- sales ----------------------------------------------------------------------------------------

    def _sale_sale(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            yield Late(self._sale_head(order), partial(self.sale, order))
            for record in order.returns:
                yield Late(self._return_head(order, record), partial(self._return_sale, order, record))

    def _sale_head(self, order: WarehouseOrder) -> Record:
        reference = self.books.order(order.id).reference or order.number
        made_of = (reference, order.number, order.created_at, order.updated_at)
        before, head = self.books.heads.get(order.id, (None, {}))
        if before != made_of:
            head = {
                "id": order.id,
                "reference": reference,
                "channel_identifier": order.number,
                **self._dates(order.created_at, order.updated_at),
            }
            self.books.heads[order.id] = made_of, head
        return head

    def _return_head(self, order: WarehouseOrder, record: WarehouseReturn) -> dict[str, Any]:
        book = self.books.returns.get(record.id)
        return {
            "id": RETURN_SALES + record.id,
            "reference": book.reference if book else None,
            "channel_identifier": book.identifier if book else None,
            **self._dates(record.created_at, max(record.created_at, order.updated_at)),
        }

    @cached_property
    def _released(self) -> Mapping[int, Sequence[int]]:
        """Order -> its shipments, also those whose goods were released since."""
        found: dict[int, list[int]] = {}
        for key, (owner, _, _) in self.books.seen.items():
            found.setdefault(owner, []).append(key)
        return found

    def sale(self, order: WarehouseOrder) -> Record:
        """An order."""
        book = self.books.order(order.id)
        untaxed, tax = self.sums(order)
        total = untaxed + tax
        lines = [line.id for line in order.lines]
        shipments = sorted({*(each.id for each in order.allocations), *self._released.get(order.id, ())})
        paid = book.paid if order.id in self.books.orders else (total if order.is_paid else Decimal(0))
        is_sent = order.shipped_at is not None and order.cancelled_at is None
        carriers = [a.parcel.carrier_id for a in order.allocations if a.parcel is not None]
        warehouses = [a.facility_id for a in order.allocations] or list(self.warehouse.facilities)
        return {
            **self._sale_head(order),
            "rec_name": f"SO{order.id} ({book.reference or order.number})",
            "number": f"SO{order.id}",
            "channel": order.channel_id,
            "origin": None,
            "party": order.customer_id,
            "invoice_address": order.id,
            "shipment_address": order.id,
            "sale_date": order.created_at.date(),
            "confirmation_time": naive(book.confirmed_at or order.created_at),
            "state": self._state(order, has_exception=book.has_exception),
            "shipment_state": "sent" if is_sent else "waiting" if order.allocations else "none",
            "invoice_state": ("paid" if paid >= total else "waiting") if is_sent else "none",
            "invoice_method": "shipment",
            "shipment_method": "order",
            "currency": CURRENCIES.get(order.currency, CURRENCIES["GBP"]),
            "untaxed_amount": untaxed,
            "tax_amount": tax,
            "total_amount": total,
            "shipment_amount": pence(order.delivery_price),
            "payment_total": paid,
            "payment_captured": paid,
            "payment_authorized": Decimal(0),
            "payment_available": Decimal(0),
            "lines": [*lines, *([DELIVERY_LINES + order.id] if order.delivery_price else [])],
            "shipments": shipments,
            "shipment_returns": [each.id for each in order.returns],
            "invoices": [INVOICES + order.id] if is_sent else [],
            "payments": [payment.id for payment in book.payments],
            "moves": [key for each in order.allocations for key, _, _ in each.lines],
            "warehouse": next(iter(warehouses), None),
            "carrier": carriers[0] if carriers else None,
            "carrier_service": order.delivery_method_id,
            "has_return": bool(order.returns),
            "has_channel_exception": book.has_exception,
            "priority": "2",
            "comment": order.customer_note or None,
            "gift_message": None,
            "metadata": None,
            "total_quantity": float(sum(line.quantity for line in order.lines)),
        }

    @staticmethod
    def _dates(made: datetime, changed: datetime) -> dict[str, Any]:
        """When it was made, and when it was first changed after that: never, at first."""
        return {"create_date": naive(made), "write_date": naive(changed) if changed > made else None}

    @staticmethod
    def _state(order: WarehouseOrder, *, has_exception: bool) -> str:
        if order.cancelled_at is not None:
            return "cancel"
        if order.shipped_at is not None:
            return "done"
        if has_exception or not order.is_paid:
            return "quotation"
        return "processing" if order.allocations else "confirmed"

    def sums(self, order: WarehouseOrder) -> tuple[Decimal, Decimal]:
        """(before tax, tax) of an order, delivery included."""
        nets = [pence(line.unit_price * line.quantity) for line in order.lines]
        taxes = [self._tax(order, line) for line in order.lines]
        untaxed = sum(nets, Decimal(0)) + pence(order.delivery_price) - pence(order.discount)
        return untaxed, sum(taxes, Decimal(0))

    def _tax(self, order: WarehouseOrder, line: WarehouseLine) -> Decimal:
        kept = self.books.order(order.id).lines.get(line.id)
        if kept is not None and (kept.units, kept.price) == (line.quantity, line.unit_price):
            return kept.tax
        # of what came without its tax, so much that the two come to the price it was sold for (INFERRED)
        net = line.unit_price * line.quantity
        return pence(net * (1 + line.tax_rate)) - pence(net)

    def _return_sale(self, order: WarehouseOrder, record: WarehouseReturn) -> Record:
        prices = {line.sellable_id: line.unit_price * (1 + line.tax_rate) for line in order.lines}
        total = -sum(
            (pence(prices.get(s, Decimal(0)) * quantity) for _, s, quantity, _ in record.lines), Decimal(0)
        )
        plain = dict(self.sale(order))
        return {
            **plain,
            **self._return_head(order, record),
            "rec_name": f"SO{RETURN_SALES + record.id}",
            "number": f"SO{RETURN_SALES + record.id}",
            "origin": f"sale.sale,{order.id}",
            "state": "done" if record.status == "returned" else "processing",
            "shipment_state": "sent" if record.status == "returned" else "waiting",
            "invoice_state": "none",
            "untaxed_amount": total,
            "tax_amount": Decimal(0),
            "total_amount": total,
            "shipment_amount": Decimal(0),
            "lines": [RETURN_LINES + key for key, _, _, _ in record.lines],
            "shipments": [],
            "shipment_returns": [record.id],
            "invoices": [],
            "payments": [],
            "moves": [],
            "has_return": False,
            "has_channel_exception": False,
            "total_quantity": -float(sum(quantity for _, _, quantity, _ in record.lines)),
        }

    def _sale_line(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            yield from self._lines(order)
            for record in order.returns:
                yield from self._return_lines(order, record)

    def lines_of(self, sales: Container[int]) -> Iterable[Record]:
        """The lines of some sales only."""
        for order in self.warehouse.orders.values():
            if order.id in sales:
                yield from self._lines(order)
            for record in order.returns:
                if RETURN_SALES + record.id in sales:
                    yield from self._return_lines(order, record)

    def _lines(self, order: WarehouseOrder) -> Iterable[Record]:
        head = self._sale_head(order)
        dates = {name: head[name] for name in ("create_date", "write_date")}
        for line in order.lines:
            sold = partial(self._sold, line.sellable_id, line.quantity, line.unit_price)
            yield Late({"id": line.id, "sale": order.id, **dates}, sold)
        if order.delivery_price:
            sold = partial(self._sold, DELIVERY_PRODUCT, 1, pence(order.delivery_price))
            yield Late({"id": DELIVERY_LINES + order.id, "sale": order.id, **dates}, sold)

    def _return_lines(self, order: WarehouseOrder, record: WarehouseReturn) -> Iterable[Record]:
        prices = {line.sellable_id: line.unit_price for line in order.lines}
        made = self._dates(record.created_at, record.created_at)
        for key, sellable, quantity, _ in record.lines:
            sold = partial(self._sold, sellable, -quantity, prices.get(sellable, Decimal(0)))
            yield Late({"id": RETURN_LINES + key, "sale": RETURN_SALES + record.id, **made}, sold)

    def _sold(self, product: int, quantity: int, price: Decimal) -> dict[str, Any]:
        """What a line says of what is sold."""
        record = self.all("product.product").get(product)
        return {
            "rec_name": f"[{record['code']}] {record['variant_name']}" if record else "",
            "product": product if record else None,
            "description": record["variant_name"] if record else None,
            "quantity": float(quantity),
            "unit": 1,
            "unit_price": price,
            "amount": pence(price * quantity),
            "warehouse": next(iter(self.warehouse.facilities), None),
        }

    def _sale_channel(self) -> Iterable[Record]:
        for key, name in self.warehouse.channels.items():
            yield {"id": key, "rec_name": name, "name": name, **self._dates(self.start, self.start)}

    @property
    def start(self) -> datetime:
        """When the account was set up."""
        return self.world.settings.start or datetime(2026, 11, 2, 6, tzinfo=self.world.now.tzinfo)

    # --- shipments and moves --------------------------------------------------------------------------

    def meet_shipments(self) -> None:
        """Remember every shipment there is: one whose goods are released later is cancelled, not gone."""
        books = self.books
        there = set()
        for order in self.warehouse.orders.values():
            for each in order.allocations:
                there.add(each.id)
                books.seen.setdefault(each.id, (order.id, each.facility_id, each.created_at))
        for key in books.seen.keys() - there - books.released.keys():
            books.released[key] = self.world.now

    def _stock_shipment_out(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            for each in order.allocations:
                yield self._shipment(order, each)
        for key, at in self.books.released.items():
            owner, place, made = self.books.seen[key]
            order_or_none = self.warehouse.orders.get(owner)
            yield {
                **self._empty_shipment(key, place, order_or_none.customer_id if order_or_none else None),
                "state": "cancel",
                **self._dates(made, at),
            }

    @staticmethod
    def _empty_shipment(key: int, place: int, customer: int | None) -> dict[str, Any]:
        return {
            "id": key,
            "rec_name": f"CS{key}",
            "number": f"CS{key}",
            "state": "waiting",
            "customer": customer,
            "warehouse": place,
            "planned_date": None,
            "effective_date": None,
            "carrier": None,
            "tracking_number": None,
            "on_hold": False,
            "picking_status": None,
            "shipping_batch": None,
            "priority": "2",
            "delivery_mode": None,
            "total_quantity": 0.0,
            "moves": [],
            "inventory_moves": [],
            "outgoing_moves": [],
        }

    def _shipment(self, order: WarehouseOrder, each: Allocation) -> Record:
        parcel, picking = each.parcel, each.picking_since
        state = "done" if parcel else "assigned"
        moves = [key for key, _, _ in each.lines]
        inventory = [INVENTORY_MOVES + key for key in moves]
        moments = [each.created_at, picking]
        if parcel is not None:
            moments += [parcel.created_at, parcel.in_transit_at, parcel.delivered_at]
        return {
            **self._empty_shipment(each.id, each.facility_id, order.customer_id),
            "state": state,
            "planned_date": each.created_at.date(),
            "effective_date": parcel.created_at.date() if parcel else None,
            "carrier": parcel.carrier_id if parcel else None,
            "tracking_number": (parcel.tracking_number or None) if parcel else None,
            "on_hold": each.id in self.books.held or order.is_on_hold,
            "picking_status": "done" if parcel else "in-progress" if picking else None,
            "total_quantity": float(sum(quantity for _, _, quantity in each.lines)),
            "moves": [*moves, *inventory],
            "inventory_moves": inventory,
            "outgoing_moves": moves,
            **self._dates(each.created_at, max(moment for moment in moments if moment is not None)),
        }

    def _stock_move(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            for each in order.allocations:
                shipment = self._moved(self._shipment(order, each), f"stock.shipment.out,{each.id}")
                storage, output = STORAGE_ZONES + each.facility_id, OUTPUT_ZONES + each.facility_id
                for key, sellable, quantity in each.lines:
                    units = {"product": sellable, "quantity": float(quantity)}
                    ways = ((key, output, CUSTOMER_PLACE), (INVENTORY_MOVES + key, storage, output))
                    for move, origin, target in ways:
                        way = {"id": move, "from_location": origin, "to_location": target}
                        yield {**shipment, **units, **way}
            for record in order.returns:
                shipment = self._moved(
                    self._returned(order, record), f"stock.shipment.out.return,{record.id}"
                )
                way = {"from_location": CUSTOMER_PLACE, "to_location": STORAGE_ZONES + record.facility_id}
                for key, sellable, quantity, received in record.lines:
                    back = received if record.status == "returned" else quantity
                    yield {
                        **shipment,
                        **way,
                        "id": RETURN_MOVES + key,
                        "product": sellable,
                        "quantity": float(back),
                    }

    @staticmethod
    def _moved(shipment: Record, name: str) -> dict[str, Any]:
        """What every move of a shipment says."""
        states = {"done": "done", "draft": "draft"}
        return {
            "rec_name": name,
            "unit_price": None,
            "state": states.get(shipment["state"], "assigned"),
            "effective_date": shipment["effective_date"],
            "shipment": name,
            "create_date": shipment["create_date"],
            "write_date": shipment["write_date"],
        }

    def _stock_shipment_out_return(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            for record in order.returns:
                yield self._returned(order, record)

    def _returned(self, order: WarehouseOrder, record: WarehouseReturn) -> Record:
        is_back = record.status == "returned"
        changed = order.updated_at if is_back else record.created_at
        return {
            "id": record.id,
            "rec_name": f"CR{record.id}",
            "number": f"CR{record.id}",
            "state": "done" if is_back else "draft",
            "customer": order.customer_id,
            "origin": f"sale.sale,{RETURN_SALES + record.id}",
            "warehouse": record.facility_id,
            "comment": record.reason or None,
            "planned_date": record.created_at.date(),
            "effective_date": changed.date() if is_back else None,
            "moves": [RETURN_MOVES + key for key, _, _, _ in record.lines],
            **self._dates(record.created_at, changed),
        }

    def _stock_location(self) -> Iterable[Record]:
        zones = {"storage": STORAGE_ZONES, "output": OUTPUT_ZONES}
        dates = self._dates(self.start, self.start)
        for place in self.warehouse.facilities.values():
            ids = {kind: first + place.id for kind, first in zones.items()}
            whole = {"rec_name": place.name, "name": place.name, "code": place.code}
            yield {
                **whole,
                "id": place.id,
                "type": "warehouse",
                "active": place.deleted_at is None,
                "input_location": ids["storage"],
                "output_location": ids["output"],
                "storage_location": ids["storage"],
                "picking_location": ids["storage"],
                **dates,
            }
            for kind, key in ids.items():
                none = dict.fromkeys(
                    ("input_location", "output_location", "storage_location", "picking_location")
                )
                name = f"{place.name} {kind}"
                yield {
                    **none,
                    "id": key,
                    "rec_name": name,
                    "name": name,
                    "code": None,
                    "type": "storage",
                    "active": True,
                    **dates,
                }

    # --- money ----------------------------------------------------------------------------------------

    def _account_invoice(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            if order.shipped_at is None or order.cancelled_at is not None:
                continue
            untaxed, tax = self.sums(order)
            total = untaxed + tax
            book = self.books.orders.get(order.id)
            paid = book.paid if book is not None else total if order.is_paid else Decimal(0)
            yield {
                "id": INVOICES + order.id,
                "rec_name": f"INV{order.id}",
                "number": f"INV{order.id}",
                "party": order.customer_id,
                "state": "paid" if paid >= total else "posted",
                "invoice_date": order.shipped_at.date(),
                "earliest_due_date": order.shipped_at.date(),
                "payment_term": None,
                "total_amount": total,
                "balance": max(total - paid, Decimal(0)),
                "sales": [order.id],
                **self._dates(order.shipped_at, order.shipped_at),
            }

    # --- products and parties -------------------------------------------------------------------------

    def _product_product(self) -> Iterable[Record]:
        yield {
            **self._product(DELIVERY_PRODUCT, "SHIPPING", "Shipping", DELIVERY_PRODUCT, Decimal(0)),
            "type": "service",
            "active": True,
            "salable": False,
            "quantity_on_hand": 0.0,
            "quantity_available": 0.0,
            **self._dates(self.start, self.start),
        }
        for item in self.warehouse.sellables.values():
            entries = [e for f in self._places() if (e := self.warehouse.stock.get((item.id, f))) is not None]
            yield {
                **self._product(item.id, item.sku, item.title, item.product_id, item.price),
                "type": "goods",
                "active": item.deleted_at is None,
                "salable": item.deleted_at is None,
                "quantity_on_hand": float(sum(e.physical for e in entries)),
                "quantity_available": float(sum(e.physical - e.allocated for e in entries)),
                **self._dates(item.created_at, max(item.updated_at, item.deleted_at or item.updated_at)),
            }

    def _places(self) -> set[int]:
        """The facilities that the context's locations are, or lie in."""
        places = self.warehouse.facilities
        asked = {
            place - STORAGE_ZONES if place - STORAGE_ZONES in places else place for place in self.locations
        }
        return asked & places.keys()

    @staticmethod
    def _product(key: int, sku: str, title: str, template: int, price: Decimal) -> dict[str, Any]:
        return {
            "id": key,
            "rec_name": f"[{sku}] {title}",
            "code": sku or None,
            "variant_name": title,
            "template": template,
            "list_price": price,
            "cost_price": Decimal(0),
        }

    def _product_template(self) -> Iterable[Record]:
        titles = {item.product_id: item.title for item in self.warehouse.sellables.values()}
        for key, title in {DELIVERY_PRODUCT: "Shipping", **titles}.items():
            yield {"id": key, "rec_name": title, "name": title, **self._dates(self.start, self.start)}

    def _party_party(self) -> Iterable[Record]:
        addresses: dict[int | None, list[int]] = {}
        for order in self.warehouse.orders.values():
            addresses.setdefault(order.customer_id, []).append(order.id)
        for each in self.warehouse.customers.values():
            name = f"{each.address.first_name} {each.address.last_name}".strip()
            yield {
                "id": each.id,
                "rec_name": name,
                "name": name,
                "code": str(each.id),
                "addresses": addresses.get(each.id, []),
                "contact_mechanisms": [each.id] if each.email else [],
                **self._dates(each.created_at, each.created_at),
            }

    def _party_address(self) -> Iterable[Record]:
        for order in self.warehouse.orders.values():
            yield self._address(order)

    def _address(self, order: WarehouseOrder) -> Record:
        address = order.address
        name = f"{address.first_name} {address.last_name}".strip()
        return {
            "id": order.id,
            "rec_name": name,
            "party": order.customer_id,
            "name": name,
            "street": address.line1,
            "street_bis": address.line2 or None,
            "city": address.city,
            "zip": address.postcode,
            "subdivision": None,
            "country": country_id(address.country_code) or None,
            **self._dates(order.created_at, order.updated_at),
        }

    def _party_contact_mechanism(self) -> Iterable[Record]:
        for each in self.warehouse.customers.values():
            if each.email:
                yield {
                    "id": each.id,
                    "rec_name": each.email,
                    "party": each.id,
                    "type": "email",
                    "value": each.email,
                    **self._dates(each.created_at, each.created_at),
                }

    # --- what the others point to ---------------------------------------------------------------------

    def _currency_currency(self) -> Iterable[Record]:
        for code, key in CURRENCIES.items():
            yield {"id": key, "rec_name": code, "code": code, **self._dates(self.start, self.start)}

    def _country_country(self) -> Iterable[Record]:
        for code in {order.address.country_code for order in self.warehouse.orders.values()} - {""}:
            yield {
                "id": country_id(code),
                "rec_name": code,
                "code": code,
                **self._dates(self.start, self.start),
            }

    def _carrier(self) -> Iterable[Record]:
        for key, name in rules.CARRIERS.items():
            yield {"id": key, "rec_name": name, **self._dates(self.start, self.start)}
