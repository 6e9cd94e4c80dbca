"""The planted bugs, by name: what each one forgets or believes, and what it replaces."""

from __future__ import annotations

from tests.simulation.planted import exporting, importing, proving, serving, writing

BUGS = {**proving.BUGS, **importing.BUGS, **exporting.BUGS, **writing.BUGS, **serving.BUGS}
