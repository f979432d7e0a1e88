"""BigCommerce at its HTTP edge: routes, token, quota, lists, filters and errors, as its documents describe them.

Belongs here: what a caller of ``api.bigcommerce.com/stores/<hash>`` meets before and around the records.
Does not belong here: the records' JSON (``bigcommerce_orders``, ``_payments``, ``_catalogue``), bodies of writes
(``bigcommerce_writes``), the shop's own rules (``world/shop``).

INFERRED, because no document says it: the bodies of 429, of V2's 401 and of 403; that a page larger than 250 (1,000 for
levels) is cut to that without a word; that a page past the end is 204 in V2 and an empty list in V3; that the quota's
headers come with every answer but a 429 of the platform itself; that a list runs ``kit.lags`` seconds behind while a
record asked for by its id never does. Checkouts nobody finished (status 0) do not exist here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cogent_pipelines.sandbox.edges import Traits
from cogent_pipelines.sandbox.kit import Allowance, Fault, Kit
from cogent_pipelines.sandbox.vendors import bigcommerce_payments as payments
from cogent_pipelines.sandbox.vendors.bigcommerce_catalogue import Catalogue
from cogent_pipelines.sandbox.vendors.bigcommerce_orders import Orders
from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import STATUSES, Store
from cogent_pipelines.sandbox.vendors.bigcommerce_writes import V3_TYPE, Refusal, Writes, v2, v3

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world import model
    from cogent_pipelines.sandbox.world.world import World

QUOTA, WINDOW_MS = 150, 30_000
DEFAULT_PAGE, LARGEST_PAGE, LARGEST_ITEMS_PAGE = 50, 250, 1000
NOT_VALID = (
    "Unauthorized - the v3 Auth client ID or token in the request are not a valid combination for this store."
)

TOO_MANY = {"status": 429, "title": "Too Many Requests", "type": V3_TYPE}

Json = dict[str, Any]
Handler = Callable[[Request, Json, Fault | None], Response]


TRAITS = Traits(
    role="shop",
    feeds=(("orders", "GET /v2/orders"), ("stock", "GET /v3/inventory/items")),
    status_field="payment_status",
    typed_field="total_inc_tax",
    shows_ids=True,
    untold=frozenset({"locations", "part_captures", "origin"}),
)


def routes(system: str, world: World, kit: Kit) -> list[BaseRoute]:
    """Everything BigCommerce answers to for one store, mounted by the caller at ``/<system>``."""
    return Edge(system, world, kit).routes()


def reply(body: Any, code: int = 200) -> Response:
    """A JSON answer; a list of nothing in V2 is no answer at all (``empty``)."""
    return Response(msgspec.json.encode(body), code, media_type="application/json")


def empty() -> Response:
    """204, without a body."""
    return Response(status_code=204)


class Overloaded(Response):
    """A refusal of the platform, not of the quota: it comes without the quota's headers."""


@dataclass(slots=True)
class Quota:
    """Calls in a fixed window, counted for the whole store: ``others`` are of its other applications."""

    began: datetime | None = None
    spent: int = 0
    others: int = 0
    """What other applications take of every window."""
    most: int = QUOTA

    def take(self, now: datetime) -> bool:
        """Count a call; whether it may pass."""
        if self.began is None or (now - self.began).total_seconds() * 1000 >= WINDOW_MS:
            self.began, self.spent = now, self.others
        if self.spent >= self.most:
            return False
        self.spent += 1
        return True

    def headers(self, now: datetime) -> dict[str, str]:
        """What every answer says of it."""
        passed = 0.0 if self.began is None else (now - self.began).total_seconds() * 1000
        return {
            "X-Rate-Limit-Time-Window-Ms": str(WINDOW_MS),
            "X-Rate-Limit-Time-Reset-Ms": str(max(1, round(WINDOW_MS - passed))),
            "X-Rate-Limit-Requests-Quota": str(self.most),
            "X-Rate-Limit-Requests-Left": str(max(0, self.most - self.spent)),
        }


