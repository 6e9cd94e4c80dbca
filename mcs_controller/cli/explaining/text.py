"""An explanation as text: at most 100 columns, colours only for a terminal.

The order is that of a change's way: exports, what they make of the service, this cluster, DNS. The first line
says whether it works, and the findings come last, next to the reader's prompt.
"""

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TextIO

from mcs_controller.clusterset.explain.ages import age_text
from mcs_controller.clusterset.explain.endpoints import EndpointUse
from mcs_controller.clusterset.explain.explanation import Dns, Explanation, Exporter, Here
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity
from mcs_controller.clusterset.explain.picture import Piece
from mcs_controller.clusterset.explain.words import WHY_NOT
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.observe.visible import visible

COLUMNS: Final = 100
_ADDRESSES: Final = 6
_NOTHING: Final = ("none", "{}")
_RESET: Final = "\x1b[0m"
_COLOURS: Final = {"problem": "\x1b[31m", "warning": "\x1b[33m", "note": "\x1b[36m", "good": "\x1b[32m"}
_STATES: Final = {
    "works": "good",
    "works in part": "warning",
    "does not work": "problem",
    "not known": "warning",
}
_before_ago: Final = re.compile(r"(\d+) (\w+) ago").sub
"""An age stays on one line."""
_BOLD: Final = "\x1b[1m"


