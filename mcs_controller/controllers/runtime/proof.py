"""Proof that something is gone, after a start (docs/decisions/0008-proof.md).

An agent that has just started knows what exists now, but not what existed before. So a first list alone
removes nothing. A deletion is proven in two ways: this process saw the thing and then saw it go, or a second
complete read, some time after the first, lacks it, too (MCS-LIFE-08). The reconcilers do the removal.
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
    """Knows which things are proven gone. Things are any keys, such as (cluster, service)."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self.confirmed = False

    def saw(self, things: Iterable[Hashable]) -> None:
        """Remember that these things existed in this process's lifetime."""
        if not self.confirmed:
            self._seen.update(things)

    def proves_gone(self, things: Iterable[Hashable]) -> bool:
        """Whether all of these things, absent now, are proven gone."""
        return self.confirmed or self._seen.issuperset(things)

    def confirm(self) -> None:
        """Everything has been read a second time: from now on absence is proof."""
        self.confirmed = True
        self._seen.clear()


class Confirmation:
    """Reads everything a second time after a start.

    `first_read` are the steps to wait for before. `read_again` are the second reads; they raise `KubeError`
    when a server does not answer.
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
        """Returns once the second read is complete: absence is proof from then on."""
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
            _log.warning("cannot confirm what is gone; retrying: %s", error)
            return
        self._evidence.confirm()
