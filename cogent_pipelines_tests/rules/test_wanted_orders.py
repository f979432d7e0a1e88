"""wanted.orders_to_wms: what goes to a warehouse, in whose words, at which price, and what does not go."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A shop that sells A and B, of which Leeds and York hold ten each."""
    world = World("orders_to_wms")
    for sku in ("A", "B"):
        world.item(sku)
        world.stock(sku, 10)
        world.stock(sku, 10, facility="YORK")
    return world


def test_a_paid_order_is_wanted_in_the_warehouse_of_its_location(world: World) -> None:
    """Facility, method and items are the warehouse's own."""
    world.order("1", ("A", 2), location="1002")
    row = world.row()
    assert (row["system"], row["business_key"], row["reference"]) == (WMS, f"{SHOP}:1@YORK", "#1")
    assert (row["facility"], row["facility_id"], row["delivery_method_id"], row["held_by"]) == (
        "YORK",
        "42",
        "11",
        None,
    )
    assert row["is_tax_included"] is True
    assert row["lines"] == [
        {
            "line_ref": "1-1",
            "sku": "A",
            "item_id": "w-A",
            "qty": 2,
            "unit_price_amount": Decimal("10.0000"),
            "tax_rate": 0.2,
            "tax_code": None,
        }
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"payment_code": "authorised", "paid_at": None},
        {"payment_code": "pending", "paid_at": None},
        {"payment_code": "voided", "paid_at": None},
        {"payment_code": "refunded"},
        {"payment_code": "unknown"},
        {"is_test": True},
        {"cancelled_at": ago(minutes=5)},
        {"gone_at": ago(minutes=5)},
    ],
)
def test_what_may_not_go_is_not_wanted(world: World, values: dict) -> None:
    """Unpaid, test, cancelled and deleted orders stay where they are."""
    world.order("1", ("A", 1), **values)
    assert world.rows() == []


def test_a_channel_that_releases_on_order_does_not_wait_for_the_money(world: World) -> None:
    """The policy is the estate's, per channel."""
    world.change("estate.channels", "true", release_policy="on_order")
    world.order("1", ("A", 1), payment_code="authorised", paid_at=None)
    assert world.row()["held_by"] is None


def test_an_order_older_than_the_sync_is_not_wanted(world: World) -> None:
    """``from`` is the estate's word on where our responsibility begins."""
    world.change("estate.syncs", "true", from_at=ago(minutes=30))
    world.order("1", ("A", 1), placed_at=ago(minutes=31))
    world.order("2", ("A", 1), placed_at=ago(minutes=30))
    assert [row["order_key"] for row in world.rows()] == [f"{SHOP}:2"]


@pytest.mark.parametrize(
    "values", [{}, {"status_code": "cancelled"}, {"gone_at": ago(minutes=1)}, {"status_code": "merged"}]
)
def test_what_is_or_was_there_is_not_sent_again(world: World, values: dict) -> None:
    """Nobody resurrects what a person cancelled, merged or deleted; the reference is all that counts."""
    world.order("1", ("A", 1))
    world.warehouse_order("90", "1", ("A", 1), **values)
    assert world.rows() == []


def test_a_longer_reference_that_begins_alike_is_another_order(world: World) -> None:
    """#10 in the warehouse says nothing of #1."""
    world.order("1", ("A", 1))
    world.warehouse_order("90", "10", ("A", 1))
    assert world.row()["reference"] == "#1"


def test_nothing_left_to_ship_is_nothing_to_send(world: World) -> None:
    """Lines that need no shipping and fulfilment orders that are done do not count."""
    world.order("1", ("A", 1), remaining=[0])
    world.order("2", ("A", 1), fulfilment_status="closed")
    world.order("3", ("A", 1))
    world.change("marts.order_lines", f"order_key = '{SHOP}:3'", requires_shipping=False)
    assert world.rows() == []


def test_what_lies_on_no_shelf_is_part_of_the_order_s_money(world: World) -> None:
    """The total holds it and no line does: a target that adds up must be told."""
    world.order("1", ("A", 2), ("WRAP", 3))
    world.change(
        "marts.order_lines", "sku = 'WRAP'", requires_shipping=False, unit_price_amount=Decimal("2.50")
    )
    row = world.row()
    assert ([line["sku"] for line in row["lines"]], row["services_amount"]) == (["A"], Decimal("7.5"))
    world.change("marts.order_lines", "true", requires_shipping=True)
    assert world.row()["services_amount"] == 0


