"""The estate file: what is refused, and how it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cogent_pipelines import estate
from cogent_pipelines.errors import BadInput
from cogent_pipelines.rules import mappings
from cogent_pipelines.vendors import accounts

ERP = {"vendor": "fulfil", "role": "erp", "url": "sandbox://erp_uk"}
DEMO = Path(__file__).resolve().parents[1] / "estates" / "demo.yaml"


def changed(tmp_path: Path, **changes: Any) -> Path:
    """The demo's estate with dotted keys set (None removes one), as a file."""
    data = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        *path, last = dotted.split("__")
        part = data
        for step in path:
            part = part[step]
        if value is None:
            part.pop(last, None)
        else:
            part[last] = value
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def refused(file: Path) -> BadInput:
    """The error the file is refused with."""
    with pytest.raises(BadInput) as caught:
        estate.load(file)
    assert str(file) in str(caught.value)
    return caught.value


def test_the_demo_estate_is_read_into_typed_objects() -> None:
    """What stands in the file is there, typed."""
    found = estate.load(DEMO)
    assert found.channels() == ("web_uk",)
    assert found.warehouses() == ("wms_uk",)
    assert found.policy("web_uk").release == "after_capture"
    assert found.syncs["orders_to_wms"].since.tzinfo is not None


def test_an_erp_may_own_catalogue_customers_and_finance_and_run_nothing(tmp_path: Path) -> None:
    """What it owns needs no facility."""
    owned = {f"truth__{entity}": "erp_uk" for entity in ("products", "customers", "finance")}
    found = estate.load(changed(tmp_path, systems__erp_uk=ERP, **owned))
    assert found.truth["finance"] == "erp_uk"
    assert found.warehouses() == ("wms_uk",)


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"truth__orders": None}, "truth.orders", "exactly one"),
        ({"truth__orders": ["web_uk", "wms_uk"]}, "truth.orders", "got `array`"),
        ({"truth__orders": "nobody"}, "truth.orders", "one of the systems"),
        ({"truth__stock": {"LEEDS": "wms_uk"}}, "truth.stock", "one owner per facility"),
        ({"truth__weather": "web_uk"}, "truth", "only products"),
        ({"facilities__LEEDS": "mars"}, "facilities.LEEDS", "one of the systems"),
        (
            {"systems__erp_uk": ERP, "facilities__LEEDS": "erp_uk"},
            "facilities.LEEDS",
            "a system of role warehouse",
        ),
        (
            {"systems__erp_uk": ERP, "truth__stock": {"LEEDS": "erp_uk", "YORK": "wms_uk"}},
            "truth.stock",
            "an erp may own",
        ),
        ({"systems__erp_uk": ERP, "truth__fulfilment": "erp_uk"}, "truth.fulfilment", "an erp may own"),
        ({"systems__erp_uk": ERP, "truth__orders": "erp_uk"}, "truth.orders", "an erp may own"),
        ({"time_zone": "Europe/Leeds"}, "time_zone", "time zone name"),
        ({"cadence__orders": "sometimes"}, "cadence", "matching regex"),
        ({"cadence__weather": "1h"}, "cadence.weather", "one of orders"),
        ({"systems__web_uk__url": "https://shop.example.com"}, "systems.web_uk.url", "loopback"),
        ({"systems__web_uk__colour": "red"}, "systems.web_uk", "colour"),
        ({"systems__web_uk__role": "shop"}, "systems.web_uk.role", "Invalid enum"),
        ({"policies__channels__wms_uk": {}}, "policies.channels.wms_uk", "one of the channels"),
        ({"policies__channels__web_uk__buffer": -1}, "policies.channels.web_uk.buffer", ">= 0"),
        ({"hours__MARS": {"week": {}}}, "hours.MARS", "one of the facilities"),
        ({"hours__LEEDS__week__mon": "9 to 5"}, "hours.LEEDS.week.mon", "07:00-19:00"),
        ({"systems__wms_uk__scope": {}}, "systems.wms_uk.scope", "channels, sku_prefix or both"),
        ({"systems__wms_uk__scope": {"brand": "A"}}, "systems.wms_uk.scope", "brand"),
        ({"systems__wms_uk__scope": {"channels": [" "]}}, "systems.wms_uk.scope.channels", "ids of channels"),
        ({"systems__wms_uk__scope": {"channels": "771"}}, "systems.wms_uk.scope.channels", "`array`"),
        (
            {"systems__wms_uk__scope": {"sku_prefix": ["A-", ""]}},
            "systems.wms_uk.scope.sku_prefix",
            "begin with",
        ),
        ({"systems__wms_uk__scope": {"sku_prefix": 7}}, "systems.wms_uk.scope.sku_prefix", "`str | array`"),
        ({"owners__cx__escalate_to": "mum"}, "owners.cx.escalate_to", "one of"),
        (
            {"windows": {"every_shipment_reached_the_channel": {"hours": 0.001}}},
            "windows",
            "twice the slowest",
        ),
        ({"syncs__orders_to_wms__mode": "on"}, "syncs.orders_to_wms.mode", "Invalid enum"),
        ({"syncs__orders_to_wms__from": None}, "syncs.orders_to_wms", "from"),
        ({"syncs__orders_to_wms__was": "wms_uk/88"}, "syncs.orders_to_wms.was", "a flow's id or name"),
        ({"syncs__orders_to_wms__was": "bridge"}, "syncs.orders_to_wms.was", "a flow's id or name"),
        ({"syncs__orders_to_wms__via": "wms_uk/88"}, "syncs.orders_to_wms.via", "a flow's id behind"),
        ({"name": "Demo Shop"}, "name", "matching regex"),
        ({"mappings": "nowhere"}, "mappings", "a folder of CSV files"),
    ],
)
def test_a_wrong_estate_is_refused_naming_the_key(
    tmp_path: Path, changes: dict[str, Any], key: str, expected: str
) -> None:
    """File, key, found and expected are all in the sentence."""
    error = refused(changed(tmp_path, **changes))
    assert error.key.startswith(key)
    assert expected in str(error)


