"""The planter plants what it says, by several ways each, and its near-misses are no faults."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.world import acts, bridge, catalogue, truth
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.sandbox.world import warehouse as wms
from cogent_pipelines.sandbox.world.defects import FAMILIES, read_families
from cogent_pipelines.sandbox.world.people import People
from cogent_pipelines.sandbox.world.pickers import Plan
from cogent_pipelines.sandbox.world.plant import NOT_CARRIED, SAID_MOVED
from cogent_pipelines.sandbox.world.plants_parcels import READ_BACK
from cogent_pipelines.sandbox.world.world import Flaw
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.sandbox.worlds import SMALL, make, play

EACH = 8


@pytest.fixture(scope="module")
def planted():
    """A world in which an older integration moves everything, as flows of a bridge, and every family is planted."""
    settings = {
        "systems": {**SMALL.systems, "bridge": "patchworks"},
        "orders": 60,
        "skus": 120,
        "bundles": 20,
        "old_integration": 1.0,
        "defects": EACH,
    }
    return play(make(SMALL, **settings), days=10)


def records(world, name):
    """The warehouse's records of a number."""
    return wms.find_orders(world.warehouses["wms_uk"], name)


def placed(world, name):
    """The shop's order of a name."""
    return shops.find_orders(world.shops["web_uk"], name)[0]


def found(world, family, *, near=False):
    """What was planted of a family."""
    return [d for d in world.planter.defects if d.family == family and d.is_near_miss == near]


def test_every_family_has_three_mechanisms_and_three_near_misses():
    """One way to plant a fault would be found by looking for that way."""
    assert len(FAMILIES) >= 30
    for name, family in FAMILIES.items():
        assert len(family.mechanisms) >= 3, name
        assert len(family.near_misses) >= 3, name
        assert len({m.__name__ for m in family.mechanisms}) == len(family.mechanisms), name


def test_everything_asked_for_is_planted(planted):
    """Every family gets its number, and all of its mechanisms; nothing is left waiting."""
    listing = planted.planter.listing()
    assert listing["waiting"] == []
    assert listing["abandoned"] == []
    mechanisms = defaultdict(set)
    for defect in planted.planter.defects:
        mechanisms[(defect.family, defect.is_near_miss)].add(defect.mechanism)
    for name, family in FAMILIES.items():
        if family.needs_books:
            assert name not in listing["families"], name
            assert name in listing["nowhere"], name
            continue
        assert listing["families"][name]["planted"] == EACH, name
        assert len(mechanisms[(name, False)]) == min(EACH, len(family.mechanisms)), name
        assert len(mechanisms[(name, True)]) >= 3, name


def test_a_defect_names_what_a_finding_must_name(planted):
    """Each has keys, a system of the world, and times in order."""
    systems = set(planted.settings.systems)
    for defect in planted.planter.defects:
        assert defect.keys
        assert defect.system in systems
        assert defect.since_at <= defect.planted_at < defect.expected_by + timedelta(days=1)
        assert defect.repair in {"stays", "repaired", "passes"}
        assert set(defect.also) <= set(FAMILIES), defect.mechanism
    assert len({defect.id for defect in planted.planter.defects}) == len(planted.planter.defects)


def test_what_a_bridge_shows_of_an_order_is_named_beside_it_and_beside_no_other(planted):
    """A flow that failed on it, or that says it moved what is not there; an alarm beside any other order is false."""
    (carrier,) = planted.bridges.values()
    failed = {
        json.loads(carrier.payloads[log.payload_id].content).get("order_ref")
        for logs in carrier.logs.values()
        for log in logs
        if log.level == "ERROR" and log.payload_id
    }
    said = {
        name
        for run in carrier.runs.values()
        if run.status == bridge.SUCCESS and carrier.flows[run.flow_id].carries == bridge.ORDERS
        for name in run.references
    }
    shows, named = defaultdict(set), defaultdict(set)
    for defect in planted.planter.defects:
        order = defect.keys.get("order")
        if order is None or FAMILIES[defect.family].of_bridges:
            continue
        named[defect.mechanism] |= {SAID_MOVED, *NOT_CARRIED} & set(defect.also)
        shows[defect.mechanism] |= set(NOT_CARRIED) if order in failed else set()
        shows[defect.mechanism] |= {SAID_MOVED} if order in said and not records(planted, order) else set()
        of_bridges = {name for name, family in FAMILIES.items() if family.of_bridges}
        assert of_bridges & set(defect.also) <= {SAID_MOVED, *NOT_CARRIED}, defect.mechanism
    assert {name for name in named if named[name]} == {name for name in shows if shows[name]}
    # This older integration looks what became of an order; a flow that only makes a call would say that it moved it.
    unseen = {"accepted_and_not_stored": {SAID_MOVED}, "forgets_it_once": {SAID_MOVED}}
    for mechanism, each in named.items():
        assert each == shows[mechanism] | unseen.get(mechanism, set()), mechanism


