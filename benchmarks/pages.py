"""Prepared pages of orders in Shopify's shape, and the server that hands them out.

Belongs here: making the pages, and a process that serves them from memory as fast as it can.
Does not belong here: anything that reads them.

400 pages of 250 orders and 625 lines: 100,000 orders, 250,000 lines. ``lean`` is some 80 MB, the fields a small
retailer's integration asks for; ``whole`` is every field of this project's own document. Page n + 400 repeats page n
under other ids, so that any number of orders can be read from one memory.

    python benchmarks/pages.py --pages 400 --of 400 --shape lean      prints READY <port>
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import uvicorn

PER_PAGE = 250
LINES = 625
"""Lines of one page: two and a half to an order."""
PAGES = 400
START = datetime(2025, 11, 1, tzinfo=UTC)
MARK = b"/9000"
"""Begins every id of the prepared pages; the three zeros count the repetitions."""
TOWNS = ("Leeds", "York", "Hull", "Bath", "Ely", "Truro", "Ripon", "Wells", "Durham", "Oxford")
OPTIONS = ("Standard Delivery", "Next Day Delivery", "Royal Mail Tracked 48", "Click and Collect")
FULFILLED_PART = 0.6
REFUNDED_PART = 0.04

Json = dict[str, Any]


def money(pence: int) -> Json:
    return {"shopMoney": {"amount": f"{pence // 100}.{pence % 100:02}", "currencyCode": "GBP"}}


def instant(seconds: float) -> str:
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def line(number: int, dice: Random, *, whole: bool) -> Json:
    pence, quantity = dice.randrange(199, 9999), dice.choice((1, 1, 1, 2, 3))
    sku = dice.randrange(1, 5001)
    found: Json = {
        "id": f"gid://shopify/LineItem/9000{number:09}",
        "sku": f"SKU-{sku:04}",
        "name": f"Thing {sku}",
        "quantity": quantity,
        "originalUnitPriceSet": money(pence),
    }
    if whole:
        tax = {"title": "GB VAT", "rate": 0.2, "priceSet": money(pence * quantity // 6)}
        found |= {
            "currentQuantity": quantity,
            "requiresShipping": True,
            "isGiftCard": False,
            "discountAllocations": [],
            "taxLines": [tax],
            "variant": {"id": f"gid://shopify/ProductVariant/{40_000_000 + sku}"},
        }
    return found


def order(number: int, lines: list[Json], dice: Random, *, whole: bool) -> Json:
    at = number * 31.0
    goods = sum(
        int(x["originalUnitPriceSet"]["shopMoney"]["amount"].replace(".", "")) * x["quantity"] for x in lines
    )
    first, last = f"First{dice.randrange(900)}", f"Last{dice.randrange(9000)}"
    town = dice.choice(TOWNS)
    found: Json = {
        "id": f"gid://shopify/Order/9000{number:09}",
        "name": f"#{100_000 + number}",
        "createdAt": instant(at),
        "updatedAt": instant(at + dice.randrange(1, 400_000)),
        "currencyCode": "GBP",
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "totalPriceSet": money(goods + 395),
        "shippingAddress": {
            "name": f"{first} {last}",
            "address1": f"{dice.randrange(1, 300)} High Street",
            "city": town,
            "zip": f"{town[:2].upper()}{dice.randrange(1, 30)} {dice.randrange(1, 9)}AB",
            "countryCodeV2": "GB",
        },
        "lineItems": {"nodes": lines},
    }
    return found | _rest(found, goods, at, number, dice) if whole else found


def _rest(order: Json, goods: int, at: float, number: int, dice: Random) -> Json:
    """Every other field that this project's own document asks for."""
    total, end = goods + 395, {"pageInfo": {"hasNextPage": False, "endCursor": None}}
    name = order["shippingAddress"]["name"].split()
    refs = [{"id": x["id"], "sku": x["sku"]} for x in order["lineItems"]["nodes"]]
    is_sent, is_refunded = dice.random() < FULFILLED_PART, dice.random() < REFUNDED_PART
    place = {"id": f"gid://shopify/Location/{dice.choice((1001, 1002))}"}
    fulfilment = {
        "id": f"gid://shopify/Fulfillment/9000{number:09}",
        "name": f"{order['name']}-F1",
        "status": "SUCCESS",
        "displayStatus": "IN_TRANSIT",
        "createdAt": instant(at + 90_000),
        "updatedAt": instant(at + 99_000),
        "inTransitAt": instant(at + 99_000),
        "deliveredAt": None,
        "trackingInfo": [{"company": "Royal Mail", "number": f"RM{number:09}GB", "url": None}],
        "location": place,
        "fulfillmentLineItems": {
            "nodes": [
                {
                    "id": f"gid://shopify/FulfillmentLineItem/9000{number:09}{i}",
                    "quantity": 1,
                    "lineItem": ref,
                }
                for i, ref in enumerate(refs)
            ],
            **end,
        },
    }
    refund = {
        "id": f"gid://shopify/Refund/9000{number:09}",
        "createdAt": instant(at + 300_000),
        "processedAt": instant(at + 300_000),
        "updatedAt": instant(at + 300_000),
        "note": "arrived late",
        "totalRefundedSet": money(500),
        "return": None,
        "refundLineItems": {"nodes": [], **end},
        "orderAdjustments": {"nodes": [], **end},
        "refundShippingLines": {"nodes": [], **end},
    }
    return {
        "processedAt": instant(at),
        "email": f"c{dice.randrange(40_000)}@example.com",
        "closedAt": None,
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "sourceName": "web",
        "note": None,
        "tags": ["web", f"week-{number % 52}"],
        "presentmentCurrencyCode": "GBP",
        "taxesIncluded": True,
        "displayFulfillmentStatus": "FULFILLED" if is_sent else "UNFULFILLED",
        "returnStatus": "NO_RETURN",
        "currentTotalPriceSet": money(total),
        "subtotalPriceSet": money(goods),
        "totalTaxSet": money(total // 6),
        "totalShippingPriceSet": money(395),
        "totalDiscountsSet": money(0),
        "totalRefundedSet": money(500 if is_refunded else 0),
        "totalOutstandingSet": money(0),
        "customAttributes": [],
        "customer": {"id": f"gid://shopify/Customer/{dice.randrange(40_000)}"},
        "shippingAddress": order["shippingAddress"]
        | {
            "firstName": name[0],
            "lastName": name[1],
            "company": None,
            "address2": None,
            "province": None,
            "phone": None,
        },
        "transactions": [
            {
                "id": f"gid://shopify/OrderTransaction/9000{number:09}",
                "kind": "SALE",
                "status": "SUCCESS",
                "gateway": "shopify_payments",
                "paymentId": f"r{dice.getrandbits(120):024x}",
                "test": False,
                "createdAt": instant(at),
                "processedAt": instant(at),
                "settlementCurrency": "GBP",
                "settlementCurrencyRate": "1.0",
                "amountSet": money(total),
                "fees": [{"type": "processing_fee", "amount": money(total // 60)["shopMoney"]}],
                "parentTransaction": None,
            }
        ],
        "shippingLines": {
            "nodes": [
                {
                    "id": f"gid://shopify/ShippingLine/9000{number:09}",
                    "title": dice.choice(OPTIONS),
                    "code": "custom",
                    "source": "shopify",
                    "originalPriceSet": money(395),
                    "discountedPriceSet": money(395),
                    "taxLines": [{"title": "GB VAT", "rate": 0.2, "priceSet": money(66)}],
                }
            ],
            **end,
        },
        "lineItems": order["lineItems"] | end,
        "fulfillments": [fulfilment] if is_sent else [],
        "refunds": [refund] if is_refunded else [],
    }


def records(page: int, *, whole: bool) -> list[bytes]:
    """The orders of one prepared page, each as bytes."""
    dice = Random(page)
    counts = [1] * PER_PAGE
    for _ in range(LINES - PER_PAGE):
        counts[dice.randrange(PER_PAGE)] += 1
    first_order, next_line = page * PER_PAGE, page * LINES
    found = []
    for i, count in enumerate(counts):
        lines = [line(next_line + k, dice, whole=whole) for k in range(count)]
        next_line += count
        found.append(msgspec.json.encode(order(first_order + i, lines, dice, whole=whole)))
    return found


def repeated(record: bytes, times: int) -> bytes:
    """A record or page under the ids of its ``times``-th repetition."""
    return record.replace(MARK, b"/9%03d" % times) if times else record


class Pages:
    """The server's application: a login, and pages by the cursor that the request names."""

    def __init__(self, pages: int, prepared: int, shape: str, delay: float = 0.0) -> None:
        self.pages, self.prepared, self.delay = pages, min(prepared, pages), delay
        self.bodies = [b",".join(records(n, whole=shape == "whole")) for n in range(self.prepared)]
        gc.freeze()
        wide = {"maximumAvailable": 1e12, "currentlyAvailable": 1e12, "restoreRate": 1e12}
        cost = {"requestedQueryCost": 1, "actualQueryCost": 1, "throttleStatus": wide}
        count = {"count": pages * PER_PAGE, "precision": "EXACT"}
        self.tail = b'},"ordersCount":%s},"extensions":{"cost":%s}}' % (
            json.dumps(count).encode(),
            json.dumps(cost).encode(),
        )

    def page(self, number: int) -> list[bytes]:
        """One answer, in parts that are not joined here."""
        times, which = divmod(number, self.prepared)
        is_last = number + 1 >= self.pages
        info = b'],"pageInfo":{"hasNextPage":%s,"endCursor":"%d"}' % (
            b"false" if is_last else b"true",
            number + 1,
        )
        return [b'{"data":{"orders":{"nodes":[', repeated(self.bodies[which], times), info, self.tail]

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        asked = b""
        while True:
            message = await receive()
            asked += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"].endswith("/access_token"):
            parts = [b'{"access_token":"t","scope":"read_all_orders","expires_in":86399}']
        else:
            after = (json.loads(asked).get("variables") or {}).get("after")
            parts = self.page(int(after or 0))
            await asyncio.sleep(self.delay)
        size = str(sum(map(len, parts))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for i, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": i + 1 < len(parts)})


async def serve(app: Pages) -> None:
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("READY", server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--of", type=int, default=PAGES)
    parser.add_argument("--shape", choices=("lean", "whole"), default="lean")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds a page takes before it is sent")
    chosen = parser.parse_args()
    asyncio.run(serve(Pages(chosen.pages, chosen.of, chosen.shape, chosen.delay)))
