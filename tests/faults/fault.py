"""What a fault is: one entry of the matrix."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.world import World

BOUND_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`happens` does it, and mends what an administrator would; then the bound begins to run."""

    id: str
    what: str
    """For the page: one line."""
    happens: Callable[[World], Awaitable[None]]
    bound_seconds: float = BOUND_SECONDS
    """Until every cluster is exactly as its users want it."""
    short: bool = False
    """Whether every `make test` has it."""
