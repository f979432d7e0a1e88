"""What must be so of money and customers: values, taxes, parties and payouts against the books."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago

# --- every_order_value_agrees -------------------------------------------------------------------------


@pytest.fixture
def values() -> World:
    """A retailer whose warehouse is an ERP that owns finance."""
    world = World("every_order_value_agrees")
    world.put("estate.truth", entity="finance", facility="", system=WMS)
    return world


def booked(world: World, total: str, *, name: str = "90", number: str = "1", **values: Any) -> None:
    """The order in the books, for so much."""
    given = {"total_amount": Decimal(total), "created_at": ago(hours=3), "updated_at": ago(hours=3)}
    world.warehouse_order(name, number, ("A", 1), **{**given, **values})


def sold(world: World, total: str, **values: Any) -> None:
    """The order in the shop, for so much."""
    amount = Decimal(total)
    given = {"total_amount": amount, "current_total_amount": amount, "updated_at": ago(hours=3)}
    world.order("1", ("A", 1), remaining=[0], **{**given, **values})


def test_equal_values_agree(values: World) -> None:
    """To the penny."""
    sold(values, "51.95")
    booked(values, "51.95")
    assert values.rows() == []


@pytest.mark.parametrize("total", ["51.94", "51.96"])
def test_a_penny_is_a_difference(values: World, total: str) -> None:
    """Either way; the amount is what the books have too much."""
    sold(values, "51.95")
    booked(values, total)
    row = values.row()
    assert (row["exception_key"], row["cause"], row["system"]) == (f"{SHOP}:1@{WMS}", "value", WMS)
    assert (row["entity_key"], row["amount"], row["currency"]) == (
        f"{SHOP}:1",
        Decimal(total) - Decimal("51.95"),
        "GBP",
    )


@pytest.mark.parametrize(
    ("currency", "shop", "books", "expected"),
    [("JPY", "1000", "1000.4", 0), ("JPY", "1000", "1001", 1), ("KWD", "1.234", "1.235", 1), ("GBP", "1.234", "1.2341", 0)],
)  # fmt: skip
def test_the_minor_unit_is_the_currencys(
    values: World, currency: str, shop: str, books: str, expected: int
) -> None:
    """A yen, a penny, a fils."""
    sold(values, shop, currency=currency)
    booked(values, books, currency=currency)
    assert len(values.rows()) == expected


def test_the_same_number_in_another_currency_is_another_value(values: World) -> None:
    """Said as such."""
    sold(values, "51.95")
    booked(values, "51.95", currency="EUR")
    assert values.row()["cause"] == "currency"


def test_books_that_tell_no_currency_have_none_to_disagree_about(values: World) -> None:
    """Their figure is still compared."""
    sold(values, "51.95")
    booked(values, "51.95", currency=None)
    assert values.rows() == []
    values.change("marts.warehouse_orders", "true", total_amount=Decimal("51.94"))
    assert values.row()["cause"] == "value"


def test_the_parts_of_a_split_order_are_summed(values: World) -> None:
    """Two records, one order."""
    sold(values, "51.95")
    booked(values, "31.95", name="90", reference="#1/LEEDS")
    booked(values, "20.00", name="91", reference="#1/YORK")
    assert values.rows() == []
    values.change("marts.warehouse_orders", "warehouse_order_id = '91'", total_amount=Decimal("20.01"))
    assert values.row()["detail"].endswith("booked in 2 parts")


def test_while_a_part_is_not_there_yet_nothing_is_compared(values: World) -> None:
    """YORK's is still to be sent."""
    sold(values, "51.95")
    values.line("1", 2, "C", 1)
    values.fulfilment_order("1", {2: 1}, location="1002", name="b")
    booked(values, "31.95", reference="#1/LEEDS")
    assert values.rows() == []


def test_an_edit_changes_the_value(values: World) -> None:
    """What the customer took off has to leave the books too."""
    sold(values, "51.95", current_total_amount=Decimal("41.95"))
    booked(values, "51.95")
    assert values.row()["amount"] == Decimal("10.0000")
    values.change("marts.warehouse_orders", "true", total_amount=Decimal("41.95"))
    assert values.rows() == []


