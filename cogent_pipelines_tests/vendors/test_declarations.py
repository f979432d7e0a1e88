"""What holds of every vendor file, whichever vendor it is: a declaration says all that it must, and only once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cogent_pipelines import connect
from cogent_pipelines.connect.spec import Stream, Vendor
from cogent_pipelines.landing import shapes
from cogent_pipelines.vendors.registry import VENDORS

STREAMS = [(vendor, stream) for vendor in VENDORS.values() for stream in vendor.streams]
NOTHING = Stream("nothing")


def name(value: object) -> str:
    """A test's id."""
    return getattr(value, "slug", "") or getattr(value, "name", "")


@pytest.mark.parametrize(("vendor", "stream"), STREAMS, ids=name)
def test_a_streams_records_come_from_one_place(vendor: Vendor, stream: Stream) -> None:
    """A list, many requests, or a folder; what is known is known for being asked about."""
    sources = (stream.request is not NOTHING.request, stream.asks is not None, bool(stream.folder))
    assert sum(sources) == 1, vendor.slug
    assert not (stream.rows and stream.records)
    assert stream.asks is not None or not (stream.known or stream.further)
    assert stream.rows is not None or stream.decode is None
    of_a_list = (stream.also, stream.inner, stream.parts, stream.bulk, stream.total, stream.ids)
    assert stream.request is not NOTHING.request or not any(of_a_list)
    assert not (stream.bulk and stream.parts), "an export's records have no parts put in"


@pytest.mark.parametrize(("vendor", "stream"), STREAMS, ids=name)
def test_a_stream_has_its_raw_table(vendor: Vendor, stream: Stream) -> None:
    """With the fields that tell one record, and one version of it, from another."""
    columns = shapes.table(vendor.slug, stream.name).columns
    assert {field.split(".")[0] for field in (stream.key, stream.version) if field} <= set(columns)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=name)
def test_no_stream_stands_twice_and_each_has_its_cadence(vendor: Vendor) -> None:
    """An entity of the estate says how often it is read."""
    names = [stream.name for stream in vendor.streams]
    assert len(set(names)) == len(names)
    assert all(stream.entity for stream in vendor.streams)


@pytest.mark.parametrize(
    "vendor", [v for v in VENDORS.values() if ("shipments_to_channel", "fulfil") in v.writes], ids=name
)
def test_a_shop_tells_customers_with_a_shipment_or_later(vendor: Vendor) -> None:
    """What waits for the first scan is then the shipment or the telling of it; neither is sent to a shop that cannot."""
    assert vendor.tells_customers is (("shipments_to_channel", "notify") not in vendor.writes)


@pytest.mark.parametrize(
    "file", sorted(Path(connect.__file__).parent.glob("*.py")), ids=lambda file: file.stem
)
def test_the_vocabulary_names_no_vendor_in_what_it_does(file: Path) -> None:
    """Examples in its texts may; code that knows one would be that vendor's."""
    code = re.sub(r'"""(.|\n)*?"""|#.*', "", file.read_text(encoding="utf-8"))
    assert not [slug for slug in VENDORS if re.search(rf"\b{slug}\b", code, re.IGNORECASE)]


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=name)
def test_an_option_that_is_read_is_declared_and_one_that_is_declared_is_read(vendor: Vendor) -> None:
    """What is not declared is refused in an estate; what nothing reads would be taken and mean nothing."""
    folder = Path(connect.__file__).parents[1] / "vendors"
    files = [folder / f"{vendor.slug}.py", *folder.glob(f"{vendor.slug}_*.py")]
    said = "\n".join(file.read_text(encoding="utf-8") for file in files).replace("'", '"')
    assert set(re.findall(r"options\.get\(\s*\"(\w+)\"", said)) <= set(vendor.options)
    declared = said[said.index("VENDOR = Vendor(") :]
    rest = said.replace(declared[declared.find("    options={") : declared.find("    auth=")], "")
    for option in vendor.options:
        assert f'"{option}"' in rest, option


OURS = ("cogent_pipelines", "dbt_project/models", "dbt_project/macros")
A_VERB = "fulfil"
"""A vendor's name that is a word of the trade as well: only where it can mean nothing else is it looked for."""
NAMED = {
    "cogent_pipelines/sandbox/settings.py": "what a sandbox is that nobody describes",
    "cogent_pipelines/sandbox/__main__.py": "the same",
    "cogent_pipelines/sandbox/world/money.py": "a gateway's name in orders",
    "cogent_pipelines/connect/spec.py": "examples",
    "cogent_pipelines/connect/reading.py": "an example",
    "cogent_pipelines/defs/transform.py": "an example",
}
"""File -> why it says a vendor's name."""


def is_a_vendors(file: Path, root: Path) -> bool:
    """Whether a file is some vendor's own: by its name, or its folder's."""
    slugs = "|".join(VENDORS)
    own = re.fullmatch(rf"({slugs})(_\w+)?", file.stem) and file.parent.name in ("vendors", "macros")
    return bool(own) or (
        file.parent.name in VENDORS and (root / "dbt_project/models/staging") in file.parents
    )


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=name)
def test_a_vendor_is_named_in_vendors_files_and_in_one_line_of_dbts_list_only(vendor: Vendor) -> None:
    """Rules, syncs, marts and the sandbox's world hold for whoever plays the role; one more vendor changes none of them."""
    root = Path(connect.__file__).parents[2]
    slug = vendor.slug
    said = re.compile(
        rf"stg_{slug}__|source\('{slug}'" if slug == A_VERB else rf"(?<![a-z]){slug}(?![a-z])", re.IGNORECASE
    )
    files = [
        file
        for folder in OURS
        for file in (root / folder).rglob("*")
        if file.suffix in (".py", ".sql", ".yml")
    ]
    found = {
        str(file.relative_to(root))
        for file in files
        if not is_a_vendors(file, root) and said.search(file.read_text(encoding="utf-8"))
    }
    assert found <= set(NAMED)
    listed = (root / "dbt_project/dbt_project.yml").read_text(encoding="utf-8")
    assert len(re.findall(rf"^ *{slug}: \[", listed, re.MULTILINE)) == 1
