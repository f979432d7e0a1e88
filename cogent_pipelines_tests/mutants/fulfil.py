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
        f"{VENDORS}/fulfil_writes.py",
        '"amount": _money(money.nets[number]),\n',
        '"amount": _money(money.nets[number] / qty),\n',
        "a line's amount is that of one unit",
        "sandbox",
        ("vendors/test_fulfil_writes.py::test_an_order_is_sent_whole",),
    ),
    Mutant(
        "sign",
        f"{VENDORS}/fulfil_writes.py",
        'line["qty"] = -line["qty"]',
        'line["qty"] = line["qty"]',
        "what came back is read as what was sold",
        "sandbox",
        ("vendors/test_fulfil_writes.py::test_a_return_is_made_once_and_found_by_our_reference",),
    ),
    Mutant(
        "sign",
        f"{STAGING}/fulfil/stg_fulfil__stock.sql",
        "(floor(quantity_on_hand) - floor(quantity_available))",
        "(floor(quantity_on_hand) + floor(quantity_available))",
        "more is set aside than lies there",
        "sandbox",
        ("vendors/test_fulfil_staging.py::test_a_level_is_of_one_location",),
    ),
    Mutant(
        "units",
        f"{STAGING}/fulfil/stg_fulfil__stock.sql",
        "    floor(quantity_available)::bigint as available_qty",
        "    ceil(quantity_available)::bigint as available_qty",
        "a part of an item is sold as a whole one",
        "sandbox",
        ("vendors/test_fulfil_staging.py::test_a_level_is_of_one_location",),
    ),
    Mutant(
        "paging stop",
        f"{VENDORS}/fulfil.py",
        "PAGES = Keyset(_behind, full=writes.PAGE)",
        "PAGES = Keyset(_behind, full=writes.PAGE + 1)",
        "a full page is taken for the last",
        "sandbox",
        ("vendors/test_fulfil_reads.py::test_what_was_never_edited_is_asked_for_by_when_it_was_made",),
    ),
    Mutant(
        "cursor",
        f"{VENDORS}/fulfil.py",
        '[["OR", [["write_date", ">", moment]], [["create_date", ">", moment]]]]',
        '[["write_date", ">", moment]]',
        "what was never edited is never read",
        "sandbox",
        ("vendors/test_fulfil_reads.py::test_what_was_never_edited_is_asked_for_by_when_it_was_made",),
    ),
    Mutant(
        "time zone",
        f"{VENDORS}/fulfil.py",
        "window.start.astimezone(UTC).isoformat()",
        "window.start.replace(tzinfo=UTC).isoformat()",
        "local time is sent as if it were UTC",
        "sandbox",
        ("vendors/test_fulfil_reads.py::test_a_window_is_asked_for_in_utc",),
    ),
    Mutant(
        "time zone",
        f"{STAGING}/fulfil/stg_fulfil__shipments.sql",
        "            greatest(s.write_date.iso_string, s.effective_date.iso_string)",
        "            least(s.write_date.iso_string, s.effective_date.iso_string)",
        "a parcel left at midnight, before it was packed",
        "sandbox",
        ("vendors/test_fulfil_staging.py::test_a_parcel_left_on_its_day",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/fulfil.py",
        'return bool(answer.headers.get("retry-after")) or not INVALID.search(words(answer))',
        "return True",
        "a request that is wrong is sent again for ever",
        "sandbox",
        ("vendors/test_fulfil_errors.py::test_a_refusal_has_its_meaning_and_the_vendors_words",),
    ),
    Mutant(
        "retry class",
        f"{VENDORS}/fulfil.py",
        'raise Retry("the answer was put off (AsyncResult), not given", effect=effect(request))',
        'raise Retry("the answer was put off (AsyncResult), not given", effect="none")',
        "what was put off counts as not done",
        "sandbox",
        ("vendors/test_fulfil_errors.py::test_what_may_have_been_done_is_unknown_for_a_write_only",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/fulfil_writes.py",
        "        and not want.is_foreign(",
        "        and not (lambda *_: False)(",
        "another brand's order of that number in a shared account is taken for ours",
        "sandbox",
        ("vendors/test_fulfil_writes.py::test_another_brand_s_order_of_our_number_is_not_this_one",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/deposco_writes.py",
        'return not want.is_foreign(None, [line["sku"] for line in found.fields["lines"]])',
        "return True",
        "another brand's order of that number in a shared account is written over",
        "sandbox",
        (
            "vendors/test_deposco_writes.py::test_an_order_of_a_brand_that_shares_the_account_is_not_written_over",
        ),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/fulfil_writes.py",
        "        and _is_return(order) is returns\n",
        "",
        "a return is taken for the order it came from",
        "sandbox",
        ("vendors/test_fulfil_writes.py::test_what_only_resembles_is_not_found",),
    ),
    Mutant(
        "identity",
        f"{VENDORS}/fulfil.py",
        '    "channel_exception",\n',
        "",
        "an order that is parked as an exception counts as done",
        "sandbox",
        ("vendors/test_fulfil_sandbox.py::test_an_order_that_is_parked_as_it_was_sent_is_no_success",),
    ),
)