def test_a_refund_after_the_order_was_booked_is_no_difference(values: World) -> None:
    """It is a posting of its own: of units and delivery, and of goodwill, which takes nothing off the order."""
    sold(values, "51.95", current_total_amount=Decimal("41.95"))
    booked(values, "51.95")
    values.refund(
        "1", "r1", "12.00", [(1, "A", 1, "return")], refunded_at=ago(hours=2), adjustment_amount=Decimal(2)
    )
    assert values.rows() == []


def test_a_refund_before_the_order_was_booked_lowers_its_value(values: World) -> None:
    """The books took in what was left."""
    sold(values, "51.95", current_total_amount=Decimal("41.95"))
    booked(values, "41.95")
    values.refund("1", "r1", "10.00", [(1, "A", 1, "cancel")], refunded_at=ago(hours=4))
    assert values.rows() == []


def test_units_recorded_as_refunded_without_money_still_are_a_posting(values: World) -> None:
    """Recorded and restocked only."""
    sold(values, "51.95", current_total_amount=Decimal("41.95"))
    booked(values, "51.95")
    values.refund("1", "r1", "0", refunded_at=ago(hours=2))
    values.put("marts.refund_lines", refund_key=f"{SHOP}:r1", order_key=f"{SHOP}:1", order_line_key=f"{SHOP}:1-1",
               sku="A", qty=1, restock_code="cancel", amount=Decimal(10))  # fmt: skip
    assert values.rows() == []


@pytest.mark.parametrize(
    "changed",
    [{"status_code": "cancelled"}, {"status_code": "merged"}, {"gone_at": ago(hours=1)}],
)
def test_what_is_over_in_the_books_is_not_compared(values: World, changed: dict[str, Any]) -> None:
    """Other rules have it."""
    sold(values, "51.95")
    booked(values, "1.00", **changed)
    assert values.rows() == []


def test_an_order_twice_in_the_books_is_another_rules(values: World) -> None:
    """Two records of one reference."""
    sold(values, "51.95")
    booked(values, "51.95", name="90")
    booked(values, "51.95", name="91")
    assert values.rows() == []


def test_where_a_shop_owns_finance_there_is_nothing_to_compare(values: World) -> None:
    """The warehouse's own totals are nobody's books."""
    values.change("estate.truth", "entity = 'finance'", system=SHOP)
    sold(values, "51.95")
    booked(values, "1.00")
    assert values.rows() == []


@pytest.mark.parametrize(("minutes", "expected"), [(59, 0), (60, 1)])
def test_a_difference_is_said_an_hour_after_the_last_change_of_either(
    values: World, minutes: int, expected: int
) -> None:
    """An edit takes its time from one to the other."""
    sold(values, "51.95", updated_at=ago(minutes=minutes))
    booked(values, "1.00")
    assert len(values.rows()) == expected


def test_ten_thousand_orders_give_one_difference_and_no_false_alarm(values: World) -> None:
    """Plain, edited, refunded before and after, split; a penny is planted in one."""
    chance = random.Random(92)
    orders, records, refunds = [], [], []
    for n in range(10_000):
        kind = chance.choice(("plain", "edited", "before", "after", "goodwill", "split"))
        total = Decimal(chance.randint(100, 99_999)) / 100
        off = (total / 3).quantize(Decimal("0.01"))
        key, current, book = f"{SHOP}:{n}", total, total
        at = ago(hours=5)
        if kind in ("edited", "before"):
            current = book = total - off
        if kind == "after":
            current = total - off
        if kind in ("before", "after", "goodwill"):
            refunds.append(
                {
                    "refund_key": f"{SHOP}:r{n}",
                    "order_key": key,
                    "system": SHOP,
                    "amount": off,
                    "currency": "GBP",
                    "refunded_at": at + timedelta(hours=-1 if kind == "before" else 1),
                    "adjustment_amount": off if kind == "goodwill" else Decimal(0),
                }
            )
        orders.append(
            {
                "order_key": key,
                "system": SHOP,
                "order_id": str(n),
                "order_name": f"#{n}",
                "is_test": False,
                "placed_at": ago(hours=9),
                "updated_at": ago(hours=3),
                "currency": "GBP",
                "total_amount": total,
                "current_total_amount": current,
                "payment_code": "captured",
                "fulfilment_code": "fulfilled",
                "read_at": NOW,
            }
        )
        parts = [(f"#{n}", book)]
        if kind == "split":
            parts = [(f"#{n}/LEEDS", off), (f"#{n}/YORK", total - off)]
        if n == 7_777:
            parts[0] = (parts[0][0], parts[0][1] + Decimal("0.01"))
        records += [
            {
                "warehouse_order_key": f"{WMS}:{n}-{i}",
                "system": WMS,
                "warehouse_order_id": f"{n}-{i}",
                "reference": name,
                "status_code": "shipped",
                "created_at": at,
                "updated_at": at,
                "currency": "GBP",
                "total_amount": amount,
                "read_at": NOW,
            }
            for i, (name, amount) in enumerate(parts)
        ]
    for name, rows in (("orders", orders), ("warehouse_records", records), ("refunds", refunds)):
        values.bulk(f"marts.{name}", rows)
    (row,) = values.rows()
    assert (row["entity_key"], row["amount"]) == (f"{SHOP}:7777", Decimal("0.0100"))


