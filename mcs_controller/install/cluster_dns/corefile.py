"""Reads a CoreDNS Corefile as far as an edit needs: its server blocks, their keys, and their directives.

It follows the file format's own rules for words, quotes, comments and braces, and looks into nothing else:
what a plugin means by its arguments is not known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from mcs_controller.install.cluster_dns.errors import Unreadable

DEFAULT_PORT: Final = "53"
_SCHEME: Final = "dns"


class Word(NamedTuple):
    """One word, without its quotes, and the line that it begins on, counted from 1."""

    text: str
    line: int


class Served(NamedTuple):
    """What one key of a server block says; the zone in lower case, without the last dot ("" is the root)."""

    scheme: str
    zone: str
    port: str


@dataclass(frozen=True, slots=True)
class Block:
    """One server block."""

    served: tuple[Served, ...]
    directives: tuple[tuple[str, ...], ...]
    """Its lines, each as its words without braces; what is in inner braces follows as lines of its own."""


@dataclass(frozen=True, slots=True)
class Corefile:
    """A Corefile's server blocks, and the files that it takes in between them (`import`)."""

    blocks: tuple[Block, ...]
    imports: tuple[str, ...]


def read_corefile(text: str) -> Corefile:
    """The blocks of a Corefile. Raises Unreadable."""
    lines = list(_lines(text))
    blocks: list[Block] = []
    imports: list[str] = []
    at = 0
    while at < len(lines):
        first = lines[at][0]
        if first.text == "import":
            imports += [word.text for word in lines[at][1:]]
            at += 1
            continue
        keys, at = _keys(lines, at)
        directives, at = _body(lines, at, first.line)
        if not keys[0].startswith("("):
            blocks.append(Block(tuple(_served(key) for key in keys), directives))
    return Corefile(tuple(blocks), tuple(imports))


def _keys(lines: list[list[Word]], at: int) -> tuple[list[str], int]:
    """The words before an opening brace, which may stand on several lines, and the line after that brace."""
    keys: list[str] = []
    first = lines[at][0]
    while at < len(lines):
        *words, last = [word.text for word in lines[at]]
        at += 1
        if last != "{":
            words.append(last)
        keys += words
        if "{" in words or "}" in words or not keys:
            break
        if last == "{" or (not last.endswith(",") and at < len(lines) and _opens(lines[at])):
            return [key.rstrip(",") for key in keys], at + (last != "{")
        if not last.endswith(","):
            break
    raise Unreadable(first.line, f"{first.text!r} is no server block in braces")


def _opens(line: list[Word]) -> bool:
    return len(line) == 1 and line[0].text == "{"


def _body(lines: list[list[Word]], at: int, began: int) -> tuple[tuple[tuple[str, ...], ...], int]:
    directives: list[tuple[str, ...]] = []
    depth = 1
    while at < len(lines):
        words = tuple(word.text for word in lines[at])
        at += 1
        if words == ("}",):
            depth -= 1
            if depth == 0:
                return tuple(directives), at
            continue
        if "}" in words:
            raise Unreadable(lines[at - 1][0].line, "a closing brace must stand alone on its line")
        directives.append(tuple(word for word in words if word != "{"))
        depth += words.count("{")
    raise Unreadable(began, "the server block that begins here has no closing brace")


def _served(key: str) -> Served:
    scheme, found, rest = key.rpartition("://")
    zone, colon, port = rest.rpartition(":")
    if not colon or not (port.isdecimal() or port.startswith("{")):
        zone, port = rest, DEFAULT_PORT
    return Served(scheme.lower() if found else _SCHEME, zone.rstrip(".").lower(), port)


def _lines(text: str) -> Iterator[list[Word]]:
    """The words of each line that has some."""
    words: list[Word] = []
    line = 1
    for word in _words(text):
        if word.line != line and words:
            yield words
            words = []
        line = word.line + word.text.count("\n")
        words.append(word)
    if words:
        yield words


def _words(text: str) -> Iterator[Word]:
    at, line = 0, 1
    while at < len(text):
        char = text[at]
        if char.isspace():
            line += char == "\n"
            at += 1
        elif char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif char == '"':
            word, at = _quoted(text, at, line)
            yield Word(word, line)
            line += word.count("\n")
        else:
            end = at
            while end < len(text) and not text[end].isspace():
                end += 1
            yield Word(text[at:end], line)
            at = end


def _quoted(text: str, at: int, line: int) -> tuple[str, int]:
    """What stands between the quote at `at` and the next without a backslash, and the offset after that."""
    word: list[str] = []
    end = at + 1
    while end < len(text):
        if text[end] == "\\" and text[end + 1 : end + 2] == '"':
            word.append('"')
            end += 2
        elif text[end] == '"':
            return "".join(word), end + 1
        else:
            word.append(text[end])
            end += 1
    raise Unreadable(line, "a quote is not closed")