def two_brands(tmp_path: Path, one: Any, other: Any) -> Path:
    """The demo's estate with two systems of its warehouse's account, and their scopes."""
    data = yaml.safe_load(DEMO.read_text(encoding="utf-8"))["systems"]["wms_uk"] | {"account": "acme"}
    scoped = [{**data, "scope": scope} if scope else data for scope in (one, other)]
    return changed(tmp_path, systems__wms_uk=scoped[0], systems__wms_beta=scoped[1])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"channels": [771]}, None, "as wms_uk of the same account has"),
        (None, {"channels": [771]}, "as wms_beta of the same account has"),
        ({"channels": [771, 5]}, {"channels": ["771"]}, "channels that wms_uk does not have"),
        ({"sku_prefix": "AB-"}, {"sku_prefix": ["X-", "a"]}, "a prefix apart from those of wms_beta"),
        ({"sku_prefix": "A"}, {"sku_prefix": "AB-"}, "a prefix apart from those of wms_uk"),
    ],
)
def test_two_systems_of_an_account_must_not_share_what_is_theirs(
    tmp_path: Path, one: Any, other: Any, expected: str
) -> None:
    """Both would send it."""
    assert expected in refused(two_brands(tmp_path, one, other)).expected


def test_two_systems_of_an_account_may_each_have_a_part(tmp_path: Path) -> None:
    """Ids are text whatever they are written as, and prefixes have no case."""
    found = estate.load(
        two_brands(
            tmp_path, {"channels": [771], "sku_prefix": "ab-"}, {"channels": ["772"], "sku_prefix": "X-"}
        )
    )
    assert found.scopes() == {
        "wms_uk": {"channels": ["771"], "prefixes": ["AB-"]},
        "wms_beta": {"channels": ["772"], "prefixes": ["X-"]},
    }


def test_a_system_that_has_neither_orders_nor_items_has_no_scope(tmp_path: Path) -> None:
    """There would be nothing to tell apart by."""
    part = {"vendor": "stripe", "role": "payments", "url": "sandbox://x", "scope": {"sku_prefix": "A"}}
    assert refused(changed(tmp_path, systems__cards_uk=part)).key == "systems.cards_uk.scope"


@pytest.mark.parametrize(
    ("channel", "skus", "is_foreign"),
    [
        ("771", ["ZZ-1"], False),  # the channel decides where it is told
        ("772", ["AB-1"], True),
        (None, ["ZZ-1", "ZZ-2"], True),
        (None, ["ZZ-1", "AB-1"], False),
        (None, [" ab-1"], False),
        (None, [None, " "], False),
        (None, [], False),
    ],
)
def test_a_record_is_foreign_by_its_channel_or_else_by_all_its_skus(
    channel: str | None, skus: list[str | None], is_foreign: bool
) -> None:
    """What tells neither is ours."""
    assert estate.Scope(channels=(771,), sku_prefix="AB-").is_foreign(channel, skus) is is_foreign


def test_a_channel_says_nothing_where_no_channel_is_declared() -> None:
    """And SKUs nothing where no prefix is."""
    assert estate.Scope(sku_prefix="AB-").is_foreign("772", ["ZZ-1"])
    assert not estate.Scope(sku_prefix="AB-").is_foreign("772", ["AB-1"])
    assert not estate.Scope(channels=("771",)).is_foreign(None, ["ZZ-1"])


