"""Mutants of rules, of what is wanted and of macros, killed by rows that must or must not be returned.

Belongs here: faults in ``dbt_project`` beyond staging.
Does not belong here: staging and connectors (``connectors``).
"""

from __future__ import annotations

from cogent_pipelines_tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