def test_planting_breaks_no_law_of_the_world(planted):
    """Faults are made by acts that are possible; stock and units still add up."""
    assert truth.breaches(planted) == []


def test_planting_is_the_same_for_the_same_seed():
    """A run can be repeated to the letter; another seed plants elsewhere."""

    def lists(seed):
        settings = {"orders": 20, "skus": 90, "old_integration": 1.0, "defects": 2, "seed": seed}
        return [
            (d.id, d.mechanism, tuple(d.keys.items()), d.planted_at)
            for d in play(make(SMALL, **settings), days=4).planter.defects
        ]

    assert lists(5) == lists(5)
    assert lists(5) != lists(6)


def test_planted_orders_are_marked_in_the_truth(planted):
    """What the truth calls lost or doubled without being planted is really so: here nothing is."""
    told = truth.truth(planted, {"lost", "doubled"})
    assert [fault for fault in told["lost"] + told["doubled"] if not fault["planted"]] == []
    assert [fault for fault in told["lost"] if fault["planted"]]


# --- what was planted is there, by the state of the systems -------------------------------------------


def test_missing_orders_are_missing(planted):
    """Paid, shippable, not cancelled, and in no warehouse under their number."""
    for defect in found(planted, "every_paid_order_reached_a_warehouse"):
        order = placed(planted, defect.keys["order"])
        assert shops.financial_status(planted.shops["web_uk"], order) == "paid"
        assert order.cancelled_at is None
        assert records(planted, order.name) == []


def test_near_misses_of_missing_orders_need_no_warehouse(planted):
    """Unpaid, a test, cancelled, nothing to ship, or merged into an order that is there."""
    for defect in found(planted, "every_paid_order_reached_a_warehouse", near=True):
        order = placed(planted, defect.keys["order"])
        is_excused = (
            order.cancelled_at is not None
            or order.is_test
            or not any(line.requires_shipping for line in order.lines)
            or any(record.merged_to_id for record in records(planted, order.name))
        )
        assert is_excused, defect.mechanism


def test_twins_lie_within_the_hour_and_near_misses_do_not(planted):
    """Same customer and lines: within the hour it is a twin, unless the first was given back."""

    def look(defect):
        first, second = placed(planted, defect.keys["other"]), placed(planted, defect.keys["order"])
        same = first.customer_id == second.customer_id and Counter(
            (line.sku, line.quantity, line.unit_price) for line in first.lines
        ) == Counter((line.sku, line.quantity, line.unit_price) for line in second.lines)
        return (
            same and first.cancelled_at is None and second.created_at - first.created_at < timedelta(hours=1)
        )

    assert all(look(defect) for defect in found(planted, "no_two_orders_are_the_same_basket"))
    assert not any(look(defect) for defect in found(planted, "no_two_orders_are_the_same_basket", near=True))


def test_doubled_orders_hold_more_than_was_ordered(planted):
    """By units, live records of the number come to more than the order; near-misses do not."""
    doubled = {fault["reference"] for fault in truth.truth(planted, {"doubled"})["doubled"]}
    family = "no_order_is_in_the_warehouse_twice"
    assert {defect.keys["order"] for defect in found(planted, family)} <= doubled
    assert not {defect.keys["order"] for defect in found(planted, family, near=True)} & doubled


