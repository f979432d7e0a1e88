"""Where an order stands, for how long, and the very commands that would move it on.

Belongs here: one judgement per open promise and per place an order can wait in; pure, from ``Facts``.
Does not belong here: reading (``facts``), the story of how it came there (``trace``).
"""

from __future__ import annotations

import csv
import io
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cogent_pipelines.ledger.controls import ALL, BRAKE, BRAKES_RULE
from cogent_pipelines.ledger.promises import Promise
from cogent_pipelines.reports.facts import Facts, Row
from cogent_pipelines.reports.lines import minute, printable, words
from cogent_pipelines.rules.catalogue import Rule

RELEASABLE = "every_paid_order_can_be_released"
CARRIED_OUT = "every_change_was_carried_out"
BY = '--by "$USER"'
WHO = f"{BY} --reason"
UNDER_WAY = ("waiting", "claimed", "sent")
NOT_LIVE = ("cancelled", "merged", "refunded")


@dataclass(frozen=True, slots=True)
class Stand:
    """One place in which an order, or a part of it, is."""

    what: str
    since: datetime | None = None
    needs_you: bool = False
    steps: tuple[str, ...] = ()
    """What a person does in their own systems."""
    commands: tuple[str, ...] = ()
    """What they type."""


def command(root: Path, *arguments: str) -> str:
    """A command line of ours that can be pasted into a shell: quoted, with the state it is about."""
    return " ".join(["cogent", *arguments, "--state", shlex.quote(short(root))])


def quoted(text: str) -> str:
    """``text`` as one word of a shell, without control characters."""
    return shlex.quote(printable(text, 300))


def short(path: Path) -> str:
    """A path as somebody in the present folder would type it."""
    here = Path.cwd()
    full = Path(os.path.abspath(path))  # noqa: PTH100  a link stays the path that was given
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(full)


@dataclass(frozen=True, slots=True)
class _Case:
    """One order, the rules' words, and the folder its commands are about."""

    facts: Facts
    rules: Mapping[str, Rule]
    root: Path


def stands(facts: Facts, rules: Mapping[str, Rule], root: Path) -> tuple[Stand, ...]:
    """Everywhere the order is now: what is stuck first."""
    case = _Case(facts, rules, root)
    found = [_promise(case, promise) for promise in latest(facts) if not _is_settled(promise)]
    planned = {promise.business_key for promise in latest(facts)}
    found += [_release(case, row) for row in facts.releases if row["business_key"] not in planned]
    found += _in_the_warehouse(facts)
    found = found or [_ended(facts)]
    found += [_open_exception(row, rules, root) for row in facts.exceptions if _is_news(row)]
    return tuple(sorted(found, key=lambda stand: not stand.needs_you))


def latest(facts: Facts) -> list[Promise]:
    """The last generation of every key the order has."""
    found: dict[tuple[str, str, str], Promise] = {}
    for hop in facts.hops:
        key = (hop.promise.sync, hop.promise.system, hop.promise.business_key)
        if key not in found or found[key].generation < hop.promise.generation:
            found[key] = hop.promise
    return list(found.values())


def _is_settled(promise: Promise) -> bool:
    return promise.state in ("verified", "adopted", "withdrawn", "superseded")


# --- a promise --------------------------------------------------------------------------------------------


def _promise(case: _Case, promise: Promise) -> Stand:
    facts, root = case.facts, case.root
    what = f"{promise.sync} {printable(promise.business_key, 80)}"
    since = promise.since_at or promise.planned_at
    if promise.state == "held" and promise.reason.startswith(BRAKE):
        brake = words(promise.reason.removeprefix(BRAKE))
        release = command(root, "release", promise.sync, WHO, "'checked the plan'")
        look = command(root, "exceptions", "--rule", BRAKES_RULE)
        return Stand(
            f"{what}: held with its whole plan by the brake {brake}", since, True, (), (look, release)
        )
    if promise.state == "held":
        release_row = next(
            (row for row in facts.releases if row["business_key"] == promise.business_key), None
        )
        return _held(case, promise.reason, release_row, what, since)
    if promise.state in ("rejected", "dead"):
        said = printable(promise.message or words(promise.reason), 160)
        word = "refused by" if promise.state == "rejected" else "given up after tries at"
        redrive = command(
            root, "redrive", promise.sync, quoted(promise.business_key), WHO, "'mended the cause'"
        )
        step = f"mend what {promise.system} says; then send it again"
        return Stand(
            f"{what}: {word} {promise.system}: {said}", promise.sent_at or since, True, (step,), (redrive,)
        )
    if stop := _stop(facts, promise):
        return _stopped(what, since, stop, root)
    mode = facts.modes.get(promise.sync, "shadow")
    if promise.state == "waiting" and mode != "live":
        step = f"set syncs.{promise.sync}.mode: live in the estate"
        return Stand(f"{what}: planned and not sent, because its mode is {mode}", since, True, (step,))
    if promise.state == "sent":
        tries = f", tried {promise.attempts} times" if promise.attempts > 1 else ""
        return Stand(
            f"{what}: sent{tries}, not seen at {promise.system} yet; looked for at {minute(promise.due_at)}",
            promise.sent_at,
        )
    why = f" ({words(promise.reason)})" if promise.reason else ""
    return Stand(
        f"{what}: waits to be sent{why}, due {minute(promise.due_at)}",
        since,
        commands=(command(root, "tick"),),
    )