@pytest.mark.parametrize(
    ("system", "change", "key", "expected"),
    [
        ("web_uk", {"scope": {"channels": [1]}}, "systems.web_uk.scope.channels", "sku_prefix alone"),
        ("wms_uk", {"scope": {"channels": [772]}}, "systems.wms_uk.options.channel_id", "scope.channels"),
    ],
)
def test_a_scope_its_vendor_cannot_show_is_refused(
    tmp_path: Path, system: str, change: dict[str, Any], key: str, expected: str
) -> None:
    """A shop whose orders tell no channel; a warehouse where our own orders would come in by another's."""
    changes = {f"systems__{system}__{name}": value for name, value in change.items()}
    file = changed(tmp_path, **changes)
    with pytest.raises(BadInput) as caught:
        accounts.check(estate.load(file), str(file))
    assert caught.value.key == key
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        ({"role": "channel"}, "systems.wms_uk.role", "warehouse"),
        ({"secrets": {"key": "WMS_UK_API_KEY"}}, "systems.wms_uk.secrets", "api_key"),
        ({"secrets": {}}, "systems.wms_uk.secrets", "api_key"),
        ({"secrets": {"api_key": "A", "token": "B"}}, "systems.wms_uk.secrets", "api_key"),
        ({"options": {"chanel_id": 771}}, "systems.wms_uk.options.chanel_id", "channel_id"),
    ],
)
def test_a_word_that_a_vendor_does_not_know_is_refused(
    tmp_path: Path, change: dict[str, Any], key: str, expected: str
) -> None:
    """Passed over in silence, an option that is misspelt would leave what holds without it."""
    ((name, value),) = change.items()
    file = changed(tmp_path, **{f"systems__wms_uk__{name}": value})
    with pytest.raises(BadInput) as caught:
        accounts.check(estate.load(file), str(file))
    assert caught.value.key == key
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    "file", sorted(Path(estate.__file__).parents[1].glob("estates/*.yaml")), ids=lambda file: file.stem
)
def test_every_estate_of_ours_says_what_its_vendors_know(file: Path) -> None:
    """None of them is refused."""
    accounts.check(estate.load(file), str(file))


def test_a_scope_its_vendor_shows_is_taken(tmp_path: Path) -> None:
    """The same channel as the one that orders go to; the client knows it."""
    file = changed(tmp_path, systems__wms_uk__scope={"channels": ["771"]})
    found = estate.load(file)
    accounts.check(found, str(file))
    assert accounts.system(found, "wms_uk").scope == estate.Scope(channels=("771",))


def test_a_folder_of_mappings_is_beside_the_estate_file(tmp_path: Path) -> None:
    """Wherever the reader stands; an estate that names none has the project's own."""
    (tmp_path / "ours").mkdir()
    assert estate.load(changed(tmp_path, mappings="ours")).mappings == str(tmp_path / "ours")
    assert estate.load(DEMO).mappings == str(estate.SEEDS)


ESTATES = sorted(DEMO.parent.glob("*.yaml"))


@pytest.mark.parametrize("file", ESTATES, ids=lambda file: file.stem)
def test_an_estate_and_its_mappings_name_the_same_systems(file: Path) -> None:
    """Every facility, location and way of sending leads from a channel of the estate to a warehouse of it."""
    found = estate.load(file)
    tables = {
        seed.name: mappings.read(
            seed, seed.name, (Path(found.mappings) / f"{seed.name}.csv").read_text()
        ).to_pylist()
        for seed in mappings.declared()
    }
    runs = {row["facility"]: row["warehouse_system"] for row in tables["facilities"]}
    assert runs == found.facilities
    assert {row["facility"] for row in tables["locations"]} == set(runs)
    for name in ("locations", "delivery_options", "tax_codes", "currencies"):
        assert {row["system"] for row in tables[name]} == set(found.channels()), name
    ways = {(row["system"], row["facility"], row["warehouse_system"]) for row in tables["delivery_options"]}
    assert ways == {(channel, code, system) for channel in found.channels() for code, system in runs.items()}
    carriers = {(row["warehouse_system"], row["channel_system"]) for row in tables["carriers"]}
    assert carriers == {(w, c) for w in found.warehouses() for c in found.channels()}


def test_text_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    """A broken file is one line, not a stack trace."""
    file = tmp_path / "estate.yaml"
    file.write_text("systems: [", encoding="utf-8")
    assert "valid YAML" in str(refused(file))


def test_a_list_is_no_estate(tmp_path: Path) -> None:
    """The top of the file is a mapping."""
    file = tmp_path / "estate.yaml"
    file.write_text("- web_uk", encoding="utf-8")
    assert "a mapping" in str(refused(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No such file."""
    assert "No such file" in str(refused(tmp_path / "nowhere.yaml"))


def test_a_secret_is_read_from_the_file_its_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NAME_FILE wins over NAME, and is read again each time."""
    file = tmp_path / "token"
    file.write_text("first\n", encoding="utf-8")
    monkeypatch.setenv("SHOP_TOKEN", "plain")
    assert estate.secret("SHOP_TOKEN") == "plain"
    monkeypatch.setenv("SHOP_TOKEN_FILE", str(file))
    assert estate.secret("SHOP_TOKEN") == "first"
    file.write_text("second", encoding="utf-8")
    assert estate.secret("SHOP_TOKEN") == "second"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200)])
def test_a_span_is_a_duration(text: str, seconds: int) -> None:
    """Seconds, minutes, hours and days."""
    assert estate.span(text).total_seconds() == seconds
