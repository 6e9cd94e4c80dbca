"""What a page has its readers run: each command with its arguments, in a block or in a sentence."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CODE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_BETWEEN = "|&;()<>\n"
_WORDS_BETWEEN = frozenset({"do", "done", "then", "fi"})
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True, slots=True)
class Invocation:
    place: str
    argv: tuple[str, ...]


def in_script(place: str, script: str) -> Iterator[Invocation]:
    """Of shell text; what comes from another command or a here-document stays as it is written."""
    text = re.sub(r"<<(\w+)\n.*?^\1$", "", script, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    lexer = shlex.shlex(
        re.sub(r"(^| )#.*$", "", text, flags=re.MULTILINE), posix=True, punctuation_chars=_BETWEEN
    )
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    yield from _split(place, list(lexer))


def _split(place: str, words: list[str]) -> Iterator[Invocation]:
    current: list[str] = []
    for word in [*words, ";"]:
        if word in _WORDS_BETWEEN or not word.strip(_BETWEEN):
            if current:
                yield Invocation(place, tuple(current))
            current = []
        elif current or not _ASSIGNMENT.match(word):
            current.append(word)


def in_sentences(page: Path, programs: frozenset[str]) -> Iterator[Invocation]:
    """Of the code in a page's sentences, what begins with one of these programs and has more words."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for code in _CODE.findall(text):
        first, _, rest = code.partition(" ")
        if first in programs and rest:
            yield from in_script(page.name, " ".join(code.split()))


def only_reads(invocation: Invocation) -> bool:
    """Whether a command of kubectl is whole, and changes nothing: it can be run anywhere."""
    program, *words = invocation.argv
    return program == "kubectl" and bool({"get", "describe"} & set(words)) and bool({"-n", "-A"} & set(words))
