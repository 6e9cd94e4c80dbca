"""A wall clock for one program that is wrong, and jumps while the program runs (libfaketime).

What NTP or an administrator does when a clock is set: CLOCK_REALTIME jumps, CLOCK_MONOTONIC goes on as if
nothing had happened, files keep the times that they have. So only the first is moved here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLLOWED_WITHIN_SECONDS: Final = 2.0
"""After `jump` the program has the new time within that."""


class WrongClock:
    """`around` is what a program is started with, before its own command."""

    def __init__(self, file: Path, offset_seconds: float = 0.0) -> None:
        self._file = file
        self.jump(offset_seconds)

    def jump(self, offset_seconds: float) -> None:
        """From now on the clock is so much ahead, or behind when less than zero."""
        staged = self._file.with_name(f".{self._file.name}")
        staged.write_text(f"{offset_seconds:+.3f}\n")
        staged.replace(self._file)

    @property
    def around(self) -> tuple[str, ...]:
        return (
            "env",
            f"LD_PRELOAD={_libraries()[0]}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_CACHE_DURATION=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        )


def can_be_wrong() -> bool:
    """Whether the Debian package `faketime` is here, or the library where that has it."""
    return any(_libraries())


def _libraries() -> list[Path]:
    return list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
