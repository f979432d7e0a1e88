"""A file of real order lines is sorted, row by row, and played as the shop's demand."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
import pytest

from cogent_pipelines.sandbox.world import intake, truth
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines_tests.sandbox.worlds import ONLINE_RETAIL, make, needs_online_retail, play

HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ROWS = """
1,85123A,WHITE HOLDER,6,2011-03-01 08:26:00,2.55,17850,United Kingdom
1,85123A,WHITE HOLDER,2,2011-03-01 08:27:00,2.10,17850,United Kingdom
1,POST,POSTAGE,1,2011-03-01 08:26:00,18.00,17850,United Kingdom
1,M,Manual,1,2011-03-01 08:26:00,3.00,17850,United Kingdom
1,22423,FREE SAMPLE,1,2011-03-01 08:26:00,0.0,17850,United Kingdom
WEB-0002,84872a,lower case,3,2011-03-01 09:00:00,1.25,,EIRE
WEB-0002,84872A,upper case,1,2011-03-01 09:00:00,1.25,,EIRE
3,22423,damaged,-40,2011-03-01 10:00:00,0.0,,United Kingdom
4,22423,found,15,2011-03-01 10:05:00,0.0,,United Kingdom
5,AMAZONFEE,AMAZON FEE,1,2011-03-01 11:00:00,130.0,,United Kingdom
6,M,Manual,1,2011-03-01 11:10:00,55.0,17850,United Kingdom
A7,B,Adjust bad debt,1,2011-03-01 12:00:00,-900.0,,United Kingdom
C8,85123A,WHITE HOLDER,-2,2011-03-01 08:40:00,2.10,17850,United Kingdom
C9,85123A,WHITE HOLDER,-3,2011-03-08 08:40:00,2.55,17850,United Kingdom
C10,22423,NEVER SOLD,-1,2011-03-09 08:40:00,9.99,17850,United Kingdom
C11,22423,NOBODY,-1,2011-03-09 08:41:00,4.00,,United Kingdom
C12,AMAZONFEE,AMAZON FEE,-1,2011-03-09 09:00:00,70.0,,United Kingdom
""".strip()


def write(path, rows=ROWS):
    """Write a file of order lines."""
    path.write_text(f"{HEAD}\n{rows}\n")
    return path


@pytest.fixture
def file(tmp_path):
    """A file with one of everything."""
    return write(tmp_path / "orders.csv")


def listed(world):
    """What the sandbox says of its file."""
    return world.intake()


def test_every_row_becomes_exactly_one_thing(file):
    """The counts of what rows became add up to the rows."""
    counts = intake.read(file).counts
    became = [name for name in counts if name.startswith("rows_") and name != "rows_order_products_free"]
    assert sum(counts[name] for name in became) == counts["rows"] == 17
    assert counts["orders"] == 3
    assert counts["orders_of_services"] == 1
    assert counts["rows_written_off"] == 1
    assert counts["rows_found"] == 1
    assert counts["items_in_two_spellings"] == 1


def test_csv_and_parquet_read_alike(file, tmp_path):
    """The same rows come to the same orders from either kind of file."""
    table = pa.csv.read_csv(
        file,
        convert_options=pa.csv.ConvertOptions(
            column_types={
                "InvoiceNo": pa.string(),
                "Quantity": pa.int32(),
                "InvoiceDate": pa.timestamp("us"),
                "UnitPrice": pa.decimal128(10, 3),
                "CustomerID": pa.int32(),
            }
        ),
    )
    pa.parquet.write_table(table, tmp_path / "orders.parquet")
    assert intake.read(file).orders == intake.read(tmp_path / "orders.parquet").orders


def test_an_order_takes_its_lines_its_carriage_and_its_charges(file):
    """Equal products stay apart lines, carriage is the delivery price, a charge needs no shipping."""
    world = play(make(orders=file), days=0.5)
    order = shops.find_orders(world.shops["web_uk"], "1")[0]
    assert [(line.sku, line.quantity, line.requires_shipping) for line in order.lines] == [
        ("85123A", 6, True), ("85123A", 2, True), ("22423", 1, True), ("M", 1, False),
    ]  # fmt: skip
    assert order.delivery_price == 18
    assert order.created_at == datetime(2011, 3, 1, 8, 26, tzinfo=UTC)
    assert shops.totals(world.shops["web_uk"], order).total == Decimal("40.50")
    assert "derived" in order.tags


def test_numbers_need_not_be_six_digits(file):
    """An order keeps the name the file gives it."""
    shop = play(make(orders=file), days=1).shops["web_uk"]
    assert set(shop.by_name) == {"1", "WEB-0002", "6"}


def test_two_spellings_of_a_code_are_two_items_in_both_systems(file):
    """Nothing folds case: the shop and the warehouse both know 84872a and 84872A."""
    world = make(orders=file)
    assert {"84872a", "84872A"} <= set(world.shops["web_uk"].by_sku)
    assert {"84872a", "84872A"} <= set(world.warehouses["wms_uk"].by_sku)


def test_write_offs_and_finds_move_physical_stock(file):
    """They reach the warehouse as movements with the invoice's number."""
    world = play(make(orders=file), days=1)
    moved = {
        m.why: (m.quantity, m.reference) for m in world.warehouses["wms_uk"].movements if m.why != "opening"
    }
    assert moved == {"written_off": (-40, "3"), "found": (15, "4")}


