"""Mutants of rules, of what is wanted and of macros, killed by rows that must or must not be returned.

Belongs here: faults in ``dbt_project`` beyond staging.
Does not belong here: staging and connectors (``connectors``).
"""

from __future__ import annotations

from cogent_pipelines_tests.mutants.mutant import Mutant

MODELS = "dbt_project/models"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "units",
        f"{MODELS}/marts/steps/channel_levels.sql",
        "min({{ floor_div('free_qty', 'per_unit_qty') }}) as makes_qty",
        "max({{ floor_div('free_qty', 'per_unit_qty') }}) as makes_qty",
        "a bundle is sold as often as its most plentiful component allows",
        "rule's rows",
        ("rules/test_wanted_stock.py::test_a_bundle_is_what_its_scarcest_component_makes",),
    ),
    Mutant(
        "sign",
        f"{MODELS}/marts/steps/availability.sql",
        "total_qty + fulfilled_qty - allocated_qty",
        "total_qty - fulfilled_qty - allocated_qty",
        "what an order has left is forgotten once a part of it was told, and sold again",
        "rule's rows",
        ("mutants/test_rules.py::test_units_told_and_units_left_of_one_order_are_reckoned_apart",),
    ),
    Mutant(
        "cursor",
        f"{MODELS}/marts/steps/availability.sql",
        "and a.created_at <= coalesce(s.read_at, a.created_at)",
        "",
        "an allocation younger than the stock figure is taken to be in it already",
        "rule's rows",
        ("rules/test_wanted_stock.py::test_an_allocation_younger_than_the_stock_figure_is_not_in_it_yet",),
    ),
    Mutant(
        "units",
        f"{MODELS}/marts/steps/units_to_send.sql",
        "(l.remaining_qty * coalesce(b.qty, 1))::bigint as qty",
        "l.remaining_qty::bigint as qty",
        "of a component that a bundle holds twice one is reckoned with",
        "rule's rows",
        ("rules/test_wanted_stock.py", "rules/test_wanted_orders.py"),
    ),
    Mutant(
        "time zone",
        "dbt_project/macros/time.sql",
        "cast(timezone((select any_value(value) from {{ source('estate', 'settings') }} "
        "where name = 'time_zone'), {{ instant }}) as date)",
        "cast(timezone('UTC', {{ instant }}) as date)",
        "a summer's day begins an hour late",
        "rule's rows",
        ("mutants/test_rules.py::test_a_day_ends_where_the_retailer_trades",),
    ),
    Mutant(
        "identity",
        f"{MODELS}/rules/no_two_orders_are_the_same_basket.sql",
        "and b.placed_at <= a.placed_at + {{ setting_seconds('duplicate_window_s') }}",
        "",
        "a customer who orders the same every week is told on every time",
        "rule's rows",
        ("rules/test_order_rules.py::test_another_basket_customer_or_hour_is_none",),
    ),
    Mutant(
        "identity",
        f"{MODELS}/wanted/cancellations_to_wms.sql",
        "case when w.is_past_no_return then 'past_no_return' end as held_by",
        "null::varchar as held_by",
        "a cancellation goes out for an order that is being picked",
        "rule's rows",
        ("rules/test_wanted_cancellations.py",),
    ),
    Mutant(
        "cursor",
        f"{MODELS}/rules/every_paid_order_can_be_released.sql",
        " and coalesce(r.placed_at <= k.known_to, true)",
        "",
        "an order of an item that came into both systems this hour is told of as unknown",
        "rule's rows",
        (
            "rules/test_order_rules.py::test_an_order_of_an_item_the_warehouse_may_have_got_since_is_shown_once_its_catalogue_was_read_again",
        ),
    ),
    Mutant(
        "cursor",
        f"{MODELS}/rules/every_channel_sku_exists_in_the_warehouse.sql",
        "e.exception_key is not null or ",
        "",
        "a missing item whose price is changed in the shop is closed as found",
        "rule's rows",
        (
            "rules/test_stock_rules.py::test_what_was_listed_since_the_warehouse_was_read_is_missing_once_it_was_read_again",
        ),
    ),
    Mutant(
        "cursor",
        "dbt_project/macros/stock.sql",
        "and r.finished_at <= p.read_at",
        "",
        "a warehouse that was asked by name before we knew the name is taken at its word",
        "rule's rows",
        (
            "rules/test_stock_rules.py::test_a_warehouse_that_is_asked_by_name_is_asked_after_the_shop_was_read",
        ),
    ),
    Mutant(
        "identity",
        f"{MODELS}/rules/every_change_was_carried_out.sql",
        "o.cancelled_at is not null",
        "true",
        "an order the warehouse threw out and the shop still wants is passed over",
        "rule's rows",
        ("rules/test_running_rules.py::test_an_order_both_sides_cancelled_is_no_change_any_more",),
    ),
)
