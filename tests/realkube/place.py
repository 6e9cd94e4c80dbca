"""Where the programs of a run listen: on this machine's loopback, or inside a network namespace.

Whole clusters have an API server that must reach pods and be reached by nodes, and no address of the
machine itself may be used for that: then everything lives in namespaces, and this is the way in. The rest
of the harness asks a place and does not tell the two apart.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Place:
    address: str
    """IPv4, where servers listen for others than their own place."""
    netns: Path | None = None

    def command(self, argv: Sequence[str | Path]) -> list[str | Path]:
        """What starts this program there."""
        return [*argv] if self.netns is None else ["nsenter", f"--net={self.netns}", *argv]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile belong to the place, also afterwards."""
        if self.netns is None:
            yield
            return
        with open("/proc/thread-self/ns/net") as home, self.netns.open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


LOOPBACK = Place("127.0.0.1")


def _enter(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot enter a network namespace: {os.strerror(number)}")