def test_only_what_remains_is_sent(world: World) -> None:
    """Units removed before release stay out."""
    world.order("1", ("A", 3), ("B", 1), remaining=[2, 0])
    assert [(line["sku"], line["qty"]) for line in world.row()["lines"]] == [("A", 2)]


def test_an_order_of_two_locations_becomes_two_with_their_own_references(world: World) -> None:
    """Each facility gets its part, and the parts' money adds up to the order's."""
    world.order("1", ("A", 1, "10.01"), ("B", 2), remaining=[1], shipping_amount=Decimal("4.99"))
    world.fulfilment_order("1", {2: 2}, location="1002")
    rows = sorted(world.rows(), key=lambda r: r["facility"])
    assert [(r["reference"], r["business_key"]) for r in rows] == [
        ("#1/LEEDS", f"{SHOP}:1@LEEDS"), ("#1/YORK", f"{SHOP}:1@YORK"),
    ]  # fmt: skip
    assert sum(r["total_amount"] for r in rows) == Decimal("30.01")
    assert sum(r["shipping_amount"] for r in rows) == Decimal("4.99")
    assert all(r["total_amount"].as_tuple().exponent >= -4 and r["total_amount"] * 100 % 1 == 0 for r in rows)


def test_the_part_that_is_there_is_not_sent_again_with_the_other(world: World) -> None:
    """A split order's parts live their own lives."""
    world.order("1", ("A", 1), ("B", 1), remaining=[1])
    world.fulfilment_order("1", {2: 1}, location="1002")
    world.warehouse_order("90", "1", ("A", 1), reference="#1/LEEDS")
    assert world.row()["reference"] == "#1/YORK"


def test_an_order_that_is_there_whole_gets_no_second_part(world: World) -> None:
    """Moved to two locations after it was sent: sending a part would send its goods twice."""
    world.order("1", ("A", 1), ("B", 1), remaining=[1])
    world.fulfilment_order("1", {2: 1}, location="1002")
    world.warehouse_order("90", "1", ("A", 1), ("B", 1))
    assert world.rows() == []


def held(world: World) -> str | None:
    """Why the one wanted row is held."""
    return world.row()["held_by"]


@pytest.mark.parametrize(
    ("cause", "values"),
    [
        ("currency", {"currency": "EURO"}),
        ("unmapped_delivery_option", {"delivery_option": "By pigeon"}),
        ("unmapped_delivery_option", {"delivery_option": None}),
        ("bad_address", {"ship_to_line1": " "}),
        ("bad_address", {"ship_to_postcode": None}),
        ("bad_address", {"ship_to_city": ""}),
        ("bad_address", {"ship_to_country_code": "United Kingdom"}),
        ("bad_address", {"ship_to_line2": "x" * 101}),
        ("bad_address", {"ship_to_name": None, "ship_to_last_name": None}),
        ("promised_day_passed", {"promised_on": NOW.date() - timedelta(days=1)}),
        (None, {"promised_on": NOW.date()}),
        (None, {"ship_to_country_code": "IE", "ship_to_postcode": None}),
        (None, {"ship_to_line2": "x" * 100}),
    ],
)
def test_an_order_is_held_by_what_is_wrong_with_it(world: World, cause: str | None, values: dict) -> None:
    """One word, and the order is still wanted: it goes when the cause is mended."""
    world.order("1", ("A", 1), **values)
    assert held(world) == cause


def test_a_line_in_another_currency_holds_the_order(world: World) -> None:
    """Money of two kinds is not added up."""
    world.order("1", ("A", 1))
    world.change("marts.order_lines", "true", currency="EUR")
    assert held(world) == "currency"


def test_a_currency_the_shop_does_not_sell_in_holds_the_order(world: World) -> None:
    """The mapping lists a channel's currencies; a channel without any takes all."""
    world.order("1", ("A", 1), currency="USD")
    assert held(world) is None
    world.put("mappings.currencies", system=SHOP, currency="GBP")
    assert held(world) == "currency"


@pytest.mark.parametrize(("qty", "cause"), [(10_000, None), (10_001, "quantity")])
def test_a_quantity_nobody_means_holds_the_order(world: World, qty: int, cause: str | None) -> None:
    """The limit is configuration."""
    world.change("marts.stock", "true", available_qty=100_000)
    world.order("1", ("A", qty))
    assert held(world) == cause


