"""How the findings of `mcs-controller check` are printed: at most `COLUMNS` wide, or for programs."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mcs_controller.cli.output import as_document
from mcs_controller.install.checks.judging import worst
from mcs_controller.install.checks.model import Finding
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.observe.visible import visible

COLUMNS: Final = 100
_RESULT_COLUMNS: Final = 9
_ID_COLUMNS: Final = 12
_INDENT: Final = " " * (_RESULT_COLUMNS + _ID_COLUMNS)


def report(output: str, findings: Sequence[Finding], version: str) -> str:
    """All findings, in the format that was asked for."""
    if output != "table":
        return as_document(output, _document(findings, version))
    lines = [f"{'RESULT':{_RESULT_COLUMNS}}{'ID':{_ID_COLUMNS}}CHECK"]
    for finding in findings:
        if finding.outcome.result != "skipped":
            lines += _lines(finding)
    lines += _skipped(findings)
    lines += ["", _summary(findings)]
    return "\n".join(lines)


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.outcome.result:{_RESULT_COLUMNS}}{finding.id:{_ID_COLUMNS}}{finding.title}"
    for text in finding.outcome.evidence:
        yield from _wrapped(_shown(text), "- ")
    if finding.outcome.todo:
        yield from _wrapped(f"To do: {_shown(finding.outcome.todo)}", "  ")


def _skipped(findings: Sequence[Finding]) -> Iterator[str]:
    """Those that were skipped for one reason together: mostly one kubeconfig, or one right, is missing."""
    by_reason: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        if finding.outcome.result == "skipped":
            by_reason.setdefault(finding.outcome.evidence, []).append(finding)
    for group in by_reason.values():
        if len(group) == 1:
            yield from _lines(group[0])
            continue
        head = f"{'skipped':{_RESULT_COLUMNS}}"
        ids = ", ".join(one.id for one in group)
        yield from textwrap.wrap(
            ids, COLUMNS, initial_indent=head, subsequent_indent=" " * _RESULT_COLUMNS, break_on_hyphens=False
        )
        for text in group[0].outcome.evidence:
            yield from _wrapped(_shown(text), "- ")


def _wrapped(text: str, mark: str) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=_INDENT + mark,
        subsequent_indent=_INDENT + "  ",
        break_on_hyphens=False,
    )


def _summary(findings: Sequence[Finding]) -> str:
    numbers: Counter[str] = Counter(one.outcome.result for one in findings)
    told = ", ".join(
        f"{numbers[result]} {word}"
        for result, word in (
            ("failed", "failed"),
            ("warning", "warning" if numbers["warning"] == 1 else "warnings"),
            ("ok", "ok"),
            ("skipped", "skipped"),
        )
        if numbers[result]
    )
    return f"{told}. What each means: docs/checks.md"


def _document(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    numbers: Counter[str] = Counter(one.outcome.result for one in findings)
    return {
        "version": version,
        "result": worst(findings),
        "summary": {result: numbers[result] for result in ("ok", "warning", "failed", "skipped")},
        "checks": [
            {
                "id": one.id,
                "title": one.title,
                "result": one.outcome.result,
                "evidence": [_shown(text) for text in one.outcome.evidence],
                "todo": _shown(one.outcome.todo) or None,
                "more": one.anchor,
            }
            for one in findings
        ],
    }


def _shown(text: str) -> str:
    """On one line, without control characters and credentials: much of it comes from other clusters."""
    return visible(" ".join(mask_secrets(text).split()))
