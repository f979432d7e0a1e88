"""Deposco, a warehouse management system, as declarations.

Belongs here: which lists are read and how, which writes there are, what the vendor's own errors mean.
Does not belong here: bodies and look-ups (``deposco_writes``), sending, paging or waiting (``connect``), what a
status means to us (``staging/deposco``).

Two APIs stand side by side at one host: the current one under ``/latest`` with an OAuth token, and the older one
under ``/integration/<company>`` with HTTP Basic. Levels are in the older one only. Filters with unknown names are
ignored and those by date may be: an increment then reads everything, which costs time and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from cogent_pipelines.connect.answers import words
from cogent_pipelines.connect.auth import Basic, ClientCredentials
from cogent_pipelines.connect.limits import LeakyBucket
from cogent_pipelines.connect.paging import Link
from cogent_pipelines.connect.spec import (
    Answer,
    Cursor,
    Json,
    Lookup,
    Part,
    Request,
    Stream,
    System,
    Vendor,
    Window,
    Write,
)
from cogent_pipelines.errors import Halt, Reject, Retry
from cogent_pipelines.vendors import deposco_writes as writes

SETTLE = timedelta(minutes=5)
"""A request lives 30 s at most. What is answered by 202 shows some 8 s later; a queue of theirs may be longer."""

# --- reading ------------------------------------------------------------------------------------------

PAGES = Link("links", complete="complete")
PAGE = 50
"""Half of the lists give 50 rows a page unasked; no largest size is documented. A list of lines gives 25."""
INTEGRATION_USER = Basic("integration_user", "integration_password")


def _list(
    path: str, since: str = "updatedAfter", *, has_unit: bool = False
) -> Callable[[Window, System], Request]:
    """A request for a list; ``since`` names the filter that takes the window's start, "" where there is none."""

    def request(window: Window, system: System) -> Request:
        unit = (("businessUnit", writes.business_unit(system)),) if has_unit else ()
        start = ((since, writes.stamp(window.start)),) if since and window.start else ()
        return Request("GET", path, params=(*unit, *start, ("pageSize", str(PAGE))))

    return request


def _levels(window: Window, system: System) -> Request:  # noqa: ARG001  a snapshot has no window
    """The older API's snapshot of every level, as JSON."""
    company = str(system.options.get("company") or "")
    if not company:
        raise Halt(f"{system.name}: options.company is not set", code="configuration")
    return Request("GET", f"/integration/{company}/inventory/full", auth=INTEGRATION_USER)


def _lines(path: str, name: str) -> Part:
    """The lines of a record. Nested are ten at most, an arbitrary ten of them without a word."""

    def request(record: Mapping[str, Json], system: System) -> Request | None:  # noqa: ARG001  as declared
        nested = (record.get(name) or {}).get("data") or ()
        if len(nested) < writes.NESTED:
            return None
        return Request("GET", f"{path}/{record['self']['id']}/{name}")

    return Part(f"{name}.data", request, PAGES, "data")


# Known fields that no table keeps: persons, links, and what can be reckoned from the others.
LEFT_OUT_OF_ORDERS = tuple(
    """
    self.href businessUnit* tradingPartner* relatedOrderNumber otherReferenceNumber cancelByShipDate shipMethod
    shipToContact.* shipToAddress.* shipFromFacility.* shipments* orderLines.* notes*
    """.split()  # noqa: SIM905  a list to read, not to diff
)
LEFT_OUT_OF_SHIPMENTS = tuple(
    """
    self.href businessUnit* createdDate shippingCosts* totalWeight* facility.* shipmentDates.* orderHeaders.*
    shipmentLines.* shippedContainers.* shipToContact* shipToAddress*
    """.split()  # noqa: SIM905
)

