"""The JSONPaths that printer columns are written in: fields, indexes, wildcards and filters by equality.

A path that leads nowhere finds nothing; a path that cannot be read is a ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_STEP = re.compile(
    r"""
    \.(?P<field>(?:[\w\-]|\\.)+)
    | \['(?P<quoted>(?:[^'\\]|\\.)+)'\]
    | \[(?P<index>-?\d+)\]
    | (?P<all>\[\*\]|\.\*)
    | \[\?\(@(?P<filter>(?:\.(?:[\w\-]|\\.)+)+)
        \s*(?P<operator>==|!=)\s*
        (?P<value>"[^"]*"|'[^']*'|[\w.\-]+)\)\]
    """,
    re.VERBOSE,
)


class _Step(NamedTuple):
    field: str = ""
    position: int | None = None
    filter: tuple[str, ...] = ()
    operator: str = ""
    value: str = ""


def find(path: str, obj: Mapping[str, Any]) -> list[Any]:
    """Everything that the path leads to."""
    found: Iterable[Any] = [obj]
    for step in _parse(path):
        found = [value for one in found for value in _follow(step, one)]
    return list(found)


@lru_cache(maxsize=512)
def _parse(path: str) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    text = path if path.startswith((".", "[")) else f".{path}"
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"cannot read the JSONPath {path!r} at {text[position:]!r}")
        position = match.end()
        steps.append(_step(match))
    return tuple(steps)


def _step(match: re.Match[str]) -> _Step:
    name = match["field"] or match["quoted"]
    if name:
        return _Step(field=_unescaped(name))
    if match["index"]:
        return _Step(position=int(match["index"]))
    if match["filter"]:
        keys = re.split(r"(?<!\\)\.", match["filter"].removeprefix("."))
        value = match["value"].strip("\"'")
        return _Step(filter=tuple(_unescaped(key) for key in keys), operator=match["operator"], value=value)
    return _Step()


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _follow(step: _Step, value: Any) -> Iterator[Any]:
    if step.field:
        if isinstance(value, dict) and step.field in value:
            yield value[step.field]
    elif step.position is not None:
        if isinstance(value, list) and -len(value) <= step.position < len(value):
            yield value[step.position]
    elif step.filter:
        for one in value if isinstance(value, list) else ():
            if (_text_at(one, step.filter) == step.value) is (step.operator == "=="):
                yield one
    else:
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _text_at(value: Any, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else printed(value)


def printed(value: Any) -> str:
    """How a column of type string shows a value: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
