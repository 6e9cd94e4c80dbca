"""An overview as lines of text for one screen.

One line says how it goes; then come a row for each member, what is not well, and what is not known. What does
not fit in the width is cut, and the last columns go; what does not fit in the height is counted. Members that
are not well come first.
"""

import textwrap
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from mcs_controller.clusterset.errors import cut, shortened
from mcs_controller.clusterset.overview.findings import (
    Finding,
    Severity,
    age_text,
    findings,
    heard_by_agents,
)
from mcs_controller.clusterset.overview.model import (
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    ImportsSeen,
    Lag,
    MemberSeen,
    NoAnswer,
    Overview,
    Refused,
    Unknown,
)

Tone = Literal["plain", "heading", "good", "warning", "problem", "quiet"]

WIDTH_MIN: Final = 60
HEIGHT_MIN: Final = 12
_NAME_MAX_CHARS: Final = 24
_LEADER: Final = 8
"""The column of that name."""
_LEADER_CHARS: Final = 14
"""What is left of a pod's name as long as nothing else can be shorter."""
_LEADER_MIN_CHARS: Final = 7
_UNKNOWN_MAX: Final = 4
_FINDING_MAX_LINES: Final = 3
_WHAT_CHARS: Final = 16
_NONE: Final = "-"
_TITLES: Final = (
    "MEMBER",
    "HEARTBEAT",
    "EXPORTS",
    "IMPORTS",
    "CONFLICTS",
    "HELD",
    "LAG p50/p99",
    "DNS",
    "LEADER",
)
_SHORT_TITLES: Final = (
    "MEMBER",
    "HEARD",
    "EXPORTS",
    "IMPORTS",
    "CONFL.",
    "HELD",
    "LAG p50/p99",
    "DNS",
    "LEADER",
)
_TONE_OF: Final[dict[str, Tone]] = {"alive": "plain", "silent": "warning", "dead": "problem"}
_TO_THE_RIGHT: Final = frozenset({2, 3, 4, 5, 6, 7})


class Line(NamedTuple):
    """One line of the screen, and how it is meant."""

    text: str
    tone: Tone = "plain"


class _Row(NamedTuple):
    cells: tuple[str, ...]
    tone: Tone


