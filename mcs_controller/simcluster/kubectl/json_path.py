"""The JSONPaths that printer columns of CRDs use: fields, and the item of a list that has a value in a field.

`.status.conditions[?(@.type=="Ready")].status` is the longest form. Where several items match, an API server
shows the first, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_STEP = re.compile(r'\.(?P<field>[\w-]+)|\[\?\(@\.(?P<key>[\w-]+)=="(?P<value>[^"]*)"\)\]', re.ASCII)


class _Field(NamedTuple):
    name: str

    def of(self, value: Any) -> Any:
        return value.get(self.name) if isinstance(value, dict) else None


class _Item(NamedTuple):
    key: str
    wanted: str

    def of(self, value: Any) -> Any:
        items = value if isinstance(value, list) else ()
        matching = (one for one in items if isinstance(one, dict) and one.get(self.key) == self.wanted)
        return next(matching, None)


def find(path: str, obj: Mapping[str, Any]) -> Any:
    """What `path` names in `obj`; None if nothing is there, or the path is of another form."""
    found: Any = obj
    for step in _steps(path):
        found = step.of(found)
    return found


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[_Field | _Item, ...]:
    steps: list[_Field | _Item] = []
    rest = path if path.startswith((".", "[")) else f".{path}"
    while rest:
        match = _STEP.match(rest)
        if match is None:
            return (_Field(""),)
        field = match["field"]
        steps.append(_Field(field) if field else _Item(match["key"], match["value"]))
        rest = rest[match.end() :]
    return tuple(steps)
