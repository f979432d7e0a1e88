"""every_edit_after_release_reached_the_warehouse: the shop unlike what was sent, and the warehouse still the old."""

from __future__ import annotations

from typing import Any

import pytest

from cogent_pipelines.outbox import personal
from cogent_pipelines_tests.rules.rows import NOW, SHOP, WMS, World, ago
from cogent_pipelines_tests.rules.test_order_rules import boundary

KEY = b"k" * 32
SENT = {
    "ship_to_name": "Ann Lee", "ship_to_line1": "1 High St", "ship_to_line2": None, "ship_to_city": "Leeds",
    "ship_to_postcode": "LS1 1AA",
}  # fmt: skip


def sent(**changed: Any) -> World:
    """An order of two A and one B, sent by us and in the warehouse as it was sent; ``changed`` in the shop since."""
    world = World("every_edit_after_release_reached_the_warehouse")
    personal.prepare(world.connection, KEY)
    world.order("1", ("A", 2), ("B", 1), **({"updated_at": ago(minutes=20)} | changed))
    world.warehouse_order("90", "1", ("A", 2), ("B", 1))
    body = {name: personal.fingerprint(KEY, value) for name, value in SENT.items()} | {
        "ship_to_country_code": "GB",
        "delivery_option": "Standard Delivery",
        "lines": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 1}],
    }
    world.promise("orders_to_wms", f"{SHOP}:1@LEEDS", order_key=f"{SHOP}:1", sent=body)
    return world


def test_an_order_the_shop_only_touched_was_not_edited() -> None:
    """Shops move updated_at for many reasons."""
    assert sent().found() == {}


def test_units_added_after_release_are_an_edit() -> None:
    """With the difference, after the window."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=3)
    boundary(world, ago(minutes=5), {f"{SHOP}:1": "lines"})
    assert world.row()["detail"] == "#1: lines B had 1, now 3"


def test_a_line_taken_off_after_release_is_an_edit() -> None:
    """The warehouse would still send it."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=0)
    assert world.row()["detail"] == "#1: lines B had 1, now 0"


def test_an_order_whose_newest_record_was_not_understood_is_not_compared() -> None:
    """What its location is asked for is newer than what is known of it."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=0)
    aside = {"system": SHOP, "stream": "orders", "pull_id": "p", "line_no": 1, "set_aside_at": ago(minutes=9)}
    world.put("ops.set_aside", **aside, record_key="gid://shopify/Order/2", is_open=True)
    world.put("ops.set_aside", **aside, record_key="gid://shopify/Order/1", is_open=False)
    assert world.found() == {f"{SHOP}:1": "lines"}
    world.put("ops.set_aside", **aside, record_key="gid://shopify/Order/1", is_open=True)
    assert world.found() == {}


def test_an_order_that_was_not_read_since_its_location_acted_is_not_compared() -> None:
    """It fell out of the list while that was read: its units are told of, and no fulfilment is known yet."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    world.change("marts.fulfilment_orders", "true", status_code="closed", updated_at=ago(minutes=10))
    world.change("marts.orders", "true", read_at=ago(minutes=15))
    assert world.found() == {}
    world.pulls(ago(minutes=8))
    assert world.found() == {}
    world.pulls(ago(minutes=4))
    assert world.found() == {f"{SHOP}:1": "lines"}  # twice it was not among what had changed
    world.clear("ops.pulls")
    world.change("marts.orders", "true", read_at=ago(minutes=9))
    assert world.found() == {f"{SHOP}:1": "lines"}


