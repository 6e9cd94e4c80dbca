"""The fence of a leader: nothing that it writes leaves this process after its lease may have run out.

A process can be stopped at any point, for longer than its lease, and goes on there (SIGSTOP, a frozen
container, a suspended machine, a long pause of the loop). So each write is checked in the step of the loop in
which its bytes are handed to the socket (`Request.before_sending`), not when somebody decided to write.

Time since the last renewal counts by the loop's clock. That clock may stand still while a machine is
suspended; then the wall clock has moved and it has not. If the two do not agree, writes wait until the lease
has been read and renewed. What the fence cannot do, and what helps there: docs/reliability.md, "Leaders".
"""

import asyncio
from typing import Final, Protocol

from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import NotLeading

CLOCKS_APART_SECONDS: Final = 1.0
"""A clock that is adjusted slowly moves by milliseconds between two renewals. A replica waits for five
seconds longer than the leader leads, so a pause that is shorter than this and goes unseen does no harm."""

_RUN_OUT: Final = "not sent: this replica does not lead any more"


class Fence(Protocol):
    """What a `Client` asks before each write."""

    def check(self) -> None:
        """Raise `NotLeading` if nothing may be written now."""
        ...

    async def opened(self) -> None:
        """Return once writes are allowed. Raises `NotLeading` if they are not, and waiting does not help."""
        ...


class LeaseFence:
    """Kept by the elector: `prove` after each renewal, `doubt` when somebody else may have written the lease,
    `close` when it is not ours any more.

    `in_doubt` is set when the lease must be read and renewed before anything is written.
    """

    def __init__(self, clock: Clock) -> None:
        self.in_doubt = asyncio.Event()
        self._clock = clock
        self._until_seconds = float("-inf")
        self._offset_seconds = 0.0
        self._changed = asyncio.Event()

    def offset_seconds(self) -> float:
        """How far the wall clock is ahead of the loop's clock."""
        return self._clock.now().timestamp() - asyncio.get_running_loop().time()

    def prove(self, until_seconds: float, offset_seconds: float) -> None:
        """The lease is ours until that loop time. The offset is that from when its renewal was sent."""
        self._until_seconds, self._offset_seconds = until_seconds, offset_seconds
        self.in_doubt.clear()
        self._tell()

    def doubt(self) -> None:
        """Have everything wait for the next renewal."""
        self._offset_seconds = float("inf")
        self.in_doubt.set()

    def close(self) -> None:
        """Allow nothing until the next proof."""
        self._until_seconds = float("-inf")
        self._tell()

    def check(self) -> None:
        """Raise `NotLeading` if the lease may have run out."""
        if self._has_run_out():
            raise NotLeading(_RUN_OUT)
        if self._clocks_disagree():
            raise NotLeading("not sent: the lease must be renewed first")

    async def opened(self) -> None:
        """Return once the lease is known to be ours. Raises `NotLeading` when it may have run out."""
        while not self._has_run_out():
            if not self._clocks_disagree():
                return
            self.in_doubt.set()
            await self._changed.wait()
        raise NotLeading(_RUN_OUT)

    def _has_run_out(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until_seconds

    def _clocks_disagree(self) -> bool:
        return abs(self.offset_seconds() - self._offset_seconds) > CLOCKS_APART_SECONDS

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
