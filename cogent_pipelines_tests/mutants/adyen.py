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
        f"{STAGING}/adyen/stg_adyen__payout_entries.sql",
        'coalesce(r."Net Credit (NC)", 0) - coalesce(r."Net Debit (NC)", 0) as net',
        'coalesce(r."Net Credit (NC)", 0) + coalesce(r."Net Debit (NC)", 0) as net',
        "a refund is money that came",
        "sandbox",
        ("vendors/test_adyen_staging.py::test_a_type_has_its_word",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/adyen/stg_adyen__payout_entries.sql",
        "(m.net + m.fee)::decimal(18, 4) as gross_amount",
        "(m.net - m.fee)::decimal(18, 4) as gross_amount",
        "the fee is taken off twice",
        "sandbox",
        ("vendors/test_adyen_staging.py::test_blended_or_not_net_is_gross_less_the_fee",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/adyen/stg_adyen__payouts.sql",
        'coalesce(r."Net Debit (NC)", 0) - coalesce(r."Net Credit (NC)", 0)',
        'coalesce(r."Net Credit (NC)", 0) - coalesce(r."Net Debit (NC)", 0)',
        "a payout is money that the bank gave",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_every_payout_is_its_entries",),
    ),
    Mutant(
        "units",
        f"{STAGING}/adyen/stg_adyen__payout_entries.sql",
        'coalesce(r."Interchange (NC)", 0) as fee',
        "0 as fee",
        "interchange is no fee",
        "sandbox",
        ("vendors/test_adyen_staging.py::test_blended_or_not_net_is_gross_less_the_fee",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/adyen.py",
        '"CEST": 2',
        '"CEST": 1',
        "summer has winter's hour",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_an_instant_is_put_into_utc_by_the_rows_zone",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/adyen.py",
        "moment - timedelta(hours=HOURS[zone])",
        "moment + timedelta(hours=HOURS[zone])",
        "east is west",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_the_sample_row_of_the_documents_is_read",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/adyen.py",
        '(_file(ask.about["batch"] + 1, system),)',
        '(_file(ask.about["batch"] + 2, system),)',
        "every other file is left out",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_every_file_is_fetched_once",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/adyen.py",
        "_file(max(landed) + 1, system)",
        "_file(max(landed), system)",
        "the last file is fetched again each time",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_the_file_after_the_last_that_landed_is_asked_for",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/adyen.py",
        'raise Retry("the report has a row',
        'raise Reject("the report has a row',
        "a file that broke off is never read",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_half_a_file_is_no_file",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/adyen.py",
        ' and not ask.about["must_exist"]:',
        ":",
        "a wrong account is an empty one",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_a_first_file_that_is_not_there_is_no_empty_book",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/adyen.py",
        '"key": f"{batch}/{place}"',
        '"key": f"{batch}/{line}"',
        "two fees of one day that are alike are one",
        "sandbox",
        ("vendors/test_adyen_reads.py::test_the_same_row_twice_is_two_rows",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/adyen/stg_adyen__payout_entries.sql",
        ' and p.currency = m."Net Currency"',
        "",
        "in a batch of two currencies every row counts twice",
        "sandbox",
        ("vendors/test_adyen_staging.py::test_a_batch_pays_each_currency_by_itself",),
    ),
)
