"""What a mutant is.

Belongs here: its form, and putting it into a text.
Does not belong here: which there are (``connectors``, ``rules``), or running them (``__main__``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Oracle = Literal["recorded answer", "contract", "sandbox", "rule's rows"]
"""Whose word decides: a vendor's recorded or documented answer, its schema or blueprint, the sandbox's truth,
or rows that a rule's definition says it must or must not return."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file that would harm the retailer, and the smallest tests that must see it."""

    kind: str
    """units, sign, paging stop, time zone, cursor, retry class, identity."""
    file: str
    before: str
    """Stands exactly once in the file."""
    after: str
    why: str
    """What it would do."""
    oracle: Oracle
    tests: tuple[str, ...]
    """``file.py::test`` below ``cogent_pipelines_tests``."""

    @property
    def name(self) -> str:
        """Kind, file and what it does."""
        return f"{self.kind}: {self.file.rpartition('/')[2]}: {self.why}"

    def put_into(self, text: str) -> str:
        """``text`` with the fault in it. Raises ``ValueError`` when the place is not there or not one."""
        times = text.count(self.before)
        if times != 1:
            raise ValueError(f"{self.file}: {self.before!r} stands there {times} times")
        return text.replace(self.before, self.after)
