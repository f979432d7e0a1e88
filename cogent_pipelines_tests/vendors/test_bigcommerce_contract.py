"""Every request built for BigCommerce, and every answer of the sandbox's, is one its own contract documents."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.connect.spec import Request, Window
from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines.vendors.bigcommerce import PARTS, VENDOR
from cogent_pipelines_tests.sandbox.bigcommerce_account import Account
from cogent_pipelines_tests.vendors.bigcommerce_kit import SYSTEM, contract, order, parcel, stock
from cogent_pipelines_tests.vendors.staging_kit import READ_AT

BEYOND_THE_CONTRACT = {
    # lists whose pages the contract's answers show and whose parameters it leaves out
    "/v3/orders/218/transactions": {"limit", "page"},
}


def built() -> list[Request]:
    """One of every request this vendor file can build."""
    window = Window(READ_AT - timedelta(days=1), READ_AT)
    reads = [
        s.paging.first(make(window, SYSTEM)) if s.paging else make(window, SYSTEM)
        for s in VENDOR.streams
        for make in (s.request, s.ids)
        if make
    ]
    whole = order(items_shipped=1, coupon_discount="1.0000")
    parts = [
        part.paging.first(made) for part in PARTS if part.paging and (made := part.request(whole, SYSTEM))
    ]
    assert len(parts) == len(PARTS)
    wants = {
        "fulfil": [parcel(), parcel(carrier="dpd-uk"), parcel(carrier=None, tracking_numbers=[])],
        "track": [parcel(act="track", fulfilment_id="11")],
        "set": [stock(), stock(item="product_id=184")],
        "activate": [stock(act="activate", first=None)],
    }
    writes, looks = [], []
    for (_, act), steps in VENDOR.writes.items():
        for write in steps:
            groups = [wants[act]] if write.batch > 1 else [[want] for want in wants[act]]
            writes += [write.request(group, SYSTEM, "key") for group in groups]
            looks += [request for group in groups for request in write.lookup.requests(group, SYSTEM)]
    assert VENDOR.probe is not None
    return [*reads, *parts, *writes, *looks, VENDOR.probe(SYSTEM)]


@pytest.mark.parametrize("request_", built(), ids=lambda r: f"{r.method} {r.path}")
def test_a_request_is_one_the_vendor_documents(request_: Request) -> None:
    """Method and path exist, the list knows every parameter and allows its value, the body fits its schema."""
    known = contract().query(request_.method, request_.path)
    asked = dict(request_.params)
    assert set(asked) - set(known) <= BEYOND_THE_CONTRACT.get(request_.path, set())
    for name, value in asked.items():
        allowed = known.get(name, {}).get("enum")
        assert allowed is None or value.split(":")[0] in map(str, allowed), name
        listed = known.get(name, {}).get("items", {}).get("enum")
        assert listed is None or set(value.split(",")) <= set(listed), name
    if request_.body is not None:
        assert contract().errors_of_request(request_.method, request_.path, request_.body) == []
        assert _unknown(request_) == set()


def _unknown(request: Request) -> set[str]:
    """Names in a body that no schema of it knows: none may be misspelt."""
    shipment = {
        *(
            "order_address_id",
            "tracking_number",
            "tracking_link",
            "merchant_shipping_cost",
            "shipping_method",
        ),
        *("shipping_provider", "tracking_carrier", "comments", "items"),
    }
    names = {"reason", "items"} if "adjustments" in request.path else shipment
    rows = {"location_id", "variant_id", "product_id", "sku", "quantity", "order_product_id"}
    inner = {name for item in request.body.get("items", ()) for name in item}
    return (set(request.body) - names) | (inner - rows)


@pytest.fixture(scope="module")
def account() -> Account:
    """A store where everything happened once."""
    store = Account(locations=2)
    sold = store.variants
    lines = [
        shops.NewLine(sold[0].sku, 2, Decimal(24), sold[0].id, discount=Decimal(3)),
        shops.NewLine(sold[2].sku, 1, Decimal(5), sold[2].id, requires_shipping=False),
    ]
    made = store.place(lines=lines)
    store.place(is_paid=False, item=2)
    store.call("POST", f"/v2/orders/{made.id}/shipments", store.shipment(made, 1))
    shops.refund(
        store.world, store.shop, made.id, lines=[(made.lines[0].id, 1, "return")], shipping=Decimal(1),
        adjustment=Decimal(2),
    )  # fmt: skip
    return store


LISTS = (
    "/v2/orders", "/v2/orders/count", "/v2/order_statuses", "/v2/orders/{id}", "/v2/orders/{id}/products",
    "/v2/orders/{id}/shipping_addresses", "/v2/orders/{id}/consignments", "/v2/orders/{id}/taxes",
    "/v2/orders/{id}/shipments", "/v2/orders/{id}/shipments/count", "/v2/store", "/v2/time",
    "/v3/orders/payment_actions/refunds", "/v3/orders/{id}/payment_actions/refunds",
    "/v3/orders/{id}/transactions", "/v3/catalog/products", "/v3/catalog/variants", "/v3/inventory/items",
    "/v3/inventory/locations", "/v3/inventory/locations/1/items",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("whole", [False, True])
def test_an_answer_of_the_sandbox_is_one_the_vendor_documents(
    account: Account, path: str, whole: bool
) -> None:
    """With and without what may be included."""
    asked: dict[str, Any] = {}
    if whole:
        asked = {"include": "consignments.line_items", "consignment_structure": "object", "details": "true"}
        asked["include"] = "variants" if "products" in path and "v3" in path else asked["include"]
    where = path.format(id=next(iter(account.shop.orders)))
    answer = account.call("GET", where, **asked)
    assert answer.status == 200
    assert contract().errors_of_answer("GET", where, 200, answer.json()) == []


def test_an_answer_to_a_write_is_one_the_vendor_documents(account: Account) -> None:
    """A shipment made and changed, levels set and refused."""
    made = account.place()
    path = f"/v2/orders/{made.id}/shipments"
    shipped = account.call("POST", path, account.shipment(made))
    assert contract().errors_of_answer("POST", path, 201, shipped.json()) == []
    one = f"{path}/{shipped.json()['id']}"
    changed = account.call("PUT", one, {"tracking_number": "N1"})
    assert contract().errors_of_answer("PUT", one, 200, changed.json()) == []
    absolute = "/v3/inventory/adjustments/absolute"
    for variant, status in ((account.variants[0], 200), (account.variants[2], 422)):
        row = {"location_id": 1, "variant_id": variant.id, "quantity": 4}
        answer = account.call("PUT", absolute, {"items": [row]})
        assert answer.status == status
        assert contract().errors_of_answer("PUT", absolute, status, answer.json()) == []


def test_the_check_sees_what_a_reader_sees() -> None:
    """Spot checks by eye, so that the tests above cannot pass on an empty contract."""
    path = "/v3/inventory/adjustments/absolute"
    assert contract().errors_of_request("PUT", path, {"items": [{"location_id": 1, "quantity": 1}]})
    assert contract().errors_of_request("PUT", path, {"reason": "x"})
    assert contract().errors_of_request("POST", "/v2/orders/1/shipments", {"order_address_id": "1"})
    assert contract().errors_of_answer("GET", "/v2/orders", 200, [{"id": "1"}])
    assert {"min_date_modified", "sort", "min_id"} <= set(contract().query("GET", "/v2/orders"))
    with pytest.raises(KeyError):
        contract().operation("GET", "/v3/locations/1/items")
