"""wanted.shipments_to_channel: parcels in the channel's own lines, bundles by the parcel that completes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogent_pipelines_tests.rules.rows import SHOP, WMS, World, ago


@pytest.fixture
def world() -> World:
    """A shop with a bundle KIT of one A and two B."""
    world = World("shipments_to_channel")
    world.bundle("KIT", A=1, B=2)
    return world


def lines(row: dict) -> dict[str, int]:
    """Order line -> units of a wanted fulfilment."""
    found: dict[str, int] = {}
    for line in row["lines"]:
        key = line["order_line_key"].rpartition("-")[2]
        found[key] = found.get(key, 0) + line["qty"]
    return found


def wanted(world: World) -> dict[str, dict[str, int]]:
    """Business key -> order line -> units."""
    return {row["business_key"].removeprefix(f"{WMS}:"): lines(row) for row in world.rows()}


def test_a_parcel_is_wanted_with_its_carrier_number_and_lines(world: World) -> None:
    """In the channel's words: its fulfilment order lines, its name for the carrier."""
    world.order("1", ("A", 2), ("C", 1))
    world.warehouse_order("90", "1", ("A", 2), ("C", 1))
    world.parcel("p1", "90", "1", {"A": 2, "C": 1})
    row = world.row()
    assert (row["system"], row["source_system"], row["act"], row["business_key"]) == (
        SHOP,
        WMS,
        "fulfil",
        f"{WMS}:p1",
    )
    assert (row["carrier"], row["tracking_numbers"], row["notify"], row["held_by"]) == (
        "DPD UK",
        ["Tp1"],
        True,
        None,
    )
    assert [(line["fulfilment_order_line_id"], line["qty"]) for line in row["lines"]] == [
        ("fo11001-1", 2),
        ("fo11001-2", 1),
    ]


def test_a_parcel_the_channel_knows_is_not_wanted(world: World) -> None:
    """By its number, whatever its case."""
    world.order("1", ("A", 2), remaining=[1])
    world.warehouse_order("90", "1", ("A", 2))
    world.parcel("p1", "90", "1", {"A": 1})
    assert wanted(world) == {"p1": {"1": 1}}
    world.fulfilment("1", "f1", {1: 1}, ["tP1 "])
    assert wanted(world) == {}


def test_each_parcel_is_one_fulfilment(world: World) -> None:
    """Two parcels, two rows, and together the order."""
    world.order("1", ("A", 3))
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=30))
    world.parcel("p2", "90", "1", {"A": 2}, despatched_at=ago(minutes=20))
    assert wanted(world) == {"p1": {"1": 1}, "p2": {"1": 2}}


def test_a_second_parcel_does_not_ask_for_the_first_one_s_units(world: World) -> None:
    """What the first told stays told."""
    world.order("1", ("A", 3), remaining=[2])
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=30))
    world.fulfilment("1", "f1", {1: 1}, ["Tp1"])
    world.parcel("p2", "90", "1", {"A": 2}, despatched_at=ago(minutes=20))
    assert wanted(world) == {"p2": {"1": 2}}


def test_two_parcels_under_one_number_are_both_told(world: World) -> None:
    """The number alone does not say that both are known."""
    world.order("1", ("A", 2), remaining=[1])
    for name, minutes in (("p1", 30), ("p2", 20)):
        world.parcel(name, "90", "1", {"A": 1}, despatched_at=ago(minutes=minutes), tracking_number="SAME")
    world.fulfilment("1", "f1", {1: 1}, ["SAME"])
    assert wanted(world) == {"p2": {"1": 1}}


def test_a_bundle_is_sent_with_the_parcel_that_completes_it(world: World) -> None:
    """The earlier parcel has no fulfilment of its own; its number joins."""
    world.order("1", ("KIT", 1))
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=30))
    assert wanted(world) == {}
    world.parcel("p2", "90", "1", {"B": 2}, despatched_at=ago(minutes=20))
    row = world.row()
    assert row["business_key"] == f"{WMS}:p2"
    assert (lines(row), row["tracking_numbers"]) == ({"1": 1}, ["Tp2", "Tp1"])
    assert row["tracking_urls"] == ["https://t/p2", "https://t/p1"]


