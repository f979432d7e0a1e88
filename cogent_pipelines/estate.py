"""The retailer's estate: systems, owners of truth, policies, cadences, owners and what may act.

Belongs here: reading ``estates/<name>.yaml`` into frozen typed objects and refusing what contradicts itself.
Does not belong here: secrets (environment only), SQL, or a decision about any one order.

Every error names the file, the key, what was found and what was expected (``errors.BadInput``).
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from cogent_pipelines.errors import BadInput

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$")]
Span = Annotated[str, msgspec.Meta(pattern=r"^\d+(s|m|h|d)$")]
Mode = Literal["off", "shadow", "live"]
ENTITIES = (
    "orders",
    "products",
    "stock",
    "shipments",
    "returns",
    "payouts",
    "customers",
    "flows",
    "flow_failures",
)
CARRIED = ("orders_to_wms",)
"""Syncs that a bridge may carry."""
SEEDS = Path(__file__).resolve().parents[1] / "dbt_project" / "seeds"
SANDBOX_PORT = "COGENT_SANDBOX_PORT"
TRUTHS = ("products", "stock", "orders", "fulfilment", "finance", "customers")
BOOKS = ("products", "finance", "customers")
"""What a system may own that runs no facility and sells nothing (role ``erp``)."""


def span(text: str) -> timedelta:
    """``90s``, ``15m``, ``2h`` or ``3d`` as a duration."""
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common shape of every part of the estate file."""


