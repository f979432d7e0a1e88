"""Seko Logistics (SupplyStream, iHub), a third-party warehouse, as declarations.

Belongs here: what is asked and how, which messages are taken up, which writes there are.
Does not belong here: the form of answers (``seko_answers``), bodies and look-ups (``seko_writes``), sending or
waiting (``connect``), what a status means to us (``staging/seko``).

The account has no lists. Orders are asked about by the GUID they were loaded under, products by code, stock by
as many codes as an address holds. What happens at the warehouse is pushed; the files stand in a folder.

Options of a system: ``hub_url`` (the older hub's address), ``pushes`` (the folder of its messages),
``dc_codes`` (the account's, where they should be checked), ``sku_rule`` (``as_is``; else letters and digits).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from cogent_pipelines.connect.auth import QueryKey
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.spec import (
    Answer,
    Ask,
    Cursor,
    Lookup,
    Request,
    Stream,
    System,
    Vendor,
    Window,
    Write,
)
from cogent_pipelines.errors import Halt, Reject
from cogent_pipelines.vendors import seko_answers as answers
from cogent_pipelines.vendors import seko_writes as writes

PUSHES = "pushes"
QUERY_BYTES = 2048
"""The longest query string, the key included."""
KEY_BYTES = 128
"""What of it is left for the key, whose length is not documented."""
SETTLE = timedelta(minutes=5)
"""A loaded order reduces free stock after about as long; until then its absence is not believed."""
BAD_KEY = re.compile(
    r"\bapi.?key\b|(invalid|expired|wrong) token|token .*(invalid|expired)|unauthori[sz]ed|access denied",
    re.IGNORECASE,
)
"""How a refusal of the key may read. Its true words are not documented."""

# --- what is known to ask about -----------------------------------------------------------------------

SKUS = """
    SELECT sku FROM marts.items WHERE role = 'channel' AND sku IS NOT NULL
    UNION SELECT component_sku FROM mappings.bundles
    UNION SELECT new_sku FROM mappings.sku_changes WHERE system = $system
    EXCEPT SELECT parent_sku FROM mappings.bundles
"""
"""Every SKU a shelf may hold: what is sold but for bundles, and what bundles consist of."""
KNOWN_STOCK = f"""
    SELECT s.sku, f.warehouse_facility_id AS dc
    FROM ({SKUS}) AS s CROSS JOIN mappings.facilities AS f
    WHERE f.warehouse_system = $system ORDER BY ALL
"""
KNOWN_PRODUCTS = f"""
    SELECT s.sku, coalesce(p.IsKnown, false) AS is_known, p.Clashes AS clashes
    FROM ({SKUS}) AS s LEFT JOIN seko.products AS p ON p.system = $system AND p.OurSKU = s.sku ORDER BY ALL
"""
KNOWN_ORDERS = """
    SELECT o.reference, o.first_sent_at AS loaded_at, o.sent
    FROM ops.operations AS o
    LEFT JOIN seko.orders AS s ON s.system = o.system AND s.SalesOrderReference = o.reference
    WHERE o.sync = 'orders_to_wms' AND o.act = 'create' AND o.system = $system
        AND (o.first_sent_at IS NOT NULL OR o.target_ref IS NOT NULL)
        AND o.state <> 'rejected'
        AND coalesce(s.Status, '') NOT IN ('Dispatched', 'Cancelled')
    QUALIFY row_number() OVER (PARTITION BY o.reference ORDER BY o.promise_id DESC) = 1
    ORDER BY o.promise_id
"""
"""What was loaded and is not at its end: a dispatched order is closed, a cancelled one is never revived."""
KNOWN_DISPATCHED = """
    SELECT s.GUID AS guid FROM seko.orders AS s
    LEFT JOIN seko.tracking AS t ON t.system = s.system AND t.GUID = s.GUID
    WHERE s.system = $system AND s.Status IN ('To Dispatch', 'Dispatched') AND t.TrackingNumber IS NULL
    ORDER BY ALL
"""


def ask_orders(window: Window, system: System) -> Sequence[Ask]:
    """The status of each order that was loaded and is under way, with what was loaded."""
    asks = []
    for known in window.known:
        reference = str(known["reference"])
        sent = msgspec.json.decode(known["sent"]) if known.get("sent") else {}
        own = writes.guid(reference)
        about = {
            "GUID": own,
            "SalesOrderNumber": writes.number(reference),
            "SalesOrderReference": reference,
            "DCCode": sent.get("facility_id"),
            "CourierName": sent.get("delivery_method_id"),
            "CourierService": sent.get("service_code"),
            "CurrencyCode": sent.get("currency"),
            "Total": sent.get("total_amount"),
            "LoadedAt": known["loaded_at"].isoformat() if known.get("loaded_at") else None,
            "Lines": [
                {
                    "LineNumber": place,
                    "SKU": line["sku"],
                    "ProductCode": writes.code(line["sku"], system),
                    "Quantity": line["qty"],
                    "UnitPrice": line["unit_price_amount"],
                }
                for place, line in enumerate(sent.get("lines") or (), 1)
            ],
        }
        asks.append(Ask(writes.status(own), about, part=reference))
    return asks


def ask_tracking(window: Window, system: System) -> Sequence[Ask]:  # noqa: ARG001
    """Courier and number of each order that has left and whose number is not known yet."""
    return [
        Ask(
            Request(
                "GET", f"/salesorders/v1/{known['guid']}/tracking.json", base=writes.HUB, auth=writes.HUB_KEY
            ),
            known["guid"],
            part=str(known["guid"]),
        )
        for known in window.known
    ]


def ask_products(window: Window, system: System) -> Sequence[Ask]:
    """Each product that is not known to be there, and each whose code has become, or is no longer, another's too."""
    before = {str(known["sku"]): known for known in window.known}
    asks = []
    for code, skus in writes.codes(list(before), system).items():
        clash = ", ".join(skus) if len(skus) > 1 else None
        if any(not before[sku].get("is_known") or before[sku].get("clashes") != clash for sku in skus):
            asks.append(Ask(writes.product_status(code), {"code": code, "skus": skus}, part=code))
    return asks