def test_a_bundle_s_unit_brings_only_the_parcels_that_held_parts_of_it(world: World) -> None:
    """Of three units in three parcels, each has its own number."""
    world.order("1", ("KIT", 3))
    for place, name in enumerate(("p1", "p2", "p3")):
        world.parcel(name, "90", "1", {"A": 1, "B": 2}, despatched_at=ago(minutes=30 - place))
    assert {r["shipment_id"]: (lines(r), r["tracking_numbers"]) for r in world.rows()} == {
        "p1": ({"1": 1}, ["Tp1"]), "p2": ({"1": 1}, ["Tp2"]), "p3": ({"1": 1}, ["Tp3"]),
    }  # fmt: skip


def test_a_parcel_with_a_plain_line_and_half_a_bundle_tells_the_line(world: World) -> None:
    """And its number comes again with the bundle."""
    world.order("1", ("KIT", 1), ("C", 1))
    world.parcel("p1", "90", "1", {"A": 1, "C": 1}, despatched_at=ago(minutes=30))
    assert wanted(world) == {"p1": {"2": 1}}
    world.fulfilment("1", "f1", {2: 1}, ["Tp1"])
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=0)
    world.parcel("p2", "90", "1", {"B": 2}, despatched_at=ago(minutes=20))
    row = world.row()
    assert (lines(row), row["tracking_numbers"]) == ({"1": 1}, ["Tp2", "Tp1"])


def test_a_component_sold_alone_too_goes_to_its_own_line_first(world: World) -> None:
    """A line that one item completes does not wait for a bundle."""
    world.order("1", ("KIT", 1), ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1}, despatched_at=ago(minutes=30))
    assert wanted(world) == {"p1": {"2": 1}}
    world.parcel("p2", "90", "1", {"A": 1, "B": 2}, despatched_at=ago(minutes=20))
    assert wanted(world) == {"p1": {"2": 1}, "p2": {"1": 1}}


def test_more_than_was_ordered_is_not_told(world: World) -> None:
    """A parcel cannot fulfil units nobody bought."""
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 5, "X": 1})
    assert wanted(world) == {"p1": {"1": 1}}


def test_a_parcel_answers_its_own_location_s_fulfilment_order(world: World) -> None:
    """Fulfilment orders of two locations cannot be told in one call."""
    world.order("1", ("A", 2), remaining=[1])
    world.fulfilment_order("1", {1: 1}, location="1002")
    world.parcel("p1", "90", "1", {"A": 1}, facility="YORK", facility_id="42")
    row = world.row()
    assert (row["location_id"], row["lines"][0]["fulfilment_order_id"]) == ("1002", "fo11002")


def test_a_parcel_from_elsewhere_answers_what_is_open(world: World) -> None:
    """York sent what Leeds was asked for."""
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1}, facility="YORK", facility_id="42")
    assert world.row()["location_id"] == "1001"


def test_a_parcel_of_the_record_york_was_asked_for_answers_york_s_lines_wherever_it_left(
    world: World,
) -> None:
    """The warehouse sent both parts of an order from Leeds; by place the second would find no line of its own."""
    world.order("1", ("A", 1), ("C", 1), remaining=[1, 0])
    world.fulfilment_order("1", {2: 1}, location="1002")
    for name, facility, sku in (("90", "LEEDS", "A"), ("91", "YORK", "C")):
        world.warehouse_order(name, "1", (sku, 1))
        world.promise("orders_to_wms", f"{SHOP}:1@{facility}", order_key=f"{SHOP}:1", target_ref=name)
        world.parcel(f"p{name}", name, "1", {sku: 1})
    assert {row["business_key"]: row["location_id"] for row in world.rows()} == {
        f"{WMS}:p90": "1001",
        f"{WMS}:p91": "1002",
    }