# --- every_order_value_agrees, where an ERP that runs no facility owns finance ------------------------

ERP = "erp_uk"


@pytest.fixture
def erp() -> World:
    """A retailer whose warehouse is no ERP, and whose books are kept by one that runs none."""
    world = World("every_order_value_agrees")
    world.put("estate.truth", entity="finance", facility="", system=ERP)
    return world


def in_erp(world: World, total: str, name: str = "7", system: str = ERP, **values: Any) -> None:
    """The order in the ERP, for so much."""
    given = {"reference": "#1", "status_code": "awaiting_stock", "currency": "GBP", "created_at": ago(hours=3),
             "updated_at": ago(hours=3), "read_at": ago(minutes=1)} | values  # fmt: skip
    world.put("marts.erp_records", warehouse_order_key=f"{system}:{name}", system=system,
              total_amount=Decimal(total), **given)  # fmt: skip


def test_the_books_of_an_erp_are_compared_to_the_penny(erp: World) -> None:
    """What the warehouse has of the order is no posting."""
    sold(erp, "51.95")
    booked(erp, "3.00")
    in_erp(erp, "51.95")
    assert erp.rows() == []
    erp.change("marts.erp_records", "true", total_amount=Decimal("51.94"))
    row = erp.row()
    assert (row["exception_key"], row["system"]) == (f"{SHOP}:1@{ERP}", ERP)
    assert row["amount"] == Decimal("-0.01")


def test_an_order_no_warehouse_has_yet_is_compared_with_an_erps_books(erp: World) -> None:
    """They took it from the shop, whole; those of a warehouse have it when it is released."""
    sold(erp, "51.95")
    erp.fulfilment_order("1", {1: 1}, name="a")
    in_erp(erp, "51.94")
    assert erp.row()["cause"] == "value"


def test_an_order_that_an_erp_booked_twice_is_another_value(erp: World) -> None:
    """No rule of warehouses looks there."""
    sold(erp, "51.95")
    in_erp(erp, "51.95")
    in_erp(erp, "51.95", "8")
    assert erp.row()["amount"] == Decimal("51.95")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status_code": "cancelled"}, []),
        ({"gone_at": ago(hours=1)}, ["not_booked"]),
        ({"system": "old_erp"}, []),
        ({"reference": "#9"}, ["not_booked"]),
    ],
)
def test_what_is_no_posting_of_the_order_is_not_compared(
    erp: World, values: dict[str, Any], expected: list[str]
) -> None:
    """Cancelled, deleted, in a system that does not own finance, or of another order: it is not there at most."""
    sold(erp, "51.95")
    in_erp(erp, "1.00", **values)
    assert [row["cause"] for row in erp.rows()] == expected


PAID = {"payment_code": "captured", "placed_at": ago(hours=3), "paid_at": ago(hours=2)}


def test_a_paid_order_that_an_erp_lacks_is_not_booked(erp: World) -> None:
    """Within the hour it may still come; what the books had to give is what it is worth."""
    in_erp(erp, "10.00", "6", reference="#0", created_at=ago(days=9))
    sold(erp, "51.95", **PAID)
    row = erp.row()
    assert (row["exception_key"], row["cause"], row["amount"]) == (
        f"{SHOP}:1@{ERP}", "not_booked", Decimal("-51.95"),
    )  # fmt: skip
    assert row["since_at"] == ago(hours=2)
    in_erp(erp, "51.95")
    assert erp.rows() == []