def test_an_unmapped_location_holds_the_order(world: World) -> None:
    """Never the wrong warehouse: no facility, no sending."""
    world.order("1", ("A", 1), location="1003")
    row = world.row()
    assert (row["held_by"], row["facility"], row["business_key"]) == (
        "unmapped_facility",
        None,
        f"{SHOP}:1@location 1003",
    )


@pytest.mark.parametrize("sku", ["a", "A ", "C", None])
def test_only_the_exact_sku_is_known(world: World, sku: str | None) -> None:
    """Case and blanks make another SKU."""
    world.order("1", (sku, 1))
    assert held(world) == "unknown_sku"


def test_a_sku_that_two_items_have_is_not_known(world: World) -> None:
    """Which of the two would be picked nobody can say."""
    world.item("A", where=(WMS,), item_key="wms_uk:A2", item_id="w-A2")
    world.order("1", ("A", 1))
    assert held(world) == "unknown_sku"


def test_an_inactive_item_is_not_known(world: World) -> None:
    """What the warehouse has switched off it will not pick."""
    world.change("marts.items", f"system = '{WMS}'", is_active=False)
    world.order("1", ("A", 1))
    assert held(world) == "unknown_sku"


def test_an_order_goes_by_itself_when_its_sku_appears(world: World) -> None:
    """Nothing else has to be done about a held order."""
    world.order("1", ("C", 1))
    world.stock("C", 1)
    assert held(world) == "unknown_sku"
    world.item("C", where=(WMS,))
    assert held(world) is None


def test_a_changed_sku_goes_out_under_the_warehouse_s_name(world: World) -> None:
    """The map says what the warehouse calls it now, from the day it does."""
    world.order("1", ("OLD", 1))
    world.put("mappings.sku_changes", system=WMS, old_sku="OLD", new_sku="A", from_on=NOW.date())
    assert world.row()["lines"][0]["item_id"] == "w-A"
    world.at(NOW - timedelta(days=1))
    assert held(world) == "unknown_sku"


def test_a_channel_that_changed_alone_is_translated_back(world: World) -> None:
    """The shop says NEW, the warehouse still A."""
    world.order("1", ("NEW", 1))
    world.put("mappings.sku_changes", system=SHOP, old_sku="A", new_sku="NEW", from_on=NOW.date())
    assert world.row()["lines"][0]["sku"] == "A"
    world.put("mappings.sku_changes", system=WMS, old_sku="A", new_sku="NEW", from_on=NOW.date())
    assert held(world) == "unknown_sku"  # both have changed: NEW is NEW, and no item yet


def test_stock_goes_to_the_oldest_paid_order(world: World) -> None:
    """Ten are there: five and four go, the youngest three wait."""
    world.order("3", ("A", 3), paid_at=ago(minutes=10))
    world.order("1", ("A", 5), paid_at=ago(minutes=30))
    world.order("2", ("A", 4), paid_at=ago(minutes=20))
    assert {r["order_key"]: r["held_by"] for r in world.rows()} == {
        f"{SHOP}:1": None, f"{SHOP}:2": None, f"{SHOP}:3": "no_free_stock",
    }  # fmt: skip


def test_an_order_nobody_could_ever_serve_does_not_hold_its_neighbours(world: World) -> None:
    """Eleven of ten wait; the next order of one goes."""
    world.order("1", ("A", 11), paid_at=ago(minutes=30))
    world.order("2", ("A", 1), paid_at=ago(minutes=20))
    assert {r["order_key"]: r["held_by"] for r in world.rows()} == {
        f"{SHOP}:1": "no_free_stock",
        f"{SHOP}:2": None,
    }


def test_units_of_orders_in_the_warehouse_and_not_allocated_are_not_free(world: World) -> None:
    """Being in the WMS is not being reserved."""
    world.order("1", ("A", 8))
    world.warehouse_order("90", "1", ("A", 8))
    world.order("2", ("A", 3))
    assert held(world) == "no_free_stock"
    world.allocation("90", {"A": 8})
    world.change("marts.stock", "sku = 'A'", allocated_qty=8, available_qty=2)
    assert held(world) == "no_free_stock"
    world.change("marts.stock", "sku = 'A'", available_qty=3)
    assert held(world) is None


