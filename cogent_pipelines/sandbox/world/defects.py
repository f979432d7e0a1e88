"""Which faults there are: the table family -> mechanisms and near-misses.

Belongs here: the table, what a family needs of a world, and reading families' names.
Does not belong here: a mechanism (``plants_orders`` and the other ``plants_*``), when and where it is planted (``planter``).

A family is named by the sentence that should be true. A near-miss looks like a fault and is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cogent_pipelines.sandbox.world import plants_bridge as bridges
from cogent_pipelines.sandbox.world import plants_edge as edge
from cogent_pipelines.sandbox.world import plants_finance as finance
from cogent_pipelines.sandbox.world import plants_money as money
from cogent_pipelines.sandbox.world import plants_orders as orders
from cogent_pipelines.sandbox.world import plants_parcels as parcels
from cogent_pipelines.sandbox.world import plants_shipping as shipping
from cogent_pipelines.sandbox.world import plants_stock as stock
from cogent_pipelines.sandbox.world.plant import Plant, Script

Mechanism = Callable[[Plant], Script]


@dataclass(frozen=True, slots=True)
class Family:
    """One sentence that should be true: the ways to break it, and what only looks like it."""

    mechanisms: tuple[Mechanism, ...]
    near_misses: tuple[Mechanism, ...]
    needs_provider: bool = False
    """Only where a payment provider's book can be asked."""
    needs_books: bool = False
    """Whether it is planted in the system that keeps the books; without one it is not."""
    of_bridges: bool = False
    """Whether there is nothing to plant it in where the world has no bridge."""


