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
        f"{STAGING}/stripe/stg_stripe__payout_entries.sql",
        "'t.net', 't.currency', cents=['ISK', 'UGX'], whole=['MGA']",
        "'t.net', 't.currency', cents=['ISK', 'UGX']",
        "an ariary counts as a hundredth of one",
        "sandbox",
        ("vendors/test_stripe_staging.py::test_minor_units_are_those_of_the_currency",),
    ),
    Mutant(
        "units",
        f"{STAGING}/stripe/stg_stripe__payouts.sql",
        "{{ from_minor('p.amount', 'p.currency', cents=['ISK', 'UGX'], whole=['MGA']) }}",
        "(p.amount / 100)::decimal(18, 4)",
        "a payout in yen is a hundredth of itself",
        "sandbox",
        ("vendors/test_stripe_staging.py::test_minor_units_are_those_of_the_currency",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/stripe/stg_stripe__payout_entries.sql",
        "case when t.amount < 0 then 'reserve_held'",
        "case when t.amount > 0 then 'reserve_held'",
        "what is held back counts as given free",
        "sandbox",
        ("vendors/test_stripe_staging.py::test_a_type_has_its_word",),
    ),
    Mutant(
        "time zone",
        f"{STAGING}/stripe/stg_stripe__payout_entries.sql",
        "to_timestamp(t.created) as occurred_at",
        "to_timestamp(t.created) + interval 1 hour as occurred_at",
        "a movement happened an hour late",
        "recorded answer",
        ("vendors/test_stripe_staging.py::test_the_sample_movement_and_payout_become_rows",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/stripe.py",
        'more="has_more"',
        "full=size + 1",
        "a full page is taken for the last",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_every_page_is_read_once",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/stripe.py",
        "LATE = timedelta(days=14)",
        "LATE = timedelta(0)",
        "a payout stays as it was first read",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_what_changes_late_comes_back",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/stripe.py",
        "        raise Retry(said)\n",
        '        raise Reject(said, code="no")\n',
        "what the vendor would take again is given up",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_the_vendor_says_what_may_be_repeated",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/stripe.py",
        "answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR",
        "answer.status > HTTPStatus.INTERNAL_SERVER_ERROR",
        "what the vendor will never take is tried for ever",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_the_vendor_says_what_may_be_repeated",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/stripe.py",
        ' or payout.get("reconciliation_status") != "completed"',
        "",
        "the lines of a payout are read before all of them are there",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_lines_are_asked_of_reconciled_automatic_payouts",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/stripe/stg_stripe__payout_entries.sql",
        "coalesce(t.source.metadata.order_id, c.order_reference) as order_reference",
        "t.source.metadata.order_id as order_reference",
        "no refund belongs to an order",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_orders_and_charges_are_named",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/stripe/stg_stripe__payouts.sql",
        "coalesce(p.automatic and p.reconciliation_status = 'completed', false)",
        "coalesce(p.automatic, false)",
        "a payout whose lines are not there yet counts as itemised",
        "sandbox",
        ("vendors/test_stripe_reads.py::test_what_changes_late_comes_back",),
    ),
)
