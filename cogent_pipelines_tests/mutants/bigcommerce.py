"""Mutants of one vendor, killed by its own tests.

Belongs here: faults in its ``vendors`` files, staging views and macros.
Does not belong here: what all vendors share (``connectors``).
"""

from __future__ import annotations

from cogent_pipelines_tests.mutants.connectors import STAGING, VENDORS
from cogent_pipelines_tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "sign",
        f"{STAGING}/bigcommerce/stg_bigcommerce__refunds.sql",
        "        - coalesce(list_sum(list_transform(list_filter(r.payments",
        "        + coalesce(list_sum(list_transform(list_filter(r.payments",
        "what a gateway declined counts as given back twice",
        "sandbox",
        ("vendors/test_bigcommerce_staging.py::test_what_a_gateway_declined_was_not_given_back",),
    ),
    Mutant(
        "units",
        f"{STAGING}/bigcommerce/stg_bigcommerce__items.sql",
        "when 'ounces' then 28.349523125",
        "when 'ounces' then 453.59237",
        "an ounce weighs as much as a pound",
        "recorded answer",
        ("vendors/test_bigcommerce_staging.py::test_a_variant_becomes_an_item",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/bigcommerce.py",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "%Y-%m-%dT%H:%M:%S+01:00",
        "every window is said to begin in another zone",
        "sandbox",
        ("vendors/test_bigcommerce_reads.py::test_a_window_begins_with_a_date_the_vendor_can_read",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/bigcommerce.py",
        '{"min_id": str(last + 1)}',
        '{"min_id": str(last + 2)}',
        "the order behind each page is skipped",
        "sandbox",
        (
            "vendors/test_bigcommerce_reads.py::test_an_order_that_changes_while_the_list_is_read_hides_no_other",
        ),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/bigcommerce.py",
        '_list("/v2/orders", "min_date_modified"',
        '_list("/v2/orders", "min_date_created"',
        "what becomes of an order after it was placed is not read",
        "sandbox",
        ("vendors/test_bigcommerce_reads.py::test_a_window_begins_with_a_date_the_vendor_can_read",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/bigcommerce.py",
        'raise Retry(f"{answer.status}: {words(answer)}")',
        'raise Reject(f"{answer.status}: {words(answer)}", code="conflict")',
        "two writers at one moment, and one parcel is given up",
        "sandbox",
        ("vendors/test_bigcommerce_delivered.py::test_a_parcel_is_told_once_whatever_the_answer",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/bigcommerce_writes.py",
        "_reference(shipment) == mark(want)",
        '_reference(shipment).startswith("our ref ")',
        "any parcel of ours is taken for this one, which is never told",
        "sandbox",
        ("vendors/test_bigcommerce_writes.py::test_another_shipment_is_not_the_parcels",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/bigcommerce_writes.py",
        'if not want.fields.get("notify") and int',
        'if want.fields.get("notify") is None and int',
        "a customer is told before they may be",
        "sandbox",
        ("vendors/test_bigcommerce_writes.py::test_a_parcel_that_may_not_go_is_told_to_a_person",),
    ),
    Mutant(
        "sign",
        f"{VENDORS}/bigcommerce_writes.py",
        'int(line["quantity"]) - int(line.get("quantity_shipped") or 0)',
        'int(line["quantity"]) + int(line.get("quantity_shipped") or 0)',
        "units that were sent count as left to send",
        "sandbox",
        ("vendors/test_bigcommerce_writes.py::test_a_parcel_that_may_not_go_is_told_to_a_person",),
    ),
    Mutant(
        "units",
        f"{VENDORS}/bigcommerce_writes.py",
        '"quantity": place["total_inventory_onhand"],',
        '"quantity": place["available_to_sell"],',
        "a level is compared without the store's safety stock, and set for ever",
        "sandbox",
        ("vendors/test_bigcommerce_writes.py::test_a_level_is_done_when_it_is_what_was_wanted",),
    ),
    Mutant(
        "units",
        f"{VENDORS}/bigcommerce_writes.py",
        'units[str(line["order_line_key"]).rpartition(":")[2]] += int(line["qty"])',
        'units[str(line["order_line_key"]).rpartition(":")[2]] = int(line["qty"])',
        "of a line that lies in two places only the last one's units are told",
        "sandbox",
        ("vendors/test_bigcommerce_writes.py::test_a_parcel_is_one_shipment_of_its_own_lines",),
    ),
)