FAMILIES: Mapping[str, Family] = {
    "every_paid_order_reached_a_warehouse": Family(
        (
            orders.deleted_in_the_warehouse,
            orders.refused_by_the_warehouse,
            orders.accepted_and_not_stored,
            orders.renumbered_by_staff,
        ),
        (
            orders.authorised_only,
            orders.a_test_order,
            orders.nothing_to_ship,
            orders.cancelled_before_release,
            orders.merged_into_another,
        ),
    ),
    "every_paid_order_can_be_released": Family(
        (
            orders.item_the_warehouse_lacks,
            orders.unmapped_delivery_option,
            orders.unmapped_location,
            orders.no_postcode,
            orders.never_paid,
            orders.nothing_left_on_the_shelf,
            orders.no_street,
            orders.no_country,
        ),
        (
            orders.unmapped_option_but_cancelled,
            orders.foreign_currency_shown,
            orders.delivered_abroad,
            orders.odd_spelling_known_to_both,
            orders.last_units_on_the_shelf,
            orders.paid_just_in_time,
        ),
    ),
    "no_order_is_in_the_warehouse_twice": Family(
        (
            orders.sent_again_by_the_old_integration,
            orders.keyed_in_again_by_staff,
            orders.sent_again_after_despatch,
            orders.sent_three_times,
        ),
        (
            orders.shipped_from_two_places,
            orders.one_number_begins_as_the_other,
            orders.copied_and_merged_back,
            orders.copy_cancelled_at_once,
        ),
    ),
    "no_two_orders_are_the_same_basket": Family(
        (
            orders.twin_minutes_later,
            orders.twin_in_another_order_of_lines,
            orders.twin_by_another_delivery,
            orders.twin_in_the_last_second,
        ),
        (
            orders.same_basket_too_late,
            orders.same_basket_another_customer,
            orders.same_items_other_quantity,
            orders.cancelled_and_ordered_again,
        ),
    ),
    "no_order_was_released_before_payment": Family(
        (
            orders.released_when_authorised,
            orders.released_while_pending,
            orders.released_after_the_void,
            orders.paid_after_release,
        ),
        (orders.captured_a_second_before, orders.nothing_to_pay, orders.captured_in_two_parts),
    ),
    "every_edit_after_release_reached_the_warehouse": Family(
        (
            orders.fewer_units_after_release,
            orders.address_changed_after_release,
            orders.line_added_after_release,
            orders.line_removed_after_release,
            orders.delivery_changed_after_release,
        ),
        (
            orders.edited_before_release,
            orders.edited_in_both_systems,
            orders.carried_over_in_the_last_second,
            orders.only_a_note_changed,
            orders.edited_there_and_back,
        ),
    ),
    "no_cancelled_order_is_being_picked": Family(
        (
            shipping.cancelled_while_picked,
            shipping.picker_was_faster,
            shipping.picked_though_told_not_to,
            shipping.cancelled_and_left_all_the_same,
        ),
        (shipping.cancelled_in_good_time, shipping.cancelled_in_both_systems, shipping.cancelled_on_hold),
    ),
    "every_released_order_ships_in_time": Family(
        (
            shipping.waits_for_stock,
            shipping.put_on_hold,
            shipping.called_unpaid_by_the_warehouse,
            shipping.never_picked,
            shipping.picked_and_never_despatched,
            shipping.rest_never_ships,
        ),
        (
            shipping.held_and_let_go,
            shipping.ships_in_the_last_second,
            shipping.in_two_parts_in_time,
            shipping.cancelled_while_it_waited,
        ),
    ),
    "every_warehouse_cancellation_reached_the_channel": Family(
        (
            shipping.cancelled_by_the_warehouse,
            shipping.given_up_after_the_pick,
            shipping.rest_cancelled_by_the_warehouse,
        ),
        (
            shipping.given_up_and_said_so,
            shipping.given_up_and_said_so_in_the_last_second,
            shipping.cancelled_because_the_shop_did,
            shipping.pick_cancelled_and_done_again,
        ),
    ),
    "every_line_closed_short_has_a_decision": Family(
        (
            finance.given_up_and_nobody_says,
            finance.closed_short_and_nobody_says,
            finance.taken_off_and_not_given_back,
            finance.cancelled_there_and_not_given_back,
        ),
        (
            finance.rest_given_back,
            finance.taken_off_and_given_back,
            finance.cancelled_and_refunded_in_the_last_second,
        ),
    ),
    "every_order_value_agrees": Family(
        (
            finance.delivery_a_penny_dearer,
            finance.never_booked,
            finance.price_changed_in_the_books,
            finance.booked_in_another_currency,
        ),
        (
            finance.goodwill_given,
            finance.not_paid_and_not_booked,
            finance.units_given_back_after_they_left,
            finance.booked_as_sold,
        ),
        needs_books=True,
    ),
    "every_tax_code_is_mapped": Family(
        (
            finance.a_levy_nobody_mapped,
            finance.a_reduced_rate_by_a_new_name,
            finance.renamed_tax_before_it_is_paid,
        ),
        (finance.cancelled_with_its_tax, finance.a_test_with_its_tax, finance.taxed_as_ever),
    ),
    "no_customer_is_doubled": Family(
        (
            finance.keyed_in_again_in_capitals,
            finance.keyed_in_again_as_it_was,
            finance.keyed_in_again_with_a_blank,
        ),
        (
            finance.two_orders_of_one_customer,
            finance.two_of_one_household,
            finance.one_mail_in_two_cases_in_the_shop,
        ),
        needs_books=True,
    ),
    "every_shipment_has_an_order": Family(
        (shipping.stranger_ships, shipping.number_mistyped_before_it_left, shipping.ships_without_any_number),
        (shipping.stranger_cancelled, shipping.sent_by_the_old_integration, shipping.ships_as_ordered),
    ),
    "every_shipment_reached_the_channel": Family(
        (
            parcels.shop_holds_the_order,
            parcels.shop_refuses_the_fulfilment,
            parcels.shop_forgets_the_fulfilment,
            parcels.fulfilment_undone_by_hand,
        ),
        (
            parcels.told_by_hand,
            parcels.told_by_hand_in_the_last_second,
            parcels.held_and_let_go_in_the_shop,
            parcels.delivered_as_told,
        ),
    ),
    "every_parcel_has_carrier_and_tracking": Family(
        (
            parcels.no_tracking_number,
            parcels.blanks_for_a_number,
            parcels.number_removed_in_the_shop,
            parcels.carrier_removed_in_the_shop,
        ),
        (
            parcels.number_filled_in_a_moment_later,
            parcels.number_with_letters_and_dashes,
            parcels.two_parcels_two_numbers,
        ),
    ),
    "no_order_is_fulfilled_before_its_last_parcel": Family(
        (
            parcels.fulfilled_at_the_first_parcel,
            parcels.fulfilled_before_any_parcel,
            parcels.fulfilled_with_an_invented_number,
        ),
        (parcels.rest_was_refunded, parcels.both_parcels_told, parcels.only_a_service_is_left),
    ),
    "every_despatch_was_captured": Family(
        (
            parcels.shipped_when_only_authorised,
            parcels.shipped_while_pending,
            parcels.captured_in_part_only,
            parcels.added_line_never_paid,
        ),
        (
            parcels.captured_in_two_parts_and_shipped,
            parcels.captured_in_the_last_second,
            parcels.paid_by_transfer_and_shipped,
            parcels.captured_and_partly_given_back,
        ),
    ),
    "every_refund_has_its_return": Family(
        (
            parcels.refunded_and_nothing_came_back,
            parcels.restocked_on_paper,
            parcels.return_expected_for_ever,
            parcels.fewer_came_back,
        ),
        (
            parcels.goodwill_for_no_goods,
            parcels.came_back_in_the_last_second,
            parcels.refunded_before_it_left,
            parcels.part_came_back_as_refunded,
            parcels.came_back_in_two_parcels,
        ),
    ),
    "channel_stock_equals_what_is_available": Family(
        (
            stock.typed_too_high,
            stock.typed_too_low,
            stock.count_the_shop_never_takes,
            stock.shop_stores_another_figure,
            stock.pushed_by_the_old_integration,
        ),
        (
            stock.typed_as_it_was,
            stock.counted_and_found_right,
            stock.differs_and_is_not_tracked,
            stock.ordered_and_not_yet_released,
        ),
    ),
    "no_sku_is_oversold": Family(
        (
            stock.recalled_below_what_is_allocated,
            stock.written_off_after_the_sale,
            stock.sold_from_a_level_left_high,
        ),
        (stock.sold_to_the_last_unit, stock.allocated_is_all_there_is, stock.short_and_received_at_once),
    ),
    "no_bundle_outsells_its_components": Family(
        (
            stock.bundle_typed_too_high,
            stock.component_gone_and_bundle_stays,
            stock.bundle_level_kept_by_hand,
        ),
        (
            stock.bundle_exactly_as_able,
            stock.bundle_below_its_components,
            stock.bundle_ordered_and_parts_follow,
        ),
    ),
    "every_channel_sku_exists_in_the_warehouse": Family(
        (
            stock.case_changed_in_the_shop,
            stock.renamed_in_the_shop,
            stock.listed_before_it_exists,
            stock.withdrawn_by_the_warehouse,
            stock.blank_after_the_sku,
        ),
        (stock.draft_not_yet_there, stock.archived_and_gone, stock.lower_case_in_both),
    ),
    "every_warehouse_sku_is_sold_somewhere": Family(
        (stock.never_listed, stock.archived_with_stock_left, stock.renamed_in_the_warehouse),
        (stock.withdrawn_in_both, stock.listed_and_sold_out, stock.listed_twice),
    ),
    "every_item_has_weight_barcode_and_origin": Family(
        (
            stock.no_weight,
            stock.no_barcode,
            stock.no_origin,
            stock.wrong_check_digit,
            stock.weighs_nothing,
        ),
        (stock.eight_digit_barcode, stock.twelve_digit_barcode, stock.weighs_a_gram),
    ),
    "every_payout_equals_its_entries": Family(
        (
            money.chargeback_taken_and_not_listed,
            money.reserve_held_and_not_listed,
            money.refund_paid_and_not_listed,
        ),
        (money.chargeback_with_its_fee, money.reserve_held_and_listed, money.refund_paid_and_listed),
        needs_provider=True,
    ),
    "every_entry_belongs_to_an_order_or_is_explained": Family(
        (
            money.charge_for_an_order_nobody_placed,
            money.charge_without_a_number,
            money.charge_under_a_mistyped_number,
        ),
        (
            money.held_back_for_no_order,
            money.given_back_for_an_order_of_last_year,
            money.dispute_of_an_order_of_last_year,
        ),
        needs_provider=True,
    ),
    "every_captured_order_is_paid_out_in_time": Family(
        (
            money.captured_and_unknown_to_the_provider,
            money.sold_at_once_and_unknown_to_the_provider,
            money.second_capture_unknown_to_the_provider,
        ),
        (
            money.charged_in_two_parts,
            money.paid_by_bank_transfer,
            money.known_to_the_provider_in_the_last_second,
        ),
        needs_provider=True,
    ),
    "no_refund_exceeds_its_capture": Family(
        (
            money.given_back_twice,
            money.goodwill_beyond_what_was_paid,
            money.a_penny_too_much_in_the_second_refund,
        ),
        (
            money.given_back_to_the_penny,
            money.given_back_in_two_parts,
            money.captured_twice_and_given_back_once,
        ),
    ),
    "every_feed_is_up_to_date": Family(
        (edge.feed_answers_500, edge.feed_answers_html, edge.feed_breaks_off, edge.feed_cannot_be_reached),
        (edge.feed_hiccups, edge.feed_breaks_off_for_a_moment, edge.feed_is_told_to_wait),
    ),
    "every_credential_is_valid": Family(
        (edge.key_refused, edge.token_revoked, edge.scope_taken_away),
        (edge.token_ran_out_and_was_renewed, edge.told_to_wait_three_times, edge.unavailable_for_a_moment),
    ),
    "every_change_was_carried_out": Family(
        (
            edge.warehouse_breaks_on_it,
            edge.warehouse_refuses_it,
            edge.allocation_refused,
            edge.shop_refuses_the_parcel,
            edge.cancellation_refused,
            edge.level_refused,
        ),
        (edge.breaks_twice_and_then_works, edge.forgets_it_once, edge.forgets_the_cancellation_once),
    ),
    "every_change_was_stored_as_sent": Family(
        (
            edge.address_cut_short,
            edge.postcode_cut_short,
            edge.units_stored_wrong,
            edge.line_lost,
            edge.other_delivery_method,
            edge.other_facility,
            edge.tracking_cut_short,
            edge.other_carrier_in_the_shop,
        ),
        (edge.note_added_by_staff, edge.held_for_a_moment_by_staff, edge.allocated_anew_by_staff),
    ),
    "every_record_received_was_understood": Family(
        (
            edge.status_nobody_knows_in_the_warehouse,
            edge.wrong_type_in_the_shop,
            edge.wrong_type_in_the_warehouse,
            edge.status_nobody_knows_in_the_shop,
        ),
        (edge.rare_status_but_known, edge.very_long_note, edge.hostile_text_in_a_note),
    ),
    "no_flow_is_failing": Family(
        (
            bridges.every_run_fails,
            bridges.fails_since_a_success,
            bridges.stopped_by_a_person_between_failures,
        ),
        (
            bridges.failed_once_and_then_succeeded,
            bridges.fails_while_it_is_switched_off,
            bridges.stopped_by_a_person,
        ),
        of_bridges=True,
    ),
    "no_flow_run_is_partly_lost": Family(
        (bridges.loses_one_of_three, bridges.loses_all_but_one, bridges.loses_one_and_so_does_its_retry),
        (
            bridges.lost_one_and_was_retried_well,
            bridges.lost_one_that_the_next_run_carried,
            bridges.succeeded_with_a_warning,
        ),
        of_bridges=True,
    ),
    "no_queue_is_stalled": Family(
        (bridges.queue_stands_still, bridges.waits_for_a_flow_that_is_off, bridges.schedule_stops),
        (
            bridges.waits_for_a_moment,
            bridges.queue_is_long_and_moves,
            bridges.schedule_ends_because_it_was_switched_off,
        ),
        of_bridges=True,
    ),
    "every_failed_payload_was_recovered": Family(
        (
            bridges.payload_refused_and_forgotten,
            bridges.another_was_carried_in_its_place,
            bridges.deleted_before_anybody_could_copy_it,
        ),
        (
            bridges.payload_retried_well,
            bridges.payload_sent_again_by_hand,
            bridges.warned_of_a_payload_and_carried_it,
        ),
        of_bridges=True,
    ),
    "flow_success_matches_the_target": Family(
        (
            bridges.said_to_have_moved_an_unpaid_order,
            bridges.one_of_a_batch_never_arrived,
            bridges.said_to_have_moved_what_nobody_ordered,
        ),
        (
            bridges.said_and_it_is_there,
            bridges.said_without_its_mark_and_it_is_there,
            bridges.said_and_cancelled_since,
        ),
        of_bridges=True,
    ),
}


def read_families(text: str) -> tuple[str, ...]:
    """Read ``all`` or names joined by commas."""
    if text == "all":
        return tuple(FAMILIES)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in FAMILIES:
            raise ValueError(f"families: unknown {name!r}; expected all, or some of: {', '.join(FAMILIES)}")
    return names
