"""The common base of the writers of export status and import status.

A reconciler says which status it wants and does not wait. Statuses have a queue of their own with few
workers. While many services wait for their endpoints to be written, the status workers let those go first: a
first import is faster by a fifth. Nothing is written when nothing differs (MCS-EXP-15), and the writes of one
object are limited (`pace.py`).
"""

import asyncio
import random as randomness
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import Final, Generic, TypeVar

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.runtime.pace import Pace
from mcs_controller.kube.pacing.turns import WorkClock
from mcs_controller.kube.queue.work_queue import WorkQueue

W = TypeVar("W")
D = TypeVar("D")

STATUS_WORKERS: Final = 2

AHEAD_MIN_KEYS: Final = 16
"""Fewer services than that are normal changes, and no reason to wait."""
AHEAD_SECONDS: Final = 2.0
"""No status waits longer for endpoints than that."""
_CHECK_SECONDS: Final = 0.05


class StatusWriter(ABC, Generic[W, D]):
    """Keeps the wanted status `W` of each object until it is written; `D` is the difference to write.

    `keys_ahead` says how many services wait for their endpoints to be written.
    """

    def __init__(self, name: str, random: randomness.Random, *, work_clock: WorkClock = perf_counter) -> None:
        self.queue: WorkQueue[ServiceKey] = WorkQueue(
            name,
            self._reconcile,
            workers=STATUS_WORKERS,
            random=random,
            describe=ServiceKey._asdict,
            lanes=True,
            work_clock=work_clock,
        )
        self.keys_ahead: Callable[[], int] = lambda: 0
        self._wanted: dict[ServiceKey, W] = {}
        self._since_seconds: dict[ServiceKey, float] = {}
        self._pace: Pace[ServiceKey] = Pace()

    def want(self, key: ServiceKey, wanted: W) -> bool:
        """Enqueue `key` to get the status `wanted`; returns True if the object has that status already."""
        # While another status is being written, `wanted` must be written after it, even if it is held now.
        in_flight = key in self._wanted
        self._wanted[key] = wanted
        if not in_flight and self._difference(key, wanted) is None:
            del self._wanted[key]
            return True
        self._since_seconds.setdefault(key, asyncio.get_running_loop().time())
        self.queue.add(key)
        return False

    @abstractmethod
    def _difference(self, key: ServiceKey, wanted: W) -> D | None:
        """What must be written; None if nothing differs, or the object is gone."""

    @abstractmethod
    async def _write(self, key: ServiceKey, difference: D) -> None:
        """Write the difference, and send Events. Raises `KubeError`."""

    async def _before_writing(self, key: ServiceKey, difference: D) -> None:
        """Read what may change the difference. Raises `KubeError`."""

    async def _reconcile(self, key: ServiceKey) -> float | None:
        await self._let_endpoints_ahead(key)
        difference = self._present_difference(key)
        if difference is not None:
            if wait_seconds := self._pace.wait_seconds(key):
                return wait_seconds
            await self._before_writing(key, difference)
            # What was read, or is wanted since, may have changed it.
            difference = self._present_difference(key)
        wanted = self._wanted.get(key)
        if difference is not None:
            self._pace.wrote(key)
            await self._write(key, difference)
        if self._wanted.get(key) is wanted:
            self._wanted.pop(key, None)
            self._since_seconds.pop(key, None)
        else:
            self.queue.add(key)
        return None

    def _present_difference(self, key: ServiceKey) -> D | None:
        wanted = self._wanted.get(key)
        return None if wanted is None else self._difference(key, wanted)

    async def _let_endpoints_ahead(self, key: ServiceKey) -> None:
        loop = asyncio.get_running_loop()
        latest_seconds = self._since_seconds.get(key, loop.time()) + AHEAD_SECONDS
        # A queue's length has no event; to add one would cost every key more than this costs two workers.
        while self.keys_ahead() >= AHEAD_MIN_KEYS and loop.time() < latest_seconds:  # noqa: ASYNC110
            await asyncio.sleep(_CHECK_SECONDS)
