"""Which planted faults could be seen at all, by what each vendor's interface tells of what it holds.

Belongs here: which mechanisms can be seen only where something is told.
Does not belong here: who leaves what untold (``vendors/<slug>.TRAITS``), mechanisms, when they are planted (``defects``).

A fault that shows in nothing anybody may read would be no test of whoever looks for it: it is not planted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cogent_pipelines.sandbox import edges
from cogent_pipelines.sandbox.world import catalogue
from cogent_pipelines.sandbox.world import plants_edge as edge
from cogent_pipelines.sandbox.world import plants_finance as finance
from cogent_pipelines.sandbox.world import plants_orders as orders
from cogent_pipelines.sandbox.world import plants_parcels as parcels
from cogent_pipelines.sandbox.world import plants_shipping as shipping
from cogent_pipelines.sandbox.world import plants_stock as stock

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world.model import Shop, Warehouse
    from cogent_pipelines.sandbox.world.world import World

# Mechanism -> (who would have to tell, what). The catalogue is the system that owns the items.
NEEDS: Mapping[object, tuple[str, str]] = {
    orders.unmapped_location: ("shop", "locations"),
    orders.shipped_from_two_places: ("shop", "locations"),
    **dict.fromkeys(
        (
            orders.sent_again_by_the_old_integration,
            orders.keyed_in_again_by_staff,
            orders.sent_again_after_despatch,
            orders.sent_three_times,
            orders.copy_cancelled_at_once,
            orders.released_when_authorised,
            orders.released_while_pending,
            orders.released_after_the_void,
            orders.paid_after_release,
            orders.captured_a_second_before,
            parcels.captured_in_the_last_second,
            shipping.ships_without_any_number,
            shipping.sent_by_the_old_integration,
        ),
        ("warehouse", "others"),
    ),
    **dict.fromkeys(
        (
            orders.edited_in_both_systems,
            orders.carried_over_in_the_last_second,
            parcels.added_line_never_paid,
            edge.address_cut_short,
            edge.postcode_cut_short,
            edge.units_stored_wrong,
            edge.line_lost,
            edge.other_delivery_method,
            edge.other_facility,
        ),
        ("warehouse", "content"),
    ),
    **dict.fromkeys(
        (stock.withdrawn_by_the_warehouse, stock.never_listed, stock.renamed_in_the_warehouse),
        ("warehouse", "items"),
    ),
    orders.renumbered_by_staff: ("warehouse", "renumbering"),
    shipping.number_mistyped_before_it_left: ("warehouse", "renumbering"),
    stock.blank_after_the_sku: ("warehouse", "spelling"),
    **dict.fromkeys(
        (
            finance.a_levy_nobody_mapped,
            finance.a_reduced_rate_by_a_new_name,
            finance.renamed_tax_before_it_is_paid,
            finance.cancelled_with_its_tax,
            finance.a_test_with_its_tax,
            finance.taxed_as_ever,
        ),
        ("shop", "taxes"),
    ),
    orders.merged_into_another: ("warehouse", "merges"),
    orders.copied_and_merged_back: ("warehouse", "merges"),
    edge.allocation_refused: ("warehouse", "allocation"),
    edge.cancellation_refused: ("warehouse", "reasons"),
    parcels.captured_in_part_only: ("shop", "part_captures"),
    stock.recalled_below_what_is_allocated: ("warehouse", "shortage"),
    stock.no_weight: ("catalogue", "weight"),
    stock.weighs_nothing: ("catalogue", "weight"),
    stock.weighs_a_gram: ("catalogue", "weight"),
    stock.no_barcode: ("catalogue", "barcode"),
    stock.wrong_check_digit: ("catalogue", "barcode"),
    stock.eight_digit_barcode: ("catalogue", "barcode"),
    stock.twelve_digit_barcode: ("catalogue", "barcode"),
    stock.no_origin: ("catalogue", "origin"),
}

BY_A_CONNECTION = frozenset({finance.never_booked})
"""What only an ERP can do that takes its orders from the shops by itself."""


def is_shown(world: World, mechanism: object, shop: Shop, warehouse: Warehouse) -> bool:
    """Say whether what a mechanism does between a shop and a warehouse can be seen by who reads both."""
    if not any(catalogue.FACILITY_OF.get(i) in warehouse.facilities for i in shop.homes):
        return False
    if mechanism in BY_A_CONNECTION and not world.erps:
        return False
    who, what = NEEDS.get(mechanism, ("", ""))
    if not who:
        return True
    systems = world.settings.systems
    owner = world.settings.catalogue or shop.system
    if who == "catalogue" and owner not in (shop.system, warehouse.system):
        return False
    teller = {"shop": shop.system, "warehouse": warehouse.system, "catalogue": owner}[who]
    return what not in edges.of(systems[teller]).untold
