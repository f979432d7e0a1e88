"""What the documents say of the code is so."""

from __future__ import annotations

import pytest

from cogent_pipelines_tests import docs_tables


@pytest.mark.parametrize("mark", docs_tables.TABLES)
def test_a_table_of_the_documents_is_what_the_code_says(mark: str) -> None:
    """``make docs`` writes it anew."""
    assert docs_tables.shown(mark) == docs_tables.TABLES[mark][1]()
