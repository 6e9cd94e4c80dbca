"""The effects of a change as text: what would be otherwise, everywhere and here."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from mcs_controller.cli.explaining.text import Style, finding_lines, section, wrapped
from mcs_controller.clusterset.explain.what_if import Effect, WhatIf


def as_effects(found: WhatIf, style: Style) -> Iterator[str]:
    """The lines."""
    yield from wrapped(f"If {'; '.join(found.changes)} (nothing is written):")
    before, after = found.before.verdict.text, found.after.verdict.text
    if before == after:
        yield from wrapped(after, "  still: ", "         ")
    else:
        yield from wrapped(before, "  now:   ", "         ")
        yield from wrapped(after, "  then:  ", "         ")
    namespace = found.before.namespace
    for cluster, effects in groupby(found.effects, key=lambda one: one.cluster):
        title = f"In {cluster}" if cluster else f"In every cluster that has namespace {namespace}"
        yield from section(title, _effects(list(effects)), style)
    if not found.effects:
        yield ""
        yield "Nothing would change in any cluster."
    yield from section("Findings that begin", finding_lines(found.begun, style), style)
    yield from section("Findings that end", finding_lines(found.ended, style, briefly=True), style)


def _effects(effects: Sequence[Effect]) -> Iterator[str]:
    for one in effects:
        yield from wrapped(f"{one.what}: {one.before or 'none'}  ->  {one.after or 'none'}", "  ", "    ")
