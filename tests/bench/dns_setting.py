"""What the parts of the DNS benchmark have in common: the cores, the rounds, the load and where files go.

The servers have one core, everything else has another; servers and states take turns, round after round.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.bench.dns_load import Load

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One invocation: how often and how long each thing is measured."""

    folder: Path
    rounds: int
    seconds: float
    load: Load


def turned(things: Sequence[T], number: int) -> list[T]:
    """In another order each round, so that none always comes after the same one."""
    at = number % len(things)
    return [*things[at:], *things[:at]]


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def keep_off_the_servers_core() -> None:
    """This process and all that it starts, but for the servers, which are pinned by themselves."""
    others = set(range(os.cpu_count() or 1)) - {SERVER_CORE}
    if not others:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    os.sched_setaffinity(0, others)