def _stop(facts: Facts, promise: Promise) -> Row | None:
    scopes = {ALL, promise.sync, promise.system}
    for row in facts.stops:
        if row["scope"] in scopes and (row["kind"] == "pause" or row["scope"] == promise.system):
            return row
    return None


def _stopped(what: str, since: datetime | None, stop: Row, root: Path) -> Stand:
    scope, why = stop["scope"], printable(stop["reason"], 100)
    if stop["kind"] == "halt":
        step = f"mend the access to {scope}; it is tried again by itself"
        return Stand(f"{what}: {scope} is halted: {why}", since, True, (step,))
    resume = command(root, "resume", scope, BY)
    by = printable(stop["by"], 40)
    return Stand(f"{what}: {scope} was paused by {by}: {why}", since, True, (), (resume,))


# --- what holds an order back -----------------------------------------------------------------------------


def _release(case: _Case, row: Row) -> Stand:
    """A part of the order that no promise was made for yet."""
    what = f"for {printable(row['place'], 60)}"
    if row["held_by"]:
        return _held(case, row["held_by"], row, what, row["ready_at"])
    mode = case.facts.modes.get("orders_to_wms", "shadow")
    if mode != "live":
        step = "set syncs.orders_to_wms.mode: live in the estate"
        return Stand(f"{what}: ready to go, and orders_to_wms is {mode}", row["ready_at"], True, (step,))
    return Stand(
        f"{what}: ready to go, planned at the next look",
        row["ready_at"],
        commands=(command(case.root, "tick"),),
    )


def _held(case: _Case, reason: str, row: Row | None, what: str, since: datetime | None) -> Stand:
    rule = case.rules.get(RELEASABLE)
    cause = "unpaid_past_window" if reason == "awaiting_payment" else reason
    says = rule.causes[cause].says if rule and cause in rule.causes else ""
    detail = printable(str(row["held_detail"]), 80) if row and row["held_detail"] else ""
    told = " ".join(
        part for part in (f"{what}: held:", words(reason), detail, f"({says})" if says else "") if part
    )
    if reason in ("awaiting_payment", "on_hold", "scheduled", "refunded"):
        return Stand(told, since, steps=("it goes by itself when the shop lets it",))
    steps, mend = _mend(case.facts, reason, row)
    after = command(case.root, "tick")
    return Stand(told, since, True, (*steps, "it then goes at the next look"), (*mend, after))