def test_credits_go_back_to_the_lines_they_cancel(file):
    """Before despatch a line is cancelled, later goods come back; the rest is goodwill or outside."""
    world = play(make(orders=file, old_integration=1.0), days=20)
    shop = world.shops["web_uk"]
    order = shops.find_orders(shop, "1")[0]
    assert [
        (refund.note, [(row.quantity, row.restock) for row in refund.lines], refund.adjustment)
        for refund in order.refunds
    ] == [("C8", [(2, "cancel")], 0), ("C9", [(3, "return")], 0)]
    assert [r.status for o in world.warehouses["wms_uk"].orders.values() for r in o.returns] == ["returned"]
    told = listed(world)
    assert [(c["credit"], c["amount"]) for c in told["credits"]["outside_the_shop"]] == [("C11", "4.00")]
    assert [(c["credit"], c["order"]) for c in told["credits"]["as_goodwill"]] == [("C10", "6")]
    assert told["fees"]["AMAZONFEE"] == {"rows": 2, "units": 0, "amount": "60.0"}
    assert told["fees"]["B"]["amount"] == "-900.0"
    assert truth.breaches(world) == []


def local(*time):
    """A UK wall-clock time of 2011."""
    return datetime(2011, *time)  # noqa: DTZ001  the file has no zones


def test_wall_clock_is_read_as_uk_time():
    """Summer time is an hour ahead; the hour that comes twice is its first."""
    assert intake.to_utc(local(7, 1, 12)) == datetime(2011, 7, 1, 11, tzinfo=UTC)
    assert intake.to_utc(local(10, 30, 1, 30)) == datetime(2011, 10, 30, 0, 30, tzinfo=UTC)
    assert intake.to_utc(local(3, 27, 1, 30)) == datetime(2011, 3, 27, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1,A,x,2.5,2011-03-01 08:26:00,1.0,,UK", "row 1: Quantity: expected a whole number"),
        ("1,A,x,2,yesterday,1.0,,UK", "row 1: InvoiceDate"),
        ("1,A,x,2,2011-03-01 08:26:00,NaN,,UK", "row 1: UnitPrice: expected an amount"),
        ("1,A,x,2,2011-03-01 08:26:00,,,UK", "row 1: UnitPrice: expected a value"),
        ("1,A,x,2,2011-03-01 08:26:00,1.0,someone,UK", "row 1: CustomerID"),
        (",A,x,2,2011-03-01 08:26:00,1.0,,UK", "a row has no InvoiceNo"),
    ],
)
def test_an_unreadable_row_is_named(tmp_path, rows, says):
    """The error tells file, row, column and what was found."""
    with pytest.raises(intake.UnreadableOrdersError, match=says) as error:
        intake.read(write(tmp_path / "bad.csv", rows))
    assert "bad.csv" in str(error.value)