def test_refunds_without_returns_have_none(planted):
    """Units refunded after despatch exceed units received back; in near-misses they never do."""

    def short(defect):
        order = placed(planted, defect.keys["order"])
        refunded = sum(line.returned_quantity for line in order.lines)
        received = sum(
            row[3] for record in records(planted, order.name) for r in record.returns for row in r.lines
        )
        return refunded > received

    assert all(short(defect) for defect in found(planted, "every_refund_has_its_return"))
    assert not any(short(defect) for defect in found(planted, "every_refund_has_its_return", near=True))


def test_despatched_and_uncaptured_is_so(planted):
    """Money captured is less than what was despatched is worth; near-misses have it all."""
    shop = planted.shops["web_uk"]

    def owes(defect):
        order = placed(planted, defect.keys["order"])
        return shops.totals(shop, order).captured < shops.totals(shop, order).current_total

    assert all(owes(defect) for defect in found(planted, "every_despatch_was_captured"))
    assert not any(owes(defect) for defect in found(planted, "every_despatch_was_captured", near=True))


def test_payouts_that_do_not_add_up_do_not(planted):
    """By what the provider lists of them; near-misses do."""
    shop = planted.shops["web_uk"]

    def short(defect):
        payout = shop.payouts[int(defect.keys["record"])]
        listed = [e for e in shop.entries.values() if e.payout_id == payout.id and e.is_listed]
        return payout.net - sum(e.amount - e.fee for e in listed if e.kind != "transfer")

    broken = {defect.keys["record"] for defect in found(planted, "every_payout_equals_its_entries")}
    assert all(short(defect) for defect in found(planted, "every_payout_equals_its_entries"))
    near = found(planted, "every_payout_equals_its_entries", near=True)
    assert not any(short(defect) for defect in near if defect.keys["record"] not in broken)


def test_charges_without_an_order_have_none(planted):
    """In the payments account as it stands; in near-misses no charge moved."""
    shop, family = planted.shops["web_uk"], "every_entry_belongs_to_an_order_or_is_explained"
    for is_near in (False, True):
        entries = [
            shop.entries[int(defect.keys["record"])] for defect in found(planted, family, near=is_near)
        ]
        assert {entry.order_id for entry in entries} == {None}
        assert {entry.kind == "charge" for entry in entries} == {not is_near}


def test_captures_their_provider_does_not_know_are_missing_there(planted):
    """Fewer charges than captures; near-misses have as many, or went another way."""
    shop, family = planted.shops["web_uk"], "every_captured_order_is_paid_out_in_time"

    def unknown(defect):
        order = placed(planted, defect.keys["order"])
        taken = [
            t for t in order.transactions if t.kind in ("sale", "capture") and t.gateway == shops.PAYMENTS
        ]
        charges = [e for e in shop.entries.values() if e.order_id == order.id and e.kind == "charge"]
        return len(taken) - len(charges)

    assert all(unknown(defect) == 1 for defect in found(planted, family))
    assert not any(unknown(defect) for defect in found(planted, family, near=True))


def test_refunds_beyond_what_was_taken_are_so(planted):
    """By the order's own transactions; near-misses give back as much at most."""
    shop, family = planted.shops["web_uk"], "no_refund_exceeds_its_capture"

    def is_beyond(defect):
        sums = shops.totals(shop, placed(planted, defect.keys["order"]))
        return sums.refunded > sums.captured

    assert all(is_beyond(defect) for defect in found(planted, family))
    assert not any(is_beyond(defect) for defect in found(planted, family, near=True))


def test_money_is_planted_at_every_provider_and_only_where_there_is_one():
    """Shops' own and accounts take turns; without any, what needs one is not asked for."""
    family = "every_payout_equals_its_entries"
    systems = {"web_uk": "shopify", "wms_uk": "veeqo", "cards": "stripe"}
    world = play(make(SMALL, orders=80, defects=4, families=family, systems=systems), days=6)
    assert {defect.system for defect in found(world, family)} == {"web_uk", "cards"}
    systems = {"web_us": "bigcommerce", "wms_uk": "veeqo"}
    bare = make(
        SMALL, orders=0, defects=2, families=f"{family},no_refund_exceeds_its_capture", systems=systems
    )
    assert set(bare.planter.listing()["families"]) == {"no_refund_exceeds_its_capture"}


