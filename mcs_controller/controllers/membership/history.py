"""The broker's history: when it broke, whoever read the broker takes everything anew.

A broker that was restored, wiped or rebuilt lacks things that nobody withdrew (docs/decisions/0008-proof.md).
Several places see signs of that; what shows within a few seconds is one break.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)

BREAKS_TOGETHER_SECONDS: Final = 5.0
"""What shows within so long after a break of the broker's history is part of it."""


class BrokerHistory:
    """Tells its listeners of each break, in the order in which they came."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._broke_at_seconds = -BREAKS_TOGETHER_SECONDS
        self._listeners: list[Callable[[], None]] = []
        self._breaks = Counter(
            "mcs_broker_history_breaks_total",
            "Times that the broker was found to have lost or gone back on what it held.",
            registry=registry,
        )

    def on_break(self, listener: Callable[[], None]) -> None:
        """Have `listener` take everything anew, and believe no absence."""
        self._listeners.append(listener)

    def broke(self, reason: str) -> None:
        """Something on the broker is gone, or older than before, without our doing."""
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds < self._broke_at_seconds + BREAKS_TOGETHER_SECONDS:
            return
        self._broke_at_seconds = now_seconds
        self._breaks.inc()
        _log.error(
            "the broker was restored, wiped or rebuilt, as it seems: %s. Reading everything again; what is "
            "missing stays until its exporter withdraws it",
            reason,
        )
        for take_anew in self._listeners:
            take_anew()