@pytest.mark.parametrize(
    "values",
    [
        {"payment_code": "authorised"},
        {"paid_at": ago(minutes=59)},
        {"cancelled_at": ago(hours=1)},
        {"gone_at": ago(hours=1)},
        {"is_test": True},
        {"current_total_amount": Decimal(0)},
        {"placed_at": ago(days=9, hours=1)},
    ],
)
def test_what_an_erp_need_not_have_is_not_missed(erp: World, values: dict[str, Any]) -> None:
    """Not paid, just paid, cancelled, deleted, a test, worth nothing, or from before its books begin."""
    in_erp(erp, "10.00", "6", reference="#0", created_at=ago(days=9))
    sold(erp, "51.95", **{**PAID, **values})
    assert erp.rows() == []


def test_before_an_erp_has_booked_anything_nothing_is_missed(erp: World) -> None:
    """Its connection may not be there yet."""
    sold(erp, "51.95", **PAID)
    assert erp.rows() == []


def test_a_difference_that_was_said_stands_though_the_order_is_touched(values: World) -> None:
    """A parcel told to the shop changes its order and not its value."""
    sold(values, "51.95")
    booked(values, "51.96")
    row = values.row()
    values.put("ops.exceptions", exception_id=1, rule="every_order_value_agrees", exception_key=row["exception_key"],
               cause="value", state="open", since_at=row["since_at"])  # fmt: skip
    values.change("marts.orders", "true", updated_at=ago(minutes=5))
    assert values.row()["since_at"] == row["since_at"]
    values.change("ops.exceptions", "true", state="closed")
    assert values.rows() == []


# --- every_tax_code_is_mapped -------------------------------------------------------------------------


@pytest.fixture
def taxes() -> World:
    """A shop that knows VAT."""
    world = World("every_tax_code_is_mapped")
    world.put("mappings.tax_codes", system=SHOP, tax_code="VAT", ledger_code="GB-20")
    return world


def taxed(world: World, number: str, tax: str | None, **values: Any) -> None:
    """An order whose one line bears this tax."""
    world.order(number, ("A", 2), **values)
    world.change("marts.order_lines", f"order_key = '{SHOP}:{number}'", tax_code=tax)


@pytest.mark.parametrize("tax", ["VAT", None])
def test_a_tax_the_ledger_knows_is_mapped(taxes: World, tax: str | None) -> None:
    """And a line without any has nothing to map."""
    taxed(taxes, "1", tax)
    assert taxes.rows() == []


def test_a_tax_without_a_code_is_found_before_anything_is_posted(taxes: World) -> None:
    """One row for the tax, with its orders and their worth."""
    taxed(taxes, "1", "IE VAT", placed_at=ago(hours=2))
    taxed(taxes, "2", "IE VAT", placed_at=ago(hours=3))
    row = taxes.row()
    assert (row["exception_key"], row["cause"], row["system"]) == (f"{SHOP}:IE VAT", "unmapped_tax", SHOP)
    assert (row["entity_key"], row["since_at"], row["amount"]) == (f"{SHOP}:2", ago(hours=3), Decimal(40))
    assert row["detail"] == "IE VAT on 2 orders, first #2"


def test_one_of_two_taxes_of_a_line_is_enough(taxes: World) -> None:
    """Country and state."""
    taxed(taxes, "1", "VAT + Eco levy")
    assert taxes.row()["exception_key"] == f"{SHOP}:Eco levy"


def test_a_blank_code_maps_nothing(taxes: World) -> None:
    """The mapping's own test refuses it; the rule does too."""
    taxes.put("mappings.tax_codes", system=SHOP, tax_code="IE VAT", ledger_code=" ")
    taxed(taxes, "1", "IE VAT")
    assert len(taxes.rows()) == 1


def test_another_shops_code_is_not_this_ones(taxes: World) -> None:
    """Each channel names its taxes itself."""
    taxes.put("mappings.tax_codes", system="web_eu", tax_code="IE VAT", ledger_code="IE-23")
    taxed(taxes, "1", "IE VAT")
    assert len(taxes.rows()) == 1


