#!/usr/bin/env python3
"""Is hack/lock/requirements.txt a lock of what pyproject.toml asks for? Without the network.

Every direct requirement has a pin that satisfies it, every pin has a hash, and every pin is there for a
direct requirement or for another pin: the comments that the resolver leaves say for which. Whether the pins
still fit each other only the resolver can tell (`make lock`).
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "hack" / "lock" / "requirements.txt"
_DIRECT = re.compile(r"\(pyproject\.toml(:\w+)?\)$")


@dataclass(slots=True)
class Pin:
    requirement: Requirement
    hashed: bool = False
    needed_by: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def pins_of(lock: str) -> dict[str, Pin]:
    """By canonical name. A pin is a line of its own, then hashes and what it is needed by, indented."""
    found: dict[str, Pin] = {}
    pin = None
    for line in lock.splitlines():
        text = line.strip().removesuffix("\\").strip()
        if line[:1].isalnum():
            requirement = Requirement(text)
            pin = found[canonicalize_name(requirement.name)] = Pin(requirement)
        elif pin is not None and text.startswith("--hash="):
            pin.hashed = True
        elif pin is not None and text.startswith("#"):
            name = text.removeprefix("#").strip().removeprefix("via").strip()
            pin.needed_by += [name] if name else []
    return found


def direct_requirements(project: Mapping[str, Any]) -> Iterator[Requirement]:
    """What the program, its extras and the development group ask for by name."""
    listed = [
        project["project"]["dependencies"],
        *project["project"].get("optional-dependencies", {}).values(),
        *project.get("dependency-groups", {}).values(),
    ]
    return (Requirement(text) for group in listed for text in group)


def problems(project: Mapping[str, Any], lock: str) -> Iterator[str]:
    """What is wrong, a line each."""
    pins = pins_of(lock)
    direct: set[str] = set()
    for requirement in direct_requirements(project):
        name = canonicalize_name(requirement.name)
        direct.add(name)
        pin = pins.get(name)
        if pin is None:
            yield f"{requirement}: no pin"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{requirement}: the pin is {pin.version}"
        elif not any(map(_DIRECT.search, pin.needed_by)):
            yield f"{requirement}: pinned for {', '.join(pin.needed_by)} only"
    for pinned, pin in pins.items():
        if not pin.hashed:
            yield f"{pinned}: no hash"
        wanted = pinned in direct and any(map(_DIRECT.search, pin.needed_by))
        if not wanted and not any(canonicalize_name(one) in pins for one in pin.needed_by):
            yield f"{pinned}: pinned, and needed by nothing"


def main() -> int:
    found = list(problems(tomllib.loads((ROOT / "pyproject.toml").read_text()), LOCK.read_text()))
    for line in found:
        print(f"hack/lock/requirements.txt: {line}: run `make lock`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