def test_parcels_without_tracking_have_none(planted):
    """Carrier or number is missing in the warehouse or the shop; near-misses have both."""

    def bare(defect):
        parcels = [
            a.parcel for r in records(planted, defect.keys["order"]) for a in r.allocations if a.parcel
        ]
        told = [f for f in placed(planted, defect.keys["order"]).fulfilments if f.status == "success"]
        blank_there = any(not p.tracking_number.strip() or not p.carrier_name for p in parcels)
        return blank_there or any(not f.numbers or not f.carrier for f in told)

    assert all(bare(defect) for defect in found(planted, "every_parcel_has_carrier_and_tracking"))
    near = found(planted, "every_parcel_has_carrier_and_tracking", near=True)
    assert not any(bare(d) for d in near if d.mechanism != "number_filled_in_a_moment_later")


def test_items_that_do_not_meet(planted):
    """A channel's SKU exists in the warehouse by the very same name, or it is planted."""
    shop, warehouse = planted.shops["web_uk"], planted.warehouses["wms_uk"]
    for defect in found(planted, "every_channel_sku_exists_in_the_warehouse"):
        assert defect.keys["sku"] in shop.by_sku
        assert defect.keys["sku"] not in warehouse.by_sku
    for defect in found(planted, "every_warehouse_sku_is_sold_somewhere"):
        assert defect.keys["sku"] in warehouse.by_sku
        listed = [v for v in shop.variants.values() if v.sku == defect.keys["sku"] and v.status == "active"]
        assert listed == []


def test_incomplete_items_are_incomplete(planted):
    """Weight, origin and a barcode that checks, or it is planted."""
    shop = planted.shops["web_uk"]

    def is_whole(sku):
        item = shop.variants[shop.by_sku[sku]]
        checks = item.barcode and catalogue.check_digit(item.barcode[:-1]) == item.barcode[-1]
        return bool(item.weight_grams and item.origin_country and checks)

    family = "every_item_has_weight_barcode_and_origin"
    assert not any(is_whole(defect.keys["sku"]) for defect in found(planted, family))
    assert all(is_whole(defect.keys["sku"]) for defect in found(planted, family, near=True))


def test_what_takes_feeds_away_never_overlaps(planted):
    """One outage is over before the next begins, so none hides another."""
    names = ("every_feed_is_up_to_date", "every_credential_is_valid")
    begun = sorted(d.planted_at for d in planted.planter.defects if d.family in names)
    assert min(later - earlier for earlier, later in pairwise(begun)) >= timedelta(minutes=20)


def test_a_twin_can_be_planted_to_the_second():
    """With the window given, the last second inside is a twin, and a minute beyond is none."""
    family = "no_two_orders_are_the_same_basket"
    world = make(SMALL, orders=0, defects=1, families=family, windows={family: 600.0})
    acts.do(world, "", "plant", {"family": family, "mechanism": "twin_in_the_last_second"})
    play(world, days=1)
    defect = next(d for d in world.planter.defects if d.mechanism == "twin_in_the_last_second")
    first, second = placed(world, defect.keys["other"]), placed(world, defect.keys["order"])
    assert second.created_at - first.created_at == timedelta(seconds=599)


def test_an_unknown_family_or_mechanism_is_named():
    """The error says which there are."""
    with pytest.raises(ValueError, match="unknown 'no_such_rule'"):
        read_families("no_such_rule")
    world = make(SMALL, orders=0, defects=1, families="no_sku_is_oversold")
    with pytest.raises(ValueError, match="unknown 'by_magic'"):
        acts.do(world, "", "plant", {"family": "no_sku_is_oversold", "mechanism": "by_magic"})


@pytest.mark.parametrize("vendor", [slug for slug, one in VENDORS.items() if one.roles != {"payments"}])
def test_the_planter_knows_every_vendors_feeds_and_fields(vendor):
    """An estate of any of them can be planted in; a payment provider is read too seldom to be taken away."""
    edge = edges.of(vendor)
    assert edge.feeds
    assert edge.status_field
    assert edge.typed_field