def screen(overview: Overview, *, width: int = 100, height: int | None = None) -> list[Line]:
    """At most `height` lines (None: as many as it takes) of at most `width` characters."""
    width = max(WIDTH_MIN, width)
    found = findings(overview)
    head = [_head(overview), _verdict(overview, found)]
    unknown = _unknown(overview, width)
    advice = _advice(found)
    rows = _rows(overview)
    room_for_rows, room_for_findings = len(rows), len(found) * _FINDING_MAX_LINES
    if height is not None:
        # Besides the parts themselves: their headings, and an empty line before each.
        around = len(head) + 2 + (2 if found else 0) + len(advice) + (len(unknown) + 1 if unknown else 0)
        room = max(HEIGHT_MIN, height) - around
        room_for_rows = min(len(rows), max(3, room - min(room_for_findings, room // 2)))
        room_for_findings = max(2, room - room_for_rows)
    lines = [*head, Line(""), *_table(rows, width, room_for_rows)]
    if found:
        lines += [Line(""), Line("NOT AS IT SHOULD BE", "heading"), *_told(found, width, room_for_findings)]
        lines += advice
    if unknown:
        lines += [Line(""), *unknown]
    if height is not None and len(lines) > height:
        lines = [*lines[: max(0, height - 1)], Line("... the screen is too small: -o json has all", "quiet")]
    return [Line(shortened(line.text, width), line.tone) for line in lines]


def _head(overview: Overview) -> Line:
    return Line(f"Clusterset at {overview.at}", "heading")


def _verdict(overview: Overview, found: Sequence[Finding]) -> Line:
    """How it goes, in one line: what is not well comes first, where a narrow screen does not cut it."""
    problems = sum(one.severity is Severity.PROBLEM for one in found)
    warnings = len(found) - problems
    told = [_count(problems, "problem")] if problems else []
    told += [_count(warnings, "warning")] if warnings else []
    nothing = "Nothing is wrong that can be seen from here" if overview.sees else "Nothing could be read"
    verdict = " and ".join(told) or nothing
    parts = []
    if isinstance(overview.broker, (NoAnswer, Refused)):
        parts.append("the broker is not read")
    if isinstance(overview.broker, BrokerSeen):
        parts.append(_count(len(overview.broker.members), "member"))
        services, exports = overview.broker.services, overview.broker.exports
        parts.append(f"{_count(services, 'service')} in {_count(exports, 'export')}")
    imports = [
        one.imports
        for one in overview.clusters
        if isinstance(one, ClusterSeen) and isinstance(one.imports, ImportsSeen)
    ]
    if imports:
        held = sum(one.held for one in imports)
        parts.append(_count(sum(one.count for one in imports), "import"))
        parts.append(f"{held:,} held" if held else "nothing held")
    tone: Tone = "problem" if problems else "warning" if warnings or not overview.sees else "good"
    return Line(f"{verdict}: {', '.join(parts)}" if parts else verdict, tone)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _advice(found: Sequence[Finding]) -> list[Line]:
    """How to go on, if it is about a service."""
    services = [one.services[0] for one in found if one.services]
    return [Line(f"`mcs-controller explain {cut(str(services[0]))}` says more", "quiet")] if services else []


def _told(found: Sequence[Finding], width: int, room: int) -> list[Line]:
    """Each finding in up to three lines, or in one if there is no room for more."""
    left = max(0, len(found) - room)
    if left:
        # One more, since the line that counts them takes the place of one.
        left += 1
        found = found[: room - 1]
    wrapped = [_wrapped(one, width, _FINDING_MAX_LINES) for one in found]
    if left or sum(map(len, wrapped)) > room:
        wrapped = [_wrapped(one, width, 1) for one in found]
    lines = [line for lines in wrapped for line in lines]
    return [*lines, Line(f"... and {left} more: -o json has all", "quiet")] if left else lines


def _wrapped(one: Finding, width: int, most_lines: int) -> list[Line]:
    tone: Tone = "problem" if one.severity is Severity.PROBLEM else "warning"
    indent = " " * (_WHAT_CHARS + 1)
    text = f"{one.what:<{_WHAT_CHARS}} {cut(one.place, 80)}: {cut(one.text, 500)}"
    return [Line(line, tone) for line in _wrap(text, width, indent, most_lines)]


def _wrap(text: str, width: int, indent: str, most_lines: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=indent,
        max_lines=most_lines,
        placeholder=" …",
        break_on_hyphens=False,
    )


def _rows(overview: Overview) -> list[_Row]:
    """One for each member of the broker, and each cluster that was asked; those that are not well first."""
    members: dict[str, MemberSeen] = {}
    if isinstance(overview.broker, BrokerSeen):
        members = {one.name: one for one in overview.broker.members}
    clusters = {one.name: one for one in overview.clusters}
    heard = heard_by_agents(overview)
    rows = [
        _row(name, overview, members.get(name), clusters.get(name), heard.get(name))
        for name in sorted(members.keys() | clusters.keys() | heard.keys())
    ]
    return sorted(rows, key=lambda row: row.tone == "plain")


def _row(
    name: str,
    overview: Overview,
    member: MemberSeen | None,
    cluster: ClusterSeen | ClusterAway | None,
    heard_seconds: float | None,
) -> _Row:
    age_seconds = heard_seconds if member is None else member.heartbeat_age_seconds
    tone: Tone = "plain"
    heartbeat = _NONE
    if age_seconds is not None:
        heartbeat = f"{age_text(age_seconds)} ago"
        tone = _TONE_OF[overview.liveness(age_seconds)]
    elif member is not None:
        heartbeat, tone = "never", "warning"
    exports = _NONE if member is None or member.services is None else f"{member.services:,}"
    if isinstance(overview.broker, BrokerSeen):
        conflicts = str(sum(name in one.clusters for one in overview.broker.disputes))
    else:
        conflicts = _NONE
    if cluster is None:
        cells = (name, heartbeat, exports, _NONE, conflicts, _NONE, _NONE, _NONE, _NONE)
        return _Row(cells, tone)
    if isinstance(cluster, ClusterAway):
        cells = (name, heartbeat, exports, _NONE, conflicts, _NONE, _NONE, _NONE, "away")
        return _Row(cells, "problem")
    if not isinstance(cluster.exports, Unknown):
        exports = f"{cluster.exports.count:,}"
        if conflicts == _NONE:
            conflicts = str(len(cluster.exports.conflicts))
    imports, held = _NONE, _NONE
    if not isinstance(cluster.imports, Unknown):
        imports, held = f"{cluster.imports.count:,}", str(cluster.imports.held)
    leader = _NONE
    if not isinstance(cluster.leader, Unknown):
        leader = cluster.leader.holder or "none"
        if not cluster.leader.holder or cluster.leader.late_seconds:
            tone = "problem"
    lag = cluster.agent.lag if not isinstance(cluster.agent, Unknown) else cluster.agent
    dns = _NONE if isinstance(cluster.dns, Unknown) else _rate(cluster.dns.per_second)
    cells = (name, heartbeat, exports, imports, conflicts, held, _lag(lag), dns, leader)
    return _Row(cells, tone)


def _lag(lag: Lag | Unknown) -> str:
    if isinstance(lag, Unknown):
        return _NONE
    return f"{_seconds(lag.p50_seconds)}/{_seconds(lag.p99_seconds)}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "long"
    if value < 1.0:
        return f"{value * 1000:.0f}ms"
    return f"{value:.1f}s"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 10.0 else f"{per_second:.1f}/s"


def _table(rows: Sequence[_Row], width: int, room: int) -> list[Line]:
    """The rows with their titles, in columns as wide as what stands in them."""
    shown = list(rows) if len(rows) <= room else list(rows[: room - 1])
    titles, widths, columns = _TITLES, _widths(_TITLES, shown), list(range(len(_TITLES)))
    if _width_of(columns, widths) - max(0, widths[_LEADER] - _LEADER_CHARS) > width:
        titles, widths = _SHORT_TITLES, _widths(_SHORT_TITLES, shown)
    while (too_wide := _width_of(columns, widths) - width) > 0 and len(columns) > 2:
        if columns[-1] == _LEADER and widths[_LEADER] - too_wide >= _LEADER_MIN_CHARS:
            widths[_LEADER] -= too_wide
        else:
            columns.pop()
    lines = [_Row(titles, "heading"), *shown]
    table = [
        Line("  ".join(_cell(row.cells[one], one, widths[one]) for one in columns).rstrip(), row.tone)
        for row in lines
    ]
    if len(shown) < len(rows):
        rest = rows[len(shown) :]
        well = "all well" if all(row.tone == "plain" for row in rest) else "not all of them well"
        table.append(Line(f"... and {len(rest)} more, {well}: -o json has all", "quiet"))
    return table


def _widths(titles: tuple[str, ...], rows: Sequence[_Row]) -> list[int]:
    widths = [max(len(title), *(len(row.cells[one]) for row in rows), 0) for one, title in enumerate(titles)]
    widths[0] = min(widths[0], _NAME_MAX_CHARS)
    return widths


def _width_of(columns: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[one] for one in columns) + 2 * (len(columns) - 1)


def _cell(text: str, column: int, width: int) -> str:
    if len(text) > width:
        # The end of a pod's name tells it from its siblings.
        text = "…" + text[-(width - 1) :] if column == _LEADER else shortened(text, width)
    return text.rjust(width) if column in _TO_THE_RIGHT else text.ljust(width)


def _unknown(overview: Overview, width: int) -> list[Line]:
    """What could not be read, and why; what has one reason in several clusters is told once."""
    where: dict[tuple[str, str], list[str]] = {}
    if isinstance(overview.broker, Unknown):
        where["members and conflicts of all clusters", overview.broker.reason] = []
    for cluster in overview.clusters:
        if isinstance(cluster, ClusterAway):
            continue
        for what, value in (
            ("leader", cluster.leader),
            ("exports", cluster.exports),
            ("imports", cluster.imports),
            ("lag", cluster.agent if isinstance(cluster.agent, Unknown) else cluster.agent.lag),
            ("DNS rate", cluster.dns),
        ):
            if isinstance(value, Unknown):
                where.setdefault((what, value.reason), []).append(cluster.name)
    told = [
        f"{what}{' of ' if names else ''}{', '.join(names)}: {reason}"
        for (what, reason), names in where.items()
    ]
    left = len(told) - _UNKNOWN_MAX
    if left > 0:
        told = [*told[:_UNKNOWN_MAX], f"... and {left} more: -o json has all"]
    lines = [line for one in told for line in _wrap(cut(one, 300), width, "  ")]
    return [Line("NOT KNOWN", "heading"), *(Line(one, "quiet") for one in lines)] if lines else []
