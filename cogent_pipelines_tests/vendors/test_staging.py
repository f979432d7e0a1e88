"""What holds of every vendor's staging views, whichever vendor it is."""

from __future__ import annotations

import re

import pytest

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests import dbt_render

VIEWS = sorted(name for name in dbt_render.models() if name.startswith("stg_"))
LEVELS = {
    f"{vendor.slug} {stream.name}": stream.levels
    for vendor in VENDORS.values()
    for stream in vendor.streams
    if stream.levels
}
JOINED = re.compile(
    r"\b(join|lateral)\s*\(?\s*unnest\b|\bfrom\s[^;()]*?\bas\s+\w+\s*,\s*unnest\b", re.IGNORECASE
)


@pytest.mark.parametrize("view", VIEWS)
def test_lists_are_not_unnested_by_a_join(view: str) -> None:
    """A list inside a list takes 7 to 50 times as long: 46 s against 4 s for 300,000 Veeqo orders."""
    assert not JOINED.search(dbt_render.render(view))


@pytest.mark.parametrize("stream", LEVELS)
def test_neither_are_the_levels_that_landing_notes(stream: str) -> None:
    """They are read at every pull of stock."""
    assert not JOINED.search(LEVELS[stream])


@pytest.mark.parametrize(
    ("sql", "is_joined"),
    [
        ("select 1 from t cross join unnest(l) as u (a)", True),
        ("select 1 from t left join\n  unnest(l) as u (a) on true", True),
        ("select 1 from t cross join lateral (unnest(l))", True),
        ("select 1 from t as o, unnest(o.l) as u (a)", True),
        ("select id, unnest(l) as a from t", False),
        ("select id as i,\n    unnest(l) as a from t as o", False),
    ],
)
def test_the_search_finds_joins_and_nothing_else(sql: str, is_joined: bool) -> None:
    """So that the tests above can fail."""
    assert bool(JOINED.search(sql)) is is_joined


@pytest.mark.parametrize("view", VIEWS)
def test_staging_reads_no_clock_and_no_other_model(view: str) -> None:
    """A view per stream, over raw tables and the estate alone."""
    assert dbt_render.needs(view) == []
    assert not re.search(r"\b(now|current_timestamp|current_date|today)\b\s*\(?", dbt_render.render(view))