class Scope(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which part of an account that brands share is ours; what lies outside it is foreign.

    A record that tells its channel is judged by that, any other by its SKUs, and what tells neither is ours.
    """

    channels: tuple[str | int, ...] = ()
    """The vendor's own ids of our channels in the account."""
    sku_prefix: str | tuple[str, ...] = ()

    @property
    def channel_ids(self) -> tuple[str, ...]:
        """``channels`` as text."""
        return tuple(str(channel).strip() for channel in self.channels)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What our SKUs begin with, in capitals: what differs in case alone is no other brand's."""
        given = (self.sku_prefix,) if isinstance(self.sku_prefix, str) else self.sku_prefix
        return tuple(prefix.strip().upper() for prefix in given) if self.sku_prefix else ()

    def is_foreign(self, channel: str | None, skus: Iterable[str | None]) -> bool:
        """Whether a record of this channel (None: not told) with lines of these SKUs is another brand's."""
        if channel is not None and self.channels:
            return channel not in self.channel_ids
        told = [sku.strip().upper() for sku in skus if sku and sku.strip()]
        return bool(self.prefixes and told) and not any(sku.startswith(self.prefixes) for sku in told)


class SystemPart(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One configured account of a vendor."""

    vendor: Name
    role: Literal["channel", "warehouse", "erp", "bridge", "payments"]
    url: str
    admin_url: str = ""
    account: str = ""
    secrets: Mapping[str, str] = {}
    expires_on: date | None = None
    """The day its key ends, where the vendor's keys end and only a person can renew them."""
    options: Mapping[str, Any] = {}
    scope: Scope | None = None
    """What of its account is ours, where brands share it."""

    @property
    def base_url(self) -> str:
        """``url``, with ``sandbox://x`` turned into the sandbox's address on this machine."""
        return _address(self.url)

    @property
    def settings(self) -> Mapping[str, Any]:
        """``options``, with the same done to the addresses among them."""
        return {
            name: _address(value) if isinstance(value, str) else value for name, value in self.options.items()
        }


def _address(text: str) -> str:
    if not text.startswith("sandbox://"):
        return text
    return f"http://127.0.0.1:{os.environ.get(SANDBOX_PORT, '8700')}/{text.removeprefix('sandbox://')}"


class Hours(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a facility works: ``{mon: "07:00-19:00"}``, local time; a day left out is closed."""

    week: Mapping[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], str]
    holidays: tuple[date, ...] = ()
    cut_off: str = "15:00"


class StockHold(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A SKU whose level on one channel nobody but a person sets, until ``until``."""

    sku: str
    channel: Name
    reason: str
    until: datetime


class ChannelPolicy(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one channel's orders, parcels and levels are treated."""

    release: Literal["after_capture", "on_order"] = "after_capture"
    notify: Literal["on_despatch", "on_first_scan"] = "on_despatch"
    capture: Literal["before_release", "on_despatch"] = "before_release"
    buffer: Annotated[int, msgspec.Meta(ge=0)] = 0
    route: Literal["location", "availability"] = "location"


class Policies(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The retailer's decisions."""

    channels: Mapping[Name, ChannelPolicy] = {}
    stock_holds: tuple[StockHold, ...] = ()
    duplicate_window: Span = "60m"
    stock_increase_interval: Span = "10m"


class Window(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a thing may take before it is a fault: plain or in the warehouse's opening hours."""

    hours: float | None = None
    warehouse_hours: float | None = None
    severity: Literal["info", "warning", "error", "critical"] | None = None
    escalate_hours: float | None = None


class Brake(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Past any of these a sync's whole plan is held until ``cogent release``."""

    orders_per_tick: int | None = None
    share_of_skus_changed: float | None = None
    share_falling_to_zero: float | None = None
    cancellations_per_tick: int | None = None
    oldest_parcel_to_notify: Span | None = None


class SyncPart(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether one sync may act, since when, and how far at once."""

    mode: Mode
    since: datetime = msgspec.field(name="from")
    brake: Brake = Brake()
    was: str = ""
    """What did it before: a bridge and the id or name of its flow, ``bridge/88``."""

    via: str = ""
    """What carries it to its target: a bridge and the id of its flow, ``bridge/92``; "" sends there directly."""

    @property
    def before(self) -> tuple[str, str]:
        """(system, flow) of ``was``; both empty where nothing did."""
        return _flow(self.was)

    @property
    def route(self) -> tuple[str, str]:
        """(system, flow) of ``via``; both empty where nothing carries it."""
        return _flow(self.via)


def _flow(text: str) -> tuple[str, str]:
    system, _, flow = text.partition("/")
    return system, flow.strip()


class Owner(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who answers for a kind of exception, and where they are told (environment variables hold the URLs)."""

    destinations: tuple[str, ...] = ()
    escalate_to: str = ""


class Estate(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything the retailer decided. Source: the YAML file named by ``COGENT_ESTATE``."""

    name: Name
    time_zone: str
    sandbox: bool = False
    systems: Mapping[Name, SystemPart]
    truth: Mapping[str, str | Mapping[str, str]]
    facilities: Mapping[str, Name]
    """Our facility code -> the system that runs it."""
    cadence: Mapping[str, Span]
    owners: Mapping[Name, Owner]
    policies: Policies = Policies()
    hours: Mapping[str, Hours] = {}
    windows: Mapping[str, Window] = {}
    shortest_window: Span = "0s"
    """No window but a zero one is shorter: twice the time between two looks, where that is longer than the windows."""
    alert_window: Span = "15m"
    landed_days: Annotated[int, msgspec.Meta(ge=1)] = 7
    """How long landed files of replaced readings are kept; they hold personal data."""
    syncs: Mapping[Name, SyncPart] = {}
    mappings: str = str(SEEDS)
    """The folder of its mapping tables, one CSV file each; in the file it is relative to the file, here it is whole."""

    def channels(self) -> tuple[str, ...]:
        """Names of the systems that sell."""
        return tuple(n for n, s in self.systems.items() if s.role == "channel")

    def warehouses(self) -> tuple[str, ...]:
        """Names of the systems that ship."""
        return tuple(n for n, s in self.systems.items() if s.role == "warehouse")

    def scopes(self) -> dict[str, dict[str, list[str]]]:
        """What is ours of accounts that brands share, as dbt is told: system -> channels and prefixes."""
        return {
            name: {"channels": list(s.scope.channel_ids), "prefixes": list(s.scope.prefixes)}
            for name, s in self.systems.items()
            if s.scope is not None
        }

    def policy(self, channel: str) -> ChannelPolicy:
        """The channel's policy, or the defaults."""
        return self.policies.channels.get(channel, ChannelPolicy())


@dataclass(frozen=True, slots=True)
class Place:
    """Where one estate keeps everything: ``COGENT_STATE``, one folder that can be moved or thrown away."""

    root: Path

    @property
    def warehouse(self) -> Path:
        """The DuckDB file. Can be deleted and rebuilt from ``landed`` (``cogent replay``)."""
        return self.root / "warehouse.duckdb"

    @property
    def landed(self) -> Path:
        """Landed pages; each pull a folder. Holds personal data."""
        return self.root / "landed"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this estate."""
        return self.root / "dagster"

    @property
    def ledger_url(self) -> str:
        """``COGENT_LEDGER_URL``, or a SQLite file in the folder."""
        return os.environ.get("COGENT_LEDGER_URL") or f"sqlite:///{self.root / 'ledger.db'}"

    @property
    def manifest(self) -> Path:
        """dbt's manifest: the rules' metadata and every model's lineage."""
        return self.root / "dbt" / "manifest.json"


def load(path: Path | str) -> Estate:
    """Read and check an estate file. Raises ``BadInput`` for anything wrong in it."""
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(file, "(file)", error.strerror, "a readable estate file") from error
    return _read(file, text)


@lru_cache(maxsize=8)  # every step asks, and nothing in an estate can be changed
def _read(file: str, text: str) -> Estate:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(file, "(yaml)", " ".join(str(error).split()), "valid YAML") from error
    if not isinstance(data, dict):
        raise BadInput(file, "(top)", type(data).__name__, "a mapping with systems, truth, cadence, owners")
    if isinstance(data.get("mappings"), str):
        data["mappings"] = str((Path(file).parent / data["mappings"]).resolve())
    try:
        estate = msgspec.convert(data, Estate)
    except msgspec.ValidationError as error:
        raise _bad(file, data, str(error)) from error
    _check(file, estate)
    return estate


def _bad(file: str, data: dict[str, Any], message: str) -> BadInput:
    """msgspec's sentence and path as file, key, found, expected."""
    expected, _, where = message.partition(" - at `$")
    steps = re.findall(r"\[\.\.\.\]|[^.\[\]`]+", where)
    found: Any = data
    for place in range(len(steps)):
        if steps[place] == "[...]":  # msgspec does not say which entry of a mapping it means
            steps[place] = _entry(data, steps[:place], found, message)
        step = steps[place]
        if isinstance(found, dict):
            found = found.get(step, "nothing")
        elif isinstance(found, list) and step.isdigit():
            found = found[int(step)]
    shown = "a mapping" if isinstance(found, dict) else found
    return BadInput(file, ".".join(steps) or "(top)", shown, expected.removeprefix("Expected "))


def _entry(data: dict[str, Any], path: list[str], mapping: Any, message: str) -> str:
    """The entry of the mapping at ``path`` that is refused with ``message`` when it stands there alone."""
    for name in mapping:
        alone = copy.deepcopy(data)
        at: Any = alone
        for step in path:
            at = at[int(step)] if isinstance(at, list) else at[step]
        for other in [key for key in at if key != name]:
            del at[other]
        try:
            msgspec.convert(alone, Estate)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(name)
    return "?"


def check_syncs(file: str, estate: Estate) -> None:
    """Refuse a sync beside, or by, a flow that cannot be. Raises ``BadInput``."""
    bridges = [name for name, system in estate.systems.items() if system.role == "bridge"]
    for name, sync in estate.syncs.items():
        for key, text, what in (("was", sync.was, "id or name"), ("via", sync.via, "id")):
            bridge, flow = _flow(text)
            if text and (bridge not in bridges or not flow or (key == "via" and not flow.isdigit())):
                expected = f"a flow's {what} behind one of {bridges} and /"
                raise BadInput(file, f"syncs.{name}.{key}", text, expected)
        if sync.via and name not in CARRIED:
            raise BadInput(file, f"syncs.{name}.via", sync.via, f"nothing; of {', '.join(CARRIED)} only")
        if sync.via and sync.via == sync.was:
            expected = "another flow than the one that did it before, which must be off"
            raise BadInput(file, f"syncs.{name}.via", sync.via, expected)


def _check_scopes(file: str, estate: Estate) -> None:
    """Refuse a scope that says nothing, or that shares with another of the account. Raises ``BadInput``."""
    for name, system in estate.systems.items():
        if (scope := system.scope) is None:
            continue
        key = f"systems.{name}.scope"
        if system.role not in ("channel", "warehouse", "erp"):
            raise BadInput(file, key, f"a {system.role} system", "one that has orders or items")
        if not (scope.channels or scope.sku_prefix):
            raise BadInput(file, key, "neither", "channels, sku_prefix or both")
        if not all(scope.channel_ids):
            raise BadInput(file, f"{key}.channels", list(scope.channels), "ids of channels")
        if not all(scope.prefixes):
            raise BadInput(file, f"{key}.sku_prefix", scope.sku_prefix, "what SKUs begin with")
    of_accounts = [(n, s) for n, s in estate.systems.items() if s.account]
    for (name, one), (other, two) in combinations(of_accounts, 2):
        if (one.vendor, one.account, one.role) == (two.vendor, two.account, two.role):
            _check_apart(file, (name, one.scope), (other, two.scope))


def _check_apart(file: str, one: tuple[str, Scope | None], other: tuple[str, Scope | None]) -> None:
    """Two systems of one account: what both called theirs would be done twice."""
    for (name, mine), (neighbour, its) in ((one, other), (other, one)):
        key = f"systems.{name}.scope"
        if mine is None:
            if its is not None:
                raise BadInput(file, key, None, f"one, as {neighbour} of the same account has")
            continue
        if its is None:
            continue
        if common := sorted(set(mine.channel_ids) & set(its.channel_ids)):
            raise BadInput(file, f"{key}.channels", common, f"channels that {neighbour} does not have")
        if common := [prefix for prefix in mine.prefixes if prefix.startswith(its.prefixes)]:
            raise BadInput(file, f"{key}.sku_prefix", common, f"a prefix apart from those of {neighbour}")


def _check(file: str, estate: Estate) -> None:
    try:
        ZoneInfo(estate.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(
            file, "time_zone", estate.time_zone, "a time zone name such as Europe/London"
        ) from error
    systems = estate.systems
    for entity in TRUTHS:
        owner = estate.truth.get(entity)
        if owner is None or isinstance(owner, list):
            raise BadInput(file, f"truth.{entity}", owner, "exactly one owning system")
        owners = owner.values() if isinstance(owner, Mapping) else (owner,)
        for name in owners:
            if name not in systems:
                raise BadInput(file, f"truth.{entity}", name, f"one of the systems {sorted(systems)}")
            if systems[name].role == "erp" and entity not in BOOKS:
                expected = f"a system that sells or ships; an erp may own {', '.join(BOOKS)}"
                raise BadInput(file, f"truth.{entity}", name, expected)
    if unknown := set(estate.truth) - set(TRUTHS):
        raise BadInput(file, "truth", sorted(unknown), f"only {', '.join(TRUTHS)}")
    stock = estate.truth["stock"]
    if isinstance(stock, Mapping) and set(stock) != set(estate.facilities):
        raise BadInput(
            file, "truth.stock", sorted(stock), f"one owner per facility {sorted(estate.facilities)}"
        )
    for code, name in estate.facilities.items():
        if name not in systems:
            raise BadInput(file, f"facilities.{code}", name, f"one of the systems {sorted(systems)}")
        if systems[name].role == "erp":
            expected = (
                "a system of role warehouse; one that runs a facility is a warehouse, and may own finance too"
            )
            raise BadInput(file, f"facilities.{code}", f"{name}, an erp", expected)
    for entity in estate.cadence:
        if entity not in ENTITIES:
            raise BadInput(file, f"cadence.{entity}", entity, f"one of {', '.join(ENTITIES)}")
    for name in estate.policies.channels:
        if name not in systems or systems[name].role != "channel":
            raise BadInput(
                file, f"policies.channels.{name}", name, f"one of the channels {estate.channels()}"
            )
    for code, hours in estate.hours.items():
        if code not in estate.facilities:
            raise BadInput(file, f"hours.{code}", code, f"one of the facilities {sorted(estate.facilities)}")
        for day, text in hours.week.items():
            opening(file, f"hours.{code}.week.{day}", text)
    for name, who in estate.owners.items():
        if who.escalate_to and who.escalate_to not in estate.owners:
            raise BadInput(
                file, f"owners.{name}.escalate_to", who.escalate_to, f"one of {sorted(estate.owners)}"
            )
    check_syncs(file, estate)
    _check_scopes(file, estate)
    if estate.sandbox:
        for name, system in systems.items():
            if not re.match(r"^(sandbox://|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$))", system.url):
                raise BadInput(
                    file,
                    f"systems.{name}.url",
                    system.url,
                    "sandbox://<name> or a loopback address (sandbox: true)",
                )
    if not Path(estate.mappings).is_dir():
        raise BadInput(file, "mappings", estate.mappings, "a folder of CSV files")
    _check_windows(file, estate)


def _check_windows(file: str, estate: Estate) -> None:
    for rule, window in estate.windows.items():
        if window.hours is not None and window.warehouse_hours is not None:
            raise BadInput(file, f"windows.{rule}", "both hours and warehouse_hours", "one of them")
        feed = _feed(estate)
        if window.hours is not None and 0 < window.hours * 3600 < 2 * feed.total_seconds():
            raise BadInput(
                file, f"windows.{rule}.hours", window.hours, f"0, or at least twice the slowest feed ({feed})"
            )


def _feed(estate: Estate) -> timedelta:
    hot = [span(estate.cadence[e]) for e in ("orders", "shipments", "stock") if e in estate.cadence]
    return max(hot, default=timedelta(0))


def opening(file: str, key: str, text: str) -> tuple[time, time]:
    """``07:00-19:00`` as two local times. Raises ``BadInput``."""
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    if match:
        a, b, c, d = map(int, match.groups())
        if (a, b) < (c, d) <= (24, 0) and b < 60 and d < 60:  # noqa: PLR2004
            return time(a, b), time.max if c == 24 else time(c, d)  # noqa: PLR2004
    raise BadInput(file, key, text, "opening hours such as 07:00-19:00")


def secret(name: str) -> str:
    """The secret in environment variable ``name``, or in the file ``name_FILE`` names; "" when unset."""
    if file := os.environ.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return os.environ.get(name, "")
