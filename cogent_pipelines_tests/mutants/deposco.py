"""Mutants of one vendor, killed by its own tests.

Belongs here: faults in its ``vendors`` files, staging views and macros.
Does not belong here: what all vendors share (``connectors``).
"""

from __future__ import annotations

from cogent_pipelines_tests.mutants.connectors import STAGING, VENDORS
from cogent_pipelines_tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "paging stop",
        f"{VENDORS}/deposco_writes.py",
        "NESTED = 10\n",
        "NESTED = 11\n",
        "ten nested lines of more are taken for all",
        "sandbox",
        ("vendors/test_deposco_writes.py::test_ten_nested_lines_may_be_some_of_more",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/deposco_writes.py",
        "if not all(_has_ended(answer) for answer in answers):",
        "if not answers:",
        "an order is called absent by a list that goes on, and sent again",
        "sandbox",
        ("vendors/test_deposco_writes.py::test_an_absence_is_proven_by_a_whole_list_only",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/deposco_writes.py",
        '"%Y-%m-%dT%H:%M:%SZ"',
        '"%Y-%d-%mT%H:%M:%SZ"',
        "day and month change places",
        "sandbox",
        ("vendors/test_deposco_writes.py::test_a_sales_order_says_everything_it_must",),
    ),
    Mutant(
        "units",
        f"{STAGING}/deposco/stg_deposco__stock.sql",
        "'$.inventory.unallocated' as double))::bigint as available_qty",
        "'$.inventory.total' as double))::bigint as available_qty",
        "what orders have set aside is sold again",
        "sandbox",
        ("vendors/test_deposco_staging.py::test_what_no_order_has_is_available",),
    ),
    Mutant(
        "units",
        f"{STAGING}/deposco/stg_deposco__warehouse_order_lines.sql",
        ") * pack_units)::bigint as qty",
        ") * 1)::bigint as qty",
        "a pack of six counts as one",
        "sandbox",
        ("vendors/test_deposco_staging.py::test_quantities_are_packs_and_levels_are_units",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/deposco/stg_deposco__warehouse_order_lines.sql",
        "- case when coalesce(has_ended, false)",
        "+ case when coalesce(has_ended, false)",
        "what was cancelled of a line is ordered twice",
        "sandbox",
        ("vendors/test_deposco_staging.py::test_what_was_cancelled_of_an_ended_order_is_seen_as_unsent",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/deposco.py",
        'version="updatedDate",\n        cursor=Cursor("updatedDate"),\n        entity="returns",',
        'version="createdDate",\n        cursor=Cursor("updatedDate"),\n        entity="returns",',
        "a receipt stays as it was first read",
        "sandbox",
        ("vendors/test_declarations.py::test_a_stream_has_its_raw_table",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/deposco.py",
        "        raise Retry(said)\n",
        '        raise Reject(said, code="conflict")\n',
        "two writers at one moment, and one order is given up",
        "sandbox",
        ("vendors/test_deposco_reads.py::test_a_status_tells_what_to_do_next",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/deposco.py",
        'raise Retry(said, effect="unknown")',
        "raise Reject(said)",
        "an order that is there already is called refused",
        "sandbox",
        ("vendors/test_deposco_reads.py::test_a_status_tells_what_to_do_next",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/deposco_writes.py",
        'return bool(found.fields["made_for"] == want.key)',
        "return True",
        "another shop's order of that number is taken for ours",
        "sandbox",
        ("vendors/test_deposco_writes.py::test_an_order_of_another_shop_is_not_written_over",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/deposco_writes.py",
        '"is_past_no_return": status(order) in LOCKED or _is_worked_on(order),',
        '"is_past_no_return": status(order) in LOCKED,',
        "an order of which something was picked is cancelled",
        "sandbox",
        ("vendors/test_deposco_staging.py::test_the_view_and_the_guard_agree_on_the_point_of_no_return",),
    ),
    Mutant(
        "identity",
        "dbt_project/macros/deposco.sql",
        "when coalesce(\"orderStatus\", status) = 'Canceled' then 2",
        "when coalesce(\"orderStatus\", status) = 'Canceled' then 0",
        "a parcel is told of a cancelled order of that number",
        "sandbox",
        ("vendors/test_deposco_staging.py::test_the_live_order_of_a_number_is_meant",),
    ),
)
