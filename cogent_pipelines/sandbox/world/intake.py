"""A file of real order lines, read and sorted: what is an order, and what only stands among orders.

Belongs here: reading the columns of ``online_retail.parquet`` (CSV or Parquet) and one decision per row.
Does not belong here: playing them (``filed``), or anything derived that the file does not say.

The decisions, in this order:

* An invoice whose number begins with ``C`` is a credit, with ``A`` an adjustment of the books. Any other
  is an order when it has a line of a product, in a positive quantity, at a price above zero; or when it
  has no product and charges a customer it names (an order of services: it ships nothing).
* Lines of an order: products in positive quantity ship (free ones too); carriage codes are its delivery
  price; other charge codes are lines that need no shipping.
* A product at price zero outside an order is a movement of stock: written off (negative) or found
  (positive).
* Charges outside an order, and adjustments of the books, are fees.
* Lines of a credit are credits, carriage on it is carriage given back; but a charge on a credit to nobody
  named is a fee.

Invoice numbers are text of any length. Times are UK wall clock; the hour that comes twice is its first
one, the hour that never was is read as if the clock had not been put forward. An invoice's time is its
earliest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from cogent_pipelines.sandbox.world.hours import LONDON

COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID",
    "Country",
)  # fmt: skip
CARRIAGE = ("POST", "DOT", "C2")
CHARGES = (*CARRIAGE, "M", "D", "S", "B", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES")
VOUCHER = "GIFT_0001"
DERIVED = (
    "address", "barcode", "carrier", "currency", "delivery option", "e-mail", "location",
    "opening stock", "origin", "payment", "payment fee", "phone", "return parcel", "ship date",
    "stock level", "tax", "tracking", "weight",
)  # fmt: skip


class UnreadableOrdersError(ValueError):
    """The orders file cannot be read; the message says where and why."""


@dataclass(slots=True)
class FileLine:
    sku: str
    title: str
    quantity: int
    price: Decimal


@dataclass(slots=True)
class Invoice:
    number: str
    at: datetime
    customer_id: int | None
    country: str
    lines: list[FileLine] = field(default_factory=list)  # products
    carriage: list[FileLine] = field(default_factory=list)
    charges: list[FileLine] = field(default_factory=list)


@dataclass(slots=True)
class Listed:
    """A row that is no part of an order: a movement of stock or a fee."""

    invoice: str
    at: datetime
    code: str
    text: str
    quantity: int
    amount: Decimal
    why: str


@dataclass(slots=True)
class Intake:
    """What a file comes to."""

    orders: list[Invoice]
    credits: list[Invoice]
    movements: list[Listed]
    fees: list[Listed]
    items: dict[str, tuple[str, Decimal]]  # sku -> (title, price it first sold at)
    counts: dict[str, int]

    @property
    def first_at(self) -> datetime:
        return min(self._times())

    @property
    def last_at(self) -> datetime:
        return max(self._times())

    def _times(self) -> list[datetime]:
        documents, listed = [*self.orders, *self.credits], [*self.movements, *self.fees]
        return [each.at for each in documents] + [each.at for each in listed]


def is_charge(code: str) -> bool:
    """Say whether a stock code is no product. Case and blanks round it do not matter."""
    plain = code.strip().upper()
    return plain in CHARGES or plain.startswith(VOUCHER)


def to_utc(local: datetime) -> datetime:
    """Read UK wall-clock time."""
    return local.replace(tzinfo=LONDON).astimezone(UTC)


def read(path: Path) -> Intake:
    """Read and sort a file, or say what is wrong with it."""
    return sort(_rows(_table(path), path), path)


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() == ".parquet":
            table = pa.parquet.read_table(path)
        else:
            types = {name: pa.string() for name in COLUMNS}
            table = pa.csv.read_csv(
                path,
                convert_options=pa.csv.ConvertOptions(
                    column_types=types, strings_can_be_null=True, null_values=[""]
                ),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise UnreadableOrdersError(f"{path}: cannot be read: {error}") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        found = ", ".join(table.column_names)
        raise UnreadableOrdersError(f"{path}: no column {', '.join(missing)}; found {found}")
    return table


_Row = tuple[str, str, str, int, datetime, Decimal, int | None, str]


def _rows(table: pa.Table, path: Path) -> list[_Row]:
    columns = [
        _texts(table, "InvoiceNo"),
        _texts(table, "StockCode"),
        _texts(table, "Description"),
        _values(table, "Quantity", path, _integer),
        _values(table, "InvoiceDate", path, _instant),
        _values(table, "UnitPrice", path, _money),
        _values(table, "CustomerID", path, _customer),
        _texts(table, "Country"),
    ]
    rows: list[_Row] = list(zip(*columns, strict=True))
    if not rows:
        raise UnreadableOrdersError(f"{path}: has no rows")
    return rows


def _texts(table: pa.Table, name: str) -> list[str]:
    column = table.column(name)
    if not pa.types.is_string(column.type):
        column = pc.cast(column, pa.string())
    texts: list[str] = pc.fill_null(column, "").to_pylist()
    return texts


def _values(table: pa.Table, name: str, path: Path, reader: Any) -> list[Any]:
    """Read a column value by value, each different one once."""
    encoded = table.column(name).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    meanings: list[Any] = []
    for value in encoded.dictionary.to_pylist():
        try:
            meanings.append(reader(value))
        except (ValueError, TypeError, InvalidOperation) as error:
            row = encoded.indices.to_pylist().index(len(meanings)) + 1
            raise UnreadableOrdersError(f"{path}: row {row}: {name}: {error}; found {value!r}") from error
    nothing = None if name == "CustomerID" else ...
    found = [nothing if i is None else meanings[i] for i in encoded.indices.to_pylist()]
    if nothing is ... and ... in found:
        raise UnreadableOrdersError(
            f"{path}: row {found.index(...) + 1}: {name}: expected a value, found nothing"
        )
    return found


def _integer(value: object) -> int:
    if isinstance(value, int):
        return value
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError("expected a whole number")
    return int(number)


def _customer(value: object) -> int | None:
    text = str(value).strip()
    return None if text in ("", "None", "nan") else _integer(value if isinstance(value, int) else text)


def _money(value: object) -> Decimal:
    amount = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    if not amount.is_finite():
        raise ValueError("expected an amount")
    return amount


def _instant(value: object) -> datetime:
    local = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return local.astimezone(UTC) if local.tzinfo else to_utc(local)


def sort(rows: list[_Row], path: Path) -> Intake:
    """Decide on every row; the counts of what they became add up to the rows."""
    invoices: dict[str, list[_Row]] = {}
    for row in rows:
        invoices.setdefault(row[0], []).append(row)
    intake = Intake([], [], [], [], {}, {})
    counts: Counter[str] = Counter(rows=len(rows), invoices=len(invoices))
    for number, members in invoices.items():
        if not number.strip():
            raise UnreadableOrdersError(f"{path}: a row has no InvoiceNo")
        _sort_invoice(intake, counts, number, members)
    for document in (*intake.orders, *intake.credits):
        for line in document.lines:
            intake.items.setdefault(line.sku, (line.title.strip() or line.sku, abs(line.price)))
    for listed in intake.movements:
        intake.items.setdefault(listed.code, (listed.text.strip() or listed.code, Decimal(0)))
    spellings = Counter(sku.lower() for sku in intake.items)
    counts["items"] = len(intake.items)
    counts["items_in_two_spellings"] = sum(1 for many in spellings.values() if many > 1)
    intake.orders.sort(key=lambda invoice: invoice.at)
    intake.credits.sort(key=lambda invoice: invoice.at)
    intake.counts = dict(counts)
    return intake


def _sort_invoice(intake: Intake, counts: Counter[str], number: str, members: list[_Row]) -> None:
    at = min(row[4] for row in members)
    if len({row[4] for row in members}) > 1:
        counts["invoices_with_two_times"] += 1
    invoice = Invoice(number, at, members[0][6], members[0][7])
    initial = number.strip()[:1].upper()
    if initial == "A":
        counts["adjustment_invoices"] += 1
        for row in members:
            _list_fee(intake, counts, row, "adjustment of the books")
        return
    if initial == "C":
        counts["credit_invoices"] += 1
        for row in members:
            if row[6] is None and is_charge(row[1]):
                _list_fee(intake, counts, row, "charge given back to nobody named")
            else:
                _put(invoice, row)
        counts["rows_credit_products"] += len(invoice.lines)
        counts["rows_credit_carriage"] += len(invoice.carriage)
        counts["rows_credit_charges"] += len(invoice.charges)
        intake.credits.append(invoice)
        return
    counts["invoices_with_a_positive_line"] += any(row[3] > 0 for row in members)
    has_product = any(row[3] > 0 and not is_charge(row[1]) for row in members)
    counts["invoices_with_a_product_line"] += has_product
    has_priced_product = any(row[3] > 0 and row[5] > 0 and not is_charge(row[1]) for row in members)
    counts["invoices_with_a_priced_product_line"] += has_priced_product
    is_service = (
        not has_product and invoice.customer_id is not None and any(r[3] > 0 and r[5] > 0 for r in members)
    )
    is_order = has_priced_product or is_service
    for row in members:
        if is_order and row[3] > 0:
            _put(invoice, row)
        elif is_charge(row[1]):
            _list_fee(intake, counts, row, "charge outside an order")
        elif row[5] == 0:
            why = "written_off" if row[3] < 0 else "found"
            counts[f"rows_{why}"] += 1
            intake.movements.append(Listed(row[0], row[4], row[1], row[2], row[3], Decimal(0), why))
        else:
            _list_fee(intake, counts, row, "negative line outside a credit")
    if is_order:
        counts["orders"] += 1
        counts["orders_of_services"] += is_service
        counts["rows_order_products"] += len(invoice.lines)
        counts["rows_order_carriage"] += len(invoice.carriage)
        counts["rows_order_charges"] += len(invoice.charges)
        counts["rows_order_products_free"] += sum(1 for line in invoice.lines if line.price == 0)
        intake.orders.append(invoice)
    elif has_product:
        counts["invoices_with_free_products_only"] += 1
    elif any(row[3] > 0 for row in members):
        counts["invoices_with_charges_only"] += 1
    else:
        counts["invoices_with_negative_lines_only"] += 1


def _put(invoice: Invoice, row: _Row) -> None:
    line = FileLine(row[1], row[2], row[3], row[5])
    if not is_charge(row[1]):
        invoice.lines.append(line)
    elif row[1].strip().upper() in CARRIAGE:
        invoice.carriage.append(line)
    else:
        invoice.charges.append(line)


def _list_fee(intake: Intake, counts: Counter[str], row: _Row, why: str) -> None:
    counts["rows_fees"] += 1
    intake.fees.append(Listed(row[0], row[4], row[1], row[2], row[3], row[3] * row[5], why))