@dataclass(frozen=True, slots=True)
class Style:
    """Whether there are colours."""

    colours: bool = False

    @classmethod
    def of(cls, output: TextIO, environment: Mapping[str, str] = os.environ) -> "Style":
        """Colours only for a terminal, and only if NO_COLOR is not set (https://no-color.org)."""
        return cls(output.isatty() and not environment.get("NO_COLOR"))

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour."""
        return f"{_COLOURS[colour]}{text}{_RESET}" if self.colours else text

    def bold(self, text: str) -> str:
        """A headline."""
        return f"{_BOLD}{text}{_RESET}" if self.colours else text


def as_text(explanation: Explanation, style: Style) -> Iterator[str]:
    """The lines."""
    verdict = explanation.verdict
    for line in wrapped(verdict.text):
        yield style.paint(line, _STATES[verdict.state])
    now_seconds = seconds_of_time(explanation.at) or 0.0
    yield from section("Exports", _exporters(explanation, now_seconds), style)
    yield from section("Service", _service(explanation), style)
    if explanation.here is not None:
        title = f"Here, in {explanation.here.cluster}" if explanation.here.cluster else "Here"
        yield from section(title, _here(explanation.here, now_seconds), style)
    if explanation.dns is not None and not explanation.dns.problem:
        yield from section(f"DNS, {explanation.dns.server}", _dns(explanation.dns), style)
    yield from section("Findings", finding_lines(explanation.findings, style), style)
    if not explanation.findings:
        yield ""
        yield "Nothing was found that should be otherwise."


def section(title: str, lines: Iterable[str], style: Style) -> Iterator[str]:
    """A headline and its lines; nothing without lines."""
    held = list(lines)
    if held:
        yield ""
        yield style.bold(title)
        yield from held


def _exporters(explanation: Explanation, now_seconds: float) -> Iterator[str]:
    width = max((len(one.cluster) for one in explanation.exporters), default=0)
    for one in explanation.exporters:
        head = f"  {one.cluster.ljust(width)}  "
        yield from wrapped(_headline(explanation, one, now_seconds), head, " " * len(head))
        if one.type:
            offers = f"{one.type}, {', '.join(one.ports) or 'no ports'}, {'+'.join(one.ip_families)}"
            yield from wrapped(offers, " " * len(head), " " * (len(head) + 2))
        for line in _endpoints(one.endpoints):
            yield from wrapped(line, " " * len(head), " " * (len(head) + 2))


def _headline(explanation: Explanation, one: Exporter, now_seconds: float) -> str:
    parts = []
    if one.why_not:
        parts.append(f"does not count: {one.text or WHY_NOT[one.why_not]}")
    elif one.rank == 1 and len(explanation.exporters) > 1:
        parts.append("decides")
    if one.owns_name:
        parts.append("owns the name")
    if one.exported_at:
        parts.append(f"exported {_ago(one.exported_at, now_seconds)} ago ({one.exported_at})")
    if one.changed_at:
        parts.append(f"last change {_ago(one.changed_at, now_seconds)} ago")
    if one.heartbeat_at:
        parts.append(f"heartbeat {_ago(one.heartbeat_at, now_seconds)} ago")
    return "; ".join(parts) or "named by the import"


def _endpoints(uses: Sequence[EndpointUse]) -> Iterator[str]:
    def order(use: EndpointUse) -> tuple[int, str]:
        return ("in", "not ready", "out").index(use.state), use.why

    if not uses:
        yield "no endpoints"
    for (rank, why), group in groupby(sorted(uses, key=order), key=order):
        found = list(group)
        number = f"{len(found)} endpoint{'s' * (len(found) != 1)}"
        said = {
            0: f"{number} in",
            1: f"{number} imported, no traffic",
            2: f"{number} left out",
        }[rank]
        reason = f" ({WHY_NOT[why]})" if why else ""
        addresses = [use.addresses[0] for use in found if use.addresses]
        left = len(addresses) - _ADDRESSES
        more = f" and {left} more" if left > 0 else ""
        yield f"{said}{reason}: {', '.join(addresses[:_ADDRESSES])}{more}"


def _service(explanation: Explanation) -> Iterator[str]:
    if not explanation.type:
        return
    if explanation.is_recorded:
        yield from wrapped(f"{explanation.type}, as the import says; the broker was not read", "  ", "  ")
    agreed = [
        f"{one.field} {one.value}"
        for one in explanation.decisions
        if not one.dissent and one.value not in _NOTHING
    ]
    for port in explanation.ports:
        clusters = f"  served by {', '.join(port.clusters)}" if port.clusters else ""
        yield from wrapped(f"port {port.port}{clusters}", "  ", "    ")
        for other in port.otherwise:
            yield from wrapped(f"{other.cluster} has {other.value} instead", "    ", "      ")
    for one in explanation.decisions:
        if one.dissent:
            yield from wrapped(
                f"{one.field} {one.value}, by the export of {one.decided_by} ({one.why})", "  ", "    "
            )
            for other in one.dissent:
                yield from wrapped(f"{other.cluster} has {other.value}", "    ", "      ")
    if agreed:
        exporting = sum(one.rank > 0 for one in explanation.exporters)
        whose = "all agree on" if exporting > 1 else "has"
        yield from wrapped(f"{whose} {'; '.join(agreed)}", "  ", "    ")


def _here(here: Here, now_seconds: float) -> Iterator[str]:
    state = {
        "active": "the namespace is there",
        "missing": "the namespace is missing",
        "ending": "the namespace is being deleted",
        "unknown": "the namespace could not be read",
    }[here.namespace]
    own = _found(here, "Service", "a Service" if here.has_service else "no Service of that name")
    exported = "no ServiceExport"
    if here.has_export:
        exported = "exported by a ServiceExport" if here.has_service else "a ServiceExport"
    exported = _found(here, "ServiceExport", exported)
    yield from wrapped(f"{state}; {own}, {exported}", "  ", "    ")
    if here.has_import:
        ready = "ready" if here.ready == "True" else f"not ready ({here.ready or 'no condition'})"
        since = f", created {_ago(here.imported_at, now_seconds)} ago" if here.imported_at else ""
        held = f", held ({here.held})" if here.held else ""
        yield from wrapped(f"ServiceImport: {ready}{held}{since}", "  ", "    ")
    else:
        yield f"  ServiceImport: {'not read' if 'ServiceImport' in here.unread else 'none'}"
    if here.near_first:
        yield from wrapped(f"near endpoints: {here.near_first}", "  ", "    ")
    if here.ips:
        yield from wrapped(f"clusterset IP: {', '.join(here.ips)}", "  ", "    ")
    if here.derived_service:
        ips, ports = ", ".join(here.derived_ips), ", ".join(here.derived_ports)
        yield from wrapped(
            f"derived Service: {here.derived_service}, {ips or 'no IP'}, {ports}", "  ", "    "
        )
    if here.leader_at:
        yield from wrapped(
            f"agent: leads, by a Lease renewed {_ago(here.leader_at, now_seconds)} ago", "  ", "    "
        )


def _found(here: Here, piece: Piece, text: str) -> str:
    return f"the {piece} could not be read" if piece in here.unread else text


def _dns(dns: Dns) -> Iterator[str]:
    wrong = [one for one in dns.answers if not one.right]
    shown = [*wrong, *(one for one in dns.answers if one.right)][:_ADDRESSES]
    for one in shown:
        verdict = "as it should" if one.right else f"should be {one.should}"
        yield from wrapped(f"{one.name} {one.type}: {one.said} ({verdict})", "  ", "    ")
    left = len(dns.answers) - len(shown)
    if left > 0:
        yield f"  and {left} more questions, all answered as they should be"


def finding_lines(found: Sequence[Finding], style: Style, *, briefly: bool = False) -> Iterator[str]:
    """Each finding; `briefly` without its cause and what to do."""
    for one in found:
        where = f" in {one.cluster}" if one.cluster else ""
        head = f"  {_LABELS[one.severity]} {one.id}{where}: "
        lines = list(wrapped(one.what, head, "    "))
        first = lines[0].replace(_LABELS[one.severity], style.paint(_LABELS[one.severity], one.severity), 1)
        yield from (first, *lines[1:])
        if briefly:
            continue
        yield from wrapped(one.why, "    why: ", "         ")
        yield from wrapped(one.do, "    do:  ", "         ")
        yield from _command(one.command)


def _command(command: str) -> Iterator[str]:
    """Ready to be pasted, on several lines if need be."""
    room = COLUMNS - len(_INDENT) - len(_GOES_ON)
    lines = textwrap.wrap(visible(command), room, break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines, 1):
        yield f"{_INDENT}{line}{_GOES_ON if number < len(lines) else ''}"


_INDENT: Final = "         "
_GOES_ON: Final = " \\"
_LABELS: Final[dict[Severity, str]] = {"problem": "PROBLEM", "warning": "WARNING", "note": "NOTE"}


def _ago(time: str, now_seconds: float) -> str:
    seconds = seconds_of_time(time)
    return "an unknown time" if seconds is None else age_text(max(0.0, now_seconds - seconds))


def wrapped(text: str, first: str = "", other: str = "") -> Iterator[str]:
    """Lines of at most `COLUMNS`, unless a word is longer; names are not broken at dashes."""
    lines = textwrap.wrap(
        _before_ago("\\1\u00a0\\2\u00a0ago", visible(text)),
        COLUMNS,
        initial_indent=first,
        subsequent_indent=other,
        break_on_hyphens=False,
        break_long_words=False,
    )
    yield from (line.replace("\u00a0", " ") for line in lines or [first.rstrip()])