def test_every_vendor_has_an_edge_and_every_edge_a_vendor():
    """What is found by its files' names on one side is found on the other."""
    assert edges.names() == sorted(VENDORS)


# --- between which systems ----------------------------------------------------------------------------

TWO = {
    "systems": {"web_uk": "shopify", "web_trade": "bigcommerce", "wms_uk": "veeqo", "tpl_uk": "seko"},
    "facilities": {"LEEDS": "wms_uk", "YORK": "tpl_uk"},
    "catalogue": "web_uk",
}


def pairs(world, mechanism):
    """Between which systems a mechanism would be planted."""
    return {(shop.system, warehouse.system) for shop, warehouse in world.planter._pairs(mechanism)}


@pytest.mark.parametrize("vendor", [v for v in VENDORS if edges.of(v).role in {"shop", "warehouse"}])
def test_what_an_edge_leaves_untold_our_views_have_not(vendor):
    """Whatever is planted could be seen in them, and what they show is planted. Nobody else has items."""
    untold, known = edges.of(vendor).untold, VENDORS[vendor]
    assert {"weight", "barcode", "origin"} - untold == known.item_details
    if edges.of(vendor).role == "shop":
        lines = dbt_render.render(f"stg_{vendor}__order_lines")
        assert ("taxes" in untold) is ("null::varchar as tax_code" in lines)
        return
    streams = {stream.entity: stream for stream in reversed(known.streams)}
    assert ("others" in untold) is (streams["orders"].asks is not None)
    assert ("items" in untold) is (streams["products"].asks is not None)
    views = {name: dbt_render.render(f"stg_{vendor}__{name}") for name in ("warehouse_orders", "stock")}
    assert ("content" in untold) is ("null::varchar as ship_to_line1" in views["warehouse_orders"])
    assert ("shortage" in untold) is ("null::bigint as physical_qty" in views["stock"])


def test_each_facility_is_run_by_its_warehouse_alone():
    """Stock lies where it is run, once."""
    world = make(SMALL, orders=0, **TWO)
    codes = {w.system: {f.code for f in w.facilities.values()} for w in world.warehouses.values()}
    assert codes == {"wms_uk": {"LEEDS"}, "tpl_uk": {"YORK"}}
    assert {place for _, place in world.warehouses["tpl_uk"].stock} == {42}


def test_a_shop_whose_orders_name_no_location_sells_from_its_first():
    """Whatever its customers and the planter would rather."""
    world = play(make(SMALL, **TWO), days=1)
    homes = {
        shop.system: {f.location_id for order in shop.orders.values() for f in order.fulfilment_orders}
        for shop in world.shops.values()
    }
    assert homes == {"web_uk": {1001, 1002}, "web_trade": {1001}}


def test_a_fault_is_planted_between_systems_by_turns():
    """Every shop with every warehouse that sends its orders."""
    world = make(SMALL, orders=0, defects=1, **TWO)
    every = {("web_uk", "wms_uk"), ("web_uk", "tpl_uk"), ("web_trade", "wms_uk")}
    assert pairs(world, FAMILIES["every_paid_order_reached_a_warehouse"].mechanisms[0]) == every
    name, mechanism = (
        "no_two_orders_are_the_same_basket",
        FAMILIES["no_two_orders_are_the_same_basket"].mechanisms[0],
    )
    chosen = [world.planter._between(name, mechanism, number) for number in range(3)]
    assert {(shop.system, warehouse.system) for shop, warehouse in chosen} == every


def test_what_no_system_would_show_is_not_planted():
    """A copy in a warehouse that tells of no order it is not asked about could be found by nobody."""
    world = make(SMALL, orders=0, defects=2, **TWO)
    copied = FAMILIES["no_order_is_in_the_warehouse_twice"].mechanisms[0]
    assert pairs(world, copied) == {("web_uk", "wms_uk"), ("web_trade", "wms_uk")}
    alone = {"systems": {"web_trade": "bigcommerce", "tpl_uk": "seko"}}
    blind = play(make(SMALL, orders=0, defects=2, **alone), days=4)
    assert found(blind, "no_order_is_in_the_warehouse_twice") == []
    assert "twin_minutes_later" in {d.mechanism for d in blind.planter.defects}
    with pytest.raises(ValueError, match="none of these systems would show it"):
        acts.do(blind, "", "plant", {"family": "no_order_is_in_the_warehouse_twice"})
    assert not [d for d in blind.planter.defects if d.mechanism == "unmapped_location"]


