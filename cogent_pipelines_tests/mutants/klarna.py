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
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "{{ from_minor('l.t.amount', 'l.t.currency_code') }}",
        "(l.t.amount / 100)::decimal(18, 4)",
        "a yen is a hundredth of one",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_yen_have_no_minor_unit",),
    ),
    Mutant(
        "units",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "from signed as s\n",
        "from signed as s\nwhere s.type <> 'TAX'\n",
        "the tax on fees is left out",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_the_sample_payout_is_its_lines",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "'REVERSAL', 'HOLDBACK', 'CHARGE', 'COMMISSION') then -1",
        "'REVERSAL', 'CHARGE', 'COMMISSION') then -1",
        "what is held back is money that came",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_a_type_has_its_word_and_its_sign",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "-p.totals.opening_debt_balance_amount as amount",
        "p.totals.opening_debt_balance_amount as amount",
        "what was owed before is money that came",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_what_was_owed_before_and_after_is_an_entry",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/klarna.py",
        'FORM = "%Y-%m-%dT%H:%M:%SZ"',
        'FORM = "%Y-%m-%d"',
        "payouts are asked for by midnights, and today's are left out",
        "sandbox",
        ("vendors/test_klarna_reads.py::test_payouts_are_asked_for_by_instants_and_a_little_ahead",),
    ),
    Mutant(
        "time zone",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "coalesce(s.capture_date, s.sale_date) as occurred_at",
        "coalesce(s.sale_date, s.capture_date) as occurred_at",
        "money moved when the order was placed",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_an_order_sent_in_parts_has_several_captures",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/klarna.py",
        'LINES = Offset(size=500, limit="size", drifts=False)',
        'LINES = Offset(size=500, limit="limit", drifts=False)',
        "twenty lines of more are taken for all",
        "sandbox",
        ("vendors/test_klarna_reads.py::test_every_page_is_read_once",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/klarna.py",
        "        total=_total,\n",
        "",
        "fewer payouts than the vendor counts are taken for all",
        "sandbox",
        ("vendors/test_klarna_reads.py::test_fewer_payouts_than_the_vendor_counts_are_not_all",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/klarna.py",
        "timedelta(days=3), timedelta(days=14)",
        "timedelta(days=3), timedelta(0)",
        "a payout that is listed after its date is never read",
        "sandbox",
        ("vendors/test_klarna_reads.py::test_a_payout_that_is_listed_after_its_date_is_not_missed",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "l.payment_reference || '/' || l.place as key",
        "l.payment_reference || '/' || l.t.type as key",
        "two lines that are alike are one",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_two_lines_alike_to_the_letter_are_two",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "not (l.is_gross and l.t.type in ('FEE', 'TAX', 'FEE_REFUND')) as is_part",
        "true as is_part",
        "fees that are invoiced are taken off the payout",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_a_gross_merchant_is_invoiced_for_fees",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/klarna/stg_klarna__payout_entries.sql",
        "coalesce(s.refund_id, s.capture_id, s.order_id) as transaction_id",
        "coalesce(s.order_id, s.capture_id) as transaction_id",
        "an order's captures are one payment",
        "sandbox",
        ("vendors/test_klarna_staging.py::test_an_order_sent_in_parts_has_several_captures",),
    ),
)
