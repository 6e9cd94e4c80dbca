"""When a reflector lists once more, because watches on the same server broke.

A server that is restored from a backup ends its watches and goes on with another history. What is left of the
lost one may come later than the news of that: the pages of a list, a watch that is opened with a version that
both histories have, a bookmark, the answer to a write. And the news may be late itself. Nothing of that says
which history it is of. So who watches on the strength of what was read before all that is over, lists once
more when it is (docs/decisions/0008-proof.md).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from random import Random
from typing import Final

from mcs_controller.kube.client import WATCH_INACTIVITY_SECONDS
from mcs_controller.kube.contact import Contact
from mcs_controller.kube.pacing.backoff import Backoff

SETTLED_SECONDS: Final = 20.0
"""So long after the news no write of the lost history is answered any more: a client waits less for that."""
NEWS_SECONDS: Final = WATCH_INACTIVITY_SECONDS
"""The news of a watch that broke is later by less: who hears nothing for so long gives a watch up."""
SPREAD_SECONDS: Final = 5.0
"""Over so long spread the lists of all who watch the same server."""
LONGEST_WAIT_SECONDS: Final = 300.0
"""Where watches break again and again, lists follow less and less often: after up to so long."""


class Settling:
    """Of one reflector. `end` is told after how many seconds the watch that is open is to end."""

    def __init__(self, contact: Contact, end: Callable[[float], None], random: Random) -> None:
        self.needs_list = False
        self._contact = contact
        self._end = end
        self._random = random
        self._backoff = Backoff(SETTLED_SECONDS, LONGEST_WAIT_SECONDS, random=random)
        self._doubted_at = -inf
        self._listed_at = -inf
        self._opened_at = -inf

    def listed(self, began_at: float) -> None:
        """A list has been applied that began at this loop time."""
        self._listed_at = began_at
        self.needs_list = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around a watch that has just been opened, until it ends."""
        self._opened_at = asyncio.get_running_loop().time()
        self._look()
        forget = self._contact.on_history_doubted(self._look)
        try:
            yield
        finally:
            forget()

    def _look(self) -> None:
        doubted_at = self._contact.history_doubted_at
        if doubted_at - self._doubted_at > LONGEST_WAIT_SECONDS:
            self._backoff.reset()
        self._doubted_at = doubted_at
        settled_at = doubted_at + SETTLED_SECONDS
        if self.needs_list or self._listed_at >= settled_at or self._opened_at < doubted_at - NEWS_SECONDS:
            return
        self.needs_list = True
        left_seconds = settled_at - asyncio.get_running_loop().time()
        spread_seconds = self._random.uniform(0.0, SPREAD_SECONDS)
        self._end(max(left_seconds + spread_seconds, self._backoff.next_seconds()))
