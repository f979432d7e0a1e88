"""Mutants of one vendor, killed by its own tests.

Belongs here: faults in its ``vendors`` files, staging views and macros.
Does not belong here: what all vendors share (``connectors``).
"""

from __future__ import annotations

from cogent_pipelines_tests.mutants.connectors import STAGING, VENDORS
from cogent_pipelines_tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "units",
        f"{VENDORS}/seko_writes.py",
        'entry["qty"] += qty',
        'entry["qty"] = qty',
        "of two lines of an item only the last one's units are sent",
        "sandbox",
        ("vendors/test_seko_writes.py::test_lines_of_one_product_are_merged",),
    ),
    Mutant(
        "units",
        f"{VENDORS}/seko_writes.py",
        'Decimal(int(fields["weight_grams"])) / 1000',
        'Decimal(int(fields["weight_grams"])) / 100',
        "a product weighs ten times what it does",
        "sandbox",
        ("vendors/test_seko_writes.py::test_a_product_is_sent_with_weight_barcode_and_origin",),
    ),
    Mutant(
        "units",
        f"{STAGING}/seko/stg_seko__stock.sql",
        "where LocationType = 'Available Stock' and",
        "where",
        "goods in quarantine are sold",
        "sandbox",
        ("vendors/test_seko_staging.py::test_only_available_stock_may_be_sold",),
    ),
    Mutant(
        "sign",
        f"{VENDORS}/seko_writes.py",
        "net = price / (1 + rate) if",
        "net = price / (1 - rate) if",
        "prices that hold the tax go in with more of it",
        "sandbox",
        ("vendors/test_seko_writes.py::test_prices_that_hold_tax_go_in_before_it",),
    ),
    Mutant(
        "units",
        f"{VENDORS}/seko_answers.py",
        "Counter({(code, AVAILABLE): 0 for code in skus})",
        "Counter()",
        "what is sold out keeps its last level",
        "sandbox",
        ("vendors/test_seko_reads.py::test_a_missing_row_is_zero",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/seko.py",
        "room = QUERY_BYTES - KEY_BYTES - len(",
        "room = QUERY_BYTES + KEY_BYTES - len(",
        "a query is longer than the vendor takes, and its SKUs are not read",
        "sandbox",
        (
            "vendors/test_seko_reads.py::test_every_query_is_within_its_limit_and_every_sku_is_asked_about_once",
        ),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/seko_answers.py",
        'return f"{found}Z" if "T" in found',
        'return f"{found}+01:00" if "T" in found',
        "a dispatch is dated an hour early",
        "recorded answer",
        ("vendors/test_seko_reads.py::test_times_of_messages_are_utc",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/seko.py",
        "NOT IN ('Dispatched', 'Cancelled')",
        "NOT IN ('To Dispatch', 'Dispatched', 'Cancelled')",
        "an order is asked about no more just before it leaves",
        "sandbox",
        ("vendors/test_seko_reads.py::test_an_order_is_asked_about_until_it_is_at_its_end",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/seko_writes.py",
        'raise Retry(words, effect="unknown")',
        'raise Retry(words, effect="none")',
        "a number that is taken, perhaps by us, counts as not sent",
        "sandbox",
        ("vendors/test_seko_writes.py::test_what_says_neither_yes_nor_no_is_looked_up",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/seko.py",
        "if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:",
        "if answer.status > HTTPStatus.INTERNAL_SERVER_ERROR:",
        "an order that met a server error is called refused",
        "sandbox",
        ("vendors/test_seko_reads.py::test_a_server_error_in_the_envelope_is_no_refusal",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/seko_writes.py",
        "if theirs is not None and theirs.lower() != _asked(want).lower():",
        "if theirs is None:",
        "another order's answer is taken for this one's",
        "sandbox",
        ("vendors/test_seko_writes.py::test_what_is_found_is_the_order_and_what_is_not_proves_it",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/seko_writes.py",
        'if entry["sku"] != sku:',
        "if not sku:",
        "two SKUs of one code are sent as one product",
        "sandbox",
        ("vendors/test_seko_writes.py::test_two_skus_of_one_code_are_held_and_never_merged",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/seko_writes.py",
        '"Pick Complete", "To Dispatch", "Dispatched"})',
        '"To Dispatch", "Dispatched"})',
        "an order that was picked is told apart from one that may not be cancelled",
        "sandbox",
        ("vendors/test_seko_staging.py::test_the_view_and_the_guard_agree_on_the_point_of_no_return",),
    ),
)
