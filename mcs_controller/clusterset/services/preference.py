"""Who decides whether near endpoints come first for a service: its exports, or this cluster, and which.

A policy of the importing cluster goes before what the exports ask for, and that before the option of the
importing cluster's agent (docs/decisions/0030-locality.md). `locality.py` says what follows.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from mcs_controller.api.names import ANNOTATION_LOCALITY, ANNOTATION_LOCALITY_MIN_READY
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import StringMap

Scope = Literal["none", "cluster", "zone", "region"]
"""Up to where endpoints are preferred to all farther ones."""

DefaultScope = Literal["never", "none", "cluster", "zone", "region"]
"""What a cluster does for exports that ask for nothing; `never`: it does not heed those that ask, either."""

SCOPES: Final[tuple[Scope, ...]] = ("none", "cluster", "zone", "region")
DEFAULT_SCOPES: Final[tuple[DefaultScope, ...]] = ("never", *SCOPES)

_TEXT_MAX_CHARS: Final = 63


class MinReady(NamedTuple):
    """How many endpoints must be ready to be enough: a number, or a share of them in percent."""

    number: int
    is_percent: bool = False

    def are_enough(self, ready: int, in_all: int) -> bool:
        """Whether `ready` of `in_all` endpoints are enough; none never are."""
        if self.is_percent:
            return ready > 0 and ready * 100 >= in_all * self.number
        return ready >= self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.is_percent else str(self.number)


ONE_READY: Final = MinReady(1)
_is_min_ready = re.compile(r"([1-9][0-9]{0,4})(%?)").fullmatch


def min_ready(text: str) -> MinReady:
    """Reads `2` or `50%`. Raises `ValueError`."""
    found = _is_min_ready(text)
    if found is None or (found[2] and int(found[1]) > 100):
        raise ValueError("must be a number of endpoints, such as 2, or a share, such as 50%")
    return MinReady(int(found[1]), bool(found[2]))


class Ordered(NamedTuple):
    """What a policy of the importing cluster says; `min_ready` is None where it leaves that to the agent."""

    policy: str
    scope: Scope
    min_ready: MinReady | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """What is wanted of a service here, and who asks for it, as text.

    `problem` says which exported annotation cannot be used, "" for none.
    """

    scope: Scope
    min_ready: MinReady = ONE_READY
    problem: str = ""
    asked_by: str = ""

    @property
    def is_for_nearness(self) -> bool:
        """Whether anything follows from it, or anything has to be told about it."""
        return self.scope != "none" or self.problem != ""


def preference(
    exported: StringMap,
    default: DefaultScope,
    default_min_ready: MinReady = ONE_READY,
    ordered: Ordered | None = None,
) -> Preference | None:
    """What is wanted here, of what is `ordered`, exported, and this cluster's default; None: nothing.

    An exported annotation that cannot be used counts as left out. What a policy orders holds as a whole, so
    that no exporter can change what is enough. It is a preference for `none` only if the exports ask for one.
    """
    asked = _asked(exported, default, default_min_ready)
    if ordered is None:
        return asked if asked is not None and asked.is_for_nearness else None
    by_exports = asked is not None and asked.asked_by == _BY_EXPORTS and asked.scope != ordered.scope
    if ordered.scope == "none" and not by_exports:
        return None
    asked_by = f"ImportPolicy {ordered.policy} says"
    if by_exports and asked is not None:
        asked_by += f" (its exports ask for {asked.scope})"
    return Preference(ordered.scope, ordered.min_ready or default_min_ready, asked_by=asked_by)


_BY_EXPORTS: Final = "its exports ask"


def _asked(exported: StringMap, default: DefaultScope, default_min_ready: MinReady) -> Preference | None:
    """Without policies; None if the agent does not heed exports."""
    if default == "never":
        return None
    scope: Scope = default
    asked_by, enough, problems = "the agent's option --locality says", default_min_ready, []
    for name, value in exported:
        if name == ANNOTATION_LOCALITY:
            asked = next((one for one in SCOPES if one == value), None)
            if asked is None:
                problems.append(f"{_shown(name, value)} is none of {', '.join(SCOPES)}")
            else:
                scope, asked_by = asked, _BY_EXPORTS
        elif name == ANNOTATION_LOCALITY_MIN_READY:
            try:
                enough = min_ready(value)
            except ValueError as error:
                problems.append(f"{_shown(name, value)}: {error}")
    return Preference(scope, enough, "; ".join(problems), asked_by)


def _shown(name: str, value: str) -> str:
    return f"{name}={cut(value, _TEXT_MAX_CHARS)!r}"
