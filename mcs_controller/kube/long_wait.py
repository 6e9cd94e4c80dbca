"""A list or watch while it waits for an API server: it can be ended, and ends when it is likely to be dead.

After a black hole, something in between may have forgotten a connection and go on acknowledging what is
sent on it: then neither data nor an error ever comes. So when the server answers others again after a
silence, who heard nothing during that silence asks again, over another connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mcs_controller.kube.contact import Contact


class LongWait:
    """One after another. `last_heard` gives the loop time at which anything came.

    `waiting` says whether it is the server that is waited for, and nothing else. `ended` tells whether the
    last one was ended here, `doubted` whether that was because it was likely to be dead.
    """

    def __init__(
        self,
        contact: Contact,
        last_heard: Callable[[], float],
        *,
        waiting: Callable[[], bool] = lambda: True,
    ) -> None:
        self.doubted = False
        self.ended = False
        self._contact = contact
        self._last_heard = last_heard
        self._waiting = waiting
        self._began = 0.0
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def bounded(self, seconds: float | None = None, *, trusted: bool = False) -> AsyncIterator[None]:
        """What is inside ends after `seconds`, at `end`, or when it is doubted, unless it is `trusted`."""
        self.doubted = self.ended = False
        self._began = asyncio.get_running_loop().time()
        forget = self._contact.on_reached_again(lambda: None if trusted else self._reached_again())
        try:
            async with asyncio.timeout(seconds) as self._limit:
                yield
        except TimeoutError:
            if self._limit is None or not self._limit.expired():
                raise
            self.ended = True
        finally:
            forget()
            self._limit = None

    def end(self, after_seconds: float = 0.0) -> None:
        """End what is under way, if anything is, after so long at the latest."""
        # One that ends already cannot be told so again: it would be a RuntimeError, in whoever asks.
        if self._limit is not None and not self._limit.expired():
            at = asyncio.get_running_loop().time() + after_seconds
            self._limit.reschedule(min(at, self._limit.when() or at))

    def _reached_again(self) -> None:
        silent_since = self._contact.silent_since
        heard = max(self._began, self._last_heard())
        if silent_since is not None and heard < silent_since and self._waiting():
            self.doubted = True
            self.end()
