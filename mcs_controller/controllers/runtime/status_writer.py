"""What the writers of both statuses, of exports and of imports, have in common.

Who reconciles says what is wanted and goes on. Statuses have a queue of their own with few workers, and while
many services wait for their endpoints to be written they let those go ahead: a first import is quicker by a
fifth. Nothing is written when nothing differs (MCS-EXP-15), and of one object only so often (`pace.py`).
"""

import asyncio
import random as randomness
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.runtime.pace import Pace
from mcs_controller.kube.queue.work_queue import WorkQueue

W = TypeVar("W")
D = TypeVar("D")

STATUS_WORKERS: Final = 2

AHEAD_MIN_KEYS: Final = 16
"""Fewer than that are endpoints that change now and then, and are no reason to wait."""
AHEAD_SECONDS: Final = 2.0
"""No status waits longer for endpoints than that."""
_LOOK_AGAIN_SECONDS: Final = 0.05


class StatusWriter(ABC, Generic[W, D]):
    """Keeps what is wanted of each object until it is there; `D` is what has to be written for that.

    `keys_ahead` says how many services wait for their endpoints to be written.
    """

    def __init__(self, name: str, random: randomness.Random) -> None:
        self.queue: WorkQueue[ServiceKey] = WorkQueue(
            name,
            self._reconcile,
            workers=STATUS_WORKERS,
            random=random,
            describe=ServiceKey._asdict,
            lanes=True,
        )
        self.keys_ahead: Callable[[], int] = lambda: 0
        self._wanted: dict[ServiceKey, W] = {}
        self._since_seconds: dict[ServiceKey, float] = {}
        self._pace: Pace[ServiceKey] = Pace()

    def want(self, key: ServiceKey, wanted: W) -> bool:
        """Have the status of `key` be as `wanted`, soon; whether there is nothing to do for that."""
        # What is being written now will be what is held: to want what is held before is a difference then.
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
        """What has to be written; None if there is nothing to write, or nowhere."""

    @abstractmethod
    async def _write(self, key: ServiceKey, difference: D) -> None:
        """Write it, and tell of it. Raises `KubeError`."""

    async def _before_writing(self, key: ServiceKey, difference: D) -> None:
        """Find out what may make the difference look another way. Raises `KubeError`."""

    async def _reconcile(self, key: ServiceKey) -> float | None:
        await self._let_endpoints_ahead(key)
        difference = self._present_difference(key)
        if difference is not None:
            if wait_seconds := self._pace.wait_seconds(key):
                return wait_seconds
            await self._before_writing(key, difference)
        wanted, difference = self._wanted.get(key), self._present_difference(key)
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
        while self.keys_ahead() >= AHEAD_MIN_KEYS and loop.time() < latest_seconds:  # noqa: ASYNC110 - a queue's
            # length is no event, and to make it one would cost every key more than this costs two workers.
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
