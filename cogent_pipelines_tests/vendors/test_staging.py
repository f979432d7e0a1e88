"""What holds of every vendor's staging views, whichever vendor it is."""

from __future__ import annotations

import re

import duckdb
import pytest

from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests import dbt_render
from cogent_pipelines_tests.vendors.staging_kit import Staging

VIEWS = sorted(name for name in dbt_render.models() if name.startswith("stg_"))
GATHERED = re.compile(r"union_vendors\('(\w+)'(?:, without=\[(.*?)\])?(?:, (?:of|sku|role)='\w+')*\)")
MARTS = {
    found[1]: (name, model.columns, set(re.findall(r"\w+", found[2] or "")))
    for name, model in dbt_render.models().items()
    if (found := GATHERED.search(model.text))
}
"""What vendors' views are called -> the mart that gathers them, its columns, and those it adds itself."""
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


@pytest.mark.parametrize(
    ("detail", "column"),
    [("weight", "weight_grams"), ("barcode", "barcode"), ("origin", "origin_country_code")],
)
def test_a_vendor_declares_which_details_its_items_have(detail: str, column: str) -> None:
    """A view that gives nothing for it has no field to read it from."""
    views = {slug: f"stg_{slug}__items" for slug in VENDORS if f"stg_{slug}__items" in VIEWS}
    telling = {slug for slug, view in views.items() if f"as {column}" in _without_nulls(view)}
    assert {slug for slug, vendor in VENDORS.items() if detail in vendor.item_details} == telling


def test_a_vendor_declares_whether_its_orders_show_their_channel() -> None:
    """A scope of channels would call nothing foreign elsewhere."""
    views = {
        slug: view
        for slug in VENDORS
        for kind in ("orders", "warehouse_orders")
        if (view := f"stg_{slug}__{kind}") in VIEWS
    }
    showing = {slug for slug, view in views.items() if "as channel_id" in _without_nulls(view)}
    assert {slug for slug, vendor in VENDORS.items() if vendor.shows_channels} == showing


def _without_nulls(view: str) -> str:
    """The view's SQL without its columns that are always null."""
    return re.sub(r"null::\w+ as \w+", "", dbt_render.render(view))


# --- which vendors are in use -------------------------------------------------------------------------------


def test_a_mart_gathers_the_vendors_in_use_and_no_others() -> None:
    """An estate of two vendors plans no query over the views of all there are."""
    assert dbt_render.needs("items", frozenset({"veeqo"})) == ["stg_veeqo__items"]
    assert set(dbt_render.needs("items")) >= {f"stg_{slug}__items" for slug in ("shopify", "veeqo")}


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_a_mart_no_vendor_in_use_has_is_empty_with_its_columns(mart: str) -> None:
    """Not every warehouse tells of returns, and rules read them all the same."""
    name, columns, _ = MARTS[mart]
    with dbt_render.connect() as connection:
        for other in dbt_render.needs(name, frozenset()):
            dbt_render.create(connection, other)
        dbt_render.create_sources(connection, "estate.systems")
        made = connection.execute(dbt_render.render(name, frozenset()))
        assert [column[0] for column in made.description] == list(columns)
        assert made.fetchall() == []


# --- views and marts ----------------------------------------------------------------------------------------


def test_every_vendor_has_its_line_in_the_project() -> None:
    """Marts gather what it names."""
    assert set(dbt_render.project()["vars"]["vendors"]) == set(VENDORS)


@pytest.mark.parametrize("slug", VENDORS)
def test_the_line_of_a_vendor_names_the_views_in_its_folder(slug: str) -> None:
    """One that were not named would be read by nobody."""
    prefix = f"stg_{slug}__"
    views = {view.removeprefix(prefix) for view in VIEWS if view.startswith(prefix)}
    assert views
    assert sorted(dbt_render.project()["vars"]["vendors"][slug]) == sorted(views)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_columns_of_its_mart(view: str) -> None:
    """Names and types are the marts' contract, without what a mart adds itself."""
    slug, _, mart = view.removeprefix("stg_").partition("__")
    _, columns, added = MARTS[mart]
    assert Staging(slug, "any").columns(mart) == {
        name: str(duckdb.sqltype(kind)) for name, kind in columns.items() if name not in added
    }
