"""Tables inside Markdown pages, between `<!-- NAME -->` and `<!-- end -->`, that are made from the code."""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def with_table(page: str, name: str, table: str) -> str:
    """The page with the table of this name replaced."""
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    if not end:
        raise LookupError(f"the page has no markers for {name}")
    return f"{before}{begin}{table}\n{end}{after}"