def test_units_are_laid_along_several_fulfilment_orders(world: World) -> None:
    """A line may be split between two of one location."""
    world.order("1", ("A", 3), remaining=[1])
    world.fulfilment_order("1", {1: 2}, name="b")
    world.parcel("p1", "90", "1", {"A": 3})
    assert sorted((line["fulfilment_order_id"], line["qty"]) for line in world.row()["lines"]) == [
        ("fo11001", 1), ("fo1b1001", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "values"),
    [
        ("no_tracking", {"tracking_number": None}),
        ("no_tracking", {"tracking_number": " "}),
        ("no_carrier", {"carrier": None}),
        ("unmapped_carrier", {"carrier": "Pigeon"}),
    ],
)
def test_a_parcel_nobody_could_follow_is_held(world: World, cause: str, values: dict) -> None:
    """It goes when the number is there or the carrier is mapped."""
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1}, **values)
    assert world.row()["held_by"] == cause


def test_a_parcel_for_lines_on_hold_is_held(world: World) -> None:
    """The channel would refuse it."""
    world.order("1", ("A", 1), fulfilment_status="on_hold")
    world.parcel("p1", "90", "1", {"A": 1})
    assert world.row()["held_by"] == "nothing_open"


def test_a_cancelled_order_s_parcel_is_not_told(world: World) -> None:
    """There is nothing left to fulfil; no_cancelled_order_is_being_picked speaks of it."""
    world.order("1", ("A", 1), cancelled_at=ago(minutes=40))
    world.parcel("p1", "90", "1", {"A": 1})
    assert world.rows() == []


def test_more_lines_than_one_call_carries_go_in_parts_that_keep_their_numbers(world: World) -> None:
    """600 lines are 512 and 88; when the first part is told the second is still the second. The customer hears once."""
    skus = [f"S{n:03d}" for n in range(600)]
    world.order("1", *((sku, 1) for sku in skus))
    world.parcel("p1", "90", "1", dict.fromkeys(skus, 1))
    rows = {row["business_key"]: row for row in world.rows()}
    assert {key: (len(row["lines"]), row["part"], row["notify"]) for key, row in rows.items()} == {
        f"{WMS}:p1": (512, 1, True), f"{WMS}:p1/2": (88, 2, False),
    }  # fmt: skip
    told = [line["order_line_key"].rpartition("-")[2] for line in rows[f"{WMS}:p1"]["lines"]]
    world.fulfilment("1", "f1", {int(place): 1 for place in told}, ["Tp1"])
    for place in told:
        world.change("marts.fulfilment_order_lines", f"order_line_key = '{SHOP}:1-{place}'", remaining_qty=0)
    (row,) = world.rows()
    assert (row["business_key"], len(row["lines"])) == (f"{WMS}:p1/2", 88)


def test_a_part_that_told_nobody_is_not_told_again_at_the_first_scan(world: World) -> None:
    """The other part told the customer: the policy was changed in between."""
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1}, first_scan_at=ago(minutes=5))
    world.fulfilment("1", "f1", {1: 1}, ["Tp1"])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    world.promise("shipments_to_channel", f"{WMS}:p1/2", act="fulfil", sent={"notify": False})
    assert [row["act"] for row in world.rows()] == ["notify"]
    world.promise("shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": True})
    assert world.rows() == []


def test_customers_who_are_told_at_the_first_scan_are_told_once(world: World) -> None:
    """Silent at despatch, told when the carrier has it, and not again."""
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1})
    assert world.row()["notify"] is False
    world.fulfilment("1", "f1", {1: 1}, ["Tp1"])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    assert world.rows() == []
    world.change("marts.shipments", "true", first_scan_at=ago(minutes=5))
    assert world.rows() == []  # somebody else told the shop: whether the customer knows, we cannot say
    world.promise("shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": False})
    row = world.row()
    assert (row["act"], row["business_key"], row["fulfilment_id"]) == ("notify", f"{WMS}:p1:scan", "f1")
    world.promise("shipments_to_channel", f"{WMS}:p1:scan", act="notify")
    assert world.rows() == []


def test_a_scan_that_only_the_shop_knows_of_counts(world: World) -> None:
    """The warehouse tells of no scans; the shop follows the number it was told."""
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1})
    world.fulfilment("1", "f1", {1: 1}, ["Tp1"])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    world.promise("shipments_to_channel", f"{WMS}:p1", act="fulfil", sent={"notify": False})
    assert world.rows() == []
    world.change("marts.fulfilments", "true", first_scan_at=ago(minutes=5))
    assert (world.row()["act"], world.row()["since_at"]) == ("notify", ago(minutes=5))


