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
        f"{STAGING}/paypal/stg_paypal__payouts.sql",
        "(-t.transaction_info.transaction_amount.value)",
        "(t.transaction_info.transaction_amount.value)",
        "a payout is money that the bank gave",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_a_withdrawals_status_has_its_word",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/paypal/stg_paypal__payout_entries.sql",
        "'fee', w.code, -w.fee, 0,",
        "'fee', w.code, w.fee, 0,",
        "a withdrawal's fee is money that came",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_a_withdrawals_own_fee_is_an_entry_of_it",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/paypal/stg_paypal__payout_entries.sql",
        "case when m.gross < 0 then 'reserve_held'",
        "case when m.gross > 0 then 'reserve_held'",
        "what is held back counts as given free",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_an_event_code_has_its_word",),
    ),
    Mutant(
        "units",
        f"{STAGING}/paypal/stg_paypal__payout_entries.sql",
        "-w.ending, 0, w.currency,",
        "0, 0, w.currency,",
        "what a withdrawal left in the balance counts as sent",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_a_withdrawal_of_a_part_is_the_sum_of_its_entries",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/paypal.py",
        'is_first=ask.about["is_first"]), _span(middle, end)',
        'is_first=ask.about["is_first"]),',
        "of a span that holds too much the younger half is not read",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_a_span_that_is_too_large_is_halved_and_nothing_is_lost",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/paypal.py",
        "LONGEST = timedelta(days=31)",
        "LONGEST = timedelta(days=62)",
        "spans are longer than the vendor takes",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_a_long_time_is_asked_for_in_equal_spans_that_touch",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/paypal.py",
        'FORM = "%Y-%m-%dT%H:%M:%SZ"',
        'FORM = "%Y-%m-%dT%H:%M:%S+01:00"',
        "every span is said to be in another zone",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_nothing_is_asked_for_that_takes_the_balance_away",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/paypal.py",
        "LATE = timedelta(days=14)",
        "LATE = timedelta(0)",
        "what appears late is never read",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_what_appears_or_changes_late_comes_back",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/paypal.py",
        'raise Reject(said, code="too_large")',
        "return",
        "a span that holds too much is refused for ever",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_the_refusals_that_mean_ask_otherwise_are_told_from_the_others",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/paypal.py",
        ' and not ask.about["is_first"]:',
        ":",
        "an account that cannot be read is an empty one",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_the_end_of_the_vendors_knowledge_is_the_end_of_the_list",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/paypal.py",
        'if found is None and body.get("total_items") == 0:',
        "if found is None:",
        "an answer that is no list is an empty one",
        "sandbox",
        ("vendors/test_paypal_reads.py::test_an_answer_of_another_shape_is_not_taken_for_an_empty_list",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/paypal.py",
        'amount.get("currency_code") if isinstance(amount, dict) else None,',
        "None,",
        "of a conversion one half is lost",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_the_same_id_on_several_rows_is_several_movements",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/paypal/stg_paypal__payout_entries.sql",
        "w.currency = m.currency and m.at <= w.at",
        "w.currency = m.currency and m.at < w.at",
        "a movement of the withdrawal's own second goes out with the next",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_a_movement_of_the_withdrawals_own_second_went_with_it",),
    ),
    Mutant(
        "identity",
        f"{STAGING}/paypal/stg_paypal__payout_entries.sql",
        "asof left join withdrawals as w on w.system = m.system and w.currency = m.currency and",
        "asof left join withdrawals as w on w.system = m.system and",
        "pounds go out with dollars",
        "sandbox",
        ("vendors/test_paypal_staging.py::test_withdrawals_are_by_currency",),
    ),
)
