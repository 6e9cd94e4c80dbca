"""Proof that something is gone, after a start (docs/decisions/0008-proof.md).

An agent that has just started knows what is there, not what was there before, so that nothing is removed on
the strength of a first list. A deletion is proven when this process saw the thing and then saw it go, or when
everything was read once more, a while after the first time, and lacks it still (MCS-LIFE-08). The removal
itself is the reconcilers'.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Final

from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.pacing.backoff import Backoff

_log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 30.0

Step = Callable[[], Awaitable[None]]


class Evidence:
    """Which things may be believed gone. Things are any keys, such as (cluster, service)."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self.confirmed = False

    def saw(self, things: Iterable[Hashable]) -> None:
        """Remember that these exist, or existed, in this process's lifetime."""
        if not self.confirmed:
            self._seen.update(things)

    def proves_gone(self, things: Iterable[Hashable]) -> bool:
        """Whether all of these, absent now, may be believed gone."""
        return self.confirmed or self._seen.issuperset(things)

    def confirm(self) -> None:
        """Everything has been read a second time: from now on absence is proof."""
        self.confirmed = True
        self._seen.clear()


class Confirmation:
    """Reads everything a second time after a start.

    `first_read` are what to wait for before, `read_again` raise `KubeError` where a server does not answer.
    """

    def __init__(
        self,
        evidence: Evidence,
        *,
        first_read: Sequence[Step],
        read_again: Sequence[Step],
        delay_seconds: float,
        random: randomness.Random,
    ) -> None:
        self._evidence = evidence
        self._first_read = first_read
        self._read_again = read_again
        self._delay_seconds = delay_seconds
        self._backoff = Backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, random=random)

    async def run(self) -> None:
        """Ends when absence has become proof."""
        for wait in self._first_read:
            await wait()
        wait_seconds = self._delay_seconds
        while not self._evidence.confirmed:
            await asyncio.sleep(wait_seconds)
            await self._try_to_confirm()
            wait_seconds = self._backoff.next_seconds()

    async def _try_to_confirm(self) -> None:
        try:
            for read in self._read_again:
                await read()
        except KubeError as error:
            _log.warning("cannot confirm what is gone, retrying soon: %s", error)
            return
        self._evidence.confirm()