@pytest.mark.parametrize(
    "gone",
    [
        {"cancelled_at": ago(minutes=5)},
        {"is_test": True},
        {"gone_at": ago(hours=1)},
        {"payment_code": "voided"},
    ],
)
def test_what_will_not_be_posted_needs_no_code(taxes: World, gone: dict[str, Any]) -> None:
    """Cancelled, a test, gone, or never paid."""
    taxed(taxes, "1", "IE VAT", **gone)
    assert taxes.rows() == []


def test_a_line_that_was_taken_off_needs_no_code(taxes: World) -> None:
    """Nothing of it is posted."""
    taxed(taxes, "1", "IE VAT")
    taxes.change("marts.order_lines", "true", current_qty=0)
    assert taxes.rows() == []


def test_a_tax_is_judged_before_an_erp_that_runs_no_facility_posts_it(taxes: World) -> None:
    """On the shop's order, whoever owns finance and whether anything is booked yet."""
    taxes.put("estate.truth", entity="finance", facility="", system=ERP)
    taxed(taxes, "1", "IE VAT")
    assert taxes.row()["detail"] == "IE VAT on 1 orders, first #1"


# --- no_customer_is_doubled ---------------------------------------------------------------------------


@pytest.fixture
def customers() -> World:
    """An ERP."""
    return World("no_customer_is_doubled")


def party(world: World, number: str, *mails: str, **values: Any) -> None:
    """A customer of the ERP, the older the smaller its number."""
    given = {"external_id": None, "created_at": ago(hours=200 - int(number))} | values
    world.put("marts.customers", customer_key=f"{WMS}:{number}", system=WMS, customer_id=number,
              emails=list(mails), **given)  # fmt: skip


def test_customers_of_different_mails_are_two(customers: World) -> None:
    """And so are two without any."""
    party(customers, "1", "ann@example.test")
    party(customers, "2", "bob@example.test")
    party(customers, "3")
    party(customers, "4")
    assert customers.rows() == []


@pytest.mark.parametrize("mail", ["ann@example.test", "ANN@Example.test", " ann@example.test "])
def test_one_mail_in_any_case_is_one_customer(customers: World, mail: str) -> None:
    """The newer is the double."""
    party(customers, "1", "ann@example.test")
    party(customers, "2", "other@example.test", mail)
    row = customers.row()
    assert (row["exception_key"], row["cause"], row["system"]) == (f"{WMS}:2", "same_mail", WMS)
    assert row["detail"] == "customer 2 is customer 1 again"


def test_no_personal_data_leaves_the_rule(customers: World) -> None:
    """Keys only, in every column."""
    party(customers, "1", "ann@example.test", external_id="shop-31")
    party(customers, "2", "Ann@example.test", external_id="shop-31")
    assert not any(
        "ann@" in str(value).lower() or "shop-31" in str(value) for value in customers.row().values()
    )


def test_one_id_at_the_channel_is_one_customer(customers: World) -> None:
    """Who has moved to another address."""
    party(customers, "1", "ann@example.test", external_id="31")
    party(customers, "2", "lee@example.test", external_id="31")
    assert customers.row()["cause"] == "same_id"


def test_three_of_one_mail_are_two_doubles(customers: World) -> None:
    """Each is a row of its own, of the same first."""
    for number in ("1", "2", "3"):
        party(customers, number, "ann@example.test")
    assert set(customers.found()) == {f"{WMS}:2", f"{WMS}:3"}


def test_the_same_mail_in_two_systems_is_no_double(customers: World) -> None:
    """Each keeps its own customers."""
    party(customers, "1", "ann@example.test")
    customers.put("marts.customers", customer_key="erp_2:9", system="erp_2", customer_id="9",
                  emails=["ann@example.test"], created_at=ago(hours=9))  # fmt: skip
    assert customers.rows() == []


def test_a_customer_who_was_merged_away_is_none(customers: World) -> None:
    """The sweep no longer finds it."""
    party(customers, "1", "ann@example.test")
    party(customers, "2", "ann@example.test", gone_at=ago(hours=1))
    assert customers.rows() == []


