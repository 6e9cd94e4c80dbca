"""The broker's history: after a break, all readers of the broker read everything again.

A broker that was restored, wiped or rebuilt lacks objects that nobody withdrew
(docs/decisions/0008-proof.md). Several places detect that; detections within a few seconds are one break.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)

BREAKS_TOGETHER_SECONDS: Final = 5.0
"""Detections within so long after a break belong to it."""


class BrokerHistory:
    """Calls its listeners at each break, in the order of their subscription."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._broke_at_seconds = -BREAKS_TOGETHER_SECONDS
        self._listeners: list[Callable[[], None]] = []
        self._breaks = Counter(
            "mcs_broker_history_breaks_total",
            "Times that the broker was found to have lost or gone back on what it held.",
            registry=registry,
        )

    def on_break(self, listener: Callable[[], None]) -> None:
        """Call `listener` at each break: it reads everything again, and takes no absence as proof."""
        self._listeners.append(listener)

    def broke(self, reason: str) -> None:
        """Report an object on the broker that is gone, or older than before, and not by our own write."""
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds < self._broke_at_seconds + BREAKS_TOGETHER_SECONDS:
            return
        self._broke_at_seconds = now_seconds
        self._breaks.inc()
        _log.error(
            "the broker was probably restored, wiped or rebuilt: %s. Reading everything again; missing "
            "exports are kept until their exporters withdraw them",
            reason,
        )
        for listener in self._listeners:
            listener()
