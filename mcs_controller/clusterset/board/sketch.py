"""The picture of one service: who exports it, what it is here, who may import it. Lengths are in its units.

What another cluster imports is known there alone: its line is drawn as a possible one.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from mcs_controller.clusterset.errors import shortened
from mcs_controller.clusterset.explain.explanation import Explanation, Exporter

BOXES_MAX: Final = 6
"""On each side; the table beside the picture has them all."""
WIDTH: Final = 600
_BOX_WIDTH: Final = 168
_BOX_HEIGHT: Final = 44
_STEP: Final = 58
_MARGIN: Final = 8
_CHARS: Final = 18

Kind = Literal["in", "out", "possible", "service", "more"]


class Box(NamedTuple):
    """A cluster, or the service: two lines of text."""

    x: float
    y: float
    width: float
    height: float
    kind: Kind
    title: str
    text: str


class Arrow(NamedTuple):
    """From one box to another."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: Kind


class Sketch(NamedTuple):
    """`text` says the same in words."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    text: str


def sketch(explanation: Explanation, members: Sequence[str]) -> Sketch:
    """The picture, seen from the cluster that was looked at; `members` are all clusters of the clusterset."""
    here = explanation.here
    own = here.cluster if here is not None else ""
    is_imported = here is not None and here.has_import
    exporters = [(one.cluster, *_of_exporter(one)) for one in explanation.exporters]
    taken = sum(use.state == "in" for one in explanation.exporters for use in one.endpoints)
    own_kind: Kind = "in" if is_imported else "out"
    own_text = f"here: {taken} endpoint{'s' * (taken != 1)} in" if is_imported else "here: not imported"
    importers: list[tuple[str, Kind, str]] = [(own, own_kind, own_text)]
    importers += [(one, "possible", "not seen from here") for one in members if one != own]
    left, right = _shown(exporters), _shown(importers)
    height = max(len(left), len(right), 1) * _STEP + 2 * _MARGIN
    middle = Box(
        (WIDTH - _BOX_WIDTH) / 2,
        (height - _BOX_HEIGHT) / 2,
        _BOX_WIDTH,
        _BOX_HEIGHT,
        "service",
        shortened(explanation.name, _CHARS),
        shortened(
            " ".join(here.ips if here is not None else ()) or explanation.type or "no export", _CHARS + 4
        ),
    )
    sources = _column(left, _MARGIN, height)
    targets = _column(right, WIDTH - _MARGIN - _BOX_WIDTH, height)
    arrows = [_arrow(box, middle, box.kind) for box in sources if box.kind != "more"]
    arrows += [_arrow(middle, box, box.kind) for box in targets if box.kind != "more"]
    return Sketch(
        WIDTH, height, (*sources, middle, *targets), tuple(arrows), _text(explanation, own_text, own)
    )


def _of_exporter(one: Exporter) -> tuple[Kind, str]:
    ready = sum(use.state == "in" for use in one.endpoints)
    if one.why_not:
        return "out", "does not count"
    return ("in" if ready else "out"), f"{ready} of {len(one.endpoints)} endpoints"


def _shown(clusters: Sequence[tuple[str, Kind, str]]) -> list[tuple[str, Kind, str]]:
    if len(clusters) <= BOXES_MAX:
        return list(clusters)
    rest = len(clusters) - BOXES_MAX + 1
    return [*clusters[: BOXES_MAX - 1], (f"and {rest} more", "more", "see the tables")]


def _column(clusters: Sequence[tuple[str, Kind, str]], x: float, height: int) -> list[Box]:
    top = (height - len(clusters) * _STEP) / 2 + (_STEP - _BOX_HEIGHT) / 2
    return [
        Box(x, top + number * _STEP, _BOX_WIDTH, _BOX_HEIGHT, kind, shortened(name, _CHARS), text)
        for number, (name, kind, text) in enumerate(clusters)
    ]


def _arrow(source: Box, target: Box, kind: Kind) -> Arrow:
    return Arrow(
        source.x + source.width,
        source.y + source.height / 2,
        target.x,
        target.y + target.height / 2,
        kind,
    )


def _text(explanation: Explanation, own_text: str, own: str) -> str:
    names = ", ".join(one.cluster for one in explanation.exporters if not one.why_not)
    return f"Exported by {names or 'no cluster'}. {own or 'This cluster'}, {own_text}."
