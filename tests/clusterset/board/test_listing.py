"""Searching and paging: whatever the address says, a bounded page of what fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.board.listing import PER_PAGE, SHOWS, Query, read_query, select
from mcs_controller.clusterset.board.rows import Mark, ServiceRow
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.model import Dispute


def row(
    name: str, *marks: Mark, namespace: str = "shop", clusters: tuple[str, ...] = ("east",)
) -> ServiceRow:
    key = ServiceKey(namespace, name)
    dispute = Dispute(key, "PortConflict", clusters) if "conflict" in marks else None
    imported = "not imported" not in marks and "no namespace here" not in marks
    return ServiceRow(key, "Headless", clusters, (), 1, 1, marks, "here" in name, imported, dispute, ())


ROWS = [
    row("api"),
    row("cart", "conflict", clusters=("east", "west")),
    row("db", "held"),
    row("here-it-is"),
    row("web", "no namespace here", namespace="front"),
    row("worker", "not imported"),
]


def names(**parameters: str) -> list[str]:
    return [one.service.name for one in select(ROWS, read_query(parameters)).rows]


def test_without_a_question_all_are_shown() -> None:
    assert names() == ["api", "cart", "db", "here-it-is", "web", "worker"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"q": "W"}, ["web", "worker"]),
        ({"q": "front/"}, ["web"]),
        ({"q": "shop/w"}, ["worker"]),
        ({"from": "west"}, ["cart"]),
        ({"from": "wes"}, []),
        ({"show": "attention"}, ["cart", "db", "worker"]),
        ({"show": "conflict"}, ["cart"]),
        ({"show": "held"}, ["db"]),
        ({"show": "exported-here"}, ["here-it-is"]),
        ({"show": "not-imported"}, ["web", "worker"]),
        ({"show": "attention", "q": "c", "from": "east"}, ["cart"]),
        ({"show": "nonsense", "page": "-7"}, ["api", "cart", "db", "here-it-is", "web", "worker"]),
    ],
)
def test_a_question_narrows_it(parameters: dict[str, str], found: list[str]) -> None:
    assert names(**parameters) == found


def test_a_list_of_thousands_comes_in_pages() -> None:
    rows = [row(f"svc-{number:05}") for number in range(5000)]
    first, last = select(rows, Query()), select(rows, Query(page=100))
    assert (first.pages, first.found, first.total, len(first.rows)) == (100, 5000, 5000, PER_PAGE)
    assert last.rows[-1].service.name == "svc-04999"
    assert select(rows, Query(page=999_999)) == last


@pytest.mark.parametrize(
    ("number", "pages"), [(0, 1), (1, 1), (PER_PAGE, 1), (PER_PAGE + 1, 2), (2 * PER_PAGE + 1, 3)]
)
def test_each_service_is_on_one_page(number: int, pages: int) -> None:
    rows = [row(f"svc-{one:05}") for one in range(number)]
    listings = [select(rows, Query(page=page)) for page in range(1, pages + 1)]
    assert [one.service for listing in listings for one in listing.rows] == [one.service for one in rows]
    assert {listing.pages for listing in listings} == {pages}


def test_what_an_address_asks_for_is_bounded() -> None:
    query = read_query({"q": "x" * 9999, "from": "y" * 9999, "page": "9" * 9999})
    assert query == Query("x" * 128, "all", "y" * 128, 1)


def test_the_address_of_a_page_leads_back_to_its_question() -> None:
    query = Query("a b&c=<d>", "held", "west", 3)
    assert query.address(4) == "?q=a+b%26c%3D%3Cd%3E&show=held&from=west&page=4"
    assert Query().address(1) == ""


@given(st.dictionaries(st.sampled_from(["q", "show", "from", "page", "x"]), st.text(max_size=300)))
def test_no_question_is_an_error(parameters: dict[str, str]) -> None:
    query = read_query(parameters)
    assert query.show in SHOWS
    assert 1 <= query.page < 1_000_000
    assert len(query.text) <= 128
    assert len(query.cluster) <= 128
    assert select(ROWS, query).page == 1