STREAMS = (
    Stream(
        "orders",
        _list(writes.ORDERS, has_unit=True),
        records="data",
        paging=PAGES,
        key="self.id",
        version="updatedDate",
        cursor=Cursor("updatedDate"),
        parts=(_lines(writes.ORDERS, "orderLines"),),
        entity="orders",
        left_out=LEFT_OUT_OF_ORDERS,
    ),
    Stream(
        "shipments",
        _list("/latest/shipments/outboundShipments", has_unit=True),
        records="data",
        paging=PAGES,
        key="self.id",
        version="updatedDate",
        cursor=Cursor("updatedDate"),
        parts=(_lines("/latest/shipments/outboundShipments", "shipmentLines"),),
        entity="shipments",
        left_out=LEFT_OUT_OF_SHIPMENTS,
    ),
    # No filter of this list is documented, so it is read whole.
    Stream(
        "customer_returns",
        _list("/latest/orders/customerReturns", ""),
        records="data",
        paging=PAGES,
        key="self.id",
        parts=(_lines("/latest/orders/customerReturns", "orderLines"),),
        entity="returns",
        left_out=("self.href", "businessUnit*", "shipTo*", "parentOrder.*", "orderLines.*"),
    ),
    Stream(
        "receipts",
        _list("/latest/receipts"),
        records="data",
        paging=PAGES,
        key="self.id",
        version="updatedDate",
        cursor=Cursor("updatedDate"),
        entity="returns",
        left_out=("*",),
    ),
    # Whether an item names the date it was changed on is not shown anywhere; the filter by it is documented.
    Stream(
        "items",
        _list("/latest/items"),
        records="data",
        paging=PAGES,
        key="self.id",
        cursor=Cursor("updatedDate"),
        entity="products",
        left_out=("*",),
    ),
    Stream(
        "facilities",
        _list("/latest/facilities", ""),
        records="data",
        paging=PAGES,
        key="self.id",
        entity="products",
        left_out=("*",),
    ),
    Stream(
        "stock",
        _levels,
        records="itemInventory",
        key="itemNumber",
        entity="stock",
        left_out=("*",),
        levels="""
            SELECT facility AS facility_ref, sku, available
            FROM (
                SELECT
                    sku,
                    entry ->> '$.facility' AS facility,
                    round(try_cast(entry ->> '$.inventory.unallocated' AS DOUBLE))::BIGINT AS available
                FROM (
                    SELECT "itemNumber" AS sku, unnest(CASE json_type("facilityInventory")
                        WHEN 'ARRAY' THEN from_json("facilityInventory", '["json"]')
                        WHEN 'OBJECT' THEN ["facilityInventory"]
                    END) AS entry
                    FROM {rows}
                )
            )
            WHERE sku <> '' AND facility IS NOT NULL AND available IS NOT NULL
        """,
    ),
)

# --- errors -------------------------------------------------------------------------------------------


def check(request: Request, answer: Answer) -> None:
    """Where an error of theirs means something else than its status does elsewhere."""
    status = answer.status
    if status < HTTPStatus.BAD_REQUEST:
        return
    text = words(answer)
    said = f"{status}: {text}"
    is_order = request.method == "POST" and request.path == writes.ORDERS
    if status == HTTPStatus.CONFLICT:
        raise Retry(said)
    if is_order and status == HTTPStatus.NOT_FOUND:
        code = "unknown_sku" if text.startswith("Item with") else "unknown_reference"
        raise Reject(said, code=code)
    # A status may be given on creation only: with this refusal the order is there already.
    if is_order and status == HTTPStatus.BAD_REQUEST and "status updates are not accepted" in text:
        raise Retry(said, effect="unknown")


# --- the vendor ---------------------------------------------------------------------------------------

SENT = (
    "reference",
    "facility_id",
    "delivery_method_id",
    "ship_to_first_name",
    "ship_to_last_name",
    "ship_to_company",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_city",
    "ship_to_region",
    "ship_to_postcode",
    "ship_to_country_code",
    "ship_to_phone",
    "lines",
)

CREATE = Write(
    "create_order",
    writes.create,
    writes.receipts,
    Lookup(writes.by_number, writes.find, further=writes.rest_of),
    done=writes.is_its_own,
    guard=writes.may_create,
    compare=SENT,
    settle=SETTLE,
)
CANCEL = Write(
    "cancel_order",
    writes.cancel,
    writes.same_order,
    Lookup(writes.by_id, writes.find_by_id),
    done=lambda want, found: found.fields["status"] == "Canceled",  # noqa: ARG005
    guard=writes.may_cancel,
    settle=SETTLE,
)

VENDOR = Vendor(
    slug="deposco",
    title="Deposco",
    roles=frozenset({"warehouse"}),
    hosts=("api.deposco.com",),
    secrets=("client_id", "client_secret", "integration_user", "integration_password"),
    options={
        "business_unit": "the unit that orders and shipments belong to; needed",
        "company": "the tenant's company code; needed",
        "env": "the tenant's environment, for the login",
        "scope": "the scope to ask for, for the login",
        "orders": "`customer` where it keeps customer orders beside sales orders",
        "trading_partner": "the partner of customer orders",
        "sales_channel": "the channel of customer orders",
    },
    auth=ClientCredentials(
        "/oauth2/token",
        address="https://auth.deposco.com/oauth2/token",
        in_header=True,
        options=("scope", "env", "company"),
    ),
    limit=LeakyBucket(capacity=3, per_second=3.8, concurrent=4),  # some 4 a second; calls bunch on their way
    streams=STREAMS,
    writes={
        ("orders_to_wms", "create"): (CREATE,),
        ("cancellations_to_wms", "cancel"): (CANCEL,),
    },
    check=check,
    probe=lambda system: Request("GET", "/latest/facilities", (("pageSize", "1"),)),  # noqa: ARG005
    item_details=frozenset({"weight", "barcode"}),
)
