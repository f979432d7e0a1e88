"""The extract of Veeqo's API Blueprint, against which every request is held (``test_contract_suite``)."""

from __future__ import annotations

from cogent_pipelines_tests.vendors.veeqo_kit import blueprint


def test_the_extractor_sees_what_a_reader_sees() -> None:
    """Spot checks by eye, so that nothing can pass on an empty extract."""
    orders = ("GET", "/orders")
    known = blueprint()
    assert {
        "updated_at_min",
        "created_at_min",
        "query",
        "status",
        "page",
        "page_size",
    } <= known.parameters[orders]
    asked = known.attributes["POST", "/orders"]
    assert {
        "order.number",
        "order.line_items_attributes.sellable_id",
        "order.deliver_to_attributes.zip",
    } <= asked
    assert "order.status" not in asked
    assert "allocation.warehouse_id" in known.attributes["POST", "/orders/{}/allocations"]
    assert "note.text" in known.attributes["POST", "/orders/{}/notes"]