def test_the_first_cause_in_the_order_of_mending_is_named(world: World) -> None:
    """One cause per order: the SKU before the address, whatever else is wrong."""
    world.order("1", ("C", 1), ship_to_city=None, delivery_option="?")
    assert held(world) == "unknown_sku"


def test_a_fulfilment_order_on_hold_holds_its_facility_s_part(world: World) -> None:
    """Sent now, the rest could never follow under the same key."""
    world.order("1", ("A", 1), ("B", 1), remaining=[1])
    world.fulfilment_order("1", {2: 1}, status="on_hold", name="b")
    assert held(world) == "on_hold"


def test_two_orders_with_one_number_wait_for_a_person(world: World) -> None:
    """The reference would find the wrong one."""
    world.order("1", ("A", 1))
    world.order("2", ("A", 1), order_name="#1")
    assert {row["held_by"] for row in world.rows()} == {"reference_taken"}


def test_routing_by_availability_takes_the_facility_that_has_it_all(world: World) -> None:
    """The location's own first; one that was asked already stays."""
    world.change("estate.channels", "true", route="availability")
    world.order("1", ("A", 5), ("B", 5))
    assert world.row()["facility"] == "LEEDS"
    world.change("marts.stock", "facility = 'LEEDS' and sku = 'B'", available_qty=4)
    assert world.row()["facility"] == "YORK"
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", "sent", order_key=f"{SHOP}:1")
    assert world.row()["facility"] == "LEEDS"


def test_bundles_go_out_as_their_components(world: World) -> None:
    """Nested ones too, and a component that comes twice is counted twice."""
    world.bundle("KIT", A=1, B=2)
    world.bundle("BOX", KIT=2, A=1)
    world.item("BOX", where=(SHOP,))
    world.change("marts.stock", "true", available_qty=100)
    world.order("1", ("BOX", 3, "10.00"))
    lines = world.row()["lines"]
    units = {sku: sum(line["qty"] for line in lines if line["sku"] == sku) for sku in ("A", "B")}
    assert units == {"A": 9, "B": 12}
    assert sum(line["qty"] * line["unit_price_amount"] for line in lines) == Decimal("30.00")


def test_the_due_day_is_the_promise_or_the_next_cut_off(world: World) -> None:
    """Released after the cut-off, it leaves on the next day that has one."""
    for days in (0, 1):
        day = (NOW + timedelta(days=days)).date()
        world.put(
            "estate.cut_offs",
            facility="LEEDS",
            cut_off_at=NOW.replace(hour=11) + timedelta(days=days),
            day_on=day,
        )
    world.order("1", ("A", 1), paid_at=ago(hours=1))
    world.order("2", ("A", 1), paid_at=ago(minutes=59))
    world.order("3", ("A", 1), promised_on=NOW.date() + timedelta(days=9))
    assert {r["order_name"]: r["due_on"].day for r in world.rows()} == {"#1": 4, "#2": 5, "#3": 13}


@settings(max_examples=15, deadline=None)
@given(
    price=st.decimals("0", "5000", places=2),
    qty=st.integers(1, 9),
    parts=st.lists(
        st.tuples(st.integers(1, 5), st.decimals("0.01", "300", places=2)), min_size=1, max_size=4
    ),
    currency=st.sampled_from(["GBP", "JPY", "KWD"]),
    is_priced=st.booleans(),
)
def test_a_bundle_s_price_is_shared_without_losing_a_penny(price, qty, parts, currency, is_priced) -> None:
    """Whatever the prices, the lines add up to the bundle exactly, in whole steps of its currency."""
    world = World("orders_to_wms")
    if currency == "JPY":
        price = price.to_integral_value()
    components = {f"P{n}": units for n, (units, _) in enumerate(parts)}
    for n, (_, own) in enumerate(parts):
        world.item(f"P{n}", price=str(own) if is_priced or n else None)
        world.stock(f"P{n}", 1000)
    world.bundle("KIT", **components)
    world.order("1", ("KIT", qty, str(price)), currency=currency)
    lines = world.row()["lines"]
    assert sum(line["qty"] * line["unit_price_amount"] for line in lines) == price * qty
    assert all(line["unit_price_amount"] >= 0 and line["qty"] > 0 for line in lines)
    places = {"GBP": 2, "JPY": 0, "KWD": 3}[currency]
    assert all(line["unit_price_amount"] * 10**places % 1 == 0 for line in lines)
    units = {sku: sum(line["qty"] for line in lines if line["sku"] == sku) for sku in components}
    assert units == {sku: each * qty for sku, each in components.items()}