def test_a_shop_that_tells_with_every_shipment_is_not_told_before_the_scan(world: World) -> None:
    """The parcel is held, and goes with its message when the carrier has it; without that policy it goes at once."""
    world.change("estate.systems", f"system = '{SHOP}'", tells_customers=True)
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1})
    assert (world.row()["held_by"], world.row()["notify"]) == (None, True)
    world.change("estate.channels", "true", notify_policy="on_first_scan")
    assert world.row()["held_by"] == "not_scanned"
    world.change("marts.shipments", "true", first_scan_at=ago(minutes=5))
    assert (world.row()["held_by"], world.row()["notify"], world.row()["act"]) == (None, True, "fulfil")


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_the_parcels_nothing_is_told_early_and_nothing_is_missed(data: st.DataObject) -> None:
    """Any order, cut into any parcels: units told never run ahead of components sent, and end at the order."""
    world = World("shipments_to_channel")
    world.bundle("KIT", A=1, B=2)
    skus = data.draw(st.lists(st.sampled_from(["A", "B", "C", "KIT"]), min_size=1, max_size=3, unique=True))
    qty = {sku: data.draw(st.integers(1, 3), label=sku) for sku in skus}
    world.order("1", *qty.items())
    units = {"A": 0, "B": 0, "C": 0}
    for sku, number in qty.items():
        for part, each in {"KIT": {"A": 1, "B": 2}}.get(sku, {sku: 1}).items():
            units[part] += number * each
    left = [sku for sku, number in units.items() for _ in range(number)]
    left = data.draw(st.permutations(left))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(left)), max_size=3)))
    parcels = [left[a:b] for a, b in zip([0, *cuts], [*cuts, len(left)], strict=True) if b > a]
    sent = dict.fromkeys(units, 0)
    for place, parcel in enumerate(parcels):
        world.parcel(
            f"p{place}", "90", "1", {sku: parcel.count(sku) for sku in set(parcel)},
            despatched_at=ago(hours=1) + timedelta(minutes=place),
        )  # fmt: skip
    rows = {row["shipment_id"]: row for row in world.rows()}
    told = dict.fromkeys(range(1, len(qty) + 1), 0)
    numbers: set[str] = set()
    for place, parcel in enumerate(parcels):
        for sku in parcel:
            sent[sku] += 1
        if (row := rows.get(f"p{place}")) is not None:
            numbers |= set(row["tracking_numbers"])
            for line, number in lines(row).items():
                told[int(line)] += number
        used = dict.fromkeys(units, 0)
        for line, sku in enumerate(qty, start=1):
            for part, each in {"KIT": {"A": 1, "B": 2}}.get(sku, {sku: 1}).items():
                used[part] += told[line] * each
        assert all(used[sku] <= sent[sku] for sku in units)
    assert told == dict(enumerate(qty.values(), start=1))
    assert numbers == {f"Tp{place}" for place in range(len(parcels))}


def test_a_row_says_which_location_the_goods_left_from(world: World) -> None:
    """By the facility that sent them, whichever location the channel had asked."""
    world.order("1", ("A", 2))
    world.parcel("p1", "90", "1", {"A": 1}, facility="YORK", facility_id="42")
    world.parcel("p2", "90", "1", {"A": 1}, facility="HULL", facility_id="43")
    rows = {row["business_key"]: (row["location_id"], row["from_location_id"]) for row in world.rows()}
    assert rows == {f"{WMS}:p1": ("1001", "1002"), f"{WMS}:p2": ("1001", "1001")}


def test_a_facility_behind_two_locations_names_none(world: World) -> None:
    """Then it is the location that was asked."""
    world.put("mappings.locations", system=SHOP, location_id="1003", facility="YORK")
    world.order("1", ("A", 1))
    world.parcel("p1", "90", "1", {"A": 1}, facility="YORK", facility_id="42")
    assert world.row()["from_location_id"] == "1001"