def test_a_file_without_its_columns_is_refused(tmp_path):
    """The missing columns are named."""
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(intake.UnreadableOrdersError, match="no column InvoiceNo"):
        intake.read(path)


def test_what_only_claims_to_be_parquet_is_refused(tmp_path):
    """A broken file is a clear error, not a stack of Arrow's."""
    path = tmp_path / "bad.parquet"
    path.write_text("not parquet")
    with pytest.raises(intake.UnreadableOrdersError, match="cannot be read"):
        intake.read(path)


# --- the real file ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    """The real file, sorted once."""
    return intake.read(ONLINE_RETAIL)


@needs_online_retail
def test_the_real_files_counts_are_the_published_ones(real):
    """20,725 invoices with a positive line, 20,538 with a product, 19,773 with a priced one."""
    counts = real.counts
    assert counts["rows"] == 541_909
    assert counts["invoices"] == 25_900
    assert counts["invoices_with_a_positive_line"] == 20_725
    assert counts["invoices_with_a_product_line"] == 20_538
    assert counts["invoices_with_a_priced_product_line"] == 19_773
    assert counts["credit_invoices"] == 3_836
    assert counts["adjustment_invoices"] == 3
    assert counts["rows_written_off"] == 1_336
    assert counts["invoices_with_two_times"] == 43
    became = [name for name in counts if name.startswith("rows_") and name != "rows_order_products_free"]
    assert sum(counts[name] for name in became) == counts["rows"]


@needs_online_retail
def test_the_real_orders_are_the_priced_products_and_the_services(real):
    """19,773 orders ship; 130 charge a named customer for no product; none of the rest is an order."""
    counts = real.counts
    assert counts["orders"] == 19_773 + 130 == len(real.orders)
    assert counts["orders_of_services"] == 130
    rest = counts["invoices_with_free_products_only"] + counts["invoices_with_charges_only"]
    assert counts["orders"] + rest == counts["invoices_with_a_positive_line"]


@needs_online_retail
def test_the_real_fees_add_up_to_the_published_sums(real):
    """Amazon's fees and the bad debts are all there, reversals too."""
    sums: Counter[str] = Counter()
    for fee in real.fees:
        sums[fee.code] += fee.amount
    assert sums["AMAZONFEE"] == Decimal("-221520.500")
    assert sums["B"] == Decimal("-11062.060")


@needs_online_retail
def test_the_real_file_holds_twenty_four_pairs_of_twins(real):
    """Same named customer, same basket, within the hour."""
    baskets = defaultdict(list)
    for order in real.orders:
        if order.customer_id is not None:
            lines = [*order.lines, *order.carriage, *order.charges]
            basket = tuple(sorted((line.sku, line.quantity, line.price) for line in lines))
            baskets[(order.customer_id, basket)].append(order.at)
    pairs = [
        (first, second)
        for times in baskets.values()
        for index, first in enumerate(times)
        for second in times[index + 1 :]
        if second - first <= timedelta(minutes=60)
    ]
    assert len(pairs) == 24


@needs_online_retail
def test_the_real_opening_stock_covers_the_demand(tmp_path):
    """A month of the real file is played: nothing is short, nothing breaks."""
    table = pa.parquet.read_table(ONLINE_RETAIL)
    pa.parquet.write_table(table.slice(0, 20_000), tmp_path / "part.parquet")
    world = play(make(orders=tmp_path / "part.parquet", old_integration=1.0), days=40)
    assert truth.breaches(world) == []
    told = truth.truth(world, {"systems", "lost", "doubled"})
    assert told["lost"] == told["doubled"] == []
    assert set(told["systems"]["wms_uk"]["by_status"]) <= {"shipped", "cancelled"}
    assert all(entry.physical >= 0 for entry in world.warehouses["wms_uk"].stock.values())