def _mend(facts: Facts, reason: str, row: Row | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to do about a cause: steps in people's systems, and commands where a mapping is ours to mend."""
    order = facts.order or {}
    system = str(order.get("system", ""))
    detail = str(row["held_detail"]) if row and row["held_detail"] else ""
    url = printable(str(order.get("url") or ""), 200)
    match reason:
        case "unmapped_delivery_option":
            target = str(row["warehouse_system"]) if row else ""
            known = [m for m in facts.methods if m["system"] == target]
            names = ", ".join(
                f"{m['delivery_method_id']} {printable(m['name'] or '', 30)}" for m in known[:6]
            )
            first = str(known[0]["delivery_method_id"]) if known else "METHOD"
            values = (system, detail, str(row["facility"] or "") if row else "", target, first, "")
            return (f"choose the delivery method at {target}: {names}",), (
                _append(facts, "delivery_options", values),
            )
        case "unmapped_facility":
            location = detail.removeprefix("location ")
            codes = [printable(str(each["facility"]), 30) for each in facts.facilities]
            step = (
                f"name the facility that sends for location {printable(location, 40)}: {', '.join(codes[:6])}"
            )
            return (step,), (
                _append(facts, "locations", (system, location, codes[0] if codes else "FACILITY")),
            )
        case "unknown_sku":
            step = f"list {printable(detail, 60)} in the warehouse, or name its SKU there in sku_changes.csv"
            return (step,), ()
        case "unmapped_tax_code":
            step = f"name the ledger's code of {printable(detail, 60)}"
            return (step,), (_append(facts, "tax_codes", (system, detail, "LEDGER_CODE")),)
        case "no_free_stock":
            return (f"book in stock of {printable(detail, 60)}, or agree with the customer", *_open(url)), ()
        case "bad_address":
            return (f"correct the address in the shop ({printable(detail, 40)})", *_open(url)), ()
        case "previous_writer_enabled":
            return ("switch off in the bridge the flow that did this before",), ()
        case "previous_writer_unknown":
            return ("see why it is not known whether the flow that did this before is off",), ()
        case "route_closed":
            return ("switch on in the bridge the flow that carries this, and see why it stands still",), ()
        case "route_unknown":
            return ("see why it is not known whether the flow that carries this is on",), ()
        case "promised_day_passed":
            return ("agree on another day with the customer and change it in the shop", *_open(url)), ()
        case _:
            return (f"mend in the shop: {words(reason)}", *_open(url)), ()


def _open(url: str) -> tuple[str, ...]:
    return (url,) if url.startswith(("https://", "http://")) else ()


def _append(facts: Facts, mapping: str, values: tuple[str, ...]) -> str:
    """The command that adds one row to a mapping's file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    file = short(Path(facts.mappings.get(mapping, f"{mapping}.csv")))
    return f"printf '%s\\n' {quoted(line.getvalue())} >> {shlex.quote(file)}"


def _is_news(row: Row) -> bool:
    """Whether an exception says more than the order's own state, which is told already."""
    return row["state"] in ("open", "acknowledged") and row["rule"] not in (
        RELEASABLE,
        CARRIED_OUT,
        BRAKES_RULE,
    )


def _open_exception(row: Row, rules: Mapping[str, Rule], root: Path) -> Stand:
    """What a rule says of it, and the step the rule's words name first."""
    rule = rules.get(row["rule"])
    says = rule.when_broken if rule else words(row["rule"])
    detail = f": {printable(row['detail'], 120)}" if row["detail"] else ""
    since = row["since_at"] or row["opened_at"]
    if row["state"] == "acknowledged":
        by = printable(row["decided_by"], 40)
        return Stand(f"{says}{detail} ({row['rule']}); {by} is on it", since)
    if rule is None or rule.repair_of(row["cause"]) == "person":
        ack = command(root, "ack", row["rule"], quoted(row["exception_key"]), BY)
        steps = (printable(rule.first_step, 200),) if rule else ()
        return Stand(f"{says}{detail} ({row['rule']})", since, True, steps, (ack,))
    return Stand(f"{says}{detail} ({row['rule']}); it repairs itself", since)


# --- in the warehouse and after ---------------------------------------------------------------------------


def _in_the_warehouse(facts: Facts) -> list[Stand]:
    """Records the warehouse works on, and parcels the shop does not know of."""
    found = []
    order = facts.order or {}
    for row in facts.warehouse_orders:
        if row["status_code"] in (*NOT_LIVE, "shipped") or row["gone_at"]:
            continue
        name = f"in {row['system']} as {row['warehouse_order_id']}"
        units = f", {row['picked'] or 0} of {row['units'] or 0} units picked" if row["units"] else ""
        what = f"{name}: {words(row['status_code'])}{units}"
        is_cancelled = order.get("cancelled_at") is not None
        if is_cancelled:
            what += ", although the shop cancelled it"
        found.append(Stand(what, row["updated_at"] or row["created_at"], is_cancelled))
    told = {
        number
        for row in facts.fulfilments
        if row["status_code"] == "success"
        for number in row["tracking_numbers"] or ()
    }
    promised = {
        promise.business_key.split("/")[0]
        for promise in latest(facts)
        if promise.sync == "shipments_to_channel"
    }
    for row in facts.shipments:
        is_told = row["tracking_number"] in told or row["shipment_key"] in promised
        if row["despatched_at"] and not is_told and facts.order:
            found.append(
                Stand(f"parcel {row['shipment_id']}: the shop does not know of it yet", row["despatched_at"])
            )
    return found


def _ended(facts: Facts) -> Stand:
    """Nothing waits: what became of it."""
    order = facts.order
    if facts.shipments:
        delivered = [row["delivered_at"] for row in facts.shipments]
        if all(delivered):
            return Stand("delivered", max(delivered))
        return Stand(
            "all that left the warehouse is on its way, and the shop knows",
            max(r["despatched_at"] for r in facts.shipments),
        )
    if order is None:
        return Stand(
            "known to the ledger only: the DuckDB file is missing or not built (cogent replay, cogent tick)"
        )
    if order["cancelled_at"]:
        return Stand("cancelled, and nothing of it is under way", order["cancelled_at"])
    if order["is_test"]:
        return Stand("a test order; it is never sent", order["placed_at"])
    if facts.adoptions:
        return Stand(
            f"not ours to send: {words(facts.adoptions[0]['reason'])}", facts.adoptions[0]["adopted_at"]
        )
    return Stand("nothing of it waits for a warehouse", order["placed_at"])