def test_a_detail_the_owner_of_the_catalogue_does_not_tell_is_not_planted():
    """Whoever else knows it: the owner is asked."""
    for owner, tells in (("web_uk", True), ("wms_uk", False)):
        systems = {"web_uk": "shopify", "wms_uk": "fulfil"}
        world = make(SMALL, orders=0, defects=1, systems=systems, catalogue=owner)
        named = FAMILIES["every_item_has_weight_barcode_and_origin"].mechanisms
        assert bool(world.planter.shown(named)) is tells


@pytest.mark.parametrize(("vendor", "is_done"), [("veeqo", True), ("seko", False)])
def test_an_odd_status_is_shown_while_somebody_still_asks_for_it(vendor, is_done):
    """Where there is no list, nobody asks about an order that is done."""
    systems = {"web_uk": "shopify", "wms_uk": vendor}
    family = "every_record_received_was_understood"
    world = play(
        make(SMALL, orders=0, defects=1, old_integration=1.0, systems=systems, families=family), days=4
    )
    (defect,) = found(world, family)
    record = world.warehouses["wms_uk"].orders[int(defect.keys["record"])]
    assert (record.shipped_at is not None) is is_done


@pytest.mark.parametrize(("vendor", "is_mirrored"), [("veeqo", True), ("seko", False)])
def test_an_order_that_cannot_be_edited_in_the_warehouse_is_not_edited_by_telephone(
    vendor, is_mirrored, monkeypatch
):
    """Staff carries an edit over in the same minute, or does not promise it."""
    mirrored = []
    monkeypatch.setattr(People, "mirror", lambda self, *order: mirrored.append(order))
    world = make(SMALL, orders=0, systems={"web_uk": "shopify", "wms_uk": vendor})
    customers, shop = world.people.customers, world.shops["web_uk"]
    order = customers.arrive("web_uk", "one")
    world.people.pickers.plans[order.name] = Plan(picks=False)
    world.people.old.send(shop, order, looks=False)
    address = order.address
    customers.edit_late(shop, order, world.rng("edit"))
    assert (bool(mirrored), mirrored == [] and order.address == address) == (is_mirrored, not is_mirrored)


@pytest.mark.parametrize(
    ("postcode", "stored"), [("LS1 1AA", "LS1"), ("10115", "1011")], ids=["of two halves", "of one"]
)
def test_a_postcode_that_is_cut_short_is_another_in_every_country(postcode, stored):
    """A German one has no second half to lose."""
    world = make(SMALL, orders=0)
    order = world.people.customers.arrive("web_uk", "one")
    order.address.postcode = postcode
    world.arm(Flaw("wms_uk", "create_order", order.name, "shorten_postcode"))
    (record,) = world.people.old.send(world.shops["web_uk"], order, looks=False)
    assert (record.address.postcode, order.address.postcode) == (stored, postcode)


def test_a_number_is_taken_away_when_whoever_told_the_customer_has_read_it_back(planted):
    """Telling them at the first scan writes it once more: a number taken away before would be back by itself."""
    removed = [d for d in planted.planter.defects if d.mechanism == "number_removed_in_the_shop"]
    assert removed
    for defect in removed:
        (told, *_) = [f for f in placed(planted, defect.keys["order"]).fulfilments if f.status == "success"]
        assert told.is_notified
        assert defect.planted_at - told.created_at >= timedelta(minutes=READ_BACK)


# --- what is planted in the books -----------------------------------------------------------------------

FINANCE = tuple(name for name, family in FAMILIES.items() if family.needs_books)


@pytest.fixture(scope="module")
def books():
    """A world whose warehouse is an ERP, with the families of money and customers planted."""
    settings = {
        "systems": {"web_uk": "shopify", "wms_uk": "fulfil"},
        "families": ",".join((*FINANCE, "every_line_closed_short_has_a_decision", "every_tax_code_is_mapped")),
        "orders": 30, "skus": 120, "old_integration": 1.0, "defects": 4,
    }  # fmt: skip
    return play(make(SMALL, **settings), days=8)


