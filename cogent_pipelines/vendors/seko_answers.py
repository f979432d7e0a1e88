"""Seko's answers and messages put in order: pure functions from decoded JSON to the rows of the raw tables.

Belongs here: the envelope, what the old hub does to empty values and short lists, and one row per record.
Does not belong here: what is asked (``seko``), bodies of writes (``seko_writes``), what a status means to us.

Facts that shape this file: the older hub wraps its answers, writes empty values as ``{}`` and a list of one
as its element, and turns codes of digits into numbers; a stock row of nothing is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cogent_pipelines.connect.spec import Json
from cogent_pipelines.errors import Retry

AVAILABLE = "Available Stock"
NOTHING = re.compile(r"no results found|not found|does not exist", re.IGNORECASE)
"""How a read says that there is no such thing. The first is documented; the others are inferred."""


def tidy(value: Json) -> Json:
    """``value`` with None for every empty object."""
    if isinstance(value, Mapping):
        return {name: tidy(part) for name, part in value.items()} or None
    if isinstance(value, list):
        return [tidy(part) for part in value]
    return value


def body(answer: Json) -> dict[str, Json]:
    """An answer without its wrapper and its empty objects. Raises ``Retry`` for what is no object."""
    if not isinstance(answer, Mapping):
        raise Retry("the answer is not an object", effect="unknown")
    found = answer.get("Response", answer)
    return dict(tidy(found) or {}) if isinstance(found, Mapping) else {}


def refusal(found: Mapping[str, Json]) -> str | None:
    """The vendor's words when an answer's ``CallStatus`` is a failure, else None."""
    status = found.get("CallStatus")
    if not isinstance(status, Mapping) or status.get("Success") in (True, "true", "True", None):
        return None
    return " ".join(str(status.get("Message") or "refused without a word").split())


def message(found: Mapping[str, Json]) -> str:
    """What an answer says beside its success."""
    status = found.get("CallStatus")
    return str((status.get("Message") if isinstance(status, Mapping) else None) or "")


def items(found: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """The list ``name``, whether it came as a list, as its only element, or not at all."""
    holder = found.get("List")
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return _listed(value)


def _listed(value: Json) -> list[dict[str, Json]]:
    many = value if isinstance(value, list) else [value]
    return [dict(each) for each in many if isinstance(each, Mapping)]


def text(value: Json) -> str | None:
    """A value as text, a code of digits too; None for a blank."""
    found = " ".join(str(value).split()) if value is not None else ""
    return found or None


# --- reads ----------------------------------------------------------------------------------------------


def order_rows(about: Json, answer: Json) -> Sequence[Json]:
    """``about`` (what was loaded) with the status it has now; none for an order that is not there."""
    found = body(answer) if answer is not None else {}
    if (
        answer is None
        or refusal(found) is not None
        or (not found.get("Status") and NOTHING.search(message(found)))
    ):
        return []
    told = found.get("Status")
    if not text(told):
        raise Retry("the answer holds no Status")
    # what is no text is no status: landing sets it aside
    return [{**about, "Status": told if isinstance(told, Mapping | list) else text(told)}]


def tracking_rows(about: Json, answer: Json) -> Sequence[Json]:
    """Courier and number of the order ``about``, both None until they are known."""
    found = body(answer)
    if refusal(found) is not None:
        return []
    if "TrackingNumber" not in found:
        raise Retry("the answer holds no TrackingNumber")
    return [
        {
            "GUID": about,
            "Courier": text(found.get("Courier")),
            "TrackingNumber": text(found["TrackingNumber"]),
        }
    ]


def product_rows(about: Json, answer: Json) -> Sequence[Json]:
    """A row for each SKU that has the code asked about; more than one clash, and none of them may be used."""
    found = body(answer) if answer is not None else {}
    is_known = answer is not None and refusal(found) is None and not NOTHING.search(message(found))
    skus = list(about["skus"])
    return [
        {
            "OurSKU": sku,
            "ProductCode": about["code"],
            "IsKnown": is_known,
            "Status": text(found.get("Status")),
            "Clashes": ", ".join(skus) if len(skus) > 1 else None,
        }
        for sku in skus
    ]


def stock_rows(about: Json, answer: Json) -> Sequence[Json]:
    """A row per SKU asked about and kind of location. A SKU that is left out has nothing: 0.

    Raises ``Retry`` for an answer that is empty without saying that nothing was found.
    """
    dc, skus = about["dc"], about["skus"]
    short = {code.lstrip("0"): code for code in skus if code.isdigit()}
    found = body(answer)
    rows = items(found, "StockQuantityLineItem")
    if not rows and not NOTHING.search(message(found)):
        raise Retry("the answer holds no stock and does not say that none was found")
    levels: Counter[tuple[str, str]] = Counter({(code, AVAILABLE): 0 for code in skus})
    for row in rows:
        code = text(row.get("ProductCode")) or ""
        code = code if code in skus else short.get(code, "")
        place = text(row.get("DCCode")) or dc
        kind = text(row.get("LocationType")) or AVAILABLE
        quantity = row.get("Quantity", row.get("FreeQuantity"))
        if quantity is None:
            raise Retry("a row of stock holds no quantity")
        if code and place == dc:
            levels[(code, AVAILABLE if kind == "Available" else kind)] += int(quantity)
    return [
        {
            "StockKey": f"{code}|{dc}|{kind}",
            "OurSKU": skus[code],
            "ProductCode": code,
            "DCCode": dc,
            "LocationType": kind,
            "Quantity": quantity,
        }
        for (code, kind), quantity in levels.items()
    ]


# --- pushed messages ------------------------------------------------------------------------------------


def _messages(pushed: Json, name: str) -> list[dict[str, Json]]:
    """The messages of one service in a dropped file, which may hold several, and of other services."""
    if not isinstance(pushed, Mapping) or not ({"Responses", "Response"} & pushed.keys()):
        raise Retry("the file holds no Responses")
    parts = pushed.get("Responses", pushed)
    many = parts if isinstance(parts, list) else [parts]
    responses = [part.get("Response", part) for part in many if isinstance(part, Mapping)]
    return [each for part in responses if isinstance(part, Mapping) for each in _listed(tidy(part.get(name)))]


def _when(value: Json) -> str | None:
    """An instant of a message with its zone: they are in UTC, with or without saying so."""
    found = text(value)
    if found is None or re.search(r"(Z|[+-]\d\d:?\d\d)$", found):
        return found
    return f"{found}Z" if "T" in found else f"{found}T00:00:00Z"


def _own(record: Mapping[str, Json], names: str) -> dict[str, Json]:
    return {name: text(record.get(name)) for name in names.split()}


def _count(value: Json) -> int | None:
    return None if value is None else int(value)


def dispatch_rows(about: Json, pushed: Json) -> Sequence[Json]:  # noqa: ARG001  the file's name says nothing
    """Dispatch confirmations. The name of the message and of its lines is inferred, as cartons have them."""
    return [
        {
            **_own(
                record,
                "InterfaceRecordId MessageGroupId DispatchId SalesOrderNumber SalesOrderReference DCCode"
                " Courier CourierService TrackingNumber TrackingUrl WeightUOM",
            ),
            "SequenceNumber": _count(record.get("SequenceNumber")),
            "MessagePart": _count(record.get("MessagePart")),
            "MessageTotal": _count(record.get("MessageTotal")),
            "DispatchDate": _when(record.get("DispatchDate")),
            "Weight": None if record.get("Weight") is None else float(record["Weight"]),
            "Lines": [
                {
                    "LineNo": _count(line.get("LineNo")),
                    "ProductCode": text(line.get("ProductCode")),
                    "PackedQty": _count(line.get("PackedQty")),
                }
                for line in items(record, "DispatchLineItem")
            ],
        }
        for record in _messages(pushed, "Dispatch")
    ]


def tracking_detail_rows(about: Json, pushed: Json) -> Sequence[Json]:  # noqa: ARG001
    """Tracking messages."""
    names = "InterfaceRecordId SalesOrderNumber SalesOrderReference DispatchNumber Courier TrackingNumber TrackingUrl"
    return [
        {**_own(record, names), "SequenceNumber": _count(record.get("SequenceNumber"))}
        for record in _messages(pushed, "TrackingDetails")
    ]


def grn_rows(about: Json, pushed: Json) -> Sequence[Json]:  # noqa: ARG001
    """Goods received, a row per line: pushed confirmations, and answers of the GRN service kept as files.

    What a confirmation's lines are called is inferred: as the service's answer calls them.
    """
    lines = [
        {
            **_own(
                grn,
                "GUID DeliveryNumber HBRef RMA GRNType CurrentStatus DCCode ArrivedDate InterfaceRecordId",
            ),
            **line,
        }
        for grn in _messages(pushed, "GRN")
        for line in items(grn, "GRNLineItem")
    ]
    if isinstance(pushed, Mapping) and "Response" in pushed:
        lines += items(body(pushed), "GRNResponseItem")
    return [_grn_row(line) for line in lines]


def _grn_row(line: Mapping[str, Json]) -> dict[str, Json]:
    own = _own(line, "LineItemGUID GUID DeliveryNumber HBRef RMA GRNType CurrentStatus DCCode ProductCode")
    number = _count(line.get("LineItemNumber"))
    record = own["GUID"] or text(line.get("InterfaceRecordId")) or own["RMA"] or own["DeliveryNumber"]
    return own | {
        "LineItemGUID": own["LineItemGUID"] or (f"{record}|{number}" if record else None),
        "GUID": record,
        "LineItemNumber": number,
        "GRNQuantity": _count(line.get("GRNQuantity")),
        "ArrivedDate": _when(line.get("ArrivedDate") or line.get("ArrivalTimestamp")),
        "ConfirmedTimestamp": _when(line.get("ConfirmedTimestamp") or line.get("ArrivedDate")),
    }


def said(answer: Any) -> str | None:
    """The vendor's words when any decoded answer is a failure, else None."""
    return refusal(body(answer)) if isinstance(answer, Mapping) else None
