"""What the sandbox's BigCommerce answers beyond what we ask (``test_contract_suite``) is as its own contract documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cogent_pipelines.sandbox.world import shop as shops
from cogent_pipelines_tests.sandbox.bigcommerce_account import Account
from cogent_pipelines_tests.vendors.bigcommerce_kit import contract


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