def test_a_shop_that_was_told_in_time_needs_nobody_in_the_last_second():
    """Whoever looks may be faster than the person of the near-miss: the world goes on, and says so."""
    family = "every_warehouse_cancellation_reached_the_channel"
    world = make(
        SMALL, orders=0, skus=120, old_integration=1.0, defects=1, windows={family: 18_000.0},
        families="no_flow_is_failing",
    )  # fmt: skip
    act = {"family": family, "mechanism": "given_up_and_said_so_in_the_last_second", "near_miss": True}
    acts.do(world, "", "plant", act)
    play(world, days=0.15)
    (near,) = found(world, family, near=True)
    shops.cancel_order(world, world.shops["web_uk"], placed(world, near.keys["order"]).id)
    play(world, days=0.5)
    assert world.planter.listing()["waiting"] == world.planter.listing()["abandoned"] == []


def test_what_was_cancelled_without_its_money_is_still_given_back_in_the_last_second():
    """Our release of the stock moves no money; without the refund the near-miss would be a fault."""
    family = "every_line_closed_short_has_a_decision"
    world = make(
        SMALL, orders=0, skus=120, old_integration=1.0, defects=1, windows={family: 18_000.0},
        families="no_flow_is_failing",
    )  # fmt: skip
    act = {"family": family, "mechanism": "cancelled_and_refunded_in_the_last_second", "near_miss": True}
    acts.do(world, "", "plant", act)
    play(world, days=0.15)
    (near,) = found(world, family, near=True)
    shop, order = world.shops["web_uk"], placed(world, near.keys["order"])
    shops.cancel_order(world, shop, order.id, refund=False)
    assert shops.totals(shop, order).refunded == 0
    play(world, days=0.5)
    sums = shops.totals(shop, order)
    assert sums.refunded == sums.captured > 0


def test_the_families_of_the_books_are_planted_where_there_are_books(books):
    """By all their mechanisms."""
    listing = books.planter.listing()
    assert listing["waiting"] == listing["abandoned"] == []
    assert all(listing["families"][name]["planted"] == 4 for name in FINANCE)


def test_values_differ_in_the_books_and_near_misses_do_not(books):
    """By what is on the record and what was sold."""
    for defect in found(books, "every_order_value_agrees"):
        assert records(books, defect.keys["order"]), defect.mechanism
        assert defect.system == "wms_uk"
    penny = next(d for d in books.planter.defects if d.mechanism == "delivery_a_penny_dearer")
    order, (record,) = placed(books, penny.keys["order"]), records(books, penny.keys["order"])
    assert record.delivery_price - order.delivery_price == Decimal("0.01")


def test_a_doubled_customer_has_the_mail_of_an_older_one(books):
    """In another case, or with a blank."""
    kept = books.warehouses["wms_uk"].customers
    for defect in found(books, "no_customer_is_doubled"):
        new = kept[int(defect.keys["record"])]
        assert [
            c for c in kept.values() if c.id < new.id and c.email.strip().lower() == new.email.strip().lower()
        ]


def test_a_line_closed_short_is_neither_sent_nor_given_back(books):
    """What the customer paid for it is still the retailer's."""
    shop = books.shops["web_uk"]
    for defect in found(books, "every_line_closed_short_has_a_decision"):
        order = placed(books, defect.keys["order"])
        sums = shops.totals(shop, order)
        assert sums.refunded == 0, defect.mechanism
        assert sums.captured > 0, defect.mechanism
    for defect in found(books, "every_line_closed_short_has_a_decision", near=True):
        order = placed(books, defect.keys["order"])
        assert shops.totals(shop, order).refunded > 0, defect.mechanism


def test_a_new_tax_is_on_an_order_of_its_own(books):
    """Each by a name nobody has mapped."""
    names = [defect.keys["value"] for defect in found(books, "every_tax_code_is_mapped")]
    assert len(set(names)) == len(names) == 4