def test_a_thousand_customers_of_a_hundred_mails_leave_nine_hundred_doubles(customers: World) -> None:
    """Ten each, in ten ways of typing."""
    for n in range(1000):
        mail = f"c{n % 100}@example.test"
        typed = "".join(c.upper() if (n // 100) >> (i % 4) & 1 else c for i, c in enumerate(mail))
        party(customers, str(n), typed, created_at=ago(hours=2000 - n))
    found = customers.found()
    assert len(found) == 900
    assert not {f"{WMS}:{n}" for n in range(100)} & set(found)


# --- every_payout_is_posted ---------------------------------------------------------------------------


@pytest.fixture
def payouts() -> World:
    """A payout of 100.50 two days ago, and books in which something else is posted."""
    world = World("every_payout_is_posted")
    world.put("marts.payouts", payout_key=f"{SHOP}:901", system=SHOP, payout_id="901", issued_at=ago(hours=48),
              status_code="paid", net_amount=Decimal("100.50"), currency="GBP")  # fmt: skip
    posted(world, "0", "1.00", of="880")
    return world


def posted(world: World, number: str, amount: str, of: str = "901", **values: Any) -> None:
    """A posting of a payout."""
    given = {"status_code": "posted", "currency": "GBP", "posted_at": ago(hours=30)} | values
    world.put("marts.postings", posting_key=f"erp:{number}", system="erp", posting_id=number, payout_reference=of,
              net_amount=Decimal(amount), **given)  # fmt: skip


@pytest.mark.parametrize("of", ["901", f"{SHOP}:901"])
def test_a_payout_in_the_books_is_posted(payouts: World, of: str) -> None:
    """By its id, or its system and id."""
    posted(payouts, "1", "100.50", of)
    assert payouts.rows() == []


def test_a_payout_that_is_not_in_the_books_is_named_with_its_amount(payouts: World) -> None:
    """All of it is missing."""
    row = payouts.row()
    assert (row["exception_key"], row["cause"], row["amount"]) == (
        f"{SHOP}:901",
        "not_posted",
        Decimal("100.5000"),
    )


@pytest.mark.parametrize("status", ["draft", "cancelled", "unknown"])
def test_what_is_not_posted_yet_is_not_in_the_books(payouts: World, status: str) -> None:
    """A draft is nobody's ledger."""
    posted(payouts, "1", "100.50", status_code=status)
    assert payouts.row()["cause"] == "not_posted"


@pytest.mark.parametrize(("amount", "currency"), [("100.49", "GBP"), ("100.50", "EUR")])
def test_a_penny_or_a_currency_is_a_difference(payouts: World, amount: str, currency: str) -> None:
    """And the amount says how much is missing."""
    posted(payouts, "1", amount, currency=currency)
    row = payouts.row()
    assert (row["cause"], row["amount"]) == ("posted_otherwise", Decimal("100.50") - Decimal(amount))


def test_a_payout_posted_in_parts_is_posted(payouts: World) -> None:
    """Charges and fees in two postings, say."""
    posted(payouts, "1", "103.00")
    posted(payouts, "2", "-2.50")
    assert payouts.rows() == []


def test_a_payout_posted_twice_is_too_much(payouts: World) -> None:
    """By all of it."""
    posted(payouts, "1", "100.50")
    posted(payouts, "2", "100.50")
    assert (payouts.row()["cause"], payouts.row()["amount"]) == ("posted_twice", Decimal("-100.5000"))


@pytest.mark.parametrize("status", ["scheduled", "failed", "cancelled", "unknown"])
def test_what_has_not_reached_the_bank_is_not_due(payouts: World, status: str) -> None:
    """There is nothing to post."""
    payouts.change("marts.payouts", "true", status_code=status)
    assert payouts.rows() == []


def test_without_books_to_look_into_nothing_is_said(payouts: World) -> None:
    """No system of the estate shows its postings."""
    payouts.clear("marts.postings")
    assert payouts.rows() == []


@pytest.mark.parametrize(("hours", "expected"), [(23, 0), (24, 1)])
def test_a_payout_is_due_in_the_books_after_a_day(payouts: World, hours: int, expected: int) -> None:
    """From when it was paid."""
    payouts.change("marts.payouts", "true", issued_at=ago(hours=hours))
    assert len(payouts.rows()) == expected
