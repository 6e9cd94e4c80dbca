"""Where scripts keep what takes minutes to make, outside the checkout: MCS_CACHE_DIR, or the user's cache."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class BuildError(Exception):
    """One line for the user, and the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def cache_root(name: str) -> Path:
    """The folder for things of one kind; it need not exist."""
    own = os.environ.get("MCS_CACHE_DIR")
    if own:
        return Path(own).absolute() / name
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mcs-controller" / name


@contextlib.contextmanager
def only_builder(root: Path) -> Iterator[None]:
    """Nobody else builds there meanwhile; the folder exists afterwards."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