class Edge:
    """One BigCommerce store."""

    def __init__(self, system: str, world: World, kit: Kit) -> None:
        self.system = system
        self.world = world
        self.kit = kit
        self.shop = world.shops[system]
        self.store: Store = world.edges.setdefault(system, Store())
        self.orders = Orders(system, world, self.store)
        self.catalogue = Catalogue(system, world, self.store)
        self.writes = Writes(system, world, kit, self.orders, self.catalogue)
        self.quota = Quota()
        self.allowance = kit.allow(
            system, Allowance(QUOTA, QUOTA / WINDOW_MS * 1000, window=WINDOW_MS / 1000)
        )

    def routes(self) -> list[BaseRoute]:
        order, shipment = "/v2/orders/{id:int}", "/v2/orders/{id:int}/shipments/{shipment:int}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/v2/orders", self.list_orders),
            ("GET", "/v2/orders/count", self.count_orders),
            ("GET", "/v2/order_statuses", self.list_statuses),
            ("GET", order, self.show_order),
            ("PUT", order, self.change_order),
            ("GET", f"{order}/products", self.list_lines),
            ("GET", f"{order}/shipping_addresses", self.list_addresses),
            ("GET", f"{order}/consignments", self.show_consignments),
            ("GET", f"{order}/coupons", self.list_coupons),
            ("GET", f"{order}/taxes", self.list_taxes),
            ("GET", f"{order}/shipments", self.list_shipments),
            ("POST", f"{order}/shipments", self.ship),
            ("GET", f"{order}/shipments/count", self.count_shipments),
            ("GET", shipment, self.show_shipment),
            ("PUT", shipment, self.change_shipment),
            ("DELETE", shipment, self.delete_shipment),
            ("GET", "/v2/store", lambda _r, _b, _f: reply(self.catalogue.account())),
            ("GET", "/v2/time", lambda _r, _b, _f: reply({"time": int(self.world.now.timestamp())})),
            ("GET", "/v3/orders/payment_actions/refunds", self.list_refunds),
            ("GET", "/v3/orders/{id:int}/payment_actions/refunds", self.list_refunds),
            ("GET", "/v3/orders/{id:int}/transactions", self.list_transactions),
            ("GET", "/v3/catalog/products", self.list_products),
            ("GET", "/v3/catalog/variants", self.list_variants),
            ("GET", "/v3/inventory/items", self.list_items),
            ("GET", "/v3/inventory/locations", self.list_locations),
            ("GET", "/v3/inventory/locations/{location:int}/items", self.list_items),
            ("PUT", "/v3/inventory/locations/{location:int}/items", self.set_settings),
            ("PUT", "/v3/inventory/adjustments/absolute", self.set_levels),
            ("POST", "/v3/inventory/adjustments/relative", self.move_levels),
        ]
        made: list[BaseRoute] = [
            Route(path, self._endpoint(method, path, handler), methods=[method])
            for method, path, handler in table
        ]
        nothing = self._endpoint("", "(no route)", self._no_route)
        made.append(Route("/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
        return made

    # --- around every call ----------------------------------------------------------------------------

    def _endpoint(self, method: str, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        template = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        operation = f"{method} {template}".strip()
        is_write = method in {"POST", "PUT", "DELETE"}
        is_list = method == "GET" and path in {
            "/v2/orders", "/v3/orders/payment_actions/refunds", "/v3/catalog/products", "/v3/catalog/variants",
            "/v3/inventory/items", "/v3/inventory/locations",
        }  # fmt: skip

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            answer = self._gate(request)
            if answer is None:
                answer = await self.kit.serve(
                    request,
                    self.system,
                    operation,
                    lambda fault: self._act(request, content, handler, fault, is_write=is_write),
                    lambda fault: self._refusal(fault, is_v2=_is_v2(request)),
                    is_write=is_write,
                    is_list=is_list,
                    subject=self._subject(request, content),
                )
            if not isinstance(answer, Overloaded):
                answer.headers.update(self.quota.headers(self.world.now))
            return answer

        return endpoint

    def _act(
        self, request: Request, content: bytes, handler: Handler, fault: Fault | None, *, is_write: bool
    ) -> Response:
        try:
            body = msgspec.json.decode(content) if is_write and content else {}
        except msgspec.DecodeError:
            body = None
        try:
            if not isinstance(body, dict):
                raise (v2 if _is_v2(request) else v3)(400, "The input could not be read as JSON.")
            if _is_v2(request) and "json" not in request.headers.get("accept", "application/json"):
                # nobody asked for JSON
                return Response("<?xml version='1.0'?><response/>", media_type="application/xml")
            return handler(request, body, fault)
        except Refusal as error:
            return reply(error.body, error.code)

    def _gate(self, request: Request) -> Response | None:
        """The token, then the quota: 401 or 429, or None."""
        now = self.kit.now()
        is_good = request.headers.get("x-auth-token", "") == self.kit.secret(self.system, "access_token")
        if not is_good or self.kit.tokens.is_locked_out(self.system, now):
            self.kit.counters.refused_logins[self.system] += 1
            return self._unauthorised(is_v2=_is_v2(request))
        self.quota.most = int(QUOTA * self.allowance.share)
        if not self.quota.take(now):
            self.kit.throttle(self.system)
            return reply(TOO_MANY, 429)
        return None

    @staticmethod
    def _unauthorised(*, is_v2: bool) -> Response:
        if is_v2:
            return reply([{"status": 401, "message": "Unauthorized"}], 401)
        type_ = "/api-docs/getting-started/api-status-codes"
        return reply({"status": 401, "title": NOT_VALID, "type": type_}, 401)

    def _refusal(self, fault: Fault, *, is_v2: bool) -> Response:
        """A planted refusal in BigCommerce's words: a list in V2, a problem in V3."""
        say = v2 if is_v2 else v3
        match fault.kind:
            case "rate_limited":  # the platform itself, which says nothing of the quota
                return Overloaded(reply(TOO_MANY, 429).body, 429, media_type="application/json")
            case "bad_gateway_burst":
                return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
            case "token_expired" | "token_revoked":
                return self._unauthorised(is_v2=is_v2)
            case "unavailable":
                no = say(503, "Service Unavailable")
            case "forbidden":
                no = say(403, "You don't have a required scope to access the endpoint")
            case "not_found_yet":
                no = say(404, "The requested resource was not found.")
            case "conflict":
                no = say(409, "The request conflicts with another one.")
            case "refused":
                no = (
                    say(400, "The field 'quantity' is invalid.")
                    if is_v2
                    else say(422, "JSON data is missing or invalid")
                )
            case _:
                no = say(500, "Internal Server Error")
        return reply(no.body, no.code)

    def _subject(self, request: Request, content: bytes) -> str:
        """What a planted fault may aim at: the path, the order's number, and what the body says."""
        order = self.shop.orders.get(int(request.path_params.get("id") or 0))
        name = order.name if order else ""
        return f"{name} {request.url.path} {content[:2000].decode('utf-8', 'replace')}"

    def _no_route(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        raise (v2 if _is_v2(request) else v3)(404, "The requested resource was not found.")

    # --- pages ----------------------------------------------------------------------------------------

    def _cut(self, request: Request, found: Sequence[Any], fault: Fault | None, largest: int) -> _Page:
        """The part of a list that is asked for, with whatever fault strikes it."""
        kind = fault.kind if fault else ""
        limit = min(_whole(request, "limit") or DEFAULT_PAGE, largest)
        page = max(_whole(request, "page") or 1, 1)
        start, total = (page - 1) * limit, len(found)
        if kind == "page_drift" and start:
            start -= 1
        chosen = list(found[start : start + limit])
        if kind == "empty_list":
            chosen, total = [], 0
        elif kind == "record_missing_from_list" and chosen:
            chosen = chosen[:-1]
        elif kind == "duplicate_across_pages" and start:
            chosen = [found[start - 1], *chosen[:-1]]
        elif kind == "count_disagrees":
            total += 3
        return _Page(chosen, total, page, limit, kind)

    def _v2_list(
        self, request: Request, found: Sequence[Any], render: Callable[[Any], Json], fault: Fault | None
    ) -> Response:
        """A bare list; nothing is 204."""
        page = self._cut(request, found, fault, LARGEST_PAGE)
        rows = _strange([render(each) for each in page.chosen], page.kind)
        return reply(rows) if rows else empty()

    def _v3_list(
        self,
        request: Request,
        found: Sequence[Any],
        render: Callable[[Any], Json],
        fault: Fault | None,
        largest: int = LARGEST_PAGE,
    ) -> Response:
        """``data``, and what there is of it in ``meta``. The links are of pages, without any filter."""
        page = self._cut(request, found, fault, largest)
        rows = _strange([render(each) for each in page.chosen], page.kind)
        pages = -(-page.total // page.limit)
        links = {"current": f"?page={page.number}&limit={page.limit}"}
        if page.number > 1:
            links["previous"] = f"?page={page.number - 1}&limit={page.limit}"
        if page.number < pages:
            links["next"] = f"?page={page.number + 1}&limit={page.limit}"
        pagination = {
            "total": page.total,
            "count": len(rows),
            "per_page": page.limit,
            "current_page": page.number,
            "total_pages": pages,
            "links": links,
        }
        return reply({"data": rows, "meta": {"pagination": pagination}})

    # --- orders ---------------------------------------------------------------------------------------

    def _orders(self, request: Request) -> list[model.ShopOrder]:
        """The orders a list is asked for. A date that cannot be read is no filter, without a word."""
        asked = request.query_params
        since, until = _instant(asked.get("min_date_modified")), _instant(asked.get("max_date_modified"))
        made_since, made_until = (
            _instant(asked.get("min_date_created")),
            _instant(asked.get("max_date_created")),
        )
        least, most = _whole(request, "min_id"), _whole(request, "max_id")
        status, customer = _whole(request, "status_id"), _whole(request, "customer_id")
        found = []
        for order in self.shop.orders.values():
            changed = order.updated_at.replace(microsecond=0)
            if (
                not self.kit.is_listed(self.system, order.updated_at)
                or (since and changed < since)
                or (until and changed > until)
                or (made_since and order.created_at.replace(microsecond=0) < made_since)
                or (made_until and order.created_at > made_until)
                or (least is not None and order.id < least)
                or (most is not None and order.id > most)
                or (status is not None and self.orders.status(order) != status)
                or (customer is not None and (order.customer_id or 0) != customer)
                or (asked.get("email") and order.email != asked["email"])
                or asked.get("external_order_id")  # none has one
            ):
                continue
            found.append(order)
        name, _, direction = asked.get("sort", "id:asc").partition(":")
        keys: dict[str, Callable[[model.ShopOrder], Any]] = {
            "date_created": lambda o: (o.created_at, o.id),
            "date_modified": lambda o: (o.updated_at, o.id),
            "status_id": lambda o: (self.orders.status(o), o.id),
            "customer_id": lambda o: (o.customer_id or 0, o.id),
        }
        return sorted(found, key=keys.get(name, lambda o: o.id), reverse=direction == "desc")

    def list_orders(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        return self._v2_list(request, self._orders(request), lambda o: self._shown(request, o), fault)

    def count_orders(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply({"count": len(self._orders(request))})

    def list_statuses(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request, body, fault
        return reply(
            [
                {"id": n, "name": name, "system_label": name, "custom_label": name, "order": n}
                for n, name in enumerate(STATUSES)
            ]
        )

    def _shown(self, request: Request, order: model.ShopOrder) -> Json:
        """An order, with whatever its vendor was made to show strangely of it."""
        asked = request.query_params
        is_whole = (
            "consignments.line_items" in asked.get("include", "").split(",")
            and asked.get("consignment_structure") == "object"
        )
        answer = self.orders.order(order, whole=is_whole)
        for odd in self.world.odd:
            if odd.system == self.system and odd.record == str(order.id):
                step: Any = answer
                *above, last = odd.field.split(".")
                for name in above:
                    step = step[int(name)] if isinstance(step, list) else step[name]
                step[int(last) if isinstance(step, list) else last] = odd.value
        return answer

    def _order(self, request: Request) -> model.ShopOrder:
        found = self.shop.orders.get(request.path_params["id"])
        if found is None:
            raise (v2 if _is_v2(request) else v3)(404, "The requested resource was not found.")
        return found

    def show_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self._shown(request, self._order(request)))

    def change_order(self, request: Request, body: Json, fault: Fault | None) -> Response:
        order = self._order(request)
        self.writes.change_order(order, body, fault)
        return reply(self._shown(request, order))

    def list_lines(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        order = self._order(request)
        return self._v2_list(
            request, self.orders.lines(order), lambda line: self.orders.line(order, line), fault
        )

    def list_addresses(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        return self._v2_list(request, self.orders.addresses(self._order(request)), _same, fault)

    def show_consignments(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.orders.consignments(self._order(request)))

    def list_coupons(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        self._order(request)
        return empty()  # this retailer's discounts are by hand

    def list_taxes(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        details = request.query_params.get("details") == "true"
        return self._v2_list(request, self.orders.taxes(self._order(request), details=details), _same, fault)

    # --- shipments ------------------------------------------------------------------------------------

    def _shipment(self, request: Request) -> tuple[model.ShopOrder, model.Fulfilment]:
        order = self._order(request)
        for found in self.orders.standing(order):
            if found.id == request.path_params["shipment"]:
                return order, found
        raise v2(404, "The requested resource was not found.")

    def list_shipments(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        order = self._order(request)
        found = self.orders.standing(order)
        return self._v2_list(request, found, lambda f: self.orders.shipment(order, f), fault)

    def count_shipments(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply({"count": len(self.orders.standing(self._order(request)))})

    def show_shipment(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        return reply(self.orders.shipment(*self._shipment(request)))

    def ship(self, request: Request, body: Json, fault: Fault | None) -> Response:
        return reply(self.writes.ship(self._order(request), body, fault), 201)

    def change_shipment(self, request: Request, body: Json, fault: Fault | None) -> Response:
        order, found = self._shipment(request)
        return reply(self.writes.change_shipment(order, found, body, fault))

    def delete_shipment(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body, fault
        self.writes.delete_shipment(*self._shipment(request))
        return empty()

    # --- money ----------------------------------------------------------------------------------------

    def list_transactions(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        order, vendors = self._order(request), self.world.settings.systems
        return self._v3_list(
            request, order.transactions, lambda t: payments.transaction(order, t, vendors), fault
        )

    def list_refunds(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params
        since, until = _instant(asked.get("created:min")), _instant(asked.get("created:max"))
        only = _ids(request, "order_id:in")
        if "id" in request.path_params:
            only = frozenset({self._order(request).id})
        found = sorted(
            (
                (order, refund)
                for order in self.shop.orders.values()
                for refund in order.refunds
                if (only is None or order.id in only)
                and not (since and refund.at.replace(microsecond=0) < since)
                and not (until and refund.at > until)
            ),
            key=lambda pair: pair[1].id,
        )
        vendors = self.world.settings.systems
        return self._v3_list(request, found, lambda row: payments.refund(row[0], row[1], vendors), fault)

    # --- catalogue and stock ----------------------------------------------------------------------------

    def list_products(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        asked = request.query_params
        since, after = _instant(asked.get("date_modified:min")), _whole(request, "id:greater")
        by_product: dict[int, list[model.Variant]] = {}
        for variant in self.shop.variants.values():
            by_product.setdefault(variant.product_id, []).append(variant)
        found = [
            variants
            for key, variants in sorted(by_product.items())
            if (after is None or key > after)
            and not (since and max(v.updated_at for v in variants).replace(microsecond=0) < since)
        ]
        kept = frozenset(asked["include_fields"].split(",")) | {"id"} if "include_fields" in asked else None
        whole = "variants" in asked.get("include", "").split(",")

        def render(variants: list[model.Variant]) -> Json:
            made = self.catalogue.product(variants)
            if kept is not None:
                made = {name: value for name, value in made.items() if name in kept}
            return {**made, "variants": [self.catalogue.variant(v) for v in variants]} if whole else made

        return self._v3_list(request, found, render, fault)

    def list_variants(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        sku, only = request.query_params.get("sku"), _ids(request, "product_id:in")
        found = [
            variant
            for variant in sorted(self.shop.variants.values(), key=lambda v: v.id)
            if (sku is None or variant.sku == sku) and (only is None or variant.product_id in only)
        ]
        return self._v3_list(request, found, self.catalogue.variant, fault)

    def list_items(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        places = _ids(request, "location_id:in")
        if "location" in request.path_params:
            places = frozenset({int(request.path_params["location"])})
        variants, products = _ids(request, "variant_id:in"), _ids(request, "product_id:in")
        skus = request.query_params.get("sku:in")
        found = [
            variant
            for variant in sorted(self.shop.variants.values(), key=lambda v: v.id)
            if variant.is_tracked
            and (variants is None or variant.id in variants)
            and (products is None or variant.product_id in products)
            and (skus is None or variant.sku in skus.split(","))
        ]
        return self._v3_list(
            request, found, lambda v: self.catalogue.item(v, places), fault, LARGEST_ITEMS_PAGE
        )

    def list_locations(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del body
        found = sorted(self.shop.locations.values(), key=lambda location: location.id)
        return self._v3_list(request, found, self.catalogue.location, fault)

    def set_settings(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del fault
        return reply(self.writes.settings(int(request.path_params["location"]), body))

    def set_levels(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request
        return reply(self.writes.adjust(body, fault, is_absolute=True))

    def move_levels(self, request: Request, body: Json, fault: Fault | None) -> Response:
        del request
        return reply(self.writes.adjust(body, fault, is_absolute=False))


@dataclass(frozen=True, slots=True)
class _Page:
    chosen: list[Any]
    total: int
    number: int
    limit: int
    kind: str


def _is_v2(request: Request) -> bool:
    return "/v2/" in request.url.path


def _same(record: Json) -> Json:
    return record


def _whole(request: Request, name: str) -> int | None:
    """A whole number of the query; anything else counts as not given."""
    value = request.query_params.get(name, "").strip()
    return int(value) if value.isdigit() else None


def _ids(request: Request, name: str) -> frozenset[int] | None:
    value = request.query_params.get(name)
    return None if value is None else frozenset(int(part) for part in value.split(",") if part.isdigit())


def _instant(value: str | None) -> datetime | None:
    """RFC 2822 or ISO 8601, compared in UTC; None for what cannot be read."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _strange(rows: list[Json], kind: str) -> list[Json]:
    """The first record as no document describes it: a planted fault."""
    if rows and kind == "unknown_field":
        rows[0]["sustainability_score"] = 3
    elif rows and kind == "unknown_status" and "status_id" in rows[0]:
        rows[0] |= {"status_id": 15, "status": "Awaiting Inspection"}
    elif rows and kind == "wrong_type":
        name = next(iter(rows[0]))
        rows[0][name] = {"value": rows[0][name]}
    return rows
