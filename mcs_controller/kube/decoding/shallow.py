"""JSON without what is nested too deeply to be parsed.

JSON parsers have a limit on nesting (here: 200 levels, or Python's own recursion limit even for what they
only skip), an API server takes 10,000, and `metadata.managedFields` may hold any JSON. So one object could
make a whole list unreadable. Nothing that we read lies deeper than a few levels: what a parser refuses is
walked through here without recursion, and parsed again without the depths.

This is some fifty times slower than the parsers, and for what they refused only.
"""

import re
import sys
from typing import Final

from mcs_controller.kube.pacing.turns import Turn

LEVELS_MAX: Final = 64
"""Far more than any field that is read, in the third element of a list, far less than a parser's limit."""

_MANAGED_FIELDS_LEVEL_MAX: Final = 5
"""Where `managedFields` lies in an item of a list; it is one level up in a watch event, two in an object."""

_BRACKETS_PER_STEP: Final = 256


def _repeated(pattern: bytes) -> bytes:
    """Any number of times, and never back. Possessive groups match wrongly before Python 3.11.5 (Debian 12
    has 3.11.2): there an atomic one takes some sixty bytes of memory for each time."""
    return b"(?:%b)*+" % pattern if sys.version_info >= (3, 11, 5) else b"(?>(?:%b)*)" % pattern


_PLAIN: Final = rb'[^"{}\[\]]*+'
_STRING: Final = rb'"[^"\\]*+' + _repeated(rb'\\.[^"\\]*+') + rb'"'
_FLAT: Final = _PLAIN + _repeated(_STRING + _PLAIN)
_TO_NEXT_BRACKET: Final = re.compile(
    _FLAT + _repeated(rb"[{\[]" + _FLAT + rb"[}\]]" + _FLAT) + rb"([{}\[\]])", re.DOTALL
)
"""Up to and with the next bracket that has brackets inside, or that closes one which has. It goes over each
byte twice at the most and never back."""

_MANAGED_FIELDS: Final = re.compile(rb'"managedFields"\s*+:\s*+$')
_KEY_MAX_BYTES: Final = 32


async def shallow(text: bytes, turn: Turn) -> bytes:
    """`text`, an object or list in JSON, with null for `managedFields` and for what is nested too deeply.

    It is as long as before: blanks fill the gaps, so that the size of each object in it stays what it was.
    Raises `ValueError` where brackets or quotes do not match. Takes turns, since it may be megabytes.
    """
    pieces: list[bytes] = []
    at = kept = level = 0
    cut_from, cut_level = 0, 0
    while True:
        began = turn.now()
        for _ in range(_BRACKETS_PER_STEP):
            found = _TO_NEXT_BRACKET.match(text, at)
            if found is None:
                raise ValueError("brackets or quotes that do not match")
            at = found.end()
            if text[at - 1] in b"{[":
                level += 1
                if not cut_level and (level > LEVELS_MAX or _is_managed_fields(text, at - 1, level)):
                    cut_from, cut_level = at - 1, level
                continue
            if cut_level == level:
                pieces += (text[kept:cut_from], b"null".ljust(at - cut_from))
                kept, cut_level = at, 0
            level -= 1
            if level <= 0:
                pieces.append(text[kept:])
                return b"".join(pieces)
        if turn.used_up_by(turn.now() - began):
            await turn.pause()


def _is_managed_fields(text: bytes, at: int, level: int) -> bool:
    return level <= _MANAGED_FIELDS_LEVEL_MAX and bool(
        _MANAGED_FIELDS.search(text[max(0, at - _KEY_MAX_BYTES) : at])
    )
