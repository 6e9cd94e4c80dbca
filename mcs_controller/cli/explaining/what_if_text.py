"""The effects of a change as text: what would be otherwise, everywhere and here."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from mcs_controller.cli.explaining.text import Style, finding_lines, section, wrapped
from mcs_controller.clusterset.explain.bulk_here import Making
from mcs_controller.clusterset.explain.picture import Unknown
from mcs_controller.clusterset.explain.policies_here import Ending
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
    for text in found.assumed:
        yield from wrapped(f"if {text}", "  ", "    ")
    namespace = found.before.namespace
    for cluster, effects in groupby(found.effects, key=lambda one: one.cluster):
        title = f"In {cluster}" if cluster else f"In every cluster that has namespace {namespace}"
        yield from section(title, _effects(list(effects)), style)
    if not found.effects:
        yield ""
        yield "Nothing would change in any cluster."
    yield from section("Of all services", (*_endings(found.endings), *_making(found.making)), style)
    yield from section("Findings that begin", finding_lines(found.begun, style), style)
    yield from section("Findings that end", finding_lines(found.ended, style, briefly=True), style)
    # A finding that says so neither begins nor ends with the change.
    yield from section("Not known, and not taken into account", _unknown(found.after.unknown), style)


def _unknown(unknown: Sequence[Unknown]) -> Iterator[str]:
    for one in unknown:
        yield from wrapped(f"{one.what}: {one.why}", "  ", "    ")


def _endings(endings: Sequence[Ending]) -> Iterator[str]:
    for one in endings:
        what = "exports" if one.kind == "ExportPolicy" else "imports"
        text = f"{one.cluster}: its {what}: policies refuse {one.refused} of {one.live}"
        if one.held:
            text += f"; none of them ends for now: {one.held}"
        elif one.refused:
            text += ", which end"
        yield from wrapped(text, "  ", "    ")


def _making(found: Making | None) -> Iterator[str]:
    if found is None:
        return
    text = (
        f"{found.cluster}: ServiceExports that its ServiceExportPolicies make: {found.makes}; that they "
        f"remove: {found.removes} of the {found.made} that they made"
    )
    if found.held:
        text += f"; for now none of those of {', '.join(found.held)}, since that is too much at once"
    yield from wrapped(text, "  ", "    ")


def _effects(effects: Sequence[Effect]) -> Iterator[str]:
    for one in effects:
        yield from wrapped(f"{one.what}: {one.before or 'none'}  ->  {one.after or 'none'}", "  ", "    ")
