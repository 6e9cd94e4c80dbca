#!/usr/bin/env python3
"""Prints those pins of hack/lock/requirements.txt, hashes included, that the named packages need.

Name `mcs-controller` for what the program needs to run; a package that is pinned itself is printed, too. The
comments that the resolver leaves say what each is pinned for. It needs nothing but Python, for
hack/image/Dockerfile.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent / "requirements.txt"
_NAME = re.compile(r"[\w.-]+")
# `name (pyproject.toml)` is a dependency of the program, `name (pyproject.toml:dev)` one of its group dev.
_NEEDED_BY = re.compile(r"#(?: +via)? +([\w.-]+)(?: \(pyproject\.toml\))?$")


def blocks_of(lock: str) -> dict[str, list[str]]:
    """Each pin's lines by its name: the pin, then, indented, hashes and what it is needed by."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in lock.splitlines():
        started = _NAME.match(line)
        if started:
            lines = found[started[0]] = []
        lines.append(line)
    return found


def subset(lock: str, names: set[str]) -> list[str]:
    """The lines of these packages and of all that they need."""
    blocks = blocks_of(lock)
    needed_by = {
        name: {found[1] for line in lines if (found := _NEEDED_BY.search(line.strip()))}
        for name, lines in blocks.items()
    }
    needed, more = set(names), set(names)
    while more:
        more = {name for name in blocks if name not in needed and needed_by[name] & needed}
        needed |= more
    return [line for name in blocks if name in needed for line in blocks[name]]


if __name__ == "__main__":
    print("\n".join(subset(LOCK.read_text(), set(sys.argv[1:]))))
