"""The expressions of measures.yaml, filled into what uses them: `@lag(quantile=0.99) > 10`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

_REFERENCE: Final = re.compile(r"@(\w+)(?:\(([^()]*)\))?")
_PARAMETER: Final = re.compile(r"<(\w+)>")
_METRIC: Final = re.compile(r"\b(?:mcs|process)_\w+|\bup\b|\bALERTS\b")
_BRACKETS: Final = re.compile(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]")
_OPERATOR: Final = re.compile(r"[^\w\s]|\b(and|or|unless)\b")
_LIMIT: Final = re.compile(r"@(\w+)(?:\([^()]*\))? (==|>|<) ([\d.]+)")


@dataclass(frozen=True)
class Limit:
    """What a measure is compared with: `operator` is one of ==, >, <."""

    measure: str
    operator: str
    value: float


@dataclass(frozen=True)
class Measures:
    """Name to expression."""

    expressions: dict[str, str]

    def fill(self, text: str, **defaults: str) -> str:
        """`text` with the expressions in it; `defaults` are parameters that it does not give itself.

        Raises ValueError where a name or a parameter is missing or not used, or a metric is named directly.
        """
        if _METRIC.search(_REFERENCE.sub("", text)):
            raise ValueError(f"{text}: names a metric itself, and not by a measure")

        def expression(found: re.Match[str]) -> str:
            name, arguments = found[1], found[2]
            if name not in self.expressions:
                raise ValueError(f"{text}: there is no measure {name}")
            given = dict(one.strip().split("=") for one in arguments.split(",")) if arguments else {}
            wanted = set(_PARAMETER.findall(self.expressions[name]))
            if not set(given) <= wanted or not wanted <= {*given, *defaults}:
                raise ValueError(f"{text}: {name} has the parameters {sorted(wanted)}, given {sorted(given)}")
            filled = _PARAMETER.sub(lambda one: (defaults | given)[one[1]], self.expressions[name])
            return filled if found[0] == text or _is_one_operand(filled) else f"({filled})"

        return _REFERENCE.sub(expression, text)


def _is_one_operand(expression: str) -> bool:
    """Whether no operator stands outside its brackets."""
    outside, inner = _BRACKETS.subn("", expression)
    while inner:
        outside, inner = _BRACKETS.subn("", outside)
    return _OPERATOR.search(outside) is None


def used(text: str) -> set[str]:
    """The names of the measures in it."""
    return {name for name, _ in _REFERENCE.findall(text)}


def limits(text: str) -> list[Limit]:
    """What is compared with a number in it."""
    return [Limit(name, operator, float(value)) for name, operator, value in _LIMIT.findall(text)]


def measures(file: Path) -> Measures:
    """As they stand there."""
    return Measures(yaml.safe_load(file.read_text(encoding="utf-8")))
