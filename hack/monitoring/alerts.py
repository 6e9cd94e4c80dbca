"""The alerts of alerts.yaml as they are read: rules of Prometheus, and sections of a page."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from measures import Measures

PAGE: Final = "docs/operations.md"
PAGE_WIDTH: Final = 119
WHERE: Final = "{{ with $labels.cluster }}{{ . }}: {{ end }}"
"""Before each summary, where Prometheus knows the cluster."""
SEVERITIES: Final = ("critical", "warning", "info")

_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE: Final = re.compile(r"`[^`]*`")
_NO_BREAK: Final = "\0"


@dataclass(frozen=True)
class Alert:
    """One entry of alerts.yaml; the fields are explained there. `expression` refers to measures."""

    name: str
    severity: str
    expression: str
    summary: str
    means: str
    do: str
    minutes: int = 0

    def rule(self, measures: Measures) -> dict[str, Any]:
        """As in a file of rules. Raises ValueError as `Measures.fill` does."""
        return {
            "alert": self.name,
            "expr": measures.fill(self.expression),
            **({"for": f"{self.minutes}m"} if self.minutes else {}),
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": WHERE + self.summary,
                "description": _without_links(self.means),
                "action": _without_links(self.do),
                "runbook_url": f"{PAGE}#{self.name.lower()}",
            },
        }

    def section(self) -> str:
        """As in the page that `runbook_url` names."""
        when = f"after {_words(self.minutes)}" if self.minutes else "at once"
        first = _wrapped(f"*{self.severity.capitalize()}, {when}.* {self.means}")
        return f"### {self.name}\n\n{first}\n\n" + _wrapped(f"**What to do**: {self.do}")


def groups(file: Path) -> dict[str, list[Alert]]:
    """The alerts by the name of their group. Raises TypeError or ValueError where the file is wrong."""
    read = {
        group: [Alert(**fields) for fields in entries]
        for group, entries in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }
    for alert in (one for entries in read.values() for one in entries):
        if alert.severity not in SEVERITIES:
            raise ValueError(f"{alert.name}: {alert.severity!r} is none of {', '.join(SEVERITIES)}")
    return read


def _words(minutes: int) -> str:
    return {1: "a minute", 60: "an hour"}.get(minutes, f"{minutes} minutes")


def _without_links(markdown: str) -> str:
    return _LINK.sub(r"\1", markdown)


def _wrapped(text: str) -> str:
    """In lines, with each piece of code on one."""
    kept = _CODE.sub(lambda code: code[0].replace(" ", _NO_BREAK), text)
    return textwrap.fill(kept, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False).replace(
        _NO_BREAK, " "
    )