def ask_stock(window: Window, system: System) -> Sequence[Ask]:
    """Every SKU at every DC, as many at once as the query string holds. SKUs of one code are asked about by none."""
    asked: dict[str, list[str]] = {}
    for known in window.known:
        asked.setdefault(str(known["dc"]), []).append(str(known["sku"]))
    return [
        Ask(
            Request("GET", "/stock/v3/quantity", params=(("productCodes", ",".join(chunk)), ("dc", dc))),
            {"dc": dc, "skus": {code: own[code] for code in chunk}},
            part=dc,
        )
        for dc, skus in asked.items()
        for own in [{code: found[0] for code, found in writes.codes(skus, system).items() if len(found) == 1}]
        for chunk in chunks(list(own), dc)
    ]


def chunks(codes: Sequence[str], dc: str) -> Iterator[list[str]]:
    """``codes`` in parts whose request stays within the longest query string, encoded as it will be."""
    room = QUERY_BYTES - KEY_BYTES - len(f"productCodes=&dc={quote(dc, safe='')}&api_key=")
    chunk: list[str] = []
    used = 0
    for code in codes:
        size = len(quote(code, safe="")) + len("%2C")
        if chunk and used + size > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(code)
        used += size
    if chunk:
        yield chunk


STREAMS = (
    Stream(
        "orders",
        key="GUID",
        entity="orders",
        known=KNOWN_ORDERS,
        asks=ask_orders,
        rows=answers.order_rows,
        keeps=True,
    ),
    Stream(
        "tracking",
        key="GUID",
        entity="shipments",
        known=KNOWN_DISPATCHED,
        asks=ask_tracking,
        rows=answers.tracking_rows,
        keeps=True,
    ),
    *(
        Stream(
            name,
            key=key,
            cursor=Cursor("written", timedelta(hours=1)),
            entity=entity,
            rows=rows,
            folder=PUSHES,
            keeps=True,
        )
        for name, key, entity, rows in (
            ("dispatches", "InterfaceRecordId", "shipments", answers.dispatch_rows),
            ("tracking_details", "InterfaceRecordId", "shipments", answers.tracking_detail_rows),
            ("grns", "LineItemGUID", "returns", answers.grn_rows),
        )
    ),
    Stream(
        "stock",
        key="StockKey",
        entity="stock",
        known=KNOWN_STOCK,
        asks=ask_stock,
        rows=answers.stock_rows,
        levels=f"""
            SELECT DCCode AS facility_ref, OurSKU AS sku, Quantity AS available
            FROM {{rows}} WHERE LocationType = '{answers.AVAILABLE}'
        """,
    ),
    Stream(
        "products",
        key="OurSKU",
        entity="products",
        known=KNOWN_PRODUCTS,
        asks=ask_products,
        rows=answers.product_rows,
        keeps=True,
    ),
)

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:
    """Failures that come with status 200. A write's own refusal is its receipt's; a read that finds nothing is none.

    What a server error says is no refusal: its status tells what to do.
    """
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    words = answers.said(answer.json())
    if words is None:
        return
    if BAD_KEY.search(words) or answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Halt(f"the key was refused: {words}")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise Reject(f"{answer.status}: {words}", code="rejected")
    if not request.is_write and not answers.NOTHING.search(words):
        raise Reject(words, code="rejected")


# --- the vendor ---------------------------------------------------------------------------------------

# A read gives the status of what was stored and nothing of its content, so nothing can be compared with it.
CREATE = Write(
    "create_order", writes.create, writes.receipts, Lookup(writes.by_guid, writes.find), settle=SETTLE
)
CANCEL = Write(
    "cancel_order",
    writes.cancel,
    writes.receipts,
    Lookup(writes.by_guid, writes.find),
    done=writes.is_cancelled,
    guard=writes.may_cancel,
    settle=SETTLE,
)
PRODUCT = Write(
    "submit_product",
    writes.product,
    writes.product_receipts,
    Lookup(writes.by_code, writes.find_product),
    done=writes.is_there,
    settle=SETTLE,
)

VENDOR = Vendor(
    slug="seko",
    title="Seko Logistics",
    roles=frozenset({"warehouse"}),
    hosts=(
        "ihub.supplystream.com",
        "ihubuat.supplystream.com",
        "hub.supplystream.com",
        "hubuat1.supplystream.com",
    ),
    secrets=("api_key", "token"),
    options={
        "hub_url": "the address of its hub, where that is another",
        "pushes": "the folder of its pushed messages",
        "sku_rule": "`as_is` where SKUs may hold more than letters and digits",
        "dc_codes": "the distribution centres of the account",
    },
    auth=QueryKey("api_key", "api_key"),
    # No figure is published: what a polite client takes of a small interface.
    limit=LeakyBucket(capacity=50, per_second=5, concurrent=4),
    streams=STREAMS,
    writes={
        ("orders_to_wms", "create"): (CREATE,),
        ("cancellations_to_wms", "cancel"): (CANCEL,),
        ("products_to_wms", "create"): (PRODUCT,),
    },
    check=check,
    probe=lambda system: Request("GET", "/echo/v1/hello.json", base=writes.HUB, auth=writes.HUB_KEY),  # noqa: ARG005
)
