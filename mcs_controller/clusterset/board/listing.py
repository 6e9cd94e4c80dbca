"""Searching and paging the list of services: whatever is asked, the answer is short."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlencode

from mcs_controller.clusterset.board.rows import ServiceRow

Show = Literal["all", "attention", "conflict", "held", "exported-here", "not-imported"]
SHOWS: Final[tuple[Show, ...]] = get_args(Show)
PER_PAGE: Final = 50
TEXT_MAX_CHARS: Final = 128
_PAGE_MAX_DIGITS: Final = 6


class Query(NamedTuple):
    """What is asked for: a part of `namespace/name`, what to show, services of one exporter ("" for all).

    `page` counts from 1.
    """

    text: str = ""
    show: Show = "all"
    cluster: str = ""
    page: int = 1

    def address(self, page: int) -> str:
        """The query of an address, from `?` on, for another page; "" for the whole list."""
        named: dict[str, str | int] = {"q": self.text, "show": self.show, "from": self.cluster, "page": page}
        usual: dict[str, str | int] = {"q": "", "show": "all", "from": "", "page": 1}
        given = {name: value for name, value in named.items() if value != usual[name]}
        return f"?{urlencode(given)}" if given else ""


def read_query(parameters: Mapping[str, str]) -> Query:
    """The query of an address. What makes no sense is as if it were not there."""
    show, page = parameters.get("show", ""), parameters.get("page", "")
    return Query(
        parameters.get("q", "").strip()[:TEXT_MAX_CHARS].lower(),
        show if show in SHOWS else "all",
        parameters.get("from", "")[:TEXT_MAX_CHARS],
        max(1, int(page)) if page.isascii() and page.isdigit() and len(page) <= _PAGE_MAX_DIGITS else 1,
    )


class Listing(NamedTuple):
    """One page of what was `found`, of a `total` of services."""

    rows: tuple[ServiceRow, ...]
    found: int
    total: int
    page: int
    pages: int


def select(rows: Sequence[ServiceRow], query: Query) -> Listing:
    """The page that is asked for, or the last one; `rows` are in the order in which they are shown."""
    found = [row for row in rows if _is_wanted(row, query)]
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(query.page, pages)
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    return Listing(tuple(shown), len(found), len(rows), page, pages)


def _is_wanted(row: ServiceRow, query: Query) -> bool:
    if query.text and query.text not in f"{row.service.namespace}/{row.service.name}":
        return False
    if query.cluster and query.cluster not in row.clusters:
        return False
    match query.show:
        case "all":
            return True
        case "attention":
            return row.needs_attention
        case "conflict":
            return row.dispute is not None
        case "held":
            return "held" in row.marks
        case "exported-here":
            return row.is_exported_here
        case "not-imported":
            return not row.is_imported_here