def test_an_edit_has_arrived_when_the_warehouse_is_like_the_shop() -> None:
    """Whoever carried it there."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=3)
    world.change("marts.warehouse_order_lines", "sku = 'B'", qty=3)
    assert world.found() == {}


def test_what_the_warehouse_changed_by_itself_is_no_edit() -> None:
    """The shop still says what was sent."""
    world = sent()
    world.change("marts.warehouse_order_lines", "sku = 'B'", qty=2)
    world.change("marts.warehouse_orders", "true", ship_to_line1="1, Upper High Street")
    assert world.found() == {}


def test_what_a_warehouse_left_out_and_the_shop_refunded_is_no_edit() -> None:
    """Closed short: neither side expects it any more."""
    world = sent()
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=0)
    world.change("marts.warehouse_orders", "true", status_code="shipped", shipped_at=ago(minutes=30))
    world.change("marts.warehouse_order_lines", "sku = 'A'", shipped_qty=2)
    world.fulfilment("1", "f1", {1: 2}, ["T1"])
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-1'", remaining_qty=0)
    assert world.found() == {}


def test_a_part_that_was_sent_and_told_still_counts() -> None:
    """Fulfilled units are wanted units; a later return changes nothing."""
    world = sent()
    world.fulfilment("1", "f1", {1: 2}, ["T1"])
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-1'", remaining_qty=0)
    world.change("marts.order_lines", "true", current_qty=0)
    assert world.found() == {}


def test_an_order_that_two_warehouses_sent_is_not_counted_twice() -> None:
    """Each has its own part; what the shop was told of is told of once."""
    world = sent()
    world.change("mappings.facilities", "facility = 'YORK'", warehouse_system="tpl_uk")
    world.change("marts.warehouse_order_lines", "sku = 'B'", qty=0)
    world.warehouse_order("91", "1", ("B", 1), system="tpl_uk", warehouse_order_key="tpl_uk:91")
    world.change(
        "marts.warehouse_order_lines", "warehouse_order_key like '%:91'", warehouse_order_key="tpl_uk:91"
    )
    world.fulfilment("1", "f1", {1: 2, 2: 1}, ["T1"])
    world.change("marts.fulfilment_order_lines", "true", remaining_qty=0)
    assert world.found() == {}
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=1)
    assert world.row()["detail"] == "#1: lines B had 1, now 2"


def test_an_address_changed_after_release_is_an_edit_and_never_shown() -> None:
    """The fields are named, not told."""
    world = sent(ship_to_line1="2 Low Rd", ship_to_postcode="LS2 2BB")
    row = world.row()
    assert (row["cause"], row["detail"]) == ("address", "#1: address line 1, postcode")


def test_blanks_case_and_points_are_no_other_address() -> None:
    """A warehouse may write an address its own way."""
    world = sent()
    world.change("marts.warehouse_orders", "true", ship_to_line1="1  HIGH ST.", ship_to_city="leeds")
    assert world.found() == {}


def test_another_delivery_option_is_an_edit_and_another_mapping_is_not() -> None:
    """What the customer chose counts, not what we make of it."""
    world = sent(delivery_option="Next Day Delivery")
    world.put(
        "mappings.delivery_options", system=SHOP, delivery_option="Next Day Delivery", warehouse_system=WMS,
        delivery_method_id="12",
    )  # fmt: skip
    assert world.found() == {f"{SHOP}:1": "delivery_option"}
    world = sent()
    world.change("mappings.delivery_options", "true", delivery_method_id="99")
    assert world.found() == {}


def test_another_facility_is_an_edit() -> None:
    """The lines moved to a location the order was not sent to."""
    world = sent()
    for table in ("fulfilment_orders", "fulfilment_order_lines"):
        world.change(f"marts.{table}", "true", location_id="1002")
    assert world.found() == {f"{SHOP}:1": "facility"}
    world.allocation("90", {"A": 2, "B": 1}, facility="YORK")
    assert world.found() == {}


@pytest.mark.parametrize(
    "values", [{"cancelled_at": NOW}, {"is_test": True}, {"updated_at": ago(minutes=55)}]
)
def test_cancelled_orders_and_those_unchanged_since_are_not_compared(values: dict) -> None:
    """Cancelling has a rule of its own."""
    world = sent(**values)
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=3)
    assert world.found() == {}


def test_an_edit_between_the_send_and_its_end_is_compared() -> None:
    """A bridge takes its time, and what it carries is from before."""
    world = sent(updated_at=ago(minutes=52))
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=3)
    assert world.found() == {f"{SHOP}:1": "lines"}


def test_an_order_somebody_else_sent_is_compared_by_its_units() -> None:
    """There is no record of what was sent."""
    world = sent()
    world.connection.execute("DELETE FROM ops.operations")
    assert world.found() == {}
    world.change("marts.fulfilment_order_lines", "order_line_key like '%-2'", remaining_qty=3)
    assert world.found() == {f"{SHOP}:1": "lines"}
