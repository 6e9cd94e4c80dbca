"""The shell commands of our pages, block by block.

A block is fenced as `sh`. Its page's test runs it as it stands, unless a comment on the line before it says
why no test does: `<!-- not run: REASON -->`. A block fenced as `text` right behind it is what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
)
_SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
_BLOCK = re.compile(
    r"""
    (?:^\ *<!--\ not\ run:\ (?P<not_run>[^\n]+?)\ -->\n)?
    ^(?P<indent>\ *)```sh\n
    (?P<commands>.*?)
    ^\ *```\n
    (?:\ *```text\n(?P<prints>.*?)^\ *```\n)?
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Block:
    page: str
    section: str
    """The heading of the second level above it."""
    line: int
    commands: str
    prints: tuple[str, ...]
    not_run: str | None
    """Why no test runs it."""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All of a page, in its order."""
    text = page.read_text()
    sections = [(0, ""), *((found.start(), found[1]) for found in _SECTION.finditer(text))]
    return [
        Block(
            page.relative_to(ROOT).as_posix(),
            next(title for start, title in reversed(sections) if start <= found.start()),
            text.count("\n", 0, found.start("commands")) + 1,
            dedent(found["commands"]),
            tuple(line.strip() for line in (found["prints"] or "").splitlines()),
            found["not_run"],
        )
        for found in _BLOCK.finditer(text)
    ]


def all_blocks() -> Iterator[Block]:
    for page in PAGES:
        yield from blocks_of(page)


def run_blocks(page: str) -> list[Block]:
    """Those of a page that its test runs."""
    return [block for block in blocks_of(ROOT / page) if block.not_run is None]
