"""Whether this process is alive, and whether it is ready: the answers behind /healthz and /readyz.

A part that must be in step with the world adds a named check; readiness is all of them. What a check means
is decided by whoever adds it: nothing here knows an API server or a zone. A check answers at once from
memory (None when nothing is wrong, or one line that says what is) and never does I/O, so that asking is
always cheap and a probe can never make things worse.

Liveness is only about what a restart would cure. An API server that is away is not: it makes the process
unready, never dead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Check = Callable[[], str | None]
"""None when nothing is wrong, otherwise one line that says what is."""

Problems = Callable[[], Mapping[str, str]]
"""What is wrong, by name; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's answer; `problem` is None when nothing is wrong."""

    name: str
    problem: str | None


class Health:
    """The checks of one process, in the order in which they were added."""

    def __init__(self) -> None:
        self._readiness: dict[str, Check] = {}
        self._liveness: dict[str, Check] = {}
        self._sources: list[tuple[str, Problems]] = []

    def add(self, name: str, check: Check) -> None:
        """Add a readiness check; one of the same name is replaced."""
        self._readiness[name] = check

    def add_liveness(self, name: str, check: Check) -> None:
        """Add a check whose failure means that only a restart can help."""
        self._liveness[name] = check

    def add_problems(self, name: str, source: Problems) -> None:
        """Add a part that names its own problems: each is listed; `name` passes when there are none."""
        self._sources.append((name, source))

    def readiness(self) -> list[CheckResult]:
        """Every readiness check's answer now."""
        results = _ask(self._readiness)
        for name, source in self._sources:
            problems = source()
            if problems:
                results += [CheckResult(f"{name}: {part}", text) for part, text in sorted(problems.items())]
            else:
                results.append(CheckResult(name, None))
        return results

    def liveness(self) -> list[CheckResult]:
        """Every liveness check's answer now."""
        return _ask(self._liveness)


def _ask(checks: Mapping[str, Check]) -> list[CheckResult]:
    return [CheckResult(name, check()) for name, check in checks.items()]
