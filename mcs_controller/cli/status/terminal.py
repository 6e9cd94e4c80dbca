"""Draws an overview on a terminal: once, or in place again and again.

In place, a frame is written as a whole over the one before it, and only what is left of a line is erased:
nothing flickers. That happens on the terminal's other screen, so that what stood there before comes back when
it ends; the last frame is then printed once more, to be read.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

from mcs_controller.clusterset.overview.text import Line, Tone

_CODES: Final[Mapping[Tone, str]] = {
    "heading": "1",
    "good": "32",
    "warning": "33",
    "problem": "31",
    "quiet": "2",
}
_OTHER_SCREEN, _OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
# Terminals that know these show a frame only when it is complete; others ignore them.
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"
_END_LINE: Final = "\x1b[K"
_WIDTH: Final = 100


class Terminal:
    """Where the result goes; `in_place` if frames can be drawn over each other."""

    def __init__(self, out: TextIO = sys.stdout, environment: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self.in_place = self._is_terminal and environment.get("TERM", "dumb") != "dumb"
        self._coloured = self.in_place and not environment.get("NO_COLOR")
        self._last: Sequence[Line] = ()

    def size(self) -> tuple[int, int | None]:
        """Columns, and lines (None: as many as it takes)."""
        if not self._is_terminal:
            return _WIDTH, None
        columns, lines = shutil.get_terminal_size()
        # The last line is for the prompt.
        return columns, lines - 1

    def print(self, lines: Sequence[Line]) -> None:
        """Once, below what stands there."""
        self._write("".join(f"{self._text(line)}\n" for line in lines))

    @contextmanager
    def frames(self) -> Iterator[None]:
        """`draw` may be called in the block; the terminal is then as it was before, with the last frame."""
        self._write(_OTHER_SCREEN)
        try:
            yield
        finally:
            self._write(_OWN_SCREEN)
            self.print(self._last)

    def draw(self, lines: Sequence[Line]) -> None:
        """Replace what is shown."""
        self._last = lines
        frame = "\r\n".join(f"{self._text(line)}{_END_LINE}" for line in lines)
        self._write(f"{_BEGIN_FRAME}{frame}{_END_FRAME}")

    def _text(self, line: Line) -> str:
        code = _CODES.get(line.tone) if self._coloured else None
        return f"\x1b[{code}m{line.text}\x1b[0m" if code and line.text else line.text

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