# --- what an order is worth when it goes ----------------------------------------------------------------


def money(row: dict) -> tuple[Decimal, ...]:
    """Total, delivery, discount and tax."""
    return tuple(row[f"{name}_amount"] for name in ("total", "shipping", "discount", "tax"))


def test_an_edited_order_goes_for_what_is_left_of_it(world: World) -> None:
    """The discount and tax of a line go with its units, to the penny."""
    world.order("1", ("A", 2), remaining=[2], total_amount=Decimal("29.99"), current_total_amount=Decimal("19.33"),
                discount_amount=Decimal("1.00"), tax_amount=Decimal("5.00"), shipping_amount=Decimal("1.00"))  # fmt: skip
    world.change(
        "marts.order_lines",
        "true",
        ordered_qty=3,
        discount_amount=Decimal("1.00"),
        tax_amount=Decimal("5.00"),
    )
    assert money(world.row()) == (Decimal("19.33"), Decimal("1.00"), Decimal("0.67"), Decimal("3.33"))


def test_delivery_that_was_given_back_is_no_more_of_the_order(world: World) -> None:
    """And goodwill is."""
    world.order("1", ("A", 1), total_amount=Decimal("13.95"), current_total_amount=Decimal("10.00"),
                shipping_amount=Decimal("3.95"))  # fmt: skip
    world.refund("1", "r1", "5.95", adjustment_amount=Decimal("2.00"))
    assert money(world.row())[:2] == (Decimal("10.00"), Decimal("0.00"))


def test_each_payment_goes_with_its_id_method_and_fee(world: World) -> None:
    """And none beyond what the order comes to."""
    world.order("1", ("A", 2))
    for number, amount, minutes in (("p1", "15.00", 50), ("p2", "15.00", 40)):
        world.put("marts.payments", payment_key=number, system=SHOP, order_key=f"{SHOP}:1", payment_id=number,
                  kind_code="capture", status_code="success", amount=Decimal(amount), currency="GBP", gateway="klarna",
                  fee_amount=Decimal("0.30"), processed_at=ago(minutes=minutes))  # fmt: skip
    row = world.row()
    assert [(p["payment_id"], p["amount"], p["method"], p["fee_amount"]) for p in row["payments"]] == [
        ("p1", Decimal("15.0000"), "klarna", Decimal("0.3000")),
        ("p2", Decimal("5.0000"), "klarna", Decimal("0.3000")),
    ]
    assert (row["customer_id"], row["payment_method"], row["payment_reference"]) == (
        f"{SHOP}:c1",
        "klarna",
        "p2",
    )


def test_what_was_not_taken_pays_nothing(world: World) -> None:
    """An authorisation, and a capture that failed."""
    world.order("1", ("A", 2))
    for number, kind, status in (("p1", "authorisation", "success"), ("p2", "capture", "failed")):
        world.put("marts.payments", payment_key=number, system=SHOP, order_key=f"{SHOP}:1", payment_id=number,
                  kind_code=kind, status_code=status, amount=Decimal(20), processed_at=ago(minutes=9))  # fmt: skip
    assert world.row()["payments"] == []


@pytest.mark.parametrize(("tax", "held"), [("VAT", None), (None, None), ("IE VAT", "unmapped_tax_code"),
                                           ("VAT + Eco levy", "unmapped_tax_code")])  # fmt: skip
def test_where_the_warehouse_is_the_books_an_unmapped_tax_is_held(
    world: World, tax: str | None, held: str | None
) -> None:
    """Before it is posted; elsewhere the rule alone speaks of it."""
    world.put("mappings.tax_codes", system=SHOP, tax_code="VAT", ledger_code="GB-20")
    world.order("1", ("A", 1))
    world.change("marts.order_lines", "true", tax_code=tax)
    assert world.row()["held_by"] is None
    world.put("estate.truth", entity="finance", facility="", system=WMS)
    row = world.row()
    assert row["held_by"] == held
    assert row["lines"][0]["tax_code"] == ("GB-20" if tax == "VAT" else None)
