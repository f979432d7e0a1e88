"""Fulfil's edge before and around the records: token, quota, searches, tagged values, errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cogent_pipelines.sandbox.kit import Outage
from cogent_pipelines.sandbox.world import warehouse as rules
from cogent_pipelines.sandbox.world.world import Odd
from cogent_pipelines_tests.sandbox.fulfil_account import Account

SEARCH = "sale.sale/search_read"


def at(seconds: float, account: Account) -> dict[str, Any]:
    """An instant from now, as a filter takes it."""
    moment = account.world.now + timedelta(seconds=seconds)
    return {"__class__": "datetime", "iso_string": moment.isoformat()}


@pytest.fixture
def account() -> Account:
    """An account with nothing ordered."""
    return Account()


@pytest.mark.parametrize("key", ["wrong", "", None])
def test_a_wrong_token_is_refused(account: Account, key: str | None) -> None:
    """401 with a body of the HTTP level."""
    answer = account.call("PUT", SEARCH, {}, key=key)
    assert answer.status == 401
    assert (answer.json()["code"], answer.json()["name"]) == (401, "Unauthorized")


def test_the_token_is_proved_good_by_the_preferences(account: Account) -> None:
    """The documented check."""
    assert account.put("res.user/get_preferences", [True])["timezone"] == "UTC"


def test_ten_calls_a_second_and_headers_on_every_answer(account: Account) -> None:
    """The eleventh is told when to come again; the second after, all is as at first."""
    left = [account.call("PUT", SEARCH, {}, waits=0).headers["x-ratelimit-remaining"] for _ in range(10)]
    assert left == [str(n) for n in range(9, -1, -1)]
    answer = account.call("PUT", SEARCH, {}, waits=0)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert answer.json() == {
        "code": 429,
        "name": "Too Many Requests",
        "description": "This user has exceeded an allotted request count. Try again later.",
    }
    reset = int(answer.headers["x-ratelimit-reset"])
    assert 0 < reset - account.world.now.timestamp() <= 1
    assert account.call("PUT", SEARCH, {}, waits=1).status == 200


def test_a_page_too_large_is_refused_with_the_same_status_and_other_words(account: Account) -> None:
    """And nothing says when to come again."""
    answer = account.call("PUT", SEARCH, {"limit": 501})
    assert (answer.status, answer.json()["description"]) == (429, "Page size cannot exceed 500")
    assert "retry-after" not in answer.headers


def test_a_page_past_the_end_is_the_end(account: Account) -> None:
    """No total and no next page: fewer than asked for."""
    placed = [account.place(f"N{n}").id for n in range(3)]
    order = [["id", "ASC"]]
    pages = [
        [r["id"] for r in account.search("sale.sale", limit=2, offset=n, order=order)] for n in (0, 2, 4)
    ]
    assert pages == [placed[:2], placed[2:], []]


def test_both_bodies_of_a_search_are_understood(account: Account) -> None:
    """By names, and by place."""
    account.place("N1")
    by_name = {"filters": [["channel", "=", 4]], "fields": ["number"], "limit": 5, "offset": 0}
    by_place = [[["channel", "=", 4]], 0, 5, [["id", "ASC"]], ["number"]]
    assert account.put(SEARCH, by_name) == account.put(SEARCH, by_place)


def test_the_key_is_filters_in_a_body_and_filter_in_an_address(account: Account) -> None:
    """The other one is overlooked, and everything answers."""
    for n in range(3):
        account.place(f"N{n}")
    clause = [["channel_identifier", "=", "N1"]]
    assert len(account.put(SEARCH, {"filters": clause})) == 1
    assert len(account.put(SEARCH, {"filter": clause})) == 3
    text = '[["channel_identifier","=","N1"]]'
    assert len(account.call("GET", "sale.sale", filter=text).json()) == 1
    assert len(account.call("GET", "sale.sale", filters=text).json()) == 3


def test_values_that_json_has_no_type_for_name_their_class(account: Account) -> None:
    """Money, days and instants; instants are UTC and do not say so; never edited is null."""
    account.place("N1")
    fields = ["total_amount", "sale_date", "create_date", "write_date"]
    (found,) = account.search("sale.sale", fields=fields)
    assert found["total_amount"] == {"__class__": "Decimal", "decimal": "48.00"}
    assert found["sale_date"]["iso_string"] == "2026-11-02"
    assert found["create_date"]["iso_string"] == "2026-11-02T06:00:00"
    assert found["write_date"] is None


def test_a_filter_on_the_write_date_alone_loses_what_was_never_edited(account: Account) -> None:
    """The instant made must be asked about as well."""
    account.place("N1")
    since = at(-60, account)
    assert account.search("sale.sale", ["write_date", ">", since]) == []
    either = ["OR", [["write_date", ">", since]], [["create_date", ">", since]]]
    assert len(account.search("sale.sale", either)) == 1
    assert account.search("sale.sale", ["OR", [["create_date", ">", at(60, account)]]]) == []


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        (["channel_identifier", "!=", "N1"], 2),
        (["channel_identifier", "in", ["N1", "N2", "X"]], 2),
        (["channel_identifier", "not in", ["N1"]], 2),
        (["channel_identifier", "like", "N%"], 3),
        (["channel_identifier", "like", "n%"], 0),
        (["channel_identifier", "ilike", "n_"], 0),
        (["channel_identifier", "ilike", "%1"], 1),
        (["total_amount", ">=", {"__class__": "Decimal", "decimal": "48.00"}], 3),
        (["sale_date", "<", {"__class__": "date", "iso_string": "2026-11-02"}], 0),
        (["channel.name", "=", "Webshop"], 3),
    ],
)
def test_operators(account: Account, clause: Any, count: int) -> None:
    """Those the brief lists."""
    for n in range(3):
        account.place(f"N{n}")
    assert len(account.search("sale.sale", clause)) == count


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        (["lines.product", "=", 1], "not one record"),
        (["colour", "=", "red"], "not a field"),
        (["number", "resembles", "SO"], "not an operator"),
        (["create_date", ">", "2026-11-02"], "cannot be compared"),
    ],
)
def test_what_cannot_be_asked_is_refused(account: Account, clause: Any, said: str) -> None:
    """A list leads nowhere; neither does a field or an operator that there is not."""
    account.place("N1")
    code, body = account.refused(SEARCH, {"filters": [clause]})
    assert code == 400
    assert said in body["description"]


def test_a_dotted_field_comes_back_flat_under_its_whole_name(account: Account) -> None:
    """Through one record and through two."""
    account.place("N1")
    (line,) = account.search("sale.line", fields=["product.code", "sale.reference", "product.template.name"])
    assert line == {
        "id": line["id"],
        "product.code": "SKU-0001",
        "sale.reference": "N1",
        "product.template.name": "Item 1",
    }


def test_records_are_counted_read_and_shown_one_by_one(account: Account) -> None:
    """``search_count``, ``search``, ``read``, and the two GETs."""
    placed = [account.place(f"N{n}").id for n in range(3)]
    assert account.put("sale.sale/search_count", {"filters": []}) == 3
    assert account.put("sale.sale/search_count", [[["channel_identifier", "=", "N1"]]]) == 1
    assert account.put("sale.sale/search", [[]]) == placed
    assert account.put("sale.sale/read", [[placed[1]], ["number"]]) == [
        {"id": placed[1], "number": f"SO{placed[1]}"}
    ]
    assert account.call("GET", "sale.sale", page=2, per_page=2).json() == [
        {"id": placed[2], "rec_name": f"SO{placed[2]} (N2)"}
    ]
    assert account.call("GET", f"sale.sale/{placed[0]}").json()["channel_identifier"] == "N0"
    assert account.call("GET", "sale.sale", ids=f"{placed[0]},{placed[2]}", fields="reference").json() == [
        {"id": placed[0], "reference": "N0"},
        {"id": placed[2], "reference": "N2"},
    ]


@pytest.mark.parametrize(
    "path", ["sale.sale/read", "sale.mystery/search_read", "sale.sale/frobnicate", "sale.sale/9/cancel"]
)
def test_what_is_not_there_is_not_found(account: Account, path: str) -> None:
    """A record, a model or a method."""
    assert account.refused(path, [[999], ["id"]]) == (
        404,
        {"code": 404, "name": "Not Found", "description": "Record does not exist"},
    )


def test_levels_mean_nothing_without_a_location_and_of_several_are_the_sum(account: Account) -> None:
    """One location at a time, or by product and location."""
    key = account.sellables[0]
    rules.count_stock(account.world, account.warehouse, key, 42, 7)
    account.post()  # two of them are set aside at 41

    def level(context: str) -> tuple[float, float]:
        body = [[key], ["quantity_on_hand", "quantity_available"]]
        (found,) = account.put("product.product/read", body, context=context)
        return found["quantity_on_hand"], found["quantity_available"]

    assert level("{}") == (0.0, 0.0)
    assert level('{"locations":[41]}') == (100.0, 98.0)
    assert level('{"locations":[42]}') == (7.0, 7.0)
    assert level('{"locations":[41,42]}') == (107.0, 105.0)
    assert account.put("product.product/get_product_inventory", [[key], [41, 42]]) == {
        str(key): {
            "41": {"quantity_on_hand": 100.0, "quantity_available": 98.0},
            "42": {"quantity_on_hand": 7.0, "quantity_available": 7.0},
        }
    }


def test_withdrawn_products_are_listed_only_when_they_are_asked_about(account: Account) -> None:
    """As are all records that are not active."""
    rules.delete_sellable(account.world, account.warehouse, account.sellables[0])
    assert len(account.search("product.product")) == 4  # three and the one for delivery
    assert len(account.search("product.product", ["active", "in", [True, False]])) == 5


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("rate_limited", 429, "exceeded an allotted"),
        ("forbidden", 403, "not allowed"),
        ("token_expired", 401, "not valid"),
        ("not_found_yet", 404, "does not exist"),
        ("refused", 400, "UserError"),
        ("conflict", 409, "modified"),
        ("error_500", 500, "Internal"),
        ("unavailable", 503, "Unavailable"),
        ("bad_gateway_burst", 502, "Bad Gateway"),
    ],
)
def test_planted_refusals_have_the_vendors_words(account: Account, kind: str, status: int, said: str) -> None:
    """By kind of fault; a 5xx is text with a number to quote."""
    strike(account, f"PUT /model/{SEARCH}", kind)
    answer = account.call("PUT", SEARCH, {})
    assert answer.status == status
    assert said in answer.content.decode()
    assert ("x-sentry-id" in answer.headers) is (kind == "error_500")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("record_missing_from_list", [0]),
        ("duplicate_across_pages", [0, 0]),
        ("empty_list", []),
    ],
)
def test_a_list_can_be_wrong_in_ways_a_reader_must_survive(
    account: Account, kind: str, expected: list[int]
) -> None:
    """A record missing, repeated, or none at all."""
    ids = [account.place(f"N{n}").id for n in range(2)]
    strike(account, f"PUT /model/{SEARCH}", kind)
    assert [r["id"] for r in account.search("sale.sale")] == [ids[n] for n in expected]


def test_a_record_can_be_as_no_document_describes_it(account: Account) -> None:
    """Planted for one call, or for good."""
    order = account.place("ODD")
    strike(account, f"PUT /model/{SEARCH}", "unknown_status")
    assert account.search("sale.sale", fields=["state"])[0]["state"] == "inspection"
    account.world.odd.append(Odd("erp_uk", str(order.id), "total_amount", 7))
    assert account.search("sale.sale", fields=["total_amount"])[0]["total_amount"] == 7


def strike(account: Account, operation: str, kind: str) -> None:
    """Have the next call of an operation meet a fault."""
    now = account.world.now
    account.kit.faults.outages.append(Outage("erp_uk", operation, kind, now, now + timedelta(days=1), left=1))
