"""What a check is and what it finds. Checks are pure: they judge facts gathered before (`facts.py`).

Ids are stable: a check that is dropped leaves a gap, and its number is not used again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeGuard, TypeVar

Result = Literal["ok", "warning", "failed", "skipped"]

SHOWN_MAX: Final = 5
_WORST_FIRST: Final[tuple[Result, ...]] = ("failed", "warning", "ok")

FactsT = TypeVar("FactsT")
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for a fact that could not be read; `reason` says why, and `tried` whether somebody was asked."""

    reason: str
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found. `evidence` is what it saw; `todo` is what to do, "" if nothing."""

    result: Result
    evidence: tuple[str, ...]
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Check(Generic[FactsT]):
    """One check. `looks_at`, `means` and `todo` are for its page (`docs/checks.md`).

    `passing`: what it finds may be over in seconds, so that it is looked at twice.
    """

    id: str
    title: str
    looks_at: str
    means: str
    todo: str
    judge: Callable[[FactsT], Outcome]
    passing: bool = False

    @property
    def anchor(self) -> str:
        """Where its page tells of it."""
        return f"docs/checks.md#{self.id.lower()}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, for those who print it."""

    id: str
    title: str
    anchor: str
    passing: bool
    outcome: Outcome


class Notes:
    """What a check sees, one after the other: the worst decides, and says what to do.

    Without anything seen, what is unknown makes it skipped; beside something it is told as well.
    """

    def __init__(self) -> None:
        self._seen: dict[Result, list[tuple[str, str]]] = {result: [] for result in _WORST_FIRST}
        self._unknown: list[str] = []

    def ok(self, text: str) -> None:
        """As it should be."""
        self._seen["ok"].append((text, ""))

    def warning(self, text: str, todo: str) -> None:
        """It works, and somebody should know."""
        self._seen["warning"].append((text, todo))

    def failed(self, text: str, todo: str) -> None:
        """It does not work."""
        self._seen["failed"].append((text, todo))

    def unknown(self, *facts: object) -> bool:
        """Note why facts are not known; whether one of them is not."""
        reasons = list(dict.fromkeys(fact.reason for fact in facts if isinstance(fact, Unknown)))
        self._unknown += [reason for reason in reasons if reason not in self._unknown]
        return bool(reasons)

    def unseen(self, reason: str) -> None:
        """Something could not be looked at."""
        self.unknown(Unknown(reason))

    def knows(self, fact: Known | Unknown) -> TypeGuard[Known]:
        """Whether the fact is known; if not, why is noted."""
        return not self.unknown(fact)

    def outcome(self) -> Outcome:
        """All of it."""
        result: Result = next((one for one in _WORST_FIRST if self._seen[one]), "skipped")
        if result == "skipped":
            return Outcome(result, tuple(self._unknown))
        found = [entry for one in _WORST_FIRST for entry in self._seen[one]]
        todos = dict.fromkeys(todo for _, todo in found if todo)
        unknown = [f"not looked at: {reason}" for reason in self._unknown]
        return Outcome(result, (*(text for text, _ in found), *unknown), " ".join(todos))


def some(texts: Sequence[str], most: int = SHOWN_MAX) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def counted(number: int, one: str, several: str = "") -> str:
    """`1 import`, `2 imports`."""
    return f"{number} {one if number == 1 else several or one + 's'}"
